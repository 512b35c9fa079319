"""What Keras knows, without Keras: every name a spec may use, with its arguments, read from keras.json.

That file and keras_ops.json are made from the pinned Keras by tools/make_catalog.py, and read on first use; entries
are made on demand.
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
    "op",
)
OPS = "ops."  # what the name of an operation starts with


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

    An operation ("op", named as in `ops.mean`) has all its arguments in `params`, tensors included, and the tensors in
    `call`, too; `lists` are those that take a list of tensors, `star` the one among them that Keras takes one by one.
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
    lists: tuple[str, ...] = ()
    star: str | None = None

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


def find_step(cls: str) -> Entry | None:
    """The layer or the operation of that name.

    >>> find_step("Dense").kind, find_step("ops.nn.softmax").name
    ('layer', 'ops.softmax')
    """
    return find("op" if cls.startswith(OPS) else "layer", cls)


@cache
def names(kind: str) -> tuple[str, ...]:
    """The canonical names of that kind that a spec can use, in alphabetical order.

    >>> names("constraint")
    ('MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm')
    """
    return tuple(raw["name"] for raw in _raw(kind) if "excluded" not in raw)


@cache
def excluded(kind: str) -> tuple[str, ...]:
    """The canonical names of that kind that a spec cannot use; the entries say why."""
    return tuple(raw["name"] for raw in _raw(kind) if "excluded" in raw)


@cache
def identifiers(kind: str) -> tuple[str, ...]:
    """Every name and string identifier of that kind that a spec can use: what a misspelt one is held against."""
    found: list[str] = []
    for raw in _raw(kind):
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


def _raw(kind: str) -> list[dict[str, Any]]:
    """The entries of a kind as the files hold them."""
    entries: list[dict[str, Any]] = _read("keras_ops.json" if kind == "op" else "keras.json")["kinds"][kind]
    return entries


@cache
def _read(name: str = "keras.json") -> dict[str, Any]:
    with open(Path(__file__).with_name(name), encoding="utf-8") as file:
        read: dict[str, Any] = json.load(file)
    return read


@cache
def _index(kind: str) -> dict[str, int]:
    """Name or alias -> number of its entry. Names win over aliases."""
    entries = _raw(kind)
    index = {alias: at for at, raw in enumerate(entries) for alias in raw["aliases"]}
    index.update({raw["name"]: at for at, raw in enumerate(entries)})
    return index


@cache
def _entry(kind: str, at: int) -> Entry:
    raw = _raw(kind)[at]
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
        lists=tuple(raw.get("lists", ())),
        star=raw.get("star"),
    )


def _param(raw: list[Any]) -> Param:
    """`[name]` is required, `[name, default]` is not, `[name, default, "keyword"]` goes by name only."""
    if len(raw) == 1:
        return Param(raw[0], required=True)
    return Param(raw[0], default=raw[1], keyword=len(raw) > 2)
