"""NPZ and NPY files: whole where they are small, else block by block, stored or packed alike. No pickle is opened."""

from __future__ import annotations

import contextlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File
from netspec.runtime.data.tables import Column, Table

_BLOCK = 1 << 23  # bytes of a block of rows
Parts = Mapping[str, tuple[File, str | None]]  # column -> its file, and the member where that is an archive


@dataclass(frozen=True)
class Head:
    """What an array's header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_row: bool  # in C order, so that its rows lie one behind the other

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def members(file: File) -> list[str]:
    """The names of an archive's arrays."""
    with _broken(file.name), file.path.open("rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError("NS705", f"`{file.name}` holds one array; expected an NPZ archive of several", "use `npy`")
        return list(archive.files)


def heads(parts: Parts) -> dict[str, Head]:
    """What the headers of columns say: one length for all, and at least one row."""
    found = {}
    for name, (file, member) in parts.items():
        with _broken(file.name), _stream(file, member) as stream:
            found[name] = _head(stream, file.name, name if member is not None else None)
    return found


def read(parts: Parts, origin: str) -> Table:
    """Every column as a whole."""
    arrays = {}
    for name, (file, member) in parts.items():
        with _broken(file.name), file.path.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
            if isinstance(array, np.lib.npyio.NpzFile) is (member is None):
                what, cure = ("an archive; expected one array", "npz") if member is None else ("one array", "npy")
                raise DataError("NS705", f"`{file.name}` is {what}", f"use `{cure}`")
            found = array if member is None else array[member]
        arrays[name] = _checked(found, file.name, name if member is not None else None)
    return _table(arrays, origin, _folders(parts))


def blocks(parts: Parts, found: Mapping[str, Head], origin: str) -> Iterator[Table]:
    """The rows some megabytes at a time, from arrays in C order."""
    rows = next(iter(found.values())).shape[0]
    width = max(1, sum(head.bytes for head in found.values()) // rows)
    step = max(1, _BLOCK // width)
    with contextlib.ExitStack() as held:
        streams = {}
        for name, (file, member) in parts.items():
            with _broken(file.name):
                streams[name] = held.enter_context(_stream(file, member))
                _head(streams[name], file.name, name)
        for start in range(0, rows, step):
            count = min(step, rows - start)
            cells = {name: _next(streams[name], found[name], count, parts[name][0].name) for name in parts}
            made = {name: _strings(array, origin, name) for name, array in cells.items()}
            yield Table(made, count, origin, first=start + 1, folders=_folders(parts))


def _next(stream: IO[bytes], head: Head, rows: int, name: str) -> np.ndarray:
    wanted = rows * (head.bytes // head.shape[0])
    with _broken(name):
        data = stream.read(wanted)
        if len(data) != wanted:
            raise ValueError("it ends before its last row")
    return np.frombuffer(data, head.dtype).reshape(rows, *head.shape[1:])


@contextlib.contextmanager
def _stream(file: File, member: str | None) -> Iterator[IO[bytes]]:
    if member is None:
        with file.path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(file.path) as archive:
        names = archive.namelist()
        with archive.open(f"{member}.npy" if f"{member}.npy" in names else member) as stream:
            yield stream


def _head(stream: IO[bytes], name: str, column: str | None) -> Head:
    where = f"`{name}`" if column is None else f"`{name}`, column `{column}`"
    try:
        version = np.lib.format.read_magic(stream)
    except ValueError:
        raise DataError("NS705", f"{where} is not an NPY array") from None
    read_head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_head(stream)
    _check_kind(dtype, len(shape), where)
    return Head(shape, dtype, not fortran or len(shape) < 2)


@contextlib.contextmanager
def _broken(name: str) -> Iterator[None]:
    """What numpy raises for a damaged or pickled file, as one message."""
    try:
        yield
    except DataError:
        raise
    except ValueError as error:
        if "pickle" in str(error):
            raise DataError(
                "NS705",
                f"`{name}` holds pickled Python objects, which are not read because reading them runs code",
                "save plain arrays of numbers or text",
            ) from None
        raise DataError("NS705", f"`{name}` is damaged: {first_line(error)}") from None
    except (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("NS705", f"`{name}` is damaged: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _checked(array: Any, name: str, column: str | None) -> np.ndarray:
    where = f"`{name}`" if column is None else f"`{name}`, column `{column}`"
    if not isinstance(array, np.ndarray):  # a member that is no NPY file comes as its bytes
        raise DataError("NS705", f"{where} is not an NPY array")
    _check_kind(array.dtype, array.ndim, where)
    return array


def _check_kind(dtype: np.dtype[Any], rank: int, where: str) -> None:
    if dtype.hasobject:
        raise ValueError("pickle")
    if dtype.kind not in "biufUS":
        raise DataError("NS705", f"{where}: expected numbers or text, got an array of {dtype}")
    if rank == 0:
        raise DataError("NS705", f"{where}: expected rows, got a single value")


def _table(arrays: Mapping[str, np.ndarray], origin: str, folders: tuple[Path, ...]) -> Table:
    """Arrays as a Table: one length for all; text becomes a column of strings."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise DataError("NS705", f"the columns of `{origin}` differ in length: {shown}")
    rows = next(iter(lengths.values()), 0)
    if rows == 0:
        raise DataError("NS704", f"`{origin}` has no rows")
    columns = {name: _strings(array, origin, name) for name, array in arrays.items()}
    return Table(columns, rows, origin, folders=folders)


def _folders(parts: Parts) -> tuple[Path, ...]:
    return tuple(file.path.parent for file, _ in parts.values())[:1]


def _strings(array: np.ndarray, origin: str, name: str) -> Column:
    if array.dtype.kind not in "US":
        return array
    if array.ndim != 1:
        raise DataError("NS705", f"`{origin}`, column `{name}`: text has one cell a row, got shape {array.shape}")
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise DataError("NS705", f"`{origin}`, column `{name}` is not UTF-8") from None
    return pa.chunked_array([pa.array(array.tolist(), pa.string())])
