"""The model on a page: each step with its shape and weights, nested models folded, what all of it comes to."""

from __future__ import annotations

from netspec.diagnostics import counted
from netspec.graph.costs import costs
from netspec.graph.ir import TypedGraph
from netspec.render.sheet import safe, soft, table
from netspec.render.summary import Section, sections, sums

_MOST = 1000  # steps on a page, in all tables together
_INDENT = "  "


def architecture(typed: TypedGraph, batch_size: int) -> str:
    """The tables of a model."""
    found = costs(typed, batch_size)
    said = "".join(
        f"<dt>{safe(what)}</dt><dd>{safe(', '.join(part for part in (count, more) if part))}</dd>"
        for what, count, more in sums(found)
    )
    left, parts = _MOST, []
    for at, section in enumerate(sections(typed, found)):
        if left <= 0:
            parts.append(soft("and further models, which netspec summary shows"))
            break
        inside = _section(section, left)
        left -= len(section.rows)
        if at:
            steps = len(section.rows) - 1
            inside = f"<details><summary>model {safe(section.name)}, {steps} rows</summary>{inside}</details>"
        parts.append(inside)
    return f"<dl>{said}</dl>{''.join(parts)}"


def _section(section: Section, most: int) -> str:
    head, *rows = section.rows
    kept = [at for at in range(len(head)) if at in (0, 1) or any(row[at] for row in rows)]
    shown = [tuple(_cell(row[at]) for at in kept) for row in rows[:most]]
    more = soft(f"and {counted(len(rows) - most, 'row')} more") if len(rows) > most else ""
    words = frozenset(number for number, at in enumerate(kept) if head[at] not in ("params", "flops"))
    drawn = table(f"Steps of {section.name}", tuple(head[at] for at in kept), shown, words=words)
    return f"{drawn}{more}{soft(f'outputs: {section.outputs}')}"


def _cell(cell: str) -> str:
    """The calls of a shared layer stand below it."""
    return f"↳ {cell.removeprefix(_INDENT)}" if cell.startswith(_INDENT) else cell
