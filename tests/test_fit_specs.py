"""Every shipped spec trains: the guide's on generated data, digits and headlines on their own rows."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

import netspec

pytestmark = [pytest.mark.keras, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
SPECS = ROOT / "specs"

# What makes a model small enough, and the number of generated examples with the epochs in which its loss must fall.
SMALL = {
    "char_lstm": ({}, 128, 3),
    "cifar10_cnn": ({}, 96, 2),
    "conv1d_classifier": ({}, 192, 3),
    "conv_two_sizes": ({}, 96, 2),
    "dense_functional": ({}, 512, 2),
    "digit_pair": ({}, 96, 2),
    "digits_cnn": ({}, 256, 2),
    "imdb_lstm": ({}, 96, 2),
    "inception": ({"vars.size": 16}, 32, 2),
    "lstm_classifier": ({"vars.max_features": 500}, 128, 3),
    "mlp_binary": ({}, 512, 4),
    "mlp_softmax": ({}, 1024, 6),
    "mnist_cnn": ({}, 128, 2),
    "mnist_mlp": ({}, 512, 2),
    "residual": ({"vars.size": 16}, 64, 2),
    "reuters_mlp": ({}, 512, 2),
    "stateful_lstm": ({}, 256, 4),
    "tweet_pair": ({}, 64, 2),
    "twitter": ({}, 128, 2),
    "vgg": ({"vars.size": 32}, 96, 3),
    "video_frames": ({}, 256, 2),
    "video_qa": ({"vars.size": 32, "vars.frames": 2}, 24, 2),
    "vqa": ({"vars.size": 32}, 48, 3),
}


def test_no_spec_is_left_out():
    assert set(SMALL) == {path.stem for path in SPECS.glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_loss_falls_on_generated_data(name, tmp_path):
    overrides, examples, epochs = SMALL[name]
    run = tmp_path / "run"
    result = netspec.fit(SPECS / f"{name}.yaml", dummy=examples, out=run, epochs=epochs, seed=1, **overrides)
    losses = [row["loss"] for row in result.history]
    assert len(losses) == epochs and all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0]
    with open(run / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, epochs + 1))
    assert {path.name for path in run.iterdir()} >= {
        "spec.yaml",
        "resolved.json",
        "weights.weights.h5",
        "best.weights.h5",
        "history.csv",
        "metrics.json",
        "environment.json",
    }
    assert (run / "spec.yaml").read_bytes() == (SPECS / f"{name}.yaml").read_bytes()


def test_digits_reach_98_percent_on_the_test_part(tmp_path):
    result = netspec.fit(SPECS / "digits_cnn.yaml", out=tmp_path / "run")
    assert result.metrics["test"]["digit"]["accuracy"] >= 0.98


def test_both_outputs_of_twitter_beat_the_majority_by_10_points(tmp_path):
    run = tmp_path / "run"
    result = netspec.fit(SPECS / "twitter.yaml", out=run, epochs=2)
    with open(SPECS / "data" / "headlines-test.csv", newline="", encoding="utf-8") as file:
        labels = [row["shared"] for row in csv.DictReader(file) if row["shared"]]
    majority = max(labels.count(label) for label in set(labels)) / len(labels)
    for output in ("main_output", "aux_output"):
        assert result.metrics["test"][output]["accuracy"] >= majority + 0.10
    again = netspec.evaluate(run)
    assert json.loads((run / "metrics.json").read_text())["test"]["main_output"]["accuracy"] == pytest.approx(
        again.scores.as_json()["main_output"]["accuracy"], abs=1e-6
    )


@pytest.mark.parametrize(("name", "rows"), [("mlp_softmax", 500), ("dense_functional", 500), ("twitter", 0)])
def test_the_loss_is_that_of_model_fit_on_the_same_arrays_in_the_same_order(
    name: str, rows: int, tmp_path: Path
) -> None:
    """What the benchmarks compare in time comes to the same number."""
    from netspec.pipeline import analyze
    from netspec.runtime.model import build
    from netspec.runtime.run import loop, splits, training

    settings = ["fit.shuffle=false", "fit.epochs=2", "fit.seed=4"]
    checked = analyze(ROOT / "specs" / f"{name}.yaml", overrides=settings).checked
    assert checked is not None
    made = training.fit(checked, b"", dummy=rows or None, out=tmp_path / "out", quiet=True)
    part = (splits.generated(checked, rows, 4) if rows else splits.read(checked, 4)).train
    loop.repeatable(4)
    model = build.build(checked)
    x, y = dict(part.examples.head(part.rows).x), dict(part.examples.head(part.rows).y)
    fed = next(iter(x.values())) if len(x) == 1 else x
    truth = next(iter(y.values())) if len(y) == 1 else y
    history = model.fit(fed, truth, epochs=2, batch_size=checked.fit.batch_size, shuffle=False, verbose=0).history
    assert [row["loss"] for row in made.history] == pytest.approx(history["loss"], rel=1e-6)
