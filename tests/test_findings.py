"""render.findings: the same diagnostics as full text, one line each, and JSON."""

from __future__ import annotations

import json
import math
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, Label, Place, Report, Suppressed, printable
from netspec.language.source import read_text
from netspec.render.findings import Failure, concise, json_report, summary, text

UNET = "\n" * 17 + "    name: skip1\n" + "\n" * 8 + "    name: up1\n" + "\n" * 3 + "    from: [skip1, up1]\n"


def place(line: int, column: int, end_column: int, source: str, file: str = "x.yaml", offset: int = 0) -> Place:
    return Place(file, line, column, line, end_column, source, offset)


def diagnostic(where: Place, message: str = "wrong", severity: str = "error", **more: object) -> Diagnostic:
    return Diagnostic("NS201", "unknown-key", severity, message, where, **more)  # type: ignore[arg-type]


def test_the_full_form() -> None:
    source = UNET.split("\n")
    one = Diagnostic(
        "NS401",
        "merge-mismatch",
        "error",
        "inputs of Concatenate differ outside axis -1",
        place(31, 19, 22, source[30], "specs/unet.yaml"),
        "axes 1 and 2 are 16, expected 32",
        (
            Label(place(27, 11, 14, source[26], "specs/unet.yaml"), "(batch, 16, 16, 8)"),
            Label(place(18, 11, 16, source[17], "specs/unet.yaml"), "(batch, 32, 32, 8)"),
        ),
        ("up1 has 16 because conv3 halved 32",),
        "add `UpSampling2D: 2` after up1",
    )
    assert (
        text([one])
        == """\
error[NS401]: inputs of Concatenate differ outside axis -1
  --> specs/unet.yaml:31:19
   |
18 |     name: skip1
   |           ----- (batch, 32, 32, 8)
27 |     name: up1
   |           --- (batch, 16, 16, 8)
31 |     from: [skip1, up1]
   |                   ^^^ axes 1 and 2 are 16, expected 32
   |
   = note: up1 has 16 because conv3 halved 32
   = help: add `UpSampling2D: 2` after up1
"""
    )


def test_two_spans_in_one_line_and_one_in_another_file() -> None:
    source = "a: {b: 1, b: 2}"
    labels = (Label(place(3, 5, 6, source), "first"), Label(place(1, 1, 4, "x=1", "--set"), "set here"))
    assert (
        text([diagnostic(place(3, 11, 12, source), labels=labels)])
        == """\
error[NS201]: wrong
 --> x.yaml:3:11
  |
3 | a: {b: 1, b: 2}
  |     - first
  |           ^
 ::: --set:1:1
  |
1 | x=1
  | --- set here
"""
    )


def test_no_source_no_window() -> None:
    assert (
        text([diagnostic(Place("x.yaml", 1, 1, 1, 1), severity="warning")])
        == "warning[NS201]: wrong\n --> x.yaml:1:1\n"
    )


def test_several_are_set_apart() -> None:
    one = diagnostic(Place("x.yaml", 1, 1, 1, 1))
    assert text([one, one]) == text([one]) + "\n" + text([one])
    assert text([]) == concise([]) == ""


def test_spans_over_several_lines_mark_the_first() -> None:
    document, _ = read_text("a:\n  b: 1\n  c: 2\n", "x.yaml")
    assert text([diagnostic(document.locate(("a",)))]).splitlines()[3:5] == ["2 |   b: 1", "  |   ^^^^"]


@pytest.mark.parametrize(
    ("source", "column", "end", "shown", "marks"),
    [
        ("\tb: 1", 2, 3, "    b: 1", "    ^"),
        ("a\tb", 2, 3, "a   b", " ^^^"),
        ("日本: x", 5, 6, "日本: x", "      ^"),
        ("日本: x", 1, 3, "日本: x", "^^^^"),
        ("e\u0301: x", 4, 5, "e\u0301: x", "  ^"),
        ("a\u202eb: x", 5, 6, "a\\u202eb: x", "         ^"),
        ("\x1b[31m", 1, 2, "\\x1b[31m", "^^^^"),
        ("a", 2, 2, "a", " ^"),
        ("a", 40, 50, "a", " ^"),
    ],
)
def test_marks_stand_under_what_they_mean(source: str, column: int, end: int, shown: str, marks: str) -> None:
    lines = text([diagnostic(place(1, column, end, source))]).splitlines()
    assert lines[3:5] == [f"1 | {shown}", f"  | {marks}"]


