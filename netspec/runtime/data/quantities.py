"""Encoders of quantities: columns of numbers or dates, as numbers side by side or as the buckets they lie in.

`encode(table)` gives (rows, ...) in the encoder's own shape. Each is a frozen dataclass of plain values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netspec.runtime.data.columns import bad_cell, narrow
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.readings import PLAIN, Reading, nan
from netspec.runtime.data.tables import Table

_CHUNK = 1 << 22  # numbers that are worked on at a time, in float64
_CURE = "say `missing: zero`, `missing: mean` for the {}mean, or `missing: drop` to leave out the row"


@dataclass(frozen=True)
class Holes:
    """What missing numbers become, by column: `given` before anything else is done, or (None) the mean, after it.

    Those in columns of `refused` stop the reading, those of `masked` have a 1 in a column behind all others.
    """

    given: dict[str, float | None]
    refused: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()

    def said(self, column: str) -> str:
        """What the report says that a missing number becomes."""
        given = self.given.get(column)
        return "the training mean" if given is None else f"{given:g}"


@dataclass(frozen=True)
class Numbers:
    """Columns side by side in order, (rows, columns), or one array column of any rank.

    In this order: a missing number becomes what `holes` says; `clip`; log(1 + x) with `log`; a hole that is left
    becomes `fill`, the mean; minus `mean`, over `std`; times `rescale`. `fill`, `mean` and `std` are lists along the
    last axis, which for images is the channel.
    """

    kind: ClassVar[str] = "numbers"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    rescale: float | None
    holes: Holes
    clip: tuple[float | None, float | None] | None = None
    log: bool = False
    reading: Reading = PLAIN

    def read(self, table: Table) -> tuple[np.ndarray, np.ndarray | None, bool]:
        """The columns' numbers, (rows, ...), after `clip` and `log`; the masks, (rows, ..., masks) of bool; and
        whether there are holes left.

        Raises DataError NS703: a cell that is no number, a missing one that is refused, one that `log` does not take.
        """
        arrays, masks, left = [], [], False
        for name in self.columns:
            array = self.reading.read(table, name)
            gone = nan(array)
            if name in self.holes.masked:
                mask = np.zeros(array.shape, bool) if gone is None else gone
                masks.append(mask[..., :1] if self.reading.parts else mask)
            given = self.holes.given.get(name)
            if gone is not None:
                if name in self.holes.refused:
                    self._refuse_hole(table, name, int(np.argwhere(gone)[0][0]))
                array = array if given is None else np.where(gone, array.dtype.type(given), array)
                left = left or given is None
            arrays.append(self._shaped(table, name, array))
        if len(arrays) == 1:
            return arrays[0], masks[0] if masks else None, left
        flat = [mask.reshape(len(mask), -1) for mask in masks]
        whole = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
        return whole, np.concatenate(flat, axis=1) if flat else None, left

    def _shaped(self, table: Table, name: str, array: np.ndarray) -> np.ndarray:
        if self.clip is None and not self.log:
            return array
        array = array.astype(np.float64, copy=False)
        if self.clip is not None:
            low, high = self.clip
            array = np.clip(array, -np.inf if low is None else low, np.inf if high is None else high)
        if self.log:
            below = np.argwhere(array <= -1)
            if len(below):
                at = tuple(int(each) for each in below[0])
                cure = "say `clip: [0, null]` for those below 0"
                raise bad_cell(
                    table, name, at[0], "a number above -1, of which `log` takes log(1 + x)", array[at], cure
                )
            array = np.log1p(array)
        return array

    def missing(self, table: Table) -> dict[str, np.ndarray]:
        """For each column, which rows hold a missing number."""
        return {name: self.reading.missing(table, name) for name in self.columns}

    def encode(self, table: Table) -> np.ndarray:
        """(rows, ...) of the source's own dtype where nothing is to be done, else float32 (float64 for CSV numbers)."""
        raw, masks, holes = self.read(table)
        if holes or self.mean is not None or self.rescale is not None:
            raw = self._scaled(table, raw, holes)
        if masks is None:
            return raw
        return np.concatenate([raw, masks.astype(raw.dtype)], axis=-1)

    def _scaled(self, table: Table, raw: np.ndarray, holes: bool) -> np.ndarray:
        if len(self.fill) != raw.shape[-1]:
            shown = ", ".join(f"`{name}`" for name in self.columns)
            raise DataError(
                "NS708", f"`{table.origin}`: {shown} hold {raw.shape[-1]} numbers a row, in training {len(self.fill)}"
            )
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

    def _refuse_hole(self, table: Table, name: str, row: int) -> None:
        if self.reading.parts:
            raise bad_cell(table, name, row, "a date", "an empty cell", _CURE.format(""))
        got = "a missing number"
        raise bad_cell(table, name, row, "a number, as the input takes whole ones", got, _CURE.format("rounded "))


