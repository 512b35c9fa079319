"""Sources of rows to Tables: CSV, TSV, NPZ, NPY and the named data sets, read into memory.

`read` and `dataset` give a `Table`; whatever is wrong with a file is a `DataError` that names file, row and column.
Cells of text files stay text, so `007` and `NA` survive; `columns.py` makes numbers of them where numbers belong.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import difflib
import itertools
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from netspec.errors import NetspecError
from netspec.language.schema import Source
from netspec.probe.cells import separates
from netspec.runtime import engine
from netspec.runtime.data.split import fractions

Column = Any  # a pyarrow ChunkedArray of strings, a numpy array (rows, ...), or a list of lists of whole numbers

LABEL = "label"
_LONGEST = 2**31 - 1  # characters of a cell, which may be an article; Python's own limit is 131,072
_BLOCK = 1 << 23  # a row must fit into one block of the CSV reader
_DIGITS_TEST, _DIGITS_SEED = 0.2, 1797


class DataError(NetspecError):
    """Data that cannot be used: `code` is the diagnostic's, `help` the way out."""

    exit_code = 1

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.code = code


@dataclass(frozen=True)
class Table:
    """Columns of one length. `numbers` holds each row's number in its source, from 1; None: 1, 2, 3, …

    `origin` names the source in messages; `text`, for CSV and TSV, is where to look up the line of a row.
    """

    columns: Mapping[str, Column]
    rows: int
    origin: str
    numbers: np.ndarray | None = None
    text: tuple[Path, str] | None = None

    def take(self, rows: np.ndarray) -> Table:
        """The rows at these positions, in this order."""
        numbers = np.arange(1, self.rows + 1) if self.numbers is None else self.numbers
        columns = {name: _take(column, rows) for name, column in self.columns.items()}
        return replace(self, columns=columns, rows=len(rows), numbers=numbers[rows])

    def row(self, position: int) -> str:
        """The row at this position as a message names it: `row 12`, with the line where a file has lines."""
        number = int(position) + 1 if self.numbers is None else int(self.numbers[position])
        if self.text is None:
            return f"row {number}"
        records = itertools.islice(_records(*self.text), number, None)
        line = next((line for line, _ in records), None)
        return f"row {number}" if line is None else f"row {number} (line {line})"

    def column(self, name: str) -> Column:
        """The column of this name; NS702 with the nearest name where there is none."""
        if name not in self.columns:
            raise missing_column(self.origin, name, self.columns)
        return self.columns[name]


def read(source: Source, folder: Path, *, columns: Items[str] | None = None, also: Items[str] = ()) -> Table:
    """The rows of a source; paths are relative to `folder`. Only `columns` are read where they are given, and those of
    `also` that are there.

    Raises DataError: NS701 no such file, NS702 no such column, NS704 no rows, NS705 a file that cannot be read.
    """
    if source.npz is not None:
        return _table(_npz(source.npz, folder, columns, also), source.npz)
    if source.npy is not None:
        wanted = _wanted(columns, also, source.npy)
        for name in wanted:
            if name not in source.npy:
                raise missing_column("the source", name, source.npy)
        arrays = {name: _npy(source.npy[name], folder) for name in wanted}
        return _table(arrays, ", ".join(f"`{source.npy[name]}`" for name in wanted).strip("`"))
    file = source.csv or source.tsv
    if file is None:
        raise DataError("NS709", "a source needs one of `csv`, `tsv`, `npz` and `npy`")
    separator = source.separator or ("," if source.csv else "\t")
    if not separates(separator):
        raise DataError("NS709", "`separator`: expected one ASCII character, no quote and no end of a line")
    return _text(file, folder, separator, columns, also)


def _wanted(columns: Items[str] | None, also: Items[str], there: Mapping[str, object] | Items[str]) -> list[str]:
    chosen = there if columns is None else [*columns, *(name for name in also if name in there)]
    return list(dict.fromkeys(chosen))


