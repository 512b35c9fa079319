"""Memory and trainability against Keras: weights' bytes, every output of the built model, which layers are frozen."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import random_specs
from conftest import ROOT
from effort import lines

from netspec.catalog.types import UNKNOWN, Unknown
from netspec.graph.costs import NOTHING, Costs, Total, costs, of
from netspec.graph.ir import Graph, TypedGraph
from netspec.pipeline import Analysis, analyze, analyze_text

BATCH = 5
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def built(analysis: Analysis) -> Any:
    """The Keras model of a spec, without its weights."""
    import keras

    from netspec.runtime.model import exact

    assert analysis.checked is not None
    keras.utils.clear_session(free_memory=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exact.dry_model(analysis.checked)


def width(dtype: Any) -> int:
    import tensorflow as tf

    return int(tf.as_dtype(dtype).size)


def weight_bytes(model: Any) -> int:
    return sum(math.prod(weight.shape) * width(weight.dtype) for weight in model.weights)


class OtherShapes(Exception):
    """A nested model is called on other shapes than it was made for, so its own tensors do not tell what it makes."""


def output_bytes(model: Any, graph: Graph, batch: int) -> int | None:
    """What all layers of a model put out for one batch; None where a size is free."""
    layers = {call.layer.name: call.layer for call in graph.live_calls()}
    total = 0
    for node in (node for nodes in model._nodes_by_depth.values() for node in nodes):
        name = node.operation.name
        if name not in layers:  # an input, or a mask that goes along with a tensor
            assert type(node.operation).__name__ in ("InputLayer", "NotEqual", "Any", "LogicalAnd"), name
            continue
        part = _node_bytes(node, layers[name], batch)
        if part is None:
            return None
        total += part
    return total


def _node_bytes(node: Any, ours: Any, batch: int) -> int | None:
    import keras

    layer, steps = node.operation, 1
    given = [tuple(tensor.shape) for tensor in node.input_tensors]
    while isinstance(layer, keras.layers.TimeDistributed):
        steps, given = steps * (given[0][1] or 0), [(given[0][0], *given[0][2:])]
        layer, ours = layer.layer, ours.args["layer"]
    if isinstance(layer, keras.Model):
        if given != [tuple(tensor.shape) for tensor in layer.inputs]:
            raise OtherShapes
        inside = output_bytes(layer, ours, batch)
        return None if inside is None or not steps else steps * inside
    total = 0
    for tensor in keras.tree.flatten(node.output_tensors):
        first, *rest = tensor.shape or (1,)
        if None in rest or tensor.sparse or tensor.dtype == "string":
            return None
        total += math.prod((batch if first is None else first, *rest)) * width(tensor.dtype)
    return total


def trained(layer: Any) -> str | None:
    """What Keras trains of a layer: all that can be trained of it, some or nothing; None where it has no weights."""
    if not layer.weights:
        return None
    flags = {weight.trainable for part in layer._flatten_layers() for weight in part._trainable_variables}
    return "part" if len(flags) == 2 else "yes" if True in flags else "no"


def disagreements(analysis: Analysis, model: Any) -> Iterator[str]:
    assert analysis.typed is not None
    found = costs(analysis.typed, BATCH)
    if not isinstance(found.weights.exact, Unknown) and found.weights.exact != weight_bytes(model):
        yield f"{found.weights.exact:,} bytes of weights, Keras has {weight_bytes(model):,}"
    if not isinstance(found.parameters.exact, Unknown) and found.parameters.exact != model.count_params():
        yield f"{found.parameters.exact:,} parameters, Keras has {model.count_params():,}"
    try:
        outputs = output_bytes(model, analysis.typed.graph, found.batch_size)
    except OtherShapes:
        outputs = None
    if not isinstance(found.activations.exact, Unknown) and outputs not in (None, found.activations.exact):
        yield f"{found.activations.exact:,} bytes of outputs, Keras has {outputs}"
    for row in found.rows:
        state = trained(model.get_layer(row.call.layer.name)) if not row.call.layer.cls.startswith("ops.") else None
        if not isinstance(row.trainable, Unknown) and row.trainable != state:
            yield f"{row.call.name} is trained: {row.trainable}, Keras says {state}"


@pytest.mark.keras
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_shipped_specs_cost_what_keras_says(path: Any) -> None:
    analysis = analyze(path)
    assert analysis.typed is not None
    assert list(disagreements(analysis, built(analysis))) == []
    found = costs(analysis.typed, BATCH)
    free = any(None in part.shape for part in analysis.typed.graph.inputs.values() if part is not None)
    assert not found.weights.unknown and not found.parameters.unknown
    assert bool(found.flops.unknown) == bool(found.activations.unknown) == free


def compare(seeds: range) -> tuple[list[str], int, int]:
    """What is wrong, how many specs were compared, and how many of their costs are not known in full."""
    wrong, compared, unknown = [], 0, 0
    for seed in seeds:
        text = random_specs.text(seed)
        analysis = analyze_text(text)
        if analysis.checked is None or '"stateful": true' in text:
            continue
        try:
            model = built(analysis)
        except Exception:  # what Keras refuses and we do not know is the differential test's business
            continue
        compared += 1
        found = costs(analysis.checked.typed)
        unknown += bool(found.weights.unknown or found.activations.unknown or found.flops.unknown)
        wrong += [f"{seed}: {each}" for each in disagreements(analysis, model)]
    return wrong, compared, unknown


@pytest.mark.keras
def test_random_graphs() -> None:
    wrong, compared, unknown = compare(range(50))
    assert not wrong, "\n".join(wrong)
    assert compared > 20 and unknown < compared


@pytest.mark.keras
@pytest.mark.slow
def test_many_random_graphs() -> None:
    wrong, compared, unknown = compare(range(50, 600))
    assert not wrong, "\n".join(wrong)
    assert compared > 200 and unknown < 0.8 * compared


def of_text(text: str, batch_size: int = 32) -> Costs:
    analysis = analyze_text(text)
    assert analysis.typed is not None and analysis.ok, [each.message for each in analysis.diagnostics]
    return costs(analysis.typed, batch_size)


NESTED = """
inputs: {x: [6, 7, 8]}
shared:
  inner:
    inputs: {a: %s}
    layers:
      - Dense: 3
      - model: {inputs: {b: %s}, layers: [{LSTM: 4}]}
