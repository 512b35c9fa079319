"""Budgets: amounts as people write them, what is said above a limit and who is named, what is not known, --set."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from effort import lines, patience

from netspec.catalog.types import Unknown
from netspec.diagnostics import Diagnostic
from netspec.graph.budget import MOST_STEPS
from netspec.graph.costs import costs
from netspec.language.amounts import BYTES, COUNTS, amount, cure
from netspec.pipeline import Analysis, analyze_text

MODEL = """
inputs: {x: [20]}
layers:
  - Dense: 100
  - {Dense: 50, repeat: 2, name: body}
  - Dense: {units: 1, activation: sigmoid}
losses: binary_crossentropy
"""
PARAMETERS = 21 * 100 + 101 * 50 + 51 * 50 + 51
FLOPS = 2 * (20 * 100 + 100 * 50 + 50 * 50 + 50)
OUTPUTS = (100 + 50 + 50 + 1) * 4  # bytes of one example


def analyzed(budget: str, model: str = MODEL, *settings: str) -> Analysis:
    return analyze_text(f"{model}budget: {budget}\n", overrides=settings)


def only(budget: str, model: str = MODEL, *settings: str) -> Diagnostic:
    found = analyzed(budget, model, *settings).diagnostics
    assert len(found) == 1, [each.message for each in found]
    return found[0]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5e6, 5_000_000),
        ("5M", 5_000_000),
        ("1.5k", 1_500),
        ("2K", 2_000),
        ("0.5 G", 500_000_000),
        ("1T", 10**12),
    ],
)
def test_counts(value: Any, number: int) -> None:
    assert amount(value, COUNTS) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (512, 512),
        ("512B", 512),
        ("1kB", 1_000),
        ("1KB", 1_000),
        ("1KiB", 1_024),
        ("1.5GiB", 3 * 2**29),
        ("2 TB", 2 * 10**12),
    ],
)
def test_bytes(value: Any, number: int) -> None:
    assert amount(value, BYTES) == number


@pytest.mark.parametrize(
    "value",
    [True, False, 0, -1, 0.5, float("nan"), float("inf"), "5m", "M", "5MM", "-5M", "5  M", "0M", "5e6M", ".5M", "5.M",
     "1.2.3M", "\u0665M", "9" * 5000 + "M", "", [], {}, None],
    ids=lambda value: repr(value)[:12],
)  # fmt: skip
def test_what_is_no_amount(value: Any) -> None:
    assert amount(value, COUNTS) is None


@pytest.mark.parametrize(
    ("value", "units", "meant"),
    [("5m", COUNTS, "5M"), ("7B", COUNTS, "7G"), ("7bn", COUNTS, "7G"), ("5MB", COUNTS, "5M"), ("500M", BYTES, "500MB"),
     ("500mb", BYTES, "500MB"), ("2Gi", BYTES, "2GiB"), ("64 gb", BYTES, "64GB"), ("1,000", COUNTS, "1000"),
     ("1_000k", COUNTS, "1000k"), ("500", BYTES, "500")],
)  # fmt: skip
def test_a_cure_is_an_amount(value: str, units: dict[str, int], meant: str) -> None:
    said = cure(value, units)
    assert said is not None and f"`{meant}`" in said
    assert amount(int(meant) if meant.isdigit() else meant, units) is not None


@pytest.mark.parametrize("value", ["many", "5 Mio", "5Gflop", "x" * 100, 7, None])
def test_where_nothing_is_near_nothing_is_offered(value: Any) -> None:
    assert cure(value, COUNTS) is None


def test_within_its_budget_a_spec_says_nothing() -> None:
    exact = f"{{parameters: {PARAMETERS}, flops: {FLOPS}, memory: {PARAMETERS * 4 + 32 * OUTPUTS}}}"
    assert analyzed(exact).diagnostics == () and analyzed(exact).ok
    assert analyzed("{}").diagnostics == () == analyzed("null").diagnostics
    assert analyzed("{parameters: null, batch_size: 8}").diagnostics == ()


@pytest.mark.parametrize(
    ("entry", "number"),
    [("parameters", PARAMETERS), ("flops", FLOPS), ("memory", PARAMETERS * 4 + 32 * OUTPUTS)],
)
def test_one_above_its_limit_is_an_error(entry: str, number: int) -> None:
    found = only(f"{{{entry}: {number - 1}}}")
    assert (found.code, found.severity) == ("NS602", "error")
    assert found.place.text[found.place.column - 1 : found.place.end_column - 1] == str(number - 1)
    assert f"{number:,}" in found.message and f"{number - 1:,}" in found.message
    assert analyzed(f"{{{entry}: {number - 1}}}").checked is None


def test_the_steps_that_cost_most_are_named_with_their_share() -> None:
    found = only("{parameters: 5k}")
    assert found.label == f"{PARAMETERS - 5_000:,} too many"
    body = 101 * 50 + 51 * 50  # both of a `repeat` stand on one line
    assert [(label.place.line, label.text) for label in found.labels] == [
        (5, f"{body:,}, {round(100 * body / PARAMETERS)} %"),
        (4, f"2,100, {round(100 * 2_100 / PARAMETERS)} %"),
        (6, "51, 1 %"),
    ]


def test_each_limit_has_its_own_message() -> None:
    found = analyzed("{parameters: 1k, flops: 1k, memory: 1kB}").diagnostics
    assert [each.code for each in found] == ["NS602"] * 3
    assert [re.search(r"parameters|FLOPs|memory", each.message)[0] for each in found] == [  # type: ignore[index]
        "parameters", "FLOPs", "memory"]  # fmt: skip


def test_memory_is_weights_and_outputs_at_the_batch_size() -> None:
    for batch, fit in ((32, ""), (8, "fit: {batch_size: 8}\n"), (100, "")):
        own = f", batch_size: {batch}" if batch == 100 else ""
        needed = PARAMETERS * 4 + batch * OUTPUTS
        assert analyzed(f"{{memory: {needed}{own}}}", MODEL + fit).ok
        assert f"a batch of {batch} takes" in only(f"{{memory: {needed - 1}{own}}}", MODEL + fit).message


def test_the_largest_batch_that_fits() -> None:
    room = PARAMETERS * 4 + 10 * OUTPUTS
    assert only(f"{{memory: {room}}}").help == "batches of up to 10 fit"
    assert only(f"{{memory: {room - 1}}}").help == "batches of up to 9 fit"
    assert analyzed(f"{{memory: {room - 1}, batch_size: 9}}").ok
    assert "raise `budget.memory`" in str(only(f"{{memory: {PARAMETERS * 4}}}").help)


NESTED = """
inputs: {x: [9, 8]}
shared:
  head:
    inputs: {a: [8]}
    layers:
      - Dense: 64
      - Dense: 8
