"""What the layers that take one tensor do with its mask: makers, those that use one, recurrent layers, wrappers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.catalog.masks.run import Carried, Dims, Mask, MaskError, Run, mask_of
from netspec.catalog.shapes.recurrent import cell_of, cells_of
from netspec.catalog.types import UNKNOWN, Shape, Unknown, show


def embedding(run: Run) -> list[Carried]:
    """With `mask_zero`, false where the input is 0."""
    if not run.get("mask_zero") or run.arguments.get("reverse"):
        return []
    return [mask_of(run.first, run.tensors[0].sparse)]


def masking(run: Run) -> list[Carried]:
    """False where all of the last axis is the value; what the input carries is forgotten."""
    shape = run.first
    return [mask_of(shape if isinstance(shape, Unknown) else shape[:-1], run.tensors[0].sparse)]


def data_layer(run: Run) -> list[Carried]:
    """Rescaling and Normalization: an input of another dtype becomes another tensor before Keras looks for a mask."""
    same = run.tensors[0].dtype == run.outputs[0].dtype
    return run.passed[:1] if same or run.attached[0] is None else [UNKNOWN]


def softmax(run: Run) -> list[Carried]:
    """The mask lies over the last axes of the input, whatever `axis` is."""
    dims = run.first
    for mask in run.known(run.used[0]):
        if isinstance(dims, Unknown):
            run.sure = False
        elif run.clash(mask.shape, dims, stretches=False):
            axis = run.get("axis", -1)
            instead = "Activation: softmax" if axis == -1 else f"ops.softmax: {axis}" if isinstance(axis, int) else None
            text = f"lays the mask over the last axes of its input, and {show(mask.shape)} does not fit {show(dims)}"
            raise MaskError(mask, text, instead)
    return run.passed


def batch_normalization(run: Run) -> list[Carried]:
    """The mask has the input's axes but for the last."""
    dims = run.first
    for mask in run.known(run.used[0]):
        if isinstance(dims, Unknown):
            run.sure = False
            continue
        if len(mask.shape) != len(dims) - 1:
            want = f"takes a mask with one axis less than its input, {show(dims[:-1])}; got {show(mask.shape)}"
            raise MaskError(mask, want)
        axis = run.get("axis", -1)
        if run.clash((*mask.shape, 1), dims, stretches=False) or (axis != -1 and dims[axis] == 1):
            run.sure = False  # nothing happens where something above freezes it
    return run.passed


def pooling(run: Run) -> list[Carried]:
    """GlobalAveragePooling1D: a number for each step."""
    dims = run.first
    first = str(run.get("data_format") or "").lower() == "channels_first"
    for mask in run.known(run.used[0]):
        if isinstance(dims, Unknown):
            run.sure = False
            continue
        at = 1 if first else 2
        if len(mask.shape) < at or run.clash((*mask.shape[:at], 1, *mask.shape[at:]), dims):
            raise MaskError(mask, each_step(mask, (dims[0], dims[-1] if first else dims[1])))
    return []


def each_step(mask: Mask, steps: Dims) -> str:
    """What a layer wants that goes along steps."""
    return f"takes a mask of one number for each step, {show(steps)}; got {show(mask.shape)}"


def recurrent(run: Run) -> list[Carried]:
    """The mask goes on with `return_sequences`."""
    _recur(run, run.cls, run.args, run.used[0])
    return run.passed[:1] if run.get("return_sequences") else []


def bidirectional(run: Run) -> list[Carried]:
    """As the layers inside."""
    for layer in (run.args["layer"], run.get("backward_layer")):
        if layer is not None:
            _recur(run, layer.cls, layer.args, run.used[0])
    if not run.args["layer"].args.get("return_sequences"):
        return []
    return run.passed[:1] * (2 if run.get("merge_mode", "concat") is None else 1)


def _recur(run: Run, cls: str, args: Mapping[str, Any], carried: Carried) -> None:
    """Raises where a recurrent layer fails: the mask goes along the steps, and lies over what each of them gives."""
    dims, states = run.first, _states(run, cls, args)
    for mask in run.known(carried):
        if isinstance(dims, Unknown) or states is None or len(dims) < 3:
            run.sure = False
            continue
        odd, shape = MaskError(mask, each_step(mask, dims[:2])), mask.shape
        if len(shape) < 2:
            raise odd
        if shape[1] != dims[1] or not isinstance(shape[1], int):
            if isinstance(shape[1], int) and isinstance(dims[1], int) and shape[1] < dims[1]:
                raise odd
            run.sure = False
        step = shape[2:] or (1,)
        for state in states:
            if len(step) >= len(state):
                raise odd
            for one, size in zip(step, state[1:], strict=False):
                if one == 1 or (one == size and isinstance(one, int) and not args.get("unroll")):
                    continue
                if isinstance(one, int) and isinstance(size, int) and not (args.get("unroll") and size == 1):
                    raise odd
                run.sure = False


def _states(run: Run, cls: str, args: Mapping[str, Any]) -> list[Dims] | None:
    """What one step of a recurrent layer gives and keeps, with the batch in front; None where unknown."""
    if cls.startswith("ConvLSTM"):
        shape: Shape = run.outputs[0].shape
        if isinstance(shape, Unknown):
            return None
        shape = (shape[0], *shape[2:]) if args.get("return_sequences") else shape
        return [shape if run.cls == cls else (*shape[:-1], UNKNOWN)]  # both ways may stand side by side
    own = cell_of(cls, args)
    cells = (own,) if own is not None else cells_of(args)
    return None if cells is None else [(None, cell.units) for cell in cells]
