"""`dtype_policy` against Keras's global policy: types, bytes of weights, and what is refused."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import random_specs

import netspec
from netspec import catalog
from netspec.catalog import legacy, samples
from netspec.catalog.dtypes import POLICIES
from netspec.catalog.types import Unknown
from netspec.diagnostics import ERROR
from netspec.graph.costs import costs
from netspec.pipeline import analyze_text

GRAPHS = int(os.environ.get("NETSPEC_GRAPHS", "300")) // 3
LOW = ("mixed_bfloat16", "mixed_float16", "float16", "float64")


def by_hand(text: str, policy: str) -> Any:
    """The model of a spec that says no policy, built after `keras.config.set_dtype_policy`."""
    from netspec.runtime.model import build, exact

    plain = analyze_text(text).checked
    assert plain is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if '"stateful": true' in text or "stateful: true" in text:
            return build.lower(replace(plain, policy=policy))
        return exact.dry_model(replace(plain, policy=policy))


def compared(text: str, policy: str) -> tuple[list[str], int]:
    """What differs between our answer under a policy and Keras's, and whether it is a whole answer."""
    import keras
    import keras_graph

    plain = analyze_text(text)
    if plain.checked is None:
        return [], 0
    ours = analyze_text(f"dtype_policy: {policy}\n{text}")
    errors = [each for each in ours.diagnostics if each.severity == ERROR]
    keras.utils.clear_session(free_memory=False)
    try:
        model = by_hand(text, policy)
    except Exception as error:  # Keras's verdict
        return ([] if errors else [f"Keras refuses: {error}"]), 1
    if errors:  # at the first step it may refuse more
        assert all("dtype_policy" in each.message or each.code[:3] == "NS4" for each in errors), errors
        return [], 0
    assert ours.checked is not None
    found = keras_graph.disagreements(ours.checked.typed, model)
    weights = costs(ours.checked.typed).weights.exact
    theirs = sum(math.prod(weight.shape) * weight.value.dtype.size for weight in model.weights)
    if not isinstance(weights, Unknown) and weights != theirs:
        found.append(f"{weights} bytes of weights, Keras says {theirs}")
    return found, 1


@pytest.mark.keras
@pytest.mark.parametrize("policy", LOW)
def test_every_layer_and_cell_has_the_types_that_keras_gives_it_under_the_global_policy(policy: str) -> None:
    wrong, held = [], 0
    for kind in ("layer", "cell", "op"):
        for name in catalog.names(kind):
            entry = catalog.find(kind, name)
            if entry is not None and entry.excluded is None and not legacy.refused(kind, name):
                found, whole = compared(samples.spec(entry), policy)
                wrong += [f"{entry.name}: {each}" for each in found]
                held += whole
    assert not wrong, "\n".join(wrong)
    assert held > 200


OWN = """
inputs: {x: {shape: [1], dtype: string}, y: {shape: [1], dtype: string}, z: [1], k: {shape: [1], dtype: int32}}
layers:
  - HashedCrossing: {num_bins: 9, output_mode: one_hot}
    from: [x, y]
    name: a
  - Hashing: {num_bins: 9, output_mode: multi_hot}
    from: x
    name: b
  - Discretization: {bin_boundaries: [0.5], output_mode: one_hot}
    from: z
    name: c
  - IntegerLookup: {vocabulary: [3, 4], output_mode: multi_hot}
    from: k
    name: d
  - Concatenate:
    from: [a, b, c, d]
"""


@pytest.mark.keras
@pytest.mark.parametrize("policy", LOW)
def test_layers_with_a_dtype_of_their_own_keep_it_as_in_keras(policy: str) -> None:
    assert compared(OWN, policy) == ([], 1)


@pytest.mark.keras
@pytest.mark.parametrize("policy", LOW[:2])
def test_random_models_have_the_types_that_keras_gives_them_under_the_global_policy(policy: str) -> None:
    wrong, held = [], 0
    for seed in range(GRAPHS):
        found, whole = compared(random_specs.text(seed), policy)
        wrong += [f"{seed}: {each}" for each in found]
        held += whole
    assert not wrong, f"{len(wrong)} disagreements\n" + "\n".join(wrong[:20])
    assert held > 0.3 * GRAPHS


