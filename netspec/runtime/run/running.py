"""What a model will see of a running text: how much there is of it, which tokens are known, and some of its windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netspec.graph.ir import Checked
from netspec.probe.words import FIRST, UNKNOWN_TOKEN
from netspec.runtime.data import windows
from netspec.runtime.data.encoders import Words
from netspec.runtime.data.labels import Label
from netspec.runtime.data.store import Held, Piece
from netspec.runtime.data.usable import Used
from netspec.runtime.run import splits
from netspec.runtime.run.examples import Example, shown
from netspec.runtime.run.surveyed import Labels, Part, Running, Seen, Survey

_FREQUENT = 20
_SHOWN = 400  # characters of a window
_UNKNOWN = "\ufffd"


def survey(checked: Checked, seed: int, rows: int, *, quiet: bool) -> Survey:
    """The survey of a spec whose rows are windows of a text."""
    made = splits.text(checked, quiet=quiet)
    found = {splits.TRAIN: made.train, splits.VALIDATION: made.validation, splits.TEST: made.test}
    parts = {name: part for name, part in found.items() if part is not None}
    ((name, feature),) = made.prepared.features.items()
    encoder = feature.encoder
    assert isinstance(encoder, Words)
    piece = made.train.examples.head(max(1, rows))
    seen = Seen(
        name, "text", (windows.COLUMN,), piece.x[name].shape[1:], feature.dtype, encoder.length, len(encoder.vocabulary)
    )
    known = made.prepared.labels
    labels = (Labels(key, (windows.COLUMN,), each.form, piece.y[key].shape[1:]) for key, each in known.items())
    return Survey(
        checked.name,
        seed,
        False,  # no row is drawn: what is held out is the end of the text
        tuple(_part(name, part) for name, part in parts.items()),
        {},
        {},
        (seen,),
        tuple(labels),
        tuple(_example(at, piece, name, encoder, known) for at in range(min(rows, len(piece.x[name])))),
        made.notes,
        Running(
            encoder.by,
            _frequent(encoder, made.train.counts),
            {name: int(part.counts.sum()) for name, part in parts.items()},
            {name: float(part.counts[UNKNOWN_TOKEN] / part.counts.sum()) for name, part in parts.items()},
        ),
    )


def _part(name: str, part: windows.Part) -> Part:
    found = part.examples
    size = sum(a.nbytes for a in (*found.x.values(), *found.y.values())) if isinstance(found, Held) else found.bytes
    return Part(name, Used(part.origin, found.rows, found.rows), size, not isinstance(found, Held), ("", *part.notes))


def _frequent(encoder: Words, counts: np.ndarray) -> tuple[tuple[str, int], ...]:
    """The vocabulary is sorted by frequency, so these are its first tokens."""
    some = encoder.vocabulary[:_FREQUENT]
    return tuple((token, int(counts[at + FIRST])) for at, token in enumerate(some))


def _example(at: int, piece: Piece, name: str, encoder: Words, labels: Mapping[str, Label]) -> Example:
    cells = {name: _written(piece.x[name][at], encoder, encoder.one_hot)}
    for key, label in labels.items():
        cells[key] = _written(piece.y[key][at], encoder, label.form != "classes")
    inputs = {name: shown(piece.x[name][at])}
    return Example(f"window {at + 1}", cells, inputs, {key: shown(piece.y[key][at]) for key in labels})


def _written(ids: np.ndarray, encoder: Words, one_hot: bool) -> str:
    """Token numbers as the text that they stand for."""
    numbers = (ids.argmax(axis=-1) if one_hot else ids).reshape(-1).tolist()
    known = {UNKNOWN_TOKEN: _UNKNOWN} | {at + FIRST: token for at, token in enumerate(encoder.vocabulary)}
    tokens = (known.get(int(number), "") for number in numbers)
    text = ("" if encoder.by == "characters" else " ").join(tokens).replace("\n", "\u23ce")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
