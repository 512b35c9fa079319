"""The named data sets: Keras's, which are downloaded once, and scikit-learn's digits, which come with it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import numpy as np

from netspec.runtime import engine
from netspec.runtime.data.arrays import first_line
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.split import fractions
from netspec.runtime.data.tables import Table

LABEL = "label"
_DIGITS_TEST, _DIGITS_SEED = 0.2, 1797


def dataset(name: str, part: str) -> Table:
    """A named data set's `train` or `test` part.

    cifar10 `image` (n, 32, 32, 3) uint8, mnist `image` (n, 28, 28) uint8, imdb and reuters `words` (lists of word
    numbers), digits `image` (n, 8, 8, 1) uint8 of 0 to 16; each with `label` (n,) of class numbers. Source: the
    loaders of `keras.datasets` with their defaults, which download once; digits comes with scikit-learn, and a fifth
    of each class, chosen by a fixed hash of the row's number, is its test part.
    """
    if part not in ("train", "test"):
        raise ValueError(f"expected train or test, got {part}")
    if name == "digits":
        return _digits(part)
    loader = getattr(engine.keras().datasets, name)
    with _download(name):
        train, test = loader.load_data()
    x, y = train if part == "train" else test
    labels = np.asarray(y).reshape(-1).astype(np.int64)
    if name in ("imdb", "reuters"):
        words = [[int(word) for word in row] for row in x]
        return Table({"words": words, LABEL: labels}, len(labels), name)
    return Table({"image": x, LABEL: labels}, len(labels), name)


@contextlib.contextmanager
def _download(name: str) -> Iterator[None]:
    """Keras draws its download bar on stdout, where results belong, and raises bare exceptions."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except Exception as error:
        raise DataError(
            "NS701",
            f"the data set `{name}` could not be loaded: {first_line(error)}",
            "it is downloaded once and then kept; check the connection, or try `dataset: digits`, which needs none",
        ) from error


def _digits(part: str) -> Table:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    draw = fractions(np.arange(len(labels)), _DIGITS_SEED)
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        test[rows[np.argsort(draw[rows], kind="stable")][: round(len(rows) * _DIGITS_TEST)]] = True
    whole = Table({"image": bunch.images.astype(np.uint8)[..., None], LABEL: labels}, len(labels), "digits")
    return whole.take(np.flatnonzero(test if part == "test" else ~test))
