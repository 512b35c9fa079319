"""What a run wrote down of its epochs: history.csv and times.csv, read back. No Keras needed."""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.runtime.run import runs
from netspec.runtime.run.runs import RunError

Value = float | list[Any]
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Best:
    """The epoch, from 1, with the lowest value of what was watched."""

    epoch: int
    monitor: str
    value: float


def history(run: Path) -> list[dict[str, Value]]:
    """What was logged, a row for each complete epoch, in order; none where there is no file.

    Raises:
        RunError: the file cannot be read, or is no history.
    """
    path = run / runs.HISTORY
    rows: list[dict[str, Value]] = []
    for line, cells in _table(path):
        try:
            rows.append({name: _value(cell) for name, cell in cells.items() if name != "epoch"})
        except (ValueError, RecursionError):
            raise RunError(f"`{path}` is damaged: line {line} holds something else than numbers") from None
    return rows


Pace = Mapping[str, float | None]  # the seconds of an epoch, and learning rates at its end


def times(run: Path) -> dict[int, Pace]:
    """By epoch, from 1, its numbers under the names of their columns, as far as they were noted."""
    found: dict[int, Pace] = {}
    with contextlib.suppress(OSError, ValueError), (run / runs.TIMES).open(encoding="utf-8") as file:
        _, *names = file.readline().rstrip("\n").split(",")
        for line in file:
            number, *numbers = line.rstrip("\n").split(",")
            if number.isdecimal() and len(numbers) == len(names):  # not half a line
                cells = (float(each) if each else None for each in numbers)
                found[int(number)] = dict(zip(names, cells, strict=True))
    return found


def best(rows: Sequence[Row], monitor: str | None = None) -> Best | None:
    """The best epoch, by the validation loss where there is one; None where there is none.

    >>> best([{"loss": 2.0}, {"loss": 1.0}, {"loss": 1.0}])
    Best(epoch=2, monitor='loss', value=1.0)
    """
    if monitor is None:
        monitor = "val_loss" if rows and "val_loss" in rows[0] else "loss"
    found = None
    for number, row in enumerate(rows, 1):
        value = row.get(monitor)
        if isinstance(value, float) and math.isfinite(value) and (found is None or value < found.value):
            found = Best(number, monitor, value)
    return found


def _table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file below its header, with their lines."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            for cells in reader:
                if len(cells) != len(header):
                    raise ValueError(f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}")
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"`{path}` is damaged: {error}") from error


def _value(cell: str) -> Value:
    if not cell.startswith("["):
        return float(cell)
    return list(json.loads(cell))
