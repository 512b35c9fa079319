"""`netspec init`: first specs of awkward tables validate without a word, their data prepare, and they learn."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from first_tables import CASES, write_csv

import netspec
from netspec import api, pipeline
from netspec.errors import NetspecError
from netspec.language.scalars import plain
from netspec.language.source import parse_value
from netspec.render.starter import quoted
from netspec.runtime.data.faults import DataError
from netspec.runtime.run import splits

MUST = {"accuracy": 0.12, "binary_accuracy": 0.12}  # by how much the majority class is beaten


def first(folder: Path, table: str, targets: list[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec that is written for a table, after a look that nothing is said of it."""
    monkeypatch.chdir(folder)
    spec = folder / "spec.yaml"
    spec.write_text(api.first_spec(table, targets), encoding="utf-8")
    assert pipeline.analyze(spec).diagnostics == ()
    return spec


@pytest.mark.parametrize("name", CASES)
def test_it_validates_without_a_word_and_its_data_prepare(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, targets = CASES[name](tmp_path, np.random.default_rng(7))
    spec = first(tmp_path, table, targets, monkeypatch)
    made = splits.read(api.checked(spec), 1)
    assert made.train.rows > 0
    assert "#" in spec.read_text(encoding="utf-8")


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_trains_and_beats_what_knows_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, targets = CASES[name](tmp_path, np.random.default_rng(7))
    spec = first(tmp_path, table, targets, monkeypatch)
    found = netspec.fit(spec, out=tmp_path / "run")
    (score,) = [each for each in found.scores if each.split == "validation"] or found.scores
    held = splits.read(api.checked(spec), found.seed)
    part = held.validation or held.train
    _, y, w = next(part.examples.pieces(part.rows))
    for output, metrics in score.outputs.items():
        if "mean_absolute_error" in metrics:
            assert held.prepared is not None
            there = w[output] > 0 if output in w else slice(None)  # the others have no label
            labels = held.prepared.restored({output: y[output]})[output][there]  # the mean is 0 as it is trained
            mean = held.prepared.restored({output: np.zeros((1, 1))})[output]
            assert metrics["mean_absolute_error"] < 0.6 * float(np.abs(labels - mean).mean())
            continue
        accuracy = metrics.get("accuracy", metrics.get("binary_accuracy"))
        majority = score.majorities[output].share if output in score.majorities else 0.6  # labels of several.npz
        assert isinstance(accuracy, float) and accuracy > majority + MUST["accuracy"]


KINDS = ("number", "whole", "flag", "word", "code", "sentence", "empty", "same", "date", "gaps", "mixed", "NA", "odd")
NAMES = ["id", "numbers", "kinds", "hidden", "x_code", "y", "Y", "x", "", "a\nb", "x" * 80, "$y", "#", "0", "Ω", "{a}"]


def cells(kind: str, rows: int, rng: random.Random) -> list[str]:
    def one(at: int) -> str:
        match kind:
            case "number":
                return f"{rng.gauss(0, 10):.3f}"
            case "whole":
                return str(rng.randint(0, 4))
            case "flag":
                return rng.choice(["true", "false"])
            case "word":
                return rng.choice(["a", "b ", "c", "ça"])
            case "code":
                return f"c{at}"
            case "sentence":
                return " ".join(rng.choice(["the", "cat", "sat", "Über", "42"]) for _ in range(rng.randint(0, 9)))
            case "empty":
                return ""
            case "same":
                return "same"
            case "date":
                return f"2024-01-{1 + at % 28:02d}"
            case "gaps":
                return rng.choice(["", "NA", "7", "8.5"])
            case "mixed":
                return rng.choice(["1", "2", "many"])
            case "NA":
                return rng.choice(["NA", "null"])
        return rng.choice(['"', ", ", "\n", "é", "\t", "1e400", "-inf", "1."])

    return [one(at) for at in range(rows)]


@pytest.mark.parametrize("seed", range(150))
def test_any_table_gets_a_sound_spec_or_a_reason(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    rows = rng.choice([1, 2, 3, 9, 10, 12, 25, 60, 300])
    names = rng.sample(NAMES, rng.randint(2, 8))
    columns = {name: cells(rng.choice(KINDS), rows, rng) for name in names}
    write_csv(tmp_path / "any.csv", columns)
    targets = rng.sample([name for name in names if name] or ["y"], rng.choice([1, 1, 2]) if len(names) > 3 else 1)
    monkeypatch.chdir(tmp_path)
    try:
        text = api.first_spec("any.csv", targets)
    except DataError as error:
        assert error.code in ("NS702", "NS705", "NS706", "NS707"), error
        return
    (tmp_path / "any.yaml").write_text(text, encoding="utf-8")
    assert pipeline.analyze("any.yaml").diagnostics == (), text
    assert splits.read(api.checked("any.yaml"), 1).train.rows > 0


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a b",
        "no",
        "1",
        "1e3",
        "~",
        "$x",
        "$$",
        "a: b",
        "a #",
        "'",
        '"\\',
        "\x07",
        "\u2028",
        "😀",
        "-",
        "[",
        "é",
        "",
    ],
)
def test_quoted_text_is_read_back(text: str) -> None:
    read = parse_value(quoted(text))
    assert (read[1:] if text.startswith("$") else read) == text
    assert quoted(text).startswith('"') or plain(quoted(text)) == read


