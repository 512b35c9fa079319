"""What docs/data.md shows of `netspec data` and `netspec init` is what they print; NETSPEC_GOLDEN=write writes it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT, Run

PAGE = ROOT / "docs" / "data.md"
FILE = re.compile(r"^```(?:csv|yaml) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^```console\n(\$ netspec ([^\n]*)\n)(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the page shows, beside the shipped specs."""
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    for name, content in FILE.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_page_shows_what_is_printed(folder: Path, run: Run) -> None:
    text = PAGE.read_text(encoding="utf-8")

    def again(found: re.Match[str]) -> str:
        done = run(*shlex.split(found[2]), cwd=folder)
        assert done.rc == 0 and done.stderr == "", done
        return f"```console\n{found[1]}{done.stdout}```"

    now = SAID.sub(again, text)
    assert len(SAID.findall(text)) == 4
    if os.environ.get("NETSPEC_GOLDEN") == "write":
        PAGE.write_text(now, encoding="utf-8")
    assert now == PAGE.read_text(encoding="utf-8")


def test_what_the_page_shows_gives_no_message_when_checked(folder: Path, run: Run) -> None:
    assert run("validate", "visits.yaml", cwd=folder).stdout == "1 spec, no problems\n"
