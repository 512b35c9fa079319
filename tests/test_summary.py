"""The summary: counts that add up to Keras's, shared and nested things too; figures that no width cuts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import ROOT

from netspec.graph.costs import Total
from netspec.graph.ir import TypedGraph
from netspec.pipeline import analyze, analyze_text
from netspec.render.summary import _brief_count, as_json, as_text, table

pytestmark = pytest.mark.keras

SHAPES = re.compile(r"\(None[^)]*\)")

MANY = """
inputs: {a: [12, 8], b: [12, 8]}
shared:
  encoder: {LSTM: {units: 6, return_state: true}}
  score: {Dense: 3}
  frame:
    inputs: {x: [8]}
    layers:
      - Dense: 4
      - BatchNormalization
      - model: {inputs: {y: [4]}, layers: [{Dense: 5, repeat: 2}]}
layers:
  - {use: encoder, from: a, name: [seq_a, h_a, c_a]}
  - {use: encoder, from: b, name: second}
  - {use: score, from: seq_a, name: score_a}
  - {use: score, from: second.output, name: score_b}
  - {Add: {}, from: [score_a, score_b], name: both}
  - {TimeDistributed: {use: frame}, from: a, name: frames}
  - {TimeDistributed: {use: frame}, from: b}
  - {LSTM: {units: 2, trainable: false, dtype: float16}, from: {sequences: frames}, name: fixed}
