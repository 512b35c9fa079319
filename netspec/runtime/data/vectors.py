"""Lists of numbers in a cell, of whatever depth: in texts, in Arrow's lists, in arrays; as steps below each other.

What a list may be for an input, `probe/forms.py` says, and what a text says, `probe/cells.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.probe.cells import ARRAY, BETWEEN, MISSING, SPACE, number_or_nan
from netspec.probe.forms import Listed, fits
from netspec.runtime.data import columnar, tokens
from netspec.runtime.data.columns import bad_cell, is_text, is_text_lists, lists, numbers, pointed, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.quantities import Numbers
from netspec.runtime.data.tables import Table

EXPECTED = "numbers such as `0.5 1 2` or `[0.5, 1, 2]`"
_CURE = "say `array: {length: …}` to cut and pad"


@dataclass(frozen=True)
class Lists:
    """The lists of some rows: their steps below each other, (all steps, width) float64 with NaN for missing ones; how
    many each row has; and which rows have no cell at all. Those lack all their numbers, or have no steps.
    """

    steps: np.ndarray
    counts: np.ndarray
    gone: np.ndarray

    def lacks(self) -> np.ndarray:
        """Which rows lack a number, (rows,) of bool."""
        rows = np.repeat(np.arange(len(self.counts)), self.counts)
        return np.asarray(np.bincount(rows[np.isnan(self.steps).any(axis=1)], minlength=len(self.counts)) > 0)


@dataclass(frozen=True)
class Arrays:
    """Lists of numbers as (rows, steps, …), which are numbers to `numbers`; those that are not exact cut and padded."""

    kind: ClassVar[str] = "array"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    steps: int
    inner: tuple[int, ...]
    exact: bool
    padding: str
    truncating: str
    numbers: Numbers

    @property
    def form(self) -> Listed:
        """What a list becomes."""
        return Listed(self.steps, self.inner, self.exact)

    @property
    def holes(self) -> Any:
        """What missing numbers become."""
        return self.numbers.holes

    @property
    def reading(self) -> Present:
        """What a missing cell is."""
        return Present(self.form)

    def missing(self, table: Table) -> dict[str, np.ndarray]:
        """Which rows hold a missing number that is filled in."""
        return {self.columns[0]: read(table, self.columns[0], self.form).lacks()}

    def counts(self, table: Table) -> np.ndarray:
        """How many steps each row has, (rows,)."""
        return read(table, self.columns[0], self.form).counts

    def encode(self, table: Table) -> np.ndarray:
        """(rows, steps, …) of float32, or float64 where nothing is to be done."""
        name = self.columns[0]
        check_room((table.rows, self.steps, *self.inner), 8, f"the lists of `{name}`")
        found = cut(read(table, name, self.form), self.form, self.truncating)
        shape = (table.rows, self.steps, *self.inner)
        if not found.steps.size:
            return np.zeros(shape, np.float32)
        made = self.numbers.encode(side_by_side(table, name, found, self.form)).reshape(len(found.steps), -1)
        if self.exact:
            return made.reshape(shape)
        places = tokens.pad(np.arange(1, len(made) + 1), found.counts, self.steps, self.padding, self.truncating)
        return np.asarray(np.concatenate([np.zeros((1, made.shape[1]), made.dtype), made])[places].reshape(shape))


@dataclass(frozen=True)
class Present:
    """What it is to a feature of lists that a cell is missing: there is none, or one of its numbers is missing."""

    form: Listed

    def missing(self, table: Table, name: str) -> np.ndarray:
        """Which rows lack a number or the list, (rows,) of bool."""
        found = read(table, name, self.form)
        return np.asarray(found.gone | found.lacks())


def read(table: Table, name: str, form: Listed, cure: str | None = _CURE) -> Lists:
    """The lists of a column. Raises DataError NS703 for a cell that is none, or not as long as it has to be.

    `cure` is what can be done where another length is meant.
    """
    column = table.column(name)
    if isinstance(column, np.ndarray):
        return _of_array(table, name, column, form, cure)
    if is_text(table, name):
        flat, counts, gone = _of_texts(table, name)
    elif isinstance(column, list):
        rows = lists(table, name)
        counts, gone = np.array([len(row) for row in rows], np.int64), np.zeros(table.rows, bool)
        flat = np.concatenate([np.zeros(0), *(np.asarray(row, np.float64) for row in rows)])
    else:
        flat, counts, gone = _of_lists(table, name, form)
    return _checked(table, name, flat, counts, gone, form, cure)


def _checked(
    table: Table,
    name: str,
    flat: np.ndarray,
    counts: np.ndarray,
    gone: np.ndarray,
    form: Listed,
    cure: str | None,
) -> Lists:
    """Numbers of all rows and how many each has, as steps."""
    width = form.width
    infinite = np.flatnonzero(np.isinf(flat))
    if len(infinite):
        at = int(np.searchsorted(np.cumsum(counts), infinite[0], side="right"))
        raise bad_cell(table, name, at, "finite numbers", "an infinite one")
    gone = gone | (counts == 0) if form.exact else gone  # an empty list is none
    bad = (counts != (form.steps or 0) * width if form.exact else counts % width != 0) & ~gone
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        said = f"`{table.origin}` {table.row(at)}, column `{name}`: {form.fault(int(counts[at]))}"
        raise DataError("NS703", said, cure if form.exact else None)
    if form.exact and gone.any():
        every = np.full((len(counts), (form.steps or 0) * width), np.nan)
        every[~gone] = flat.reshape(-1, every.shape[1])
        flat, counts = every.reshape(-1), np.full(len(counts), every.shape[1])
    return Lists(flat.reshape(-1, width), counts // width, gone)


def _of_texts(table: Table, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    written = trimmed(table, name)
    cells = pointed(written, table.decimal)
    gone = np.asarray(pc.is_in(pc.utf8_lower(cells), value_set=pa.array(MISSING)).to_numpy(zero_copy_only=False))
    good = np.asarray(pc.match_substring_regex(cells, f"^(?:{ARRAY})$").to_numpy(zero_copy_only=False)) | gone
    if not good.all():
        at = int(np.flatnonzero(~good)[0])
        raise bad_cell(table, name, at, EXPECTED, written[at].as_py())
    bare = pc.if_else(pa.array(gone), "", pc.replace_substring_regex(cells, rf"^\[?{SPACE}*|{SPACE}*\]?$", ""))
    parts = pc.split_pattern_regex(bare, BETWEEN)
    empty = np.asarray(pc.equal(bare, "").to_numpy(zero_copy_only=False))
    counts = np.where(empty, 0, parts.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    items = parts.flatten()
    return _numbers(items.filter(pc.not_equal(items, ""))), counts, gone


def _numbers(items: pa.StringArray) -> np.ndarray:
    """Items of lists as float64, NaN for missing ones."""
    said = pc.is_in(pc.utf8_lower(items), value_set=pa.array(MISSING))
    try:
        made = pc.cast(pc.if_else(said, pa.scalar(None, pa.string()), items), pa.float64())
    except pa.ArrowInvalid:  # a form of a number that Arrow does not know
        return np.array([number_or_nan(item) for item in items.to_pylist()])
    return np.array(made.to_numpy(zero_copy_only=False), np.float64)


def _of_array(table: Table, name: str, column: np.ndarray, form: Listed, cure: str | None) -> Lists:
    shape, rows = column.shape[1:], len(column)
    dims = (form.steps if form.exact else None, *form.inner)
    if not fits(shape, dims):
        wanted = " x ".join("any" if dim is None else str(dim) for dim in dims)
        got = " x ".join(map(str, shape)) or "1"
        cure = cure if form.exact and len(shape) == len(dims) and shape[1:] == dims[1:] else None
        said = f"`{table.origin}`, column `{name}`: expected {wanted} numbers a row, got {got}"
        raise DataError("NS708", said, cure)
    flat = numbers(table, name).reshape(rows, -1)
    counts = np.full(rows, flat.shape[1] // form.width)
    return Lists(flat.reshape(-1, form.width).astype(np.float64), counts, np.zeros(rows, bool))


def _of_lists(table: Table, name: str, form: Listed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrow's lists of numbers: flat ones, or as deep as the rows that they become."""
    array = table.column(name)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if is_text_lists(table, name):
        if len(array.flatten()):
            raise bad_cell(table, name, 0, "a list of numbers", "a list of texts")
        array = array.cast(pa.list_(pa.float64()))
    gone = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
    counts = _lengths(array)
    flat = array.flatten()
    deep = columnar.depth(array)
    if deep not in (1, 1 + len(form.inner)):
        expected = f"a list, or lists in lists {1 + len(form.inner)} deep" if form.inner else "a list of numbers"
        raise bad_cell(table, name, 0, expected, f"lists in lists {deep} deep")
    for wanted in form.inner if deep > 1 else ():
        bad = np.flatnonzero(_lengths(flat) != wanted)
        if len(bad):
            at = int(np.searchsorted(np.cumsum(counts), bad[0], side="right"))
            got = f"one of {_lengths(flat)[bad[0]]}"
            raise bad_cell(table, name, at, f"lists of {wanted} numbers in the list", got)
        counts, flat = counts * wanted, flat.flatten()
    return np.array(flat.to_numpy(zero_copy_only=False), np.float64), counts, gone


def _lengths(array: Any) -> np.ndarray:
    return np.asarray(array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)


def cut(found: Lists, form: Listed, truncating: str) -> Lists:
    """The lists without the steps that are cut off, so that nothing is learned from these."""
    if form.exact or form.steps is None or not (found.counts > form.steps).any():
        return found
    kept = np.minimum(found.counts, form.steps)
    begins = np.cumsum(found.counts) - found.counts + (found.counts - kept if truncating == "pre" else 0)
    within = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    return replace(found, steps=found.steps[np.repeat(begins, kept) + within], counts=kept)


def side_by_side(table: Table, name: str, found: Lists, form: Listed) -> Table:
    """A table of these numbers, as many side by side as are each normalized by themselves; it knows their rows."""
    array = found.steps.reshape(-1, form.last)
    each = found.counts * form.width // form.last
    rows = np.repeat(np.arange(table.rows), each)
    numbers = np.arange(table.first, table.first + table.rows) if table.numbers is None else table.numbers
    return Table({name: array}, len(array), table.origin, numbers=numbers[rows], text=table.text)
