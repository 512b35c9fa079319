"""What the outputs of a model end in: from an output upwards as far as numbers are changed one by one, or moved.

An ending is known only where it is plain to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netspec.catalog import OPS
from netspec.catalog.types import Dim, Unknown
from netspec.diagnostics import Path
from netspec.graph.checks.survey import DROPOUTS, Survey, worker
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

# An `activation` argument that is linear unless it is given.
_LINEAR = frozenset(
    (
        *("Dense", "EinsumDense", "Activation", "Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    )
)
_RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN"))  # whose output is between -1 and 1 with the usual tanh
_LAYERS = {"Softmax": "softmax", "ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu"}
_WEIGHTLESS = frozenset(("Activation", *_LAYERS))
_OPS = frozenset(
    (
        *("softmax", "sigmoid", "relu", "relu6", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "softplus"),
        *("softsign", "hard_tanh", "log_softmax"),
    )
)
_MOVING = frozenset(("Reshape", "Flatten", "Permute", "Identity", "ActivityRegularization", "RepeatVector"))
_NOISE = DROPOUTS | {"GaussianNoise"}
_AVERAGING = ("GlobalAveragePooling", "AveragePooling")
# What gives numbers of any size where all that it takes are: sums of heads, scaled ones, several side by side.
_BLENDING = frozenset(
    (
        *("Add", "Average", "Subtract", "Concatenate", "Rescaling"),
        *("ops.add", "ops.subtract", "ops.multiply", "ops.divide"),
    )
)
_SAME = {"swish": "silu"}


@dataclass(frozen=True, slots=True)
class Ending:
    """An activation on the way to an output, by Keras's name, and where it stands.

    `dims` is the shape that it gives, None where that is unknown; `axes` are those of a softmax from the front, empty
    where they are unknown. `moved` is True where numbers are laid out anew below it, so that its axes are others there.
    """

    activation: str
    path: Path
    dims: tuple[Dim, ...] | None
    axes: tuple[int, ...]
    moved: bool

    @property
    def last(self) -> bool:
        """Whether it works along the last axis, as a softmax should; True where that is unknown."""
        return self.dims is None or not self.axes or len(self.dims) - 1 in self.axes

    @property
    def size(self) -> int | None:
        """How many numbers the last axis holds, if that is known."""
        last = self.dims[-1] if self.dims else None
        return last if isinstance(last, int) else None


@dataclass(frozen=True, slots=True)
class Tail:
    """What stands between an output and the last layer that mixes numbers, from the output upwards.

    `activations` are those that change something; `linear` is where the layer stands at which the way ends, None where
    that is not plain to see. `dropouts` zero single numbers of the output itself.
    """

    activations: tuple[Ending, ...]
    dropouts: tuple[Call, ...]
    linear: Path | None

    @property
    def activation(self) -> str | None:
        """The last activation, "linear" for none; None where that is not plain to see."""
        return self.activations[0].activation if self.activations else "linear" if self.linear is not None else None


@dataclass(slots=True)
class Endings:
    """The tails of tensors of one spec. The calls of a graph are put in order once."""

    found: Survey
    _calls: dict[int, dict[str, Call]]

    def __init__(self, found: Survey) -> None:
        self.found, self._calls = found, {}

    def tail(self, typed: TypedGraph, tensor: Tensor, *, blended: bool = True) -> Tail:
        """The tail of a tensor; what is blended of several, or with numbers, is looked through once."""
        activations: list[Ending] = []
        dropouts: list[Call] = []
        linear: Path | None = None
        whole, moved = True, False
        for inside, call, index in self._upwards(typed, tensor):
            layer = worker(call)
            if not isinstance(layer, LayerDef):
                break
            cls = layer.cls
            if cls in DROPOUTS:
                if whole and layer.args.get("rate") != 0:
                    dropouts.append(call)
                continue
            if cls in _MOVING or cls in _NOISE:
                moved = moved or cls not in ("Identity", "ActivityRegularization", "GaussianNoise")
                continue
            if cls.startswith(_AVERAGING):
                whole, moved = False, True
                continue
            name = _activation(layer)
            if name is None:
                if blended and cls in _BLENDING and self._all_linear(inside, call):
                    linear = layer.path
                break
            path = (*layer.path, "activation") if "activation" in layer.args else layer.path
            if name != "linear":
                shape = inside.types[Tensor(call.name, index)].shape
                dims = None if isinstance(shape, Unknown) else shape
                activations.append(Ending(name, path, dims, _axes(layer, dims), moved))
            if not (cls in _WEIGHTLESS or cls.startswith(OPS)):
                linear = path
                break
        return Tail(tuple(activations), tuple(dropouts), linear)

    def last(self, typed: TypedGraph, tensor: Tensor) -> tuple[LayerDef, str | None] | None:
        """The layer or operation that makes a tensor, and the activation that it ends in; None for a wrapper."""
        for _, call, _ in self._upwards(typed, tensor):
            layer = call.layer
            return (layer, _activation(layer)) if isinstance(layer, LayerDef) and layer is worker(call) else None
        return None

    def _all_linear(self, typed: TypedGraph, call: Call) -> bool:
        """Whether every tensor of a call comes straight from a layer without an activation."""
        tails = (self.tail(typed, tensor, blended=False) for tensor in call.tensors())
        return all(tail.activation == "linear" for tail in tails)

    def _upwards(self, typed: TypedGraph, tensor: Tensor) -> Iterator[tuple[TypedGraph, Call, int]]:
        """The calls from a tensor up as long as each has one input; what stands in a model is walked through."""
        while True:
            graph = typed.graph
            if id(graph) not in self._calls:
                # Of two with one name, a mistake, the first: the second may take that name, and would be above itself.
                self._calls[id(graph)] = {call.name: call for call in reversed(graph.calls)}
            call = self._calls[id(graph)].get(tensor.call)
            if call is None:
                return
            layer = worker(call)
            if isinstance(layer, Graph):
                inner = self.found.typed.nested.get(id(layer))
                outputs = list(layer.outputs.values())
                if inner is None or tensor.index >= len(outputs):
                    return
                typed, tensor = inner, outputs[tensor.index]
                continue
            yield typed, call, tensor.index
            tensors = call.tensors()
            if len(tensors) != 1:
                return
            tensor = tensors[0]


def _activation(layer: LayerDef) -> str | None:
    """The activation that a layer ends in, by one name; None where it has none or does more than that."""
    cls = layer.cls
    if cls in _LAYERS:
        return _LAYERS[cls]
    if cls.startswith(OPS):
        name = cls.removeprefix(OPS)
        return name if name in _OPS else None
    if cls in _RECURRENT:
        return "tanh" if layer.args.get("activation", "tanh") == "tanh" else None
    if cls in ("BatchNormalization", "LayerNormalization"):
        return "linear"
    if cls not in _LINEAR:
        return None
    value = layer.args.get("activation", "linear")
    if value is None:
        return "linear"
    name = str(getattr(value, "cls", value))
    return _SAME.get(name, name)


def _axes(layer: LayerDef, dims: tuple[Dim, ...] | None) -> tuple[int, ...]:
    """The axes of a softmax from the front; empty for any other layer and where they cannot be known."""
    if dims is None or not dims:
        return ()
    axis = layer.args.get("axis", -1) if layer.cls in ("Softmax", "ops.softmax") else -1
    axes = axis if isinstance(axis, list | tuple) else [axis]
    return tuple(each % len(dims) for each in axes if isinstance(each, int) and -len(dims) <= each < len(dims))
