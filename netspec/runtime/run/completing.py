"""What Keras is fed of a piece of examples: a target for every output, and weights in the shape of its losses."""

from __future__ import annotations

import numpy as np

from netspec.catalog.types import TensorType, Unknown
from netspec.graph.ir import Checked, KerasObject
from netspec.runtime.data.store import Piece
from netspec.runtime.run.splits import Part, output_types


def complete(piece: Piece, checked: Checked, part: Part) -> Piece:
    """A target for every output: Keras asks for one even where no loss and no metric looks at it. So with weights."""
    rows, outputs = piece.rows, checked.typed.graph.outputs
    y = {name: piece.y[name] if name in piece.y else np.zeros((rows, 1), np.float32) for name in outputs}
    if not piece.w:
        return Piece(piece.x, y, {})
    w = {}
    for name, tensor in output_types(checked).items():
        own = piece.w.get(name)
        own = np.ones(rows, np.float32) if own is None else own * _share(name, checked, part, own[0].size)
        w[name] = _as_losses(own, tensor)
    return Piece(piece.x, y, w)


def _share(output: str, checked: Checked, part: Part, steps: int) -> np.float32:
    """What weights are multiplied with, so that masked labels and padded steps do not make the loss smaller.

    Keras divides by all rows of a batch. With this constant the loss is the mean over the labels that there are, and
    each of these counts the same in whichever batch it comes.
    """
    loss = checked.training.losses.get(output)
    reduction = loss.args.get("reduction") if isinstance(loss, KerasObject) else None
    labelled = part.labelled.get(output)
    if not labelled or reduction not in (None, "sum_over_batch_size", "mean"):
        return np.float32(1)
    return np.float32(part.rows * steps / labelled)


def _as_losses(weights: np.ndarray, tensor: TensorType) -> np.ndarray:
    """Weights with an axis for each that the output's losses have: Keras would spread those of rows along the last."""
    axes = 0 if isinstance(tensor.shape, Unknown) else len(tensor.shape) - 1 - weights.ndim
    return weights.reshape(*weights.shape, *(1,) * max(0, axes))
