"""What a typed graph costs: numbers and bytes of its weights, bytes of what its calls put out, FLOPs of an example.

A total is exact, or at least what is known of it; `Total.unknown` says how many calls or layers could not be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog import flops as catalog_flops
from netspec.catalog.types import UNKNOWN, TensorType, Unknown, Weights
from netspec.diagnostics import Path, Place, Report
from netspec.graph.infer import infer, own_weights, plus
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph
from netspec.language.schema import Input

BYTES = {
    **dict.fromkeys(("bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}
_COUNT = 8
_MIXED = frozenset(("mixed_float16", "mixed_bfloat16"))  # compute in half precision, keep weights in float32
_MOST_AGAIN = 200_000  # calls of nested models on other shapes than they were declared with, until all is unknown

WRAPPERS = catalog_flops.WRAPPERS
YES, NO, PART = "yes", "no", "part"
_NONE, _YES, _NO, _PART, _UNSURE = (frozenset(each) for each in ((), (YES,), (NO,), (PART,), ("?",)))
_UNTOLD = Weights(UNKNOWN, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum: what is known of it, and how many parts of it are not."""

    known: int = 0
    unknown: int = 0

    @property
    def exact(self) -> int | Unknown:
        """The sum where every part of it is known."""
        return UNKNOWN if self.unknown else self.known

    def __add__(self, other: Total) -> Total:
        return Total(self.known + other.known, self.unknown + other.unknown)

    def times(self, factor: int | Unknown) -> Total:
        """So many times as much."""
        if isinstance(factor, Unknown):
            return Total(0, 1) if self.known or self.unknown else self
        return Total(self.known * factor, self.unknown if factor else 0)


NOTHING = Total()


def of(count: int | Unknown) -> Total:
    """One part of a sum."""
    if count == 0:
        return NOTHING
    return Total(0, 1) if isinstance(count, Unknown) else Total(count)


@dataclass(frozen=True, slots=True)
class Row:
    """What one call costs; a call of a model costs what the calls inside cost.

    `parameters` and `weights` (bytes) are those of layers that no call above has brought. `outputs` are the bytes of
    what comes out at the batch size, `flops` those of one example. `trainable` is "yes", "no", "part", UNKNOWN, or
    None where there are no weights. `inner` is the model that the call runs, `often` how many times (at each step).
    """

    call: Call
    parameters: Total
    weights: Total
    outputs: Total
    flops: Total
    trainable: str | Unknown | None
    inner: Inner | None = None
    often: int | Unknown = 1


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """The calls of a nested model on given inputs, and what they come to."""

    rows: tuple[Row, ...]
    outputs: Total
    flops: Total


@dataclass(frozen=True, slots=True)
class Costs:
    """All costs of one graph: a row for each call that feeds an output, and the sums over them.

    `own` are the weights of each layer's own, by identity; `even` says that all outputs grow with the batch.
    """

    rows: tuple[Row, ...]
    batch_size: int
    own: Mapping[int, Weights]
    even: bool = True

    @property
    def parameters(self) -> Total:
        """Numbers in all weights, each layer counted once."""
        return _sum(row.parameters for row in self.rows)

    @property
    def weights(self) -> Total:
        """Bytes of all weights."""
        return _sum(row.weights for row in self.rows)

    @property
    def activations(self) -> Total:
        """Bytes of all calls' outputs for one batch."""
        return _sum(row.outputs for row in self.rows)

    @property
    def flops(self) -> Total:
        """FLOPs of one example, forward."""
        return _sum(row.flops for row in self.rows)


def _sum(parts: Iterable[Total]) -> Total:
    known = unknown = 0
    for part in parts:
        known, unknown = known + part.known, unknown + part.unknown
    return Total(known, unknown)


def costs(typed: TypedGraph, batch_size: int = 32, *, own: Mapping[int, Weights] | None = None) -> Costs:
    """What each call of a graph costs, and all of them.

    Args:
        typed: a graph with its types.
        batch_size: examples in a batch; an input with a fixed batch size has the last word.
        own: the `own_weights` of the model that `typed` is a part of, which may have frozen what is in it.
    """
    size = typed.graph.fixed_batch or batch_size
    known = own_weights(typed.graph, typed.weights) if own is None else own
    costing = _Costing(typed, known, size)
    return Costs(costing.rows(typed), size, known, costing.even)


