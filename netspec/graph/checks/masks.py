"""The masks of a model, from what makes them downwards: NS410 where a call fails on one when it runs.

Walked as Keras runs a model, not as it builds it; one walk for each way in which a nested model is called. What is not
known of a mask silences what depends on it. Held against Keras.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netspec.catalog.masks import TAKING, Carried, Mask, MaskError, Run, carried, clash, makes
from netspec.catalog.types import UNKNOWN, Dim, Shape, TensorType, Unknown, show
from netspec.diagnostics import Path, Report
from netspec.graph.checks.survey import Survey, called, place, wrapped
from netspec.graph.ir import Call, Graph, KerasObject, LayerDef, Tensor, Training, TypedGraph
from netspec.graph.training import loss_class, loss_path
from netspec.language.spec import Spec

_MOST_WAYS = 8  # in which one nested model is given masks; beyond, nothing is known of its outputs
_FARTHEST = 100  # calls that are looked at between two
_MOST_TAKERS = 20  # of one tensor
_NOTHING = TensorType(UNKNOWN, UNKNOWN)
# Layers that may hand back the very tensor that they are given.
_PASSING = frozenset(
    (
        *("Identity", "Activation", "ActivityRegularization", "Dropout", "AlphaDropout", "GaussianDropout"),
        *("GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Add", "Maximum", "Minimum"),
        *("Multiply", "ops.cast", "ops.real", "ops.conj", "ops.conjugate", "ops.array", "ops.convert_to_tensor"),
    )
)
_MERGING = frozenset(("Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum", "Concatenate"))
# Losses that give one number for each place of the output, up to its last axis.
_LOSSES = frozenset(
    (
        *("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"),
        *("BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
        *("CategoricalFocalCrossentropy", "KLDivergence", "Poisson", "LogCosh", "Huber", "Hinge", "SquaredHinge"),
        *("CategoricalHinge",),
    )
)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What made a mask: where it stands, whether a key is meant there, and what it is in words."""

    path: Path
    key: bool
    said: str
    cure: str


