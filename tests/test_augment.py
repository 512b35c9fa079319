"""Augmentation: layers that fit their input, and batches that are a function of (seed, epoch, step) alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.keras
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")

import netspec  # noqa: E402
from netspec import catalog  # noqa: E402
from netspec.catalog.augmentations import IMAGES, LAYERS, NOISE, why_not  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data import batches, slicing, store  # noqa: E402
from netspec.runtime.data.augmenting import Augmentation  # noqa: E402
from netspec.runtime.data.epoch import Epoch  # noqa: E402
from netspec.runtime.model.build import BuildError  # noqa: E402

SPEC = """
inputs: {image: {shape: SHAPE, dtype: DTYPE}}
layers:
  - Flatten
  - {Dense: {units: 10, activation: softmax}, name: kind}
losses: sparse_categorical_crossentropy
data:
  dataset: cifar10
  features: {image: FEATURE}
  targets: {kind: label}
  augment: AUGMENT
"""
BYTES = "{column: image, rescale: 0.00392156862745098}"


def spec(augment: str, shape: str = "[32, 32, 3]", feature: str = BYTES, dtype: str = "float32") -> str:
    text = SPEC.replace("SHAPE", shape).replace("FEATURE", feature).replace("DTYPE", dtype)
    return text.replace("AUGMENT", augment)


def plan(augment: str, **how: str) -> Any:
    analysis = analyze_text(spec(augment, **how))
    assert analysis.checked is not None, analysis.diagnostics
    return analysis.checked.training.augment


# what a spec may say

WRONG = {
    "no input": ("{img: [RandomFlip]}", {}, "NS707", "`img` is not an input of the model"),
    "no list": ("{image: RandomFlip}", {}, "NS202", "`image`: expected a list"),
    "nothing": ("{image: []}", {}, "NS202", "expected a list that is not empty"),
    "no mapping": ("[RandomFlip]", {}, "NS202", "`augment`: expected a mapping"),
    "two in one": ("{image: [{RandomFlip: vertical, RandomZoom: 0.1}]}", {}, "NS208", "expected one layer"),
    "another layer": ("{image: [{Dense: 3}]}", {}, "NS213", "`Dense` cannot augment: it is no augmentation"),
    "labels": ("{image: [MixUp]}", {}, "NS213", "it mixes labels too"),
    "unseeded": ("{image: [AugMix]}", {}, "NS213", "and not from the seed"),
    "always the same": ("{image: [{Rescaling: 2}]}", {}, "NS213", "it does the same to every example"),
    "code": ("{image: [Lambda]}", {}, "NS213", "`Lambda` is not available in a spec"),
    "half a name": ("{image: [{Rotation: 0.1}]}", {}, "NS204", "unknown layer `Rotation`"),
    "an argument": ("{image: [{RandomFlip: {modus: vertical}}]}", {}, "NS205", "`RandomFlip` has no argument `modus`"),
    "a value": ("{image: [{RandomFlip: diagonal}]}", {}, "NS206", "`mode`: expected one of"),
    "needs one": ("{image: [RandomHue]}", {}, "NS207", "`RandomHue` needs `factor`"),
    "nothing random": ("{image: [{Resizing: {height: 32, width: 32}}]}", {}, "NS708", "no layer here changes anything"),
    "smaller": (
        "{image: [{RandomCrop: {height: 28, width: 28}}]}",
        {},
        "NS708",
        "the layers make (batch, 28, 28, 3) of input `image`, which is (batch, 32, 32, 3)",
    ),
    "nothing to crop": (
        "{image: [{RandomCrop: {height: 32, width: 32}}]}",
        {},
        "NS708",
        "`RandomCrop` to 32 × 32 takes images that are larger both ways, got 32 × 32",
    ),
    "no images": ("{image: [RandomFlip]}", {"shape": "[3072]"}, "NS708", "takes images, and input `image` is"),
    "a channel": ("{image: [RandomGrayscale]}", {"shape": "[32, 48, 2]"}, "NS402 NS404", "takes images with 1 channel"),
    "bool": ("{image: [{GaussianNoise: 1}]}", {"dtype": "bool"}, "NS708", "is bool, and numbers are augmented"),
    "normalized": (
        "{image: [{RandomBrightness: 0.1}]}",
        {"feature": "{column: image, normalize: true}"},
        "NS712",
        "`RandomBrightness` takes pixels from 0 to 255",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case: str) -> None:
    augment, how, codes, said = WRONG[case]
    found = analyze_text(spec(augment, **how), look_at_data=case == "no input").diagnostics
    assert len(found) == 1 and found[0].code in codes.split() and said in found[0].message, found


def test_the_help_names_the_layer_that_is_meant() -> None:
    (found,) = analyze_text(spec("{image: [Flip]}"), look_at_data=False).diagnostics
    assert found.help == "did you mean `RandomFlip`?"
    (found,) = analyze_text(spec("{image: [{RandomCrop: {height: 28, width: 28}}]}"), look_at_data=False).diagnostics
    assert found.help == "end with `Resizing: {height: 32, width: 32}`"


def test_frames_round_a_random_layer_and_overrides() -> None:
    for augment in (
        "{image: [{ZeroPadding2D: 4}, {RandomCrop: {height: 32, width: 32}}]}",
        "{image: [{RandomCrop: {height: 28, width: 28}}, {Resizing: {height: 32, width: 32}}]}",
        "{image: [{GaussianNoise: 0.1}]}",
    ):
        assert plan(augment)
    settings = ["data.augment.image[0].RandomFlip.mode=vertical"]
    checked = analyze_text(spec("{image: [{RandomFlip: horizontal}]}"), overrides=settings).checked
    assert checked is not None and checked.training.augment["image"][0].args == {"mode": "vertical"}


def test_layers_are_told_between_which_numbers_pixels_lie() -> None:
    def told(feature: str, more: str = "") -> Any:
        (layer,) = plan(f"{{image: [{{RandomBrightness: {{factor: 0.1{more}}}}}]}}", feature=feature)["image"]
        return layer.args.get("value_range")

    assert told(BYTES) == [0.0, 1.0] and told("image") == [0.0, 255.0]
    assert told("{column: image, image: true, rescale: 2}") == [0.0, 510.0]
    assert told("{column: image, normalize: true}", ", value_range: [-3, 3]") == [-3, 3]
    text = spec("{image: [{RandomBrightness: 0.1}]}").replace("dataset: cifar10", "train: rows.npz")
    (found,) = analyze_text(text, look_at_data=False).diagnostics
    assert found.code == "NS712" and "`rescale` changes them" in found.message
    plain = analyze_text(text.replace(BYTES, "image"), look_at_data=False).checked
    assert plain is not None and "value_range" not in plain.training.augment["image"][0].args


def test_every_layer_for_images_is_one_that_can_augment_or_has_a_reason() -> None:
    for name in (*IMAGES, *NOISE, *LAYERS):
        entry = catalog.find("layer", name)
        assert entry is not None and entry.name == name and entry.excluded is None
    for name in catalog.names("layer"):
        if name.startswith("Random"):
            assert name in LAYERS, name
        assert (why_not(name) is None) is (name in LAYERS)


# what becomes of batches

ARGUMENTS = {
    "AlphaDropout": "0.1",
    "Dropout": "0.1",
    "GaussianDropout": "0.1",
    "GaussianNoise": "0.1",
    "RandomBrightness": "0.2",
    "RandomColorDegeneration": "0.5",
    "RandomColorJitter": "{brightness_factor: 0.2, hue_factor: 0.2}",
    "RandomContrast": "0.2",
    "RandomCrop": "{height: 28, width: 28}",
    "RandomHue": "0.2",
    "RandomPerspective": "{factor: 1.0, scale: 0.3}",
    "RandomPosterization": "4",
    "RandomRotation": "0.1",
    "RandomSaturation": "0.3",
    "RandomSharpness": "0.3",
    "RandomShear": "{x_factor: 0.2, y_factor: 0.2}",
    "RandomTranslation": "{height_factor: 0.1, width_factor: 0.1}",
    "RandomZoom": "0.2",
    "Solarization": "{addition_factor: 0.3, threshold_factor: 0.5}",
    "SpatialDropout2D": "0.3",
}


@pytest.mark.parametrize("name", sorted((IMAGES | NOISE) - {"SpatialDropout1D", "SpatialDropout3D"}))
def test_a_batch_is_a_function_of_seed_epoch_and_step(name: str) -> None:
    layers = (
        f"[{{{name}: {ARGUMENTS.get(name, '{}')}}}{', {Resizing: {height: 32, width: 32}}' * (name == 'RandomCrop')}]"
    )
    made = Augmentation(plan(f"{{image: {layers}}}"), 7)
    batch = np.random.default_rng(0).random((12, 32, 32, 3), np.float32)
    signature = (tf.TensorSpec((None, 32, 32, 3)), tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.int64))
    traced = tf.function(made, input_signature=signature)
    graph = traced.get_concrete_function().graph
    stateful = {op.type for op in graph.get_operations() if op.op_def is not None and op.op_def.is_stateful}
    assert stateful <= {"Placeholder", "PartitionedCall", "StatefulPartitionedCall", "If", "Assert"}, stateful

    def changed(epoch: int, step: int) -> Any:
        return traced(batch, np.int64(epoch), np.int64(step)).numpy()

    first = changed(0, 0)
    assert first.shape == batch.shape and (first != batch).any()
    np.testing.assert_array_equal(changed(0, 0), first)
    assert (changed(1, 0) != first).any() or (changed(2, 0) != first).any()
    assert (changed(0, 1) != first).any() or (changed(0, 2) != first).any()
    other = Augmentation(plan(f"{{image: {layers}}}"), 8)
    eager = other(tf.constant(batch), tf.constant(0, tf.int64), tf.constant(0, tf.int64)).numpy()
    assert (eager != first).any()


def test_a_layers_own_seed_stands_for_the_runs() -> None:
    batch = tf.zeros((4, 32, 32, 3))
    zero = tf.constant(0, tf.int64)

    def noise(text: str, seed: int) -> Any:
        return Augmentation(plan(text), seed)(batch, zero, zero).numpy()

    own = "{image: [{GaussianNoise: {stddev: 0.1, seed: 3}}]}"
    np.testing.assert_array_equal(noise(own, 1), noise(own, 2))
    assert (noise("{image: [{GaussianNoise: 0.1}]}", 1) != noise("{image: [{GaussianNoise: 0.1}]}", 2)).any()
    twice = noise("{image: [{GaussianNoise: 0.1}, {GaussianNoise: 0.1}]}", 1)
    assert (np.abs(twice - 2 * noise("{image: [{GaussianNoise: 0.1}]}", 1)) > 1e-6).any()  # each draws for itself


def test_whole_numbers_stay_whole_and_in_their_range() -> None:
    made = Augmentation(plan("{image: [{RandomBrightness: 0.5}]}", dtype="uint8", feature="image"), 1)
    batch = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    found = made(tf.constant(batch), tf.constant(0, tf.int64), tf.constant(0, tf.int64)).numpy()
    assert found.dtype == np.uint8 and found.min() == 0 and found.max() == 255
    steps = (found.astype(int) - batch)[(found > 0) & (found < 255)].reshape(-1)
    assert len(np.unique(steps)) <= 2 * len(batch) and np.abs(steps).max() > 20


ROWS = 50


@pytest.mark.parametrize("way", ["whole", "gathered", "in order", "gathered in order", "stored", "stored in order"])
def test_every_way_of_feeding_gives_the_same_changes(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch number k of an epoch is the plain batch number k, changed: so an epoch can be begun at any step."""
    if "gathered" in way:
        monkeypatch.setattr(slicing, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(store, "BLOCK", 5 * 12288)
    x = {"image": np.random.default_rng(0).random((ROWS, 32, 32, 3), np.float32)}
    y = {"kind": np.arange(ROWS)}
    made = Augmentation(plan("{image: [{RandomFlip: horizontal}, {RandomRotation: 0.1}, {GaussianNoise: 0.1}]}"), 3)
    epoch = Epoch(0)
    how = {"batch_size": 8, "shuffle": "order" not in way, "seed": 3, "epoch": epoch}

    def dataset(change: Any, skip: int = 0) -> Any:
        if "stored" not in way:
            return batches.dataset(x, y, change=change, skip=skip, **how)
        gatherer = store.Gatherer(ROWS, held=0)
        gatherer.add(x, y)
        kept = gatherer.made()
        assert isinstance(kept, store.Store)
        return batches.of_store(kept, lambda piece: piece, change=change, skip=skip, **how)

    def change(data: Any, first: int) -> Any:
        return made.batches(data, epoch, first)

    plain, augmented = dataset(None), dataset(change)
    assert int(augmented.cardinality()) == 7
    assert augmented.element_spec[0].shape[1:] == (32, 32, 3)
    seen = []
    for number in (0, 1, 1, 0):
        epoch.assign(number)
        found = (
            list(augmented.as_numpy_iterator()) if "order" in way else [(a.numpy(), b.numpy()) for a, b in augmented]
        )
        expected = [(a.numpy(), b.numpy()) for a, b in plain]
        assert len(found) == len(expected) == 7
        for step, ((got, labels), (given, truth)) in enumerate(zip(found, expected, strict=True)):
            np.testing.assert_array_equal(labels, truth)
            step_, number_ = tf.constant(step, tf.int64), tf.constant(number, tf.int64)
            np.testing.assert_allclose(got, made(tf.constant(given), number_, step_).numpy(), atol=1e-5)
        seen.append(found)
    rest = dataset(change, skip=3)
    assert int(rest.cardinality()) == 4
    for (got, labels), (whole, truth) in zip(list(rest), seen[0][3:], strict=True):
        np.testing.assert_array_equal(labels.numpy(), truth)
        np.testing.assert_array_equal(got.numpy(), whole)
    for first, second in ((0, 3), (1, 2)):
        for (a, _), (b, _) in zip(seen[first], seen[second], strict=True):
            np.testing.assert_array_equal(a, b)


def test_one_input_of_several_is_changed_and_only_that() -> None:
    text = spec("{image: [{GaussianNoise: 0.1}]}").replace("inputs: {image:", "inputs: {other: [3], image:")
    text = text.replace("  - Flatten\n", "  - {Flatten: {}, from: image}\n  - {Concatenate: {}, from: [other, flat]}\n")
    text = text.replace("{Flatten: {}, from: image}", "{Flatten: {}, from: image, name: flat}")
    checked = analyze_text(text, look_at_data=False).checked
    assert checked is not None
    made = Augmentation(checked.training.augment, 1)
    x = {"image": np.zeros((5, 32, 32, 3), np.float32), "other": np.ones((5, 3), np.float32)}
    epoch = Epoch(0)
    data = batches.dataset(
        x, {"kind": np.zeros(5)}, batch_size=5, shuffle=False, seed=1, change=lambda data, _: made.batches(data, epoch)
    )
    (found, _) = next(iter(data))
    assert found["image"].numpy().std() > 0.05 and (found["other"].numpy() == 1).all()


# runs


def _weights(run: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    with h5py.File(run / "weights.weights.h5") as file:
        file.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


DIGITS = """
inputs: {image: [8, 8, 1]}
layers:
  - Flatten
  - {Dense: {units: 10, activation: softmax}, name: kind}
losses: sparse_categorical_crossentropy
data:
  dataset: digits
  validation: 0.1
  features: {image: {column: image, rescale: 0.0625}}
  targets: {kind: label}
  augment: {image: [{RandomFlip: horizontal}, {RandomRotation: 0.1}, {GaussianNoise: 0.3}]}
fit: {epochs: 2, batch_size: 128, seed: 1}
"""


def test_a_run_is_augmented_in_training_alone_and_repeats_to_the_bit(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(DIGITS)
    first = netspec.fit(file, out=tmp_path / "a", quiet=True)
    again = netspec.fit(file, out=tmp_path / "b", quiet=True)
    assert first.history == again.history
    for weight, other in zip(_weights(tmp_path / "a"), _weights(tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(weight, other)
    evaluated = netspec.evaluate(tmp_path / "a")
    assert evaluated.scores.as_json() == first.scores[2].as_json()
    file.write_text(DIGITS.replace("  augment", "  # augment"))
    plain = netspec.fit(file, out=tmp_path / "c", quiet=True)
    bright = "{RandomBrightness: {factor: [0.5, 1], value_range: [0, 1.0e+6]}}"
    assert plain.history[0]["loss"] != first.history[0]["loss"]
    file.write_text(DIGITS.replace("{GaussianNoise: 0.3}", bright).replace("data:", "optimizer: {SGD: 1.0e-30}\ndata:"))
    (noisy, _) = netspec.fit(file, out=tmp_path / "d", quiet=True).history
    assert noisy["loss"] > 1000 and noisy["val_loss"] < 10


def test_generated_examples_are_not_augmented_and_the_report_says_so(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(DIGITS)
    made = netspec.fit(file, out=tmp_path / "a", quiet=True, dummy=64)
    assert any("generated examples are not augmented" in note for note in made.notes)
    file.write_text(DIGITS.replace("  augment", "  # augment"))
    plain = netspec.fit(file, out=tmp_path / "b", quiet=True, dummy=64)
    assert made.history == plain.history and not any("augmented" in note for note in plain.notes)


def test_what_keras_refuses_is_said_at_the_layer_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("no such angle")

    monkeypatch.setattr(keras.layers.RandomRotation, "call", broken)
    file = tmp_path / "s.yaml"
    file.write_text(DIGITS)
    with pytest.raises(BuildError, match="no such angle") as caught:
        netspec.fit(file, out=tmp_path / "a", quiet=True)
    assert caught.value.path == ("data", "augment", "image", 1, "RandomRotation") and not (tmp_path / "a").exists()
