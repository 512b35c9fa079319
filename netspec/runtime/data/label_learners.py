"""What is learned of an output's labels, from the training rows, a Table at a time and in one pass.

The form of the target, the names of classes, class weights, mean and deviation: `LabelLearner.made` gives the `Label`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.compute as pc

from netspec.language.schema import Feature, Steps, Target
from netspec.probe import forms
from netspec.probe.forms import CLASSES, SPARSE, Dims, canonical
from netspec.runtime.data import multi, stepwise, weighing
from netspec.runtime.data.columns import in_order, is_lists, is_text, is_text_lists, looks_numeric, show, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.labels import Label
from netspec.runtime.data.learners import NumbersLearner
from netspec.runtime.data.stepwise import Stepwise
from netspec.runtime.data.tables import Table

MOST_CLASSES = 100_000  # different names of classes in a column


class LabelLearner:
    """The form of an output's target: by `target`, the loss and the training part's labels.

    A column of text is a column of classes when it has `classes`, or when the loss is one of classes and fewer than
    half of its cells (of the first block, where there are several) are numbers; classes are numbered in sorted order
    or in that of `classes`.
    """

    def __init__(
        self,
        output: str,
        target: Target,
        columns: tuple[str, ...],
        dims: Dims,
        loss: str | None,
        table: Table,
        weight: str | None = None,
    ) -> None:
        self._label = _form(output, target, columns, dims, loss, table, weight)
        self._target, self._given = target, target.classes
        self._found: set[str] = set()
        self.named = self._given is not None or _are_names(self._label, table)
        self._counts: Counter[Any] = Counter()  # rows by class name or number
        self._numbers = NumbersLearner(Feature(normalize=True), columns, False) if target.normalize else None
        self._labelled, self._longest = 0, 1
        self._labels: dict[str, np.ndarray] = {}  # by column, of labels that are masked one by one, how many there are
        if target.balanced or target.class_weights is not None:
            self._check_classes()

    @property
    def masks(self) -> bool:
        """Whether a row without this label stays."""
        return self._label.masks

    def see(self, table: Table) -> np.ndarray:
        """Learn the block's classes; which of its rows have no label, (rows,) of bool."""
        if self.named and self._given is None:
            self._found.update(self._names(table))
            if len(self._found) > MOST_CLASSES:
                column = self._label.columns[0]
                said = f"`{table.origin}`, column `{column}`: more than {MOST_CLASSES:,} different labels"
                raise DataError("NS706", f"{said} for output `{self._label.output}`", "is it the right column?")
        return self._known().missing(table)

    def learn(self, table: Table) -> None:
        """Learn from rows that are trained on: how many there are of each class, mean and deviation of numbers."""
        steps = self._label.steps
        measures = steps is not None and not steps.length
        if not (self.masks or self._target.balanced or self._numbers or measures):
            return
        if self.masks:
            table = table.take(np.flatnonzero(~self._known().missing(table)))
        self._labelled += table.rows
        if not table.rows:
            return
        if self._label.singly:
            for name, holes in self._label.holes(table).items():
                self._labels[name] = self._labels.get(name, 0) + np.count_nonzero(~holes, axis=0)
        if self._numbers is not None:
            self._label.encode(table)  # which speaks of labels where something is wrong
            self._numbers.see(self._label.plain(table))
        column = self._label.columns[0]
        if measures:
            self._longest = max(self._longest, stepwise.longest(table, column, self.named))
        if steps is not None:
            self._counts.update(stepwise.tally(table, column, self.named) if self._target.balanced else {})
        elif self._target.balanced and self.named:
            for pair in pc.value_counts(trimmed(table, column)).to_pylist():
                self._counts[pair["values"]] += pair["counts"]
        elif self._target.balanced:
            found = self._label.classes(table, self._label.encode(table))
            values, counts = np.unique(found, return_counts=True)
            self._counts.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def made(self) -> Label:
        """The label, after the last row. Raises DataError NS704 where no row has it."""
        names = self._given if self._given is not None else in_order(self._found - {""}) if self.named else ()
        label = replace(self._label, names=names)
        _check_count(label)
        if self.masks and not self._labelled:
            columns = ", ".join(f"`{name}`" for name in label.columns)
            raise DataError("NS704", f"output `{label.output}`: none of the training rows has a label in {columns}")
        for name, counts in self._labels.items():
            if not counts.all():
                which = f"number {int(np.argmin(counts)) + 1} of `{name}`" if len(counts) > 1 else f"`{name}`"
                raise DataError("NS704", f"output `{label.output}`: none of the training rows has a label in {which}")
        if self._numbers is not None:
            label = self._scaled(label)
        if label.steps is not None and not label.steps.length:
            label = replace(label, steps=replace(label.steps, length=self._longest))
        return replace(label, class_weights=self._class_weights(label))

    def _known(self) -> Label:
        return replace(self._label, names=("",) if self.named else ())

    def _names(self, table: Table) -> list[str]:
        label = self._label
        if label.form == "multi_label":
            found = multi.names(table, label.columns[0], label.separator)[1]
        elif label.steps is not None:
            found = stepwise.names(table, label.columns[0])[1]
        else:
            found = trimmed(table, label.columns[0])
        return list(pc.unique(found).to_pylist())

    def _check_classes(self) -> None:
        label = self._label
        if not self.named and forms.numbered(label.loss, label.form, label.dims[-1] if label.dims else None) == ():
            raise DataError("NS711", forms.no_class_weights(label.output, label.form, label.loss))
        if label.dims is not None and len(label.dims) > 1 and label.steps is None:
            raise weighing.several(label.output)

    def _class_weights(self, label: Label) -> tuple[float, ...] | None:
        target = self._target
        units = label.dims[-1] if label.dims else None
        known = label.names or forms.numbered(label.loss, label.form, units)
        if target.balanced:
            if label.names:
                both = {name: self._counts[name] + self._counts[at] for at, name in enumerate(label.names)}
                return weighing.balanced({name: count for name, count in both.items() if count}, label.names)
            highest = max(self._counts, default=0)
            if highest >= MOST_CLASSES and not known:
                said = f"output `{label.output}`: class number {highest} in column `{label.columns[0]}`"
                raise DataError("NS706", f"{said}; classes that are balanced are at most {MOST_CLASSES:,}")
            return weighing.balanced(self._counts, range(len(known) if known else 2 + highest))
        if target.class_weights is None:
            return None
        if known is None:  # then one more than is named stands for all others
            named = (int(key) for key in target.class_weights if key.isdecimal())
            known = tuple(map(str, range(2 + min(max(named, default=0), MOST_CLASSES))))
        return weighing.given(label.output, target.class_weights, known)

    def _scaled(self, label: Label) -> Label:
        assert self._numbers is not None
        made = self._numbers.made()
        units = label.dims[-1] if label.dims else None
        if made.mean is not None and len(made.mean) > 1 and units is not None and units != len(made.mean):
            said = f"output `{label.output}` has {units} units, its labels {len(made.mean)} numbers that are normalized"
            raise DataError("NS706", said)
        return replace(label, mean=made.mean, std=made.std)


