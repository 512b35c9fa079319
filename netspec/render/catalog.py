"""The catalogue as text for people and as JSON for scripts: lists of objects, a page on each, counts and coverage."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netspec import catalog
from netspec.catalog import KINDS, Entry, Param, find, samples, words
from netspec.catalog.arguments import meaning
from netspec.catalog.installed import other
from netspec.catalog.samples import Answer
from netspec.catalog.types import CALL_TENSORS, Shape, TensorType, Unknown
from netspec.diagnostics import counted
from netspec.render.summary import table

FORMAT_VERSION = "1.0"
_WIDTH, _NARROWEST = 100, 40
_BOLD, _OFF = "\x1b[1m", "\x1b[0m"
_KNOWN = {"yes": "known", "partly": "known in part", "no": "not known before Keras builds it"}


def listing(kind: str, verb: str, width: int | None = None) -> str:
    """Every object of a kind with its line, in the groups of Keras's documentation; `width` cuts lines."""
    found = _grouped(catalog.names(kind), kind)
    longest = max(len(entry.name) for entries in found.values() for entry in entries)
    lines: list[str] = []
    for family, entries in found.items():
        lines += ["", family] if lines else [family]
        lines += [_cut(f"  {entry.name:<{longest}}  {words.about(entry)}".rstrip(), width) for entry in entries]
    out = [entry.name for entry in _excluded(kind)]
    if out:
        names = textwrap.fill(f"cannot be used: {', '.join(out)}", _columns(width), break_on_hyphens=False)
        lines += ["", names, f"`netspec {verb} {out[0]}` says why"]
    example = next(iter(found.values()))[0].name
    return "\n".join((*lines, "", f"`netspec {verb} {example}` shows the arguments of one"))


def listing_json(kind: str) -> str:
    """The same for scripts, excluded ones included."""
    usable = [entry for name in catalog.names(kind) if (entry := find(kind, name)) is not None]
    return _dump({"kind": kind, "entries": [_brief(entry) for entry in (*usable, *_excluded(kind))]})


def page(entry: Entry, answer: Answer | None, *, color: bool = False, width: int | None = None) -> str:
    """All that can be said about one object: arguments, what they accept, other names, an example, Keras's page."""
    columns = _columns(width)
    name = f"{_BOLD}{entry.name}{_OFF}" if color else entry.name
    said = f": {words.about(entry)}" if words.about(entry) else ""
    lines = [name + _wrapped(said, columns, len(entry.name))[len(entry.name) :]]
    if entry.aliases:
        lines.append(_wrapped(f"also: {', '.join(entry.aliases)}", columns))
    if entry.excluded:
        return "\n".join([*lines, "", _wrapped(f"cannot be used: {entry.excluded}", columns), "", words.link(entry)])
    writable = [param for param in entry.params if _writable(entry, param)]
    own = [param for param in writable if not param.keyword]
    named = [param for param in writable if param.keyword]
    tensors = _tensors(entry)
    parts = [
        ("tensors, under `from`", [_row(entry, param, False) for param in tensors]),
        ("arguments", [_row(entry, param, True) for param in own if param not in tensors]),
        ("arguments by name only", [_row(entry, param, True) for param in named]),
        ("under `call`", [_row(entry, param, False) for param in _plain_calls(entry)]),
    ]
    longest = max((len(row[0]) for _, rows in parts for row in rows), default=0)
    for title, rows in parts:
        if rows:
            lines += ["", title, *(line for row in rows for line in _argument(row, longest, columns))]
    if not any(rows for _, rows in parts):
        lines += ["", "takes no arguments"]
    lines += ["", "for example", textwrap.indent(samples.spec(entry).rstrip(), "  ")]
    if answer is not None:
        lines += ["", _wrapped(f"output {_KNOWN[answer.known]}" + _example(answer), columns)]
    return "\n".join([*lines, "", words.link(entry)])


