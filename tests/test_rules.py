"""Every code has a page, and every page is true: its bad example has the code and no other, its good one is sound.

What the pages show of netspec's words is compared with what it prints now; docs/checks.md is made of the same pages.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from conftest import ROOT, Run

from netspec import rules
from netspec.diagnostics import RULES
from netspec.render import rules as render

CODES = sorted(RULES)
FOUND = re.compile(r"^(?:error|warning)\[(NS\d{3})\]", re.MULTILINE)
SOUND = re.compile(r"1 spec, no problems(, \d+ ignored by comments)?\n")
WORDS = 7  # so many in a row are no accident


def tool() -> Any:
    """tools/make_checks.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_checks", ROOT / "tools" / "make_checks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()
PAGES = {code: rules.page(code) for code in CODES if rules.file(code).exists()}
FAST = [code for code, page in PAGES.items() if not TOOL.needs_keras(page)]
SLOW = sorted(PAGES.keys() - set(FAST))


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(PAGES) == CODES
    assert {file.stem for file in rules.file("NS100").parent.glob("*.md")} == set(CODES)


@pytest.mark.parametrize("code", FAST)
def test_the_bad_example_has_the_code_and_no_other(code: str) -> None:
    status, said = TOOL.printed(PAGES[code])
    assert set(FOUND.findall(said)) == {code}
    assert said.rstrip() == PAGES[code].said.rstrip(), "stale: make pages"
    assert status == {"error": 1, "warning": 0}[PAGES[code].severity] or code == "NS901"


@pytest.mark.parametrize("code", FAST)
def test_the_good_example_gives_no_message(code: str) -> None:
    status, said = TOOL.printed(PAGES[code], good=True)
    assert SOUND.fullmatch(said) and status == 0, said


@pytest.mark.parametrize("code", SLOW)
def test_what_is_found_with_keras_only_gives_no_message_without(code: str) -> None:
    page = PAGES[code]
    for spec in (page.bad, page.good):
        status, said = TOOL.printed(replace(page, good=spec), good=True, command=rules.COMMAND)
        assert SOUND.fullmatch(said) and status == 0, said


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize("code", SLOW)
def test_an_example_that_needs_keras(code: str) -> None:
    page = PAGES[code]
    status, said = TOOL.printed(page)
    assert set(FOUND.findall(said)) == {code} and (status or PAGES[code].severity == "warning")
    assert said.rstrip() == page.said.rstrip(), "stale: make pages"
    status, said = TOOL.printed(page, good=True)
    assert (status, FOUND.findall(said)) == (0, [])


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize("code", FAST)
def test_keras_takes_every_good_example(code: str) -> None:
    status, said = TOOL.printed(PAGES[code], good=True, command=f"{PAGES[code].good_command} --exact")
    assert SOUND.fullmatch(said) and status == 0, said


def test_a_finding_of_another_kind_would_be_seen() -> None:
    page = PAGES["NS204"]
    status, said = TOOL.printed(replace(page, bad=page.bad + "losses: msee\n"))
    assert status == 1 and set(FOUND.findall(said)) == {"NS204", "NS503"}


@pytest.mark.parametrize("code", PAGES)
def test_a_page_is_whole(code: str) -> None:
    page = PAGES[code]
    assert page.why[0].isupper() or page.why[0] in "`n", page.why
    for prose in (page.why, page.fix):
        assert prose.endswith(".") and prose.count("`") % 2 == 0 and "!" not in re.sub("`[^`]*`", "", prose), prose
    assert len(rules.one_line(code)) <= 100 and ". " in page.why.replace("\n", " "), "what is wrong, and then why"
    assert page.bad.count("\n") <= 20, "an example is short"
    assert (
        page.good.encode() != page.bad.encode(page.encoding) or page.good_command != page.command or code in TOOL.SCENES
    )
    assert page.link == f"docs/checks.md#{code.lower()}"


