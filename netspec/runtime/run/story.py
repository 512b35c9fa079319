"""What a run's files tell, as plain values: what its page is made of. No Keras needed, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec.graph.ir import Checked
from netspec.runtime.run import epochs, listing, runs
from netspec.runtime.run.listing import Listed
from netspec.runtime.run.runs import RunError


@dataclass(frozen=True)
class Story:
    """A run. `times` has the seconds and the learning rates of each epoch, from 1, where they are known."""

    run: Listed
    outputs: tuple[str, ...]
    history: Sequence[Mapping[str, Any]]
    times: Mapping[int, epochs.Pace]
    seconds: float | None
    text: str
    environment: Mapping[str, Any]
    checked: Checked | None
    notes: tuple[str, ...] = ()
    evidence: Mapping[str, Any] | None = None  # what evidence.json holds


def told(
    folder: Path,
    checked: Checked | None,
    *,
    metrics: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    evidence: Mapping[str, Any] | None = None,
) -> Story:
    """Read a run.

    Args:
        folder: the run.
        checked: its spec, where it can still be understood.
        metrics: what it scored, where metrics.json is yet to come.
        notes: what is said of it besides.
        evidence: what evidence.json would hold, where it is not there.

    Raises:
        RunError: it is no run, or is damaged.
    """
    run = listing.listed(folder)
    if run.fault is not None:
        raise RunError(run.fault)
    if metrics is not None:
        run = replace(run, metrics=metrics, state=runs.FINISHED)
    environment = runs.load(folder).environment
    times = epochs.times(folder)
    known = [seconds for each in times.values() if (seconds := each.get("seconds")) is not None]
    names = {name: None for split in run.metrics.values() for name in split if name != "(all)"}
    return Story(
        run,
        tuple(names) if checked is None else tuple(checked.typed.graph.outputs),
        epochs.history(folder),
        times,
        sum(known) if known else None,
        _text(folder / runs.SPEC),
        environment,
        checked,
        tuple(notes),
        _evidence(folder / runs.EVIDENCE) if evidence is None else evidence,
    )


def _evidence(path: Path) -> Mapping[str, Any] | None:
    """A page does without it where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("format_version") == "1.0" else None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "backslashreplace")
    except OSError:
        return ""
