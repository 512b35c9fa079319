"""Calls of Keras layers, legal and illegal, that the shape rules are held against.

For each class a grid of constructor arguments and input tensors; `...` stands for an argument that is left out.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.shapes.rule import dims_of
from netspec.catalog.types import TensorType

Tensors = TensorType | list[TensorType]


@dataclass(frozen=True)
class Part:
    """A layer inside another one, as the rules see it: a class and its arguments."""

    cls: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One call of one layer."""

    cls: str
    args: Mapping[str, Any]
    inputs: Mapping[str, Tensors]
    call: Mapping[str, Any]

    def __str__(self) -> str:
        sizes = {name: [str(t) for t in _flat(value)] for name, value in self.inputs.items()}
        return f"{self.cls}({dict(self.args)})({sizes}, {dict(self.call)})"


def _flat(value: Tensors) -> list[TensorType]:
    return [value] if isinstance(value, TensorType) else value


@dataclass(frozen=True)
class Grid:
    """The product of argument values, inputs and call arguments for some classes."""

    classes: Sequence[str]
    args: Mapping[str, Any]
    inputs: Sequence[Any]
    call: Sequence[Mapping[str, Any]] = field(default=({},))

    def cases(self, cls: str, limit: int | None) -> Iterator[Case]:
        """All cases of a class, or a sample of them that is the same on every run."""
        names = list(self.args)
        pools = [*self.args.values(), self.inputs, self.call]
        count = 1
        for pool in pools:
            count *= len(pool)
        dice = random.Random(f"{cls} {names}")
        if limit is None or count <= limit:
            picks: Iterator[tuple[Any, ...]] = itertools.product(*pools)
        else:
            picks = (tuple(dice.choice(pool) for pool in pools) for _ in range(limit))
        for *values, inputs, call in picks:
            yield Case(cls, {k: v for k, v in zip(names, values, strict=True) if v is not ...}, inputs, call)


def x(*shape: Any, dtype: str = "float32", sparse: bool = False) -> dict[str, Tensors]:
    """One tensor as the first argument; the batch is free."""
    return {"inputs": TensorType((None, *shape), dtype, sparse)}


def fixed(*shape: Any) -> dict[str, Tensors]:
    """One tensor with all its axes given, batch included."""
    return {"inputs": TensorType(shape)}


def xs(*shapes: tuple[Any, ...]) -> dict[str, Tensors]:
    """A list of tensors as the first argument; each shape with its batch."""
    return {"inputs": [TensorType(shape) for shape in shapes]}


ANY = (
    *(x(), x(8), x(None), x(7, 8), x(None, 8), x(7, None), x(6, 6, 4), x(6, None, 4), x(3, 5, 6, 4), fixed(32, 6, 8)),
    *(fixed(2, 4), x(8, dtype="int32"), x(7, 8, dtype="float16"), x(5, dtype="bool"), x(2, 3, 4, 5, 6)),
    x(7, 8, dtype="string"),
)
DTYPES = (..., ..., ..., "float16", "mixed_float16", "mixed_bfloat16", "float64")
BOOL = (..., True, False)

SPACE = {
    1: (x(9, 4), x(None, 4), x(9, None), x(2, 4), x(4), x(9, 9, 4), x(4, 9), x(1, 1), fixed(3, 20, 6), x(0, 4)),
    2: (
        *(x(9, 9, 4), x(None, 9, 4), x(9, 9, None), x(2, 9, 4), x(9, 4), x(9, 9, 9, 4), x(4, 9, 9)),
        *(x(1, 1, 1), fixed(3, 20, 7, 6), x(None, None, 6), x(28, 28, 1, dtype="uint8"), x(4, None, 8)),
    ),
    3: (
        *(x(9, 9, 9, 4), x(None, 9, 5, 4), x(9, 9, 9, None), x(2, 9, 9, 4), x(9, 9, 4), x(4, 9, 8, 7)),
        *(x(1, 1, 1, 1), fixed(3, 9, 7, 5, 6)),
    ),
}
FORMAT = (..., "channels_last", "channels_first")


