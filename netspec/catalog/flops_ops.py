"""Floating-point operations of the operations that multiply tensors (`ops.matmul`), counted as in `flops.py`.

All others that work number by number, sum up or move values count nothing; those in OTHERWISE are not told.
"""

from __future__ import annotations

from netspec.catalog import OPS
from netspec.catalog.flops_rule import Count, Outputs, Rule, per_example, register
from netspec.catalog.shapes.operation import operand, operands
from netspec.catalog.shapes.rule import Ask, Dims, channels_first, dims_of, size, total
from netspec.catalog.types import UNKNOWN, Dim, Unknown

RULES: dict[str, Rule] = {}

_OTHERWISE = """
cdist cholesky cholesky_inverse corrcoef correlate ctc_decode ctc_loss det eig eigh fft fft2 ifft2
image.extract_patches image.extract_patches_3d image.gaussian_blur image.sobel_edges image.ssim inv irfft istft
logdet lstsq lu_factor matrix_rank pinv qr rfft slogdet solve solve_triangular stft svd
"""
OTHERWISE = frozenset(OPS + name for name in _OTHERWISE.split())


def _pair(ask: Ask) -> tuple[Dims, Dims]:
    return dims_of(operand(ask, "x1")), dims_of(operand(ask, "x2"))


@register(RULES, "ops.matmul", "ops.dot", "ops.inner")
def product(ask: Ask, outputs: Outputs) -> Count:
    """Each number that comes out is a product along the last axis of the first tensor."""
    one, two = _pair(ask)
    if not one or not two:
        return 0  # a number times a tensor
    summed = one[-1] if isinstance(one[-1], int) else two[-2 if len(two) > 1 and ask.cls != "ops.inner" else -1]
    return size(2, per_example(dims_of(outputs[0])), summed)


@register(RULES, "ops.tensordot")
def tensordot(ask: Ask, outputs: Outputs) -> Count:
    """As a product, along all the axes that are summed up."""
    one, _ = _pair(ask)
    axes = ask.args.get("axes", 2)
    if isinstance(axes, int):
        summed: list[Dim] = list(one[len(one) - axes :])
    else:
        summed = [one[axis] for axis in ([axes[0]] if isinstance(axes[0], int) else axes[0])]
    return size(2, per_example(dims_of(outputs[0])), *summed)


@register(RULES, "ops.vdot")
def vdot(ask: Ask, outputs: Outputs) -> Count:
    """One product over all numbers."""
    return size(2, per_example(_pair(ask)[0]))


@register(RULES, "ops.einsum")
def einsum(ask: Ask, outputs: Outputs) -> Count:
    """One multiply-add for each combination of the letters of two tensors; the first letter is the batch."""
    parts = ask.args["subscripts"].replace(" ", "").partition("->")[0].split(",")
    if len(parts) == 1:
        return 0
    if len(parts) > 2:
        return UNKNOWN  # it depends on the order in which they are multiplied
    sizes: dict[str, Dim] = {}
    for part, tensor in zip(parts, operands(ask, "operands"), strict=True):
        for letter, dim in zip(part, dims_of(tensor), strict=True):
            if letter not in sizes or not isinstance(sizes[letter], int) or sizes[letter] == 1:
                sizes[letter] = dim
    return size(2, *(dim for letter, dim in sizes.items() if letter != parts[0][0]))


@register(RULES, "ops.conv", "ops.depthwise_conv", "ops.conv_transpose")
def conv(ask: Ask, outputs: Outputs) -> Count:
    """The kernel at every place of the output; of a transposed one, of the input."""
    shape = operand(ask, "inputs").shape if ask.cls == "ops.conv_transpose" else outputs[0].shape
    return _walked(ask, shape, dims_of(operand(ask, "kernel")))


@register(RULES, "ops.separable_conv")
def separable_conv(ask: Ask, outputs: Outputs) -> Count:
    """A depthwise kernel, and then one that joins the channels."""
    kernels = (dims_of(operand(ask, name)) for name in ("depthwise_kernel", "pointwise_kernel"))
    return total(*(_walked(ask, outputs[0].shape, kernel) for kernel in kernels))


def _walked(ask: Ask, shape: Dims | Unknown, kernel: Dims) -> Count:
    if isinstance(shape, Unknown):
        return UNKNOWN
    return size(2, *kernel, *(shape[2:] if channels_first(ask) else shape[1:-1]))


@register(RULES, "ops.dot_product_attention")
def attention(ask: Ask, outputs: Outputs) -> Count:
    """Query with key and scores with value, for every head of the query."""
    query, key, value = (dims_of(operand(ask, name)) for name in ("query", "key", "value"))
    pairs = size(2, query[1], query[2], key[1])
    return total(size(pairs, query[3]), size(pairs, value[3]))
