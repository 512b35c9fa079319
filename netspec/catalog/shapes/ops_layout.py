"""Shape rules of the operations that keep the values and change where they stand, or leave some out."""

from __future__ import annotations

from netspec.catalog.operations import slices
from netspec.catalog.shapes.operation import (
    axes_of,
    axis_of,
    first,
    given,
    operand,
    operation,
    positions,
    product,
    same,
    sized,
    stretched,
)
from netspec.catalog.shapes.rule import Ask, bad_argument, dims_of, plus
from netspec.catalog.shapes.rule import times as multiplied
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, Unknown, show


@operation("reshape")
def reshape(ask: Ask) -> Inferred:
    """The sizes of `newshape`, batch included; -1 is what is left, and free where a size that comes in is.

    Keras: keras.ops.reshape.

    >>> from netspec.catalog.types import TensorType
    >>> reshape(Ask("ops.reshape", {"newshape": [-1, 6]}, {"x": TensorType((None, 2, 3))}, {})).outputs[0].shape
    (None, 6)
    """
    tensor = first(ask)
    wanted = list(ask.args["newshape"])
    if any(each < -1 for each in wanted) or wanted.count(-1) > 1:
        raise bad_argument(ask, "newshape", f"sizes are 0 or more, or -1 once, got {wanted}")
    size = product(dims_of(tensor))
    if not isinstance(size, int):
        left: Dim = None if None in dims_of(tensor) else UNKNOWN
        return given((tuple(left if each == -1 else each for each in wanted), tensor.dtype))
    known = product(each for each in wanted if each != -1)
    assert isinstance(known, int)  # all of them are
    fits = size == known if -1 not in wanted else known != 0 and size % known == 0
    if not fits:
        message = f"{ask.name} keeps the number of values: {show(tensor.shape)} holds {size}, `newshape` {wanted}"
        raise ShapeError(message, argument="newshape", inputs=(0,))
    return given((tuple(size // known if each == -1 else each for each in wanted), tensor.dtype))


@operation("ravel")
def ravel(ask: Ask) -> Inferred:
    """One long axis, the batch in it.

    Keras: keras.ops.ravel.

    >>> from netspec.catalog.types import TensorType
    >>> ravel(Ask("ops.ravel", {}, {"x": TensorType((2, 3))}, {})).outputs[0].shape
    (6,)
    """
    tensor = first(ask)
    return given(((product(dims_of(tensor)),), tensor.dtype))


@operation("transpose")
def transpose(ask: Ask) -> Inferred:
    """The axes in another order, backwards unless `axes` lists them, batch included.

    Keras: keras.ops.transpose.

    >>> from netspec.catalog.types import TensorType
    >>> transpose(Ask("ops.transpose", {"axes": [0, 2, 1]}, {"x": TensorType((None, 2, 3))}, {})).outputs[0].shape
    (None, 3, 2)
    """
    tensor = first(ask)
    dims, axes = dims_of(tensor), ask.args.get("axes")
    if axes is None:
        return given((dims[::-1], tensor.dtype))
    if len(axes) != len(dims):
        message = f"{ask.name} needs every axis once, 0 is the batch; {show(dims)} has {len(dims)}, `axes` {len(axes)}"
        raise ShapeError(message, code="NS403", argument="axes", inputs=(0,))
    order = [axis_of(ask, dims, axis, "axes") for axis in axes]
    if len(set(order)) < len(order):
        raise bad_argument(ask, "axes", f"an axis is named twice in {list(axes)}")
    return given((tuple(dims[axis] for axis in order), tensor.dtype))


@operation("swapaxes")
def swapaxes(ask: Ask) -> Inferred:
    """Two axes in each other's place.

    Keras: keras.ops.swapaxes.

    >>> from netspec.catalog.types import TensorType
    >>> swapaxes(Ask("ops.swapaxes", {"axis1": 1, "axis2": 2}, {"x": TensorType((None, 2, 3))}, {})).outputs[0].shape
    (None, 3, 2)
    """
    tensor = first(ask)
    dims = list(dims_of(tensor))
    one, two = (axis_of(ask, tuple(dims), ask.args[name], name) for name in ("axis1", "axis2"))
    dims[one], dims[two] = dims[two], dims[one]
    return given((tuple(dims), tensor.dtype))


@operation("moveaxis")
def moveaxis(ask: Ask) -> Inferred:
    """Axes moved to other places, the rest in their order.

    Keras: keras.ops.moveaxis.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"source": 1, "destination": -1}
    >>> moveaxis(Ask("ops.moveaxis", args, {"x": TensorType((None, 2, 3, 4))}, {})).outputs[0].shape
    (None, 3, 4, 2)
    """
    tensor = first(ask)
    dims = dims_of(tensor)
    source, target = (axes_of(ask, dims, ask.args[name], name) for name in ("source", "destination"))
    if len(source) != len(target):
        raise bad_argument(ask, "destination", f"{len(source)} axes to move and {len(target)} places for them")
    if len({*source}) < len(source) or len({*target}) < len(target):
        raise bad_argument(ask, "source", "an axis is named twice")
    rest = iter(axis for axis in range(len(dims)) if axis not in source)
    moved = dict(zip(target, source, strict=True))
    return given((tuple(dims[moved[at] if at in moved else next(rest)] for at in range(len(dims))), tensor.dtype))


@operation("expand_dims")
def expand_dims(ask: Ask) -> Inferred:
    """New axes of 1; `axis` says where they stand in the result, batch included.

    Keras: keras.ops.expand_dims.

    >>> from netspec.catalog.types import TensorType
    >>> expand_dims(Ask("ops.expand_dims", {"axis": -1}, {"x": TensorType((None, 2))}, {})).outputs[0].shape
    (None, 2, 1)
    """
    tensor = first(ask)
    dims, axis = dims_of(tensor), ask.args["axis"]
    axes = [axis] if isinstance(axis, int) else list(axis)
    new = [axis_of(ask, dims, each, more=len(axes)) for each in axes]
    if len({*new}) < len(new):
        raise bad_argument(ask, "axis", f"an axis is named twice in {axes}")
    rest = iter(dims)
    return given((tuple(1 if at in new else next(rest) for at in range(len(dims) + len(new))), tensor.dtype))


@operation("squeeze")
def squeeze(ask: Ask) -> Inferred:
    """Without the axes of size 1, or without those of them that `axis` names.

    Keras: keras.ops.squeeze.

    >>> from netspec.catalog.types import TensorType
    >>> squeeze(Ask("ops.squeeze", {"axis": 1}, {"x": TensorType((None, 1, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims, axis = dims_of(tensor), ask.args.get("axis")
    if axis is None:
        if any(isinstance(dim, Unknown) for dim in dims):
            raise TypeError("which axes are 1 is not known")
        return given((tuple(dim for dim in dims if dim != 1), tensor.dtype))
    gone = axes_of(ask, dims, axis)
    if len({*gone}) < len(gone):
        raise TypeError("an axis named twice")
    for each in gone:
        if not isinstance(dims[each], Unknown) and dims[each] != 1:
            message = f"{ask.name} takes out axes of size 1; axis {each} of {show(dims)} is not"
            raise ShapeError(message, argument="axis", inputs=(0,), axis=each)
    return given((tuple(dim for at, dim in enumerate(dims) if at not in gone), tensor.dtype))


@operation("flip", "roll")
def flip(ask: Ask) -> Inferred:
    """The shape that came in, which has the axes that `axis` names.

    Keras: keras.ops.flip, roll.

    >>> from netspec.catalog.types import TensorType
    >>> flip(Ask("ops.flip", {"axis": 1}, {"x": TensorType((None, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    axis = ask.args.get("axis")
    if axis is not None:
        axes_of(ask, dims_of(tensor), axis)
    return same(tensor)


@operation("fliplr", "flipud", "rot90")
def turned(ask: Ask) -> Inferred:
    """The shape that came in; a quarter of a turn, or three, puts two axes in each other's place, as Keras says of all.

    Keras: keras.ops.fliplr, flipud, rot90.

    >>> from netspec.catalog.types import TensorType
    >>> turned(Ask("ops.fliplr", {}, {"x": TensorType((None, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims = list(dims_of(tensor))
    least = 1 if ask.cls == "ops.flipud" else 2
    if len(dims) < least:
        raise ShapeError(f"{ask.name} takes at least {least} axes, got {show(tensor.shape)}", code="NS402", inputs=(0,))
    if ask.cls == "ops.rot90":
        axes = ask.args.get("axes", [0, 1])
        if not isinstance(axes, list) or len(axes) != 2:
            raise TypeError("a plane has two axes")
        one, two = axes
        if one == two or not all(-len(dims) <= axis < len(dims) for axis in (one, two)):
            raise TypeError("axes that Keras looks at in ways of its own")
        dims[one], dims[two] = dims[two], dims[one]
    return given((tuple(dims), tensor.dtype))


@operation("scatter_update", "slice_update")
def updated(ask: Ask) -> Inferred:
    """The shape that came in, some of its values replaced.

    Keras: keras.ops.scatter_update, slice_update.

    >>> from netspec.catalog.types import TensorType
    >>> updated(Ask("ops.slice_update", {}, {"inputs": TensorType((None, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    return same(operand(ask, "inputs"))


@operation("tril", "triu")
def triangle(ask: Ask) -> Inferred:
    """The shape that came in, zeros on one side of a diagonal.

    Keras: keras.ops.tril, triu.

    >>> from netspec.catalog.types import TensorType
    >>> triangle(Ask("ops.tril", {}, {"x": TensorType((None, 3, 3))}, {})).outputs[0].shape
    (None, 3, 3)
    """
    return same(first(ask))


@operation("broadcast_to")
def broadcast_to(ask: Ask) -> Inferred:
    """Stretched to a shape, batch included.

    Keras: keras.ops.broadcast_to.

    >>> from netspec.catalog.types import TensorType
    >>> broadcast_to(Ask("ops.broadcast_to", {"shape": [2, 5, 3]}, {"x": TensorType((5, 1))}, {})).outputs[0].shape
    (2, 5, 3)
    """
    tensor, shape = first(ask), tuple(ask.args["shape"])
    name = next(iter(ask.inputs))
    stretched(ask, ((name, dims_of(tensor)), (name, shape)))
    return given((shape, tensor.dtype))


@operation("pad")
def pad(ask: Ask) -> Inferred:
    """Each axis longer by what `pad_width` gives it in front and behind, the batch axis too.

    Keras: keras.ops.pad.

    >>> from netspec.catalog.types import TensorType
    >>> pad(Ask("ops.pad", {"pad_width": [[0, 0], [1, 2]]}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (None, 7)
    """
    tensor, width = first(ask), ask.args["pad_width"]
    dims = dims_of(tensor)
    if isinstance(width, int):
        pairs = [(width, width)]
    elif all(isinstance(each, int) for each in width):
        raise TypeError("a list of numbers is read in several ways")
    else:
        pairs = [tuple(each) for each in width]
    if any(len(pair) != 2 for pair in pairs):
        raise TypeError("no pairs")
    if len(pairs) != len(dims):
        message = (
            f"{ask.name} takes a pair for each axis, batch included: {show(dims)} has {len(dims)}, got {len(pairs)}"
        )
        raise ShapeError(message, argument="pad_width", inputs=(0,))
    if ask.args.get("mode", "constant") != "constant" and ask.args.get("constant_values") is not None:
        raise bad_argument(ask, "constant_values", "a value to pad with is for `mode: constant`")
    longer = (plus(dim, sum(pair)) for dim, pair in zip(dims, pairs, strict=True))
    return given((tuple(longer), tensor.dtype))


@operation("repeat")
def repeat(ask: Ask) -> Inferred:
    """Each place so many times along an axis; along one long axis without `axis`.

    Keras: keras.ops.repeat.

    >>> from netspec.catalog.types import TensorType
    >>> repeat(Ask("ops.repeat", {"repeats": 2, "axis": 1}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (None, 8)
    """
    tensor, times = first(ask), ask.args["repeats"]
    times = [times] if isinstance(times, int) else list(times)
    dims = list(dims_of(tensor))
    axis = ask.args.get("axis")
    if axis is None:
        dims, at = [product(dims)], 0
    else:
        at = axis_of(ask, tuple(dims), axis)
    size = dims[at]
    if isinstance(size, int) and len(times) not in (1, size):
        message = f"{ask.name} takes a number, or one for each of the {size} places, got {len(times)}"
        raise ShapeError(message, argument="repeats", inputs=(0,), axis=axis)
    dims[at] = sized(size, lambda count: count * times[0] if len(times) == 1 else sum(times))
    return given((tuple(dims), tensor.dtype))


@operation("tile")
def tile(ask: Ask) -> Inferred:
    """The whole tensor so many times along each axis, counted from the last one.

    Keras: keras.ops.tile.

    >>> from netspec.catalog.types import TensorType
    >>> tile(Ask("ops.tile", {"repeats": [1, 3]}, {"x": TensorType((None, 4))}, {})).outputs[0].shape
    (None, 12)
    """
    tensor, times = first(ask), ask.args["repeats"]
    times = [times] if isinstance(times, int) else list(times)
    dims = dims_of(tensor)
    more = len(dims) - len(times)
    times, dims = [1] * more + times, (1,) * -more + dims
    longer = (multiplied(dim, by) for dim, by in zip(dims, times, strict=True))
    return given((tuple(longer), tensor.dtype))


@operation("take")
def take(ask: Ask) -> Inferred:
    """The places along an axis that `indices` names: its axes stand where that axis was.

    Keras: keras.ops.take.

    >>> from netspec.catalog.types import TensorType
    >>> take(Ask("ops.take", {"indices": 0, "axis": 1}, {"x": TensorType((None, 4, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor, picked = operand(ask, "x"), dims_of(operand(ask, "indices"))
    dims, axis = dims_of(tensor), ask.args.get("axis")
    if axis is None:
        return given((picked, tensor.dtype))
    at = axis_of(ask, dims, axis)
    return given(((*dims[:at], *picked, *dims[at + 1 :]), tensor.dtype))


@operation("take_along_axis")
def take_along_axis(ask: Ask) -> Inferred:
    """As `take`, with places of their own for each of the other axes.

    Keras: keras.ops.take_along_axis.

    >>> from netspec.catalog.types import TensorType
    >>> both = {"x": TensorType((None, 4)), "indices": TensorType((None, 2), "int32")}
    >>> take_along_axis(Ask("ops.take_along_axis", {"axis": 1}, both, {})).outputs[0].shape
    (None, 2)
    """
    tensor, picked = operand(ask, "x"), dims_of(operand(ask, "indices"))
    axis = ask.args.get("axis")
    dims = list(dims_of(tensor)) if axis is not None else [product(dims_of(tensor))]
    if len(dims) != len(picked):
        message = f"{ask.name} needs `indices` with as many axes as `x`, got {show(tuple(dims))} and {show(picked)}"
        raise ShapeError(message, code="NS402", inputs=positions(ask, "x", "indices"))
    at = 0 if axis is None else axis_of(ask, tuple(dims), axis)
    dims[at] = picked[at]
    return given((stretched(ask, (("x", tuple(dims)), ("indices", picked))), tensor.dtype))


@operation("get_item")
def get_item(ask: Ask) -> Inferred:
    """The places and ranges of `key`, axis by axis, the batch first; a place takes its axis out.

    Keras: keras.ops.get_item, and brackets behind a tensor.

    >>> from netspec.catalog.types import TensorType
    >>> get_item(Ask("ops.get_item", {"key": ":, 0, 1:"}, {"x": TensorType((None, 4, 3))}, {})).outputs[0].shape
    (None, 2)
    """
    tensor = first(ask)
    dims, key = dims_of(tensor), slices(ask.args["key"])
    if key is None:
        raise TypeError("no key")
    if len(key) > len(dims):
        message = f"{ask.name} has {len(key)} places for {show(dims)}, which has {len(dims)} axes"
        raise ShapeError(message, code="NS403", argument="key", inputs=(0,))
    shape: list[Dim] = []
    for at, (dim, each) in enumerate(zip(dims, key, strict=False)):
        if isinstance(each, slice):
            shape.append(len(range(*each.indices(dim))) if isinstance(dim, int) else dim)
        elif isinstance(dim, int) and each is not None and not -dim <= each < dim:
            message = f"{ask.name}: axis {at} of {show(dims)} has no place {each}"
            raise ShapeError(message, code="NS403", argument="key", inputs=(0,), axis=at)
    return given(((*shape, *dims[len(key) :]), tensor.dtype))


@operation("slice")
def slice_(ask: Ask) -> Inferred:
    """A block of the sizes of `shape`, batch included; -1 is up to the end.

    Keras: keras.ops.slice.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"start_indices": [0, 1], "shape": [2, 2]}
    >>> slice_(Ask("ops.slice", args, {"inputs": TensorType((None, 4))}, {})).outputs[0].shape
    (2, 2)
    """
    tensor, wanted = operand(ask, "inputs"), ask.args["shape"]
    dims = dims_of(tensor)
    starts = dims_of(operand(ask, "start_indices"))
    if len(wanted) != len(dims):
        message = (
            f"{ask.name} takes a size for each axis, batch included: {show(dims)} has {len(dims)}, got {len(wanted)}"
        )
        raise ShapeError(message, argument="shape", inputs=(0,))
    if "start_indices" in ask.args and starts != (len(dims),):
        raise bad_argument(ask, "start_indices", f"a start for each of the {len(dims)} axes is needed, batch included")
    if -1 in wanted:
        raise TypeError("how far it is to the end is not known")
    return given((tuple(wanted), tensor.dtype))
