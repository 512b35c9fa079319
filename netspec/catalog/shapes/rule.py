"""What a shape rule is: a pure function Ask -> Inferred, registered under the Keras class names that it answers for.

A rule raises ShapeError where Keras raises on the same constructor arguments and input shapes, and only there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from netspec.catalog.types import UNKNOWN, Dim, Inferred, Shape, ShapeError, TensorType, Unknown, Weights, show

Value = TensorType | Sequence[TensorType]
Inner = Callable[[Any, Sequence[TensorType]], Inferred]
Dims = tuple[Dim, ...]

NOTHING_KNOWN = Inferred((TensorType(UNKNOWN, UNKNOWN),), Weights(UNKNOWN, UNKNOWN))

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_DTYPES = FLOATS | {
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("bool", "string", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128"),
}
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_QUANTIZED = ("int8_from_", "int4", "float8_from_", "gptq", "awq")


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of one layer: its class, constructor arguments, input tensors and plain call arguments."""

    cls: str
    args: Mapping[str, Any]
    inputs: Mapping[str, Value]
    call: Mapping[str, Any]
    inner: Inner | None = None

    def get(self, name: str, default: Any) -> Any:
        """A constructor argument, or Keras's default for it."""
        return self.args.get(name, default)

    @property
    def name(self) -> str:
        """The class as messages show it."""
        return f"`{self.cls}`"

    @property
    def first(self) -> TensorType:
        """The tensor that is the first call argument; raises ShapeError where a list of tensors came in."""
        value = next(iter(self.inputs.values()))
        if isinstance(value, TensorType):
            return value
        raise ShapeError(
            f"{self.name} takes one tensor, got {len(value)}",
            code="NS404",
            inputs=tuple(range(len(value))),
            help="join them with a `Concatenate` step first",
        )

    @property
    def tensors(self) -> tuple[TensorType, ...]:
        """The tensors of the first call argument, which is a list; raises ShapeError for a single tensor."""
        value = next(iter(self.inputs.values()))
        if isinstance(value, TensorType):
            raise ShapeError(
                f"{self.name} takes a list of tensors, got one tensor",
                code="NS404",
                inputs=(0,),
                help=f"write `from: [a, b]` under {self.name}",
            )
        return tuple(value)

    def optional(self, name: str) -> TensorType | None:
        """A tensor given under its call argument's name, if any."""
        value = self.inputs.get(name)
        return value if isinstance(value, TensorType) else None

    @property
    def dims(self) -> Dims:
        """The shape of the first tensor; an unknown one never reaches a rule."""
        return dims_of(self.first)

    @property
    def dtype(self) -> str | Unknown:
        """The dtype that the layer computes in, and that most layers answer in: its policy's compute dtype."""
        return compute_dtype(self.args.get("dtype"))


Rule = Callable[[Ask], Inferred]
RULES: dict[str, Rule] = {}
_R = TypeVar("_R", bound=Rule)


def rule(*classes: str) -> Callable[[_R], _R]:
    """Register a rule for Keras classes."""

    def register(function: _R) -> _R:
        for cls in classes:
            RULES[cls] = function
        return function

    return register


def dims_of(tensor: TensorType) -> Dims:
    """The dimensions of a tensor whose rank is known."""
    if isinstance(tensor.shape, Unknown):
        raise TypeError("a rule was asked about a tensor of unknown rank")
    return tensor.shape


def compute_dtype(policy: Any) -> str | Unknown:
    """The dtype that a layer with this `dtype` argument computes in (Keras's DTypePolicy.compute_dtype).

    >>> compute_dtype(None), compute_dtype("mixed_float16"), compute_dtype("int64")
    ('float32', 'float16', 'int64')
    >>> compute_dtype("int8_from_float32")
    unknown
    """
    if policy is None:
        return "float32"
    if not isinstance(policy, str) or (policy.startswith(_QUANTIZED) and policy != "int4"):
        return UNKNOWN
    if policy in _MIXED:
        return _MIXED[policy]
    return policy if policy in _DTYPES else UNKNOWN


def cast_input(dtype: str | Unknown, compute: str | Unknown) -> str | Unknown:
    """The dtype that a layer sees: floats are cast to the compute dtype, anything else is left alone.

    >>> cast_input("float32", "float16"), cast_input("int32", "float16")
    ('float16', 'int32')
    """
    if isinstance(dtype, Unknown):
        return UNKNOWN
    return compute if dtype in FLOATS else dtype


def seen_dtype(ask: Ask, tensor: TensorType) -> str | Unknown:
    """The dtype in which a tensor reaches the layer; `autocast: false` leaves it as it is."""
    return tensor.dtype if ask.get("autocast", True) is False else cast_input(tensor.dtype, ask.dtype)


def stays_sparse(ask: Ask, tensor: TensorType) -> bool:
    """True where a sparse tensor reaches the layer sparse: Keras's cast to another float dtype makes it dense."""
    return tensor.sparse and seen_dtype(ask, tensor) == tensor.dtype


def quantized(ask: Ask) -> bool:
    """True where the dtype policy may change which weights the layer has."""
    return isinstance(ask.dtype, Unknown)


def one(
    ask: Ask,
    shape: Shape,
    trainable: int | Unknown = 0,
    non_trainable: int | Unknown = 0,
    *,
    dtype: str | Unknown | None = None,
    sparse: bool = False,
) -> Inferred:
    """An answer with one output tensor; without `dtype`, in the layer's compute dtype."""
    weights = Weights(UNKNOWN, UNKNOWN) if quantized(ask) else Weights(trainable, non_trainable)
    return Inferred((TensorType(shape, ask.dtype if dtype is None else dtype, sparse),), weights)


