"""One encoder for each kind of feature, applied to any rows; `learners.py` makes them from the training part.

`encode(table)` gives (rows, ...) in the encoder's own shape; `features.py` checks it against the input and reshapes it.
Each is a frozen dataclass of plain values, so that it can be written as JSON and read back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.runtime.data import tokens
from netspec.runtime.data.columns import bad_cell, lists, narrow, numbers, strings, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.images import Size, decoded
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.tables import Table

_CHUNK = 1 << 22  # numbers that are worked on at a time, in float64


@dataclass(frozen=True)
class Numbers:
    """Columns side by side in order, (rows, columns), or one array column of any rank.

    A missing number becomes `fill`; then minus `mean`, over `std`; then times `rescale`. The three are lists along the
    last axis, which for images is the channel.
    """

    kind: ClassVar[str] = "numbers"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    rescale: float | None
    drops: bool  # rows with a missing number are dropped in training and evaluation
    fills: bool = True  # a missing number becomes `fill`; else it is refused, as in an input of whole numbers

    @staticmethod
    def raw(columns: tuple[str, ...], table: Table) -> np.ndarray:
        cure = "say `text` for sentences, `category` for few different values"
        arrays = [numbers(table, name, help=cure) for name in columns]
        if len(arrays) == 1:
            return arrays[0] if arrays[0].ndim > 1 else arrays[0][:, None]
        return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)

    def missing(self, table: Table) -> dict[str, np.ndarray]:
        """For each column, which rows hold a missing number."""
        found = {}
        for name in self.columns:
            array = numbers(table, name)
            if array.dtype.kind == "f":
                found[name] = np.isnan(array).reshape(len(array), -1).any(axis=1)
        return found

    def encode(self, table: Table) -> np.ndarray:
        """(rows, ...) of the source's own dtype where nothing is to be done, else float32 (float64 for CSV numbers)."""
        raw = self.raw(self.columns, table)
        holes = raw.dtype.kind == "f" and bool(np.isnan(raw).any())
        if not holes and self.mean is None and self.rescale is None:
            return raw
        if len(self.fill) != raw.shape[-1]:
            shown = ", ".join(f"`{name}`" for name in self.columns)
            raise DataError(
                "NS708", f"`{table.origin}`: {shown} hold {raw.shape[-1]} numbers a row, in training {len(self.fill)}"
            )
        if holes and not self.fills:
            self._refuse_hole(raw, table)
        out = np.empty(raw.shape, np.float64 if raw.dtype == np.float64 and raw.ndim == 2 else np.float32)
        for start, stop in chunks(raw):
            block = raw[start:stop].astype(np.float64)
            if holes:
                block = np.where(np.isnan(block), np.asarray(self.fill), block)
            if self.mean is not None and self.std is not None:
                block = (block - np.asarray(self.mean)) / np.asarray(self.std)
            block = block if self.rescale is None else block * self.rescale
            out[start:stop] = narrow(table, self.columns, block, out.dtype)
        return out

    def _refuse_hole(self, raw: np.ndarray, table: Table) -> None:
        at = np.argwhere(np.isnan(raw))[0]
        name = self.columns[int(at[-1])] if len(self.columns) == raw.shape[-1] else self.columns[0]
        cure = "say `missing: zero`, `missing: mean` for the rounded mean, or `missing: drop` to leave out the row"
        raise bad_cell(table, name, int(at[0]), "a number, as the input takes whole ones", "a missing number", cure)


@dataclass(frozen=True)
class Categories:
    """Columns of few values. (rows, columns) of 0 for unknown and 1 and up by `values`, or a column for each value."""

    kind: ClassVar[str] = "category"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    one_hot: bool

    def encode(self, table: Table) -> np.ndarray:
        """int64 numbers, or uint8 zeros and ones; an unknown or empty cell is 0, or all zeros."""
        blocks = []
        for name, values in zip(self.columns, self.values, strict=True):
            places = pc.index_in(trimmed(table, name), value_set=pa.array(values, pa.string()))
            ids = np.asarray(places.fill_null(-1).to_numpy(zero_copy_only=False), np.int64) + 1
            blocks.append(one_hot(ids, len(values) + 1)[:, 1:] if self.one_hot else ids[:, None])
        return np.concatenate(blocks, axis=1)


