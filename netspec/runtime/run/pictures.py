"""Arrays as pictures: bytes of grey or colour, for whoever writes them into a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST, _MOST = 4, 512  # pixels of a side; a larger picture is thinned out


@dataclass(frozen=True)
class Picture:
    """Pixels row by row, 8 bits each: `channels` 1 is grey, 3 red, green and blue, 4 with opacity."""

    width: int
    height: int
    channels: int
    pixels: bytes


def picture(array: np.ndarray, least: float, most: float) -> Picture | None:
    """An array (height, width) or (height, width, 1, 3 or 4) as a picture, with `least` black and `most` white; None
    for what is no picture.

    >>> made = picture(np.arange(16.0).reshape(4, 4), 0, 15)
    >>> made.width, made.channels, made.pixels[0], made.pixels[-1]
    (4, 1, 0, 255)
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or min(array.shape[:2]) < _LEAST:
        return None
    step = -(-max(array.shape[:2]) // _MOST)
    array = array[::step, ::step]
    stretched = (array.astype(np.float64) - least) * (255 / (most - least) if most > least else 0)
    array = np.round(np.clip(stretched, 0, 255)).astype(np.uint8)
    height, width, channels = array.shape
    return Picture(width, height, channels, np.ascontiguousarray(array).tobytes())
