"""CSV and TSV files as sheets: streamed, the first 10,000 rows or 64 million characters, whatever the file holds.

Ragged rows, bytes that are no UTF-8 and a quote that is never closed are ProbeErrors, as they are to fit.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

from netspec.diagnostics import counted
from netspec.probe.cells import OPEN_QUOTE, open_quote
from netspec.probe.sheet import MOST_ROWS, MOST_TEXT, TEXT, Block, Column, Sheet
from netspec.probe.tables import ProbeError, unpacked

_LONGEST = 1 << 20  # characters of a line and of a cell: a longer one ends the look, for fit may take it
_ROWS, _CHARACTERS = 1000, 1 << 20  # of a block


class _TooLong(Exception):
    """A line that is more than a first look reads."""


def sheet(name: str, folder: Path, separator: str, header: Sequence[str], decimal: str = ".") -> Sheet:
    """The sheet of a text file whose header is known."""

    def read(sheet: Sheet, names: Sequence[str]) -> Iterator[Block]:
        return _blocks(sheet, name, folder, separator, header, names)

    return Sheet(f"`{name}`", dict.fromkeys(header, Column(TEXT)), read, decimal=decimal)


class _Lines:
    """The lines of a text file, as far as a first look goes; counts characters and double quotes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.characters = self.quotes = 0
        self.cut = False  # lines are left

    def __iter__(self) -> Iterator[str]:
        readline = self._file.readline
        while line := readline(_LONGEST):
            self.characters += len(line)
            if self.characters > MOST_TEXT or (len(line) == _LONGEST and line[-1] not in "\r\n"):
                self.cut = True
                raise _TooLong
            self.quotes += line.count('"')
            yield line


def _blocks(
    sheet: Sheet, name: str, folder: Path, separator: str, header: Sequence[str], names: Sequence[str]
) -> Iterator[Block]:
    """Raises ProbeError after the last row where some are ragged, so that all of them are counted."""
    sheet.seen, sheet.whole = 0, False
    positions = [header.index(column) for column in names]
    picked: Any = itemgetter(*positions) if len(positions) > 1 else lambda cells: [cells[at] for at in positions]
    limit = csv.field_size_limit(_LONGEST)
    ragged: tuple[int, int, int] | None = None
    wrong = 0
    rows: list[Sequence[str]] = []
    lines: list[int] = []
    try:
        with unpacked(name, folder) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            source = _Lines(file)
            reader = csv.reader(source, delimiter=separator)
            flushed, line, started = 0, 1, False
            try:
                for cells in reader:
                    here, line = line, reader.line_num + 1
                    if not cells:
                        continue
                    if not started:
                        started = True
                        continue
                    if sheet.seen == MOST_ROWS:
                        break
                    sheet.seen += 1
                    if len(cells) != len(header):
                        wrong += 1
                        ragged = ragged or (sheet.seen, here, len(cells))
                        continue
                    if ragged is None:
                        rows.append(picked(cells))
                        lines.append(here)
                        if len(rows) == _ROWS or source.characters - flushed > _CHARACTERS:
                            yield _block(sheet, names, rows, lines)
                            rows, lines, flushed = [], [], source.characters
                else:
                    sheet.whole = True
            except (_TooLong, csv.Error):
                pass  # a row that a first look does not read; fit may
            except UnicodeDecodeError:
                raise _not_utf8(name, folder) from None
        if sheet.whole and source.quotes % 2:
            _check_quotes(name, folder, separator)
    finally:
        csv.field_size_limit(limit)
    if ragged is not None:
        number, at, count = ragged
        more = "" if wrong == 1 else f"; so are {wrong} of {sheet.far()}"
        raise ProbeError(
            f"`{name}` row {number} (line {at}): expected {counted(len(header), 'column')}, got {count}{more}",
            help="put cells that hold the separator in double quotes"
            if count > len(header)
            else "an empty cell has its separator too",
        )
    if rows:
        yield _block(sheet, names, rows, lines)


def _block(sheet: Sheet, names: Sequence[str], rows: list[Sequence[str]], lines: list[int]) -> Block:
    cells = dict(zip(names, zip(*rows, strict=True), strict=True)) if names else {}
    return Block(sheet.seen - len(rows), len(rows), cells, lines)


def _not_utf8(name: str, folder: Path) -> ProbeError:
    """The line of the first byte that is no UTF-8, by a second reading."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with unpacked(name, folder) as file:
        while True:
            block = file.read(1 << 20)
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                break
            if not block:
                break
            line += block.count(b"\n")
    return ProbeError(f"`{name}` line {line} is not UTF-8", help="save the file again as UTF-8")


def _check_quotes(name: str, folder: Path, separator: str) -> None:
    """A quote that is never closed swallows the rest of the file without a word."""
    rows, line = 0, 1
    with unpacked(name, folder) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_Lines(file), delimiter=separator, strict=True)
        try:
            for cells in reader:
                rows, line = rows + bool(cells), reader.line_num + 1
            return
        except _TooLong:
            return
        except csv.Error as error:
            if "unexpected end" not in str(error):
                return
    with unpacked(name, folder) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        line += open_quote(itertools.islice(_Lines(file), line - 1, None), separator)
    where = f"row {rows} (line {line})" if rows else f"line {line}"
    raise ProbeError(f"`{name}` {where}: a double quote is never closed", help=OPEN_QUOTE)
