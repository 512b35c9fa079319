"""Writes what netspec prints into the pages below netspec/rules, and docs/checks.md from them.

`python tools/make_checks.py` runs every example (those that need Keras take seconds); codes as arguments run theirs
alone, `--check` says whether docs/checks.md is current (exit code 1 if not) and runs nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from netspec import pipeline, rules
from netspec.catalog.installed import other
from netspec.catalog.shapes.rule import RULES as SHAPES
from netspec.catalog.types import Inferred, TensorType, Weights
from netspec.cli.main import app
from netspec.cli.main import main as netspec
from netspec.diagnostics import RULES
from netspec.graph import infer
from netspec.render.rules import book
from netspec.rules import SPEC, Page

CHECKS = Path(__file__).resolve().parent.parent / "docs" / "checks.md"
_SAID = re.compile(r"(?<=^```console bad\n)(\$ [^\n]*\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def _fault() -> Any:
    """An assumption of ours that does not hold."""
    return mock.patch.object(pipeline, "infer", side_effect=ZeroDivisionError("division by zero"))


@contextlib.contextmanager
def _disagreement() -> Iterator[None]:
    """A rule of ours that gives another shape than Keras."""
    wrong = Inferred((TensorType((None, 7)),), Weights(147, 0))
    with mock.patch.dict(SHAPES, {"Dense": lambda ask: wrong}), mock.patch.object(infer, "_known", {}):
        yield


@contextlib.contextmanager
def _older_keras() -> Iterator[None]:
    """A Keras whose Dense has an argument less."""
    import keras

    refusal = TypeError("Dense.__init__() got an unexpected keyword argument 'lora_rank'")
    with mock.patch.object(keras.layers, "Dense", side_effect=refusal):
        yield


@contextlib.contextmanager
def _newer_keras() -> Iterator[None]:
    """A Keras that is newer than the catalogue."""
    from netspec.runtime import engine

    said = other("3.99.0")
    with mock.patch.object(engine, "other", lambda version: said), mock.patch.object(engine, "_told", False):
        yield


# What must be so for a finding that no spec alone can bring about.
SCENES: dict[str, Callable[[], Any]] = {
    "NS408": _older_keras,
    "NS409": _disagreement,
    "NS604": _newer_keras,
    "NS901": _fault,
}


def needs_keras(page: Page) -> bool:
    """Whether the page's command imports Keras."""
    return not page.command.startswith(("netspec validate", "netspec summary")) or "--exact" in page.command


def printed(page: Page, *, good: bool = False, command: str = "") -> tuple[int, str]:
    """The exit code and all that a page's command prints of its bad or its good spec, the files beside it."""
    command = command or (page.good_command if good else page.command)
    scene = contextlib.nullcontext if good else SCENES.get(page.code, contextlib.nullcontext)
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(SPEC).write_bytes(page.good.encode() if good else page.bad.encode(page.encoding))
        for name, content in page.files:
            Path(name).write_text(content, encoding="utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), scene():
            status = _status(shlex.split(command))
    return status, out.getvalue()


def _status(words: list[str]) -> int:
    verbs = mock.patch.object(app, "registered_commands", app.registered_commands)  # `main` keeps only the one it runs
    with verbs, mock.patch.object(sys, "argv", words):
        try:
            netspec()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def written(page: Page) -> str:
    """The page's text with what its command prints now."""
    _, said = printed(page)
    return _SAID.sub(lambda found: found[1] + said.rstrip("\n") + "\n", page.text)


def main() -> int:
    """Write the pages that are named (all, if none is), then docs/checks.md; or only compare."""
    asked = sys.argv[1:]
    if asked != ["--check"]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        for code in asked or RULES:
            rules.file(code).write_text(written(rules.page(code)), encoding="utf-8")
    new = book([rules.page(code) for code in RULES])
    if asked == ["--check"]:
        current = CHECKS.read_text(encoding="utf-8") == new
        print(f"{CHECKS.name} is {'current' if current else 'stale: make pages writes it'}")
        return not current
    CHECKS.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
