"""What `netspec data` says, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.catalog.types import show_bytes
from netspec.diagnostics import counted, printable
from netspec.jsonable import finite
from netspec.render.summary import table

if TYPE_CHECKING:
    from netspec.runtime.data.profile import Column, Spread
    from netspec.runtime.run.examples import Example, Shown
    from netspec.runtime.run.surveyed import Labels, Seen, Survey

FORMAT_VERSION = "1.0"
QUANTILES = ("5 %", "25 %", "50 %", "75 %", "95 %")
_SPARE = ("25 %", "75 %", "5 %", "95 %", "mean", "different")  # first to go where a terminal is narrow
_CELL = 60  # characters of a cell in a table
_CLASSES = 20  # that are listed as text
_VALUES = 10  # most frequent values in JSON

Row = tuple[str, ...]


def text(found: Survey, concerns: Sequence[str], *, width: int | None = None) -> str:
    """For people; `width` wraps long lines to a terminal of so many columns."""
    blocks = [_parts(found, width), _columns(found, width) if found.columns else [], _running(found, width)]
    blocks += [_inputs(seen, width) for seen in found.inputs]
    blocks += [_labels(labels, width) for labels in found.labels]
    if found.examples:
        blocks.append(["examples of train", *(line for each in found.examples for line in _example(each, width))])
    notes = [f"note: {printable(note)}" for note in notes_of(found)]
    warnings = [f"warning: {printable(line)}" for line in concerns]
    blocks.append([line for each in (*notes, *warnings) for line in _wrapped(each, width)])
    return "\n\n".join("\n".join(map(printable, block)) for block in blocks if block)


def notes_of(found: Survey) -> list[str]:
    """What is said of the rows as a whole."""
    notes = list(found.notes)
    for part in found.parts:
        notes += [f"{part.name}: {note}" for note in part.notes[1:]]
    if found.drawn:
        notes.append(
            f"the spec says no seed, so `fit` draws one; rows are held out here by seed {found.seed}, there by that one"
        )
    return notes


def _parts(found: Survey, width: int | None) -> list[str]:
    rows: list[Row] = [("part", "source", "rows", "used", "dropped", "filled", "prepared rows")]
    for part in found.parts:
        used = part.used
        where = f"{show_bytes(part.bytes)} {'on the disk' if part.on_disk else 'in memory'}"
        filled = f"{sum(used.filled.values()):,}"
        counts = f"{used.rows:,}", f"{used.kept:,}", f"{used.rows - used.kept:,}"
        rows.append((part.name, used.origin, *counts, filled, where))
    return _table(rows, frozenset({2, 3, 4, 5, 6}), width)


def _running(found: Survey, width: int | None) -> list[str]:
    """How much of a running text there is, and its most frequent tokens."""
    text = found.text
    if text is None:
        return []
    rows: list[Row] = [("part", text.by, "unknown", "windows")]
    for part in found.parts:
        counts = f"{text.tokens[part.name]:,}", percent(text.unknown[part.name]), f"{part.used.rows:,}"
        rows.append((part.name, *counts))
    total = max(1, text.tokens[found.parts[0].name])
    frequent: list[Row] = [("most frequent", "times", "share")]
    frequent += [(token_shown(token), f"{count:,}", percent(count / total)) for token, count in text.frequent]
    return [
        *_table(rows, frozenset({1, 2, 3}), width),
        "",
        *_table(frequent, frozenset({1, 2}), width),
    ]


def token_shown(token: str) -> str:
    """A token where it can be seen.

    >>> token_shown(" "), token_shown("\\n"), token_shown("the")
    ('space', 'end of line', 'the')
    """
    return {" ": "space", "\n": "end of line", "\t": "tab"}.get(token, token)


def _columns(found: Survey, width: int | None) -> list[str]:
    rows: list[Row] = [("column", "made into", "type", "missing", "different", "least", *QUANTILES, "most", "mean")]
    for name, parts in found.columns.items():
        column = next(iter(parts.values()))
        spread = column.spread if column.kind in ("number", "array") else None
        numbers: Row = ("",) * 8
        if spread is not None:
            numbers = tuple(number(n) for n in (spread.least, *spread.quantiles, spread.most, spread.mean))
        different = "" if column.kind in ("array", "list", "bytes") else more_than(column)
        users = ", ".join(found.users.get(name, ())) or "not used"
        rows.append((name, users, kind(column), f"{column.missing:,}", different, *numbers))
    rough = any(c.spread is not None and not c.spread.exact for parts in found.columns.values() for c in parts.values())
    said = "columns, over the training rows" + (", quantiles of a sample" if rough else "")
    return [said, *_table(rows, frozenset(range(3, 13)), width, _SPARE)]


def kind(column: Column) -> str:
    """What a column holds, in words."""
    if column.kind == "array":
        return f"{' × '.join(map(str, column.shape))} {column.dtype}"
    if column.kind == "number":
        return ("whole number" if column.whole else "number") if column.dtype == "text" else column.dtype
    if column.kind == "text" and column.odd and column.odd < column.there:
        return "text and numbers"
    return column.kind


def more_than(column: Column) -> str:
    """How many different values, where they were counted to the end."""
    return "very many" if column.distinct is None else f"{column.distinct:,}"


def _inputs(seen: Seen, width: int | None) -> list[str]:
    made = (
        f"{seen.kind} of {', '.join(f'`{name}`' for name in seen.columns[:8])}{', …' if len(seen.columns) > 8 else ''}"
    )
    known = f", {seen.known:,} known" if seen.known is not None else ""
    lines = _wrapped(printable(f"input {seen.name}: {shape(seen.shape)} {seen.dtype}, {made}{known}"), width)
    if seen.tokens:
        rows: list[Row] = [("part", "shortest", *QUANTILES, "longest", f"cut at {seen.length}", "unknown")]
        for part, tokens in seen.tokens.items():
            spread = tokens.lengths
            numbers = ("",) * 7 if spread is None else (spread.least, *spread.quantiles, spread.most)
            unknown = "" if tokens.unknown is None else percent(tokens.unknown)
            rows.append((part, *(number(n) if n != "" else "" for n in numbers), percent(tokens.cut), unknown))
        return lines + _table(rows, frozenset(range(1, 10)), width, _SPARE)
    rows = [("part", "least", "mean", "most")]
    for part, spread in seen.numbers.items():
        if spread is not None:
            mean = spread.mean if abs(spread.mean) > 1e-6 * spread.std else 0  # what is left of a mean taken away
            rows.append((part, *(number(n) for n in (spread.least, mean, spread.most))))
    return lines + (_table(rows, frozenset({1, 2, 3}), width) if len(rows) > 1 else [])


def _labels(labels: Labels, width: int | None) -> list[str]:
    title = f"output {labels.name}: {shape(labels.shape)}, {labels.form.replace('_', '-')} of "
    title += ", ".join(f"`{name}`" for name in labels.columns)
    if not labels.counts:
        rows: list[Row] = [("part", "least", "mean", "most", "deviation")]
        for part, spread in labels.numbers.items():
            if spread is not None:
                rows.append((part, *(number(n) for n in (spread.least, spread.mean, spread.most, spread.std))))
        return [title, *(_table(rows, frozenset({1, 2, 3, 4}), width) if len(rows) > 1 else [])]
    parts = list(labels.counts)
    rows = [("class", *(head for part in parts for head in (part, "")))]
    order: Sequence[int] = range(len(labels.classes))
    if len(order) > _CLASSES:
        order = sorted(order, key=lambda at: (-labels.counts[parts[0]][at], at))[:_CLASSES]
    for at in order:
        cells = [(f"{labels.counts[part][at]:,}", percent(labels.share(part, at))) for part in parts]
        rows.append((labels.classes[at], *(cell for pair in cells for cell in pair)))
    rest = [f"and {counted(len(labels.classes) - _CLASSES, 'class')} more"] if len(labels.classes) > _CLASSES else []
    return [title, *_table(rows, frozenset(range(1, 2 * len(parts) + 1)), width), *rest]


def _example(example: Example, width: int | None) -> list[str]:
    lines = [f"{printable(example.row)}"]
    wide = max((len(printable(name)) for name in example.cells), default=0)
    for name, cell in example.cells.items():
        line = f"  {printable(name).ljust(wide)}  {printable(cell)}"
        lines += _wrapped(line, width, " " * (wide + 4))
    for name, shown in (*example.inputs.items(), *example.targets.items()):
        lines.append(f"  → {name}  {array(shown)}")
    return lines


def array(shown: Shown) -> str:
    """An array in a line."""
    if len(shown.shape) > 1:
        return f"{' × '.join(map(str, shown.shape))} {shown.dtype} from {number(shown.least)} to {number(shown.most)}"
    numbers = " ".join(number(n) for n in shown.first)
    if shown.last:
        numbers += f" … {' '.join(number(n) for n in shown.last)}"
    return f"[{numbers}] {shown.dtype}" if shown.shape else f"{numbers} {shown.dtype}"


def shape(sizes: Sequence[int]) -> str:
    """A shape with the batch, as Keras writes it.

    >>> shape((100,)), shape(())
    ('(batch, 100)', '(batch,)')
    """
    return f"(batch, {', '.join(map(str, sizes))})" if sizes else "(batch,)"


def percent(share: float) -> str:
    """A share as people write it; what is there never rounds to nothing.

    >>> percent(0.2531), percent(0.00001), percent(0.0)
    ('25.3 %', '<0.1 %', '0.0 %')
    """
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def number(value: Any) -> str:
    """A number in few digits."""
    if isinstance(value, str):
        return value
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:.4g}"


def _table(rows: Sequence[Row], right: frozenset[int], width: int | None, spare: Sequence[str] = ()) -> list[str]:
    """Columns in line, without those that are empty; of `spare` the first ones go where `width` has no room for all."""
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    shown = [tuple(_cut(printable(cell)) for cell in row) for row in rows]
    lines: list[str] = []
    for gone in range(len(spare) + 1):
        there = [at for at in kept if rows[0][at] not in spare[:gone]]
        aligned = frozenset(at for at, column in enumerate(there) if column in right)
        cells = [tuple(row[at] for at in there) for row in shown]
        whole = frozenset(at for at, column in enumerate(there) if column != 1)  # the second one may be cut
        lines = table(cells, aligned, None if width is None else width - 2, whole)
        if width is None or max(map(len, lines)) <= width - 2:
            break
    return [f"  {line}" for line in lines]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL else cell[: _CELL - 1] + "…"


def _wrapped(line: str, width: int | None, indent: str = "  ") -> list[str]:
    if width is None or len(line) <= width:
        return [line]
    return textwrap.wrap(line, max(width, 40), subsequent_indent=indent, drop_whitespace=True) or [line]


def as_json(found: Survey, concerns: Sequence[str]) -> str:
    """The same for scripts; a number that is not finite is null."""
    report = {
        "format_version": FORMAT_VERSION,
        "name": found.name,
        "seed": found.seed,
        "seed_drawn": found.drawn,
        "parts": {part.name: _part_json(part) for part in found.parts},
        "columns": {name: _column_json(name, parts, found) for name, parts in found.columns.items()},
        "inputs": {seen.name: _input_json(seen) for seen in found.inputs},
        "outputs": {labels.name: _labels_json(labels) for labels in found.labels},
        "examples": [_example_json(each) for each in found.examples],
        "text": _running_json(found),
        "notes": notes_of(found),
        "warnings": list(concerns),
    }
    return json.dumps(finite(report), indent=1, ensure_ascii=False, allow_nan=False)


def _running_json(found: Survey) -> dict[str, Any] | None:
    text = found.text
    if text is None:
        return None
    parts = {name: {"tokens": count, "unknown": text.unknown[name]} for name, count in text.tokens.items()}
    return {"by": text.by, "most_frequent": dict(text.frequent), "parts": parts}


def _part_json(part: Any) -> dict[str, Any]:
    used = part.used
    return {
        "source": used.origin,
        "rows": used.rows,
        "used": used.kept,
        "dropped": {"no_label": used.unlabelled, "no_number": dict(used.dropped), "no_image": used.unread},
        "masked": dict(used.lacking),
        "masked_singly": dict(used.masked),
        "filled": {column: {"with": by, "count": count} for (column, by), count in used.filled.items()},
        "bytes": part.bytes,
        "kept": "disk" if part.on_disk else "memory",
    }


def _column_json(name: str, parts: Mapping[str, Column], found: Survey) -> dict[str, Any]:
    column = next(iter(parts.values()))
    said: dict[str, Any] = {"type": column.kind, "dtype": column.dtype, "shape": list(column.shape)}
    said["used_by"] = list(found.users.get(name, ()))
    said["parts"] = {part: _profile_json(each) for part, each in parts.items()}
    return said


def _profile_json(column: Column) -> dict[str, Any]:
    counts = column.counts
    top = None
    if counts is not None:
        top = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_VALUES])
    what = {"number": "numbers", "array": "numbers", "list": "lengths"}.get(column.kind, "lengths")
    return {
        "rows": column.rows,
        "missing": column.missing,
        "different": column.distinct,
        "most_frequent": top,
        "no_number": column.odd,
        what: _spread_json(column.spread),
    }


def _spread_json(spread: Spread | None) -> dict[str, Any] | None:
    if spread is None:
        return None
    quantiles = dict(zip(("0.05", "0.25", "0.5", "0.75", "0.95"), spread.quantiles, strict=True))
    return {
        "count": spread.count,
        "least": spread.least,
        "mean": spread.mean,
        "std": spread.std,
        "most": spread.most,
        "quantiles": quantiles,
        "exact": spread.exact,
        "histogram": list(spread.bars),
    }


def _input_json(seen: Seen) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kind": seen.kind,
        "columns": list(seen.columns),
        "shape": [None, *seen.shape],
        "dtype": seen.dtype,
        "numbers": {part: _spread_json(spread) for part, spread in seen.numbers.items()},
    }
    if seen.length is not None:
        said |= {"length": seen.length, "known": seen.known}
    if seen.tokens:
        said["tokens"] = {
            part: {"lengths": _spread_json(each.lengths), "cut": each.cut, "unknown": each.unknown}
            for part, each in seen.tokens.items()
        }
    return said


def _labels_json(labels: Labels) -> dict[str, Any]:
    said: dict[str, Any] = {"columns": list(labels.columns), "form": labels.form, "shape": [None, *labels.shape]}
    said["several"] = labels.several
    said["classes"] = list(labels.classes)
    said["rows"] = dict(labels.rows)
    said["counts"] = {part: list(counts) for part, counts in labels.counts.items()}
    said["numbers"] = {part: _spread_json(spread) for part, spread in labels.numbers.items()}
    return said


def _example_json(example: Example) -> dict[str, Any]:
    def plain(shown: Shown) -> dict[str, Any]:
        return {
            "shape": list(shown.shape),
            "dtype": shown.dtype,
            "first": list(shown.first),
            "last": list(shown.last),
            "least": shown.least,
            "most": shown.most,
        }

    return {
        "row": example.row,
        "cells": dict(example.cells),
        "inputs": {name: plain(shown) for name, shown in example.inputs.items()},
        "targets": {name: plain(shown) for name, shown in example.targets.items()},
    }
