"""`netspec validate` and `netspec summary`: the verbs that never need Keras (but for `--exact`)."""

from __future__ import annotations

import enum
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.terminal import ERRORS, INTERNAL, NO_SPEC, USAGE, color, complain, emit, talk, verb, width
from netspec.errors import NetspecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netspec.diagnostics import Diagnostic, Suppressed
    from netspec.pipeline import Analysis
    from netspec.probe.model import Looked
    from netspec.render.findings import Failure

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
    github = "github"
    sarif = "sarif"
    junit = "junit"


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
    trust: Annotated[
        bool, typer.Option("--trust", help="With --exact: let the specs' own Python run, which nothing else here does.")
    ] = False,
    settings: SetOption = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="Report these alone: NS401, NS4 (all that start so), unused-step; a,b."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="CODES", help="Do not report these.")] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the safe cures into the files, such as misspelt names; comments stay.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix changes; alone, nothing is written.")] = False,
    error_on_warning: Annotated[bool, typer.Option("--error-on-warning", help="Exit with 1 on warnings too.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    skip_others: Annotated[
        bool, typer.Option("--skip-others", help="Pass over named files that are no spec, as in folders.")
    ] = False,
    hide_ignored: Annotated[
        bool, typer.Option("--hide-ignored", help="Say nothing of findings that comments in the spec ignore.")
    ] = False,
) -> None:
    """Example: netspec validate specs/twitter.yaml

    Check specs: all mistakes of all files at once, each with its place and the way out, without importing Keras.

    Exit codes: 0 no error, 1 errors, 2 wrong usage or a path that cannot be read, 3 no spec found.
    """
    outcome, cures = _Outcome(), None
    try:
        from netspec.cli import selection

        codes = selection.wanted(select or (), ignore or ())
    except NetspecError as error:
        outcome.fail(USAGE, error.message, help=error.help)
    else:
        cures = Cures(codes, fix, diff) if fix or diff else None
        outcome.check(paths or [], settings or [], exact, skip_others, cures, trust)
        outcome.keep(codes, hide_ignored)
    if not outcome.files and not outcome.failures and not skip_others:
        help = "a spec is a YAML mapping with `inputs` and `layers`; name a file or a folder"
        outcome.fail(NO_SPEC, "no spec found", help=help)
    if cures is not None and cures.count:
        talk(cures.summary())
    shown = cures.diffs if cures is not None and diff else outcome.shown(format, error_on_warning)
    if shown:
        emit(shown)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    unwritten = cures is not None and cures.count > 0 and not fix
    if not exit_zero and (unwritten or not outcome.valid or (error_on_warning and outcome.diagnostics)):
        raise typer.Exit(ERRORS)


@dataclass(slots=True)
class Cures:
    """What `--fix` and `--diff` do with the findings of these codes, and what they have done so far."""

    codes: frozenset[str]
    write: bool
    show: bool
    count: int = 0
    files: int = 0
    diffs: str = ""

    def apply(self, name: str, analysis: Analysis, settings: list[str]) -> Analysis:
        """Cure one file. What is left of its findings is in the analysis, of the text as it then stands.

        What is wrong only under `settings` is not cured: without them the file is sound.
        """
        from netspec import fixing, pipeline

        folder = None if name == "-" else os.path.dirname(os.path.abspath(name))

        mark = "\ufeff" if analysis.document.lead else ""

        def again(text: str, settings: Sequence[str] = ()) -> Analysis:
            return pipeline.analyze_text(mark + text, overrides=settings, shown=analysis.file, folder=folder)

        done = fixing.fixed(again(analysis.document.text) if settings else analysis, again, self.codes)
        if not done.count:
            return analysis
        if self.write and name == "-":
            raise NetspecError("standard input cannot be mended in place", help="`--diff` shows what would change")
        if self.write:
            try:
                fixing.write(name, done)
            except ValueError as error:
                raise NetspecError(f"`{name}`: {error}", help="run it again") from None
            except OSError as error:
                why = (error.strerror or "unknown reason").lower()
                raise NetspecError(f"`{name}`: not writable; {why}", help="`--diff` shows what would change") from None
        self.diffs += fixing.diff(analysis.file, done)
        self.count += done.count
        self.files += 1
        return again(done.after, settings) if settings else done.analysis

    def summary(self) -> str:
        """`mended 3 mistakes in 2 files`."""
        counts = [(self.count, "mistake"), (self.files, "file")]
        mistakes, files = (f"{number} {word}{'s' * (number > 1)}" for number, word in counts)
        return f"{'mended' if self.write else 'would mend'} {mistakes} in {files}"


