"""Properties of the code base that no tool checks: short files, contracts on top, nothing unfinished, one version."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

import netspec

LONGEST = 450
NAMELESS = re.compile(r"(utils?|helpers?|common|misc|managers?)(_|\.|$)|_(utils?|helpers?|common|misc|managers?)\.")
# Spelt so that this file does not find itself.
UNFINISHED = re.compile(r"\b(T[O]DO|FIXM[E]|XX[X])\b")
CLOCKS = re.compile(r"\b(perf_counter|process_time|thread_time)\b")
PLACES = re.compile(r"(?<!\w)/(roo[t]|wor[k]|hom[e]|User[s])/\w|file:/{2}")
TEXTS = {".cfg", ".ini", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def tracked() -> list[Path]:
    """The files of the project, new ones too; without git's word for it, all that do not lie in a hidden folder."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("[!.]*")]
    files = [ROOT / name for name in names if name and not name.startswith(".venv")]
    return sorted(file for file in files if file.is_file())


FILES = tracked()
CODE = [file for file in FILES if file.suffix == ".py"]
OURS = [file for file in CODE if file.is_relative_to(ROOT / "netspec")]


def short(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert ROOT / "netspec/__init__.py" in OURS and Path(__file__) in CODE


def test_names_say_what_is_inside() -> None:
    assert [short(file) for file in CODE if NAMELESS.search(file.name)] == []
    assert [name for name in ("utils.py", "helper.py", "data_utils.py", "common.py") if not NAMELESS.search(name)] == []
    assert not NAMELESS.search("commonplace.py")


@pytest.mark.parametrize("file", CODE, ids=short)
def test_a_module_opens_with_its_contract(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    contract = ast.get_docstring(tree)
    if not tree.body:
        return
    assert contract, "no docstring"
    assert len(contract.splitlines()) <= 4, "the docstring is longer than four lines"


def test_files_are_short() -> None:
    lines = {short(file): len(file.read_text(encoding="utf-8").splitlines()) for file in OURS}
    assert {file: count for file, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize("pattern", [UNFINISHED, PLACES], ids=["unfinished", "places of one machine"])
def test_no_text_holds(pattern: re.Pattern[str]) -> None:
    found = []
    for file in FILES:
        if file.suffix in TEXTS or file.name in {"Makefile", "run"}:
            text = file.read_text(encoding="utf-8", errors="replace")  # some bad specs are not UTF-8, on purpose
            for number, line in enumerate(text.splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{short(file)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_those_patterns_find_what_they_are_for() -> None:
    assert UNFINISHED.search("# {}: later".format("TO" + "DO"))
    assert PLACES.search("/{}/me/x".format("home")) and PLACES.search("{}:///opt".format("file"))
    assert not PLACES.search("a homely/work/flow")


def test_no_test_measures_time() -> None:
    """A machine that is busy is not wrong: `effort` counts lines instead, and speed is measured in benchmarks/."""
    tests = [file for file in CODE if file.is_relative_to(ROOT / "tests") and file.name != "effort.py"]
    assert [
        short(file) for file in tests if CLOCKS.search(file.read_text(encoding="utf-8")) and file != Path(__file__)
    ] == []
    assert CLOCKS.search("time.perf_counter()")


def test_the_versions_are_one() -> None:
    top = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert top and top[1] == VERSION == netspec.__version__


def test_constraints_are_names_and_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin)] == []
    assert {"keras", "numpy", "pydantic", "pytest", "pyyaml", "tensorflow", "typer"} <= {
        pin.partition("=")[0] for pin in pins
    }
