"""Shape rules of the operations that join tensors, cut them apart, or multiply them as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from netspec.catalog.operations import MOST_OUTPUTS
from netspec.catalog.shapes.operation import (
    axis_of,
    first,
    given,
    operand,
    operands,
    operation,
    positions,
    product,
    promoted,
    stretched,
)
from netspec.catalog.shapes.rule import Ask, Dims, bad_argument, differ, dims_of
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, Unknown, show

_ALONG = {"hstack": 1, "vstack": 0}


def _alike(ask: Ask, shapes: Sequence[Dims], along: int | None) -> None:
    """ShapeError unless all shapes are the first one's, but for the axis that they are joined along."""
    head = shapes[0]
    for at, dims in enumerate(shapes):
        odd = next(
            (axis for axis in range(len(head)) if axis != along and differ(head[axis], (*dims, *head)[axis])), None
        )
        if len(dims) != len(head) or odd is not None:
            but = f", but for axis {along}" if along is not None else ""
            message = f"{ask.name} joins tensors of one shape{but}; got {show(head)} and {show(dims)}"
            axis = odd if len(dims) == len(head) else None
            raise ShapeError(message, code="NS401", inputs=(0, at), axis=axis)


@operation("concatenate", "hstack", "vstack")
def concatenate(ask: Ask) -> Inferred:
    """One after the other along `axis`, which is 0, the batch, unless given; all other sizes must be equal.

    Keras: keras.ops.concatenate, hstack, vstack.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"xs": [TensorType((None, 4)), TensorType((None, 3), "int32")]}
    >>> concatenate(Ask("ops.concatenate", {"axis": -1}, two, {})).outputs[0].shape
    (None, 7)
    """
    tensors = operands(ask, "xs")
    shapes = [dims_of(tensor) for tensor in tensors]
    axis = _ALONG.get(ask.cls.removeprefix("ops."), ask.args.get("axis", 0))
    along = axis_of(ask, shapes[0], axis)
    _alike(ask, shapes, along)
    sizes = [dims[along] for dims in shapes]
    joined: Dim = 0
    for size in sizes:
        if isinstance(size, int) and isinstance(joined, int):
            joined += size
        else:
            joined = None if size is None or joined is None else UNKNOWN
    shape = list(shapes[0])
    shape[along] = None if None in sizes else joined
    return given((tuple(shape), promoted(*(tensor.dtype for tensor in tensors))))


@operation("stack")
def stack(ask: Ask) -> Inferred:
    """Side by side along a new axis, which is the first unless given.

    Keras: keras.ops.stack.

    >>> from netspec.catalog.types import TensorType
    >>> stack(Ask("ops.stack", {"axis": 1}, {"x": [TensorType((None, 4))] * 3}, {})).outputs[0].shape
    (None, 3, 4)
    """
    tensors = operands(ask, "x")
    shapes = [dims_of(tensor) for tensor in tensors]
    at = axis_of(ask, shapes[0], ask.args.get("axis", 0), more=1)
    _alike(ask, shapes, None)
    shape = (*shapes[0][:at], len(tensors), *shapes[0][at:])
    return given((shape, promoted(*(tensor.dtype for tensor in tensors))))


