"""evaluate and predict: what a run does with new rows, prepared as in its training."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.graph.ir import Checked
from netspec.pipeline import analyze_text
from netspec.render import results
from netspec.runtime.data.faults import DataError
from netspec.runtime.model.build import BuildError
from netspec.runtime.run import evaluating, inference, predictions, runs, training
from netspec.runtime.run.choices import Choice
from netspec.runtime.run.inference import UsageError
from netspec.runtime.run.runs import RunError

pytestmark = pytest.mark.keras

SPEC = """
name: flowers
inputs: {size: [2], words: {shape: [4], dtype: int32}}
layers:
  - Embedding: {input_dim: 12, output_dim: 3}
    from: words
  - Flatten:
    name: read
  - Concatenate:
    from: [read, size]
  - Dense: {units: 3, activation: softmax}
    name: kind
  - Dense: 1
    from: size
    name: height
outputs: [kind, height]
losses: {kind: sparse_categorical_crossentropy, height: mse}
metrics: {kind: [accuracy]}
optimizer: {Adam: {learning_rate: 0.05}}
data:
  train: flowers.csv
  validation: 0.25
  features:
    size: {columns: [width, depth], normalize: true, missing: drop}
    words: {column: text, text: {vocabulary: 12}}
  targets: {kind: kind, height: height}
