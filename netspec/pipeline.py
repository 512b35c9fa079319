"""The compiler's front half from end to end: the only file that knows the order of the stages.

bytes -read-> Document -parse-> Spec -resolve-> Graph -infer-> TypedGraph -lint-> Checked
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from netspec.diagnostics import Diagnostic, Report
from netspec.graph.infer import infer
from netspec.graph.ir import Checked, TypedGraph
from netspec.graph.lint import lint
from netspec.graph.resolve import resolve
from netspec.graph.training import declared_outputs, training
from netspec.language import overrides, source, variables
from netspec.language.parse import parse
from netspec.language.source import Document
from netspec.probe.contract import check_data


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of one spec without Keras.

    `checked` is there only if no error was found; `typed` is there as soon as the graph could be resolved.
    """

    file: str
    document: Document
    diagnostics: tuple[Diagnostic, ...]
    typed: TypedGraph | None
    checked: Checked | None

    @property
    def ok(self) -> bool:
        """True if there is no error; warnings do not count."""
        return self.checked is not None


def analyze(path: str | os.PathLike[str], *, overrides: Sequence[str] = (), shown: str | None = None) -> Analysis:
    """Check the spec at `path` without importing Keras.

    Args:
        path: a YAML file.
        overrides: settings such as `"fit.epochs=3"`, laid over the file before it is checked.
        shown: the file's name in messages; `path` if left out.

    Returns:
        An `Analysis`; its `diagnostics` are sorted by line and column.

    Raises:
        netspec.SourceError: the file is missing, unreadable or no regular file.
    """
    document, report = source.read(path, shown)
    return _analyze(document, report, overrides, os.path.dirname(os.path.abspath(path)))


def analyze_text(
    text: str | bytes,
    *,
    overrides: Sequence[str] = (),
    shown: str = "<stdin>",
    folder: str | None = None,
    look_at_data: bool = True,
) -> Analysis:
    """Check a spec that is in memory; relative paths in it are relative to `folder` (the current one if left out).

    Without `look_at_data` the files under `data` are not looked at.
    """
    document, report = source.read_text(text, shown)
    return _analyze(document, report, overrides, folder or os.getcwd(), look_at_data)


def _analyze(
    document: Document, report: Report, settings: Sequence[str], folder: str, look_at_data: bool = True
) -> Analysis:
    if document.data is None:
        return Analysis(document.file, document, report.diagnostics, None, None)
    if settings:
        document = overrides.apply(document, settings, report)
        report.locator = document
    data = _with_variables(document, settings, report)
    spec = parse(data, document.file, report)
    if spec is None:
        return Analysis(document.file, document, report.diagnostics, None, None)
    graph = resolve(spec.model, spec.name, tuple(spec.variables), report)
    resolved = report.ok
    typed = infer(graph, report)
    plan = training(spec, typed, report)
    if resolved:
        lint(spec, typed, report)
    if spec.data is not None and look_at_data:
        inputs = () if spec.model.open else tuple(graph.inputs)
        check_data(spec.data, inputs, declared_outputs(spec, graph), FilePath(folder), report)
    checked = None
    if report.ok and graph.outputs:
        checked = Checked(spec.name, typed, plan, spec.data, spec.fit, folder, data)
    return Analysis(document.file, document, report.diagnostics, typed, checked)


def _with_variables(document: Document, settings: Sequence[str], report: Report) -> Any:
    """The data of a document with every `$variable` replaced."""
    data = document.data
    if not isinstance(data, dict):
        return data
    if data.get("vars") is None and "$" not in document.text and not any("$" in text for text in settings):
        return data
    values = variables.declared(data, report)
    rest = {key: value for key, value in data.items() if key != "vars"}
    replaced = variables.substituted(rest, values, (), report)
    return {key: values if key == "vars" and values else replaced.get(key, data[key]) for key in data}
