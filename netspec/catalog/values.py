"""Rules for one value: what is expected, and what is wrong with what was written. No rule knows a name of Keras.

A rule is strict: `true` is no number, `"64"` is text, `64.0` is no whole number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.catalog.nearest import nearest, sure

LANGUAGE = "language"  # a rule of ours
KERAS = "keras"  # Keras raises, when it builds or calls the layer
RUN = "run"  # Keras raises when it makes the weights or runs the first step
WRONG = "wrong"  # Keras says nothing, and the result is surely not what was meant

LARGEST = 2**63 - 1
_NUMBER = re.compile(r"[-+]?(\d[\d_,]*\.?[\d_]*|\.\d+)([eE][-+]?\d+)?")
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value: whose rule it breaks, the way out, and a text in place of the usual one.

    `fix` is the value that was surely meant, None where that is not known.
    """

    origin: str = LANGUAGE
    help: str | None = None
    code: str = "NS206"
    severity: str | None = None
    text: str | None = None
    fix: bool | int | float | str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, in words that follow "expected", and the test.

    `form` says the same as a JSON Schema, as far as one can; empty where any value will do.
    """

    expects: str
    test: Callable[[Any], Fault | None]
    form: Mapping[str, Any] = field(default_factory=dict)


def describe(value: Any) -> str:
    """A value as YAML spells it, cut where it is long.

    >>> [describe(each) for each in (True, None, "64", 64.0, float("nan"), [1, "a"], {"a": 1})]
    ['true', 'null', '"64"', '64.0', '.nan', '[1, "a"]', '{a: 1}']
    """
    text = _spell(value, 3)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _spell(value: Any, depth: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ".nan"
        return repr(value) if math.isfinite(value) else ("-.inf" if value < 0 else ".inf")
    if isinstance(value, int):
        # Python refuses to write out very long numbers.
        return str(value) if value.bit_length() < 256 else "a number of more than 70 digits"
    if isinstance(value, str):
        return '"' + value[:_SHOWN].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, (list, tuple)):
        return "[" + (", ".join(_spell(each, depth - 1) for each in value[:8]) if depth else "…") + "]"
    if isinstance(value, dict):
        pairs = list(value.items())[:8] if depth else []
        return "{" + (", ".join(f"{str(key)[:_SHOWN]}: {_spell(each, depth - 1)}" for key, each in pairs) or "…") + "}"
    return "…"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number_in_text(value: str) -> str | None:
    """How the number in a text is written as a number.

    >>> _number_in_text("1_000"), _number_in_text("64"), _number_in_text("same")
    ('1000', '64', None)
    """
    stripped = value.strip()
    if len(stripped) > 32 or not _NUMBER.fullmatch(stripped):
        return None
    return stripped.replace("_", "").replace(",", "")


def _not_a_number(value: Any, whole: bool) -> Fault:
    """The way out for a value of the wrong type where a number belongs."""
    if isinstance(value, str):
        number = _number_in_text(value)
        if number is None or (whole and not re.fullmatch(r"[-+]?\d+", number)):
            return Fault()
        if "," in value:  # 1,000 is another number in another country
            return Fault(help=f"write `{number}`") if whole else Fault(help="write a decimal point for a comma")
        if whole and number.lstrip("+-").startswith("0") and int(number):
            return Fault(help=f"write `{int(number)}`")  # 010 is 8 to some
        meant = int(number) if whole else float(number)
        return Fault(help=f"remove the quotes: `{number}`" if number == value else f"write `{number}`", fix=meant)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        return Fault(help=f"write `{int(value)}`", fix=int(value))
    return Fault()


def whole(low: int | None = 1, *, origin: str = KERAS) -> Rule:
    """A whole number from `low` on.

    >>> whole().test(64) is None, whole().test(64.0).help, whole().test("1_000").help
    (True, 'write `64`', 'write `1000`')
    """
    expects = "a whole number"
    if low is not None:
        expects += ", 0 or more" if low == 0 else f" above {low - 1}"

    def test(value: Any) -> Fault | None:
        if not _is_whole(value):
            return _not_a_number(value, whole=True)
        if low is not None and value < low:
            return Fault(origin)
        if abs(value) > LARGEST:
            return Fault(help=f"the largest that fits is {LARGEST}")
        return None

    return Rule(expects, test, {"type": "integer", "minimum": -LARGEST if low is None else low, "maximum": LARGEST})


def number(
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    origin: str = WRONG,
    point: bool = False,
) -> Rule:
    """A finite number from `low` to `high`, or strictly `above` and `below`; with `point`, Keras wants it as a float.

    >>> number(0, 1).test(1.5).origin, number(above=0).expects, number(0, 1).test(0.5)
    ('wrong', 'a number above 0', None)
    """
    words = [
        f"{low:g} or more" if low is not None and high is None and below is None else "",
        f"from {low:g} to {high:g}" if low is not None and high is not None else "",
        f"from {low:g} to below {below:g}" if low is not None and below is not None else "",
        f"above {above:g}" if above is not None else "",
        f"up to {high:g}" if high is not None and low is None else "",
        f"below {below:g}" if below is not None and low is None else "",
    ]
    bounds = " and ".join(word for word in words if word)
    joint = ", " if bounds.endswith("or more") else " "
    expects = f"a number{joint}{bounds}" if bounds else "a number"

    def test(value: Any) -> Fault | None:
        if not _is_number(value):
            return _not_a_number(value, whole=False)
        if isinstance(value, int) and abs(value) > LARGEST:
            return Fault(help=f"the largest that fits is {LARGEST}")
        if not math.isfinite(value):
            return Fault(WRONG)
        fits = (
            (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
            and (below is None or value < below)
        )
        if fits and point and isinstance(value, int):
            said = f"Keras wants a decimal point here, got `{value}`"
            return Fault(RUN if origin == RUN else KERAS, f"write `{value}.0`", text=said, fix=float(value))
        if not fits and (low, high) == (0, 1) and 2 <= value <= 100:
            return Fault(origin, f"{value:g} % is `{value / 100:g}`")
        return None if fits else Fault(origin)

    bounds_by_key = {"minimum": low, "maximum": high, "exclusiveMinimum": above, "exclusiveMaximum": below}
    form = {"type": "number"} | {key: bound for key, bound in bounds_by_key.items() if bound is not None}
    return Rule(expects, test, form)


_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def flag() -> Rule:
    """`true` or `false`.

    >>> flag().test(True), flag().test("no").help
    (None, 'write `false`; `no` is plain text in YAML 1.2')
    """

    def test(value: Any) -> Fault | None:
        if isinstance(value, bool):
            return None
        if isinstance(value, str):
            folded = value.strip().lower()
            if folded in _YES_NO:
                meant = _YES_NO[folded]
                return Fault(help=f"write `{meant}`; `{value}` is plain text in YAML 1.2", fix=meant == "true")
            if folded in ("true", "false"):
                return Fault(help=f"remove the quotes: `{folded}`", fix=folded == "true")
        if _is_number(value) and value in (0, 1):
            return Fault(help=f"write `{'true' if value else 'false'}`", fix=bool(value))
        return Fault()

    return Rule("true or false", test, {"type": "boolean"})


def one_of(*words: str, folds: bool = False, origin: str = KERAS) -> Rule:
    """One of some words. `folds`: Keras takes them in any case, so another case is only unusual.

    >>> one_of("valid", "same", folds=True).test("SAME").code
    'NS215'
    """

    def test(value: Any) -> Fault | None:
        if not isinstance(value, str):
            return Fault()
        if value in words:
            return None
        exact = next((word for word in words if word.lower() == value.lower()), None)
        if exact is not None and folds:
            said = f"usually spelled `{exact}`, got `{value}`"
            return Fault(LANGUAGE, f"write `{exact}`", "NS215", "warning", said, exact)
        near = nearest(value, words)
        return Fault(origin, f"did you mean `{near}`?" if near else None, fix=sure(value, words))

    form: dict[str, Any] = {"enum": list(words)}
    if folds:
        form = {"anyOf": [form, {"type": "string", "pattern": f"^({'|'.join(map(any_case, words))})$"}]}
    expects = "one of " + ", ".join(f"`{word}`" for word in words) if len(words) > 1 else f"`{words[0]}`"
    return Rule(expects, test, form)


def any_case(word: str) -> str:
    """A pattern for a word in upper and lower case, for engines that have no flag for it.

    >>> any_case("no_1")
    '[nN][oO]_1'
    """
    return "".join(f"[{char}{char.upper()}]" if char.islower() else char for char in word.lower())


def text() -> Rule:
    """A text that is not empty."""
    form = {"type": "string", "minLength": 1}
    return Rule("a text", lambda value: None if isinstance(value, str) and value else Fault(), form)


def null(why: str) -> Rule:
    """Nothing but `null`, with the reason."""
    fault = Fault(help="leave it out")
    return Rule(f"`null`, since {why}", lambda value: None if value is None else fault, {"type": "null"})


def anything() -> Rule:
    """No rule is known."""
    return Rule("a value", lambda value: None)


def many(item: Rule, plural: str, *, count: int | None = None, low: int = 1, origin: str = KERAS) -> Rule:
    """A list of values that each keep a rule, `count` of them or at least `low`.

    >>> many(whole(), "whole numbers above 0", count=2).test([3, "3"]).help
    'remove the quotes: `3`'
    """

    def test(value: Any) -> Fault | None:
        if not isinstance(value, (list, tuple)):
            return Fault()
        if (count is not None and len(value) != count) or len(value) < low:
            return Fault(origin if value else WRONG)
        found = next((fault for fault in map(item.test, value) if fault is not None), None)
        return found if found is None or found.fix is None else replace(found, fix=None)  # it would mend one item

    form = {"type": "array", "items": item.form, "minItems": low if count is None else count}
    if count is not None:
        form["maxItems"] = count
    return Rule(f"a list of {count} {plural}" if count is not None else f"a list of {plural}", test, form)


def either(*rules: Rule) -> Rule:
    """What keeps one of several rules. A list is judged by the rules for lists alone.

    >>> either(whole(), many(whole(), "whole numbers above 0", count=2)).test([1, 2, 3]).origin
    'keras'
    """

    def test(value: Any) -> Fault | None:
        faults = [rule.test(value) for rule in rules]
        if None in faults:
            return None
        found = [fault for fault in faults if fault is not None]
        for wanted in (lambda f: f.severity is not None, lambda f: f.help is not None, lambda f: f.origin != LANGUAGE):
            for fault in found:
                if wanted(fault):
                    return fault
        return found[0]

    return Rule(" or ".join(rule.expects for rule in rules), test, {"anyOf": [rule.form for rule in rules]})


def sizes(rank: int, low: int = 1, *, origin: str = KERAS) -> Rule:
    """A whole number for all axes, or a list with one for each."""
    item = whole(low, origin=origin)
    return either(item, many(item, "of them", count=rank))


def span(low: float, high: float, *, strict: bool = False) -> Rule:
    """A number from `low` to `high`, or a list of two: a range that overlaps it, or lies inside with `strict`.

    >>> span(0, 1).test([0.5, 2]), span(0, 1, strict=True).test([0.5, 2]).origin
    (None, 'keras')
    """

    def outside(pair: Sequence[Any]) -> bool:
        if strict and not all(low <= each <= high for each in pair):
            return True
        return bool(pair[0] > high or pair[1] < low)

    one = number(low, high, origin=KERAS)
    two = distinct(many(number(), "numbers", count=2), "a range within it", outside)
    bounds = [number(low, high).form] * 2 if strict else [number(high=high).form, number(low).form]
    form = {"type": "array", "items": bounds, "minItems": 2, "maxItems": 2}
    return either(one, Rule(f"a range of two numbers within [{low:g}, {high:g}]", two.test, form))


def distinct(rule: Rule, what: str, wrong: Callable[[Sequence[Any]], bool], origin: str = KERAS) -> Rule:
    """A list rule with one more condition over the list as a whole."""

    def test(value: Any) -> Fault | None:
        fault = rule.test(value)
        if fault is None and isinstance(value, (list, tuple)) and wrong(value):
            return Fault(origin)
        return fault

    form = {**rule.form, "uniqueItems": True} if what.endswith("once") else rule.form
    return Rule(f"{rule.expects}, {what}", test, form)
