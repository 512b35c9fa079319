"""A Graph to a TypedGraph: the type of every tensor and the weights of every layer, by the catalogue's rules.

What cannot be known is UNKNOWN and silences what depends on it; a refused call is reported once, with what it cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog import OPS, shapes
from netspec.catalog.shapes.rule import RULES
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, Weights, show
from netspec.diagnostics import Report
from netspec.graph.blame import InnerError, Refused, report_refused
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph
from netspec.language.schema import Input
from netspec.language.spec import Own

_NOTHING = TensorType(UNKNOWN, UNKNOWN)
_MOST_KNOWN = 2_000  # answers that are kept, over all specs of a process
_known: dict[tuple[Any, ...], Inferred] = {}
_MOST_AXES = 254  # of a tensor of TensorFlow, the batch among them
_MOST_NUMBERS = 2**63 - 1
_MOST_REFUSED = 2_000  # calls of one graph that are told about; a report holds fewer
_PLAIN = frozenset((bool, int, float, str, type(None)))
_MOST_AGAIN = 200_000  # calls of nested models on other shapes than they were declared with, until all is unknown


def infer(graph: Graph, report: Report) -> TypedGraph:
    """Types and weights of `graph`, nested models included; what Keras would refuse is reported."""
    return _Inference(report).graph(graph)


def _declared(part: Input | None) -> TensorType:
    return _NOTHING if part is None else input_type(part)


def _outputs(call: Call, result: Inferred | None) -> list[TensorType]:
    """A type for every output of a call, unknown where the rule gives none."""
    known = result.outputs if result is not None else ()
    return [known[index] if index < len(known) else _NOTHING for index in range(len(call.outputs))]


def input_type(part: Input) -> TensorType:
    """The type of an input: its shape with the batch in front."""
    return TensorType((part.batch_size, *part.shape), part.dtype, part.sparse)


@dataclass(slots=True)
class _Inference:
    report: Report
    weights: dict[int, Weights] = field(default_factory=dict)
    typed: dict[int, TypedGraph] = field(default_factory=dict)
    built: dict[int, tuple[TensorType, ...]] = field(default_factory=dict)  # what a layer's first call was given
    again: dict[tuple[int, bool, tuple[TensorType, ...]], Inferred | ShapeError] = field(default_factory=dict)
    refusing: set[int] = field(default_factory=set)  # graphs in which a call is refused
    left: int = _MOST_AGAIN
    uncast: bool = False  # whether each layer is asked about its inputs as they are, without the cast that comes first

    def graph(self, graph: Graph) -> TypedGraph:
        """Types of a graph on its declared inputs. Reports at most once for each graph."""
        done = self.typed.get(id(graph))
        if done is not None:
            return done
        types = {Tensor(name): _declared(part) for name, part in graph.inputs.items()}
        refused: list[Refused] = []
        cause: dict[Tensor, Refused] = {}
        for call in graph.calls:
            broken = next((cause[tensor] for tensor in call.tensors() if tensor in cause), None)
            result: Inferred | None = None
            if broken is None:
                try:
                    result = self.call(call, types)
                except ShapeError as error:
                    error.__traceback__ = None  # it would keep all that was looked at
                    if len(refused) < _MOST_REFUSED:
                        refused.append(Refused(call, error))
                    broken = refused[-1]
            else:
                broken.lost += 1
            for index, output in enumerate(_outputs(call, result)):
                tensor = Tensor(call.name, index)
                types[tensor] = output
                if broken is not None:
                    cause[tensor] = broken
        if refused:
            self.refusing.add(id(graph))
            report_refused(graph, types, refused, self.report)
        for inner in graph.aside:
            self.graph(inner)
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
        flat = tuple(each for value in inputs.values() for each in (value if isinstance(value, list) else [value]))
        if isinstance(layer, Graph):
            return self._model(layer, flat)
        first = self.built.get(id(layer))
        if first is not None and first != flat:
            shapes.check_again(layer.cls, layer.args, first, flat)
        result = self._answer(layer, inputs, arguments)
        if first is None:
            self.built[id(layer)] = flat
            self.weights[id(layer)] = _trained(layer, result.weights)
        return Inferred(result.outputs, self.weights[id(layer)])

    def _answer(self, layer: LayerDef, inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> Inferred:
        """What the layer's rule says; a layer like one before, on the same types, is not worked out again."""
        if layer.own is not None:
            return _of_own(layer.own, inputs)
        args = layer.args if not self.uncast or layer.cls.startswith(OPS) else {**layer.args, "autocast": False}
        key = _key(layer.cls, args, inputs, arguments)
        if key is None:
            return _held(layer.cls, shapes.infer(layer.cls, args, inputs, arguments, self._inner))
        found = _known.get(key)
        if found is None:
            found = _held(layer.cls, shapes.infer(layer.cls, args, inputs, arguments, self._inner))
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[key] = found
        return found

    def _inner(self, layer: Any, inputs: Sequence[TensorType]) -> Inferred:
        """What a wrapper asks about the layer that it wraps."""
        if isinstance(layer, Graph):
            return self._model(layer, tuple(inputs))
        try:
            return self.layer(layer, {"inputs": inputs[0] if len(inputs) == 1 else list(inputs)}, {})
        except ShapeError as error:
            if isinstance(error, InnerError) or layer.shared:
                raise
            refused = InnerError(error.message, code=error.code, help=error.help)
            named = error.argument is not None and error.argument in layer.args
            refused.inner = ((*layer.path, error.argument), False) if error.argument and named else (layer.path, True)
            raise refused from None

    def _model(self, graph: Graph, given: tuple[TensorType, ...]) -> Inferred:
        """A nested model on inputs that may be more definite than those it was declared with."""
        if len(given) != len(graph.inputs):
            message = (
                f"model `{graph.name}` has {len(graph.inputs)} inputs, so it cannot be wrapped; got {len(given)} tensor"
            )
            raise ShapeError(message, code="NS404", argument="layer")
        typed = self.graph(graph)
        weights = self.weights[id(graph)]
        declared = [_declared(part) for part in graph.inputs.values()]
        taken = [
            _taken(graph, name, want, got, index)
            for index, (name, want, got) in enumerate(zip(graph.inputs, declared, given, strict=True))
        ]
        if id(graph) in self.refusing:
            return Inferred((_NOTHING,) * len(graph.outputs), weights)
        if all(want.shape == got.shape for want, got in zip(declared, taken, strict=True)):
            return Inferred(tuple(typed.types[tensor] for tensor in graph.outputs.values()), weights)
        key = (id(graph), self.uncast, tuple(given))
        if key not in self.again:
            if self.uncast:
                taken = [TensorType(each.shape, got.dtype) for each, got in zip(taken, given, strict=True)]
            self.again[key] = self._again(graph, taken, weights)
            if not self.uncast and isinstance(self.again[key], Inferred):
                self.again[key] = self._as_said(graph, given, self.again[key])
        found = self.again[key]
        if isinstance(found, ShapeError):
            raise found
        return found

    def _as_said(self, graph: Graph, given: tuple[TensorType, ...], real: Any) -> Inferred:
        """The outputs as they will come, less the dtypes that Keras declares otherwise.

        For a nested model on other shapes it asks the layers inside one by one, and leaves out the cast before each.
        """
        self.uncast = True
        try:
            said: tuple[TensorType, ...] = self._model(graph, given).outputs
        except ShapeError:
            said = (_NOTHING,) * len(real.outputs)
        finally:
            self.uncast = False
        outputs = (
            one if one.dtype == other.dtype else TensorType(one.shape, UNKNOWN, one.sparse)
            for one, other in zip(real.outputs, said, strict=True)
        )
        return Inferred(tuple(outputs), real.weights)

    def _again(self, graph: Graph, given: Sequence[TensorType], weights: Weights) -> Inferred | ShapeError:
        """The outputs of a nested model on these inputs, or why one of its calls refuses what it gets from them."""
        self.left -= len(graph.calls)
        if self.left < 0:
            return Inferred((_NOTHING,) * len(graph.outputs), weights)
        types = {Tensor(name): tensor for name, tensor in zip(graph.inputs, given, strict=True)}
        for call in graph.live_calls():
            try:
                result = self.call(call, types)
            except ShapeError as error:
                shown = " and ".join(show(tensor.shape) for tensor in given)
                message = f"model `{graph.name}` cannot take {shown}: {error.message}"
                refused = InnerError(message, code=error.code, help=error.help)
                refused.path = error.path if isinstance(error, InnerError) and error.path is not None else call.path
                return refused
            types.update({Tensor(call.name, index): output for index, output in enumerate(_outputs(call, result))})
        return Inferred(tuple(types[tensor] for tensor in graph.outputs.values()), weights)

    def _total(self, graph: Graph) -> Weights:
        """The weights of a graph, each layer counted once however often it is called or wrapped."""
        trainable: int | Unknown = 0
        fixed: int | Unknown = 0
        for own in own_weights(graph, self.weights).values():
            trainable, fixed = plus(trainable, own.trainable), plus(fixed, own.non_trainable)
        return Weights(trainable, fixed)


