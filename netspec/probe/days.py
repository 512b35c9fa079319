"""Features that are parts of dates: every cell is one, as ISO 8601 or the feature's format has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.diagnostics import counted
from netspec.language.moments import expected, moment
from netspec.probe.cells import is_missing
from netspec.probe.features import Check
from netspec.probe.sheet import TEXT, Block, row_of

_CURE = 'say how they are written, as in `date: {parts: [year], format: "%d.%m.%Y"}`'


@dataclass(slots=True)
class Days(Check):
    """Dates and times: cells that cannot be read, and empty ones where nothing is said of them."""

    there: dict[str, int] = field(default_factory=dict)

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Every cell of a kept row is a date, or empty where that may be."""
        date = self.wanted.feature.date
        for column in self.wanted.columns:
            cells = block.cells.get(column)
            if cells is None or date is None:
                self.there[column] = 1
                continue
            refuses = self.wanted.feature.missing_of(column) is None
            count = 0
            for at, cell in enumerate(cells):
                if self.sheet.columns[column].kind == TEXT:
                    text = cell.strip()
                elif date.format is None:
                    self.tally("date", column).add(row_of(block, at), cell)
                    continue
                else:
                    text = "" if cell != cell else str(int(cell)) if float(cell).is_integer() else repr(cell)
                if is_missing(text):
                    if refuses and kept[at]:
                        self.tally("missing", column).add(row_of(block, at), text)
                elif moment(text, date.format) is None:
                    self.tally("date", column).add(row_of(block, at), text)
                else:
                    count += kept[at]
            self.there[column] = self.there.get(column, 0) + count

    def finish(self) -> None:
        """Say what was found, column by column."""
        date = self.wanted.feature.date
        for column in self.wanted.columns:
            cure = None if date is None or date.format else _CURE
            self.say("date", column, "NS703", f"expected {expected(date.format if date else None)}, got {{}}", cure)
            cure = "say `missing: zero`, `missing: mean`, or `missing: drop` to leave out the row"
            self.say("missing", column, "NS703", "expected a date, got {}", cure)
            nothing = self.there.get(column, 0) == 0 and not any(name == column for _, name in self.found)
            if nothing and self.learning and self.sheet.whole:
                said = f"{self.sheet.origin}, column `{column}`: no date in the {counted(self.sheet.seen, 'row')}"
                self.report.add("NS704", self.wanted.at(column), said, spans=self.wanted.spans)