@operation("append")
def append(ask: Ask) -> Inferred:
    """The second tensor behind the first along `axis`; both as one long axis without it.

    Keras: keras.ops.append.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"x1": TensorType((2, 4)), "x2": TensorType((2, 3))}
    >>> append(Ask("ops.append", {"axis": 1}, two, {})).outputs[0].shape
    (2, 7)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    dtype, axis = promoted(left.dtype, right.dtype), ask.args.get("axis")
    one, two = dims_of(left), dims_of(right)
    if axis is None:
        sizes = product(one), product(two)
        known = [size for size in sizes if isinstance(size, int)]
        joined: Dim = sum(known) if len(known) == 2 else None if None in (*one, *two) else UNKNOWN
        return given(((joined,), dtype))
    along = axis_of(ask, one, axis)
    _alike(ask, [one, two], along)
    a, b = one[along], two[along]
    if not isinstance(a, int) or not isinstance(b, int):
        raise TypeError("sizes that cannot be added")
    return given(((*one[:along], a + b, *one[along + 1 :]), dtype))


@operation("split", "hsplit", "vsplit", "dsplit", "array_split")
def split(ask: Ask) -> Inferred:
    """Cut into so many equal pieces along `axis`, which is 0, the batch, unless given; or at the places listed.

    Keras: keras.ops.split, hsplit, vsplit, dsplit, array_split.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"indices_or_sections": 2, "axis": 1}
    >>> [each.shape for each in split(Ask("ops.split", args, {"x": TensorType((None, 4))}, {})).outputs]
    [(None, 2), (None, 2)]
    """
    tensor, where = first(ask), ask.args["indices_or_sections"]
    dims = dims_of(tensor)
    name = ask.cls.removeprefix("ops.")
    least = {"vsplit": 2, "dsplit": 3}.get(name, 1)
    if len(dims) < least:
        raise ShapeError(f"{ask.name} takes at least {least} axes, got {show(dims)}", code="NS402", inputs=(0,))
    fixed = {"hsplit": 0 if len(dims) == 1 else 1, "vsplit": 0, "dsplit": 2}
    axis = axis_of(ask, dims, fixed.get(name, ask.args.get("axis", 0)))
    size = dims[axis]
    if isinstance(where, int):
        if where > MOST_OUTPUTS:
            raise TypeError("more outputs than a step may have")
        pieces: list[Dim] = [size] * where
        if isinstance(size, int):
            if size % where and name != "array_split":
                message = f"{ask.name} cuts axis {axis} into {where} equal pieces; {show(dims)} has {size} there"
                raise ShapeError(message, argument="indices_or_sections", inputs=(0,), axis=axis)
            pieces = [size // where + (at < size % where) for at in range(where)]
    else:
        if name == "array_split":
            raise TypeError("Keras's symbolic answer takes a number only")
        ends = [0, *where, size]
        pieces = [
            after - before if isinstance(before, int) and isinstance(after, int) else after
            for before, after in pairwise(ends)
        ]
        if any(isinstance(piece, int) and piece < 0 for piece in pieces):
            message = f"{ask.name} cannot cut axis {axis} of {show(dims)} at {where}"
            raise ShapeError(message, argument="indices_or_sections", inputs=(0,), axis=axis)
    return given(*(((*dims[:axis], piece, *dims[axis + 1 :]), tensor.dtype) for piece in pieces))


@operation("unstack")
def unstack(ask: Ask) -> Inferred:
    """One tensor for each place along `axis`, which is 0, the batch, unless given; `num` says how many these are.

    Keras: keras.ops.unstack.

    >>> from netspec.catalog.types import TensorType
    >>> len(unstack(Ask("ops.unstack", {"num": 4, "axis": 1}, {"x": TensorType((None, 4))}, {})).outputs)
    4
    """
    tensor = first(ask)
    dims = dims_of(tensor)
    axis, number = axis_of(ask, dims, ask.args.get("axis", 0)), ask.args["num"]
    size = dims[axis]
    if number > MOST_OUTPUTS:
        raise TypeError("more outputs than a step may have")
    if isinstance(size, int) and size != number:
        message = f"{ask.name}: axis {axis} of {show(dims)} has {size} places, `num` is {number}"
        raise ShapeError(message, argument="num", inputs=(0,), axis=axis)
    return given(*[((*dims[:axis], *dims[axis + 1 :]), tensor.dtype)] * number)


@operation("matmul")
def matmul(ask: Ask) -> Inferred:
    """The matrices of the last two axes multiplied, all axes before them stretched over each other.

    Keras: keras.ops.matmul.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"x1": TensorType((None, 2, 3)), "x2": TensorType((None, 3, 4))}
    >>> matmul(Ask("ops.matmul", {}, two, {})).outputs[0].shape
    (None, 2, 4)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    one, two = dims_of(left), dims_of(right)
    if not one or not two:
        raise TypeError("a number is no matrix")
    rows, columns = one if len(one) > 1 else (1, *one), two if len(two) > 1 else (*two, 1)
    if differ(rows[-1], columns[-2]):
        message = (
            f"{ask.name} multiplies the last axis of `x1`, {rows[-1]}, with the last but one of `x2`, {columns[-2]}"
        )
        axis = -2 if len(two) > 1 else -1
        raise ShapeError(f"{message}; these must be equal", code="NS401", inputs=positions(ask, "x1", "x2"), axis=axis)
    lead = stretched(ask, (("x1", rows[:-2]), ("x2", columns[:-2])))
    ends = [*([rows[-2]] if len(one) > 1 else []), *([columns[-1]] if len(two) > 1 else [])]
    dtype = "int32" if left.dtype == right.dtype == "int8" else promoted(left.dtype, right.dtype)
    return given(((*lead, *ends), dtype))


