"""Parquet, Arrow and Feather files and JSON Lines, read with pyarrow a block at a time, their values as columns.

Numbers, durations (in seconds), texts, times (as ISO 8601 text), bytes and lists of numbers are columns; anything else
is refused by name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence as Items
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from netspec.runtime.data import json_lines
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File
from netspec.runtime.data.tables import Column, Table

_ROWS = 1 << 16  # of a block
_EXACT = 2**53  # up to which a double holds every whole number
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of durations, in a second
_BYTES = 1 << 26  # of a block of Parquet, where its rows are wide


def names(file: File, kind: str) -> list[str]:
    """The names of the columns; of JSON Lines the keys of all lines."""
    with _broken(file, kind):
        return list(_schema(file, kind).names)


def no_columns(file: File, kind: str) -> dict[str, str]:
    """The columns that `column` would refuse, each with the kind of its values."""
    with _broken(file, kind):
        schema = _schema(file, kind)
    found = {}
    for field in schema:
        try:
            column(pa.array([], field.type), file.name, field.name)
        except DataError:
            found[field.name] = str(field.type)
    return found


def count(file: File, kind: str) -> int:
    """How many rows it has."""
    with _broken(file, kind):
        if kind == "parquet":
            return int(pyarrow.parquet.ParquetFile(file.path).metadata.num_rows)
        if kind == "arrow":
            with _ipc(file) as (_, batches):
                return sum(batch.num_rows for batch in batches)
        return int(json_lines.scanned(file)[1])


def blocks(file: File, kind: str, wanted: Items[str], *, before: int) -> Iterator[Table]:
    """The rows a block at a time; `before` rows of earlier files are counted before its first."""
    first = before + 1
    batches = _batches(file, kind, wanted)
    while True:
        with _broken(file, kind):
            batch = next(batches, None)
        if batch is None:
            return
        for start in range(0, batch.num_rows, _ROWS):
            part = batch.slice(start, _ROWS)
            if kind != "jsonl":
                _check_texts(part, file.name, wanted)
            cells = {name: column(part.column(name), file.name, name) for name in wanted}
            where = (file.path.parent,)
            yield Table(cells, part.num_rows, file.name, first=first, folders=where, before=before)
            first += part.num_rows


def _check_texts(batch: Any, origin: str, names: Items[str]) -> None:
    """NS705 where texts are not UTF-8, which their files promise and pyarrow does not look at."""
    for name in names:
        try:
            batch.column(name).validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataError("NS705", f"`{origin}`, column `{name}` is damaged: {error}") from None


def _schema(file: File, kind: str) -> Any:
    if kind == "parquet":
        return pyarrow.parquet.ParquetFile(file.path).schema_arrow
    if kind == "arrow":
        with _ipc(file) as (schema, _):
            return schema
    return json_lines.scanned(file)[0]


def _batches(file: File, kind: str, wanted: Items[str] | None) -> Iterator[Any]:
    if kind == "parquet":
        with pyarrow.parquet.ParquetFile(file.path, pre_buffer=False) as parquet:
            columns = None if wanted is None else list(wanted)
            yield from parquet.iter_batches(_at_once(parquet, columns), columns=columns)
    elif kind == "arrow":
        with _ipc(file) as (_, parts):
            yield from parts
    else:
        yield from json_lines.batches(file, wanted)


@contextlib.contextmanager
def _ipc(file: File) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema and the blocks of an Arrow file, or of a stream in one, as Hugging Face writes them."""
    with pa.OSFile(str(file.path)) as source:
        of_file = source.read(6) == b"ARROW1" or file.size < 8
        source.seek(0)
        if of_file:
            with pa.ipc.open_file(source) as reader:
                yield reader.schema, (reader.get_batch(at) for at in range(reader.num_record_batches))
        else:
            with pa.ipc.open_stream(source) as stream:
                yield stream.schema, iter(stream)


