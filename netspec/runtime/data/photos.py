"""How large images are, by the first bytes of some of them, and what a first model makes of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

_MOST = 500  # images that are looked at
_SIDES = (224, 160, 128, 96, 64, 48, 32, 16)
_STARTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of a JPEG's frame


@dataclass(frozen=True)
class Photos:
    """The shape of the input, whether sides are cut off, why; of how many images how many seem to be none."""

    shape: tuple[int, int, int]
    cut: bool
    why: str
    seen: int
    broken: int


class Sampled:
    """What some of very many images look like, evenly spread over all."""

    def __init__(self) -> None:
        self._apart, self._seen = 1, 0
        self._sizes: list[tuple[int, int, int] | None] = []

    def see(self, images: Iterable[str | bytes]) -> None:
        """Some more images: the paths of files, or their bytes."""
        for image in images:
            if self._seen % self._apart == 0:
                self._sizes.append(size(image))
                if len(self._sizes) > 2 * _MOST:
                    self._sizes, self._apart = self._sizes[::2], 2 * self._apart
            self._seen += 1

    def made(self) -> Photos:
        """What a first model makes of them."""
        return _photos(self._sizes)


def _photos(sizes: Sequence[tuple[int, int, int] | None]) -> Photos:
    there = [each for each in sizes if each is not None]
    broken = len(sizes) - len(there)
    if not there:
        return Photos((64, 64, 3), False, "images become 64 x 64 pixels, from 0 to 1", len(sizes), broken)
    channels = 1 if all(each[2] == 1 for each in there) else 3
    heights, widths = sorted(each[0] for each in there), sorted(each[1] for each in there)
    height, width = heights[len(heights) // 2], widths[len(widths) // 2]
    if heights[0] == heights[-1] and widths[0] == widths[-1] and max(height, width) <= _SIDES[0]:
        return Photos((height, width, channels), False, "pixels from 0 to 1", len(sizes), broken)
    side = next((each for each in _SIDES if each <= min(height, width)), min(height, width))
    cut = any(each[0] != each[1] for each in there)
    what = f"images of about {height} x {width} become {side} x {side} pixels"
    return Photos(
        (side, side, channels), cut, f"{what}{', cut at their sides' if cut else ''}, from 0 to 1", len(sizes), broken
    )


def size(image: str | bytes) -> tuple[int, int, int] | None:
    """Height, width and channels of an image, a file or its bytes, without opacity; None for what is none."""
    try:
        with io.BytesIO(image) if isinstance(image, bytes) else open(image, "rb") as file:
            return _size(file)
    except (OSError, ValueError, struct.error):
        return None


def _size(file: IO[bytes]) -> tuple[int, int, int] | None:
    head = file.read(32)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 26:
        width, height = struct.unpack(">II", head[16:24])
        return _sound(height, width, 1 if head[25] in (0, 4) else 3)
    if head.startswith(b"GIF8") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return _sound(height, width, 3)
    if head.startswith(b"BM") and len(head) >= 26:
        width, height = struct.unpack("<ii", head[18:26])
        return _sound(abs(height), width, 3)
    if not head.startswith(b"\xff\xd8"):
        return None
    file.seek(2)
    while len(mark := file.read(4)) == 4 and mark[0] == 0xFF:
        if mark[1] in _STARTS:
            height, width, parts = struct.unpack(">xHHB", file.read(6))
            return _sound(height, width, 1 if parts == 1 else 3)
        file.seek(int.from_bytes(mark[2:]) - 2, 1)
    return None


def _sound(height: int, width: int, channels: int) -> tuple[int, int, int] | None:
    return (height, width, channels) if height > 0 and width > 0 else None
