"""Where specs are checked, as docs/ci.md says: the hook run by pre-commit, the problem matcher, the workflows.

The examples are read from that page, and their commands are run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Run
from junitparser import JUnitXml
from sarif_kit.validate import validation_errors

from netspec.diagnostics import Diagnostic, Place
from netspec.pipeline import analyze
from netspec.render import findings

GOOD = "inputs: {x: [4]}\nlayers:\n  - Dense: 2\n"
BAD = "inputs: {x: [4]}\nlayers:\n  - Desne: 2\n"
OTHER = "services: {web: {image: nginx}}\n"

HOOKS = ROOT / ".pre-commit-hooks.yaml"
MATCHER = json.loads((ROOT / ".github" / "netspec-matcher.json").read_text(encoding="utf-8"))
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "ci.md").read_text(encoding="utf-8"), re.M | re.S)
YAML = [yaml.safe_load(text) for kind, text in EXAMPLES if kind == "yaml"]

git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


# The problem matcher.

(PATTERN,) = MATCHER["problemMatcher"][0]["pattern"]


def matched(line: str) -> dict[str, str] | None:
    """What a problem matcher takes from a line."""
    found = re.search(PATTERN["regexp"], line)
    return found and {name: found[number] for name, number in PATTERN.items() if name != "regexp"}


@pytest.mark.parametrize("spec", sorted((ROOT / "tests/golden").glob("*.yaml")), ids=lambda spec: spec.stem)
def test_the_matcher_reads_every_concise_line(spec: Path) -> None:
    diagnostics = analyze(spec, shown=spec.name).diagnostics
    lines = findings.concise(diagnostics).splitlines()
    for found, line in zip(diagnostics, lines, strict=True):
        assert matched(line) == {
            "file": spec.name,
            "line": str(found.place.line),
            "column": str(found.place.column),
            "severity": found.severity,
            "code": found.code,
            "message": findings.printable(found.message),
        }


@pytest.mark.parametrize(
    "file", ["a b.yaml", "a:1:2.yaml", "a:1:2: error[NS101] x.yaml", "C:\\a.yaml", "é日🙂.yaml", "x:"]
)
@pytest.mark.parametrize("message", ["plain", "b.yaml:3:4: error[NS999] forged", "ends: 1:2", "`a` ::error::"])
def test_the_matcher_reads_odd_names(file: str, message: str) -> None:
    line = findings.concise([Diagnostic("NS204", "unknown-layer", "error", message, Place(file, 3, 5, 3, 6))])
    found = matched(line.rstrip("\n"))
    assert found is not None
    if "error[" not in file:  # a name that holds a whole finding cannot be told from one
        assert (found["file"], found["line"], found["column"], found["message"]) == (file, "3", "5", message)


def test_the_matcher_reads_nothing_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BAD, encoding="utf-8")
    done = run("validate", "a.yaml", "missing.yaml", cwd=tmp_path)
    assert [matched(line) for line in (done.stdout + done.stderr).splitlines() if matched(line)] == []


# The workflows.


def commands(node: Any) -> list[str]:
    """Every `run` and `script` of a workflow."""
    if isinstance(node, list):
        return [command for each in node for command in (commands(each) if not isinstance(each, str) else [])]
    if not isinstance(node, dict):
        return []
    own = [node["run"]] if isinstance(node.get("run"), str) else []
    own += [line for line in node.get("script", ()) if isinstance(line, str)]
    return own + [command for key, value in node.items() if key != "script" for command in commands(value)]


SHELL = [line for kind, text in EXAMPLES if kind == "sh" for line in text.splitlines()]
VALIDATES = [each for each in [*commands(YAML), *SHELL] if each.startswith("netspec")]


def test_there_is_a_command_for_each_format() -> None:
    assert {"github", "concise", "sarif", "junit"} == {
        each.split("--format ")[1].split()[0] for each in VALIDATES if "--format" in each
    }
    assert {each for each in commands(YAML) if each not in VALIDATES} == {
        "pip install netspec",
        'echo "::add-matcher::.github/netspec-matcher.json"',
    }


@pytest.mark.parametrize("command", VALIDATES)
def test_the_commands_run_as_they_are_written(command: str, tmp_path: Path) -> None:
    for folder in ("specs", "models"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bad.yaml").write_text(BAD, encoding="utf-8")
    shell = f'netspec() {{ {shlex.quote(sys.executable)} -m netspec "$@"; }}\n{command}\n'
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if "--exit-zero" in command else 1) and done.stderr == ""
    if "> netspec.sarif" in command:
        log = json.loads((tmp_path / "netspec.sarif").read_text(encoding="utf-8"))
        assert validation_errors(log) == [] and len(log["runs"][0]["results"]) == 1
        assert log["runs"][0]["artifacts"][0]["location"] == {"uri": "specs/bad.yaml", "uriBaseId": "%SRCROOT%"}
    elif "> netspec.xml" in command:
        assert sum(suite.failures for suite in JUnitXml.fromfile(str(tmp_path / "netspec.xml"))) == 1
    else:
        assert "NS204" in done.stdout


def test_the_workflows_upload_what_they_wrote() -> None:
    (scan,) = (each for each in YAML if isinstance(each, dict) and "scan" in each.get("jobs", {}))
    upload = scan["jobs"]["scan"]["steps"][-1]["with"]
    (written,) = (each.rpartition("> ")[2] for each in commands(scan) if ">" in each)
    assert upload["sarif_file"] == written and scan["permissions"]["security-events"] == "write"
    (gitlab,) = (each for each in YAML if isinstance(each, dict) and "specs" in each)
    assert gitlab["specs"]["script"][-1].endswith(f"> {gitlab['specs']['artifacts']['reports']['junit']}")


# The hook.


def test_the_hook_of_the_examples_is_the_one_there_is() -> None:
    hooks = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    named = re.findall(r"- id: (\S+)", "".join(text for _, text in EXAMPLES))
    assert set(named) == {hook["id"] for hook in hooks} == {"netspec-validate"}


def repository(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """A git repository with specs and other files, all added; the environment for what runs in it."""
    folder.mkdir()
    (folder / "specs").mkdir()
    (folder / "specs" / "good.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "compose.yaml").write_text(OTHER, encoding="utf-8")
    (folder / "notes.txt").write_text(BAD, encoding="utf-8")
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    # Nothing of git's, nor the lock that `make test` gives to pip by a path that only holds in this folder.
    ours = ("GIT_", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
    env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    env |= {
        "PRE_COMMIT_HOME": str(folder.parent / "cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PRE_COMMIT_COLOR": "never",
    }
    for name in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{name}_NAME": "a", f"GIT_{name}_EMAIL": "a@example.org"}
    subprocess.run(["git", "init", "-q", "."], cwd=folder, env=env, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, env=env, check=True)
    return env


def pre_commit(folder: Path, env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pre_commit", *args]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False)


def add(folder: Path, env: dict[str, str], name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "add", name], cwd=folder, env=env, check=True)


def look(folder: Path, env: dict[str, str]) -> None:
    """A commit of good specs passes, one with a bad spec does not, and other files are passed over."""
    done = pre_commit(folder, env, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout
    add(folder, env, "specs/bad.yaml", BAD)
    done = pre_commit(folder, env, "run")
    assert done.returncode == 1 and "specs/bad.yaml:3:5" in done.stdout, done.stdout + done.stderr
    assert "compose.yaml" not in done.stdout and "notes.txt" not in done.stdout
    done = pre_commit(folder, env, "run", "--files", "notes.txt")
    assert done.returncode == 0 and "no files to check" in done.stdout


@git
def test_the_hook_as_it_is_declared(tmp_path: Path) -> None:
    assert pre_commit(ROOT, {**os.environ}, "validate-manifest", str(HOOKS)).returncode == 0
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    entry = f"{shlex.quote(sys.executable)} -m {hook['entry']}"  # this netspec, instead of one that is installed
    local = {**hook, "language": "system", "entry": entry}
    folder = tmp_path / "work"
    env = repository(folder, {"repos": [{"repo": "local", "hooks": [local]}]})
    look(folder, env)


@git
@pytest.mark.slow
def test_the_hook_as_it_is_installed(tmp_path: Path) -> None:
    """As a user has it: pre-commit clones the project and installs it, which needs a package index."""
    copy = tmp_path / "netspec"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "netspec", copy / "netspec", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "work"
    config = yaml.safe_load(next(text for kind, text in EXAMPLES if kind == "yaml" and "repo:" in text))
    config["repos"][0] |= {"repo": str(copy), "rev": "v0.2.0"}
    env = repository(folder, config)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["tag", "v0.2.0"]):
        subprocess.run(["git", *command], cwd=copy, env=env, check=True)
    installed = pre_commit(folder, env, "install-hooks")
    if installed.returncode and re.search("Could not find a version|Connection|resolve|No matching", installed.stdout):
        pytest.skip("no package index is reached")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    look(folder, env)
