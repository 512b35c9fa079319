"""Weights and masks in training: Keras's steps equal a loss written by hand, and metrics count what was asked for."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.keras
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from netspec.graph.ir import Checked  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data import slicing, store  # noqa: E402
from netspec.runtime.model import build  # noqa: E402
from netspec.runtime.run import evaluating, inference, loop, runs, splits, training  # noqa: E402

ROWS, SIZE = 53, 8

SPEC = """
name: houses
inputs: {x: [2]}
layers:
  - Dense: {units: 5, activation: tanh}
    name: h
  - Dense: {units: 1, activation: sigmoid}
    name: sold
    from: h
  - Dense: 1
    name: price
    from: h
  - Dense: {units: 3, activation: softmax}
    name: sort
    from: h
outputs: [sold, price, sort]
losses: {sold: binary_crossentropy, price: {loss: mse, weight: 0.5}, sort: sparse_categorical_crossentropy}
metrics: {sold: [accuracy, {AUC: {name: auc}}], price: [mae, {RootMeanSquaredError: {name: rmse}}], sort: [accuracy]}
optimizer: {SGD: {learning_rate: 0.1}}
data:
  train: train.csv
  test: test.csv
  weight: w
  features: {x: [a, b]}
  targets:
    sold: {column: sold, missing: mask, class_weights: balanced}
    price: {column: price, missing: mask, normalize: true, weight: v}
    sort: {column: sort, class_weights: {town: 3, farm: 0.5}}
fit: {epochs: 2, batch_size: 8, seed: 1, shuffle: false}
"""


def rows(seed: int) -> list[dict[str, Any]]:
    dice, found = random.Random(seed), []
    for _ in range(ROWS):
        a, b = dice.random(), dice.random()
        found.append(
            {
                "a": a,
                "b": b,
                "sold": None if dice.random() < 0.4 else "yes" if a + b > 1.2 else "no",
                "price": None if dice.random() < 0.3 else 250 + 100 * a - 30 * b,
                "sort": dice.choice(("farm", "flat", "town")),
                "w": dice.choice((0.5, 1.0, 2.0)),
                "v": dice.choice((0.0, 1.0, 3.0)),
            }
        )
    return found


def write(path: Path, table: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows({key: "" if cell is None else cell for key, cell in row.items()} for row in table)


def checked(folder: Path, spec: str = SPEC, *overrides: str) -> Checked:
    analysis = analyze_text(spec, folder=str(folder), overrides=overrides)
    assert analysis.checked is not None, [found.message for found in analysis.diagnostics]
    return analysis.checked


class ByHand:
    """What the spec says, from the rows as they are, without netspec: targets, weights, losses, metrics."""

    def __init__(self, train: list[dict[str, Any]], table: list[dict[str, Any]]) -> None:
        self.x = np.array([[row["a"], row["b"]] for row in table], np.float32)
        sold = [row["sold"] for row in train if row["sold"] is not None]
        price = np.array([row["price"] for row in train if row["price"] is not None])
        self.mean, self.std = price.mean(), price.std()
        balanced = {name: len(sold) / (2 * sold.count(name)) for name in ("no", "yes")}
        self.has = {name: np.array([row[name] is not None for row in table]) for name in ("sold", "price", "sort")}
        self.y = {
            "sold": np.array([[row["sold"] == "yes"] for row in table], np.float32),
            "price": np.array([[self.mean if row["price"] is None else row["price"]] for row in table]),
            "sort": np.array([("farm", "flat", "town").index(row["sort"]) for row in table]),
        }
        by_sort = {"farm": 0.5, "flat": 1.0, "town": 3.0}
        self.weight = {
            "sold": np.array([row["w"] * balanced.get(row["sold"], 0) for row in table]),
            "price": np.array([row["v"] if row["price"] is not None else 0 for row in table]),
            "sort": np.array([row["w"] * by_sort[row["sort"]] for row in table]),
        }

    def loss(self, guess: Any, at: slice) -> tuple[Any, dict[str, float]]:
        """Each row's own loss, times its weight; the mean over those that have the label, whatever the batch has."""
        price = (self.y["price"][at, 0] - self.mean) / self.std
        each = {
            "sold": -tf.math.log(tf.where(self.y["sold"][at] == 1, guess["sold"], 1 - guess["sold"]))[:, 0],
            "price": (guess["price"][:, 0] - price.astype(np.float32)) ** 2,
            "sort": -tf.math.log(tf.gather(guess["sort"], self.y["sort"][at], batch_dims=1)),
        }
        count = len(price)
        losses = {
            name: tf.reduce_sum(loss * self.weight[name][at].astype(np.float32)) / count * ROWS / self.has[name].sum()
            for name, loss in each.items()
        }
        return losses["sold"] + 0.5 * losses["price"] + losses["sort"], {n: float(v) for n, v in losses.items()}

    def metrics(self, guess: dict[str, Any]) -> dict[str, float]:
        """Of rows that weigh something, once each, prices as prices."""
        counts = {name: self.has[name] & (self.weight[name] > 0) for name in self.has}
        right = (guess["sold"][:, 0] > 0.5) == self.y["sold"][:, 0]
        off = guess["price"][:, 0] * self.std + self.mean - self.y["price"][:, 0]
        auc = keras.metrics.AUC()
        auc.update_state(self.y["sold"][counts["sold"]], guess["sold"][counts["sold"]])
        return {
            "sold_accuracy": right[counts["sold"]].mean(),
            "sold_auc": float(auc.result()),
            "price_mae": np.abs(off[counts["price"]]).mean(),
            "price_rmse": np.sqrt((off[counts["price"]] ** 2).mean()),
            "sort_accuracy": (guess["sort"].argmax(axis=1) == self.y["sort"])[counts["sort"]].mean(),
        }


