"""`netspec validate` and `netspec summary`: the verbs that never need Keras (but for `--exact`)."""

from __future__ import annotations

import enum
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.terminal import ERRORS, NO_SPEC, USAGE, color, complain, emit, talk, verb, width

if TYPE_CHECKING:
    from netspec.diagnostics import Diagnostic
    from netspec.pipeline import Analysis

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Lay a value over the spec: fit.epochs=3, vars.width=8, layers[2].Dense.units=64.",
    ),
]


class Format(enum.StrEnum):
    """How findings are written."""

    text = "text"
    concise = "concise"
    json = "json"


class Table(enum.StrEnum):
    """How a summary is written."""

    text = "text"
    json = "json"


@verb
def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, or - for standard input. Left out: what is below specs/, else the current folder."
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="How findings are written.")] = Format.text,
    exact: Annotated[
        bool, typer.Option("--exact", help="Also build the model in Keras, without allocating weights.")
    ] = False,
    settings: SetOption = None,
    error_on_warning: Annotated[bool, typer.Option("--error-on-warning", help="Exit with 1 on warnings too.")] = False,
) -> None:
    """Example: netspec validate specs/twitter.yaml

    Check specs: all mistakes of all files at once, each with its place and the way out, without importing Keras.

    Exit codes: 0 no error, 1 errors, 2 wrong usage or a path that cannot be read, 3 no spec found.
    """
    from netspec.cli import find
    from netspec.diagnostics import ERROR
    from netspec.language.source import SourceError
    from netspec.render import findings

    diagnostics: list[Diagnostic] = []
    read: list[str] = []
    unreadable = False
    for name in find.specs(paths or []):
        try:
            analysis = _analyzed(name, settings or [])
        except SourceError as error:
            complain(error.message)
            unreadable = True
            continue
        read.append(analysis.file)
        diagnostics += analysis.diagnostics
        if exact and analysis.checked is not None:
            diagnostics += _exact(analysis)
    valid = not unreadable and not any(each.severity == ERROR for each in diagnostics)
    if format is Format.json:
        emit(findings.json_report(read, diagnostics, valid and bool(read)))
    elif format is Format.concise:
        if diagnostics:
            emit(findings.concise(diagnostics))
    else:
        if diagnostics:
            emit(findings.text(diagnostics, color=color(sys.stdout), width=width(sys.stdout)))
        if read:
            emit(findings.summary(read, diagnostics))
    if unreadable:
        raise typer.Exit(USAGE)
    if not read:
        complain("no spec found", help="a spec is a YAML mapping with `inputs` and `layers`; name a file or a folder")
        raise typer.Exit(NO_SPEC)
    if not valid or (error_on_warning and diagnostics):
        raise typer.Exit(ERRORS)


def _analyzed(name: str, settings: list[str]) -> Analysis:
    from netspec import pipeline

    if name == "-":
        return pipeline.analyze_text(sys.stdin.buffer.read(), overrides=settings)
    return pipeline.analyze(name, overrides=settings)


def _exact(analysis: Analysis) -> tuple[Diagnostic, ...]:
    """What Keras itself says, beyond what was found already."""
    from netspec.diagnostics import Report
    from netspec.runtime.model import exact

    assert analysis.checked is not None
    report = Report(analysis.document)
    exact.verify(analysis.checked, report)
    return report.diagnostics


@verb
def summary(
    spec: Annotated[
        str | None, typer.Argument(help="A spec, or - for standard input. Left out: one line for each spec found.")
    ] = None,
    format: Annotated[Table, typer.Option(help="How the summary is written.")] = Table.text,
    settings: SetOption = None,
) -> None:
    """Example: netspec summary specs/vqa.yaml

    Print every step with its inputs, output shape, dtype and parameters. Nothing is built, so size does not matter.
    """
    from netspec.render import findings
    from netspec.render import summary as render

    if spec is None:
        _list(format, settings or [])
        return
    analysis = _analyzed(spec, settings or [])
    if analysis.diagnostics:
        talk(findings.text(analysis.diagnostics, color=color(sys.stderr), width=width(sys.stderr)))
    if analysis.checked is None:
        raise typer.Exit(ERRORS)
    emit(
        render.as_json(analysis.checked.typed)
        if format is Table.json
        else render.as_text(analysis.checked.typed, width(sys.stdout))
    )


def _list(format: Table, settings: list[str]) -> None:
    """One line for each spec below specs/ or the current folder."""
    from netspec.cli import find
    from netspec.render import summary as render

    rows = [("spec", "inputs → outputs", "parameters")]
    reports = []
    broken = []
    names = find.specs([])
    for name in names:
        analysis = _analyzed(name, settings)
        if analysis.checked is None:
            broken.append(name)
            continue
        rows.append(render.as_line(analysis.checked.name, analysis.checked.typed))
        reports.append(render.as_json(analysis.checked.typed))
    if not names:
        complain("no spec found", help="a spec is a YAML mapping with `inputs` and `layers`; name a file")
        raise typer.Exit(NO_SPEC)
    if format is Table.json:
        emit("[" + ",\n".join(reports) + "]")
    elif len(rows) > 1:
        emit("\n".join(render.table(rows, right=frozenset({2}), width=width(sys.stdout))))
    for name in broken:
        complain(f"`{name}` has errors", help=f"netspec validate {os.fspath(name)}")
    if broken:
        raise typer.Exit(ERRORS)
