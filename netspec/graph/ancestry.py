"""Which inputs each output of a model is made from, followed through nested models."""

from __future__ import annotations

from netspec.graph.ir import Graph, Tensor


def made_from(graph: Graph) -> dict[str, frozenset[str]]:
    """For each output, by its public name, the inputs that reach it."""
    return _made_from(graph, {})


def _made_from(graph: Graph, known: dict[int, dict[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    """The same; what a nested model does is worked out once. Models nest no deeper than a spec does."""
    if id(graph) in known:
        return known[id(graph)]
    nothing: frozenset[str] = frozenset()
    found: dict[Tensor, frozenset[str]] = {Tensor(name): frozenset((name,)) for name in graph.inputs}
    for call in graph.calls:
        given = [found.get(tensor, nothing) for tensor in call.tensors()]
        if isinstance(call.layer, Graph):
            inside = _made_from(call.layer, known)
            by_name = dict(zip(call.layer.inputs, given, strict=False))
            for at, inputs in enumerate(inside.values()):
                found[Tensor(call.name, at)] = nothing.union(*(by_name.get(name, nothing) for name in inputs))
            continue
        whole = given[0] if len(set(given)) == 1 else nothing.union(*given)
        for at in range(max(1, len(call.outputs))):
            found[Tensor(call.name, at)] = whole
    known[id(graph)] = {name: found.get(tensor, nothing) for name, tensor in graph.outputs.items()}
    return known[id(graph)]
