"""Textbook models as people write them: no message on any, and every shape, dtype and count is Keras's or unknown.

Below them mistakes that people make in such models, each with the code and a word of what is said about it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from netspec.pipeline import Analysis, analyze, analyze_text

MODELS = sorted((Path(__file__).parent / "models").glob("*.yaml"))


@cache
def analysis(path: Path) -> Analysis:
    return analyze(path)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_sound_model_gives_no_message(path: Path) -> None:
    found = analysis(path)
    assert [f"{each.code} {each.message}" for each in found.diagnostics] == []
    assert found.checked is not None
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_keras_builds_it_and_says_the_same(path: Path) -> None:
    import keras_graph

    from netspec.runtime.model import build, exact

    checked = analysis(path).checked
    assert checked is not None
    model = exact.dry_model(checked)
    build.compile_model(model, checked)
    assert keras_graph.disagreements(checked.typed, model) == []


# model, what is written in place of what, codes of the errors, words of the first of them
MISTAKES = [
    ("lenet", "[32, 32, 1]", "(32, 32, 1)", "NS202", "write `[32, 32, 1]`"),
    ("vgg_small", "pool_size: [2, 2]", "pool_size: (2, 2)", "NS202", "write `[2, 2]`"),
    ("unet_odd", "[[1, 1], [1, 1]]", "[(1, 1), (1, 1)]", "NS202 NS202", "write `[1, 1]`"),
    ("wavenet", "[null, 1]", "[None, 1]", "NS202", "write `null`"),
    ("seq2seq", "{shape: [null], dtype: int32}\n  target", "{shape: [null], dtype: int}\n  target", "NS206", "int32"),
    ("transformer_encoder", "{shape: [50],", "{shape: 50,", "NS202", "write `[50]`"),
    ("resnet", "values: [0.1, 0.01, 0.001]", "values: [0.1, 0.01]", "NS206", "list 3 values"),
    ("vgg_small", "clipnorm: 1.0", "clipnorm: 1.0, clipvalue: 0.5", "NS206", "beside `clipnorm`"),
    ("unet2d", "target_class_ids: [1]", "target_class_ids: [2]", "NS206", "there is no class 2"),
    ("discretization", "[18.0, 25.0, 40.0, 65.0]", "[18.0, 65.0, 40.0, 25.0]", "NS206", "from the least"),
    ("masks", "Masking: -1.0", "Masking: x", "NS206", "expected a number"),
    ("logits_binary", "{relu: {}}", "{leaky_relu: {negative_slope: 0.1}}", "NS205", "`LeakyReLU: …`"),
    ("tabular", "city: {shape: [1], dtype: string}", "city: [1]", "NS406", "takes strings, got float32"),
    ("tabular", "age_scaled, city_hot,", "age_scaled, city,", "NS406", "strings and numbers"),
    ("hashed_crossing", "hour: {shape: [1], dtype: int64}", "hour: [1]", "NS406", "strings or whole numbers"),
    ("text_vectorization", "{shape: [1], dtype: string}", "[1]", "NS406", "dtype: string"),
    ("plateau", "mode: min, ", "", "NS207", "mode: min"),
    ("multi_task", "mode: max, ", "", "NS207", "needs `mode` for `race_accuracy`"),
    ("seq2seq", "return_state: true", "return_sequences: true", "NS304", "`return_state: true` on `encoder`"),
    ("attention_seq2seq", "[query, memory]\n    n", "{query: query, value: memory}\n    n", "NS309", "[query, value]"),
    ("transformer_encoder", "{query: x, value: x}", "[x, x]", "NS309", "`from: {query: x, value: x}`"),
    ("transformer_encoder", "{query: x, value: x}", "x", "NS309", "`from: {query: x, value: x}`"),
    ("transformer_decoder", "call: {use_causal_mask: true}", "use_causal_mask: true", "NS201", "`call: {use_"),
    ("unet_odd", "from: [c, u]", "from: c, u", "NS301", "write `[c, u]`"),
    ("rnn_cells", "RNN: {GRUCell: {units: 6}}", "RNN: {GRU: 6}", "NS214", "did you mean `GRUCell`?"),
    ("transfer", "use: base\n    from: image", "use: base(image)", "NS313", "it holds `base`"),
    ("shared_embedding", "{Bidirectional: {LSTM: 8}}", "Bidirectional: {LSTM: 8}", "NS101", "write `{Bidirectional"),
    ("unet2d", "[64, 64, 1]", "[66, 66, 1]", "NS401", "differ on axis 1"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "old", "new", "codes", "words"), MISTAKES)
def test_a_mistake_is_said_once_with_the_way_out(model: str, old: str, new: str, codes: str, words: str) -> None:
    text = (Path(__file__).parent / "models" / f"{model}.yaml").read_text(encoding="utf-8")
    assert old in text
    found = analyze_text(text.replace(old, new, 1)).diagnostics
    errors = [each for each in found if each.severity == "error"]
    assert [each.code for each in errors] == codes.split(), [each.message for each in errors]
    assert words in f"{errors[0].message} {errors[0].help}"


def test_no_axis_is_offered_that_would_not_join_them() -> None:
    """Sizes that differ on two axes cannot be joined along either."""
    text = (Path(__file__).parent / "models" / "unet2d.yaml").read_text(encoding="utf-8")
    (said,) = analyze_text(text.replace("[64, 64, 1]", "[66, 66, 1]")).diagnostics
    assert "joins them along" not in (said.help or "")


@pytest.mark.keras
@pytest.mark.parametrize("metric", ["TruePositives", "AUC", "mae", "accuracy"])
def test_mode_is_asked_for_where_keras_asks(metric: str) -> None:
    import keras

    text = (
        "inputs: {x: [4]}\nlayers:\n  - Dense: {units: 1, activation: sigmoid}\nlosses: binary_crossentropy\n"
        f"metrics: [{metric}]\nfit: {{epochs: 9, callbacks: [{{EarlyStopping: {{monitor: {metric}}}}}]}}\n"
    )
    said = [each.code for each in analyze_text(text).diagnostics]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    made = keras.metrics.get(metric)
    model.compile(loss="binary_crossentropy", metrics=[metric if metric == "accuracy" else made])
    model.train_on_batch(keras.ops.ones((2, 4)), keras.ops.ones((2, 1)))
    watch = keras.callbacks.EarlyStopping(monitor=made.name if metric != "accuracy" else metric)
    watch.set_model(model)
    watch.on_train_begin()
    try:
        watch._set_monitor_op()
    except ValueError:
        assert said == ["NS207"]
    else:
        assert said == []
