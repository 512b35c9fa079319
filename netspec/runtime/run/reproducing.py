"""Training a run again from its folder and its data, and whether it comes to the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.runtime.run import origins, runs
from netspec.runtime.run.runs import RunError, RunRecord


@dataclass(frozen=True)
class Difference:
    """A value of metrics.json that came out otherwise; None where one run has none."""

    split: str
    output: str
    name: str
    was: Any
    now: Any


@dataclass(frozen=True)
class Reproduction:
    """A run and the one that was trained again; `same_history`: every logged number of every epoch is the same."""

    run: Path
    again: Path
    differences: tuple[Difference, ...]
    same_history: bool
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether everything that was compared is the same, to the last bit."""
        return not self.differences and self.same_history


def concerns(record: RunRecord) -> tuple[str, ...]:
    """What is no longer as it was when the run was made: files, versions, git state, the spec itself; a sentence each.

    Raises:
        RunError: the run is not finished, so there is nothing to compare with.
    """
    if not (record.path / runs.METRICS).is_file():
        raise RunError(
            f"`{record.path}` is not finished, so there is nothing to compare with",
            help=f"finish it first: netspec fit --resume {record.path}",
        )
    changed = (
        f"`{name}` has changed since the run was made"
        for name in (*origins.changed(record), *origins.changed(record, "begun_from"))
    )
    return (*changed, *_on_the_way(record), *origins.differences(record), *_git(record))


def _on_the_way(record: RunRecord) -> Iterator[str]:
    for again in record.environment.get("resumed", ()):
        for said in again.get("changed", ()) if isinstance(again, dict) else ():
            yield f"on its way it went on with another spec, and now has one from the start: {said}"


def _git(record: RunRecord) -> Iterator[str]:
    then = record.environment.get("git")
    now = origins.git(str(record.folder))
    if not isinstance(then, dict) or now is None:
        return
    if then.get("commit") != now["commit"]:
        yield f"the spec's folder was at commit {str(then.get('commit'))[:12]}, and is at {now['commit'][:12]}"
    if then.get("dirty"):
        yield "tracked files differed from their commit when the run was made"


def compared(run: Path, again: Path, notes: tuple[str, ...] = ()) -> Reproduction:
    """Metrics and history of two finished runs.

    Raises:
        RunError: a file of theirs is damaged.
    """
    was, now = (_metrics(folder) for folder in (run, again))
    found = []
    for split, output, name in dict.fromkeys((*_names(was), *_names(now))):
        one, other = (each.get(split, {}).get(output, {}).get(name) for each in (was, now))
        if not _equal(one, other):
            found.append(Difference(split, output, name, one, other))
    histories = [(folder / runs.HISTORY) for folder in (run, again)]
    same = all(path.is_file() for path in histories) and histories[0].read_bytes() == histories[1].read_bytes()
    return Reproduction(run, again, tuple(found), same, notes)


def _metrics(run: Path) -> dict[str, Any]:
    found = runs.metrics(run)
    if found is None:
        raise RunError(f"`{run / runs.METRICS}` is not there")
    return found


def _names(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for split, outputs in metrics.items():
        for output, values in outputs.items():
            for name in values if isinstance(values, dict) else ():
                yield split, output, name


def _equal(one: Any, other: Any) -> bool:
    """NaN is what it was."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
