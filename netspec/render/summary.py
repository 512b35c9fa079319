"""The summary of a model: each step with its inputs, shape, dtype and weights, as a table or as JSON, without Keras."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from netspec.catalog.types import TensorType, Unknown, Weights, show_bytes
from netspec.graph.infer import own_weights, plus
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

_BYTES = {"float64": 8, "float16": 2, "bfloat16": 2}  # of one weight, by the layer's dtype; 4 otherwise
_UNKNOWN = "unknown"
_NARROW = 5  # columns of names are not cut further
_OUTPUT, _DTYPE, _PARAMS = 3, 4, 5  # columns of a model's table


def as_json(typed: TypedGraph) -> str:
    """The fixed form that scripts read.

    Shapes have the batch dimension first, null for a free one and "unknown" for what is not known. A step with several
    outputs has a list of shapes and of dtypes. `params` of a shared layer stand at its first call, so they add up.
    """
    graph = typed.graph
    total = totals(typed)
    steps = []
    seen: set[int] = set()
    for call in graph.live_calls():
        types = [typed.types[Tensor(call.name, index)] for index in range(len(call.outputs))]
        steps.append(
            {
                "name": call.name,
                "layer": call.layer.cls,
                "from": [_shown(tensor, typed) for tensor in call.tensors()],
                "shape": _shape(types[0]) if len(types) == 1 else [_shape(each) for each in types],
                "dtype": _dtype(types[0]) if len(types) == 1 else [_dtype(each) for each in types],
                "params": _number(_params(call, typed, seen)),
            }
        )
    report = {
        "name": graph.name,
        "inputs": {name: _tensor(typed.types[Tensor(name)]) for name in graph.inputs},
        "outputs": {name: _tensor(typed.types[tensor]) for name, tensor in graph.outputs.items()},
        "steps": steps,
        "params": {
            "total": _number(plus(total.trainable, total.non_trainable)),
            "trainable": _number(total.trainable),
            "non_trainable": _number(total.non_trainable),
        },
    }
    return json.dumps(report, indent=2)


def as_text(typed: TypedGraph, width: int | None = None) -> str:
    """The table that people read: the model, then a section for each nested model."""
    total = totals(typed)
    lines = [typed.graph.name, *_section(typed, width)]
    done = {id(typed.graph)}
    stack = list(reversed(_models(typed.graph)))
    while stack:
        graph = stack.pop()
        if id(graph) in done:
            continue
        done.add(id(graph))
        stack.extend(reversed(_models(graph)))
        inner = TypedGraph(graph, _types_of(typed, graph), typed.weights, typed.nested)
        lines += ["", f"model {graph.name}", *_section(inner, width)]
    weights = own_weights(typed.graph, typed.weights)
    all_of_it = plus(total.trainable, total.non_trainable)
    lines += [
        "",
        *table(
            [
                ("parameters", _count(all_of_it), _bytes(typed.graph, weights)),
                ("trainable", _count(total.trainable), ""),
                ("not trainable", _count(total.non_trainable), ""),
            ],
            right=frozenset({1}),
        ),
    ]
    return "\n".join(lines)


def as_line(name: str, typed: TypedGraph) -> tuple[str, str, str]:
    """One spec in a list: its name, inputs -> outputs, and parameters."""
    inputs = ", ".join(_brief(typed.types[Tensor(name)]) for name in typed.graph.inputs)
    outputs = ", ".join(_brief(typed.types[tensor]) for tensor in typed.graph.outputs.values())
    total = totals(typed)
    return name, f"{inputs} → {outputs}", _count(plus(total.trainable, total.non_trainable))


def table(
    rows: Iterable[tuple[str, ...]],
    right: frozenset[int] = frozenset(),
    width: int | None = None,
    whole: frozenset[int] = frozenset(),
) -> list[str]:
    """Rows as aligned columns, two spaces apart; columns in `right` are aligned to the right.

    Where they do not fit into `width`, the widest cells are cut inside, but none of those in `right` and `whole`.

    >>> table([("a", "10"), ("long", "2")], right=frozenset({1}))
    ['a     10', 'long   2']
    """
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    soft = [column for column in range(len(widths)) if column not in right | whole]
    while width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(soft, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= _NARROW:
            break
        widths[widest] -= 1
    lines = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            size = widths[column]
            cell = (
                cell if len(cell) <= size else cell[: size - 4] + "…" + cell[-3:]
            )  # the end tells conv2d_1 from conv2d_2
            cells.append(cell.rjust(size) if column in right else cell.ljust(size))
        lines.append("  ".join(cells).rstrip())
    return lines


def _section(typed: TypedGraph, width: int | None) -> list[str]:
    """One model's table. A shared layer has one row with its weights, and a row for each of its calls."""
    graph = typed.graph
    rows: list[tuple[str, ...]] = [("step", "layer", "from", "output", "dtype", "params")]
    for name in graph.inputs:
        rows.append((name, "Input", "", _print(typed.types[Tensor(name)]), _text(typed.types[Tensor(name)].dtype), ""))
    calls = graph.live_calls()
    several = _called_often(calls)
    seen: set[int] = set()
    for call in calls:
        if id(call.layer) in several and id(call.layer) not in seen:
            rows.append((f"{call.layer.name} (shared)", _class(call.layer), f"{several[id(call.layer)]} calls", "", "",
                         _count(_params(call, typed, seen))))  # fmt: skip
        types = [typed.types[Tensor(call.name, index)] for index in range(len(call.outputs))]
        sources = ", ".join(_shown(tensor, typed) for tensor in call.tensors())
        shared = id(call.layer) in several
        first = f"  {call.name}" if shared else call.name
        layer = f"  {call.layer.name}" if shared else _class(call.layer)
        params = "" if shared else _count(_params(call, typed, seen))
        rows.append((first, layer, sources, _print(types[0]), _text(types[0].dtype), params))
        for index in range(1, len(types)):
            rows.append(
                (f"  {call.name}.{call.outputs[index]}", "", "", _print(types[index]), _text(types[index].dtype), "")
            )
    lines = table(rows, right=frozenset({_PARAMS}), width=width, whole=frozenset({_OUTPUT, _DTYPE}))
    if width is not None and max(map(len, lines)) > width:  # the dtypes are what one misses least
        rows = [(*row[:_DTYPE], *row[_PARAMS:]) for row in rows]
        lines = table(rows, right=frozenset({_PARAMS - 1}), width=width, whole=frozenset({_OUTPUT}))
    rule = "─" * max(len(line) for line in lines)
    outputs = ", ".join(f"{n} {_print(typed.types[t])}" for n, t in graph.outputs.items())
    return [rule, lines[0], rule, *lines[1:], rule, f"outputs: {outputs}"]


