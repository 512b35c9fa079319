"""What `netspec data --plot` writes: one HTML page that needs no network and no script, readable on a phone.

Words and numbers are HTML, bars are SVG that stretches to the width, pictures are PNG inside the page.
"""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import printable
from netspec.render.png import data_uri, png
from netspec.render.survey import array, kind, more_than, notes_of, number, percent, shape, token_shown

if TYPE_CHECKING:
    from netspec.runtime.data.profile import Column, Spread
    from netspec.runtime.run.examples import Example
    from netspec.runtime.run.surveyed import Labels, Seen, Survey

_BARS = 40
_MOST_VALUES = 12
_MOST_CLASSES = 40
_TAIL = 3.0  # a range this much wider than that of 99 in 100 numbers is cut there

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2329;--soft:#55606b;--page:#fbfbf9;--card:#fff;--line:#c9cfd6;--warn:#8a4b00;
--train:#2366a8;--validation:#a8561a;--test:#4a7a2c}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a9b3bd;--page:#15191d;--card:#1d2328;--line:#3d4650;
--warn:#f0b45c;--train:#78b2ea;--validation:#e8a368;--test:#9ccb77}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main,header,nav{max-width:62rem;margin:0 auto;padding:0 1rem}h1{font-size:1.5rem;margin:1rem 0 .25rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:0 0 .25rem;
overflow-wrap:anywhere}p{margin:.25rem 0}.soft,figcaption,th{color:var(--soft);font-weight:400}
a{color:inherit}a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:3px solid var(--train);
outline-offset:2px}.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:0;padding:.5rem 0}
nav a{display:inline-block;padding:.25rem 0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.75rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;min-width:0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .75rem .2rem 0;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap}svg{display:block;width:100%}
.h svg{height:3.5rem;border-bottom:1px solid var(--line)}.ends{display:flex;justify-content:space-between;
font-size:.85rem;color:var(--soft);font-variant-numeric:tabular-nums}
.b{display:grid;grid-template-columns:minmax(3rem,35%) minmax(2rem,1fr) auto;
gap:.15rem .6rem;align-items:center;font-size:.9rem}.b svg{height:.8rem}.b span{overflow-wrap:anywhere}
.b .n{text-align:right;font-variant-numeric:tabular-nums}.part{font-size:.85rem;margin-top:.4rem}
.train{fill:var(--train)}.validation{fill:var(--validation)}.test{fill:var(--test)}.cut{stroke:var(--ink);stroke-width:2;
stroke-dasharray:4 3}.pictures{display:flex;flex-wrap:wrap;gap:.75rem}figure{margin:0}img{display:block;width:6rem;
image-rendering:pixelated;border:1px solid var(--line)}.warnings li{color:var(--warn)}
dl{display:grid;grid-template-columns:minmax(5rem,max-content) 1fr;gap:.15rem .75rem;margin:.25rem 0 1rem}
dt{color:var(--soft);overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer;padding:.25rem 0}
code{font:.9em ui-monospace,monospace}
""".strip()


def page(found: Survey, concerns: Sequence[str]) -> str:
    """The whole page."""
    sections = {
        "rows": ("Rows", _rows(found)),
        "text": ("Text", _running(found)),
        "look": ("Worth a look", _listed(concerns, "warnings")),
        "outputs": ("Outputs", _cards(_output(labels) for labels in found.labels)),
        "inputs": ("Inputs", _cards(_input(seen) for seen in found.inputs)),
        "pictures": ("Pictures", "".join(_pictures(seen) for seen in found.inputs)),
        "columns": ("Columns", _cards(_column(n, parts, found.users.get(n, ())) for n, parts in found.columns.items())),
        "examples": ("Examples of train", "".join(_example(at, each) for at, each in enumerate(found.examples))),
        "notes": ("Notes", _listed(notes_of(found), "notes")),
    }
    there = {name: section for name, section in sections.items() if section[1]}
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, (title, _) in there.items())
    body = "".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}" tabindex="-1">{title}</h2>{inside}</section>'
        for name, (title, inside) in there.items()
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{_safe(found.name)}: data</title><style>{_STYLE}</style></head><body>"
        '<a class="skip" href="#rows">To the data</a>'
        f"<header><h1>{_safe(found.name)}</h1>"
        '<p class="soft">What the model will see of its data, prepared as in training.</p></header>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main>{body}</main></body></html>\n'
    )


def _safe(text: str) -> str:
    return html.escape(printable(text))


def _listed(lines: Sequence[str], style: str) -> str:
    return f'<ul class="{style}">{"".join(f"<li>{_safe(line)}</li>" for line in lines)}</ul>' if lines else ""


def _cards(cards: Iterable[str]) -> str:
    inside = "".join(f'<div class="card">{card}</div>' for card in cards)
    return f'<div class="cards">{inside}</div>' if inside else ""


def _table(label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself, by keyboard too, where it is wider than the page."""
    top = "".join(f'<th scope="col"{_right(at)}>{_safe(cell)}</th>' for at, cell in enumerate(head))
    body = "".join(
        "<tr>"
        + f'<th scope="row">{_safe(row[0])}</th>'
        + "".join(f"<td{_right(at)}>{_safe(cell)}</td>" for at, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    )
    said = _safe(label)
    return (
        f'<div class="wide" role="region" aria-label="{said}" tabindex="0"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _right(at: int) -> str:
    return ' class="n"' if at else ""


def _running(found: Survey) -> str:
    text = found.text
    if text is None:
        return ""
    parts = [(name, f"{count:,}", percent(text.unknown[name])) for name, count in text.tokens.items()]
    most = [(token_shown(token), f"{count:,}") for token, count in text.frequent]
    counts = _table(f"{text.by} of each part", ("part", text.by, "unknown"), parts)
    return counts + _table(f"Most frequent {text.by}", ("most frequent", "times"), most)


def _rows(found: Survey) -> str:
    from netspec.catalog.types import show_bytes

    rows = []
    for part in found.parts:
        used = part.used
        where = f"{show_bytes(part.bytes)} {'on the disk' if part.on_disk else 'in memory'}"
        counts = (used.rows, used.kept, used.rows - used.kept, sum(used.filled.values()))
        rows.append((part.name, *(f"{count:,}" for count in counts), where, used.origin))
    head = ("part", "rows", "used", "dropped", "filled", "prepared rows", "source")
    return _table("Rows of each part", head, rows)


def _output(labels: Labels) -> str:
    form = labels.form.replace("_", "-")
    said = f"<h3>{_safe(labels.name)}</h3>" + _soft(f"{shape(labels.shape)}, {form} of {', '.join(labels.columns)}")
    if not labels.counts:
        return said + _histograms(labels.numbers, f"labels of {labels.name}")
    order: Sequence[int] = range(len(labels.classes))
    first = next(iter(labels.counts.values()))
    if len(order) > _MOST_CLASSES:
        order = sorted(order, key=lambda at: (-first[at], at))[:_MOST_CLASSES]
        said += _soft(f"the {_MOST_CLASSES} most frequent of {len(labels.classes):,} classes")
    for part, counts in labels.counts.items():
        bars = [(labels.classes[at], counts[at], f"{counts[at]:,} · {percent(labels.share(part, at))}") for at in order]
        said += _named_bars(part, bars, f"classes of {labels.name} in {part}")
    return said


def _input(seen: Seen) -> str:
    known = f", {seen.known:,} known" if seen.known is not None else ""
    columns = ", ".join(seen.columns[:8]) + (", …" if len(seen.columns) > 8 else "")
    said = f"<h3>{_safe(seen.name)}</h3>"
    said += _soft(f"{shape(seen.shape)} {seen.dtype}, {seen.kind} of {columns}{known}")
    if not seen.tokens:
        return said + _histograms(seen.numbers, f"numbers of input {seen.name}")
    for part, tokens in seen.tokens.items():
        unknown = "" if tokens.unknown is None else f", {percent(tokens.unknown)} unknown"
        said += _soft(f"{part}: {percent(tokens.cut)} cut{unknown}")
    lengths = {part: tokens.lengths for part, tokens in seen.tokens.items()}
    return said + _histograms(lengths, f"lengths of {seen.name}", cut=seen.length)


def _column(name: str, parts: Mapping[str, Column], users: Sequence[str]) -> str:
    column = next(iter(parts.values()))
    said = f"<h3>{_safe(name)}</h3>" + _soft(", ".join(users) or "not used")
    different = "" if column.kind in ("array", "list", "bytes") else f", {more_than(column)} different"
    said += f"<p>{_safe(kind(column))}, {column.missing:,} of {column.rows:,} missing{different}</p>"
    few = column.counts is not None and len(column.counts) <= _MOST_VALUES
    if column.counts and (few or column.kind == "text") and len(column.counts) < column.there:
        top = sorted(column.counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VALUES]
        if column.kind == "number":
            top.sort(key=lambda item: _value(item[0]))
        bars = [(value, count, f"{count:,}") for value, count in top]
        return said + _named_bars("", bars, f"most frequent values of {name}")
    what = {"list": "lengths of", "text": "characters of", "bytes": "bytes of"}.get(column.kind, "")
    spreads = {part: each.spread for part, each in parts.items()}
    return said + _histograms(spreads, f"{what} {name}".strip())


def _value(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(cell.lower(), 0.0)


def _soft(text: str) -> str:
    return f'<p class="soft">{_safe(text)}</p>'


def _named_bars(part: str, bars: Sequence[tuple[str, int, str]], label: str) -> str:
    """A bar for each name, as long as its count; names and counts stand beside it as text."""
    most = max((count for _, count, _ in bars), default=0) or 1
    rows = "".join(
        f"<span>{_safe(name[:60]) or '(empty)'}</span>"
        f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{part or "train"}" width="{100 * count / most:.2f}" height="10"/></svg>'
        f'<span class="n">{_safe(shown)}</span>'
        for name, count, shown in bars
    )
    head = f'<p class="part">{_safe(part)}</p>' if part else ""
    return f'{head}<div class="b" role="group" aria-label="{_safe(label)}">{rows}</div>'


def _histograms(spreads: Mapping[str, Spread | None], label: str, *, cut: int | None = None) -> str:
    """A histogram for each part, all over one range."""
    there = {part: spread for part, spread in spreads.items() if spread is not None}
    if not there:
        return ""
    low, high, tail = _range(there.values())
    if low == high:
        return _soft(f"always {number(low)}")
    said = ""
    for part, spread in there.items():
        counts = _counted(spread.sample, low, high)
        most = max(counts) or 1
        middle = spread.quantiles[2]
        alt = (
            f"{label}, {part}: from {number(spread.least)} to {number(spread.most)}, "
            f"half of them below {number(middle)}, mean {number(spread.mean)}"
        )
        rects = "".join(_bar(part, at, 100 * n / most) for at, n in enumerate(counts) if n)
        if cut is not None and low < cut < high:
            x = (cut - low) / (high - low) * 10 * _BARS
            rects += f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="100" vector-effect="non-scaling-stroke"/>'
        said += (
            f'<p class="part">{_safe(part)} · mean {number(spread.mean)} · median {number(middle)}</p>'
            f'<div class="h"><svg viewBox="0 0 {10 * _BARS} 100" preserveAspectRatio="none" role="img" '
            f'aria-label="{_safe(alt)}"><title>{_safe(alt)}</title>{rects}</svg></div>'
        )
    ends = f'<p class="ends"><span>{number(low)}</span><span>{number(high)}</span></p>'
    notes = ["dashed: where texts are cut"] if cut is not None and low < cut < high else []
    notes += [f"{tail:,} numbers lie outside"] if tail else []
    return said + ends + "".join(_soft(note) for note in notes)


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


def _bar(part: str, at: int, height: float) -> str:
    return f'<rect class="{part}" x="{at * 10}" y="{100 - height:.2f}" width="9" height="{height:.2f}"/>'


def _pictures(seen: Seen) -> str:
    if not seen.pictures:
        return ""
    figures = []
    for at, (picture, said) in enumerate(seen.pictures, 1):
        address = data_uri(png(picture.width, picture.height, picture.channels, picture.pixels))
        alt = f"training row {at} as input {seen.name}" + (f", labelled {said}" if said else "")
        figures.append(
            f'<figure><img src="{address}" width="{picture.width}" height="{picture.height}" alt="{_safe(alt)}" '
            f'style="height:auto"><figcaption>{_safe(said) or "&nbsp;"}</figcaption></figure>'
        )
    return f'<h3>{_safe(seen.name)}</h3><div class="pictures">{"".join(figures)}</div>'


def _example(at: int, example: Example) -> str:
    pairs = "".join(
        f"<dt>{_safe(name)}</dt><dd>{_safe(cell) or '(empty)'}</dd>" for name, cell in example.cells.items()
    )
    for name, shown in (*example.inputs.items(), *example.targets.items()):
        pairs += f"<dt>→ {_safe(name)}</dt><dd><code>{_safe(array(shown))}</code></dd>"
    return f"<details{'' if at else ' open'}><summary>{_safe(example.row)}</summary><dl>{pairs}</dl></details>"
