"""What a model's policy has computed in another dtype than float32, though losses are in that one."""

from __future__ import annotations

from netspec.catalog import OPS
from netspec.catalog.shapes.rule import compute_dtype
from netspec.diagnostics import Path, Report
from netspec.graph.checks.endings import Endings
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import KerasObject, LayerDef, Training
from netspec.language.spec import Spec

_NEAREST = {"float16": "0.9995", "bfloat16": "0.996"}  # the number that comes before 1

_MIXED = ("mixed_float16", "mixed_bfloat16")  # with weights in float32


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


def check_regularizers(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS206: Keras's trainer stacks all losses, and TensorFlow stacks no tensors of different dtypes."""
    losses = [each for each in plan.losses.values() if each is not None]
    if not losses or any(isinstance(each, KerasObject) and (each.own or "dtype" in each.args) for each in losses):
        return
    told = set[int]()
    for typed in found.graphs:
        for call in typed.graph.live_calls():
            layer = call.layer
            if isinstance(layer, LayerDef) and layer.args.get("dtype") == spec.policy and id(layer) not in told:
                told.add(id(layer))
                _check_regularizers(layer, spec.policy, report)


def _check_regularizers(layer: LayerDef, policy: str | None, report: Report) -> None:
    compute = compute_dtype(policy)
    if layer.cls == "ActivityRegularization":
        names = ["activity_regularizer"]
    else:
        names = [name for name, value in layer.args.items() if name.endswith("_regularizer") and value is not None]
    for name in names:
        of_weights = name != "activity_regularizer"
        if of_weights and (policy in _MIXED or layer.args.get("trainable") is False):
            continue
        if compute != "float32":
            what, path = f"`{name}`", (*layer.path, name)
            if layer.cls == "ActivityRegularization":
                what, path = "`ActivityRegularization`", layer.path
            message = f"{what} adds a loss in {compute}, and Keras refuses to train with that beside those in float32"
            cure = "give the layer `dtype: float32`, or leave out the regularizer"
            report.add("NS206", path, message, key=True, help=cure)
