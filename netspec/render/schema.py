"""The JSON Schema (draft-07) of the spec language, from the catalogue and the models of the envelope.

What the schema refuses, `validate` refuses; the reverse holds for all but what spans several parts of a spec (names,
shapes, data) and what JSON cannot say (`64.0` is whole there, `.nan` is no number).
"""

from __future__ import annotations

from typing import Any

from netspec import catalog
from netspec.catalog.augmentations import LAYERS
from netspec.catalog.dtypes import DTYPES, POLICIES
from netspec.catalog.together import SCALING
from netspec.language import schema as envelope
from netspec.language.schema import KINDS, TABLES
from netspec.render import schema_words as words
from netspec.render.schema_data import features, retype, splits
from netspec.render.schema_forms import (
    NAME,
    NULL,
    OUTPUT,
    PATTERN,
    TABLE,
    TEXT,
    VARIABLE,
    VARIABLE_KEY,
    Form,
    choice,
    flexible,
    many,
    mapping,
    named,
    never,
    one_given,
    ref,
    union,
)
from netspec.render.schema_objects import Objects, one_object, own, usable

DRAFT = "http://json-schema.org/draft-07/schema#"
MOST_REPEATS = 1_000_000
_STEP_KEYS = ("from", "name", "repeat", "call")


def schema() -> Form:
    """The schema of a whole spec, as plain data; the same on every call."""
    objects = Objects()
    definitions = objects.definitions
    definitions.update(_envelope())
    says = "a model: a mapping with `inputs` and `layers`"
    definitions["model"] = choice("model", mapping(_model_keys(), required=("inputs", "layers")), says, VARIABLE)
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
        "dtype_policy": {"default": "float32", **flexible({"enum": [*POLICIES, None]})},
        "losses": {"default": None, **union(loss, weighted, by_output)},
        "metrics": {"default": None, **union(ref("metrics"), named(ref("metrics"), words.OUTPUT_METRICS), NULL)},
        "freeze": {"default": None, **union(PATTERN, many(PATTERN, 0), NULL)},
        "optimizer": {"default": "rmsprop", **objects.kind("optimizer", null=True)},
        "optimizers": {
            "default": None,
            "type": ["object", "null"],
            "propertyNames": PATTERN,
            "additionalProperties": {"description": words.GROUP, **objects.changed("optimizer", without=SCALING)},
        },
        "budget": {"default": None, **_part("Budget", null=True)},
        "data": {"default": None, **_part("Data", null=True)},
        "fit": {"default": {}, **_part("Fit", null=True)},
    }
    return {key: {"description": (words.TOP | words.MODEL)[key], **form} for key, form in forms.items()}


