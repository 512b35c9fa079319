"""The rows of a spec as arrays: training, validation and test part, learned from the first and applied to all.

Whatever is wrong with the data is a DataError here, before anything is built.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from netspec import diagnostics
from netspec.catalog.types import TensorType, show_bytes
from netspec.diagnostics import Place, Report, counted
from netspec.graph.infer import infer
from netspec.graph.ir import Checked, Tensor
from netspec.graph.limits import limits
from netspec.graph.training import loss_class
from netspec.language.schema import Data, Source
from netspec.probe import windows as rules
from netspec.runtime.data import learning, named, parting, sources, windows
from netspec.runtime.data.dummy import chosen, dummy
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.features import MOST_ROWS, Prepared
from netspec.runtime.data.store import Examples, Gatherer, Held, Store
from netspec.runtime.data.tables import Passed, Rows, Table, pieces
from netspec.runtime.data.usable import Used
from netspec.runtime.run import sizing
from netspec.runtime.run.progress import counting

TRAIN, VALIDATION, TEST = "train", "validation", "test"
TRACED = 1 << 16  # rows of a source whose way into a part is noted, and a block more


@dataclass(frozen=True)
class Origin:
    """Where the first rows of a part come from: its source, and which of its rows were kept, from 0."""

    rows: Rows
    positions: np.ndarray
    at_once: int


@dataclass(frozen=True)
class Part:
    """The rows of one split, by input and by output, and what the report says about them.

    `labelled` is how many rows, or steps of rows, have a label of an output with weights.
    """

    name: str
    examples: Examples
    notes: tuple[str, ...] = ()
    labelled: Mapping[str, int] = field(default_factory=dict)
    generated: bool = False  # none of them is real
    source: Origin | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.examples.rows

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return self.examples.targets

    @property
    def weighted(self) -> bool:
        """Whether rows may count differently."""
        return bool(self.examples.weighted)

    @property
    def unscored(self) -> frozenset[str]:
        """The outputs of which no row has a label."""
        return frozenset(name for name, count in self.labelled.items() if not count)

    def mark(self) -> str:
        """What tells these rows from others: their number, and a checksum of the first of them, prepared."""
        first = self.examples.head(min(64, self.rows))
        check = 0
        for arrays in (first.x, first.y, first.w):
            for name in sorted(arrays):
                check = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), zlib.crc32(name.encode(), check))
        return f"{self.rows}:{check:08x}"

    @property
    def said(self) -> tuple[str, ...]:
        """The notes as one sentence about this part, or none."""
        return (f"{self.name}: {'; '.join(self.notes)}",) if self.notes else ()


@dataclass(frozen=True)
class Splits:
    """All parts of a run. `prepared` is None for generated examples."""

    train: Part
    validation: Part | None
    test: Part | None
    prepared: Prepared | None
    notes: tuple[str, ...] = ()


def input_types(checked: Checked) -> dict[str, TensorType]:
    """The type of every input, the batch dimension first."""
    return {name: checked.typed.types[Tensor(name)] for name in checked.typed.graph.inputs}


def output_types(checked: Checked) -> dict[str, TensorType]:
    """The type of every output, the batch dimension first."""
    return {name: checked.typed.types[tensor] for name, tensor in checked.typed.graph.outputs.items()}


def losses(checked: Checked) -> dict[str, str | None]:
    """The Keras class of every output's loss, None for an output without one."""
    return {name: loss_class(checked.training.losses.get(name)) for name in checked.typed.graph.outputs}


def read(checked: Checked, seed: int, *, quiet: bool = True) -> Splits:
    """Read, learn and apply; a terminal shows how far it is, unless `quiet`.

    Raises:
        DataError: a file, a column, a cell or a shape that does not fit.
        TooBig: a batch, or what the model makes of it, surely does not fit into memory.
    """
    data = _data(checked)
    if data.train is not None and data.train.text:
        return _of_a_text(checked, quiet)
    sizing.check_memory(checked)
    prepared, rows, how = learned(checked, seed, quiet=quiet)
    sizing.check_rows(checked, prepared, rows[TRAIN])
    made = {
        name: _part(name, prepared, watched(each, f"preparing {name}", quiet, prepared.at_once), how.get(name, ""))
        for name, each in rows.items()
    }
    return Splits(made[TRAIN], made.get(VALIDATION), made.get(TEST), prepared, prepared.notes)


