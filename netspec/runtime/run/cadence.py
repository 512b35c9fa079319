"""When a checkpoint is due: by the clock or by steps, and never so often that writing them is what takes the time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

SECONDS = 60.0
_FIRST = 1.0  # seconds until the first one
_SHARE = 0.02  # of the time may go into checkpoints that nobody has asked for by steps
_RATE = 2e8  # bytes of a model's numbers that are written in a second, weights and all, as long as none were


class Cadence:
    """Says when the next checkpoint is due.

    Args:
        seconds: how long after the last one; None: the clock does not matter. In the beginning sooner: after a second,
            and then after as long as training has taken so far, so that a young run loses half of itself at most.
        steps: after so many steps, whatever they cost; with `seconds` too, whichever comes first.

    >>> clock = iter([0.0, 0.9, 1.0, 1.0, 1.2, 2.1, 11.2]).__next__
    >>> cadence = Cadence(60.0, None, clock)  # at 0 s
    >>> cadence.due(1), cadence.due(2)  # at 0.9 and 1 s
    (False, True)
    >>> with cadence.writing(2):  # takes 0.2 s, which is 2 % of 10 s
    ...     pass
    >>> cadence.due(3), cadence.due(4)  # 0.9 and 10 s later
    (False, True)
    >>> clock = iter([0.0, 1.0, 9.9, 10.0]).__next__
    >>> cadence = Cadence(60.0, None, clock)
    >>> cadence.expect(40_000_000)  # which may take 0.2 s
    >>> cadence.due(1), cadence.due(2), cadence.due(3)  # at 1, 9.9 and 10 s
    (False, False, True)
    """

    def __init__(
        self, seconds: float | None, steps: int | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._seconds, self._steps, self._clock = seconds, steps, clock
        self._began = self._written = clock()
        self._written_step, self._cost = 0, 0.0

    def expect(self, size: int) -> None:
        """The first one is of so many bytes, and waits for what that may cost, a minute at most."""
        if not self._written_step:
            self._cost = min(size / _RATE, _SHARE * (self._seconds or 0.0))

    def due(self, step: int, *, at_once: bool = False) -> bool:
        """Whether one is due after `step` steps of the training; `at_once`: whatever the clock says."""
        if self._steps is not None and step - self._written_step >= self._steps:
            return True
        if self._seconds is None:
            return False
        young = max(_FIRST, self._written - self._began)
        wait = 0.0 if at_once else min(self._seconds, young)
        return self._clock() - self._written >= max(wait, self._cost / _SHARE)

    @contextlib.contextmanager
    def writing(self, step: int) -> Iterator[None]:
        """Measures what one takes; the time until the next begins at its end."""
        began = self._clock()
        yield
        self._written, self._written_step = self._clock(), step
        self._cost = self._written - began