fit: {epochs: 4, batch_size: 8, seed: 2}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flowers")
    rng = np.random.default_rng(1)
    with (folder / "flowers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "width", "depth", "text", "kind", "height"))
        for at in range(120):
            kind = at % 3
            width, depth = rng.normal(kind, 0.3, 2)
            text = ("a rose, red\nand tall", "lily", "wild tulip")[kind]
            writer.writerow((f"{at:03}", f"{width:.3f}", f"{depth:.3f}", text, ("rose", "lily", "tulip")[kind], kind))
    return folder


@pytest.fixture(scope="module")
def trained(home: Path) -> tuple[Path, Checked]:
    checked = analyze_text(SPEC, folder=str(home)).checked
    assert checked is not None
    return training.fit(checked, SPEC.encode(), out=home / "run", quiet=True).run, again(home / "run")


def again(run: Path) -> Checked:
    record = runs.load(run)
    checked = analyze_text(json.dumps(record.spec), folder=str(record.folder)).checked
    assert checked is not None
    return checked


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Raw rows: no labels, missing cells, text with separators, an unknown word."""
    file = tmp_path / "rows.csv"
    text = 'text,id,depth,width\n"a rose, red\nand tall",007,0,0\nlily,"1,5",1.0,1.0\n,NA,,\nwild tulip, x ,2,2\n'
    file.write_text(text, encoding="utf-8")
    return file


def table(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(text))


def test_one_row_for_each_row_in_order_with_what_is_kept(
    trained: tuple[Path, Checked], rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    found = inference.predict(*trained, rows, keep=("id", "text"), out=out)
    assert found.rows == 4
    written = list(table(out.read_bytes().decode("utf-8")))
    assert list(written[0]) == ["id", "text", "kind_lily", "kind_rose", "kind_tulip", "kind_class", "height"]
    assert [row["id"] for row in written] == ["007", "1,5", "NA", " x "]
    assert written[0]["text"] == "a rose, red\nand tall"
    best = [max(("rose", "lily", "tulip"), key=lambda kind: float(row[f"kind_{kind}"])) for row in written]
    assert [best[at] for at in (0, 1, 3)] == ["rose", "lily", "tulip"]
    assert [row["kind_class"] for row in written] == best
    assert all(abs(sum(float(row[f"kind_{k}"]) for k in ("rose", "lily", "tulip")) - 1) < 1e-5 for row in written)
    for column, array in {"kind_lily": found.outputs["kind"][:, 0], "height": found.outputs["height"][:, 0]}.items():
        assert [np.float32(row[column]) for row in written] == list(array), "not a bit is lost"
    stream = io.StringIO()
    found.write(stream)
    assert stream.getvalue() == out.read_text(encoding="utf-8")


def test_the_batch_size_does_not_matter(trained: tuple[Path, Checked], rows: Path) -> None:
    one, many = (inference.predict(*trained, rows, batch_size=size) for size in (1, 3))
    assert np.allclose(one.outputs["kind"], many.outputs["kind"], atol=1e-6)


def test_arrays_are_written_by_output_name(trained: tuple[Path, Checked], rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    found = inference.predict(*trained, rows, keep=("id",), out=out)
    with np.load(out, allow_pickle=False) as arrays:
        assert set(arrays) == {"id", "kind", "height"} and arrays["kind"].shape == (4, 3)
        assert np.array_equal(arrays["kind"], found.outputs["kind"])
        assert list(arrays["id"]) == ["007", "1,5", "NA", " x "]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".tsv"])
def test_every_kind_of_file_holds_the_same(
    trained: tuple[Path, Checked], rows: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    found = inference.predict(*trained, rows, keep=("id",), out=out)
    if suffix == ".jsonl":
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert [line["id"] for line in lines] == ["007", "1,5", "NA", " x "]
        assert [np.float32(line["kind"]["lily"]) for line in lines] == list(found.outputs["kind"][:, 0])
        assert [np.float32(line["height"]) for line in lines] == list(found.outputs["height"][:, 0])
        assert [line["kind_class"] for line in lines] == [max(line["kind"], key=line["kind"].get) for line in lines]
        return
    if suffix == ".parquet":
        import pyarrow.parquet

        columns = pyarrow.parquet.read_table(out).to_pydict()
    else:
        with out.open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file, delimiter="\t"))
        columns = {name: [row[name] for row in read] for name in read[0]}
    assert list(columns) == list(found.columns()) and columns["id"] == ["007", "1,5", "NA", " x "]
    assert [np.float32(cell) for cell in columns["kind_lily"]] == list(found.outputs["kind"][:, 0])
    names = [name.removeprefix("kind_") for name in columns if name.startswith("kind_")][:3]
    assert columns["kind_class"] == [names[at] for at in found.outputs["kind"].argmax(axis=1)]


@pytest.mark.parametrize(
    ("choice", "numbers", "expected"),
    [
        (Choice(), [[0.1, 0.9], [0.5, 0.5]], [1, 0]),
        (Choice(("a", "b")), [[0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], ["b", "2"]),
        (Choice(("no", "yes"), 0.0), [[0.2], [-0.2], [0.0]], ["yes", "no", "no"]),
        (Choice(("no", "yes"), 0.5), [0.6, 0.4], ["yes", "no"]),
        (Choice((), 0.5), [[0.6]], None),  # the number says it already
        (Choice(("a", "b"), 0.5), [[0.6, 0.2]], None),  # several labels
        (Choice(("a", "b")), [[[0.6, 0.2]]], None),  # a sequence
    ],
)
def test_a_class_is_read_off_the_numbers_of_an_output(choice: Choice, numbers: list[Any], expected: Any) -> None:
    array = np.array(numbers, np.float32)
    found = predictions.Form.of({"y": array}, {}, {"y": choice})
    assert choice.fits(array.shape[1:]) == (expected is not None) == ("y_class" in found.columns())
    if expected is not None:
        assert choice.of(array).tolist() == expected
        assert found.table({"y": array}, {})["y_class"].to_pylist() == expected
        assert choice.of(array[:0]).tolist() == found.table({"y": array[:0]}, {})["y_class"].to_pylist() == []


def test_a_class_takes_no_other_columns_name() -> None:
    numbers = {"y": np.eye(2, dtype=np.float32), "y_class": np.ones((2, 1), np.float32)}
    form = predictions.Form.of(numbers, {}, {"y": Choice()})
    assert form.columns() == ("y_0", "y_1", "y_class") and form.table(numbers, {})["y_class"].to_pylist() == [1, 1]


def test_blocks_are_written_as_they_come(
    trained: tuple[Path, Checked], rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = io.BytesIO()
    assert inference.write_predictions(*trained, rows, whole, keep=("text",)) == 4
    monkeypatch.setattr(inference, "_PIECE", 3)
    blocks: list[bytes] = []

    class Stream(io.BytesIO):
        def write(self, data: Any) -> int:
            blocks.append(bytes(data))
            return len(data)

    assert inference.write_predictions(*trained, rows, Stream(), keep=("text",)) == 4
    assert len(blocks) == 2
    mine, theirs = (list(csv.reader(io.StringIO(text.decode()))) for text in (b"".join(blocks), whole.getvalue()))
    assert [row[0] for row in mine] == [row[0] for row in theirs] and mine[0] == theirs[0]
    assert mine[0][4] == "kind_class" and [row[4] for row in mine] == [row[4] for row in theirs]
    numbers = [[[float(cell) for cell in (*row[1:4], row[5])] for row in each[1:]] for each in (mine, theirs)]
    assert np.allclose(*numbers)


def test_nothing_is_overwritten_without_force(trained: tuple[Path, Checked], rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError, match="exists"):
        inference.predict(*trained, rows, out=out)
    assert out.read_text(encoding="utf-8") == "precious"
    inference.predict(*trained, rows, out=out, force=True)
    assert out.read_text(encoding="utf-8").startswith("kind_lily,")
    with pytest.raises(UsageError, match="rows come from"):
        inference.predict(*trained, rows, out=rows, force=True)
    with pytest.raises(UsageError, match="no folder"):
        inference.predict(*trained, rows, out=tmp_path / "no" / "out.csv")
    with pytest.raises(UsageError, match=r"written as \.csv, \.tsv, "):
        inference.predict(*trained, rows, out=tmp_path / "out.txt")


def test_columns_of_one_name_are_refused(trained: tuple[Path, Checked], tmp_path: Path, rows: Path) -> None:
    rows.write_text("width,depth,text,height\n1,1,lily,3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="two columns would be named `height`"):
        inference.predict(*trained, rows, keep=("height",), out=tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_column_that_is_not_there_is_named(trained: tuple[Path, Checked], rows: Path) -> None:
    with pytest.raises(DataError, match="no column `ids`"):
        inference.predict(*trained, rows, keep=("ids",))
    rows.write_text("width,text\n1,lily\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column `depth`"):
        inference.predict(*trained, rows)


def test_the_features_are_those_of_the_training(trained: tuple[Path, Checked], rows: Path, home: Path) -> None:
    """Rows of other means and words give the same answer alone as among others."""
    together = inference.predict(*trained, rows).outputs["kind"]
    for at, line in enumerate(table(rows.read_text(encoding="utf-8"))):
        alone = rows.with_name("alone.csv")
        with alone.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(line))
            writer.writeheader()
            writer.writerow(line)
        assert np.allclose(inference.predict(*trained, alone).outputs["kind"][0], together[at], atol=1e-6)


def test_evaluation_falls_back_to_the_validation_rows(trained: tuple[Path, Checked]) -> None:
    found = evaluating.evaluate(*trained)
    metrics = json.loads((trained[0] / runs.METRICS).read_text(encoding="utf-8"))
    assert found.scores.split == "validation" and "no test rows" in found.notes[0]
    assert found.scores.loss == pytest.approx(metrics["validation"]["(all)"]["loss"], rel=1e-5)
    assert found.scores.accuracy("kind") == pytest.approx(metrics["validation"]["kind"]["accuracy"])
    report = json.loads(results.evaluation_json(found))
    assert report["split"] == "validation" and set(report["metrics"]) == {"kind", "height", "(all)"}
    assert "validation" in results.evaluation_text(found)


def test_evaluation_of_a_file(trained: tuple[Path, Checked], home: Path) -> None:
    found = evaluating.evaluate(*trained, data=home / "flowers.csv", best=True)
    assert found.scores.rows == 120 and found.weights == runs.BEST
    correct = inference.predict(*trained, home / "flowers.csv", best=True).outputs["kind"].argmax(axis=1)
    share = float((correct == np.tile([1, 0, 2], 40)).mean())
    assert found.scores.accuracy("kind") == pytest.approx(share, abs=1e-6)
    assert found.scores.majorities["kind"].share == pytest.approx(1 / 3)


def test_weights_of_another_model_are_told_by_layer(trained: tuple[Path, Checked], home: Path, rows: Path) -> None:
    run, checked = trained
    other = analyze_text(SPEC.replace("units: 3", "units: 4"), folder=str(home)).checked
    assert other is not None
    with pytest.raises(RunError, match="layer `kind`") as found:
        inference.predict(run, other, rows)
    assert found.value.code == "NS801"
    broken = home / "broken"
    shutil.copytree(run, broken)
    (broken / runs.LAST).write_bytes((run / runs.LAST).read_bytes()[:1000])
    with pytest.raises(RunError, match="does not fit"):
        inference.predict(broken, checked, rows)
    (broken / "features" / "size.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="prepared features") as damaged:
        inference.predict(broken, checked, rows)
    assert damaged.value.code == "NS801" and damaged.value.exit_code == 2
    with pytest.raises(UsageError, match="no such file") as gone:
        inference.predict(run, checked, home / "gone.csv")
    assert gone.value.exit_code == 2


def test_a_run_of_generated_examples_is_evaluated_on_its_own(tmp_path: Path, rows: Path) -> None:
    spec = "inputs: {x: [6, 4]}\nlayers:\n  - Conv1D: [5, 2]\n  - Dense: 2\n    name: y\nlosses: mse\nfit: {seed: 1}\n"
    spec = spec.replace("[5, 2]", "{filters: 5, kernel_size: 2}")
    checked = analyze_text(spec, folder=str(tmp_path)).checked
    assert checked is not None
    result = training.fit(checked, b"", dummy=40, out=tmp_path / "run", quiet=True)
    found = evaluating.evaluate(result.run, again(result.run))
    assert found.scores.loss == pytest.approx(result.scores[2].loss, rel=1e-6) and found.scores.rows == 8
    with pytest.raises(RunError, match="generated examples"):
        inference.predict(result.run, checked, rows)


def test_a_file_of_no_known_suffix_is_of_the_runs_own_kind(tmp_path: Path) -> None:
    spec = "inputs: {x: [1]}\nlayers:\n  - Dense: 1\n    name: y\nlosses: mse\ndata: {train: DATA}\n"
    text = "x;y\n" + "1;2\n2;4\n" * 5
    (tmp_path / "d.txt").write_text(text, encoding="utf-8")
    np.save(tmp_path / "x.npy", np.ones((10, 1), "float32"))
    np.save(tmp_path / "y.npy", np.ones((10, 1), "float32"))
    for name, source in (("text", '{csv: d.txt, separator: ";"}'), ("arrays", "{npy: {x: x.npy, y: y.npy}}")):
        checked = analyze_text(spec.replace("DATA", source), folder=str(tmp_path)).checked
        assert checked is not None
        run = training.fit(checked, b"", out=tmp_path / name, quiet=True).run
        file = tmp_path / ("d.txt" if name == "text" else "x.npy")
        assert inference.predict(run, checked, file).rows == 10
    assert checked is not None
    with pytest.raises(UsageError, match="holds one array, expected `x`, `y`"):
        evaluating.evaluate(run, checked, data=tmp_path / "x.npy")
    with pytest.raises(UsageError, match="cannot be told"):
        inference.predict(run, checked, tmp_path / "d.txt")


def test_rows_may_be_parted_otherwise_than_those_of_training(trained: tuple[Path, Checked], tmp_path: Path) -> None:
    lines = ("text;id;depth;width", "a rose;007;0.5;0", "lily;1;1.0;1.0")
    answers = []
    for name, separator in (("a.csv", ","), ("b.csv", ";"), ("c.csv", "\t"), ("d.tsv", "|")):
        (tmp_path / name).write_text("\n".join(lines).replace(";", separator) + "\n", encoding="utf-8")
        inference.predict(*trained, tmp_path / name, out=tmp_path / f"{name}.jsonl")
        answers.append((tmp_path / f"{name}.jsonl").read_text(encoding="utf-8"))
    assert len(set(answers)) == 1
    (tmp_path / "e.csv").write_text("Text;depth\nlily;1\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no column"):
        inference.predict(*trained, tmp_path / "e.csv")


def test_rows_that_have_changed_since_are_told(tmp_path: Path) -> None:
    spec = """
inputs: {x: [1]}
layers: [{Dense: 1, name: y}]
losses: mse
data: {train: d.csv, validation: {fraction: 0.5, by: order}}
"""
    (tmp_path / "d.csv").write_text("x,y\n" + "1,2\n" * 40, encoding="utf-8")
    checked = analyze_text(spec, folder=str(tmp_path)).checked
    assert checked is not None
    run = training.fit(checked, b"", out=tmp_path / "run", quiet=True).run
    assert not any("since training" in note for note in evaluating.evaluate(run, again(run)).notes)
    (tmp_path / "d.csv").write_text("x,y\n" + "1,2\n" * 20, encoding="utf-8")
    assert any("d.csv` has changed since training" in note for note in evaluating.evaluate(run, again(run)).notes)


def test_what_keras_refuses_in_an_evaluation_is_told(trained: tuple[Path, Checked], home: Path) -> None:
    text = SPEC.replace("sparse_categorical_crossentropy", "categorical_crossentropy")
    other = analyze_text(text, folder=str(home), look_at_data=False)
    assert other.checked is not None
    with pytest.raises(BuildError) as found:
        evaluating.evaluate(trained[0], other.checked)
    assert "{{" not in found.value.message


def test_an_output_of_several_axes_and_a_fixed_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in order through a stateful model, the last batch filled up: as the layers alone would do it."""
    spec = """
inputs: {x: {shape: [2, 3], batch_size: 4}}
layers:
  - GRU: {units: 2, stateful: true, return_sequences: true}
    name: y
losses: mse
data: {train: rows.npz}
fit: {batch_size: 4, shuffle: false, drop_remainder: true, seed: 1}
"""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 2, 3)).astype("float32")
    np.savez(tmp_path / "rows.npz", x=x, y=rng.normal(size=(10, 2, 2)).astype("float32"), number=np.arange(10))
    checked = analyze_text(spec, folder=str(tmp_path)).checked
    assert checked is not None
    run = training.fit(checked, b"", out=tmp_path / "run", quiet=True).run
    found = inference.predict(run, checked, tmp_path / "rows.npz", keep=("number",))
    assert found.columns() == ("number", "y_0_0", "y_0_1", "y_1_0", "y_1_1")
    assert found.kept["number"] == list(range(10))
    import keras

    free = keras.layers.GRU(2, return_sequences=True)
    free.build((None, 8, 3))
    import h5py

    with h5py.File(run / runs.LAST) as file:
        free.set_weights([file[f"layers/gru/cell/vars/{at}"][()] for at in range(3)])
    for lane in range(4):
        mine = x[lane::4]
        alone = np.asarray(free(mine.reshape(1, -1, 3))).reshape(-1, 2, 2)
        assert np.allclose(found.outputs["y"][lane::4], alone, atol=1e-5)
    monkeypatch.setattr(predictions, "MOST_COLUMNS", 3)
    with pytest.raises(UsageError, match=r"4 numbers a row.*at most 3") as told:
        found.columns()
    assert told.value.help == "write arrays instead: -o predictions.npz"


