"""A user's own Python in a graph: where an object of it may stand, and all of it that a spec names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netspec.diagnostics import Path, Report
from netspec.graph.ir import Checked, Graph, KerasObject, LayerDef
from netspec.language.own import KINDS, own
from netspec.language.spec import Own


def own_object(kind: str, word: str, raw: Mapping[str, Any], path: Path, report: Report) -> KerasObject | None:
    """An object of the user's own; None where it cannot be one or its form is wrong (reported)."""
    if kind not in KINDS:
        one = f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
        said = f"{one} cannot be Python of your own: layers, losses, metrics, schedules and callbacks can"
        report.add("NS315", (*path, "python"), said, key=True, help=f"take {one} of Keras")
        return None
    found = own(raw, path, kind, report)
    return None if found is None else KerasObject(kind, found.name, found.args, found.at, found)


def owned(checked: Checked) -> tuple[Own, ...]:
    """All that is a user's own in what is built of a spec, each once: layers first, then what they are trained by."""
    plan = checked.training
    stack: list[Any] = [checked.typed.graph, *plan.losses.values()]
    stack += [metric for metrics in plan.metrics.values() for metric in metrics]
    stack += [plan.optimizer, *(group.optimizer for group in plan.groups), *plan.callbacks]
    found = {id(each): each for part in stack for each in within(part)}
    return tuple(found.values())


def within(part: Any) -> Iterator[Own]:
    """All that is a user's own in a graph, a layer or an object, each time that it stands there."""
    stack, seen = [part], set()
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Graph):
            stack.extend(call.layer for call in reversed(each.live_calls()))
        elif isinstance(each, list):
            stack.extend(reversed(each))
        elif isinstance(each, LayerDef | KerasObject):
            if each.own is not None:
                yield each.own
            else:
                stack.extend(each.args.values())
