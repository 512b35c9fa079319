"""`$name` and `$(arithmetic)`: replaces variables by their values before anything else looks at the spec.

Only a whole scalar is a variable; `$` inside other text is text, and `$$x` stands for the text `$x`.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from netspec.catalog.nearest import near
from netspec.diagnostics import Path, Report

_SLIPS = ((re.compile(r"\$\{(.+)\}\Z"), "$({})"), (re.compile(r"\$([A-Za-z_]\w* *(?:[*/+%]|-(?= |\d)).+)\Z"), "$({})"))
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\Z")
_EXPRESSION = re.compile(r"\$\((.*)\)\Z", re.DOTALL)
_LONGEST = 1000  # characters of one expression
_LARGEST = 2**63  # whole numbers beyond this fit no Keras argument
_MOST = 1_000_000  # values that variables may bring in all; each use of one counts
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}

Value = int | float | str | bool | list[Any] | None


class VariableError(ValueError):
    """A variable or an expression that has no value; the message says why, and is empty where that is said already."""


class TooLargeError(Exception):
    """The variables make more of the spec than is looked at; that is reported."""


class _Broken:
    """The value of a variable that has none, which is reported where it is declared or used."""


_BROKEN = _Broken()


def evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    """The value of `$name` or `$(expression)`; any other text is its own value.

    Numbers, `+ - * / // % **` and brackets; `/` of whole numbers that goes without a rest stays whole.

    >>> evaluate("$(width * 2 + 1)", {"width": 8})
    17
    >>> evaluate("$(width / 2)", {"width": 8}), evaluate("$$width", {}), evaluate("costs $5", {})
    (4, '$width', 'costs $5')

    Raises:
        VariableError: an unknown variable, not arithmetic, or a result out of range.
    """
    if not text.startswith("$"):
        return text
    if text.startswith("$$"):
        return text[1:]
    if found := _NAME.match(text):
        return _look_up(found[1], variables)
    if found := _EXPRESSION.match(text):
        if len(found[1]) > _LONGEST:
            raise VariableError(f"an expression has at most {_LONGEST} characters, this one {len(found[1])}")
        try:
            tree = ast.parse(found[1].strip(), mode="eval")
            result = _arithmetic(tree.body, variables)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, VariableError):
                raise
            raise VariableError(f"`{text}` is not arithmetic") from None
        except ZeroDivisionError:
            raise VariableError(f"`{text}` divides by zero") from None
        except OverflowError:
            raise VariableError(f"`{text}` is too large") from None
        return result
    for slip, form in _SLIPS:
        if found := slip.match(text):
            plain = _NAME.match("$" + found[1])
            raise VariableError(
                f"`{text[:80]}` is no variable; write `{plain[0] if plain else form.format(found[1][:80])}`"
            )
    return text


def _look_up(name: str, variables: Mapping[str, Any]) -> Any:
    if name in variables:
        if variables[name] is _BROKEN:
            raise VariableError
        return variables[name]
    close = near(name, variables)
    raise VariableError(
        f"no variable is named `{name}`"
        + (f"; did you mean `${close}`?" if close else f"; declare it: `vars: {{{name}: …}}`")
    )


def _arithmetic(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return _number(name, _look_up(name, variables))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_arithmetic(operand, variables)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _arithmetic(operand, variables)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _arithmetic(left, variables), _arithmetic(right, variables)
            return _in_range(_apply(op, a, b))
    raise VariableError("an expression holds numbers, variables, + - * / // % ** and brackets, nothing else")


def _apply(op: ast.operator, a: Any, b: Any) -> Any:
    if isinstance(op, ast.Div):
        return a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b
    if isinstance(op, ast.Pow):
        if abs(a) > 1 and abs(b) * math.log2(abs(a)) > 64:
            raise OverflowError
        return a**b
    if type(op) in _OPERATORS:
        return _OPERATORS[type(op)](a, b)
    raise VariableError("an expression knows + - * / // % ** and brackets, nothing else")


def _number(name: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise VariableError(f"`{name}` is not a number, so it cannot stand in an expression")
    return value


def _in_range(value: Any) -> Any:
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        raise VariableError("the expression has no finite value")
    if abs(value) > _LARGEST:
        raise VariableError("the value of the expression is beyond 2^63")
    return value


def declared(data: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The variables under `vars`, each seeing those above it; raises TooLargeError."""
    raw = data.get("vars")
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        report.add("NS202", ("vars",), "`vars` is a mapping from names to values", help="vars: {width: 64}")
        return {}
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if not _NAME.match("$" + name):
            report.add(
                "NS209",
                ("vars", name),
                f"`{name}` cannot be a variable's name",
                key=True,
                help="letters, digits and `_`, starting with a letter",
            )
            report.silence(("vars", name))
        made, sound = _replaced(value, values, ("vars", name), report)
        values[name] = made if sound else _BROKEN
    return values


def substituted(value: Any, variables: Mapping[str, Any], path: Path, report: Report) -> Any:
    """A copy of `value` with every variable in it replaced; `value` itself where there is none.

    Works with a stack of its own, so depth costs nothing, and copies only what changes. A variable that has no value
    becomes an object that fits nowhere, and whatever is said about it at its place is kept silent.

    Raises:
        TooLargeError: the copy would hold too many values.
    """
    return _replaced(value, variables, path, report)[0]


def _replaced(value: Any, variables: Mapping[str, Any], path: Path, report: Report) -> tuple[Any, bool]:
    found: list[tuple[Path, str]] = []
    stack: list[tuple[Path, Any]] = [(path, value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, str):
            if node.startswith("$"):
                found.append((at, node))
        elif isinstance(node, dict):
            stack.extend(((*at, key), child) for key, child in node.items() if type(child) in _WALKED)
        elif isinstance(node, list):
            stack.extend(((*at, index), child) for index, child in enumerate(node) if type(child) in _WALKED)
    top = [value]
    total, sound = 0, True
    sizes: dict[int, int] = {}
    owned: set[int] = set()  # the containers copied here, each once however many variables it holds
    for at, text in found:
        try:
            new = evaluate(text, variables)
            total += _size(new, sizes)
        except VariableError as error:
            if str(error):
                report.add("NS210", at, str(error))
            report.silence(at)
            new, sound = _BROKEN, False
        if total > _MOST:
            report.add("NS210", at, f"its variables make the spec larger than {_MOST:,} values")
            raise TooLargeError
        here: Any = top
        *way, last = (0, *at[len(path) :])
        for part in way:
            child = here[part]
            if id(child) not in owned:
                child = here[part] = child.copy()
                owned.add(id(child))
            here = child
        here[last] = new
    return top[0], sound


def _size(value: Any, sizes: dict[int, int]) -> int:
    """How many values a variable brings. It may hold others many times over, so each is counted once and remembered."""
    if not isinstance(value, list | dict):
        return 1
    if id(value) in sizes:
        return sizes[id(value)]
    stack = [value]
    while stack:
        node = stack[-1]
        below = node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
        waiting = [each for each in below if isinstance(each, list | dict) and id(each) not in sizes]
        if waiting and id(node) not in sizes:
            stack += waiting
            continue
        stack.pop()
        sizes[id(node)] = 1 + sum(sizes[id(each)] if isinstance(each, list | dict) else 1 for each in below)
    return sizes[id(value)]


_WALKED = frozenset((str, dict, list))
