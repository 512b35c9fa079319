"""What rows weigh: the cells of weight columns, and outputs for which no training row counts. As fit has it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from netspec.catalog.nearest import rename
from netspec.diagnostics import Report
from netspec.probe import forms, steps
from netspec.probe.cells import digits, is_missing, mark_cure, number
from netspec.probe.model import Tally, say, shown
from netspec.probe.sheet import TEXT

if TYPE_CHECKING:
    from netspec.probe.labels import Labels, Wanted


def check_kind(wanted: Wanted, report: Report) -> bool:
    """Whether loss and output take several classes a row, normalized numbers, a class a step, or class weights."""
    target = wanted.target
    multi = target.multi_label is not None
    kinds = {"multi": multi, "normalize": target.normalize, "steps": target.sequence is not None}
    kinds["array"] = target.array
    reason = forms.refused(wanted.output, len(wanted.columns), wanted.loss, **kinds)
    if reason is not None:
        kinds = {"multi_label": multi, "sequence": target.sequence is not None, "array": target.array}
        place = (*wanted.path, next((key for key, there in kinds.items() if there), "normalize"))
        report.add("NS711", place, reason, key=True, spans=[(("losses",), "the loss")])
        return False
    if wanted.weighs_classes and wanted.dims is not None and len(wanted.dims) > 1 and target.sequence is None:
        said = f"output `{wanted.output}`: class weights are for one class a row, and it has several labels"
        report.add("NS711", (*wanted.path, "class_weights"), said, key=True, spans=wanted.spans)
        return False
    if target.array and (why := forms.array_refused(wanted.output, wanted.dims)) is not None:
        report.add("NS706", (*wanted.path, "array"), why, key=True, spans=wanted.spans)
        return False
    if target.sequence is not None:
        refusal = forms.steps_refused(wanted.output, wanted.form, wanted.loss, wanted.dims, target.sequence.length)
        if refusal is not None:
            report.add(refusal[0], (*wanted.path, "sequence"), refusal[1], help=refusal[2], spans=wanted.spans)
            return False
    return True


def check_keys(wanted: Wanted, known: Sequence[str], report: Report) -> bool:
    """Whether every class that has a weight is one of the classes."""
    sound = True
    for key in wanted.target.class_weights or ():
        if key not in known:
            said, cure = forms.unknown_class(wanted.output, key, known)
            fix = rename(key, [name for name in known if name not in (wanted.target.class_weights or ())])
            report.add("NS710", (*wanted.path, "class_weights", key), said, key=True, help=cure, fix=fix)
            sound = False
    return sound


def check_multi(wanted: Wanted, report: Report) -> bool:
    """Whether the output has a unit for each class."""
    if wanted.units is None or forms.fits((wanted.units,), wanted.dims):
        return True
    said = f"output `{wanted.output}`: several classes a row are a unit for each class, not more axes"
    report.add("NS706", (*wanted.path, "multi_label"), said, key=True, spans=wanted.spans)
    return False


def weighable(one: Labels) -> bool:
    """Whether labels that are numbers have the classes that are to be weighed."""
    wanted, report = one.wanted, one.report
    if one.named or not wanted.weighs_classes:
        return True
    known = forms.numbered(wanted.loss, wanted.form, wanted.units)
    if known == ():
        said, place = (
            forms.no_class_weights(wanted.output, wanted.form, wanted.loss),
            (*wanted.path, "class_weights"),
        )
        report.add("NS711", place, said, key=True, spans=[(("losses",), "the loss")])
        return False
    return known is None or check_keys(wanted, known, report)


def singly(wanted: Wanted) -> bool:
    """Whether missing labels are masked one by one."""
    masks = wanted.target.missing == "mask" and wanted.target.sequence is None
    return masks and forms.masked_singly(wanted.form, wanted.loss, wanted.dims)


def lacking(one: Labels) -> bytearray:
    """A 1 for each row that has none of its labels."""
    gone = bytearray(b"\1" * one.held.rows)
    for name in one.wanted.columns:
        for row, _, there in _numbers(one, name):
            if there:
                gone[row] = 0
    return gone


def _numbers(one: Labels, name: str) -> Iterator[tuple[int, int, bool]]:
    """Row, position and whether there is one, of each number of a column of labels."""
    cells = one.held.cells[name]
    width = max(1, len(cells) // max(1, one.held.rows))
    for at, cell in enumerate(cells):
        yield at // width, at % width, not is_missing(cell) if isinstance(cell, str) else cell == cell


def check(one: Labels, kept: Sequence[int], report: Report) -> bool:
    """Whether the weights of the rows that have this label are finite numbers of at least 0."""
    column, sheet = one.wanted.weight, one.sheet
    if column is None or column not in one.held.cells:
        return True
    bad, text = Tally(), sheet.columns[column].kind == TEXT
    for at, cell in enumerate(one.held.cells[column]):
        if not kept[at] or one.missing[at]:
            continue
        value = _value(cell, sheet.decimal) if text else cell
        if value is None or not 0 <= value <= forms.HEAVIEST:
            bad.add(one.held.row(at), cell)
    if bad.count:
        value = _value(bad.got, sheet.decimal) if text else bad.got
        most = value is not None and value > forms.HEAVIEST
        expected = f"a weight of at most {forms.HEAVIEST:g}" if most else "a weight, which is a number of at least 0"
        cure = mark_cure(bad.got, sheet.decimal) if text else None
        said = f"expected {expected}, got {shown(bad.got) if bad.got == bad.got else 'a missing number'}"
        say(report, "NS703", one.wanted.weight_path, sheet, column, bad, said, help=cure)
    return not bad.count


def check_training(one: Labels, kept: Sequence[int], report: Report) -> None:
    """Classes that the rows do not have, and rows that count nothing. They are all the training rows."""
    wanted = one.wanted
    there = [at for at in range(one.held.rows) if kept[at] and not one.missing[at]]
    if not any(kept):
        return  # said already
    if not there:
        columns = ", ".join(f"`{name}`" for name in wanted.columns)
        said = f"output `{wanted.output}`: none of the {one.sheet.far()} has a label in {columns}"
        report.add("NS704", wanted.path, said, key=True)
        return
    for name in wanted.columns if singly(wanted) else ():
        labelled = {at: False for _, at, _ in _numbers(one, name)}
        labelled |= {at: True for row, at, there in _numbers(one, name) if there and kept[row]}
        without = next((at for at, some in labelled.items() if not some), None)
        if without is not None:
            which = f"number {without + 1} of `{name}`" if len(labelled) > 1 else f"`{name}`"
            said = f"output `{wanted.output}`: none of the {one.sheet.far()} has a label in {which}"
            report.add("NS704", wanted.at(name), said, key=len(wanted.columns) == 1)
            return
    names = [cell for cell in one.held.cells[wanted.columns[0]] if isinstance(cell, str) and cell] if one.named else []
    if wanted.target.class_weights and one.named and not wanted.target.classes:
        check_keys(wanted, sorted(set(names)), report)
    if wanted.target.sequence is not None and wanted.target.class_weights is not None:
        by_class = wanted.target.class_weights
        if not any(by_class.get(name, 1.0) for at in there for name in steps.classes(one, at)):
            there = []
    if all(not _weight(one, at) for at in there):
        said = f"none of the {one.sheet.far()} weighs anything for output `{wanted.output}`"
        report.add("NS704", wanted.weight_path or wanted.path, said, key=not wanted.weight_path)


def _weight(one: Labels, at: int) -> float:
    wanted = one.wanted
    cell = one.held.cells[wanted.weight][at] if wanted.weight is not None else 1.0
    weight = (_value(cell, one.sheet.decimal) if isinstance(cell, str) else cell) or 0.0
    if not wanted.target.class_weights or len(wanted.columns) > 1 or wanted.target.sequence is not None:
        return float(weight)
    label: Any = one.held.cells[wanted.columns[0]][at]
    key = label if isinstance(label, str) else digits(label)
    if not one.named:
        parsed = _value(key, one.sheet.decimal if isinstance(label, str) else ".")
        key = key if parsed is None else digits(parsed)
        key = "-1" if wanted.loss in forms.HINGE and key == "0" else key
    return float(weight) * wanted.target.class_weights.get(key, 1.0)


def _value(cell: str, decimal: str) -> float | None:
    """The number in a cell, None where there is none or an infinite one."""
    found = None if is_missing(cell) else number(cell, decimal)
    return None if found is None or math.isinf(found) else found
