"""What netspec says: one Diagnostic for each mistake, gathered by a Report, in the order of the file.

Stages speak in paths such as ("layers", 3, "Dense", "units"); the Report alone turns a path into a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

Path = tuple[str | int, ...]

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of mistake. A code is never reused; its hundreds digit is the stage that finds it."""

    code: str
    name: str
    severity: str


_TABLE = """
NS100 unreadable-text        error
NS101 yaml-syntax            error
NS102 duplicate-key          error
NS103 nested-too-deep        error
NS104 too-large              error
NS105 unknown-tag            error
NS106 bad-alias              error
NS107 bad-key                error
NS108 bad-number             error
NS109 not-one-document       error
NS110 not-a-spec             error
NS201 unknown-key            error
NS202 wrong-type             error
NS203 missing-key            error
NS204 unknown-layer          error
NS205 unknown-argument       error
NS206 bad-value              error
NS207 missing-argument       error
NS208 not-one-layer          error
NS209 bad-name               error
NS210 bad-variable           error
NS211 bad-override           error
NS212 removed-argument       error
NS213 refused-object         error
NS214 unknown-object         error
NS215 unusual-spelling       warning
NS216 unsupported-version    error
NS217 ignored-argument       warning
NS301 unknown-reference      error
NS302 forward-reference      error
NS303 duplicate-name         error
NS304 ambiguous-reference    error
NS305 missing-from           error
NS306 unused-input           warning
NS307 unused-step            warning
NS308 bad-output             error
NS309 bad-from               error
NS310 bad-repeat             error
NS311 unused-shared          warning
NS312 chain-from-head        warning
NS313 bad-use                error
NS401 merge-mismatch         error
NS402 wrong-rank             error
NS403 bad-axis               error
NS404 shape-mismatch         error
NS405 too-small              error
NS406 wrong-dtype            error
NS407 pinned-shape           error
NS408 keras-refuses          error
NS409 keras-differs          error
NS501 not-an-output          error
NS502 output-without-loss    warning
NS503 unknown-loss           error
NS504 loss-activation        warning
NS505 constant-softmax       warning
NS506 logits-mismatch        warning
NS507 unknown-metric         error
NS508 unknown-optimizer      error
NS509 unknown-monitor        error
NS510 unknown-callback       error
NS511 nothing-to-train       error
NS512 loss-shape             error
NS513 stateful-batches       error
NS601 too-big                warning
NS701 missing-file           warning
NS702 missing-column         error
NS703 bad-cell               error
NS704 no-rows                error
NS705 unreadable-data        error
NS706 target-shape           error
NS707 missing-feature        error
NS708 feature-shape          error
NS709 bad-data-source        error
NS801 bad-run                error
NS802 not-finite             error
NS901 internal-error         error
"""

RULES: dict[str, Rule] = {rule.code: rule for rule in (Rule(*line.split()) for line in _TABLE.strip().splitlines())}


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and marks that show nothing


def printable(text: str) -> str:
    """Text from a user as a terminal may show it: what moves, hides or reorders text is escaped.

    >>> printable("a\\x1b[31m\\u202eb")
    'a\\\\x1b[31m\\\\u202eb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() and char not in _INVISIBLE else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        code -= 0xDC00
    short = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _ESCAPES.get(char, short)


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one file. Lines and columns count from 1, in characters; the end is exclusive.

    `text` is the source line that holds the start (cut to a window round it where it is very long), and
    `offset` the number of characters cut off in front.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that tells the other half of the story, and what stands there."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A cure that is safe to write into the file: at `place`, where the value `old` is written, `new` is meant."""

    place: Place
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: what, where, why, and the way out, which is also a `fix` where it is sure."""

    code: str
    name: str
    severity: str
    message: str
    place: Place
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: Fix | None = None

    def as_json(self) -> dict[str, object]:
        """The fixed form that scripts read; the keys never change within format_version 1."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity,
            "message": self.message,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "end_line": self.place.end_line,
            "end_column": self.place.end_column,
            "help": self.help,
        }


class Locator(Protocol):
    """What a Report needs of a document: the place of a path. `language.source.Document` is one."""

    def locate(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value at `path` (of its key with `key`), or of the nearest ancestor that has one."""
        ...


@dataclass(slots=True)
class Report:
    """Collects the diagnostics of one file. Every stage appends; nothing is ever taken out."""

    locator: Locator
    _found: dict[tuple[str, Place, str], Diagnostic] = field(default_factory=dict)
    _silent: set[Path] = field(default_factory=set)
    _silent_places: set[Place] = field(default_factory=set)  # a shorthand that is written out has other paths

    def silence(self, path: Path) -> None:
        """Say nothing more at `path` or below it: the mistake that stands there is recorded already."""
        self._silent.add(path)
        self._silent_places.add(self.locator.locate(path))

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        key: bool = False,
        label: str = "",
        spans: Iterable[tuple[Path, str]] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        severity: str | None = None,
        fix: tuple[object, object] | None = None,
    ) -> None:
        """Record a mistake at `path`; the same mistake at the same place is recorded once.

        `fix` is the value (or key) that stands at the path, and the one that is surely meant.
        """
        if self._silent and any(path[:length] in self._silent for length in range(len(path) + 1)):
            return
        place = self.locator.locate(path, key=key)
        if place in self._silent_places:
            return
        self.add_at(
            code,
            place,
            message,
            label=label,
            labels=tuple(Label(self.locator.locate(where), text) for where, text in spans),
            notes=notes,
            help=help,
            severity=severity,
            fix=None if fix is None else Fix(place, *fix),
        )

    def add_at(
        self,
        code: str,
        place: Place,
        message: str,
        *,
        label: str = "",
        labels: Iterable[Label] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        severity: str | None = None,
        fix: Fix | None = None,
    ) -> None:
        """Record a mistake whose place is already known."""
        rule, labels, notes = RULES[code], tuple(labels), tuple(notes)
        level = severity or rule.severity
        found = Diagnostic(rule.code, rule.name, level, message, place, label, labels, notes, help, fix)
        self._found.setdefault((code, place, message), found)

    def __len__(self) -> int:
        return len(self._found)

    def __bool__(self) -> bool:
        return True  # an empty report is still a report

    @property
    def ok(self) -> bool:
        """True while no error has been recorded; warnings do not count."""
        return not any(found.severity == ERROR for found in self._found.values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found, by line and column; the same on every run."""
        return tuple(
            sorted(self._found.values(), key=lambda d: (d.place.file, d.place.line, d.place.column, d.code, d.message))
        )
