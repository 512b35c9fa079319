"""Steps with weights that no gradient reaches: what an optimizer leaves as it was, whatever the data.

A gradient goes from the losses upwards, through floats alone and through what has a derivative. Held against Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netspec.catalog.types import TensorType, Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.checks.survey import Survey, called, place, wrapped
from netspec.graph.ir import Call, Graph, KerasObject, LayerDef, Tensor, Training, TypedGraph
from netspec.language.spec import Spec

_MOST_WAYS = 4  # in which the outputs of one nested model are used; beyond, it is taken as if all of them were

# What has no derivative, or one that is zero everywhere; by the arguments meant, all of them if empty. Layers and
# operations that give whole numbers need no entry: no gradient goes through those.
_STOPS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Embedding", "ReversibleEmbedding", "CategoryEncoding", "Discretization"), ()),
    **dict.fromkeys(("Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"), ()),
    **dict.fromkeys(
        (
            *("ops.stop_gradient", "ops.one_hot", "ops.multi_hot", "ops.sign", "ops.heaviside", "ops.floor_divide"),
            *("ops.floor", "ops.ceil", "ops.round", "ops.trunc", "ops.angle", "ops.imag"),
            *("ops.zeros_like", "ops.ones_like", "ops.empty_like"),
        ),
        (),
    ),
    "ops.full_like": ("x",),
}
_MASKS = frozenset(("mask", "attention_mask", "query_mask", "value_mask", "key_mask"))
_NO_FLOATS = ("int", "uint", "bool", "string")


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why no gradient reaches a tensor: a call that stops it, or an output by name with what is amiss there."""

    call: Call | None = None
    output: str = ""
    why: str = ""


_Signal = _Cause | None  # None: a gradient comes
_UNUSED = _Cause(why="unused")


@dataclass(slots=True)
class _Backward:
    """One walk from the outputs of a graph to its inputs for each way in which they are used."""

    found: Survey
    trained: set[int] = field(default_factory=set)  # layers that a gradient reaches, by identity
    missed: dict[int, tuple[Call, _Cause]] = field(default_factory=dict)  # those that none reached on some way
    done: dict[tuple[int, tuple[bool, ...]], Mapping[str, _Signal]] = field(default_factory=dict)
    ways: dict[int, int] = field(default_factory=dict)

    def graph(self, typed: TypedGraph, outputs: tuple[_Signal, ...]) -> Mapping[str, _Signal]:
        """What reaches the inputs of a graph when this reaches its outputs, in order."""
        graph = typed.graph
        key = (id(graph), tuple(signal is None for signal in outputs))
        if key not in self.done and self.ways.get(id(graph), 0) >= _MOST_WAYS:
            outputs = (None,) * len(outputs)
            key = (id(graph), (True,) * len(outputs))
        if key not in self.done:
            self.ways[id(graph)] = self.ways.get(id(graph), 0) + 1
            self.done[key] = self._walk(typed, outputs)
        return self.done[key]

    def _walk(self, typed: TypedGraph, outputs: tuple[_Signal, ...]) -> Mapping[str, _Signal]:
        graph = typed.graph
        signals: dict[Tensor, _Signal] = {}
        for tensor, signal in zip(graph.outputs.values(), outputs, strict=True):
            _merge(signals, tensor, signal)
        for call in reversed(graph.live_calls()):
            self._call(typed, call, signals)
        return {name: signals.get(Tensor(name), _UNUSED) for name in graph.inputs}

    def _call(self, typed: TypedGraph, call: Call, signals: dict[Tensor, _Signal]) -> None:
        """What a call lets through from its outputs to its inputs."""
        chain = wrapped(call.layer)
        work = chain[-1]
        tensors = [Tensor(call.name, index) for index in range(len(call.outputs))]
        got = [signals.get(tensor, _UNUSED) for tensor in tensors]
        if any(_active(layer) for layer in chain):  # a loss of its own on what it gives
            got = [None] * len(got)
        got = [
            _Cause(call) if _whole_numbers(typed.types.get(tensor)) else signal
            for tensor, signal in zip(tensors, got, strict=True)
        ]
        for layer in chain:
            if isinstance(layer, LayerDef):
                self._weights(layer, call, got)
        inner: list[_Signal] = []
        if isinstance(work, Graph):
            nested = self.found.typed.nested.get(id(work))
            if nested is not None:
                ways = tuple(got) if len(got) == len(work.outputs) else (_best(got),) * len(work.outputs)
                inner = list(self.graph(nested, ways).values())
        index = 0
        for name, value in call.inputs.items():
            for tensor in (value,) if isinstance(value, Tensor) else value:
                _merge(signals, tensor, self._through(call, work, name, index, got, inner))
                index += 1

    def _weights(self, layer: LayerDef, call: Call, got: list[_Signal]) -> None:
        """Whether a gradient reaches the weights of a layer, from its outputs or from a penalty on them."""
        best = _best(got)
        if best is None or _penalized(layer):
            self.trained.add(id(layer))
        else:
            self.missed.setdefault(id(layer), (call, best))

    def _through(
        self, call: Call, work: LayerDef | Graph, name: str, index: int, got: list[_Signal], inner: list[_Signal]
    ) -> _Signal:
        best = _best(got)
        if best is not None:
            return best
        if isinstance(work, Graph):
            return inner[index] if index < len(inner) else inner[0] if inner else None
        held = _STOPS.get(work.cls)
        if name in _MASKS:
            return _Cause(call)
        if held is None or (held and name not in held) or call.arguments.get("reverse"):
            return None
        return _Cause(call)


