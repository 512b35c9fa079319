"""The words on objects and arguments: all are there, none is left over, none is long, none is Keras's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec import catalog
from netspec.catalog import KINDS, Entry, find, words

FILES = ("words.txt", "words_ops.txt")
TEXTS = [Path(words.__file__).with_name(name).read_text(encoding="utf-8") for name in FILES]
LONGEST = 110


def entries() -> list[Entry]:
    found = []
    for kind in KINDS:
        for raw in catalog._raw(kind):
            entry = find(kind, raw["name"])
            assert entry is not None
            if not (entry.excluded and entry.form == "function"):  # such names are there to be refused
                found.append(entry)
    return found


def arguments(entry: Entry) -> list[str]:
    """What can be written for the entry: an excluded one takes nothing, nor does a call of an activation or a cell."""
    if entry.excluded:
        return []
    call = entry.call if entry.kind in ("layer", "op") else ()
    named = entry.kind in ("layer", "metric")
    return [param.name for param in (*entry.params, *call) if named or param.name != "name"]


def lines() -> Iterator[tuple[str, str]]:
    """Every name and its line, as they stand in the file."""
    for text in TEXTS:
        for line in text.splitlines():
            if line and line[0] not in "#[":
                name, _, said = line.partition(": ")
                yield name.partition(" (")[0], said


def test_every_object_has_a_line_a_group_and_a_page() -> None:
    for entry in entries():
        assert words.about(entry), (entry.kind, entry.name)
        assert words.group(entry), (entry.kind, entry.name)
        assert words.link(entry).startswith("https://keras.io/api/")


def test_every_argument_has_a_line() -> None:
    missing = {name for entry in entries() for name in arguments(entry) if not words.parameter(entry, name)}
    assert not missing


def test_no_line_without_an_object_or_an_argument() -> None:
    known = {(entry.kind, entry.name) for entry in entries()}
    assert {key for file in FILES for key in words._read(file).objects} == known
    used = set()
    for entry in entries():
        files = FILES[::-1] if entry.kind == "op" else FILES[:1]
        for name in arguments(entry):
            keys = [(file, key) for file in files for key in (f"{entry.name}.{name}", f"{entry.kind}.{name}", name)]
            used.add(next((file, key) for file, key in keys if key in words._read(file).parameters))
    written = {(file, key) for file in FILES for key in words._read(file).parameters}
    assert written - used == set()


def test_no_name_is_written_twice() -> None:
    sections = [section.split("]", 1)[1] for text in TEXTS for section in text.split("\n[")[1:]]
    for section in sections:
        names = [line.partition(": ")[0] for line in section.splitlines() if ": " in line and line[0] != "#"]
        assert len(names) == len(set(names))
    read = [words._read(file) for file in FILES]
    assert len(list(lines())) == sum(len(each.objects) + len(each.parameters) for each in read)


def test_lines_are_short_and_plain() -> None:
    for name, text in lines():
        assert 3 < len(text) <= LONGEST, (name, len(text))
        assert text.isascii() and not text.endswith("."), name
        assert text == text.strip() and "  " not in text and "`" not in text.replace("`monitor`", ""), name


@pytest.mark.parametrize(
    ("kind", "name", "page"),
    [
        ("layer", "Dense", "layers/core_layers/dense/"),
        ("layer", "Conv2D", "layers/convolution_layers/convolution2d/"),
        ("layer", "GlobalAveragePooling1D", "layers/pooling_layers/global_average_pooling1d/"),
        ("layer", "LSTM", "layers/recurrent_layers/lstm/"),
        ("layer", "ConvLSTM2D", "layers/recurrent_layers/conv_lstm2d/"),
        ("layer", "LeakyReLU", "layers/activation_layers/leaky_relu/"),
        ("layer", "UpSampling2D", "layers/reshaping_layers/up_sampling2d/"),
        ("layer", "MultiHeadAttention", "layers/attention_layers/multi_head_attention/"),
        ("layer", "RMSNormalization", "layers/normalization_layers/rms_normalization/"),
        ("layer", "STFTSpectrogram", "layers/preprocessing_layers/audio_preprocessing/stft_spectrogram/"),
        ("layer", "AdaptiveMaxPooling1D", "layers/pooling_layers/"),
        ("cell", "LSTMCell", "layers/recurrent_layers/lstm_cell/"),
        ("loss", "BinaryCrossentropy", "losses/probabilistic_losses/#binarycrossentropy-class"),
        ("loss", "crossentropy", "losses/probabilistic_losses/"),
        ("metric", "AUC", "metrics/classification_metrics/#auc-class"),
        ("optimizer", "AdamW", "optimizers/adamw/"),
        ("schedule", "CosineDecayRestarts", "optimizers/learning_rate_schedules/cosine_decay_restarts/"),
        ("initializer", "HeNormal", "layers/initializers/#henormal-class"),
        ("regularizer", "L1L2", "layers/regularizers/#l1l2-class"),
        ("constraint", "UnitNorm", "layers/constraints/#unitnorm-class"),
        ("activation", "leaky_relu", "layers/activations/#leakyrelu-function"),
        ("op", "ops.expand_dims", "ops/numpy/#expanddims-function"),
        ("op", "ops.image.resize", "ops/image/#resize-function"),
        ("callback", "EarlyStopping", "callbacks/early_stopping/"),
        ("callback", "ReduceLROnPlateau", "callbacks/reduce_lr_on_plateau/"),
    ],
)
def test_pages(kind: str, name: str, page: str) -> None:
    entry = find(kind, name)
    assert entry is not None
    assert words.link(entry) == words.SITE + page


def test_a_name_means_what_it_means_for_the_class() -> None:
    def line(kind: str, cls: str, name: str) -> str:
        entry = find(kind, cls)
        assert entry is not None
        return words.parameter(entry, name)

    assert line("layer", "Concatenate", "axis") != line("layer", "BatchNormalization", "axis")
    assert line("layer", "ELU", "alpha") != line("loss", "Tversky", "alpha") != line("schedule", "CosineDecay", "alpha")
    assert line("layer", "BatchNormalization", "momentum") != line("optimizer", "SGD", "momentum")
    assert line("layer", "Dense", "dilation") == ""


@pytest.mark.keras
def test_no_line_is_copied_from_keras() -> None:
    import keras

    def runs(text: str) -> set[tuple[str, ...]]:
        said = re.findall(r"[a-z0-9_]+", text.lower())
        return {tuple(said[at : at + 6]) for at in range(len(said) - 5)}

    theirs: set[tuple[str, ...]] = set()
    modules = (
        *(keras.layers, keras.losses, keras.metrics, keras.optimizers, keras.optimizers.schedules),
        *(keras.initializers, keras.regularizers, keras.constraints, keras.activations, keras.callbacks),
        *(keras.ops, keras.ops.image, keras.ops.linalg, keras.ops.nn, keras.ops.numpy),
    )
    for module in modules:
        for value in vars(module).values():
            for documented in (value, getattr(value, "__init__", None), getattr(value, "call", None)):
                theirs |= runs(getattr(documented, "__doc__", None) or "")
    assert len(theirs) > 10_000
    copied = {name: runs(text) & theirs for name, text in lines() if runs(text) & theirs}
    assert not copied
