"""Room for arrays: refused with a sentence before they are made, not by the system when it has none left."""

from __future__ import annotations

import math

from netspec.catalog.types import show_bytes
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import free_memory


def check_room(shape: tuple[int, ...], size: int, what: str) -> None:
    """Refuse an array of `shape` with numbers of `size` bytes that does not fit into the free memory.

    Raises:
        DataError: NS601, with what the array takes and what is free.
    """
    needed, free = math.prod(shape) * size, free_memory()
    if free is not None and needed > free:
        raise DataError("NS601", f"{what} would take {show_bytes(needed)}, and {show_bytes(free)} of memory is free")
