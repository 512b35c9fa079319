"""What a spec may not hold: names that Keras has dropped or renamed, and what would run code, read or write files.

`removed`, `renamed`, `key` and `positional` answer with a way out, `refused` with a reason, `refused_value` with a
whole message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netspec.catalog import Entry

_RUNS_CODE = "it runs Python code, and a spec is data alone"
_READS_MODEL = "it loads and runs a program from outside the spec"
_WRITES = "it writes outside the run folder"

_REFUSED: dict[tuple[str, str], str] = {
    ("layer", "Lambda"): f"{_RUNS_CODE}; look for a layer that does the same",
    ("layer", "TFSMLayer"): _READS_MODEL,
    ("layer", "TorchModuleWrapper"): _READS_MODEL,
    ("layer", "JaxLayer"): _READS_MODEL,
    ("layer", "FlaxLayer"): _READS_MODEL,
    ("callback", "LambdaCallback"): _RUNS_CODE,
    ("callback", "LearningRateScheduler"): f"{_RUNS_CODE}; give the optimizer's `learning_rate` a schedule instead",
    ("callback", "RemoteMonitor"): "it sends data over the network",
    ("callback", "TensorBoard"): f"{_WRITES}; `netspec fit --tensorboard`, or `tensorboard: true` under `fit`, does it",
    ("callback", "OrbaxCheckpoint"): f"{_WRITES}; every run keeps its last and best weights without it",
    ("callback", "BackupAndRestore"): "it empties the folder that it is given"
    "; every run has checkpoints, and `netspec fit --resume` goes on from them",
}

# Arguments of 2018 and before, with today's form. The kinds are those whose constructors took them.
_REMOVED: dict[str, dict[str, str]] = {
    "layer": {
        "input_shape": "declare the shape under `inputs`",
        "batch_input_shape": "declare the shape under `inputs`, with `batch_size` for a fixed batch",
        "input_dim": "declare the shape under `inputs`",
        "batch_size": "declare the `batch_size` of the input under `inputs`",
        "input_dtype": "declare the `dtype` of the input under `inputs`",
        "input_length": "leave it out; the length stands in the shape under `inputs`",
        "border_mode": "use `padding`",
        "nb_filter": "use `filters`",
        "nb_row": "use `kernel_size: [rows, columns]`",
        "nb_col": "use `kernel_size: [rows, columns]`",
        "filter_length": "use `kernel_size`",
        "kernel_dim1": "use `kernel_size: [depth, rows, columns]`",
        "kernel_dim2": "use `kernel_size: [depth, rows, columns]`",
        "kernel_dim3": "use `kernel_size: [depth, rows, columns]`",
        "pool_length": "use `pool_size`",
        "stride": "use `strides`",
        "subsample": "use `strides`",
        "subsample_length": "use `strides`",
        "atrous_rate": "use `dilation_rate`",
        "dim_ordering": "use `data_format: channels_last` or `data_format: channels_first`",
        "p": "use `rate`",
        "sigma": "use `stddev`",
        "output_dim": "use `units`",
        "init": "use `kernel_initializer`",
        "inner_init": "use `recurrent_initializer`",
        "forget_bias_init": "use `unit_forget_bias: true`",
        "inner_activation": "use `recurrent_activation`",
        "W_regularizer": "use `kernel_regularizer`",
        "U_regularizer": "use `recurrent_regularizer`",
        "b_regularizer": "use `bias_regularizer`",
        "W_constraint": "use `kernel_constraint`",
        "U_constraint": "use `recurrent_constraint`",
        "b_constraint": "use `bias_constraint`",
        "dropout_W": "use `dropout`",
        "dropout_U": "use `recurrent_dropout`",
        "bias": "use `use_bias`",
        "consume_less": "leave it out; Keras chooses",
        "implementation": "leave it out; Keras chooses",
        "fused": "leave it out; Keras chooses",
        "mode": "leave it out; each mode is a layer of its own now",
        "beta_init": "use `beta_initializer`",
        "gamma_init": "use `gamma_initializer`",
        "length": "use `size`",
        "concat_axis": "use `axis`",
        "dot_axes": "use `axes`",
        "alpha": "use `negative_slope`",
        "time_major": "leave it out; put a `Permute` before the layer where time comes first",
        "weights": "leave it out; weights come from training",
        "value": "use `mask_value`",
        "rms_scaling": "use the layer `RMSNormalization`",
        "dropout": "put a `SpatialDropout1D` step after it",
        "dynamic": "leave it out",
        "bins": "use `bin_boundaries`, or `num_bins` with data to adapt to",
        "max_tokens": "use `num_tokens`",
    },
    "optimizer": {
        "lr": "use `learning_rate`",
        "decay": "give `learning_rate` a schedule: "
        "`{InverseTimeDecay: {initial_learning_rate: 0.01, decay_steps: 1, decay_rate: 1.0e-6}}`",
        "schedule_decay": "give `learning_rate` a schedule",
        "is_legacy_optimizer": "leave it out",
        "jit_compile": "write `jit: true` under `fit`",
    },
    "initializer": {
        "std": "use `stddev`",
        "scale": "use `stddev`, or `minval` and `maxval`",
        "dtype": "give the layer a `dtype`",
    },
    "regularizer": {"l": "use `l1` or `l2`"},
    "constraint": {"m": "use `max_value`", "low": "use `min_value`", "high": "use `max_value`"},
    "callback": {
        "period": "leave it out; a file is written after every epoch",
        "epsilon": "use `min_delta`",
    },
    "loss": {"axes": "use `axis`", "fn": "write the loss by its name"},
    "metric": {"fn": "write the metric by its name"},
}

_RENAMED: dict[str, dict[str, str]] = {
    "layer": {
        "CuDNNLSTM": "use `LSTM`, which is as fast on a GPU",
        "CuDNNGRU": "use `GRU`, which is as fast on a GPU",
        "Merge": "use the layer of that merge: `Concatenate`, `Add`, `Multiply`, `Average`, `Maximum` or `Dot`",
        "merge": "use the layer of that merge: `Concatenate`, `Add`, `Multiply`, `Average`, `Maximum` or `Dot`",
        "MaxoutDense": "use several `Dense` layers and `Maximum`",
        "Highway": "build it from `Dense`, `Multiply` and `Add`",
        "ThresholdedReLU": "use `ReLU: {threshold: 1.0}`",
        "LocallyConnected1D": "use `Conv1D`; layers with unshared kernels are gone",
        "LocallyConnected2D": "use `Conv2D`; layers with unshared kernels are gone",
        "TimeDistributedDense": "use `TimeDistributed: {Dense: 8}`",
        "AtrousConvolution1D": "use `Conv1D` with `dilation_rate`",
        "AtrousConvolution2D": "use `Conv2D` with `dilation_rate`",
        "AtrousConv1D": "use `Conv1D` with `dilation_rate`",
        "AtrousConv2D": "use `Conv2D` with `dilation_rate`",
        "Deconvolution2D": "use `Conv2DTranspose`",
        "Deconvolution3D": "use `Conv3DTranspose`",
        "Deconv2D": "use `Conv2DTranspose`",
        "Deconv3D": "use `Conv3DTranspose`",
        "ParametricSoftplus": "use `Activation: softplus`",
        "SReLU": "use `PReLU`, which learns one slope",
        "RandomFourierFeatures": "use `Dense`; kernel approximations are gone",
        "DenseFeatures": "prepare columns under `data`, `features`",
        "RandomHeight": "use `RandomZoom`, which keeps the size",
        "RandomWidth": "use `RandomZoom`, which keeps the size",
        "SyncBatchNormalization": "use `BatchNormalization: {synchronized: true}`",
        "Tokenizer": "prepare text under `data`, `features`: `{column: title, text: {vocabulary: 10000, length: 100}}`",
        "ImageDataGenerator": "use steps such as `RandomFlip`, `RandomRotation` and `RandomZoom`",
        "to_categorical": "write `one_hot: true` at the target, under `data`, or take a sparse loss",
        "multi_gpu_model": "leave it out; how a model is spread over devices is no part of it",
        "Sequential": "write its layers as steps; a list of steps is a chain",
        "Model": "write its layers as steps, or declare it under `shared`",
        "Functional": "write its layers as steps, or declare it under `shared`",
    },
    "loss": {
        "cosine": "use `cosine_similarity`",
        "cosine_proximity": "use `cosine_similarity`",
        "logcosh": "use `log_cosh`",
        "CosineProximity": "use `CosineSimilarity`",
        "Logcosh": "use `LogCosh`",
        "kullback_leibler_divergence": "use `kl_divergence`",
        "KullbackLeiblerDivergence": "use `KLDivergence`",
    },
    "metric": {
        "cosine": "use `cosine_similarity`",
        "cosine_proximity": "use `cosine_similarity`",
        "logcosh": "use `log_cosh_error`",
        "kullback_leibler_divergence": "use `kl_divergence`",
        "fmeasure": "use `F1Score`, which counts over all batches",
        "fbeta_score": "use `FBetaScore`",
        "CosineProximity": "use `CosineSimilarity`",
        "KullbackLeiblerDivergence": "use `KLDivergence`",
        "MeanRelativeError": "use `MeanAbsolutePercentageError`, which is in percent",
        "matthews_correlation": "use `F1Score` or `AUC`",
        "precision_recall": "use `Precision` and `Recall`",
    },
    "optimizer": {"TFOptimizer": "use one of Keras's optimizers, such as `Adam`"},
    "initializer": {"lecun": "use `lecun_uniform` or `lecun_normal`"},
    "constraint": {
        "nonneg": "use `non_neg`",
        "maxnorm": "use `max_norm`",
        "unitnorm": "use `unit_norm`",
        "RadialConstraint": "leave it out; Keras has none like it",
        "radial_constraint": "leave it out; Keras has none like it",
    },
    "regularizer": {"WeightRegularizer": "use `L1L2`", "ActivityRegularizer": "use `L1L2`"},
}

_DRAWN = "leave it out; netspec feeds the rows itself"
_HELD = "write `validation: 0.1` under `data`, or a file of its own"
_PLANNED = "write it at the top of the spec, beside `layers`"

# Arguments of Keras's Model, compile and fit, where people would write them in a spec, with the key of today.
_KEYS: dict[str, dict[str, str]] = {
    "spec": {
        "input": "use `inputs`",
        "output": "use `outputs`",
        "loss": "use `losses`",
        "objective": "use `losses`",
        "loss_weights": "write the weight beside its loss: `losses: {main: {loss: mse, weight: 0.2}}`",
        "metric": "use `metrics`",
        "weighted_metrics": "use `metrics`",
        "sample_weight_mode": "leave it out; a loss over a sequence counts every step",
        "target_tensors": "write where labels come from under `data`, `targets`",
        "callbacks": "write them under `fit`: `fit: {callbacks: [TerminateOnNaN]}`",
        "compile": "write its arguments at the top of the spec: `losses`, `metrics`, `optimizer`",
        "input_shape": "write the shape under `inputs`: `inputs: {x: [784]}`",
        "batch_input_shape": "write the shape under `inputs`: `inputs: {x: {shape: [784], batch_size: 32}}`",
        "Sequential": "write its layers under `layers`; a list of steps is a chain",
        "Model": "write its layers under `layers`",
        "Functional": "write its layers under `layers`",
        "class_name": "write the layers by their names; a serialized model is not taken",
        "config": "write the layers by their names; a serialized model is not taken",
        "keras_version": "leave it out",
        "backend": "leave it out; netspec trains on TensorFlow",
        "fit_generator": "use `fit`",
        "run_eagerly": "write `eager: true` under `fit`",
        **dict.fromkeys(
            ("jit_compile", "steps_per_execution"), "write it under `fit`, as `jit` or `steps_per_execution`"
        ),
        **dict.fromkeys(("epochs", "batch_size", "shuffle", "seed"), "write it under `fit`"),
        **dict.fromkeys(("nb_epoch", "nb_epochs"), "write `epochs` under `fit`"),
        **dict.fromkeys(("validation_split", "validation_data"), _HELD),
        **dict.fromkeys(
            ("learning_rate", "lr"), "give it to the optimizer: `optimizer: {Adam: {learning_rate: 0.001}}`"
        ),
    },
    "fit": {
        **dict.fromkeys(("nb_epoch", "nb_epochs"), "use `epochs`"),
        **dict.fromkeys(("samples_per_epoch", "nb_val_samples", "nb_sample"), "leave it out; an epoch is all rows"),
        **dict.fromkeys(("steps_per_epoch", "validation_steps"), "leave it out; an epoch is all rows"),
        **dict.fromkeys(("validation_split", "validation_data", "validation_freq", "validation_batch_size"), _HELD),
        **dict.fromkeys(("workers", "nb_worker", "use_multiprocessing", "pickle_safe"), _DRAWN),
        **dict.fromkeys(("max_q_size", "max_queue_size", "generator", "x", "y"), _DRAWN),
        **dict.fromkeys(("optimizer", "metrics", "losses"), _PLANNED),
        **dict.fromkeys(("loss", "objective"), "write `losses` at the top of the spec, beside `layers`"),
        **dict.fromkeys(
            ("learning_rate", "lr"), "give it to the optimizer: `optimizer: {Adam: {learning_rate: 0.001}}`"
        ),
        **dict.fromkeys(("class_weight", "sample_weight"), "leave it out; every row counts the same"),
        "show_accuracy": "write `metrics: [accuracy]` at the top of the spec",
        "initial_epoch": "leave it out; a run begins with its first epoch",
        "verbose": "leave it out; `netspec fit --quiet` shows no progress",
        "jit_compile": "use `jit`",
        "run_eagerly": "use `eager`",
    },
    "data": {
        "validation_split": "use `validation`",
        "validation_data": "use `validation`",
        "x": "use `features`",
        "y": "use `targets`",
        "batch_size": "write it under `fit`",
        "shuffle": "write it under `fit`",
    },
}

# The keys by which Keras rebuilds an object from its serialized form, and so runs what the form names.
_SERIALIZED = ("class_name", "registered_name", "module")


def removed(kind: str, class_name: str, param: str) -> str | None:
    """The way out for an argument that this class once took; None where there is nothing to say.

    Ask it about arguments that the class does not have today.

    >>> removed("optimizer", "SGD", "lr")
    'use `learning_rate`'
    >>> removed("layer", "Dense", "dilation")
    """
    known = _REMOVED.get("layer" if kind == "cell" else kind, {}).get(param)
    if known is None:
        return None
    applies = _ONLY.get(param)
    if applies is not None and kind in ("layer", "cell") and not class_name.startswith(applies):
        return None
    return _of_class(kind, class_name, known)


def _of_class(kind: str, class_name: str, cure: str) -> str | None:
    """The cure with an argument that the class has: what was called W is not a kernel everywhere; None if it has none.

    >>> _of_class("layer", "Embedding", "use `kernel_regularizer`")
    'use `embeddings_regularizer`'
    """
    from netspec.catalog import find

    entry, new = find(kind, class_name), re.findall(r"(?:^use|or|and) `(\w+)", cure)
    if entry is None or not new or any(entry.param(name) for name in new):
        return cure
    about = new[0].removeprefix("kernel")
    others = [f"{first}{about}" for first in ("embeddings", "depthwise", "alpha")] + ["gain"] * (new[0] == "stddev")
    return next((f"use `{name}`" for name in others if entry.param(name)), None)


# Words that are common enough to be meant otherwise elsewhere: the layers that did take them, by how their names begin.
_ONLY: dict[str, tuple[str, ...]] = {
    "p": ("Dropout", "SpatialDropout", "GaussianDropout", "AlphaDropout"),
    "sigma": ("GaussianNoise",),
    "output_dim": ("Dense", "LSTM", "GRU", "SimpleRNN"),
    "mode": ("BatchNormalization",),
    "fused": ("BatchNormalization",),
    "length": ("UpSampling1D",),
    "alpha": ("LeakyReLU",),
    "value": ("Masking",),
    "rms_scaling": ("LayerNormalization",),
    "concat_axis": ("Concatenate",),
    "dot_axes": ("Dot",),
    "stride": ("Conv", "MaxPool", "AveragePool", "Separable", "Depthwise"),
    "bias": ("Dense", "Conv", "Separable", "Depthwise", "LSTM", "GRU", "SimpleRNN"),
    "implementation": ("LSTM", "GRU", "SimpleRNN"),
    "consume_less": ("LSTM", "GRU", "SimpleRNN"),
    "input_length": ("Embedding", "LSTM", "GRU", "SimpleRNN", "Dense"),
    "dropout": ("Embedding",),
    "bins": ("Discretization",),
    "max_tokens": ("CategoryEncoding",),
}


def renamed(kind: str, name: str) -> str | None:
    """The way out for a name that Keras once had and has no more, or that is written as Python would write it.

    >>> renamed("layer", "CuDNNLSTM")
    'use `LSTM`, which is as fast on a GPU'
    >>> renamed("optimizer", "keras.optimizers.legacy.SGD"), renamed("layer", "Dense(64, activation='relu')")
    ('use `SGD`', 'write `Dense: {units: 64, activation: relu}`')
    """
    known = _RENAMED.get(kind, {}).get(name)
    if known is not None or name.isidentifier():
        return known if known is not None or kind != "layer" else _as_activation(name)
    return _python(kind, name)


def _as_activation(name: str) -> str | None:
    """An activation that stands as a step, and is no layer under any spelling."""
    from netspec.catalog import find, identifiers
    from netspec.catalog.nearest import fold

    if find("activation", name) is None or fold(name) in map(fold, identifiers("layer")):
        return None
    return f"write `Activation: {name}`"


_PREFIXES = (
    *("tf", "keras", "backend", "K", "legacy", "experimental", "preprocessing", "nn", "core", "convolutional"),
    *("recurrent", "normalization", "pooling", "noise", "local", "merge"),
)


def _python(kind: str, text: str) -> str | None:
    """What stands in a spec for `keras.layers.Dense(64)`: the name alone, or the name with its arguments."""
    import ast

    from netspec.catalog import OPS, find

    head, bracket, _ = text.partition("(")
    *path, name = head.strip().split(".")
    if len(text) > 300 or not all(part in _PREFIXES or part.endswith("s") for part in path):
        return None
    entry = find(kind, name) or find("op" if "K" in path or "backend" in path else kind, OPS + name)
    if entry is None:
        return _RENAMED.get(kind, {}).get(name)
    if not bracket:
        return f"use `{entry.name}`"
    try:
        call: Any = ast.parse(text.strip(), mode="eval").body
        values = [ast.literal_eval(each) for each in call.args]
        named = {_today(entry, str(each.arg)): ast.literal_eval(each.value) for each in call.keywords}
    except (AttributeError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return f"write `{{{entry.name}: {{…}}}}`"
    taken = [param.name for param in entry.params if not param.keyword]
    said = _flow({**dict(zip(taken, values, strict=False)), **named})
    whole = f"{entry.name}: {said}" if said != "{}" else entry.name
    return f"write `{whole}`" if kind == "layer" or said == "{}" else f"write `{{{whole}}}`"


def _today(entry: Entry, param: str) -> str:
    """The argument of today for one of then, where it is only called otherwise."""
    gone = None if entry.param(param) else removed(entry.kind, entry.name, param)
    new = (gone or "").removeprefix("use `").removesuffix("`")
    return new if entry.param(new) else param


def _flow(value: Any) -> str:
    from netspec.catalog.samples import flow

    return flow(list(value) if isinstance(value, tuple) else value)


def positional(entry: Entry, values: Any) -> str | None:
    """The way out for a list where the first argument is a single value: its arguments in order, by name.

    >>> from netspec.catalog import find
    >>> positional(find("layer", "Conv2D"), [64, 3, 3]), positional(find("layer", "Dense"), [64, "relu"])
    ('write `Conv2D: {filters: 64, kernel_size: [3, 3]}`', 'write `Dense: {units: 64, activation: relu}`')
    """
    taken = [param.name for param in entry.params if not param.keyword]
    if not isinstance(values, list) or not 1 <= len(values) <= len(taken) or len(values) > 6:
        return None
    if any(isinstance(each, (dict, list)) for each in values):
        return None
    # In 2016 a convolution took filters, rows and columns one by one.
    rank = next((rank for rank in (2, 3) if f"{rank}D" in entry.name), 0)
    if taken[:2] == ["filters", "kernel_size"] and len(values) == rank + 1:
        values = [values[0], values[1:]]
    return f"write `{entry.name}: {_flow(dict(zip(taken, values, strict=False)))}`"


def key(where: str, name: str) -> str | None:
    """The way out for an argument of Keras's Model, compile or fit that stands as a key of `where`: spec, fit, data.

    >>> key("fit", "nb_epoch"), key("spec", "output"), key("data", "train")
    ('use `epochs`', 'use `outputs`', None)
    """
    return _KEYS.get(where, {}).get(name)


def refused(kind: str, name: str) -> str | None:
    """Why that Keras object is refused for safety, as words to follow "cannot be used: "; None where it is not."""
    return _REFUSED.get((kind, name))


def refused_value(entry: Entry, param: str, value: Any) -> str | None:
    """The message for a value that is refused for safety: it would read files, fetch, or run what it names.

    >>> from netspec.catalog import find
    >>> refused_value(find("layer", "StringLookup"), "vocabulary", "words.txt")
    'a path or an address in `vocabulary` is read while the model is built; give the words as a list'
    """
    if param == "vocabulary" and isinstance(value, str):
        return "a path or an address in `vocabulary` is read while the model is built; give the words as a list"
    if param == "weights" and isinstance(value, str):
        return "a name or a path in `weights` is fetched or read while the model is built; weights come from training"
    if serialized(value):
        return "a serialized Keras object can run code; write the object by its name, `Name: {arguments}`"
    return None


def serialized(value: Any) -> bool:
    """Whether a mapping anywhere in a value has a key by which Keras rebuilds serialized objects.

    >>> serialized([{"a": {"class_name": "Lambda"}}])
    True
    """
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, Mapping):
            if any(key in each for key in _SERIALIZED):
                return True
            todo += each.values()
        elif isinstance(each, (list, tuple)):
            todo += each
    return False
