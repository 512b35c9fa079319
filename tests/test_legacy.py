"""What Keras has dropped or renamed since 2016, each as a person would write it: one finding, with today's form."""

from __future__ import annotations

import re

import pytest

from netspec.catalog import find, names
from netspec.catalog.legacy import _KEYS, _REMOVED, _RENAMED, key, positional, removed, renamed
from netspec.diagnostics import RULES, Diagnostic
from netspec.pipeline import analyze_text

FLAT, SEQUENCE, IMAGE, VOLUME = "[8]", "[10, 8]", "[32, 32, 3]", "[9, 9, 9, 3]"


def found(text: str) -> tuple[Diagnostic, ...]:
    return analyze_text(text, look_at_data=False).diagnostics


def one(text: str, code: str, cure: str) -> None:
    """The spec has that one mistake, and the way out holds those words."""
    said = found(text)
    assert [each.code for each in said] == [code], [(each.code, each.message, each.help) for each in said]
    assert cure in (said[0].help or "") + said[0].message, (said[0].message, said[0].help)


def step(layer: str, shape: str = FLAT) -> str:
    return f"inputs: {{x: {shape}}}\nlayers:\n  - {layer}\n"


# Arguments of layers.

ARGUMENTS = [
    ("Dense: {output_dim: 3}", FLAT, "`units`"),
    ("Dense: {units: 3, input_dim: 8}", FLAT, "`inputs`"),
    ("Dense: {units: 3, input_shape: [8]}", FLAT, "`inputs`"),
    ("Dense: {units: 3, batch_input_shape: [32, 8]}", FLAT, "`batch_size`"),
    ("Dense: {units: 3, batch_size: 32}", FLAT, "`batch_size`"),
    ("Dense: {units: 3, input_dtype: float32}", FLAT, "`dtype`"),
    ("Dense: {units: 3, init: uniform}", FLAT, "`kernel_initializer`"),
    ("Dense: {units: 3, W_regularizer: l2}", FLAT, "`kernel_regularizer`"),
    ("Dense: {units: 3, b_regularizer: l2}", FLAT, "`bias_regularizer`"),
    ("Dense: {units: 3, W_constraint: non_neg}", FLAT, "`kernel_constraint`"),
    ("Dense: {units: 3, b_constraint: non_neg}", FLAT, "`bias_constraint`"),
    ("Dense: {units: 3, bias: false}", FLAT, "`use_bias`"),
    ("Dense: {units: 3, weights: [1, 2]}", FLAT, "leave it out"),
    ("Dense: {units: 3, dynamic: true}", FLAT, "leave it out"),
    ("Conv2D: {nb_filter: 8, kernel_size: 3}", IMAGE, "`filters`"),
    ("Conv2D: {filters: 8, nb_row: 3}", IMAGE, "`kernel_size: [rows, columns]`"),
    ("Conv2D: {filters: 8, nb_col: 3}", IMAGE, "`kernel_size: [rows, columns]`"),
    ("Conv2D: {filters: 8, kernel_size: 3, border_mode: same}", IMAGE, "`padding`"),
    ("Conv2D: {filters: 8, kernel_size: 3, subsample: [2, 2]}", IMAGE, "`strides`"),
    ("Conv2D: {filters: 8, kernel_size: 3, stride: 2}", IMAGE, "`strides`"),
    ("Conv2D: {filters: 8, kernel_size: 3, dim_ordering: tf}", IMAGE, "`data_format: channels_last`"),
    ("Conv2D: {filters: 8, kernel_size: 3, atrous_rate: 2}", IMAGE, "`dilation_rate`"),
    ("Conv1D: {filters: 8, filter_length: 3}", SEQUENCE, "`kernel_size`"),
    ("Conv1D: {filters: 8, kernel_size: 3, subsample_length: 2}", SEQUENCE, "`strides`"),
    ("Conv3D: {filters: 8, kernel_dim1: 3}", VOLUME, "`kernel_size: [depth, rows, columns]`"),
    ("Conv3D: {filters: 8, kernel_dim2: 3}", VOLUME, "`kernel_size: [depth, rows, columns]`"),
    ("Conv3D: {filters: 8, kernel_dim3: 3}", VOLUME, "`kernel_size: [depth, rows, columns]`"),
    ("MaxPooling1D: {pool_length: 2}", SEQUENCE, "`pool_size`"),
    ("MaxPooling2D: {pool_size: 2, border_mode: same}", IMAGE, "`padding`"),
    ("UpSampling1D: {length: 2}", SEQUENCE, "`size`"),
    ("Dropout: {p: 0.5}", FLAT, "`rate`"),
    ("SpatialDropout2D: {p: 0.5}", IMAGE, "`rate`"),
    ("GaussianDropout: {p: 0.5}", FLAT, "`rate`"),
    ("GaussianNoise: {sigma: 0.5}", FLAT, "`stddev`"),
    ("LSTM: {units: 3, inner_init: orthogonal}", SEQUENCE, "`recurrent_initializer`"),
    ("LSTM: {units: 3, forget_bias_init: one}", SEQUENCE, "`unit_forget_bias: true`"),
    ("LSTM: {units: 3, inner_activation: sigmoid}", SEQUENCE, "`recurrent_activation`"),
    ("LSTM: {units: 3, U_regularizer: l2}", SEQUENCE, "`recurrent_regularizer`"),
    ("LSTM: {units: 3, dropout_W: 0.2}", SEQUENCE, "`dropout`"),
    ("LSTM: {units: 3, dropout_U: 0.2}", SEQUENCE, "`recurrent_dropout`"),
    ("LSTM: {units: 3, consume_less: gpu}", SEQUENCE, "leave it out"),
    ("LSTM: {units: 3, implementation: 2}", SEQUENCE, "leave it out"),
    ("LSTM: {units: 3, input_length: 10}", SEQUENCE, "`inputs`"),
    ("LSTM: {units: 3, time_major: true}", SEQUENCE, "`Permute`"),
    ("GRU: {output_dim: 3}", SEQUENCE, "`units`"),
    ("BatchNormalization: {mode: 0}", FLAT, "leave it out"),
    ("BatchNormalization: {fused: true}", IMAGE, "leave it out"),
    ("BatchNormalization: {beta_init: zero}", FLAT, "`beta_initializer`"),
    ("BatchNormalization: {gamma_init: one}", FLAT, "`gamma_initializer`"),
    ("LeakyReLU: {alpha: 0.3}", FLAT, "`negative_slope`"),
    ("Masking: {value: 0}", SEQUENCE, "`mask_value`"),
    ("LayerNormalization: {rms_scaling: true}", FLAT, "`RMSNormalization`"),
    ("SeparableConv2D: {filters: 8, kernel_size: 3, init: uniform}", IMAGE, "`depthwise_initializer`"),
    ("PReLU: {init: zero}", FLAT, "`alpha_initializer`"),
    ("CategoryEncoding: {max_tokens: 3}", FLAT, "`num_tokens`"),
    ("Discretization: {bins: [0.0, 1.0]}", FLAT, "`bin_boundaries`"),
]


