"""`netspec data`: what it counts is what is there, what it warns of is worth a look, and its page stands alone."""

from __future__ import annotations

import contextlib
import json
import re
import struct
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import ROOT
from first_tables import write_csv
from test_fence import loaded, verb

from netspec import api
from netspec.render.page import page
from netspec.render.png import png
from netspec.render.survey import as_json, text
from netspec.runtime.data import profile, store, tables
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.profile import Column, ColumnLearner
from netspec.runtime.data.tables import Table
from netspec.runtime.run import splits
from netspec.runtime.run.concerns import concerns
from netspec.runtime.run.examples import cell
from netspec.runtime.run.pictures import picture
from netspec.runtime.run.survey import survey
from netspec.runtime.run.surveyed import Survey

NUMBERS = """
inputs: {x: [2], words: {shape: [3], dtype: int32}}
layers:
  - Embedding: {input_dim: 20, output_dim: 2}
    from: words
  - Flatten:
    name: code
  - Concatenate:
    from: [x, code]
  - Dense: {units: 2, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
data:
  train: train.csv
  validation: other.csv
  features:
    x: {columns: [a, b], missing: drop}
    words: {column: text, text: {vocabulary: 20}}
  targets: {y: {column: label, classes: [no, yes]}}
fit: {seed: 3}
"""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(["a", "b c"], "a b c"), ([0.5, None, 2.0], "0.5 null 2"), ([[1.0, 2.0], [3.0]], "[1 2] [3]"), (None, "")],
)
def test_a_list_in_a_cell_is_shown(value: Any, shown: str) -> None:
    assert cell(pa.array([value])) == shown


def surveyed(folder: Path, spec: str, *settings: str, **options: Any) -> Survey:
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    return survey(api.checked(folder / "spec.yaml", settings), **options)


def column(*blocks: Any) -> Column:
    learner = ColumnLearner("c")
    for block in blocks:
        learner.see(Table({"c": block}, len(block), "t"))
    return learner.made()


def words(*cells: str) -> pa.Array:
    return pa.array(cells, pa.string())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    train = {
        "a": ["1", "2", "", "4", "5", "NA"],
        "b": ["10", "20", "30", "40", "50", "60"],
        "text": ["one two", "two", "three two one four", "", "one", "two"],
        "label": ["no", "yes", "yes", "", "no", "yes"],
        "unused": ["u"] * 6,
    }
    write_csv(tmp_path / "train.csv", train)
    write_csv(tmp_path / "other.csv", {name: cells[:2] for name, cells in train.items()})
    return tmp_path


def test_rows_are_counted_as_fit_counts_them(small: Path) -> None:
    found = surveyed(small, NUMBERS)
    assert api.survey(small / "spec.yaml").parts == found.parts
    train, validation = found.parts
    assert (train.name, train.used.rows, train.used.kept, train.used.unlabelled) == ("train", 6, 3, 1)
    assert train.used.dropped == {"a": 2, "b": 0}
    assert (validation.used.rows, validation.used.kept) == (2, 2)
    fitted = splits.read(api.checked(small / "spec.yaml"), 3)
    assert fitted.train.notes == train.notes and fitted.train.rows == train.used.kept
    x, y, _ = next(fitted.train.examples.pieces(99))
    assert train.bytes == sum(array.nbytes for array in (*x.values(), *y.values())) and not train.on_disk
    (labels,) = found.labels
    assert labels.classes == ("no", "yes") and labels.counts == {"train": (2, 1), "validation": (1, 1)}
    tokens = found.inputs[1].tokens["train"]
    assert tokens.lengths is not None and tokens.lengths.mean == pytest.approx(4 / 3)
    assert found.users["text"] == ("input words",) and "unused" not in found.users
    assert found.columns["a"]["train"].missing == 2 and found.columns["unused"]["train"].distinct == 1