def _called_often(calls: Iterable[Call]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for call in calls:
        counts[id(call.layer)] = counts.get(id(call.layer), 0) + 1
    return {layer: count for layer, count in counts.items() if count > 1}


def _class(layer: LayerDef | Graph) -> str:
    if isinstance(layer, Graph):
        return f"model {layer.name}"
    inner: Any = layer.args.get("layer")
    if isinstance(inner, LayerDef | Graph):
        return f"{layer.cls}({inner.cls if isinstance(inner, LayerDef) else inner.name})"
    return layer.cls


def _models(graph: Graph) -> list[Graph]:
    """The nested models of one graph, those inside wrappers too, in order."""
    found = []
    for call in graph.live_calls():
        layer: Any = call.layer
        while isinstance(layer, LayerDef):
            layer = layer.args.get("layer")
        if isinstance(layer, Graph):
            found.append(layer)
    return found


def _types_of(typed: TypedGraph, graph: Graph) -> Mapping[Tensor, TensorType]:
    return typed.nested[id(graph)].types


def _params(call: Call, typed: TypedGraph, seen: set[int]) -> int | Unknown:
    """The weights that a call brings in: those of its layer's own that no call above has brought."""
    found: int | Unknown = 0
    single = Graph("", {}, (call,), {"output": Tensor(call.name)}, ())
    for layer, own in own_weights(single, typed.weights).items():
        if layer not in seen:
            seen.add(layer)
            found = plus(found, plus(own.trainable, own.non_trainable))
    seen.add(id(call.layer))
    return found


def totals(typed: TypedGraph) -> Weights:
    """The numbers in all weights of a model, each layer counted once."""
    trainable: int | Unknown = 0
    fixed: int | Unknown = 0
    for own in own_weights(typed.graph, typed.weights).values():
        trainable, fixed = plus(trainable, own.trainable), plus(fixed, own.non_trainable)
    return Weights(trainable, fixed)


def _bytes(graph: Graph, weights: Mapping[int, Weights]) -> str:
    """The bytes of all weights; a layer's `dtype` says how many each takes."""
    sizes: dict[int, int] = {}
    stack: list[Any] = [call.layer for call in graph.live_calls()]
    while stack:
        layer = stack.pop()
        if isinstance(layer, Graph):
            stack.extend(call.layer for call in layer.live_calls())
            continue
        sizes[id(layer)] = _BYTES.get(str(layer.args.get("dtype")), 4)
        inner = layer.args.get("layer")
        if inner is not None:
            stack.append(inner)
    total: int | Unknown = 0
    for layer, own in weights.items():
        number = plus(own.trainable, own.non_trainable)
        total = plus(total, number if isinstance(number, Unknown) else number * sizes.get(layer, 4))
    return _UNKNOWN if isinstance(total, Unknown) else show_bytes(total)


def _shown(tensor: Tensor, typed: TypedGraph) -> str:
    call = next((c for c in typed.graph.calls if c.name == tensor.call), None) if tensor.index else None
    return f"{tensor.call}.{call.outputs[tensor.index]}" if call is not None else tensor.call


def _tensor(found: TensorType) -> dict[str, Any]:
    return {"shape": _shape(found), "dtype": _dtype(found)}


def _shape(found: TensorType) -> Any:
    if isinstance(found.shape, Unknown):
        return _UNKNOWN
    return [_UNKNOWN if isinstance(dim, Unknown) else dim for dim in found.shape]


def _dtype(found: TensorType) -> str:
    return _text(found.dtype)


def _text(value: Any) -> str:
    return _UNKNOWN if isinstance(value, Unknown) else str(value)


def _number(value: int | Unknown) -> int | str:
    return _UNKNOWN if isinstance(value, Unknown) else value


def _count(value: int | Unknown) -> str:
    return _UNKNOWN if isinstance(value, Unknown) else f"{value:,}"


def _print(found: TensorType) -> str:
    """A shape as Keras prints it, the batch dimension first."""
    if isinstance(found.shape, Unknown):
        return _UNKNOWN
    dims = ["?" if isinstance(dim, Unknown) else str(dim) for dim in found.shape]
    return "(" + ", ".join(dims) + ("," if len(dims) == 1 else "") + ")"


def _brief(found: TensorType) -> str:
    """A shape without its batch: 32×32×3."""
    if isinstance(found.shape, Unknown):
        return _UNKNOWN
    return "×".join("?" if isinstance(d, Unknown) else "any" if d is None else str(d) for d in found.shape[1:]) or "1"
