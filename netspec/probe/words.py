"""Text to tokens. 0 is padding, 1 an unknown token, 2 and up the vocabulary: by frequency, then by code point.

Text is put into Unicode's NFC and lower case (unless `lower: false`). Words are the longest runs of letters, digits,
marks and underscores; with `punctuation` every other sign but white space is one. Characters are all code points.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

PADDING, UNKNOWN_TOKEN, FIRST = 0, 1, 2
MOST_LISTED = 1 << 21  # tokens of a file
MOST_BYTES = 1 << 28  # of it
_WORD = re.compile(r"\w+")
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
_FIRST_MARK = "\u0300"


def tokens(text: str, by: str, lower: bool, punctuation: bool = False) -> list[str]:
    """The tokens of one text.

    >>> tokens("Émile isn't 42_a", "words", True), tokens("So… no?!", "words", True, punctuation=True)
    (['émile', 'isn', 't', '42_a'], ['so', '…', 'no', '?', '!'])
    """
    text = unicodedata.normalize("NFC", text)
    if lower:
        text = text.lower()
    if by == "characters":
        return list(text)
    plain = text.isascii() or max(text) < _FIRST_MARK
    if punctuation:
        return (_WORD_OR_SIGN if plain else _word_or_sign_with_marks()).findall(text)
    return (_WORD if plain else _word_with_marks()).findall(text)


def runs(found: list[str], most: int) -> list[str]:
    """The tokens, then all runs of two of them, of three, … up to `most`, as in keras.layers.TextVectorization.

    >>> runs(["the", "cat", "sat"], 2)
    ['the', 'cat', 'sat', 'the cat', 'cat sat']
    """
    joined = [" ".join(found[at : at + size]) for size in range(2, most + 1) for at in range(len(found) - size + 1)]
    return found + joined


def listed(data: bytes, name: str) -> tuple[str, ...]:
    """The tokens of a vocabulary's file, one a line; empty lines count nothing. Raises ValueError that says why not."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"`{name}` line {line} is not UTF-8") from None
    lines: dict[str, int] = {}  # token -> the line it is on
    for number, written in enumerate(text.split("\n"), 1):
        token = written.removesuffix("\r")
        if token in lines:
            raise ValueError(f"`{name}` lists the same on lines {lines[token]} and {number}; a token has one number")
        if token:
            lines[token] = number
    if not lines:
        raise ValueError(f"`{name}` lists no tokens; expected one on each line")
    if len(lines) > MOST_LISTED:
        raise ValueError(f"`{name}` lists {len(lines):,} tokens; at most {MOST_LISTED:,} can be used")
    return tuple(lines)


@lru_cache(maxsize=1)
def _marks() -> str:
    """Python's own word characters leave out the vowel signs of Indic scripts, which would cut words in pieces."""
    every = range(ord(_FIRST_MARK), sys.maxunicode + 1)
    return "".join(chr(c) for c in every if unicodedata.category(chr(c))[0] == "M")


@lru_cache(maxsize=1)
def _word_with_marks() -> re.Pattern[str]:
    return re.compile(rf"[\w{_marks()}]+")


@lru_cache(maxsize=1)
def _word_or_sign_with_marks() -> re.Pattern[str]:
    return re.compile(rf"[\w{_marks()}]+|[^\w\s{_marks()}]")


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
