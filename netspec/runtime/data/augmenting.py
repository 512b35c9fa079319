"""Batches changed at random by Keras's own layers, in the input pipeline, while training only.

What becomes of a batch is a function of it and (seed, input, layer, epoch, step) alone: no state goes on to the next,
so they are changed side by side, two fits with one seed give the same bits, and an epoch can be begun in its middle.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from netspec.catalog import find
from netspec.graph.ir import LayerDef
from netspec.runtime.data.epoch import Epoch
from netspec.runtime.model.build import BuildError, layers

_MOST_AT_ONCE = 16  # batches that are changed side by side


class Augmentation:
    """Changes the inputs of batches. `seed` is the run's; a layer with a `seed` of its own goes by that instead."""

    def __init__(self, plan: Mapping[str, Sequence[LayerDef]], seed: int) -> None:
        """Raises BuildError where Keras refuses a layer."""
        self._chains = {name: tuple(zip(layers(made), made, strict=True)) for name, made in plan.items()}
        self._seed = seed

    def try_out(self, x: Mapping[str, np.ndarray]) -> None:
        """Change a few examples of each input. Raises BuildError where Keras refuses them, at the layer."""
        start = tf.constant(0, tf.int64)
        for name, chain in self._chains.items():
            made = tf.convert_to_tensor(x[name])
            for at, (_, said) in enumerate(chain):
                try:
                    made = self._changed(name, made, start, start, chain[at : at + 1])
                except Exception as error:  # Keras raises many kinds
                    raise BuildError(said.path, ValueError(_told(error))) from error

    def batches(self, data: Any, epoch: Epoch, first: int = 0) -> Any:
        """A data set of (x, y), or with weights, every x changed as the number of `epoch` says when it is made.

        `first` is the number in the epoch that its first batch has.
        """

        number = epoch.variable

        def numbered(step: Any, batch: Any) -> Any:
            return tf.identity(number), step, batch  # a variable would keep the next step from running side by side

        def changed(epoch: Any, step: Any, batch: Any) -> Any:
            x, *rest = batch  # the targets, and weights where there are some
            return self(x, epoch, step), *rest

        at_once = min(_MOST_AT_ONCE, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        made = data.enumerate(first).map(numbered).map(changed, num_parallel_calls=at_once, deterministic=True)
        return made.prefetch(2)

    def __call__(self, x: Any, epoch: Any, step: Any) -> Any:
        """The inputs of batch `step` of an epoch, both int64: an array, or arrays by name; shapes and dtypes stay.

        Whole numbers are changed as decimal ones, and rounded; what is beyond their dtype becomes its end.
        """
        if not isinstance(x, dict):
            (name,) = self._chains
            return self._same(name, x, epoch, step)
        return {name: self._same(name, part, epoch, step) if name in self._chains else part for name, part in x.items()}

    def _same(self, name: str, batch: Any, epoch: Any, step: Any) -> Any:
        made = self._changed(name, batch, epoch, step, self._chains[name])
        if batch.dtype.is_integer:
            made = tf.saturate_cast(tf.round(made), batch.dtype)
        return tf.ensure_shape(tf.cast(made, batch.dtype), batch.shape)

    def _changed(self, name: str, batch: Any, epoch: Any, step: Any, chain: Sequence[tuple[Any, LayerDef]]) -> Any:
        made = batch if batch.dtype == tf.float32 else tf.cast(batch, tf.float32)
        for at, (layer, said) in enumerate(chain):
            own = said.args.get("seed")
            root = [self._seed if own is None else own, _mixed(name, at)]
            states = []
            for number, state in enumerate(layer.variables):  # of its generators of random numbers: it has no others
                drawn = tf.constant(root, tf.int64)
                for more in (tf.constant(number, tf.int64), epoch, step):
                    drawn = tf.random.experimental.stateless_fold_in(drawn, more)
                states.append((state, tf.cast(drawn, state.dtype)))
            entry = find("layer", said.cls)
            trains = {"training": True} if entry is not None and any(p.name == "training" for p in entry.call) else {}
            with keras.StatelessScope(state_mapping=states):
                made = layer(made, **trains)
        return made


def _told(error: Exception) -> str:
    """What a layer said, without the frame that Keras puts round it.

    >>> _told(ValueError("Exception encountered when calling X.call().\\n\\n\\x1b[1mtoo wide\\x1b[0m\\n\\nHere"))
    'too wide'
    """
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return (said or [type(error).__name__])[0]


def _mixed(name: str, at: int) -> int:
    """A number for a layer of an input, the same everywhere: two inputs and two layers draw apart.

    >>> _mixed("image", 0) != _mixed("image", 1) != _mixed("other", 0)
    True
    """
    found = 14695981039346656037
    for byte in f"{name}\0{at}".encode():
        found = (found ^ byte) * 1099511628211 % 2**64  # FNV-1a
    return found >> 1
