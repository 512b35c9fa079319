"""What is learned for each kind of feature, from the training rows, a Table at a time and in one pass.

`see` looks at some rows, `made` gives the encoder. What is kept meanwhile does not grow with the rows: sums, and the
different words and values, of which there is a most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow.compute as pc

from netspec.language.schema import Feature
from netspec.runtime.data import tokens
from netspec.runtime.data.columns import in_order, lists, strings, trimmed
from netspec.runtime.data.encoders import Categories, Encoder, Images, MultiHot, Numbers, Sequences, Words, chunks
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.images import MOST_BYTES, Size, decoded
from netspec.runtime.data.tables import Table, pieces

MOST_VALUES = 100_000  # different values of a category


class Learner(Protocol):
    """Learns one encoder."""

    def see(self, table: Table) -> None:
        """Look at some training rows."""

    def made(self) -> Encoder:
        """The encoder, after the last row."""

    def notes(self, name: str) -> tuple[str, ...]:
        """What the report says of the input `name`, after `made`."""


class NumbersLearner:
    """Mean and standard deviation (of the population; 0 counts as 1) of the numbers that are there.

    A `whole` input takes no mean that is not asked for, and one that is asked for is rounded. Blocks are put together
    by the rule of Chan, Golub and LeVeque (1983), so that a long table loses no digits.
    """

    def __init__(self, feature: Feature, columns: tuple[str, ...], whole: bool) -> None:
        self._feature, self._columns, self._whole = feature, columns, whole
        self._count = self._mean = self._squares = np.zeros(0)
        self._origin, self._rows = "", 0

    def see(self, table: Table) -> None:
        """Add the block's sums."""
        array = Numbers.raw(self._columns, table)
        if array.size == 0:
            raise DataError("NS705", f"`{table.origin}`, column `{self._columns[0]}`: its rows hold no numbers")
        width = array.shape[-1]
        if not self._rows:
            self._count, self._mean, self._squares = np.zeros(width), np.zeros(width), np.zeros(width)
        elif width != len(self._mean):
            shown = ", ".join(f"`{name}`" for name in self._columns)
            said = f"{shown} hold {width} numbers a row, in the rows before {len(self._mean)}"
            raise DataError("NS708", f"`{table.origin}` {table.row(0)}: {said}")
        self._origin, self._rows = table.origin, self._rows + table.rows
        for start, stop in chunks(array):
            block = array[start:stop].reshape(-1, width).astype(np.float64)
            there = np.count_nonzero(~np.isnan(block), axis=0)
            mean = np.nansum(block, axis=0) / np.maximum(there, 1)
            squares = np.nansum((block - mean) ** 2, axis=0)
            total = self._count + there
            apart = mean - self._mean
            share = there / np.maximum(total, 1)
            self._squares = self._squares + squares + apart**2 * self._count * share
            self._mean = self._mean + apart * share
            self._count = total

    def made(self) -> Numbers:
        """Raises DataError NS704 for a column without a number."""
        columns, feature, mean = self._columns, self._feature, self._mean
        if not self._count.all():
            name = columns[int(np.argmin(self._count))] if len(columns) == len(mean) else columns[0]
            raise DataError("NS704", f"`{self._origin}`, column `{name}`: no number in the {self._rows} training rows")
        std = np.sqrt(self._squares / self._count)
        fill = np.zeros_like(mean) if feature.missing == "zero" else np.round(mean) if self._whole else mean
        return Numbers(
            columns,
            tuple(fill.tolist()),
            tuple(mean.tolist()) if feature.normalize else None,
            tuple(np.where(std == 0, 1.0, std).tolist()) if feature.normalize else None,
            feature.rescale,
            feature.missing == "drop",
            feature.missing is not None or not self._whole,
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()


class CategoriesLearner:
    """The values of the training part, sorted as numbers where all are numbers, else by code point."""

    def __init__(self, feature: Feature, columns: tuple[str, ...]) -> None:
        self._columns, self._one_hot = columns, bool(feature.category and feature.category.one_hot)
        self._values: dict[str, set[str]] = {name: set() for name in columns}

    def see(self, table: Table) -> None:
        """Add the block's values. Raises DataError NS708 beyond what can be called few."""
        for name, values in self._values.items():
            values.update(pc.unique(trimmed(table, name)).to_pylist())
            if len(values) > MOST_VALUES:
                said = f"`{table.origin}`, column `{name}`: more than {MOST_VALUES:,} different values"
                raise DataError("NS708", f"{said}, and a category is one of few", "leave it out, or say `text`")

    def made(self) -> Categories:
        """The encoder."""
        values = tuple(in_order(self._values[name] - {""}) for name in self._columns)
        return Categories(self._columns, values, self._one_hot)

    def notes(self, name: str) -> tuple[str, ...]:
        """Columns that hold nothing."""
        empty = [column for column, values in self._values.items() if not values - {""}]
        return tuple(f"`{name}`: column `{column}` is empty, so every value of it is unknown" for column in empty)


class WordsLearner:
    """The vocabulary of the training part; without a length, that of its longest text."""

    def __init__(self, feature: Feature, columns: tuple[str, ...], length: int | None) -> None:
        assert feature.text is not None
        self._text, self._columns, self._length = feature.text, columns, length
        self._counts, self._longest, self._cut = tokens.Counts(), 1, 0
        self._vocabulary: tuple[str, ...] = ()

    def see(self, table: Table) -> None:
        """Count the block's tokens."""
        found, counts = tokens.flat(strings(table, self._columns[0]), self._text.by, self._text.lower)
        self._counts.see(found)
        self._longest = max(self._longest, int(counts.max(initial=0)))
        if self._length is not None:
            self._cut += int(np.count_nonzero(counts > self._length))

    def made(self) -> Words:
        """The encoder."""
        text = self._text
        self._vocabulary = self._counts.vocabulary(text.vocabulary)
        sides = text.padding, text.truncating
        length = self._length or self._longest
        return Words(
            self._columns, text.vocabulary, length, text.by, *sides, text.lower, text.one_hot, self._vocabulary
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """How much of the training part its vocabulary covers."""
        counts = self._counts
        known = sum(counts.counts.get(token, 0) for token in self._vocabulary)
        share = 100 * (counts.total - known) / max(counts.total, 1)
        about = "" if counts.exact else f", rare ones counted roughly (more than {tokens.MOST_WORDS:,} different)"
        return (
            f"`{name}`: {len(self._vocabulary)} {self._text.by} known{about}, "
            f"{share:.1f} % of the training part's unknown, {self._cut} texts cut at {self._length or self._longest}",
        )


class SequencesLearner:
    """Only the length is learned, where neither the feature nor the input gives one: that of the longest row."""

    def __init__(self, feature: Feature, columns: tuple[str, ...], length: int | None) -> None:
        self._feature, self._columns, self._length, self._longest = feature, columns, length, 1

    def see(self, table: Table) -> None:
        """Look at the lengths."""
        if self._length is None:
            self._longest = max(self._longest, *(len(row) for row in lists(table, self._columns[0])), 0)

    def made(self) -> Sequences:
        """The encoder."""
        said, length = self._feature.sequence, self._length or self._longest
        if said is None:
            return Sequences(self._columns, None, length, "pre", "pre")
        return Sequences(self._columns, said.vocabulary, length, said.padding, said.truncating)

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()


class ImagesLearner:
    """Nothing where the pixels stay what they are or are rescaled, and then no image is read; else as of numbers."""

    def __init__(self, feature: Feature, columns: tuple[str, ...], size: Size, *, whole: bool, skips: bool) -> None:
        self._feature, self._columns, self._size, self._skips = feature, columns, size, skips
        self._numbers = NumbersLearner(feature, columns, whole) if feature.normalize else None

    def see(self, table: Table) -> None:
        """Look at the pixels where a mean is wanted. Raises DataError for an image that cannot be read."""
        if self._numbers is None:
            return
        for part in pieces(table, max(1, MOST_BYTES // self._size.bytes)):
            found = decoded(part, self._columns[0], self._size)
            if found.faults and not self._skips:
                raise found.faults[min(found.faults)]
            there = [at for at in range(part.rows) if at not in found.faults]
            if there:
                own = {self._columns[0]: found.pixels[there]}
                self._numbers.see(replace(part.take(np.array(there)), columns=own))

    def made(self) -> Images:
        """The encoder."""
        size, empty = self._size, (0.0,) * self._size.channels
        still = Numbers(self._columns, empty, None, None, self._feature.rescale, False)
        numbers = still if self._numbers is None else self._numbers.made()
        return Images(self._columns, size.height, size.width, size.channels, size.resize, self._skips, numbers)

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()


class Fixed:
    """An encoder that learns nothing."""

    def __init__(self, encoder: MultiHot) -> None:
        self._encoder = encoder

    def see(self, table: Table) -> None:
        """Nothing."""

    def made(self) -> MultiHot:
        """The encoder."""
        return self._encoder

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()
