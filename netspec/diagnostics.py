"""What netspec says: one Diagnostic for each mistake, gathered by a Report, in the order of the file.

Stages speak in paths such as ("layers", 3, "Dense", "units"); the Report alone turns a path into a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

Path = tuple[str | int, ...]
_MOST = 1_000  # messages about one file; whoever mends the first hundred runs us again

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
NS218 unused-ignore          warning
NS219 bad-ignore             warning
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
NS314 shared-once            warning
NS315 bad-python             error
NS316 declared-shape         error
NS401 merge-mismatch         error
NS402 wrong-rank             error
NS403 bad-axis               error
NS404 shape-mismatch         error
NS405 too-small              error
NS406 wrong-dtype            error
NS407 pinned-shape           error
NS408 keras-refuses          error
NS409 keras-differs          error
NS410 mask-mismatch          error
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
NS513 stateful-batches       error
NS514 no-gradient            warning
NS515 partly-frozen          warning
NS516 late-dropout           warning
NS517 softmax-axis           warning
NS518 small-embedding        warning
NS519 stateful-shuffle       warning
NS520 metric-mismatch        warning
NS521 idle-callback          warning
NS522 huge-learning-rate     warning
NS523 activation-twice       warning
NS524 schedule-and-plateau   error
NS525 one-length             error
NS526 unmatched-pattern      error
NS527 idle-pattern           warning
NS528 frozen-and-trained     error
NS530 untrusted-python       error
NS531 unusable-python        error
NS532 failing-python         error
NS534 low-precision          warning
NS535 eager-jit              error
NS536 deterministic-jit      error
NS537 sees-ahead             warning
NS601 too-big                warning
NS602 over-budget            error
NS603 many-steps             warning
NS604 other-keras            warning
NS701 missing-file           warning
NS702 missing-column         error
NS703 bad-cell               error
NS704 no-rows                error
NS705 unreadable-data        error
NS706 target-shape           error
NS707 missing-feature        error
NS708 feature-shape          error
NS709 bad-data-source        error
NS710 label-range            error
NS711 label-form             error
NS712 input-range            error
NS713 label-in-input         error
NS714 trained-on             warning
NS801 bad-run                error
NS802 not-finite             error
NS901 internal-error         error
"""

RULES: dict[str, Rule] = {rule.code: rule for rule in (Rule(*line.split()) for line in _TABLE.strip().splitlines())}


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and marks that show nothing


def counted(number: int, word: str) -> str:
    """A number with its word.

    >>> counted(1, "row"), counted(2000, "row"), counted(0, "class")
    ('1 row', '2,000 rows', '0 classes')
    """
    return f"{number:,} {word}" + ("" if number == 1 else "es" if word.endswith("s") else "s")


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
    `offset` the number of characters cut off in front. The bytes count from 0 in the file; None where there is no file.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    offset: int = 0
    start_byte: int | None = field(default=None, compare=False)
    end_byte: int | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, object]:
        """The file, its lines and columns, its bytes."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "start_byte": self.start_byte,
            "end_byte": self.end_byte,
        }


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

    def as_json(self) -> dict[str, object]:
        """The place, and both values as JSON has them (as text, where it has not)."""
        return {**self.place.as_json(), "old": _plain(self.old), "new": _plain(self.new)}


def _plain(value: object) -> object:
    """A value that JSON can hold: a number that is none is text."""
    finite = isinstance(value, float) and value - value == 0
    return value if finite or value is None or isinstance(value, str | int) else str(value)


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
            **self.place.as_json(),
            "label": self.label,
            "labels": [{**label.place.as_json(), "text": label.text} for label in self.labels],
            "notes": list(self.notes),
            "help": self.help,
            "fix": None if self.fix is None else self.fix.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A diagnostic that a comment in the spec asks to leave out, the comment's reason and its line."""

    diagnostic: Diagnostic
    reason: str
    line: int


