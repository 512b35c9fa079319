"""One class a step: the lists of class numbers or names in the cells of a target. As fit has it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from netspec.probe import forms
from netspec.probe.cells import digits, whole_numbers
from netspec.probe.model import Tally, listed, say, shown
from netspec.probe.sheet import TEXT

if TYPE_CHECKING:
    from netspec.probe.labels import Labels

_EMPTY = re.compile(r"\[?\s*\]?")


def missing(one: Labels) -> bytearray:
    """A 1 for each row with an empty list."""
    column = one.sheet.columns[one.wanted.columns[0]]
    if column.kind != TEXT:
        return bytearray(one.held.rows) if math.prod(column.shape) else bytearray(b"\1" * one.held.rows)
    cells = one.held.cells[one.wanted.columns[0]]
    return bytearray(not cell if one.named else bool(_EMPTY.fullmatch(cell)) for cell in cells)


def classes(one: Labels, at: int) -> list[str]:
    """The classes of the steps of a row that are left when it is cut."""
    wanted = one.wanted
    said, found, named = wanted.target.sequence, _steps(one, at) or [], wanted.target.classes or ()
    length = said and ((wanted.dims[0] if wanted.dims else None) or said.length)
    if said and length and len(found) > length:
        found = found[-length:] if said.truncating == "pre" else found[:length]
    names = [digits(step) if isinstance(step, int | float) else step for step in found]
    return [named[int(name)] if name.isdecimal() and int(name) < len(named) else name for name in names]


def check(one: Labels, kept: bytearray) -> None:
    """Lists that are none, names that are no class, class numbers out of range."""
    wanted, name = one.wanted, one.wanted.columns[0]
    bad, part, strange, over = Tally(), Tally(), Tally(), Tally()
    two = wanted.form == "numbers" and wanted.loss in forms.BINARY | forms.HINGE
    top = 2 if two else None if wanted.form == "numbers" else wanted.units
    if wanted.target.classes:
        top = len(wanted.target.classes) if top is None else min(top, len(wanted.target.classes))
    for at in range(one.held.rows):
        if not kept[at]:
            continue
        row, found = one.held.row(at), _steps(one, at)
        if found is None:
            bad.add(row, one.held.cells[name][at])
            continue
        for step in found:
            if isinstance(step, str):
                if step not in (wanted.target.classes or ()):
                    strange.add(row, step)
                    break
            elif step != step or step < 0 or step != math.floor(step):
                part.add(row, step)
                break
            elif top is not None and step >= top:
                over.add(row, step)
                break
    place, spans = wanted.at(name), wanted.spans
    if bad.count:
        said = f"expected whole numbers of 0 or more, such as `3 17 5`, got {shown(bad.got)}"
        cure = "names of classes are listed under `classes`"
        say(one.report, "NS703", place, one.sheet, name, bad, said, help=cure)
    if part.count:
        got = shown(float(part.got)) if part.got == part.got else "a missing number"
        say(one.report, "NS703", place, one.sheet, name, part, f"expected whole numbers of 0 or more, got {got}")
    if strange.count:
        said = f"expected some of the classes {listed(wanted.target.classes or (), 20)}, got {shown(strange.got)}"
        say(one.report, "NS710", place, one.sheet, name, strange, said, spans=spans)
    if over.count and top is not None:
        said = f"expected class numbers from 0 to {top - 1}, got {shown(float(over.got))}"
        say(one.report, "NS710", place, one.sheet, name, over, said, spans=spans)


def _steps(one: Labels, at: int) -> list[Any] | None:
    """The numbers or names of a row, None where its cell is no list."""
    name = one.wanted.columns[0]
    column, cells = one.sheet.columns[name], one.held.cells[name]
    if column.kind != TEXT:
        width = math.prod(column.shape)
        return list(cells[at * width : (at + 1) * width])
    if one.named:
        return list(cells[at].split())
    found: Iterator[Any] | list[int] | None = whole_numbers(cells[at])
    return None if found is None else list(found)
