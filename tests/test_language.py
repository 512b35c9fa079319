"""The corners of the language: each spec is legal, and Keras's own dry build agrees with what we say of its shapes."""

from __future__ import annotations

import pytest

from netspec.diagnostics import Report
from netspec.graph.ir import LayerDef
from netspec.pipeline import Analysis, analyze_text

pytestmark = pytest.mark.keras

LEGAL = {
    "repeat 0 is a pass-through": "inputs: {x: [8]}\nlayers: [{Dense: 8, repeat: 0, name: fc}, {Dense: 1, from: fc}]",
    "repeat 3 makes three layers": """
inputs: {x: [8]}
layers: [{Dense: 8, repeat: 3, name: fc}, {Add: , from: [fc_1, fc]}]
""",
    "repeat with use is one layer": """
inputs: {x: [8]}
shared: {enc: {Dense: 8}}
layers: [{use: enc, repeat: 3, name: e}, {Add: , from: [e_1, e_3]}]
""",
    "repeat 0 with use": "inputs: {x: [8]}\nshared: {enc: {Dense: 8}}\nlayers: [{use: enc, repeat: 0}, Dense: 1]",
    "a model repeated": "inputs: {x: [8]}\nlayers: [{model: {inputs: {y: [8]}, layers: [Dense: 8]}, repeat: 3}]",
    "names for several outputs": """
inputs: {x: [10, 8]}
layers:
  - LSTM: {units: 4, return_state: true, return_sequences: true}
    name: [seq, h, c]
  - LSTM: {units: 4, return_sequences: true}
    from: {sequences: seq, initial_state: [h, c]}
  - Flatten
  - Concatenate:
    from: [h, c]
""",
    "outputs picked by name": """
inputs: {x: [10, 8]}
layers:
  - LSTM: {units: 4, return_state: true}
    name: encoder
  - Add:
    from: [encoder.h, encoder.c]
outputs: {state: encoder.h, first: encoder.output}
""",
    "GRU with a state": """
inputs: {x: [10, 8], s: [4]}
layers:
  - GRU: 4
    from: {sequences: x, initial_state: s}
""",
    "Bidirectional with states": """
inputs: {x: [10, 8]}
layers:
  - Bidirectional: {LSTM: {units: 4, return_state: true}}
    name: [out, fh, fc, bh, bc]
  - Bidirectional: {LSTM: 4}
    from: {sequences: x, initial_state: [fh, fc, bh, bc]}
""",
    "Bidirectional with merge_mode": """
inputs: {x: [10, 8]}
layers: [Bidirectional: {layer: {GRU: 4}, merge_mode: sum}]
""",
    "RNN of one cell": "inputs: {x: [10, 8]}\nlayers: [RNN: {LSTMCell: 4}]",
    "RNN of cells": """
inputs: {x: [10, 8]}
layers: [RNN: {cell: [{LSTMCell: 4}, {GRUCell: 6}], return_sequences: true}]
""",
    "attention by names": """
inputs: {q: [10, 8], m: [7, 8]}
layers:
  - MultiHeadAttention: {num_heads: 2, key_dim: 4}
    from: {query: q, value: m, key: m}
    call: {use_causal_mask: true}
""",
    "attention scores": """
inputs: {q: [10, 8]}
layers:
  - MultiHeadAttention: {num_heads: 2, key_dim: 4}
    from: {query: q, value: q}
    call: {return_attention_scores: true}
    name: [out, scores]
outputs: [out, scores]
""",
    "a nested model by mapping and by list": """
inputs: {a: [8], b: [6]}
shared:
  pair:
    inputs: {left: [8], right: [6]}
    layers:
      - Concatenate:
        from: [left, right]
      - Dense: 3
layers:
  - use: pair
    from: {right: b, left: a}
    name: one
  - use: pair
    from: [a, b]
    name: two
outputs: [one, two]
""",
    "a nested model with several outputs": """
inputs: {x: [8]}
layers:
  - model:
      inputs: {y: [8]}
      layers:
        - Dense: 3
          name: small
        - Dense: 9
          from: y
          name: large
      outputs: [small, large]
    name: both
  - Concatenate:
    from: [both.small, both.large]
""",
    "a nested model of any length": """
inputs: {x: [12, 8]}
layers:
  - model: {inputs: {y: [null, 8]}, layers: [Dense: 4]}
  - Flatten
""",
    "a nested model that takes one axis more": """
inputs: {x: [8, 1]}
layers: [{model: {inputs: {y: [8]}, layers: [Dense: 4]}}]
""",
    "a model inside TimeDistributed": """
inputs: {video: [5, 8, 8, 3]}
shared:
  vision: {inputs: {f: [8, 8, 3]}, layers: [Conv2D: {filters: 4, kernel_size: 3}, Flatten]}
layers:
  - TimeDistributed: {use: vision}
  - TimeDistributed: {model: {inputs: {v: [144]}, layers: [Dense: 2]}}
""",
    "TimeDistributed in three forms": """
inputs: {x: [5, 8]}
layers: [TimeDistributed: {Dense: 8}, TimeDistributed: {layer: {Dense: 8}}, TimeDistributed: Flatten]
""",
    "a wrapper under shared": """
inputs: {x: [5, 8]}
shared: {inner: {Dense: 8}, outer: {TimeDistributed: {use: inner}}}
layers: [{use: outer}, {use: inner}, {use: outer, name: again}]
""",
    "a shared layer on two shapes": """
inputs: {a: [32, 32, 3], b: [64, 64, 3]}
shared: {conv: {Conv2D: {filters: 4, kernel_size: 3}}}
layers: [{use: conv, from: a, name: one}, {use: conv, from: b, name: two}]
outputs: [one, two]
""",
    "a bare shared name": "inputs: {x: [8]}\nshared: {enc: {Dense: 4}}\nlayers: [use: enc, {Dense: 1, from: enc}]",
    "variables everywhere": """
vars: {width: 8, double: $(width * 2), rate: 0.5, conv: {filters: $width, kernel_size: 3}, which: relu}
inputs: {x: ["$double", "$(double)", 3]}
shared: {enc: {Dense: {units: $(width + 1), activation: $which}}}
layers:
  - Conv2D: $conv
  - Conv2D: {filters: $width, kernel_size: [$(width - 5), 3]}
  - Flatten
  - use: enc
  - Dropout: $rate
  - Dense: $(width // 3 - 1)
    repeat: $(width / 4)
fit: {epochs: $width}
""",
    "anchors and merge keys": """
inputs: {x: [16, 16, 3]}
layers:
  - Conv2D: &conv {filters: 8, kernel_size: 3, padding: same}
  - Conv2D: {<<: *conv, filters: 4}
""",
    "names with hyphens": """
inputs: {my-x: [8]}
layers: [{Dense: 8, name: fc-1}, {Dense: 1, from: fc-1, name: out-put}]
""",
    "trainable and dtype": """
inputs: {x: [8]}
layers:
  - Dense: {units: 8, trainable: false}
  - Dense: {units: 4, dtype: mixed_bfloat16}
  - Dense: {units: 2, dtype: float64}
""",
    "objects in arguments": """
inputs: {x: [8]}
layers:
  - Dense: {units: 8, kernel_initializer: he_normal, activity_regularizer: {L2: 0.01}, activation: leaky_relu}
  - Dense: {units: 8, kernel_initializer: {TruncatedNormal: {stddev: 0.1, seed: 1}}, kernel_constraint: {MaxNorm: 2}}
  - Dense: {units: 8, bias_regularizer: l1, kernel_regularizer: {L1L2: {l1: 0.1, l2: 0.1}}, bias_constraint: non_neg}
""",
    "an output that is taken on": """
inputs: {x: [8]}
layers: [{Dense: 3, name: a}, {Dense: 1, name: b, from: a}]
outputs: {first: a, last: b}
""",
    "an unused input": "inputs: {a: [8], b: [8]}\nlayers: [{Dense: 1, from: a}]",
    "a fixed batch": """
inputs: {x: {shape: [6, 8], batch_size: 4}}
layers: [LSTM: {units: 3, stateful: true}]
fit: {batch_size: 4}
""",
    "one tensor twice": "inputs: {x: [8]}\nlayers: [{Concatenate: , from: [x, x]}]",
    "Concatenate of one": "inputs: {x: [8]}\nlayers: [{Concatenate: , from: [x]}, Dense: 1]",
}


