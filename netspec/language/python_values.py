"""Values as Python writes them, `(3, 3)` and `None`: each is reported once and stands as what is meant, so that nothing
follows from it. A flow mapping cuts a tuple at its commas into keys without values, a flow list into items.
"""

from __future__ import annotations

import re
from typing import Any

from netspec.diagnostics import Path, Report

_SIGNS = re.compile(r"[:,\[-][ ]*(?:\(|None\b)")
_PART = re.compile(r"\s*(-?\d+|-?\d*\.\d+|None|null|)\s*")
_WORDS = frozenset(("data", "from", "vocabulary", "oov_token", "mask_token", "name"))  # a `None` below is a word
_LONGEST = 8


def mend(data: Any, text: str, report: Report) -> None:
    """Put lists and nulls in the place of Python's in `data`, the values of `text`; each is an error NS202.

    >>> class Said:
    ...     def add(self, code, path, message, **more):
    ...         print(message, more["help"])
    >>> spec = {"inputs": {"x": "(28", "28": None, "1)": None}}
    >>> mend(spec, "inputs: {x: (28, 28, 1)}", Said()), spec
    `(28, 28, 1)` is how Python writes a list write `[28, 28, 1]`
    (None, {'inputs': {'x': [28, 28, 1]}})
    """
    if _SIGNS.search(text) is None:
        return
    stack: list[tuple[Any, Path]] = [(data, ())]
    seen: set[int] = set()
    while stack:
        part, path = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            _mapping(part, path, report)
            stack.extend((part[name], (*path, name)) for name in part if name not in _WORDS)
        elif isinstance(part, list):
            _list(part, path, report)
            stack.extend((value, (*path, at)) for at, value in enumerate(part))


def _mapping(part: dict[str, Any], path: Path, report: Report) -> None:
    names = list(part)
    for at, name in enumerate(names):
        value = part.get(name)
        if value == "None" and name not in _WORDS:
            part[name] = None
            _no_none((*path, name), report)
        if not isinstance(value, str) or not value.startswith("("):
            continue
        cut = [value]
        for more in names[at + 1 : at + _LONGEST]:
            if cut[-1].endswith(")") or part[more] is not None:
                break
            cut.append(more)
        made = _tuple(cut)
        if made is not None:
            part[name] = made
            for more in cut[1:]:
                del part[more]
            _no_tuple(made, (*path, name), report)


def _list(part: list[Any], path: Path, report: Report) -> None:
    at = gone = 0
    while at < len(part):
        value = part[at]
        if value == "None":
            part[at] = None
            _no_none((*path, at + gone), report)
        elif isinstance(value, str) and value.startswith("("):
            last = next((n for n, each in enumerate(part[at : at + _LONGEST]) if str(each).endswith(")")), 0)
            made = _tuple([str(each) for each in part[at : at + last + 1]])
            if made is not None:
                part[at : at + last + 1] = [made]
                _no_tuple(made, (*path, at + gone), report)
                gone += last
        at += 1


def _tuple(cut: list[str]) -> list[Any] | None:
    """The values of a tuple that was cut at its commas; None where it is another text in brackets."""
    whole = ",".join(cut)
    if not (whole.startswith("(") and whole.endswith(")")):
        return None
    found = [_PART.fullmatch(each) for each in whole[1:-1].split(",")]
    if found and len(found) > 1 and found[-1] is not None and not found[-1][1]:
        found.pop()  # a comma behind the last value
    if not all(each is not None and each[1] for each in found):
        return None
    words = [each[1] for each in found if each is not None]
    return [None if word in ("None", "null") else float(word) if "." in word else int(word) for word in words]


def _no_tuple(made: list[Any], path: Path, report: Report) -> None:
    shown = ", ".join("None" if each is None else str(each) for each in made)
    written = shown.replace("None", "null")
    said = f"`({shown}{',' * (len(made) == 1)})` is how Python writes a list"
    report.add("NS202", path, said, help=f"write `[{written}]`")


def _no_none(path: Path, report: Report) -> None:
    report.add("NS202", path, "`None` is how Python writes null", help="write `null`", fix=("None", None))
