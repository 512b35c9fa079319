"""Batches by length: what is cut off changes no answer, every row comes once an epoch, and the order is repeatable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netspec.graph.ir import Checked
from netspec.graph.padding import padding
from netspec.pipeline import analyze_text

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from netspec.runtime.data import batches, orders, store, trimming  # noqa: E402
from netspec.runtime.data.epoch import Epoch  # noqa: E402
from netspec.runtime.model.build import build  # noqa: E402
from netspec.runtime.run import by_length, loop, training  # noqa: E402

EMBEDDING = "{Embedding: {input_dim: 30, output_dim: 6, mask_zero: true}}"
IDS = "inputs: {x: {shape: [null], dtype: int32}}\n"
VECTORS = "inputs: {x: {shape: [null, 3]}}\n"

# What follows an Embedding with a mask; the padding of none of them changes an answer.
UNSEEN = {
    "LSTM": "{LSTM: 5}",
    "GRU": "{GRU: 5}",
    "SimpleRNN": "{SimpleRNN: 5}",
    "dropouts": "{LSTM: {units: 5, dropout: 0.3, recurrent_dropout: 0.3}}",
    "both ways": "{Bidirectional: {LSTM: 4}}",
    "two layers": "{Bidirectional: {layer: {GRU: 4}, backward_layer: {GRU: {units: 4, go_backwards: true}}}}",
    "summed": "{Bidirectional: {layer: {GRU: {units: 4, return_sequences: true}}, merge_mode: sum}}, {LSTM: 3}",
    "backwards": "{LSTM: {units: 5, go_backwards: true}}",
    "stacked": "{LSTM: {units: 5, return_sequences: true}}, {GRU: {units: 4, return_sequences: true}}, {LSTM: 3}",
    "zeros": "{LSTM: {units: 5, return_sequences: true, zero_output_for_mask: true}}, GlobalAveragePooling1D",
    "mean": "GlobalAveragePooling1D",
    "each step": "{Dense: {units: 5, activation: softmax}}, LayerNormalization, {Dropout: 0.1}, {Activation: tanh}, "
    "ReLU, LeakyReLU, ELU, {SpatialDropout1D: 0.1}, {GaussianNoise: 0.1}, {GaussianDropout: 0.1}, Identity, {LSTM: 4}",
    "a state": "{LSTM: {units: 5, return_state: true}, from: e, name: s}, {Concatenate: {}, from: [s.h, s.c]}",
    "residual": "{LSTM: {units: 6, return_sequences: true}, name: r}, {Add: {}, from: [e, r]}, {LSTM: 3}",
    "side by side": "{Dense: 4, name: d}, {Concatenate: {}, from: [e, d]}, {Average: {}, from: [d, d]}, {GRU: 3}",
    "inside": "{model: {inputs: {z: [null, 6]}, layers: [{GRU: {units: 6, return_sequences: true}}]}}, {LSTM: 3}",
}
# And what sees it.
SEEN = {
    "Conv1D": "{Conv1D: {filters: 3, kernel_size: 3, padding: same}}, {LSTM: 3}",
    "GlobalMaxPooling1D": "GlobalMaxPooling1D",
    "Attention": "{Attention: {}, from: [e, e]}, GlobalAveragePooling1D",
    "LSTM": "{LSTM: {units: 3, return_sequences: true, activity_regularizer: l2}}, {LSTM: 3}",
    "Dense": "{Dense: {units: 3, activity_regularizer: l2}}, {LSTM: 3}",
    "BatchNormalization": "BatchNormalization, {LSTM: 3}",
    "Dropout": "{Dropout: {rate: 0.5, noise_shape: [null, 1, null]}}, {LSTM: 3}",
    "GRU": "{Dense: {units: 3}, from: x2, name: h}, {GRU: 3, from: {sequences: e, initial_state: h}}",
    "Add": "{LSTM: 6, name: l}, {Reshape: [1, 6], name: one}, {Add: {}, from: [e, one]}, {LSTM: 3}",
}


def spec(layers: str, inputs: str = IDS, first: str = EMBEDDING) -> str:
    first = first.replace("}}", "}, name: e, from: x}")
    return f"{inputs}layers: [{first}, {layers}, {{Dense: 1, name: y}}]\nlosses: mse\noptimizer: {{SGD: 0.1}}\n"


def checked(text: str, *overrides: str, folder: Path | None = None) -> Checked:
    found = analyze_text(text, overrides=overrides, folder=None if folder is None else str(folder))
    assert found.checked is not None, [each.message for each in found.diagnostics]
    return found.checked


def rows(count: int, width: int, side: str, seed: int = 0) -> Any:
    """(count, width) ids, the longest with 2 to spare."""
    dice = np.random.default_rng(seed)
    found = np.zeros((count, width), np.int32)
    for row in found:
        length = dice.integers(1, width - 2)
        at = slice(width - length, width) if side == "pre" else slice(length)
        row[at] = dice.integers(1, 30, length)
    return found


@pytest.mark.parametrize("name", UNSEEN)
def test_padding_that_no_layer_sees_changes_no_answer(name: str) -> None:
    made = checked(spec(UNSEEN[name]))
    assert padding(made.typed).cut == ("x",)
    keras.utils.set_random_seed(1)
    model = build(made)
    answer = tf.function(lambda x: model(x), input_signature=[tf.TensorSpec((None, None), tf.int32)])
    for side in ("pre", "post"):
        x = rows(8, 20, side)
        first, last = trimming.ends(x)
        whole = answer(x).numpy()
        for row in range(8):
            alone = answer(x[row : row + 1, first[row] : last[row]]).numpy()
            assert np.allclose(whole[row], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", ["pre", "post"])
@pytest.mark.parametrize("name", ["LSTM", "summed", "mean"])
def test_training_without_padding_is_training_with_it(name: str, side: str) -> None:
    model, x = build(checked(spec(UNSEEN[name]))), rows(8, 20, side)
    begun = model.get_weights()
    weights = []
    for cut in ((), ("x",)):
        model.set_weights(begun)
        data = batches.dataset({"x": x}, {"y": np.ones((8, 1))}, batch_size=2, shuffle=False, seed=1, cut=cut)
        model.fit(data, epochs=2, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for plain, without in zip(*weights, strict=True):
        assert np.allclose(plain, without, atol=1e-5)


@pytest.mark.parametrize("name", SEEN)
def test_padding_that_a_layer_sees_stays(name: str) -> None:
    inputs = IDS.replace("}}", "}, x2: [2]}") if "x2" in SEEN[name] else IDS
    found = padding(checked(spec(SEEN[name], inputs)).typed)
    call = found.seen["x"]
    assert not found.cut and call is not None and call.layer.cls == name


def test_a_mask_of_vectors() -> None:
    made = checked(spec("{LSTM: 4}", VECTORS, "{Masking: {}}"))
    assert padding(made.typed).cut == ("x",)
    x = np.where(rows(4, 9, "post")[:, :, None] > 0, np.random.default_rng(1).normal(size=(4, 9, 3)), 0)
    model = build(made)
    cut = next(iter(batches.dataset({"x": x}, None, batch_size=4, shuffle=False, seed=0, cut=("x",))))
    assert cut.shape[1] < 9
    assert np.allclose(model(x).numpy(), model(cut).numpy(), atol=1e-6)
    assert not padding(checked(spec("{LSTM: 4}", VECTORS, "{Masking: {mask_value: 1.0}}")).typed).cut


def test_a_mask_that_is_made_in_a_model_inside() -> None:
    text = f"""
{IDS}layers:
  - model:
      inputs: {{z: {{shape: [null], dtype: int32}}}}
      layers: [{EMBEDDING}, {{Dense: 5}}]
  - LSTM: 4
  - {{Dense: 1, name: y}}
