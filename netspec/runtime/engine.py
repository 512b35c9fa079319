"""Importing Keras: quietly, on TensorFlow, with the settings that a spec counts on, or a message that says what to install."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from netspec.errors import NetspecError

_T = TypeVar("_T")
_INSTALL = "python -m pip install 'netspec[tensorflow]'"
_DEEP = 200  # Keras recurses once for each node of a graph; beyond this many, build in a thread with a large stack
_STACK = 512 * 1024 * 1024


class MissingEngine(NetspecError):
    """TensorFlow, Keras or another package of the `tensorflow` extra cannot be imported."""


def keras() -> Any:
    """The keras module on TensorFlow, channels last and float32, whatever the user's own configuration says.

    Raises:
        MissingEngine: a package is missing or broken; the message says which command installs it.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        import keras as module
        import tensorflow as tf
    except ImportError as error:
        missing = error.name or str(error)
        raise MissingEngine(f"this needs `{missing}`, which cannot be imported", help=f"install it with: {_INSTALL}") from error
    if module.backend.backend() != "tensorflow":
        raise MissingEngine(
            f"keras is loaded on `{module.backend.backend()}`, and netspec trains on TensorFlow", help="unset KERAS_BACKEND"
        )
    tf.get_logger().setLevel("ERROR")
    module.config.set_image_data_format("channels_last")
    module.config.set_floatx("float32")
    return module


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
        thread = threading.Thread(target=run, name="netspec-build")
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failed:
        raise failed[0]
    return result[0]
