"""A refused call to a message: the smallest wrong span, what came in, and the step where the shape went astray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.catalog.types import UNKNOWN, Shape, ShapeError, TensorType, Unknown, show
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor

if TYPE_CHECKING:
    from netspec.graph.cures import Ways

_MOST = 4  # tensors that one message points at
_MOST_SEARCHES = 20  # of a whole graph, for another way out
_SCALING = ("strides", "pool_size", "size")


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
    from netspec.graph.cures import Ways

    calls = {call.name: call for call in reversed(graph.calls)}  # of two with one name the first, which is above
    for number, each in enumerate(refused):
        ways = Ways(graph, types, calls, report, number < _MOST_SEARCHES)
        _Blame(graph, types, calls, report, ways).report(each)


@dataclass(frozen=True, slots=True)
class _Blame:
    graph: Graph
    types: Mapping[Tensor, TensorType]
    calls: Mapping[str, Call]
    locator: Report
    ways: Ways

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
        label = self._difference(call, tensors_at_fault) if error.code == "NS401" else ""
        cure = self.ways.out(call, error, tensors_at_fault)
        self.locator.add(
            error.code, path, error.message, key=key, label=label, spans=spans, notes=filter(None, notes), help=cure
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

    # where the shape comes from

    def _origin_note(self, tensor: Tensor, axis: int | None) -> str | None:
        """The step where the offending axis (the whole shape, without one) last changed."""
        shape = self._shape(tensor)
        if isinstance(shape, Unknown):
            return None
        if axis is not None and not -len(shape) <= axis < len(shape):
            axis = None
        walked = self._walked_up(tensor, axis)
        if walked is None:
            return None
        found, changed = walked
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
        maker = f"{self.ways.called(call)} made {what}{out_of}"
        if one_axis and axis is not None:
            maker = self._scaled(call, axis % len(shape), before, made) or maker
        if found == tensor or not self.ways.named(tensor):
            return maker
        has = _dim(shape, axis) if axis is not None else show(shape)
        return f"`{tensor.call}` has {has} because {maker}"

    def _from_input(self, tensor: Tensor, found: Tensor, axis: int | None) -> str:
        place = f"input `{found.call}` (line {self.ways.line((*self.graph.path, 'inputs', found.call))})"
        shape = self._shape(found)
        if axis is None or isinstance(shape, Unknown):
            return f"{place} is {show(shape)}"
        has = f"{_dim(shape, axis)} on axis {axis % len(shape)}"
        return (
            f"{place} has {has}"
            if tensor == found or not self.ways.named(tensor)
            else f"`{tensor.call}` has {has}, as {place}"
        )

    def _walked_up(self, tensor: Tensor, axis: int | None) -> tuple[Tensor, bool] | None:
        """The last tensor on the way up that is still of the offending size, and whether its own call made it so.

        None where it is too far away.
        """
        for _ in range(self.ways.reach):
            call = self.calls.get(tensor.call)
            if call is None:
                return tensor, False
            sources = call.tensors()
            here = self._shape(tensor)
            above = self._shape(sources[0]) if sources else UNKNOWN
            if isinstance(here, Unknown) or isinstance(above, Unknown) or len(sources) != 1:
                return tensor, True
            if len(here) != len(above) or (here != above if axis is None else here[axis] != above[axis]):
                return tensor, True
            tensor = sources[0]
        return None

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
        return f"{self.ways.called(call, f', {name} {describe(call.layer.args[name])}')} {verb} {old} on axis {axis}"

    def _difference(self, call: Call, tensors: Sequence[Tensor]) -> str:
        """Why the second of two tensors does not fit the first: the axes and both sizes."""
        from netspec.graph.around import axis_by_axis

        if len(tensors) != 2 or not axis_by_axis(call):
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
