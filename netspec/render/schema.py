"""The JSON Schema (draft-07) of the spec language, from the catalogue and the models of the envelope.

What the schema refuses, `validate` refuses; the reverse holds for all but what spans several parts of a spec (names,
shapes, data) and what JSON cannot say (`64.0` is whole there, `.nan` is no number).
"""

from __future__ import annotations

from typing import Any

from netspec import catalog
from netspec.catalog.rules import DTYPES
from netspec.language import schema as envelope
from netspec.render import schema_words as words
from netspec.render.schema_forms import (
    NAME,
    NULL,
    OUTPUT,
    TABLE,
    TEXT,
    VARIABLE,
    VARIABLE_KEY,
    Form,
    closed,
    flexible,
    many,
    mapping,
    named,
    never,
    one_given,
    ref,
    union,
)
from netspec.render.schema_objects import Objects, usable

DRAFT = "http://json-schema.org/draft-07/schema#"
MOST_REPEATS = 1_000_000
_STEP_KEYS = ("from", "name", "repeat", "call")


def schema() -> Form:
    """The schema of a whole spec, as plain data; the same on every call."""
    objects = Objects()
    definitions = objects.definitions
    definitions.update(_envelope())
    definitions["model"] = mapping(_model_keys(), required=("inputs", "layers"))
    definitions["step"] = _step(objects)
    definitions["shared"] = _shared(objects)
    definitions["output-loss"] = mapping(
        {
            "loss": {"description": words.LOSS["loss"], **objects.kind("loss")},
            "weight": {
                "description": words.LOSS["weight"],
                "default": 1.0,
                **flexible({"type": ["number", "null"], "minimum": 0}),
            },
        },
        required=("loss",),
    )
    definitions["metrics"] = union(many(objects.kind("metric"), 0), objects.kind("metric"))
    _shorthands(definitions, objects)
    return {
        "$schema": DRAFT,
        "title": "netspec",
        "description": f"a neural network as a short spec, with the layers of Keras {catalog.keras_version()}",
        **mapping(_top_keys(objects), required=("inputs", "layers")),
        "definitions": dict(sorted(definitions.items())),
    }


def as_json() -> str:
    """The schema as text."""
    import json

    return json.dumps(schema(), indent=1, ensure_ascii=False, allow_nan=False)


def _top_keys(objects: Objects) -> dict[str, Form]:
    weighted, loss = ref("output-loss"), objects.kind("loss", null=True)
    # An output may be named `loss`; but a `loss` that is null is no output without one.
    named_loss = {"loss": {"description": words.OUTPUT_LOSS, **union(objects.kind("loss"), weighted)}}
    by_output = named(union(loss, weighted), words.OUTPUT_LOSS, properties=named_loss)
    forms: dict[str, Form] = {
        "netspec": {"default": 1, **flexible({"enum": [1]})},
        "name": union(NAME, NULL),
        "vars": {
            "type": ["object", "null"],
            "propertyNames": VARIABLE_KEY,
            "additionalProperties": {"description": words.VARIABLE},
        },
        **_model_keys(),
        "losses": {"default": None, **union(loss, weighted, by_output)},
        "metrics": {"default": None, **union(ref("metrics"), named(ref("metrics"), words.OUTPUT_METRICS), NULL)},
        "optimizer": {"default": "rmsprop", **objects.kind("optimizer", null=True)},
        "data": {"default": None, **union(ref("Data"), NULL, VARIABLE)},
        "budget": {"default": None, **union(ref("Budget"), NULL, VARIABLE)},
        "fit": {"default": {}, **union(ref("Fit"), NULL, VARIABLE)},
    }
    if not hasattr(envelope, "Budget"):
        del forms["budget"]
    return {key: {"description": (words.TOP | words.MODEL)[key], **form} for key, form in forms.items()}


def _model_keys() -> dict[str, Form]:
    shape = flexible({"type": "array", "items": {"type": ["integer", "null"], "minimum": 1}})
    forms: dict[str, Form] = {
        "inputs": union(named(union(shape, ref("Input")), words.INPUT, minProperties=1), VARIABLE),
        "shared": {"default": None, **union(named(ref("shared"), words.SHARED), NULL, VARIABLE)},
        "layers": union(many(ref("step")), VARIABLE),
        "outputs": {
            "default": None,
            **union(
                {**many(OUTPUT), "uniqueItems": True},
                named(TEXT, words.REFERENCE, minProperties=1),
                NULL,
                VARIABLE,
            ),
        },
    }
    return {key: {"description": words.MODEL[key], **form} for key, form in forms.items()}


