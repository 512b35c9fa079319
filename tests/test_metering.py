"""Emptying and reading Keras's metrics in one call: what Keras itself does call by call, to the bit."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.keras

_METRICS = ("accuracy", "AUC", "F1Score", "TopKCategoricalAccuracy", "mse", "CosineSimilarity", "PrecisionAtRecall")


def model(metrics: list[Any], **how: Any) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    x = keras.Input((6,))
    a = keras.layers.Dense(3, "softmax", name="a")(x)
    b = keras.layers.Dense(3, "softmax", name="b", activity_regularizer="l2")(x)
    made = keras.Model(x, {"a": a, "b": b})
    losses = dict.fromkeys("ab", "categorical_crossentropy")
    made.compile("adam", losses, metrics={"a": metrics}, weighted_metrics={"b": metrics}, **how)
    return made


def trained(made: Any, seed: int) -> None:
    import keras
    import numpy as np

    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(24, 6)).astype("float32"), keras.utils.to_categorical(draw.integers(3, size=24), 3)
    made.reset_metrics()
    for start in (0, 8, 16):
        rows = slice(start, start + 8)
        made.train_on_batch(x[rows], {"a": y[rows], "b": y[rows]})


def numbers(made: Any) -> tuple[dict[str, list[float]], list[list[float]]]:
    import numpy as np

    found = {name: np.asarray(value).tolist() for name, value in made.get_metrics_result().items()}
    return found, [variable.numpy().tolist() for variable in made.metrics_variables]


def made(name: str) -> Any:
    import keras

    at = {"recall": 0.5} if name == "PrecisionAtRecall" else {}
    return getattr(keras.metrics, name)(**at, name=name) if name[0].isupper() else name


@pytest.mark.parametrize("names", [(), *((name,) for name in _METRICS), _METRICS], ids=" ".join)
def test_the_values_are_those_of_keras(names: tuple[str, ...]) -> None:
    from netspec.runtime.run import metering

    ours, theirs = (model([made(name) for name in names]) for _ in range(2))
    with metering.at_once(ours):
        for seed in range(3):
            trained(ours, seed)
            trained(theirs, seed)
            assert numbers(ours) == numbers(theirs)
            assert list(ours.get_metrics_result()) == list(theirs.get_metrics_result())
        ours.reset_metrics()
        theirs.reset_metrics()
        assert numbers(ours)[1] == numbers(theirs)[1]
    assert "reset_metrics" not in vars(ours)
    trained(ours, 4)
    trained(theirs, 4)
    assert numbers(ours) == numbers(theirs)


def test_metrics_of_ones_own_and_eager_steps_stay_as_they_are() -> None:
    import keras

    from netspec.runtime.run import metering

    class Own(keras.metrics.MeanSquaredError):  # type: ignore[misc]
        pass

    for each in (model([Own()]), model(["mae"], run_eagerly=True)):
        trained(each, 0)
        with metering.at_once(each):
            assert "reset_metrics" not in vars(each)
