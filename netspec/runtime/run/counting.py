"""What metrics count: rows that weigh something, once each, and numbers in the units of their labels.

Keras's own weighted metrics would count weights; here a weight says how much a row is trained on, not how often it is
looked at. Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keras import ops, tree

Scales = Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]  # (mean, std) by output


def count(
    model: Any, scales: Scales, outputs: tuple[str, ...], *, weighted: bool, singly: Collection[str] = ()
) -> None:
    """Make a compiled model's metrics leave out rows of weight 0, and see targets and predictions as they were.

    The losses are as before. `scales` holds the outputs whose labels are normalized; `weighted`: its metrics are
    compiled as weighted ones (`compile_model`), and get 1 for every row that has a weight above 0. Outputs of `singly`
    have a weight for each number: losses and metrics get their numbers as rows of one, of which all of these are means.
    """
    if not weighted and not scales:
        return
    apart = singly if weighted else ()
    if apart:
        loss = model.compute_loss

        def compute_loss(
            x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **more: Any
        ) -> Any:
            y, y_pred, sample_weight = _as_rows(y, y_pred, sample_weight, apart, outputs)
            return loss(x, y, y_pred, sample_weight, **more)

        model.compute_loss = compute_loss
    plain = model.compute_metrics  # of the class, as is everything that Keras's steps call

    def compute_metrics(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if scales:
            y, y_pred = _restored(y, scales, outputs), _restored(y_pred, scales, outputs)
        if sample_weight is not None:
            sample_weight = tree.map_structure(lambda w: ops.cast(ops.not_equal(w, 0), w.dtype), sample_weight)
        if apart:
            y, y_pred, sample_weight = _as_rows(y, y_pred, sample_weight, apart, outputs)
        return plain(x, y, y_pred, sample_weight)

    model.compute_metrics = compute_metrics


def _as_rows(
    y: Any, y_pred: Any, sample_weight: Any, singly: Collection[str], outputs: tuple[str, ...]
) -> tuple[Any, Any, Any]:
    """Targets, predictions and weights with a row for each number of the outputs of `singly`."""

    def flat(tensors: Any, *shape: int) -> Any:
        if not isinstance(tensors, dict):
            return ops.reshape(tensors, shape) if outputs[0] in singly else tensors
        return {name: ops.reshape(each, shape) if name in singly else each for name, each in tensors.items()}

    return flat(y, -1, 1), flat(y_pred, -1, 1), flat(sample_weight, -1)


def _restored(tensors: Any, scales: Scales, outputs: tuple[str, ...]) -> Any:
    if not isinstance(tensors, dict):
        return _scaled(tensors, *scales[outputs[0]])
    return {name: _scaled(each, *scales[name]) if name in scales else each for name, each in tensors.items()}


def _scaled(tensor: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    return tensor * ops.convert_to_tensor(std, tensor.dtype) + ops.convert_to_tensor(mean, tensor.dtype)
