"""Operations as steps: what feeds which argument, which mistakes are told, and the model that comes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ops_grid import OTHERS

from netspec.catalog import find, names
from netspec.catalog.samples import spec as sample
from netspec.graph.ir import LayerDef, Tensor
from netspec.pipeline import Analysis, analyze_text

NUMBERS = "a number or a list of numbers of one shape"
NO_TENSOR = "its answer is not a tensor, so no step could take it"
SERIALIZED = "a serialized Keras object can run code"
HEAD = "inputs: {x: [4, 6], y: [4, 6], i: {shape: [4], dtype: int32}}\nlayers:\n"


def analysed(steps: str, head: str = HEAD) -> Analysis:
    return analyze_text(head + steps, look_at_data=False)


def errors(steps: str, head: str = HEAD) -> list[str]:
    return [each.message for each in analysed(steps, head).diagnostics if each.severity == "error"]


def last(steps: str, head: str = HEAD) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """The last call of a sound spec: its operation, what feeds it, its other arguments, and its shape."""
    analysis = analysed(steps, head)
    assert [each.message for each in analysis.diagnostics if each.severity == "error"] == []
    assert analysis.typed is not None
    call = analysis.typed.graph.calls[-1]
    assert isinstance(call.layer, LayerDef)
    fed = {
        name: value.call if isinstance(value, Tensor) else [each.call for each in value]
        for name, value in call.inputs.items()
    }
    return call.layer.cls, fed, dict(call.layer.args), str(analysis.typed.types[Tensor(call.name)])


# What feeds which argument.


@pytest.mark.parametrize(
    ("step", "fed", "args"),
    [
        ("ops.mean: 1\n    from: x", {"x": "x"}, {"axis": 1}),
        ("ops.mean: [1, 2]\n    from: x", {"x": "x"}, {"axis": [1, 2]}),
        ("ops.mean:\n    from: x", {"x": "x"}, {}),
        ("ops.add:\n    from: [x, y]", {"x1": "x", "x2": "y"}, {}),
        ("ops.add: 0.5\n    from: x", {"x1": "x"}, {"x2": 0.5}),
        ("ops.subtract: {x2: 1}\n    from: x", {"x1": "x"}, {"x2": 1}),
        ("ops.subtract: {x1: 1}\n    from: x", {"x2": "x"}, {"x1": 1}),
        ("ops.subtract:\n    from: {x2: x, x1: y}", {"x1": "y", "x2": "x"}, {}),
        ("ops.where: {x2: 0}\n    from: [x, y]", {"condition": "x", "x1": "y"}, {"x2": 0}),
        ("ops.where: {x1: 1, x2: 0}\n    from: x", {"condition": "x"}, {"x1": 1, "x2": 0}),
        ("ops.tensordot: [[1], [1]]\n    from: [x, y]", {"x1": "x", "x2": "y"}, {"axes": [[1], [1]]}),
        ("ops.concatenate: -1\n    from: [x, y]", {"xs": ["x", "y"]}, {"axis": -1}),
        ("ops.stack:\n    from: [x, y]", {"x": ["x", "y"]}, {}),
        ('ops.einsum: "bij,bkj->bik"\n    from: [x, y]', {"operands": ["x", "y"]}, {"subscripts": "bij,bkj->bik"}),
        ('ops.einsum: "bij->bji"\n    from: x', {"operands": ["x"]}, {"subscripts": "bij->bji"}),
        ("ops.take: {indices: [0, 2], axis: 1}\n    from: x", {"x": "x"}, {"indices": [0, 2], "axis": 1}),
        ("ops.numpy.mean: 1\n    from: x", {"x": "x"}, {"axis": 1}),
    ],
)
def test_what_feeds_which_argument(step: str, fed: dict[str, Any], args: dict[str, Any]) -> None:
    _, found, given, _ = last(f"  - {step}\n")
    assert (found, given) == (fed, args)


def test_a_chain_goes_through_operations() -> None:
    assert last("  - ops.relu:\n    from: x\n  - ops.mean: 1\n  - ops.expand_dims: -1\n")[3] == "(batch, 6, 1)"


def test_an_alias_is_the_one_operation() -> None:
    assert last("  - ops.nn.swish:\n    from: x\n")[0] == "ops.silu"


def test_several_outputs_have_names() -> None:
    best = "  - ops.top_k: 2\n    from: x\n    name: best\n  - ops.relu:\n    from: best.values\n"
    assert last(best)[3] == "(batch, 4, 2)"
    cut = "  - ops.split: {indices_or_sections: 2, axis: 2}\n    from: x\n"
    for said, second in (("half", "half.1"), ("[a, b]", "b")):
        assert last(f"{cut}    name: {said}\n  - ops.relu:\n    from: {second}\n")[3] == "(batch, 4, 3)"


def test_repeat_makes_so_many() -> None:
    analysis = analysed("  - ops.tanh:\n    from: x\n    repeat: 3\n    name: t\n")
    assert analysis.ok and analysis.typed is not None
    assert [call.name for call in analysis.typed.graph.calls] == ["t_1", "t_2", "t_3"]


def test_names_that_nobody_gave_do_not_meet_those_that_somebody_did() -> None:
    analysis = analysed("  - Dense: 2\n    from: x\n    name: mean\n  - ops.mean: 1\n  - ops.mean: 0\n")
    assert analysis.typed is not None
    assert [call.name for call in analysis.typed.graph.calls] == ["mean", "mean_1", "mean_2"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("ops.men: 1\n    from: x", "unknown operation `ops.men`"),
        ("ops.shape:\n    from: x", f"`ops.shape` is not available in a spec: {NO_TENSOR}"),
        ("ops.mean: {trainable: true}\n    from: x", "`ops.mean` has no argument `trainable`"),
        ("ops.mean: {name: m}\n    from: x", "`name` is not an argument here"),
        ("ops.add:\n    from: x", "`ops.add` also needs `x2`"),
        ("ops.relu: 1\n    from: x", "`ops.relu` takes no argument beside its tensors, got `1`"),
        ("ops.mean:\n    from: [x]", "`ops.mean` takes single tensors, got a list of one"),
        ("ops.mean:\n    from: [x, y]", "`ops.mean` takes 1 tensor, got 2"),
        ("ops.add: {x1: 1, x2: 2}\n    from: x", "`ops.add` has no tensor left to take"),
        ("ops.unstack: {axis: 1}\n    from: x", "`ops.unstack` needs `num`"),
        ("ops.where:\n    from: x", "`ops.where` also needs `x1` and `x2`"),
        ("ops.relu:\n    from: x\n    call: {training: true}", "a call of `ops.relu` has no argument `training`"),
        ("ops.add: {x2: yes}\n    from: x", f'`x2`: expected {NUMBERS}, got `"yes"`'),
        ("ops.add: {x2: [1, true]}\n    from: x", f"`x2`: expected {NUMBERS}, got `[1, true]`"),
        ("ops.add: {x2: {class_name: Lambda}}\n    from: x", SERIALIZED),
        ("ops.get_item: a\n    from: x", '`key`: expected a place, or a text of places and ranges, got `"a"`'),
        ("ops.sigmoid:\n    from: i", "`ops.sigmoid` computes with floats, got int32"),
        ("ops.relu:\n    from: x\n    nam: a", "a step has no key `nam`"),
        (  # far more than memory holds
            "ops.tensordot: 4611686018427387904\n    from: [x, y]",
            "`ops.tensordot`: 4611686018427387904 axes of each are asked for, got (batch, 4, 6) and (batch, 4, 6)",
        ),
    ],
)
def test_mistakes(step: str, said: str) -> None:
    assert errors(f"  - {step}\n  - Dense: 1\n") == [said]


def test_an_operation_is_not_shared_and_not_wrapped() -> None:
    assert errors("  - use: p\n    from: x\n", HEAD.replace("layers", "shared: {p: {ops.mean: 1}}\nlayers")) == [
        "`ops.mean` is an operation, which has no weights to share"
    ]
    for wrapper in ("TimeDistributed: {ops.relu: }", "TimeDistributed: {layer: ops.relu}", "Bidirectional: ops.relu"):
        (said,) = errors(f"  - {wrapper}\n    from: x\n")
        assert said == "`ops.relu` is an operation, so it cannot stand inside a layer"


def test_what_has_no_rule_is_unknown_and_weighs_nothing() -> None:
    from netspec.catalog.types import Unknown

    assert OTHERS
    for name in OTHERS:
        entry = find("op", name)
        assert entry is not None
        typed = analyze_text(sample(entry), look_at_data=False).typed
        assert typed is not None and typed.graph.calls, name
        weights = typed.weights[id(typed.graph)]
        assert weights.trainable == weights.non_trainable == 0, name
        assert isinstance(typed.types[Tensor(typed.graph.calls[-1].name)].shape, Unknown), name


def test_a_spec_without_operations_reads_nothing_of_them() -> None:
    code = (
        "import sys\nfrom netspec import catalog\nfrom netspec.pipeline import analyze_text\n"
        "assert analyze_text('inputs: {x: [4]}\\nlayers: [Dense: 1]\\n').ok\n"
        "assert not [name for name in sys.modules if name.startswith('netspec.catalog.shapes.op')]\n"
        "assert catalog._read.cache_info().currsize == 1\n"
        "assert analyze_text('inputs: {x: [4]}\\nlayers: [Dense: 1, ops.relu]\\n').ok\n"
        "assert catalog._read.cache_info().currsize == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The model.

MIXED = """
inputs: {x: [4, 6], y: [4, 6]}
layers:
  - Dense: 6
    from: x
    name: dense
  - ops.multiply: 0.5
    name: half
  - ops.add:
    from: [half, y]
  - ops.subtract: {x1: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    name: flipped
  - ops.greater: 0
    from: y
    name: positive
  - ops.where: {x2: 0}
    from: [positive, flipped]
    name: chosen
  - ops.einsum: "bij,bkj->bik"
    from: [chosen, x]
  - ops.get_item: ":, 1:, 0"
    name: picked
  - ops.top_k: 2
    name: [best, places]
  - ops.cast: float32
    from: places
    name: numbers
  - ops.concatenate: 1
    from: [best, numbers, picked]
  - ops.take: {indices: [0, 2], axis: 1}
  - Dense: {units: 1, activation: sigmoid}
    name: out
"""


def by_hand() -> Any:
    import keras
    from keras import ops

    x, y = keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y")
    both = 0.5 * keras.layers.Dense(6, name="dense")(x) + y
    flipped = ops.convert_to_tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) - both
    chosen = ops.where(y > 0, flipped, 0)
    picked = ops.einsum("bij,bkj->bik", chosen, x)[:, 1:, 0]
    best, places = ops.top_k(picked, 2)
    joined = ops.concatenate([best, ops.cast(places, "float32"), picked], axis=1)
    taken = ops.take(joined, [0, 2], axis=1)
    return keras.Model([x, y], keras.layers.Dense(1, activation="sigmoid", name="out")(taken))


@pytest.mark.keras
def test_the_model_is_the_one_that_one_writes_by_hand_and_it_trains_saves_and_loads(tmp_path: Path) -> None:
    import keras
    import numpy as np

    from netspec.diagnostics import Report
    from netspec.runtime.model import build, exact

    analysis = analyze_text(MIXED + "losses: binary_crossentropy\n", look_at_data=False)
    assert analysis.checked is not None
    report = Report(analysis.document)
    exact.verify(analysis.checked, report)
    assert report.diagnostics == ()
    model, expert = build.build(analysis.checked), by_hand()
    expert.set_weights(model.get_weights())
    rows = [np.random.default_rng(1).normal(size=(8, 4, 6)).astype("float32") for _ in range(2)]
    answer = model.predict(rows, verbose=0)
    np.testing.assert_allclose(answer, expert.predict(rows, verbose=0), rtol=1e-6)
    steps = [operation.name for operation in model.operations]
    assert {"chosen", "picked", "numbers", "out"} <= {*steps} and len(steps) == len({*steps})
    build.save(analysis.checked, tmp_path / "model.keras")
    model.save(tmp_path / "mine.keras")
    again = keras.models.load_model(tmp_path / "mine.keras")
    np.testing.assert_allclose(answer, again.predict(rows, verbose=0), rtol=1e-6)
    assert [operation.name for operation in again.operations] == steps
    assert np.isfinite(model.fit(rows, np.ones((8, 1)), verbose=0).history["loss"]).all()


@pytest.mark.keras
def test_a_gradient_reaches_through_operations() -> None:
    import numpy as np

    from netspec.runtime.model import build

    steps = ("Dense: 3", "ops.softplus", "ops.multiply: 2", "ops.sum: {axis: 1, keepdims: true}")
    text = "inputs: {x: [4]}\nlayers: [" + ", ".join(f"{{{step}}}" if ":" in step else step for step in steps) + "]\n"
    text += "losses: mse\noptimizer: {SGD: {learning_rate: 0.1}}\n"
    checked = analyze_text(text, look_at_data=False).checked
    assert checked is not None
    model = build.build(checked)
    before = model.get_weights()[0].copy()
    model.fit(np.ones((8, 4)), np.zeros((8, 1)), verbose=0)
    assert not np.allclose(before, model.get_weights()[0])


@pytest.mark.keras
@pytest.mark.parametrize("name", names("op"))
def test_every_operation_is_one_step_of_keras_with_the_outputs_that_it_is_said_to_have(name: str) -> None:
    from test_differential import lowered

    entry = find("op", name)
    assert entry is not None
    typed = analyze_text(sample(entry), look_at_data=False).typed
    assert typed is not None
    model = lowered(typed)
    calls = typed.graph.calls
    made = {operation.name: operation for operation in model.operations}
    assert len(made) == len(typed.graph.inputs) + len(calls)
    for call in calls:
        (node,) = made[call.name]._inbound_nodes
        assert len(node.output_tensors) == len(call.outputs)
