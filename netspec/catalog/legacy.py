"""What a spec may not hold: names that Keras has dropped or renamed, and what would run code, read or write files.

`removed` and `renamed` answer with a way out, `refused` with a reason, `refused_value` with a whole message.
"""

from __future__ import annotations

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
    ("callback", "TensorBoard"): _WRITES,
    ("callback", "CSVLogger"): f"{_WRITES}; every run has its history.csv without it",
    ("callback", "ModelCheckpoint"): f"{_WRITES}; every run keeps its last and best weights without it",
    ("callback", "OrbaxCheckpoint"): f"{_WRITES}; every run keeps its last and best weights without it",
    ("callback", "BackupAndRestore"): f"{_WRITES}, and empties the folder that it is given",
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
        "lr": "use `learning_rate`",
        "value": "use `mask_value`",
        "rms_scaling": "use the layer `RMSNormalization`",
    },
    "optimizer": {
        "lr": "use `learning_rate`",
        "decay": "give `learning_rate` a schedule: "
        "`{InverseTimeDecay: {initial_learning_rate: 0.01, decay_steps: 1, decay_rate: 1.0e-6}}`",
        "schedule_decay": "give `learning_rate` a schedule",
    },
    "initializer": {"std": "use `stddev`"},
    "regularizer": {"l": "use `l1` or `l2`"},
    "constraint": {"m": "use `max_value`"},
    "callback": {
        "period": "leave it out; weights are kept after every epoch",
        "epsilon": "use `min_delta`",
    },
    "loss": {"axes": "use `axis`"},
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
        "SReLU": "use `PReLU`",
        "RandomFourierFeatures": "use `Dense`; kernel approximations are gone",
        "DenseFeatures": "prepare columns under `data`, `features`",
        "Sequential": "write its layers as steps; a list of steps is a chain",
        "Model": "write its layers as steps, or declare it under `shared`",
        "Functional": "write its layers as steps, or declare it under `shared`",
    },
    "loss": {
        "cosine": "use `cosine_similarity`",
        "cosine_proximity": "use `cosine_similarity`",
        "logcosh": "use `log_cosh`",
        "kullback_leibler_divergence": "use `kl_divergence`",
    },
    "metric": {
        "cosine": "use `cosine_similarity`",
        "cosine_proximity": "use `cosine_similarity`",
        "logcosh": "use `log_cosh_error`",
        "kullback_leibler_divergence": "use `kl_divergence`",
        "fmeasure": "use `F1Score`",
        "fbeta_score": "use `FBetaScore`",
        "precision_recall": "use `Precision` and `Recall`",
    },
    "optimizer": {"TFOptimizer": "use one of Keras's optimizers, such as `Adam`"},
    "initializer": {"lecun": "use `lecun_uniform`"},
    "constraint": {"nonneg": "use `non_neg`", "maxnorm": "use `max_norm`", "unitnorm": "use `unit_norm`"},
    "regularizer": {"WeightRegularizer": "use `L1L2`", "ActivityRegularizer": "use `L1L2`"},
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
    return known if applies is None or kind not in ("layer", "cell") or class_name.startswith(applies) else None


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
    "input_length": ("Embedding",),
}


def renamed(kind: str, name: str) -> str | None:
    """The way out for a name that Keras once had and has no more.

    >>> renamed("layer", "CuDNNLSTM")
    'use `LSTM`, which is as fast on a GPU'
    """
    return _RENAMED.get(kind, {}).get(name)


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
