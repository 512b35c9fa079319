"""Arrays to a tf.data.Dataset of batches, and how many steps Keras should run in one call.

Keras's own feeding of arrays costs more than a small model's step, and gives the same order in every epoch under one
seed; here the order is a function of (seed, epoch), and the arrays stay outside TensorFlow's graphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from netspec.catalog.types import Shape, Unknown
from netspec.graph.ir import Graph, TypedGraph
from netspec.runtime.data import orders, slicing, trimming
from netspec.runtime.data.epoch import Epoch
from netspec.runtime.data.orders import POOL
from netspec.runtime.data.shuffled import Shuffled
from netspec.runtime.data.store import BLOCK, Blocks, Piece, repacked

_RATE = 4e9  # multiply-adds a second, forward and backward, of a slow machine
_CALL_SECONDS = 1.0  # a call lasts about this long at most there, so that Ctrl-C and the display stay prompt
_LONG_SECONDS = 0.1  # what takes a step this long gains nothing from a call of several
_PREDICT_SECONDS = 5e-3
Change = Callable[[Any, int], Any]  # a data set of batches, and the number of its first one in an epoch, to one
_MOST_STEPS = 1024  # the cost of a call is spread thin enough by then


def dataset(
    x: Mapping[str, np.ndarray],
    y: Mapping[str, np.ndarray] | None,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    drop_remainder: bool = False,
    epoch: Epoch | None = None,
    weights: Mapping[str, np.ndarray] | None = None,
    change: Change | None = None,
    skip: int = 0,
    cut: tuple[str, ...] = (),
    whole: bool = False,
) -> tf.data.Dataset:
    """Batches of (x, y), of (x, y, weights) where some are given, or of x where y is None: each row once an epoch.

    The last batch is shorter or dropped.

    One input or output gives its array, several a dictionary by name. With `shuffle`, the order is that of
    `order(rows, seed, epoch)` for the number of `epoch` (None counts as 0) when the iteration starts; its `setter`
    keeps it in step with fit, to which `shuffle=False` goes. The number of batches and all sizes but the batch's are
    static. `change` is what is done to the batches on their way out. With `skip`, every
    iteration begins that many batches into its epoch, and all else is as it would have been. Of the inputs in `cut`,
    the padding is cut off that all rows of a batch have, and rows of like length come together where rows are shuffled.
    Shuffled, it is for one device: tf.distribute looks past a data set's `__iter__`. `whole` promises that each
    iteration is used up, in epochs one after the other, so that one iterator can serve them all.
    """
    packed = _packed(x) if y is None else _fed(x, y, weights)
    rows = len(next(iter(x.values())))
    used = _used(rows, batch_size, drop_remainder, skip)
    change = _cutting(change, cut, bare=y is None)
    if shuffle:
        lengths = trimming.lengths(x, cut) if cut else None
        return Shuffled(packed, rows, used, batch_size, seed, epoch, change, skip, lengths, whole and not skip)
    made, kept = slicing.in_order(packed, used, batch_size, skip)
    made = made if change is None else change(made, skip)
    return made if kept is None else slicing.Wrapping(made, kept)


def of_store(
    store: Blocks,
    complete: Callable[[Piece], Piece],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    drop_remainder: bool = False,
    epoch: Epoch | None = None,
    change: Change | None = None,
    skip: int = 0,
    cut: tuple[str, ...] = (),
) -> tf.data.Dataset:
    """The same for examples on the disk: blocks in a new order each epoch, and the rows of a few at a time shuffled.

    `complete` gives a target to every output, and a weight where some have one. Which rows come together in an epoch
    depends on (seed, epoch) alone; memory holds `POOL` blocks, the next ones while these are used, and a row comes at
    most that far from the rows of its block.
    """
    used = _used(store.rows, batch_size, drop_remainder, skip)
    change = _cutting(change, cut, bare=False)
    return _Streamed(store, complete, used, batch_size, seed, epoch, shuffle, change, skip, cut)


def _cutting(change: Change | None, cut: tuple[str, ...], *, bare: bool) -> Change | None:
    """What is done to batches: their padding is cut off, and then the change is made, if any."""
    if not cut:
        return change

    def both(data: Any, first: int) -> Any:
        made = trimming.trimmed(data, cut, bare=bare)
        return made if change is None else change(made, first)

    return both


def _used(rows: int, batch_size: int, drop_remainder: bool, skip: int) -> int:
    """How many rows make the batches of an epoch."""
    used = rows - rows % batch_size if drop_remainder else rows
    if not used:
        raise ValueError(f"{rows} rows make no batch of {batch_size}")
    if not 0 <= skip < math.ceil(used / batch_size):
        raise ValueError(f"{skip} batches cannot be skipped of {math.ceil(used / batch_size)}")
    return used


class _Streamed(slicing.Wrapping):
    """Each `iter` goes through the store in the order of the epoch at that moment.

    Python is called once for a pool, a slice of which is a batch; the next pool is read while this one is used.
    """

    def __init__(
        self,
        store: Blocks,
        complete: Callable[[Piece], Piece],
        used: int,
        batch_size: int,
        seed: int,
        epoch: Epoch | None,
        shuffle: bool,
        change: Change | None,
        skip: int,
        cut: tuple[str, ...],
    ) -> None:
        self._store, self._complete, self._batch_size = store, complete, batch_size
        self._skip, self._left, self._cut = skip, used - skip * batch_size, cut
        self._seed, self._epoch, self._shuffle, self._number = seed, epoch, shuffle, 0
        example = _fed(*complete(store.head(1)))
        steps = math.ceil(self._left / batch_size)
        size = batch_size if used % batch_size == 0 else None

        def batches(*parts: Any) -> Any:
            sized = tf.nest.map_structure(
                lambda part, array: tf.ensure_shape(part, (None, size, *array.shape[1:])), parts, example
            )
            return tf.data.Dataset.from_tensor_slices(sized)

        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, None, *array.shape[1:]), array.dtype), example
        )
        with tf.device("CPU:0"):
            made = tf.data.Dataset.from_generator(self._pieces, output_signature=signature)
            made = made.prefetch(1).flat_map(batches)
        made = slicing.fixed(made.apply(tf.data.experimental.assert_cardinality(steps)))
        super().__init__(made if change is None else change(made, skip))

    def _pieces(self) -> Iterator[Any]:
        """Whole batches of a pool at a time, (batches, batch size, …), and at the end what fills none."""
        size, left, store = self._batch_size, self._left, self._store
        parts = self._parts()
        at_once = max(1, POOL * BLOCK // max(1, size * (store.bytes // store.rows)))
        for piece in repacked(parts, size * at_once):
            rows = min(piece.rows, left)
            left -= rows
            whole = rows - rows % size
            for start, stop, shape in ((0, whole, (-1, size)), (whole, rows, (1, rows - whole))):
                if stop > start:
                    part = _fed(*self._complete(piece.cut(start, stop)))
                    yield tf.nest.map_structure(lambda array: array.reshape(*shape, *array.shape[1:]), part)  # noqa: B023
            if not left:
                return

    def _parts(self) -> Iterator[Piece]:
        store, size, seed, number = self._store, self._batch_size, self._seed, self._number
        if not self._shuffle:
            return orders.in_order(store, self._skip * size)
        if not self._cut:
            return orders.pools(store, seed, number, self._skip * size)
        return orders.pools_by_length(
            store, lambda piece: trimming.lengths(piece.x, self._cut), size, seed, number, self._skip
        )

    def __iter__(self) -> Any:
        self._number = 0 if self._epoch is None else self._epoch.number
        return iter(self._inner)


def steps_per_execution(steps: int, work: float, *, most: int | None = None) -> int:
    """How many steps Keras should run in one call, for an epoch of `steps` of `work` multiply-adds each.

    As many as take a second on a slow machine, at most `most` and the epoch; a divisor of `steps` where there is one
    above half of that, so that one iterator goes through many epochs (`Shuffled`). The bits are those of one step at a
    time. Only for fit and evaluate: predict unrolls the steps, so compile it with 1.
    """
    seconds = 3e-4 + 3 * work / _RATE
    if seconds > _LONG_SECONDS or steps < 1:
        return 1
    limit = max(1, min(steps, most or steps, _MOST_STEPS, int(_CALL_SECONDS / seconds)))
    whole = next((number for number in range(limit, limit // 2, -1) if steps % number == 0), None)
    return whole or math.ceil(steps / math.ceil(steps / limit))


def to_predict(work: float, least: int) -> int:
    """How many rows of `work` multiply-adds each to predict at a time: what takes some milliseconds, at most 1,024.

    >>> to_predict(6e3, 32), to_predict(1e7, 32)
    (1024, 32)
    """
    return max(least, min(1024, int(_PREDICT_SECONDS * _RATE / max(work, 1.0))))


def work(typed: TypedGraph, batch_size: int) -> float:
    """Multiply-adds of one forward pass of a batch, roughly: each layer's weights times the positions it works at."""
    total = 0.0
    waiting = [(typed, 1.0)]
    while waiting:
        part, times = waiting.pop()
        for call in part.graph.calls:
            inside = part.nested.get(id(call.layer))
            if isinstance(call.layer, Graph) and inside is not None:
                waiting.append((inside, times))
                continue
            known = part.weights.get(id(call.layer))
            weights = (
                0
                if known is None
                else sum(0 if isinstance(count, Unknown) else count for count in (known.trainable, known.non_trainable))
            )
            shapes = [part.types[tensor].shape for tensor in call.tensors() if tensor in part.types]
            outputs = [part.types[tensor].shape for tensor in part.types if tensor.call == call.name]
            places = max((_places(shape) for shape in [*shapes, *outputs]), default=1.0)
            numbers = max((_places(shape, whole=True) for shape in outputs), default=1.0)
            total += times * (numbers if call.layer.cls == "Embedding" else weights * places + numbers)
    return total * batch_size


def _places(shape: Shape, *, whole: bool = False) -> float:
    """The product of a shape's sizes without the batch, without the last unless `whole`; a free one counts as 32."""
    if isinstance(shape, Unknown):
        return 1.0
    sizes = shape[1:] if whole else shape[1:-1]
    return float(math.prod(32 if isinstance(size, Unknown) or size is None else size for size in sizes))


def _packed(arrays: Mapping[str, np.ndarray]) -> Any:
    return next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)


def _fed(
    x: Mapping[str, np.ndarray], y: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray] | None = None
) -> Any:
    return (_packed(x), _packed(y), _packed(weights)) if weights else (_packed(x), _packed(y))
