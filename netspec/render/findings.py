"""Diagnostics as text for people (full or one line each) and as JSON for scripts; what came from users is escaped.

Nothing here knows how a mistake was found; the order is that of the diagnostics as they are given. What CI systems
read is beside this file: github.py, sarif.py, junit.py.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.diagnostics import ERROR, Diagnostic, Place, Suppressed, printable

if TYPE_CHECKING:
    from netspec.probe.model import Looked

FORMAT_VERSION = "1.1"

_TAB = 4
_NARROWEST = 20  # columns of source that are shown however narrow the terminal is
_RED, _YELLOW, _BLUE, _CYAN, _BOLD, _OFF = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Failure:
    """What kept a run from checking all that it was asked to: a file that cannot be read, no spec, our own fault."""

    message: str
    file: str | None = None
    code: str | None = None
    help: str | None = None

    def as_json(self) -> dict[str, object]:
        """The fixed form that scripts read."""
        return {"message": self.message, "file": self.file, "code": self.code, "help": self.help}


@dataclass(frozen=True, slots=True)
class _Span:
    place: Place
    label: str
    primary: bool


def text(diagnostics: Iterable[Diagnostic], *, color: bool = False, width: int | None = None) -> str:
    """Each diagnostic in full, with its window of the source, and an empty line between two.

    `width` cuts the source lines (never a message) to a terminal of so many columns.
    """
    return "\n".join(_full(found, color, width) for found in diagnostics)


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """One line each: `file:line:column: error[NS201] message`."""
    return "".join(
        f"{_opening(found.place)}: {found.severity}[{found.code}] {printable(found.message)}\n" for found in diagnostics
    )


def json_report(
    files: Sequence[str],
    diagnostics: Iterable[Diagnostic],
    valid: bool,
    suppressed: Iterable[Suppressed] = (),
    failures: Iterable[Failure] = (),
    looked: Iterable[tuple[str, Looked]] = (),
) -> str:
    """The report that scripts read, in ASCII alone, so that no encoding and no terminal can spoil it."""
    report = {
        "format_version": FORMAT_VERSION,
        "valid": valid,
        "files": list(files),
        "diagnostics": [found.as_json() for found in diagnostics],
        "suppressed": [{**each.diagnostic.as_json(), "reason": each.reason} for each in suppressed],
        "failures": [failure.as_json() for failure in failures],
        "data": [
            {"file": file, "source": each.origin.strip("`"), "rows": each.rows, "whole": each.whole}
            for file, each in looked
        ],
    }
    return json.dumps(report, ensure_ascii=True, allow_nan=False, indent=2) + "\n"


def summary(files: Sequence[str], diagnostics: Sequence[Diagnostic], suppressed: int = 0) -> str:
    """The last line of a run: `2 errors, 1 warning in 3 files`, or `3 specs, no problems`."""
    errors = sum(found.severity == ERROR for found in diagnostics)
    counts = [(errors, "error"), (len(diagnostics) - errors, "warning")]
    said = ", ".join(_counted(number, word) for number, word in counts if number)
    left_out = f", {suppressed} ignored by comments" if suppressed else ""
    return f"{said} in {_counted(len(files), 'file')}{left_out}" if said else _sound(len(files)) + left_out


def with_looked(said: str, looked: Iterable[Looked]) -> str:
    """The last words of a run, and how far the data files were looked at that were not looked at to their end."""
    rows = {each.origin: each.rows for each in looked if not each.whole}
    lines = [
        f"looked at the first {rows[origin]:,} rows of {origin}; fit checks the rest as it reads" for origin in rows
    ]
    return "\n".join([said.rstrip("\n"), *map(printable, lines)]) if lines else said


def _sound(number: int) -> str:
    return f"{_counted(number, 'spec')}, no problems"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _position(place: Place) -> str:
    return f"{printable(place.file)}:{place.line}:{place.column}"


def _opening(place: Place) -> str:
    """The position at the start of a line, where a file named `::error::x` would be a command to a CI system."""
    position = _position(place)
    return f"./{position}" if position.lstrip().startswith("::") else position


def _full(found: Diagnostic, color: bool, width: int | None) -> str:
    def paint(code: str, words: str) -> str:
        return f"{code}{words}{_OFF}" if color and words else words

    level = _RED if found.severity == ERROR else _YELLOW
    spans = [_Span(found.place, found.label, True)]
    spans += [_Span(label.place, label.text, False) for label in found.labels]
    gutter = len(str(max(span.place.line for span in spans)))
    edge = paint(_BLUE, " " * (gutter + 1) + "|")
    head = paint(level, f"{found.severity}[{found.code}]")
    lines = [f"{head}: {paint(_BOLD, printable(found.message))}"]
    for number, file in enumerate(dict.fromkeys(span.place.file for span in spans)):
        here = [span for span in spans if span.place.file == file]
        arrow = "-->" if number == 0 else ":::"
        lines.append(f"{' ' * gutter}{paint(_BLUE, arrow)} {_position(here[0].place)}")
        window = _window(here, width and max(width - gutter - 3, _NARROWEST))
        if window:
            lines.append(edge)
        for line, source, marks in window:
            lines.append(f"{paint(_BLUE, f'{line:>{gutter}} |')} {source}".rstrip())
            lines += [f"{edge} {indent}{paint(level if main else _BLUE, mark)}" for indent, mark, main in marks]
    last = [("note", note) for note in found.notes] + ([("help", found.help)] if found.help else [])
    if last:
        lines.append(edge)
    lines += [f"{' ' * (gutter + 1)}= {paint(_CYAN, word)}: {printable(said)}" for word, said in last]
    return "\n".join(lines) + "\n"


_Mark = tuple[str, str, bool]  # what stands before the mark, the mark with its label, whether it is the primary one


def _window(spans: list[_Span], limit: int | None) -> list[tuple[int, str, list[_Mark]]]:
    """The source lines of one file's spans, each once, with the marks below it."""
    if not any(span.place.text for span in spans):
        return []
    rows: dict[tuple[int, int, str], list[_Span]] = {}
    for span in sorted(spans, key=lambda span: (span.place.line, span.place.column, not span.primary)):
        rows.setdefault((span.place.line, span.place.offset, span.place.text), []).append(span)
    return [(line, *_row(source, offset, here, limit)) for (line, offset, source), here in rows.items()]


