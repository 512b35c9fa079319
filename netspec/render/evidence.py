"""What evidence.json holds, on the page of a run: its data, confused classes, curves, residuals, the worst rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from netspec.diagnostics import counted
from netspec.render.charts import Chart, Line, charts
from netspec.render.png import data_uri, png
from netspec.render.results import short
from netspec.render.sheet import cards, columns, histogram, listed, named_bars, safe, soft, table
from netspec.render.survey import number, percent

_TOGETHER = 5  # curves in a chart
_BARS = 40  # classes
_WIDE, _HIGH = 300, 200  # of the dots

STYLE = (
    "td.m{background:color-mix(in srgb,var(--train) calc(var(--s)*55%),transparent);"
    "text-align:right;padding:.2rem .5rem}"
    ".card dl{grid-template-columns:1fr auto}.charts+.wide,.wide+.charts,.wide+.cards{margin-top:.75rem}"
    ".hit{font-weight:700}.dots{height:9rem;border:solid var(--line);border-width:0 0 1px 1px;max-width:24rem}"
    ".dots path{fill:none;stroke:var(--train);stroke-width:4;stroke-linecap:round;vector-effect:non-scaling-stroke;"
    "opacity:.55}.dots .same{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 3;opacity:1}"
)


def data(found: Mapping[str, Any]) -> str:
    """What the data were: rows of each part, inputs, and how many labels each class has."""
    parts, labels = found["parts"], found["labels"]
    rows = [(name, f"{part['rows']:,}") for name, part in parts.items()]
    said = table("Rows of each part", ("part", "rows"), rows)
    said += listed([f"{name}: {note}" for name, part in parts.items() for note in part["notes"]], "soft")
    said += listed(found["notes"], "soft")
    inputs = [
        (each["name"], _shape(each["shape"]), each["dtype"], each.get("kind", ""), ", ".join(each.get("columns", ())))
        for each in found["inputs"]
    ]
    said += table("Inputs", ("input", "shape", "dtype", "made by", "of"), inputs, words={1, 2, 3, 4})
    return said + cards(_balance(name, each) for name, each in labels.items())


def _shape(dims: Sequence[int | None]) -> str:
    return " × ".join("any" if dim is None else str(dim) for dim in dims) or "one number"


def _balance(name: str, found: Mapping[str, Any]) -> str:
    """The classes of an output in each part."""
    classes, said = found["classes"], f"<h3>{safe(name)}</h3>"
    order: Sequence[int] = range(len(classes))
    first = next(iter(found["counts"].values()))
    if len(order) > _BARS:
        order = sorted(order, key=lambda at: (-first[at], at))[:_BARS]
        said += soft(f"the {_BARS} most frequent of {len(classes):,} classes")
    for part, counts in found["counts"].items():
        total = sum(counts) or 1
        bars = [(classes[at], counts[at], f"{counts[at]:,} · {percent(counts[at] / total)}") for at in order]
        said += named_bars(part, bars, f"classes of {name} in {part}")
    return said


def errors(found: Mapping[str, Any]) -> str:
    """What a look at predictions showed; nothing where there was none."""
    outputs, looked = found.get("outputs"), found.get("looked")
    if not outputs or not looked:
        return ""
    rows, of = looked["rows"], looked["of"]
    which = f"all {of:,}" if rows == of else f"the first {rows:,} of {of:,}"
    said = soft(f"{which} rows of {looked['split']}, with the weights that were kept last")
    for name, each in outputs.items():
        head = f"<h3>{safe(name)}</h3>" if len(outputs) > 1 else ""
        draw = {"classes": _classes, "several": _several, "numbers": _numbers, "many": _many}[each["kind"]]
        said += head + draw(name, each, found["grid"]) + _worst(each.get("worst", ()))
    return said


def _classes(name: str, found: Mapping[str, Any], grid: Sequence[float]) -> str:
    said = f"<p>{found['right']:,} of {found['cases']:,} are right ({percent(found['right'] / found['cases'])}).</p>"
    if "confusion" in found:
        said += _matrix(name, found["classes"], found["confusion"])
    if found.get("pairs"):
        pairs = [(truth, guess, f"{count:,}") for truth, guess, count in found["pairs"]]
        said += "<h3>Confused most often</h3>" + table(
            "Confused classes", ("true", "predicted", "times"), pairs, words={1}
        )
    return said + _curves(found.get("curves", ()), grid)


def _several(name: str, found: Mapping[str, Any], grid: Sequence[float]) -> str:
    right, cases = found["right"], found["cases"]
    said = f"<p>{right:,} of {cases:,} labels are right ({percent(right / cases)}).</p>"
    more = found["labels"] - len(found["curves"])
    said += soft(f"and {counted(more, 'label')} without curves") if more > 0 else ""
    return said + _curves(found["curves"], grid)


def _matrix(name: str, classes: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """True classes downwards, predicted ones across, with each class's recall and precision."""
    heads = "".join(f'<th scope="col">{safe(each)}</th>' for each in classes)
    rows = ""
    for at, row in enumerate(counts):
        total, guessed = sum(row) or 1, sum(other[at] for other in counts)
        cells = "".join(
            f'<td class="m{" hit" if at == to else ""}" style="--s:{count / total:.2f}">{count:,}</td>'
            for to, count in enumerate(row)
        )
        recall = short(row[at] / total) if sum(row) else "–"
        precision = short(row[at] / guessed) if guessed else "–"
        rows += f'<tr><th scope="row">{safe(classes[at])}</th>{cells}<td class="n">{recall}</td>'
        rows += f'<td class="n">{precision}</td></tr>'
    heads += "".join(f'<th scope="col" class="n">{each}</th>' for each in ("recall", "precision"))
    return (
        soft("True classes downwards, predicted ones across:")
        + f'<div class="wide" role="region" aria-label="Confusion of {safe(name)}" tabindex="0"><table>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _curves(found: Sequence[Mapping[str, Any]], grid: Sequence[float]) -> str:
    if not found:
        return ""
    drawn = []
    for start in range(0, len(found), _TOGETHER):
        some = found[start : start + _TOGETHER]
        which = f" ({start + 1} to {start + len(some)})" if len(found) > _TOGETHER else ""
        for title, along, key in (
            ("ROC: true positive rate", "false positive rate", "roc"),
            ("Precision", "recall", "precision"),
        ):
            lines = [Line(each["class"], each[key], at) for at, each in enumerate(some)]
            said = f"{title} of {', '.join(each['class'] for each in some)} over the {along}"
            drawn.append(Chart(title + which, along, grid, lines, said, (0.0, 1.0)))
    rows = [(each["class"], f"{each['cases']:,}", short(each["auc"]), short(each["ap"])) for each in found]
    head = ("class", "cases", "area under ROC", "average precision")
    return charts(drawn) + table("Areas under the curves", head, rows)


def _numbers(name: str, found: Mapping[str, Any], grid: Sequence[float]) -> str:
    said = []
    for at, each in enumerate(found["columns"]):
        title = f"{name}, place {at + 1}" if len(found["columns"]) > 1 else name
        values = (
            ("mean absolute error", each["mae"]),
            ("root mean square error", each["rmse"]),
            ("mean of predicted less true", each["bias"]),
            ("share of variance explained (R²)", each["r2"]),
        )
        inside = "".join(f"<dt>{safe(what)}</dt><dd>{safe(short(value))}</dd>" for what, value in values)
        said.append(f"<dl>{inside}</dl>{_off(title, each['off'], 'predicted less true')}")
        said.append(_dots(title, each["dots"]))
    return cards(said)


def _many(name: str, found: Mapping[str, Any], grid: Sequence[float]) -> str:
    what = f"how far the {found['numbers']:,} numbers of a row are off"
    return cards([_off(name, found["off"], f"{what}, as a root mean square")])


def _off(name: str, found: Mapping[str, Any], what: str) -> str:
    low, high, counts = found["low"], found["high"], found["counts"]
    alt = f"{name}, {what}: half of them below {number(found['median'])}, most from {number(low)} to {number(high)}"
    outside = soft(f"{found['outside']:,} lie outside") if found["outside"] else ""
    return (
        f'<p class="part">{safe(name)}: {safe(what)} · median {number(found["median"])}</p>'
        f"{histogram(columns(counts, 'train'), len(counts), alt)}"
        f'<p class="ends"><span>{number(low)}</span><span>{number(high)}</span></p>{outside}'
    )


def _dots(name: str, dots: Sequence[Sequence[float]]) -> str:
    numbers = [each for dot in dots for each in dot]
    low, high = min(numbers), max(numbers)
    wide = high - low or 1
    path = "".join(
        f"M{_WIDE * (true - low) / wide:.1f} {_HIGH - _HIGH * (guess - low) / wide:.1f}h0" for true, guess in dots
    )
    alt = f"{name}: predicted upwards over true, {len(dots):,} rows, both from {number(low)} to {number(high)}"
    here = f'viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" role="img" aria-label="{safe(alt)}"'
    return (
        f'<p class="part">{safe(name)}: predicted (upwards) over true; the dashed line is where they are the same</p>'
        f'<svg class="dots" {here}>'
        f'<path class="same" d="M0 {_HIGH}L{_WIDE} 0"/><path d="{path}"/></svg>'
        f'<p class="ends"><span>{number(low)}</span><span>{number(high)}</span></p>'
    )


def _worst(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows that are furthest off, each with its cells."""
    if not found:
        return ""
    said = "<h3>Furthest off</h3>" + soft("of those that were looked at")
    for at, each in enumerate(found):
        row = each.get("row") or f"row {each['number']} of those that are used"
        title = f"{row}: true {each['truth']}, predicted {each['guess']}"
        cells = "".join(
            f"<dt>{safe(name)}</dt><dd>{safe(cell) or '(empty)'}</dd>" for name, cell in each.get("cells", {}).items()
        )
        pictures = "".join(_picture(name, of) for name, of in each.get("pictures", {}).items())
        pictures = f'<div class="pictures">{pictures}</div>' if pictures else ""
        inside = f"{pictures}<dl>{cells}</dl>" if cells or pictures else soft("its raw row is not known")
        said += f"<details{'' if at else ' open'}><summary>{safe(title)}</summary>{inside}</details>"
    return said


def _picture(name: str, of: Mapping[str, Any]) -> str:
    address = data_uri(png(of["width"], of["height"], of["channels"], base64.b64decode(of["pixels"])))
    return (
        f'<figure><img src="{address}" width="{of["width"]}" height="{of["height"]}" alt="input {safe(name)}" '
        f'style="height:auto"><figcaption>{safe(name)}</figcaption></figure>'
    )
