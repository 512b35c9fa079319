"""Predictions and how they are written down: as rows of CSV, TSV, JSON Lines or Parquet, or as arrays.

A block of rows is written as it comes, so that memory holds one block however many there are.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from netspec.errors import NetspecError
from netspec.runtime.run.choices import Choice

MOST_COLUMNS = 5000  # of predictions in a table
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".npz")
Outputs = Mapping[str, np.ndarray]
Kept = Mapping[str, Any]  # by column an Arrow array, (rows,): numbers in the file's own type, or text
Choices = Mapping[str, Choice]


class UsageError(NetspecError):
    """An argument of a verb that does not fit."""


@dataclass(frozen=True)
class Form:
    """What a row of predictions is made of: columns carried along, then each output's shape, and its classes."""

    kept: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    choices: Choices

    @classmethod
    def of(cls, outputs: Outputs, kept: Kept, choices: Choices) -> Form:
        """That of a block."""
        return cls(tuple(kept), {name: array.shape[1:] for name, array in outputs.items()}, choices)

    def chosen(self) -> frozenset[str]:
        """The outputs whose predicted class has a column of its own: where no other column has its name."""
        fit = (name for name, shape in self.shapes.items() if name in self.choices and self.choices[name].fits(shape))
        taken = {*self.kept, *self.shapes, *itertools.chain(*self._numbers().values())}
        return frozenset(name for name in fit if f"{name}_class" not in taken)

    def columns(self) -> tuple[str, ...]:
        """The header: what is carried along, `<output>` or `<output>_<class>` for each number, and `<output>_class`.

        Raises:
            UsageError: too many columns, or two of one name.
        """
        width = sum(int(np.prod(shape)) for shape in self.shapes.values())
        if width > MOST_COLUMNS:
            raise UsageError(
                f"the outputs hold {width:,} numbers a row, a table at most {MOST_COLUMNS:,}",
                help="write arrays instead: -o predictions.npz",
            )
        columns, chosen = list(self.kept), self.chosen()
        for name, numbers in self._numbers().items():
            columns += [*numbers, *([f"{name}_class"] if name in chosen else [])]
        twice = next((column for column in columns if columns.count(column) > 1), None)
        if twice is not None:
            raise UsageError(f"two columns would be named `{twice}`", help="keep another column, or write a .npz file")
        return tuple(columns)

    def _numbers(self) -> dict[str, list[str]]:
        """By output the columns of its numbers."""
        return {
            name: _columns(name, shape, self.choices[name].names if name in self.choices else ())
            for name, shape in self.shapes.items()
        }

    def table(self, outputs: Outputs, kept: Kept) -> pa.Table:
        """A block as an Arrow table."""
        arrays: list[Any] = [pa.array(cells) if isinstance(cells, list) else cells for cells in kept.values()]
        chosen = self.chosen()
        for name in self.shapes:
            flat = outputs[name].reshape(len(outputs[name]), int(np.prod(self.shapes[name])))
            arrays += [pa.array(np.ascontiguousarray(flat[:, at])) for at in range(flat.shape[1])]
            if name in chosen:
                arrays.append(_classes(self.choices[name].of(outputs[name])))
        return pa.Table.from_arrays(arrays, names=list(self.columns()))


@dataclass(frozen=True)
class Predictions:
    """Every output's array by name, a row for each input row, in order; and the columns that were carried along, as
    lists of numbers or texts.
    """

    outputs: Outputs
    choices: Choices  # what the classes of an output are, where it has some
    kept: Mapping[str, list[Any]]
    rows: int

    def columns(self) -> tuple[str, ...]:
        """The header. Raises UsageError for too many columns, or two of one name."""
        return Form.of(self.outputs, self.kept, self.choices).columns()

    def write(self, stream: TextIO, separator: str = ",") -> None:
        """The table as CSV."""
        raw = io.BytesIO()
        with Text(raw, separator) as writer:
            writer.write(self.outputs, self.kept, self.choices)
        stream.write(raw.getvalue().decode("utf-8"))


class Writer(Protocol):
    """Takes blocks of predictions; a context manager, whole when it ends."""

    def write(self, outputs: Outputs, kept: Kept, choices: Choices) -> None:
        """The next rows."""


class Text(contextlib.AbstractContextManager["Text"]):
    """CSV into a stream of bytes; numbers have as many digits as they need to be read back unchanged."""

    def __init__(self, stream: IO[bytes], separator: str = ",") -> None:
        self._stream, self._separator, self._form = stream, separator, None

    def __exit__(self, *error: object) -> None:
        """Nothing is left to write."""

    _form: Form | None

    def write(self, outputs: Outputs, kept: Kept, choices: Choices) -> None:
        """The next rows, with a header above the first."""
        first, form = self._form is None, self._form or Form.of(outputs, kept, choices)
        block = io.BytesIO()
        if first:
            block.write(_header(form.columns(), self._separator))
        block.write(_csv(form.table(outputs, kept), self._separator))
        self._form = form
        self._stream.write(block.getvalue())


