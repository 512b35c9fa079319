"""The first rows of every source against the model: labels first, for they say which rows fit keeps, then features."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path as FilePath
from types import ModuleType
from typing import Any

from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.language.datasets import DATASETS, LABEL
from netspec.language.schema import OF_CELLS, Data, Feature, Source, Target
from netspec.probe import arrays, features, forms, held, ids, labels, text, weights
from netspec.probe.cells import is_missing, lacks
from netspec.probe.model import Looked, Model
from netspec.probe.sheet import TEXT, UNKNOWN, Block, Column, Sheet
from netspec.probe.tables import ProbeError, separator

NO_FILES: Mapping[str, tuple[str, ...]] = {}
_CUT = 200  # characters of a label, which may be an article by mistake


@dataclass(slots=True)
class Parts:
    """What every source is held against, and what the training rows taught."""

    features: list[features.Wanted]
    targets: list[labels.Wanted]
    held_out: float  # the part of the training rows that is held out
    learned: dict[str, labels.Learned | None] = field(default_factory=dict)
    said: set[tuple[str, Path]] = field(default_factory=set)  # of earlier sources: one cause, one message
    sound: dict[tuple[str, str, object], bool] = field(default_factory=dict)  # forms and shapes that were checked

    @property
    def columns(self) -> list[str]:
        """The columns that fit reads, each once."""
        named = [name for part in self.features for name in part.columns]
        return list(dict.fromkeys(named + self.label_columns))

    @property
    def label_columns(self) -> list[str]:
        """Those of targets and of their weights, each once."""
        weights = [part.weight for part in self.targets if part.weight is not None]
        return list(dict.fromkeys([*(name for part in self.targets for name in part.columns), *weights]))

    @property
    def long_labels(self) -> set[str]:
        """The columns whose cells hold many labels."""
        many = [
            part
            for part in self.targets
            if part.target.multi_label is not None or part.target.sequence is not None or part.target.array
        ]
        return {name for part in many for name in part.columns}


def parts(
    data: Data, model: Model, found: Sequence[str], vocabularies: Mapping[str, tuple[str, ...]] = NO_FILES
) -> Parts:
    """Each input's feature and each output's target, by the columns of the training rows, as fit finds them."""
    others = [name for name in found if name != LABEL]
    taken = []
    for name, tensor in model.inputs.items():
        feature = data.features.get(name) or Feature()
        names = feature.names or ((name,) if name in found else tuple(others[:1]))
        path: Path = ("data", "features", name) if name in data.features else ("data",)
        limit, listed = model.limits.get(name), vocabularies.get(name)
        taken.append(features.Wanted(name, names, feature, tensor, limit, path, listed))
    wanted: list[labels.Wanted] = []
    trained = any(loss is not None for loss in model.losses.values())  # else fit says so, and reads nothing
    for name, tensor in model.outputs.items() if trained else ():
        target, loss = data.targets.get(name), model.losses.get(name)
        own = (name,) if name in found else (LABEL,) if data.dataset is not None else ()
        if target is None and loss is None:
            own = (name,) if name in model.scored and name in found else ()
        names = (target.names if target else ()) or own
        if names and not isinstance(loss, Unknown):
            path = ("data", "targets", name) if target else ("data",)
            said, dims = target or Target(), forms.dims_of(tensor)
            weight = said.weight or (None if loss is None else data.weight)
            at: Path = ("data", "weight") if not said.weight else (*path, "weight")
            made = model.made.get(name)
            wanted.append(
                labels.Wanted(name, names, said, forms.canonical(loss), dims, path, made, weight, at if weight else ())
            )
    return Parts(taken, wanted, held.share(data))


def dataset(data: Data, parts: Parts, report: Report) -> None:
    """A named data set: shapes and the range of its labels, which are known without it."""
    assert data.dataset is not None
    known = DATASETS[data.dataset]
    cells: Sequence[Any]
    if isinstance(known.classes, tuple):
        kind, cells = TEXT, known.classes
    elif known.classes:
        kind, cells = "i", array("q", range(known.classes))
    else:
        kind, cells = "f", array("d", (0.5, 1.5))  # numbers of any kind

    def read(sheet: Sheet, names: Sequence[str]) -> Iterator[Block]:
        sheet.seen, sheet.whole = len(cells), True
        yield Block(0, len(cells), {LABEL: cells})

    inputs = Column("list") if known.shape is None else Column("u" if known.most else "f", known.shape)
    columns = {known.column: inputs, LABEL: Column(kind)}
    sheet = Sheet(f"dataset `{data.dataset}`", columns, read, numbered=False)
    targets, _ = _shapes(parts, sheet, report)
    _labels(parts, targets, sheet, True, report)


def source(
    data: Data, parts: Parts, source: Source, header: Sequence[str], path: Path, folder: FilePath, report: Report
) -> list[Looked]:
    """One file or archive: its columns' shapes, then its rows. Raises ProbeError where it cannot be read."""
    learning = path[1] == "train"
    needed = list(dict.fromkeys([*parts.columns, *(held.columns(data) if learning else ())]))
    twice = next((name for name in needed if header.count(name) > 1), None)
    if twice is not None:
        count = header.count(twice)
        raise ProbeError(f"`{source.files[0]}` has {count} columns named `{twice}`; names must differ")
    if set(needed) - set(header):
        return []
    if source.kind in ("csv", "tsv"):
        sheet = text.sheet(source.files[0], folder, separator(source), header, source.decimal or ".")
    elif source.kind == "jsonl":
        sheet = import_module("netspec.probe.json_lines").sheet(source.files[0], folder)
        if _unclear(parts, sheet):
            return []
    elif source.images is not None:
        sheet, found = _images().sheet(source.images, folder)
        _images().say_empty(source.images, found, path, report)
    else:
        sheet = arrays.sheet(source, folder, needed)
    sheet.earlier = frozenset(parts.said)
    targets, inputs = _shapes(parts, sheet, report)
    alone = learning and data.train is not None and source.files == data.train.files
    kept, unlabelled = _labels(parts, targets, sheet, learning, report, alone)
    looked = Looked(sheet.origin, sheet.seen, sheet.whole, unlabelled)
    if learning:
        held.check_rows(data, sheet, report)
    if sheet.whole and kept and not any(kept):
        names = [name for part in parts.targets for name in part.columns] if unlabelled else list(_dropping(parts))
        columns = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        message = f"{sheet.origin}: none of its {sheet.far()} can be used: each has an empty cell in {columns}"
        report.add("NS704", path, message, help="rows without a label, or a number that they need, are left out")
    elif kept:
        where = (folder / source.files[0]).parent
        _rows(parts, inputs, sheet, kept, learning, report, where, data.on_error == "skip")
    parts.said |= sheet.said
    return [looked]


