"""What a run is for afterwards: metrics on held-out rows, and predictions for raw rows.

Rows are prepared exactly as in the run's training, by what its features/ folder holds.
"""

from __future__ import annotations

import csv
import itertools
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.language.names import SUFFIXES, kind_of
from netspec.language.schema import TABLES, Source
from netspec.runtime import engine
from netspec.runtime.data import features, sources
from netspec.runtime.data.columns import texts
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Table
from netspec.runtime.model.build import build, compile_model
from netspec.runtime.run import origins, runs, scores, splits
from netspec.runtime.run.progress import say
from netspec.runtime.run.runs import RunError, RunRecord
from netspec.runtime.run.scores import Scores

if TYPE_CHECKING:
    import numpy as np

_MOST_COLUMNS = 5000  # of predictions in a table of text
_WRITTEN = (".csv", ".tsv", ".npz")


class UsageError(NetspecError):
    """An argument of a verb that does not fit."""


@dataclass(frozen=True)
class Evaluation:
    """What a run scores: its split, rows, loss, metrics by output; `notes` say how the rows were chosen."""

    run: Path
    weights: str
    scores: Scores
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """Every output's array by name, a row for each input row, in order; and the columns that were carried along."""

    outputs: Mapping[str, np.ndarray]
    names: Mapping[str, tuple[str, ...]]  # of the classes, where an output has named ones
    kept: Mapping[str, Sequence[str]]
    rows: int

    def columns(self) -> tuple[str, ...]:
        """The header: what is carried along, then `<output>` for one value, `<output>_<class>` for several.

        Raises:
            UsageError: too many columns, or two of one name.
        """
        width = sum(int(array[0].size) if self.rows else 0 for array in self.outputs.values())
        if width > _MOST_COLUMNS:
            raise UsageError(
                f"the outputs hold {width:,} numbers a row, a table at most {_MOST_COLUMNS:,}",
                help="write arrays instead: -o predictions.npz",
            )
        columns = list(self.kept)
        for name, array in self.outputs.items():
            columns.extend(_columns(name, array.shape[1:], self.names.get(name, ())))
        twice = next((column for column in columns if columns.count(column) > 1), None)
        if twice is not None:
            raise UsageError(f"two columns would be named `{twice}`", help="keep another column, or write a .npz file")
        return tuple(columns)

    def table(self) -> Iterator[list[str]]:
        """The header and the rows, as text; numbers with as many digits as they need to be read back unchanged."""
        yield list(self.columns())
        flat = [array.reshape(self.rows, -1) for array in self.outputs.values()]
        for row in range(self.rows):
            kept = [cells[row] for cells in self.kept.values()]
            yield [*kept, *(str(number) for array in flat for number in array[row])]

    def write(self, stream: TextIO, separator: str = ",") -> None:
        """The table as CSV."""
        csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(self.table())


def evaluate(
    run: Path, checked: Checked, *, data: Path | None = None, best: bool = False, batch_size: int | None = None
) -> Evaluation:
    """Metrics of a run on its test rows, or on the rows it was validated with where it has no test rows.

    Args:
        run: the run folder.
        checked: the spec of the run, every value as it was then.
        data: a CSV, TSV, NPZ or NPY file of labelled rows to use instead; where its name does not say
            the kind, it is of that of the run's own.
        best: the best weights instead of the last.
        batch_size: rows in a batch; the run's own if left out.

    Raises:
        RunError: the run is damaged or has no rows to evaluate with.
        UsageError: `data` is not there, or of no known kind.
        BuildError, TooBig: Keras refuses a step, or memory does not suffice.
        DataError: a file, row or column that does not fit.
    """
    record, notes = _opened(run)
    if record.generated and data is None:
        part = splits.generated(checked, record.dummy or 1, record.seed).test
        notes = (*notes, "the run was trained on generated examples, and so are these: they tell nothing of real data")
    else:
        prepared = _prepared(record)
        if data is not None:
            wanted = splits.columns(prepared)
            table = sources.read(_source(data, checked, wanted), Path(), columns=wanted)
            part = splits.labelled(prepared, table, str(data))
        else:
            part = splits.held_out(checked, prepared, record.seed)
            for file in origins.changed(record):
                notes = (*notes, f"`{file}` has changed since training, so some of these rows may have been trained on")
    if part is None:
        raise RunError(f"`{run}` has neither test nor validation rows", help="name a file of labelled rows with --data")
    if part.name == splits.VALIDATION:
        notes = (*notes, "the spec names no test rows, so these are the rows that training was validated with")
    model = _model(run, checked, best=best)
    compile_model(model, checked, steps_per_execution=record.steps_per_execution, scored=part.targets)
    from netspec.runtime.run import loop

    names = {} if record.generated and data is None else prepared.class_names
    found = scores.sorted_out(
        part.name,
        part.rows,
        loop.evaluate(model, checked, part, size=batch_size),
        checked.training,
        tuple(checked.typed.graph.outputs),
        scores.majorities(part.examples, checked.training, names),
    )
    return Evaluation(run, runs.BEST if best else runs.LAST, found, (*notes, *part.said))


