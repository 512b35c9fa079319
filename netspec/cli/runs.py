"""`netspec runs`: lists run folders, shows what tells two apart, takes them away. Keras is not imported."""

from __future__ import annotations

import enum
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from netspec.cli.check import Table
from netspec.cli.terminal import ERRORS, USAGE, complain, emit, talk, verb, width

_AGO = re.compile(r"(\d{1,6})\s*([mhdw])\Z")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
FormatOption = Annotated[Table, typer.Option(help="How it is written.")]


class State(enum.StrEnum):
    """What a run can be found to be."""

    running = "running"
    killed = "killed"
    interrupted = "interrupted"
    failed = "failed"
    finished = "finished"
    damaged = "damaged"


class _Listing(TyperGroup):
    """A group whose verb is `list` where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`runs`, `runs FOLDER` and `runs --name x` are `runs list …`."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["list", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_Listing, name="runs", no_args_is_help=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback()
def group() -> None:
    """Example: netspec runs --state finished

    List runs, the latest first; `diff` shows what tells two apart, `remove` takes some away.
    """


@app.command("list")
@verb
def list_(
    folders: Annotated[list[Path] | None, typer.Argument(help="Where to look; runs/ if left out.")] = None,
    name: Annotated[str | None, typer.Option(help="Runs of specs of this name, or of names that fit `mlp*`.")] = None,
    state: Annotated[list[State] | None, typer.Option(help="Runs that are in this state; may be said again.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Runs begun since: 2026-11-30, 2026-11-30T12:00 (UTC), 36h, 7d.")
    ] = None,
    format: FormatOption = Table.text,
) -> None:
    """Example: netspec runs --name twitter --since 7d

    List the runs below runs/, the latest first.

    A run is killed if it says that it is running and nobody writes it.
    """
    from netspec.render import runs as render
    from netspec.runtime.run import listing

    start = None if since is None else _moment(since)
    missing = [folder for folder in folders or () if not folder.is_dir()]
    if missing:
        complain(f"`{missing[0]}` is no folder")
        raise typer.Exit(USAGE)
    found = listing.found(folders or [Path("runs")], name=name, states=[*(state or ())], since=start)
    emit(render.list_json(found) if format is Table.json else render.list_text(found, width=width(sys.stdout)))


@app.command()
@verb
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    format: FormatOption = Table.text,
) -> None:
    """Example: netspec runs diff runs/twitter/20261130T120000Z runs/twitter/20261130T130000Z

    What tells two runs apart: their specs, data files, versions and seeds, and their metrics side by side.
    """
    from netspec.render import runs as render
    from netspec.runtime.run import comparing

    found = comparing.compared(a, b)
    emit(render.diff_json(found) if format is Table.json else render.diff_text(found, width=width(sys.stdout)))


@app.command()
@verb
def remove(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Run folders.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Example: netspec runs remove runs/twitter/20261130T120000Z

    Take runs away: the files that a run wrote, and its folder where nothing else lies in it.

    A run that is being written stays, and so do all others then.
    """
    from netspec.render import runs as render
    from netspec.runtime.run import removing

    found = [removing.doomed(run) for run in dict.fromkeys(runs)]
    if not yes:
        talk(render.doomed_text(found))
        if not sys.stdin or not sys.stdin.isatty():
            complain("nobody can be asked here, so nothing is taken away", help="--yes takes them away unasked")
            raise typer.Exit(USAGE)
        talk(f"take away {len(found)} run{'' if len(found) == 1 else 's'}? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            talk("nothing is taken away")
            raise typer.Exit(ERRORS)
    for each in found:
        removing.remove(each.path)
    talk(f"took away {len(found)} run{'' if len(found) == 1 else 's'}:\n{render.doomed_text(found)}" if yes else "done")


def _moment(text: str) -> datetime:
    """A moment, or so long ago."""
    ago = _AGO.match(text.strip())
    try:
        if ago:
            return datetime.now(UTC) - timedelta(minutes=int(ago[1]) * _MINUTES[ago[2]])
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        complain(f"`--since {text}` is no moment", help="say 2026-11-30, 2026-11-30T12:00, 36h or 7d")
        raise typer.Exit(USAGE) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
