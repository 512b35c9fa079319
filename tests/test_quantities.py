"""Numbers, dates and buckets as features: exact in value, as Keras has them where it does, missing as declared."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.catalog.types import TensorType  # noqa: E402
from netspec.diagnostics import ERROR  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data import quantiles  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.features import Prepared, load  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.tables import Table  # noqa: E402
from netspec.runtime.data.usable import Used  # noqa: E402
from netspec.runtime.run import splits  # noqa: E402


def table(**columns: Any) -> Table:
    made = {n: pa.array(c) if isinstance(c[0], str) else np.asarray(c) for n, c in columns.items()}
    return Table(made, len(next(iter(columns.values()))), "t.csv")


def spec(feature: Any, shape: Sequence[int], dtype: str = "float32", steps: Any = ({"Rescaling": 1.0},)) -> str:
    steps = [*steps, {"Flatten": None}, {"Dense": 1, "name": "y"}]
    data = {"train": "t.csv", "features": {"x": feature}, "targets": {"y": "label"}}
    inputs = {"x": {"shape": list(shape), "dtype": dtype}}
    return json.dumps({"inputs": inputs, "layers": steps, "losses": "mse", "data": data})


def prepared(feature: Any, rows: Table, shape: Sequence[int], dtype: str = "float32") -> Prepared:
    """What fit learns of a feature as a spec writes it."""
    analysis = analyze_text(spec(feature, shape, dtype), look_at_data=False)
    assert analysis.checked is not None and analysis.checked.data is not None, analysis.diagnostics
    given = analysis.checked.data.model_copy(update={"targets": {}})
    return fit(given, {"x": TensorType((None, *shape), dtype)}, {}, rows)


def made(feature: Any, rows: Table, shape: Sequence[int], dtype: str = "float32", more: Table | None = None) -> Any:
    return prepared(feature, rows, shape, dtype).inputs(more or rows)["x"].tolist()


def refused(feature: Any, rows: Table, shape: Sequence[int], dtype: str = "float32") -> DataError:
    with pytest.raises(DataError) as caught:
        prepared(feature, rows, shape, dtype).examples(rows)
    return caught.value


# Numbers


def test_clip_then_log_then_normalize() -> None:
    rows = table(n=["-5", "0", "3", "900"])
    assert made({"column": "n", "clip": [0, 10]}, rows, [1]) == [[0], [0], [3], [10]]
    assert made({"column": "n", "clip": [None, 3]}, rows, [1]) == [[-5], [0], [3], [3]]
    log = {"column": "n", "clip": [0, None], "log": True}
    assert np.allclose(made(log, rows, [1]), np.log1p([[0], [0], [3], [900]]))
    values = np.log1p([0, 0, 3, 900])
    scaled = (values - values.mean()) / values.std()
    assert np.allclose(np.ravel(made({**log, "normalize": True}, rows, [1])), scaled, atol=1e-6)
    error = refused({"column": "n", "log": True}, rows, [1])
    assert "row 1, column `n`: expected a number above -1, of which `log` takes log(1 + x), got `-5`" in error.message
    assert error.help == "say `clip: [0, null]` for those below 0"
    assert made({"column": "n", "clip": [0, 9]}, rows, [1], "uint8") == [[0], [0], [3], [9]]
    image = table(i=np.array([[[1.0, 300]], [[-4, 5]]]))
    assert made({"column": "i", "clip": [0, 255], "rescale": 0.5}, image, [1, 2]) == [[[0.5, 127.5]], [[0, 2.5]]]


# Missing


def test_missing_by_column() -> None:
    rows = table(a=["1", "", "3", "8"], b=["10", "20", "", "90"])
    both = {"columns": ["a", "b"]}
    assert made({**both, "missing": 7}, rows, [2]) == [[1, 10], [7, 20], [3, 7], [8, 90]]
    assert made({**both, "missing": {"a": "zero"}}, rows, [2]) == [[1, 10], [0, 20], [3, 40], [8, 90]]
    drops = prepared({**both, "missing": {"a": "drop", "b": -1}}, rows, [2])
    assert drops.examples(rows).x["x"].tolist() == [[1, 10], [3, -1], [8, 90]]
    notes = drops.examples(rows).used.notes()
    assert notes[1:] == ("1 row dropped: no number in `a`", "missing numbers replaced by -1: 1 in `b`")
    assert drops.inputs(rows)["x"].tolist() == [[1, 10], [4, 20], [3, -1], [8, 90]], "prediction drops nothing"


def test_the_number_that_is_given_is_shaped_like_all_others_and_the_mean_is_that_of_what_they_become() -> None:
    rows = table(a=["0", "", "8"])
    log = {"column": "a", "log": True}
    assert np.allclose(made({**log, "missing": 3}, rows, [1]), np.log1p([[0], [3], [8]]))
    assert np.allclose(made(log, rows, [1]), [[0], [np.log1p(8) / 2], [np.log1p(8)]])
    scaled = made({"column": "a", "normalize": True, "missing": "mean"}, rows, [1])
    assert scaled[1] == [0] and scaled[0][0] == pytest.approx(-1)
    assert np.ravel(made({"column": "a", "normalize": True, "missing": 8}, rows, [1])).tolist() == [-1, 1, 1]


def test_a_mask_says_which_numbers_are_missing() -> None:
    rows = table(a=["1", "", "3"], b=["10", "20", ""])
    both = {"columns": ["a", "b"], "missing": "mask"}
    assert made(both, rows, [4]) == [[1, 10, 0, 0], [2, 20, 1, 0], [3, 15, 0, 1]]
    assert made({**both, "missing": {"b": "mask"}}, rows, [3]) == [[1, 10, 0], [2, 20, 0], [3, 15, 1]]
    scaled = made({**both, "normalize": True, "rescale": 100}, rows, [4])
    assert [row[2:] for row in scaled] == [[0, 0], [1, 0], [0, 1]] and scaled[1][0] == 0
    full = table(a=["1", "2"], b=["3", "4"])
    assert made(both, rows, [4], more=full) == [[1, 3, 0, 0], [2, 4, 0, 0]]
    assert made(both, rows, [4], "int32") == [[1, 10, 0, 0], [2, 20, 1, 0], [3, 15, 0, 1]]
    channels = table(i=np.array([[[1.0, np.nan]], [[3, 5]]]))
    masked = made({"column": "i", "missing": "mask"}, channels, [1, 4])
    assert masked == [[[1, 5, 0, 1]], [[3, 5, 0, 0]]]
    error = refused(both, rows, [2])
    assert error.message == "input `x` is (batch, 2), its feature gives (batch, 4)"


@pytest.mark.parametrize(
    "feature",
    [
        {"category": True},
        {"hash": 9},
        {"text": {"vocabulary": 9, "length": 1}},
        {"multi_hot": 3},
        {"sequence": {"length": 2}},
    ],
)
def test_what_has_no_numbers_can_drop_its_row(feature: Any) -> None:
    rows = table(c=["1", " ", "2"])
    width = 3 if "multi_hot" in feature else 2 if "sequence" in feature else 1
    learned = prepared({"column": "c", **feature, "missing": "drop"}, rows, [width])
    found = learned.examples(rows)
    assert found.rows == 2 and (Used() + found.used).notes()[1] == "1 row dropped: nothing in `c`"
    assert prepared({"column": "c", **feature}, rows, [width]).examples(rows).rows == 3


# Buckets


def test_buckets_are_those_of_keras() -> None:
    numbers = [-3.0, 0, 4.9, 10, 15, 20, 1e9]
    rows = table(n=[str(number) for number in numbers])
    ids = made({"column": "n", "bucket": [0, 10, 20]}, rows, [1], "int32")
    assert np.ravel(ids).tolist() == [0, 1, 1, 2, 2, 3, 3]
    hot = made({"column": "n", "bucket": {"boundaries": [0, 10, 20], "one_hot": True}}, rows, [4])
    assert np.argmax(hot, axis=1).tolist() == np.ravel(ids).tolist() and np.sum(hot) == 7
    keras = pytest.importorskip("keras")
    theirs = keras.layers.Discretization(bin_boundaries=[0.0, 10.0, 20.0])(np.array(numbers, np.float32))
    assert np.asarray(theirs).tolist() == np.ravel(ids).tolist()


def test_buckets_by_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0).lognormal(0, 2, 5000)
    rows = table(n=[repr(number) for number in draw.tolist()])
    learned = prepared({"column": "n", "bucket": 10}, rows, [1], "int32")
    assert np.bincount(np.ravel(learned.inputs(rows)["x"])).tolist() == [500] * 10
    assert "the buckets of `n` begin with" in learned.notes[0] and "sample" not in learned.notes[0]
    monkeypatch.setattr(quantiles, "MOST", 1000)
    blocks = [rows.take(np.arange(start, start + 100)) for start in range(0, 5000, 100)]
    sample, whole = quantiles.Sample(), quantiles.Sample()
    for block in blocks:
        sample.see(np.array([float(cell) for cell in block.columns["n"].to_pylist()]))
    whole.see(draw)
    assert sample.boundaries(10) == whole.boundaries(10) and not sample.exact, "however the rows come"
    shares = np.searchsorted(np.sort(draw), sample.boundaries(10)) / 5000
    assert np.abs(shares - np.arange(0.1, 1, 0.1)).max() < 0.05
    same = table(n=["3"] * 20)
    assert made({"column": "n", "bucket": {"quantiles": 4, "one_hot": True}}, same, [4])[0] == [0, 0, 0, 1]


def test_missing_in_buckets() -> None:
    rows = table(n=["1", "", "30"])
    error = refused({"column": "n", "bucket": [10, 20]}, rows, [1])
    assert "row 2, column `n`: expected a number for its bucket, got" in error.message
    assert np.ravel(made({"column": "n", "bucket": [10, 20], "missing": "mean"}, rows, [1])).tolist() == [0, 1, 2]
    assert np.ravel(made({"column": "n", "bucket": [10, 20], "missing": 99}, rows, [1])).tolist() == [0, 2, 2]
    assert made({"column": "n", "bucket": [10, 20], "missing": "mask"}, rows, [2]) == [[0, 0], [1, 1], [2, 0]]
    assert prepared({"column": "n", "bucket": [10], "missing": "drop"}, rows, [1]).examples(rows).rows == 2


# Dates

PARTS = ["year", "quarter", "month", "day", "weekday", "yearday", "hour", "minute", "second", "timestamp"]


def test_parts_of_dates_are_pythons() -> None:
    dice = random.Random(0)
    moments = [datetime.fromtimestamp(dice.randrange(-(10**10), 10**11) / 10) for _ in range(300)]
    rows = table(d=[moment.isoformat(sep=dice.choice("T ")) for moment in moments])
    found = made({"column": "d", "date": PARTS}, rows, [10], "float64")
    for moment, row in zip(moments, found, strict=True):
        day = moment.timetuple().tm_yday
        head = [moment.year, (moment.month + 2) // 3, moment.month, moment.day, moment.weekday(), day]
        assert row[:9] == [*head, moment.hour, moment.minute, moment.second]
        assert row[9] == pytest.approx((moment - datetime(1970, 1, 1)).total_seconds(), abs=1e-5)


def test_dates_in_a_format_side_by_side_and_going_round() -> None:
    rows = table(a=["1.2.2024", "31.12.1999"], b=["29.2.2024", "1.1.2000"])
    feature = {"columns": ["a", "b"], "date": {"parts": ["year", "month"], "format": "%d.%m.%Y"}}
    assert made(feature, rows, [4]) == [[2024, 2, 2024, 2], [1999, 12, 2000, 1]]
    turning = {"column": "a", "date": {"parts": ["year", "month"], "cyclic": True, "format": "%d.%m.%Y"}}
    angles = [2 * math.pi * (month - 1) / 12 for month in (2, 12)]
    expected = [[year, math.sin(a), math.cos(a)] for year, a in zip((2024, 1999), angles, strict=True)]
    assert np.allclose(made(turning, rows, [3]), expected)
    whole = {"column": "a", "date": {"parts": ["month"], "format": "%d.%m.%Y"}}
    assert made(whole, rows, [1], "int32") == [[2], [12]]
    scaled = {"column": "a", "date": {"parts": ["year"], "format": "%d.%m.%Y"}, "normalize": True}
    assert np.ravel(made(scaled, rows, [1])).tolist() == [1, -1]
    digits = table(a=np.array([20240201, 19991231]))
    compact = {"column": "a", "date": {"parts": ["day"], "format": "%Y%m%d"}}
    assert made(compact, digits, [1]) == [[1], [31]]


def test_dates_that_cannot_be_read_or_are_missing() -> None:
    rows = table(d=["2024-01-01", "", "2024-02-30"])
    date = {"column": "d", "date": ["month"]}
    error = refused(date, rows, [1])
    assert (
        "row 3, column `d`: expected a date such as `2024-05-31` or" in error.message
        and "`2024-02-30`" in error.message
    )
    rows = table(d=["2024-01-01", "na", "2024-03-30"])
    error = refused(date, rows, [1])
    assert "row 2, column `d`: expected a date, got `an empty cell`" in error.message
    assert made({**date, "missing": "mean"}, rows, [1]) == [[1], [2], [3]]
    assert made({**date, "missing": "mask"}, rows, [2]) == [[1, 0], [2, 1], [3, 0]]
    assert prepared({**date, "missing": "drop"}, rows, [1]).examples(rows).rows == 2
    two = {"column": "d", "date": ["month", "day"], "missing": "mask"}
    assert made(two, rows, [3])[1] == [2, 15.5, 1]
    error = refused(date, table(d=np.array([3.0])), [1])
    assert error.help == 'say how they are written, as in `date: {parts: [year], format: "%d.%m.%Y"}`'


# Keeping and checking


@pytest.mark.parametrize(
    ("feature", "width"),
    [
        ({"columns": ["n", "m"], "clip": [0, 9], "log": True, "normalize": True, "missing": {"n": "mask", "m": 3}}, 3),
        ({"columns": ["n", "m"], "bucket": 3, "missing": "zero"}, 2),
        ({"column": "d", "date": {"parts": ["hour", "timestamp"], "cyclic": True}, "missing": "drop"}, 3),
    ],
)
def test_what_is_saved_gives_the_same_bits(feature: Any, width: int, tmp_path: Path) -> None:
    rows = table(n=["1", "", "30"], m=["", "2", "70"], d=["2024-01-01T05:00", "", "1999-01-01"])
    learned = prepared(feature, rows, [width])
    learned.save(tmp_path / "features")
    again = load(tmp_path / "features")
    assert again.features == learned.features
    assert again.examples(rows).x["x"].tobytes() == learned.examples(rows).x["x"].tobytes()


SHORT: dict[str, Any] = {"column": "n"}


@pytest.mark.parametrize(
    ("feature", "code", "words"),
    [
        ({"clip": 3}, "NS202", "expected a list of the lowest and the highest number"),
        ({"clip": [3, 1]}, "NS206", "expected two rising numbers"),
        ({"bucket": [3, 1]}, "NS206", "the boundaries of `bucket` rise"),
        ({"bucket": "many"}, "NS202", "expected boundaries such as"),
        ({"bucket": {"one_hot": True}}, "NS203", "expected `boundaries` or `quantiles`, got neither"),
        ({"bucket": 3, "log": True}, "NS709", "`log` is for numbers, and `bucket`"),
        ({"bucket": 3, "normalize": True}, "NS709", "`normalize` is for numbers, and `bucket`"),
        ({"bucket": 3, "date": ["day"]}, "NS709", "prepared in one way, got `bucket` and `date`"),
        ({"category": True, "clip": [0, 1]}, "NS709", "`clip` is for numbers, and `category`"),
        ({"date": ["dya"]}, "NS202", "did you mean `day`?"),
        ({"date": {"cyclic": True}}, "NS203", "`date` needs `parts`"),
        ({"date": {"parts": ["day"], "format": "%Q"}}, "NS206", "`%Q` is none of"),
        ({"missing": "men"}, "NS202", "did you mean `mean`?"),
        ({"missing": {"n": True}}, "NS202", "`n`: expected one of `mean`, `zero`, `drop`, `mask` or a number"),
        ({"missing": {"m": "zero"}}, "NS702", "`missing` names `m`, which the feature has not"),
        (
            {"category": True, "missing": "mean"},
            "NS709",
            "to fill in: its empty cell is 0",
        ),
        ({"text": {"vocabulary": 9}, "missing": {"n": 3}}, "NS709", "`text` has no numbers to fill in"),
    ],
)
def test_what_validate_says(feature: Any, code: str, words: str) -> None:
    found = analyze_text(spec({**SHORT, **feature}, [1]), look_at_data=False).diagnostics
    assert [each.code for each in found] == [code] and words in f"{found[0].message} {found[0].help}", found


def random_case(dice: random.Random, folder: Path) -> str:
    """A spec with one feature of numbers or dates, and a table, right and wrong."""
    dates = dice.random() < 0.4
    pool = ["2024-01-31", "1999-12-01T10:20", "2024-02-29 01:02:03", "2030-06-15"]
    pool = pool if dates else ["1", "-3", "2.5", "7", "40", "0", "-0.5"]
    odd = ["", "na", "x", "2024-02-30", "1e400", "31.1.2024", "-7", "200"]
    names = ["a", "b"][: dice.choice((1, 2))]
    lines = [",".join([*names, "label"])]
    rate = dice.choice((0, 0, 0.02, 0.2))
    for row in range(dice.choice((3, 12))):
        lines.append(",".join([dice.choice(odd if dice.random() < rate else pool) for _ in names] + [str(row)]))
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    feature: dict[str, Any] = {"columns": names}
    if dates:
        feature["date"] = dice.choice([["month"], ["month", "hour"], {"parts": ["day", "year"], "cyclic": True}])
    elif dice.random() < 0.4:
        feature["bucket"] = dice.choice([[0, 3], 3, {"boundaries": [0.5], "one_hot": True}])
    if "bucket" not in feature:
        feature |= dice.choice([{}, {}, {"clip": [0, 10]}, {"log": True}, {"normalize": True}, {"rescale": 2.0}])
    feature |= dice.choice([{}, {"missing": "mean"}, {"missing": 300}, {"missing": {"a": "drop"}}, {"missing": "mask"}])
    dtype = dice.choice(["float32", "float32", "int32", "uint8"])
    return spec(feature, [dice.choice((1, 2, 2, 3, 4, 6))], dtype)


def test_validate_refuses_what_fit_refuses(tmp_path: Path) -> None:
    dice, counts = random.Random(5), {"taken": 0, "refused": 0}
    for _ in range(500):
        text = random_case(dice, tmp_path)
        plain = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
        assert plain is not None, text
        found = analyze_text(text, folder=str(tmp_path)).diagnostics
        errors = [each.message for each in found if each.severity == ERROR]
        try:
            splits.read(plain, 1)
        except DataError as error:
            assert errors, f"only fit refuses: {error.message}\n{text}\n{(tmp_path / 't.csv').read_text()}"
            counts["refused"] += 1
            continue
        assert not errors, f"only validate refuses: {errors}\n{text}\n{(tmp_path / 't.csv').read_text()}"
        counts["taken"] += 1
    assert counts["taken"] > 50 and counts["refused"] > 100


def test_shorthands_are_written_out_for_overrides() -> None:
    feature = {"column": "n", "bucket": [0, 10], "missing": "zero"}
    settings = ["data.features.x.bucket.one_hot=true", "data.features.x.missing=drop"]
    checked = analyze_text(spec(feature, [3]), overrides=settings, look_at_data=False).checked
    assert checked is not None and checked.data is not None
    made = checked.data.features["x"]
    assert made.bucket is not None and made.bucket.one_hot and made.bucket.boundaries == (0, 10)
    assert made.drops(("n",)) == ("n",)
