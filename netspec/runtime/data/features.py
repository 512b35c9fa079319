"""From rows to arrays: what `data.features` and `data.targets` say, learned from the training part alone.

`fit` learns, `Prepared` applies it to any rows, `save` and `load` keep it as JSON, one file for each input and output.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from netspec.catalog.types import TensorType, Unknown
from netspec.catalog.types import show as show_shape
from netspec.language.schema import Data, Feature, Target, Validation
from netspec.probe.forms import Dims, dims_of
from netspec.runtime.data import labels
from netspec.runtime.data.columns import is_lists, narrow, whole
from netspec.runtime.data.encoders import KINDS, Categories, Encoder, MultiHot, Numbers, Sequences, Words
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.labels import Label, reshaped
from netspec.runtime.data.named import LABEL
from netspec.runtime.data.split import held_out
from netspec.runtime.data.tables import Table

_INDEX = "features.index.json"  # input and output names hold no dot, so no file of theirs has this name


@dataclass(frozen=True)
class Input:
    """How one input is made: its encoder, and the shape (without the batch) and dtype that the model takes."""

    name: str
    encoder: Encoder
    dims: Dims
    dtype: str
    limit: int | None = None  # how many different ids its Embedding takes

    def encode(self, table: Table) -> np.ndarray:
        """(rows, *dims) of `dtype`; NS708 where the feature does not fit the input, NS703 where a number does not."""
        array = self.encoder.encode(table)
        fitted = reshaped(array, self.dims)
        if fitted is None or (not self.encoder.reshapes and self.dims is not None and array.ndim - 1 != len(self.dims)):
            raise self._mismatch(array.shape[1:])
        dtype = np.dtype(self.dtype)
        if dtype.kind in "iu" and not np.can_cast(fitted.dtype, dtype):
            fitted = whole(table, self.encoder.columns[0], fitted, dtype)
        self._check_limit(fitted)
        return narrow(table, self.encoder.columns, fitted, dtype)

    def _check_limit(self, array: np.ndarray) -> None:
        if self.limit is None or not array.size:
            return
        lowest, highest = int(array.min()), int(array.max())
        if lowest < 0:
            message = f"input `{self.name}` gets numbers down to {lowest}, its Embedding takes 0 to {self.limit - 1}"
            raise DataError("NS708", message)
        if highest < self.limit:
            return
        cure = f"make the Embedding's `input_dim` {highest + 1}"
        if isinstance(self.encoder, Words | Sequences):
            kind = self.encoder.kind
            cure = f"say `{kind}: {{vocabulary: {self.limit}}}`, or " + cure
        raise DataError(
            "NS708",
            f"input `{self.name}` gets numbers up to {highest}, its Embedding takes 0 to {self.limit - 1}",
            cure,
        )

    def _mismatch(self, shape: tuple[int, ...]) -> DataError:
        assert self.dims is not None
        cure = None
        encoder = self.encoder
        if isinstance(encoder, Numbers) and len(self.dims) == 1 and len(shape) == 1:
            cure = f"list {self.dims[0]} columns under `columns`, or make the input [{shape[0]}]"
        elif isinstance(encoder, Words | Sequences) and len(self.dims) == len(shape):
            cure = "leave out `length`, and the input's own is taken"
        elif isinstance(encoder, Words):
            cure = "say `one_hot: true`" if len(self.dims) == 2 else "leave out `one_hot`"
        elif isinstance(encoder, MultiHot | Categories):
            cure = f"make the input [{', '.join(map(str, shape))}]"
        return DataError(
            "NS708",
            f"input `{self.name}` is {show_shape((None, *self.dims))}, its feature gives {show_shape((None, *shape))}",
            cure,
        )


@dataclass(frozen=True)
class Examples:
    """Rows ready for training: `x` by input, `y` by output, their positions in the table, and what the report says."""

    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    rows: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """Everything learned: apply it with `examples` (training, evaluation) or `inputs` (prediction)."""

    features: Mapping[str, Input]
    labels: Mapping[str, Label]
    notes: tuple[str, ...] = ()

    @property
    def input_columns(self) -> tuple[str, ...]:
        """The columns that the inputs are made of, each once."""
        return tuple(dict.fromkeys(c for feature in self.features.values() for c in feature.encoder.columns))

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The columns that the targets are made of, each once."""
        return tuple(dict.fromkeys(c for label in self.labels.values() for c in label.columns))

    @property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the classes of each output whose labels are text, in the order of their numbers."""
        return {name: label.names for name, label in self.labels.items() if label.names}

    def inputs(self, table: Table) -> dict[str, np.ndarray]:
        """Each input's array, a row for every row of the table: none is dropped."""
        return {name: feature.encode(table) for name, feature in self.features.items()}

    def targets(self, table: Table) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Each output's target for the rows that have all labels, and the positions of those rows."""
        rows = np.flatnonzero(~_without_label(self.labels, table))
        kept = table.take(rows) if len(rows) < table.rows else table
        return {name: label.encode(kept) for name, label in self.labels.items()} if len(rows) else {}, rows

    def examples(self, table: Table) -> Examples:
        """Inputs and targets of the rows that have all labels (and, with `missing: drop`, all numbers)."""
        rows, notes = _usable(self.features, self.labels, table)
        kept = table.take(rows) if len(rows) < table.rows else table
        x = self.inputs(kept)
        y = {name: label.encode(kept) for name, label in self.labels.items()}
        return Examples(x, y, rows, notes)

    def save(self, folder: Path) -> None:
        """One readable JSON file for each input and output, below an index; makes the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        index: dict[str, dict[str, str]] = {"inputs": {}, "targets": {}}
        taken: set[str] = set()
        parts: dict[str, Mapping[str, Input | Label]] = {"inputs": {**self.features}, "targets": {**self.labels}}
        for part, items in parts.items():
            for at, (name, item) in enumerate(items.items()):
                file = f"{name}.json" if part == "inputs" else f"{name}.target.json"
                if file.lower() in taken:  # `A` and `a` are one file on some systems
                    file = f"{at}.{file}"
                taken.add(file.lower())
                index[part][name] = file
                _write(folder / file, _plain(item))
        _write(folder / _INDEX, {"format_version": "1.0", **index})


def load(folder: Path) -> Prepared:
    """What `Prepared.save` wrote; NS801 where it is missing or damaged."""
    try:
        index = _read(folder / _INDEX)
        features = {}
        for name, file in index["inputs"].items():
            plain = _read(folder / file)
            kind = KINDS[plain["encoder"].pop("kind")]
            encoder = TypeAdapter(kind).validate_python(_frozen(plain["encoder"]))
            np.dtype(plain["dtype"])
            kept = {"name": name, "encoder": encoder, "dims": _frozen(plain["dims"])}
            features[name] = TypeAdapter(Input).validate_python(kept | {key: plain[key] for key in ("dtype", "limit")})
        targets = {
            name: TypeAdapter(Label).validate_python(_frozen(_read(folder / file)))
            for name, file in index["targets"].items()
        }
        if not features:
            raise ValueError("it has no inputs")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("NS801", f"the prepared features in `{folder}` cannot be read: {error}") from error
    return Prepared(features, targets)


def needed(
    data: Data,
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    losses: Mapping[str, str | None],
) -> tuple[str, ...]:
    """The columns of a file that `fit` asks for, each once, so that no other is read."""
    names = [c for name in inputs for c in (data.features[name].names if name in data.features else ()) or (name,)]
    for name in outputs:
        if name in data.targets or losses.get(name) is not None:
            names.extend((data.targets[name].names if name in data.targets else ()) or (name,))
    return tuple(dict.fromkeys(names))


def split(train: Table, validation: Validation, seed: int) -> tuple[Table, Table]:
    """(rows to train on, rows held out), by the hash of `split.py` or, `by: order`, the last rows."""
    assert validation.fraction is not None
    mask = held_out(train.rows, validation.fraction, validation.by, seed)
    if mask.all() or not mask.any():
        empty = "to train on" if mask.all() else "to validate with"
        raise DataError(
            "NS704", f"`validation: {validation.fraction:g}` of {train.rows} rows leaves none {empty}", "add rows"
        )
    return train.take(np.flatnonzero(~mask)), train.take(np.flatnonzero(mask))


def fit(
    data: Data,
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    train: Table,
    *,
    losses: Mapping[str, str | None] | None = None,
    limits: Mapping[str, int | None] | None = None,
    scored: Collection[str] = (),
) -> Prepared:
    """Learn how inputs and targets are made, from the rows of `train` that have all labels.

    `inputs` and `outputs` hold shapes with the batch first; `losses` maps an output to its loss's Keras name (None: it
    has none, and then needs no target); `limits` maps an input to the number of different ids its Embedding takes;
    `scored` outputs have metrics, so that a column of their name is their target even without a loss.
    Raises DataError: NS702 and NS707 for columns, NS703 for cells, NS704 without rows, NS706 and NS708 for shapes.
    """
    losses = losses or {}
    learned: dict[str, Label] = {}
    for name, tensor in outputs.items():
        target = data.targets.get(name)
        columns = _target_columns(data, name, target, len(outputs), losses.get(name), train)
        if not columns and name in scored and name in train.columns:
            columns = (name,)
        if columns:
            dims = dims_of(tensor)
            learned[name] = labels.learn(name, target or Target(), columns, dims, losses.get(name), train)
    said = {name: data.features.get(name) or Feature() for name in inputs}
    columns_of = {name: _input_columns(data, name, feature, len(inputs), train) for name, feature in said.items()}
    dropping = {n: columns_of[n] for n, feature in said.items() if feature.missing == "drop"}
    kept = ~_without_label(learned, train)
    for columns in dropping.values():
        kept &= ~_holes(columns, train)
    rows = np.flatnonzero(kept)
    if not len(rows):
        raise DataError("NS704", f"`{train.origin}`: none of the {train.rows} training rows has all its labels")
    table = train.take(rows) if len(rows) < train.rows else train
    features = {}
    for name, tensor in inputs.items():
        encoder = _learn(name, said[name], columns_of[name], tensor, table)
        features[name] = Input(name, encoder, dims_of(tensor), _dtype(name, tensor), (limits or {}).get(name))
    first = table.take(np.arange(1))
    for feature in features.values():
        feature.encode(first)
    for label in learned.values():
        label.encode(table)
    return Prepared(features, learned, _notes(features, table))


def _learn(name: str, feature: Feature, columns: tuple[str, ...], tensor: TensorType, table: Table) -> Encoder:
    dims = dims_of(tensor)
    own = dims[0] if dims else None
    single = feature.text or feature.sequence or feature.multi_hot
    if single and len(columns) > 1:
        what = "text" if feature.text else "sequence" if feature.sequence else "multi_hot"
        raise DataError("NS708", f"input `{name}`: `{what}` reads one column, got {len(columns)}")
    if feature.text:
        return Words.learn(feature, columns, table, feature.text.length or own)
    if feature.multi_hot:
        return MultiHot(columns, feature.multi_hot)
    if feature.category:
        return Categories.learn(feature, columns, table)
    if feature.sequence or (len(columns) == 1 and is_lists(table, columns[0])):
        return Sequences.learn(feature, columns, table, (feature.sequence and feature.sequence.length) or own)
    return Numbers.learn(feature, columns, table, np.dtype(_dtype(name, tensor)).kind in "iub")


def _input_columns(data: Data, name: str, feature: Feature, count: int, table: Table) -> tuple[str, ...]:
    """The columns that the feature names, else the one named like the input, else a data set's only other column."""
    if feature.names:
        for column in feature.names:
            table.column(column)
        return feature.names
    if name in table.columns:
        return (name,)
    others = [column for column in table.columns if column != LABEL]
    if data.dataset is not None and count == 1 and len(others) == 1:
        return (others[0],)
    raise DataError(
        "NS707",
        f"input `{name}` has no feature, and `{table.origin}` has no column `{name}`",
        f"say under `data.features` which of its columns `{name}` is made of: "
        + ", ".join(f"`{column}`" for column in list(table.columns)[:10]),
    )


