"""The invariant of bad input, through the command line: whatever the bytes, validate ends in order and says where."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from faults import parts, text

CASES = (*text.CASES, *(case for case in parts.CASES if not case.heavy))
HEAVY = [case for case in parts.CASES if case.heavy]
MOST_BYTES = 200e6
MEASURED = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
done = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
ROOT = Path(__file__).parent.parent


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def test_all_cases_in_one_run(tmp_path):
    names = []
    for case in CASES:
        path = tmp_path / f"{case.name}.yaml".replace("/", "_").replace(" ", "_")
        path.write_bytes(case.make())
        names.append(os.fspath(path))
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "validate", "--format", "json", *names],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        preexec_fn=_limited,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert report["files"] == names
    found = {name: [d for d in report["diagnostics"] if d["file"] == name] for name in names}
    for case, name in zip(CASES, names, strict=True):
        codes = {each["code"] for each in found[name]}
        assert "NS901" not in codes
        assert case.code is None or case.code in codes, (case.name, codes)
        assert case.code is not None or case in text.CASES or not codes, (case.name, codes)
    for each in report["diagnostics"]:
        assert each["line"] >= 1 and each["column"] >= 1 and each["message"]
        assert (each["end_line"], each["end_column"]) >= (each["line"], each["column"])
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", ["text", "concise"])
def test_the_other_forms_never_fail_either(form, tmp_path, run):
    for number, case in enumerate(CASES[::7]):
        (tmp_path / f"{number}.yaml").write_bytes(case.make())
    done = run("validate", "--format", form, *sorted(tmp_path.iterdir()))
    assert done.rc == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "\x1b" not in done.stdout and "\x00" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("case", HEAVY, ids=lambda case: case.name.replace(" ", "-"))
def test_a_large_spec_ends_in_time_and_within_memory(case, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(case.make())
    command = [sys.executable, "-m", "netspec", "validate", "--format", "json", os.fspath(path)]
    # Five seconds on a quiet machine; the limit is for what does not end. A small process starts it, since on Linux a
    # child's peak memory is never less than its parent's was.
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURED, *command], cwd=ROOT, capture_output=True, timeout=300, check=False
    )
    report = json.loads(done.stdout)
    returncode, kilobytes = map(int, done.stderr.split())
    errors = [each for each in report["diagnostics"] if each["severity"] == "error"]
    assert returncode == (1 if errors else 0)
    codes = {each["code"] for each in report["diagnostics"]}
    assert codes == set() if case.code is None else case.code in codes
    assert len(report["diagnostics"]) <= 1_000
    assert kilobytes * 1024 < MOST_BYTES
