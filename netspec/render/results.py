"""What fit and evaluate report: a table of metrics by split and output, what it is worth, and notes."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import printable
from netspec.jsonable import finite

if TYPE_CHECKING:
    from netspec.runtime.run.evaluating import Evaluation, SliceScores
    from netspec.runtime.run.reproducing import Reproduction
    from netspec.runtime.run.scores import Scores
    from netspec.runtime.run.training import FitResult

FORMAT_VERSION = "1.0"
_RUNNING = "train: the average over the last epoch, while the weights still changed"


def fit_report(result: FitResult, *, width: int | None = None) -> str:
    """The report of a finished run; `width` wraps notes to a terminal of so many columns."""
    epochs = _counted(result.epochs, "epoch")
    if result.epochs < result.planned:
        epochs = f"{result.epochs} of {result.planned} epochs"
    best = f", best by {result.monitor}: epoch {result.best_epoch}" if result.best_epoch else ""
    lines = [f"{epochs} in {duration(result.seconds)}, seed {result.seed}{best}", "", *table(result.scores), ""]
    for score in result.scores:
        if score.split == "test":
            lines += comparisons(score)
    lines += _notes((*result.notes, _RUNNING), width)
    return "\n".join((*lines, f"run: {printable(str(result.run))}"))


def event(said: Mapping[str, Any]) -> str:
    """Something that happened while training, as a line of JSON; a number that is not finite is null."""
    return json.dumps(finite(dict(said)), allow_nan=False)


def ended(result: FitResult) -> dict[str, Any]:
    """The last event of a training."""
    return {
        "event": "end",
        "format_version": FORMAT_VERSION,
        "run": str(result.run),
        "seed": result.seed,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "monitor": result.monitor,
        "seconds": round(result.seconds, 3),
        "metrics": result.metrics,
        "notes": list(result.notes),
    }


def evaluation_text(found: Evaluation, *, width: int | None = None) -> str:
    """The metrics of one split, how sure they are, and those of its slices."""
    lines = [f"{printable(str(found.run))}, {found.weights}", "", *table((found.scores,)), ""]
    if found.intervals:
        lines += [*_intervals(found), ""]
    for column in dict.fromkeys(each.column for each in found.slices):
        lines += [*_slices(column, [each for each in found.slices if each.column == column]), ""]
    return "\n".join((*lines, *comparisons(found.scores), *_notes(found.notes, width))).rstrip()


def _intervals(found: Evaluation) -> list[str]:
    rows: list[tuple[str, ...]] = [("output", "metric", "score", "95 % interval")]
    for output, values in found.scores.outputs.items():
        for name, value in values.items():
            if name in found.intervals.get(output, {}):
                rows.append((output, name, short(value), _between(found.intervals[output][name])))
    return _aligned(rows, left=(True, True))


def _slices(column: str, slices: Sequence[SliceScores]) -> list[str]:
    names = list(
        dict.fromkeys((output, name) for each in slices for output, own in each.scores.outputs.items() for name in own)
    )
    several = len({output for output, _ in names}) > 1
    rows: list[tuple[str, ...]] = [
        (column, "rows", *(f"{output} {name}" if several else name for output, name in names))
    ]
    for each in slices:
        cells = []
        for output, name in names:
            sure = each.intervals.get(output, {}).get(name)
            cell = short(each.scores.outputs.get(output, {}).get(name))
            cells.append(cell if sure is None else f"{cell} ({_between(sure)})")
        rows.append((each.value, f"{each.scores.rows:,}", *cells))
    return _aligned(rows, left=(True,))


def _between(ends: tuple[float, float]) -> str:
    return f"{short(ends[0])} to {short(ends[1])}"


def evaluation_json(found: Evaluation) -> str:
    """The same for scripts; a number that is not finite is null."""
    report = {
        "format_version": FORMAT_VERSION,
        "run": str(found.run),
        "weights": found.weights,
        "split": found.scores.split,
        "metrics": found.scores.as_json(),
        "intervals": found.intervals,
        "slices": [
            {
                "by": each.column,
                "value": each.value,
                "rows": each.scores.rows,
                "metrics": each.scores.as_json(),
                "intervals": each.intervals,
            }
            for each in found.slices
        ],
        "notes": list(found.notes),
    }
    return json.dumps(finite(report), indent=2, allow_nan=False)


def reproduction_text(found: Reproduction) -> str:
    """Whether a run that was trained again came to the same, and what differs."""
    lines = [f"run:   {printable(str(found.run))}", f"again: {printable(str(found.again))}", ""]
    if found.same:
        return "\n".join((*lines, "every metric and every number of the history is the same, to the last bit"))
    rows = [("split", "output", "metric", "was", "is")]
    rows += [(each.split, each.output, each.name, _exact(each.was), _exact(each.now)) for each in found.differences]
    if found.differences:
        lines += _aligned(rows)
    else:
        lines.append("every metric is the same; the history differs")
    causes = [*found.notes, "" if found.notes else "neither data files nor versions have changed since"]
    return "\n".join((*lines, "", *(f"note: {printable(cause)}" for cause in causes if cause)))


def reproduction_json(found: Reproduction) -> str:
    """The same for scripts."""
    report = {
        "format_version": FORMAT_VERSION,
        "run": str(found.run),
        "again": str(found.again),
        "same": found.same,
        "same_history": found.same_history,
        "differences": [vars(each) for each in found.differences],
        "notes": list(found.notes),
    }
    return json.dumps(finite(report), indent=2, allow_nan=False)


def _exact(value: Any) -> str:
    return "-" if value is None else repr(value)


def table(scores: Sequence[Scores]) -> list[str]:
    """A line for each split and output, a column for each metric."""
    metrics = list(dict.fromkeys(name for score in scores for found in score.outputs.values() for name in found))
    rows = [("split", "rows", "output", *metrics)]
    for score in scores:
        for output, found in score.outputs.items():
            rows.append((score.split, f"{score.rows:,}", output, *(short(found.get(name)) for name in metrics)))
        if len(score.outputs) > 1:
            total = {"loss": score.loss}
            rows.append((score.split, f"{score.rows:,}", "(all)", *(short(total.get(name)) for name in metrics)))
    return _aligned(rows, left=(True, False, True))


def _aligned(rows: Sequence[tuple[str, ...]], left: Sequence[bool] = (True, True, True)) -> list[str]:
    """Cells in columns; those at the front are on the left where `left` says so, all others on the right."""
    shown = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(
            cell.ljust(wide) if at < len(left) and left[at] else cell.rjust(wide)
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]


def comparisons(score: Scores) -> list[str]:
    """How each output that classifies does beside always guessing the most frequent class."""
    lines = []
    for output, majority in score.majorities.items():
        points, accuracy = score.lead(output), score.accuracy(output)
        label = printable(majority.label)
        if points is None or accuracy is None:
            lines.append(f"{output}: the majority class `{label}` alone would be right for {majority.share:.3f}")
            continue
        verb, by = "is that of", ""
        if abs(points) >= 0.05:
            verb = "beats" if points > 0 else "does not beat"
            by = f" by {points:.1f} points" if points > 0 else f" ({points:+.1f} points)"
        lines.append(
            f"{output}: accuracy {accuracy:.3f} on {score.split} {verb} the majority class `{label}` "
            f"({majority.share:.3f}){by}"
        )
    return [*lines, ""] if lines else []


def _notes(notes: Iterable[str], width: int | None) -> list[str]:
    lines = []
    for note in notes:
        shown = f"note: {printable(note)}"
        lines += [shown] if width is None else textwrap.wrap(shown, max(width, 40), subsequent_indent="  ") or [shown]
    return [*lines, ""] if lines else []


def short(value: Any) -> str:
    """A metric in few digits; a list of them with spaces between.

    >>> short(0.51234), short([1e-9, 2.0]), short(None)
    ('0.5123', '1e-09 2.0000', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(short(each) for each in value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(9.54), duration(75), duration(7300)
    ('9.5 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
