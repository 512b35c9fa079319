"""Metrics of an epoch in fewer calls: what Keras itself logs call by call, to the bit."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.keras

_METRICS = ("accuracy", "AUC", "F1Score", "TopKCategoricalAccuracy", "mse", "CosineSimilarity", "PrecisionAtRecall")


def model(names: tuple[str, ...], steps: int, **how: Any) -> Any:
    import keras

    def made(name: str) -> Any:
        at = {"recall": 0.5} if name == "PrecisionAtRecall" else {}
        return getattr(keras.metrics, name)(**at, name=name) if name[0].isupper() else name

    keras.utils.set_random_seed(1)
    x = keras.Input((6,))
    a = keras.layers.Dense(3, "softmax", name="a")(x)
    b = keras.layers.Dense(3, "softmax", name="b", activity_regularizer="l2")(x)
    model = keras.Model(x, {"a": a, "b": b})
    losses = dict.fromkeys("ab", "categorical_crossentropy")
    metrics, weighted = {"a": [*map(made, names)]}, {"b": [*map(made, names)]}
    model.compile("adam", losses, metrics=metrics, weighted_metrics=weighted, steps_per_execution=steps, **how)
    return model


def batches(seed: int) -> Any:
    import keras
    import numpy as np
    import tensorflow as tf

    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(44, 6)).astype("float32"), keras.utils.to_categorical(draw.integers(3, size=44), 3)
    return tf.data.Dataset.from_tensor_slices((x, {"a": y, "b": y})).batch(8)


def history(model: Any, *, at_once: bool) -> tuple[Any, list[list[float]]]:
    """What three epochs log, and the metrics' numbers when they are over."""
    from contextlib import nullcontext

    import numpy as np

    from netspec.runtime.run import loop, metering

    followers = loop.Followers((), model=model, epochs=3, steps=6)
    with metering.at_once(model, followers.metrics) if at_once else nullcontext():
        assert ("reset_metrics" in vars(model)) == at_once
        model.fit(batches(1), validation_data=batches(2), epochs=3, callbacks=followers, shuffle=False, verbose=0)
    assert "reset_metrics" not in vars(model)
    logged = {name: np.asarray(values).tolist() for name, values in model.history.history.items()}
    return logged, [variable.numpy().tolist() for variable in model.metrics_variables]


@pytest.mark.parametrize(
    ("names", "steps"), [((), 1), *(((name,), 6) for name in _METRICS), (_METRICS, 4)], ids=lambda value: str(value)
)
def test_what_is_logged_is_what_keras_logs(names: tuple[str, ...], steps: int) -> None:
    logged, left = history(model(names, steps), at_once=True)
    assert (logged, left) == history(model(names, steps), at_once=False)
    assert len(logged["val_loss"]) == 3 and logged["loss"][0] != logged["loss"][2]


def test_metrics_of_ones_own_and_eager_steps_stay_as_they_are() -> None:
    import keras

    from netspec.runtime.run import metering

    class Own(keras.metrics.MeanSquaredError):  # type: ignore[misc]
        pass

    eager, mine = model(("mse",), 1, run_eagerly=True), model((), 1)
    mine.compile("sgd", {"a": "mse"}, metrics={"a": [Own()]})
    for each in (eager, mine):
        each.fit(batches(1), verbose=0)
        with metering.at_once(each, metering.Last()):
            assert "reset_metrics" not in vars(each)