def _target_columns(
    data: Data, name: str, target: Target | None, count: int, loss: str | None, table: Table
) -> tuple[str, ...]:
    """The same for an output: one that has neither a target nor a loss has no columns."""
    if target is not None and target.names:
        for column in target.names:
            table.column(column)
        return target.names
    if target is None and loss is None:
        return ()
    if name in table.columns:
        return (name,)
    if data.dataset is not None and count == 1 and LABEL in table.columns:
        return (LABEL,)
    raise DataError(
        "NS707",
        f"output `{name}` has no target, and `{table.origin}` has no column `{name}`",
        "say under `data.targets` which column its label is in",
    )


def _without_label(learned: Mapping[str, Label], table: Table) -> np.ndarray:
    gone = np.zeros(table.rows, bool)
    for label in learned.values():
        gone |= label.missing(table)
    return gone


def _holes(columns: tuple[str, ...], table: Table) -> np.ndarray:
    found = Numbers(columns, (), None, None, None, True).missing(table).values()
    gone = np.zeros(table.rows, bool)
    for holes in found:
        gone |= holes
    return gone


def _usable(
    features: Mapping[str, Input], learned: Mapping[str, Label], table: Table
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The positions of the rows to use, and sentences about the others and about what was filled in."""
    unlabelled = _without_label(learned, table)
    kept, notes, filled = ~unlabelled, [], []
    for feature in features.values():
        encoder = feature.encoder
        if isinstance(encoder, Numbers):
            for column, holes in encoder.missing(table).items():
                if encoder.drops:
                    if count := int((holes & kept).sum()):
                        notes.append(f"{_counted(count, 'row')} dropped: no number in `{column}`")
                    kept &= ~holes
                elif holes.any():
                    filled.append((column, holes, encoder))
    if unlabelled.any():
        columns = ", ".join(f"`{c}`" for c in dict.fromkeys(c for label in learned.values() for c in label.columns))
        notes.insert(0, f"{_counted(int(unlabelled.sum()), 'row')} dropped: no label in {columns}")
    replaced: dict[str, list[str]] = {}
    for column, holes, encoder in {item[0]: item for item in filled}.values():
        by = "0" if not any(encoder.fill) else "the training mean"
        if count := int((holes & kept).sum()):
            replaced.setdefault(by, []).append(f"{count} in `{column}`")
    notes += [f"missing numbers replaced by {by}: {', '.join(counts)}" for by, counts in replaced.items()]
    rows = np.flatnonzero(kept)
    if not len(rows):
        why = "; ".join(notes) or None
        raise DataError("NS704", f"`{table.origin}`: none of the {table.rows} rows can be used", why)
    return rows, (f"{len(rows)} of {table.rows} rows of `{table.origin}` used", *notes)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _notes(features: Mapping[str, Input], table: Table) -> tuple[str, ...]:
    """What the report says of vocabularies, and of columns that hold nothing."""
    notes = []
    for feature in features.values():
        encoder = feature.encoder
        if isinstance(encoder, Categories):
            empty = [name for name, values in zip(encoder.columns, encoder.values, strict=True) if not values]
            notes += [f"`{feature.name}`: column `{name}` is empty, so every value of it is unknown" for name in empty]
        if isinstance(encoder, Words):
            rows = encoder.rows(table)
            total = sum(map(len, rows))
            unknown = sum(row.count(1) for row in rows)
            cut = sum(len(row) > encoder.length for row in rows)
            share = 100 * unknown / max(total, 1)
            notes.append(
                f"`{feature.name}`: {len(encoder.vocabulary)} {encoder.by} known, "
                f"{share:.1f} % of the training part's unknown, {cut} texts cut at {encoder.length}"
            )
    return tuple(notes)


def _dtype(name: str, tensor: TensorType) -> str:
    """The array's dtype for a Keras dtype; numpy has no bfloat16, which Keras makes of float32 itself."""
    if isinstance(tensor.dtype, Unknown) or tensor.dtype == "bfloat16":
        return "float32"
    try:
        if np.dtype(tensor.dtype).kind in "biuf":
            return tensor.dtype
    except TypeError:
        pass
    raise DataError("NS708", f"input `{name}` is {tensor.dtype}; features are made for numbers and bool")


def _plain(item: Input | Label) -> dict[str, Any]:
    if isinstance(item, Label):
        return dataclasses.asdict(item)
    encoder = {"kind": item.encoder.kind, **dataclasses.asdict(item.encoder)}
    return {"dims": item.dims, "dtype": item.dtype, "limit": item.limit, "encoder": encoder}


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples they were; a mapping is kept, its values frozen."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path.name}: expected a mapping")
    return value