def predict(
    run: Path,
    checked: Checked,
    data: Path,
    *,
    keep: Sequence[str] = (),
    out: Path | None = None,
    force: bool = False,
    best: bool = False,
    batch_size: int | None = None,
) -> Predictions:
    """Predictions for raw rows, one for each row of the file, in order; rows with missing cells too.

    Args:
        run: the run folder.
        checked: the spec of the run, every value as it was then.
        data: a CSV, TSV, NPZ or NPY file with the columns that the features are made of; targets are not needed.
        keep: columns to carry along, as the file has them.
        out: a .csv, .tsv or .npz file, which appears whole or not at all; nothing is written if left out.
        force: write over `out`.
        best: the best weights instead of the last.
        batch_size: rows in a batch; the run's own if left out.

    Returns:
        The predictions; `write` puts them into a stream as CSV.

    Raises:
        RunError: the run is damaged, or was trained on generated examples.
        UsageError: `out` exists or is of no known kind, or a column cannot be kept.
        DataError: a file, row or column that does not fit.
    """
    if out is not None:
        _check_target(out, data, force)
    record, _ = _opened(run)
    prepared = _prepared(record)
    wanted = tuple(dict.fromkeys((*prepared.input_columns, *keep)))
    table = sources.read(_source(data, checked, wanted), Path(), columns=wanted)
    kept = {name: _kept(table, name) for name in dict.fromkeys(keep)}
    x = prepared.inputs(table)
    model = _model(run, checked, best=best)
    from netspec.runtime.run import loop

    found = Predictions(loop.predict(model, checked, x, size=batch_size), prepared.class_names, kept, table.rows)
    if out is not None:
        _write(found, out)
    return found


def _opened(run: Path) -> tuple[RunRecord, tuple[str, ...]]:
    """The record of a run; what is odd about it is said on stderr and handed back."""
    record = runs.load(run)
    notes = list(origins.differences(record))
    if record.state != runs.FINISHED:
        notes.append(f"`{run}` is not finished: its state is {record.state}")
    for note in notes:
        say(sys.stderr, f"note: {note}")
    return record, tuple(notes)


def _prepared(record: RunRecord) -> features.Prepared:
    if record.generated:
        raise RunError(
            f"`{record.path}` was trained on generated examples, so it knows no way from raw rows to its inputs",
            help="train on data first: netspec fit without --dummy",
        )
    try:
        return features.load(record.path / runs.FEATURES)
    except DataError as error:
        if error.code == RunError.code:  # a run's file, as all others of it
            raise RunError(error.message, help=error.help) from error
        raise


