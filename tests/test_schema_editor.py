"""What an editor shows by the schema: yaml-language-server itself, asked for problems, offers and hover texts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from language_server import VERSION, LanguageServer

from netspec.render.schema import as_json

pytestmark = pytest.mark.slow
HEAD = "inputs: {x: [32, 32, 3]}\nlayers:\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """The server with the schema of this version, installed into a temporary folder."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are needed to run yaml-language-server")
    folder = tmp_path_factory.mktemp("server")
    package = f"yaml-language-server@{VERSION}"
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", package]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {package} within a minute")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {package}: {done.stderr.strip()[:300]}")
    file = folder / "netspec.schema.json"
    file.write_text(as_json(), encoding="utf-8")
    with LanguageServer(folder, file) as running:
        yield running


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_specs_have_no_problem(server: LanguageServer, path: Path) -> None:
    assert server.problems(path.read_text(encoding="utf-8")) == []


PROBLEMS = {
    "  - Desne: 8\n": ["Property Desne is not allowed."],
    "  - Desne: 8\n    name: a\n": ["Property Desne is not allowed."],
    "  - Relu\n": ["expected a step: a layer by its name, or a mapping from its name to its arguments"],
    "  - Conv2D: {filters: 8, kernal_size: 3}\n": [
        'Missing property "kernel_size".',
        "Property kernal_size is not allowed.",
    ],
    "  - Conv2D: {filters: 8, kernel_size: 3, padding: sam}\n": [
        'Value is not accepted. Valid values: "valid", "same".'
    ],
    "  - Dense: '64'\n": ["expected a whole number above 0, or arguments by name"],
    "  - Dense: {units: true}\n": ["expected a whole number above 0"],
    "  - Dense: {units: 8, use_bias: 'no'}\n": ["expected true or false"],
    "  - Dense: {units: 8, activation: rleu}\n": [
        "expected an activation: its name, or a mapping from its name to its arguments"
    ],
    "  - Dense: 8\n    Dropout: 0.5\n": [
        "expected exactly one layer (or `use`, or `model`) in a step; another begins with a dash of its own"
    ],
    "  - Dense: 8\n    form: x\n": ["Property form is not allowed."],
    "  - ops.mean: {axi: 1}\n": ["Property axi is not allowed."],
    "  - Dense: 8\n    name: größe\n": [
        "expected a name: letters, digits, `_` and `-`, starting with a letter or a digit"
    ],
    "  - Dense: 8\noptimiser: adam\n": ["Property optimiser is not allowed."],
    "  - Dense: 8\nlosses: msee\n": ["expected a loss: its name, or a mapping from its name to its arguments"],
    "  - Dense: 8\noptimizer: {SGD: {lr: 0.1}}\n": ["Property lr is not allowed."],
    "  - Dense: 8\nfit: {epochs: '5'}\n": ["expected a whole number"],
    "  - Dense: 8\ndata: {train: rows.xlsx}\n": [
        "expected a file that ends in .csv, .parquet, …, or a mapping such as {csv: rows.txt}"
    ],
    "  - Dense: 8\ndata: {dataset: digits, train: rows.csv}\n": ["expected either `train` or `dataset`"],
    "  - Dense: 8\nbudget: {parameters: 5m}\n": ["expected a number above 0, such as 5M (k, M, G, T)"],
}


@pytest.mark.parametrize("body", PROBLEMS, ids=lambda body: body.strip().splitlines()[-1].strip()[:40])
def test_problems_are_said_in_words(server: LanguageServer, body: str) -> None:
    assert [message for _, message in server.problems(HEAD + body)] == PROBLEMS[body]


def test_problems_stand_on_their_lines(server: LanguageServer) -> None:
    found = server.problems(HEAD + "  - Desne: 8\n  - Flatten\n  - Dense: '64'\nlosses: msee\n")
    assert [line for line, _ in found] == [3, 5, 6]


def test_variables_are_no_problem(server: LanguageServer) -> None:
    body = "  - Dense: $(width * 2)\n  - Conv2D: {filters: $width, kernel_size: [$k, 3], padding: $pad}\n    name: $n\n"
    assert server.problems("vars: {width: 8}\n" + HEAD + body) == []


