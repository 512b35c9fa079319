"""Shape rules of the convolutions: plain, transposed, depthwise and separable, in one to three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.catalog.shapes.rule import (
    Ask,
    Dims,
    bad_argument,
    channels_first,
    integers,
    lora,
    need_rank,
    need_size,
    one,
    rule,
    size,
    times,
    too_small,
    total,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, Unknown, show


@dataclass(frozen=True, slots=True)
class Window:
    """What all convolutions have in common: the kernel and how it walks."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
    first: bool  # channels first

    def split(self, dims: Dims) -> tuple[Dims, int]:
        """The spatial dimensions, and the channel axis."""
        return (dims[2:], 1) if self.first else (dims[1:-1], -1)

    def join(self, batch: Dim, spatial: Dims, channels: Dim) -> Dims:
        """A shape from its parts."""
        return (batch, channels, *spatial) if self.first else (batch, *spatial, channels)


def window(ask: Ask, rank: int, *, paddings: tuple[str, ...] = ("valid", "same")) -> Window:
    """Read and check the arguments that say how the kernel walks."""
    kernel = integers(ask, "kernel_size", 1, rank)
    strides = integers(ask, "strides", 1, rank)
    dilation = integers(ask, "dilation_rate", 1, rank)
    padding = str(ask.get("padding", "valid")).lower()
    if padding not in paddings:
        raise bad_argument(ask, "padding", f"`padding` must be one of {', '.join(paddings)}; got {padding}")
    return Window(kernel, strides, dilation, padding, channels_first(ask))


def slide(ask: Ask, dims: Dims, walk: Window) -> Dims:
    """The spatial sizes after the kernel has walked over them (Keras's compute_conv_output_shape)."""
    spatial, _ = walk.split(dims)
    offset = 2 if walk.first else 1
    sizes: list[Dim] = []
    for at, dim in enumerate(spatial):
        reach = walk.dilation[at] * (walk.kernel[at] - 1) + 1 if walk.padding == "valid" else 1
        if isinstance(dim, int):
            left = (dim - reach) // walk.strides[at] + 1
            if left <= 0 and walk.padding == "valid":
                wide = f"a kernel of {walk.kernel[at]}" + (f" that reaches {reach}" if walk.dilation[at] > 1 else "")
                raise too_small(ask, dims, at + offset, f"{wide} does not fit into {dim}")
            sizes.append(left)
        else:
            sizes.append(dim)
    return tuple(sizes)


def no_stride_with_dilation(ask: Ask, walk: Window) -> None:
    """Keras takes strides or dilation, not both."""
    if max(walk.strides) > 1 and max(walk.dilation) > 1:
        raise bad_argument(ask, "dilation_rate", "`strides` and `dilation_rate` cannot both be larger than 1")


def rank_of(cls: str) -> int:
    """How many spatial dimensions a class works on, from its name.

    >>> rank_of("Conv2DTranspose")
    2
    """
    return next(int(letter) for letter in cls if letter in "123")


@rule("Conv1D", "Conv2D", "Conv3D")
def conv(ask: Ask) -> Inferred:
    """Channels become `filters`; the kernel is (*kernel_size, channels / groups, filters).

    Keras: keras.layers.Conv1D, Conv2D, Conv3D.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"filters": 16, "kernel_size": 3}
    >>> answer = conv(Ask("Conv2D", args, {"inputs": TensorType((None, 32, 32, 3))}, {}))
    >>> answer.outputs[0].shape, answer.weights.trainable
    ((None, 30, 30, 16), 448)
    """
    rank = rank_of(ask.cls)
    filters, groups = ask.args["filters"], ask.get("groups", 1)
    walk = window(ask, rank, paddings=("valid", "same", "causal") if rank == 1 else ("valid", "same"))
    if groups <= 0 or filters <= 0 or filters % groups:
        raise bad_argument(ask, "groups", f"`filters` must be a multiple of `groups`; got {filters} and {groups}")
    no_stride_with_dilation(ask, walk)
    dims = need_rank(ask, rank + 2)
    _, axis = walk.split(dims)
    channels = need_size(ask, dims, axis)
    if isinstance(channels, int) and channels % groups:
        raise bad_argument(ask, "groups", f"the {channels} channels of {show(dims)} do not divide into {groups} groups")
    per_group = channels // groups if isinstance(channels, int) else UNKNOWN
    kernel = size(*walk.kernel, per_group, filters)
    trained, frozen = lora(ask, kernel, size(*walk.kernel, per_group), filters)
    bias = filters if ask.get("use_bias", True) else 0
    return one(ask, walk.join(dims[0], slide(ask, dims, walk), filters), total(trained, bias), frozen)


