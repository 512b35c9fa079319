"""Rows of a user's own Python, which runs only where the user says that it may: `python: rows:training`.

That is `training` of rows.py beside the spec, or of an installed module. It takes nothing and yields a mapping from
column to value for each row, or to arrays for many; it is called for each pass, and has to yield the same rows.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netspec.runtime.data import columnar
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Column, Table, missing_column

_ROWS = 4096  # rows that are yielded one by one are put together to blocks of so many


_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """In this block a spec's own Python may run, if `trust`: what `--trust` says for a whole verb."""
    token = _trusted.set(trust)
    try:
        yield
    finally:
        _trusted.reset(token)


def function(name: str, folder: Path) -> Callable[[], Iterable[Any]]:
    """The function that `module:function` names.

    Raises DataError: NS709 where it is not trusted, or not there.
    """
    if not _trusted.get():
        said = f"`{name}` is Python code, which runs only if you say that you trust it"
        raise DataError("NS709", said, "look at it, then say --trust")
    module_name, _, attribute = name.partition(":")
    path = folder.joinpath(*module_name.split(".")).with_suffix(".py")
    try:
        if path.is_file():
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(module_name)
        found = getattr(module, attribute, None)
    except ModuleNotFoundError as error:
        raise DataError(
            "NS709", f"`{name}`: {error}", f"looked for {path}, and for a module that is installed"
        ) from None
    except Exception as error:
        raise DataError("NS709", f"`{name}`: importing it fails: {_said(error)}") from error
    if not callable(found):
        functions = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        cure = "it has " + ", ".join(f"`{each}`" for each in functions[:10]) if functions else None
        raise DataError("NS709", f"`{module_name}` has no function `{attribute}`", cure)
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
        raise DataError("NS705", f"`{origin}` ends with an error of its own: {_said(error)}") from error


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


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
