"""Keras objects as JSON Schema, from the catalogue: every kind by name or by name and arguments, layers and cells.

`Objects` gathers definitions: `layer.Dense` for what stands behind one object's name, `initializer` for a kind,
`value.…` for what several arguments take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache

from netspec import catalog
from netspec.catalog import Entry, words
from netspec.catalog.arguments import meaning
from netspec.catalog.values import LARGEST, any_case
from netspec.language.own import ARGUMENT, KINDS, NAME, keys_of
from netspec.render.schema_forms import NULL, VARIABLE, Form, choice, closed, flexible, many, mapping, ref, union
from netspec.render.schema_words import OWN, STEP

_SHORT = 48  # a form of up to so many characters is written out where it is used
# What editors offer for an argument that is null if left out.
_EXAMPLES = {"activation": "relu", "initializer": "he_normal", "regularizer": "l2", "constraint": "non_neg"}
_NESTED = {"layer": "layer", "cell": "cell", "cells": "cell"}


@cache
def usable(kind: str) -> Mapping[str, Entry]:
    """Every name and identifier that a spec can use for an object of the kind, canonical names first.

    >>> usable("layer")["MaxPool2D"].name, "Lambda" in usable("layer")
    ('MaxPooling2D', False)
    """
    names = [*catalog.names(kind), *catalog.identifiers(kind)]
    found = {name: catalog.find(kind, name) for name in names}
    return {name: entry for name, entry in found.items() if entry is not None and entry.excluded is None}


def about(entry: Entry) -> str:
    """What an object is, in one line."""
    return words.about(entry) or f"{entry.name} of Keras"


def says(kind: str) -> str:
    """What is expected where an object of the kind stands."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}: its name, or a mapping from its name to its arguments"


def required(entry: Entry) -> tuple[str, ...]:
    """The arguments that must be written: of an operation, those that are no tensors."""
    tensors = {param.name for param in entry.call} if entry.kind == "op" else set()
    return tuple(name for name in entry.required if name not in tensors)


