"""Shape rules of the core layers: Dense, EinsumDense, Embedding, ReversibleEmbedding, Masking, Identity."""

from __future__ import annotations

import re

from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    Ask,
    Dims,
    bad_argument,
    differ,
    lora,
    need_rank_from,
    need_size,
    one,
    rank_error,
    rule,
    seen_dtype,
    size,
    stays_sparse,
    total,
)
from netspec.catalog.types import Dim, Inferred, ShapeError, show


@rule("Dense")
def dense(ask: Ask) -> Inferred:
    """The last axis becomes `units`; a kernel (last axis, units) and a bias (units).

    Keras: keras.layers.Dense.

    >>> from netspec.catalog.types import TensorType
    >>> dense(Ask("Dense", {"units": 8}, {"inputs": TensorType((None, 5, 4))}, {}))
    Inferred(outputs=(TensorType(shape=(None, 5, 8), dtype='float32', sparse=False),), \
weights=Weights(trainable=40, non_trainable=0))
    """
    units: int = ask.args["units"]
    dims = need_rank_from(ask, 2)
    features = need_size(ask, dims, -1)
    trained, frozen = lora(ask, size(features, units), size(features), units)
    bias = units if ask.get("use_bias", True) else 0
    return one(ask, (*dims[:-1], units), total(trained, bias), frozen)


@rule("Identity")
def identity(ask: Ask) -> Inferred:
    """The same tensor; a float is cast to the layer's dtype.

    Keras: keras.layers.Identity.

    >>> from netspec.catalog.types import TensorType
    >>> identity(Ask("Identity", {}, {"inputs": TensorType((None, 5), "int32")}, {})).outputs[0].dtype
    'int32'
    """
    tensor = ask.first
    return one(ask, tensor.shape, dtype=seen_dtype(ask, tensor), sparse=stays_sparse(ask, tensor))


@rule("Embedding", "ReversibleEmbedding")
def embedding(ask: Ask) -> Inferred:
    """A new last axis of `output_dim`; one table (input_dim, output_dim).

    ReversibleEmbedding called with `reverse` turns the last axis into `input_dim` instead.
    Keras: keras.layers.Embedding, keras.layers.ReversibleEmbedding.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"input_dim": 10, "output_dim": 4}
    >>> embedding(Ask("Embedding", args, {"inputs": TensorType((None, 7), "int32")}, {})).outputs[0].shape
    (None, 7, 4)
    """
    rows, width = ask.args["input_dim"], ask.args["output_dim"]
    dims = ask.dims
    trained, frozen = lora(ask, rows * width, rows, width)
    if ask.cls == "ReversibleEmbedding" and not ask.get("tie_weights", True):
        trained = total(trained, rows * width)
    if ask.cls == "ReversibleEmbedding" and ask.call.get("reverse", False):
        if not dims:
            raise ShapeError(f"{ask.name} has no last axis to turn back into words", code="NS402", inputs=(0,))
        return one(ask, (*dims[:-1], rows), trained, frozen)
    return one(ask, (*dims, width), trained, frozen)


@rule("EinsumDense")
def einsum_dense(ask: Ask) -> Inferred:
    """An einsum of the input with a kernel; the kernel's shape follows from the equation and `output_shape`.

    Keras: keras.layers.EinsumDense.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"equation": "abc,cd->abd", "output_shape": [None, 64], "bias_axes": "d"}
    >>> einsum_dense(Ask("EinsumDense", args, {"inputs": TensorType((None, 32, 128))}, {})).weights.trainable
    8256
    """
    dims = ask.dims
    solved = solve_einsum(ask, dims)
    if solved is None:
        return NOTHING_KNOWN
    kernel, bias, output = solved
    trained, frozen = lora(ask, size(*kernel), size(*kernel[:-1]), size(kernel[-1]))
    return one(ask, output, total(trained, size(*bias) if bias is not None else 0), frozen)


_EINSUM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


