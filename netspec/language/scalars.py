"""The scalars of YAML 1.2's core schema, from text to plain Python values, without any YAML library.

`no`, `on`, `1_000`, `12:30:45` and dates are strings, `1e-3` is a float, `010` is ten; the rest is a BadScalar.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

CORE = "tag:yaml.org,2002:"
MAX_DIGITS = 4000  # Python itself refuses to print whole numbers of more than 4,300 digits
_MAX_BITS = 13_287  # of a number of 4,000 digits

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SIGNS = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class BadScalar(ValueError):
    """A scalar that its tag forbids (NS105) or that is no usable number (NS108); `of_value` is False for a bad tag."""

    def __init__(self, code: str, message: str, help: str | None = None, of_value: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.of_value = code, message, help, of_value


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar; raises BadScalar for a number that cannot be kept.

    >>> [plain(text) for text in ("1e-3", "010", "0x10", "no", "~", "12:30:45")]
    [0.001, 10, 16, 'no', None, '12:30:45']
    """
    if text[:1] in _SIGNS:
        number = _number(text)
        return text if number is None else number
    return _WORDS.get(text, text)


def is_null(text: str) -> bool:
    """Whether an unquoted scalar is null."""
    return _WORDS.get(text, text) is None


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit core tag (`!!str`, `!!int`, …); raises BadScalar otherwise."""
    name = tag.removeprefix(CORE)
    if tag == "!" or (name == "str" and tag != name):
        return text
    if tag == name or name not in ("int", "float", "bool", "null", "map", "seq"):
        raise unknown_tag(tag)
    if name in ("map", "seq"):
        raise BadScalar("NS105", f"`!!{name}` stands before a scalar, expected a {_COLLECTIONS[name]}")
    shown = quote(text)
    if name in ("int", "float"):
        number = _number(text)
        if name == "float" and isinstance(number, int):
            number = _float(text) if _INT.fullmatch(text) else _big_float(number, shown)
        if number is None or (name == "int" and isinstance(number, float)):
            raise BadScalar("NS108", f"`!!{name}` stands before {shown}, expected {_NUMBERS[name]}")
        return number
    if text in _WORDS and (_WORDS[text] is None) == (name == "null"):
        return _WORDS[text]
    raise BadScalar("NS105", f"`!!{name}` stands before {shown}, expected {_EXPECTED[name]}")


_COLLECTIONS = {"map": "mapping", "seq": "list"}
_NUMBERS = {"int": "a whole number", "float": "a number"}
_EXPECTED = {"bool": "`true` or `false`", "null": "`null`"}


def unknown_tag(tag: str) -> BadScalar:
    """What to say of a tag that is none of the core schema's."""
    name = tag.removeprefix(CORE)
    shown = quote(name if name == tag else f"!!{name}")
    return BadScalar(
        "NS105",
        f"unknown tag {shown}; a spec is plain data",
        "remove the tag; quote the value if it should be a string",
        of_value=False,
    )


def quote(text: str, limit: int = 40) -> str:
    """Text as a message shows it: in backticks, cut where it is long."""
    return f"`{text}`" if len(text) <= limit else f"`{text[:limit]}...`"


def _number(text: str) -> int | float | None:
    """The number that `text` writes, or None."""
    if _INT.fullmatch(text):
        digits = len(text.lstrip("+-").lstrip("0"))
        if digits > MAX_DIGITS:
            raise _too_long(digits)
        try:
            return int(text)
        except ValueError:  # PYTHONINTMAXSTRDIGITS may be set lower than our own bound
            raise _too_long(digits) from None
    if _OTHER_BASE.fullmatch(text):
        number = int(text[2:], 8 if text[1] == "o" else 16)
        if number.bit_length() > _MAX_BITS:
            raise BadScalar("NS108", f"whole number of {number.bit_length()} bits, expected at most {_MAX_BITS}")
        return number
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return None


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _overflow(quote(text))
    return number


def _big_float(number: int, shown: str) -> float:
    try:
        return float(number)
    except OverflowError:
        raise _overflow(shown) from None


def _overflow(shown: str) -> BadScalar:
    return BadScalar(
        "NS108", f"{shown} is too large for a float, expected at most 1.79e308", "write `.inf` if that is meant"
    )


def _too_long(digits: int) -> BadScalar:
    return BadScalar("NS108", f"whole number of {digits} digits, expected at most {MAX_DIGITS}")
