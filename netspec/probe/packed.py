"""Packed files that are cut off, as far as that can be seen without unpacking much."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from netspec.probe.tables import ProbeError, opened, unpacked

_MOST = {".gz": 1 << 25, ".bz2": 1 << 23}  # bytes that are unpacked, a tenth of a second of work or two
_FRAME, _SKIPPABLE = 0xFD2FB528, 0x184D2A50  # how frames of Zstandard begin
_BLOCKS = 20_000


def check(name: str, folder: Path) -> None:
    """Refuse a packed file that ends too early, or is none. Raises ProbeError, or EOFError as unpacking does."""
    suffix = Path(name).suffix.lower()
    if suffix == ".zst":
        with opened(name, folder) as file:
            _walk(file, name)
    elif suffix in _MOST:
        with unpacked(name, folder) as inside:
            left = _MOST[suffix]
            try:
                while left > 0 and (read := len(inside.read(1 << 20))):
                    left -= read
            except EOFError:
                raise
            except Exception:  # what else is wrong is said where it is read
                return


def _walk(file: BinaryIO, name: str) -> None:
    """From block to block by their heads, which say how long they are. Source: RFC 8878, section 3.1."""
    size, at, blocks = os.fstat(file.fileno()).st_size, 0, 0
    while at < size:
        file.seek(at)
        head = file.read(8)
        magic = int.from_bytes(head[:4], "little")
        if magic & ~0xF == _SKIPPABLE:
            at += 8 + int.from_bytes(head[4:], "little")
            continue
        if magic != _FRAME:
            raise ProbeError(f"`{name}` cannot be unpacked: it is no Zstandard file, or it is damaged")
        flags = head[4] if len(head) > 4 else 0
        single = flags >> 5 & 1
        at += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
        last = False
        while not last and at < size:
            blocks += 1
            if blocks > _BLOCKS:
                return
            file.seek(at)
            block = int.from_bytes(file.read(3), "little")
            last = bool(block & 1)
            at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        at += 4 * (flags >> 2 & 1)
        if not last:
            break
    else:
        if at == size:
            return
    raise ProbeError(f"`{name}` cannot be unpacked: it is cut off")
