"""Columns of texts to token numbers, all rows at once. Which tokens a text has, `probe/words.py` says.

Rows of ASCII, nearly all in most tables, are cut by looking their bytes up; the others one by one by Python.
"""

from __future__ import annotations

import heapq

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.probe.words import FIRST, PADDING, UNKNOWN_TOKEN, tokens

MOST_WORDS = 1 << 21  # different tokens that are counted at a time; beyond, the rarest so far are forgotten

_BYTES = np.arange(256, dtype=np.uint8)
_LOWER = np.where((_BYTES >= 65) & (_BYTES <= 90), _BYTES + 32, _BYTES).astype(np.uint8)
_SIGN = np.array([not (chr(b).isalnum() or b == 95 or chr(b).isspace()) for b in range(128)] + [False] * 128)
_IN_WORD = np.array([chr(byte).isalnum() or byte == 95 for byte in range(128)] + [False] * 128)


def found(
    cells: pa.StringArray, by: str, lower: bool, ngrams: int, punctuation: bool = False
) -> tuple[pa.StringArray, np.ndarray]:
    """The tokens of all cells and their runs of up to `ngrams`, as `probe/words.py` has them; otherwise as `flat`.

    >>> made, counts = found(pa.array(["a b c", "", "d e"]), "words", True, 2)
    >>> made.to_pylist(), counts.tolist()
    (['a', 'b', 'c', 'a b', 'b c', 'd', 'e', 'd e'], [5, 0, 3])
    """
    tokens_, counts = flat(cells, by, lower, punctuation)
    rows = np.repeat(np.arange(len(counts)), counts)
    parts, of_rows, sums = [tokens_], [rows], counts.copy()
    for size in range(2, ngrams + 1):
        starts = np.flatnonzero(rows[size - 1 :] == rows[: len(rows) - size + 1])
        pieces = [tokens_.take(pa.array(starts + at)) for at in range(size)]
        parts.append(pc.binary_join_element_wise(*pieces, " "))
        of_rows.append(rows[starts])
        sums += np.bincount(rows[starts], minlength=len(counts))
    if ngrams == 1:
        return tokens_, counts
    order = np.argsort(np.concatenate(of_rows), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(order)), sums


def flat(cells: pa.StringArray, by: str, lower: bool, punctuation: bool = False) -> tuple[pa.StringArray, np.ndarray]:
    """The tokens of all cells one behind the other, and how many each cell has, (cells,) int64.

    >>> found, counts = flat(pa.array(["Isn't it", "", None, "Émile 4_2"]), "words", True)
    >>> found.to_pylist(), counts.tolist()
    (['isn', 't', 'it', 'émile', '4_2'], [3, 0, 0, 2])
    """
    cells = cells.fill_null("") if cells.null_count else cells
    data, offsets = _bytes(cells)
    if not len(data) or data.max() < 128:
        return _ascii(data, offsets, by, lower, punctuation)
    high = np.concatenate([[0], np.cumsum(data > 127)])
    wide = high[offsets[1:]] > high[offsets[:-1]]
    mask = pa.array(wide)
    slow = [tokens(cell, by, lower, punctuation) for cell in cells.filter(mask).to_pylist()]
    quick, counted = _ascii(*_bytes(cells.filter(pc.invert(mask))), by, lower, punctuation)
    counts = np.empty(len(cells), np.int64)
    counts[~wide], counts[wide] = counted, [len(row) for row in slow]
    both = pa.concat_arrays([quick, pa.array([token for row in slow for token in row], pa.string())])
    narrow, rest = np.flatnonzero(~wide), np.flatnonzero(wide)
    row_of = np.concatenate([np.repeat(narrow, counts[narrow]), np.repeat(rest, counts[rest])])
    return both.take(pa.array(np.argsort(row_of, kind="stable"))), counts


