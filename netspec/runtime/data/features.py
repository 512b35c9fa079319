"""From rows to arrays: what was learned of `data.features` and `data.targets`, applied to any rows.

`learning.fit` makes it; `save` and `load` keep it as JSON, one file for each input and output.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import counted
from netspec.probe.forms import Dims
from netspec.runtime.data.columns import narrow, whole
from netspec.runtime.data.encoders import KINDS, Categories, Encoder, Hashed, Images, MultiHot, Sequences, Words
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.images import MOST_BYTES
from netspec.runtime.data.labels import Label, reshaped
from netspec.runtime.data.quantities import Buckets, Numbers
from netspec.runtime.data.tables import Table
from netspec.runtime.data.usable import Used, look, readable
from netspec.runtime.data.vectors import Arrays

MOST_ROWS = 1 << 16  # that are prepared at a time
_INDEX = "features.index.json"  # input and output names hold no dot, so no file of theirs has this name


@dataclass(frozen=True)
class Input:
    """How one input is made: its encoder, and the shape (without the batch) and dtype that the model takes."""

    name: str
    encoder: Encoder
    dims: Dims
    dtype: str
    limit: int | None = None  # how many different ids its Embedding takes
    drops: tuple[str, ...] = ()  # columns whose empty cells drop the row in training and evaluation

    def encode(self, table: Table) -> np.ndarray:
        """(rows, *dims) of `dtype`; NS708 where the feature does not fit the input, NS703 where a number does not."""
        return self.fitted(self.encoder.encode(table), table)

    def fitted(self, array: np.ndarray, table: Table) -> np.ndarray:
        """What an encoder made of the rows of a table, in the shape and dtype of the input."""
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
        if isinstance(encoder, Numbers) and len(self.dims) == len(shape) == 1 and self.dims[0]:
            cure = f"list {counted(self.dims[0], 'column')} under `columns`, or make the input [{shape[0]}]"
        elif isinstance(encoder, Words | Sequences | Arrays) and len(self.dims) == len(shape):
            cure = "leave out `length`, and the input's own is taken"
        elif isinstance(encoder, Words):
            cure = "say `one_hot: true`" if len(self.dims) == 2 else "leave out `one_hot`"
        elif isinstance(encoder, MultiHot | Categories | Hashed | Buckets):
            cure = f"make the input [{', '.join(map(str, shape))}]"
        return DataError(
            "NS708",
            f"input `{self.name}` is {show_shape((None, *self.dims))}, its feature gives {show_shape((None, *shape))}",
            cure,
        )


@dataclass(frozen=True)
class Examples:
    """Rows ready for training: `x` by input, `y` and weights `w` by output, and what became of the table's rows."""

    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    used: Used
    w: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    labels: dict[str, int] = dataclasses.field(default_factory=dict)  # rows (or steps) with a label, by weighted output
    positions: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))  # of the rows in the table

    @property
    def rows(self) -> int:
        """How many rows are left."""
        return self.used.kept


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
        """The columns that the targets and their weights are made of, each once."""
        labels = self.labels.values()
        weights = (label.weight for label in labels if label.weight is not None)
        return tuple(dict.fromkeys((*(c for label in labels for c in label.columns), *weights)))

    @property
    def weighted(self) -> bool:
        """Whether rows may count differently for some output."""
        return any(label.weighted for label in self.labels.values())

    @property
    def by_step(self) -> frozenset[str]:
        """The outputs with a label, and so a weight, for each step."""
        return frozenset(name for name, label in self.labels.items() if label.steps is not None)

    @property
    def singly(self) -> frozenset[str]:
        """The outputs whose missing labels are masked one by one."""
        return frozenset(name for name, label in self.labels.items() if label.singly)

    @property
    def scales(self) -> Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]:
        """(mean, std) of each output whose labels are normalized."""
        found = {name: (label.mean, label.std) for name, label in self.labels.items()}
        return {name: (mean, std) for name, (mean, std) in found.items() if mean is not None and std is not None}

    def rounded(self) -> tuple[str, ...]:
        """What is said of outputs whose labels lie so far from 0 that float32 rounds what varies in them."""
        return tuple(
            f"metrics of output `{name}` are computed in float32, with steps of {label.far:.3g} where its labels lie"
            ": take a constant off them, or look at the loss; what `predict` answers is not rounded"
            for name, label in self.labels.items()
            if label.far
        )

    def restored(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions by output in the units of the labels."""
        labels = self.labels
        return {name: labels[name].restored(array) if name in labels else array for name, array in outputs.items()}

    @property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the classes of each output whose labels are text, in the order of their numbers."""
        return {name: label.names for name, label in self.labels.items() if label.names}

    @property
    def shown_names(self) -> Mapping[str, tuple[str, ...]]:
        """The same for people to read, with the tokens of a running text, which are its classes."""
        texts = {
            each.encoder.columns: each.encoder for each in self.features.values() if isinstance(each.encoder, Words)
        }
        tokens = {
            name: ("(padding)", "(unknown)", *map(_seen, texts[label.columns].vocabulary))
            for name, label in self.labels.items()
            if not label.names and label.columns in texts
        }
        return {**self.class_names, **tokens}

    @property
    def at_once(self) -> int:
        """How many rows are prepared at a time: so few that memory holds what is read of them."""
        images = [each.encoder.size for each in self.features.values() if isinstance(each.encoder, Images)]
        return max(1, MOST_BYTES // max(size.bytes for size in images)) if images else MOST_ROWS

    @property
    def levels(self) -> Mapping[str, np.ndarray]:
        """The numbers of inputs that hold only so many: what the 256 of a pixel become."""
        found = {}
        for name, feature in self.features.items():
            if isinstance(feature.encoder, Images) and feature.encoder.numbers.mean is None:
                made = np.arange(256) * (feature.encoder.numbers.rescale or 1.0)
                found[name] = made.astype(np.float32).astype(feature.dtype)
        return found

    def inputs(self, table: Table) -> dict[str, np.ndarray]:
        """Each input's array, a row for every row of the table: none is dropped."""
        return {name: feature.encode(table) for name, feature in self.features.items()}

    def examples(self, table: Table) -> Examples:
        """Inputs and targets of the rows that have all labels (and, with `missing: drop`, all numbers)."""
        kept, used = look(self.features, self.labels, table)
        positions = np.flatnonzero(kept)
        rows = table if used.kept == table.rows else table.take(positions)
        if used.kept:
            rows, good, why = readable(self.features, rows)
            if not good.all():
                rows, positions = rows.take(np.flatnonzero(good)), positions[good]
                used = replace(
                    used, kept=rows.rows, unread=int((~good).sum()), why=why, filled={}, lacking={}, masked={}
                )
                if rows.rows:
                    again = look(self.features, self.labels, rows)[1]
                    used = replace(used, filled=again.filled, lacking=again.lacking, masked=again.masked)
        if not used.kept:
            return Examples({}, {}, used)
        x = self.inputs(rows)
        targets = {name: label.prepared(rows) for name, label in self.labels.items()}
        w = {name: weights for name, (_, weights, _) in targets.items() if weights is not None}
        counts = {name: targets[name][2] for name in w}
        y = {name: target for name, (target, _, _) in targets.items()}
        return Examples(x, y, used, w, counts, positions)

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
            kept = {key: _frozen(plain[key]) for key in ("dims", "dtype", "limit", "drops")}
            features[name] = TypeAdapter(Input).validate_python({"name": name, "encoder": encoder, **kept})
        targets = {
            name: TypeAdapter(Label).validate_python(_frozen(_read(folder / file)))
            for name, file in index["targets"].items()
        }
        if not features:
            raise ValueError("it has no inputs")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("NS801", f"the prepared features in `{folder}` cannot be read: {error}") from error
    return Prepared(features, targets)


def _plain(item: Input | Label) -> dict[str, Any]:
    if isinstance(item, Label):
        return dataclasses.asdict(item)
    encoder = {"kind": item.encoder.kind, **dataclasses.asdict(item.encoder)}
    return {"dims": item.dims, "dtype": item.dtype, "limit": item.limit, "drops": item.drops, "encoder": encoder}


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


def _seen(token: str) -> str:
    """A token as one can see it."""
    return token if token.strip() else {" ": "(space)", "\n": "(new line)", "\t": "(tab)"}.get(token, repr(token))
