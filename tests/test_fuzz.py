"""Whatever stands in a spec, the front half answers: no exception, a place inside the text in every finding, in time.

Shipped specs with one value after the other replaced, lines shuffled, and specs of a size that breaks recursion.
"""

from __future__ import annotations

import copy
import functools
import json
import math
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from effort import lines, patience
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.language.source import read_text
from netspec.pipeline import Analysis, analyze_text
from netspec.render import findings

CORPUS = sorted(Path(__file__).with_name("fuzz").glob("corpus/*.yaml"))
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
DELETED = object()
NASTY: list[Any] = [
    *(None, True, -1, 0, 1.5, 10**60, math.inf, math.nan, "", " ", "a", "a.b", "é", "x" * 5000, "\u202e", "Dense"),
    *("$nope", "$(1/0)", "${x}", [], {}, [[]], [None], [{}], [1, "a", None], {"a": 1}, {"": 1}, {"a": {"b": [1]}}),
    *({"Dense": None}, {"use": "x"}, {"model": {}}, [{"Dense": 8}], {"class_name": "x"}, {"layers": [], "inputs": {}}),
    DELETED,
]


@functools.cache
def beginnings() -> tempfile.TemporaryDirectory[str]:
    """A folder with the first lines of the shipped specs' data, for whole files are read anew in every analysis."""
    folder = tempfile.TemporaryDirectory(prefix="netspec-fuzz-")
    data = Path(folder.name, "data")
    data.mkdir()
    for path in (ROOT / "specs/data").iterdir():
        (data / path.name).write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:50]))
    return folder


def told(text: str | bytes, **options: Any) -> Analysis:
    """The analysis of a text, after a look at all that it says."""
    analysis = analyze_text(text, folder=beginnings().name, **options)
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    lines = shown.count("\n") + shown.count("\r") + 1
    for found in analysis.diagnostics:
        assert found.message and not found.message.endswith(".")
        place = found.place
        if place.file != "--set":
            assert 1 <= place.line <= lines
        assert 1 <= place.column <= place.offset + len(place.text) + 1
    assert analysis.ok or any(found.severity == "error" for found in analysis.diagnostics)
    assert findings.text(analysis.diagnostics, width=80) or not analysis.diagnostics
    json.loads(findings.json_report([analysis.file], analysis.diagnostics, analysis.ok))
    return analysis


def paths(data: Any) -> Iterator[tuple[Any, ...]]:
    stack: list[tuple[Any, tuple[Any, ...]]] = [(data, ())]
    while stack:
        node, path = stack.pop()
        yield path
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        stack.extend((value, (*path, key)) for key, value in items)


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> str:
    """The spec as JSON, which is YAML, with another value at `path`."""
    data = copy.deepcopy(data)
    if path:
        node = data
        for key in path[:-1]:
            node = node[key]
        if value is DELETED:
            del node[path[-1]]
        else:
            node[path[-1]] = value
    elif value is not DELETED:
        data = value
    return json.dumps(data).replace("Infinity", ".inf").replace("NaN", ".nan")


def data_of(spec: Path) -> Any:
    document, _ = read_text(spec.read_text(encoding="utf-8"), spec.name)
    return document.data


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_any_value_may_be_wrong(spec: Path) -> None:
    data = data_of(spec)
    cases = [(path, value) for path in paths(data) for value in NASTY]
    for path, value in random.Random(spec.stem).sample(cases, min(len(cases), 200)):
        told(replaced(data, path, value))


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_every_value_is_wrong_once(spec: Path) -> None:
    data = data_of(spec)
    for path in paths(data):
        for value in NASTY:
            told(replaced(data, path, value))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_lines_in_disorder(spec: Path) -> None:
    lines = spec.read_text(encoding="utf-8").splitlines(keepends=True)
    for seed in range(20):
        chance = random.Random(f"{spec.stem}{seed}")
        mixed = list(lines)
        for _ in range(chance.randint(1, 4)):
            at, to = chance.randrange(len(mixed)), chance.randrange(len(mixed))
            match chance.randrange(4):
                case 0:
                    mixed[at], mixed[to] = mixed[to], mixed[at]
                case 1:
                    mixed.insert(to, mixed[at])
                case 2:
                    mixed.pop(at)
                case _:
                    mixed[at] = mixed[at].replace(":", chance.choice(["", " :", ": :", ":\t"]), 1)
        told("".join(mixed))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_the_fuzzer_kept(path: Path) -> None:
    told(path.read_bytes())


