"""A folder of images: which files are images by their names, and which class each is of by the folder that it is in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
COLUMNS = ("image", "label")  # of a folder of images as a table


@dataclass(slots=True)
class Pictures:
    """The images of a folder in order, each by its path below it, and the name of its class, empty for none.

    `empty` are the folders of classes without an image; `others` is how many files are no images by their names.
    """

    files: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    others: int = 0

    @property
    def classes(self) -> int:
        """How many classes have images."""
        return len(set(self.labels) - {""})


def pictures(folder: Path) -> Pictures:
    """The images below `folder`, or the one image that it is: sorted by class, then by path, whatever the disk says.

    A class is a folder in it, with all that is below; images beside these have no class. What is hidden or starts
    with `_` is left out. Raises OSError for a folder that cannot be read, UnicodeError for a name that is no UTF-8.
    """
    found = Pictures()
    if not folder.is_dir():
        found.files.append(folder.name)
        found.labels.append("")
        return found
    with os.scandir(folder) as inside:
        entries = sorted((each for each in inside if _shown(each.name)), key=lambda each: each.name)
    for each in entries:
        if not each.is_dir():  # a link to a folder is one
            _add(found, each.name, "")
    for each in entries:
        if not each.is_dir():
            continue
        before = len(found.files)
        for name in _below(each.path):
            _add(found, f"{each.name}/{name}", each.name)
        if len(found.files) == before:
            found.empty.append(each.name)
    for name in (*found.files, *found.empty):
        name.encode()
    return found


def _add(found: Pictures, name: str, label: str) -> None:
    if name.lower().endswith(SUFFIXES):
        found.files.append(name)
        found.labels.append(label)
    else:
        found.others += 1


def _shown(name: str) -> bool:
    return not name.startswith((".", "_"))


def _below(folder: str) -> list[str]:
    """Every file in a folder and those below it, by its path there."""
    inside = []
    for parent, folders, files in os.walk(folder, onerror=_raised):
        folders[:] = [each for each in folders if _shown(each)]
        for each in files:
            if _shown(each):
                inside.append(os.path.relpath(os.path.join(parent, each), folder).replace(os.sep, "/"))
    return sorted(inside)


def _raised(error: OSError) -> None:
    raise error
