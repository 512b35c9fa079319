"""Steps that a LossScaleOptimizer skips because they overflow in 16 bits, as Keras does: the loss is NaN, no weight is.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from netspec.diagnostics import counted
from netspec.runtime.run.scores import Number

CURE = (
    "give the layers whose numbers grow `dtype: float32`, scale the inputs (`normalize: true`), "
    "or say `dtype_policy: mixed_bfloat16`, which reaches as far as float32"
)


_LEAST = 2.0**-24  # of 16 bits: a gradient that overflows at this scale is no number that a step could use


class Overflows:
    """Knows whether what was not finite in an epoch were steps that were skipped, until the scale is right.

    >>> Overflows(keras.optimizers.SGD()).may_skip
    False
    """

    def __init__(self, optimizer: Any) -> None:
        self.may_skip = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        self._optimizer, self._before = optimizer, -1

    def epoch_begins(self, *, midway: bool) -> None:
        """Notes where it stands; of an epoch that goes on `midway` an earlier step may have been taken."""
        self._before = -1 if midway or not self.may_skip else self._taken()

    def skipped(self) -> bool:
        """Whether training goes on with a loss that is not finite: steps were taken in this epoch, or may yet be."""
        return self.may_skip and (self._taken() > self._before or float(self._optimizer.dynamic_scale) >= _LEAST)

    def _taken(self) -> int:
        return int(self._optimizer.inner_optimizer._iterations)  # the public one counts accumulated steps as one


def notes(history: Sequence[Mapping[str, Number]]) -> tuple[str, ...]:
    """What is said of the epochs of a finished training whose loss is not finite."""
    losses = [row.get(name) for row in history for name in ("loss", "val_loss")]
    several = sum(isinstance(loss, float) and not math.isfinite(loss) for loss in losses[::2])
    held_out = sum(isinstance(loss, float) and not math.isfinite(loss) for loss in losses[1::2])
    found = []
    if several:
        whose = "the loss of " + ("an epoch is" if several == 1 else f"{several} epochs is")
        found.append(f"{whose} not finite, because steps that overflowed in 16 bits were skipped, as Keras does")
    if held_out:
        found.append(f"validation overflowed in 16 bits in {counted(held_out, 'epoch')}, so its loss is not finite")
    return tuple(found)
