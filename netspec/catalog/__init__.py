"""What Keras knows, without Keras: every name a spec may use, with its arguments, read from keras.json.

The file is generated from the pinned Keras by tools/make_catalog.py, and read on first use; entries are made on demand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

KINDS = (
    "layer",
    "cell",
    "loss",
    "metric",
    "optimizer",
    "schedule",
    "initializer",
    "regularizer",
    "constraint",
    "activation",
    "callback",
)


@dataclass(frozen=True, slots=True)
class Param:
    """One argument. A `keyword` one is taken by name only, because Keras takes it through `**kwargs`."""

    name: str
    required: bool = False
    default: Any = None
    keyword: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One Keras object under its canonical public name.

    `aliases` are the other names that Keras finds it by, string identifiers included. `params` are the constructor's
    arguments in order, `call` those of a layer's or a function's call, tensors included. `form` is "class", "function",
    or "chosen" for a name such as `accuracy`, for which Keras takes the class that fits the output. `excluded` says
    why a spec cannot use it, as words to follow "cannot be used: "; None where it can.
    """

    kind: str
    name: str
    module: str
    aliases: tuple[str, ...]
    params: tuple[Param, ...]
    var_kwargs: bool
    call: tuple[Param, ...] = ()
    form: str = "class"
    excluded: str | None = None

    def param(self, name: str) -> Param | None:
        """The constructor argument of that name."""
        return next((param for param in self.params if param.name == name), None)

    @property
    def first(self) -> Param | None:
        """What a lone scalar or list is: the first argument, None where there is none that goes by position."""
        return next((param for param in self.params if not param.keyword), None)

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments without a default, in order."""
        return tuple(param.name for param in self.params if param.required)


def find(kind: str, name: str) -> Entry | None:
    """The entry that Keras knows by that name or string identifier, excluded ones included.

    Case counts, as in Keras; for optimizers, where Keras folds case, it does not.

    >>> find("layer", "MaxPool2D").name
    'MaxPooling2D'
    >>> find("initializer", "he_normal").name
    'HeNormal'
    >>> find("layer", "dense") is None
    True
    """
    index = _index(kind)
    at = index.get(name)
    if at is None and kind == "optimizer":
        at = index.get(name.lower())
    return None if at is None else _entry(kind, at)


@cache
def names(kind: str) -> tuple[str, ...]:
    """The canonical names of that kind that a spec can use, in alphabetical order.

    >>> names("constraint")
    ('MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm')
    """
    return tuple(raw["name"] for raw in _read()["kinds"][kind] if "excluded" not in raw)


@cache
def identifiers(kind: str) -> tuple[str, ...]:
    """Every name and string identifier of that kind that a spec can use: what a misspelt one is held against."""
    found: list[str] = []
    for raw in _read()["kinds"][kind]:
        if "excluded" not in raw:
            found += (raw["name"], *raw["aliases"])
    return tuple(found)


def keras_version() -> str:
    """The release of Keras that the catalogue was made from."""
    version: str = _read()["keras_version"]
    return version


def __getattr__(name: str) -> str:
    if name == "KERAS_VERSION":
        return keras_version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _read() -> dict[str, Any]:
    with open(Path(__file__).with_name("keras.json"), encoding="utf-8") as file:
        read: dict[str, Any] = json.load(file)
    return read


@cache
def _index(kind: str) -> dict[str, int]:
    """Name or alias -> number of its entry. Names win over aliases."""
    entries = _read()["kinds"][kind]
    index = {alias: at for at, raw in enumerate(entries) for alias in raw["aliases"]}
    index.update({raw["name"]: at for at, raw in enumerate(entries)})
    return index


@cache
def _entry(kind: str, at: int) -> Entry:
    raw = _read()["kinds"][kind][at]
    return Entry(
        kind=kind,
        name=raw["name"],
        module=raw["module"],
        aliases=tuple(raw["aliases"]),
        params=tuple(_param(param) for param in raw["params"]),
        var_kwargs=raw.get("var_kwargs", False),
        call=tuple(_param(param) for param in raw.get("call", ())),
        form=raw.get("form", "class"),
        excluded=raw.get("excluded"),
    )


def _param(raw: list[Any]) -> Param:
    """`[name]` is required, `[name, default]` is not, `[name, default, "keyword"]` goes by name only."""
    if len(raw) == 1:
        return Param(raw[0], required=True)
    return Param(raw[0], default=raw[1], keyword=len(raw) > 2)
