"""What of two plain values differs, part by part: specs, most of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MISSING = object()
_LONG = 60


@dataclass(frozen=True)
class Difference:
    """The smallest part that differs: where it is, what it was, and what it is; MISSING where it is not there."""

    path: tuple[str, ...]
    was: Any
    now: Any

    @property
    def said(self) -> str:
        """As in `fit.batch_size was 32, and is 64`."""
        return f"{'.'.join(self.path)} was {shown(self.was)}, and is {shown(self.now)}"


def shown(value: Any) -> str:
    """A value in a line that is not long.

    >>> shown(MISSING), shown([1, "é"])
    ('not there', '[1, "é"]')
    """
    if value is MISSING:
        return "not there"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}…"


def differences(was: Any, now: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """The smallest parts of two plain values that differ; a key that is null is as good as none.

    >>> [each.said for each in differences({"a": [1, 2], "b": None}, {"a": [1, 3], "c": {"d": 1}})]
    ['a.1 was 2, and is 3', 'c was not there, and is {"d": 1}']
    """
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*was, *now)):
            yield from differences(was.get(key), now.get(key), (*path, str(key)))
    elif isinstance(was, list) and isinstance(now, list):
        yield from _listed(was, now, path)
    elif was != now or type(was) is not type(now):
        yield Difference(path, MISSING if was is None else was, MISSING if now is None else now)


def _listed(was: list[Any], now: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    """Between what is the same at both ends, one by one; what has no counterpart is not there."""
    short = min(len(was), len(now))
    first = next((at for at in range(short) if was[at] != now[at]), short)
    same = next((at for at in range(short - first) if was[-1 - at] != now[-1 - at]), short - first)
    for at in range(first, max(len(was), len(now)) - same):
        one, other = (each[at] if at < len(each) - same else MISSING for each in (was, now))
        if MISSING in (one, other):
            yield Difference((*path, str(at)), one, other)
        else:
            yield from differences(one, other, (*path, str(at)))