def pages_json(pages: Iterable[tuple[Entry, Answer | None]]) -> str:
    """The same for scripts."""
    entries = []
    for entry, answer in pages:
        full = _brief(entry)
        if not entry.excluded:
            full["arguments"] = [
                _argument_json(entry, param, True) for param in entry.params if _writable(entry, param)
            ]
            calls = [*_tensors(entry), *_plain_calls(entry)] if entry.kind == "layer" else _tensors(entry)
            full["call"] = [_argument_json(entry, param, False) for param in calls]
            full["example"] = samples.spec(entry)
            full["output"] = None if answer is None else _answer_json(answer)
        entries.append(full)
    return _dump({"entries": entries})


def counts(verbs: Mapping[str, tuple[str, ...]], installed: str | None) -> str:
    """How much of each kind there is, and whether the Keras that is installed is the one that is described."""
    rows = [("kind", "usable", "excluded", "listed by")]
    for verb, (kind, *_) in verbs.items():
        rows.append((kind, str(len(catalog.names(kind))), str(len(_excluded(kind))), f"netspec {verb}"))
    head = f"Keras {catalog.KERAS_VERSION}, known without importing it"
    note = "Keras is not installed here; checking needs none, training does" if installed is None else other(installed)
    return "\n".join(filter(None, (head, note, "", *table(rows, right=frozenset({1, 2})))))


def counts_json(installed: str | None) -> str:
    """The same for scripts."""
    kinds = {kind: {"usable": len(catalog.names(kind)), "excluded": len(_excluded(kind))} for kind in KINDS}
    return _dump({"keras_version": catalog.KERAS_VERSION, "installed": installed, "kinds": kinds})


def coverage(answers: Iterable[Answer], width: int | None = None) -> str:
    """For every layer and operation what its sample gives, totals, and what is left out, with the reasons."""
    lines = []
    totals = []
    for kind, found in _by_kind(answers).items():
        plural = {"layer": "layers", "op": "operations"}[kind]
        rows = [(_mark(each), each.entry.name, _example(each).lstrip(",: ")) for each in found]
        lines += [plural, *(_cut("  " + line, width) for line in table(rows)), ""]
        known = sum(each.known == "yes" for each in found)
        partly = sum(each.known == "partly" for each in found)
        more = f", {partly} in part" if partly else ""
        totals.append(f"{plural}: {known} of {len(found)} known ({100 * known / len(found):.1f} %){more}")
        out = _excluded(kind)
        if out:
            lines += [f"{plural} that no spec can use"]
            lines += [_cut("  " + line, width) for line in table([(each.name, str(each.excluded)) for each in out])]
            lines.append("")
    return "\n".join((*lines, *totals))


def coverage_json(answers: Iterable[Answer]) -> str:
    """The same for scripts."""
    report: dict[str, Any] = {"keras_version": catalog.KERAS_VERSION}
    for kind, found in _by_kind(answers).items():
        known = sum(each.known == "yes" for each in found)
        report[kind] = {
            "usable": len(found),
            "known": known,
            "partly": sum(each.known == "partly" for each in found),
            "percent": round(100 * known / len(found), 1),
            "entries": [{"name": each.entry.name, **_answer_json(each)} for each in found],
            "excluded": {each.name: each.excluded for each in _excluded(kind)},
        }
    return _dump(report)