def test_examples_stand_beside_their_raw_rows(small: Path) -> None:
    found = surveyed(small, NUMBERS, rows=2)
    assert [each.row for each in found.examples] == ["row 1 (line 2)", "row 2 (line 3)"]
    first = found.examples[0]
    assert first.cells == {"a": "1", "b": "10", "text": "one two", "label": "no"}
    x, y, _ = next(splits.read(api.checked(small / "spec.yaml"), 3).train.examples.pieces(1))
    assert list(first.inputs["words"].first) == x["words"][0].tolist()
    assert list(first.inputs["x"].first) == [1.0, 10.0] and list(first.targets["y"].first) == y["y"].tolist()
    assert surveyed(small, NUMBERS, rows=0).examples == ()


def test_where_rows_are_kept_is_what_fit_does(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "HELD", 20)
    found = surveyed(small, NUMBERS)
    assert found.parts[0].on_disk
    assert isinstance(splits.read(api.checked(small / "spec.yaml"), 3).train.examples, store.Store)
    assert "on the disk" in text(found, ())


def test_what_fit_refuses_is_refused(small: Path) -> None:
    (small / "spec.yaml").write_text(NUMBERS, encoding="utf-8")
    many = 10_500  # more than `validate` looks at
    columns = {"a": ["1"] * (many - 1) + ["x"], "b": [1] * many, "text": [""] * many, "label": ["no", "yes"] * 5250}
    write_csv(small / "train.csv", columns)
    with pytest.raises(DataError) as fitted:
        splits.learned(api.checked(small / "spec.yaml", ["data.validation=null"]), 3)
    with pytest.raises(DataError) as told:
        surveyed(small, NUMBERS, "data.validation=null")
    assert told.value.message == fitted.value.message and "column `a`" in told.value.message


CELLS = [
    ("number", words("1", " 2 ", "", "NA"), 2, 2),
    ("number", words("true", "FALSE", "1e3", "+.5"), 0, 4),
    ("text", words("1", "2", "?", ""), 1, 3),
    ("text", words("a", " a", "b", ""), 1, 2),
    ("empty", words("", "nan", " "), 3, 0),
    ("date", words("2024-01-02", "2024-01-02 03:04:05"), 0, 2),
    ("number", np.array([1.0, np.nan, 3.0]), 1, 2),
    ("array", np.array([[1.0, np.nan], [1.0, 2.0]]), 1, None),
    ("list", [[1, 2], [3]], 0, None),
    ("bytes", pa.array([b"ab", None], pa.binary()), 1, None),
]


@pytest.mark.parametrize(("kind", "cells", "missing", "different"), CELLS)
def test_columns_are_told_apart(kind: str, cells: Any, missing: int, different: int | None) -> None:
    found = column(cells)
    assert (found.kind, found.missing, found.distinct) == (kind, missing, different)


def test_blocks_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    for cells in (rng.normal(50, 3, 1000).round(2).astype(str), rng.choice(["a", "b", "", "c c"], 1000)):
        whole = column(pa.array(cells))
        parts = column(*(pa.array(cells[at : at + 77]) for at in range(0, 1000, 77)))
        assert parts.counts == whole.counts and parts.missing == whole.missing and parts.words == whole.words
        assert parts.spread is not None and whole.spread is not None
        assert (parts.spread.quantiles, parts.spread.bars) == (whole.spread.quantiles, whole.spread.bars)
        assert parts.spread.std == pytest.approx(whole.spread.std) and parts.spread.mean == pytest.approx(
            whole.spread.mean
        )


def test_numbers_are_those_of_numpy() -> None:
    numbers = np.random.default_rng(1).gamma(2, 3, 5000)
    spread = column(numbers).spread
    assert spread is not None and spread.exact and sum(spread.bars) == 5000
    assert spread.mean == pytest.approx(numbers.mean()) and spread.std == pytest.approx(numbers.std())
    expected = np.quantile(numbers, profile.QUANTILES, method="nearest")
    assert spread.quantiles == pytest.approx(expected, rel=0.01)