class Lines(contextlib.AbstractContextManager["Lines"]):
    """JSON Lines: what is carried along, each output as a number, a list, or a mapping by class, and its class."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def __exit__(self, *error: object) -> None:
        """Nothing is left to write."""

    def write(self, outputs: Outputs, kept: Kept, choices: Choices) -> None:
        """The next rows."""
        clash = next((name for name in kept if name in outputs), None)
        if clash is not None:
            raise UsageError(f"column `{clash}` has the name of an output", help="leave it out, or write a .csv file")
        rows = len(next(iter(outputs.values())))
        plain = {name: _shortest(array) for name, array in outputs.items()}
        for name in Form.of(outputs, kept, choices).chosen():
            plain[f"{name}_class"] = choices[name].of(outputs[name]).tolist()
        for name in outputs:
            cells, known = plain[name], choices[name].names if name in choices else ()
            if known and outputs[name].shape[1:] == (len(known),):
                plain[name] = [dict(zip(known, row, strict=True)) for row in cells]
            elif outputs[name].shape[1:] == (1,):
                plain[name] = [row[0] for row in cells]
        plain = {**{name: listed(cells) for name, cells in kept.items()}, **plain}
        lines = (json.dumps({key: cells[at] for key, cells in plain.items()}) for at in range(rows))
        self._stream.write("".join(f"{line}\n" for line in lines).encode("utf-8"))


class Parquet(contextlib.AbstractContextManager["Parquet"]):
    """A Parquet file with the columns of the CSV."""

    def __init__(self, path: Path) -> None:
        self._path, self._writer = path, None

    _writer: Any

    def __exit__(self, *error: object) -> None:
        """Write its end."""
        if self._writer is not None:
            self._writer.close()

    def write(self, outputs: Outputs, kept: Kept, choices: Choices) -> None:
        """The next rows."""
        table = Form.of(outputs, kept, choices).table(outputs, kept)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)


class Arrays(contextlib.AbstractContextManager["Arrays"]):
    """An NPZ archive, by output name; it is written as a whole, so memory holds all of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: list[tuple[Outputs, Kept]] = []

    def __exit__(self, *error: object) -> None:
        """Write the archive, if nothing went wrong."""
        if not self._blocks or error[0] is not None:
            return
        outputs, kept = joined(self._blocks)
        cells = {name: _array(each) for name, each in kept.items()}
        with self._path.open("wb") as file:
            np.savez(file, allow_pickle=False, **cells, **outputs)

    def write(self, outputs: Outputs, kept: Kept, choices: Choices) -> None:
        """The next rows."""
        clash = next((name for name in kept if name in outputs), None)
        if clash is not None:
            raise UsageError(f"column `{clash}` has the name of an output", help="leave it out, or write a .csv file")
        self._blocks.append((outputs, kept))


@contextlib.contextmanager
def writer(path: Path, suffix: str) -> Iterator[Writer]:
    """A writer into the file `path`, of the kind that `suffix` says."""
    if suffix == ".npz":
        with Arrays(path) as arrays:
            yield arrays
    elif suffix == ".parquet":
        with Parquet(path) as parquet:
            yield parquet
    else:
        with path.open("wb") as file:
            if suffix == ".jsonl":
                yield Lines(file)
            else:
                yield Text(file, "\t" if suffix == ".tsv" else ",")


def joined(blocks: Sequence[tuple[Outputs, Kept]]) -> tuple[dict[str, np.ndarray], Kept]:
    """Blocks one behind the other."""
    outputs = {name: np.concatenate([block[0][name] for block in blocks]) for name in blocks[0][0]}
    return outputs, {name: pa.concat_arrays([block[1][name] for block in blocks]) for name in blocks[0][1]}


def listed(cells: pa.Array) -> list[Any]:
    """Plain values of a column that is carried along; what is missing or not finite is None."""
    return _shortest(_array(cells)) if pa.types.is_floating(cells.type) else list(cells.to_pylist())


def _array(cells: pa.Array) -> np.ndarray:
    found = cells.to_numpy(zero_copy_only=False)
    return found.astype(np.str_) if pa.types.is_string(cells.type) else np.asarray(found)


def _columns(name: str, shape: tuple[int, ...], classes: Sequence[str]) -> list[str]:
    """The columns of one output.

    >>> _columns("y", (1,), ()), _columns("y", (2,), ("no", "yes")), _columns("y", (2, 1), ())
    (['y'], ['y_no', 'y_yes'], ['y_0_0', 'y_1_0'])
    """
    if shape in ((), (1,)):
        return [name]
    if len(shape) == 1 and len(classes) == shape[0]:
        return [f"{name}_{label}" for label in classes]
    return ["_".join((name, *map(str, at))) for at in itertools.product(*map(range, shape))]


def _classes(found: np.ndarray) -> pa.Array:
    return pa.array(found, pa.string() if found.dtype == object else pa.int64())


def _header(columns: Sequence[str], separator: str) -> bytes:
    import csv

    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerow(columns)
    return text.getvalue().encode("utf-8")


def _csv(table: pa.Table, separator: str) -> bytes:
    """The rows of a table, cells quoted where they must be; Arrow's own writer quotes every text."""
    cells = []
    for column in table.combine_chunks().columns:
        text = pc.fill_null(pc.cast(column, pa.string()), "")
        if pa.types.is_string(column.type):
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
            text = pc.if_else(pc.match_substring_regex(text, f'["\\r\\n{re.escape(separator)}]'), quoted, text)
        cells.append(text)
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "")
    lines = pc.binary_join_element_wise(*cells, separator)
    return b"".join(_data(chunk) for chunk in lines.chunks)


def _data(lines: pa.StringArray) -> bytes:
    _, starts, data = lines.buffers()
    offsets = np.frombuffer(starts, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return bytes(memoryview(data)[offsets[0] : offsets[-1]]) if data is not None else b""


def _shortest(array: np.ndarray) -> list[Any]:
    """Nested lists of numbers with as many digits as their own type needs; what is not finite is null."""
    if array.dtype.kind != "f":
        return list(array.tolist())
    text = np.array([repr(float(str(number))) if np.isfinite(number) else "null" for number in array.reshape(-1)])
    numbers = [json.loads(cell) for cell in text]
    return list(np.array(numbers, dtype=object).reshape(array.shape).tolist())
