"""Which codes `--select` and `--ignore` leave: exact codes, the beginnings of codes (NS4) and names (unused-step)."""

from __future__ import annotations

from collections.abc import Iterable

from netspec.diagnostics import RULES
from netspec.errors import NetspecError


def wanted(select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
    """The codes to report: those selected (all, if none is), without those ignored.

    >>> sorted(wanted(["NS31,unused-step"], ["ns310", "NS313"]))
    ['NS307', 'NS311', 'NS312', 'NS314', 'NS315', 'NS316']

    Raises:
        NetspecError: a word names no code.
    """
    selected, ignored = _codes("--select", select), _codes("--ignore", ignore)
    return frozenset(RULES if selected is None else selected) - (ignored or frozenset())


def _codes(option: str, lists: Iterable[str]) -> frozenset[str] | None:
    """The codes that comma-separated words name; None where the option is not given."""
    given = list(lists)
    words = [word.strip() for each in given for word in each.split(",") if word.strip()]
    if given and not words:
        raise NetspecError(f"`{option}` names no code", help=f"for example `{option} NS306,NS4`")
    found: set[str] = set()
    for word in words:
        start, name = word.upper(), word.lower().replace("_", "-")
        codes = [rule.code for rule in RULES.values() if rule.name == name or _starts(rule.code, start)]
        if not codes:
            raise NetspecError(f"`{option}`: there is no code `{word[:60]}`", help=_near(word))
        found.update(codes)
    return frozenset(found) if given else None


def _starts(code: str, start: str) -> bool:
    return len(start) >= 2 and code.startswith(start)


def _near(word: str) -> str:
    from netspec.catalog.nearest import nearest

    close = nearest(word, (*(rule.name for rule in RULES.values()), *RULES))
    return f"did you mean `{close}`?" if close else "`netspec rule` lists them all; NS4 stands for all of shapes"
