"""What metrics count: rows that weigh something, once each, and numbers in the units of their labels.

Keras's own weighted metrics would count weights; here a weight says how much a row is trained on, not how often it is
looked at. Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from keras import backend, ops, tree

if TYPE_CHECKING:
    from netspec.runtime.data.features import Prepared

Scales = Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]  # (mean, std) by output


def count(model: Any, prepared: Prepared | None, outputs: tuple[str, ...], *, weighted: bool) -> None:
    """Make a compiled model's metrics leave out rows of weight 0, and see targets and predictions as they were.

    The losses are as before. `prepared` knows how labels are; `weighted`: its metrics are compiled as weighted ones
    (`compile_model`), and get 1 for every row that has a weight above 0. Outputs with labels that are masked one by one
    have a weight for each number: losses and metrics get their numbers as rows of one, of which all of these are means.
    Those with a label for each step have one for each, so that the loss is a mean over labels, and a mask of Keras's
    does not make it one over the steps of the batch once more.
    """
    scales = prepared.scales if prepared is not None else {}
    if not weighted and not scales:
        return
    apart, stepped = (prepared.singly, prepared.by_step) if weighted and prepared is not None else ((), ())
    if apart or stepped:
        loss = model.compute_loss

        def compute_loss(
            x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **more: Any
        ) -> Any:
            if apart:
                y, y_pred, sample_weight = _as_rows(y, y_pred, sample_weight, apart, outputs)
            if stepped:
                y_pred, sample_weight = _weighed(y_pred, sample_weight, stepped, outputs)
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


def _weighed(y_pred: Any, sample_weight: Any, by_step: Collection[str], outputs: tuple[str, ...]) -> tuple[Any, Any]:
    """Predictions without their masks, which the weights of these outputs' steps then hold."""

    def moved(guess: Any, weight: Any) -> tuple[Any, Any]:
        mask = getattr(guess, "_keras_mask", None)  # where Keras puts it
        if mask is None:
            return guess, weight
        held = ops.cast(mask, weight.dtype)
        return tf.identity(guess), weight * ops.reshape(held, ops.shape(weight))

    if not isinstance(y_pred, dict):
        return moved(y_pred, sample_weight) if outputs[0] in by_step else (y_pred, sample_weight)
    pairs = {name: moved(y_pred[name], sample_weight[name]) for name in y_pred if name in by_step}
    guesses = {name: pairs[name][0] if name in pairs else each for name, each in y_pred.items()}
    return guesses, {name: pairs[name][1] if name in pairs else each for name, each in sample_weight.items()}


def _restored(tensors: Any, scales: Scales, outputs: tuple[str, ...]) -> Any:
    if not isinstance(tensors, dict):
        return _scaled(tensors, *scales[outputs[0]])
    return {name: _scaled(each, *scales[name]) if name in scales else each for name, each in tensors.items()}


def _scaled(tensor: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    tensor = ops.cast(tensor, backend.result_type(tensor.dtype, "float32"))  # a column's units may not fit 16 bits
    return tensor * ops.convert_to_tensor(std, tensor.dtype) + ops.convert_to_tensor(mean, tensor.dtype)