@dataclass(slots=True)
class _Outcome:
    """What a run of `validate` has found so far, and what kept it from looking."""

    files: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    looked: list[tuple[str, Looked]] = field(default_factory=list)
    exit_code: int = 0

    @property
    def valid(self) -> bool:
        """True if all was checked and there is no error."""
        return not self.failures and not any(each.severity == "error" for each in self.diagnostics)

    def fail(
        self, exit_code: int, message: str, file: str | None = None, code: str | None = None, help: str | None = None
    ) -> None:
        """Say on stderr, and note for the report, what could not be done."""
        from netspec.render.findings import Failure

        self.exit_code = max(self.exit_code, exit_code)
        if not any(each.message == message for each in self.failures):  # what is missing is missing for every file
            complain(message, code, help)
            self.failures.append(Failure(message, file, code, help))

    def check(
        self,
        paths: list[str],
        settings: list[str],
        exact: bool,
        skip_others: bool,
        cures: Cures | None,
        trust: bool = False,
    ) -> None:
        """Look at every file; one that cannot be looked at does not keep the others from it."""
        from netspec.cli import find

        for name in find.specs(paths, skip_others):
            analysis = None
            try:
                analysis = _analyzed(name, settings)
                if cures is not None:
                    analysis = cures.apply(name, analysis, settings)
                if exact and analysis.checked is not None:
                    analysis = _exact(analysis, trust)
            except NetspecError as error:
                self.fail(error.exit_code, error.message, name, error.code, error.help)
            except OSError as error:  # the current folder is gone, for one
                self.fail(USAGE, f"`{name}`: {(error.strerror or 'unknown reason').lower()}", name)
            except Exception as error:
                if os.environ.get("NETSPEC_TRACEBACK"):
                    raise
                help = "this is our fault; NETSPEC_TRACEBACK=1 shows where, for a report"
                self.fail(INTERNAL, f"netspec failed: {type(error).__name__}: {error}", name, "NS901", help)
            if analysis is not None:
                self.files.append(analysis.file)
                self.diagnostics += analysis.diagnostics
                self.suppressed += analysis.suppressed
                self.looked += [(analysis.file, each) for each in analysis.looked]

    def keep(self, codes: frozenset[str], hide_ignored: bool) -> None:
        """Drop what is of another code, and what comments ignore if it shall be hidden."""
        self.diagnostics = [each for each in self.diagnostics if each.code in codes]
        left_out = () if hide_ignored else self.suppressed
        self.suppressed = [each for each in left_out if each.diagnostic.code in codes]

    def shown(self, format: Format, strict: bool) -> str:
        """The report, as it goes to stdout."""
        from netspec.render import findings

        found, left_out, failures = self.diagnostics, self.suppressed, self.failures
        match format:
            case Format.concise:
                return findings.concise(found)
            case Format.json:
                return findings.json_report(self.files, found, self.valid, left_out, failures, self.looked)
            case Format.github:
                from netspec.render.github import github

                return github(found, failures)
            case Format.sarif:
                from netspec import __version__
                from netspec.render.sarif import sarif

                return sarif(self.files, found, left_out, failures, version=__version__)
            case Format.junit:
                from netspec.render.junit import junit

                return junit(self.files, found, left_out, failures, strict=strict)
            case Format.text:
                said = findings.text(found, color=color(sys.stdout), width=width(sys.stdout))
                said += findings.summary(self.files, found, len(left_out)) if self.files else ""
                said = findings.with_looked(said, [each for _, each in self.looked])
                errors = [each for each in found if each.severity == "error"]
                if errors and sys.stdout.isatty():
                    which = "error" if len(errors) == 1 else "first error"
                    said = f"{said.rstrip()}\n`netspec rule {errors[0].code}` explains the {which}\n"
                return said


