"""The parts of a date: how many numbers each becomes, and where those that go round begin and end."""

from __future__ import annotations

from collections.abc import Sequence

# The first number of a part that goes round, and after how many it begins anew.
ROUND = {
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "weekday": (0, 7),
    "yearday": (1, 366),
    "hour": (0, 24),
    "minute": (0, 60),
    "second": (0, 60),
}


def width(parts: Sequence[str], cyclic: bool) -> int:
    """Numbers in a row of one column.

    >>> width(("year", "month"), False), width(("year", "month"), True)
    (2, 3)
    """
    return sum(2 if cyclic and part in ROUND else 1 for part in parts)
