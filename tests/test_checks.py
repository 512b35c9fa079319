"""Checks of a whole model: mended twins of golden cases are silent, so are sound specs, and errors are Keras's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import random_specs
from effort import lines

from netspec.pipeline import Analysis, analyze, analyze_text

GOLDEN = Path(__file__).parent / "golden"
MENDED = sorted((GOLDEN / "mended").glob("*.yaml"))
CODES = (
    *("NS306", "NS307", "NS312", "NS314", "NS504", "NS505", "NS506"),
    *(f"NS{code}" for code in range(513, 525)),
)


def codes(text: str) -> list[str]:
    """What is said of a spec, by code."""
    return [found.code for found in analyze_text(text).diagnostics]


@pytest.mark.parametrize("spec", MENDED, ids=lambda spec: spec.stem)
def test_the_mended_twin_gives_no_message(spec: Path) -> None:
    said = analyze(spec, shown=spec.name).diagnostics
    assert [(found.code, found.message) for found in said] == []
    assert analyze(GOLDEN / spec.name).diagnostics


def test_each_of_these_codes_has_a_mended_twin() -> None:
    assert {f"NS{code}" for code in range(514, 525)} | {"NS314"} <= {spec.stem[:5].upper() for spec in MENDED}


SOUND = {
    "attention pooling": """
inputs: {x: [20, 8]}
layers:
  - LSTM: {units: 8, return_sequences: true}
    name: states
  - Dense: {units: 1, activation: tanh}
  - Softmax: {axis: 1}
    name: weights
  - Multiply:
    from: [weights, states]
  - GlobalAveragePooling1D
  - Dense: {units: 1, activation: sigmoid}
    name: out
outputs: [out, weights]
losses: {out: binary_crossentropy, weights: null}
""",
    "a residual block that ends in dropout and is read by a layer": """
inputs: {x: [8]}
layers:
  - Dense: {units: 8, activation: relu}
  - Dropout: 0.5
    name: inside
  - Add:
    from: [inside, x]
  - Dense: 1
losses: mse
""".replace("  - Dropout: 0.5\n    name", "  - Dropout: 0.5\n    name"),
    "a recommender without weights behind its dropout": """
inputs: {user: {shape: [1], dtype: int32}, item: {shape: [1], dtype: int32}}
shared:
  rows: {Embedding: {input_dim: 100, output_dim: 8}}
  thin: {Dropout: 0.2}
layers:
  - use: rows
    from: user
  - Dropout: 0.2
    name: a
  - use: rows
    from: item
  - Dropout: 0.2
    name: b
  - Dot: {axes: 2}
    from: [a, b]
  - Flatten
losses: mse
""".replace("  thin: {Dropout: 0.2}\n", ""),
    "an encoder without losses that ends in dropout": """
inputs: {x: [8]}
layers:
  - Dense: 8
  - Dropout: 0.5
""",
    "frozen features with a head of its own": """
inputs: {image: [16, 16, 3]}
layers:
  - Conv2D: {filters: 4, kernel_size: 3, trainable: false}
  - BatchNormalization: {trainable: false}
  - ReLU
  - Flatten
  - BatchNormalization
  - Dense: {units: 1, activation: sigmoid}
losses: binary_crossentropy
""",
    "normalized inputs in front of frozen layers": """
inputs: {image: [16, 16, 3]}
layers:
  - BatchNormalization
  - Conv2D: {filters: 4, kernel_size: 3, trainable: false}
  - Flatten
  - Dense: 1
losses: mse
""",
    "channels first": """
inputs: {image: [3, 16, 16]}
layers:
  - Conv2D: {filters: 5, kernel_size: 1, data_format: channels_first}
  - Softmax: {axis: 1}
losses: {CategoricalCrossentropy: {axis: 1}}
""",
    "logits with metrics that say so": """
inputs: {x: [8]}
layers:
  - Dense: 1
losses: {BinaryCrossentropy: {from_logits: true}}
metrics: [{AUC: {from_logits: true}}, {BinaryAccuracy: {threshold: 0.0}}, {Precision: {thresholds: 0}}]
""",
    "numbers above 0 that a crossentropy makes into probabilities": """
