"""Whether what training needs fits into memory, before anything is built: refused where it surely does not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from netspec.catalog.types import show_bytes
from netspec.diagnostics import counted
from netspec.graph import kept
from netspec.graph.costs import sized
from netspec.graph.ir import Checked, KerasObject
from netspec.runtime import engine
from netspec.runtime.data.encoders import Images
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.features import Prepared
from netspec.runtime.data.orders import POOL
from netspec.runtime.data.store import BLOCK, HELD, Examples, Held, Store
from netspec.runtime.data.tables import Rows
from netspec.runtime.data.usable import look
from netspec.runtime.model.build import TooBig, free_memory

# How many numbers an optimizer keeps for each weight that it trains; with momentum one more where it is 0 here.
_SLOTS = {
    "adadelta": 2, "adafactor": 1, "adagrad": 1, "adam": 2, "adamax": 2, "adamw": 2, "ftrl": 2, "lamb": 2, "lion": 1,
    "muon": 2, "nadam": 2, "rmsprop": 1, "schedulefreeadamw": 2, "sgd": 0,
}  # fmt: skip


SHOWN = 1 << 30  # bytes of an example that `netspec data` prepares


@dataclass(frozen=True)
class Step:
    """Bytes that a step of training on `rows` takes at the least.

    `weights` are held all the time, with what the optimizer keeps for them; `gradients` come when the outputs that are
    `kept` for them go. `inputs` are the batch, and the rows that it is shuffled from where these lie on the disk.
    """

    rows: int
    weights: int
    gradients: int
    inputs: int
    kept: int

    @property
    def forward(self) -> int:
        """What is held when the forward pass ends."""
        return self.weights + self.inputs + self.kept

    @property
    def most(self) -> int:
        """The larger of what the two passes hold."""
        return max(self.forward, self.weights + self.gradients)


def step(checked: Checked, size: int, rows: int = 0, examples: Examples | None = None) -> Step:
    """Of `size` rows in a batch, of `rows` that are still to be prepared, or of `examples`."""
    weights = gradients = 0
    plan, typed = checked.training, checked.typed
    kept_by = {layer: slots(group.optimizer) for group in plan.groups for layer in group.layers}
    rest = slots(plan.optimizer)
    for layer, own, width in sized(typed):
        if isinstance(own.trainable, int):
            weights += width * own.trainable * (1 + kept_by.get(layer, rest))
            gradients += width * own.trainable
        weights += width * own.non_trainable if isinstance(own.non_trainable, int) else 0
    inputs = 0 if isinstance(examples, Held) else kept.batch(typed, size)  # a batch may be a view of what is held
    inputs += _pool(checked, rows, examples) if checked.fit.shuffle else 0
    lossy = [name for name, loss in plan.losses.items() if loss is not None and plan.loss_weights.get(name) != 0]
    outputs = 0 if checked.fit.jit else kept.kept(typed, lossy, size)  # what is compiled may be made again
    return Step(size, weights, gradients, inputs, outputs)


def _pool(checked: Checked, rows: int, examples: Examples | None) -> int:
    """Bytes of the rows that are shuffled together where they lie on the disk, as very wide ones surely will."""
    if isinstance(examples, Store):
        return examples.bytes // examples.rows * min(examples.rows, POOL * examples.block_rows)
    row = kept.batch(checked.typed, 1) // (checked.typed.graph.fixed_batch or 1)
    return row * min(rows, POOL) if examples is None and row > BLOCK and row * rows > HELD else 0


def batch_of(checked: Checked, rows: int) -> int:
    """How many of so many rows a step takes."""
    return min(checked.typed.graph.fixed_batch or checked.fit.batch_size, rows)


def check_memory(checked: Checked, rows: int = 1, examples: Examples | None = None) -> None:
    """Refuse what cannot be trained in memory on `rows`, before anything is built; on one, before it is read.

    Raises:
        TooBig: weights, gradients and the optimizer's state, or a batch and what it leads to, take more than is free.
    """
    found = step(checked, batch_of(checked, rows), rows, examples)
    free = free_memory()
    if free is None or found.most <= free:
        return
    if found.weights + found.gradients > free:
        raise TooBig(
            f"training `{checked.name}` takes {show_bytes(found.weights + found.gradients)} for weights, gradients and "
            f"the optimizer's state, and {show_bytes(free)} of memory is free"
        )
    if _elsewhere() and found.inputs <= free:
        return
    parts = {"weights and the optimizer's state": found.weights, "inputs": found.inputs, "outputs": found.kept}
    said = ", ".join(f"{show_bytes(size)} of {what}" for what, size in parts.items() if size)
    raise TooBig(
        f"a step of training `{checked.name}` on {counted(found.rows, 'row')} takes at least "
        f"{show_bytes(found.forward)} ({said}), and {show_bytes(free)} of memory is free",
        help=_cure(checked, found.rows, free, rows, examples),
    )


def _cure(checked: Checked, size: int, free: int, rows: int, examples: Examples | None) -> str:
    if checked.typed.graph.fixed_batch is None:
        for less in (size >> times for times in range(1, size.bit_length())):
            if step(checked, less, rows, examples).most <= free:
                return f"try `batch_size: {less}` under `fit`"
    return "make the inputs smaller, or the steps that take them"


def _elsewhere() -> bool:
    """Whether outputs and weights lie in the memory of a GPU; asked where it matters alone, for it takes seconds."""
    engine.keras()
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))


def check_rows(checked: Checked, prepared: Prepared, rows: Rows) -> None:
    """The same before rows are prepared: of those that have all they need. Raises as `check_memory`."""
    most, free = min(rows.rows, max(batch_of(checked, rows.rows), POOL)), free_memory()
    if free is None or step(checked, batch_of(checked, most), most).most <= free:
        return
    if any(isinstance(each.encoder, Images) and each.encoder.skips for each in prepared.features.values()):
        return  # which rows remain shows when they are read
    used = 0
    for table in rows.tables():
        used += look(prepared.features, prepared.labels, table)[1].kept
        if used >= most:
            break
    check_memory(checked, min(used, most))


def check_example(checked: Checked) -> None:
    """Refuse to show examples that are too large to be prepared for a look. Raises DataError NS601."""
    for name in checked.typed.graph.inputs:
        size = kept.one(checked.typed, name)
        if size > SHOWN:
            said = f"an example of input `{name}` takes {show_bytes(size)}"
            most = f"none of more than {show_bytes(SHOWN)} is prepared to be looked at"
            raise DataError("NS601", f"{said}, and {most}", "make the input smaller")


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