def _per_axis(rank: int, *numbers: int) -> list[Any]:
    return [*numbers, [numbers[-1]] * rank, list(range(1, rank + 1))]


def _space() -> Iterator[Grid]:
    for rank in (1, 2, 3):
        walk = {
            "kernel_size": [1, 3, *_per_axis(rank, 2), [3] * (rank + 1)],
            "strides": [..., ..., *_per_axis(rank, 1, 2)],
            "padding": [..., "valid", "valid", "same", "same", "SAME", "causal"],
            "data_format": FORMAT,
            "use_bias": BOOL,
            "dilation_rate": [..., ..., ..., *_per_axis(rank, 1, 2)],
        }
        lora = {"lora_rank": [..., ..., ..., 2]}
        yield Grid(
            [f"Conv{rank}D"],
            {"filters": [4, 6], "groups": [..., ..., 2, 3], **walk, **lora, "dtype": DTYPES},
            SPACE[rank],
        )
        yield Grid(
            [f"Conv{rank}DTranspose"],
            {"filters": [4, 6], "output_padding": [..., ..., 0, 1, [1] * rank], **walk},
            SPACE[rank],
        )
        if rank < 3:
            yield Grid([f"DepthwiseConv{rank}D"], {"depth_multiplier": [..., 1, 3], **walk}, SPACE[rank])
            yield Grid([f"SeparableConv{rank}D"], {"filters": [5], "depth_multiplier": [..., 3], **walk}, SPACE[rank])
        pool = {
            "pool_size": [..., 1, 3, *_per_axis(rank, 2)],
            "strides": [..., ..., None, *_per_axis(rank, 1, 2)],
            "padding": [..., "valid", "same", "SAME"],
            "data_format": FORMAT,
            "dtype": DTYPES,
        }
        yield Grid([f"MaxPooling{rank}D"], pool, SPACE[rank])
        yield Grid([f"AveragePooling{rank}D"], {**pool, "pool_size": pool["pool_size"][1:]}, SPACE[rank])
        yield Grid(
            [f"GlobalMaxPooling{rank}D", f"GlobalAveragePooling{rank}D"],
            {"data_format": FORMAT, "keepdims": BOOL},
            SPACE[rank],
        )
        yield Grid(
            [f"AdaptiveMaxPooling{rank}D", f"AdaptiveAveragePooling{rank}D"],
            {"output_size": [2, [3] * rank, [1, 2, 3][:rank], [1, 2, 3, 4]], "data_format": FORMAT},
            SPACE[rank],
        )
        cuts: list[Any] = [..., 0, 1, 3, [1, 2], [[1, 2]] * rank, [2] * rank, [[1, 0], [0, 1], [2, 2]][:rank], -1]
        no_format = {} if rank == 1 else {"data_format": FORMAT}
        yield Grid([f"Cropping{rank}D"], {"cropping": cuts, **no_format}, SPACE[rank])
        yield Grid([f"ZeroPadding{rank}D"], {"padding": cuts, "data_format": FORMAT}, SPACE[rank])
        sizes = [..., 1, 3] if rank == 1 else [..., 1, 3, *_per_axis(rank, 2)]
        yield Grid([f"UpSampling{rank}D"], {"size": sizes, **no_format}, SPACE[rank])
        yield Grid([f"SpatialDropout{rank}D"], {"rate": [0.0, 0.5]}, SPACE[rank])
        steps = [
            {"sequences": TensorType((shape[0], 5, *shape[1:]))}
            for shape in (
                dims_of(value) for space in SPACE[rank] for value in space.values() if isinstance(value, TensorType)
            )
        ]
        flags = {"return_sequences": BOOL, "return_state": BOOL, "stateful": [..., ..., True]}
        yield Grid([f"ConvLSTM{rank}D"], {"filters": [4], **walk, **flags}, steps)


