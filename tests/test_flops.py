"""FLOPs against TensorFlow's profiler, over generated calls: products are counted alike, nothing else is counted."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from grid import Part

from netspec.catalog import flops as counting
from netspec.catalog import shapes
from netspec.catalog.types import UNKNOWN, TensorType, Unknown

pytestmark = pytest.mark.keras

Case = tuple[str, dict[str, Any], dict[str, Any]]  # class, arguments, call argument -> shape or list of shapes

SPACE = {1: [9], 2: [8, 9], 3: [5, 6, 4]}


def ours(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any], call: Mapping[str, Any] | None = None) -> Any:
    """Our count for a call on tensors of these shapes, which are without the batch."""
    types = {
        name: [TensorType((None, *each)) for each in value]
        if isinstance(value[0], tuple)
        else TensorType((None, *value))
        for name, value in inputs.items()
    }
    found = shapes.infer(cls, args, types, call or {})
    first = next(iter(types.values()))
    if isinstance(first, TensorType):
        layer, often, given, output = counting.unwrapped(Part(cls, args), first, found.outputs[0])
        if layer.cls != cls:
            count = counting.flops(layer.cls, layer.args, {"inputs": given}, (output,), {})
            return UNKNOWN if isinstance(count, Unknown) or isinstance(often, Unknown) else count * often
    return counting.flops(cls, args, types, found.outputs, call or {})


def theirs(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Any], call: Mapping[str, Any] | None = None) -> int:
    """The profiler's count of the products in the same call of the Keras layer."""
    import oracle
    import profiler

    layer = oracle.make(cls, args)
    names, values = list(inputs), list(inputs.values())
    if isinstance(values[0][0], tuple):
        return profiler.products(lambda *tensors: layer(list(tensors)), *values[0])
    first = names[0]

    def run(*tensors: Any) -> Any:
        given = dict(zip(names, tensors, strict=True))
        return layer(given.pop(first), **given, **(call or {}))

    return profiler.products(run, *values)


def crossed(cls: str, inputs: Sequence[Mapping[str, Any]], **args: Sequence[Any]) -> Iterator[Case]:
    """All combinations of argument values and inputs; `...` leaves an argument out."""
    for *values, given in itertools.product(*args.values(), inputs):
        yield cls, {k: v for k, v in zip(args, values, strict=True) if v is not ...}, dict(given)


def x(*shape: int) -> dict[str, Any]:
    return {"inputs": shape}


def dense() -> Iterator[Case]:
    yield from crossed("Dense", [x(4), x(5, 4), x(3, 5, 4), x(2, 3, 5, 4)], units=[1, 7], use_bias=[..., False])
    yield "Dense", {"units": 3, "activation": "softmax"}, x(5)
    for equation, output, shape in (
        ("ab,bc->ac", [6], (4,)),
        ("abc,cd->abd", [None, 6], (5, 4)),
        ("abc,bcd->ad", [6], (5, 4)),
        ("abc,cde->abde", [None, 2, 3], (5, 4)),
        ("...x,xy->...y", [6], (3, 5, 4)),
        ("abc,ec->abe", [None, 6], (5, 4)),
    ):
        yield "EinsumDense", {"equation": equation, "output_shape": output}, x(*shape)
    yield from crossed("Embedding", [x(7)], input_dim=[10], output_dim=[4])


def convolutions() -> Iterator[Case]:
    for rank, space in SPACE.items():
        images = [x(*space, 4)]
        kernels = [1, 2, list(range(2, 2 + rank))]
        plain = {"filters": [6], "kernel_size": kernels, "padding": [..., "same"], "strides": [..., 2]}
        yield from crossed(f"Conv{rank}D", images, **plain, groups=[..., 2])
        yield from crossed(f"Conv{rank}D", [x(*[8] * rank, 4)], filters=[3], kernel_size=[3], dilation_rate=[2])
        if rank < 3:
            yield from crossed(f"DepthwiseConv{rank}D", images, kernel_size=[2, 3], padding=[..., "same"],
                               depth_multiplier=[..., 3])  # fmt: skip
            yield from crossed(f"SeparableConv{rank}D", images, filters=[5], kernel_size=[3], padding=[..., "same"],
                               depth_multiplier=[..., 2])  # fmt: skip
    yield from crossed("Conv1D", [x(9, 4)], filters=[3], kernel_size=[3], padding=["causal"], strides=[1, 2])
    yield from crossed("Conv2D", [x(4, 9, 8)], filters=[3], kernel_size=[3], data_format=["channels_first"])
    for rank in (1, 2):  # there the profiler counts transposed ones as it should: the output is the input times strides
        yield from crossed(f"Conv{rank}DTranspose", [x(*SPACE[rank], 3)], filters=[5], kernel_size=[3],
                           strides=[..., 2], padding=["same"])  # fmt: skip
        yield from crossed(f"Conv{rank}DTranspose", [x(*SPACE[rank], 3)], filters=[5], kernel_size=[2], strides=[2, 3])


