"""Shape rules of the attention layers."""

from __future__ import annotations

import math

from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    Ask,
    Dims,
    axis_at,
    bad_argument,
    differ,
    dims_of,
    need_size,
    quantized,
    rank_error,
    rule,
    size,
    total,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, Weights, show


def _answer(ask: Ask, output: Dims, scores: Dims | None, weights: int | Unknown) -> Inferred:
    shapes = (output,) if scores is None else (output, scores)
    counts = Weights(UNKNOWN, UNKNOWN) if quantized(ask) else Weights(weights, 0)
    return Inferred(tuple(TensorType(shape, ask.dtype) for shape in shapes), counts)


@rule("Attention", "AdditiveAttention")
def attention(ask: Ask) -> Inferred:
    """[query, value] or [query, value, key]: the query's axes with the value's last one.

    `return_attention_scores` adds the scores, (*query's axes, key's length).
    Keras: keras.layers.Attention, AdditiveAttention.

    >>> tensors = [TensorType((None, 4, 3)), TensorType((None, 7, 5)), TensorType((None, 7, 3))]
    >>> attention(Ask("Attention", {}, {"inputs": tensors}, {})).outputs[0].shape
    (None, 4, 5)
    """
    shapes = [dims_of(tensor) for tensor in ask.tensors]
    if not 2 <= len(shapes) <= 3:
        raise ShapeError(
            f"{ask.name} takes [query, value] or [query, value, key], got {len(shapes)} tensors",
            inputs=tuple(range(len(shapes))),
        )
    query, value = shapes[:2]
    key = shapes[2] if len(shapes) == 3 else value
    masks = ask.inputs.get("mask", ())
    if not isinstance(masks, TensorType) and len(masks) not in (0, 2, 3):
        raise ShapeError(
            f"{ask.name} takes a mask for the query and one for the value, got {len(masks)}",
            inputs=tuple(range(len(shapes), len(shapes) + len(masks))),
        )
    for at, shape in enumerate((query, value)):
        axis_at(ask, shape, -1, None, at)
    _comparable(ask, query, value, key)
    if ask.cls == "AdditiveAttention":
        weights = size(need_size(ask, query, -1)) if ask.get("use_scale", True) else 0
    else:
        weights = bool(ask.get("use_scale", False)) + (ask.get("score_mode", "dot") == "concat")
    scores: Dims | None = None
    if ask.call.get("return_attention_scores", False):
        scores = (*query[:-1], axis_at(ask, key, -2, None, len(shapes) - 1))
    return _answer(ask, (*query[:-1], value[-1]), scores, weights)


def _comparable(ask: Ask, query: Dims, value: Dims, key: Dims) -> None:
    """The products inside must exist: Keras says so only when it runs them."""
    at = len(ask.tensors) - 1
    dots = ask.cls == "Attention" and ask.get("score_mode", "dot") == "dot"
    if len(query) == len(key) == len(value) == 3:
        if differ(query[-1], key[-1]) and (dots or 1 not in (query[-1], key[-1])):
            raise ShapeError(
                f"{ask.name} compares query and key, whose last axes must be equal; got {show(query)} and {show(key)}",
                inputs=(0, at),
                axis=-1,
                help="a `Dense` step brings one of them to the width of the other",
            )
        if differ(value[1], key[1]):
            raise ShapeError(
                f"{ask.name} needs value and key of the same length, got {show(value)} and {show(key)}",
                inputs=(1, at),
                axis=1,
            )


def _tensors(ask: Ask) -> tuple[Dims, Dims, Dims]:
    query, value = ask.first, ask.optional("value")
    if value is None:
        raise ShapeError(
            f"{ask.name} needs a query and a value, got one tensor",
            inputs=(0,),
            help="for self-attention give the same tensor twice: `from: {query: x, value: x}`",
        )
    key = ask.optional("key")
    return dims_of(query), dims_of(value), dims_of(key if key is not None else value)


def _same_lengths(ask: Ask, value: Dims, key: Dims) -> None:
    left, right = value[1:-1], key[1:-1]
    clash = len(left) != len(right) or any(
        a != b for a, b in zip(left, right, strict=True) if not isinstance(a, Unknown) and not isinstance(b, Unknown)
    )
    if clash:
        raise ShapeError(
            f"{ask.name} needs value and key of the same length, got {show(value)} and {show(key)}", inputs=(1, 2)
        )


