"""What validate passes builds and trains, argument by argument: every object, by real tensors and a step of training.

A sample of the cases; more under `slow`, and all of them with NETSPEC_ORACLE=full.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import warnings
from typing import Any

import pytest
from argument_grid import Case, cases

from netspec.api import analyze_text
from netspec.graph.ir import Checked

FULL = os.environ.get("NETSPEC_ORACLE") == "full"
FEW, MANY = 30, 500

# What depends on the machine, on the data, or on what is learned from it.
ELSEWHERE = {
    ("", "use_cudnn"): "only with a GPU, and then for some layers",
    ("AugMix", "data_format"): "for a few of the operations that it draws",
    ("MelSpectrogram", "dtype"): "float64 alone, which Keras mixes with float32",
    ("", "oov_token"): "words that are not in the vocabulary",
    ("", "num_oov_indices"): "words that are not in the vocabulary",
    ("", "vocabulary"): "without a list it is learned from the data",
    ("Discretization", "bin_boundaries"): "without a list they are learned from the data",
    ("", "sparse_y_pred"): "a warning, for labels may be of the shape of the output",
    ("PReLU", "alpha_initializer"): "as many axes as the input",
    ("PReLU", "alpha_regularizer"): "as many axes as the input",
    ("PReLU", "alpha_constraint"): "as many axes as the input",
    ("", "mask_token"): "words that are not in the vocabulary",
}
# In float16 on a processor.
NO_KERNEL = ("AveragePooling3D", "MaxPooling3D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D")


def elsewhere(case: Case) -> bool:
    by_name = any(key in ELSEWHERE for name in case.args for key in ((case.cls, name), ("", name)))
    listed = any(isinstance(value, dict) and value.keys() & {"Constant", "STFT"} for value in case.args.values())
    return by_name or listed or (case.cls in NO_KERNEL and "dtype" in case.args)


def sample(count: int) -> list[Case]:
    everything = [case for case in cases() if not elsewhere(case)]
    return everything if FULL else random.Random(7).sample(everything, count)


def accepted(case: Case) -> Checked | None:
    return analyze_text(case.text).checked


def numbers(shape: Any, dtype: str | None) -> Any:
    """Values for an input: zeros and ones where they are numbers."""
    import tensorflow as tf

    size = [2 if dim is None else dim for dim in shape]
    if dtype == "string":
        return tf.fill(size, "red")
    return tf.cast(tf.random.stateless_uniform(size, (1, 2)) > 0.5, dtype or "float32")


def labels(loss: str, shape: tuple[int, ...]) -> Any:
    """Labels of the form that the loss takes, for an output of this shape."""
    import numpy as np

    if loss == "CTC":
        return np.array([[1, 2, 3]] * shape[0])
    if loss == "Circle" or "parse" in loss or loss == "CategoricalGeneralizedCrossEntropy":
        return np.arange(shape[0]) % shape[-1]
    if "ategorical" in loss:
        return np.eye(shape[-1], dtype="float32")[np.arange(shape[0]) % shape[-1]]
    return np.ones(shape, "float32")


def run(case: Case, checked: Checked) -> None:
    """Build the model, and take a step with real values; whatever Keras raises comes out."""
    import keras
    import tensorflow as tf

    from netspec.runtime.model import build

    keras.utils.clear_session(free_memory=False)
    model = build.build(checked)
    fed = [numbers(tensor.shape, tensor.dtype) for tensor in model.inputs]
    given = fed if len(fed) > 1 else fed[0]
    if checked.training.losses and any(loss is not None for loss in checked.training.losses.values()):
        loss = next(iter(checked.training.losses.values()))
        targets = labels(getattr(loss, "cls", loss), tuple(model(given).shape))
        callbacks = build.callbacks(checked)
        model.run_eagerly = True
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # some write files
            model.fit(given, targets, verbose=0, epochs=2, callbacks=callbacks, validation_data=(given, targets))
        return
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(given, training=True))
        found = [out for out in outputs if not isinstance(out, tf.SparseTensor) and out.dtype.is_floating]
        loss = sum((tf.reduce_mean(tf.cast(out, "float32")) for out in found), sum(model.losses, tf.constant(0.0)))
    if model.trainable_variables:
        weights = model.trainable_variables
        slopes = tape.gradient(loss, [each.value for each in weights])
        taken = [(slope, each) for slope, each in zip(slopes, weights, strict=True) if slope is not None]
        if taken:
            keras.optimizers.SGD().apply_gradients(taken)


def mistakes(chosen: list[Case]) -> tuple[list[str], int]:
    warnings.simplefilter("ignore")
    wrong, ran = [], 0
    for case in chosen:
        checked = accepted(case)
        if checked is None:
            continue
        ran += 1
        try:
            run(case, checked)
        except Exception as error:  # whatever Keras raises is its verdict
            wrong.append(f"{case}\n    {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return wrong, ran


@pytest.mark.keras
def test_what_is_accepted_builds_and_trains() -> None:
    wrong, ran = mistakes(sample(FEW))
    assert not wrong, "\n".join(wrong)
    assert ran * 4 > FEW


@pytest.mark.keras
@pytest.mark.slow
def test_what_is_accepted_builds_and_trains_over_many() -> None:
    wrong, ran = mistakes(sample(MANY))
    assert not wrong, f"{len(wrong)} of {ran}\n" + "\n".join(wrong[:60])
    assert ran * 4 > MANY


def test_the_grid_covers_every_object() -> None:
    from netspec.catalog import KINDS, find, names

    covered = {(case.kind, case.cls) for case in cases()}
    for kind in KINDS:
        for name in names(kind):
            entry = find(kind, name)
            assert entry is not None
            if kind != "op" and entry.form == "class" and entry.params:
                assert (kind, name) in covered, name


# (spec, what the message holds): found by the grid, and refused since.
FOUND = [
    ("AdaptiveMaxPooling1D: 1", "[8, 3]", "cannot make size 1 of 8"),
    ("AdaptiveAveragePooling1D: 2", "[null, 3]", "needs a fixed size on axis 1"),
    ("Dropout: {rate: 0.5, noise_shape: [null, 3]}", "[8]", "does not fit the input"),
    ("Dropout: {rate: 0, noise_shape: [null, 3]}", "[8]", None),
    ("EinsumDense: {equation: 'abc,bc->a', output_shape: []}", "[5, 8]", None),
    ("EinsumDense: {equation: 'abc,abc->ab', output_shape: [3]}", "[5, 8]", "axis `b`"),
    ("EinsumDense: {equation: 'abc,ad->bcd', output_shape: [5, 4]}", "[5, 8, 4]", "axis `c`"),
    ("EinsumDense: {equation: '...x,xy->y', output_shape: 4}", "[5, 8]", "the same end"),
    ("RNN: {GRUCell: 3}", "[8]", "3 axes"),
    ("RNN: {GRUCell: 3}", "[5, 8, null]", "a fixed size"),
    ("STFTSpectrogram: {frame_length: 1}", "[12, 2]", "`frame_step: 1`"),
    ("STFTSpectrogram: {frame_length: 1, frame_step: 1}", "[12, 2]", None),
    (
        "StringLookup: {vocabulary: [a, b], num_oov_indices: 4611686018427387904, max_tokens: 9}",
        "{shape: [1], dtype: string}",
        "`max_tokens` is 9",
    ),
    ("TimeDistributed: {LSTM: {units: 3, return_state: true}}", "[5, 6, 8]", "this one has 3"),
    ("Bidirectional: {layer: {LSTM: 3}, backward_layer: {Dense: 3}}", "[5, 8]", "only a recurrent layer"),
    ("Dot: 0", None, "which is the batch"),
    ("Dense: {units: 3, dtype: int32}", "[8]", "does not compute in `int32`"),
    ("Dense: {units: 3, dtype: int8_from_float32}", "[8]", "quantized after training"),
    ("Dense: {units: 3, bias_initializer: {Constant: [1, 2]}}", "[8]", "has 2 values"),
    ("Dense: {units: 3, bias_constraint: {MaxNorm: {axis: 1}}}", "[8]", "this weight has 1 axis"),
    ("Dense: {units: 3, bias_regularizer: orthogonal_regularizer}", "[8]", "takes weights of 2 axes"),
    ("Dense: {units: 3, lora_rank: 2, kernel_constraint: max_norm}", "[8]", "does not go with `kernel_constraint`"),
    ("LSTM: {units: 3, bias_initializer: null}", "[5, 8]", "needs one"),
    ("LSTM: {units: 3, dtype: bfloat16}", "[5, 8]", "orthogonal"),
    ("RNN: {StackedRNNCells: {LSTMCell: 4}}", "[5, 8]", "expected a list of cells"),
    ("BatchNormalization: {renorm: true, renorm_clipping: 3.0}", "[8]", "a mapping of `rmin`"),
    ("BatchNormalization: {renorm: true, renorm_clipping: {rmin: 0.3, rmax: 3.0}}", "[8]", None),
    ("RNN: {GRUCell: {units: 4, bias_initializer: orthogonal}}", "[5, 8]", None),
    ("Softmax: {axis: [1, -1]}", "[8]", "names an axis twice"),
    ("Rescaling: {scale: [1, 2]}", "[8]", "which do not fit the last axis"),
    ("Normalization: {mean: [1, 2], variance: 2.0}", "[8]", "of one length"),
    ("RandomHue: 0.2", "[16, 16, 4]", "3 channels"),
    ("RandomFlip", "[8]", "3 or 4 axes"),
    ("RandomContrast: 0.2", "{shape: [16, 16, 3], dtype: uint8}", "takes decimal numbers"),
    (
        "Resizing: {height: 4, width: 4, crop_to_aspect_ratio: true, pad_to_aspect_ratio: true}",
        "[8, 8, 3]",
        "does not go",
    ),
    ("IntegerLookup: {vocabulary: [1, 2], salt: 3}", "{shape: [1], dtype: int64}", "oov_method: farmhash"),
    (
        "StringLookup: {vocabulary: [a], output_mode: tf_idf, idf_weights: [1, 2]}",
        "{shape: [1], dtype: string}",
        "one for",
    ),
    ("Hashing: {num_bins: 3, mask_value: 0}", "{shape: [1], dtype: string}", "stands for no value"),
    ("SpectralNormalization: {BatchNormalization: {}}", "[8]", "no kernel to normalize"),
]


@pytest.mark.parametrize(("step", "shape", "said"), FOUND, ids=[step for step, *_ in FOUND])
def test_what_keras_would_find_later(step: str, shape: str | None, said: str | None) -> None:
    inputs, source = ("a: [5, 8], b: [5, 8]", "\n    from: [a, b]") if shape is None else (f"x: {shape}", "")
    found = analyze_text(f"inputs: {{{inputs}}}\nlayers:\n  - {step}{source}\n").diagnostics
    assert [said in each.message for each in found] == [True] if said is not None else found == (), found


STATES = [
    ("Bidirectional: {GRU: 3}", "[h, h]", None),
    ("Bidirectional: {GRU: 3}", "[h, g]", "so its initial states are (batch, 3); got (batch, 2)"),
    ("Bidirectional: {LSTM: 3}", "[h, h]", "needs 2 initial states, got 1"),
    ("RNN: {cell: [{LSTMCell: 3}, {GRUCell: 2}]}", "[h, h, g]", None),
    ("RNN: {cell: [{LSTMCell: 3}, {GRUCell: 2}]}", "[h, g, h]", "initial state 2 belongs to a cell of 3 units"),
]


@pytest.mark.parametrize(("step", "states", "said"), STATES, ids=[f"{step} {states}" for step, states, _ in STATES])
def test_states_that_a_run_would_find_wrong(step: str, states: str, said: str | None) -> None:
    head = "inputs: {x: [5, 8], h: [3], g: [2]}\nlayers:\n"
    text = f"  - {step}\n    from: {{sequences: x, initial_state: {states}}}\n"
    errors = [each for each in analyze_text(head + text).diagnostics if each.severity == "error"]
    assert [said in each.message for each in errors] == [True] if said is not None else not errors, errors


TRAINED = [
    ("losses: {CategoricalCrossentropy: {axis: -2}}", "counts this axis from 0"),
    ("losses: {SparseCategoricalCrossentropy: {axis: 2}}", "has no axis 2"),
    ("losses: {CosineSimilarity: {axis: [1, -1]}}", "named twice"),
    ("losses: {CategoricalFocalCrossentropy: {alpha: [0.1, 0.2]}}", "2 weights"),
    ("losses: categorical_crossentropy\nmetrics: [{Precision: {class_id: 3}}]", "has 3 classes"),
    ("losses: mse\noptimizer: {SGD: {learning_rate: null}}", "or a schedule, got `null`"),
    ("losses: mse\nfit: {callbacks: [SwapEMAWeights]}", "needs averages of the weights"),
    ("losses: mse\noptimizer: {Muon: {exclude_layers: ['(']}}", "no regular expression"),
    (
        "losses: mse\noptimizer: {SGD: {learning_rate: {ExponentialDecay: {initial_learning_rate: 0.1, decay_steps: 3, "
        "decay_rate: half}}}}",
        "expected a number, 0 or more",
    ),
]


@pytest.mark.parametrize(("training", "said"), TRAINED, ids=[training[:60] for training, _ in TRAINED])
def test_what_training_would_find(training: str, said: str) -> None:
    head = "inputs: {x: [8]}\nlayers:\n  - Dense: {units: 3, activation: softmax}\n"
    errors = [each for each in analyze_text(head + training + "\n").diagnostics if each.severity == "error"]
    assert [said in each.message for each in errors] == [True], errors
