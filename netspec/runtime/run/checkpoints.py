"""The file that an unfinished run goes on from: one NPZ archive that appears whole or not at all.

`state.json` inside it says where training stood; the arrays are those of a Snapshot and of callbacks. No Keras needed.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.runtime.run import runs
from netspec.runtime.run.runs import RunError
from netspec.runtime.run.scores import Number

if TYPE_CHECKING:
    from netspec.runtime.run.snapshots import Snapshot

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """Where training stood: `epoch` epochs were complete, and `step` steps of the next one.

    `history` has a row for each complete epoch, put in when it is written. `best` is the lowest value of what was
    watched, that of `best_epoch` (0: none). `callbacks` holds the attributes of each callback that are numbers, words,
    lists and mappings of them, or arrays. `stopped`: a callback has ended the training. `data` is a mark of the
    prepared training rows, `seconds` what it took so far.
    """

    epoch: int
    step: int
    paths: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    history: tuple[Mapping[str, Number], ...]
    best: float | None
    best_epoch: int
    callbacks: tuple[Mapping[str, Any], ...]
    stopped: bool
    data: str
    seconds: float

    @property
    def snapshot(self) -> Snapshot:
        """The model's numbers."""
        from netspec.runtime.run.snapshots import Snapshot

        return Snapshot(self.paths, self.arrays)


def write(run: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in place of the one before, which is there until the new one is whole and on the disk.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the one before is as it was.
    """
    packed: dict[str, np.ndarray] = {}
    arrays = [_kept(f"a{at}", array, packed) for at, array in enumerate(checkpoint.arrays)]
    callbacks = []
    for at, state in enumerate(checkpoint.callbacks):
        plain = {name: value for name, value in state.items() if not _is_arrays(value)}
        lists = {
            name: [_kept(f"c{at}.{name}.{number}", array, packed) for number, array in enumerate(value)]
            for name, value in state.items()
            if _is_arrays(value)
        }
        callbacks.append({"plain": plain, "arrays": lists})
    state = {
        "format": _FORMAT,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "paths": checkpoint.paths,
        "arrays": arrays,
        "history": [dict(row) for row in checkpoint.history],
        "best": checkpoint.best,
        "best_epoch": checkpoint.best_epoch,
        "callbacks": callbacks,
        "stopped": checkpoint.stopped,
        "data": checkpoint.data,
        "seconds": checkpoint.seconds,
    }
    packed["state"] = np.frombuffer(json.dumps(state).encode("utf-8"), np.uint8)
    with runs.whole(run / runs.CHECKPOINT) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **packed)


def read(run: Path) -> Checkpoint | None:
    """The checkpoint of a run, None where it has none.

    Raises:
        RunError: the file is damaged.
    """
    path = run / runs.CHECKPOINT
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as packed:
            state = json.loads(bytes(packed["state"]))
            if state["format"] != _FORMAT:
                raise RunError(f"`{path}` is of format {state['format']}, expected {_FORMAT}")
            callbacks = tuple(
                each["plain"]
                | {name: [_read(mark, packed) for mark in marks] for name, marks in each["arrays"].items()}
                for each in state["callbacks"]
            )
            return Checkpoint(
                int(state["epoch"]),
                int(state["step"]),
                tuple(state["paths"]),
                tuple(_read(mark, packed) for mark in state["arrays"]),
                tuple(state["history"]),
                state["best"],
                int(state["best_epoch"]),
                callbacks,
                bool(state["stopped"]),
                str(state["data"]),
                float(state["seconds"]),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"`{path}` is damaged: {error}", help="remove it to begin at the first epoch again, with the same seed"
        ) from error


def _is_arrays(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, np.ndarray) for each in value)


def _kept(name: str, array: np.ndarray, packed: dict[str, np.ndarray]) -> tuple[str, str]:
    """Where an array is kept, and its dtype: NumPy's format knows none of those that Keras adds (bfloat16, float8)."""
    packed[name] = array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")
    return name, array.dtype.name


def _read(mark: Sequence[str], packed: Mapping[str, np.ndarray]) -> np.ndarray:
    name, dtype = mark
    array = packed[name]
    if array.dtype.name == dtype:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, dtype))
