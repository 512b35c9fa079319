"""Shape rules of the pooling layers: windowed, global and adaptive. None of them has weights."""

from __future__ import annotations

from netspec.catalog.shapes.convolution import rank_of
from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    Ask,
    Dims,
    bad_argument,
    channels_first,
    integers,
    need_rank,
    one,
    rule,
    too_small,
    tuple_of,
)
from netspec.catalog.types import Dim, Inferred, ShapeError, show


@rule(*(f"{mode}Pooling{rank}D" for mode in ("Max", "Average") for rank in (1, 2, 3)))
def pooling(ask: Ask) -> Inferred:
    """Spatial sizes shrink by the strides, which are `pool_size` unless given.

    Keras: keras.layers.MaxPooling1D to 3D, AveragePooling1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> pooling(Ask("MaxPooling2D", {"pool_size": 2}, {"inputs": TensorType((None, 27, 27, 4))}, {})).outputs[0].shape
    (None, 13, 13, 4)
    """
    rank = rank_of(ask.cls)
    return one(ask, pooled(ask, need_rank(ask, rank + 2), rank))


def pooled(ask: Ask, dims: Dims, rank: int) -> Dims:
    """A shape after a window has walked over its spatial axes (Keras's compute_pooling_output_shape)."""
    pool = integers(ask, "pool_size", 2, rank)
    given = ask.get("strides", None)
    strides = pool if given is None else tuple_of(ask, "strides", given, rank)
    padding = ask.get("padding", "valid")
    if padding not in ("valid", "same"):
        raise bad_argument(ask, "padding", f"`padding` must be valid or same; got {padding}")
    offset = 2 if channels_first(ask) else 1
    sizes = list(dims)
    for at in range(rank):
        dim = dims[at + offset]
        if isinstance(dim, int):
            left = (dim - (pool[at] if padding == "valid" else 1)) // strides[at] + 1
            if left <= 0 and padding == "valid":
                raise too_small(ask, dims, at + offset, f"a pool of {pool[at]} does not fit into {dim}")
            sizes[at + offset] = left
    return tuple(sizes)


@rule(*(f"Global{mode}Pooling{rank}D" for mode in ("Max", "Average") for rank in (1, 2, 3)))
def global_pooling(ask: Ask) -> Inferred:
    """Only batch and channels are left; with `keepdims`, the spatial axes stay as ones.

    Keras: keras.layers.GlobalMaxPooling1D to 3D, GlobalAveragePooling1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> global_pooling(Ask("GlobalMaxPooling1D", {}, {"inputs": TensorType((None, 7, 5))}, {})).outputs[0].shape
    (None, 5)
    """
    rank = rank_of(ask.cls)
    dims = need_rank(ask, rank + 2)
    ones: Dims = (1,) * rank if ask.get("keepdims", False) else ()
    if channels_first(ask):
        return one(ask, (dims[0], dims[1], *ones))
    return one(ask, (dims[0], *ones, dims[-1]))


@rule(*(f"Adaptive{mode}Pooling{rank}D" for mode in ("Max", "Average") for rank in (1, 2, 3)))
def adaptive_pooling(ask: Ask) -> Inferred:
    """Spatial sizes become `output_size`. Keras pools with windows of two sizes, and the larger must fit in, too.

    Keras: keras.layers.AdaptiveMaxPooling1D to 3D, AdaptiveAveragePooling1D to 3D.

    >>> from netspec.catalog.types import TensorType
    >>> args, x = {"output_size": [2, 3]}, {"inputs": TensorType((None, 9, 9, 4))}
    >>> adaptive_pooling(Ask("AdaptiveMaxPooling2D", args, x, {})).outputs[0].shape
    (None, 2, 3, 4)
    """
    rank = rank_of(ask.cls)
    sizes: tuple[Dim, ...] = integers(ask, "output_size", 1, rank)
    if len(ask.dims) == 3 and rank > 1:
        return NOTHING_KNOWN  # Keras lets this one through and answers with something that is no pooling
    dims = need_rank(ask, rank + 2)
    first = 2 if channels_first(ask) else 1
    for axis, wanted in enumerate(sizes, first):
        found = dims[axis]
        if found is None:
            raise ShapeError(
                f"{ask.name} needs a fixed size on axis {axis}, which its windows depend on; got {show(dims)}",
                code="NS404",
                inputs=(0,),
                axis=axis,
            )
        if isinstance(found, int) and isinstance(wanted, int) and found <= -(-found // wanted):
            window = -(-found // wanted) + 1
            raise ShapeError(
                f"{ask.name} cannot make size {wanted} of {found} on axis {axis}: Keras pools with a window of {window}"
                f", too; got {show(dims)}",
                code="NS405",
                argument="output_size" if "output_size" in ask.args else None,
                inputs=(0,),
                axis=axis,
                help="for one number of a whole axis, take a global pooling layer" if wanted == 1 else None,
            )
    if channels_first(ask):
        return one(ask, (dims[0], dims[1], *sizes))
    return one(ask, (dims[0], *sizes, dims[-1]))
