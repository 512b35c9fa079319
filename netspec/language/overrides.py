"""`--set a.b=c`: values laid over a document before it is checked, each with its own place in messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from netspec import catalog
from netspec.catalog.nearest import nearest
from netspec.diagnostics import Path, Place, Report
from netspec.language.source import Document, parse_value

SHOWN = "--set"  # what messages name in place of a file
_PART = re.compile(r"([^.\[\]=]+)|\[(\d+)\]")
_FILES = frozenset(("train", "test", "validation"))  # under `data`: relative to the current folder when given by --set
_KINDS = frozenset(("csv", "tsv", "npz"))


class OverrideError(ValueError):
    """An override that names nothing; the message says what would be there."""


def apply(document: Document, settings: Sequence[str], report: Report) -> Document:
    """The document with every setting laid over it, in order; a setting that names nothing is reported (NS211)."""
    data, places = document.data, {}
    for text in settings:
        name, equals, value_text = text.partition("=")
        value_at = Place(SHOWN, 1, len(name) + 2, 1, max(len(text), len(name) + 2) + 1, text)
        name_at = Place(SHOWN, 1, 1, 1, max(len(name), 1) + 1, text)
        if not equals or not name.strip():
            report.add_at("NS211", name_at, f"expected NAME=VALUE, got `{text}`", help="for example --set fit.epochs=3")
            continue
        try:
            value = parse_value(value_text)
        except ValueError as error:
            report.add_at("NS211", value_at, str(error))
            continue
        try:
            data, path = _laid(data, _path_of(name), value)
        except OverrideError as error:
            report.add_at("NS211", name_at, str(error))
            continue
        places[path] = value_at
    return document.with_overrides(data, places) if places else document


def _path_of(name: str) -> list[str | int]:
    """`layers[2].Dense.units` as ["layers", 2, "Dense", "units"]."""
    parts: list[str | int] = []
    at = 0
    while at < len(name):
        if parts and name[at] == ".":
            at += 1
        found = _PART.match(name, at)
        if found is None:
            raise OverrideError(f"`{name}` is not a path such as fit.epochs or layers[2].Dense.units")
        parts.append(int(found[2]) if found[2] is not None else found[1])
        at = found.end()
    return parts


def _laid(data: Any, parts: list[str | int], value: Any) -> tuple[Any, Path]:
    """`data` with `value` at the path that `parts` name, copying only the containers on the way."""
    top: list[Any] = [data]
    node: Any = top
    key: Any = 0
    path: list[str | int] = []
    for part in parts:
        child = node.get(key) if isinstance(node, dict) else node[key]
        child = _expanded(child, path, part)
        child = child.copy()
        node[key] = child
        node, key = child, _key(child, part, path)
        path.append(key)
    if parts[0] == "vars" and len(parts) > 1 and not isinstance(node, list) and key not in node:
        close = nearest(str(key), node)
        raise OverrideError(f"no variable is named `{key}`" + (f"; did you mean `{close}`?" if close else ""))
    node[key] = _from_here(value, path)
    return top[0], tuple(path)


def _expanded(child: Any, path: list[str | int], part: str | int) -> Any:
    """A value that is about to be entered: a shorthand is written out as the mapping that it stands for."""
    if isinstance(child, dict | list):
        return child
    if child is None:
        return {}
    name = str(path[-1]) if path else ""
    if path and path[0] == "losses" and part in ("loss", "weight"):
        return {"loss": child}
    if isinstance(child, str) and (entry := catalog.find("layer", child)) is not None and part == child:
        return {child: None} if entry else child
    if path[:1] == ["optimizer"] and isinstance(child, str):
        entry = catalog.find("optimizer", child)
        if entry is not None and part in (child, entry.name):
            return {part: None}
        raise OverrideError(f"`optimizer` is `{child}`, so write optimizer={{{entry.name if entry else 'Adam'}: {{…}}}}")
    for kind in ("layer", "optimizer", "loss", "metric"):
        entry = catalog.find(kind, name)
        if entry is not None and entry.first is not None:
            return {entry.first.name: child}
    raise OverrideError(f"`{'.'.join(map(str, path))}` is a single value, so nothing stands below it")


def _key(node: Any, part: str | int, path: list[str | int]) -> Any:
    """The key or index that `part` means in `node`; a step is found by its name."""
    shown = ".".join(map(str, path)) or "the spec"
    if isinstance(node, dict):
        if isinstance(part, int):
            raise OverrideError(f"`{shown}` is a mapping, so [{part}] names nothing in it")
        return part
    if isinstance(part, int):
        if part >= len(node):
            raise OverrideError(f"`{shown}` has {len(node)} entries, counted from 0; there is no [{part}]")
        return part
    named = {step["name"]: at for at, step in enumerate(node) if isinstance(step, dict) and isinstance(step.get("name"), str)}
    if part in named:
        return named[part]
    close = nearest(part, named)
    raise OverrideError(f"no step of `{shown}` is named `{part}`" + (f"; did you mean `{close}`?" if close else ""))


def _from_here(value: Any, path: list[str | int]) -> Any:
    """File names given on the command line are relative to the current folder, not to the spec."""
    if path[:1] != ["data"] or not isinstance(value, str) or len(path) < 2 or path[1] not in _FILES:
        return value
    if len(path) == 2 or path[-1] in _KINDS or "npy" in path:
        return str(FilePath(value).absolute())
    return value
