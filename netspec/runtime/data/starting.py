"""A first plan for a table: which columns become which inputs, how each target is learned, how long to train.

Decided from what the columns hold, read in one pass (texts and arrays of labels in two); plain values come out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netspec.diagnostics import counted
from netspec.language.dates import width
from netspec.language.schema import Source
from netspec.probe.cells import MISSING, mark_cure
from netspec.runtime.data import closer, sources, tokens
from netspec.runtime.data.closer import Dates, Found, NumberLists, Pictures
from netspec.runtime.data.columns import is_text, numbers, strings, trimmed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.profile import Column, ColumnLearner, Spreading
from netspec.runtime.data.split import lowest
from netspec.runtime.data.tables import Rows, missing_column
from netspec.runtime.data.targeting import Goal, goal

_FEW = 10  # values that get a column each; more get an embedding
_MOST_KINDS = 1000  # values of a category
_SMALL = 20  # rows below which a share says nothing
_HELD_FROM = 10  # rows with labels from which some are held out
_TOGETHER = 5000  # columns of one input
_HUGE = 1e30  # numbers whose squares are no float32
_WORDS = (4, 300)  # least and most tokens of a text that are read
_VOCABULARY = 20_000
_IDS = 1000  # numbers in a row of whole numbers from which they are taken for ids
_STEPS = 1500  # of training, about
_ID = re.compile(r"(?:^|[_\W])(?:id|uid|uuid|guid|key|index|nr|no|number|row)$|(?<=[a-z])I[dD]$", re.IGNORECASE)


@dataclass(frozen=True)
class Made:
    """An input: what its columns are, how it is prepared, and what the model needs to know to begin with it.

    `kind`: numbers, few (one-hot), category (embedding), text, sequence, image or series. `size` is how many different
    ids there are, `width` how many numbers an id becomes, `why` the choice in a few words.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    feature: Mapping[str, Any]
    why: str
    size: int = 0
    width: int = 0


@dataclass(frozen=True)
class Plan:
    """All that a first spec says. `left_out` are columns, each with the reason; `held` is the share held out."""

    source: Mapping[str, Any]
    origin: str
    rows: int
    inputs: tuple[Made, ...]
    goals: tuple[Goal, ...]
    left_out: tuple[tuple[str, str], ...]
    held: float | None
    seed: int
    batch_size: int
    epochs: int
    skips: bool = False  # images that cannot be read


