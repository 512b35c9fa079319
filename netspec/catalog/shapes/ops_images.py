"""Shape rules of the operations on images and on matrices, of convolution, pooling and attention without weights."""

from __future__ import annotations

from netspec.catalog.shapes.convolution import Window, slide
from netspec.catalog.shapes.operation import Dtype, axis_of, first, given, operand, operation, promoted, same, sized
from netspec.catalog.shapes.pooling import pooled
from netspec.catalog.shapes.rule import FLOATS, Ask, Dims, channels_first, differ, dims_of, times, tuple_of
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, show


def _image(ask: Ask, ranks: tuple[int, ...] = (3, 4)) -> tuple[TensorType, list[Dim], int]:
    """The images, their shape, and where their height stands; the width is the axis behind it."""
    tensor = first(ask)
    dims = list(dims_of(tensor))
    if len(dims) not in ranks:
        wanted = "batch, height, width and channels"
        raise ShapeError(f"{ask.name} takes images of {wanted}, got {show(tensor.shape)}", code="NS402", inputs=(0,))
    return tensor, dims, len(dims) - (2 if channels_first(ask) else 3)


@operation("image.resize")
def resize(ask: Ask) -> Inferred:
    """Height and width become `size`.

    Keras: keras.ops.image.resize.

    >>> resize(Ask("ops.image.resize", {"size": [8, 9]}, {"images": TensorType((None, 4, 4, 3))}, {})).outputs[0].shape
    (None, 8, 9, 3)
    """
    tensor, dims, at = _image(ask)
    size = ask.args["size"]
    if isinstance(size, int) or len(size) != 2:
        raise ShapeError(f"{ask.name}: `size` is a height and a width, got {size}", argument="size")
    dims[at : at + 2] = size
    return given((tuple(dims), tensor.dtype))


@operation("image.rgb_to_grayscale")
def grayscale(ask: Ask) -> Inferred:
    """Three channels become one.

    Keras: keras.ops.image.rgb_to_grayscale.

    >>> grayscale(Ask("ops.image.rgb_to_grayscale", {}, {"images": TensorType((None, 4, 4, 3))}, {})).outputs[0].shape
    (None, 4, 4, 1)
    """
    tensor, dims, at = _image(ask)
    channels = at - 1 if channels_first(ask) else at + 2
    if isinstance(dims[channels], int) and dims[channels] not in (1, 3):
        message = f"{ask.name} takes images of 3 channels, got {show(tensor.shape)}"
        raise ShapeError(message, inputs=(0,), axis=channels)
    dims[channels] = 1
    return given((tuple(dims), tensor.dtype))


@operation("image.rgb_to_hsv", "image.hsv_to_rgb")
def recoloured(ask: Ask) -> Inferred:
    """The shape that came in: images of three channels, in floats.

    Keras: keras.ops.image.rgb_to_hsv, hsv_to_rgb.

    >>> recoloured(Ask("ops.image.rgb_to_hsv", {}, {"images": TensorType((None, 4, 4, 3))}, {})).outputs[0].shape
    (None, 4, 4, 3)
    """
    tensor, dims, at = _image(ask)
    if not isinstance(tensor.dtype, Unknown) and tensor.dtype not in FLOATS:
        raise ShapeError(f"{ask.name} takes images of floats, got {tensor.dtype}", code="NS406", inputs=(0,))
    channels = at - 1 if channels_first(ask) else at + 2
    if differ(dims[channels], 3):
        message = f"{ask.name} takes images of 3 channels, got {show(tensor.shape)}"
        raise ShapeError(message, inputs=(0,), axis=channels)
    return same(tensor)


@operation("image.gaussian_blur", "image.elastic_transform")
def blurred(ask: Ask) -> Inferred:
    """The shape that came in.

    Keras: keras.ops.image.gaussian_blur, elastic_transform.

    >>> blurred(Ask("ops.image.gaussian_blur", {}, {"images": TensorType((None, 4, 4, 3))}, {})).outputs[0].shape
    (None, 4, 4, 3)
    """
    return same(_image(ask)[0])


