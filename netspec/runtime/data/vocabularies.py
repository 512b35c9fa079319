"""Vocabularies in files of their own: one token a line, in the order of their numbers from 2 on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netspec.language.schema import Data
from netspec.probe.words import MOST_BYTES, listed
from netspec.runtime.data.faults import DataError
from netspec.runtime.data.files import regular


def read(data: Data, folder: Path) -> Mapping[str, tuple[str, ...]]:
    """The tokens of every input whose text has a file, which is relative to `folder`.

    Raises DataError: NS701 no such file, NS705 one that cannot be read or lists a token twice.
    """
    found = {}
    for name, feature in data.features.items():
        file = feature.text.file if feature.text is not None else None
        if file is None:
            continue
        path = regular(file, folder).path
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise DataError("NS705", f"`{file}` is larger than {MOST_BYTES >> 20} MiB, which is no list of tokens")
        try:
            found[name] = listed(content, file)
        except ValueError as error:
            raise DataError("NS705", str(error)) from None
    return found
