"""What a data file's name says: its kind by its suffix, whether it is packed, whether it is a pattern for several."""

from __future__ import annotations

import glob
import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netspec.language.schema import Source

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".npz": "npz",
}
TABULAR = tuple(suffix for suffix, kind in SUFFIXES.items() if kind != "text")  # of files that have columns
PACKED = (".gz", ".zst", ".bz2")
_FOLDERS = ("csv", "tsv", "jsonl", "parquet", "arrow", "text")
TEXTS = ("csv", "tsv", "jsonl", "text")  # which may be packed as a whole; the others pack what is inside


def kind_of(name: str) -> str | None:
    """The kind of table that a file of this name holds, None where the name does not say.

    >>> kind_of("rows.csv"), kind_of("rows.CSV.gz"), kind_of("part-*.parquet"), kind_of("rows.parquet.gz"), kind_of("x")
    ('csv', 'csv', 'parquet', None, None)
    """
    path = PurePath(name)
    if path.suffix.lower() in PACKED:
        inner = SUFFIXES.get(PurePath(path.stem).suffix.lower())
        return inner if inner in TEXTS else None
    return SUFFIXES.get(path.suffix.lower())


def is_pattern(name: str) -> bool:
    """Whether a name stands for all files that match it.

    >>> is_pattern("part-*.csv"), is_pattern("rows.csv")
    (True, False)
    """
    return any(sign in name for sign in "*?[")


def expanded(source: Source, folder: Path) -> list[str]:
    """Every file of a source, by its name below `folder`: patterns and folders as what answers to them, sorted.

    A name that nothing answers to stays what it is; of a pattern nothing is left.
    """
    files: list[str] = []
    for name in source.files:
        path = folder / name
        if source.images is not None:
            files.append(name)
        elif is_pattern(name) and not os.path.exists(path):
            inside = sorted(glob.glob(name, root_dir=folder, recursive=True))
            files += [each for each in inside if os.path.isfile(folder / each)]
        elif source.kind in _FOLDERS and os.path.isdir(path):
            files += in_folder(name, folder, source.kind)
        else:
            files.append(name)
    return files


def filled(names: list[str], kind: str, folder: Path) -> list[str]:
    """Of several text files those that hold something, or all where none does: a part without rows may be empty."""
    if len(names) < 2 or kind not in TEXTS:
        return names
    return [name for name in names if not _is_empty(folder / name)] or names


def _is_empty(path: Path) -> bool:
    try:
        return os.path.isfile(path) and os.path.getsize(path) == 0
    except (OSError, ValueError):
        return False


def in_folder(name: str, folder: Path, kind: str) -> list[str]:
    """The files of a kind in a folder and those below it, without what is hidden or starts with `_`, sorted by path."""
    inside = []
    for parent, folders, members in os.walk(folder / name):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "_")))
        for member in sorted(members):
            if not member.startswith((".", "_")) and kind_of(member) == kind:
                inside.append(os.path.relpath(os.path.join(parent, member), folder))
    return sorted(inside)
