"""Small specs that each write one or a few arguments of one object: legal values, doubtful ones and wrong ones.

Made from the samples of the catalogue, with the values that an argument of that name takes, and some that it does not.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from netspec.catalog import KINDS, Entry, find, names
from netspec.catalog.arguments import meaning
from netspec.catalog.samples import spec

ANY: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    3,
    0.0,
    0.5,
    1.0,
    "",
    "none",
    [],
    [1],
    [2, 2],
    [0.1, 0.5],
    [1, -1],
    [1, 2, 3],
    {},
]
FLAG: list[Any] = [True, False, None, 1, "yes"]
WORD: list[Any] = [None, "", "nonsense", 1]
DTYPE = "float16 float64 bfloat16 mixed_float16 mixed_bfloat16 int32 uint8 bool string int8 complex64 int8_from_float32"
SIZES: list[Any] = [1, 2, 3, 40, [1, 2], [2, 2], [2, 2, 2]]
FACTORS: list[Any] = [0.2, [0.1, 0.3], [0.3, 0.1], [-0.2, 0.2], -0.3, 1.5, [0, 0], 4]

# What an argument of a name takes, and what it nearly does.
VALUES: dict[str, list[Any]] = {
    **dict.fromkeys(("kernel_size", "strides", "dilation_rate", "pool_size", "size", "output_size"), SIZES),
    **dict.fromkeys(("factor", "height_factor", "width_factor", "x_factor", "y_factor"), FACTORS),
    "alpha": [0.25, [0.1, 0.2, 0.3], [0.1, 0.2], -1.0],
    "attention_axes": [1, [1], 2],
    "axes": [1, [1, 1], -1, 0, [2, 2]],
    "axis": [-3, -2, -1, 0, 1, 2, [-1], [1, 2], [1, 1], [1, -1]],
    "bin_boundaries": [[0.0, 1.0], [1.0, 0.0], [0, 1, 2]],
    "boundaries": [[1, 2], [2, 1], [1.0]],
    "class_id": [0, 1, 2, 5],
    "cropping": [4, [1, 1], [[1, 1], [2, 2]], 40],
    "decay_rate": [0.5, -0.5, "half"],
    "dtype": DTYPE.split(),
    "equation": ["ab,bc->ac", "abc,cd->abd", "...x,xy->...y", "ab,bc"],
    "exclude_layers": [["dense"], ["("]],
    "filename": ["a.csv", "../a.csv", "/a.csv", "a/"],
    "filepath": [
        "a.weights.h5",
        "{epoch:02d}-{loss:.2f}.weights.h5",
        "{loss:d}.weights.h5",
        "{x}.weights.h5",
        "a.h5",
        "a.keras",
    ],
    "groups": [2, 3, 8, -1],
    "idf_weights": [[0.1, 0.2, 0.3], [0.5]],
    "interpolation": ["nearest", "bilinear", "bicubic", "lanczos3"],
    "label_weights": [[1.0], [0.5, 0.5]],
    "mask_value": [0, -1.0, "a"],
    "mean": [0.5, [0.5] * 8, [0.5, 0.5]],
    "ngrams": [1, 2, [1, 2]],
    "noise_shape": [[None, 1], [1, 8], [None, 3], [None, 1, 1]],
    "num_classes": [2, 3, 10],
    "output_padding": [0, 1, [0, 1]],
    "output_shape": [4, [4], [2, 4], [None, 8]],
    "renorm_clipping": [{"rmax": 3.0, "rmin": 0.3}, {"rmax": 0.1, "rmin": 0.3}, {"most": 1.0}],
    "salt": [1, [1, 2]],
    "save_freq": [2, "epoch"],
    "scale": [0.5, [0.1, 0.2, 0.3], [0.5] * 8],
    "separator": [";", "\t", "ab", "\n"],
    "shared_axes": [1, [1], 2, [0]],
    "target_class_ids": [[0], [0, 1], [5]],
    "target_shape": [[8], [-1], [2, 4], [3, 3], [-1, -1]],
    "thresholds": [[0.2, 0.5], 0.3, 1.5],
    "top_k": [1, 3, 5],
    "value_range": [[0, 255], [0.0, 1.0], [1, 1]],
    "variance": [2.0, [2.0] * 8, -1.0],
    "vocabulary": [["a", "b"], ["a", "a"], [1, 2], [1, 1]],
    "values": [[0.1, 0.01, 0.001], [0.1, 0.01]],
}
OBJECTS: dict[str, list[Any]] = {
    "initializer": [
        *("zeros", "he_normal", "orthogonal", "identity", {"Constant": 0.5}, {"Constant": [1, 2]}, {"STFT": {}}),
        *({"VarianceScaling": {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}}, None),
    ],
    "regularizer": ["l2", {"L1L2": {"l1": 0.1, "l2": 0.1}}, "orthogonal_regularizer", None],
    "constraint": ["non_neg", {"MaxNorm": {"axis": 1}}, {"UnitNorm": {"axis": [0, 1]}}, {"MaxNorm": {"axis": [0, 0]}}],
    "activation": ["relu", "softmax", "gelu", "linear", None],
    "schedule": [0.001, {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10}}, None],
    "layer": [{"Dense": 4}, {"LSTM": 4}, {"GRU": {"units": 4, "return_sequences": True}}, "Flatten"],
    "cells": [{"LSTMCell": 4}, [{"LSTMCell": 4}, {"GRUCell": {"units": 3, "reset_after": False}}]],
    "optimizer": ["sgd", {"Adam": {"clipnorm": 1.0}}],
}

# Arguments that Keras holds against each other, with their values.
TOGETHER: list[tuple[str, str, dict[str, list[Any]]]] = [
    ("layer", "Conv1D", {"strides": [1, 2], "dilation_rate": [1, 2], "padding": ["valid", "same", "causal"]}),
    ("layer", "Conv2D", {"groups": [1, 2, 3], "filters": [3, 4], "data_format": ["channels_last", "channels_first"]}),
    ("layer", "DepthwiseConv2D", {"strides": [1, 2, [1, 2]], "dilation_rate": [1, 2]}),
    (
        "layer",
        "Conv2DTranspose",
        {"strides": [1, 2, 3], "output_padding": [None, 0, 1, 2], "padding": ["valid", "same"]},
    ),
    ("layer", "LSTM", {"return_sequences": [False, True], "go_backwards": [False, True], "unroll": [False, True]}),
    (
        "layer",
        "LSTM",
        {"bias_initializer": [None, "ones"], "unit_forget_bias": [False, True], "use_bias": [False, True]},
    ),
    ("layer", "GRU", {"reset_after": [False, True], "bias_initializer": ["orthogonal", "identity", "zeros"]}),
    ("layer", "Dense", {"lora_rank": [None, 2], "kernel_constraint": [None, "max_norm"], "use_bias": [False, True]}),
    ("layer", "Embedding", {"lora_rank": [None, 2], "embeddings_constraint": [None, "max_norm"]}),
    (
        "layer",
        "Bidirectional",
        {
            "layer": [{"LSTM": 4}],
            "backward_layer": [{"LSTM": {"units": size, "go_backwards": True}} for size in (4, 5)],
            "merge_mode": ["concat", "sum", None],
        },
    ),
    (
        "layer",
        "MultiHeadAttention",
        {"num_heads": [1, 3], "key_dim": [2], "value_dim": [None, 3], "output_shape": [None, [2, 3]]},
    ),
    (
        "layer",
        "GroupQueryAttention",
        {"num_query_heads": [2, 3, 4], "num_key_value_heads": [1, 2], "flash_attention": [None, True]},
    ),
    ("layer", "Normalization", {"axis": [-1, None, 1], "mean": [0.5, [0.5] * 8], "variance": [2.0, [2.0] * 8, [2.0]]}),
    (
        "layer",
        "TextVectorization",
        {"output_mode": ["int", "tf_idf"], "ngrams": [2, [1, 2]], "idf_weights": [None, [1, 2, 3], [1]]},
    ),
    ("layer", "StringLookup", {"invert": [False, True], "oov_token": [None, "none"], "num_oov_indices": [1, 2]}),
    ("layer", "IntegerLookup", {"oov_method": ["floormod", "farmhash"], "salt": [None, 1], "num_oov_indices": [1, 2]}),
    ("layer", "Resizing", {"crop_to_aspect_ratio": [False, True], "pad_to_aspect_ratio": [False, True]}),
    ("layer", "Rescaling", {"scale": [0.5, [0.5, 0.5]], "offset": [0, [1] * 8]}),
    ("layer", "CategoryEncoding", {"output_mode": ["one_hot", "multi_hot", "count"], "dtype": ["float32", "float16"]}),
    ("optimizer", "SGD", {"clipnorm": [None, 1.0], "clipvalue": [None, 0.5], "global_clipnorm": [None, 1.0]}),
    (
        "optimizer",
        "Adam",
        {"use_ema": [False, True], "ema_overwrite_frequency": [None, 1], "loss_scale_factor": [None, 2.0]},
    ),
    (
        "optimizer",
        "AdamW",
        {"gradient_accumulation_steps": [None, 2], "weight_decay": [0.0, 0.1], "amsgrad": [False, True]},
    ),
    (
        "schedule",
        "PiecewiseConstantDecay",
        {"boundaries": [[1, 2], [2, 1]], "values": [[0.1, 0.2, 0.3], [0.1], [1, 2, 3]]},
    ),
    ("schedule", "CosineDecay", {"warmup_target": [None, 0.5], "warmup_steps": [0, 2], "alpha": [0.0, 0.1]}),
    (
        "loss",
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": [False, True], "alpha": [0.0, 1.0], "gamma": [0, 2.0]},
    ),
    (
        "metric",
        "AUC",
        {"multi_label": [False, True], "num_labels": [None, 1, 2], "thresholds": [None, [0.5], [0.8, 0.2]]},
    ),
    ("metric", "Precision", {"top_k": [None, 1, 5], "class_id": [None, 0, 3], "thresholds": [None, 0.5, [0.2, 0.8]]}),
    ("callback", "EarlyStopping", {"mode": ["auto", "max"], "patience": [0, 1], "restore_best_weights": [False, True]}),
    (
        "callback",
        "ModelCheckpoint",
        {
            "filepath": ["a.keras", "{batch}.keras", "{epoch}-{val_loss:.1f}.weights.h5"],
            "save_weights_only": [False, True],
            "save_best_only": [False, True],
            "save_freq": ["epoch", 1],
        },
    ),
    ("callback", "ReduceLROnPlateau", {"factor": [0.1, 1.0], "cooldown": [0, 2], "min_lr": [0, 0.1]}),
]


@dataclass(frozen=True)
class Case:
    """A spec, as YAML, around one object with some of its arguments written."""

    kind: str
    cls: str
    args: Mapping[str, Any]
    text: str

    def __str__(self) -> str:
        return f"{self.cls}({', '.join(f'{name}={value!r}' for name, value in self.args.items())})"


def cases() -> Iterator[Case]:
    """Every object with each of its arguments in turn, then what belongs together."""
    seen: dict[str, int] = {}
    for kind in KINDS:
        for entry in (find(kind, name) for name in names(kind) if kind != "op"):
            if entry is not None and entry.form == "class":
                for param in entry.params:
                    for value in _values(entry, param.name, seen):
                        yield _case(entry, {param.name: value})
    for kind, name, pools in TOGETHER:
        entry = find(kind, name)
        assert entry is not None, name
        for chosen in itertools.product(*pools.values()):
            yield _case(entry, dict(zip(pools, chosen, strict=True)))


def _values(entry: Entry, param: str, seen: dict[str, int]) -> list[Any]:
    found = entry.param(param)
    assert found is not None
    what = meaning(entry, param)
    seen[param] = seen.get(param, 0) + 1
    if param in ("name", "trainable", "autocast", "activity_regularizer", "seed") and seen[param] > 3:
        return []  # the same for all classes
    pool = OBJECTS.get(what.object_kind or "", ANY)
    if isinstance(found.default, bool):
        pool = FLAG
    elif "enum" in what.form:
        pool = [*WORD, *what.form["enum"]]
    return ([] if found.required else [found.default]) + VALUES.get(param, []) + ([] if param == "dtype" else pool)


def _case(entry: Entry, args: Mapping[str, Any]) -> Case:
    """The smallest sound spec around the object, on small tensors, with these arguments laid over its own."""
    text = spec(entry)
    for large, small in (("[32, 32, 3]", "[16, 16, 3]"), ("[16, 16, 16, 3]", "[8, 8, 8, 3]"), ("[16000", "[2000")):
        text = text.replace(large, small)
    document = yaml.safe_load(text)
    place, key = _place(entry, document)
    written = place[key]
    own: Any = written if not isinstance(written, dict) else next(iter(written.values()))
    if isinstance(written, str) or own is None:
        own = {}
    elif not isinstance(own, dict) or (own and entry.param(next(iter(own))) is None):
        assert entry.first is not None
        own = {entry.first.name: own}
    merged = {entry.name: {**own, **args}}
    place[key] = merged if not isinstance(written, dict) else {**merged, **dict(list(written.items())[1:])}
    lines = [f"{name}: {flow(value)}\n" for name, value in document.items()]
    return Case(entry.kind, entry.name, args, "".join(lines))


def _place(entry: Entry, document: dict[str, Any]) -> tuple[Any, Any]:
    """Where the object stands in its sample."""
    step = document["layers"][0]
    if entry.kind in ("initializer", "regularizer", "constraint"):
        return next(iter(step.values())), f"kernel_{entry.kind}"
    places: dict[str, Any] = {
        "layer": lambda: (document["layers"], 0),
        "cell": lambda: (step, "RNN"),
        "schedule": lambda: (document["optimizer"]["SGD"], "learning_rate"),
        "optimizer": lambda: (document, "optimizer"),
        "callback": lambda: (document["fit"]["callbacks"], 0),
        "loss": lambda: (document, "losses"),
        "metric": lambda: (document["metrics"], 0),
    }
    found: tuple[Any, Any] = places[entry.kind]()
    return found


def flow(value: Any) -> str:
    """A value as one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
    return json.dumps(value)
