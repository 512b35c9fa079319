"""Files that grow or are made while a model trains: a full disk takes neither the process nor what was there before.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from keras.src.saving import saving_lib  # the public way takes no file in memory

from netspec.runtime.run import runs

_MEMORY = 1 << 30  # weights of more bytes are written to the disk at once


def weights(model: Any, path: Path, size: int) -> None:
    """`Model.save_weights` of a model whose numbers take `size` bytes, whole or not at all.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    _check_room(path, size)
    if size > _MEMORY:
        with runs.whole(path, suffix=".weights.h5") as temporary:
            model.save_weights(temporary)
        return
    # HDF5 takes the process down when the disk fills up under it, so it writes to memory and we to the disk.
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    saving_lib._save_state(model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set())
    store.close()
    with runs.whole(path) as temporary, temporary.open("wb") as file:
        file.write(content.getbuffer())


def model(save: Callable[[Path], None], path: Path, size: int) -> None:
    """A whole model of `size` bytes by `save`, which Keras writes by way of memory where there is enough.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    _check_room(path, size)
    with runs.whole(path, suffix=".keras") as temporary:
        save(temporary)


def append(path: Path, content: bytes) -> None:
    """More at the end of a file; the disk gets it when it likes.

    Raises:
        OSError: it cannot be written, and the file is as it was.
    """
    before = 0
    try:
        with path.open("ab") as file:
            before = file.tell()
            file.write(content)
    except OSError as error:
        error.filename = str(path)
        with suppress(OSError):
            os.truncate(path, before)  # half a row is none
        raise


def _check_room(path: Path, size: int) -> None:
    if size > shutil.disk_usage(path.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
