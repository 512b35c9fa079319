"""How the cells of a column become numbers before anything is done to them: as they are, or as the parts of a date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from netspec.language.dates import ROUND
from netspec.language.schema import Date
from netspec.runtime.data import moments
from netspec.runtime.data.columns import is_lists, numbers, trimmed
from netspec.runtime.data.tables import Table

_DAY = 86_400_000_000  # microseconds
_CURE = 'say how they are written, as in `date: {parts: [year], format: "%d.%m.%Y"}`'


@dataclass(frozen=True)
class Reading:
    """Plain numbers, or the `parts` of dates that are written as `format` says (None: ISO 8601)."""

    parts: tuple[str, ...] = ()
    cyclic: bool = False
    format: str | None = None

    @staticmethod
    def of(date: Date | None) -> Reading:
        """What a feature asks for."""
        return PLAIN if date is None else Reading(date.parts, date.cyclic, date.format)

    def read(self, table: Table, name: str) -> np.ndarray:
        """A column's numbers, (rows, ...) with NaN where one is missing; plain ones of an array's own dtype.

        Raises DataError NS703 for a cell that cannot be read.
        """
        if self.parts:
            return _parts(moments.moments(table, name, self.format, _CURE), self.parts, self.cyclic)
        array = numbers(table, name, help="say `text` for sentences, `category` for few different values")
        return array if array.ndim > 1 else array[:, None]

    def missing(self, table: Table, name: str) -> np.ndarray:
        """Which rows lack a number, (rows,) of bool."""
        if self.parts:
            return np.asarray(moments.moments(table, name, self.format, _CURE) == moments.NONE)
        return _rows(numbers(table, name))


PLAIN = Reading()


def nan(array: np.ndarray) -> np.ndarray | None:
    """Where an array holds no number; None where it holds one everywhere."""
    if array.dtype.kind != "f":
        return None
    gone = np.isnan(array)
    return gone if gone.any() else None


def _rows(array: np.ndarray) -> np.ndarray:
    gone = nan(array)
    return np.zeros(len(array), bool) if gone is None else np.asarray(gone.reshape(len(array), -1).any(axis=1))


def empty(table: Table, name: str) -> np.ndarray:
    """Which cells of a column that holds no numbers are empty, (rows,) of bool."""
    column = table.column(name)
    if isinstance(column, list):
        return np.array([not len(row) for row in column], bool)
    if isinstance(column, np.ndarray):
        return _rows(column)
    if is_lists(table, name):
        return np.asarray(pc.equal(pc.list_value_length(column).fill_null(0), 0).to_numpy(zero_copy_only=False))
    return np.asarray(pc.equal(trimmed(table, name), "").to_numpy(zero_copy_only=False))


def _parts(found: np.ndarray, parts: tuple[str, ...], cyclic: bool) -> np.ndarray:
    """The parts of moments side by side, (rows, numbers) float64."""
    gone = found == moments.NONE
    at = np.where(gone, 0, found)
    days, within = np.divmod(at, _DAY)
    date = days.astype("datetime64[D]")
    month, year = date.astype("datetime64[M]"), date.astype("datetime64[Y]")
    month_number = (month.astype(np.int64)) % 12 + 1
    made = {
        "year": year.astype(np.int64) + 1970,
        "quarter": (month_number + 2) // 3,
        "month": month_number,
        "day": (date - month).astype(np.int64) + 1,
        "weekday": (days + 3) % 7,  # 1970 began on a Thursday
        "yearday": (date - year).astype(np.int64) + 1,
        "hour": within // 3_600_000_000,
        "minute": within // 60_000_000 % 60,
        "second": within // 1_000_000 % 60,
        "timestamp": at / 1e6,
    }
    columns = []
    for part in parts:
        if cyclic and part in ROUND:
            first, period = ROUND[part]
            angle = 2 * np.pi * (made[part] - first) / period
            columns += [np.sin(angle), np.cos(angle)]
        else:
            columns.append(made[part].astype(np.float64))
    array = np.stack(columns, axis=1)
    array[gone] = np.nan
    return array