@pytest.mark.parametrize(("layer", "shape", "cure"), ARGUMENTS, ids=[row[0] for row in ARGUMENTS])
def test_a_dropped_argument(layer: str, shape: str, cure: str) -> None:
    one(step(layer, shape), "NS212", cure)


def test_embedding_and_merges() -> None:
    words = "inputs: {x: {shape: [10], dtype: int32}}\nlayers:\n"
    one(words + "  - Embedding: {input_dim: 9, output_dim: 3, input_length: 10}\n", "NS212", "leave it out")
    one(words + "  - Embedding: {input_dim: 9, output_dim: 3, dropout: 0.2}\n", "NS212", "SpatialDropout1D")
    one(words + "  - Embedding: {input_dim: 9, output_dim: 3, init: uniform}\n", "NS212", "`embeddings_initializer`")
    one(words + "  - Embedding: {input_dim: 9, output_dim: 3, W_regularizer: l2}\n", "NS212", "`embeddings_reg")
    two = "inputs: {a: [8], b: [8]}\nlayers:\n"
    one(two + "  - Concatenate: {concat_axis: 1}\n    from: [a, b]\n", "NS212", "`axis`")
    one(two + "  - Dot: {dot_axes: 1}\n    from: [a, b]\n", "NS212", "`axes`")


