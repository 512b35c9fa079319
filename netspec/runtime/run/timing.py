"""How long each epoch took and how fast it learned, in times.csv: beside the history, which is equal between runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.runtime.run import rates, runs
from netspec.runtime.run.progress import Passing, Progress


class Timed(Passing):
    """A way to show progress that also notes each epoch; nothing of training hangs on that."""

    def __init__(self, inner: Progress, run: Path, optimizer: Any) -> None:
        super().__init__(inner)
        self._path, self._optimizer = run / runs.TIMES, optimizer

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Noted; an epoch that is run once more after a kill has a second line, which counts."""
        found = rates.now(self._optimizer)
        row = ",".join("" if rate is None else repr(rate) for rate in found.values())
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(
                ("" if file.tell() else f"epoch,seconds,{','.join(found)}\n") + f"{number},{seconds:.6f},{row}\n"
            )
        super().epoch_ends(number, seconds, logs)
