"""What the rules of the operations (`ops.mean`) share: operands, how dtypes meet and shapes are stretched, answers.

A number in place of a tensor has the dtype "int" or "float", which gives way to the tensor's; a list is a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from netspec.catalog import find
from netspec.catalog.operations import is_constant, leaves, table_shape
from netspec.catalog.shapes.rule import FLOATS, NOTHING_KNOWN, RULES, Ask, Dims, Rule, dims_of
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, show

Dtype = str | Unknown

# Each dtype with those right above it: two meet at the least one that is above both. "int" and "float" are numbers.
_ABOVE = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}
# Operations whose kernels take floats alone, or anything but floats. Keras looks only when it runs them.
_FLOATS_ONLY = """
average_pool celu cholesky cholesky_inverse det elu erf erfc erfinv gelu hard_shrink hard_sigmoid hard_silu
hard_tanh inv log_sigmoid log_softmax logdet logsumexp rsqrt selu sigmoid silu soft_shrink softmax softplus softsign
sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold
"""
_NO_FLOATS = frozenset(("bitwise_invert", "bitwise_not"))
_PLAIN = {"int": "int32", "float": "float32", "uint64": "uint32"}  # what Keras makes of these in the end


def operation(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations; it is not asked about sparse tensors, nor about texts and complex numbers."""

    def register(function: Rule) -> Rule:
        def guarded(ask: Ask) -> Inferred:
            for value in ask.inputs.values():
                for tensor in (value,) if isinstance(value, TensorType) else value:
                    if tensor.sparse or not (isinstance(tensor.dtype, Unknown) or tensor.dtype in _ABOVE):
                        return NOTHING_KNOWN
            _check_kind(ask)
            return function(ask)

        for name in names:
            RULES[f"ops.{name}"] = guarded
        return function

    return register


def _check_kind(ask: Ask) -> None:
    """ShapeError where only floats are taken and whole numbers come in, or the other way round."""
    name = ask.cls.removeprefix("ops.")
    floats = name in _floats_only()
    if not floats and name not in _NO_FLOATS:
        return
    dtype = first(ask).dtype
    if isinstance(dtype, Unknown) or (dtype in FLOATS) == floats:
        return
    kind, cure = ("floats", "float32") if floats else ("whole numbers", "int32")
    message = f"{ask.name} computes with {kind}, got {dtype}"
    raise ShapeError(message, code="NS406", inputs=(0,), help=f"put a step `ops.cast: {cure}` in front")


@cache
def _floats_only() -> frozenset[str]:
    return frozenset(_FLOATS_ONLY.split())


@cache
def _reach(dtype: str) -> frozenset[str]:
    """The dtypes that one can become without a loss, itself included."""
    return frozenset({dtype}).union(*(_reach(each) for each in _ABOVE[dtype]))


@cache
def promoted(*dtypes: Dtype) -> Dtype:
    """The dtype in which these meet (keras.backend.result_type).

    >>> promoted("int32", "float16"), promoted("uint8", "int8"), promoted("int32", "float"), promoted("bool", "int")
    ('float16', 'int16', 'float32', 'int32')
    """
    if any(isinstance(dtype, Unknown) or dtype not in _ABOVE for dtype in dtypes):
        return UNKNOWN
    names = [dtype for dtype in dtypes if isinstance(dtype, str)]
    together = frozenset.intersection(*(_reach(name) for name in names))
    least = next(name for name in together if together <= _reach(name))
    return _PLAIN.get(least, least)


def operand(ask: Ask, name: str) -> TensorType:
    """A tensor argument: what `from` gives, or the number or list that stands in its place. KeyError: neither."""
    given = ask.inputs.get(name)
    if given is not None:
        if not isinstance(given, TensorType):
            raise TypeError("a list of tensors, where one is expected")
        return given
    value = ask.args[name]
    shape = table_shape(value)
    if shape is None:
        raise TypeError("no number, and no list of numbers of one shape")
    kinds = {type(each) for each in leaves(value)}
    kind = "float" if float in kinds else "bool" if kinds == {bool} else "int"
    return TensorType(shape, f"{kind}32" if kind != "bool" and is_constant(ask.cls, value) else kind)


