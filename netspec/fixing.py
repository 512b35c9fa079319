"""The safe cures of a spec's mistakes, written into its text: nothing but the mended words changes, comments stay.

A cure is written only where the file still says what it was found for, and only if the result can be read.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass

from netspec.diagnostics import RULES, Diagnostic, Fix
from netspec.language.document import Document
from netspec.language.source import parse_value
from netspec.pipeline import Analysis

_ROUNDS = 20  # a mended name brings what it hid to light
_TAG = 100  # characters in front of a value in which a tag is looked for
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A spec's text before and after its cures, how many were written, and what is known of the result."""

    before: str
    after: str
    count: int
    analysis: Analysis


def fixed(analysis: Analysis, again: Callable[[str], Analysis], codes: Container[str] = frozenset(RULES)) -> Fixed:
    """Apply every safe cure of these codes, and those that show once the first are applied.

    `again` analyses a changed text, with all that was laid over the first.
    """
    before, count = analysis.document.text, 0
    for _ in range(_ROUNDS):
        wanted = [found for found in analysis.diagnostics if found.code in codes]
        edits = _edits(analysis.document, wanted)
        if not edits:
            break
        result = again(_applied(analysis.document.text, edits))
        if _unreadable(result) > _unreadable(analysis):
            break
        count += len(edits)
        analysis = result
    return Fixed(before, analysis.document.text, count, analysis)


def diff(name: str, done: Fixed) -> str:
    """What the cures change, as a unified diff; empty where they change nothing."""
    import difflib

    sides = (done.before.splitlines(keepends=True), done.after.splitlines(keepends=True))
    lines = []
    for line in difflib.unified_diff(*sides, fromfile=name, tofile=name):
        lines.append(line if line.endswith(("\n", "\r")) else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def write(path: str, done: Fixed) -> None:
    """Put the mended text in the file's place, whole or not at all; links, mode, owner and byte order mark stay.

    A file of several names (hard links) is written where it lies, for a new one would take only one of them.

    Raises OSError where the file or its folder cannot be written, and ValueError where the file has changed since.
    """
    real = os.path.realpath(path)
    with open(real, "rb") as file:
        raw = file.read()
        status = os.fstat(file.fileno())
    bom = _BOM if raw.startswith(_BOM) else b""
    if raw != bom + done.before.encode():
        raise ValueError("the file was changed meanwhile")
    if not os.access(real, os.W_OK):
        raise PermissionError(13, "Permission denied")
    if status.st_nlink > 1:
        with open(real, "r+b") as file:
            file.write(bom + done.after.encode())
            file.truncate()
        return
    handle, name = tempfile.mkstemp(prefix=".netspec-", dir=os.path.dirname(real))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bom + done.after.encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError, AttributeError):  # another's file stays another's where one may give it back
            os.chown(name, status.st_uid, status.st_gid)
        os.chmod(name, stat.S_IMODE(status.st_mode))
        os.replace(name, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


_Edit = tuple[int, int, str]


def _edits(document: Document, diagnostics: Iterable[Diagnostic]) -> list[_Edit]:
    """The stretches of the text that are replaced, from front to back, none of them twice."""
    found: dict[tuple[int, int], str | None] = {}
    for diagnostic in diagnostics:
        fix = diagnostic.fix
        if fix is None or fix.place.file != document.file or fix.place in document.overrides.values():
            continue
        start, end = document.offsets(fix.place)
        in_front = document.text[max(start - _TAG, 0) : start].split()[-2:]  # a tag, or a tag and an anchor
        tagged = any(word.startswith("!") for word in in_front if word[0] in "!&")
        new = _written(fix, document.text[start:end], tagged)
        if new is not None:
            # Two cures for one word: neither is sure.
            found[start, end] = new if found.get((start, end), new) == new else None
    edits = sorted((start, end, new) for (start, end), new in found.items() if new is not None)
    return [edit for at, edit in enumerate(edits) if at == 0 or edits[at - 1][1] <= edit[0]]


def _written(fix: Fix, written: str, tagged: bool) -> str | None:
    """How the new value stands in the text; None where the text does not say the old one, as behind a variable.

    What goes over several lines, or has a tag in front, is left alone: it says more than the value.
    """
    if "\n" in written or "\r" in written or (tagged and not isinstance(fix.new, str)):
        return None
    try:
        now = parse_value(written)
    except ValueError:
        return None
    is_name = isinstance(fix.old, str) and isinstance(fix.new, str) and written == fix.old
    if not is_name and (type(now) is not type(fix.old) or now != fix.old):
        return None
    if isinstance(fix.new, str):
        quote = written[:1] if written[:1] in ("'", '"') else ""
        plain = f"{quote}{fix.new}{quote}"
        with suppress(ValueError):
            if parse_value(plain) == fix.new:
                return plain
        return json.dumps(fix.new)
    return json.dumps(fix.new)


def _applied(text: str, edits: list[_Edit]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


def _unreadable(analysis: Analysis) -> int:
    """How many mistakes of the YAML text itself there are."""
    return sum(found.code.startswith("NS1") for found in analysis.diagnostics)