def test_the_way_out_is_an_argument_that_the_class_has() -> None:
    """No answer sends one from an argument that is gone to one that this class never had."""
    for kind, gone in _REMOVED.items():
        for name in names(kind):
            entry = find(kind, name)
            for param in gone if entry is not None and entry.form == "class" else ():
                new = re.findall(r"(?:^use|or|and) `([a-z]\w*)", removed(kind, name, param) or "")
                assert entry is None or entry.param(param) or not new or any(map(entry.param, new)), (name, param, new)


@pytest.mark.parametrize(
    "layer",
    [
        "Embedding: {input_dim: 9, output_dim: 3}",  # the same word, and another thing
        "ELU: {alpha: 0.5}",
        "LeakyReLU: 0.3",
        "Activation: hard_sigmoid",
        "Convolution2D: {filters: 3, kernel_size: 3}",
        "GlobalAvgPool2D",
    ],
)
def test_what_is_still_right_gives_no_message(layer: str) -> None:
    shape = "{shape: [8], dtype: int32}" if layer.startswith("Embedding") else IMAGE
    assert found(step(layer, shape)) == ()


# Names of layers, and the ways of Python.

LAYERS = [
    ("CuDNNLSTM: 32", "`LSTM`"),
    ("CuDNNGRU: 32", "`GRU`"),
    ("LocallyConnected1D: {filters: 3, kernel_size: 3}", "`Conv1D`"),
    ("LocallyConnected2D: {filters: 3, kernel_size: 3}", "`Conv2D`"),
    ("ThresholdedReLU: {theta: 1.0}", "`ReLU: {threshold: 1.0}`"),
    ("MaxoutDense: {output_dim: 3}", "`Maximum`"),
    ("Highway", "`Multiply`"),
    ("Merge: {mode: concat, concat_axis: 1}", "`Concatenate`"),
    ("merge: {mode: sum}", "`Add`"),
    ("TimeDistributedDense: 3", "`TimeDistributed: {Dense: 8}`"),
    ("AtrousConvolution1D: [8, 3]", "`dilation_rate`"),
    ("AtrousConvolution2D: [8, 3, 3]", "`dilation_rate`"),
    ("Deconvolution2D: {filters: 3, kernel_size: 3}", "`Conv2DTranspose`"),
    ("Deconvolution3D: {filters: 3, kernel_size: 3}", "`Conv3DTranspose`"),
    ("ParametricSoftplus", "`Activation: softplus`"),
    ("SReLU", "`PReLU`"),
    ("RandomFourierFeatures: {output_dim: 3}", "`Dense`"),
    ("DenseFeatures", "`features`"),
    ("SyncBatchNormalization", "`BatchNormalization: {synchronized: true}`"),
    ("RandomHeight: 0.2", "`RandomZoom`"),
    ("RandomWidth: 0.2", "`RandomZoom`"),
    ("Tokenizer: {num_words: 100}", "`features`"),
    ("ImageDataGenerator: {rotation_range: 20}", "`RandomRotation`"),
    ("Sequential: [{Dense: 3}]", "steps"),
    ("Model: {input: x}", "steps"),
    ("activation: softmax", "`Activation`"),
    ("softmax", "`Softmax`"),
    ("sigmoid", "`Activation: sigmoid`"),
    ("tanh", "`Activation: tanh`"),
    ("Dense(64)", "`Dense: {units: 64}`"),
    ("Dense(64, activation='relu')", "`Dense: {units: 64, activation: relu}`"),
    ("Dense(output_dim=64)", "`Dense: {units: 64}`"),
    ("Convolution2D(64, 3, 3)", "`Conv2D: {"),
    ("Flatten()", "`Flatten`"),
    ("layers.Dense: 64", "`Dense`"),
    ("keras.layers.Dense: 64", "`Dense`"),
    ("keras.layers.core.Dense: 64", "`Dense`"),
    ("keras.layers.convolutional.Conv2D: 64", "`Conv2D`"),
    ("np_utils.to_categorical: 3", "`one_hot: true`"),
    ("multi_gpu_model: 2", "leave it out"),
    ("tf.keras.layers.experimental.preprocessing.Rescaling: 0.5", "`Rescaling`"),
    ("K.mean: {axis: 1}", "`ops.mean`"),
]


