"""Arrays in memory to batches in a given order: slices of a copy in that order, or each batch gathered for itself."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

_WHOLE_BYTES, _BATCH_BYTES = 1 << 27, 1 << 17  # of all data and of a batch, for which a copy of all is made at once
_TINY_BYTES = 1 << 23  # of all data, which are in the cache of a processor then, whatever a batch has


class Wrapping(tf.data.Dataset):  # type: ignore[misc]
    """A data set around another, which may choose what an `iter` of it goes through, and lets go of what is `kept`."""

    def __init__(self, inner: Any, kept: Kept | None = None) -> None:
        self._inner, self._kept = inner, kept  # which live no longer than this
        super().__init__(inner._variant_tensor)

    def _inputs(self) -> list[Any]:
        return [self._inner]

    @property
    def element_spec(self) -> Any:
        """As the data set inside has it."""
        return self._inner.element_spec

    def close(self) -> None:
        """Let go of the rows: nobody goes through them any more."""
        if self._kept is not None:
            self._kept.close()


class Kept:
    """Arrays as variables on the CPU; a call, in a data set's outermost function, gives their tensors.

    Tensors that a function captures are copied for every iterator, and the copies stay, where TensorFlow rewrites data
    sets for deterministic operations.
    """

    def __init__(self, packed: Any) -> None:
        with tf.device("CPU:0"):
            self._variables = tf.nest.map_structure(lambda array: tf.Variable(array, trainable=False), packed)

    def __call__(self) -> Any:
        return tf.nest.map_structure(lambda variable: variable.read_value(), self._variables)

    def close(self) -> None:
        """Give the memory back at once: data sets refer to themselves, which Python's collector finds but late."""
        for variable in tf.nest.flatten(self._variables):
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=tf.zeros((0,), variable.dtype))


@contextlib.contextmanager
def in_use(*data: Any) -> Iterator[None]:
    """Data sets that nobody goes through behind the block."""
    try:
        yield
    finally:
        for each in data:
            if isinstance(each, Wrapping):
                each.close()


def in_order(packed: Any, used: int, size: int, skip: int) -> tuple[Any, Kept | None]:
    """The first `used` rows in their own order, without `skip` batches in front; and what has to live as long."""
    if small(packed, size):
        packed = tf.nest.map_structure(lambda array: array[skip * size : used], packed)
        with tf.device("CPU:0"):
            return fixed(cut(packed, size)), None
    kept = Kept(packed)
    steps = tf.data.experimental.assert_cardinality(math.ceil(used / size) - skip)
    with tf.device("CPU:0"):
        made = tf.data.Dataset.range(1).flat_map(lambda _: gathered(kept(), None, used, size, skip))
        return fixed(made.apply(steps)), kept


def small(packed: Any, size: int) -> bool:
    """Whether copying all rows, before the first step, costs less than a function that is called for each batch."""
    arrays = tf.nest.flatten(packed)
    total: int = sum(array.nbytes for array in arrays)
    batch = total // len(arrays[0]) * size
    return total <= min(_WHOLE_BYTES, _TINY_BYTES if batch > _BATCH_BYTES else _WHOLE_BYTES)


def gathered(tensors: Any, picked: Any, used: int, size: int, skip: int = 0) -> Any:
    """The first `used` rows of `picked` (None: of the tensors) a batch at a time, made ahead of the step.

    With `skip`, without so many batches in front.
    """

    def batch(index: Any) -> Any:
        start, stop = index * size, tf.minimum((index + 1) * size, used)
        if picked is None:
            return tf.nest.map_structure(lambda tensor: sized(tensor[start:stop]), tensors)
        rows = picked[start:stop]
        return tf.nest.map_structure(lambda tensor: sized(tf.gather(tensor, rows)), tensors)

    def sized(tensor: Any) -> Any:
        tensor.set_shape([None if used % size else size, *tensor.shape[1:]])
        return tensor

    return tf.data.Dataset.range(skip, math.ceil(used / size)).map(batch).prefetch(2)


def cut(packed: Any, size: int) -> Any:
    """A slice for each batch, the last one shorter, so that no function is called for it."""
    rows = tf.nest.flatten(packed)[0].shape[0]
    full = rows - rows % size

    def whole(array: Any) -> Any:
        shape = (full // size, size, *array.shape[1:])
        return array[:full].reshape(shape) if isinstance(array, np.ndarray) else tf.reshape(array[:full], shape)

    parts = [tf.nest.map_structure(whole, packed)] if full else []
    parts += [tf.nest.map_structure(lambda array: array[None, full:], packed)] if rows > full else []
    made = [tf.data.Dataset.from_tensor_slices(part) for part in parts]
    return made[0] if len(made) == 1 else made[0].concatenate(made[1])


def fixed(batches: Any) -> Any:
    """A data set that leaves its threads and its operations as they are."""
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread is started and stopped with every epoch, which costs milliseconds
    options.experimental_optimization.apply_default_optimizations = False  # they would copy every tensor, to no end
    options.deterministic = True
    return batches.with_options(options)
