"""How what happens is put into words, and how often it is worth saying."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO


def line(number: int, epochs: int, seconds: float, logs: Mapping[str, Any]) -> str:
    """What is said of an epoch.

    >>> line(1, 5, 2.04, {"loss": 0.51234, "val_loss": 0.4})
    'epoch 1/5  2.0 s  loss 0.5123  val_loss 0.4000'
    """
    order = sorted(logs, key=lambda name: name.removeprefix("val_") != "loss")
    numbers = (f"{name} {short(logs[name])}" for name in order)
    return "  ".join((f"epoch {number}/{epochs}", f"{seconds:.1f} s", *numbers))


def short(value: Any) -> str:
    """A logged value in a few characters."""
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
    """Lets a call through at most ten times a second, or once in `seconds`.

    >>> clock = iter([0.0, 0.05, 0.2]).__next__
    >>> pace = Pace(clock)
    >>> pace(), pace(), pace()
    (True, False, True)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, seconds: float = 0.1) -> None:
        self._clock, self._seconds, self._next = clock, seconds, float("-inf")

    def __call__(self) -> bool:
        """Whether that time has gone by since the last True."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
