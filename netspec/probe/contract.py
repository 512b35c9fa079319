"""What a spec says about its data, held against the files, as far as the standard library can look.

Whatever is refused here, fit would refuse; fit looks at all rows, this at the first 10,000.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from netspec.catalog.nearest import nearest, rename
from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.language.schema import Data, Feature, Source, Target
from netspec.probe.model import Looked, Model
from netspec.probe.tables import ProbeError, columns

if TYPE_CHECKING:
    from netspec.probe.look import Parts

LABEL = "label"
DATASET_COLUMNS = {
    "cifar10": ("image", LABEL),
    "digits": ("image", LABEL),
    "imdb": ("words", LABEL),
    "mnist": ("image", LABEL),
    "reuters": ("words", LABEL),
}


def check_data(data: Data, model: Model, folder: FilePath, report: Report) -> tuple[Looked, ...]:
    """Files exist (a warning where not), columns are there, and their first rows fit the model; how far it looked."""
    inputs, outputs = tuple(model.inputs), tuple(model.outputs)
    _check_names("features", data.features, inputs, "an input", report)
    _check_names("targets", data.targets, outputs, "an output", report)
    fed, taught = _meant(data.features, inputs), _meant(data.targets, outputs)
    known = replace(  # what a misspelt name means has columns, which are not looked at
        model,
        inputs={name: tensor for name, tensor in model.inputs.items() if name not in fed},
        outputs={name: tensor for name, tensor in model.outputs.items() if name not in taught},
    )
    looked: list[Looked] = []
    parts: Parts | None = None
    said: set[str] = set()
    if data.dataset is not None:
        found = DATASET_COLUMNS[data.dataset]
        if _check_columns(data, found, f"dataset `{data.dataset}`", model, said, report) and inputs:
            from netspec.probe import look

            parts = look.parts(data, known, found)
            look.dataset(data, parts, report)
    for path, source in _sources(data):
        missing = [(at, name) for at, name in _files(source) if not os.path.exists(folder / name)]
        for at, name in missing:
            cure = "fit needs it; paths are relative to the spec"
            report.add("NS701", (*path, *at), f"`{name}` is not there", help=cure)
        if missing:
            continue
        try:
            header = columns(source, folder)
        except ProbeError as error:
            report.add(error.code, path, error.message, help=error.help)
            continue
        if header is None:
            continue
        sound = _check_columns(data, header, f"`{source.files[0]}`", model, said, report)
        if not sound or not inputs:
            continue
        from netspec.probe import look

        try:
            parts = parts or look.parts(data, known, header)
            looked += look.source(data, parts, source, header, path, folder, report)
        except ProbeError as error:
            report.add(error.code, path, error.message, help=error.help)
    return tuple(looked)


def _sources(data: Data) -> list[tuple[Path, Source]]:
    """Every table of rows in a file, the training rows first."""
    found: list[tuple[Path, Source]] = []
    if data.train is not None:
        found.append((("data", "train"), data.train))
    if data.validation is not None and data.validation.source is not None:
        found.append((("data", "validation"), data.validation.source))
    if data.test is not None:
        found.append((("data", "test"), data.test))
    return found


def _files(source: Source) -> list[tuple[Path, str]]:
    """Every file of a source, and where below the source it is named."""
    if source.npy:
        return [(("npy", column), name) for column, name in source.npy.items()]
    kinds = {"csv": source.csv, "tsv": source.tsv, "npz": source.npz}
    return [((kind,), name) for kind, name in kinds.items() if name]


def _check_names(key: str, given: Mapping[str, object], known: tuple[str, ...], what: str, report: Report) -> None:
    for name in given:
        if name not in known and known:
            close = nearest(name, known)
            cure = f"did you mean `{close}`?" if close else f"{what} is one of " + ", ".join(f"`{n}`" for n in known)
            fix = rename(name, [each for each in known if each not in given])
            message = f"`{name}` is not {what} of the model"
            report.add("NS707", ("data", key, name), message, key=True, help=cure, fix=fix)


def _check_columns(data: Data, found: Sequence[str], where: str, model: Model, said: set[str], report: Report) -> bool:
    """Every column that a feature or a target names is there, and every input and trained output has one.

    What is not in one file and not in another either is `said` once.
    """
    sound = True

    def new(what: str) -> bool:
        nonlocal sound
        known, sound = what in said, False
        said.add(what)
        return not known

    parts: list[tuple[str, Mapping[str, Feature | Target]]] = [("features", data.features), ("targets", data.targets)]
    for key, given in parts:
        for name, part in given.items():
            for at, column in enumerate(part.names):
                if column not in found and new(f"{key} {name} {column}"):
                    place: Path = ("data", key, name)
                    place = (*place, "columns", at) if part.columns else (*place, "column")
                    close = nearest(column, found)
                    shown = ", ".join(f"`{c}`" for c in found[:12]) + (" …" if len(found) > 12 else "")
                    cure = f"did you mean `{close}`?" if close else None
                    message = f"{where} has no column `{column}`; it has {shown}"
                    report.add("NS702", place, message, help=cure, fix=rename(column, found))
    for name in _left(data.features, model.inputs, found, data.dataset is not None and len(model.inputs) == 1):
        cure = f"add it: `features: {{{name}: {{column: …}}}}`"
        message = f"input `{name}` has no feature, and {where} no such column"
        if new(f"input {name}"):
            report.add("NS707", ("data",), message, key=True, help=cure)
    single = data.dataset is not None and len(model.outputs) == 1
    for name in _left(data.targets, model.outputs, found, single):
        loss = model.losses.get(name)
        if isinstance(loss, str) or (name in data.targets and not isinstance(loss, Unknown)):
            cure = f"add it: `targets: {{{name}: {{column: …}}}}`"
            message = f"output `{name}` has no target, and {where} no such column"
            if new(f"output {name}"):
                report.add("NS707", ("data",), message, key=True, help=cure)
    return sound


def _meant(given: Mapping[str, object], known: Sequence[str]) -> set[str]:
    """The inputs or outputs that a wrong name stands for: the nearest one, or the only one that is left."""
    strange = [name for name in given if name not in known]
    left = [name for name in known if name not in given]
    if len(strange) == len(left) == 1:
        return set(left)
    return {close for name in strange if (close := nearest(name, known)) is not None and close in left}


def _left(
    given: Mapping[str, Feature | Target], wanted: Mapping[str, object], found: Sequence[str], single: bool
) -> list[str]:
    """The inputs or outputs without a column: none is named, and none has their name."""
    meant = _meant(given, tuple(wanted))  # said already
    return [
        name
        for name in wanted
        if not (name in given and given[name].names) and name not in meant and name not in found and not single
    ]
