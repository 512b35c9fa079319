"""What arguments accept: the messages, and that neither an acceptance nor a refusal contradicts Keras."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from netspec.catalog import KINDS, Entry, find, names
from netspec.catalog.arguments import Problem, meaning
from netspec.catalog.values import describe

NAN, INF = math.nan, math.inf


def check(cls: str, param: str, value: Any, kind: str = "layer") -> Problem | None:
    entry = find(kind, cls)
    assert entry is not None, cls
    return meaning(entry, param).check(value)


REFUSED: list[tuple[str, str, Any, str, str | None]] = [
    ("Dense", "units", True, "expected a whole number above 0, got `true`", None),
    ("Dense", "units", "64", 'expected a whole number above 0, got `"64"`', "remove the quotes: `64`"),
    ("Dense", "units", "1_000", 'expected a whole number above 0, got `"1_000"`', "write `1000`"),
    ("Dense", "units", 64.0, "expected a whole number above 0, got `64.0`", "write `64`"),
    ("Dense", "units", 64.5, "expected a whole number above 0, got `64.5`", None),
    ("Dense", "units", -1, "expected a whole number above 0, got `-1`", None),
    ("Dense", "units", 0, "expected a whole number above 0, got `0`", None),
    ("Dense", "units", None, "expected a whole number above 0, got `null`", None),
    ("Dense", "units", [64], "expected a whole number above 0, got `[64]`", None),
    ("Dense", "units", {"a": 1}, "expected a whole number above 0, got `{a: 1}`", None),
    (
        "Dense",
        "units",
        2**63,
        "expected a whole number above 0, got `9223372036854775808`",
        "the largest that fits is 9223372036854775807",
    ),
    ("Dense", "use_bias", "no", 'expected true or false, got `"no"`', "write `false`; `no` is plain text in YAML 1.2"),
    ("Dense", "use_bias", "true", 'expected true or false, got `"true"`', "remove the quotes: `true`"),
    ("Dense", "use_bias", 1, "expected true or false, got `1`", "write `true`"),
    (
        "Dense",
        "trainable",
        "off",
        'expected true or false, got `"off"`',
        "write `false`; `off` is plain text in YAML 1.2",
    ),
    ("Conv2D", "padding", "no", 'expected one of `valid`, `same`, got `"no"`', None),
    ("Conv2D", "padding", False, "expected one of `valid`, `same`, got `false`", None),
    ("Conv2D", "padding", "smae", 'expected one of `valid`, `same`, got `"smae"`', "did you mean `same`?"),
    ("Conv2D", "padding", "causal", 'expected one of `valid`, `same`, got `"causal"`', None),
    ("Conv2D", "kernel_size", [3], "expected a whole number above 0 or a list of 2 of them, got `[3]`", None),
    (
        "Conv2D",
        "strides",
        [1, "2"],
        'expected a whole number above 0 or a list of 2 of them, got `[1, "2"]`',
        "remove the quotes: `2`",
    ),
    ("Dropout", "rate", 1.5, "expected a number from 0 to 1, got `1.5`", None),
    ("Dropout", "rate", -0.1, "expected a number from 0 to 1, got `-0.1`", None),
    ("Dropout", "rate", NAN, "expected a number from 0 to 1, got `.nan`", None),
    ("Dropout", "rate", -INF, "expected a number from 0 to 1, got `-.inf`", None),
    ("Dropout", "rate", "0.5", 'expected a number from 0 to 1, got `"0.5"`', "remove the quotes: `0.5`"),
    ("BatchNormalization", "axis", 0.9, "expected a whole number, got `0.9`", None),
    ("Reshape", "target_shape", [-1, -1], "expected a list of sizes, with at most one -1, got `[-1, -1]`", None),
    ("Permute", "dims", [1, 3], "expected a list of axes, each of 1, 2, 3… once, got `[1, 3]`", None),
    ("Dense", "activation", "rellu", "there is no activation `rellu`", "did you mean `relu`?"),
    ("Dense", "activation", 3, "expected an activation, got `3`", "such as `relu`"),
    ("Dense", "kernel_regularizer", 0.01, "expected a regularizer, got `0.01`", "such as `l2` or `{L2: 0.01}`"),
    ("Dense", "kernel_initializer", "constant", "`constant` needs `value`", "write `{Constant: …}`"),
    (
        "Dense",
        "dtype",
        "float23",
        'expected the name of a dtype, such as `float32`, got `"float23"`',
        "did you mean `float32`?",
    ),
    ("TimeDistributed", "layer", 3, "expected a layer, got `3`", "such as `{Dense: 8}`"),
    ("RNN", "cell", True, "expected a cell or a list of cells, got `true`", "such as `{LSTMCell: 32}`"),
]


@pytest.mark.parametrize(("cls", "param", "value", "message", "help"), REFUSED)
def test_refused(cls: str, param: str, value: Any, message: str, help: str | None) -> None:
    problem = check(cls, param, value)
    assert problem is not None
    assert (problem.message, problem.help) == (message, help)
    assert problem.severity is None


@pytest.mark.parametrize(
    ("param", "value", "message"),
    [
        ("learning_rate", NAN, "expected a number above 0 or a schedule, got `.nan`"),
        ("learning_rate", "1e-3", 'expected a number above 0 or a schedule, got `"1e-3"`'),
        ("learning_rate", 1, "Keras wants a decimal point here, got `1`"),
        ("learning_rate", -0.1, "expected a number above 0 or a schedule, got `-0.1`"),
        ("momentum", 1.5, "expected a number from 0 to 1, got `1.5`"),
    ],
)
def test_refused_by_an_optimizer(param: str, value: Any, message: str) -> None:
    problem = check("SGD", param, value, "optimizer")
    assert problem is not None and problem.message == message


@pytest.mark.parametrize(
    ("cls", "param", "value"),
    [
        ("Dense", "units", 64),
        ("Dense", "units", 2**63 - 1),
        ("Dense", "activation", None),
        ("Dense", "activation", {"leaky_relu": None}),
        ("Dense", "kernel_regularizer", {"L2": 0.01}),
        ("Dense", "bias_initializer", None),
        ("Dense", "dtype", "mixed_bfloat16"),
        ("Dense", "dtype", None),
        ("Conv1D", "padding", "causal"),
        ("Conv1D", "kernel_size", [3]),
        ("Conv3D", "kernel_size", [3, 1, 3]),
        ("MaxPooling2D", "strides", None),
        ("ZeroPadding2D", "padding", [[1, 2], [3, 4]]),
        ("ZeroPadding2D", "padding", [1, 2]),
        ("Cropping1D", "cropping", 1),
        ("Dropout", "rate", 0),
        ("Dropout", "rate", 1),
        ("Dropout", "noise_shape", [None, 1, 8]),
        ("Reshape", "target_shape", [-1, 8]),
        ("LayerNormalization", "axis", [1, 2]),
        ("Bidirectional", "merge_mode", None),
        ("TimeDistributed", "layer", {"use": "vision"}),
        ("TimeDistributed", "layer", "Flatten"),
        ("RNN", "cell", [{"LSTMCell": 8}, {"GRUCell": 8}]),
        ("LSTM", "use_cudnn", False),
        ("StringLookup", "vocabulary", ["a", "b"]),
        ("RandomZoom", "height_factor", [-0.5, 0.5]),
    ],
)
def test_accepted(cls: str, param: str, value: Any) -> None:
    assert check(cls, param, value) is None


@pytest.mark.parametrize(
    ("cls", "param", "value", "help"),
    [
        ("Conv2D", "padding", "SAME", "write `same`"),
        ("Conv2D", "data_format", "Channels_Last", "write `channels_last`"),
        ("UpSampling2D", "interpolation", "Bilinear", "write `bilinear`"),
    ],
)
def test_unusual_spelling_is_a_warning(cls: str, param: str, value: str, help: str) -> None:
    problem = check(cls, param, value)
    assert problem is not None
    assert (problem.code, problem.severity, problem.help) == ("NS215", "warning", help)


def test_what_could_run_or_read_is_refused_first() -> None:
    for cls, param, value in [
        ("StringLookup", "vocabulary", "/etc/passwd"),
        ("Dense", "units", {"class_name": "Lambda"}),
        ("Dense", "activation", {"module": "os", "class_name": "system"}),
    ]:
        problem = check(cls, param, value)
        assert problem is not None and problem.code == "NS213"


@pytest.mark.parametrize(
    ("cls", "param", "kind"),
    [
        ("Dense", "kernel_initializer", "initializer"),
        ("Dense", "activity_regularizer", "regularizer"),
        ("Dense", "bias_constraint", "constraint"),
        ("LSTM", "recurrent_activation", "activation"),
        ("Bidirectional", "backward_layer", "layer"),
        ("RNN", "cell", "cells"),
        ("Dense", "units", None),
        ("ELU", "alpha", None),
    ],
)
def test_object_kinds(cls: str, param: str, kind: str | None) -> None:
    entry = find("layer", cls)
    assert entry is not None
    assert meaning(entry, param).object_kind == kind


def test_every_default_is_accepted() -> None:
    for kind in KINDS:
        for name in names(kind):
            entry = find(kind, name)
            assert entry is not None
            for param in entry.params:
                if not param.required:
                    assert meaning(entry, param.name).check(param.default) is None, (kind, name, param)


def test_no_value_is_too_strange() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    strange = [
        deep,
        10**5_000,
        -(10**5_000),
        "x" * 100_000,
        [0] * 100_000,
        {"a": {"b": deep}},
        NAN,
        "\x1b[0m",
        "\ud800",
        {},
    ]
    for cls in ("Dense", "Conv2D", "Reshape", "ZeroPadding3D", "RandomZoom", "StringLookup", "Bidirectional"):
        entry = find("layer", cls)
        assert entry is not None
        for param in entry.params:
            for value in strange:
                problem = meaning(entry, param.name).check(value)
                assert problem is None or len(problem.message) < 400


def test_describe_is_short_and_spells_as_yaml_does() -> None:
    assert describe({"a": [1, None, "b\n"]}) == '{a: [1, null, "b\\n"]}'
    assert describe(INF) == ".inf"
    assert len(describe("x" * 10_000)) <= 40
    assert len(describe([[["deep"] * 50] * 50] * 50)) <= 40
    assert describe(10**400) == "a number of more than 70 digits"


# Against Keras.

WORDS = """
valid same causal full channels_last channels_first Channels_Last nearest bilinear bicubic lanczos3 reflect wrap
constant sum mul concat ave int one_hot multi_hot count tf_idf dot horizontal log magnitude fan_in rows auto min
truncated_normal mean none ROC pr interpolation micro uniform_average whitespace lower hann density floormod xyxy
SAME VALID int64 float32 mixed_float16 int32 nonsense
"""
NUMBERS: list[Any] = [None, -2, -1, 0, 1, 2, 3, 0.0, 0.5, 1.0, 1.5, -0.5, NAN, True, False]
LISTS: list[Any] = [
    *([], [1], [2], [0], [1, 2], [2, 1], [0, 0], [-1, -1], [0.1, 0.5], [0, -1], [1, 2, 3], [2, 3, 1], [2, 2, 2]),
    *([[1, 1], [1, 1]], [[1, 1], [1, 1], [1, 1]], ["a", "b"]),
]
POOL = [*NUMBERS, *LISTS, *WORDS.split()]

# Arguments that Keras takes or refuses by what other arguments say: (class or "", argument), with the reason.
BOUND_TO_OTHERS = {
    ("Discretization", "bin_boundaries"): "one of bin_boundaries and num_bins",
    ("Discretization", "num_bins"): "one of bin_boundaries and num_bins",
    ("Hashing", "dtype"): "the dtype follows output_mode",
    ("STFTSpectrogram", "fft_length"): "at least frame_length",
    ("", "groups"): "divides filters",
    ("", "idf_weights"): "with output_mode tf_idf",
    ("Normalization", "mean"): "mean and variance go together",
    ("Normalization", "variance"): "mean and variance go together",
    ("", "num_key_value_heads"): "divides num_query_heads",
    ("", "num_query_heads"): "divided by num_key_value_heads",
    ("AUC", "num_labels"): "with multi_label",
    ("ModelCheckpoint", "save_weights_only"): "with a name in .weights.h5",
    ("", "output_padding"): "below strides",
    ("", "pad_to_max_tokens"): "with max_tokens",
    ("IntegerLookup", "salt"): "with oov_method farmhash",
    ("", "sparse"): "with another output_mode than int",
    ("", "target_class_ids"): "below num_classes",
    ("PiecewiseConstantDecay", "boundaries"): "one fewer than values",
    ("PiecewiseConstantDecay", "values"): "one more than boundaries",
    ("", "weights"): "of the shapes that the layer has",
}


def usable(kind: str) -> Iterator[tuple[Entry, Any]]:
    """The entries of a kind that are classes, with Keras's class."""
    import keras

    place: Any = keras
    for name in names(kind):
        entry = find(kind, name)
        if entry is not None and entry.form == "class":
            place = keras
            for part in entry.module.split(".")[1:]:
                place = getattr(place, part)
            yield entry, getattr(place, name)


