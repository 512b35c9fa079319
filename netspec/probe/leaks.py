"""Labels that are features as well: in an input of their own output the answer is in the question.

What is rebuilt as a whole, as an autoencoder does, is no such mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from netspec.catalog.types import TensorType
from netspec.diagnostics import Path, Report
from netspec.language.schema import Data, Feature, Target
from netspec.probe import forms
from netspec.probe.model import Model, shown

_MANY = ("text", "sequence", "array", "multi_hot")  # kinds of which one cell holds many numbers


def check_labels(data: Data, model: Model, report: Report) -> None:
    """NS713: an error where an output's label is in an input that it is made from, elsewhere a warning."""
    taught = _labels(data, model)
    fed = {name: set(_columns(data.features.get(name), name)) for name in model.inputs}
    every = {column for columns in taught.values() for column in columns}
    if not any(every & columns for columns in fed.values()):
        return
    leaks: dict[tuple[str, str], list[str]] = {}  # (input, column) -> outputs that it spoils
    for output, columns in taught.items():
        inputs = sorted(model.made_from.get(output, ()))
        rebuilt = _whole(inputs, fed, every) and _many(inputs, fed, data, model)
        for name in inputs:
            own = fed[name] <= set(columns) and _many([name], fed, data, model)
            for column in columns if not (rebuilt or own) else ():
                if column in fed[name]:
                    leaks.setdefault((name, column), []).append(output)
    for (name, column), outputs in leaks.items():
        said = f"column {shown(column)} is the label of {_listed(outputs)}, and it is in input `{name}`, of which "
        said += f"{'the output is' if len(outputs) == 1 else 'the outputs are'} made"
        cure = f"leave {shown(column)} out of the feature: where the model is used, the label is not known"
        place = _at(data, name, column)
        report.add("NS713", place, said, key=len(place) == 1, help=cure, spans=_spans(data, outputs))
    if _whole(list(fed), fed, every):
        return
    for name, given in fed.items():
        feeds = [output for output, inputs in model.made_from.items() if name in inputs]
        for column in sorted(given & every):
            others = [output for output, labels in taught.items() if column in labels and output not in feeds]
            if others and feeds and (name, column) not in leaks:
                said = f"column {shown(column)} is the label of {_listed(others)} and a feature of {_listed(feeds)}"
                cure = f"where the model is used, {shown(column)} has to be known; is it the right column?"
                spans = _spans(data, others)
                place = _at(data, name, column)
                report.add("NS713", place, said, key=len(place) == 1, help=cure, spans=spans, severity="warning")


def _labels(data: Data, model: Model) -> dict[str, tuple[str, ...]]:
    """The columns of every output that is trained or has a target."""
    found = {}
    for name in model.outputs:
        target = data.targets.get(name)
        if target is not None or model.losses.get(name) is not None:
            found[name] = _columns(target, name)
    return found


def _columns(part: Feature | Target | None, name: str) -> tuple[str, ...]:
    return (part.names if part is not None else ()) or (name,)


def _whole(inputs: list[str], fed: dict[str, set[str]], labels: set[str]) -> bool:
    """Whether everything that comes in has to come out again."""
    return all(fed[name] <= labels for name in inputs)


def _many(inputs: list[str], fed: dict[str, set[str]], data: Data, model: Model) -> bool:
    """Whether more than a single value of a row comes in: of one, nothing is to be rebuilt."""
    if len(set[str]().union(*(fed[name] for name in inputs))) > 1:
        return True
    return any(_numbers(data.features.get(name), model.inputs[name]) > 1 for name in inputs)


def _numbers(feature: Feature | None, tensor: TensorType) -> float:
    """How many numbers a row of an input holds, as far as its columns have as many."""
    if feature is not None and any(getattr(feature, kind) for kind in _MANY):
        return math.inf
    if feature is not None and (feature.category or feature.hash or feature.bucket):
        return 1
    dims = forms.dims_of(tensor)
    return math.inf if dims is None or None in dims else math.prod(dim for dim in dims if dim is not None)


def _at(data: Data, name: str, column: str) -> Path:
    feature = data.features.get(name)
    if feature is None:
        return ("data",)
    path: Path = ("data", "features", name)
    return (*path, "columns", feature.columns.index(column)) if feature.columns else (*path, "column")


def _spans(data: Data, outputs: Iterable[str]) -> list[tuple[Path, str]]:
    return [(("data", "targets", name), f"the label of `{name}`") for name in outputs if name in data.targets]


def _listed(outputs: list[str]) -> str:
    named = ", ".join(f"`{name}`" for name in outputs)
    return f"output{'s' * (len(outputs) != 1)} {named}"