def _source(data: Path, checked: Checked, columns: Sequence[str]) -> Source:
    """A file as a source, by its suffix, else of the run's own kind; a CSV with the separator of the run's own."""
    if not data.exists():
        raise UsageError(f"`{data}`: no such file")
    if data.suffix.lower() == ".npy":
        if len(columns) == 1:
            return Source.model_validate({"npy": {columns[0]: str(data)}})
        shown = ", ".join(f"`{name}`" for name in columns)
        raise UsageError(f"`{data}` holds one array, expected {shown}", help="put them into one .npz file, by name")
    own = checked.data.train if checked.data is not None else None
    kind = kind_of(data.name)
    if kind is None and own is not None and own.kind != "npy":
        kind = own.kind
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise UsageError(f"the kind of `{data}` cannot be told from its name; expected {known} or .npy")
    separator = own.separator if own is not None and getattr(own, kind, None) else None
    return Source.model_validate({kind: [str(data)] if kind in TABLES else str(data), "separator": separator})


def _model(run: Path, checked: Checked, *, best: bool) -> Any:
    """The run's model with its weights, not compiled."""
    file = runs.weights(run, best=best)
    engine.keras()
    model = build(checked, compiled=False)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            model.load_weights(file)
        if untrained := [each for each in caught if issubclass(each.category, UserWarning)]:
            raise ValueError(str(untrained[0].message))  # Keras only warns of layers that it leaves untrained
    except Exception as error:  # h5py and Keras raise a dozen kinds for a file that is damaged or another model's
        raise RunError(f"`{file}` does not fit the model of `{checked.name}`: {_told(error)}") from error
    return model


def _told(error: Exception) -> str:
    """What went wrong with which layer, out of the long text of Keras."""
    text = " ".join(str(error).split())
    layer = re.search(r"<(\w+) name=([^,>\s]+)", text)
    if layer is None:
        return (text or type(error).__name__)[:200]
    said = re.search(r">: (.*)", text)
    return f"layer `{layer[2]}` ({layer[1]}): {(said[1] if said else text)[:200]}"


def _check_target(out: Path, data: Path, force: bool) -> None:
    if out.suffix.lower() not in _WRITTEN:
        raise UsageError(f"`{out}`: predictions are written as .csv, .tsv or .npz")
    if out.exists() and data.exists() and out.samefile(data):
        raise UsageError(f"`{out}` is the file that the rows come from")
    if out.exists() and not force:
        raise UsageError(f"`{out}` exists", help="--force overwrites it")
    if not out.parent.is_dir():
        raise UsageError(f"`{out}`: there is no folder `{out.parent}`")


def _kept(table: Table, name: str) -> Sequence[str]:
    """A column as the file has it: cells of text as they are, numbers of an array in their shortest form."""
    column = table.column(name)
    if isinstance(column, list):
        raise UsageError(f"column `{name}` holds lists, which cannot be kept beside predictions")
    if hasattr(column, "to_pylist"):
        return texts(table, name)
    if column.ndim != 1:
        raise UsageError(f"column `{name}` holds {column[0].size} numbers a row; one can be kept beside predictions")
    return [str(value) for value in column]


def _columns(name: str, shape: tuple[int, ...], classes: Sequence[str]) -> list[str]:
    """The columns of one output.

    >>> _columns("y", (1,), ()), _columns("y", (2,), ("no", "yes")), _columns("y", (2, 1), ())
    (['y'], ['y_no', 'y_yes'], ['y_0_0', 'y_1_0'])
    """
    if shape in ((), (1,)):
        return [name]
    if len(shape) == 1 and len(classes) == shape[0]:
        return [f"{name}_{label}" for label in classes]
    return ["_".join((name, *map(str, at))) for at in itertools.product(*map(range, shape))]


def _write(found: Predictions, out: Path) -> None:
    suffix = out.suffix.lower()
    if suffix != ".npz":
        found.columns()  # what cannot be written is said before a file is opened
    with runs.whole(out, suffix=suffix) as temporary:
        if suffix == ".npz":
            import numpy as np

            kept = {name: np.array(cells, dtype=np.str_) for name, cells in found.kept.items()}
            clash = next((name for name in kept if name in found.outputs), None)
            if clash is not None:
                raise UsageError(f"column `{clash}` has the name of an output")
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **kept, **found.outputs)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as text:
                found.write(text, "\t" if suffix == ".tsv" else ",")
