"""JSON Lines read with pyarrow a block at a time, every block by the types that all of them together give.

pyarrow goes by the first block alone: it would refuse a column whose first numbers are missing or whole, or that has no
key there, and make moments of texts that look like some, whatever stands further down.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from collections.abc import Sequence as Items
from typing import Any

import pyarrow as pa
import pyarrow.json

from netspec.probe.cells import NO_ARRAY
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import File, opened, opened_text
from netspec.runtime.data.text_files import check_utf8

_BLOCK = 1 << 22  # bytes
_MARK = b"\xef\xbb\xbf"  # of UTF-8


@functools.lru_cache(maxsize=4096)
def scanned(file: File) -> tuple[Any, int]:
    """The schema of the whole file, and how many rows it has. NS705 where it is not UTF-8, which pyarrow lets pass."""
    fields: dict[str, Any] = {}
    rows = 0
    for block in _blocks(file):
        if not _is_utf8(block):
            check_utf8(file)  # which says on which line
        table = _read(block)
        rows += table.num_rows
        for field in table.schema:
            fields[field.name] = _both(fields.get(field.name, pa.null()), field.type)
    return pa.schema(list(fields.items())), rows


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def batches(file: File, wanted: Items[str] | None) -> Iterator[Any]:
    """The rows of the columns that are wanted, a block at a time."""
    schema = scanned(file)[0]
    if wanted is not None:
        schema = pa.schema([schema.field(name) for name in wanted])
    for block in _blocks(file):
        yield from _read(block, explicit_schema=schema, unexpected_field_behavior="ignore").to_batches()


def _read(block: bytes, **how: Any) -> Any:
    read = pyarrow.json.ReadOptions(block_size=len(block) + 1, use_threads=False)
    options = pyarrow.json.ParseOptions(**how)
    return pyarrow.json.read_json(pa.BufferReader(block), read_options=read, parse_options=options)


def _blocks(file: File) -> Iterator[bytes]:
    """Whole lines, some megabytes together, none of them blank throughout."""
    with opened(file.path) as stream:
        start = stream.read(len(_MARK))
        left = [b"" if start == _MARK else start]
        while True:
            part = stream.read(_BLOCK)
            cut = part.rfind(b"\n") + 1 if part else 0
            if part and not cut:
                left.append(part)
                continue
            block = b"".join([*left, part[:cut]])
            if block.strip():
                yield block
            if not part:
                return
            left = [part[cut:]]


def _both(one: Any, other: Any) -> Any:
    """The type that takes the values of both. Moments stay the texts that they are in the file."""
    if pa.types.is_timestamp(other):
        other = pa.string()
    if pa.types.is_list(other):
        inner = one.value_type if pa.types.is_list(one) else pa.null()
        other = pa.list_(_both(inner, other.value_type))
        one = pa.null() if pa.types.is_list(one) else one
    if pa.types.is_struct(other):
        fields = {field.name: field.type for field in (one if pa.types.is_struct(one) else ())}
        fields |= {field.name: _both(fields.get(field.name, pa.null()), field.type) for field in other}
        other = pa.struct(list(fields.items()))
        one = pa.null() if pa.types.is_struct(one) else one
    if pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    numbers = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other)]
    if all(numbers):
        return pa.float64()
    raise pa.ArrowInvalid(f"{one} and {other} in one column")


def diagnosed(file: File, error: Exception) -> DataError:
    """The first line of a file that is no JSON, or whose values are of another kind than before."""
    kinds: dict[str, tuple[str, int]] = {}
    try:
        with opened_text(file.path) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                where = f"`{file.name}` line {number}"
                try:
                    value = json.loads(line, object_pairs_hook=_Pairs)
                except (ValueError, RecursionError) as broken:
                    cure = NO_ARRAY if line.lstrip().startswith("[") else None
                    return DataError("NS705", f"{where} is no JSON: {broken}", cure)
                if not isinstance(value, _Pairs):
                    cure = NO_ARRAY if line.lstrip().startswith("[") else None
                    return DataError("NS705", f"{where}: expected a mapping, `{{…}}`", cure)
                seen: set[str] = set()
                for key, cell in value:
                    if key in seen:
                        return DataError("NS705", f"{where}: the key `{key}` stands there twice")
                    seen.add(key)
                    kind = _kind(cell)
                    before = kinds.setdefault(key, (kind, number)) if kind else (kind, number)
                    if kind != before[0]:
                        return DataError("NS705", f"{where}: `{key}` is {kind}, on line {before[1]} it is {before[0]}")
    except (OSError, EOFError, UnicodeDecodeError) as broken:
        return DataError("NS705", f"`{file.name}` cannot be read: {broken}")
    return DataError("NS705", f"`{file.name}` cannot be read: {(str(error).splitlines() or [''])[0][:200]}")


class _Pairs(list[tuple[str, Any]]):
    """A mapping as it stands in the file."""


def _kind(cell: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return "a mapping" if isinstance(cell, _Pairs) else kinds.get(type(cell), "")