HEAD = """
netspec: 1
name: head
inputs: {x: [4]}
dtype_policy: %s
layers:
  - Dense: {units: 8, activation: relu}
  - Dense: 1
    name: y
losses: mse
metrics: [mae]
optimizer: adam
data: {train: rows.csv, validation: 0.25, features: {x: [a, b, c, d]}, targets: {y: {column: t, normalize: true}}}
fit: {epochs: 2, seed: 1}
"""


@pytest.mark.keras
@pytest.mark.parametrize("policy", POLICIES)
def test_a_model_of_any_policy_trains_is_scored_in_the_units_of_its_column_and_predicts_floats(
    policy: str, tmp_path: Path
) -> None:
    import keras

    lines = [f"{at / 40},{at % 3},{at % 5},{at % 7},{at * 100_000}" for at in range(40)]
    (tmp_path / "rows.csv").write_text("a,b,c,d,t\n" + "\n".join(lines) + "\n", encoding="utf-8")
    spec = tmp_path / "spec.yaml"
    spec.write_text(HEAD % policy, encoding="utf-8")
    made = netspec.fit(spec, out=tmp_path / "run")
    assert keras.config.dtype_policy().name == "float32"
    assert 0 < made.metrics["validation"]["y"]["mae"] < 1e8  # a column's units go beyond float16
    found = netspec.predict(made.run, tmp_path / "rows.csv", out=tmp_path / "p.csv")
    assert found.outputs["y"].dtype.name in ("float32", "float64") and found.outputs["y"].shape[0] == 40
    assert [float(line) for line in (tmp_path / "p.csv").read_text(encoding="utf-8").split()[1:]]
    assert netspec.evaluate(made.run).scores


@pytest.mark.keras
def test_the_global_policy_is_what_it_was_and_no_part_of_a_spec() -> None:
    import keras

    from netspec.runtime.model import build

    text = "inputs: {x: [4]}\nlayers: [Dense: 2, Dropout: 0.1]\nlosses: mse\n"
    plain, mixed = analyze_text(text).checked, analyze_text(f"dtype_policy: mixed_float16\n{text}").checked
    assert plain is not None and mixed is not None
    keras.config.set_dtype_policy("float64")
    try:
        assert {layer.dtype_policy.name for layer in build.build(plain).layers} == {"float32"}
        model = build.build(mixed)
        assert keras.config.dtype_policy().name == "float64"
    finally:
        keras.config.set_dtype_policy("float32")
    assert [layer.dtype_policy.name for layer in model.layers[1:]] == ["mixed_float16"] * 2
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    broken = replace(mixed, typed=replace(mixed.typed, graph=replace(mixed.typed.graph, name="a b/c\0")))
    with contextlib.suppress(Exception):
        build.build(broken)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.keras
def test_a_deep_model_which_another_thread_builds_has_its_policy_too() -> None:
    from netspec.runtime.model import build

    text = "dtype_policy: bfloat16\ninputs: {x: [4]}\nlayers: [{Activation: relu, repeat: 250}]\n"
    deep = analyze_text(text).checked
    assert deep is not None
    model = build.lower(deep)
    assert model.outputs[0].dtype == "bfloat16" and model.dtype_policy.name == "bfloat16"


def test_memory_is_that_of_the_policys_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.model import build

    text = "inputs: {x: [1000]}\nlayers: [Dense: 1000]\nlosses: mse\n"
    monkeypatch.setattr(build, "free_memory", lambda: 5_000_000)
    for policy, fits in (("float32", False), ("mixed_bfloat16", False), ("bfloat16", True), ("float64", False)):
        checked = analyze_text(f"dtype_policy: {policy}\n{text}").checked
        assert checked is not None
        if fits:
            build._check_memory(checked, 1)
        else:
            with pytest.raises(build.TooBig, match="8.0 MB" if policy == "float64" else "4.0 MB"):
                build._check_memory(checked, 1)


