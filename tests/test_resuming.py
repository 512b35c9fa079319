"""Going on with a run: from wherever it was killed, to the bits of a run that was never stopped; or saying why not."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kills
import numpy as np
import pytest
from conftest import Run
from test_training import SPEC, checked, fitted, points, weights  # noqa: F401

from netspec import again, api
from netspec.runtime.run import checkpoints, runs, training
from netspec.runtime.run.checkpoints import Checkpoint

pytestmark = pytest.mark.keras

_LAYERS = """
netspec: 1
inputs: {x: [6]}
layers:
  - Dense: {units: 8, activation: relu}
    name: dense
  - BatchNormalization
  - Dropout: 0.4
  - Dense: {units: 3, activation: softmax}
    name: a
  - Dense: {units: 3, activation: softmax}
    name: b
outputs: [a, b]
losses: {a: categorical_crossentropy, b: {loss: categorical_crossentropy, weight: 0.5}}
metrics: [accuracy]
"""
_CALLBACKS = (
    "callbacks: [{EarlyStopping: {patience: 1, min_delta: 0.001, restore_best_weights: true}}, "
    "{ReduceLROnPlateau: {patience: 1, min_delta: 0.5}}]"
)
SPECS = {
    "stopped early": _LAYERS
    + "optimizer: adam\nfit: {epochs: 5, seed: 2, batch_size: 8, steps_per_execution: 2, checkpoint: {steps: 3}, "
    + f"{_CALLBACKS}}}",
    "averaged": _LAYERS
    + "optimizer: {Adam: {use_ema: true, gradient_accumulation_steps: 2}}\n"
    + "fit: {epochs: 3, seed: 3, batch_size: 8, checkpoint: {steps: 5}}",
    "a schedule": _LAYERS
    + "optimizer: {SGD: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1, decay_steps: 40}}, momentum: 0.9}}\n"
    + "fit: {epochs: 3, seed: 4, batch_size: 8, drop_remainder: true, checkpoint: {steps: 2}}",
    "with states": "netspec: 1\ninputs: {x: {shape: [4, 3], batch_size: 8}}\nlayers:\n"
    "  - LSTM: {units: 4, stateful: true, recurrent_dropout: 0.2}\n  - Dense: 1\nlosses: mse\n"
    "fit: {epochs: 2, seed: 5, checkpoint: {steps: 2}}",
    "in half precision": "netspec: 1\ninputs: {x: [6]}\nlayers:\n  - Dense: {units: 8, dtype: bfloat16}\n"
    "  - Dropout: 0.2\n  - Dense: 1\nlosses: mse\nfit: {epochs: 2, seed: 6, batch_size: 8, checkpoint: {steps: 3}}",
    "in mixed precision": "netspec: 1\ninputs: {x: [6]}\ndtype_policy: mixed_float16\nlayers:\n  - Dense: 8\n"
    "  - Dropout: 0.2\n  - Dense: {units: 1, dtype: float32}\nlosses: mse\noptimizer: {Adam: {use_ema: true}}\n"
    "fit: {epochs: 2, seed: 6, batch_size: 8, checkpoint: {steps: 3}}",
    "step by step": _LAYERS
    + "optimizer: adam\nfit: {epochs: 2, seed: 8, batch_size: 16, eager: true, checkpoint: {steps: 3}}",
    "several optimizers": _LAYERS
    + "freeze: dense\noptimizer: {Adam: {use_ema: true}}\n"
    + "optimizers: {a: {learning_rate: 0.1, gradient_accumulation_steps: 2}, b: {SGD: {momentum: 0.9}}}\n"
    + f"fit: {{epochs: 4, seed: 8, batch_size: 8, checkpoint: {{steps: 3}}, {_CALLBACKS}}}",
    "several optimizers of a scaled loss": _LAYERS
    + "optimizer: {LossScaleOptimizer: {inner_optimizer: adam, dynamic_growth_steps: 4}}\n"
    + "optimizers: {a: 0.1, b: {SGD: {momentum: 0.9}}}\n"
    + "fit: {epochs: 2, seed: 9, batch_size: 8, checkpoint: {steps: 3}}",
    "a variable that Keras does not count": "netspec: 1\ninputs: {x: [6]}\ndtype_policy: mixed_float16\nlayers:\n"
    "  - Dense: 8\n  - Dense: {units: 1, dtype: float32}\nlosses: mse\noptimizer: nadam\n"
    "fit: {epochs: 2, seed: 6, batch_size: 8, checkpoint: {steps: 3}}",
    "of any length": "netspec: 1\ninputs: {x: [null, 3]}\nlayers:\n"
    "  - LSTM: {units: 4, return_sequences: true, dropout: 0.2}\n  - Dense: 1\nlosses: mse\nmetrics: [mae]\n"
    "fit: {epochs: 2, seed: 7, batch_size: 8, checkpoint: {steps: 3}}",
}


class Killed(BaseException):
    """In place of kill -9: what is in the folder stays, and nothing else is done."""


def _marks(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{name}:{key}": value for name in (runs.LAST, runs.BEST) for key, value in weights(run / name).items()
    }
    stood = checkpoints.read(run)
    assert stood is not None
    found |= {f"array {at}": array.tobytes() for at, array in enumerate(stood.arrays)}
    found["history"] = (run / runs.HISTORY).read_text(encoding="utf-8")
    found["metrics"] = (run / runs.METRICS).read_text(encoding="utf-8")
    return found


def _copied(monkeypatch: pytest.MonkeyPatch, out: Path, copies: Path) -> Callable[[], int]:
    """Copies the run's folder before and after every file that is put in place: all that kill -9 can leave behind."""
    real, count = os.replace, [0]

    def replace(source: Any, target: Any) -> None:
        for moment in (None, real):
            if moment is not None:
                moment(source, target)
            if out.is_dir() and Path(target).parent == out:
                shutil.copytree(out, copies / str(count[0]))
                count[0] += 1

    monkeypatch.setattr(os, "replace", replace)
    return lambda: count[0]