layers:
  - TimeDistributed: {use: head}
    name: one
  - TimeDistributed: {use: head}
    from: x
    name: two
  - {Add: {}, from: [one, two]}
  - Flatten
  - Dense: 1
losses: mse
"""


def test_steps_inside_models_are_named_and_counted_for_every_call() -> None:
    found = only("{flops: 1k}", NESTED)
    each = 2 * 8 * 64 * 9 * 2
    assert [(label.place.line, label.text) for label in found.labels] == [
        (7, f"{each:,}, 50 %"),
        (8, f"{each:,}, 50 %"),
    ]
    total = costs(analyze_text(NESTED).typed).flops.known  # type: ignore[arg-type]
    assert total == 2 * each + 2 * 72 and f"{total:,}" in found.message
    assert [label.place.line for label in only("{parameters: 1k}", NESTED).labels] == [7, 8, 17]


FREE = """
inputs: {x: {shape: [null], dtype: int32}}
layers:
  - Embedding: {input_dim: 100, output_dim: 8}
  - GlobalAveragePooling1D
  - Dense: 100
losses: mse
"""


def test_what_is_not_known_is_a_warning_unless_the_rest_is_too_much() -> None:
    found = only("{memory: 1GB}", FREE)
    assert (found.code, found.severity) == ("NS602", "warning") and analyzed("{memory: 1GB}", FREE).ok
    assert "cannot be told" in found.message and found.labels[0].place.line == 4
    assert "null" in str(found.help)
    known = costs(analyze_text(FREE).typed)  # type: ignore[arg-type]
    assert isinstance(known.activations.exact, Unknown)
    above = only("{memory: 1kB}", FREE)
    assert above.severity == "error" and "at least" in above.message
    assert analyzed("{flops: 1G, parameters: 1M}", FREE).diagnostics == ()


def test_a_spec_with_another_mistake_is_not_told_what_is_unknown() -> None:
    broken = FREE.replace("losses: mse", "losses: msee")
    assert {each.code for each in analyzed("{memory: 1GB}", broken).diagnostics} == {"NS503"}
    assert {each.code for each in analyzed("{parameters: 1}", broken).diagnostics} == {"NS503", "NS602"}


def test_a_budget_may_be_set_from_outside_and_by_variables() -> None:
    found = only("{parameters: 1M}", MODEL, "budget.parameters=1k")
    assert (found.place.file, found.labels[0].place.file) == ("--set", "<stdin>")
    assert analyze_text(MODEL, overrides=["budget.flops=1k"]).diagnostics[0].code == "NS602"
    assert only("{parameters: $most}", MODEL + "vars: {most: 2k}\n").code == "NS602"
    assert only("{parameters: $(most * 2)}", MODEL + "vars: {most: 1000}\n").code == "NS602"


def test_a_fixed_batch_size_is_that_of_training_and_of_memory() -> None:
    """A size that an input prescribes needs not be said twice, and another one is refused."""
    fixed = MODEL.replace("{x: [20]}", "{x: {shape: [20], batch_size: 4}}")
    for rest in ("", "fit: {epochs: 2}\n", "fit: {batch_size: 4}\n"):
        found = analyze_text(fixed + rest)
        assert found.checked is not None and found.diagnostics == ()
        assert found.checked.fit.batch_size == found.batch_size == 4
    assert [each.code for each in analyze_text(fixed + "fit: {batch_size: 32}\n").diagnostics] == ["NS513"]


def test_a_fixed_batch_size_is_the_only_one() -> None:
    fixed = MODEL.replace("{x: [20]}", "{x: {shape: [20], batch_size: 4}}") + "fit: {batch_size: 4}\n"
    assert "a batch of 4 takes" in only("{memory: 1kB}", fixed).message
    found = only("{memory: 1GB, batch_size: 8}", fixed)
    assert found.code == "NS513" and found.help == "write `batch_size: 4`, or leave it out"


@pytest.mark.parametrize(
    "budget", ["5M", "[1]", "{parameters: yes}", "{flops: 1.5}", "{memory: 5}{", "{batch_size: 1.5}"]
)
def test_a_bad_budget_is_refused_once(budget: str) -> None:
    found = analyzed(budget).diagnostics
    assert len(found) == 1 and found[0].code in ("NS202", "NS101")


def test_over_budget_a_summary_is_shown_and_nothing_is_built(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(f"{MODEL}budget: {{parameters: 1k}}\n", encoding="utf-8")
    shown = run("summary", spec, "--format", "json", "--batch-size", "7")
    report = json.loads(shown.stdout)
    assert shown.rc == 1 and "NS602" in shown.stderr
    assert report["params"]["total"] == PARAMETERS and report["memory"] == {
        "batch_size": 7, "weights": 4 * PARAMETERS, "activations": 7 * OUTPUTS}  # fmt: skip
    assert run("summary", spec, "--set", "layers[0].Dense.unit=3").stdout == ""
    for verb in (("build", spec, "--out", tmp_path / "m.keras"), ("fit", spec, "--dummy", "8")):
        done = run(*verb)
        assert done.rc == 1 and "NS602" in done.stderr + done.stdout
    assert not (tmp_path / "m.keras").exists()


def test_more_steps_than_keras_was_seen_to_build() -> None:
    text = "inputs: {x: [4]}\nlayers:\n  - {Dense: 4, repeat: %s}\nlosses: mse\n"
    assert analyze_text(text % MOST_STEPS).diagnostics == ()
    found = analyze_text(text % (MOST_STEPS + 1)).diagnostics
    assert [each.code for each in found] == ["NS603"]


def test_terabytes_are_a_warning_and_gigabytes_are_not() -> None:
    text = "inputs: {x: [1000]}\nlayers:\n  - Dense: %s\n  - Dense: 1\nlosses: mse\n"
    assert analyze_text(text % 200_000_000).diagnostics == ()
    found = analyze_text(text % 10**12).diagnostics
    assert [each.code for each in found] == ["NS601"] and found[0].severity == "warning"
    assert "about 4.0 PB" in found[0].message and found[0].place.line == 3
    steps = "  - UpSampling2D: 1000000\n  - GlobalAveragePooling2D\n  - Dense: 1\n"
    found = analyze_text(f"inputs: {{x: [8, 8, 3]}}\nlayers:\n{steps}losses: mse\n").diagnostics
    assert [(each.code, each.place.line) for each in found] == [("NS601", 3)] and "768.0 TB" in found[0].message
    half = "{units: 400000000, dtype: float16}"
    assert analyze_text(text % half).diagnostics == ()


def test_a_long_chain_is_held_against_a_budget_in_a_time_that_grows_with_its_length() -> None:
    def text(steps: int, budget: str = "budget: {parameters: 1k, flops: 1k, memory: 1kB}\n") -> str:
        return "inputs: {x: [4]}\nlayers:\n" + "  - Dense: 4\n" * steps + "losses: mse\n" + budget

    with patience():
        found = analyze_text(text(20_000)).diagnostics
    assert [each.code for each in found] == ["NS603", "NS602", "NS602", "NS602"]
    held = lines(lambda: analyze_text(text(2_000)))
    assert held < 4.5 * lines(lambda: analyze_text(text(500)))
    assert held < 2 * lines(lambda: analyze_text(text(2_000, "")))
