"""Labels that are masked one by one: steps of Keras equal a loss written by hand, and metrics count what is there."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from netspec import api  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime import engine  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.run import inference, splits, survey  # noqa: E402

keras = engine.keras()
ROWS = 20
SPEC = """
inputs: {x: [2]}
layers:
  - Dense: {units: 3, kernel_initializer: zeros}
    name: y
losses: {y: {Huber: {delta: 0.7}}}
metrics: {y: [mae, {RootMeanSquaredError: {name: rmse}}]}
optimizer: {SGD: {learning_rate: 0.1}}
data:
  train: t.csv
  test: t.csv
  features: {x: [a, b]}
  targets: {y: {columns: [p, q, r], missing: mask, weight: w}}
fit: {epochs: 1, batch_size: 8, seed: 1, shuffle: false}
"""


def table(folder: Path, seed: int = 1) -> tuple[Any, Any, Any]:
    """Inputs, targets with NaN for what is missing (one row has none), weights."""
    dice = random.Random(seed)
    x = np.array([[dice.random(), dice.random()] for _ in range(ROWS)])
    y = np.array([[1 + a, 2 - b, a * b] for a, b in x])
    for at in range(ROWS):
        for column in range(3):
            if at == 4 or dice.random() < 0.4:
                y[at, column] = np.nan
    w = np.array([dice.choice((0.0, 1.0, 2.0)) for _ in range(ROWS)])
    cells = [",".join("" if n != n else repr(float(n)) for n in (*x[at], *y[at], w[at])) for at in range(ROWS)]
    (folder / "t.csv").write_text("a,b,p,q,r,w\n" + "\n".join(cells) + "\n")
    keep = ~np.isnan(y).all(axis=1)
    return x[keep], y[keep], w[keep]


def by_hand(x: Any, y: Any, w: Any) -> Any:
    """One epoch of batches of 8 of a linear model and Huber's loss, by numpy: its weights."""
    kernel, bias, there = np.zeros((2, 3)), np.zeros(3), ~np.isnan(y)
    for start in range(0, len(x), 8):
        at = slice(start, start + 8)
        off = np.where(there[at], x[at] @ kernel + bias - np.nan_to_num(y[at]), 0)
        pull = np.clip(off, -0.7, 0.7) * w[at, None] / there.sum() * y.size / off.size
        kernel, bias = kernel - 0.1 * x[at].T @ pull, bias - 0.1 * pull.sum(axis=0)
    return kernel, bias


def fitted(spec: str, folder: Path) -> Any:
    (folder / "s.yaml").write_text(spec)
    return api.fit(folder / "s.yaml", out=folder / "run")


def test_training_is_that_of_the_labels_that_are_there(tmp_path: Path) -> None:
    x, y, w = table(tmp_path)
    result = fitted(SPEC, tmp_path)
    kernel, bias = by_hand(x, y, w)
    checked = analyze_text(SPEC, folder=str(tmp_path)).checked
    assert checked is not None
    found = inference.model_of(tmp_path / "run", checked, best=False).get_weights()
    assert np.allclose(found[0], kernel, atol=1e-6) and np.allclose(found[1], bias, atol=1e-6)
    off = np.where(np.isnan(y) | (w == 0)[:, None], np.nan, x @ kernel + bias - np.nan_to_num(y))
    scored = next(each for each in result.scores if each.split == "test").outputs["y"]
    assert math.isclose(scored["mae"], np.nanmean(np.abs(off)), rel_tol=1e-5)
    assert math.isclose(scored["rmse"], np.sqrt(np.nanmean(off**2)), rel_tol=1e-5)
    notes = " ".join(result.notes)
    assert "1 row dropped: no label in `p`, `q`, `r`" in notes and "labels masked in rows that have others: " in notes


def test_beside_another_output_and_with_scales(tmp_path: Path) -> None:
    table(tmp_path)
    spec = SPEC.replace("    name: y\n", "    name: y\n  - Dense: 1\n    from: x\n    name: z\noutputs: [y, z]\n")
    spec = spec.replace("0.7}}}", "0.7}}, z: mse}").replace("weight: w}}", "normalize: true}, z: a}")
    spec = spec.replace("features: {x: [a, b]}", "features: {x: [b, w]}")
    result = fitted(spec, tmp_path)
    scored = {each.split: each.outputs for each in result.scores}["test"]
    assert set(scored["y"]) == {"loss", "mae", "rmse"} and scored["y"]["mae"] < 5


def read(spec: str, folder: Path) -> splits.Splits:
    checked = analyze_text(spec, folder=str(folder)).checked
    assert checked is not None
    return splits.read(checked, 1)


def test_what_counts_what(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,p,q,r,w\n1,2,3,,5,2\n1,2,,,,1\n1,2,NA,4,6,1\n")
    train = read(SPEC, tmp_path).train
    assert train.examples.w["y"].tolist() == [[2, 0, 2], [0, 1, 1]]
    assert train.examples.y["y"].tolist() == [[3, 0, 5], [0, 4, 6]] and train.labelled == {"y": 4}


def test_losses_of_whole_rows_mask_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,p,q,r,w\n1,2,0.5,,0.5,2\n1,2,0,1,0,1\n")
    spec = SPEC.replace("units: 3", "units: 3, activation: softmax")
    spec = spec.replace("{y: {Huber: {delta: 0.7}}}", "kl_divergence")
    train = read(spec, tmp_path).train
    assert train.rows == 1  # a row without any label of any output goes


def test_a_list_that_lacks_a_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,v\n1,2,3 nan 5\n1,2,\n1,2,[1; 2; null]\n")
    spec = SPEC.replace("{columns: [p, q, r], missing: mask, weight: w}", "{column: v, array: true, missing: mask}")
    train = read(spec, tmp_path).train
    assert train.examples.w["y"].tolist() == [[1, 0, 1], [1, 1, 0]]
    assert any("labels masked in rows that have others: 2 in `v`" in note for note in train.notes)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1,2,3,,5,2\n1,2,1,,1,1\n", "output `y`: none of the training rows has a label in `q`"),
        ("1,2,,,,2\n", "none of the"),
        ("1,2,3,4,1,2\n1,2,3,4,1,2\n1,2,x,,1,2\n", "expected a number, got `x`"),
    ],
)
def test_validate_refuses_what_fit_refuses(rows: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,p,q,r,w\n" + rows)
    plain = analyze_text(SPEC, folder=str(tmp_path), look_at_data=False).checked
    assert plain is not None
    with pytest.raises(DataError) as caught:
        splits.read(plain, 1)
    found = analyze_text(SPEC, folder=str(tmp_path)).diagnostics
    assert words in caught.value.message and caught.value.code in {each.code for each in found}, found


def test_metrics_of_whole_rows_are_warned_of(tmp_path: Path) -> None:
    table(tmp_path)
    every = analyze_text(SPEC.replace("[mae,", "[r2_score,"), folder=str(tmp_path)).diagnostics
    found = [each for each in every if each.code != "NS714"]  # which is about the file that is held out too
    assert [each.code for each in found] == ["NS520"] and "masks labels one by one" in found[0].message


def test_netspec_data_counts_labels(tmp_path: Path) -> None:
    _, y, _ = table(tmp_path)
    checked = analyze_text(SPEC, folder=str(tmp_path)).checked
    assert checked is not None
    (labels,) = survey.survey(checked).labels
    spread = labels.numbers["train"]
    assert spread is not None and spread.count == np.count_nonzero(~np.isnan(y))
