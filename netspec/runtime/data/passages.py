"""A running text as token numbers: its files are read in blocks, learned from and numbered, each token in few bytes.

Ends of lines are `\\n`. Numbers that memory should not hold lie in a file without a name, mapped into memory.
"""

from __future__ import annotations

import io
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from netspec.language.schema import Source
from netspec.probe.windows import Segment
from netspec.runtime.data import tokens
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File, found, opened
from netspec.runtime.data.store import room
from netspec.runtime.data.text_files import check_utf8

# Shows how far a reading is: from its name and its length, what is to be called with each further part.
Watch = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

_BLOCK = 1 << 20  # characters
_LONGEST = 1 << 24  # characters without white space, behind which a block ends anyhow


@dataclass(frozen=True)
class Passage:
    """The files of a text, how they are cut into tokens, and how many tokens each has."""

    files: tuple[File, ...]
    by: str
    lower: bool
    counts: tuple[int, ...]
    watch: Watch
    punctuation: bool = False

    @property
    def origin(self) -> str:
        """The text's name in messages."""
        return self.files[0].name if len(self.files) == 1 else f"{self.files[0].name} and {len(self.files) - 1} more"

    @property
    def total(self) -> int:
        """How many tokens there are."""
        return sum(self.counts)

    def tokens(self, what: str = "") -> Iterator[pa.StringArray]:
        """All tokens in order, a block at a time. NS705 at the end of a file that was changed meanwhile."""
        with self.watch(what, self.total) as tick:
            for file, expected in zip(self.files, self.counts, strict=True):
                seen = 0
                for block in _cut(file, self.by, self.lower, self.punctuation):
                    seen += len(block)
                    yield block
                    tick(len(block))
                file.check_same()
                if seen != expected:
                    said = f"`{file.name}` was changed while it was read"
                    raise DataError("NS705", said, "run it again when it rests")

    def learned(self, segments: Sequence[Segment], size: int) -> tuple[str, ...]:
        """The vocabulary of the first tokens, up to the end of the last of `segments`."""
        left, counts = segments[-1][1], tokens.Counts()
        for block in self.tokens("learning the text"):
            counts.see(block[:left])
            left -= min(left, len(block))
            if not left:
                break
        return counts.vocabulary(size)

    def numbered(self, vocabulary: tuple[str, ...]) -> np.ndarray:
        """Every token's number, (tokens,) of the smallest dtype that holds them."""
        most = len(vocabulary) + 1
        dtype = np.dtype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.int32)
        ids = _empty(self.total, dtype)
        known, at = pa.array(vocabulary, pa.string()), 0
        for block in self.tokens("numbering the text"):
            ids[at : at + len(block)] = tokens.numbered(block, known)
            at += len(block)
        return ids


def unwatched(what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Shows nothing."""
    return nullcontext(lambda count: None)


def opened_passage(
    source: Source, folder: Path, by: str, lower: bool, watch: Watch = unwatched, punctuation: bool = False
) -> Passage:
    """The text of a source, its tokens counted; `watch` shows how far each reading is.

    Raises DataError: NS701 no such file, NS704 an empty one, NS705 one that cannot be read or is not UTF-8.
    """
    files = found(source, folder)
    for file in files:
        check_utf8(file)
    counts = []
    with watch("counting the text", sum(file.bytes for file in files)) as tick:
        for file in files:
            counts.append(0)
            for text in _blocks(file):
                counts[-1] += len(_tokens(text, by, lower, punctuation))
                tick(len(text))
    return Passage(files, by, lower, tuple(counts), watch, punctuation)


def _empty(size: int, dtype: np.dtype) -> np.ndarray:
    if size * dtype.itemsize <= room():
        return np.empty(size, dtype)
    with tempfile.TemporaryFile(prefix="netspec-") as file:  # the mapping keeps it
        return np.memmap(file, dtype, "w+", shape=(size,))


def _cut(file: File, by: str, lower: bool, punctuation: bool) -> Iterator[pa.StringArray]:
    for text in _blocks(file):
        yield _tokens(text, by, lower, punctuation)


def _tokens(text: str, by: str, lower: bool, punctuation: bool) -> pa.StringArray:
    return tokens.flat(pa.array([text], pa.string()), by, lower, punctuation)[0]


def _blocks(file: File) -> Iterator[str]:
    """The text in pieces that end behind white space, so that no word, and no letter with its marks, is torn."""
    try:
        with io.TextIOWrapper(opened(file.path), encoding="utf-8-sig") as text:
            left = ""
            while more := text.read(_BLOCK):
                left += more
                at = _end(left)
                if at:
                    yield left[:at]
                    left = left[at:]
            if left:
                yield left
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError("NS705", f"`{file.name}` cannot be read: {error}") from None


def _end(text: str) -> int:
    """Behind the last white space after which a letter begins; 0 where the text should grow first."""
    at = len(text) - 1
    while at > 0 and not (text[at - 1].isspace() and not unicodedata.combining(text[at])):
        at -= 1
    return at or (len(text) if len(text) >= _LONGEST else 0)
