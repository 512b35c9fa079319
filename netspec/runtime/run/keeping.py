"""What an epoch leaves in the run folder, each whole or not at all: a row of history, the last weights, the best ones.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.saving import saving_lib  # the public way takes no file in memory

from netspec.runtime.run import runs
from netspec.runtime.run.progress import Progress
from netspec.runtime.run.scores import Number, plain

_MEMORY = 1 << 30  # weights of more bytes are written to the disk at once


class NotFinite(Exception):
    """A loss or a weight of epoch `epoch` is NaN or infinite; `what` says which."""

    def __init__(self, epoch: int, what: str) -> None:
        super().__init__(what)
        self.epoch, self.what = epoch, what


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch: a row of history.csv, the last weights, the best weights; stops at what is not finite.

    `saved` is the last epoch whose weights are kept, 0 for none.
    """

    def __init__(self, run: Path, monitor: str, progress: Progress) -> None:
        super().__init__()
        self._run, self._progress = run, progress
        self.monitor = monitor
        self.history: list[dict[str, Number]] = []
        self.saved = self.best_epoch = 0
        self._best, self._begun = math.inf, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock."""
        self._begun = time.perf_counter()
        self._progress.epoch_begins(epoch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keeps the epoch."""
        values = {name: plain(value) for name, value in (logs or {}).items()}
        self.history.append(values)
        self._append(epoch + 1, values)
        self._progress.epoch_ends(epoch + 1, time.perf_counter() - self._begun, values)
        check_finite(epoch + 1, "the loss", values.get("loss"))
        for variable in self.model.weights:
            array = variable.value.numpy()
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise NotFinite(epoch + 1, f"the weight `{variable.path}` is not finite")
        self.save()
        self.saved = epoch + 1
        watched = values.get(self.monitor)
        if isinstance(watched, float) and watched < self._best:
            self._best, self.best_epoch = watched, epoch + 1
            _link(self._run / runs.LAST, self._run / runs.BEST)
        check_finite(epoch + 1, "the validation loss", values.get("val_loss"))

    def save(self) -> None:
        """Write the weights as they are now.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        path = self._run / runs.LAST
        size = sum(variable.value.dtype.size * math.prod(variable.shape) for variable in _variables(self.model))
        if size > shutil.disk_usage(self._run).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if size > _MEMORY:
            with runs.whole(path, suffix=".weights.h5") as temporary:
                self.model.save_weights(temporary)
            return
        # HDF5 takes the process down when the disk fills up under it, so it writes to memory and we to the disk.
        content = io.BytesIO()
        store = saving_lib.H5IOStore(content, mode="w")
        saving_lib._save_state(
            self.model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set()
        )
        store.close()
        with runs.whole(path) as temporary, temporary.open("wb") as file:
            file.write(content.getbuffer())

    def _append(self, epoch: int, values: Mapping[str, Number]) -> None:
        path = self._run / runs.HISTORY
        row = [json.dumps(value) if isinstance(value, list) else repr(value) for value in values.values()]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if epoch == 1:
            writer.writerow(("epoch", *values))
        writer.writerow((epoch, *row))
        before = path.stat().st_size if path.exists() else 0
        try:
            with path.open("ab") as file:
                file.write(text.getvalue().encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            error.filename = str(path)
            with suppress(OSError):
                os.truncate(path, before)  # half a row is none
            raise


def _variables(model: Any) -> list[Any]:
    """All that a file of weights holds."""
    return [*model.weights, *(model.optimizer.variables if model.optimizer is not None else ())]


def check_finite(epoch: int, what: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFinite(epoch, f"{what} is {value}")


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is never written in place; a copy where the file system knows no links."""
    with runs.whole(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
