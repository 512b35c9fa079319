"""Callbacks that write: their files are in the run folder, whole, and those of a run that was never stopped."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from conftest import Run
from test_resuming import _copied, _marks

from netspec import again, api
from netspec.pipeline import analyze_text
from netspec.runtime.run import calls, checkpoints, loop, removing, runs, saving, writers

pytestmark = pytest.mark.keras

MODEL = """
netspec: 1
inputs: {x: [6]}
layers:
  - Dense: {units: 8, activation: relu}
  - Dropout: 0.4
  - Dense: 1
losses: mse
metrics: [mae]
"""
SPEC = (
    MODEL
    + """
optimizer: {Adam: {learning_rate: 0.05}}
fit:
  epochs: 4
  seed: 2
  batch_size: 8
  checkpoint: {steps: 3}
  callbacks:
    - CSVLogger: {filename: logs/first.csv, separator: ";"}
    - ReduceLROnPlateau: {patience: 1}
    - CSVLogger: second.csv
    - ModelCheckpoint: {filepath: best.weights.h5, save_best_only: true, save_weights_only: true}
    - ModelCheckpoint: "models/{epoch:02d}-{val_loss:.2f}-{learning_rate}.keras"
    - ModelCheckpoint: {filepath: "{epoch}-{batch}.weights.h5", save_weights_only: true, save_freq: 3}
"""
)
ONE = MODEL + "fit: {epochs: 2, seed: 2, callbacks: [%s]}\n"


def _numbers(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def _files(run: Path) -> dict[str, Any]:
    """What callbacks wrote; of a whole model the numbers, for its file holds times and names that Keras counts up."""
    found: dict[str, Any] = {}
    for path in runs.written(run):
        content: Any = path.read_bytes()
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as packed:
                content = _numbers(packed.read("model.weights.h5"))
        elif path.suffix == ".h5":
            content = _numbers(content)
        found[str(path.relative_to(run / runs.CALLBACKS))] = content
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """A run, copies of all that a kill would have left of it, and how many."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        counted = _copied(patched, folder / "run", folder / "copies")
        api.fit("spec.yaml", dummy=40, out=folder / "run")
        return folder / "run", folder / "copies", counted()


