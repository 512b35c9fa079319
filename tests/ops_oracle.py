"""Asks Keras what a call of an operation gives: shapes and dtypes, or that it refuses."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras.src import backend

from netspec.catalog.types import TensorType
from netspec.graph.ir import LayerDef
from netspec.runtime.model import operations


@dataclass(frozen=True)
class Answer:
    """What Keras says. `error` is its message where it refuses; `operations` is how many it made of the call."""

    outputs: tuple[TensorType, ...] = ()
    error: str | None = None
    name: str = ""


def _symbols(inputs: Mapping[str, Any]) -> dict[str, Any]:
    def symbol(given: TensorType) -> Any:
        return keras.KerasTensor(given.shape, dtype=given.dtype, sparse=given.sparse)

    return {
        name: symbol(value) if isinstance(value, TensorType) else [symbol(each) for each in value]
        for name, value in inputs.items()
    }


def ask(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any]) -> Answer:
    """What the operation gives as our lowering calls it, or why Keras refuses."""
    definition = LayerDef(cls, args, "named", ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = operations.call(keras, definition, _symbols(inputs))
            outputs = tuple(TensorType(tuple(out.shape), out.dtype, bool(out.sparse)) for out in made)
        except Exception as error:  # whatever Keras raises is its verdict
            return Answer(error=f"{type(error).__name__}: {error}")
    operation = made[0]._keras_history.operation
    return Answer(outputs, name=operation.name if operation is not None else "")


def traces(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether the operation can be traced on real tensors, as `fit` does first of all."""
    definition = LayerDef(cls, args, "traced", ())

    def run(**tensors: Any) -> Any:
        return operations.applied(keras, definition, tensors)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            backend.compute_output_spec(run, **_symbols(inputs))
        except Exception:  # whatever Keras raises is its verdict
            return False
    return True
