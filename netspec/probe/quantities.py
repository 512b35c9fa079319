"""What a feature of numbers makes of one number, and how many it gives: fit's arithmetic, a cell at a time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from netspec.diagnostics import Path, Report
from netspec.language.dates import width
from netspec.language.schema import Feature, Missing

BROKEN = {"normalize": "normalized", "log": "logarithms of", "date": "the sines and cosines of"}


def broken_by(feature: Feature) -> str | None:
    """The key that makes numbers which are not whole, if there is one."""
    if feature.date is not None and feature.date.cyclic:
        return "date"
    return "normalize" if feature.normalize else "log" if feature.log else None


def place(path: Path, key: str) -> Path:
    """Where that key stands."""
    return (*path, key, "cyclic") if key == "date" else (*path, key)


def shape(
    feature: Feature, columns: Sequence[str], numbers: Sequence[int], plain: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """The shape of a row: `numbers` are those of each column, `plain` the shape without what the feature adds."""
    masked = [said is not None and said.by == "mask" for said in map(feature.missing_of, columns)]
    if feature.bucket is not None:
        own = (len(feature.bucket.boundaries or ()) + 1) if feature.bucket.boundaries else feature.bucket.quantiles or 1
        return (len(columns) * (own if feature.bucket.one_hot else 1) + sum(masked),)
    if feature.date is not None:
        return (len(columns) * width(feature.date.parts, feature.date.cyclic) + sum(masked),)
    if not any(masked):
        return plain
    if len(columns) == 1:
        return (*plain[:-1], 2 * (plain[-1] or 1))
    return (sum(numbers) + sum(count for count, mask in zip(numbers, masked, strict=True) if mask),)


def made(feature: Feature, value: float) -> float | None:
    """The number that `clip`, `log`, `rescale` or `bucket` make of one; None where it has no logarithm."""
    if feature.bucket is not None:
        return bisect_right(feature.bucket.boundaries or (), value) if not feature.bucket.one_hot else 0
    if feature.clip is not None:
        low, high = feature.clip
        value = value if low is None else max(low, value)
        value = value if high is None else min(high, value)
    if feature.log:
        if value <= -1:
            return None
        value = math.log1p(value)
    return value * (feature.rescale or 1.0)


def stays_whole(feature: Feature, values: Sequence[Any], kind: str) -> bool:
    """Whether all values surely are whole numbers once they are made."""
    if feature.bucket is not None:
        return True
    if (
        feature.log
        or (feature.rescale or 1.0) != 1
        or any(edge is not None and edge % 1 for edge in feature.clip or ())
    ):
        return False
    return kind in "biu" or all(value % 1 == 0 for value in values)


def given(missing: Missing | None) -> float | None:
    """The number that an empty cell becomes where the spec gives one."""
    return None if missing is None else 0.0 if missing.by == "zero" else missing.fill


def filled(feature: Feature, column: str) -> str:
    """What becomes of an empty cell, in words."""
    missing = feature.missing_of(column)
    if missing is not None and missing.by == "drop":
        return "its row is left out"
    number = given(missing)
    return "it becomes the training mean" if number is None else f"it becomes {number:g}"


def check_buckets(feature: Feature, limit: int | None, name: str, path: Path, report: Report) -> bool:
    """Whether an Embedding has a row for each bucket of quantiles, the highest of which is never empty."""
    bucket = feature.bucket
    if bucket is None or bucket.one_hot or limit is None or (bucket.quantiles or 0) <= limit:
        return True
    said = f"the buckets have numbers from 0 to {(bucket.quantiles or 0) - 1}, and input `{name}` is looked up in an "
    said += f"Embedding that takes 0 to {limit - 1}"
    report.add("NS712", (*path, "bucket"), said, help=f"make the Embedding's `input_dim` {bucket.quantiles}")
    return False
