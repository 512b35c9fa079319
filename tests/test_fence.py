"""The import fence: only netspec/runtime may import Keras and what is as heavy, and imports between rooms run one way.

Shown twice, by what a process really imports and by what the files say; each checker is shown to find a breach.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "netspec"
HEAVY = frozenset({"h5py", "jax", "keras", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "tensorflow", "torch"})

# What each room may import; a dot names one module of a room, and TYPES hold the trees that flow between the stages.
# graph meets layer expressions inside arguments, so it calls the parser; cli.find tells specs from other YAML files;
# render and runtime ask graph.infer, graph.costs and graph.training about the weights and the metrics of a graph.
GROUND = {"diagnostics", "errors", "jsonable"}
TYPES = {"graph.ir", "language.names", "language.schema", "language.spec"}
EDGES: Mapping[str, set[str]] = {
    "diagnostics": set(),
    "errors": set(),
    "jsonable": set(),
    "rules": GROUND,
    "catalog": set(),
    "language": {"catalog", *GROUND},
    "probe": {
        "catalog",
        "language.datasets",
        "language.dates",
        "language.moments",
        "language.names",
        "language.schema",
        "language.spec",
        *GROUND,
    },
    "graph": {
        "catalog",
        "language.datasets",
        "language.limits",
        "language.own",
        "language.parse",
        "language.patterns",
        "language.schema",
        "language.spec",
        *GROUND,
    },
    "pipeline": {"catalog.types", "graph", "language", "probe", *GROUND},
    "fixing": {"language.document", "language.source", "pipeline", *GROUND},
    "coverage": {"catalog", "pipeline", *TYPES, *GROUND},
    "render": {
        "catalog",
        "rules",
        "graph.costs",
        "graph.grouping",
        "graph.infer",
        "language.moments",
        "language.own",
        "language.patterns",
        *TYPES,
        *GROUND,
    },
    "runtime": {
        "catalog",
        "graph.costs",
        "graph.grouping",
        "graph.infer",
        "graph.kept",
        "graph.limits",
        "graph.names",
        "graph.own",
        "graph.padding",
        "graph.training",
        "language.datasets",
        "language.dates",
        "language.moments",
        "probe.cells",
        "probe.forms",
        "probe.pictures",
        "probe.windows",
        "probe.words",
        "render.report",
        "render.reports",
        "render.summary",
        *TYPES,
        *GROUND,
    },
    "verdict": {"graph.own", "language.source", "pipeline", "render", *TYPES, *GROUND},
    "api": {"pipeline", "render", "verdict", *TYPES, *GROUND},
    "again": {"api", "pipeline", "verdict", *TYPES, *GROUND},
    "cli": {
        "",
        "again",
        "api",
        "catalog",
        "coverage",
        "fixing",
        "language.decode",
        "language.source",
        "pipeline",
        "render",
        "rules",
        "verdict",
        *TYPES,
        *GROUND,
    },
    "": {"again", "api", "language.source", "pipeline", "verdict", "errors"},
    "__main__": {"cli"},
}
# Rooms that may import runtime, but only inside a function.
LATE = {"again", "api", "cli", "verdict"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module; `late` inside a function, where it costs nothing until that runs."""

    module: str
    line: int
    late: bool


def imports(tree: ast.AST, late: bool = False) -> Iterator[Import]:
    """Every import that can run, in order; what stands under `if TYPE_CHECKING` cannot."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"line {node.lineno}: a relative import"
            yield from (Import(f"{node.module}.{alias.name}", node.lineno, late) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from imports(ast.Module([other], []), late)
        else:
            yield from imports(node, late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def named(file: Path) -> str:
    """The dotted name of a file below netspec/, without `netspec`: `language.source`, `catalog`, or an empty string."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {named(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def target(module: str) -> str | None:
    """The module of ours that an import names (`netspec.graph.ir.Call` is `graph.ir`), or None."""
    first, *rest = module.split(".")
    if first != "netspec":
        return None
    while ".".join(rest) not in FILES:
        rest.pop()
    return ".".join(rest)


def breaches(name: str, text: str) -> list[str]:
    """What a module of this name and text may not import, one line each."""
    room = name.partition(".")[0]
    found = []
    for one in imports(ast.parse(text)):
        top, mine = one.module.partition(".")[0], target(one.module)
        if mine is None:
            wrong = (top in HEAVY and room != "runtime") or (top == "yaml" and name != "language.source")
        else:
            there = mine.partition(".")[0]
            wrong = not (
                there == room or EDGES[room] & {there, mine} or (there == "runtime" and room in LATE and one.late)
            )
        if wrong:
            found.append(f"{name}:{one.line} imports {one.module}")
    return found


def loaded(code: str) -> set[str]:
    """The heavy packages that a fresh Python has in memory after running `code`."""
    report = "\nimport sys\nprint('LOADED', *sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED")[2].split()) & HEAVY


def verb(*args: str) -> str:
    """Python code that runs a verb as the command line does, and comes back where it would exit."""
    return (
        f"import sys\nsys.argv = ['netspec', *{args!r}]\nfrom netspec.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )


ANALYZE = "import netspec\nassert netspec.analyze('specs/twitter.yaml').ok"
FRONT = {
    "import": "import netspec, netspec.pipeline",
    "analyze": ANALYZE,
    "validate": verb("validate", "specs/twitter.yaml"),
    "validate all": verb("validate"),
    "summary": verb("summary", "specs/vqa.yaml"),
    "runs": verb("runs") + "\nimport netspec.runtime.run.comparing, netspec.runtime.run.removing",
    "help": verb("--help"),
    "version": verb("--version"),
}


@pytest.mark.parametrize("code", FRONT.values(), ids=FRONT)
def test_the_front_half_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) == set()


def test_a_sneaked_in_import_is_seen() -> None:
    sneak = "import netspec.pipeline as p\nreal = p.infer\np.infer = lambda *a: (__import__('numpy'), real(*a))[1]\n"
    assert loaded(sneak + ANALYZE) == {"numpy"}


@pytest.mark.parametrize("name", FILES, ids=lambda name: name or "netspec")
def test_every_import_is_allowed(name: str) -> None:
    assert breaches(name, FILES[name].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("graph.infer", "import numpy as np"),
        ("cli.main", "def fit():\n    from keras import layers"),
        ("language.parse", "import yaml"),
        ("language.parse", "try:\n    from netspec.graph import ir\nexcept ImportError:\n    pass"),
        ("cli.main", "from netspec.runtime.model import build"),
        ("catalog.shapes", "from netspec.diagnostics import Report"),
        ("diagnostics", "import netspec.language.source"),
        ("runtime.model.build", "from netspec.language.source import read"),
    ],
)
def test_a_breach_in_a_file_is_seen(name: str, text: str) -> None:
    assert len(breaches(name, text)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cli.main", "def fit():\n    from netspec.runtime.model import build"),
        ("api", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import keras"),
        ("runtime.model.build", "import keras\nfrom netspec.graph.ir import Checked"),
        ("language.source", "import yaml"),
    ],
)
def test_what_is_allowed_is_no_breach(name: str, text: str) -> None:
    assert breaches(name, text) == []


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {}
    for name, file in FILES.items():
        found = {target(one.module) for one in imports(ast.parse(file.read_text(encoding="utf-8")))}
        graph[name] = {there for there in found if there is not None and there != name}
    assert cycle(graph) == []


def test_a_circle_is_seen() -> None:
    assert sorted(set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}))) == ["a", "b", "c"]
