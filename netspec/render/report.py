"""The page of a run, report.html: what it was, how it went, what it scored, in one file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.render import charts, evidence
from netspec.render.architecture import architecture
from netspec.render.charts import Chart, Line
from netspec.render.results import duration, short
from netspec.render.runs import best, epochs, when
from netspec.render.sheet import document, listed, safe, soft, table

if TYPE_CHECKING:
    from netspec.runtime.run.story import Story

_ALL = "(all)"
_PASSING = "learning_rate"
_SPLITS = ("train", "validation", "test")
_ROWS = 200  # of epochs in a table
_VALIDATION = "val_"

STYLE = (
    charts.STYLE + evidence.STYLE + "pre{margin:0;padding:.75rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.4rem;overflow-x:auto;font:.85rem/1.45 ui-monospace,monospace;tab-size:4}"
    "pre:focus-visible,.wide:focus-visible{outline:3px solid var(--train);outline-offset:2px}"
    "details{margin:.5rem 0}section>h3{margin:1rem 0 .5rem}"
)


def page(story: Story) -> str:
    """The whole page of a run."""
    run = story.run
    sections = {
        "summary": ("Summary", _summary(story)),
        "scores": ("Scores", _scores(story)),
        "curves": ("Epochs", _curves(story)),
        "errors": ("Errors", _told(evidence.errors, story)),
        "data": ("Data", _told(evidence.data, story)),
        "model": ("Model", _model(story)),
        "spec": ("Spec", spec(story)),
        "environment": ("Environment", environment(story.environment)),
    }
    said = f"A run of {when(run.started)} UTC, {run.state}."
    return document(f"{run.name}: run", run.name, said, sections, style=STYLE, script=charts.SCRIPT)


def pairs(found: Sequence[tuple[str, str]]) -> str:
    """Names beside what they are; those without are left out."""
    inside = "".join(f"<dt>{safe(name)}</dt><dd>{safe(said)}</dd>" for name, said in found if said)
    return f"<dl>{inside}</dl>" if inside else ""


def _summary(story: Story) -> str:
    run = story.run
    took = story.seconds
    generated = f"{run.dummy:,} generated examples, so its scores say nothing of real data" if run.dummy else ""
    said = pairs(
        [
            ("run", os.fspath(run.path)),
            ("state", run.state),
            ("started", f"{when(run.started)} UTC" if run.started else ""),
            ("ended", f"{when(run.finished)} UTC" if run.finished else ""),
            ("trained for", duration(took) if took is not None else ""),
            ("epochs", epochs(run)),
            ("best epoch", best(run)),
            ("seed", "" if run.seed is None else str(run.seed)),
            ("trained on", generated),
        ]
    )
    known = story.evidence or {}
    parts = known.get("parts") if isinstance(known.get("parts"), dict) else {}
    elsewhere = tuple(f"{name}: " for name in parts or ())  # stands in the data's section
    return said + listed([note for note in story.notes if not elsewhere or not note.startswith(elsewhere)], "notes")


def _scores(story: Story) -> str:
    """A row for each split and output."""
    metrics = story.run.metrics
    if not metrics:
        return soft("none: the run did not come to its end") if story.run.state != "finished" else ""
    found = [(split, output, of) for split, outputs in metrics.items() for output, of in outputs.items()]
    several = len({output for _, output, _ in found if output != _ALL}) > 1
    names = list(dict.fromkeys(name for _, _, of in found for name in of if name not in ("rows", "majority_class")))
    sizes = {split: outputs.get(_ALL, {}).get("rows") for split, outputs in metrics.items()}
    rows, guesses = [], []
    for split, output, of in found:
        if output == _ALL and not several:
            continue
        size = sizes[split]
        cells = [short(of[name]) if name in of else "–" for name in names]
        rows.append((split, output, f"{size:,}" if isinstance(size, int) else "", *cells))
        majority = of.get("majority_class")
        if isinstance(majority, Mapping):
            label, share = majority.get("label"), majority.get("accuracy")
            guesses.append(f"{split}, {output}: always saying {label} would be right for {short(share)}")
    notes = ["train: the average over the last epoch, while the weights still changed"] if "train" in metrics else []
    head = ("split", "output", "rows", *names)
    return table("Scores by split and output", head, rows, words={1}) + listed([*guesses, *notes], "soft")


def _curves(story: Story) -> str:
    rows = story.history
    if not rows:
        return soft("no epoch was complete")
    x = list(range(1, len(rows) + 1))
    sections = []
    for output, bases in by_output(rows[0], story.outputs).items():
        found = []
        for base in bases:
            lines = [Line("train", column(rows, base), 0), Line("validation", column(rows, _VALIDATION + base), 1)]
            there = [line for line in lines if any(y is not None for y in line.y)]
            found.append(Chart(title(base, output), "epoch", x, there if len(there) > 1 else there[:1] or lines[:1]))
        drawn = charts.charts(found)
        sections.append(f"<h3>{safe(output)}</h3>{drawn}" if len(story.outputs) > 1 else drawn)
    seconds = [story.times.get(at, {}).get("seconds") for at in x]
    rates = {name: [story.times.get(at, {}).get(name) for at in x] for name in _rates(story)}
    # On one page, each under its own name, for they may be ten thousand times apart.
    more = [Chart(_worded(name), "epoch", x, [Line("", values)]) for name, values in rates.items()]
    more.append(Chart("seconds", "epoch", x, [Line("", seconds)]))
    drawn = charts.charts(more)
    sections.append(f"<h3>Pace</h3>{drawn}" if drawn else "")
    return "".join(sections) + _numbers(rows, seconds, rates)


def _rates(story: Story) -> list[str]:
    """The columns of times.csv that hold learning rates."""
    return [name for name in next(iter(story.times.values()), {}) if name.startswith(_PASSING)]


def _worded(name: str) -> str:
    """A column of learning rates in words.

    >>> _worded("learning_rate"), _worded("learning_rate_encoder")
    ('learning rate', 'learning rate, encoder')
    """
    return "learning rate" + name.removeprefix(_PASSING).replace("_", ", ", 1)


def by_output(row: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, list[str]]:
    """The names of what was logged, without `val_`, by the output that they are of: those of all, then as in the spec.

    >>> by_output({"a_b_mae": 1, "a_loss": 1, "loss": 1, "val_loss": 1}, ["a", "a_b"])
    {'(all)': ['loss'], 'a': ['a_loss'], 'a_b': ['a_b_mae']}
    """
    found: dict[str, list[str]] = {}
    bases = dict.fromkeys(name.removeprefix(_VALIDATION) for name in row)
    for base in bases:
        if base == _PASSING or base.startswith(f"{_PASSING}_"):
            continue
        owners = [name for name in outputs if base.startswith(f"{name}_")] if len(outputs) > 1 else list(outputs)
        # The longest name: `a_b_mae` is of `a_b` rather than of `a`.
        owner = max(owners, key=len, default=_ALL)
        found.setdefault(owner, []).append(base)
    order = [owner for owner in (_ALL, *outputs) if owner in found]
    return {owner: sorted(found[owner], key=lambda base: title(base, owner) != "loss") for owner in order}


def title(base: str, output: str) -> str:
    """A logged name without its output's."""
    return base.removeprefix(f"{output}_") if output != _ALL else base