@pytest.mark.parametrize("name", SPECS)
def test_a_run_goes_on_to_the_same_bits_from_whatever_a_kill_leaves(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPECS[name], encoding="utf-8")
    out, copies = tmp_path / "run", tmp_path / "copies"
    with monkeypatch.context() as patched:
        counted = _copied(patched, out, copies)
        api.fit("spec.yaml", dummy=40, out=out)
        total = counted()
    whole = _marks(out)
    draw = random.Random(name)
    begun = [at for at in range(total) if (copies / str(at) / runs.RESOLVED).is_file()]
    assert len(begun) > 8
    middle = [at for at in begun if (copies / str(at) / runs.CHECKPOINT).is_file()]
    for at in {begun[0], begun[-1], *draw.sample(middle, 3)}:
        run = copies / str(at)
        if (run / runs.METRICS).is_file():
            with pytest.raises(runs.RunError, match="is finished"):
                again.resume(run)
            continue
        result = again.resume(run)
        assert result.run == run and _marks(run) == whole, f"from copy {at} of {total}"
        assert json.loads((run / runs.ENVIRONMENT).read_text(encoding="utf-8"))["state"] == runs.FINISHED


def test_a_longer_training_is_the_same_as_one_that_was_longer_from_the_beginning(points: Path) -> None:
    short = fitted(SPEC, points, "fit.epochs=2", out=points / "short")
    long = fitted(SPEC, points, "fit.epochs=4", out=points / "long")
    longer = again.resume(short.run, epochs=4)
    assert longer.epochs == 4 and longer.history == long.history
    assert weights(points / "short" / runs.LAST) == weights(points / "long" / runs.LAST)
    assert weights(points / "short" / runs.BEST) == weights(points / "long" / runs.BEST)


def test_ctrl_c_between_two_steps_keeps_them(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.run import stopping

    whole = fitted(SPEC, points, out=points / "whole")
    calls = [0]

    def check() -> None:
        calls[0] += 1
        if calls[0] == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stopping, "check", check)
        with pytest.raises(training.Interrupted, match=r"a checkpoint after .*`netspec fit --resume .*` goes on"):
            fitted(SPEC, points, "fit.steps_per_execution=1", out=points / "cut")
    stood = checkpoints.read(points / "cut")
    assert stood is not None and (stood.epoch, stood.step) == (0, 5)
    checkpoints.write(points / "cut", dataclasses.replace(stood, epoch=1))
    with pytest.raises(runs.RunError, match="1 complete epoch and 5 steps of the next, which is more than 1 epoch"):
        again.resume(points / "cut", epochs=1)
    checkpoints.write(points / "cut", stood)
    assert again.resume(points / "cut").history == whole.history


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("fit.batch_size=7", "fit.batch_size was .*, and is 7"),
        ("fit.seed=9", "fit.seed was 3, and is 9"),
        ("optimizer=adam", "optimizer was"),
        ("data.validation=0.4", "data.validation"),
    ],
)
def test_what_changes_the_numbers_is_refused(setting: str, said: str, points: Path) -> None:
    run = fitted(SPEC, points, out=points / "out").run
    (points / "spec.yaml").write_text(SPEC, encoding="utf-8")
    name, value = setting.split("=")
    with pytest.raises(runs.RunError, match=said) as found:
        again.resume(run, "spec.yaml", **{name: json.loads(value) if value != "adam" else value, "epochs": 9})
    assert "train anew" in (found.value.help or "") and found.value.exit_code == 2


