"""The shipped specs: no message about any of them; shapes and counts are the guide's, ours and Keras's at once."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from conftest import ROOT

from netspec.pipeline import Analysis, analyze
from netspec.render.summary import as_json, as_line

pytestmark = pytest.mark.keras

SPECS = sorted((ROOT / "specs").glob("*.yaml"))
NAMES = [spec.stem for spec in SPECS]

# Inputs and outputs without the batch.
ENDS = {
    "mlp_softmax": "20 → 10",
    "mlp_binary": "20 → 1",
    "vgg": "100×100×3 → 10",
    "lstm_classifier": "any → 1",
    "conv1d_classifier": "64×100 → 1",
    "dense_functional": "784 → 10",
    "video_frames": "20×784 → 20×10",
    "twitter": "100, 5 → 1, 1",
    "tweet_pair": "140×256, 140×256 → 1",
    "conv_two_sizes": "32×32×3, 64×64×3 → 32×32×16, 64×64×16",
    "inception": "256×256×3 → 768×256×64",
    "residual": "256×256×3 → 256×256×3",
    "digit_pair": "27×27×1, 27×27×1 → 1",
    "vqa": "224×224×3, 100 → 1000",
    "video_qa": "100×224×224×3, 100 → 1000",
    "stateful_lstm": "6×8 → 10",
    "cifar10_cnn": "32×32×3 → 10",
    "imdb_lstm": "80 → 1",
    "reuters_mlp": "1000 → 46",
    "mnist_mlp": "784 → 10",
    "mnist_cnn": "28×28×1 → 10",
    "digits_cnn": "8×8×1 → 10",
    "char_lstm": "60 → 60×64",
}


@cache
def analysis(name: str) -> Analysis:
    return analyze(ROOT / "specs" / f"{name}.yaml")


def test_every_spec_is_here() -> None:
    import handwritten

    assert set(NAMES) == set(ENDS) == set(handwritten.TABLE) == set(handwritten.MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_spec_gives_no_message(name: str) -> None:
    found = analysis(name)
    assert [f"{each.code} {each.message}" for each in found.diagnostics] == []
    assert found.checked is not None
    assert found.checked.name == name


@pytest.mark.parametrize("name", NAMES)
def test_inputs_outputs_and_parameters_are_the_expected_ones(name: str) -> None:
    import handwritten

    typed = analysis(name).typed
    assert typed is not None
    assert as_line(name, typed) == (name, ENDS[name], f"{handwritten.TABLE[name]:,}")


@pytest.mark.parametrize("name", NAMES)
def test_the_comment_on_top_tells_the_truth(name: str) -> None:
    import handwritten

    text = (ROOT / "specs" / f"{name}.yaml").read_text(encoding="utf-8")
    header = " ".join(line.lstrip("# ") for line in text.partition("\nnetspec:")[0].splitlines())
    (figure,) = re.findall(r"([\d,]+) parameters", header)
    assert figure == f"{handwritten.TABLE[name]:,}"


@pytest.mark.parametrize("name", NAMES)
def test_keras_gives_every_step_the_shape_that_we_give_it(name: str) -> None:
    import handwritten
    import keras_graph

    from netspec.runtime.model import exact

    checked = analysis(name).checked
    assert checked is not None
    model = exact.dry_model(checked)
    assert keras_graph.disagreements(checked.typed, model) == []
    assert model.count_params() == handwritten.TABLE[name]
    for typed, part in keras_graph.parts(checked.typed, model):
        assert keras_graph.unknown(typed.types) == 0, part.name


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_for_scripts_says_what_keras_says(name: str) -> None:
    import handwritten
    import keras_graph

    from netspec.graph.ir import Tensor
    from netspec.runtime.model import exact

    checked = analysis(name).checked
    assert checked is not None
    report = json.loads(as_json(checked.typed))
    model = exact.dry_model(checked)
    tensors = keras_graph.tensors(model, checked.typed.graph)
    for step in report["steps"]:
        output = tensors[Tensor(step["name"])]
        assert (step["shape"], step["dtype"]) == (list(output.shape), output.dtype)
    for tensor, (key, part) in zip(model.inputs, report["inputs"].items(), strict=True):
        assert (tensor.name, list(tensor.shape), tensor.dtype) == (key, part["shape"], part["dtype"])
    trainable, fixed = keras_graph.counts(model)
    total = handwritten.TABLE[name]
    assert report["params"] == {"total": total, "trainable": trainable, "non_trainable": fixed}
    assert sum(step["params"] for step in report["steps"]) == total


@pytest.mark.parametrize("name", NAMES)
def test_keras_itself_has_nothing_to_add(name: str) -> None:
    from netspec.diagnostics import Report
    from netspec.runtime.model import exact

    found = analysis(name)
    assert found.checked is not None
    report = Report(found.document)
    exact.verify(found.checked, report)
    assert [each.message for each in report.diagnostics] == []
