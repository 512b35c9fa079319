"""Columns of a Table as numbers, as texts, or as lists of whole numbers; a cell that does not fit is a DataError NS703.

A number's cell is missing when it is empty or says NA, N/A, NaN, null or none in any case; a text's when it is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.diagnostics import counted
from netspec.probe.cells import MISSING, NO_MARK, is_missing, mark_cure, number, whole_numbers
from netspec.probe.forms import reads_as_numbers
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Table


def is_text(table: Table, name: str) -> bool:
    """True where the column's cells are text: every column of a CSV, and text arrays."""
    column = table.column(name)
    return not isinstance(column, np.ndarray | list) and not pa.types.is_list(column.type)


def is_text_lists(table: Table, name: str) -> bool:
    """True where each cell is a list of texts."""
    column = table.column(name)
    lists = isinstance(column, pa.Array | pa.ChunkedArray) and pa.types.is_list(column.type)
    return lists and pa.types.is_string(column.type.value_type)


def _refuse_lists(table: Table, name: str, expected: str) -> None:
    """Lists of texts, and those of numbers that only `array` reads."""
    if is_text_lists(table, name):
        raise bad_cell(table, name, 0, expected, "a list of texts", "a target of such lists says `multi_label: true`")
    column = table.column(name)
    if isinstance(column, np.ndarray | list) or is_text(table, name):
        return
    lengths = pc.list_value_length(column)
    gone = np.flatnonzero(np.asarray(lengths.is_null().to_numpy(zero_copy_only=False)))
    if len(gone):
        raise bad_cell(table, name, int(gone[0]), expected, "no list", "say `array: true` for lists of numbers")
    got = f"a list of {counted(lengths[0].as_py(), 'number')}"
    raise bad_cell(table, name, 0, expected, got, "say `array: true` for lists of numbers")


def is_lists(table: Table, name: str) -> bool:
    """True where each cell is a list of numbers: of whole ones, or Arrow's, where a list may be missing."""
    column = table.column(name)
    return isinstance(column, list) or _is_number_lists(column)


def _is_number_lists(column: Any) -> bool:
    if not isinstance(column, pa.Array | pa.ChunkedArray) or not pa.types.is_list(column.type):
        return False
    return bool(pa.types.is_floating(column.type.value_type))


def _whole_lists(column: Any) -> list[Any] | None:
    """Arrow's lists as those of whole numbers, a missing one as an empty one; None where a number is not whole."""
    flat = pc.list_flatten(column)
    if flat.null_count or not pc.all(pc.equal(pc.floor(flat), flat), min_count=0).as_py():
        return None
    return [[int(each) for each in row or ()] for row in column.to_pylist()]


def bad_cell(table: Table, name: str, row: int, expected: str, got: object, help: str | None = None) -> DataError:
    """NS703 for the cell at position `row`."""
    return DataError(
        "NS703", f"`{table.origin}` {table.row(row)}, column `{name}`: expected {expected}, got {show(got)}", help
    )


