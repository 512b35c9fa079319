"""Images: decoded and scaled as Keras would, from files, bytes and arrays; what cannot be read is named, or skipped."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.keras
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pa = pytest.importorskip("pyarrow")
import pyarrow.parquet  # noqa: E402

import netspec  # noqa: E402
from netspec.catalog.types import TensorType  # noqa: E402
from netspec.diagnostics import ERROR, WARNING  # noqa: E402
from netspec.language.schema import Category, Data, Feature, Image, Source, Target  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.render import survey as survey_render  # noqa: E402
from netspec.runtime.data import features, images, sources, store  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.images import Size, decoded  # noqa: E402
from netspec.runtime.data.learning import fit  # noqa: E402
from netspec.runtime.data.tables import Rows, Table, pieces  # noqa: E402
from netspec.runtime.run import splits, survey  # noqa: E402

# A GIF of two pixels, black and white.
GIF = b"GIF89a\x02\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02D\n\x00;"


def picture(seed: int, height: int = 12, width: int = 20, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    return bytes(tf.io.encode_png(pixels).numpy())


def jpeg(pixels: np.ndarray) -> bytes:
    return bytes(tf.io.encode_jpeg(pixels, quality=95).numpy())


def bmp(pixels: np.ndarray) -> bytes:
    """24 bits a pixel, rows from the bottom up, each filled up to four bytes."""
    height, width, _ = pixels.shape
    rows = b"".join(row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in pixels[::-1])
    head = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows


def of_bytes(*cells: bytes | None) -> Table:
    return Table({"a": pa.array(cells, pa.binary())}, len(cells), "t")


def pixels(data: bytes, size: Size) -> np.ndarray:
    found = decoded(of_bytes(data), "a", size)
    assert not found.faults, found.faults
    return found.pixels[0]


def folder_of(path: Path, count: int = 6) -> Path:
    """Three classes with `count` images each, and a few things that are no images of a class."""
    for number, name in enumerate(("ant", "bee", "cat")):
        (path / name / "more").mkdir(parents=True)
        for at in range(count):
            shape = 10 + at, 24 - at
            made = picture(at, *shape) // 3 + np.eye(3, dtype=np.uint8)[number] * 150
            where = path / name / ("more" if at % 3 == 2 else "") / f"{at}.{'jpg' if at % 2 else 'PNG'}"
            where.write_bytes(jpeg(made) if at % 2 else png(made))
    (path / "ant" / "notes.txt").write_text("no image")
    (path / "ant" / "_draft.png").write_bytes(b"")
    (path / ".hidden").mkdir()
    (path / ".hidden" / "x.png").write_bytes(b"")
    return path


# one image


def test_an_image_of_the_inputs_size_keeps_its_pixels() -> None:
    same = picture(1)
    for data in (png(same), bmp(same)):
        np.testing.assert_array_equal(pixels(data, Size(12, 20, 3, "stretch")), same)
    near = pixels(jpeg(same // 8 + 100), Size(12, 20, 3, "stretch"))
    assert np.abs(near.astype(int) - (same // 8 + 100)).mean() < 8


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(12, 20), (40, 9), (1, 1), (7, 7)])
def test_other_sizes_are_scaled_as_keras_scales(resize: str, shape: tuple[int, int]) -> None:
    given = picture(2, *shape)
    layer = keras.layers.Resizing(
        8, 10, crop_to_aspect_ratio=resize == "crop", pad_to_aspect_ratio=resize == "pad", dtype="float32"
    )
    expected = np.clip(np.rint(layer(given[None].astype(np.float32)).numpy()[0]), 0, 255)
    np.testing.assert_array_equal(pixels(png(given), Size(8, 10, 3, resize)), expected)


def test_channels_become_as_many_as_the_input_has() -> None:
    grey, colour, clear = picture(3, channels=1), picture(4), picture(5, channels=4)

    def of(data: bytes, channels: int) -> np.ndarray:
        return pixels(data, Size(12, 20, channels, "stretch"))

    np.testing.assert_array_equal(of(png(grey), 3), np.repeat(grey, 3, axis=-1))
    np.testing.assert_array_equal(of(png(clear), 3), clear[..., :3])
    np.testing.assert_array_equal(of(png(clear), 4), clear)
    np.testing.assert_array_equal(of(bmp(colour), 4)[..., :3], colour)
    np.testing.assert_array_equal(of(jpeg(colour), 4)[..., 3], 255)
    assert of(jpeg(grey), 4).shape == (12, 20, 4)
    shades = tf.image.rgb_to_grayscale(colour).numpy()
    np.testing.assert_array_equal(of(bmp(colour), 1), shades)
    assert np.abs(of(jpeg(colour), 1).astype(int) - shades).mean() < 20


def test_the_first_frame_of_a_gif() -> None:
    for channels in (1, 3, 4):
        found = pixels(GIF, Size(1, 2, channels, "stretch"))
        assert found[0, 0, 0] == 0 and found[0, 1, 0] == 255


def test_rows_keep_their_order_however_they_are_decoded() -> None:
    given = [picture(at, 5 + at % 7, 6) for at in range(60)]
    found = decoded(of_bytes(*map(png, given)), "a", Size(9, 6, 3, "stretch")).pixels
    for at in (0, 7, 33, 59):
        np.testing.assert_array_equal(found[at], pixels(png(given[at]), Size(9, 6, 3, "stretch")))


# what cannot be read

FAULTS = {
    "a cut JPEG": (jpeg(picture(1))[:200], "is a JPEG image that is damaged or cut off"),
    "a cut PNG": (png(picture(1))[:200], "is a PNG image that is damaged or cut off"),
    "a cut BMP": (bmp(picture(1))[:200], "is a BMP image that is damaged or cut off"),
    "a cut GIF": (GIF[:15], "is a GIF image that is damaged or cut off"),
    "text": (b"<html>not found</html>", "is no JPEG, PNG, GIF or BMP image"),
    "nothing": (b"", "is empty"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_broken_file_is_named_with_its_row(case: str, tmp_path: Path) -> None:
    data, expected = FAULTS[case]
    (tmp_path / "good.png").write_bytes(png(picture(1)))
    (tmp_path / "bad").write_bytes(data)
    (tmp_path / "t.csv").write_text("a,y\ngood.png,1\n bad ,1\n")
    table = sources.read(Source(csv=("t.csv",)), tmp_path)
    found = decoded(table, "a", Size(4, 4, 3, "stretch"))
    (fault,) = found.faults.values()
    assert fault.code == "NS705" and fault.message == f"`t.csv` row 2 (line 3), column `a`: ` bad ` {expected}"
    assert not found.pixels[1].any() and found.pixels[0].any()


def test_cells_that_name_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "inside").mkdir()
    (tmp_path / "t.csv").write_text("a,y\ngone.png,1\n,1\npipe,1\ninside,1\n")
    faults = decoded(sources.read(Source(csv=("t.csv",)), tmp_path), "a", Size(4, 4, 3, "stretch")).faults
    assert [faults[at].code for at in range(4)] == ["NS701", "NS703", "NS703", "NS703"]
    assert "row 1 (line 2), column `a`: no such file: `gone.png`" in faults[0].message
    assert "expected the path of an image, got an empty cell" in faults[1].message
    assert "expected the path of an image file, got `pipe`" in faults[2].message
    assert all("on_error: skip" in (fault.help or "") for fault in faults.values())


def test_bytes_that_are_missing_or_no_image() -> None:
    faults = decoded(of_bytes(png(picture(1)), None, b"x"), "a", Size(4, 4, 3, "stretch")).faults
    assert sorted(faults) == [1, 2]
    assert faults[1].message == "`t` row 2, column `a`: expected the bytes of an image, got an empty cell"
    assert faults[2].message == "`t` row 3, column `a`: the image is no JPEG, PNG, GIF or BMP image"


# tables


def prepared(
    rows: Rows, shape: tuple[int, ...] = (8, 10, 3), on_error: str = "stop", dtype: str = "float32", **how: Any
) -> features.Prepared:
    feature = Feature(column="a", **{"image": Image(), **how})
    data = Data(features={"x": feature}, targets={"y": Target(column="y")}, on_error=on_error)
    losses: dict[str, str | None] = {"y": "MeanSquaredError"}
    return fit(data, {"x": TensorType((None, *shape), dtype)}, {"y": TensorType((None, 1))}, rows, losses=losses)


def test_every_kind_of_table_gives_the_same_pixels(tmp_path: Path) -> None:
    given = [picture(at, 8 + at, 12) for at in range(5)]
    (tmp_path / "in").mkdir()
    (tmp_path / "photos").mkdir()
    for at, each in enumerate(given):
        (tmp_path / "photos" / f"{at}.png").write_bytes(png(each))
    paths = [f"../photos/{at}.png" for at in range(5)]
    (tmp_path / "in" / "t.csv").write_text("a,y\n" + "".join(f"{path},{at}\n" for at, path in enumerate(paths)))
    lines = [json.dumps({"a": path, "y": at}) for at, path in enumerate(paths)]
    (tmp_path / "in" / "t.jsonl").write_text("\n".join(lines) + "\n")
    encoded = pa.array(map(png, given), pa.binary())
    struct_ = pa.StructArray.from_arrays([encoded, pa.array(paths)], ["bytes", "path"])
    for name, column in (("b", encoded), ("s", struct_), ("d", pa.array(paths).dictionary_encode())):
        pyarrow.parquet.write_table(pa.table({"a": column, "y": list(range(5))}), tmp_path / "in" / f"{name}.parquet")
    np.savez(tmp_path / "in" / "t.npz", a=np.array(paths), y=np.arange(5))
    made = []
    kinds = [("csv", "t.csv"), ("jsonl", "t.jsonl"), ("parquet", "b.parquet"), ("parquet", "s.parquet")]
    for kind, name in [*kinds, ("parquet", "d.parquet"), ("npz", "t.npz")]:
        source = Source.model_validate({kind: f"in/{name}" if kind == "npz" else [f"in/{name}"]})
        table = sources.read(source, tmp_path)
        made.append(prepared(table, rescale=0.5).examples(table).x["x"])
    assert made[0].dtype == np.float32 and made[0].max() <= 127.5
    for each in made[1:]:
        np.testing.assert_array_equal(each, made[0])
    expected = np.stack([pixels(png(each), Size(8, 10, 3, "stretch")) for each in given]) * np.float32(0.5)
    np.testing.assert_array_equal(made[0], expected)


def test_bytes_are_neither_numbers_nor_texts() -> None:
    table = Table({"a": pa.array([b"x"], pa.binary()), "y": np.zeros(1)}, 1, "t")
    for expected, how in (("a number", {}), ("a text", {"category": Category()})):
        with pytest.raises(DataError, match=f"row 1, column `a`: expected {expected}, got `bytes`") as caught:
            prepared(table, (1,), image=None, **how)
        assert caught.value.help == "say `image` for the bytes of images"


def test_files_of_one_table_in_several_folders_keep_their_own_paths(tmp_path: Path) -> None:
    for at, name in enumerate(("one", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(png(np.full((4, 4, 3), 100 * at, np.uint8)))
        (tmp_path / name / "t.csv").write_text("a,y\nx.png,1\nx.png,1\n")
    table = sources.read(Source(csv=("one/t.csv", "two/t.csv")), tmp_path).take(np.array([3, 0, 1]))
    found = decoded(table, "a", Size(4, 4, 3, "stretch"))
    assert found.pixels[:, 0, 0, 0].tolist() == [100, 0, 0]


def test_arrays_of_pixels_are_scaled_too() -> None:
    given = np.stack([picture(at) for at in range(4)])
    table = Table({"a": given, "y": np.zeros(4)}, 4, "t")
    found = prepared(table).examples(table).x["x"]
    expected = [pixels(png(each), Size(8, 10, 3, "stretch")) for each in given]
    np.testing.assert_array_equal(found, np.stack(expected))
    grey = Table({"a": given[..., 0].astype(np.float64), "y": np.zeros(4)}, 4, "t")
    assert prepared(grey, (12, 20)).examples(grey).x["x"].tolist() == given[..., 0].tolist()
    with pytest.raises(DataError, match=r"expected pixels \[height, width, 1\] a row, got an array of \[12, 20, 3\]"):
        prepared(table, (8, 8)).examples(table)


def test_normalized_pixels_and_what_a_run_keeps(tmp_path: Path) -> None:
    given = [picture(at, 8, 10) for at in range(6)]
    table = Table({"a": pa.array(map(png, given), pa.binary()), "y": np.zeros(6)}, 6, "t")
    made = prepared(table, normalize=True)
    found = made.examples(table).x["x"]
    np.testing.assert_allclose(found.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((0, 1, 2)), 1, atol=1e-4)
    made.save(tmp_path / "features")
    again = features.load(tmp_path / "features")
    assert again.features == made.features
    np.testing.assert_array_equal(again.inputs(table)["x"], found)


def test_an_input_of_bytes_gets_bytes() -> None:
    given = picture(1, 8, 10)
    table = Table({"a": pa.array([png(given)], pa.binary()), "y": np.zeros(1)}, 1, "t")
    found = prepared(table, dtype="uint8").inputs(table)["x"]
    assert found.dtype == np.uint8 and (found[0] == given).all()
    with pytest.raises(DataError, match="rescaled pixels are not whole"):
        prepared(table, dtype="uint8", rescale=0.5)


def test_rows_are_skipped_only_where_the_spec_says_so(tmp_path: Path) -> None:
    cells = [png(picture(0)), b"x", png(picture(2)), None, png(picture(4))]
    labels = pa.array(["1", "2", "3", "4", ""])
    table = Table({"a": pa.array(cells, pa.binary()), "y": labels}, 5, "t")
    with pytest.raises(DataError, match="row 2, column `a`: the image is no JPEG"):
        prepared(table).examples(table)
    skipping = prepared(table, on_error="skip")
    examples = skipping.examples(table)
    assert examples.y["y"].tolist() == [[1.0], [3.0]]
    (used, unlabelled, unread) = examples.used.notes()
    assert used == "2 of 5 rows of `t` used" and unlabelled == "1 row dropped: no label in `y`"
    assert unread.startswith("2 rows dropped: no image that can be read, the first: `t` row 2, column `a`")
    with pytest.raises(DataError, match="row 2, column `a`"):  # a prediction has every row
        skipping.inputs(table)
    skipping.save(tmp_path / "features")
    assert features.load(tmp_path / "features").examples(table).rows == 2
    nothing = Table({"a": pa.array([b"x"], pa.binary()), "y": pa.array(["1"])}, 1, "t")
    assert prepared(nothing, on_error="skip", normalize=True).examples(nothing).rows == 0


# memory


def test_rows_are_read_in_pieces_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = pa.array([png(picture(at, 8, 10)) for at in range(20)], pa.binary())
    table = Table({"a": cells, "y": np.zeros(20)}, 20, "t")
    made = prepared(table, rescale=1 / 255)
    whole = made.examples(table).x["x"]
    monkeypatch.setattr(features, "MOST_BYTES", 3 * 8 * 10 * 3)
    assert made.at_once == 3
    parts = [made.examples(part).x["x"] for part in pieces(table, made.at_once)]
    assert max(map(len, parts)) == 3
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_on_the_disk_a_pixel_takes_a_byte_and_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK", 5 * 8 * 10 * 3 * 4)
    cells = pa.array([png(picture(at, 8, 10)) for at in range(23)], pa.binary())
    table = Table({"a": cells, "y": np.zeros(23)}, 23, "t")
    for dtype in ("float32", "float16"):
        made = prepared(table, rescale=0.00392, dtype=dtype)
        examples = made.examples(table)
        gatherer = store.Gatherer(23, held=0, levels=made.levels)
        for start in range(0, 23, 7):
            part = {name: array[start : start + 7] for name, array in examples.x.items()}
            gatherer.add(part, {name: array[start : start + 7] for name, array in examples.y.items()})
        kept = gatherer.made()
        assert isinstance(kept, store.Store) and [each.stored for each in kept.arrays][:1] == [240]
        found = np.concatenate([piece.x["x"] for piece in kept.pieces(4)])
        truths = np.concatenate([piece.y["y"] for piece in store.truths(kept)])
        np.testing.assert_array_equal(truths, examples.y["y"])
        assert kept.block(0, inputs=False).x == {}
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, examples.x["x"])
    gatherer = store.Gatherer(23, held=0, levels=prepared(table, rescale=0.5).levels)
    gatherer.add({"x": np.full((23, 8, 10, 3), 0.3, np.float32)}, {"y": np.zeros((23, 1))})
    other = gatherer.made()  # pixels of an array that are no bytes
    assert other.head(1)[0]["x"].max() == np.float32(0.3)


def test_wide_rows_of_parquet_are_read_in_small_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.runtime.data import columnar

    monkeypatch.setattr(columnar, "_BYTES", 1 << 14)
    monkeypatch.setattr(sources, "HELD", 0)
    cells = [png(picture(at, 30, 30)) for at in range(40)]
    pyarrow.parquet.write_table(pa.table({"a": pa.array(cells, pa.binary()), "y": [0] * 40}), tmp_path / "t.parquet")
    rows = sources.opened(Source(parquet=("t.parquet",)), tmp_path, columns=("a", "y"))
    sizes = [table.rows for table in rows.tables()]
    assert sum(sizes) == 40 and max(sizes) < 12


# folders


def test_a_folder_of_images_is_a_table(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 4)
    (tmp_path / "photos" / "loose.png").write_bytes(png(picture(1)))
    table = sources.read(Source(images="photos/"), tmp_path)
    files, labels = table.column("image").to_pylist(), table.column("label").to_pylist()
    assert files[:5] == ["loose.png", "ant/0.PNG", "ant/1.jpg", "ant/3.jpg", "ant/more/2.PNG"]
    assert labels == ["", *["ant"] * 4, *["bee"] * 4, *["cat"] * 4]
    assert not decoded(table, "image", Size(4, 4, 3, "crop")).faults
    one = sources.read(Source(images="photos/bee/0.PNG"), tmp_path)
    assert one.rows == 1 and decoded(one, "image", Size(4, 4, 3, "crop")).pixels.any()


SPEC = """
inputs: {x: SHAPE}
layers:
  - Flatten
  - {Dense: {units: 3, activation: softmax}, name: kind}
