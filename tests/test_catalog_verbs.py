"""The verbs that show the catalogue: what they print, the examples they give, what they say to misspelt names."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import ROOT

from netspec import catalog, coverage, pipeline
from netspec.catalog import KINDS, Entry, find, installed, names, samples
from netspec.catalog.types import UNKNOWN, Weights
from netspec.cli.catalog import VERBS
from netspec.cli.main import main
from netspec.render import catalog as render


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `netspec` with these words, in this process."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    told = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with mock.patch.object(sys, "argv", ["netspec", *words]), told[0], told[1]:
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def entry(kind: str, name: str) -> Entry:
    found = find(kind, name)
    assert found is not None
    return found


USABLE = [(kind, name) for kind in KINDS for name in names(kind)]


# The examples.


def test_every_example_validates_without_a_word() -> None:
    for kind, name in USABLE:
        text = samples.spec(entry(kind, name))
        said = pipeline.analyze_text(text, look_at_data=False).diagnostics
        assert not said, (kind, name, text, [(each.code, each.message) for each in said])
        assert name in text or any(alias in text for alias in entry(kind, name).aliases), (kind, name)


@pytest.mark.slow
@pytest.mark.keras
def test_every_example_builds_in_keras() -> None:
    from netspec.diagnostics import Report
    from netspec.runtime.model import exact

    for kind, name in USABLE:
        analysis = pipeline.analyze_text(samples.spec(entry(kind, name)), look_at_data=False)
        assert analysis.checked is not None
        report = Report(analysis.document)
        exact.verify(analysis.checked, report)
        assert not report.diagnostics, (kind, name, [(each.code, each.message) for each in report.diagnostics])


def test_flow_is_what_yaml_reads_back() -> None:
    import yaml

    for value in (
        "same",
        "true",
        "ab,bc->ac",
        ":, 0",
        "",
        'a"b',
        1,
        0.5,
        1e-7,
        True,
        None,
        [1, "x"],
        {"a": {"b": [0.1]}},
    ):
        assert yaml.safe_load(samples.flow(value)) == value or samples.flow(value) == "1e-07"


# The lists and the pages.


@pytest.mark.parametrize("verb", VERBS)
def test_a_list_has_every_name_once(verb: str) -> None:
    status, out, err = run(verb)
    assert (status, err) == (0, "")
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(names(VERBS[verb][0]))
    example = VERBS[verb][2]
    assert run(verb, example)[0] == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_page_can_be_written_at_any_width(verb: str) -> None:
    kind = VERBS[verb][0]
    for name in names(kind):
        for width in (None, 20, 60, 200) if kind != "op" else (None,):
            page = render.page(entry(kind, name), None, width=width)
            assert page.startswith(name) and "https://keras.io/api/" in page
            said = page.partition("\nfor example\n")[0].splitlines()
            long = [line for line in said if width and len(line) > max(width, 48)]
            assert not long, (name, width, long)


def test_a_page_says_what_there_is_to_say() -> None:
    _, out, _ = run("layers", "Conv2D")
    assert out.startswith("Conv2D: ")
    for part in (
        "also: Convolution2D",
        "required; a whole number above 0\n",
        "default valid; one of `valid`, `same`",
        "- Conv2D: {filters: 32, kernel_size: 3}",
        "output known: (batch, 32, 32, 3) → (batch, 30, 30, 32), 896 weights",
        "https://keras.io/api/layers/convolution_layers/convolution2d/",
    ):
        assert part in out
    assert run("layers", "Convolution2D")[1] == out
    assert "under `call`" in run("layers", "LSTM")[1]
    assert "takes no arguments" in run("activations", "relu")[1]
    assert run("ops", "mean")[1] == run("ops", "ops.mean")[1] == run("ops", "ops.numpy.mean")[1]


def test_what_is_excluded_says_why() -> None:
    status, out, _ = run("layers", "Lambda")
    assert status == 0 and "cannot be used: it runs Python code" in out and "for example" not in out
    _, listed, _ = run("callbacks")
    assert "cannot be used: BackupAndRestore" in listed and "`netspec callbacks BackupAndRestore` says why" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("layers", "Desne"), "did you mean `Dense`?"),
        (("layers", "dense"), "did you mean `Dense`?"),
        (("layers", "Relu"), "did you mean `ReLU`?"),
        (("layers", "Merge"), "use the layer of that merge"),
        (("layers", "CuDNNLSTM"), "use `LSTM`"),
        (("layers", "adam"), "netspec optimizers adam"),
        (("layers", "Transformer"), "`netspec layers` lists them all"),
        (("losses", "cosine"), "use `cosine_similarity`"),
        (("losses", "msee"), "did you mean `mse`?"),
        (("ops", "softmx"), "did you mean `ops.softmax`?"),
        (("metrics", "ACC"), "did you mean `acc`?"),
        (("layers", "Dense", "\x1b[31m"), "\\x1b[31m"),
        (("callbacks", ""), "lists them all"),
    ],
)
def test_a_misspelt_name(words: tuple[str, ...], said: str) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "") and said in err, err


@pytest.mark.parametrize("verb", VERBS)
def test_json(verb: str) -> None:
    kind = VERBS[verb][0]
    listed = json.loads(run(verb, "--format", "json")[1])
    assert listed["format_version"] == "1.0" and {each["kind"] for each in listed["entries"]} == {kind}
    assert {each["name"] for each in listed["entries"] if not each["excluded"]} == set(names(kind))
    (page,) = json.loads(run(verb, VERBS[verb][2], "--format", "json")[1])["entries"]
    assert page["example"] == samples.spec(entry(kind, page["name"]))
    for argument in page["arguments"]:
        assert argument["about"] and argument["expects"]


def test_a_narrow_terminal_cuts_lines_and_a_pipe_does_not() -> None:
    assert all(len(line) <= 40 for line in render.listing("layer", "layers", 40).splitlines() if line.startswith("  "))
    assert "…" not in render.listing("layer", "layers")
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    command = f"{sys.executable} -m netspec layers Conv2D | head -1; {sys.executable} -m netspec ops | head -2"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Conv2D: ") and done.stderr == ""


# Coverage.


def test_coverage_is_what_the_rules_answer() -> None:
    answers = list(coverage.answers())
    assert {(each.entry.kind, each.entry.name) for each in answers} == {
        (kind, name) for kind, name in USABLE if kind in ("layer", "op")
    }
    layers = [each for each in answers if each.entry.kind == "layer"]
    assert sum(each.known == "yes" for each in layers) >= 0.95 * len(layers)
    assert sum(each.known == "yes" for each in answers if each.entry.kind == "op") >= 60


def test_an_answer_that_is_none_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.catalog.shapes import rule
    from netspec.catalog.types import Inferred, TensorType
    from netspec.graph import infer

    def partly(ask: Any) -> Inferred:
        return Inferred((TensorType((None, 3)),), Weights(UNKNOWN, 0))

    monkeypatch.setattr(infer, "_known", {})
    monkeypatch.delitem(rule.RULES, "Dense")
    monkeypatch.setitem(rule.RULES, "Flatten", partly)
    found = {name: coverage.answer(entry("layer", name)) for name in ("Dense", "Flatten", "ReLU", "Lambda")}
    assert {name: answer and answer.known for name, answer in found.items()} == {
        "Dense": "no",
        "Flatten": "partly",
        "ReLU": "yes",
        "Lambda": None,
    }
    answers = [each for each in found.values() if each is not None]
    text = render.coverage(answers)
    assert "layers: 1 of 3 known (33.3 %), 1 in part" in text and "weights unknown" in text
    assert json.loads(render.coverage_json(answers))["layer"]["percent"] == 33.3


def test_the_catalogue_is_counted() -> None:
    status, out, _ = run("catalog")
    assert status == 0 and f"Keras {catalog.KERAS_VERSION}" in out
    for verb, (kind, *_) in VERBS.items():
        (line,) = [line for line in out.splitlines() if line.endswith(f"netspec {verb}")]
        assert line.split()[:2] == [kind, str(len(names(kind)))]
    report = json.loads(run("catalog", "--format", "json")[1])
    assert report["kinds"]["layer"]["usable"] == len(names("layer"))
    text = run("catalog", "--coverage")[1]
    assert "layers that no spec can use" in text and "Lambda " in text
    assert "known" in text.splitlines()[-1] and "%" in text.splitlines()[-1]
    report = json.loads(run("catalog", "--coverage", "--format", "json")[1])
    assert report["layer"]["known"] <= report["layer"]["usable"] == len(report["layer"]["entries"])
    assert "Lambda" in report["layer"]["excluded"]


# Another Keras.


def folder(path: Path, version: str) -> str:
    (path / f"keras-{version}.dist-info").mkdir(parents=True)
    (path / "keras_hub-1.0.dist-info").mkdir()
    return str(path)


def test_the_keras_that_is_installed_is_read_off_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = folder(tmp_path / "a", "3.99.1"), folder(tmp_path / "b", "3.15.0")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "gone"), first, second])
    assert installed.installed() == "3.99.1"
    assert "Keras 3.99.1 is installed" in run("catalog")[1]
    monkeypatch.setattr(sys, "path", [second])
    assert installed.installed() == "3.15.0" and installed.other("3.15.0") is None
    assert "3.15.0" not in run("catalog")[1]
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installed.installed() is None
    assert "not installed" in run("catalog")[1]


@pytest.mark.keras
def test_the_folder_tells_what_keras_says() -> None:
    import keras

    assert installed.installed() == keras.__version__


@pytest.mark.keras
def test_another_keras_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    from netspec.runtime import engine

    monkeypatch.setattr(engine, "_told", False)
    monkeypatch.setattr(keras, "__version__", "3.16.0")
    engine.keras()
    engine.keras()
    said = capsys.readouterr().err
    assert said.count("warning[NS604]: the catalogue is that of Keras") == 1 and "Keras 3.16.0 is installed" in said
    monkeypatch.setattr(engine, "_told", False)
    monkeypatch.setattr(keras, "__version__", catalog.KERAS_VERSION)
    engine.keras()
    assert capsys.readouterr().err == ""


@pytest.mark.keras
def test_a_run_keeps_the_version_of_the_catalogue() -> None:
    from netspec.runtime.run.origins import versions

    assert versions()["catalogue"] == catalog.KERAS_VERSION
