"""Training a run again: to the same bits, or saying what differs and what may be why."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run
from test_training import SPEC, fitted, points, weights  # noqa: F401

from netspec import again
from netspec.runtime.run import runs

pytestmark = pytest.mark.keras


def test_a_run_comes_to_the_same(points: Path) -> None:
    run = fitted(SPEC, points).run
    found = again.reproduce(run, out=points / "again")
    assert found.same and found.differences == () and found.notes == ()
    assert weights(run / runs.LAST) == weights(found.again / runs.LAST)


def test_a_run_that_drew_its_seed_or_its_examples_comes_to_the_same(points: Path) -> None:
    spec = SPEC.replace("seed: 3", "shuffle: true")
    assert "seed" not in spec
    assert again.reproduce(fitted(spec, points, "fit.epochs=1").run, out=points / "again").same
    assert again.reproduce(fitted(spec, points, "fit.epochs=1", dummy=32).run, out=points / "dummy").same


def test_other_data_are_said_before_it_begins_and_what_differs_after(points: Path, run: Run) -> None:
    made = fitted(SPEC, points, out=points / "out").run
    table = points / "points.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("yes", "no", 3), encoding="utf-8")
    done = run("reproduce", "out", "--out", "again", "--format", "json", cwd=points)
    assert done.rc == 1, done.stderr
    assert done.stderr.index("points.csv` has changed since") < done.stderr.index("epoch 1/3")
    report = json.loads(done.stdout)
    assert not report["same"] and report["differences"] and "has changed" in report["notes"][0]
    one = report["differences"][0]
    metrics = json.loads((made / runs.METRICS).read_text(encoding="utf-8"))
    assert metrics[one["split"]][one["output"]][one["name"]] == one["was"] != one["now"]


def test_other_versions_are_said(points: Path, run: Run) -> None:
    made = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    path = made / runs.ENVIRONMENT
    environment = json.loads(path.read_text(encoding="utf-8"))
    environment["versions"]["keras"] = "3.0.0"
    path.write_text(json.dumps(environment), encoding="utf-8")
    done = run("reproduce", "out", "--out", "again", cwd=points)
    assert done.rc == 0 and "made with keras 3.0.0" in done.stderr and "to the last bit" in done.stdout


def test_what_cannot_be_reproduced_is_said(points: Path, run: Run) -> None:
    made = fitted(SPEC, points, "fit.epochs=1", out=points / "out").run
    done = run("reproduce", "out", "--out", "out", cwd=points)
    assert done.rc == 2 and "exists and is not empty" in done.stderr
    (made / runs.METRICS).unlink()
    done = run("reproduce", "out", cwd=points)
    assert done.rc == 2 and "is not finished" in done.stderr and "--resume" in done.stderr
    done = run("reproduce", "nowhere.yaml", cwd=points)
    assert done.rc in (1, 2) and "Traceback" not in done.stderr