losses: sparse_categorical_crossentropy
metrics: [accuracy]
optimizer: {Adam: 0.01}
data:
  train: {images: photos}
  validation: 0.25
  features: {x: {column: image, image: true, rescale: 0.00392}}
  targets: {kind: label}
fit: {epochs: 15, batch_size: 4, seed: 1}
""".replace("SHAPE", "[8, 10, 3]")


def test_a_spec_trains_and_predicts_on_folders(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 12)
    (tmp_path / "photos" / "bee" / "broken.png").write_bytes(png(picture(1))[:99])
    spec = tmp_path / "s.yaml"
    spec.write_text(SPEC)
    with pytest.raises(DataError, match=r"`photos` row \d+, column `image`: `bee/broken.png` is a PNG image that is"):
        netspec.fit(spec, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    spec.write_text(SPEC.replace("  targets", "  on_error: skip\n  targets"))
    result = netspec.fit(spec, out=tmp_path / "run", quiet=True)
    assert any("no image that can be read" in note for note in result.notes)
    assert result.metrics["train"]["kind"]["accuracy"] > 0.9
    kept = json.loads((tmp_path / "run" / "environment.json").read_text())["data"]
    assert kept[str(tmp_path / "photos")]["files"] == 37
    found = netspec.predict(tmp_path / "run", tmp_path / "photos" / "cat", keep=["image"])
    assert list(found.outputs["kind"].argmax(1)).count(2) > 9 and found.kept["image"][0] == "0.PNG"
    again = netspec.evaluate(tmp_path / "run")
    assert again.scores.rows == result.scores[1].rows


def test_the_split_is_that_of_a_table(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 6)
    checked = analyze_text(SPEC, folder=str(tmp_path)).checked
    assert checked is not None
    parts = splits.read(checked, 1)
    assert parts.validation is not None and (parts.train.rows, parts.validation.rows) == (14, 4)
    table = sources.read(Source(images="photos"), tmp_path)
    lines = [
        f"photos/{a},{b}\n" for a, b in zip(*(table.column(n).to_pylist() for n in ("image", "label")), strict=True)
    ]
    (tmp_path / "t.csv").write_text("image,label\n" + "".join(lines))
    other = analyze_text(SPEC.replace("{images: photos}", "t.csv"), folder=str(tmp_path)).checked
    assert other is not None
    same = splits.read(other, 1).train.examples.head(14)
    np.testing.assert_array_equal(parts.train.examples.head(14)[0]["x"], same[0]["x"])
    np.testing.assert_array_equal(parts.train.examples.head(14)[1]["kind"], same[1]["kind"])


# validate

MISTAKES = {
    "too few units": ("units: 3", "units: 2", "NS710", ERROR, "2 units, column `label` of `photos` has 3 classes"),
    "no images": ("{images: photos}", "{images: none}", "NS704", ERROR, "`none` has no images: no file ends in .jpg"),
    "not there": ("{images: photos}", "{images: gone}", "NS701", WARNING, "`gone` is not there"),
    "a file": ("{images: photos}", "{images: s.yaml}", "NS705", ERROR, "is a file; expected a folder of images"),
    "flat": ("{images: photos}", "{images: photos/ant/more}", "NS704", ERROR, "each has an empty cell in `label`"),
    "a column": ("column: image", "column: photo", "NS702", ERROR, "`photos` has no column `photo`"),
    "free sizes": (
        "[8, 10, 3]",
        "[8, null, 3]",
        "NS708",
        ERROR,
        "scaled to its height and width, which it leaves free",
    ),
    "a vector": ("[8, 10, 3]", "[240]", "NS708", ERROR, "images need [height, width, channels]"),
    "channels": ("[8, 10, 3]", "[8, 10, 2]", "NS708", ERROR, "it has 2 channels, images have 1, 3 or 4"),
    "other channels": ("image: true", "image: {channels: 1}", "NS708", ERROR, "it has 3 channels, its feature says 1"),
    "two columns": ("column: image", "columns: [image, label]", "NS708", ERROR, "`image` reads one column, got 2"),
    "missing": ("image: true", "image: true, missing: zero", "NS709", ERROR, "`missing` is for numbers"),
    "two ways": ("image: true", "image: true, multi_hot: 3", "NS709", ERROR, "got `multi_hot` and `image`"),
    "whole": ("[8, 10, 3]", "{shape: [8, 10, 3], dtype: int32}", "NS708", ERROR, "rescaled pixels are not whole"),
    "a word": ("image: true", "image: {resize: fit}", "NS202", ERROR, "one of `stretch`, `crop` or `pad`"),
    "two sources": ("{images: photos}", "{images: photos, csv: t.csv}", "NS709", ERROR, "got `csv`, `images`"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_validate_says(case: str, tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 3)
    (tmp_path / "none" / "dogs").mkdir(parents=True)
    (tmp_path / "s.yaml").write_text("x")
    before, after, code, severity, said = MISTAKES[case]
    text = SPEC.replace("Flatten", "GlobalAveragePooling2D" if "null" in after else "Flatten").replace(before, after)
    found = analyze_text(text, folder=str(tmp_path)).diagnostics
    assert any(each.code == code and each.severity == severity and said in each.message for each in found), found
    assert len([each for each in found if each.severity == ERROR]) <= 2
    checked = analyze_text(text, folder=str(tmp_path), look_at_data=False).checked
    if severity == ERROR and checked is not None:  # and fit refuses the same
        with pytest.raises(DataError):
            splits.read(checked, 1)


def test_a_folder_that_is_right_is_passed_in_silence_and_an_empty_class_is_not(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 3)
    analysis = analyze_text(SPEC, folder=str(tmp_path))
    assert analysis.diagnostics == () and analysis.looked[0].rows == 9 and analysis.looked[0].whole
    (tmp_path / "photos" / "dog").mkdir()
    (found,) = analyze_text(SPEC, folder=str(tmp_path)).diagnostics
    assert (found.code, found.severity) == ("NS704", WARNING) and "no images of `dog`" in found.message


def test_files_that_a_table_names_are_looked_for(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 3)
    rows = ["photos/ant/0.PNG,a", "photos/ant/9.PNG,b", "photos/no.png,c", "photos/cat/0.PNG,c", "photos/bee/0.PNG,b"]
    (tmp_path / "t.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    text = SPEC.replace("{images: photos}", "t.csv")
    (found,) = analyze_text(text, folder=str(tmp_path)).diagnostics
    assert (found.code, found.severity) == ("NS701", WARNING)
    assert found.message == "`t.csv` row 2 (line 3), column `image`: no such file: `photos/ant/9.PNG`"
    assert found.notes == ("2 of 5 rows are like it",)
    (tmp_path / "t.csv").write_text("image,label\nphotos/ant/0.PNG,a\n,b\nphotos,c\n")
    found = analyze_text(text, folder=str(tmp_path)).diagnostics
    assert [each.code for each in found if each.severity == ERROR] == ["NS703", "NS703"]
    skipping = text.replace("  targets", "  on_error: skip\n  targets")
    assert analyze_text(skipping, folder=str(tmp_path)).diagnostics == ()


def test_netspec_data_counts_images_that_cannot_be_read(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos", 3)
    (tmp_path / "photos/ant/broken.png").write_bytes(b"none")
    text = SPEC.replace("{images: photos}", "{images: photos}\n  on_error: skip")
    checked = analyze_text(text, folder=str(tmp_path)).checked
    assert checked is not None
    found = json.loads(survey_render.as_json(survey.survey(checked, rows=0), ()))
    assert sum(part["dropped"]["no_image"] for part in found["parts"].values()) == 1


def test_pixels_of_an_archive_are_held_against_the_channels(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", image=np.zeros((8, 9, 9, 1), np.uint8), label=np.arange(8) % 3)
    text = SPEC.replace("{images: photos}", "t.npz")
    (found,) = analyze_text(text, folder=str(tmp_path)).diagnostics
    assert found.code == "NS708" and "expected pixels [height, width, 3] a row, got [9, 9, 1]" in found.message
    good = text.replace("[8, 10, 3]", "[8, 10, 1]")
    checked = analyze_text(good, folder=str(tmp_path)).checked
    assert checked is not None and splits.read(checked, 1).train.examples.head(1)[0]["x"].shape == (1, 8, 10, 1)


def test_readers_are_traced_once() -> None:
    assert images._reader(Size(3, 3, 3, "pad"), True) is images._reader(Size(3, 3, 3, "pad"), True)
