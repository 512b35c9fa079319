"""Data of any size: read block by block they give the examples that they give whole, every kind of file the same."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
import pyarrow.feather  # noqa: E402
import pyarrow.parquet  # noqa: E402

from netspec import api  # noqa: E402
from netspec.catalog.types import TensorType  # noqa: E402
from netspec.language.schema import Category, Data, Feature, Source, Target, Text  # noqa: E402
from netspec.runtime.data import (  # noqa: E402
    arrays,
    columnar,
    json_lines,
    multi,
    readings,
    sources,
    stepwise,
    store,
    text_files,
)
from netspec.runtime.data.columns import lists, numbers, texts  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.sources import Stream, opened, read  # noqa: E402
from netspec.runtime.data.store import Gatherer, Held, Store  # noqa: E402
from netspec.runtime.data.tables import Rows, Table, chosen  # noqa: E402
from netspec.runtime.trusted import trusting  # noqa: E402

WORDS = ["the", "a", "Keras", "layer's", "model", "é", "naïve", "loss,", "and", "ünits", "42", "x_y"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a short file has many, and nothing that is held."""
    monkeypatch.setattr(sources, "HELD", 0)
    monkeypatch.setattr(text_files, "_BLOCK_STREAMED", 1 << 10)
    monkeypatch.setattr(columnar, "_ROWS", 37)
    monkeypatch.setattr(json_lines, "_BLOCK", 1 << 12)
    monkeypatch.setattr(arrays, "_BLOCK", 1 << 9)


def rows(count: int, seed: int = 1) -> dict[str, list[Any]]:
    draw = np.random.default_rng(seed)
    return {
        "title": [
            " ".join(draw.choice(WORDS, draw.integers(0, 9))) + "\nend" * int(at % 50 == 0) for at in range(count)
        ],
        "size": [None if draw.random() < 0.1 else round(float(draw.normal(5, 3)), 3) for _ in range(count)],
        "kind": [str(draw.choice(["b", "a", " c ", ""])) for _ in range(count)],
        "label": [None if draw.random() < 0.05 else str(draw.choice(["no", "yes"])) for _ in range(count)],
    }


