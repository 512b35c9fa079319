"""Which rows are held out: by a seeded hash of the row's number, or the last ones.

The hash is splitmix64 (Steele, Lea and Flood, 2014), so the choice is the same on every machine and in every version.
"""

from __future__ import annotations

import numpy as np

_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


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
    else:
        mask[np.argsort(fractions(np.arange(rows), seed), kind="stable")[:count]] = True
    return mask


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