def test_long_lines_are_cut_to_the_width_and_messages_are_not() -> None:
    source = "a: [" + "x, " * 50 + "HERE, " + "y, " * 50 + "]"
    column = source.index("HERE") + 1
    for width in (1, 40, 80):
        lines = text([diagnostic(place(1, column, column + 4, source), "m" * 300)], width=width).splitlines()
        assert lines[0].endswith("m" * 300)
        assert len(lines[3]) <= max(width, 24)
        assert lines[3].startswith("1 | ...") and lines[3].endswith("...")
        assert lines[3][lines[4].index("^") :].startswith("HERE") and lines[4].count("^") == 4


def test_a_window_that_the_document_cut_says_so() -> None:
    document, _ = read_text("a: [" + "x, " * 3000 + "5, 6]\n", "x.yaml")
    lines = text([diagnostic(document.locate(("a", 3000)))]).splitlines()
    assert lines[3].startswith("1 | ...") and lines[3][lines[4].index("^")] == "5"


def test_color_only_when_asked() -> None:
    one = diagnostic(place(1, 1, 2, "a: 1"), notes=("n",), help="h")
    painted = text([one], color=True)
    assert "\x1b" not in text([one]) and "\x1b[1;31m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == text([one])


def test_concise() -> None:
    found = [diagnostic(place(3, 5, 6, "")), diagnostic(place(4, 1, 2, ""), "a\nb", "warning")]
    assert concise(found) == "x.yaml:3:5: error[NS201] wrong\nx.yaml:4:1: warning[NS201] a\\nb\n"


def test_json_has_these_keys_and_no_other() -> None:
    report = Report(read_text("é: {b: 1}\n", "x.yaml")[0])
    report.add(
        "NS201",
        ("é", "b"),
        "unknown key `b`",
        key=True,
        label="here",
        spans=[(("é",), "in this")],
        notes=["a note"],
        help="remove it",
        fix=("b", math.inf),
    )
    (found,) = report.diagnostics
    place = {"line": 1, "column": 5, "end_line": 1, "end_column": 6, "start_byte": 5, "end_byte": 6}
    diagnostic = {
        "code": "NS201",
        "name": "unknown-key",
        "severity": "error",
        "message": "unknown key `b`",
        "file": "x.yaml",
        **place,
        "label": "here",
        "labels": [
            {"file": "x.yaml", "line": 1, "column": 4, "end_line": 1, "end_column": 10, "start_byte": 4, "end_byte": 10}
            | {"text": "in this"}
        ],
        "notes": ["a note"],
        "help": "remove it",
        "fix": {"file": "x.yaml", **place, "old": "b", "new": "inf"},
    }
    failure = Failure("`y.yaml`: no such file", "y.yaml")
    assert json.loads(json_report(["x.yaml"], [found], False, [Suppressed(found, "as planned", 1)], [failure])) == {
        "format_version": "1.1",
        "valid": False,
        "files": ["x.yaml"],
        "diagnostics": [diagnostic],
        "suppressed": [{**diagnostic, "reason": "as planned"}],
        "failures": [{"message": "`y.yaml`: no such file", "file": "y.yaml", "code": None, "help": None}],
        "data": [],
    }


def test_a_file_named_like_a_command_starts_no_line() -> None:
    assert concise([diagnostic(Place("::error::x", 1, 1, 1, 1))]).startswith("./::error::x:1:1: ")
    assert concise([diagnostic(Place(" ::warning ::x", 1, 1, 1, 1))]).startswith("./ ::warning ::x:1:1: ")


