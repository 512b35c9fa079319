"""A hash of texts that is the same on every machine and in every version: a polynomial of the UTF-8 bytes, mixed.

hash = mix(sum of (byte + 1) x K^position + length x GAMMA + mix(seed)) modulo 2^64, with splitmix64's mix and GAMMA
(Steele, Lea and Flood, 2014) and K = 0x9FB21C651E98DF25. All rows at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_K, _GAMMA = 0x9FB21C651E98DF25, 0x9E3779B97F4A7C15


def hashes(cells: pa.StringArray, seed: int = 0) -> np.ndarray:
    """The hash of each cell, (cells,) uint64; a missing cell has that of an empty one.

    >>> [f"{number:016x}" for number in hashes(pa.array(["a", "ab", ""])).tolist()]
    ['f0eea8c8a0607d15', '4c735a6f5bc67fd3', '0000000000000000']
    """
    cells = cells.fill_null("") if cells.null_count else cells
    if not len(cells):
        return np.zeros(0, np.uint64)
    _, starts, data = cells.buffers()
    offsets = np.frombuffer(starts, np.int32)[cells.offset : cells.offset + len(cells) + 1].astype(np.int64)
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    offsets -= offsets[0]
    lengths = np.diff(offsets)
    powers = np.full(max(1, int(lengths.max())), _K, np.uint64)
    powers[0] = 1
    with np.errstate(over="ignore"):
        np.cumprod(powers, out=powers)
        within = np.arange(len(text)) - np.repeat(offsets[:-1], lengths)
        sums = np.zeros(len(text) + 1, np.uint64)
        np.cumsum((text.astype(np.uint64) + np.uint64(1)) * powers[within], out=sums[1:])
        whole = sums[offsets[1:]] - sums[offsets[:-1]] + lengths.astype(np.uint64) * np.uint64(_GAMMA)
        return mixed(whole + mixed(np.array([seed], np.uint64)))


def mixed(values: np.ndarray) -> np.ndarray:
    """splitmix64's last step for each of some uint64."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(values ^ (values >> np.uint64(31)))
