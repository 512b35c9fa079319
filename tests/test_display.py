"""What training shows: live on a terminal, lines in a pipe, JSON lines for programs."""

# ruff: noqa: F811 - a fixture that is imported is also a parameter
from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, Run
from test_training import SPEC, points  # noqa: F401

from netspec.graph.ir import Training
from netspec.graph.training import by_output
from netspec.runtime.run import display, progress
from netspec.runtime.run.display import Display


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(monkeypatch: pytest.MonkeyPatch, columns: int = 100, lines: int = 24) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(display, "_SECONDS", 0.0)
    stream = _Terminal()
    shown = progress.progress(3, 40, "val_loss", Path("run"), quiet=False, stream=stream)
    assert isinstance(shown, Display)
    for epoch in (1, 2):
        shown.epoch_begins(epoch)
        for step in (10, 20, 40):
            shown.stepped(step, {"loss": np.float32(0.5), "a_accuracy": np.float32(0.75), "f1": np.zeros(3)})
        logs = {"loss": 0.5, "a_accuracy": 0.75, "val_loss": 0.6 / epoch, "val_a_accuracy": 0.7, "f1": [0.1, 0.2]}
        shown.epoch_ends(epoch, 1.5, logs)
    shown.close()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_a_terminal_shows_epoch_speed_time_metrics_best_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _shown(monkeypatch)
    assert "epoch 1/3  1.5 s  loss 0.5000" in text and "epoch 2/3" in text
    assert "20/40" in text and "steps/s" in text and "left" in text and "so far" in text
    assert "best val_loss 0.3000 in epoch 2" in text.replace("\n", " ") or "best val_loss 0.6000 in epoch 1" in text
    assert re.search(r"a_accuracy +0\.7500 +0\.7500 +0\.7000", text), text[-800:]
    if sys.platform == "linux":
        assert re.search(r"\d MB", text)


def test_many_short_epochs_are_drawn_seldom_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(display, "_SECONDS", 1000.0)
    stream = _Terminal()
    shown = progress.progress(50, 4, "loss", Path("run"), quiet=False, stream=stream)
    for epoch in range(1, 51):
        shown.epoch_begins(epoch)
        shown.stepped(4, {"loss": np.float32(0.5)})
        shown.epoch_ends(epoch, 0.01, {"loss": 1.0 / epoch})
    assert stream.getvalue().count("steps/s") == 0 and stream.getvalue().count("0/4") == 1
    shown.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert [int(number) for number in re.findall(r"epoch (\d+)/50  0", text)] == [*range(1, 51)]
    assert "best loss 0.0200 in epoch 50" in text


def test_what_is_logged_of_several_outputs_stands_together(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Training({"b_c": "mse", "b": "mse", "free": None}, {}, {"b": ("mae", "c_x"), "free": ("mae",)}, "sgd")
    groups = by_output(plan, ("b_c", "b", "free"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = _Terminal()
    shown = progress.progress(1, 4, "val_loss", Path("run"), quiet=False, stream=stream, groups=groups)
    shown.epoch_begins(1)
    names = ("b_c_loss", "b_c_x", "b_loss", "b_mae", "free_mae", "loss")  # as Keras has it, by the alphabet
    shown.stepped(2, {name: np.float32(at) for at, name in enumerate(names)})
    shown.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    rows = [line.split() for line in text[text.rindex("now") :].splitlines()[1:]]
    assert rows[:6] == [
        ["loss", "5.0000"],
        ["b_c", "loss", "0.0000"],
        ["b", "loss", "2.0000"],
        ["mae", "3.0000"],
        ["c_x", "1.0000"],
        ["free", "mae", "4.0000"],
    ]


def test_one_output_has_no_column_for_its_name() -> None:
    assert by_output(Training({"y": "mse"}, {}, {"y": ("mae",)}, "sgd"), ("y",)) == {}


@pytest.mark.parametrize(("columns", "lines"), [(20, 24), (1, 3), (300, 5)])
def test_a_terminal_of_any_size_will_do(columns: int, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _shown(monkeypatch, columns, lines)


def test_a_terminal_that_knows_no_escapes_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = _Terminal()
    assert isinstance(progress.progress(1, 1, "loss", Path("run"), quiet=False, stream=stream), progress.Lines)


@pytest.mark.keras
def test_json_lines(points: Path, run: Run) -> None:
    (points / "spec.yaml").write_text(SPEC, encoding="utf-8")
    done = run("fit", "spec.yaml", "--log", "json", "--out", "out", cwd=points)
    assert done.rc == 0, done.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["event"] for each in events if each["event"] != "step"] == ["begin", *["epoch"] * 3, "end"]
    assert events[0]["run"] == "out" and events[0]["epochs"] == 3
    assert {"epoch", "seconds", "loss", "val_loss"} <= set(events[-2])
    assert events[-1]["metrics"] == json.loads((points / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert "epoch" not in done.stderr


@pytest.mark.keras
@pytest.mark.skipif(os.name == "nt", reason="terminals")
def test_a_real_terminal(points: Path) -> None:
    import pty

    (points / "spec.yaml").write_text(SPEC, encoding="utf-8")
    terminal, end = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "netspec", "fit", "spec.yaml", "--out", "out"]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=env)
    os.close(end)
    written = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not more:
            break
        written += more
    os.close(terminal)
    assert process.wait() == 0
    text = written.decode()
    assert "epoch 3/3" in text and "run: out" in text and "\x1b[2K" in text and "Traceback" not in text
