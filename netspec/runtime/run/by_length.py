"""Whether a run's batches have a length each, and what its report says of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.graph.ir import Checked
from netspec.graph.padding import padding
from netspec.runtime.data import orders, trimming
from netspec.runtime.data.store import Arrays, Examples, Held
from netspec.runtime.run.splits import Part


def cut(model: Any, checked: Checked, examples: Examples) -> tuple[str, ...]:
    """The inputs whose padding is cut off batch by batch: those whose padding no layer sees, where there is enough.

    None where steps are compiled, which would be done again for every length. Of examples on the disk the first block
    is looked at.
    """
    names = () if model.jit_compile else _asked(checked)
    return trimming.worth(_some(examples), names) if names else ()


def foreseen(checked: Checked, lengths: Mapping[str, tuple[np.ndarray, int]]) -> tuple[str, ...]:
    """What is said of texts and lists before anything is built: how long some are, and how long the longest may be."""
    said = []
    for name in _asked(checked):
        if name in lengths and lengths[name][0].size:
            found, longest = lengths[name]
            share = 1 - float(np.minimum(found, longest).mean()) / longest
            if share > trimming.LEAST:
                how = "batches by length" if checked.fit.shuffle else "every batch has its own length"
                said.append(f"{how}: `{name}` is not padded to {longest}, which would be {100 * share:.0f} % padding")
    return tuple(said)


def notes(model: Any, checked: Checked, part: Part, seed: int) -> tuple[str, ...]:
    """How much less padding the batches of training have; of examples on the disk, those of the first block."""
    names, size = cut(model, checked, part.examples), checked.fit.batch_size
    if not names:
        return ()
    x = _some(part.examples)
    lengths = trimming.lengths(x, names)
    rows = len(lengths)
    picked = np.arange(rows)
    if checked.fit.shuffle:
        picked = orders.by_length(orders.order(rows, seed, 0), lengths, size, seed, 0)
    less, more = trimming.shares(x, names, picked, size)
    if round(100 * less) >= round(100 * more):
        return ()  # too few batches to part rows of other lengths
    what = "batches by length" if checked.fit.shuffle else "every batch has its own length"
    of = "" if rows == part.rows else f" (of the first {rows:,} rows)"
    shown = ", ".join(f"`{name}`" for name in names)
    return (f"{part.name}: {what}: {100 * less:.0f} % of {shown} is padding instead of {100 * more:.0f} %{of}",)


def _asked(checked: Checked) -> tuple[str, ...]:
    """The inputs whose padding may be cut off."""
    return () if checked.fit.by_length is False or checked.fit.jit else padding(checked.typed).cut


def _some(examples: Examples) -> Arrays:
    return examples.x if isinstance(examples, Held) else examples.block(0).x