def attention() -> Iterator[Case]:
    pair, three = [(7, 8), (5, 8)], [(7, 8), (5, 6), (5, 8)]
    yield from crossed("Attention", [{"inputs": pair}, {"inputs": three}], use_scale=[..., True])
    named = [{"query": (7, 8), "value": (7, 8)}, {"query": (7, 8), "value": (5, 6), "key": (5, 4)}]
    yield from crossed("MultiHeadAttention", named, num_heads=[2], key_dim=[3], value_dim=[..., 5],
                       output_shape=[..., 9], use_gate=[..., True])  # fmt: skip
    wide = [{"query": (3, 7, 8), "value": (3, 5, 8)}]
    yield from crossed("MultiHeadAttention", wide, num_heads=[2], key_dim=[3], attention_axes=[..., 2, [1, 2]])
    same = [{"query": (7, 8), "value": (7, 8)}, {"query": (7, 8), "value": (5, 8)}]
    yield from crossed("GroupQueryAttention", same, head_dim=[3], num_query_heads=[4], num_key_value_heads=[1, 2],
                       use_gate=[..., True])  # fmt: skip


def recurrent() -> Iterator[Case]:
    for cls in ("SimpleRNN", "LSTM", "GRU"):
        yield from crossed(cls, [x(4, 5)], units=[3], unroll=[True], return_sequences=[True])
        yield "Bidirectional", {"layer": Part(cls, {"units": 3, "unroll": True})}, x(3, 5)
    yield "GRU", {"units": 3, "unroll": True, "reset_after": False}, x(4, 5)
    cells = [Part("LSTMCell", {"units": 3}), Part("GRUCell", {"units": 2}), Part("SimpleRNNCell", {"units": 4})]
    yield "RNN", {"cell": cells[0], "unroll": True}, x(4, 5)
    yield "RNN", {"cell": cells, "unroll": True}, x(3, 5)
    for rank in (1, 2):
        args = {"filters": 3, "kernel_size": 2, "unroll": True}
        yield f"ConvLSTM{rank}D", {**args, "padding": "same"}, x(3, *SPACE[rank], 2)
        yield f"ConvLSTM{rank}D", {**args, "strides": 2}, x(2, *SPACE[rank], 2)


def joined() -> Iterator[Case]:
    yield from crossed("Dot", [{"inputs": [(7, 8), (5, 8)]}], axes=[2, -1, [2, 2]])
    yield from crossed("Dot", [{"inputs": [(8, 7), (8, 5)]}], axes=[1])
    for inner in (Part("Dense", {"units": 3}), Part("Conv1D", {"filters": 2, "kernel_size": 3})):
        yield "TimeDistributed", {"layer": inner}, x(3, 6, 4)
    nested = Part("TimeDistributed", {"layer": Part("Dense", {"units": 3})})
    yield "TimeDistributed", {"layer": nested}, x(2, 3, 6, 4)
    yield "SpectralNormalization", {"layer": Part("Dense", {"units": 3})}, x(6, 4)
    yield "SpectralNormalization", {"layer": Part("Conv2D", {"filters": 2, "kernel_size": 3})}, x(6, 6, 2)


def uncounted() -> Iterator[Case]:
    image, rows = x(8, 8, 4), x(7, 8)
    for cls in ("BatchNormalization", "LayerNormalization", "ReLU", "Softmax", "Flatten", "PReLU"):
        yield cls, {}, rows
    yield "Dropout", {"rate": 0.5}, rows
    for cls in ("MaxPooling2D", "AveragePooling2D"):
        yield cls, {"pool_size": 2}, image
    for cls in ("GlobalAveragePooling2D", "UpSampling2D", "ZeroPadding2D", "GroupNormalization"):
        yield cls, {"groups": 2} if cls.startswith("Group") else {}, image
    for cls in ("Add", "Multiply", "Maximum", "Concatenate"):
        yield cls, {}, {"inputs": [(7, 8), (7, 8)]}


FAMILIES = (dense, convolutions, attention, recurrent, joined, uncounted)


