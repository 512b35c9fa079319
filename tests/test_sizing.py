"""What a step of training takes at the least, and that what surely does not fit is refused before rows are prepared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_training import checked, fitted

from netspec.errors import NetspecError
from netspec.graph import kept
from netspec.pipeline import analyze_text
from netspec.render.png import png
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import TooBig, lower
from netspec.runtime.run import sizing, splits
from netspec.runtime.run.survey import survey

IMAGES = """
inputs: {photo: [SIDE, SIDE, 3]}
layers:
  - Flatten
  - Dense: 1
    name: y
losses: mse
optimizer: sgd
data:
  train: train.csv
  features: {photo: {column: image, image: true}}
  targets: {y: y}
fit: {batch_size: 4, seed: 1}
"""
GB = 10**9


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    lines = ["image,y"]
    for at in range(12):
        (tmp_path / f"{at}.png").write_bytes(png(4, 4, 3, bytes(48)))
        lines.append(f"{at}.png,{at if at != 3 else ''}")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(sizing, "free_memory", lambda: size)


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("a row was prepared")


def test_a_batch_that_cannot_fit_is_refused_before_any_row_is_prepared(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netspec.runtime.data.encoders.decoded", never)
    huge = IMAGES.replace("SIDE", "20000")  # 4.8 GB a row, and as much in weights
    free(monkeypatch, 9 * GB)
    with pytest.raises(TooBig, match=r"takes 9\.6 GB for weights, gradients"):
        fitted(huge, photos)
    free(monkeypatch, 20 * GB)
    said = r"on 4 rows takes at least {} GB \({} GB of .*, {} GB of inputs\)"
    with pytest.raises(TooBig, match=said.format("62.4", "4.8", "57.6")) as caught:  # eight rows are shuffled together
        fitted(huge, photos)
    assert caught.value.help == "make the inputs smaller, or the steps that take them"
    with pytest.raises(TooBig, match=said.format("24.0", "4.8", "19.2")) as caught:
        fitted(huge, photos, "fit.shuffle=false")
    assert caught.value.help == "try `batch_size: 2` under `fit`"
    assert not (photos / "runs").exists()


def test_rows_that_training_leaves_out_do_not_count(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "train.csv").write_text("image,y\n0.png,1\n1.png,\n2.png,\n3.png,\n")
    model = checked(IMAGES.replace("SIDE", "100"), photos)
    free(monkeypatch, 3 * 120_000 + 100)
    splits.read(model, 1)  # one row has a label, so no batch holds two
    free(monkeypatch, 2 * 120_000 - 1)
    with pytest.raises(TooBig):
        splits.read(model, 1)


def test_what_fits_is_trained(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sizing.step(checked(IMAGES.replace("SIDE", "16"), photos), 4)
    assert (found.weights, found.gradients, found.inputs, found.kept) == (3076, 3076, 4 * 3072, 0)
    free(monkeypatch, found.most)
    fitted(IMAGES.replace("SIDE", "16"), photos)
    free(monkeypatch, found.most - 1)
    with pytest.raises(TooBig):
        fitted(IMAGES.replace("SIDE", "16"), photos)


def test_a_look_prepares_no_gigabytes(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.runtime.data.encoders.decoded", never)
    with pytest.raises(DataError, match=r"an example of input `photo` takes 4\.8 GB"):
        survey(checked(IMAGES.replace("SIDE", "20000"), photos))


def test_an_image_counts_as_it_is_scaled(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "train.csv").write_text("image,y\n0.png,1\n")
    monkeypatch.setattr("netspec.runtime.data.memory.free_memory", lambda: 4 * 120_000 - 1)
    with pytest.raises(NetspecError, match="an image of `image` would take"):
        survey(checked(IMAGES.replace("SIDE", "200"), photos))


def test_an_input_of_terabytes_is_warned_of() -> None:
    spec = "inputs: {x: [1000000, 1000000]}\nlayers:\n  - Cropping1D: 499999\n  - Flatten\n  - Dense: 1\nlosses: mse\n"
    (found,) = analyze_text(spec).diagnostics
    assert (found.code, found.message) == ("NS601", "input `x` takes about 4.0 TB for one example")


STEPS = {
    "dense": ("[8]", "[{Dense: 16}, {Dense: 4}]", 16),
    "activations": ("[8]", "[{Dense: 16}, ReLU, {Dropout: 0.5}, {Dense: 4}, {Dense: 2}]", 16 + 4),
    "frozen": ("[8]", "[{Dense: 16}, {Dense: {units: 4, trainable: false}}, {Dense: 2}]", 4),
    "flattened": ("[8, 2]", "[Flatten, {Dense: 16}]", 0),
    "convolved": (
        "[8, 8, 1]",
        "[{Conv2D: {filters: 4, kernel_size: 3}}, {MaxPooling2D: 2}, {Conv2D: {filters: 2, kernel_size: 2}}, "
        "Flatten, {Dense: 2}]",
        36 + 8,
    ),
    "a model": ("[8]", "[{model: {inputs: {a: [8]}, layers: [{Dense: 5}, {Dense: 6}]}}, {Dense: 7}]", 5 + 6),
    "rounded": ("[8]", "[{Dense: 16}, {Dense: 9}, ops.sign, {Dense: 4}, {Dense: 3}]", 9 + 4),
    "looked up": (
        "{shape: [3], dtype: int32}",
        "[{Embedding: {input_dim: 9, output_dim: 4}}, Flatten, {Dense: 5}, {Dense: 1}]",
        12 + 5,
    ),
    "float16": ("[8]", "[{Dense: {units: 16, dtype: mixed_float16}}, {Dense: {units: 4, dtype: mixed_float16}}]", 8),
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_kept_is_what_gradients_are_made_from(name: str, tmp_path: Path) -> None:
    shape, layers, numbers = STEPS[name]
    spec = checked(f"inputs: {{x: {shape}}}\nlayers: {layers}\nlosses: mse\n", tmp_path)
    (output,) = spec.typed.graph.outputs
    assert kept.kept(spec.typed, [output], 10) == 10 * 4 * numbers
    assert kept.kept(spec.typed, [], 10) == 0


@pytest.mark.parametrize("name", [name for name in STEPS if name not in ("float16", "rounded")])
def test_the_gradients_of_tensorflow_need_what_is_kept(name: str, tmp_path: Path) -> None:
    shape, layers, _ = STEPS[name]
    spec = checked(f"inputs: {{x: {shape}}}\nlayers: {layers}\nlosses: mse\n", tmp_path)
    (output,) = spec.typed.graph.outputs
    model: Any = lower(spec)
    given = model.inputs[0]
    x = np.ones((10, *given.shape[1:]), given.dtype)

    @tf.function
    def forward(x: Any) -> Any:
        return keras.ops.mean(model(x, training=True) ** 2)

    concrete = forward.get_concrete_function(tf.TensorSpec(x.shape, x.dtype))
    with tf.GradientTape() as tape:
        loss = concrete(tf.constant(x))
    tape.gradient(loss, model.trainable_variables)
    # What the forward half hands to the backward one, as TensorFlow cuts the function in two.
    handed = concrete._delayed_rewrite_functions.forward().graph.outputs
    assert kept.kept(spec.typed, [output], 10) <= sum(math.prod(each.shape) * each.dtype.size for each in handed)
