"""What `netspec runs` says: lists of runs, and two of them side by side, as text and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from netspec.catalog.types import show_bytes
from netspec.diagnostics import printable
from netspec.jsonable import finite
from netspec.render.results import short
from netspec.render.summary import table

if TYPE_CHECKING:
    from netspec.runtime.run.comparing import Comparison, File, Score
    from netspec.runtime.run.listing import Listed
    from netspec.runtime.run.removing import Doomed

FORMAT_VERSION = "1.0"
_MOST_SCORES = 4  # of a run, in a line
_SPARE = ("name", "best", "epochs")  # first to go where a terminal is narrow; the folder has the name too
_LONG = 48  # characters of a value of a spec
_SPLITS = ("test", "validation", "train")
_TOTAL = "(all)"
Row = tuple[str, ...]


def list_text(found: Sequence[Listed], *, width: int | None = None) -> str:
    """A line for each run."""
    if not found:
        return "no runs"
    rows: list[Row] = [("started (UTC)", "name", "state", "epochs", "best", "scores", "folder")]
    for each in found:
        state = f"{each.state}, generated" if each.dummy is not None else each.state
        scores = "" if each.fault is not None else scores_line(each.metrics)
        rows.append((when(each.started), each.name, state, epochs(each), best(each), scores, os.fspath(each.path)))
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    for spare in _SPARE:
        if width is not None and _wide(rows, kept) > width:
            kept = [at for at in kept if rows[0][at] != spare]
    shown = [tuple(printable(row[at]) for at in kept) for row in rows]
    titles = [rows[0][at] for at in kept]
    whole = frozenset(at for at, title in enumerate(titles) if title not in ("name", "scores"))
    lines = table(shown, frozenset(), width, whole)
    killed = any(each.state == "killed" for each in found)
    faults = [f"damaged: {printable(each.fault)}" for each in found if each.fault is not None]
    note = ["note: nobody writes a run that is killed; `netspec fit --resume RUN` goes on with it"] if killed else []
    return "\n".join((*lines, *faults, *note))


def _wide(rows: Sequence[Row], columns: Sequence[int]) -> int:
    return sum(max(len(printable(row[at])) for row in rows) + 2 for at in columns)


def when(moment: datetime | None) -> str:
    """A moment as people read it, in UTC."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def epochs(run: Listed) -> str:
    """How many are complete, of how many."""
    if run.fault is not None:
        return ""
    return f"{run.epochs}" if run.planned in (None, run.epochs) else f"{run.epochs} of {run.planned}"


def best(run: Listed) -> str:
    """The best epoch."""
    return "" if run.best is None else f"{run.best.monitor} {short(run.best.value)} in epoch {run.best.epoch}"


def scores_line(metrics: Mapping[str, Any]) -> str:
    """The metrics of the split that tells most, in a line."""
    split = next((name for name in (*_SPLITS, *metrics) if name in metrics), None)
    if split is None:
        return ""
    outputs = {name: found for name, found in metrics[split].items() if name != _TOTAL}
    said = []
    if len(outputs) > 1 and "loss" in metrics[split].get(_TOTAL, {}):
        said.append(f"loss {short(metrics[split][_TOTAL]['loss'])}")
    for output, found in outputs.items():
        prefix = f"{output} " if len(outputs) > 1 else ""
        said += [f"{prefix}{name} {short(value)}" for name, value in found.items() if name != "majority_class"]
    return f"{split}: {', '.join(said[:_MOST_SCORES])}{', …' if len(said) > _MOST_SCORES else ''}"


def list_json(found: Sequence[Listed]) -> str:
    """The same for scripts; a number that is not finite is null."""
    return _dumped({"format_version": FORMAT_VERSION, "runs": [_listed(each) for each in found]})


def _dumped(report: dict[str, Any]) -> str:
    # Names of files that are not UTF-8 come as lone surrogates, which only ASCII can carry.
    return json.dumps(finite(report), indent=1, allow_nan=False, default=str)


