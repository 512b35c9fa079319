"""evaluate: 95 % intervals by the bootstrap, slices by a column, any split, the weights of a checkpoint."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import Run
from test_training import SPEC, fitted, points  # noqa: F401

from netspec import api
from netspec.errors import NetspecError
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Table
from netspec.runtime.run import runs, slices

pytestmark = pytest.mark.keras


def _accuracy(rows: int, folder: Path) -> Any:
    """A run, and a file of so many rows."""
    draw = np.random.default_rng(rows)
    values = draw.normal(size=(rows, 2))
    labels = np.where(values.sum(axis=1) + draw.normal(size=rows) > 0, "yes", "no")
    lines = [f"p{at},{x:.4f},{y:.4f},{label}" for at, ((x, y), label) in enumerate(zip(values, labels, strict=True))]
    (folder / f"rows{rows}.csv").write_text("id,x,y,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder / f"rows{rows}.csv"


def test_intervals_are_those_of_a_proportion_and_narrow_with_the_rows(
    points: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netspec.runtime.run import intervals

    run = fitted(SPEC, points, out=points / "out").run
    widths = {}
    for rows, most in ((400, 20_000), (6_400, 20_000), (6_400, 800)):
        monkeypatch.setattr(intervals, "MOST_ROWS", most)
        found = api.evaluate(run, data=_accuracy(rows, points), bootstrap=400)
        share = found.scores.outputs["inside"]["accuracy"]
        assert isinstance(share, float)
        low, high = found.intervals["inside"]["accuracy"]
        error = 1.96 * (share * (1 - share) / rows) ** 0.5
        assert low < share < high
        assert 0.75 * 2 * error < high - low < 1.3 * 2 * error, (rows, most)
        widths[rows, most] = high - low
        loss = found.scores.outputs["inside"]["loss"]
        assert isinstance(loss, float)
        low, high = found.intervals["inside"]["loss"]
        assert low < loss < high
    again = api.evaluate(run, data=points / "rows400.csv", bootstrap=400)
    monkeypatch.setattr(intervals, "MOST_ROWS", 20_000)
    assert api.evaluate(run, data=points / "rows400.csv", bootstrap=400).intervals == again.intervals
    assert not api.evaluate(run, data=points / "rows400.csv", bootstrap=0).intervals


def test_the_loss_of_masked_labels_is_the_mean_over_those_that_a_draw_has(tmp_path: Path) -> None:
    spec = """
inputs: {x: [1]}
layers:
  - Dense: {units: 1, activation: sigmoid, kernel_initializer: zeros}
    from: x
    name: one
  - Dense: {units: 1, activation: sigmoid, kernel_initializer: zeros}
    from: x
    name: other
outputs: [one, other]
losses: binary_crossentropy
optimizer: {SGD: {learning_rate: 1.0e-9}}
data:
  train: t.csv
  test: t.csv
  features: {x: x}
  targets: {one: {column: one, missing: mask}, other: {column: other, missing: mask}}