inputs: {x: [8]}
layers:
  - Dense: {units: 3, activation: softplus}
losses: categorical_crossentropy
""",
    "counts": """
inputs: {x: [8]}
layers:
  - Dense: {units: 1, activation: exponential}
losses: poisson
""",
    "a hinge": """
inputs: {x: [8]}
layers:
  - Dense: 1
losses: hinge
metrics: [accuracy]
optimizer: {SGD: {learning_rate: 1.0}}
""",
    "a prediction beside the loss": """
inputs: {x: [8]}
layers:
  - Dense: {units: 4, activation: softmax}
    name: chances
  - ops.argmax: {axis: -1}
    from: chances
    name: choice
outputs: [chances, choice]
losses: {chances: sparse_categorical_crossentropy, choice: null}
""",
    "a loss that is only watched": """
inputs: {x: [8]}
layers:
  - Dense: 4
    name: code
  - Dense: 1
    name: out
    from: code
outputs: [out, code]
losses: {out: mse, code: {loss: mse, weight: 0}}
""",
    "a straight-through step": """
inputs: {x: [8]}
layers:
  - Dense: 4
    name: soft
  - ops.stop_gradient
  - Add:
    from: [soft, x4]
  - Dense: 1
losses: mse
""".replace("inputs: {x: [8]}", "inputs: {x: [8], x4: [4]}")
    .replace(
        "  - Dense: 4\n    name: soft\n  - ops.stop_gradient\n",
        "  - Dense: 4\n    from: x\n    name: soft\n  - ops.stop_gradient:\n    name: still\n",
    )
    .replace("[soft, x4]", "[soft, still, x4]"),
    "weights that only a penalty moves": """
inputs: {x: [8]}
layers:
  - Dense: {units: 4, activity_regularizer: l2}
    name: sparse
  - Dense: 1
    from: x
    name: out
outputs: [out, sparse]
losses: {out: mse, sparse: null}
""",
    "a stateful model that is not shuffled": """
inputs: {x: {shape: [6, 8], batch_size: 4}}
layers:
  - GRU: {units: 4, stateful: true}
  - Dense: 1
losses: mse
fit: {batch_size: 4, shuffle: false}
""",
    "an embedding as large as its vocabulary, and a larger one": """
inputs: {city: {shape: [1], dtype: string}}
layers:
  - StringLookup: {vocabulary: ["[UNK]", paris, rome], mask_token: null}
    name: numbers
  - Embedding: {input_dim: 3, output_dim: 4}
    name: a
  - Embedding: {input_dim: 30, output_dim: 4}
    from: numbers
    name: b
  - Concatenate:
    from: [a, b]
  - Flatten
  - Dense: 1
losses: mse
""",
    "a shared wrapper": """
inputs: {a: [5, 8], b: [5, 8]}
shared:
  inner: {Dense: 4}
  outer: {TimeDistributed: {use: inner}}
layers:
  - use: outer
    from: a
    name: left
  - use: outer
    from: b
    name: right
  - Add:
    from: [left, right]
  - Flatten
  - Dense: 1
losses: mse
""",
    "a shared layer that is repeated": """
inputs: {x: [8]}
shared: {step: {Dense: 8}}
layers:
  - use: step
    repeat: 3
  - Dense: 1
losses: mse
""",
    "one softmax, then another in a model of its own": """
inputs: {x: [8]}
layers:
  - Dense: {units: 3, activation: softmax}
  - Dense: {units: 3, activation: softmax}
