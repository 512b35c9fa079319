"""What metrics count: rows that weigh something, once each, and numbers in the units of their labels.

Keras's own weighted metrics would count weights; here a weight says how much a row is trained on, not how often it is
looked at. Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from keras import backend, ops, tree

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


def by_rows(model: Any) -> None:
    """Make the loss of each output of a compiled model the mean over rows.

    Keras weighs what an output loses in a batch by the batch's static size, which is none where the last batch may be
    smaller, so that a batch of one row would count as much as a full one. The loss of all outputs is right as it is.
    """
    loss = getattr(model, "_compile_loss", None)
    if loss is None or len(model.outputs) < 2:
        return
    total, build = model.compute_loss, loss.build
    rows: list[Any] = [None]  # of the batch whose loss is computed

    def compute_loss(x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **more: Any) -> Any:
        rows[0] = ops.cast(ops.shape(tree.flatten(y_pred)[0])[0], "float32")
        return total(x, y, y_pred, sample_weight, **more)

    def built(y_true: Any, y_pred: Any) -> None:
        build(y_true, y_pred)
        for tracker in loss.metrics:
            tracker.update_state = _of_rows(tracker.update_state, rows)

    loss.build, model.compute_loss = built, compute_loss


def _of_rows(update: Callable[..., Any], rows: list[Any]) -> Callable[..., Any]:
    return lambda value, sample_weight=None: update(value, sample_weight=rows[0])


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
    tensor = ops.cast(tensor, backend.result_type(tensor.dtype, "float32"))  # a column's units may not fit 16 bits
    return tensor * ops.convert_to_tensor(std, tensor.dtype) + ops.convert_to_tensor(mean, tensor.dtype)
