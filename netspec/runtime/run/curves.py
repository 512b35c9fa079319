"""What an epoch logged, as TensorBoard reads it: event files under tensorboard/, written without its package.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from netspec.runtime.run import epochs, rates, runs
from netspec.runtime.run.progress import Passing, Progress
from netspec.runtime.run.telling import say

_FAULTS = (OSError, tf.errors.OpError)


class Curves(Passing):
    """A way to show progress that also writes each epoch's losses, metrics and learning rate.

    Args:
        inner: what else hears of the training.
        run: the run folder. What an earlier part of the run wrote there is written anew from `history`.
        optimizer: whose learning rate it is.
        history: the epochs that are done.
    """

    def __init__(self, inner: Progress, run: Path, optimizer: Any, history: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(inner)
        self._folder, self._optimizer = run / runs.TENSORBOARD, optimizer
        self._writers: dict[str, Any] = {}
        self._failed = False
        with self._harmless():
            for old in runs.curves(run):
                old.unlink()
            self._again(history, epochs.times(run))

    def _again(self, history: Sequence[Mapping[str, Any]], times: Mapping[int, epochs.Pace]) -> None:
        """The epochs before a checkpoint, each at about the time when it ended."""
        took = [times.get(number, {}) for number in range(1, len(history) + 1)]
        at = time.time() - sum(pace.get("seconds") or 0.0 for pace in took)
        for number, (logs, pace) in enumerate(zip(history, took, strict=True), start=1):
            at += pace.get("seconds") or 0.0
            self._write(number, logs, {name: rate for name, rate in pace.items() if name != "seconds"}, at)

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Written, and passed on."""
        with self._harmless():
            self._write(number, logs, rates.now(self._optimizer), time.time())
        super().epoch_ends(number, seconds, logs)

    def close(self) -> None:
        """Closes the files, and passes on."""
        with self._harmless():
            for writer in self._writers.values():
                writer.close()
        super().close()

    @contextlib.contextmanager
    def _harmless(self) -> Iterator[None]:
        """Curves that cannot be written are said once, and training goes on without."""
        try:
            yield
        except _FAULTS as error:
            self._failed = True
            say(sys.stderr, f"note: `{self._folder}` cannot be written, so it is left out: {error}")

    def _write(self, number: int, logs: Mapping[str, Any], learned: Mapping[str, float | None], at: float) -> None:
        if self._failed:
            return
        values = {
            name: value for name, value in logs.items() if isinstance(value, float) and not name.startswith(rates.RATE)
        }
        validation = {name.removeprefix("val_"): value for name, value in values.items() if name.startswith("val_")}
        training = {name: value for name, value in values.items() if not name.startswith("val_")}
        training |= {name: rate for name, rate in learned.items() if rate is not None}
        for part, found in (("train", training), ("validation", validation)):
            if found:
                writer = self._writer(part, number, at)
                summary = [_scalar(f"epoch_{name}", value) for name, value in found.items()]
                event = tf.compat.v1.Event(wall_time=at, step=number, summary=tf.compat.v1.Summary(value=summary))
                writer.write(event.SerializeToString())
                writer.flush()

    def _writer(self, part: str, number: int, at: float) -> Any:
        """The file of a part; its beginning lets a TensorBoard that is open forget what an earlier file had."""
        if part not in self._writers:
            folder = self._folder / part
            folder.mkdir(parents=True, exist_ok=True)
            writer = self._writers[part] = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{int(at)}.netspec"))
            start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
            for event in ({"file_version": "brain.Event:2"}, {"step": number, "session_log": start}):
                writer.write(tf.compat.v1.Event(wall_time=at, **event).SerializeToString())
        return self._writers[part]


def _scalar(tag: str, value: float) -> Any:
    """A number as `tf.summary.scalar` writes it, which is where TensorFlow itself needs the package."""
    kind = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1)  # DATA_CLASS_SCALAR
    return tf.compat.v1.Summary.Value(tag=tag, metadata=kind, tensor=tf.make_tensor_proto(value, tf.float32))
