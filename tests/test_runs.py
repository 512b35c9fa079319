"""Run folders: names, what is latest, what is read back, and that files appear whole or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from netspec.pipeline import analyze_text
from netspec.runtime.run import origins, runs
from netspec.runtime.run.runs import RunError

NOON = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)

SPEC = """
name: tiny
vars: {file: "$x.csv"}
inputs: {x: [1]}
layers:
  - Dense: 1
    name: y
losses: mse
data:
  train: {csv: rows.csv, separator: ";"}
  validation: {csv: more.csv}
  test: {npy: {x: x.npy, y: y.npy}}
  features: {x: {column: "$$x"}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_runs_of_one_second_have_folders_of_their_own(here: Path) -> None:
    folders = [runs.create("tiny", NOON) for _ in range(11)]
    assert [str(folder) for folder in folders[:2]] == ["runs/tiny/20261123T120001Z", "runs/tiny/20261123T120001Z-2"]
    for folder in folders:
        runs.write_json(folder / runs.METRICS, {})
    assert runs.latest("tiny") == folders[-1]


def test_latest_is_the_latest_finished(here: Path) -> None:
    assert runs.latest("tiny") is None
    first, second = runs.create("tiny", NOON), runs.create("tiny", NOON.replace(hour=13))
    (here / "runs" / "tiny" / "zzz").mkdir()
    runs.write_json(here / "runs" / "tiny" / "zzz" / runs.METRICS, {})
    assert runs.latest("tiny") is None
    runs.write_json(first / runs.METRICS, {})
    assert runs.latest("tiny") == first
    runs.write_json(second / runs.METRICS, {})
    assert runs.latest("tiny") == second and runs.latest("other") is None


def test_out_is_used_only_if_it_is_free(here: Path) -> None:
    out = here / "a" / "b"
    assert runs.create("tiny", NOON, out) == out and out.is_dir()
    assert runs.create("tiny", NOON, out) == out, "an empty folder is free"
    (out / runs.METRICS).write_text("{}", encoding="utf-8")
    (out / "mine").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="not empty") as refused:
        runs.create("tiny", NOON, out)
    assert refused.value.help and "--force" in refused.value.help
    with pytest.raises(RunError, match="holds no run"):
        runs.create("tiny", NOON, out, force=True)
    assert (out / runs.METRICS).exists(), "a file of another program that has the name of one of ours"
    record(here, out / "run")
    (out / "run" / "mine").write_text("", encoding="utf-8")
    (out / "run" / runs.HISTORY).write_text("", encoding="utf-8")
    runs.create("tiny", NOON, out / "run", force=True)
    assert [path.name for path in (out / "run").iterdir()] == ["mine"]
    with pytest.raises(RunError, match="no folder"):
        runs.create("tiny", NOON, out / "mine", force=True)


def record(here: Path, out: Path | None = None) -> tuple[Path, dict[str, object]]:
    analysis = analyze_text(SPEC, folder=str(here))
    assert analysis.checked is not None, analysis.diagnostics
    run = runs.create("tiny", NOON, out)
    resolved = runs.resolved(analysis.checked, seed=7, steps_per_execution=2, dummy=None)
    runs.write_json(run / runs.RESOLVED, resolved)
    runs.write_json(run / runs.ENVIRONMENT, origins.environment(str(here), seed=7, command=("x",), started=NOON))
    return run, resolved


def test_a_record_reads_back_and_analyses_to_the_same_spec(here: Path) -> None:
    run, resolved = record(here)
    data = resolved["spec"]["data"]  # type: ignore[index]
    assert data["train"] == {"csv": str(here / "rows.csv"), "separator": ";"}
    assert data["validation"] == {"csv": str(here / "more.csv")}
    assert data["test"] == {"npy": {"x": str(here / "x.npy"), "y": str(here / "y.npy")}}
    assert data["features"]["x"] == {"column": "$x"}
    found = runs.load(run)
    assert (found.seed, found.steps_per_execution, found.dummy, found.state) == (7, 2, None, "running")
    again = analyze_text(json.dumps(found.spec), folder=str(found.folder)).checked
    assert again is not None and again.fit.seed == 7
    assert again.data is not None and again.data.features["x"].column == "$x"
    assert not origins.differences(found)


def test_other_versions_are_told(here: Path) -> None:
    run, _ = record(here)
    environment = json.loads((run / runs.ENVIRONMENT).read_text(encoding="utf-8"))
    environment["versions"]["keras"] = "3.1.0"
    runs.write_json(run / runs.ENVIRONMENT, environment)
    (note,) = origins.differences(runs.load(run))
    assert note.startswith("the run was made with keras 3.1.0, this is 3.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is damaged"),
        ("[]", "expected a mapping"),
        ("{}", "it has no 'format_version'"),
        ('{"format_version": "9"}', "format 9, expected 1.0"),
        ('{"format_version": "1.0", "spec": [], "dummy": null}', "is damaged"),
        ("[" * 100_000, "is damaged"),
        ({"steps_per_execution": 0}, "`steps_per_execution` is 0, expected a whole number from 1"),
        ({"steps_per_execution": "2"}, '`steps_per_execution` is "2", expected'),
        ({"dummy": -3}, "`dummy` is -3, expected"),
        ({"dummy": True}, "`dummy` is true, expected"),
        ({"seed": 1.5}, r"`seed` is 1\.5, expected"),
        ({"folder": 3}, "`folder` is 3, expected a text"),
    ],
)
def test_a_damaged_record_is_told(here: Path, content: str | dict[str, object], said: str) -> None:
    run, resolved = record(here)
    text = json.dumps(resolved | content) if isinstance(content, dict) else content
    (run / runs.RESOLVED).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=said) as found:
        runs.load(run)
    assert found.value.code == "NS801"


