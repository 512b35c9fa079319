"""A small spec for every object of the catalogue, as people would write it: what the lists of objects show.

Each of them validates without a word, which is a test, and so is what `netspec catalog --coverage` asks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from netspec.catalog import Entry
from netspec.catalog.sample import IMAGE, Sample
from netspec.catalog.types import TensorType, Weights
from netspec.catalog.words import group

_PLAIN = re.compile(r"[A-Za-z_][\w.]*\Z")
_WORDS = frozenset(("true", "false", "null"))
_SPACE = {"1": [64, 3], "2": IMAGE, "3": [16, 16, 16, 3]}
_STRING, _INTEGER = "string", "int32"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of the call in a sample: the tensors in and out, and the weights, in numbers.

    `known` is "yes" where shapes, dtypes and weights are all there, "partly" where the shapes are, "no" otherwise.
    """

    entry: Entry
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    weights: Weights
    known: str


def spec(entry: Entry) -> str:
    """A whole spec that uses the object, as YAML.

    >>> from netspec.catalog import find
    >>> print(spec(find("layer", "Dense")), end="")
    inputs: {x: [8]}
    layers:
      - Dense: 64
    """
    write = {
        "layer": _step,
        "op": _step,
        "cell": lambda entry: _model(f"RNN: {flow(_written(entry))}", [10, 8]),
        "activation": lambda entry: _model(f"Dense: {{units: 8, activation: {entry.name}}}"),
        "initializer": _initializer,
        "regularizer": lambda entry: _model(f"Dense: {{units: 8, kernel_regularizer: {flow(_written(entry))}}}"),
        "constraint": lambda entry: _model(f"Dense: {{units: 8, kernel_constraint: {flow(_written(entry))}}}"),
        "schedule": lambda entry: _trained(f"{{SGD: {{learning_rate: {flow(_written(entry))}}}}}"),
        "optimizer": lambda entry: _trained(flow(_written(entry))),
        "callback": _callback,
        "loss": _loss,
        "metric": _metric,
    }
    return write[entry.kind](entry)


def sample(entry: Entry) -> Sample:
    """One call of a layer or an operation that Keras takes."""
    if entry.kind == "op":
        from netspec.catalog import samples_ops

        return samples_ops.sample(entry)
    return _layer(entry)


