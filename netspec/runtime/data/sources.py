"""Sources of rows: `train`, `validation` or `test` of a spec as a Table, or as a Stream where memory cannot hold it.

Whatever is wrong with a file is a `DataError` that names file, row and column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from netspec.language.names import expanded
from netspec.language.schema import KINDS, TABLES, Source
from netspec.probe.cells import separates
from netspec.probe.pictures import COLUMNS, SUFFIXES, pictures
from netspec.runtime.data import arrays, columnar, own, text_files
from netspec.runtime.data.columns import texts
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File, found, regular
from netspec.runtime.data.tables import Column, Rows, Table, missing_column

HELD = 1 << 26  # bytes of files that are read into memory as they are; larger ones are read through, pass by pass


@dataclass(frozen=True)
class Stream:
    """The rows of files that are read again at every pass. NS705 at the end of one if a file was changed meanwhile."""

    origin: str
    rows: int
    names: tuple[str, ...]
    files: tuple[File, ...]
    make: Callable[[], Iterator[Table]] = field(repr=False)
    without: tuple[str, ...] = ()  # of its files those that have no rows

    def tables(self) -> Iterator[Table]:
        """The rows in order, some megabytes at a time."""
        rows = 0
        for table in self.make():
            rows += table.rows
            yield table
        for file in self.files:
            file.check_same()
        if rows != self.rows:
            raise DataError("NS705", f"`{self.origin}` was changed while it was read", "run it again when it rests")


def opened(source: Source, folder: Path, *, columns: Items[str] | None = None, also: Items[str] = ()) -> Rows:
    """The rows of a source; paths are relative to `folder`. Only `columns` are read where they are given, and those of
    `also` that are there. Small sources come as a Table, others as a Stream.

    Raises DataError: NS701 no such file, NS702 no such column, NS704 no rows, NS705 a file that cannot be read.
    """
    if source.npz is not None or source.npy is not None:
        return _arrays(source, folder, columns, also)
    if source.images is not None:
        return _images(source.images, folder, columns, also)
    if not any(getattr(source, kind) for kind in KINDS):
        raise DataError("NS709", "a source needs one of " + ", ".join(f"`{kind}`" for kind in KINDS))
    if source.python is not None:
        return _own(source.python, folder, columns, also)
    kind = source.kind
    _refuse_text(source)
    files = found(source, folder)
    dropped = _dropped(source, folder, files)
    if kind in ("csv", "tsv"):
        separator = source.separator or ("," if kind == "csv" else "\t")
        if not separates(separator):
            raise DataError("NS709", "`separator`: expected one ASCII character, no quote and no end of a line")
        return _text(files, separator, columns, also, dropped, source.decimal or ".")
    return _columnar(files, kind, columns, also, dropped)


def _dropped(source: Source, folder: Path, files: tuple[File, ...]) -> tuple[str, ...]:
    """The names of a source's files that hold nothing at all, where others hold something."""
    names = {file.name for file in files}
    return tuple(name for name in expanded(source, folder) if name not in names)