def spec_of(**columns: Any) -> str:
    write_csv(Path("t.csv"), columns)
    return api.first_spec("t.csv", "y")


def refusal(**columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        spec_of(**columns)
    return caught.value.message


def test_what_cannot_be_learned_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = list(range(40))
    assert "one value, `a`" in refusal(x=x, y=["a"] * 40)
    assert "is empty" in refusal(x=x, y=[""] * 40)
    assert "40 different texts in 40 rows" in refusal(x=x, y=[f"t{at}" for at in x])
    assert "no column to learn from" in refusal(x=["same"] * 40, y=x)
    assert "too large" in refusal(x=[1.5, 2] * 20, y=[at * 1e200 for at in x])


def test_values_that_make_no_column_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"x": at % 7 / 2, "where": {"lat": at}, "tags": [{"name": "a"}], "y": at % 2} for at in range(40)]
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = api.first_spec("t.jsonl", "y")
    assert "left out: `where` holds values of the kind struct<lat: int64>" in text and "`tags` holds values" in text
    with pytest.raises(DataError, match="column `where` holds values of the kind"):
        api.first_spec("t.jsonl", "where")


def test_a_target_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,\n" + "".join(f"{at / 3},{at % 2}\n" for at in range(40)))
    with pytest.raises(DataError, match="has no name, so it is no target"):
        api.first_spec("t.csv", "")


