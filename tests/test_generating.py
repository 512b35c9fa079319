"""Text from runs: seeded, greedy, cut and padded as in training; what cannot be sampled from says which rule fails."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run

pytest.importorskip("tensorflow")

import numpy as np

import netspec
from netspec.errors import NetspecError
from netspec.runtime.run.generating import pick
from netspec.runtime.run.predictions import UsageError
from netspec.runtime.run.runs import RunError

pytestmark = pytest.mark.keras

LINE = "the owl sat in the tree and the fox sat below. "
SPEC: dict[str, Any] = {
    "name": "tiny",
    "inputs": {"w": {"shape": [12], "dtype": "int32"}},
    "layers": [
        {"Embedding": {"input_dim": 32, "output_dim": 8}},
        {"GRU": {"units": 32, "return_sequences": True}},
        {"Dense": {"units": 32, "activation": "softmax"}, "name": "next"},
    ],
    "losses": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "optimizer": {"Adam": {"learning_rate": 0.02}},
    "data": {"train": {"text": "t.txt", "stride": 3}, "validation": 0.2},
    "fit": {"epochs": 6, "seed": 1},
}
SPEC["data"]["features"] = {"w": {"text": {"by": "characters", "vocabulary": 32}}}


def trained(folder: Path, text: str = LINE * 40, *, base: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A run of a spec with these parts changed."""
    (folder / "t.txt").write_text(text, encoding="utf-8")
    (folder / "s.yaml").write_text(json.dumps({**(base or SPEC), **changes}), encoding="utf-8")
    netspec.fit(folder / "s.yaml", out=folder / "run", force=True)
    return folder / "run"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("tiny"))


def entropy(tokens: Any) -> float:
    """Nats of a token by its frequency alone."""
    counts = Counter(tokens)
    total = counts.total()
    return -sum(count / total * math.log(count / total) for count in counts.values())


def test_a_tiny_text_is_learned_and_written_on(tiny: Path) -> None:
    scores = json.loads((tiny / "metrics.json").read_text())
    assert scores["validation"]["next"]["loss"] < 0.5 * entropy(LINE)
    found = netspec.generate(tiny, "the owl sat in", length=22, temperature=0)
    assert str(found) == LINE[:36] and found.text == " the tree and the fox " and found.prompt == "the owl sat in"
    assert (found.tokens, found.by, found.unknown) == (22, "characters", ())


def test_what_is_drawn_from_is_what_the_model_says(tiny: Path) -> None:
    from netspec import api
    from netspec.runtime.run import generating, inference, runs, splits

    checked = api.of_run(tiny)
    prepared = inference.prepared_by(runs.load(tiny))
    part = splits.held_out_text(checked, prepared, None)
    assert part is not None
    model, feature = inference.model_of(tiny, checked, best=False), prepared.features["w"]
    step = generating._compiled(model, checked, feature, generating._way(tiny, checked, feature, prepared.labels, None))
    windows = part.examples.head(5)[0]["w"]
    expected = model.predict(windows, verbose=0)
    for window, rows in zip(windows, expected, strict=True):
        for length in (1, 7, 12):
            assert step(window[:length]) == pytest.approx(rows[length - 1], abs=1e-6)


def test_a_short_prompt_is_padded_and_a_long_one_keeps_its_end(tiny: Path) -> None:
    assert netspec.generate(tiny, "the o", length=5, temperature=0).text == "wl sa"
    assert len(netspec.generate(tiny, length=5, temperature=0).text) == 5
    assert netspec.generate(tiny, "zzz " * 9 + "the fox sat be", length=4, temperature=0).text == "low."


def test_one_seed_one_text(tiny: Path) -> None:
    def text(seed: int | None, **how: Any) -> str:
        return netspec.generate(tiny, "the ", length=60, seed=seed, temperature=2.5, **how).text

    assert text(1) == text(1) != text(2)
    drawn = netspec.generate(tiny, "the ", length=60, temperature=2.5)
    assert text(drawn.seed) == drawn.text
    assert text(1, top_k=1) == netspec.generate(tiny, "the ", length=60, temperature=0).text
    assert text(3, top_k=2) != text(3)
    assert text(1, best=True) and netspec.generate(tiny, best=True, length=1).weights == "best.weights.h5"


