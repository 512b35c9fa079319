"""Which files a verb is about: named ones always, those in folders if they are specs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from netspec.language.decode import SourceError, read_bytes

_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset(("runs", "node_modules", "__pycache__", "site-packages"))
_LAYERS = re.compile(rb"(?:^|\r|\A\xef\xbb\xbf)layers[ \t]*:", re.MULTILINE)  # a byte order mark may stand in front
_INPUTS = re.compile(rb"(?:^|\r|\A\xef\xbb\xbf)inputs[ \t]*:", re.MULTILINE)


def specs(paths: Sequence[str], skip_others: bool = False) -> list[str]:
    """Files as they are named and folders searched, each file once; without a path what is below `specs`, or else
    the current folder. With `skip_others` a named file that is there and is no spec is passed over."""
    found: list[str] = []
    seen: set[str] = set()
    for path in paths or ("specs" if os.path.isdir("specs") else ".",):
        names = _below(path) if path != "-" and os.path.isdir(path) else [path]
        for name in names:
            if skip_others and name == path and os.path.isfile(name) and not _looks_like_spec(name):
                continue
            real = name if name == "-" else _real(name)
            if real not in seen:
                seen.add(real)
                found.append(name)
    return found


def _real(name: str) -> str:
    """The file itself, whatever links lead to it; the name alone where the current folder is gone."""
    try:
        return os.path.realpath(name)
    except OSError:
        return name


def _below(folder: str) -> list[str]:
    """Specs in a folder and below it, by name: not in runs, hidden folders or virtual environments."""
    names: list[str] = []  # a folder that cannot be read is named itself, so that whoever reads it says why

    def unread(error: OSError) -> None:
        if isinstance(error, PermissionError):
            names.append(os.path.normpath(error.filename))

    for where, folders, files in os.walk(folder, onerror=unread):
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
    """A mapping with `layers` and `inputs` at the top, told from the text, so that a broken spec is still found.

    A file that is there and cannot be read may be one, and is not passed over in silence.
    """
    try:
        text = read_bytes(path, path)
    except SourceError:
        return os.path.isfile(path)
    return _LAYERS.search(text) is not None and _INPUTS.search(text) is not None
