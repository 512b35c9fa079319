"""Examples of a running text: its token numbers once, windows by index, made into arrays a block at a time.

`read` learns from the training part and applies to all; `applied` applies what a run has learned to another text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.lib.stride_tricks import sliding_window_view

from netspec.catalog.types import TensorType, show_bytes
from netspec.diagnostics import counted
from netspec.language.schema import Data, Source
from netspec.probe import windows as rules
from netspec.probe.forms import canonical, dims_of
from netspec.probe.words import FIRST, UNKNOWN_TOKEN
from netspec.runtime.data.columns import strings
from netspec.runtime.data.encoders import Words
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.features import Input, Prepared
from netspec.runtime.data.labels import Label
from netspec.runtime.data.passages import Passage, Watch, opened_passage, unwatched
from netspec.runtime.data.quantities import one_hot
from netspec.runtime.data.store import BLOCK, Blocks, Examples, Held, Piece, joined, repacked, room
from netspec.runtime.data.tables import Table

COLUMN = "text"  # of a table of prompts, which `predict` takes
_CHUNK = 1 << 20  # tokens that are counted at a time


@dataclass(frozen=True)
class Part:
    """Some windows, and what the report says of them."""

    examples: Examples
    notes: tuple[str, ...]
    origin: str
    counts: np.ndarray  # of its tokens, how many have each number


@dataclass(frozen=True)
class Made:
    """What was learned, and the windows of each source."""

    prepared: Prepared
    train: Part
    validation: Part | None
    test: Part | None
    notes: tuple[str, ...]


class Windows:
    """The windows of a text as blocks of examples, each made when it is asked for."""

    def __init__(
        self,
        ids: np.ndarray,
        segments: Sequence[rules.Segment],
        stride: int,
        feature: Input,
        labels: Mapping[str, Label],
    ) -> None:
        encoder = feature.encoder
        assert isinstance(encoder, Words)
        self._length, self._stride, self._encoder = encoder.length, stride, encoder
        self._ids, self._feature, self._labels = ids, feature, labels
        counts = rules.windows(segments, self._length, stride)
        self._begins = np.array([start for start, _ in segments], np.int64)
        self._first = np.cumsum([0, *counts])  # the number of each segment's first window
        self.rows = int(self._first[-1])
        one = self._made(0, 1) if self.rows else Piece({}, {}, {})
        self._width = sum(array.nbytes for array in (*one.x.values(), *one.y.values()))

    @property
    def targets(self) -> tuple[str, ...]:
        """The outputs that have a target."""
        return tuple(self._labels)

    @property
    def bytes(self) -> int:
        """What all windows would take in memory."""
        return self.rows * self._width

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return math.ceil(self.rows / self.block_rows)

    @property
    def block_rows(self) -> int:
        """How many rows a block has; the last one may have fewer."""
        return max(1, BLOCK // max(1, self._width))

    @property
    def weighted(self) -> tuple[str, ...]:
        """None: every window weighs the same."""
        return ()

    def block(self, number: int) -> Piece:
        """A block's inputs and targets."""
        start = number * self.block_rows
        return self._made(start, min(start + self.block_rows, self.rows))

    def head(self, rows: int) -> Piece:
        """The first ones, of the first block."""
        return self._made(0, min(rows, self.rows))

    def pieces(self, size: int) -> Iterator[Piece]:
        """All of them in order, `size` at a time, the last piece shorter."""
        yield from repacked((self.block(number) for number in range(self.blocks)), size)

    def _made(self, start: int, stop: int) -> Piece:
        rows = np.arange(start, stop)
        segment = np.searchsorted(self._first, rows, side="right") - 1
        begins = self._begins[segment] + (rows - self._first[segment]) * self._stride
        found = sliding_window_view(self._ids, self._length + 1)[begins].astype(np.int32)
        table = Table({COLUMN: found}, len(found), COLUMN, first=start + 1)
        x = {self._feature.name: self._feature.fitted(self._encoder.formed(found[:, :-1]), table)}
        return Piece(x, {name: _target(label, found) for name, label in self._labels.items()}, {})