def operands(ask: Ask, name: str) -> tuple[TensorType, ...]:
    """A list of tensors under an argument."""
    given = ask.inputs[name]
    if isinstance(given, TensorType):
        raise TypeError("one tensor, where a list is expected")
    return tuple(given)


def positions(ask: Ask, *names: str) -> tuple[int, ...]:
    """Where the tensors of these arguments stand among all that go in."""
    found: list[int] = []
    at = 0
    for name, value in ask.inputs.items():
        many = 1 if isinstance(value, TensorType) else len(value)
        if name in names:
            found += range(at, at + many)
        at += many
    return tuple(found)


def first(ask: Ask) -> TensorType:
    """The first tensor argument, by whatever name."""
    entry = find("op", ask.cls)
    if entry is None:
        raise KeyError(ask.cls)
    return operand(ask, entry.call[0].name)


def stretched(ask: Ask, shapes: Iterable[tuple[str, Dims]]) -> Dims:
    """Shapes stretched over each other from the right; a free size takes the other one's."""
    (name, merged), *others = shapes
    for other, dims in others:
        wide, narrow = (merged, dims) if len(merged) >= len(dims) else (dims, merged)
        lead = len(wide) - len(narrow)
        pairs = zip(wide[lead:], narrow, strict=True)
        tail = [_meet(left, right) for left, right in pairs]
        if None in tail:
            at = next(at for at, each in enumerate(tail) if each is None) - len(tail)
            raise ShapeError(
                f"{ask.name} cannot stretch {show(merged)} and {show(dims)} over each other: axis {at} differs",
                code="NS401",
                inputs=positions(ask, name, other),
                axis=at,
                help="sizes must be equal, or one of them 1",
            )
        merged, name = (*wide[:lead], *(each[0] for each in tail if each is not None)), other
    return merged


def _meet(left: Dim, right: Dim) -> tuple[Dim] | None:
    """The size that two become, in a tuple; None where they cannot be one."""
    if left == 1:
        return (right,)
    if right == 1:
        return (left,)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        known = next((each for each in (left, right) if isinstance(each, int)), UNKNOWN)
        return (known,)
    if left is None:
        return (right,)
    return (left,) if right is None or left == right else None


def axis_of(ask: Ask, dims: Dims, axis: int, argument: str | None = "axis", *, more: int = 0) -> int:
    """An axis counted from the front; ShapeError where the tensor (with `more` axes) has none such."""
    rank = len(dims) + more
    if not -rank <= axis < rank:
        axes = f"whose axes are 0 to {rank - 1}" if rank else "which has no axes"
        axes = axes if not more else f"so an axis of the result is 0 to {rank - 1}"
        raise ShapeError(
            f"{ask.name} has no axis {axis} to work on: got {show(dims)}, {axes}",
            code="NS403",
            argument=argument,
            inputs=(0,),
            axis=axis,
        )
    return axis % rank


def axes_of(ask: Ask, dims: Dims, axes: int | list[int], argument: str = "axis") -> list[int]:
    """One axis or several, counted from the front."""
    return [axis_of(ask, dims, axis, argument) for axis in ([axes] if isinstance(axes, int) else axes)]


def product(dims: Iterable[Dim]) -> Dim:
    """The number of places in a shape: free or unknown if a size is.

    >>> product((2, 3)), product((2, None)), product(())
    (6, None, 1)
    """
    dims = tuple(dims)
    if any(isinstance(dim, Unknown) for dim in dims):
        return UNKNOWN
    result = 1
    for dim in dims:
        if not isinstance(dim, int):
            return None
        result *= dim
    return result


def sized(dim: Dim, made: Callable[[int], int]) -> Dim:
    """What becomes of a size; a free one stays free."""
    return made(dim) if isinstance(dim, int) else dim


def floating(dtype: Dtype) -> Dtype:
    """Floats as they are, anything else as float32."""
    if isinstance(dtype, Unknown):
        return UNKNOWN
    return dtype if dtype in FLOATS else "float32"


def given(*types: tuple[Any, Dtype]) -> Inferred:
    """The answer: a shape and a dtype for each output. An operation has no weights."""
    return Inferred(tuple(TensorType(shape, dtype) for shape, dtype in types))


def same(tensor: TensorType, dtype: Dtype | None = None) -> Inferred:
    """The answer that keeps the shape."""
    return given((dims_of(tensor), tensor.dtype if dtype is None else dtype))
