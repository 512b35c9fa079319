"""The lowering against handwritten Keras: the same layers, connections and numbers; training parts by output name."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import handwritten
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from netspec import catalog
from netspec.graph.ir import Checked
from netspec.graph.training import logged
from netspec.pipeline import analyze, analyze_text
from netspec.runtime.model import build
from netspec.runtime.run.splits import generated

pytestmark = pytest.mark.keras

# What makes the specs that are too big for a test small, by the names of their variables.
SMALL: dict[str, dict[str, int]] = {
    "vgg": {"size": 32},
    "inception": {"size": 16},
    "residual": {"size": 16},
    "lstm_classifier": {"max_features": 300},
    "video_frames": {"steps": 3},
    "vqa": {"size": 32},
    "video_qa": {"frames": 2, "size": 32},
}
NAMES = sorted(handwritten.MODELS)


def small(name: str) -> Checked:
    settings = [f"vars.{key}={value}" for key, value in SMALL.get(name, {}).items()]
    checked = analyze(ROOT / "specs" / f"{name}.yaml", overrides=settings).checked
    assert checked is not None
    return checked


def by_hand(name: str) -> Any:
    return handwritten.MODELS[name](**SMALL.get(name, {}))


def spec(text: str) -> Checked:
    found = analyze_text(text)
    assert found.checked is not None, [each.message for each in found.diagnostics]
    return found.checked


def examples(model: Any, count: int = 4, seed: int = 0) -> list[np.ndarray]:
    """Random inputs of the right shapes, ids that every Embedding has; a free dimension is 7."""
    dice = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = [tensor.shape[0] or count, *(size or 7 for size in tensor.shape[1:])]
        whole = tensor.dtype.startswith("int")
        arrays.append((dice.integers(0, 64, shape) if whole else dice.normal(size=shape)).astype(tensor.dtype))
    return arrays


def plain(config: Any, order: dict[str, int]) -> Any:
    """A model's config without names: a layer is the number of its place."""
    if isinstance(config, dict):
        if "keras_history" in config:
            name, *rest = config["keras_history"]
            return ["history", order[name], *rest]
        if config.get("class_name") == "Functional":
            return ["model", *pattern(config["config"])]
        return {key: plain(value, order) for key, value in config.items() if key != "name"}
    if isinstance(config, list | tuple):
        if len(config) == 3 and isinstance(config[0], str) and config[0] in order:
            return [order[config[0]], *config[1:]]
        return [plain(each, order) for each in config]
    return config


def pattern(config: dict[str, Any]) -> list[Any]:
    """The layers of a functional model with their arguments and connections, its inputs and outputs."""
    order = {layer["name"]: at for at, layer in enumerate(config["layers"])}
    return [plain(config[key], order) for key in ("layers", "input_layers", "output_layers")]


def equal(ours: Any, theirs: Any) -> bool:
    """The same numbers, bit for bit."""
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(equal(ours[name], theirs[name]) for name in theirs)
    return np.asarray(ours).tobytes() == np.asarray(theirs).tobytes() and ours.shape == theirs.shape


