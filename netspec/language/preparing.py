"""How a feature is prepared: its shorthands written out, and which of its keys go together.

`written_out` comes before the types are checked, `check` after.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from netspec.catalog.nearest import nearest
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.language.moments import pattern
from netspec.language.schema import KINDS_OF_FEATURE, OF_CELLS, WAYS, Feature

BUCKETS = "boundaries such as `[0, 10, 20]`, a number of quantiles from 2 on, or a mapping"


def written_out(value: dict[str, Any], path: Path, report: Report) -> dict[str, Any]:
    """A feature with `category: true`, `array: true`, `bucket: 10`, `date: [month]`, `missing: zero` as mappings."""
    full = dict(value)
    full |= {kind: {} for kind in ("category", "image", "array") if full.get(kind) is True}
    if isinstance(full.get("date"), list):
        full["date"] = {"parts": full["date"]}
    text = full.get("text")
    if isinstance(text, dict) and isinstance(text.get("vocabulary"), str):
        rest = {key: said for key, said in text.items() if key != "vocabulary"}
        full["text"] = {"file": text["vocabulary"], **rest}
    bucket = full.get("bucket")
    if isinstance(bucket, list):
        full["bucket"] = {"boundaries": bucket}
    elif isinstance(bucket, int) and not isinstance(bucket, bool):
        full["bucket"] = {"quantiles": bucket}
    elif bucket is not None and not isinstance(bucket, dict):
        report.add("NS202", (*path, "bucket"), f"`bucket`: expected {BUCKETS}, got `{describe(bucket)}`")
        full["bucket"] = None
    clip = full.get("clip")
    if clip is not None and not (isinstance(clip, list) and len(clip) == 2 and clip != [None, None]):
        cure = "for example `clip: [0, 100]`, or `clip: [0, null]`"
        said = f"`clip`: expected a list of the lowest and the highest number, got `{describe(clip)}`"
        report.add("NS202", (*path, "clip"), said, help=cure)
        full["clip"] = None
    if full.get("missing") is not None:
        full["missing"] = _missing(full["missing"], (*path, "missing"), report)
    return full


def _missing(value: Any, path: Path, report: Report) -> dict[str, Any] | None:
    """By column what an empty cell becomes; None where that is wrong, which is reported."""
    if not isinstance(value, dict):
        one = _one(value, path, report)
        return None if one is None else {"": one}
    if not value:
        report.add("NS202", path, "`missing`: expected a word, a number, or a mapping from columns to these, got `{}`")
        return None
    made = {column: _one(said, (*path, column), report) for column, said in value.items()}
    return None if None in made.values() else {str(column): one for column, one in made.items()}


def _one(value: Any, path: Path, report: Report) -> dict[str, Any] | None:
    if isinstance(value, str) and value in WAYS:
        return {"by": value}
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
        return {"fill": float(value)}
    known = ", ".join(f"`{way}`" for way in WAYS)
    close = nearest(value, WAYS) if isinstance(value, str) else None
    cure = f"did you mean `{close}`?" if close else None
    said = f"`{path[-1]}`: expected one of {known} or a number to fill in, got `{describe(value)}`"
    report.add("NS202", path, said, help=cure, fix=(value, close) if close else None)
    return None


def check(feature: Feature, path: Path, report: Report) -> None:
    """NS709 for keys that exclude each other, NS206 for values that no type excludes, NS702 for strange columns."""
    kinds = [kind for kind in KINDS_OF_FEATURE if getattr(feature, kind) is not None]
    if len(kinds) > 1:
        both = " and ".join(f"`{kind}`" for kind in kinds)
        message, cure = f"a feature is prepared in one way, got {both}", "make an input of each, or leave out one"
        report.add("NS709", (*path, kinds[1]), message, key=True, help=cure)
        return
    kind = kinds[0] if kinds else None
    if kind == "image" and feature.missing is not None:
        message, cure = "`missing` is for numbers, not for images", "`on_error: skip` under `data` leaves out rows"
        report.add("NS709", (*path, "missing"), message, key=True, help=cure)
    for key in ("clip", "log"):
        if getattr(feature, key) and kind not in (None, "date", "array"):
            why = ", not for images" if kind == "image" else f", and `{kind}` makes none that it could change"
            message = f"`{key}` is for numbers{why}"
            report.add("NS709", (*path, key), message, key=True, help=f"leave out `{key}`")
    for key in ("normalize", "rescale"):
        if getattr(feature, key) and kind == "bucket":
            message = f"`{key}` is for numbers, and `bucket` makes none that it could change"
            report.add("NS709", (*path, key), message, key=True, help=f"leave out `{key}`")
    _check_values(feature, path, report)
    for column, missing in (feature.missing or {}).items():
        place = (*path, "missing", *([column] if column else []))
        if kind in OF_CELLS and missing.by != "drop":
            empty = "its empty cell is 0" if kind in ("category", "hash") else "its empty cell has none"
            message = f"`{kind}` has no numbers to fill in: {empty}"
            report.add("NS709", place, message, help="leave out `missing`, or say `missing: drop` to leave out the row")
        if kind == "array" and missing.by == "mask":
            message = "`missing: mask` is for single numbers, and `array` has many in a cell"
            cure = "say `missing: mean` or `missing: zero`, or put the mask into a column of its own"
            report.add("NS709", place, message, help=cure)
        if column and feature.names and column not in feature.names:
            close = nearest(column, feature.names)
            cure = (
                f"did you mean `{close}`?"
                if close
                else "its columns are " + ", ".join(f"`{name}`" for name in feature.names)
            )
            report.add("NS702", place, f"`missing` names `{column}`, which the feature has not", key=True, help=cure)


def _check_values(feature: Feature, path: Path, report: Report) -> None:
    if feature.clip is not None:
        low, high = feature.clip
        if low is not None and high is not None and low >= high:
            report.add("NS206", (*path, "clip"), f"`clip`: expected two rising numbers, got `{[low, high]}`")
    if feature.text is not None and feature.text.vocabulary is None and feature.text.file is None:
        cure = "for example `vocabulary: 10000`, the most frequent words"
        report.add("NS203", (*path, "text"), "`text` needs `vocabulary`", key=True, help=cure)
    if feature.text is not None and feature.text.punctuation and feature.text.by == "characters":
        message, cure = "`punctuation` is for words; of characters it is there anyhow", "leave out `punctuation`"
        report.add("NS709", (*path, "text", "punctuation"), message, key=True, help=cure)
    if feature.bucket is not None:
        given, quantiles = feature.bucket.boundaries, feature.bucket.quantiles
        if (given is None) == (quantiles is None):
            got = "neither" if given is None else "both"
            cure = "for example `bucket: [0, 10, 20]`, or `bucket: 10`"
            report.add(
                "NS203", (*path, "bucket"), f"expected `boundaries` or `quantiles`, got {got}", key=True, help=cure
            )
        elif given is not None and any(b <= a for a, b in itertools.pairwise(given)):
            report.add("NS206", (*path, "bucket"), "the boundaries of `bucket` rise, each above the one before")
    if feature.date is not None and feature.date.format is not None:
        try:
            pattern(feature.date.format)
        except ValueError as error:
            said = f"`format`: expected one as `strptime` has it, such as `%d.%m.%Y`; {error}"
            report.add("NS206", (*path, "date", "format"), said)
