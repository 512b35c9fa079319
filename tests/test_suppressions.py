"""`# netspec: ignore[NS307] reason` in a spec: what it leaves out, where it is seen, and what is said of idle ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Run
from effort import patience
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.diagnostics import RULES
from netspec.language import comments
from netspec.language.source import read_text
from netspec.pipeline import analyze_text

AUX = "inputs: {x: [8], aux: [2]}"
REST = "\nlayers:\n  - Dense: 4\n    from: x\n  - Dense: 1\n"


def told(text: str, *settings: str) -> list[tuple[str, int]]:
    return [(found.code, found.place.line) for found in analyze_text(text, overrides=settings).diagnostics]


def left_out(text: str) -> list[tuple[str, str]]:
    return [(each.diagnostic.code, each.reason) for each in analyze_text(text).suppressed]


def test_without_a_comment_it_is_told() -> None:
    assert told(AUX + REST) == [("NS306", 1)]


@pytest.mark.parametrize(
    "text",
    [
        f"{AUX} # netspec: ignore[NS306] a reason{REST}",
        f"{AUX} #netspec:ignore[unused-input]a reason{REST}",
        f"{AUX} # words # netspec: ignore[NS306] a reason{REST}",
        f"{AUX} #  netspec :  ignore [ NS306 , NS306 ] - a reason {REST}",
        f"{AUX} # netspec: ignore[NS306]: a reason # netspec: ignore[NS701] another{REST}",
        f"# netspec: ignore[NS306] a reason\n{AUX}{REST}",
        f"\ufeff# netspec: ignore[NS306] a reason\r\n{AUX}{REST}",
        f"# netspec: ignore[NS306] a reason\n# netspec: ignore[NS701] no file yet\n   # more\n{AUX}{REST}",
        f"netspec: 1 # one\n\n  # netspec: ignore[NS306] a reason\n{AUX}{REST}",
    ],
)
def test_a_comment_leaves_it_out(text: str) -> None:
    assert told(text) == []
    assert left_out(text) == [("NS306", "a reason")]
    assert analyze_text(text).ok


@pytest.mark.parametrize(
    "text",
    [
        f"# netspec: ignore[NS306] a blank line follows\n\n{AUX}{REST}",
        f"{AUX}{REST} # netspec: ignore[NS306] another line",
        f"{AUX} # netspec: ignore[NS307] another code{REST}",
    ],
)
def test_an_idle_comment_leaves_nothing_out_and_is_told(text: str) -> None:
    assert sorted(code for code, _ in told(text)) == ["NS218", "NS306"]
    assert left_out(text) == []


@pytest.mark.parametrize(
    "comment",
    [
        "ignore", "ignore NS306 why", "ignore[NS306", "ignore[NS306]", "ignore[NS306]   ", "ignore[NS306] --",
        "ignore[]", "ignore[NS306] .", "ignore[NS3] why", "ignore[ns306] why", "ignore[NS999] why", "ignore-all",
        "ignore[NS306 NS307] why", "ignore(NS306) why", "ignore: NS306", "ignore[NS101] why", "ignore[NS802] why",
        "ignore[NS219] why",
    ],
)  # fmt: skip
def test_a_bad_comment_leaves_nothing_out_and_is_told(comment: str) -> None:
    assert told(f"{AUX} # netspec: {comment}{REST}") == [("NS306", 1), ("NS219", 1)]


def test_what_is_good_in_a_bad_comment_counts() -> None:
    text = f"{AUX} # netspec: ignore[NS306,NS30x,,NS901] why{REST}"
    assert told(text) == [("NS219", 1)] * 3
    assert left_out(text) == [("NS306", "why")]


@pytest.mark.parametrize(
    "value",
    [
        '"# netspec: ignore"',
        "'it''s # netspec: ignore'",
        "a#netspec:ignore",
        '"over\n    # netspec: ignore\n    lines"',
        "|\n    # netspec: ignore\n\n    # netspec: ignore\n",
        ">-\n    words\n    # netspec: ignore\n",
        "{'# netspec: ignore': [\"# netspec: ignore\"]}",
        "&a !!str |\n    # netspec: ignore\n",
    ],
)
def test_values_are_no_comments(value: str) -> None:
    assert told(f"vars:\n  note: {value}\n{AUX}{REST}")[0][0] == "NS306"


@pytest.mark.parametrize(
    "text",
    [
        'a: "#" # netspec: ignore',
        "a: '# x' # y # netspec: ignore",
        "a: | # netspec: ignore\n  text",
        "a: &b >-2 # netspec: ignore\n  text",
        "a: |\n  text\n# netspec: ignore\nb: 1",
        "a: [1, # netspec: ignore\n  2]",
        "? a # netspec: ignore\n: b",
        "a: b # netspec: ignore\n # x",
        "a: &b # netspec: ignore\n  c: 1",
        "a:# netspec: ignore\n  # netspec: ignore\n  b: 1",
        "%TAG !a! tag:x # netspec: ignore\n---\na: 1",
        "--- # netspec: ignore\na: 1",
        "a: {b: 1}# netspec: ignore",
        "a: 1\n... # netspec: ignore",
    ],
)
def test_comments_in_odd_places_are_seen(text: str) -> None:
    document, report = read_text(text, "x.yaml")
    if document.data is None:  # PyYAML's own parser and libyaml do not take all the same texts
        return
    comments.ignores(document, report)
    assert {found.code for found in report.diagnostics} == {"NS219"}


WORDS = ("# netspec: ignore", "#netspec:ignore")
PARTS = [*WORDS, "'", '"', "#", " ", "a", ":", ": ", ",", "|", ">-", "\n", "\n ", "\n  "]
AROUND = [("a: ", ""), ("a: [", "]"), ("a: {b: ", "}"), ("a: |\n  ", ""), ("a: '", "'"), ('a: "', '"'), ("- a\n- ", "")]
SOME = st.lists(st.sampled_from(PARTS), max_size=8)


@settings(max_examples=500)
@given(st.sampled_from(AROUND), SOME, st.sampled_from(WORDS), SOME)
def test_a_comment_is_what_is_in_no_value(
    around: tuple[str, str], left: list[str], word: str, right: list[str]
) -> None:
    """Other words in a comment leave the data as it is; other words in a value do not."""
    text = around[0] + "".join((*left, word, *right)) + around[1]
    document, report = read_text(text, "x.yaml")
    if document.data is None or not report.ok:
        return
    seen = {at for _, at, _ in comments._comments(document)}
    for found in re.finditer(r"# ?(netspec: ?ignore)(?![a-z])", text):
        other = text[: found.start(1)] + "x" * len(found[1]) + text[found.end() :]
        assert (read_text(other, "x.yaml")[0].data == document.data) is (found.start() in seen)


def test_nothing_is_idle_where_not_all_was_checked() -> None:
    idle = f"{AUX} # netspec: ignore[NS306,NS307] a reason{REST}"
    assert told(idle) == [("NS218", 1)]
    assert told(idle + "  - Desne: 1\n") == [("NS204", 6)]
    assert told(idle, "layers[0].Dense.units=8") == []


@pytest.mark.parametrize("code", ["NS408", "NS409", "NS601", "NS604", "NS701", "NS703", "NS711"])
def test_what_this_machine_cannot_tell_is_not_idle(code: str) -> None:
    if code in RULES:
        assert told(f"{AUX.replace(', aux: [2]', '')} # netspec: ignore[{code}] a reason{REST}") == []


def test_findings_in_other_places_are_not_met() -> None:
    text = "# netspec: ignore[NS201,NS206,NS211] of the file, not of the command line\ninputs: {x: [8]}" + REST
    assert told(text, "nothing.here=1")[0][0] in ("NS201", "NS211")


BROKEN = "inputs: {x: [8]}\nlayers:\n  - Dense: 8\n    name: a\n  - Desne: 4 # netspec: ignore[NS204] later\n"


def test_an_error_may_be_ignored_and_still_nothing_is_built(run: Run, tmp_path: Path) -> None:
    analysis = analyze_text(BROKEN)
    assert (analysis.diagnostics, analysis.ok, analysis.checked) == ((), False, None)
    (refusal,) = analysis.refusals
    assert refusal.code == "NS204" and "line 5 asks to ignore this" in refusal.notes[-1]
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    assert (run("validate", path).rc, run("validate", path).stdout) == (
        0,
        "1 spec, no problems, 1 ignored by comments\n",
    )
    for verb in ("summary", "build"):
        done = run(verb, path)
        assert done.rc == 1 and "NS204" in done.stderr and "asks to ignore this" in done.stderr
    with pytest.raises(netspec.SpecError, match="NS204"):
        netspec.build(path)


def test_refusals_are_in_order() -> None:
    text = BROKEN.replace("- Dense: 8", "- Dense: 8.5") + "  - Dnse: 4\n"
    assert [found.place.line for found in analyze_text(text).refusals] == [3, 5, 6]
    assert analyze_text(AUX + REST).refusals == analyze_text(AUX + REST).diagnostics


def test_what_keras_says_is_ignored_too() -> None:
    text = f"{AUX}{REST}".replace("- Dense: 4", "- Dense: 4 # netspec: ignore[NS408] a known limit")
    analysis = analyze_text(text)
    from netspec.diagnostics import Report

    report = Report(analysis.document)
    report.add("NS408", ("layers", 1), "Keras refuses this")
    report.add("NS408", ("layers", 0), "Keras refuses this")
    more = analysis.with_more(report)
    assert [(found.code, found.place.line) for found in more.diagnostics] == [("NS306", 1), ("NS408", 5)]
    assert [each.diagnostic.place.line for each in more.suppressed] == [3]


def test_every_format_knows_of_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{AUX} # netspec: ignore[NS306] `y` ]]> <b>\n{REST}", encoding="utf-8")
    report = json.loads(run("validate", path, "--format", "json").stdout)
    assert report["diagnostics"] == [] and report["valid"]
    assert [(each["code"], each["reason"]) for each in report["suppressed"]] == [("NS306", "`y` ]]> <b>")]
    assert "1 ignored by comments" in run("validate", path).stdout
    assert run("validate", path, "--hide-ignored").stdout == "1 spec, no problems\n"
    assert json.loads(run("validate", path, "--format", "json", "--hide-ignored").stdout)["suppressed"] == []
    assert json.loads(run("validate", path, "--format", "json", "--ignore", "NS3").stdout)["suppressed"] == []
    assert run("validate", path, "--error-on-warning", "--format", "concise") == type(run("--version"))(0, "", "")


@pytest.mark.parametrize(
    "lines",
    [
        f"{AUX}\nlayers:\n  - Dense: 1\n    from: x\n" + "# netspec: ignore[NS307] x\n" * 20_000,
        f"{AUX}\nlayers:\n  - Dense: 1\n    from: x\n" + "# netspec: ignore\n" * 50_000,
        f"{AUX}\nlayers:\n  - Dense: 1\n    from: x\n" + "# netspec: ignore[NS307] x" * 20_000,
        "vars:\n  a: |\n" + "    # netspec: ignore[NS307] x\n" * 20_000 + AUX + REST,
        "vars:\n  a: '" + "# netspec: ignore[NS307] x " * 20_000 + "'\n" + AUX + REST,
        AUX + REST + "".join("  - Dense: 1 # netspec: ignore[NS307] x\n" for _ in range(5_000)),
        f"{AUX} # netspec: ignore[{'NS307,' * 50_000}] x{REST}",
        f"{AUX} # netspec: ignore[{'é😀' * 50_000}] x{REST}",
    ],
    ids=["alone", "malformed", "in one line", "in a block", "in quotes", "at steps", "codes", "a long word"],
)
def test_many_comments_take_no_time(lines: str) -> None:
    with patience():
        analysis = analyze_text(lines)
    codes = [found.code for found in analysis.diagnostics]
    assert codes.count("NS218") <= 100 and codes.count("NS219") <= 100


def test_a_spec_without_the_word_pays_nothing() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from netspec.pipeline import analyze_text as a; a('inputs: {x: [8]}\\nlayers: [Dense: 1]')"
        "; assert 'netspec.language.comments' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
