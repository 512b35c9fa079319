"""What is learned for each kind of feature, from the training rows, a Table at a time and in one pass.

`see` looks at some rows, `made` gives the encoder. What is kept meanwhile does not grow with the rows: sums, and the
different words and values, of which there is a most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.diagnostics import counted
from netspec.language.schema import Feature
from netspec.probe.forms import Listed
from netspec.probe.words import FIRST, UNKNOWN_TOKEN
from netspec.runtime.data import tokens, vectors
from netspec.runtime.data.columns import in_order, lists, strings, trimmed
from netspec.runtime.data.encoders import Categories, Encoder, Hashed, Images, MultiHot, Sequences, Words
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.images import MOST_BYTES, Size, decoded
from netspec.runtime.data.quantiles import MOST as MOST_SAMPLED
from netspec.runtime.data.quantiles import Sample
from netspec.runtime.data.quantities import Buckets, Holes, Numbers, chunks, single
from netspec.runtime.data.readings import PLAIN, Reading
from netspec.runtime.data.tables import Table, pieces
from netspec.runtime.data.vectors import Arrays

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
        self._reading, self._holes = Reading.of(feature.date), holes_of(feature, columns, refuse=whole)
        unfilled = Holes(dict.fromkeys(columns), self._holes.refused)
        self._plain = Numbers(columns, (), None, None, None, unfilled, feature.clip, feature.log, self._reading)
        self._count = self._mean = self._squares = np.zeros(0)
        self._origin, self._rows = "", 0

    def see(self, table: Table) -> None:
        """Add the block's sums."""
        array = self._plain.read(table)[0]
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
        fill = np.round(mean) if self._whole else mean
        return Numbers(
            columns,
            tuple(fill.tolist()),
            tuple(mean.tolist()) if feature.normalize else None,
            tuple(np.where(std == 0, 1.0, std).tolist()) if feature.normalize else None,
            feature.rescale,
            self._holes,
            feature.clip,
            feature.log,
            self._reading,
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()


def holes_of(feature: Feature, columns: tuple[str, ...], *, refuse: bool) -> Holes:
    """What missing numbers become; those that the spec is silent of are refused with `refuse`, in dates and buckets."""
    said = {column: feature.missing_of(column) for column in columns}
    refuse = refuse or feature.date is not None or feature.bucket is not None
    given = {c: None if m is None else 0.0 if m.by == "zero" else m.fill for c, m in said.items()}
    refused = tuple(column for column, missing in said.items() if missing is None) if refuse else ()
    masked = tuple(column for column, missing in said.items() if missing is not None and missing.by == "mask")
    return Holes(given, refused, masked)


class BucketsLearner:
    """The mean of each column, for holes; and its quantiles, where the boundaries are not given."""

    def __init__(self, feature: Feature, columns: tuple[str, ...]) -> None:
        assert feature.bucket is not None
        self._bucket, self._columns, self._reading = feature.bucket, columns, PLAIN
        self._holes = holes_of(feature, columns, refuse=True)
        self._samples = [Sample() for _ in columns]
        self._sums, self._counts = np.zeros(len(columns)), np.zeros(len(columns))
        self._origin, self._rows = "", 0

    def see(self, table: Table) -> None:
        """Add the block's numbers. Raises DataError NS703 for a missing one that is refused."""
        self._origin, self._rows = table.origin, self._rows + table.rows
        for at, name in enumerate(self._columns):
            values = single(table, name, self._reading)
            there = values[~np.isnan(values)]
            self._sums[at] += there.sum()
            self._counts[at] += len(there)
            if self._bucket.quantiles:
                self._samples[at].see(there)

    def made(self) -> Buckets:
        """Raises DataError NS704 for a column without a number."""
        if not self._counts.all():
            name = self._columns[int(np.argmin(self._counts))]
            raise DataError("NS704", f"`{self._origin}`, column `{name}`: no number in the {self._rows} training rows")
        given, quantiles = self._bucket.boundaries, self._bucket.quantiles
        boundaries = tuple(given or sample.boundaries(quantiles or 1) for sample in self._samples)
        means = tuple((self._sums / self._counts).tolist())
        return Buckets(self._columns, boundaries, means, self._bucket.one_hot, self._holes, self._reading)

    def notes(self, name: str) -> tuple[str, ...]:
        """Which buckets were learned, and from what."""
        if not self._bucket.quantiles:
            return ()
        said = []
        for column, sample in zip(self._columns, self._samples, strict=True):
            shown = ", ".join(f"{boundary:.6g}" for boundary in sample.boundaries(self._bucket.quantiles)[:12])
            rest = ", …" if self._bucket.quantiles > 13 else ""
            of = "" if sample.exact else f", the quantiles of a sample of {MOST_SAMPLED:,} rows"
            said.append(f"`{name}`: the buckets of `{column}` begin with {shown}{rest}{of}")
        return tuple(said)


class CategoriesLearner:
    """The values of the training part, sorted as numbers where all are numbers, else by code point.

    With `vocabulary` they are counted, and the most frequent are kept, equals by code point.
    """

    def __init__(self, feature: Feature, columns: tuple[str, ...]) -> None:
        assert feature.category is not None
        self._columns, self._category = columns, feature.category
        self._counts = {name: tokens.Counts() for name in columns}

    def see(self, table: Table) -> None:
        """Add the block's values. Raises DataError NS708 beyond what can be called few, unless `vocabulary` is said."""
        for name, counts in self._counts.items():
            cells = trimmed(table, name)
            counts.see(cells.filter(pc.not_equal(cells, "")))
            if self._category.vocabulary is None and len(counts.counts) > MOST_VALUES:
                said = f"`{table.origin}`, column `{name}`: more than {MOST_VALUES:,} different values"
                cure = "say `category: {vocabulary: 10000}` for the most frequent, or `hash: 10000`"
                raise DataError("NS708", f"{said}, and a category is one of few", cure)

    def made(self) -> Categories:
        """The encoder."""
        return Categories(self._columns, tuple(map(self._kept, self._columns)), self._category.one_hot)

    def _kept(self, name: str) -> tuple[str, ...]:
        counts, most = self._counts[name], self._category.vocabulary
        return in_order(set(counts.counts if most is None else counts.vocabulary(most - 1 + FIRST)))

    def notes(self, name: str) -> tuple[str, ...]:
        """Columns that hold nothing, and what a vocabulary leaves out."""
        said = [
            f"`{name}`: column `{column}` is empty, so every value of it is unknown"
            for column, counts in self._counts.items()
            if not counts.counts
        ]
        for column, counts in self._counts.items() if self._category.vocabulary is not None else ():
            kept = self._kept(column)
            if len(kept) < len(counts.counts):
                share = 100 * (1 - sum(counts.counts[value] for value in kept) / max(counts.total, 1))
                of = f"{len(counts.counts):,}" if counts.exact else f"more than {tokens.MOST_WORDS:,}"
                said.append(
                    f"`{name}`: {len(kept):,} of {of} values of `{column}` known, {share:.1f} % of the cells unknown"
                )
        return tuple(said)


class WordsLearner:
    """The vocabulary of the training part, or the one that is `listed`; without a length, that of its longest text."""

    def __init__(
        self, feature: Feature, columns: tuple[str, ...], length: int | None, listed: tuple[str, ...] | None = None
    ) -> None:
        assert feature.text is not None
        self._text, self._columns, self._length = feature.text, columns, length
        self._size = feature.text.vocabulary or len(listed or ()) + FIRST
        self._listed = None if listed is None else listed[: self._size - FIRST]
        self._counts, self._longest, self._cut, self._known = tokens.Counts(), 1, 0, 0
        self._vocabulary: tuple[str, ...] = ()

    def see(self, table: Table) -> None:
        """Count the block's tokens."""
        text = self._text
        cells = strings(table, self._columns[0])
        found, counts = tokens.found(cells, text.by, text.lower, text.ngrams, text.punctuation)
        if self._listed is None:
            self._counts.see(found)
        else:
            self._counts.total += len(found)
            self._known += int(np.count_nonzero(tokens.numbered(found, pa.array(self._listed)) != UNKNOWN_TOKEN))
        self._longest = max(self._longest, int(counts.max(initial=0)))
        if self._length is not None:
            self._cut += int(np.count_nonzero(counts > self._length))

    def made(self) -> Words:
        """The encoder."""
        text = self._text
        self._vocabulary = self._counts.vocabulary(self._size) if self._listed is None else self._listed
        sides = text.padding, text.truncating
        length = self._length or self._longest
        return Words(
            self._columns,
            self._size,
            length,
            text.by,
            *sides,
            text.lower,
            text.one_hot,
            self._vocabulary,
            text.ngrams,
            text.punctuation,
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """How much of the training part its vocabulary covers."""
        counts = self._counts
        known = sum(counts.counts.get(token, 0) for token in self._vocabulary) if self._listed is None else self._known
        share = 100 * (counts.total - known) / max(counts.total, 1)
        about = "" if counts.exact else f", rare ones counted roughly (more than {tokens.MOST_WORDS:,} different)"
        where = f" from `{self._text.file}`" if self._listed is not None else ""
        tokens_ = counted(len(self._vocabulary), self._text.by.removesuffix("s"))
        cut = f"{counted(self._cut, 'text')} cut at {self._length or self._longest}"
        return (f"`{name}`: {tokens_} known{where}{about}, {share:.1f} % of the training part's unknown, {cut}",)


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


class ArraysLearner:
    """What is learned of numbers, from those in lists: by their position where all rows have as many, along the last
    axis where there are more axes, else over all of them. And the length, where nothing gives it: that of the longest.
    """

    def __init__(self, feature: Feature, columns: tuple[str, ...], form: Listed, whole: bool) -> None:
        self._feature, self._columns, self._form, self._longest = feature, columns, form, 0
        self._numbers, self._origin, self._rows, self._any = NumbersLearner(feature, columns, whole), "", 0, False

    def see(self, table: Table) -> None:
        """Look at lengths and numbers. Raises DataError NS703 for a list that the input does not take."""
        said, name = self._feature.array, self._columns[0]
        assert said is not None
        found = vectors.cut(vectors.read(table, name, self._form), self._form, said.truncating)
        self._origin, self._rows = table.origin, self._rows + table.rows
        self._longest = max(self._longest, int(found.counts.max(initial=0)))
        if found.steps.size:
            self._any = True
            self._numbers.see(vectors.side_by_side(table, name, found, self._form))

    def made(self) -> Arrays:
        """Raises DataError NS704 where there is no number, or none at some position."""
        said, form = self._feature.array, self._form
        assert said is not None
        if not self._any:
            where = f"`{self._origin}`, column `{self._columns[0]}`"
            raise DataError("NS704", f"{where}: no number in the {self._rows} training rows")
        numbers = self._numbers.made()
        sides = said.padding, said.truncating
        return Arrays(self._columns, form.steps or self._longest, form.inner, form.exact, *sides, numbers)

    def notes(self, name: str) -> tuple[str, ...]:
        """The length, where it was learned."""
        if self._form.steps is not None:
            return ()
        return (f"`{name}`: padded to {counted(self._longest, 'step')}, as many as the longest training row",)


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
        holes = holes_of(self._feature, self._columns, refuse=False)
        still = Numbers(self._columns, empty, None, None, self._feature.rescale, holes)
        numbers = still if self._numbers is None else self._numbers.made()
        return Images(self._columns, size.height, size.width, size.channels, size.resize, self._skips, numbers)

    def notes(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()


class Fixed:
    """An encoder that learns nothing."""

    def __init__(self, encoder: MultiHot | Hashed) -> None:
        self._encoder = encoder
        self._empty = set(encoder.columns) if isinstance(encoder, Hashed) else set[str]()

    def see(self, table: Table) -> None:
        """Which columns hold something, for the report."""
        for name in tuple(self._empty):
            if pc.any(pc.not_equal(trimmed(table, name), "")).as_py():
                self._empty.remove(name)

    def made(self) -> MultiHot | Hashed:
        """The encoder."""
        return self._encoder

    def notes(self, name: str) -> tuple[str, ...]:
        """Columns that hold nothing."""
        empty = (column for column in self._encoder.columns if column in self._empty)
        return tuple(f"`{name}`: column `{column}` is empty, so every value of it is 0" for column in empty)
