"""`netspec generate`: text from a run, written to stdout as it comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.terminal import emit, talk, verb
from netspec.cli.train import BestOption, QuietOption, RunArgument, TrustOption
from netspec.diagnostics import counted, printable

if TYPE_CHECKING:
    from netspec.runtime.run.generating import Generated

_MOST = 20  # unknown tokens that are shown


@verb
def generate(
    run: RunArgument,
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "",
    length: Annotated[int, typer.Option(min=1, help="How many characters or words to write.")] = 200,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Below 1 likelier tokens become likelier still; 0 takes the likeliest.")
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="One seed, one text; drawn if left out.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Draw from the N likeliest tokens alone.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="Which output to draw from, where several would do.")] = None,
    best: BestOption = False,
    quiet: QuietOption = False,
    trust: TrustOption = False,
) -> None:
    """Example: netspec generate specs/char_lstm.yaml --prompt "The old miller" --temperature 0.5 --seed 1

    Go on with a text, for a run whose output is a distribution over the tokens of its text input.
    """
    from netspec import api

    terminal = sys.stdout.isatty()
    begun = False

    def heard(piece: str) -> None:
        nonlocal begun
        text = piece if begun else prompt + piece
        sys.stdout.write(_shown(text) if terminal else text)  # a file gets the text as it is
        begun = True
        if terminal:
            sys.stdout.flush()

    try:
        found = api.generate(
            run,
            prompt,
            length=length,
            temperature=temperature,
            seed=seed,
            top_k=top_k,
            output=output,
            best=best,
            heard=heard,
            trust=trust,
        )
    finally:
        if begun:
            emit("")
    if not quiet:
        _tell(found)


def _shown(text: str) -> str:
    """Text as a terminal may show it: ends of lines and tabs stay, what else moves or hides text is escaped."""
    return "".join(char if char in "\n\t" else printable(char) for char in text)


def _tell(found: Generated) -> None:
    """On stderr what is not the text: unknown tokens once, how fast it was, and the seed."""
    if found.unknown:
        shown = ", ".join(f"`{printable(token)}`" for token in found.unknown[:_MOST])
        more = f" and {len(found.unknown) - _MOST} more" if len(found.unknown) > _MOST else ""
        talk(f"note: the run has not learned {shown}{more}, so the model sees them as unknown")
    rate = f", {(found.tokens - 1) / found.seconds:,.0f} a second" if found.tokens > 1 and found.seconds else ""
    talk(f"{counted(found.tokens, found.by.removesuffix('s'))}{rate}, seed {found.seed}")