def flow(value: Any, depth: int = 1) -> str:
    """A value as one line of YAML; at depth 0 without the outer braces of a mapping.

    >>> flow({"equation": "ab,bc->ac", "output_shape": [None, 8], "sparse": True})
    '{equation: "ab,bc->ac", output_shape: [null, 8], sparse: true}'
    """
    if isinstance(value, dict):
        inside = ", ".join(f"{name}: {flow(each)}" for name, each in value.items())
        return inside if depth == 0 else f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{', '.join(flow(each) for each in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return value if _PLAIN.match(value) and value not in _WORDS else json.dumps(value)  # JSON's texts are YAML's
    return str(value)


def _step(entry: Entry) -> str:
    from netspec.catalog.shapes import output_names  # the rules of all layers, which a plain text needs not

    made = sample(entry)
    shapes = {
        name: shape if dtype is None else {"shape": shape, "dtype": dtype}
        for name, (shape, dtype) in made.inputs.items()
    }
    args = dict(made.args)
    what = entry.name
    if args:
        alone = next(iter(args.values())) if list(args) == [_first(entry, made)] else None
        short = alone is not None and (not isinstance(alone, dict) or entry.kind == "layer")
        what = f"{what}: {flow(alone if short else args)}"
    parts = [f"part_{at}" for at in range(1, 1 + len(output_names(entry.name, made.args, {})))]
    several = len(parts) > 1
    if not args and (made.source is not None or several):
        what += ":"
    source = f"    from: {flow(made.source)}\n" if made.source is not None else ""
    named, outputs = (f"    name: {flow(parts)}\n", f"outputs: {flow(parts)}\n") if several else ("", "")
    return f"inputs: {flow(shapes)}\nlayers:\n  - {what}\n{source}{named}{outputs}"


def _first(entry: Entry, made: Sample) -> str | None:
    """The argument that a lone value stands for: an operation's first one that no tensor is fed to."""
    fed: set[str] = set()
    if entry.kind == "op":
        tensors = [param.name for param in entry.call if param.name not in made.args]
        if isinstance(made.source, dict):
            fed = set(made.source)
        else:
            several = isinstance(made.source, list) and tensors[0] not in entry.lists
            fed = set(tensors[: len(made.source)] if several else tensors[:1])
    return next((param.name for param in entry.params if param.name not in fed and not param.keyword), None)


def _model(layer: str, shape: list[int] | None = None, more: str = "") -> str:
    return f"inputs: {{x: {flow(shape or [8])}}}\nlayers:\n  - {layer}\n{more}"


def _trained(optimizer: str) -> str:
    return _model("Dense: 1", more=f"losses: mse\noptimizer: {optimizer}\n")


def _written(entry: Entry) -> Any:
    """An object with the arguments that it needs: by its name alone, or as a mapping."""
    args = {name: _VALUES.get((entry.name, name), _VALUES.get(name)) for name in entry.required}
    args |= _ALSO.get(entry.name, {})
    if not args:
        short = next((alias for alias in entry.aliases if alias.islower()), None)
        return short if short is not None and entry.kind not in ("callback", "schedule") else entry.name
    (first, *rest) = args
    alone = not rest and entry.first is not None and entry.first.name == first and entry.kind != "schedule"
    return {entry.name: args[first] if alone else args}


def _callback(entry: Entry) -> str:
    optimizer = "{Adam: {use_ema: true}}" if entry.name == "SwapEMAWeights" else "adam"
    return _trained(optimizer) + f"fit:\n  callbacks:\n    - {flow(_written(entry), 0)}\n"


def _initializer(entry: Entry) -> str:
    if entry.name == "STFT":  # fills kernels of one channel
        return _model("Conv1D: {filters: 33, kernel_size: 64, kernel_initializer: STFT}", [1000, 1])
    return _model(f"Dense: {{units: 8, kernel_initializer: {flow(_written(entry))}}}")


_SIGMOID, _SOFTMAX = "Dense: {units: 1, activation: sigmoid}", "Dense: {units: 3, activation: softmax}"
_YES_NO = re.compile(r"Binary|Dice|Tversky|Precision|Recall|Sensitivity|Specificity|(True|False)(Pos|Neg)|AUC")
_CLASSES = re.compile(r"Categorical|KLDiv|OneHot|F1|FBeta|crossentropy|accuracy|TopK|IoU")


def _head(entry: Entry) -> str:
    """The last layer that a loss or a metric goes with."""
    if "Hinge" in entry.name or entry.name in ("Accuracy", "CosineSimilarity"):
        return "Dense: {units: 3, activation: tanh}"
    if _YES_NO.search(entry.name):
        return _SIGMOID
    return _SOFTMAX if _CLASSES.search(entry.name) else "Dense: 1"


def _loss(entry: Entry) -> str:
    written = flow(_written(entry))
    if entry.name == "CTC":
        return _model("Dense: {units: 5}", [20, 8], f"losses: {written}\n")
    if entry.name == "Poisson":
        return _model("Dense: {units: 1, activation: softplus}", more=f"losses: {written}\n")
    if entry.name == "Circle":
        return _model("Dense: 8", more=f"losses: {written}\n")
    return _model(_head(entry), more=f"losses: {written}\n")


def _metric(entry: Entry) -> str:
    head = _head(entry)
    losses = {_SIGMOID: "binary_crossentropy", _SOFTMAX: "categorical_crossentropy"}
    loss = "sparse_categorical_crossentropy" if "Sparse" in entry.name else losses.get(head, "mse")
    if entry.name in ("MeanIoU", "IoU"):
        loss = "sparse_categorical_crossentropy"
    return _model(head, more=f"losses: {loss}\nmetrics: [{flow(_written(entry))}]\n")


# Values for arguments, by name or by class and name.
_VALUES: dict[Any, Any] = {
    "units": 64,
    "filters": 32,
    "kernel_size": 3,
    "rate": 0.5,
    "stddev": 0.1,
    "activation": "relu",
    "axes": 1,
    "dims": [2, 1],
    "n": 3,
    "target_shape": [4, 2],
    "output_size": 4,
    "size": 2,
    "equation": "ab,bc->ac",
    "output_shape": 64,
    "layer": {"Dense": 8},
    "cell": {"LSTMCell": 32},
    "cells": [{"LSTMCell": 32}, {"LSTMCell": 16}],
    "height": 24,
    "width": 24,
    "factor": 0.2,
    "scale": 0.5,
    "height_factor": 0.1,
    "width_factor": 0.1,
    "max_number": 10,
    "num_tokens": 10,
    "num_bins": 10,
    "input_dim": 1000,
    "output_dim": 64,
    "num_heads": 4,
    "key_dim": 16,
    "head_dim": 16,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    ("Bidirectional", "layer"): {"LSTM": 32},
    ("RandomPosterization", "factor"): 4,
    "inner_optimizer": "sgd",
    "value": 0.1,
    "initial_learning_rate": 0.01,
    "decay_steps": 1000,
    "decay_rate": 0.9,
    "first_decay_steps": 1000,
    "boundaries": [1000, 2000],
    "values": [0.01, 0.005, 0.001],
    "num_classes": 3,
    "target_class_ids": [0, 1],
    "recall": 0.9,
    "precision": 0.9,
    "sensitivity": 0.9,
    "specificity": 0.9,
    "filename": "log.csv",
    "filepath": "best.weights.h5",
}
_ALSO: dict[str, dict[str, Any]] = {
    "Discretization": {"bin_boundaries": [0.0, 0.5, 1.0]},
    "IntegerLookup": {"vocabulary": [10, 20, 30]},
    "StringLookup": {"vocabulary": ["red", "green", "blue"]},
    "TextVectorization": {"vocabulary": ["the", "cat", "sat"]},
    "Normalization": {"mean": 0.5, "variance": 2.0},
    "MaxPooling1D": {"pool_size": 2},
    "MaxPooling2D": {"pool_size": 2},
    "MaxPooling3D": {"pool_size": 2},
    "RandomFlip": {"mode": "horizontal"},
    "EarlyStopping": {"monitor": "loss", "patience": 5},
    "ReduceLROnPlateau": {"monitor": "loss", "patience": 5},
    "ModelCheckpoint": {"monitor": "loss", "save_best_only": True, "save_weights_only": True},
    **{name: {"k": 2} for name in ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy")},
    "MeanIoU": {"sparse_y_pred": False},
    "IoU": {"sparse_y_pred": False},
    "L1": {"l1": 0.01},
    "L2": {"l2": 0.01},
    "L1L2": {"l1": 0.01, "l2": 0.01},
    "MaxNorm": {"max_value": 3},
}
_POOLS = ("AveragePooling1D", "AveragePooling2D", "AveragePooling3D")
_VALUES.update({(name, "pool_size"): 2 for name in _POOLS})

_INPUTS: dict[str, tuple[list[int], str | None]] = {
    "Embedding": ([20], _INTEGER),
    "ReversibleEmbedding": ([20], _INTEGER),
    "CategoryEncoding": ([4], _INTEGER),
    "Hashing": ([1], _STRING),
    "StringLookup": ([1], _STRING),
    "TextVectorization": ([1], _STRING),
    "IntegerLookup": ([1], "int64"),
    "GroupNormalization": ([64], None),
    "STFTSpectrogram": ([16000, 1], None),
    **dict.fromkeys(("Masking", "TimeDistributed", "Permute"), ([10, 8], None)),
}


def _layer(entry: Entry) -> Sample:
    family, name = group(entry), entry.name
    args = {each: _VALUES.get((name, each), _VALUES.get(each)) for each in entry.required} | _ALSO.get(name, {})
    if family == "merging" or name == "HashedCrossing":
        both = ([1], _STRING) if name == "HashedCrossing" else ([8], None)
        return Sample({"a": both, "b": both}, args, ["a", "b"])
    if family == "attention":
        tensors = {"query": ([10, 32], None), "value": ([20, 32], None)}
        named = name.endswith(("HeadAttention", "QueryAttention"))
        return Sample(tensors, args, {each: each for each in tensors} if named else list(tensors))
    space = re.search(r"([123])D", name)
    if name in _INPUTS:
        shape, dtype = _INPUTS[name]
    elif space is not None:
        shape, dtype = _SPACE[space.group(1)], None
        shape = [5, *shape] if name.startswith("ConvLSTM") else shape
    else:
        shape = {"recurrent": [10, 8], "images": IMAGE, "image augmentation": IMAGE, "audio": [16000]}.get(family, [8])
        dtype = None
    return Sample({"x": (shape, dtype)}, args)
