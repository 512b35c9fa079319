"""How training shows itself on stderr: a bar on a terminal, a line for each epoch in a pipe, nothing when quiet.

Nothing here asks for a number more often than it is shown.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """What the training loop tells, whoever listens."""

    def epoch_begins(self, number: int) -> None:
        """Epoch `number`, from 1, begins."""

    def stepped(self, done: int, loss: float) -> None:
        """So many steps of the epoch are done, and this is the running loss; some ten times a second."""

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """Epoch `number` is over."""

    def close(self) -> None:
        """Training is over, however it ended."""


class Silent:
    """Shows nothing."""

    def epoch_begins(self, number: int) -> None:
        """Nothing."""

    def stepped(self, done: int, loss: float) -> None:
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

    def stepped(self, done: int, loss: float) -> None:
        """Nothing yet."""

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """The epoch's line."""
        say(self._stream, line(number, self._epochs, seconds, logs))

    def close(self) -> None:
        """Nothing is left to undo."""


class Bar:
    """A bar for the epoch that runs, below a line for each epoch that is over."""

    def __init__(self, epochs: int, steps: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        self._epochs, self._steps, self._begun = epochs, steps, time.perf_counter()
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._rich = Rich(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TextColumn("{task.fields[loss]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._rich.start()
        self._task = self._rich.add_task("", total=steps, speed="", loss="")

    def epoch_begins(self, number: int) -> None:
        """A bar at 0."""
        self._begun = time.perf_counter()
        self._rich.reset(self._task, description=f"epoch {number}/{self._epochs}", speed="", loss="")
        self._rich.refresh()

    def stepped(self, done: int, loss: float) -> None:
        """Moves the bar."""
        speed = done / max(time.perf_counter() - self._begun, 1e-9)
        self._rich.update(
            self._task, completed=done, speed=f"{speed:.3g} steps/s", loss=f"loss {loss:.4f}", refresh=True
        )

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """The epoch's line, above the bar."""
        self._console.print(line(number, self._epochs, seconds, logs))

    def close(self) -> None:
        """Takes the bar away."""
        self._rich.stop()


def progress(epochs: int, steps: int, *, quiet: bool, stream: TextIO | None = None) -> Progress:
    """The way to show progress that fits `stream`, stderr if left out."""
    stream = stream or sys.stderr
    if quiet or stream is None:
        return Silent()
    return Bar(epochs, steps, stream) if stream.isatty() else Lines(epochs, stream)


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


def line(number: int, epochs: int, seconds: float, logs: Mapping[str, Any]) -> str:
    """What is said of an epoch.

    >>> line(1, 5, 2.04, {"loss": 0.51234, "val_loss": 0.4})
    'epoch 1/5  2.0 s  loss 0.5123  val_loss 0.4000'
    """
    order = sorted(logs, key=lambda name: name.removeprefix("val_") != "loss")
    numbers = (f"{name} {_short(logs[name])}" for name in order)
    return "  ".join((f"epoch {number}/{epochs}", f"{seconds:.1f} s", *numbers))


def _short(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"


def say(stream: TextIO, text: str) -> None:
    """A line for whoever listens; training goes on if nobody does."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except (OSError, ValueError):
        pass


class Pace:
    """Lets a call through at most ten times a second.

    >>> clock = iter([0.0, 0.05, 0.2]).__next__
    >>> pace = Pace(clock)
    >>> pace(), pace(), pace()
    (True, False, True)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._next = clock, float("-inf")

    def __call__(self) -> bool:
        """Whether a tenth of a second has gone by since the last True."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + 0.1
        return True