def column(rows: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    """One logged number over all epochs; of a list of them the mean."""
    found: list[float | None] = []
    for row in rows:
        value = row.get(name)
        if isinstance(value, list):
            numbers = [each for each in value if isinstance(each, int | float)]
            value = sum(numbers) / len(numbers) if numbers and len(numbers) == len(value) else None
        found.append(float(value) if isinstance(value, int | float) else None)
    return found


def _numbers(
    rows: Sequence[Mapping[str, Any]], seconds: Sequence[float | None], rates: Mapping[str, Sequence[float | None]]
) -> str:
    names = list(rows[0])
    more = [*((_worded(name), values) for name, values in rates.items()), ("seconds", seconds)]
    more = [(name, values) for name, values in more if any(value is not None for value in values)]
    shown = []
    first = max(0, len(rows) - _ROWS)
    for at, row in enumerate(rows[first:], first):
        extra = [short(values[at]) for _, values in more]
        shown.append((str(at + 1), *(short(row.get(name)) for name in names), *extra))
    head = ("epoch", *names, *(name for name, _ in more))
    left_out = soft(f"the last {_ROWS} of {len(rows):,} epochs; history.csv has all of them") if first else ""
    return f"<details><summary>All numbers</summary>{left_out}{table('Numbers of each epoch', head, shown)}</details>"


def _told(draw: Callable[[Mapping[str, Any]], str], story: Story) -> str:
    """What a look at data and predictions showed; a file that somebody changed costs its section alone."""
    if story.evidence is None:
        return ""
    try:
        return draw(story.evidence)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        return soft(f"evidence.json is damaged: {error}")


def _model(story: Story) -> str:
    checked = story.checked
    if checked is None:
        return soft("this version of netspec does not understand the run's spec any more")
    return architecture(checked.typed, checked.typed.graph.fixed_batch or checked.fit.batch_size)


def spec(story: Story) -> str:
    """The text of the spec, as it was."""
    if not story.text:
        return ""
    lines = "\n".join(safe(line) for line in story.text.split("\n"))
    return f'<pre tabindex="0" role="region" aria-label="Text of the spec"><code>{lines}</code></pre>'


def environment(found: Mapping[str, Any]) -> str:
    """What the run was made with."""
    versions = found.get("versions")
    said = [(str(name), str(version)) for name, version in versions.items()] if isinstance(versions, dict) else []
    said.append(("platform", str(found.get("platform") or "")))
    command = found.get("command")
    said.append(("command", " ".join(map(str, command)) if isinstance(command, list) else ""))
    git = found.get("git")
    if isinstance(git, dict):
        said.append(("git", f"{git.get('commit')}{', with changes' if git.get('dirty') else ''}"))
    said.append(("repeatable", {True: "yes", False: "no"}.get(found.get("deterministic"), "")))  # type: ignore[arg-type]
    resumed = found.get("resumed")
    if isinstance(resumed, list):
        said.append(("gone on with", ", ".join(str(each.get("at")) for each in resumed if isinstance(each, dict))))
    files = found.get("data")
    rows = []
    for path, mark in files.items() if isinstance(files, dict) else ():
        size = mark.get("bytes") if isinstance(mark, dict) else None
        digest = str(mark.get("sha256")) if isinstance(mark, dict) else ""
        rows.append((str(path), f"{size:,}" if isinstance(size, int) else "", digest))
    return pairs(said) + (table("Data files", ("data file", "bytes", "SHA-256"), rows, words={2}) if rows else "")
