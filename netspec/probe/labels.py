"""Targets against losses and outputs: form (class numbers, one-hot, numbers, text), range and shape.

What is refused here is what fit refuses. `check_form` needs no data, `check_shape` a file's columns, `Labels` its rows.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import Path, Report, counted
from netspec.language.schema import Target
from netspec.probe import forms, steps, vectors, weights
from netspec.probe.cells import digits, is_missing, mark_cure, number
from netspec.probe.model import Tally, listed, say, shown
from netspec.probe.sheet import TEXT, Row, Sheet


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output's target: its columns, what the spec says of it, the loss's canonical name, the output's shape.

    `path` is where the target stands, `made` where the output is made.
    """

    output: str
    columns: tuple[str, ...]
    target: Target
    loss: str
    dims: forms.Dims
    path: Path
    made: Path | None
    weight: str | None = None  # the column of its rows' weights
    weight_path: Path = ()

    @property
    def form(self) -> str:
        """As fit has it: numbers, classes (class numbers), one_hot or multi_label."""
        if self.target.multi_label is not None:
            return "multi_label"
        return "one_hot" if self.target.one_hot else "classes" if self.loss == forms.SPARSE else "numbers"

    @property
    def units(self) -> int | None:
        """The last size of the output, None where it is not known or free."""
        return self.dims[-1] if self.dims else None

    @property
    def spans(self) -> list[tuple[Path, str]]:
        """The other half of the story: the output."""
        if self.made is None or self.dims is None:
            return []
        return [(self.made, f"output `{self.output}`, {show_shape((None, *self.dims))}")]

    @property
    def weighs_classes(self) -> bool:
        """Whether classes have weights."""
        return self.target.balanced or self.target.class_weights is not None

    def at(self, column: str) -> Path:
        """Where a column is named."""
        if self.target.columns and column in self.target.columns:
            return (*self.path, "columns", self.target.columns.index(column))
        return (*self.path, "column") if self.target.column else self.path


def check_form(wanted: Wanted, report: Report) -> bool:
    """What is wrong whatever the data hold; False where the data need no look."""
    target, units = wanted.target, wanted.units
    if not weights.check_kind(wanted, report):
        return False
    if target.one_hot and wanted.loss == forms.SPARSE:
        said = f"output `{wanted.output}`: sparse_categorical_crossentropy takes class numbers, the target is one-hot"
        cure = "leave out `one_hot`, or use the loss `categorical_crossentropy`"
        report.add("NS711", (*wanted.path, "one_hot"), said, help=cure, spans=[(("losses",), "the loss")])
        return False
    if target.one_hot and wanted.dims is not None and units is None:
        said = f"output `{wanted.output}`: `one_hot` needs an output whose last dimension is known"
        report.add("NS706", (*wanted.path, "one_hot"), said, spans=wanted.spans)
        return False
    if len(wanted.columns) > 1 and (wanted.form != "numbers" or target.classes):
        said = f"output `{wanted.output}`: classes come from one column, got {len(wanted.columns)}"
        one_hot = "columns of zeros and ones are one-hot labels: use the loss `categorical_crossentropy`"
        one_hot += ", without `one_hot`" if target.one_hot else ""
        way = one_hot if len(wanted.columns) == units and not target.classes else None
        report.add("NS711", (*wanted.path, "columns"), said, help=way, spans=wanted.spans)
        return False
    if target.classes is not None and not _check_count(wanted, target.classes, "`classes` lists", report):
        return False
    return target.classes is None or weights.check_keys(wanted, target.classes, report)


def _check_count(wanted: Wanted, names: Sequence[str], holder: str, report: Report, notes: Sequence[str] = ()) -> bool:
    """False where there are more classes than the output can tell apart."""
    units = wanted.units
    if units is None:
        return True
    most = 2 if wanted.form == "numbers" else units
    if len(names) <= most or (wanted.form == "numbers" and units != 1):
        return True
    said = f"output `{wanted.output}` has {counted(units, 'unit')}, {holder} {counted(len(names), 'class')}: "
    cure = f"give the output {counted(len(names), 'unit')}"
    if wanted.form == "numbers" and wanted.loss in forms.BINARY:
        cure += " and a softmax, and use the loss `sparse_categorical_crossentropy`"
    place = (*wanted.path, "classes") if wanted.target.classes else wanted.at(wanted.columns[0])
    report.add("NS710", place, said + listed(names), help=cure, spans=wanted.spans, notes=notes)
    return False