def size(*factors: Dim) -> int | Unknown:
    """How many numbers a weight of this shape holds.

    >>> size(3, 3, 64), size(), size(2, UNKNOWN)
    (576, 1, unknown)
    """
    product = 1
    for factor in factors:
        if not isinstance(factor, int):
            return UNKNOWN
        product *= factor
    return product


def total(*counts: int | Unknown) -> int | Unknown:
    """The sum of counts, unknown if one of them is.

    >>> total(3, 4), total(3, UNKNOWN)
    (7, unknown)
    """
    summed = 0
    for count in counts:
        if isinstance(count, Unknown):
            return UNKNOWN
        summed += count
    return summed


def times(dim: Dim, factor: int) -> Dim:
    """A dimension multiplied; a free one stays free.

    >>> times(4, 2), times(None, 2)
    (8, None)
    """
    return dim * factor if isinstance(dim, int) else dim


def plus(dim: Dim, more: int) -> Dim:
    """A dimension plus a constant; a free one stays free.

    >>> plus(4, -2), plus(None, 2)
    (2, None)
    """
    return dim + more if isinstance(dim, int) else dim


def differ(one_dim: Dim, other: Dim) -> bool:
    """True where two dimensions are both known and not the same."""
    return isinstance(one_dim, int) and isinstance(other, int) and one_dim != other


def rank_error(ask: Ask, expected: str, at: int = 0, tensor: TensorType | None = None) -> ShapeError:
    """The error for a tensor with too many or too few axes."""
    shape = (tensor or ask.first).shape
    dims = () if isinstance(shape, Unknown) else shape
    return ShapeError(
        f"{ask.name} takes a tensor of {expected} (batch included), got {show(shape)}, which has {len(dims)}",
        code="NS402",
        inputs=(at,),
    )


def need_rank(ask: Ask, rank: int) -> Dims:
    """The dimensions of the first tensor, which must have exactly `rank` axes (InputSpec's ndim)."""
    dims = ask.dims
    if len(dims) != rank:
        raise rank_error(ask, f"{rank} axes")
    return dims


def need_rank_from(ask: Ask, rank: int) -> Dims:
    """The dimensions of the first tensor, which must have at least `rank` axes (InputSpec's min_ndim)."""
    dims = ask.dims
    if len(dims) < rank:
        raise rank_error(ask, f"at least {rank} axes")
    return dims


def axis_at(ask: Ask, dims: Dims, axis: int, argument: str | None = "axis", at: int = 0) -> Dim:
    """The dimension at an axis that a constructor argument names; raises ShapeError where there is none."""
    if not -len(dims) <= axis < len(dims):
        raise ShapeError(
            f"{ask.name} has no axis {axis} to work on: got {show(dims)}, whose axes are 0 to {len(dims) - 1}",
            code="NS403",
            argument=argument,
            inputs=(at,),
            axis=axis,
        )
    return dims[axis]


def need_size(ask: Ask, dims: Dims, axis: int, at: int = 0) -> Dim:
    """The dimension at an axis that the weights depend on, so that Keras refuses a free one."""
    dim = dims[axis]
    if dim is None:
        where = "last axis" if axis in (-1, len(dims) - 1) else f"axis {axis}"
        raise ShapeError(
            f"{ask.name} needs a fixed size on the {where}, since its weights depend on it; got {show(dims)}",
            code="NS404",
            inputs=(at,),
            axis=axis,
        )
    return dim


def bad_argument(ask: Ask, argument: str, message: str) -> ShapeError:
    """The error for constructor arguments that cannot go together, whatever comes in."""
    return ShapeError(f"{ask.name}: {message}", code="NS404", argument=argument)


def integers(ask: Ask, argument: str, default: Any, count: int, *, least: int = 1) -> tuple[int, ...]:
    """A constructor argument that is one integer or `count` of them, as `count` integers (standardize_tuple).

    >>> integers(Ask("Conv2D", {"strides": 2}, {}, {}), "strides", 1, 2)
    (2, 2)
    """
    value = ask.get(argument, default)
    return tuple_of(ask, argument, value, count, least=least)


def tuple_of(ask: Ask, argument: str, value: Any, count: int, *, least: int = 1) -> tuple[int, ...]:
    """A value of a constructor argument that is one integer or `count` of them, as `count` integers."""
    numbers = (value,) * count if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(numbers) != count or any(number < least for number in numbers):
        raise bad_argument(
            ask, argument, f"`{argument}` must be {count} integers of at least {least}, or one for all; got {value}"
        )
    return numbers


def channels_first(ask: Ask) -> bool:
    """True where `data_format` says so; Keras's default is channels_last."""
    return str(ask.get("data_format", None) or "channels_last").lower() == "channels_first"


def too_small(ask: Ask, dims: Dims, axis: int, found: str) -> ShapeError:
    """The error for an output that would have a size of zero or less."""
    return ShapeError(
        f"{ask.name} leaves nothing of axis {axis}: {found}; got {show(dims)}", code="NS405", inputs=(0,), axis=axis
    )


def lora(ask: Ask, kernel: int | Unknown, *sides: int | Unknown) -> tuple[int | Unknown, int | Unknown]:
    """Trainable and non-trainable weights of a kernel; `lora_rank` freezes it and trains two thin matrices."""
    rank = ask.get("lora_rank", None)
    if not rank:
        return kernel, 0
    for constraint in ("kernel_constraint", "embeddings_constraint"):
        if ask.get(constraint, None) is not None:
            raise bad_argument(ask, "lora_rank", f"`lora_rank` does not go with `{constraint}`")
    return total(*(size(side, rank) for side in sides)), kernel
