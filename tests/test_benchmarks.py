"""Every benchmark runs, in a tiny setting, and prints its lines. What it measures is no test: no time is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.keras, pytest.mark.slow]

PEERS = ("check-jsonschema", "yamllint", "Ludwig")  # there only where `make peers` was run
LINES = {
    "check": ("`import keras`", "memory"),
    "many": ("CPU time", "memory"),
    "linear": ("100 steps", "1,000 steps", "10,000 steps", "50,000 steps", "repeat", "50,000 steps", "repeat"),
    "catalog": ("catalogue",),
    "start": ("validate", "memory", "--help", "--version"),
    "summary": ("time", "memory"),
    "build": ("handwritten", "analysis"),
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python benchmarks/run.py …`"""
    command = [sys.executable, "benchmarks/run.py", *arguments]
    env = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=600, check=False)


def runs(lines: Mapping[str, Sequence[str]], file: Path) -> None:
    """Every benchmark runs and prints its lines, in order."""
    done = bench(*lines, "--runs", "1", "--rows", "64", "--json", str(file))
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    results = [result for result in results if not any(peer in result["what"] for peer in PEERS)]
    words = [word for each in lines.values() for word in each]
    assert len(results) == len(words)
    for result, word in zip(results, words, strict=True):
        assert word in result["what"] and f"| {result['what']} |" in done.stdout
        assert result["netspec"] > 0 and (result["other"] is None or result["other"] > 0)


def test_the_benchmarks_of_checking_and_building_run(tmp_path: Path) -> None:
    runs(LINES, tmp_path / "results.json")


def test_a_name_that_is_none_is_refused() -> None:
    done = bench("speed")
    assert done.returncode == 2 and "no benchmark `speed`" in done.stderr and "fit-heavy" in done.stderr
