"""The JSON Schema of the language: documented throughout, true to the catalogue, and open to all that is sound."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run
from jsonschema import Draft7Validator
from test_language import LEGAL

from netspec import catalog
from netspec.catalog import Entry, samples
from netspec.catalog.arguments import meaning
from netspec.language import schema as envelope
from netspec.language import source
from netspec.language.document import Document
from netspec.render import schema_words
from netspec.render.schema import schema
from netspec.render.schema_objects import required, usable

GOLDEN = ROOT / "tests" / "golden"
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
SCHEMA = schema()
VALIDATOR = Draft7Validator(SCHEMA)


def document_of(text: str | bytes) -> Document:
    return source.read_text(text, "spec.yaml")[0]


def passes(data: Any) -> bool:
    return VALIDATOR.is_valid(data)


# the schema by itself


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_it_is_the_same_on_every_call() -> None:
    assert json.dumps(schema()) == json.dumps(SCHEMA)


def fields(form: Any, where: str = "#") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field of every mapping in the schema, but for those of conditions."""
    if isinstance(form, list):
        for at, each in enumerate(form):
            yield from fields(each, f"{where}/{at}")
    elif isinstance(form, dict):
        for key, each in form.items():
            if key == "properties":
                for name, field in each.items():
                    yield f"{where}/{name}", field
                    yield from fields(field, f"{where}/{name}")
            elif key == "definitions":
                for name, definition in each.items():
                    yield from fields(definition, name)
            elif key not in ("if", "not", "default", "enum", "examples", "defaultSnippets"):
                yield from fields(each, f"{where}/{key}")


def test_every_field_is_described() -> None:
    found = list(fields(SCHEMA))
    assert len(found) > 3000
    for where, field in found:
        said = field.get("description", "")
        assert said and said == said.strip() and "\n" not in said, where


def test_every_definition_is_used_and_there() -> None:
    text = json.dumps(SCHEMA)
    used = set(re.findall(r'"#/definitions/([^"]+)"', text))
    assert used == set(SCHEMA["definitions"])


def definition_of(entry: Entry) -> dict[str, Any]:
    return SCHEMA["definitions"][entry.name if entry.kind == "op" else f"{entry.kind}.{entry.name}"]


def body_of(entry: Entry) -> dict[str, Any]:
    """What the schema says of the mapping behind an object's name."""
    definition = definition_of(entry)
    (body,) = definition.get("allOf") or definition["anyOf"][0]["allOf"]
    return body


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_every_argument_has_its_default_and_no_other_is_there(kind: str) -> None:
    for name in catalog.names(kind):
        entry = catalog.find(kind, name)
        assert entry is not None
        definition, body = definition_of(entry), body_of(entry)
        takes = {param.name: param for param in entry.params if param.name != "name" or kind == "metric"}
        assert body["properties"].keys() == takes.keys() and body["additionalProperties"] is False
        assert tuple(body.get("required", ())) == required(entry)
        for param in takes.values():
            field = body["properties"][param.name]
            assert ("default" in field) is not param.required
            if not param.required:
                assert field["default"] == param.default
        assert "https://keras.io/api/" in definition["markdownDescription"]


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_what_is_refused_is_absent(kind: str) -> None:
    known = usable(kind)
    assert not known.keys() & set(catalog.excluded(kind))
    assert all(catalog.find(kind, name) == entry for name, entry in known.items())
    assert set(known) == {name for name in catalog.identifiers(kind) if catalog.find(kind, name).excluded is None}  # type: ignore[union-attr]


def test_every_field_of_the_envelope_is_described() -> None:
    models = {
        name: kind
        for name, kind in vars(envelope).items()
        if isinstance(kind, type) and issubclass(kind, envelope.Closed) and kind is not envelope.Closed
    }
    assert {name: set(kind.model_fields) for name, kind in models.items()} == {
        name: set(said) for name, said in schema_words.FIELDS.items()
    }