def said_without(rows: Rows) -> str:
    """A note on the files of a source that have no rows, empty where all have some."""
    names = rows.without if isinstance(rows, Stream) else ()
    if not names:
        return ""
    shown = ", ".join(f"`{name}`" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"no rows in {shown}"


def _refuse_empty(files: tuple[File, ...], counts: Items[int], dropped: tuple[str, ...], what: str) -> None:
    """NS704 where none of the files has a row."""
    if not sum(counts) and len(files) + len(dropped) == 1:
        raise DataError("NS704", f"`{files[0].name}` has {what}no rows")
    if not sum(counts):
        raise DataError("NS704", f"none of the {len(files) + len(dropped)} files from `{files[0].name}` on has rows")


def _refuse_text(source: Source) -> None:
    if source.text:
        cure = f"a table in a .txt file is `{{csv: [{source.text[0]}]}}`"
        raise DataError("NS709", f"`{source.text[0]}` is a running text, which has no columns", cure)


def column_names(source: Source, folder: Path) -> tuple[str, ...]:
    """The columns that a source has, by its first file; raises as `opened` does."""
    if source.npy is not None:
        return tuple(source.npy)
    if source.npz is not None:
        return tuple(arrays.members(regular(source.npz, folder)))
    if source.python is not None:
        return tuple(own.names(own.function(source.python, folder), source.python))
    if source.kind not in TABLES:
        return opened(source, folder).names
    _refuse_text(source)
    file = found(source, folder)[0]
    if source.kind in ("csv", "tsv"):
        return tuple(text_files.header(file, source.separator or ("," if source.kind == "csv" else "\t")))
    every = (columnar.names(each, source.kind) for each in found(source, folder))
    return tuple(next((names for names in every if names), ()))


def no_columns(source: Source, folder: Path) -> dict[str, str]:
    """The columns whose values nothing can be made of, each with their kind, by the first file of a source."""
    if source.kind not in ("jsonl", "parquet", "arrow"):
        return {}
    return columnar.no_columns(found(source, folder)[0], source.kind)


def read(source: Source, folder: Path, *, columns: Items[str] | None = None, also: Items[str] = ()) -> Table:
    """The same, all of it in memory."""
    rows = opened(source, folder, columns=columns, also=also)
    return rows if isinstance(rows, Table) else joined(rows)


def joined(rows: Rows) -> Table:
    """All rows as one Table."""
    tables = list(rows.tables())
    if len(tables) == 1:
        return tables[0]
    columns = {name: _joined([table.columns[name] for table in tables]) for name in tables[0].columns}
    numbers = [np.arange(t.first, t.first + t.rows) if t.numbers is None else t.numbers for t in tables]
    text = tables[0].text if all(table.origin == tables[0].origin for table in tables) else None
    total = sum(table.rows for table in tables)
    folders, within = _folders(tables)
    decimal = tables[0].decimal
    return Table(
        columns,
        total,
        rows.origin,
        numbers=np.concatenate(numbers),
        text=text,
        folders=folders,
        within=within,
        decimal=decimal,
    )


def _folders(tables: list[Table]) -> tuple[tuple[Path, ...], np.ndarray | None]:
    """The folders of several tables together, and of which each row is, where they differ."""
    every = tuple(dict.fromkeys(folder for table in tables for folder in table.folders))
    if len(every) < 2:
        return every, None
    return every, np.concatenate(
        [np.array([every.index(each) for each in table.folders])[_within(table)] for table in tables]
    )


def _within(table: Table) -> np.ndarray:
    return np.zeros(table.rows, np.int64) if table.within is None else table.within


def _joined(parts: list[Column]) -> Column:
    if all(isinstance(part, np.ndarray) for part in parts) and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    if any(columnar.holds_lists(part) for part in parts) or all(isinstance(part, np.ndarray) for part in parts):
        return columnar.as_lists(parts)
    if any(isinstance(part, pa.Array | pa.ChunkedArray) for part in parts):
        parts = [pa.array(texts(Table({"": part}, len(part), ""), "")) if _is_flat(part) else part for part in parts]
    if any(isinstance(part, list | np.ndarray) for part in parts):
        return [row if isinstance(row, list) else row.tolist() for part in parts for row in part]
    return pa.chunked_array([c for p in parts for c in (p.chunks if isinstance(p, pa.ChunkedArray) else [p])])


def _is_flat(part: Column) -> bool:
    """Whether it is an array of one number a row, which stands as text beside texts."""
    return isinstance(part, np.ndarray) and part.size == len(part)


def _wanted(columns: Items[str] | None, also: Items[str], there: Mapping[str, object] | Items[str]) -> list[str]:
    chosen = there if columns is None else [*columns, *(name for name in also if name in there)]
    return list(dict.fromkeys(chosen))


def _origin(files: Items[File]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"


def _check(file: File, wanted: Items[str], there: Items[str]) -> None:
    """NS702 for a column that is not there, NS705 where two share a name that is asked for."""
    for name in wanted:
        if name not in there:
            raise missing_column(file.name, name, there)
        if there.count(name) > 1:
            message = f"`{file.name}` has {there.count(name)} columns named `{name}`; names must differ"
            raise DataError("NS705", message)


def _text(
    files: tuple[File, ...],
    separator: str,
    columns: Items[str] | None,
    also: Items[str],
    dropped: tuple[str, ...],
    decimal: str,
) -> Rows:
    headers = [text_files.header(file, separator) for file in files]
    wanted = _wanted(columns, also, headers[0])
    for file, header in zip(files, headers, strict=True):
        _check(file, wanted, header)
    if len(files) == 1 and not dropped and files[0].bytes <= HELD:
        return text_files.read(files[0], separator, wanted, headers[0], decimal)
    counts = [text_files.count(file, separator, wanted, header) for file, header in zip(files, headers, strict=True)]
    _refuse_empty(files, counts, dropped, "a header and ")

    def make() -> Iterator[Table]:
        before = 0
        for file, header, rows in zip(files, headers, counts, strict=True):
            if rows:
                yield from text_files.blocks(file, separator, wanted, header, before=before, decimal=decimal)
                before += rows

    return Stream(_named(files, counts), sum(counts), tuple(wanted), files, make, _without(files, counts, dropped))


def _named(files: tuple[File, ...], counts: Items[int]) -> str:
    """The source's name: its first file that has rows, and how many others have some."""
    return _origin([file for file, rows in zip(files, counts, strict=True) if rows])


def _without(files: tuple[File, ...], counts: Items[int], dropped: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*dropped, *(file.name for file, rows in zip(files, counts, strict=True) if not rows)}))


