"""Lists of numbers in a cell, from every kind of file: their shapes, their numbers, what is refused; validate and fit
agree.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
import pyarrow.parquet  # noqa: E402

from netspec.diagnostics import ERROR  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import load  # noqa: E402
from netspec.runtime.run import splits, survey  # noqa: E402

ARRAY = {"column": "a", "array": True}


def spec(feature: Any = ARRAY, shape: Any = (3,), dtype: str = "float32", file: str = "t.csv", **more: Any) -> str:
    target, units = more.get("target", "label"), more.get("units", 1)
    flat = ["GlobalAveragePooling1D"] if len(shape) == 2 else ["Flatten"]
    flat = ["GlobalAveragePooling2D"] if len(shape) == 3 else flat
    layers = [{"Rescaling": 1.0}] if shape != [None] else [{"Reshape": [-1, 1]}, "GlobalAveragePooling1D"]
    layers += flat if shape != [None] else []
    data = {"train": file, "features": {"x": feature}, "targets": {"y": target}}
    return json.dumps(
        {
            "inputs": {"x": {"shape": list(shape), "dtype": dtype}},
            "layers": [*layers, {"Dense": units, "name": "y"}],
            "losses": more.get("loss", "mse"),
            "data": data,
        }
    )


def csv(folder: Path, cells: list[str], labels: list[str] | None = None) -> None:
    said = labels or [str(at) for at in range(len(cells))]
    lines = (f'"{cell}","{label}"' for cell, label in zip(cells, said, strict=True))
    (folder / "t.csv").write_text("a,label\n" + "\n".join(lines) + "\n")


def read(text: str, folder: Path) -> splits.Splits:
    found = analyze_text(text, folder=str(folder))
    assert found.checked is not None and not found.diagnostics, found.diagnostics
    return splits.read(found.checked, 1)


def made(text: str, folder: Path) -> Any:
    return read(text, folder).train.examples.x["x"]


def refused(text: str, folder: Path) -> str:
    """What fit says; validate says the same, where it looks."""
    plain = analyze_text(text, folder=str(folder), look_at_data=False)
    assert plain.checked is not None, plain.diagnostics
    with pytest.raises(DataError) as caught:
        splits.read(plain.checked, 1)
    found = [each for each in analyze_text(text, folder=str(folder)).diagnostics if each.severity == ERROR]
    if "t.csv" in text or ".npz" in text:
        assert [each.code for each in found] == [caught.value.code], (found, caught.value)
    return f"{caught.value.message} | {caught.value.help}"


def test_cells_of_text(tmp_path: Path) -> None:
    csv(tmp_path, ["[0.1, 2, -3e1]", "1 2 3", "+4;5;.5", " 1 ,\t2 , 3. "])
    assert np.allclose(made(spec(), tmp_path), [[0.1, 2, -30], [1, 2, 3], [4, 5, 0.5], [1, 2, 3]])
    assert made(spec(shape=[1, 3]), tmp_path).shape == (4, 1, 3)
    csv(tmp_path, ["1 2 3 4 5 6"])
    assert made(spec(shape=[3, 2]), tmp_path).tolist() == [[[1, 2], [3, 4], [5, 6]]]
    assert made(spec(shape=[2], feature=ARRAY | {"array": {"length": 2}}), tmp_path).tolist() == [[5, 6]]
    cut = {"length": 2, "truncating": "post"}
    assert made(spec(shape=[2], feature=ARRAY | {"array": cut}), tmp_path).tolist() == [[1, 2]]
    assert made(spec(dtype="int32", shape=[6]), tmp_path).dtype == np.int32


def test_a_free_dimension_is_padded(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2 3 4", "5 6", "[]", ""])
    found = read(spec(shape=[None, 2]), tmp_path)
    assert found.train.examples.x["x"][1].tolist() == [[0, 0], [5, 6]]
    assert not found.train.examples.x["x"][2:].any()
    assert found.notes == ("`x`: padded to 2 steps, as many as the longest training row",)
    post = ARRAY | {"array": {"padding": "post"}, "normalize": True}
    array = made(spec(post, [None, 2]), tmp_path)
    assert np.allclose(array[0], [[-1.2247449, -1.2247449], [0, 0]]) and not array[1, 1].any()
    csv(tmp_path, ["1 2 3", "4", "na"])
    array = made(spec(ARRAY | {"normalize": True}, [None]), tmp_path)  # over all of them: padding is not among them
    assert np.allclose(array, [[-1.3416, -0.4472, 0.4472], [0, 0, 1.3416], [0, 0, 0]], atol=1e-4)


def test_missing_numbers(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2", "3 nan", "", "5 6"])
    found = read(spec(shape=[2]), tmp_path)
    assert found.train.examples.x["x"].tolist() == [[1, 2], [3, 4], [3, 4], [5, 6]]  # the mean by position
    assert "missing numbers replaced by the training mean: 2 in `a`" in found.train.notes
    assert made(spec(ARRAY | {"missing": 9}, [2]), tmp_path).tolist() == [[1, 2], [3, 9], [9, 9], [5, 6]]
    assert made(spec(ARRAY | {"missing": "drop"}, [2]), tmp_path).tolist() == [[1, 2], [5, 6]]
    logs = ARRAY | {"clip": [2, 5], "log": True, "missing": "drop"}
    assert made(spec(logs, [2]), tmp_path)[1, 1] == np.float32(np.log1p(5))
    assert "got a missing number" in refused(spec(shape=[2], dtype="int32"), tmp_path).replace("`", "")


@pytest.mark.parametrize(
    ("cells", "shape", "words"),
    [
        (["1 2 3", "1 2"], [3], "row 2 (line 3), column `a`: expected 3 numbers, got 2 | say `array: {length: …}`"),
        (["1 2 x"], [3], "row 1 (line 2), column `a`: expected numbers such as `0.5 1 2`"),
        (["1 1e999 3"], [3], "expected finite numbers"),
        (["1 2 3"], [None, 2], "expected 2 numbers for each step, got 3"),
        (["", "na"], [2], "no number in the 2 training rows"),
        (["1 na", "2 nan"], [2], "no number"),
    ],
)
def test_what_is_refused(cells: list[str], shape: Any, words: str, tmp_path: Path) -> None:
    csv(tmp_path, cells)
    assert words in refused(spec(shape=shape), tmp_path)


def test_an_empty_list_is_a_missing_one(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2", "[]", "5 6"], ["1 2", "3 4", "[ ]"])
    target = {"column": "label", "array": True}
    found = read(spec(shape=[2], target=target, units=2), tmp_path).train
    assert found.examples.x["x"].tolist() == [[1, 2], [1, 2]]
    assert found.examples.y["y"].tolist() == [[1, 2], [3, 4]]
    lines = [{"a": [1, 2], "label": 1}, {"a": [], "label": 2}, {"a": None, "label": 3}, {"a": [5, 6], "label": 4}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    filled = made(spec(shape=[2], file="t.jsonl"), tmp_path)
    assert filled.tolist() == [[1, 2], [3, 4], [3, 4], [5, 6]]
    dropped = made(spec(ARRAY | {"missing": "drop"}, shape=[2], file="t.jsonl"), tmp_path)
    assert dropped.tolist() == [[1, 2], [5, 6]]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, [lines[0], lines[1], lines[3]])))  # none is null
    assert made(spec(shape=[2], file="t.jsonl"), tmp_path).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_shapes_that_no_list_makes(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2"])
    assert "only the first of its dimensions may be free" in refused(spec(shape=[2, None, 3]), tmp_path)
    assert "it has 3 steps, `length` says 2" in refused(spec(ARRAY | {"array": {"length": 2}}), tmp_path)
    (tmp_path / "t.csv").write_text("a,b,label\n1 2,3 4,1\n")
    assert "`array` reads one column, got 2" in refused(spec({"columns": ["a", "b"], "array": True}), tmp_path)


def test_lists_of_json_and_parquet(tmp_path: Path) -> None:
    rows = [[[1, 2.5], [3, 4]], [[5, 6]], None, [[7, None]]]
    lines = (json.dumps({"a": row, "label": at}) for at, row in enumerate(rows))
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    pyarrow.parquet.write_table(pa.table({"a": rows, "label": range(4)}), tmp_path / "t.parquet")
    for file in ("t.jsonl", "t.parquet"):
        array = made(spec(shape=[None, 2], file=file), tmp_path)
        assert array.shape == (4, 2, 2) and array[0].tolist() == [[1, 2.5], [3, 4]]
        assert not array[2].any() and np.allclose(array[3], [[0, 0], [7, (2.5 + 4 + 6) / 3]])
    words = "`t.parquet` row 1, column `a`: expected lists of 3 numbers in the list, got `one of 2`"
    assert words in refused(spec(shape=[None, 3], file="t.parquet"), tmp_path)
    assert "expected a number, got `no list` | say `array: true`" in refused(
        spec(shape=[2], feature="a", file="t.parquet"), tmp_path
    )
    (tmp_path / "u.jsonl").write_text('{"a": [1, 2], "label": 0}\n{"a": [3], "label": 1}\n')  # whole ones
    assert made(spec(shape=[None], file="u.jsonl"), tmp_path).tolist() == [[1, 2], [0, 3]]
    assert "row 2, column `a`: expected 2 numbers, got 1" in refused(spec(shape=[2], file="u.jsonl"), tmp_path)
    (tmp_path / "v.jsonl").write_text('{"a": [[1, 2], [3, 4]], "label": 0}\n')
    assert made(spec("a", shape=[2, 2], file="v.jsonl"), tmp_path).tolist() == [[[1, 2], [3, 4]]]


def test_blocks_of_lists_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.runtime.data.json_lines._BLOCK", 64)
    rows: list[list[float]] = [[1.5, 2.5], [1.0, 2.0], [3.5], [4.0, 5.0, 6.5]]
    lines = (json.dumps({"a": row, "label": 1}) for row in rows)
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert made(spec(shape=[None], file="t.jsonl"), tmp_path)[:, 0].tolist() == [0, 0, 0, 4]


def test_rows_of_ones_own(tmp_path: Path) -> None:
    from netspec.runtime.data.own import _column

    assert _column([[1.5], [2.0, 3.0], None], "a", "rows:f").to_pylist() == [[1.5], [2.0, 3.0], None]


def test_arrays_are_lists_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", a=np.arange(12.0).reshape(2, 3, 2), label=np.ones(2))
    assert made(spec(shape=[None, 2], file="t.npz"), tmp_path).shape == (2, 3, 2)
    cut = ARRAY | {"array": {"length": 2}}
    assert made(spec(cut, shape=[2, 2], file="t.npz"), tmp_path)[0].tolist() == [[2, 3], [4, 5]]
    assert "expected 2 x 2 numbers a row, got 3 x 2 | say" in refused(spec(shape=[2, 2], file="t.npz"), tmp_path)


def test_what_is_saved_gives_the_same_bits(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2 3 4", "5 6", ""])
    found = read(spec(ARRAY | {"normalize": True}, [None, 2]), tmp_path)
    assert found.prepared is not None
    found.prepared.save(tmp_path / "features")
    again = load(tmp_path / "features")
    assert again.features == found.prepared.features
    csv(tmp_path, ["1 2 3 4 5 6"])  # longer than any in training: cut
    table = splits.sources.read(splits.Source(csv=("t.csv",)), tmp_path)
    assert again.inputs(table)["x"].shape == (1, 2, 2)


def test_targets(tmp_path: Path) -> None:
    csv(tmp_path, ["1", "2", "3"], ["1 20", "[3, 40]", ""])
    target = {"column": "label", "array": True, "normalize": True}
    found = read(spec(shape=[1], target=target, units=2), tmp_path).train
    assert found.examples.y["y"].tolist() == [[-1, -1], [1, 1]]
    assert "1 row dropped: no label in `label`" in found.notes
    csv(tmp_path, ["1", "2"], ["1 20", "3"])
    assert "expected 2 numbers, got 1 | None" in refused(spec(shape=[1], target=target, units=2), tmp_path)
    csv(tmp_path, ["1", "2"], ["0.5 0.5", "3 1"])
    words = "expected a label from 0 to 1 for this loss, got `3`"
    soft = {"column": "label", "array": True}
    sigmoid = spec(shape=[1], target=soft, units=2, loss={"BinaryCrossentropy": {"from_logits": True}})
    plain = analyze_text(sigmoid, folder=str(tmp_path), look_at_data=False).checked
    assert plain is not None
    with pytest.raises(DataError, match=words):
        splits.read(plain, 1)
    pyarrow.parquet.write_table(pa.table({"a": [1, 2], "label": [[1, 2], [3, 4]]}), tmp_path / "t.parquet")
    whole = spec(shape=[1], target=soft, units=2, feature="a", file="t.parquet")
    assert read(whole, tmp_path).train.examples.y["y"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"features": {"x": ARRAY | {"category": True}}}, "prepared in one way, got `array` and `category`"),
        ({"features": {"x": ARRAY | {"missing": "mask"}}}, "`missing: mask` is for single numbers"),
        ({"targets": {"y": {"column": "label", "array": True, "one_hot": True}}}, "`array` is for lists of numbers"),
        ({"targets": {"y": {"column": "label", "array": True, "classes": ["a"]}}}, "`classes` for classes"),
        ({"targets": {"y": {"column": "label", "array": True, "sequence": True}}}, "`sequence` for"),
    ],
)
def test_keys_that_exclude_each_other(part: Any, words: str) -> None:
    whole = json.loads(spec())
    whole["data"] |= part
    found = analyze_text(json.dumps(whole), look_at_data=False).diagnostics
    assert [each.code for each in found] == ["NS709"] and words in found[0].message


def test_netspec_data_tells_lengths(tmp_path: Path) -> None:
    csv(tmp_path, ["1 2 3 4", "5 6", ""])
    checked = analyze_text(spec(shape=[None, 2]), folder=str(tmp_path)).checked
    assert checked is not None
    (seen,) = survey.survey(checked).inputs
    lengths = seen.tokens["train"].lengths
    assert seen.kind == "array" and seen.length == 2 and lengths is not None and lengths.most == 2


def random_case(dice: random.Random, folder: Path) -> str:
    shape = dice.choice(([2], [2], [None], [None, 2], [2, 2], [3]))
    odd = ["", "na", "x", "1", "1 2 3", "1 nan", "[1, 2", "1e400 2", "-7 200", "[]", "0.5 1", "70000 1", "1,,2"]
    rate = dice.choice((0, 0, 0.05, 0.3))
    good = "1 2 3 4" if shape == [2, 2] else "1 2 3" if shape == [3] else "1 2"
    pool = [good, f"[{good.replace(' ', ', ')}]", good.replace(" ", ";")]
    count = dice.choice((2, 6))
    cells = [dice.choice(odd if dice.random() < rate else pool) for _ in range(count)]
    labels = [dice.choice(odd if dice.random() < rate / 2 else ["1 2", "3 4"]) for _ in range(count)]
    feature: dict[str, Any] = {"column": "a", "array": dice.choice((True, True, {"length": 2}, {"length": 3}))}
    feature |= dice.choice(({}, {}, {"normalize": True}, {"clip": [0, 9]}, {"rescale": 0.5}, {"log": True}))
    feature |= dice.choice(({}, {}, {"missing": "mean"}, {"missing": 300}, {"missing": "drop"}))
    target = {"column": "label", "array": True} | dice.choice(({}, {"normalize": True}, {"missing": "mask"}))
    if dice.random() < 0.3:
        numbers = np.array([dice.choice((1, 2, 0.5, -1, np.nan, np.inf)[: dice.choice((2, 3, 6))]) for _ in range(24)])
        if dice.random() < 0.5:
            numbers = np.nan_to_num(numbers, posinf=1).astype("i4")
        width = dice.choice((2, 3, 4))
        np.savez(folder / "t.npz", a=numbers[: width * 6].reshape(6, width), label=np.ones((6, 2)))
        file = "t.npz"
    else:
        csv(folder, cells, labels)
        file = "t.csv"
    dtype = dice.choice(("float32", "float32", "int32", "uint8"))
    if feature.get("normalize"):
        dtype = "float32"  # that whole numbers are normalized is refused, whatever comes of them
    return spec(feature, shape, dtype, file, target=target, units=2)


@pytest.mark.parametrize("seeds", [range(400), pytest.param(range(1000, 3000), marks=pytest.mark.slow)])
def test_validate_refuses_what_fit_refuses(seeds: range, tmp_path: Path) -> None:
    counts = {"taken": 0, "refused": 0}
    for seed in seeds:
        text = random_case(random.Random(seed), tmp_path)
        plain = analyze_text(text, folder=str(tmp_path), look_at_data=False)
        assert plain.checked is not None, plain.diagnostics
        said = [each for each in analyze_text(text, folder=str(tmp_path)).diagnostics if each.severity == ERROR]
        try:
            splits.read(plain.checked, 1)
        except DataError as error:
            assert said, f"only fit refuses: {error}\n{text}\n{(tmp_path / 't.csv').read_text()}"
            counts["refused"] += 1
        else:
            assert not said, f"only validate refuses: {said[0].message}\n{text}"
            counts["taken"] += 1
    assert min(counts.values()) > 60, counts