def missing_column(origin: str, name: str, known: Mapping[str, object] | Items[str]) -> DataError:
    """NS702 with the nearest name first."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.6)
    shown = ", ".join(f"`{n}`" for n in names[:20]) + (", …" if len(names) > 20 else "")
    where = origin if origin == "the source" else f"`{origin}`"
    return DataError(
        "NS702",
        f"{where} has no column `{name}`; it has {shown}",
        f"did you mean `{near[0]}`?" if near else None,
    )


# Text files


def _text(name: str, folder: Path, separator: str, columns: Items[str] | None, also: Items[str]) -> Table:
    path = _regular(name, folder)
    quotes = _check_utf8(path, name)
    header = _header(path, name, separator)
    wanted = _wanted(columns, also, header)
    for column in wanted:
        if column not in header:
            raise missing_column(name, column, header)
    if any(header.count(column) > 1 for column in wanted):
        twice = next(column for column in wanted if header.count(column) > 1)
        raise DataError("NS705", f"`{name}` has {header.count(twice)} columns named `{twice}`; names must differ")
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                column_types={column: pa.string() for column in wanted},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise _diagnose(path, name, separator, header, error) from None
    if table.num_rows == 0:
        raise DataError("NS704", f"`{name}` has a header and no rows")
    if quotes % 2:
        _check_quotes(path, name, separator)
    return Table(
        dict(zip(wanted, (table.column(c) for c in wanted), strict=True)),
        table.num_rows,
        name,
        text=(path, separator),
    )


def _records(path: Path, separator: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every record that is not blank, the header included."""
    limit = csv.field_size_limit(_LONGEST)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=strict)
            line = 1
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _header(path: Path, name: str, separator: str) -> list[str]:
    try:
        first = next(_records(path, separator), None)
    except csv.Error as error:
        raise DataError("NS705", f"the header of `{name}` cannot be read: {error}", "is a quote left open?") from None
    if first is None:
        raise DataError("NS704", f"`{name}` is empty; expected a header and rows")
    return first[1]


def _diagnose(path: Path, name: str, separator: str, header: list[str], error: Exception) -> DataError:
    """The first thing wrong with a text file that the fast reader refused, by a slow and exact second reading."""
    line, number = 1, -1
    try:
        for number, (line, cells) in enumerate(_records(path, separator)):
            if len(cells) != len(header):
                return DataError(
                    "NS705",
                    f"`{name}` row {number} (line {line}): expected {len(header)} columns, got {len(cells)}",
                    "put cells that hold the separator in double quotes",
                )
    except csv.Error:
        return DataError(
            "NS705",
            f"`{name}` row {number + 1} has a cell of more than {_LONGEST} characters",
            "is a double quote left open?",
        )
    if number < 1:
        return DataError("NS704", f"`{name}` has a header and no rows")
    return DataError("NS705", f"`{name}` cannot be read: {str(error).splitlines()[0]}")


def _check_utf8(path: Path, name: str) -> int:
    """NS705 with the line of the first byte that is not UTF-8, in any column; else the number of double quotes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, quotes = 1, 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            if line == 1 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError("NS705", f"`{name}` is UTF-16; expected UTF-8", "save the file again as UTF-8")
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                raise DataError("NS705", f"`{name}` line {line} is not UTF-8", "save the file again as UTF-8") from None
            if not block:
                return quotes
            line += block.count(b"\n")
            quotes += block.count(b'"')


def _check_quotes(path: Path, name: str, separator: str) -> None:
    """A quote that is never closed swallows the rest of the file without a word, so look when the count is odd."""
    number = -1
    try:
        for number, _ in enumerate(_records(path, separator, strict=True)):  # noqa: B007
            pass
    except csv.Error as error:
        if "unexpected end" in str(error) or "field larger" in str(error):
            raise DataError("NS705", f"`{name}` row {number + 1}: a double quote is never closed") from None


# Arrays


def _npz(name: str, folder: Path, columns: Items[str] | None, also: Items[str]) -> dict[str, np.ndarray]:
    path = _regular(name, folder)
    with _broken_arrays(name), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError("NS705", f"`{name}` holds one array; expected an NPZ archive of several", "use `npy`")
        wanted = _wanted(columns, also, archive.files)
        for column in wanted:
            if column not in archive.files:
                raise missing_column(name, column, archive.files)
        return {column: _checked(archive[column], name, column) for column in wanted}


def _npy(name: str, folder: Path) -> np.ndarray:
    path = _regular(name, folder)
    with _broken_arrays(name), path.open("rb") as file:
        array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise DataError("NS705", f"`{name}` is an archive; expected one array", "use `npz`")
    return _checked(array, name, None)


@contextlib.contextmanager
def _broken_arrays(name: str) -> Iterator[None]:
    """What numpy raises for a damaged or pickled file, as one message."""
    try:
        yield
    except DataError:
        raise
    except ValueError as error:
        if "pickle" in str(error):
            raise DataError(
                "NS705",
                f"`{name}` holds pickled Python objects, which are not read because reading them runs code",
                "save plain arrays of numbers or text",
            ) from None
        raise DataError("NS705", f"`{name}` is damaged: {_first_line(error)}") from None
    except (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("NS705", f"`{name}` is damaged: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _checked(array: Any, name: str, column: str | None) -> np.ndarray:
    where = f"`{name}`" if column is None else f"`{name}`, column `{column}`"
    if not isinstance(array, np.ndarray):  # a member that is no NPY file comes as its bytes
        raise DataError("NS705", f"{where} is not an NPY array")
    if array.dtype.kind not in "biufUS":
        raise DataError("NS705", f"{where}: expected numbers or text, got an array of {array.dtype}")
    if array.ndim == 0:
        raise DataError("NS705", f"{where}: expected rows, got a single value")
    return array


def _table(arrays: Mapping[str, np.ndarray], origin: str) -> Table:
    """Arrays as a Table: one length for all; text becomes a column of strings."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise DataError("NS705", f"the columns of `{origin}` differ in length: {shown}")
    rows = next(iter(lengths.values()), 0)
    if rows == 0:
        raise DataError("NS704", f"`{origin}` has no rows")
    return Table({name: _strings(array, origin, name) for name, array in arrays.items()}, rows, origin)


