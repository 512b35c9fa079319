"""`python benchmarks/run.py [NAME…] [--runs N] [--rows N] [--json FILE]`: measures side by side, prints a table.

What is compared, and how, is in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import building
import checking
import fitting
import keeping
import reading
import starting
from measure import Result, environment

RUNS = {"check": 9, "many": 5, "linear": 5, "catalog": 9, "start": 15, "summary": 5, "build": 30}
RUNS |= {"fit-small": 9, "fit-heavy": 7, "lengths": 7, "keeping": 3, "table": 5, "memory": 1, "predict": 5}


def measured(name: str, runs: int, rows: int, env: dict[str, str]) -> list[Result]:
    """One benchmark."""
    checks = {"check": checking.check, "many": checking.many, "linear": checking.linear, "catalog": checking.catalogue}
    if name in checks:
        return checks[name](runs, env)
    if name == "start":
        return starting.start(runs, env)
    if name == "summary":
        return starting.summary(runs, env)
    if name == "build":
        return building.build(runs, env)
    data = {"fit-small": fitting.small, "fit-heavy": fitting.heavy, "lengths": fitting.lengths}
    data |= {"keeping": keeping.keeping}
    data |= {"table": reading.table, "memory": reading.memory, "predict": reading.predicting}
    return data[name](runs, env, rows)


def machine() -> dict[str, Any]:
    """What the numbers depend on; `load` is how many processes wanted a CPU in the minute before."""
    versions = {name: importlib.metadata.version(name) for name in ("keras", "tensorflow", "pydantic", "typer")}
    return {
        "python": platform.python_version(),
        **versions,
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
    }


def table(results: list[Result]) -> str:
    """The results as Markdown."""
    lines = ["| what | netspec | other | other / netspec | target | met |", "|---|--:|--:|--:|---|---|"]
    for result in results:
        theirs = "" if result.theirs is None else _number(result.theirs, result.unit)
        met = "yes" if result.met else "no"
        cells = (result.what, _number(result.ours, result.unit), theirs, _ratio(result), result.target, met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def _ratio(result: Result) -> str:
    ratio = result.ratio
    if ratio is None:
        return ""
    value, low, high = (f"{each:.2f}" if each < 10 else f"{each:.1f}" for each in (ratio.value, ratio.low, ratio.high))
    return value if math.isnan(ratio.low) else f"{value} ({low} to {high})"


def main() -> None:
    """Runs what is asked for, one after the other; one that fails is said, left out of the table, and the end is 1."""
    asked = argparse.ArgumentParser(description="Measure netspec side by side with plain Keras; takes minutes.")
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(RUNS)}; all if left out")
    asked.add_argument("--runs", type=int, help="how often each side runs; by default enough for a steady median")
    asked.add_argument("--rows", type=int, default=0, help="train on that many rows only, a turn a run: to try it out")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    given = asked.parse_args()
    names = given.names or list(RUNS)
    if unknown := sorted(set(names) - RUNS.keys()):
        asked.error(f"there is no benchmark `{unknown[0]}`; there are {', '.join(RUNS)}")
    if given.runs is not None and given.runs < 1:
        asked.error("--runs is at least 1")
    about = machine()
    results: list[Result] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="netspec-bytecode-") as bytecode:
        env = environment(bytecode)
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                results += measured(name, given.runs or RUNS[name], given.rows, env)
            except RuntimeError as error:
                failed = True
                print(f"error: {name}: {error}", file=sys.stderr)
    print(", ".join(f"{name} {value}" for name, value in about.items()), table(results), sep="\n\n")
    if given.json:
        text = json.dumps({"machine": about, "results": [result.as_json() for result in results]}, indent=2)
        given.json.write_text(text + "\n", encoding="utf-8")
    sys.exit(failed)


if __name__ == "__main__":
    main()