@dataclass(slots=True)
class Masks:
    """One walk over a model. `sure` is False where Keras may fail and that is not known."""

    found: Survey
    report: Report
    sure: bool = True
    _told: set[Path] = field(default_factory=set)
    _done: dict[tuple[int, tuple[Carried, ...]], tuple[Carried, ...]] = field(default_factory=dict)
    _ways: dict[int, int] = field(default_factory=dict)
    _named: dict[int, dict[str, Call]] = field(default_factory=dict)  # the calls of a graph that is told about

    def graph(self, typed: TypedGraph, given: Sequence[Carried]) -> tuple[Carried, ...]:
        """The masks of a graph's outputs when its inputs carry these."""
        key = (id(typed.graph), tuple(given))
        if key not in self._done:
            ways = self._ways[id(typed.graph)] = self._ways.get(id(typed.graph), 0) + 1
            if ways > _MOST_WAYS:
                self.sure = False
                return (UNKNOWN,) * len(typed.graph.outputs)
            self._done[key] = self._walked(typed, given)
        return self._done[key]

    def _walked(self, typed: TypedGraph, given: Sequence[Carried]) -> tuple[Carried, ...]:
        graph = typed.graph
        calls = graph.live_calls()
        masks = {Tensor(name): mask for name, mask in zip(graph.inputs, given, strict=True) if mask is not None}
        taken = _Taken(calls) if "MultiHeadAttention" in self.found.classes else None
        for call in calls:
            layer = call.layer
            if not _looks(layer) and not any(tensor in masks for tensor in call.tensors()) and not _written(call):
                continue
            attached = {
                name: [self._at(masks, tensor, taken, call) for tensor in _each(value)]
                for name, value in call.inputs.items()
            }
            if taken is not None and layer.cls in _MERGING and not self._built(typed, call, attached, masks):
                masks[Tensor(call.name)] = UNKNOWN
                continue
            for index, mask in enumerate(self._call(typed, call, attached)):
                if mask is not None:
                    masks[Tensor(call.name, index)] = mask
        return tuple(self._at(masks, tensor, taken, None) for tensor in graph.outputs.values())

    def _at(self, masks: Mapping[Tensor, Carried], tensor: Tensor, taken: _Taken | None, call: Call | None) -> Carried:
        """The mask that a tensor carries when a call runs, or at last."""
        mask = masks.get(tensor)
        if mask is None or taken is None:
            return mask
        gone = taken.before(tensor, call)
        if gone and call is not None and (isinstance(call.layer, Graph) or call.layer.cls in TAKING):
            gone = None  # such a call may have kept the mask that it met when the model was built
        return mask if gone is False else None if gone else UNKNOWN

    def _built(
        self, typed: TypedGraph, call: Call, attached: dict[str, list[Carried]], masks: Mapping[Tensor, Carried]
    ) -> bool:
        """Whether a merging layer takes the masks that it meets when the model is built, before any is gone."""
        whole = {name: [masks.get(tensor) for tensor in _each(value)] for name, value in call.inputs.items()}
        if whole != attached:
            try:
                carried(self._run(typed, call, whole))
            except MaskError as error:
                error.__traceback__ = None
                self.sure = False
                return False
        return True

    def _run(self, typed: TypedGraph, call: Call, attached: dict[str, list[Carried]]) -> Run:
        """A call of a layer with these masks on its tensors."""
        assert isinstance(call.layer, LayerDef)
        types = typed.types
        outputs = [types.get(Tensor(call.name, index), _NOTHING) for index in range(len(call.outputs))]
        inputs = {name: [types[tensor] for tensor in _each(value)] for name, value in call.inputs.items()}
        return Run(call.layer.cls, call.layer.args, inputs, attached, call.arguments, outputs, self._inner)

    def _call(self, typed: TypedGraph, call: Call, attached: dict[str, list[Carried]]) -> Sequence[Carried]:
        layer = call.layer
        if isinstance(layer, Graph):
            return self._inner(layer, [mask for masks in attached.values() for mask in masks])
        run = self._run(typed, call, attached)
        if all(isinstance(output.shape, Unknown) for output in run.outputs):
            self.sure = False
            return [UNKNOWN] * len(run.outputs)
        try:
            found = carried(run)
        except MaskError as error:
            error.__traceback__ = None
            self._tell(typed, call, run, error)
            return [UNKNOWN] * len(run.outputs)
        self.sure = self.sure and run.sure
        if any(isinstance(mask, Mask) and mask.origin is None for mask in found):
            origin = self._origin(call)
            found = [
                Mask(mask.shape, origin) if isinstance(mask, Mask) and mask.origin is None else mask for mask in found
            ]
        return found

    def _inner(self, graph: Graph, given: Sequence[Carried]) -> list[Carried]:
        typed = self.found.typed.nested.get(id(graph))
        if typed is None or len(given) != len(graph.inputs):
            self.sure = False
            return [UNKNOWN] * len(graph.outputs)
        return list(self.graph(typed, given))

    # messages

    def _origin(self, call: Call) -> _Origin:
        """What a call says of a mask that it makes, or that it is given."""
        path, key = place(call)
        what, layer = called(call, self.report), wrapped(call.layer)[-1]
        if isinstance(layer, LayerDef) and layer.cls == "Masking":
            return _Origin(path, key, f"{what} makes the mask", "take out the `Masking`")
        if isinstance(layer, LayerDef) and makes(layer.cls, layer.args):
            said = f"{what} makes the mask, for it has `mask_zero: true`"
            return _Origin((*layer.path, "mask_zero"), True, said, "leave out `mask_zero` if 0 is no padding")
        return _Origin(path, key, f"{what} is given the mask by its `from`", "leave the mask out there")

    def _tell(self, typed: TypedGraph, call: Call, run: Run, error: MaskError) -> None:
        path, key = place(call)
        if path in self._told:
            return
        self._told.add(path)
        origin = error.mask.origin or self._origin(call)
        spans = [(origin.path, "makes the mask", origin.key)] if origin.path != path else []
        work = wrapped(call.layer)[-1]
        name = f"`{work.cls}`" if work is call.layer else f"`{work.cls}` inside `{call.layer.cls}`"
        notes, cures = [origin.said], []
        above = self._named.setdefault(id(typed.graph), {})
        if not above:
            above.update({each.name: each for each in typed.graph.calls})
        for tensor in call.tensors():
            maker = above.get(tensor.call)
            if maker is not None and maker.layer.cls == "TimeDistributed":
                notes.append(f"{called(maker, self.report)} hands the mask of its input on as it is")
                break
        if error.instead and work is call.layer:
            cures.append(f"`{error.instead}` in its place looks at no mask")
        else:
            cures += self._dropping(call, run, error.mask, above)
        help = ", or ".join([*cures, origin.cure])
        self.report.add("NS410", path, f"{name} {error.message}", key=key, spans=spans, notes=notes, help=help)

    def loss(self, spec: Spec, output: str, dims: tuple[Dim, ...], mask: Mask) -> None:
        """Keras weighs the loss of an output by the mask that it carries."""
        values, origin = dims[:-1], mask.origin
        longer, shorter = (mask.shape, values) if len(mask.shape) > len(values) else (values, mask.shape)
        squeezed = len(longer) == len(shorter) + 1 and longer[-1] == 1
        if squeezed or not isinstance(origin, _Origin) or not clash(mask.shape, values):
            return
        path = loss_path(spec.losses, output)
        message = f"the loss of output `{output}`, {show(values)}, is weighed by the mask that the output carries, "
        again = _reshape(dims)
        cures = [f"end in `{again}`, which drops the mask"] if again else []
        spans = [(origin.path, "makes the mask", origin.key)]
        help = ", or ".join([*cures, origin.cure])
        message += f"{show(mask.shape)}, and that does not fit"
        self.report.add("NS410", path, message, spans=spans, notes=[origin.said], help=help)

    @staticmethod
    def _dropping(call: Call, run: Run, mask: Mask, above: Mapping[str, Call]) -> list[str]:
        """How the tensor that carries a mask comes without it."""
        masks = [each for name in call.inputs for each in run.masks[name]]
        shapes = [each.shape for name in call.inputs for each in run.inputs[name]]
        for tensor, carries, shape in zip(call.tensors(), masks, shapes, strict=True):
            again = _reshape(shape)
            if again and len(masks) == 1:
                return [f"`{again}` in front of it drops the mask"]
            if again and carries is mask and tensor.call in above and above[tensor.call].named:
                return [f"`{again}` after `{tensor.call}` drops its mask"]
        return []


