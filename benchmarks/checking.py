"""Checking: one spec, many, very long ones, and the catalogue, beside other programs that check such files."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from measure import PYTHON, Ratio, Result, Usage, in_turns, medians, process
from peers import program

_LINES = 150
_MANY = 500
_STEPS = (100, 1_000, 10_000, 50_000)
_CATALOG = (
    "import dataclasses, functools, json, pathlib, time, typing; began = time.process_time(); "
    "from netspec import catalog; catalog.find('layer', 'Dense'); "
    "catalog.find('op', 'mean'); print(time.process_time() - began)"
)
_LUDWIG = "import sys; from ludwig.schema.model_types.base import ModelConfig; ModelConfig.from_yaml(sys.argv[1])"
_LUDWIG_CONFIG = """\
input_features:
  - name: headline
    type: text
  - name: hour
    type: number
output_features:
  - name: shared
    type: binary
trainer:
  epochs: 5
  batch_size: 32
  learning_rate: 0.001
"""


def check(runs: int, env: Mapping[str, str]) -> list[Result]:
    """One spec of 150 lines against importing Keras and against the other programs, each on a file of its own kind."""
    with tempfile.TemporaryDirectory(prefix="netspec-check-") as folder:
        spec = Path(folder, "spec.yaml")
        spec.write_text(_spec(0), encoding="utf-8")
        others = _others(folder, spec, env)
        commands = {"netspec": _netspec("validate", spec), "keras": (PYTHON, "-c", "import keras"), **others}
        taken = {name: partial(process, command, env) for name, command in commands.items()}
        used = in_turns(taken, runs)
    ours = used.pop("netspec")
    what = f"`netspec validate`, {_LINES} lines, CPU time, against {{}}"
    names = {"keras": "`import keras`", "check-jsonschema": "check-jsonschema", "ludwig": "Ludwig's check of 12 lines"}
    least = {"keras": 12.0, "check-jsonschema": 1.0, "ludwig": 12.0}
    results = [_cpu(what.format(names[name]), ours, theirs, least[name]) for name, theirs in used.items()]
    memory = statistics.median([each.memory for each in ours])
    told = f"the same `validate`, memory at its peak, against {names['keras']}"
    beside = [each.memory for each in used["keras"]]
    ratio = medians(beside, [each.memory for each in ours])
    line = Result(told, "MB", memory / 1e6, statistics.median(beside) / 1e6, ratio, "60 MB at most", memory <= 60e6)
    return [*results, line]


def many(runs: int, env: Mapping[str, str]) -> list[Result]:
    """500 specs of 150 lines in one process: CPU time against others, and memory against that for 50 of them."""
    with tempfile.TemporaryDirectory(prefix="netspec-many-") as folder:
        all_of_them, tenth = Path(folder, "all"), Path(folder, "tenth")
        for number in range(_MANY):
            for where in (all_of_them, *((tenth,) if number < _MANY // 10 else ())):
                where.mkdir(exist_ok=True)
                (where / f"{number:03}.yaml").write_text(_spec(number), encoding="utf-8")
        files = [os.fspath(path) for path in sorted(all_of_them.iterdir())]
        sides = {
            "netspec": partial(process, _netspec("validate", all_of_them), env),
            "tenth": partial(process, _netspec("validate", tenth), env),
        }
        checker, linter = program("check-jsonschema", "check-jsonschema"), program("yamllint", "yamllint")
        if checker is not None:
            command = (checker, "--schemafile", _schema(folder, env), *files)
            sides["check-jsonschema"] = partial(process, command, env)
        if linter is not None:
            sides["yamllint"] = partial(process, (linter, "-d", "relaxed", "--no-warnings", *files), env)
        used = in_turns(sides, runs)
    ours, tenth_of = used.pop("netspec"), used.pop("tenth")
    seconds = statistics.median([each.cpu for each in ours])
    what = f"{_MANY} specs of {_LINES} lines in one process, "
    memory, less = ([each.memory for each in taken] for taken in (ours, tenth_of))
    growth = medians(memory, less)
    lines = [Result(f"{what}CPU time", "s", seconds, None, None, "3 s at most", seconds <= 3)]
    lines += [_cpu(f"{what}against {name}", ours, theirs, 1.0) for name, theirs in used.items()]
    told = f"{what}memory at its peak, beside {_MANY // 10} specs"
    most, least = statistics.median(memory) / 1e6, statistics.median(less) / 1e6
    flat = Ratio(1 / growth.value)
    return [*lines, Result(told, "MB", most, least, flat, "flat: 0.75 at least", flat.value >= 0.75)]


def linear(runs: int, env: Mapping[str, str]) -> list[Result]:
    """CPU time for each step of a chain, from 100 to 50,000 steps, written out and by `repeat`; memory of the longest.

    What the same process takes without any step is taken off.
    """
    with tempfile.TemporaryDirectory(prefix="netspec-linear-") as folder:
        files = {f"{steps:,} steps": _chain(folder, steps) for steps in (1, *_STEPS)}
        files[f"repeat: {_STEPS[-1]}"] = _chain(folder, _STEPS[-1], repeat=True)
        used = in_turns({name: partial(process, _netspec("validate", file), env) for name, file in files.items()}, runs)
    nothing = statistics.median([each.cpu for each in used.pop("1 steps")])
    each_step = {
        name: max(statistics.median([each.cpu for each in taken]) - nothing, 1e-4) / steps
        for (name, taken), steps in zip(used.items(), (*_STEPS, _STEPS[-1]), strict=True)
    }
    base = each_step[f"{_STEPS[2]:,} steps"]
    lines = []
    for name, seconds in each_step.items():
        ratio = Ratio(base / seconds)
        told = f"CPU time for each step at {name}, beside {_STEPS[2]:,} steps"
        met = ratio.value >= 0.5 or name == f"{_STEPS[0]:,} steps"
        lines.append(Result(told, "µs", seconds * 1e6, base * 1e6, ratio, "linear: 0.5 at least", met))
    for name in (f"{_STEPS[-1]:,} steps", f"repeat: {_STEPS[-1]}"):
        memory = statistics.median([each.memory for each in used[name]])
        told = f"memory at its peak at {name}"
        lines.append(Result(told, "MB", memory / 1e6, None, None, "400 MB at most", memory <= 400e6))
    return lines


def catalogue(runs: int, env: Mapping[str, str]) -> list[Result]:
    """Loading the catalogue and finding a layer and an operation in it; Python's own modules are there already."""
    command = [PYTHON, "-c", _CATALOG]
    taken = []
    for _ in range(runs + 1):
        done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=True)
        taken.append(float(done.stdout))
    seconds = statistics.median(taken[1:])
    what = "loading the catalogue, CPU time"
    return [Result(what, "ms", seconds * 1e3, None, None, "10 ms at most", seconds <= 0.01)]


