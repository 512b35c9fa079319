"""Categories of many values: the most frequent, or a hash; learned in one pass, the same however the rows come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.catalog.types import TensorType  # noqa: E402
from netspec.language.schema import Category, Data, Feature  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data import learners  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.hashing import hashes  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402
from netspec.runtime.run import splits  # noqa: E402

CELLS = ["b", "a", " b ", "c", "c", "b", "", "d", "a"]


def table(cells: list[str]) -> Table:
    return Table({"c": pa.array(cells)}, len(cells), "t.csv")


def learned(feature: Feature, width: int = 1, cells: list[str] = CELLS) -> Prepared:
    return fit(Data(features={"x": feature}), {"x": TensorType((None, width))}, {}, table(cells))


def made(prepared: Prepared, cells: list[str]) -> Any:
    return prepared.inputs(table(cells))["x"].tolist()


def test_the_most_frequent_values() -> None:
    few = learned(Feature(column="c", category=Category(vocabulary=3)))
    assert made(few, ["a", "b", "c", "d", ""]) == [[1], [2], [0], [0], [0]], "b, then a before c"
    assert few.notes == ("`x`: 2 of 4 values of `c` known, 37.5 % of the cells unknown",)
    hot = learned(Feature(column="c", category=Category(vocabulary=3, one_hot=True)), 2)
    assert made(hot, ["a", "b", "c"]) == [[1, 0], [0, 1], [0, 0]]
    all_ = learned(Feature(column="c", category=Category(vocabulary=99)))
    assert made(all_, ["a", "d", "e"]) == [[1], [4], [0]] and all_.notes == ()


def test_too_many_values_without_a_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learners, "MOST_VALUES", 3)
    with pytest.raises(DataError) as caught:
        learned(Feature(column="c", category=Category()))
    assert caught.value.help == "say `category: {vocabulary: 10000}` for the most frequent, or `hash: 10000`"
    assert made(learned(Feature(column="c", category=Category(vocabulary=3))), ["b"]) == [[2]]


def test_hashes(tmp_path: Path) -> None:
    hashed = learned(Feature(column="c", hash=1000))
    seen = ["a", " a ", "", "日本", "never seen"]
    expected = [0 if not cell.strip() else 1 + int(hashes(pa.array([cell.strip()]))[0]) % 999 for cell in seen]
    assert np.ravel(made(hashed, seen)).tolist() == expected
    assert expected == [586, 586, 0, 27, 24], "on every machine"
    spread = np.bincount(np.ravel(made(hashed, [f"user{at}" for at in range(99_900)])).astype(int), minlength=1000)
    assert spread[0] == 0 and spread[1:].min() > 50 and spread[1:].max() < 160
    hashed.save(tmp_path / "features")
    assert load(tmp_path / "features").features == hashed.features
    numbers = Table({"c": np.array([7, 7, 8])}, 3, "t.npz")
    assert hashed.inputs(numbers)["x"].tolist() == made(hashed, ["7", "7", "8"])


def spec(folder: Path, feature: Any, shape: Any = (1,), rows: int = 9) -> str:
    lines = [f"{cell},{at % 2}" for at, cell in enumerate(CELLS)]
    (folder / "t.csv").write_text("\n".join(["c,label", *lines]) + "\n")
    steps = [{"Embedding": {"input_dim": rows, "output_dim": 2}}, {"Flatten": None}, {"Dense": 1, "name": "y"}]
    data = {"train": "t.csv", "features": {"x": {"column": "c", **feature}}, "targets": {"y": "label"}}
    inputs = {"x": {"shape": list(shape), "dtype": "int32"}}
    return json.dumps({"inputs": inputs, "layers": steps, "losses": "mse", "data": data})


@pytest.mark.parametrize(
    ("feature", "shape", "rows", "code"),
    [
        ({"category": {"vocabulary": 3}}, (1,), 3, None),
        ({"category": {"vocabulary": 3}}, (1,), 2, "NS712"),
        ({"category": True}, (1,), 4, "NS712"),
        ({"category": {"vocabulary": 3}}, (2,), 9, "NS708"),
        ({"hash": 9}, (1,), 9, None),
        ({"hash": 9}, (2,), 9, "NS708"),
    ],
)
def test_validate_and_fit_agree(tmp_path: Path, feature: Any, shape: Any, rows: int, code: str | None) -> None:
    text = spec(tmp_path, feature, shape, rows)
    found = [each.code for each in analyze_text(text, folder=str(tmp_path)).diagnostics if each.severity == "error"]
    assert found == ([] if code is None else [code])
    plain = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
    assert plain is not None
    if code is None:
        splits.read(plain, 1)
    else:
        with pytest.raises(DataError):
            splits.read(plain, 1)


def test_a_hash_wider_than_its_embedding_is_warned_about(tmp_path: Path) -> None:
    found = analyze_text(spec(tmp_path, {"hash": 9}, rows=8), folder=str(tmp_path)).diagnostics
    assert [(each.code, each.severity) for each in found] == [("NS518", "warning")]