@pytest.fixture(params=["slices", "gathered", "stored"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The three ways of feeding."""
    if request.param == "gathered":
        monkeypatch.setattr(slicing, "_WHOLE_BYTES", 0)
    if request.param == "stored":
        monkeypatch.setattr(store, "HELD", 0)
        monkeypatch.setattr(store, "BLOCK", 300)
    return str(request.param)


def test_training_equals_a_loss_and_metrics_by_hand(way: str, tmp_path: Path) -> None:
    train, test = rows(1), rows(2)
    write(tmp_path / "train.csv", train)
    write(tmp_path / "test.csv", test)
    spec = checked(tmp_path)
    result = training.fit(spec, SPEC.encode(), out=tmp_path / "run", quiet=True)
    loop.repeatable(1)
    model, hand = build.build(spec), ByHand(train, train)
    for epoch in result.history:
        losses, totals, guesses = [], [], []
        for start in range(0, ROWS, SIZE):
            at = slice(start, start + SIZE)
            with tf.GradientTape() as tape:
                guess = model(hand.x[at], training=True)
                total, each = hand.loss(guess, at)
            for variable, gradient in zip(
                model.trainable_variables, tape.gradient(total, model.trainable_variables), strict=True
            ):
                variable.assign_sub(0.1 * gradient)
            losses.append({name: value * len(hand.x[at]) for name, value in each.items()})
            totals.append(float(total) * len(hand.x[at]))
            guesses.append({name: value.numpy() for name, value in guess.items()})
        assert epoch["loss"] == pytest.approx(sum(totals) / ROWS, rel=1e-5)
        for name in ("sold", "price", "sort"):
            assert epoch[f"{name}_loss"] == pytest.approx(sum(each[name] for each in losses) / ROWS, rel=1e-5)
        seen = {name: np.concatenate([guess[name] for guess in guesses]) for name in guesses[0]}
        for name, value in hand.metrics(seen).items():
            assert epoch[name] == pytest.approx(value, rel=1e-4), name
    trained = build.build(spec)
    trained.load_weights(runs.weights(result.run, best=False))
    for ours, theirs in zip(trained.weights, model.weights, strict=True):
        assert np.allclose(ours, theirs, atol=1e-5)
    # The test rows, by what training learned: the balance and the scale are those of the training rows.
    hand = ByHand(train, test)
    guess = {name: value.numpy() for name, value in model(hand.x).items()}
    scores = {
        f"{output}_{name}": value for output, each in result.scores[-1].outputs.items() for name, value in each.items()
    }
    total, each = hand.loss(guess, slice(None))
    assert result.scores[-1].loss == pytest.approx(float(total), rel=1e-4)
    for name, value in each.items():  # although the last batch is smaller than the others
        assert scores[f"{name}_loss"] == pytest.approx(float(value), rel=1e-4), name
    for name, value in hand.metrics(guess).items():
        assert scores[name] == pytest.approx(value, rel=1e-4), name
    again = evaluating.evaluate(result.run, spec).scores
    assert again.as_json() == result.scores[-1].as_json()
    counted = [row["sold"] for row in test if row["sold"]]
    share = max(counted.count("no"), counted.count("yes")) / len(counted)
    assert again.majorities["sold"].share == pytest.approx(share)
    predicted = inference.predict(result.run, spec, tmp_path / "test.csv").outputs
    assert np.allclose(predicted["price"], guess["price"] * hand.std + hand.mean, rtol=1e-4)
    assert np.allclose(predicted["sort"], guess["sort"], atol=1e-4)


def test_a_batch_without_a_label_has_a_loss_of_0_and_no_gradient(tmp_path: Path) -> None:
    train = rows(1)
    for row in train[:SIZE]:
        row["sold"] = None
    write(tmp_path / "train.csv", train)
    spec = checked(tmp_path, SPEC.replace("  test: test.csv\n", ""))
    part = splits.read(spec, 1).train
    model = build.build(spec, weighted=True)
    x, y, w = next(iter(loop.fed_from(part, spec, batch_size=SIZE, shuffle=False, seed=0)))
    assert not w["sold"].numpy().any() and w["price"].numpy().any()
    losses = {}
    for name in ("sold", "price", "sort"):
        only = {each: weights if each == name else tf.zeros_like(weights) for each, weights in w.items()}
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x), only)
        gradients = tape.gradient(loss, model.trainable_variables)
        losses[name] = float(loss), max(float(tf.reduce_max(tf.abs(each))) for each in gradients if each is not None)
    assert losses["sold"] == (0, 0)
    assert all(np.isfinite(losses[name]).all() and losses[name][1] > 0 for name in ("price", "sort"))
    result = training.fit(spec, SPEC.encode(), out=tmp_path / "run", quiet=True)
    assert all(np.isfinite(value) for value in result.history[-1].values())


def test_an_output_that_no_row_of_a_split_has_a_label_of_has_no_scores(tmp_path: Path) -> None:
    train, test = rows(1), [{**row, "sold": None} for row in rows(2)]
    write(tmp_path / "train.csv", train)
    write(tmp_path / "test.csv", test)
    result = training.fit(checked(tmp_path), SPEC.encode(), out=tmp_path / "run", quiet=True)
    found = json.loads((tmp_path / "run" / runs.METRICS).read_text())["test"]
    assert found["sold"] == {} and found["price"]["mae"] > 0
    assert any("53 rows masked for `sold`" in note for note in result.notes)


STEPS = """
inputs: {x: [4, 2]}
layers: [{Dense: {units: 3, activation: sigmoid}, name: y}]
losses: LOSS
metrics: [METRIC]
data: {train: t.npz, features: {x: x}, targets: {y: {column: y, weight: w}}}
fit: {batch_size: 8, seed: 1, shuffle: false}
"""


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("sparse_categorical_crossentropy", "accuracy"),
        ("sparse_categorical_crossentropy", "{SparseTopKCategoricalAccuracy: {name: k, k: 2}}"),
        ("mse", "mae"),
        ("mse", "{CosineSimilarity: {name: c}}"),
        ("mse", "{RootMeanSquaredError: {name: r}}"),
        ("binary_crossentropy", "{AUC: {name: a}}"),
        ("binary_crossentropy", "{Precision: {name: p}}"),
    ],
)
def test_a_row_of_several_steps_weighs_as_a_whole(loss: str, metric: str, tmp_path: Path) -> None:
    """Rows of weight 0 are as good as gone, in every shape of losses and metrics."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(21, 4, 2))
    y = draw.integers(0, 3, (21, 4)) if "sparse" in loss else draw.integers(0, 2, (21, 4, 3)).astype(np.float32)
    w = draw.integers(0, 2, 21).astype(np.float32)
    text = STEPS.replace("LOSS", loss).replace("METRIC", metric)
    found = []
    for kept in (slice(None), w > 0):
        np.savez(tmp_path / "t.npz", x=x[kept], y=y[kept], w=w[kept])
        spec = checked(tmp_path, text)
        part = splits.read(spec, 1).train
        loop.repeatable(1)
        model = build.build(spec, weighted=True)
        from netspec.runtime.run import counting

        counting.count(model, None, ("y",), weighted=True)
        found.append(loop.evaluate(model, spec, part))
    share = float(w.mean())
    assert found[0].pop("loss") == pytest.approx(found[1].pop("loss") * share, rel=1e-5)
    (whole,), (rest,) = found[0].values(), found[1].values()
    assert whole == pytest.approx(rest, rel=1e-5)


TAGS = """
inputs: {x: {shape: [4], dtype: int32}}
layers:
  - Embedding: {input_dim: 9, output_dim: 3}
  - Dense: {units: 3, activation: softmax}
    name: tags
losses: sparse_categorical_crossentropy
metrics: [accuracy]
optimizer: {SGD: {learning_rate: 0.5}}
data:
  train: t.csv
  features: {x: {column: words, sequence: {}}}
  targets: {tags: {column: tags, sequence: true, class_weights: {2: 4}}}
fit: {epochs: 2, batch_size: 8, seed: 1, shuffle: false}
"""


def test_steps_of_sequences_equal_a_loss_by_hand(tmp_path: Path) -> None:
    dice = random.Random(3)
    table = [[(dice.randrange(1, 9), dice.randrange(3)) for _ in range(dice.randrange(1, 5))] for _ in range(21)]
    cells = [{"words": " ".join(str(a) for a, _ in row), "tags": " ".join(str(b) for _, b in row)} for row in table]
    write(tmp_path / "t.csv", cells)
    spec = checked(tmp_path, TAGS)
    result = training.fit(spec, TAGS.encode(), out=tmp_path / "run", quiet=True)
    loop.repeatable(1)
    model = build.build(spec)
    x = np.array([[0] * (4 - len(row)) + [a for a, _ in row] for row in table])
    total_steps = sum(map(len, table))
    for epoch in result.history:
        right = 0
        for start in range(0, 21, 8):
            with tf.GradientTape() as tape:
                guess = model(x[start : start + 8])
                loss = 0.0
                for probabilities, row in zip(guess, table[start : start + 8], strict=True):
                    for step, (_, tag) in zip(probabilities[4 - len(row) :], row, strict=True):
                        loss -= tf.math.log(step[tag]) * (4 if tag == 2 else 1)
                        right += int(np.argmax(step) == tag)
                loss = loss / (len(guess) * 4) * (21 * 4 / total_steps)
            gradients = tape.gradient(loss, model.trainable_variables)
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
                variable.assign_sub(0.5 * tf.convert_to_tensor(gradient))
        assert epoch["accuracy"] == pytest.approx(right / total_steps, rel=1e-5)
    trained = build.build(spec)
    trained.load_weights(runs.weights(result.run, best=False))
    for ours, theirs in zip(trained.weights, model.weights, strict=True):
        assert np.allclose(ours, theirs, atol=1e-5)


def test_a_fixed_batch_size_and_several_steps_at_a_time(tmp_path: Path) -> None:
    """The last batch is filled up and cut again, and what fills it weighs nothing."""
    write(tmp_path / "train.csv", rows(1))
    write(tmp_path / "test.csv", rows(2))
    free = training.fit(checked(tmp_path), SPEC.encode(), out=tmp_path / "free", quiet=True)
    fixed = SPEC.replace("{x: [2]}", "{x: {shape: [2], batch_size: 8}}")
    spec = checked(tmp_path, fixed)
    model = build.build(spec, weighted=True)
    model.load_weights(runs.weights(free.run, best=False))
    from netspec.runtime.run import counting

    parts = splits.read(spec, 1)
    counting.count(model, parts.prepared, ("sold", "price", "sort"), weighted=True)
    found = loop.evaluate(model, spec, parts.test)
    assert found["loss"] == pytest.approx(free.scores[-1].loss, rel=1e-5)
    assert found["price_mae"] == pytest.approx(free.scores[-1].outputs["price"]["mae"], rel=1e-5)


def test_nothing_is_added_where_nothing_weighs(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", [row for row in rows(1) if row["sold"] and row["price"]])
    text = SPEC.replace(", missing: mask, class_weights: balanced", "").replace(
        ", missing: mask, normalize: true, weight: v", ""
    )
    text = (
        text.replace(", class_weights: {town: 3, farm: 0.5}", "")
        .replace("  weight: w\n", "")
        .replace("  test: test.csv\n", "")
    )
    spec = checked(tmp_path, text)
    part = splits.read(spec, 1).train
    assert part.examples.w == {} and not part.weighted
    assert len(loop.fed_from(part, spec, batch_size=SIZE, shuffle=False, seed=0).element_spec) == 2
