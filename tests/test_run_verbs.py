"""`netspec runs`: what is listed and how a damaged folder is, what tells two runs apart, what removing leaves."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from netspec.pipeline import analyze_text
from netspec.render.runs import diff_json, diff_text, list_json, list_text
from netspec.runtime.run import comparing, epochs, listing, origins, removing, runs
from netspec.runtime.run.runs import RunError

NOON = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)
SPEC = "name: {name}\ninputs: {{x: [1]}}\nlayers:\n  - Dense: {units}\n    name: y\nlosses: mse\nfit: {{epochs: 3}}\n"
HISTORY = "epoch,loss,val_loss\n1,3.0,4.0\n2,2.0,nan\n3,1.0,3.5\n"
METRICS = {"test": {"y": {"loss": 0.5, "mae": 0.25}, "(all)": {"rows": 4, "loss": 0.5}}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(
    name: str = "tiny",
    hour: int = 12,
    *,
    state: str = runs.FINISHED,
    units: int = 1,
    dummy: int | None = None,
    data: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    out: Path | None = None,
) -> Path:
    """A run as `fit` leaves it, without weights."""
    started = NOON.replace(hour=hour)
    analysis = analyze_text(SPEC.format(name=name, units=units))
    assert analysis.checked is not None, analysis.diagnostics
    run = runs.create(name, started, out)
    runs.write_json(run / runs.RESOLVED, runs.resolved(analysis.checked, seed=7, steps_per_execution=1, dummy=dummy))
    environment = origins.environment(".", seed=7, command=("x",), started=started)
    runs.write_json(run / runs.ENVIRONMENT, {**environment, "state": state, "data": data or {}})
    runs.write(run / runs.HISTORY, HISTORY.encode())
    if state == runs.FINISHED:
        runs.write_json(run / runs.METRICS, METRICS if metrics is None else metrics)
    return run


def test_runs_are_listed_the_latest_first(here: Path) -> None:
    first, second, third = made(hour=9), made("other", hour=11, state=runs.INTERRUPTED, dummy=64), made(hour=10)
    found = listing.found([Path("runs")])
    assert [each.path for each in found] == [second, third, first]
    one = found[1]
    assert (one.name, one.state, one.epochs, one.planned, one.seed) == ("tiny", "finished", 3, 3, 7)
    assert one.best == epochs.Best(3, "val_loss", 3.5), "what is not finite is not best"
    assert found[0].dummy == 64 and found[0].metrics == {}
    assert [each.path for each in listing.found([first, Path("runs/other")])] == [second, first]
    shown = list_text(found)
    assert "test: loss 0.5000, mae 0.2500" in shown and "interrupted, generated" in shown
    assert "2026-11-23 11:00:01" in shown and str(second) in shown
    listed = json.loads(list_json(found))["runs"]
    assert listed[1]["best"] == {"epoch": 3, "monitor": "val_loss", "value": 3.5}
    assert listed[1]["metrics"] == METRICS and listed[1]["started"] == "2026-11-23T10:00:01Z"
    narrow = list_text(found, width=80)
    assert max(map(len, narrow.splitlines())) <= 82 and str(second) in narrow, "folders are never cut"


def test_a_run_that_nobody_writes_was_killed(here: Path) -> None:
    run = made(state=runs.RUNNING)
    assert listing.listed(run).state == "killed" and "--resume" in list_text([listing.listed(run)])
    with runs.held(run):
        assert listing.listed(run).state == "running"
    late = made(hour=13)
    (late / runs.METRICS).unlink()
    assert listing.listed(late).state == "killed", "finished says so in metrics.json, which comes last"


def test_looking_does_not_keep_a_run_from_being_begun(here: Path) -> None:
    run, ended = made(state=runs.RUNNING), time.monotonic() + 1

    def look() -> None:
        while time.monotonic() < ended:
            runs.written_now(run)
            time.sleep(0.001)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        while time.monotonic() < ended:
            with runs.held(run):
                pass
    finally:
        looking.join()


def test_filters(here: Path) -> None:
    made("mlp_a", 9), made("mlp_b", 10, state=runs.FAILED), made("cnn", 11)

    def names(**how: Any) -> list[str]:
        return [each.name for each in listing.found([Path("runs")], **how)]

    assert names(name="mlp*") == ["mlp_b", "mlp_a"] and names(name="mlp") == []
    assert names(states=["failed"]) == ["mlp_b"] and names(states=["failed", "finished"]) == ["cnn", "mlp_b", "mlp_a"]
    assert names(since=NOON.replace(hour=10)) == ["cnn", "mlp_b"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (runs.RESOLVED, b"{"),
        (runs.RESOLVED, b"[]"),
        (runs.RESOLVED, b'{"format_version": "9"}'),
        (runs.RESOLVED, b"[" * 200_000),
        (runs.ENVIRONMENT, b"\xff\x00"),
        (runs.METRICS, b"{"),
        (runs.METRICS, b'{"test": 3}'),
        (runs.METRICS, b'{"test": {"y": 3}}'),
        (runs.HISTORY, b"epoch,loss\n1\n"),
        (runs.HISTORY, b"epoch,loss\n1,two\n"),
        (runs.HISTORY, b"epoch,loss\n1,[x]\n"),
        (runs.HISTORY, b"\xff\xfe\x00"),
        (runs.HISTORY, b"epoch,loss\n1," + b"x" * 200_000),
    ],
)
def test_a_damaged_folder_is_listed_as_that(here: Path, file: str, content: bytes) -> None:
    run = made()
    (run / file).write_bytes(content)
    found = listing.found([Path("runs")])
    assert [(each.state, each.name, each.path) for each in found] == [("damaged", "tiny", run)]
    assert found[0].fault and file in found[0].fault
    assert "damaged: " in list_text(found) and json.loads(list_json(found))["runs"][0]["fault"]


@pytest.mark.parametrize(
    "change", [{"state": 3}, {"started": 5}, {"started": "soon"}, {"monitor": []}, {"data": 3}, {"versions": "x"}]
)
def test_an_odd_environment_stops_nothing(here: Path, change: dict[str, Any]) -> None:
    run, other = made(), made(hour=13)
    known = json.loads((run / runs.ENVIRONMENT).read_text(encoding="utf-8"))
    runs.write_json(run / runs.ENVIRONMENT, {**known, **change})
    found = listing.listed(run)
    assert found.state in ("finished", "killed") and found.started == NOON
    assert list_text([found]) and list_json([found])
    assert diff_text(comparing.compared(run, other)) and diff_json(comparing.compared(run, other))


def test_what_is_no_run_is_not_listed(here: Path) -> None:
    run = made()
    (run / "features").mkdir()
    (here / "runs" / "tiny" / "notes").mkdir()
    (here / "runs" / "tiny" / "notes" / "history.csv").write_text("mine", encoding="utf-8")
    (here / "runs" / "20260101T000000Z").mkdir()
    (here / "runs" / "20260101T000000Z" / "mine").write_text("", encoding="utf-8")
    (here / "runs" / "tiny" / "20260102T000000Z").mkdir()
    (here / "runs" / "loop").symlink_to(here / "runs")
    found = listing.found([Path("runs")])
    assert [(each.state, each.path.name) for each in found] == [("finished", run.name), ("damaged", "20260102T000000Z")]
    assert list_text([]) == "no runs" and listing.found([Path("nothing")]) == []


def test_names_do_not_move_the_cursor(here: Path) -> None:
    run = made(out=here / "a\x1b[31m\u202eb")
    for shown in (list_text([listing.listed(run)]), diff_text(comparing.compared(run, made()))):
        assert "\x1b" not in shown and "\u202e" not in shown


def test_two_runs_side_by_side(here: Path) -> None:
    same, old, new = ({"bytes": 9, "sha256": each * 32} for each in ("aa", "bb", "cc"))
    a = made(data={"/same.csv": same, "/rows.csv": old, "/moved.csv": new, "/a.csv": {"bytes": 1, "sha256": "dd"}})
    more = {"test": {"y": {"loss": 0.25}, "(all)": {"rows": 4, "loss": 0.25}}}
    b = made(hour=13, units=2, data={"/same.csv": same, "/rows.csv": new, "/there.csv": new}, metrics=more)
    found = comparing.compared(a, b)
    assert [each.said for each in found.spec] == ["layers.0.Dense was 1, and is 2"]
    states = {each.path: each.state for each in found.data}
    assert states == {
        "/same.csv": "same",
        "/rows.csv": "changed",
        "/moved.csv": "moved",
        "/a.csv": "only in A",
        "/there.csv": "moved",
    }
    assert [(each.metric, each.values) for each in found.metrics][:2] == [("loss", (0.5, 0.25)), ("mae", (0.25, None))]
    shown = diff_text(found)
    assert "layers.0.Dense  1  2" in shown and "-0.25" in shown and "and 1 that is the same" in shown
    plain = json.loads(diff_json(found))
    assert plain["spec"] == [{"path": "layers.0.Dense", "a": 1, "b": 2}]
    assert plain["metrics"][1] == {"split": "test", "output": "y", "metric": "mae", "a": 0.25, "b": None}
    assert "spec: no difference" in diff_text(comparing.compared(a, a))


def test_removing_leaves_what_no_run_wrote(here: Path) -> None:
    run = made()
    features = run / runs.FEATURES
    features.mkdir()
    index = {"inputs": {"x": "x.json", "up": "../mine"}, "targets": {"y": "y.target.json"}}
    (features / "features.index.json").write_text(json.dumps(index), encoding="utf-8")
    for name in ("x.json", "y.target.json", "mine.json"):
        (features / name).write_text("{}", encoding="utf-8")
    (run / "mine").write_text("", encoding="utf-8")
    (run / f".{runs.LAST}.123.weights.h5").write_text("", encoding="utf-8")  # as a kill leaves it
    (run / f".{runs.CHECKPOINT}.123").write_text("", encoding="utf-8")
    (run / ".features-ab_c1").mkdir()
    (run / ".features-ab_c1" / "x.json").write_text("", encoding="utf-8")
    found = removing.doomed(run)
    assert found.others == 1 and found.bytes > 0
    removing.remove(run)
    assert sorted(str(path.relative_to(run)) for path in run.rglob("*")) == ["features", "features/mine.json", "mine"]
    with pytest.raises(RunError, match="no run folder"):
        removing.remove(run)
    gone, other = made(hour=13), made(hour=14)
    removing.remove(gone)
    assert not gone.exists() and other.exists()


def test_what_a_link_points_to_is_not_removed(here: Path) -> None:
    run = made()
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "features.index.json").write_text('{"inputs": {}, "targets": {}}', encoding="utf-8")
    (here / "weights").write_text("", encoding="utf-8")
    (run / runs.FEATURES).symlink_to(here / "elsewhere")
    (run / runs.LAST).symlink_to(here / "weights")
    removing.remove(run)
    assert (here / "elsewhere" / "features.index.json").exists() and (here / "weights").exists()
    assert [path.name for path in run.iterdir()] == [runs.FEATURES]


def test_what_is_no_run_or_is_being_written_is_not_removed(here: Path, run: Any) -> None:
    (here / "mine").mkdir()
    (here / "mine" / runs.METRICS).write_text("{}", encoding="utf-8")
    kept, other = made(), made(hour=13)
    with runs.held(kept), pytest.raises(RunError, match="is being written, so it is not taken away"):
        removing.remove(kept)
    done = run("runs", "remove", "-y", other, "mine", cwd=here)
    assert done.rc == 2 and "no run folder" in done.stderr
    assert other.is_dir(), "nothing goes where one may not"


def test_the_verbs(here: Path, run: Any) -> None:
    first, second = made(), made(hour=13)
    assert run("runs", cwd=here).stdout == run("runs", "list", "runs", cwd=here).stdout
    assert len(json.loads(run("runs", "--state", "finished", "--format", "json", cwd=here).stdout)["runs"]) == 2
    assert run("runs", "--since", "20261123", cwd=here).stdout.count("finished") == 2
    assert run("runs", "--since", "1m", "--name", "tiny", cwd=here).stdout == "no runs\n"
    assert run("runs", cwd=here / "runs").stdout == "no runs\n"
    for wrong in (("--since", "soon"), ("--since", "999999w"), ("--state", "done"), ("nowhere",), ("diff", first)):
        done = run("runs", *wrong, cwd=here)
        assert done.rc == 2 and done.stdout == "" and "Traceback" not in done.stderr, wrong
    assert "spec: no difference" in run("runs", "diff", first, second, cwd=here).stdout
    assert run("runs", "diff", first, "runs", cwd=here).rc == 2
    asked = run("runs", "remove", first, cwd=here, stdin="y\n")
    assert asked.rc == 2 and "--yes" in asked.stderr and first.is_dir()
    done = run("runs", "remove", "--yes", first, second, cwd=here)
    assert done.rc == 0 and os.listdir(here / "runs") == []
    assert "`diff` shows" in " ".join(run("runs", "--help", cwd=here).stdout.split())
