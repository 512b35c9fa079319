"""The same findings in every format, each read by what reads it: the SARIF schema, junitparser, a runner's rules.

Every golden spec, all that part J of bad output can hold, and runs that end early.
"""

from __future__ import annotations

import json
import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from conftest import ROOT, Run
from faults.text import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from sarif_kit.validate import validation_errors

import netspec
from netspec import rules
from netspec.cli import check, find, selection
from netspec.diagnostics import RULES, Diagnostic, Fix, Label, Place, Suppressed
from netspec.errors import NetspecError
from netspec.pipeline import Analysis, analyze, analyze_text
from netspec.render import findings
from netspec.render.findings import Failure
from netspec.render.github import github
from netspec.render.junit import junit
from netspec.render.paths import relative
from netspec.render.sarif import sarif

GOLDEN = ROOT / "tests" / "golden"
FORMATS = ("text", "concise", "json", "github", "sarif", "junit")
BAD = "inputs: {x: [4]}\nlayers:\n  - Desne: 2\n"


# What reads each format, as strictly as it can be read.


def read_sarif(text: str) -> dict[str, Any]:
    """The only run of a SARIF log, after a look at the schema and at what no schema says."""
    assert text.isascii()
    log = json.loads(text)
    assert validation_errors(log) == []
    (run,) = log["runs"]
    shown = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert shown[result["ruleIndex"]]["id"] == result["ruleId"]
        assert ("suppressions" in result) == ("suppressions" in run["results"][0])
        for location in (*result["locations"], *result.get("relatedLocations", ())):
            where = location["physicalLocation"]
            artifact = run["artifacts"][where["artifactLocation"]["index"]]["location"]
            assert artifact["uri"] == where["artifactLocation"]["uri"]
            assert re.fullmatch(r"(file:/{3})?(?!/)[\w./~!$&'()*+,;=@%-]*", artifact["uri"], re.ASCII), artifact
            assert (artifact.get("uriBaseId") == "%SRCROOT%") == (
                not re.match("file:|%3Cstdin%3E$|--set$", artifact["uri"])
            )
            region = where["region"]
            start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
            assert (1, 1) <= start <= end
    assert len({json.dumps(result["partialFingerprints"]) for result in run["results"]}) == len(run["results"])
    return run


def read_junit(text: str) -> list[Any]:
    """The suites of a JUnit report, after a look at their counts and names."""
    assert text.isascii()
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    suites = list(JUnitXml.fromstring(text.encode()))
    assert [suite.tests for suite in suites] == [len(list(suite)) for suite in suites]
    for suite in suites:
        cases = list(suite)
        assert cases and len({case.name for case in cases}) == len(cases)
        outcomes = [[type(result).__name__ for result in case.result] for case in cases]
        assert all(len(each) <= 1 for each in outcomes)
        counted = Counter(each[0] for each in outcomes if each)
        assert (suite.failures, suite.errors, suite.skipped) == tuple(
            counted[n] for n in ("Failure", "Error", "Skipped")
        )
    assert root.get("failures") == str(sum(suite.failures for suite in suites))
    return suites


COMMAND = re.compile(r"::(error|warning) ([^\n]*?)::([^\n]*)")


