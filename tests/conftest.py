"""What all tests share: a quiet TensorFlow on the CPU, repeatable hypothesis, and `run`, the command line as a process.

The environment is set here because it counts only before the first import of Keras, and processes inherit it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every run and machine, and no deadline: a slow machine is not a wrong answer.
settings.register_profile("netspec", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("netspec")


@dataclass(frozen=True, slots=True)
class Done:
    """A finished process: its exit code and what it wrote."""

    rc: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run() -> Run:
    """`run("validate", path, cwd=…, env=…, stdin=…, timeout=…)`: `netspec validate …` in a process of its own.

    `cwd` is the repository if left out, `env` is laid over the environment of the tests, and `stdin` is empty.
    """

    def netspec(
        *args: str | os.PathLike[str],
        cwd: str | os.PathLike[str] = ROOT,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 300,
    ) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "netspec", *(os.fspath(arg) for arg in args)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONPATH": str(ROOT), **(env or {})},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return netspec


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The examples in netspec/runtime import Keras like the tests that say so themselves."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and "runtime" in item.path.relative_to(ROOT).parts:
            item.add_marker("keras")
