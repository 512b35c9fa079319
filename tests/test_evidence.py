"""What predictions show, against scikit-learn; the worst rows as their file has them; an account that stays small."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import EVIL, read, stands_alone, write_points

from netspec.render import evidence as drawn
from netspec.runtime.run import runs
from netspec.runtime.run.evidence import GRID, Evidence, curves

RNG = np.random.default_rng(5)
BCE, SPARSE, ONE_HOT, MSE = (
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "mse",
)


def found(*args: Any, **more: Any) -> dict[str, Any]:
    one = Evidence(*args, **more).found()
    assert one is not None
    return json.loads(json.dumps(one, allow_nan=False))


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("digits", [1, 3, 8])
def test_curves_are_those_of_scikit_learn(digits: int) -> None:
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    truth = RNG.random(400) < 0.3
    scores = np.round(RNG.random(400) * 0.7 + truth * 0.3, digits)  # with few digits many are equal
    one = curves("a", truth, scores)
    assert one is not None and one["cases"] == truth.sum()
    assert one["auc"] == pytest.approx(roc_auc_score(truth, scores))
    assert one["ap"] == pytest.approx(average_precision_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(truth, scores)
    for at, place in enumerate(GRID):
        assert one["roc"][at] == pytest.approx(true[false <= place + 1e-9].max(), abs=1e-4)
        assert one["precision"][at] == pytest.approx(precision[recall >= place - 1e-9].max(), abs=0.2)
    assert curves("a", np.ones(3, bool), np.ones(3)) is None


def test_the_worst_rows_are_themselves_where_others_count_nothing() -> None:
    weights = np.array([0, 0, 1, 1])
    truth, guess = np.array([[0], [0], [1], [0]]), np.array([[0.9], [0.1], [0.2], [0.7]])
    binary = Evidence(BCE, truth, guess, weights, ("no", "yes"))
    assert binary.found() is not None
    assert binary.worst(5) == [(2, "yes", "no (0.200)", 0.8), (3, "no", "yes (0.700)", 0.7)]
    scores = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    several = Evidence(SPARSE, np.array([0, 0, 1, 0]), scores, weights, ("no", "yes"))
    assert several.found() is not None
    assert [each[:3] for each in several.worst(5)] == [(2, "yes", "no (0.800)"), (3, "no", "yes (0.700)")]


def test_one_class_of_several() -> None:
    from sklearn.metrics import confusion_matrix

    truth, guess = RNG.integers(0, 4, 300), softmax(RNG.normal(size=(300, 4)))
    one = found(SPARSE, truth.astype(np.int32), guess, None, ("a", "b", "c", "d"))
    assert one["confusion"] == confusion_matrix(truth, guess.argmax(axis=1)).tolist()
    assert one["right"] == int((truth == guess.argmax(axis=1)).sum()) and one["cases"] == 300
    assert [each["class"] for each in one["curves"]] == ["a", "b", "c", "d"]
    again = found(ONE_HOT, np.eye(4)[truth], guess, None, ("a", "b", "c", "d"))
    assert again == one
    many = found(SPARSE, RNG.integers(0, 100, 500), softmax(RNG.normal(size=(500, 100))))
    assert "confusion" not in many and "curves" not in many and len(many["pairs"]) == 20


def test_yes_or_no_and_weights_of_nothing() -> None:
    truth, guess = np.array([[0], [1], [1], [0]]), np.array([[0.2], [0.9], [0.3], [0.6]])
    one = found(BCE, truth, guess, None, ("no", "yes"))
    assert one["confusion"] == [[1, 1], [1, 1]] and one["classes"] == ["no", "yes"] and one["right"] == 2
    part = found(BCE, truth, guess, np.array([1.0, 0.5, 0.0, 0.0]), ("no", "yes"))
    assert part["confusion"] == [[1, 0], [0, 1]]
    assert Evidence(BCE, truth, guess, np.zeros(4)).found() is None
    assert Evidence(BCE, truth, guess * np.nan).found() is None
    evidence = Evidence(BCE, truth, guess, None, ("no", "yes"))
    evidence.found()
    assert evidence.worst(5) == [
        (2, "yes", "no (0.300)", pytest.approx(0.7)),
        (3, "no", "yes (0.600)", pytest.approx(0.6)),
    ]


def test_logits_are_made_probabilities() -> None:
    from netspec.pipeline import analyze_text

    text = "inputs: {{x: [2]}}\nlayers:\n  - Dense: {units}\n    name: y\nlosses: {{{loss}: {{from_logits: true}}}}\n"
    losses = {}
    for loss, units in (("BinaryCrossentropy", 1), ("SparseCategoricalCrossentropy", 3)):
        checked = analyze_text(text.format(loss=loss, units=units)).checked
        assert checked is not None
        losses[loss] = checked.training.losses["y"]
    one = found(losses["BinaryCrossentropy"], np.array([0, 1]), np.array([[-3.0], [0.1]]))
    assert one["right"] == 2
    evidence = Evidence(losses["SparseCategoricalCrossentropy"], np.array([0]), np.array([[0.0, 3.0, 0.0]]))
    assert evidence.found()
    assert evidence.worst(1)[0][2] == "1 (0.909)"


def test_steps_of_rows_count_one_by_one_where_they_weigh() -> None:
    truth = np.array([[0, 1, 2], [2, 2, 0]])
    guess = np.eye(3)[np.array([[0, 1, 1], [2, 0, 1]])]
    weights = np.array([[1, 1, 1], [1, 1, 0]], np.float32)
    one = Evidence(SPARSE, truth, guess, weights)
    plain = one.found()
    assert plain is not None and plain["cases"] == 5 and plain["right"] == 3
    assert [(row, truth) for row, truth, _, _ in one.worst(5)] == [(0, "2 in step 3"), (1, "2 in step 2")]
    assert found(SPARSE, truth, guess, np.array([1, 0]))["cases"] == 3


def test_several_labels_a_row() -> None:
    truth, guess = RNG.random((50, 3)) < 0.5, RNG.random((50, 3))
    one = found(BCE, truth.astype(np.float32), guess, None, ("a", "b", "c"))
    assert one["kind"] == "several" and one["cases"] == 150 and one["right"] == int(((guess > 0.5) == truth).sum())
    assert [each["class"] for each in one["curves"]] == ["a", "b", "c"]


def test_residuals() -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    truth = RNG.normal(size=(200, 1)).astype(np.float32)
    guess = truth + RNG.normal(0.5, 0.2, (200, 1)).astype(np.float32)
    column = found(MSE, truth, guess)["columns"][0]
    assert column["mae"] == pytest.approx(mean_absolute_error(truth, guess), rel=1e-5)
    assert column["rmse"] == pytest.approx(mean_squared_error(truth, guess) ** 0.5, rel=1e-5)
    assert column["r2"] == pytest.approx(r2_score(truth, guess), rel=1e-4)
    assert sum(column["off"]["counts"]) + column["off"]["outside"] == 200
    same = found(MSE, np.ones(5), np.ones((5, 1)))["columns"][0]
    assert same["r2"] is None and same["rmse"] == 0
    many = found(MSE, np.zeros((10, 8, 8)), np.ones((10, 8, 8)))
    assert many["kind"] == "many" and many["numbers"] == 64 and many["off"]["median"] == 1
    odd = Evidence(MSE, np.zeros((10, 2)), np.ones((10, 3)))
    assert odd.found() is None and odd.worst(3) == []


CASES = {
    "classes": (SPARSE, RNG.integers(0, 12, 80), softmax(RNG.normal(size=(80, 12))), None, [EVIL] * 12),
    "pairs": (SPARSE, RNG.integers(0, 50, 80), softmax(RNG.normal(size=(80, 50))), None, [EVIL] * 50),
    "several": (BCE, RNG.integers(0, 2, (80, 12)), RNG.random((80, 12)), None, [EVIL] * 12),
    "numbers": (MSE, RNG.normal(size=(80, 2)), RNG.normal(size=(80, 2)), None, ()),
    "constant": (MSE, np.ones((8, 1)), np.ones((8, 1)), None, ()),
    "many": (MSE, RNG.normal(size=(80, 9)), RNG.normal(size=(80, 9)), None, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_is_drawn_and_its_names_are_text(case: str) -> None:
    one = Evidence(*CASES[case])
    plain = one.found()
    assert plain is not None
    worst = [
        {"number": row + 1, "truth": truth, "guess": guess, "off": off, "cells": {EVIL: EVIL}}
        for row, truth, guess, off in one.worst(5)
    ]
    whole = {
        "looked": {"split": "test", "rows": 80, "of": 100},
        "grid": GRID.tolist(),
        "outputs": {EVIL: {**plain, "worst": worst}, "other": {**plain, "worst": []}},
    }
    page = drawn.errors(json.loads(json.dumps(whole)))
    reader = read(page)
    assert "script" not in {tag for tag, _ in reader.tags} and EVIL in reader.text
    assert "the first 80 of 100 rows of test" in " ".join(reader.text.split())
    assert "nan" not in page and "inf" not in page


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import netspec

    folder = tmp_path_factory.mktemp("points")
    return netspec.fit(write_points(folder), out=folder / "run").run


def account(run: Path) -> dict[str, Any]:
    return json.loads((run / runs.EVIDENCE).read_text(encoding="utf-8"))


@pytest.mark.keras
def test_fit_keeps_an_account_that_agrees_with_its_scores(made: Path) -> None:
    kept = account(made)
    scores = json.loads((made / runs.METRICS).read_text(encoding="utf-8"))
    one = kept["outputs"]["kind"]
    assert kept["looked"] == {"split": "test", "rows": 60, "of": 60}
    assert one["right"] / one["cases"] == pytest.approx(scores["test"]["kind"]["accuracy"])
    counts = kept["labels"]["kind"]["counts"]
    assert {part: sum(each) for part, each in counts.items()} == {"train": 180, "validation": 60, "test": 60}
    assert kept["inputs"] == [{"name": "x", "shape": [2], "dtype": "float32", "kind": "numbers", "columns": ["a", "b"]}]
    with (made.parent / "points.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert one["worst"]
    for each in one["worst"]:
        number = int(each["row"].split("row ")[1].split(" ")[0])
        assert each["cells"] == rows[number - 1], "the row as the file has it"
        assert each["truth"] == rows[number - 1]["label"] and not each["guess"].startswith(each["truth"])
    page = stands_alone((made / runs.REPORT).read_text(encoding="utf-8"))
    said = " ".join(page.text.split())
    assert "all 60 rows of test" in said and "Furthest off" in said and "recall" in said


@pytest.mark.keras
def test_rows_of_a_stream_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    import netspec
    from netspec.runtime.data import sources

    monkeypatch.setattr(sources, "HELD", 1)
    run = netspec.fit(write_points(tmp_path), out=tmp_path / "run").run
    found, before = account(run)["outputs"]["kind"], account(made)["outputs"]["kind"]
    for each in (*found["worst"], *before["worst"]):
        each["row"] = each["row"].rpartition("/")[2]
    assert found == before


@pytest.mark.keras
def test_more_rows_than_there_is_time_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import netspec
    from netspec.runtime.run import looking

    monkeypatch.setattr(looking, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(looking, "_SHARE", 0.0)
    run = netspec.fit(write_points(tmp_path), out=tmp_path / "run", epochs=1).run
    assert account(run)["looked"] == {"split": "test", "rows": 32, "of": 60}
    assert "the first 32 of 60 rows of test" in read((run / runs.REPORT).read_text(encoding="utf-8")).text


@pytest.mark.keras
def test_generated_examples_have_no_errors_to_show(tmp_path: Path) -> None:
    import netspec

    run = netspec.fit(write_points(tmp_path), out=tmp_path / "run", dummy=16, epochs=1).run
    assert "outputs" not in account(run)
    assert "say nothing of real data" in read((run / runs.REPORT).read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    "text", ["{", '{"format_version": "1.0"}', '{"format_version": "1.0", "parts": 3, "outputs": []}']
)
def test_a_damaged_account_costs_its_sections_alone(text: str, tmp_path: Path) -> None:
    from test_run_verbs import made as made_run

    from netspec.render import report
    from netspec.runtime.run import story

    run = made_run(out=tmp_path / "run")
    (run / runs.EVIDENCE).write_text(text, encoding="utf-8")
    page = report.page(story.told(run, None))
    assert "Summary" in stands_alone(page).text
