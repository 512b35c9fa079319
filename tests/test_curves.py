"""`fit.tensorboard`: event files that say what history.csv says, each epoch once, whatever happened to the run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

import netspec
from netspec.runtime.run import removing, runs

pytestmark = pytest.mark.keras

SPEC = """
netspec: 1
name: small
inputs: {x: [4]}
layers:
  - Dense: 3
    name: a
  - Dense: {units: 3, activation: softmax}
    from: x
    name: b
outputs: [a, b]
losses: {a: mse, b: sparse_categorical_crossentropy}
metrics: {b: [accuracy]}
optimizer: {SGD: {learning_rate: {ExponentialDecay: {initial_learning_rate: 0.1, decay_steps: 1, decay_rate: 0.9}}}}
data: {train: rows.csv, validation: 0.2, features: {x: [p, q, r, s]}, targets: {a: [t, v, w], b: u}}
fit: {epochs: 3, seed: 1, batch_size: 8, checkpoint: {steps: 3}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    rows = [f"{at % 3},{at % 5},{at % 7},{at / 40},{at % 3},1,{at % 2},3" for at in range(40)]
    (tmp_path / "rows.csv").write_text("p,q,r,s,u,t,v,w\n" + "\n".join(rows) + "\n", encoding="utf-8")
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def read(run: Path) -> dict[str, dict[int, float]]:
    """What the event files hold, by part and tag, and then by step; a step that comes twice is a failure."""
    import tensorflow as tf

    found: dict[str, dict[int, float]] = {}
    last = 0.0
    for path in runs.curves(run):
        for at, record in enumerate(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()):
            event = tf.compat.v1.Event.FromString(record)
            assert event.wall_time >= last or at == 0
            last = event.wall_time
            assert (event.file_version == "brain.Event:2") == (at == 0)
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                steps = found.setdefault(f"{path.parent.name} {value.tag}", {})
                assert event.step not in steps
                steps[event.step] = float(tf.make_ndarray(value.tensor))
    return found


def logged(run: Path) -> dict[str, dict[int, float]]:
    """The same from history.csv and times.csv."""
    found: dict[str, dict[int, float]] = {}
    with (run / runs.HISTORY).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number = int(row.pop("epoch"))
            for name, value in row.items():
                part = "validation" if name.startswith("val_") else "train"
                found.setdefault(f"{part} epoch_{name.removeprefix('val_')}", {})[number] = float(value)
    with (run / runs.TIMES).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault("train epoch_learning_rate", {})[int(row["epoch"])] = float(row["learning_rate"])
    return found


def same(run: Path, epochs: int) -> None:
    curves = read(run)
    assert set(curves) > {"train epoch_loss", "validation epoch_b_accuracy", "train epoch_learning_rate"}
    assert {tuple(steps) for steps in curves.values()} == {tuple(range(1, epochs + 1))}
    assert {name: pytest.approx(steps, rel=1e-6) for name, steps in curves.items()} == logged(run)


def test_curves_say_what_was_logged_and_go_on_without_doubled_epochs(spec: Path, tmp_path: Path) -> None:
    made = netspec.fit(spec, out=tmp_path / "run", tensorboard=True)
    same(made.run, 3)
    netspec.resume(made.run, epochs=5)  # as the run's own spec says
    same(made.run, 5)
    again = netspec.reproduce(made.run, out=tmp_path / "again")
    assert again.same
    same(again.again, 5)


def test_epochs_behind_the_last_checkpoint_come_once(spec: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from netspec.runtime.run import curves

    class Stopped(BaseException):
        pass

    real = curves.Curves.epoch_ends

    def epoch_ends(self: Any, number: int, seconds: float, logs: Any) -> None:
        real(self, number, seconds, logs)
        if number == 2:
            raise Stopped

    with monkeypatch.context() as here:
        here.setattr(curves.Curves, "epoch_ends", epoch_ends)
        with pytest.raises(Stopped):
            netspec.fit(spec, out=tmp_path / "run", tensorboard=True)
    assert set(read(tmp_path / "run")["train epoch_loss"]) == {1, 2}
    netspec.resume(tmp_path / "run")
    same(tmp_path / "run", 3)


def test_a_run_that_had_none_gets_them_from_its_first_epoch_on(spec: Path, tmp_path: Path) -> None:
    made = netspec.fit(spec, out=tmp_path / "run")
    assert not (made.run / runs.TENSORBOARD).exists()
    netspec.resume(made.run, epochs=4, tensorboard=True)
    same(made.run, 4)


def test_files_that_cannot_be_written_stop_nothing(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = netspec.fit(spec, out=tmp_path / "run")
    (made.run / runs.TENSORBOARD).write_text("mine", encoding="utf-8")
    assert netspec.resume(made.run, epochs=5, tensorboard=True).epochs == 5
    assert capsys.readouterr().err.count("tensorboard` cannot be written") == 1


def test_they_go_with_their_run_and_with_nothing_else(spec: Path, tmp_path: Path) -> None:
    run = netspec.fit(spec, out=tmp_path / "run", tensorboard=True).run
    netspec.fit(spec, out=run, force=True)
    assert not runs.curves(run)
    netspec.fit(spec, out=run, force=True, tensorboard=True)
    other = run / runs.TENSORBOARD / "train" / "events.out.tfevents.1.mine"
    other.write_bytes(b"")
    assert removing.doomed(run).others == 0  # the folder is the run's
    removing.remove(run)
    assert [path for path in run.rglob("*") if path.is_file()] == [other]
    other.unlink()


def test_the_flag_is_kept_in_the_run_and_the_callback_names_it(run: Run, spec: Path, tmp_path: Path) -> None:
    done = run("fit", str(spec), "--tensorboard", "--out", str(tmp_path / "run"), "--epochs", "1")
    assert done.rc == 0 and "tensorboard" in done.stdout, done.stdout
    record = json.loads((tmp_path / "run" / runs.RESOLVED).read_text(encoding="utf-8"))
    assert record["spec"]["fit"]["tensorboard"] is True
    spec.write_text(SPEC.replace("seed: 1", "callbacks: [TensorBoard]"), encoding="utf-8")
    assert "`netspec fit --tensorboard`" in run("validate", str(spec)).stdout
