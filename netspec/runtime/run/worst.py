"""The rows that a model is most wrong about, as they stand in their source, which is read again as far as they go."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netspec.runtime.data.store import Piece
from netspec.runtime.data.tables import pieces
from netspec.runtime.run.examples import cell
from netspec.runtime.run.pictures import picture
from netspec.runtime.run.splits import Part

_PICTURE = 64  # pixels of a side


def raw(part: Part, wanted: Iterable[int]) -> dict[int, dict[str, Any]]:
    """By number among a part's prepared rows: where the row stands, and its cells; none where it has no source."""
    source = part.source
    if source is None:
        return {}
    places = {int(source.positions[row]): row for row in wanted if row < len(source.positions)}
    found: dict[int, dict[str, Any]] = {}
    before = 0
    for table in pieces(source.rows, source.at_once) if places else ():
        for place in sorted(each for each in places if before <= each < before + table.rows):
            one = table.take(np.array([place - before]))
            cells = {name: cell(one.columns[name]) for name in one.names}
            found[places[place]] = {"row": f"{table.origin}, {one.row(0)}", "cells": cells}
        before += table.rows
        if len(found) == len(places):
            break
    return found


def pictures(part: Part, wanted: Iterable[int]) -> dict[int, dict[str, Any]]:
    """By number among a part's prepared rows: those of its inputs that are pictures, by name."""
    rows, found, before = sorted(set(wanted)), {}, 0
    if not rows or not _has_pictures(part.examples.head(1).x):
        return {}
    piece: Piece
    for piece in part.examples.pieces(1024):
        for row in rows:
            if before <= row < before + piece.rows:
                found[row] = _pictures({name: array[row - before] for name, array in piece.x.items()})
        before += piece.rows
        if before > rows[-1]:
            break
    return found


def _has_pictures(x: Mapping[str, np.ndarray]) -> bool:
    return any(array.ndim in (3, 4) and picture(array[0], 0, 1) is not None for array in x.values())


def _pictures(x: Mapping[str, np.ndarray]) -> dict[str, Any]:
    found = {}
    for name, array in x.items():
        step = -(-max(array.shape[:2]) // _PICTURE) if array.ndim >= 2 else 1
        made = picture(array[::step, ::step], float(array.min()), float(array.max())) if array.ndim >= 2 else None
        if made is not None:
            pixels = base64.b64encode(made.pixels).decode()
            found[name] = {"width": made.width, "height": made.height, "channels": made.channels, "pixels": pixels}
    return found
