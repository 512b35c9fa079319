"""Keras's metrics between two epochs, without the many calls that Keras makes for each of their variables.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf


class Last:
    """What the metrics were behind the last step, as the call of that step gave it; None before the first."""

    logs: Mapping[str, Any] | None = None


@contextlib.contextmanager
def at_once(model: Any, last: Last) -> Iterator[None]:
    """While it lasts, a compiled model's metrics are emptied without Keras's detours, and asked for without a call.

    In an epoch of a few milliseconds it shows. Metrics of one's own stay as they are, for theirs may be any Python.
    """
    if model.run_eagerly or not all(_known(metric) for metric in model.metrics):
        yield
        return
    emptied, result = _emptying(model), model.get_metrics_result

    def reset_metrics() -> None:
        last.logs = None
        emptied()

    model.reset_metrics = reset_metrics
    model.get_metrics_result = lambda: result() if last.logs is None or tf.inside_function() else dict(last.logs)
    try:
        yield
    finally:
        del model.reset_metrics, model.get_metrics_result


def _known(metric: Any) -> bool:
    return type(metric).__module__.startswith("keras.") and all(_known(each) for each in getattr(metric, "metrics", ()))


def _emptying(model: Any) -> Callable[[], None]:
    """`model.reset_metrics`, which leaves the same numbers each time: the first call shows which they are."""
    reset = model.reset_metrics
    empty: list[tuple[Any, Any]] = []

    def call() -> None:
        variables = model.metrics_variables
        if len(empty) != len(variables):  # a first step makes some
            reset()
            empty[:] = [(each.value.handle, tf.constant(each.value.numpy())) for each in variables]
        for handle, numbers in empty:
            tf.raw_ops.AssignVariableOp(resource=handle, value=numbers)

    return call