def _sequences() -> Iterator[Grid]:
    steps = [
        *({"sequences": TensorType(shape)} for shape in ((None, 9, 4), (None, None, 4), (32, 6, 8), (32, None, 8))),
        *({"sequences": TensorType(shape)} for shape in ((None, 9, None), (None, 4), (None, 3, 9, 4), (None, 1, 1))),
        {"sequences": TensorType((None, 9, 4), "int32")},
        {"sequences": TensorType((None, 9, 4)), "initial_state": [TensorType((None, 5)), TensorType((None, 5))]},
        {"sequences": TensorType((None, 9, 4)), "initial_state": [TensorType((None, 3))]},
    ]
    flags = {"return_sequences": BOOL, "return_state": BOOL, "stateful": [..., ..., True], "go_backwards": BOOL}
    for cls in ("LSTM", "GRU", "SimpleRNN"):
        more = {"reset_after": BOOL} if cls == "GRU" else {}
        yield Grid([cls], {"units": [1, 5], "use_bias": BOOL, **flags, **more, "dtype": DTYPES}, steps)
    cells = [
        *(Part(f"{kind}Cell", {"units": 3}) for kind in ("LSTM", "GRU", "SimpleRNN")),
        Part("GRUCell", {"units": 3, "reset_after": False, "use_bias": False}),
        [Part("LSTMCell", {"units": 3}), Part("GRUCell", {"units": 4})],
        Part("StackedRNNCells", {"cells": [Part("SimpleRNNCell", {"units": 3}), Part("LSTMCell", {"units": 4})]}),
    ]
    yield Grid(["RNN"], {"cell": cells, **flags}, steps)
    inner = [
        Part(cls, {"units": 3, "return_sequences": seq, "return_state": state})
        for cls in ("LSTM", "GRU", "SimpleRNN")
        for seq in (True, False)
        for state in (True, False)
    ]
    inner += [
        *(Part("LSTM", {"units": 2, "stateful": True}), Part("Dense", {"units": 2}), Part("Flatten")),
        *(Part("LSTM", {"units": 2, "go_backwards": True}), Part("RNN", {"cell": Part("GRUCell", {"units": 3})})),
    ]
    backward = [..., ..., ..., Part("LSTM", {"units": 3, "go_backwards": True}), Part("GRU", {"units": 3})]
    merge = [..., "concat", "sum", "mul", "ave", None]
    yield Grid(
        ["Bidirectional"], {"layer": inner, "merge_mode": merge, "backward_layer": backward, "dtype": DTYPES}, steps
    )
    image = [Part("ConvLSTM1D", {"filters": 2, "kernel_size": 2, "return_state": state}) for state in (True, False)]
    yield Grid(["Bidirectional"], {"layer": image, "merge_mode": merge}, [{"sequences": TensorType((None, 4, 6, 3))}])


def _wrapped() -> Iterator[Grid]:
    inner = [
        *(Part("Dense", {"units": 3}), Part("Conv2D", {"filters": 2, "kernel_size": 3}), Part("Flatten")),
        *(Part("LSTM", {"units": 3}), Part("Dropout", {"rate": 0.5}), Part("BatchNormalization")),
        *(Part("Embedding", {"input_dim": 9, "output_dim": 2}), Part("Dense", {"units": 3, "dtype": "float16"})),
        Part("TimeDistributed", {"layer": Part("Dense", {"units": 3})}),
        *(Part("MaxPooling2D"), Part("GlobalAveragePooling1D"), Part("RepeatVector", {"n": 2}), Part("Softmax")),
        *(Part("Reshape", {"target_shape": [-1, 2]}), Part("LSTM", {"units": 3, "return_state": True})),
    ]
    inputs = [x(7, 8), x(8), x(5, 9, 9, 3), x(None, 9, 9, 3), x(5, 6, 7), fixed(4, 5, 6, 7), x(3, 6, dtype="int32")]
    yield Grid(["TimeDistributed"], {"layer": inner, "dtype": DTYPES}, inputs)
    inner = [
        *(Part("Dense", {"units": 3}), Part("Conv2D", {"filters": 2, "kernel_size": 3}), Part("Flatten")),
        *(Part("Embedding", {"input_dim": 9, "output_dim": 2}), Part("LSTM", {"units": 3})),
        *(Part("Conv2DTranspose", {"filters": 2, "kernel_size": 3}), Part("DepthwiseConv2D", {"kernel_size": 3})),
        *(Part("Conv1D", {"filters": 2, "kernel_size": 3, "data_format": "channels_first"}),),
        *(Part("Dense", {"units": 3, "use_bias": False}), Part("SeparableConv2D", {"filters": 2, "kernel_size": 3})),
    ]
    yield Grid(["SpectralNormalization"], {"layer": inner, "power_iterations": [..., 2]}, inputs)


