"""How many steps Keras runs in one call, and what is said of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.graph.ir import Checked
from netspec.runtime.data import batches
from netspec.runtime.run import loop


def steps_at_once(checked: Checked, steps: int, callbacks: Sequence[Any]) -> int:
    """What the spec says, else 1 where a callback looks at every batch, else what is fast for epochs of `steps`."""
    if checked.fit.steps_per_execution is not None:
        return checked.fit.steps_per_execution
    if any(loop.listens(each) for each in callbacks):
        return 1
    plan = checked.fit.checkpoint
    asked = plan.steps if plan is not None and plan.steps is not None else steps  # a checkpoint is between two calls
    return batches.steps_per_execution(steps, batches.work(checked.typed, loop.batch_size(checked)), most=asked)


def one_by_one(checked: Checked, callbacks: Sequence[Any]) -> tuple[str, ...]:
    """That a callback makes each step a call of its own, where nothing else would."""
    heard = [type(each).__name__ for each in callbacks if loop.listens(each)]
    if not heard or checked.fit.steps_per_execution is not None:
        return ()
    return (f"`{heard[0]}` looks at every batch, so each step is a call of its own, which is slower for small models",)
