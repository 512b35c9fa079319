"""A few rows as they are, beside the arrays that are made of them, cut down to what can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netspec.runtime.data.features import Prepared
from netspec.runtime.data.tables import Rows

_EDGE = 3  # numbers that are shown at each end of an array
_SHOWN = 200  # characters of a cell
_TRIED = 1000  # rows that are looked at for examples


@dataclass(frozen=True)
class Shown:
    """An array as it can be shown: the first and last numbers of its last axis, of its first row."""

    shape: tuple[int, ...]
    dtype: str
    first: tuple[float, ...]
    last: tuple[float, ...]  # empty where `first` are all
    least: float
    most: float


@dataclass(frozen=True)
class Example:
    """A training row: where it is, its cells, and the arrays that are made of it."""

    row: str
    cells: Mapping[str, str]
    inputs: Mapping[str, Shown]
    targets: Mapping[str, Shown]


def examples(prepared: Prepared, rows: Rows, count: int) -> tuple[Example, ...]:
    """The first `count` rows that are used, with what is made of them."""
    found: list[Example] = []
    tried = 0
    for table in rows.tables() if count else ():
        for at in range(table.rows):
            if len(found) == count or tried == _TRIED:
                return tuple(found)
            tried += 1
            one = table.take(np.array([at]))
            made = prepared.examples(one)
            if made.rows:
                cells = {name: cell(one.columns[name]) for name in one.names}
                x = {name: shown(array[0]) for name, array in made.x.items()}
                where = one.row(0) if one.origin == rows.origin else f"{one.origin}, {one.row(0)}"
                found.append(Example(where, cells, x, {name: shown(array[0]) for name, array in made.y.items()}))
    return tuple(found)


def shown(array: np.ndarray) -> Shown:
    """An array as it can be shown."""
    line = array.reshape(-1, array.shape[-1])[0] if array.ndim else array.reshape(1)
    numbers = [float(number) for number in line[: 2 * _EDGE + 2]]
    short = len(line) <= 2 * _EDGE + 2
    first = numbers if short else numbers[:_EDGE]
    last = () if short else tuple(float(number) for number in line[-_EDGE:])
    return Shown(array.shape, str(array.dtype), tuple(first), last, float(array.min()), float(array.max()))


def cell(column: Any) -> str:
    """The only cell of a column, as text."""
    if isinstance(column, list):
        row = [str(each) for each in column[0][: 2 * _EDGE + 2]]
        return f"{' '.join(row)}{' …' if len(column[0]) > len(row) else ''}"
    if isinstance(column, np.ndarray):
        if column[0].size == 1:
            return f"{column[0].reshape(-1)[0]:g}"
        if column.ndim > 2:
            return f"{' × '.join(map(str, column.shape[1:]))} {column.dtype}"
        row = [f"{each:g}" for each in column[0][: 2 * _EDGE + 2]]
        return f"{' '.join(row)}{' …' if column.shape[1] > len(row) else ''}"
    value = column[0].as_py()
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list):
        value = " ".join(_in_list(each) for each in value)
    text = value or ""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _in_list(value: Any) -> str:
    """What stands in a list of Arrow: texts, numbers, lists of them, or nothing."""
    if isinstance(value, list):
        return f"[{' '.join(_in_list(each) for each in value)}]"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