@pytest.mark.parametrize(
    ("written", "said", "help"),
    [
        ("mixed_bfloat61", "expected one of `mixed_float16`", "did you mean `mixed_bfloat16`?"),
        ("float_32", "expected one of `mixed_float16`", "did you mean `float32`?"),
        ("int32", "no model computes in `int32` as a whole", "give single layers a `dtype` of their own"),
        ("16", "got `16`", None),
        ("{a: 1}", "got `{a: 1}`", None),
        ("int8_from_float32", "quantized after training", "leave it out"),
    ],
)
def test_a_policy_that_is_none_is_refused(written: str, said: str, help: str | None) -> None:
    (found,) = analyze_text(f"inputs: {{x: [4]}}\ndtype_policy: {written}\nlayers: [Dense: 2]\n").diagnostics
    assert found.code == "NS206" and said in found.message and found.place.line == 2
    assert found.help == help


def test_a_layer_that_does_not_compute_in_the_policy_is_refused_where_it_stands() -> None:
    text = "dtype_policy: mixed_bfloat16\ninputs: {x: [8, 8, 3]}\nlayers:\n  - RandomZoom: 0.2\n  - Flatten\n"
    (found,) = analyze_text(text).diagnostics
    assert found.code == "NS206" and found.place.line == 4
    assert found.message == "`RandomZoom` does not compute in `bfloat16`, which is the `dtype_policy` of the spec"
    cured = text.replace("RandomZoom: 0.2", "RandomZoom: {height_factor: 0.2, dtype: float32}")
    assert not analyze_text(cured).diagnostics


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        ("  - Dense: {units: 3, activation: softmax}\n", 4),
        ("  - Dense: 3\n  - Softmax\n", 5),
        ("  - Dense: 3\n  - Activation: {activation: sigmoid}\n", 5),
        ("  - Dense: 3\n  - ops.softmax\n", 5),
        ("  - model:\n      inputs: {z: [8]}\n      layers:\n        - Dense: {units: 3, activation: softmax}\n", 7),
        ("  - Dense: {units: 3, activation: softmax, dtype: float32}\n", None),
        ("  - Dense: 3\n  - Activation: {activation: softmax, dtype: float32}\n", None),
        ("  - Dense: 3\n", None),
        ("  - Dense: {units: 3, activation: softmax}\n  - Reshape: {target_shape: [3], dtype: float32}\n", None),
    ],
)
def test_probabilities_of_16_bits_are_warned_about(layers: str, line: int | None) -> None:
    text = f"dtype_policy: mixed_float16\ninputs: {{x: [8]}}\nlayers:\n{layers}losses: categorical_crossentropy\n"
    found = [each for each in analyze_text(text).diagnostics if each.code == "NS534"]
    assert [each.place.line for each in found] == ([] if line is None else [line])
    for policy in ("float32", "float64"):
        again = analyze_text(text.replace("mixed_float16", policy))
        assert not [each for each in again.diagnostics if each.code == "NS534"]


