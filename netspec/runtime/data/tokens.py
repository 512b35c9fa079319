"""Text to token numbers. 0 is padding, 1 an unknown token, 2 and up the vocabulary: by frequency, then by code point.

A text is put into Unicode's NFC and lower-cased by Unicode's full rules (unless `lower: false`). Its words are the
longest runs of letters, digits, marks and underscores of any script; its characters its code points, spaces included.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

PADDING, UNKNOWN_TOKEN, FIRST = 0, 1, 2
_WORD = re.compile(r"\w+")
_FIRST_MARK = "\u0300"


def tokens(text: str, by: str, lower: bool) -> list[str]:
    """The tokens of one text.

    >>> tokens("Émile isn't 42_a", "words", True)
    ['émile', 'isn', 't', '42_a']
    """
    text = unicodedata.normalize("NFC", text)
    if lower:
        text = text.lower()
    if by == "characters":
        return list(text)
    return (_WORD if text.isascii() or max(text) < _FIRST_MARK else _word_with_marks()).findall(text)


@lru_cache(maxsize=1)
def _word_with_marks() -> re.Pattern[str]:
    """Python's own word characters leave out the vowel signs of Indic scripts, which would cut words in pieces."""
    marks = [chr(c) for c in range(ord(_FIRST_MARK), sys.maxunicode + 1) if unicodedata.category(chr(c))[0] == "M"]
    return re.compile("[" + r"\w" + "".join(marks) + "]+")


def vocabulary(texts: Iterable[str], by: str, lower: bool, size: int) -> tuple[str, ...]:
    """The tokens with the numbers 2 to `size - 1`, the most frequent first, equals by code point."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokens(text, by, lower))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(token for token, _ in ordered[: size - FIRST])


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