def _form(
    output: str,
    target: Target,
    columns: tuple[str, ...],
    dims: Dims,
    loss: str | None,
    table: Table,
    weight: str | None,
) -> Label:
    name = canonical(loss)
    label = Label(output, columns, "numbers", (), dims, name, masks=target.missing == "mask", weight=weight)
    kinds = {"multi": target.multi_label is not None, "steps": target.sequence is not None, "array": target.array}
    if reason := forms.refused(output, len(columns), name, normalize=target.normalize, **kinds):
        raise DataError("NS711", reason)
    if target.multi_label is not None:
        return replace(label, form="multi_label", separator=target.multi_label.separator)
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
    if target.sequence is not None:
        return _stepwise(label, target.sequence)
    if target.array:
        if reason := forms.array_refused(output, dims):
            raise DataError("NS706", reason)
        return replace(label, array=True)
    for column in columns:
        if is_lists(table, column) or is_text_lists(table, column):
            raise DataError(
                "NS706",
                f"output `{output}`: column `{column}` holds lists; expected a number or a text",
                "lists of numbers are `array: true`, several classes a row `multi_label: true`, a class a step "
                "`sequence: true`",
            )
    if len(columns) > 1 and (label.form != "numbers" or target.classes):
        raise DataError("NS706", f"output `{output}`: classes come from one column, got {len(columns)}")
    return label


def _stepwise(label: Label, said: Steps) -> Label:
    if refusal := forms.steps_refused(label.output, label.form, label.loss, label.dims, said.length):
        raise DataError(*refusal)
    length = (label.dims[0] if label.dims else None) or said.length or 0
    return replace(label, steps=Stepwise(length, said.padding, said.truncating))


def _are_names(label: Label, table: Table) -> bool:
    """Whether the cells are names of classes, not numbers."""
    column = label.columns[0]
    if label.form == "multi_label":
        return multi.is_named(table, column)
    classes = (label.loss in CLASSES or forms.is_own(label.loss) or label.form != "numbers") and not label.array
    if label.steps is not None:
        return classes and is_text_lists(table, column)
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
