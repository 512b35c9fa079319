"""A table that is named on a command line, as the source of a spec, and how it is named from where that spec lies."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from netspec.errors import NetspecError
from netspec.language.names import PACKED, TABULAR, kind_of
from netspec.language.schema import TABLES, Source
from netspec.probe.cells import is_missing, number, numbers_in
from netspec.runtime.data import text_files
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File, found
from netspec.runtime.data.tables import records

_SEPARATORS = ";\t|"
_LOOKED = 1000  # rows
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


def source(path: str, separator: str | None) -> Source:
    """The source of this name; a CSV file without a comma in its first line is parted by what stands there instead.

    Raises DataError: NS701 and NS705 for a file that cannot be read, NS709 for a name or separator that says nothing.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise NetspecError(f"`{path}` is not UTF-8, so no spec can name it", help="rename it") from None
    if os.path.isdir(path):
        if separator is not None:
            raise DataError("NS709", "`--separator`: expected a file of text, got a folder")
        return Source(images=path)
    kind = kind_of(path)
    if kind == "text":
        kind = None  # a table may be in a .txt file too; a running text has no columns
    if separator is not None and (len(separator) != 1 or kind not in ("csv", "tsv", None)):
        raise DataError("NS709", "`--separator`: expected one character, of a file of text")
    if kind is None and separator is None:
        known = ", ".join(TABULAR)
        cure = f"a name that ends in {known}, or say --separator where it is text"
        raise DataError("NS709", f"the kind of `{path}` cannot be told from its name", cure)
    kind = kind or "csv"
    made = Source.model_validate({kind: [path] if kind in TABLES else path, "separator": separator})
    if kind not in ("csv", "tsv"):
        return made
    files = found(made, Path())
    if kind == "csv" and separator is None:
        first = text_files.header(files[0], ",")
        if len(first) == 1 and (there := [char for char in _SEPARATORS if char in first[0]]):
            made = made.model_copy(update={"separator": max(there, key=first[0].count)})
    between = made.separator or ("," if kind == "csv" else "\t")
    return made.model_copy(update={"decimal": ","}) if _has_commas(files, between) else made


def parted(made: Source, columns: Sequence[str]) -> Source:
    """The same source; text whose first line has none of the columns is parted by what makes all of them of it."""
    if made.kind not in ("csv", "tsv"):
        return made
    own, first = made.separator or ("," if made.kind == "csv" else "\t"), found(made, Path())[0]
    if not set(columns).isdisjoint(text_files.header(first, own)):
        return made
    fits = (char for char in (",", "\t", *_SEPARATORS) if set(columns) <= set(text_files.header(first, char)))
    return made.model_copy(update={"separator": next(fits, own)})


def _has_commas(files: Sequence[File], separator: str) -> bool:
    """Whether the first rows have numbers with decimal commas, and none with a point. `1,234` may be a thousand."""
    try:
        columns: list[set[str]] = []
        rows = (cells for file in files for _, cells in itertools.islice(records(file.path, separator), 1, None))
        for cells in itertools.islice(rows, _LOOKED):
            columns += [set() for _ in cells[len(columns) :]]
            for column, cell in zip(columns, cells, strict=False):
                column.add(cell.strip())
    except (OSError, EOFError, ValueError, csv.Error):
        return False  # what is wrong is said where the file is read
    commas = points = False
    for column in columns:
        there = [cell for cell in column if not is_missing(cell)]
        if any("," in cell for cell in there) and all(number(cell, ",") is not None for cell in there):
            commas |= not all(_THOUSANDS.fullmatch(cell) for cell in there if "," in cell)
        points |= any("." in cell for cell in there) and all(numbers_in(cell) is not None for cell in there)
    return commas and not points


def seen_from(made: Source, folder: Path) -> Source:
    """The same source, named from `folder`; absolute names stay."""

    def moved(path: str) -> str:
        if os.path.isabs(path):
            return path
        return os.path.relpath(path, folder.resolve()) if folder.resolve() != Path.cwd() else path

    names = getattr(made, made.kind)
    update = {made.kind: moved(names) if isinstance(names, str) else tuple(map(moved, names))}
    return made.model_copy(update=update)


def name(said: str | None, out: object, path: str) -> str:
    """A spec's name: what is said, else that of its file, else that of the table, as far as it can be one."""
    if said is not None:
        if not _NAME.match(said):
            cure = "letters, digits, `_` and `-`, starting with a letter or a digit"
            raise NetspecError(f"`--name`: `{said}` cannot be a name", help=cure)
        return said
    file = PurePath(str(out) if out is not None else path)
    stem = PurePath(file.stem).stem if file.suffix.lower() in PACKED else file.stem
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "model"
