"""Processes measured from outside, sides in turns, and what many runs say: medians, and the interval of a ratio.

The process that measures imports nothing large: on Linux a child's peak memory is never less than its parent's was.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

_T = TypeVar("_T")
# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond these 2.04 is on the safe side.
_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took from start to end: CPU seconds of all its threads, seconds, and bytes of memory at most."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times more one side takes than the other, and where that lies in 95 of 100 such series of runs."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: medians of both sides, their ratio, and whether the target is met."""

    what: str
    unit: str
    ours: float
    theirs: float | None
    ratio: Ratio | None
    target: str
    met: bool

    def as_json(self) -> dict[str, Any]:
        """Plain data; what is not known is None."""
        ratio = self.ratio
        return {
            "what": self.what,
            "unit": self.unit,
            "netspec": self.ours,
            "other": self.theirs,
            "ratio": None if ratio is None else ratio.value,
            "interval": None if ratio is None or math.isnan(ratio.low) else [ratio.low, ratio.high],
            "target": self.target,
            "met": self.met,
        }


def environment(bytecode: str | os.PathLike[str]) -> dict[str, str]:
    """The environment of all sides: compiled modules are kept (in `bytecode`), as after an installation; no GPU."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPYCACHEPREFIX": os.fspath(bytecode),
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def process(command: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run a command to its end. Raises RuntimeError if it fails."""
    null = subprocess.DEVNULL
    began = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=null, stdout=null, stderr=null)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ends with code {child.returncode}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024)


class Worker:
    """A process that is warm: it answers every line with the seconds that it took, and ends with its input."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._talk = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed on exit
        self._child = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=self._talk, text=True
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._child.communicate()
        self._talk.close()

    def __call__(self) -> float:
        """Seconds. Raises RuntimeError if the process has ended."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write("go\n")
            self._child.stdin.flush()
            return float(json.loads(self._child.stdout.readline()))
        except (OSError, ValueError):
            self._talk.seek(0)
            raise RuntimeError(f"a benchmark's process ended: {self._talk.read()[-2000:]}") from None


def in_turns(sides: Mapping[str, Callable[[], _T]], runs: int) -> dict[str, list[_T]]:
    """Each side `runs` times, A B B A …, so that what else the machine does meets all; a first round is left out."""
    for side in sides.values():
        side()
    taken: dict[str, list[_T]] = {name: [] for name in sides}
    for run in range(runs):
        for name in reversed(sides) if run % 2 else sides:
            taken[name].append(sides[name]())
    return taken


def together(taken: Sequence[float], turns: int) -> list[float]:
    """The means of so many measurements that follow each other: what one of them meets by chance counts less.

    >>> together([1.0, 3.0, 2.0, 4.0], 2)
    [2.0, 3.0]
    """
    return [statistics.fmean(taken[start : start + turns]) for start in range(0, len(taken), turns)]


def medians(theirs: Sequence[float], ours: Sequence[float]) -> Ratio:
    """The ratio of two medians.

    >>> medians([4, 8, 6], [1, 2, 3])
    Ratio(value=3.0, low=nan, high=nan)
    """
    return Ratio(statistics.median(theirs) / statistics.median(ours))


def paired(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """The geometric mean of `over / under`, run by run, with its 95 % interval; one run has none.

    >>> found = paired([2.0, 2.2, 2.1], [1.0, 1.0, 1.0])
    >>> print(f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})")
    2.10 (1.86 to 2.36)
    """
    logs = [math.log(a / b) for a, b in zip(over, under, strict=True)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(mean))
    quantile = _QUANTILES[len(logs) - 2] if len(logs) - 2 < len(_QUANTILES) else _QUANTILES[-1]
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))
