"""What spoils an output or a batch whatever the loss: dropout behind the last weights, a softmax across examples."""

from __future__ import annotations

from collections.abc import Collection

from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.checks.endings import Endings
from netspec.graph.checks.survey import DROPOUTS, Survey, place, worker
from netspec.graph.ir import LayerDef, Tensor, Training
from netspec.language.spec import Spec

_ALONG = frozenset(("Softmax", "ops.softmax", "ops.log_softmax"))
_WIDE = frozenset(("Dense", "Conv1D", "Conv2D", "Conv3D"))  # with their own number of outputs


def check_outputs(spec: Spec, found: Survey, plan: Training, told: Collection[Path], report: Report) -> None:
    """NS505 but at `told`, NS516, and NS517 for a softmax along the batch."""
    if spec.losses is not None and found.classes & DROPOUTS:
        _late_dropout(found, plan, report)
    for typed in found.graphs:
        for call in typed.graph.calls:
            layer = worker(call)
            if not isinstance(layer, LayerDef):
                continue
            if layer.cls in _ALONG:
                shape = typed.types[Tensor(call.name)].shape
                axis = layer.args.get("axis", -1)
                axes = axis if isinstance(axis, list | tuple) else [axis]
                if isinstance(shape, Unknown) or not axes:
                    continue
                if len(shape) > 1 and any(isinstance(each, int) and each in (0, -len(shape)) for each in axes):
                    message = "a softmax along axis 0 weighs the examples of a batch against each other"
                    report.add("NS517", (*layer.path, "axis"), message, help="leave `axis` out for the last axis")
            elif layer.cls in _WIDE and layer.args.get("activation") == "softmax":
                path = (*layer.path, "activation")
                if layer.args.get("units", layer.args.get("filters")) == 1 and path not in told:
                    message = "softmax over 1 unit is always 1.0, so what comes of this step is a constant"
                    cure = "`activation: sigmoid`, or a `Softmax` with `axis` along the steps to be weighed"
                    report.add("NS505", path, message, help=cure)


def _late_dropout(found: Survey, plan: Training, report: Report) -> None:
    endings = Endings(found)
    for name, tensor in found.typed.graph.outputs.items():
        if plan.losses.get(name) is None:
            continue
        for call in endings.tail(found.typed, tensor).dropouts:
            layer = worker(call)
            cls = layer.cls if isinstance(layer, LayerDef) else ""
            message = f"`{cls}` stands after the last layer with weights, so training zeroes parts of output `{name}`"
            path, key = place(call)
            cure = "put it in front of that layer, or leave it out"
            report.add("NS516", path, message, key=key, help=cure)