def _target(label: Label, found: np.ndarray) -> np.ndarray:
    ids = found[:, 1:] if label.dims is not None and len(label.dims) == 2 else found[:, -1]
    if label.form == "classes":
        return np.ascontiguousarray(ids)
    assert label.dims is not None and label.dims[-1] is not None
    return one_hot(ids, label.dims[-1]).astype(np.float32)


def read(
    data: Data,
    folder: Path,
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    losses: Mapping[str, str | None],
    limits: Mapping[str, int | None],
    watch: Watch = unwatched,
) -> Made:
    """The windows of every text of a spec; vocabulary and frequencies are those of the training part.

    `inputs` and `outputs` hold shapes with the batch first; `losses` maps an output to its loss's Keras name.
    Raises DataError: NS701 and NS705 for files, NS704 for a text shorter than a window, NS706 to NS708 and NS711 for a
    model that a text does not train, NS712 for a vocabulary that the input has no room for.
    """
    try:
        plan = rules.plan(data, inputs, outputs, losses)
    except rules.Misfit as error:
        raise DataError(error.code, error.message, error.help) from None
    text, source = plan.feature.text, data.train
    assert text is not None and source is not None
    fraction, stride = data.validation.fraction if data.validation else None, rules.step(source, data)
    passage = opened_passage(source, folder, text.by, text.lower, watch, text.punctuation)
    train, held = rules.divided(passage.counts, fraction)
    _check(passage, train, plan, stride, "a window")
    if fraction:
        _check(passage, held, plan, stride, "a window to validate with")
    vocabulary = passage.learned(train, plan.size)
    feature = _input(plan, inputs[plan.input], limits.get(plan.input), vocabulary)
    labels = {
        name: Label(name, (COLUMN,), form, (), dims_of(outputs[name]), canonical(losses[name]))
        for name, (form, _) in plan.targets.items()
    }
    prepared = Prepared({plan.input: feature}, labels)
    ids = passage.numbered(vocabulary)
    counts = _counts(ids, train, len(vocabulary) + FIRST)
    made = _part(prepared, passage, ids, train, stride, counts, _guess(counts, counts))
    validation = test = None
    if fraction:
        first = passage.total - sum(stop - start for start, stop in held)
        met = _counts(ids, held, len(counts))
        found = _part(prepared, passage, ids, held, stride, met, _guess(counts, met))
        where = f"the last {fraction:g} of `{passage.origin}`, from {text.by.removesuffix('s')} {first + 1:,} on"
        validation = replace(found, notes=(where, *found.notes))
    elif data.validation is not None and data.validation.source is not None:
        more = data.validation.source
        validation = applied(prepared, more, folder, rules.step(more, data), watch=watch)
    if data.test is not None and data.test.source is not None:
        test = applied(prepared, data.test.source, folder, rules.step(data.test.source, data), watch=watch)
    unknown = 100 * counts[UNKNOWN_TOKEN] / counts.sum()
    note = f"`{plan.input}`: {_tokens(len(vocabulary), text.by)} known, {unknown:.1f} % of the training part's unknown"
    return Made(prepared, made, validation, test, (note,))


def _input(plan: rules.Plan, tensor: TensorType, limit: int | None, vocabulary: tuple[str, ...]) -> Input:
    """How the input is made, once the vocabulary is known; NS712 where it has no room for that."""
    text = plan.feature.text
    assert text is not None
    padding = text.padding
    if "padding" not in text.model_fields_set and any(sequence for _, sequence in plan.targets.values()):
        padding = "post"  # a sequence is read from its first token, as in training
    cut = text.truncating if "truncating" in text.model_fields_set else "pre"  # what comes next follows the last ones
    how = text.by, padding, cut, text.lower, text.one_hot, vocabulary
    encoder = Words((COLUMN,), plan.size, plan.length, *how, punctuation=text.punctuation)
    dtype = tensor.dtype if isinstance(tensor.dtype, str) and tensor.dtype != "bfloat16" else "float32"
    feature = Input(plan.input, encoder, dims_of(tensor), dtype, None if text.one_hot else limit)
    _check_room(feature, vocabulary)
    return feature


