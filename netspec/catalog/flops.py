"""Floating-point operations of one call, forward, for one example: two for each multiply-add of a product with a
weight or of two tensors. Sums, activations, norms, pooling and look-ups count nothing. What cannot be told is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from netspec.catalog import OPS, find
from netspec.catalog.flops_rule import Count, Outputs, Rule, per_example, register
from netspec.catalog.shapes.convolution import rank_of, slide, window
from netspec.catalog.shapes.core import solve_einsum
from netspec.catalog.shapes.recurrent import cell_of, cells_of
from netspec.catalog.shapes.rule import Ask, Dims, Value, dims_of, size, times, total
from netspec.catalog.types import UNKNOWN, Dim, ShapeError, TensorType, Unknown

RULES: dict[str, Rule] = {}

# Transforms and decompositions: work of their own kind, which no product tells.
_OTHERWISE = frozenset(("MelSpectrogram", "STFTSpectrogram"))
WRAPPERS = frozenset(("SpectralNormalization", "TimeDistributed"))


def flops(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Value], outputs: Outputs, call: Any) -> Count:
    """What one example costs in one call of the layer or operation `cls(**args)`.

    Args:
        inputs: call argument -> a tensor's type or a list of them, as for `shapes.infer`.
        outputs: the types of what comes out.
        call: the plain call arguments.

    A convolution counts its whole kernel at every place of its output, padding included (a transposed one: of its
    input); what depends on the length of a free axis is UNKNOWN.

    >>> flops("Dense", {"units": 3}, {"inputs": TensorType((None, 4))}, (TensorType((None, 3)),), {})
    24
    >>> flops("ReLU", {}, {"inputs": TensorType((None, None))}, (TensorType((None, None)),), {})
    0
    """
    if cls.startswith(OPS):
        from netspec.catalog import flops_ops  # few specs have operations

        rule = flops_ops.RULES.get(cls)
        plain = cls not in flops_ops.OTHERWISE and find("op", cls) is not None
    else:
        rule = RULES.get(cls)
        plain = cls not in _OTHERWISE and find("layer", cls) is not None
    if rule is None:
        return 0 if plain else UNKNOWN
    # Where a shape is not known, or an argument is one that the shape rules have no answer for either.
    with suppress(AttributeError, IndexError, KeyError, ShapeError, TypeError, ValueError):
        return rule(Ask(cls, args, inputs, call), outputs)
    return UNKNOWN


def unwrapped(layer: Any, inputs: TensorType, output: TensorType) -> tuple[Any, Count, TensorType, TensorType]:
    """The layer or model inside wrappers, how often one call runs it, and what goes in and comes out each time.

    >>> from types import SimpleNamespace
    >>> outer = SimpleNamespace(cls="TimeDistributed", args={"layer": SimpleNamespace(cls="Flatten", args={})})
    >>> unwrapped(outer, TensorType((None, 7, 2, 2)), TensorType((None, 7, 4)))[1:3]
    (7, TensorType(shape=(None, 2, 2), dtype='float32', sparse=False))
    """
    often: Count = 1
    while layer.cls in WRAPPERS and layer.args.get("layer") is not None:
        if layer.cls == "TimeDistributed":
            steps = UNKNOWN if isinstance(inputs.shape, Unknown) or len(inputs.shape) < 2 else inputs.shape[1]
            often = size(often, steps)
            inputs, output = _one_step(inputs), _one_step(output)
        layer = layer.args["layer"]
    return layer, often, inputs, output


def _one_step(tensor: TensorType) -> TensorType:
    shape = tensor.shape if isinstance(tensor.shape, Unknown) else (*tensor.shape[:1], *tensor.shape[2:])
    return TensorType(shape, tensor.dtype, tensor.sparse)


@register(RULES, "Dense")
def dense(ask: Ask, outputs: Outputs) -> Count:
    """Each number that comes out is a product of the last axis with a column of the kernel."""
    return size(2, per_example(dims_of(outputs[0])), ask.dims[-1])


@register(RULES, "EinsumDense")
def einsum_dense(ask: Ask, outputs: Outputs) -> Count:
    """One multiply-add for each combination of the equation's letters."""
    solved = solve_einsum(ask, ask.dims)
    if solved is None:
        return UNKNOWN
    left, _, right = ask.args["equation"].partition(",")
    fresh = [
        dim for letter, dim in zip(right.partition("->")[0], solved[0], strict=True) if letter not in set(left) - {"."}
    ]
    return size(2, per_example(ask.dims), *fresh)


@register(RULES, "ReversibleEmbedding")
def reversible_embedding(ask: Ask, outputs: Outputs) -> Count:
    """Forwards it looks up; with `reverse` it is a product with the table."""
    return size(2, per_example(ask.dims), ask.args["input_dim"]) if ask.call.get("reverse", False) else 0