losses: mse
"""
    made = checked(text)
    assert padding(made.typed).cut == ("x",)
    x, model = {"x": rows(8, 20, "pre")}, build(made)
    off = checked(text, "fit.by_length=false")
    assert np.allclose(loop.predict(model, made, x, size=2)["y"], loop.predict(model, off, x, size=2)["y"], atol=1e-6)


def test_which_inputs_are_free() -> None:
    for text in (
        spec("{LSTM: 4}", IDS.replace("null", "20")),
        spec("{LSTM: 4}", IDS.replace("int32", "int32, batch_size: 8")),
        spec("{LSTM: 4}", first=EMBEDDING.replace("true", "false")),
    ):
        assert not padding(checked(text).typed).cut
    two = """
inputs: {a: {shape: [null], dtype: int32}, b: {shape: [null], dtype: int32}}
shared: {words: {Embedding: {input_dim: 30, output_dim: 6, mask_zero: true}}, reader: {LSTM: 5}}
layers:
  - {use: words, from: a, name: wa}
  - {use: words, from: b, name: wb}
  - {use: reader, from: wa, name: ra}
  - {THIS, from: wb, name: rb}
  - {Concatenate: {}, from: [ra, rb]}
  - {Dense: 1, name: y}
losses: mse
"""
    made = checked(two.replace("THIS", "use: reader"))
    assert padding(made.typed).cut == ("a", "b")
    assert padding(checked(two.replace("THIS", "GlobalMaxPooling1D: {}")).typed).cut == ("a",)
    model = build(made)
    x = {"a": rows(30, 20, "pre"), "b": rows(30, 12, "post", 1)}
    alone = loop.predict(model, checked(two.replace("THIS", "use: reader"), "fit.by_length=false"), x, size=4)["y"]
    assert np.allclose(alone, loop.predict(model, made, x, size=4)["y"], atol=1e-6)
    data = batches.dataset(x, None, batch_size=4, shuffle=True, seed=1, cut=("a", "b"))
    for batch in data:
        for each in batch.values():
            there = (each.numpy() != 0).any(axis=0)
            assert there[0] and there[-1], "each is cut to its own longest"


ROWS, WIDTH, SIZE = 1003, 24, 8


def _numbered() -> tuple[dict[str, Any], dict[str, Any]]:
    return {"x": rows(ROWS, WIDTH, "pre")}, {"y": np.arange(ROWS, dtype=np.int32)}


def _stored(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(store, "BLOCK", 25 * (WIDTH + 1) * 4)  # blocks of 25 rows, pools of 200
    gathered = store.Gatherer(ROWS, 0)
    gathered.add(*_numbered())
    return gathered.made()


@pytest.fixture(params=["memory", "disk"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A data set by length, whatever it is of."""
    held = _stored(monkeypatch) if request.param == "disk" else None

    def dataset(**how: Any) -> Any:
        how = {"batch_size": SIZE, "shuffle": True, "seed": 1, "cut": ("x",), **how}
        if held is not None:
            return batches.of_store(held, lambda piece: piece, **how)
        return batches.dataset(*_numbered(), **how)

    return dataset


