"""Training whose loss is scaled: it goes on where steps overflow in 16 bits and are skipped, as Keras does."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from test_training import weights

import netspec
from netspec.runtime.run import checkpoints, runs, stopping, training

pytestmark = pytest.mark.keras

SPEC = """
netspec: 1
name: half
inputs: {x: [2]}
dtype_policy: mixed_float16
layers:
  - Dense: {units: 4, activation: relu}
  - Dense: {units: 1, dtype: float32}
    name: y
losses: mse
metrics: [mae]
optimizer: {Adam: {learning_rate: 0.01}}
data: {train: rows.csv, validation: held.csv, features: {x: [a, b]}, targets: {y: y}}
fit: {epochs: 3, batch_size: 8, seed: 1, steps_per_execution: 1, checkpoint: {steps: 2}}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows to train on, one of them beyond float16, and some to validate with."""
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{a + b:.3f}" for a, b in rng.normal(size=(48, 2))]
    (tmp_path / "held.csv").write_text("a,b,y\n" + "\n".join(lines[40:]) + "\n", encoding="utf-8")
    lines[7] = "300000,1,1"
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "\n".join(lines[:40]) + "\n", encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_skipped_steps_do_not_end_the_training(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = netspec.fit("spec.yaml", out=table / "whole")
    assert [math.isfinite(row["loss"]) for row in made.history] == [False] * 3  # as Keras says it
    assert all(math.isfinite(row["val_loss"]) for row in made.history) and made.best_epoch > 0
    assert made.notes and any("loss of 3 epochs is not finite" in note for note in made.notes)
    stood = checkpoints.read(made.run)
    assert stood is not None
    steps = next(
        int(a) for p, a in zip(stood.paths, stood.arrays, strict=True) if re.search(r"adam(_\d+)?/iteration$", p)
    )
    assert steps == 3 * 5 - 3
    kept = json.loads((made.run / runs.METRICS).read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert kept["train"]["y"]["loss"] is None and math.isnan(made.metrics["train"]["y"]["loss"])

    seen = [0]

    def check() -> None:
        seen[0] += 1
        if seen[0] == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stopping, "check", check)
        with pytest.raises(training.Interrupted):
            netspec.fit("spec.yaml", out=table / "cut")
    netspec.resume(table / "cut")
    assert weights(table / "cut" / runs.LAST) == weights(made.run / runs.LAST)
    assert (table / "cut" / runs.HISTORY).read_bytes() == (made.run / runs.HISTORY).read_bytes()
    assert netspec.reproduce(made.run, out=table / "again").same


def test_where_every_step_overflows_training_ends(table: Path) -> None:
    rows = (table / "rows.csv").read_text(encoding="utf-8").splitlines()
    (table / "rows.csv").write_text("\n".join([rows[0], *["300000,1,1"] * 40]) + "\n", encoding="utf-8")
    with pytest.raises(training.TrainingError, match=r"the loss is (nan|inf) .* in epoch 8,") as found:
        netspec.fit("spec.yaml", epochs=50)  # by five steps each from 2 ** 15 to below 2 ** -24
    assert found.value.code == "NS802" and "mixed_bfloat16" in str(found.value.help)


def test_a_metric_may_begin_at_an_infinity(table: Path) -> None:
    (table / "mine.py").write_text(
        "import keras\nclass Most(keras.metrics.Metric):\n"
        "    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n"
        "        self.most = self.add_weight(shape=(), initializer='zeros')\n"
        "    def reset_state(self):\n        self.most.assign(-float('inf'))\n"
        "    def update_state(self, y_true, y_pred, sample_weight=None):\n        pass\n"
        "    def result(self):\n        return self.most\n",
        encoding="utf-8",
    )
    spec = SPEC.replace("metrics: [mae]", "metrics: [{python: 'mine:Most'}]").replace("epochs: 3", "epochs: 1")
    (table / "own.yaml").write_text(spec.replace("dtype_policy: mixed_float16\n", ""), encoding="utf-8")
    assert netspec.fit("own.yaml", trust=True).history[0]["most"] == -math.inf
