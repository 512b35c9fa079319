"""Keras's callbacks that write files, which here stay in the run folder and are as they should be when a run goes on.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import saving_lib  # the only way to see whether a model can be written down at all

from netspec.graph.ir import Checked, KerasObject
from netspec.runtime.engine import with_deep_stack
from netspec.runtime.model import build
from netspec.runtime.model.build import BuildError
from netspec.runtime.run import runs, saving, snapshots
from netspec.runtime.run.checkpoints import Checkpoint
from netspec.runtime.run.scores import plain


class CSVLogger(keras.callbacks.CSVLogger):  # type: ignore[misc]
    """Keras's rows. A run that goes on has those of the epochs behind it from its history, as history.csv has."""

    def __init__(self, checked: Checked, made: KerasObject) -> None:
        super().__init__(**made.args)
        self._folder = Path()
        self._history: tuple[Mapping[str, Any], ...] = ()

    def settle(self, folder: Path, since: Checkpoint | None, state: Mapping[str, Any]) -> None:
        """Where to write, and what is behind."""
        self._folder, self._history = folder, () if since is None else tuple(since.history)
        self.keys = state.get("keys")

    def on_train_begin(self, logs: Any = None) -> None:
        """Begins the file with the rows of the epochs that are done."""
        path = self._folder / self.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write(path, self._rows(0, self._history))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """A row more."""
        saving.append(self._folder / self.filename, self._rows(epoch, [logs or {}]))

    def on_train_end(self, logs: Any = None) -> None:
        """Every row is written already."""

    def _rows(self, first: int, rows: Sequence[Mapping[str, Any]]) -> bytes:
        text = io.StringIO(newline="")
        self.csv_file: Any = text
        self.writer, self.append_header = None, first == 0
        for epoch, row in enumerate(rows, start=first):
            super().on_epoch_end(epoch, {name: plain(value) for name, value in row.items()})
        self.csv_file, self.writer = None, None
        return text.getvalue().encode("utf-8")


class ModelCheckpoint(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Keras's choice of what is saved when; at the ends of epochs it lets steps be."""

    on_train_batch_end = keras.callbacks.Callback.on_train_batch_end

    def __init__(self, checked: Checked, made: KerasObject) -> None:
        self._folder: Path | None = None
        self._checked, self._made = checked, made
        super().__init__(**made.args)

    def settle(self, folder: Path, since: Checkpoint | None, state: Mapping[str, Any]) -> None:
        """Where to write."""
        self._folder = folder

    @property
    def filepath(self) -> str:
        """The pattern of the whole path, of which a checkpoint keeps the end alone: a run may be moved."""
        if self._folder is None:
            return self._name
        folder = str(self._folder.absolute()).replace("{", "{{").replace("}", "}}")
        return f"{folder}/{self._name}"

    @filepath.setter
    def filepath(self, name: str) -> None:
        self._name = name

    def set_model(self, model: Any) -> None:
        """Keras saves by way of the model, and so by ours."""
        super().set_model(_Saved(model, self._checked, self._made, whole=not self.save_weights_only))


_OfSteps = type(
    "ModelCheckpoint", (ModelCheckpoint,), {"on_train_batch_end": keras.callbacks.ModelCheckpoint.on_train_batch_end}
)


class _Saved:
    """A model that is written whole or not at all."""

    def __init__(self, model: Any, checked: Checked, made: KerasObject, *, whole: bool) -> None:
        self._model, self._path, self._nodes = model, made.path, len(checked.typed.graph.calls)
        self._nodes += sum(len(inner.graph.calls) for inner in checked.typed.nested.values())
        if whole:
            self._tried(lambda: saving_lib._serialize_model_as_json(model))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def save_weights(self, path: str, **_: Any) -> None:
        """As Keras's."""
        saving.weights(self._model, Path(path), snapshots.size(self._model))

    def save(self, path: str, **_: Any) -> None:
        """As Keras's."""
        write = self._model.save
        saving.model(lambda to: self._tried(lambda: write(to)), Path(path), snapshots.size(self._model))

    def _tried(self, work: Any) -> None:
        try:
            with_deep_stack(work, self._nodes)
        except (TypeError, ValueError, NotImplementedError) as error:
            cure = "save weights alone: a name that ends in `.weights.h5`, and `save_weights_only: true`"
            raise BuildError(self._path, error, help=cure) from error


def callbacks(checked: Checked) -> list[Any]:
    """The callbacks of the spec; before training, those that write are told where, by `settle`."""
    return [_writing(checked, *each) for each in zip(checked.training.callbacks, build.callbacks(checked), strict=True)]


def _writing(checked: Checked, made: KerasObject, callback: Any) -> Any:
    if type(callback) is keras.callbacks.CSVLogger:
        return CSVLogger(checked, made)
    if type(callback) is keras.callbacks.ModelCheckpoint:
        return (ModelCheckpoint if callback.save_freq == "epoch" else _OfSteps)(checked, made)
    return callback


def settle(callbacks: Sequence[Any], run: Path, since: Checkpoint | None) -> None:
    """Have all that write do so below the run folder, and go on from a checkpoint."""
    states = () if since is None else since.callbacks
    for at, callback in enumerate(callbacks):
        if isinstance(callback, CSVLogger | ModelCheckpoint):
            callback.settle(run / runs.CALLBACKS, since, states[at] if at < len(states) else {})
