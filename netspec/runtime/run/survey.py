"""What a spec's model will see: every part's rows, columns, labels and inputs, and a few prepared examples.

Rows are read as `fit` reads them, learned from and prepared the same way, a Table at a time; nothing is kept or built.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netspec.graph.ir import Checked
from netspec.graph.training import loss_class
from netspec.probe.forms import BINARY, canonical
from netspec.probe.words import UNKNOWN_TOKEN
from netspec.runtime.data import sources, tokens
from netspec.runtime.data.columns import lists, strings
from netspec.runtime.data.encoders import Encoder, Sequences, Words
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.features import Prepared
from netspec.runtime.data.labels import Label
from netspec.runtime.data.profile import Column, ColumnLearner, Spread, Spreading
from netspec.runtime.data.store import room
from netspec.runtime.data.tables import Rows, Table, pieces
from netspec.runtime.data.usable import Used
from netspec.runtime.data.vectors import Arrays
from netspec.runtime.run import by_length, running, sizing, splits
from netspec.runtime.run.examples import examples
from netspec.runtime.run.pictures import Picture, picture
from netspec.runtime.run.scores import class_numbers
from netspec.runtime.run.surveyed import Labels, Part, Seen, Survey, Tokens

SEED = 0  # of the rows that are held out where the spec says none
PICTURES = 12
_PREPARED = 1 << 26  # bytes of arrays that are held at a time


def survey(checked: Checked, *, rows: int = 3, quiet: bool = True) -> Survey:
    """Read all parts of a spec and describe them.

    Args:
        checked: a spec without an error.
        rows: how many training rows to show with what is made of them.
        quiet: do not show on a terminal how far it is.

    Raises:
        DataError: what `fit` raises for the same data; NS601 for examples of more than a gigabyte.
    """
    seed = SEED if checked.fit.seed is None else checked.fit.seed
    if checked.data is not None and checked.data.train is not None and checked.data.train.text:
        return running.survey(checked, seed, rows, quiet=quiet)
    sizing.check_example(checked)
    prepared, parts, how = splits.learned(checked, seed, quiet=quiet)
    found = {name: _part(name, prepared, each, checked, quiet, how.get(name)) for name, each in parts.items()}
    columns: dict[str, dict[str, Column]] = {}
    for name, one in found.items():
        for column in one.columns:
            columns.setdefault(column.name, {})[name] = column
    notes = [*prepared.notes, *by_length.foreseen(checked, _lengths(prepared, found[splits.TRAIN]))]
    for column in _unused(checked, columns, notes, quiet):
        columns[column.name] = {splits.TRAIN: column}
    return Survey(
        checked.name,
        seed,
        checked.fit.seed is None and len(parts) > 1,
        tuple(one.part for one in found.values()),
        columns,
        _users(prepared),
        tuple(_seen(name, each.encoder, found) for name, each in prepared.features.items()),
        tuple(_labels(name, label, found) for name, label in prepared.labels.items()),
        examples(prepared, parts[splits.TRAIN], rows),
        tuple(notes),
    )


@dataclass
class _Found:
    """What one part was found to hold."""

    part: Part
    columns: tuple[Column, ...]
    tokens: Mapping[str, Tokens]
    numbers: Mapping[str, Spread | None]
    counts: Mapping[str, Counter[int] | None]
    several: Mapping[str, bool]
    targets: Mapping[str, Spread | None]
    labelled: Mapping[str, int]
    shapes: Mapping[str, tuple[tuple[int, ...], str]]
    pictures: Mapping[str, list[tuple[Picture, str]]]


def _part(name: str, prepared: Prepared, rows: Rows, checked: Checked, quiet: bool, how: str | None) -> _Found:
    """One pass over the rows of a part; `how` they were held out."""
    columns = [ColumnLearner(each) for each in dict.fromkeys((*prepared.input_columns, *prepared.target_columns))]
    words = {key: _Tokens(each.encoder) for key, each in prepared.features.items() if _has_tokens(each.encoder)}
    numbers = {key: Spreading() for key in prepared.features}
    targets = {key: Spreading() for key in prepared.labels}
    losses = {key: loss_class(checked.training.losses.get(key)) for key in prepared.labels}
    counts: dict[str, Counter[int] | None] = {key: Counter() for key in prepared.labels}
    several = dict.fromkeys(prepared.labels, False)
    labelled = dict.fromkeys(prepared.labels, 0)
    shapes: dict[str, tuple[tuple[int, ...], str]] = {}
    pictures: dict[str, list[tuple[Picture, str]]] = {key: [] for key in prepared.features}
    used, width = Used(), 0
    for table in _pieces(splits.watched(rows, f"preparing {name}", quiet), prepared):
        made = prepared.examples(table)
        used += made.used
        for column in columns:
            column.see(table)
        if not made.rows:
            continue
        usable = table if made.rows == table.rows else table.take(made.positions)
        for each in words.values():
            each.see(usable)
        for key, array in made.x.items():
            numbers[key].see(array)
            shapes[key] = array.shape[1:], str(array.dtype)
        for key, array in made.y.items():
            shapes[f"→{key}"] = array.shape[1:], str(array.dtype)
            there = prepared.labels[key].there(usable)
            labels = array[there]  # of the rows, or of the steps, that have one
            targets[key].see(labels)
            labelled[key] += int(np.count_nonzero(there.reshape(len(there), -1).any(axis=1)))
            _tally(counts, several, key, labels, losses[key])
        if name == splits.TRAIN:
            _add_pictures(pictures, prepared, made.x, made.y, losses)
        width = width or sum(a[0].nbytes for a in (*made.x.values(), *made.y.values(), *made.w.values()))
    used = replace(used, origin=rows.origin)
    first, *more = used.notes()
    part = Part(name, used, width * used.kept, width * rows.rows > room(), (first, *([how] if how else []), *more))
    return _Found(
        part,
        tuple(column.made() for column in columns),
        {key: each.made() for key, each in words.items()},
        {key: each.made() for key, each in numbers.items()},
        counts,
        several,
        {key: each.made() for key, each in targets.items()},
        labelled,
        shapes,
        pictures,
    )


def _pieces(rows: Rows, prepared: Prepared) -> Iterator[Table]:
    """The rows, so many at a time that what is made of them is no more than _PREPARED."""
    sizes = (
        np.dtype(each.dtype).itemsize * math.prod(d or 1 for d in each.dims or ())
        for each in prepared.features.values()
    )
    return pieces(rows, min(prepared.at_once, max(1, _PREPARED // max(1, sum(sizes)))))


def _has_tokens(encoder: Encoder) -> bool:
    return isinstance(encoder, Words | Sequences) or (isinstance(encoder, Arrays) and not encoder.exact)


def _length(encoder: Encoder) -> int:
    assert isinstance(encoder, Words | Sequences | Arrays)
    return encoder.steps if isinstance(encoder, Arrays) else encoder.length


def _lengths(prepared: Prepared, found: _Found) -> dict[str, tuple[np.ndarray, int]]:
    """How long texts and lists are, of a sample, and how long they become."""
    made = {}
    for name, each in prepared.features.items():
        spread = found.tokens[name].lengths if name in found.tokens else None
        if spread is not None and isinstance(each.encoder, Words | Sequences):
            made[name] = spread.sample, each.encoder.length
    return made


class _Tokens:
    """Learns how long the texts or lists of a part are."""

    def __init__(self, encoder: Encoder) -> None:
        assert isinstance(encoder, Words | Sequences | Arrays)
        self._encoder, self._lengths = encoder, Spreading()
        self._rows = self._cut = self._all = self._unknown = 0
        self._known = pa.array(encoder.vocabulary, pa.string()) if isinstance(encoder, Words) else None

    def see(self, table: Table) -> None:
        encoder = self._encoder
        if isinstance(encoder, Words):
            found, counts = encoder.cut(strings(table, encoder.columns[0]))
            self._all += len(found)
            self._unknown += int(np.count_nonzero(tokens.numbered(found, self._known) == UNKNOWN_TOKEN))
        elif isinstance(encoder, Arrays):
            counts = encoder.counts(table)
        else:
            counts = np.array([len(row) for row in lists(table, encoder.columns[0])])
        self._rows += len(counts)
        self._cut += int(np.count_nonzero(counts > _length(encoder)))
        self._lengths.see(counts)

    def made(self) -> Tokens:
        unknown = self._unknown / max(self._all, 1) if self._known is not None else None
        return Tokens(self._lengths.made(), self._cut / max(self._rows, 1), unknown)


def _tally(
    counts: dict[str, Counter[int] | None], several: dict[str, bool], key: str, array: np.ndarray, loss: str | None
) -> None:
    """Count the classes of a block's labels; None once they are found to be none."""
    counter = counts[key]
    if counter is None:
        return
    classes = class_numbers(array, loss)
    if classes is not None:
        values, found = np.unique(classes.astype(np.int64), return_counts=True)
        counter.update(dict(zip(values.tolist(), found.tolist(), strict=True)))
    elif canonical(loss) in BINARY and array.ndim == 2 and array.shape[1] > 1 and np.isin(array, (0, 1)).all():
        several[key] = True
        counter.update(dict(enumerate(np.count_nonzero(array, axis=0).tolist())))
    else:
        counts[key] = None