def test_names_are_near_and_files_are_told_as_fit_tells_them(run: Any, tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", {"liked": ["a", "b"], "x": [1, 2]})
    near = run("init", "t.csv", "--target", "likd", cwd=tmp_path)
    assert near.rc == 1 and "NS702" in near.stderr and "did you mean `liked`?" in near.stderr
    (tmp_path / "broken.csv").write_text("x,y\n1,2\n3,4,5\n", encoding="utf-8")
    (tmp_path / "s.yaml").write_text(
        "inputs: {x: [1]}\nlayers:\n  - Dense: 1\n    name: y\nlosses: mse\ndata: {train: broken.csv}\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError) as fitted:
        splits.read(api.checked(tmp_path / "s.yaml", ["data.train=" + str(tmp_path / "other.csv")]), 1)
    missing = run("init", tmp_path / "other.csv", "--target", "y", cwd=tmp_path)
    assert missing.stderr.splitlines()[0].partition("]: ")[2] == fitted.value.message
    broken = run("init", "broken.csv", "--target", "y", cwd=tmp_path)
    assert broken.rc == 1 and "row 2 (line 3): expected 2 columns, got 3" in broken.stderr


def test_it_never_overwrites_and_writes_paths_from_where_the_spec_lies(run: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "specs").mkdir()
    write_csv(tmp_path / "data/t;.csv", {"a b": [1, 2, 3] * 5, "y": ["u", "v", "v"] * 5}, ";")
    wrote = run("init", "data/t;.csv", "-t", "y", "-o", "specs/a.yaml", "--name", "mine", cwd=tmp_path)
    assert wrote.rc == 0 and wrote.stdout == "" and "netspec fit specs/a.yaml" in wrote.stderr
    text = (tmp_path / "specs/a.yaml").read_text(encoding="utf-8")
    assert 'train: {csv: "../data/t;.csv", separator: ";"}' in text and "name: mine\n" in text
    assert run("validate", "specs/a.yaml", cwd=tmp_path).stdout == "1 spec, no problems\n"
    again = run("init", "data/t;.csv", "-t", "y", "-o", "specs/a.yaml", cwd=tmp_path)
    assert again.rc == 2 and "exists" in again.stderr and "--force" in again.stderr
    assert (tmp_path / "specs/a.yaml").read_text(encoding="utf-8") == text
    assert run("init", "data/t;.csv", "-t", "y", "-o", "specs/a.yaml", "--force", cwd=tmp_path).rc == 0
    assert "name: a\n" in (tmp_path / "specs/a.yaml").read_text(encoding="utf-8")
    shown = run("init", "data/t;.csv", "-t", "y", cwd=tmp_path)
    assert shown.rc == 0 and 'train: {csv: "data/t;.csv", separator: ";"}' in shown.stdout
    assert run("init", "data/t;.csv", "-t", "y", "--name", "a b", cwd=tmp_path).rc == 2
    assert run("init", "data/t;.csv", "-t", "y", "-o", "no/a.yaml", cwd=tmp_path).rc == 2
    own = run("init", "data/t;.csv", "-t", "y", "-o", "data/t;.csv", "--force", cwd=tmp_path)
    assert own.rc == 2 and ".yaml" in own.stderr and (tmp_path / "data/t;.csv").read_text().startswith("a b;y")


def test_choices_follow_the_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = range(200)
    text = spec_of(
        customer_id=[at * 7 % 1009 for at in rows],
        town=[f"town {at % 30}" for at in rows],
        note=[f"the {at % 7} red cats sat on mat {at % 11}" for at in rows],
        stars=[at % 5 for at in rows],
        y=[f"{at % 13 / 3:.4f}" for at in rows],
    )
    assert "left out: `customer_id` is an id: every value differs" in text
    assert "town: {column: town, category: true}" in text and "Embedding: {input_dim: 31" in text
    assert "note: {column: note, text: {vocabulary: " in text and "GlobalAveragePooling1D" in text
    assert "numbers: {column: stars, normalize: true}" in text
    assert "losses: mean_squared_error" in text and "y: {column: y, normalize: true}" in text


def test_digits_with_leading_zeros_are_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{at % 5:02d},{at % 30:04d},{at % 5},{at % 2}\n" for at in range(120))
    Path("t.csv").write_text("office,area,size,y\n" + rows, encoding="utf-8")
    text = api.first_spec("t.csv", "y")
    assert "kinds: {column: office, category: true}" in text and "area: {column: area, category: true}" in text
    assert "numbers: {column: size, normalize: true}" in text
    assert pipeline.analyze_text(text, folder=".").diagnostics == ()


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(NetspecError, match="UTF-8"):
        api.first_spec("\udcff.csv", "y")


SHAPES = [(), (1,), (3,), (0,), (8, 8), (5, 2), (28, 28), (8, 8, 3), (2, 8, 3), (4, 4, 4, 2)]
DTYPES = ["uint8", "int8", "bool", "float16", "float32", "float64", "int64", "uint64", "<U3", "S2"]


@pytest.mark.parametrize("seed", range(80))
def test_any_arrays_get_a_sound_spec_or_a_reason(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    rows = rng.choice([2, 10, 40])
    arrays: dict[str, np.ndarray] = {}
    for name in ("x", "y", "größe", "label"):
        dtype = np.dtype(rng.choice(DTYPES))
        shape = () if dtype.kind in "US" else rng.choice(SHAPES)
        numbers = draw.integers(0, rng.choice([2, 5, 120]), (rows, *shape))
        arrays[name] = (
            numbers.astype(dtype) if dtype.kind != "f" else (numbers + draw.random(numbers.shape)).astype(dtype)
        )
        if dtype.kind == "f" and rng.random() < 0.3:
            arrays[name][draw.random(numbers.shape) < 0.1] = rng.choice([np.nan, np.nan, np.inf])
    np.savez(tmp_path / "any.npz", **arrays)
    monkeypatch.chdir(tmp_path)
    try:
        text = api.first_spec("any.npz", "label")
    except DataError as error:
        assert error.code in ("NS706", "NS707"), error
        return
    (tmp_path / "any.yaml").write_text(text, encoding="utf-8")
    assert pipeline.analyze("any.yaml").diagnostics == (), text
    assert splits.read(api.checked("any.yaml"), 1).train.rows > 0


def test_a_wide_table_is_parted_into_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    columns: dict[str, Any] = {f"c{at}": draw.normal(size=20).round(2).tolist() for at in range(5_100)}
    write_csv(tmp_path / "wide.csv", {**columns, "y": ["u", "v"] * 10})
    spec = first(tmp_path, "wide.csv", ["y"], monkeypatch)
    text = spec.read_text(encoding="utf-8")
    assert "numbers: [5000]" in text and "numbers_2: [100]" in text and max(map(len, text.splitlines())) <= 120
    assert splits.read(api.checked(spec), 1).train.rows == 16


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NS704"),
        ("a,y\n", "NS704"),
        ("a,a,y\n1,2,3\n", "NS705"),
        ('a,y\n"1,2\n', "NS705"),
        ("a,y\n\udcff,1\n", "NS705"),
    ],
)
def test_what_fit_cannot_read_is_no_table(
    text: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        api.first_spec("t.csv", "y")
    assert caught.value.code == code


def test_a_row_without_one_of_two_labels_trains_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, targets = CASES["two_targets"](tmp_path, np.random.default_rng(7))
    spec = first(tmp_path, table, targets, monkeypatch)
    text = spec.read_text(encoding="utf-8")
    assert "weight: {column: weight, missing: mask, normalize: true}" in text
    assert splits.read(api.checked(spec), 1).train.rows == 640


def test_dates_and_lists_become_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, targets = CASES["dates"](tmp_path, np.random.default_rng(7))
    text = first(tmp_path, table, targets, monkeypatch).read_text(encoding="utf-8")
    parts = "{parts: [timestamp, month, weekday], cyclic: true}"
    assert f"day: {{column: day, date: {parts}, normalize: true, missing: mean" in text
    assert 'cyclic: true, format: "%d.%m.%Y %H:%M"}' in text
    assert "left out: `unclear` holds dates whose day and month cannot be told apart" in " ".join(text.split())
    assert "left out: `broken` holds dates, not all of which can be read" in text
    table, targets = CASES["number_lists"](tmp_path, np.random.default_rng(7))
    text = first(tmp_path, table, targets, monkeypatch).read_text(encoding="utf-8")
    assert "readings: {column: readings, array: true, normalize: true}" in text and "readings: [4]" in text
    assert "track: {column: track, array: {length: 8}, normalize: true}" in text and "track: [8, 2]" in text
    assert "wave: [8, 1]" in text and "tags: {column: tags, sequence: {vocabulary: 10" in text
    table, targets = CASES["list_labels"](tmp_path, np.random.default_rng(7))
    text = first(tmp_path, table, targets, monkeypatch).read_text(encoding="utf-8")
    assert "y: {column: y, array: true, normalize: true}" in text and "Dense: {units: 2}" in text
    assert "amount: {" not in text  # decimal commas are no lists


def test_a_folder_of_images(run: Any, tmp_path: Path) -> None:
    CASES["photos"](tmp_path, np.random.default_rng(7))
    shown = run("init", "photos", cwd=tmp_path)
    assert shown.rc == 0, shown.stderr
    assert "image: [16, 16, 3]" in shown.stdout and "train: {images: photos}" in shown.stdout
    assert "image: {column: image, image: {resize: crop}, rescale: 0.00392}" in shown.stdout
    assert "label: {column: label, classes: [dark, light]}" in shown.stdout and "on_error" not in shown.stdout
    (tmp_path / "photos/dark/broken.jpg").write_bytes(b"none")
    (tmp_path / "specs").mkdir()
    assert run("init", "photos/", "--target", "label", "-o", "specs/p.yaml", cwd=tmp_path).rc == 0
    text = (tmp_path / "specs/p.yaml").read_text()
    assert 'train: {images: "../photos"}' in text and "on_error: skip" in text and "name: p\n" in text
    assert run("validate", "specs/p.yaml", cwd=tmp_path).stdout == "1 spec, no problems\n"
    (tmp_path / "empty").mkdir()
    assert run("init", "empty", cwd=tmp_path).rc == 1
    write_csv(tmp_path / "t.csv", {"x": [1, 2], "y": [1, 2]})
    untold = run("init", "t.csv", cwd=tmp_path)
    assert untold.rc == 2 and "--target" in untold.stderr


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x07\x08\0\0\0\0", (7, 5, 1)),
        (b"GIF89a\x05\0\x07\0" + b"\0" * 9, (7, 5, 3)),
        (b"BM" + b"\0" * 16 + b"\x05\0\0\0\xf9\xff\xff\xff" + b"\0" * 9, (7, 5, 3)),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x07\0\x05\x01" + b"\0" * 9, (7, 5, 1)),
        (b"\xff\xd8\xff", None),
        (b"", None),
    ],
)
def test_sizes_are_read_from_the_first_bytes(data: bytes, size: Any, tmp_path: Path) -> None:
    from netspec.runtime.data import photos

    (tmp_path / "x").write_bytes(data)
    assert photos.size(str(tmp_path / "x")) == photos.size(data) == size


