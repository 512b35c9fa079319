"""Shape rules of the layers that reshape, permute, repeat, crop, pad and upsample. None of them has weights."""

from __future__ import annotations

import math
from typing import Any

from netspec.catalog.shapes.rule import (
    Ask,
    Dims,
    bad_argument,
    channels_first,
    integers,
    need_rank,
    need_rank_from,
    one,
    plus,
    rule,
    seen_dtype,
    stays_sparse,
    times,
    too_small,
    tuple_of,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, Unknown, show


def _moved(ask: Ask, dims: Dims) -> Inferred:
    """An answer that keeps the input's dtype and sparseness."""
    tensor = ask.first
    return one(ask, dims, dtype=seen_dtype(ask, tensor), sparse=stays_sparse(ask, tensor))


def _product(dims: Dims) -> Dim:
    if None in dims:
        return None
    if any(isinstance(dim, Unknown) for dim in dims):
        return UNKNOWN
    return math.prod(dim for dim in dims if isinstance(dim, int))


@rule("Flatten")
def flatten(ask: Ask) -> Inferred:
    """All axes after the batch become one; it is free if one of them is.

    Keras: keras.layers.Flatten.

    >>> from netspec.catalog.types import TensorType
    >>> flatten(Ask("Flatten", {}, {"inputs": TensorType((None, 7, 5))}, {})).outputs[0].shape
    (None, 35)
    """
    dims = need_rank_from(ask, 1)
    return _moved(ask, (dims[0], _product(dims[1:])))


@rule("Reshape")
def reshape(ask: Ask) -> Inferred:
    """The axes after the batch become `target_shape`, where one -1 takes what is left.

    Keras: keras.layers.Reshape.

    >>> from netspec.catalog.types import TensorType
    >>> reshape(Ask("Reshape", {"target_shape": [-1, 2]}, {"inputs": TensorType((None, 7, 4))}, {})).outputs[0].shape
    (None, 14, 2)
    """
    given = ask.args["target_shape"]
    target: list[Dim] = [given] if isinstance(given, int) else list(given)
    numbers = [dim for dim in target if isinstance(dim, int)]
    if numbers.count(-1) > 1 or any(dim < -1 for dim in numbers):
        raise bad_argument(ask, "target_shape", f"`target_shape` takes sizes and at most one -1; got {list(target)}")
    dims = need_rank_from(ask, 1)
    inside = dims[1:]
    if None in inside or None in target:
        return _moved(ask, (dims[0], *(None if dim == -1 else dim for dim in target)))
    have = _product(inside)
    if isinstance(have, Unknown):
        return _moved(ask, (dims[0], *(UNKNOWN if dim == -1 else dim for dim in target)))
    known = math.prod(dim for dim in numbers if dim != -1)
    fits = have == known if -1 not in numbers else known != 0 and isinstance(have, int) and have % known == 0
    if not fits or not isinstance(have, int):
        raise ShapeError(
            f"{ask.name} cannot lay {have} numbers out as {list(target)}, got {show(dims)}",
            argument="target_shape",
            inputs=(0,),
            help=None if -1 in numbers else "one size of `target_shape` may be -1 and takes what is left",
        )
    return _moved(ask, (dims[0], *(have // known if dim == -1 else dim for dim in target)))


@rule("Permute")
def permute(ask: Ask) -> Inferred:
    """The axes after the batch in the order of `dims`, which counts from 1.

    Keras: keras.layers.Permute.

    >>> from netspec.catalog.types import TensorType
    >>> permute(Ask("Permute", {"dims": [2, 1]}, {"inputs": TensorType((None, 7, 4))}, {})).outputs[0].shape
    (None, 4, 7)
    """
    order = tuple(ask.args["dims"])
    if sorted(order) != list(range(1, len(order) + 1)):
        raise bad_argument(ask, "dims", f"`dims` must name each axis after the batch once, from 1; got {list(order)}")
    dims = need_rank(ask, len(order) + 1)
    return _moved(ask, (dims[0], *(dims[axis] for axis in order)))


@rule("RepeatVector")
def repeat_vector(ask: Ask) -> Inferred:
    """A vector becomes `n` equal steps.

    Keras: keras.layers.RepeatVector.

    >>> from netspec.catalog.types import TensorType
    >>> repeat_vector(Ask("RepeatVector", {"n": 3}, {"inputs": TensorType((None, 7))}, {})).outputs[0].shape
    (None, 3, 7)
    """
    dims = need_rank(ask, 2)
    return one(ask, (dims[0], ask.args["n"], dims[1]))


def _pairs(ask: Ask, argument: str, default: Any, rank: int) -> tuple[tuple[int, ...], ...]:
    """What is cut or padded before and after, for each spatial axis."""
    value = ask.get(argument, default)
    if rank == 1:
        return (tuple_of(ask, argument, value, 2, least=0),)
    if isinstance(value, int):
        if value < 0 and argument == "cropping":
            raise bad_argument(ask, argument, f"`{argument}` must not be negative; got {value}")
        return ((value, value),) * rank
    if len(value) != rank:
        raise bad_argument(ask, argument, f"`{argument}` needs one entry for each of {rank} axes; got {value}")
    return tuple(tuple_of(ask, argument, entry, 2, least=0) for entry in value)


@rule("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(ask: Ask) -> Inferred:
    """Spatial sizes lose what `cropping` says; something must be left.

    Keras: keras.layers.Cropping1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> cropping(Ask("Cropping1D", {"cropping": 2}, {"inputs": TensorType((None, 7, 5))}, {})).outputs[0].shape
    (None, 3, 5)
    """
    rank = int(ask.cls[-2])
    cuts = _pairs(ask, "cropping", ((1, 1), ((0, 0),) * 2, ((1, 1),) * 3)[rank - 1], rank)
    dims = need_rank(ask, rank + 2)
    offset = 2 if rank > 1 and channels_first(ask) else 1
    sizes = list(dims)
    for axis, cut in enumerate(cuts, start=offset):
        left = plus(dims[axis], -sum(cut))
        if isinstance(left, int) and left <= 0:
            raise too_small(ask, dims, axis, f"cropping takes {sum(cut)} off {dims[axis]}")
        sizes[axis] = left
    return one(ask, tuple(sizes))


@rule("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(ask: Ask) -> Inferred:
    """Spatial sizes grow by what `padding` says.

    Keras: keras.layers.ZeroPadding1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> zero_padding(Ask("ZeroPadding2D", {}, {"inputs": TensorType((None, 7, 7, 3))}, {})).outputs[0].shape
    (None, 9, 9, 3)
    """
    rank = int(ask.cls[-2])
    pads = _pairs(ask, "padding", 1, rank)
    dims = need_rank(ask, rank + 2)
    sizes = list(dims)
    for axis, pad in enumerate(pads, start=2 if channels_first(ask) else 1):
        sizes[axis] = plus(dims[axis], sum(pad))
    return one(ask, tuple(sizes))


@rule("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(ask: Ask) -> Inferred:
    """Spatial sizes grow by the factors of `size`.

    Keras: keras.layers.UpSampling1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> up_sampling(Ask("UpSampling2D", {}, {"inputs": TensorType((None, 7, None, 3))}, {})).outputs[0].shape
    (None, 14, None, 3)
    """
    rank = int(ask.cls[-2])
    factors = integers(ask, "size", 2, rank)
    dims = need_rank(ask, rank + 2)
    sizes = list(dims)
    for axis, factor in enumerate(factors, start=2 if rank > 1 and channels_first(ask) else 1):
        sizes[axis] = times(dims[axis], factor)
    return one(ask, tuple(sizes))
