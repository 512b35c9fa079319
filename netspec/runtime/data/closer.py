"""A closer look at some columns for a first spec: dates and how they are written, lists of numbers and their lengths,
images and their sizes.

What is found holds of all rows that have a value, so that a spec which relies on it reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.probe.forms import Listed
from netspec.probe.pictures import SUFFIXES
from netspec.runtime.data import columnar, vectors
from netspec.runtime.data.columns import lists, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.moments import NONE, moments
from netspec.runtime.data.photos import Photos, Sampled
from netspec.runtime.data.profile import Column
from netspec.runtime.data.tables import Rows, Table

_DAY = 86_400_000_000  # microseconds
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{4}( \d{1,2}:\d\d(:\d\d)?)?|\d{4}/\d{1,2}/\d{1,2}( .*)?")
_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
_FORMATS = tuple(f"{day}{time}" for day in _DAYS for time in ("", " %H:%M", " %H:%M:%S"))
# The first cell of a list: in brackets, or with more than a decimal comma between its numbers.
_LIST = re.compile(r"\[.*\]|\s*[-+.\d]+(?:\s*;\s*|\s+)[-+.\d]+.*|[-+.\d]+(?:\s*,\s*[-+.\d]+){2,}.*", re.DOTALL)
_HUGE = 1e30
_FILES = 100_000  # that are looked for


@dataclass(frozen=True)
class Dates:
    """A column of dates: their `format` (None: ISO 8601), and whether they have times of the day."""

    format: str | None
    hours: bool


@dataclass(frozen=True)
class NumberLists:
    """A column of lists of numbers: their steps of `inner` numbers, at least, at most, and of 95 in 100 rows; whether
    all are whole numbers from 0, and the highest; whether each number is there in at least half of the rows.
    """

    inner: tuple[int, ...]
    least: int
    usual: int
    most: int
    whole: bool
    highest: int
    there: bool


@dataclass(frozen=True)
class Pictures:
    """A column of images, paths or bytes; how many rows have one, one whose file is not there, or nothing."""

    photos: Photos
    there: int
    gone: int
    empty: int

    @property
    def skips(self) -> bool:
        """Whether some rows have no image that can be read."""
        return bool(self.photos.broken or self.gone or self.empty)


Found = Dates | NumberLists | Pictures


def like_a_date(cell: str) -> bool:
    """Whether a text looks like a day, in whatever order."""
    return _DATE.fullmatch(cell) is not None


def like_a_picture(cell: str) -> bool:
    """Whether a text looks like the name of an image."""
    return cell.lower().endswith(SUFFIXES)


def look(rows: Rows, columns: Mapping[str, Column]) -> dict[str, Found | None]:
    """What columns are that look like dates or lists; None for those that are not so in every row."""
    learners: dict[str, _Dates | _Lists | _Pictures] = {}
    for name, column in columns.items():
        if column.kind == "bytes" or (column.kind == "text" and like_a_picture(column.first)):
            learners[name] = _Pictures(name)
        elif column.kind == "date" or (column.kind == "text" and like_a_date(column.first)):
            learners[name] = _Dates(name, (None,) if column.kind == "date" else _FORMATS)
        elif (column.kind == "text" and _LIST.fullmatch(column.first)) or (column.kind == "list" and not column.whole):
            learners[name] = _Lists(name)
    for table in rows.tables() if learners else ():
        for learner in learners.values():
            learner.see(table)
    return {name: learner.made() for name, learner in learners.items()}


class _Dates:
    """Which of the formats every cell has."""

    def __init__(self, name: str, formats: tuple[str | None, ...]) -> None:
        self._name, self._formats, self._hours = name, list(formats), False

    def see(self, table: Table) -> None:
        left = []
        for each in self._formats:
            try:
                found = moments(table, self._name, each)
            except DataError:
                continue
            left.append(each)
            self._hours |= bool((found[found != NONE] % _DAY).any())
        self._formats = left

    def made(self) -> Dates | None:
        """None where no format or more than one reads all: day and month are not to be told apart."""
        return Dates(self._formats[0], self._hours) if len(self._formats) == 1 else None


class _Lists:
    def __init__(self, name: str) -> None:
        self._name, self._sound, self._inner = name, True, -1
        self._counts: list[np.ndarray] = []
        self._whole, self._highest = True, 0.0
        self._there = np.zeros(0)
        self._rows = 0

    def see(self, table: Table) -> None:
        if not self._sound:
            return
        column = table.column(self._name)
        if self._inner < 0:
            self._inner = _inner(column)
        form = Listed(None, (self._inner,) if self._inner else (), False)
        try:
            found = vectors.read(table, self._name, form)
        except DataError:
            self._sound = False
            return
        self._whole = self._whole and not isinstance(column, np.ndarray) and _are_ids(table, self._name)
        numbers = found.steps[~np.isnan(found.steps)]
        self._highest = max(self._highest, float(np.abs(numbers).max(initial=0)))
        self._counts.append(found.counts[~found.gone])
        self._rows += table.rows
        width = int(found.counts.max(initial=0))
        rows = np.repeat(np.arange(table.rows), found.counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(found.counts) - found.counts, found.counts)
        there = np.bincount(within[~np.isnan(found.steps).any(axis=1)], minlength=max(width, len(self._there)))
        self._there = np.pad(self._there, (0, len(there) - len(self._there))) + there

    def made(self) -> NumberLists | None:
        counts = np.concatenate([np.zeros(0, np.int64), *self._counts])
        if (
            not self._sound
            or not len(counts)
            or not counts.max()
            or self._highest > _HUGE
            or 2 * len(counts) < self._rows
        ):
            return None
        usual = int(np.sort(counts)[int(0.95 * (len(counts) - 1))])
        there = bool((2 * self._there[: int(counts.min())] >= self._rows).all())
        inner = (self._inner,) if self._inner else ()
        least, most = int(counts.min()), int(counts.max())
        return NumberLists(inner, least, usual, most, self._whole, int(self._highest), there)


class _Pictures:
    """Whether every cell that has something names an image, or holds one."""

    def __init__(self, name: str) -> None:
        self._name, self._sampled, self._named, self._bytes = name, Sampled(), True, False
        self._there = self._gone = self._empty = self._looked = 0

    def see(self, table: Table) -> None:
        column = table.column(self._name)
        if pa.types.is_binary(column.type):
            self._bytes, held = True, [cell for cell in column.to_pylist() if cell]
            self._empty += table.rows - len(held)
            self._there += len(held)
            self._sampled.see(held)
            return
        for at, cell in enumerate(trimmed(table, self._name).to_pylist() if self._named else ()):
            if not cell:
                self._empty += 1
            elif not like_a_picture(cell):
                self._named = False
                return
            else:
                path = os.path.join(table.folder(at), cell)
                there = self._looked >= _FILES or os.path.isfile(path)
                self._looked += 1
                self._there, self._gone = self._there + there, self._gone + (not there)
                if there:
                    self._sampled.see((path,))

    def made(self) -> Pictures | None:
        """None for a column that holds something else too."""
        photos = self._sampled.made()
        named = photos.seen > photos.broken if self._bytes else self._named
        return Pictures(photos, self._there, self._gone, self._empty) if named else None


def _inner(column: object) -> int:
    """How many numbers each step has, 0 where steps are single numbers."""
    if not columnar.holds_lists(column) or columnar.depth(column) < 2:
        return 0
    assert isinstance(column, pa.Array | pa.ChunkedArray)
    lengths = pc.drop_null(pc.list_value_length(pc.list_flatten(column)))
    return int(lengths[0].as_py()) if len(lengths) else 0


def _are_ids(table: Table, name: str) -> bool:
    """Whether `sequence` reads the lists."""
    try:
        lists(table, name)
    except DataError:
        return False
    return True
