"""Writes evidence.json and report.html into a run's folder. What cannot be made is a note, never the end of a run."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.graph.ir import Checked
from netspec.jsonable import finite
from netspec.runtime.run import runs, story
from netspec.runtime.run.differing import Difference, differences
from netspec.runtime.run.telling import say

if TYPE_CHECKING:
    from netspec.runtime.run.splits import Splits
    from netspec.runtime.run.training import FitResult


def again(
    found: Sequence[tuple[Path, Checked | None]],
    out: Path | None,
    evidence: Mapping[str, Any] | None = None,
    without: str = "",
) -> Path:
    """Write the page of a run, or of several.

    Args:
        found: the runs, and their specs where they can still be understood.
        out: the page's file, report.html in the run's folder if left out.
        evidence: what a look at the run has shown, where its folder does not say.
        without: why there was none.

    Raises:
        RunError: a run is damaged.
        OSError: the page cannot be written.
    """
    from netspec.render import report, reports

    notes = (without,) if without else ()
    for note in notes:
        say(sys.stderr, f"note: {note}")
    stories = [story.told(folder, checked, notes=notes, evidence=evidence) for folder, checked in found]
    if len(stories) > reports.MOST:
        raise runs.RunError(f"{len(stories)} runs do not fit on a page, at most {reports.MOST} do")
    target = out or found[0][0] / runs.REPORT
    page = report.page(stories[0]) if len(stories) == 1 else reports.page(stories, _differing(found))
    runs.write(target, page.encode("utf-8", "backslashreplace"))
    return target


def _differing(found: Sequence[tuple[Path, Checked | None]]) -> dict[str, dict[int, Difference]]:
    """By place in the spec, which of the runs have something else there than the first one, and what."""
    specs = [dict(runs.load(folder).spec) for folder, _ in found]
    every: dict[str, dict[int, Difference]] = {}
    for at, other in enumerate(specs[1:], 1):
        for each in differences(specs[0], other):
            if each.path != ("fit", "seed"):
                every.setdefault(".".join(each.path), {})[at] = each
    return every


def finished(
    result: FitResult,
    model: Any,
    checked: Checked,
    parts: Splits,
    counted: Mapping[str, Mapping[str, Counter[int]]],
) -> None:
    """Write evidence.json and the page of a run whose metrics.json is yet to come."""
    with _no_matter(runs.EVIDENCE):
        from netspec.runtime.run import gathering

        found = finite(gathering.gathered(model, checked, parts, counted, result.seconds))
        text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        runs.write(result.run / runs.EVIDENCE, text.encode("utf-8", "backslashreplace"))
    _write(result.run, checked, metrics=result.metrics, notes=result.notes)


def ended(run: Path, checked: Checked) -> None:
    """Write the page of a run that ended early."""
    _write(run, checked)


def _write(run: Path, checked: Checked, *, metrics: Mapping[str, Any] | None = None, notes: Sequence[str] = ()) -> None:
    with _no_matter(runs.REPORT):
        from netspec.render import report

        page = report.page(story.told(run, checked, metrics=metrics, notes=notes))
        runs.write(run / runs.REPORT, page.encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def _no_matter(file: str) -> Iterator[None]:
    """What goes wrong here is a note, for the run itself is whole; Ctrl-C leaves the file out."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        say(sys.stderr, f"note: {file} is not written: {error or type(error).__name__}")
