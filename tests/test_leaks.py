"""A label in an input: an error in the input of its own output, a warning elsewhere, nothing where all is rebuilt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netspec.graph.ancestry import made_from
from netspec.pipeline import analyze_text


def found(features: Any, targets: Any, inputs: Any, steps: Any, losses: Any = "mse", **more: Any) -> list[str]:
    """The severities of what is said of labels in inputs."""
    outputs = [step["name"] for step in steps if "name" in step]
    data = {"train": "nowhere.csv", "features": features, "targets": targets}
    spec = {"inputs": inputs, "layers": steps, "outputs": outputs, "losses": losses, "data": data, **more}
    analysis = analyze_text(json.dumps(spec))
    others = [each for each in analysis.diagnostics if each.code not in ("NS713", "NS701", "NS306")]
    assert not others, others
    return [each.severity for each in analysis.diagnostics if each.code == "NS713"]


ONE = [{"Dense": 1, "from": "x", "name": "y"}]
TWO = [{"Dense": 1, "from": "a", "name": "p"}, {"Dense": 1, "from": "b", "name": "q"}]
PAIR = {"a": [1], "b": [1]}


def test_a_label_among_the_features() -> None:
    assert found({"x": ["m", "l"]}, {"y": "l"}, {"x": [2]}, ONE) == ["error"]
    assert found({"x": "l"}, {"y": "l"}, {"x": [1]}, ONE) == ["error"]
    hot = {"column": "l", "category": {"one_hot": True}}
    assert found({"x": hot}, {"y": "l"}, {"x": [3]}, ONE) == ["error"]
    assert found({"x": ["m", "n"]}, {"y": "l"}, {"x": [2]}, ONE) == []
    joined: Any = [{"Concatenate": {}, "from": ["a", "b"]}, {"Dense": 1, "name": "y"}]
    assert found({"a": "m", "b": "l"}, {"y": "l"}, PAIR, joined) == ["error"]
    assert found({"a": "m", "b": "l"}, {"y": {"columns": ["l", "k"]}}, PAIR, joined) == ["error"]


def test_columns_that_are_named_like_inputs_and_outputs() -> None:
    steps = [{"Dense": 1, "from": "x", "name": "y"}]
    assert found({}, {"y": "x"}, {"x": [1]}, steps) == ["error"]
    assert found({"x": "y"}, {}, {"x": [1]}, steps) == ["error"]
    assert found({"x": "y"}, {}, {"x": [1]}, steps, {"y": None}) == []


def test_a_label_elsewhere() -> None:
    assert found({"a": "m", "b": "l"}, {"p": "l", "q": "k"}, PAIR, TWO) == ["warning"]
    assert found({"a": "m", "b": "n"}, {"p": "l", "q": "k"}, PAIR, TWO) == []
    wider = {"a": [2], "b": [1]}
    assert found({"a": ["m", "l"], "b": "l"}, {"p": "l", "q": "k"}, wider, TWO) == ["error", "warning"]


def test_what_is_rebuilt_as_a_whole() -> None:
    wide = [{"Dense": 3, "from": "x"}, {"Dense": 8, "name": "y"}]
    assert found({"x": "image"}, {"y": "image"}, {"x": [8]}, wide) == []
    assert found({"x": ["a", "b"]}, {"y": ["a", "b"]}, {"x": [2]}, [{"Dense": 2, "from": "x", "name": "y"}]) == []
    assert found({"a": "k", "b": "l"}, {"p": "l", "q": "k"}, PAIR, TWO) == [], "each gives back the other"
    conditional: Any = [{"Concatenate": {}, "from": ["x", "kind"]}, {"Dense": 8, "name": "y"}]
    assert found({"x": "image", "kind": "kind"}, {"y": "image"}, {"x": [8], "kind": [1]}, conditional) == []


def test_an_input_is_followed_through_nested_models() -> None:
    nested = {
        "inputs": {"u": [1], "v": [1]},
        "layers": [{"Dense": 1, "from": "u", "name": "one"}, {"Dense": 1, "from": "v", "name": "two"}],
        "outputs": ["one", "two"],
    }
    steps = [
        {"use": "both", "from": {"u": "a", "v": "b"}, "name": "m"},
        {"Activation": "relu", "from": "m.one", "name": "p"},
        {"Activation": "relu", "from": "m.two", "name": "q"},
    ]
    spec = {"inputs": PAIR, "shared": {"both": nested}, "layers": steps, "outputs": ["p", "q"]}
    typed = analyze_text(json.dumps(spec)).typed
    assert typed is not None and made_from(typed.graph) == {"p": frozenset("a"), "q": frozenset("b")}


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_an_autoencoder_of_a_dataset(name: str) -> None:
    size = {"mnist": 784, "digits": 64}[name]
    steps = [{"Dense": 8, "from": "x"}, {"Dense": size, "name": "y"}]
    data = {"dataset": name, "features": {"x": "image"}, "targets": {"y": "image"}}
    spec = {"inputs": {"x": [size]}, "layers": steps, "losses": "mse", "data": data}
    assert "NS713" not in {each.code for each in analyze_text(json.dumps(spec)).diagnostics}
