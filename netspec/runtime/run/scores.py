"""What a model scored: losses and metrics by split and output, and what guessing the majority class would have scored.

Plain values without Keras, so that reports and metrics.json are made from them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netspec.graph.ir import Training
from netspec.graph.training import loss_class, metric_name
from netspec.runtime.data.store import Examples, truths

ALL = "(all)"
Number = float | list[Any]  # a metric is a number, or a list of them where it has one for each class

ONE_HOT = frozenset(("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge", "KLDivergence"))
BINARY = frozenset(("BinaryCrossentropy", "BinaryFocalCrossentropy"))
SPARSE = "SparseCategoricalCrossentropy"
CLASSIFYING = ONE_HOT | BINARY | {SPARSE}
_ACCURACIES = ("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")


@dataclass(frozen=True)
class Majority:
    """The most frequent class of an output's labels: its name, and its share, the accuracy of always guessing it."""

    label: str
    share: float


@dataclass(frozen=True)
class Scores:
    """One split's rows, loss, metrics by output, and majority classes of the outputs that classify."""

    split: str
    rows: int
    loss: float
    outputs: Mapping[str, Mapping[str, Number]]
    majorities: Mapping[str, Majority]

    def without(self, outputs: Collection[str]) -> Scores:
        """The same without outputs that no row has a label of: Keras says 0 of them."""
        if not outputs:
            return self
        return replace(self, outputs={name: {} if name in outputs else each for name, each in self.outputs.items()})

    def accuracy(self, output: str) -> float | None:
        """The output's accuracy, None where none was asked for."""
        found = self.outputs.get(output, {})
        named = next((found[name] for name in _ACCURACIES if name in found), None)
        return named if isinstance(named, float) else None

    def lead(self, output: str) -> float | None:
        """By how many points the output's accuracy beats the majority class; None where there is nothing to compare."""
        accuracy, majority = self.accuracy(output), self.majorities.get(output)
        if accuracy is None or majority is None:
            return None
        return round(100 * (accuracy - majority.share), 4) + 0.0  # Keras counts in single precision; no -0.0

    def as_json(self) -> dict[str, Any]:
        """The split's part of metrics.json: by output; the whole model's under `(all)`, which is no output's name."""
        outputs: dict[str, Any] = {name: dict(found) for name, found in self.outputs.items()}
        for name, majority in self.majorities.items():
            outputs[name]["majority_class"] = {"label": majority.label, "accuracy": majority.share}
        return {**outputs, ALL: {"rows": self.rows, "loss": self.loss}}


def sorted_out(
    split: str,
    rows: int,
    logs: Mapping[str, Number],
    training: Training,
    outputs: Sequence[str],
    majorities: Mapping[str, Majority] | None = None,
) -> Scores:
    """Keras's flat names by output: `main_output_accuracy` is accuracy of main_output; one output's have no prefix.

    An output's loss is not weighted. Where one output alone is trained, its loss includes regularization.
    """
    by_output: dict[str, dict[str, Number]] = {name: {} for name in outputs}
    several = len(outputs) > 1
    trained = [name for name in outputs if training.losses.get(name) is not None]
    for name in outputs:
        prefix = f"{name}_" if several else ""
        loss = logs.get(f"{name}_loss" if several and len(trained) > 1 else "loss")
        if several and len(trained) == 1 and isinstance(loss, float):
            weight = training.loss_weights.get(name, 1.0)  # Keras then logs the weighted sum alone
            loss = loss / weight if weight else None
        if loss is not None and name in trained:
            by_output[name]["loss"] = loss
        for metric in training.metrics.get(name, ()):
            shown = metric_name(metric)
            value = logs.get(prefix + shown)
            if value is not None:
                by_output[name][shown] = value
    total = logs.get("loss", float("nan"))
    return Scores(split, rows, total if isinstance(total, float) else float("nan"), by_output, dict(majorities or {}))


def majorities(examples: Examples, training: Training, names: Mapping[str, Sequence[str]]) -> dict[str, Majority]:
    """The majority class of every output whose loss and labels are those of a classification.

    `names` are the classes' names by output, where they have some; numbers otherwise.
    """
    return majorities_of(tallies(examples, training), names)


def tallies(examples: Examples, training: Training) -> dict[str, Counter[int]]:
    """How many labels of each class there are, by output, of those that classify."""
    counted: dict[str, Counter[int]] = {
        name: Counter() for name in examples.targets if loss_class(training.losses.get(name)) in CLASSIFYING
    }
    for _, y, w in truths(examples) if counted else ():
        for name in list(counted):
            labels = y[name][w[name] != 0] if name in w else y[name]
            classes = class_numbers(labels, loss_class(training.losses.get(name)))
            if classes is None:
                del counted[name]
                continue
            values, counts = np.unique(classes.astype(np.int64), return_counts=True)
            counted[name].update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return counted


def majorities_of(counted: Mapping[str, Counter[int]], names: Mapping[str, Sequence[str]]) -> dict[str, Majority]:
    """The same of labels that are counted."""
    found = {}
    for name, counter in counted.items():
        total = counter.total()
        if total:
            label, count = min(counter.items(), key=lambda item: (-item[1], item[0]))
            known = names.get(name, ())
            found[name] = Majority(known[label] if label < len(known) else str(label), count / total)
    return found


def class_numbers(array: np.ndarray, loss: str | None) -> np.ndarray | None:
    """Class numbers of labels, None where they are not classes."""
    if loss == "SparseCategoricalCrossentropy":
        return array
    if loss in ONE_HOT and array.shape[-1] > 1:
        return np.asarray(array.argmax(axis=-1))
    if loss in BINARY and (array.ndim == 1 or array.shape[-1] == 1) and np.isin(array, (0, 1)).all():
        return array
    return None


def plain(value: Any) -> Number:
    """A logged value as JSON takes it.

    >>> plain(np.float32(0.5)), plain(np.array([0.5, 1.0]))
    (0.5, [0.5, 1.0])
    """
    array = np.asarray(value, dtype=np.float64)
    return float(array) if array.ndim == 0 else list(array.tolist())
