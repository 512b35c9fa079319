"""Shape rules of the layers that join several tensors into one. None of them has weights."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.catalog.shapes.rule import Ask, Dims, differ, dims_of, one, rule, stays_sparse
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, Unknown, show

_SHOWN = 4  # shapes that one message names


def _shapes(ask: Ask) -> tuple[Dims, ...]:
    shapes = tuple(dims_of(tensor) for tensor in ask.tensors)
    if not all(shapes):
        raise ShapeError(f"{ask.name} needs tensors with a batch axis, got {_list(shapes)}", code="NS401")
    if not shapes:
        raise ShapeError(f"{ask.name} needs at least one tensor", code="NS401")
    return shapes


def _list(shapes: Sequence[Dims]) -> str:
    """The shapes in words, each once, and no more than a few."""
    different = list(dict.fromkeys(show(shape) for shape in shapes))
    more = [f"{len(different) - _SHOWN} more"] if len(different) > _SHOWN else []
    return " and ".join([*different[:_SHOWN], *more])


def _common_batch(ask: Ask, shapes: Sequence[Dims]) -> Dim:
    """The batch size that all tensors agree on; free if none of them fixes it."""
    batches = {shape[0] for shape in shapes if shape} - {None}
    known = {batch for batch in batches if isinstance(batch, int)}
    if len(known) > 1:
        raise ShapeError(
            f"{ask.name} needs one batch size, got {_list(shapes)}",
            code="NS401",
            inputs=tuple(at for at, shape in enumerate(shapes) if shape and isinstance(shape[0], int)),
            axis=0,
        )
    if len(batches) > len(known):
        return UNKNOWN
    return known.pop() if known else None


def broadcast(one_shape: Dims, other: Dims) -> Dims | int:
    """Two shapes stretched over each other from the right; the axis (from the right) where they cannot be, else.

    >>> broadcast((4, 1), (3,)), broadcast((4, 5), (3,))
    ((4, 3), -1)
    """
    if len(one_shape) < len(other):
        one_shape, other = other, one_shape
    dims: list[Dim] = list(one_shape[: len(one_shape) - len(other)])
    tail = one_shape[len(dims) :]
    for at, (left, right) in enumerate(zip(tail, other, strict=True)):
        if left is None or right is None:
            dims.append(None)
        elif left == 1:
            dims.append(right)
        elif right == 1:
            dims.append(left)
        elif isinstance(left, Unknown) or isinstance(right, Unknown):
            dims.append(UNKNOWN)
        elif left != right:
            return at - len(other)
        else:
            dims.append(left)
    return tuple(dims)


@rule("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
def elementwise_merge(ask: Ask) -> Inferred:
    """Position by position; sizes of one, and missing axes after the batch, are stretched.

    Keras: keras.layers.Add, Average, Maximum, Minimum, Multiply, Subtract.

    >>> from netspec.catalog.types import TensorType
    >>> tensors = [TensorType((None, 4, 3)), TensorType((None, 1, 3))]
    >>> elementwise_merge(Ask("Add", {}, {"inputs": tensors}, {})).outputs[0].shape
    (None, 4, 3)
    """
    tensors = ask.tensors
    shapes = _shapes(ask)
    if ask.cls == "Subtract" and len(shapes) != 2:
        raise ShapeError(
            f"{ask.name} takes two tensors, got {len(shapes)}", code="NS401", inputs=tuple(range(len(shapes)))
        )
    batch = _common_batch(ask, shapes)
    merged: Dims = shapes[0][1:]
    for at, shape in enumerate(shapes[1:], start=1):
        wider = broadcast(merged, shape[1:])
        if isinstance(wider, int):
            raise ShapeError(
                f"{ask.name} cannot stretch {_list((shapes[0], shape) if at == 1 else shapes)} over each other: "
                f"axis {wider % len(shape) if len(shape) == len(shapes[0]) else wider} differs",
                code="NS401",
                inputs=(0, at),
                axis=wider,
                help="sizes must be equal, or one of them 1; a `Dense` with the right number of units "
                "brings them together",
            )
        merged = wider
    return one(ask, (batch, *merged), sparse=all(stays_sparse(ask, tensor) for tensor in tensors))


def _joins(shapes: Sequence[Dims], axis: int) -> bool:
    """Whether `axis`, which is not the batch, is the only one on which the shapes differ."""
    first, rest = shapes[0], shapes[1:]
    others = [at for at in range(len(first)) if at != axis]
    return axis > 0 and not any(differ(first[at], shape[at]) for shape in rest for at in others)


@rule("Concatenate")
def concatenate(ask: Ask) -> Inferred:
    """One after the other along `axis` (the last, unless given); all other sizes must be equal.

    Keras: keras.layers.Concatenate.

    >>> from netspec.catalog.types import TensorType
    >>> tensors = [TensorType((None, 4, 3)), TensorType((None, 4, 5))]
    >>> concatenate(Ask("Concatenate", {}, {"inputs": tensors}, {})).outputs[0].shape
    (None, 4, 8)
    """
    tensors = ask.tensors
    shapes = _shapes(ask)
    axis: int = ask.get("axis", -1)
    ranks = {len(shape) for shape in shapes}
    if len(ranks) > 1:
        odd = next(at for at, shape in enumerate(shapes) if len(shape) != len(shapes[0]))
        raise ShapeError(
            f"{ask.name} needs tensors with the same number of axes, got {_list(shapes)}",
            code="NS401",
            inputs=(0, odd),
        )
    rank = ranks.pop()
    if len(shapes) == 1 and axis >= rank:
        return one(ask, shapes[0], sparse=stays_sparse(ask, tensors[0]))  # one tensor is never joined
    if not -rank <= axis < rank:
        raise ShapeError(
            f"{ask.name} cannot join along axis {axis}: {show(shapes[0])} has the axes 0 to {rank - 1}",
            code="NS403",
            argument="axis",
            inputs=(0,),
            axis=axis,
        )
    along = axis % rank
    for other in range(rank):
        if other == along:
            continue
        against = next((at for at, shape in enumerate(shapes) if isinstance(shape[other], int)), 0)
        for at, shape in enumerate(shapes):
            if differ(shapes[against][other], shape[other]):
                raise ShapeError(
                    f"{ask.name} joins along axis {axis}, so all other sizes must be equal; got {_list(shapes)}, "
                    f"which differ on axis {other}",
                    code="NS401",
                    inputs=(against, at),
                    axis=other,
                    help=f"`axis: {other}` joins them along axis {other}" if _joins(shapes, other) else None,
                )
    joined: Dim = 0
    for shape in shapes:
        dim = shape[along]
        if dim is None or joined is None:
            joined = None
        elif isinstance(dim, Unknown) or isinstance(joined, Unknown):
            joined = UNKNOWN
        else:
            joined += dim
    dims = list(shapes[0])
    dims[along] = joined
    return one(ask, tuple(dims), sparse=all(stays_sparse(ask, tensor) for tensor in tensors))


@rule("Dot")
def dot(ask: Ask) -> Inferred:
    """Products along `axes`, one axis of each of two tensors, which must have the same size.

    Keras: keras.layers.Dot.

    >>> from netspec.catalog.types import TensorType
    >>> tensors = [TensorType((None, 4, 3)), TensorType((None, 5, 3))]
    >>> dot(Ask("Dot", {"axes": 2}, {"inputs": tensors}, {})).outputs[0].shape
    (None, 4, 5)
    """
    tensors = ask.tensors
    shapes = _shapes(ask)
    if len(shapes) != 2:
        raise ShapeError(
            f"{ask.name} takes two tensors, got {len(shapes)}", code="NS401", inputs=tuple(range(len(shapes)))
        )
    given = ask.args["axes"]
    axes = (given, given) if isinstance(given, int) else tuple(given)
    for at, (axis, shape) in enumerate(zip(axes, shapes, strict=True)):
        if not -len(shape) <= axis < len(shape) and not (isinstance(given, int) and given < 0 and shape):
            raise ShapeError(
                f"{ask.name}: {show(shape)} has no axis {axis}; its axes are 0 to {len(shape) - 1}",
                code="NS403",
                argument="axes",
                inputs=(at,),
                axis=axis,
            )
    picks = tuple(axis % len(shape) for axis, shape in zip(axes, shapes, strict=True))
    if 0 in picks:
        raise ShapeError(
            f"{ask.name} cannot multiply along axis 0, which is the batch",
            code="NS403",
            argument="axes",
            inputs=(picks.index(0),),
            axis=0,
        )
    left, right = shapes[0][picks[0]], shapes[1][picks[1]]
    if not isinstance(left, Unknown) and not isinstance(right, Unknown) and left != right:
        raise ShapeError(
            f"{ask.name} multiplies axis {axes[0]} with axis {axes[1]}, whose sizes must be equal; got {_list(shapes)}",
            code="NS401",
            argument="axes",
            inputs=(0, 1),
            axis=axes[1],
        )
    rest = [dim for at, dim in enumerate(shapes[0]) if at != picks[0]]
    other = [dim for at, dim in enumerate(shapes[1]) if at != picks[1]]
    if not other:
        raise ShapeError(f"{ask.name} needs tensors with a batch axis and one more, got {_list(shapes)}", code="NS402")
    dims = rest + other[1:]
    return one(
        ask, tuple(dims if len(dims) != 1 else [*dims, 1]), sparse=all(stays_sparse(ask, tensor) for tensor in tensors)
    )