def test_every_flag_of_a_call_is_described() -> None:
    plain = {
        param.name
        for name in catalog.names("layer")
        for param in (catalog.find("layer", name) or pytest.fail(name)).call
        if isinstance(param.default, bool)
    }
    assert plain == schema_words.CALL.keys()


# Any value that may show where a test and its form differ.
VALUES: list[Any] = [
    *(True, False, None, 0, 1, 2, 3, 5, -1, -2, 0.0, 0.5, 1.0, 1.5, -0.5, 2.5, 10**19, -(10**19)),
    *("x", "same", "SAME", "valid", "float32", "int", "64", "", "channels_last", "nearest", "constant", "auto", ":, 0"),
    *([], [1], [1, 2], [1, 1], [1, 2, 3], [0, 1], [-1, 1], [1, None], [0.5, 0.7], [0.5, 2.0], [-5.0, -3.0], [10**19]),
    *(["a", "b"], ["a", "a"], [True], [[1, 1], [1, 1]], [[1, 2], 3], [[1], [2, 3]], {}, {"a": 1}),
]


def beyond(value: Any, said: str) -> bool:
    """Whether what is wrong with an argument's value is more than a schema can say."""
    flat = [
        each
        for part in (value if isinstance(value, list) else [value])
        for each in (part if isinstance(part, list) else [part])
    ]
    whole_in_json = any(isinstance(each, float) and each.is_integer() for each in flat)
    too_large = any(isinstance(each, int) and abs(each) >= 2**63 for each in flat)
    more = ("decimal point", "of one shape", "each of 1, 2, 3", "the lower first", "the least to the largest")
    return whole_in_json or too_large or any(words in said for words in more)


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_forms_say_what_rules_test(kind: str) -> None:
    for name in catalog.names(kind):
        entry = catalog.find(kind, name)
        assert entry is not None
        for field in body_of(entry)["properties"].items():
            what = meaning(entry, field[0])
            if what.object_kind is not None:
                continue
            form = {"definitions": SCHEMA["definitions"], "allOf": [field[1]]}
            validator = Draft7Validator(form)
            for value in VALUES:
                found = what.check(value)
                refused = found is not None and found.severity != "warning"
                if validator.is_valid(value):
                    assert not refused or beyond(value, found.message), (name, field[0], value)  # type: ignore[union-attr]
                else:
                    assert refused, (name, field[0], value)


# valid specs


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_the_sample_of_every_object_passes(kind: str) -> None:
    for name in catalog.names(kind):
        entry = catalog.find(kind, name)
        assert entry is not None and passes(document_of(samples.spec(entry)).data), name


@pytest.mark.parametrize("path", [*SPECS, *sorted((GOLDEN / "mended").glob("*.yaml"))], ids=lambda path: path.stem)
def test_sound_files_pass(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document_of(path.read_bytes()).data)] == []


@pytest.mark.parametrize("text", LEGAL.values(), ids=LEGAL.keys())
def test_the_corners_of_the_language_pass(text: str) -> None:
    assert passes(document_of(text).data)


def leaf_paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    yield path
    for key, value in parts:
        yield from leaf_paths(value, (*path, key))


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the data with another value at a path."""
    whole = [copy.deepcopy(data)]
    here: Any = whole
    way = (0, *path)
    for part in way[:-1]:
        here = here[part]
    here[way[-1]] = value
    return whole[0]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
@pytest.mark.parametrize("variable", ["$width", "$(width * 2)"])
def test_a_variable_may_stand_for_any_value(path: Path, variable: str) -> None:
    data = document_of(path.read_bytes()).data
    for place in leaf_paths(data):
        if place and place != ("vars",):
            assert passes(replaced(data, place, variable)), place


# the verb


def test_the_verb_prints_it(run: Run) -> None:
    done = run("schema")
    assert (done.rc, done.stderr) == (0, "")
    assert json.loads(done.stdout) == SCHEMA


def test_it_takes_no_argument(run: Run) -> None:
    done = run("schema", "specs/vgg.yaml")
    assert done.rc == 2 and done.stdout == "" and "Traceback" not in done.stderr
