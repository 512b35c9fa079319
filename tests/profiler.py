"""TensorFlow's own count of what a Keras call computes: the profiler's float operations, by kind of operation."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

# The operations that multiply with weights, or two tensors.
PRODUCTS = frozenset(
    ("MatMul", "BatchMatMulV2", "Einsum", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput")
)
BATCH = 2


def counted(call: Callable[..., Any], *shapes: Sequence[int], dtype: str = "float32") -> Counter[str]:
    """FLOPs of one example by kind of operation, for a call on tensors of these shapes (without the batch)."""
    specs = [tf.TensorSpec((BATCH, *shape), dtype) for shape in shapes]
    traced = tf.function(call).get_concrete_function(*specs)
    found = _in_graph(traced.graph)
    assert all(number % BATCH == 0 for kind, number in found.items() if kind in PRODUCTS), found
    return Counter({kind: number // BATCH for kind, number in found.items()})


def products(call: Callable[..., Any], *shapes: Sequence[int], dtype: str = "float32") -> int:
    """The FLOPs of one example that are products with weights or of two tensors."""
    return sum(number for kind, number in counted(call, *shapes, dtype=dtype).items() if kind in PRODUCTS)


def _in_graph(graph: Any) -> Counter[str]:
    """All float operations that a graph's outputs need, those of the functions that it calls included."""
    needed = _needed(graph)
    found = _profile(graph, {op.name: op.type for op in needed})
    for op in needed:
        if op.type == "Einsum":
            found["Einsum"] += _einsum(op)
        elif op.type in ("PartitionedCall", "StatefulPartitionedCall"):
            found += _in_graph(graph._get_function(op.get_attr("f").name).graph)
        assert op.type not in ("While", "StatelessWhile"), "the profiler does not look into loops"
    return found


def _needed(graph: Any) -> list[Any]:
    """The operations that the outputs hang on: a trace leaves others behind, which are never run."""
    found: dict[str, Any] = {}
    waiting = [tensor.op for tensor in graph.outputs]
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found[op.name] = op
            waiting.extend(tensor.op for tensor in op.inputs)
    return list(found.values())


def _profile(graph: Any, kinds: Mapping[str, str]) -> Counter[str]:
    """The profiler's count for the operations named in `kinds`, by kind."""
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = tf.compat.v1.profiler.profile(graph, cmd="scope", options=options)
    found: Counter[str] = Counter()
    stack = [top]
    while stack:
        node = stack.pop()
        stack.extend(node.children)
        if node.float_ops and node.name in kinds:
            found[kinds[node.name]] += node.float_ops
    return found


def _einsum(op: Any) -> int:
    """The profiler knows no Einsum: its count for the product of matrices that does the same."""
    equation = op.get_attr("equation").decode()
    if "..." in equation:  # it stands on one side, for the axes that have no letter there
        part = next(part for part in equation.partition("->")[0].split(",") if "..." in part)
        rank = max(len(x.shape) for x in op.inputs) - len(part) + len("...")
        equation = equation.replace("...", "ABCDEFGH"[:rank])
    parts, out = equation.partition("->")[::2]
    left, right = parts.split(",")
    sizes = {
        letter: dim
        for part, x in zip((left, right), op.inputs, strict=True)
        for letter, dim in zip(part, x.shape, strict=True)
    }

    def count(letters: set[str]) -> int:
        return math.prod(sizes[letter] for letter in letters)

    shared = set(left) & set(right)
    lead, inner = count(shared & set(out)), count(shared - set(out))
    shapes = (lead, count(set(left) - shared), inner), (lead, inner, count(set(right) - shared))
    with tf.Graph().as_default() as graph:
        product = tf.matmul(*(tf.compat.v1.placeholder("float32", shape) for shape in shapes))
    return _profile(graph, {product.op.name: "Einsum"})["Einsum"]