BYTES = {
    "ascii": b"a: 1\nbb: 2\n",
    "mark": b"\xef\xbb\xbfa: 1\nbb: 2\n",
    "carriage returns": b"a: 1\r\nbb: 2\r\n",
    "wide": "ä: 日\n🙂b: 😀\n".encode(),
    "wide with a mark": b"\xef\xbb\xbf" + "ä: 日\r\n🙂b: 😀\r\n".encode(),
    "long": ("é: " + "é😀x" * 3000 + "\nbb: 2\n").encode(),
    "long to the edge": ("é: " + "x" * 1020 + "\nbb: 2\n").encode(),
}


@pytest.mark.parametrize("source", BYTES.values(), ids=BYTES)
def test_bytes_are_those_of_the_file(source: bytes) -> None:
    document, report = read_text(source, "x.yaml")
    assert isinstance(document.data, dict) and report.ok
    for key, value in document.data.items():
        for place, written in ((document.locate((key,), key=True), key), (document.locate((key,)), str(value))):
            assert place.start_byte is not None
            assert source[place.start_byte : place.end_byte] == written.encode()


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", "é😀: ".encode(), b"abcd: \x00\x01\xc3\xa9 "])
def test_the_byte_that_cannot_be_read_is_named(before: bytes) -> None:
    source = before + b"\xe9\xff b"
    (found,) = read_text(source, "x.yaml")[1].diagnostics
    assert (found.place.start_byte, found.place.end_byte) == (len(before), len(before) + 1)
    assert read_text(source.decode("utf-8", "surrogateescape"), "x.yaml")[1].diagnostics  # and text never fails


def test_json_survives_names_that_are_not_utf_8() -> None:
    name = "caf\udce9\ud800\u2028.yaml"
    report = json_report([name], [diagnostic(Place(name, 1, 1, 1, 1), f"{math.nan} \x1b")], False)
    assert report.isascii()
    assert json.loads(report)["files"] == [name]


def test_summary() -> None:
    error, warning = diagnostic(place(1, 1, 1, "")), diagnostic(place(1, 1, 1, ""), severity="warning")
    assert summary(["a", "b", "c"], [error, warning, error]) == "2 errors, 1 warning in 3 files"
    assert summary(["a"], [error]) == "1 error in 1 file"
    assert summary(["a"], [warning, warning]) == "2 warnings in 1 file"
    assert summary(["a", "b", "c"], []) == "3 specs, no problems"
    assert summary(["a"], []) == "1 spec, no problems"
    assert summary(["a"], [], 2) == "1 spec, no problems, 2 ignored by comments"
    assert summary(["a"], [error], 1) == "1 error in 1 file, 1 ignored by comments"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain `a`", "plain `a`"), ("é 日本 🙂", "é 日本 🙂"), ("a\tb\r\n", "a\\tb\\r\\n"), ("\udcff", "\\xff"),
        ("\u202e\u200b\u2066", "\\u202e\\u200b\\u2066"), ("\ud800", "\\ud800"), ("\U000e0041", "\\U000e0041"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("\xa0\u3164\x7f\x85", "\\xa0\\u3164\\x7f\\x85"),
    ],
)  # fmt: skip
def test_printable(raw: str, shown: str) -> None:
    assert printable(raw) == shown


HOSTILE = st.text(st.characters(), max_size=20) | st.text("a\t\n\r\x1b\u202e\u200b日e\u0301\udcff", max_size=20)


@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE, st.integers(1, 30), st.integers(1, 30), st.integers(0, 30) | st.none())
def test_nothing_from_users_moves_the_terminal(raw: str, file: str, column: int, end: int, width: int | None) -> None:
    where = place(1, column, end, raw, file)
    found = [diagnostic(where, raw, label=raw, labels=(Label(where, raw),), notes=(raw,), help=raw)]
    for output in (text(found, width=width), concise(found)):
        assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in output)
        assert output.encode("utf-8")
    assert concise(found).count("\n") == 1
    assert json.loads(json_report([file], found, False))["diagnostics"][0]["message"] == raw
