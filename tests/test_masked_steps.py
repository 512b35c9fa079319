"""Labels for each step below layers that mask: the loss is the mean over labels, whatever the batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

import netspec
from netspec.pipeline import analyze

pytestmark = pytest.mark.keras

SPEC = """
inputs: {{t: {{shape: {shape}, dtype: int32}}}}
layers:
  - Embedding: {{input_dim: 10, output_dim: 4, mask_zero: {masks}}}
  - LSTM: {{units: 5, return_sequences: true}}
  - Dense: {{units: 3, activation: softmax}}
    name: tag
{more}
optimizer: {{SGD: {{learning_rate: {rate}}}}}
data:
  train: d.csv
  test: d.csv
  features: {{t: {{column: t, text: {{vocabulary: 10, padding: pre}}}}}}
  targets: {{tag: {{column: y, sequence: true}}{target}}}
fit: {{epochs: 1, batch_size: 8, seed: 4}}
"""
ONE = "losses: sparse_categorical_crossentropy"
TWO = """\
  - GlobalAveragePooling1D
  - Dense: 1
    name: g
outputs: [tag, g]
losses: {tag: sparse_categorical_crossentropy, g: {loss: mse, weight: 0.5}}"""


def _rows(folder: Path, missing: bool) -> list[list[int]]:
    draw = np.random.default_rng(11)
    lengths = draw.integers(1, 12, 40)
    labels = [[int(label) for label in draw.integers(0, 3, length)] for length in lengths]
    if missing:
        labels = [[] if at % 4 == 0 else each for at, each in enumerate(labels)]
    lines = [
        f"{' '.join(draw.choice(list('abcdef'), length))},{' '.join(map(str, each))},{at % 5}"
        for at, (length, each) in enumerate(zip(lengths, labels, strict=True))
    ]
    (folder / "d.csv").write_text("\n".join(["t,y,g", *lines]) + "\n", encoding="utf-8")
    return labels


def _by_hand(run: Path, labels: list[list[int]]) -> float:
    """The mean crossentropy over all labels; they stand at the end of the steps."""
    guesses = netspec.predict(run, run.parent / "d.csv").outputs["tag"].astype(float)
    found = [
        -np.log(guess[len(guess) - len(each) :][range(len(each)), each])
        for guess, each in zip(guesses, labels, strict=True)
        if each
    ]
    return float(np.mean(np.concatenate(found)))


@pytest.mark.parametrize(
    ("masks", "shape", "missing", "more"),
    [
        ("false", "[12]", False, ONE),
        ("true", "[12]", False, ONE),
        ("true", "[12]", True, ONE),
        ("true", "[null]", False, ONE),
        ("true", "[12]", False, TWO),
    ],
)
def test_the_loss_is_the_mean_over_labels(tmp_path: Path, masks: str, shape: str, missing: bool, more: str) -> None:
    labels = _rows(tmp_path, missing)
    target = ", g: g" if more is TWO else ""
    text = SPEC.format(masks=masks, shape=shape, more=more, target=target, rate=1e-12)
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    run = netspec.fit(tmp_path / "s.yaml", out=tmp_path / "run", report=False).run
    found = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for part in ("train", "test"):
        assert found[part]["tag"]["loss"] == pytest.approx(_by_hand(run, labels), rel=1e-5), part


def test_every_label_pulls_alike(tmp_path: Path) -> None:
    """One step of SGD with all rows in a batch moves the last layer by the gradient of the mean over labels."""
    import h5py

    labels = _rows(tmp_path, False)
    text = SPEC.format(masks="true", shape="[12]", more=ONE, target="", rate=1.0).replace(
        "batch_size: 8", "batch_size: 40"
    )
    moved = []
    for rate in ("1.0e-12", "1.0"):
        (tmp_path / "s.yaml").write_text(text.replace("learning_rate: 1.0", f"learning_rate: {rate}"), encoding="utf-8")
        run = netspec.fit(tmp_path / "s.yaml", out=tmp_path / f"run{rate}", report=False).run
        with h5py.File(run / "weights.weights.h5") as file:
            moved.append([np.asarray(file[f"layers/dense/vars/{at}"]) for at in (0, 1)])
    guesses = netspec.predict(tmp_path / "run1.0e-12", tmp_path / "d.csv").outputs["tag"].astype(float)
    count = sum(map(len, labels))
    bias = np.zeros(3)
    for guess, each in zip(guesses, labels, strict=True):
        bias += (guess[len(guess) - len(each) :] - np.eye(3)[each]).sum(axis=0) / count
    np.testing.assert_allclose(moved[0][1] - moved[1][1], bias, atol=1e-5)


def test_names_of_steps_are_those_of_every_file(tmp_path: Path, run: Run) -> None:
    (tmp_path / "d.csv").write_text("t,y\na b c,N V X\na b,V N\nc,X\n", encoding="utf-8")
    (tmp_path / "e.csv").write_text("t,y\na c,N V\nb,V\nc c,X N\n", encoding="utf-8")
    text = SPEC.format(masks="true", shape="[3]", more=ONE, target="", rate=0.1)
    text = text.replace("sequence: true", "sequence: true, classes: [N, V, X]").replace("test: d.csv", "test: e.csv")
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    assert analyze(tmp_path / "s.yaml").diagnostics == ()
    assert run("fit", "s.yaml", cwd=tmp_path).rc == 0
    (tmp_path / "e.csv").write_text("t,y\na c,N V\nb,Q\n", encoding="utf-8")
    (found,) = analyze(tmp_path / "s.yaml").diagnostics
    assert found.code == "NS710" and "got `Q`" in found.message