@operation("dot")
def dot(ask: Ask) -> Inferred:
    """The last axis of one with the last but one of the other, for all pairs of the other axes.

    Keras: keras.ops.dot.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"x1": TensorType((None, 3)), "x2": TensorType((3, 4))}
    >>> dot(Ask("ops.dot", {}, two, {})).outputs[0].shape
    (None, 4)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    one, two = dims_of(left), dims_of(right)
    dtype = promoted(left.dtype, right.dtype)
    if not one or not two:
        raise TypeError("Keras multiplies by a number in another operation")
    if len(one) == 1 and len(two) == 1:
        return given(((), dtype))
    inner = two[0] if len(two) == 1 else two[-2]
    if differ(one[-1], inner) or (len(two) == 1 and None in (one[-1], inner) and one[-1] is not inner):
        message = f"{ask.name} multiplies axes that are equal, got {show(one)} and {show(two)}"
        axis = -2 if len(two) > 1 else -1
        raise ShapeError(message, code="NS401", inputs=positions(ask, "x1", "x2"), axis=axis)
    return given(((*one[:-1], *(two[:-2] if len(two) > 1 else ()), *two[-1:][: len(two) - 1]), dtype))


@operation("outer")
def outer(ask: Ask) -> Inferred:
    """Each value of one with each of the other, both as one long axis.

    Keras: keras.ops.outer.

    >>> from netspec.catalog.types import TensorType
    >>> outer(Ask("ops.outer", {}, {"x1": TensorType((2, 3)), "x2": TensorType((4,))}, {})).outputs[0].shape
    (6, 4)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    return given(((product(dims_of(left)), product(dims_of(right))), promoted(left.dtype, right.dtype)))