def _reshape(dims: Shape) -> str | None:
    """A layer that gives a tensor of the same shape without its mask."""
    if isinstance(dims, Unknown) or sum(not isinstance(dim, int) for dim in dims[1:]) > 1 or len(dims) < 2:
        return None
    return f"Reshape: [{', '.join(str(dim) if isinstance(dim, int) else '-1' for dim in dims[1:])}]"


def _each(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else value


def _looks(layer: LayerDef | Graph) -> bool:
    """Whether a layer may make a mask, or run a model in which one is made."""
    return isinstance(layer, Graph) or makes(layer.cls, layer.args) or "layer" in layer.args


def _written(call: Call) -> bool:
    """Whether a mask is a tensor of the call."""
    return any(name.endswith("mask") for name in call.inputs)


class _Taken:
    """Which masks are gone when a call runs: MultiHeadAttention takes them off the tensors that it is given.

    Two names may be of one tensor, where a layer gives back what it is given. A nested model puts a mask back that its
    input had when the model was built.
    """

    __slots__ = ("_calls", "_places", "_roots", "_takers")

    def __init__(self, calls: Sequence[Call]) -> None:
        self._takers: dict[Tensor, list[tuple[Call, Tensor, bool]]] = {}
        self._roots: dict[Tensor, Tensor] = {}
        self._calls = {call.name: call for call in calls}
        self._places = {call.name: at for at, call in enumerate(calls)}
        for call in calls:
            work = wrapped(call.layer)[-1]
            tensors = call.tensors()
            if work.cls in _PASSING or isinstance(work, Graph):
                self._roots[Tensor(call.name)] = self._root(tensors[0])
            if work.cls == "MultiHeadAttention" or isinstance(work, Graph):
                masks = [call.inputs.get(name) for name in ("attention_mask", "query_mask", "value_mask", "key_mask")]
                for tensor in dict.fromkeys(tensors):
                    sure = not isinstance(work, Graph) and tensor not in masks
                    self._takers.setdefault(self._root(tensor), []).append((call, tensor, sure))

    def _root(self, tensor: Tensor) -> Tensor:
        return self._roots.get(tensor, tensor)

    def before(self, tensor: Tensor, call: Call | None) -> bool | None:
        """Whether a tensor has lost its mask when a call runs, or at last; None where that is not known."""
        takers = self._takers.get(self._root(tensor), ())
        if len(takers) > _MOST_TAKERS:
            return None
        gone = vague = False
        for taker, what, sure in takers:
            if taker is call:
                continue
            if call is not None and not self._after(call, taker):
                vague = vague or not self._after(taker, call)
            elif not sure:
                return None
            elif what == tensor:
                gone = True
            else:
                vague = True
        return True if gone else None if vague else False

    def _after(self, call: Call, other: Call) -> bool:
        """Whether a call takes, over others, what another one gives; False too where that is too far to see."""
        floor = self._places[other.name]
        seen, left = {call.name}, [call]
        while left and len(seen) < _FARTHEST:
            for tensor in left.pop().tensors():
                if tensor.call == other.name:
                    return True
                if self._places.get(tensor.call, -1) > floor and tensor.call not in seen:
                    seen.add(tensor.call)
                    left.append(self._calls[tensor.call])
        return False


def check_masks(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS410 for every call that fails on a mask, in nested models too, and for every loss that does."""
    walk = Masks(found, report)
    graph = found.typed.graph
    masks = walk.graph(found.typed, [None] * len(graph.inputs))
    for (name, tensor), mask in zip(graph.outputs.items(), masks, strict=True):
        shape, loss = found.typed.types[tensor].shape, plan.losses.get(name)
        if isinstance(mask, Mask) and not isinstance(shape, Unknown) and _along_last(loss):
            walk.loss(spec, name, shape, mask)


def _along_last(loss: KerasObject | str | None) -> bool:
    """Whether a loss gives one number for each place of the output, up to its last axis."""
    return loss_class(loss) in _LOSSES and (not isinstance(loss, KerasObject) or "axis" not in loss.args)
