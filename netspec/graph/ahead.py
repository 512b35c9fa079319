"""Which steps of a sequence surely see what stands behind them, so that what a model is to say next is before it.

Sure, or not said: only layers are followed whose steps are known, and a test compares them with Keras's own numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.catalog.types import Unknown
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

_RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN"))
_EACH_NUMBER = frozenset(
    (
        *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "GaussianDropout"),
        *("GaussianNoise", "Identity", "LeakyReLU", "PReLU", "ReLU", "SpatialDropout1D"),
    )
)
_NORMS = frozenset(("LayerNormalization", "RMSNormalization", "UnitNormalization", "Softmax"))
_CONVOLUTIONS = frozenset(("Conv1D", "SeparableConv1D", "DepthwiseConv1D"))
_POOLS = frozenset(("MaxPooling1D", "AveragePooling1D"))
_GLOBAL = frozenset(("GlobalAveragePooling1D", "GlobalMaxPooling1D"))
_JOINING = frozenset(("Add", "Average", "Concatenate", "Subtract"))
_ATTENTION = frozenset(("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"))
_MOST = 10  # calls that are named

# How a tensor lies to the steps of the input.
STEPS = "steps"  # axis 1 goes along them
FLAT = "flat"  # one axis, step by step
TURNED = "turned"  # axis 2 goes along them
MIXED = "mixed"  # every number is made of several steps
SOME = "some"  # several steps are in it, in no known place


@dataclass(frozen=True, slots=True)
class Seen:
    """How a tensor lies to the steps, and by which calls (by identity) a step in it sees what stands behind it."""

    form: str
    by: tuple[int, ...] = ()


def ahead(typed: TypedGraph) -> dict[str, tuple[Call, ...]]:
    """By output that is a sequence, the calls by which its steps look ahead; of a model whose one input is one too."""
    graph = typed.graph
    if len(graph.inputs) != 1:
        return {}
    (name,) = graph.inputs
    shape = _shape(typed, Tensor(name))
    if shape is None or len(shape) not in (2, 3) or (shape[1] is not None and shape[1] < 2):
        return {}
    walk = _Walk(typed, shape[1])
    found = walk.graph(typed, [Seen(FLAT if len(shape) == 2 else STEPS)])
    looking = {}
    for (output, tensor), seen in zip(graph.outputs.items(), found, strict=True):
        made = _shape(typed, tensor)
        whole = made is not None and len(made) == 3 and made[1] == shape[1]
        if whole and seen is not None and seen.form in (STEPS, MIXED) and seen.by:
            looking[output] = tuple(walk.calls[each] for each in seen.by)
    return looking


def _shape(typed: TypedGraph, tensor: Tensor) -> tuple[int | None, ...] | None:
    shape = typed.types[tensor].shape
    if isinstance(shape, Unknown):
        return None
    return tuple(None if isinstance(dim, Unknown) else dim for dim in shape)


@dataclass(slots=True)
class _Walk:
    whole: TypedGraph
    steps: int | None
    calls: dict[int, Call] = field(default_factory=dict)
    _done: dict[tuple[int, tuple[Seen | None, ...]], list[Seen | None]] = field(default_factory=dict)

    def graph(self, typed: TypedGraph, given: Sequence[Seen | None]) -> list[Seen | None]:
        """How the outputs of a graph lie when its inputs lie so."""
        key = (id(typed.graph), tuple(given))
        if key not in self._done:
            graph = typed.graph
            known = {Tensor(name): seen for name, seen in zip(graph.inputs, given, strict=True) if seen is not None}
            for call in graph.live_calls():
                seen = [known.get(tensor) for tensor in call.tensors()]
                if any(seen):
                    for at, each in enumerate(self._call(call, seen, typed)):
                        if each is not None:
                            known[Tensor(call.name, at)] = each
            self._done[key] = [known.get(tensor) for tensor in graph.outputs.values()]
        return self._done[key]

    def _call(self, call: Call, seen: list[Seen | None], typed: TypedGraph) -> Sequence[Seen | None]:
        layer = call.layer
        if isinstance(layer, Graph):
            inner = self.whole.nested.get(id(layer))
            return self.graph(inner, seen) if inner is not None and len(seen) == len(layer.inputs) else ()
        shapes = [_shape(typed, tensor) for tensor in call.tensors()]
        made = _shape(typed, Tensor(call.name))
        if layer.own is not None or made is None or None in shapes:
            return ()
        if layer.cls == "TimeDistributed":
            inner = layer.args.get("layer")
            plain = isinstance(inner, LayerDef) and inner.cls in _EACH_NUMBER | {"Dense"} and _plain(inner)
            return seen if plain and seen[0] is not None and seen[0].form in (STEPS, MIXED) else ()
        if layer.cls in _JOINING:
            if layer.cls == "Subtract" and len(set(call.tensors())) == 1:
                return ()
            return [self._joined(layer, seen, [each or () for each in shapes], made)]
        if layer.cls in _ATTENTION:
            return [self._attended(call, layer, seen)]
        if seen[0] is None:
            return ()
        if layer.cls in _RECURRENT or layer.cls == "Bidirectional":
            return self._recurred(call, layer, seen)
        if len(seen) > 1:
            return ()
        return [self._alone(call, layer, seen[0], made)]

    def _mixing(self, call: Call, seen: Seen, form: str) -> Seen:
        """The same, looking ahead by this call too."""
        self.calls[id(call)] = call
        return Seen(form, _union((seen.by, (id(call),))))

    def _alone(self, call: Call, layer: LayerDef, seen: Seen, made: tuple[int | None, ...]) -> Seen | None:
        """What a layer makes of its one tensor; `made` is the shape of that."""
        cls, args, form = layer.cls, layer.args, seen.form
        if not _plain(layer):
            return None
        if cls in _EACH_NUMBER:
            return seen
        if cls == "Embedding":
            return replace(seen, form=STEPS) if form == FLAT and made[1] == self.steps else None
        if cls == "Dense":
            return (
                self._mixing(call, seen, MIXED) if form in (FLAT, TURNED) or (form == SOME and len(made) == 2) else seen
            )
        if cls in _NORMS or cls in ("BatchNormalization", "GroupNormalization"):
            return self._normed(call, layer, seen)
        if cls in _CONVOLUTIONS | _POOLS:
            return self._slid(call, layer, seen, made)
        if cls in _GLOBAL and args.get("data_format") in (None, "channels_last"):
            return seen if form == MIXED else self._mixing(call, seen, MIXED) if form in (STEPS, SOME) else None
        if cls == "Flatten":
            return replace(seen, form=FLAT) if form == STEPS else None if form == TURNED else seen
        if cls == "Reshape":
            return self._reshaped(seen, made)
        if cls == "RepeatVector":
            return self._mixing(call, seen, STEPS) if form == FLAT and made[1] == self.steps else _only(seen, MIXED)
        if cls == "Permute" and list(args.get("dims", ())) == [2, 1]:
            return replace(seen, form={STEPS: TURNED, TURNED: STEPS}.get(form, form)) if form != FLAT else None
        return None

    def _reshaped(self, seen: Seen, made: tuple[int | None, ...]) -> Seen | None:
        if seen.form in (MIXED, SOME):
            return seen
        if seen.form == TURNED:
            return None
        if len(made) == 2:
            return replace(seen, form=FLAT)
        return replace(seen, form=STEPS) if len(made) == 3 and made[1] == self.steps is not None else None

    def _normed(self, call: Call, layer: LayerDef, seen: Seen) -> Seen | None:
        """Normalization by the numbers of one step, or of all of them."""
        axis = layer.args.get("axis", -1)
        axes = axis if isinstance(axis, list | tuple) else [axis]
        if seen.form == MIXED:
            return seen
        if seen.form != STEPS or not all(isinstance(each, int) for each in axes):
            return None
        if layer.cls == "BatchNormalization":  # other examples', or what it has learned
            return seen
        if layer.cls == "GroupNormalization":
            return self._mixing(call, seen, STEPS) if axes in ([-1], [2]) else None
        if set(axes) <= {-1, 2}:
            return seen
        return self._mixing(call, seen, STEPS) if set(axes) <= {1, -2, 2, -1} else None

    def _slid(self, call: Call, layer: LayerDef, seen: Seen, made: tuple[int | None, ...]) -> Seen | None:
        """Of a window that slides along the steps."""
        args, pool = layer.args, layer.cls in _POOLS
        if args.get("data_format") not in (None, "channels_last"):
            return None
        if seen.form == MIXED:
            return seen
        if seen.form == TURNED:
            whole = layer.cls == "Conv1D" and args.get("groups", 1) == 1
            return self._mixing(call, seen, MIXED) if whole else None
        size = _one(args.get("pool_size", 2) if pool else args.get("kernel_size"))
        stride = _one((args.get("strides") or size) if pool else args.get("strides", 1))
        rate = _one(args.get("dilation_rate", 1))
        if seen.form == FLAT or size is None or stride is None or rate is None:
            return None
        wide, padding = (size - 1) * rate, args.get("padding", "valid")
        if seen.form == STEPS and stride == 1 and (padding == "causal" or wide == 0):
            return seen
        if seen.form == STEPS and stride == 1 and padding == "same":
            behind = wide - wide // 2  # how far its last place looks
            return self._mixing(call, seen, STEPS) if self.steps is None or behind < self.steps else None
        several = wide > 0 or (made[1] or 0) > 1  # or nothing but the first step may be left
        return Seen(SOME, seen.by) if several and padding in ("valid", "same") else None

    def _recurred(self, call: Call, layer: LayerDef, seen: list[Seen | None]) -> list[Seen | None]:
        args, both = layer.args, layer.cls == "Bidirectional"
        inner = args.get("layer") if both else layer
        back = args.get("backward_layer") if both else None
        first = seen[0]
        if first is None or not isinstance(inner, LayerDef):
            return []
        if not {inner.cls, *([back.cls] if isinstance(back, LayerDef) else ())} <= _RECURRENT:
            return []
        args = inner.args
        states = [each.by for each in seen[1:] if each is not None and each.form == MIXED]
        first = replace(first, by=_union((first.by, *states)))
        count = len(call.outputs)
        if first.form not in (STEPS, MIXED, SOME, TURNED):
            return []
        last = first if first.form == MIXED else self._mixing(call, first, MIXED)
        if not args.get("return_sequences"):
            return [last] * count
        behind = [last] * (count - 1)
        if first.form in (MIXED, TURNED):
            return [last, *behind]
        if first.form == SOME:
            return [first, *behind]
        turned = self._mixing(call, first, STEPS)
        if not both:
            return [turned if args.get("go_backwards") else first, *behind]
        if layer.args.get("merge_mode", "concat") is None:
            return [None if args.get("go_backwards") else first, *([turned] if count == 2 else [])]
        return [turned, *behind]

    def _attended(self, call: Call, layer: LayerDef, seen: list[Seen | None]) -> Seen | None:
        """Where each step of the query looks at all steps of the value, or at those up to its own."""
        if layer.args.get("attention_axes") is not None or len(call.outputs) > 1:
            return None
        query, value, masked = self._named(call, seen)
        if query is None or query.form not in (STEPS, MIXED):
            return None
        if query.form == MIXED:
            return query
        if value is None or masked:
            return query
        causal = call.arguments.get("use_causal_mask")
        if causal not in (None, False, True) or value.form not in (STEPS, MIXED):
            return query
        found = Seen(STEPS, _union((query.by, value.by)))
        return found if causal or value.form == MIXED else self._mixing(call, found, STEPS)

    def _named(self, call: Call, seen: list[Seen | None]) -> tuple[Seen | None, Seen | None, bool]:
        """The query and the value of attention, and whether a mask of the spec's own says what is looked at."""
        found: dict[str, Seen | None] = {"query": None, "value": None}
        at, masked = 0, False
        for name, given in call.inputs.items():
            parts = seen[at : at + 1] if isinstance(given, Tensor) else seen[at : at + len(given)]
            at += len(parts)
            if name == "inputs":
                found |= dict(zip(("query", "value"), parts, strict=False))
            elif name in found:
                found[name] = parts[0]
            elif name != "key":
                masked = True
        return found["query"], found["value"], masked

    def _joined(
        self,
        layer: LayerDef,
        seen: list[Seen | None],
        shapes: list[tuple[int | None, ...]],
        made: tuple[int | None, ...],
    ) -> Seen | None:
        """Of several tensors side by side or one upon the other; of those that are not known nothing is said."""
        there = [each for each in seen if each is not None]
        by = _union(each.by for each in there)
        forms = {each.form for each in there}
        together = layer.cls == "Concatenate"
        if forms == {MIXED} and (len(there) == len(seen) or not together):
            return Seen(MIXED, by)
        if together and layer.args.get("axis", -1) not in (-1, len(made) - 1):
            return None
        if len(made) == 2:
            return Seen(SOME, by) if together and forms <= {FLAT, SOME, MIXED} else None
        if (
            len(made) != 3
            or made[1] != self.steps
            or not forms <= {STEPS, MIXED}
            or any(len(each) != 3 for each in shapes)
        ):
            return None
        return Seen(STEPS, by)


def _plain(layer: LayerDef) -> bool:
    """Whether a layer's activation, if it has one, is one of Keras's by name."""
    return isinstance(layer.args.get("activation", ""), str | None)


def _only(seen: Seen, form: str) -> Seen | None:
    return seen if seen.form == form else None


def _one(value: Any) -> int | None:
    """A size along the one axis."""
    found = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    return found if isinstance(found, int) else None


def _union(parts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))[:_MOST]