class Locator(Protocol):
    """What a Report needs of a document: the place of a path. `language.source.Document` is one."""

    def locate(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value at `path` (of its key with `key`), or of the nearest ancestor that has one."""
        ...


@dataclass(slots=True)
class Report:
    """Collects the diagnostics of one file, up to a thousand. Every stage appends; an error is never taken out."""

    locator: Locator
    _left_out: int = 0
    _failed: bool = False  # an error is among what was left out
    _found: dict[tuple[str, Place, str], Diagnostic] = field(default_factory=dict)
    _silent: set[Path] = field(default_factory=set)
    _lists: set[Path] = field(default_factory=set)
    _silent_places: set[Place] = field(default_factory=set)  # a shorthand that is written out has other paths

    def silence(self, path: Path) -> None:
        """Say nothing more at `path` or below it: the mistake that stands there is recorded already."""
        self._silent.add(path)
        self._silent_places.add(self.locator.locate(path))
        while path and isinstance(path[-1], int):  # nor is the list that holds it judged as a whole
            path = path[:-1]
            self._lists.add(path)

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        key: bool = False,
        label: str = "",
        spans: Iterable[tuple[Path, str] | tuple[Path, str, bool]] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        severity: str | None = None,
        fix: tuple[object, object] | None = None,
    ) -> None:
        """Record a mistake at `path`; the same mistake at the same place is recorded once.

        `spans` are other places and what stands there, of the key at a path where True follows. `fix` is the value
        (or key) that stands at the path, and the one that is surely meant.
        """
        below = range(len(path) + 1) if self._silent else ()
        if path in self._lists or any(path[:length] in self._silent for length in below):
            return
        if self.full:
            self._leave_out(severity or RULES[code].severity)
            return
        place = self.locator.locate(path, key=key)
        if place in self._silent_places:
            return
        self.add_at(
            code,
            place,
            message,
            label=label,
            labels=tuple(Label(self.locator.locate(where, key=any(of_key)), text) for where, text, *of_key in spans),
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
        if self.full:
            self._leave_out(level)
            return
        found = Diagnostic(rule.code, rule.name, level, message, place, label, labels, notes, help, fix)
        self._found.setdefault((code, place, message), found)

    def mark(self) -> int:
        """How many mistakes are recorded so far, for `error_since`."""
        return len(self._found)

    def error_since(self, mark: int) -> tuple[str, Place, str] | None:
        """What the first error recorded after `mark` is known by."""
        later = list(self._found.values())[mark:] if len(self._found) > mark else []
        error = next((found for found in later if found.severity == ERROR), None)
        return None if error is None else (error.code, error.place, error.message)

    def says(self, code: str, start: str) -> bool:
        """Whether a message of `code` that starts so is recorded."""
        return any(key[0] == code and key[2].startswith(start) for key in self._found)

    def note(self, known: tuple[str, Place, str], text: str) -> None:
        """Add a fact to a mistake that is recorded already."""
        found = self._found[known]
        self._found[known] = replace(found, notes=(*found.notes, text))

    def outdo(self, code: str, beside: Path) -> None:
        """Take out warnings of `code` that point at something within `beside`: an error says the same for sure."""
        whole = self.locator.locate(beside)
        start, end = (whole.line, whole.column), (whole.end_line, whole.end_column)
        for key, found in list(self._found.items()):
            places = [label.place for label in found.labels] if (found.code, found.severity) == (code, WARNING) else []
            if any(start <= (each.line, each.column) < end for each in places):
                del self._found[key]

    def __len__(self) -> int:
        return len(self._found) + self._left_out

    @property
    def full(self) -> bool:
        """Whether what comes now is only counted, so that finding good words for it is wasted."""
        return len(self._found) >= _MOST

    def _leave_out(self, severity: str) -> None:
        self._left_out += 1
        self._failed = self._failed or severity == ERROR

    def __bool__(self) -> bool:
        return True  # an empty report is still a report

    @property
    def ok(self) -> bool:
        """True while no error has been recorded; warnings do not count."""
        return not (self._failed or any(found.severity == ERROR for found in self._found.values()))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found, by line and column; the same on every run. The last says how many were left out."""
        found = sorted(
            self._found.values(), key=lambda d: (d.place.file, d.place.line, d.place.column, d.code, d.message)
        )
        if self._left_out:
            more = f"after {_MOST:,} messages the rest is left out: {self._left_out:,} more"
            found[-1] = replace(found[-1], notes=(*found[-1].notes, more))
        return tuple(found)