def _step(objects: Objects) -> Form:
    """A step: a layer or an operation by its name alone, or exactly one of them, `use` or `model` beside step keys."""
    names = union(TEXT, many(TEXT))
    calls = {param.name for entry in usable("layer").values() for param in entry.call}
    flag = {"default": None, **flexible({"type": ["boolean", "null"]})}
    flags = {name: {"description": said, **flag} for name, said in words.CALL.items() if name in calls}
    step_keys: dict[str, Form] = {
        "from": union(names, named(names, words.REFERENCE), VARIABLE),
        "name": {"default": None, **union(NAME, many(NAME), NULL)},
        "repeat": {"default": None, **flexible({"type": ["integer", "null"], "minimum": 0, "maximum": MOST_REPEATS})},
        "call": {"default": None, **union(mapping(flags), NULL, VARIABLE)},
        "use": {"type": "string", "minLength": 1},
        "model": ref("model"),
    }
    properties = {key: {"description": words.STEP[key], **form} for key, form in step_keys.items()}
    properties |= objects.by_name("layer") | objects.by_name("op")
    known: Form = {"propertyNames": {"enum": list(properties)}}  # an unknown key is a mistake of its own
    one = mapping(properties, allOf=[{"if": known, "then": _exactly_one(_STEP_KEYS)}])
    says = "a step: a layer by its name, or a mapping from its name to its arguments"
    return union(closed("step", one, says), *objects.alone("layer", "op"), VARIABLE)


def _exactly_one(beside: tuple[str, ...], there: int = 0) -> Form:
    """That a mapping has one key more than it has of `beside`: a decision for each of them."""
    if not beside:
        says = "exactly one layer (or `use`, or `model`) in a step; another begins with a dash of its own"
        return {"if": {"minProperties": there + 1, "maxProperties": there + 1}, "else": never(says)}
    first, *rest = beside
    return {
        "if": {"required": [first]},
        "then": _exactly_one(tuple(rest), there + 1),
        "else": _exactly_one(tuple(rest), there),
    }


def _shared(objects: Objects) -> Form:
    """Under `shared`: a layer, or a model with its keys beside each other or under `model`."""
    nested: Form = {"description": words.STEP["model"], **ref("model")}
    part: Form = mapping({**_model_keys(), "model": nested, **objects.by_name("layer")})
    part["if"] = {"anyOf": [{"required": ["inputs"]}, {"required": ["layers"]}]}
    part["then"] = ref("model")
    part["else"] = {"minProperties": 1, "maxProperties": 1}
    one = closed("shared", part, "a layer, or a model with `inputs` and `layers`")
    return union(one, *objects.alone("layer"), VARIABLE)


# the envelope


def _envelope() -> dict[str, Form]:
    """The Pydantic models by name, with descriptions and with `$variables` let in."""
    found: dict[str, Form] = {}
    for name in ("Input", "Data", "Fit", "Budget"):
        model = getattr(envelope, name, None)
        if model is None:
            continue
        made = model.model_json_schema(ref_template="#/definitions/{model}")
        for each, raw in {**made.pop("$defs", {}), name: made}.items():
            said = words.FIELDS[each]
            fields = {key: {"description": said[key], **_field(form)} for key, form in raw["properties"].items()}
            found[each] = mapping(fields, required=tuple(raw.get("required", ())), description=raw["description"])
    return found


def _field(raw: Form) -> Form:
    kept = {"default": raw["default"]} if "default" in raw else {}
    return {**kept, **flexible({key: value for key, value in raw.items() if key not in ("title", "default")})}


def _shorthands(definitions: dict[str, Form], objects: Objects) -> None:
    """What a spec may write shorter than the models say, and what a mapping's types cannot say."""
    fields: dict[str, Any] = {name: definitions[name]["properties"] for name in words.FIELDS if name in definitions}
    _retype(fields["Input"], "dtype", flexible({"enum": list(DTYPES)}))
    _retype(fields["Fit"], "callbacks", union(many(objects.kind("callback"), 0), VARIABLE))
    table = union(TABLE, NULL, ref("Source"))
    _retype(fields["Data"], "train", table)
    _retype(fields["Data"], "test", table)
    part = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    says_part = {"allOf": [ref("Validation"), {"anyOf": [{"required": ["fraction"]}, {"required": ["by"]}]}]}
    _retype(fields["Data"], "validation", union(union(part, TABLE, NULL), says_part, ref("Source")))
    _retype(fields["Feature"], "category", union(ref("Category"), {"enum": [True]}, NULL, VARIABLE))
    column = {"type": "string", "minLength": 1}
    for key, name, said in (("features", "Feature", words.FEATURE), ("targets", "Target", words.TARGET)):
        each = {"description": said, **union(ref(name), column, many(column))}
        _retype(fields["Data"], key, union({"type": "object", "additionalProperties": each}, VARIABLE))
        definitions[name]["allOf"] = [one_given(("column", "columns"), "one of `column` and `columns`")]
    kinds = ("text", "sequence", "category", "multi_hot")
    at_most = "at most one of `text`, `sequence`, `category` and `multi_hot`"
    definitions["Feature"]["allOf"].append(one_given(kinds, at_most, or_none=True))
    sources = ("csv", "tsv", "npz", "npy")
    definitions["Source"]["allOf"] = [one_given(sources, "exactly one of `csv`, `tsv`, `npz` and `npy`")]
    definitions["Data"]["allOf"] = [one_given(("dataset", "train"), "either `train` or `dataset`")]


def _retype(fields: dict[str, Form], name: str, form: Form) -> None:
    """Another form for a field, which keeps its description and its default."""
    fields[name] = {key: fields[name][key] for key in ("description", "default") if key in fields[name]} | form
