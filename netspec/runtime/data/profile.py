"""What a raw column holds, learned in one pass: kind, missing cells, different values, how its numbers are spread.

Memory does not grow with the rows: sums, a seeded sample for quantiles, and different values up to a most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.probe.cells import MISSING, WORDS
from netspec.runtime.data.columns import pointed, texts, trimmed
from netspec.runtime.data.split import fractions
from netspec.runtime.data.tables import Table

MOST_VALUES = 10_000  # different values of a column that are counted exactly
MOST_BYTES = 1 << 24  # of those values together
SAMPLE = 1 << 16  # numbers that quantiles are worked out from; all of them where there are no more
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BARS = 30  # of a histogram
_SEED = 20_261
_STRIDE = 1 << 18  # numbers of a block of arrays that the sample is drawn from
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"  # as probe/cells.py has it, for Arrow
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"


@dataclass(frozen=True)
class Spread:
    """How numbers are spread. `quantiles` are those of QUANTILES, `bars` counts between `least` and `most`.

    Quantiles and bars are of a sample where `exact` is false; `sample` holds it, sorted.
    """

    count: int
    least: float
    mean: float
    std: float
    most: float
    quantiles: tuple[float, ...]
    bars: tuple[int, ...]
    exact: bool
    sample: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class Column:
    """A raw column over some rows. `kind`: number, text, date, list, array, bytes or empty.

    `counts` holds how often each value occurs, None beyond MOST_VALUES; `differs` says whether no value came twice (as
    far as they were counted). `spread` is that of its numbers, of lists the lengths, of texts and bytes the lengths in
    characters and bytes. `odd` cells of a text column are no numbers, where others are (`example` is the first); of an
    array column it counts rows that are not finite.
    """

    name: str
    kind: str
    rows: int
    missing: int
    counts: Mapping[str, int] | None
    differs: bool
    spread: Spread | None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    whole: bool = False  # its numbers, or those of its lists, which are no numbers where it is false
    words: float = 0.0  # of a text that is there, as white space parts it
    odd: int = 0
    example: str = ""
    highest: int = 0  # number in a list
    steps: bool = False  # every number is one more than the one before
    first: str = ""  # text that is there

    @property
    def distinct(self) -> int | None:
        """How many different values, missing ones apart; None beyond what is counted."""
        return None if self.counts is None else len(self.counts)

    @property
    def there(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing


class Spreading:
    """Learns a Spread."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._least, self._most = np.inf, -np.inf
        self._values, self._keys = np.zeros(0), np.zeros(0)
        self._drawn = 0

    def see(self, numbers: np.ndarray) -> None:
        """Some more numbers, none of them missing."""
        if not numbers.size:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest double have no variance
            self._sum(numbers)
        self._least, self._most = min(self._least, float(numbers.min())), max(self._most, float(numbers.max()))
        self._draw(numbers)

    def _sum(self, numbers: np.ndarray) -> None:
        mean = float(numbers.mean(dtype=np.float64))
        squares = float(numbers.var(dtype=np.float64)) * numbers.size
        total = self._count + numbers.size
        apart = mean - self._mean
        self._squares += squares + apart * apart * (self._count * numbers.size / total)
        self._mean += apart * numbers.size / total
        self._count = total

    def _draw(self, numbers: np.ndarray) -> None:
        flat = numbers.reshape(-1)
        flat = flat[:: max(1, flat.size // _STRIDE)] if numbers.ndim > 1 else flat
        keys = fractions(np.arange(self._drawn, self._drawn + flat.size), _SEED)
        self._drawn += flat.size
        if len(self._keys) == SAMPLE:
            low = keys < self._keys.max()
            keys, flat = keys[low], flat[low]
        keys, values = np.concatenate([self._keys, keys]), np.concatenate([self._values, flat.astype(np.float64)])
        if len(keys) > SAMPLE:
            best = np.argpartition(keys, SAMPLE)[:SAMPLE]
            keys, values = keys[best], values[best]
        self._keys, self._values = keys, values

    def made(self) -> Spread | None:
        """The spread, None without a number."""
        if not self._count:
            return None
        values = np.sort(self._values)
        at = np.floor(np.array(QUANTILES) * (len(values) - 1) + 0.5).astype(np.int64)
        span = self._most - self._least
        bars = np.zeros(BARS, np.int64)
        if 0 < span < np.inf:
            places = np.minimum(((values - self._least) / span * BARS).astype(np.int64), BARS - 1)
            bars = np.bincount(places, minlength=BARS)
        std = float(np.sqrt(max(self._squares / self._count, 0.0))) if np.isfinite(self._squares) else float("inf")
        return Spread(
            self._count,
            self._least,
            self._mean,
            std,
            self._most,
            tuple(values[at].tolist()),
            tuple(bars.tolist()) if 0 < span < np.inf else (),
            len(values) == self._count,
            values,
        )


class ColumnLearner:
    """Learns a Column, a Table at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = self._empty = self._missing = self._numeric = self._odd = self._dates = self._spaces = 0
        self._example, self._first, self._form, self._dtype = "", "", "empty", ""
        self._counts: dict[str, int] | None = {}
        self._bytes, self._seen = 0, 0
        self._differs, self._whole, self._steps = True, True, True
        self._numbers, self._lengths = Spreading(), Spreading()
        self._shape: tuple[int, ...] | None = None
        self._highest, self._last = 0, np.nan

    def see(self, table: Table) -> None:
        """Some more rows."""
        column = table.column(self._name)
        self._rows += table.rows
        if isinstance(column, list):
            self._lists(column)
        elif isinstance(column, np.ndarray):
            self._array(column)
        elif pa.types.is_list(column.type):
            self._arrow_lists(column)
        elif pa.types.is_binary(column.type):
            self._form, self._dtype = "bytes", "bytes"
            lengths = pc.binary_length(column)
            self._empty += lengths.null_count
            self._lengths.see(_plain(lengths.drop_null()))
            self._counts = None
        else:
            self._dtype = "text"
            self._cells(trimmed(table, self._name), table.decimal)

    def _lists(self, column: list[Any]) -> None:
        self._form, self._dtype, self._counts = "list", "list", None
        self._lengths.see(np.array([len(row) for row in column]))
        self._highest = max(self._highest, *(max(row, default=0) for row in column), 0)

    def _arrow_lists(self, column: Any) -> None:
        """Lists of texts, and those of numbers that no array holds."""
        self._form, self._dtype, self._counts = "list", "list", None
        lengths = pc.list_value_length(column)
        self._empty += lengths.null_count
        self._lengths.see(_plain(lengths.drop_null()))
        while pa.types.is_list(column.type):
            column = pc.list_flatten(column)
        if pa.types.is_string(column.type):
            self._dtype, self._whole = "text list", False
            return
        flat = _plain(column.drop_null())
        self._whole &= bool((flat == np.floor(flat)).all()) and not column.null_count
        self._whole &= bool(flat.size == 0 or flat.min() >= 0)
        self._highest = max(self._highest, int(flat.max(initial=0))) if self._whole else 0

    def _array(self, column: np.ndarray) -> None:
        self._form, self._dtype = "array" if column[0].size != 1 else "number", str(column.dtype)
        self._shape = tuple(column.shape[1:])
        flat = column.reshape(len(column), -1)
        if self._form == "array":
            self._counts = None
            holes = np.isnan(flat).any(axis=1) if flat.dtype.kind == "f" else np.zeros(0, bool)
            self._missing += int(np.count_nonzero(holes))
            good = flat[~holes] if holes.any() else flat
            finite = np.isfinite(good).all(axis=1) if good.dtype.kind == "f" else np.ones(len(good), bool)
            self._odd += int(np.count_nonzero(~finite))
            self._see_numbers(good[finite])
            return
        numbers = flat[:, 0]
        if numbers.dtype.kind == "f":
            self._missing += int(np.count_nonzero(np.isnan(numbers)))
            self._odd += int(np.count_nonzero(np.isinf(numbers)))
            numbers = numbers[np.isfinite(numbers)]
        self._numeric += len(numbers)
        self._see_numbers(numbers)
        if self._counts is not None and len(numbers):
            values, counts = np.unique(numbers, return_counts=True)
            if len(values) > MOST_VALUES:
                self._differs &= len(values) == len(numbers)
                self._counts = None
            else:
                self._count(texts(Table({"": values}, len(values), ""), ""), counts.tolist())

    def _see_numbers(self, numbers: np.ndarray) -> None:
        if not numbers.size:
            return
        self._numbers.see(numbers)
        if numbers.dtype.kind == "f":
            self._whole &= bool((numbers == np.floor(numbers)).all())
        if self._steps and numbers.ndim == 1:
            apart = np.diff(
                numbers.astype(np.float64), prepend=self._last if self._last == self._last else numbers[0] - 1.0
            )
            self._steps = bool((apart == 1).all())
            self._last = float(numbers[-1])

    def _cells(self, cells: pa.StringArray, decimal: str) -> None:
        there = cells.filter(pc.not_equal(cells, ""))
        self._empty += len(cells) - len(there)
        if self._form == "empty" and len(there):
            self._form, self._first = "text", there[0].as_py()
        self._lengths.see(_plain(pc.utf8_length(there)))
        self._spaces += int(pc.sum(pc.count_substring_regex(there, r"\s+")).as_py() or 0)
        self._dates += int(pc.sum(pc.match_substring_regex(there, _DATE)).as_py() or 0)
        if self._counts is not None:
            pairs = pc.value_counts(there)
            self._count(pairs.field(0).to_pylist(), pairs.field(1).to_pylist())
        if self._odd and self._odd >= self._numeric:  # a column of texts, nearly surely
            self._odd += len(there)
            return
        said = pc.is_in(pc.utf8_lower(there), value_set=pa.array(MISSING))
        self._missing += int(pc.sum(said).as_py() or 0)
        self._parse(there.filter(pc.invert(said)), decimal)

    def _parse(self, written: pa.StringArray, decimal: str) -> None:
        cells = pointed(written, decimal)
        for word, value in WORDS.items():
            same = pc.equal(pc.utf8_lower(cells), word)
            cells = pc.if_else(same, f"{value:g}", cells)
        good = pc.match_substring_regex(cells, _NUMBER)
        odd = written.filter(pc.invert(good))
        if len(odd) and not self._odd:
            self._example = odd[0].as_py()
        self._odd += len(odd)
        parsed = _parsed(cells.filter(good))
        self._odd += int(np.count_nonzero(np.isinf(parsed)))
        parsed = parsed[np.isfinite(parsed)]
        self._numeric += len(parsed)
        self._see_numbers(parsed)

    def _count(self, values: Iterable[str], counts: Iterable[int]) -> None:
        assert self._counts is not None
        for value, count in zip(values, counts, strict=True):
            before = self._counts.get(value)
            if before is None:
                self._bytes += len(value)
            self._differs &= before is None and count == 1
            self._counts[value] = (before or 0) + count
            if len(self._counts) > MOST_VALUES or self._bytes > MOST_BYTES:
                self._counts = None
                return

    def made(self) -> Column:
        """The column, after the last row."""
        kind = self._form
        if kind == "text" and self._numeric and not self._odd:
            kind = "number"
        elif kind == "text" and not self._numeric and not self._odd:
            kind = "empty"  # nothing but words for a missing number
        there = self._rows - self._empty
        if kind == "text" and self._dates == there:
            kind = "date"
        if kind == "number" and not self._numeric:
            kind = "empty"
        if kind == "array" and self._numbers.made() is None:
            kind = "empty"
        numeric = kind in ("number", "array")
        missing = self._empty + (self._missing if numeric else 0)
        counts = self._counts
        if kind == "number" and counts is not None:
            counts = {value: count for value, count in counts.items() if value.lower() not in MISSING}
        if kind == "empty":
            missing, counts = self._rows, {}
        return Column(
            self._name,
            kind,
            self._rows,
            missing,
            counts,
            self._differs and there > 0,
            (self._numbers if numeric else self._lengths).made() if kind != "empty" else None,
            self._shape or (),
            self._dtype,
            (numeric or kind == "list") and self._whole,
            1 + self._spaces / there if kind == "text" and there else 0.0,
            self._odd if self._numeric or kind == "array" else 0,
            self._example if self._numeric else "",
            self._highest,
            kind == "number" and self._steps,
            self._first,
        )


def _plain(array: Any) -> np.ndarray:
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _parsed(cells: pa.StringArray) -> np.ndarray:
    """Cells that are numbers, as float64; one beyond a double is infinite."""
    try:
        return _plain(pc.cast(pc.replace_substring_regex(cells, r"^\+", ""), pa.float64()))
    except pa.ArrowInvalid:  # a form of a number that Arrow does not know
        return np.array([float(cell) for cell in cells.to_pylist()])
