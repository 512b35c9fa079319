"""Importing Keras: quietly, on TensorFlow, with the settings that a spec counts on, or saying what to install."""

from __future__ import annotations

import contextvars
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, TypeVar

from netspec.catalog.installed import other
from netspec.errors import NetspecError

_T = TypeVar("_T")
_INSTALL = "python -m pip install 'netspec[tensorflow]'"
_DEEP = 200  # Keras recurses once for each node of a graph; beyond this many, build in a thread with a large stack
_STACK = 512 * 1024 * 1024
_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} [\d:]+\.\d+ +\d+ |\d{4}-\d\d-\d\d [\d:.]+: [IW] "
)
_NOTHING = re.compile(rb"(?!)")
_told = False  # that another Keras is installed than the catalogue's


class MissingEngine(NetspecError):
    """TensorFlow, Keras or another package of the `tensorflow` extra cannot be imported."""


def require(names: Sequence[str] | None = None) -> None:
    """Look for these packages, those that training imports if left out, without importing them.

    Raises:
        MissingEngine: a package is missing; the message says which command installs it.
    """
    for name in names or ("numpy", "pyarrow", "h5py", "rich", "sklearn", "keras", "tensorflow"):
        if name not in sys.modules and find_spec(name) is None:
            raise _missing(name)


def _missing(name: str) -> MissingEngine:
    return MissingEngine(f"this needs `{name}`, which cannot be imported", help=f"install it with: {_INSTALL}")


def keras() -> Any:
    """The keras module on TensorFlow, channels last and float32, whatever the user's own configuration says.

    Raises:
        MissingEngine: a package is missing or broken; the message says which command installs it.
    """
    _set_up()
    try:
        with _hushed():
            import keras as module
            import tensorflow as tf

            tf.config.list_logical_devices()  # where TensorFlow says what it found, for the first time
    except ImportError as error:
        raise _missing(error.name or str(error)) from error
    if module.backend.backend() != "tensorflow":
        raise MissingEngine(
            f"keras is loaded on `{module.backend.backend()}`, and netspec trains on TensorFlow",
            help="unset KERAS_BACKEND",
        )
    _tell_other(module.__version__)
    tf.get_logger().setLevel("ERROR")
    module.config.set_image_data_format("channels_last")
    module.config.set_floatx("float32")
    return module


def _set_up() -> None:
    """What Keras and TensorFlow read when they are imported."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextmanager
def imported_by_others() -> Iterator[None]:
    """A block that imports a user's module, which may import Keras or not: with our settings, and as quietly."""
    _set_up()
    with _hushed(_NOISE):
        yield


def _tell_other(version: str) -> None:
    """Says once on stderr, as NS604, that the Keras here is not the one that specs are checked against."""
    global _told
    said = None if _told else other(version)
    _told = True
    if said is not None and sys.stderr is not None:
        with suppress(OSError):  # nobody listens
            sys.stderr.write(f"warning[NS604]: {said}\n  = help: install the one that is known with: {_INSTALL}\n")


@contextmanager
def _hushed(noise: re.Pattern[bytes] | None = None) -> Iterator[None]:
    """Holds back what TensorFlow's C++ part writes to stderr as it loads; shows it if loading fails.

    `noise`: the lines that are left out, where somebody else may write some too; all if left out.
    """
    if "tensorflow" in sys.modules or sys.stderr is None:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            noise = _NOTHING
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if noise is not None:
                held.seek(0)
                os.write(2, b"".join(line for line in held if not noise.match(line)))


def with_deep_stack(work: Callable[[], _T], nodes: int) -> _T:
    """`work()`, in a thread with room for Keras's recursion where a graph has many nodes."""
    if nodes < _DEEP:
        return work()
    result: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # handed on to the caller's thread
            failed.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(max(limit, 40 * nodes + 10_000))
    try:
        here = contextvars.copy_context()  # as what is trusted
        thread = threading.Thread(target=lambda: here.run(run), name="netspec-build")
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failed:
        raise failed[0]
    return result[0]