def _of_own(own: Own, inputs: Mapping[str, Any]) -> Inferred:
    """What a layer of the user's own says that it gives; nothing is known of its weights."""
    first = next(iter(inputs.values()), _NOTHING)
    first = first[0] if isinstance(first, list) else first
    batch = UNKNOWN if isinstance(first.shape, Unknown) or not first.shape else first.shape[0]
    outputs = tuple(TensorType((batch, *shape), UNKNOWN) for shape in own.shape or ())
    return Inferred(outputs or (_NOTHING,), Weights(UNKNOWN, UNKNOWN))


def _held(cls: str, result: Inferred) -> Inferred:
    """The same answer; raises ShapeError for outputs that are no tensors of TensorFlow, whatever the memory.

    It ends the process instead of raising, or would be handed numbers of a size that costs us time and memory.
    """
    for output in result.outputs:
        shape = output.shape
        if isinstance(shape, Unknown):
            continue
        if len(shape) > _MOST_AXES:
            message = f"`{cls}` gives {len(shape):,} axes, the batch among them; TensorFlow has at most {_MOST_AXES}"
            raise ShapeError(message)
        numbers = 1
        for dim in shape:
            numbers *= dim if isinstance(dim, int) else 1
            if numbers > _MOST_NUMBERS and 0 not in shape:
                raise ShapeError(f"`{cls}` gives more than 2^63 numbers for one example; TensorFlow has no such tensor")
    return result


