"""The rows of `train` that are held out to validate and to test with, whatever way the spec names.

One pass over the rows at most for each of the two, and what is kept of a row is a byte of a mask, four bytes of a
group's hash, or, for its time, eight bytes in a file that has no name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.diagnostics import counted
from netspec.language.schema import Data, Split
from netspec.probe.cells import number
from netspec.runtime.data import moments
from netspec.runtime.data.columns import is_text, numbers, strings, texts, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.hashing import hashes
from netspec.runtime.data.split import drawn, lowest
from netspec.runtime.data.tables import Rows, Table, chosen

ORDER = ("test", "validation")  # who takes rows first: so test rows stay what they are when validation is changed
MOST_VALUES = 100_000  # different values that `stratified` tells apart
_CHUNK, _BINS = 1 << 20, 1 << 16
_BITS = 20  # of a group's hash
_HELD = 1 << 22  # times that are held in memory


@dataclass(frozen=True)
class Cut:
    """The rows to train on, those held out by the name of their part, and what the report says of each part."""

    train: Rows
    held: Mapping[str, Rows]
    notes: Mapping[str, str]


_CURES = {  # of a part without rows
    "group": "it takes groups as a whole",
    "stratified": "one row of each value stays in training; add rows, or name a column of fewer values",
}


def columns(data: Data) -> tuple[str, ...]:
    """The columns that say which rows are held out."""
    parts = (data.validation, data.test)
    return tuple(part.column for part in parts if part is not None and part.fraction and part.column)


def cut(train: Rows, data: Data, seed: int) -> Cut:
    """Hold out what `validation` and `test` of the spec ask for; their fractions are of all rows.

    Raises DataError: NS703 a row without a time, NS704 where a part would have no rows, NS708 too many values.
    """
    left = np.ones(train.rows, bool)
    held: dict[str, Rows] = {}
    notes = {}
    for name in ORDER:
        part: Split | None = getattr(data, name)
        if part is None or part.fraction is None:
            continue
        mask, said = _WAYS[part.by](_Asked(train, part, name, seed, left))
        count = int(np.count_nonzero(mask))
        left &= ~mask
        if not count or not left.any():
            empty = "to train on" if count else "to test with" if name == "test" else "to validate with"
            what = f"`{name}: {part.fraction:g}` of {counted(train.rows, 'row')} leaves none {empty}"
            raise DataError("NS704", what, _CURES.get(part.by, "add rows"))
        held[name] = chosen(train, mask)
        notes[name] = f"{said[0]} {count:,} of {train.rows:,} rows of `train`{said[1]}".lstrip()
    return Cut(chosen(train, left) if held else train, held, notes)


@dataclass(frozen=True)
class _Asked:
    """One part to hold out of rows of which some are `left`."""

    rows: Rows
    part: Split
    name: str
    seed: int
    left: np.ndarray

    @property
    def count(self) -> int:
        """How many rows, where they can be counted out."""
        return min(round(self.rows.rows * (self.part.fraction or 0)), int(np.count_nonzero(self.left)))

    @property
    def column(self) -> str:
        """The column that the way goes by."""
        assert self.part.column is not None
        return self.part.column

    @property
    def from_above(self) -> bool:
        """Whether the highest hashes are held out: test and validation start from two ends."""
        return self.name == "test"


_Answer = tuple[np.ndarray, tuple[str, str]]


def _by_hash(asked: _Asked) -> _Answer:
    mask = lowest(asked.left, asked.count, asked.seed, from_above=asked.from_above)
    return mask, ("", ", drawn by a seeded hash of their numbers")


def _by_order(asked: _Asked) -> _Answer:
    mask = np.zeros(asked.rows.rows, bool)
    if asked.count:
        mask[np.flatnonzero(asked.left)[-asked.count :]] = True
    return mask, ("the last", "")


def _by_time(asked: _Asked) -> _Answer:
    """The latest rows; of those of one moment the last ones of the file."""
    column, rows = asked.column, asked.rows.rows
    with tempfile.TemporaryFile(prefix="netspec-") as file:
        keys: Any = np.zeros(rows, np.uint64) if rows <= _HELD else np.memmap(file, np.uint64, "w+", shape=(rows,))
        start, dates = 0, None
        for table in asked.rows.tables():
            if dates is None:
                dates = _are_dates(table, column)
            keys[start : start + table.rows] = _times(table, asked, dates)
            start += table.rows
        mask, least = _highest(keys, asked.left, asked.count)
    if least is None:
        return mask, ("", "")
    first = _shown(least) if dates else f"{_from_key(least):.15g}"
    return mask, ("the latest", f" by `{column}`, from {first} on")


def _are_dates(table: Table, column: str) -> bool:
    """Whether a column holds dates, told by its first cell that holds something; numbers are times as well."""
    if not is_text(table, column):
        return False
    there = np.flatnonzero(moments.there(table, column))
    return not len(there) or number(trimmed(table, column)[int(there[0])].as_py(), table.decimal) is None


def _times(table: Table, asked: _Asked, dates: bool) -> np.ndarray:
    """A key for each row, higher for later ones."""
    column, why = asked.column, f"by which `{asked.name}` holds out rows"
    if dates or asked.part.format is not None:
        found = moments.moments(table, column, asked.part.format)
        moments.require_all(table, column, found, why)
        return found.astype(np.uint64) ^ np.uint64(1 << 63)
    values = numbers(table, column).astype(np.float64)
    if values.ndim > 1:
        values = values.reshape(len(values), -1)
        if values.shape[1] != 1:
            raise DataError("NS708", f"`{table.origin}`, column `{column}`: several numbers a row are no time")
        values = values[:, 0]
    moments.require_all(table, column, np.where(np.isnan(values), moments.NONE, 0), why)
    bits = (values + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    return np.where(bits >> np.uint64(63), ~bits, bits | np.uint64(1 << 63))


def _from_key(key: int) -> float:
    bits = np.array([key], np.uint64)
    turned = np.where(bits >> np.uint64(63), bits & np.uint64((1 << 63) - 1), ~bits)
    return float(turned.view(np.float64)[0])


def _shown(key: int) -> str:
    moment = np.datetime64(int(key) - (1 << 63), "us")
    text = str(moment).replace("T", " ")
    return text.removesuffix(".000000").removesuffix(" 00:00:00")


def _highest(keys: Any, left: np.ndarray, count: int) -> tuple[np.ndarray, int | None]:
    """The `count` rows of `left` with the highest keys, of equal ones the last; and the lowest key among them."""
    mask = np.zeros(len(left), bool)
    if not count:
        return mask, None
    prefix, wanted = 0, count  # bits of the lowest key to take that are known, and how many rows are to come of it
    for shift in (48, 32, 16, 0):
        bins = np.zeros(_BINS, np.int64)
        for start in range(0, len(left), _CHUNK):
            part = np.asarray(keys[start : start + _CHUNK])[left[start : start + _CHUNK]]
            if shift < 48:
                part = part[part >> np.uint64(shift + 16) == np.uint64(prefix)]
            bins += np.bincount(((part >> np.uint64(shift)) & np.uint64(_BINS - 1)).astype(np.int64), minlength=_BINS)
        above = np.cumsum(bins[::-1])[::-1]
        at = int(np.flatnonzero(above >= wanted)[-1])
        wanted -= int(above[at] - bins[at])
        prefix = (prefix << 16) | at
    for start in reversed(range(0, len(left), _CHUNK)):
        part = np.asarray(keys[start : start + _CHUNK])
        mask[start : start + _CHUNK] = (part > np.uint64(prefix)) & left[start : start + _CHUNK]
        equal = np.flatnonzero((part == np.uint64(prefix)) & left[start : start + _CHUNK])[::-1][:wanted]
        mask[start + equal] = True
        wanted -= len(equal)
    return mask, prefix


def _by_group(asked: _Asked) -> _Answer:
    """Whole groups in the order of the seeded hash of their value, as many as come nearest to the fraction.

    Groups are told apart by 20 bits of the hash: two that share them stay together.
    """
    bins = np.zeros(asked.rows.rows, np.uint32)
    start = 0
    for table in asked.rows.tables():
        values, places = _distinct(table, asked.column)
        found = (hashes(values, asked.seed) >> np.uint64(64 - _BITS)).astype(np.uint32)
        bins[start : start + table.rows] = found[places]
        start += table.rows
    if asked.from_above:
        bins ^= np.uint32((1 << _BITS) - 1)
    counts = np.bincount(bins[asked.left], minlength=1 << _BITS)
    groups = np.flatnonzero(counts)
    if len(groups) < 2:
        return np.zeros(len(bins), bool), ("", "")
    sums = np.cumsum(counts[groups])[:-1]  # one at least stays
    taken = int(np.argmin(np.abs(sums - asked.rows.rows * (asked.part.fraction or 0)))) + 1
    mask = (bins <= groups[taken - 1]) & asked.left
    about = "about " if len(groups) > 1000 else ""  # of which some may share their bits
    return mask, ("", f", all of {about}{taken:,} out of {len(groups):,} groups by `{asked.column}`")


def _stratified(asked: _Asked) -> _Answer:
    """The same share of the rows of every value, but for part of a row: in each million rows those of lowest hashes.

    Of every value one row at least stays.
    """
    left, fraction = asked.left, asked.part.fraction or 0
    mask = np.zeros(len(left), bool)
    known: dict[str, int] = {}
    seen, stays, taken = (np.zeros(0, np.int64) for _ in range(3))  # by value: all rows, rows that are left, held out
    waiting: list[np.ndarray] = []
    done, rows = 0, 0
    for table in asked.rows.tables():
        values, places = _distinct(table, asked.column)
        codes = np.array([known.setdefault(value, len(known)) for value in values.to_pylist()], np.int32)
        if len(known) > MOST_VALUES:
            said = f"`{table.origin}`, column `{asked.column}`: more than {MOST_VALUES:,} different values"
            raise DataError("NS708", f"{said}, of which `{asked.name}` should keep the shares", "is it the right one?")
        waiting.append(codes[places])
        rows += table.rows
        while rows - done >= _CHUNK or (rows == len(left) and rows > done):
            codes = np.concatenate(waiting)
            codes, waiting = codes[:_CHUNK], [codes[_CHUNK:]]
            seen, stays, taken = (np.pad(each, (0, len(known) - len(each))) for each in (seen, stays, taken))
            here = slice(done, done + len(codes))
            seen += np.bincount(codes, minlength=len(known))
            stays += np.bincount(codes[left[here]], minlength=len(known))
            start = (hashes(pa.array(list(known), pa.string()), asked.seed) >> np.uint64(11)) * 2.0**-53
            quota = np.minimum(np.floor(seen * fraction + start).astype(np.int64), stays - 1) - taken
            draws = drawn(done, len(left), asked.seed)[: len(codes)]
            mask[here] = _first(codes, 1 - draws if asked.from_above else draws, left[here], quota)
            taken += np.bincount(codes[mask[here]], minlength=len(known))
            done += len(codes)
    return mask, ("", f", the same share of each of {len(known):,} values of `{asked.column}`")


def _first(codes: np.ndarray, draws: np.ndarray, left: np.ndarray, quota: np.ndarray) -> np.ndarray:
    """Which rows are among the `quota` lowest draws of their code, of those that are left."""
    mask = np.zeros(len(codes), bool)
    rows = np.flatnonzero(left)
    rows = rows[np.lexsort((draws[rows], codes[rows]))]
    counts = np.bincount(codes[rows], minlength=len(quota))
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    mask[rows[within < quota[codes[rows]]]] = True
    return mask


def _distinct(table: Table, column: str) -> tuple[pa.StringArray, np.ndarray]:
    """The different values of a column as texts, and the place of each row's among them."""
    cells = table.column(column)
    if isinstance(cells, np.ndarray) and cells.reshape(len(cells), -1).shape[1] == 1:
        different, places = np.unique(cells.reshape(-1), return_inverse=True)
        return strings(Table({column: different}, len(different), table.origin), column), places.reshape(-1)
    if not is_text(table, column):
        texts(table, column)  # which says what is wrong with several values a row
    found = pc.utf8_trim_whitespace(strings(table, column)).dictionary_encode()
    return found.dictionary, np.asarray(found.indices.to_numpy(zero_copy_only=False))


_WAYS = {"hash": _by_hash, "order": _by_order, "time": _by_time, "group": _by_group, "stratified": _stratified}