def _unclear(parts: Parts, sheet: Sheet) -> bool:
    """Whether it is not known which rows fit keeps: it goes by columns that are not judged, or by texts that are not
    there, which are no label to a target of several classes, where an empty text is a row of none of them.
    """
    several = {name for part in parts.targets if part.target.multi_label is not None for name in part.columns}
    decisive = (*_dropping(parts), *parts.label_columns)
    return bool(several & sheet.holes) or any(sheet.columns[name].kind == UNKNOWN for name in decisive)


def _shapes(parts: Parts, sheet: Sheet, report: Report) -> tuple[list[labels.Wanted], list[features.Wanted]]:
    """The targets and features whose columns have the right shape. Text has one, so it is looked at once."""
    targets, inputs, sound = [], [], parts.sound
    for target in parts.targets:
        form = ("form", target.output, None)
        if form not in sound:
            sound[form] = labels.check_form(target, report)
        shape = ("target", target.output, tuple(sheet.columns[name] for name in target.columns))
        if shape not in sound:
            sound[shape] = sound[form] and labels.check_shape(target, sheet, report)
        if sound[shape]:
            targets.append(target)
    for wanted in parts.features:
        if any(sheet.columns[name].kind == UNKNOWN for name in wanted.columns):
            continue
        shape = ("feature", wanted.input, tuple(sheet.columns[name] for name in wanted.columns))
        if shape not in sound:
            check = features.check_shape if wanted.feature.image is None else _images().check_shape
            sound[shape] = check(wanted, sheet, report)
        if sound[shape]:
            inputs.append(wanted)
    return targets, inputs


def _images() -> ModuleType:
    """What looks at images, which few specs have."""
    return import_module("netspec.probe.images")