losses: categorical_crossentropy
metrics: [accuracy, {TopKCategoricalAccuracy: {k: 2}}]
""",
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_specs_give_no_message(name: str) -> None:
    said = analyze_text(SOUND[name]).diagnostics
    assert [(found.code, found.message) for found in said] == []


WRONG = [  # (codes, layers and more)
    (["NS514"], "inputs: {x: [8]}\nlayers:\n  - Dense: 4\n  - ops.sign\n  - Dense: 1\nlosses: mse"),
    (["NS514"], "inputs: {x: [8]}\nlayers:\n  - Dense: 4\n  - ops.cast: {dtype: int32}\n  - Dense: 1\nlosses: mse"),
    (
        ["NS516"],
        "inputs: {x: [4, 8]}\nlayers:\n  - Dense: 4\n  - SpatialDropout1D: 0.1\n  - Activation: tanh\nlosses: mse",
    ),
    (
        ["NS516"],
        "inputs: {x: [8]}\nlayers:\n  - Dense: {units: 4, activation: softmax}\n  - AlphaDropout: 0.1\n"
        "losses: categorical_crossentropy",
    ),
    (["NS504"], "inputs: {x: [8, 2]}\nlayers:\n  - LSTM: 1\nlosses: binary_crossentropy"),
    (
        ["NS506"],
        "inputs: {x: [8, 8, 2]}\nlayers:\n  - Conv2D: {filters: 1, kernel_size: 1}\nlosses: binary_crossentropy",
    ),
    (["NS506"], "inputs: {x: [8, 2]}\nlayers:\n  - TimeDistributed: {Dense: 3}\nlosses: categorical_crossentropy"),
    (
        ["NS506"],
        "inputs: {x: [8]}\nlayers:\n  - model: {inputs: {z: [8]}, layers: [{Dense: 3}]}\n"
        "losses: sparse_categorical_crossentropy",
    ),
    (
        ["NS506"],
        "inputs: {x: [8]}\nlayers:\n  - Dense: 3\n  - ops.softmax\n"
        "losses: {CategoricalCrossentropy: {from_logits: true}}",
    ),
    (
        ["NS517"],
        "inputs: {x: [8, 3]}\nlayers:\n  - Dense: 3\n  - ops.softmax: {axis: 1}\nlosses: categorical_crossentropy",
    ),
    (["NS517"], "inputs: {x: [8, 3]}\nlayers:\n  - Dense: 3\n  - Softmax: {axis: -2}\n"),
    (
        ["NS518"],
        "inputs: {x: [8]}\nlayers:\n  - ops.argmax: {axis: -1}\n  - Reshape: [1]\n"
        "  - Embedding: {input_dim: 7, output_dim: 2}\n  - Flatten\n  - Dense: 1",
    ),
    (
        ["NS518"],
        "inputs: {x: [8]}\nlayers:\n  - Discretization: {num_bins: 9}\n"
        "  - model: {inputs: {z: [8]}, layers: [{Embedding: {input_dim: 8, output_dim: 2}}, Flatten]}\n  - Dense: 1",
    ),
    (
        ["NS519"],
        "inputs: {x: {shape: [6, 8], batch_size: 32}}\nlayers:\n  - Bidirectional: {LSTM: {units: 2, stateful: true}}\n"
        "  - Dense: 1\nlosses: mse",
    ),
]


@pytest.mark.parametrize("at", range(len(WRONG)))
def test_what_is_wrong_is_told_once(at: int) -> None:
    wanted, text = WRONG[at]
    assert codes(text) == wanted


def test_random_specs_have_no_semantic_error() -> None:
    """What the generator makes builds, so that only what no gradient reaches (of which the next file knows) is told."""
    for seed in range(150):
        found = analyze_text(random_specs.text(seed) + "\nlosses: mse\n").diagnostics
        errors = [each for each in found if each.severity == "error" and each.code in CODES and each.code != "NS514"]
        assert errors == [], (seed, [each.message for each in errors])


def test_the_checks_are_linear_in_steps() -> None:
    def effort(count: int) -> int:
        steps = "\n".join(f"  - {kind}" for _ in range(count) for kind in ("Dense: 8", "BatchNormalization", "ReLU"))
        text = f"inputs: {{x: [8]}}\nlayers:\n{steps}\n  - Dense: 1\nlosses: mse\n"
        assert not analyze_text(text).diagnostics
        return lines(lambda: analyze_text(text))

    assert effort(400) < 4.5 * effort(100)


# Held against Keras


def refused_by_keras(analysis: Analysis, given: Any) -> str | None:
    """Why Keras refuses to run the model of a spec on these inputs, whatever our own errors."""
    import keras
    import numpy as np
    import tensorflow as tf

    from netspec.graph.ir import Checked, Training
    from netspec.language.schema import Fit
    from netspec.runtime.model import build

    keras.utils.clear_session(free_memory=False)
    assert analysis.typed is not None
    model = build.lower(Checked("m", analysis.typed, Training({}, {}, {}, "sgd"), None, Fit(), ".", {}))
    try:
        model(tf.constant(np.array(given)))
    except tf.errors.InvalidArgumentError as error:
        return str(error)
    return None


EMBEDDED = [  # a step, rows that it needs, an input of which the last row comes
    ("StringLookup: {vocabulary: [a, b, c]}", "string", 4, "c"),
    ("StringLookup: {vocabulary: [a, b, c], mask_token: none}", "string", 5, "c"),
    ("StringLookup: {vocabulary: [a, b, c], num_oov_indices: 3}", "string", 6, "c"),
    ("StringLookup: {vocabulary: ['[UNK]', a, b, c]}", "string", 4, "c"),
    ("StringLookup: {vocabulary: [a, b, c], num_oov_indices: 0}", "string", 3, "c"),
    ("IntegerLookup: {vocabulary: [10, 20, 30]}", "int64", 4, 30),
    ("IntegerLookup: {vocabulary: [10, 20, 30], mask_token: 0}", "int64", 5, 30),
    ("TextVectorization: {vocabulary: [a, b, c], output_sequence_length: 1}", "string", 5, "c"),
    ("Discretization: {bin_boundaries: [0.0, 1.0]}", "float32", 3, 2.0),
    ("ops.argmax: {axis: -1}", "float32", 3, [0.0, 1.0, 2.0]),
]


@pytest.mark.keras
@pytest.mark.parametrize("at", range(len(EMBEDDED)))
def test_the_rows_that_an_embedding_needs_are_those_of_keras(at: int) -> None:
    step, dtype, rows, value = EMBEDDED[at]
    shape = [len(value)] if isinstance(value, list) else [1]
    for has in (rows - 1, rows):
        text = f"""
