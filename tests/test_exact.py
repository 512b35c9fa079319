"""Keras's own verdict by a dry build: nothing is allocated, what we do not know is found and placed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import keras
import pytest
from conftest import ROOT

from netspec.catalog import shapes
from netspec.catalog.shapes.rule import NOTHING_KNOWN, RULES
from netspec.catalog.types import Inferred, TensorType, Weights
from netspec.diagnostics import Diagnostic, Report
from netspec.graph import infer
from netspec.pipeline import Analysis, analyze_text
from netspec.runtime.model import build, exact

pytestmark = pytest.mark.keras

GIANT = """
inputs: {words: {shape: [null], dtype: int32}}
layers:
  - Embedding: {input_dim: 5000000, output_dim: 2000}
  - LSTM: 64
  - Dense: 1
losses: mse
"""


def verdict(found: Analysis) -> tuple[Diagnostic, ...]:
    assert found.checked is not None, [each.message for each in found.diagnostics]
    report = Report(found.document)
    exact.verify(found.checked, report)
    return report.diagnostics


def test_keras_still_has_the_name_that_a_dry_build_needs() -> None:
    from keras.src.backend.common import global_state

    name = "uninitialized_variables"
    with keras.StatelessScope(initialize_variables=False):
        keras.layers.Dense(3).build((None, 2))
    left = global_state.get_global_attribute(name)
    assert left, "Keras no longer lists the variables that have no value under this name: see exact.no_weights"
    global_state.set_global_attribute(name, [])

    with exact.no_weights():
        layer = keras.layers.Dense(3)
        layer.build((None, 2))
        assert global_state.get_global_attribute(name)
    assert global_state.get_global_attribute(name) == []
    assert layer.kernel._value is None  # no array was made
    keras.layers.Dense(3)(keras.ops.ones((1, 2)))  # and Keras works on as before


def test_the_list_is_cleared_when_keras_refuses() -> None:
    from keras.src.backend.common import global_state

    with pytest.raises(RuntimeError), exact.no_weights():
        keras.layers.Dense(3).build((None, 2))
        raise RuntimeError
    assert global_state.get_global_attribute("uninitialized_variables") == []


def test_ten_billion_parameters_are_checked_in_little_memory() -> None:
    code = (
        "import re, sys\n"
        "from netspec.pipeline import analyze_text\n"
        "from netspec.diagnostics import Report\n"
        "from netspec.runtime.model import exact\n"
        "found = analyze_text(sys.stdin.read())\n"
        "report = Report(found.document)\n"
        "exact.verify(found.checked, report)\n"
        "model = exact.dry_model(found.checked)\n"
        # Not ru_maxrss, which a process inherits from the one that started it.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
        "print(len(report.diagnostics), model.count_params(), peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=GIANT, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    findings, parameters, kilobytes = map(int, done.stdout.split())
    assert (findings, parameters) == (0, 10_000_528_705)
    assert kilobytes < 1_000_000


def test_what_keras_refuses_and_we_do_not_know_is_said_at_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "Conv2D", lambda ask: NOTHING_KNOWN)
    text = "inputs: {x: [5, 5]}\nlayers:\n  - Flatten\n  - Conv2D: {filters: 2, kernel_size: 3}\n"
    (found,) = verdict(analyze_text(text))
    assert (found.code, found.place.line) == ("NS408", 4)
    assert found.message.startswith("Keras refuses this: ") and "conv2d" in found.message.lower()
    assert "\n" not in found.message


def test_the_place_of_a_refused_call_is_the_call_of_a_shared_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
inputs: {a: [4], b: [5]}
shared: {d: {Dense: 2}}
layers:
  - {use: d, from: a, name: one}
  - {use: d, from: b, name: two}
outputs: [one, two]
"""
    assert [each.code for each in analyze_text(text).diagnostics] == ["NS407"]
    monkeypatch.setattr(shapes, "check_again", lambda *args: None)
    (found,) = verdict(analyze_text(text))
    assert (found.code, found.place.line) == ("NS408", 6)


def test_what_keras_refuses_inside_a_nested_model_is_said_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "Dense", lambda ask: NOTHING_KNOWN)
    text = """
inputs: {a: [null]}
layers:
  - model:
      inputs: {x: [null]}
      layers:
        - ReLU
        - Dense: 3
"""
    (found,) = verdict(analyze_text(text))
    assert (found.code, found.place.line) == ("NS408", 8)