@dataclass(frozen=True)
class Words:
    """Text, (rows, length) token numbers or (rows, length, vocabulary) zeros and ones with padding all zeros."""

    kind: ClassVar[str] = "text"
    reshapes: ClassVar[bool] = False
    columns: tuple[str, ...]
    size: int
    length: int
    by: str
    padding: str
    truncating: str
    lower: bool
    one_hot: bool
    vocabulary: tuple[str, ...]

    def encode(self, table: Table) -> np.ndarray:
        """int32 token numbers, or float32 zeros and ones."""
        shape = (table.rows, self.length, self.size) if self.one_hot else (table.rows, self.length)
        check_room(shape, 4, f"the {self.by} of `{self.columns[0]}`")
        found, counts = tokens.flat(strings(table, self.columns[0]), self.by, self.lower)
        ids = tokens.numbered(found, pa.array(self.vocabulary, pa.string()))
        return self.formed(tokens.pad(ids, counts, self.length, self.padding, self.truncating))

    def formed(self, ids: np.ndarray) -> np.ndarray:
        """Token numbers (rows, length) as they are, or as zeros and ones."""
        if not self.one_hot:
            return ids
        hot = np.zeros((*ids.shape, self.size), np.float32)
        row, at = np.nonzero(ids)
        hot[row, at, ids[row, at]] = 1
        return hot


@dataclass(frozen=True)
class Sequences:
    """Lists of whole numbers, cut and padded, (rows, length); numbers from `vocabulary` on become 2, unknown."""

    kind: ClassVar[str] = "sequence"
    reshapes: ClassVar[bool] = False
    columns: tuple[str, ...]
    vocabulary: int | None
    length: int
    padding: str
    truncating: str

    def encode(self, table: Table) -> np.ndarray:
        """int64 numbers, 0 for padding."""
        check_room((table.rows, self.length), 8, f"the lists of `{self.columns[0]}`")
        rows = lists(table, self.columns[0])
        counts = np.array([len(row) for row in rows], np.int64)
        flat = np.concatenate([np.zeros(0, np.int64), *(np.asarray(row, np.int64) for row in rows)])
        ids = tokens.pad(flat, counts, self.length, self.padding, self.truncating)
        if self.vocabulary is not None:
            ids[ids >= self.vocabulary] = 2
        return ids


@dataclass(frozen=True)
class MultiHot:
    """Lists of whole numbers as zeros and ones, (rows, width) uint8; numbers from `width` on have no column."""

    kind: ClassVar[str] = "multi_hot"
    reshapes: ClassVar[bool] = False
    columns: tuple[str, ...]
    width: int

    def encode(self, table: Table) -> np.ndarray:
        """1 where the row's list holds the column's number."""
        check_room((table.rows, self.width), 1, f"`multi_hot` of `{self.columns[0]}`")
        hot = np.zeros((table.rows, self.width), np.uint8)
        for at, row in enumerate(lists(table, self.columns[0])):
            ids = np.asarray(row, np.int64)
            hot[at, ids[(ids >= 0) & (ids < self.width)]] = 1
        return hot


@dataclass(frozen=True)
class Images:
    """Images of one column as (rows, height, width, channels), which are then numbers to `numbers`.

    With `skips`, rows whose image cannot be read are left out in training and evaluation; else the first one ends it.
    """

    kind: ClassVar[str] = "image"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    height: int
    width: int
    channels: int
    resize: str
    skips: bool
    numbers: Numbers

    @property
    def size(self) -> Size:
        """What every image becomes."""
        return Size(self.height, self.width, self.channels, self.resize)

    @property
    def key(self) -> str:
        """The name that the pixels go by in a table once they are read: no other column has it."""
        return f"{self.columns[0]}\0{self.size}"

    def read(self, table: Table) -> tuple[Table, dict[int, DataError]]:
        """The table with the pixels in it, and what is wrong with the images of its rows, by their positions."""
        found = decoded(table, self.columns[0], self.size)
        return replace(table, columns={**table.columns, self.key: found.pixels}), found.faults

    def encode(self, table: Table) -> np.ndarray:
        """uint8 where nothing is to be done with the pixels, else float32. Raises the first fault of an image."""
        if self.key not in table.columns:
            table, faults = self.read(table)
            if faults:
                raise faults[min(faults)]
        own = {self.columns[0]: table.columns[self.key]}
        return self.numbers.encode(replace(table, columns=own))


Encoder = Numbers | Categories | Words | Sequences | MultiHot | Images
KINDS: dict[str, Any] = {cls.kind: cls for cls in (Numbers, Categories, Words, Sequences, MultiHot, Images)}


def one_hot(ids: np.ndarray, width: int) -> np.ndarray:
    """Class numbers (...) as zeros and ones (..., width), uint8; NS601 where they do not fit into memory as float32."""
    check_room((ids.size, width), 4, f"one-hot numbers of {width:,} classes")
    hot = np.zeros((ids.size, width), np.uint8)
    hot[np.arange(ids.size), ids.reshape(-1)] = 1
    return hot.reshape(*ids.shape, width)


def chunks(array: np.ndarray) -> list[tuple[int, int]]:
    step = max(1, _CHUNK // max(1, array[0].size))
    return [(start, min(start + step, len(array))) for start in range(0, len(array), step)]
