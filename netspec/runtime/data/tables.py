"""A Table: columns of one length, cells of text files still text, and every message about a row knows which it is.

`Rows` is what can be read through again and again, a Table at a time: a Table itself, or a file that memory does not
hold. What cannot be used is a `DataError`.
"""

from __future__ import annotations

import csv
import difflib
import itertools
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import opened_text

# A pyarrow array of strings or of bytes, a numpy array (rows, ...), or a list of lists of whole numbers.
Column = Any

LONGEST = 2**31 - 1  # characters of a cell, which may be an article; Python's own limit is 131,072


class Rows(Protocol):
    """Rows that can be read through again and again, in the same order."""

    @property
    def origin(self) -> str:
        """The source's name in messages."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""

    def tables(self) -> Iterator[Table]:
        """The rows, some at a time, in order; at least one table, and none without rows."""


@dataclass(frozen=True)
class Text:
    """Where to look up the line of a row of a text file: its path and its separator."""

    path: Path
    separator: str


@dataclass(frozen=True)
class Table:
    """Columns of one length. `numbers` holds each row's number in its source, from 1; None: first, first + 1, …

    `origin` names the source in messages; `text`, for CSV and TSV, is where to look up the line of a row. Paths in
    cells are relative to one of `folders`: that number `within` (rows,) of them, the first where that is None.
    `before` rows lie in earlier files of the source, so that messages count in that of `origin`. `decimal` is the mark
    in numbers that are text.
    """

    columns: Mapping[str, Column]
    rows: int
    origin: str
    numbers: np.ndarray | None = None
    text: Text | None = None
    first: int = 1
    folders: tuple[Path, ...] = ()
    within: np.ndarray | None = None
    before: int = 0
    decimal: str = "."

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.columns)

    def tables(self) -> Iterator[Table]:
        """Itself."""
        yield self

    def take(self, rows: np.ndarray) -> Table:
        """The rows at these positions, in this order."""
        if len(rows) == self.rows and (rows == np.arange(self.rows)).all():
            return self
        numbers = np.arange(self.first, self.first + self.rows) if self.numbers is None else self.numbers
        columns = {name: _take(column, rows) for name, column in self.columns.items()}
        within = None if self.within is None else self.within[rows]
        return replace(self, columns=columns, rows=len(rows), numbers=numbers[rows], within=within)

    def row(self, position: int) -> str:
        """The row at this position as a message names it: `row 12`, with the line where a file has lines."""
        number = int(position) + self.first if self.numbers is None else int(self.numbers[position])
        number -= self.before
        if self.text is None:
            return f"row {number}"
        found = itertools.islice(records(self.text.path, self.text.separator), number, None)
        line = next((line for line, _ in found), None)
        return f"row {number}" if line is None else f"row {number} (line {line})"

    def folder(self, position: int) -> Path:
        """The folder that a path in this row is relative to."""
        if not self.folders:
            return Path()
        return self.folders[0 if self.within is None else int(self.within[position])]

    def column(self, name: str) -> Column:
        """The column of this name; NS702 with the nearest name where there is none."""
        if name not in self.columns:
            raise missing_column(self.origin, name, self.columns)
        return self.columns[name]


@dataclass(frozen=True)
class Passed:
    """Other rows as they are; what changes something about them derives from it."""

    inner: Rows

    @property
    def origin(self) -> str:
        """The source's name in messages."""
        return self.inner.origin

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.inner.rows

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.inner.names

    def tables(self) -> Iterator[Table]:
        """The rows, some at a time."""
        return self.inner.tables()


@dataclass(frozen=True)
class Chosen(Passed):
    """Those rows of others for which `mask` (rows,) is true."""

    mask: np.ndarray

    @property
    def rows(self) -> int:
        """How many are chosen."""
        return int(np.count_nonzero(self.mask))

    def tables(self) -> Iterator[Table]:
        """The chosen rows of each table that has some."""
        start = 0
        for table in self.inner.tables():
            picked = np.flatnonzero(self.mask[start : start + table.rows])
            start += table.rows
            if len(picked):
                yield table.take(picked)


def pieces(rows: Rows, most: int) -> Iterator[Table]:
    """The same rows, at most so many at a time."""
    for table in rows.tables():
        for start in range(0, table.rows, most):
            yield table.take(np.arange(start, min(start + most, table.rows)))


def chosen(rows: Rows, mask: np.ndarray) -> Rows:
    """The rows for which `mask` is true, in memory where `rows` are."""
    return rows.take(np.flatnonzero(mask)) if isinstance(rows, Table) else Chosen(rows, mask)


def _take(column: Column, rows: np.ndarray) -> Column:
    if isinstance(column, list):
        return [column[row] for row in rows.tolist()]
    return column[rows] if isinstance(column, np.ndarray) else column.take(pa.array(rows))


def records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every record of a text file that is not blank, the header included."""
    limit = csv.field_size_limit(LONGEST)
    try:
        with opened_text(path) as file:
            reader = csv.reader(file, delimiter=separator)
            line = 1
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)


def missing_column(origin: str, name: str, known: Mapping[str, object] | Items[str]) -> DataError:
    """NS702 with the nearest name first."""
    names = list(known)
    alike = [each for each in names if each.strip().casefold() == name.casefold()]
    near = alike or difflib.get_close_matches(name, names, 1, 0.6)
    shown = ", ".join(f"`{n}`" for n in names[:20]) + (", …" if len(names) > 20 else "")
    where = origin if origin == "the source" else f"`{origin}`"
    return DataError(
        "NS702",
        f"{where} has no column `{name}`; it has {shown}",
        f"did you mean `{near[0]}`?" if near else None,
    )