def check_shape(wanted: Wanted, sheet: Sheet, report: Report) -> bool:
    """Whether the columns of a sheet give rows of the output's shape."""
    kinds = [sheet.columns[name] for name in wanted.columns]
    if wanted.weight is not None and math.prod(sheet.columns[wanted.weight].shape) != 1:
        said = f"column `{wanted.weight}` has {math.prod(sheet.columns[wanted.weight].shape)} numbers a row"
        report.add("NS706", wanted.weight_path, f"{said}; a weight is one")
        return False
    if wanted.form == "multi_label":
        return weights.check_multi(wanted, report)
    if wanted.target.sequence is not None:
        return not any(kind.kind == "list" for kind in kinds)
    if wanted.target.array and kinds[0].kind == TEXT:
        return True
    if any(kind.kind == "list" for kind in kinds):
        said = f"output `{wanted.output}`: column `{wanted.columns[0]}` holds lists; expected a number or a text"
        report.add("NS706", wanted.at(wanted.columns[0]), said, spans=wanted.spans)
        return False
    if len(kinds) > 1:
        shape: tuple[int, ...] = (sum(math.prod(kind.shape) for kind in kinds),)
    else:
        shape = kinds[0].shape
    if wanted.target.classes and math.prod(shape) != 1:
        said = f"output `{wanted.output}`: `classes` names one value a row, {sheet.origin} has {math.prod(shape)}"
        report.add("NS706", (*wanted.path, "classes"), said)
        return False
    dims = wanted.dims
    if dims is None or forms.fits(shape, dims if wanted.form == "numbers" else dims[:-1]):
        return True
    shape = shape or (1,)
    what = "the target column gives" if len(kinds) == 1 else f"the {len(kinds)} target columns give"
    if wanted.form != "numbers" and shape[-1] == wanted.units and shape != (1,):
        said = f"output `{wanted.output}` takes class numbers; {what} {show_shape((None, *shape))}: "
        said += "the labels are one-hot already"
        way = "use the loss `categorical_crossentropy`" if wanted.form == "classes" else "leave out `one_hot`"
        report.add("NS711", wanted.path, said, help=way, spans=wanted.spans)
        return False
    code, cure = "NS706", _shape_cure(wanted, dims, shape)
    if wanted.form == "numbers" and wanted.loss in forms.ONE_HOT and shape == (1,) and len(dims) == 1:
        code = "NS711"
        cure = "say `one_hot: true` under the target, or use the loss `sparse_categorical_crossentropy`"
    sparse = ", of which the loss takes all but the last axis" if wanted.form == "classes" else ""
    said = f"output `{wanted.output}` is {show_shape((None, *dims))}{sparse}; {what} {show_shape((None, *shape))}"
    report.add(code, wanted.path, said, help=cure, spans=wanted.spans)
    return False


def _shape_cure(wanted: Wanted, dims: tuple[int | None, ...], shape: tuple[int, ...]) -> str | None:
    """What brings an output and labels of another shape together, where shapes alone tell."""
    axes = len(dims) - 1  # of an image, or of steps
    if axes == 0:
        if wanted.units is None or wanted.form != "numbers":
            return None
        cure = f"list {counted(wanted.units, 'column')} under `columns`, or give the output {counted(shape[0], 'unit')}"
        classes = shape == (1,) and wanted.loss in forms.CLASSES
        return "say `one_hot: true` for class numbers; " + cure if classes else cure
    if axes > 3 or None in dims:
        return None
    pooling = f"GlobalAveragePooling{axes}D"
    if shape == (1,):
        return f"one label a row needs one answer a row: put `Flatten` or `{pooling}` in front of `{wanted.output}`"
    theirs = shape[:axes] if len(shape) >= axes else ()
    pairs = [(have, want) for have, want in zip(dims, theirs, strict=False) if have is not None]
    factors = {want / have for have, want in pairs}
    if not pairs or factors == {1.0}:
        return None
    size = ", ".join(map(str, theirs))
    if len(factors) == 1 and (factor := factors.pop()) > 1 and factor.is_integer():
        return f"`UpSampling{axes}D: {factor:.0f}` in front of `{wanted.output}` brings it to {size}"
    if all(have <= want for have, want in pairs):
        return f"the output must be {size}: `padding: same` keeps the size in each convolution above it"
    return None


