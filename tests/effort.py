"""Effort without a clock: the lines of Python that a call runs and the bytes it holds; and an end to patience."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# No measure of speed: what grows with the square of a size, or unpacks a bomb, takes minutes on the fastest machine.
PATIENCE = 60


def lines(call: Callable[[], Any]) -> int:
    """How many lines of Python `call` runs, each turn of a loop and each call counted."""
    count = 0

    def trace(_frame: FrameType, _event: str, _arg: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def peak(call: Callable[[], Any]) -> int:
    """Bytes that `call` holds at its peak, as far as Python allots them."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@contextmanager
def patience() -> Iterator[None]:
    """Fail where the block takes more than `PATIENCE` seconds of the processor."""
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert spent < PATIENCE, f"{spent:.0f} s of the processor"
