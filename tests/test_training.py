"""fit: what a run folder holds, the same bits from one seed, and that every end says what was saved."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.graph.limits import limits
from netspec.pipeline import analyze, analyze_text
from netspec.render import results
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import TooBig
from netspec.runtime.run import evaluating, runs, sizing, training
from netspec.runtime.run.training import FitResult

pytestmark = pytest.mark.keras

SPEC = """
name: points
inputs: {place: [2]}
layers:
  - Dense: {units: 8, activation: relu}
  - Dropout: 0.1
  - Dense: {units: 1, activation: sigmoid}
    name: inside
losses: binary_crossentropy
metrics: [accuracy]
optimizer: {Adam: {learning_rate: 0.05}}
data:
  train: points.csv
  validation: 0.2
  test: points.csv
  features: {place: {columns: [x, y], normalize: true}}
  targets: {inside: label}
fit: {epochs: 3, batch_size: 16, seed: 3}
"""


def checked(spec: str, folder: Path, *overrides: str) -> Checked:
    analysis = analyze_text(spec, folder=str(folder), overrides=overrides)
    assert analysis.checked is not None, [found.message for found in analysis.diagnostics]
    return analysis.checked


def fitted(spec: str, folder: Path, *overrides: str, **options: Any) -> FitResult:
    return training.fit(checked(spec, folder, *overrides), spec.encode(), quiet=True, **options)


@pytest.fixture
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small table, which is the current one."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2))
    lines = [f"p{at},{x:.4f},{y:.4f},{'yes' if x + y > 0 else 'no'}" for at, (x, y) in enumerate(rows)]
    (tmp_path / "points.csv").write_text("id,x,y,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def weights(path: Path) -> dict[str, bytes]:
    import h5py

    found: dict[str, bytes] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def test_a_run_folder_holds_what_was_promised(points: Path) -> None:
    result = fitted(SPEC, points, command=("netspec", "fit"))
    run = result.run
    assert re.fullmatch(r"runs/points/\d{8}T\d{6}Z", str(run))
    assert {path.name for path in run.iterdir()} == {
        "best.weights.h5",
        "checkpoint.npz",
        "environment.json",
        "evidence.json",
        "features",
        "history.csv",
        "metrics.json",
        "report.html",
        "resolved.json",
        "spec.yaml",
        "times.csv",
        "weights.weights.h5",
    }
    assert (run / "spec.yaml").read_text(encoding="utf-8") == SPEC
    resolved = json.loads((run / "resolved.json").read_text(encoding="utf-8"))
    assert resolved["spec"]["data"]["train"] == str(points / "points.csv")
    assert resolved["seed"] == 3 and resolved["steps_per_execution"] >= 1
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert environment["state"] == "finished" and environment["deterministic"] is True and environment["seed"] == 3
    assert environment["versions"]["keras"].startswith("3.") and "git" not in environment
    with (run / "history.csv").open(encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} < set(history[0])
    assert float(history[2]["loss"]) == result.history[2]["loss"]
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert list(metrics) == ["train", "validation", "test"]
    test = metrics["test"]
    assert test["(all)"]["rows"] == 200 and test["inside"]["accuracy"] > 0.7
    best = min(range(3), key=lambda epoch: float(history[epoch]["val_loss"])) + 1
    assert environment["best_epoch"] == best == result.best_epoch


def test_the_report_says_what_the_run_is_worth(points: Path) -> None:
    result = fitted(SPEC, points)
    report = results.fit_report(result)
    assert str(result.run) in report and "3 epochs in" in report
    share = result.scores[2].majorities["inside"].share
    points_ahead = result.scores[2].lead("inside")
    assert points_ahead is not None
    assert re.search(rf"test beats the majority class `(yes|no)` \({share:.3f}\) by {points_ahead:.1f} points", report)
    assert "200 of 200 rows" in report


def test_one_seed_gives_the_same_bits_and_another_does_not(points: Path) -> None:
    first, second = fitted(SPEC, points), fitted(SPEC, points)
    assert first.run != second.run
    assert weights(first.run / runs.LAST) == weights(second.run / runs.LAST)
    assert (first.run / runs.HISTORY).read_bytes() == (second.run / runs.HISTORY).read_bytes()
    other = fitted(SPEC, points, "fit.seed=4")
    assert weights(first.run / runs.LAST) != weights(other.run / runs.LAST)


def test_a_seed_is_drawn_and_kept(points: Path) -> None:
    result = fitted(SPEC.replace(", seed: 3", ""), points, "fit.epochs=1")
    again = fitted(SPEC, points, f"fit.seed={result.seed}", "fit.epochs=1")
    assert weights(result.run / runs.LAST) == weights(again.run / runs.LAST)


def test_steps_per_execution_changes_no_bit(points: Path) -> None:
    one, *others = (fitted(SPEC, points, f"fit.steps_per_execution={steps}") for steps in (1, 4, 1000))
    for many in others:
        assert weights(one.run / runs.LAST) == weights(many.run / runs.LAST)
        assert one.history == many.history


def test_no_run_is_overwritten_without_force(points: Path) -> None:
    out = points / "here"
    fitted(SPEC, points, out=out)
    (out / "mine.txt").write_text("keep me", encoding="utf-8")
    before = md5(out / runs.LAST)
    with pytest.raises(runs.RunError, match="not empty") as refused:
        fitted(SPEC, points, "fit.seed=9", out=out)
    assert refused.value.exit_code == 2 and md5(out / runs.LAST) == before
    fitted(SPEC, points, "fit.seed=9", "fit.epochs=1", out=out, force=True)
    assert md5(out / runs.LAST) != before and (out / "mine.txt").read_text(encoding="utf-8") == "keep me"
    assert len((out / runs.HISTORY).read_text(encoding="utf-8").splitlines()) == 2


def test_mistakes_in_the_data_stop_before_anything_is_made(points: Path) -> None:
    table = points / "points.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("p7,", "p7,x"), encoding="utf-8")
    unseen = analyze_text(SPEC, folder=str(points), look_at_data=False).checked  # as rows beyond the first look are
    assert unseen is not None
    with pytest.raises(DataError, match=r"points\.csv.*row 8.*column `x`") as found:
        training.fit(unseen, SPEC.encode(), quiet=True)
    assert found.value.code == "NS703" and not (points / "runs").exists()


def test_without_losses_there_is_nothing_to_train(points: Path) -> None:
    with pytest.raises(training.TrainingError) as found:
        fitted(SPEC.replace("losses: binary_crossentropy", "losses: {inside: null}"), points)
    assert found.value.code == "NS511" and found.value.exit_code == 1


def test_without_data_the_message_names_the_way_out(points: Path) -> None:
    spec = "inputs: {x: [2]}\nlayers:\n  - Dense: 1\nlosses: mse\n"
    with pytest.raises(DataError, match="has no data") as found:
        fitted(spec, points)
    assert "--dummy" in str(found.value.help)


def test_a_loss_that_is_not_finite_stops_and_the_last_good_weights_stay(points: Path) -> None:
    spec = SPEC.replace("losses: binary_crossentropy", "losses: mse").replace("inside: label", "inside: x")
    spec = spec.replace("activation: sigmoid", "activation: linear")
    spec = spec.replace("place: [2]", "place: [1]").replace("columns: [x, y]", "columns: [y]")
    out = points / "out"
    with pytest.raises(training.TrainingError, match=r"epoch \d+, so training stopped") as found:
        fitted(spec, points, "optimizer.Adam.learning_rate=1e30", "fit.epochs=50", out=out)
    assert found.value.code == "NS802"
    assert json.loads((out / runs.ENVIRONMENT).read_text(encoding="utf-8"))["state"] == "failed"
    assert not (out / runs.METRICS).exists()
    if (out / runs.LAST).exists():
        assert all(np.isfinite(np.frombuffer(part, np.float32)).all() for part in weights(out / runs.LAST).values())


class _Interrupt:
    """Ctrl-C in the middle of an epoch, from inside the loop."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.begun = epoch, 0

    def epoch_begins(self, number: int) -> None:
        self.begun = number
        if number == self.epoch:
            raise KeyboardInterrupt

    def stepped(self, done: int, loss: float) -> None: ...

    def epoch_ends(self, number: int, seconds: float, logs: Any) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_names_what_was_saved(points: Path, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    monkeypatch.setattr(training, "progress", lambda *a, **k: _Interrupt(epoch))
    with pytest.raises(training.Interrupted) as stopped:
        fitted(SPEC, points, out=points / "out")
    assert stopped.value.exit_code == 130 and stopped.value.run == points / "out"
    assert json.loads((points / "out" / runs.ENVIRONMENT).read_text(encoding="utf-8"))["state"] == "interrupted"
    assert (points / "out" / runs.LAST).exists() == (epoch > 1)
    assert ("weights.weights.h5 of epoch 2" if epoch > 1 else "holds no weights") in stopped.value.message


def test_ctrl_c_before_training_says_that_nothing_was_saved(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netspec.runtime.run.splits.read", interrupted)
    with pytest.raises(training.Interrupted, match="nothing was saved"):
        fitted(SPEC, points)
    assert not (points / "runs").exists()


def test_a_model_that_cannot_be_trained_here_is_refused_before_it_is_built(
    points: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = "inputs: {x: [1000]}\nlayers:\n  - Dense: 1000\nlosses: mse\noptimizer: adam\n"
    monkeypatch.setattr(sizing, "free_memory", lambda: 4 * 1_001_000 * 4 - 1)
    with pytest.raises(TooBig, match="16"):
        fitted(spec, points, dummy=10)
    monkeypatch.setattr(sizing, "free_memory", lambda: 4 * 1_001_000 * 4)
    sizing.check_memory(checked(spec, points))


def test_restored_weights_are_the_ones_that_are_kept_and_scored(points: Path) -> None:
    spec = SPEC.replace("seed: 3", "seed: 3, callbacks: [{EarlyStopping: {patience: 1, restore_best_weights: true}}]")
    result = fitted(spec, points, "fit.epochs=40", "optimizer.Adam.learning_rate=0.3")
    assert result.epochs < 40
    best = [value for name, value in weights(result.run / runs.BEST).items() if name.startswith("layers")]
    last = [value for name, value in weights(result.run / runs.LAST).items() if name.startswith("layers")]
    assert best == last
    assert result.scores[1].loss == pytest.approx(result.history[result.best_epoch - 1]["val_loss"], rel=1e-5)


def test_an_output_without_a_loss_is_trained_by_none(points: Path) -> None:
    spec = """
inputs: {x: [4]}
layers:
  - Dense: 3
    name: a
  - Dense: 2
    from: x
    name: b
outputs: [a, b]
losses: {a: mse, b: null}
metrics: {a: mae}
"""
    result = fitted(spec, points, dummy=64)
    found = result.scores[2].outputs
    assert set(found["a"]) >= {"mae"} and found["b"] == {}
    weighted = fitted(spec.replace("a: mse", "a: {loss: mse, weight: 0.25}"), points, dummy=64, out=points / "w")
    for score in weighted.scores:
        assert score.outputs["a"]["loss"] == pytest.approx(4 * score.loss)
    unscored = fitted(spec.replace("metrics: {a: mae}", "metrics: {a: mae, b: mae}"), points, dummy=64)
    assert unscored.scores[2].outputs["b"] == {} and not any("b_mae" in name for name in unscored.history[0])
    assert any("`b` has no target" in note for note in unscored.notes)
    run = evaluating.evaluate(unscored.run, checked(spec.replace("{a: mae}", "{a: mae, b: mae}"), points))
    assert run.scores.outputs["b"] == {} and any("generated examples" in note for note in run.notes)


STATEFUL = """
inputs: {x: {shape: [4, 3], batch_size: 8}}
layers:
  - LSTM: {units: 5, stateful: true}
  - Dense: {units: 3, activation: softmax}
    name: y
losses: categorical_crossentropy
metrics: [accuracy]
optimizer: {Adam: {learning_rate: 0.02}}
fit: {epochs: 4, batch_size: 8, shuffle: false, drop_remainder: true, seed: 1}
"""


def test_a_fixed_batch_size_scores_every_row(points: Path) -> None:
    result = fitted(STATEFUL, points, dummy=60)
    assert [score.rows for score in result.scores] == [60, 12, 12]
    assert result.history[-1]["loss"] < result.history[0]["loss"]  # type: ignore[operator]
    correct = result.scores[2].accuracy("y")
    assert correct is not None and (correct * 12) == pytest.approx(round(correct * 12), abs=1e-4)


def test_too_few_rows_for_a_fixed_batch_are_an_error(points: Path) -> None:
    with pytest.raises(DataError, match="no full batch of 8"):
        fitted(STATEFUL, points, dummy=7)


@pytest.mark.parametrize("name", ["mlp_softmax", "mlp_binary", "stateful_lstm", "dense_functional", "digits_cnn"])
def test_the_loss_falls_on_generated_examples(name: str, points: Path) -> None:
    analysis = analyze(ROOT / "specs" / f"{name}.yaml", overrides=("fit.epochs=3", "fit.seed=1"))
    assert analysis.checked is not None
    result = training.fit(analysis.checked, b"", dummy=320, quiet=True)
    losses = [epoch["loss"] for epoch in result.history]
    assert losses[-1] < losses[0], losses  # type: ignore[operator]
    assert not (result.run / runs.FEATURES).exists()


def test_ids_stay_below_what_the_embedding_takes(tmp_path: Path) -> None:
    spec = """
inputs: {direct: {shape: [5], dtype: int32}, deep: {shape: [2, 5], dtype: int32}, plain: [3]}
shared:
  reader:
    inputs: {words: {shape: [5], dtype: int32}}
    layers:
      - Embedding: {input_dim: 30, output_dim: 4}
      - Flatten
layers:
  - Embedding: {input_dim: 50, output_dim: 4}
    from: direct
  - Flatten:
    name: one
  - TimeDistributed: {use: reader}
    from: deep
  - Flatten:
    name: two
  - use: reader
    from: direct
    name: three
  - Concatenate:
    from: [one, two, three, plain]
  - Dense: 1
losses: mse
"""
    assert limits(checked(spec, tmp_path).typed.graph) == {"direct": 30, "deep": 30, "plain": None}


def test_a_chain_of_many_steps_trains(points: Path) -> None:
    layers = "\n".join("  - Dense: 2" for _ in range(60))
    spec = f"inputs: {{x: [2]}}\nlayers:\n{layers}\nlosses: mse\n"
    assert fitted(spec, points, dummy=8).epochs == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_verb_with_130(points: Path) -> None:
    (points / "points.yaml").write_text(SPEC, encoding="utf-8")
    command = [sys.executable, "-m", "netspec", "fit", "points.yaml", "--epochs", "100000", "--out", "out"]
    process = subprocess.Popen(
        command, cwd=points, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    wait_for(lambda: (points / "out" / runs.BEST).exists(), process)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr and "weights.weights.h5 of epoch" in stderr and "--resume out" in stderr
    assert not list((points / "out").glob(".*"))


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not ready():
        assert process.poll() is None and time.monotonic() < end, process.communicate(timeout=5)
        time.sleep(0.05)


def test_results_are_plain_values(points: Path) -> None:
    result = fitted(SPEC, points, "fit.epochs=1")
    assert json.loads(json.dumps(result.metrics)) == result.metrics
    assert dataclasses.is_dataclass(result) and issubclass(training.Interrupted, NetspecError)


def test_a_callback_that_looks_at_every_batch_gets_every_batch(points: Path) -> None:
    several = fitted(SPEC, points, "fit.epochs=1", out=points / "several")
    single = fitted(SPEC, points, "fit.epochs=1", "fit.callbacks=[TerminateOnNaN]", out=points / "single")
    said = [json.loads((each.run / runs.RESOLVED).read_text(encoding="utf-8")) for each in (several, single)]
    assert said[0]["steps_per_execution"] > 1 == said[1]["steps_per_execution"]
    assert any("`TerminateOnNaN` looks at every batch" in note for note in single.notes)
    assert several.history == single.history
