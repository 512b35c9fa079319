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
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from netspec.catalog.types import show_bytes
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import free_memory

HELD = 1 << 28  # bytes of examples that are held in memory, where a quarter of the free memory is not less
BLOCK = 1 << 22  # bytes of a block on the disk, unpacked

_ROWS = 1 << 16  # of targets that are looked at together

Arrays = dict[str, np.ndarray]


class Piece(NamedTuple):
    """Some rows: inputs and targets by name, and by output what each row's target weighs; `w` is empty where none is.

    Arrays are (rows, …), weights (rows,) float32.
    """

    x: Arrays
    y: Arrays
    w: Arrays

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.x.values())))

    def cut(self, start: int, stop: int) -> Piece:
        """Those from `start` to before `stop`."""
        return Piece(*({name: array[start:stop] for name, array in part.items()} for part in self))

    def taken(self, rows: np.ndarray) -> Piece:
        """Those at these positions, in this order."""
        return Piece(*({name: array[rows] for name, array in part.items()} for part in self))


@dataclass(frozen=True)
class Held:
    """Examples in memory: `x` by input, `y` and the weights `w` by output, each (rows, …)."""

    x: Arrays
    y: Arrays
    w: Arrays = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.x.values())))

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return tuple(self.y)

    @property
    def weighted(self) -> tuple[str, ...]:
        """The outputs that have weights."""
        return tuple(self.w)

    def head(self, rows: int) -> Piece:
        """The first ones."""
        return Piece(self.x, self.y, self.w).cut(0, rows)

    def pieces(self, size: int) -> Iterator[Piece]:
        """All of them in order, `size` at a time, the last piece shorter."""
        whole = Piece(self.x, self.y, self.w)
        for start in range(0, self.rows, size):
            yield whole.cut(start, start + size)


@dataclass(frozen=True)
class Array:
    """One array of a store: of which part of a piece (x, y, w), its name, its dtype, its shape without the rows.

    `levels` are all numbers that it can hold, at most 256, in order; then a byte is stored for each.
    """

    part: str
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    levels: np.ndarray | None = field(default=None, compare=False)

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def stored(self) -> int:
        """Bytes of a row on the disk, unpacked."""
        return self.width if self.levels is None else math.prod(self.shape)

    def packed(self, array: np.ndarray) -> np.ndarray:
        """The array as it is stored. Raises DataError NS705 for a number that is none of the levels."""
        if self.levels is None:
            return np.ascontiguousarray(array, self.dtype)
        places = leveled(array, self.levels)
        if places is None:
            raise DataError(
                "NS705", f"input `{self.name}` is made of bytes in the first rows, and of other numbers later"
            )
        return places

    def unpacked(self, buffer: Any, rows: int) -> np.ndarray:
        """The way back."""
        kind = self.dtype if self.levels is None else np.dtype(np.uint8)
        found = np.frombuffer(buffer, kind, rows * math.prod(self.shape)).reshape(rows, *self.shape)
        return found if self.levels is None else self.levels[found]


def leveled(array: np.ndarray, levels: np.ndarray) -> np.ndarray | None:
    """The place of each number among the levels, which are evenly apart, as bytes; None where one is none of them.

    >>> leveled(np.float32([0.5, 0]), np.float32([0, 0.5, 1])).tolist(), leveled(np.float32([0.4]), np.float32([0, 1]))
    ([1, 0], None)
    """
    step = float(levels[1]) - float(levels[0])
    if not step:
        return None
    places = np.rint((array - levels[0]) / step)
    if array.size and not (places.min() >= 0 and places.max() < len(levels)):
        return None
    found = places.astype(np.uint8)
    return found if np.array_equal(levels[found], array) else None


class Store:
    """Examples on the disk, in blocks of `block_rows`, the last one shorter."""

    def __init__(self, arrays: tuple[Array, ...], block_rows: int, folder: str | None = None) -> None:
        self.arrays, self.block_rows, self.rows = arrays, block_rows, 0
        self._file = tempfile.TemporaryFile(prefix="netspec-", dir=folder)  # noqa: SIM115 - lives as long as the store
        self._schema = pa.schema([(str(at), pa.binary(max(1, each.stored))) for at, each in enumerate(arrays)])
        self._writer: Any = pa.ipc.new_file(
            pa.PythonFile(self._file, "w"), self._schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
        )
        self._reader: Any = None
        self._closing = weakref.finalize(self, self._file.close)
        self._turn = threading.Lock()  # a reader has one place in the file

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return tuple(each.name for each in self.arrays if each.part == "y")

    @property
    def weighted(self) -> tuple[str, ...]:
        """The outputs that have weights."""
        return tuple(each.name for each in self.arrays if each.part == "w")

    @property
    def bytes(self) -> int:
        """What they would take in memory."""
        return self.rows * sum(each.width for each in self.arrays)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return math.ceil(self.rows / self.block_rows)

    def write(self, piece: Piece) -> None:
        """Add a block of `block_rows` rows; a shorter one is the last."""
        rows = piece.rows
        columns = []
        for each in self.arrays:
            array = each.packed(getattr(piece, each.part)[each.name])
            columns.append(
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(max(1, each.stored)), rows, [None, pa.py_buffer(array)])
            )
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.rows += rows

    def finish(self) -> None:
        """No more blocks come; now they can be read."""
        self._writer.close()
        self._file.flush()
        self._reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"))

    def block(self, number: int, *, inputs: bool = True) -> Piece:
        """A block's inputs (if they are wanted), targets and weights."""
        with self._turn:
            batch = self._reader.get_batch(number)
        piece = Piece({}, {}, {})
        for at, each in enumerate(self.arrays):
            if each.part != "x" or inputs:
                found = each.unpacked(batch.column(at).buffers()[1], batch.num_rows)
                getattr(piece, each.part)[each.name] = found
        return piece

    def head(self, rows: int) -> Piece:
        """The first ones, of the first block."""
        return self.block(0).cut(0, rows)

    def pieces(self, size: int) -> Iterator[Piece]:
        """All of them in order, `size` at a time, the last piece shorter."""
        yield from repacked((self.block(number) for number in range(self.blocks)), size)


