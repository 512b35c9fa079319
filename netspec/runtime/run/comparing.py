"""What tells two runs apart: their specs, data, versions, seeds, and what they scored. No Keras needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.runtime.run import listing, runs
from netspec.runtime.run.differing import Difference, differences
from netspec.runtime.run.listing import Listed

_SEED = ("fit", "seed")  # is compared for itself
SAME, CHANGED, MOVED, ONLY_FIRST, ONLY_SECOND = "same", "changed", "moved", "only in A", "only in B"


@dataclass(frozen=True)
class File:
    """A data file of one run or of both: its fingerprints, and how they stand to each other."""

    path: str
    state: str
    marks: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Score:
    """A metric of both runs, None where one has it not."""

    split: str
    output: str
    metric: str
    values: tuple[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """Two runs, A and B: what of their specs differs, of what they were made with, and all of their metrics."""

    runs: tuple[Listed, Listed]
    spec: tuple[Difference, ...]
    data: tuple[File, ...]
    made_with: tuple[Difference, ...]  # versions, git commit, platform
    metrics: tuple[Score, ...]


def compared(first: Path, second: Path) -> Comparison:
    """Two runs side by side.

    Raises:
        RunError: one of them is no run, or is damaged.
    """
    a, b = runs.load(first), runs.load(second)
    sides = listing.listed(first), listing.listed(second)
    for side in sides:
        if side.fault is not None:
            raise runs.RunError(side.fault)
    spec = [each for each in differences(_whole(a), _whole(b)) if each.path != _SEED]
    return Comparison(
        sides,
        tuple(spec),
        tuple(_files(a.environment.get("data"), b.environment.get("data"))),
        tuple(differences(_made_with(a.environment), _made_with(b.environment))),
        tuple(_scores(sides[0].metrics, sides[1].metrics)),
    )


def _whole(run: runs.RunRecord) -> dict[str, Any]:
    """The spec with what it was trained with, said or not."""
    fit = {"steps_per_execution": run.steps_per_execution, **(run.spec.get("fit") or {})}
    return {"name": run.name, **run.spec, "fit": fit}


def _made_with(environment: Mapping[str, Any]) -> dict[str, Any]:
    versions, git = environment.get("versions"), environment.get("git")
    found = dict(versions) if isinstance(versions, dict) else {}
    if isinstance(git, dict):
        found["git"] = f"{git.get('commit')}{' and changes' if git.get('dirty') else ''}"
    return found | {"platform": environment.get("platform")}


def _files(first: Any, second: Any) -> Iterator[File]:
    one: dict[str, Any] = first if isinstance(first, dict) else {}
    other: dict[str, Any] = second if isinstance(second, dict) else {}
    for path in dict.fromkeys((*one, *other)):
        mark, beside = one.get(path), other.get(path)
        if mark is not None and beside is not None:
            state = SAME if mark == beside else CHANGED
        elif (mark or beside) in (other if mark else one).values():
            state = MOVED  # the same bytes in another place
        else:
            state = ONLY_FIRST if mark is not None else ONLY_SECOND
        yield File(path, state, (mark, beside))


def _scores(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Score]:
    for split in dict.fromkeys((*first, *second)):
        one, other = first.get(split, {}), second.get(split, {})
        for output in dict.fromkeys((*one, *other)):
            mine, beside = one.get(output, {}), other.get(output, {})
            for metric in dict.fromkeys((*mine, *beside)):
                if metric != "majority_class":
                    yield Score(split, output, metric, (mine.get(metric), beside.get(metric)))
