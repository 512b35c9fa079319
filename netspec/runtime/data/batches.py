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
from netspec.runtime.data import orders, trimming
from netspec.runtime.data.orders import POOL, order
from netspec.runtime.data.store import BLOCK, Blocks, Piece, repacked

_ORDERED_BYTES, _MOST_EPOCHS = 1 << 22, 256  # of the orders of the epochs that one iterator goes through
_WHOLE_BYTES = 1 << 28  # data up to this size are copied in order for each epoch; larger ones batch by batch
_RATE = 4e9  # multiply-adds a second, forward and backward, of a slow machine
_CALL_SECONDS = 0.2  # an execution lasts about this long at most, so that Ctrl-C and the progress bar stay prompt
_PREDICT_SECONDS = 5e-3
Change = Callable[[Any, int], Any]  # a data set of batches, and the number of its first one in an epoch, to one
_MOST_STEPS = 64  # the cost of a call is spread thin enough by then


def dataset(
    x: Mapping[str, np.ndarray],
    y: Mapping[str, np.ndarray] | None,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    drop_remainder: bool = False,
    epoch: tf.Variable | None = None,
    weights: Mapping[str, np.ndarray] | None = None,
    change: Change | None = None,
    skip: int = 0,
    cut: tuple[str, ...] = (),
    whole: bool = False,
) -> tf.data.Dataset:
    """Batches of (x, y), of (x, y, weights) where some are given, or of x where y is None: each row once an epoch.

    The last batch is shorter or dropped.

    One input or output gives its array, several a dictionary by name. With `shuffle`, the order is that of
    `order(rows, seed, epoch)` for the value of `epoch` (an int64 scalar variable; None counts as 0) when the iteration
    starts; `epoch_setter` keeps it in step with fit, to which `shuffle=False` goes. The number of batches and all
    sizes but the batch's are static. `change` is what is done to the batches on their way out. With `skip`, every
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
        return _Shuffled(packed, rows, used, batch_size, seed, epoch, change, skip, lengths, whole and not skip)
    if _small(packed):
        made = _slices(tf.nest.map_structure(lambda array: array[skip * batch_size : used], packed), batch_size)
    else:
        made = _gathered(packed, None, used, batch_size, skip)
    return made if change is None else change(made, skip)


def of_store(
    store: Blocks,
    complete: Callable[[Piece], Piece],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    drop_remainder: bool = False,
    epoch: tf.Variable | None = None,
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


class _Wrapping(tf.data.Dataset):  # type: ignore[misc]
    """A data set around another, `_inner`, that chooses what an `iter` of it goes through."""

    _inner: Any

    def _inputs(self) -> list[Any]:
        return [self._inner]

    @property
    def element_spec(self) -> Any:
        """As the data set inside has it."""
        return self._inner.element_spec


class _Shuffled(_Wrapping):
    """Each `iter` is in the order of the epoch at that moment.

    Small data are put in order as a whole when an epoch begins, so that a batch is a slice and no function is called
    for it, which would cost a tenth of a millisecond a step. Large data, and those that are changed by functions
    anyway, are gathered batch by batch, one ahead of the step. Keras asks for an iterator twice an epoch and throws the
    second away, hence `_Spare`. Making one takes longer than a short epoch, so where each is used up, one iterator goes
    through many epochs.
    """

    def __init__(
        self,
        packed: Any,
        rows: int,
        used: int,
        batch_size: int,
        seed: int,
        epoch: tf.Variable | None,
        change: Change | None,
        skip: int,
        lengths: np.ndarray | None,
        whole: bool,
    ) -> None:
        self._packed, self._rows, self._used, self._batch_size = packed, rows, used, batch_size
        self._seed, self._epoch, self._skip, self._lengths = seed, epoch, skip, lengths
        self._ordered = self._given = -1  # the epochs of the order that is laid down, and of the last iterator
        self._order: Any = None
        self._running: Any = None
        self._again: Any = None  # makes the data set of another epoch, in a tenth of the time that Python takes
        if change is None and _small(packed):
            with tf.device("CPU:0"):
                self._tensors = tf.nest.map_structure(tf.convert_to_tensor, packed)
            self._first = 0 if epoch is None else int(epoch.numpy())
            steps = tf.data.experimental.assert_cardinality(math.ceil(used / batch_size) - skip)
            self._inner = self._through(self._orders(self._first, 1)).apply(steps)
            if whole and epoch is not None:
                self._running = self._from(self._first)
        else:
            with tf.device("CPU:0"):
                self._order = tf.Variable(self._at(0), trainable=False)
            self._inner = _gathered(packed, self._order, used, batch_size, skip)
            self._inner = self._inner if change is None else change(self._inner, skip)
        super().__init__(self._inner._variant_tensor)

    def __iter__(self) -> Any:
        number = 0 if self._epoch is None else int(self._epoch.numpy())
        if self._running is not None:
            follows = number == self._first if self._given < 0 else number in (self._given, self._given + 1)
            if not follows or number >= self._until:
                self._running = self._from(number)
            self._given = number
            return self._running
        if self._order is None:
            spare = self._epoch is not None and number == self._given
            self._given = number
            return _Spare(lambda: self._epoch_of(number)) if spare else iter(self._epoch_of(number))
        if self._ordered != number:
            self._order.assign(self._at(number))
            self._ordered = number
        return iter(self._inner)

    def _at(self, number: int) -> np.ndarray:
        """The order of an epoch."""
        picked = order(self._rows, self._seed, number)
        if self._lengths is None:
            return picked
        return orders.by_length(picked, self._lengths, self._batch_size, self._seed, number)

    def _orders(self, first: int, count: int) -> np.ndarray:
        """The orders of so many epochs, (count, rows)."""
        rows = slice(self._skip * self._batch_size, self._used)
        return np.stack([self._at(number)[rows] for number in range(first, first + count)])

    def _through(self, orders: Any) -> Any:
        """The batches of the epochs whose orders, (epochs, rows), these are: each put in order as it begins."""

        def epoch(picked: Any) -> Any:
            return _behind(_cut(tf.nest.map_structure(lambda rows: tf.gather(rows, picked), self._tensors), size))

        size = self._batch_size
        with tf.device("CPU:0"):
            return _fixed(tf.data.Dataset.from_tensor_slices(orders).flat_map(epoch))

    def _from(self, number: int) -> Any:
        """An iterator through this epoch and those that follow, as many as `_until` says."""
        count = max(1, min(_MOST_EPOCHS, _ORDERED_BYTES // (8 * self._used)))
        self._until = number + count
        return iter(self._through(self._orders(number, count)))

    def _epoch_of(self, number: int) -> Any:
        if number == self._first:
            return self._inner
        if self._again is None:
            self._again = tf.function(lambda orders: tf.data.experimental.to_variant(self._through(orders)))
        with tf.device("CPU:0"):
            made = self._again(tf.convert_to_tensor(self._orders(number, 1)))
            return tf.data.experimental.from_variant(made, self._inner.element_spec)


class _Spare:
    """An iterator that is made when it is used."""

    def __init__(self, data: Callable[[], Any]) -> None:
        self._data = data
        self._inner: Iterator[Any] | None = None

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        self._inner = self._inner or iter(self._data())
        return next(self._inner)


class _Streamed(_Wrapping):
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
        epoch: tf.Variable | None,
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
        made = _fixed(made.apply(tf.data.experimental.assert_cardinality(steps)))
        self._inner = made if change is None else change(made, skip)
        super().__init__(self._inner._variant_tensor)

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
        self._number = 0 if self._epoch is None else int(self._epoch.numpy())
        return iter(self._inner)


def _small(packed: Any) -> bool:
    total: int = sum(array.nbytes for array in tf.nest.flatten(packed))
    return total <= _WHOLE_BYTES


def _gathered(packed: Any, rows: Any, used: int, size: int, skip: int) -> Any:
    """Batches of large arrays, in the order of the variable `rows` (None: their own), made one ahead of the step."""
    with tf.device("CPU:0"):
        tensors = tf.nest.map_structure(tf.convert_to_tensor, packed)

    def batch(index: Any) -> Any:
        start, stop = index * size, tf.minimum((index + 1) * size, used)
        picked = tf.range(start, stop) if rows is None else rows[start:stop]
        return tf.nest.map_structure(lambda tensor: sized(tf.gather(tensor, picked)), tensors)

    def sized(tensor: Any) -> Any:
        tensor.set_shape([None if used % size else size, *tensor.shape[1:]])
        return tensor

    return _fixed(tf.data.Dataset.range(skip, math.ceil(used / size)).map(batch).prefetch(2))


def _slices(packed: Any, batch_size: int) -> Any:
    """Arrays in their own order, a slice for each batch, the last one shorter."""
    return _joined(_cut(packed, batch_size))


def _cut(packed: Any, batch_size: int) -> list[Any]:
    """The whole batches of arrays as an axis in front, and what is left as one more batch; either may be missing."""
    rows = tf.nest.flatten(packed)[0].shape[0]
    full = rows - rows % batch_size

    def whole(array: Any) -> Any:
        shape = (full // batch_size, batch_size, *array.shape[1:])
        return array[:full].reshape(shape) if isinstance(array, np.ndarray) else tf.reshape(array[:full], shape)

    parts = [tf.nest.map_structure(whole, packed)] if full else []
    return parts + ([tf.nest.map_structure(lambda array: array[None, full:], packed)] if rows > full else [])


def _joined(parts: list[Any]) -> Any:
    with tf.device("CPU:0"):
        return _fixed(_behind(parts))


def _behind(parts: list[Any]) -> Any:
    """The batches of one part behind those of the other."""
    made = [tf.data.Dataset.from_tensor_slices(part) for part in parts]
    return made[0] if len(made) == 1 else made[0].concatenate(made[1])


def _fixed(batches: Any) -> Any:
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread is started and stopped with every epoch, which costs milliseconds
    options.experimental_optimization.apply_default_optimizations = False  # they would copy every tensor, to no end
    options.deterministic = True
    return batches.with_options(options)


def epoch_setter(epoch: tf.Variable) -> Any:
    """A keras.callbacks.Callback that sets `epoch` to the number of each epoch as it begins, from 0."""
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: epoch.assign(number))


def steps_per_execution(steps: int, work: float) -> int:
    """How many steps Keras should run in one call, for an epoch of `steps` of `work` multiply-adds each.

    As many as take a fifth of a second, at most 64 and at most the epoch; then no more than spreads the epoch evenly
    over its calls. The last call may run fewer: Keras stops at the end of the data, counts every batch, and the bits
    are those of one step at a time. Only for fit and evaluate: predict unrolls the steps, so compile it with 1.
    """
    seconds = 3e-4 + 3 * work / _RATE
    most = max(1, min(steps, _MOST_STEPS, int(_CALL_SECONDS / seconds)))
    return math.ceil(steps / math.ceil(steps / most)) if steps > 0 else 1


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