def test_numbers_of_typed_files_are_kept_as_numbers(trained: tuple[Path, Checked], rows: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    given = pyarrow.csv.read_csv(rows, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    typed = {"number": pa.array([1, 2, 3, 4]), "half": pa.array([0.1, None, 3.0, 1e30])}
    for name, column in typed.items():
        given = given.append_column(name, column)
    pyarrow.parquet.write_table(given, tmp_path / "rows.parquet")
    found = inference.predict(*trained, tmp_path / "rows.parquet", keep=tuple(typed), out=tmp_path / "out.parquet")
    assert found.kept == {"number": [1, 2, 3, 4], "half": [0.1, None, 3.0, 1e30]}
    written = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert written["number"].type == pa.int64() and written["half"].null_count == 1
    inference.predict(*trained, tmp_path / "rows.parquet", keep=tuple(typed), out=tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["number"], line["half"]) for line in lines][:2] == [(1, 0.1), (2, None)]
    inference.predict(*trained, tmp_path / "rows.parquet", keep=tuple(typed), out=tmp_path / "out.csv")
    assert [row["half"] for row in table((tmp_path / "out.csv").read_text(encoding="utf-8"))][:2] == ["0.1", ""]


def test_predictions_far_from_zero_are_not_rounded_and_metrics_there_are_told(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    y = 1.7e9 + 30 * x + 3 * draw.normal(size=200)
    lines = [f"{one:.6f},{other:.6f}" for one, other in zip(x, y, strict=True)]
    (tmp_path / "d.csv").write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
    spec = """
inputs: {x: [1]}
layers: [{Dense: 1, name: y}]
losses: mse
optimizer: {Adam: {learning_rate: 0.1}}
data: {train: d.csv, features: {x: x}, targets: {y: {column: y, normalize: true}}}
fit: {epochs: 40, seed: 1}
"""
    checked = analyze_text(spec, folder=str(tmp_path)).checked
    assert checked is not None
    made = training.fit(checked, b"", out=tmp_path / "run", quiet=True)
    assert any("with steps of 128 where" in note for note in made.notes)
    found = inference.predict(made.run, checked, tmp_path / "d.csv").outputs["y"][:, 0]
    assert np.abs(found - y).mean() < 4, "as far off as the noise is"