@rule("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(ask: Ask) -> Inferred:
    """A convolution backwards: sizes grow by the strides; the kernel is (*kernel_size, filters, channels).

    Keras: keras.layers.Conv1DTranspose, Conv2DTranspose, Conv3DTranspose.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"filters": 8, "kernel_size": 3, "strides": 2, "padding": "same"}
    >>> conv_transpose(Ask("Conv2DTranspose", args, {"inputs": TensorType((None, 7, 7, 4))}, {})).outputs[0].shape
    (None, 14, 14, 8)
    """
    rank = rank_of(ask.cls)
    filters = ask.args["filters"]
    walk = window(ask, rank)
    given = ask.get("output_padding", None)
    extra = None if given is None else integers(ask, "output_padding", None, rank, least=0)
    if extra is not None and any(more >= stride for more, stride in zip(extra, walk.strides, strict=True)):
        raise bad_argument(
            ask, "output_padding", f"`output_padding` must be smaller than `strides`, {walk.strides}; got {given}"
        )
    no_stride_with_dilation(ask, walk)
    dims = need_rank(ask, rank + 2)
    spatial, axis = walk.split(dims)
    channels = need_size(ask, dims, axis)
    sizes: list[Dim] = []
    for at, dim in enumerate(spatial):
        reach, stride = walk.dilation[at] * (walk.kernel[at] - 1) + 1, walk.strides[at]
        if not isinstance(dim, int):
            sizes.append(dim)
        elif walk.padding == "valid":
            more = max(reach, stride) - reach if extra is None else extra[at]
            sizes.append((dim - 1) * stride + reach + more)
        else:
            sizes.append(dim * stride if extra is None else (dim - 1) * stride + reach % 2 + extra[at])
    bias = filters if ask.get("use_bias", True) else 0
    return one(ask, walk.join(dims[0], tuple(sizes), filters), total(size(*walk.kernel, filters, channels), bias))


@rule("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise_conv(ask: Ask) -> Inferred:
    """Each channel becomes `depth_multiplier` channels; the kernel is (*kernel_size, channels, depth_multiplier).

    Keras: keras.layers.DepthwiseConv1D, DepthwiseConv2D.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"kernel_size": 3, "depth_multiplier": 2}
    >>> answer = depthwise_conv(Ask("DepthwiseConv2D", args, {"inputs": TensorType((None, 9, 9, 4))}, {}))
    >>> answer.outputs[0].shape, answer.weights.trainable
    ((None, 7, 7, 8), 80)
    """
    rank = rank_of(ask.cls)
    walk = window(ask, rank)
    multiplier = ask.get("depth_multiplier", 1)
    dims = need_rank(ask, rank + 2)
    _, axis = walk.split(dims)
    channels = need_size(ask, dims, axis)
    made = times(channels, multiplier)
    kernel = size(*walk.kernel, channels, multiplier)
    bias: int | Unknown = size(made) if ask.get("use_bias", True) else 0
    return one(ask, walk.join(dims[0], slide(ask, dims, walk), made), total(kernel, bias))


@rule("SeparableConv1D", "SeparableConv2D")
def separable_conv(ask: Ask) -> Inferred:
    """A depthwise convolution and then a pointwise one to `filters`; two kernels and one bias.

    Keras: keras.layers.SeparableConv1D, SeparableConv2D.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"filters": 16, "kernel_size": 3}
    >>> separable_conv(Ask("SeparableConv2D", args, {"inputs": TensorType((None, 9, 9, 4))}, {})).weights.trainable
    116
    """
    rank = rank_of(ask.cls)
    filters, multiplier = ask.args["filters"], ask.get("depth_multiplier", 1)
    walk = window(ask, rank)
    dims = need_rank(ask, rank + 2)
    _, axis = walk.split(dims)
    channels = need_size(ask, dims, axis)
    depthwise = size(*walk.kernel, channels, multiplier)
    pointwise = size(times(channels, multiplier), filters)
    bias = filters if ask.get("use_bias", True) else 0
    return one(ask, walk.join(dims[0], slide(ask, dims, walk), filters), total(depthwise, pointwise, bias))
