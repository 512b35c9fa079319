"""A run's model, its features and its record, and the predictions that they make for raw rows.

Rows are prepared exactly as in the run's training, by what its features/ folder holds.
"""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from netspec.graph.ir import Checked
from netspec.language.names import TABULAR, is_pattern, kind_of
from netspec.language.schema import TABLES, Source
from netspec.runtime import engine
from netspec.runtime.data import features, given, listed, sources, windows
from netspec.runtime.data.columns import texts
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Rows, Table, pieces
from netspec.runtime.model.build import build
from netspec.runtime.run import checkpoints, origins, predictions, runs
from netspec.runtime.run.choices import choices
from netspec.runtime.run.predictions import Predictions, UsageError, Writer
from netspec.runtime.run.progress import counting
from netspec.runtime.run.runs import RunError, RunRecord
from netspec.runtime.run.settled import settled
from netspec.runtime.run.telling import say

_PIECE = 1 << 16  # rows that are predicted together


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
        data: a file or a folder with the columns that the features are made of; targets are not needed.
        keep: columns to carry along, as the file has them: numbers of typed files stay numbers, all else is text.
        out: a .csv, .tsv, .jsonl, .parquet or .npz file, which appears whole or not at all; none if left out.
        force: write over `out`.
        best: the best weights instead of the last.
        batch_size: rows in a batch; chosen for speed if left out, which changes no more than the last digits.

    Returns:
        All predictions, in memory; `write` puts them into a stream as CSV.

    Raises:
        RunError: the run is damaged, or was trained on generated examples.
        UsageError: `out` exists or is of no known kind, or a column cannot be kept.
        DataError: a file, row or column that does not fit.
    """
    if out is not None:
        _check_target(out, data, force)
    found = _Predicting(run, checked, data, keep, best, batch_size)
    with _into(out) as target:
        parts = []
        for outputs, kept in found.blocks():
            if target is not None:
                target.write(outputs, kept, found.choices)
            parts.append((outputs, kept))
        everything, carried = predictions.joined(parts)
    lists = {name: predictions.listed(cells) for name, cells in carried.items()}
    return Predictions(everything, found.choices, lists, found.rows)


def write_predictions(
    run: Path,
    checked: Checked,
    data: Path,
    out: Path | IO[bytes],
    *,
    keep: Sequence[str] = (),
    force: bool = False,
    best: bool = False,
    quiet: bool = False,
) -> int:
    """The same, written to a file or as CSV to a stream block by block, so that memory does not hold them; how many.

    Raises: as `predict`.
    """
    if isinstance(out, Path):
        _check_target(out, data, force)
    found = _Predicting(run, checked, data, keep, best, None)
    with (
        _into(out) if isinstance(out, Path) else predictions.Text(out) as target,
        counting("predicting", found.rows, quiet=quiet) as count,
    ):
        assert target is not None
        for outputs, kept in found.blocks():
            target.write(outputs, kept, found.choices)
            if not isinstance(out, Path):
                out.flush()
            count(len(next(iter(outputs.values()))))
    return found.rows


class _Predicting:
    """A run's model, and the rows of a file a block at a time."""

    def __init__(
        self, run: Path, checked: Checked, data: Path, keep: Sequence[str], best: bool, batch_size: int | None
    ) -> None:
        record, _ = opened(run)
        self._prepared, self._checked, self._keep = prepared_by(record), checked, tuple(dict.fromkeys(keep))
        wanted = tuple(dict.fromkeys((*self._prepared.input_columns, *keep)))
        self._rows = rows_of(data, checked, wanted)
        self.rows, self.choices = self._rows.rows, choices(checked, self._prepared)
        self._model = model_of(run, checked, best=best)
        self._batch_size = batch_size
        train = checked.data.train if checked.data is not None else None
        self._text = train is not None and train.kind == "text"

    def blocks(self) -> Iterator[tuple[dict[str, np.ndarray], dict[str, pa.Array]]]:
        """Every output's array and the kept columns, block by block, in order."""
        from netspec.runtime.run import loop

        stateful = loop.fixed_batch(self._checked) is not None
        most = min(_PIECE, self._prepared.at_once)
        for table in (sources.joined(self._rows),) if stateful else pieces(self._rows, most):
            kept = {name: _kept(table, name) for name in self._keep}
            with settled():
                x = self._prepared.inputs(windows.as_read(table) if self._text else table)
            outputs = loop.predict(self._model, self._checked, x, size=self._batch_size)
            yield self._prepared.restored(outputs), kept


