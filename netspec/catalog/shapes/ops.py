"""The operations: their rules, brought together, and the names of the outputs of those that have several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.operations import MOST_OUTPUTS
from netspec.catalog.shapes import ops_elementwise, ops_images, ops_joining, ops_layout, ops_reductions

__all__ = ["FAMILIES", "output_names"]

FAMILIES = (ops_elementwise, ops_images, ops_joining, ops_layout, ops_reductions)

_NAMES: dict[str, tuple[str, ...]] = {
    "top_k": ("values", "indices"),
    "moments": ("mean", "variance"),
    "qr": ("q", "r"),
    "lu_factor": ("lu", "pivots"),
    "slogdet": ("sign", "logdet"),
    "histogram": ("counts", "edges"),
    "ctc_decode": ("paths", "scores"),
    **dict.fromkeys(("eig", "eigh"), ("values", "vectors")),
    **dict.fromkeys(("fft", "fft2", "ifft2", "rfft", "stft"), ("real", "imag")),
}
_UNIQUE = (("return_index", "index"), ("return_inverse", "inverse"), ("return_counts", "counts"))


def output_names(cls: str, args: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of an operation's outputs, in order: words where they differ, numbers from 0 where they do not.

    >>> output_names("ops.top_k", {"k": 3}), output_names("ops.split", {"indices_or_sections": [2, 5]})
    (('values', 'indices'), ('0', '1', '2'))
    >>> output_names("ops.mean", {})
    ('output',)
    """
    name = cls.removeprefix(OPS)
    if name in _NAMES:
        return _NAMES[name]
    if name == "svd":
        return ("u", "s", "v") if args.get("compute_uv", True) else ("output",)
    if name == "unique":
        return ("output", *(word for flag, word in _UNIQUE if args.get(flag, False)))
    pieces: Any = 1
    if name.endswith("split"):
        where = args.get("indices_or_sections", 1)
        pieces = len(where) + 1 if isinstance(where, list) else where
    elif name == "unstack":
        pieces = args.get("num", 1)
    elif name == "unravel_index":
        pieces = len(args.get("shape", [0]))
    if not isinstance(pieces, int) or not 1 < pieces <= MOST_OUTPUTS:
        return ("output",)
    return tuple(str(at) for at in range(pieces))
