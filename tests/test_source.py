"""language.source: bytes to plain data, within bounds, with a place for every value and every mistake."""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path as File
from typing import Any

import pytest
from effort import patience
from faults.text import CASES, Case, merge_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, Path, Place
from netspec.language import source
from netspec.language.source import MAX_BYTES, Document, SourceError, parse_value, read, read_text

SPEC = """\
# A small spec.
netspec: 1
inputs:
  image: [28, 28, 1]
layers:
  - Conv2D: {filters: 8, kernel_size: 3}
    name: "first"
  - Dense:
      units: &wide 64
      activation: relu
  - Dense: {units: *wide}
"""


@pytest.fixture(params=["libyaml", "python"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers must read the same."""
    if request.param == "python":
        monkeypatch.setattr(source, "_parser", source._PythonParser)
    elif not source.yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


def found(text: str | bytes) -> tuple[Diagnostic, ...]:
    return read_text(text, "x.yaml")[1].diagnostics


def only(text: str | bytes) -> Diagnostic:
    (diagnostic,) = found(text)
    return diagnostic


def data(text: str | bytes) -> Any:
    document, report = read_text(text, "x.yaml")
    assert report.diagnostics == ()
    return document.data


def at(place: Place) -> tuple[int, int, int, int]:
    return place.line, place.column, place.end_line, place.end_column


def offset(text: str, line: int, column: int) -> int:
    lines = text.replace("\r\n", "\n\n").replace("\r", "\n").split("\n")  # only used where breaks are single characters
    return sum(len(one) + 1 for one in lines[: line - 1]) + column - 1


def slice_of(document: Document, path: Path, *, key: bool = False) -> str:
    place = document.locate(path, key=key)
    begin = offset(document.text, place.line, place.column)
    return document.text[begin : offset(document.text, place.end_line, place.end_column)]


# values

STRINGS = """
no No NO yes on off y n tRue nULL 1_000 0b1 0o8 0xg 12:30:45 1:30 2001-01-01
2001-01-01T00:00:00Z . + e3 1e --1 1.2.3 -0x1 .Nan inf nan = -.nan 0x 0o
"""
NUMBERS = {
    "0": 0, "12": 12, "-12": -12, "+12": 12, "010": 10, "0o10": 8, "0x1F": 31, "-0": 0, "9223372036854775808": 2**63,
    "1e-3": 1e-3, ".5": 0.5, "1.": 1.0, "-1.5E+3": -1500.0, "+.5": 0.5, "1e3": 1000.0, "0.0": 0.0,
    ".inf": math.inf, "-.Inf": -math.inf, "+.INF": math.inf,
}  # fmt: skip
CORE_SCHEMA: dict[str, object] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **NUMBERS,
    **{text: text for text in STRINGS.split()},
}


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(("text", "value"), CORE_SCHEMA.items())
def test_core_schema(text: str, value: object) -> None:
    got = data(f"a: {text}\n")["a"]
    assert (type(got), got) == (type(value), value)
    assert data(f"a: '{text}'\nb: \"{text}\"\nc: !!str {text}\n") == {"a": text, "b": text, "c": text}


def test_not_a_number() -> None:
    assert all(math.isnan(data(f"a: {text}")["a"]) for text in (".nan", ".NaN", ".NAN"))


def test_explicit_tags() -> None:
    text = "a: !!int 0x10\nb: !!float 3\nc: !!bool true\nd: !!null ~\ne: !!map {}\nf: !!seq []\ng: ! 12\nh: !!int '7'\n"
    assert data(text) == {"a": 16, "b": 3.0, "c": True, "d": None, "e": {}, "f": [], "g": "12", "h": 7}
    assert type(data(text)["b"]) is float


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("!!int x", "NS108"), ("!!int 1.5", "NS108"), ("!!float x", "NS108"), ("!!bool yes", "NS105"),
        ("!!null x", "NS105"), ("!!map x", "NS105"), ("!!str {}", "NS105"), ("!!seq {}", "NS105"),
        ("!!timestamp 2001-01-01", "NS105"),
    ],
)  # fmt: skip
def test_bad_explicit_tags(text: str, code: str) -> None:
    assert only(f"a: {text}\n").code == code


def test_keys_are_strings_as_written() -> None:
    assert data("1: a\n0x10: b\ntrue: c\n1.50: d\nno: e\n'null': f\n? " + "9" * 5000 + "\n: g\n") == {
        "1": "a", "0x10": "b", "true": "c", "1.50": "d", "no": "e", "null": "f", "9" * 5000: "g",
    }  # fmt: skip


def test_number_bounds() -> None:
    assert data("a: " + "9" * 4000)["a"] == int("9" * 4000)
    assert data("a: 1e-999")["a"] == 0.0
    assert only("a: " + "9" * 4001).message == "whole number of 4001 digits, expected at most 4000"
    assert "1e999" in only("a: 1e999").message


def test_text_blocks_and_folding() -> None:
    assert data("a: |\n  x\n  y\nb: >-\n  x\n  y\nc: x\n  y\n") == {"a": "x\ny\n", "b": "x y", "c": "x y"}


def test_anchors_share_the_object_and_merge() -> None:
    text = "a: &a {k: 1, l: 2}\nb: {z: 0, <<: *a, l: 3}\nc: {<<: [{k: 5}, *a]}\nd: *a\n"
    got = data(text)
    assert got["d"] is got["a"]
    assert got["b"] == {"z": 0, "k": 1, "l": 3} and list(got["b"]) == ["z", "k", "l"]
    assert got["c"] == {"k": 5, "l": 2}
    assert data("'<<': 1\n") == {"<<": 1}


def test_an_anchor_may_be_used_again() -> None:
    assert data("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize("head", ["%YAML 1.1\n---\n", "%YAML 1.2\n", "%YAML 7.9\r\n---\r\n", "# x\n%OTHER y\n---\n"])
def test_directives_say_nothing(head: str) -> None:
    assert data(head + "a: no\n") == {"a": "no"}


def test_parse_value() -> None:
    assert [parse_value(text) for text in ("1e-3", "no", "", "[1, {a: ~}]", "'3'", "null")] == [
        0.001, "no", None, [1, {"a": None}], "3", None,
    ]  # fmt: skip
    for text in ("[1", "a: b: c", "!x 3", "1e999", "*a", "# nothing", "\x1b", "a\n---\nb"):
        with pytest.raises(ValueError, match=r"\w"):
            parse_value(text)


# places


def test_locate_values_and_keys() -> None:
    document, _ = read_text(SPEC, "x.yaml")
    conv: Path = ("layers", 0, "Conv2D")
    assert slice_of(document, (*conv, "filters")) == "8"
    assert slice_of(document, (*conv, "filters"), key=True) == "filters"
    assert slice_of(document, conv) == "{filters: 8, kernel_size: 3}"
    assert slice_of(document, conv, key=True) == "Conv2D"
    assert slice_of(document, ("layers", 0, "name")) == '"first"'
    assert slice_of(document, ("inputs", "image", 2)) == "1"
    assert slice_of(document, ("layers", 1)) == "Dense:\n      units: &wide 64\n      activation: relu"
    assert slice_of(document, ("layers", 1), key=True) == slice_of(document, ("layers", 1))
    assert at(document.locate(("layers", 1, "Dense", "units"))) == (9, 20, 9, 22)
    assert document.locate(("layers", 2, "Dense", "units")) == document.locate(("layers", 1, "Dense", "units"))


def test_locate_what_is_not_there() -> None:
    document, _ = read_text(SPEC, "x.yaml")
    assert at(document.locate(())) == at(document.locate(("losses",))) == (1, 1, 1, 1)
    assert slice_of(document, ("layers", 0, "Conv2D", "padding")) == "Conv2D"
    assert slice_of(document, ("layers", 0, "step", "Conv2D", "function-plain", "filters")) == "8"
    assert slice_of(document, ("inputs", "image", 7)) == "[28, 28, 1]"
    assert slice_of(document, ("netspec", "x", 3)) == "1"
    assert slice_of(document, ("layers", 0, "from")) == slice_of(document, ("layers", 0))


def test_locate_merged_and_odd_keys() -> None:
    text = "a: &a {k: 1, l: 2}\nb: {<<: [{m: 3}, *a], l: 4}\n"
    text += "'it''s': 5\n\"\\x41\": 6\n? x\n  y\n: 7\n&n z: 8\nc: {*n : 9}\n"
    document, _ = read_text(text, "x.yaml")
    assert document.data["c"] == {"z": 9}
    for path, written in (
        (("b", "k"), "1"), (("b", "m"), "3"), (("b", "l"), "4"), (("it's",), "5"), (("A",), "6"), (("x y",), "7"),
        (("z",), "8"), (("c", "z"), "9"),
    ):  # fmt: skip
        assert slice_of(document, path) == written
    assert slice_of(document, ("b", "k"), key=True) == "k"
    assert document.locate(("b", "k"), key=True).line == 1


def test_locate_through_a_long_chain_of_merges() -> None:
    document, report = read_text(merge_chain(600), "x.yaml")
    assert report.ok
    assert document.locate(("a599", "k0")).line == 1 and document.locate(("a599", "k300")).line == 301


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_line_breaks(line_break: str) -> None:
    document, report = read_text(SPEC.replace("\n", line_break).encode(), "x.yaml")
    assert report.ok
    place = document.locate(("layers", 1, "Dense", "activation"))
    assert (place.line, place.column, place.text) == (10, 19, "      activation: relu")


def test_columns_count_characters() -> None:
    document, _ = read_text("é: {日本: 🙂, b: 1}\n".encode(), "x.yaml")
    assert at(document.locate(("é", "b"))) == (1, 15, 1, 16)
    assert at(read_text("\ufeffa: 1", "x")[0].locate(("a",))) == (1, 4, 1, 5)


def test_long_lines_are_cut_round_the_place() -> None:
    document, _ = read_text("a: [" + "x, " * 3000 + "5]\n", "x.yaml")
    place = document.locate(("a", 3000))
    assert len(place.text) <= 200 and place.text[place.column - 1 - place.offset] == "5"


def test_overrides_have_places_of_their_own() -> None:
    document, _ = read_text(SPEC, "x.yaml")
    place = Place("--set", 1, 1, 1, 5, "layers[0].Conv2D={x: 1}")
    changed = document.with_overrides({"changed": True}, {("layers", 0, "Conv2D"): place})
    assert changed.data == {"changed": True}
    assert changed.locate(("layers", 0, "Conv2D", "x"), key=True) == changed.locate(("layers", 0, "Conv2D")) == place
    assert changed.locate(("layers", 0, "name")) == document.locate(("layers", 0, "name"))
    assert document.data != changed.data


# mistakes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_fault_gets_its_code_and_soon(case: Case) -> None:
    content = case.make()
    with patience():
        document, report = read_text(content, "x.yaml")
    codes = [diagnostic.code for diagnostic in report.diagnostics]
    assert codes[:1] == ([case.code] if case.code else [])
    assert (document.data is not None) == (case.code is None or (case.code == "NS102" and len(codes) < 100))
    assert len(codes) <= 100


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 'b\nc: 1\n", 1, 4, "the quote `'` is never closed"),
        ('a: "b\n', 1, 4, 'the quote `"` is never closed'),
        ("a: [1, 2\nb: 3\n", 1, 4, "`[` is never closed"),
        ("a: {b: 1\nc: 3\n", 1, 4, "`{` is never closed"),
        ("a: [1, 2\n", 1, 4, "`[` is never closed"),
        ("a: {b: 1 c: 2}\n", 1, 11, "expected `,` or `}`, got `:`"),
        ("a: [1, 2}\n", 1, 9, "`}` closes `[`, expected `]`"),
        ("a: b: c\n", 1, 5, "a second `:` in one value"),
        ("a: b\n  c: d\n", 2, 3, "the key `c` cannot stand below a value that is no mapping"),
        ("a:\n  - Flatten\n    name: x\n", 3, 5, "the key `name` stands below `Flatten`, which has no `:`"),
        ("a:\n  - Flatten # flat\n    name: x\n", 3, 5, "the key `name` stands below `Flatten`, which has no `:`"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "an indentation of 1 space fits nothing above this line"),
        ("a: 1\n- b\n", 2, 1, "a list item stands among the keys of a mapping"),
        ("a: @x\n", 1, 4, "a value cannot start with `@`"),
        ("a: `x`\n", 1, 4, "a value cannot start with a backtick"),
        ("a: %x\n", 1, 4, "a value cannot start with `%`"),
        ("a:\n\tb: 1\n", 2, 1, "a tab indents this line, expected spaces"),
        ("a:\n  b: 1\n\tc: 2\n", 3, 1, "a tab indents this line, expected spaces"),
        ("a:\n  b: 1\n  \tc: 2\n", 3, 3, "a tab indents this line, expected spaces"),
        ("a: 1\nfoo\nb: 2\n", 2, 1, "expected a `:` after the key `foo`"),
        ('a: "\\q"\n', 1, 5, "unknown escape `\\q`"),
        ('a: "\\ud800"\n', 1, 5, "`\\ud800` is half a character"),
        ("? " + "a" * 2000 + "\n: 1\n" + "b" * 2000 + ": 1\n", 3, 1, "a key can have at most 1,024 characters"),
        ("a: *\n", 1, 4, "`*` starts an alias"),
        ("a: [1,,2]\n", 1, 7, "expected a value, got `,`"),
        ("a: 'b' c\n", 1, 8, "expected the end of the line, got `c`"),
        ("a: 1\n}\n", 2, 1, "`}` closes nothing"),
        ("a: - b\n", 1, 4, "a list item cannot start here"),
        ("a:1\nb:2\n", 1, 1, "the file holds a single value"),
    ],
)
def test_syntax_in_our_own_words(text: str, line: int, column: int, words: str) -> None:
    diagnostic = only(text)
    assert words in diagnostic.message
    assert (diagnostic.place.line, diagnostic.place.column) == (line, column)
    assert diagnostic.help


def test_duplicates_name_both_places_and_leave_the_rest_usable() -> None:
    document, report = read_text("a:\n  b: 1\n  'b': 2\nc: 3\n", "x.yaml")
    (diagnostic,) = report.diagnostics
    assert diagnostic.message == "duplicate key `b`, first in line 2"
    assert at(diagnostic.place) == (3, 3, 3, 6) and at(diagnostic.labels[0].place) == (2, 3, 2, 4)
    assert document.data == {"a": {"b": 1}, "c": 3}


def test_one_mistake_one_message() -> None:
    assert [one.code for one in found("a: *x\nb: {<<: *y}\nc: !Foo z\n!Foo k: v\n")] == [
        "NS106",
        "NS106",
        "NS105",
        "NS105",
    ]
    assert [one.code for one in found("? {a: {b: c}}\n: {d: e}\n")] == ["NS107"]


def test_a_near_anchor_is_named() -> None:
    assert only("base: &base 1\na: *bsae\n").help == "did you mean `*base`?"


def test_bad_bytes_have_a_place() -> None:
    diagnostic = only("a: é\nb: caf".encode() + b"\xe9 au lait\n")
    assert (diagnostic.place.line, diagnostic.place.column) == (2, 7)
    assert diagnostic.message == "byte 0xE9 is not UTF-8" and diagnostic.help == "save the file as UTF-8"
    assert diagnostic.place.text == "b: caf\ufffd au lait"


def test_tags_are_underlined() -> None:
    assert at(only("a: !Foo x\n").place) == (1, 4, 1, 8)
    assert at(only("a: &x !Foo\n  b: 1\n").place) == (1, 7, 1, 11)


def test_findings_are_bounded() -> None:
    diagnostics = found("- *x\n" * 1000)
    assert len(diagnostics) == 100 and "stopped" in diagnostics[-1].notes[0]


# files


def test_read(tmp_path: File) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\r\n")
    document, report = read(file)
    assert (document.data, document.file, report.ok) == ({"a": 1}, str(file), True)
    assert read(str(file), "shown")[0].file == "shown"


def test_at_most_the_cap_is_read(tmp_path: File) -> None:
    file = tmp_path / "x.yaml"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # a terabyte of nothing
    assert [one.code for one in read(file)[1].diagnostics] == ["NS104"]
    file.write_bytes(b"a: 1\n" + b"#" * (MAX_BYTES - 5))
    assert read(file)[1].ok


def test_what_cannot_be_read(tmp_path: File) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("a: 1")
    for name, words in {
        "nothing": "no such file",
        "loop": "a loop of links",
        "pipe": "a pipe, expected a file",
        ".": "a folder, expected a file",
        "file/x": "a part of the path is no folder",
        "x" * 300: "the name is too long",
        "a\0b": "no file can have this name",
        "a\ud800b": "no file can have this name",
    }.items():
        with pytest.raises(SourceError, match=words):
            read(os.path.join(tmp_path, name))
    with pytest.raises(SourceError, match="a device, expected a file"):
        read("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_permission(tmp_path: File) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    with pytest.raises(SourceError, match="permission denied"):
        read(file)


def test_names_are_safe_to_print(tmp_path: File) -> None:
    name = os.fsdecode(b"caf\xe9\x1b[31m\n.yaml")
    with pytest.raises(SourceError) as raised:
        read(tmp_path / name)
    assert r"caf\xe9\x1b[31m\n.yaml" in str(raised.value)
    (tmp_path / name).write_text("a: 1")
    assert read(tmp_path / name)[0].data == {"a": 1}


# anything at all


def check(content: str | bytes) -> None:
    document, report = read_text(content, "x.yaml")
    assert (document.data is None) == any(one.code != "NS102" for one in report.diagnostics)
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in report.diagnostics:
        for place in (one.place, *(label.place for label in one.labels)):
            assert 1 <= place.line <= place.end_line <= len(lines)
            assert 1 <= place.column <= len(lines[place.line - 1]) + 1
            assert (place.line, place.column) <= (place.end_line, place.end_column)
            assert place.text in lines[place.line - 1]
    paths: list[tuple[Path, Any]] = [((), document.data)]
    for path, value in paths:
        place = document.locate(path)
        key = document.locate(path, key=True)
        assert place.line <= len(lines) and key.line <= len(lines)
        if len(paths) < 200:
            items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            paths += [((*path, name), below) for name, below in items]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="ab:-?[]{},&*!|>'\"%@`#<~ \n\r\t1.", max_size=80))
def test_any_text_is_read_or_reported(content: str | bytes) -> None:
    check(content)


@pytest.mark.usefixtures("either_parser")
def test_shuffled_specs_are_read_or_reported() -> None:
    chance = random.Random(1)
    pieces = [
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "&a ",
        "*a",
        "<<: *a",
        "!!int ",
        "\t",
        "\n",
        "  ",
        "#",
        "|",
        "? ",
        "\0",
        "---\n",
    ]
    for _ in range(1500):
        text = SPEC
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(text))
            end = start + chance.choice((0, 0, 1, 5))
            text = text[:start] + chance.choice((*pieces, "")) + text[end:]
        check(text)


TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cn", "Cs", "Zl", "Zp"), exclude_characters="\ufeff"), max_size=8
)
SAFE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        TEXT, st.recursive(SAFE, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12)
    )
)
def test_json_reads_as_itself(value: dict[str, Any]) -> None:
    assert data(json.dumps(value, ensure_ascii=False)) == value