def _key(
    cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any], arguments: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """A rule and all that it looks at; None where a layer or another object is among its arguments."""
    parts: list[Any] = [RULES.get(cls), cls]
    for name, given in inputs.items():
        parts += (name, tuple(given) if given.__class__ is list else given)
    for values in (args, arguments):
        for name, value in values.items():
            if value.__class__ is list:
                value = tuple(value)
                if not all(each.__class__ in _PLAIN for each in value):
                    return None
            elif value.__class__ not in _PLAIN:
                return None
            parts += (name, value.__class__, value)
        parts.append(None)
    return tuple(parts)


def own_weights(graph: Graph, weights: Mapping[int, Weights]) -> dict[int, Weights]:
    """Layer by identity -> the weights that are its own, layers inside models and wrappers listed on their own.

    So a layer that is both called and wrapped is there once, and the sum over the values is the model's.
    What `trainable: false` stands on is frozen with all that it wraps, wherever else that is used.
    """
    found: dict[int, Weights] = {}
    frozen: set[int] = set()
    seen: set[tuple[int, bool]] = set()
    stack: list[tuple[Any, bool]] = [(graph, True)]
    while stack:
        layer, trainable = stack.pop()
        trainable = trainable and layer.args.get("trainable") is not False
        if (id(layer), trainable) in seen:
            continue
        seen.add((id(layer), trainable))
        if isinstance(layer, Graph):
            stack.extend((call.layer, trainable) for call in layer.live_calls())
            continue
        own = weights.get(id(layer), Weights(UNKNOWN, UNKNOWN))
        inner = layer.args.get("layer")
        if layer.cls != "Bidirectional" and isinstance(inner, Graph | LayerDef):
            within = weights.get(id(inner), Weights(UNKNOWN, UNKNOWN))
            own = Weights(minus(own.trainable, within.trainable), minus(own.non_trainable, within.non_trainable))
            stack.append((inner, trainable))
        found[id(layer)] = own
        if not trainable:
            frozen.add(id(layer))
    for each in frozen:
        found[each] = Weights(0, plus(found[each].trainable, found[each].non_trainable))
    return found