def _row(source: str, offset: int, spans: list[_Span], limit: int | None) -> tuple[str, list[_Mark]]:
    """One source line, cut to `limit` columns round its first span, and its marks."""
    cells = _cells(source)
    edges = [0]
    for shown in cells:
        edges.append(edges[-1] + _columns(shown))
    reach = [_reach(span.place, offset, len(cells)) for span in spans]
    first, last = 0, len(cells)
    if limit is not None and edges[-1] > limit:
        room = limit - 6  # an ellipsis on either side
        while first < last and edges[reach[0][0]] - edges[first] > room // 3:
            first += 1
        while last > first + 1 and edges[last] - edges[first] > room:
            last -= 1
    before = "..." if offset or first else ""
    after = "..." if last < len(cells) else ""
    marks: list[_Mark] = []
    for span, (start, end) in zip(spans, reach, strict=True):
        start, end = min(max(start, first), last), min(max(end, first), last)
        sign = "^" if span.primary else "-"
        mark = sign * max(1, edges[end] - edges[start])
        indent = " " * (len(before) + edges[start] - edges[first])
        marks.append((indent, f"{mark} {printable(span.label)}".rstrip(), span.primary))
    return before + "".join(cells[first:last]) + after, marks


def _reach(place: Place, offset: int, length: int) -> tuple[int, int]:
    """The cells that a span covers on its first line."""
    start = min(max(place.column - 1 - offset, 0), length)
    end = place.end_column - 1 - offset if place.end_line == place.line else length
    return start, min(max(end, start), length)


def _cells(source: str) -> list[str]:
    """Each character as it is shown: tabs as spaces up to the next stop, what cannot be shown escaped."""
    cells: list[str] = []
    column = 0
    for char in source:
        shown = " " * (_TAB - column % _TAB) if char == "\t" else printable(char)
        cells.append(shown)
        column += _columns(shown)
    return cells


def _columns(shown: str) -> int:
    """How many columns of a terminal a piece of text takes."""
    if shown.isascii():
        return len(shown)
    return sum(
        0
        if unicodedata.combining(char) or unicodedata.category(char) == "Mn"
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in shown
    )
