"""What training leaves in the run folder, each whole or not at all: rows of history, weights, a checkpoint.

An epoch's numbers wait in memory until a checkpoint is due or training ends, however it ends. Import it after
`engine.keras()`.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import io
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from netspec.runtime.run import checkpoints, runs, saving, snapshots
from netspec.runtime.run.cadence import Cadence
from netspec.runtime.run.checkpoints import Checkpoint
from netspec.runtime.run.overflow import CURE, Overflows
from netspec.runtime.run.progress import Progress
from netspec.runtime.run.scores import Number, plain
from netspec.runtime.run.snapshots import Snapshot

_HELD = 1 << 26  # numbers of more bytes do not wait in memory for a minute to pass, where writing them is cheap enough


class NotFinite(Exception):
    """A loss or a weight is NaN or infinite in epoch `epoch`; `what` says which, `where` between which steps."""

    def __init__(self, epoch: int, what: str, where: str = "", cure: str | None = None) -> None:
        super().__init__(what)
        self.epoch, self.what, self.where, self.cure = epoch, what, where, cure


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """The last of a training's callbacks: keeps what the others have left; stops at what is not finite.

    Args:
        run: the run folder.
        monitor: which of the logs says how good an epoch was; less is better.
        progress: hears of epochs.
        steps: of an epoch.
        cadence: when checkpoints are due.
        callbacks: whose state belongs to a checkpoint.
        data: a mark of the training rows, kept in checkpoints.
        since: the checkpoint that training goes on from.

    `saved` is the last epoch whose weights are in the folder, 0 for none; `written` is where the checkpoint stands.
    """

    def __init__(
        self,
        run: Path,
        monitor: str,
        progress: Progress,
        *,
        steps: int,
        cadence: Cadence,
        callbacks: Sequence[Any] = (),
        data: str = "",
        since: Checkpoint | None = None,
    ) -> None:
        super().__init__()
        self._run, self._progress, self._steps, self._cadence = run, progress, steps, cadence
        self._callbacks, self._data, self._since = tuple(callbacks), data, since
        self.monitor = monitor
        self.history: list[dict[str, Number]] = [dict(row) for row in since.history] if since else []
        self.saved = since.epoch if since and (run / runs.LAST).is_file() else 0
        self.best_epoch = since.best_epoch if since else 0
        self._best = math.inf if since is None or since.best is None else since.best
        self._earlier, self._began = since.seconds if since else 0.0, time.perf_counter()
        self._begun = 0.0
        self._waiting: Checkpoint | None = since if since and since.step == 0 else None  # of the last whole epoch
        self._best_waiting: Checkpoint | None = None
        self._camera: snapshots.Camera
        self.at = (since.epoch, since.step) if since else (0, 0)  # epochs and further steps that are done
        self._sound = self.at  # where all numbers were last seen to be finite
        self._moved = False  # the model's numbers are no longer those of the last whole epoch
        self._size = self._finite_step = 0
        self.written: tuple[int, int] | None = (since.epoch, since.step) if since else None

    def on_train_begin(self, logs: Any = None) -> None:
        """Puts back where training stood, and the rows of history that belong to it."""
        self._size, self._camera = snapshots.size(self.model), snapshots.Camera(self.model)
        self._overflows = Overflows(self.model.optimizer)
        self._cadence.expect(self._size)
        if self._since is not None:
            _restore(self._callbacks, self._since.callbacks)  # none where the spec has others now
            snapshots.put_back(self.model, self._since.snapshot)
        self._rewrite()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock; in the middle of an epoch, puts back what its beginning has changed."""
        self._begun, self._finite_step = time.perf_counter(), 0
        since = self._since
        if since is not None and since.step and epoch == since.epoch:
            _restore(self._callbacks, since.callbacks)
            snapshots.put_back(self.model, since.snapshot)
            self._moved = True
        self._overflows.epoch_begins(midway=since is not None and since.step > 0 and epoch == since.epoch)
        self._progress.epoch_begins(epoch + 1)

    def stepped(self, epoch: int, step: int) -> None:
        """`step` steps of epoch `epoch`, from 0, are done; writes a checkpoint if one is due.

        Raises:
            NotFinite: what would be written is not finite.
            OSError: the disk is full, or the folder cannot be written.
        """
        self._moved, self.at = True, (epoch, step)
        if step < self._steps and self._cadence.due(epoch * self._steps + step):
            self._flush(self._now(self._taken()))

    def seen(self, loss: float) -> None:
        """The running loss of the epoch after the steps that are done.

        Raises:
            NotFinite: it is none.
        """
        epoch, step = self.at
        if not self._overflows.may_skip:  # there the end of the epoch tells
            check_finite(epoch + 1, "the loss", loss, self._between(step, self._finite_step + 1))
            self._finite_step = step

    def interrupted(self) -> None:
        """Keep what is there between two steps, before an exception ends the training."""
        if self._moved and self.at[1] < self._steps:
            self._flush(self._now(self._taken()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keeps the epoch."""
        values = {name: plain(value) for name, value in (logs or {}).items()}
        self.history.append(values)
        self._append(epoch + 1, values)
        self._progress.epoch_ends(epoch + 1, time.perf_counter() - self._begun, values)
        skipped, cure = self._overflows.skipped(), CURE if self._overflows.may_skip else None
        if not skipped:
            where = self._between(self._steps, self._finite_step + 1)
            check_finite(epoch + 1, "the loss", values.get("loss"), where, cure)
        self._moved, self.at = False, (epoch + 1, 0)
        snapshot, watched = self._taken(), values.get(self.monitor)
        best = isinstance(watched, float) and watched < self._best
        if isinstance(watched, float) and best:
            self._best, self.best_epoch = watched, epoch + 1
        self._waiting = self._now(snapshot)
        if best:
            self._best_waiting = self._waiting
        if self._cadence.due((epoch + 1) * self._steps, at_once=self._size > _HELD):
            self.flush()
        if not skipped:
            check_finite(epoch + 1, "the validation loss", values.get("val_loss"))

    def on_train_end(self, logs: Any = None) -> None:
        """Others may have put back earlier weights, or averages of them."""
        self._moved = True

    def flush(self) -> None:
        """Write what waits: weights of the last whole epoch, those of the best one, and the checkpoint.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        waiting = self._waiting
        if waiting is None:
            return
        if self.written is None or self.written < (waiting.epoch, 0) or self.saved < waiting.epoch:
            self._flush(waiting)

    def again(self) -> None:
        """Put back the numbers of the last whole epoch: Keras ends each `fit` by changing weights that are averaged."""
        if self._waiting is not None:
            snapshots.put_back(self.model, self._waiting.snapshot)

    def save(self) -> None:
        """Write the weights as they are now.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        self._save(self._run / runs.LAST)

    def _taken(self) -> Snapshot:
        """The model's numbers. Raises NotFinite."""
        snapshot = self._camera.taken(*self._kept())
        path = snapshot.not_finite()
        epoch, step = self.at if self.at[1] else (self.at[0] - 1, self._steps)
        if path is not None:
            first = 1 + (self._sound[1] if self._sound[0] == epoch else 0)
            raise NotFinite(epoch + 1, f"the weight `{path}` is not finite", self._between(step, first))
        self._sound = epoch, step
        return snapshot

    def _kept(self) -> tuple[Snapshot | None, ...]:
        """Snapshots that are still to be written."""
        return tuple(None if each is None else each.snapshot for each in (self._waiting, self._best_waiting))

    def _between(self, step: int, first: int) -> str:
        """Where in the epoch what is not finite came up, as closely as it was looked at."""
        return (
            f"at step {step} of {self._steps}"
            if first >= step
            else f"between steps {first} and {step} of {self._steps}"
        )

    def _now(self, snapshot: Snapshot) -> Checkpoint:
        epoch, step = self.at
        return Checkpoint(
            epoch,
            step,
            snapshot.paths,
            snapshot.arrays,
            (),  # a copy for each epoch would take longer and longer
            None if self.best_epoch == 0 else self._best,
            self.best_epoch,
            tuple(_state(callback) for callback in self._callbacks),
            bool(self.model.stop_training),
            self._data,
            self._earlier + time.perf_counter() - self._began,
        )

    def _flush(self, checkpoint: Checkpoint) -> None:
        """The checkpoint comes last: one that is older than the weights beside it makes them again.

        What an earlier end of the run left stays until something newer is there.
        """
        with self._cadence.writing(checkpoint.epoch * self._steps + checkpoint.step):
            waiting, best = self._waiting, self._best_waiting
            if waiting is not None and waiting.epoch > self.saved:
                with self._being(waiting.snapshot, checkpoint, anew=self._moved):
                    self._save(self._run / runs.LAST)
                self.saved = waiting.epoch
                runs.begin_anew(self._run)
            if best is not None and waiting is not None:
                if best is waiting:
                    _link(self._run / runs.LAST, self._run / runs.BEST)
                else:
                    with self._being(best.snapshot, checkpoint, anew=True):
                        self._save(self._run / runs.BEST)
                self._best_waiting = None
            history = tuple(self.history[: checkpoint.epoch])
            checkpoints.write(self._run, replace(checkpoint, history=history))
            self.written = checkpoint.epoch, checkpoint.step
            runs.begin_anew(self._run)

    @contextlib.contextmanager
    def _being(self, snapshot: Snapshot, checkpoint: Checkpoint, *, anew: bool) -> Iterator[None]:
        """The model with other numbers for a while, in which a checkpoint is to be written."""
        if not anew:
            yield
            return
        now = self._camera.taken(snapshot, checkpoint.snapshot, *self._kept())
        snapshots.put_back(self.model, snapshot)
        try:
            yield
        finally:
            snapshots.put_back(self.model, now)

    def _save(self, path: Path) -> None:
        saving.weights(self.model, path, self._size)

    def _append(self, epoch: int, values: Mapping[str, Number]) -> None:
        """A row more; a checkpoint holds all rows that are needed to go on."""
        saving.append(self._run / runs.HISTORY, _rows(epoch, [values]))

    def _rewrite(self) -> None:
        """history.csv as the checkpoint knows it: rows of later epochs come again."""
        if self.history:
            runs.write(self._run / runs.HISTORY, _rows(1, self.history))
        else:
            (self._run / runs.HISTORY).unlink(missing_ok=True)


def _rows(epoch: int, rows: Sequence[Mapping[str, Number]]) -> bytes:
    """Rows of history.csv from epoch `epoch` on, under a header where that is the first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if epoch == 1:
        writer.writerow(("epoch", *rows[0]))
    for number, values in enumerate(rows, start=epoch):
        row = [json.dumps(value) if isinstance(value, list) else repr(value) for value in values.values()]
        writer.writerow((number, *row))
    return text.getvalue().encode("utf-8")


def _state(callback: Any) -> dict[str, Any]:
    """What of a callback's attributes a checkpoint can hold: numbers, words, lists and mappings of them, and lists of
    arrays.
    """
    found: dict[str, Any] = {}
    for name, value in vars(callback).items():
        arrays = isinstance(value, list) and value and all(isinstance(each, np.ndarray) for each in value)
        kept = value if arrays else _plain(value)
        if kept is not _LOST and not _configured(callback, name):
            found[name] = kept
    return found


def _configured(callback: Any, name: str) -> bool:
    """What Keras itself sets; it makes `min_delta` negative where less is better, once for each callback."""
    return name == "params" or (name == "min_delta" and "monitor_op" in vars(callback))


_LOST = object()  # what no checkpoint can hold


def _plain(value: Any) -> Any:
    """A copy of a value that JSON gives back as it was, else `_LOST`."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        several = [_plain(each) for each in value]
        return _LOST if _LOST in several else several
    if type(value) is dict and all(type(name) is str for name in value):
        named = {name: _plain(each) for name, each in value.items()}
        return _LOST if _LOST in named.values() else named
    return _LOST


def _restore(callbacks: Sequence[Any], states: Sequence[Mapping[str, Any]]) -> None:
    for callback, state in zip(callbacks, states, strict=False):
        kept = {name: value for name, value in state.items() if not _configured(callback, name)}
        vars(callback).update(copy.deepcopy(kept))  # it is put back twice in the middle of an epoch


def check_finite(epoch: int, what: str, value: Any, where: str = "", cure: str | None = None) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFinite(epoch, f"{what} is {value}", where, cure)


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is never written in place; a copy where the file system knows no links."""
    with runs.whole(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
