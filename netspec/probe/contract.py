"""What a spec says about its data, held against the files, as far as the standard library can look.

Whatever is refused here, fit would refuse; fit looks at all rows, this at the first 10,000.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from netspec.catalog.nearest import nearest, rename
from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.language.datasets import DATASETS
from netspec.language.names import PACKED, TEXTS, expanded, filled, is_pattern
from netspec.language.schema import TABLES, Data, Feature, Source, Target
from netspec.probe import held, vocabulary
from netspec.probe.leaks import check_labels
from netspec.probe.model import Looked, Model
from netspec.probe.tables import ProbeError, columns
from netspec.probe.twice import check_files

if TYPE_CHECKING:
    from netspec.probe.look import Parts

_BROKEN = (OSError, EOFError, zlib.error)  # what unpacking raises
_MOST_FILES = 3  # of one source are looked at
_MOST = 12  # columns that a message names
_SEPARATORS = {";": "`;`", "\t": "tabs", ",": "`,`", "|": "`|`"}


def check_data(data: Data, model: Model, folder: FilePath, report: Report) -> tuple[Looked, ...]:
    """Files exist (a warning where not), columns are there, and their first rows fit the model; how far it looked."""
    inputs, outputs = tuple(model.inputs), tuple(model.outputs)
    _check_names("features", data.features, inputs, "an input", {}, report)
    _check_names("augment", data.augment, inputs, "an input", {}, report)
    _check_names("targets", data.targets, outputs, "an output", model.steps, report)
    check_labels(data, model, report)
    check_files(data, folder, report)
    fed, taught = _meant(data.features, inputs), _meant(data.targets, outputs, model.steps)
    known = replace(  # what a misspelt name means has columns, which are not looked at
        model,
        inputs={name: tensor for name, tensor in model.inputs.items() if name not in fed},
        outputs={name: tensor for name, tensor in model.outputs.items() if name not in taught},
    )
    if data.train is not None and data.train.text:
        from netspec.probe import passages

        if len(known.inputs) < len(model.inputs):
            return ()  # a name is misspelt, which is said
        return passages.check(data, known, _each_file(data, folder, report), folder, report)
    vocabularies = vocabulary.read(data, folder, report)
    looked: list[Looked] = []
    taught_by: tuple[str, Sequence[str]] = ("", ())  # the file of the training rows, and its columns
    parts: Parts | None = None
    said: set[str] = set()
    if data.dataset is not None:
        found = DATASETS[data.dataset].columns
        where = f"dataset `{data.dataset}`"
        sound = held.check_columns(data, found, where, said, report)
        if _check_columns(data, found, where, model, said, report) and sound and inputs:
            from netspec.probe import look

            parts = look.parts(data, known, found, vocabularies)
            look.dataset(data, parts, report)
    files, needed = _each_file(data, folder, report), _needed(data, model)
    beside = Counter(path for path, _ in files)
    for path, source in files:
        try:
            header = _header(source, folder, needed)
        except ProbeError as error:
            beside[path] -= error.code == "NS704"
            if error.code == "NS704" and (beside[path] or len(expanded(_source(data, path), folder)) > _MOST_FILES):
                continue  # a part without rows, among others
            report.add(error.code, path, error.message, help=error.help)
            continue
        except _BROKEN as error:
            report.add("NS705", path, f"`{source.files[0]}` cannot be unpacked: {error}")
            continue
        if header is None:
            continue
        if not _headed(data, source, header, path, report):
            continue
        if path[1] == "train":
            taught_by = (source.files[0], header)
        elif not _as_taught(data, header, source.files[0], taught_by, path, report):
            continue
        where = f"`{source.files[0]}`"
        sound = _check_columns(data, header, where, model, said, report)
        if path[1] == "train":
            sound = held.check_columns(data, header, where, said, report) and sound
        if not sound or not inputs:
            continue
        from netspec.probe import look

        try:
            parts = parts or look.parts(data, known, header, vocabularies)
            looked += look.source(data, parts, source, header, path, folder, report)
        except ProbeError as error:
            report.add(error.code, path, error.message, help=error.help)
        except _BROKEN as error:
            report.add("NS705", path, f"`{source.files[0]}` cannot be unpacked: {error}")
    return tuple(looked)


def _header(source: Source, folder: FilePath, needed: frozenset[str]) -> tuple[str, ...] | None:
    """The columns of one file, None where it is not known whether all that are `needed` are there."""
    if source.kind in TEXTS and FilePath(source.files[0]).suffix.lower() in PACKED:
        from netspec.probe import packed

        packed.check(source.files[0], folder)
    if source.kind != "jsonl":
        return columns(source, folder)
    from netspec.probe import json_lines

    return json_lines.columns(source.files[0], folder, needed)


def _each_file(data: Data, folder: FilePath, report: Report) -> list[tuple[Path, Source]]:
    """Every source whose files are there, the files of one as sources of their own: the first few of them."""
    found: list[tuple[Path, Source]] = []
    for path, source in _sources(data):
        missing = [(at, name) for at, name in _files(source) if not os.path.exists(folder / name)]
        for at, name in missing:
            cure = "fit needs it" if FilePath(name).is_absolute() else "fit needs it; paths are relative to the spec"
            report.add("NS701", (*path, *at), f"`{name}` is not there", help=cure)
        if missing:
            continue
        if source.kind not in TABLES:
            found.append((path, source))
            continue
        files = filled(expanded(source, folder), source.kind, folder)
        if not files:
            cure = "fit needs one; paths are relative to the spec"
            report.add("NS701", (*path, source.kind), f"no file answers to `{source.files[0]}`", help=cure)
        found += [(path, source.model_copy(update={source.kind: (name,)})) for name in files[:_MOST_FILES]]
    return found


def _sources(data: Data) -> list[tuple[Path, Source]]:
    """Every table of rows in a file, the training rows first."""
    found: list[tuple[Path, Source]] = []
    if data.train is not None:
        found.append((("data", "train"), data.train))
    if data.validation is not None and data.validation.source is not None:
        found.append((("data", "validation"), data.validation.source))
    if data.test is not None and data.test.source is not None:
        found.append((("data", "test"), data.test.source))
    return found


def _source(data: Data, path: Path) -> Source:
    """The source that a place names."""
    return next(source for where, source in _sources(data) if where == path)


def _files(source: Source) -> list[tuple[Path, str]]:
    """Every file of a source, and where below the source it is named."""
    if source.npy:
        return [(("npy", column), name) for column, name in source.npy.items()]
    return [((source.kind,), name) for name in source.files if not is_pattern(name)]


def _check_names(
    key: str,
    given: Mapping[str, object],
    known: tuple[str, ...],
    what: str,
    public: Mapping[str, str],
    report: Report,
) -> None:
    """Every name is one of `known`; `public` has the name that a step goes by as an output."""
    for name in given:
        if name not in known and known:
            close = nearest(name, known)
            cure = f"did you mean `{close}`?" if close else f"{what} is one of " + ", ".join(f"`{n}`" for n in known)
            fix = rename(name, [each for each in known if each not in given])
            if name in public and not public[name]:
                cure, fix = f"list `{name}` under `outputs` if it is to be one", None
            elif public.get(name) in known:
                meant = public[name]
                cure = f"write `{meant}`, which is the name that `outputs` gives to `{name}`"
                fix = None if meant in given else (name, meant)
            message = f"`{name}` is not {what} of the model"
            report.add("NS707", ("data", key, name), message, key=True, help=cure, fix=fix)


def _as_taught(
    data: Data, header: Sequence[str], name: str, taught_by: tuple[str, Sequence[str]], path: Path, report: Report
) -> bool:
    """False for a file without columns that the training rows have: the file is wrong, not what names them."""
    lacks = [column for column in _named(data) if column in taught_by[1] and column not in header]
    if lacks:
        what = f"column{'s' * (len(lacks) > 1)} {_shown(lacks)}"
        message = f"`{name}` has no {what}, which `{taught_by[0]}` has; it has {_shown(header)}"
        report.add("NS702", path, message, help="the same columns must stand in both")
    return not lacks


def _named(data: Data) -> list[str]:
    """Every column that a feature or a target names, each once."""
    parts: list[Feature | Target] = [*data.features.values(), *data.targets.values()]
    return list(dict.fromkeys(column for part in parts for column in part.names))


def _shown(columns: Sequence[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns[:_MOST]) + (" …" if len(columns) > _MOST else "")


def _headed(data: Data, source: Source, header: Sequence[str], path: Path, report: Report) -> bool:
    """False for a text file without a header, or of one column that holds some that are named, otherwise separated."""
    name, wanted = source.files[0], _named(data)
    if source.kind not in ("csv", "tsv") or not {*wanted} - {*header}:
        return True
    from netspec.probe.cells import number

    if all(number(cell.strip()) is not None for cell in header):
        lacks = next(column for column in wanted if column not in header)
        message = f"`{name}` has no column `{lacks}`, because its first line, {_shown(header)}, is no header"
        report.add("NS702", path, message, help="write the columns' names above it")
        return False
    if len(header) > 1:
        return True
    for separator, word in _SEPARATORS.items():
        cells = [cell.strip().strip('"') for cell in header[0].split(separator)]
        if len(cells) > 1 and (named := [column for column in wanted if column in cells]):
            first = named[0]
            message = f"`{name}` has no column `{first}`, because its cells are separated by {word}"
            cure = f"write `{{csv: {name}, separator: {separator!r}}}`".replace("'", '"')
            report.add("NS702", path, message, help=cure)
            return False
    return True


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
                    cure = f"did you mean `{close}`?" if close else None
                    message = f"{where} has no column `{column}`; it has {_shown(found)}"
                    report.add("NS702", place, message, help=cure, fix=rename(column, found))
    for column, place in _weights(data, model):
        if column not in found and new(f"weight {column} {place}"):
            close = nearest(column, found)
            message = f"{where} has no column `{column}`, which is to weigh its rows"
            cure = f"did you mean `{close}`?" if close else None
            report.add("NS702", place, message, help=cure, fix=rename(column, found))
    for name in _left(data.features, model.inputs, found, data.dataset is not None and len(model.inputs) == 1):
        cure = f"add it: `features: {{{name}: {{column: …}}}}`"
        message = f"input `{name}` has no feature, and {where} no such column"
        if new(f"input {name}"):
            report.add("NS707", ("data",), message, key=True, help=cure)
    single = data.dataset is not None and len(model.outputs) == 1
    for name in _left(data.targets, model.outputs, found, single, model.steps):
        loss = model.losses.get(name)
        if isinstance(loss, str) or (name in data.targets and not isinstance(loss, Unknown)):
            cure = f"add it: `targets: {{{name}: {{column: …}}}}`"
            message = f"output `{name}` has no target, and {where} no such column"
            if new(f"output {name}"):
                report.add("NS707", ("data",), message, key=True, help=cure)
    return sound


def _needed(data: Data, model: Model) -> frozenset[str]:
    """Every column that fit may ask for: those that are named, and those of inputs and outputs by their own names."""
    inputs = {name for name in model.inputs if name not in data.features or not data.features[name].names}
    outputs = {name for name in model.outputs if name not in data.targets or not data.targets[name].names}
    weights = {column for column, _ in _weights(data, model)}
    return frozenset({*_named(data), *inputs, *outputs, *weights, *held.columns(data)})


def _weights(data: Data, model: Model) -> list[tuple[str, Path]]:
    """The columns of weights that fit reads, and where each is named."""
    own = {name: target.weight for name, target in data.targets.items() if target.weight is not None}
    places: list[tuple[str, Path]] = [(column, ("data", "targets", name, "weight")) for name, column in own.items()]
    if data.weight is not None and any(
        isinstance(loss, str) and name not in own for name, loss in model.losses.items()
    ):
        places.append((data.weight, ("data", "weight")))
    return places


def _meant(given: Mapping[str, object], known: Sequence[str], public: Mapping[str, str] | None = None) -> set[str]:
    """The inputs or outputs that a wrong name stands for: its public one, the nearest, or the only one that is left."""
    strange = [name for name in given if name not in known]
    left = [name for name in known if name not in given]
    if len(strange) == len(left) == 1:
        return set(left)
    other = public or {}
    named = (other[name] if name in other else nearest(name, known) for name in strange)
    return {name for name in named if name in left}


def _left(
    given: Mapping[str, Feature | Target],
    wanted: Mapping[str, object],
    found: Sequence[str],
    single: bool,
    public: Mapping[str, str] | None = None,
) -> list[str]:
    """The inputs or outputs without a column: none is named, and none has their name."""
    meant = _meant(given, tuple(wanted), public)  # said already
    return [
        name
        for name in wanted
        if not (name in given and given[name].names) and name not in meant and name not in found and not single
    ]
