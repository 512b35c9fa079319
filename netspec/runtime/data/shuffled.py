"""Arrays in memory as batches in an order that is a function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from netspec.runtime.data import orders, slicing
from netspec.runtime.data.epoch import Epoch

_ORDERED_BYTES, _MOST_EPOCHS = 1 << 22, 256  # of the orders of the epochs that one iterator goes through


class Shuffled(slicing.Wrapping):
    """Each `iter` is in the order of the epoch at that moment.

    Small data are put in order as a whole when an epoch begins, so that a batch is a slice and no function is called
    for it, which would cost a tenth of a millisecond a step. Others are gathered batch by batch, ahead of the step.
    The order comes in as an element and not as a variable: with deterministic operations TensorFlow makes nothing
    ahead where a function reads one. Keras asks for an iterator twice an epoch and throws the second away, hence
    `_Spare`. Making one takes longer than a short epoch, so where each is used up, one goes through many epochs.
    """

    _kept: slicing.Kept

    def __init__(
        self,
        packed: Any,
        rows: int,
        used: int,
        batch_size: int,
        seed: int,
        epoch: Epoch | None,
        change: Callable[[Any, int], Any] | None,
        skip: int,
        lengths: np.ndarray | None,
        whole: bool,
    ) -> None:
        self._rows, self._used, self._batch_size = rows, used, batch_size
        self._seed, self._epoch, self._change, self._skip, self._lengths = seed, epoch, change, skip, lengths
        self._given = -1  # the epoch of the last iterator
        self._running: Any = None
        self._again: Any = None  # makes the data set of another epoch, in a tenth of the time that Python takes
        self._sliced = change is None and slicing.small(packed, batch_size)
        self._kept = slicing.Kept(packed)
        self._first = 0 if epoch is None else epoch.number
        inner = self._through(self._orders(self._first, 1))
        if whole and change is None and epoch is not None:
            self._running = self._from(self._first)
        super().__init__(inner, self._kept)

    def __iter__(self) -> Any:
        number = 0 if self._epoch is None else self._epoch.number
        if self._running is not None:
            follows = number == self._first if self._given < 0 else number in (self._given, self._given + 1)
            if not follows or number >= self._until:
                self._running = self._from(number)
            self._given = number
            return self._running
        spare = self._epoch is not None and number == self._given
        self._given = number
        return _Spare(lambda: self._epoch_of(number)) if spare else iter(self._epoch_of(number))

    def close(self) -> None:
        """Of the iterator too, which goes through many epochs."""
        self._running = None
        super().close()

    def _orders(self, first: int, count: int) -> np.ndarray:
        """The orders of so many epochs, (count, rows)."""
        rows = slice(self._skip * self._batch_size, self._used)
        return np.stack([self._at(number)[rows] for number in range(first, first + count)])

    def _at(self, number: int) -> np.ndarray:
        picked = orders.order(self._rows, self._seed, number)
        if self._lengths is None:
            return picked
        return orders.by_length(picked, self._lengths, self._batch_size, self._seed, number)

    def _through(self, orders: Any) -> Any:
        """The batches of the epochs whose orders, (epochs, rows), these are."""
        size, rows = self._batch_size, self._used - self._skip * self._batch_size

        def epoch(picked: Any) -> Any:
            tensors = self._kept()
            if self._sliced:
                return slicing.cut(tf.nest.map_structure(lambda tensor: tf.gather(tensor, picked), tensors), size)
            return slicing.gathered(tensors, picked, rows, size)

        steps = tf.data.experimental.assert_cardinality(orders.shape[0] * math.ceil(rows / size))
        with tf.device("CPU:0"):
            made = slicing.fixed(tf.data.Dataset.from_tensor_slices(orders).flat_map(epoch).apply(steps))
        return made if self._change is None else self._change(made, self._skip)

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