def _merges() -> Iterator[Grid]:
    pairs = [
        xs((None, 4), (None, 4)), xs((None, 4), (None, 5)), xs((None, 4)), xs((None, 7, 4), (None, 4)),
        xs((None, 7, 4), (None, 7, 1)), xs((None, 7, 4), (None, 6, 4)), xs((None, None, 4), (None, 7, 4)),
        xs((32, 4), (None, 4)), xs((32, 4), (16, 4)), xs((None, 4), (None, 4), (None, 4)), xs((None,), (None, 4)),
        xs((None, 4), (None, 1), (None, 5)), xs((None, 6, 6, 4), (None, 4)), xs((None, 6, 6, 4), (None, 6, 1, 3)),
        xs((None, 9, 9, 3), (None, 9, 9, 5), (None, 9, 9, 1)), xs((None, 9, 3), (None, 8, 3)),
        xs((None, 3, 4), (None, 5, 4)),
        xs((None, None), (None, 4)), xs((2, 3, 4), (2, 4, 3)), xs((None, 4, 1), (None, 1, 5)), x(4),
        {"inputs": [TensorType((None, 4), sparse=True), TensorType((None, 4), sparse=True)]},
        {"inputs": [TensorType((None, 4), "int32"), TensorType((None, 4))]},
        {"inputs": [TensorType((None, 4), "float16"), TensorType((None, 4))]},
    ]  # fmt: skip
    yield Grid(["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"], {"dtype": [..., "float16"]}, pairs)
    yield Grid(["Concatenate"], {"axis": [..., -1, 1, 2, 3, 0, -2, -3, 4, -4]}, pairs)
    axes: list[Any] = [1, 2, -1, -2, 0, [1, 2], [2, 1], [-1, 1], [1, 1], [3, 1], [-1, -1], [2, 2], [2, -1]]
    yield Grid(["Dot"], {"axes": axes, "normalize": [..., True]}, pairs)


