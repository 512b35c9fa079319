"""`netspec data` and `netspec init`: they read tables and build nothing, so TensorFlow is not imported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.check import SetOption, Table
from netspec.cli.terminal import USAGE, complain, emit, talk, verb, width
from netspec.cli.train import ForceOption, TrustOption, checked_spec

_NEEDS = ("numpy", "pyarrow", "rich")


@verb
def data(
    spec: Annotated[str, typer.Argument(help="A spec.")],
    rows: Annotated[int, typer.Option(metavar="N", min=0, help="How many prepared examples to show.")] = 3,
    format: Annotated[Table, typer.Option(help="How it is written.")] = Table.text,
    plot: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write a page of pictures too; it needs no network.")
    ] = None,
    settings: SetOption = None,
    force: ForceOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec data specs/twitter.yaml

    What the model will see: the rows of each part, columns, labels, lengths of texts, and some prepared examples.

    A line that starts with `warning:` says what a person should look at; the exit code is 0 all the same.
    """
    from netspec.runtime import engine

    checked = checked_spec(spec, settings, _NEEDS)
    if checked.data is not None and checked.data.dataset is not None:
        engine.require()  # Keras and scikit-learn bring the data sets
    if plot is not None:
        _check_free(plot, force, (".html", ".htm"))
    from netspec.render import survey as render
    from netspec.runtime import trusted
    from netspec.runtime.run.concerns import concerns
    from netspec.runtime.run.survey import survey

    with trusted.trusting(trust):
        found = survey(checked, rows=rows, quiet=False)
    said = concerns(found)
    if plot is not None:
        from netspec.render.page import page
        from netspec.runtime.run.runs import whole

        with whole(plot) as temporary:
            temporary.write_text(page(found, said), encoding="utf-8")
    emit(render.as_json(found, said) if format is Table.json else render.text(found, said, width=width(sys.stdout)))
    if plot is not None:
        talk(f"{plot}: a page of pictures")


@verb
def init(
    table: Annotated[
        str,
        typer.Argument(help="A CSV, TSV, JSON Lines, Parquet, Arrow or NPZ file, a pattern, or a folder of images."),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="A column to predict; may be said again."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the spec goes; standard output if left out.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The spec's name; the file's if left out.")] = None,
    separator: Annotated[
        str | None, typer.Option(help="What stands between cells, where a CSV file's first line does not tell.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Example: netspec init rows.csv --target liked -o liked.yaml

    Write a first spec for a table: its columns as inputs, a small model, losses; each choice with a comment.

    Of a folder of images the classes are predicted, which are the folders in it.

    It validates and trains as it stands. What it left out, and why, stands in it too.
    """
    from netspec import api

    if out is not None:
        _check_free(out, force, (".yaml", ".yml"))
    text = api.first_spec(table, target or (), out=out, name=name, separator=separator, quiet=False)
    if out is None:
        emit(text)
        return
    from netspec.runtime.run import runs

    runs.write(out, text.encode())
    import shlex

    talk(f"{out}: a first spec; train it with: netspec fit {shlex.quote(str(out))}")


def _check_free(path: Path, force: bool, suffixes: tuple[str, ...]) -> None:
    """Before anything is read: a place that can be written, and where nothing is lost, the data least of all."""
    if path.suffix.lower() not in suffixes:
        complain(f"`{path}` does not end in {suffixes[0]}")
        raise typer.Exit(USAGE)
    if path.is_dir() or not path.parent.is_dir():
        complain(f"`{path}` is a folder" if path.is_dir() else f"`{path}`: there is no folder `{path.parent}`")
        raise typer.Exit(USAGE)
    if path.exists() and not force:
        complain(f"`{path}` exists", help="--force overwrites it")
        raise typer.Exit(USAGE)