def test_pieces_are_heard_as_they_are_written(tiny: Path) -> None:
    heard: list[str] = []
    found = netspec.generate(tiny, "the ", length=9, seed=1, heard=heard.append)
    assert "".join(heard) == found.text and len(heard) == 9


@pytest.mark.parametrize(
    "wrong",
    [{"length": 0}, {"temperature": -1}, {"temperature": math.nan}, {"temperature": True}, {"seed": -1}, {"top_k": 0}],
)
def test_arguments_that_are_none(tiny: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(NetspecError, match=f"`{next(iter(wrong))}`: expected"):
        netspec.generate(tiny, **wrong)


def test_draws_follow_the_distribution() -> None:
    scores = np.log(np.array([0.6, 0.3, 0.1]))
    draws = (np.arange(1000) + 0.5) / 1000
    for temperature in (0.5, 1.0, 2.0):
        expected = np.exp(scores / temperature)
        expected /= expected.sum()
        found = np.bincount([pick(scores, temperature, None, draw) for draw in draws], minlength=3) / 1000
        assert np.abs(found - expected).max() <= 0.001
    assert {pick(scores, 1.0, 2, draw) for draw in draws} == {0, 1}
    assert {pick(scores, 1e-300, None, draw) for draw in draws} == {0}


def test_words_are_joined_by_spaces(tmp_path: Path) -> None:
    data = {**SPEC["data"], "features": {"w": {"text": {"by": "words", "vocabulary": 32}}}}
    run = trained(tmp_path, LINE * 80, data=data)
    found = netspec.generate(run, "The owl sat", length=8, temperature=0)
    assert str(found) == "The owl sat in the tree and the fox sat below" and found.by == "words"
    assert str(netspec.generate(run, "The owl sat ", length=1, temperature=0)) == "The owl sat in"
    assert not netspec.generate(run, length=2, seed=1).text.startswith(" ")


def test_signs_stand_where_writers_put_them(tmp_path: Path) -> None:
    text = {"by": "words", "vocabulary": 32, "punctuation": True}
    line = "The owl sat (in the tree), and the fox sat below; it's so.\n"
    run = trained(tmp_path, line * 80, data={**SPEC["data"], "features": {"w": {"text": text}}})
    found = netspec.generate(run, "The owl sat", length=17, temperature=0)
    assert found.text == " (in the tree), and the fox sat below; it's so."


def test_the_next_token_alone_one_hot_and_logits(tmp_path: Path) -> None:
    layers = [{"LSTM": 48}, {"Dense": 32, "name": "next"}]
    data = {"train": "t.txt", "features": {"w": {"text": {"by": "characters", "vocabulary": 32, "one_hot": True}}}}
    losses = {"CategoricalCrossentropy": {"from_logits": True}}
    run = trained(tmp_path, inputs={"w": [12, 32]}, layers=layers, losses=losses, data=data, metrics=[])
    assert netspec.generate(run, "the owl sat in the tr", length=10, temperature=0).text == "ee and the"
    with pytest.raises(NetspecError, match="no output `last`; it has `next`"):
        netspec.generate(run, output="last")


def test_a_fixed_batch_begins_every_window_anew(tmp_path: Path) -> None:
    layers = json.loads(json.dumps(SPEC["layers"]))
    layers[1]["GRU"]["stateful"] = True
    inputs = {"w": {"shape": [12], "dtype": "int32", "batch_size": 16}}
    fit = {"epochs": 8, "seed": 1, "batch_size": 16, "shuffle": False, "drop_remainder": True}
    run = trained(tmp_path, inputs=inputs, layers=layers, fit=fit)
    found = netspec.generate(run, "the owl sat in", length=10, temperature=0)
    assert found.text == " the tree " and netspec.generate(run, "the owl sat in", length=10, temperature=0) != ""


def test_classes_of_a_table_that_are_tokens_of_its_text(tmp_path: Path) -> None:
    words = LINE.replace(".", "").split()
    rows = [(" ".join(words[at : at + 3]), (words + words)[at + 3]) for at in range(len(words) - 2)] * 30
    (tmp_path / "t.csv").write_text("before,after\n" + "".join(f"{a},{b}\n" for a, b in rows))
    units = len({after for _, after in rows})
    layers = [SPEC["layers"][0], {"GRU": 32}, {"Dense": {"units": units, "activation": "softmax"}, "name": "next"}]
    feature = {"column": "before", "text": {"vocabulary": 32}}
    data = {"train": "t.csv", "features": {"w": feature}, "targets": {"next": "after"}}
    inputs = {"w": {"shape": [3], "dtype": "int32"}}
    run = trained(tmp_path, inputs=inputs, layers=layers, data=data)
    assert netspec.generate(run, "the owl sat", length=4, temperature=0).text == " in the tree and"
    (tmp_path / "t.csv").write_text("before,after\n" + "".join(f"{a},{b}x\n" for a, b in rows))
    run = trained(tmp_path, inputs=inputs, layers=layers, data=data)
    with pytest.raises(UsageError, match=r"output `next` has the class `\w+x`, which is no token of the vocab"):
        netspec.generate(run)


def flat(**changes: Any) -> dict[str, Any]:
    """A model of two numbers in a table."""
    return {
        "inputs": {"a": [1]},
        "layers": [{"Dense": {"units": 2, "activation": "softmax"}, "name": "y"}],
        "losses": "sparse_categorical_crossentropy",
        "data": {"train": "t.csv", "targets": {"y": "b"}},
        **changes,
    }


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no text": (flat(), "its input `a` is made of numbers, not of text"),
    "two inputs": (
        flat(inputs={"a": [1], "c": [1]}, layers=[{"Concatenate": None, "from": ["a", "c"]}, *flat()["layers"]]),
        r"its model has 2 inputs \(`a`, `c`\)",
    ),
    "numbers": (
        flat(
            inputs={"a": {"shape": [3], "dtype": "int32"}},
            layers=[{"Embedding": {"input_dim": 9, "output_dim": 2}}, "Flatten", {"Dense": 1, "name": "y"}],
            losses="mse",
            data={
                "train": "t.csv",
                "features": {"a": {"column": "a", "text": {"vocabulary": 9}}},
                "targets": {"y": "b"},
            },
        ),
        r"output `y` is trained towards numbers \(column `b`\), not towards the next token",
    ),
    "class numbers": (
        flat(
            inputs={"a": {"shape": [3], "dtype": "int32"}},
            layers=[{"Embedding": {"input_dim": 9, "output_dim": 2}}, "Flatten", *flat()["layers"]],
            data={
                "train": "t.csv",
                "features": {"a": {"column": "a", "text": {"vocabulary": 9}}},
                "targets": {"y": "b"},
            },
        ),
        r"output `y` has classes that are numbers \(column `b`\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_write_text_says_which_rule_fails(tmp_path: Path, name: str) -> None:
    base, said = REFUSED[name]
    (tmp_path / "t.csv").write_text("a,b,c\n" + "1,0,2\n2,1,3\n" * 4)
    run = trained(tmp_path, base=base)
    with pytest.raises(UsageError, match=f"cannot write text: {said}") as found:
        netspec.generate(run)
    assert found.value.exit_code == 2


def test_an_output_that_is_no_distribution(tmp_path: Path) -> None:
    layers = [*SPEC["layers"][:2], {"Dense": {"units": 32, "activation": "sigmoid"}, "name": "next"}]
    run = trained(tmp_path, layers=layers, fit={"epochs": 1})
    with pytest.raises(UsageError, match=r"`next` gives numbers from .* that sum to .*, which is no distribution"):
        netspec.generate(run)


def test_a_run_on_generated_examples_knows_no_letters(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(LINE * 9)
    (tmp_path / "s.yaml").write_text(json.dumps(SPEC))
    run = netspec.fit(tmp_path / "s.yaml", dummy=40, epochs=1, out=tmp_path / "run").run
    with pytest.raises(RunError, match="trained on generated examples"):
        netspec.generate(run)


def test_evaluation_and_prediction_of_a_text(tiny: Path) -> None:
    folder = tiny.parent
    scores = json.loads((tiny / "metrics.json").read_text())["validation"]
    again = netspec.evaluate(tiny).scores
    assert again.loss == pytest.approx(scores["(all)"]["loss"], rel=1e-4) and again.rows == scores["(all)"]["rows"]
    (folder / "more.txt").write_text(LINE * 2)
    assert netspec.evaluate(tiny, data=folder / "more.txt").scores.rows == (2 * len(LINE) - 13) // 3 + 1
    (folder / "prompts.csv").write_text('text\n"the owl sat in"\n"the fox"\n')
    found = netspec.predict(tiny, folder / "prompts.csv")
    assert found.outputs["next"].shape == (2, 12, 32)
    with pytest.raises(UsageError, match="for the rows of a table"):
        netspec.predict(tiny, folder / "more.txt")


def test_a_text_that_is_made_as_it_is_used_trains_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.data import windows

    monkeypatch.setattr(windows, "room", lambda: 0)
    monkeypatch.setattr(windows, "BLOCK", 3000)
    found = json.loads((trained(tmp_path) / "metrics.json").read_text())["validation"]["next"]
    assert found["loss"] < 0.5 * entropy(LINE)


def test_the_verb_writes_the_text_and_nothing_else_to_stdout(tiny: Path, run: Run) -> None:
    done = run("generate", tiny, "--prompt", "ZÉ the owl sat in", "--length", "9", "--temperature", "0", "--seed", "7")
    assert (done.rc, done.stdout) == (0, "ZÉ the owl sat in the tree\n")
    assert re.fullmatch(
        r"note: the run has not learned `z`, `é`, so the model sees them as unknown\n9 characters, [\d,]+ a second, "
        r"seed 7\n",
        done.stderr,
    )
    assert run("generate", tiny, "--top-k", "0").rc == 2
    assert run("generate", tiny.parent / "t.txt").rc != 0


def test_one_character_is_one(tiny: Path, run: Run) -> None:
    assert run("generate", tiny, "--length", "1", "--seed", "7").stderr == "1 character, seed 7\n"


def test_a_prompt_is_read_as_the_text_was(tmp_path: Path) -> None:
    folder = trained(tmp_path, LINE.replace(" and ", "\n") * 40)
    how: dict[str, Any] = {"length": 20, "temperature": 0, "seed": 1}
    plain = netspec.generate(folder, "the tree\nthe", **how)
    for end in ("\r\n", "\r"):
        found = netspec.generate(folder, f"the tree{end}the", **how)
        assert (found.text, found.unknown, found.prompt) == (plain.text, (), f"the tree{end}the")
    for name, end in (("a", b"\n"), ("b", b"\r\n")):
        (tmp_path / f"{name}.csv").write_bytes(b'text\n"the tree' + end + b'the"\n')
    one, two = (netspec.predict(folder, tmp_path / f"{name}.csv").outputs["next"] for name in "ab")
    assert np.array_equal(one, two)


def test_a_terminal_gets_no_escape_sequences(tiny: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "netspec",
        "generate",
        str(tiny),
        "--prompt",
        "\x1b[31mthe owl\tsat",
        "--length",
        "3",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--temperature", "0", "-q"], stdout=theirs, cwd=ROOT, env=env, timeout=300, check=False
    )
    os.close(theirs)
    written = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0 and written.startswith("\\x1b[31mthe owl\tsat") and "\x1b" not in written


@pytest.mark.slow
def test_the_shipped_text_is_learned_far_below_the_entropy_of_its_letters(tmp_path: Path) -> None:
    text = (ROOT / "specs" / "data" / "tales.txt").read_text(encoding="utf-8")
    result = netspec.fit(ROOT / "specs" / "char_lstm.yaml", out=tmp_path / "run", epochs=3)
    assert result.metrics["validation"]["next_letters"]["loss"] < 0.6 * entropy(text)
    found = netspec.generate(tmp_path / "run", "The old miller", temperature=0.3, seed=1, length=400)
    known = set(re.findall(r"\w+", text))
    words = re.findall(r"\w+", found.text)[1:-1]
    assert sum(word in known for word in words) > 0.7 * len(words)


def test_the_shipped_text_is_what_its_tool_writes() -> None:
    done = subprocess.run([sys.executable, "tools/make_tales.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0
    assert (ROOT / "specs" / "data" / "tales.txt").stat().st_size > 100_000