def held(
    layer: LayerDef | Graph, own: Mapping[int, Weights], seen: set[int] | None = None
) -> Iterator[tuple[LayerDef, Total, Total]]:
    """Each layer in a layer or model, once, with the numbers and the bytes of the weights that are its own.

    Layers and models in `seen` are left out; those that are met go into it.
    """
    seen = set() if seen is None else seen
    stack: list[Any] = [layer]
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        stack.extend(reversed(_inside(each)))
        if isinstance(each, LayerDef):
            mine = own.get(id(each), _UNTOLD)
            number = plus(mine.trainable, mine.non_trainable)
            if number == 0:
                yield each, NOTHING, NOTHING
            else:
                size = _product(number, _weight_bytes(each))
                if each.cls == "Normalization":  # it counts what it has seen in a whole number of its own
                    size = plus(size, _COUNT - 4) if _weight_bytes(each) == 4 else UNKNOWN
                yield each, of(number), of(size)


def sized(typed: TypedGraph) -> Iterator[tuple[int, Weights, int]]:
    """Each layer by identity with the weights of its own, and the bytes of one number in them, 4 if not known."""
    own = own_weights(typed.graph, typed.weights)
    for layer, number, size in held(typed.graph, own):
        bytes_ = size.known // number.known if number.known and size.known else 4
        yield id(layer), own.get(id(layer), _UNTOLD), bytes_


@dataclass(slots=True)
class _Costing:
    typed: TypedGraph
    own: Mapping[int, Weights]  # the weights of each layer's own, by identity
    batch: int
    seen: set[int] = field(default_factory=set)  # layers and models whose weights have been counted
    states: dict[int, frozenset[str]] = field(default_factory=dict)
    models: dict[tuple[int, tuple[TensorType, ...]], Inner | None] = field(default_factory=dict)
    left: int = _MOST_AGAIN
    even: bool = True

    def rows(self, typed: TypedGraph) -> tuple[Row, ...]:
        """A row for each live call. Descends once for each level that models are nested in."""
        return tuple(self._row(call, typed.types) for call in typed.graph.live_calls())

    def _row(self, call: Call, types: Mapping[Tensor, TensorType]) -> Row:
        layer = call.layer
        parameters, weights = self._new_weights(layer)
        trainable = self._trainable(layer)
        made = tuple(types[Tensor(call.name, index)] for index in range(len(call.outputs)))
        outputs = NOTHING
        for each in made:
            outputs += of(self._bytes(each))
        if isinstance(layer, LayerDef) and layer.cls not in WRAPPERS:
            inputs: dict[str, Any] = {
                name: types[value] if isinstance(value, Tensor) else [types[each] for each in value]
                for name, value in call.inputs.items()
            }
            flops = of(catalog_flops.flops(layer.cls, layer.args, inputs, made, call.arguments))
            return Row(call, parameters, weights, outputs, flops, trainable)
        given = [types[tensor] for tensor in call.tensors()]
        often: int | Unknown = 1
        if isinstance(layer, LayerDef):
            layer, often, first, output = catalog_flops.unwrapped(layer, given[0], made[0])
            given = [first]
        if isinstance(layer, Graph):
            inner = self._model(layer, given)
            unknown = Total(0, 1)
            outputs, flops = (unknown, unknown) if inner is None else (inner.outputs, inner.flops)
            return Row(call, parameters, weights, outputs.times(often), flops.times(often), trainable, inner, often)
        flops = of(catalog_flops.flops(layer.cls, layer.args, {"inputs": first}, (output,), {})).times(often)
        return Row(call, parameters, weights, outputs, flops, trainable)

    def _model(self, graph: Graph, given: Sequence[TensorType]) -> Inner | None:
        """A nested model on these inputs; None where these are not known, or it would take too long."""
        declared = self.typed.nested.get(id(graph))
        if declared is None or len(given) != len(graph.inputs):
            return None
        wanted = [declared.types[Tensor(name)] for name in graph.inputs]
        taken = tuple(TensorType(got.shape, want.dtype) for want, got in zip(wanted, given, strict=True))
        key = (id(graph), taken)
        if key not in self.models:
            typed: TypedGraph | None = declared
            if any(want.shape != got.shape for want, got in zip(wanted, taken, strict=True)):
                typed = self._on(graph, taken)
            rows = () if typed is None else self.rows(typed)
            sums = _sum(row.outputs for row in rows), _sum(row.flops for row in rows)
            self.models[key] = None if typed is None else Inner(rows, *sums)
        return self.models[key]

    def _on(self, graph: Graph, given: Sequence[TensorType]) -> TypedGraph | None:
        """A nested model with the types that it has on these inputs."""
        self.left -= len(graph.calls)
        if self.left < 0 or any(isinstance(each.shape, Unknown) for each in given):
            return None
        inputs = {name: _input(each) for name, each in zip(graph.inputs, given, strict=True)}
        return infer(Graph(graph.name, inputs, graph.calls, graph.outputs, graph.path), Report(_Nowhere()))

    def _new_weights(self, layer: LayerDef | Graph) -> tuple[Total, Total]:
        """Numbers and bytes of the weights in a layer or model that no call above has brought."""
        parameters = weights = NOTHING
        for _, number, size in held(layer, self.own, self.seen) if id(layer) not in self.seen else ():
            parameters, weights = parameters + number, weights + size
        return parameters, weights

    def _bytes(self, tensor: TensorType) -> int | Unknown:
        """Bytes of a tensor for one batch; UNKNOWN where an axis is free, and for texts and sparse tensors."""
        if isinstance(tensor.shape, Unknown) or isinstance(tensor.dtype, Unknown) or tensor.sparse:
            return UNKNOWN
        batch, *rest = tensor.shape or (1,)
        if batch is None:
            batch = self.batch
        else:
            self.even = False
        product: int | Unknown = BYTES.get(tensor.dtype, UNKNOWN)
        for dim in (batch, *rest):
            product = UNKNOWN if dim is None else _product(product, dim)
        return product

    def _trainable(self, layer: LayerDef | Graph) -> str | Unknown | None:
        states = self._states(layer)
        if len(states) < 2:
            return UNKNOWN if "?" in states else next(iter(states), None)
        return UNKNOWN if "?" in states and PART not in states and not {YES, NO} <= states else PART

    def _states(self, layer: LayerDef | Graph) -> frozenset[str]:
        """Which of "yes", "no", "part" and "?" the layers in a layer or model are, as far as they have weights."""
        if id(layer) not in self.states:
            own = self._state(layer) if isinstance(layer, LayerDef) else _NONE
            self.states[id(layer)] = own.union(*(self._states(each) for each in _inside(layer)))
        return self.states[id(layer)]

    def _state(self, layer: LayerDef) -> frozenset[str]:
        own = self.own.get(id(layer), _UNTOLD)
        if layer.cls in WRAPPERS:
            return _NONE  # what a wrapper keeps of its own is no weight to train
        if isinstance(own.trainable, Unknown):
            return _PART if _partly_frozen(layer) else _UNSURE
        if own.trainable == 0:
            return _NONE if own.non_trainable == 0 else _NO
        return _PART if layer.args.get("lora_rank") else _YES