def write_csv(path: Path, columns: dict[str, list[Any]]) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            [["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True)]
        )


def write_jsonl(path: Path, columns: dict[str, list[Any]]) -> None:
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def kinds(folder: Path, columns: dict[str, list[Any]]) -> Iterator[Source]:
    """The same rows in every kind of file."""
    write_csv(folder / "t.csv", columns)
    yield Source(csv=("t.csv",))
    text = (folder / "t.csv").read_bytes()
    (folder / "p.csv.gz").write_bytes(gzip.compress(text))
    yield Source(csv=("p.csv.gz",))
    (folder / "p.csv.bz2").write_bytes(bz2.compress(text))
    yield Source(csv=("p.csv.bz2",))
    with pa.output_stream(str(folder / "p.csv.zst"), compression="zstd") as stream:
        stream.write(text)
    yield Source(csv=("p.csv.zst",))
    write_jsonl(folder / "t.jsonl", columns)
    yield Source(jsonl=("t.jsonl",))
    table = pa.table(columns)
    pyarrow.parquet.write_table(table, folder / "t.parquet")
    yield Source(parquet=("t.parquet",))
    pyarrow.feather.write_feather(table, str(folder / "t.feather"))
    yield Source(arrow=("t.feather",))
    (folder / "parts" / "deep").mkdir(parents=True)
    (folder / "parts" / "_skipped.parquet").write_text("no")
    pyarrow.parquet.write_table(table.slice(0, 100), folder / "parts" / "deep" / "b.parquet")
    pyarrow.parquet.write_table(table.slice(100), folder / "parts" / "z.parquet")
    yield Source(parquet=("parts",))
    yield Source(parquet=("parts/deep/*.parquet", "parts/z.parquet"))


DATA = Data(
    features={
        "words": Feature(column="title", text=Text(vocabulary=9, length=6)),
        "facts": Feature(columns=("size",), normalize=True),
        "kind": Feature(column="kind", category=Category(one_hot=True)),
    },
    targets={"out": Target(column="label")},
)
INPUTS = {"words": TensorType((None, 6), "int32"), "facts": TensorType((None, 1)), "kind": TensorType((None, 3))}
OUTPUTS = {"out": TensorType((None, 1))}
LOSSES = {"out": "binary_crossentropy"}


def prepared(found: Rows, most: int | None = None) -> tuple[Any, Held | Store]:
    learned = fit(DATA, INPUTS, OUTPUTS, found, losses=LOSSES)
    gathered = Gatherer(found.rows, most)
    for table in found.tables():
        made = learned.examples(table)
        if made.rows:
            gathered.add(made.x, made.y)
    return learned, gathered.made()


def whole(examples: Held | Store) -> tuple[store.Arrays, store.Arrays]:
    return store.joined(list(examples.pieces(64)))


def equal(a: tuple[store.Arrays, store.Arrays], b: tuple[store.Arrays, store.Arrays], close: bool = False) -> bool:
    same = np.allclose if close else np.array_equal
    return all(
        same(one[name], two[name]) and one[name].dtype == two[name].dtype
        for one, two in zip(a, b, strict=True)
        for name in one
    )


def test_every_kind_read_in_blocks_gives_what_a_whole_table_gives(
    tmp_path: Path, monkeypatch: Any, small: None
) -> None:
    columns = rows(400)
    expected = None
    for source in kinds(tmp_path, columns):
        found = opened(source, tmp_path)
        assert isinstance(found, Stream) and found.rows == 400 and len(list(found.tables())) > 2, source
        learned, examples = prepared(found, most=100)
        assert isinstance(examples, Store)
        table = sources.joined(found)
        assert texts(table, "title") == columns["title"], source
        other, held = prepared(table)
        assert isinstance(held, Held)
        assert equal(whole(examples), whole(held), close=True), source
        assert learned.labels == other.labels and learned.features["words"] == other.features["words"]
        expected = expected or whole(held)
        assert equal(whole(held), expected), source
    assert expected is not None and len(expected[1]["out"]) == sum(label is not None for label in columns["label"])


def test_chosen_rows_of_a_stream_are_those_of_a_table(tmp_path: Path, small: None) -> None:
    write_csv(tmp_path / "t.csv", rows(300))
    found = opened(Source(csv=("t.csv",)), tmp_path)
    mask = np.random.default_rng(0).random(300) < 0.3
    few = chosen(found, mask)
    assert few.rows == mask.sum() and few.names == found.names
    assert texts(sources.joined(few), "title") == texts(sources.joined(found).take(np.flatnonzero(mask)), "title")


def test_arrays_are_read_in_blocks_stored_or_packed(tmp_path: Path, small: None) -> None:
    x, y = np.arange(600, dtype=np.int16).reshape(100, 2, 3), np.arange(100) % 3
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "b.npz", x=x, y=y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "f.npy", np.asfortranarray(x))
    for source in (Source(npz="a.npz"), Source(npz="b.npz"), Source(npy={"x": "x.npy"})):
        found = opened(source, tmp_path, columns=["x"])
        assert isinstance(found, Stream) and len(list(found.tables())) > 2
        assert np.array_equal(sources.joined(found).columns["x"], x)
    assert np.array_equal(read(Source(npy={"x": "f.npy"}), tmp_path).columns["x"], x)


def test_a_row_of_a_later_file_is_named_by_its_file_and_line(tmp_path: Path, small: None) -> None:
    write_csv(tmp_path / "a.csv", {"n": ["1"] * 50, "m": ["x\ny"] * 50})
    write_csv(tmp_path / "b.csv", {"m": ["x\ny"] * 50, "n": ["1"] * 30 + ["what"] + ["1"] * 19})
    found = opened(Source(csv=("a.csv", "b.csv")), tmp_path, columns=["n"])
    assert found.rows == 100
    with pytest.raises(DataError, match=r"`b.csv` row 31 \(line 62\), column `n`: expected a number, got `what`"):
        for table in found.tables():
            numbers(table, "n")


EMPTY = {"csv": (b"a,b\n", b""), "tsv": (b"a\tb\n\n", b""), "jsonl": (b"\n", b"")}


