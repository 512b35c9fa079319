"""Prepared examples: in memory while they are few, else in one file on the disk, packed, read back block by block.

The file has no name once it is open, so that nothing of it is left behind, whatever ends the process.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from netspec.catalog.types import show_bytes
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import free_memory

HELD = 1 << 28  # bytes of examples that are held in memory, where a quarter of the free memory is not less
BLOCK = 1 << 22  # bytes of a block on the disk, unpacked

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Held:
    """Examples in memory: `x` by input, `y` by output, each (rows, …)."""

    x: Arrays
    y: Arrays

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.x.values())))

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return tuple(self.y)

    def head(self, rows: int) -> tuple[Arrays, Arrays]:
        """The first ones."""
        return _part(self.x, 0, rows), _part(self.y, 0, rows)

    def pieces(self, size: int) -> Iterator[tuple[Arrays, Arrays]]:
        """All of them in order, `size` at a time, the last piece shorter."""
        for start in range(0, self.rows, size):
            yield _part(self.x, start, start + size), _part(self.y, start, start + size)


@dataclass(frozen=True)
class Array:
    """One array of a store: whether it is an input's, its name, its dtype, and its shape without the rows."""

    input: bool
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize * math.prod(self.shape)


class Store:
    """Examples on the disk, in blocks of `block_rows`, the last one shorter."""

    def __init__(self, arrays: tuple[Array, ...], block_rows: int, folder: str | None = None) -> None:
        self.arrays, self.block_rows, self.rows = arrays, block_rows, 0
        self._file = tempfile.TemporaryFile(prefix="netspec-", dir=folder)  # noqa: SIM115 - lives as long as the store
        self._schema = pa.schema([(str(at), pa.binary(max(1, each.width))) for at, each in enumerate(arrays)])
        self._writer: Any = pa.ipc.new_file(
            pa.PythonFile(self._file, "w"), self._schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
        )
        self._reader: Any = None
        self._closing = weakref.finalize(self, self._file.close)
        self._turn = threading.Lock()  # a reader has one place in the file

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return tuple(each.name for each in self.arrays if not each.input)

    @property
    def bytes(self) -> int:
        """What they would take in memory."""
        return self.rows * sum(each.width for each in self.arrays)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return math.ceil(self.rows / self.block_rows)

    def write(self, x: Mapping[str, np.ndarray], y: Mapping[str, np.ndarray]) -> None:
        """Add a block of `block_rows` rows; a shorter one is the last."""
        rows = len(next(iter(x.values())))
        columns = []
        for each in self.arrays:
            array = np.ascontiguousarray((x if each.input else y)[each.name], each.dtype)
            columns.append(
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(max(1, each.width)), rows, [None, pa.py_buffer(array)])
            )
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.rows += rows

    def finish(self) -> None:
        """No more blocks come; now they can be read."""
        self._writer.close()
        self._file.flush()
        self._reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"))

    def block(self, number: int) -> tuple[Arrays, Arrays]:
        """A block's inputs and targets."""
        with self._turn:
            batch = self._reader.get_batch(number)
        x: Arrays = {}
        y: Arrays = {}
        for at, each in enumerate(self.arrays):
            found = np.frombuffer(batch.column(at).buffers()[1], each.dtype, batch.num_rows * math.prod(each.shape))
            (x if each.input else y)[each.name] = found.reshape(batch.num_rows, *each.shape)
        return x, y

    def head(self, rows: int) -> tuple[Arrays, Arrays]:
        """The first ones, of the first block."""
        x, y = self.block(0)
        return _part(x, 0, rows), _part(y, 0, rows)

    def pieces(self, size: int) -> Iterator[tuple[Arrays, Arrays]]:
        """All of them in order, `size` at a time, the last piece shorter."""
        yield from repacked((self.block(number) for number in range(self.blocks)), size)


Examples = Held | Store


def repacked(parts: Iterator[tuple[Arrays, Arrays]], size: int) -> Iterator[tuple[Arrays, Arrays]]:
    """The rows of parts of any length, `size` at a time, the last piece shorter."""
    left: list[tuple[Arrays, Arrays]] = []
    count = 0
    for x, y in parts:
        left.append((x, y))
        count += len(next(iter(x.values())))
        if count < size:
            continue
        x, y = joined(left)
        whole = count - count % size
        for start in range(0, whole, size):
            yield _part(x, start, start + size), _part(y, start, start + size)
        left, count = [(_part(x, whole, count), _part(y, whole, count))], count - whole
    if count:
        yield joined(left)


def joined(parts: list[tuple[Arrays, Arrays]]) -> tuple[Arrays, Arrays]:
    """Parts one behind the other."""
    if len(parts) == 1:
        return parts[0]
    x = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    return x, {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}


def _part(arrays: Arrays, start: int, stop: int) -> Arrays:
    return {name: array[start:stop] for name, array in arrays.items()}


def most_held() -> int:
    """Bytes of examples that are held in memory here; more go on the disk."""
    free = free_memory()
    return min(HELD, free // 4 if free else HELD)


class Gatherer:
    """Takes examples as they are prepared, at most `rows`; holds them, or puts them on the disk beyond `held` bytes."""

    def __init__(self, rows: int, held: int | None = None) -> None:
        self._most, self._rows = most_held() if held is None else held, rows
        self._parts: list[tuple[Arrays, Arrays]] = []
        self._store: Store | None = None
        self._left: list[tuple[Arrays, Arrays]] = []
        self._count = 0

    def add(self, x: Arrays, y: Arrays) -> None:
        """Take a part, which has rows. Raises DataError NS601 where the disk has no room for all of them."""
        if self._store is None and not self._parts:
            width = sum(array[0].nbytes for array in (*x.values(), *y.values()))
            if width * self._rows > self._most:
                self._begin(x, y, width)
        if self._store is None:
            self._parts.append((x, y))
            return
        self._left.append((x, y))
        self._count += len(next(iter(x.values())))
        if self._count >= self._store.block_rows:
            self._flush()

    def _begin(self, x: Arrays, y: Arrays, width: int) -> None:
        needed, folder = width * self._rows, tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if needed // 2 > free:  # they pack to less than half nearly always, and the file would end on a full disk
            said = f"the prepared rows take up to {show_bytes(needed)}, and `{folder}` has {show_bytes(free)} left"
            raise DataError("NS601", said, "make room, or name another folder in the environment's TMPDIR")
        arrays = [Array(True, name, array.dtype, array.shape[1:]) for name, array in x.items()]
        arrays += [Array(False, name, array.dtype, array.shape[1:]) for name, array in y.items()]
        self._store = Store(tuple(arrays), max(1, BLOCK // max(1, width)), folder)

    def _flush(self, last: bool = False) -> None:
        assert self._store is not None
        size = self._store.block_rows
        x, y = joined(self._left)
        whole = self._count if last else self._count - self._count % size
        try:
            for start in range(0, whole, size):
                self._store.write(_part(x, start, min(start + size, whole)), _part(y, start, min(start + size, whole)))
        except OSError as error:
            raise DataError("NS601", f"`{tempfile.gettempdir()}`: {os.strerror(error.errno or 0)}") from error
        self._left, self._count = [(_part(x, whole, self._count), _part(y, whole, self._count))], self._count - whole

    def made(self) -> Examples:
        """All of them. At least one part was added."""
        if self._store is None:
            return Held(*joined(self._parts))
        if self._count:
            self._flush(last=True)
        self._store.finish()
        return self._store
