"""How many different ids each input may hold: the `input_dim` of the Embedding that takes it, however deep inside."""

from __future__ import annotations

from typing import Any

from netspec.graph.ir import Call, Graph, LayerDef, Tensor

_SIZES = {"Embedding": "input_dim", "ReversibleEmbedding": "input_dim", "CategoryEncoding": "num_tokens"}
_SAME_VALUES = frozenset(
    ("Cropping1D", "Dropout", "Flatten", "Identity", "Permute", "RepeatVector", "Reshape", "SpatialDropout1D")
)


def limits(graph: Graph) -> dict[str, int | None]:
    """The smallest table of ids that each input is looked up in; None for an input that is looked up in none.

    Follows an input through nested models, TimeDistributed and layers that only move values about.
    """
    users: dict[int, dict[Tensor, list[tuple[Call, int]]]] = {}
    return {name: _limit(graph, Tensor(name), users) for name in graph.inputs}


def _limit(graph: Graph, start: Tensor, users: dict[int, dict[Tensor, list[tuple[Call, int]]]]) -> int | None:
    found: list[int] = []
    seen: set[tuple[int, Tensor]] = set()
    waiting = [(graph, start)]
    while waiting:
        here, tensor = waiting.pop()
        if (id(here), tensor) in seen:
            continue
        seen.add((id(here), tensor))
        if id(here) not in users:
            users[id(here)] = _users(here)
        for call, position in users[id(here)].get(tensor, ()):
            layer = _unwrapped(call.layer)
            if isinstance(layer, Graph):
                waiting.append((layer, Tensor(list(layer.inputs)[position])))
            elif isinstance(layer, LayerDef) and layer.cls in _SIZES:
                size = layer.args.get(_SIZES[layer.cls])
                if isinstance(size, int):
                    found.append(size)
            elif isinstance(layer, LayerDef) and layer.cls in _SAME_VALUES:
                waiting.append((here, Tensor(call.name)))
    return min(found, default=None)


def _users(graph: Graph) -> dict[Tensor, list[tuple[Call, int]]]:
    """The calls that take each tensor, and as which of their inputs."""
    users: dict[Tensor, list[tuple[Call, int]]] = {}
    for call in graph.calls:
        for position, tensor in enumerate(call.tensors()):
            users.setdefault(tensor, []).append((call, position))
    return users


def _unwrapped(layer: Any) -> Any:
    while isinstance(layer, LayerDef) and layer.cls == "TimeDistributed":
        layer = layer.args.get("layer")
    return layer
