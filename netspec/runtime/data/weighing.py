"""What a row's label counts in the loss of its output: the weight of its row times that of its class, 0 where masked.

Class weights are learned in the pass that learns the rest, and kept by class number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.probe import forms
from netspec.runtime.data.columns import narrow, numbers, require
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.tables import Table


def balanced(counts: Mapping[Any, int], classes: Sequence[Any]) -> tuple[float, ...]:
    """n / (classes that occur * rows of the class) for each of `classes`; 1 for one that does not occur.

    >>> balanced({"no": 6, "yes": 2}, ("no", "yes", "maybe"))
    (0.6666666666666666, 2.0, 1.0)
    """
    weight = sum(counts.values()) / max(1, len(counts))
    return tuple(weight / counts[name] if counts.get(name) else 1.0 for name in classes)


def given(output: str, said: Mapping[str, float], known: Sequence[str]) -> tuple[float, ...]:
    """Weights by class number, 1 where nothing is said. Raises DataError NS710 for a class that there is not."""
    for key in said:
        if key not in known:
            message, cure = forms.unknown_class(output, key, known)
            raise DataError("NS710", message, cure)
    return tuple(said.get(name, 1.0) for name in known)


def class_numbers(
    target: np.ndarray, form: str, loss: str, table: Table, column: str, output: str, named: bool
) -> np.ndarray:
    """The class of each row's prepared target, (rows,) int64.

    Raises DataError NS711 where a row has several labels, NS703 for a label between two classes.
    """
    rows = target.reshape(len(target), -1)
    if form == "one_hot" or (form == "numbers" and loss in forms.ONE_HOT):
        if target.ndim > 2:
            raise several(output)
        return np.asarray(rows.argmax(axis=1), np.int64)
    if rows.shape[1] != 1:
        raise several(output)
    values = rows[:, 0]
    if form == "classes" or named:
        return values.astype(np.int64)
    if loss in forms.HINGE:
        require(table, column, values, lambda v: np.isin(v, (-1, 0, 1)), "a label of -1 or 1, as classes have weights")
        return (values > 0).astype(np.int64)
    require(table, column, values, lambda v: np.isin(v, (0, 1)), "a label of 0 or 1, as classes have weights")
    return values.astype(np.int64)


def several(output: str) -> DataError:
    """Class weights for an output with several labels a row."""
    return DataError("NS711", f"output `{output}`: class weights are for one class a row, and it has several labels")


def column(table: Table, name: str) -> np.ndarray:
    """The weights in a column, (rows,) float32, finite and at least 0; NS703 with the row else."""
    array = numbers(table, name, help="a weight is a number of at least 0")
    if array.size != len(array):
        width = array.size // max(1, len(array))
        raise DataError("NS706", f"`{table.origin}`, column `{name}`: {width} numbers a row; a weight is one")
    array = array.reshape(len(array))
    require(table, name, array, lambda a: a >= 0, "a weight, which is a number of at least 0")
    require(table, name, array, lambda a: a <= forms.HEAVIEST, f"a weight of at most {forms.HEAVIEST:g}")
    return narrow(table, (name,), array, np.float32)