def answer(model: Any, x: Any) -> Any:
    """The model's outputs; recurrent ones as a graph, which is many times faster over a hundred steps."""
    recurrent = any(isinstance(layer, keras.layers.RNN) for layer in model._flatten_layers())
    return tf.function(model)(x) if recurrent else model(x)


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_is_the_handwritten_model(name: str) -> None:
    keras.utils.set_random_seed(1)
    ours, theirs = build.build(small(name)), by_hand(name)
    assert pattern(ours.get_config()) == pattern(theirs.get_config())
    assert ours.count_params() == theirs.count_params()

    ours.set_weights(theirs.get_weights())  # one order of weights: the order of the spec
    x = examples(theirs)
    if len(x) == 1:
        assert equal(answer(ours, x[0]), answer(theirs, x[0]))
        return
    wanted = answer(theirs, x)
    assert equal(answer(ours, x), wanted)
    by_name = {tensor.name: array for tensor, array in zip(ours.inputs, x, strict=True)}
    assert equal(answer(ours, dict(reversed(by_name.items()))), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_spec_reads_back_equal(name: str, tmp_path: Path) -> None:
    checked = small(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # `netspec build` says nothing but its result
        size, parameters = build.save(checked, tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert size == (tmp_path / "model.keras").stat().st_size

    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    fresh = build.build(checked)
    assert again.count_params() == fresh.count_params() == parameters
    assert pattern(again.get_config()) == pattern(fresh.get_config())
    fresh.set_weights(again.get_weights())
    x = examples(fresh)
    assert equal(answer(again, x if len(x) > 1 else x[0]), answer(fresh, x if len(x) > 1 else x[0]))


def test_a_saved_spec_is_compiled(tmp_path: Path) -> None:
    checked = small("mlp_softmax")
    build.save(checked, tmp_path / "model.keras")
    again, fresh = keras.models.load_model(tmp_path / "model.keras"), build.build(checked)
    rate = keras.optimizers.schedules.InverseTimeDecay(0.01, decay_steps=1, decay_rate=1e-6)
    wanted = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True).get_config()
    for model in (again, fresh):
        assert {**model.optimizer.get_config(), "name": wanted["name"]} == wanted
        assert isinstance(model.loss, keras.losses.CategoricalCrossentropy)
        assert set(model.fit(*ones(model), verbose=0).history) == {"loss", "accuracy"}


def ones(model: Any, rows: int = 8) -> tuple[list[np.ndarray], Any]:
    """Inputs and targets of ones, of the model's shapes."""
    x = [np.ones((rows, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    y = {
        name: np.ones((rows, *tensor.shape[1:])) for name, tensor in zip(model.output_names, model.outputs, strict=True)
    }
    return x if len(x) > 1 else x[0], y if len(y) > 1 else next(iter(y.values()))


SHARED = """
inputs: {a: [4], b: [4]}
shared: {score: {Dense: 1}}
layers:
  - {use: score, from: a, name: score_a}
  - {use: score, from: b, name: score_b}
"""


def test_two_outputs_of_one_layer_have_losses_and_metrics_of_their_own() -> None:
    checked = spec(
        SHARED
        + "outputs: {left: score_a, right: score_b}\n"
        + "losses: {left: mse, right: {loss: mae, weight: 0.5}}\n"
        + "metrics: {right: [mse, {MeanAbsoluteError: {name: distance}}]}\n"
    )
    model = build.build(checked)
    model.set_weights([np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0.5])])
    x = {"b": np.full((8, 4), 2.0, "float32"), "a": np.ones((8, 4), "float32")}
    assert {name: float(value[0, 0]) for name, value in model(x).items()} == {"left": 10.5, "right": 20.5}
    y = {"right": np.full((8, 1), 17.5), "left": np.full((8, 1), 8.5)}
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs == {
        "loss": 4.0 + 0.5 * 3.0,
        "left_loss": 4.0,
        "right_loss": 3.0,
        "right_mse": 9.0,
        "right_distance": 3.0,
    }
    assert set(logs) == set(logged(checked.training, ("left", "right")))
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert set(history) == set(logs)
    assert history["loss"][1] < history["loss"][0]


def test_conv_two_sizes_trains() -> None:
    model = build.build(small("conv_two_sizes"))
    logs = model.fit(*ones(model), epochs=2, verbose=0).history
    assert set(logs) == {"loss", "conved_a_loss", "conved_b_loss"}
    assert logs["loss"][0] == pytest.approx(logs["conved_a_loss"][0] + logs["conved_b_loss"][0], rel=1e-5)
    assert logs["loss"][1] < logs["loss"][0]


def test_a_list_of_metrics_is_each_on_every_output() -> None:
    model = build.build(small("twitter"))
    x, y = ones(model)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    outputs = ("main_output", "aux_output")
    assert set(logs) == {"loss", *(f"{name}_{what}" for name in outputs for what in ("loss", "accuracy"))}
    assert logs["loss"] == pytest.approx(logs["main_output_loss"] + 0.2 * logs["aux_output_loss"], rel=1e-5)
    # Ones are what the sigmoid rounds to, or not: a binary accuracy, whatever each output guesses.
    guesses = model.predict(x, verbose=0)
    for name in outputs:
        assert logs[f"{name}_accuracy"] == np.mean(guesses[name] > 0.5)


def test_an_output_without_a_loss_is_trained_by_none() -> None:
    checked = spec(SHARED + "outputs: [score_a, score_b]\nlosses: {score_a: mse, score_b: null}\nmetrics: [mae]\n")
    model = build.build(checked)
    x, y = ones(model)
    logs = model.fit(x, y, verbose=0).history
    assert set(logs) == {"loss", "score_a_mae", "score_b_mae"}
    assert set(logs) == set(logged(checked.training, ("score_a", "score_b")))


def test_the_weight_of_a_single_loss_counts() -> None:
    text = "inputs: {x: [4]}\nlayers: [{Dense: {units: 1, kernel_initializer: zeros}}]\n"
    text += "losses: {loss: mse, weight: 0.25}\nmetrics: [mse]\n"
    model = build.build(spec(text))
    assert model.evaluate(*ones(model), verbose=0, return_dict=True) == {"loss": 0.25, "mse": 1.0}
    by_name = text.replace("{loss: mse, weight: 0.25}", "{dense: {loss: mse, weight: 0.25}}")
    model = build.build(spec(by_name.replace("}}]", "}, name: dense}]")))
    assert model.evaluate(*ones(model), verbose=0, return_dict=True) == {"loss": 0.25, "mse": 1.0}


@pytest.mark.parametrize("several", [False, True])
def test_metrics_are_logged_under_the_names_that_we_expect(several: bool) -> None:
    text = "inputs: {x: [4]}\nlayers:\n  - {Dense: {units: 1, activation: sigmoid}, name: p}\n"
    if several:
        text += "  - {Dense: {units: 1, activation: sigmoid}, from: x, name: q}\noutputs: [p, q]\n"
    by_name = [name for name in catalog.identifiers("metric") if not catalog.find("metric", name).required]
    assert len(by_name) > 60
    with_arguments = ["{AUC: {name: area}}", "{Precision: {thresholds: 0.3, name: at_3}}", "{MeanIoU: 2}"]
    checked = spec(text + "losses: mse\nmetrics: [" + ", ".join(by_name + with_arguments) + "]\n")
    model = build.build(checked)
    model.run_eagerly = True
    x, y = ones(model)
    zeros = {name: 0 * value for name, value in y.items()} if several else 0 * y  # a class number that there is
    logs = model.evaluate(x, zeros, verbose=0, return_dict=True)
    assert sorted(logs) == sorted(logged(checked.training, ("p", "q") if several else ("p",)))


def test_callbacks_are_made_as_they_are_written() -> None:
    text = "inputs: {x: [4]}\nlayers: [{Dense: 1}]\nlosses: mse\nfit:\n  callbacks:\n"
    text += "    - EarlyStopping: {monitor: loss, patience: 2}\n    - TerminateOnNaN\n"
    text += "    - ReduceLROnPlateau: {monitor: loss}\n"
    checked = spec(text)
    stop, nan, plateau = build.callbacks(checked)
    assert (type(stop).__name__, stop.monitor, stop.patience) == ("EarlyStopping", "loss", 2)
    assert (type(nan).__name__, type(plateau).__name__) == ("TerminateOnNaN", "ReduceLROnPlateau")
    assert build.callbacks(checked)[0] is not stop


def test_initializers_regularizers_and_constraints_reach_the_layer() -> None:
    text = """
inputs: {x: [4]}
layers:
  - Dense:
      units: 2
      kernel_initializer: {HeNormal: {seed: 3}}
      kernel_regularizer: {L2: 0.5}
      bias_constraint: {MaxNorm: 1}
      bias_initializer: ones
losses: mse
"""
    model = build.build(spec(text))
    layer = model.layers[1]
    assert (layer.kernel_initializer.seed, float(layer.kernel_regularizer.l2)) == (3, 0.5)
    assert layer.bias_constraint.max_value == 1
    assert layer.get_weights()[1].tolist() == [1.0, 1.0]
    assert len(model.losses) == 1


def test_repeat_makes_new_weights_inside_wrappers_and_models_too() -> None:
    text = """
inputs: {x: [3, 4]}
shared: {same: {Dense: 4}}
layers:
  - TimeDistributed: {Dense: 4}
    repeat: 3
  - model: {inputs: {y: [3, 4]}, shared: {d: {Dense: 4}}, layers: [{use: d}, {use: d}]}
    repeat: 2
  - TimeDistributed: {use: same}
    repeat: 4
"""
    checked = spec(text)
    model = build.build(checked)
    assert model.count_params() == 20 * (3 + 2 + 1)
    assert len({id(weight) for weight in model.weights}) == 2 * (3 + 2 + 1)


def test_steps_that_feed_nothing_are_left_out_and_inputs_are_kept() -> None:
    text = (
        "inputs: {x: [4], y: [2]}\nlayers:\n  - {Dense: 1, from: x, name: out}\n  - {Dense: 9, from: x, name: lost}\n"
    )
    model = build.build(spec(text + "outputs: [out]\nlosses: mse\n"))
    assert [tensor.name for tensor in model.inputs] == ["x", "y"]
    assert model.count_params() == 5


def test_weights_that_cannot_fit_are_refused_before_they_are_made() -> None:
    checked = spec("inputs: {x: [1000000]}\nlayers: [{Dense: 1000000000}]\n")
    with pytest.raises(build.TooBig, match=r"take 4\.0 PB, and .* is free"):
        build.build(checked)


CHAIN = "inputs: {x: [4]}\nlayers:\n" + "  - Dense: 4\n" * 2000 + "losses: mse\noptimizer: sgd\n"
INNER = """
inputs: {x: [4]}
shared: {deep: {inputs: {y: [4]}, layers: [{Dense: 4, repeat: 1200}]}}
layers: [{TimeDistributed: {use: deep}}]
losses: mse
""".replace("{x: [4]}", "{x: [2, 4]}")


@pytest.mark.slow
def test_a_chain_of_2000_steps_is_built_saved_read_back_and_trained(tmp_path: Path) -> None:
    checked = spec(CHAIN)
    build.save(checked, tmp_path / "deep.keras")
    model = build.build(checked)
    assert model.count_params() == 40_000
    model.compile("sgd", "mse", run_eagerly=True)  # the same calls; TensorFlow needs minutes to optimize such a graph
    before = model.get_weights()[-2]
    loss = model.train_on_batch(*ones(model))
    assert math.isfinite(loss)
    assert not np.array_equal(model.get_weights()[-1], np.zeros(4)) and before.shape == (4, 4)


@pytest.mark.slow
def test_a_deep_model_inside_a_model_is_built_and_saved(tmp_path: Path) -> None:
    checked = spec(INNER)
    assert build.save(checked, tmp_path / "deep.keras")[1] == 24_000


STACK = "{cell: [{LSTMCell: 3}, {GRUCell: 2}]"


@pytest.mark.parametrize(
    ("layer", "states"),
    [
        (f"RNN: {STACK}}}", "[h, c, g]"),
        ("RNN: {cell: [{LSTMCell: 3}]}", "[h, c]"),
        ("RNN: {cell: {LSTMCell: 3}}", "[h, c]"),
        (f"RNN: {STACK.replace('[', '{StackedRNNCells: {cells: [').replace(']', ']}}')}}}", "[h, c, g]"),
        (f"Bidirectional: {{RNN: {STACK}}}}}", "[h, c, g, c, h, g]"),
    ],
)
def test_a_stack_of_cells_starts_from_the_states_that_it_is_given(layer: str, states: str) -> None:
    head = "inputs: {x: [6, 4], h: [3], c: [3], g: [2]}\nlayers:\n"
    text = f"{head}  - {layer}\n    from: {{sequences: x, initial_state: {states}}}\n"
    checked = analyze_text(text).checked
    assert checked is not None
    model = build.build(checked)
    zeros = [np.zeros((2, *each.shape[1:])) for each in model.inputs]
    started = [zeros[0], *(each + 1 for each in zeros[1:])]
    assert not np.allclose(model(zeros), model(started))


def test_what_keras_adds_by_itself_never_takes_the_name_of_a_step() -> None:
    text = """
inputs: {x: {shape: [5], dtype: int32}}
layers:
  - Embedding: {input_dim: 4, output_dim: 3, mask_zero: true}
  - LSTM: 4
  - Dense: 4
    name: not_equal
  - Dense: 1
    name: not_equal_1
losses: mse
"""
    for _ in range(3):
        model = build.build(spec(text))
        assert {"not_equal", "not_equal_1"} <= {layer.name for layer in model.layers}


@pytest.mark.parametrize(
    "text",
    [
        "inputs: {x: [null, 3]}\nlayers: [Conv1D: {filters: 1, kernel_size: 3}]\nlosses: mse\n",
        "inputs: {x: [null, null, 3]}\nlayers: [MaxPooling2D: 2, Conv2D: {filters: 2, kernel_size: 3}]\nlosses: mse\n",
        "inputs: {t: {shape: [1], dtype: string}}\nlayers: [TextVectorization: {vocabulary: [word3]}, "
        "Embedding: {input_dim: 3, output_dim: 2}, GlobalAveragePooling1D, Dense: 1]\nlosses: mse\n",
    ],
)
def test_examples_fit_models_with_free_dimensions_and_texts(text: str) -> None:
    checked = analyze_text(text).checked
    assert checked is not None
    part = generated(checked, 8, seed=1).train
    model = build.build(checked)
    (x,), (y,) = part.examples.x.values(), part.examples.y.values()
    fed = tf.constant(x) if x.dtype == object else x
    assert model(fed).shape == y.shape