def solve_einsum(ask: Ask, dims: Dims) -> tuple[Dims, Dims | None, Dims] | None:
    """The shapes of kernel, bias and output of an EinsumDense; None where the equation's form is an exotic one.

    One of these is an equation without dots for fewer axes than there are: Keras builds it as if dots stood at its end,
    and what it computes, or whether it can, depends on the equation.
    """
    equation: str = ask.args["equation"]
    found = _EINSUM.fullmatch(equation)
    if found is None:
        raise bad_argument(ask, "equation", f"cannot read the equation `{equation}`; write one like `abc,cd->abd`")
    left_in, letters, right_in, kernel_letters, left_out, out_letters, right_out = found.groups()
    if (left_in, right_in) != (left_out, right_out) or (left_in and right_in):
        said = f"the dots of `{equation}` stand for the same axes on both sides, so at the same end"
        raise bad_argument(ask, "equation", said)
    left, plain = bool(left_in), not (left_in or right_in)
    if (right_in and len(letters) < 2) or any(len(set(each)) < len(each) for each in (letters, out_letters)):
        return None
    given = ask.args["output_shape"]
    partial: tuple[Dim, ...] = (given,) if isinstance(given, int) else tuple(given)
    elided = len(dims) - len(letters)
    if elided < 0 or not dims:
        raise ShapeError(
            f"{ask.name}: the equation `{equation}` wants {len(letters)} axes, got {show(dims)}",
            code="NS402",
            argument="equation",
            inputs=(0,),
        )
    output: list[Dim] = [dims[0], *partial]
    if elided and left:
        output[1:1] = list(reversed(dims[1:elided]))
    elif elided:
        output += dims[len(dims) - elided :]
    base = elided if left else 0
    in_at = {letter: dims[at + base] for at, letter in enumerate(letters)}
    out_at = {letter: at + base for at, letter in enumerate(out_letters)}
    if max(out_at.values()) >= len(output):
        raise bad_argument(
            ask, "output_shape", f"`{equation}` has more output axes than `output_shape`, {given}, has sizes"
        )
    for letter in letters:
        if letter not in out_at:
            continue
        wanted = output[out_at[letter]]
        if wanted is not None and (
            differ(wanted, in_at[letter]) or (isinstance(wanted, int) and in_at[letter] is None)
        ):
            raise ShapeError(
                f"{ask.name}: axis `{letter}` of `{equation}` is {wanted} in `output_shape`, got {show(dims)}",
                code="NS404",
                argument="output_shape",
                inputs=(0,),
            )
    for letter in out_letters:
        if letter not in letters and letter not in kernel_letters:
            raise bad_argument(
                ask, "equation", f"axis `{letter}` of `{equation}` stands in the output but not in what comes in"
            )
    kernel: list[Dim] = []
    for letter in kernel_letters:
        if letter not in out_at and letter not in in_at:
            raise bad_argument(
                ask, "equation", f"axis `{letter}` of `{equation}` stands in the kernel alone, so it has no size"
            )
        kernel.append(output[out_at[letter]] if letter in out_at else in_at[letter])
    bias: list[Dim] | None = None
    bias_axes: str | None = ask.get("bias_axes", None)
    if bias_axes is not None:
        stray = [letter for letter in bias_axes if letter not in out_letters]
        if stray or not bias_axes:
            raise bad_argument(ask, "bias_axes", f"`bias_axes`, `{bias_axes}`, must name axes of `{out_letters}`")
        start = min(out_letters.find(letter) for letter in bias_axes)
        bias = [output[out_at[letter]] if letter in bias_axes else 1 for letter in out_letters[start:]]
        bias += [] if left else [1] * elided
    if None in kernel or (bias is not None and None in bias):
        raise ShapeError(
            f"{ask.name}: the weights of `{equation}` need fixed sizes, got {show(dims)}",
            code="NS404",
            argument="output_shape",
            inputs=(0,),
        )
    return None if plain and elided else (tuple(kernel), None if bias is None else tuple(bias), tuple(output))


@rule("Masking")
def masking(ask: Ask) -> Inferred:
    """The same shape, with a mask attached.

    Keras: keras.layers.Masking.

    >>> from netspec.catalog.types import TensorType
    >>> masking(Ask("Masking", {}, {"inputs": TensorType((None, 5, 3))}, {})).outputs[0].shape
    (None, 5, 3)
    """
    dims = ask.dims
    if not dims:
        raise rank_error(ask, "at least 1 axis")
    return one(ask, dims)
