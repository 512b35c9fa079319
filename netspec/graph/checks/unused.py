"""What a spec declares and does not use: inputs, steps, shared layers; and chains that go on from an output."""

from __future__ import annotations

from netspec.diagnostics import Path, Report
from netspec.graph.checks.survey import Survey, wrapped
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph


def check_unused(found: Survey, report: Report) -> None:
    """NS306, NS307, NS312 and NS314, in nested models too."""
    for typed in found.graphs:
        _unused(typed.graph, report)
    if found.shared:
        _shared_once(found.graphs, report)


def _unused(graph: Graph, report: Report) -> None:
    live = {call.name for call in graph.live_calls()}
    taken = {tensor.call for call in graph.calls for tensor in call.tensors()}
    for name in graph.inputs:
        if name not in taken:
            cure = f"take it out, or say `from: {name}` at the step that it is meant for"
            report.add("NS306", (*graph.path, "inputs", name), f"input `{name}` feeds nothing", key=True, help=cure)
    calls = {call.name: call for call in graph.calls}
    heads = {tensor: name for name, tensor in graph.outputs.items()}
    lost = _lost(graph, live) if len(live) < len(graph.calls) else {}
    warned: set[Path] = set()
    for call in graph.calls:
        head = _head(call, calls, heads)
        if call.name in live:
            if head is not None:
                message = f"this step goes on from output `{head[0]}` without saying so"
                report.add("NS312", call.path, message, help=f"`from: {head[1]}`, or the step that is meant")
        elif call.name in lost and call.path not in warned:
            warned.add(call.path)
            what = f"`{call.name}`" if call.named else "this step"
            cure = f"list `{call.name}` under `outputs`, or take it out"
            if not call.named:
                cure = "take it out, or use its output"
            notes = [f"it goes on from output `{head[0]}`, as it says no `from`"] if head else []
            above = len({path for path in lost[call.name] if path != call.path})
            if above:
                notes.append(f"nor {'does the step' if above == 1 else f'do the {above} steps'} that only it takes")
            message = f"{what} feeds no output, so it is not part of the model"
            report.add("NS307", call.path, message, notes=notes, help=cure)


def _lost(graph: Graph, live: set[str]) -> dict[str, list[Path]]:
    """The lowest of the calls that feed no output, with the places of those above that feed nothing but them."""
    taken: dict[str, str] = {}  # a call -> the lowest one that it feeds
    lost: dict[str, list[Path]] = {}
    for call in reversed(graph.calls):
        if call.name in live:
            continue
        lowest = taken.get(call.name)
        if lowest is None:
            lost[call.name] = []
        else:
            lost[lowest].append(call.path)
        for tensor in call.tensors():
            taken.setdefault(tensor.call, lowest or call.name)
    return lost


def _head(call: Call, calls: dict[str, Call], heads: dict[Tensor, str]) -> tuple[str, str] | None:
    """The output that a call without a `from` goes on from, by its public name and as `from` would say it."""
    if call.sources or not heads:
        return None
    for tensor in call.tensors():
        above = calls.get(tensor.call)
        if tensor in heads and above is not None and above.named and above.path != call.path:
            return heads[tensor], above.name
    return None


def _shared_once(graphs: tuple[TypedGraph, ...], report: Report) -> None:
    """A shared layer with one use shares nothing. A model may be declared for its name alone."""
    uses: dict[int, list[tuple[Path, str, Path]]] = {}  # where it is declared, its name, where it is used
    known: set[int] = set()
    for typed in graphs:
        for call in typed.graph.calls:
            outer: LayerDef | None = None
            for layer in wrapped(call.layer):
                if isinstance(layer, LayerDef) and layer.shared:
                    declared = (*typed.graph.path, "shared", layer.name)
                    use = (declared, layer.name, call.path if outer is None else outer.path)
                    # What a shared wrapper holds is shared with it.
                    uses.setdefault(id(layer), []).extend([use] * (2 if outer is not None and outer.shared else 1))
                if id(layer) in known or isinstance(layer, Graph):
                    break
                known.add(id(layer))
                outer = layer
    for places in uses.values():
        if len(places) == 1:
            ((declared, name, where),) = places
            message = f"`{name}` is declared under `shared` and used once, so nothing shares its weights"
            cure = "write the layer at its step, or `use` it wherever its weights are meant"
            report.add("NS314", declared, message, key=True, spans=[(where, "its only use")], help=cure)
