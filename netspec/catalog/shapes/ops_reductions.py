"""Shape rules of the operations that make one value out of many: sums, means, norms, places of the largest."""

from __future__ import annotations

from netspec.catalog.shapes.operation import (
    Dtype,
    axes_of,
    axis_of,
    first,
    floating,
    given,
    operand,
    operation,
    product,
    promoted,
    same,
    sized,
)
from netspec.catalog.shapes.rule import Ask, Dims, bad_argument, differ, dims_of
from netspec.catalog.types import UNKNOWN, Inferred, ShapeError, Unknown, show

_WIDER = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
_SAME = "max min amax amin ptp moments"
_INDEX = "argmax argmin count_nonzero"
_ALL = "all any"
_SUMS = "sum nansum prod nanprod"
_MEANS = "mean var nanvar nanstd nanmean nanmedian median std"


def reduced(ask: Ask, dims: Dims, axis: int | list[int] | None, keepdims: bool) -> Dims:
    """A shape without the axes that are summed up, or with 1 in their place."""
    gone = set(range(len(dims))) if axis is None else axes_of(ask, dims, axis, "axes" if "axes" in ask.args else "axis")
    if isinstance(gone, list):
        if len(set(gone)) < len(gone):
            raise TypeError("an axis named twice")
        gone = set(gone)
    if keepdims:
        return tuple(1 if at in gone else dim for at, dim in enumerate(dims))
    return tuple(dim for at, dim in enumerate(dims) if at not in gone)


@operation(*_SAME.split(), *_INDEX.split(), *_ALL.split(), *_SUMS.split(), *_MEANS.split())
def reduce(ask: Ask) -> Inferred:
    """Without the axes that `axis` names, all if it names none, or with 1 in their place with `keepdims`.

    Keras: keras.ops.sum, mean, max, argmax, any, moments and the like.

    >>> from netspec.catalog.types import TensorType
    >>> reduce(Ask("ops.mean", {"axis": 1, "keepdims": True}, {"x": TensorType((None, 4, 3), "int32")}, {})).outputs
    (TensorType(shape=(None, 1, 3), dtype='float32', sparse=False),)
    """
    tensor = first(ask)
    axis = ask.args["axes"] if ask.cls == "ops.moments" else ask.args.get("axis")
    shape = reduced(ask, dims_of(tensor), axis, ask.args.get("keepdims", False))
    answer = (shape, _dtype(ask, tensor.dtype))
    return given(answer, answer) if ask.cls == "ops.moments" else given(answer)


def _dtype(ask: Ask, dtype: Dtype) -> Dtype:
    name = ask.cls.removeprefix("ops.")
    if name in _ALL.split():
        return "bool"
    if name in _INDEX.split():
        return "int32"
    if isinstance(dtype, Unknown) or name in _SAME.split():
        return dtype
    if name in _SUMS.split():
        wanted = ask.args.get("dtype")
        base = promoted(dtype) if name in ("sum", "nansum") else dtype
        return wanted or (base if isinstance(base, Unknown) else _WIDER.get(base, base))
    return floating(dtype)


@operation("nanmax", "nanmin", "nanargmax", "nanargmin")
def reduce_numbers(ask: Ask) -> Inferred:
    """As the largest and the smallest, or where they are, with an eye to what is no number.

    Keras: keras.ops.nanmax, nanmin, nanargmax, nanargmin.

    >>> from netspec.catalog.types import TensorType
    >>> reduce_numbers(Ask("ops.nanmax", {"axis": 1}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (None,)
    """
    tensor, axis = first(ask), ask.args.get("axis")
    places = ask.cls.startswith("ops.nanarg")
    if places and isinstance(axis, list):
        raise TypeError("one axis only")
    shape = reduced(ask, dims_of(tensor), axis, ask.args.get("keepdims", False))
    return given((shape, "int32" if places else promoted(tensor.dtype)))


@operation("allclose", "size", "vdot")
def single(ask: Ask) -> Inferred:
    """One value for all of them.

    Keras: keras.ops.allclose, size, vdot.

    >>> from netspec.catalog.types import TensorType
    >>> single(Ask("ops.size", {}, {"x": TensorType((None, 4))}, {})).outputs[0].dtype
    'int32'
    """
    if ask.cls == "ops.vdot":
        return given(((), promoted(operand(ask, "x1").dtype, operand(ask, "x2").dtype)))
    return given(((), "bool" if ask.cls == "ops.allclose" else "int32"))