def needed(entry: Entry) -> dict[str, Any]:
    """Values for the required arguments. Made anew each time, since a layer belongs to one wrapper."""
    import keras

    made: dict[str, Any] = {
        "activation": "relu",
        "axes": 1,
        "boundaries": [1, 2],
        "cell": keras.layers.LSTMCell(2) if entry.name == "RNN" else None,
        "cells": [keras.layers.LSTMCell(2)] if entry.name == "StackedRNNCells" else None,
        "decay_rate": 0.5,
        "dims": [1],
        "equation": "ab,bc->ac",
        "factor": 1,
        "filename": "a.csv",
        "filepath": "a.keras",
        "height_factor": 0.5,
        "inner_optimizer": keras.optimizers.SGD() if entry.kind == "optimizer" else None,
        "layer": keras.layers.LSTM(2) if entry.name in ("Bidirectional", "TimeDistributed") else keras.layers.Dense(2),
        "output_shape": [2],
        "precision": 0.5,
        "rate": 0.5,
        "recall": 0.5,
        "scale": 1.0,
        "sensitivity": 0.5,
        "specificity": 0.5,
        "stddev": 0.5,
        "target_class_ids": [0],
        "target_shape": [1],
        "values": [0.1, 0.2, 0.3],
        "width_factor": 0.5,
    }
    given = {name: made.get(name, 2) for name in entry.required}
    return {"bin_boundaries": [0.0, 1.0]} if entry.name == "Discretization" else given