def _columnar(
    files: tuple[File, ...], kind: str, columns: Items[str] | None, also: Items[str], dropped: tuple[str, ...]
) -> Rows:
    there = [columnar.names(file, kind) for file in files]
    counts = [columnar.count(file, kind) for file in files]
    _refuse_empty(files, counts, dropped, "")
    first = next(names for names in there if names)
    wanted = _wanted(columns, also, first)
    for file, names in zip(files, there, strict=True):
        if names:  # JSON Lines without a line have no columns
            _check(file, wanted, names)

    def make() -> Iterator[Table]:
        before = 0
        for file, rows in zip(files, counts, strict=True):
            if rows:
                yield from columnar.blocks(file, kind, wanted, before=before)
                before += rows

    stream = Stream(_named(files, counts), sum(counts), tuple(wanted), files, make, _without(files, counts, dropped))
    return joined(stream) if sum(file.bytes for file in files) <= HELD and len(files) + len(dropped) == 1 else stream


def _own(name: str, folder: Path, columns: Items[str] | None, also: Items[str]) -> Rows:
    call = own.function(name, folder)
    there = own.names(call, name)
    wanted = _wanted(columns, also, there)
    for column in wanted:
        if column not in there:
            raise missing_column(name, column, there)
    rows = sum(table.rows for table in own.tables(call, wanted, name))

    def make() -> Iterator[Table]:
        return (replace(table, folders=(folder,)) for table in own.tables(call, wanted, name))

    return Stream(name, rows, tuple(wanted), (), make)


def _images(name: str, folder: Path, columns: Items[str] | None, also: Items[str]) -> Rows:
    """A folder of images: the path of each below it as `image`, the name of its class as `label`, empty for none."""
    path, wanted = folder / name, _wanted(columns, also, COLUMNS)
    for column in wanted:
        if column not in COLUMNS:
            raise missing_column(name, column, COLUMNS)
    if not path.is_dir():
        regular(name, folder)  # one image
        if not name.lower().endswith(SUFFIXES):
            raise DataError("NS705", f"`{name}` is a file; expected a folder of images")
    try:
        found = pictures(path)
    except OSError as error:
        raise DataError("NS705", f"`{name}` cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise DataError("NS705", f"`{name}` has files whose names are no UTF-8") from None
    if not found.files:
        raise DataError("NS704", f"`{name}` has no images: no file ends in {', '.join(SUFFIXES)}")
    cells = {"image": pa.array(found.files, pa.string()), "label": pa.array(found.labels, pa.string())}
    root = path if path.is_dir() else path.parent
    return Table({each: cells[each] for each in wanted}, len(found.files), name, folders=(root,))


def _arrays(source: Source, folder: Path, columns: Items[str] | None, also: Items[str]) -> Rows:
    parts: dict[str, tuple[File, str | None]] = {}
    if source.npz is not None:
        file = regular(source.npz, folder)
        there = arrays.members(file)
        for name in (wanted := _wanted(columns, also, there)):
            if name not in there:
                raise missing_column(source.npz, name, there)
            parts[name] = (file, name)
        origin = source.npz
    else:
        assert source.npy is not None
        for name in (wanted := _wanted(columns, also, source.npy)):
            if name not in source.npy:
                raise missing_column("the source", name, source.npy)
            parts[name] = (regular(source.npy[name], folder), None)
        origin = ", ".join(f"`{source.npy[name]}`" for name in wanted).strip("`")
    files = tuple({file.path: file for file, _ in parts.values()}.values())
    if sum(file.size for file in files) <= HELD:
        return arrays.read(parts, origin)
    heads = arrays.heads(parts)
    if len({head.shape[0] for head in heads.values()}) > 1 or not all(head.by_row for head in heads.values()):
        return arrays.read(parts, origin)  # which says what is wrong, or holds what lies column by column
    rows = next(iter(heads.values())).shape[0] if heads else 0
    if not rows:
        raise DataError("NS704", f"`{origin}` has no rows")
    return Stream(origin, rows, tuple(parts), files, lambda: arrays.blocks(parts, heads, origin))