def test_a_folder_that_is_no_run_is_told(here: Path) -> None:
    with pytest.raises(RunError, match="nothing of that name"):
        runs.load(here / "gone")
    with pytest.raises(RunError, match=r"it has no resolved\.json"):
        runs.load(here)
    with pytest.raises(RunError, match="before an epoch was complete"):
        runs.weights(here)
    (here / runs.METRICS).write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="it is finished, so the file was taken away"):
        runs.weights(here)


def test_a_file_that_fails_to_be_written_leaves_the_old_one(here: Path) -> None:
    path = here / "file"
    runs.write(path, b"old")
    with pytest.raises(ZeroDivisionError), runs.whole(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and [each.name for each in here.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_is_told_by_its_own_name(here: Path) -> None:
    with pytest.raises(OSError) as found:
        runs.write(here / "no" / "file", b"new")
    assert found.value.filename == str(here / "no" / "file") and found.value.filename2 is None


def test_one_run_at_a_time_in_a_folder(here: Path) -> None:
    with runs.held(here), pytest.raises(RunError, match="another run is being written"), runs.held(here):
        pass
    with runs.held(here):
        pass


def test_a_run_on_data_goes_before_newer_ones_on_generated_examples(here: Path) -> None:
    real, resolved = record(here)
    dummy = runs.create("tiny", NOON.replace(hour=13))
    runs.write_json(dummy / runs.RESOLVED, {**resolved, "dummy": 100})
    runs.write_json(dummy / runs.METRICS, {})
    assert runs.latest("tiny") == dummy
    runs.write_json(real / runs.METRICS, {})
    assert runs.latest("tiny") == real


def test_data_files_that_have_changed_are_found(here: Path) -> None:
    (here / "rows.csv").write_text("$x;y\n1;2\n", encoding="utf-8")
    run, _ = record(here)
    checked = analyze_text(SPEC, folder=str(here)).checked
    assert checked is not None
    marks = origins.fingerprints(checked)
    assert list(marks) == [str(here / "rows.csv")] and marks[str(here / "rows.csv")]["bytes"] == 9
    environment = json.loads((run / runs.ENVIRONMENT).read_text(encoding="utf-8"))
    runs.write_json(run / runs.ENVIRONMENT, {**environment, "data": marks})
    assert origins.changed(runs.load(run)) == ()
    (here / "rows.csv").write_text("$x;y\n1;3\n", encoding="utf-8")
    assert origins.changed(runs.load(run)) == (str(here / "rows.csv"),)


def test_images_that_have_changed_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    text = "inputs: {x: [2, 2, 3]}\nlayers:\n  - Flatten\n  - Dense: 1\n    name: y\nlosses: mse\n"
    text += "data: {train: {images: photos}, features: {x: {column: image, image: true}}, targets: {y: label}}\n"

    def mark() -> dict[str, Any]:
        checked = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
        assert checked is not None
        return origins.fingerprints(checked)[str(tmp_path / "photos")]

    monkeypatch.setattr(origins, "_BLOCK", 4)
    file = tmp_path / "photos/a/1.png"
    seen = []
    for most in (1 << 30, 10):
        monkeypatch.setattr(origins, "_HASHED", most)
        for content in (b"0123456789ab", b"0123x56789ab", b"0123456789aX", b"0123456789abc"):
            file.write_bytes(content)
            seen.append(mark())
    assert [each["of"] for each in seen] == ["contents"] * 4 + ["ends"] * 4
    hashes = [each["sha256"] for each in seen]
    assert len(set(hashes[:4])) == 4
    assert hashes[4] == hashes[5] and len(set(hashes[4:])) == 3  # the middle of a large file is not looked at
    assert seen[0]["files"] == 1 and seen[0]["bytes"] == 12
    (tmp_path / "photos/a/1.png").rename(tmp_path / "photos/a/2.png")
    assert mark() != seen[-1]


def test_git_state_is_that_of_the_specs_folder(here: Path) -> None:
    import subprocess

    assert "git" not in origins.environment(str(here), seed=1, command=(), started=NOON)
    for command in (["init", "-q"], ["add", "a"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        (here / "a").write_text("1", encoding="utf-8")
        subprocess.run(["git", *command], cwd=here, check=True)
    git = origins.environment(str(here), seed=1, command=(), started=NOON)["git"]
    assert len(git["commit"]) == 40 and git["dirty"] is False
    (here / "a").write_text("2", encoding="utf-8")
    assert origins.environment(str(here), seed=1, command=(), started=NOON)["git"]["dirty"] is True


def test_lists_differ_where_they_do() -> None:
    from netspec.runtime.run.differing import differences

    def said(was: list[Any], now: list[Any]) -> list[str]:
        return [each.said for each in differences({"layers": was}, {"layers": now})]

    assert said([1, 2, 3], [1, 9, 2, 3]) == ["layers.1 was not there, and is 9"]
    assert said([1, 2, 3], [1, 3]) == ["layers.1 was 2, and is not there"]
    assert said([1, {"a": 2}, 3], [1, {"a": 4}, 3]) == ["layers.1.a was 2, and is 4"]
    assert said([], [1]) == ["layers.0 was not there, and is 1"]
    assert said([1, 1], [1]) == ["layers.1 was 1, and is not there"]
