"""Pixels as a PNG file, by zlib alone.

The format: ISO/IEC 15948, of which this is the plainest part, 8 bits a channel without interlacing.
"""

from __future__ import annotations

import base64
import struct
import zlib

_COLORS = {1: 0, 3: 2, 4: 6}  # channels -> PNG's colour type


def png(width: int, height: int, channels: int, pixels: bytes) -> bytes:
    """A PNG file of `pixels`, row by row, 1 (grey), 3 (colour) or 4 (with opacity) bytes each.

    >>> png(1, 1, 1, b"a")[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    line = width * channels
    if len(pixels) != line * height:
        raise ValueError(f"expected {line * height} bytes of pixels, got {len(pixels)}")
    rows = b"".join(b"\0" + pixels[start : start + line] for start in range(0, len(pixels), line))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLORS[channels], 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def data_uri(image: bytes) -> str:
    """A PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
