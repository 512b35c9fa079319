"""How training looks on a terminal: a line for each epoch that is over, and below them what is going on now.

It is drawn five times a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from netspec.runtime.run.telling import Pace, line, short

if TYPE_CHECKING:
    from rich.console import RenderableType

_SECONDS = 0.2  # between two drawings, each of which takes some milliseconds


class Display:
    """A bar for the epoch, time and speed, and a table of losses and metrics: now, in validation, at their best.

    Args:
        epochs: how many there will be.
        steps: of an epoch.
        monitor: which of the logs says how good an epoch was; less is better.
        stream: the terminal.
        groups: logged names with their output and the rest of their name, where there are several outputs.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        monitor: str,
        stream: TextIO,
        groups: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    ) -> None:
        self._groups, self._places = groups, {name: at for at, name in enumerate(groups)}
        self._epochs, self._steps, self._monitor = epochs, steps, monitor
        self._began = self._begun = time.perf_counter()
        self._number = self._done = self._base = 0
        self._now: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._best: tuple[float, int] | None = None
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), auto_refresh=False
        )
        self._task = self._bar.add_task("", total=steps)
        self._live = Live(
            self,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._pace = Pace(seconds=_SECONDS)
        self._lines: list[str] = []  # of epochs that are over, not printed yet
        self._live.start()

    def epoch_begins(self, number: int) -> None:
        """A bar at 0."""
        self._number = number
        self._begun, self._done, self._base, self._now = time.perf_counter(), 0, -1, {}
        self._bar.reset(self._task, description=f"epoch {number}/{self._epochs}")
        self._show()

    def stepped(self, done: int, logs: Mapping[str, Any]) -> None:
        """Moves the bar, and shows the running averages."""
        if self._base < 0:  # where the epoch began for us: behind the steps that a checkpoint had
            self._base, self._begun = done, time.perf_counter()
        self._done = done
        self._now = {name: float(value) for name, value in logs.items() if _single(value)}
        self._bar.update(self._task, completed=done)
        self._show()

    def epoch_ends(self, number: int, seconds: float, logs: Mapping[str, Any]) -> None:
        """The epoch's line, above the bar: at once, or with those of other short epochs."""
        self._last = dict(logs)
        watched = logs.get(self._monitor)
        if isinstance(watched, float) and (self._best is None or watched < self._best[0]):
            self._best = watched, number
        self._lines.append(line(number, self._epochs, seconds, logs))
        self._show()

    def close(self) -> None:
        """Takes the bar away."""
        self._show(now=True)
        self._live.stop()

    def _show(self, *, now: bool = False) -> None:
        """Draws everything, which takes some milliseconds, and so not for each of many short epochs."""
        if not (now or self._pace()):
            return
        if not self._lines:
            self._live.refresh()
            return
        lines, self._lines = self._lines, []
        self._console.print("\n".join(lines))  # which draws all below anew

    def __rich__(self) -> RenderableType:
        """What is going on at the moment when it is drawn."""
        return Group(self._bar, self._facts(), *self._metrics())

    def _facts(self) -> RenderableType:
        now = time.perf_counter()
        parts = []
        steps = self._done - max(self._base, 0)
        if steps > 0:
            speed = steps / max(now - self._begun, 1e-9)
            left = ((self._epochs - self._number) * self._steps + self._steps - self._done) / speed
            parts += [f"{speed:,.0f} steps/s" if speed >= 100 else f"{speed:.3g} steps/s", f"{clock(left)} left"]
        parts.append(f"{clock(now - self._began)} so far")
        if self._best is not None:
            parts.append(f"best {self._monitor} {short(self._best[0])} in epoch {self._best[1]}")
        memory = resident()
        if memory is not None:
            parts.append(f"{memory / 1e6:,.0f} MB")
        return Text("  ".join(parts), no_wrap=True, overflow="ellipsis")

    def _metrics(self) -> list[RenderableType]:
        names = [name for name in {**self._now, **self._last} if not name.startswith(("val_", "learning_rate"))]
        names = sorted(names, key=lambda name: (name != "loss", self._places.get(name, len(self._places))))
        names = names[: max(1, self._console.height - 6)]
        if not names:
            return []
        validated = any(name.startswith("val_") for name in self._last)
        table = Table.grid(padding=(0, 2))
        heads = ("now", "last epoch", *(("validation",) if validated else ()))
        table.add_row(*[""] * (2 if self._groups else 1), *(Text(head, style="dim") for head in heads))
        above = ""
        for name in names:
            output, what = self._groups.get(name, ("", name))
            first = [Text("" if output == above else output)] if self._groups else []  # each output's name once
            above = output
            cells = [self._now.get(name), self._last.get(name)]
            cells += [self._last.get(f"val_{name}")] if validated else []
            table.add_row(*first, Text(what), *(Text("" if cell is None else short(cell)) for cell in cells))
        return [table]


def _single(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 0


def clock(seconds: float) -> str:
    """A duration as a clock shows it.

    >>> clock(9.4), clock(75), clock(7301)
    ('0:09', '1:15', '2:01:41')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def resident() -> int | None:
    """Bytes of memory that this process holds; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return None
