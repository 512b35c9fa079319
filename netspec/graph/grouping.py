"""`optimizers`: an optimizer of their own for the layers that a pattern is the first to match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from netspec import catalog
from netspec.catalog.together import SCALING, at_odds
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.graph.ir import REST, Graph, Group, KerasObject
from netspec.graph.names import free
from netspec.graph.objects import BAD, Objects
from netspec.graph.own import own_object
from netspec.graph.picking import Picker, inside, unmatched
from netspec.language.spec import Spec

_ODD = re.compile(r"[^A-Za-z0-9_-]+")


def grouped(
    spec: Spec, graph: Graph, base: KerasObject | str | None, objects: Objects, report: Report, *, resolved: bool
) -> tuple[Group, ...]:
    """The entries of `optimizers`, in their order; what is wrong with one is reported, and it is left out.

    Args:
        spec: what the file says.
        graph: the model, with what is frozen.
        base: the optimizer of all other layers, whose arguments hold where an entry names no optimizer; None: refused.
        objects: makes optimizers.
        report: hears of mistakes.
        resolved: as in `frozen`.
    """
    picker, taken = Picker(graph), set[int]()
    inner = None if base is None else innermost(base)
    found: list[Group] = []
    names = {REST}
    for pattern, raw in (spec.optimizers or {}).items():
        path: Path = ("optimizers", pattern)
        things = picker.picked(pattern)
        if not things:
            unmatched(spec.model, picker, pattern, path, report, resolved=resolved, key=True)
        mine = {id(layer) for thing in things for layer in inside(thing)} - taken
        taken |= mine
        optimizer = _optimizer(raw, inner, path, objects, report)
        if optimizer is not None and things:
            name = _name(pattern, names)
            names.add(name)
            found.append(Group(pattern, name, optimizer, frozenset(mine), path))
    return tuple(found)


def innermost(optimizer: KerasObject | str) -> KerasObject:
    """The optimizer itself, inside what scales the loss for it.

    >>> innermost("adam").cls
    'Adam'
    """
    while isinstance(optimizer, KerasObject) and "inner_optimizer" in optimizer.args:
        optimizer = optimizer.args["inner_optimizer"]
    if isinstance(optimizer, KerasObject):
        return optimizer
    entry = catalog.find("optimizer", optimizer)
    return KerasObject("optimizer", optimizer if entry is None else entry.name, {}, ("optimizer",))


def _optimizer(raw: Any, base: KerasObject | None, path: Path, objects: Objects, report: Report) -> KerasObject | None:
    """The optimizer that an entry says: by its name, or that of the other layers with other arguments."""
    if isinstance(raw, dict) and "python" in raw:
        own_object("optimizer", "optimizer", raw, path, report)
        return None
    entry = None if base is None else catalog.find("optimizer", base.cls)
    named = isinstance(raw, str) or (isinstance(raw, dict) and len(raw) == 1 and _is_named(*raw.items(), entry=entry))
    if named:
        made = objects.object("optimizer", raw, path)
        if made is BAD:
            return None
        return _fit_for_some(innermost(made) if isinstance(made, str) else made, raw, path, report)
    if raw is None or isinstance(raw, bool | list) or raw == {}:
        what = "arguments of the other layers' optimizer" if base is None else f"arguments of `{base.cls}`"
        got = "an empty mapping" if raw == {} else f"`{describe(raw)}`"
        cure = "for example `{learning_rate: 1e-5}` or `{SGD: {momentum: 0.9}}`"
        report.add("NS202", path, f"expected an optimizer, or {what}, got {got}", help=cure)
        return None
    if isinstance(raw, dict) and len(raw) > 1:
        beside = next((key for key in raw if isinstance(key, str) and catalog.find("optimizer", key)), None)
        if beside is not None:
            cure = f"arguments of `{beside}` stand under it: `{{{beside}: {{learning_rate: 0.01}}}}`"
            report.add(
                "NS202", (*path, beside), f"`{beside}` is an optimizer, with keys beside it", key=True, help=cure
            )
            return None
    if base is None or entry is None:
        return None  # its arguments are those of an optimizer that is refused
    args = objects.arguments(entry, raw, path)
    if args is None:
        return None
    merged: Mapping[str, Any] = {**base.args, **args}
    odd = at_odds("optimizer", entry.name, merged)
    if odd is not None and odd[0] not in args:  # then it is the other of the two that is said here
        odd = next(((name, odd[1], odd[2]) for name in args if f"`{name}`" in odd[1]), odd)
    if odd is not None:
        cure = odd[2] if odd[0] not in args else f"{odd[2]}; `null` leaves out here what `optimizer` says"
        report.add("NS206", (*path, odd[0]), odd[1], key=True, help=cure)
        return None
    return _fit_for_some(KerasObject("optimizer", entry.name, merged, path), raw, path, report)


def _is_named(pair: tuple[Any, Any], *, entry: catalog.Entry | None) -> bool:
    """Whether the one key of a mapping names an optimizer, known or not, rather than an argument."""
    key, value = pair
    if not isinstance(key, str) or (entry is not None and entry.param(key) is not None):
        return False
    return catalog.find("optimizer", key) is not None or key[:1].isupper() or isinstance(value, dict)


def _fit_for_some(made: KerasObject, raw: Any, path: Path, report: Report) -> KerasObject | None:
    """The optimizer, if it can be one among several."""
    if made.cls in SCALING:
        message = f"`{made.cls}` scales the loss of all layers, so it cannot be the optimizer of some"
        report.add("NS213", made.path, message, key=True, help="write it as `optimizer`, which scales for all of them")
        return None
    written = next(iter(raw.values())) if isinstance(raw, dict) and made.path != path else raw
    if isinstance(written, dict) and written.get("loss_scale_factor") is not None:
        message = "`loss_scale_factor` scales the loss of all layers, so it cannot be that of some"
        report.add("NS206", (*made.path, "loss_scale_factor"), message, key=True, help="write it at `optimizer`")
        return None
    return replace(made, args={name: value for name, value in made.args.items() if name != "loss_scale_factor"})


def _name(pattern: str, taken: set[str]) -> str:
    """The letters of a pattern that can name something, told apart from those before.

    >>> _name("vision/conv_*", set()), _name("*", {"layers"})
    ('vision_conv', 'layers_2')
    """
    return free(_ODD.sub("_", pattern).strip("_-")[:80] or "layers", taken)