def call(entry: Entry, layer: Any, shape: tuple[int, ...]) -> None:
    """Call a layer on symbols: real errors, and no weights are made."""
    import keras
    from keras.src.backend.common import global_state

    dtype = "float32"
    if entry.name in ("StringLookup", "TextVectorization"):
        dtype = "string"
    elif entry.name in ("Embedding", "ReversibleEmbedding", "IntegerLookup", "CategoryEncoding", "Hashing"):
        dtype = "int32"
    one = keras.KerasTensor((2, *shape), dtype=dtype)
    several = "Add Subtract Multiply Average Maximum Minimum Concatenate Dot Attention AdditiveAttention HashedCrossing"
    with keras.StatelessScope():
        try:
            if entry.name in ("MultiHeadAttention", "GroupQueryAttention"):
                layer(one, one)
            else:
                layer([one, one] if entry.name in several.split() else one)
        finally:
            global_state.set_global_attribute("uninitialized_variables", [])


def fitting_shape(entry: Entry, cls: Any) -> tuple[int, ...] | None:
    """An input shape that the layer takes when it is made with its required arguments alone."""
    for shape in ((4,), (8, 4), (8, 8, 3), (8, 8, 8, 3), (4, 8, 8, 8, 3)):
        try:
            call(entry, cls(**needed(entry)), shape)
        except Exception:
            continue
        return shape
    return None


