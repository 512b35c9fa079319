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
_ROOMS = ("image", "linalg", "nn", "numpy")  # of keras.ops
_FILES = frozenset(("train", "test", "validation"))  # under `data`: relative to the current folder when given by --set
_KINDS = frozenset(("csv", "tsv", "jsonl", "parquet", "arrow", "text", "images", "npz"))


class OverrideError(ValueError):
    """An override that names nothing; the message says what would be there."""


def apply(document: Document, settings: Sequence[str], report: Report) -> Document:
    """The document with every setting laid over it, in order; a setting that names nothing is reported (NS211)."""
    data: Any = document.data
    places: dict[Path, Place] = {}
    for text in settings:
        name, equals, value_text = text.partition("=")
        value_at = Place(SHOWN, 1, len(name) + 2, 1, max(len(text), len(name) + 2) + 1, text)
        name_at = Place(SHOWN, 1, 1, 1, max(len(name), 1) + 1, text)
        if not equals or not name.strip():
            cure = "for example `--set fit.epochs=3`"
            report.add_at("NS211", name_at, f"expected NAME=VALUE, got `{text[:80]}`", help=cure)
            continue
        try:
            value = parse_value(value_text)
        except ValueError as error:
            report.add_at("NS211", value_at, str(error))
            continue
        try:
            data, path, made = _laid(data, _path_of(name), value)
        except OverrideError as error:
            report.add_at("NS211", name_at, str(error))
            continue
        places = {at: place for at, place in places.items() if at[: len(path)] != path}
        places.update({path[:length]: value_at for length in range(made, len(path) + 1)})
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
    for at in range(2, len(parts) - 1):
        if parts[at] == "ops" and parts[at - 2] == "layers":  # the name of an operation has dots of its own
            end = at + (3 if parts[at + 1] in _ROOMS else 2)
            return [*parts[:at], ".".join(map(str, parts[at:end])), *parts[end:]]
    return parts


def _laid(data: Any, parts: list[str | int], value: Any) -> tuple[Any, Path, int]:
    """`data` with `value` at the path that `parts` name, copying only the containers on the way.

    Returns the path as well, and how long the shortest part of it is that was not there before.
    """
    top: list[Any] = [data]
    node: Any = top
    key: Any = 0
    path: list[str | int] = []
    made = len(parts)
    for part in parts:
        missing = isinstance(node, dict) and key not in node
        if missing and path:
            made = min(made, len(path))
        child = _expanded(None if missing else node[key], path, part).copy()
        node[key] = child
        node, key = child, _key(child, part, path)
        path.append(key)
    if parts[0] == "vars" and len(parts) > 1 and not isinstance(node, list) and key not in node:
        close = nearest(str(key), node)
        cure = (
            f"did you mean `{close}`?"
            if close
            else "the spec declares " + (", ".join(f"`{n}`" for n in node) or "none")
        )
        raise OverrideError(f"no variable is named `{key}`; {cure}")
    node[key] = _from_here(value, path)
    return top[0], tuple(path), made


def _expanded(child: Any, path: list[str | int], part: str | int) -> Any:
    """A value that is about to be entered: a shorthand is written out as the mapping that it stands for."""
    if child is None:
        return {}
    section = path[0] if path else None
    if isinstance(child, dict) or (isinstance(child, list) and isinstance(part, int)):
        return child
    if section in ("inputs", "data") and len(path) > 1 and isinstance(part, str):
        found = _data_shorthand(child, path)
        if found is not None:
            return found
    if isinstance(child, list):
        return child
    name = str(path[-1]) if path else ""
    if path == ["fit", "weights"] and isinstance(child, str):
        return {"run": child}
    if section == "losses" and part in ("loss", "weight"):
        return {"loss": child}
    if isinstance(child, str) and part == child and catalog.find_step(child) is not None:
        return {child: None}
    if section == "optimizers" and len(path) == 2 and isinstance(child, int | float):
        return {"learning_rate": child}
    if path == ["optimizer"] and isinstance(child, str):
        return _optimizer(child, part)
    operation = catalog.find("op", name) if name.startswith(catalog.OPS) else None
    if operation is not None:
        tensors = [param.name for param in operation.call]
        plain = [param.name for param in operation.params if param.name not in tensors] + tensors[1:]
        if plain:
            return {plain[0]: child}
    for kind in ("layer", "optimizer", "loss", "metric"):
        entry = catalog.find(kind, name)
        if entry is not None and entry.first is not None:
            return {entry.first.name: child}
    raise OverrideError(f"`{_shown(path)}` is a single value, so nothing stands below it")