OFFERS = {
    "  - |\n": ("Conv2D", "Flatten", "ops.mean", "use", "from"),
    "  - Con|\n": ("Conv2D", "Concatenate"),
    "  - Conv2D:\n      |\n": ("filters", "kernel_size", "padding", "activation", "kernel_initializer"),
    "  - Conv2D:\n      filters: 8\n      k|\n": ("kernel_size", "kernel_regularizer"),
    "  - Conv2D:\n      padding: |\n": ("valid", "same"),
    "  - Conv2D: {filters: 8, k|}\n": ("kernel_size",),
    "  - Conv1D:\n      padding: |\n": ("valid", "same", "causal"),
    "  - Dense:\n      units: 8\n      activation: |\n": ("relu", "softmax"),
    "  - Dense:\n      units: 8\n      use_bias: |\n": ("true", "false"),
    "  - Dense:\n      units: 8\n      kernel_regularizer:\n        |\n": ("L1", "L2"),
    "  - Dense: 8\n    |\n": ("from", "name", "repeat", "call"),
    "  - TimeDistributed:\n      |\n": ("layer", "Dense", "use", "model"),
    "  - RNN:\n      |\n": ("cell", "LSTMCell"),
    "  - Dense: 8\n|\n": ("losses", "metrics", "optimizer", "data", "fit", "shared", "outputs"),
    "  - Dense: 8\nlosses: |\n": ("mse", "binary_crossentropy"),
    "  - Dense: 8\nmetrics:\n  - |\n": ("accuracy", "AUC"),
    "  - Dense: 8\noptimizer:\n  |\n": ("Adam", "SGD"),
    "  - Dense: 8\noptimizer: |\n": ("adam", "sgd"),
    "  - Dense: 8\nfit:\n  |\n": ("epochs", "batch_size", "callbacks"),
    "  - Dense: 8\nfit:\n  callbacks:\n    - |\n": ("EarlyStopping",),
    "  - Dense: 8\nshared:\n  encoder:\n    |\n": ("LSTM", "inputs", "layers"),
    "  - Dense: 8\ndata:\n  features:\n    x:\n      |\n": ("column", "text", "normalize"),
}


@pytest.mark.parametrize("body", OFFERS, ids=lambda body: body.strip().replace("\n", " ")[:50])
def test_what_is_offered(server: LanguageServer, body: str) -> None:
    offered = server.offers(HEAD + body)
    assert set(OFFERS[body]) <= offered.keys()
    refused = {"Lambda", "TFSMLayer", "TensorBoard", "MaxPool2D", "Desne", "lr"}  # aliases count, but are not offered
    assert not refused & offered.keys()


def test_what_is_offered_is_documented(server: LanguageServer) -> None:
    layers = server.offers(HEAD + "  - |\n")
    assert "slides trained filters" in str(layers["Conv2D"]["documentation"])
    assert "keras.io/api/layers" in str(layers["Conv2D"]["documentation"])
    arguments = server.offers(HEAD + "  - Conv2D:\n      |\n")
    assert "(a whole number above 0)" in str(arguments["filters"]["documentation"])
    activations = server.offers(HEAD + "  - Dense:\n      activation: |\n")
    assert "zero elsewhere" in str(activations["relu"]["documentation"])


def test_what_is_written_for_an_offer(server: LanguageServer) -> None:
    layers = server.offers(HEAD + "  - |\n")
    assert layers["Flatten"]["insertText"] == "Flatten"
    assert layers["Dense"]["insertText"] == "Dense: "
    assert layers["Conv2D"]["insertText"].split() == ["Conv2D:", "filters:", "$1", "kernel_size:", "$2"]
    arguments = server.offers(HEAD + "  - Conv2D:\n      filters: 8\n      |\n")
    assert arguments["padding"]["insertText"] == "padding: ${1:valid}"
    assert arguments["activation"]["insertText"] == "activation: "


HOVERS = {
    "  - Con|v2D: {filters: 8, kernel_size: 3}\n": ("slides trained filters", "keras.io/api/layers"),
    "  - Conv2D: {fil|ters: 8, kernel_size: 3}\n": ("how many filters there are", "a whole number above 0"),
    "  - Flat|ten\n": ("`Flatten`: lays all axes but the batch",),
    "  - Dense: {units: 8, activation: re|lu}\n": ("the function over the result", "`relu`: x where"),
    "  - ops.me|an: {axis: 1}\n": ("the mean along an axis",),
    "  - Dense: 8\n    na|me: a\n": ("what other steps call it by",),
    "  - Dense: 8\nfit: {epo|chs: 3}\n": ("how often all training rows",),
}


@pytest.mark.parametrize("body", HOVERS, ids=lambda body: body.strip().splitlines()[-1].strip()[:40])
def test_what_hovering_shows(server: LanguageServer, body: str) -> None:
    shown = server.hover(HEAD + body)
    assert "||" not in shown
    for words in HOVERS[body]:
        assert words in shown
