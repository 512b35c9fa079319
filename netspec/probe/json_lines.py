"""JSON Lines as sheets: the first 10,000 rows by the standard library, columns by the keys and values of these.

Texts, numbers, true and false are looked at; columns of lists and mappings are left to fit, as is whatever pyarrow may
read and Python does not: several objects on a line, or one on several.
"""

from __future__ import annotations

import codecs
import functools
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.probe.cells import NO_ARRAY
from netspec.probe.sheet import MOST_ROWS, TEXT, UNKNOWN, Block, Column, Sheet
from netspec.probe.tables import ProbeError, unpacked

_LONGEST = 1 << 20  # characters of a line: a longer one ends the look
_MOST = 16_000_000  # characters
_ROWS = 1000  # of a block
_TOP = 2**63
_NO_UTF8 = "save the file again as UTF-8"
_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}


@dataclass(frozen=True, slots=True)
class Look:
    """The columns by the first rows, those of texts that some rows lack, how many rows, and whether these are all."""

    columns: Mapping[str, Column]
    holes: frozenset[str]
    rows: int
    whole: bool


def columns(name: str, folder: Path, needed: frozenset[str]) -> tuple[str, ...] | None:
    """The keys of a file; None where it cannot be unpacked here, or where one of `needed` may stand further down.

    Raises ProbeError: NS704 no rows, NS705 a line that is no mapping, or whose values are of another kind than before.
    """
    if name.lower().endswith(".zst"):
        return None
    found = _look_at(name, folder)
    if found.whole and not found.rows:
        raise ProbeError(f"`{name}` has no rows", "NS704", "it needs an object a line, whose keys are the columns")
    return tuple(found.columns) if found.whole or needed <= set(found.columns) else None


def sheet(name: str, folder: Path) -> Sheet:
    """The sheet of a file."""
    known = _look_at(name, folder)

    def read(sheet: Sheet, names: Sequence[str]) -> Iterator[Block]:
        sheet.seen, sheet.whole = 0, False
        chosen = [each for each in names if known.columns[each].kind != UNKNOWN]
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        for line, row in _rows(name, folder):
            if row is None or sheet.seen == known.rows:
                break
            rows.append(row)
            lines.append(line)
            sheet.seen += 1
            if len(rows) == _ROWS:
                yield _block(sheet, chosen, rows, lines)
                rows, lines = [], []
        sheet.whole = known.whole and sheet.seen == known.rows
        if rows:
            yield _block(sheet, chosen, rows, lines)

    return Sheet(f"`{name}`", known.columns, read, holes=known.holes)


def _block(sheet: Sheet, names: Sequence[str], rows: list[dict[str, Any]], lines: list[int]) -> Block:
    try:
        cells = {name: _cells(sheet.columns[name].kind, [row.get(name) for row in rows]) for name in names}
    except (TypeError, ValueError):
        raise ProbeError(f"{sheet.origin} was changed while it was read", help="run it again when it rests") from None
    return Block(sheet.seen - len(rows), len(rows), cells, lines)


def _cells(kind: str, values: list[Any]) -> list[Any]:
    if kind == TEXT:
        return ["" if value is None else str(value) for value in values]
    if kind == "f":
        return [math.nan if value is None else float(value) for value in values]
    return [int(value) for value in values]


def _look_at(name: str, folder: Path) -> Look:
    try:
        state = os.stat(folder / name)
        return _looked(name, folder, state.st_size, state.st_mtime_ns)
    except (OSError, ValueError):
        return _looked.__wrapped__(name, folder, 0, 0)  # which says what is wrong


@functools.lru_cache(maxsize=16)
def _looked(name: str, folder: Path, size: int, time: int) -> Look:
    """The look at a file of this size and time."""
    kinds: dict[str, tuple[str, int]] = {}
    numbers: dict[str, str] = {}
    counts: dict[str, int] = {}
    rows, whole = 0, True
    for line, row in _rows(name, folder):
        if row is None or rows == MOST_ROWS:
            whole = False
            break
        rows += 1
        for key, value in row.items():
            kind = "" if value is None else _KINDS[type(value)]
            if not kind:
                counts.setdefault(key, 0)
                continue
            counts[key] = counts.get(key, 0) + 1
            before = kinds.setdefault(key, (kind, line))
            if kind != before[0]:
                said = f"`{name}` line {line}: `{key}` is {kind}, on line {before[1]} it is {before[0]}"
                raise ProbeError(said)
            if type(value) is float or (type(value) is int and not -_TOP <= value < _TOP):
                numbers[key] = "f"
    made = {}
    for key, count in counts.items():
        kind = kinds[key][0] if key in kinds else ""
        if kind == "text" or (not kind and whole):
            made[key] = Column(TEXT)
        elif kind in ("a number", "true or false"):
            whole_number = "b" if kind == "true or false" else "i"
            made[key] = Column("f" if count < rows else numbers.get(key, whole_number))
        else:
            made[key] = Column(UNKNOWN)
    holes = frozenset(key for key, count in counts.items() if made[key].kind == TEXT and count < rows)
    return Look(made, holes, rows, whole)


def _rows(name: str, folder: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Every row with its line; None in place of the first that a first look does not read."""
    seen = 0
    with unpacked(name, folder) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        number = 0
        while True:
            try:
                line = file.readline(_LONGEST)
            except UnicodeDecodeError:
                raise _not_utf8(name, folder) from None
            if not line:
                return
            number, seen = number + 1, seen + len(line)
            if seen > _MOST or (len(line) == _LONGEST and line[-1] not in "\r\n"):
                yield number, None
                return
            text = line.strip()
            if not text:
                continue
            row = _row(name, number, text, last=not line.endswith(("\r", "\n")))
            yield number, row
            if row is None:
                return


def _not_utf8(name: str, folder: Path) -> ProbeError:
    """The message for a file whose first characters are not all UTF-8, with the line."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with unpacked(name, folder) as raw:
        while block := raw.read(_LONGEST):
            if line == 1 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return ProbeError(f"`{name}` is UTF-16; expected UTF-8", help=_NO_UTF8)
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                break
            line += block.count(b"\n")
    return ProbeError(f"`{name}` line {line} is not UTF-8", help=_NO_UTF8)


def _row(name: str, number: int, text: str, last: bool) -> dict[str, Any] | None:
    where = f"`{name}` line {number}"
    if text[0] == "[":
        raise ProbeError(f"{where}: expected a mapping, `{{…}}`", help=NO_ARRAY)
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        goes_on = error.pos >= len(text) or error.msg.startswith("Unterminated")
        if error.msg.startswith("Extra data") or (goes_on and not last and text[0] == "{"):
            return None
        raise ProbeError(f"{where} is no JSON: {error}") from None
    except (ValueError, RecursionError):  # a number of very many digits
        return None
    if not isinstance(row, dict):
        raise ProbeError(f"{where}: expected a mapping, `{{…}}`")
    return row
