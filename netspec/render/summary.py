"""The summary of a model: each step with its inputs, shape, dtype and costs, as a table or as JSON, without Keras."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.catalog.types import TensorType, Unknown, Weights, show_bytes
from netspec.graph.costs import YES, Costs, Row, Total, costs
from netspec.graph.infer import own_weights, plus
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, Training, TypedGraph
from netspec.render.groups import shares

_UNKNOWN = "unknown"
_NARROW = 5  # columns of names are not cut further
_READABLE = 12  # but rather than cut them below this, a column that tells little is left out
_COLUMNS = ("step", "layer", "from", "output", "dtype", "params", "flops", "trainable")
_RIGHT, _WHOLE = frozenset({"params", "flops"}), frozenset({"output", "dtype", "trainable"})


def as_json(typed: TypedGraph, batch_size: int = 32, plan: Training | None = None) -> str:
    """The fixed form that scripts read.

    Shapes have the batch dimension first, null for a free one and "unknown" for what is not known. A step with several
    outputs has a list of shapes and of dtypes. `params` of a shared layer stand at its first call, so they add up.
    Memory is in bytes, for a batch of `batch_size`; `flops` are those of one example, forward. `at_least` is what is
    known of each sum. `optimizers` is there where `plan` has several.
    """
    graph = typed.graph
    found = costs(typed, batch_size)
    total = _summed(found.own.values())
    shown = _names(graph)
    steps = []
    for row in found.rows:
        call = row.call
        types = [typed.types[Tensor(call.name, index)] for index in range(len(call.outputs))]
        steps.append(
            {
                "name": call.name,
                "layer": call.layer.cls,
                "from": [shown(tensor) for tensor in call.tensors()],
                "shape": _shape(types[0]) if len(types) == 1 else [_shape(each) for each in types],
                "dtype": _dtype(types[0]) if len(types) == 1 else [_dtype(each) for each in types],
                "params": _number(row.parameters.exact),
                "flops": _number(row.flops.exact),
                "memory": _number(row.outputs.exact),
                "trainable": row.trainable if row.trainable is None else _text(row.trainable),
            }
        )
    report: dict[str, Any] = {
        "name": graph.name,
        "inputs": {name: _tensor(typed.types[Tensor(name)]) for name in graph.inputs},
        "outputs": {name: _tensor(typed.types[tensor]) for name, tensor in graph.outputs.items()},
        "steps": steps,
        "params": {
            "total": _number(plus(total.trainable, total.non_trainable)),
            "trainable": _number(total.trainable),
            "non_trainable": _number(total.non_trainable),
        },
        "flops": _number(found.flops.exact),
        "memory": {
            "batch_size": found.batch_size,
            "weights": _number(found.weights.exact),
            "activations": _number(found.activations.exact),
        },
        "at_least": {
            "params": found.parameters.known,
            "flops": found.flops.known,
            "weights": found.weights.known,
            "activations": found.activations.known,
        },
    }
    several = shares(plan, found.own)
    if several:
        report["optimizers"] = [
            {"pattern": each.pattern, "optimizer": each.optimizer, "trainable": _number(each.trainable)}
            for each in several
        ]
    return json.dumps(report, indent=2)


@dataclass(frozen=True)
class Section:
    """One model's table: its cells, the head first, and its outputs."""

    name: str
    rows: Sequence[tuple[str, ...]]
    outputs: str


def as_text(typed: TypedGraph, width: int | None = None, batch_size: int = 32, plan: Training | None = None) -> str:
    """The table that people read: the model, then a section for each nested model, then what all of it comes to.

    With a `plan` that has several optimizers, what each of them trains.
    """
    found = costs(typed, batch_size)
    mixed = any(row.trainable not in (YES, None) for row in found.rows)
    lines = []
    for at, section in enumerate(sections(typed, found)):
        lines += ["", f"model {section.name}"] if at else [section.name]
        lines += _laid_out(section, width, mixed)
    several = [
        (f"`{each.pattern}`" if each.pattern else "all others", _count(each.trainable), each.optimizer)
        for each in shares(plan, found.own)
    ]
    trained = [*table([("optimizers", "weights", ""), *several], right=frozenset({1})), ""] if several else []
    return "\n".join([*lines, "", *trained, *table(sums(found), right=frozenset({1}))])


def sections(typed: TypedGraph, found: Costs) -> Iterator[Section]:
    """The model's table, then one for each nested model, each once."""
    yield _section(typed, found.rows)
    done = {id(typed.graph)}
    stack = list(reversed(_models(typed.graph)))
    while stack:
        graph = stack.pop()
        if id(graph) in done:
            continue
        done.add(id(graph))
        stack.extend(reversed(_models(graph)))
        inner = TypedGraph(graph, typed.nested[id(graph)].types, typed.weights, typed.nested)
        yield _section(inner, costs(inner, found.batch_size, own=found.own).rows)


