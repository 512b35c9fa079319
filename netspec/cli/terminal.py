"""Where words go (results to stdout, talk to stderr), and how every end of a verb becomes an exit code."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from netspec.errors import NetspecError

_F = TypeVar("_F", bound=Callable[..., Any])

ERRORS = 1  # findings, or a run that its spec or data stopped
USAGE = 2  # wrong usage, a path that cannot be read or written, a missing extra
NO_SPEC = 3
INTERNAL = 70
INTERRUPTED = 130


def prepare() -> None:
    """Streams that never fail on a character, and that are there even when the caller has closed them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def emit(text: str) -> None:
    """Write a result to stdout. A reader that has gone away ends the output, not the verb."""
    try:
        sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def talk(text: str) -> None:
    """Write to stderr what is not a result."""
    try:
        sys.stderr.write(text.rstrip("\n") + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody listens


def color(stream: Any) -> bool:
    """Whether the stream is a terminal that shows colours."""
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def width(stream: Any) -> int | None:
    """Columns of the terminal, None where the stream is no terminal."""
    if not stream.isatty():
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
        return max(columns, 20) if columns else 80  # 0: a terminal that does not know
    except OSError:
        return 80


def complain(message: str, code: str | None = None, help: str | None = None) -> None:
    """An error that has no place in a spec."""
    from netspec.diagnostics import printable

    talk(f"error{f'[{code}]' if code else ''}: {printable(message)}")
    if help:
        talk(f"  = help: {printable(help)}")


def verb(function: _F) -> _F:
    """A verb whose every end is an exit code and a sentence, never a traceback."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except NetspecError as error:
            if getattr(error, "diagnostics", None):
                talk(error.message)  # findings of a spec, laid out already
            else:
                complain(error.message, error.code, error.help)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            talk("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # the reader has gone away, which ends the output and is no failure
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
            raise typer.Exit from None
        except OSError as error:
            where = f"`{error.filename}`: " if error.filename else ""
            complain(f"{where}{error.strerror or error}")
            raise typer.Exit(USAGE) from None

    return run  # type: ignore[return-value]
