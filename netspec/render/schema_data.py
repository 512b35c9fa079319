"""The forms of `data` that its models do not say: shorthands of features and of rows that are held out, and which of
their keys go together.
"""

from __future__ import annotations

from typing import Any

from netspec.language.moments import FORMAT
from netspec.language.schema import BY_COLUMN, KINDS_OF_FEATURE, OF_CELLS, WAYS
from netspec.render.schema_forms import (
    NULL,
    TABLE,
    VARIABLE,
    Form,
    choice,
    flexible,
    many,
    never,
    one_given,
    ref,
    union,
)

FILE: Form = {"type": "string", "minLength": 1}


def given(key: str) -> Form:
    """A condition on a mapping: it has this key, and not as null."""
    return {"not": {"properties": {key: NULL}}}


def unless(condition: Form, says: str) -> Form:
    """The condition, and what validators say where it does not hold."""
    return {"if": condition, "else": never(says)}


def features(definitions: dict[str, Form], fields: dict[str, Form]) -> None:
    """A feature's shorthands, at most one kind for each, and what goes with none."""
    retype(fields, "category", _part("Category", {"enum": [True]}))
    retype(fields, "image", _part("Image", {"enum": [True]}))
    retype(fields, "array", _part("Array", {"enum": [True]}))
    boundaries: Form = {"type": "array", "items": {"type": "number"}, "minItems": 1}
    quantiles: Form = {"type": "integer", "minimum": 2, "maximum": 10_000}
    text = definitions["Text"]["properties"]
    retype(text, "vocabulary", union(flexible({"type": ["integer", "null"], "minimum": 3, "maximum": 2**31 - 1}), FILE))
    neither = {"type": "object", "not": {"anyOf": [given("vocabulary"), given("file")]}}
    signs: Form = {
        "type": "object",
        "properties": {"punctuation": {"const": True}},
        "required": ["punctuation"],
    }
    letters: Form = {"properties": {"by": {"const": "characters"}}, "required": ["by"]}
    definitions["Text"]["allOf"] = [
        {"if": neither, "then": never("`vocabulary`")},
        {"if": {"allOf": [signs, letters]}, "then": never("no `punctuation` beside `by: characters`")},
    ]
    retype(fields, "bucket", _part("Bucket", flexible(boundaries), quantiles))
    retype(fields, "date", _part("Date", definitions["Date"]["properties"]["parts"]))
    clip: Form = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}
    clip["not"] = {"items": NULL}
    retype(fields, "clip", union(clip, NULL, VARIABLE))
    retype(definitions["Date"]["properties"], "format", {"type": ["string", "null"], "pattern": FORMAT})
    one: Form = union({"enum": [*WAYS]}, flexible({"type": "number"}))
    columns = {"type": "object", "minProperties": 1, "additionalProperties": {"description": MISSING, **one}}
    retype(fields, "missing", union(one, columns, NULL))
    one_of = one_given(("boundaries", "quantiles"), "one of `boundaries` and `quantiles`")
    definitions["Bucket"]["allOf"] = [one_of]
    del definitions["Missing"]  # which no spec writes
    kinds = ", ".join(f"`{kind}`" for kind in KINDS_OF_FEATURE[:-1])
    at_most = f"at most one of {kinds} and `{KINDS_OF_FEATURE[-1]}`"
    drops: Form = {"enum": ["drop", None]}
    of_cells: Form = {"anyOf": [given(kind) for kind in OF_CELLS]}
    plain = {"anyOf": [of_cells, given("bucket"), given("image")]}
    masks: Form = {"not": {"const": "mask"}}
    unmasked = {"properties": {"missing": {**masks, "additionalProperties": masks}}}
    dropping = {"properties": {"missing": {"anyOf": [drops, {"type": "object", "additionalProperties": drops}]}}}
    definitions["Feature"]["allOf"] += [
        one_given(KINDS_OF_FEATURE, at_most, or_none=True),
        one_given(("image", "missing"), "no `missing` beside `image`, for it is about numbers", or_none=True),
        {"if": of_cells, "then": unless(dropping, "`missing: drop` or none, where no number is to fill in")},
        {"if": given("array"), "then": unless(unmasked, "no `missing: mask` beside `array`")},
        {"if": plain, "then": unless(_none("clip", "log"), "`clip` and `log` beside numbers alone")},
        {
            "if": given("bucket"),
            "then": unless(_none("normalize", "rescale"), "no number to scale beside `bucket`"),
        },
    ]


MISSING = "what an empty cell of this column becomes: mean, zero, mask or a number; or drop the row"


def _none(*keys: str) -> Form:
    """That none of these keys asks for anything."""
    return {"properties": {key: {"enum": [None, False]} for key in keys}}


def _part(name: str, *others: Form) -> Form:
    return choice(name.lower(), ref(name), "a mapping", *others, VARIABLE, null=True)


def splits(definitions: dict[str, Form], fields: dict[str, Any], says: str) -> None:
    """The rows to validate and to test with: a fraction, a file, or a mapping of either."""
    part = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    retype(fields["Split"], "format", {"type": ["string", "null"], "pattern": FORMAT})
    by_column: Form = {"properties": {"by": {"enum": [*BY_COLUMN]}}, "required": ["by"]}
    timed: Form = {"properties": {"by": {"const": "time"}}, "required": ["by"]}
    both = {"not": {"anyOf": [given(key) for key in ("fraction", "column", "format")]}}
    without: Form = {"not": given("column")}
    held: Form = {
        "allOf": [
            unless(given("fraction"), "`fraction`, the part of the training rows"),
            {
                "if": by_column,
                "then": unless(given("column"), "`column`, which `by` goes by"),
                "else": unless(without, "`column` beside `by: time`, `group` or `stratified` alone"),
            },
            {"if": timed, "else": unless({"not": given("format")}, "`format` beside `by: time` alone")},
        ],
    }
    alone = unless(both, "a part of `train` or a source of its own, not both")
    own = given("source")
    body: Form = {
        "if": {"type": "object", "not": {"anyOf": [{"required": [key]} for key in fields["Split"]]}},
        "then": ref("Source"),
        "else": {"allOf": [ref("Split"), {"if": {"type": "object"}, "then": {"if": own, "then": alone, "else": held}}]},
    }
    for key in ("validation", "test"):
        retype(
            fields["Data"],
            key,
            choice(key, body, f"a part such as 0.1, or {says}", part, TABLE, many(TABLE), null=True),
        )


def retype(fields: dict[str, Form], name: str, form: Form) -> None:
    """Another form for a field, which keeps its description and its default."""
    fields[name] = {key: fields[name][key] for key in ("description", "default") if key in fields[name]} | form