@dataclass(frozen=True, slots=True)
class Held:
    """The label columns of all rows that were looked at: trimmed texts, or numbers side by side."""

    cells: Mapping[str, Sequence[Any]]
    rows: int
    lines: Sequence[int] | None

    def row(self, at: int) -> Row:
        """The row at a position."""
        return Row(at + 1, None if self.lines is None else self.lines[at])


@dataclass(frozen=True, slots=True)
class Learned:
    """What the training rows say of an output's labels: classes by name, None for numbers; all of them if `whole`."""

    names: frozenset[str] | None
    whole: bool


@dataclass(slots=True)
class Labels:
    """The labels of one output in one sheet. `parse` first, then `check` with the rows that have every label."""

    wanted: Wanted
    sheet: Sheet
    held: Held
    report: Report
    named: bool | None = None  # the classes have names; None: not to be told from these rows
    missing: bytearray = field(default_factory=bytearray)

    def parse(self, learned: Learned | None, held_out: float) -> bool:
        """Which rows lack a label, and cells that are no number where numbers belong; False where that stops all.

        `learned` is what the training rows said, None for these themselves, of which a part `held_out` is not learned
        from.
        """
        self.missing = bytearray(self.held.rows)
        by_step = self.wanted.target.sequence is not None  # whose names are not learned here
        self.named = self._is_named(held_out) if learned is None or by_step else learned.names is not None
        if self.named is None:
            return False
        sound = True
        for name in self.wanted.columns:
            if name not in self.held.cells:
                return False
            cells = self.held.cells[name]
            if self.wanted.target.sequence is not None:
                self.missing = steps.missing(self)
            elif self.sheet.columns[name].kind != TEXT:
                self._holes(cells)
            elif self.wanted.target.array:
                sound = vectors.parse(self, name) and sound
            elif self.wanted.form == "multi_label":
                continue  # an empty cell is a row of no class
            elif self.named:
                for at, cell in enumerate(cells):
                    if not cell:
                        self.missing[at] = 1
            else:
                sound = self._parse(name, cells) and sound
        if weights.singly(self.wanted) and not self.named:
            self.missing = weights.lacking(self)
        return weights.weighable(self) and sound

    def _is_named(self, held_out: float) -> bool | None:
        wanted = self.wanted
        if wanted.form == "multi_label":
            return self.sheet.columns[wanted.columns[0]].kind == TEXT
        if wanted.target.classes:
            return True
        if wanted.target.sequence is not None:
            return False
        name = wanted.columns[0]
        classes = wanted.loss in forms.CLASSES or wanted.form != "numbers"
        if len(wanted.columns) > 1 or not classes or wanted.target.array or self.sheet.columns[name].kind != TEXT:
            return False
        cells = [cell for cell in self.held.cells[name] if not is_missing(cell)]
        there, numbers = len(cells), sum(number(cell, self.sheet.decimal) is not None for cell in cells)
        away = math.ceil(self.held.rows * held_out)
        if there and away and 2 * (numbers - away) < there - away and 2 * numbers >= there - away:
            return None  # it depends on the rows that are held out
        return not forms.reads_as_numbers(numbers, there)

    def _holes(self, cells: Sequence[Any]) -> None:
        width = max(1, len(cells) // max(1, self.held.rows))
        for at, value in enumerate(cells):
            if value != value:
                self.missing[at // width] = 1

    def _parse(self, name: str, cells: Sequence[str]) -> bool:
        bad, good = Tally(), 0
        for at, cell in enumerate(cells):
            if is_missing(cell):
                self.missing[at] = 1
            elif (value := number(cell, self.sheet.decimal)) is None or math.isinf(value):
                bad.add(self.held.row(at), cell)
            else:
                good += 1
        if not bad.count:
            return True
        wanted, cure, code = self.wanted, mark_cure(bad.got, self.sheet.decimal), "NS703"
        infinite = number(bad.got, self.sheet.decimal) is not None
        expected = f"expected a {'finite number' if infinite else 'number'}, got {shown(bad.got)}"
        if wanted.loss in forms.CLASSES or wanted.form != "numbers":
            cure = cure or forms.classes_cure(cells)
        elif wanted.loss and good < bad.count and not cure:
            code, cure = "NS711", "text is for losses of classes: binary_crossentropy, sparse_categorical_crossentropy"
            expected = f"the loss takes numbers, got the text {shown(bad.got)}"
        elif wanted.loss and not infinite:
            cure = cure or forms.number_cure(cells)
        say(self.report, code, wanted.at(name), self.sheet, name, bad, expected, help=cure, spans=wanted.spans)
        return False

    def check(self, kept: bytearray, learned: Learned | None, held_out: float) -> Learned | None:
        """Ranges and class names of the rows of `kept`; what these, as training rows, teach."""
        wanted, name = self.wanted, self.wanted.columns[0]
        if wanted.target.missing == "mask":
            kept = bytearray(keep and not gone for keep, gone in zip(kept, self.missing, strict=True))
        if wanted.target.sequence is not None:
            steps.check(self, kept)
            return Learned(None, self.sheet.whole)
        if not self.named:
            for column in wanted.columns:
                self._check_numbers(column, kept)
            return Learned(None, self.sheet.whole)
        texts = self._texts(name)
        names = frozenset(wanted.target.classes) if wanted.target.classes else learned.names if learned else None
        if names is not None:
            if wanted.target.classes or (learned is not None and learned.whole):
                self._check_names(name, texts, kept, names)
            return Learned(names, True)
        chosen = texts if not held_out else [cell for at, cell in enumerate(texts) if kept[at]]
        found = sorted({each for cell in chosen for each in self._classes(cell)})
        notes = [] if self.sheet.whole else [f"in {self.sheet.far()}; fit checks the rest as it reads"]
        holder = f"column {shown(name)} of {self.sheet.origin} has"
        if not _check_count(wanted, found, holder, self.report, notes):
            return None
        return Learned(frozenset(each for cell in texts for each in self._classes(cell)), self.sheet.whole)

    def _classes(self, cell: str) -> list[str]:
        """The names in a cell: one, or those between separators."""
        multi = self.wanted.target.multi_label
        cells = [cell] if multi is None else [each.strip() for each in cell.split(multi.separator)]
        return [each for each in cells if each]

    def _texts(self, name: str) -> Sequence[str]:
        cells = self.held.cells[name]
        if self.sheet.columns[name].kind == TEXT:
            return cells
        return [digits(value) for value in cells]

    def _check_names(self, name: str, texts: Sequence[str], kept: bytearray, names: frozenset[str]) -> None:
        bad, multi = Tally(), self.wanted.target.multi_label is not None
        for at, cell in enumerate(texts):
            strange = [each for each in self._classes(cell) or ([] if multi else [cell]) if each not in names]
            if kept[at] and strange:
                bad.add(self.held.row(at), strange[0])
        if bad.count:
            known = self.wanted.target.classes or sorted(names)
            said = f"expected one of the classes {listed(known, 20)}, got {shown(bad.got)}"
            place, cure = self.wanted.at(name), forms.ALL_CLASSES
            say(self.report, "NS710", place, self.sheet, name, bad, said, help=cure, spans=self.wanted.spans)

    def _check_numbers(self, name: str, kept: bytearray) -> None:
        """The range that the loss and the output leave to numbers."""
        wanted, cells = self.wanted, self.held.cells[name]
        if self.sheet.columns[name].kind == TEXT and not wanted.target.array:
            values: Sequence[Any] = [number(cell, self.sheet.decimal) if cell else None for cell in cells]
        else:
            values = cells
        width = max(1, len(values) // max(1, self.held.rows))
        units = wanted.units if wanted.form != "numbers" else None
        part, range_, huge, odd, infinite, between = Tally(), Tally(), Tally(), Tally(), Tally(), Tally()
        two = wanted.loss in forms.BINARY | forms.HINGE and wanted.form == "numbers" and wanted.weighs_classes
        lowest, highest = math.inf, -math.inf
        distinct: set[float] = set()
        for at, value in enumerate(values):
            if value is None or value != value:
                continue
            row = at // width
            if math.isinf(value) and (kept[row] or wanted.form != "multi_label"):
                infinite.add(self.held.row(row), value)
            elif not kept[row]:
                continue
            else:
                lowest, highest = min(lowest, value), max(highest, value)
                if len(distinct) < 4:
                    distinct.add(value)
                if wanted.form != "numbers":
                    if value != math.floor(value):
                        part.add(self.held.row(row), value)
                    elif value < 0 or (units is not None and value >= units):
                        range_.add(self.held.row(row), value)
                elif abs(value) >= forms.LARGEST:
                    huge.add(self.held.row(row), value)
                elif wanted.loss in forms.BINARY | forms.ONE_HOT and not 0 <= value <= 1:
                    odd.add(self.held.row(row), value)
                elif two and array("f", (value,))[0] not in (0, 1, *((-1,) if wanted.loss in forms.HINGE else ())):
                    between.add(self.held.row(row), value)
        place, spans = wanted.at(name), wanted.spans
        if infinite.count:
            said = "expected a finite number, got an infinite one"
            say(self.report, "NS703", place, self.sheet, name, infinite, said)
        if huge.count:
            said = f"expected a number that fits float32, got {shown(huge.got)}"
            say(self.report, "NS703", place, self.sheet, name, huge, said, spans=spans)
        if between.count:
            low = -1 if wanted.loss in forms.HINGE else 0
            said = f"expected a label of {low} or 1, as classes have weights, got {shown(float(between.got))}"
            say(self.report, "NS711", place, self.sheet, name, between, said, spans=spans)
        if odd.count:
            self._say_odd(name, odd, highest, distinct)
        if part.count:
            said = f"expected a class number, a whole one, got {shown(float(part.got))}"
            cure = "class numbers are 0, 1, 2, …; for other numbers use the loss `mse`"
            say(self.report, "NS711", place, self.sheet, name, part, said, help=cure, spans=spans)
        if range_.count:
            said = "expected a class number from 0"
            if units is not None:
                said += f" to {units - 1}: output `{wanted.output}` has {units} unit{'s' * (units != 1)}"
            said += f", got {shown(float(range_.got))}"
            cure = _range_cure(lowest, highest, distinct, units)
            say(self.report, "NS710", place, self.sheet, name, range_, said, help=cure, spans=spans)

    def _say_odd(self, name: str, odd: Tally, highest: float, distinct: set[float]) -> None:
        wanted = self.wanted
        if wanted.loss in forms.ONE_HOT:
            said = f"one-hot labels are 0 and 1, got {shown(float(odd.got))}"
            cure = "class numbers stand in one column with `one_hot: true`"
            place, sheet = wanted.at(name), self.sheet
            say(self.report, "NS711", place, sheet, name, odd, said, help=cure, spans=wanted.spans, severity="warning")
            return
        whole = all(value == math.floor(value) for value in distinct) and wanted.dims in ((), (1,))
        cure = "scale the labels to 0 to 1, or use the loss `mse`"
        if whole and len(distinct) == 2:
            cure = f"say which class is which: `classes: [{', '.join(_quoted(v) for v in sorted(distinct))}]`"
        elif whole and len(distinct) > 2:
            cure = f"for classes give the output {counted(int(highest) + 1, 'unit')} and a softmax"
            cure += ", and use the loss `sparse_categorical_crossentropy`"
        said = f"expected a label from 0 to 1 for this loss, got {shown(float(odd.got))}"
        say(self.report, "NS711", wanted.at(name), self.sheet, name, odd, said, help=cure, spans=wanted.spans)


def _range_cure(lowest: float, highest: float, distinct: set[float], units: int | None) -> str:
    if lowest < 0 and len(distinct) == 2:
        return f"say which class is which: `classes: [{', '.join(_quoted(v) for v in sorted(distinct))}]`"
    if lowest < 0:
        return "class numbers start at 0; a row without a label has an empty cell"
    more = f"give the output {counted(int(highest) + 1, 'unit')}"
    if lowest >= 1 and highest == units:
        return f"class numbers start at 0: subtract 1 from the column, or {more}"
    return more


def _quoted(value: float) -> str:
    return f'"{value:g}"'