def _listed(run: Listed) -> dict[str, Any]:
    return {
        "run": os.fspath(run.path),
        "name": run.name,
        "state": run.state,
        "started": _iso(run.started),
        "finished": _iso(run.finished),
        "epochs": run.epochs,
        "planned": run.planned,
        "best": None if run.best is None else dict(vars(run.best)),
        "dummy": run.dummy,
        "seed": run.seed,
        "metrics": run.metrics,
        "fault": run.fault,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def diff_text(found: Comparison, *, width: int | None = None) -> str:
    """Two runs side by side: what differs, then what they scored."""
    a, b = found.runs
    sides: list[Row] = [("", "A", "B")]
    for title, values in (
        ("run", (os.fspath(a.path), os.fspath(b.path))),
        ("started (UTC)", (when(a.started), when(b.started))),
        ("state", (a.state, b.state)),
        ("epochs", (epochs(a), epochs(b))),
        ("best", (best(a), best(b))),
        ("seed", (str(a.seed), str(b.seed))),
        ("trained on", tuple("data" if n is None else f"{n:,} generated" for n in (a.dummy, b.dummy))),
    ):
        sides.append((title, *values))
    blocks = [_lines(sides, width)]
    rows = [(".".join(each.path), brief(each.was), brief(each.now)) for each in found.spec]
    blocks.append(["spec: no difference"] if not rows else _lines([("spec", "A", "B"), *rows], width))
    blocks.append(_data(found.data, width))
    with_ = [(".".join(each.path), brief(each.was), brief(each.now)) for each in found.made_with]
    blocks.append(["made with: no difference"] if not with_ else _lines([("made with", "A", "B"), *with_], width))
    if found.metrics:
        head = ("split", "output", "metric", "A", "B", "B - A")
        scores = [(m.split, m.output, m.metric, *map(_number, m.values), change(m)) for m in found.metrics]
        blocks.append(_lines([head, *scores], width, frozenset({3, 4, 5})))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _data(files: Sequence[File], width: int | None) -> list[str]:
    same = sum(1 for each in files if each.state == "same")
    if same == len(files):
        return [f"data: {'no files are known' if not files else 'no difference'}"]
    rows = [(each.path, each.state, *map(_mark, each.marks)) for each in files if each.state != "same"]
    said = [f"and {same} that {'is' if same == 1 else 'are'} the same"] if same else []
    return [*_lines([("data", "", "A", "B"), *rows], width), *said]


def _mark(mark: Mapping[str, Any] | None) -> str:
    if not isinstance(mark, dict):
        return ""
    size = mark.get("bytes")
    return f"{show_bytes(size) if isinstance(size, int) else '?'}, {str(mark.get('sha256'))[:8]}"


def change(score: Score) -> str:
    """By how much B's number is more than A's."""
    a, b = score.values
    return f"{b - a:+.4g}" if isinstance(a, int | float) and isinstance(b, int | float) else ""


def _number(value: Any) -> str:
    return short(value) if isinstance(value, int | float | list) else "-"


def brief(value: Any) -> str:
    """A value of a spec in a few words; `-` where there is none."""
    try:
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    except TypeError:
        return "-"  # is not there
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _lines(rows: Sequence[Row], width: int | None, right: frozenset[int] = frozenset()) -> list[str]:
    return table([tuple(printable(cell) for cell in row) for row in rows], right, width)


def diff_json(found: Comparison) -> str:
    """The same for scripts; what one side has not is null."""
    return _dumped(
        {
            "format_version": FORMAT_VERSION,
            "runs": [_listed(each) for each in found.runs],
            "spec": [_pair(".".join(each.path), each.was, each.now) for each in found.spec],
            "data": [
                {"file": each.path, "state": each.state, "a": each.marks[0], "b": each.marks[1]} for each in found.data
            ],
            "made_with": [_pair(".".join(each.path), each.was, each.now) for each in found.made_with],
            "metrics": [
                {
                    "split": each.split,
                    "output": each.output,
                    "metric": each.metric,
                    "a": each.values[0],
                    "b": each.values[1],
                }
                for each in found.metrics
            ],
        }
    )


def _pair(path: str, a: Any, b: Any) -> dict[str, Any]:
    a, b = (None if type(each) is object else each for each in (a, b))  # is not there
    return {"path": path, "a": a, "b": b}


def doomed_text(found: Sequence[Doomed]) -> str:
    """What is taken away, a line for each run."""
    rows = []
    for each in found:
        stays = f"{each.others} other {'entry stays' if each.others == 1 else 'entries stay'}" if each.others else ""
        files = f"{len(each.files)} file{'' if len(each.files) == 1 else 's'}"
        rows.append((os.fspath(each.path), files, show_bytes(each.bytes), stays))
    return "\n".join(_lines(rows, None, frozenset({1, 2}))) if rows else "nothing"