REGULARIZED = (
    "Dense: {units: 3, activity_regularizer: %s}",
    "Dense: {units: 3, kernel_regularizer: %s, bias_regularizer: %s}",
    "Dense: {units: 3, kernel_regularizer: %s, trainable: false}",
    "Dense: {units: 3, kernel_regularizer: %s, activity_regularizer: %s, dtype: float32}",
    "ActivityRegularization: {l1: 0.1}",
    "BatchNormalization: {gamma_regularizer: %s}",
    "LSTM: {units: 3, recurrent_regularizer: %s, return_sequences: true}",
    "Conv1D: {filters: 3, kernel_size: 1, activity_regularizer: %s}",
    "Dense: {units: 3, kernel_regularizer: %s, dtype: float16}",
    "Dense: {units: 3, kernel_regularizer: %s, dtype: mixed_bfloat16}",
    "Dense: {units: 3, activity_regularizer: %s, dtype: mixed_bfloat16}",
    "TimeDistributed: {Dense: {units: 3, kernel_regularizer: %s}}",
    "TimeDistributed: {Dense: {units: 3, activity_regularizer: %s}}",
    "TimeDistributed: {layer: {Dense: {units: 3, kernel_regularizer: %s}}, trainable: false}",
    "Bidirectional: {GRU: {units: 3, return_sequences: true, bias_regularizer: %s, dtype: float16}}",
    "Bidirectional: {GRU: {units: 3, return_sequences: true, activity_regularizer: %s}}",
    "RNN: {cell: {GRUCell: {units: 3, kernel_regularizer: %s}}, return_sequences: true}",
    "RNN: {cell: {GRUCell: {units: 3, kernel_regularizer: %s, dtype: float16}}, return_sequences: true}",
    "RNN: {cell: [{GRUCell: 3}, {LSTMCell: {units: 3, kernel_regularizer: %s}}], return_sequences: true}",
    "RNN: {cell: {GRUCell: {units: 3, dtype: float16}}, return_sequences: true, activity_regularizer: %s}",
    "SpectralNormalization: {Dense: {units: 3, kernel_regularizer: %s}}",
    "SpectralNormalization: {Dense: {units: 3, activity_regularizer: %s}}",
    "model: {inputs: {d: [4, 3]}, layers: [{TimeDistributed: {Dense: {units: 3, bias_regularizer: %s}}}]}",
)


@pytest.mark.keras
@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16", "float64", "float32"])
def test_regularizers_whose_loss_keras_cannot_add_are_refused(policy: str) -> None:
    np = pytest.importorskip("numpy")
    build = pytest.importorskip("netspec.runtime.model.build")
    for at, layer in enumerate(REGULARIZED):
        layer = layer.replace("%s", ("l2", "{L1: {l1: 0.1}}", "l1_l2")[at % 3])
        text = f"inputs: {{x: [4, 3]}}\ndtype_policy: {policy}\nlayers:\n  - {layer}\n"
        text += "  - Dense: {units: 1, dtype: float32}\nlosses: mse\n"
        analysis = analyze_text(text)
        told = {each.code for each in analysis.diagnostics if each.severity == "error"}
        untrained = analyze_text(text.replace("losses: mse\n", "")).checked
        if untrained is None:  # it does not compute in the policy at all
            continue
        model = build.build(untrained)
        model.compile("sgd", "mse")
        try:
            model.train_on_batch(np.ones((2, 4, 3)), np.ones((2, 4, 1)))
            refused = False
        except TypeError:
            refused = True
        assert told == ({"NS206"} if refused else set()), (layer, analysis.diagnostics)


@pytest.mark.parametrize("metric", ["SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy"])
@pytest.mark.parametrize("policy", LOW)
def test_the_largest_numbers_are_looked_for_in_float32_alone(metric: str, policy: str) -> None:
    import keras
    import numpy as np

    loss = ("sparse_" if metric.startswith("Sparse") else "") + "categorical_crossentropy"
    text = f"dtype_policy: {policy}\ninputs: {{x: [8]}}\nlayers:\n  - Dense: {{units: 3, activation: softmax}}\n"
    text += f"losses: {loss}\nmetrics: [{{{metric}: {{k: 2}}}}]\n"
    (found,) = (each for each in analyze_text(text).diagnostics if each.severity == ERROR)
    assert found.code == "NS206" and found.place.line == 6
    assert analyze_text(text.replace("softmax}", "softmax, dtype: float32}")).ok
    labels = np.zeros((2, 1)) if metric.startswith("Sparse") else np.eye(3)[:2]
    with pytest.raises(Exception, match="InTopKV2"):
        keras.metrics.get({"class_name": metric, "config": {"k": 2}}).update_state(
            labels, keras.ops.ones((2, 3), policy.removeprefix("mixed_"))
        )