@pytest.mark.parametrize(("layer", "cure"), LAYERS, ids=[row[0] for row in LAYERS])
def test_a_layer_of_then(layer: str, cure: str) -> None:
    quoted = f'"{layer}"' if "(" in layer else layer
    one(step(quoted, IMAGE), "NS204", cure)


@pytest.mark.parametrize(
    ("layer", "shape", "cure"),
    [
        ("Convolution2D: [64, 3, 3]", IMAGE, "`Conv2D: {filters: 64, kernel_size: [3, 3]}`"),
        ("Conv1D: [64, 3]", SEQUENCE, "`Conv1D: {filters: 64, kernel_size: 3}`"),
        ("Dense: [64, relu]", FLAT, "`Dense: {units: 64, activation: relu}`"),
        ("Embedding: [100, 8]", FLAT, "`Embedding: {input_dim: 100, output_dim: 8}`"),
    ],
)
def test_arguments_in_pythons_order(layer: str, shape: str, cure: str) -> None:
    one(step(layer, shape), "NS206", cure)


def test_lists_that_are_one_argument_stay_lists() -> None:
    assert found(step("Reshape: [4, 2]")) == ()
    assert found(step("MaxPooling2D: [2, 2]", IMAGE)) == ()
    assert positional(find("layer", "Dense"), [{"a": 1}, 2]) is None  # type: ignore[arg-type]


def test_values_of_then() -> None:
    one(step('Dense: "64"'), "NS206", "`64`")
    one(step("Dense: {units: 3, kernel_regularizer: l2(0.01)}"), "NS214", "`{L2: {l2: 0.01}}`")
    one(step("Dense: {units: 3, kernel_constraint: maxnorm}"), "NS214", "`max_norm`")
    one(step("Dense: {units: 3, kernel_initializer: {RandomNormal: {std: 0.1}}}"), "NS212", "`stddev`")
    one(step("Dense: {units: 3, kernel_initializer: {RandomUniform: {scale: 0.1}}}"), "NS212", "`minval`")
    one(step("Dense: {units: 3, kernel_constraint: {MaxNorm: {m: 2}}}"), "NS212", "`max_value`")
    one(step("Dense: {units: 3, kernel_regularizer: WeightRegularizer}"), "NS214", "`L1L2`")
    assert [each.code for each in found(step("Conv2D: {filters: 3, kernel_size: 3, padding: SAME}", IMAGE))] == [
        "NS215"
    ]


def test_what_stands_beside_the_layer() -> None:
    one(step("Dense: 64\n    activation: relu"), "NS201", '`Dense: {units: 64, activation: "relu"}`')
    one(step("Dense: 64\n    input_shape: [8]"), "NS201", "`inputs`")
    one(step("class_name: Dense\n    config: {units: 3}"), "NS208", "`Dense: {units: 3}`")


# Keys of the spec, of fit and of data: Model, compile and fit.

TOP = [
    ("input: {x: [8]}", "`inputs`"),
    ("output: [x]", "`outputs`"),
    ("loss: mse", "`losses`"),
    ("objective: mse", "`losses`"),
    ("loss_weights: [1, 0.2]", "`losses: {main:"),
    ("metric: accuracy", "`metrics`"),
    ("weighted_metrics: [accuracy]", "`metrics`"),
    ("sample_weight_mode: temporal", "leave it out"),
    ("callbacks: [TerminateOnNaN]", "under `fit`"),
    ("nb_epoch: 3", "`epochs` under `fit`"),
    ("epochs: 3", "under `fit`"),
    ("batch_size: 3", "under `fit`"),
    ("validation_split: 0.1", "`validation: 0.1`"),
    ("learning_rate: 0.1", "`optimizer: {Adam:"),
    ("input_shape: [8]", "`inputs"),
    ("class_name: Sequential", "by their names"),
    ("compile: {loss: mse}", "`losses`"),
    ("fit_generator: {nb_epoch: 3}", "`fit`"),
    ("run_eagerly: true", "`eager: true` under `fit`"),
]


