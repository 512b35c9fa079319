"""Which layers a name or a pattern of `freeze` and `optimizers` means, and the graph with what `freeze` means frozen.

Names are those that a person has written: of steps, of shared layers and models (whatever calls or wraps them), and
`model/step` inside models. What has no name has an empty one, so that `*` alone takes it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.nearest import fold, near, rename
from netspec.diagnostics import Path, Report, printable
from netspec.graph.ir import Call, Graph, LayerDef
from netspec.language.parse import listed
from netspec.language.patterns import parts, wild
from netspec.language.spec import ModelPart, Spec

Thing = LayerDef | Graph
_Parts = tuple[re.Pattern[str] | str, ...]
_MOST_SAID = 1_000  # names inside models that a misspelt one is held against


class Picker:
    """Finds layers by the names that a graph gives them; each scope is looked through once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._scopes: dict[int, Mapping[str, tuple[Thing, ...]]] = {}
        self._known: list[str] | None = None
        self._calls: tuple[dict[str, Call], dict[str, Call]] | None = None

    def picked(self, pattern: str) -> list[Thing]:
        """The layers and models that a pattern means, each once; what they hold is not listed."""
        found: dict[int, Thing] = {}
        self._pick(self._graph, parts(pattern), found, set())
        return list(found.values())

    def _pick(self, graph: Graph, left: _Parts, found: dict[int, Thing], seen: set[tuple[int, int]]) -> None:
        if (id(graph), len(left)) in seen:
            return
        seen.add((id(graph), len(left)))
        first, *rest = left
        names = self.names(graph)
        if isinstance(first, str):
            things: Iterable[Thing] = names.get(first, ()) if first else ()
        else:
            things = (thing for name in filter(first.match, names) for thing in names[name])
        for thing in things:
            if not rest:
                found[id(thing)] = thing
                continue
            while isinstance(thing, LayerDef) and isinstance(inner := thing.args.get("layer"), Thing):
                thing = inner
            if isinstance(thing, Graph):
                self._pick(thing, tuple(rest), found, seen)

    def names(self, graph: Graph) -> Mapping[str, tuple[Thing, ...]]:
        """Name -> what it means among the steps of one graph; what has no name stands under an empty one."""
        if id(graph) not in self._scopes:
            found: dict[str, dict[int, Thing]] = {}
            for call in graph.calls:
                for name, thing in _named(call):
                    found.setdefault(name, {})[id(thing)] = thing
            self._scopes[id(graph)] = {name: tuple(things.values()) for name, things in found.items()}
        return self._scopes[id(graph)]

    def known(self) -> list[str]:
        """Names that can be written, those inside models too, up to a thousand."""
        if self._known is None:
            self._known = self._written()
        return self._known

    def calls(self) -> tuple[Mapping[str, Call], Mapping[str, Call]]:
        """The calls of the whole model by each of their names, and the first without a name by its folded class."""
        if self._calls is None:
            calls = self._graph.calls
            named = {name: call for call in calls for name in call.names}
            unnamed = {fold(call.layer.cls): call for call in reversed(calls) if not call.names}
            self._calls = named, unnamed
        return self._calls

    def _written(self) -> list[str]:
        found: dict[str, None] = {}
        stack: list[tuple[str, Graph]] = [("", self._graph)]
        while stack and len(found) < _MOST_SAID:
            prefix, graph = stack.pop()
            for name, things in self.names(graph).items():
                if name:
                    found.setdefault(prefix + name)
                for thing in things:
                    while isinstance(thing, LayerDef) and isinstance(inner := thing.args.get("layer"), Thing):
                        thing = inner
                    if isinstance(thing, Graph) and name:
                        stack.append((f"{prefix}{name}/", thing))
        return list(found)


def _named(call: Call) -> Iterator[tuple[str, Thing]]:
    """The layer of a call under its names, and what is shared inside its wrappers under its own."""
    layer: Any = call.layer
    if not layer.shared:
        yield from ((name, layer) for name in call.names or ("",))
    while isinstance(layer, Thing):
        if layer.shared:
            yield layer.name, layer
        layer = layer.args.get("layer")


def inside(thing: Thing, *, wrapped: bool = True) -> Iterator[LayerDef]:
    """A layer or the layers of a model, with what they wrap if `wrapped`, each once; operations have no weights."""
    stack: list[Any] = [thing]
    seen: set[int] = set()
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Graph):
            stack.extend(call.layer for call in each.calls)
        elif isinstance(each, LayerDef) and not each.cls.startswith(OPS):
            yield each
            if wrapped:
                stack.append(each.args.get("layer"))