def _add_pictures(
    pictures: dict[str, list[tuple[Picture, str]]],
    prepared: Prepared,
    x: Mapping[str, np.ndarray],
    y: Mapping[str, np.ndarray],
    losses: Mapping[str, str | None],
) -> None:
    for key, array in x.items():
        some = array[:PICTURES]
        least, most = float(some.min()), float(some.max())
        for at in range(min(PICTURES - len(pictures[key]), len(array))):
            made = picture(array[at], least, most)
            if made is None:
                break
            said = []
            for output, label in prepared.labels.items():
                classes = class_numbers(y[output][at : at + 1], losses[output])
                if classes is not None and classes.size == 1:
                    said.append(_class(label.names, int(classes.reshape(-1)[0])))
            pictures[key].append((made, ", ".join(said)))


def _class(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else str(number)


def _seen(name: str, encoder: Encoder, found: Mapping[str, _Found]) -> Seen:
    shape, dtype = found[splits.TRAIN].shapes[name]
    return Seen(
        name,
        encoder.kind,
        encoder.columns,
        shape,
        dtype,
        _length(encoder) if _has_tokens(encoder) else None,
        len(encoder.vocabulary) if isinstance(encoder, Words) else None,
        {part: one.tokens[name] for part, one in found.items() if name in one.tokens},
        {part: one.numbers[name] for part, one in found.items()},
        tuple(found[splits.TRAIN].pictures[name]),
    )


def _labels(name: str, label: Label, found: Mapping[str, _Found]) -> Labels:
    shape, _ = found[splits.TRAIN].shapes[f"→{name}"]
    numbers = {part: one.targets[name] for part, one in found.items()}
    rows = {part: one.labelled[name] for part, one in found.items()}
    counters = {part: one.counts[name] for part, one in found.items()}
    if any(counter is None for counter in counters.values()):
        return Labels(name, label.columns, label.form, shape, numbers=numbers, rows=rows)
    several = found[splits.TRAIN].several[name]
    top = max((max(counter, default=0) for counter in counters.values() if counter is not None), default=0)
    units = label.dims[-1] if label.dims and (label.form != "numbers" or several) else None
    names = label.columns if several and len(label.columns) == units else label.names
    many = max(top + 1, len(names), units or 0)
    if many > 100_000:  # ids rather than classes
        return Labels(name, label.columns, label.form, shape, numbers=numbers, rows=rows)
    counts = {
        part: tuple(counter.get(at, 0) for at in range(many))
        for part, counter in counters.items()
        if counter is not None
    }
    classes = tuple(_class(names, at) for at in range(many))
    return Labels(name, label.columns, label.form, shape, classes, counts, several, numbers, rows)


def _users(prepared: Prepared) -> dict[str, tuple[str, ...]]:
    users: dict[str, list[str]] = {}
    for name, feature in prepared.features.items():
        for column in feature.encoder.columns:
            users.setdefault(column, []).append(f"input {name}")
    for name, label in prepared.labels.items():
        for column in label.columns:
            users.setdefault(column, []).append(f"output {name}")
        if label.weight is not None:
            users.setdefault(label.weight, []).append(f"weight of output {name}")
    return {column: tuple(dict.fromkeys(named)) for column, named in users.items()}


def _unused(checked: Checked, known: Mapping[str, Any], notes: list[str], quiet: bool) -> tuple[Column, ...]:
    """The columns of the training source that the spec has no use for."""
    source = checked.data.train if checked.data is not None else None
    if source is None:
        return ()
    folder = Path(checked.folder)
    try:
        names = [name for name in sources.column_names(source, folder) if name not in known]
        none = sources.no_columns(source, folder) if names else {}
        notes += [
            f"column `{name}` is not used and not described: its values are of the kind {kind}"
            for name, kind in none.items()
            if name in names
        ]
        names = [name for name in names if name not in none]
        if not names:
            return ()
        rows = sources.opened(source, folder, columns=names)
        learners = [ColumnLearner(name) for name in names]
        for table in splits.watched(rows, "other columns", quiet).tables():
            for learner in learners:
                learner.see(table)
    except DataError as error:  # no matter to fit, which does not read them
        notes.append(f"the columns that are not used are not described: {error.message}")
        return ()
    return tuple(learner.made() for learner in learners)
