"""Generated examples of the right shapes, in which each class leaves a mark in every input: a proof of wiring.

An example has one class, shared by all inputs and outputs, so a model that is wired rightly brings its loss down fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from netspec.catalog.types import TensorType, Unknown
from netspec.catalog.types import show as show_shape
from netspec.probe.forms import canonical
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.quantities import one_hot

_CLASSES = 10  # at most: an output of 1,000 classes sees the first ten, which a few examples are enough for
_STEPS, _PIXELS = 16, 32  # a free dimension of a vector or a sequence, and of an image
_CELLS = 4  # a mark is this coarse along every axis but the last, so that small kernels and pooling can see it
_NOISE = 0.5
_CHUNK = 1 << 22

_ONE_HOT = {"categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge", "kldivergence"}
_NUMBERED = {"sparsecategoricalcrossentropy", "categoricalgeneralizedcrossentropy"}
_YES_NO = {"binarycrossentropy", "binaryfocalcrossentropy", "dice", "tversky"}
_HINGE = {"hinge", "squaredhinge"}


def dummy(
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    losses: Mapping[str, str | None],
    limits: Mapping[str, int | None],
    n: int,
    seed: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(x, y) of `n` examples; outputs without a loss are left out of y.

    `limits` maps an input of ids to how many different ones there are (an Embedding's `input_dim`). A free dimension
    becomes 16, of images 32 (`chosen`). Inputs: texts, or ids below the limit, with the class's own id in a third of
    the places; else noise and a pattern of the class. Targets, by loss: one-hot rows, class numbers, 0 and 1, -1 and
    1, or for any other loss a fixed pattern scaled by the class, between 0 and 1. Raises DataError NS708 where a shape
    is not known.
    """
    made = {**inputs, **{name: tensor for name, tensor in outputs.items() if losses.get(name) is not None}}
    for name, tensor in made.items():
        check_room((n, *chosen(name, tensor)), 4, f"{n:,} examples of `{name}`")
    rng = np.random.default_rng(seed)
    classes = _count(outputs, losses)
    labels = rng.permutation(np.arange(n) % classes)
    x = {name: _input(name, tensor, limits.get(name), labels, classes, rng) for name, tensor in inputs.items()}
    y = {}
    for name, tensor in outputs.items():
        loss = losses.get(name)
        if loss is not None:
            y[name] = _target(chosen(name, tensor), canonical(loss), labels, classes)
    return x, y


def _count(outputs: Mapping[str, TensorType], losses: Mapping[str, str | None]) -> int:
    """How many classes the examples have: as many as the finest output tells apart, 2 to 10."""
    most = 2
    for name, tensor in outputs.items():
        loss = losses.get(name)
        if loss is None:
            continue
        if canonical(loss) in _ONE_HOT | _NUMBERED | {"ctc"}:
            most = max(most, chosen(name, tensor)[-1])
        elif canonical(loss) not in _YES_NO | _HINGE:
            most = max(most, 4)
    return min(most, _CLASSES)


def chosen(name: str, tensor: TensorType) -> tuple[int, ...]:
    """The shape without the batch, with every free dimension chosen."""
    shape = tensor.shape
    if isinstance(shape, Unknown) or any(isinstance(dim, Unknown) for dim in shape[1:]):
        raise DataError("NS708", f"`{name}` is {show_shape(shape)}: examples need a known shape")
    free = _PIXELS if len(shape) > 3 else _STEPS
    return tuple(dim if isinstance(dim, int) else free for dim in shape[1:])


