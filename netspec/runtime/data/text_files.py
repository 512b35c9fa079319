"""CSV and TSV files: their cells as they are, whole or block by block, and what exactly is wrong where they are broken.

Cells stay text, so `007` and `NA` survive; `columns.py` makes numbers of them where numbers belong.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from collections.abc import Sequence as Items

import pyarrow as pa
import pyarrow.csv

from netspec.diagnostics import counted
from netspec.probe.cells import OPEN_QUOTE, open_quote
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File, opened, opened_text
from netspec.runtime.data.tables import LONGEST, Table, Text, records

_BLOCK = 1 << 23  # bytes; a row must not be longer, so blocks grow where one is
_BLOCK_STREAMED = 1 << 22
_MOST = 1 << 28


def header(file: File, separator: str) -> list[str]:
    """The names of the columns. NS704 for a file without a line, NS705 for one whose first line cannot be read."""
    try:
        first = next(records(file.path, separator), None)
    except csv.Error as error:
        message = f"the header of `{file.name}` cannot be read: {error}"
        raise DataError("NS705", message, "is a quote left open?") from None
    except UnicodeDecodeError:
        check_utf8(file)
        raise
    except (OSError, EOFError) as error:
        raise DataError("NS705", f"`{file.name}` cannot be unpacked: {error}") from None
    if first is None:
        raise DataError("NS704", f"`{file.name}` is empty; expected a header and rows")
    if any("\n" in cell for cell in first[1]) and check_utf8(file) % 2:
        _check_quotes(file, separator)
    return first[1]


def read(file: File, separator: str, wanted: Items[str], there: Items[str], decimal: str = ".") -> Table:
    """The whole file."""
    if check_utf8(file) % 2:
        _check_quotes(file, separator)
    block = _BLOCK
    while True:
        try:
            with opened(file.path) as stream:
                table = pyarrow.csv.read_csv(stream, **_options(separator, wanted, block))
            break
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            block = _larger(block, error)
            if not block:
                raise _diagnose(file, separator, there, error) from None
    if table.num_rows == 0:
        raise DataError("NS704", f"`{file.name}` has a header and no rows")
    cells = {name: table.column(name) for name in wanted}
    text, folders = Text(file.path, separator), (file.path.parent,)
    return Table(cells, table.num_rows, file.name, text=text, folders=folders, decimal=decimal)


def count(file: File, separator: str, wanted: Items[str], there: Items[str]) -> int:
    """How many rows it has, or none; each is looked at on the way, so that later readings find nothing wrong."""
    if check_utf8(file) % 2:
        _check_quotes(file, separator)
    try:
        return sum(table.rows for table in blocks(file, separator, wanted[:1], there, before=0))
    except DataError as error:
        if error.code != "NS704":
            raise
        return 0


def blocks(
    file: File, separator: str, wanted: Items[str], there: Items[str], *, before: int, decimal: str = "."
) -> Iterator[Table]:
    """The rows some megabytes at a time; `before` rows of earlier files are counted before its first."""
    given, block = 0, _BLOCK_STREAMED
    while True:
        seen = 0
        try:
            with opened(file.path) as stream:
                for batch in pyarrow.csv.open_csv(stream, **_options(separator, wanted, block)):
                    part = batch.slice(max(0, given - seen))  # what is left of it, where blocks have grown
                    seen += batch.num_rows
                    if part.num_rows:
                        cells = {name: part.column(name) for name in wanted}
                        yield Table(
                            cells,
                            part.num_rows,
                            file.name,
                            text=Text(file.path, separator),
                            first=before + given + 1,
                            folders=(file.path.parent,),
                            before=before,
                            decimal=decimal,
                        )
                        given += part.num_rows
            return
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            block = _larger(block, error)
            if not block:
                raise _diagnose(file, separator, there, error) from None


def _larger(block: int, error: Exception) -> int:
    """The size of blocks to try next, 0 where it was not a long row that the reader could not take."""
    return block * 4 if "straddling" in str(error) and block < _MOST else 0


def _options(separator: str, wanted: Items[str], block: int) -> dict[str, object]:
    return {
        "read_options": pyarrow.csv.ReadOptions(block_size=block),
        "parse_options": pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        "convert_options": pyarrow.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types={name: pa.string() for name in wanted},
            strings_can_be_null=False,
        ),
    }


def _diagnose(file: File, separator: str, there: Items[str], error: Exception) -> DataError:
    """The first thing wrong with a text file that the fast reader refused, by a slow and exact second reading."""
    line, number = 1, -1
    try:
        for number, (line, cells) in enumerate(records(file.path, separator)):
            if len(cells) != len(there):
                return DataError(
                    "NS705",
                    f"`{file.name}` row {number} (line {line}): "
                    f"expected {counted(len(there), 'column')}, got {len(cells)}",
                    "put cells that hold the separator in double quotes"
                    if len(cells) > len(there)
                    else "an empty cell has its separator too",
                )
    except csv.Error:
        message = f"`{file.name}` row {number + 1} has a cell of more than {LONGEST} characters"
        return DataError("NS705", message, "is a double quote left open?")
    except (OSError, EOFError, UnicodeDecodeError) as broken:
        return DataError("NS705", f"`{file.name}` cannot be read: {broken}")
    if number < 1:
        return DataError("NS704", f"`{file.name}` has a header and no rows")
    if "straddling" in str(error):
        return DataError("NS705", f"`{file.name}` has a row of more than {_MOST >> 20} megabytes")
    return DataError("NS705", f"`{file.name}` cannot be read: {str(error).splitlines()[0]}")


def check_utf8(file: File) -> int:
    """NS705 with the line of the first byte that is not UTF-8, in any column; else the number of double quotes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, quotes = 1, 0
    with opened(file.path) as stream:
        while True:
            try:
                block = stream.read(_BLOCK)
            except (OSError, EOFError) as error:
                raise DataError("NS705", f"`{file.name}` cannot be unpacked: {error}") from None
            if line == 1 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError("NS705", f"`{file.name}` is UTF-16; expected UTF-8", "save the file again as UTF-8")
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                message = f"`{file.name}` line {line} is not UTF-8"
                raise DataError("NS705", message, "save the file again as UTF-8") from None
            if not block:
                return quotes
            line += block.count(b"\n")
            quotes += block.count(b'"')


def _check_quotes(file: File, separator: str) -> None:
    """A quote that is never closed swallows the rest of the file without a word, so look when the count is odd."""
    rows, line = 0, 1
    limit = csv.field_size_limit(LONGEST)
    try:
        with opened_text(file.path) as text:
            reader = csv.reader(text, delimiter=separator, strict=True)
            for cells in reader:
                rows, line = rows + bool(cells), reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error) or "field larger" in str(error):
            with opened_text(file.path) as text:
                line += open_quote(itertools.islice(text, line - 1, None), separator)
            where = f"row {rows} (line {line})" if rows else f"line {line}"
            raise DataError("NS705", f"`{file.name}` {where}: a double quote is never closed", OPEN_QUOTE) from None
    finally:
        csv.field_size_limit(limit)
