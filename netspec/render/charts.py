"""Curves as SVG inside a page: drawn without a script, and read point by point with a pointer or the arrow keys.

The numbers of each chart stand in its own `data-chart`; the script looks at nothing else and writes only text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from netspec.diagnostics import printable
from netspec.render.results import short
from netspec.render.sheet import safe

_WIDE, _HIGH, _MARGIN = 1000, 300, 12
_POINTS = 300  # of a line
_FAR = 50  # times the least: from there on a scale is logarithmic
STYLES = 6  # of lines that are told apart

STYLE = (
    """
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.75rem}
.chart{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;min-width:0}
.chart figcaption{color:var(--ink);overflow-wrap:anywhere}.plot{position:relative;height:9rem;margin:.4rem 0 0 3.6rem;
border:solid var(--line);border-width:0 0 1px 1px;touch-action:pan-y}.plot svg{height:100%}
.plot span{position:absolute;right:calc(100% + .3rem);font-size:.75rem;line-height:1;color:var(--soft);
font-variant-numeric:tabular-nums;white-space:nowrap}.plot .top{top:0}.plot .low{bottom:0}
.chart .ends{margin-left:3.6rem}
.plot:focus-visible{outline:3px solid var(--train);outline-offset:2px}
.plot path{fill:none;stroke-width:2;stroke-linecap:round;vector-effect:non-scaling-stroke}
.plot .dot{stroke-width:7;stroke-dasharray:none}
.plot .at{stroke:var(--soft);stroke-width:1;vector-effect:non-scaling-stroke;visibility:hidden}
.said{min-height:3.2em;font-size:.85rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:0 .75rem;font-size:.85rem;color:var(--soft)}
.key svg{width:1.6rem;height:.7rem;display:inline-block;vertical-align:middle;margin-right:.3rem}
.key path{stroke-width:2;fill:none}:root{--c2:#2f7d6d;--c3:#8d3b8f;--c4:#7a6a12;--c5:#5a5f66}
@media(prefers-color-scheme:dark){:root{--c2:#6fc7b4;--c3:#dc9ade;--c4:#d3c25a;--c5:#b4bac1}}
""".strip()
    + ".l0{stroke:var(--train)}.l1{stroke:var(--validation);stroke-dasharray:6 4}.l2{stroke:var(--c2);"
    "stroke-dasharray:2 4}.l3{stroke:var(--c3);stroke-dasharray:10 4}.l4{stroke:var(--c4);stroke-dasharray:10 3 2 3}"
    ".l5{stroke:var(--c5);stroke-dasharray:4 2}"
)

SCRIPT = """
"use strict";
for (const chart of document.querySelectorAll("[data-chart]")) {
  const {x, said, lines} = JSON.parse(chart.dataset.chart);
  const plot = chart.querySelector(".plot"), mark = chart.querySelector(".at"), out = chart.querySelector(".said");
  const first = x[0], span = x[x.length - 1] - first, start = out.textContent;
  const number = (value) => value === null ? "–" : String(Number(value.toPrecision(4)));
  let at = x.length - 1;
  out.style.minHeight = out.offsetHeight + "px";
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-valuemin", "1");
  plot.setAttribute("aria-valuemax", String(x.length));
  const tell = () => {
    const named = (line) => (line.name ? line.name + " " : "") + number(line.y[at]);
    const text = said + " " + number(x[at]) + ": " + lines.map(named).join(", ");
    out.textContent = text;
    plot.setAttribute("aria-valuenow", String(at + 1));
    plot.setAttribute("aria-valuetext", text);
    const place = span ? 1000 * (x[at] - first) / span : 500;
    mark.setAttribute("x1", place);
    mark.setAttribute("x2", place);
    mark.style.visibility = "visible";
  };
  const rest = () => { mark.style.visibility = "hidden"; out.textContent = start; };
  const go = (to) => { at = Math.max(0, Math.min(x.length - 1, to)); tell(); };
  const point = (event) => {
    const box = plot.getBoundingClientRect();
    const there = first + span * (event.clientX - box.left) / box.width;
    let near = 0;
    x.forEach((each, number) => { if (Math.abs(each - there) < Math.abs(x[near] - there)) near = number; });
    go(near);
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) rest(); });
  plot.addEventListener("focus", tell);
  plot.addEventListener("blur", rest);
  plot.addEventListener("keydown", (event) => {
    const far = Math.max(1, Math.round(x.length / 10));
    const to = {ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - far,
      PageUp: at + far, Home: 0, End: x.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  plot.setAttribute("aria-valuenow", String(at + 1));
  plot.setAttribute("aria-valuetext", start);
}
""".strip()


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, and a number for each place, None where there is none."""

    name: str
    y: Sequence[float | None]
    style: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart: its title, what stands along it and where, its lines, and a sentence that says what it shows."""

    title: str
    along: str
    x: Sequence[float]
    lines: Sequence[Line]
    said: str = ""
    span: tuple[float, float] | None = None  # of the numbers, where it is not theirs


def charts(each: Sequence[Chart]) -> str:
    """Charts side by side where there is room."""
    inside = "".join(chart(one) for one in each)
    return f'<div class="charts">{inside}</div>' if inside else ""


def chart(found: Chart) -> str:
    """One chart; nothing where it has no number to show."""
    found = _thinned(found)
    numbers = [y for line in found.lines for y in line.y if y is not None and _finite(y)]
    if not numbers:
        return ""
    low, high = found.span or (min(numbers), max(numbers))
    logarithmic = found.span is None and low > 0 and high > _FAR * low
    scale = math.log10 if logarithmic else float
    bottom, top = scale(low), scale(high)
    paths = ""
    for line in found.lines:
        scaled = [None if y is None or not _finite(y) else scale(y) for y in line.y]
        drawn, alone = _path(found.x, scaled, bottom, top)
        style = f"l{line.style % STYLES}"
        paths += f'<path class="{style}" d="{drawn}"/>' if drawn else ""
        paths += f'<path class="{style} dot" d="{alone}"/>' if alone else ""
    lowest = f'<span class="low">{safe(_label(low))}</span>' if low != high else ""
    key = _key(found.lines) if len(found.lines) > 1 or found.lines[0].name else ""
    said = found.said or _last(found)
    plain = {
        "x": list(found.x),
        "said": printable(found.along),
        "lines": [{"name": printable(line.name), "y": [_rounded(y) for y in line.y]} for line in found.lines],
    }
    ends = f"<span>{safe(_place(found.x[0]))}</span>"
    ends += f"<span>{safe(found.along)}{', logarithmic upwards' if logarithmic else ''}</span>"
    ends += f"<span>{safe(_place(found.x[-1]))}</span>"
    return (
        f'<figure class="chart" data-chart="{safe(json.dumps(plain, separators=(",", ":"), allow_nan=False))}">'
        f"<figcaption><h3>{safe(found.title)}</h3>{key}</figcaption>"
        f'<div class="plot" tabindex="0" role="img" aria-label="{safe(found.title)}: {safe(said)}">'
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" aria-hidden="true">{paths}'
        f'<line class="at" y1="0" y2="{_HIGH}"/></svg>'
        f'<span class="top">{safe(_label(high))}</span>'
        f"{lowest}</div>"
        f'<p class="ends">{ends}</p><p class="said" aria-live="off">{safe(said)}</p></figure>'
    )


def _last(found: Chart) -> str:
    """The last numbers, and between which ones they lie."""
    said = []
    for line in found.lines:
        there = [(y, x) for x, y in zip(found.x, line.y, strict=True) if y is not None and _finite(y)]
        if not there:
            continue
        (least, low), (most, high) = min(there), max(there, key=lambda each: each[0])
        span = (
            ""
            if least == most
            else (
                f", from {short(least)} ({found.along} {_place(low)}) to {short(most)} ({found.along} {_place(high)})"
            )
        )
        said.append(f"{f'{line.name}: ' if line.name else ''}last {short(there[-1][0])}{span}")
    return "; ".join(said)


def _key(lines: Sequence[Line]) -> str:
    said = ""
    for line in lines:
        sample = f'<path class="l{line.style % STYLES}" d="M0 5h26"/>'
        said += f'<span><svg viewBox="0 0 26 10" aria-hidden="true">{sample}</svg>{safe(line.name)}</span>'
    return f'<div class="key">{said}</div>'


def _path(x: Sequence[float], y: Sequence[float | None], low: float, high: float) -> tuple[str, str]:
    """A path that breaks where a number is missing, and one of dots: the numbers that stand alone."""
    wide, tall = x[-1] - x[0], high - low
    stretches: list[list[str]] = [[]]
    for at, value in zip(x, y, strict=True):
        if value is None:
            stretches.append([])
            continue
        across = _WIDE * (at - x[0]) / wide if wide else _WIDE / 2
        up = _HIGH - _MARGIN - (_HIGH - 2 * _MARGIN) * ((value - low) / tall if tall else 0.5)
        stretches[-1].append(f"{across:.1f} {up:.1f}")
    lines = "".join(f"M{'L'.join(each)}" for each in stretches if len(each) > 1)
    return lines, "".join(f"M{each[0]}h0" for each in stretches if len(each) == 1)


def _thinned(found: Chart) -> Chart:
    """At most so many places, the first and the last among them."""
    count = len(found.x)
    if count <= _POINTS:
        return found
    at = sorted({round(number * (count - 1) / (_POINTS - 1)) for number in range(_POINTS)})
    lines = [Line(line.name, [line.y[each] for each in at], line.style) for line in found.lines]
    said = found.said or _last(found)
    return Chart(found.title, found.along, [found.x[each] for each in at], lines, said, found.span)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _rounded(value: float | None) -> float | None:
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def _place(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.3g}"


def _label(value: float) -> str:
    return f"{value:.3g}"