"""
    rows = [f"{at},{at % 2 if at % 3 else ''},{at // 2 % 2}" for at in range(40)]
    (tmp_path / "t.csv").write_text("x,one,other\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = api.evaluate(fitted(spec, tmp_path, out=tmp_path / "out").run, bootstrap=50)
    for output in ("one", "other"):  # each label costs log 2, whichever are drawn; an interval of one number is none
        low, high = found.intervals.get(output, {}).get("loss", (np.log(2), np.log(2)))
        assert (low, high) == pytest.approx((np.log(2), np.log(2)), abs=1e-4)


def test_slices_hold_every_row_once_and_add_up(points: Path) -> None:
    run = fitted(SPEC, points, out=points / "out").run
    table = points / "sliced.csv"
    lines = (points / "points.csv").read_text(encoding="utf-8").splitlines()
    kinds = [("", "a", "b", "b")[at % 4] for at in range(len(lines) - 1)]
    sliced = [f"{lines[0]},kind,number"]
    sliced += [f"{line},{kind},{at}" for at, (line, kind) in enumerate(zip(lines[1:], kinds, strict=True))]
    table.write_text("\n".join(sliced) + "\n", encoding="utf-8")
    found = api.evaluate(run, data=table, by=["kind", "number"], bootstrap=20)
    kind = {each.value: each.scores for each in found.slices if each.column == "kind"}
    assert {value: scores.rows for value, scores in kind.items()} == {"a": 50, "b": 100, "(missing)": 50}
    number = [each for each in found.slices if each.column == "number"]
    assert len(number) == 4 and sum(each.scores.rows for each in number) == 200
    for of in (list(kind.values()), [each.scores for each in number]):
        mean = sum(float(each.outputs["inside"]["accuracy"]) * each.rows for each in of) / 200  # type: ignore[arg-type]
        assert mean == pytest.approx(found.scores.outputs["inside"]["accuracy"], abs=1e-6)
    with pytest.raises(DataError, match="no column `kin`"):
        api.evaluate(run, data=table, by="kin")


def test_splits_and_weights(points: Path) -> None:
    run = fitted(SPEC, points, out=points / "out").run
    metrics = json.loads((run / runs.METRICS).read_text(encoding="utf-8"))
    for split in ("validation", "test"):
        found = api.evaluate(run, split=split, bootstrap=0)
        assert found.scores.rows == metrics[split]["(all)"]["rows"]
        assert found.scores.loss == pytest.approx(metrics[split]["(all)"]["loss"], rel=1e-5)
    train = api.evaluate(run, split="train", bootstrap=0, by="label")
    assert train.scores.rows == metrics["train"]["(all)"]["rows"] == sum(each.scores.rows for each in train.slices)
    assert any("tell nothing of others" in note for note in train.notes)
    last = api.evaluate(run, checkpoint=True, bootstrap=0)
    assert last.weights == runs.CHECKPOINT and last.scores == api.evaluate(run, bootstrap=0).scores
    both: Any = {"best": True, "checkpoint": True}
    for wrong in ({"split": "tset"}, {"bootstrap": -1}, {"split": "test", "data": "x.csv"}, both):
        with pytest.raises(NetspecError):
            api.evaluate(run, **wrong)  # type: ignore[arg-type]


def test_the_verb(points: Path, run: Run) -> None:
    fitted(SPEC, points, out=points / "out")
    done = run("evaluate", "out", "--by", "label", "--bootstrap", "20", cwd=points)
    assert done.rc == 0 and "95 % interval" in done.stdout and "\nyes" in done.stdout, done.stdout + done.stderr
    done = run("evaluate", "out", "--by", "label", "--bootstrap", "20", "--format", "json", cwd=points)
    report = json.loads(done.stdout)
    assert len(report["intervals"]["inside"]["accuracy"]) == 2
    assert [each["value"] for each in report["slices"]] == ["no", "yes"]
    (points / "out" / runs.CHECKPOINT).unlink()
    done = run("evaluate", "out", "--checkpoint", cwd=points)
    assert done.rc == 2 and "has no checkpoint.npz" in done.stderr


def test_values_become_slices() -> None:
    words = pa.array([f"w{at % 30:02}" for at in range(90)])
    numbers = pa.array([str(value) for value in [*range(50), *[7] * 40]])
    table = Table({"word": words, "number": numbers, "flag": pa.array(["1", "0", "10"] * 30)}, 90, "t.csv")
    found = slices.slices(table, "word")
    assert len(found) == slices.MOST + 1 and found[-1].value == "(others)" and found[-1].mask.sum() == 30
    assert [each.value for each in slices.slices(table, "flag")] == ["0", "1", "10"]
    quarters = slices.slices(table, "number")
    assert np.sum([each.mask for each in quarters], axis=0).tolist() == [1] * 90
    assert quarters[0].value.startswith("0 to below ") and quarters[-1].value.endswith(" to 49")


def test_a_number_that_is_missing_is_no_value() -> None:
    numbers = Table({"n": np.array([1.0, np.nan, 2.0])}, 3, "t.npz")
    assert [each.value for each in slices.slices(numbers, "n")] == ["1.0", "2.0", "(missing)"]
    words = Table({"n": pa.array(["ann", "nan", "ann"])}, 3, "t.csv")
    assert [each.value for each in slices.slices(words, "n")] == ["ann", "nan"]


def test_a_value_of_rows_without_labels_has_no_scores_and_the_others_have(points: Path) -> None:
    run = fitted(SPEC, points, out=points / "out").run
    text = "id,x,y,label\n" + "".join(f"{'ab'[at % 2]},0.{at},0.2,{('yes', 'no')[at % 3 == 0]}\n" for at in range(9))
    (points / "some.csv").write_text(f"{text}c,0.1,0.1,\nc,0.2,0.2,\n", encoding="utf-8")
    found = api.evaluate(run, data=points / "some.csv", by=("id",), bootstrap=0)
    assert [each.value for each in found.slices] == ["a", "b"]
    assert "id c has no scores: none of its 2 rows can be used" in found.notes