def read_github(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as a runner reads them: a line that starts with `::`, properties, and a message, unescaped."""

    def plain(value: str) -> str:
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, char)
        return value

    commands = []
    for line in text.splitlines():
        found = COMMAND.fullmatch(line)
        assert found, line
        level, written, message = found.groups()
        pairs = [pair.partition("=") for pair in written.split(",")]
        properties = {name: plain(value) for name, _, value in pairs}
        assert len(properties) == len(pairs) and set(properties) <= {
            "file",
            "line",
            "endLine",
            "col",
            "endColumn",
            "title",
        }
        if "col" in properties:
            assert properties["line"] == properties["endLine"]
            assert int(properties["col"]) <= int(properties["endColumn"])
        commands.append((level, properties, plain(message)))
    return commands


def quiet(text: str) -> None:
    """Nothing moves, hides or reorders what a terminal shows, and no line starts a command."""
    assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)
    assert not any(re.match(r"\s*::[^:]", line) for line in text.splitlines())


def agree(files: list[str], found: tuple[Diagnostic, ...], left_out: tuple[Suppressed, ...] = ()) -> None:
    """Every format holds the same findings."""
    both = [*found, *(each.diagnostic for each in left_out)]
    quiet(findings.text(found))
    quiet(findings.concise(found))
    assert findings.concise(found).count("\n") == len(found)
    report = json.loads(findings.json_report(files, found, False, left_out))
    assert [each["code"] for each in report["diagnostics"]] == [each.code for each in found]
    run = read_sarif(sarif(files, found, left_out, version=netspec.__version__))
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [(each.code, each.severity) for each in both]
    for each, result in zip(both, run["results"], strict=True):
        said = result["message"]["text"].replace("\\](", "](")
        assert each.help is None or "help: " in said
        assert len(result.get("relatedLocations", ())) == len(each.labels)
    suites = read_junit(junit(files, found, left_out))
    cases = [case for suite in suites for case in suite]
    assert Counter(case.name.split()[0] for case in cases if case.name.startswith("NS")) == Counter(
        e.code for e in both
    )
    assert sum(suite.failures for suite in suites) == sum(each.severity == "error" for each in found)
    assert sum(suite.skipped for suite in suites) == len(left_out)
    assert sum(suite.failures for suite in read_junit(junit(files, found, strict=True))) == len(found)
    commands = read_github(github(found))
    assert [level for level, _, _ in commands] == [each.severity for each in found]
    assert [p["title"] for _, p, _ in commands] == [f"{each.code} {each.name}" for each in found]
    for each, (_, _, message) in zip(found, commands, strict=True):
        assert message.count("\n") == bool(each.label) + len(each.labels) + len(each.notes) + (each.help is not None)


@pytest.mark.parametrize("spec", sorted(GOLDEN.glob("*.yaml")), ids=lambda spec: spec.stem)
def test_every_format_of_every_golden_spec(spec: Path) -> None:
    analysis = analyze(spec, shown=f"tests/golden/{spec.name}")
    agree([analysis.file], analysis.diagnostics, analysis.suppressed)


def disordered(spec: Path, seed: int) -> bytes:
    """A shipped spec with some bytes changed, the same on every run."""
    chance, text = random.Random(f"{spec.stem}{seed}"), bytearray(spec.read_bytes())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text))
        text[at : at + chance.randint(0, 4)] = bytes(
            chance.choice(b"\n\t :-[]{}#&*!|>'\"%@`a0\x00\xe9") for _ in range(3)
        )
    return bytes(text)


def test_every_format_of_bytes_in_disorder() -> None:
    specs = sorted((ROOT / "specs").glob("*.yaml"))
    analyses = [
        analyze_text(disordered(spec, seed), shown=f"{spec.name}{seed}", folder=str(spec.parent))
        for spec in specs
        for seed in range(6)
    ]
    analyses += [
        analyze_text(text, shown=f"{case.name}.yaml") for case in CASES for text in [case.make()] if len(text) < 20_000
    ]
    found = [each for analysis in analyses for each in analysis.diagnostics]
    assert len({each.code for each in found}) > 15
    agree([analysis.file for analysis in analyses], tuple(found))


# Part J: what stands in user text may move a terminal, forge a command or break a format.

HOSTILE = {
    "escape": "\x1b[31mred\x1b[0m",
    "bell and title": "\x1b]0;title\x07",
    "bidi": "\u202eabc\u2066def\u2069",
    "zero width": "a\u200bb\u200d\u2060\ufeff",
    "markup": "[bold]x[/bold] [red](1) **b** <b>&amp;</b>",
    "link": "[here](https://example.org) and [there](1)",
    "command": "::error::forged",
    "command below": "x\n::error file=a.yaml::forged\r\n::set-output name=a::b",
    "properties": "a,b=c:d%0A%25::x",
    "old command": "##[error]forged",
    "xml": "]]> <!-- & --> \" ' <?x ?>",
    "illegal in xml": "\x00\x01\x08\x0b\x0c\x0e\x1f\x7f\x80\x9f\ufffe\uffff",
    "half a character": "\ud800\udcff",
    "line breaks": "\r\n\x85\u2028\u2029",
    "wide": "日本語 é e\u0301 🙂",
    "quotes": "\"'`$(x)`",
    "braces": "{0} {message} %s",
    "long": "x" * 100_000,
    "empty": "",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("severity", ["error", "warning"])
def test_hostile_text_everywhere(raw: str, severity: str) -> None:
    place = Place(f"{raw[:200]}.yaml", 1, 2, 1, 3, raw[:200])
    elsewhere = Place("other.yaml", 4, 1, 6, 2, raw[:200])
    found = Diagnostic(
        "NS201", "unknown-key", severity, f"key {raw}", place, raw, (Label(elsewhere, raw),), (raw,), raw or None
    )
    mended = Diagnostic("NS206", "bad-value", severity, f"b {raw}", elsewhere, fix=Fix(elsewhere, raw, float("nan")))
    agree([place.file, "other.yaml"], (found, found, mended), (Suppressed(mended, raw, 1),))
    failure = Failure(f"`{raw}`: no such file", place.file, "NS901", raw)
    json.loads(findings.json_report([], [], False, [], [failure]))
    read_sarif(sarif([], [], failures=[failure], version="0"))
    read_junit(junit([], [], failures=[failure, Failure(raw)]))
    assert len(read_github(github([], [failure]))) == 1


@settings(max_examples=25)  # the schema takes long
@given(st.text(), st.text(), st.text("%:,\r\n=[](){}<>]&\"'` a"))
def test_any_text_everywhere(file: str, raw: str, reason: str) -> None:
    place = Place(file, 3, 1, 3, 1, raw)
    found = Diagnostic("NS201", "unknown-key", "error", f"key {raw}", place, reason, (), (reason,), raw or None)
    agree([file], (found,), (Suppressed(found, reason, 3),))


@pytest.mark.parametrize(
    "name", ["::error::x", "a,b:c=%0A", "日 é.yaml", "-x", "caf\udce9", "a\nb", "[bold]", "]]>", "#1?q"]
)
@pytest.mark.parametrize("raw", ['"[bold]\\u202e"', '"::error::x"', '"\\x1b[31m]]>"', f'"{"long " * 3000}"'])
def test_hostile_specs_on_the_command_line(name: str, raw: str, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    Path(name).write_text(
        f"inputs: {{x: [4]}}\nlayers:\n  - Dense: {{units: 1, activation: {raw}}}\n", encoding="utf-8"
    )
    for form in FORMATS:
        with pytest.raises(check.typer.Exit) as end:
            check.validate([name], check.Format(form))
        assert end.value.exit_code == 1
        out = capfd.readouterr().out
        if form in ("text", "concise"):
            quiet(out)
            assert "NS214" in out
        elif form == "json":
            assert [each["file"] for each in json.loads(out)["diagnostics"]] == [name]
        elif form == "github":
            assert [each[1]["file"] for each in read_github(out)] == [findings.printable(name)]
        elif form == "sarif":
            (artifact,) = read_sarif(out)["artifacts"]
            assert unquote(artifact["location"]["uri"], errors="surrogateescape") == name
        else:
            (suite,) = read_junit(out)
            assert suite.failures == 1


# Places.


def test_columns_count_characters_and_bytes_count_bytes() -> None:
    text = '# 🙂\ninputs: {"🙂🙂": [4], y: [2]}\nlayers:\n  - Dense: 1\n    from: "🙂"\n'
    analysis = analyze_text("\ufeff" + text, shown="a.yaml")
    for found in analysis.diagnostics:
        (result,) = read_sarif(sarif(["a.yaml"], [found], version="0"))["results"]
        region = result["locations"][0]["physicalLocation"]["region"]
        line = text.split("\n")[region["startLine"] - 1]
        written = ("\ufeff" + text).encode()[found.place.start_byte : found.place.end_byte].decode()
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == written
    assert read_sarif(sarif([], [], version="0"))["columnKind"] == "unicodeCodePoints"
    assert any(found.place.start_byte != found.place.column for found in analysis.diagnostics)


@pytest.mark.parametrize("spec", sorted(GOLDEN.glob("*.yaml")), ids=lambda spec: spec.stem)
def test_bytes_and_columns_name_the_same_text(spec: Path) -> None:
    source = spec.read_bytes()
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError:
        return
    starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
    for found in analyze(spec).diagnostics:
        for place in (found.place, *(label.place for label in found.labels)):
            assert place.start_byte is not None and place.end_byte is not None
            start = starts[place.line - 1] + place.column - 1
            end = starts[place.end_line - 1] + place.end_column - 1
            assert source[place.start_byte : place.end_byte].decode() == text[start:end]


def test_paths_are_those_of_the_checkout(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    outside, inside = os.fspath(tmp_path / "a b.yaml"), os.fspath(tmp_path / "sub" / "c.yaml")
    assert (relative("x/../c.yaml"), relative(inside), relative("../a b.yaml")) == ("c.yaml", "c.yaml", outside)
    (artifact,) = read_sarif(sarif([outside], [], version="0"))["artifacts"]
    assert artifact["location"] == {"uri": (tmp_path / "a b.yaml").as_uri()}
    monkeypatch.setenv("GITHUB_WORKSPACE", os.fspath(tmp_path))
    assert (relative("c.yaml"), relative("../a b.yaml"), relative("--set")) == ("sub/c.yaml", "a b.yaml", None)
    monkeypatch.setenv("GITHUB_WORKSPACE", "/elsewhere")
    assert relative("c.yaml") == "c.yaml"


def test_a_span_over_lines_has_no_columns_for_github() -> None:
    found = Diagnostic("NS202", "wrong-type", "error", "m", Place("a.yaml", 2, 3, 4, 1))
    assert github([found]) == "::error file=a.yaml,line=2,endLine=4,title=NS202 wrong-type::m\n"


def test_overrides_and_standard_input_have_no_file(run: Run) -> None:
    found = run("validate", "-", "--set", "fit.epochs=many", "--format", "github", stdin=BAD)
    (_, first, said), (_, second, _) = sorted(read_github(found.stdout), key=lambda each: each[1]["title"])
    assert first == {"title": "NS202 wrong-type"} or "file" not in first
    assert "file" not in second and said.startswith(("--set:1:", "<stdin>:3:"))
    for form, reader in (("sarif", read_sarif), ("junit", read_junit)):
        reader(run("validate", "-", "--set", "fit.epochs=many", "--format", form, stdin=BAD).stdout)  # type: ignore[operator]


# SARIF's rules and fingerprints.


@pytest.mark.parametrize("code", RULES)
def test_every_rule_has_its_page_in_sarif(code: str) -> None:
    rule = RULES[code]
    found = Diagnostic(code, rule.name, rule.severity, "m", Place("a.yaml", 1, 1, 1, 1))
    (shown,) = read_sarif(sarif(["a.yaml"], [found], version="0"))["tool"]["driver"]["rules"]
    assert (shown["id"], shown["name"]) == (code, rule.name)
    assert shown["defaultConfiguration"] == {"level": rule.severity}
    assert shown["shortDescription"]["text"].endswith(".") and "\n" not in shown["shortDescription"]["text"]
    page = rules.page(code)
    assert page.why in shown["help"]["markdown"] and page.good.strip() in shown["help"]["markdown"]
    assert page.fix.split()[0] in shown["help"]["text"]


def test_rules_point_to_the_documentation_where_the_package_names_it(monkeypatch: Any) -> None:
    from netspec.render import sarif as module

    found = Diagnostic("NS401", "merge-mismatch", "error", "m", Place("a.yaml", 1, 1, 1, 1))
    homes = {"Documentation": "https://example.org/docs-of/netspec", "Homepage": "https://example.org/"}
    monkeypatch.setattr(module, "_homes", lambda: homes)
    driver = read_sarif(sarif([], [found], version="1.2"))["tool"]["driver"]
    assert driver["rules"][0]["helpUri"] == "https://example.org/docs-of/netspec/docs/checks.md#ns401"
    assert (driver["informationUri"], driver["semanticVersion"]) == ("https://example.org/", "1.2")


def fingerprints(text: str) -> list[str]:
    run = read_sarif(sarif(["a.yaml"], analyze_text(text, shown="a.yaml").diagnostics, version="0"))
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]


def test_a_fingerprint_stays_when_lines_move() -> None:
    more = BAD + "  - Desne: 2\n  - Desne: 3\n"
    assert fingerprints("# a line\n\n" + more) == fingerprints(more)
    assert len(set(fingerprints(more))) == 3
    assert fingerprints(BAD) == fingerprints(more)[:1]


# Runs that end early.


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_cannot_be_read(form: str, run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(BAD, encoding="utf-8")
    done = run("validate", "missing.yaml", bad, "--format", form, cwd=tmp_path)
    assert done.rc == 2 and done.stderr == "error: `missing.yaml`: no such file\n"
    assert "NS204" in done.stdout
    match form:
        case "json":
            report = json.loads(done.stdout)
            assert not report["valid"] and len(report["diagnostics"]) == 1
            assert report["failures"] == [
                {"message": "`missing.yaml`: no such file", "file": "missing.yaml", "code": None, "help": None}
            ]
        case "sarif":
            (invocation,) = read_sarif(done.stdout)["invocations"]
            (note,) = invocation["toolExecutionNotifications"]
            assert not invocation["executionSuccessful"] and note["message"]["text"] == "`missing.yaml`: no such file"
            assert note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "missing.yaml"
        case "junit":
            assert [suite.errors for suite in read_junit(done.stdout)] == [0, 1]
        case "github":
            assert (
                "error",
                {"file": "missing.yaml", "title": "netspec"},
                "`missing.yaml`: no such file",
            ) in read_github(done.stdout)


def early(run: Run, *args: str, cwd: Path) -> tuple[int, list[str]]:
    """The exit code, which is the same in all formats, and the messages of what failed."""
    ends = {form: run("validate", *args, "--format", form, cwd=cwd) for form in FORMATS}
    read_sarif(ends["sarif"].stdout)
    read_junit(ends["junit"].stdout)
    read_github(ends["github"].stdout)
    report = json.loads(ends["json"].stdout)
    assert not report["valid"]
    assert len({done.rc for done in ends.values()}) == 1 and all(done.stderr for done in ends.values())
    return ends["json"].rc, [each["message"] for each in report["failures"]]


def test_no_spec_and_wrong_codes(run: Run, tmp_path: Path) -> None:
    assert early(run, cwd=tmp_path) == (3, ["no spec found"])
    assert early(run, "--exit-zero", cwd=tmp_path)[0] == 3
    assert early(run, "--select", "NS9999", cwd=tmp_path) == (2, ["`--select`: there is no code `NS9999`"])


def outcome(monkeypatch: Any, capfd: Any, form: str, *names: str, fault: Callable[..., Analysis]) -> tuple[int, str]:
    monkeypatch.setattr(check, "_analyzed", fault)
    monkeypatch.delenv("NETSPEC_TRACEBACK", raising=False)
    with pytest.raises(check.typer.Exit) as end:
        check.validate(list(names), check.Format(form))
    return end.value.exit_code, capfd.readouterr().out


@pytest.mark.parametrize("form", FORMATS)
def test_our_own_fault_hides_no_other_file(form: str, monkeypatch: Any, capfd: Any) -> None:
    def fault(name: str, settings: list[str]) -> Analysis:
        if name.endswith("no-brackets.yaml"):
            raise ZeroDivisionError("::error::\x1b ]]>")
        return analyze(name)

    good, broken = os.fspath(ROOT / "specs/mlp_binary.yaml"), "no-brackets.yaml"
    bad = os.fspath(GOLDEN / "ns204-unknown-layers.yaml")
    code, out = outcome(monkeypatch, capfd, form, good, broken, bad, fault=fault)
    assert code == 70 and "NS204" in out
    match form:
        case "json":
            (failure,) = json.loads(out)["failures"]
            assert (failure["code"], failure["file"]) == ("NS901", broken) and "ZeroDivisionError" in failure["message"]
        case "sarif":
            (note,) = read_sarif(out)["invocations"][0]["toolExecutionNotifications"]
            assert note["associatedRule"]["id"] == "NS901"
        case "junit":
            assert [suite.errors for suite in read_junit(out)] == [0, 0, 1]
        case "github":
            assert sum(each[1]["title"] == "NS901" for each in read_github(out)) == 1


def test_our_own_fault_is_shown_where_it_is_asked_for(monkeypatch: Any) -> None:
    def fault(name: str, settings: list[str]) -> Analysis:
        raise ZeroDivisionError

    monkeypatch.setattr(check, "_analyzed", fault)
    monkeypatch.setenv("NETSPEC_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        check.validate(["x.yaml"])


def test_what_is_missing_for_all_files_is_said_once(monkeypatch: Any, capfd: Any) -> None:
    def no_engine(analysis: Analysis, trust: bool) -> Analysis:
        raise NetspecError("TensorFlow is not installed", help="install it")

    monkeypatch.setattr(check, "_exact", no_engine)
    with pytest.raises(check.typer.Exit) as end:
        check.validate([os.fspath(ROOT / "specs")], check.Format.json, exact=True)
    written = capfd.readouterr()
    report = json.loads(written.out)
    assert end.value.exit_code == 2 and written.err.count("TensorFlow is not installed") == 1
    assert len(report["failures"]) == 1 and len(report["files"]) > 10


# What is reported: --select, --ignore, --exit-zero, --error-on-warning.

MIXED = "inputs: {x: [4], y: [2]}\nlayers:\n  - Conv2D: {filters: 1, kernel_size: 3}\n    from: x\nlosses: msee\n"


@pytest.mark.parametrize(
    ("args", "codes", "rc"),
    [
        ([], ["NS306", "NS402", "NS503"], 1),
        (["--select", "NS4"], ["NS402"], 1),
        (["--select", "NS4,NS3", "--ignore", "NS503,wrong-rank"], ["NS306"], 0),
        (["--select", "ns306", "--select", "UNKNOWN_LOSS"], ["NS306", "NS503"], 1),
        (["--ignore", "NS4, NS5", "--error-on-warning"], ["NS306"], 1),
        (["--ignore", "NS4", "--ignore", "NS5"], ["NS306"], 0),
        (["--ignore", "NS", "--error-on-warning"], [], 0),
        (["--select", "NS2"], [], 0),
        (["--select", "NS402", "--ignore", "NS4"], [], 0),
        (["--exit-zero"], ["NS306", "NS402", "NS503"], 0),
        (["--exit-zero", "--error-on-warning"], ["NS306", "NS402", "NS503"], 0),
    ],
)
def test_what_is_reported_is_what_the_exit_code_follows(
    args: list[str], codes: list[str], rc: int, tmp_path: Path, run: Run
) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(MIXED, encoding="utf-8")
    done = run("validate", spec, "--format", "json", *args)
    report = json.loads(done.stdout)
    assert (sorted(each["code"] for each in report["diagnostics"]), done.rc) == (codes, rc)
    assert report["valid"] == (codes in ([], ["NS306"]))


def test_a_selection_of_all_is_all() -> None:
    assert selection.wanted([], []) == selection.wanted(["NS"], [","][:0]) == frozenset(RULES)
    for rule in RULES.values():
        assert selection.wanted([rule.code], []) == selection.wanted([rule.name.upper()], []) == {rule.code}


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("NS30l", "NS301"), ("unused-stp", "unused-step"), ("unusedstep", "unused-step"), ("NS4O1", "NS401"),
        ("4", "netspec rule"), ("N", "netspec rule"), ("NS99", "netspec rule"), ("nothing at all", "netspec rule"),
        ("", "NS306"),
    ],
)  # fmt: skip
def test_an_unknown_code_is_wrong_usage_with_the_nearest(word: str, cure: str) -> None:
    for select, ignore in (([f"NS2,{word}"], []), ([word], []), ([], [word])):
        if word or select != ["NS2,"]:
            with pytest.raises(NetspecError) as error:
                selection.wanted(select, ignore)
            assert error.value.exit_code == 2 and cure in (error.value.help or "")


def test_the_verdict_of_junit_is_that_of_the_exit_code(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "warn.yaml"
    spec.write_text("inputs: {x: [4], y: [2]}\nlayers:\n  - Dense: 2\n    from: x\n", encoding="utf-8")
    (suite,) = read_junit(run("validate", spec, "--format", "junit").stdout)
    (case,) = suite
    assert (suite.failures, case.is_passed, "NS306" in case.system_out) == (0, True, True)
    (suite,) = read_junit(run("validate", spec, "--format", "junit", "--error-on-warning").stdout)
    assert suite.failures == 1


def test_others_are_passed_over_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    other, spec = tmp_path / "compose.yaml", tmp_path / "spec.yaml"
    other.write_text("services: {}\n", encoding="utf-8")
    spec.write_text(BAD, encoding="utf-8")
    assert run("validate", other).rc == 1
    assert (run("validate", "--skip-others", other).rc, run("validate", "--skip-others", other).stdout) == (0, "")
    assert "NS204" in run("validate", "--skip-others", other, spec).stdout
    assert run("validate", "--skip-others", tmp_path / "missing.yaml").rc == 2


@pytest.mark.parametrize("text", [BAD, "\ufeff" + BAD, BAD.replace("\n", "\r\n"), BAD.replace("\n", "\r")])
def test_a_spec_is_known_by_its_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(text.encode())
    (tmp_path / "b.yaml").write_bytes(text.replace("inputs", "outputs").encode())
    assert find.specs([os.fspath(tmp_path)]) == [os.fspath(tmp_path / "a.yaml")]
    assert find.specs([os.fspath(tmp_path / name) for name in ("a.yaml", "b.yaml")], skip_others=True) == [
        os.fspath(tmp_path / "a.yaml")
    ]