@pytest.mark.parametrize(("line", "cure"), TOP, ids=[row[0] for row in TOP])
def test_a_key_of_then(line: str, cure: str) -> None:
    head = "" if line.startswith("input: ") else "inputs: {x: [8]}\n"
    one(f"{head}layers:\n  - Dense: 3\n{line}\n", "NS201", cure)


@pytest.mark.parametrize("line", ["Sequential: [{Dense: 3}]", "Model: {layers: [{Dense: 3}]}"])
def test_a_model_of_python_in_place_of_layers(line: str) -> None:
    one(f"inputs: {{x: [8]}}\n{line}\n", "NS201", "`layers`")


FIT = [
    *(("nb_epoch: 3", "`epochs`"), ("samples_per_epoch: 3", "leave it out"), ("nb_val_samples: 3", "leave it out")),
    *(
        ("validation_split: 0.1", "under `data`"),
        ("validation_data: x.csv", "under `data`"),
        ("workers: 4", "leave it"),
    ),
    *(("steps_per_epoch: 9", "leave it out"), ("verbose: 1", "--quiet"), ("class_weight: {0: 2}", "leave it out")),
    *(("initial_epoch: 3", "leave it out"), ("show_accuracy: true", "`metrics: [accuracy]`")),
    *(("max_q_size: 3", "leave it out"), ("use_multiprocessing: true", "leave it out"), ("jit_compile: true", "`jit`")),
    ("run_eagerly: true", "use `eager`"),
    *(("loss: mse", "`losses`"), ("optimizer: sgd", "top of the spec"), ("lr: 0.1", "optimizer")),
]


