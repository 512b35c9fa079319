"""Batches: every row once an epoch in a repeatable order, and Keras's answers to the bit, however it is fed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.keras
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from conftest import ROOT  # noqa: E402

from netspec.pipeline import analyze, analyze_text  # noqa: E402
from netspec.runtime.data import batches, orders, slicing, store  # noqa: E402
from netspec.runtime.data.batches import dataset, of_store, steps_per_execution  # noqa: E402
from netspec.runtime.data.epoch import Epoch  # noqa: E402
from netspec.runtime.data.orders import order  # noqa: E402
from netspec.runtime.run import training  # noqa: E402

ROWS = 103


def _x() -> dict[str, Any]:
    return {"a": np.arange(ROWS, dtype=np.int32), "b": np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2)}


def _seen(made: Any) -> list[int]:
    return [int(n) for x, _ in made for n in x["a"]]


@pytest.fixture(params=["whole", "batch by batch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "whole":
        monkeypatch.setattr(slicing, "_WHOLE_BYTES", 0)
    return str(request.param)


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("size", [1, 10, 32, 103, 200])
def test_every_row_once_an_epoch(way: str, size: int, drop: bool) -> None:
    y = {"o": np.arange(ROWS, dtype=np.float32)[:, None]}
    if drop and size > ROWS:
        with pytest.raises(ValueError, match="103 rows make no batch of 200"):
            dataset(_x(), y, batch_size=size, shuffle=True, seed=1, drop_remainder=drop)
        return
    made = dataset(_x(), y, batch_size=size, shuffle=True, seed=1, drop_remainder=drop)
    steps = ROWS // size if drop else -(-ROWS // size)
    assert int(made.cardinality()) == steps
    items = list(made)
    assert len(items) == steps
    for x, labels in items:
        assert np.array_equal(x["a"], labels[:, 0])
        assert np.array_equal(x["b"][:, 0], 2 * labels[:, 0])
    seen = [int(n) for x, _ in items for n in x["a"]]
    assert seen == order(ROWS, 1, 0)[: len(seen)].tolist()
    assert len(set(seen)) == len(seen) == (steps * size if drop else ROWS)
    spec = made.element_spec
    assert spec[0]["b"].shape[1:] == (2,)
    assert spec[0]["b"].shape[0] == (size if drop or ROWS % size == 0 else None) or size > ROWS


def test_the_order_depends_on_seed_and_epoch_alone(way: str) -> None:
    y = {"o": np.zeros(ROWS, np.float32)}
    epoch = Epoch(0)
    made = dataset(_x(), y, batch_size=10, shuffle=True, seed=1, epoch=epoch)
    first = _seen(made)
    assert _seen(made) == first
    epoch.assign(1)
    second = _seen(made)
    assert second != first
    assert sorted(second) == list(range(ROWS))
    fresh = dataset(_x(), y, batch_size=10, shuffle=True, seed=1, epoch=Epoch(1))
    assert _seen(fresh) == second
    assert _seen(dataset(_x(), y, batch_size=10, shuffle=True, seed=2)) != first
    epoch.assign(0)
    assert _seen(made) == first
    assert _seen(dataset(_x(), y, batch_size=10, shuffle=False, seed=1)) == list(range(ROWS))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("skip", [0, 1, 6, 10])
def test_an_epoch_goes_on_behind_the_batches_that_are_skipped(way: str, skip: int, shuffle: bool) -> None:
    y = {"o": np.arange(ROWS, dtype=np.float32)[:, None]}
    epoch = Epoch(0)
    how = {"batch_size": 10, "shuffle": shuffle, "seed": 1, "epoch": epoch}
    whole, rest = dataset(_x(), y, **how), dataset(_x(), y, skip=skip, **how)
    assert int(rest.cardinality()) == 11 - skip
    for number in (0, 2):
        epoch.assign(number)
        assert _seen(rest) == _seen(whole)[skip * 10 :]
        assert _seen(rest) == _seen(whole)[skip * 10 :], "each time"


def test_no_more_can_be_skipped_than_there_is() -> None:
    for skip in (-1, 11):
        with pytest.raises(ValueError, match="of 11"):
            dataset(_x(), None, batch_size=10, shuffle=True, seed=1, skip=skip)


def test_one_array_is_given_as_it_is_and_inputs_alone_too() -> None:
    x = {"b": _x()["b"]}
    assert dataset(x, {"o": x["b"]}, batch_size=8, shuffle=False, seed=0).element_spec[0].shape == (None, 2)
    assert dataset(x, None, batch_size=8, shuffle=True, seed=0).element_spec.shape == (None, 2)
    assert set(dataset(_x(), None, batch_size=8, shuffle=False, seed=0).element_spec) == {"a", "b"}


def _store(rows: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(store, "BLOCK", 16 * 20)  # twenty rows of two arrays
    gathered = store.Gatherer(rows, 0)
    x = np.arange(rows * 3, dtype=np.int32).reshape(rows, 3)
    gathered.add({"a": x}, {"o": x[:, :1].astype(np.float32)})
    return gathered.made()


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize(("rows", "size"), [(1000, 32), (1024, 32), (7, 32), (33, 32), (500, 1), (400, 400)])
def test_examples_on_the_disk_come_once_an_epoch_in_an_order_of_its_own(
    rows: int, size: int, drop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _store(rows, monkeypatch)
    if drop and size > rows:
        with pytest.raises(ValueError, match="7 rows make no batch of 32"):
            of_store(held, lambda piece: piece, batch_size=size, shuffle=True, seed=1, drop_remainder=drop)
        return
    epoch = Epoch(0)
    used = rows - rows % size if drop else rows
    for shuffle in (False, True):
        made = of_store(
            held, lambda piece: piece, batch_size=size, shuffle=shuffle, seed=1, drop_remainder=drop, epoch=epoch
        )
        assert int(made.cardinality()) == -(-used // size)
        orders = []
        for number in (0, 1, 0):
            epoch.assign(number)
            parts = [(x.numpy(), y.numpy()) for x, y in made]
            assert [len(x) for x, _ in parts[:-1]] == [size] * (len(parts) - 1)
            seen = np.concatenate([x[:, 0] for x, _ in parts])
            assert np.array_equal(seen, np.concatenate([y[:, 0] for _, y in parts]))
            assert len(seen) == used == len(set(seen.tolist()))
            orders.append(seen.tolist())
        assert orders[0] == orders[2]
        if shuffle and rows > 7:
            assert orders[0] != orders[1] and orders[0] != sorted(orders[0])
        elif not shuffle:
            assert orders[0] == orders[1] == list(range(0, 3 * used, 3))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("size", "drop"), [(32, False), (32, True), (7, False)])
def test_an_epoch_from_the_disk_goes_on_behind_the_batches_that_are_skipped(
    size: int, drop: bool, shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _store(1003, monkeypatch)
    epoch = Epoch(1)
    how = {"batch_size": size, "shuffle": shuffle, "seed": 1, "drop_remainder": drop, "epoch": epoch}
    whole = [x.numpy()[:, 0].tolist() for x, _ in of_store(held, lambda piece: piece, **how)]
    read: list[int] = []
    monkeypatch.setattr(store.Store, "block", _counted(store.Store.block, read))
    for skip in (1, 5, 16, len(whole) - 1):
        rest = of_store(held, lambda piece: piece, skip=skip, **how)
        assert int(rest.cardinality()) == len(whole) - skip
        read.clear()
        assert [x.numpy()[:, 0].tolist() for x, _ in rest] == whole[skip:]
        assert len(read) <= 1 + held.blocks - skip * size // held.block_rows + orders.POOL, "others are not read"


def _counted(block: Any, read: list[int]) -> Any:
    def counted(self: Any, number: int, **how: Any) -> Any:
        read.append(number)
        return block(self, number, **how)

    return counted


def test_rows_travel_far_in_an_epoch_from_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    held = _store(4000, monkeypatch)
    made = of_store(held, lambda piece: piece, batch_size=100, shuffle=True, seed=1)
    first = next(iter(made))[0].numpy()[:, 0] // 3
    assert first.min() < 1000 and first.max() > 3000, "of blocks from everywhere"


def test_training_from_the_disk_repeats_and_learns_what_it_learns_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 4)).astype("float32")
    np.savez(tmp_path / "rows.npz", x=x, y=(x.sum(axis=1) > 0).astype("float32"))
    spec = """
