"""The page on several runs: what they scored side by side, their curves in one picture, what of their specs differs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.render import charts
from netspec.render.charts import Chart, Line
from netspec.render.report import STYLE, by_output, column, spec, title
from netspec.render.results import duration, short
from netspec.render.runs import best, brief, epochs, when
from netspec.render.sheet import document, safe, soft, table

if TYPE_CHECKING:
    from netspec.runtime.run.differing import Difference
    from netspec.runtime.run.story import Story

MOST = 26  # runs, one for each letter
_ALL = "(all)"
_TOGETHER = charts.STYLES  # lines in a chart


def page(stories: Sequence[Story], differences: Mapping[str, Mapping[int, Difference]]) -> str:
    """The whole page.

    Args:
        stories: the runs.
        differences: by place in a spec, for each run but the first what it has there in place of the first one's.
    """
    named = {chr(ord("A") + at): story for at, story in enumerate(stories)}
    sections = {
        "runs": ("Runs", _runs(named)),
        "scores": ("Scores", _scores(named)),
        "curves": ("Epochs", _curves(named)),
        "differences": ("Specs", _differences(named, differences)),
        "made": ("Made with", _made(named)),
        "spec": ("Texts", "".join(_text(letter, story) for letter, story in named.items())),
    }
    names = ", ".join(dict.fromkeys(story.run.name for story in stories))
    return document(f"{names}: runs", names, f"{len(stories)} runs.", sections, style=STYLE, script=charts.SCRIPT)


def _runs(named: Mapping[str, Story]) -> str:
    rows = []
    for letter, story in named.items():
        run = story.run
        took = duration(story.seconds) if story.seconds is not None else ""
        on = f"{run.dummy:,} generated" if run.dummy is not None else "data"
        seed = "" if run.seed is None else str(run.seed)
        rows.append(
            (letter, run.name, when(run.started), run.state, epochs(run), best(run), took, seed, on, _path(story))
        )
    head = ("", "name", "started (UTC)", "state", "epochs", "best epoch", "trained for", "seed", "trained on", "folder")
    return table("The runs", head, rows, words=frozenset(range(1, 10)))


def _path(story: Story) -> str:
    return os.fspath(story.run.path)


def _scores(named: Mapping[str, Story]) -> str:
    """A row for each split, output and metric, a column for each run."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for letter, story in named.items():
        for split, outputs in story.run.metrics.items():
            for output, of in outputs.items():
                for metric, value in of.items():
                    if metric not in ("majority_class", "rows") and (output != _ALL or len(outputs) > 2):
                        found.setdefault((split, output, metric), {})[letter] = value
    rows = [(*key, *(short(values.get(letter)) for letter in named)) for key, values in found.items()]
    return table("Scores of each run", ("split", "output", "metric", *named), rows, words={1, 2}) if rows else ""


def _curves(named: Mapping[str, Story]) -> str:
    """For each number that was logged a chart with a line for each run; of the validation where it has one."""
    longest = max((len(story.history) for story in named.values()), default=0)
    if not longest:
        return soft("no epoch was complete")
    x = list(range(1, longest + 1))
    outputs = list(dict.fromkeys(name for story in named.values() for name in story.outputs))
    logged = dict.fromkeys(name for story in named.values() for row in story.history[:1] for name in row)
    said = ""
    for output, bases in by_output(logged, outputs).items():
        found = []
        for base in bases:
            for name, of in ((base, "train"), (f"val_{base}", "validation")):
                lines = [
                    Line(letter, [*each, *[None] * (longest - len(each))], at % charts.STYLES)
                    for at, (letter, each) in enumerate(
                        (letter, column(one.history, name)) for letter, one in named.items()
                    )
                    if any(value is not None for value in each)
                ]
                for start in range(0, len(lines), _TOGETHER):
                    some = lines[start : start + _TOGETHER]
                    found.append(Chart(f"{title(base, output)}, {of}", "epoch", x, some))
        head = f"<h3>{safe(output)}</h3>" if len(outputs) > 1 else ""
        said += head + charts.charts(found)
    return said


def _differences(named: Mapping[str, Story], found: Mapping[str, Mapping[int, Difference]]) -> str:
    if not found:
        return soft("their specs are the same, seeds aside")
    rows = []
    for path, by_run in found.items():
        was = brief(next(iter(by_run.values())).was)
        rows.append((path, *(brief(by_run[at].now) if at in by_run else was for at in range(len(named)))))
    return table("What differs", ("place in the spec", *named), rows, words=frozenset(range(1, len(named) + 1)))


def _made(named: Mapping[str, Story]) -> str:
    """Versions and data files that are not the same in all runs."""
    found: dict[str, dict[str, str]] = {}
    for letter, story in named.items():
        versions, files = story.environment.get("versions"), story.environment.get("data")
        for name, version in versions.items() if isinstance(versions, dict) else ():
            found.setdefault(str(name), {})[letter] = str(version)
        for name, mark in files.items() if isinstance(files, dict) else ():
            digest = str(mark.get("sha256"))[:12] if isinstance(mark, dict) else "?"
            found.setdefault(str(name), {})[letter] = digest
    rows = [
        (name, *(values.get(letter, "–") for letter in named))
        for name, values in found.items()
        if len({values.get(letter) for letter in named}) > 1
    ]
    if not rows:
        return soft("versions and data files are the same")
    return table("Versions and data files that differ", ("", *named), rows, words=frozenset(range(1, len(named) + 1)))


def _text(letter: str, story: Story) -> str:
    return f"<details><summary>Spec of {letter}, {safe(_path(story))}</summary>{spec(story)}</details>"
