"""The rows that `validation` and `test` hold out of the training rows: columns that are there, times that can be read.

What is refused here is what fit refuses; which rows a hash takes is left to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from netspec.catalog.nearest import nearest, rename
from netspec.diagnostics import Path, Report, counted
from netspec.language.moments import expected, moment
from netspec.language.schema import Data, Split
from netspec.probe.cells import is_missing, number
from netspec.probe.model import Tally, say, shown
from netspec.probe.sheet import TEXT, Sheet, row_of

COUNTED = ("hash", "order", "time")  # ways that hold out a number of rows that is known before


def parts(data: Data) -> list[tuple[str, Split]]:
    """The parts that are held out, the test rows first, as fit takes them."""
    named = (("test", data.test), ("validation", data.validation))
    return [(name, part) for name, part in named if part is not None and part.fraction is not None]


def columns(data: Data) -> list[str]:
    """The columns that they go by."""
    return [part.column for _, part in parts(data) if part.column is not None]


def check_columns(data: Data, found: Sequence[str], where: str, said: set[str], report: Report) -> bool:
    """Whether these columns are there; what is not is `said` once."""
    sound = True
    for name, part in parts(data):
        if part.column is None or part.column in found:
            continue
        sound = False
        if f"held {name}" not in said:
            said.add(f"held {name}")
            close = nearest(part.column, found)
            cure = f"did you mean `{close}`?" if close else None
            message = f"{where} has no column `{part.column}`, by which `{name}` holds out rows"
            place = ("data", name, "column")
            report.add("NS702", place, message, help=cure, fix=rename(part.column, found))
    return sound


def check_rows(data: Data, sheet: Sheet, report: Report) -> None:
    """The times can be read, and every part has a row, as far as that is known before rows are drawn."""
    for name, part in parts(data):
        if part.column is None or part.column not in sheet.columns:
            continue
        if part.by == "time":
            _check_times(name, part, part.column, sheet, report)
        elif part.by == "group":
            _check_groups(name, part, part.column, sheet, report)
    rows = sheet.seen if sheet.whole else sheet.length
    left = rows
    for name, part in parts(data):
        if rows is None or left is None or not rows:
            return
        if part.by not in COUNTED:
            left = None
            continue
        held = min(round(rows * (part.fraction or 0)), left)
        left -= held
        if not held or not left:
            empty = "to train on" if held else "to test with" if name == "test" else "to validate with"
            message = f"`{name}: {part.fraction:g}` of {counted(rows, 'row')} leaves none {empty}"
            report.add("NS704", ("data", name), message, help="add rows")
            return


def share(data: Data) -> float:
    """The part of the training rows that nothing is learned from."""
    return min(sum(part.fraction or 0 for _, part in parts(data)), 0.999)


def _check_times(name: str, part: Split, column: str, sheet: Sheet, report: Report) -> None:
    place: Path = ("data", name, "column")
    gone, bad, dates = Tally(), Tally(), None
    for at, value, block in _cells(column, sheet):
        if (isinstance(value, str) and is_missing(value)) or (not isinstance(value, str) and value != value):
            gone.add(row_of(block, at), "")
        elif not isinstance(value, str) and part.format is None:
            if math.isinf(value):
                bad.add(row_of(block, at), value)
        else:
            text = value if isinstance(value, str) else _digits(value)
            if dates is None:
                dates = part.format is not None or number(text, sheet.decimal) is None
            read = moment(text, part.format) if dates else number(text, sheet.decimal)
            if read is None or (not dates and math.isinf(read)):
                bad.add(row_of(block, at), value)
    if gone.count:
        message = f"no date or time, by which `{name}` holds out rows"
        say(report, "NS703", place, sheet, column, gone, message)
    elif bad.count:
        wanted = "a finite number" if dates is False or not isinstance(bad.got, str) else expected(part.format)
        cure = None if part.format else 'say `format`, as in `format: "%d.%m.%Y"`'
        say(report, "NS703", place, sheet, column, bad, f"expected {wanted}, got {shown(bad.got)}", help=cure)


def _check_groups(name: str, part: Split, column: str, sheet: Sheet, report: Report) -> None:
    first: object = None
    for at, value, _ in _cells(column, sheet):
        text = value if isinstance(value, str) else _digits(value)
        if first is None:
            first = text
        elif text != first:
            return
        del at
    if first is not None and sheet.whole:
        message = f"`{name}: {part.fraction:g}` of {counted(sheet.seen, 'row')} leaves none to train on: "
        message += f"all have the value {shown(first)} in {shown(column)}"
        report.add("NS704", ("data", name), message, help="it takes groups as a whole")


def _cells(column: str, sheet: Sheet) -> Iterator[tuple[int, Any, Any]]:
    """Each row's position in its block and its cell, text trimmed; nothing where there are several numbers a row."""
    kind = sheet.columns[column]
    if kind.kind == "list" or math.prod(kind.shape) != 1:
        return
    for block in sheet.blocks([column]):
        cells = block.cells.get(column)
        if cells is None:
            return
        for at, cell in enumerate(cells):
            yield at, cell.strip() if kind.kind == TEXT else cell, block


def _digits(value: float) -> str:
    """A number as fit reads it as a text."""
    if value != value:
        return ""
    return str(int(value)) if math.isfinite(value) and float(value).is_integer() else repr(value)
