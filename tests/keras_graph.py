"""Keras's answers about a model, found by the calls of our graph: which of its tensors is which of ours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from netspec.catalog.types import TensorType, Unknown
from netspec.graph.ir import Graph, Tensor, TypedGraph
from netspec.render.summary import totals


def tensors(model: Any, graph: Graph) -> dict[Tensor, Any]:
    """Every tensor of `graph` that reaches an output, as the symbolic tensor of `model`, which was built from it."""
    import keras

    found = {Tensor(name): tensor for name, tensor in zip(graph.inputs, model.inputs, strict=True)}
    nodes = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    operations = {operation.name: operation for operation in model.operations}  # layers, too
    calls: dict[str, int] = {}
    for call in graph.live_calls():
        layer = operations[call.layer.name]
        inbound = [node for node in layer._inbound_nodes if id(node) in nodes]
        node = inbound[calls.setdefault(call.layer.name, 0)]
        calls[call.layer.name] += 1
        outputs = keras.tree.flatten(node.output_tensors)
        if isinstance(call.layer, Graph) and len(call.outputs) > 1:  # a dictionary, which Keras flattens by sorted name
            outputs = [outputs[sorted(call.outputs).index(name)] for name in call.outputs]
        assert len(outputs) == len(call.outputs), f"{call.name}: {len(outputs)} outputs, we say {call.outputs}"
        found.update({Tensor(call.name, index): output for index, output in enumerate(outputs)})
    return found


def disagreements(typed: TypedGraph, model: Any) -> list[str]:
    """Where our types and counts are neither Keras's nor unknown, nested models included."""
    found = [
        f"{graph.graph.name}: {tensor} is {ours} {ours.dtype}, Keras says {theirs.shape} {theirs.dtype}"
        for graph, part in parts(typed, model)
        for tensor, theirs in tensors(part, graph.graph).items()
        if not agrees(ours := graph.types[tensor], theirs)
    ]
    total, (trainable, fixed) = totals(typed), counts(model)
    for what, mine, theirs in (
        ("trainable", total.trainable, trainable),
        ("not trainable", total.non_trainable, fixed),
    ):
        if not isinstance(mine, Unknown) and mine != theirs:
            found.append(f"{mine:,} {what}, Keras says {theirs:,}")
    return found


def parts(typed: TypedGraph, model: Any) -> Iterator[tuple[TypedGraph, Any]]:
    """The model and each model that is called in it, beside Keras's."""
    yield typed, model
    seen: set[int] = set()
    for call in typed.graph.live_calls():
        if isinstance(call.layer, Graph) and id(call.layer) not in seen:
            seen.add(id(call.layer))
            yield from parts(typed.nested[id(call.layer)], model.get_layer(call.layer.name))


def agrees(ours: TensorType, theirs: Any) -> bool:
    """Whether every dimension and the dtype are Keras's, or unknown."""
    if not isinstance(ours.dtype, Unknown) and ours.dtype != theirs.dtype:
        return False
    if isinstance(ours.shape, Unknown):
        return True
    shape = tuple(theirs.shape)
    return len(ours.shape) == len(shape) and all(
        isinstance(a, Unknown) or a == b for a, b in zip(ours.shape, shape, strict=True)
    )


def counts(model: Any) -> tuple[int, int]:
    """The numbers in the weights that training changes, and in those that it does not."""
    total = sum(math.prod(weight.shape) for weight in model.weights)
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert total == model.count_params()
    return trainable, total - trainable


def unknown(types: Mapping[Tensor, TensorType]) -> int:
    """How many of these are not known in full."""
    return sum(
        isinstance(found.dtype, Unknown)
        or isinstance(found.shape, Unknown)
        or any(isinstance(d, Unknown) for d in found.shape)
        for found in types.values()
    )
