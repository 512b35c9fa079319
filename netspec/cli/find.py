"""Which files a verb is about: named ones always, those in folders if they are specs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from netspec.language.decode import SourceError, read_bytes

_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset(("runs", "node_modules", "__pycache__", "site-packages"))
_LAYERS = re.compile(rb"^layers[ \t]*:", re.MULTILINE)
_INPUTS = re.compile(rb"^inputs[ \t]*:", re.MULTILINE)


def specs(paths: Sequence[str]) -> list[str]:
    """Files as they are named and folders searched, each file once; without a path what is below `specs`, or else
    the current folder."""
    found: list[str] = []
    seen: set[str] = set()
    for path in paths or ("specs" if os.path.isdir("specs") else ".",):
        names = _below(path) if path != "-" and os.path.isdir(path) else [path]
        for name in names:
            real = name if name == "-" else os.path.realpath(name)
            if real not in seen:
                seen.add(real)
                found.append(name)
    return found


def _below(folder: str) -> list[str]:
    """Specs in a folder and below it, by name: not in runs, hidden folders or virtual environments."""
    names = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not os.path.exists(os.path.join(where, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            path = os.path.normpath(os.path.join(where, name))
            if name.lower().endswith(_SUFFIXES) and _looks_like_spec(path):
                names.append(path)
    return names


def _looks_like_spec(path: str) -> bool:
    """A mapping with `layers` and `inputs` at the top, told from the text, so that a broken spec is still found."""
    try:
        text = read_bytes(path, path)
    except SourceError:
        return False
    return _LAYERS.search(text) is not None and _INPUTS.search(text) is not None
