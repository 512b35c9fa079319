"""Which class a row is predicted to have, where its output gives a number for each class or for one of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netspec.graph.ir import Checked, KerasObject
from netspec.graph.training import loss_class
from netspec.runtime.run.scores import BINARY, ONE_HOT, SPARSE

if TYPE_CHECKING:
    from netspec.runtime.data.features import Prepared


@dataclass(frozen=True)
class Choice:
    """How a class is read off the numbers of an output.

    Args:
        names: of the classes; () where they are numbers.
        over: a single number above this means the second of two classes; None: the class of the largest number.

    >>> Choice(("no", "yes"), 0.5).of(np.array([[0.2], [0.7]], np.float32)).tolist()
    ['no', 'yes']
    >>> Choice().of(np.array([[0.2, 0.8, 0.0]], np.float32)).tolist()
    [1]
    """

    names: tuple[str, ...] = ()
    over: float | None = None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether numbers of a row in this shape say one class: not a sequence of them, nor several at once."""
        if self.over is None:
            return len(shape) == 1 and shape[0] > 1
        return shape in ((), (1,)) and len(self.names) == 2

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """The class of each row by its name, (rows,) of str, or by its number, of int64."""
        if self.over is None:
            picked = numbers.argmax(axis=1)
        else:
            picked = (numbers.reshape(len(numbers)) > self.over).astype(np.int64)
        if not self.names:
            return np.asarray(picked, np.int64)
        beyond = range(len(self.names), numbers.shape[-1])  # more numbers than names
        return np.asarray(np.array([*self.names, *map(str, beyond)], object)[picked])


def choices(checked: Checked, prepared: Prepared) -> dict[str, Choice]:
    """By output, of those whose loss is one of classes or whose classes have names."""
    found = {}
    for name, loss in checked.training.losses.items():
        kind, names = loss_class(loss), prepared.class_names.get(name, ())
        if kind in BINARY:
            logits = isinstance(loss, KerasObject) and bool(loss.args.get("from_logits"))
            found[name] = Choice(names, 0.0 if logits else 0.5)
        elif names or kind == SPARSE or kind in ONE_HOT:
            found[name] = Choice(names)
    return found