def check(cases: Sequence[Case]) -> None:
    wrong = []
    for cls, args, inputs in cases:
        mine, profiled = ours(cls, args, inputs), theirs(cls, args, inputs)
        if mine != profiled:
            wrong.append(f"{cls}({args}) on {inputs}: {mine}, the profiler says {profiled}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_sample_of_the_grid(family: Any) -> None:
    cases = list(family())
    dice = random.Random(family.__name__)
    classes = {cls: next(case for case in dice.sample(cases, len(cases)) if case[0] == cls) for cls, _, _ in cases}
    check(list(classes.values()))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_the_whole_grid(family: Any) -> None:
    check(list(family()))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_transposed_convolution_costs_what_the_one_that_it_turns_round_does(rank: int, padding: str) -> None:
    args = {"kernel_size": 3, "strides": 2, "padding": padding}
    space = SPACE[rank]
    made = shapes.infer(f"Conv{rank}DTranspose", {**args, "filters": 5}, {"inputs": TensorType((None, *space, 3))}, {})
    back = made.outputs[0].shape
    assert not isinstance(back, Unknown)
    assert ours(f"Conv{rank}DTranspose", {**args, "filters": 5}, x(*space, 3)) == theirs(
        f"Conv{rank}D", {**args, "filters": 3}, {"inputs": back[1:]}
    )


def test_additive_attention_sums_up_products_that_the_profiler_sees_one_by_one() -> None:
    import oracle
    import profiler

    layer = oracle.make("AdditiveAttention", {})
    found = profiler.counted(lambda a, b: layer([a, b]), (7, 8), (5, 8))
    pairs = 7 * 5
    assert (found["Mul"], found["Sum"]) == (pairs * 8, pairs * 7)
    assert ours("AdditiveAttention", {}, {"inputs": [(7, 8), (5, 8)]}) == 2 * found["Mul"] + found["BatchMatMulV2"]


def test_what_is_left_out_is_small() -> None:
    import keras
    import profiler

    layers = keras.layers
    model = keras.Sequential([layers.Conv2D(16, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2),
                              layers.Flatten(), layers.Dense(10, activation="softmax")])  # fmt: skip
    found = profiler.counted(lambda images: model(images, training=False), (28, 28, 3))
    part = sum(number for kind, number in found.items() if kind not in profiler.PRODUCTS) / sum(found.values())
    assert 0 < part < 0.2


OPERATIONS = [
    ("matmul", {}, {"x1": (7, 8), "x2": (8, 5)}),
    ("matmul", {}, {"x1": (3, 7, 8), "x2": (3, 8, 5)}),
    ("einsum", {"subscripts": "bij,bkj->bik"}, {"operands": [(7, 8), (5, 8)]}),
    ("einsum", {"subscripts": "bqhd,bkhd->bhqk"}, {"operands": [(7, 2, 4), (5, 2, 4)]}),
    ("dot_product_attention", {}, {"query": (7, 2, 4), "key": (5, 2, 4), "value": (5, 2, 4)}),
]


@pytest.mark.parametrize(("name", "args", "inputs"), OPERATIONS, ids=str)
def test_operations(name: str, args: dict[str, Any], inputs: dict[str, Any]) -> None:
    import keras
    import profiler

    function = getattr(keras.ops, name)
    if name == "einsum":
        found = profiler.products(lambda *tensors: function(args["subscripts"], *tensors), *inputs["operands"])
    else:
        found = profiler.products(function, *inputs.values())
    assert ours(f"ops.{name}", args, inputs) == found


def test_operations_with_numbers_of_the_spec() -> None:
    table = [[1.0, 2.0, 3.0]] * 8
    assert ours("ops.matmul", {"x2": table}, {"x1": (7, 8)}) == 2 * 7 * 8 * 3
    assert ours("ops.multiply", {"x2": 2.0}, {"x1": (7, 8)}) == 0


@pytest.mark.parametrize(
    ("cls", "args", "shape"),
    [
        ("LSTM", {"units": 3}, (None, 5)),
        ("Dense", {"units": 3}, (None, 5)),
        ("Conv1D", {"filters": 3, "kernel_size": 2}, (None, 5)),
        ("TimeDistributed", {"layer": Part("Dense", {"units": 3})}, (None, 5)),
        ("MelSpectrogram", {}, (16000,)),
        ("NoSuchLayer", {}, (5,)),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_unknown(cls: str, args: dict[str, Any], shape: tuple[int | None, ...]) -> None:
    assert isinstance(ours(cls, args, {"inputs": shape}), Unknown)


def test_a_free_length_costs_nothing_where_nothing_is_multiplied() -> None:
    assert ours("ReLU", {}, {"inputs": (None, 5)}) == 0
    assert ours("Embedding", {"input_dim": 9, "output_dim": 4}, {"inputs": (None,)}) == 0
