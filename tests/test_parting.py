"""Rows that are held out: which ones, the same read whole or in blocks, and found again by evaluate."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")

from netspec.language.moments import moment, pattern  # noqa: E402
from netspec.language.schema import Data, Source, Split  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.runtime.data import moments, parting, sources, text_files  # noqa: E402
from netspec.runtime.data.columns import texts  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.hashing import hashes  # noqa: E402
from netspec.runtime.data.parting import Cut, cut  # noqa: E402
from netspec.runtime.data.tables import Rows, Table  # noqa: E402
from netspec.runtime.run import splits  # noqa: E402


def table(**columns: list[str]) -> Table:
    return Table({name: pa.array(cells) for name, cells in columns.items()}, len(next(iter(columns.values()))), "t.csv")


def ids(rows: Rows) -> list[int]:
    return [int(cell) for part in rows.tables() for cell in texts(part, "id")]


def held(rows: Rows, name: str = "validation", seed: int = 3, **parts: Split) -> list[int]:
    return ids(cut(rows, Data(**parts), seed).held[name])


def many(count: int = 1000) -> Table:
    draw = np.random.default_rng(0)
    days = [f"2024-{1 + at % 12:02}-{1 + at % 28:02}" for at in draw.permutation(count)]
    users = [f"user {int(number)}" for number in draw.integers(0, 60, count)]
    labels = [str(draw.choice(["rare", "some", "most"], p=[0.02, 0.2, 0.78])) for _ in range(count)]
    return table(id=[str(at) for at in range(count)], when=days, user=users, label=labels, year=["2000"] * count)


def test_a_value_of_its_own_in_every_row_leaves_none_to_hold_out() -> None:
    with pytest.raises(DataError, match="leaves none to validate with") as caught:
        held(many(50), validation=Split(fraction=0.1, by="stratified", column="id"))
    assert caught.value.help is not None and "one row of each value stays in training" in caught.value.help


BY = {"time": "when", "group": "user", "stratified": "label", "hash": None, "order": None}


@pytest.mark.parametrize(("test", "validation"), list(itertools.product(BY, BY)))
def test_parts_are_apart_whole_and_the_same_in_blocks(
    test: Any, validation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = many()
    parts = {"test": Split(fraction=0.2, by=test, column=BY[test])}
    parts["validation"] = Split(fraction=0.1, by=validation, column=BY[validation])
    made = cut(rows, Data(**parts), 3)
    found = [ids(made.train), ids(made.held["validation"]), ids(made.held["test"])]
    assert sorted(itertools.chain(*found)) == list(range(1000))
    assert abs(len(found[1]) - 100) < 20 and abs(len(found[2]) - 200) < 20
    assert all(each == sorted(each) for each in found), "in the order of the file"
    names = list(rows.columns)
    lines = [names, *zip(*(texts(rows, name) for name in names), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(",".join(cells) for cells in lines) + "\n")
    monkeypatch.setattr(sources, "HELD", 0)
    monkeypatch.setattr(text_files, "_BLOCK_STREAMED", 1 << 10)
    monkeypatch.setattr(parting, "_HELD", 10)
    stream = sources.opened(Source(csv=("t.csv",)), tmp_path)
    again = cut(stream, Data(**parts), 3)
    assert len(list(stream.tables())) > 5
    assert [ids(again.train), ids(again.held["validation"]), ids(again.held["test"])] == found
    assert again.notes == made.notes
    other = cut(rows, Data(**parts), 4)
    assert test in ("time", "order") or ids(other.held["test"]) != found[2]


def test_test_rows_do_not_change_with_validation() -> None:
    rows = many()
    for by, column in BY.items():
        part = Split(fraction=0.2, by=by, column=column)
        alone = held(rows, "test", test=part)
        for other in BY:
            assert held(rows, "test", test=part, validation=Split(fraction=0.3, by=other, column=BY[other])) == alone


def test_the_latest_rows() -> None:
    rows = many()
    when = texts(rows, "when")
    made = cut(rows, Data(test=Split(fraction=0.2, by="time", column="when")), 1)
    latest = sorted(range(1000), key=lambda at: (when[at], at))[-200:]
    assert ids(made.held["test"]) == sorted(latest)
    first = min(when[at] for at in latest)
    assert made.notes["test"] == f"the latest 200 of 1,000 rows of `train` by `when`, from {first} on"
    numbers = table(id=list("01234"), when=["-1.5", "2e3", "0", "-0", " 7 "])
    assert held(numbers, validation=Split(fraction=0.4, by="time", column="when")) == [1, 4]
    assert held(numbers, validation=Split(fraction=0.8, by="time", column="when")) == [1, 2, 3, 4]
    german = table(id=list("012"), when=["2.1.2024", "31.12.2023", "1.2.2024"])
    assert held(german, validation=Split(fraction=0.3, by="time", column="when", format="%d.%m.%Y")) == [2]
    array = Table({"id": np.arange(4), "when": np.array([3.0, -2, 9, 1])}, 4, "t.npz")
    assert held(array, validation=Split(fraction=0.5, by="time", column="when")) == [0, 2]


def test_groups_stay_together_and_nearest_to_the_fraction() -> None:
    rows = many()
    users = texts(rows, "user")
    made = cut(rows, Data(validation=Split(fraction=0.1, by="group", column="user")), 5)
    inside = {users[at] for at in ids(made.held["validation"])}
    assert not inside & {users[at] for at in ids(made.train)} and 3 <= len(inside) <= 9
    assert f"all of {len(inside)} out of 60 groups by `user`" in made.notes["validation"]
    part = Split(fraction=0.1, by="group", column="user")
    shares = [len(held(rows, seed=seed, validation=part)) for seed in range(9)]
    assert all(85 < share < 115 for share in shares)
    two = table(id=list("0123"), user=["a", "a", "a", "b"])
    assert {len(held(two, seed=seed, validation=part)) for seed in range(9)} == {1, 3}


def test_every_value_keeps_its_share() -> None:
    rows = many(5000)
    labels = texts(rows, "label")
    whole, made = Counter(labels), held(rows, validation=Split(fraction=0.1, by="stratified", column="label"))
    for value, count in Counter(labels[at] for at in made).items():
        assert abs(count - whole[value] * 0.1) < 1
    rare = table(id=[str(at) for at in range(300)], label=[str(at // 3) for at in range(300)])
    found = Counter(at // 3 for at in held(rare, validation=Split(fraction=0.1, by="stratified", column="label")))
    assert 10 < len(found) < 60 and max(found.values()) == 1
    single = table(id=[str(at) for at in range(40)], label=["a"] * 39 + ["b"])
    for seed in range(30):
        assert 39 not in held(single, seed=seed, validation=Split(fraction=0.5, by="stratified", column="label"))


def test_stratified_over_several_millions_is_the_same_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "_CHUNK", 64)
    monkeypatch.setattr("netspec.runtime.data.split._CHUNK", 64)
    rows = many()
    made = cut(rows, Data(validation=Split(fraction=0.3, by="stratified", column="label")), 3)
    whole, found = Counter(texts(rows, "label")), ids(made.held["validation"])
    for value, count in Counter(texts(rows, "label")[at] for at in found).items():
        assert abs(count - whole[value] * 0.3) < 1
    assert 40 < sum(at < 200 for at in found) < 80, "spread over the file"


def refused(code: str, rows: Rows, **parts: Split) -> str:
    with pytest.raises(DataError) as caught:
        cut(rows, Data(**parts), 1)
    assert caught.value.code == code
    return caught.value.message


def test_what_cannot_be_held_out() -> None:
    rows = table(id=list("012"), when=["2024-01-01", "", "2024-02-30"], user=["a", "a", "a"])
    time = Split(fraction=0.4, by="time", column="when")
    assert "row 3, column `when`: expected a date such as" in refused("NS703", rows, validation=time)
    empty = table(id=list("01"), when=["2024-01-01", " "])
    assert "row 2, column `when`: no date or time, by which `test`" in refused("NS703", empty, test=time)
    message = refused("NS704", rows, validation=Split(fraction=0.4, by="group", column="user"))
    assert message == "`validation: 0.4` of 3 rows leaves none to validate with"
    both = {"test": Split(fraction=0.4), "validation": Split(fraction=0.5)}
    assert "leaves none to train on" in refused("NS704", rows, **both)
    with pytest.raises(DataError, match="more than 2 different values"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(parting, "MOST_VALUES", 2)
        cut(rows, Data(test=Split(fraction=0.4, by="stratified", column="id")), 1)


# Dates


def test_both_readers_of_dates_agree() -> None:
    days = ("2024-05-31", "2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "1-1-1")
    clocks = ("", "T", "T17", " 17:05", "T1705", "T17:05:09", "T24:00", "T17:60", "T17:05:09.1", "T17:05:09,123456789")
    zones = ("", "Z", " Z", "+01:00", "-0130", "+2", "+25:00")
    cells = ["".join(each) for each in itertools.product(days, clocks, zones)]
    for group in ([cell] for cell in cells if len(cell) in (10, 16, 17, 19, 21)):
        assert moments._parsed(pa.array(group), None)[0].tolist() == [_moment(group[0], None)], group
    assert moments._parsed(pa.array(cells), None)[0].tolist() == [_moment(cell, None) for cell in cells]
    formats = {
        "%d.%m.%Y": ["1.2.2024", "01.02.24", "31.04.2024", "5.05.2024 "],
        "%I:%M %p": ["12:00 am", "12:30 PM", "0:10 am", "13:00 pm", "5:07  pm"],
        "%a, %d %b %Y %T %z": ["Fri, 31 May 2024 10:00:01 +0200", "Fri, 31 Foo 2024 10:00:01 Z"],
        "%y%m%d": ["240531", "690101", "681231"],
        "%S.%f": ["3.5", "3.1234567"],
        "%B %d 100%%": ["february 3 100%", "Feb 30 100%"],
    }
    for format, texts_ in formats.items():
        found = moments._parsed(pa.array(texts_), format)[0].tolist()
        assert found == [_moment(cell, format) for cell in texts_], format


def _moment(cell: str, format: str | None) -> int:
    found = moment(cell, format)
    return moments.NONE if found is None else found


def test_python_reads_the_same_dates() -> None:
    from datetime import UTC, datetime

    for format in ("%Y-%m-%d %H:%M:%S", "%d/%m/%y %I:%M %p", "%b %d, %Y", "%Y%m%dT%H%M%S"):
        at = datetime(2031, 7, 9, 17, 5, 0, tzinfo=UTC)
        read = datetime.strptime(at.strftime(format), format).replace(tzinfo=UTC)
        assert moment(at.strftime(format), format) == round(read.timestamp() * 1e6)


@pytest.mark.parametrize("format", ["", "%", "%Q", "day", "%d %d", "%m %b %B"])
def test_what_is_no_format(format: str) -> None:
    with pytest.raises(ValueError, match=r"twice|none of|no part"):
        pattern(format)


def test_the_hash_is_the_same_everywhere() -> None:
    mask = 2**64 - 1

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def plain(text: str, seed: int) -> int:
        code = text.encode()
        total = sum((byte + 1) * pow(0x9FB21C651E98DF25, at, 2**64) for at, byte in enumerate(code))
        return mix((total + len(code) * 0x9E3779B97F4A7C15 + mix(seed)) & mask)

    cells = ["", "a", "b", "ab", "ba", "日本", "x" * 99]
    for seed in (0, 7):
        assert hashes(pa.array(cells), seed).tolist() == [plain(cell, seed) for cell in cells]
    assert hashes(pa.array(["zz", *cells])[1:]).tolist() == [plain(cell, 0) for cell in cells]
    spread = hashes(pa.array([f"user{number}" for number in range(100_000)]))
    assert len(np.unique(spread)) == 100_000 and abs(float((spread >> np.uint64(63)).mean()) - 0.5) < 0.01


# The spec


def spec(folder: Path, test: Any, validation: Any = None, **columns: list[str]) -> Any:
    given = {"n": list("0123456789"), **columns}
    lines = [",".join(given), *(",".join(row) for row in zip(*given.values(), strict=True))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    data = {"train": "t.csv", "features": {"x": "n"}, "targets": {"y": "n2"}}
    (folder / "t.csv").write_text("\n".join(f"{line},{at or 'n2'}" for at, line in enumerate(lines)) + "\n")
    data |= {"test": test} | ({} if validation is None else {"validation": validation})
    return json.dumps({"inputs": {"x": [1]}, "layers": [{"Dense": 1, "name": "y"}], "losses": "mse", "data": data})


def test_a_spec_with_both_parts_and_its_rows_once_more(tmp_path: Path) -> None:
    text = spec(tmp_path, {"fraction": 0.2, "by": "order"}, 0.3)
    checked = analyze_text(text, folder=str(tmp_path)).checked
    assert checked is not None
    made = splits.read(checked, 7)
    assert made.test is not None and made.validation is not None and made.prepared is not None
    assert (made.train.rows, made.validation.rows, made.test.rows) == (5, 3, 2)
    assert made.test.notes[0] == "the last 2 of 10 rows of `train`"
    assert made.validation.notes[0] == "3 of 10 rows of `train`, drawn by a seeded hash of their numbers"
    raw = splits.raw(checked, made.prepared, 7, None)
    assert raw is not None and raw.name == "test"
    again = raw.prepared(made.prepared)
    assert again.examples.head(2)[0]["x"].tolist() == made.test.examples.head(2)[0]["x"].tolist() == [[8], [9]]


@pytest.mark.parametrize(
    ("test", "code", "words"),
    [
        ({"by": "order"}, "NS203", "`test` needs `fraction`"),
        ({"fraction": 0.2, "by": "time"}, "NS203", "`by: time` needs `column`"),
        ({"fraction": 0.2, "column": "n"}, "NS709", "`by: hash` looks at no column"),
        ({"fraction": 0.2, "by": "group", "column": "n", "format": "%Y"}, "NS709", "`format` is for `by: time`"),
        ({"fraction": 0.2, "by": "time", "column": "n", "format": "%Q"}, "NS206", "`%Q` is none of"),
        ({"fraction": 0.2, "source": {"csv": "t.csv"}}, "NS709", "got `fraction` and `source`"),
        ({"fraction": 0.2, "by": "group", "column": "m"}, "NS702", "has no column `m`, by which `test` holds out rows"),
        ({"fraction": 0.9}, "NS704", "leaves none to train on"),
        ({"fraction": 0.2, "by": "time", "column": "d"}, "NS703", "row 2 (line 3), column `d`: no date or time"),
        ({"fraction": 0.2, "by": "time", "column": "e"}, "NS703", "row 3 (line 4), column `e`: expected a date"),
        ({"fraction": 0.2, "by": "group", "column": "g"}, "NS704", "all have the value `1` in `g`"),
    ],
)
def test_what_validate_says(tmp_path: Path, test: Any, code: str, words: str) -> None:
    dates = ["2024-01-01", "", *["2024-01-02"] * 8]
    other = ["2024-01-01", "2024-01-01T10", "31.1.2024", *["2024-01-02"] * 7]
    other[1] = "2024-01-01T10:30"
    text = spec(tmp_path, test, 0.1, d=dates, e=other, g=["1"] * 10)
    found = [each for each in analyze_text(text, folder=str(tmp_path)).diagnostics if each.severity == "error"]
    assert [each.code for each in found] == [code] and words in found[0].message + str(found[0].help)


@pytest.mark.parametrize("by", ["time", "group", "stratified", "hash", "order"])
def test_validate_refuses_what_fit_refuses(tmp_path: Path, by: str) -> None:
    draw = np.random.default_rng(1)
    pools = (["1", "2", "", "x"], ["2024-01-01", "2024-01-02"], ["1", "-3.5", "1e3"], ["a"], ["2024-01-01", "3", ""])
    taken = 0
    for at in range(60):
        cells = [str(draw.choice(pools[at % len(pools)], p=None)) for _ in range(10)]
        part = {"fraction": float(draw.choice([0.01, 0.3, 0.9])), "by": by}
        part |= {"column": "c"} if by not in ("hash", "order") else {}
        text = spec(tmp_path, part, c=cells)
        plain = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
        assert plain is not None
        refuses = analyze_text(text, folder=str(tmp_path)).checked is None
        try:
            splits.read(plain, 1)
        except DataError as error:
            assert refuses or by == "stratified", error.message
            continue
        assert not refuses, text
        taken += 1
    assert taken > 5


def test_nothing_is_cut_where_nothing_is_asked() -> None:
    rows = many(10)
    assert cut(rows, Data(), 1) == Cut(rows, {}, {})
