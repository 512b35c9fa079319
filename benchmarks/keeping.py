"""What checkpoints, history and the live display cost a training of a minute: with them, and with nothing at all.

`python benchmarks/keeping.py SIDE ROWS SLICES` is one side, a warm process.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fitting
from measure import PYTHON, Result, Worker, in_turns, paired, together

_CASE = fitting.CASES["mlp_softmax, batches of 32"]
_SLICES, _EPOCHS = 80, 6  # of a training, and epochs of a slice: together some eighty seconds


def keeping(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """The time of a step on a terminal against one where nobody looks and nothing is kept.

    The two trainings take turns of a second each, for a machine may be faster or slower by a fifth a minute later.
    """
    slices = 1 if rows else _SLICES
    sides = {side: (PYTHON, __file__, side, str(rows), str(slices)) for side in ("kept", "bare")}
    with Worker(sides["kept"], env) as kept, Worker(sides["bare"], env) as bare:
        taken = in_turns({"kept": kept, "bare": bare}, runs * slices)
    taken = {side: together(seconds, slices) for side, seconds in taken.items()}
    speed = paired(taken["bare"], taken["kept"])
    ours, theirs = (1e3 * statistics.median(taken[side]) for side in ("kept", "bare"))
    what = "fit mlp_softmax for a minute, with checkpoints and display, against neither: a step"
    return [Result(what, "ms", ours, theirs, speed, "0.97 at least", speed.value >= 0.97)]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Over(Exception):
    """Nobody asks for a further slice."""


class _Turns:
    """The clock of a training, which stands still between two slices of it."""

    def __init__(self) -> None:
        self._paused = self._began = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self._paused

    def begin(self) -> None:
        """Wait until a slice is asked for. Raises _Over."""
        stopped = time.perf_counter()
        if not sys.stdin.readline():
            raise _Over
        self._paused += time.perf_counter() - stopped
        self._began = self()

    def end(self, steps: int) -> None:
        """Say how long each of its steps took."""
        print(json.dumps((self() - self._began) / steps), flush=True)


def _main(side: str, rows: int, slices: int) -> None:
    from dataclasses import replace

    from netspec.runtime import engine
    from netspec.runtime.model import build

    checked, part = fitting._prepared(_CASE, rows)
    epochs = slices * _EPOCHS
    checked = replace(checked, fit=checked.fit.model_copy(update={"epochs": epochs, "batch_size": _CASE.batch}))
    engine.keras()
    from netspec.runtime.run import cadence, calls, loop, progress
    from netspec.runtime.run import keeping as keepers
    from netspec.runtime.run.display import Display

    steps, turns = loop.steps(checked, part.rows), _Turns()

    class Bare(keepers.Keeper):
        def stepped(self, epoch: int, step: int) -> None:
            pass

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._progress.epoch_ends(epoch + 1, 0.0, {})

    class Sliced(progress.Passing):
        def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
            super().epoch_ends(number, seconds, logs)
            if number % _EPOCHS == 0 and number < epochs:
                turns.end(steps * _EPOCHS)
                turns.begin()

    at_once = calls.steps_at_once(checked, steps, ())
    loop.repeatable(1)
    model = build.build(checked, steps_per_execution=at_once)
    with contextlib.suppress(_Over):
        while True:
            with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
                turns.begin()
                inner = Display(epochs, steps, "loss", _Terminal()) if side == "kept" else progress.Silent()
                shown = Sliced(inner)
                made = keepers.Keeper if side == "kept" else Bare
                when = cadence.Cadence(cadence.SECONDS, None, turns)
                keeper = made(Path(folder), "loss", shown, steps=steps, cadence=when)
                loop.train(model, checked, part, None, seed=1, callbacks=(), keeper=keeper, progress=shown)
                shown.close()
                turns.end(steps * _EPOCHS)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
