"""What the checks of data know of a model, and how they say what they find: plain facts, no graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.types import TensorType, Unknown
from netspec.diagnostics import Path, Report, printable
from netspec.probe.sheet import Row, Sheet


@dataclass(frozen=True, slots=True)
class Model:
    """The model that data are to fit: types with the batch first, the Keras class of each output's loss.

    A loss is None where an output has none, and unknown where it was refused. `scored` are the outputs that have
    metrics, `limits` the number of different ids that an input's Embedding takes, `made` where an output is made,
    `made_from` the inputs that reach it.
    """

    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    losses: Mapping[str, str | Unknown | None] = field(default_factory=dict)
    scored: frozenset[str] = frozenset()
    limits: Mapping[str, int | None] = field(default_factory=dict)
    made: Mapping[str, Path] = field(default_factory=dict)
    steps: Mapping[str, str] = field(
        default_factory=dict
    )  # of a step that is no output by its own name, the name that it has as one, if any
    made_from: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """How far the first look at one source went: its files, the rows it saw, whether these are all."""

    origin: str
    rows: int
    whole: bool
    unlabelled: int  # rows that lack a label, which fit leaves out


@dataclass(slots=True)
class Tally:
    """The rows that share a mistake: the first of them, what stands there, and how many there are."""

    count: int = 0
    row: Row | None = None
    got: Any = None
    last: int = 0

    def add(self, row: Row, got: Any) -> None:
        """One more number of a row; a row counts once, and only the first is kept. Rows come in order."""
        self.count += row.number != self.last
        self.last = row.number
        if self.row is None:
            self.row, self.got = row, got


def shown(value: object) -> str:
    """A cell as a message shows it: in backticks on one line, cut at 60 characters.

    >>> shown("a`b"), shown(2.0), shown("")
    ("`a'b`", '`2`', 'an empty cell')
    """
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    text = printable(text[:61]).replace("`", "'")
    while "  " in text:
        text = text.replace("  ", " ")
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`" if text else "an empty cell"


def listed(values: Sequence[object], most: int = 5) -> str:
    """The first values as a message lists them."""
    return ", ".join(shown(value) for value in values[:most]) + (", …" if len(values) > most else "")


def where(sheet: Sheet, column: str, row: Row | None) -> str:
    """The start of a message about a row."""
    number = "" if row is None or not sheet.numbered else f" {row}"
    return f"{sheet.origin}{number}, column {shown(column)}: "


def say(
    report: Report,
    code: str,
    path: Path,
    sheet: Sheet,
    column: str,
    tally: Tally,
    message: str,
    *,
    help: str | None = None,
    spans: Sequence[tuple[Path, str]] = (),
    severity: str | None = None,
) -> None:
    """A finding about rows, with how many there are and how far the look went; not again for a second file."""
    if (code, path) in sheet.earlier:
        return
    sheet.said.add((code, path))
    notes = []
    if sheet.numbered and (tally.count > 1 or not sheet.whole):
        rest = "" if sheet.whole else "; fit checks the rest as it reads"
        notes.append(f"{tally.count:,} of {sheet.far()} {'is' if tally.count == 1 else 'are'} like it{rest}")
    text = where(sheet, column, tally.row) + message
    report.add(code, path, text, help=help, spans=spans, notes=notes, severity=severity)
