"""The algebra of JSON Schema forms: alternatives joined as flatly as they go, and `$variables` let in.

Flat forms (`type: [integer, string]`) are what editors complete from and complain about best, so `anyOf` comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.language.names import PACKED, SUFFIXES, TEXTS
from netspec.language.patterns import LONGEST_PATTERN

Form = dict[str, Any]

_VARIABLE = r"\$([A-Za-z_][A-Za-z0-9_]*|\([\s\S]*\))"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
_NOT_A_NAME = "expected a name: letters, digits, `_` and `-`, starting with a letter or a digit"

NULL: Form = {"type": "null"}
VARIABLE: Form = {"type": "string", "pattern": f"^{_VARIABLE}$"}
NAME: Form = {"type": "string", "pattern": f"^({_NAME}|{_VARIABLE})$", "patternErrorMessage": _NOT_A_NAME}
NAME_KEY: Form = {"pattern": f"^{_NAME}$", "patternErrorMessage": _NOT_A_NAME}
VARIABLE_KEY: Form = {
    "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
    "patternErrorMessage": "expected a variable's name: letters, digits and `_`, starting with a letter",
}
TEXT: Form = {"type": "string"}
PATTERN: Form = {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN}
OUTPUT: Form = {
    "type": "string",
    "pattern": f"^([^.]*|{_VARIABLE})$",
    "patternErrorMessage": "expected the name of a step; a mapping such as {h: encoder.h} picks one of several outputs",
}


def _suffixes() -> str:
    """A pattern of the suffixes that tell a table's kind, in any case, packed or not."""

    def any_case(suffix: str) -> str:
        return "".join(f"[{letter}{letter.upper()}]" for letter in suffix.removeprefix("."))

    packed = "|".join(map(any_case, PACKED))
    whole = "|".join(any_case(suffix) for suffix, kind in SUFFIXES.items() if kind not in TEXTS)
    texts = "|".join(any_case(suffix) for suffix, kind in SUFFIXES.items() if kind in TEXTS)
    return rf"({whole}|({texts})(\.({packed}))?)"


TABLE: Form = {
    "type": "string",
    "pattern": rf"([^/]\.{_suffixes()}/*|^{_VARIABLE})$",
    "patternErrorMessage": "expected a name that ends in .csv, .parquet, …, or a mapping such as {csv: rows.txt}",
}


