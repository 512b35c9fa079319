"""Which optimizer trains how much of a model, where a spec has several: rows for a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.catalog.types import Unknown, Weights
from netspec.catalog.values import describe
from netspec.graph.grouping import innermost
from netspec.graph.infer import plus
from netspec.graph.ir import KerasObject, Training


@dataclass(frozen=True, slots=True)
class Share:
    """The weights that one optimizer trains; `pattern` is None for that of all other layers."""

    pattern: str | None
    optimizer: str
    trainable: int | Unknown


def shares(plan: Training | None, own: Mapping[int, Weights]) -> list[Share]:
    """One for each of `optimizers`, then one for `optimizer`; none where there is only that."""
    if plan is None or not plan.groups:
        return []
    of = {layer: at for at, group in enumerate(plan.groups) for layer in group.layers}
    sums: list[int | Unknown] = [0] * (len(plan.groups) + 1)
    for layer, weights in own.items():
        at = of.get(layer, -1)
        sums[at] = plus(sums[at], weights.trainable)
    found = [Share(group.pattern, _shown(group.optimizer), sums[at]) for at, group in enumerate(plan.groups)]
    return [*found, Share(None, _shown(innermost(plan.optimizer)), sums[-1])]


def _shown(optimizer: KerasObject) -> str:
    """As a spec writes it, with the names alone of schedules and the like.

    >>> _shown(KerasObject("optimizer", "SGD", {"learning_rate": 0.1}, ()))
    'SGD: {learning_rate: 0.1}'
    """
    said = {name: value.cls if isinstance(value, KerasObject) else value for name, value in optimizer.args.items()}
    args = ", ".join(f"{name}: {value if isinstance(value, str) else describe(value)}" for name, value in said.items())
    return f"{optimizer.cls}: {{{args}}}" if args else optimizer.cls
