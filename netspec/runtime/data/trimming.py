"""Cuts off the padding that all rows of a batch have: columns of 0 in front of every row's numbers, or behind them.

Which inputs stand that, `graph/padding.py` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEAST = 0.1  # share of padding below which cutting costs more than it saves
_ROWS = 1 << 14  # that are looked at together


def ends(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row the first column that is no padding, and the one behind the last; two zeros where all is padding.

    >>> first, last = ends(np.array([[0, 0, 3, 0, 4], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0]]))
    >>> first.tolist(), last.tolist()
    ([2, 0, 0], [5, 1, 0])
    """
    rows, width = array.shape[:2]
    first, last = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for start in range(0, rows, _ROWS):
        there = array[start : start + _ROWS] != 0
        there = there.reshape(*there.shape[:2], -1).any(axis=2)
        some = there.any(axis=1)
        first[start : start + _ROWS] = np.argmax(there, axis=1)
        last[start : start + _ROWS] = np.where(some, width - np.argmax(there[:, ::-1], axis=1), 0)
    return first, last


def lengths(x: Mapping[str, np.ndarray], cut: Sequence[str]) -> np.ndarray:
    """How long each row is without padding, of all inputs together, (rows,)."""
    total = np.zeros(len(next(iter(x.values()))), np.int64)
    for name in cut:
        first, last = ends(x[name])
        total += last - first
    return total


def worth(x: Mapping[str, np.ndarray], cut: Sequence[str]) -> tuple[str, ...]:
    """The inputs of these of which enough is padding, if any."""
    found = []
    for name in cut:
        if x[name].size and lengths(x, (name,)).mean() < (1 - LEAST) * x[name].shape[1]:
            found.append(name)
    return tuple(found)


def shares(x: Mapping[str, np.ndarray], cut: Sequence[str], picked: np.ndarray, size: int) -> tuple[float, float]:
    """Which share of what the model is fed is padding, in batches of `size` of the rows `picked`; and with none cut."""
    real = fed = whole = 0
    for name in cut:
        first, last = (each[picked] for each in ends(x[name]))
        real, whole = real + int((last - first).sum()), whole + len(picked) * x[name].shape[1]
        for start in range(0, len(picked), size):
            begin, end = first[start : start + size], last[start : start + size]
            begin = begin[end > 0]  # rows of padding alone ask for nothing
            fed += len(end) * (int(end.max() - begin.min()) if len(begin) else x[name].shape[1])
    return 1 - real / max(1, fed), 1 - real / max(1, whole)


def trimmed(data: Any, cut: Sequence[str], *, bare: bool) -> Any:
    """A data set of batches without the padding that all rows of a batch have in these inputs.

    The batches are of (x, y, …), or with `bare` of x; x is an array, which then is the one input, or arrays by name.
    """

    def changed(*batch: Any) -> Any:
        if bare:
            return inputs(batch[0])
        return inputs(batch[0]), *batch[1:]

    def inputs(x: Any) -> Any:
        if not isinstance(x, dict):
            return _cut(x)
        return {name: _cut(part) if name in cut else part for name, part in x.items()}

    return data.map(changed)


def _cut(batch: Any) -> Any:
    import tensorflow as tf  # lengths alone are asked for where nothing is built

    there = tf.not_equal(batch, tf.zeros((), batch.dtype))
    there = tf.cast(tf.reduce_any(there, axis=[0, *range(2, len(batch.shape))]), tf.int32)
    first, behind = tf.argmax(there), tf.argmax(there[::-1])  # both 0 where there is nothing, and then nothing is cut
    return batch[:, first : tf.size(there, tf.int64) - behind]
