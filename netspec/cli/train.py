"""`netspec build`, `fit`, `evaluate` and `predict`: the verbs that import Keras, inside the function that needs it."""

from __future__ import annotations

import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspec.cli.check import SetOption, Table
from netspec.cli.terminal import ERRORS, USAGE, color, complain, emit, talk, verb, width
from netspec.diagnostics import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netspec.graph.ir import Checked
    from netspec.pipeline import Analysis
    from netspec.runtime.model.build import BuildError

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN|SPEC", help="A run folder, or a spec, which stands for its latest finished run.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, results only.")]
TrustOption = Annotated[
    bool, typer.Option("--trust", help="Let the spec's own Python run: layers, losses, generators of rows and so on.")
]
BestOption = Annotated[bool, typer.Option("--best", help="The best weights of the run instead of the last.")]


class LogFormat(StrEnum):
    """How `fit` says what happens."""

    text = "text"
    json = "json"


@verb
def build(
    spec: Annotated[str, typer.Argument(help="A spec.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the model goes; <name>.keras if left out.")
    ] = None,
    settings: SetOption = None,
    force: ForceOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec build specs/mlp_softmax.yaml -o mlp.keras

    Compile the untrained model and save it; the file is read back to see that it is whole.
    """
    from netspec import pipeline

    analysis = pipeline.analyze(spec, overrides=settings or [])
    checked = sound(analysis)
    target = out or Path(f"{checked.name}.keras")
    if target.suffix != ".keras":
        complain(f"`{target}` does not end in .keras", help=f"-o {target.with_suffix('.keras')}")
        raise typer.Exit(USAGE)
    if target.exists() and not force:
        complain(f"`{target}` exists", help="--force overwrites it")
        raise typer.Exit(USAGE)
    from netspec.runtime.model import build as lowering
    from netspec.runtime.model import renaming
    from netspec.verdict import own_python

    try:
        with own_python(analysis, trust):
            size, parameters = lowering.save(checked, target)
    except lowering.BuildError as error:
        raise _placed(error, analysis) from None
    emit(f"{target}: {counted(parameters, 'parameter')}, {size:,} bytes")
    if not lowering.saves_training(checked):
        talk("note: losses, metrics and optimizer are not in the file, for some of them are Python of your own")
    for renamed in renaming.said(checked):
        talk(f"note: {renamed}")


@verb
def fit(
    spec: Annotated[str | None, typer.Argument(help="A spec; may be left out with --resume.")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run from its last checkpoint.")
    ] = None,
    settings: SetOption = None,
    epochs: Annotated[int | None, typer.Option(help="Short for --set fit.epochs=…")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Short for --set fit.batch_size=…")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set fit.seed=…")] = None,
    eager: Annotated[
        bool, typer.Option("--eager", help="Short for --set fit.eager=true: slow steps, whose errors name their layer.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Short for --set fit.tensorboard=true: curves for TensorBoard.")
    ] = False,
    dummy: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train on N generated examples instead of the spec's data.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/<name>/<UTC time> if left out.")] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
    trust: TrustOption = False,
    log: Annotated[
        LogFormat, typer.Option(help="json: what happens as JSON lines on stdout, the report at their end.")
    ] = LogFormat.text,
    report: Annotated[bool, typer.Option(help="Write report.html, a page on the run, into its folder.")] = True,
) -> None:
    """Example: netspec fit specs/twitter.yaml --epochs 3

    Train, and keep weights, features, history and metrics in a run folder.
    """
    from netspec import again, api

    short = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "eager": eager or None}
    short["tensorboard"] = tensorboard or None
    given = [*(settings or []), *api.settings(short)]
    if resume is not None and (dummy is not None or out is not None or force):
        complain(
            "--resume goes on in the run's own folder and on its own data", help="leave out --dummy, --out, --force"
        )
        raise typer.Exit(USAGE)
    if spec is None and resume is None:
        complain("fit needs a spec, or a run to go on with", help="netspec fit specs/twitter.yaml, or fit --resume RUN")
        raise typer.Exit(USAGE)
    from netspec import pipeline

    record = None
    if resume is not None:
        record, source, analysis = again.resumable(resume, spec, given)
    else:
        assert spec is not None
        analysis = pipeline.analyze(spec, overrides=given)
    checked = sound(analysis, told=spec is None)
    if resume is None:
        source = Path(str(spec)).read_bytes()
    from netspec.render import results
    from netspec.runtime.model import build as lowering
    from netspec.runtime.run import resuming, training
    from netspec.verdict import own_python

    going_on = None if record is None else resuming.resumed(record, checked)
    for note in going_on.notes if going_on is not None and not quiet else ():
        talk(note)
    heard = partial(_told, results.event) if log is LogFormat.json else None
    try:
        with own_python(analysis, trust, resume):
            result = training.fit(
                checked,
                source,
                dummy=dummy,
                out=out,
                force=force,
                quiet=quiet,
                command=sys.argv,
                resumed=going_on,
                heard=heard,
                of_run=api.of_run,
                report=report,
            )
    except lowering.BuildError as error:
        raise _placed(error, analysis) from None
    if heard is not None:
        heard(results.ended(result))
    else:
        emit(results.fit_report(result, width=width(sys.stdout)))


@verb
def reproduce(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option(help="The new run's folder; runs/<name>/<UTC time> if left out.")] = None,
    format: Annotated[Table, typer.Option(help="How the comparison is written.")] = Table.text,
    quiet: QuietOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec reproduce runs/twitter/20261130T120000Z

    Train a finished run again from its own spec, seed and data, and compare metrics and history; 1 if they differ.
    """
    from netspec import again, api

    folder = api.find_run(run)
    from netspec.render import results
    from netspec.runtime.run import reproducing, runs

    record = runs.load(folder)
    notes = reproducing.concerns(record)
    for note in notes:
        talk(f"note: {note}")
    found = again.trained_again(record, notes, out, quiet=quiet, trust=trust, command=sys.argv)
    emit(results.reproduction_json(found) if format is Table.json else results.reproduction_text(found))
    if not found.same:
        raise typer.Exit(ERRORS)


@verb
def evaluate(
    run: RunArgument,
    data: Annotated[str | None, typer.Option(help="A file of labelled rows instead of the run's test rows.")] = None,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; test, or else validation, if left out.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Scores for the rows of each value of a column, too.")
    ] = None,
    best: BestOption = False,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="The weights of the run's checkpoint instead of the last epoch's.")
    ] = False,
    bootstrap: Annotated[
        int, typer.Option(metavar="N", min=0, help="Draw rows so often for 95 % intervals; 0: no intervals.")
    ] = 200,
    format: Annotated[Table, typer.Option(help="How the metrics are written.")] = Table.text,
    trust: TrustOption = False,
) -> None:
    """Example: netspec evaluate specs/twitter.yaml --by weekday

    Metrics of a finished run on its test rows, by output, with 95 % intervals by the bootstrap.
    """
    from netspec import api
    from netspec.render import results

    found = api.evaluate(
        run, data=data, split=split, by=by or (), best=best, checkpoint=checkpoint, bootstrap=bootstrap, trust=trust
    )
    emit(
        results.evaluation_json(found)
        if format is Table.json
        else results.evaluation_text(found, width=width(sys.stdout))
    )


