"""Of which inputs a model does not see the padding, so that each batch may have a length of its own.

Sure, or not said: only layers are followed that are known to leave masked steps out, and a test compares their answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

_RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN"))
# Layers that work at each step alone, and hand the mask on.
_EACH_STEP = frozenset(
    (
        *("Activation", "AlphaDropout", "Dense", "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "Identity"),
        *("LayerNormalization", "LeakyReLU", "ReLU", "SpatialDropout1D"),
    )
)
_JOINING = frozenset(("Add", "Average", "Concatenate", "Subtract"))


@dataclass(frozen=True, slots=True)
class Steps:
    """A tensor goes along the steps of this input; `masked` says whether it carries the mask of its padding."""

    input: str
    masked: bool


@dataclass(frozen=True, slots=True)
class Padding:
    """The inputs whose padding can be cut off; of the others with a free first dimension the call that looks at it.

    None stands for an output, which has the padding's steps itself.
    """

    cut: tuple[str, ...]
    seen: dict[str, Call | None]


def padding(typed: TypedGraph) -> Padding:
    """Of a whole model. Padding is 0, in front or behind; the batch size of none of its inputs is fixed."""
    graph = typed.graph
    free = {
        name: Steps(name, False)
        for name, part in graph.inputs.items()
        if part is not None and part.shape and part.shape[0] is None and len(part.shape) <= 2
        if not part.sparse and not part.optional
    }
    if not free or graph.fixed_batch is not None:
        return Padding((), {})
    walk = _Walk(typed)
    for made in walk.graph(typed, [free.get(name) for name in graph.inputs]):
        if made is not None:
            walk.seen.setdefault(made.input, None)
    return Padding(tuple(name for name in free if name not in walk.seen), walk.seen)


@dataclass(slots=True)
class _Walk:
    whole: TypedGraph
    seen: dict[str, Call | None] = field(default_factory=dict)
    _done: dict[tuple[int, tuple[Steps | None, ...]], list[Steps | None]] = field(default_factory=dict)

    def graph(self, typed: TypedGraph, given: Sequence[Steps | None]) -> list[Steps | None]:
        """What the outputs of a graph go along when its inputs go along these."""
        key = (id(typed.graph), tuple(given))
        if key not in self._done:
            graph = typed.graph
            along = {Tensor(name): steps for name, steps in zip(graph.inputs, given, strict=True) if steps is not None}
            for call in graph.live_calls():
                steps = [along.get(tensor) for tensor in call.tensors()]
                if any(steps):
                    found = self._call(call, steps, typed)
                    along |= {Tensor(call.name, at): each for at, each in enumerate(found) if each is not None}
            self._done[key] = [along.get(tensor) for tensor in graph.outputs.values()]
        return self._done[key]

    def _call(self, call: Call, steps: list[Steps | None], typed: TypedGraph) -> Sequence[Steps | None]:
        layer = call.layer
        if isinstance(layer, Graph):
            inner = self.whole.nested.get(id(layer))
            if inner is not None and len(steps) == len(layer.inputs) and not call.arguments:
                return self.graph(inner, steps)
            found = None
        else:
            found = _after(layer, call, steps, typed)
        if found is None:
            for each in steps:
                if each is not None:
                    self.seen.setdefault(each.input, call)
            return ()
        return found


def _after(layer: LayerDef, call: Call, steps: list[Steps | None], typed: TypedGraph) -> Sequence[Steps | None] | None:
    """What the outputs of a layer go along; None where padding may make a difference."""
    args, first = layer.args, steps[0]
    # A layer with first states or a mask of its own is given no mask; a penalty on outputs counts the padding's, too.
    if len(call.inputs) > 1 or set(call.arguments) - {"training"} or args.get("activity_regularizer") is not None:
        return None
    if layer.cls in _JOINING:
        last = args.get("axis", -1) in (-1, 2)
        return [first] if first is not None and first.masked and last and set(steps) == {first} else None
    if first is None or len(steps) > 1:
        return None
    if not first.masked:
        rank = 1 if layer.cls == "Embedding" else 2
        makes = layer.cls == "Embedding" and args.get("mask_zero") is True
        makes = makes or (layer.cls == "Masking" and args.get("mask_value", 0) == 0)
        part = typed.graph.inputs.get(call.tensors()[0].call)
        return [Steps(first.input, True)] if makes and part is not None and len(part.shape) == rank else None
    if layer.cls == "Bidirectional":
        ways = [args["layer"], *([args["backward_layer"]] if args.get("backward_layer") is not None else [])]
        if not all(isinstance(way, LayerDef) and _recurs(way) for way in ways):
            return None
        whole = [first] * (2 if args.get("merge_mode", "concat") is None else 1)
        return whole if ways[0].args.get("return_sequences") else []
    if layer.cls in _RECURRENT:
        return None if not _recurs(layer) else [first] if args.get("return_sequences") else []
    if layer.cls == "GlobalAveragePooling1D":
        return [] if args.get("data_format") in (None, "channels_last") else None
    plain = args.get("noise_shape") is None and args.get("axis", -1) in (-1, [-1])
    plain = plain and isinstance(args.get("activation", ""), str | None)
    return [first] if layer.cls in _EACH_STEP and plain else None


def _recurs(layer: LayerDef) -> bool:
    """Whether it is a recurrent layer that leaves masked steps out."""
    args = layer.args
    return layer.cls in _RECURRENT and not args.get("stateful") and args.get("activity_regularizer") is None