inputs: {x: [4]}
layers: [{Dense: {units: 8, activation: relu}}, {Dropout: 0.2}, {Dense: {units: 1, activation: sigmoid}, name: y}]
losses: binary_crossentropy
metrics: [accuracy]
optimizer: {Adam: {learning_rate: 0.02}}
data: {train: rows.npz, validation: 0.2}
fit: {epochs: 8, batch_size: 16, seed: 1}
"""
    checked = analyze_text(spec, folder=str(tmp_path)).checked
    assert checked is not None
    memory = training.fit(checked, b"", out=tmp_path / "memory", quiet=True)
    monkeypatch.setattr(store, "HELD", 0)
    monkeypatch.setattr(store, "BLOCK", 20 * 40)
    one, two = (training.fit(checked, b"", out=tmp_path / name, quiet=True) for name in ("one", "two"))
    assert one.history == two.history
    assert any("kept on the disk" in note for note in one.notes) and not any("disk" in note for note in memory.notes)
    for split in ("train", "validation"):
        assert one.metrics[split]["(all)"]["rows"] == memory.metrics[split]["(all)"]["rows"]
    assert one.metrics["validation"]["y"]["accuracy"] > 0.85 and memory.metrics["validation"]["y"]["accuracy"] > 0.85
    assert one.scores[1].majorities == memory.scores[1].majorities


def _model(steps: int) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    )
    metrics = ["accuracy", keras.metrics.AUC(num_thresholds=20, name="auc")]
    model.compile("adam", "categorical_crossentropy", metrics=metrics, steps_per_execution=steps)
    return model


def test_bits_do_not_depend_on_steps_per_execution() -> None:
    rng = np.random.default_rng(3)
    x = {"x": rng.normal(size=(ROWS, 2)).astype("float32")}
    y = {"o": np.eye(3, dtype="float32")[np.arange(ROWS) % 3]}
    runs = []
    for steps in (1, 4, 11, 64):  # 11 batches, the last of 3 rows: 4 leaves a short call, 64 is more than there are
        model = _model(steps)
        epoch = Epoch(0)
        train = dataset(x, y, batch_size=10, shuffle=True, seed=5, epoch=epoch, whole=11 % steps == 0)
        held = dataset(x, y, batch_size=10, shuffle=False, seed=5)
        history = model.fit(
            train, validation_data=held, epochs=3, verbose=0, shuffle=False, callbacks=[epoch.setter()]
        ).history
        assert int(model.optimizer.iterations.numpy()) == 33
        runs.append(([weight.tobytes() for weight in model.get_weights()], history, model.evaluate(held, verbose=0)))
    for run in runs[1:]:
        assert run == runs[0]


def test_fit_sees_a_new_order_in_each_epoch_and_evaluate_agrees_with_arrays(way: str) -> None:
    x, y = _x(), {"o": np.zeros((ROWS, 1), np.float32)}
    epoch = Epoch(0)
    made = dataset(x, y, batch_size=103, shuffle=True, seed=9, epoch=epoch)
    seen: list[list[int]] = []
    inputs = {"a": keras.Input((), name="a", dtype="int32"), "b": keras.Input((2,), name="b")}
    model = keras.Model(inputs, {"o": keras.layers.Dense(1)(inputs["b"])})
    model.compile("sgd", "mse")
    taken = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(_seen(made)))
    model.fit(made, epochs=3, verbose=0, shuffle=False, callbacks=[epoch.setter(), taken])
    assert seen == [order(ROWS, 9, number).tolist() for number in range(3)]
    plain = dataset(x, y, batch_size=20, shuffle=False, seed=0)
    assert np.isclose(model.evaluate(plain, verbose=0), model.evaluate(x, y, batch_size=20, verbose=0), rtol=1e-6)


def test_steps_per_execution() -> None:
    assert steps_per_execution(157, 128 * 6154) == 157  # the whole epoch
    assert steps_per_execution(157, 128 * 60_000) == 157
    assert steps_per_execution(157, 128 * 160_000) == 53  # three calls of nearly the same length: 157 is prime
    assert steps_per_execution(6000, 0) == 1000  # whole calls, so that one iterator goes through all epochs
    assert steps_per_execution(6000, 0, most=90) == 80
    assert steps_per_execution(5, 0) == 5
    assert steps_per_execution(1000, 1e9) == 1
    assert steps_per_execution(0, 0) == 1


@pytest.mark.parametrize(("name", "low", "high"), [("mlp_softmax", 6e3, 7e3), ("lstm_classifier", 3e6, 2e7)])
def test_work_is_weights_times_places(name: str, low: float, high: float) -> None:
    checked = analyze(ROOT / "specs" / f"{name}.yaml").checked
    assert checked is not None
    assert low < batches.work(checked.typed, 1) < high  # an Embedding's table is looked up, not multiplied with
    assert batches.work(checked.typed, 32) == 32 * batches.work(checked.typed, 1)


def test_order_is_stable() -> None:
    assert np.array_equal(np.sort(order(1000, 3, 4)), np.arange(1000))
    correlation = np.corrcoef(order(5000, 3, 0), order(5000, 3, 1))[0, 1]
    assert abs(correlation) < 0.05


def test_rows_are_let_go_when_training_is_over() -> None:
    data = dataset(
        {"v": np.zeros(9)}, {"o": np.zeros(9)}, batch_size=4, shuffle=True, seed=3, epoch=Epoch(), whole=True
    )
    batch = iter(data)  # which goes on through further epochs
    assert [len(next(batch)[0]) for _ in range(3)] == [4, 4, 1]
    assert [tensor.shape[0] for tensor in tf.nest.flatten(data._kept())] == [9, 9]
    data.close()
    held = [tf.raw_ops.ReadVariableOp(resource=each.handle, dtype=each.dtype) for each in data._kept._variables]
    assert [tensor.shape[0] for tensor in held] == [0, 0]


def test_one_iterator_serves_epochs_that_are_used_up() -> None:
    x, y = {"v": np.arange(11.0)}, {"o": np.arange(11.0)}

    def seen(data: Any, epoch: Any, numbers: tuple[int, ...]) -> list[list[float]]:
        found = []
        for number in numbers:
            epoch.assign(number)
            iterator = iter(data)
            found.append([float(value) for _ in range(3) for value in next(iterator)[0]])
            iter(data)  # as Keras does at the end of an epoch
        return found

    for numbers in ((0, 1, 2, 3), (2, 3), (1, 4, 5)):
        made = []
        for whole in (False, True):
            epoch = Epoch(numbers[0] if numbers[0] != 1 else 0)
            data = dataset(x, y, batch_size=4, shuffle=True, seed=3, epoch=epoch, whole=whole)
            assert int(data.cardinality()) == 3
            made.append(seen(data, epoch, numbers))
        assert made[0] == made[1] and all(sorted(each) == list(range(11)) for each in made[1])
