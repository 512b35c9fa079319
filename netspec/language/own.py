"""The form in which a spec names a user's own Python, `{python: module:name, with: {…}}`; nothing is looked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.nearest import nearest, rename
from netspec.catalog.values import LARGEST, describe
from netspec.diagnostics import Path, Report, printable
from netspec.language.spec import Own

KINDS = ("layer", "cell", "loss", "metric", "schedule", "callback")  # of objects that may be a user's own
KEYS = ("python", "with")
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
NAME = rf"(?!{re.escape(OPS)})(?!.*\.py:){_WORD}(\.{_WORD})*:{_WORD}"  # as a pattern, for a JSON Schema too
ARGUMENT = _WORD
_FILE = re.compile(rf"(?:\./)?((?:{_WORD}/)*{_WORD})\.py:({_WORD})")
_DOTTED = re.compile(rf"({_WORD}(?:\.{_WORD})*)\.({_WORD})")
_MOST_AXES = 254


def keys_of(kind: str) -> tuple[str, ...]:
    """The keys that an object of the kind has."""
    return (*KEYS, "shape") if kind == "layer" else KEYS


def own(raw: Mapping[str, Any], path: Path, kind: str, report: Report, beside: tuple[str, ...] = ()) -> Own | None:
    """The user's own object that a mapping with the key `python` names; None where something is wrong (reported).

    `beside` are keys that belong to what holds it, such as those of a step.
    """
    before = report.mark()
    known = keys_of(kind)
    for key in raw:
        if key not in known and key not in beside:
            _unknown(key, raw, path, kind, (*known, *beside), report)
    name = _name(raw["python"], (*path, "python"), report)
    args = _arguments(raw.get("with"), (*path, "with"), kind, report)
    shape = None
    if kind == "layer" and raw.get("shape") is not None:
        shape = _shape(raw["shape"], (*path, "shape"), report)
    if name is None or report.mark() > before:
        return None
    return Own(kind, name, args, path, shape)


def _unknown(key: Any, raw: Mapping[str, Any], path: Path, kind: str, known: Sequence[str], report: Report) -> None:
    known = [each for each in known if each not in raw]
    close = nearest(key, known) if isinstance(key, str) else None
    cure = (
        f"did you mean `{close}`?"
        if close
        else f"its arguments stand under `with`: `with: {{{printable(str(key)[:40])}: …}}`"
    )
    if kind == "loss" and key == "weight":
        cure = f"write `{{loss: {{python: {describe(raw['python'])}}}, weight: {describe(raw[key])}}}`"
    said = f"a {kind} of your own has no key `{printable(str(key)[:80])}`"
    report.add("NS201", (*path, key), said, key=True, help=cure, fix=rename(key, known) if close else None)


def _name(raw: Any, path: Path, report: Report) -> str | None:
    if isinstance(raw, str) and re.fullmatch(NAME, raw):
        return raw
    cure: str | None = "for example `python: my_layers:Gate`, the class `Gate` of my_layers.py beside the spec"
    said = f"`python` names a module and what it holds, as `module:name`, got `{describe(raw)}`"
    if isinstance(raw, str) and re.fullmatch(NAME, raw.removeprefix(OPS)):
        said, cure = "a module of your own cannot be called `ops`, as operations are", "give it another name"
    elif isinstance(raw, str) and (found := _FILE.fullmatch(raw)):
        cure = f"write `{found[1].replace('/', '.')}:{found[2]}`"
    elif isinstance(raw, str) and (found := _DOTTED.fullmatch(raw)) and found[2] != "py":
        cure = f"write `{found[1]}:{found[2]}`"
    report.add("NS315", path, said, help=cure)
    return None


def _arguments(raw: Any, path: Path, kind: str, report: Report) -> Mapping[str, Any]:
    """What stands under `with`: arguments by name, as plain values."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        said = f"`with` is a mapping from arguments to values, got `{describe(raw)}`"
        report.add("NS202", path, said, help="for example `with: {units: 8}`")
        return {}
    for key in raw:
        if not isinstance(key, str) or not re.fullmatch(ARGUMENT, key):
            said = f"`{printable(str(key)[:80])}` cannot be the name of an argument"
            report.add("NS315", (*path, key), said, key=True, help="letters, digits and `_`, as Python writes it")
        elif key == "name" and kind == "layer":
            cure = "write `name` beside the layer, not inside it"
            report.add("NS205", (*path, key), "`name` is not an argument here", key=True, help=cure)
    if kind == "metric" and not isinstance(raw.get("name", ""), str):
        report.add("NS209", (*path, "name"), f"expected a name, got `{describe(raw['name'])}`")
    return raw


def _shape(raw: Any, path: Path, report: Report) -> tuple[tuple[int | None, ...], ...] | None:
    """The shapes of all outputs: one is a list of sizes, several are a list of such lists."""
    if isinstance(raw, list) and raw and all(isinstance(each, list) for each in raw):
        several = [_sizes(each, (*path, at), report) for at, each in enumerate(raw)]
        found = tuple(each for each in several if each is not None)
        return found if len(found) == len(several) else None
    one = _sizes(raw, path, report)
    return None if one is None else (one,)


def _sizes(raw: Any, path: Path, report: Report) -> tuple[int | None, ...] | None:
    sound = isinstance(raw, list) and len(raw) < _MOST_AXES
    for each in raw if sound else ():
        whole = isinstance(each, int) and not isinstance(each, bool) and 1 <= each <= LARGEST
        sound = sound and (each is None or whole)
    if sound:
        return tuple(raw)
    said = f"`shape` is a list of sizes above 0, `null` for a free one, without the batch, got `{describe(raw)}`"
    report.add("NS202", path, said, help="for example `shape: [8]`")
    return None
