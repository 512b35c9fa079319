"""What checkpoints, history and the live display cost a training of a minute: with them, and with nothing at all.

`python benchmarks/keeping.py SIDE ROWS EPOCHS` is one side, a warm process.
"""

from __future__ import annotations

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
from measure import PYTHON, Result, Worker, in_turns, paired

_CASE = fitting.CASES["mlp_softmax, batches of 32"]
_EPOCHS = 260  # some seventy seconds


def keeping(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """The time of a step on a terminal against one where nobody looks and nothing is kept."""
    sides = {side: (PYTHON, __file__, side, str(rows), str(2 if rows else _EPOCHS)) for side in ("kept", "bare")}
    with Worker(sides["kept"], env) as kept, Worker(sides["bare"], env) as bare:
        taken = in_turns({"kept": kept, "bare": bare}, runs)
    speed = paired(taken["bare"], taken["kept"])
    ours, theirs = (1e3 * statistics.median(taken[side]) for side in ("kept", "bare"))
    what = "fit mlp_softmax for a minute, with checkpoints and display, against neither: a step"
    return [Result(what, "ms", ours, theirs, speed, "0.97 at least", speed.value >= 0.97)]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _main(side: str, rows: int, epochs: int) -> None:
    from dataclasses import replace

    from netspec.runtime import engine
    from netspec.runtime.model import build

    checked, part = fitting._prepared(_CASE, rows)
    checked = replace(checked, fit=checked.fit.model_copy(update={"epochs": epochs, "batch_size": _CASE.batch}))
    engine.keras()
    from netspec.runtime.run import calls, loop, progress, training
    from netspec.runtime.run import keeping as keepers
    from netspec.runtime.run.display import Display

    class Bare(keepers.Keeper):
        def stepped(self, epoch: int, step: int) -> None:
            pass

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            pass

    steps = loop.steps(checked, part.rows)
    at_once = calls.steps_at_once(checked, steps, ())
    loop.repeatable(1)
    model = build.build(checked, steps_per_execution=at_once)
    for _ in sys.stdin:
        with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
            shown = Display(epochs, steps, "loss", _Terminal()) if side == "kept" else progress.Silent()
            made = keepers.Keeper if side == "kept" else Bare
            keeper = made(Path(folder), "loss", shown, steps=steps, cadence=training.cadence(checked))
            began = time.perf_counter()
            loop.train(model, checked, part, None, seed=1, callbacks=(), keeper=keeper, progress=shown)
            shown.close()
            print(json.dumps((time.perf_counter() - began) / (steps * epochs)), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