def _rows(data: Any) -> list[list[int]]:
    return [y.numpy().tolist() for _, y in data]


def test_every_row_once_an_epoch_in_batches_of_like_length(made: Any) -> None:
    epoch = Epoch(0)
    data = made(epoch=epoch)
    assert data.element_spec[0].shape.as_list() == [None, None]
    x, found_orders = _numbered()[0]["x"], []
    for number in (0, 1, 0):
        epoch.assign(number)
        found = [(a.numpy(), b.numpy()) for a, b in data]
        assert [len(b) for _, b in found] == [SIZE] * (ROWS // SIZE) + [ROWS % SIZE]
        seen = np.concatenate([b for _, b in found])
        assert sorted(seen.tolist()) == list(range(ROWS))
        for a, b in found:
            assert np.array_equal(a, x[b][:, WIDTH - a.shape[1] :]) and a.any(axis=0)[0]
        fed = sum(a.size for a, _ in found)
        assert np.count_nonzero(x) / fed > 0.85 > 0.6 > np.count_nonzero(x) / x.size
        widths = np.array([a.shape[1] for a, _ in found[:-1]])
        halves = len(widths) // 2
        assert abs(widths[:halves].mean() - widths[halves:].mean()) < 4, "short batches do not come first"
        found_orders.append(seen.tolist())
    assert found_orders[0] == found_orders[2] != found_orders[1]
    epoch.assign(1)
    assert np.concatenate(_rows(made(epoch=epoch))).tolist() == found_orders[1]
    assert np.concatenate(_rows(made(seed=2))).tolist() != found_orders[0]


def test_rows_do_not_always_meet_the_same_others(made: Any) -> None:
    epoch = Epoch(0)
    data = made(epoch=epoch)
    pairs = []
    for number in range(2):
        epoch.assign(number)
        pairs.append({(a, b) for batch in _rows(data) for a in batch for b in batch if a < b})
    assert len(pairs[0] & pairs[1]) < 0.25 * len(pairs[0])


@pytest.mark.parametrize("drop", [False, True])
def test_an_epoch_goes_on_behind_the_batches_that_are_skipped(made: Any, drop: bool) -> None:
    epoch = Epoch(1)
    whole = made(epoch=epoch, drop_remainder=drop)
    batches_ = _rows(whole)
    assert len(batches_) == int(whole.cardinality()) == ROWS // SIZE + (not drop)
    assert {len(batch) for batch in batches_} == ({SIZE} if drop else {SIZE, ROWS % SIZE})
    for skip in (1, 24, 25, 26, 60, len(batches_) - 1):
        rest = made(epoch=epoch, drop_remainder=drop, skip=skip)
        assert int(rest.cardinality()) == len(batches_) - skip
        assert _rows(rest) == batches_[skip:]


def test_unshuffled_rows_keep_their_order(made: Any) -> None:
    assert np.concatenate(_rows(made(shuffle=False))).tolist() == list(range(ROWS))


@pytest.mark.parametrize(("rows_", "size"), [(1, 4), (4, 4), (7, 4), (1, 1), (600, 3), (2000, 5)])
def test_the_order_is_one_of_all_rows(rows_: int, size: int) -> None:
    lengths = np.random.default_rng(0).integers(0, 50, rows_)
    picked = orders.order(rows_, 3, 1)
    found = orders.by_length(picked, lengths, size, 3, 1)
    assert sorted(found.tolist()) == list(range(rows_))
    whole = rows_ - rows_ % size
    assert found[whole:].tolist() == picked[whole:].tolist()


def test_rows_of_padding_alone() -> None:
    x = np.zeros((6, 5), np.int32)
    x[0, 3:] = 7
    data = batches.dataset({"x": x}, None, batch_size=2, shuffle=False, seed=0, cut=("x",))
    assert [each.shape[1] for each in data] == [2, 5, 5], "where there is nothing, nothing is cut"
    assert trimming.worth({"x": x}, ("x",)) == ("x",) and trimming.worth({"x": x[:1, 3:]}, ("x",)) == ()


TEXTS = """
inputs: {text: {shape: [null], dtype: int32}}
layers:
  - Embedding: {input_dim: 30, output_dim: 6, mask_zero: true}
  - LSTM: {units: 6, dropout: 0.1}
  - Dense: {units: 1, activation: sigmoid}
    name: y
losses: binary_crossentropy
metrics: [accuracy]
data:
  train: rows.csv
  validation: 0.2
  features: {text: {column: text, text: {vocabulary: 30}}}
  targets: {y: label}
fit: {epochs: 2, batch_size: 8, seed: 1}
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    dice = np.random.default_rng(0)
    lines = [f"{' '.join(f'w{n}' for n in dice.integers(0, 28, dice.integers(1, 30)))},{at % 2}" for at in range(300)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def _fit(folder: Path, name: str, *overrides: str) -> Any:
    return training.fit(checked(TEXTS, *overrides, folder=folder), b"", out=folder / name, quiet=True)


def test_two_fits_give_the_same_bits_and_the_report_says_it(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = _fit(texts, "one"), _fit(texts, "two")
    assert one.history == two.history
    (note,) = [note for note in one.notes if "by length" in note]
    assert note.startswith("train: batches by length: ") and "% of `text` is padding instead of 4" in note
    plain, in_order = _fit(texts, "plain", "fit.by_length=false"), _fit(texts, "order", "fit.shuffle=false")
    assert not any("length:" in note for note in plain.notes)
    assert any("every batch has its own length: " in note for note in in_order.notes)
    assert plain.history != one.history
    monkeypatch.setattr(store, "HELD", 0)
    monkeypatch.setattr(store, "BLOCK", 120 * 20)
    three, four = _fit(texts, "three"), _fit(texts, "four")
    assert three.history == four.history
    assert any("by length" in note and "(of the first " in note for note in three.notes)


def test_data_says_it_too(texts: Path) -> None:
    from netspec.runtime.run import survey

    (note,) = [note for note in survey.survey(checked(TEXTS, folder=texts)).notes if "by length" in note]
    assert note.startswith("batches by length: `text` is not padded to ") and note.endswith(" % padding")
    for off in ("fit.by_length=false", "fit.jit=true", "inputs.text.shape=[40]"):
        assert not any("length:" in note for note in survey.survey(checked(TEXTS, off, folder=texts)).notes)


def test_scores_and_predictions_are_those_of_padded_batches(texts: Path) -> None:
    made, off = (checked(TEXTS, *said, folder=texts) for said in ((), ("fit.by_length=false",)))
    from netspec.runtime.run import splits

    part = splits.read(made, 1).train
    model = build(made)
    assert by_length.cut(model, made, part.examples) == ("text",) and not by_length.cut(model, off, part.examples)
    scores = [loop.evaluate(model, each, part) for each in (made, off)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    x = part.examples.head(part.rows).x
    assert np.allclose(loop.predict(model, made, x)["y"], loop.predict(model, off, x)["y"], atol=1e-6)


def test_steps_that_are_compiled_have_one_length(texts: Path) -> None:
    assert not any("by length" in note for note in _fit(texts, "jit", "fit.jit=true", "fit.epochs=1").notes)


def test_by_length_where_it_can_be() -> None:
    assert checked(spec("{LSTM: 3}"), "fit.by_length=true").fit.by_length is True