@register(RULES, "Conv1D", "Conv2D", "Conv3D")
def conv(ask: Ask, outputs: Outputs) -> Count:
    """The kernel, (*kernel_size, channels / groups, filters), at every place of the output."""
    walk = window(ask, rank_of(ask.cls), paddings=("valid", "same", "causal"))
    space, axis = walk.split(dims_of(outputs[0]))
    channels, groups = ask.dims[axis], ask.get("groups", 1)
    if not isinstance(channels, int):
        return UNKNOWN
    return size(2, *walk.kernel, channels // groups, ask.args["filters"], *space)


@register(RULES, "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(ask: Ask, outputs: Outputs) -> Count:
    """The kernel at every place of the input: a convolution the other way round costs the same."""
    walk = window(ask, rank_of(ask.cls))
    space, axis = walk.split(ask.dims)
    return size(2, *walk.kernel, ask.args["filters"], ask.dims[axis], *space)


@register(RULES, "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
def depthwise_conv(ask: Ask, outputs: Outputs) -> Count:
    """One plane of the kernel for each channel that is made; a separable one joins these at every place."""
    walk = window(ask, rank_of(ask.cls))
    space, axis = walk.split(dims_of(outputs[0]))
    made = times(ask.dims[axis], ask.get("depth_multiplier", 1))
    joined = size(2, made, ask.args["filters"], *space) if ask.cls.startswith("Separable") else 0
    return total(size(2, *walk.kernel, made, *space), joined)


@register(RULES, "Attention", "AdditiveAttention")
def attention(ask: Ask, outputs: Outputs) -> Count:
    """Query with key, where these are multiplied, and the scores with the value."""
    shapes = [dims_of(tensor) for tensor in ask.tensors]
    query, value, key = shapes[0], shapes[1], shapes[-1]
    if min(map(len, shapes)) < 3:
        return UNKNOWN
    pairs = size(*query[1:-1], key[-2])
    multiplied = ask.get("use_scale", True) if ask.cls == "AdditiveAttention" else ask.get("score_mode", "dot") == "dot"
    scores = size(2, pairs, query[-1]) if multiplied else 0
    return total(scores, size(2, pairs, value[-1]))


@register(RULES, "MultiHeadAttention")
def multi_head_attention(ask: Ask, outputs: Outputs) -> Count:
    """Projections of query, key and value, query with key, scores with value, and the projection of the heads."""
    query, value, key = _three(ask)
    heads, key_dim = ask.args["num_heads"], ask.args["key_dim"]
    value_dim = ask.get("value_dim", None) or key_dim
    axes = ask.get("attention_axes", None)
    listed = range(1, len(query) - 1) if axes is None else (axes,) if isinstance(axes, int) else axes
    attended = {axis % len(query) for axis in listed}
    lengths = [key[axis] if axis < len(key) - 1 else UNKNOWN for axis in sorted(attended)]
    pairs = size(heads, *query[1:-1], *lengths)
    into, out_of = size(*query[1:]), size(*query[1:-1])
    last = dims_of(outputs[0])[len(query) - 1 :]
    return total(
        size(2, into, heads, key_dim),
        size(2, *key[1:], heads, key_dim),
        size(2, *value[1:], heads, value_dim),
        size(2, into, heads, value_dim) if ask.get("use_gate", False) else 0,
        size(2, pairs, key_dim),
        size(2, pairs, value_dim),
        size(2, out_of, heads, value_dim, *last),
    )


@register(RULES, "GroupQueryAttention", "GroupedQueryAttention")
def group_query_attention(ask: Ask, outputs: Outputs) -> Count:
    """As above; keys and values are projected for fewer heads than the queries are."""
    query, value, key = _three(ask)
    width, heads, shared = ask.args["head_dim"], ask.args["num_query_heads"], ask.args["num_key_value_heads"]
    own = size(2, *query[1:], heads, width)
    pairs = size(2, heads, query[1], key[1], width)
    return total(
        own,
        own if ask.get("use_gate", False) else 0,
        size(2, *key[1:], shared, width),
        size(2, *value[1:], shared, width),
        *(pairs, pairs),
        own,
    )


def _three(ask: Ask) -> tuple[Dims, Dims, Dims]:
    value = ask.optional("value")
    if value is None:
        raise TypeError("attention without a value")
    key = ask.optional("key")
    return dims_of(ask.first), dims_of(value), dims_of(value if key is None else key)


@register(RULES, "LSTM", "GRU", "SimpleRNN", "RNN")
def recurrent(ask: Ask, outputs: Outputs) -> Count:
    """At every step, input and state with the kernels of each cell."""
    own = cell_of(ask.cls, ask.args)
    cells = (own,) if own is not None else cells_of(ask.args)
    if cells is None:
        return UNKNOWN
    _, steps, features = ask.dims
    step: Count = 0
    for cell in cells:
        gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[cell.kind]
        step = total(step, size(2, gates, cell.units, features), 2 * gates * cell.units**2)
        features = cell.units
    return size(steps, step)


@register(RULES, "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def conv_lstm(ask: Ask, outputs: Outputs) -> Count:
    """At every step, a convolution of the input and one of the state for each of the four gates."""
    walk = window(ask, int(ask.cls[-2]))
    dims = ask.dims
    frame: Dims = (dims[0], *dims[2:])
    _, axis = walk.split(frame)
    space, filters = slide(ask, frame, walk), ask.args["filters"]
    gates = size(2, dims[1], *walk.kernel, *space, 4, filters)
    return total(size(gates, frame[axis]), size(gates, filters))


@register(RULES, "Bidirectional")
def bidirectional(ask: Ask, outputs: Outputs) -> Count:
    """The layer, and its copy or the other one."""
    layer = ask.args["layer"]
    both = [layer, ask.get("backward_layer", None) or layer]
    return total(*(RULES[each.cls](Ask(each.cls, each.args, ask.inputs, {}), ()) for each in both))


@register(RULES, "Dot")
def dot(ask: Ask, outputs: Outputs) -> Count:
    """Each number that comes out is a product along the axes that `axes` names."""
    axes = ask.args["axes"]
    axis: int = axes if isinstance(axes, int) else axes[0]
    summed: Dim = dims_of(ask.tensors[0])[axis]
    return size(2, per_example(dims_of(outputs[0])), summed)
