"""The command line as a user meets it: exit codes, streams, formats, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "specs" / "mlp_softmax.yaml"
GOOD = "inputs: {x: [4]}\nlayers:\n  - Dense: 2\n"
BAD = "inputs: {x: [4]}\nlayers:\n  - Desne: 2\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_no_error_is_0_and_errors_are_1(run, tmp_path):
    assert run("validate", write(tmp_path, "good.yaml", GOOD)).rc == 0
    found = run("validate", write(tmp_path, "bad.yaml", BAD))
    assert found.rc == 1
    assert "NS204" in found.stdout and "did you mean `Dense`?" in found.stdout
    assert found.stderr == ""


def test_all_files_are_checked_in_one_run(run, tmp_path):
    write(tmp_path, "a.yaml", BAD)
    write(tmp_path, "b.yaml", GOOD)
    write(tmp_path, "deep/c.yml", BAD)
    found = run("validate", tmp_path, "--format", "json")
    report = json.loads(found.stdout)
    assert found.rc == 1
    assert report["valid"] is False
    assert [Path(name).name for name in report["files"]] == ["a.yaml", "b.yaml", "c.yml"]
    assert [Path(each["file"]).name for each in report["diagnostics"]] == ["a.yaml", "c.yml"]


def test_what_is_no_spec_is_passed_over_in_folders_but_checked_when_named(run, tmp_path):
    other = write(tmp_path, "compose.yaml", "services: {web: {image: nginx}}\n")
    write(tmp_path, "runs/old/spec.yaml", BAD)
    write(tmp_path, ".hidden/spec.yaml", BAD)
    write(tmp_path, "env/pyvenv.cfg", "")
    write(tmp_path, "env/spec.yaml", BAD)
    assert run("validate", tmp_path).rc == 3
    found = run("validate", other)
    assert found.rc == 1
    assert "NS110" in found.stdout


def test_without_a_path_specs_comes_before_the_current_folder(run, tmp_path):
    write(tmp_path, "here.yaml", BAD)
    assert run("validate", cwd=tmp_path).rc == 1
    write(tmp_path, "specs/good.yaml", GOOD)
    assert run("validate", cwd=tmp_path).rc == 0


def test_a_path_that_is_not_there_is_2_and_the_others_are_still_checked(run, tmp_path):
    bad = write(tmp_path, "bad.yaml", BAD)
    found = run("validate", tmp_path / "missing.yaml", bad)
    assert found.rc == 2
    assert "missing.yaml" in found.stderr
    assert "NS204" in found.stdout


def test_a_fifo_is_refused_without_waiting(run, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    found = run("validate", tmp_path / "pipe.yaml")
    assert found.rc == 2
    assert "pipe.yaml" in found.stderr


def test_standard_input(run):
    found = run("validate", "-", stdin=BAD)
    assert found.rc == 1
    assert "<stdin>:3:5" in found.stdout


def test_standard_input_without_an_end_is_read_up_to_the_cap(tmp_path):
    yes = subprocess.Popen(["yes", "a: b"], stdout=subprocess.PIPE)
    command = [sys.executable, "-m", "netspec", "validate", "-", "--format", "concise"]
    try:
        done = subprocess.run(command, stdin=yes.stdout, capture_output=True, timeout=60, cwd=ROOT, check=False)
    finally:
        yes.kill()
        yes.communicate()
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(b"<stdin>:1:1: error[NS104]")


@pytest.mark.parametrize("name", ["../a.yaml", "-"])
def test_a_current_folder_that_is_gone_is_said_in_the_report(name, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir '{gone}' && exec '{sys.executable}' -P -m netspec validate {name} --format json"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], cwd=gone, env=env, input=b"a: 1\n", capture_output=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["failures"]


def test_a_data_file_whose_name_is_too_long_is_not_there(run, tmp_path):
    data = f"data: {{train: {'a' * 5000}.csv, features: {{x: a}}, targets: {{y: b}}}}\n"
    path = write(tmp_path, "a.yaml", GOOD.replace("Dense: 2", "{Dense: 2, name: y}") + "losses: mse\n" + data)
    found = run("validate", path, "--format", "concise")
    assert (found.rc, found.stderr) == (0, "")
    assert "NS701" in found.stdout


def test_concise_is_one_line_each(run, tmp_path):
    path = write(tmp_path, "bad.yaml", BAD + "  - Relu\n")
    lines = run("validate", path, "--format", "concise").stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{path}:") for line in lines)


def test_warnings_are_0_unless_asked(run, tmp_path):
    path = write(
        tmp_path,
        "warn.yaml",
        GOOD.replace("{x: [4]}", "{x: [4], y: [2]}").replace("- Dense: 2", "- Dense: 2\n    from: x"),
    )
    found = run("validate", path)
    assert (found.rc, "NS306" in found.stdout) == (0, True)
    assert run("validate", path, "--error-on-warning").rc == 1


def test_wrong_usage_is_2(run):
    assert run("validate", "--format", "xml").rc == 2
    assert run("frobnicate").rc == 2
    assert run("fit").rc == 2


def test_version_and_help(run):
    assert run("--version").stdout.startswith("netspec ")
    for verb in ("validate", "summary", "build", "fit", "evaluate", "predict", "generate"):
        found = run(verb, "--help")
        assert found.rc == 0
        body = found.stdout.split("\n\n")[1].strip()
        assert body.startswith(f"Example: netspec {verb}")


def test_an_override_is_checked_and_reported_as_one(run):
    found = run("validate", SPEC, "--set", "fit.epochs=many", "--format", "json")
    (only,) = json.loads(found.stdout)["diagnostics"]
    assert found.rc == 1
    assert only["file"] == "--set"


def test_summary_json_has_its_fixed_form(run):
    report = json.loads(run("summary", ROOT / "specs" / "twitter.yaml", "--format", "json").stdout)
    assert list(report) == ["name", "inputs", "outputs", "steps", "params", "flops", "memory", "at_least"]
    assert report["inputs"]["main_input"] == {"shape": [None, 100], "dtype": "int32"}
    assert report["params"] == {"total": 5_200_610, "trainable": 5_200_610, "non_trainable": 0}
    keys = {"name", "layer", "from", "shape", "dtype", "params", "flops", "memory", "trainable"}
    assert set(report["steps"][0]) == keys
    assert sum(step["params"] for step in report["steps"]) == 5_200_610


def test_summary_without_a_spec_lists_them(run):
    found = run("summary", cwd=ROOT)
    assert found.rc == 0
    assert any(line.split()[0] == "vqa" and line.endswith("165,077,800") for line in found.stdout.splitlines()[1:])


def test_summary_of_a_broken_spec_is_1_and_says_why(run, tmp_path):
    found = run("summary", write(tmp_path, "bad.yaml", BAD))
    assert (found.rc, found.stdout) == (1, "")
    assert "NS204" in found.stderr


def test_a_reader_that_goes_away_is_no_failure_of_ours():
    command = f"{sys.executable} -m netspec summary specs/video_qa.yaml | head -1"
    found = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert found.stdout == "video_qa\n"
    assert found.stderr == ""


def test_closed_stdout_is_no_traceback():
    found = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m netspec validate specs/twitter.yaml >&-"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in found.stderr


def test_ascii_terminals_and_foreign_characters(run, tmp_path):
    path = write(tmp_path, "ä.yaml", "inputs: {x: [4]}\nlayers:\n  - Dénse: 2\n")
    found = run("validate", path, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert found.rc == 1
    assert "NS204" in found.stdout
    assert "Traceback" not in found.stderr


def test_escape_sequences_in_names_do_not_reach_the_terminal(run, tmp_path):
    path = write(tmp_path, "esc.yaml", 'inputs: {x: [4]}\nlayers:\n  - "De\\x1b[31mnse": 2\n')
    found = run("validate", path)
    assert found.rc == 1
    assert "\x1b" not in found.stdout


def test_ctrl_c_while_reading_is_130(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "netspec", "validate", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        process.stdin.write(b"inputs:\n")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the rest
            process.wait(timeout=2)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in stderr


def test_without_tensorflow_the_message_says_what_to_install(run, tmp_path):
    write(tmp_path, "tensorflow.py", "raise ImportError('no tensorflow', name='tensorflow')\n")
    write(tmp_path, "keras.py", "raise ImportError('no keras', name='keras')\n")
    found = run("build", SPEC, "-o", tmp_path / "m.keras", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert found.rc == 2
    assert "pip install" in found.stderr and "netspec[tensorflow]" in found.stderr
    assert "Traceback" not in found.stderr


def test_findings_of_a_spec_keep_their_lines_in_every_verb(run, tmp_path):
    path = write(tmp_path, "bad.yaml", BAD)
    found = run("evaluate", path)
    assert found.rc == 1
    assert "error[NS204]: unknown layer `Desne`\n" in found.stderr


def test_python_o_and_a_missing_home(run, tmp_path):
    found = subprocess.run(
        [sys.executable, "-O", "-m", "netspec", "validate", "specs"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "HOME"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")
