"""NPY and NPZ files as sheets: shapes and dtypes from the headers, the first rows as plain numbers or texts.

No numpy, and never a pickle: what is no array of numbers or text is a ProbeError, as it is to fit.
"""

from __future__ import annotations

import array
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec.catalog.values import describe
from netspec.language.schema import Source
from netspec.probe.sheet import MOST_ROWS, TEXT, Block, Column, Sheet
from netspec.probe.tables import ProbeError, opened

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 10_000  # characters, numpy's own limit
_MOST_NUMBERS = 1 << 20  # of a column: larger rows, such as images, are looked at in part
_MOST_BYTES = 1 << 23
_HALF = "f2"
_CODES = {"b1": "b", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
          "f4": "f", "f8": "d"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What an NPY file says of itself: numpy's letter for the kind, its bytes for one item, the shape."""

    kind: str
    size: int
    swapped: bool
    fortran: bool
    shape: tuple[int, ...]


def sheet(source: Source, folder: Path, wanted: Sequence[str]) -> Sheet:
    """The sheet of an NPZ archive or of NPY files; raises ProbeError for a column of `wanted` that fit refuses.

    None of `wanted` is missing from the source.
    """
    heads: dict[str, tuple[Head, Callable[[int], bytes]]] = {}
    npz = source.npz
    for name in wanted:
        file = npz if npz is not None else (source.npy or {})[name]
        where = f"`{file}`" if npz is None else f"`{file}`, column `{name}`"
        heads[name] = _member(file, name, folder, where) if npz is not None else _array(file, folder, where)
    files = [npz] if npz is not None else [(source.npy or {})[name] for name in wanted]
    origin = ", ".join(f"`{file}`" for file in files)
    lengths = {name: head.shape[0] for name, (head, _) in heads.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise ProbeError(f"the columns of {origin} differ in length: {shown}")
    length = next(iter(lengths.values()), None)
    if length == 0:
        raise ProbeError(f"{origin} has no rows", "NS704")

    def read(sheet: Sheet, names: Sequence[str]) -> Iterator[Block]:
        chosen = {name: heads[name] for name in names if name in heads and _readable(heads[name][0])}
        rows = min(length or 0, MOST_ROWS)
        for head, _ in chosen.values():
            rows = min(rows, _MOST_NUMBERS // _width(head), _MOST_BYTES // (_width(head) * head.size or 1))
        sheet.seen, sheet.whole = rows, rows == length
        if rows:
            cells = {name: _values(head, take, rows, origin) for name, (head, take) in chosen.items()}
            yield Block(0, rows, cells)

    kinds = {name: TEXT if head.kind in "US" else head.kind for name, (head, _) in heads.items()}
    known = {name: Column(kind, heads[name][0].shape[1:]) for name, kind in kinds.items()}
    return Sheet(origin, known, read, length)


def _width(head: Head) -> int:
    """How many numbers a row has; at least one, so that it can divide."""
    width = 1
    for size in head.shape[1:]:
        width *= size
    return max(width, 1)


def _readable(head: Head) -> bool:
    known = head.kind in "US" or f"{head.kind}{head.size}" in (_HALF, *_CODES)
    small = head.shape[0] <= MOST_ROWS and head.shape[0] * _width(head) <= _MOST_NUMBERS
    return known and (small or not _by_columns(head))


def _by_columns(head: Head) -> bool:
    """Whether the numbers of a row do not lie side by side, so that all must be read for one."""
    return head.fortran and len(head.shape) > 1


def _array(file: str, folder: Path, where: str) -> tuple[Head, Callable[[int], bytes]]:
    with opened(file, folder) as raw:
        head = _head(raw, where)
        at = raw.tell()
        if os.fstat(raw.fileno()).st_size - at < _bytes(head):
            raise ProbeError(f"`{file}` is damaged: it is cut off")

    def take(count: int) -> bytes:
        with opened(file, folder) as raw:
            raw.seek(at)
            return raw.read(count)

    return head, take


def _member(file: str, name: str, folder: Path, where: str) -> tuple[Head, Callable[[int], bytes]]:
    import zipfile
    import zlib

    def opening(skip: int, count: int) -> tuple[Head | None, bytes]:
        try:
            with opened(file, folder) as raw, zipfile.ZipFile(raw) as archive:
                names = archive.namelist()
                info = archive.getinfo(f"{name}.npy" if f"{name}.npy" in names else name)
                with archive.open(info) as member:
                    if skip:
                        member.read(skip)
                        return None, member.read(count)
                    head = _head(member, where)
                    skipped.append(member.tell())
                    if info.file_size - skipped[0] < _bytes(head):
                        raise ProbeError(f"{where} is damaged: it is cut off")
                    return head, b""
        except (
            zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, RuntimeError, NotImplementedError
        ) as error:  # fmt: skip
            raise ProbeError(f"{where} is damaged: {str(error)[:200] or type(error).__name__}") from None

    skipped: list[int] = []
    head, _ = opening(0, 0)
    assert head is not None
    return head, lambda count: opening(skipped[0], count)[1]


def _head(file: Any, where: str) -> Head:
    """The header of an NPY file at its start; leaves the file at the first number."""
    import ast

    magic = file.read(8)
    if len(magic) < 8 or magic[:6] != _MAGIC or magic[6] not in (1, 2, 3):
        if magic[:1] == b"\x80":
            raise _pickled(where)
        raise ProbeError(f"{where} is not an NPY array, or it is cut off")
    count = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
    if count > _MOST_HEADER:
        raise ProbeError(f"{where} is damaged: its header has {count:,} characters")
    text = file.read(count)
    try:
        said = ast.literal_eval(text.decode("utf-8" if magic[6] == 3 else "latin-1"))
        descr, shape, fortran = said["descr"], said["shape"], said["fortran_order"]
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError, UnicodeDecodeError):
        raise ProbeError(f"{where} is damaged: its header cannot be read") from None
    if len(text) < count:
        raise ProbeError(f"{where} is damaged: it is cut off")
    order, kind, digits = (descr[:1], descr[1:2], descr[2:]) if isinstance(descr, str) else ("", "V", "")
    if kind == "O" or (not isinstance(descr, str) and "O" in str(descr)):
        raise _pickled(where)
    if kind not in tuple("biufUS") or not digits.isdecimal() or not digits.isascii() or len(digits) > 9:
        raise ProbeError(f"{where}: expected numbers or text, got an array of `{describe(descr)}`")
    if not shape:
        raise ProbeError(f"{where}: expected rows, got a single value")
    if kind in "US" and len(shape) != 1:
        raise ProbeError(f"{where}: text has one cell a row, got shape {shape}")
    size = int(digits) * (4 if kind == "U" else 1)
    return Head(kind, size, order == (">" if sys.byteorder == "little" else "<"), bool(fortran), shape)


def _pickled(where: str) -> ProbeError:
    return ProbeError(
        f"{where} holds pickled Python objects, which are not read because reading them runs code",
        help="save plain arrays of numbers or text",
    )


def _bytes(head: Head) -> int:
    count = head.size
    for size in head.shape:
        count *= size
    return count


def _values(head: Head, take: Callable[[int], bytes], rows: int, origin: str) -> Sequence[Any]:
    """The numbers or texts of the first rows."""
    width = 1
    for size in head.shape[1:]:
        width *= size
    if _by_columns(head):
        count = head.shape[0]
        every = _values(replace(head, fortran=False), take, count, origin)
        return [value for row in range(rows) for value in every[row::count]]
    data = take(rows * width * head.size)
    if f"{head.kind}{head.size}" == _HALF:
        import struct

        little = head.swapped == (sys.byteorder == "big")
        return struct.unpack(f"{'<' if little else '>'}{len(data) // 2}e", data[: len(data) // 2 * 2])
    if head.kind not in "US":
        numbers = array.array(_CODES[f"{head.kind}{head.size}"])
        numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
        if head.swapped:
            numbers.byteswap()
        return numbers
    if not head.size:
        return [""] * rows
    cells = (data[at : at + head.size] for at in range(0, len(data), head.size))
    if head.kind == "S":
        try:
            return [cell.rstrip(b"\0").decode("utf-8") for cell in cells]
        except UnicodeDecodeError:
            raise ProbeError(f"{origin} holds text that is not UTF-8") from None
    order = "big" if head.swapped == (sys.byteorder == "little") else "little"
    return [cell.decode("utf-32-be" if order == "big" else "utf-32-le", "replace").rstrip("\0") for cell in cells]