def _data_shorthand(child: Any, path: list[str | int]) -> dict[str, Any] | None:
    """An input by its shape alone, a source by its file name, a feature by its columns, validation by its fraction."""
    if path[0] == "inputs":
        return {"shape": child} if isinstance(child, list) else None
    where = path[1]
    if where in ("features", "targets") and len(path) == 3:
        return {"columns" if isinstance(child, list) else "column": child}
    if where == "features" and len(path) == 4:
        if path[3] == "bucket" and not isinstance(child, bool):
            return {"boundaries" if isinstance(child, list) else "quantiles": child}
        if path[3] == "date" and isinstance(child, list):
            return {"parts": child}
        if path[3] in ("category", "image", "array") and child is True:
            return {}
    if where == "targets" and len(path) == 4 and path[3] in ("multi_label", "sequence") and child is True:
        return {}
    if len(path) == 2 and where in _FILES and isinstance(child, str):
        return {FilePath(child).suffix.lstrip(".").lower(): child}
    if len(path) == 2 and where in ("validation", "test") and isinstance(child, int | float):
        return {"fraction": child}
    return None


def _optimizer(child: str, part: str | int) -> dict[str | int, Any]:
    """An optimizer by its name alone, entered by that name."""
    entry = catalog.find("optimizer", child)
    if entry is not None and part in (child, entry.name):
        return {part: None}
    name = entry.name if entry else "Adam"
    if catalog.find("optimizer", str(part)) is not None:
        raise OverrideError(f"`optimizer` is `{child}`; `optimizer={{{part}: {{…}}}}` makes it another one")
    raise OverrideError(f"`optimizer` is `{child}`, so its arguments are set as in `optimizer.{name}.{part}=…`")


def _key(node: Any, part: str | int, path: list[str | int]) -> Any:
    """The key or index that `part` means in `node`; a step is found by its name."""
    shown = _shown(path) or "the spec"
    if isinstance(node, dict):
        if isinstance(part, int):
            raise OverrideError(f"`{shown}` is a mapping, so [{part}] names nothing in it")
        if path[-2:-1] == ["layers"] and part not in node:
            _check_step_key(node, part, shown)
        return part
    if isinstance(part, int):
        if part >= len(node):
            has = "1 entry" if len(node) == 1 else f"{len(node)} entries"
            raise OverrideError(f"`{shown}` has {has}, counted from 0; there is no [{part}]")
        return part
    named = {
        step["name"]: at for at, step in enumerate(node) if isinstance(step, dict) and isinstance(step.get("name"), str)
    }
    if part in named:
        return named[part]
    if path[-1:] != ["layers"]:
        raise OverrideError(f"`{shown}` is a list, so its entries are numbered, as in `{shown}[0]`")
    close = nearest(part, named)
    names = ", ".join(f"`{name}`" for name in list(named)[:8])
    cure = f"did you mean `{close}`?" if close else f"those with a name are {names}" if names else f"as in `{shown}[0]`"
    raise OverrideError(f"no step of `{shown}` is named `{part}`; {cure}")


def _check_step_key(step: dict[str, Any], part: str, shown: str) -> None:
    """An argument that was set on the step, not on the layer in it."""
    for cls in step:
        entry = catalog.find_step(cls)
        if entry is not None and entry.param(part) is not None and part not in ("name",):
            raise OverrideError(f"`{part}` is an argument of the layer, so it is set as `{shown}.{cls}.{part}=…`")


def _shown(path: list[str | int]) -> str:
    """A path as it is written."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _from_here(value: Any, path: list[str | int]) -> Any:
    """File names given on the command line are relative to the current folder, not to the spec."""
    if path in (["fit", "weights"], ["fit", "weights", "run"]) and isinstance(value, str):
        return str(FilePath(value).absolute())
    if path == ["fit", "weights"] and isinstance(value, dict):
        return {key: _from_here(item, [*path, key]) for key, item in value.items()}
    if path[:1] != ["data"]:
        return value
    if isinstance(value, dict):
        return {key: _from_here(item, [*path, key]) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_here(item, path) for item in value]
    path = [part for part in path if not isinstance(part, int)]
    if not isinstance(value, str) or len(path) < 2:
        return value
    if path[1] == "features" and path[-2:-1] == ["text"] and path[-1] in ("vocabulary", "file"):
        return str(FilePath(value).absolute())
    if path[1] not in _FILES:
        return value
    if len(path) == 2 or path[-1] in (*_KINDS, "source") or "npy" in path:
        return str(FilePath(value).absolute())
    return value
