"""Features and targets: learned from the training part alone, exact in value, every misfit named before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from effort import lines

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.catalog.types import UNKNOWN, TensorType  # noqa: E402
from netspec.language.schema import (  # noqa: E402
    Category,
    Data,
    Feature,
    Missing,
    Sequence,
    Source,
    Split,
    Target,
    Text,
)
from netspec.runtime.data import tokens  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.learning import fit, needed  # noqa: E402
from netspec.runtime.data.parting import cut  # noqa: E402
from netspec.runtime.data.sources import read  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402


def _table(**columns: Any) -> Table:
    made = {n: pa.chunked_array([pa.array(c)]) if isinstance(c[0], str) else c for n, c in columns.items()}
    return Table(made, len(next(iter(columns.values()))), "t.csv")


def split(table: Table, part: Split, seed: int) -> tuple[Any, Any]:
    """The rows that are left, and those that are held out."""
    made = cut(table, Data(validation=part), seed)
    return made.train, made.held["validation"]


def _inputs(
    table: Table, feature: Feature | None, shape: tuple[Any, ...] | Any, dtype: str = "float32", **more: Any
) -> Prepared:
    data = Data(features={} if feature is None else {"x": feature}, **more)
    return fit(data, {"x": TensorType(shape, dtype)}, {}, table)


def _labels(table: Table, shape: tuple[Any, ...], loss: str | None, target: Target | None = None) -> Prepared:
    data = Data(features={"x": Feature(column="n")}, targets={} if target is None else {"o": target})
    prepared = fit(data, {"x": TensorType((None, 1))}, {"o": TensorType(shape)}, table, losses={"o": loss})
    prepared.examples(table)
    return prepared


def _refused(code: str, *args: Any, of: Any = _inputs, **kwargs: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        of(*args, **kwargs)
    assert caught.value.code == code, caught.value.message
    return caught.value


def _encoded(table: Table, *args: Any) -> None:
    _inputs(table, *args).inputs(table)


# Numbers


def test_columns_stand_side_by_side_normalized_by_the_training_part() -> None:
    train = _table(a=["1", "3", "", "5"], b=["7", "7", "7", "7"])
    prepared = _inputs(train, Feature(columns=("b", "a"), normalize=True), (None, 2))
    made = prepared.inputs(_table(a=["3", "NA", "9"], b=["7", "8", ""]))["x"]
    std = np.std([1, 3, 5])
    assert made.dtype == np.float32
    assert np.allclose(made, [[0, 0], [1, 0], [0, 6 / std]])


def test_missing_numbers() -> None:
    train = _table(n=["2", "", "4"], o=["1", "0", "1"])
    assert _inputs(train, Feature(column="n"), (None, 1)).inputs(train)["x"].tolist() == [[2], [3], [4]]
    zero = Feature(column="n", missing={"": Missing(by="zero")})
    assert _inputs(train, zero, (None, 1)).inputs(train)["x"].tolist() == [[2], [0], [4]]
    data = Data(features={"x": Feature(column="n", missing={"": Missing(by="drop")})})
    losses = {"o": "binary_crossentropy"}
    prepared = fit(data, {"x": TensorType((None, 1))}, {"o": TensorType((None, 1))}, train, losses=losses)
    made = prepared.examples(train)
    assert (made.x["x"].tolist(), made.y["o"].tolist(), made.rows) == ([[2], [4]], [[1], [1]], 2)
    assert "1 row dropped: no number in `n`" in made.used.notes()
    assert len(prepared.inputs(train)["x"]) == 3, "prediction drops nothing"
    error = _refused("NS704", _table(n=["", "na"]), Feature(column="n"), (None, 1))
    assert error.message == "`t.csv`, column `n`: no number in the 2 training rows"


def test_an_empty_cell_of_a_whole_number_is_refused_unless_the_spec_says_what_it_becomes() -> None:
    train, more = _table(n=["1", "4", ""]), _table(n=["", "3"])
    error = _refused("NS703", train, Feature(column="n"), (None, 1), "int32", of=_encoded)
    assert "row 3, column `n`: expected a number, as the input takes whole ones" in error.message
    assert "`missing: zero`" in str(error.help)
    _refused("NS703", _table(n=np.array([1.0, np.nan])), Feature(column="n"), (None, 1), "int32", of=_encoded)
    for missing, becomes in (("zero", 0), ("mean", 2), ("drop", 2)):  # 2.5, rounded to the even number
        prepared = _inputs(train, Feature(column="n", missing={"": Missing(by=missing)}), (None, 1), "int32")
        assert prepared.inputs(more)["x"].tolist() == [[becomes], [3]]
    with pytest.raises(DataError, match="row 1, column `n`"):
        _inputs(_table(n=["1", "4"]), Feature(column="n"), (None, 1), "int32").inputs(more)


@pytest.mark.filterwarnings("error")
def test_a_number_beyond_the_inputs_dtype_is_refused() -> None:
    for feature, shape in ((Feature(column="n"), (None, 1)), (Feature(columns=("n", "m"), rescale=0.5), (None, 2))):
        error = _refused("NS703", _table(n=["1", "-3e39"], m=["1", "2"]), feature, shape, of=_encoded)
        assert "row 2, column `n`: expected a number that fits float32, got `-" in error.message
    fine = _table(n=["1e39", "2e39"])
    assert np.isfinite(_inputs(fine, Feature(column="n", normalize=True), (None, 1)).inputs(fine)["x"]).all()
    _refused("NS703", _table(n=["70000", "1"]), Feature(column="n"), (None, 1), "float16", of=_encoded)
    _refused("NS703", _table(n=["1"], o=["1e39"]), (None, 1), "mse", of=_labels)


def test_images_are_scaled_and_fit_by_their_element_count() -> None:
    image = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    prepared = _inputs(_table(image=image), Feature(column="image", rescale=1 / 255), (None, 784))
    assert np.allclose(prepared.inputs(_table(image=image))["x"], image.reshape(2, 784) / 255)
    channel = _inputs(_table(image=image), Feature(column="image"), (None, 28, 28, 1), "uint8")
    assert channel.inputs(_table(image=image))["x"].shape == (2, 28, 28, 1)
    assert channel.inputs(_table(image=image))["x"].dtype == np.uint8
    colour = np.random.default_rng(0).normal(3, 2, (50, 4, 4, 3))
    made = _inputs(_table(i=colour), Feature(column="i", normalize=True), (None, 4, 4, 3)).inputs(_table(i=colour))["x"]
    assert np.allclose(made.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    assert np.allclose(made.std(axis=(0, 1, 2)), 1, atol=1e-5)


def test_whole_numbers_for_whole_inputs() -> None:
    prepared = _inputs(_table(n=["1", "2"]), Feature(column="n"), (None, 1), "int32")
    assert prepared.inputs(_table(n=["5"]))["x"].tolist() == [[5]]
    for cell in ("1.5", "3000000000"):
        with pytest.raises(DataError, match="row 2, column `n`: expected a"):
            prepared.inputs(_table(n=["1", cell]))


def test_a_feature_that_does_not_fit_its_input() -> None:
    table = _table(a=["1"], b=["2"], t=["some words"])
    error = _refused("NS708", table, Feature(columns=("a", "b")), (None, 3))
    assert error.message == "input `x` is (batch, 3), its feature gives (batch, 2)"
    assert error.help == "list 3 columns under `columns`, or make the input [2]"
    text = Text(vocabulary=9, length=5)
    error = _refused("NS708", table, Feature(column="t", text=text), (None, 4))
    assert "(batch, 4), its feature gives (batch, 5)" in error.message
    flat = Text(vocabulary=9, length=4, one_hot=True)
    assert _refused("NS708", table, Feature(column="t", text=flat), (None, 36)).help == "leave out `one_hot`"
    assert "say `text`" in str(_refused("NS703", table, Feature(column="t"), (None, 1)).help)
    _refused("NS708", table, Feature(columns=("a", "t"), text=text), (None, 5))
    _refused("NS708", table, Feature(column="a"), (None, 1), "string")


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP, e-mail 3.5%", ["don", "t", "stop", "e", "mail", "3", "5"]),
        ("ÉCOLE straße ΣΊΣΥΦΟΣ İ", ["école", "straße", "σίσυφος", "i̇"]),
        ("cafe\u0301\u00a0x\u3000y", ["café", "x", "y"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert tokens.tokens(text, "words", True) == expected


def test_vocabulary_by_frequency_then_alphabet_unknown_and_padding() -> None:
    train = _table(t=["b a", "a c b", "b d"])
    text = Text(vocabulary=5, length=4)
    prepared = _inputs(train, Feature(column="t", text=text), (None, 4), "int32")
    made = prepared.inputs(_table(t=["a b c d", "zzz b", "", "a b c a b"]))["x"]
    assert made.dtype == np.int32
    assert made.tolist() == [[3, 2, 4, 1], [0, 0, 1, 2], [0, 0, 0, 0], [3, 2, 4, 3]]
    post = Text(vocabulary=5, padding="post", truncating="pre")
    prepared = _inputs(train, Feature(column="t", text=post), (None, 4))
    assert prepared.inputs(_table(t=["b", "a b c a b"]))["x"].tolist() == [[2, 0, 0, 0], [2, 4, 3, 2]]
    assert prepared.notes == ("`x`: 3 words known, 14.3 % of the training part's unknown, 0 texts cut at 4",)


def test_characters_one_hot() -> None:
    text = Text(vocabulary=6, by="characters", one_hot=True, lower=False)
    prepared = _inputs(_table(t=["aab", "a\n"]), Feature(column="t", text=text), (None, 3, 6))
    made = prepared.inputs(_table(t=["ba", "Aaaa"]))["x"]
    assert made.shape == (2, 3, 6)
    assert made.sum(axis=(1, 2)).tolist() == [2, 3]
    assert made[0].argmax(axis=1).tolist() == [0, 4, 2]
    assert made[1].argmax(axis=1).tolist() == [1, 2, 2]


def test_without_any_length_it_is_that_of_the_longest_training_text() -> None:
    prepared = _inputs(_table(t=["a b c", "a"]), Feature(column="t", text=Text(vocabulary=9)), (None, None))
    assert prepared.inputs(_table(t=["a"]))["x"].shape == (1, 3)


def test_no_loop_goes_over_texts_of_ascii_letters_and_one_over_others() -> None:
    def effort(word: str, rows: int) -> int:
        table = _table(t=[f"{word}{at % 800} und {word}{at % 77}" for at in range(rows)])
        feature = Feature(column="t", text=Text(vocabulary=500))
        return lines(lambda: _inputs(table, feature, (None, 20)).inputs(table))

    effort("word", 800)
    assert effort("word", 6_000) < effort("word", 1_000) + 1_000
    assert effort("wörd", 6_000) < 100 * 6_000


# Categories, sequences, multi-hot


def test_categories() -> None:
    train = _table(c=["red", "blue", "", "red"], k=["10", "9", "9", "10"])
    ids = _inputs(train, Feature(columns=("c", "k"), category=Category()), (None, 2), "int32")
    assert ids.inputs(_table(c=["blue", "green", ""], k=["9", "10", "11"]))["x"].tolist() == [[1, 1], [0, 2], [0, 0]]
    hot = _inputs(train, Feature(column="c", category=Category(one_hot=True)), (None, 2))
    assert hot.inputs(_table(c=["blue", "green", "red"]))["x"].tolist() == [[1, 0], [0, 0], [0, 1]]
    numbers = _inputs(_table(c=np.array([5, 7, 5])), Feature(column="c", category=Category()), (None, 1), "int32")
    assert numbers.inputs(_table(c=np.array([7, 8])))["x"].tolist() == [[2], [0]]


def test_a_category_of_empty_cells_is_told() -> None:
    prepared = _inputs(_table(c=["", " "], d=["a", ""]), Feature(columns=("c", "d"), category=Category()), (None, 2))
    assert prepared.notes == ("`x`: column `c` is empty, so every value of it is unknown",)


def test_sequences_and_multi_hot() -> None:
    table = _table(words=[[5, 9, 3], [12], []])
    feature = Feature(column="words", sequence=Sequence(vocabulary=10, length=2))
    assert _inputs(table, feature, (None, 2), "int32").inputs(table)["x"].tolist() == [[9, 3], [0, 2], [0, 0]]
    hot = _inputs(table, Feature(column="words", multi_hot=10), (None, 10)).inputs(table)["x"]
    assert [np.flatnonzero(row).tolist() for row in hot] == [[3, 5, 9], [], []]
    text = _table(words=["3 17, 5", "[1,2]", "", "1 x"])
    with pytest.raises(DataError, match="row 4, column `words`: expected whole numbers of 0 or more, such as"):
        _inputs(text, Feature(column="words", multi_hot=20), (None, 20)).inputs(text)


def test_numbers_beyond_an_embedding() -> None:
    table = _table(words=[[5, 9, 30], [12], [1]])
    prepared = fit(Data(), {"words": TensorType((None, 4), "int32")}, {}, table, limits={"words": 40})
    assert prepared.inputs(table)["words"].max() == 30
    with pytest.raises(DataError, match="gets numbers up to 30, its Embedding takes 0 to 19") as caught:
        fit(Data(), {"words": TensorType((None, 4), "int32")}, {}, table, limits={"words": 20})
    assert caught.value.help == "say `sequence: {vocabulary: 20}`, or make the Embedding's `input_dim` 31"


# Defaults


def test_what_the_spec_leaves_out() -> None:
    image = np.zeros((3, 2, 2), np.uint8)
    digits = _table(image=image, label=np.array([0, 1, 2]))
    losses = {"o": "sparse_categorical_crossentropy"}
    made = fit(
        Data(dataset="digits"), {"x": TensorType((None, 4))}, {"o": TensorType((None, 3))}, digits, losses=losses
    ).examples(digits)
    assert made.x["x"].shape == (3, 4)
    assert made.y["o"].tolist() == [0, 1, 2]
    error = _refused("NS707", digits, None, (None, 4))
    assert "input `x` has no feature, and `t.csv` has no column `x`" in error.message
    assert "`image`" in str(error.help)
    assert _refused("NS702", digits, Feature(column="imag"), (None, 4)).help == "did you mean `image`?"
    assert "output `o` has no target" in _refused("NS707", _table(n=["1"]), (None, 1), "mse", of=_labels).message
    assert fit(Data(), {"n": TensorType((None, 1))}, {"o": TensorType((None, 1))}, _table(n=["1"])).labels == {}


def test_the_columns_that_are_needed() -> None:
    data = Data(features={"x": Feature(columns=("a", "b"))}, targets={"o": Target(column="l")})
    types = {"x": TensorType((None, 2)), "y": TensorType((None, 1))}
    outs = {"o": TensorType((None, 1)), "p": TensorType((None, 1)), "q": TensorType((None, 1))}
    assert needed(data, types, outs, {"o": "mse", "p": "mse", "q": None}) == ("a", "b", "y", "l", "p")


# Targets


def test_class_numbers_and_their_range() -> None:
    table = _table(n=["1", "2", "3"], o=["0", "2", "1"])
    made = _labels(table, (None, 3), "SparseCategoricalCrossentropy").examples(table).y["o"]
    assert (made.tolist(), made.dtype) == ([0, 2, 1], np.int32)
    error = _refused("NS703", table, (None, 2), "sparse_categorical_crossentropy", of=_labels)
    assert "row 2, column `o`: expected a class number from 0 to 1: output `o` has 2 units, got `2`" in error.message
    for bad in ("-1", "0.5"):
        _refused("NS703", _table(n=["1"], o=[bad]), (None, 2), "sparse_categorical_crossentropy", of=_labels)
    video = _table(n=["1", "2"], o=np.array([[0, 1, 2], [2, 1, 0]]))
    assert _labels(video, (None, 3, 3), "sparse_categorical_crossentropy").examples(video).y["o"].shape == (2, 3)
    hot = _labels(video, (None, 3, 3), "categorical_crossentropy", Target(one_hot=True)).examples(video).y["o"]
    assert hot.argmax(axis=-1).tolist() == [[0, 1, 2], [2, 1, 0]]


def test_text_labels_become_classes() -> None:
    table = _table(n=["1", "2", "3", "4"], o=["dog", "cat", "", "emu"])
    prepared = _labels(table, (None, 3), "categorical_crossentropy", Target(one_hot=True))
    made = prepared.examples(table)
    assert prepared.class_names == {"o": ("cat", "dog", "emu")}
    assert made.y["o"].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert made.rows == 3
    assert made.used.notes()[:2] == ("3 of 4 rows of `t.csv` used", "1 row dropped: no label in `o`")
    with pytest.raises(DataError, match="row 2, column `o`: expected one of the classes `cat`, `dog`, `emu`, got `gn"):
        prepared.examples(_table(n=["1", "2"], o=["cat", "gnu"]))
    said = _labels(table, (None, 3), "sparse_categorical_crossentropy", Target(classes=("emu", "dog", "cat")))
    assert said.examples(table).y["o"].tolist() == [1, 2, 0]
    binary = _table(n=["1", "2", "3"], o=["yes", "no", "yes"])
    assert _labels(binary, (None, 1), "binary_crossentropy").examples(binary).y["o"].tolist() == [[1], [0], [1]]
    few = _refused("NS706", table, (None, 2), "sparse_categorical_crossentropy", of=_labels)
    assert "output `o` has 2 units, column `o` has 3 classes: `cat`, `dog`, `emu`" in few.message
    _refused("NS706", table, (None, 1), "binary_crossentropy", of=_labels)


def test_a_typing_error_among_numbers_is_no_class() -> None:
    table = _table(n=["1", "2", "3"], o=["0", "1", "l"])
    for loss in ("sparse_categorical_crossentropy", "binary_crossentropy", "mse"):
        assert "row 3" in _refused("NS703", table, (None, 2 if "sparse" in loss else 1), loss, of=_labels).message
    assert "`0`" not in str(_refused("NS703", _table(n=["1"], o=["high"]), (None, 1), "mse", of=_labels).message)


def test_numbers_and_a_word_as_labels_suggest_classes() -> None:
    table = _table(n=["1", "2", "3"], o=["1", "many", "2"])
    error = _refused("NS703", table, (None, 3), "sparse_categorical_crossentropy", of=_labels)
    assert error.help == 'mend the cell; or if every value is a class, list them: `classes: ["1", "2", "many"]`'
    named = Target(classes=("1", "2", "many"))
    made = _labels(table, (None, 3), "sparse_categorical_crossentropy", named).examples(table)
    assert made.y["o"].tolist() == [0, 2, 1]


def test_an_output_with_metrics_alone_takes_the_column_of_its_name() -> None:
    table = _table(n=["1", "2"], o=["3", "4"])
    data, types = Data(features={"x": Feature(column="n")}), {"x": TensorType((None, 1))}
    outs = {"o": TensorType((None, 1)), "p": TensorType((None, 1))}
    prepared = fit(data, types, outs, table, losses={"o": None, "p": None}, scored=("o", "p"))
    assert list(prepared.labels) == ["o"] and prepared.examples(table).y["o"].tolist() == [[3], [4]]
    assert fit(data, types, outs, table, losses={"o": None, "p": None}).labels == {}


def test_targets_that_do_not_fit_the_output() -> None:
    table = _table(n=["1", "2"], o=["0", "2"], p=["1", "0"])
    error = _refused("NS706", table, (None, 3), "categorical_crossentropy", of=_labels)
    assert error.message == "output `o` is (batch, 3); the target column gives (batch, 1)"
    assert str(error.help).startswith("say `one_hot: true`")
    assert "(batch, 1)" in _refused("NS706", table, (None, 3), "mse", of=_labels).message
    two = Target(columns=("o", "p"))
    assert "the 2 target columns give (batch, 2)" in _refused("NS706", table, (None, 3), "mse", two, of=_labels).message
    assert _labels(table, (None, 2), "mse", two).examples(table).y["o"].tolist() == [[0, 1], [2, 0]]
    _refused("NS706", table, (None, 3), "sparse_categorical_crossentropy", Target(one_hot=True), of=_labels)
    already = _table(n=["1", "2"], o=np.eye(3)[:2])
    error = _refused("NS706", already, (None, 3), "sparse_categorical_crossentropy", of=_labels)
    assert "one-hot already" in str(error.help)
    made = _labels(already, (None, 3), "categorical_crossentropy").examples(already)
    assert made.y["o"].tolist() == [[1, 0, 0], [0, 1, 0]]
    error = _refused("NS703", table, (None, 1), "binary_crossentropy", of=_labels)
    assert "expected a label from 0 to 1" in error.message
    assert _labels(table, UNKNOWN, "mse").examples(table).y["o"].shape == (2,)  # type: ignore[arg-type]


def test_no_labels_at_all() -> None:
    _refused("NS704", _table(n=["1", "2"], o=["", "nan"]), (None, 1), "mse", of=_labels)
    train = _table(n=["1", "2"], o=["1", "0"])
    prepared = _labels(train, (None, 1), "mse")
    with pytest.raises(DataError) as caught:
        prepared.examples(_table(n=["1"], o=[""])).used.notes()
    assert caught.value.code == "NS704"
    assert prepared.examples(_table(n=["1", "2"], o=["", "3"])).y["o"].tolist() == [[3]]


# Splits


def _splitmix64(seed: int, row: int) -> int:
    """The generator as its authors wrote it, seeded with the seed mixed once: its output number `row + 1`."""
    mask = 2**64 - 1

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    return mix((mix(seed) + (row + 1) * 0x9E3779B97F4A7C15) & mask)


def test_the_split_is_the_same_everywhere() -> None:
    table = _table(n=np.arange(2000))
    train, held = split(table, Split(fraction=0.1), 7)
    assert held.rows + train.rows == 2000
    by_hash = sorted(range(2000), key=lambda row: _splitmix64(7, row))
    assert held.columns["n"].tolist() == sorted(by_hash[:200])
    for rows, fraction in ((7, 0.3), (10, 0.1), (13, 0.5), (999, 0.123)):
        assert split(_table(n=np.arange(rows)), Split(fraction=fraction), 1)[1].rows == round(rows * fraction)
    assert not np.array_equal(held.columns["n"], split(table, Split(fraction=0.1), 8)[1].columns["n"])
    last = split(table, Split(fraction=0.1, by="order"), 7)[1]
    assert last.columns["n"].tolist() == list(range(1800, 2000))
    assert last.row(0) == "row 1801"
    with pytest.raises(DataError, match="leaves none to validate with"):
        split(_table(n=np.arange(3)), Split(fraction=0.01), 1)


# Keeping it


def test_what_is_saved_gives_the_same_bits(tmp_path: Path) -> None:
    table = _table(
        t=["Größe 1, a\u2028b", "b b", "c", "d"],
        n=["0.1", "0.2", "0.3", "7"],
        c=["x", "y", "x", "z"],
        w=[[1, 2], [3], [], [4, 4]],
        o=["cat", "dog", "cat", "dog"],
    )
    data = Data(
        features={
            "T": Feature(column="t", text=Text(vocabulary=9, by="characters", one_hot=True)),
            "t": Feature(column="t", text=Text(vocabulary=9)),
            "n": Feature(column="n", normalize=True, rescale=0.1),
            "targets": Feature(column="c", category=Category(one_hot=True)),
            "w": Feature(column="w", multi_hot=6),
            "s": Feature(column="w", sequence=Sequence(vocabulary=4)),
        },
        targets={"o": Target(one_hot=True), "n": Target(column="n")},
    )
    shapes = {"T": (None, 5, 9), "t": (None, 4), "n": (None, 1), "targets": (None, 3), "w": (None, 6), "s": (None, 3)}
    outputs = {"o": TensorType((None, 2)), "n": TensorType((None, 1))}
    losses = {"o": "categorical_crossentropy", "n": "mse"}
    prepared = fit(data, {n: TensorType(s) for n, s in shapes.items()}, outputs, table, losses=losses)
    prepared.save(tmp_path / "features")
    again = load(tmp_path / "features")
    assert (again.features, again.labels) == (prepared.features, prepared.labels)
    first, second = prepared.examples(table), again.examples(table)
    for name in shapes:
        assert first.x[name].tobytes() == second.x[name].tobytes()
    assert first.y["o"].tobytes() == second.y["o"].tobytes()
    assert again.input_columns == ("t", "n", "c", "w")
    assert again.target_columns == ("o", "n")
    plain = json.loads((tmp_path / "features" / "targets.json").read_text(encoding="utf-8"))
    assert plain["encoder"]["values"] == [["x", "y", "z"]]
    names = [path.name.lower() for path in (tmp_path / "features").iterdir()]
    assert len(names) == len(set(names)) == 9
    for path in (tmp_path / "features").iterdir():
        kept = path.read_bytes()
        path.write_bytes(kept[: len(kept) // 2])
        with pytest.raises(DataError) as caught:
            load(tmp_path / "features")
        assert caught.value.code == "NS801"
        path.write_bytes(kept)


def test_a_hashed_column_of_nothing_is_reported() -> None:
    rows = Table({"c": pa.array(["", " "]), "d": pa.array(["", "x"])}, 2, "t.csv")
    data = Data(features={"x": Feature(columns=("c", "d"), hash=9)})
    prepared = fit(data, {"x": TensorType((None, 2), "int32")}, {}, rows)
    assert prepared.notes == ("`x`: column `c` is empty, so every value of it is 0",)


def test_nothing_is_learned_from_other_rows(tmp_path: Path) -> None:
    rows = "\n".join(f"word{n},{n},{n % 2}" for n in range(400))
    (tmp_path / "t.csv").write_text(f"t,n,o\n{rows}\n")
    table = read(Source(csv=("t.csv",)), tmp_path)
    train, held = split(table, Split(fraction=0.25), 1)
    data = Data(features={"t": Feature(column="t", text=Text(vocabulary=500, length=1)), "n": Feature(normalize=True)})
    inputs = {"t": TensorType((None, 1), "int32"), "n": TensorType((None, 1))}
    prepared = fit(data, inputs, {"o": TensorType((None, 1))}, train, losses={"o": "binary_crossentropy"})
    assert (prepared.inputs(held)["t"] == 1).all()
    made = prepared.examples(train)
    assert (made.x["t"] > 1).all()
    assert abs(float(made.x["n"].mean())) < 1e-6
    assert abs(float(made.x["n"].std()) - 1) < 1e-6