def _model_keys() -> dict[str, Form]:
    size = {"type": ["integer", "null"], "minimum": 1, "maximum": envelope.LARGEST}
    shape = flexible({"type": "array", "items": size, "maxItems": envelope.MOST_AXES})
    one = choice("input", ref("Input"), "a shape such as [100], or a mapping", shape)
    forms: dict[str, Form] = {
        "inputs": choice(
            "inputs", named(one, words.INPUT, minProperties=1), "a mapping from names to shapes", VARIABLE
        ),
        "shared": {
            "default": None,
            **choice(
                "shared", named(ref("shared"), words.SHARED), "a mapping from names to layers", VARIABLE, null=True
            ),
        },
        "layers": {
            **many(ref("step")),
            "type": ["array", "string"],
            "pattern": VARIABLE["pattern"],
            "errorMessage": "expected a list of steps, each with a dash in front",
        },
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
        "name": {"default": None, **union(NAME, {"title": "names", **many(NAME)}, NULL)},
        "repeat": {"default": None, **flexible({"type": ["integer", "null"], "minimum": 0, "maximum": MOST_REPEATS})},
        "call": {"default": None, **union({"type": "object"}, NULL, VARIABLE)},
        "use": {"type": "string", "minLength": 1},
        "model": ref("model"),
    }
    properties = {key: {"description": words.STEP[key], **form} for key, form in step_keys.items()}
    properties |= own("layer") | objects.by_name("layer") | objects.by_name("op")
    known: Form = {"propertyNames": {"enum": list(properties)}}  # an unknown key is a mistake of its own
    # What a call of a layer of one's own takes is known to its own Python alone.
    call = {"description": words.STEP["call"], **union(mapping(flags), NULL, VARIABLE)}
    one_of_keras: Form = {"allOf": [_exactly_one(_STEP_KEYS), {"properties": {"call": call}}]}
    exactly = one_object("layer", _STEP_KEYS, one_of_keras)
    one = mapping(properties, allOf=[{"if": known, "then": exactly}])
    says = "a step: a layer by its name, or a mapping from its name to its arguments"
    return choice("step", one, says, *objects.alone("layer", "op"), VARIABLE)


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
    part: Form = mapping({**_model_keys(), "model": nested, **own("layer"), **objects.by_name("layer")})
    part["if"] = {"type": "object", "anyOf": [{"required": ["inputs"]}, {"required": ["layers"]}]}
    part["then"] = ref("model")
    part["else"] = one_object("layer")
    says = "a layer, or a model with `inputs` and `layers`"
    return choice("shared", part, says, *objects.alone("layer"), VARIABLE)


# the envelope


def _envelope() -> dict[str, Form]:
    """The Pydantic models by name, with descriptions and with `$variables` let in."""
    found: dict[str, Form] = {}
    for model in (envelope.Input, envelope.Budget, envelope.Data, envelope.Fit):
        made = model.model_json_schema(ref_template="#/definitions/{model}")
        for name, raw in {**made.pop("$defs", {}), model.__name__: made}.items():
            fields = {}
            for key, form in raw["properties"].items():
                fields[key] = {"description": words.FIELDS[name][key], **_field(form, words.EXPECTS.get(key, ""))}
            body = mapping(fields, required=tuple(raw.get("required", ())), description=raw["description"])
            found[name] = {key: value for key, value in body.items() if key != "type"}
    return found


def _field(raw: Form, expects: str) -> Form:
    default = {"default": raw["default"]} if "default" in raw else {}
    form = {key: value for key, value in raw.items() if key not in ("title", "default")}
    inner = [each["$ref"] for each in form.get("anyOf", [form]) if "$ref" in each]
    if inner:
        return {**default, **_part(inner[0].rpartition("/")[2], null="default" in raw)}
    return {**default, **flexible(form, expects)}


def _part(name: str, *others: Form, null: bool = False) -> Form:
    """A model of the envelope, or something shorter, or a variable."""
    return choice(name.lower(), ref(name), "a mapping", *others, VARIABLE, null=null)


