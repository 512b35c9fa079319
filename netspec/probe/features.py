"""Features against inputs: what a cell must be, the range that an Embedding or a dtype leaves, the shape of a row.

What is refused here is what fit refuses. `check_shape` needs a file's columns, a `Check` its rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from netspec.catalog.types import TensorType
from netspec.catalog.types import show as show_shape
from netspec.diagnostics import Path, Report, counted
from netspec.language.schema import KINDS_OF_FEATURE, Feature
from netspec.probe import forms, quantities
from netspec.probe.cells import is_missing, mark_cure, number, numbers_in, whole_numbers
from netspec.probe.model import Tally, say, shown
from netspec.probe.sheet import TEXT, Block, Sheet, row_of
from netspec.probe.words import FIRST

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?[./]\d\d?[./]\d{2,4}|\d\d?:\d\d", re.ASCII)
_WHOLE = forms.WHOLE
QUANTITIES = ("numbers", "array", "bucket", "date")
ONE_VALUE = ("text", "category", "hash", "bucket", "date")
_TOPS = {"float16": 65520.0, "float32": forms.LARGEST, "bfloat16": forms.LARGEST}  # from here on infinite


@dataclass(frozen=True, slots=True)
class Wanted:
    """One input's feature: its columns, what the spec says, the input's type, how many ids its Embedding takes."""

    input: str
    columns: tuple[str, ...]
    feature: Feature
    tensor: TensorType
    limit: int | None
    path: Path
    listed: tuple[str, ...] | None = None  # the tokens of its vocabulary's file

    @property
    def size(self) -> int | None:
        """How many token numbers its text has at most, None where they stand in a file that is not there."""
        text = self.feature.text
        if text is not None and text.vocabulary is not None:
            return text.vocabulary
        return None if self.listed is None else len(self.listed) + FIRST

    @property
    def dims(self) -> forms.Dims:
        """The input's shape without the batch."""
        return forms.dims_of(self.tensor)

    @property
    def dtype(self) -> str:
        """The input's dtype, float32 where it is not known."""
        return self.tensor.dtype if isinstance(self.tensor.dtype, str) else "float32"

    @property
    def spans(self) -> list[tuple[Path, str]]:
        """The other half of the story: the input."""
        return [(("inputs", self.input), f"{show_shape(self.tensor.shape)}, {self.dtype}")]

    def kind(self, sheet: Sheet | None) -> str:
        """How the columns are prepared, as fit has it."""
        feature = self.feature
        for kind in KINDS_OF_FEATURE:
            if getattr(feature, kind):
                return kind
        single = len(self.columns) == 1 and sheet is not None and sheet.columns[self.columns[0]].kind == "list"
        return "sequence" if single else "numbers"

    def at(self, column: str) -> Path:
        """Where a column is named."""
        if self.feature.columns and column in self.feature.columns:
            return (*self.path, "columns", self.feature.columns.index(column))
        return (*self.path, "column") if self.feature.column else self.path


