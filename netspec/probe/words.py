"""Text to tokens. 0 is padding, 1 an unknown token, 2 and up the vocabulary: by frequency, then by code point.

A text is put into Unicode's NFC and lower-cased by Unicode's full rules (unless `lower: false`). Its words are the
longest runs of letters, digits, marks and underscores of any script; its characters its code points, spaces included.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

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
    return most_frequent(counts, size)


def most_frequent(counts: Mapping[str, int], size: int) -> tuple[str, ...]:
    """The same of tokens that are counted."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(token for token, _ in ordered[: size - FIRST])