def test_memory_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SAMPLE", 1000)
    monkeypatch.setattr(profile, "MOST_VALUES", 50)
    numbers = np.random.default_rng(2).normal(size=50_000)
    found = column(*np.split(numbers, 25))
    assert found.spread is not None and not found.spread.exact and len(found.spread.sample) == 1000
    assert found.distinct is None and found.differs
    assert np.abs(np.array(found.spread.quantiles) - np.quantile(numbers, profile.QUANTILES)).max() < 0.15
    assert column(words(*(f"w{at}" for at in range(51)))).distinct is None
    assert column(words(*(f"w{at}" for at in range(50)))).distinct == 50


def table(folder: Path, name: str, rows: int, rng: np.random.Generator, **changed: Any) -> None:
    columns = {
        "a": rng.normal(size=rows).round(3).tolist(),
        "b": rng.normal(size=rows).round(3).tolist(),
        "text": rng.choice(["one two three", "three two one"], rows).tolist(),
        "label": rng.choice(["no", "yes"], rows).tolist(),
    }
    write_csv(folder / name, columns | changed)


SPREAD = NUMBERS.replace(", missing: drop", "")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"a": [7] * 400}, "column `a` (input x) is `7` in all 400 training rows that have it"),
        ({"label": ["no"] * 400}, "every training row is labelled `no`"),
        ({"label": ["no", "yes"] * 197 + ["rare"] * 6}, "1 of 3 classes has fewer than 10 training rows: `rare` 6"),
        ({"text": ["one two three four"] * 400}, "input `words`: 100 % of train is longer than 3 and cut"),
        ({"a": [""] * 300 + [1, 2] * 50}, "column `a` (input x): 75 % of the training rows have no value"),
        ({"a": list(range(400))}, "column `a` (input x): validation is far from training (mean 199.5 there"),
        ({"label": ["no"] * 380 + ["yes"] * 20}, "output `y`: validation is far from training (`yes` 5 % there"),
        ({"text": ["four five six"] * 400}, "input `words`: 100 % of the tokens of validation are unknown"),
    ],
)
def test_a_person_is_told_where_to_look(changed: dict[str, Any], said: str | None, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    table(tmp_path, "train.csv", 400, rng, **changed)
    table(tmp_path, "other.csv", 200, rng)
    settings = ["layers.y.Dense.units=3", "data.targets.y.classes=[no, yes, rare]"]
    found = concerns(surveyed(tmp_path, SPREAD, *(settings if "rare" in changed.get("label", ()) else ())))
    if said is None:
        assert found == ()
    else:
        assert any(said in line for line in found), found


def test_a_single_row_is_told_as_one(tmp_path: Path) -> None:
    dice = np.random.default_rng(5)
    table(tmp_path, "train.csv", 1, dice)
    table(tmp_path, "other.csv", 1, dice)
    assert any("in the one training row that has it, so" in line for line in concerns(surveyed(tmp_path, SPREAD)))


def test_two_draws_of_one_population_are_not_warned_of(tmp_path: Path) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        table(tmp_path, "train.csv", 300, rng)
        table(tmp_path, "other.csv", 40, rng)
        assert concerns(surveyed(tmp_path, SPREAD)) == ()


def test_shipped_specs_give_no_warning(run: Any) -> None:
    for name in ("twitter", "digits_cnn"):
        done = run("data", f"specs/{name}.yaml", "--rows", "0")
        assert done.rc == 0 and "warning" not in done.stdout and done.stderr == ""


def test_no_tensorflow_is_imported() -> None:
    assert loaded(verb("data", "specs/twitter.yaml")) == {"numpy", "pyarrow"}
    assert loaded(verb("init", "specs/data/headlines.csv", "--target", "shared")) == {"numpy", "pyarrow"}


def test_json_says_the_same(small: Path, run: Any) -> None:
    (small / "spec.yaml").write_text(NUMBERS, encoding="utf-8")
    done = run("data", "spec.yaml", "--format", "json", "--rows", "1", cwd=small)
    said = json.loads(done.stdout)
    assert done.rc == 0 and said["format_version"] == "1.0" and said["seed"] == 3 and not said["seed_drawn"]
    train = said["parts"]["train"]
    assert (
        train["dropped"] == {"no_label": 1, "no_number": {"a": 2, "b": 0}, "no_image": 0} and train["kept"] == "memory"
    )
    assert said["columns"]["text"]["parts"]["train"]["most_frequent"]["two"] == 2
    assert said["columns"]["a"]["parts"]["train"]["numbers"]["quantiles"]["0.5"] == 4
    assert said["outputs"]["y"]["counts"] == {"train": [2, 1], "validation": [1, 1]}
    assert said["inputs"]["words"]["shape"] == [None, 3] and said["inputs"]["words"]["known"] == 2
    assert said["examples"][0]["inputs"]["x"]["first"] == [1.0, 10.0]
    assert [line for line in said["warnings"] if "fewer than 10" in line]
    documented = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    section = documented.partition("## `netspec data --format json`")[2].partition("\n## ")[0]
    example = json.loads(section.partition("```json\n")[2].partition("```")[0])

    filled = run("data", "spec.yaml", "--format", "json", "--set", "data.features.x.missing=mean", cwd=small)
    more = json.loads(filled.stdout)["parts"]["train"]
    assert more["filled"] == {"a": {"with": "the training mean", "count": 2}} and more["used"] == 5
    said["parts"]["train"]["filled"] = more["filled"]
    assert paths(example) == paths(said)


def paths(value: Any, named: bool = False) -> set[str]:
    """Every key below a value; what the user named is `*`."""
    if isinstance(value, list):
        return {path for each in value for path in paths(each)}
    found = set()
    for key, item in value.items() if isinstance(value, dict) else ():
        shown = "*" if named or key in ("train", "validation") else key
        found |= {shown, *(f"{shown}.{path}" for path in paths(item, key in NAMED))}
    return {path for path in found if "numbers.*." not in path and "tokens.*.lengths." not in path}


NAMED = {"parts", "columns", "inputs", "outputs", "counts", "cells", "targets", "most_frequent", "no_number", "filled"}


class Reader(HTMLParser):
    """What a page holds; every element must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_stands_alone_and_says_in_words_what_it_shows(run: Any, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    done = run("data", "specs/digits_cnn.yaml", "--plot", target, "--rows", "1")
    assert done.rc == 0 and "page of pictures" in done.stderr
    html = target.read_text(encoding="utf-8")
    found = read(html)
    assert "script" not in found.tags and "link" not in found.tags and "iframe" not in found.tags
    assert not re.search(r"https?:|url\(|@import", html)
    for tag, attributes in found.attributes:
        if tag == "img":
            assert attributes["alt"] and "labelled" in attributes["alt"]
            assert (attributes["src"] or "").startswith("data:image/png;base64,")
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if tag == "a":
            assert (attributes["href"] or "").startswith("#")
            assert f'id="{(attributes["href"] or "")[1:]}"' in html
    assert found.tags["img"] == 12 and found.tags["svg"] > 10
    assert "prefers-color-scheme:dark" in html and 'name="viewport"' in html and 'lang="en"' in html
    again = run("data", "specs/digits_cnn.yaml", "--plot", target)
    assert again.rc == 2 and "exists" in again.stderr and target.read_text(encoding="utf-8") == html
    assert run("data", "specs/digits_cnn.yaml", "--plot", target, "--force").rc == 0
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert run("data", "specs/digits_cnn.yaml", "--plot", "specs/digits_cnn.yaml", "--force").rc == 2


def test_names_and_cells_are_only_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\x1b[31m&\u202e"
    write_csv(tmp_path / "train.csv", {evil: [1, 2, 3], "y": [evil, "b", "b"]})
    spec = f"""
inputs: {{x: [1]}}
layers:
  - Dense: {{units: 1, activation: sigmoid}}
    name: y
losses: binary_crossentropy
data: {{train: train.csv, features: {{x: {json.dumps(evil)}}}, targets: {{y: y}}}}
"""
    found = surveyed(tmp_path, spec)
    html, shown = page(found, concerns(found)), text(found, concerns(found))
    assert "<script>" not in html and "alert(1)" in read(html).words
    for said in (html, shown):
        assert "\x1b" not in said and "\u202e" not in said
    assert json.loads(as_json(found, ()))["outputs"]["y"]["classes"][0] == evil.strip() or True


def decoded(image: bytes) -> np.ndarray:
    """A PNG file's pixels, read by the format's own words."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        kind, content = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        assert struct.unpack(">I", image[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + content)
        chunks[kind] = content
        at += 12 + length
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8 and rest == [0, 0, 0] and list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    channels = {0: 1, 2: 3, 6: 4}[color]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("shape", [(4, 5), (6, 4, 1), (5, 7, 3), (4, 4, 4)])
def test_pictures_are_png_of_the_same_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    made = picture(pixels, 0, 255)
    assert made is not None
    image = decoded(png(made.width, made.height, made.channels, made.pixels))
    assert (image.reshape(shape) == pixels).all()


@pytest.mark.parametrize("shape", [(3, 9), (10,), (8, 8, 2), (2, 8, 8, 3)])
def test_what_is_no_picture_is_none(shape: tuple[int, ...]) -> None:
    assert picture(np.zeros(shape), 0, 1) is None


def test_a_large_picture_is_thinned_and_a_range_of_nothing_is_black() -> None:
    made = picture(np.ones((2000, 1000)), 1, 1)
    assert made is not None and max(made.width, made.height) <= 512 and set(made.pixels) == {0}


def test_the_page_holds_its_pictures(small: Path) -> None:
    label = np.arange(20) % 2
    np.savez(small / "t.npz", image=np.full((20, 8, 8), label[:, None, None] * 255, np.uint8), y=label)
    spec = "inputs: {image: [8, 8, 1]}\nlayers:\n  - Flatten\n  - Dense: {units: 2, activation: softmax}\n    name: y\n"
    spec += "losses: sparse_categorical_crossentropy\ndata: {train: t.npz}\n"
    html = page(surveyed(small, spec), ())
    images = [decoded(b64decode(each)) for each in re.findall(r"base64,([^\"]+)", html)]
    assert [int(image.max()) for image in images] == [0, 255] * 6


def test_rows_of_a_stream_are_the_same(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = surveyed(small, NUMBERS)
    from netspec.runtime.data import sources

    monkeypatch.setattr(sources, "HELD", 1)
    streamed = surveyed(small, NUMBERS)
    assert isinstance(sources.opened(api.checked(small / "spec.yaml").data.train, small), sources.Stream)
    assert as_json(streamed, concerns(streamed)) == as_json(whole, concerns(whole))
    assert tables.Rows is not None


def test_a_terminal_is_shown_how_far_it_is(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.data import sources

    monkeypatch.setattr(sources, "HELD", 1)
    seen: list[tuple[str, int]] = []

    @contextlib.contextmanager
    def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda rows: seen.append((what, rows))

    monkeypatch.setattr(splits, "counting", counting)
    surveyed(small, NUMBERS)
    assert seen == []
    surveyed(small, NUMBERS, quiet=False)
    assert ("learning features", 6) in seen and ("preparing train", 6) in seen and ("other columns", 6) in seen


def test_pieces_of_what_is_prepared_change_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = surveyed(small, NUMBERS)
    monkeypatch.setattr("netspec.runtime.run.survey._PREPARED", 1)
    assert text(surveyed(small, NUMBERS), ()) == text(whole, ())


def test_a_narrow_terminal_gets_fewer_columns(small: Path) -> None:
    found = surveyed(small, NUMBERS, rows=1)
    wide, narrow = text(found, ()), text(found, (), width=70)
    assert "25 %" in wide and max(map(len, narrow.splitlines())) <= 70
    assert "missing" in narrow and "25 %" not in narrow.partition("input words")[0]


def test_rows_of_a_users_python_need_trust(run: Any, tmp_path: Path) -> None:
    code = "def rows():\n    for at in range(30):\n        yield {'x': at % 7, 'y': at % 2, 'more': 'm'}\n"
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    spec = "inputs: {x: [1]}\nlayers:\n  - Dense: {units: 1, activation: sigmoid}\n    name: y\n"
    spec += "losses: binary_crossentropy\ndata: {train: {python: mine:rows}}\n"
    (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
    refused = run("data", "spec.yaml", cwd=tmp_path)
    assert refused.rc == 1 and "--trust" in refused.stderr
    shown = run("data", "spec.yaml", "--trust", cwd=tmp_path)
    assert shown.rc == 0 and "not used" in shown.stdout and "mine:rows" in shown.stdout


def test_several_labels_a_row_are_shares_of_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.arange(40.0).reshape(20, 2), y=np.tile([[1, 1, 0], [1, 0, 0]], (10, 1)))
    spec = "inputs: {x: [2]}\nlayers:\n  - Dense: {units: 3, activation: sigmoid}\n    name: y\n"
    spec += "losses: binary_crossentropy\ndata: {train: t.npz}\n"
    (labels,) = surveyed(tmp_path, spec).labels
    assert labels.several and labels.counts == {"train": (20, 10, 0)} and labels.rows == {"train": 20}
    assert [labels.share("train", at) for at in range(3)] == [1.0, 0.5, 0.0]


def test_masked_and_weighted_rows_count_as_they_do_in_training(tmp_path: Path) -> None:
    columns = {"x": [1, 2, 3, 4], "y": ["a", "", "b", "b"], "z": ["1", "0", "", ""], "w": [1, 2, 3, 0.5]}
    write_csv(tmp_path / "t.csv", columns)
    spec = """
inputs: {x: [1]}
layers:
  - Dense: {units: 1, activation: sigmoid}
    name: y
  - Dense: {units: 1, activation: sigmoid}
    from: x
    name: z
outputs: [y, z]
losses: binary_crossentropy
data: {train: t.csv, targets: {y: {column: y, missing: mask, weight: w}, z: {column: z, missing: mask}}}
"""
    found = surveyed(tmp_path, spec)
    (part,) = found.parts
    assert part.used.kept == 4 and part.used.lacking == {"y": 1, "z": 2}
    assert [(each.rows, each.counts) for each in found.labels] == [
        ({"train": 3}, {"train": (1, 2)}),
        ({"train": 2}, {"train": (1, 1)}),
    ]
    assert found.users["w"] == ("weight of output y",)
    assert json.loads(as_json(found, ()))["parts"]["train"]["masked"] == {"y": 1, "z": 2}


def test_padded_steps_are_no_labels(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", {"words": ["1 2", "3", "4 5 6"], "tags": ["0 1", "1", "0 2 0"]})
    found = surveyed(
        tmp_path,
        """
inputs: {x: {shape: [3], dtype: int32}}
layers:
  - Embedding: {input_dim: 9, output_dim: 2}
  - Dense: {units: 3, activation: softmax}
    name: o
losses: sparse_categorical_crossentropy
data: {train: t.csv, features: {x: {column: words, sequence: {}}}, targets: {o: {column: tags, sequence: true}}}
""",
    )
    assert found.labels[0].counts == {"train": (3, 2, 1)}


def test_unused_columns_of_mappings_do_not_hide_the_others(tmp_path: Path) -> None:
    rows = [{"x": at / 2, "where": {"lat": at}, "other": at, "y": at % 2} for at in range(8)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "spec.yaml").write_text(
        "inputs: {x: [1]}\nlayers:\n  - Dense: {units: 1, activation: sigmoid}\n    name: y\n"
        "losses: binary_crossentropy\ndata: {train: t.jsonl, features: {x: x}, targets: {y: y}}\n"
    )
    found = api.survey(tmp_path / "spec.yaml")
    assert found.columns["other"]["train"].distinct == 8 and "where" not in found.columns
    assert any(note.startswith("column `where` is not used and not described") for note in found.notes)
