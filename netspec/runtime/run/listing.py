"""`netspec runs`: what lies below a folder, each run with its state and what it came to. No Keras needed.

A folder that is damaged is listed as such, whatever is in it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netspec.language.schema import Fit
from netspec.runtime.run import epochs, runs
from netspec.runtime.run.epochs import Best
from netspec.runtime.run.runs import RunError

KILLED, DAMAGED = "killed", "damaged"
STATES = (runs.RUNNING, KILLED, runs.INTERRUPTED, runs.FAILED, runs.FINISHED, DAMAGED)
_DEEPEST = 4  # folders below one that is looked through
_TELLING = (runs.RESOLVED, runs.ENVIRONMENT, runs.METRICS, runs.CHECKPOINT)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listed:
    """One run. `epochs` are complete, of `planned`; `metrics` are those of metrics.json, by split and output.

    `state` is one of STATES: `killed` says that it was running and nobody writes it any more. `fault` says what is
    damaged; then little else is known.
    """

    path: Path
    name: str
    state: str
    started: datetime | None
    finished: datetime | None = None
    epochs: int = 0
    planned: int | None = None
    best: Best | None = None
    dummy: int | None = None
    seed: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


def found(
    folders: Iterable[Path],
    *,
    name: str | None = None,
    states: Sequence[str] = (),
    since: datetime | None = None,
) -> list[Listed]:
    """The runs in and below these folders, the latest first.

    Args:
        folders: where to look.
        name: only those of specs of this name, which may be a pattern.
        states: only those in one of these states.
        since: only those that were begun then or later.
    """
    every = [listed(each) for folder in folders for each in _below(folder)]
    return sorted(
        (
            each
            for each in every
            if (name is None or fnmatch.fnmatchcase(each.name, name))
            and (not states or each.state in states)
            and (since is None or (each.started or _LONG_AGO) >= since)
        ),
        key=lambda each: (each.started or _LONG_AGO, str(each.path)),
        reverse=True,
    )


def _below(folder: Path) -> Iterator[Path]:
    """The run folders in and below a folder, each once; what lies inside a run is not looked at."""
    seen: set[str] = set()
    stack = [(folder, 0)]
    while stack:
        path, depth = stack.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        if _is_run(path):
            yield path
        elif depth < _DEEPEST:
            try:
                with os.scandir(path) as entries:
                    inside = [Path(each.path) for each in entries if not each.name.startswith(".") and each.is_dir()]
            except OSError:
                continue
            stack.extend((each, depth + 1) for each in inside)


def _is_run(folder: Path) -> bool:
    """Whether it is a run, or was to become one: its name is a time, and no file in it is another's."""
    try:
        files = {each.name for each in os.scandir(folder)}
    except OSError:
        return runs.stamp(folder) is not None
    if runs.RESOLVED in files:
        return True
    return runs.stamp(folder) is not None and (not files or any(name in files for name in _TELLING))


def listed(folder: Path) -> Listed:
    """What is known of a run."""
    try:
        return _listed(folder)
    except (RunError, OSError) as error:
        name = folder.parent.name if runs.stamp(folder) else folder.name
        said = error.message if isinstance(error, RunError) else error.strerror or str(error)
        return Listed(folder, name, DAMAGED, runs.stamp(folder) or _changed(folder), fault=said)


def _listed(folder: Path) -> Listed:
    record = runs.load(folder)
    metrics = runs.metrics(folder)
    rows = epochs.history(folder)
    monitor = record.environment.get("monitor")
    plan = record.spec.get("fit")
    planned = plan.get("epochs", Fit.model_fields["epochs"].default) if isinstance(plan, dict) else None
    return Listed(
        folder,
        record.name,
        _state(record, finished=metrics is not None),
        _moment(record.environment.get("started")) or runs.stamp(folder) or _changed(folder),
        _moment(record.environment.get("finished")),
        len(rows),
        planned if isinstance(planned, int) else None,
        epochs.best(rows, monitor if isinstance(monitor, str) else None),
        record.dummy,
        record.seed,
        metrics or {},
    )


def _state(record: runs.RunRecord, *, finished: bool) -> str:
    state = record.state if record.state in STATES else runs.RUNNING
    if state == runs.FINISHED and finished:
        return state
    if state in (runs.RUNNING, runs.FINISHED):  # metrics.json comes last, so it was on its way
        return runs.RUNNING if runs.written_now(record.path) else KILLED
    return state


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _changed(folder: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return None
