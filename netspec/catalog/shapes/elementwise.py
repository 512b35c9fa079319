"""Shape rules of layers that keep the shape: activations, dropout and noise. PReLU alone has weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.catalog.shapes.rule import Ask, axis_at, bad_argument, differ, need_rank, one, rule, size
from netspec.catalog.types import Dim, Inferred, ShapeError, show


@rule(
    *("Activation", "ELU", "LeakyReLU", "ReLU", "ActivityRegularization"),
    *("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
)
def same(ask: Ask) -> Inferred:
    """The shape that came in, of any rank. `noise_shape` of a dropout has its sizes, or 1 where all share the noise.

    Keras: the classes of keras.layers that only change values.

    >>> from netspec.catalog.types import TensorType
    >>> same(Ask("Dropout", {"rate": 0.5}, {"inputs": TensorType((None, 7, 5))}, {})).outputs[0].shape
    (None, 7, 5)
    """
    if ask.get("noise_shape", None) is not None and 0 < ask.get("rate", 0.5) < 1:  # else there is no noise to lay over
        _check_noise(ask, ask.get("noise_shape", None))
    return one(ask, ask.dims)


def _check_noise(ask: Ask, noise: Sequence[Any]) -> None:
    """Refuse a `noise_shape` that cannot be laid over the input; its `null` is the input's size at the same place."""
    dims = ask.dims
    if len(noise) <= len(dims):
        filled = [dims[at] if each is None else each for at, each in enumerate(noise)]
        moved = len(noise) < len(dims) and None in filled  # a free size beside one that is not its own
        if not moved and all(
            each == 1 or not differ(each, dim) for each, dim in zip(filled, dims[len(dims) - len(noise) :], strict=True)
        ):
            return
    written = ", ".join("null" if each is None else str(each) for each in noise)
    raise bad_argument(ask, "noise_shape", f"`noise_shape: [{written}]` does not fit the input {show(dims)}")


@rule("Softmax")
def softmax(ask: Ask) -> Inferred:
    """The shape that came in, which has the axes that `axis` names: Keras looks only when it runs them.

    Keras: keras.layers.Softmax.

    >>> from netspec.catalog.types import TensorType
    >>> softmax(Ask("Softmax", {}, {"inputs": TensorType((None, 7))}, {})).outputs[0].shape
    (None, 7)
    """
    dims = ask.dims
    axis = ask.get("axis", -1)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for each in axes:
        axis_at(ask, dims, each)
    if len({each % len(dims) for each in axes}) < len(axes):
        raise bad_argument(ask, "axis", f"`axis` names an axis twice; got {list(axis)}")
    return one(ask, dims)


@rule("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def spatial_dropout(ask: Ask) -> Inferred:
    """The shape that came in, which has as many spatial axes as the name says.

    Keras: keras.layers.SpatialDropout1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> spatial_dropout(Ask("SpatialDropout1D", {"rate": 0.5}, {"inputs": TensorType((None, 7, 5))}, {})).weights
    Weights(trainable=0, non_trainable=0)
    """
    return one(ask, need_rank(ask, int(ask.cls[-2]) + 2))


@rule("PReLU")
def prelu(ask: Ask) -> Inferred:
    """The shape that came in; a slope for each position but those on `shared_axes`, which share one.

    Keras: keras.layers.PReLU.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"shared_axes": [1, 2]}
    >>> prelu(Ask("PReLU", args, {"inputs": TensorType((None, None, 9, 4))}, {})).weights.trainable
    4
    """
    dims = ask.dims
    shared = ask.get("shared_axes", None)
    axes = () if shared is None else (shared,) if isinstance(shared, int) else tuple(shared)
    slopes: list[Dim] = list(dims[1:])
    for axis in axes:
        if not -len(slopes) <= axis - 1 < len(slopes):
            raise bad_argument(ask, "shared_axes", f"`shared_axes` names axis {axis}, which {show(dims)} does not have")
        slopes[axis - 1] = 1
    if None in slopes:
        raise ShapeError(
            f"{ask.name} has a slope for each position, so every axis needs a fixed size; got {show(dims)}",
            inputs=(0,),
            help=f"share the slopes along the free axis: `shared_axes: [{slopes.index(None) + 1}]`",
        )
    return one(ask, dims, size(*slopes))