@pytest.mark.parametrize("kind", EMPTY)
def test_parts_without_rows_are_left_out_and_named(tmp_path: Path, kind: str) -> None:
    row = {"csv": b"a,b\n1,%d\n", "tsv": b"a\tb\n1\t%d\n", "jsonl": b'{"a": 1, "b": %d}\n'}[kind]
    for name, data in zip("bd", EMPTY[kind], strict=True):
        (tmp_path / f"{name}.{kind}").write_bytes(data)
    for name in ("a", "c", "e"):
        (tmp_path / f"{name}.{kind}").write_bytes(row % ord(name))
    for names in ((".",), (f"*.{kind}",), tuple(f"{name}.{kind}" for name in "badce")):
        source = Source.model_validate({kind: names})
        found = opened(source, tmp_path)
        assert found.rows == 3 and set(sources.column_names(source, tmp_path)) == {"a", "b"}
        assert {int(value) for value in numbers(sources.joined(found), "b")} == {ord("a"), ord("c"), ord("e")}
        assert sorted(sources.said_without(found).split("`")[1::2]) == [f"b.{kind}", f"d.{kind}"]
    several = opened(Source.model_validate({kind: (f"d.{kind}", f"a.{kind}")}), tmp_path)
    assert (several.rows, sources.said_without(several)) == (1, f"no rows in `d.{kind}`")
    with pytest.raises(DataError, match=rf"none of the 2 files from `[bd].{kind}` on has rows|is empty") as caught:
        opened(Source.model_validate({kind: (f"b.{kind}", f"d.{kind}")}), tmp_path)
    assert caught.value.code == "NS704"


def test_a_part_without_rows_is_named_in_the_report(tmp_path: Path, small: None) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "b.csv").write_text("x,y\n")
    said = {part: {"csv": ["a.csv", "b.csv"]} for part in ("train", "validation")}
    spec = {
        "inputs": {"x": [1]},
        "layers": [{"Dense": 1, "name": "y"}],
        "losses": "mse",
        "data": {**said, "features": {"x": "x"}, "targets": {"y": "y"}},
    }
    (tmp_path / "s.yaml").write_text(json.dumps(spec))
    parts = api.survey(tmp_path / "s.yaml").parts
    assert [part.notes[1] for part in parts] == ["no rows in `b.csv`"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n" + "1,2\n" * 900 + "3\n", "row 901 (line 902): expected 2 columns, got 1"),
        ("a,b\n" + "1,2\n" * 900 + '3,"4\n', "row 901 (line 902): a double quote is never closed"),
        ("a,b\n" + "1,2\n" * 900 + "3,\udce9\n", "line 902 is not UTF-8"),
        ("a,b\n", "a header and no rows"),
    ],
)
def test_broken_text_in_a_stream(tmp_path: Path, small: None, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        opened(Source(csv=("t.csv",)), tmp_path)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 3 is no JSON"),
        ("[1]", "line 3: expected a mapping"),
        ('{"a": "x"}', "line 3: `a` is text, on line 1 it is a number"),
    ],
)
def test_broken_lines_of_json(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": 2}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        numbers(read(Source(jsonl=("t.jsonl",)), tmp_path), "a")
    assert words in caught.value.message


def test_values_of_columnar_files(tmp_path: Path) -> None:
    import datetime
    import decimal

    columns = {
        "whole": pa.array([1, 2]),
        "holes": pa.array([1, None]),
        "yes": pa.array([True, None]),
        "price": pa.array([decimal.Decimal("1.50"), None]),
        "when": pa.array([datetime.datetime(2024, 2, 3, 4, 5), None]),
        "long": pa.array([datetime.timedelta(milliseconds=1500), None], pa.duration("ms")),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "pair": pa.array([[1.0, 2.0], [3.0, 4.0]]),
        "ids": pa.array([[1, 2], [3]]),
        "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
        "nothing": pa.nulls(2),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read(Source(parquet=("t.parquet",)), tmp_path)
    assert table.columns["whole"].dtype == np.int64
    assert [np.isnan(table.columns[name]).tolist() for name in ("holes", "yes", "price")] == [[False, True]] * 3
    assert table.columns["long"][0] == 1.5 and np.isnan(table.columns["long"][1])
    assert texts(table, "when") == ["2024-02-03 04:05:00.000000", ""]
    assert texts(table, "kind") == ["a", "b"] and texts(table, "nothing") == ["", ""]
    assert table.columns["pair"].tolist() == [[1, 2], [3, 4]] and table.columns["fixed"].shape == (2, 2)
    assert table.columns["ids"] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([{"a": 1}], "holds values of the kind struct<a: int64>, which are no column"),
        ([[b"x"]], "holds lists of binary; expected lists of numbers"),
    ],
)
def test_columns_that_are_none(tmp_path: Path, cells: list[Any], words: str) -> None:
    pyarrow.parquet.write_table(pa.table({"a": cells, "b": [1] * len(cells)}), tmp_path / "t.parquet")
    with pytest.raises(DataError) as caught:
        read(Source(parquet=("t.parquet",)), tmp_path)
    assert words in caught.value.message
    assert read(Source(parquet=("t.parquet",)), tmp_path, columns=["b"]).rows == len(cells)


