"""The shape rules against Keras where a call takes more than one tensor, takes any tensor, or is a layer's second.

NETSPEC_ORACLE=full takes a sample that is many times larger.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from grid import GRIDS, Case
from grid_calls import CALLS, anyhow
from test_shapes import CLASSES, disagreement, fits, ours

from netspec.catalog import shapes
from netspec.catalog.types import Inferred, ShapeError, TensorType, Unknown
from netspec.pipeline import analyze_text

pytestmark = pytest.mark.keras

FULL = os.environ.get("NETSPEC_ORACLE") == "full"


def cases(cls: str, grids: Any, limit: int) -> list[Case]:
    return [case for grid in grids if cls in grid.classes for case in grid.cases(cls, limit)]


def complaints(found: list[Case]) -> str:
    """What is wrong in these, the first few of it."""
    wrong = [f"{case}\n    {why}" for case in found if (why := disagreement(case))]
    return "" if not wrong else f"{len(wrong)} of {len(found)}\n" + "\n".join(wrong[:8])


@pytest.mark.parametrize("cls", sorted({cls for grid in CALLS for cls in grid.classes}))
def test_calls_with_all_their_arguments_are_keras_s_or_unknown(cls: str) -> None:
    assert not complaints(cases(cls, CALLS, 1500 if FULL else 20))


@pytest.mark.parametrize("cls", CLASSES)
def test_calls_on_any_tensor_are_keras_s_or_unknown(cls: str) -> None:
    dice, known = random.Random(f"any {cls}"), cases(cls, GRIDS, 200)
    assert not complaints([anyhow(dice.choice(known), dice) for _ in range(700 if FULL else 6)])


def flat(case: Case) -> list[TensorType]:
    return [each for value in case.inputs.values() for each in ([value] if isinstance(value, TensorType) else value)]


def second(first: Case, other: Case) -> str | None:
    """What is wrong with our answer to a second call of one layer."""
    import oracle

    both = [first.inputs, other.inputs]
    try:
        shapes.check_again(first.cls, first.args, flat(first), flat(other))
        mine: Inferred | ShapeError = ours(other)
    except ShapeError as error:
        mine = error
    theirs = oracle.ask(first.cls, first.args, both, first.call)
    if isinstance(mine, ShapeError):
        taken = theirs.error is None and oracle.traces(first.cls, first.args, both, first.call)
        return f"we refuse ({mine.message}), Keras does not" if taken and oracle.runs(first, other) else None
    if any(isinstance(out.shape, Unknown) for out in mine.outputs):
        return None
    if theirs.error is not None:
        return f"Keras refuses: {theirs.error[:300]}"
    pairs = zip(mine.outputs, theirs.outputs, strict=True)
    same = all(len(a.shape) == len(b.shape) and all(map(fits, a.shape, b.shape)) for a, b in pairs)  # type: ignore[arg-type]
    return None if same else f"we give {mine.outputs}, Keras {theirs.outputs}"


@pytest.mark.parametrize("cls", CLASSES)
def test_second_calls_are_keras_s_or_unknown(cls: str) -> None:
    import oracle

    dice = random.Random(f"again {cls}")
    known = [each for each in cases(cls, GRIDS, 200) if isinstance(ours(each), Inferred)]
    wrong = []
    for _ in range(120 if FULL else 2):
        first = dice.choice(known)
        bent = anyhow(first, dice) if dice.random() < 0.6 else dice.choice(known)
        other = Case(cls, first.args, bent.inputs, first.call)
        texts = any(each.dtype == "string" for each in (*flat(first), *flat(other)))
        if texts or list(first.inputs) != list(other.inputs) or isinstance(ours(other), ShapeError):
            continue
        if any(oracle.ask(cls, first.args, [each.inputs], first.call).error for each in (first, other)):
            continue
        if (why := second(first, other)) is not None:
            wrong.append(f"{first} and then {[str(each) for each in flat(other)]}\n    {why}")
    assert not wrong, "\n".join(wrong[:8])


NESTED = """
inputs: {a: {shape: [4, 8], dtype: float16}, b: {shape: [6, 8], dtype: float16}, c: {shape: [6, 8], dtype: int32}}
shared:
  plain: {inputs: {x: [null, 8]}, layers: [Identity, Reshape: [-1, 4]]}
  half: {inputs: {x: [null, 8]}, layers: [Identity: {dtype: float16}]}
  deep: {inputs: {x: [null, 8]}, shared: {in: {inputs: {y: [null, 8]}, layers: [Identity]}}, layers: [use: in]}
  dense: {inputs: {x: [null, 8]}, layers: [Dense: 3]}
  number: {inputs: {x: {shape: [null, 8], dtype: int32}}, layers: [ops.add: 1]}
layers:
  - {use: MODEL, from: a, name: p}
  - {use: MODEL, from: b, name: q}
  - {use: MODEL, from: c, name: r}
outputs: [p, q, r]
"""


@pytest.mark.parametrize("model", ["plain", "half", "deep", "dense", "number"])
def test_a_nested_model_on_other_shapes_and_dtypes_has_keras_s_dtypes_or_unknown_ones(model: str) -> None:
    """Keras declares those that come out without the casts before the layers inside."""
    from netspec.diagnostics import Report
    from netspec.runtime.model import exact

    analysis = analyze_text(NESTED.replace("MODEL", model))
    assert analysis.checked is not None
    report = Report(analysis.document)
    exact.verify(analysis.checked, report)
    assert not report.diagnostics
    dtypes = {analysis.checked.typed.types[tensor].dtype for tensor in analysis.checked.typed.graph.outputs.values()}
    assert "float32" in dtypes if model == "dense" else any(isinstance(dtype, Unknown) for dtype in dtypes)


FROZEN = (
    ("RNN: {cell: {LSTMCell: 3}, trainable: false}", (0, 96)),
    ("RNN: {cell: {StackedRNNCells: {cells: [{LSTMCell: 3}], trainable: false}}}", (96, 0)),
    ("Bidirectional: {layer: {LSTM: {units: 3, trainable: false}}}", (0, 192)),
    ("Bidirectional: {layer: {RNN: {cell: {LSTMCell: 3}, trainable: false}}}", (192, 0)),
    ("Bidirectional: {layer: {RNN: {cell: {LSTMCell: {units: 3, trainable: false}}}}}", (0, 192)),
    ("Bidirectional: {layer: {RNN: {cell: {LSTMCell: 3}}}, trainable: false}", (0, 192)),
)


@pytest.mark.parametrize(("layer", "counts"), FROZEN)
def test_what_is_frozen_inside_a_recurrent_layer_is_what_keras_freezes(layer: str, counts: tuple[int, int]) -> None:
    import keras_graph
    from test_differential import lowered

    analysis = analyze_text(f"inputs: {{x: [5, 4]}}\nlayers: [{{{layer}}}]\n")
    assert analysis.checked is not None
    typed = analysis.checked.typed
    weights = typed.weights[id(typed.graph)]
    assert (weights.trainable, weights.non_trainable) == counts == keras_graph.counts(lowered(typed))
