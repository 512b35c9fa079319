"""Runs once more: `resume` goes on with one, `reproduce` trains it again and compares, `report` writes its page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.api import PathLike, analysis_of, find_run, of_run, require_engine, settings
from netspec.errors import NetspecError
from netspec.pipeline import Analysis, analyze, analyze_text
from netspec.verdict import SpecError, own_python, sound

if TYPE_CHECKING:
    from netspec.graph.ir import Checked
    from netspec.runtime.run.reproducing import Reproduction
    from netspec.runtime.run.runs import RunRecord
    from netspec.runtime.run.training import FitResult


def resume(
    run: PathLike,
    spec: PathLike | None = None,
    *,
    quiet: bool = True,
    trust: bool = False,
    **overrides: Any,
) -> FitResult:
    """Go on with a run from its last checkpoint, in its own folder, to the bits of a run that was never stopped.

    Args:
        run: a run folder, interrupted, failed, killed or finished.
        spec: a spec to go on with; the run's own, as it was then, if left out.
        quiet: show no progress.
        trust: let the spec's own Python run.
        **overrides: as for `build`; epochs, callbacks and checkpoints may change: `resume(run, epochs=20)`.

    Raises:
        SpecError: the spec has errors.
        netspec.runtime.run.runs.RunError: spec or data have changed in an unsafe way, the run is finished, damaged, or
            still being written.
    """
    require_engine()
    path = None if spec is None else os.fspath(spec)
    given = settings(overrides)
    plan, text, analysis = resumable(Path(run), path, given)
    from netspec.runtime.run import resuming, training

    spec_ = sound(analysis)
    with own_python(analysis, trust, Path(run)):
        return training.fit(
            spec_,
            text,
            quiet=quiet,
            command=("netspec.resume", os.fspath(run), *given),
            resumed=resuming.resumed(plan, spec_),
            of_run=of_run,
        )


def reproduce(run: PathLike, *, out: PathLike | None = None, quiet: bool = True, trust: bool = False) -> Reproduction:
    """Train a finished run again, from its own spec, seed and data, into another folder, and compare the two.

    Args:
        run: a run folder, or a spec, which stands for its latest finished run below `runs/`.
        out: the new run's folder; `runs/<name>/<UTC time>` if left out.
        quiet: show no progress.
        trust: let the spec's own Python run.

    Returns:
        What differs, to the last bit, and what had changed before it began (`notes`).

    Raises:
        netspec.runtime.run.runs.RunError: there is no such run, it is damaged, or it is not finished.
        netspec.runtime.data.faults.DataError: its data do not fit any more.
    """
    folder = find_run(run)
    from netspec.runtime.run import reproducing, runs

    record = runs.load(folder)
    notes = reproducing.concerns(record)
    return trained_again(record, notes, None if out is None else Path(out), quiet=quiet, trust=trust)


def trained_again(
    record: RunRecord,
    notes: tuple[str, ...],
    out: Path | None,
    *,
    quiet: bool,
    trust: bool,
    command: Sequence[str] = (),
) -> Reproduction:
    """The second half of `reproduce`, once it has been said what has changed."""
    from netspec.runtime.run import reproducing, runs, training

    kept = (f"fit.seed={record.seed}", f"fit.steps_per_execution={record.steps_per_execution}")
    text, original = json.dumps({**record.spec, "name": record.name}), record.path / runs.SPEC
    shown = str(record.path / runs.RESOLVED)
    analysis = analyze_text(text, shown=shown, folder=str(record.folder), overrides=kept)
    spec = sound(analysis)
    with own_python(analysis, trust, record.path):
        made = training.fit(
            spec,
            original.read_bytes() if original.is_file() else b"",
            dummy=record.dummy,
            out=out,
            quiet=quiet,
            command=command or ("netspec.reproduce", str(record.path)),
            of_run=of_run,
        )
    return reproducing.compared(record.path, made.run, notes)


def resumable(run: Path, spec: str | None, given: Sequence[str]) -> tuple[RunRecord, bytes, Analysis]:
    """The run's record, and the spec that it goes on with: its own or `spec`, under settings, with the run's seed."""
    from netspec.runtime.run import runs

    record = runs.load(run)
    if spec is not None:
        found = analyze(spec, overrides=given)
        if found.checked is not None and found.checked.fit.seed is None:
            found = analyze(spec, overrides=[*given, f"fit.seed={record.seed}"])
        return record, Path(spec).read_bytes(), found
    text = json.dumps({**record.spec, "name": record.name})
    shown, original = str(run / runs.RESOLVED), run / runs.SPEC
    found = analyze_text(text, shown=shown, folder=str(record.folder), overrides=given)
    return record, original.read_bytes() if original.is_file() else b"", found


def report(run_folders: Sequence[PathLike], out: PathLike | None = None, *, trust: bool = False) -> Path:
    """Write the page of a run again, or one page that compares several; where it is.

    Args:
        run_folders: run folders.
        out: the page's file, which is written over; report.html in the run's folder if left out. Several need one.
        trust: let the spec's own Python run, where the errors of a run are looked at anew.

    Raises:
        netspec.runtime.run.runs.RunError: there is no such run, or it is damaged.
    """
    from netspec.runtime.run import reporting

    found: list[tuple[Path, Checked | None]] = []
    for folder in map(Path, run_folders):
        try:
            found.append((folder, of_run(folder)))
        except SpecError:  # as it is with a run of another version
            found.append((folder, None))
    seen, why = _looked_anew(found[0][0], trust=trust) if len(found) == 1 else (None, "")
    return reporting.again(found, None if out is None else Path(out), seen, why)


def _looked_anew(run: Path, *, trust: bool = False) -> tuple[Mapping[str, Any] | None, str]:
    """What a look at the predictions of a finished run shows that has kept none, else why there is none."""
    from netspec.runtime.run import anew

    try:
        if not anew.lacks(run):
            return None, ""
        require_engine()
        analysis = analysis_of(run)
        spec = sound(analysis)
        with own_python(analysis, trust, run):
            return anew.evidence(run, spec), ""
    except NetspecError as error:
        why = error.diagnostics[0].message if isinstance(error, SpecError) else error.message
        return None, f"there is no section of errors, for the run kept none and cannot be looked at anew: {why}"