def _grouped(names: Sequence[str], kind: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    entries = {name: entry for name in names if (entry := find(kind, name)) is not None}
    for name in words.ordered(kind):
        if name in entries:
            found.setdefault(words.group(entries[name]), []).append(entries[name])
    return found


def _excluded(kind: str) -> list[Entry]:
    """What Keras has and no spec can use: its classes, and operations, but no function that stands for a layer."""
    entries = [entry for name in catalog.excluded(kind) if (entry := find(kind, name)) is not None]
    return [entry for entry in entries if entry.form != "function" or kind != "layer"]


def _writable(entry: Entry, param: Param) -> bool:
    """Whether the argument means something in a spec: only metrics and, beside them, layers have names there."""
    return param.name != "name" or entry.kind in ("layer", "metric")


def _tensors(entry: Entry) -> list[Param]:
    """The arguments that a step's `from` feeds."""
    if entry.kind == "op":
        return [entry.param(param.name) or param for param in entry.call]
    if entry.kind != "layer":
        return []
    return [param for at, param in enumerate(entry.call) if at == 0 or param.name in CALL_TENSORS]


def _plain_calls(entry: Entry) -> list[Param]:
    if entry.kind != "layer":
        return []
    return [param for param in entry.call if param not in _tensors(entry)]


def _row(entry: Entry, param: Param, constructor: bool) -> tuple[str, str, str]:
    """Name, default and what is accepted, and the line on it."""
    line = words.parameter(entry, param.name)
    if not constructor:
        return param.name, "", line
    state = "required" if param.required else f"default {samples.flow(param.default)}"
    return param.name, f"{state}; {meaning(entry, param.name).expects}", line


def _argument(row: tuple[str, str, str], longest: int, columns: int) -> list[str]:
    """A name, and beside it (below it where there is little room) what it accepts and what it is."""
    name, *said = row
    beside = columns >= 2 * _NARROWEST or longest < columns // 3
    indent = longest + 4 if beside else 6
    lines = [line for part in said if part for line in textwrap.wrap(part, max(columns - indent, 20))]
    if beside:
        first, *rest = lines
        return [f"  {name:<{longest}}  {first}", *(" " * indent + line for line in rest)]
    return [f"  {name}", *(" " * indent + line for line in lines)]


def _example(answer: Answer) -> str:
    """`: (batch, 8) → (batch, 64), 576 weights`."""
    if answer.known == "no":
        return ""
    inputs, outputs = (", ".join(str(each) for each in side) for side in (answer.inputs, answer.outputs))
    dtypes = {each.dtype for each in answer.outputs} - {"float32"}
    said = f": {inputs} → {outputs}"
    if dtypes:
        said += " " + "/".join(sorted("unknown dtype" if isinstance(each, Unknown) else each for each in dtypes))
    numbers = (answer.weights.trainable, answer.weights.non_trainable)
    if any(isinstance(each, Unknown) for each in numbers):
        return f"{said}, weights unknown"
    count = sum(each for each in numbers if isinstance(each, int))
    return f"{said}, {counted(count, 'weight')}" if count else said


def _mark(answer: Answer) -> str:
    return {"yes": "known", "partly": "in part", "no": "unknown"}[answer.known]


def _by_kind(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for each in answers:
        found.setdefault(each.entry.kind, []).append(each)
    return found


def _brief(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "about": words.about(entry),
        "group": words.group(entry),
        "aliases": list(entry.aliases),
        "excluded": entry.excluded,
        "link": words.link(entry),
    }


def _argument_json(entry: Entry, param: Param, constructor: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": param.name, "required": param.required, "default": param.default}
    if constructor:
        made |= {"keyword": param.keyword, "expects": meaning(entry, param.name).expects}
    return {**made, "about": words.parameter(entry, param.name)}


def _answer_json(answer: Answer) -> dict[str, Any]:
    def tensor(each: TensorType) -> dict[str, Any]:
        return {"shape": _shape(each.shape), "dtype": "unknown" if isinstance(each.dtype, Unknown) else each.dtype}

    def number(count: int | Unknown) -> int | str:
        return "unknown" if isinstance(count, Unknown) else count

    return {
        "known": answer.known,
        "inputs": [tensor(each) for each in answer.inputs],
        "outputs": [tensor(each) for each in answer.outputs],
        "trainable": number(answer.weights.trainable),
        "non_trainable": number(answer.weights.non_trainable),
    }


def _shape(shape: Shape) -> list[int | str | None] | str:
    if isinstance(shape, Unknown):
        return "unknown"
    return ["unknown" if isinstance(dim, Unknown) else dim for dim in shape]


def _columns(width: int | None) -> int:
    return min(width or _WIDTH, _WIDTH)


def _wrapped(text: str, columns: int, indent: int = 0) -> str:
    return textwrap.fill(
        text,
        columns,
        initial_indent=" " * indent,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def _dump(report: Mapping[str, Any]) -> str:
    return json.dumps({"format_version": FORMAT_VERSION, **report}, ensure_ascii=True, allow_nan=False, indent=2) + "\n"