def own(kind: str) -> dict[str, Form]:
    """The keys of a user's own Python for an object of the kind."""
    named: Form = {"type": "string", "pattern": f"^{NAME}$", "patternErrorMessage": "expected module:name"}
    arguments: Form = {"type": ["object", "null"], "propertyNames": {"pattern": f"^{ARGUMENT}$"}}
    if kind == "layer":
        arguments["not"] = {"type": "object", "required": ["name"]}
    sizes: Form = {"type": "array", "items": {"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST}}
    forms: dict[str, Form] = {
        "python": union(named, VARIABLE),
        "with": {"default": {}, **union(arguments, VARIABLE)},
        "shape": {"default": None, **union(flexible(sizes), many(flexible(sizes)), NULL, VARIABLE)},
    }
    return {key: {"description": OWN[key], **forms[key]} for key in keys_of(kind)}


def one_object(kind: str, beside: tuple[str, ...] = (), otherwise: Form | None = None) -> Form:
    """That a mapping names one object: one key, or `python` with what belongs to it; `beside` may stand there too."""
    one: Form = otherwise or {"minProperties": 1, "maxProperties": 1}
    if kind not in KINDS:
        return one
    keys = keys_of(kind)
    return {
        "if": {"type": "object", "required": ["python"]},
        "then": {"propertyNames": {"enum": [*keys, *beside]}},
        "else": one,
        "dependencies": {key: ["python"] for key in keys[1:]},
    }


class Objects:
    """The definitions that the arguments and kinds of Keras objects need, each made when it is first asked for."""

    def __init__(self) -> None:
        self.definitions: dict[str, Form] = {}
        self._arguments: dict[str, Form] = {}  # a form as text -> where it is defined

    def kind(self, kind: str, *, null: bool = False) -> Form:
        """Any object of a kind, or null: by its name, or as a mapping from its name to its arguments."""
        name = f"{kind}-or-null" if null else kind
        if name not in self.definitions:
            self.definitions[name] = {}  # a layer may hold a layer: the place is taken before it is filled
            alone = self.alone(kind)
            if kind == "optimizer":
                alone.append({"type": "string", "pattern": _other_case(kind)})
            more: Form = one_object(kind)
            if null and kind in _EXAMPLES:
                more["examples"] = [_EXAMPLES[kind]]
            one = choice(kind, self._one(kind), says(kind), *alone, VARIABLE, null=null, **more)
            self.definitions[name] = one
        return ref(name)

    def _one(self, kind: str) -> Form:
        """A mapping from the name of one object to its arguments."""
        name = f"{kind}-by-name"
        if name not in self.definitions:
            self.definitions[name] = {}
            properties = self.by_name(kind)
            if kind == "layer":
                properties["use"] = {"description": STEP["use"], "type": "string", "minLength": 1}
                properties["model"] = {"description": STEP["model"], **ref("model")}
            if kind in KINDS:
                properties |= own(kind)
            one: Form = {"properties": properties, "additionalProperties": False}
            if kind == "optimizer":
                one["patternProperties"] = {_other_case(kind): {}}
            self.definitions[name] = one
        return ref(name)

    def changed(self, kind: str, *, without: Collection[str]) -> Form:
        """Any object of a kind, or the first argument or arguments of one that is said elsewhere."""
        name = f"changed-{kind}"
        if name not in self.definitions:
            entries = {each: entry for each, entry in usable(kind).items() if entry.name not in without}
            given: dict[str, Form] = {}
            for entry in entries.values():
                for param in entry.params:
                    if param.name not in given and param.name not in without and param.name != "name":
                        form = self._argument(entry, param.name)
                        given[param.name] = {key: value for key, value in form.items() if key != "default"}
            objects = {each: form for each, form in self.by_name(kind).items() if each in entries}
            one: Form = {"properties": {**objects, **given}, "additionalProperties": False, "minProperties": 1}
            one["patternProperties"] = {_other_case(kind): {}}
            one["if"], one["else"] = {"propertyNames": {"enum": list(given)}}, {"maxProperties": 1}
            first = next(iter(entries.values()))
            alone = [
                *self.alone(kind),
                {"type": "string", "pattern": _other_case(kind)},
                *self._bare(first, *_first(first)),
            ]
            expects = f"{says(kind)}; or arguments of the one that stands above"
            self.definitions[name] = choice(f"{kind}, changed", one, expects, *alone, VARIABLE)
        return ref(name)

    def some(self, kind: str, names: Collection[str], word: str) -> Form:
        """Any of some objects of a kind, by their canonical names or aliases; `word` is what they are called."""
        if word not in self.definitions:
            self.definitions[word] = {}
            entries = usable(kind)
            properties = {name: form for name, form in self.by_name(kind).items() if entries[name].name in names}
            body: Form = {"properties": properties, "additionalProperties": False}
            alone = self.alone(kind, only=names)
            one = choice(word, body, says(word), *alone, VARIABLE, minProperties=1, maxProperties=1)
            self.definitions[word] = one
        return ref(word)

    def alone(self, *kinds: str, only: Collection[str] | None = None) -> list[Form]:
        """The names that need no arguments: those to offer with what they are, then the aliases."""
        found: list[Form] = []
        aliases: list[str] = []
        for kind in kinds:
            entries = {name: entry for name, entry in usable(kind).items() if not required(entry)}
            entries = {name: entry for name, entry in entries.items() if only is None or entry.name in only}
            short = kind not in ("layer", "op")  # people write `mse`, but `MaxPool2D` is only a second name
            offered = {name: entry for name, entry in entries.items() if short or name == entry.name}
            aliases += entries.keys() - offered.keys()
            if offered:
                said = [about(entry) for entry in offered.values()]
                found.append({"title": kind, "enum": list(offered), "enumDescriptions": said})
        if aliases:
            found.append({"type": "string", "pattern": f"^({'|'.join(map(re.escape, sorted(aliases)))})$"})
        return found

    def by_name(self, kind: str) -> dict[str, Form]:
        """A property for every object of a kind: its name to its arguments. Aliases count, but are not offered."""
        found: dict[str, Form] = {}
        for name, entry in usable(kind).items():
            behind = self.arguments(entry)
            # Editors write the bare name of what stands in `allOf`, and a colon after other names.
            found[name] = {"description": about(entry), **(behind if required(entry) else {"allOf": [behind]})}
            if name != entry.name:
                found[name]["doNotSuggest"] = True
        return found

    def arguments(self, entry: Entry) -> Form:
        """What may stand behind the name of an object: its arguments, the first of them alone, or nothing."""
        name = entry.name if entry.kind == "op" else f"{entry.kind}.{entry.name}"
        if name not in self.definitions:
            self.definitions[name] = {}
            said = about(entry)
            self.definitions[name] = {
                "description": said,
                "markdownDescription": f"{said}\n\n[{entry.name} in Keras's documentation]({words.link(entry)})",
                **self._values(entry),
            }
        return ref(name)

    def _values(self, entry: Entry) -> Form:
        takes = [param.name for param in entry.params if param.name != "name" or entry.kind == "metric"]
        needed, first = required(entry), _first(entry)
        body = mapping({name: self._argument(entry, name) for name in takes}, required=needed, title=entry.name)
        bare = [form for name in first for form in self._bare(entry, name) if not set(needed) - {first[-1]}]
        or_alone = f"{meaning(entry, first[-1]).expects}, or " if bare else ""
        expects = f"{or_alone}arguments by name"
        if first and meaning(entry, first[0]).object_kind in _NESTED:
            made = union(closed(entry.name, body, expects), *bare, VARIABLE)
        else:
            made = choice(entry.name, body, expects, *bare, VARIABLE, null=not needed)
        if len(needed) > 1:
            snippet = {"label": ", ".join(needed), "body": {name: f"${at}" for at, name in enumerate(needed, 1)}}
            made["defaultSnippets"] = [snippet]
        return made

    def _bare(self, entry: Entry, name: str) -> list[Form]:
        """An argument without its name. A mapping is always arguments, unless it is a layer."""
        what = meaning(entry, name)
        kind = what.object_kind
        if kind in _NESTED:
            return [self._nested(kind)]
        if kind is not None and kind != "schedule":
            return self.alone(kind)
        form = flexible(what.form)
        return [form] if form else [{"type": ["boolean", "number", "string", "array"]}]

    def _argument(self, entry: Entry, name: str) -> Form:
        """One argument as a field: what it means, its default, and what it may be."""
        param = entry.param(name)
        assert param is not None
        what = meaning(entry, name)
        said = words.parameter(entry, name)
        expects = "" if what.expects in ("a value", "a text") else what.expects
        field: Form = {"description": f"{said} ({expects})" if said and expects else said or what.expects}
        if not param.required:
            field["default"] = param.default
        kind = what.object_kind
        null = not param.required and (kind is not None or what.check(None) is None)
        if kind in _NESTED:
            form = self._nested(kind, null=null)
        elif kind == "schedule":
            form = union(flexible(union(what.form, *[NULL] * null)), self.kind(kind))
        elif kind is not None:
            form = self.kind(kind, null=null)
        else:
            form = flexible(union(what.form, *[NULL] * null), what.expects)
        return {**field, **self._once(name, kind or expects, form)}

    def _nested(self, kind: str, *, null: bool = False) -> Form:
        """A layer, a cell, or a list of cells."""
        one = self.kind(_NESTED[kind], null=null)
        return union(one, many(one)) if kind == "cells" else one

    def _once(self, name: str, expects: str, form: Form) -> Form:
        """The form itself where it is short, else a reference to it, under what it is or else the argument's name."""
        text = json.dumps(form)
        if len(text) <= _SHORT:
            return form
        if text not in self._arguments:
            words = "".join(char if char.isalnum() else " " for char in expects).split()
            stem = "-".join(words if words and len(words) < 9 else [name])
            at, number = f"value.{stem}", 1
            while at in self.definitions:
                number += 1
                at = f"value.{stem}.{number}"
            self.definitions[at] = form
            self._arguments[text] = ref(at)
        return self._arguments[text]


def _first(entry: Entry) -> list[str]:
    """The arguments that a value alone may be: the first one; of an operation, the first that `from` does not feed."""
    if entry.kind != "op":
        return [entry.first.name] if entry.first is not None else []
    tensors = {param.name for param in entry.call}
    fed = [param.name for param in entry.params if param.name in tensors]
    rest = [param.name for param in entry.params if param.name not in tensors and not param.keyword]
    return [*fed[1:], *rest[:1]]


def _other_case(kind: str) -> str:
    """A pattern for names in another case than the catalogue's, which Keras takes for optimizers."""
    names = usable(kind)
    folded = [name for name in names if name == name.lower()]
    return f"^(?!({'|'.join(names)})$)({'|'.join(map(any_case, folded))})$"