@operation("binary_crossentropy", "categorical_crossentropy")
def crossentropy(ask: Ask) -> Inferred:
    """A loss for each place, or for each row of classes, of two tensors of one shape.

    Keras: keras.ops.binary_crossentropy, categorical_crossentropy.

    >>> from netspec.catalog.types import TensorType
    >>> two = {name: TensorType((None, 4)) for name in ("target", "output")}
    >>> crossentropy(Ask("ops.categorical_crossentropy", {}, two, {})).outputs[0].shape
    (None,)
    """
    target, output = operand(ask, "target"), operand(ask, "output")
    one, two = dims_of(target), dims_of(output)
    if UNKNOWN in (*one, *two):
        raise TypeError("sizes that are not known")
    if one != two:
        message = f"{ask.name} compares tensors of one shape, got {show(one)} and {show(two)}"
        raise ShapeError(message, code="NS401", inputs=(0, 1))
    if ask.cls == "ops.binary_crossentropy":
        return same(output)
    if not two:
        raise ShapeError(f"{ask.name} takes at least one axis, got {show(two)}", code="NS402", inputs=(1,))
    return given((two[:-1], output.dtype))


@operation("segment_sum", "segment_max", "segment_min", "segment_prod")
def segments(ask: Ask) -> Inferred:
    """`num_segments` sums along the first axis, the batch.

    Keras: keras.ops.segment_sum, segment_max, segment_min, segment_prod.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"segment_ids": [0, 0, 1], "num_segments": 2}
    >>> segments(Ask("ops.segment_sum", args, {"data": TensorType((None, 4))}, {})).outputs[0].shape
    (2, 4)
    """
    tensor = operand(ask, "data")
    dims = dims_of(tensor)
    ids = dims_of(operand(ask, "segment_ids"))
    if len(ids) != 1 or not dims:
        raise TypeError("what Keras makes of it is not said")
    if differ(ids[0], dims[0]):
        message = f"{ask.name} needs a segment for each of the {dims[0]} places of the first axis, got {ids[0]}"
        raise ShapeError(message, code="NS401", argument="segment_ids", inputs=(0,), axis=0)
    return given(((ask.args.get("num_segments"), *dims[1:]), tensor.dtype))


@operation("logsumexp")
def logsumexp(ask: Ask) -> Inferred:
    """As a sum; Keras says float32, whatever came in.

    Keras: keras.ops.logsumexp.

    >>> from netspec.catalog.types import TensorType
    >>> logsumexp(Ask("ops.logsumexp", {"axis": -1}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (None,)
    """
    shape = reduced(ask, dims_of(first(ask)), ask.args.get("axis"), ask.args.get("keepdims", False))
    return given((shape, "float32"))


@operation("norm")
def norm(ask: Ask) -> Inferred:
    """The length of the vectors along one axis, or of the matrices along two.

    Keras: keras.ops.norm.

    >>> from netspec.catalog.types import TensorType
    >>> norm(Ask("ops.norm", {"axis": -1}, {"x": TensorType((None, 4, 3))}, {})).outputs[0].shape
    (None, 4)
    """
    tensor = first(ask)
    dims, axis, order = dims_of(tensor), ask.args.get("axis"), ask.args.get("ord")
    count = len(dims) if axis is None else 1 if isinstance(axis, int) else len(axis)
    if count == 1 and isinstance(order, str):
        raise bad_argument(ask, "ord", f"`{order}` is a norm of matrices, which have two axes, not of one axis")
    if count == 2 and order not in (None, "fro", "nuc", float("inf"), float("-inf"), 1, -1, 2, -2):
        raise bad_argument(ask, "ord", f"a norm of matrices is `fro`, `nuc`, 1, -1, 2 or -2, got {order}")
    return given((reduced(ask, dims, axis, ask.args.get("keepdims", False)), floating(tensor.dtype)))