def test_files_that_are_damaged_or_missing(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "t.feather").write_bytes(b"no")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a\n1\n" * 99)[:-20])
    (tmp_path / "empty").mkdir()
    for source, words in (
        (Source(parquet=("t.parquet",)), "no Parquet file, or it is damaged"),
        (Source(arrow=("t.feather",)), "no Arrow file, or it is damaged"),
        (Source(csv=("t.csv.gz",)), "cannot be"),
        (Source(csv=("x-*.csv",)), "no file matches `x-*.csv`"),
        (Source(parquet=("empty",)), "has no files that end in .parquet"),
    ):
        with pytest.raises(DataError) as caught:
            read(source, tmp_path)
        assert words in caught.value.message, caught.value.message


def test_a_missing_list_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": [1, 2]}\n{"a": null}\n{}\n{"a": [3]}\n')
    _write(pa.table({"a": pa.array([[1, 2], None, None, [3]])}), tmp_path / "t.parquet")
    for source in (Source(jsonl=("t.jsonl",)), Source(parquet=("t.parquet",))):
        table = read(source, tmp_path)
        assert lists(table, "a") == [[1, 2], [], [], [3]]
        assert stepwise.missing(table, "a", False).tolist() == [False, True, True, False]
        assert readings.empty(table, "a").tolist() == [False, True, True, False]
        assert not multi.is_named(table, "a") and multi.missing(table, "a").tolist() == [False, True, True, False]
    (tmp_path / "t.jsonl").write_text('{"a": [1, 2.5]}\n{"a": null}\n')
    with pytest.raises(DataError) as caught:
        lists(read(Source(jsonl=("t.jsonl",)), tmp_path), "a")
    assert caught.value.help == "say `array: true` for lists of numbers"


def test_large_ids_beside_missing_ones_stay_apart(tmp_path: Path) -> None:
    ids = [2**53 + 1, None, 2**53 + 2, -(2**62) - 1, 7]
    want = ["9007199254740993", "", "9007199254740994", "-4611686018427387905", "7"]
    _write(pa.table({"a": pa.array(ids)}), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("".join(f'{{"a": {"null" if n is None else n}, "b": 1}}\n' for n in ids))
    for source in (Source(parquet=("t.parquet",)), Source(jsonl=("t.jsonl",))):
        assert texts(read(source, tmp_path), "a") == want
    pyarrow.parquet.write_table(
        pa.table({"a": pa.array([3, 4, None, 2**60 + 1])}), tmp_path / "u.parquet", row_group_size=2
    )
    assert texts(read(Source(parquet=("u.parquet",)), tmp_path), "a") == ["3", "4", "", str(2**60 + 1)]
    _write(pa.table({"a": pa.array([3, None])}), tmp_path / "v.parquet")
    assert np.isnan(read(Source(parquet=("v.parquet",)), tmp_path).columns["a"]).tolist() == [False, True]


def test_texts_that_are_not_utf8(tmp_path: Path) -> None:
    cells = pa.array([b"x", b"\xe9"]).view(pa.string())
    for kind in ("parquet", "arrow"):
        _write(pa.table({"a": cells, "b": [1, 2]}), tmp_path / f"t.{kind}")
        with pytest.raises(DataError, match=r"column `a` is damaged: Invalid UTF8 sequence"):
            read(Source.model_validate({kind: (f"t.{kind}",)}), tmp_path)
    (tmp_path / "t.jsonl").write_bytes(b'{"a": 1}\n\n{"a": 2, "b": "\xe9"}\n')
    with pytest.raises(DataError, match=r"`t\.jsonl` line 3 is not UTF-8"):
        read(Source(jsonl=("t.jsonl",)), tmp_path, columns=["a"])


def test_a_stream_of_arrow_is_read_as_a_file_is(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]})
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table, max_chunksize=2)
    found = read(Source(arrow=("t.arrow",)), tmp_path)
    assert (found.columns["a"].tolist(), texts(found, "b")) == ([1, 2, 3], ["x", "y", "z"])
    (tmp_path / "u.arrow").write_bytes((tmp_path / "t.arrow").read_bytes()[:-200])
    with pytest.raises(DataError, match="no Arrow file, or it is damaged"):
        read(Source(arrow=("u.arrow",)), tmp_path)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path, small: None) -> None:
    write_csv(tmp_path / "t.csv", rows(300))
    found = opened(Source(csv=("t.csv",)), tmp_path)
    tables = found.tables()
    next(tables)
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    with pytest.raises(DataError, match="was changed while it was read"):
        list(tables)