def plan(
    source: Source,
    folder: Path,
    targets: Sequence[str],
    written: Source | None = None,
    watch: Callable[[Rows, str], Rows] = lambda rows, what: rows,
) -> Plan:
    """Look at a table and decide.

    Args:
        source: the table; its paths are relative to `folder`.
        targets: the columns to predict.
        written: the source as the spec says it; the same if left out.
        watch: may look on as rows are read.

    Raises:
        DataError: what `fit` raises for a file that cannot be read; NS702 for a target that is no column, NS706 for
            one that nothing can be learned from, NS707 where no other column says anything.
    """
    names = sources.column_names(source, folder)
    targets = tuple(dict.fromkeys(targets))
    for name in targets:
        if name not in names:
            raise missing_column(source.files[0], name, names)
        if not name:
            help = "give it one in the first line of the file"
            raise DataError("NS702", f"a column of `{source.files[0]}` has no name, so it is no target", help)
    no_columns = {name: kind for name, kind in sources.no_columns(source, folder).items() if name not in targets}
    rows = sources.opened(source, folder, columns=[name for name in names if name not in no_columns])
    columns, labelled = _profiled(watch(rows, "looking at the columns"), targets)
    taken: set[str] = set()
    found = closer.look(watch(rows, "looking at dates and lists"), columns)
    roles = {name: _role(column, found.get(name)) for name, column in columns.items() if name not in targets}
    details = _Details(watch(rows, "counting words"), columns, targets, roles)
    goals = tuple(
        goal(columns[name], legal(name, taken, "target"), rows.origin, details.one_hot(name), found.get(name))
        for name in targets
    )
    if source.images is not None and isinstance(found.get("image"), Pictures):
        roles["image"] = "photo", ""
    inputs = tuple(_inputs(columns, roles, details, taken, found))
    roles |= {name: ("", f"holds values of the kind {kind}") for name, kind in no_columns.items()}
    if not inputs:
        why = "; ".join(f"`{name}` {why}" for name, (_, why) in list(roles.items())[:5])
        raise DataError("NS707", f"`{rows.origin}` has no column to learn from", why or None)
    batch = 16 if rows.rows < 1000 else 32 if rows.rows < 10_000 else 128 if rows.rows < 100_000 else 256
    held, seed = _held(rows.rows, labelled)
    pictures = {name: each for name, each in found.items() if isinstance(each, Pictures) and name in roles}
    steps = max(1, round(rows.rows * (1 - (held or 0)) / batch))
    return Plan(
        (written or source).model_dump(exclude_none=True),
        rows.origin,
        rows.rows,
        inputs,
        goals,
        tuple((name, why) for name, (kind, why) in roles.items() if not kind),
        held,
        seed,
        min(batch, rows.rows),
        min(100, max(5, -(-_STEPS // steps))),
        any(found_.skips for name, found_ in pictures.items() if roles[name][0] == "photo"),
    )


def _profiled(rows: Rows, targets: Sequence[str]) -> tuple[dict[str, Column], np.ndarray]:
    """Every column, and which rows have all labels, (rows,) of bool."""
    learners = {name: ColumnLearner(name) for name in rows.names if name}
    labelled = []
    for table in rows.tables():
        for learner in learners.values():
            learner.see(table)
        there = np.ones(table.rows, bool)
        for name in targets:
            column = table.columns[name]
            if is_text(table, name) and not pa.types.is_binary(column.type):
                gone = pc.is_in(pc.utf8_lower(trimmed(table, name)), value_set=pa.array(MISSING))
                there &= ~np.asarray(gone.to_numpy(zero_copy_only=False), bool)
            elif isinstance(column, np.ndarray) and column.dtype.kind == "f":
                there &= ~np.isnan(column.reshape(len(column), -1)).any(axis=1)
            elif isinstance(column, pa.Array):
                there &= np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        labelled.append(there)
    return {name: learner.made() for name, learner in learners.items()}, np.concatenate(labelled)


def _held(rows: int, labelled: np.ndarray) -> tuple[float | None, int]:
    """The share to hold out and the seed that does it, so that both parts have labels."""
    count = int(np.count_nonzero(labelled))
    share = 0.2 if count < 5000 else 0.1
    for seed in range(1, 21) if count >= _HELD_FROM else ():
        apart = lowest(np.ones(rows, bool), round(rows * share), seed)
        if min(np.count_nonzero(labelled & apart), np.count_nonzero(labelled & ~apart)) >= count * share / 2:
            return share, seed
    return None, 1


def _role(column: Column, found: Found | None) -> tuple[str, str]:
    """(what the column becomes, why); an empty text where it is left out. `found` is what a closer look showed."""
    there, distinct = column.there, column.distinct
    if column.kind == "empty" or there == 0:
        return "", "is empty"
    if column.missing > 0.95 * column.rows or (column.missing > column.rows / 2 and there < _SMALL):
        return "", f"is there in {there:,} of {column.rows:,} rows only"
    spread = column.spread
    if column.kind in ("number", "array"):
        assert spread is not None
        if spread.least == spread.most:
            return "", f"is always {spread.least:g}"
        if max(abs(spread.least), abs(spread.most)) > _HUGE:
            return "", "has numbers that float32 cannot hold"
    if column.kind in ("number", "array") and column.odd:
        return "", "has infinite numbers"
    if column.kind == "number":
        if column.steps and there >= _SMALL:
            return "", "counts the rows"
        if column.whole and column.differs and there >= _SMALL and _ID.search(column.name):
            return "", "is an id: every value differs"
        if _are_codes(column):
            return ("few", "") if len(column.counts or ()) <= _FEW else ("category", "")
        return "numbers", "numbers"
    if column.kind == "array":
        return _array(column)
    if isinstance(found, Dates):
        return ("", "is always the same date") if distinct == 1 else ("date", "")
    if isinstance(found, NumberLists):
        return _listed(found)
    if isinstance(found, Pictures):
        return _pictured(found, distinct)
    if column.kind == "list" and column.whole:
        return "sequence", "lists of whole numbers"
    if column.kind == "list":
        return "", "holds lists that are not of numbers alone, or not alike"
    if column.kind == "date":
        return "", "holds dates, not all of which can be read"
    if closer.like_a_date(column.first):
        return "", "holds dates whose day and month cannot be told apart, or which are not written alike"
    if column.kind == "bytes":
        return "", "holds bytes"
    if distinct == 1 and not column.missing:
        return "", "is always the same text"
    assert spread is not None
    by_characters = column.words < 2 and spread.mean >= 10 and not column.first.isascii()
    if mark_cure(column.first):
        cure = 'whose decimal mark should be a point; where all have commas, say `decimal: ","` beside `csv`'
        return "", f"has numbers such as `{column.first}`, {cure}"
    if not by_characters and column.words < 2 and column.differs and there >= _SMALL:
        return "", "is an id: every value differs"
    if column.words >= 3 and (distinct is None or distinct > max(_SMALL, there / 20)):
        return "text", "words"
    if distinct is not None and distinct <= _MOST_KINDS and (2 * distinct <= there or there < _SMALL):
        return ("few", "") if distinct <= _FEW else ("category", "")
    if by_characters:
        return "text", "characters"
    if column.odd and column.odd < there / 2:
        return "", f"has numbers, and cells such as `{column.example[:30]}` that are none"
    if column.words >= 2:
        return "text", "words"
    return "", "has a value of its own in most rows"


def _are_codes(column: Column) -> bool:
    """Whether a column of digits is one of codes that come again: with leading zeros, as `01067`, which is no size."""
    if column.counts is None or len(column.counts) > _MOST_KINDS or 2 * len(column.counts) > column.there:
        return False
    return all(value.isdecimal() for value in column.counts) and any(
        value[0] == "0" and len(value) > 1 for value in column.counts
    )


def _pictured(found: Pictures, distinct: int | None) -> tuple[str, str]:
    if not found.there:
        return "", "names images that are not there; their paths are relative to the table"
    return ("", "is always the same image") if distinct == 1 else ("photo", "")


def _listed(found: NumberLists) -> tuple[str, str]:
    """Whole numbers are ids where they are large or lists differ in length; others are numbers, or steps of them."""
    alike = found.least == found.most
    if found.whole and (not alike or found.highest >= _IDS):
        return "ids", "lists of whole numbers"
    if alike and not found.there:
        return "", "has lists that lack most of their numbers"
    return ("list", "") if alike and not found.inner else ("steps", "")


def _array(column: Column) -> tuple[str, str]:
    shape, spread = column.shape, column.spread
    assert spread is not None
    if len(shape) == 1:
        ids = column.whole and spread.least >= 0 and spread.most >= _IDS and shape[0] > 1
        return ("sequence", "ids") if ids else ("vector", "")
    if len(shape) == 2:
        pixels = column.whole and spread.least >= 0 and spread.most <= 255 and min(shape) >= 4
        return ("image", "") if pixels or (min(shape) >= 8 and shape[0] == shape[1]) else ("series", "")
    if len(shape) == 3 and min(shape[:2]) >= 4:
        return "image", ""
    return "", f"has an array of {' × '.join(map(str, shape))} in a row, which needs a model of its own"


class _Details:
    """What only a second pass shows: tokens of texts, and whether arrays of labels are one-hot."""

    def __init__(
        self,
        rows: Rows,
        columns: Mapping[str, Column],
        targets: Collection[str],
        roles: Mapping[str, tuple[str, str]],
    ) -> None:
        self._texts = {name: why for name, (kind, why) in roles.items() if kind == "text"}
        hot = {name for name in targets if columns[name].kind == "array" and len(columns[name].shape) == 1}
        self._hot = dict.fromkeys(hot, True)
        self.counts = {name: tokens.Counts() for name in self._texts}
        self.lengths = {name: Spreading() for name in self._texts}
        if not self._texts and not self._hot:
            return
        for table in rows.tables():
            for name, by in self._texts.items():
                found, counts = tokens.flat(strings(table, name), by, True)
                self.counts[name].see(found)
                self.lengths[name].see(counts)
            for name in self._hot:
                array = numbers(table, name)
                self._hot[name] &= bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())

    def by(self, name: str) -> str:
        """words or characters."""
        return self._texts[name]

    def one_hot(self, name: str) -> bool:
        """Whether every row of a column of arrays has a single 1."""
        return self._hot.get(name, False)

    def text(self, name: str, rows: int) -> tuple[int, int]:
        """(vocabulary, length) of a text: words that come more than once, and the length of 95 in 100."""
        counts, spread = self.counts[name].counts, self.lengths[name].made()
        again = sum(count > 1 for count in counts.values()) if rows >= 200 else len(counts)
        longest = spread.quantiles[-1] if spread is not None else 1
        least, most = _WORDS
        return min(_VOCABULARY, max(10, again + 2)), min(most, max(least, int(longest)))


def _inputs(
    columns: Mapping[str, Column],
    roles: Mapping[str, tuple[str, str]],
    details: _Details,
    taken: set[str],
    found: Mapping[str, Found | None],
) -> Iterable[Made]:
    plain = [name for name, (kind, _) in roles.items() if kind == "numbers"]
    for start in range(0, len(plain), _TOGETHER):
        some = tuple(plain[start : start + _TOGETHER])
        filled = sum(columns[name].missing > 0 for name in some)
        why = f"each minus its mean, over its deviation{'; missing ones become the mean' if filled else ''}"
        yield Made(legal("numbers", taken), "numbers", some, (len(some),), "float32", {"normalize": True}, why)
    few = tuple(name for name, (kind, _) in roles.items() if kind == "few")
    if few:
        size = max(columns[name].distinct or 0 for name in few) + 1
        why = f"at most {counted(size - 1, 'value')} each, and 0 for unknown"
        yield Made(legal("kinds", taken), "few", few, (len(few),), "int32", {"category": True}, why, size)
    for name, (kind, why) in roles.items():
        column = columns[name]
        if kind == "category":
            size = (column.distinct or 0) + 1
            width = min(32, max(4, round(size**0.5)))
            why = counted(size - 1, "value")
            yield Made(legal(name, taken), kind, (name,), (1,), "int32", {"category": True}, why, size, width)
        elif kind == "text":
            size, length = details.text(name, column.there)
            text: dict[str, Any] = {"vocabulary": size, "length": length}
            text |= {"by": "characters"} if why == "characters" else {}
            said = f"{'words' if why == 'words' else 'characters'} that come twice; 95 in 100 texts are no longer"
            yield Made(legal(name, taken), kind, (name,), (length,), "int32", {"text": text}, said, size, 32)
        elif kind == "sequence":
            yield _sequence(column, legal(name, taken))
        elif kind == "photo" and isinstance(pictured := found.get(name), Pictures):
            photos = pictured.photos
            feature: dict[str, Any] = {"image": {"resize": "crop"} if photos.cut else True, "rescale": 0.00392}
            yield Made(legal(name, taken), "image", (name,), photos.shape, "float32", feature, photos.why)
        elif (closely := found.get(name)) is not None and kind:
            yield _looked_into(column, kind, closely, legal(name, taken))
        elif kind in ("vector", "series", "image"):
            yield _numbers(column, kind, legal(name, taken))


def _sequence(column: Column, name: str) -> Made:
    spread = column.spread
    assert spread is not None
    if column.kind == "array":
        length, highest = column.shape[0], int(spread.most)
        size = highest + 1
        return Made(name, "sequence", (column.name,), (length,), "int32", {}, f"ids up to {highest}", size, 32)
    length = min(_WORDS[1], max(_WORDS[0], int(spread.quantiles[-1])))
    size = min(_VOCABULARY, max(3, column.highest + 1))
    why = f"ids up to {column.highest}; 95 in 100 lists are no longer"
    feature = {"sequence": {"vocabulary": size, "length": length}}
    return Made(name, "sequence", (column.name,), (length,), "int32", feature, why, size, 32)


def _looked_into(column: Column, kind: str, found: Found, name: str) -> Made:
    """Dates and lists of numbers."""
    assert not isinstance(found, Pictures)
    if isinstance(found, Dates):
        parts = ["timestamp", "month", "weekday", *(["hour"] if found.hours else [])]
        date: dict[str, Any] = {"parts": parts, "cyclic": True} | ({"format": found.format} if found.format else {})
        feature: dict[str, Any] = {"date": date, "normalize": True} | ({"missing": "mean"} if column.missing else {})
        why = "how late it is, and where in the year, the week" + (" and the day" if found.hours else "")
        return Made(name, "numbers", (column.name,), (width(parts, True),), "float32", feature, why)
    if kind == "ids":
        length = min(_WORDS[1], max(_WORDS[0], found.usual))
        size = min(_VOCABULARY, max(3, found.highest + 1))
        why = f"ids up to {found.highest}; 95 in 100 lists are no longer"
        feature = {"sequence": {"vocabulary": size, "length": length}}
        return Made(name, "sequence", (column.name,), (length,), "int32", feature, why, size, 32)
    if kind == "list":
        why = f"{counted(found.most, 'number')} in a cell, each minus its mean, over its deviation"
        return Made(name, "numbers", (column.name,), (found.most,), "float32", {"array": True, "normalize": True}, why)
    length = min(_WORDS[1], max(1, found.usual))
    why = "steps of numbers, minus their mean, over their deviation; 95 in 100 lists are no longer"
    feature = {"array": {"length": length}, "normalize": True}
    return Made(name, "series", (column.name,), (length, *(found.inner or (1,))), "float32", feature, why)


def _numbers(column: Column, kind: str, name: str) -> Made:
    """Arrays: pixels become 0 to 1, other numbers are normalized."""
    spread, shape = column.spread, column.shape
    assert spread is not None
    shape = (*shape, 1) if kind == "image" and len(shape) == 2 else shape
    if kind == "image" and spread.least >= 0 and spread.most <= 255 and not column.missing:
        top = 1.0 if spread.most <= 1 else 255.0 if spread.most > 64 else spread.most
        feature = {} if top == 1 else {"rescale": 1 / top}
        why = "from 0 to 1 already" if top == 1 else f"from 0 to {top:g}, which become 0 to 1"
        return Made(name, kind, (column.name,), shape, "float32", feature, f"pixels {why}")
    why = "each number minus its mean, over its deviation"
    kind = "numbers" if kind == "vector" else kind
    return Made(name, kind, (column.name,), shape, "float32", {"normalize": True}, why)


def legal(column: str, taken: set[str], otherwise: str = "column") -> str:
    """A name for an input or output: letters, digits and `_`, of no other in any case; `taken` holds those so far.

    >>> taken = set()
    >>> [legal(column, taken) for column in ("Größe (cm)", "grosse cm", "2nd", "名前", "null")]
    ['Grosse_cm', 'grosse_cm_2', 'column_2nd', 'column', 'null_']
    """
    text = unicodedata.normalize("NFKD", column.replace("ß", "ss"))
    name = re.sub(r"[^A-Za-z0-9_]+", "_", "".join(c for c in text if not unicodedata.combining(c))).strip("_")[:40]
    name = name if name[:1].isalpha() else f"{otherwise}_{name}".strip("_")
    name = f"{name}_" if name.lower() in ("null", "true", "false") else name
    made, number = name, 1
    while made.lower() in taken:
        number += 1
        made = f"{name}_{number}"
    taken.add(made.lower())
    return made