def learned(checked: Checked, seed: int, *, quiet: bool = True) -> tuple[Prepared, dict[str, Rows], dict[str, str]]:
    """What is learned from the training rows, the raw rows of every part, and by part how they were held out; raises
    as `read` does. Of a running text there are no raw rows: `text` gives its windows.
    """
    data = _data(checked)
    rows = _train_rows(checked, data)
    cut = parting.cut(watched(rows, "holding rows out", quiet), data, seed)
    prepared = learning.fit(
        data,
        input_types(checked),
        output_types(checked),
        watched(cut.train, "learning features", quiet),
        losses=losses(checked),
        limits=limits(checked.typed.graph),
        scored=_scored(checked),
        folder=Path(checked.folder),
    )
    parts, how = {TRAIN: cut.train}, {TRAIN: sources.said_without(rows)}
    for name in (VALIDATION, TEST):
        found = _rows_of(name, checked, prepared, cut)
        if found is not None:
            parts[name], how[name] = found
    return prepared, parts, how


@dataclass(frozen=True)
class Raw:
    """The raw rows of a part, and how they were held out."""

    name: str
    rows: Rows
    how: str = ""

    def prepared(self, prepared: Prepared) -> Part:
        """Those that have all they need."""
        return _part(self.name, prepared, self.rows, self.how)


def raw(checked: Checked, prepared: Prepared, seed: int, name: str | None, also: tuple[str, ...] = ()) -> Raw | None:
    """The raw rows of a part, of test or else of validation where `name` is None; None where there are none.

    `also` are further columns to read.

    Raises:
        DataError: a file or a column that is not there.
    """
    data = checked.data
    if data is None:
        return None
    cut: parting.Cut | None = None
    if name == TRAIN or any(part is not None and part.fraction is not None for part in (data.test, data.validation)):
        cut = parting.cut(_train_rows(checked, data, also), data, seed)
    if name == TRAIN:
        assert cut is not None
        return Raw(TRAIN, cut.train)
    for each in (TEST, VALIDATION) if name is None else (name,):
        found = _rows_of(each, checked, prepared, cut, also)
        if found is not None:
            return Raw(each, *found)
    return None


def held_out_text(checked: Checked, prepared: Prepared, name: str | None) -> Part | None:
    """The windows of a part of a running text: test or else validation where `name` is None."""
    data = checked.data
    assert data is not None and data.train is not None
    test, validation, folder = data.test, data.validation, Path(checked.folder)
    source: Source | None
    if name in (None, TEST) and test is not None and test.source is not None:
        source, fraction, called = test.source, None, TEST
    elif name in (None, VALIDATION) and validation is not None:
        fraction = validation.fraction
        source, called = data.train if fraction else validation.source, VALIDATION
    else:
        return None
    if source is None:
        return None
    made = windows.applied(prepared, source, folder, rules.step(source, data), fraction)
    return Part(called, made.examples, made.notes)


def text(checked: Checked, *, quiet: bool = True) -> windows.Made:
    """The windows of a running text; raises as `read` does."""
    return windows.read(
        _data(checked),
        Path(checked.folder),
        input_types(checked),
        output_types(checked),
        losses(checked),
        limits(checked.typed.graph),
        partial(counting, quiet=quiet),
    )


def _of_a_text(checked: Checked, quiet: bool) -> Splits:
    made = text(checked, quiet=quiet)

    def part(name: str, found: windows.Part | None) -> Part | None:
        return None if found is None else Part(name, found.examples, found.notes)

    train = Part(TRAIN, made.train.examples, made.train.notes)
    return Splits(train, part(VALIDATION, made.validation), part(TEST, made.test), made.prepared, made.notes)


def of_text(prepared: Prepared, source: Source, name: str) -> Part:
    """The windows of another text, prepared as those of training."""
    made = windows.applied(prepared, source, Path(), source.stride or 1)
    return Part(name, made.examples, made.notes)