def _labels(
    parts: Parts, targets: list[labels.Wanted], sheet: Sheet, learning: bool, report: Report, alone: bool = False
) -> tuple[bytearray, int]:
    """A 1 for each row that fit keeps, and how many are left out for want of a label; what is wrong is reported.

    `alone`: no other file has training rows.
    """
    drops = _dropping(parts, sheet.decimal)
    names = list(dict.fromkeys([*parts.label_columns, *drops]))
    cells: dict[str, Any] = {name: [] for name in parts.label_columns}
    lines: array[int] | None = None
    dropped = bytearray()
    for block in sheet.blocks(names):
        gone = bytearray(block.rows)
        for name, found in block.cells.items():
            textual = sheet.columns[name].kind == TEXT
            if name in cells:
                most = None if name in parts.long_labels else _CUT
                cells[name] += [cell.strip()[:most] for cell in found] if textual else found
            if name in drops:
                width = max(1, len(found) // block.rows)
                for at, cell in enumerate(found):
                    if drops[name](cell.strip()) if textual else cell != cell:
                        gone[at // width] = 1
        dropped += gone
        if block.lines is not None:
            lines = array("q") if lines is None else lines
            lines.extend(block.lines)
    rows = len(dropped)
    cells_held = labels.Held({name: found for name, found in cells.items() if len(found) or not rows}, rows, lines)
    away = parts.held_out if learning else 0.0
    judged = []
    missing, lacking = (
        bytearray(rows),
        bytearray(rows) if len(targets) < len(parts.targets) else bytearray(b"\1" * rows),
    )
    for wanted in targets:
        one = labels.Labels(wanted, sheet, cells_held, report)
        learned = None if learning else parts.learned.get(wanted.output)
        if not learning and learned is None:
            lacking = bytearray(rows)  # nothing is known of this label, so no row is known to lack all of them
            continue
        if one.parse(learned, away):
            judged.append(one)
        masks = wanted.target.missing == "mask"
        for at, gone_ in enumerate(one.missing):
            missing[at] |= gone_ and not masks
            lacking[at] &= gone_
    missing = bytearray(a or b for a, b in zip(missing, lacking, strict=True)) if targets else missing
    kept = bytearray(not (a or b) for a, b in zip(missing, dropped, strict=True))
    for one in judged:
        taught = one.check(kept, parts.learned.get(one.wanted.output), away)
        if learning:
            parts.learned[one.wanted.output] = taught
        if weights.check(one, kept, report) and alone and sheet.whole:
            weights.check_training(one, kept, report)
    return kept, sum(missing)


def _dropping(parts: Parts, decimal: str = ".") -> dict[str, Callable[[str], bool]]:
    """Columns whose empty cells drop a row, and what is empty: of numbers `NA` as well, of lists one with a hole."""
    found: dict[str, Callable[[str], bool]] = {}
    for part in parts.features:
        cells = any(getattr(part.feature, kind) for kind in OF_CELLS)
        for name in part.feature.drops(part.columns):
            if part.feature.array is not None:
                form = forms.listed(part.dims, part.feature.array.length)
                exact = isinstance(form, forms.Listed) and form.exact
                found[name] = partial(lacks, decimal=decimal, exact=exact)
            elif not cells or name not in found:
                found[name] = operator.not_ if cells else is_missing
    return found


def _rows(
    parts: Parts,
    inputs: list[features.Wanted],
    sheet: Sheet,
    kept: bytearray,
    learning: bool,
    report: Report,
    folder: FilePath,
    skips: bool,
) -> None:
    """The features of every row, those that are left out parsed alone."""
    held = parts.held_out if learning else 0.0
    checks = [ids.checker(wanted, sheet, report, learning, held) for wanted in inputs if not wanted.feature.image]
    if len(checks) < len(inputs):
        shown = [wanted for wanted in inputs if wanted.feature.image]
        checks += [
            _images().Images(wanted, sheet, report, learning, held, folder=folder, skips=skips) for wanted in shown
        ]
    names = list(dict.fromkeys(name for wanted in inputs for name in wanted.columns if _looked_at(wanted, sheet, name)))
    for block in sheet.blocks(names):
        mine = kept[block.start : block.start + block.rows]
        if len(mine) < block.rows:  # wide labels end the look earlier than these columns do
            cells = {name: found[: len(found) // block.rows * len(mine)] for name, found in block.cells.items()}
            block = replace(block, rows=len(mine), cells=cells)
            sheet.seen, sheet.whole = len(mine), False
        for check in checks:
            check.block(block, mine)
    for check in checks:
        mark = report.mark()
        check.finish()
        error = report.error_since(mark)
        if error is not None and error[0] == "NS712":  # a vocabulary larger than its Embedding, shown by the rows
            report.outdo("NS518", ("data", "features", check.wanted.input))


def _looked_at(wanted: features.Wanted, sheet: Sheet, name: str) -> bool:
    """Whether the values of a column can be wrong: not those of pixels, say, for an input that takes any number."""
    column = sheet.columns[name]
    if wanted.feature.image:
        return column.kind == TEXT and not sheet.listed
    if column.kind not in "biu":
        return True
    free = wanted.limit is None and wanted.dtype in ("float32", "float64", "bool") and wanted.feature.rescale is None
    free = free and not wanted.feature.log
    return not (free and wanted.kind(sheet) == "numbers")
