"""All numbers that training goes on from, taken between two steps and put back: weights, random state, optimizer.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from netspec.runtime.run import rates


@dataclass(frozen=True)
class Snapshot:
    """Copies of a model's variables and the paths that Keras gives them, in one order.

    Weights, states of random numbers and of recurrent layers, optimizer (slots, averages, learning rate, count of
    steps) and metrics: what `Model.save_weights` leaves out is here too.
    """

    paths: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    metrics: frozenset[int] = frozenset()  # which of them belong to losses and metrics

    @property
    def bytes(self) -> int:
        """What the arrays take."""
        return sum(array.nbytes for array in self.arrays)

    def not_finite(self) -> str | None:
        """The path of a variable with a NaN or an infinity, None where there is none.

        Those of metrics are left out: a metric may begin at an infinity, and the loss is looked at by itself.
        """
        with np.errstate(all="ignore"):
            for at, (path, array) in enumerate(zip(self.paths, self.arrays, strict=True)):
                if at not in self.metrics and not _finite(array):
                    return path
        return None


def _finite(array: np.ndarray) -> bool:
    if "float" not in array.dtype.name:
        return True
    total = float(array.sum())  # takes no memory, unlike an answer for each number; it may be infinite without cause
    return math.isfinite(total) or bool(np.isfinite(array).all())


class Unlike(Exception):
    """A snapshot of another model."""


class Camera:
    """Takes snapshots of a compiled model whose variables are all made, in memory that is used again.

    They are copies, for TensorFlow would make one of what is still looked at, in new memory, when it next changes a
    variable: that takes several times as long.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._memory: list[tuple[np.ndarray, ...]] = []

    def taken(self, *kept: Snapshot | None) -> Snapshot:
        """The numbers as they are now. Of earlier snapshots only those in `kept` are still what they were."""
        variables = _variables(self._model)
        unused = (arrays for arrays in self._memory if not any(each and arrays is each.arrays for each in kept))
        arrays = next(unused, None)
        if arrays is None:
            arrays = tuple(np.empty(variable.shape, variable.value.dtype.as_numpy_dtype) for variable in variables)
            self._memory.append(arrays)
        for variable, array in zip(variables, arrays, strict=True):
            np.copyto(array, _seen(variable.value))
        counting = {id(variable) for variable in self._model.metrics_variables}
        metrics = frozenset(at for at, variable in enumerate(variables) if id(variable) in counting)
        return Snapshot(tuple(variable.path for variable in variables), arrays, metrics)


def _seen(variable: Any) -> np.ndarray:
    """TensorFlow's own memory, to be looked at before the variable changes; `variable.numpy()` is a copy."""
    return np.asarray(tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype))


def put_back(model: Any, snapshot: Snapshot) -> None:
    """Make a model's numbers those of a snapshot of a model like it; of an uncompiled one those that it has.

    Raises:
        Unlike: the models' variables differ.
    """
    variables = _variables(model) if model.compiled else model.variables  # the first of a snapshot
    arrays = snapshot.arrays if model.compiled else snapshot.arrays[: len(variables)]
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [array.shape for array in arrays]:
        raise Unlike(f"{len(shapes)} variables here, {len(arrays)} there, of other shapes")
    for variable, array in zip(variables, arrays, strict=True):
        variable.value.assign(array.copy())  # TensorFlow may go on in the memory that it is given


def size(model: Any) -> int:
    """Bytes of a snapshot of the model."""
    return sum(variable.value.dtype.size * int(np.prod(variable.shape)) for variable in _variables(model))


def stateful(model: Any) -> Iterator[Any]:
    """All stateful layers, nested and wrapped ones too, each once."""
    waiting, seen = [model], set()
    while waiting:
        layer = waiting.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            yield layer
        waiting.extend(getattr(layer, "layers", ()))
        wrapped = (getattr(layer, key, None) for key in ("layer", "forward_layer", "backward_layer"))
        waiting.extend(inner for inner in wrapped if inner is not None)


def forget(model: Any) -> None:
    """Empty the states of all stateful layers."""
    for layer in stateful(model):
        with suppress(ValueError):  # not built, so there is no state yet
            layer.reset_state()


def _variables(model: Any) -> list[Any]:
    states = [state for layer in stateful(model) for state in keras.tree.flatten(getattr(layer, "states", None) or ())]
    found = {id(variable): variable for variable in (*model.variables, *states)}
    if model.optimizer is not None:
        found |= {id(variable): variable for variable in model.optimizer.variables}
    found |= {id(variable): variable for variable in model.metrics_variables}
    found |= {id(variable): variable for variable in _untracked(model.optimizer)}
    return list(found.values())


def _untracked(optimizer: Any) -> Iterator[Any]:
    """What Keras does not count among the variables of an optimizer: Nadam's product, where another scales the loss."""
    for each in rates.each(optimizer) if optimizer is not None else ():
        yield from (value for value in vars(each).values() if isinstance(value, keras.Variable))
