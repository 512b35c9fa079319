"""A refused call to a message: the smallest wrong span, what came in, and the step where the shape went astray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspec.catalog.shapes.wrappers import RECURRENT
from netspec.catalog.types import UNKNOWN, Shape, ShapeError, TensorType, Unknown, show
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor

_MOST = 4  # tensors that one message points at
_MOST_SEARCHES = 20  # of a whole graph
_SCALING = ("strides", "pool_size", "size")
_SEQUENTIAL = frozenset(("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"))
_UPSAMPLING = {3: "UpSampling1D", 4: "UpSampling2D", 5: "UpSampling3D"}


class InnerError(ShapeError):
    """A layer that is refused inside another one.

    `inner` is the place inside a wrapper, and whether its key is meant; `path` is the step inside a model.
    """

    inner: tuple[Path, bool] | None = None
    path: Path | None = None


@dataclass(slots=True)
class Refused:
    """A call that was refused, with the number of calls that could not be checked for it."""

    call: Call
    error: ShapeError
    lost: int = 0


def report_refused(
    graph: Graph, types: Mapping[Tensor, TensorType], refused: Sequence[Refused], report: Report
) -> None:
    """One message for each refused call of `graph`."""
    if not refused:
        return
    calls = {call.name: call for call in graph.calls}
    for number, each in enumerate(refused):
        _Blame(graph, types, calls, report, number < _MOST_SEARCHES).report(each)


@dataclass(frozen=True, slots=True)
class _Blame:
    graph: Graph
    types: Mapping[Tensor, TensorType]
    calls: Mapping[str, Call]
    locator: Report
    searching: bool  # the graph for another way out

    def report(self, refused: Refused) -> None:
        call, error = refused.call, refused.error
        tensors = call.tensors()
        at_fault = [(at, tensors[at]) for at in error.inputs if at < len(tensors)]
        if not at_fault and len(tensors) == 1:
            at_fault = [(0, tensors[0])]
        path, key = self._where(call, error)
        spans: list[tuple[Path, str]] = []
        if len(tensors) > 1:
            spans += [(self._declared_at(tensor), show(self._shape(tensor))) for _, tensor in at_fault[:_MOST]]
        if isinstance(error, InnerError) and error.path is not None:
            spans.append((error.path, "refused here, inside the model"))
        notes = []
        if at_fault:
            odd = at_fault[-1][1]
            if error.argument is None or odd.call not in self.graph.inputs:
                notes.append(self._origin_note(odd, error.axis))
        if refused.lost:
            notes.append(not_checked(refused.lost))
        tensors_at_fault = [tensor for _, tensor in at_fault]
        label, cure = "", None
        if error.code == "NS401":
            label, cure = self._difference(call, tensors_at_fault), self._stretched(call, tensors_at_fault)
        elif error.code == "NS402" and at_fault:
            cure = self._last_step_alone(call, at_fault[0][1])
        self.locator.add(
            error.code,
            path,
            error.message,
            key=key,
            label=label,
            spans=spans,
            notes=filter(None, notes),
            help=cure or error.help,
        )

    def _where(self, call: Call, error: ShapeError) -> tuple[Path, bool]:
        """The smallest span that is wrong: the argument, the tensor's name under `from`, or the layer."""
        layer = call.layer
        if isinstance(error, InnerError) and error.inner is not None:
            return error.inner
        if error.argument is not None and isinstance(layer, LayerDef) and error.argument in layer.args:
            return (*layer.path, error.argument), False
        if error.inputs and error.inputs[-1] < len(call.sources):
            return call.sources[error.inputs[-1]], False
        if isinstance(layer, LayerDef) and not layer.shared:
            return layer.path, True
        return call.path, False

    def _shape(self, tensor: Tensor) -> Shape:
        return self.types[tensor].shape

    def _declared_at(self, tensor: Tensor) -> Path:
        call = self.calls.get(tensor.call)
        if call is None:
            return (*self.graph.path, "inputs", tensor.call)
        return (*call.path, "name") if call.named else call.path

    def _line(self, path: Path) -> int:
        return self.locator.locator.locate(path).line

    # where the shape comes from

    def _origin_note(self, tensor: Tensor, axis: int | None) -> str | None:
        """The step where the offending axis (the whole shape, without one) last changed."""
        shape = self._shape(tensor)
        if isinstance(shape, Unknown):
            return None
        if axis is not None and not -len(shape) <= axis < len(shape):
            axis = None
        found, changed = self._walked_up(tensor, axis)
        if not changed:
            return None if found.call not in self.graph.inputs else self._from_input(tensor, found, axis)
        call = self.calls[found.call]
        sources = call.tensors()
        before = self._shape(sources[0]) if sources else UNKNOWN
        made = self._shape(found)
        one_axis = (
            axis is not None and not isinstance(before, Unknown) and len(sources) == 1 and len(before) == len(shape)
        )
        what = f"axis {axis % len(shape)} {_dim(shape, axis)}" if one_axis and axis is not None else show(made)
        out_of = f" out of {_dim(before, axis) if one_axis else show(before)}" if len(sources) == 1 else ""
        if isinstance(before, Unknown):
            out_of = ""
        maker = f"{self._called(call)} made {what}{out_of}"
        if one_axis and axis is not None:
            maker = self._scaled(call, axis % len(shape), before, made) or maker
        if found == tensor or not self._named(tensor):
            return maker
        has = _dim(shape, axis) if axis is not None else show(shape)
        return f"`{tensor.call}` has {has} because {maker}"

    def _from_input(self, tensor: Tensor, found: Tensor, axis: int | None) -> str:
        place = f"input `{found.call}` (line {self._line((*self.graph.path, 'inputs', found.call))})"
        shape = self._shape(found)
        if axis is None or isinstance(shape, Unknown):
            return f"{place} is {show(shape)}"
        has = f"{_dim(shape, axis)} on axis {axis % len(shape)}"
        return (
            f"{place} has {has}"
            if tensor == found or not self._named(tensor)
            else f"`{tensor.call}` has {has}, as {place}"
        )

    def _walked_up(self, tensor: Tensor, axis: int | None) -> tuple[Tensor, bool]:
        """The last tensor on the way up that is still of the offending size, and whether its own call made it so."""
        while (call := self.calls.get(tensor.call)) is not None:
            sources = call.tensors()
            here = self._shape(tensor)
            above = self._shape(sources[0]) if sources else UNKNOWN
            if isinstance(here, Unknown) or isinstance(above, Unknown) or len(sources) != 1:
                return tensor, True
            if len(here) != len(above) or (here != above if axis is None else here[axis] != above[axis]):
                return tensor, True
            tensor = sources[0]
        return tensor, False

    def _named(self, tensor: Tensor) -> bool:
        call = self.calls.get(tensor.call)
        return call is not None and call.named

    def _called(self, call: Call, more: str = "") -> str:
        line = f"line {self._line(call.path)}{more}"
        if call.named:
            return f"`{call.name}` ({line})"
        return f"the model at {line}" if isinstance(call.layer, Graph) else f"the `{call.layer.cls}` at {line}"

    def _scaled(self, call: Call, axis: int, before: Shape, made: Shape) -> str | None:
        """A step that halved or doubled an axis, with the argument that did."""
        if isinstance(before, Unknown) or isinstance(made, Unknown) or isinstance(call.layer, Graph):
            return None
        old, new = before[axis], made[axis]
        if not isinstance(old, int) or not isinstance(new, int) or old < 2:
            return None
        verb = "halved" if new in (old // 2, -(-old // 2)) else "doubled" if new == 2 * old else None
        name = next((each for each in _SCALING if each in call.layer.args), None)
        if verb is None or name is None:
            return None
        return f"{self._called(call, f', {name} {describe(call.layer.args[name])}')} {verb} {old} on axis {axis}"

    # the way out

    def _difference(self, call: Call, tensors: Sequence[Tensor]) -> str:
        """Why the second of two tensors does not fit the first: the axes and both sizes."""
        if len(tensors) != 2:
            return ""
        first, odd = (self._shape(tensor) for tensor in tensors)
        if isinstance(first, Unknown) or isinstance(odd, Unknown) or len(first) != len(odd):
            return ""
        joined = call.layer.args.get("axis", -1) if call.layer.cls == "Concatenate" else None
        sizes: dict[tuple[int, int], list[str]] = {}
        for axis, (want, got) in enumerate(zip(first, odd, strict=True)):
            along = isinstance(joined, int) and axis == joined % len(first)
            stretches = joined is None and 1 in (want, got)
            if isinstance(want, int) and isinstance(got, int) and want != got and not along and not stretches:
                sizes.setdefault((want, got), []).append(str(axis))
        said = []
        for (want, got), axes in sizes.items():
            which = f"axis {axes[0]} is" if len(axes) == 1 else f"axes {', '.join(axes[:-1])} and {axes[-1]} are"
            said.append(f"{which} {got}, expected {want}")
        return "; ".join(said)

    def _last_step_alone(self, call: Call, tensor: Tensor) -> str | None:
        """The recurrent step above that would have to give all its steps, and how it is written then."""
        if not _takes_steps(call):
            return None
        shape = self._shape(tensor)
        while (above := self.calls.get(tensor.call)) is not None and not isinstance(above.layer, Graph):
            outer, layer = above.layer, above.layer
            if outer.cls == "Bidirectional" and isinstance(outer.args.get("layer"), LayerDef):
                layer = outer.args["layer"]
            if layer.cls in RECURRENT and layer.args.get("return_sequences") is not True:
                if tensor.index or (layer.cls.startswith("Conv") and not _takes_frames(call)):
                    return None
                said = f"{self._called(above)} gives its last step alone"
                written = _with_sequences(outer, layer)
                there = "under `shared`" if outer.shared else "there"
                if written is None:
                    where = "there" if outer is layer else f"to its `{layer.cls}`"
                    return f"{said}; add `return_sequences: true` {where}"
                return f"{said}; `{written}` {there} gives all of them"
            sources = above.tensors()
            alike = len(sources) == 1 or all(self._shape(each) == shape for each in sources)
            before = self._shape(sources[0]) if sources and alike else UNKNOWN
            if isinstance(before, Unknown) or isinstance(shape, Unknown) or len(before) != len(shape):
                return None
            tensor = sources[0]
        return None

    def _stretched(self, call: Call, tensors: Sequence[Tensor]) -> str | None:
        """Two images of which one is a whole number of times as large as the other: an upsampling in between."""
        if len(tensors) != 2:
            return None
        left, right = (self._shape(tensor) for tensor in tensors)
        if isinstance(left, Unknown) or isinstance(right, Unknown) or len(left) != len(right):
            return None
        layer = _UPSAMPLING.get(len(left))
        pairs = list(zip(left[1:-1], right[1:-1], strict=True))
        sizes = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int) and a and b]
        if layer is None or len(sizes) != len(pairs):
            return None
        ratios = {
            (a // b, 1) if a > b and a % b == 0 else (b // a, 2) if b > a and b % a == 0 else (0, 0) for a, b in sizes
        }
        if len(ratios) != 1:
            return None
        ((factor, smaller),) = ratios
        if factor < 2:
            return None
        small = tensors[1] if smaller == 1 else tensors[0]
        where = f"after `{small.call}`" if self._named(small) else f"after the smaller one, {show(self._shape(small))}"
        if small.call in self.graph.inputs:
            where = f"on `{small.call}`"
        other = self._of_that_size(call, small) if self.searching and call.layer.cls == "Concatenate" else None
        if other is None:
            return f"`{layer}: {factor}` {where} makes them equal"
        large = tensors[0] if small == tensors[1] else tensors[1]
        instead = f"take `{other.call}`, {show(self._shape(other))}, in place of `{large.call}`"
        return f"`{layer}: {factor}` {where} makes them equal, or {instead}"

    def _of_that_size(self, call: Call, small: Tensor) -> Tensor | None:
        """The lowest step with a name that gives an image as large as `small`, which is not made of it in that size."""
        want, found = self._shape(small), None
        chain, tensor = {small.call}, small
        while (above := self.calls.get(tensor.call)) is not None and len(above.tensors()) == 1:
            (tensor,) = above.tensors()
            shape = self._shape(tensor)
            if isinstance(shape, Unknown) or isinstance(want, Unknown) or shape[1:-1] != want[1:-1]:
                break
            chain.add(tensor.call)
        for each in self.graph.calls:
            if each.name == call.name:
                break
            made = self.types.get(Tensor(each.name))
            if not each.named or each.name in chain or len(each.outputs) != 1 or made is None:
                continue
            if not isinstance(made.shape, Unknown) and not isinstance(want, Unknown) and made.shape[:-1] == want[:-1]:
                found = Tensor(each.name)
        return found


def _takes_frames(call: Call) -> bool:
    """Whether a call takes images step by step."""
    cls = call.layer.cls
    return cls.startswith("ConvLSTM") or cls.endswith("3D") or cls in ("TimeDistributed", "Bidirectional")


def _takes_steps(call: Call) -> bool:
    """Whether a call takes a sequence, which a recurrent layer gives if it is told so."""
    cls = call.layer.cls
    return cls in RECURRENT or cls in _SEQUENTIAL or cls.endswith("1D") or _takes_frames(call)


def _with_sequences(outer: LayerDef, layer: LayerDef) -> str | None:
    """A recurrent layer as it is written to give all steps; None where its arguments are no plain values."""
    args = {**layer.args, "return_sequences": True}
    plain = all(isinstance(value, bool | int | float | str) for value in args.values())
    if not plain or (outer is not layer and len(outer.args) > 1):
        return None
    inside = ", ".join(f"{name}: {_bare(value)}" for name, value in args.items())
    written = f"{layer.cls}: {{{inside}}}"
    return written if outer is layer else f"{outer.cls}: {{{written}}}"


def _bare(value: bool | int | float | str) -> str:
    return value if isinstance(value, str) and value.isidentifier() else describe(value)


def not_checked(lost: int) -> str:
    """What an error costs: the steps that hang on it.

    >>> not_checked(1)
    '1 step below was not checked'
    """
    return f"{lost} step below was not checked" if lost == 1 else f"{lost} steps below were not checked"


def _dim(shape: Shape, axis: int | None) -> str:
    if isinstance(shape, Unknown) or axis is None:
        return show(shape)
    dim = shape[axis]
    return "any" if dim is None else str(dim)