def applied(
    prepared: Prepared,
    source: Source,
    folder: Path,
    stride: int,
    fraction: float | None = None,
    watch: Watch = unwatched,
) -> Part:
    """The windows of a text with what was learned of another; with a `fraction`, of its last part alone."""
    ((_, feature),) = prepared.features.items()
    encoder = feature.encoder
    assert isinstance(encoder, Words)
    passage = opened_passage(source, folder, encoder.by, encoder.lower, watch, encoder.punctuation)
    train, held = rules.divided(passage.counts, fraction)
    segments = held if fraction else train
    if not sum(rules.windows(segments, encoder.length, stride)):
        said = f"`{passage.origin}` has {_tokens(passage.total, encoder.by)}; a window takes {encoder.length + 1}"
        raise DataError("NS704", said)
    ids = passage.numbered(encoder.vocabulary)
    counts = _counts(ids, segments, len(encoder.vocabulary) + FIRST)
    return _part(prepared, passage, ids, segments, stride, counts)


def _part(
    prepared: Prepared,
    passage: Passage,
    ids: np.ndarray,
    segments: Sequence[rules.Segment],
    stride: int,
    counts: np.ndarray,
    *said: str,
) -> Part:
    ((_, feature),) = prepared.features.items()
    made: Blocks = Windows(ids, segments, stride, feature, prepared.labels)
    tokens = sum(stop - start for start, stop in segments)
    step = f", a step of {stride} apart" if stride > 1 else ""
    notes = (f"{counted(made.rows, 'window')} over {_tokens(tokens, passage.by)} of `{passage.origin}`{step}", *said)
    if made.bytes <= room():
        held = Held(*joined([made.block(number) for number in range(made.blocks)]))
        return Part(held, notes, passage.origin, counts)
    notes = (*notes, f"made as they are used: all windows would take {show_bytes(made.bytes)}")
    return Part(made, notes, passage.origin, counts)


def as_read(table: Table) -> Table:
    """A table of texts to go on from, their ends of lines as those of a running text."""
    cells = pc.replace_substring(pc.replace_substring(strings(table, COLUMN), "\r\n", "\n"), "\r", "\n")
    return replace(table, columns={**table.columns, COLUMN: cells})


def _tokens(number: int, by: str) -> str:
    return counted(number, by.removesuffix("s"))


def _check(passage: Passage, segments: Sequence[rules.Segment], plan: rules.Plan, stride: int, what: str) -> None:
    if not sum(rules.windows(segments, plan.length, stride)):
        raise DataError("NS704", rules.too_short(passage.origin, passage.total, segments, plan, what))


def _check_room(feature: Input, vocabulary: tuple[str, ...]) -> None:
    """The numbers that the input's Embedding, or its dtype, has no room for."""
    encoder, top = feature.encoder, len(vocabulary) + FIRST - 1
    assert isinstance(encoder, Words)
    said = f"the {encoder.by} get numbers up to {top}, and input `{feature.name}` is "
    if feature.limit is not None and top >= feature.limit:
        cure = f"say `vocabulary: {feature.limit}`, or make the Embedding's `input_dim` {top + 1}"
        raise DataError("NS712", f"{said}looked up in an Embedding that takes 0 to {feature.limit - 1}", cure)
    dtype = np.dtype(feature.dtype)
    if not encoder.one_hot and dtype.kind in "iu" and top > np.iinfo(dtype).max:
        raise DataError("NS712", f"{said}{feature.dtype}", "make the input int32")


def _counts(ids: np.ndarray, segments: Sequence[rules.Segment], size: int) -> np.ndarray:
    """How often each number occurs in some segments, (size,) int64."""
    found = np.zeros(size, np.int64)
    for start, stop in segments:
        for at in range(start, stop, _CHUNK):
            found += np.bincount(ids[at : min(at + _CHUNK, stop)], minlength=size)
    return found


def _guess(learned: np.ndarray, met: np.ndarray) -> str:
    """What tokens score that are guessed by their frequencies in the training part alone: nats a token."""
    there = met > 0
    likely = np.maximum(learned, 1) / learned.sum()
    loss = -float(np.sum(met[there] * np.log(likely[there]))) / int(met.sum())
    return f"guessing by frequency alone would give a loss of {loss:.4f}"