def _strings(array: np.ndarray, origin: str, name: str) -> Column:
    if array.dtype.kind not in "US":
        return array
    if array.ndim != 1:
        raise DataError("NS705", f"`{origin}`, column `{name}`: text has one cell a row, got shape {array.shape}")
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise DataError("NS705", f"`{origin}`, column `{name}` is not UTF-8") from None
    return pa.chunked_array([pa.array(array.tolist(), pa.string())])


def _take(column: Column, rows: np.ndarray) -> Column:
    if isinstance(column, list):
        return [column[row] for row in rows.tolist()]
    return column[rows] if isinstance(column, np.ndarray) else column.take(pa.array(rows))


def _regular(name: str, folder: Path) -> Path:
    """The path of a regular file; anything else is refused before it is opened, so that a FIFO blocks nothing."""
    path = folder / name
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError("NS701", f"no such file: `{name}`", f"looked for {path}") from None
    except (OSError, ValueError) as error:
        raise DataError("NS705", f"`{name}` cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise DataError("NS705", f"`{name}` is {what}; expected a data file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError("NS705", f"`{name}` cannot be read: {error.strerror}") from None
    if empty:
        raise DataError("NS704", f"`{name}` is empty")
    return path


# Named data sets


def dataset(name: str, part: str) -> Table:
    """A named data set's `train` or `test` part.

    cifar10 `image` (n, 32, 32, 3) uint8, mnist `image` (n, 28, 28) uint8, imdb and reuters `words` (lists of word
    numbers), digits `image` (n, 8, 8, 1) uint8 of 0 to 16; each with `label` (n,) of class numbers. Source: the
    loaders of `keras.datasets` with their defaults, which download once; digits comes with scikit-learn, and a fifth
    of each class, chosen by a fixed hash of the row's number, is its test part.
    """
    if part not in ("train", "test"):
        raise ValueError(f"expected train or test, got {part}")
    if name == "digits":
        return _digits(part)
    loader = getattr(engine.keras().datasets, name)
    with _download(name):
        train, test = loader.load_data()
    x, y = train if part == "train" else test
    labels = np.asarray(y).reshape(-1).astype(np.int64)
    if name in ("imdb", "reuters"):
        words = [[int(word) for word in row] for row in x]
        return Table({"words": words, LABEL: labels}, len(labels), name)
    return Table({"image": x, LABEL: labels}, len(labels), name)


@contextlib.contextmanager
def _download(name: str) -> Iterator[None]:
    """Keras draws its download bar on stdout, where results belong, and raises bare exceptions."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except Exception as error:
        raise DataError(
            "NS701",
            f"the data set `{name}` could not be loaded: {_first_line(error)}",
            "it is downloaded once and then kept; check the connection, or try `dataset: digits`, which needs none",
        ) from error


def _digits(part: str) -> Table:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    draw = fractions(np.arange(len(labels)), _DIGITS_SEED)
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        test[rows[np.argsort(draw[rows], kind="stable")][: round(len(rows) * _DIGITS_TEST)]] = True
    whole = Table({"image": bunch.images.astype(np.uint8)[..., None], LABEL: labels}, len(labels), "digits")
    return whole.take(np.flatnonzero(test if part == "test" else ~test))