def sums(found: Costs) -> list[tuple[str, str, str]]:
    """What a model comes to: what, how many, and what that takes."""
    total = _summed(found.own.values())
    all_of_it = plus(total.trainable, total.non_trainable)
    return [
        ("parameters", _count(all_of_it), _size(found.weights)),
        ("trainable", _count(total.trainable), ""),
        ("not trainable", _count(total.non_trainable), ""),
        ("activations", "", f"{_size(found.activations)} in a batch of {found.batch_size:,}"),
        ("FLOPs", f"{found.flops.known:,}", f"forward, for one example{_without(found.flops)}"),
    ]


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


def _section(typed: TypedGraph, costs: Iterable[Row]) -> Section:
    """One model's table. A shared layer has one row with its weights, and a row for each of its calls."""
    graph = typed.graph
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for name in graph.inputs:
        found = typed.types[Tensor(name)]
        rows.append((name, "Input", "", _print(found), _text(found.dtype), "", "", ""))
    several = _called_often(graph.live_calls())
    shown = _names(graph)
    seen: set[int] = set()
    for cost in costs:
        call = cost.call
        params, trainable = _count(cost.parameters.exact), "" if cost.trainable is None else _text(cost.trainable)
        shared = id(call.layer) in several
        if shared and id(call.layer) not in seen:
            seen.add(id(call.layer))
            calls = f"{several[id(call.layer)]} calls"
            rows.append((f"{call.layer.name} (shared)", _class(call.layer), calls, "", "", params, "", trainable))
        types = [typed.types[Tensor(call.name, index)] for index in range(len(call.outputs))]
        sources = ", ".join(shown(tensor) for tensor in call.tensors())
        first = f"  {call.name}" if shared else call.name
        layer = f"  {call.layer.name}" if shared else _class(call.layer)
        own = ("", _brief_count(cost.flops), "") if shared else (params, _brief_count(cost.flops), trainable)
        rows.append((first, layer, sources, _print(types[0]), _text(types[0].dtype), *own))
        for index in range(1, len(types)):
            name = f"  {call.name}.{call.outputs[index]}"
            rows.append((name, "", "", _print(types[index]), _text(types[index].dtype), "", "", ""))
    outputs = ", ".join(f"{n} {_print(typed.types[t])}" for n, t in graph.outputs.items())
    return Section(graph.name, rows, outputs)


def _laid_out(section: Section, width: int | None, mixed: bool) -> list[str]:
    lines = _fitted(list(section.rows), width, mixed)
    rule = "─" * max(len(line) for line in lines)
    return [rule, lines[0], rule, *lines[1:], rule, f"outputs: {section.outputs}"]


def _fitted(rows: list[tuple[str, ...]], width: int | None, mixed: bool) -> list[str]:
    """The table with all its columns, or without those that tell least where names would be cut too short."""
    dull = ["dtype", "flops", "trainable"] if mixed else ["dtype", "trainable", "flops"]
    widths = {name: max(len(row[at]) for row in rows) for at, name in enumerate(_COLUMNS)}
    least = {name: size if name in _RIGHT | _WHOLE else min(size, _READABLE) for name, size in widths.items()}
    while width is not None and dull and sum(least.values()) + 2 * (len(least) - 1) > width:
        del least[dull.pop(0)]
    at = [_COLUMNS.index(name) for name in least]
    right = frozenset(index for index, name in enumerate(least) if name in _RIGHT)
    whole = frozenset(index for index, name in enumerate(least) if name in _WHOLE)
    return table([tuple(row[index] for index in at) for row in rows], right=right, width=width, whole=whole)


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


def totals(typed: TypedGraph) -> Weights:
    """The numbers in all weights of a model, each layer counted once."""
    return _summed(own_weights(typed.graph, typed.weights).values())


def _summed(weights: Iterable[Weights]) -> Weights:
    trainable: int | Unknown = 0
    fixed: int | Unknown = 0
    for own in weights:
        trainable, fixed = plus(trainable, own.trainable), plus(fixed, own.non_trainable)
    return Weights(trainable, fixed)


def _names(graph: Graph) -> Callable[[Tensor], str]:
    """How the tensors of a graph are referred to."""
    outputs = {call.name: call.outputs for call in graph.calls}
    return lambda tensor: f"{tensor.call}.{outputs[tensor.call][tensor.index]}" if tensor.index else tensor.call


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


def _brief_count(total: Total) -> str:
    """FLOPs in a column: 231.7M; nothing where nothing is multiplied."""
    if total.unknown:
        return _UNKNOWN
    if total.known < 10_000:
        return f"{total.known:,}" if total.known else ""
    size, units = float(total.known), list("kMGTP")
    while size >= 999.95 * 1000 and len(units) > 1:
        size, _ = size / 1000, units.pop(0)
    return f"{size / 1000:,.1f}{units[0]}"


def _size(total: Total) -> str:
    return ("at least " if total.unknown else "") + show_bytes(total.known)


def _without(total: Total) -> str:
    if not total.unknown:
        return ""
    return f"; at least, as {total.unknown:,} step{'s are' if total.unknown > 1 else ' is'} not known"


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
