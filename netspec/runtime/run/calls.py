"""How many steps of training are one call of TensorFlow, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.graph.ir import Checked

SLOWLY = "`fit.eager` runs every operation by itself, which is many times slower; it is for looking for mistakes"


def steps_at_once(checked: Checked, steps: int, callbacks: Sequence[Any], before: int | None = None) -> int:
    """Keras's `steps_per_execution`: as the spec says it, or as is fast.

    Args:
        checked: the spec.
        steps: of an epoch.
        callbacks: the spec's; one that listens to batches hears of each.
        before: what a run that goes on was begun with.
    """
    from netspec.runtime.data import batches
    from netspec.runtime.run import loop

    if checked.fit.eager:
        return 1
    if before is not None or checked.fit.steps_per_execution is not None:
        return before or checked.fit.steps_per_execution or 1
    if any(loop.listens(each) for each in callbacks):
        return 1
    plan = checked.fit.checkpoint
    asked = plan.steps if plan is not None and plan.steps is not None else steps  # a checkpoint is between two calls
    return batches.steps_per_execution(steps, batches.work(checked.typed, loop.batch_size(checked)), most=asked)


def one_by_one(checked: Checked, callbacks: Sequence[Any]) -> tuple[str, ...]:
    """What makes each step a call of its own, where it is not the number of steps."""
    from netspec.runtime.run import loop

    if checked.fit.eager:
        return (SLOWLY,)
    heard = [type(each).__name__ for each in callbacks if loop.listens(each)]
    if not heard or checked.fit.steps_per_execution is not None:
        return ()
    return (f"`{heard[0]}` looks at every batch, so each step is a call of its own, which is slower for small models",)
