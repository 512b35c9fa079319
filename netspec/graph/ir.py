"""The checked graph: Keras's own operation, node and tensor under the names LayerDef, Call and Tensor.

A layer that is shared is one LayerDef with several Calls. All types are frozen; mappings are never changed once built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.catalog.types import TensorType, Weights
from netspec.diagnostics import Path
from netspec.language.schema import Data, Fit, Input
from netspec.language.spec import Own


@dataclass(frozen=True, slots=True)
class KerasObject:
    """A Keras object that an argument holds: an initializer, a regularizer, a schedule, a cell, a loss…

    One of the user's `own` Python has `module:name` for its class, which is no name of Keras.
    """

    kind: str  # a kind of the catalogue
    cls: str  # canonical Keras name
    args: Mapping[str, Any]
    path: Path
    own: Own | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LayerDef:
    """One layer, that is one set of weights. Arguments are plain values, KerasObjects or inner layers.

    `sound` is False where an argument was refused: such a layer is never built, and its outputs are unknown. A layer
    of the user's `own` has `module:name` for its class, and of its arguments here `trainable: false` alone. `frozen`
    is where `freeze` names it, or the model that it stands in; its `trainable` is then false.
    """

    cls: str
    args: Mapping[str, Any]
    name: str
    path: Path
    shared: bool = False
    sound: bool = True
    own: Own | None = None
    frozen: Path = ()


@dataclass(frozen=True, slots=True)
class Tensor:
    """Output number `index` of the call (or input) named `call`, within one graph."""

    call: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a layer or of a nested model: Keras's node.

    `inputs` maps the call's argument names to a Tensor or a tuple of Tensors, the first argument first.
    `outputs` names the outputs; `name` is unique in its graph and is what `from` refers to, if `named`. `names` are
    all that the spec calls it: a name for each output, or that of one repetition and of all.
    """

    name: str
    layer: LayerDef | Graph
    inputs: Mapping[str, Tensor | tuple[Tensor, ...]]
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]
    named: bool
    path: Path
    sources: tuple[Path, ...] = ()  # where each of `tensors()` is referred to; empty where they come from above
    names: tuple[str, ...] = ()

    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that goes in, in order."""
        flat: list[Tensor] = []
        for value in self.inputs.values():
            flat.extend((value,) if isinstance(value, Tensor) else value)
        return tuple(flat)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A model: its inputs, its calls from top to bottom, its outputs by public name.

    `sound` is False where an input or an output is missing or broken: such a model is never called. `aside` holds the
    models that are declared in its scope, so that those which no call shows are checked too.
    """

    name: str
    inputs: Mapping[str, Input | None]  # None: refused, so of unknown type
    calls: tuple[Call, ...]
    outputs: Mapping[str, Tensor]
    path: Path
    shared: bool = False
    sound: bool = True
    aside: tuple[Graph, ...] = ()

    def live_calls(self) -> tuple[Call, ...]:
        """The calls that feed an output, in order: what Keras keeps. One walk from the bottom finds them."""
        live = {tensor.call for tensor in self.outputs.values()}
        for call in reversed(self.calls):
            if call.name in live:
                live.update(tensor.call for tensor in call.tensors())
        return tuple(call for call in self.calls if call.name in live)

    @property
    def fixed_batch(self) -> int | None:
        """The batch size that an input prescribes."""
        return next((part.batch_size for part in self.inputs.values() if part is not None and part.batch_size), None)

    @property
    def cls(self) -> str:
        """Keras's class for it, so that a wrapper can look at a nested model as at a layer."""
        return "Functional"

    @property
    def args(self) -> Mapping[str, Any]:
        """A model has no constructor arguments of its own."""
        return {}


def renewed(layer: LayerDef | Graph, name: str) -> LayerDef | Graph:
    """The same definition once more, with weights of its own, as `repeat` makes it.

    What it wraps from `shared` stays the one thing that it is; whatever stands inside a nested model is new.
    """
    return _renewed(layer, name, {}, within=False)


def _renewed(
    layer: LayerDef | Graph, name: str, done: dict[int, LayerDef | Graph], *, within: bool
) -> LayerDef | Graph:
    def inner(value: Any, within: bool) -> Any:
        if isinstance(value, list):
            if not value or not isinstance(value[0], LayerDef | Graph | list):
                return value  # no list mixes layers with numbers, and one of thousands may be repeated as often
            return [inner(each, within) for each in value]
        if not isinstance(value, LayerDef | Graph) or (value.shared and not within):
            return value
        if id(value) not in done:
            done[id(value)] = _renewed(value, value.name, done, within=within)
        return done[id(value)]

    if isinstance(layer, Graph):
        calls = tuple(replace(call, layer=inner(call.layer, True)) for call in layer.calls)
        return replace(layer, name=name, calls=calls)
    return replace(layer, name=name, args={key: inner(value, within) for key, value in layer.args.items()})


@dataclass(frozen=True, slots=True)
class TypedGraph:
    """A graph with the type of every tensor, and the weights of every layer, by identity."""

    graph: Graph
    types: Mapping[Tensor, TensorType]
    weights: Mapping[int, Weights]  # id(LayerDef or Graph) -> its weights, those of inner layers included
    nested: Mapping[int, TypedGraph] = field(default_factory=dict)  # id(Graph) -> its own types


REST = "optimizer"  # the name of the optimizer of all layers that `optimizers` does not name


@dataclass(frozen=True, slots=True)
class Group:
    """Layers with an optimizer of their own, as `optimizers` says: those that `pattern` is the first to match.

    `name` is the pattern as Keras can name an optimizer by it; `layers` holds the LayerDefs by identity, those inside
    models and wrappers listed on their own.
    """

    pattern: str
    name: str
    optimizer: KerasObject
    layers: frozenset[int]
    path: Path


@dataclass(frozen=True, slots=True)
class Training:
    """Losses, weights, metrics by output name; the optimizer; callbacks; what augments an input, by its name.

    `groups` are layers that another optimizer than `optimizer` trains.
    """

    losses: Mapping[str, KerasObject | str | None]
    loss_weights: Mapping[str, float]
    metrics: Mapping[str, tuple[KerasObject | str, ...]]
    optimizer: KerasObject | str
    callbacks: tuple[KerasObject, ...] = ()
    augment: Mapping[str, tuple[LayerDef, ...]] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A spec without an error: the only thing that is built. Made by the pipeline alone."""

    name: str
    typed: TypedGraph
    training: Training
    data: Data | None
    fit: Fit
    folder: str  # what relative paths of the spec are relative to
    resolved: Mapping[str, Any]  # every value, after variables and --set
    policy: str | None = None  # of every layer without a `dtype` of its own
