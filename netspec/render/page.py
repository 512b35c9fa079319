"""What `netspec data --plot` writes: one HTML page that needs no network and no script, readable on a phone.

Words and numbers are HTML, bars are SVG that stretches to the width, pictures are PNG inside the page.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import counted
from netspec.render.png import data_uri, png
from netspec.render.sheet import cards, columns, document, histogram, listed, named_bars, safe, soft, table
from netspec.render.survey import array, kind, more_than, notes_of, number, percent, shape, token_shown

if TYPE_CHECKING:
    from netspec.runtime.data.profile import Column, Spread
    from netspec.runtime.run.examples import Example
    from netspec.runtime.run.surveyed import Labels, Seen, Survey

_BARS = 40
_MOST_VALUES = 12
_MOST_CLASSES = 40
_TAIL = 3.0  # a range this much wider than that of 99 in 100 numbers is cut there


def page(found: Survey, concerns: Sequence[str]) -> str:
    """The whole page."""
    sections = {
        "rows": ("Rows", _rows(found)),
        "text": ("Text", _running(found)),
        "look": ("Worth a look", listed(concerns, "warnings")),
        "outputs": ("Outputs", cards(_output(labels) for labels in found.labels)),
        "inputs": ("Inputs", cards(_input(seen) for seen in found.inputs)),
        "pictures": ("Pictures", "".join(_pictures(seen) for seen in found.inputs)),
        "columns": ("Columns", cards(_column(n, parts, found.users.get(n, ())) for n, parts in found.columns.items())),
        "examples": ("Examples of train", "".join(_example(at, each) for at, each in enumerate(found.examples))),
        "notes": ("Notes", listed(notes_of(found), "notes")),
    }
    said = "What the model will see of its data, prepared as in training."
    return document(f"{found.name}: data", found.name, said, sections)


def _running(found: Survey) -> str:
    text = found.text
    if text is None:
        return ""
    parts = [(name, f"{count:,}", percent(text.unknown[name])) for name, count in text.tokens.items()]
    most = [(token_shown(token), f"{count:,}") for token, count in text.frequent]
    counts = table(f"{text.by} of each part", ("part", text.by, "unknown"), parts)
    return counts + table(f"Most frequent {text.by}", ("most frequent", "times"), most)


def _rows(found: Survey) -> str:
    from netspec.catalog.types import show_bytes

    rows = []
    for part in found.parts:
        used = part.used
        where = f"{show_bytes(part.bytes)} {'on the disk' if part.on_disk else 'in memory'}"
        counts = (used.rows, used.kept, used.rows - used.kept, sum(used.filled.values()))
        rows.append((part.name, *(f"{count:,}" for count in counts), where, used.origin))
    head = ("part", "rows", "used", "dropped", "filled", "prepared rows", "source")
    return table("Rows of each part", head, rows)


def _output(labels: Labels) -> str:
    form = labels.form.replace("_", "-")
    said = f"<h3>{safe(labels.name)}</h3>" + soft(f"{shape(labels.shape)}, {form} of {', '.join(labels.columns)}")
    if not labels.counts:
        return said + _histograms(labels.numbers, f"labels of {labels.name}")
    order: Sequence[int] = range(len(labels.classes))
    first = next(iter(labels.counts.values()))
    if len(order) > _MOST_CLASSES:
        order = sorted(order, key=lambda at: (-first[at], at))[:_MOST_CLASSES]
        said += soft(f"the {_MOST_CLASSES} most frequent of {len(labels.classes):,} classes")
    for part, counts in labels.counts.items():
        bars = [(labels.classes[at], counts[at], f"{counts[at]:,} · {percent(labels.share(part, at))}") for at in order]
        said += named_bars(part, bars, f"classes of {labels.name} in {part}")
    return said


def _input(seen: Seen) -> str:
    known = f", {seen.known:,} known" if seen.known is not None else ""
    made_of = ", ".join(seen.columns[:8]) + (", …" if len(seen.columns) > 8 else "")
    said = f"<h3>{safe(seen.name)}</h3>"
    said += soft(f"{shape(seen.shape)} {seen.dtype}, {seen.kind} of {made_of}{known}")
    if not seen.tokens:
        return said + _histograms(seen.numbers, f"numbers of input {seen.name}")
    for part, tokens in seen.tokens.items():
        unknown = "" if tokens.unknown is None else f", {percent(tokens.unknown)} unknown"
        said += soft(f"{part}: {percent(tokens.cut)} cut{unknown}")
    lengths = {part: tokens.lengths for part, tokens in seen.tokens.items()}
    return said + _histograms(lengths, f"lengths of {seen.name}", cut=seen.length)


def _column(name: str, parts: Mapping[str, Column], users: Sequence[str]) -> str:
    column = next(iter(parts.values()))
    said = f"<h3>{safe(name)}</h3>" + soft(", ".join(users) or "not used")
    different = "" if column.kind in ("array", "list", "bytes") else f", {more_than(column)} different"
    said += f"<p>{safe(kind(column))}, {column.missing:,} of {column.rows:,} missing{different}</p>"
    few = column.counts is not None and len(column.counts) <= _MOST_VALUES
    if column.counts and (few or column.kind == "text") and len(column.counts) < column.there:
        top = sorted(column.counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VALUES]
        if column.kind == "number":
            top.sort(key=lambda item: _value(item[0]))
        bars = [(value, count, f"{count:,}") for value, count in top]
        return said + named_bars("", bars, f"most frequent values of {name}")
    what = {"list": "lengths of", "text": "characters of", "bytes": "bytes of"}.get(column.kind, "")
    spreads = {part: each.spread for part, each in parts.items()}
    return said + _histograms(spreads, f"{what} {name}".strip())


def _value(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(cell.lower(), 0.0)


def _histograms(spreads: Mapping[str, Spread | None], label: str, *, cut: int | None = None) -> str:
    """A histogram for each part, all over one range."""
    there = {part: spread for part, spread in spreads.items() if spread is not None}
    if not there:
        return ""
    low, high, tail = _range(there.values())
    if low == high:
        return soft(f"always {number(low)}")
    said = ""
    for part, spread in there.items():
        counts = _counted(spread.sample, low, high)
        middle = spread.quantiles[2]
        alt = (
            f"{label}, {part}: from {number(spread.least)} to {number(spread.most)}, "
            f"half of them below {number(middle)}, mean {number(spread.mean)}"
        )
        rects = columns(counts, part)
        if cut is not None and low < cut < high:
            x = (cut - low) / (high - low) * 10 * _BARS
            rects += f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="100" vector-effect="non-scaling-stroke"/>'
        said += (
            f'<p class="part">{safe(part)} · mean {number(spread.mean)} · median {number(middle)}</p>'
            f"{histogram(rects, _BARS, alt)}"
        )
    ends = f'<p class="ends"><span>{number(low)}</span><span>{number(high)}</span></p>'
    notes = ["dashed: where texts are cut"] if cut is not None and low < cut < high else []
    notes += [f"{counted(tail, 'number')} outside"] if tail else []
    return said + ends + "".join(soft(note) for note in notes)


def _range(spreads: Iterable[Spread]) -> tuple[float, float, int]:
    """From where to where to draw, and how many numbers of the samples lie outside: few that are far are left out."""
    every = list(spreads)
    least, most = min(each.least for each in every), max(each.most for each in every)
    low = min(float(each.sample[len(each.sample) // 200]) for each in every)
    high = max(float(each.sample[-1 - len(each.sample) // 200]) for each in every)
    if high <= low or most - least <= _TAIL * (high - low):
        return least, most, 0
    outside = sum(bisect_left(each.sample, low) for each in every)
    outside += sum(len(each.sample) - bisect_left(each.sample, high) for each in every)
    return low, high, outside


def _counted(sample: Any, low: float, high: float) -> list[int]:
    """How many numbers of a sorted sample lie in each of the bars."""
    edges = [low + (high - low) * at / _BARS for at in range(1, _BARS)]
    places = [bisect_left(sample, low), *(bisect_left(sample, edge) for edge in edges)]
    last = len(sample) - 1
    while last >= 0 and sample[last] > high:
        last -= 1
    places.append(last + 1)
    return [max(0, stop - start) for start, stop in pairwise(places)]


def _pictures(seen: Seen) -> str:
    if not seen.pictures:
        return ""
    figures = []
    for at, (picture, said) in enumerate(seen.pictures, 1):
        address = data_uri(png(picture.width, picture.height, picture.channels, picture.pixels))
        alt = f"training row {at} as input {seen.name}" + (f", labelled {said}" if said else "")
        figures.append(
            f'<figure><img src="{address}" width="{picture.width}" height="{picture.height}" alt="{safe(alt)}" '
            f'style="height:auto"><figcaption>{safe(said) or "&nbsp;"}</figcaption></figure>'
        )
    return f'<h3>{safe(seen.name)}</h3><div class="pictures">{"".join(figures)}</div>'


def _example(at: int, example: Example) -> str:
    pairs = "".join(f"<dt>{safe(name)}</dt><dd>{safe(cell) or '(empty)'}</dd>" for name, cell in example.cells.items())
    for name, shown in (*example.inputs.items(), *example.targets.items()):
        pairs += f"<dt>→ {safe(name)}</dt><dd><code>{safe(array(shown))}</code></dd>"
    return f"<details{'' if at else ' open'}><summary>{safe(example.row)}</summary><dl>{pairs}</dl></details>"
