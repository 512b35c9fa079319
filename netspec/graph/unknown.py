"""What is proposed in place of a name that Keras does not have, or has no longer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from netspec.catalog.nearest import fold, near
from netspec.diagnostics import printable


def replaced(name: str, cure: str, known: Sequence[str]) -> tuple[str, str] | None:
    """The fix for a name that Keras has dropped, where the cure is nothing but the name of today."""
    today = cure.removeprefix("use `").removesuffix("`")
    return (name, today) if cure == f"use `{today}`" and today in known else None


def or_operation(
    kind: str, name: str, close: str | None, cure: str, fix: tuple[str, str] | None
) -> tuple[str, tuple[str, str] | None]:
    """The cure and the fix for an unknown step: a layer, or an operation where that is nearer."""
    from netspec.catalog import operations  # for a mistake alone

    guess, meant = operations.near(name)
    if guess is None:
        return (cure if kind == "layer" else "`netspec ops` lists what can be written"), fix
    alike = fold(guess.rpartition(".")[2]) == fold(name.rpartition(".")[2])
    if kind == "op" or close is None or (alike and fold(close) != fold(name)):
        return f"did you mean `{guess}`?", None if meant is None else (name, meant)
    either = alike and name.islower()  # as operations are written
    return f"did you mean `{close}`, or the operation `{guess}`?" if either else cure, fix


def or_shared(
    name: str, shared: Collection[str], close: str | None, cure: str, fix: tuple[str, str] | None
) -> tuple[str, tuple[str, str] | None]:
    """The same where something under `shared` is meant.

    >>> or_shared("tower", ("tower",), None, "did you mean `ops.power`?", None)
    ('`tower` stands under `shared`, so it is called by `use: tower`', None)
    """
    meant = name if name in shared else near(name, shared) if close is None else None
    if meant is None:
        return cure, fix
    return f"`{printable(meant)}` stands under `shared`, so it is called by `use: {printable(meant)}`", None