@contextlib.contextmanager
def _into(out: Path | None) -> Iterator[Writer | None]:
    """A file of predictions, which appears when the block ends well."""
    if out is None:
        yield None
        return
    suffix = out.suffix.lower()
    with runs.whole(out, suffix=suffix) as temporary, predictions.writer(temporary, suffix) as target:
        yield target


def opened(run: Path) -> tuple[RunRecord, tuple[str, ...]]:
    """The record of a run; what is odd about it is said on stderr and handed back."""
    record = runs.load(run)
    notes = list(origins.differences(record))
    if record.state != runs.FINISHED:
        notes.append(f"`{run}` is not finished: its state is {record.state}")
    for note in notes:
        say(sys.stderr, f"note: {note}")
    return record, tuple(notes)


def prepared_by(record: RunRecord) -> features.Prepared:
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


def rows_of(data: Path, checked: Checked, columns: Sequence[str]) -> Rows:
    """These columns of a file, for a run of this spec. Raises UsageError and DataError."""
    dataset = checked.data.dataset if checked.data is not None else None
    return listed.opened(source_of(data, checked, columns), dataset, columns)


def source_of(data: Path, checked: Checked, columns: Sequence[str]) -> Source:
    """A file as a source, by its suffix, else of the run's own kind; a CSV is parted as the run's own, if it can be."""
    if not data.exists() and not is_pattern(str(data)):
        raise UsageError(f"`{data}`: no such file")
    if data.suffix.lower() == ".npy":
        if len(columns) == 1:
            return Source.model_validate({"npy": {columns[0]: str(data)}})
        shown = ", ".join(f"`{name}`" for name in columns)
        raise UsageError(f"`{data}` holds one array, expected {shown}", help="put them into one .npz file, by name")
    own = checked.data.train if checked.data is not None else None
    kind = kind_of(data.name)
    if kind == "text" and (own is None or not own.text):
        kind = None  # a table may be in a .txt file too
    if kind is None and own is not None and own.kind != "npy":
        kind = own.kind
    if kind == "text":
        cure = "with a column `text`, a row for each beginning; `netspec generate` goes on with a text"
        raise UsageError(f"`{data}`: predictions are made for the rows of a table", help=cure)
    if kind is None:
        known = ", ".join(TABULAR)
        raise UsageError(f"the kind of `{data}` cannot be told from its name; expected {known} or .npy")
    how = {"separator": own.separator, "decimal": own.decimal} if own is not None and getattr(own, kind, None) else {}
    made = Source.model_validate({kind: [str(data)] if kind in TABLES else str(data), **how})
    return given.parted(made, columns)


def model_of(run: Path, checked: Checked, *, best: bool, checkpoint: bool = False) -> Any:
    """The run's model with its weights, the last, the best, or those of its checkpoint; not compiled."""
    if checkpoint:
        return _at_checkpoint(run, checked)
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


def _at_checkpoint(run: Path, checked: Checked) -> Any:
    stood = checkpoints.read(run)
    if stood is None:
        raise RunError(f"`{run}` has no {runs.CHECKPOINT}: none was written yet")
    engine.keras()
    model = build(checked, compiled=False)
    from netspec.runtime.run import snapshots

    try:
        snapshots.put_back(model, stood.snapshot)
    except snapshots.Unlike:
        raise RunError(f"`{run / runs.CHECKPOINT}` does not fit the model of `{checked.name}`") from None
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
    if out.suffix.lower() not in predictions.SUFFIXES:
        known = ", ".join(predictions.SUFFIXES)
        raise UsageError(f"`{out}`: predictions are written as {known}")
    if out.exists() and data.exists() and out.samefile(data):
        raise UsageError(f"`{out}` is the file that the rows come from")
    if out.exists() and not force:
        raise UsageError(f"`{out}` exists", help="--force overwrites it")
    if not out.parent.is_dir():
        raise UsageError(f"`{out}`: there is no folder `{out.parent}`")


def _kept(table: Table, name: str) -> pa.Array:
    """A column as the file has it: cells of text as they are, numbers in their type, NaN as a missing one."""
    column = table.column(name)
    if isinstance(column, list):
        raise UsageError(f"column `{name}` holds lists, which cannot be kept beside predictions")
    if hasattr(column, "to_pylist"):
        return pa.array(texts(table, name), pa.string())
    if column.ndim != 1:
        raise UsageError(f"column `{name}` holds {column[0].size} numbers a row; one can be kept beside predictions")
    return pa.array(column, from_pandas=True)
