"""Ctrl-C while TensorFlow works: it ends the work between two steps, where Python alone runs.

A KeyboardInterrupt that is raised wherever Python happens to be can come up inside a call that TensorFlow's C++ makes,
which then leaves memory in disorder: seen as `free(): invalid next size` and an aborted process.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_TELL_SECONDS, _WAIT_SECONDS = 1.0, 30.0

_asked: threading.Event | None = None  # set by Ctrl-C while a block is open, None outside of one


@contextlib.contextmanager
def between_steps() -> Iterator[None]:
    """In this block Ctrl-C raises KeyboardInterrupt at the next `check()`, when pressed again or after 30 s at once.

    Blocks may be nested. Outside the main thread, or where somebody else handles the signal, it changes nothing.
    """
    global _asked
    handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if _asked is not None or not handled or threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = _asked = threading.Event()
    over = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        threading.Thread(target=_impatient, args=(over,), daemon=True).start()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
        check()
    finally:
        over.set()
        _asked = None
        signal.signal(signal.SIGINT, signal.default_int_handler)


def check() -> None:
    """A place between two steps: raises KeyboardInterrupt if Ctrl-C was pressed since the block began."""
    if _asked is not None and _asked.is_set():
        raise KeyboardInterrupt


def _impatient(over: threading.Event) -> None:
    """A step may take long, and tracing the first one minutes: say so, and do not wait for ever."""
    if over.wait(_TELL_SECONDS):
        return
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write("\nstopping after this step; Ctrl-C again stops at once\n")
    if not over.wait(_WAIT_SECONDS - _TELL_SECONDS):
        _thread.interrupt_main()
