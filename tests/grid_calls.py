"""Calls with all that a call may take: masks, first states, scores, counts; layers in layers; and any input at all.

The grids have the form of grid.py; `anyhow` bends one of their cases at random.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grid import BOOL, Case, Grid, Part, fixed, x

from netspec.catalog import find
from netspec.catalog.shapes.rule import dims_of
from netspec.catalog.types import TensorType

N = None
Inputs = list[dict[str, Any]]


def bits(*shape: Any, dtype: str = "bool") -> TensorType:
    """A mask."""
    return TensorType(shape, dtype)


def _with(tensors: Inputs, name: str, choices: list[Any]) -> Inputs:
    """Each of the inputs with each of these under a name, or without."""
    return [{**given, **({} if choice is None else {name: choice})} for given in tensors for choice in (None, *choices)]


def _attention() -> Iterator[Grid]:
    calls: list[dict[str, Any]] = [
        {},
        {"return_attention_scores": True},
        {"use_causal_mask": True},
        {"return_attention_scores": True, "use_causal_mask": True, "training": False},
    ]
    shapes = [
        [(N, 4, 3), (N, 7, 3)], [(N, 4, 3), (N, 7, 5), (N, 7, 3)], [(N, N, 3), (N, 7, 3)], [(2, 4, 3), (2, 7, 3)],
        [(N, 4, 3), (N, N, 3), (N, N, 3)], [(N, 1, 3), (N, 1, 3)], [(1, 4, 3), (N, 7, 3)], [(N, 2, 4, 3), (N, 2, 7, 3)],
        [(N, 4, 1), (N, 7, 3)],
    ]  # fmt: skip
    masks = [[bits(N, 4), bits(N, 7)], [bits(N, 9), bits(N, 7)], [bits(N, 4)], [bits(N, 4), bits(N, 7), bits(N, 7)]]
    lists = _with([{"inputs": [TensorType(each) for each in trio]} for trio in shapes], "mask", masks)
    args = {"use_scale": BOOL, "dropout": [..., 0.3], "dtype": [..., "float16", "mixed_bfloat16", "float64"]}
    yield Grid(["Attention"], {**args, "score_mode": [..., "dot", "concat"]}, lists, calls)
    yield Grid(["AdditiveAttention"], args, lists, calls)
    shapes = [
        [(N, 7, 8), (N, 5, 8)], [(N, 7, 8), (N, 5, 6), (N, 5, 4)], [(N, N, 8), (N, 5, 8)], [(N, 7, 8), (N, N, 8)],
        [(2, 7, 8), (2, 5, 8)], [(2, 7, 8), (3, 5, 8)], [(N, 3, 7, 8), (N, 3, 5, 8)], [(N, 1, 8), (N, 5, 8)],
    ]  # fmt: skip
    named = [dict(zip(("query", "value", "key"), map(TensorType, trio), strict=False)) for trio in shapes]
    square = [bits(N, 7, 5), bits(N, 2, 7, 5), bits(7, 5), bits(1, 7, 5, dtype="int32"), bits(N, N, N)]
    named = [*_with(named, "attention_mask", square), *_with(named, "value_mask", [bits(N, 5), bits(N, 6)])]
    heads = {
        "num_heads": [1, 2], "key_dim": [4], "value_dim": [..., 3], "output_shape": [..., 6, [2, 3]],
        "attention_axes": [..., ..., 1, 2, [1, 2], -1], "use_gate": [..., True], "dtype": [..., "mixed_float16"],
    }  # fmt: skip
    yield Grid(["MultiHeadAttention"], heads, named, calls)
    groups = {"head_dim": [4], "num_query_heads": [4], "num_key_value_heads": [1, 2], "use_bias": BOOL}
    yield Grid(["GroupQueryAttention"], groups, named, calls)


def _recurrent() -> Iterator[Grid]:
    calls: list[dict[str, Any]] = [{}, {"training": True}]
    steps: Inputs = [
        {"sequences": TensorType(shape)} for shape in ((N, 9, 4), (N, N, 4), (2, 9, 4), (2, N, 4), (N, 1, 1))
    ]
    state, wide, own = TensorType((N, 3)), TensorType((N, 4)), TensorType((2, 3))
    states = [state, wide, *([state] * count for count in (1, 2, 3, 4)), [state, wide], [own, own], [wide] * 4]
    steps = _with(steps, "initial_state", [*states, [TensorType((N, N))] * 2, [TensorType((N, 3), "int32")] * 2])
    steps = _with(steps, "mask", [bits(N, 9), bits(N, 9, 1), bits(N, N), bits(N, 9, dtype="float32")])
    flags = {
        "return_sequences": BOOL, "return_state": BOOL, "go_backwards": [..., True], "unroll": [..., ..., True],
        "stateful": [..., ..., ..., True], "zero_output_for_mask": [..., ..., True],
    }  # fmt: skip
    more = {"units": [3], "dropout": [..., 0.3], "dtype": [..., "float16", "mixed_float16"]}
    yield Grid(["LSTM", "GRU", "SimpleRNN"], {**more, **flags}, steps, calls)
    cells = [
        *(Part(f"{kind}Cell", {"units": 3}) for kind in ("LSTM", "GRU", "SimpleRNN")),
        [Part("LSTMCell", {"units": 3}), Part("GRUCell", {"units": 4})],
        Part("StackedRNNCells", {"cells": [Part("SimpleRNNCell", {"units": 3}), Part("LSTMCell", {"units": 3})]}),
        Part("LSTMCell", {"units": 3, "dtype": "float16"}),
    ]
    yield Grid(["RNN"], {"cell": cells, **flags, "dtype": [..., ..., "float16"]}, steps, calls)
    inner = [
        Part(cls, {"units": 3, "return_sequences": many, "return_state": state, **other})
        for cls in ("LSTM", "GRU", "SimpleRNN")
        for many, state in itertools.product((True, False), (True, False))
        for other in ({}, {"zero_output_for_mask": True}, {"dtype": "float16"}, {"unroll": True})
    ]
    inner += [Part("RNN", {"cell": [Part("GRUCell", {"units": 3}), Part("LSTMCell", {"units": 2})]})]
    back = [..., ..., ..., Part("LSTM", {"units": 3, "go_backwards": True})]
    ways = {"layer": inner, "merge_mode": [..., "concat", "sum", "mul", "ave", None], "backward_layer": back}
    yield Grid(["Bidirectional"], {**ways, "dtype": [..., ..., "float16"]}, steps, calls)
    images = [{"sequences": TensorType(shape)} for shape in ((N, 5, 8, 2), (2, 5, 8, 2), (N, N, 8, 2), (N, 5, N, 2))]
    first = TensorType((N, 7, 4))
    images = _with(images, "initial_state", [[first, first], [first], [TensorType((N, 8, 4))] * 2])
    images = _with(images, "mask", [bits(N, 5), bits(N, 6)])
    walk = {"filters": [4], "kernel_size": [2], "padding": [..., "same"]}
    yield Grid(["ConvLSTM1D"], {**walk, **flags}, images, calls)


def _masked() -> Iterator[Grid]:
    calls: list[dict[str, Any]] = [{}, {"training": True}]
    masks = [bits(N, 9), bits(N, 9, 4), bits(N, 9, 1), bits(N), bits(9), bits(N, N), bits(N, 9, dtype="int32")]
    given = [*_with([x(9, 4), fixed(2, 9, 4), x(N, 4)], "mask", masks), *_with([x(9, 9, 4)], "mask", masks)]
    half = {"dtype": [..., "float16"]}
    yield Grid(["BatchNormalization"], {"axis": [..., 1, 2], **half}, given, calls)
    yield Grid(["GlobalAveragePooling1D"], {"keepdims": BOOL, "data_format": [..., "channels_first"], **half}, given)
    yield Grid(["Softmax"], {"axis": [..., 1, [1, 2]], **half}, given)
    dense = Part("Dense", {"units": 2})
    inner = [
        *(dense, Part("LSTM", {"units": 3}), Part("BatchNormalization"), Part("Flatten"), Part("Softmax")),
        *(Part("Bidirectional", {"layer": Part("LSTM", {"units": 3}), "merge_mode": mode}) for mode in ("sum", None)),
        *(Part(cls, {"layer": dense}) for cls in ("TimeDistributed", "SpectralNormalization")),
        *(Part("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}), Part("Masking")),
    ]
    deep = [*given, x(5, 9, 4), x(5, 6, 9, 4), x(N, 9, 4), fixed(2, 5, 9, 4), x(1, 1)]
    yield Grid(["TimeDistributed"], {"layer": inner}, deep, calls)
    inner = [
        *(dense, Part("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3}), Part("BatchNormalization")),
        *(Part(cls, {"layer": dense}) for cls in ("TimeDistributed", "SpectralNormalization")),
        *(Part(cls, {"input_dim": 9, "output_dim": 2}) for cls in ("Embedding", "ReversibleEmbedding")),
        Part("Conv1D", {"filters": 2, "kernel_size": 2, "groups": 2}),
    ]
    kinds = {"layer": inner, "dtype": [..., "float16", "mixed_float16", "float64"]}
    yield Grid(["SpectralNormalization"], kinds, [x(9, 4), x(4), x(N, 4), x(9, N), x(4, dtype="int32"), fixed(2, 4)])
    columns = [x(4, dtype="int32"), x(4), x(1, dtype="int32"), x(N, dtype="int32"), x(2, 3, dtype="int32"), x()]
    counts = [TensorType(shape) for shape in ((N, 4), (N, 1), (N, 5), (N, N), (4,), (N, 2, 3))]
    modes = {"num_tokens": [6], "output_mode": [..., "count", "one_hot", "multi_hot"], "dtype": [..., "float16"]}
    yield Grid(["CategoryEncoding"], modes, _with(columns, "count_weights", counts))
    table = {"input_dim": [9], "output_dim": [4], "tie_weights": BOOL, "reverse_dtype": [..., "float16"]}
    turns: list[dict[str, Any]] = [{}, {"reverse": True}, {"reverse": False}]
    yield Grid(["ReversibleEmbedding"], {**table, "dtype": [..., "mixed_float16"]}, [x(7, 4), x(4), x(N, 4)], turns)


CALLS: tuple[Grid, ...] = (*_attention(), *_recurrent(), *_masked())

_DTYPES = ("float32", "int32", "int64", "uint8", "bool", "float16", "bfloat16", "float64", "int8")
_POLICIES = ("float16", "mixed_float16", "mixed_bfloat16", "float64", "bfloat16", "int32", "bool", "uint8", "complex64")


def bent(tensor: TensorType, dice: random.Random) -> TensorType:
    """The tensor with sizes, axes and dtype changed at random."""
    dims = list(dims_of(tensor))
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        turn = dice.random()
        if turn < 0.6 and dims:
            dims[dice.randrange(len(dims))] = dice.choice((N, N, 0, 1, 1, 2, 3, 4, 5, 6, 8, 9, 16, 1_000_000))
        elif turn < 0.75 and dims:
            dims.pop(dice.randrange(len(dims)))
        elif turn < 0.9:
            dims.insert(dice.randrange(len(dims) + 1), dice.choice((N, 1, 2, 3, 4, 7)))
        else:
            dice.shuffle(dims)
    dtype = dice.choice(_DTYPES) if dice.random() < 0.2 else tensor.dtype
    return TensorType(tuple(dims), dtype, tensor.sparse or dice.random() < 0.06)


def anyhow(case: Case, dice: random.Random) -> Case:
    """The case on other tensors, now and then under another policy, or without the cast that comes first."""
    inputs = {
        name: bent(value, dice) if isinstance(value, TensorType) else [bent(each, dice) for each in value]
        for name, value in case.inputs.items()
    }
    args = dict(case.args)
    if dice.random() < 0.12:
        args["dtype"] = dice.choice(_POLICIES)
    entry = find("layer", case.cls)
    if dice.random() < 0.04 and entry is not None and entry.param("autocast") is not None:
        args["autocast"] = False
    return replace(case, args=args, inputs=inputs)