inputs: {{x: {{shape: {shape}, dtype: {dtype}}}}}
layers:
  - {step}
  - Embedding: {{input_dim: {has}, output_dim: 2}}
"""
        analysis = analyze_text(text)
        said = [(found.code, found.severity) for found in analysis.diagnostics]
        refusal = refused_by_keras(analysis, [value if isinstance(value, list) else [value]])
        assert said == ([("NS518", "error")] if has < rows else []), analysis.diagnostics
        assert (refusal is not None) == (has < rows), refusal


@pytest.mark.keras
def test_hashed_numbers_reach_the_last_bin() -> None:
    text = "inputs: {x: {shape: [1], dtype: int64}}\nlayers:\n  - Hashing: {num_bins: 5}\n" + (
        "  - Embedding: {input_dim: 4, output_dim: 2}\n"
    )
    analysis = analyze_text(text)
    assert [found.code for found in analysis.diagnostics] == ["NS518"]
    assert refused_by_keras(analysis, [[number] for number in range(40)]) is not None


@pytest.mark.keras
def test_keras_refuses_a_plateau_with_a_schedule() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "mse")
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=1e9)
    import numpy as np

    with pytest.raises(TypeError, match="not settable"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=4, verbose=0, callbacks=[plateau])


@pytest.mark.keras
def test_nothing_is_trained_where_all_weights_are_said_to_be_unreached() -> None:
    import keras
    import numpy as np

    stopped = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Discretization(bin_boundaries=[0.0])]
    )
    stopped.compile("sgd", "mse")
    with pytest.raises(ValueError, match="No gradients"):
        stopped.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    weighed = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    weighed.compile("sgd", "mse", loss_weights=[0.0])
    before = weighed.get_weights()
    weighed.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, weighed.get_weights(), strict=True))
    text = "inputs: {x: [2]}\nlayers:\n  - Dense: 3\n  - Discretization: {bin_boundaries: [0.0]}\nlosses: mse\n"
    assert [(found.code, found.severity) for found in analyze_text(text).diagnostics] == [("NS514", "error")]


@pytest.mark.keras
def test_a_frozen_normalization_changes_nothing_as_it_starts() -> None:
    import keras
    import numpy as np

    layer = keras.layers.BatchNormalization(trainable=False)
    given = np.random.default_rng(0).normal(3.0, 5.0, (8, 4)).astype("float32")
    assert np.allclose(layer(given, training=True), given, rtol=1e-3)
