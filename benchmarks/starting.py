"""Whole processes: the verbs that never import Keras, beside a Python that imports it and a script that builds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import partial

from measure import PYTHON, Result, Usage, in_turns, medians, process

_IMPORT = (PYTHON, "-c", "import keras")
_SUMMARY = (PYTHON, "-c", "import sys; sys.path.insert(0, 'tests'); import handwritten; handwritten.vqa().summary()")
_MOST_BYTES = 60e6


def start(runs: int, env: Mapping[str, str]) -> list[Result]:
    """`validate`, `--help` and `--version` against `import keras`: CPU time, and the memory of validate."""
    commands = {
        "validate": _netspec("validate", "specs/twitter.yaml"),
        "--help": _netspec("--help"),
        "--version": _netspec("--version"),
        "keras": _IMPORT,
    }
    taken = _measured(commands, runs, env)
    theirs = [used.cpu for used in taken["keras"]]

    def cpu(verb: str, least: float) -> Result:
        what = f"`netspec {verb}`, CPU time, against `import keras`"
        return _times_less(what, "ms", 1e-3, [used.cpu for used in taken[verb.split()[0]]], theirs, least)

    ours, beside = ([used.memory for used in taken[side]] for side in ("validate", "keras"))
    most = statistics.median(ours)
    memory = Result(
        "the same `validate`, memory at its peak",
        "MB",
        most / 1e6,
        statistics.median(beside) / 1e6,
        medians(beside, ours),
        "60 MB at most",
        most <= _MOST_BYTES,
    )
    return [cpu("validate specs/twitter.yaml", 12), memory, cpu("--help", 20), cpu("--version", 20)]


def summary(runs: int, env: Mapping[str, str]) -> list[Result]:
    """`netspec summary` of the largest image model against building it and calling `summary()`: time and memory."""
    taken = _measured({"netspec": _netspec("summary", "specs/vqa.yaml"), "keras": _SUMMARY}, runs, env)
    what = "`netspec summary specs/vqa.yaml`, {}, against building it with Keras"
    seconds = {side: [used.wall for used in uses] for side, uses in taken.items()}
    memory = {side: [used.memory for used in uses] for side, uses in taken.items()}
    return [
        _times_less(what.format("time"), "ms", 1e-3, seconds["netspec"], seconds["keras"], 20),
        _times_less(what.format("memory at its peak"), "MB", 1e6, memory["netspec"], memory["keras"], 30),
    ]


def _netspec(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "netspec", *arguments)


def _measured(commands: Mapping[str, tuple[str, ...]], runs: int, env: Mapping[str, str]) -> dict[str, list[Usage]]:
    return in_turns({name: partial(process, command, env) for name, command in commands.items()}, runs)


def _times_less(
    what: str, unit: str, scale: float, ours: Sequence[float], theirs: Sequence[float], least: float
) -> Result:
    """A line whose target is that Keras's side takes `least` times as much, or more."""
    ratio = medians(theirs, ours)
    return Result(
        what,
        unit,
        statistics.median(ours) / scale,
        statistics.median(theirs) / scale,
        ratio,
        f"{least} at least",
        ratio.value >= least,
    )
