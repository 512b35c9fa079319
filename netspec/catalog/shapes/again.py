"""What a second call of a shared layer must have in common with the first, whose shape the weights were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netspec.catalog.shapes.rule import Dims, dims_of
from netspec.catalog.types import ShapeError, TensorType, Unknown, show

_LAST = (
    *("Dense", "LSTM", "GRU", "SimpleRNN", "RNN", "SpectralNormalization", "AdditiveAttention"),
    *("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"),
)
_CHANNELS = (
    *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
)
_ALONG_AXIS = ("BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization")
# Their weights are laid over an axis of 1 as well.
_STRETCHED = ("LayerNormalization", "RMSNormalization", "AdditiveAttention")
_SAME_RANK = ("BatchNormalization", "GroupNormalization", "PReLU", "EinsumDense")


def pinned(cls: str, args: Mapping[str, Any], dims: Dims) -> tuple[int, ...]:
    """The axes whose sizes the weights depend on, for a layer that was first called on this shape.

    >>> pinned("Conv2D", {}, (None, 32, 32, 3)), pinned("ConvLSTM2D", {}, (None, 5, 9, 9, 2))
    ((-1,), (2, 3, 4))
    """
    stateful = (0,) if args.get("stateful", False) else ()
    if cls == "AdditiveAttention" and not args.get("use_scale", True):
        return ()
    if cls in _LAST:
        return (*stateful, -1)
    if cls in _CHANNELS:
        return (1,) if str(args.get("data_format") or "channels_last").lower() == "channels_first" else (-1,)
    if cls in _ALONG_AXIS:
        axis = args.get("axis", -1)
        if cls == "LayerNormalization" and not (args.get("scale", True) or args.get("center", True)):
            return ()
        return (axis,) if isinstance(axis, int) else tuple(axis)
    if cls.startswith("ConvLSTM"):
        return (*stateful, *range(2, len(dims)))
    if cls == "PReLU":
        shared = args.get("shared_axes")
        listed = () if shared is None else (shared,) if isinstance(shared, int) else tuple(shared)
        return tuple(axis for axis in range(1, len(dims)) if axis not in listed)
    if cls in ("TimeDistributed", "Bidirectional"):
        layer = args["layer"]
        if not hasattr(layer, "cls") or layer.cls == "Functional":
            return ()
        if cls == "Bidirectional":
            return pinned(layer.cls, layer.args, dims)
        inside = pinned(layer.cls, layer.args, (dims[0], *dims[2:]))
        return tuple(axis if axis <= 0 else axis + 1 for axis in inside)
    return ()


def check_again(cls: str, args: Mapping[str, Any], first: Sequence[TensorType], again: Sequence[TensorType]) -> None:
    """Raise ShapeError (NS407) where a second call cannot use the weights that the first call made.

    The tensors are those of all call arguments, in order.

    >>> small, large = TensorType((None, 32, 32, 3)), TensorType((None, 64, 64, 3))
    >>> check_again("Conv2D", {"filters": 16, "kernel_size": 3}, [small], [large])
    >>> check_again("Dense", {"units": 1}, [TensorType((None, 4))], [TensorType((None, 5))])
    Traceback (most recent call last):
    netspec.catalog.types.ShapeError: `Dense` was first called on (batch, 4), ... got (batch, 5)
    """
    for at, (before, now) in enumerate(zip(first, again, strict=False)):
        if isinstance(before.shape, Unknown) or isinstance(now.shape, Unknown):
            continue
        old, new = dims_of(before), dims_of(now)
        if cls in _SAME_RANK and len(old) != len(new):
            raise ShapeError(
                f"`{cls}` was first called on {show(old)}, so it takes {len(old)} axes; got {show(new)}",
                code="NS407",
                inputs=(at,),
            )
        if at and cls == "AdditiveAttention":
            return  # its scale is as wide as the query
        for axis in pinned(cls, args, old):
            if not (-len(old) <= axis < len(old) and -len(new) <= axis < len(new)):
                continue
            had, has = old[axis], new[axis]
            stretched = cls in _STRETCHED and 1 in (had, has)
            if isinstance(had, int) and isinstance(has, int) and had != has and not stretched:
                where = "the last axis" if axis in (-1, len(old) - 1) else f"axis {axis}"
                raise ShapeError(
                    f"`{cls}` was first called on {show(old)}, which fixes {where} at {had}; got {show(new)}",
                    code="NS407",
                    inputs=(at,),
                    axis=axis,
                )
