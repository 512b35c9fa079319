"""Several classes a row: a text with separators between, or a list, to a column of zeros and ones for each class.

Texts are names of classes, whole numbers in lists class numbers. An empty one is a row of no class.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.diagnostics import counted
from netspec.runtime.data.columns import bad_cell, is_lists, is_text_lists, lists, show, strings, whole
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.tables import Table


def is_named(table: Table, column: str) -> bool:
    """Whether the cells hold names."""
    return not is_lists(table, column) and not isinstance(table.column(column), np.ndarray)


def names(table: Table, column: str, separator: str | None) -> tuple[np.ndarray, pa.StringArray]:
    """(row, name) of every class that a row has: rows (n,) int64, names n trimmed texts. No separator: white space."""
    found = strings(table, column) if not is_text_lists(table, column) else None
    if found is None:
        cells = _whole(table.column(column))
    else:
        cells = pc.utf8_split_whitespace(found) if separator is None else pc.split_pattern(found, pattern=separator)
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(table.rows), lengths)
    flat = pc.utf8_trim_whitespace(cells.flatten().cast(pa.string()))
    if flat.null_count:
        raise bad_cell(table, column, int(rows[pc.is_null(flat).to_numpy(zero_copy_only=False)][0]), "texts", "null")
    there = np.asarray(pc.not_equal(flat, "").to_numpy(zero_copy_only=False), bool)
    return rows[there], flat.filter(pa.array(there))


def missing(table: Table, column: str) -> np.ndarray:
    """Which rows have no list at all, (rows,) of bool: nulls, which text files do not have."""
    cells = table.column(column)
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
        return np.asarray(np.isnan(cells).reshape(len(cells), -1).any(axis=1))
    if isinstance(cells, np.ndarray | list) or not len(cells):
        return np.zeros(table.rows, bool)
    return np.asarray(pc.is_null(cells).to_numpy(zero_copy_only=False), bool)


def encode(table: Table, column: str, separator: str, known: tuple[str, ...], units: int | None) -> np.ndarray:
    """(rows, units) float32 of zeros and ones. Raises DataError NS703 for a class that is none of `known`."""
    if is_named(table, column):
        rows, found = names(table, column, separator)
        places = pc.index_in(found, value_set=pa.array(known, pa.string()))
        if places.null_count:
            at = int(np.flatnonzero(places.is_null().to_numpy(zero_copy_only=False))[0])
            listed = ", ".join(show(name) for name in known[:20]) + (", …" if len(known) > 20 else "")
            raise bad_cell(table, column, int(rows[at]), f"some of the classes {listed}", found[at].as_py())
        ids = np.asarray(places.to_numpy(zero_copy_only=False), np.int64)
        width = units or len(known)
    else:
        rows, ids = _numbers(table, column)
        width = units if units is not None else int(ids.max(initial=0)) + 1
        outside = np.flatnonzero((ids < 0) | (ids >= width))
        if len(outside):
            expected = f"class numbers from 0 to {width - 1}: the output has {counted(width, 'unit')}"
            raise bad_cell(table, column, int(rows[outside[0]]), expected, int(ids[outside[0]]))
    check_room((table.rows, width), 4, f"the classes of `{column}`")
    hot = np.zeros((table.rows, width), np.float32)
    hot[rows, ids] = 1
    return hot


def _numbers(table: Table, column: str) -> tuple[np.ndarray, np.ndarray]:
    cells = table.column(column)
    if isinstance(cells, np.ndarray):
        flat = whole(table, column, cells.reshape(len(cells), -1))
        return np.repeat(np.arange(table.rows), flat.shape[1]), flat.reshape(-1)
    found = lists(table, column)
    rows = np.repeat(np.arange(table.rows), np.array([len(row) for row in found], np.int64))
    return rows, np.concatenate([np.zeros(0, np.int64), *(np.asarray(row, np.int64) for row in found)])


def _whole(column: pa.ListArray | pa.ChunkedArray) -> pa.ListArray:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def too_many(output: str, column: str, found: int, units: int) -> DataError:
    """More classes than the output has units."""
    said = f"output `{output}` has {counted(units, 'unit')}, column `{column}` has {counted(found, 'class')}"
    return DataError("NS706", said, f"give the output {counted(found, 'unit')}")
