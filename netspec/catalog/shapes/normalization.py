"""Shape rules of the normalization layers. They keep the shape; their weights lie along `axis`."""

from __future__ import annotations

from netspec.catalog.shapes.rule import (
    Ask,
    Dims,
    axis_at,
    bad_argument,
    differ,
    need_size,
    one,
    rule,
    size,
    times,
    total,
)
from netspec.catalog.types import Dim, Inferred, ShapeError, show


def _axes(ask: Ask, default: int | tuple[int, ...] = -1) -> tuple[int, ...]:
    axis = ask.get("axis", default)
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _along(ask: Ask, dims: Dims, axes: tuple[int, ...], fixed: bool) -> Dims:
    """The sizes along the axes, which must exist, and be fixed where weights lie along them."""
    sizes: list[Dim] = []
    for axis in axes:
        axis_at(ask, dims, axis)
        sizes.append(need_size(ask, dims, axis) if fixed else dims[axis])
    if len({axis % len(dims) for axis in axes}) < len(axes):
        raise bad_argument(ask, "axis", f"`axis` names an axis twice; got {list(axes)}")
    return tuple(sizes)


@rule("BatchNormalization")
def batch_normalization(ask: Ask) -> Inferred:
    """Scale and shift are trained, moving mean and variance are not; `renorm` adds three more that are not.

    Keras: keras.layers.BatchNormalization.

    >>> from netspec.catalog.types import TensorType
    >>> batch_normalization(Ask("BatchNormalization", {}, {"inputs": TensorType((None, 9, 4))}, {})).weights
    Weights(trainable=8, non_trainable=8)
    """
    dims = ask.dims
    (features,) = _along(ask, dims, _axes(ask), fixed=True)
    trained = bool(ask.get("scale", True)) + bool(ask.get("center", True))
    moving = 5 if ask.get("renorm", False) else 2
    return one(ask, dims, size(trained, features), size(moving, features))


@rule("LayerNormalization")
def layer_normalization(ask: Ask) -> Inferred:
    """Scale and shift for each position along `axis`, which may be several axes.

    Keras: keras.layers.LayerNormalization.

    >>> from netspec.catalog.types import TensorType
    >>> layer_normalization(Ask("LayerNormalization", {}, {"inputs": TensorType((None, 9, 4))}, {})).weights.trainable
    8
    """
    dims = ask.dims
    rms = bool(ask.get("rms_scaling", False))
    count = bool(ask.get("scale", True) or rms) + bool(ask.get("center", True) and not rms)
    sizes = _along(ask, dims, _axes(ask), fixed=count > 0)
    return one(ask, dims, size(count, *sizes) if count else 0)


@rule("RMSNormalization")
def rms_normalization(ask: Ask) -> Inferred:
    """A scale for each position along `axis`.

    Keras: keras.layers.RMSNormalization.

    >>> from netspec.catalog.types import TensorType
    >>> rms_normalization(Ask("RMSNormalization", {}, {"x": TensorType((None, 9, 4))}, {})).weights.trainable
    4
    """
    dims, axes = ask.dims, _axes(ask)
    sizes = _along(ask, dims, axes, fixed=True)
    laid = [dims[axis] for axis in sorted(axis % len(dims) for axis in axes)]
    if any(differ(mine, dim) for mine, dim in zip(laid, dims[len(dims) - len(laid) :], strict=True) if mine != 1):
        said = f"Keras scales along the last axes alone; got {list(axes)} for {show(dims)}"
        raise bad_argument(ask, "axis", said)
    return one(ask, dims, size(*sizes))


@rule("UnitNormalization")
def unit_normalization(ask: Ask) -> Inferred:
    """The shape that came in; no weights.

    Keras: keras.layers.UnitNormalization.

    >>> from netspec.catalog.types import TensorType
    >>> unit_normalization(Ask("UnitNormalization", {}, {"inputs": TensorType((None, 9))}, {})).outputs[0].shape
    (None, 9)
    """
    dims = ask.dims
    _along(ask, dims, _axes(ask), fixed=False)
    return one(ask, dims)


@rule("GroupNormalization")
def group_normalization(ask: Ask) -> Inferred:
    """Scale and shift for each channel; the channels must divide into `groups` (32; -1 is one group each).

    Keras: keras.layers.GroupNormalization.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"groups": 2}
    >>> group_normalization(Ask("GroupNormalization", args, {"inputs": TensorType((None, 9, 4))}, {})).weights.trainable
    8
    """
    groups = ask.get("groups", 32)
    if groups <= 0 and groups != -1:
        raise bad_argument(ask, "groups", f"`groups` must be positive, or -1 for one group per channel; got {groups}")
    dims = ask.dims
    axis = ask.get("axis", -1)
    axis_at(ask, dims, axis)
    channels = need_size(ask, dims, axis)
    if isinstance(channels, int) and groups != -1 and (channels < groups or channels % groups):
        raise ShapeError(
            f"{ask.name}: the {channels} channels of {show(dims)} do not divide into {groups} groups",
            argument="groups",
            inputs=(0,),
            axis=axis,
        )
    count = bool(ask.get("scale", True)) + bool(ask.get("center", True))
    return one(ask, dims, total(size(times(channels, count))))
