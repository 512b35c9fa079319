"""How large the parts of a spec may be: above that it is none, and checking it would cost seconds and memory.

Looked at only where a text holds very many values; the time to check the largest spec within is a few seconds.
"""

from __future__ import annotations

from typing import Any

from netspec.diagnostics import Path, Report
from netspec.language.document import Document

MOST_STEPS = 60_000  # of all its models together, every `repeat` written out
_MANY = 10_000  # values that are written; a text with fewer, and without aliases, is within all limits
_MOST_ENTRIES = 10_000
_MOST_VARIABLES = 100_000
_LISTS = frozenset(("from", "outputs", "callbacks", "metrics", "losses", "columns", "name"))


def within(document: Document, report: Report) -> bool:
    """Whether a spec keeps the limits; what does not is reported."""
    if len(document.positions.kind) < _MANY and not document.positions.target:
        return True
    before, steps = len(report), 0
    stack: list[tuple[Any, Path]] = [(document.data, ())]
    while stack:
        part, path = stack.pop()
        if part.__class__ is dict:
            most = _MOST_VARIABLES if path == ("vars",) else _MOST_ENTRIES
            if len(part) > most:
                where = f"`{path[-1]}`" if path else "a spec"
                report.add("NS104", path, f"{where} has at most {most:,} keys, this one {len(part):,}", key=True)
            elif path != ("vars",):
                stack += [(value, (*path, key)) for key, value in part.items() if value.__class__ in (dict, list)]
            continue
        if path[-1] == "layers":
            steps += len(part)
            if steps > MOST_STEPS:
                report.add("NS104", path, f"a spec has at most {MOST_STEPS:,} steps, this one more", key=True)
                return False
        elif path[-1] in _LISTS and len(part) > _MOST_ENTRIES:
            message = f"`{path[-1]}` has at most {_MOST_ENTRIES:,} entries, this one {len(part):,}"
            report.add("NS104", path, message, key=True)
            continue
        stack += [(value, (*path, at)) for at, value in enumerate(part) if value.__class__ in (dict, list)]
    return len(report) == before
