"""A seeded hash of each row's number, and the rows for which it is lowest.

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


def lowest(left: np.ndarray, count: int, seed: int, *, from_above: bool = False) -> np.ndarray:
    """A mask (rows,) of the `count` rows of `left` with the lowest hashes of their numbers, or with the highest.

    >>> lowest(np.ones(5, bool), 2, 0).tolist(), lowest(np.ones(5, bool), 2, 0, from_above=True).tolist()
    ([False, False, True, False, True], [True, False, False, True, False])
    """
    rows = len(left)
    mask = np.zeros(rows, bool)
    if count:
        top = _lowest(left, count, seed, from_above)
        for start in range(0, rows, _CHUNK):
            here = slice(start, start + _CHUNK)
            mask[here] = (_turned(start, rows, seed, from_above) <= top) & left[here]
        # Two rows of one hash are all but impossible; then the later one stays.
        for extra in np.flatnonzero(mask)[::-1][: int(mask.sum()) - count]:
            mask[extra] = False
    return mask


def _lowest(left: np.ndarray, count: int, seed: int, from_above: bool) -> float:
    """The hash that is the `count`-th lowest, found without holding or sorting all of them."""
    rows, bins = len(left), np.zeros(_BINS, np.int64)
    for start in range(0, rows, _CHUNK):
        draws = _turned(start, rows, seed, from_above)[left[start : start + _CHUNK]]
        bins += np.bincount((draws * _BINS).astype(np.int64), minlength=_BINS)
    at = int(np.searchsorted(np.cumsum(bins), count))
    inside = []
    for start in range(0, rows, _CHUNK):
        draws = _turned(start, rows, seed, from_above)[left[start : start + _CHUNK]]
        inside.append(draws[(draws * _BINS).astype(np.int64) == at])
    wanted = count - int(bins[:at].sum())
    return float(np.sort(np.concatenate(inside))[wanted - 1])


def _turned(start: int, rows: int, seed: int, from_above: bool) -> np.ndarray:
    draws = drawn(start, rows, seed)
    return 1 - 2.0**-53 - draws if from_above else draws


def drawn(start: int, rows: int, seed: int) -> np.ndarray:
    """The hashes of the rows from `start` on, a million at most of `rows`."""
    return fractions(np.arange(start, min(start + _CHUNK, rows)), seed)


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