layers:
  - {use: inner, from: first, name: one}
  - {use: inner, from: second, name: two}
  - {Add: {}, from: [one, two]}
losses: mse
"""


def test_a_nested_model_costs_what_it_does_on_the_shapes_that_it_is_given() -> None:
    free = NESTED.replace("{x: [6, 7, 8]}", "{first: [7, 8], second: [5, 8]}") % ("[null, 8]", "[null, 3]")
    found = of_text(free)
    one, two, _ = found.rows
    same = NESTED.replace("{x: [6, 7, 8]}", "{first: [7, 8], second: [7, 8]}") % ("[7, 8]", "[7, 3]")
    other, again, _ = of_text(same).rows
    assert one.flops == other.flops == again.flops and one.outputs == other.outputs == again.outputs
    assert two.flops.known * 7 == one.flops.known * 5 and not two.flops.unknown
    assert (one.parameters, two.parameters) == (other.parameters, NOTHING)
    assert of_text(free, 64).activations == found.activations.times(2)


FRAMES = """
inputs: {x: [%s, 8]}
shared:
  f: {inputs: {a: [8]}, layers: [{Dense: 4}, {Dense: 2}]}
layers:
  - {TimeDistributed: {use: f}, name: a}
  - {TimeDistributed: {use: f}, from: x, name: b}
  - {Add: {}, from: [a, b]}
losses: mse
"""


def test_a_model_at_each_step_costs_all_steps() -> None:
    for row in of_text(FRAMES % 9).rows[:2]:
        assert row.flops.known == 9 * 2 * (8 * 4 + 4 * 2) and row.outputs.known == 32 * 9 * (4 + 2) * 4
    assert of_text(FRAMES % "null").flops.unknown == 2


@pytest.mark.parametrize(
    ("dtype", "size", "outputs"),
    [("float16", 2, 2), ("float64", 8, 8), ("mixed_float16", 4, 2), ("mixed_bfloat16", 4, 2), ("bfloat16", 2, 2)],
)
def test_weights_and_outputs_have_the_bytes_of_their_dtypes(dtype: str, size: int, outputs: int) -> None:
    found = of_text(f"inputs: {{x: [3]}}\nlayers:\n  - Dense: {{units: 2, dtype: {dtype}}}\nlosses: mse\n", 10)
    assert (found.weights.exact, found.activations.exact) == (8 * size, 10 * 2 * outputs)


CELLS = """
inputs: {x: [4, 3]}
layers:
  - RNN: {cell: [{LSTMCell: {units: 2, dtype: float16}}, {GRUCell: {units: 2, dtype: %s}}], return_sequences: true}
  - Bidirectional: {layer: {LSTM: {units: 2, dtype: float16}}, dtype: float16}
losses: mse
"""


def test_cells_and_directions_have_dtypes_of_their_own() -> None:
    rnn, both = of_text(CELLS % "float16").rows
    assert rnn.weights.exact == 2 * rnn.parameters.known and both.weights.exact == 2 * both.parameters.known
    assert of_text(CELLS % "float32").rows[0].weights == Total(0, 1)


def test_a_fixed_batch_size_is_the_one_that_counts() -> None:
    text = "inputs: {x: {shape: [3], batch_size: 8}}\nlayers: [{Dense: 2}]\nlosses: mse\nfit: {batch_size: 8}\n"
    found = of_text(text, 100)
    assert found.batch_size == 8 and found.activations.exact == 8 * 2 * 4 and found.flops.exact == 12


def test_sums_with_unknown_parts() -> None:
    assert of(UNKNOWN) + of(3) == Total(3, 1) and isinstance(Total(3, 1).exact, Unknown)
    assert Total(3, 1).times(4) == Total(12, 1) and Total(3).times(UNKNOWN) == Total(0, 1)
    assert NOTHING.times(UNKNOWN) == NOTHING and of(0) == NOTHING


def chain(steps: int) -> TypedGraph:
    text = "inputs: {x: [4]}\nlayers:\n" + "  - Dense: 4\n" * steps + "losses: mse\n"
    typed = analyze_text(text).typed
    assert typed is not None
    return typed


def test_time_is_linear_in_steps() -> None:
    taken = {}
    for steps in (500, 2_000):
        typed = chain(steps)
        assert costs(typed).flops.exact == steps * 32
        taken[steps] = lines(lambda typed=typed: costs(typed))  # type: ignore[misc]
    assert taken[2_000] < 4.5 * taken[500], taken


def test_a_model_that_is_called_often_is_costed_once() -> None:
    def called(steps: int, calls: int) -> int:
        inner = "\n".join("      - Dense: 4" for _ in range(steps))
        shared = f"shared:\n  f:\n    inputs: {{a: [4]}}\n    layers:\n{inner}\n"
        text = f"inputs: {{x: [4]}}\n{shared}layers:\n  - {{use: f, repeat: {calls}}}\nlosses: mse\n"
        typed = analyze_text(text).typed
        assert typed is not None
        found = costs(typed)
        assert found.flops.exact == calls * steps * 32 and found.parameters.exact == steps * 20
        return lines(lambda: costs(typed))

    assert called(300, 1_000) < 1.5 * called(75, 1_000)
