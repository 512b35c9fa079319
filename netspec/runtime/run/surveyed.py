"""What a survey of data holds: parts, columns, inputs, labels and examples, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netspec.runtime.data.profile import Column, Spread
from netspec.runtime.data.usable import Used
from netspec.runtime.run.examples import Example
from netspec.runtime.run.pictures import Picture


@dataclass(frozen=True)
class Part:
    """The rows of one part: how many are used, why others are not, what the prepared ones take and where."""

    name: str
    used: Used
    bytes: int
    on_disk: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tokens:
    """Texts or lists of one part: how long they are, and which share of texts is cut, of tokens unknown."""

    lengths: Spread | None
    cut: float
    unknown: float | None


@dataclass(frozen=True)
class Seen:
    """One input: what it is made of, its shape without the batch, and by part its tokens and its prepared numbers."""

    name: str
    kind: str
    columns: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    length: int | None = None
    known: int | None = None  # words of the vocabulary
    tokens: Mapping[str, Tokens] = field(default_factory=dict)
    numbers: Mapping[str, Spread | None] = field(default_factory=dict)
    pictures: tuple[tuple[Picture, str], ...] = ()  # each with its labels


@dataclass(frozen=True)
class Labels:
    """One output's target: its form, and by part how many labels each class has; none where it has no classes.

    `rows` counts those that have a label. With `several`, a row may have more than one of the classes.
    """

    name: str
    columns: tuple[str, ...]
    form: str
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    several: bool = False
    numbers: Mapping[str, Spread | None] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)

    def share(self, part: str, at: int) -> float:
        """The share of a class in a part: of its labels, of rows where each may have several."""
        counts = self.counts[part]
        return counts[at] / max(1, self.rows[part] if self.several else sum(counts))


@dataclass(frozen=True)
class Survey:
    """All of it. `columns` are the raw ones, by part; a part that does not read a column is not there."""

    name: str
    seed: int
    drawn: bool  # the seed is not the spec's, so `fit` may hold out other rows
    parts: tuple[Part, ...]
    columns: Mapping[str, Mapping[str, Column]]
    users: Mapping[str, tuple[str, ...]]  # column -> the inputs and outputs that are made of it
    inputs: tuple[Seen, ...]
    labels: tuple[Labels, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]
    text: Running | None = None


@dataclass(frozen=True)
class Running:
    """A running text: words or characters, the most frequent with their counts, and by part how many there are, and
    which share of them is unknown.
    """

    by: str
    frequent: tuple[tuple[str, int], ...]
    tokens: Mapping[str, int]
    unknown: Mapping[str, float]