@operation("depth_to_space", "space_to_depth")
def blocks(ask: Ask) -> Inferred:
    """Channels become squares of places, or squares of places become channels.

    Keras: keras.ops.depth_to_space, space_to_depth.

    >>> blocks(Ask("ops.depth_to_space", {"block_size": 2}, {"x": TensorType((None, 4, 4, 8))}, {})).outputs[0].shape
    (None, 8, 8, 2)
    """
    tensor, dims, at = _image(ask, (4,))
    block, spread = ask.args["block_size"], ask.cls == "ops.depth_to_space"
    channels = 1 if channels_first(ask) else 3
    for axis, by in ((channels, block * block),) if spread else ((at, block), (at + 1, block)):
        size = dims[axis]
        if isinstance(size, int) and size % by:
            message = f"{ask.name} needs a size that {by} divides on axis {axis}, got {show(tensor.shape)}"
            raise ShapeError(message, inputs=(0,), axis=axis)
    for axis in (at, at + 1):
        dims[axis] = times(dims[axis], block) if spread else sized(dims[axis], lambda size: size // block)
    dims[channels] = sized(dims[channels], lambda size: size // block**2) if spread else times(dims[channels], block**2)
    return given((tuple(dims), tensor.dtype))


@operation("max_pool", "average_pool")
def pool(ask: Ask) -> Inferred:
    """Spatial sizes shrink by the strides, which are `pool_size` unless given.

    Keras: keras.ops.max_pool, average_pool.

    >>> pool(Ask("ops.max_pool", {"pool_size": 2}, {"inputs": TensorType((None, 9, 4))}, {})).outputs[0].shape
    (None, 4, 4)
    """
    tensor = first(ask)
    rank = _spatial(ask, dims_of(tensor))
    _each_axis(ask, rank, "pool_size", "strides")
    return given((pooled(ask, dims_of(tensor), rank), tensor.dtype))


def _each_axis(ask: Ask, rank: int, *names: str) -> None:
    """TypeError for a list that is too short or too long: Keras goes on with it, in ways of its own."""
    for name in names:
        value = ask.args.get(name)
        if isinstance(value, list) and len(value) != rank:
            raise TypeError("a list of another length")


def _spatial(ask: Ask, dims: Dims) -> int:
    if not 3 <= len(dims) <= 5:
        message = f"{ask.name} takes a batch, one to three spatial axes and channels, got {show(dims)}"
        raise ShapeError(message, code="NS402", inputs=(0,))
    return len(dims) - 2


@operation("conv", "depthwise_conv")
def conv(ask: Ask) -> Inferred:
    """A convolution with a kernel that is a tensor: spatial sizes, channels in and channels out.

    Keras: keras.ops.conv, depthwise_conv.

    >>> two = {"inputs": TensorType((None, 9, 4)), "kernel": TensorType((3, 4, 8))}
    >>> conv(Ask("ops.conv", {}, two, {})).outputs[0].shape
    (None, 7, 8)
    """
    tensor, kernel = operand(ask, "inputs"), dims_of(operand(ask, "kernel"))
    dims = dims_of(tensor)
    rank = _spatial(ask, dims)
    if len(kernel) != len(dims):
        message = f"{ask.name} needs a kernel of {len(dims)} axes for {show(dims)}, got {show(kernel)}"
        raise ShapeError(message, code="NS402", inputs=(0,))
    if not all(isinstance(size, int) for size in kernel):
        raise TypeError("a kernel whose sizes are not known")
    _each_axis(ask, rank, "strides", "dilation_rate")
    strides, dilation = (tuple_of(ask, name, ask.get(name, 1), rank) for name in ("strides", "dilation_rate"))
    padding = str(ask.get("padding", "valid")).lower()
    reach = tuple(size for size in kernel[:-2] if isinstance(size, int))
    walk = Window(reach, strides, dilation, padding, channels_first(ask))
    channels = dims[walk.split(dims)[1]]
    taken, filters = kernel[-2], kernel[-1]
    if not isinstance(channels, int) or not isinstance(taken, int):
        raise TypeError("channels that are not known")
    if channels != taken:
        message = f"{ask.name}: the kernel {show(kernel)} takes {taken} channels, got {show(dims)}"
        raise ShapeError(message, code="NS401", inputs=(0,))
    made = filters if ask.cls == "ops.conv" else times(filters, taken)
    return given((walk.join(dims[0], slide(ask, dims, walk), made), tensor.dtype))


@operation("dot_product_attention")
def attention(ask: Ask) -> Inferred:
    """The shape of the query: batch, places, heads, size of a head.

    Keras: keras.ops.dot_product_attention.

    >>> three = {name: TensorType((None, 5, 2, 4)) for name in ("query", "key", "value")}
    >>> attention(Ask("ops.dot_product_attention", {}, three, {})).outputs[0].shape
    (None, 5, 2, 4)
    """
    three = [operand(ask, name) for name in ("query", "key", "value")]
    for at, tensor in enumerate(three):
        if len(dims_of(tensor)) != 4:
            message = f"{ask.name} takes tensors of batch, places, heads and size, got {show(tensor.shape)}"
            raise ShapeError(message, code="NS402", inputs=(at,))
    return same(three[0], promoted(*(tensor.dtype for tensor in three)))


@operation("batch_normalization")
def normalized(ask: Ask) -> Inferred:
    """The shape that came in; mean and variance have a value for each place of `axis`.

    Keras: keras.ops.batch_normalization.

    >>> args = {"mean": [0.0, 0.0], "variance": [1.0, 1.0], "axis": -1}
    >>> normalized(Ask("ops.batch_normalization", args, {"x": TensorType((None, 2))}, {})).outputs[0].shape
    (None, 2)
    """
    tensor = operand(ask, "x")
    dims = dims_of(tensor)
    size = dims[axis_of(ask, dims, ask.args["axis"])]
    extra = [name for name in ("offset", "scale") if name in ask.inputs or ask.args.get(name) is not None]
    if extra == ["offset"]:
        raise TypeError("Keras wants both or none")
    for name in ("mean", "variance", *extra):
        own = dims_of(operand(ask, name))
        if len(own) != 1 or differ(own[0], size):
            message = f"{ask.name} needs a value of `{name}` for each of the {size} places, got {show(own)}"
            raise ShapeError(message, code="NS401", argument=name, inputs=(0,))
        if own[0] != size:
            raise TypeError("sizes that may differ")
    return same(tensor)


@operation("cholesky", "cholesky_inverse", "inv", "det", "logdet")
def square(ask: Ask) -> Inferred:
    """Square matrices on the last two axes: as they came in, or one value for each.

    Keras: keras.ops.cholesky, cholesky_inverse, inv, det, logdet.

    >>> square(Ask("ops.det", {}, {"x": TensorType((None, 3, 3))}, {})).outputs[0].shape
    (None,)
    """
    tensor = first(ask)
    dims = dims_of(tensor)
    if len(dims) < 2 or not (dims[-1] == dims[-2] or UNKNOWN in dims[-2:]):
        if ask.cls == "ops.logdet":
            raise TypeError("Keras says nothing about it before it runs")
        raise ShapeError(f"{ask.name} takes square matrices, got {show(dims)}", code="NS402", inputs=(0,))
    return given((dims[:-2] if ask.cls in ("ops.det", "ops.logdet") else dims, tensor.dtype))


@operation("qr", "svd", "eig", "eigh", "pinv")
def decomposed(ask: Ask) -> Inferred:
    """Matrices on the last two axes, in the parts that their product or their vectors are made of.

    Keras: keras.ops.qr, svd, eig, eigh, pinv.

    >>> [part.shape for part in decomposed(Ask("ops.qr", {}, {"x": TensorType((None, 4, 3))}, {})).outputs]
    [(None, 4, 3), (None, 3, 3)]
    """
    tensor = first(ask)
    dims, name = dims_of(tensor), ask.cls.removeprefix("ops.")
    if len(dims) < 2:
        raise ShapeError(f"{ask.name} takes matrices, got {show(dims)}", code="NS402", inputs=(0,))
    lead, rows, columns = dims[:-2], dims[-2], dims[-1]
    if name == "pinv":
        parts: list[Dims] = [(*lead, columns, rows)]
    elif not isinstance(rows, int) or not isinstance(columns, int):
        raise TypeError("sizes that are not known")
    elif name in ("eig", "eigh"):
        if rows != columns:
            raise ShapeError(f"{ask.name} takes square matrices, got {show(dims)}", code="NS402", inputs=(0,))
        parts = [dims[:-1], dims]
    else:
        least = min(rows, columns)
        if ask.args.get("mode", "reduced") not in ("reduced", "complete"):
            raise TypeError("a word that is refused as an argument")
        full = ask.args.get("full_matrices", True) if name == "svd" else ask.args.get("mode") == "complete"
        left, right = (rows, columns) if full else (least, least)
        if name == "qr":
            parts = [(*lead, rows, left), (*lead, left, columns)]
        else:
            parts = [(*lead, rows, left), (*lead, least), (*lead, right, columns)]
            parts = parts if ask.args.get("compute_uv", True) else parts[1:2]
    return given(*((part, tensor.dtype) for part in parts))


@operation("deg2rad", "rad2deg", "i0")
def angles(ask: Ask) -> Inferred:
    """The shape that came in, as floats: int64 becomes float64.

    Keras: keras.ops.deg2rad, rad2deg, i0.

    >>> angles(Ask("ops.deg2rad", {}, {"x": TensorType((None, 3), "int64")}, {})).outputs[0].dtype
    'float64'
    """
    tensor = first(ask)
    return same(tensor, _angle(tensor.dtype))


def _angle(dtype: Dtype) -> Dtype:
    if isinstance(dtype, Unknown) or dtype in FLOATS:
        return dtype
    return "float64" if dtype == "int64" else "float32"
