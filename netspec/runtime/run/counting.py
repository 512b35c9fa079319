"""What metrics count: rows that weigh something, once each, and numbers in the units of their labels.

Keras's own weighted metrics would count weights; here a weight says how much a row is trained on, not how often it is
looked at. Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops, tree

Scales = Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]  # (mean, std) by output


def count(model: Any, scales: Scales, outputs: tuple[str, ...], *, weighted: bool) -> None:
    """Make a compiled model's metrics leave out rows of weight 0, and see targets and predictions as they were.

    The losses are as before. `scales` holds the outputs whose labels are normalized; `weighted`: its metrics are
    compiled as weighted ones (`compile_model`), and get 1 for every row that has a weight above 0.
    """
    if not weighted and not scales:
        return
    plain = model.compute_metrics  # of the class, as is everything that Keras's steps call

    def compute_metrics(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if scales:
            y, y_pred = _restored(y, scales, outputs), _restored(y_pred, scales, outputs)
        if sample_weight is not None:
            sample_weight = tree.map_structure(lambda w: ops.cast(ops.not_equal(w, 0), w.dtype), sample_weight)
        return plain(x, y, y_pred, sample_weight)

    model.compute_metrics = compute_metrics


def _restored(tensors: Any, scales: Scales, outputs: tuple[str, ...]) -> Any:
    if not isinstance(tensors, dict):
        return _scaled(tensors, *scales[outputs[0]])
    return {name: _scaled(each, *scales[name]) if name in scales else each for name, each in tensors.items()}


def _scaled(tensor: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    return tensor * ops.convert_to_tensor(std, tensor.dtype) + ops.convert_to_tensor(mean, tensor.dtype)
