"""The axis of a loss or a metric, and what it says of classes, held against the shape of the output.

Keras looks at them in the first step of training, and raises there.
"""

from __future__ import annotations

from collections.abc import Sequence

from netspec.catalog.types import Dim, Unknown, show
from netspec.diagnostics import Report
from netspec.graph.ir import KerasObject, Training, TypedGraph

_LAST = "SparseCategoricalCrossentropy"  # Keras takes its classes from the last axis alone
_FROM_0 = "CategoricalCrossentropy"  # Keras counts its axis from 0, but for -1


def check_axes(typed: TypedGraph, plan: Training, report: Report) -> None:
    """NS403 and NS404 for losses and metrics, output by output."""
    told: set[tuple[str | int, ...]] = set()
    for name, tensor in typed.graph.outputs.items():
        shape = typed.types[tensor].shape
        if isinstance(shape, Unknown):
            continue
        for made in (plan.losses.get(name), *plan.metrics.get(name, ())):
            if not isinstance(made, KerasObject) or made.own is not None or made.path in told:
                continue
            if _wrong(made, name, shape, report):
                told.add(made.path)


def _wrong(made: KerasObject, output: str, shape: Sequence[Dim], report: Report) -> bool:
    """Whether the axis, or the classes, of one loss or metric do not fit the output (reported)."""
    axis, rank = made.args.get("axis"), len(shape)
    axes = [axis] if isinstance(axis, int) else axis if isinstance(axis, list) else []
    shown = f"output `{output}`, {show(tuple(shape))}"
    why = None
    for each in axes:
        if not -rank <= each < rank:
            why = f"{shown}, has no axis {each}; its axes are 0 to {rank - 1}"
        elif made.cls == _LAST and each not in (-1, rank - 1):
            why = f"Keras takes the classes from the last axis alone, which is {rank - 1} of {shown}; got {each}"
        elif made.cls == _FROM_0 and each < -1:
            why = f"Keras counts this axis from 0, or takes -1 for the last; got {each}, which is {each % rank}"
    if why is None and len({each % rank for each in axes}) < len(axes):
        why = f"an axis is named twice; got {axes}"
    if why is not None:
        report.add("NS403", (*made.path, "axis"), f"`axis` of `{made.cls}`: {why}", key=True)
        return True
    classes = shape[-1] if shape else None
    for argument in ("alpha", "label_weights"):
        weights = made.args.get(argument)
        if isinstance(weights, list) and isinstance(classes, int) and len(weights) not in (1, classes):
            said = f"`{argument}` of `{made.cls}`: {len(weights)} weights, but {shown}, has {classes} classes"
            report.add("NS404", (*made.path, argument), said, key=True, help="list one for each class")
            return True
    for argument, most in (("class_id", -1), ("top_k", 0)):
        number = made.args.get(argument)
        if isinstance(number, int) and isinstance(classes, int) and number > classes + most:
            said = f"`{argument}: {number}` of `{made.cls}`, but {shown}, has {classes} classes"
            report.add("NS404", (*made.path, argument), said, key=True)
            return True
    return False
