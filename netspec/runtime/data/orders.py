"""Which rows come when in an epoch: a function of (seed, epoch) and of nothing else, the same on every machine.

An epoch is a list of batches, so it can be begun at any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from netspec.runtime.data.split import fractions
from netspec.runtime.data.store import Blocks, Piece, joined

POOL = 8  # blocks of a store that are shuffled together
_CHUNK = 64  # batches whose rows are put together by length
_CHUNKS = 4  # at least, so that rows of one length do not meet in every epoch
_BATCHES = 1 << 31  # no seed is as large: the order of batches has nothing to do with that of rows


def order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's rows, (rows,) int64: by splitmix64 of (seed, epoch), the same everywhere.

    >>> sorted(order(5, 1, 0).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.argsort(fractions(np.arange(rows), seed + ((epoch + 1) << 32)), kind="stable")


def by_length(picked: np.ndarray, lengths: np.ndarray, size: int, seed: int, epoch: int, first: int = 0) -> np.ndarray:
    """The rows `picked` in another order, in which each batch of `size` has rows of like `lengths`.

    Lengths are those of all rows, by their number. Some batches at a time are sorted by length, then all of them are
    shuffled, so that short ones do not come first; what fills no batch stays at the end. `first` is the number in the
    epoch of the first batch.
    """
    batches = len(picked) // size
    if not batches:
        return picked
    whole = picked[: batches * size]
    chunks = max(-(-batches // _CHUNK), min(_CHUNKS, batches))
    chunk = np.repeat(np.arange(batches) * chunks // batches, size)
    alike = whole[np.lexsort((lengths[whole], chunk))].reshape(batches, size)
    shuffled = alike[order(batches, seed + _BATCHES + first, epoch)].reshape(-1)
    return np.concatenate([shuffled, picked[batches * size :]])


def pools(store: Blocks, seed: int, epoch: int, skip: int = 0) -> Iterator[Piece]:
    """The blocks of a store in the order of an epoch, `POOL` at a time, and the rows of these in an order of theirs.

    All but the first `skip` rows; a pool that is skipped as a whole is not read.
    """
    for number, (pool, rows) in enumerate(_pools(store, seed, epoch)):
        if rows > skip:
            picked = order(rows, seed + 1 + number, epoch)[skip:]
            yield joined([store.block(int(block)) for block in pool]).taken(picked)
        skip = max(0, skip - rows)


def pools_by_length(
    store: Blocks, lengths: Callable[[Piece], np.ndarray], size: int, seed: int, epoch: int, skip: int = 0
) -> Iterator[Piece]:
    """The same, where each batch of `size` has rows of like length; all but the first `skip` batches.

    Rows that fill no batch of their pool are the first of the next one.
    """
    first = rows = 0
    for _, more in _pools(store, seed, epoch):
        whole = (rows + more) // size - first
        if whole > skip:
            break
        first, rows, skip = first + whole, rows + more, skip - whole
    left: list[Piece] = []
    for part in pools(store, seed, epoch, first * size):
        pool = joined([*left, part])
        picked = by_length(np.arange(pool.rows), lengths(pool), size, seed, epoch, first)
        whole = pool.rows // size
        if whole > skip:
            yield pool.taken(picked[skip * size : whole * size])
        first, skip = first + whole, max(0, skip - whole)
        left = [pool.cut(whole * size, pool.rows)]
    if left and left[0].rows:
        yield left[0]


def in_order(store: Blocks, skip: int) -> Iterator[Piece]:
    """The blocks of a store as they lie, all but the first `skip` rows."""
    first, within = divmod(skip, store.block_rows)
    for number in range(first, store.blocks):
        block = store.block(number)
        yield block.cut(within, block.rows) if within else block
        within = 0


def _pools(store: Blocks, seed: int, epoch: int) -> Iterator[tuple[np.ndarray, int]]:
    """The numbers of the blocks that come together, and how many rows they have."""
    blocks = order(store.blocks, seed, epoch)
    for start in range(0, len(blocks), POOL):
        pool = blocks[start : start + POOL]
        yield pool, sum(min(store.block_rows, store.rows - int(block) * store.block_rows) for block in pool)
