"""What the arguments of Keras's constructors mean, by their names: what is expected, and whether a value fits.

Rules hang on the argument's name, with exceptions by class; a name without a rule is judged by its default's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from netspec.catalog import Entry, find, identifiers
from netspec.catalog.dtypes import DTYPES
from netspec.catalog.legacy import refused, refused_value, renamed
from netspec.catalog.nearest import nearest, sure
from netspec.catalog.rules import rule
from netspec.catalog.values import KERAS, Fault, Rule, describe, number

__all__ = ["DTYPES", "Meaning", "Problem", "describe", "meaning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value, in words to follow the argument's name and a colon.

    `origin` is "language", "keras" (Keras raises), "run" (only once it runs) or "wrong" (never, and it is no use).
    `fix` is the value that was surely meant, None where that is not known.
    """

    message: str
    help: str | None = None
    code: str = "NS206"
    severity: str | None = None
    origin: str = "language"
    fix: bool | int | float | str | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an argument expects. `object_kind` is the kind of Keras object that it is or may be, else None.

    Kinds are those of the catalogue, and "cells" for a cell or a list of cells. For an argument with a kind, `check`
    judges names and plain values, and leaves mappings (an object with arguments, a layer, a `use`) to the caller.
    """

    entry: Entry
    param: str
    expects: str
    object_kind: str | None
    _rule: Rule
    _nullable: bool

    @property
    def form(self) -> Mapping[str, Any]:
        """What plain values are taken, as a JSON Schema; empty where any, or where an object is wanted."""
        return self._rule.form

    def check(self, value: Any) -> Problem | None:
        """What is wrong with the value, None where nothing is."""
        why = refused_value(self.entry, self.param, value)
        if why is not None:
            return Problem(why, code="NS213")
        if value is None and self._nullable:
            return None
        fault = self._rule.test(value)
        if fault is None:
            return None
        said = fault.text or f"expected {self.expects}, got `{describe(value)}`"
        return Problem(said, fault.help, fault.code, fault.severity, fault.origin, fault.fix)


def meaning(entry: Entry, param: str) -> Meaning:
    """The meaning of an argument that the entry has.

    >>> meaning(find("layer", "Dense"), "units").check(True).message
    'expected a whole number above 0, got `true`'
    >>> meaning(find("layer", "Dense"), "kernel_regularizer").object_kind
    'regularizer'
    """
    return _meaning(entry.kind, entry.name, param)


@cache
def _meaning(kind: str, name: str, param: str) -> Meaning:
    entry = find(kind, name)
    found = None if entry is None else entry.param(param)
    if entry is None or found is None:
        raise KeyError(f"{name} has no argument {param}")
    object_kind = None if kind == "op" else _object_kind(entry, param)
    if kind == "op":
        from netspec.catalog import operations  # few specs need it

        wanted = operations.rule(entry, param)
    else:
        wanted = _object_rule(object_kind) if object_kind is not None else rule(entry, param)
    nullable = not found.required and (found.default is None or object_kind in _NULL_OBJECTS)
    nullable = nullable or (name, param) in _NULL or param in _NULL_BY_NAME
    return Meaning(entry, param, wanted.expects, object_kind, wanted, nullable)


# Arguments that hold a Keras object.

_OBJECT_SUFFIX = {"_initializer": "initializer", "_regularizer": "regularizer", "_constraint": "constraint"}
_OBJECTS = {
    "activation": "activation",
    "recurrent_activation": "activation",
    "learning_rate": "schedule",
    "layer": "layer",
    "backward_layer": "layer",
    "cell": "cells",
    "cells": "cells",
    "inner_optimizer": "optimizer",
}
_NULL_OBJECTS = ("initializer", "regularizer", "constraint", "activation")

# Arguments that take null though their default is something else.
_NULL = {
    ("Bidirectional", "merge_mode"),
    ("STFTSpectrogram", "scaling"),
    ("STFTSpectrogram", "window"),
    ("STFT", "scaling"),
    ("STFT", "window"),
    ("TextVectorization", "standardize"),
    ("TextVectorization", "split"),
    ("R2Score", "class_aggregation"),
    ("MelSpectrogram", "top_db"),
    ("IntegerLookup", "oov_token"),
    ("StringLookup", "oov_token"),
    ("Normalization", "axis"),
}
_NULL_BY_NAME = ("reduction", "name")

_AN = {
    "initializer": ("an initializer", "`he_normal`"),
    "regularizer": ("a regularizer", "`l2` or `{L2: 0.01}`"),
    "constraint": ("a constraint", "`non_neg` or `{MaxNorm: 2}`"),
    "activation": ("an activation", "`relu`"),
    "optimizer": ("an optimizer", "`adam` or `{SGD: {momentum: 0.9}}`"),
    "layer": ("a layer", "`{Dense: 8}`"),
    "cells": ("a cell or a list of cells", "`{LSTMCell: 32}`"),
}


def _object_kind(entry: Entry, param: str) -> str | None:
    for suffix, kind in _OBJECT_SUFFIX.items():
        if param.endswith(suffix):
            return kind
    return _OBJECTS.get(param)


def _object_rule(kind: str) -> Rule:
    """The rule for an object written by its name alone, or as the plain value that may stand in its place."""
    if kind == "schedule":
        rate = number(above=0, point=True)
        return _unless_mapping(Rule(f"{rate.expects} or a schedule", rate.test, rate.form))
    expects, example = _AN[kind]
    if kind in ("layer", "cells"):
        # A name, a mapping or a list is for the caller, who knows layers, `use` and models.
        plain = (bool, int, float, type(None))
        return Rule(expects, lambda value: Fault(help=f"such as {example}") if isinstance(value, plain) else None)
    return _unless_mapping(Rule(expects, lambda value: _named(kind, value, expects, example)))


def _unless_mapping(rule: Rule) -> Rule:
    return Rule(rule.expects, lambda value: None if isinstance(value, Mapping) else rule.test(value), rule.form)


def _named(kind: str, value: Any, expects: str, example: str) -> Fault | None:
    """Whether a text is the name of an object that can do without arguments."""
    if not isinstance(value, str):
        return Fault(help=f"such as {example}")
    entry = find(kind, value)
    if entry is None:
        gone, near = renamed(kind, value), nearest(value, identifiers(kind))
        help = gone or (f"did you mean `{near}`?" if near else f"such as {example}")
        meant = None if gone else sure(value, identifiers(kind))
        return Fault(KERAS, help, "NS214", text=f"there is no {kind} `{value[:40]}`", fix=meant)
    if entry.excluded is not None:
        code = "NS213" if refused(kind, entry.name) else "NS214"
        return Fault(code=code, text=f"`{value}` cannot be used: {entry.excluded}")
    if entry.required:
        needs = ", ".join(f"`{each}`" for each in entry.required)
        return Fault(KERAS, f"write `{{{entry.name}: …}}`", "NS207", text=f"`{value}` needs {needs}")
    return None