@operation("inner")
def inner(ask: Ask) -> Inferred:
    """The last axes multiplied and summed up, for all pairs of the others.

    Keras: keras.ops.inner.

    >>> from netspec.catalog.types import TensorType
    >>> inner(Ask("ops.inner", {}, {"x1": TensorType((2, 3)), "x2": TensorType((4, 3))}, {})).outputs[0].shape
    (2, 4)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    one, two = dims_of(left), dims_of(right)
    dtype = promoted(left.dtype, right.dtype)
    if not one or not two:
        return given((one or two, dtype))
    if differ(one[-1], two[-1]):
        message = f"{ask.name} multiplies the last axes, which must be equal; got {show(one)} and {show(two)}"
        raise ShapeError(message, code="NS401", inputs=positions(ask, "x1", "x2"), axis=-1)
    return given(((*one[:-1], *two[:-1]), dtype))


@operation("tensordot")
def tensordot(ask: Ask) -> Inferred:
    """Axes of one summed up against axes of the other: so many of the last with the first ones, or those listed.

    Keras: keras.ops.tensordot.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"x1": TensorType((None, 2, 3)), "x2": TensorType((3, 4))}
    >>> tensordot(Ask("ops.tensordot", {"axes": 1}, two, {})).outputs[0].shape
    (None, 2, 4)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    one, two, axes = dims_of(left), dims_of(right), ask.args.get("axes", 2)
    dtype = promoted(left.dtype, right.dtype)
    if isinstance(axes, int):
        if axes > min(len(one), len(two)):
            raise bad_argument(ask, "axes", f"{axes} axes of each are asked for, got {show(one)} and {show(two)}")
        pairs = [(len(one) - axes + at, at) for at in range(axes)]
        if any(differ(one[a], two[b]) for a, b in pairs):
            raise TypeError("Keras says nothing about it before it runs")
        return given(((*one[: len(one) - max(axes, 0)], *two[max(axes, 0) :]), dtype))
    mine, theirs = (list(each) for each in axes)
    if len(mine) != len(theirs):
        raise bad_argument(ask, "axes", f"{len(mine)} axes of `x1` and {len(theirs)} of `x2`")
    picked = [(axis_of(ask, one, a, "axes"), axis_of(ask, two, b, "axes")) for a, b in zip(mine, theirs, strict=True)]
    if any(differ(one[a], two[b]) for a, b in picked):
        message = f"{ask.name} multiplies axes that are equal, got {show(one)} and {show(two)} with `axes` {axes}"
        raise ShapeError(message, code="NS401", argument="axes", inputs=positions(ask, "x1", "x2"))
    rest = [dim for at, dim in enumerate(one) if at not in {a for a, _ in picked}]
    return given(((*rest, *(dim for at, dim in enumerate(two) if at not in {b for _, b in picked})), dtype))


@operation("einsum")
def einsum(ask: Ask) -> Inferred:
    """Letters for axes: what stands behind the arrow stays, everything else is multiplied and summed up.

    Keras: keras.ops.einsum.

    >>> from netspec.catalog.types import TensorType
    >>> two = {"operands": [TensorType((None, 2, 3)), TensorType((None, 4, 3))]}
    >>> einsum(Ask("ops.einsum", {"subscripts": "bij,bkj->bik"}, two, {})).outputs[0].shape
    (None, 2, 4)
    """
    tensors, text = operands(ask, "operands"), ask.args["subscripts"].replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        message = f"{ask.name}: `{text[:60]}` speaks of {len(parts)} tensors, got {len(tensors)}"
        raise ShapeError(message, argument="subscripts", inputs=tuple(range(len(tensors))))
    letters = "".join(parts) + right
    if (
        not arrow
        or not (letters.isascii() and letters.isalpha() and letters.islower())
        or " " in ask.args["subscripts"]
    ):
        raise TypeError("written in a way that has no rule here")
    if len(set(right)) < len(right) or any(len(set(part)) < len(part) for part in parts) or set(right) - set(left):
        raise TypeError("a letter twice in one place")
    sizes: dict[str, Dim] = {}
    for at, (part, tensor) in enumerate(zip(parts, tensors, strict=True)):
        dims = dims_of(tensor)
        if len(part) != len(dims):
            message = f"{ask.name}: `{part}` speaks of {len(part)} axes, got {show(dims)}, which has {len(dims)}"
            raise ShapeError(message, code="NS402", argument="subscripts", inputs=(at,))
        for letter, dim in zip(part, dims, strict=True):
            known = sizes.get(letter, 1)
            if letter in sizes and differ(known, dim):
                message = f"{ask.name}: axis `{letter}` is {known} in one tensor and {dim} in another"
                raise ShapeError(message, code="NS401", inputs=tuple(range(at + 1)), argument="subscripts")
            sizes[letter] = _wider(known, dim)
    dtypes = {tensor.dtype for tensor in tensors}
    dtype = "int32" if dtypes == {"int8"} else promoted(*(tensor.dtype for tensor in tensors))
    return given((tuple(sizes[letter] for letter in right), dtype))


def _wider(one: Dim, other: Dim) -> Dim:
    """The size that two operands agree on; a known one before a free one."""
    for each in (one, other):
        if isinstance(each, int) and each != 1:
            return each
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        return UNKNOWN
    return None if None in (one, other) else 1
