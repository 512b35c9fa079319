"""One class a step: lists of class numbers or of their names, cut and padded; and which steps are padding.

Lists are those of a file that has them, the rows of an array, or text such as `3 17 5`. An empty one is no label. Where
there are names of classes, texts are names and numbers still class numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.runtime.data import multi, tokens
from netspec.runtime.data.columns import bad_cell, is_lists, is_text_lists, lists, show, trimmed
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.tables import Table


@dataclass(frozen=True)
class Stepwise:
    """How lists are cut and padded; the length is 0 while it is not known."""

    length: int
    padding: str
    truncating: str


_EMPTY = r"^\[?\s*\]?$"


def missing(table: Table, column: str, named: bool) -> np.ndarray:
    """Which rows have an empty list, (rows,) of bool."""
    cells = table.column(column)
    if isinstance(cells, np.ndarray):
        return np.full(table.rows, cells[0].size == 0 if table.rows else False)
    if isinstance(cells, list):
        return np.array([not len(row) for row in cells], bool)
    if is_lists(table, column) or is_text_lists(table, column):
        empty = pc.equal(pc.list_value_length(cells).fill_null(0), 0)
    else:
        found = trimmed(table, column)
        empty = pc.equal(found, "") if named else pc.match_substring_regex(found, _EMPTY)
    return np.asarray(empty.to_numpy(zero_copy_only=False), bool) if table.rows else np.zeros(0, bool)


def names(table: Table, column: str) -> tuple[np.ndarray, pa.StringArray]:
    """(row, name) of every step that has a name."""
    return multi.names(table, column, None)


def longest(table: Table, column: str, named: bool) -> int:
    """The most steps of a row."""
    return int(_counts(table, column, named)[0].max(initial=0))


def encode(
    table: Table, column: str, known: tuple[str, ...], units: int, said: Stepwise
) -> tuple[np.ndarray, np.ndarray]:
    """(class numbers, which steps are there), both (rows, length), int64 and bool; padding is 0.

    Raises DataError NS703 for a name that is none of `known`, and for a class number that is not below `units`.
    """
    check_room((table.rows, said.length), 8, f"the steps of `{column}`")
    counts, ids = _counts(table, column, bool(known))
    if known and multi.is_named(table, column):
        rows, found = names(table, column)
        places = pc.index_in(found, value_set=pa.array(known, pa.string()))
        if places.null_count:
            at = int(np.flatnonzero(places.is_null().to_numpy(zero_copy_only=False))[0])
            listed = ", ".join(show(name) for name in known[:20]) + (", …" if len(known) > 20 else "")
            raise bad_cell(table, column, int(rows[at]), f"some of the classes {listed}", found[at].as_py())
        ids = np.asarray(places.to_numpy(zero_copy_only=False), np.int64)
    units = min(units, len(known)) if known else units
    over = np.flatnonzero(ids >= units)
    if len(over):
        row = int(np.searchsorted(np.cumsum(counts), over[0], side="right"))
        raise bad_cell(table, column, row, f"class numbers from 0 to {units - 1}", int(ids[over[0]]))
    padded = tokens.pad(ids + 1, counts, said.length, said.padding, said.truncating)
    return np.maximum(padded - 1, 0), padded > 0


def tally(table: Table, column: str, named: bool) -> dict[str | int, int]:
    """How many steps each class has, by its name or number."""
    if named and multi.is_named(table, column):
        pairs = pc.value_counts(names(table, column)[1]).to_pylist()
        return {pair["values"]: pair["counts"] for pair in pairs}
    values, counts = np.unique(_counts(table, column, named)[1], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _counts(table: Table, column: str, named: bool) -> tuple[np.ndarray, np.ndarray]:
    """Steps of each row, and the numbers of all of them; none where they have names."""
    if named and multi.is_named(table, column):
        return np.bincount(names(table, column)[0], minlength=table.rows), np.zeros(0, np.int64)
    found = lists(table, column, help="names of classes are listed under `classes`")
    counts = np.array([len(row) for row in found], np.int64)
    return counts, np.concatenate([np.zeros(0, np.int64), *(np.asarray(row, np.int64) for row in found)])
