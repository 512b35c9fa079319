"""First weights from another run: step by step by their names, and a line on every step about what became of it.

Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras

from netspec.runtime.run.runs import RunError

LOADED, SKIPPED, UNUSED = "loaded", "skipped", "not used"


@dataclass(frozen=True)
class Begun:
    """What became of a step's weights: of the step `name` here and `there` (None where there is none)."""

    name: str | None
    there: str | None
    what: str
    why: str = ""

    @property
    def said(self) -> str:
        """As a line of a table."""
        if self.what == UNUSED:
            return f"`{self.there}` of that run is {self.what}: {self.why}"
        named = f"`{self.name}`" + (f", there `{self.there}`" if self.there not in (None, self.name) else "")
        return f"{named}: {self.what}" + (f", {self.why}" if self.why else "")


def begin(model: Any, other: Any, was: Mapping[str, str], run: str) -> tuple[Begun, ...]:
    """Give the layers of `model` the weights of the layers of `other` that have their names.

    Args:
        model: built, its weights fresh.
        other: the model of a run, with its weights.
        was: names of layers of `model` to the names of those of `other`.
        run: what the other run is called in messages.

    Returns:
        A line for each layer with weights, of either model.

    Raises:
        RunError: no layer of `model` finds its weights.
    """
    mine, theirs = _Steps(model), _Steps(other)
    found: list[Begun] = []
    taken: set[str] = set()
    for path, layer in mine.layers.items():
        name, wanted = mine.shown(path), _wanted(path, was, alone=mine.alone(path))
        loosely = mine.alone(path) or (wanted != path and "/" not in wanted)
        several = theirs.meant(wanted, loosely=loosely)
        if len(several) != 1:
            asked = _bare(wanted) if loosely else wanted
            which = f"there is no step `{asked}` with weights"
            if several:
                which = f"`{asked}` may be {' or '.join(f'`{each}`' for each in several)} there"
            found.append(Begun(name, None, SKIPPED, f"{which}, so it begins anew"))
            continue
        (at,) = several
        there, source = theirs.shown(at), theirs.layers[at]
        taken.add(at)
        why = _unlike(layer, source)
        if why:
            found.append(Begun(name, there, SKIPPED, f"{why}, so it begins anew"))
            continue
        layer.set_weights([keras.ops.convert_to_numpy(weight) for weight in source.weights])
        found.append(Begun(name, there, LOADED))
    left = (theirs.shown(path) for path in theirs.layers if path not in taken)
    found += [Begun(None, there, UNUSED, "no step here has its name") for there in left]
    if not any(each.what == LOADED for each in found):
        shown = ", ".join(f"`{theirs.shown(path)}`" for path in list(theirs.layers)[:10])
        raise RunError(
            f"no step takes weights from `{run}`, whose steps with weights are {shown}",
            help="say under `fit.weights.was` what a step is called there: `was: {name_here: name_there}`",
        )
    return tuple(found)


def before(environment: Mapping[str, Any]) -> tuple[Begun, ...]:
    """The lines that a run was begun with, as its environment.json keeps them; none where that is damaged."""
    with suppress(KeyError, TypeError):
        return tuple(Begun(each["name"], each["there"], each["what"], each["why"]) for each in environment["weights"])
    return ()


class _Steps:
    """The layers of a model that have weights, by `model/step`, and what the last part of that alone means."""

    def __init__(self, model: Any) -> None:
        self.layers = dict(_layers(model))
        self._of: dict[str, list[str]] = {}
        for path in self.layers:
            self._of.setdefault(_bare(path), []).append(path)

    def alone(self, path: str) -> bool:
        """Whether no other layer has its bare name."""
        return len(self._of[_bare(path)]) == 1

    def shown(self, path: str) -> str:
        """The bare name where that is enough."""
        return _bare(path) if self.alone(path) else path

    def meant(self, name: str, *, loosely: bool) -> list[str]:
        """The layers that a name means: the one of this path, else, if `loosely`, those of its last part."""
        if name in self.layers:
            return [name]
        return self._of.get(_bare(name), []) if loosely else []


def _wanted(path: str, was: Mapping[str, str], *, alone: bool) -> str:
    """What a layer is called in the other model: `was` names it, it alone of its name, or a model around it."""
    if path in was:
        return was[path]
    if alone and _bare(path) in was:
        return was[_bare(path)]
    around, _, step = path.rpartition("/")
    while around:
        if around in was:
            return f"{was[around]}/{step}"
        around, _, last = around.rpartition("/")
        step = f"{last}/{step}"
    return path


def _bare(path: str) -> str:
    return path.rpartition("/")[2]


def _layers(model: Any, within: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """The layers that have weights, those of nested models in their places; a shared layer comes once."""
    seen = set() if seen is None else seen
    for layer in model.layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{within}{layer.name}/", seen)
        elif layer.weights:
            yield within + layer.name, layer


def _unlike(layer: Any, source: Any) -> str:
    """Why the weights of one layer are none for the other; an empty text where they are."""
    mine, theirs = ([tuple(weight.shape) for weight in each.weights] for each in (layer, source))
    if mine == theirs:
        return "" if type(layer) is type(source) else _kinds(layer, source)
    if type(layer) is not type(source):
        return _kinds(layer, source)
    if len(mine) != len(theirs):
        return f"it has {len(mine)} arrays of weights here and {len(theirs)} there"
    at = next(at for at, (one, other) in enumerate(zip(mine, theirs, strict=True)) if one != other)
    return f"its `{layer.weights[at].name}` is {mine[at]} here and {theirs[at]} there"


def _kinds(layer: Any, source: Any) -> str:
    return f"it is a {type(layer).__name__} here and a {type(source).__name__} there"
