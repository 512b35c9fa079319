"""Shape rules of the operations that work on each value by itself: arithmetic, comparisons, logic, activations."""

from __future__ import annotations

from netspec.catalog.shapes.operation import (
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
    stretched,
)
from netspec.catalog.shapes.rule import Ask, dims_of
from netspec.catalog.types import Inferred, ShapeError, TensorType, show

_KEEP = """
abs absolute conj conjugate copy imag real round sign negative bitwise_invert bitwise_not nan_to_num trunc
relu relu6 sigmoid sparse_sigmoid softplus softsign soft_shrink sparse_plus silu squareplus log_sigmoid leaky_relu
hard_sigmoid hard_silu elu selu gelu celu tanh_shrink hard_tanh hard_shrink threshold
rsqrt erf erfinv stop_gradient layer_normalization rms_normalization
"""
_TO_FLOAT = """
angle arccos arccosh cos cosh sinc arcsin arcsinh arctan arctanh sin sinh tan tanh ceil floor log log10 log2 log1p sqrt
"""
_MEET = "add subtract multiply maximum minimum fmax fmin power floor_divide mod fmod"
_MEET_AS_FLOATS = "divide divide_no_nan true_divide arctan2 logaddexp logaddexp2"
_TO_BOOL = """
equal greater greater_equal less less_equal logical_and logical_or logical_xor not_equal isclose
"""


@operation(*_KEEP.split())
def keep(ask: Ask) -> Inferred:
    """Shape and dtype as they came in.

    Keras: keras.ops.relu, abs, sign, stop_gradient and the like.

    >>> keep(Ask("ops.relu", {}, {"x": TensorType((None, 3), "float16")}, {})).outputs
    (TensorType(shape=(None, 3), dtype='float16', sparse=False),)
    """
    return same(first(ask))


@operation(*_TO_FLOAT.split())
def to_float(ask: Ask) -> Inferred:
    """The shape that came in, as floats: whole numbers become float32.

    Keras: keras.ops.sin, log, floor, sqrt and the like.

    >>> to_float(Ask("ops.sin", {}, {"x": TensorType((None, 3), "int64")}, {})).outputs[0].dtype
    'float32'
    """
    tensor = first(ask)
    return same(tensor, floating(tensor.dtype))


@operation("exp", "exp2", "expm1", "fabs", "erfc")
def exponential(ask: Ask) -> Inferred:
    """The shape that came in, as floats.

    Keras: keras.ops.exp, exp2, expm1, fabs, erfc.

    >>> exponential(Ask("ops.exp", {}, {"x": TensorType((None, 3), "bool")}, {})).outputs[0].dtype
    'float32'
    """
    return to_float(ask)


@operation("square", "clip", "cumsum", "cumprod", "nancumsum", "nancumprod")
def counted(ask: Ask) -> Inferred:
    """The shape that came in, where bool becomes int32; a running sum or product over all axes is one long axis.

    Keras: keras.ops.square, clip, cumsum, cumprod.

    >>> counted(Ask("ops.cumsum", {"axis": 1}, {"x": TensorType((None, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims, dtype = dims_of(tensor), tensor.dtype
    if ask.cls not in ("ops.square", "ops.clip"):
        dtype = ask.args.get("dtype") or dtype
        axis = ask.args.get("axis")
        if axis is None:
            dims = (product(dims),)
        elif not ask.cls.startswith("ops.nan"):
            axis_of(ask, dims, axis)
        elif not -len(dims) <= axis < len(dims):
            raise TypeError("Keras says nothing about it before it runs")
    return given((dims, "int32" if dtype == "bool" else dtype))


@operation("isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "logical_not", "signbit", "isin")
def test_each(ask: Ask) -> Inferred:
    """The shape that came in, as bool.

    Keras: keras.ops.isnan, logical_not and the like.

    >>> test_each(Ask("ops.isnan", {}, {"x": TensorType((None, 3))}, {})).outputs[0].dtype
    'bool'
    """
    return same(first(ask), "bool")


@operation(*_MEET.split(), *_MEET_AS_FLOATS.split())
def binary(ask: Ask) -> Inferred:
    """Two tensors stretched over each other, in the dtype where theirs meet; a division is in floats.

    Keras marks a tensor times a number as sparse, which it is not; the mark changes nothing, so it is not said here.

    Keras: keras.ops.add, divide, maximum and the like.

    >>> two = {"x1": TensorType((None, 1, 3), "int32"), "x2": TensorType((4, 1), "float16")}
    >>> binary(Ask("ops.add", {}, two, {})).outputs
    (TensorType(shape=(None, 4, 3), dtype='float16', sparse=False),)
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    name = ask.cls.removeprefix("ops.")
    shape = stretched(ask, (("x1", dims_of(left)), ("x2", dims_of(right))))
    dtypes = [left.dtype, right.dtype]
    if name == "arctan2":
        numbers = [not isinstance(ask.args.get(each, []), list) for each in ("x1", "x2")]
        dtypes = ["float32" if plain else dtype for plain, dtype in zip(numbers, dtypes, strict=True)]
    dtype = promoted(*dtypes, *(["float"] if name in _MEET_AS_FLOATS.split() else []))
    return given((shape, "int32" if dtype == "bool" and name in ("mod", "fmod") else dtype))


@operation(*_TO_BOOL.split())
def compare(ask: Ask) -> Inferred:
    """Two tensors stretched over each other, as bool.

    Keras: keras.ops.equal, less, logical_and and the like.

    >>> compare(Ask("ops.greater", {"x2": 0.5}, {"x1": TensorType((None, 3))}, {})).outputs[0].dtype
    'bool'
    """
    left, right = operand(ask, "x1"), operand(ask, "x2")
    return given((stretched(ask, (("x1", dims_of(left)), ("x2", dims_of(right)))), "bool"))


