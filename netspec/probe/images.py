"""Folders of images as sheets, and images that a table names: files by their names and places alone, none is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import Path, Report
from netspec.probe import forms
from netspec.probe.features import Check, Wanted
from netspec.probe.pictures import COLUMNS, SUFFIXES, Pictures, pictures
from netspec.probe.sheet import TEXT, Block, Column, Sheet, row_of
from netspec.probe.tables import ProbeError, opened

_ROWS = 1000  # of a block
_SKIP = "`on_error: skip` under `data` leaves out such rows, and counts them"


def sheet(name: str, folder: FilePath) -> tuple[Sheet, Pictures]:
    """A folder of images as a sheet, whole: its files are counted anyway. Raises ProbeError where it has none."""
    path = folder / name
    if not path.is_dir():
        opened(name, folder).close()
        if not name.lower().endswith(SUFFIXES):
            raise ProbeError(f"`{name}` is a file; expected a folder of images")
    try:
        found = pictures(path)
    except OSError as error:
        raise ProbeError(f"`{name}` cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise ProbeError(f"`{name}` has files whose names are no UTF-8") from None
    if not found.files:
        cure = "it needs a folder of images for each class"
        raise ProbeError(f"`{name}` has no images: no file ends in {', '.join(SUFFIXES)}", "NS704", cure)
    columns = dict(zip(COLUMNS, (found.files, found.labels), strict=True))

    def read(sheet: Sheet, names: Sequence[str]) -> Iterator[Block]:
        sheet.seen, sheet.whole = len(found.files), True
        for start in range(0, len(found.files), _ROWS):
            cells = {each: columns[each][start : start + _ROWS] for each in names}
            yield Block(start, len(found.files[start : start + _ROWS]), cells)

    return Sheet(f"`{name}`", dict.fromkeys(COLUMNS, Column(TEXT)), read, len(found.files), listed=True), found


def say_empty(name: str, found: Pictures, path: Path, report: Report) -> None:
    """A warning for folders of classes without an image."""
    if found.empty:
        shown = ", ".join(f"`{each}`" for each in found.empty[:5]) + (", …" if len(found.empty) > 5 else "")
        said = f"`{name}` has no images of {shown}, so no class comes of {'it' if len(found.empty) == 1 else 'them'}"
        report.add("NS704", (*path, "images"), said, help="put some there, or remove the folder", severity="warning")


def check_shape(wanted: Wanted, sheet: Sheet, report: Report) -> bool:
    """Whether the input takes images, and a column of pixels has as many channels."""
    feature = wanted.feature
    assert feature.image is not None
    if wanted.dtype == "string":
        said = f"input `{wanted.input}` is string; features are made for numbers and bool"
        report.add("NS708", ("inputs", wanted.input), said, help="make it float32")
        return False
    whole = wanted.dtype in forms.WHOLE or wanted.dtype == "bool"
    found = forms.image_problem(feature, len(wanted.columns), whole) or (
        forms.image_size(wanted.dims, feature.image.channels)
    )
    if isinstance(found, str):
        said = f"input `{wanted.input}` is {show_shape(wanted.tensor.shape)}: {found}"
        report.add("NS708", (*wanted.path, "image"), said, key=True, spans=wanted.spans)
        return False
    column = sheet.columns[wanted.columns[0]]
    if column.kind == TEXT:
        return True
    shape = (*column.shape, 1) if len(column.shape) == 2 else column.shape
    if len(shape) == 3 and shape[2] == found[2] and all(shape) and column.kind in "iuf":
        return True
    got = f"[{', '.join(map(str, column.shape))}]" if column.shape else "a number"
    said = f"{sheet.origin}, column `{wanted.columns[0]}`: expected pixels [height, width, {found[2]}] a row, got {got}"
    report.add("NS708", wanted.at(wanted.columns[0]), said, spans=wanted.spans)
    return False


@dataclass(slots=True)
class Images(Check):
    """The path of an image in every cell. One that is not there is a warning, as a data file is that is not there."""

    folder: FilePath = field(default_factory=FilePath)
    skips: bool = False

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Look for the files of kept rows."""
        column = self.wanted.columns[0]
        if self.sheet.listed or self.sheet.columns[column].kind != TEXT:
            return
        for at, (cell, keep) in enumerate(zip(block.cells.get(column, ()), kept, strict=False)):
            if not keep:
                continue
            name = cell.strip()
            if not name:
                self.tally("empty", column).add(row_of(block, at), "")
                continue
            try:
                mode = os.stat(os.path.join(self.folder, name)).st_mode
            except (OSError, ValueError):
                self.tally("gone", column).add(row_of(block, at), name)
                continue
            if not stat.S_ISREG(mode):
                self.tally("other", column).add(row_of(block, at), name)

    def finish(self) -> None:
        """Say what was found."""
        for column in self.wanted.columns if not self.skips else ():
            self.say("empty", column, "NS703", "expected the path of an image, got {}", _SKIP)
            self.say("other", column, "NS703", "expected the path of an image file, got {}", _SKIP)
        for column in self.wanted.columns:
            self.say("gone", column, "NS701", "no such file: {}", f"paths are relative to the table; {_SKIP}")