def _attention() -> Iterator[Grid]:
    trios = [
        xs((None, 4, 3), (None, 7, 3)), xs((None, 4, 3), (None, 7, 5), (None, 7, 3)), xs((None, 4, 3)),
        xs((None, None, 3), (None, 7, 3)), xs((None, 4, None), (None, 7, 3)), xs((None, 3), (None, 3)), x(4, 3),
        xs((2, 4, 3), (2, 7, 3), (2, 7, 3), (2, 7, 3)), xs((None, 2, 4, 3), (None, 2, 7, 3)),
        xs((None, 4, 3), (None, 7, None)),
        xs((None, 4, 3), (None, 7, 5), (None, 8, 3)), xs((None, 4, 3), (None, 7, 5), (None, 7, 1)),
    ]  # fmt: skip
    scores = [{}, {"return_attention_scores": True}, {"use_causal_mask": True}]
    scale = {"use_scale": BOOL, "dropout": [..., 0.5], "dtype": DTYPES}
    yield Grid(["Attention"], {**scale, "score_mode": [..., "dot", "concat"]}, trios, scores)
    yield Grid(["AdditiveAttention"], scale, trios, scores)

    def qvk(*shapes: tuple[Any, ...]) -> dict[str, Tensors]:
        return {name: TensorType(shape) for name, shape in zip(("query", "value", "key"), shapes, strict=False)}

    trios = [
        qvk((None, 7, 8), (None, 7, 8)), qvk((None, 7, 8), (None, 5, 8)), qvk((None, 7, 8), (None, 5, 6), (None, 5, 4)),
        qvk((None, 7, 8), (None, 5, 8), (None, 6, 8)), qvk((None, None, 8), (None, None, 8)), qvk((None, 7, 8)),
        qvk((None, 7, None), (None, 7, 8)), qvk((None, 8), (None, 8)), qvk((None, 3, 7, 8), (None, 3, 5, 8)),
        qvk((2, 7, 8), (2, 7, 8), (2, 7, 8)), qvk((None, None, 8), (None, 5, 8), (None, None, 8)),
        qvk((None, 7, 8), (None, 7, None)),
    ]  # fmt: skip
    heads = {
        "num_heads": [1, 2], "key_dim": [4], "value_dim": [..., 3], "use_bias": BOOL, "dropout": [..., 0.5],
        "output_shape": [..., 6, [6], [2, 3]], "attention_axes": [..., ..., 1, [1, 2]], "use_gate": [..., True],
        "flash_attention": [..., ..., ..., True], "dtype": DTYPES,
    }  # fmt: skip
    yield Grid(["MultiHeadAttention"], heads, trios, scores)
    groups = {
        "head_dim": [4], "num_query_heads": [4, 6], "num_key_value_heads": [1, 2, 4], "use_bias": BOOL,
        "use_gate": [..., True], "dropout": [..., 0.5],
    }  # fmt: skip
    yield Grid(["GroupQueryAttention"], groups, trios, scores)


def _simple() -> Iterator[Grid]:
    yield Grid(["Dense"], {"units": [1, 8], "use_bias": BOOL, "lora_rank": [..., 2], "dtype": [*DTYPES, "int32"]}, ANY)
    yield Grid(
        ["Identity", "Masking", "Flatten", "ActivityRegularization", "ELU", "ReLU", "LeakyReLU"], {"dtype": DTYPES}, ANY
    )
    yield Grid(["Flatten"], {"data_format": FORMAT}, [*ANY, x(5, sparse=True)])
    yield Grid(["Softmax"], {"axis": [..., 1, -1, [1, 2]]}, ANY)
    yield Grid(["Activation"], {"activation": ["relu", "softmax", "sigmoid"], "dtype": DTYPES}, ANY)
    yield Grid(["Dropout", "AlphaDropout", "GaussianDropout"], {"rate": [0.0, 0.5], "dtype": DTYPES}, ANY)
    yield Grid(["GaussianNoise"], {"stddev": [0.0, 0.5]}, ANY)
    yield Grid(["PReLU"], {"shared_axes": [..., 1, [1], [1, 2], [2], [3], [5], [0], [-1]], "dtype": DTYPES}, ANY)
    words = {"input_dim": [9], "output_dim": [4], "mask_zero": BOOL, "lora_rank": [..., 2], "dtype": DTYPES}
    yield Grid(["Embedding"], words, [*ANY, x(7, dtype="int64")])
    both = {"input_dim": [9], "output_dim": [4], "tie_weights": BOOL, "dtype": DTYPES}
    yield Grid(["ReversibleEmbedding"], both, ANY, [{}, {"reverse": True}])
    axis = {"axis": [..., -1, 1, 2, 3, 0, -2, -4], "center": BOOL, "scale": BOOL, "dtype": DTYPES}
    yield Grid(["BatchNormalization"], {**axis, "renorm": [..., True]}, ANY)
    yield Grid(["LayerNormalization"], {**axis, "axis": [*axis["axis"], [1, 2], [-1, -2], [1]]}, ANY)
    yield Grid(["RMSNormalization", "UnitNormalization"], {"axis": [*axis["axis"], [1, 2], [-1], [2, 3]]}, ANY)
    yield Grid(["GroupNormalization"], {**axis, "groups": [..., 1, 2, 4, -1, 3, 0]}, ANY)
    yield Grid(
        ["Permute"], {"dims": [[1], [2, 1], [1, 2], [3, 1, 2], [1, 3], [0, 1], [2, 1, 3, 4]], "dtype": DTYPES}, ANY
    )
    yield Grid(["RepeatVector"], {"n": [1, 3]}, ANY)
    targets = [[56], [8, 7], [-1], [-1, 8], [2, -1, 2], [4, 4], [-1, -1], [3, -1], [None, 8], [0, -1], [2, 2], []]
    yield Grid(["Reshape"], {"target_shape": targets, "dtype": [..., "float16"]}, ANY)
    equations: list[Any] = [
        ("ab,bc->ac", [6], "c"), ("abc,cd->abd", [None, 6], "d"), ("abc,cd->abd", [7, 6], "bd"),
        ("abc,cd->abd", [5, 6], None),
        ("...x,xy->...y", 6, "y"), ("ab...,bc->ac...", [6], "c"), ("abc,cde->abde", [None, 2, 3], "de"),
        ("abc,abc->abc", [7, 8], None), ("ab,bc->ad", [6], None), ("ab,cd->ad", [6], None), ("abc,bc->a", [], None),
        ("a,b", [6], None), ("abc,ad->bcd", [4], "b"), ("abc,abc->ab", [7], None), ("...x,xy->y", 6, None),
        ("abcd,cde->abe", [None, 6], "e"), ("...xy,yz->...xz", [None, 6], "z"), ("abc,dc->abd", [None, 6], "a"),
    ]  # fmt: skip
    for equation, shape, bias in equations:
        args = {"equation": [equation], "output_shape": [shape], "bias_axes": [..., bias], "lora_rank": [..., 2]}
        yield Grid(["EinsumDense"], args, ANY)


