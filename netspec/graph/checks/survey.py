"""What the checks of a model look at: each of its graphs once, and what stands inside a call's wrappers.

Made once for a spec, by one walk over all calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.catalog.types import Unknown, Weights
from netspec.diagnostics import Path, Report
from netspec.graph.infer import own_weights
from netspec.graph.ir import Call, Graph, LayerDef, TypedGraph

DROPOUTS = frozenset(
    (
        *("Dropout", "AlphaDropout", "GaussianDropout"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    )
)
_MASKS = frozenset(("mask", "attention_mask", "query_mask", "value_mask", "key_mask"))  # of calls


@dataclass(slots=True)
class Survey:
    """A model with the graphs in it, the whole first, and the classes of all its layers.

    `unlike` is True where a layer has `trainable` or a call an argument, so that not all are trained alike; `shared`
    where a layer is declared under `shared`; `masks` where a layer makes a mask or a call is given one; `dtypes` where
    a layer says its own dtype, or has cells, which may.
    """

    typed: TypedGraph
    graphs: tuple[TypedGraph, ...]
    classes: frozenset[str]
    unlike: bool
    shared: bool
    masks: bool = False
    dtypes: bool = False
    _own: Mapping[int, Weights] | None = None

    @property
    def own(self) -> Mapping[int, Weights]:
        """The weights of each layer that feeds an output, by identity; frozen ones have none that train."""
        if self._own is None:
            self._own = own_weights(self.typed.graph, self.typed.weights)
        return self._own

    def trained(self, layer: LayerDef | Graph) -> bool | None:
        """Whether a layer or what it wraps has weights that training may change; None where that is not known.

        A model that it wraps does not count: its layers are looked at on their own.
        """
        known: bool | None = False
        for each in wrapped(layer):
            if isinstance(each, LayerDef):
                own = self.own.get(id(each), Weights()).trainable
                if isinstance(own, Unknown):
                    known = None
                elif own:
                    return True
        return known

    def frozen(self, layer: LayerDef | Graph) -> bool:
        """Whether it has weights, and `trainable: false` is said of it or of what wraps it."""
        parts = wrapped(layer)
        total = [self.own.get(id(each), Weights()) for each in parts if isinstance(each, LayerDef)]
        held = any(not isinstance(each.non_trainable, Unknown) and each.non_trainable for each in total)
        return held and any(each.args.get("trainable") is False for each in parts)


def survey(typed: TypedGraph) -> Survey:
    """The graphs of a model and the classes of its layers; a model that is only declared is not part of it."""
    graphs: list[TypedGraph] = []
    classes: set[str] = set()
    unlike = shared = masks = dtypes = False
    seen: set[int] = set()
    stack = [typed.graph]
    while stack:
        graph = stack.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        if id(graph) in typed.nested:  # it is not, below a call that is refused
            graphs.append(typed.nested[id(graph)])
        for call in graph.calls:
            unlike = unlike or bool(call.arguments)
            masks = masks or not _MASKS.isdisjoint(call.inputs)
            for each in wrapped(call.layer):
                if isinstance(each, Graph):
                    stack.append(each)
                else:
                    classes.add(each.cls)
                    unlike = unlike or "trainable" in each.args
                    shared = shared or each.shared
                    masks = masks or each.cls == "Masking" or bool(each.args.get("mask_zero"))
                    dtypes = dtypes or "dtype" in each.args or "cell" in each.args
    return Survey(typed, tuple(graphs), frozenset(classes), unlike, shared, masks, dtypes)


def wrapped(layer: LayerDef | Graph) -> tuple[LayerDef | Graph, ...]:
    """A layer, what it wraps, what that wraps: the last one does the work."""
    found = [layer]
    while isinstance(layer, LayerDef):
        inner = layer.args.get("layer")
        if not isinstance(inner, LayerDef | Graph):
            break
        layer = inner
        found.append(layer)
    return tuple(found)


def worker(call: Call) -> LayerDef | Graph:
    """The layer or model of a call that does the work, inside all wrappers."""
    return wrapped(call.layer)[-1]


def place(call: Call) -> tuple[Path, bool]:
    """Where a message on a call points, and whether the key there is meant: the layer's name, or the `use`."""
    layer = call.layer
    if isinstance(layer, LayerDef) and not layer.shared:
        return layer.path, True
    return call.path, False


def called(call: Call, report: Report) -> str:
    """A call in words: its name, or what it is and where it stands."""
    if call.named:
        return f"`{call.name}`"
    line = report.locator.locate(call.path).line
    return f"the model at line {line}" if isinstance(call.layer, Graph) else f"the `{call.layer.cls}` at line {line}"
