"""Names for layers that a saved model would take for one another, since Keras tells optimizers apart by names alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from netspec.catalog import OPS
from netspec.graph.ir import Checked, Graph, LayerDef
from netspec.graph.names import free


def names_apart(checked: Checked) -> dict[int, str]:
    """By identity, the layers of nested models that need another name in a saved model, and that name.

    The path of a variable begins with its layer, not with the model around it. So layers of one name in two models
    have one path, and only one optimizer can be said for it.
    """
    if not checked.training.groups:
        return {}
    group_of = {layer: at for at, group in enumerate(checked.training.groups) for layer in group.layers}
    by_name: dict[str, dict[int, tuple[Graph, LayerDef | Graph]]] = {}
    taken: set[str] = set()
    for graph in _graphs(checked.typed.graph):
        taken.update(graph.inputs)
        for layer in (call.layer for call in graph.live_calls()):
            taken.add(layer.name)
            by_name.setdefault(layer.name, {}).setdefault(id(layer), (graph, layer))
    found: dict[int, str] = {}
    for name, same in by_name.items():
        trained = {_groups(layer, group_of) for _, layer in same.values()}
        for at, (graph, layer) in same.items():
            alone = isinstance(layer, Graph) or layer.cls.startswith(OPS)  # neither has weights by its own name
            if len(trained) > 1 and graph is not checked.typed.graph and not alone:
                found[at] = free(f"{graph.name}_{name}", taken)
                taken.add(found[at])
    return found


def renamed(checked: Checked) -> Checked:
    """The spec with these names, which is all that is different; types and weights stay those of the old layers."""
    names = names_apart(checked)
    if not names:
        return checked
    made: dict[int, Any] = {}

    def again(value: Any) -> Any:
        if isinstance(value, list):
            return (
                [again(each) for each in value] if any(isinstance(each, LayerDef | Graph) for each in value) else value
            )
        if not isinstance(value, LayerDef | Graph):
            return value
        if id(value) not in made:
            if isinstance(value, Graph):
                calls = tuple(replace(call, layer=again(call.layer)) for call in value.calls)
                made[id(value)] = replace(value, calls=calls)
            else:
                args = {key: again(each) for key, each in value.args.items()}
                made[id(value)] = replace(value, name=names.get(id(value), value.name), args=args)
        return made[id(value)]

    graph = again(checked.typed.graph)
    groups = tuple(
        replace(group, layers=frozenset(id(made[each]) for each in group.layers if each in made))
        for group in checked.training.groups
    )
    return replace(
        checked, typed=replace(checked.typed, graph=graph), training=replace(checked.training, groups=groups)
    )


def said(checked: Checked) -> Iterator[str]:
    """What is called otherwise in the saved model."""
    names = names_apart(checked)
    for graph in _graphs(checked.typed.graph) if names else ():
        for layer in {id(call.layer): call.layer for call in graph.live_calls()}.values():
            if id(layer) in names:
                yield f"`{layer.name}` of the model `{graph.name}` is called `{names[id(layer)]}` in the file"


def _graphs(whole: Graph) -> Iterator[Graph]:
    """A model and all models in it, each once."""
    stack: list[Any] = [whole]
    seen: set[int] = set()
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Graph):
            yield each
            stack.extend(call.layer for call in reversed(each.live_calls()))
        elif isinstance(each, LayerDef):
            stack.append(each.args.get("layer"))


def _groups(layer: Any, group_of: Mapping[int, int]) -> frozenset[int | None]:
    """Whose optimizers train a layer and what it wraps, but for the layers of a model, which have their own names."""
    found = set()
    while isinstance(layer, LayerDef):
        found.add(group_of.get(id(layer)))
        layer = layer.args.get("layer")
    return frozenset(found)
