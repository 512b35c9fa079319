"""The named data sets: Keras's, which are downloaded once, and scikit-learn's, which come with it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from netspec.language.datasets import DATASETS, LABEL
from netspec.runtime import engine
from netspec.runtime.data.arrays import first_line
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.split import fractions
from netspec.runtime.data.tables import Table

_TEST, _SEED = 0.2, 1797


def dataset(name: str, part: str) -> Table:
    """A named data set's `train` or `test` part, with the columns of `DATASETS`.

    Those of `keras.datasets` have the parts that its loaders give with their defaults. Of scikit-learn's a fifth of
    the rows, of each class where there are classes, chosen by a fixed hash of the row's number, is the test part.
    """
    if part not in ("train", "test"):
        raise ValueError(f"expected train or test, got {part}")
    known = DATASETS[name]
    if known.bundled:
        return _bundled(name, part)
    loader = getattr(engine.keras().datasets, name)
    with _download(name):
        train, test = loader.load_data()
    x, y = train if part == "train" else test
    labels = np.asarray(y).reshape(-1)
    if known.classes:
        labels = labels.astype(np.int64)
    if known.shape is None:
        words = [[int(word) for word in row] for row in x]
        return Table({known.column: words, LABEL: labels}, len(labels), name)
    return Table({known.column: x, LABEL: labels}, len(labels), name)


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


def _bundled(name: str, part: str) -> Table:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    known = DATASETS[name]
    x = bunch.images.astype(np.uint8)[..., None] if known.most else bunch.data
    labels = bunch.target.astype(np.int64 if known.classes else np.float64)
    draw = fractions(np.arange(len(labels)), _SEED)
    test = np.zeros(len(labels), bool)
    classes = labels if known.classes else np.zeros(len(labels))
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        test[rows[np.argsort(draw[rows], kind="stable")][: round(len(rows) * _TEST)]] = True
    cells = pa.array(np.array(known.classes)[labels]) if isinstance(known.classes, tuple) else labels
    whole = Table({known.column: x, LABEL: cells}, len(labels), name)
    return whole.take(np.flatnonzero(test if part == "test" else ~test))
