"""A Graph to a TypedGraph: the type of every tensor and the weights of every layer, by the catalogue's rules.

What cannot be known is UNKNOWN and silences what depends on it; a refused call is reported once, with what it cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog import shapes
from netspec.catalog.types import UNKNOWN, Inferred, ShapeError, TensorType, Unknown, Weights, show
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph
from netspec.language.schema import Input

_NOTHING = TensorType(UNKNOWN, UNKNOWN)


def infer(graph: Graph, report: Report) -> TypedGraph:
    """Types and weights of `graph`, nested models included; what Keras would refuse is reported."""
    return _Inference(report).graph(graph)


def input_type(part: Input) -> TensorType:
    """The type of an input: its shape with the batch in front."""
    return TensorType((part.batch_size, *part.shape), part.dtype, part.sparse)


@dataclass(slots=True)
class _Refused:
    """A call that was refused, with the number of calls that could not be checked for it."""

    call: Call
    error: ShapeError
    lost: int = 0


@dataclass(slots=True)
class _Inference:
    report: Report
    weights: dict[int, Weights] = field(default_factory=dict)
    typed: dict[int, TypedGraph] = field(default_factory=dict)
    built: dict[int, tuple[TensorType, ...]] = field(default_factory=dict)  # what a layer's first call was given
    again: dict[tuple[int, tuple[TensorType, ...]], Inferred] = field(default_factory=dict)

    def graph(self, graph: Graph) -> TypedGraph:
        """Types of a graph on its declared inputs. Reports at most once for each graph."""
        done = self.typed.get(id(graph))
        if done is not None:
            return done
        types = {
            Tensor(name): input_type(part) if part is not None else _NOTHING for name, part in graph.inputs.items()
        }
        refused: list[_Refused] = []
        cause: dict[Tensor, _Refused] = {}
        for call in graph.calls:
            broken = next((cause[tensor] for tensor in call.tensors() if tensor in cause), None)
            result: Inferred | None = None
            if broken is None:
                try:
                    result = self.call(call, types)
                except ShapeError as error:
                    broken = _Refused(call, error)
                    refused.append(broken)
            else:
                broken.lost += 1
            for index in range(len(call.outputs)):
                tensor = Tensor(call.name, index)
                known = result is not None and index < len(result.outputs)
                types[tensor] = result.outputs[index] if known and result is not None else _NOTHING
                if broken is not None:
                    cause[tensor] = broken
        for each in refused:
            self._report(graph, types, each)
        total = self._total(graph)
        self.weights[id(graph)] = total
        typed = TypedGraph(graph, types, self.weights, self.typed)
        self.typed[id(graph)] = typed
        return typed

    def call(self, call: Call, types: Mapping[Tensor, TensorType]) -> Inferred:
        """Types of one call's outputs; remembers the weights that a first call creates."""
        inputs: dict[str, Any] = {
            name: types[value] if isinstance(value, Tensor) else [types[each] for each in value]
            for name, value in call.inputs.items()
        }
        return self.layer(call.layer, inputs, call.arguments)

    def layer(self, layer: Any, inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> Inferred:
        """Types of a layer or nested model called on `inputs`, by argument name."""
        flat = tuple(
            each for value in inputs.values() for each in (value if isinstance(value, list) else [value])
        )
        if isinstance(layer, Graph):
            return self._model(layer, flat)
        first = self.built.get(id(layer))
        if first is not None and first != flat:
            shapes.check_again(layer.cls, layer.args, first, flat)
        result = shapes.infer(layer.cls, layer.args, inputs, arguments, self._inner)
        if first is None:
            self.built[id(layer)] = flat
            self.weights[id(layer)] = _trained(layer.args, result.weights)
        return Inferred(result.outputs, self.weights[id(layer)])

    def _inner(self, layer: Any, inputs: Sequence[TensorType]) -> Inferred:
        """What a wrapper asks about the layer that it wraps."""
        if isinstance(layer, Graph):
            return self._model(layer, tuple(inputs))
        return self.layer(layer, {"inputs": inputs[0] if len(inputs) == 1 else list(inputs)}, {})

    def _model(self, graph: Graph, given: tuple[TensorType, ...]) -> Inferred:
        """A nested model on inputs that may be more definite than those it was declared with."""
        typed = self.graph(graph)
        declared = [input_type(part) if part is not None else _NOTHING for part in graph.inputs.values()]
        for index, (name, want, got) in enumerate(zip(graph.inputs, declared, given, strict=True)):
            _check_input(graph, name, want, got, index)
        outputs = tuple(typed.types.get(tensor, _NOTHING) for tensor in graph.outputs.values())
        weights = self.weights[id(graph)]
        if all(w.shape == g.shape for w, g in zip(declared, given, strict=True)):
            return Inferred(outputs, weights)
        key = (id(graph), given)
        if key not in self.again:
            types = {
                Tensor(name): TensorType(got.shape, want.dtype)
                for name, want, got in zip(graph.inputs, declared, given, strict=True)
            }
            for call in graph.calls:
                try:
                    result = self.call(call, types)
                except ShapeError:
                    result = Inferred(())
                for index in range(len(call.outputs)):
                    types[Tensor(call.name, index)] = (
                        result.outputs[index] if index < len(result.outputs) else _NOTHING
                    )
            self.again[key] = Inferred(tuple(types.get(t, _NOTHING) for t in graph.outputs.values()), weights)
        return self.again[key]

    def _total(self, graph: Graph) -> Weights:
        """The weights of a graph, each layer counted once however often it is called or wrapped."""
        trainable: int | Unknown = 0
        fixed: int | Unknown = 0
        for own in own_weights(graph, self.weights).values():
            trainable, fixed = plus(trainable, own.trainable), plus(fixed, own.non_trainable)
        return Weights(trainable, fixed)

    # messages

    def _report(self, graph: Graph, types: Mapping[Tensor, TensorType], refused: _Refused) -> None:
        call, error = refused.call, refused.error
        tensors = call.tensors()
        path, key = self._where(call, error)
        spans = []
        notes = []
        for index in error.inputs if len(tensors) > 1 else ():
            if index < len(tensors):
                where = _declared_at(graph, tensors[index])
                if where is not None:
                    spans.append((where, show(types[tensors[index]].shape)))
        at_fault = [tensors[i] for i in error.inputs if i < len(tensors)] or list(tensors[:1])
        origin = _origin(graph, types, at_fault[-1], error.axis) if at_fault else None
        if origin is not None:
            notes.append(self._origin_note(graph, types, at_fault[-1], origin, error.axis))
        if refused.lost:
            notes.append(f"{refused.lost} step{'s' if refused.lost > 1 else ''} below {'were' if refused.lost > 1 else 'was'} not checked")
        message = error.message
        self.report.add(error.code, path, message, key=key, spans=spans, notes=notes, help=error.help)

    def _where(self, call: Call, error: ShapeError) -> tuple[Path, bool]:
        """The smallest span that is wrong: the argument, the tensor's name under `from`, or the layer."""
        layer = call.layer
        if error.argument is not None and isinstance(layer, LayerDef):
            return (*layer.path, error.argument), False
        if error.inputs and len(call.tensors()) > 1:
            return (*call.path, "from", error.inputs[-1]), False
        if isinstance(layer, LayerDef) and not layer.shared:
            return layer.path, True
        return call.path, False

    def _origin_note(
        self, graph: Graph, types: Mapping[Tensor, TensorType], tensor: Tensor, origin: Call, axis: int | None
    ) -> str:
        line = self.report.locator.locate(origin.path).line
        cls = "model" if isinstance(origin.layer, Graph) else f"`{origin.layer.cls}`"
        made = types[Tensor(origin.name)].shape
        source = origin.tensors()
        before = types[source[0]].shape if source else UNKNOWN
        if not (axis is None or isinstance(made, Unknown) or isinstance(before, Unknown)) and (
            len(made) == len(before) and -len(made) <= axis < len(made)
        ):
            return f"{cls} at line {line} made axis {axis % len(made)} {_dim(made[axis])} out of {_dim(before[axis])}"
        if isinstance(before, Unknown):
            return f"{cls} at line {line} gave {show(made)}"
        return f"{cls} at line {line} made {show(made)} out of {show(before)}"


def own_weights(graph: Graph, weights: Mapping[int, Weights]) -> dict[int, Weights]:
    """Layer by identity -> the weights that are its own, layers inside models and wrappers listed on their own.

    So a layer that is both called and wrapped is there once, and the sum over the values is the model's.
    """
    found: dict[int, Weights] = {}
    stack: list[tuple[Any, bool]] = [(call.layer, True) for call in graph.live_calls()]
    while stack:
        layer, trainable = stack.pop()
        if isinstance(layer, Graph):
            stack.extend((call.layer, trainable) for call in layer.live_calls())
            continue
        if id(layer) in found:
            continue
        own = weights.get(id(layer), Weights(UNKNOWN, UNKNOWN))
        trainable = trainable and layer.args.get("trainable") is not False
        inner = layer.args.get("layer")
        if layer.cls != "Bidirectional" and isinstance(inner, Graph | LayerDef):
            within = weights.get(id(inner), Weights(UNKNOWN, UNKNOWN))
            own = Weights(minus(own.trainable, within.trainable), minus(own.non_trainable, within.non_trainable))
            stack.append((inner, trainable))
        found[id(layer)] = own if trainable else Weights(0, plus(own.trainable, own.non_trainable))
    return found


def plus(a: int | Unknown, b: int | Unknown) -> int | Unknown:
    """The sum, unknown where a part is."""
    return UNKNOWN if isinstance(a, Unknown) or isinstance(b, Unknown) else a + b


def minus(a: int | Unknown, b: int | Unknown) -> int | Unknown:
    """The difference, unknown where a part is."""
    return UNKNOWN if isinstance(a, Unknown) or isinstance(b, Unknown) else a - b


def _trained(args: Mapping[str, Any], weights: Weights) -> Weights:
    """`trainable: false` moves all of a layer's weights to the other side."""
    if args.get("trainable") is False:
        return Weights(0, plus(weights.trainable, weights.non_trainable))
    return weights


def _check_input(graph: Graph, name: str, want: TensorType, got: TensorType, index: int) -> None:
    """What a Functional model's input spec checks: the rank, and every declared dimension."""
    if isinstance(want.shape, Unknown) or isinstance(got.shape, Unknown):
        return
    same = len(want.shape) == len(got.shape) and all(
        w is None or g is None or isinstance(w, Unknown) or isinstance(g, Unknown) or w == g
        for w, g in zip(want.shape[1:], got.shape[1:], strict=True)
    )
    if not same:
        message = f"input `{name}` of model `{graph.name}` is {show(want.shape)}, got {show(got.shape)}"
        raise ShapeError(message, code="NS404", inputs=(index,))


def _declared_at(graph: Graph, tensor: Tensor) -> Path | None:
    if tensor.call in graph.inputs:
        return (*graph.path, "inputs", tensor.call)
    call = next((call for call in graph.calls if call.name == tensor.call), None)
    if call is None:
        return None
    return (*call.path, "name") if call.named else call.path


def _origin(graph: Graph, types: Mapping[Tensor, TensorType], tensor: Tensor, axis: int | None) -> Call | None:
    """The call where the offending axis (the whole shape, without one) last changed, walking up."""
    by_name = {call.name: call for call in graph.calls}
    while (call := by_name.get(tensor.call)) is not None:
        sources = call.tensors()
        if not sources:
            return call
        here, above = types[tensor].shape, types[sources[0]].shape
        if isinstance(here, Unknown) or isinstance(above, Unknown):
            return None
        if len(here) != len(above) or len(sources) > 1:
            return call
        if axis is None or not -len(here) <= axis < len(here):
            if here != above:
                return call
        elif here[axis] != above[axis]:
            return call
        tensor = sources[0]
    return None


def _dim(dim: Any) -> str:
    return "any" if dim is None else str(dim)