def check_shape(wanted: Wanted, sheet: Sheet, report: Report) -> bool:
    """Whether the feature gives rows of the input's shape, as far as no row is needed to know."""
    feature, dims, kind = wanted.feature, wanted.dims, wanted.kind(sheet)
    if wanted.dtype == "string":
        said = f"input `{wanted.input}` is string; features are made for numbers and bool"
        report.add("NS708", ("inputs", wanted.input), said, help="prepare the text with `text`, for an input of int32")
        return False
    if kind in ("text", "sequence", "array", "multi_hot") and len(wanted.columns) > 1:
        said = f"input `{wanted.input}`: `{kind}` reads one column, got {len(wanted.columns)}"
        report.add("NS708", (*wanted.path, "columns"), said, help="make an input of each, and put them together")
        return False
    if kind in QUANTITIES and wanted.dtype in _WHOLE and (key := quantities.broken_by(feature)) is not None:
        said = f"input `{wanted.input}` is {wanted.dtype}, and {quantities.BROKEN[key]} numbers are not whole"
        cure = f"make the input float32, or leave out `{key}`"
        report.add("NS708", quantities.place(wanted.path, key), said, help=cure, spans=wanted.spans)
        return False
    if kind in QUANTITIES and feature.normalize and wanted.limit is not None:
        said = f"input `{wanted.input}` is looked up in an Embedding, which takes no normalized numbers"
        place, cure = (*wanted.path, "normalize"), "leave out `normalize`"
        report.add("NS712", place, said, help=cure, severity="warning")
    if not quantities.check_buckets(feature, wanted.limit, wanted.input, wanted.path, report):
        return False
    if feature.array is not None:
        return _vectors().check_shape(wanted, sheet, report)  # type: ignore[no-any-return]
    columns = [sheet.columns[name] for name in wanted.columns]
    numbers = [math.prod(column.shape) for column in columns]
    lists = any(column.kind == "list" for column in columns) and kind not in ("sequence", "multi_hot")
    if lists or (kind in ONE_VALUE and any(count != 1 for count in numbers)):
        has = "lists" if lists else f"{max(numbers):,} numbers"
        said = f"input `{wanted.input}`: `{kind}` takes one value a row, {sheet.origin} has {has}"
        report.add("NS708", wanted.path, said, spans=wanted.spans)
        return False
    own = dims[0] if dims else None
    shape: tuple[int | None, ...]
    if kind == "text" and feature.text:
        shape = (feature.text.length or own, *((wanted.size,) if feature.text.one_hot else ()))
    elif kind == "sequence":
        shape = ((feature.sequence.length if feature.sequence else None) or own,)
    elif kind == "multi_hot":
        shape = (feature.multi_hot,)
    elif kind in ("category", "hash"):
        if feature.category and feature.category.one_hot:
            return True
        shape = (len(columns),)
    else:
        plain = columns[0].shape or (1,) if len(columns) == 1 else (sum(numbers),)
        shape = quantities.shape(feature, wanted.columns, numbers, plain)
    if dims is None:
        return True
    known = [1 if size is None else size for size in shape]
    if kind in ("category", "hash", *QUANTITIES):
        good = forms.fits(known, dims)
    elif len(shape) != len(dims):  # these are never laid flat
        good = False
    else:
        good = all(a in (None, b) or b is None for a, b in zip(dims[1:], shape[1:], strict=True))
        good = good if None in shape else forms.fits(known, dims)
    if not good:
        _mismatch(wanted, kind, shape, report)
    return good


def _vectors() -> ModuleType:
    """What looks at lists of numbers, which few specs have."""
    return import_module("netspec.probe.vectors")


def _mismatch(wanted: Wanted, kind: str, shape: tuple[int | None, ...], report: Report) -> None:
    dims = wanted.dims
    assert dims is not None
    cure = None
    if kind == "numbers" and len(dims) == 1 and len(shape) == 1:
        lists = f", say `array: true` where a cell holds {dims[0] or 'several'} numbers," if shape == (1,) else ","
        cure = f"list {_columns(dims[0])} under `columns`{lists} or make the input [{shape[0]}]"
    elif kind in ("text", "sequence") and len(dims) == len(shape):
        cure = "leave out `length`, and the input's own is taken"
    elif kind == "text":
        cure = "say `one_hot: true`" if len(dims) == 2 else "leave out `one_hot`" if len(shape) == 2 else None
    elif kind == "numbers" and None not in shape and len(shape) > 1:
        cure = _other_input(dims, tuple(size or 1 for size in shape))
    elif kind in ("multi_hot", "category", "hash", "bucket", "date"):
        cure = f"make the input [{', '.join(map(str, shape))}]"
    said = f"input `{wanted.input}` is {show_shape((None, *dims))}, its feature gives {show_shape((None, *shape))}"
    report.add("NS708", wanted.path, said, help=cure, spans=wanted.spans)


def _columns(count: int | None) -> str:
    return "more columns" if count is None else counted(count, "column")


def _other_input(dims: tuple[int | None, ...], shape: tuple[int, ...]) -> str:
    """The input that takes rows of an array as they are; axes in another order are put right behind it."""
    if len(shape) == len(dims) and sorted(shape) == sorted(dim or 0 for dim in dims):
        left = list(range(len(shape)))
        order = [left.pop(next(at for at, axis in enumerate(left) if shape[axis] == dim)) + 1 for dim in dims]
        return f"make the input {list(shape)}, with `Permute: {order}` behind it"
    own = [*shape, 1] if len(dims) == len(shape) + 1 and dims[-1] == 1 else list(shape)
    return f"make the input {own}"


