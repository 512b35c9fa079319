"""Kinds of labels and what rows weigh, without Keras: exact in value, kept in the run, every misfit with its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.catalog.types import TensorType  # noqa: E402
from netspec.language.schema import Data, Feature, Missing, MultiLabel, Source, Steps, Target  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.sources import opened, read  # noqa: E402
from netspec.runtime.data.store import Gatherer, Held, Piece, Store  # noqa: E402
from netspec.runtime.data.tables import Chosen, Rows, Table  # noqa: E402
from netspec.runtime.run import splits  # noqa: E402

BINARY, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"


def table(**columns: Any) -> Table:
    made = {n: pa.chunked_array([pa.array(c)]) if isinstance(c[0], str) else c for n, c in columns.items()}
    return Table(made, len(next(iter(columns.values()))), "t.csv")


def learned(rows: Rows, loss: str | None, target: Target, shape: tuple[Any, ...] = (None, 1), **more: Any) -> Prepared:
    """What one output `o` learns from rows with the column `n` for an input."""
    data = Data(features={"x": Feature(column="n")}, targets={"o": target}, **more)
    return fit(data, {"x": TensorType((None, 1))}, {"o": TensorType(shape)}, rows, losses={"o": loss})


def refused(code: str, *args: Any, **more: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        learned(*args, **more).examples(args[0])
    assert caught.value.code == code, caught.value.message
    return caught.value


# class weights


def test_balanced_classes_weigh_the_same_in_sum() -> None:
    train = table(n=["1"] * 8, o=["no"] * 6 + ["yes"] * 2)
    prepared = learned(train, BINARY, Target(column="o", balanced=True))
    assert prepared.labels["o"].class_weights == (8 / 12, 8 / 4)
    assert prepared.examples(train).w["o"].tolist() == pytest.approx([2 / 3] * 6 + [2] * 2)
    assert prepared.examples(train).w["o"].dtype == np.float32
    assert "`o`: class weights `no` 0.6667, `yes` 2" in prepared.notes
    other = table(n=["1", "2"], o=["yes", "yes"])
    assert prepared.examples(other).w["o"].tolist() == [2, 2], "the balance is that of the training rows"
    numbers = table(n=["1"] * 8, o=["0"] * 6 + ["2"] * 2)
    weights = learned(numbers, SPARSE, Target(column="o", balanced=True), (None, 3)).labels["o"].class_weights
    assert weights == (8 / 12, 1, 8 / 4), "a class that does not occur has the weight 1"
    one_hot = learned(numbers, "categorical_crossentropy", Target(column="o", balanced=True, one_hot=True), (None, 3))
    assert one_hot.examples(numbers).w["o"].tolist() == pytest.approx([8 / 12] * 6 + [2] * 2)
    already = table(n=["1"] * 3, o=np.eye(3)[[0, 0, 2]])
    hot = learned(already, "categorical_crossentropy", Target(column="o", class_weights={"2": 5.0}), (None, 3))
    assert hot.examples(already).w["o"].tolist() == [1, 1, 5]
    signs = table(n=["1"] * 3, o=["-1", "1", "1"])
    hinge = learned(signs, "hinge", Target(column="o", class_weights={"1": 2.0}))
    assert hinge.examples(signs).w["o"].tolist() == [1, 2, 2]


def test_a_balance_is_learned_in_blocks_and_from_the_rows_that_are_trained_on() -> None:
    rows = table(n=["1", "", "3", "4", "5"], o=["no", "no", "", "yes", "no"], w=["1"] * 5)
    data = Data(
        features={"x": Feature(column="n", missing={"": Missing(by="drop")})},
        targets={"o": Target(column="o", balanced=True), "p": Target(column="o", balanced=True, missing="mask")},
    )
    outputs = {"o": TensorType((None, 1)), "p": TensorType((None, 1))}
    blocks = Chosen(Both(rows, rows), np.ones(10, bool))
    for train in (rows, blocks):
        prepared = fit(data, {"x": TensorType((None, 1))}, outputs, train, losses={"o": BINARY, "p": BINARY})
        assert prepared.labels["o"].class_weights == (3 / 4, 3 / 2) == prepared.labels["p"].class_weights


class Both:
    """Two tables as one source."""

    def __init__(self, *parts: Table) -> None:
        self.parts, self.origin, self.rows = parts, "both", sum(part.rows for part in parts)
        self.names = parts[0].names

    def tables(self) -> Any:
        return iter(self.parts)


def test_given_class_weights_and_their_mistakes() -> None:
    train = table(n=["1", "2", "3"], o=["cat", "dog", "emu"])
    weights = {"dog": 2.5, "emu": 0.0}
    prepared = learned(train, SPARSE, Target(column="o", class_weights=weights), (None, 3))
    assert prepared.examples(train).w["o"].tolist() == [1, 2.5, 0]
    error = refused("NS710", train, SPARSE, Target(column="o", class_weights={"dgo": 2.0}), (None, 3))
    assert error.message == "output `o` has no class `dgo` to weigh; its classes are `cat`, `dog`, `emu`"
    assert error.help == "did you mean `dog`?"
    numbers = table(n=["1", "2"], o=["0", "1"])
    refused("NS710", numbers, SPARSE, Target(column="o", class_weights={"3": 2.0}), (None, 3))
    refused("NS711", numbers, "mse", Target(column="o", balanced=True))
    refused("NS711", table(n=["1"], o=["0"], p=["1"]), BINARY, Target(columns=("o", "p"), balanced=True), (None, 2))
    steps = table(n=["1", "2"], o=np.array([[0, 1], [2, 0]]))
    refused("NS711", steps, SPARSE, Target(column="o", balanced=True), (None, 2, 3))
    error = refused("NS703", table(n=["1", "2"], o=["0", "0.5"]), BINARY, Target(column="o", balanced=True))
    assert "row 2, column `o`: expected a label of 0 or 1, as classes have weights, got `0.5`" in error.message


# weight columns


def test_weights_of_rows_multiply_with_those_of_classes() -> None:
    train = table(n=["1", "2", "3"], o=["no", "yes", "yes"], w=["0.5", "2", "0"], v=["1", "1", "3"])
    target = Target(column="o", class_weights={"yes": 4.0})
    assert learned(train, BINARY, target, weight="w").examples(train).w["o"].tolist() == [0.5, 8, 0]
    own = target.model_copy(update={"weight": "v"})
    prepared = learned(train, BINARY, own, weight="w")
    assert prepared.examples(train).w["o"].tolist() == [1, 4, 12], "the target's own column wins"
    assert prepared.target_columns == ("o", "v") and not learned(train, BINARY, Target(column="o")).weighted


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "-2"], "row 2, column `w`: expected a weight, which is a number of at least 0, got `-2`"),
        (["1", ""], "row 2, column `w`: expected a weight, which is a number of at least 0, got `a missing number`"),
        (["x", "1"], "row 1, column `w`: expected a number, got `x`"),
        (["1", "1e400"], "row 2, column `w`: expected a finite number, got `1e400`"),
        (["1", "1e16"], "row 2, column `w`: expected a weight of at most 1e+15, got `1e+16`"),
        (np.array([1.0, np.inf]), "row 2, column `w`: expected a finite number"),
        (np.ones((2, 2)), "column `w`: 2 numbers a row; a weight is one"),
    ],
)
def test_a_weight_is_a_finite_number_of_at_least_0(cells: Any, words: str) -> None:
    train = table(n=["1", "2"], o=["0", "1"], w=cells)
    code = "NS706" if "2 numbers" in words else "NS703"
    assert words in refused(code, train, "mse", Target(column="o"), weight="w").message


def test_a_weight_column_that_is_not_there(tmp_path: Path) -> None:
    error = refused("NS702", table(n=["1"], o=["0"], weight=["1"]), "mse", Target(column="o", weight="weigth"))
    assert error.help == "did you mean `weight`?"


# masks

TWO = {"o": TensorType((None, 1)), "p": TensorType((None, 3))}


def two(train: Table, o: Target, p: Target) -> Prepared:
    data = Data(features={"x": Feature(column="n")}, targets={"o": o, "p": p})
    return fit(data, {"x": TensorType((None, 1))}, TWO, train, losses={"o": "mse", "p": SPARSE})


def test_a_row_may_lack_the_label_of_one_output_and_train_the_other() -> None:
    train = table(n=["1", "2", "3", "4"], o=["5", "", "7", "NA"], p=["cat", "dog", "", ""])
    o, p = Target(column="o", missing="mask"), Target(column="p", missing="mask")
    made = two(train, o, p).examples(train)
    assert made.x["x"].tolist() == [[1], [2], [3]], "a row without any label goes"
    assert made.y["o"].tolist() == [[5], [0], [7]] and made.w["o"].tolist() == [1, 0, 1]
    assert made.y["p"].tolist() == [0, 1, 0] and made.w["p"].tolist() == [1, 1, 0]
    assert made.used.notes() == (
        "3 of 4 rows of `t.csv` used",
        "1 row dropped: no label in `o`, `p`",
        "1 row masked for `o`, which has no label of it",
        "1 row masked for `p`, which has no label of it",
    )
    made = two(train, o, Target(column="p")).examples(train)
    assert made.x["x"].tolist() == [[1], [2]] and made.w.keys() == {"o"} and made.w["o"].tolist() == [1, 0]
    made = two(train, Target(column="o"), Target(column="p")).examples(train)
    assert made.x["x"].tolist() == [[1]] and made.w == {}


def test_a_table_without_any_label_of_one_output() -> None:
    train = table(n=["1", "2"], o=["5", ""], p=["cat", "dog"])
    o, p = Target(column="o", missing="mask", weight="n"), Target(column="p", missing="mask")
    prepared = two(train, o, p)
    made = prepared.examples(table(n=["9", "8"], o=["", "nan"], p=["dog", "cat"]))
    assert made.y["o"].tolist() == [[0], [0]] and made.w["o"].tolist() == [0, 0] and made.w["p"].tolist() == [1, 1]
    with pytest.raises(DataError, match="output `p`: none of the training rows has a label in `p`"):
        two(table(n=["1", "2"], o=["5", "6"], p=["", ""]), o, p)
    bad = table(n=["1", "2", "-3"], o=["", "5", "6"], p=["cat", "cat", "cat"])
    with pytest.raises(DataError, match="row 3, column `n`: expected a weight"):
        prepared.examples(bad)
    assert prepared.examples(bad.take(np.array([0, 1]))).w["o"].tolist() == [0, 2]


def test_labels_of_any_shape_are_masked() -> None:
    labels = np.arange(12, dtype=np.float64).reshape(3, 2, 2)
    labels[1, 0, 1] = np.nan
    train = table(n=["1", "2", "3"], o=labels, p=["1", "1", "1"])
    target = Target(column="o", missing="mask")
    data = Data(features={"x": Feature(column="n")}, targets={"o": target, "p": Target(column="p")})
    outs = {"o": TensorType((None, None, 2)), "p": TensorType((None, 1))}
    prepared = fit(data, {"x": TensorType((None, 1))}, outs, train, losses={"o": "mean_squared_error", "p": "mse"})
    made = prepared.examples(train)
    assert made.y["o"].shape == (3, 2, 2) and made.y["o"][1].tolist() == [[4, 0], [6, 7]]
    assert made.w["o"].tolist() == [[[1, 1], [1, 1]], [[1, 0], [1, 1]], [[1, 1], [1, 1]]]
    assert prepared.examples(train.take(np.array([1]))).y["o"].shape == (1, 2, 2)


# several classes a row

MULTI = Target(column="o", multi_label=MultiLabel())


def test_texts_with_separators() -> None:
    train = table(n=["1"] * 5, o=["red|round", " round ", "", "red | small|", "|"])
    prepared = learned(train, BINARY, MULTI, (None, 3))
    assert prepared.class_names == {"o": ("red", "round", "small")}
    made = prepared.examples(train)
    assert made.y["o"].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert made.y["o"].dtype == np.float32
    with pytest.raises(DataError, match=r"row 2, column `o`: expected some of the classes `red`, .* got `blue`"):
        prepared.examples(table(n=["1", "2"], o=["red", "round|blue"]))
    given = Target(column="o", multi_label=MultiLabel(separator=", "), classes=("b", "a"))
    letters = table(n=["1", "2"], o=["a, b", "a"])
    assert learned(letters, BINARY, given, (None, 2)).examples(letters).y["o"].tolist() == [[1, 1], [0, 1]]
    error = refused("NS706", train, BINARY, MULTI, (None, 2))
    assert "output `o` has 2 units, column `o` has 3 classes: `red`, `round`, `small`" in error.message
    refused("NS711", train, SPARSE, MULTI, (None, 3))


def test_lists_in_json_lines_and_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet

    names: list[Any] = [["red", "round"], [], None, ["small", "red"], ["round"]]
    numbers = [[0, 2], [], [1], [2, 0], [1]]
    columns = {"n": [1, 2, 3, 4, 5], "o": names, "p": numbers}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    for source in (Source(parquet=("t.parquet",)), Source(jsonl=("t.jsonl",))):
        rows = opened(source, tmp_path, columns=("n", "o", "p"))
        prepared = learned(rows, BINARY, MULTI, (None, 3))
        made = prepared.examples(read(source, tmp_path))
        assert prepared.class_names["o"] == ("red", "round", "small")
        assert made.y["o"].tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]], "null is no label, [] no class"
        target = Target(column="p", multi_label=MultiLabel())
        made = learned(rows, BINARY, target, (None, 3)).examples(read(source, tmp_path))
        assert made.y["o"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 0]]
        with pytest.raises(DataError, match="row 1, column `p`: expected class numbers from 0 to 1"):
            learned(rows, BINARY, target, (None, 2)).examples(read(source, tmp_path))
        with pytest.raises(DataError, match="expected a number, got `a list of texts`"):
            fit(Data(features={"x": Feature(column="o")}), {"x": TensorType((None, 1))}, {}, rows)


# a class for each step


def test_lists_are_cut_and_padded_and_padding_counts_nothing() -> None:
    train = table(n=["1", "2", "3", "4"], o=["1 0", "[2]", "", "0, 1, 2, 1"], w=["1", "0.5", "", "2"])
    prepared = learned(train, SPARSE, Target(column="o", sequence=Steps(), weight="w"), (None, 3, 3))
    made = prepared.examples(train)
    assert made.y["o"].tolist() == [[0, 1, 0], [0, 0, 2], [1, 2, 1]] and made.y["o"].dtype == np.int32
    assert made.w["o"].tolist() == [[0, 1, 1], [0, 0, 0.5], [2, 2, 2]]
    assert made.labels == {"o": 6} and "1 row dropped: no label in `o`" in made.used.notes()
    behind = Target(column="o", sequence=Steps(padding="post", truncating="post"), missing="mask")
    data = Data(features={"x": Feature(column="n")}, targets={"o": behind, "p": Target(column="n")})
    outs = {"o": TensorType((None, None, 3)), "p": TensorType((None, 1))}
    free = fit(data, {"x": TensorType((None, 1))}, outs, train, losses={"o": SPARSE, "p": "mse"})
    made = free.examples(train)
    assert made.y["o"].tolist() == [[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 1, 2, 1]]
    assert made.w["o"].tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    only = free.examples(train.take(np.array([2])))
    assert only.y["o"].shape == (1, 4) and only.labels == {"o": 0} and not only.w["o"].any()
    with pytest.raises(DataError, match="row 2, column `o`: expected class numbers from 0 to 1, got `2`"):
        learned(train, SPARSE, Target(column="o", sequence=Steps()), (None, 3, 2)).examples(train)
    refused("NS711", train, "categorical_crossentropy", Target(column="o", sequence=Steps()), (None, 3, 3))
    refused("NS706", train, SPARSE, Target(column="o", sequence=Steps()), (None, 3))
    refused("NS706", train, SPARSE, Target(column="o", sequence=Steps(length=9)), (None, 3, 3))
    refused("NS703", table(n=["1"], o=["0 x"]), SPARSE, Target(column="o", sequence=Steps()), (None, 3, 3))


def test_steps_in_every_form(tmp_path: Path) -> None:
    words = [["noun", "verb"], ["verb"], [], ["noun", "noun", "noun"]]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"n": 1, "o": row}) + "\n" for row in words))
    rows = opened(Source(jsonl=("t.jsonl",)), tmp_path, columns=("n", "o"))
    target = Target(column="o", sequence=Steps(), balanced=True)
    prepared = learned(rows, SPARSE, target, (None, 3, 2))
    made = prepared.examples(read(Source(jsonl=("t.jsonl",)), tmp_path))
    assert prepared.class_names == {"o": ("noun", "verb")} and prepared.labels["o"].class_weights == (6 / 8, 6 / 4)
    assert made.y["o"].tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert made.w["o"].tolist() == [[0, 0.75, 1.5], [0, 0, 1.5], [0.75, 0.75, 0.75]]
    text = table(n=["1", "2"], o=["noun verb", " verb "])
    hot = Target(column="o", sequence=Steps(), one_hot=True, classes=("verb", "noun"))
    made = learned(text, "categorical_crossentropy", hot, (None, 2, 2)).examples(text)
    assert made.y["o"].tolist() == [[[0, 1], [1, 0]], [[1, 0], [1, 0]]] and made.w["o"].tolist() == [[1, 1], [0, 1]]
    bits = table(n=["1", "2"], o=np.array([[0, 1, 1], [1, 0, 0]]))
    weighed = Target(column="o", sequence=Steps(), class_weights={"1": 3.0})
    made = learned(bits, BINARY, weighed, (None, 3, 1)).examples(bits)
    assert made.y["o"].shape == (2, 3, 1) and made.w["o"].tolist() == [[1, 3, 3], [3, 1, 1]]
    prepared.save(tmp_path / "features")
    assert load(tmp_path / "features").labels == prepared.labels


# numbers that are scaled


def test_labels_are_normalized_by_the_training_rows_and_predictions_scaled_back(tmp_path: Path) -> None:
    train = table(n=["1"] * 4, o=["100", "300", "", "200"], p=["7", "7", "7", "7"])
    target = Target(columns=("o", "p"), normalize=True)
    prepared = learned(train, "mse", target, (None, 2))
    std = np.std([100, 300, 200])
    made = prepared.examples(table(n=["1", "2"], o=["200", "500"], p=["7", "9"]))
    assert np.allclose(made.y["o"], [[0, 0], [300 / std, 2]]) and made.y["o"].dtype == np.float32
    prepared.save(tmp_path / "features")
    again = load(tmp_path / "features")
    assert again.labels == prepared.labels and again.scales == {"o": ((200, 7), (std, 1))}
    back = again.restored({"o": made.y["o"], "q": np.ones((2, 1))})
    assert np.allclose(back["o"], [[200, 7], [500, 9]]) and back["q"].tolist() == [[1], [1]]
    refused("NS711", train, BINARY, Target(column="p", normalize=True))
    assert (
        "row 1, column `o`: expected a number, got `x`"
        in refused("NS703", table(n=["1"], o=["x"]), "mse", Target(column="o", normalize=True)).message
    )
    wide = table(n=["1", "2"], o=np.ones((2, 2, 3)))
    refused("NS706", wide, "mse", Target(column="o", normalize=True), (None, 6))


def test_what_was_learned_stays_with_the_run(tmp_path: Path) -> None:
    train = table(n=["1", "2", "3"], o=["5", "", "7"], p=["cat", "dog", ""], w=["1", "2", "3"])
    p = Target(column="p", missing="mask", class_weights={"dog": 3.0}, weight="w")
    prepared = two(train, Target(column="o", missing="mask", normalize=True), p)
    prepared.save(tmp_path / "features")
    again = load(tmp_path / "features")
    assert again.labels == prepared.labels and again.target_columns == ("o", "p", "w")
    assert again.examples(train).w["p"].tolist() == [1, 6, 0]
    old = json.loads((tmp_path / "features" / "o.target.json").read_text())
    for key in ("masks", "weight", "class_weights", "separator", "mean", "std"):
        del old[key]
    (tmp_path / "features" / "o.target.json").write_text(json.dumps(old))
    assert not load(tmp_path / "features").labels["o"].weighted, "runs of before are read as they were"


# on their way to Keras


def test_weights_travel_with_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(500, dtype=np.float32)[:, None]
    for most, kind in ((None, Held), (0, Store)):
        gathered = Gatherer(500, most)
        for start in range(0, 500, 130):
            part = slice(start, start + 130)
            gathered.add({"x": x[part]}, {"o": x[part]}, {"o": x[part, 0]})
        made = gathered.made()
        assert isinstance(made, kind) and made.weighted == ("o",) and made.targets == ("o",)
        for piece in (*made.pieces(64), made.head(3)):
            assert isinstance(piece, Piece) and np.array_equal(piece.x["x"][:, 0], piece.w["o"])
        assert sum(piece.rows for piece in made.pieces(64)) == 500


SPEC = """
inputs: {x: [1]}
layers: [{Dense: {units: 1, activation: sigmoid}, name: o}]
losses: binary_crossentropy
data: {train: t.csv, features: {x: n}, targets: {o: {column: o, class_weights: balanced}}}
"""


def test_they_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,o,w\n1,no,1\n2,yes,3\n3,yes,2\n")
    cases = {
        "data.targets.o.class_weights={yes: 5}": [1, 5, 5],
        "data.targets.o.class_weights.yes=5": [1, 5, 5],
        "data.targets.o.weight=w": [1.5, 2.25, 1.5],
        "data.weight=w": [1.5, 2.25, 1.5],
    }
    for override, weights in cases.items():
        spec = SPEC.replace("balanced", "{yes: 2}") if "weights.yes" in override else SPEC
        analysis = analyze_text(spec, folder=str(tmp_path), overrides=[override])
        assert analysis.checked is not None, analysis.diagnostics
        part = splits.read(analysis.checked, 1).train
        assert part.examples.head(3).w["o"].tolist() == pytest.approx(weights), override


def test_rows_that_weigh_nothing_train_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,o\n1,no\n2,no\n")
    spec = SPEC.replace("column: o, class_weights: balanced", "column: o, classes: [no, yes], class_weights: {no: 0}")
    plain = analyze_text(spec, folder=str(tmp_path), look_at_data=False)
    assert plain.checked is not None
    with pytest.raises(DataError, match="none of the 2 rows weighs anything for output `o`"):
        splits.read(plain.checked, 1)