def test_the_files_are_in_the_run_folder(whole: tuple[Path, Path, int]) -> None:
    run, _, _ = whole
    assert sorted(path.name for path in run.parent.iterdir()) == ["copies", "run", "spec.yaml"]
    found = _files(run)
    models = sorted(name for name in found if name.startswith("models/"))
    assert [name[:10] for name in models] == ["models/01-", "models/02-", "models/03-", "models/04-"]
    rows = list(csv.DictReader(io.StringIO(found["logs/first.csv"].decode(), newline=""), delimiter=";"))
    history = list(csv.DictReader((run / runs.HISTORY).read_text(encoding="utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [{**row, "epoch": str(int(row["epoch"]) + 1)} for row in rows] == [
        {name: value for name, value in row.items() if name != "learning_rate"} for row in history
    ]
    assert found["second.csv"].startswith(b"epoch,learning_rate,loss,mae,val_loss,val_mae\r\n")
    steps = [name for name in found if "-" in name and "/" not in name]
    assert sorted(steps)[0] == "1-3.weights.h5" and len(steps) > 4
    read = keras.models.load_model(run / runs.CALLBACKS / models[-1])
    assert "mean_squared_error" in str(read.loss) and read.optimizer.iterations > 0
    read.load_weights(run / runs.BEST)
    best = [each.numpy() for each in read.weights]
    read.load_weights(run / runs.CALLBACKS / "best.weights.h5")
    assert all(np.array_equal(one, each.numpy()) for one, each in zip(best, read.weights, strict=True))
    for name in (runs.RESOLVED, runs.CHECKPOINT):
        assert str(run).encode() + b"/callbacks" not in (run / name).read_bytes()


def test_a_run_goes_on_to_the_same_files(whole: tuple[Path, Path, int]) -> None:
    run, copies, total = whole
    files, marks = _files(run), _marks(run)
    begun = [at for at in range(total) if (copies / str(at) / runs.RESOLVED).is_file()]
    middle = [at for at in begun if (copies / str(at) / runs.CHECKPOINT).is_file()]
    last = max(at for at in begun if not (copies / str(at) / runs.METRICS).is_file())
    for at in {begun[0], last, *random.Random(4).sample(middle, 3)}:
        copy = copies / str(at)
        if not (copy / runs.METRICS).is_file():
            again.resume(copy)
            assert _marks(copy) == marks and _files(copy) == files, f"from copy {at} of {total}"


def test_a_run_is_reproduced_and_trains_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    api.fit("spec.yaml", dummy=40, out=tmp_path / "run", **{"fit.epochs": 2})
    found = again.reproduce(tmp_path / "run", out=tmp_path / "again")
    assert found.same and _files(tmp_path / "run") == _files(tmp_path / "again")
    (tmp_path / "run").rename(tmp_path / "moved")
    again.resume(tmp_path / "moved", epochs=4)
    api.fit("spec.yaml", dummy=40, out=tmp_path / "whole")
    assert _files(tmp_path / "moved") == _files(tmp_path / "whole") and not (tmp_path / "run").exists()
    changed = {"fit.callbacks": [{"CSVLogger": "third.csv"}], "fit.epochs": 5}
    again.resume(tmp_path / "moved", **changed)
    assert (tmp_path / "moved" / runs.CALLBACKS / "third.csv").read_text(encoding="utf-8").count("\n") == 6
    removing.remove(tmp_path / "moved")
    assert not (tmp_path / "moved").exists()
    (tmp_path / "whole" / runs.CALLBACKS / "mine").mkdir()
    api.fit("spec.yaml", dummy=40, out=tmp_path / "whole", force=True, **{"fit.callbacks": []})
    assert not runs.written(tmp_path / "whole")


def test_only_a_number_of_steps_asks_for_every_step() -> None:
    callbacks = [
        "CSVLogger: a.csv",
        "ModelCheckpoint: a.keras",
        "ModelCheckpoint: {filepath: b.keras, save_freq: 2}",
    ]
    found = analyze_text(ONE % ", ".join(f"{{{each}}}" for each in callbacks)).checked
    assert found is not None
    made = writers.callbacks(found)
    assert [loop.listens(each) for each in made] == [False, False, True]
    assert calls.steps_at_once(found, 100, made[:2]) > 1 and calls.steps_at_once(found, 100, made) == 1
    assert calls.one_by_one(found, made)[0].startswith("`ModelCheckpoint` looks at every batch")


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        ("{CSVLogger: a}, {ModelCheckpoint: a/b.keras}", "run/callbacks/a/b.keras`: Not a directory"),
        ("{CSVLogger: a/b}, {CSVLogger: a}", "run/callbacks/a`: Is a directory"),
        (f"{{CSVLogger: {'a' * 300}}}", "a`: File name too long"),
        ("{ModelCheckpoint: {filepath: '{epoch:0300d}.keras'}}", "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_said(
    callbacks: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    (tmp_path / "spec.yaml").write_text(ONE % callbacks, encoding="utf-8")
    done = run("fit", "spec.yaml", "--dummy", "16", "--out", "run", cwd=tmp_path)
    assert done.rc == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["weights", "model", "append"])
def test_a_full_disk_is_said_and_the_run_goes_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    real, count = getattr(saving, name), [0]

    def full(*args: Any) -> None:
        path = next(each for each in args if isinstance(each, Path))
        count[0] += runs.CALLBACKS in path.parts
        if count[0] == 2 and runs.CALLBACKS in path.parts:
            raise OSError(28, "No space left on device", str(path))
        real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(saving, name, full)
        with pytest.raises(runs.RunError, match=r"callbacks/.*`: No space left on device; .*"):
            api.fit("spec.yaml", dummy=40, out=tmp_path / "run")
    again.resume(tmp_path / "run")
    api.fit("spec.yaml", dummy=40, out=tmp_path / "whole")
    assert _files(tmp_path / "run") == _files(tmp_path / "whole")
    assert _marks(tmp_path / "run") == _marks(tmp_path / "whole")


def test_what_no_file_of_a_whole_model_holds_is_refused() -> None:
    several = "optimizers: {dense: {learning_rate: 0.1}}\n"
    own = "metrics: [{python: mine:score}]\n"
    for more, said in ((several, "several optimizers"), (own, "Python of your own, `mine:score`")):
        text = (ONE % "{ModelCheckpoint: a.keras}").replace("metrics: [mae]\n", more)
        text = text.replace("activation: relu}\n", "activation: relu}\n    name: dense\n")
        (found,) = [each for each in analyze_text(text).diagnostics if each.severity == "error"]
        assert found.code == "NS206" and said in found.message and "`a.weights.h5`" in (found.help or "")
        assert analyze_text(text.replace("a.keras", "{filepath: a.weights.h5, save_weights_only: true}")).checked


def test_what_is_watched_must_be_logged_where_it_is_looked_at() -> None:
    text = (
        ONE % "{ModelCheckpoint: %s}"
        + "data: {train: rows.csv, features: {x: {columns: [a, b, c, d, e, f]}}, targets: {dense_1: y}}\n"
    )
    for args, codes in {
        "a.keras": [],
        "{filepath: a.keras, save_best_only: true}": ["NS509"],
        "{filepath: a.keras, save_best_only: true, monitor: loss}": [],
        "{filepath: a.keras, monitor: los}": ["NS509"],
        "'{val_loss}.keras'": ["NS206"],
    }.items():
        found = analyze_text(text % args, folder="/nowhere").diagnostics
        assert [each.code for each in found if each.code in ("NS206", "NS509")] == codes, args


def test_keras_raises_for_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    rows = np.zeros((8, 2)), np.arange(8.0)
    refused: list[tuple[type[Exception], Any]] = [
        (KeyError, {"filepath": "{epoh}.keras"}),
        (KeyError, {"filepath": "{batch}.keras"}),
        (ValueError, {"filepath": "{loss:02d}.keras"}),
        (ValueError, {"filepath": "{loss.keras"}),
        (KeyError, {"filepath": "{val_loss}.keras", "save_freq": 1}),
        (TypeError, {"filepath": "a.keras", "monitor": "loss", "save_best_only": True, "save_freq": 1}),
    ]
    for error, args in refused:
        with pytest.raises(error):
            callback = keras.callbacks.ModelCheckpoint(**args)
            model.fit(*rows, batch_size=2, validation_data=rows, verbose=0, callbacks=[callback])
    logger = keras.callbacks.CSVLogger("a.csv", separator="ab")
    with pytest.raises(TypeError):
        model.fit(*rows, verbose=0, callbacks=[logger])
    logger.on_train_end()


def test_the_rows_are_keras_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checked = analyze_text(ONE % "{CSVLogger: a.csv}").checked
    assert checked is not None
    (ours,) = writers.callbacks(checked)
    writers.settle([ours], tmp_path, None)
    theirs = keras.callbacks.CSVLogger("theirs.csv")
    for callback in (ours, theirs):
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 0.1 + 0.2, "mae": 1e-30, "per_class": [0.5, 1.0]})
        callback.on_epoch_end(1, {"loss": float("nan")})
        callback.on_train_end()
    assert (tmp_path / runs.CALLBACKS / "a.csv").read_bytes() == Path("theirs.csv").read_bytes()


def test_a_checkpoint_holds_names_alone(whole: tuple[Path, Path, int]) -> None:
    stood = checkpoints.read(whole[0])
    assert stood is not None
    assert str(whole[0].parent) not in json.dumps([dict(state) for state in stood.callbacks])
    assert stood.callbacks[3]["_name"] == "best.weights.h5" and isinstance(stood.callbacks[3]["best"], float)
