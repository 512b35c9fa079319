"""Targets: the columns that an output is trained towards, as numbers, class numbers or one-hot rows.

What the loss needs decides the form; a target that does not fit the output's shape is NS706, a label that does not fit
the classes NS703, both before the first step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.catalog.types import show as show_shape
from netspec.language.schema import Target
from netspec.probe.forms import BINARY, CLASSES, ONE_HOT, SPARSE, Dims, canonical, classes_cure, fits
from netspec.runtime.data.columns import (
    bad_cell,
    in_order,
    is_lists,
    is_text,
    looks_numeric,
    narrow,
    numbers,
    require,
    show,
    texts,
    trimmed,
    whole,
)
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.quantities import one_hot
from netspec.runtime.data.tables import Table

MOST_CLASSES = 100_000  # different names of classes in a column


@dataclass(frozen=True)
class Label:
    """How one output's target is made of columns. `names` are the classes' names where the labels are text."""

    output: str
    columns: tuple[str, ...]
    form: str  # numbers, classes (class numbers) or one_hot
    names: tuple[str, ...]
    dims: Dims  # of the output
    loss: str

    def missing(self, table: Table) -> np.ndarray:
        """Which rows have no label, (rows,) of bool."""
        if self.names:
            return np.asarray(pc.equal(trimmed(table, self.columns[0]), "").to_numpy(zero_copy_only=False))
        gone = np.zeros(table.rows, bool)
        for name in self.columns:
            array = self._parsed(table, name)
            if array.dtype.kind == "f":
                gone |= np.isnan(array).reshape(len(array), -1).any(axis=1)
        return gone

    def encode(self, table: Table) -> np.ndarray:
        """The target of rows that all have a label: int32 class numbers, else float32, in the output's shape."""
        if self.form == "numbers":
            array = self._named(table)[:, None] if self.names else self._numbers(table)
            return narrow(table, self.columns, self._fitted(array, self.dims), np.float32)
        ids = self._ids(table)
        ids = self._fitted(ids, None if self.dims is None else self.dims[:-1])
        if self.form == "classes":
            return ids.astype(np.int32)
        assert self.dims is not None and self.dims[-1] is not None
        return one_hot(ids, self.dims[-1]).astype(np.float32)

    def _parsed(self, table: Table, name: str) -> np.ndarray:
        try:
            return numbers(table, name)
        except DataError as error:
            if error.help is None and is_text(table, name) and (self.loss in CLASSES or self.form != "numbers"):
                raise DataError("NS703", error.message, classes_cure(texts(table, name))) from None
            raise

    def _numbers(self, table: Table) -> np.ndarray:
        arrays = [self._parsed(table, name) for name in self.columns]
        if self.loss in BINARY:
            for name, array in zip(self.columns, arrays, strict=True):
                require(table, name, array, lambda a: (a >= 0) & (a <= 1), "a label from 0 to 1 for this loss")
        if len(arrays) == 1:
            return arrays[0]
        return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)

    def _ids(self, table: Table) -> np.ndarray:
        if self.names:
            return self._named(table)
        name = self.columns[0]
        units = None if self.dims is None else self.dims[-1]
        array = self._parsed(table, name)
        top = "" if units is None else f" to {units - 1}: output `{self.output}` has {units} unit{'s' * (units != 1)}"
        expected = f"a class number from 0{top}"
        require(table, name, array, lambda a: (a >= 0) & (a == np.floor(a)), expected)
        if units is not None:
            require(table, name, array, lambda a: a < units, expected)
        return whole(table, name, array)

    def _named(self, table: Table) -> np.ndarray:
        cells = trimmed(table, self.columns[0])
        places = pc.index_in(cells, value_set=pa.array(self.names, pa.string()))
        if places.null_count:
            at = int(np.flatnonzero(places.is_null().to_numpy(zero_copy_only=False))[0])
            known = ", ".join(f"`{name}`" for name in self.names[:20]) + (", …" if len(self.names) > 20 else "")
            raise bad_cell(table, self.columns[0], at, f"one of the classes {known}", cells[at].as_py())
        return np.asarray(places.to_numpy(zero_copy_only=False), np.int64)

    def _fitted(self, array: np.ndarray, dims: Dims) -> np.ndarray:
        fitted = reshaped(array, dims)
        if fitted is None:
            raise self._mismatch(array)
        return fitted

    def _mismatch(self, array: np.ndarray) -> DataError:
        shape = array.shape[1:] or (1,)
        assert self.dims is not None
        units = self.dims[-1] if self.dims else None
        cure = None
        if self.form == "numbers" and self.loss in ONE_HOT and shape == (1,):
            cure = "say `one_hot: true` under the target, or use the loss `sparse_categorical_crossentropy`"
        elif self.form != "numbers" and shape[-1] == units:
            cure = "the labels are one-hot already: use the loss `categorical_crossentropy`, without `one_hot`"
        elif self.form == "numbers" and units is not None and len(self.dims) == 1:
            cure = f"list {units} columns under `columns`, or give the output {shape[0]} unit{'s' * (shape[0] != 1)}"
            if shape == (1,):
                cure = "say `one_hot: true` for class numbers; " + cure
        what = "the target column gives" if len(self.columns) == 1 else f"the {len(self.columns)} target columns give"
        sparse = ", of which the loss takes all but the last axis" if self.form == "classes" else ""
        return DataError(
            "NS706",
            f"output `{self.output}` is {show_shape((None, *self.dims))}{sparse}; {what} {show_shape((None, *shape))}",
            cure,
        )


