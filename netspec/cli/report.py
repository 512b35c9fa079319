"""`netspec report`: writes the page of a run again, or one that compares several. Keras is imported for a look at a run
that kept none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.terminal import USAGE, complain, talk, verb
from netspec.cli.train import ForceOption, TrustOption


@verb
def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN|SPEC…", help="A run folder, or a spec for its latest finished run.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PAGE.html", help="Where it goes; RUN/report.html if left out."),
    ] = None,
    force: ForceOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec report runs/twitter/20261130T120000Z

    Write the page of a run again: its scores, curves, model, data, errors, spec and environment, in one file.

    Of several runs it is one page that compares them, which needs -o. A run that kept no look at its predictions is
    looked at anew, where its data are as they were.
    """
    from netspec import again, api

    folders = [api.find_run(run, trains=False) for run in runs]
    if out is None and len(folders) > 1:
        complain("a page on several runs needs a place", help="-o page.html")
        raise typer.Exit(USAGE)
    if out is not None and out.exists() and not force:
        complain(f"`{out}` exists", help="--force overwrites it")
        raise typer.Exit(USAGE)
    where = again.report(folders, out, trust=trust)
    talk(f"{where}: a page on {'a run' if len(folders) == 1 else f'{len(folders)} runs'}")