def ref(name: str) -> Form:
    """A reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def mapping(properties: Mapping[str, Form], *, required: tuple[str, ...] = (), **more: Any) -> Form:
    """A mapping that is closed: no other keys than `properties`, all of `required`."""
    form: Form = {"type": "object", "properties": dict(properties)}
    if required:
        form["required"] = list(required)
    return {**form, "additionalProperties": False, **more}


def closed(title: str, body: Form, says: str, *, null: bool = False, **more: Any) -> Form:
    """A mapping beside other mappings: `says` is what editors say of a value that is none of them."""
    inner = {key: value for key, value in body.items() if key != "type"}  # said once, in words
    kinds = ["object", "null"] if null else ["object"]
    return {"title": title, "type": kinds, "errorMessage": f"expected {says}", **more, "allOf": [inner]}


def choice(title: str, body: Form, says: str, *others: Form, null: bool = False, **more: Any) -> Form:
    """A mapping that keeps `body`, or one of `others`, which are none, so that a mistake inside is named alone."""
    inner = {key: value for key, value in body.items() if key != "type"}
    kinds = ["object", "null"] if null else ["object"]
    made = union(*others)
    none: Form = {"title": title, "type": kinds, "errorMessage": f"expected {says}"}
    return {"title": title, **more, "allOf": [inner], "anyOf": [none, *made.get("anyOf", [made])]}


def named(value: Form, description: str, **more: Any) -> Form:
    """A mapping from names that the spec chooses."""
    form: Form = {"type": "object", "propertyNames": NAME_KEY}
    return {**form, **more, "additionalProperties": {"description": description, **value}}


def many(item: Form, low: int = 1) -> Form:
    """A list of at least `low`."""
    return {"type": "array", "items": item, "minItems": low}


def never(says: str) -> Form:
    """What no mapping keeps, and what validators say then."""
    return {"const": says, "errorMessage": f"expected {says}"}


def one_given(names: tuple[str, ...], says: str, *, or_none: bool = False) -> Form:
    """A condition on a mapping: exactly one of `names` (or none) has a value that is not null."""
    given: list[Form] = [{"not": {"properties": {name: NULL}}} for name in names]
    none: list[Form] = [{"properties": dict.fromkeys(names, NULL)}] if or_none else []
    return {"if": {"type": "object", "not": {"oneOf": [*given, *none]}}, "then": never(says)}


def union(*forms: Mapping[str, Any]) -> Form:
    """What keeps one of several forms, as one form where their types tell them apart.

    >>> union({"type": "integer", "minimum": 1}, {"type": "null"})
    {'type': ['integer', 'null'], 'minimum': 1}
    >>> union({"enum": ["a"]}, {"type": "null"}, {"type": "boolean"})
    {'anyOf': [{'enum': ['a']}, {'type': ['null', 'boolean']}]}
    """
    found: list[Form] = []
    for form in _flat(forms):
        if not form:
            return {}
        at = next((at for at, other in enumerate(found) if _apart(form, other)), None)
        if at is not None:
            found[at] = {**found[at], **form, "type": [*_types(found[at]), *_types(form)]}
        elif form not in found:
            found.append(dict(form))
    return found[0] if len(found) == 1 else {"anyOf": found}


def _flat(forms: tuple[Mapping[str, Any], ...]) -> list[Mapping[str, Any]]:
    flat: list[Mapping[str, Any]] = []
    for form in forms:
        flat += _flat(tuple(form["anyOf"])) if form.keys() == {"anyOf"} else [form]
    return flat


def _types(form: Mapping[str, Any]) -> list[str]:
    kinds = form["type"]
    return list(kinds) if isinstance(kinds, list) else [kinds]


_NUMBERS = frozenset(("number", "integer"))
# What speaks of values of every type, and what editors complete better where it stands alone.
_OF_ALL = frozenset(("enum", "anyOf", "not", "properties", "oneOf", "allOf", "items"))


def _apart(form: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two forms can share one mapping: other types, no keyword in common, none that speaks of every type."""
    if any("type" not in each or not _OF_ALL.isdisjoint(each) for each in (form, other)):
        return False
    mine, others = set(_types(form)), set(_types(other))
    if mine & others or (_NUMBERS & mine and _NUMBERS & others):
        return False
    return not (form.keys() & other.keys()) - {"type"}


def flexible(form: Mapping[str, Any], expects: str = "") -> Form:
    """The form, or a `$variable` in its place and in that of each of its parts.

    `expects` is what editors say of a value that is neither.

    >>> flexible({"type": "array", "items": {"type": "null"}})["anyOf"][0]["items"]["type"]
    ['null', 'string']
    """
    alternatives: list[Form] = []
    for each in _flat((form,)):
        made = dict(each)
        for part in ("items", "additionalProperties"):
            if isinstance(made.get(part), list):
                made[part] = [flexible(item) for item in made[part]]
            elif isinstance(made.get(part), dict):
                made[part] = flexible(made[part])
        alternatives.append(made)
    # What editors say of a value that fits nowhere is what they say of the first alternative, so lists come last.
    alternatives.sort(key=lambda each: "items" in each)
    whole = union(*alternatives) if any(map(_any_text, alternatives)) else union(*alternatives, VARIABLE)
    for each in whole.get("anyOf", [whole]):
        if "type" in each and not each.keys() & {"patternErrorMessage", "$ref"} and each != VARIABLE:
            each["errorMessage"] = f"expected {expects or _in_words(each)}"
    return whole


_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "null": "null",
}


def _in_words(form: Form) -> str:
    kinds = [_WORDS[kind] for kind in _types(form) if kind != "string" or form.get("pattern") != VARIABLE["pattern"]]
    return " or ".join(kinds)


def _any_text(form: Form) -> bool:
    """Whether a form takes any text that a variable may be."""
    return not form or ("string" in _types(form) if "type" in form and not form.keys() & _BOUNDED else False)


_BOUNDED = frozenset(("pattern", "enum", "maxLength"))
