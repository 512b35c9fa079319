"""How long each epoch took and how fast it learned, in times.csv: beside the history, which is equal between runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.runtime.run import rates, runs
from netspec.runtime.run.progress import Progress


class Timed:
    """A way to show progress that also notes each epoch; nothing of training hangs on that."""

    def __init__(self, inner: Progress, run: Path, optimizer: Any) -> None:
        self._inner, self._path, self._optimizer = inner, run / runs.TIMES, optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def epoch_begins(self, number: int) -> None:
        """Passed on."""
        self._inner.epoch_begins(number)

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """Passed on."""
        self._inner.stepped(done, logs)

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Noted; an epoch that is run once more after a kill has a second line, which counts."""
        found = rates.now(self._optimizer)
        row = ",".join("" if rate is None else repr(rate) for rate in found.values())
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(
                ("" if file.tell() else f"epoch,seconds,{','.join(found)}\n") + f"{number},{seconds:.6f},{row}\n"
            )
        self._inner.epoch_ends(number, seconds, logs)

    def close(self) -> None:
        """Passed on."""
        self._inner.close()
