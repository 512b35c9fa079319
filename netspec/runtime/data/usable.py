"""Which rows can be used, and what the report says of the others: without a label, without a number that they need.

Counted table by table and added up, so that a report speaks of a whole part whatever it is read in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from netspec.runtime.data.encoders import Images
from netspec.runtime.data.faults import NoRows
from netspec.runtime.data.labels import Label
from netspec.runtime.data.quantities import Buckets, Numbers
from netspec.runtime.data.readings import Reading, empty
from netspec.runtime.data.tables import Table
from netspec.runtime.data.vectors import Arrays, Present

if TYPE_CHECKING:
    from netspec.runtime.data.features import Input


@dataclass(frozen=True)
class Used:
    """Rows that were looked at, that are kept, that lack a label in `labels`; by column what was dropped and filled."""

    origin: str = ""
    rows: int = 0
    kept: int = 0
    unlabelled: int = 0
    labels: tuple[str, ...] = ()
    lacking: Mapping[str, int] = field(default_factory=dict)  # by output that masks: kept rows without its label
    masked: Mapping[str, int] = field(default_factory=dict)  # by column: labels that kept rows lack beside others
    dropped: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (column, by what)
    wordless: frozenset[str] = frozenset()  # of the columns of `dropped` those that hold no numbers
    unread: int = 0  # rows with an image that cannot be read
    why: str = ""  # what is wrong with the first of these

    def __add__(self, more: Used) -> Used:
        """Both together, under the first one's name."""
        return Used(
            self.origin or more.origin,
            self.rows + more.rows,
            self.kept + more.kept,
            self.unlabelled + more.unlabelled,
            self.labels or more.labels,
            _sum(self.lacking, more.lacking),
            _sum(self.masked, more.masked),
            _sum(self.dropped, more.dropped),
            _sum(self.filled, more.filled),
            self.wordless | more.wordless,
            self.unread + more.unread,
            self.why or more.why,
        )

    def notes(self) -> tuple[str, ...]:
        """What the report says of these rows. Raises DataError NS704 where none is left."""
        notes = []
        if self.unlabelled:
            columns = ", ".join(f"`{column}`" for column in self.labels)
            notes.append(f"{_counted(self.unlabelled)} dropped: no label in {columns}")
        for column, count in self.dropped.items():
            if count:
                what = "nothing" if column in self.wordless else "no number"
                notes.append(f"{_counted(count)} dropped: {what} in `{column}`")
        notes += [
            f"{_counted(count)} masked for `{output}`, which {'has' if count == 1 else 'have'} no label of it"
            for output, count in self.lacking.items()
            if count
        ]
        if masked := [f"{count} in `{column}`" for column, count in self.masked.items() if count]:
            notes.append(f"labels masked in rows that have others: {', '.join(masked)}")
        replaced: dict[str, list[str]] = {}
        for (column, by), count in self.filled.items():
            if count:
                replaced.setdefault(by, []).append(f"{count} in `{column}`")
        if self.unread:
            notes.append(f"{_counted(self.unread)} dropped: no image that can be read, the first: {self.why}")
        notes += [f"missing numbers replaced by {by}: {', '.join(counts)}" for by, counts in replaced.items()]
        if not self.kept:
            message = f"`{self.origin}`: none of the {_counted(self.rows)} can be used"
            raise NoRows("NS704", message, "; ".join(notes) or None)
        return (f"{self.kept} of {self.rows} rows of `{self.origin}` used", *notes)


def look(features: Mapping[str, Input], labels: Mapping[str, Label], table: Table) -> tuple[np.ndarray, Used]:
    """Which rows of a table to use, (rows,) of bool, and the account of it."""
    lacks = {name: label.missing(table) for name, label in labels.items()}
    unlabelled = without_label(lacks, {name for name, label in labels.items() if label.masks}, table.rows)
    kept = ~unlabelled
    dropped: dict[str, int] = {}
    wordless: set[str] = set()
    filled: dict[str, tuple[str, np.ndarray]] = {}
    for feature in features.values():
        encoder = feature.encoder
        quantity = encoder if isinstance(encoder, Numbers | Buckets | Arrays) else None
        gone = Dropping(feature.drops, quantity.reading if quantity else None).holes(table)
        for column, holes in gone.items():
            dropped[column] = dropped.get(column, 0) + int((holes & kept).sum())
            wordless |= set() if quantity else {column}
            kept &= ~holes
        for column, holes in quantity.missing(table).items() if quantity else ():
            if column not in gone and holes.any():
                filled[column] = (quantity.holes.said(column) if quantity else "", holes)
    return kept, Used(
        table.origin,
        table.rows,
        int(kept.sum()),
        int(unlabelled.sum()),
        tuple(dict.fromkeys(column for label in labels.values() for column in label.columns)),
        {name: int((lacks[name] & kept).sum()) for name, label in labels.items() if label.masks},
        _masked(labels, lacks, table, kept),
        dropped,
        {(column, by): int((holes & kept).sum()) for column, (by, holes) in filled.items()},
        frozenset(wordless),
    )


def _masked(
    labels: Mapping[str, Label], lacks: Mapping[str, np.ndarray], table: Table, kept: np.ndarray
) -> dict[str, int]:
    """By column how many labels are masked one by one, in kept rows that have others of the same output."""
    return {
        column: int(np.count_nonzero(holes[kept & ~lacks[name]]))
        for name, label in labels.items()
        if label.singly
        for column, holes in label.holes(table).items()
    }


def readable(features: Mapping[str, Input], table: Table) -> tuple[Table, np.ndarray, str]:
    """The table with its images read, which rows have only such as can be read, and what is wrong with the first other.

    Raises what is wrong with the first, where that is not to be skipped.
    """
    good, first = np.ones(table.rows, bool), ""
    for feature in features.values():
        encoder = feature.encoder
        if not isinstance(encoder, Images) or encoder.key in table.columns:
            continue
        table, faults = encoder.read(table)
        if faults and not encoder.skips:
            raise faults[min(faults)]
        good[list(faults)] = False
        first = first or (faults[min(faults)].message if faults else "")
    return table, good, first


def without_label(lacks: Mapping[str, np.ndarray], masks: Collection[str], rows: int) -> np.ndarray:
    """Which rows are left out, (rows,) of bool: those that lack a label of an output, or of all where all mask it.

    `lacks` says by output which rows lack its label, `masks` which outputs keep such rows while there is another label.
    """
    gone = np.zeros(rows, bool)
    none = np.full(rows, bool(lacks))
    for name, lack in lacks.items():
        none &= lack
        if name not in masks:
            gone |= lack
    return np.asarray(gone | none)


@dataclass(frozen=True)
class Dropping:
    """The columns of a feature whose empty cells drop the row. `reading` says what a number is, None: there is none."""

    columns: tuple[str, ...]
    reading: Reading | Present | None

    def holes(self, table: Table) -> dict[str, np.ndarray]:
        """By column which rows are dropped, (rows,) of bool."""
        return {c: self.reading.missing(table, c) if self.reading else empty(table, c) for c in self.columns}


def _counted(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


_K = TypeVar("_K")


def _sum(one: Mapping[_K, int], two: Mapping[_K, int]) -> dict[_K, int]:
    return {key: one.get(key, 0) + two.get(key, 0) for key in {**one, **two}}
