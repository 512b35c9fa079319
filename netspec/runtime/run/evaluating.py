"""What a run scores on rows that are held out or named, how sure that is, and on which rows it is better or worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.diagnostics import counted
from netspec.graph.ir import Checked
from netspec.language.names import is_pattern
from netspec.runtime.data import sources
from netspec.runtime.data.faults import NoRows
from netspec.runtime.data.features import Prepared
from netspec.runtime.data.tables import chosen
from netspec.runtime.model.build import compile_model
from netspec.runtime.run import origins, runs, scores, slices, splits
from netspec.runtime.run.inference import model_of, opened, prepared_by, rows_of
from netspec.runtime.run.predictions import UsageError
from netspec.runtime.run.runs import RunError, RunRecord
from netspec.runtime.run.scores import Scores
from netspec.runtime.run.settled import settled
from netspec.runtime.run.splits import Part, Raw

TIMES = 200  # how often rows are drawn for an interval
Intervals = Mapping[str, Mapping[str, tuple[float, float]]]  # by output and metric


@dataclass(frozen=True)
class SliceScores:
    """What the rows with one value of a column score."""

    column: str
    value: str
    scores: Scores
    intervals: Intervals


@dataclass(frozen=True)
class Evaluation:
    """What a run scores: its split, rows, loss, metrics by output; `notes` say how the rows were chosen.

    `intervals` hold 95 % of what other rows of the same kind would score.
    """

    run: Path
    weights: str
    scores: Scores
    notes: tuple[str, ...]
    intervals: Intervals
    slices: tuple[SliceScores, ...] = ()


def evaluate(
    run: Path,
    checked: Checked,
    *,
    data: Path | None = None,
    split: str | None = None,
    by: Sequence[str] = (),
    best: bool = False,
    checkpoint: bool = False,
    bootstrap: int = TIMES,
    batch_size: int | None = None,
) -> Evaluation:
    """Metrics of a run on its test rows, or on the rows it was validated with where it has no test rows.

    Args:
        run: the run folder.
        checked: the spec of the run, every value as it was then.
        data: a CSV, TSV, NPZ or NPY file of labelled rows to use instead; where its name does not say
            the kind, it is of that of the run's own.
        split: train, validation or test; test or else validation if left out.
        by: columns of the raw rows, for each value of which there are scores of their own.
        best: the best weights instead of the last.
        checkpoint: the weights of its checkpoint, which may stand in the middle of an epoch.
        bootstrap: how often rows are drawn for an interval; 0 for none.
        batch_size: rows in a batch; the run's own if left out.

    Raises:
        RunError: the run is damaged or has no rows to evaluate with.
        UsageError: `data` is not there, or of no known kind; `by` where there are no columns.
        BuildError, TooBig: Keras refuses a step, or memory does not suffice.
        DataError: a file, row or column that does not fit.
    """
    record, notes = opened(run)
    prepared = None if record.generated and data is None else prepared_by(record)
    raw, part, said = _rows(record, checked, prepared, data, split, tuple(by))
    if part is None:
        what = f"no {split} rows" if split else "neither test nor validation rows"
        raise RunError(f"`{run}` has {what}", help="name a file of labelled rows with --data")
    judge = _Judge(run, checked, record, prepared, best, checkpoint, part, bootstrap, batch_size)
    found, intervals = judge(part)
    weights = runs.CHECKPOINT if checkpoint else runs.BEST if best else runs.LAST
    of_slices, none = [], []
    for column in by:
        if raw is None or prepared is None:
            raise UsageError("these rows have no columns to tell them apart by")
        for each in slices.slices(raw.rows, column):
            name = f"{column} {each.value}"
            try:
                own = Raw(name, chosen(raw.rows, each.mask)).prepared(prepared)
            except NoRows:
                none.append(f"{name} has no scores: none of its {counted(int(each.mask.sum()), 'row')} can be used")
            else:
                of_slices.append(SliceScores(column, each.value, *judge(own)))
    said = (*notes, *said, *part.said, *(prepared.rounded() if prepared is not None else ()), *none)
    return Evaluation(run, weights, found, said, intervals, tuple(of_slices))


def _rows(
    record: RunRecord,
    checked: Checked,
    prepared: Prepared | None,
    data: Path | None,
    split: str | None,
    by: tuple[str, ...],
) -> tuple[Raw | None, Part | None, tuple[str, ...]]:
    """The raw rows where there are some, the same prepared, and what is said of them."""
    if prepared is None:
        made = splits.generated(checked, record.dummy or 1, record.seed)
        part = {"train": made.train, "validation": made.validation}.get(split or "", made.test)
        said = "the run was trained on generated examples, and so are these: they tell nothing of real data"
        return None, part, (said,)
    own = checked.data.train if checked.data is not None else None
    if data is not None and own is not None and own.text:
        if not data.exists() and not is_pattern(str(data)):
            raise UsageError(f"`{data}`: no such file")
        return None, splits.of_text(prepared, own.model_copy(update={"text": (str(data),)}), str(data)), ()
    if data is not None:
        wanted = tuple(dict.fromkeys((*splits.columns(prepared), *by)))
        rows = rows_of(data, checked, wanted)
        raw = Raw(str(data), rows, sources.said_without(rows))
        with settled():
            return raw, raw.prepared(prepared), ()
    notes = [
        f"`{file}` has changed since training, so some of these rows may have been trained on"
        for file in origins.changed(record)
    ]
    if own is not None and own.text:
        found, part = None, splits.held_out_text(checked, prepared, split)
    else:
        found = splits.raw(checked, prepared, record.seed, split, by)
        part = None if found is None else found.prepared(prepared)
    if part is not None and split is None and part.name == splits.VALIDATION:
        notes.append("the spec names no test rows, so these are the rows that training was validated with")
    if split == splits.TRAIN:
        notes.append("these rows were trained on, so they tell nothing of others")
    return found, part, tuple(notes)


class _Judge:
    """A run's model, compiled with its losses and metrics; scores parts."""

    def __init__(
        self,
        run: Path,
        checked: Checked,
        record: RunRecord,
        prepared: Prepared | None,
        best: bool,
        checkpoint: bool,
        part: Part,
        bootstrap: int,
        batch_size: int | None,
    ) -> None:
        self._checked, self._bootstrap, self._batch_size = checked, bootstrap, batch_size
        self._model: Any = model_of(run, checked, best=best, checkpoint=checkpoint)
        outputs = tuple(checked.typed.graph.outputs)
        compile_model(
            self._model,
            checked,
            steps_per_execution=record.steps_per_execution,
            scored=part.targets,
            weighted=part.weighted,
        )
        from netspec.runtime.run import counting

        counting.by_rows(self._model)
        self._names: Mapping[str, tuple[str, ...]] = {}
        if prepared is not None:
            self._names = prepared.shown_names
            counting.count(self._model, prepared, outputs, weighted=part.weighted)

    def __call__(self, part: Part) -> tuple[Scores, Intervals]:
        from netspec.runtime.run import intervals, loop

        logs = loop.evaluate(self._model, self._checked, part, size=self._batch_size)
        outputs, training = tuple(self._checked.typed.graph.outputs), self._checked.training
        majorities = scores.majorities(part.examples, training, self._names)
        found = scores.sorted_out(part.name, part.rows, logs, training, outputs, majorities).without(part.unscored)
        sure = intervals.intervals(self._model, self._checked, part, logs, times=self._bootstrap)
        ends = [
            scores.sorted_out(
                part.name, part.rows, {**logs, **{name: each[end] for name, each in sure.items()}}, training, outputs
            ).outputs
            for end in (0, 1)
        ]
        between: dict[str, dict[str, tuple[float, float]]] = {}
        for output, values in found.outputs.items():
            for name in values:
                low, high = ends[0][output][name], ends[1][output][name]
                if isinstance(low, float) and isinstance(high, float) and low != high:
                    between.setdefault(output, {})[name] = low, high
        return found, between