def generated(checked: Checked, rows: int, seed: int) -> Splits:
    """`rows` examples to train on, and a fifth of that number, at least one, to validate and to test with.

    All are of one draw, so that the classes leave the same marks in each part.
    """
    graph = checked.typed.graph
    held = max(rows // 5, 1)
    inputs, outputs = _settled(checked)
    x, y = dummy(inputs, outputs, losses(checked), limits(graph), rows + 2 * held, seed)

    def part(name: str, start: int, stop: int) -> Part:
        cut = Held({key: a[start:stop] for key, a in x.items()}, {key: a[start:stop] for key, a in y.items()})
        return Part(name, cut, generated=True)

    train = replace(part(TRAIN, 0, rows), notes=(f"{rows} generated examples",))
    validation = part(VALIDATION, rows, rows + held)
    return Splits(train, validation, part(TEST, rows + held, rows + 2 * held), None)


def _settled(checked: Checked) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
    """The types of inputs and outputs once every free dimension of an input has the size that examples give it."""
    inputs, graph = input_types(checked), checked.typed.graph
    if not any(part is not None and None in part.shape for part in graph.inputs.values()):
        return inputs, output_types(checked)
    shapes = {name: chosen(name, tensor) for name, tensor in inputs.items()}
    parts = {name: part and part.model_copy(update={"shape": shapes[name]}) for name, part in graph.inputs.items()}
    typed = infer(replace(graph, inputs=parts), Report(_Anywhere()))
    sized = {name: replace(tensor, shape=(None, *shapes[name])) for name, tensor in inputs.items()}
    return sized, {name: typed.types[tensor] for name, tensor in graph.outputs.items()}


class _Anywhere:
    """Places for a report that nobody reads."""

    def locate(self, path: diagnostics.Path, *, key: bool = False) -> Place:
        """No place."""
        return Place("", 1, 1, 1, 1)


def _data(checked: Checked) -> Data:
    data = checked.data
    if data is None or (data.train is None and data.dataset is None):
        raise DataError(
            "NS709",
            f"`{checked.name}` has no data to train on",
            "say under `data` where rows come from, or train on generated examples with --dummy 1000",
        )
    return data


def _train_rows(checked: Checked, data: Data, more: tuple[str, ...] = ()) -> Rows:
    if data.train is None:
        assert data.dataset is not None
        return named.dataset(data.dataset, "train")
    needed = learning.needed(data, input_types(checked), output_types(checked), losses(checked))
    columns = tuple(dict.fromkeys((*needed, *more)))
    return sources.opened(data.train, Path(checked.folder), columns=columns, also=_scored(checked))


def _scored(checked: Checked) -> tuple[str, ...]:
    """The outputs that have metrics: a column of such a name is a target even where there is no loss."""
    return tuple(name for name, metrics in checked.training.metrics.items() if metrics)


def _rows_of(
    name: str, checked: Checked, prepared: Prepared, cut: parting.Cut | None, more: tuple[str, ...] = ()
) -> tuple[Rows, str] | None:
    """The rows of a part, and how they were held out; None where there are none."""
    data = checked.data
    assert data is not None
    if cut is not None and name in cut.held:
        return cut.held[name], cut.notes[name]
    part = data.test if name == TEST else data.validation
    if part is not None and part.source is not None:
        wanted = tuple(dict.fromkeys((*columns(prepared), *more)))
        found = sources.opened(part.source, Path(checked.folder), columns=wanted)
        return found, sources.said_without(found)
    if name == TEST and part is None and data.dataset is not None:
        return named.dataset(data.dataset, "test"), ""
    return None


def columns(prepared: Prepared) -> tuple[str, ...]:
    """The columns of inputs and targets, each once."""
    return tuple(dict.fromkeys((*prepared.input_columns, *prepared.target_columns)))


@dataclass(frozen=True)
class _Watched(Passed):
    """Rows that show how many of them were read, at most so many at a time."""

    what: str
    most: int

    def tables(self) -> Iterator[Table]:
        """The same rows."""
        with counting(self.what, self.rows) as count:
            for table in pieces(self.inner, self.most):
                yield table
                count(table.rows)


def watched(rows: Rows, what: str, quiet: bool, most: int = MOST_ROWS) -> Rows:
    """The same rows, which show on a terminal how many of them were read, where they are many."""
    return rows if quiet or (isinstance(rows, Table) and rows.rows <= most) else _Watched(rows, what, most)


def _part(name: str, prepared: Prepared, rows: Rows, how: str = "") -> Part:
    """Every row prepared: held in memory where they are few, else on the disk, which a note then says.

    `how` says which rows these are.
    """
    gathered = Gatherer(rows.rows, levels=prepared.levels)
    used = Used()
    weights = dict.fromkeys((output for output, label in prepared.labels.items() if label.weighted), 0.0)
    labelled = dict.fromkeys(weights, 0)
    positions, before = [np.zeros(0, np.int64)], 0
    for table in pieces(rows, prepared.at_once):
        examples = prepared.examples(table)
        if before < TRACED:
            positions.append(before + examples.positions)
        before += table.rows
        used += examples.used
        if examples.rows:
            gathered.add(examples.x, examples.y, examples.w)
        for output, each in examples.w.items():
            weights[output] += float(each.sum(dtype="float64"))
            labelled[output] += examples.labels[output]
    notes = (*([how] if how else []), *replace(used, origin=rows.origin).notes())
    nothing = next((output for output, total in weights.items() if not total), None)
    if name == TRAIN and nothing is not None:
        raise DataError(
            "NS704", f"`{rows.origin}`: none of the {counted(used.kept, 'row')} weighs anything for output `{nothing}`"
        )
    made = gathered.made()
    if isinstance(made, Store):
        notes = (*notes, f"prepared rows are kept on the disk, {show_bytes(made.bytes)} unpacked")
    found = None
    if name != TRAIN:
        raw = rows.inner if isinstance(rows, _Watched) else rows
        found = Origin(raw, np.concatenate(positions), prepared.at_once)
    return Part(name, made, notes, labelled, source=found)