def _bytes(cells: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The text of all cells, (bytes,) uint8, and where each begins and the last one ends, (cells + 1,)."""
    if not len(cells):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, starts, data = cells.buffers()
    offsets = np.frombuffer(starts, np.int32)[cells.offset : cells.offset + len(cells) + 1].astype(np.int64)
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return text, offsets - offsets[0]


def _ascii(
    data: np.ndarray, offsets: np.ndarray, by: str, lower: bool, punctuation: bool
) -> tuple[pa.StringArray, np.ndarray]:
    if by == "characters":
        kept, places, counts = data, np.arange(len(data) + 1, dtype=np.int32), np.diff(offsets)
    else:
        inside = _IN_WORD[data]
        starts, ends = inside.copy(), inside.copy()
        np.greater(inside[1:], inside[:-1], out=starts[1:])
        np.greater(inside[:-1], inside[1:], out=ends[:-1])
        first = offsets[:-1][offsets[:-1] < len(data)]
        starts[first] = inside[first]  # a word does not go on from one cell to the next
        ends[first[first > 0] - 1] = inside[first[first > 0] - 1]
        if punctuation:
            signs = _SIGN[data]
            inside, starts, ends = inside | signs, starts | signs, ends | signs
        begins = np.flatnonzero(starts)
        places = np.zeros(len(begins) + 1, np.int32)
        np.cumsum(np.flatnonzero(ends) + 1 - begins, out=places[1:])
        kept, counts = data[inside], np.diff(np.searchsorted(begins, offsets))
    text = _LOWER[kept] if lower else np.ascontiguousarray(kept)
    return pa.StringArray.from_buffers(len(places) - 1, pa.py_buffer(places), pa.py_buffer(text)), counts


def numbered(found: pa.StringArray, vocabulary: pa.StringArray) -> np.ndarray:
    """The tokens' numbers, int32: their place in the vocabulary and 2, 1 for those that it has not."""
    places = pc.index_in(found, value_set=vocabulary)
    return np.asarray(places.fill_null(UNKNOWN_TOKEN - FIRST).to_numpy(zero_copy_only=False), np.int32) + FIRST


def pad(ids: np.ndarray, counts: np.ndarray, length: int, padding: str, truncating: str) -> np.ndarray:
    """(rows, length): rows of `counts` numbers, cut to `length` and filled with 0, at the front (`pre`) or the end.

    Source: keras.utils.pad_sequences, whose words for the two sides these are.

    >>> pad(np.array([7, 8, 9, 5]), np.array([3, 1, 0]), 2, "pre", "post").tolist()
    [[7, 8], [0, 5], [0, 0]]
    """
    padded = np.full((len(counts), length), PADDING, ids.dtype)
    kept = np.minimum(counts, length)
    begins = np.cumsum(counts) - counts
    if truncating == "pre":
        begins = begins + counts - kept
    rows = np.repeat(np.arange(len(counts)), kept)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(kept) - kept, kept)
    shift = np.repeat(length - kept, kept) if padding == "pre" else 0
    padded[rows, within + shift] = ids[np.repeat(begins, kept) + within]
    return padded


class Counts:
    """How often each token occurs, counted block by block. `exact` is false once rare ones had to be forgotten."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.total, self.exact = 0, True

    def see(self, found: pa.StringArray) -> None:
        """Count more tokens."""
        self.total += len(found)
        pairs = pc.value_counts(found)
        counts = self.counts
        for token, count in zip(pairs.field(0).to_pylist(), pairs.field(1).to_pylist(), strict=True):
            counts[token] = counts.get(token, 0) + count
        least = 1
        while len(counts) > MOST_WORDS:
            counts = {token: count for token, count in counts.items() if count > least}
            least, self.exact = least + 1, False
        self.counts = counts

    def vocabulary(self, size: int) -> tuple[str, ...]:
        """The tokens with the numbers 2 to `size - 1`, the most frequent first, equals by code point."""
        best = heapq.nsmallest(size - FIRST, self.counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(token for token, _ in best)