def _input(
    name: str, tensor: TensorType, limit: int | None, labels: np.ndarray, classes: int, rng: np.random.Generator
) -> np.ndarray:
    sizes = chosen(name, tensor)
    if tensor.dtype == "string":
        words = _ids(sizes, limit or classes + 2, labels, classes, rng)
        return np.char.add("word", words.astype(str)).astype(object)
    dtype = "float32" if isinstance(tensor.dtype, Unknown) or tensor.dtype == "bfloat16" else tensor.dtype
    kind = np.dtype(dtype).kind
    if limit is None and kind in "iu" and len(sizes) < 3:
        limit = classes + 2
    if limit is not None:
        return _ids(sizes, limit, labels, classes, rng).astype(dtype)
    marked = _marked(sizes, labels, classes, rng)
    if kind == "b":
        marked = np.maximum(np.sign(marked), 0)
    elif kind in "iu":
        marked = np.clip(128 + 48 * marked, 0, 255)  # pixels
    return marked.astype(dtype, copy=False)


def _ids(sizes: tuple[int, ...], limit: int, labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Ids from 1, as 0 may be padding, with the class's own in a third of the places and in the last."""
    places = math.prod(sizes)
    lowest = 1 if limit > 2 else 0
    ids = rng.integers(lowest, max(limit, lowest + 1), (len(labels), places), np.int64)
    own = lowest + rng.permutation(max(limit - lowest, 1))[: max(1, min(classes, limit - lowest))]
    marks = rng.random((len(labels), places), np.float32) < 1 / 3
    marks[:, -1] = True
    return np.where(marks, own[labels % len(own)][:, None], ids).reshape(len(labels), *sizes)


def _marked(sizes: tuple[int, ...], labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Noise and a pattern of the class: signs for each place of the last axis and each of a few cells of the others."""
    coarse = (*(min(size, _CELLS) for size in sizes[:-1]), *sizes[-1:])
    patterns = rng.choice(np.array([-1, 1], np.float32), (classes, *coarse))
    for axis, (size, cells) in enumerate(zip(sizes[:-1], coarse[:-1], strict=True), 1):
        if axis > 1 or size * math.prod(sizes[1:]) * classes <= _CHUNK:
            patterns = np.take(patterns, np.arange(size) * cells // size, axis=axis)
    out = np.empty((len(labels), *sizes), np.float32)
    step = max(1, _CHUNK // max(1, math.prod(sizes)))
    for start in range(0, len(labels), step):
        part = labels[start : start + step]
        block = out[start : start + step]
        rng.standard_normal(dtype=np.float32, out=block)
        block *= _NOISE
        if patterns.shape[1:] == sizes:
            block += patterns[part]
        else:
            frames = np.arange(sizes[0]) * coarse[0] // sizes[0]
            for at, label in enumerate(part):
                for frame, cell in enumerate(frames):
                    block[at, frame] += patterns[label, cell]
    return out


def _target(sizes: tuple[int, ...], loss: str, labels: np.ndarray, classes: int) -> np.ndarray:
    count = len(labels)
    units = sizes[-1] if sizes else 1
    lead = sizes[:-1]
    ones = (1,) * len(sizes)
    if loss in _NUMBERED or loss in _ONE_HOT:
        ids = np.broadcast_to((labels % units).reshape(count, *ones[1:]), (count, *lead))
        return one_hot(ids, units).astype(np.float32) if loss in _ONE_HOT else ids.astype(np.int32)
    if loss == "circle":
        return labels.astype(np.int32)
    if loss == "ctc":
        length = max(1, math.prod(lead) // 4)
        return np.repeat((1 + labels % max(1, units - 1))[:, None], length, axis=1).astype(np.int32)
    if loss in _YES_NO or loss in _HINGE:
        bits = ((labels[:, None] + np.arange(units)) % 2).astype(np.float32)
        bits = bits * 2 - 1 if loss in _HINGE else bits
        return np.ascontiguousarray(np.broadcast_to(bits.reshape(count, *ones[1:], units), (count, *sizes)))
    level = np.linspace(0.25, 1, classes, dtype=np.float32)[labels]
    pattern = np.linspace(0.5, 1, units, dtype=np.float32)
    return np.ascontiguousarray(
        np.broadcast_to((level[:, None] * pattern).reshape(count, *ones[1:], units), (count, *sizes))
    )
