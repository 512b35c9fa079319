"""Steps that see what stands behind them: what is said of a model is what Keras's own numbers show."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.graph.ahead import ahead
from netspec.graph.ir import TypedGraph
from netspec.pipeline import analyze_text

keras = pytest.importorskip("keras")

from netspec.runtime.model.build import lower  # noqa: E402

STEPS, WIDTH = 6, 4

# What comes between an Embedding, `e`, and the output: a step of it sees what stands behind, and by which layers.
LOOKING = {
    "both ways": ("{Bidirectional: {LSTM: {units: 4, return_sequences: true}}}", ["Bidirectional"]),
    "both ways, summed": (
        "{Bidirectional: {layer: {GRU: {units: 4, return_sequences: true}}, merge_mode: sum}}",
        ["Bidirectional"],
    ),
    "backwards": ("{LSTM: {units: 4, return_sequences: true, go_backwards: true}}", ["LSTM"]),
    "backwards twice": (
        "{GRU: {units: 4, return_sequences: true, go_backwards: true}}, "
        "{GRU: {units: 4, return_sequences: true, go_backwards: true}}",
        ["GRU", "GRU"],
    ),
    "same": ("{Conv1D: {filters: 4, kernel_size: 3, padding: same}}", ["Conv1D"]),
    "same, of two": ("{Conv1D: {filters: 4, kernel_size: 2, padding: same}}", ["Conv1D"]),
    "same, dilated": ("{Conv1D: {filters: 4, kernel_size: 2, padding: same, dilation_rate: 3}}", ["Conv1D"]),
    "separable": ("{SeparableConv1D: {filters: 4, kernel_size: 3, padding: same}}", ["SeparableConv1D"]),
    "depthwise": ("{DepthwiseConv1D: {kernel_size: 3, padding: same}}", ["DepthwiseConv1D"]),
    "pooled": ("{MaxPooling1D: {pool_size: 3, strides: 1, padding: same}}", ["MaxPooling1D"]),
    "averaged": ("{AveragePooling1D: {pool_size: 2, strides: 1, padding: same}}", ["AveragePooling1D"]),
    "attention": ("{Attention: {}, from: [e, e]}", ["Attention"]),
    "additive": ("{AdditiveAttention: {}, from: [e, e]}", ["AdditiveAttention"]),
    "heads": (
        "{MultiHeadAttention: {num_heads: 2, key_dim: 3}, from: {query: e, value: e}}",
        ["MultiHeadAttention"],
    ),
    "grouped": (
        "{GroupQueryAttention: {head_dim: 2, num_query_heads: 2, num_key_value_heads: 1}, from: {query: e, value: e}}",
        ["GroupQueryAttention"],
    ),
    "causal over both ways": (
        "{Bidirectional: {GRU: {units: 2, return_sequences: true}}, name: b}, "
        "{Attention: {}, from: [e, b], call: {use_causal_mask: true}}",
        ["Bidirectional"],
    ),
    "a mean beside each step": (
        "{GlobalAveragePooling1D: {}, name: m}, {RepeatVector: 6, name: r}, {Concatenate: {}, from: [e, r]}",
        ["GlobalAveragePooling1D"],
    ),
    "a maximum on each step": (
        "{GlobalMaxPooling1D: {keepdims: true}, name: m}, {Add: {}, from: [e, m]}",
        ["GlobalMaxPooling1D"],
    ),
    "flattened": ("Flatten, {Dense: 30}, {Reshape: [6, 5]}", ["Dense"]),
    "the end, repeated": ("{LSTM: 5}, {RepeatVector: 6}, {GRU: {units: 4, return_sequences: true}}", ["LSTM"]),
    "a state to begin with": (
        "{GRU: {units: 4, return_state: true}, name: g}, "
        "{GRU: {units: 4, return_sequences: true}, from: {sequences: e, initial_state: g.h}}",
        ["GRU"],
    ),
    "valid, flattened": (
        "{Conv1D: {filters: 4, kernel_size: 3}}, {MaxPooling1D: 2}, Flatten, {Dense: 12}, {Reshape: [6, 2]}",
        ["Dense"],
    ),
    "mixed along the steps": ("{Permute: [2, 1]}, {Dense: 6}, ReLU, {Dense: 6}, {Permute: [2, 1]}", ["Dense"]),
    "all, at each step": ("Flatten, {RepeatVector: 6}", ["RepeatVector"]),
    "normalized by groups": ("{GroupNormalization: {groups: 2}}", ["GroupNormalization"]),
    "normalized along": ("{LayerNormalization: {axis: [1, 2]}}", ["LayerNormalization"]),
    "units along": ("{UnitNormalization: {axis: 1}}", ["UnitNormalization"]),
    "softmax along": ("{Softmax: {axis: 1}}", ["Softmax"]),
    "inside": (
        "{model: {inputs: {a: [6, 4]}, layers: [{Bidirectional: {SimpleRNN: {units: 2, return_sequences: true}}}]}}",
        ["Bidirectional"],
    ),
}
# Nothing is said of these, and no step sees what stands behind it.
STRAIGHT = {
    "forwards": "{LSTM: {units: 4, return_sequences: true}}, {GRU: {units: 4, return_sequences: true}}",
    "causal": "{Conv1D: {filters: 4, kernel_size: 3, padding: causal, dilation_rate: 2}}",
    "of one": "{Conv1D: {filters: 4, kernel_size: 1}}, {Conv1D: {filters: 4, kernel_size: 1, padding: same}}",
    "causal attention": "{Attention: {}, from: [e, e], call: {use_causal_mask: true}}",
    "causal heads": (
        "{MultiHeadAttention: {num_heads: 2, key_dim: 3}, from: {query: e, value: e}, call: {use_causal_mask: true}}"
    ),
    "each step": "{Dense: 5}, LayerNormalization, BatchNormalization, ReLU, {TimeDistributed: {Dense: 4}}, Softmax",
    "there and back": "Flatten, {Reshape: [6, 4]}, {Permute: [2, 1]}, {Permute: [2, 1]}",
    "residual": "{GRU: {units: 4, return_sequences: true}, name: g}, {Add: {}, from: [e, g]}",
    "shifted": "{ZeroPadding1D: [2, 0]}, {Conv1D: {filters: 4, kernel_size: 3}}",
    "shifted back": (
        "{Conv1D: {filters: 4, kernel_size: 3, padding: same}}, {ZeroPadding1D: [1, 0]}, {Cropping1D: [0, 1]}"
    ),
    "too far": "{Conv1D: {filters: 4, kernel_size: 2, padding: same, dilation_rate: 13}}",
    "the first alone": "{AveragePooling1D: {pool_size: 1, strides: 6}}, Flatten, {Dense: 12}, {Reshape: [6, 2]}",
    "unrolled": "{SimpleRNN: {units: 4, return_sequences: true, unroll: true}}",
}


def typed(layers: str) -> Any:
    embedding = f"{{Embedding: {{input_dim: 20, output_dim: {WIDTH}}}, name: e}}"
    spec = (
        f"inputs: {{x: {{shape: [{STEPS}], dtype: int32}}}}\nlayers: [{embedding}, {layers}, {{Dense: 20, name: y}}]\n"
    )
    found = analyze_text(spec)
    assert found.checked is not None, [each.message for each in found.diagnostics]
    return found.checked


def shown(checked: Any) -> bool:
    """Whether in Keras some step of the output changes when a later one of the input does."""
    keras.utils.set_random_seed(3)
    model = lower(checked)
    dice = np.random.default_rng(1)
    for weight in model.trainable_weights:  # no zeros and no ones, as they would be after some training
        weight.assign(dice.uniform(0.3, 0.9, weight.shape) * dice.choice([-1, 1], weight.shape))
    before = dice.integers(2, 20, (8, STEPS))
    seen = False
    for step in range(1, STEPS):
        after = before.copy()
        after[:, step] = 2 + (after[:, step] - 1) % 18
        apart = np.abs(np.asarray(model(after)) - np.asarray(model(before)))
        seen = seen or bool((apart[:, :step] > 1e-5).any())
    return seen


def classes(found: TypedGraph) -> list[str]:
    return [call.layer.cls for call in ahead(found).get("y", ())]


@pytest.mark.parametrize("name", LOOKING)
def test_what_looks_ahead_is_named_and_does_so_in_keras(name: str) -> None:
    layers, by = LOOKING[name]
    checked = typed(layers)
    assert classes(checked.typed)[: len(by)] == by
    assert shown(checked)


@pytest.mark.parametrize("name", STRAIGHT)
def test_nothing_is_said_of_what_does_not(name: str) -> None:
    checked = typed(STRAIGHT[name])
    assert not classes(checked.typed)
    assert not shown(checked)


ANY = [
    "{Dense: 4}",
    "{LSTM: {units: 4, return_sequences: true}}",
    "{SimpleRNN: {units: 4, return_sequences: true, go_backwards: true}}",
    "{Bidirectional: {layer: {SimpleRNN: {units: 4, return_sequences: true}}, merge_mode: ave}}",
    "{Conv1D: {filters: 4, kernel_size: 2, padding: causal}}",
    "{Conv1D: {filters: 4, kernel_size: 2, padding: same}}",
    "{MaxPooling1D: {pool_size: 2, strides: 1, padding: same}}",
    "LayerNormalization",
    "{Permute: [2, 1]}, {Permute: [2, 1]}",
    "Flatten, {Reshape: [6, 4]}",
    "{ZeroPadding1D: [1, 0]}, {Cropping1D: [0, 1]}",
    "{Activation: tanh}",
]


@pytest.mark.parametrize("seed", range(8))
def test_stacks_of_anything_are_only_blamed_for_what_keras_shows(seed: int) -> None:
    dice = random.Random(seed)
    checked = typed(", ".join(dice.choices(ANY, k=3)))
    if classes(checked.typed):
        assert shown(checked)


TEXT = """
inputs: {letters: {shape: [10], dtype: int32}}
layers:
  - Embedding: {input_dim: 30, output_dim: 8}
  - Bidirectional: {LSTM: {units: 8, return_sequences: true}}
  - Conv1D: {filters: 8, kernel_size: 3, padding: same}
  - Dense: {units: 30, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
data:
  train: book.txt
  features: {letters: {text: {by: characters, vocabulary: 30}}}
"""


def test_a_running_text_is_warned_of_each_layer(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("the night was clear and the sea lay still. " * 4)
    found = analyze_text(TEXT, folder=str(tmp_path)).diagnostics
    assert [(each.code, each.severity, each.place.line) for each in found] == [
        ("NS537", "warning", 5),
        ("NS537", "warning", 6),
    ]
    assert found[1].help == "say `padding: causal`"
    one = TEXT.replace("Conv1D: {filters: 8, kernel_size: 3, padding: same}", "LSTM: 8")
    assert not analyze_text(one, folder=str(tmp_path)).diagnostics  # one token for a window
    rows = TEXT[: TEXT.index("data:")]
    assert not analyze_text(rows, folder=str(tmp_path)).diagnostics  # labels that are no part of the input
