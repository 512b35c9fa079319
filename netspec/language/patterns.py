"""`freeze` and `optimizers`: names and patterns of layers, `model/step` inside nested models.

`*` stands for any letters, `?` for one and `[ab]` for one of these, none of them for the `/` between a model and its
steps.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report

_MOST = 50  # patterns with `*` or `?` in `freeze`, and entries of `optimizers`: each is held against every name
LONGEST_PATTERN = 1_000
_WILD = frozenset("*?[")


def freezing(raw: Any, report: Report) -> tuple[tuple[str, Path], ...]:
    """The names and patterns of `freeze`, one alone or a list; what is none is reported."""
    at: Path = ("freeze",)
    if raw is None:
        return ()
    pairs = [((*at, index), value) for index, value in enumerate(raw)] if isinstance(raw, list) else [(at, raw)]
    found = tuple((value, path) for path, value in pairs if _is_one(value, path, report))
    if sum(wild(value) for value, _ in found) > _MOST:
        report.add("NS104", at, f"`freeze` takes at most {_MOST} patterns with `*` or `?`", key=True)
        return ()
    return found


def rates(raw: Any, report: Report) -> Mapping[str, Any] | None:
    """The entries of `optimizers` by their patterns; None where there are none."""
    at: Path = ("optimizers",)
    if raw is None:
        return None
    if not isinstance(raw, dict):
        cure = 'for example `optimizers: {"encoder*": {learning_rate: 1e-5}}`'
        if isinstance(raw, str):
            cure = f"`optimizer: {describe(raw)}` is the one of all layers"
        message = f"`optimizers` is a mapping from names or patterns to optimizers, got `{describe(raw)}`"
        report.add("NS202", at, message, help=cure)
        return None
    if len(raw) > _MOST:
        report.add("NS104", at, f"`optimizers` takes at most {_MOST} entries", key=True)
        return None
    return {key: value for key, value in raw.items() if _is_one(key, (*at, key), report, key=True)}


def wild(pattern: str) -> bool:
    """Whether it may match more than one name."""
    return not _WILD.isdisjoint(pattern)


def parts(pattern: str) -> tuple[re.Pattern[str] | str, ...]:
    """What each name from the outside in must be: a name itself, or an expression that matches it.

    >>> [part if isinstance(part, str) else bool(part.match("conv_1")) for part in parts("vision/conv_*")]
    ['vision', True]
    """
    return tuple(re.compile(fnmatch.translate(part)) if wild(part) else part for part in pattern.split("/"))


def _is_one(value: Any, path: Path, report: Report, *, key: bool = False) -> bool:
    if isinstance(value, str) and value:
        if len(value) <= LONGEST_PATTERN:
            return True
        report.add(
            "NS202", path, f"a pattern has at most {LONGEST_PATTERN:,} characters, this one {len(value):,}", key=key
        )
        return False
    got = "an empty text" if value == "" else f"`{describe(value)}`"
    cure = 'for example `encoder`, or `"encoder*"` in quotes'
    if path == ("freeze",) and isinstance(value, bool):
        cure = '`freeze: "*"` is every layer' if value else "leave it out"
    elif path == ("freeze",) and isinstance(value, dict):
        cure = "write a list: " + f"`freeze: [{', '.join(map(str, value))}]`"[:80]
    report.add("NS202", path, f"expected the name of a step or a pattern, got {got}", key=key, help=cure)
    return False