@pytest.mark.parametrize(
    ("cells", "separator", "found"),
    [
        (["3,14", "2,5", "", "NA"], ";", True),
        (["3,14", "2,5"], ",", True),
        (["3,14", "x"], ";", False),
        (["1,234", "12,345,678"], ",", False),
        (["1,234", "0,5"], ";", True),
        (["3", "4"], ";", False),
    ],
)
def test_decimal_commas_are_seen(
    cells: list[str], separator: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netspec.runtime.data import given

    monkeypatch.chdir(tmp_path)
    columns = {"x": cells, "y": range(len(cells))}
    write_csv(tmp_path / "t.csv", columns, separator=separator)
    assert (given.source("t.csv", None).decimal == ",") is found
    write_csv(tmp_path / "t.csv", {**columns, "z": ["1.5"] * len(cells)}, separator=separator)
    assert given.source("t.csv", None).decimal is None
    text = "\n".join(["x;y;z", *(f"{at},5;{at % 7};{at * at}.5" for at in range(30))])
    (tmp_path / "t.csv").write_text(text)
    made = " ".join(api.first_spec("t.csv", "y").replace("#", "").split())
    assert "left out: `x` has numbers such as `0,5`, whose decimal mark should be a point" in made


def test_a_run_reads_other_rows_as_its_own(tmp_path: Path) -> None:
    from netspec.runtime.run.inference import source_of

    table, _ = CASES["commas"](tmp_path, np.random.default_rng(7))
    (tmp_path / "s.yaml").write_text(api.first_spec(tmp_path / table, "preis", out=tmp_path / "s.yaml"))
    made = source_of(tmp_path / table, api.checked(tmp_path / "s.yaml"), ("breite",))
    assert (made.separator, made.decimal) == (";", ",")


def test_a_column_of_images_becomes_an_image_input(tmp_path: Path, run: Any) -> None:
    CASES["listed_photos"](tmp_path, np.random.default_rng(7))
    text = run("init", "shop/goods.csv", "--target", "price", cwd=tmp_path).stdout
    assert "photo: [16, 16, 3]" in text and "Conv2D: {filters: 16" in text and "on_error" not in text
    assert "photo: {column: photo, image: {resize: crop}, rescale: 0.00392}" in text
    assert "# images of about 24 x 25 become 16 x 16 pixels, cut at their sides, from 0 to 1" in text
    (tmp_path / "shop/img/3.PNG").unlink()
    assert "on_error: skip" in run("init", "shop/goods.csv", "--target", "price", cwd=tmp_path).stdout
    (tmp_path / "shop/goods.csv").rename(tmp_path / "goods.csv")
    text = run("init", "goods.csv", "--target", "price", cwd=tmp_path).stdout
    assert "left out: `photo` names images that are not there; their paths are relative to the table" in text
    write_csv(tmp_path / "two.csv", {"photo": ["a.png", "none"] * 20, "x": range(40), "y": [1, 2, 3, 4] * 10})
    assert "photo: {column: photo, image" not in run("init", "two.csv", "--target", "y", cwd=tmp_path).stdout
