"""Golden pairs: for every kind of mistake a spec that has it (x.yaml) and what `netspec validate` says of it (x.out).

`NETSPEC_GOLDEN=write` writes the outputs anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from netspec.diagnostics import RULES
from netspec.pipeline import Analysis, analyze, analyze_text
from netspec.render import findings

FOLDER = Path(__file__).parent / "golden"
SPECS = sorted(FOLDER.glob("*.yaml"))
WRITE = os.environ.get("NETSPEC_GOLDEN") == "write"

ELSEWHERE = {  # codes that no file can show here, and where they come from
    "NS211": "--set (tests/test_overrides.py)",
    "NS316": "validate --exact --trust",
    "NS408": "validate --exact",
    "NS409": "validate --exact",
    "NS530": "whatever runs a user's own Python (tests/test_own_python.py)",
    "NS531": "whatever runs a user's own Python (tests/test_own_python.py)",
    "NS532": "whatever runs a user's own Python (tests/test_own_python.py)",
    "NS604": "whatever imports Keras (tests/test_catalog_verbs.py)",
    "NS801": "runs",
    "NS802": "fit",
    "NS901": "our own faults",
}


def analysis_of(spec: Path) -> Analysis:
    return analyze(spec, shown=spec.name)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_what_is_said(spec: Path) -> None:
    said = findings.text(analysis_of(spec).diagnostics)
    out = spec.with_suffix(".out")
    if WRITE:
        out.write_text(said, encoding="utf-8")
    assert said == out.read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_the_code_in_the_name_is_found(spec: Path) -> None:
    assert spec.stem[:5].upper() in {found.code for found in analysis_of(spec).diagnostics}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_the_style_of_messages(spec: Path) -> None:
    lines = spec.read_bytes().count(b"\n") + 1
    for found in analysis_of(spec).diagnostics:
        for said in (found.message, *found.notes, *([found.help] if found.help else [])):
            assert (
                said
                and (not said[0].isupper() or said.startswith(("Keras", "TensorFlow", "YAML")))
                and said[-1] not in ".!\n"
                and "  " not in said
            ), said
            assert said.count("`") % 2 == 0, said
        for place in (found.place, *(label.place for label in found.labels)):
            assert place.file == spec.name and 1 <= place.line <= place.end_line <= lines and place.column >= 1
            assert place.column <= len(place.text) + place.offset + 1


def test_every_code_has_a_pair() -> None:
    shown = {spec.stem[:5].upper() for spec in SPECS}
    assert shown | set(ELSEWHERE) == set(RULES) and not shown & set(ELSEWHERE)


def test_every_output_has_its_spec() -> None:
    assert {out.stem for out in FOLDER.glob("*.out")} == {spec.stem for spec in SPECS}


CURE = re.compile(r"(?:did you mean|write|remove the quotes:) `([^`:]+)`\??\Z")
CURED = [spec for spec in SPECS if any(CURE.search(found.help or "") for found in analysis_of(spec).diagnostics)]


@pytest.mark.parametrize("spec", CURED, ids=lambda spec: spec.stem)
def test_the_cure_cures(spec: Path) -> None:
    lines = spec.read_text(encoding="utf-8").splitlines()
    for found in analysis_of(spec).diagnostics:
        cure = CURE.search(found.help or "")
        if cure is None or found.place.line != found.place.end_line:
            continue
        at = found.place.line - 1
        mended = [*lines]
        name = cure[1]
        mended[at] = lines[at][: found.place.column - 1] + name + lines[at][found.place.end_column - 1 :]
        after = analyze_text("\n".join(mended), shown=spec.name, folder=str(FOLDER))
        same = [each for each in after.diagnostics if each.place.line == found.place.line and each.code == found.code]
        before = [
            each for each in analysis_of(spec).diagnostics if (each.place.line, each.code) == (at + 1, found.code)
        ]
        assert len(same) < len(before), (found.message, mended[at])


def test_there_are_cures() -> None:
    assert len(CURED) > 10