def _at_once(parquet: Any, wanted: list[str] | None) -> int:
    """How many rows are read together: so few that wide cells, such as images, fit into memory."""
    meta = parquet.metadata
    size = 0
    for group in range(meta.num_row_groups):
        for at in range(meta.num_columns):
            part = meta.row_group(group).column(at)
            if wanted is None or part.path_in_schema.partition(".")[0] in wanted:
                size += part.total_uncompressed_size
    return int(max(1, min(_ROWS, _BYTES * max(1, meta.num_rows) // max(1, size))))


def column(array: Any, origin: str, name: str) -> Column:
    """An Arrow array as a column of a Table; NS705 where no column can be made of it."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        return column(array.dictionary_decode(), origin, name)
    if isinstance(kind, pa.ExtensionType):
        return column(array.storage, origin, name)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return array
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return array.cast(pa.binary())
    if pa.types.is_duration(kind):
        return _numbers(pc.divide(pc.cast(pc.cast(array, pa.int64()), pa.float64()), _UNITS[kind.unit]))
    if pa.types.is_temporal(kind):
        return _iso(array)
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column(array.cast(pa.float64()), origin, name)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(array)
    if _is_list(kind):
        return _lists(array, origin, name)
    if pa.types.is_struct(kind) and (at := kind.get_field_index("bytes")) >= 0:  # as Hugging Face keeps images
        return column(pc.struct_field(array, at), origin, name)
    cure = "store each of its fields as a column of its own" if pa.types.is_struct(kind) else None
    raise DataError("NS705", f"`{origin}`, column `{name}` holds values of the kind {kind}, which are no column", cure)


def _are_beyond_doubles(array: Any) -> bool:
    ends = pc.min_max(array).as_py()
    return any(abs(end) > _EXACT for end in ends.values() if end is not None)


def _numbers(array: Any) -> Column:
    if not array.null_count:
        return np.asarray(array.to_numpy(zero_copy_only=False))
    if pa.types.is_integer(array.type) and _are_beyond_doubles(array):
        return array.cast(pa.string())  # ids, of which some are missing: two of them may be one double
    wide = pc.cast(pc.cast(array, pa.int8()) if pa.types.is_boolean(array.type) else array, pa.float64(), safe=False)
    return np.asarray(wide.to_numpy(zero_copy_only=False))


def _iso(array: Any) -> Any:
    """Moments as text, which the feature `date` reads."""
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC")).cast(pa.timestamp(array.type.unit))
    return array.cast(pa.string())


def _lists(array: Any, origin: str, name: str) -> Column:
    """Lists of one length as (rows, length, …), other lists of whole numbers as they are, all others as Arrow's lists
    of float64, of whatever depth, with nulls: the feature `array` alone reads these.
    """
    flat, depth, holes = array, 0, 0
    while _is_list(flat.type):
        flat, depth, holes = flat.flatten(), depth + 1, holes + flat.null_count
    kind = flat.type
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind) or (pa.types.is_null(kind) and not len(flat))
    if depth == 1 and texts:
        return array.cast(pa.list_(pa.string()))  # which a target of several classes reads
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if not (numeric or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        raise DataError("NS705", f"`{origin}`, column `{name}` holds lists of {kind}; expected lists of numbers")
    if not holes and not flat.null_count and not pa.types.is_null(kind):
        if depth == 1 and pa.types.is_integer(kind) and not pa.types.is_fixed_size_list(array.type):
            return array.to_pylist()
        shape = _shape(array)
        if shape is not None:
            return column(flat, origin, name).reshape(len(array), *shape)
    return array.cast(_of_depth(depth))


def _of_depth(depth: int) -> Any:
    kind = pa.float64()
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


def holds_lists(column: Column) -> bool:
    """Whether it holds Arrow's lists of numbers."""
    listed = isinstance(column, pa.Array | pa.ChunkedArray) and pa.types.is_list(column.type)
    return listed and not pa.types.is_string(column.type.value_type)


def as_lists(parts: Items[Column]) -> Column:
    """Blocks of a column of lists of numbers, in whatever form, as one."""
    deepest = max(part.ndim - 1 if isinstance(part, np.ndarray) else depth(part) for part in parts)
    rows = (part if isinstance(part, list) else part.tolist() for part in parts)
    return pa.array([row for part in rows for row in part], _of_depth(deepest))


def depth(column: Column) -> int:
    """How deep the lists of a column are."""
    if isinstance(column, list):
        return 1
    kind, found = column.type, 0
    while pa.types.is_list(kind):
        kind, found = kind.value_type, found + 1
    return found


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _shape(array: Any) -> tuple[int, ...] | None:
    """The shape of each row of lists without a null, None where they differ."""
    shape: list[int] = []
    while _is_list(array.type):
        lengths = pc.unique(pc.list_value_length(array)).to_pylist()
        if len(lengths) != 1:
            return None
        shape.append(lengths[0])
        array = array.flatten()
    return tuple(shape)


@contextlib.contextmanager
def _broken(file: File, kind: str) -> Iterator[None]:
    """What pyarrow raises for a damaged file, as one message."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        if kind == "jsonl":
            raise json_lines.diagnosed(file, error) from None
        said = (str(error).splitlines() or [""])[0][:200]
        what = {"parquet": "Parquet", "arrow": "Arrow"}[kind]
        raise DataError("NS705", f"`{file.name}` is no {what} file, or it is damaged: {said}") from None
