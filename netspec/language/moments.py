"""Dates and times in cells: what a format of `strptime` or ISO 8601 takes, as one pattern for the first look and fit.

A moment is a count of microseconds since 1970-01-01T00:00 UTC; a cell without an offset is taken as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = "(?P<z>Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
# A pattern that Python and RE2 read alike; the fraction of a second is cut after microseconds.
ISO = (
    "(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    "(?:[T ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?)?"
    f"(?: ?{_OFFSET})?"
)
_TWO = "[0-9]{1,2}"
_NAMES = "(?P<b>[A-Za-z]{3,9})"
DIRECTIVES = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": f"(?P<m>{_TWO})",
    "b": _NAMES,
    "B": _NAMES,
    "d": f"(?P<d>{_TWO})",
    "H": f"(?P<H>{_TWO})",
    "I": f"(?P<I>{_TWO})",
    "p": "(?P<p>[AaPp][Mm])",
    "M": f"(?P<M>{_TWO})",
    "S": f"(?P<S>{_TWO})",
    "f": "(?P<f>[0-9]{1,9})",
    "z": _OFFSET,
    "a": "[A-Za-z]{2,9}",
    "A": "[A-Za-z]{2,9}",
    "%": "%",
}
_WHOLE = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "R": "%H:%M"}  # what stands for several
FORMAT = f"^([^%]*%[{''.join((*DIRECTIVES, *_WHOLE))}])+[^%]*$"  # of a format as a whole, for editors
_FULL = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november")
NAMES = {name: at for at, name in enumerate((*_FULL, "december"), 1)} | {name: at for at, name in enumerate(MONTHS, 1)}


def pattern(format: str | None) -> str:
    """The pattern of a cell, with a group for each part that it names. Raises ValueError for what is no format.

    >>> pattern("%d.%m.%y")
    '(?P<d>[0-9]{1,2})\\\\.(?P<m>[0-9]{1,2})\\\\.(?P<y>[0-9]{2})'
    """
    if format is None:
        return ISO
    for sign, meant in _WHOLE.items():
        format = format.replace("%%", "\0").replace(f"%{sign}", meant).replace("\0", "%%")
    made = ""
    seen: set[str] = set()
    for found in re.finditer(r"%(.?)|(\s+)|([^%\s]+)", format, re.DOTALL):
        sign, space, text = found.groups()
        if sign is None:
            made += "[ \t]+" if space else re.escape(text)
            continue
        if sign not in DIRECTIVES:
            known = ", ".join(f"%{each}" for each in DIRECTIVES)
            raise ValueError(f"`%{sign}` is none of {known}, %F, %T and %R")
        names = set(re.findall(r"\?P<(\w)>", DIRECTIVES[sign]))
        if names & seen:
            raise ValueError(f"`%{sign}` stands there twice")
        seen |= names
        made += DIRECTIVES[sign]
    if not seen:
        raise ValueError("it names no part of a date or time, such as %Y")
    return made


@lru_cache(maxsize=8)
def _compiled(format: str | None) -> re.Pattern[str]:
    return re.compile(pattern(format))


def moment(cell: str, format: str | None = None) -> int | None:
    """The moment that a trimmed cell names, None where it names none.

    >>> moment("1970-01-02"), moment("1970-01-01T01:00:00+01:00"), moment("1.2.1970", "%d.%m.%Y"), moment("1970-02-30")
    (86400000000, 0, 2678400000000, None)
    """
    found = _compiled(format).fullmatch(cell)
    if found is None:
        return None
    part = {name: text for name, text in found.groupdict().items() if text}
    try:
        year = int(part.get("Y", 1970)) if "y" not in part else century(int(part["y"]))
        month = NAMES[part["b"].lower()] if "b" in part else int(part.get("m", 1))
        hour = int(part.get("H", 0))
        if "I" in part:
            twelve = int(part["I"])
            if not 1 <= twelve <= 12:
                return None
            hour = twelve % 12 + 12 * (part.get("p", "a").lower().startswith("p"))
        micro = int(part.get("f", "0")[:6].ljust(6, "0"))
        zone = timezone(timedelta(minutes=offset(part["z"]))) if "z" in part else UTC
        made = datetime(
            year, month, int(part.get("d", 1)), hour, int(part.get("M", 0)), int(part.get("S", 0)), micro, zone
        )
        return (made - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, KeyError, OverflowError):
        return None


def century(year: int) -> int:
    """A year of two digits, as POSIX reads it: 69 to 99 are of the last century.

    >>> century(68), century(69)
    (2068, 1969)
    """
    return year + (2000 if year < 69 else 1900)


def offset(zone: str) -> int:
    """Minutes east of Greenwich. Raises ValueError beyond a day.

    >>> offset("Z"), offset("+0530"), offset("-01:00"), offset("+02")
    (0, 330, -60, 120)
    """
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise ValueError(zone)
    return (-1 if zone[0] == "-" else 1) * (60 * int(digits[:2]) + int(digits[2:]))


def expected(format: str | None) -> str:
    """What a cell should be, in words.

    >>> expected(None), expected("%H:%M")
    ('a date such as `2024-05-31` or `2024-05-31T17:05:09`', 'a date as `%H:%M` has it')
    """
    return "a date such as `2024-05-31` or `2024-05-31T17:05:09`" if format is None else f"a date as `{format}` has it"
