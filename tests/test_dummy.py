"""Generated examples: right shapes, dtypes and ranges, and marks that small models of every kind learn in moments."""

from __future__ import annotations

from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("pyarrow")

from netspec.catalog.types import UNKNOWN, TensorType  # noqa: E402
from netspec.runtime.data.dummy import dummy  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402


def _one(shape: tuple[Any, ...], loss: str, n: int = 40) -> Any:
    tensor = TensorType(shape)
    return dummy({"x": TensorType((None, 4))}, {"o": tensor}, {"o": loss}, {}, n, 1)[1]["o"]


@pytest.mark.parametrize(
    ("loss", "shape", "expected", "values"),
    [
        ("categorical_crossentropy", (None, 10), (40, 10), {0.0, 1.0}),
        ("CategoricalCrossentropy", (None, 20, 10), (40, 20, 10), {0.0, 1.0}),
        ("sparse_categorical_crossentropy", (None, 5), (40,), {0, 1, 2, 3, 4}),
        ("sparse_categorical_crossentropy", (None, None, 3), (40, 16, 3)[:2], {0, 1, 2}),
        ("binary_crossentropy", (None, 1), (40, 1), {0.0, 1.0}),
        ("BinaryCrossentropy", (32, 7), (40, 7), {0.0, 1.0}),
        ("hinge", (None, 1), (40, 1), {-1.0, 1.0}),
    ],
)
def test_targets_by_loss(loss: str, shape: tuple[Any, ...], expected: tuple[int, ...], values: set[float]) -> None:
    made = _one(shape, loss)
    assert made.shape == expected
    assert set(np.unique(made).tolist()) == values
    if loss.lower().startswith("categorical"):
        assert np.all(made.sum(axis=-1) == 1)


@pytest.mark.parametrize("loss", ["mse", "MeanAbsoluteError", "huber", "poisson", "mean_squared_logarithmic_error"])
def test_regression_targets_are_a_pattern_scaled_by_the_class(loss: str) -> None:
    made = _one((None, 32, 32, 16), loss)
    assert made.shape == (40, 32, 32, 16)
    assert made.dtype == np.float32
    assert 0 < made.min() < made.max() <= 1
    assert len(np.unique(made[:, 0, 0, 0])) == 4


def test_inputs_have_shape_dtype_and_range() -> None:
    inputs = {
        "ids": TensorType((None, 100), "int32"),
        "floats": TensorType((None, None, 8)),
        "image": TensorType((None, None, None, 3), "uint8"),
        "ids_as_floats": TensorType((None, 6)),
        "flags": TensorType((None, 9), "bool"),
        "half": TensorType((None, 9), "float16"),
        "number": TensorType((None,)),
        "few": TensorType((None, 4), "int64"),
    }
    limits = {"ids": 12, "ids_as_floats": 2, "few": 1}
    x, y = dummy(inputs, {"o": TensorType((None, 1))}, {"o": None}, limits, 50, 3)
    assert {name: array.shape[1:] for name, array in x.items()} == {
        "ids": (100,), "floats": (16, 8), "image": (32, 32, 3), "ids_as_floats": (6,), "flags": (9,), "half": (9,),
        "number": (), "few": (4,),
    }  # fmt: skip
    assert {name: str(array.dtype) for name, array in x.items()} == {n: t.dtype for n, t in inputs.items()}
    assert (x["ids"].min(), x["ids"].max()) == (1, 11)
    assert set(np.unique(x["ids_as_floats"])) == {0, 1}
    assert set(np.unique(x["few"])) == {0}
    assert x["image"].std() > 20
    assert y == {}


def test_one_class_for_all_and_the_seed_decides() -> None:
    inputs = {"x": TensorType((None, 6))}
    outputs = {"a": TensorType((None, 4)), "b": TensorType((None, 1))}
    losses = {"a": "categorical_crossentropy", "b": "binary_crossentropy"}
    first, second = dummy(inputs, outputs, losses, {}, 30, 5), dummy(inputs, outputs, losses, {}, 30, 5)
    other = dummy(inputs, outputs, losses, {}, 30, 6)
    assert np.array_equal(first[0]["x"], second[0]["x"])
    assert not np.array_equal(first[0]["x"], other[0]["x"])
    assert np.array_equal(first[1]["a"].argmax(axis=1) % 2, first[1]["b"][:, 0])


