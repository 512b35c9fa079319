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
from netspec.runtime.data.columns import lists, strings, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.hashing import hashes
from netspec.runtime.data.images import Size, decoded
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.quantities import Buckets, Numbers, one_hot
from netspec.runtime.data.tables import Table
from netspec.runtime.data.vectors import Arrays


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
class Hashed:
    """Columns of many values, (rows, columns): 0 for an empty cell, else 1 + hash % (bins - 1), which nothing learns.

    The hash is that of `hashing.py`, of the cell's text without white space around.
    """

    kind: ClassVar[str] = "hash"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    bins: int

    def encode(self, table: Table) -> np.ndarray:
        """int64 numbers."""
        blocks = []
        for name in self.columns:
            found = trimmed(table, name).dictionary_encode()
            cells = found.dictionary
            ids = (hashes(cells) % np.uint64(self.bins - 1)).astype(np.int64) + 1
            ids[np.asarray(pc.equal(cells, "").to_numpy(zero_copy_only=False))] = 0
            blocks.append(ids[np.asarray(found.indices.to_numpy(zero_copy_only=False))][:, None])
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
    ngrams: int = 1
    punctuation: bool = False

    def encode(self, table: Table) -> np.ndarray:
        """int32 token numbers, or float32 zeros and ones."""
        shape = (table.rows, self.length, self.size) if self.one_hot else (table.rows, self.length)
        check_room(shape, 4, f"the {self.by} of `{self.columns[0]}`")
        found, counts = self.cut(strings(table, self.columns[0]))
        ids = tokens.numbered(found, pa.array(self.vocabulary, pa.string()))
        return self.formed(tokens.pad(ids, counts, self.length, self.padding, self.truncating))

    def cut(self, cells: pa.StringArray) -> tuple[pa.StringArray, np.ndarray]:
        """The tokens of all cells, and how many each has."""
        return tokens.found(cells, self.by, self.lower, self.ngrams, self.punctuation)

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


Encoder = Numbers | Buckets | Categories | Hashed | Words | Sequences | Arrays | MultiHot | Images
_ALL = (Numbers, Buckets, Categories, Hashed, Words, Sequences, Arrays, MultiHot, Images)
KINDS: dict[str, Any] = {cls.kind: cls for cls in _ALL}
