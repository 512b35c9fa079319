"""The command line: `netspec VERB …`. Every verb is a few lines that call a plain function."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # looking for plugins costs more than checking a spec

import typer

import netspec
from netspec.cli import catalog, check, data, generate, report, rule, runs, schema, train
from netspec.cli.terminal import INTERNAL, INTERRUPTED, USAGE, complain, emit, prepare, talk

app = typer.Typer(
    name="netspec",
    help="Neural networks as short YAML specs: checked in an instant, then built, trained and evaluated with Keras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        emit(f"netspec {netspec.__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Neural networks as short YAML specs: checked in an instant, then built, trained and evaluated with Keras.

    Example: netspec validate specs/twitter.yaml
    """


app.command()(check.validate)
app.command()(check.summary)
app.command()(rule.rule)
app.command()(schema.schema)
app.command()(data.data)
app.command()(data.init)
app.command()(train.build)
app.command()(train.fit)
app.command()(train.reproduce)
app.command()(train.evaluate)
app.command()(train.predict)
app.command()(generate.generate)
app.command()(report.report)
app.add_typer(runs.app, name="runs")
app.command()(catalog.catalog)
for name in catalog.VERBS:
    app.command(name)(catalog.listing(name))


def main() -> None:
    """Run the command line; the process ends here, with one of the documented exit codes."""
    prepare()
    gc.set_threshold(100_000)  # what a verb imports stays to its end; looking through it again and again is wasted
    verbs = app.registered_commands
    # Typer makes a parser of every verb, most of a millisecond each: it need not for those that are not asked for.
    asked = [each for each in verbs if (each.name or getattr(each.callback, "__name__", "")) in sys.argv[1:2]]
    groups = app.registered_groups
    named = [each for each in groups if each.name in sys.argv[1:2]]
    if asked or named:
        app.registered_commands, app.registered_groups = asked, named
    try:
        app(prog_name="netspec")
    except KeyboardInterrupt:
        talk("interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:  # what is printed before a verb begins finds no room
        complain(error.strerror or str(error))
        sys.exit(USAGE)
    except Exception as error:
        if os.environ.get("NETSPEC_TRACEBACK"):
            raise
        complain(
            f"netspec failed: {type(error).__name__}: {error}",
            "NS901",
            "this is our fault; NETSPEC_TRACEBACK=1 shows where, for a report",
        )
        sys.exit(INTERNAL)
    finally:
        app.registered_commands, app.registered_groups = verbs, groups
        gc.freeze()  # the process ends: spare it a last look through all that it imported, a seventh of a `validate`
