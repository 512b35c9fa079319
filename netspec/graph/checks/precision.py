"""Probabilities that a model's policy has computed in 16 bits, though a loss looks at them."""

from __future__ import annotations

from netspec.catalog import OPS
from netspec.catalog.shapes.rule import compute_dtype
from netspec.diagnostics import Path, Report
from netspec.graph.checks.endings import Endings
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import Training
from netspec.language.spec import Spec

_NEAREST = {"float16": "0.9995", "bfloat16": "0.996"}  # the number that comes before 1


def check_precision(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS534: Keras's guide wants outputs in float32, for a crossentropy takes their logarithm."""
    low = compute_dtype(spec.policy)
    if not isinstance(low, str) or low not in _NEAREST:
        return
    endings, told = Endings(found), set[Path]()
    for name, tensor in found.typed.graph.outputs.items():
        last = endings.last(found.typed, tensor) if plan.losses.get(name) is not None else None
        if last is None or last[0].path in told or found.typed.types[tensor].dtype != low:
            continue
        layer, activation = last
        operation = layer.cls.startswith(OPS)
        if activation not in ("softmax", "sigmoid") or not (operation or layer.args.get("dtype") == spec.policy):
            continue
        told.add(layer.path)
        message = f"the {activation} of output `{name}` is computed in {low}, which has nothing between "
        cure = "add `dtype: float32` to this layer, as Keras's guide does"
        if operation:
            cure = f"write `Activation: {{activation: {activation}, dtype: float32}}` in its place"
        report.add("NS534", layer.path, f"{message}{_NEAREST[low]} and 1", key=True, help=cure)