def stops(cls: str) -> bool:
    """Whether no gradient ever goes through a layer or operation, whatever the type of what it gives.

    >>> stops("ops.sign"), stops("Dense")
    (True, False)
    """
    return _STOPS.get(cls) == ()


def check_gradients(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS514: a warning for each thing that keeps weights from being trained; an error where it keeps all of them."""
    if all(plan.losses.get(name) is None for name in found.typed.graph.outputs):
        return  # not meant to be trained; fit says so
    if found.unlike and _all_frozen(found):
        message = "`losses` train nothing: every layer with weights is frozen"
        what = "`freeze`" if spec.freeze else "`trainable: false`"
        cure = f"leave out {what} where something is to be learned, or `losses` where nothing is"
        report.add("NS511", ("losses",), message, key=True, severity="warning", help=cure)
        return
    if not any(_of_output(spec, plan, name) for name in found.typed.graph.outputs) and not _may_stop(found):
        return
    walk = _walked(spec, found, plan)
    causes: dict[_CauseKey, tuple[_Cause, dict[int, Call]]] = {}
    for call, cause in _missed(walk).values():
        causes.setdefault(_key(cause), (cause, {}))[1][id(call)] = call
    everything = not any(_may_train(found, layer) for layer in walk.trained)
    for cause, calls in causes.values():
        if cause.why not in ("said", "unused"):
            _report(cause, list(calls.values()), everything, report)


def _all_frozen(found: Survey) -> bool:
    """Whether some weights are frozen and none is left to train, as far as all of them are known."""
    own = found.own.values()
    if any(isinstance(each.trainable, Unknown) or each.trainable for each in own):
        return False
    return any(found.frozen(call.layer) for typed in found.graphs for call in typed.graph.live_calls())


def _may_stop(found: Survey) -> bool:
    """Whether anything in the model may keep a gradient from what stands above: a quick look at most models."""
    if not found.classes.isdisjoint(_STOPS):
        return True
    return any(
        tensor.call not in typed.graph.inputs and _whole_numbers(of)
        for typed in found.graphs
        for tensor, of in typed.types.items()
    )


def unreached(spec: Spec, found: Survey, plan: Training) -> frozenset[int]:
    """The layers with weights to train that no gradient reaches, by identity."""
    return frozenset(_missed(_walked(spec, found, plan)))


def _walked(spec: Spec, found: Survey, plan: Training) -> _Backward:
    walk = _Backward(found)
    walk.graph(found.typed, tuple(_of_output(spec, plan, name) for name in found.typed.graph.outputs))
    return walk


def _missed(walk: _Backward) -> dict[int, tuple[Call, _Cause]]:
    """Layer by identity -> the call on which it is met from below, and why no gradient reaches it."""
    return {
        layer: missed
        for layer, missed in walk.missed.items()
        if layer not in walk.trained and _has_weights(walk.found, layer)
    }


def _of_output(spec: Spec, plan: Training, name: str) -> _Signal:
    """What reaches an output; an output that is told to have no loss already is not told again."""
    if plan.losses.get(name) is None:
        said = isinstance(spec.losses, dict) and name not in spec.losses
        return _Cause(output=name, why="said" if said else "which has no loss")
    return _Cause(output=name, why="whose loss weighs 0") if plan.loss_weights.get(name) == 0 else None


_CauseKey = tuple[int, str]


def _key(cause: _Cause) -> _CauseKey:
    return (0 if cause.call is None else id(cause.call), cause.output)


def _report(cause: _Cause, calls: list[Call], everything: bool, report: Report) -> None:
    nearest, more = calls[0], len(calls) - 1
    what = called(nearest, report)
    spans: list[tuple[Path, str, bool]] = []
    if cause.call is None:
        message = f"no gradient reaches {what}: it feeds output `{cause.output}` alone, {cause.why}"
        if nearest.named and nearest.name == cause.output:
            message = f"no gradient reaches output `{cause.output}`, {cause.why}"
        cure = f"give output `{cause.output}` a loss" if "no loss" in cause.why else "give that loss a weight above 0"
    else:
        message = f"no gradient reaches {what}: {_stopper(cause.call)} lets none through"
        spans.append((place(cause.call)[0], "stops gradients", place(cause.call)[1]))
        cure = "let what it gives reach a loss by another way"
    own = isinstance(nearest.layer, LayerDef)
    if everything:
        message = f"nothing is trained, since {message}"
    elif own:
        cure += ", or freeze it: `trainable: false`"
    notes = [f"nor {_listed(calls[1:], report)}"] if 0 < more <= 3 else []
    if more > 3:
        notes = [f"nor {more} other steps above it"]
    path, key = place(nearest)
    severity = "error" if everything else None
    report.add("NS514", path, message, key=key, spans=spans, notes=notes, help=cure, severity=severity)


def _listed(calls: list[Call], report: Report) -> str:
    """Calls in words, side by side."""
    names = list(dict.fromkeys(called(call, report) for call in calls))
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _stopper(call: Call) -> str:
    layer = wrapped(call.layer)[-1]
    what = f"model `{layer.name}`" if isinstance(layer, Graph) else f"`{layer.cls}`"
    return f"`{call.name}`, {what}," if call.named else what


def _merge(signals: dict[Tensor, _Signal], tensor: Tensor, signal: _Signal) -> None:
    """A gradient from any side is one; of causes the first one met, which is the lowest, stays."""
    before = signals.get(tensor, _UNUSED)
    if signal is None or (before is not None and before.why == "unused"):
        signals[tensor] = signal


def _best(got: list[_Signal]) -> _Signal:
    """A gradient if one comes from any output, else the cause that says most."""
    if None in got:
        return None
    return next((cause for cause in got if cause is not None and cause.why != "unused"), got[0] if got else None)


def _whole_numbers(tensor: TensorType | None) -> bool:
    """Whether a tensor surely holds no floats, so that no gradient goes through it."""
    return tensor is not None and not isinstance(tensor.dtype, Unknown) and tensor.dtype.startswith(_NO_FLOATS)


def _objects(layer: LayerDef) -> Iterator[tuple[str, object]]:
    """The arguments of a layer, those of its cells included."""
    for name, value in layer.args.items():
        yield name, value
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, KerasObject) and each.kind == "cell":
                yield from each.args.items()


def _penalized(layer: LayerDef) -> bool:
    """Whether a regularizer on its weights gives them a gradient of their own."""
    return any(name.endswith("_regularizer") and value is not None for name, value in _objects(layer))


def _active(layer: LayerDef | Graph) -> bool:
    return isinstance(layer, LayerDef) and (
        layer.cls == "ActivityRegularization" or layer.args.get("activity_regularizer") is not None
    )


def _has_weights(found: Survey, layer: int) -> bool:
    own = found.own.get(layer)
    return own is not None and not isinstance(own.trainable, Unknown) and own.trainable > 0


def _may_train(found: Survey, layer: int) -> bool:
    own = found.own.get(layer)
    return own is not None and (isinstance(own.trainable, Unknown) or own.trainable > 0)
