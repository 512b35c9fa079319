"""What a step of training holds in memory at the least: the batch, and what the gradients of weights are made from.

The gradient of a kernel is a product with what went into its layer, so that tensor stays until then. All else may be
let go sooner, or be made in place, and counts nothing; so does what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netspec.catalog.types import TensorType, Unknown, Weights
from netspec.graph.checks.gradients import stops
from netspec.graph.costs import BYTES
from netspec.graph.infer import own_weights
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

_KERNELS = frozenset(
    (
        *("Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
        *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D", "SeparableConv2D"),
    )
)
_HALVES = frozenset(("float16", "bfloat16", "mixed_float16", "mixed_bfloat16"))
_MOST = 100_000  # calls that are looked at, those of a model each time that it is called


def batch(typed: TypedGraph, rows: int) -> int:
    """Bytes of all inputs for so many rows."""
    return sum(one(typed, name, rows) for name in typed.graph.inputs)


def one(typed: TypedGraph, name: str, rows: int = 1) -> int:
    """Bytes of one input."""
    return _bytes(typed.types[Tensor(name)], rows)


def kept(typed: TypedGraph, outputs: Iterable[str], rows: int) -> int:
    """Bytes that are kept, beside the inputs, for the gradients of the losses of these outputs, for so many rows."""
    graph = typed.graph
    walk = _Walk(typed, own_weights(graph, typed.weights), rows)
    given = [_Held() for _ in graph.inputs]
    walk.graph(typed, given, {graph.outputs[name] for name in outputs})
    return sum(size for each, size in walk.kept.items() if each not in given)


class _Held:
    """One piece of memory, which several tensors may share."""

    __slots__ = ()


@dataclass(slots=True)
class _Walk:
    whole: TypedGraph
    own: Mapping[int, Weights]
    rows: int
    kept: dict[_Held, int] = field(default_factory=dict)
    left: int = _MOST

    def graph(self, typed: TypedGraph, given: Iterable[_Held], wanted: set[Tensor]) -> list[_Held]:
        """Where the outputs of a graph lie whose inputs lie there; `wanted` tensors have a gradient."""
        graph = typed.graph
        calls = graph.live_calls()
        self.left -= len(calls)
        held = {Tensor(name): each for name, each in zip(graph.inputs, given, strict=True)}
        if self.left >= 0:
            reached = _reached(calls, wanted)
            for call in calls:
                self._call(typed, call, held, reached)
        return [held.get(tensor) or _Held() for tensor in graph.outputs.values()]

    def _call(self, typed: TypedGraph, call: Call, held: dict[Tensor, _Held], reached: set[Tensor]) -> None:
        layer, tensors = call.layer, call.tensors()
        made = [Tensor(call.name, at) for at in range(len(call.outputs))]
        if isinstance(layer, Graph):
            found = self._model(typed, layer, tensors, held, {at for at, each in enumerate(made) if each in reached})
            held.update(zip(made, found or [_Held() for _ in made], strict=True))
            return
        first = typed.types[tensors[0]]
        kernel = layer.cls in _KERNELS and len(tensors) == 1
        if kernel and made[0] in reached and self._trains(layer):
            size = _bytes(first, self.rows, 2 if layer.args.get("dtype") in _HALVES else None)
            place = held[tensors[0]]
            self.kept[place] = max(size, self.kept.get(place, 0))
        same = not kernel and len(tensors) == len(made) == 1
        size = _bytes(first, self.rows)
        if same and size == _bytes(typed.types[made[0]], self.rows):
            held[made[0]] = held[tensors[0]]  # it may be the same memory
        else:
            held.update((each, _Held()) for each in made)

    def _model(
        self,
        typed: TypedGraph,
        model: Graph,
        tensors: tuple[Tensor, ...],
        held: Mapping[Tensor, _Held],
        reached: set[int],
    ) -> list[_Held] | None:
        inner = self.whole.nested.get(id(model))
        if inner is None or len(tensors) != len(model.inputs):
            return None
        for tensor, name in zip(tensors, model.inputs, strict=True):
            if typed.types[tensor].shape != inner.types[Tensor(name)].shape:
                return None
        outputs = list(model.outputs.values())
        return self.graph(inner, [held[tensor] for tensor in tensors], {outputs[at] for at in reached})

    def _trains(self, layer: LayerDef) -> bool:
        count = self.own.get(id(layer), Weights()).trainable
        return not isinstance(count, Unknown) and count > 0


def _reached(calls: tuple[Call, ...], wanted: set[Tensor]) -> set[Tensor]:
    """The tensors that surely have a gradient: the wanted ones, and what leads to them through Keras's own layers."""
    found = set(wanted)
    for call in reversed(calls):
        if any(Tensor(call.name, at) in found for at in range(len(call.outputs))):
            layer = call.layer
            plain = isinstance(layer, Graph) or (layer.own is None and not layer.cls.startswith("ops."))
            if plain and not stops(layer.cls):
                found.update(call.tensors())
    return found


def _bytes(tensor: TensorType, rows: int, most: int | None = None) -> int:
    """Bytes of a tensor, of each number at most so many; 0 where they are not known."""
    if isinstance(tensor.shape, Unknown) or isinstance(tensor.dtype, Unknown) or tensor.sparse:
        return 0
    width = BYTES.get(tensor.dtype, 0)
    product = width if most is None else min(width, most)
    for at, dim in enumerate(tensor.shape):
        known = rows if at == 0 and dim is None else dim
        product *= known if isinstance(known, int) else 0
    return product