def rows_of_words(text: str) -> set[tuple[str, ...]]:
    """Every few words in a row of a text, without case and marks."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)}


@pytest.mark.slow
@pytest.mark.keras
def test_no_sentence_is_that_of_keras() -> None:
    import keras

    rooms = (keras.callbacks, keras.initializers, keras.layers, keras.losses, keras.metrics, keras.optimizers)
    objects = [thing for room in rooms for thing in vars(room).values()]
    methods = [each for thing in objects if inspect.isclass(thing) for each in vars(thing).values() if callable(each)]
    theirs = set().union(*(rows_of_words(inspect.getdoc(thing) or "") for thing in (*objects, *methods)))
    assert rows_of_words("Just your regular densely-connected NN layer") & theirs  # so what is looked for can be found
    for page in PAGES.values():
        assert not rows_of_words(f"{page.why} {page.fix}") & theirs, page.code


def test_the_good_example_differs_in_little() -> None:
    kept = {code: len(set(page.bad.splitlines()) & set(page.good.splitlines())) for code, page in PAGES.items()}
    assert [code for code in PAGES if not kept[code]] == []


def test_the_document_is_current() -> None:
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == render.book(list(PAGES.values())), "make pages"


def test_the_document_has_an_anchor_for_each_code_and_for_each_link_to_one() -> None:
    text = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    anchors = re.findall(r'^<a id="(\w+)"></a>$', text, re.MULTILINE)
    assert anchors == [code.lower() for code in CODES]
    assert re.findall(r"\]\(#(\w+)\)", text) == anchors


@pytest.mark.parametrize(
    "text",
    [
        "why\n```yaml bad\n```\nfix\n",
        "```yaml bad\n```\n```console bad\n$ x\n```\nfix\n",
        "why\n```yaml bad\n```\n```console bad\n$ x\n```\n",
        "why\n```yaml bad\n```\n```yaml bad\n```\n```console bad\n$ x\n```\nfix\n",
        "why\n```yaml ugly\n```\n```yaml bad\n```\n```console bad\n$ x\n```\nfix\n",
    ],
    ids=["no command", "no reason", "no cure", "twice", "unknown"],
)
def test_a_page_that_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(rules.PageError, match="NS401"):
        rules.read("NS401", text)


def test_a_page_is_read_as_it_is_written() -> None:
    page = rules.read(
        "NS702",
        "Why it\nmatters. More.\n\n```yaml bad latin-1\na: 1\n```\n\n```csv t.csv\nx\n1\n```\n\n"
        "```console bad\n$ netspec validate spec.yaml\nerror\n  more\n```\n\n"
        "Mend it.\n\n```yaml good\na: 2\n```\n\nThen.\n",
    )
    assert (page.why, page.fix) == ("Why it\nmatters. More.", "Mend it.\n\nThen.")
    assert (page.bad, page.good, page.encoding, page.files) == ("a: 1\n", "a: 2\n", "latin-1", (("t.csv", "x\n1\n"),))
    assert (page.command, page.said, page.good_command) == (rules.COMMAND, "error\n  more\n", rules.COMMAND)


def test_the_verb(run: Run) -> None:
    shown = run("rule", "ns401")
    assert shown.rc == 0 and shown.stderr == ""
    assert shown.stdout.startswith("NS401 merge-mismatch (error)\n") and "docs/checks.md#ns401" in shown.stdout
    assert "    inputs: {image: [32, 32, 3]}\n" in shown.stdout and PAGES["NS401"].said.rstrip() in shown.stdout
    assert run("rule", "Merge_Mismatch", "NS401").stdout == shown.stdout
    both = run("rule", "NS204", "NS401").stdout
    assert both.index("unknown-layer") < both.index("merge-mismatch")


def test_the_list_of_codes(run: Run) -> None:
    shown = run("rule")
    assert re.findall(r"^ +(NS\d{3}) ", shown.stdout, re.MULTILINE) == CODES
    listed = json.loads(run("rule", "--format", "json").stdout)["rules"]
    assert [(rule["code"], rule["name"], rule["severity"]) for rule in listed] == [
        (rule.code, rule.name, rule.severity) for rule in RULES.values()
    ]


def test_pages_for_scripts(run: Run) -> None:
    done = run("rule", "NS702", "--format", "json")
    (page,) = json.loads(done.stdout)["rules"]
    assert page["code"] == "NS702" and page["bad"] == PAGES["NS702"].bad and list(page["files"]) == ["tweets.csv"]
    assert {"why", "fix", "good", "output", "command", "link", "severity", "name"} <= page.keys()
    assert run("rule", "NS702", "--format", "markdown").stdout.rstrip() in render.book(list(PAGES.values()))


def test_the_document_is_what_the_verb_writes(run: Run) -> None:
    assert run("rule", "--all", "--format", "markdown").stdout == (ROOT / "docs/checks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("merge-mismach", "merge-mismatch"), ("NS40l", "NS40"), ("wibble", "`netspec rule` lists them all")],
)
def test_an_unknown_code_is_answered(run: Run, word: str, meant: str) -> None:
    done = run("rule", "NS401", word)
    assert (done.rc, done.stdout) == (2, "") and f"no code `{word}`" in done.stderr and meant in done.stderr


def test_the_tool_says_whether_the_document_is_current() -> None:
    command = [sys.executable, str(ROOT / "tools" / "make_checks.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "checks.md is current\n")


def test_no_page_is_read_while_a_spec_is_checked() -> None:
    code = (
        "import sys\nfrom netspec.pipeline import analyze\nanalyze('specs/twitter.yaml')\n"
        "from netspec.render import findings\nprint('netspec.rules' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
