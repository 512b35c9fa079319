"""What training asks of an optimizer that may be several, by their names: the learning rates, moving averages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from netspec.graph.ir import REST

RATE = "learning_rate"


def each(optimizer: Any) -> Sequence[Any]:
    """The optimizers that change weights: one, or those of a MultiOptimizer, without what scales the loss for them."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return tuple(getattr(optimizer, "optimizers", (optimizer,)))


def averages(optimizer: Any) -> bool:
    """Whether the weights after training are averages over its steps."""
    return any(getattr(one, "use_ema", False) for one in each(optimizer))


def now(optimizer: Any) -> dict[str, float | None]:
    """The learning rates by column: of the optimizer of all other layers, then of each by its name. None: unknown."""
    found: dict[str, float | None] = {RATE: None}
    several = each(optimizer)
    for one in several:
        found[RATE if len(several) == 1 or one.name == REST else f"{RATE}_{one.name}"] = _rate(one)
    return found


def _rate(optimizer: Any) -> float | None:
    with contextlib.suppress(Exception):  # an optimizer without one
        return float(optimizer.learning_rate)
    return None