def plus(a: int | Unknown, b: int | Unknown) -> int | Unknown:
    """The sum, unknown where a part is."""
    return UNKNOWN if isinstance(a, Unknown) or isinstance(b, Unknown) else a + b


def minus(a: int | Unknown, b: int | Unknown) -> int | Unknown:
    """The difference, unknown where a part is."""
    return UNKNOWN if isinstance(a, Unknown) or isinstance(b, Unknown) else a - b


def _trained(layer: LayerDef, weights: Weights) -> Weights:
    """`trainable: false` moves all of a layer's weights to the other side."""
    frozen = _frozen(layer)
    if frozen is None:
        return Weights(UNKNOWN, UNKNOWN)
    return Weights(0, plus(weights.trainable, weights.non_trainable)) if frozen else weights


def _frozen(layer: Any, *, copied: bool = False) -> bool | None:
    """Whether a layer or cell, or all that it wraps, has `trainable: false`; None where a part of it has.

    From a stack of cells Keras does not pass it on to them; nor from an RNN or a ConvLSTM to its cell, unless it is
    set after construction, which nobody does for the copies that Bidirectional makes.
    """
    args = layer.args
    lost = layer.cls == "StackedRNNCells" or (copied and layer.cls.startswith(("RNN", "ConvLSTM")))
    if args.get("trainable") is False and not lost:
        return True
    cells = args.get("cell", args.get("cells"))
    parts = [(part, copied) for part in (cells if isinstance(cells, list) else [cells])]
    parts += [(args.get("layer"), copied or layer.cls == "Bidirectional"), (args.get("backward_layer"), copied)]
    answers = {_frozen(part, copied=copy) for part, copy in parts if part is not None}
    return None if len(answers) > 1 else next(iter(answers), False)


def _taken(graph: Graph, name: str, want: TensorType, got: TensorType, index: int) -> TensorType:
    """What a nested model makes of a tensor for its input `name`, as Keras's Functional does.

    It compares sizes up to a last axis of 1. Such an axis it adds or drops, but only on values: its symbolic answer is
    another one, so ours is unknown. Raises ShapeError where Keras refuses.
    """
    if isinstance(want.shape, Unknown) or isinstance(got.shape, Unknown):
        return TensorType(got.shape, want.dtype)
    shape, declared = got.shape, want.shape
    pairs = zip(_without_last_one(declared)[1:], _without_last_one(shape)[1:], strict=False)
    fits = not any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs)
    dropped = len(shape) == len(declared) + 1 and shape[-1] == 1
    added = len(shape) == len(declared) - 1 and declared[-1] == 1
    if fits and (dropped or added):
        return TensorType(UNKNOWN, want.dtype)
    if not fits or len(shape) != len(declared):
        message = f"input `{name}` of model `{graph.name}` is {show(declared)}, got {show(got.shape)}"
        axis = next(
            (at for at, (a, b) in enumerate(zip(declared, shape, strict=False)) if at and a not in (None, b)), None
        )
        raise ShapeError(message, code="NS404", inputs=(index,), axis=axis if len(shape) == len(declared) else None)
    return TensorType(shape, want.dtype)


def _without_last_one(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape
