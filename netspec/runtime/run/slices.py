"""Rows by the values of a column, so that a run can be judged on each: where it is good, and where it is not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netspec.runtime.data.columns import texts
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Rows, Table

MOST = 20  # values that have a slice of their own
_QUARTERS = (0.25, 0.5, 0.75)
_NO_NUMBERS = ("nan", "NaN")  # as numpy and pandas write a number that is missing
_MISSING, _OTHERS = "(missing)", "(others)"


@dataclass(frozen=True)
class Slice:
    """The rows, where `mask` (rows,) bool is true, whose `column` has a value, or lies between two."""

    column: str
    value: str
    mask: np.ndarray


def slices(rows: Rows, column: str) -> tuple[Slice, ...]:
    """A slice for each value; of more than 20 values quarters of the rows where they are numbers, else the 20 of most.

    Raises:
        DataError: NS702 there is no such column, NS706 its cells are lists or arrays.
    """
    cells = np.concatenate([np.asarray(_cells(table, column), object) for table in rows.tables()])
    numbers = _numbers(tuple({*cells} - {"", *_NO_NUMBERS}))
    if numbers:
        cells[np.isin(cells, _NO_NUMBERS)] = ""
    counts = Counter(cells.tolist())
    missing = counts.pop("", 0)
    found: list[Slice] = []
    if len(counts) <= MOST:
        order = sorted(counts, key=lambda cell: (numbers[cell], cell) if numbers else (0.0, cell))
        found = [Slice(column, cell, cells == cell) for cell in order]
    elif numbers:
        found = _quarters(column, np.array([numbers.get(cell, np.nan) for cell in cells]))
    else:
        kept = [cell for cell, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]]
        found = [Slice(column, cell, cells == cell) for cell in kept]
        found.append(Slice(column, _OTHERS, ~np.isin(cells, [*kept, ""])))
    if missing:
        found.append(Slice(column, _MISSING, cells == ""))
    return tuple(found)


def _quarters(column: str, values: np.ndarray) -> list[Slice]:
    """As many rows in each as ties allow."""
    low, high = np.nanmin(values), np.nanmax(values)
    bounds = np.unique([low, *np.nanquantile(values, _QUARTERS), high])
    found = []
    for start, stop in itertools.pairwise(bounds):
        last = stop == high
        mask = (values >= start) & ((values <= stop) if last else (values < stop))
        found.append(Slice(column, f"{start:.6g} to {'' if last else 'below '}{stop:.6g}", mask))
    return found


def _numbers(cells: Sequence[str]) -> dict[str, float]:
    """Every cell as a number; none at all where one of them is no number."""
    try:
        found = {cell: float(cell) for cell in cells}
    except ValueError:
        return {}
    return found if all(np.isfinite(value) for value in found.values()) else {}


def _cells(table: Table, name: str) -> Sequence[str]:
    column = table.column(name)
    if isinstance(column, list) or (not hasattr(column, "to_pylist") and column.ndim != 1):
        raise DataError("NS706", f"column `{name}` of `{table.origin}` holds lists, which make no slices")
    return texts(table, name) if hasattr(column, "to_pylist") else [str(value) for value in column]