def _raw() -> Iterator[Grid]:
    columns = [
        *(x(4, dtype="int32"), x(1, dtype="int64"), x(4), x(None), x(2, 3), x(2, 1), x(), x(3, dtype="string")),
        *(x(4, dtype="float16"), fixed(2, 3), {"inputs": TensorType(())}),
    ]
    modes = {"output_mode": [..., "int", "one_hot", "multi_hot", "count"], "sparse": BOOL}
    yield Grid(["CategoryEncoding"], {**modes, "num_tokens": [6, 0], "dtype": DTYPES}, columns)
    bins = {"bin_boundaries": [..., [0.0, 1.0]], "num_bins": [..., 4]}
    yield Grid(["Discretization"], {**modes, **bins, "dtype": DTYPES}, columns)
    yield Grid(["Hashing"], {**modes, "num_bins": [6], "dtype": [..., "int32", "float32", "mixed_float16"]}, columns)
    shapes = [((None, 1), (None, 1)), ((None, 4), (None, 4)), ((None, 4), (None, 1)), ((None,), (None,))]
    pairs = [{"inputs": [TensorType(shape, "int64") for shape in pair]} for pair in shapes]
    pairs += [xs((None, 1), (None, 1)), x(4)]
    args = {"num_bins": [6], "output_mode": [..., "int", "one_hot"], "dtype": [..., "int32", "float32"]}
    yield Grid(["HashedCrossing"], args, pairs)
    limits = {"max_tokens": [..., 9, 1], "pad_to_max_tokens": [..., ..., True]}
    look = {**modes, **limits, "invert": [..., ..., True]}
    texts = [*(x(*size, dtype="string") for size in ((4,), (1,), (None,), (2, 3), (2, 1), (), (3,))), *columns[:3]]
    words = {"vocabulary": [..., ["a", "b"]], "num_oov_indices": [..., ..., 0, 2]}
    yield Grid(["StringLookup"], {**look, **words}, texts)
    yield Grid(["IntegerLookup"], {**look, "vocabulary": [..., [3, 4]]}, columns)
    text = {
        "output_mode": [..., "int", "multi_hot", "count", "tf_idf"], **limits,
        "output_sequence_length": [..., ..., 7], "split": [..., None, "character"],
        "vocabulary": [..., ..., ["a", "b"]],
    }  # fmt: skip
    yield Grid(["TextVectorization"], text, [x(dtype="string"), x(1, dtype="string"), x(4, dtype="string")])
    yield Grid(["Rescaling"], {"scale": [0.5], "offset": [..., 1.0], "dtype": DTYPES}, ANY)
    scale = {
        "axis": [..., -1, 1, None, [1, 2], 3, 0, -3],
        "mean": [..., ..., 2.0, [1.0, 2.0]],
        "variance": [..., ..., 3.0],
    }
    yield Grid(["Normalization"], {**scale, "dtype": DTYPES}, ANY)
    sound = [x(16000), x(None), x(), x(4000, 2), fixed(2, 3000)]
    mel = {
        "sequence_stride": [..., 100],
        "num_mel_bins": [..., 40],
        "fft_length": [..., 512],
        "sequence_length": [..., 600],
    }
    yield Grid(["MelSpectrogram"], {**mel, "dtype": DTYPES}, sound)
    stft = {
        "mode": [..., "real", "imag", "stft", "psd"], "frame_length": [..., 100], "frame_step": [..., 50, 300],
        "fft_length": [..., 512, 64], "padding": [..., "valid", "same"], "expand_dims": BOOL, "data_format": FORMAT,
    }  # fmt: skip
    yield Grid(["STFTSpectrogram"], stft, [x(1024, 2), x(None, 1), x(1024, None), x(90, 1), x(1024), fixed(2, 2, 1024)])


