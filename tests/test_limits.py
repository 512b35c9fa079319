"""Numbers, shapes and sizes that data must not have: refused with a sentence, never wrapped, scrambled or allocated."""

from __future__ import annotations

from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from netspec.catalog.types import TensorType  # noqa: E402
from netspec.language.schema import Data, Feature, Source  # noqa: E402
from netspec.runtime.data.dummy import dummy  # noqa: E402
from netspec.runtime.data.encoders import one_hot  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.sources import read  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402


def _prepared(array: np.ndarray, shape: tuple[int | None, ...], dtype: str, limit: int | None = None) -> np.ndarray:
    table = Table({"x": array}, len(array), "t.npz")
    data = Data(features={"x": Feature(column="x")})
    made = fit(data, {"x": TensorType(shape, dtype)}, {}, table, limits={"x": limit})
    return made.inputs(table)["x"]


def test_ids_below_zero_are_refused() -> None:
    with pytest.raises(DataError, match="down to -1"):
        _prepared(np.array([[1], [-1]]), (None, 1), "int32", limit=10)


@pytest.mark.parametrize(("value", "dtype"), [(-1, "uint8"), (65_537, "int16"), (2**40, "int32")])
def test_whole_numbers_are_never_wrapped(value: int, dtype: str) -> None:
    with pytest.raises(DataError, match=f"fits {dtype}") as caught:
        _prepared(np.array([[1], [value]]), (None, 1), dtype)
    assert caught.value.code == "NS703" and "row 2" in caught.value.message


def test_axes_in_another_order_are_no_shape_to_fill() -> None:
    images = np.arange(2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8)
    with pytest.raises(DataError) as caught:
        _prepared(images, (None, 8, 8, 3), "float32")
    assert caught.value.code == "NS708"
    for shape in ((None, 192), (None, 3, 8, 8), (None, 3, 8, 8, 1)):
        made = _prepared(images, shape, "float32")
        assert made.shape == (2, *shape[1:]) and np.array_equal(made.reshape(-1), images.reshape(-1))


def test_rows_without_numbers() -> None:
    with pytest.raises(DataError, match="hold no numbers"):
        _prepared(np.zeros((20, 0), np.float32), (None, 4), "float32")


def test_arrays_that_cannot_fit_are_never_made() -> None:
    with pytest.raises(DataError) as caught:
        one_hot(np.zeros(1_000_000, np.int64), 1_000_000_000)
    assert caught.value.code == "NS601" and "of memory is free" in caught.value.message
    with pytest.raises(DataError, match="examples of `x`"):
        dummy({"x": TensorType((None, 8))}, {"y": TensorType((None, 1))}, {"y": "MeanSquaredError"}, {}, 10**13, 1)


def test_a_cell_longer_than_pythons_own_limit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f'a,b\n1,x\n2,"{"y" * 300_000}"\nthree,z\n', encoding="utf-8")
    table = read(Source(csv=("t.csv",)), tmp_path)
    assert len(table.columns["b"][1].as_py()) == 300_000
    with pytest.raises(DataError) as caught:
        fit(Data(features={"x": Feature(column="a")}), {"x": TensorType((None, 1), "float32")}, {}, table)
    assert "row 3" in caught.value.message and "`three`" in caught.value.message


@pytest.mark.parametrize(
    ("old", "new"), [('"float32"', '"foo"'), ('"limit": null', '"limit": "many"'), ('"columns"', '"rows"')]
)
def test_prepared_features_that_were_edited(tmp_path: Path, old: str, new: str) -> None:
    table = Table({"x": np.array([[1.0], [2.0]])}, 2, "t.npz")
    made: Prepared = fit(Data(features={"x": Feature(column="x")}), {"x": TensorType((None, 1))}, {}, table)
    made.save(tmp_path)
    path = tmp_path / "x.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.code == "NS801"