def show(value: object) -> str:
    """A cell as a message shows it: text in backticks on one line, cut at 60 characters."""
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    text = "".join(c if c.isprintable() else " " for c in text)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`" if text else "an empty cell"


def numbers(table: Table, name: str, *, help: str | None = None) -> np.ndarray:
    """A column as numbers, (rows, ...): float64 with NaN for missing where it is text, else the array's own dtype.

    `true` and `false` are 1 and 0. Text that is no number, and an infinite number, raise NS703.
    """
    column = table.column(name)
    _refuse_lists(table, name, "a number")
    if isinstance(column, list):
        cure = "say `array`, `sequence` or `multi_hot`"
        raise bad_cell(table, name, 0, "a number", f"a list of {len(column[0])}", cure)
    if isinstance(column, np.ndarray):
        array = column.astype(np.uint8) if column.dtype.kind == "b" else column
    else:
        array = _parse(table, name, column, help)
    if array.dtype.kind == "f":
        infinite = np.isinf(array)
        if infinite.any():
            row = int(np.argwhere(infinite)[0][0])
            got = column[row].as_py() if is_text(table, name) else "an infinite number"
            raise bad_cell(table, name, row, "a finite number", got)
    return array


def _parse(table: Table, name: str, column: Any, help: str | None) -> np.ndarray:
    _check_text(table, name, column, "a number")
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(MISSING))
    kept = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    try:
        parsed = pc.cast(pointed(kept, table.decimal), pa.float64())
    except pa.ArrowInvalid:
        return _parse_slowly(table, name, kept.to_pylist(), help)
    array = np.array(parsed.to_numpy(zero_copy_only=False) if isinstance(parsed, pa.Array) else parsed.to_numpy())
    if np.count_nonzero(np.isnan(array)) != kept.null_count:  # Arrow takes `nan(x)` for a number
        return _parse_slowly(table, name, kept.to_pylist(), help)
    return array


def _parse_slowly(table: Table, name: str, cells: list[str | None], help: str | None) -> np.ndarray:
    """The same by hand: for `true` and `false`, and to find the first cell that is no number."""
    parsed = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        value = number(cell, table.decimal)
        if value is None:
            raise bad_cell(table, name, row, "a number", cell, mark_cure(cell, table.decimal) or help)
        parsed[row] = value
    return parsed


def pointed(cells: Any, decimal: str) -> Any:
    """Cells of numbers with decimal commas as such with points, as `number` reads them."""
    if decimal == ".":
        return cells
    return pc.replace_substring(pc.replace_substring(cells, ".", NO_MARK), ",", ".")


def _check_text(table: Table, name: str, column: Any, expected: str) -> None:
    if pa.types.is_binary(column.type):
        raise bad_cell(table, name, 0, expected, "bytes", "say `image` for the bytes of images")


def looks_numeric(table: Table, name: str) -> bool:
    """True where at least half of a text column's cells that are there are numbers, true or false."""
    numeric, there = 0, 0
    pairs = pc.value_counts(strings(table, name))
    for cell, count in zip(pairs.field(0).to_pylist(), pairs.field(1).to_pylist(), strict=True):
        if not is_missing(cell.strip()):
            there += count
            numeric += count * (number(cell.strip(), table.decimal) is not None)
    return reads_as_numbers(numeric, there)


def texts(table: Table, name: str) -> list[str]:
    """A column as texts, one a row. Whole numbers of an array become their digits; a missing number an empty text."""
    column = table.column(name)
    _refuse_lists(table, name, "one text a row")
    if isinstance(column, list) or (isinstance(column, np.ndarray) and column.reshape(len(column), -1).shape[1] != 1):
        raise bad_cell(table, name, 0, "one text or number a row", "several numbers")
    if not isinstance(column, np.ndarray):
        return [cell or "" for cell in column.to_pylist()]
    return [_digits(value) for value in column.reshape(-1).tolist()]


def strings(table: Table, name: str) -> pa.StringArray:
    """The same as one Arrow array, trimmed of nothing; missing cells are empty."""
    column = table.column(name)
    if isinstance(column, np.ndarray | list) or not is_text(table, name):
        return pa.array(texts(table, name), pa.string())
    _check_text(table, name, column, "a text")
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    return column.fill_null("") if column.null_count else column


def trimmed(table: Table, name: str) -> pa.StringArray:
    """The same without white space around, as categories and classes are told apart."""
    return pc.utf8_trim_whitespace(strings(table, name))


def in_order(values: set[str]) -> tuple[str, ...]:
    """Sorted as numbers where all are numbers, else by code point.

    >>> in_order({"10", "9"}), in_order({"b", "10", "9"})
    (('9', '10'), ('10', '9', 'b'))
    """
    try:
        return tuple(sorted(values, key=lambda value: (float(value), value)))
    except ValueError:
        return tuple(sorted(values))


def _digits(value: float | int | bool) -> str:
    if value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(value)


def lists(table: Table, name: str, *, help: str | None = None) -> list[Any]:
    """A column as sequences of whole numbers of 0 or more, one a row.

    Lists as they are, the rows of an array, or text such as `3 17 5` or `[3, 17, 5]`. A missing list is an empty one.
    """
    column = table.column(name)
    whole_lists = _whole_lists(column) if _is_number_lists(column) else None
    if isinstance(column, list):
        rows: list[Any] = column
    elif whole_lists is not None:
        rows = whole_lists
    elif isinstance(column, np.ndarray):
        rows = list(whole(table, name, column.reshape(len(column), -1)))
    else:
        rows = []
        for at, cell in enumerate(texts(table, name)):
            found = whole_numbers(cell)
            if found is None:
                raise bad_cell(table, name, at, "whole numbers of 0 or more, such as `3 17 5`", cell, help)
            rows.append(found)
    for at, row in enumerate(rows):
        if len(row) and (lowest := min(row)) < 0:
            raise bad_cell(table, name, at, "whole numbers of 0 or more", int(lowest))
    return rows


def whole(table: Table, name: str, array: np.ndarray, dtype: Any = np.int64) -> np.ndarray:
    """Numbers as whole numbers of `dtype`; a fraction, a missing one or one that does not fit raises NS703."""
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":
        _refuse(table, name, array, array != np.floor(array), "a whole number")
        array = array.astype(np.float64)  # float16 knows no 70,000 to compare with
    top = 2.0 ** (limits.bits - (limits.min < 0))
    beyond = array >= top if array.dtype.kind == "f" else array > limits.max  # the largest int64 is no double
    _refuse(table, name, array, (array < limits.min) | beyond, f"a number that fits {np.dtype(dtype)}")
    return array.astype(dtype)


def _refuse(table: Table, name: str, array: np.ndarray, bad: np.ndarray, expected: str) -> None:
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        value = array[at].item()
        raise bad_cell(table, name, at[0], expected, "a missing number" if value != value else value)


def require(
    table: Table, name: str, array: np.ndarray, good: Callable[[np.ndarray], np.ndarray], expected: str
) -> None:
    """NS703 for the first number for which `good` is false."""
    _refuse(table, name, array, ~good(array), expected)


def narrow(table: Table, names: tuple[str, ...], array: np.ndarray, dtype: Any) -> np.ndarray:
    """Numbers (rows, ...) of `names` as `dtype`; one that becomes infinite there raises NS703."""
    with np.errstate(over="ignore"):
        narrowed = array.astype(dtype, copy=False)
    if array.dtype == narrowed.dtype or narrowed.dtype.kind != "f" or not array.size:
        return narrowed
    if not (np.isfinite(narrowed.min()) and np.isfinite(narrowed.max())):
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(narrowed))[0])
        name = names[at[-1]] if len(names) == array.shape[-1] else names[0]
        raise bad_cell(table, name, at[0], f"a number that fits {np.dtype(dtype)}", array[at].item())
    return narrowed
