"""`netspec rule`: what a code means, why it matters, an example that has it and the same example mended."""

from __future__ import annotations

import enum
import sys
from typing import Annotated

import typer

from netspec.cli.terminal import USAGE, color, complain, emit, verb, width


class Form(enum.StrEnum):
    """How pages are written."""

    text = "text"
    json = "json"
    markdown = "markdown"


@verb
def rule(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="CODE", help="Codes or names, in any case. Left out: one line for each there is."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="The pages of all codes, as in docs/checks.md.")] = False,
    format: Annotated[Form, typer.Option(help="How pages are written.")] = Form.text,
) -> None:
    """Example: netspec rule NS401

    Explain codes: why each matters, a spec that has it, what netspec says of that, and the same spec mended.
    """
    from netspec import rules
    from netspec.catalog.nearest import nearest
    from netspec.diagnostics import RULES
    from netspec.render import rules as render

    wanted, unknown = [], False
    for word in codes or ():
        code = rules.find(word)
        if code is not None:
            wanted.append(code)
            continue
        close = nearest(word, (*(each.name for each in RULES.values()), *RULES))
        complain(f"no code `{word}`", help=f"did you mean `{close}`?" if close else "`netspec rule` lists them all")
        unknown = True
    if unknown:
        raise typer.Exit(USAGE)
    if not wanted and not every:
        emit(
            render.listing_json()
            if format is Form.json
            else render.contents()
            if format is Form.markdown
            else render.listing(width=width(sys.stdout))
        )
        return
    pages = [rules.page(code) for code in (RULES if every else dict.fromkeys(wanted))]
    if format is Form.json:
        emit(render.pages_json(pages))
    elif format is Form.markdown:
        emit(render.book(pages) if every else "\n".join(render.markdown(page) for page in pages))
    else:
        shown = [render.text(page, color=color(sys.stdout), width=width(sys.stdout)) for page in pages]
        emit("\n\n".join(shown))
