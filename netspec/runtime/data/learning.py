"""What a spec's features and targets learn from the training rows, in one pass, and which columns they need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from netspec.catalog.types import TensorType, Unknown, show
from netspec.language.datasets import LABEL
from netspec.language.schema import Data, Feature, Target
from netspec.probe.forms import Listed, dims_of, image_problem, image_size, listed
from netspec.runtime.data import learners, parting, vocabularies
from netspec.runtime.data.columns import is_lists
from netspec.runtime.data.encoders import Hashed, Images, MultiHot
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.features import Input, Prepared
from netspec.runtime.data.images import Size
from netspec.runtime.data.label_learners import LabelLearner
from netspec.runtime.data.learners import Learner
from netspec.runtime.data.readings import Reading
from netspec.runtime.data.tables import Rows, Table
from netspec.runtime.data.usable import Dropping, without_label
from netspec.runtime.data.vectors import Present


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
            target = data.targets.get(name) or Target()
            names.extend(target.names or (name,))
            weight = target.weight or (None if losses.get(name) is None else data.weight)
            names.extend((weight,) if weight else ())
    names.extend(parting.columns(data))
    return tuple(dict.fromkeys(names))


def fit(
    data: Data,
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    train: Rows,
    *,
    losses: Mapping[str, str | None] | None = None,
    limits: Mapping[str, int | None] | None = None,
    scored: Collection[str] = (),
    folder: Path = Path(),
) -> Prepared:
    """Learn how inputs and targets are made, from the rows of `train` that have all labels, in one pass.

    `inputs` and `outputs` hold shapes with the batch first; `losses` maps an output to its loss's Keras name (None: it
    has none, and then needs no target); `limits` maps an input to the number of different ids its Embedding takes;
    `scored` outputs have metrics, so that a column of their name is their target even without a loss; files of
    vocabularies are relative to `folder`.
    Raises DataError: NS702 and NS707 for columns, NS703 for cells, NS704 without rows, NS706 and NS708 for shapes.
    """
    losses, limits = losses or {}, limits or {}
    known = vocabularies.read(data, folder)
    labels: dict[str, LabelLearner] = {}
    wanted: dict[str, Learner] = {}
    dropping: list[Dropping] = []
    first: Table | None = None
    rows = 0
    for table in train.tables():
        if rows == 0:
            labels = _labels(data, outputs, losses, scored, table)
            wanted, dropping = _features(data, inputs, table, known)
        rows += table.rows
        kept = np.ones(table.rows, bool)
        lacks = {name: label.see(table) for name, label in labels.items()}
        kept &= ~without_label(lacks, {name for name, label in labels.items() if label.masks}, table.rows)
        for each in dropping:
            for gone in each.holes(table).values():
                kept &= ~gone
        usable = table.take(np.flatnonzero(kept))
        if usable.rows:
            for learner in wanted.values():
                learner.see(usable)
            for label in labels.values():
                label.learn(usable)
            first = first or usable.take(np.arange(1))
    if first is None:
        raise DataError("NS704", f"`{train.origin}`: none of the {rows} training rows has all its labels")
    learned = {name: label.made() for name, label in labels.items()}
    notes = [note for label in learned.values() for note in label.notes()]
    features = {
        name: Input(
            name, wanted[name].made(), dims_of(tensor), _dtype(name, tensor), limits.get(name), dropping[at].columns
        )
        for at, (name, tensor) in enumerate(inputs.items())
    }
    for feature in features.values():
        if not isinstance(feature.encoder, Images):  # an image has its input's size; whether it can be read shows later
            feature.encode(first)
    for target in learned.values():
        target.encode(first)
    return Prepared(features, learned, (*(note for name, each in wanted.items() for note in each.notes(name)), *notes))


def _labels(
    data: Data,
    outputs: Mapping[str, TensorType],
    losses: Mapping[str, str | None],
    scored: Collection[str],
    table: Table,
) -> dict[str, LabelLearner]:
    found = {}
    for name, tensor in outputs.items():
        target, loss = data.targets.get(name), losses.get(name)
        columns = _target_columns(data, name, target, len(outputs), loss, table)
        if not columns and name in scored and name in table.columns:
            columns = (name,)
        if columns:
            weight = (target.weight if target is not None else None) or (None if loss is None else data.weight)
            if weight is not None:
                table.column(weight)
            found[name] = LabelLearner(name, target or Target(), columns, dims_of(tensor), loss, table, weight)
    return found


def _features(
    data: Data, inputs: Mapping[str, TensorType], table: Table, known: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Learner], list[Dropping]]:
    """A learner for every input, and which of its columns drop rows."""
    found: dict[str, Learner] = {}
    dropping: list[Dropping] = []
    for name, tensor in inputs.items():
        feature = data.features.get(name) or Feature()
        columns = _input_columns(data, name, feature, len(inputs), table)
        if feature.image is not None:
            found[name] = _images(name, feature, columns, tensor, data.on_error == "skip")
        else:
            found[name] = _learner(name, feature, columns, tensor, table, known.get(name))
        cells = isinstance(found[name], learners.NumbersLearner | learners.BucketsLearner)
        reading: Reading | Present | None = Reading.of(feature.date) if cells else None
        if feature.array is not None:
            form = listed(dims_of(tensor), feature.array.length)
            reading = Present(form) if isinstance(form, Listed) else None
        dropping.append(Dropping(feature.drops(columns), reading))
    return found, dropping


def _learner(
    name: str,
    feature: Feature,
    columns: tuple[str, ...],
    tensor: TensorType,
    table: Table,
    tokens: tuple[str, ...] | None,
) -> Learner:
    dims = dims_of(tensor)
    own = dims[0] if dims else None
    single = feature.text or feature.sequence or feature.multi_hot or feature.array
    if single and len(columns) > 1:
        what = next(kind for kind in ("text", "sequence", "multi_hot", "array") if getattr(feature, kind))
        raise DataError("NS708", f"input `{name}`: `{what}` reads one column, got {len(columns)}")
    if feature.text:
        return learners.WordsLearner(feature, columns, feature.text.length or own, tokens)
    if feature.array is not None:
        form = listed(dims, feature.array.length)
        if isinstance(form, str):
            raise DataError("NS708", f"input `{name}` is {show(tensor.shape)}: {form}")
        return learners.ArraysLearner(feature, columns, form, np.dtype(_dtype(name, tensor)).kind in "iub")
    if feature.multi_hot:
        return learners.Fixed(MultiHot(columns, feature.multi_hot))
    if feature.hash:
        return learners.Fixed(Hashed(columns, feature.hash))
    if feature.bucket:
        return learners.BucketsLearner(feature, columns)
    if feature.category:
        return learners.CategoriesLearner(feature, columns)
    if feature.sequence or (not feature.date and len(columns) == 1 and is_lists(table, columns[0])):
        length = (feature.sequence and feature.sequence.length) or own
        return learners.SequencesLearner(feature, columns, length)
    return learners.NumbersLearner(feature, columns, np.dtype(_dtype(name, tensor)).kind in "iub")


def _images(name: str, feature: Feature, columns: tuple[str, ...], tensor: TensorType, skips: bool) -> Learner:
    assert feature.image is not None
    whole = np.dtype(_dtype(name, tensor)).kind in "iub"
    found = image_problem(feature, len(columns), whole) or image_size(dims_of(tensor), feature.image.channels)
    if isinstance(found, str):
        raise DataError("NS708", f"input `{name}` is {show(tensor.shape)}: {found}")
    return learners.ImagesLearner(feature, columns, Size(*found, feature.image.resize), whole=whole, skips=skips)


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
