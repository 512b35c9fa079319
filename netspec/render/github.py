"""Findings as GitHub workflow commands, one line each: annotations on the lines of a pull request.

User text cannot forge a command: a command starts a line, and nothing here but a command starts one.
"""

from __future__ import annotations

from collections.abc import Iterable

from netspec.diagnostics import Diagnostic, Place, printable
from netspec.render.findings import Failure
from netspec.render.paths import relative


def github(diagnostics: Iterable[Diagnostic], failures: Iterable[Failure] = ()) -> str:
    """`::error file=…,line=…,endLine=…,col=…,endColumn=…,title=NS401 merge-mismatch::message`, notes and help behind.

    The end is exclusive, as in JSON. Columns are left out of a span over several lines, as GitHub asks.
    """
    lines = [_finding(found) for found in diagnostics]
    lines += [_failure(failure) for failure in failures]
    return "".join(f"{line}\n" for line in lines)


def _finding(found: Diagnostic) -> str:
    where = _where(found.place)
    said = [found.message if where else f"{found.place.file}:{found.place.line}:{found.place.column}: {found.message}"]
    if found.label:
        said.append(f"here: {found.label}")
    for label in found.labels:
        said.append(f"{label.place.file}:{label.place.line}:{label.place.column}: {label.text}")
    said += [f"note: {note}" for note in found.notes]
    if found.help:
        said.append(f"help: {found.help}")
    return _command(found.severity, [*where, ("title", f"{found.code} {found.name}")], said)


def _failure(failure: Failure) -> str:
    where = [("file", path)] if failure.file and (path := relative(failure.file)) else []
    said = [failure.message, *([f"help: {failure.help}"] if failure.help else [])]
    return _command("error", [*where, ("title", failure.code or "netspec")], said)


def _where(place: Place) -> list[tuple[str, str]]:
    path = relative(place.file)
    if path is None:
        return []
    lines = [("file", path), ("line", str(place.line)), ("endLine", str(place.end_line))]
    if place.line != place.end_line:
        return lines
    return [*lines, ("col", str(place.column)), ("endColumn", str(place.end_column))]


def _command(level: str, properties: list[tuple[str, str]], said: list[str]) -> str:
    written = ",".join(f"{name}={_property(value)}" for name, value in properties)
    return f"::{level} {written}::{'%0A'.join(_data(printable(line)) for line in said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
