"""How training shows itself: live on a terminal, a line for each epoch in a pipe, events for a listener, or nothing.

Nothing here asks for a number more often than it is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TextIO

from netspec.runtime.run.telling import Pace, line, say

Heard = Callable[[Mapping[str, Any]], None]  # is told what happens


class Progress(Protocol):
    """What the training loop tells, whoever listens."""

    def epoch_begins(self, number: int) -> None:
        """Epoch `number`, from 1, begins."""

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """So many steps of the epoch are done, and these are the running averages, tensors; some ten times a second."""

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Epoch `number` is over."""

    def close(self) -> None:
        """Training is over, however it ended."""


class Passing:
    """Passes all on to `inner`; what adds something of its own derives from it."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def epoch_begins(self, number: int) -> None:
        """Passed on."""
        self._inner.epoch_begins(number)

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """Passed on."""
        self._inner.stepped(done, logs)

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Passed on."""
        self._inner.epoch_ends(number, seconds, logs)

    def close(self) -> None:
        """Passed on."""
        self._inner.close()


class Silent:
    """Shows nothing."""

    def epoch_begins(self, number: int) -> None:
        """Nothing."""

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """Nothing."""

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """One line for each epoch."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self._epochs, self._stream = epochs, stream

    def epoch_begins(self, number: int) -> None:
        """Nothing yet."""

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """Nothing yet."""

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """The epoch's line."""
        say(self._stream, line(number, self._epochs, seconds, logs))

    def close(self) -> None:
        """Nothing is left to undo."""


class Events:
    """A mapping for each thing that happens: `begin`, `step` (once a second at most), `epoch`."""

    def __init__(self, epochs: int, steps: int, run: Path, heard: Heard) -> None:
        self._steps, self._heard, self._number, self._pace = steps, heard, 0, Pace(seconds=1.0)
        self._pace()  # the next a second later
        heard({"event": "begin", "run": str(run), "epochs": epochs, "steps": steps})

    def epoch_begins(self, number: int) -> None:
        """Notes the number."""
        self._number = number

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """The loss on the way."""
        if self._pace():
            loss = float(logs["loss"])
            self._heard({"event": "step", "epoch": self._number, "step": done, "steps": self._steps, "loss": loss})

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """All that was logged."""
        self._heard({"event": "epoch", "epoch": number, "seconds": round(seconds, 3), **logs})

    def close(self) -> None:
        """Nothing is left to undo."""


def progress(
    epochs: int,
    steps: int,
    monitor: str,
    run: Path,
    *,
    quiet: bool,
    heard: Heard | None = None,
    stream: TextIO | None = None,
    groups: Mapping[str, tuple[str, str]] | None = None,
) -> Progress:
    """The way to show progress that fits: to who listens, else on `stream`, which is stderr if left out.

    `groups` are logged names with their output and the rest of their name, where there are several outputs.
    """
    if heard is not None:
        return Events(epochs, steps, run, heard)
    stream = stream or sys.stderr
    if quiet or stream is None:
        return Silent()
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        from netspec.runtime.run.display import Display

        return Display(epochs, steps, monitor, stream, groups or {})
    return Lines(epochs, stream)


@contextlib.contextmanager
def counting(
    what: str, total: int, *, quiet: bool = False, stream: TextIO | None = None
) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how many of `total` rows are done; nothing in a pipe.

    What it gives is to be called with the number of further rows that are done.
    """
    stream = stream or sys.stderr
    if quiet or stream is None or not stream.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Rich

    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
    columns = (TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Rich(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as shown:
        task = shown.add_task("", total=total)
        yield lambda rows: shown.advance(task, rows)
