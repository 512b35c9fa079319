"""Amounts as people write them in a budget: `5M` numbers, `500MB` of memory; 1000 bytes are a kB, 1024 a KiB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNTS = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTES = {
    "B": 1,
    **dict.fromkeys(("kB", "KB"), 10**3),
    **{unit + "B": 10 ** (3 * at) for at, unit in enumerate("MGT", start=2)},
    **{unit + "iB": 2 ** (10 * at) for at, unit in enumerate("KMGT", start=1)},
}
_LONGEST = 40


def amount(value: Any, units: Mapping[str, int]) -> int | None:
    """A whole number above 0, as it is or with one of the units; None where it is no such thing.

    >>> amount("1.5M", COUNTS), amount("2 GiB", BYTES), amount(1e6, COUNTS)
    (1500000, 2147483648, 1000000)
    >>> amount("5m", COUNTS), amount("5", COUNTS), amount(True, COUNTS), amount(0.5, BYTES)
    (None, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value > 0 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and value > 0 else None
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    number, unit = _split(value)
    if unit not in units or number is None:
        return None
    whole, _, part = number.partition(".")
    found = int(whole + part) * units[unit] // 10 ** len(part)
    return found if found > 0 else None


def cure(value: Any, units: Mapping[str, int]) -> str | None:
    """What was likely meant by an amount that is none.

    >>> cure("5m", COUNTS), cure("7B", COUNTS), cure("500M", BYTES), cure("5,000", COUNTS), cure("5", COUNTS)
    ('did you mean `5M`?', 'did you mean `7G`?', 'did you mean `500MB`?', 'write `5000`', 'remove the quotes: `5`')
    """
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    number, unit = _split(value.strip().replace(",", "").replace("_", ""))
    if number is None:
        return None
    if unit == "":
        return f"remove the quotes: `{number}`" if number == value.strip() else f"write `{number}`"
    folded = unit.lower()
    meant = next((each for each in units if each.lower() in (folded, folded.removesuffix("b"), folded + "b")), None)
    if units is COUNTS:
        meant = {"b": "G", "bn": "G", "gb": "G", "mb": "M", "kb": "k", "tb": "T"}.get(folded, meant)
    return f"did you mean `{number}{meant}`?" if meant else None


def _split(text: str) -> tuple[str | None, str]:
    """The number at the start of a text, None where there is none, and the unit behind it."""
    end = next((at for at, char in enumerate(text) if char not in "0123456789."), len(text))
    number, unit = text[:end], text[end:]
    good = number.count(".") < 2 and number[:1].isdecimal() and number[-1:].isdecimal()
    return number if good else None, unit.removeprefix(" ")