def frozen(spec: Spec, graph: Graph, report: Report, *, resolved: bool) -> Graph:
    """The graph with `trainable: false` at each layer that `freeze` means (NS526 and NS528 where that cannot be).

    Args:
        spec: what the file says.
        graph: its graph, as far as it could be resolved.
        report: hears of names that mean nothing.
        resolved: every step was found right, so that no name is one of a step that is missing.
    """
    picker, marked, done = Picker(graph), dict[int, Path](), set[int]()
    for pattern, path in spec.freeze:
        things = picker.picked(pattern)
        if not things:
            unmatched(spec.model, picker, pattern, path, report, resolved=resolved)
        fresh = [thing for thing in things if id(thing) not in done]
        done.update(map(id, fresh))
        for thing in fresh:
            for layer in inside(thing):
                if (layer.args if layer.own is None else layer.own.args).get("trainable") is True:
                    _at_odds(layer, pattern, path, report)
            for layer in inside(thing, wrapped=False):  # which hand their `trainable` on to what they wrap
                marked.setdefault(id(layer), path)
    return _Freezer(marked).thing(graph) if marked else graph


def _at_odds(layer: LayerDef, pattern: str, path: Path, report: Report) -> None:
    message = f"`{printable(pattern)}` freezes a `{layer.cls}` that says `trainable: true`"
    cure = "leave out one of the two"
    said = (*layer.path, "trainable") if layer.own is None else (*layer.own.path, "with", "trainable")
    report.add("NS528", path, message, spans=[(said, "trained")], help=cure)


class _Freezer:
    """Writes a graph anew with layers frozen, each layer and each model once."""

    def __init__(self, marked: Mapping[int, Path]) -> None:
        self._marked, self._done = marked, dict[int, Any]()

    def thing(self, thing: Any) -> Any:
        """A layer or a model, with all that it holds."""
        if id(thing) not in self._done:
            if isinstance(thing, Graph):
                calls = tuple(replace(call, layer=self.thing(call.layer)) for call in thing.calls)
                made: Thing = replace(thing, calls=calls, aside=tuple(self.thing(each) for each in thing.aside))
            else:
                args = {name: self._value(value) for name, value in thing.args.items()}
                path = self._marked.get(id(thing), ())
                made = replace(thing, args=args | {"trainable": False} if path else args, frozen=path)
            self._done[id(thing)] = made
        return self._done[id(thing)]

    def _value(self, value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], Thing):
            return [self.thing(each) for each in value]
        return self.thing(value) if isinstance(value, Thing) else value


def unmatched(
    part: ModelPart,
    picker: Picker,
    pattern: str,
    path: Path,
    report: Report,
    *,
    resolved: bool,
    key: bool = False,
) -> None:
    """NS526: a name or a pattern that means no layer, with the one that was probably meant."""
    first = parts(pattern)[0]
    written = (*part.shared, *(name for step in part.steps for name in step.names)) if not resolved else ()
    if not resolved and (part.open or any(_fits(first, name) for name in written)):
        return  # it may be a step that is broken
    shown = printable(pattern[:80])
    if report.full:
        report.add("NS526", path, "no step matches", key=key)
        return
    message = f"no step matches `{shown}`" if wild(pattern) else f"there is no step or shared layer `{shown}`"
    fix = None
    names = [*dict.fromkeys((*picker.known(), *written))]  # those of steps that are broken too
    named, classes = picker.calls()
    call = named.get(pattern) if isinstance(first, str) else named.get(next(filter(first.match, named), ""))
    unnamed = classes.get(fold(pattern))
    lower = next((name for name in names if name.endswith(f"/{pattern}")), None)
    stem = pattern.strip("*?/") if wild(pattern) else pattern
    close = near(stem, names)
    if call is not None and call.layer.shared and "/" not in pattern:
        what = f"`{call.names[0]}`" if wild(pattern) else f"`{shown}`"
        message = f"{what} is a call of `{call.layer.name}`, whose weights all its calls share"
        cure, fix = f"write `{call.layer.name}`", (pattern, call.layer.name)
    elif pattern in part.inputs:
        message, cure = f"`{shown}` is an input, which has no weights", "name a step or something under `shared`"
    elif lower is not None:
        cure = f"inside a model it is `{lower}`"
    elif unnamed is not None and not unnamed.layer.shared:
        line = report.locator.locate(unnamed.path).line
        cure = f"the `{unnamed.layer.cls}` at line {line} has no name: give it one with `name:` beside the layer"
    elif close is not None:
        cure = f"did you mean `{close}`?" if not wild(pattern) else f"the nearest name is `{close}`"
        fix = None if wild(pattern) else rename(pattern, names)
    elif names:
        cure = "the names are " + listed(names, 8)
    else:
        cure = "no step has a name: give one to those that are meant, with `name:` beside the layer"
    report.add("NS526", path, message, key=key, help=cure, fix=fix)


def _fits(part: re.Pattern[str] | str, name: str) -> bool:
    return part == name if isinstance(part, str) else part.match(name) is not None