def as_keras_takes_it(param: str, value: Any) -> Any:
    """`ngrams` is the one argument for which a list must become a tuple."""
    return tuple(value) if param == "ngrams" and isinstance(value, list) else value


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "layer",
        "cell",
        "loss",
        "metric",
        "optimizer",
        "schedule",
        "initializer",
        "regularizer",
        "constraint",
        "callback",
    ],
)
def test_neither_acceptance_nor_refusal_contradicts_keras(kind: str) -> None:
    warnings.simplefilter("ignore")
    wrong: list[str] = []
    compared = 0
    for entry, cls in usable(kind):
        shape = fitting_shape(entry, cls) if kind == "layer" else None
        for param in entry.params:
            what = meaning(entry, param.name)
            if what.object_kind not in (None, "schedule") or param.name == "name":
                continue
            bound = any((name, param.name) in BOUND_TO_OTHERS for name in (entry.name, ""))
            for value in POOL:
                problem = what.check(value)
                accepted = problem is None or problem.severity == "warning"
                if (accepted and bound) or (problem is not None and not accepted and problem.origin != "keras"):
                    continue
                compared += 1
                try:
                    made = cls(**{**needed(entry), param.name: as_keras_takes_it(param.name, value)})
                    if not accepted and shape is not None:
                        call(entry, made, shape)
                except Exception as error:
                    if accepted:
                        wrong.append(f"{entry.name}({param.name}={value!r}) is accepted, and Keras says {error!s:.80}")
                else:
                    if not accepted:
                        wrong.append(f"{entry.name}({param.name}={value!r}) is refused, and Keras takes it")
    assert not wrong, "\n".join(wrong[:40])
    assert compared > len(names(kind))


@pytest.mark.keras
def test_keras_takes_the_keywords_of_the_base_layer() -> None:
    warnings.simplefilter("ignore")
    for entry, cls in usable("layer"):
        for param in entry.params:
            if param.keyword:
                cls(**needed(entry), **{param.name: param.default})


@pytest.mark.keras
def test_keras_needs_what_is_required() -> None:
    for kind in ("layer", "optimizer", "metric", "schedule", "regularizer"):
        for entry, cls in usable(kind):
            for missing in entry.required:
                given = {name: value for name, value in needed(entry).items() if name != missing}
                if entry.name != "Discretization":
                    with pytest.raises((TypeError, ValueError)):
                        cls(**given)
