"""fit where disk, memory, folders or Keras set the limit, and what its report owns up to."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from test_training import SPEC, checked, fitted, points, weights  # noqa: F401

from netspec.render import results
from netspec.runtime.model import build
from netspec.runtime.model.build import BuildError, TooBig
from netspec.runtime.run import runs, scores

pytestmark = pytest.mark.keras


class _Full:
    """A disk that is full once, when the second epoch is to be saved: HDF5 may not be the one to find out."""

    times = 0

    def __call__(self, path: Path) -> None:
        if path.name.startswith(f".{runs.LAST}."):
            self.times += 1
            if self.times == 2:
                raise OSError(28, "No space left on device")


def test_a_full_disk_ends_training_with_what_was_saved(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_sync", _Full())
    with pytest.raises(runs.RunError) as found:
        fitted(SPEC, points, "fit.checkpoint={steps: 1}", out=points / "out")
    assert found.value.message.startswith(f"`{points / 'out' / runs.LAST}`: No space left on device; ")
    assert "weights.weights.h5 of epoch 2" in found.value.message and found.value.exit_code == 2
    assert not list((points / "out").glob(".*"))


def test_weights_go_through_memory_to_the_disk(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("HDF5 writes to the disk")

    monkeypatch.setattr(keras.Model, "save_weights", never)
    result = fitted(SPEC, points, "fit.epochs=1")
    assert weights(result.run / runs.LAST)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(runs.RunError, match=r"No space left.*no epoch was complete"):
        fitted(SPEC, points, "fit.epochs=1")


def test_a_folder_that_is_no_run_is_never_written_over(points: Path) -> None:
    (points / "points.csv").rename(points / "history.csv")
    with pytest.raises(runs.RunError, match="holds no run"):
        fitted(SPEC.replace("points.csv", "history.csv"), points, out=points, force=True)
    assert (points / "history.csv").stat().st_size > 1000


def test_a_folder_in_use_is_left_alone(points: Path) -> None:
    result = fitted(SPEC, points, "fit.epochs=1", out=points / "out")
    with runs.held(points / "out"), pytest.raises(runs.RunError, match="another run"):
        fitted(SPEC, points, out=points / "out", force=True)
    assert runs.load(result.run).state == "finished" and (result.run / runs.METRICS).is_file()


def test_a_compiled_training_says_that_it_does_not_repeat(points: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        result = fitted(SPEC, points, "fit.jit=true", "fit.epochs=1")
    assert json.loads((result.run / runs.ENVIRONMENT).read_text(encoding="utf-8"))["deterministic"] is False
    assert any("fit.jit" in note for note in result.notes)


def test_rows_that_fill_no_batch_are_told(points: Path) -> None:
    spec = SPEC.replace("validation: 0.2", "validation: {fraction: 0.2, by: order}")
    result = fitted(spec, points, "fit.drop_remainder=true", "fit.batch_size=48", "fit.epochs=1")
    assert any("leaves out 16 of 160 rows" in note for note in result.notes)
    assert not any("leaves out" in note for note in fitted(spec, points, "fit.epochs=1").notes)


def test_training_rows_score_what_the_last_epoch_logged(points: Path) -> None:
    spec = SPEC.replace("seed: 3", "seed: 3, callbacks: [{EarlyStopping: {patience: 9, restore_best_weights: true}}]")
    for each in (SPEC, spec):
        result = fitted(each, points)
        assert result.scores[0].loss == result.history[-1]["loss"]
    assert "average over the last epoch" in results.fit_report(result)


def test_a_metric_that_keras_refuses_is_told_at_the_metrics(points: Path) -> None:
    spec = """
inputs: {x: [4]}
layers:
  - Dense: {units: 3, activation: softmax}
losses: sparse_categorical_crossentropy
metrics: [{Precision: {}}]
"""
    with pytest.raises(BuildError) as found:
        fitted(spec, points, dummy=32)
    assert found.value.path == ("metrics",)
    assert "{{" not in found.value.message and "[Op:" not in found.value.message and found.value.message


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("Unable to allocate 8 GiB")])
def test_memory_that_runs_out_is_told(points: Path, monkeypatch: pytest.MonkeyPatch, error: MemoryError) -> None:
    import keras
    import tensorflow as tf

    def used_up(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(keras.Model, "fit", used_up)
    with pytest.raises(TooBig, match="memory does not suffice") as found:
        fitted(SPEC, points)
    assert found.value.code == "NS601"
    from netspec.runtime.run.refusals import refused

    text = "{{function_node __wrapped__Fill_device_/cpu:0}} OOM when allocating tensor\nHint: more [Op:Fill]"
    told = refused(tf.errors.ResourceExhaustedError(None, None, text), ())
    assert isinstance(told, TooBig) and told.message == "memory does not suffice: OOM when allocating tensor"


def test_building_and_saving_need_more_than_the_weights(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked("inputs: {x: [100]}\nlayers:\n  - Dense: 100\nlosses: mse\n", points)
    monkeypatch.setattr(build, "free_memory", lambda: 2 * 10_100 * 4)
    build.build(found)
    with pytest.raises(TooBig, match="to make and save them"):
        build.save(found, points / "m.keras")
    monkeypatch.setattr(build, "free_memory", lambda: 2 * 10_100 * 4 - 1)
    with pytest.raises(TooBig, match="to make them"):
        build.build(found)
    monkeypatch.undo()
    with pytest.raises(OSError) as missing:
        build.save(found, points / "no" / "m.keras")
    assert missing.value.filename == str(points / "no" / "m.keras")


def test_hardly_better_than_the_majority_is_not_better() -> None:
    majority = {"y": scores.Majority("no", 0.6)}
    for accuracy, said in ((0.6000000238, "is that of"), (0.59999, "is that of"), (0.7, "beats"), (0.5, "(-10.0 poi")):
        (line, _) = results.comparisons(scores.Scores("test", 10, 0.1, {"y": {"accuracy": accuracy}}, majority))
        assert said in line and "0.0 points" not in line.replace("10.0 points", "")
