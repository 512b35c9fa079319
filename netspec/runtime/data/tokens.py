"""Texts to rows of token numbers, cut and padded. Which number a token has, `probe/words.py` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from netspec.probe.words import FIRST, PADDING, UNKNOWN_TOKEN, tokens, vocabulary

__all__ = ["FIRST", "PADDING", "UNKNOWN_TOKEN", "encode", "pad", "tokens", "vocabulary"]


def encode(texts: Iterable[str], by: str, lower: bool, index: Mapping[str, int]) -> list[list[int]]:
    """The token numbers of each text; `index` maps a token to its number."""
    get = index.get
    return [[get(token, UNKNOWN_TOKEN) for token in tokens(text, by, lower)] for text in texts]


def pad(rows: Sequence[Sequence[int]], length: int, padding: str, truncating: str) -> np.ndarray:
    """(rows, length) int64: each row cut to `length` and filled with 0, at its front (`pre`) or its end (`post`).

    Source: keras.utils.pad_sequences, whose words for the two sides these are.
    """
    padded = np.full((len(rows), length), PADDING, np.int64)
    for at, row in enumerate(rows):
        kept = row if len(row) <= length else row[len(row) - length :] if truncating == "pre" else row[:length]
        if len(kept):
            if padding == "pre":
                padded[at, length - len(kept) :] = kept
            else:
                padded[at, : len(kept)] = kept
    return padded
