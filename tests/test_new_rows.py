"""Rows that a trained run meets: what helps with a cell that it cannot take, and rows of named data sets from files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netspec.graph.ir import Checked
from netspec.pipeline import analyze_text
from netspec.runtime.data import named
from netspec.runtime.data.faults import DataError
from netspec.runtime.run import evaluating, inference, runs, training

pytestmark = pytest.mark.keras

DAYS = """
inputs: {when: [2], size: [1]}
layers:
  - Concatenate:
    from: [when, size]
  - Dense: 1
    name: y
losses: mse
data:
  train: days.csv
  features:
    when: {column: day, date: [month, weekday]}
    size: {column: size, bucket: [1, 2]}
fit: {seed: 1}
"""

IRIS = """
inputs: {x: [4]}
layers:
  - Dense: {units: 3, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
metrics: [accuracy]
data:
  dataset: iris
  features: {x: {column: numbers, normalize: true}}
  targets: {y: label}
fit: {seed: 1, epochs: 2}
"""

DIGITS = """
inputs: {x: [64]}
layers:
  - Dense: {units: 10, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
data:
  dataset: digits
  features: {x: {column: image, rescale: 0.0625}}
  targets: {y: label}
fit: {seed: 1}
"""


def fitted(spec: str, folder: Path) -> tuple[Path, Checked]:
    checked = analyze_text(spec, folder=str(folder)).checked
    assert checked is not None
    run = training.fit(checked, spec.encode(), out=folder / "run", quiet=True, report=False).run
    record = runs.load(run)
    again = analyze_text(json.dumps(record.spec), folder=str(record.folder)).checked
    assert again is not None
    return run, again


def test_what_helps_with_a_cell_after_training(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("day,size,y\n2024-01-01,0,1\n2024-05-06,3,2\n")
    run, checked = fitted(DAYS, tmp_path)
    for cells in (",1", "2024-01-01,"):
        (tmp_path / "new.csv").write_text(f"day,size,y\n2024-01-01,1,1\n{cells},2\n")
        for verb in (inference.predict, evaluating.evaluate):
            with pytest.raises(DataError, match="row 2") as caught:
                verb(run, checked, data=tmp_path / "new.csv")
            cure = "mend the cell, or leave out the row; to train anew, say `missing: zero`"
            assert (caught.value.help or "").startswith(cure)


def test_rows_of_a_data_set_from_a_file(tmp_path: Path) -> None:
    run, checked = fitted(IRIS, tmp_path)
    table = named.dataset("iris", "test")
    cells = [" ".join(map(str, row)) for row in table.columns["numbers"].tolist()]
    lines = (f"{cell},{label}" for cell, label in zip(cells, table.columns["label"].to_pylist(), strict=True))
    (tmp_path / "new.csv").write_text("numbers,label\n" + "\n".join(lines) + "\n")
    rows = [json.dumps({"numbers": row}) for row in table.columns["numbers"].tolist()]
    (tmp_path / "new.jsonl").write_text("\n".join(rows))
    np.savez(tmp_path / "new.npz", numbers=table.columns["numbers"])
    found = [inference.predict(run, checked, tmp_path / f"new.{kind}") for kind in ("csv", "jsonl", "npz")]
    for each in found:
        assert each.rows == 30 and np.array_equal(each.outputs["y"], found[0].outputs["y"])
    own = evaluating.evaluate(run, checked)
    assert evaluating.evaluate(run, checked, data=tmp_path / "new.csv").scores.outputs == own.scores.outputs
    (tmp_path / "new.csv").write_text("numbers\n\n[5.1; 3.5; 1.4]\n")
    with pytest.raises(DataError, match="expected 4 numbers, got 3"):
        inference.predict(run, checked, tmp_path / "new.csv")
    (tmp_path / "new.csv").write_text("a,b,c,d\n5.1,3.5,1.4,0.2\n")
    with pytest.raises(DataError, match="no column `numbers`") as caught:
        inference.predict(run, checked, tmp_path / "new.csv")
    assert caught.value.help == "a row of `iris` is a cell of 4 numbers in column `numbers`, such as `0.5 1 2 …`"


def test_an_image_of_a_data_set_is_a_list_of_its_pixels(tmp_path: Path) -> None:
    run, checked = fitted(DIGITS, tmp_path)
    images = named.dataset("digits", "test").columns["image"][:5]
    np.savez(tmp_path / "new.npz", image=images)
    cells = (",".join(map(str, row)) for row in images.reshape(5, -1).tolist())
    (tmp_path / "new.csv").write_text("image\n" + "\n".join(f'"[{cell}]"' for cell in cells) + "\n")
    some, others = (inference.predict(run, checked, tmp_path / f"new.{kind}") for kind in ("csv", "npz"))
    assert np.array_equal(some.outputs["y"], others.outputs["y"])
