"""Vocabularies in files of their own, as the first look sees them."""

from __future__ import annotations

import os
from pathlib import Path as FilePath

from netspec.diagnostics import Report
from netspec.language.schema import Data
from netspec.probe.tables import ProbeError, opened
from netspec.probe.words import MOST_BYTES, listed


def read(data: Data, folder: FilePath, report: Report) -> dict[str, tuple[str, ...]]:
    """The tokens of every input whose text has a file; what is wrong with a file is reported."""
    found = {}
    for name, feature in data.features.items():
        file = feature.text.file if feature.text is not None else None
        if file is None:
            continue
        assert feature.text is not None
        place = ("data", "features", name, "text", "file" if feature.text.vocabulary else "vocabulary")
        if not os.path.exists(folder / file):
            report.add("NS701", place, f"`{file}` is not there", help="fit needs it; paths are relative to the spec")
            continue
        try:
            with opened(file, folder) as stream:
                content = stream.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise ProbeError(f"`{file}` is larger than {MOST_BYTES >> 20} MiB, which is no list of tokens")
            found[name] = listed(content, file)
        except ProbeError as error:
            report.add(error.code, place, error.message, help=error.help)
        except (ValueError, OSError) as error:
            report.add("NS705", place, str(error))
    return found
