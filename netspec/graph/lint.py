"""What is legal and hardly meant: inputs that feed nothing, steps that reach no output, batches that cannot be."""

from __future__ import annotations

from netspec.diagnostics import Report
from netspec.graph.ir import Graph, LayerDef, TypedGraph
from netspec.language.spec import Spec


def lint(spec: Spec, typed: TypedGraph, report: Report) -> None:
    """Warnings about a graph whose every name was resolved, nested models included."""
    seen: set[int] = set()
    stack = [typed.graph]
    while stack:
        graph = stack.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        stack.extend(_inner_graphs(graph))
        live = {call.name for call in graph.live_calls()}
        taken = {tensor.call for call in graph.calls for tensor in call.tensors()}
        for name in graph.inputs:
            if name not in taken:
                report.add("NS306", (*graph.path, "inputs", name), f"input `{name}` feeds nothing", key=True)
        warned = set()
        for call in graph.calls:
            if call.name not in live and call.path not in warned:
                warned.add(call.path)
                what = f"`{call.name}`" if call.named else "this step"
                cure = (
                    f"list `{call.name}` under `outputs`, or take it out"
                    if call.named
                    else "take it out, or use its output"
                )
                report.add("NS307", call.path, f"{what} feeds no output, so it is not part of the model", help=cure)
    _check_batches(spec, typed.graph, report)


def _inner_graphs(graph: Graph) -> list[Graph]:
    found = []
    for call in graph.calls:
        layer = call.layer
        while isinstance(layer, LayerDef) and isinstance(layer.args.get("layer"), LayerDef | Graph):
            layer = layer.args["layer"]
        if isinstance(layer, Graph):
            found.append(layer)
    return found


def _check_batches(spec: Spec, graph: Graph, report: Report) -> None:
    """A fixed batch size of an input is the only one that training can use."""
    for name, part in graph.inputs.items():
        if part is not None and part.batch_size is not None and part.batch_size != spec.fit.batch_size:
            report.add(
                "NS513",
                ("fit", "batch_size"),
                f"batches of {spec.fit.batch_size}, but input `{name}` takes batches of {part.batch_size} only",
                spans=[(("inputs", name), f"batch_size {part.batch_size}")],
                help=f"write `fit: {{batch_size: {part.batch_size}}}`",
            )
