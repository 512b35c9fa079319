"""What a cell of a text file may say: a number, a word for a missing one, a list of whole numbers.

One grammar for the first look and for fit, so that neither takes what the other refuses. Every pattern is linear.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

MISSING = ("", "na", "n/a", "nan", "-nan", "null", "none")  # of a number, in any case
WORDS = {"true": 1.0, "false": 0.0}
NO_MARK = "\0"  # in place of a point where the decimal mark is a comma
OPEN_QUOTE = "a quote that belongs to a text in quotes is written twice"
NO_ARRAY = "write each row as an object on a line of its own, without `[`, `]` and commas around"
MOST = 2**63 - 1  # the largest number in a list: it becomes an int64

_NUMBER = re.compile(r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+", re.ASCII)
_LIST = re.compile(r"\s*+\[?+\s*+(?:\d++(?:(?:\s*+[,;]\s*+|\s++)\d++)*+)?+\s*+\]?+\s*+", re.ASCII)
SPACE = r"[ \t\n\r\f\v]"
_ITEM = r"(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:-?nan|null|none|n/a|na))"
BETWEEN = rf"(?:{SPACE}*[,;]{SPACE}*|{SPACE}+)"
# Lists of numbers, for Python and RE2; a list that is broken off costs no more than its length.
ARRAY = rf"\[?{SPACE}*(?:{_ITEM}(?:{BETWEEN}{_ITEM})*)?{SPACE}*\]?"
_ARRAY, _ITEMS = re.compile(ARRAY), re.compile(_ITEM)
_WHOLE = re.compile(r"\d+", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def separates(char: str) -> bool:
    """Whether a character can stand between cells: any of ASCII that ends no line and quotes nothing.

    >>> separates(";"), separates("\\t"), separates('"'), separates("é")
    (True, True, False, False)
    """
    return char.isascii() and char not in '"\r\n\0'


def open_quote(lines: Iterable[str], separator: str) -> int:
    """In which line of a record, from 0, its last cell in double quotes begins: the one that swallows what follows.

    >>> open_quote(['1,"a\\n', 'b",2,"c\\n', "3,4\\n"], ",")
    1
    """
    begins, inside = 0, False
    for number, line in enumerate(lines):
        at, fresh = 0, not inside  # at the start of a cell
        while True:
            if inside:
                at = line.find('"', at)
                if at < 0:
                    break
                twice = line[at + 1 : at + 2] == '"'
                at, inside = at + 1 + twice, twice
            elif fresh and line[at : at + 1] == '"':
                begins, inside, at = number, True, at + 1
            else:
                at = line.find(separator, at) + 1
                if not at:
                    break
                fresh = True
                continue
            fresh = False
    return begins


def is_missing(cell: str) -> bool:
    """Whether a trimmed cell says that there is no number.

    >>> is_missing(""), is_missing("NaN"), is_missing("0")
    (True, True, False)
    """
    return len(cell) < 5 and cell.lower() in MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """A trimmed cell as a number, infinite where it is beyond a double; None where it is none. With a decimal comma a
    point is no mark, for it may stand between thousands.

    >>> number("1e3"), number("TRUE"), number("1_000"), number("inf"), number("1,5", ","), number("1.5", ",")
    (1000.0, 1.0, None, None, 1.5, None)
    """
    if decimal == ",":
        cell = pointed(cell)
    if _NUMBER.fullmatch(cell):
        return float(cell)
    return WORDS.get(cell.lower()) if len(cell) < 6 else None


def pointed(cell: str) -> str:
    """A cell of numbers with decimal commas as one with points; what has a point becomes no number."""
    return cell.replace(".", NO_MARK).replace(",", ".")


def whole_numbers(cell: str) -> list[int] | None:
    """A cell as a list of whole numbers from 0 to 2⁶³ - 1; None where it is none.

    >>> whole_numbers("[3, 17; 5]"), whole_numbers(" 3 17 "), whole_numbers(""), whole_numbers("3 x")
    ([3, 17, 5], [3, 17], [], None)
    """
    if not _LIST.fullmatch(cell):
        return None
    found = _WHOLE.findall(cell)
    if any(len(digits) > 18 for digits in found):
        found = [digits.lstrip("0") or "0" for digits in found]
        if any(len(digits) > 19 or int(digits) > MOST for digits in found):
            return None
    return list(map(int, found))


def numbers_in(cell: str, decimal: str = ".") -> list[float] | None:
    """A trimmed cell as a list of numbers, NaN where one is missing; None where it is none. Decimal commas leave white
    space and `;` to stand between them.

    >>> numbers_in("[0.5, 1e2; -3]"), numbers_in("1 NaN"), numbers_in("[]"), numbers_in("1 x")
    ([0.5, 100.0, -3.0], [1.0, nan], [], None)
    """
    if decimal == ",":
        cell = pointed(cell)
    if not _ARRAY.fullmatch(cell):
        return None
    return [number_or_nan(item) for item in _ITEMS.findall(cell)]


def lacks(cell: str, decimal: str = ".", exact: bool = False) -> bool:
    """Whether a trimmed cell holds no list, or one that lacks a number; where each has as many, an empty one is none.

    >>> lacks("NA"), lacks("1 null"), lacks("1 2"), lacks("[]"), lacks("[]", exact=True)
    (True, True, False, False, True)
    """
    found = numbers_in(cell, decimal)
    return is_missing(cell) or (exact and found == []) or any(map(math.isnan, found or ()))


def number_or_nan(item: str) -> float:
    """One number of a list."""
    return math.nan if item.lstrip("-")[:1] in "nN" else float(item)


def mark_cure(cell: str, decimal: str = ".") -> str | None:
    """What to do about a number whose decimal mark is another than that of its file, None for any other cell.

    >>> mark_cure("2,5"), mark_cure("2.5", ",")
    ('write `2.5`, or say `decimal: ","` beside `csv`', 'write `2,5`: the decimal mark of this file is a comma')
    """
    if decimal == ",":
        comma = f"write `{cell.replace('.', ',')}`: the decimal mark of this file is a comma"
        return comma if "." in cell and len(cell) < 40 and number(cell) is not None else None
    if len(cell) >= 40 or not _COMMA.fullmatch(cell):
        return None
    return f'write `{cell.replace(",", ".")}`, or say `decimal: ","` beside `csv`'


def digits(value: float) -> str:
    """A number as fit spells it where it stands for a class."""
    if value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(value)