@dataclass(frozen=True)
class Buckets:
    """Columns of numbers as the numbers of the buckets that they lie in, (rows, columns), or as zeros and ones.

    Bucket n begins with boundary n - 1, as in keras.layers.Discretization: below the first boundary is bucket 0.
    """

    kind: ClassVar[str] = "bucket"
    reshapes: ClassVar[bool] = True
    columns: tuple[str, ...]
    boundaries: tuple[tuple[float, ...], ...]  # of each column
    fill: tuple[float, ...]  # the mean of each
    one_hot: bool
    holes: Holes
    reading: Reading = PLAIN

    def missing(self, table: Table) -> dict[str, np.ndarray]:
        """For each column, which rows hold a missing number."""
        return {name: self.reading.missing(table, name) for name in self.columns}

    def encode(self, table: Table) -> np.ndarray:
        """int64 bucket numbers, or uint8 zeros and ones; masks stand behind either."""
        blocks, masks = [], []
        for name, boundaries, mean in zip(self.columns, self.boundaries, self.fill, strict=True):
            values = single(table, name, self.reading)
            gone = np.isnan(values)
            if gone.any():
                if name in self.holes.refused:
                    row = int(np.flatnonzero(gone)[0])
                    raise bad_cell(table, name, row, "a number for its bucket", "a missing number", _CURE.format(""))
                given = self.holes.given.get(name)
                values = np.where(gone, mean if given is None else given, values)
            ids = np.searchsorted(np.asarray(boundaries), values, side="right")
            blocks.append(one_hot(ids, len(boundaries) + 1) if self.one_hot else ids[:, None])
            if name in self.holes.masked:
                masks.append(gone[:, None].astype(blocks[-1].dtype))
        return np.concatenate([*blocks, *masks], axis=1)


def single(table: Table, name: str, reading: Reading) -> np.ndarray:
    """A column of one number a row, (rows,) float64; NS708 for several."""
    array = reading.read(table, name)
    if array[0].size != 1:
        raise DataError(
            "NS708", f"`{table.origin}`, column `{name}`: {array[0].size} numbers a row are in no one bucket"
        )
    return array.reshape(-1).astype(np.float64)


def one_hot(ids: np.ndarray, width: int) -> np.ndarray:
    """Class numbers (...) as zeros and ones (..., width), uint8; NS601 where they do not fit into memory as float32."""
    check_room((ids.size, width), 4, f"one-hot numbers of {width:,} classes")
    hot = np.zeros((ids.size, width), np.uint8)
    hot[np.arange(ids.size), ids.reshape(-1)] = 1
    return hot.reshape(*ids.shape, width)


def chunks(array: np.ndarray) -> list[tuple[int, int]]:
    """Where pieces of an array begin and end that are worked on at a time."""
    step = max(1, _CHUNK // max(1, array[0].size))
    return [(start, min(start + step, len(array))) for start in range(0, len(array), step)]
