"""Runs of tokens and vocabularies in files: as Keras has them, the same whole and one by one, kept in the run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.catalog.types import TensorType  # noqa: E402
from netspec.language.schema import Data, Feature, Text  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.probe import words  # noqa: E402
from netspec.runtime.data import tokens  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402
from netspec.runtime.run import origins, runs, splits  # noqa: E402

TEXTS = ["the cat sat on the mat", "", "the dog", "un été, the cat", "one", "a b a b"]
ROWS = Table({"t": pa.array(TEXTS)}, len(TEXTS), "t.csv")


def learned(text: Text, length: int, folder: Path) -> Prepared:
    data = Data(features={"x": Feature(column="t", text=text)})
    return fit(data, {"x": TensorType((None, length), "int32")}, {}, ROWS, folder=folder)


@pytest.mark.parametrize("ngrams", [1, 2, 3, 7])
@pytest.mark.parametrize("by", ["words", "characters"])
def test_runs_are_those_that_python_makes(by: str, ngrams: int) -> None:
    found, counts = tokens.found(pa.array(TEXTS), by, True, ngrams)
    slow = [words.runs(words.tokens(text, by, True), ngrams) for text in TEXTS]
    assert counts.tolist() == [len(row) for row in slow]
    assert found.to_pylist() == [token for row in slow for token in row]


def test_signs_are_tokens_of_their_own() -> None:
    cells = ["So… it's 4.5%, no?!", "", " . ", "a-b", "na\u0308h, क्या?", "\x00\x1f_", "«été»\u200b;"]
    expected = "so … it ' s 4 . 5 % , no ? !"
    assert words.tokens(cells[0], "words", True, True) == expected.split()
    assert words.tokens(cells[4], "words", True, True) == ["näh", ",", "क्या", "?"]
    dice = random.Random(1)
    signs = "aB1_ .,'\n\t-é\u0301क\u094d€\x00\x1c"
    cells += ["".join(dice.choices(signs[: dice.choice((13, len(signs)))], k=dice.randrange(12))) for _ in range(3000)]
    for ngrams in (1, 3):
        found, counts = tokens.found(pa.array(cells), "words", True, ngrams, True)
        slow = [words.runs(words.tokens(text, "words", True, True), ngrams) for text in cells]
        assert counts.tolist() == [len(row) for row in slow]
        assert found.to_pylist() == [token for row in slow for token in row]


def test_signs_are_learned_kept_and_refused_beside_characters(tmp_path: Path) -> None:
    prepared = learned(Text(vocabulary=20, punctuation=True), 8, tmp_path)
    prepared.save(tmp_path / "kept")
    assert load(tmp_path / "kept").features == prepared.features
    assert "," in prepared.features["x"].encoder.vocabulary  # type: ignore[union-attr]
    text = {"column": "t", "text": {"vocabulary": 9, "punctuation": True, "by": "characters"}}
    spec = {"inputs": {"x": [4]}, "layers": [{"Dense": 1, "name": "y"}], "losses": "mse"}
    found = analyze_text(json.dumps({**spec, "data": {"train": "t.csv", "features": {"x": text}}}), look_at_data=False)
    assert [each.code for each in found.diagnostics] == ["NS709"]


def test_runs_are_those_of_keras(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    plain = [text.replace("été,", "ete") for text in TEXTS]
    layer = keras.layers.TextVectorization(max_tokens=12, ngrams=2, standardize=None, output_sequence_length=8)
    layer.adapt(plain)
    rows = Table({"t": pa.array(plain)}, len(plain), "t.csv")
    known = layer.get_vocabulary()[2:]
    (tmp_path / "words.txt").write_text("\n".join(known) + "\n")
    text = Text(file="words.txt", ngrams=2, padding="post")
    assert learned(text, 8, tmp_path).inputs(rows)["x"].tolist() == np.asarray(layer(plain)).tolist()


def test_a_vocabulary_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes("\ufeffdog\r\nété\r\n\r\nthe\r\ncat".encode())
    made = learned(Text(file="words.txt"), 3, tmp_path)
    assert made.inputs(ROWS)["x"].tolist() == [[4, 5, 1], [0, 0, 0], [0, 4, 2], [1, 3, 4], [0, 0, 1], [1, 1, 1]]
    assert made.notes == (
        "`x`: 4 words known from `words.txt`, 52.9 % of the training part's unknown, 3 texts cut at 3",
    )
    few = learned(Text(file="words.txt", vocabulary=4), 3, tmp_path)
    assert few.inputs(ROWS)["x"].tolist()[2:4] == [[0, 1, 2], [1, 3, 1]]
    hot = Data(features={"x": Feature(column="t", text=Text(file="words.txt", one_hot=True))})
    assert fit(hot, {"x": TensorType((None, 3, 6))}, {}, ROWS, folder=tmp_path).inputs(ROWS)["x"].shape == (6, 3, 6)
    made.save(tmp_path / "features")
    (tmp_path / "words.txt").unlink()
    again = load(tmp_path / "features")
    assert again.inputs(ROWS)["x"].tolist() == made.inputs(ROWS)["x"].tolist(), "the run needs the file no more"


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, "NS701", "`words.txt`"),
        (b"", "NS704", "is empty"),
        (b"\n\n", "NS705", "`words.txt` lists no tokens"),
        (b"a\nb\na\n", "NS705", "`words.txt` lists the same on lines 1 and 3"),
        (b"a\n\xff\n", "NS705", "`words.txt` line 2 is not UTF-8"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None, code: str, said: str) -> None:
    if content is not None:
        (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(DataError) as caught:
        learned(Text(file="words.txt"), 3, tmp_path)
    assert caught.value.code == code and said in caught.value.message
    found = analyze_text(spec(tmp_path, {"vocabulary": "words.txt"}), folder=str(tmp_path)).diagnostics
    assert [each.code for each in found] == [code] and said in found[0].message


def spec(folder: Path, text: Any, rows: int = 9, shape: Any = (3,)) -> str:
    (folder / "t.csv").write_text("t,label\nthe cat,1\ndog the,0\n")
    steps = [{"Embedding": {"input_dim": rows, "output_dim": 2}}, {"Flatten": None}, {"Dense": 1, "name": "y"}]
    features = {"x": {"column": "t", "text": text}}
    data = {"train": "t.csv", "features": features, "targets": {"y": "label"}}
    inputs = {"x": {"shape": list(shape), "dtype": "int32"}}
    return json.dumps({"inputs": inputs, "layers": steps, "losses": "mse", "data": data})


def test_a_spec_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("cat\nmouse\nhouse\nthe\n")
    text = spec(tmp_path, {"vocabulary": "words.txt"})
    analysis = analyze_text(text, folder=str(tmp_path))
    assert analysis.checked is not None, analysis.diagnostics
    made = splits.read(analysis.checked, 1).train.examples.head(2)[0]["x"]
    assert made.tolist() == [[0, 5, 2], [0, 1, 5]]
    path = str(tmp_path / "words.txt")
    assert path in origins.fingerprints(analysis.checked)
    resolved = runs.resolved(analysis.checked, seed=1, steps_per_execution=1, dummy=None)
    assert resolved["spec"]["data"]["features"]["x"]["text"] == {"vocabulary": path}
    small = spec(tmp_path, {"vocabulary": "words.txt"}, rows=5)
    found = analyze_text(small, folder=str(tmp_path)).diagnostics
    assert [each.code for each in found] == ["NS712"] and "row 1 (line 2)" in found[0].message
    plain = analyze_text(small, folder=str(tmp_path), look_at_data=False).checked
    assert plain is not None
    with pytest.raises(DataError, match="gets numbers up to 5, its Embedding takes 0 to 4"):
        splits.read(plain, 1)
    unused = spec(tmp_path, {"file": "words.txt", "vocabulary": 4}, rows=4)
    assert analyze_text(unused, folder=str(tmp_path)).ok


def test_validate_counts_runs_as_fit_does(tmp_path: Path) -> None:
    for rows in range(4, 9):
        text = spec(tmp_path, {"vocabulary": 20, "ngrams": 2}, rows=rows)
        taken = analyze_text(text, folder=str(tmp_path)).ok
        plain = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
        assert plain is not None
        if taken:
            splits.read(plain, 1)
        else:
            with pytest.raises(DataError):
                splits.read(plain, 1)
    found = analyze_text(spec(tmp_path, {"length": 3}), look_at_data=False).diagnostics
    assert [(each.code, each.message) for each in found] == [("NS203", "`text` needs `vocabulary`")]


def test_a_file_that_is_set_is_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "words.txt").write_text("the\ncat\n")
    monkeypatch.chdir(tmp_path / "here")
    settings = ["data.features.x.text.vocabulary=words.txt"]
    analysis = analyze_text(spec(tmp_path, {"vocabulary": 9}), folder=str(tmp_path), overrides=settings)
    assert analysis.checked is not None and analysis.checked.data is not None and not analysis.diagnostics
    made = analysis.checked.data.features["x"].text
    assert made is not None and made.file == str(tmp_path / "here" / "words.txt")
