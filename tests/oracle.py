"""Asks Keras what a call of a layer gives: shapes, dtypes and weight counts, or the reason why it refuses.

Exact and without allocating a weight: the layer is built and called symbolically inside a StatelessScope.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from grid import Case, Part
from keras.src import backend
from keras.src.backend.common import global_state

from netspec.catalog.shapes.rule import dims_of
from netspec.catalog.types import TensorType


@dataclass(frozen=True)
class Answer:
    """What Keras says. `error` is its message where it refuses; the rest is empty then."""

    outputs: tuple[TensorType, ...] = ()
    trainable: int = 0
    non_trainable: int = 0
    error: str | None = None


@contextmanager
def no_weights() -> Iterator[None]:
    """Keras makes no weight inside, and forgets on the way out which ones it put off."""
    with keras.StatelessScope(initialize_variables=False):
        try:
            yield
        finally:
            global_state.set_global_attribute("uninitialized_variables", [])


def make(cls: str, args: Mapping[str, Any]) -> Any:
    """The Keras layer, with the layers inside it."""
    return getattr(keras.layers, cls)(**{name: _plain(value) for name, value in args.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return make(value.cls, value.args)
    if isinstance(value, list) and any(isinstance(entry, Part) for entry in value):
        return [_plain(entry) for entry in value]
    return value


def tensor(given: TensorType) -> Any:
    """A symbolic tensor of this type."""
    return keras.KerasTensor(given.shape, dtype=given.dtype, sparse=given.sparse)


def _tensors(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tensor(value) if isinstance(value, TensorType) else [tensor(entry) for entry in value]
        for name, value in inputs.items()
    }


def call(layer: Any, inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[Any]:
    """The symbolic outputs of one call; the first input goes in by position, as Keras wants it."""
    made = _tensors(inputs)
    first = next(iter(made))
    return list(keras.tree.flatten(layer(made.pop(first), **made, **arguments)))


def ask(cls: str, args: Mapping[str, Any], calls: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> Answer:
    """What the last of these calls of one layer gives, or why Keras refuses one of them."""
    answer = _ask(no_weights(), cls, args, calls, arguments)
    if answer.error is not None and "while in a stateless scope" in answer.error:
        # A stateful recurrent layer makes its states from values, which the scope forbids: build it for real.
        return _ask(nullcontext(), cls, args, calls, arguments)
    return answer


def _ask(
    scope: AbstractContextManager[None],
    cls: str,
    args: Mapping[str, Any],
    calls: Sequence[Mapping[str, Any]],
    arguments: Mapping[str, Any],
) -> Answer:
    keras.utils.clear_session(free_memory=False)  # before the scope, which is part of the session
    with scope, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            layer = make(cls, args)
            for inputs in calls:
                outputs = call(layer, inputs, arguments)
        except Exception as error:  # whatever Keras raises is its verdict
            return Answer(error=f"{type(error).__name__}: {error}")
        return Answer(
            tuple(TensorType(tuple(out.shape), out.dtype, bool(out.sparse)) for out in outputs),
            sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            sum(math.prod(weight.shape) for weight in layer.non_trainable_weights),
        )


def traces(cls: str, args: Mapping[str, Any], calls: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> bool:
    """Whether a graph of these calls can be made, as `fit` makes it: Keras puts some checks off until then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.clear_session(free_memory=False)
        try:
            layer = make(cls, args)
            for inputs in calls:
                call(layer, inputs, arguments)
                made = _tensors(inputs)
                first = next(iter(made))
                backend.compute_output_spec(layer, made.pop(first), **made, **arguments)
        except Exception:  # whatever Keras raises is its verdict
            return False
    return True


def runs_on_strings(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether the layer can be run on real tensors, some of them of strings: a graph takes casts that no kernel has."""
    keras.utils.clear_session(free_memory=False)
    made = {name: _real(value) for name, value in inputs.items()}
    first = next(iter(made))
    try:
        make(cls, args)(made.pop(first), **made, **arguments)
    except Exception:  # whatever Keras raises is its verdict
        return False
    return True


def runs(first: Case, second: Case) -> bool:
    """Whether one layer can be run on real tensors of a first call, and then on those of a second; False if huge."""
    sizes = [dims_of(each) for case in (first, second) for each in keras.tree.flatten(case.inputs)]
    if any(math.prod(dim for dim in dims if isinstance(dim, int)) > 1_000_000 for dims in sizes):
        return False
    keras.utils.clear_session(free_memory=False)
    try:
        layer = make(first.cls, first.args)
        for case in (first, second):
            made = {name: _real(value) for name, value in case.inputs.items()}
            layer(made.pop(next(iter(made))), **made, **case.call)
    except Exception:  # whatever Keras raises is its verdict
        return False
    return True


def _real(value: Any) -> Any:
    if not isinstance(value, TensorType):
        return [_real(entry) for entry in value]
    return tf.zeros([2 if dim is None else dim for dim in dims_of(value)], dtype=value.dtype)
