"""Faults of the text itself: bytes that no spec should hold, with the code that the reader must give first.

`None` stands for bytes that are a usable YAML mapping however odd they look; later stages judge those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DEPTHS = (500, 30_000, 1_000_000)
OPENERS = {"list": "[", "mapping": "{a: ", "item": "- ", "key": "? "}


@dataclass(frozen=True, slots=True)
class Case:
    """A named fault: what makes the bytes, and the first code that they must get."""

    name: str
    code: str | None
    make: Callable[[], bytes]
    heavy: bool = False  # takes seconds


def _text(name: str, code: str | None, text: str) -> Case:
    return Case(name, code, lambda: text.encode("utf-8", "surrogatepass"))


def _deep(name: str, opener: str, depth: int, code: str) -> Case:
    return Case(f"{name}-{depth}-deep", code, lambda: (opener * depth).encode())


def alias_bomb() -> str:
    """Nine levels of nine aliases: 387,420,489 values in 200 characters."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines) + "\n"


def merge_bomb() -> str:
    """The same with `<<`: short to write, long to merge."""
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    return "\n".join(lines) + "\n"


def merge_chain(length: int) -> str:
    """Each mapping merges the one above it and adds a key."""
    return "a0: &a0 {k0: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, length))


CASES: tuple[Case, ...] = (
    *(
        _deep(name, opener, depth, "NS107" if name == "key" else "NS103")
        for name, opener in OPENERS.items()
        for depth in DEPTHS
    ),
    Case("block-3000-deep", "NS103", lambda: "\n".join(" " * n + "a:" for n in range(3000)).encode()),
    _text("alias-bomb", "NS104", alias_bomb()),
    _text("merge-bomb", "NS104", merge_bomb()),
    _text("merge-chain", "NS104", merge_chain(5000)),
    Case("big-anchor", "NS104", lambda: b"a: &a [" + b"1," * 1000 + b"]\nb: [" + b"*a," * 10_000 + b"]"),
    Case("many-values", "NS104", lambda: b"a: [" + b"1," * 1_200_000 + b"]"),
    Case("many-tag-directives", "NS104", lambda: b"".join(b"%%TAG !a%d! x\n" % n for n in range(400_000))),
    Case("too-large", "NS104", lambda: b"a: " + b"x" * (8 << 20)),
    Case("long-line", None, lambda: b"a: " + b"x" * ((8 << 20) - 4)),
    Case("only-line-breaks", "NS109", lambda: b"\n" * (8 << 20)),
    Case("many-duplicates", "NS102", lambda: b"a: 1\n" * 1_000_000),
    Case(
        "late-duplicates", "NS102", lambda: "".join(f"k{n}: 1\n" for n in range(200_000)).encode() + b"k1999: 2\n" * 99
    ),
    _text("self-reference", "NS106", "a: &a [*a]\n"),
    _text("self-merge", "NS106", "a: &a {<<: *a}\n"),
    _text("no-anchor", "NS106", "a: *b\n"),
    _text("bad-merge", "NS106", "a: {<<: 3}\n"),
    _text("duplicate-key", "NS102", "a: {b: 1, b: 2}\n"),
    _text("python-object", "NS105", "a: !!python/object/apply:os.system [ls]\n"),
    _text("own-tag", "NS105", "a: !Foo {b: 1}\n"),
    _text("binary", "NS105", "a: !!binary aGk=\n"),
    _text("set", "NS105", "a: !!set {b, c}\n"),
    _text("unknown-handle", "NS105", "a: !e!x 1\n"),
    _text("bad-tag-content", "NS108", "a: !!int twelve\n"),
    _text("two-documents", "NS109", "a: 1\n---\nb: 2\n"),
    _text("empty", "NS109", ""),
    _text("blank", "NS109", " \n\n"),
    _text("comments", "NS109", "# nothing\n# here\n"),
    _text("scalar-root", "NS110", "hello\n"),
    _text("list-root", "NS110", "- a\n- b\n"),
    _text("null-root", "NS110", "null\n"),
    _text("nul", "NS100", "a: \x00\n"),
    _text("escape", "NS100", "a: \x1b[31mred\n"),
    _text("delete", "NS100", "a: b\x7f\n"),
    _text("line-separator", "NS100", "# a\u2028b: 1\n"),
    _text("lone-surrogate", "NS100", "a: \ud800\n"),
    _text("byte-order-mark", None, "\ufeffa: 1\n"),
    _text("second-byte-order-mark", "NS100", "a: 1\n\ufeffb: 2\n"),
    Case("utf-16-le", "NS100", lambda: "a: 1\n".encode("utf-16")),
    Case("utf-16-be", "NS100", lambda: "a: 1\n".encode("utf-16-be")),
    Case("utf-32", "NS100", lambda: "a: 1\n".encode("utf-32")),
    Case("latin-1", "NS100", lambda: "a: café\n".encode("latin-1")),
    Case("overlong-utf-8", "NS100", lambda: b"a: \xc0\xaf\n"),
    _text("carriage-returns", None, "a:\r  b: 1\r  c: 2\r"),
    _text("windows-line-breaks", None, "a:\r\n  b: 1\r\n"),
    _text("tab-indent", "NS101", "a:\n\tb: 1\n"),
    _text("unclosed-quote", "NS101", "a: 'b\nc: 1\n"),
    _text("unclosed-bracket", "NS101", "a: [1, 2\nb: 3\n"),
    _text("list-as-key", "NS107", "? [a, b]\n: 1\n"),
    _text("mapping-as-key", "NS107", "{a: 1}: 1\n"),
    _text("null-as-key", "NS107", "null: 1\n"),
    Case("long-number", "NS108", lambda: b"a: " + b"9" * 5000),
    Case("long-hexadecimal", "NS108", lambda: b"a: 0x" + b"f" * 5000),
    _text("float-overflow", "NS108", "a: 1e999\n"),
)
