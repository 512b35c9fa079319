"""Targets: the columns that an output is trained towards, as numbers, class numbers or one-hot rows.

What the loss needs decides the form; a target that does not fit the output's shape is NS706, a label that does not fit
the classes NS703, both before the first step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import counted
from netspec.probe import forms
from netspec.probe.forms import ALL_CLASSES, BINARY, CLASSES, HINGE, ONE_HOT, Dims, classes_cure, fits
from netspec.runtime.data import multi, stepwise, vectors, weighing
from netspec.runtime.data.columns import (
    bad_cell,
    is_text,
    narrow,
    numbers,
    require,
    texts,
    trimmed,
    whole,
)
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.quantities import one_hot
from netspec.runtime.data.stepwise import Stepwise
from netspec.runtime.data.tables import Table

_FINE = 1e-3  # of a standard deviation: what rounding may take
MOST_UNITS = 2**31 - 1  # class numbers are int32


@dataclass(frozen=True)
class Label:
    """How one output's target is made of columns. `names` are the classes' names where the labels are text."""

    output: str
    columns: tuple[str, ...]
    form: str  # numbers, classes (class numbers), one_hot or multi_label
    names: tuple[str, ...]
    dims: Dims  # of the output
    loss: str
    masks: bool = False  # a row without this label stays, and counts nothing for this output
    weight: str | None = None  # the column of the rows' weights
    class_weights: tuple[float, ...] | None = None  # by class number
    separator: str = ""  # between the classes of a row
    mean: tuple[float, ...] | None = None  # along the last axis; trained is (label - mean) / std
    std: tuple[float, ...] | None = None
    steps: Stepwise | None = None  # a label for each step
    array: bool = False  # a list of numbers, as many as the output has

    @property
    def weighted(self) -> bool:
        """Whether rows may count differently for this output."""
        return self.masks or self.weight is not None or self.class_weights is not None or self.steps is not None

    @property
    def singly(self) -> bool:
        """Whether labels that are missing are masked one by one, not row by row."""
        return self.masks and self.steps is None and forms.masked_singly(self.form, self.loss, self.dims)

    def missing(self, table: Table) -> np.ndarray:
        """Which rows have no label, (rows,) of bool."""
        if self.steps is not None:
            return stepwise.missing(table, self.columns[0], bool(self.names))
        if self.form == "multi_label":
            return multi.missing(table, self.columns[0])
        if self.names:
            return np.asarray(pc.equal(trimmed(table, self.columns[0]), "").to_numpy(zero_copy_only=False))
        holes = np.concatenate(list(self.holes(table).values()), axis=1)
        return np.asarray(holes.all(axis=1) if self.singly else holes.any(axis=1))

    def holes(self, table: Table) -> dict[str, np.ndarray]:
        """By column where numbers are missing, (rows, numbers) of bool."""
        found = {}
        for name in self.columns:
            array = self._parsed(table, name)
            array = array.reshape(len(array), math.prod(array.shape[1:]))
            found[name] = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        return found

    def there(self, table: Table) -> np.ndarray:
        """Which rows have a label, (rows,) of bool; of a sequence which steps, (rows, steps); of labels that are masked
        one by one which of them, in the shape of the target.
        """
        if self.steps is not None or self.singly:
            there = self._encoded(table)[1]
            assert there is not None
            return there
        return ~self.missing(table)

    def encode(self, table: Table) -> np.ndarray:
        """The target in the output's shape: int32 class numbers, else float32. 0 where a masked row has none.

        If the output masks nothing, all rows have a label.
        """
        return self.prepared(table)[0]

    def prepared(self, table: Table) -> tuple[np.ndarray, np.ndarray | None, int]:
        """The target; what each row (rows,), step (rows, steps) or number counts, float32, None where all count 1; how
        many labels there are.
        """
        gone = self.missing(table) if self.masks else np.zeros(table.rows, bool)
        if not gone.any():
            target, there = self._encoded(table)
            return target, self._weights(table, target, there), table.rows if there is None else int(there.sum())
        rows = np.flatnonzero(~gone)
        some, found, count = self.prepared(table.take(rows))
        target = np.zeros((table.rows, *some.shape[1:]), some.dtype)
        target[rows] = some
        weights = np.zeros((table.rows, *(() if found is None else found.shape[1:])), np.float32)
        weights[rows] = 1 if found is None else found
        return target, weights, count

    def _weights(self, table: Table, target: np.ndarray, there: np.ndarray | None) -> np.ndarray | None:
        if not self.weighted:
            return None
        found = np.ones(table.rows, np.float32) if self.weight is None else weighing.column(table, self.weight)
        if there is not None:
            found = there * found.reshape(-1, *(1,) * (there.ndim - 1))
        if self.class_weights is not None and table.rows:
            by_class = np.asarray(self.class_weights, np.float32)
            found = found * by_class[np.minimum(self.classes(table, target), len(by_class) - 1)]
        return np.asarray(found, np.float32)

    def classes(self, table: Table, target: np.ndarray) -> np.ndarray:
        """The class numbers of prepared targets, (rows,), or of steps (rows, steps)."""
        name, named = self.columns[0], bool(self.names)
        if self.steps is None:
            return weighing.class_numbers(target, self.form, self.loss, table, name, self.output, named)
        if self.form == "one_hot":
            return np.asarray(target.argmax(axis=-1))
        return np.asarray(
            target.reshape(target.shape[:2]) > 0 if self.loss in HINGE else target.reshape(target.shape[:2]), np.int64
        )

    def notes(self) -> tuple[str, ...]:
        """What the report says of its class weights."""
        if self.class_weights is None:
            return ()
        known = self.names or forms.numbered(self.loss, self.form, len(self.class_weights)) or ()
        pairs = list(zip(known, self.class_weights, strict=False))
        shown = ", ".join(f"`{name}` {weight:.4g}" for name, weight in pairs[:10])
        return (f"`{self.output}`: class weights {shown}" + (", …" if len(pairs) > 10 else ""),)

    def restored(self, array: np.ndarray) -> np.ndarray:
        """Predictions (rows, …) in the units of the labels; in float64 where their own type would round what varies."""
        if self.mean is None or self.std is None:
            return array
        scaled = array.astype(np.float64) * np.asarray(self.std) + np.asarray(self.mean)
        return scaled if self.far else np.asarray(scaled, array.dtype)

    @property
    def far(self) -> float:
        """The step between float32 numbers where the labels lie, if it is coarse against their deviation, else 0."""
        if self.mean is None or self.std is None:
            return 0.0
        gaps = np.spacing(np.abs(np.asarray(self.mean)).astype(np.float32)).astype(np.float64)
        return float(np.max(np.where(gaps > _FINE * np.asarray(self.std), gaps, 0.0)))

    def _encoded(self, table: Table) -> tuple[np.ndarray, np.ndarray | None]:
        """The target of rows that all have a label, and which steps of a sequence are no padding, or which numbers are
        there where they are masked one by one.
        """
        if self.steps is not None:
            return self._stepwise(table, self.steps)
        if self.form == "multi_label":
            units = self.dims[-1] if self.dims else None
            hot = multi.encode(table, self.columns[0], self.separator, self.names, units)
            return self._fitted(hot, self.dims), None
        if not self.singly:
            return self._single(table), None
        array = self._fitted(self._numbers(table), self.dims)
        there = ~np.isnan(array) if array.dtype.kind == "f" else np.ones(array.shape, bool)
        return narrow(table, self.columns, np.where(there, self._normalized(array), 0), np.float32), there

    def _stepwise(self, table: Table, said: Stepwise) -> tuple[np.ndarray, np.ndarray]:
        units = 2 if self.form == "numbers" and self.loss in BINARY | HINGE else self.dims[-1] if self.dims else None
        if self.form == "numbers" and self.loss not in BINARY | HINGE:
            units = None
        ids, there = stepwise.encode(table, self.columns[0], self.names, units or MOST_UNITS, said)
        if self.form == "classes":
            return ids.astype(np.int32), there
        if self.form == "one_hot":
            assert self.dims is not None and self.dims[-1] is not None
            return one_hot(ids, self.dims[-1]).astype(np.float32), there
        return ids.astype(np.float32)[..., None], there

    def _single(self, table: Table) -> np.ndarray:
        if self.form == "numbers":
            array = self._named(table)[:, None] if self.names else self._numbers(table)
            found = self._normalized(array)
            fitted = reshaped(found, self.dims) if forms.is_own(self.loss) else self._fitted(found, self.dims)
            fitted = found.reshape(len(found), -1) if fitted is None else fitted
            return narrow(table, self.columns, fitted, np.float32)
        ids = self._ids(table)
        ids = self._fitted(ids, None if self.dims is None else self.dims[:-1])
        if self.form == "classes":
            return ids.astype(np.int32)
        assert self.dims is not None and self.dims[-1] is not None
        return one_hot(ids, self.dims[-1]).astype(np.float32)

    def _normalized(self, array: np.ndarray) -> np.ndarray:
        if self.mean is None or self.std is None:
            return array
        return np.asarray((array.astype(np.float64) - np.asarray(self.mean)) / np.asarray(self.std))

    def _parsed(self, table: Table, name: str) -> np.ndarray:
        if self.array:
            form = forms.listed(self.dims, None)
            assert isinstance(form, forms.Listed)
            found = vectors.read(table, name, form, None).steps.reshape(table.rows, form.steps or 0, *form.inner)
            return numbers(replace(table, columns={name: found}), name)
        try:
            return numbers(table, name)
        except DataError as error:
            if error.help is not None or not is_text(table, name):
                raise
            classes = self.loss in CLASSES or self.form != "numbers"
            cure = (classes_cure if classes else forms.number_cure)(texts(table, name))
            raise DataError("NS703", error.message, cure) from None

    def plain(self, table: Table) -> Table:
        """The table with its lists as numbers."""
        if not self.array:
            return table
        return replace(table, columns={**table.columns, self.columns[0]: self._parsed(table, self.columns[0])})

    def _numbers(self, table: Table) -> np.ndarray:
        arrays = [self._parsed(table, name) for name in self.columns]
        if self.loss in BINARY:
            for name, array in zip(self.columns, arrays, strict=True):
                require(table, name, array, lambda a: ~((a < 0) | (a > 1)), "a label from 0 to 1 for this loss")
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
            raise bad_cell(table, self.columns[0], at, f"one of the classes {known}", cells[at].as_py(), ALL_CLASSES)
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
            cure = f"list {counted(units, 'column')} under `columns`, or give the output {counted(shape[0], 'unit')}"
            if shape == (1,):
                cure = "say `one_hot: true` for class numbers; " + cure
        what = "the target column gives" if len(self.columns) == 1 else f"the {len(self.columns)} target columns give"
        sparse = ", of which the loss takes all but the last axis" if self.form == "classes" else ""
        return DataError(
            "NS706",
            f"output `{self.output}` is {show_shape((None, *self.dims))}{sparse}; {what} {show_shape((None, *shape))}",
            cure,
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
    free = math.prod(shape) // max(1, math.prod(dim for dim in dims if dim is not None))
    return array.reshape(len(array), *(free if dim is None else dim for dim in dims))