def analysis_of(text: str) -> Analysis:
    return analyze_text(text, shown="spec.yaml")


@pytest.mark.parametrize("name", LEGAL)
def test_keras_agrees(name: str) -> None:
    from netspec.runtime.model import exact

    analysis = analysis_of(LEGAL[name])
    assert analysis.checked is not None, [found.message for found in analysis.diagnostics]
    report = Report(analysis.document)
    exact.verify(analysis.checked, report)
    assert [found.message for found in report.diagnostics] == []


def test_what_repeat_makes() -> None:
    typed = analysis_of(LEGAL["repeat 3 makes three layers"]).typed
    assert typed is not None
    assert [call.name for call in typed.graph.calls] == ["fc_1", "fc_2", "fc_3", "add"]
    assert len({id(call.layer) for call in typed.graph.calls}) == 4
    typed = analysis_of(LEGAL["repeat with use is one layer"]).typed
    assert typed is not None and len({id(call.layer) for call in typed.graph.calls}) == 2


def test_where_variables_go() -> None:
    analysis = analysis_of(LEGAL["variables everywhere"])
    assert analysis.checked is not None and analysis.checked.fit.epochs == 8
    layers = [call.layer for call in analysis.checked.typed.graph.calls]
    args = [layer.args for layer in layers if isinstance(layer, LayerDef)]
    assert args[0] == {"filters": 8, "kernel_size": 3} and args[1]["kernel_size"] == [3, 3]
    assert args[3] == {"units": 9, "activation": "relu"} and [each.get("units") for each in args[5:]] == [1, 1]
