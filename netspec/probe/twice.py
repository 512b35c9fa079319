"""Files that are trained on and held out as well: what is scored on them says nothing of rows that are new."""

from __future__ import annotations

import os
from pathlib import Path as FilePath

from netspec.diagnostics import Report
from netspec.language.names import expanded
from netspec.language.schema import Data, Source


def check_files(data: Data, folder: FilePath, report: Report) -> None:
    """NS714 for `validation` and `test`, where a file of `train` is theirs too."""
    parts = {"validation": data.validation, "test": data.test}
    held = {name: part.source for name, part in parts.items() if part is not None and part.source is not None}
    if data.train is None or not held:
        return
    trained = _files(data.train, folder)
    for name, source in held.items():
        both = [file for path, file in _files(source, folder).items() if path in trained]
        if both:
            others = len(both) - 1
            more = f" and {others} other{'s' * (others > 1)} are" if others else " is"
            said = f"`{both[0]}`{more} in `train` too, so `{name}` tells nothing of rows that are new"
            cure = "name another text" if source.text else f"name other rows, or hold a part out: `{name}: 0.1`"
            report.add("NS714", ("data", name), said, help=cure, spans=[(("data", "train"), "trained on")])


def _files(source: Source, folder: FilePath) -> dict[str, str]:
    """The files of a source by their full paths."""
    try:
        return {os.path.realpath(folder / name): name for name in expanded(source, folder)}
    except (OSError, ValueError):
        return {}