def _analyzed(name: str, settings: list[str]) -> Analysis:
    from netspec import pipeline

    if name == "-":
        return pipeline.analyze_text(_standard_input(), overrides=settings)
    return pipeline.analyze(name, overrides=settings)


def _standard_input() -> bytes:
    from netspec.language.decode import MAX_BYTES

    if sys.stdin is None:
        raise NetspecError("standard input is closed", help="name a file, or send a spec to netspec")
    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1)  # no further: what comes may have no end
    except OSError as error:
        raise NetspecError(f"standard input: {(error.strerror or 'unknown reason').lower()}") from None


def _exact(analysis: Analysis, trust: bool) -> Analysis:
    """The analysis with what Keras itself says."""
    from netspec.diagnostics import Report
    from netspec.runtime import trusted
    from netspec.runtime.model import exact

    assert analysis.checked is not None
    report = Report(analysis.document)
    with trusted.trusting(trust):
        exact.verify(analysis.checked, report)
    return analysis.with_more(report)


@verb
def summary(
    spec: Annotated[
        str | None, typer.Argument(help="A spec, or - for standard input. Left out: one line for each spec found.")
    ] = None,
    format: Annotated[Table, typer.Option(help="How the summary is written.")] = Table.text,
    batch_size: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Count activations for batches of N, not of the spec's own size."),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Example: netspec summary specs/vqa.yaml

    Print every step with its inputs, output shape, dtype, parameters and FLOPs, whether it is trained, and what all
    of it takes in memory. Nothing is built, so size does not matter.
    """
    from netspec.diagnostics import ERROR
    from netspec.render import findings
    from netspec.render import summary as render

    if spec is None:
        _list(format, settings or [], batch_size)
        return
    analysis = _analyzed(spec, settings or [])
    if analysis.refusals:
        talk(findings.text(analysis.refusals, color=color(sys.stderr), width=width(sys.stderr)))
    typed, errors = analysis.typed, [each for each in analysis.refusals if each.severity == ERROR]
    if typed is None or any(each.code != "NS602" for each in errors):  # what costs too much can still be shown
        raise typer.Exit(ERRORS)
    size = batch_size or analysis.batch_size
    plan = None if analysis.checked is None else analysis.checked.training
    if format is Table.json:
        emit(render.as_json(typed, size, plan))
    else:
        emit(render.as_text(typed, width(sys.stdout), size, plan))
    if analysis.checked is None:
        raise typer.Exit(ERRORS)


def _list(format: Table, settings: list[str], batch_size: int | None) -> None:
    """One line for each spec below specs/ or the current folder."""
    import shlex

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
        size = batch_size or analysis.batch_size
        reports.append(render.as_json(analysis.checked.typed, size, analysis.checked.training))
    if not names:
        complain("no spec found", help="a spec is a YAML mapping with `inputs` and `layers`; name a file")
        raise typer.Exit(NO_SPEC)
    if format is Table.json:
        emit("[" + ",\n".join(reports) + "]")
    elif len(rows) > 1:
        emit("\n".join(render.table(rows, right=frozenset({2}), width=width(sys.stdout))))
    for name in broken:
        named = f"./{name}" if name.startswith("-") else name
        complain(f"`{name}` has errors", help=f"netspec validate {shlex.quote(named)}")
    if broken:
        raise typer.Exit(ERRORS)