class _Nowhere:
    """The places of what is not said: a model that is inferred once more has been found right."""

    def locate(self, path: Path, *, key: bool = False) -> Place:
        return Place("", 1, 1, 1, 1)


def _input(tensor: TensorType) -> Input:
    """An input of this type; unknown sizes go by the checks, which hold for what a spec says."""
    batch, *shape = () if isinstance(tensor.shape, Unknown) else tensor.shape
    return Input.model_construct(shape=tuple(shape), dtype=tensor.dtype, batch_size=batch)


def _inside(layer: Any) -> tuple[Any, ...]:
    """The layers and models right inside one, as far as they have weights of their own."""
    if isinstance(layer, Graph):
        return tuple(call.layer for call in layer.live_calls())
    inner = layer.args.get("layer") if layer.cls in WRAPPERS else None
    return () if inner is None else (inner,)


def _partly_frozen(layer: LayerDef) -> bool:
    """Whether cells, or the two layers of a Bidirectional, are frozen in part: then their counts are unknown."""
    stack: list[Any] = [layer]
    while stack:
        args = stack.pop().args
        if args.get("trainable") is False:
            return True
        for name in ("cell", "cells", "layer", "backward_layer"):
            value = args.get(name)
            stack.extend(each for each in (value if isinstance(value, list) else [value]) if hasattr(each, "args"))
    return False


def _weight_bytes(layer: LayerDef) -> int | Unknown:
    """Bytes of one number in a layer's weights: its dtype policy's, or that of the cells or layers that hold them."""
    holders = _holders(layer)
    if not holders:
        return _size_of(layer.args.get("dtype"))
    sizes: set[int | Unknown] = set()
    while holders:
        each = holders.pop()
        inner = _holders(each)
        holders += inner
        if not inner:
            sizes.add(_size_of(each.args.get("dtype")))
    return next(iter(sizes)) if len(sizes) == 1 else UNKNOWN


def _holders(layer: Any) -> list[Any]:
    """The cells of a recurrent layer that is made of some, the two layers of a Bidirectional."""
    names = ("layer", "backward_layer") if layer.cls == "Bidirectional" else ("cell", "cells")
    parts = [layer.args[name] for name in names if name in layer.args]
    return [each for part in parts for each in (part if isinstance(part, list) else [part]) if hasattr(each, "cls")]


def _size_of(policy: Any) -> int | Unknown:
    if policy is None or policy in _MIXED:
        return 4
    return BYTES.get(policy, UNKNOWN) if isinstance(policy, str) else UNKNOWN


def _product(one: int | Unknown, other: int | Unknown) -> int | Unknown:
    return UNKNOWN if isinstance(one, Unknown) or isinstance(other, Unknown) else one * other