OWN = """
import numpy as np

def rows():
    for at in range(10_000):
        yield {"a": at % 7, "b": None if at == 3 else "x y", "c": [1, 2][: at % 3]}

def blocks():
    for start in range(0, 10_000, 3000):
        yield {"a": np.arange(start, min(start + 3000, 10_000))}

def none():
    return iter(())

def odd():
    yield 3

def broken():
    yield {"a": 1}
    raise KeyError("what")

def mixed():
    yield {"a": 1}
    yield {"a": "x"}
"""


def test_rows_of_ones_own_python_run_only_when_trusted(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("open('ran', 'w').close()\n" + OWN)
    with pytest.raises(DataError) as caught:
        opened(Source(python="mine:rows"), tmp_path)
    assert caught.value.code == "NS709" and "--trust" in str(caught.value.help)
    assert not (tmp_path / "ran").exists() and not Path("ran").exists()
    (tmp_path / "mine.py").write_text(OWN)
    with trusting(True):
        found = opened(Source(python="mine:rows"), tmp_path)
        assert isinstance(found, Stream) and found.rows == 10_000 and found.names == ("a", "b", "c")
        for _ in range(2):
            table = sources.joined(found)
            assert table.columns["a"].tolist() == [at % 7 for at in range(10_000)]
            assert texts(table, "b")[2:5] == ["x y", "", "x y"] and table.columns["c"][:3] == [[], [1], [1, 2]]
        assert sources.read(Source(python="mine:blocks"), tmp_path).columns["a"].tolist() == list(range(10_000))
        for name, words in (
            ("none", "yields no rows"),
            ("odd", "yields a int, expected a mapping"),
            ("broken", "ends with an error of its own: KeyError: 'what' (mine.py:"),
            ("mixed", "column `a`: expected numbers, text or lists, got int, str"),
            ("nine", "`mine` has nothing named `nine`"),
        ):
            with pytest.raises(DataError) as caught:
                sources.read(Source(python=f"mine:{name}"), tmp_path)
            assert words in caught.value.message
        with pytest.raises(DataError, match="No module named 'nowhere'"):
            opened(Source(python="nowhere:rows"), tmp_path)
        with pytest.raises(DataError, match="has no column `d`"):
            opened(Source(python="mine:rows"), tmp_path, columns=["d"])


def test_the_disk_holds_what_memory_should_not_and_nothing_is_left(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(store, "BLOCK", 400)
    gathered = Gatherer(1000, 100)
    x = np.arange(3000).reshape(1000, 3)
    for start in range(0, 1000, 130):
        gathered.add({"x": x[start : start + 130]}, {"y": x[start : start + 130, :1]})
    made = gathered.made()
    assert isinstance(made, Store) and made.rows == 1000 and made.blocks > 50 and not list(tmp_path.iterdir())
    for size in (1, 7, 999, 5000):
        pieces = list(made.pieces(size))
        assert all(len(piece[0]["x"]) == size for piece in pieces[:-1])
        assert np.array_equal(np.concatenate([piece[0]["x"] for piece in pieces]), x)
    assert np.array_equal(made.head(2)[1]["y"], x[:2, :1])


def test_a_disk_without_room_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(DataError, match=r"the prepared rows take up to 80\.0 kB, and .* has 1\.0 kB left"):
        Gatherer(10_000, 0).add({"x": np.zeros((5, 1))}, {})


def test_a_table_is_its_own_rows() -> None:
    table = Table({"a": np.arange(3)}, 3, "t")
    assert list(table.tables()) == [table] and table.names == ("a",)


def test_lines_of_json_go_by_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by its first megabytes: what is missing, whole, without a key or like a date there may differ below."""
    first = {"number": None, "part": 1, "when": "2024-02-03", "list": [], "unused": {"a": 1}}
    last = {"number": 2.5, "part": 1.5, "when": "soon", "list": [0.5], "unused": {"b": [1]}, "late": 7}
    lines = [json.dumps(first)] * 50 + ["", json.dumps(last)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(json_lines, "_BLOCK", 100)
    json_lines.scanned.cache_clear()
    asked = ["number", "part", "when", "list", "late"]
    table = read(Source(jsonl=("t.jsonl",)), tmp_path, columns=asked)
    assert table.rows == 51
    for name, ends in {"number": (np.nan, 2.5), "part": (1, 1.5), "late": (np.nan, 7)}.items():
        np.testing.assert_array_equal(numbers(table, name)[[0, -1]], ends)
    assert texts(table, "when")[-2:] == ["2024-02-03", "soon"]
    assert table.columns["list"][-1].as_py() == [0.5]


def test_dates_of_json_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "2024-02-03", "b": [["2024-02-03"]]}\n')
    assert texts(read(Source(jsonl=("t.jsonl",)), tmp_path, columns=["a"]), "a") == ["2024-02-03"]


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": 1, "a": 2}\n')
    with pytest.raises(DataError, match="line 2: the key `a` stands there twice"):
        opened(Source(jsonl=("t.jsonl",)), tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_two_columns_of_one_name(tmp_path: Path, kind: str) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "b"])
    _write(table, tmp_path / f"t.{kind}")
    source = Source.model_validate({kind: (f"t.{kind}",)})
    assert read(source, tmp_path, columns=["b"]).columns["b"].tolist() == [3]
    for asked in (["a"], None):
        with pytest.raises(DataError, match="has 2 columns named `a`; names must differ"):
            opened(source, tmp_path, columns=asked)


def test_a_row_of_a_later_file_without_lines_is_counted_in_that_file(tmp_path: Path) -> None:
    for name, value in (("t1", 1.0), ("t2", float("inf"))):
        _write(pa.table({"a": [0.0, value]}), tmp_path / f"{name}.parquet")
    rows = opened(Source(parquet=("t*.parquet",)), tmp_path)
    with pytest.raises(DataError, match=r"`t2\.parquet` row 2, column `a`"):
        for table in rows.tables():
            numbers(table, "a")


@pytest.mark.parametrize("whole", [True, False])
def test_a_row_that_is_longer_than_a_block(tmp_path: Path, whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 10)
    monkeypatch.setattr(text_files, "_BLOCK_STREAMED", 1 << 10)
    monkeypatch.setattr(sources, "HELD", 1 << 30 if whole else 0)
    words = "\n".join(["word"] * 4000)
    cells = [*(str(row) for row in range(500)), words, *(str(row) for row in range(500)), words * 2, "end"]
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f'"{cell}",1\n' for cell in cells))
    rows = opened(Source(csv=("t.csv",)), tmp_path)
    assert isinstance(rows, Table) == whole and rows.rows == len(cells)
    tables = list(rows.tables())
    assert [cell for table in tables for cell in texts(table, "a")] == cells
    assert whole or [table.first for table in tables][1:] == list(np.cumsum([t.rows for t in tables])[:-1] + 1)
    monkeypatch.setattr(text_files, "_MOST", 1 << 12)
    with pytest.raises(DataError, match="has a row of more than"):
        opened(Source(csv=("t.csv",)), tmp_path)


def _write(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path)
