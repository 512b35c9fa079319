"""Keras's metrics between two epochs: one call of TensorFlow, where Keras makes several for every variable.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf


@contextlib.contextmanager
def at_once(model: Any) -> Iterator[None]:
    """While it lasts, emptying the metrics of a compiled model and asking for their values take a call each.

    In an epoch of a few milliseconds it shows. Metrics of one's own stay as they are, for theirs may be any Python.
    """
    if model.run_eagerly or not all(_known(metric) for metric in model.metrics):
        yield
        return
    emptied, result = _traced(model, model.reset_metrics), model.get_metrics_result
    found = _traced(model, result)
    model.reset_metrics = emptied
    model.get_metrics_result = lambda: result() if tf.inside_function() else found()
    try:
        yield
    finally:
        del model.reset_metrics, model.get_metrics_result


def _known(metric: Any) -> bool:
    return type(metric).__module__.startswith("keras.") and all(_known(each) for each in getattr(metric, "metrics", ()))


def _traced(model: Any, method: Callable[[], Any]) -> Callable[[], Any]:
    """The method as a function of TensorFlow, made anew when there are other variables: a first step makes some."""
    of: list[Any] = []
    function: Any = None

    def call() -> Any:
        nonlocal of, function
        variables = [variable.value for variable in model.metrics_variables]
        if function is None or len(of) != len(variables) or any(a is not b for a, b in zip(of, variables, strict=True)):
            of, function = variables, tf.function(method, autograph=False).get_concrete_function()
        return function()

    return call
