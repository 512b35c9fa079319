"""Predictions of held-out rows for the page of a run: so many as the time that it may take allows.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from netspec.graph.ir import Checked
from netspec.runtime.data import batches
from netspec.runtime.data.store import Arrays, Piece
from netspec.runtime.run import loop
from netspec.runtime.run.snapshots import forget
from netspec.runtime.run.splits import Part

MOST_ROWS = 20_000
_MOST_NUMBERS = 1 << 23  # of predictions and targets, in memory
_MOST_CASES = 200_000  # steps of rows, where each step has a label
_LEAST_SECONDS, _SHARE = 0.5, 0.015  # of the training
_QUICK = 0.2  # of the time that is left: below, the next call gets more rows


@dataclass(frozen=True)
class Looked:
    """The first `rows` rows of a split: targets, predictions and weights by output, as they are and unscaled."""

    split: str
    rows: int
    of: int
    y: Arrays
    p: Arrays
    w: Arrays


def looked(model: Any, checked: Checked, part: Part, trained: float) -> Looked:
    """Predict the first rows of a part.

    Args:
        model: it, with the weights to look at.
        checked: its spec.
        part: the rows.
        trained: how many seconds training took, of which this may take a small share.
    """
    ends = time.perf_counter() + max(_LEAST_SECONDS, _SHARE * trained)
    fixed = loop.fixed_batch(checked)
    least = loop.batch_size(checked)
    largest = fixed or batches.to_predict(batches.work(checked.typed, 1), least)
    if fixed is not None:
        forget(model)
    forward = _forward(model, part.examples.head(1).x)
    seen: list[tuple[Piece, Arrays]] = []
    rows, most, size = 0, MOST_ROWS, min(least, largest)
    for piece in part.examples.pieces(largest):
        at = 0
        while at < piece.rows and rows < most:
            some = piece.cut(at, min(at + size, piece.rows, at + most - rows))
            began = time.perf_counter()
            found = _predicted(forward, checked, some, fixed)
            if not seen:
                most = min(MOST_ROWS, _room(some, found))
                some = some.cut(0, most)
                found = {name: array[:most] for name, array in found.items()}
            seen.append((Piece({}, some.y, some.w), found))
            at, rows = at + some.rows, rows + some.rows
            now = time.perf_counter()
            if now > ends:
                most = rows
            elif fixed is None and now - began < _QUICK * (ends - now):
                size = min(2 * size, largest)
        if rows >= most:
            break
    joined = [
        _joined([each.y for each, _ in seen]),
        _joined([p for _, p in seen]),
        _joined([each.w for each, _ in seen]),
    ]
    return Looked(part.name, rows, part.rows, *joined)


def _forward(model: Any, x: Arrays) -> Any:
    """The model as a function of any number of rows, which is traced once."""
    kinds = {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in x.items()}
    signature = kinds if len(kinds) > 1 else next(iter(kinds.values()))
    return tf.function(lambda given: model(given, training=False), input_signature=[signature])


def _predicted(forward: Any, checked: Checked, piece: Piece, fixed: int | None) -> Arrays:
    x, rows = piece.x, piece.rows
    if fixed is not None:
        x = {name: np.resize(array, (fixed, *array.shape[1:])) for name, array in x.items()}
    tensors = {name: tf.convert_to_tensor(array) for name, array in x.items()}
    found = forward(tensors if len(tensors) > 1 else next(iter(tensors.values())))
    names = tuple(checked.typed.graph.outputs)
    by_name = found if isinstance(found, dict) else {names[0]: found}
    wanted = [name for name in names if name in piece.y]
    return {name: np.asarray(tf.cast(by_name[name], tf.float32))[:rows] for name in wanted}


def _room(piece: Piece, found: Arrays) -> int:
    """How many rows can be held."""
    numbers = sum(int(array[0].size) for array in (*piece.y.values(), *found.values()))
    cases = max([1, *(math.prod(array.shape[1:-1]) for array in found.values())])
    return max(1, min(_MOST_NUMBERS // max(1, numbers), _MOST_CASES // cases))


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
