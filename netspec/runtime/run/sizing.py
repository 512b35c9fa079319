"""Whether what training needs fits into memory, before anything is built."""

from __future__ import annotations

import math

from netspec.catalog.types import show_bytes
from netspec.graph.costs import sized
from netspec.graph.ir import Checked, KerasObject
from netspec.runtime.model.build import TooBig, free_memory

# How many numbers an optimizer keeps for each weight that it trains; with momentum one more where it is 0 here.
_SLOTS = {
    "adadelta": 2, "adafactor": 1, "adagrad": 1, "adam": 2, "adamax": 2, "adamw": 2, "ftrl": 2, "lamb": 2, "lion": 1,
    "muon": 2, "nadam": 2, "rmsprop": 1, "schedulefreeadamw": 2, "sgd": 0,
}  # fmt: skip


def check_memory(checked: Checked) -> None:
    """Refuse a model whose weights, gradients and optimizer state cannot all be in memory, before it is built.

    Raises:
        TooBig: they take more than is free.
    """
    needed, plan = 0, checked.training
    kept = {layer: slots(group.optimizer) for group in plan.groups for layer in group.layers}
    rest = slots(plan.optimizer)
    for layer, own, size in sized(checked.typed):
        needed += size * own.trainable * (2 + kept.get(layer, rest)) if isinstance(own.trainable, int) else 0
        needed += size * own.non_trainable if isinstance(own.non_trainable, int) else 0
    free = free_memory()
    if free is not None and needed > free:
        raise TooBig(
            f"training `{checked.name}` takes {show_bytes(needed)} for weights, gradients and the optimizer's state, "
            f"and {show_bytes(free)} of memory is free"
        )


def slots(optimizer: KerasObject | str) -> int:
    """How many numbers the optimizer keeps for each weight.

    >>> slots("adam"), slots("sgd")
    (2, 0)
    """
    if isinstance(optimizer, KerasObject) and "inner_optimizer" in optimizer.args:
        optimizer = optimizer.args["inner_optimizer"]
    name = optimizer if isinstance(optimizer, str) else optimizer.cls
    args = {} if isinstance(optimizer, str) else optimizer.args
    count = _SLOTS.get(name.replace("_", "").lower(), 2)
    for more in ("momentum", "centered", "amsgrad", "use_ema"):
        value = args.get(more)
        count += value is not None and value is not False and value != 0
    return math.ceil(count)