@dataclass(slots=True)
class Check:
    """One input's feature in one sheet: `block` for each block of rows, `finish` at the end.

    `kept` has a 1 for each row of the block that fit prepares; others are parsed alone, and that only as numbers.
    """

    wanted: Wanted
    sheet: Sheet
    report: Report
    learning: bool  # these are the training rows
    held_out: float  # the part of them that is not learned from
    found: dict[tuple[str, str], Tally] = field(default_factory=dict)  # (what, column)

    def tally(self, what: str, column: str) -> Tally:
        """The rows of a column with one mistake."""
        return self.found.setdefault((what, column), Tally())

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Look at some rows."""

    def finish(self) -> None:
        """Say what was found."""

    def say(self, what: str, column: str, code: str, message: str, help: str | None = None) -> None:
        """Report a tally, if there is one, with `{}` for what stands in its first row."""
        tally = self.found.get((what, column))
        if tally is None:
            return
        got = tally.got if isinstance(tally.got, str) else float(tally.got)
        wanted = self.wanted
        text = message.replace("{}", shown(got))
        place, spans = wanted.at(column), wanted.spans
        say(self.report, code, place, self.sheet, column, tally, text, help=help, spans=spans)

    def warn_empty(self, there: dict[str, int]) -> None:
        """Columns without a single filled cell, which give every row the same."""
        for column, count in there.items():
            if not count and self.sheet.whole and self.sheet.seen and self.learning:
                said = f"{self.sheet.origin}, column {shown(column)}: every cell is empty, so it says nothing"
                self.report.add("NS703", self.wanted.at(column), said, severity="warning")


@dataclass(slots=True)
class Numbers(Check):
    """Numbers: every cell is one, finite, and in the range of the input's dtype and its Embedding."""

    there: dict[str, int] = field(default_factory=dict)

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Every cell is a number; kept ones become the input's."""
        for column in self.wanted.columns:
            cells = block.cells.get(column)
            if cells is None:
                self.there[column] = 1
            elif self.sheet.columns[column].kind == TEXT:
                self._column(block, kept, column, _floats(cells) if self.sheet.decimal == "." else None, cells)
            else:
                self._column(block, kept, column, cells, cells)

    def _column(
        self, block: Block, kept: Sequence[int], column: str, values: Sequence[Any] | None, cells: Sequence[Any]
    ) -> None:
        if values is None:
            values = self._parsed(block, column, cells)
        elif self._harmless(values, self.sheet.columns[column].kind):
            self.there[column] = self.there.get(column, 0) + sum(kept)
            return
        self._each(block, kept, column, values, cells)

    def _each(
        self, block: Block, kept: Sequence[int], column: str, values: Sequence[Any], cells: Sequence[Any]
    ) -> None:
        wanted = self.wanted
        width = max(1, len(values) // block.rows)
        whole, learned = wanted.dtype in _WHOLE, wanted.feature.normalize
        top, low, high = _TOPS.get(wanted.dtype, math.inf), *bounds(wanted.dtype)
        missing = wanted.feature.missing_of(column)
        refuses = missing is None and (whole or wanted.dtype == "bool" or wanted.feature.bucket is not None)
        given = quantities.given(missing)
        limit, there = wanted.limit, 0
        for at, value in enumerate(values):
            row = at // width
            if value is None:
                continue
            if value != value:
                if refuses and kept[row]:
                    self.tally("missing", column).add(row_of(block, row), cells[at] if width == 1 else "")
                if given is None:
                    continue
                value = given
            elif kept[row]:
                there += 1
            if math.isinf(value):
                self.tally("infinite", column).add(row_of(block, row), cells[at])
                continue
            if not kept[row]:
                continue
            made = quantities.made(wanted.feature, value)
            if made is None:
                self.tally("log", column).add(row_of(block, row), value)
                continue
            if learned:
                continue
            if abs(made) >= top:
                self.tally("huge", column).add(row_of(block, row), value)
            elif whole and made != math.floor(made):
                self.tally("part", column).add(row_of(block, row), made)
            elif not low <= made <= high:
                self.tally("range", column).add(row_of(block, row), made)
            elif not _within(made, made, limit):
                self.tally("limit", column).add(row_of(block, row), made)
        self.there[column] = self.there.get(column, 0) + there

    def _harmless(self, values: Sequence[Any], kind: str) -> bool:
        """Whether a block is surely right, by its extremes. A NaN makes them useless, and the sum a NaN."""
        wanted = self.wanted
        low, high = (min(values), max(values)) if len(values) else (0, 0)
        if kind not in "biu" and not (-1e308 < low <= high < 1e308 and (total := sum(values)) == total):
            return False
        made_low, made_high = quantities.made(wanted.feature, low), quantities.made(wanted.feature, high)
        if made_low is None or made_high is None:
            return False
        if wanted.feature.normalize:
            return True
        lowest, highest = bounds(wanted.dtype)
        if wanted.dtype in _WHOLE and not quantities.stays_whole(wanted.feature, values, kind):
            return False
        low, high = made_low, made_high
        top = _TOPS.get(wanted.dtype, math.inf)
        return lowest <= low and high <= highest and -top < low and high < top and _within(low, high, wanted.limit)

    def _parsed(self, block: Block, column: str, cells: Sequence[str]) -> list[float | None]:
        values: list[float | None] = []
        for at, cell in enumerate(cells):
            trimmed = cell.strip()
            value = math.nan if is_missing(trimmed) else number(trimmed, self.sheet.decimal)
            if value is None:
                self.tally("text", column).add(row_of(block, at), trimmed)
            values.append(value)
        return values

    def finish(self) -> None:
        """Say what was found, column by column."""
        wanted, feature, told = self.wanted, self.wanted.feature, False
        for column in wanted.columns:
            bad = self.found.get(("text", column))
            if bad is not None:
                mark = mark_cure(bad.got, self.sheet.decimal)
                cure = "say `text` for sentences, `category` for few different values"
                if mark:
                    cure = mark
                elif _DATE.match(bad.got):
                    cure = "say `date: [month, weekday]` for parts of dates and times, "
                    cure += "with `format` where it is not ISO 8601"
                elif bad.got.endswith("%") and number(bad.got[:-1].strip(), self.sheet.decimal) is not None:
                    cure = f"write `{bad.got[:-1].strip()}`, without the sign"
                elif self.there.get(column, 0) > bad.count:
                    cure = "mend the cell, or leave it empty: " + quantities.filled(feature, column)
                elif self._are_lists(bad.got):
                    cure = "say `array` for lists of numbers, `sequence` or `multi_hot` for lists of whole ones"
                elif bool(numbers_in(bad.got, self.sheet.decimal)):
                    cure = "say `array: true` for lists of numbers"
                self.say("text", column, "NS703", "expected a number, got {}", cure)
                continue
            self.say("infinite", column, "NS703", "expected a finite number, got {}")
            self.say("huge", column, "NS703", f"expected a number that fits {wanted.dtype}, got {{}}")
            cure = "say `missing: zero`, `missing: mean` for the rounded mean, or `missing: drop` to leave out the row"
            of = "its bucket" if feature.bucket else f"an input of {wanted.dtype}"
            cure = cure.replace("rounded ", "") if feature.bucket else cure
            self.say("missing", column, "NS703", f"expected a number for {of}, got {{}}", cure)
            cure = "say `clip: [0, null]` for those below 0"
            expected = "expected a number above -1, of which `log` takes log(1 + x), got {}"
            self.say("log", column, "NS703", expected, cure)
            if not told:  # the input is wrong, once, however many columns show it
                self.say("part", column, "NS703", "expected a whole number, got {}", "make the input float32")
                told = ("part", column) in self.found
            self.say("range", column, "NS703", f"expected a number that fits {wanted.dtype}, got {{}}")
            self.say("limit", column, "NS712", *beyond(wanted, self.found.get(("limit", column))))
            nothing = self.there.get(column, 0) == 0 and not any(name == column for _, name in self.found)
            if nothing and self.learning and self.sheet.whole:
                rows = counted(self.sheet.seen, "row")
                said = f"{self.sheet.origin}, column {shown(column)}: no number in the {rows}"
                self.report.add("NS704", wanted.at(column), said, spans=wanted.spans)

    @staticmethod
    def _are_lists(cell: str) -> bool:
        return bool(whole_numbers(cell))


def _within(low: float, high: float, limit: int | None) -> bool:
    """Whether numbers between these, cut to whole ones as an Embedding does, are ids below `limit`."""
    return limit is None or (low > -1 and high < limit)


def beyond(wanted: Wanted, tally: Tally | None) -> tuple[str, str]:
    """What to say of a number that an Embedding has no row for."""
    limit, got = wanted.limit, int(tally.got) if tally else 0
    cure = f"make the Embedding's `input_dim` at least {got + 1}"
    if wanted.feature.sequence or not wanted.feature.names:
        cure = f"say `sequence: {{vocabulary: {limit}}}`, or " + cure
    if got < 0:
        cure = "ids start at 0"
    return f"input `{wanted.input}` is looked up in an Embedding that takes 0 to {(limit or 1) - 1}, got {{}}", cure


def bounds(dtype: str) -> tuple[float, float]:
    """The range of a dtype of whole numbers; of any other, all numbers."""
    if dtype not in _WHOLE:
        return -math.inf, math.inf
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    return (0, 2**bits - 1) if dtype[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _floats(cells: Sequence[str]) -> list[float] | None:
    """A column of plain numbers in one go; None where a cell is anything that Python and fit read differently."""
    joined = "".join(cells)
    if not joined.isascii() or "_" in joined or "n" in joined or "N" in joined:
        return None
    try:
        return list(map(float, cells))
    except ValueError:
        return None
