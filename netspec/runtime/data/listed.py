"""Rows for a run that was trained on a named data set, from a file where a cell is a list of all numbers of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netspec.language.datasets import DATASETS, Named
from netspec.language.schema import Source
from netspec.probe.forms import Listed
from netspec.runtime.data import sources, vectors
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Passed, Rows, Table


def opened(source: Source, dataset: str | None, columns: Sequence[str]) -> Rows:
    """The columns of a file, for a run on `dataset` or on files of its own. Raises DataError as `sources.opened`."""
    known = DATASETS.get(dataset or "")
    if known is None or known.shape is None or known.column not in columns:
        return sources.opened(source, Path(), columns=tuple(columns))
    try:
        rows = sources.opened(source, Path(), columns=tuple(columns))
    except DataError as error:
        if error.code != "NS702":
            raise
        raise DataError(error.code, error.message, _cure(dataset or "", known)) from error
    return _Laid(rows, known.column, known.shape)


def _cure(name: str, known: Named) -> str:
    form = " x ".join(map(str, known.shape or ()))
    return f"a row of `{name}` is a cell of {form} numbers in column `{known.column}`, such as `0.5 1 2 …`"


@dataclass(frozen=True)
class _Laid(Passed):
    """Rows whose lists in `column` are arrays of `shape`."""

    column: str
    shape: tuple[int, ...]

    def tables(self) -> Iterator[Table]:
        """The same rows."""
        for table in self.inner.tables():
            if isinstance(table.column(self.column), np.ndarray):
                yield table
                continue
            form = Listed(self.shape[0], self.shape[1:], True)
            found = vectors.read(table, self.column, form, None).steps.reshape(table.rows, *self.shape)
            yield replace(table, columns={**table.columns, self.column: found})