@given(st.data())
@settings(max_examples=300)
def test_bytes_in_disorder(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(SPECS))
    text = bytearray(spec.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    told(bytes(text))


@given(st.lists(st.text("alyersinpuDense.[]019=$ {}:-_", max_size=30), max_size=3))
@settings(max_examples=300)
def test_overrides_in_disorder(texts: list[str]) -> None:
    told((ROOT / "specs/twitter.yaml").read_text(encoding="utf-8"), overrides=texts)


X = "inputs: {x: [8]}\nlayers:\n"
D = "  - Dense: 8\n"
GIANTS: dict[str, tuple[str, bool]] = {  # text, whether it is right
    "a chain": (X + D * 20_000, True),
    "repeat": (X + "  - Dense: 8\n    repeat: 20000\n", True),
    "repeat in repeat": (
        X + "  - model: {inputs: {y: [8]}, layers: [{Dense: 8, repeat: 10000}]}\n    repeat: 10000\n",
        False,
    ),
    "a wide Concatenate": (
        X
        + "".join(f"  - Dense: 8\n    name: n{i}\n    from: x\n" for i in range(5_000))
        + f"  - Concatenate:\n    from: [{', '.join(f'n{i}' for i in range(5_000))}]\n",
        True,
    ),
    "diamonds": (
        X
        + "  - Dense: 8\n    name: d0\n"
        + "".join(
            f"  - Dense: 8\n    name: a{i}\n  - Dense: 8\n    name: b{i}\n    from: d{i}\n"
            f"  - Add:\n    name: d{i + 1}\n    from: [a{i}, b{i}]\n"
            for i in range(100)
        ),
        True,
    ),
    "wrappers round wrappers": (
        "inputs: {x: [8, 8]}\nshared:\n  w0: {Dense: 8}\n"
        + "".join(f"  w{i}: {{TimeDistributed: {{use: w{i - 1}}}}}\n" for i in range(1, 1000))
        + "layers: [use: w999]\n",
        False,
    ),
    "models in models": (X + "  - " + "{model: {inputs: {y: [8]}, layers: [" * 24 + "Dense: 8" + "]}}" * 24, True),
    "deeper than is read": (X + "  - Dense: " + "[" * 300 + "]" * 300, False),
    "unknown names": (X + "".join(f"  - Dense: 8\n    name: m{i}\n    from: nn{i}\n" for i in range(5_000)), False),
    "unknown arguments": (X + "  - Dense: {" + ", ".join(f"k{i}: 1" for i in range(20_000)) + "}\n", False),
    "calls of one layer": (
        "inputs: {x: [8]}\nshared: {m: {Dense: 8}}\nlayers:\n"
        + "".join(f"  - use: m\n    name: c{i}\n" for i in range(2_000))
        + "  - Dense: 8\n    from: m\n" * 2_000,
        False,
    ),
    "outputs": (
        X
        + "".join(f"  - Dense: 8\n    name: n{i}\n    from: x\n" for i in range(5_000))
        + f"outputs: [{', '.join(f'n{i}' for i in range(5_000))}]\nlosses: mse\nmetrics: [mae]\n",
        True,
    ),
    "refused calls": (X + "  - Conv2D: {filters: 8, kernel_size: 3}\n    from: x\n" * 5_000, False),
    "variables of variables": (
        "vars:\n  v0: [1, 1, 1]\n"
        + "".join(f"  v{i}: [{', '.join([f'$v{i - 1}'] * 9)}]\n" for i in range(1, 30))
        + X
        + D,
        False,
    ),
    "a chain of variables": (
        "vars:\n  v0: 1\n" + "".join(f"  v{i}: $v{i - 1}\n" for i in range(1, 5_000)) + X + "  - Dense: $v4999\n",
        True,
    ),
}


@pytest.mark.parametrize("name", GIANTS)
def test_giants(name: str) -> None:
    text, right = GIANTS[name]
    with patience():
        analysis = analyze_text(text)
    assert analysis.ok is right, [found.message for found in analysis.diagnostics[:3]]


def test_time_grows_with_the_size_alone() -> None:
    def effort(steps: int) -> int:
        assert analyze_text(X + D * steps).ok
        return lines(lambda: analyze_text(X + D * steps))

    assert effort(2_000) < 4.5 * effort(500)
