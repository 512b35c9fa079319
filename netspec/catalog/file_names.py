"""Names of files that callbacks write: always below a folder of the run, whatever is put in for their `{fields}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from netspec.catalog.values import KERAS, LANGUAGE, Fault, Rule

_PART = r"(?!\.{1,2}(?:/|$))[^/\\]+"
_INSIDE = f"{_PART}(?:/{_PART})*"
_FORMAT = re.compile(r"[<>=^+-]?0?\d{0,3}(?:\.\d{1,2})?[dfFeEgG%]?")  # none that could bring a `/` or much of anything
_WEIGHTS = ".weights.h5"


def file_name(example: str = "log.csv") -> Rule:
    """A relative path that stays inside the folder that it is relative to.

    >>> [file_name().test(each) is None for each in ("log.csv", "a/log.csv", "../log.csv", "/tmp/log.csv", "a//b")]
    [True, True, False, False, False]
    """
    return Rule(
        "a file's name or a path below the run's callbacks/",
        lambda value: _outside(value, example),
        {"type": "string", "pattern": f"^{_INSIDE}$"},
    )


def _outside(value: Any, example: str) -> Fault | None:
    if not isinstance(value, str) or not value or not value.isprintable():
        return Fault(help=f"such as `{example}`")
    if re.fullmatch(_INSIDE, value):
        return None
    parts = [part for part in re.split(r"[/\\]", value) if part not in ("", ".", "..")]
    inside = "/".join(parts[-1:] if value.startswith("/") else parts)
    return Fault(help=f"write `{inside}`" if inside and len(inside) < 80 and ":" not in inside else None)


def model_file() -> Rule:
    """A file that Keras saves a model in, with fields such as `{epoch:02d}` in its name.

    >>> model_file().test("best.keras"), model_file().test("{epoch:02d}-{val_loss:.2f}.weights.h5")
    (None, None)
    >>> model_file().test("best.h5").help
    'write `best.keras`, or `best.weights.h5` with `save_weights_only: true`'
    """
    rule = file_name("best.keras")

    def test(value: Any) -> Fault | None:
        fault = rule.test(value)
        if fault is not None:
            return fault
        if not value.endswith((".keras", _WEIGHTS)):
            stem = re.sub(r"\.(h5|hdf5|ckpt|tf|weights|npz)$", "", value)[:80]
            cure = f"write `{stem}.keras`, or `{stem}{_WEIGHTS}` with `save_weights_only: true`"
            origin = LANGUAGE if value.endswith(".h5") else KERAS  # that is Keras's form of before, which it warns of
            return Fault(
                origin, cure, text=f"expected a name that ends in `.keras` or `.weights.h5`, got `{value[:80]}`"
            )
        try:
            odd = next((field for field, form in fields(value) if not _FORMAT.fullmatch(form)), None)
        except ValueError as error:
            return Fault(KERAS, "write `{{` for a brace of its own", text=f"`{value[:80]}`: {error}")
        if odd is not None:
            return Fault(
                help="such as `{epoch:02d}` or `{val_loss:.2f}`", text=f"a format that is not known for `{odd}`"
            )
        return None

    return Rule(rule.expects, test, {"type": "string", "pattern": f"^{_INSIDE}(?:keras|weights\\.h5)$"})


def fields(name: str) -> list[tuple[str, str]]:
    """The `{field:format}` of a name.

    >>> fields("{epoch:02d}-{loss}.keras")
    [('epoch', '02d'), ('loss', '')]

    Raises:
        ValueError: braces that do not match.
    """
    return [
        (field + (f"!{conversion}" if conversion else ""), form or "")
        for _, field, form, conversion in Formatter().parse(name)
        if field is not None
    ]


def misnamed(args: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What `save_weights_only` and the name of a ModelCheckpoint's file say of each other, as `at_odds` does.

    >>> misnamed({"filepath": "best.keras", "save_weights_only": True})[2]
    'write `best.weights.h5`, or leave out `save_weights_only`'
    """
    name = args.get("filepath", "")
    if args.get("save_weights_only") is True and not name.endswith(_WEIGHTS):
        stem = name.removesuffix(".keras")
        said = f"`filepath`: weights alone are saved in files that end in `{_WEIGHTS}`, got `{name[:80]}`"
        return "filepath", said, f"write `{stem[:80]}{_WEIGHTS}`, or leave out `save_weights_only`"
    if args.get("save_weights_only") is not True and name.endswith(_WEIGHTS):
        said = f"`filepath`: a whole model is saved in a file that ends in `.keras`, got `{name[:80]}`"
        return "filepath", said, "add `save_weights_only: true`"
    if args.get("save_best_only") is True and args.get("save_freq", "epoch") != "epoch":
        said = "`save_best_only` compares at the end of an epoch alone, and `save_freq` counts steps"
        return "save_freq", said, "leave out one of the two"
    return None
