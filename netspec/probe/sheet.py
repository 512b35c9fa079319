"""The rows of one data source as the first look sees them: blocks of cells by column, the first 10,000 rows at most.

A sheet is read as often as `blocks` is called. Files are streamed; no more than a few megabytes are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.diagnostics import Path

MOST_ROWS = 10_000
MOST_TEXT = 64_000_000  # characters of a text file
TEXT = "text"
UNKNOWN = "unknown"  # kind of a column that a first look does not judge


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column before its rows: text, or numbers of a shape a row, or lists of whole numbers."""

    kind: str  # `text`, `list`, UNKNOWN, or numpy's letter for numbers: b, i, u, f
    shape: tuple[int, ...] = ()  # of one row of numbers


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows. `cells` holds texts, or numbers with those of a row side by side; a column may be left out.

    `lines` has each row's line where the file has lines.
    """

    start: int
    rows: int
    cells: Mapping[str, Sequence[Any]]
    lines: Sequence[int] | None = None


@dataclass(slots=True)
class Sheet:
    """One source. `blocks` reads it and then knows `seen` and `whole`; `length` is known for arrays alone."""

    origin: str  # as a message names it
    columns: Mapping[str, Column]
    read: Callable[[Sheet, Sequence[str]], Iterator[Block]]
    length: int | None = None
    seen: int = 0  # rows looked at
    whole: bool = False  # no row is left
    listed: bool = False  # its rows are files that are there
    numbered: bool = True  # its rows have numbers that mean something
    holes: frozenset[str] = frozenset()  # columns of texts, some of which are not there at all
    earlier: frozenset[tuple[str, Path]] = frozenset()  # what was said of columns of other sources: code and place
    said: set[tuple[str, Path]] = field(default_factory=set)
    decimal: str = "."  # the mark in numbers that are text

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """The cells of these columns. Raises ProbeError for a file that is broken further down."""
        return self.read(self, names)

    def far(self) -> str:
        """How many rows a count is out of: `120 rows`, or `the first 10,000 rows`."""
        rows = f"{self.seen:,} row" + "s" * (self.seen != 1)
        return rows if self.whole else f"the first {rows}"


@dataclass(frozen=True, slots=True)
class Row:
    """Which row: its position, and its line where the file has lines."""

    number: int
    line: int | None

    def __str__(self) -> str:
        return f"row {self.number}" + ("" if self.line is None else f" (line {self.line})")


def row_of(block: Block, at: int) -> Row:
    """The row at position `at` of a block, counted from 1 over the whole file."""
    return Row(block.start + at + 1, None if block.lines is None else block.lines[at])
