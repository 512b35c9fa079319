"""How sure a score is: 95 % intervals by the bootstrap, of whatever Keras's losses and metrics compute.

Rows are drawn again with replacement, as many as there are, and scored again (Efron 1979, percentile intervals).
Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from netspec.graph.ir import Checked
from netspec.runtime.data.split import fractions
from netspec.runtime.data.store import Piece, joined
from netspec.runtime.run import loop
from netspec.runtime.run.completing import complete
from netspec.runtime.run.scores import Number
from netspec.runtime.run.splits import Part

TIMES = 200
MOST_ROWS = 20_000  # which are drawn from; of more rows a part is, and the interval made as narrow as all would make it
_PIECE = 4_096

Interval = tuple[float, float]


def intervals(
    model: Any, checked: Checked, part: Part, found: Mapping[str, Number], *, times: int, seed: int = 0
) -> dict[str, Interval]:
    """Intervals by Keras's names of losses and metrics, of those that are one number.

    Args:
        model: compiled, with the run's weights.
        checked: its spec.
        part: the rows that were scored.
        found: what they scored.
        times: how often rows are drawn.
        seed: of the draws: one seed, one answer.
    """
    sample = _sample(part, seed)
    if sample is None or sample.rows < 2 or times < 1:
        return {}
    guess = loop.tensors(loop.predict(model, checked, sample.x))
    whole = complete(sample, checked, part)
    truth, weights = loop.tensors(whole.y), loop.tensors(whole.w) if whole.w else None

    def scored(picked: Any) -> dict[str, Any]:
        def drawn(tree: Any) -> Any:
            return tf.nest.map_structure(lambda array: tf.gather(array, picked), tree)

        y, w, z = drawn(truth), None if weights is None else drawn(weights), drawn(guess)
        model.reset_metrics()
        loss = model.compute_loss(None, y, z, _evened(w, gaps), training=False)
        return {**model.compute_metrics(None, y, z, w), "loss": loss}

    rows, gaps = sample.rows, _gaps(whole, part)
    again = tf.function(scored)
    draw = np.random.default_rng(seed)
    middle = again(tf.range(rows, dtype=tf.int64))
    names = [name for name, value in middle.items() if value.shape.rank == 0 and isinstance(found.get(name), float)]
    values = np.empty((times, len(names)))
    for at in range(times):
        one = again(tf.constant(draw.integers(0, rows, rows)))
        values[at] = [float(one[name]) for name in names]
    model.reset_metrics()
    narrow = (rows / part.rows) ** 0.5
    with np.errstate(invalid="ignore"):  # between two infinite ones
        low, high = np.nanpercentile(values, (2.5, 97.5), axis=0)
    sure = {}
    for at, name in enumerate(names):
        if np.isfinite(low[at]) and np.isfinite(high[at]):
            score, centre = float(found[name]), float(middle[name])  # type: ignore[arg-type]
            sure[name] = (score + (low[at] - centre) * narrow, score + (high[at] - centre) * narrow)
    return {name: (float(one), float(other)) for name, (one, other) in sure.items()}


def _gaps(whole: Piece, part: Part) -> dict[str, float]:
    """How many labels there are of each output of which some are missing, or padding."""
    labelled = {name: part.labelled.get(name, 0) for name in whole.w}
    everything = {name: part.rows * array[0].size for name, array in whole.w.items()}
    return {n: float(np.count_nonzero(w)) for n, w in whole.w.items() if 0 < labelled[n] < everything[n]}


def _evened(weights: Any, gaps: Mapping[str, float]) -> Any:
    """Weights by which the loss of a draw is the mean over the labels that it has, not over as many as there were.

    A draw without any has no loss: it is not a number, and counts nothing.
    """
    if not gaps:
        return weights
    if not isinstance(weights, dict):
        return weights * (next(iter(gaps.values())) / tf.math.count_nonzero(weights, dtype=weights.dtype))
    even = {
        n: weights[n] * (count / tf.math.count_nonzero(weights[n], dtype=weights[n].dtype)) for n, count in gaps.items()
    }
    return {**weights, **even}


def _sample(part: Part, seed: int) -> Piece | None:
    """All rows, or a part of them by a hash of their numbers."""
    share, start, kept = MOST_ROWS / part.rows, 0, []
    for piece in part.examples.pieces(_PIECE):
        numbers = np.arange(start, start + piece.rows)
        start += piece.rows
        picked = numbers if share >= 1 else numbers[fractions(numbers, seed) < share]
        if len(picked):
            kept.append(piece if len(picked) == piece.rows else piece.taken(picked - numbers[0]))
    return joined(kept) if kept else None
