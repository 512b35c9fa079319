"""What stands round a refused call: the shapes and lines of its graph, and the words for a step that messages share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netspec.catalog.types import Shape, TensorType, Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, Tensor
from netspec.language.limits import MOST_STEPS

_NEAR = 100  # steps
_PRODUCTS = frozenset(f"ops.{name}" for name in ("dot", "einsum", "inner", "matmul", "tensordot", "vdot"))


@dataclass(frozen=True, slots=True)
class Around:
    """One graph with its types; `searching` is False where so much was refused that looking around takes too long."""

    graph: Graph
    types: Mapping[Tensor, TensorType]
    calls: Mapping[str, Call]
    locator: Report
    searching: bool

    @property
    def reach(self) -> int:
        """How many steps up a walk may go."""
        return MOST_STEPS + 1 if self.searching else _NEAR

    def shape(self, tensor: Tensor) -> Shape:
        """The shape of a tensor of this graph."""
        return self.types[tensor].shape

    def line(self, path: Path) -> int:
        """The line on which a part of the spec stands."""
        return self.locator.locator.locate(path).line

    def named(self, tensor: Tensor) -> bool:
        """Whether a tensor has the name of a step."""
        call = self.calls.get(tensor.call)
        return call is not None and call.named

    def called(self, call: Call, more: str = "") -> str:
        """A step in words: its name or its layer, and its line."""
        line = f"line {self.line(call.path)}{more}"
        if call.named:
            return f"`{call.name}` ({line})"
        return f"the model at {line}" if isinstance(call.layer, Graph) else f"the `{call.layer.cls}` at {line}"

    def larger(self, tensors: Sequence[Tensor]) -> int:
        """Which of two images is the larger one, by the first axis behind the batch on which they differ."""
        first, other = (self.shape(tensor) for tensor in tensors)
        if isinstance(first, Unknown) or isinstance(other, Unknown):
            return 0
        pairs = [(a, b) for a, b in zip(first[1:-1], other[1:-1], strict=False) if a is not None and b is not None]
        return next((int(a < b) for a, b in pairs if isinstance(a, int) and isinstance(b, int) and a != b), 0)

    def behind(self, tensor: Tensor) -> str:
        """Where a step between a tensor and the refused call would stand."""
        if tensor.call in self.graph.inputs:
            return f"on `{tensor.call}`"
        if self.named(tensor):
            return f"after `{tensor.call}`"
        return f"after {self.called(self.calls[tensor.call])}"

    def above(self, tensor: Tensor) -> Iterator[tuple[Call, Tensor]]:
        """The calls from a tensor up as long as each has one input, with that input."""
        for _ in range(self.reach):
            call = self.calls.get(tensor.call)
            if call is None or len(call.tensors()) != 1:
                return
            (source,) = call.tensors()
            yield call, source
            tensor = source


def axis_by_axis(call: Call) -> bool:
    """Whether a call of two tensors wants the same axes of both to be equal, which a product does not."""
    if isinstance(call.layer, Graph):
        return True
    if call.layer.cls == "Dot":
        axes = call.layer.args.get("axes")
        return not isinstance(axes, list | tuple) or len(set(axes)) == 1
    return call.layer.cls not in _PRODUCTS