def _spec(number: int) -> str:
    """A spec of 150 lines: a residual network of fourteen blocks with a second input."""
    lines = [f"# spec {number}", "netspec: 1", f"name: m{number}", "inputs:", "  image: {shape: [64, 64, 3]}"]
    lines += ["  facts: [8]", "", "layers:"]
    lines += ["  - Conv2D: {filters: 16, kernel_size: 3, padding: same, activation: relu}", "    from: image"]
    lines += ["    name: sum"]
    above = "sum"
    for block in range(14):
        lines += ["  - Conv2D: {filters: 16, kernel_size: 3, padding: same}", f"    from: {above}"]
        lines += ["  - BatchNormalization", "  - Activation: relu"]
        lines += ["  - Conv2D: {filters: 16, kernel_size: 3, padding: same, use_bias: false}", f"    name: conv{block}"]
        lines += ["  - Add:", f"    from: [{above}, conv{block}]", f"    name: sum{block}"]
        above = f"sum{block}"
    lines += ["  - GlobalAveragePooling2D:", "    name: pooled", "  - Concatenate:", "    from: [pooled, facts]"]
    lines += ["  - Dense: {units: 64, activation: relu}", "  - Dropout: 0.5"]
    lines += ["  - Dense: {units: 10, activation: softmax}", "    name: out", ""]
    lines += ["losses: sparse_categorical_crossentropy", "metrics: [accuracy]"]
    lines += ["optimizer: {Adam: {learning_rate: 0.001}}", "fit: {epochs: 5, batch_size: 32, seed: 1}"]
    assert len(lines) == _LINES
    return "\n".join(lines) + "\n"


def _chain(folder: str, steps: int, *, repeat: bool = False) -> Path:
    path = Path(folder, f"{steps}{'-repeat' * repeat}.yaml")
    step = "  - Dense: {units: 64, activation: relu}\n    name: d"
    layers = f"{step}\n    repeat: {steps}\n" if repeat else "".join(f"{step}{at}\n" for at in range(steps))
    path.write_text("inputs: {x: [64]}\nlayers:\n" + layers, encoding="utf-8")
    return path


def _others(folder: str, spec: Path, env: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """The other programs that are installed, each with what it has to check."""
    found: dict[str, Sequence[str]] = {}
    if (checker := program("check-jsonschema", "check-jsonschema")) is not None:
        found["check-jsonschema"] = (checker, "--schemafile", _schema(folder, env), os.fspath(spec))
    if (ludwig := program("ludwig", "python")) is not None:
        config = Path(folder, "ludwig.yaml")
        config.write_text(_LUDWIG_CONFIG, encoding="utf-8")
        found["ludwig"] = (ludwig, "-c", _LUDWIG, os.fspath(config))
    missing = [name for name in ("check-jsonschema", "ludwig") if name not in found]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}; `make peers` installs them", file=sys.stderr)
    return found


def _schema(folder: str, env: Mapping[str, str]) -> str:
    """netspec's own JSON Schema, for the programs that check against one."""
    path = Path(folder, "schema.json")
    done = subprocess.run(_netspec("schema"), env=dict(env), capture_output=True, check=True)
    path.write_bytes(done.stdout)
    return os.fspath(path)


def _netspec(*arguments: str | Path) -> tuple[str, ...]:
    return (PYTHON, "-m", "netspec", *map(os.fspath, arguments))


def _cpu(what: str, ours: Sequence[Usage], theirs: Sequence[Usage], least: float) -> Result:
    mine, other = [each.cpu for each in ours], [each.cpu for each in theirs]
    ratio = medians(other, mine)
    unit, scale = ("s", 1.0) if statistics.median(mine) >= 1 else ("ms", 1e-3)
    sides = (statistics.median(mine) / scale, statistics.median(other) / scale)
    return Result(what, unit, *sides, ratio, f"{least:g} at least", ratio.value >= least)
