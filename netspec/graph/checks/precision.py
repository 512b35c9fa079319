"""What a model's policy has computed in another dtype than float32, though losses are in that one."""

from __future__ import annotations

from typing import Any

from netspec.catalog import OPS
from netspec.catalog.shapes.rule import compute_dtype
from netspec.catalog.types import UNKNOWN, Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.checks.endings import Endings
from netspec.graph.checks.metrics import metric_class
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import KerasObject, LayerDef, Tensor, Training
from netspec.graph.training import metric_path
from netspec.language.spec import Spec

_NEAREST = {"float16": "0.9995", "bfloat16": "0.996"}  # the number that comes before 1

_RANKED = ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy")
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


def check_ranks(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS206: TensorFlow looks for the k largest numbers in float32 alone, and Keras does not cast to it."""
    for name, metrics in plan.metrics.items():
        tensor = found.typed.graph.outputs.get(name)
        dtype = None if tensor is None else found.typed.types[tensor].dtype
        if not isinstance(dtype, str) or dtype == "float32":
            continue
        for at, metric in enumerate(metrics):
            if metric_class(metric, None) not in _RANKED:
                continue
            given = isinstance(metric, KerasObject)
            path = metric.path if isinstance(metric, KerasObject) else metric_path(spec.metrics, name, at)
            word = metric.cls if isinstance(metric, KerasObject) else metric
            message = f"`{word}` takes an output in float32, and `{name}` is in {dtype}"
            report.add(
                "NS206", path, message, key=given, help="add `dtype: float32` to the layer that the output is of"
            )


def check_regularizers(found: Survey, plan: Training, report: Report) -> None:
    """NS206: Keras's trainer stacks all losses, and TensorFlow stacks no tensors of different dtypes."""
    losses = [each for each in plan.losses.values() if each is not None]
    if not losses or any(isinstance(each, KerasObject) and (each.own or "dtype" in each.args) for each in losses):
        return
    told = set[int]()
    for typed in found.graphs:
        for call in typed.graph.live_calls():
            _regularized(call.layer, typed.types[Tensor(call.name)].dtype, report, told)


def _regularized(
    part: Any, given: str | Unknown | None, report: Report, told: set[int], *, trained: bool = True
) -> None:
    """A layer or a cell, with what it holds. `given`: the dtype of its output, None where it is called in such a way
    that its regularizer does not see that; `trained`: nothing around it is frozen.
    """
    if isinstance(part, list):
        for each in part:
            _regularized(each, None, report, told, trained=trained)
        return
    if not isinstance(part, LayerDef | KerasObject) or id(part) in told:
        return
    told.add(id(part))
    trained = trained and part.args.get("trainable") is not False
    policy, inner = part.args.get("dtype"), part.args.get("layer")
    if part.cls == "TimeDistributed" and isinstance(inner, LayerDef) and inner.args.get("dtype") != policy:
        given = UNKNOWN  # it does not cast, so what Keras says of its output may not hold when it runs
    compute = compute_dtype(policy)
    kept = "float32" if policy in _MIXED else compute
    for name, value in part.args.items():
        if name == "activity_regularizer" and value is not None and given is not None:
            _refuse(f"`{name}`", (*part.path, name), given, report)
        elif name.endswith("_regularizer") and name != "activity_regularizer" and value is not None and trained:
            _refuse(f"`{name}`", (*part.path, name), kept, report)
    if part.cls == "ActivityRegularization" and given is not None:
        _refuse(f"`{part.cls}`", part.path, given, report)
    if isinstance(inner, LayerDef):
        within = None if part.cls == "TimeDistributed" else compute_dtype(inner.args.get("dtype"))
        _regularized(inner, within, report, told, trained=trained)
    for name in ("cell", "cells", "backward_layer"):
        _regularized(part.args.get(name), None, report, told, trained=trained)


def _refuse(what: str, path: Path, dtype: str | Unknown, report: Report) -> None:
    if isinstance(dtype, str) and dtype.startswith(("float", "bfloat")) and dtype != "float32":
        message = f"{what} adds a loss in {dtype}, and Keras refuses to train with that beside those in float32"
        cure = "give the layer `dtype: float32`, or leave out the regularizer"
        report.add("NS206", path, message, key=True, help=cure)
