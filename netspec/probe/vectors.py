"""Lists of numbers in a cell, for inputs and for outputs, as fit has them: of the right length, or padded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import Report, counted
from netspec.probe import forms
from netspec.probe.cells import is_missing, numbers_in
from netspec.probe.features import Numbers, Wanted
from netspec.probe.model import Tally, say, shown
from netspec.probe.sheet import TEXT, Block, Sheet, row_of

if TYPE_CHECKING:
    from netspec.probe.labels import Labels

_CURE = "say `array: {length: …}` to cut and pad"


def check_shape(wanted: Wanted, sheet: Sheet, report: Report) -> bool:
    """Whether an input takes lists, and the arrays of a sheet; those of texts have whatever length."""
    said = wanted.feature.array
    assert said is not None
    form = forms.listed(wanted.dims, said.length)
    if isinstance(form, str):
        text = f"input `{wanted.input}` is {show_shape((None, *(wanted.dims or ())))}: {form}"
        cure = "leave out `length`, and the input's own is taken" if said.length else None
        report.add("NS708", (*wanted.path, "array"), text, key=True, help=cure, spans=wanted.spans)
        return False
    column = sheet.columns[wanted.columns[0]]
    if column.kind == TEXT:
        return True
    dims = (form.steps if form.exact else None, *form.inner)
    if column.kind == "list" or forms.fits(column.shape, dims):
        return True
    wanted_, got = (" x ".join("any" if d is None else str(d) for d in shape) or "1" for shape in (dims, column.shape))
    text = f"{sheet.origin}, column {shown(wanted.columns[0])}: expected {wanted_} numbers a row, got {got}"
    cure = _CURE if form.exact and column.shape[1:] == dims[1:] else None
    report.add("NS708", wanted.at(wanted.columns[0]), text, help=cure, spans=wanted.spans)
    return False


@dataclass(slots=True)
class Vectors(Numbers):
    """Lists of numbers: each cell is one, of the right length, and its numbers are right for the input."""

    filled: list[int] = field(default_factory=list)  # of numbers that are normalized by themselves, how many there are

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Lists of texts have numbers of their own; those of arrays are cut where fit cuts them."""
        column = self.wanted.columns[0]
        cells = block.cells.get(column)
        if cells is None:
            self.there[column] = 1
            return
        form = forms.listed(self.wanted.dims, self.wanted.feature.array.length if self.wanted.feature.array else None)
        assert isinstance(form, forms.Listed)
        if self.sheet.columns[column].kind == TEXT:
            rows = [self._row(block, at, cell.strip(), form) for at, cell in enumerate(cells)]
        else:
            each = len(cells) // block.rows
            if form.exact or form.steps is None or each <= form.steps * form.width:
                Numbers.block(self, block, kept)
                return
            rows = [cells[at * each : (at + 1) * each] for at in range(block.rows)]
        for at, row in enumerate(rows):
            if any(map(math.isinf, row)):
                self.tally("infinite", column).add(row_of(block, at), math.inf)
        rows = [self._cut(row, form) if keep else () for row, keep in zip(rows, kept, strict=True)]
        self.filled = self.filled or [0] * form.last
        for row in rows:
            for at, value in enumerate(row):
                self.filled[at % form.last] += value == value
        width = max(map(len, rows), default=0)
        if width:
            values = [value for row in rows for value in (*row, *(None,) * (width - len(row)))]
            self._each(block, kept, column, values, values)

    def _row(self, block: Block, at: int, cell: str, form: forms.Listed) -> Sequence[float]:
        column = self.wanted.columns[0]
        if is_missing(cell):
            return (math.nan,) * ((form.steps or 0) * form.width) if form.exact else ()
        found = numbers_in(cell, self.sheet.decimal)
        if found is None:
            self.tally("list", column).add(row_of(block, at), cell)
            return ()
        if form.exact and not found:
            return (math.nan,) * ((form.steps or 0) * form.width)
        fault = form.fault(len(found))
        if fault is not None:
            self.tally("length", column).add(row_of(block, at), fault)
            return ()
        return found

    def _cut(self, found: Sequence[Any], form: forms.Listed) -> Sequence[Any]:
        said, most = self.wanted.feature.array, (form.steps or 0) * form.width
        if form.exact or form.steps is None or len(found) <= most:
            return found
        return found[-most:] if said is None or said.truncating == "pre" else found[:most]

    def finish(self) -> None:
        """Say what was found."""
        column, wanted = self.wanted.columns[0], self.wanted
        self.say("list", column, "NS703", "expected numbers such as `0.5 1 2` or `[0.5, 1, 2]`, got {}")
        tally = self.found.get(("length", column))
        if tally is not None:
            place, spans = wanted.at(column), wanted.spans
            cure = None if "each step" in tally.got else _CURE
            say(self.report, "NS703", place, self.sheet, column, tally, tally.got, help=cure, spans=spans)
        if any(self.filled) and not all(self.filled) and self.learning and self.sheet.whole and not self.held_out:
            said = f"{self.sheet.origin}, column {shown(column)}: number {self.filled.index(0) + 1} of its lists is "
            said += f"missing in all of the {counted(self.sheet.seen, 'row')}"
            self.report.add("NS704", wanted.at(column), said, spans=wanted.spans)
        Numbers.finish(self)


def parse(one: Labels, name: str) -> bool:
    """The lists of a target's texts as numbers side by side; False where a cell is none of the right length."""
    form = forms.listed(one.wanted.dims, None)
    assert isinstance(form, forms.Listed)
    width, bad, short, infinite = (form.steps or 0) * form.width, Tally(), Tally(), Tally()
    values: list[float] = []
    for at, cell in enumerate(one.held.cells[name]):
        found = [math.nan] * width if is_missing(cell) else numbers_in(cell, one.sheet.decimal)
        found = [math.nan] * width if form.exact and found == [] else found
        if found is None:
            bad.add(one.held.row(at), cell)
        elif (fault := form.fault(len(found))) is not None:
            short.add(one.held.row(at), fault)
        elif any(map(math.isinf, found)):
            infinite.add(one.held.row(at), "an infinite one")
        one.missing[at] = found is not None and any(map(math.isnan, found))
        values += found if found is not None and len(found) == width else [math.nan] * width
    place, spans, report = one.wanted.at(name), one.wanted.spans, one.report
    if bad.count:
        said = f"expected numbers such as `0.5 1 2` or `[0.5, 1, 2]`, got {shown(bad.got)}"
        say(report, "NS703", place, one.sheet, name, bad, said, spans=spans)
    if short.count:
        say(report, "NS703", place, one.sheet, name, short, short.got, spans=spans)
    if infinite.count:
        say(report, "NS703", place, one.sheet, name, infinite, "expected finite numbers, got an infinite one")
    one.held = replace(one.held, cells={**one.held.cells, name: values})
    return not (bad.count or short.count or infinite.count)