class Blocks(Protocol):
    """Examples that are made or read a block at a time, as a `Store` is."""

    rows: int

    @property
    def block_rows(self) -> int:
        """How many rows a block has; the last one may have fewer."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""

    @property
    def bytes(self) -> int:
        """What all of them would take in memory."""

    @property
    def blocks(self) -> int:
        """How many blocks there are."""

    @property
    def weighted(self) -> tuple[str, ...]:
        """The outputs that have weights."""

    def block(self, number: int) -> Piece:
        """A block's inputs, targets and weights."""

    def head(self, rows: int) -> Piece:
        """The first ones, of the first block."""

    def pieces(self, size: int) -> Iterator[Piece]:
        """All of them in order, `size` at a time, the last piece shorter."""


Examples = Held | Blocks


def truths(examples: Examples) -> Iterator[Piece]:
    """The targets and weights of all of them in order, some at a time; of a store the inputs are not read."""
    if isinstance(examples, Store):
        yield from (examples.block(number, inputs=False) for number in range(examples.blocks))
    else:
        yield from examples.pieces(_ROWS)


def repacked(parts: Iterator[Piece], size: int) -> Iterator[Piece]:
    """The rows of parts of any length, `size` at a time, the last piece shorter."""
    left: list[Piece] = []
    count = 0
    for part in parts:
        left.append(part)
        count += part.rows
        if count < size:
            continue
        piece = joined(left)
        whole = count - count % size
        for start in range(0, whole, size):
            yield piece.cut(start, start + size)
        left, count = [piece.cut(whole, count)], count - whole
    if count:
        yield joined(left)


def joined(parts: list[Piece]) -> Piece:
    """Parts one behind the other."""
    if len(parts) == 1:
        return parts[0]
    kinds = zip(*parts, strict=True)
    return Piece(*({name: np.concatenate([each[name] for each in kind]) for name in kind[0]} for kind in kinds))


def room() -> int:
    """How many bytes of examples are held in memory."""
    free = free_memory()
    return min(HELD, free // 4 if free else HELD)


class Gatherer:
    """Takes examples as they are prepared, at most `rows`; holds them, or puts them on the disk beyond `held` bytes."""

    def __init__(self, rows: int, held: int | None = None, levels: Mapping[str, np.ndarray] | None = None) -> None:
        """`levels` has the numbers of inputs that hold only so many; on the disk these take a byte each."""
        self._most, self._rows = held if held is not None else room(), rows
        self._levels = levels or {}
        self._parts: list[Piece] = []
        self._store: Store | None = None
        self._left: list[Piece] = []
        self._count = 0

    def add(self, x: Arrays, y: Arrays, w: Arrays | None = None) -> None:
        """Take a part, which has rows. Raises DataError NS601 where the disk has no room for all of them."""
        piece = Piece(x, y, w or {})
        if self._store is None and not self._parts:
            width = sum(array[0].nbytes for part in piece for array in part.values())
            if width * self._rows > self._most:
                self._begin(piece, width)
        if self._store is None:
            self._parts.append(piece)
            return
        self._left.append(piece)
        self._count += piece.rows
        if self._count >= self._store.block_rows:
            self._flush()

    def _begin(self, piece: Piece, width: int) -> None:
        kinds = zip(Piece._fields, piece, strict=True)
        arrays = [
            Array(part, name, a.dtype, a.shape[1:], self._few(name, a) if part == "x" else None)
            for part, named in kinds
            for name, a in named.items()
        ]
        needed, folder = sum(each.stored for each in arrays) * self._rows, tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if needed // 2 > free:  # they pack to less than half nearly always, and the file would end on a full disk
            said = f"the prepared rows take up to {show_bytes(needed)}, and `{folder}` has {show_bytes(free)} left"
            raise DataError("NS601", said, "make room, or name another folder in the environment's TMPDIR")
        self._store = Store(tuple(arrays), max(1, BLOCK // max(1, width)), folder)

    def _few(self, name: str, array: np.ndarray) -> np.ndarray | None:
        levels = self._levels.get(name)
        return levels if levels is not None and leveled(array, levels) is not None else None

    def _flush(self, last: bool = False) -> None:
        assert self._store is not None
        size = self._store.block_rows
        piece = joined(self._left)
        whole = self._count if last else self._count - self._count % size
        try:
            for start in range(0, whole, size):
                self._store.write(piece.cut(start, min(start + size, whole)))
        except OSError as error:
            raise DataError("NS601", f"`{tempfile.gettempdir()}`: {os.strerror(error.errno or 0)}") from error
        self._left, self._count = [piece.cut(whole, self._count)], self._count - whole

    def made(self) -> Examples:
        """All of them. At least one part was added."""
        if self._store is None:
            return Held(*joined(self._parts))
        if self._count:
            self._flush(last=True)
        self._store.finish()
        return self._store