def test_a_wrong_answer_of_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Inferred((TensorType((None, 7)),), Weights(1, 0))
    monkeypatch.setitem(RULES, "Dense", lambda ask: wrong)
    found = verdict(analyze_text("inputs: {x: [4]}\nlayers: [{Dense: 2}]\n"))
    assert [each.code for each in found] == ["NS409", "NS409"]
    assert "(batch, 7) float32 here, (batch, 2) float32 in Keras" in " ".join(each.message for each in found)
    assert "1 parameter here, 10 in Keras" in " ".join(each.message for each in found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("optimizer: {SGD: {learning_rate: 0.1, momentum: 0.5}}\n", None),
        ("losses: mse\nmetrics: [accuracy]\nfit: {callbacks: [{EarlyStopping: {monitor: loss}}]}\n", None),
    ],
)
def test_training_parts_are_made_too(text: str, line: int | None) -> None:
    assert verdict(analyze_text("inputs: {x: [4]}\nlayers: [{Dense: 2}]\n" + text)) == ()


def test_what_keras_refuses_of_the_training_is_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ValueError("not today\nand a second line")

    monkeypatch.setattr(keras.optimizers, "SGD", refuse)
    text = "inputs: {x: [4]}\nlayers: [{Dense: 2}]\nlosses: mse\noptimizer: {SGD: {learning_rate: 0.1}}\n"
    (found,) = verdict(analyze_text(text))
    assert (found.code, found.place.line, found.message) == ("NS408", 4, "Keras refuses this: not today")


STATEFUL = """
inputs: {x: {shape: [6, 8], batch_size: 4}}
layers:
  - LSTM: {units: 3, stateful: true, return_sequences: true}
  - Bidirectional: {GRU: {units: 2, stateful: true, return_sequences: true}}
  - RNN: {cell: [{LSTMCell: 3}, {GRUCell: 2}], stateful: true}
fit: {batch_size: 4}
"""


def test_stateful_layers_are_checked_without_their_states() -> None:
    found = analyze_text(STATEFUL)
    assert verdict(found) == ()
    assert found.checked is not None
    dry, real = exact.dry_model(found.checked), build.lower(found.checked)
    assert dry.count_params() == real.count_params()
    assert [tuple(t.shape) for t in dry.outputs] == [tuple(t.shape) for t in real.outputs] == [(4, 2)]


FROZEN = """
inputs: {x: [6, 8]}
layers:
  - LSTM: {units: 3, return_sequences: true, trainable: false}
  - Bidirectional: {layer: {LSTM: {units: 2, return_sequences: true, trainable: false}}}
  - Bidirectional: {layer: {GRU: {units: 2, return_sequences: true}}, trainable: false}
  - TimeDistributed: {layer: {Dense: 3}, trainable: false}
  - TimeDistributed: {Dense: {units: 3, trainable: false}}
  - RNN: {cell: {LSTMCell: {units: 2, trainable: false}}, return_sequences: true}
  - SpectralNormalization: {layer: {Dense: 3}, trainable: false}
  - BatchNormalization: {trainable: false}
  - TimeDistributed: {layer: {BatchNormalization: {}}, trainable: false}
  - RNN: {cell: {GRUCell: 2}, trainable: false}
  - Dense: 2
"""


def test_what_is_not_to_be_trained_is_frozen_with_all_that_is_inside() -> None:
    found = analyze_text(FROZEN)
    assert found.checked is not None, [each.message for each in found.diagnostics]
    for model in (build.lower(found.checked), exact.dry_model(found.checked)):
        assert [tuple(weight.shape) for weight in model.trainable_weights] == [(2, 2), (2,)]
    total = infer.own_weights(found.checked.typed.graph, found.checked.typed.weights).values()
    assert sum(each.trainable for each in total) == 6
    assert sum(each.non_trainable for each in total) == model.count_params() - 6


def test_a_shared_layer_is_frozen_wherever_it_is_used() -> None:
    text = """
inputs: {x: [3, 4]}
shared: {d: {Dense: 4}}
layers:
  - use: d
  - TimeDistributed: {layer: {use: d}, trainable: false}
  - use: d
"""
    found = analyze_text(text)
    assert found.checked is not None
    assert build.lower(found.checked).trainable_weights == []
    (own, _) = infer.own_weights(found.checked.typed.graph, found.checked.typed.weights).values()
    assert own == Weights(0, 20)
