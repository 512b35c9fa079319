"""What a spec says about its data, held against the files, as far as the standard library can look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from netspec.catalog.nearest import nearest, rename
from netspec.diagnostics import Path, Report
from netspec.language.schema import Data, Feature, Source, Target
from netspec.probe.tables import ProbeError, columns

DATASET_COLUMNS = {
    "cifar10": ("image", "label"),
    "digits": ("image", "label"),
    "imdb": ("words", "label"),
    "mnist": ("image", "label"),
    "reuters": ("words", "label"),
}


def check_data(data: Data, inputs: tuple[str, ...], outputs: tuple[str, ...], folder: FilePath, report: Report) -> None:
    """Files exist (a warning where not), features and targets name inputs and outputs, columns are there."""
    _check_names("features", data.features, inputs, "an input", report)
    _check_names("targets", data.targets, outputs, "an output", report)
    sources: list[tuple[Path, Source]] = []
    if data.train is not None:
        sources.append((("data", "train"), data.train))
    if data.validation is not None and data.validation.source is not None:
        sources.append((("data", "validation"), data.validation.source))
    if data.test is not None:
        sources.append((("data", "test"), data.test))
    if data.dataset is not None:
        _check_columns(data, DATASET_COLUMNS[data.dataset], f"dataset `{data.dataset}`", inputs, outputs, report)
    for path, source in sources:
        missing = [(at, name) for at, name in _files(source) if not (folder / name).exists()]
        for at, name in missing:
            cure = "fit needs it; paths are relative to the spec"
            report.add("NS701", (*path, *at), f"`{name}` is not there", help=cure)
        if missing:
            continue
        try:
            found = columns(source, folder)
        except ProbeError as error:
            report.add(error.code, path, error.message)
            continue
        if found is not None:
            _check_columns(data, found, f"`{source.files[0]}`", inputs, outputs, report)


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
            report.add("NS707", ("data", key, name), f"`{name}` is not {what} of the model", key=True, help=cure, fix=fix)


def _check_columns(
    data: Data, found: tuple[str, ...], where: str, inputs: tuple[str, ...], outputs: tuple[str, ...], report: Report
) -> None:
    """Every column that a feature or a target names is there, and every input and output has one."""
    parts: list[tuple[str, Mapping[str, Feature | Target], tuple[str, ...]]] = [
        ("features", data.features, inputs),
        ("targets", data.targets, outputs),
    ]
    for key, given, wanted in parts:
        for name, part in given.items():
            for at, column in enumerate(part.names):
                if column not in found:
                    place: Path = ("data", key, name)
                    place = (*place, "columns", at) if part.columns else (*place, "column")
                    close = nearest(column, found)
                    shown = ", ".join(f"`{c}`" for c in found[:12]) + (" …" if len(found) > 12 else "")
                    cure = f"did you mean `{close}`?" if close else None
                    message = f"{where} has no column `{column}`; it has {shown}"
                    report.add("NS702", place, message, help=cure, fix=rename(column, found))
        if key == "features":
            meant = {nearest(name, wanted) for name in given if name not in wanted}  # said already
            for name in wanted:
                if (
                    name not in given
                    and name not in meant
                    and name not in found
                    and not (data.dataset and len(inputs) == 1)
                ):
                    cure = f"add it: `features: {{{name}: {{column: …}}}}`"
                    report.add(
                        "NS707",
                        ("data",),
                        f"input `{name}` has no feature, and {where} no such column",
                        key=True,
                        help=cure,
                    )
