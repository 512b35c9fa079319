"""Rows of a user's own Python, which runs only where the user says that it may: `python: rows:training`.

That is `training` of rows.py beside the spec, or of an installed module. It takes nothing and yields a mapping from
column to value for each row, or to arrays for many; it is called for each pass, and has to yield the same rows.
"""

from __future__ import annotations

import contextlib
import itertools
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netspec.runtime import engine, trusted
from netspec.runtime.data import columnar
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Column, Table, missing_column

_ROWS = 4096  # rows that are yielded one by one are put together to blocks of so many


def function(name: str, folder: Path) -> Callable[[], Iterable[Any]]:
    """The function that `module:function` names.

    Raises DataError: NS709 where it is not trusted, or not there.
    """
    try:
        with engine.imported_by_others():
            found = trusted.found(name, folder)
    except trusted.Unusable as error:
        raise DataError("NS709", error.message, error.help) from error.__cause__
    if not callable(found):
        raise DataError("NS709", f"`{name}` is no function, but {type(found).__name__}")
    made: Callable[[], Iterable[Any]] = found
    return made


def names(call: Callable[[], Iterable[Any]], origin: str) -> list[str]:
    """The columns of its first row, or block of rows. NS704 where it yields none."""
    for item in _items(call, origin):
        return list(item)
    raise DataError("NS704", f"`{origin}` yields no rows")


def tables(call: Callable[[], Iterable[Any]], wanted: Items[str], origin: str) -> Iterator[Table]:
    """All rows, some at a time. NS705 for what is no row, NS702 for a column that is missing."""
    first, waiting = 1, []
    for item in itertools.chain(_items(call, origin), (None,)):
        if item is not None and not _is_block(item):
            waiting.append(item)
        if waiting and (item is None or _is_block(item) or len(waiting) == _ROWS):
            yield _table({name: [_cell(row, name, origin) for row in waiting] for name in wanted}, first, origin)
            first, waiting = first + len(waiting), []
        if item is not None and _is_block(item):
            table = _table({name: _cell(item, name, origin) for name in wanted}, first, origin)
            yield table
            first += table.rows


def _items(call: Callable[[], Iterable[Any]], origin: str) -> Iterator[Mapping[str, Any]]:
    try:
        for item in call():
            if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
                got = type(item).__name__
                cure = 'yield a mapping from column to value, such as {"age": 31, "liked": 1}'
                raise DataError("NS705", f"`{origin}` yields a {got}, expected a mapping", cure)
            yield item
    except DataError:
        raise
    except Exception as error:
        said = f"`{origin}` ends with an error of its own: {trusted.in_a_line(error)}{_where(error, call)}"
        raise DataError("NS705", said) from error


def _where(error: BaseException, call: Callable[[], Iterable[Any]]) -> str:
    """The last line of the function's own file that was running."""
    file = getattr(getattr(call, "__code__", None), "co_filename", None)
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == file]
    return f" ({Path(file).name}:{lines[-1]})" if file and lines else ""


def _is_block(item: Mapping[str, Any]) -> bool:
    return (
        any(isinstance(value, np.ndarray) and value.ndim for value in item.values())
        and len({len(value) if isinstance(value, np.ndarray | list) else -1 for value in item.values()}) == 1
    )


def _cell(item: Mapping[str, Any], name: str, origin: str) -> Any:
    if name not in item:
        raise missing_column(origin, name, item)
    return item[name]


def _table(cells: Mapping[str, Any], first: int, origin: str) -> Table:
    columns = {name: _column(values, name, origin) for name, values in cells.items()}
    rows = len(next(iter(columns.values())))
    return Table(columns, rows, origin, first=first)


def _column(values: Any, name: str, origin: str) -> Column:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values
    cells = list(values)
    if all(cell is None or isinstance(cell, str) for cell in cells):
        return pa.array(cells, pa.string())
    if all(isinstance(cell, list | tuple) and all(isinstance(each, int) for each in cell) for cell in cells):
        return [list(cell) for cell in cells]
    try:
        array = np.array([np.nan if cell is None else cell for cell in cells])
    except ValueError:  # lists that are not equally long, or missing
        array = np.array(None)
        if all(cell is None or isinstance(cell, list | tuple | np.ndarray) for cell in cells):
            with contextlib.suppress(pa.ArrowException):
                plain = [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in cells]
                return columnar.column(pa.array(plain), origin, name)
    if array.dtype.kind not in "biuf" or len(array) != len(cells):
        kinds = ", ".join(sorted({type(cell).__name__ for cell in cells}))
        raise DataError("NS705", f"`{origin}`, column `{name}`: expected numbers, text or lists, got {kinds}")
    return array
