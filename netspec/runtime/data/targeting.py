"""How a first spec learns a target: as one of two classes, one of several, numbers, or a label with a number each.

Decided from what the column holds. What nothing can be learned from is a DataError NS706.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netspec.probe.cells import MISSING, mark_cure
from netspec.runtime.data.closer import Found, NumberLists
from netspec.runtime.data.columns import in_order
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.profile import Column

MOST_CLASSES = 1000
_SMALL = 20  # rows below which a share says nothing
_WHOLE = 20  # whole numbers that are classes, at most, unless they count from 0
_HUGE = 1e15  # whose squares are near the end of float32
_ROWS = 5  # of a class of numbers, on average


@dataclass(frozen=True)
class Goal:
    """One output: its column, loss and metric, its last layer, and `why` in a few words.

    `classes` are the labels in order, empty where they are numbers already. With `normalize` it is trained as numbers
    around 0, which predictions and metrics bring back into its own unit.
    """

    name: str
    column: str
    loss: str
    metric: str
    units: int
    activation: str | None
    why: str
    missing: int
    classes: tuple[str, ...] = ()
    normalize: bool = False
    array: bool = False  # lists of numbers in a cell


def goal(column: Column, name: str, origin: str, one_hot: bool, found: Found | None = None) -> Goal:
    """How to learn `column`; `one_hot` says that each of its arrays holds a single 1, `found` what its cells hold."""
    where = f"`{origin}`, column `{column.name}`"
    if isinstance(found, NumberLists) and found.least == found.most and found.there and not found.inner:
        return replace(_measured(column, name, found.most), array=True)
    if column.kind in ("list", "bytes") or (len(column.shape) > 1 and column.kind == "array"):
        what = {"list": "lists", "bytes": "bytes"}.get(column.kind, "arrays")
        raise DataError("NS706", f"{where} holds {what}; a first spec predicts a class or numbers")
    if column.kind == "empty" or not column.there:
        raise DataError("NS706", f"{where} is empty, so there is nothing to learn")
    if column.distinct == 1 or (column.spread and column.kind == "array" and column.spread.least == column.spread.most):
        value = f", `{next(iter(column.counts))[:40]}`" if column.counts else ""
        raise DataError("NS706", f"{where} has one value{value}, so there is nothing to learn")
    if column.kind in ("number", "array") and column.odd:
        raise DataError("NS706", f"{where} has infinite numbers")
    if column.kind in ("number", "array") and column.spread and not column.spread.std < _HUGE:
        raise DataError("NS706", f"{where} has numbers too large to be learned", "give them in another unit")
    if column.kind == "array":
        return _array(column, name, one_hot)
    if column.kind == "number":
        return _numbered(column, name) or _measured(column, name, 1)
    counts, there = column.counts, column.there
    if counts is None or len(counts) > MOST_CLASSES or (2 * len(counts) > there and there >= _SMALL):
        many = f"{len(counts):,}" if counts is not None else "very many"
        said = f"{where} has {many} different texts in {there:,} rows, which are no classes"
        cure = f"some cells are numbers, `{column.example[:40]}` is none" if column.odd else None
        raise DataError("NS706", said, mark_cure(column.first) or cure)
    return _classes(column, name, in_order(set(counts)))


def _array(column: Column, name: str, one_hot: bool) -> Goal:
    spread, units = column.spread, column.shape[0]
    assert spread is not None
    if one_hot:
        why = f"one-hot rows of {units} classes"
        return Goal(name, column.name, "categorical_crossentropy", "accuracy", units, "softmax", why, column.missing)
    if column.whole and spread.least == 0 and spread.most == 1:
        why = f"{units} yes or no labels a row"
        return Goal(name, column.name, "binary_crossentropy", "binary_accuracy", units, "sigmoid", why, column.missing)
    return _measured(column, name, units)


def _numbered(column: Column, name: str) -> Goal | None:
    """A target of few whole numbers, which stand for classes; None for one that is a measure."""
    counts, there = column.counts, column.there
    if counts is None or not column.whole:
        return None
    words = {"true": 1.0, "false": 0.0}
    plain = {value: value.lower().replace(",", ".") for value in counts}
    values = {value: words[said] if said in words else float(said) for value, said in plain.items()}
    numbers = sorted(set(values.values()))
    from_zero = numbers == list(range(len(numbers)))
    if numbers == [0, 1] and any(value.lower() in words for value in values) and len(values) == 2:
        return _classes(column, name, tuple(sorted(values, key=lambda value: values[value])))
    if numbers == [0, 1]:
        return Goal(name, column.name, "binary_crossentropy", "accuracy", 1, "sigmoid", "0 or 1", column.missing)
    many = MOST_CLASSES if from_zero else _WHOLE
    if len(numbers) > many or (len(numbers) > 2 and there < _ROWS * len(numbers)):
        return None
    if from_zero:
        units = len(numbers)
        why = f"class numbers 0 to {units - 1}"
        loss = "sparse_categorical_crossentropy"
        return Goal(name, column.name, loss, "accuracy", units, "softmax", why, column.missing)
    if len(numbers) < len(values):  # one number in two spellings
        return None
    return _classes(column, name, tuple(sorted(values, key=lambda value: values[value])))


def _classes(column: Column, name: str, classes: tuple[str, ...]) -> Goal:
    own = [label for label in classes if label.lower() in MISSING]
    also = f", `{own[0]}` among them" if own else ""
    if len(classes) == 2:
        why = f"the probability of `{classes[1][:40]}`{also}"
        return Goal(name, column.name, "binary_crossentropy", "accuracy", 1, "sigmoid", why, column.missing, classes)
    why = f"a probability for each of {len(classes)} classes{also}"
    loss = "sparse_categorical_crossentropy"
    return Goal(name, column.name, loss, "accuracy", len(classes), "softmax", why, column.missing, classes)


def _measured(column: Column, name: str, units: int) -> Goal:
    why = "a number" if units == 1 else f"{units} numbers"
    loss, metric = "mean_squared_error", "mean_absolute_error"
    return Goal(name, column.name, loss, metric, units, None, why, column.missing, normalize=True)
