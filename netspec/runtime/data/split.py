"""Which rows are held out: by a seeded hash of the row's number, or the last ones.

The hash is splitmix64 (Steele, Lea and Flood, 2014), so the choice is the same on every machine and in every version.
"""

from __future__ import annotations

import numpy as np

_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
_CHUNK, _BINS = 1 << 20, 1 << 16


def fractions(rows: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each row number: splitmix64's output number `row + 1` from the state mix(seed).

    >>> [round(number, 4) for number in fractions(np.arange(3), 0).tolist()]
    [0.8833, 0.4315, 0.0264]
    """
    state = np.uint64(_mix(seed & _MASK))
    with np.errstate(over="ignore"):
        mixed = state + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def held_out(rows: int, fraction: float, by: str, seed: int) -> np.ndarray:
    """A mask (rows,) of the rows to hold out, round(rows x fraction) of them: those of the lowest hashes, or the last.

    >>> held_out(5, 0.4, "order", 0).tolist(), int(held_out(5, 0.4, "hash", 0).sum())
    ([False, False, False, True, True], 2)
    """
    count = round(rows * fraction)
    mask = np.zeros(rows, bool)
    if by == "order":
        mask[rows - count :] = True
    elif count:
        top = _lowest(rows, count, seed)
        for start in range(0, rows, _CHUNK):
            mask[start : start + _CHUNK] = _drawn(start, rows, seed) <= top
        # Two rows of one hash are all but impossible; then the later one stays.
        for extra in np.flatnonzero(mask)[::-1][: int(mask.sum()) - count]:
            mask[extra] = False
    return mask


def _lowest(rows: int, count: int, seed: int) -> float:
    """The hash that is the `count`-th lowest, found without holding or sorting all of them."""
    bins = np.zeros(_BINS, np.int64)
    for start in range(0, rows, _CHUNK):
        bins += np.bincount((_drawn(start, rows, seed) * _BINS).astype(np.int64), minlength=_BINS)
    at = int(np.searchsorted(np.cumsum(bins), count))
    inside = []
    for start in range(0, rows, _CHUNK):
        drawn = _drawn(start, rows, seed)
        inside.append(drawn[(drawn * _BINS).astype(np.int64) == at])
    left = count - int(bins[:at].sum())
    return float(np.sort(np.concatenate(inside))[left - 1])


def _drawn(start: int, rows: int, seed: int) -> np.ndarray:
    return fractions(np.arange(start, min(start + _CHUNK, rows)), seed)


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