def test_other_data_are_refused(points: Path) -> None:
    run = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    table = points / "points.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("yes", "no", 1), encoding="utf-8")
    with pytest.raises(runs.RunError, match=r"points\.csv` has changed since"):
        again.resume(run, epochs=2)


def test_other_callbacks_begin_anew(points: Path) -> None:
    early = "fit.callbacks=[{EarlyStopping: {monitor: loss, patience: 1, mode: max}}]"
    run = fitted(SPEC, points, "fit.epochs=8", early, out=points / "out").run
    stood = checkpoints.read(run)
    assert stood is not None and stood.stopped and stood.epoch < 8
    with pytest.raises(runs.RunError, match="a callback has ended it"):
        again.resume(run)
    assert again.resume(run, **{"fit.callbacks": []}).epochs == 8


def test_a_damaged_checkpoint_is_said(points: Path) -> None:
    run = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    path = run / runs.CHECKPOINT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz` is damaged"):
        again.resume(run, epochs=2)
    path.write_bytes(bytes(content[:100]))
    with pytest.raises(runs.RunError, match="is damaged"):
        again.resume(run, epochs=2)


def test_a_run_that_is_being_written_is_left_alone(points: Path) -> None:
    run = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    with runs.held(run), pytest.raises(runs.RunError, match="another run is being written"):
        again.resume(run, epochs=2)


def test_the_verb(points: Path, run: Run) -> None:
    (points / "spec.yaml").write_text(SPEC, encoding="utf-8")
    made = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    done = run("fit", "--resume", made, "--epochs", "2", cwd=points)
    assert done.rc == 0 and "goes on after epoch 1" in done.stderr and "epoch 2/2" in done.stderr
    assert "fit.epochs was 1, and is 2" in done.stderr
    done = run("fit", "--resume", made, "--out", "elsewhere", cwd=points)
    assert done.rc == 2 and "own folder" in done.stderr
    done = run("fit", cwd=points)
    assert done.rc == 2 and "needs a spec" in done.stderr
    done = run("fit", "--resume", "nowhere", cwd=points)
    assert done.rc == 2 and "is no run folder" in done.stderr and "Traceback" not in done.stderr


def _checkpoint(number: int) -> Checkpoint:
    draw = np.random.default_rng(number)
    arrays = tuple(draw.random(size).astype(np.float32) for size in ((50, 20), (20,), ()))
    best = {"wait": number, "best": 0.5, "best_weights": [draw.random((9, 9))]}
    history = tuple({"loss": float(at)} for at in range(number))
    return Checkpoint(number, 0, ("a", "b", "c"), arrays, history, 0.1, 1, (best,), False, "1:2", 3.0)


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    arrays = all(np.array_equal(a, b) for a, b in zip(one.arrays, other.arrays, strict=True))
    own = np.array_equal(one.callbacks[0]["best_weights"][0], other.callbacks[0]["best_weights"][0])
    return arrays and own and one.epoch == other.epoch and one.history == other.history


@pytest.mark.parametrize("seed", range(50))
def test_a_write_that_fails_at_any_byte_leaves_the_checkpoint_before(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.write(tmp_path, _checkpoint(1))
    size = (tmp_path / runs.CHECKPOINT).stat().st_size
    left = [random.Random(seed).randrange(size + 200)]
    real = Path.open

    def opened(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file = real(self, mode, *args, **kwargs)
        return _Failing(file, left) if "w" in mode else file

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        try:
            checkpoints.write(tmp_path, _checkpoint(2))
            failed = False
        except OSError:
            failed = True
    found = checkpoints.read(tmp_path)
    assert found is not None and _same(found, _checkpoint(1 if failed else 2))
    assert [path.name for path in tmp_path.iterdir()] == [runs.CHECKPOINT]
    checkpoints.write(tmp_path, _checkpoint(3))
    again = checkpoints.read(tmp_path)
    assert again is not None and _same(again, _checkpoint(3))


class _Failing:
    """A file on a disk that fills up after so many bytes."""

    def __init__(self, file: Any, left: list[int]) -> None:
        self._file, self._left = file, left

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        part = bytes(content)[: self._left[0]]
        self._left[0] -= len(part)
        self._file.write(part)
        if len(part) < size:
            raise OSError(28, "No space left on device")
        return size

    def __enter__(self) -> _Failing:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_kill_nine(tmp_path: Path) -> None:
    """A few real ones; `make kills` has a hundred."""
    (tmp_path / "spec.yaml").write_text(kills.text("plateau"), encoding="utf-8")
    hit = kills.killed(tmp_path, "plateau", random.Random(3), 8.0, most=2)
    whole = tmp_path / "whole"
    api.fit(tmp_path / "spec.yaml", out=whole)
    assert kills.marks(tmp_path / "run") == kills.marks(whole) and hit <= 2


@pytest.mark.parametrize("gone", [(runs.METRICS,), (runs.METRICS, runs.REPORT, runs.EVIDENCE, runs.HISTORY, runs.LAST)])
def test_what_a_kill_after_the_last_checkpoint_left_out_is_made(points: Path, run: Run, gone: tuple[str, ...]) -> None:
    made = fitted(SPEC, points).run
    before = _marks(made)
    for name in gone:
        (made / name).unlink()
    done = run("fit", "--resume", str(made), cwd=points)
    assert done.rc == 0 and "epoch 4" not in done.stderr, done.stderr
    assert (made / runs.REPORT).is_file() and _marks(made) == before
    done = run("fit", "--resume", str(made), cwd=points)
    assert done.rc == 2 and "is finished after epoch 3" in done.stderr and "`--set fit.epochs=6`" in done.stderr
    assert run("fit", "--resume", str(made), "--set", "fit.epochs=4", cwd=points).rc == 0


def test_what_a_spec_is_warned_of_is_said_when_its_run_is_begun(tmp_path: Path, run: Run) -> None:
    spec = "inputs: {x: [3], y: [2]}\nlayers:\n  - Dense: 1\n    from: x\nlosses: mse\n"
    (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
    done = run("fit", "spec.yaml", "--dummy", "8", "--out", "r", cwd=tmp_path)
    assert done.rc == 0 and "warning[NS306]" in done.stderr and "spec.yaml:1:18" in done.stderr
    done = run("fit", "--resume", "r", "--epochs", "2", cwd=tmp_path)
    assert done.rc == 0 and "NS306" not in done.stderr and "it goes on after epoch 1" in done.stderr
    done = run("fit", "spec.yaml", "--resume", "r", "--epochs", "3", cwd=tmp_path)
    assert done.rc == 0 and "spec.yaml:1:18" in done.stderr


def test_a_finished_run_that_cannot_go_on_stays_what_it_was(points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.run import saving

    run = fitted(SPEC, points, out=points / "out").run
    before = (run / runs.METRICS).read_bytes(), _marks(run)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(saving, "weights", full)
        with pytest.raises(runs.RunError, match=r"No space left on device; .* and a checkpoint after epoch 3"):
            again.resume(run, epochs=5)
    assert runs.load(run).state == runs.FINISHED and (run / runs.REPORT).is_file() and (run / runs.EVIDENCE).is_file()
    with monkeypatch.context() as patched:
        patched.setattr(runs, "write_json", full)
        with pytest.raises(runs.RunError, match=r"holds what it held; `netspec fit --resume"):
            again.resume(run, epochs=5)
    now = (run / runs.METRICS).read_bytes(), _marks(run) | {"history": before[1]["history"]}
    assert now == before
    assert again.resume(run).epochs == 5


def test_callbacks_that_changed_on_the_way_are_told_before_a_run_is_reproduced(points: Path) -> None:
    from netspec.runtime.run import reproducing

    run = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    again.resume(run, epochs=2, **{"fit.callbacks": [{"EarlyStopping": {"monitor": "loss"}}]})
    (said,) = (each for each in reproducing.concerns(runs.load(run)) if "on its way" in each)
    assert "fit.callbacks was not there" in said


def test_weights_that_are_not_finite_are_named_with_their_steps(points: Path) -> None:
    huge = "optimizer={SGD: {learning_rate: {PiecewiseConstantDecay: {boundaries: [13], values: [0.01, 1.0e+38]}}}}"
    with pytest.raises(training.TrainingError, match=r"between steps \d+ and \d+ of 10 in epoch 2|at step \d+ of 10"):
        fitted(SPEC, points, huge, "fit.checkpoint={steps: 3}", out=points / "out")