def test_large_examples_take_no_more_memory_than_they_are() -> None:
    x, _ = dummy({"v": TensorType((None, 30, 64, 64, 3))}, {"o": TensorType((None, 9))}, {"o": "mse"}, {}, 12, 1)
    assert x["v"].shape == (12, 30, 64, 64, 3)
    assert x["v"].dtype == np.float32
    assert not np.allclose(x["v"][:, :8].mean(axis=(1, 2, 3, 4)), x["v"][:, -8:].mean(axis=(1, 2, 3, 4)), atol=0.01)


def test_an_unknown_shape_is_a_message() -> None:
    with pytest.raises(DataError, match="known shape"):
        dummy({"x": TensorType(UNKNOWN)}, {"o": TensorType((None, 1))}, {"o": "mse"}, {}, 4, 1)


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["mlp", "lstm", "embedding", "conv", "regression", "two"])
def test_small_models_learn_them(kind: str) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    keras.utils.set_random_seed(2)
    outputs: dict[str, Any]
    if kind == "mlp":
        source = {"x": TensorType((None, 20))}
        t = keras.Input((20,), name="x")
        outputs = {
            "o": (
                layers.Dense(10, activation="softmax")(layers.Dense(64, activation="relu")(t)),
                "categorical_crossentropy",
            )
        }
    elif kind == "lstm":
        source = {"x": TensorType((None, None, 8))}
        t = keras.Input((None, 8), name="x")
        outputs = {"o": (layers.Dense(1, activation="sigmoid")(layers.LSTM(16)(t)), "binary_crossentropy")}
    elif kind == "embedding":
        source = {"x": TensorType((None, 40), "int32")}
        t = keras.Input((40,), dtype="int32", name="x")
        h = layers.LSTM(16)(layers.Embedding(50, 16)(t))
        outputs = {"o": (layers.Dense(3, activation="softmax")(h), "sparse_categorical_crossentropy")}
    elif kind == "conv":
        source = {"x": TensorType((None, 16, 16, 3))}
        t = keras.Input((16, 16, 3), name="x")
        h = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(8, 3, activation="relu")(t)))
        outputs = {"o": (layers.Dense(10, activation="softmax")(h), "sparse_categorical_crossentropy")}
    elif kind == "regression":
        source = {"x": TensorType((None, 8, 8, 2))}
        t = keras.Input((8, 8, 2), name="x")
        outputs = {
            "o": (layers.Conv2D(4, 3, padding="same")(layers.Conv2D(8, 3, padding="same", activation="relu")(t)), "mse")
        }
    else:
        source = {"x": TensorType((None, 12))}
        t = keras.Input((12,), name="x")
        h = layers.Dense(32, activation="relu")(t)
        outputs = {
            "o": (layers.Dense(5, activation="softmax")(h), "categorical_crossentropy"),
            "p": (layers.Dense(1, activation="tanh")(h), "hinge"),
        }
    types = {name: TensorType(tuple(out.shape)) for name, (out, _) in outputs.items()}
    losses = {name: loss for name, (_, loss) in outputs.items()}
    x, y = dummy(source, types, losses, {"x": 50} if kind == "embedding" else {}, 512, 1)
    model = keras.Model({"x": t}, {name: out for name, (out, _) in outputs.items()})
    model.compile(keras.optimizers.Adam(0.01), losses)
    history = model.fit(x, y, epochs=5, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    if "crossentropy" in losses["o"]:
        predicted = model.predict(x, verbose=0)["o"]
        truth = y["o"] if losses["o"].startswith("sparse") else y["o"].argmax(axis=-1)
        answer = predicted.argmax(axis=-1) if predicted.shape[-1] > 1 else (predicted > 0.5)[:, 0]
        truth = truth if predicted.shape[-1] > 1 else y["o"][:, 0]
        assert np.mean(answer == truth) > 0.8
