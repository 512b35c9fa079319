"""Reading tables: what is right comes through unchanged, what is wrong is named with file, row and column."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, get_args

import pytest
from effort import patience

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.language.datasets import DATASETS  # noqa: E402
from netspec.language.schema import DatasetName, Source  # noqa: E402
from netspec.runtime.data.columns import lists, looks_numeric, numbers, texts  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.named import dataset  # noqa: E402
from netspec.runtime.data.sources import read  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402


def _read(folder: Path, data: bytes | str, columns: list[str] | None = None, **source: Any) -> Table:
    (folder / "t.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    return read(Source(csv=("t.csv",), **source), folder, columns=columns)


def _cells(table: Table, name: str) -> list[str]:
    return texts(table, name)


def test_cells_stay_the_text_that_they_are(tmp_path: Path) -> None:
    table = _read(tmp_path, 'a,b\r\n007,NA\r\n"x, ""y""\nz",null\r\n,2024-01-02\r\n')
    assert table.rows == 3
    assert _cells(table, "a") == ["007", 'x, "y"\nz', ""]
    assert _cells(table, "b") == ["NA", "null", "2024-01-02"]


def test_bom_separator_tabs_and_blank_lines(tmp_path: Path) -> None:
    assert _cells(_read(tmp_path, b"\xef\xbb\xbfa;b\n\n1;2,5\n\n", separator=";"), "b") == ["2,5"]
    (tmp_path / "t.tsv").write_text("a\tb\n1,2\t3\n")
    assert _cells(read(Source(tsv=("t.tsv",)), tmp_path), "a") == ["1,2"]


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    table = _read(tmp_path, "a,b,c\n1,2,3\n", ["c", "a"])
    assert list(table.columns) == ["c", "a"]


def test_columns_that_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    np.savez(tmp_path / "t.npz", a=np.arange(2), b=np.arange(2))
    np.save(tmp_path / "a.npy", np.arange(2))
    for source in (Source(csv=("t.csv",)), Source(npz="t.npz"), Source(npy={"a": "a.npy", "b": "a.npy"})):
        assert list(read(source, tmp_path, columns=["a"], also=["b", "c"]).columns) == ["a", "b"]


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("a.npy", b"hello")
    with pytest.raises(DataError, match=r"not an NPY array|damaged"):
        read(Source(npz="t.npz"), tmp_path)


@pytest.mark.parametrize("cell", ["1" * 5000, f"{2**63}", "1" + " " * 100_000 + "x"])
def test_lists_that_are_none(tmp_path: Path, cell: str) -> None:
    with patience(), pytest.raises(DataError, match=r"row 1 \(line 2\), column `a`: expected whole numbers"):
        lists(_read(tmp_path, f"a\n{cell}\n"), "a")
    assert lists(_read(tmp_path, f"a\n{2**63 - 1} 0007\n"), "a") == [[2**63 - 1, 7]]


def test_numbers_and_what_counts_as_missing(tmp_path: Path) -> None:
    table = _read(tmp_path, "a,b\n1e-3,true\n NA ,FALSE\n,1\n-2.5,0\nnan,n/a\n")
    assert numbers(table, "a").tolist()[0::3] == [0.001, -2.5]
    assert np.isnan(numbers(table, "a")).tolist() == [False, True, True, False, True]
    assert numbers(table, "b")[:4].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("cell", ["abc", "1_000", "0x10", "inf", "1e999", "nan(1)"])
def test_text_where_a_number_belongs(tmp_path: Path, cell: str) -> None:
    table = _read(tmp_path, f'a,b\n"x\n\ny",1\nz,\nw,{cell}\n')
    with pytest.raises(DataError) as caught:
        numbers(table, "b")
    assert caught.value.code == "NS703"
    assert "`t.csv` row 3 (line 6), column `b`: expected a" in caught.value.message
    assert caught.value.message.endswith(f"got `{cell}`")


def test_a_decimal_comma_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        numbers(_read(tmp_path, 'a;b\n1;"2,5"\n', separator=";"), "b")
    assert caught.value.help is not None
    assert "2.5" in caught.value.help


@pytest.mark.parametrize("held", [1 << 26, 0])
def test_numbers_with_decimal_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    from netspec.runtime.data import sources
    from netspec.runtime.data.vectors import Listed
    from netspec.runtime.data.vectors import read as read_lists

    monkeypatch.setattr(sources, "HELD", held)
    (tmp_path / "t.csv").write_text(
        'n;w;l;t\n3,14;7;0,5 1;1,5\n-1e-3;;"[2,25; ,5]";2,0\n,5;TRUE;;x\n', encoding="utf-8"
    )
    source = Source(csv=("t.csv",), separator=";", decimal=",")
    table = sources.read(source, tmp_path)
    np.testing.assert_array_equal(numbers(table, "n"), [3.14, -1e-3, 0.5])
    np.testing.assert_array_equal(numbers(table, "w"), [7, np.nan, 1])
    assert texts(table, "t") == ["1,5", "2,0", "x"] and looks_numeric(table, "t")
    assert read_lists(table, "l", Listed(None, (), False)).steps.ravel().tolist() == [0.5, 1, 2.25, 0.5]
    for cell in ("1.5", "1.234,5", "1,234,5"):
        (tmp_path / "t.csv").write_text(f"n;m\n1,5;2\n{cell};3\n", encoding="utf-8")
        with pytest.raises(
            DataError, match=rf"row 2 \(line 3\), column `n`: expected a number, got `{cell}`"
        ) as caught:
            numbers(sources.read(source, tmp_path), "n")
        assert (caught.value.help == "write `1,5`: the decimal mark of this file is a comma") == (cell == "1.5")


def test_rows_keep_their_number_when_others_are_taken_away(tmp_path: Path) -> None:
    table = _read(tmp_path, "a\n1\n2\nx\n4\n").take(np.array([3, 2]))
    with pytest.raises(DataError, match="row 3 "):
        numbers(table, "a")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "NS704", "is empty"),
        (b"\n \n", "NS704", "a header and no rows"),
        (b"a,b\n", "NS704", "a header and no rows"),
        (b"a,b", "NS704", "a header and no rows"),
        (b"a,b\n1,2\n\n3\n4,5\n", "NS705", "row 2 (line 4): expected 2 columns, got 1"),
        (b'a,b\n"x\ny",2\n3,4,5\n', "NS705", "row 2 (line 4): expected 2 columns, got 3"),
        (b"a,b\n1,2\n3,\xe9\n", "NS705", "line 3 is not UTF-8"),
        (b"a,b\n1,2\n3,\xc3", "NS705", "line 3 is not UTF-8"),
        (b"\xff\xfea\x00\n\x001\x00", "NS705", "UTF-16"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "NS705", "row 2 (line 3): a double quote is never closed"),
        (b'a,b\n"x\n""y""\n",1\n\n"3\n\n",4\n"","\n5,6\n', "NS705", "row 3 (line 9): a double quote is never closed"),
        (b'a,"b\n1,2\n', "NS705", "`t.csv` line 1: a double quote is never closed"),
        (b'a,b\n1,"' + b"x\n" * 5_000_000, "NS705", "a double quote is never closed"),
        (b"a,a\n1,2\n", "NS705", "2 columns named `a`"),
    ],
)
def test_bad_text_files(tmp_path: Path, data: bytes, code: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, data)
    assert caught.value.code == code
    assert words in caught.value.message
    assert "t.csv" in caught.value.message


def test_a_missing_column_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, "headline,hour\nx,1\n", ["hedline"])
    assert caught.value.code == "NS702"
    assert caught.value.message == "`t.csv` has no column `hedline`; it has `headline`, `hour`"
    assert caught.value.help == "did you mean `headline`?"
    with pytest.raises(DataError) as caught:
        _read(tmp_path, "X,hour\nx,1\n", ["x"])
    assert caught.value.help == "did you mean `X`?"


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty.npz").touch()
    found = {}
    for name in ("none.csv", "fifo", ".", "a\0b", "/dev/zero", "empty.npz"):
        for source in (Source(csv=(name,)), Source(npz=name), Source(npy={"a": name})):
            with pytest.raises(DataError) as caught:
                read(source, tmp_path)
            found[name] = caught.value.code
    assert found == {
        "none.csv": "NS701",
        "fifo": "NS705",
        ".": "NS705",
        "a\0b": "NS705",
        "/dev/zero": "NS705",
        "empty.npz": "NS704",
    }


def test_archives_and_arrays(tmp_path: Path) -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez_compressed(tmp_path / "t.npz", image=image, name=np.array(["é", "b"]), raw=np.array([b"x", b"y"]))
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, -4]]))
    table = read(Source(npz="t.npz"), tmp_path, columns=["image", "name"])
    assert list(table.columns) == ["image", "name"]
    assert np.array_equal(table.columns["image"], image)
    assert texts(table, "name") == ["é", "b"]
    assert texts(read(Source(npz="t.npz"), tmp_path), "raw") == ["x", "y"]
    arrays = read(Source(npy={"x": "x.npy"}), tmp_path)
    with pytest.raises(DataError, match=r"`x.npy` row 2, column `x`: expected whole numbers of 0 or more, got `-4`"):
        lists(arrays, "x")
    with pytest.raises(DataError) as caught:
        read(Source(npz="t.npz"), tmp_path, columns=["imag"])
    assert (caught.value.code, caught.value.help) == ("NS702", "did you mean `image`?")


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (sys.exit, (99,))


def test_bad_archives(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", a=np.arange(1000.0), b=np.arange(1000))
    whole = (tmp_path / "good.npz").read_bytes()
    for at in [*range(1, len(whole), 997), len(whole) - 1]:
        (tmp_path / "cut.npz").write_bytes(whole[:at])
        with pytest.raises(DataError) as caught:
            read(Source(npz="cut.npz"), tmp_path)
        assert caught.value.code == "NS705"
    np.savez(tmp_path / "object.npz", a=np.array([_Bomb()], dtype=object))
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(_Bomb()))
    for source in (Source(npz="object.npz"), Source(npy={"a": "pickle.npy"})):
        with pytest.raises(DataError, match="pickled"):
            read(source, tmp_path)
    np.savez(tmp_path / "uneven.npz", a=np.arange(3), b=np.arange(4))
    np.savez(tmp_path / "scalar.npz", a=np.float32(1))
    np.savez(tmp_path / "none.npz", a=np.zeros((0, 3)))
    np.savez(tmp_path / "complex.npz", a=np.zeros(3, complex))
    for name, code, words in [
        ("uneven.npz", "NS705", "`a` 3, `b` 4"),
        ("scalar.npz", "NS705", "a single value"),
        ("none.npz", "NS704", "no rows"),
        ("complex.npz", "NS705", "complex128"),
    ]:
        with pytest.raises(DataError) as caught:
            read(Source(npz=name), tmp_path)
        assert (caught.value.code, words in caught.value.message) == (code, True)


def test_digits_are_split_alike_every_time() -> None:
    pytest.importorskip("sklearn")
    train, test = dataset("digits", "train"), dataset("digits", "test")
    assert (train.rows, test.rows) == (1438, 359)
    assert train.columns["image"].shape == (1438, 8, 8, 1)
    assert train.columns["image"].max() == 16
    tested, trained = np.bincount(test.columns["label"]), np.bincount(train.columns["label"])
    assert np.all(np.abs(tested / (tested + trained) - 0.2) < 0.01)
    assert test.columns["label"][:8].tolist() == dataset("digits", "test").columns["label"][:8].tolist()
    assert set(train.numbers.tolist()).isdisjoint(test.numbers.tolist())


@pytest.mark.parametrize("name", [name for name, known in DATASETS.items() if known.bundled])
def test_what_is_known_of_a_data_set_is_so(name: str) -> None:
    pytest.importorskip("sklearn")
    known, train, test = DATASETS[name], dataset(name, "train"), dataset(name, "test")
    assert tuple(train.columns) == known.columns and train.columns[known.column].shape[1:] == known.shape
    assert abs(test.rows / (train.rows + test.rows) - 0.2) < 0.01
    labels = train.columns["label"].tolist()
    if isinstance(known.classes, tuple):
        assert set(labels) == set(known.classes)
    else:
        assert len(set(labels)) == known.classes or not known.classes


def test_every_data_set_can_be_named() -> None:
    assert get_args(DatasetName) == tuple(DATASETS)


@pytest.mark.keras
def test_keras_s_own_are_those_that_have_no_rows_here(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    x, y = np.zeros((3, 8), np.float32), np.array([1.5, 2.0, 3.0], np.float32)
    monkeypatch.setattr(keras.datasets.california_housing, "load_data", lambda: ((x, y), (x[:1], y[:1])))
    assert dataset("california_housing", "train").columns["label"].tolist() == [1.5, 2, 3]
    for name, known in DATASETS.items():
        assert known.bundled or callable(getattr(keras.datasets, name).load_data)


def _object_npz(path: Path, **arrays: Any) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())


@pytest.mark.keras
def test_mnist_comes_from_keras_s_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("keras.src.datasets.mnist")
    rng = np.random.default_rng(1)
    made = {"x_train": rng.integers(0, 256, (6, 28, 28), np.uint8), "y_train": np.arange(6, dtype=np.uint8)}
    np.savez(tmp_path / "mnist.npz", **made, x_test=made["x_train"][:2], y_test=made["y_train"][:2])
    monkeypatch.setattr(module, "get_file", lambda *a, **k: str(tmp_path / "mnist.npz"))
    table = dataset("mnist", "train")
    assert np.array_equal(table.columns["image"], made["x_train"])
    assert table.columns["label"].tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset("mnist", "test").rows == 2


@pytest.mark.keras
def test_imdb_and_reuters_are_lists_of_word_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.empty(4, dtype=object)
    rows[:] = [[5, 6], [7], [5, 9, 8, 2], [6, 6, 6]]
    labels = np.array([0, 1, 1, 0])
    _object_npz(tmp_path / "imdb.npz", x_train=rows, y_train=labels, x_test=rows[:1], y_test=labels[:1])
    _object_npz(tmp_path / "reuters.npz", x=np.concatenate([rows] * 3), y=np.concatenate([labels] * 3))
    for name, train in (("imdb", 4), ("reuters", 9)):
        module = pytest.importorskip(f"keras.src.datasets.{name}")
        monkeypatch.setattr(module, "get_file", lambda *a, name=name, **k: str(tmp_path / f"{name}.npz"))
        table = dataset(name, "train")
        assert table.rows == train
        assert sorted(map(len, lists(table, "words")))[-1] == 5  # a start mark in front of each
        assert all(row[0] == 1 and isinstance(row[1], int) for row in table.columns["words"])
        assert set(table.columns["label"].tolist()) <= {0, 1}


@pytest.mark.keras
def test_lists_of_one_length_are_lists_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("keras.src.datasets.imdb")
    rows = np.empty(2, dtype=object)
    rows[:] = [[5, 6], [7, 8]]
    _object_npz(tmp_path / "imdb.npz", x_train=rows, y_train=np.array([0, 1]), x_test=rows, y_test=np.array([0, 1]))
    monkeypatch.setattr(module, "get_file", lambda *a, **k: str(tmp_path / "imdb.npz"))
    assert all(isinstance(row, list) and len(row) == 3 for row in dataset("imdb", "train").columns["words"])


@pytest.mark.keras
def test_cifar10_comes_from_keras_s_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("keras.src.datasets.cifar10")
    inner = tmp_path / "cifar-10-batches-py"
    inner.mkdir()
    for number, name in enumerate(["test_batch", *(f"data_batch_{n}" for n in range(1, 6))]):
        pixels = np.full((1, 3072), number, np.uint8)  # one row: the loader spreads it over its ten thousand
        (inner / name).write_bytes(pickle.dumps({b"data": pixels, b"labels": [number]}))
    monkeypatch.setattr(module, "get_file", lambda *a, **k: str(tmp_path))
    test = dataset("cifar10", "test")
    assert test.columns["image"].shape == (1, 32, 32, 3)
    train = dataset("cifar10", "train")
    assert train.columns["image"].shape == (50_000, 32, 32, 3)
    assert train.columns["label"].shape == (50_000,)
    assert train.columns["label"][::10_000].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.keras
def test_a_failed_download_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("keras.src.datasets.mnist")

    def fail(*_: Any, **__: Any) -> None:
        raise Exception("URL fetch failure on https://example.org: None -- unreachable")

    monkeypatch.setattr(module, "get_file", fail)
    with pytest.raises(DataError) as caught:
        dataset("mnist", "train")
    assert caught.value.code == "NS701"
    assert "`mnist` could not be loaded: URL fetch failure" in caught.value.message
    assert caught.value.help is not None
