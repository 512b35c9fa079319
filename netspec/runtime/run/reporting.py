"""Writes evidence.json and report.html into a run's folder. What cannot be made is a note, never the end of a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.graph.ir import Checked
from netspec.runtime.run import runs, story
from netspec.runtime.run.differing import Difference, differences

if TYPE_CHECKING:
    from netspec.runtime.run.splits import Splits


def again(found: Sequence[tuple[Path, Checked | None]], out: Path | None) -> Path:
    """Write the page of a run, or of several.

    Raises:
        RunError: a run is damaged.
        OSError: the page cannot be written.
    """
    from netspec.render import report, reports

    stories = [story.told(folder, checked) for folder, checked in found]
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


def write(
    run: Path, checked: Checked | None, *, metrics: Mapping[str, Any] | None = None, notes: Sequence[str] = ()
) -> str | None:
    """Write the page; what went wrong, if it did.

    Args:
        run: the run's folder.
        checked: its spec.
        metrics: what it scored, where metrics.json is yet to come.
        notes: what its report says besides.
    """
    try:
        from netspec.render import report

        page = report.page(story.told(run, checked, metrics=metrics, notes=notes))
        runs.write(run / runs.REPORT, page.encode("utf-8", "backslashreplace"))
    except (Exception, KeyboardInterrupt) as error:  # the run itself is whole
        return f"{runs.REPORT} could not be written: {error or type(error).__name__}"
    return None


def look(
    run: Path,
    model: Any,
    checked: Checked,
    parts: Splits,
    counted: Mapping[str, Mapping[str, Counter[int]]],
    trained: float,
) -> str | None:
    """Write evidence.json, of what `gathering.gathered` says; what went wrong, if it did."""
    try:
        from netspec.runtime.run import gathering

        found = _finite(gathering.gathered(model, checked, parts, counted, trained))
        text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        runs.write(run / runs.EVIDENCE, text.encode("utf-8", "backslashreplace"))
    except (Exception, KeyboardInterrupt) as error:  # the run itself is whole
        return f"{runs.EVIDENCE} could not be written: {error or type(error).__name__}"
    return None


def _finite(value: Any) -> Any:
    """Plain values with null for numbers that JSON has not."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