@rule("MultiHeadAttention")
def multi_head_attention(ask: Ask) -> Inferred:
    """The query's shape, with `output_shape` for its last axis if given; four projections with biases.

    `return_attention_scores` adds (batch, heads, length, length), as Keras declares it.
    Keras: keras.layers.MultiHeadAttention.

    >>> args, x = {"num_heads": 2, "key_dim": 4}, TensorType((None, 7, 8))
    >>> multi_head_attention(Ask("MultiHeadAttention", args, {"query": x, "value": x}, {})).weights.trainable
    288
    """
    heads, key_dim = ask.args["num_heads"], ask.args["key_dim"]
    value_dim = ask.get("value_dim", None) or key_dim
    if ask.get("flash_attention", False) and ask.get("dropout", 0.0) > 0:
        raise bad_argument(ask, "flash_attention", "flash attention has no dropout; set `dropout` to 0")
    given = ask.get("output_shape", None) or ()
    wanted: Dims = (given,) if isinstance(given, int) else tuple(given)
    query, value, key = _tensors(ask)
    _same_lengths(ask, value, key)
    if min(len(query), len(value), len(key)) < 2:
        return NOTHING_KNOWN
    axes = ask.get("attention_axes", None)
    listed = () if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    if any(not -len(value) < axis < len(value) for axis in listed):
        return NOTHING_KNOWN
    features = [need_size(ask, shape, -1, at) for at, shape in enumerate((query, value, key))]
    last: Dims = wanted or (features[0],)
    bias = 1 if ask.get("use_bias", True) else 0
    into_keys, into_values = heads * key_dim, heads * value_dim

    def project(inner: Dim, outer: int) -> int | Unknown:
        return total(size(inner, outer), bias * outer)

    made = math.prod(dim for dim in last if isinstance(dim, int)) if UNKNOWN not in last else UNKNOWN
    weights = total(
        project(features[0], into_keys),
        project(features[1], into_values),
        project(features[2], into_keys),
        project(features[0], into_values) if ask.get("use_gate", False) else 0,
        size(into_values, made),
        size(bias, made),
    )
    scores = (query[0], heads, query[1], query[1]) if ask.call.get("return_attention_scores", False) else None
    return _answer(ask, (*query[:-1], *wanted) if wanted else query, scores, weights)


@rule("GroupQueryAttention", "GroupedQueryAttention")
def group_query_attention(ask: Ask) -> Inferred:
    """The query's shape; several query heads share one key and value head.

    Keras: keras.layers.GroupQueryAttention.

    >>> args, x = {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}, TensorType((None, 7, 8))
    >>> group_query_attention(Ask("GroupQueryAttention", args, {"query": x, "value": x}, {})).weights.trainable
    424
    """
    width, heads, shared = ask.args["head_dim"], ask.args["num_query_heads"], ask.args["num_key_value_heads"]
    if heads % shared:
        raise bad_argument(
            ask, "num_query_heads", f"`num_query_heads`, {heads}, must be a multiple of `num_key_value_heads`, {shared}"
        )
    if ask.get("flash_attention", False) and ask.get("dropout", 0.0) > 0:
        raise bad_argument(ask, "flash_attention", "flash attention has no dropout; set `dropout` to 0")
    query, value, key = _tensors(ask)
    for at, shape in enumerate((query, value, key)):
        if len(shape) < 3:
            raise rank_error(ask, "3 axes", at, TensorType(shape))
    if max(len(query), len(value), len(key)) > 3:
        return NOTHING_KNOWN
    features = [need_size(ask, shape, -1, at) for at, shape in enumerate((query, value, key))]
    if isinstance(query[-1], int) and isinstance(value[-1], int) and query[-1] != value[-1]:
        raise ShapeError(
            f"{ask.name} needs query and value of the same width, got {show(query)} and {show(value)}",
            inputs=(0, 1),
            axis=-1,
        )
    _same_lengths(ask, value, key)
    bias = 1 if ask.get("use_bias", True) else 0
    per_query, per_group = heads * width, shared * width
    projections = 2 if ask.get("use_gate", False) else 1
    weights = total(
        size(projections, per_query, features[0]),
        projections * bias * per_query,
        size(per_group, features[1]),
        size(per_group, features[2]),
        2 * bias * per_group,
        size(per_query, features[0]),
        size(bias, features[0]),
    )
    scores = (query[0], heads, query[1], key[1]) if ask.call.get("return_attention_scores", False) else None
    return _answer(ask, query, scores, weights)