@pytest.mark.parametrize(("line", "cure"), FIT, ids=[row[0] for row in FIT])
def test_a_key_of_fit(line: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: mse\nfit:\n  {line}\n", "NS201", cure)


@pytest.mark.parametrize(
    ("line", "cure"),
    [("validation_split: 0.1", "`validation`"), ("x: a", "`features`"), ("batch_size: 3", "under `fit`")],
)
def test_a_key_of_data(line: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: mse\ndata:\n  train: a.csv\n  features: {{x: a}}\n  {line}\n", "NS201", cure)


# Losses, metrics, optimizers, callbacks.


@pytest.mark.parametrize(
    ("loss", "cure"),
    [
        *(("cosine", "`cosine_similarity`"), ("cosine_proximity", "`cosine_similarity`"), ("logcosh", "`log_cosh`")),
        *(("kullback_leibler_divergence", "`kl_divergence`"), ("KullbackLeiblerDivergence", "`KLDivergence`")),
        *(("CosineProximity", "`CosineSimilarity`"), ("keras.losses.mse", "`MeanSquaredError`")),
        ("Huber(delta=2.0)", "`{Huber: {delta: 2.0}}`"),
    ],
)
def test_a_loss_of_then(loss: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: {loss}\n", "NS503", cure)


@pytest.mark.parametrize(
    ("metric", "cure"),
    [("cosine_proximity", "`cosine_similarity`"), ("fmeasure", "`F1Score`"), ("fbeta_score", "`FBetaScore`")],
)
def test_a_metric_of_then(metric: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: mse\nmetrics: [{metric}]\n", "NS507", cure)


@pytest.mark.parametrize("metric", ["acc", "mean_squared_error", "mse", "MSE", "mae", "mean_absolute_error"])
def test_a_metric_of_then_that_is_still_known(metric: str) -> None:
    assert found(f"{step('Dense: 3')}losses: mse\nmetrics: [{metric}]\n") == ()


@pytest.mark.parametrize(
    ("optimizer", "code", "cure"),
    [
        ("{SGD: {lr: 0.1}}", "NS212", "`learning_rate`"),
        ("{SGD: {decay: 1.0e-6}}", "NS212", "InverseTimeDecay"),
        ("{Nadam: {schedule_decay: 0.004}}", "NS212", "schedule"),
        ("legacy.Adam", "NS508", "`Adam`"),
        ("optimizers.legacy.SGD", "NS508", "`SGD`"),
        ("{keras.optimizers.legacy.Adam: {learning_rate: 0.1}}", "NS508", "`Adam`"),
        ("SGD(lr=0.1, momentum=0.9)", "NS508", "`{SGD: {learning_rate: 0.1, momentum: 0.9}}`"),
        ("TFOptimizer", "NS508", "`Adam`"),
    ],
)
def test_an_optimizer_of_then(optimizer: str, code: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: mse\noptimizer: {optimizer}\n", code, cure)


@pytest.mark.parametrize(
    ("callback", "code", "cure"),
    [
        ("EarlyStopping: {monitor: loss, epsilon: 0.1}", "NS212", "`min_delta`"),
        ("ReduceLROnPlateau: {monitor: loss, epsilon: 0.1}", "NS212", "`min_delta`"),
        ("ModelCheckpoint: {filepath: a.keras, period: 3}", "NS212", "after every epoch"),
        ("ModelCheckpoint: {filepath: a.h5}", "NS206", "`a.keras`, or `a.weights.h5` with `save_weights_only: true`"),
        ("TensorBoard: {log_dir: logs}", "NS213", "`tensorboard: true` under `fit`"),
        ("BackupAndRestore: {backup_dir: a}", "NS213", "`netspec fit --resume` goes on"),
        ("LearningRateScheduler: {schedule: f}", "NS213", "schedule"),
    ],
)
def test_a_callback_of_then(callback: str, code: str, cure: str) -> None:
    one(f"{step('Dense: 3')}losses: mse\nfit:\n  callbacks:\n    - {callback}\n", code, cure)


# The tables themselves.


def test_every_way_out_leads_somewhere() -> None:
    """`use x` names something that there is: an argument of some object of that kind, a name, or a key."""
    from netspec.catalog import identifiers, names

    for kind, gone in _REMOVED.items():
        kinds = ("layer", "cell") if kind == "layer" else (kind,)
        entries = [entry for each in kinds for name in names(each) if (entry := find(each, name)) is not None]
        for word, cure in gone.items():
            new = cure.removeprefix("use `").partition("`")[0].partition(":")[0] if cure.startswith("use `") else None
            assert new is None or any(entry.param(new) for entry in entries), (kind, word, cure)
    for kind, renames in _RENAMED.items():
        for name, cure in renames.items():
            assert find(kind, name) is None, (kind, name)
            new = cure.removeprefix("use `").partition("`")[0].partition(":")[0] if cure.startswith("use `") else None
            assert new is None or new in identifiers(kind), (kind, name, cure)


def test_no_key_of_today_is_among_those_of_then() -> None:
    from netspec.language import parse, schema

    assert not set(parse._TOP_KEYS) & set(_KEYS["spec"])
    assert not set(schema.Fit.model_fields) & set(_KEYS["fit"])
    assert not set(schema.Data.model_fields) & set(_KEYS["data"])
    assert key("fit", "epochs") is None and key("elsewhere", "nb_epoch") is None


@pytest.mark.parametrize(
    "text", ["", "(", "Dense(", "Dense(64", "Dense(x)", "Dense(*a)", "Dense(**a)", "os.system", "a" * 400, "(" * 290]
)
def test_any_text_gets_an_answer(text: str) -> None:
    for kind in ("layer", "loss", "optimizer"):
        cure = renamed(kind, text)
        assert cure is None or cure.startswith(("use `", "write `"))


def test_nothing_is_said_of_words_that_were_never_arguments() -> None:
    assert removed("layer", "Dense", "p") is None
    assert removed("layer", "LSTM", "dropout") is None
    assert RULES["NS212"].severity == "error"
