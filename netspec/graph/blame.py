"""A refused call to a message: the smallest wrong span, what came in, and the step where the shape went astray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspec.catalog.types import UNKNOWN, Shape, ShapeError, TensorType, Unknown, show
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor

_MOST = 4  # tensors that one message points at
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
    for each in refused:
        _Blame(graph, types, calls, report).report(each)


@dataclass(frozen=True, slots=True)
class _Blame:
    graph: Graph
    types: Mapping[Tensor, TensorType]
    calls: Mapping[str, Call]
    locator: Report

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
            below = "step below was" if refused.lost == 1 else "steps below were"
            notes.append(f"{refused.lost} {below} not checked")
        cure = self._stretched([tensor for _, tensor in at_fault]) if error.code == "NS401" else None
        self.locator.add(
            error.code, path, error.message, key=key, spans=spans, notes=filter(None, notes), help=cure or error.help
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

    def _called(self, call: Call) -> str:
        line = self._line(call.path)
        if call.named:
            return f"`{call.name}` (line {line})"
        return (
            f"the model at line {line}" if isinstance(call.layer, Graph) else f"the `{call.layer.cls}` at line {line}"
        )

    # the way out

    def _stretched(self, tensors: Sequence[Tensor]) -> str | None:
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
        return f"`{layer}: {factor}` {where} makes them equal"


def _dim(shape: Shape, axis: int | None) -> str:
    if isinstance(shape, Unknown) or axis is None:
        return show(shape)
    dim = shape[axis]
    return "any" if dim is None else str(dim)