outputs: {scores: both, state: second.h, left: c_a, last: fixed}
losses: {scores: mse, state: null, left: null, last: mse}
"""


def typed(text: str) -> TypedGraph:
    found = analyze_text(text)
    assert found.typed is not None and found.ok, [each.message for each in found.diagnostics]
    return found.typed


def test_the_json_of_shared_and_nested_things() -> None:
    report = json.loads(as_json(typed(MANY)))
    steps = {step["name"]: step for step in report["steps"]}
    assert list(report) == ["name", "inputs", "outputs", "steps", "params", "flops", "memory", "at_least"]
    keys = ["name", "layer", "from", "shape", "dtype", "params", "flops", "memory", "trainable"]
    assert all(list(step) == keys for step in report["steps"])
    assert report["inputs"] == {name: {"shape": [None, 12, 8], "dtype": "float32"} for name in ("a", "b")}
    assert report["outputs"]["state"] == {"shape": [None, 6], "dtype": "float32"}
    assert list(report["outputs"]) == ["scores", "state", "left", "last"]
    first, second = steps[next(iter(steps))], steps["second"]
    assert first["shape"] == second["shape"] == [[None, 6]] * 3
    assert first["dtype"] == ["float32"] * 3
    assert (first["params"], second["params"]) == (4 * 6 * (8 + 6 + 1), 0)  # once, at the first call
    assert (steps["score_a"]["params"], steps["score_b"]["params"]) == (21, 0)
    assert steps["score_b"]["from"] == ["second"] and steps["both"]["from"] == ["score_a", "score_b"]
    inside = 36 + 16 + 25 + 30
    assert [step["params"] for step in report["steps"] if step["layer"] == "TimeDistributed"] == [
        inside
    ]  # the other is dead
    assert steps["fixed"]["dtype"] == "float16"
    assert [step["trainable"] for step in report["steps"]] == ["yes"] * 4 + [None, "yes", "no"]
    assert report["flops"] == sum(step["flops"] for step in report["steps"]) == report["at_least"]["flops"]
    assert report["memory"]["activations"] == sum(step["memory"] for step in report["steps"])
    assert report["memory"]["batch_size"] == 32
    encoder = 12 * 2 * 4 * 6 * (8 + 6)
    assert first["flops"] == second["flops"] == encoder and first["memory"] == 3 * 6 * 4 * 32


def test_the_counts_are_keras_s() -> None:
    import keras_graph

    from netspec.runtime.model import exact

    checked = analyze_text(MANY).checked
    assert checked is not None
    report = json.loads(as_json(checked.typed))
    model = exact.dry_model(checked)
    trainable, fixed = keras_graph.counts(model)
    assert report["params"] == {"total": model.count_params(), "trainable": trainable, "non_trainable": fixed}
    assert sum(step["params"] for step in report["steps"]) == model.count_params()
    assert fixed == 8 + 4 * 2 * (5 + 2 + 1)


def test_the_table_has_a_section_for_each_model_and_a_row_for_each_call() -> None:
    text = as_text(typed(MANY))
    assert re.search(r"^encoder \(shared\) +LSTM +2 calls +360 +yes$", text, re.MULTILINE)
    assert re.search(r"^  second +encoder +b +\(None, 6\) +float32 +8,064$", text, re.MULTILINE)
    assert re.search(r"^  second\.h +\(None, 6\) +float32$", text, re.MULTILINE)
    assert len(re.findall(r"^model frame$", text, re.MULTILINE)) == 1
    assert len(re.findall(r"^model \w+$", text, re.MULTILINE)) == 2
    assert "outputs: scores (None, 3), state (None, 6), left (None, 6), last (None, 2)" in text
    report = json.loads(as_json(typed(MANY)))["params"]
    numbers = re.findall(r"^(?:parameters|trainable|not trainable) +([\d,]+)", text, re.MULTILINE)
    assert [int(number.replace(",", "")) for number in numbers] == [
        report[key] for key in ("total", "trainable", "non_trainable")
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["vqa", "video_qa", "twitter", "conv_two_sizes", "stateful_lstm"])
def test_the_table_fits_and_keeps_its_figures(name: str, width: int) -> None:
    found = analyze(ROOT / "specs" / f"{name}.yaml").typed
    assert found is not None
    wide, narrow = as_text(found).splitlines(), as_text(found, width).splitlines()
    tables = [line for line in narrow if not line.startswith("outputs:")]
    assert max(map(len, tables)) <= width
    assert len(wide) == len(narrow)
    for full, cut in zip(wide, narrow, strict=True):
        assert SHAPES.findall(full) == SHAPES.findall(cut)
        counts = {word for word in re.findall(r"(?<= )[\d,]+(?= |$)", cut) if len(word) > 3}
        assert counts <= set(re.findall(r"(?<= )[\d,]+(?= |$)", full))


def test_a_cut_name_keeps_its_end() -> None:
    rows = [("global_max_pooling2d_1", "3"), ("global_max_pooling2d_2", "4")]
    assert table(rows, right=frozenset({1}), width=16) == ["global_ma…d_1  3", "global_ma…d_2  4"]
    assert table([("x" * 30, "123456789")], right=frozenset({1}), width=5) == ["x…xxx  123456789"]


def test_a_million_million_parameters_stay_aligned() -> None:
    text = as_text(
        typed("inputs: {x: [1000000]}\nlayers:\n  - Dense: 1000000\n  - Dense: {units: 3, trainable: false}\n"), 80
    )
    lines = text.splitlines()
    assert "dense    Dense  x      (None, 1000000)  1,000,001,000,000   2.0T  yes" in lines
    assert lines[-5:] == [
        "parameters     1,000,004,000,003  4.0 TB",
        "trainable      1,000,001,000,000",
        "not trainable          3,000,003",
        "activations                       128.0 MB in a batch of 32",
        "FLOPs          2,000,006,000,000  forward, for one example",
    ]
    assert len({line.rstrip().rindex(" ") for line in lines if line.startswith("dense")}) == 1


@pytest.mark.parametrize(
    ("dtype", "size"), [("float16", "6 B"), ("mixed_float16", "12 B"), ("float64", "24 B"), (None, "12 B")]
)
def test_the_bytes_follow_the_dtype(dtype: str | None, size: str) -> None:
    args: dict[str, Any] = {"units": 1} if dtype is None else {"units": 1, "dtype": dtype}
    text = as_text(typed(f"inputs: {{x: [2]}}\nlayers: [{{Dense: {json.dumps(args)}}}]\n"))
    assert re.search(rf"^parameters +3 +{size}$", text, re.MULTILINE)


def test_what_is_not_known_is_said() -> None:
    text = "inputs: {x: {shape: [4], dtype: string}}\n"
    text += "layers: [{TextVectorization: {max_tokens: 5, output_mode: multi_hot}}]\n"
    report = json.loads(as_json(typed(text)))
    assert all(step["params"] in ("unknown", 0) for step in report["steps"])
    assert as_text(typed(text))
    free = typed("inputs: {x: {shape: [null], dtype: int32}}\nlayers: [{Embedding: [9, 4]}, {LSTM: 3}, {Dense: 2}]\n"
                 .replace("[9, 4]", "{input_dim: 9, output_dim: 4}"))  # fmt: skip
    report = json.loads(as_json(free, 10))
    assert [step["flops"] for step in report["steps"]] == [0, "unknown", 12]
    assert (report["flops"], report["memory"]["activations"]) == ("unknown", "unknown")
    assert report["at_least"] == {"params": 140, "flops": 12, "weights": 560, "activations": 10 * (3 + 2) * 4}
    said = as_text(free, batch_size=10)
    assert re.search(r"^activations +at least 200 B in a batch of 10$", said, re.MULTILINE)
    assert said.endswith("FLOPs           12  forward, for one example; at least, as 1 step is not known")


def test_what_is_trained() -> None:
    text = "inputs: {x: [4]}\nlayers:\n  - Dense: {units: 3, trainable: false}\n  - BatchNormalization\n  - ReLU\n"
    text += "  - model: {inputs: {y: [3]}, layers: [{Dense: 2}, {Dense: {units: 2, trainable: false}}]}\n"
    report = json.loads(as_json(typed(text)))
    assert [step["trainable"] for step in report["steps"]] == ["no", "yes", None, "part"]
    lines = as_text(typed(text), 80).splitlines()  # where it differs, the column stays before FLOPs do
    assert [line.split()[-1] for line in lines if line.startswith(("dense ", "batch_n", "model  "))][:3] == [
        "no", "yes", "part"]  # fmt: skip


def test_columns_that_tell_little_go_before_names_are_cut_short() -> None:
    found = analyze(ROOT / "specs" / "twitter.yaml").typed
    assert found is not None
    heads = {width: as_text(found, width).splitlines()[2].split() for width in (None, 90, 70, 60)}
    assert heads[None][-4:] == ["dtype", "params", "flops", "trainable"]
    assert heads[90][-4:] == ["output", "params", "flops", "trainable"]
    assert heads[70][-2:] == ["output", "params"] == heads[60][-2:]


@pytest.mark.parametrize(
    ("flops", "shown"),
    [(9_999, "9,999"), (10_000, "10.0k"), (999_949, "999.9k"), (999_950, "1.0M"), (10**19, "10,000.0P")],
)
def test_flops_in_a_column(flops: int, shown: str) -> None:
    assert _brief_count(Total(flops)) == shown
    assert (_brief_count(Total(0)), _brief_count(Total(5, 1))) == ("", "unknown")