def _images() -> Iterator[Grid]:
    pictures = [
        *(x(32, 32, 3), x(None, None, 3), x(3, 20, 24), x(32, 32, 1, dtype="uint8"), x(32, 32, 4), x(32, 32)),
        *(x(8), fixed(2, 9, 9, 3), fixed(20, 24, 3), x(2, 32, 32, 3), x(32, 32, None), x(32, 32, 3, dtype="float16")),
    ]
    form = {"data_format": FORMAT, "dtype": DTYPES}
    yield Grid(["Resizing", "CenterCrop", "RandomCrop"], {"height": [8], "width": [9, 40], **form}, pictures)
    plain = ["AutoContrast", "CutMix", "MixUp", "RandAugment", "AugMix", "Equalization", "RandomColorJitter"]
    plain += ["ContrastLimitedAdaptiveHistogramEqualization", "RandomElasticTransform", "RandomErasing", "RandomFlip"]
    plain += [
        "RandomGaussianBlur",
        "RandomInvert",
        "RandomPerspective",
        "RandomShear",
        "Solarization",
        "RandomGrayscale",
    ]
    yield Grid(plain, form, pictures)
    factor = [
        "RandomBrightness",
        "RandomContrast",
        "RandomHue",
        "RandomRotation",
        "RandomSaturation",
        "RandomSharpness",
    ]
    yield Grid([*factor, "RandomColorDegeneration"], {"factor": [0.2, [0.1, 0.3]], **form}, pictures)
    yield Grid(["RandomPosterization"], {"factor": [4], **form}, pictures)
    yield Grid(["RandomTranslation", "RandomZoom"], {"height_factor": [0.2], "width_factor": [0.1], **form}, pictures)
    yield Grid(["MaxNumBoundingBoxes"], {"max_number": [3]}, pictures)


GRIDS: tuple[Grid, ...] = (
    *_simple(),
    *_space(),
    *_sequences(),
    *_wrapped(),
    *_merges(),
    *_attention(),
    *_raw(),
    *_images(),
)


def cases(cls: str, limit: int | None) -> list[Case]:
    """The cases of one class, at most `limit` from each of its grids."""
    return [case for grid in GRIDS if cls in grid.classes for case in grid.cases(cls, limit)]