@verb
def predict(
    run: RunArgument,
    data: Annotated[Path, typer.Option(help="A file of raw rows: CSV, JSON Lines, Parquet, Arrow, NPZ; or a folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A .csv, .tsv, .jsonl, .parquet or .npz file; CSV to stdout if left out."),
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Carry a column of the data along.")] = None,
    best: BestOption = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec predict specs/twitter.yaml --data rows.csv --keep id -o predictions.csv

    One row of predictions for each row of the data, in order, prepared exactly as in that run's training.
    """
    from netspec import api

    folder = api.find_run(run)
    from netspec.runtime.run import inference
    from netspec.verdict import own_python, sound

    target = sys.stdout.buffer if out is None else out
    found = api.analysis_of(folder)
    checked = sound(found)
    with own_python(found, trust, folder):
        rows = inference.write_predictions(
            folder, checked, data, target, keep=keep or (), force=force, best=best, quiet=quiet
        )
    if out is None:
        sys.stdout.flush()
    else:
        talk(f"{out}: {counted(rows, 'row')}")


def _told(line: Callable[[Mapping[str, Any]], str], event: Mapping[str, Any]) -> None:
    emit(line(event))


def checked_spec(spec: str, settings: list[str] | None, needs: Sequence[str] | None = None) -> Checked:
    """The spec without an error, and the packages at hand that the verb `needs` (those of training, if left out).

    Findings go to stderr either way.
    """
    from netspec import pipeline

    return sound(pipeline.analyze(spec, overrides=settings or []), needs)


def sound(analysis: Analysis, needs: Sequence[str] | None = None, *, told: bool = False) -> Checked:
    """The same of a spec that has been analysed; `told`: of a run's, whose warnings were said when it was begun."""
    from netspec.render import findings

    if analysis.refusals and not (told and analysis.checked is not None):
        talk(findings.text(analysis.refusals, color=color(sys.stderr), width=width(sys.stderr)))
    if analysis.checked is None:
        raise typer.Exit(ERRORS)
    from netspec.runtime import engine

    engine.require(needs)
    return analysis.checked


def _placed(error: BuildError, analysis: Analysis) -> typer.Exit:
    """Show Keras's refusal at the part of the spec that it is about."""
    from netspec.diagnostics import Report
    from netspec.render import findings

    report = Report(analysis.document)
    report.add("NS408", error.path, f"Keras refuses this: {error}", help=error.help)
    talk(findings.text(report.diagnostics, color=color(sys.stderr), width=width(sys.stderr)))
    return typer.Exit(ERRORS)