def _shorthands(definitions: dict[str, Form], objects: Objects) -> None:
    """What a spec may write shorter than the models say, and what a mapping's types cannot say."""
    fields: dict[str, Any] = {name: definitions[name]["properties"] for name in words.FIELDS}
    retype(fields["Input"], "dtype", flexible({"enum": list(DTYPES)}))
    retype(fields["Fit"], "callbacks", union(many(objects.kind("callback"), 0), VARIABLE))
    chain = union(many(objects.some("layer", LAYERS, "augmentation")), VARIABLE)
    chains: Form = {"type": "object", "additionalProperties": {"description": words.AUGMENT, **chain}}
    retype(fields["Data"], "augment", choice("augment", chains, "a mapping from names to layers", VARIABLE))
    for key, name in (("multi_label", "MultiLabel"), ("sequence", "Steps")):
        retype(fields["Target"], key, _part(name, {"enum": [True]}, null=True))
    weights = {k: v for k, v in fields["Target"]["class_weights"].items() if k not in ("description", "default")}
    retype(fields["Target"], "class_weights", union({"enum": ["balanced"]}, weights))
    says = "a file that ends in .csv, .parquet, …, or a mapping such as {csv: rows.txt}"
    retype(fields["Data"], "train", choice("table", ref("Source"), says, TABLE, many(TABLE), null=True))
    column = {"type": "string", "minLength": 1}
    for kind in TABLES:
        retype(fields["Source"], kind, union(column, many(column), NULL))
    splits(definitions, fields, says)
    for key, name, said in (("features", "Feature", words.FEATURE), ("targets", "Target", words.TARGET)):
        each = {"description": said, **_part(name, column, many(column))}
        columns: Form = {"type": "object", "additionalProperties": each}
        retype(fields["Data"], key, choice(key, columns, "a mapping from names to columns", VARIABLE))
        given = one_given(("column", "columns"), "one of `column` and `columns`", or_none=name == "Feature")
        definitions[name]["allOf"] = [given]
    unnamed: Form = {
        "type": "object",
        "properties": {"column": NULL, "columns": NULL, "text": NULL},
    }  # a running text has no columns
    definitions["Feature"]["allOf"].append({"if": unnamed, "then": never("one of `column` and `columns`")})
    definitions["Target"]["allOf"] += _one_kind_of_label()
    features(definitions, fields["Feature"])
    known = ", ".join(f"`{kind}`" for kind in KINDS[:-1])
    definitions["Source"]["allOf"] = [one_given(KINDS, f"exactly one of {known} and `{KINDS[-1]}`")]
    step: Form = {"required": ["stride"], "properties": {"stride": {"not": NULL}, "text": NULL}}
    definitions["Source"]["allOf"].append({"if": {"type": "object", **step}, "then": never("`text` beside `stride`")})
    mark: Form = {"required": ["decimal"], "properties": {"decimal": {"not": NULL}, "csv": NULL, "tsv": NULL}}
    definitions["Source"]["allOf"].append(
        {"if": {"type": "object", **mark}, "then": never("`csv` or `tsv` beside `decimal`")}
    )
    definitions["Data"]["allOf"] = [one_given(("dataset", "train"), "either `train` or `dataset`")]


def _one_kind_of_label() -> list[Form]:
    """That keys of a target do not say different things of a label, pair by pair."""

    def on(key: str) -> Form:
        return {"required": [key], "properties": {key: {"const": True}}}

    def given(key: str, *kinds: str) -> Form:
        return {"required": [key], "properties": {key: {"type": list(kinds)}}}

    numbers, one = on("normalize"), on("one_hot")
    several, steps = ({"required": [key], "not": given(key, "null")} for key in ("multi_label", "sequence"))
    weights: Form = {"anyOf": [given("class_weights", "object"), _equal("class_weights", "balanced"), on("balanced")]}
    array = on("array")
    pairs = {
        "`array` or `classes`": (array, given("classes", "array")),
        "`array` or `one_hot`": (array, one),
        "`array` or `multi_label`": (array, several),
        "`array` or `sequence`": (array, steps),
        "`array` or `class_weights`": (array, weights),
        "`normalize` or `multi_label`": (numbers, several),
        "`normalize` or `one_hot`": (numbers, one),
        "`normalize` or `class_weights`": (numbers, weights),
        "`normalize` or `classes`": (numbers, given("classes", "array")),
        "`normalize` or `sequence`": (numbers, steps),
        "`multi_label` or `sequence`": (several, steps),
        "`multi_label` or `one_hot`": (several, one),
        "`multi_label` or `class_weights`": (several, weights),
        "`balanced` or `class_weights`": (on("balanced"), given("class_weights", "object")),
    }
    return [{"if": {"type": "object", "allOf": list(pair)}, "then": never(says)} for says, pair in pairs.items()]


def _equal(key: str, value: str) -> Form:
    return {"required": [key], "properties": {key: {"const": value}}}
