"""`netspec layers`, `losses`, `ops` and the like, and `netspec catalog`: what a spec can hold, without Keras."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.terminal import USAGE, color, complain, emit, verb, width

if TYPE_CHECKING:
    from netspec.catalog import Entry

# Verb -> the kind that it lists, in words, and a name to try.
VERBS = {
    "layers": ("layer", "layers", "Conv2D"),
    "cells": ("cell", "cells, the time steps of recurrent layers", "LSTMCell"),
    "ops": ("op", "operations of keras.ops", "ops.mean"),
    "losses": ("loss", "losses", "Huber"),
    "metrics": ("metric", "metrics", "AUC"),
    "optimizers": ("optimizer", "optimizers", "Adam"),
    "schedules": ("schedule", "schedules of the learning rate", "CosineDecay"),
    "initializers": ("initializer", "initializers of weights", "HeNormal"),
    "regularizers": ("regularizer", "regularizers of weights", "L2"),
    "constraints": ("constraint", "constraints on weights", "MaxNorm"),
    "activations": ("activation", "activation functions", "relu"),
    "callbacks": ("callback", "callbacks", "EarlyStopping"),
}


class Form(enum.StrEnum):
    """How the catalogue is written."""

    text = "text"
    json = "json"


@verb
def catalog(
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="For every layer and operation, whether its output and weights are known."),
    ] = False,
    format: Annotated[Form, typer.Option(help="How it is written.")] = Form.text,
) -> None:
    """Example: netspec catalog --coverage

    Print what netspec knows of Keras: the version, how much of each kind can be written in a spec, and what cannot.
    """
    from netspec.render import catalog as render

    if not coverage:
        from netspec.catalog.installed import installed

        emit(render.counts_json(installed()) if format is Form.json else render.counts(VERBS, installed()))
        return
    from netspec import coverage as asked

    answers = asked.answers()
    emit(render.coverage_json(answers) if format is Form.json else render.coverage(answers, width(sys.stdout)))


def listing(name: str) -> Callable[..., None]:
    """The verb of that name in VERBS."""
    _, plural, example = VERBS[name]

    @verb
    def show(
        names: Annotated[
            list[str] | None, typer.Argument(metavar="NAME", help="Names to explain. Left out: one line for each.")
        ] = None,
        format: Annotated[Form, typer.Option(help="How it is written.")] = Form.text,
    ) -> None:
        _show(name, names or [], format)

    show.__doc__ = f"""Example: netspec {name} {example}

    List the {plural} that a spec can use, or explain some: arguments, defaults, what each accepts, an example.
    """
    return show


def _show(name: str, asked: list[str], format: Form) -> None:
    from netspec.render import catalog as render

    kind = VERBS[name][0]
    if not asked:
        emit(render.listing_json(kind) if format is Form.json else render.listing(kind, name, width(sys.stdout)))
        return
    found = [entry for word in asked if (entry := _find(kind, word)) is not None]
    if len(found) == len(asked):
        from netspec import coverage

        pages = [(entry, coverage.answer(entry)) for entry in found]
        if format is Form.json:
            emit(render.pages_json(pages))
        else:
            emit("\n\n".join(render.page(*page, color=color(sys.stdout), width=width(sys.stdout)) for page in pages))
        return
    raise typer.Exit(USAGE)


def _find(kind: str, word: str) -> Entry | None:
    """The entry of that name, or a word on what was meant instead."""
    from netspec import catalog
    from netspec.catalog import OPS, legacy
    from netspec.catalog.nearest import nearest

    entry = catalog.find(kind, word) or (catalog.find(kind, OPS + word) if kind == "op" else None)
    if entry is not None:
        return entry
    what, shown = "operation" if kind == "op" else kind, word[:80]
    gone = legacy.renamed(kind, word)
    elsewhere = next((verb for verb, (other, *_) in VERBS.items() if catalog.find(other, word) is not None), None)
    close = nearest(word.removeprefix(OPS), [each.removeprefix(OPS) for each in catalog.identifiers(kind)])
    full = OPS + close if close and kind == "op" else close
    if elsewhere is not None:
        complain(f"`{shown}` is no {what}", help=f"netspec {elsewhere} {shown}")
    else:
        verb = next(verb for verb, (other, *_) in VERBS.items() if other == kind)
        lists = f"`netspec {verb}` lists them all"
        complain(f"no {what} `{shown}`", help=gone or (f"did you mean `{full}`?" if full else lists))
    return None
