"""The number of the epoch, which the order of rows and what augments them are functions of."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Epoch:
    """A number, from 0: for Python, and as a variable for a data set that reads it, which few do.

    Setting and reading a variable from Python takes a noticeable part of an epoch of some milliseconds.

    >>> epoch = Epoch(2)
    >>> int(epoch.variable)
    2
    >>> epoch.assign(3)
    >>> epoch.number, int(epoch.variable)
    (3, 3)
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._variable: tf.Variable | None = None

    @property
    def variable(self) -> tf.Variable:
        """An int64 scalar."""
        if self._variable is None:
            with tf.init_scope():
                self._variable = tf.Variable(self.number, dtype=tf.int64, trainable=False)
        return self._variable

    def assign(self, number: int) -> None:
        """Another epoch begins."""
        self.number = number
        if self._variable is not None:
            self._variable.assign(number)

    def setter(self) -> Any:
        """A keras.callbacks.Callback that assigns the number of each epoch as it begins."""
        import keras

        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: self.assign(number))