@operation("where")
def where(ask: Ask) -> Inferred:
    """Three tensors stretched over each other; the dtype where the two to choose from meet.

    Keras: keras.ops.where.

    >>> inputs = {"condition": TensorType((None, 3), "bool"), "x1": TensorType((None, 3))}
    >>> where(Ask("ops.where", {"x2": 0}, inputs, {})).outputs[0].dtype
    'float32'
    """
    three = [(name, operand(ask, name)) for name in ("condition", "x1", "x2")]
    shape = stretched(ask, [(name, dims_of(tensor)) for name, tensor in three])
    return given((shape, promoted(*(tensor.dtype for _, tensor in three[1:]))))


@operation("cast", "saturate_cast", "ones_like", "zeros_like", "empty_like", "full_like", "array", "convert_to_tensor")
def cast(ask: Ask) -> Inferred:
    """The shape that came in, in the dtype that is asked for.

    Keras: keras.ops.cast, zeros_like and the like.

    >>> cast(Ask("ops.cast", {"dtype": "int32"}, {"x": TensorType((None, 3))}, {})).outputs[0].dtype
    'int32'
    """
    tensor = first(ask)
    dtype = ask.args.get("dtype") or tensor.dtype
    return same(tensor, "int64" if dtype == "int" else dtype)


@operation("bitwise_and", "bitwise_or", "bitwise_xor")
def bits(ask: Ask) -> Inferred:
    """The shape of the first tensor, as Keras says it, in the dtype where theirs meet; of whole numbers only.

    Keras: keras.ops.bitwise_and, bitwise_or, bitwise_xor.

    >>> two = {"x": TensorType((None, 3), "int32"), "y": TensorType((None, 3), "int64")}
    >>> bits(Ask("ops.bitwise_and", {}, two, {})).outputs[0].dtype
    'int64'
    """
    left, right = operand(ask, "x"), operand(ask, "y")
    return same(left, promoted(left.dtype, right.dtype))


@operation("digitize")
def digitize(ask: Ask) -> Inferred:
    """The shape that came in: the number of the bin that each value lies in.

    Keras: keras.ops.digitize.

    >>> digitize(Ask("ops.digitize", {"bins": [0.0, 1.0]}, {"x": TensorType((None, 3))}, {})).outputs[0].dtype
    'int32'
    """
    bins = dims_of(operand(ask, "bins"))
    if len(bins) > 1:
        raise ShapeError(f"{ask.name} takes a list of bounds, got {show(bins)}", code="NS402", argument="bins")
    return same(operand(ask, "x"), "int32")


@operation("reciprocal")
def reciprocal(ask: Ask) -> Inferred:
    """The shape that came in; Keras says float32, whatever came in.

    Keras: keras.ops.reciprocal.

    >>> reciprocal(Ask("ops.reciprocal", {}, {"x": TensorType((None, 3))}, {})).outputs[0].dtype
    'float32'
    """
    return same(first(ask), "float32")


@operation("softmax", "log_softmax", "sparsemax", "normalize")
def along_axis(ask: Ask) -> Inferred:
    """The shape that came in, which has the axes that `axis` names.

    Keras: keras.ops.softmax, log_softmax, sparsemax, normalize.

    >>> along_axis(Ask("ops.softmax", {}, {"x": TensorType((None, 3))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    axis = ask.args.get("axis", -1)
    if ask.cls == "ops.sparsemax" and not isinstance(axis, int):
        raise TypeError("one axis only")
    if axis is not None:
        axes_of(ask, dims_of(tensor), axis)
    return same(tensor, "float32" if ask.cls == "ops.normalize" else None)


@operation("glu")
def glu(ask: Ask) -> Inferred:
    """One axis is cut in two halves, of which one gates the other.

    Keras: keras.ops.glu.

    >>> glu(Ask("ops.glu", {}, {"x": TensorType((None, 6))}, {})).outputs[0].shape
    (None, 3)
    """
    tensor = first(ask)
    dims = list(dims_of(tensor))
    axis = axis_of(ask, tuple(dims), ask.args.get("axis", -1))
    size = dims[axis]
    if isinstance(size, int) and size % 2:
        message = f"{ask.name} cuts axis {axis} in two halves, so its size must be even; got {show(tensor.shape)}"
        raise ShapeError(message, inputs=(0,), axis=axis)
    dims[axis] = sized(size, lambda whole: whole // 2)
    return given((tuple(dims), tensor.dtype))


@operation("one_hot", "multi_hot")
def one_hot(ask: Ask) -> Inferred:
    """A new axis of `num_classes` at `axis`; for several classes at once, the axis beside it is gone.

    Keras: keras.ops.one_hot, multi_hot.

    >>> one_hot(Ask("ops.one_hot", {"num_classes": 5}, {"x": TensorType((None, 3), "int32")}, {})).outputs[0].shape
    (None, 3, 5)
    """
    tensor = first(ask)
    dims = list(dims_of(tensor))
    axis, classes = ask.args.get("axis", -1), ask.args["num_classes"]
    if axis != -1 and not 0 <= axis < len(dims):
        message = f"{ask.name} puts its new axis at -1 or 0 to {len(dims) - 1} for {show(tensor.shape)}, got {axis}"
        raise ShapeError(message, code="NS403", argument="axis", inputs=(0,))
    dims.insert(len(dims) if axis == -1 else axis, classes)
    dtype = ask.args.get("dtype") or "float32"
    if ask.cls == "ops.multi_hot":
        dims, dtype = [dims[-1]] if len(dims) == 2 else [dims[0], *dims[2:]], tensor.dtype
    return Inferred((TensorType(tuple(dims), dtype, ask.args.get("sparse", False)),))
