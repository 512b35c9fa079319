"""`$name` and `$(arithmetic)`: values, mistakes, and that one mistake is one message."""

from __future__ import annotations

import pytest

from netspec.language.variables import VariableError, evaluate
from netspec.pipeline import analyze_text

VALUES = {"width": 8, "rate": 0.5, "name": "relu", "flag": True, "shape": [1, 2], "none": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$width", 8),
        ("$name", "relu"),
        ("$shape", [1, 2]),
        ("$none", None),
        ("$flag", True),
        ("$(width * 2 + 1)", 17),
        ("$(width / 2)", 4),
        ("$(width / 3)", 8 / 3),
        ("$(-width // 3 % 2)", -3 % 2),
        ("$(2 ** 10)", 1024),
        ("$( (width + 2) * rate )", 5.0),
        ("$(1e-3)", 0.001),
        ("$$width", "$width"),
        ("$$$", "$$"),
        ("costs $5", "costs $5"),
        ("$5", "$5"),
        ("$", "$"),
        ("a $width", "a $width"),
        ("", ""),
    ],
)
def test_values(text: str, value: object) -> None:
    found = evaluate(text, VALUES)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("$widht", "did you mean `$width`?"),
        ("$zzz", "declare it"),
        ("${width}", "write `$width`"),
        ("$width*2", "write `$(width*2)`"),
        ("$width * 2", "write `$(width * 2)`"),
        ("$(width", "not"),
        ("$()", "not arithmetic"),
        ("$(width +)", "not arithmetic"),
        ("$(name + 1)", "not a number"),
        ("$(flag + 1)", "not a number"),
        ("$(1 / 0)", "divides by zero"),
        ("$(2 ** 1000)", "too large"),
        ("$(10 ** 30)", "too large"),
        ("$(2.0 ** 5000)", "too large"),
        ("$((-8) ** 0.5)", "no finite value"),
        ("$(width if 1 else 2)", "nothing else"),
        ("$(__import__('os').system('true'))", "nothing else"),
        ("$('a' * 9)", "nothing else"),
        ("$(width << 3)", "nothing else"),
        ("$([1, 2])", "nothing else"),
        ("$(" + "(" * 500 + "1" + ")" * 500 + ")", "1000"),
        ("$(" + "-" * 900 + "1)", ""),
    ],
)
def test_mistakes(text: str, part: str) -> None:
    if text == "$(width":
        assert evaluate(text, VALUES) == text  # text that merely begins so
        return
    try:
        value = evaluate(text, VALUES)
    except VariableError as error:
        assert part in str(error)
    else:
        assert part == "" and value == 1


def codes(text: str, *settings: str) -> list[tuple[str, int]]:
    return [(found.code, found.place.line) for found in analyze_text(text, overrides=settings).diagnostics]


def test_one_mistake_is_one_message() -> None:
    assert codes("vars: {w: $nope, v: $w}\ninputs: {x: [$w]}\nlayers: [Dense: $v, Dense: {units: $(w * 2)}]") == [
        ("NS210", 1)
    ]
    assert codes("inputs: {x: $nope}\nlayers: [Dense: 1]") == [("NS210", 1)]
    assert codes("inputs: {x: [8]}\nlayers:\n  - Dense: $nope\n  - Dense: 1\n    from: $no") == [
        ("NS210", 3),
        ("NS210", 5),
    ]
    assert codes("inputs: {x: [8]}\nlayers: [Dense: 1]\nfit: {epochs: $nope}") == [("NS210", 3)]


def test_a_value_of_the_wrong_kind_is_reported_where_it_is_used() -> None:
    assert codes("vars: {w: wide}\ninputs: {x: [8]}\nlayers:\n  - Dense: $w") == [("NS206", 4)]


@pytest.mark.parametrize("raw", ["[1]", "3", "width"])
def test_vars_is_a_mapping(raw: str) -> None:
    assert codes(f"vars: {raw}\ninputs: {{x: [8]}}\nlayers: [Dense: 1]") == [("NS202", 1)]


def test_variables_see_those_above() -> None:
    assert codes("vars: {a: 2, b: $(a * 2)}\ninputs: {x: [$b]}\nlayers: [Dense: $a]") == []
    assert codes("vars: {b: $(a * 2), a: 2}\ninputs: {x: [$b]}\nlayers: [Dense: $a]") == [("NS210", 1)]


def test_overrides_come_first() -> None:
    analysis = analyze_text("vars: {a: 2, b: $(a * 2)}\ninputs: {x: [$b]}\nlayers: [Dense: $a]", overrides=["vars.a=5"])
    assert analysis.checked is not None and analysis.checked.resolved["inputs"] == {"x": [10]}
    assert analysis.checked.resolved["vars"] == {"a": 5, "b": 10}