class LabelLearner:
    """The form of an output's target: by `target`, the loss and the training part's labels.

    A column of text is a column of classes when it has `classes`, or when the loss is one of classes and fewer than
    half of its cells (of the first block, where there are several) are numbers; classes are numbered in sorted order
    or in that of `classes`.
    """

    def __init__(
        self, output: str, target: Target, columns: tuple[str, ...], dims: Dims, loss: str | None, table: Table
    ) -> None:
        self._label = _form(output, target, columns, dims, loss, table)
        self._given = target.classes
        self._found: set[str] = set()
        self.named = self._given is not None or _are_names(self._label, table)

    def see(self, table: Table) -> np.ndarray:
        """Learn the block's classes; which of its rows have no label, (rows,) of bool."""
        if self.named and self._given is None:
            self._found.update(pc.unique(trimmed(table, self._label.columns[0])).to_pylist())
            if len(self._found) > MOST_CLASSES:
                column = self._label.columns[0]
                said = f"`{table.origin}`, column `{column}`: more than {MOST_CLASSES:,} different labels"
                raise DataError("NS706", f"{said} for output `{self._label.output}`", "is it the right column?")
        return replace(self._label, names=("",) if self.named else ()).missing(table)

    def made(self) -> Label:
        """The label, after the last row."""
        names = self._given if self._given is not None else in_order(self._found - {""}) if self.named else ()
        label = replace(self._label, names=names)
        _check_count(label)
        return label


def _form(output: str, target: Target, columns: tuple[str, ...], dims: Dims, loss: str | None, table: Table) -> Label:
    name = canonical(loss)
    label = Label(output, columns, "numbers", (), dims, name)
    if target.one_hot:
        if name == SPARSE:
            raise DataError(
                "NS706",
                f"output `{output}`: sparse_categorical_crossentropy takes class numbers, the target is one-hot",
                "leave out `one_hot`, or use the loss `categorical_crossentropy`",
            )
        if dims is None or not dims or dims[-1] is None:
            raise DataError("NS706", f"output `{output}`: `one_hot` needs an output whose last dimension is known")
        label = replace(label, form="one_hot")
    elif name == SPARSE:
        label = replace(label, form="classes")
    for column in columns:
        if is_lists(table, column):
            raise DataError("NS706", f"output `{output}`: column `{column}` holds lists; expected a number or a text")
    if len(columns) > 1 and (label.form != "numbers" or target.classes):
        raise DataError("NS706", f"output `{output}`: classes come from one column, got {len(columns)}")
    return label


def _are_names(label: Label, table: Table) -> bool:
    """Whether the cells are names of classes, not numbers."""
    column = label.columns[0]
    classes = label.loss in CLASSES or label.form != "numbers"
    return len(label.columns) == 1 and classes and is_text(table, column) and not looks_numeric(table, column)


def _check_count(label: Label) -> None:
    """More classes than the output can tell apart."""
    if not label.names or label.dims is None or not label.dims or label.dims[-1] is None:
        return
    units = label.dims[-1]
    most = 2 if label.form == "numbers" else units
    if len(label.names) > most and (label.form != "numbers" or units == 1):
        shown = ", ".join(show(name) for name in label.names[:5]) + (", …" if len(label.names) > 5 else "")
        raise DataError(
            "NS706",
            f"output `{label.output}` has {units} {'unit' if units == 1 else 'units'}, "
            f"column `{label.columns[0]}` has {len(label.names)} classes: {shown}",
            f"give the output {len(label.names)} units",
        )


def reshaped(array: np.ndarray, dims: Dims) -> np.ndarray | None:
    """`array` (rows, ...) in the shape (rows, *dims); None where that is more than laying flat, the way back, or axes
    of one number put in or left out. Axes that are merely in another order are a mistake, not a shape to fill.
    """
    if dims is None:
        return array
    shape = array.shape[1:]
    if not fits(shape, dims):
        return None
    if len(shape) == len(dims) and all(want in (None, got) for want, got in zip(dims, shape, strict=True)):
        return array
    return array.reshape(len(array), *(-1 if dim is None else dim for dim in dims))
