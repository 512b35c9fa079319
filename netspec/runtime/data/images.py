"""Images of a column as pixels of one size: files by their paths, bytes of JPEG, PNG, GIF or BMP, or arrays of pixels.

TensorFlow decodes and scales them side by side, in the rows' order. Pixels are 0 to 255; of a moving GIF the first
frame counts; a note of the camera on how to turn the image is not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netspec.runtime import engine
from netspec.runtime.data.columns import bad_cell
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.memory import check_room
from netspec.runtime.data.tables import Table

MOST_BYTES = 1 << 25  # of pixels that are decoded in one go
_MOST_AT_ONCE = 16  # images that are decoded side by side
_KINDS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF8": "GIF", b"BM": "BMP"}
_SKIP = "mend it; in fit and evaluate `on_error: skip` under `data` leaves out such rows, and counts them"


@dataclass(frozen=True)
class Size:
    """What every image becomes: its height, width and channels, and what is done with other proportions."""

    height: int
    width: int
    channels: int
    resize: str  # stretch, crop or pad

    @property
    def bytes(self) -> int:
        """Of one image, a byte a number."""
        return self.height * self.width * self.channels


@dataclass
class Decoded:
    """The images of some rows: `pixels` (rows, height, width, channels), uint8 where they were encoded or uint8.

    `faults` has what is wrong with a row's image, by its position; its pixels are zeros.
    """

    pixels: np.ndarray
    faults: dict[int, DataError] = field(default_factory=dict)


def decoded(table: Table, name: str, size: Size) -> Decoded:
    """A column's images. Raises DataError NS708 where it holds none at all, NS601 where memory does not suffice.

    A fault is NS703 for a cell that names no image, NS701 for a file that is not there, NS705 for one that is damaged.
    """
    column = table.column(name)
    check_room((table.rows, size.height, size.width, size.channels), 1, f"the images of `{name}`")
    if isinstance(column, list):
        raise bad_cell(table, name, 0, "the path of an image, its bytes or its pixels", f"a list of {len(column[0])}")
    if isinstance(column, np.ndarray):
        return Decoded(_scaled(table, name, column, size))
    cells: list[Any] = column.to_pylist()
    check_room((size.height, size.width, size.channels), 4, f"an image of `{name}`")  # scaled, in float32
    found = Decoded(np.zeros((table.rows, size.height, size.width, size.channels), np.uint8))
    if pa.types.is_binary(column.type):
        there = [at for at, cell in enumerate(cells) if cell]
        for at in set(range(len(cells))) - set(there):
            found.faults[at] = bad_cell(table, name, at, "the bytes of an image", "", _SKIP)
        broken = _decode([cells[at] for at in there], there, found.pixels, size, paths=False)
        take: Callable[[int], bytes] = lambda at: cells[at]  # noqa: E731
    else:
        paths, there = _paths(table, name, cells, found.faults)
        broken = _decode(paths, there, found.pixels, size, paths=True)
        by_row = dict(zip(there, paths, strict=True))
        take = lambda at: Path(by_row[at]).read_bytes()  # noqa: E731
    for at in broken:  # few: what TensorFlow takes in another number of channels, and what is damaged
        try:
            found.pixels[at] = _resized(size)(_by_hand(take(at), size.channels)).numpy()
        except (ValueError, OSError) as error:
            said = getattr(error, "strerror", None) or str(error)
            what = "the image" if isinstance(cells[at], bytes) else f"`{cells[at]}`"
            where = f"`{table.origin}` {table.row(at)}, column `{name}`"
            found.faults[at] = DataError("NS705", f"{where}: {what} {said}", _SKIP)
    return found


def _paths(table: Table, name: str, cells: Sequence[Any], faults: dict[int, DataError]) -> tuple[list[str], list[int]]:
    """The paths of files that are there, and their rows; what is wrong with the others goes to `faults`."""
    paths, rows = [], []
    for at, cell in enumerate(cells):
        text = (cell or "").strip()
        if not text:
            faults[at] = bad_cell(table, name, at, "the path of an image", "", _SKIP)
            continue
        path = os.path.join(table.folder(at), text)
        try:
            regular = stat.S_ISREG(os.stat(path).st_mode)  # a FIFO would be waited for
        except (OSError, ValueError):
            where = f"`{table.origin}` {table.row(at)}, column `{name}`"
            faults[at] = DataError("NS701", f"{where}: no such file: `{text[:200]}`", _SKIP)
            continue
        if not regular:
            faults[at] = bad_cell(table, name, at, "the path of an image file", text, _SKIP)
            continue
        paths.append(path)
        rows.append(at)
    return paths, rows


def _decode(cells: Sequence[Any], rows: Sequence[int], out: np.ndarray, size: Size, *, paths: bool) -> list[int]:
    """Fills in the pixels of `rows`; the rows that it could not read."""
    if not cells:
        return []
    engine.keras()
    import tensorflow as tf

    with tf.device("CPU:0"):
        data = tf.data.Dataset.from_tensor_slices((np.asarray(rows, np.int64), tf.constant(cells, tf.string)))
        at_once = min(_MOST_AT_ONCE, os.cpu_count() or 1)
        data = data.map(_reader(size, paths), num_parallel_calls=at_once, deterministic=True)
        data = data.ignore_errors(log_warning=False).batch(max(1, (1 << 20) // max(1, size.bytes))).prefetch(1)
        options = tf.data.Options()
        options.autotune.enabled = False
        left = set(rows)
        for places, pixels in data.with_options(options).as_numpy_iterator():
            out[places] = pixels
            left.difference_update(places.tolist())
    return sorted(left)


@cache
def _reader(size: Size, paths: bool) -> Any:
    """(row, path or bytes) to (row, pixels), traced once."""
    import tensorflow as tf

    text = tf.TensorSpec((), tf.string)

    @tf.function(input_signature=(tf.TensorSpec((), tf.int64), text), autograph=False)  # type: ignore[untyped-decorator]
    def read(row: Any, cell: Any) -> Any:
        data = tf.io.read_file(cell) if paths else cell
        image = tf.io.decode_image(data, channels=size.channels, expand_animations=False)
        image.set_shape((None, None, size.channels))
        return row, _resized(size)(image)

    return read


def _resized(size: Size, whole: bool = True) -> Callable[[Any], Any]:
    """An image, or a batch of them, to the size as `keras.layers.Resizing` has it, bilinear; `whole`: back to bytes."""
    keras = engine.keras()
    import tensorflow as tf

    def resized(image: Any) -> Any:
        given = image if image.dtype == tf.uint8 else tf.cast(image, tf.float32)  # a photo of bytes stays one
        made = keras.ops.image.resize(
            given,
            (size.height, size.width),
            crop_to_aspect_ratio=size.resize == "crop",
            pad_to_aspect_ratio=size.resize == "pad",
            fill_value=0,
        )
        made = tf.saturate_cast(tf.round(made), tf.uint8) if whole else made
        return tf.ensure_shape(made, (*image.shape[:-3], size.height, size.width, size.channels))

    return resized


def _by_hand(data: bytes, channels: int) -> Any:
    """One image (height, width, channels) uint8, its channels made more or fewer; ValueError says what is wrong."""
    import tensorflow as tf

    kind = next((kind for start, kind in _KINDS.items() if data.startswith(start)), None)
    if kind is None:
        raise ValueError("is no JPEG, PNG, GIF or BMP image" if data else "is empty")
    try:
        with tf.device("CPU:0"):
            if kind == "PNG":
                image = tf.io.decode_png(data, channels=channels)
            elif kind == "JPEG":
                image = tf.io.decode_jpeg(data, channels=min(channels, 3))
            else:
                image = tf.io.decode_image(data, channels=0, expand_animations=False)
    except tf.errors.OpError:
        raise ValueError(f"is a {kind} image that is damaged or cut off") from None
    have = image.shape[-1]
    if have == channels:
        return image
    if channels == 4:
        colour = tf.repeat(image, 3, axis=-1) if have == 1 else image
        return tf.concat([colour, tf.fill((*image.shape[:2], 1), tf.constant(255, tf.uint8))], axis=-1)
    if channels == 3:
        return tf.repeat(image, 3, axis=-1) if have == 1 else image[..., :3]
    return tf.image.rgb_to_grayscale(image[..., :3])


def _scaled(table: Table, name: str, column: np.ndarray, size: Size) -> np.ndarray:
    """Pixels of an array, (rows, height, width) or with channels; uint8 stays so, other numbers become float32."""
    pixels = column[..., None] if column.ndim == 3 else column
    if pixels.ndim != 4 or pixels.shape[-1] != size.channels or column.dtype.kind not in "iuf":
        wanted = f"pixels [height, width, {size.channels}] a row"
        got = f"an array of {list(column.shape[1:])} a row" if column.ndim > 1 else "a number"
        raise DataError("NS708", f"`{table.origin}`, column `{name}`: expected {wanted}, got {got}")
    if not all(pixels.shape[1:3]):
        raise DataError("NS708", f"`{table.origin}`, column `{name}`: its images have no pixels")
    bytes_ = pixels.dtype == np.uint8
    if pixels.shape[1:3] == (size.height, size.width):
        return pixels if bytes_ else pixels.astype(np.float32)
    out = np.empty((len(pixels), size.height, size.width, size.channels), np.uint8 if bytes_ else np.float32)
    resize = _resized(size, whole=bytes_)
    step = max(1, MOST_BYTES // (4 * max(pixels[0].size, size.bytes)))
    for start in range(0, len(pixels), step):
        out[start : start + step] = resize(pixels[start : start + step]).numpy()
    return out