@operation("average")
def average(ask: Ask) -> Inferred:
    """The mean along an axis, each place with a weight where `weights` is given.

    Keras: keras.ops.average.

    >>> from netspec.catalog.types import TensorType
    >>> average(Ask("ops.average", {"axis": 1}, {"x": TensorType((None, 4, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims, axis = dims_of(tensor), ask.args.get("axis")
    if isinstance(axis, list):
        raise TypeError("one axis only")
    weighted = ask.args.get("weights") is not None or "weights" in ask.inputs
    dtype = promoted(tensor.dtype, "float")
    if weighted:
        weights = operand(ask, "weights")
        dtype = promoted(tensor.dtype, "float", weights.dtype)
        own = dims_of(weights)
        fits = _equal(own, dims)
        if axis is not None:
            fits = fits or _equal(own, (dims[axis_of(ask, dims, axis)],))
        if not fits:
            message = f"{ask.name} needs a weight for each place, got {show(own)} weights for {show(dims)}"
            raise ShapeError(message, code="NS401", argument="weights", inputs=(0,))
    return given((reduced(ask, dims, axis, False), dtype))


def _equal(left: Dims, right: Dims) -> bool:
    """Whether two shapes may be the same."""
    pairs = zip(left, right, strict=False)
    return len(left) == len(right) and all(not (isinstance(a, int) and isinstance(b, int)) or a == b for a, b in pairs)


@operation("quantile", "percentile")
def quantile(ask: Ask) -> Inferred:
    """As a mean, with an axis in front for the values that `q` lists.

    Keras: keras.ops.quantile, percentile.

    >>> from netspec.catalog.types import TensorType
    >>> quantile(Ask("ops.quantile", {"q": [0.1, 0.9], "axis": 1}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (2, None)
    """
    tensor, wanted = first(ask), dims_of(operand(ask, "q"))
    shape = reduced(ask, dims_of(tensor), ask.args.get("axis"), ask.args.get("keepdims", False))
    return given(((*wanted[:1], *shape), floating(tensor.dtype)))


@operation("diff")
def diff(ask: Ask) -> Inferred:
    """Neighbours along an axis taken from each other: one place less, `n` times.

    Keras: keras.ops.diff.

    >>> from netspec.catalog.types import TensorType
    >>> diff(Ask("ops.diff", {}, {"a": TensorType((None, 4))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims = list(dims_of(tensor))
    axis, turns = axis_of(ask, tuple(dims), ask.args.get("axis", -1)), ask.args.get("n", 1)
    dims[axis] = sized(dims[axis], lambda size: max(size - turns, 0))
    return given((tuple(dims), tensor.dtype))


@operation("sort", "argsort")
def sort(ask: Ask) -> Inferred:
    """The shape that came in; one long axis without an `axis`.

    Keras: keras.ops.sort, argsort.

    >>> from netspec.catalog.types import TensorType
    >>> sort(Ask("ops.argsort", {}, {"x": TensorType((None, 4))}, {})).outputs[0].dtype
    'int32'
    """
    tensor = first(ask)
    dims, axis = dims_of(tensor), ask.args.get("axis", -1)
    shape = (product(dims),) if axis is None else dims
    if axis is not None:
        axis_of(ask, dims, axis)
    return given((shape, "int32" if ask.cls == "ops.argsort" else tensor.dtype))


@operation("top_k")
def top_k(ask: Ask) -> Inferred:
    """The `k` largest along the last axis, and their places.

    Keras: keras.ops.top_k.

    >>> from netspec.catalog.types import TensorType
    >>> [each.dtype for each in top_k(Ask("ops.top_k", {"k": 2}, {"x": TensorType((None, 4))}, {})).outputs]
    ['float32', 'int32']
    """
    tensor = first(ask)
    dims, k = dims_of(tensor), ask.args["k"]
    if not dims:
        raise ShapeError(f"{ask.name} takes a tensor of at least one axis, got {show(dims)}", code="NS402", inputs=(0,))
    size = dims[-1]
    if isinstance(size, int) and size < k:
        message = f"{ask.name} asks for the {k} largest of {size}"
        raise ShapeError(message, argument="k", inputs=(0,), axis=-1)
    shape = (*dims[:-1], k)
    return given((shape, tensor.dtype), (shape, "int32"))


@operation("in_top_k")
def in_top_k(ask: Ask) -> Inferred:
    """Whether each target is among the `k` most likely classes.

    Keras: keras.ops.in_top_k.

    >>> from netspec.catalog.types import TensorType
    >>> both = {"targets": TensorType((None,), "int32"), "predictions": TensorType((None, 4))}
    >>> in_top_k(Ask("ops.in_top_k", {"k": 2}, both, {})).outputs[0].dtype
    'bool'
    """
    return same(operand(ask, "targets"), "bool")
