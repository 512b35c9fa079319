"""The files that a source names: one, several, all of a pattern or a folder; opened plain or unpacked.

What is no regular file is refused before it is opened, so that a FIFO blocks nothing.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

import pyarrow as pa

from netspec.language.names import SUFFIXES, expanded, filled, in_folder, is_pattern
from netspec.language.schema import Source
from netspec.runtime.data.faults import DataError

_UNPACKED = 8  # how many times its size a packed file is taken to hold


@dataclass(frozen=True)
class File:
    """A file of a source: its name in messages, where it is, and what its size and time were when it was found."""

    name: str
    path: Path
    size: int
    time: int

    @property
    def packed(self) -> bool:
        """Whether it is compressed, which its suffix says."""
        return self.path.suffix.lower() in (".gz", ".zst", ".bz2")

    @property
    def bytes(self) -> int:
        """How many bytes it holds, a guess for a packed one."""
        return self.size * _UNPACKED if self.packed else self.size

    def check_same(self) -> None:
        """NS705 where the file is no longer the one that was found, so that what was read of it cannot be trusted."""
        try:
            state = self.path.stat()
        except OSError as error:
            raise DataError("NS705", f"`{self.name}` is gone while it is read: {error.strerror}") from None
        if (state.st_size, state.st_mtime_ns) != (self.size, self.time):
            raise DataError("NS705", f"`{self.name}` was changed while it was read", "run it again when it rests")


def found(source: Source, folder: Path) -> tuple[File, ...]:
    """Every file of a source of tables, below `folder`; of several text files those that hold something.

    Raises DataError: NS701 for a name that nothing answers to, NS704 for an empty file, NS705 for what is no file.
    """
    kind = source.kind
    for name in source.files:
        if is_pattern(name) and not os.path.exists(folder / name):
            if not expanded(source.model_copy(update={kind: (name,)}), folder):
                raise DataError("NS701", f"no file matches `{name}`", f"looked below {folder.resolve()}")
        elif os.path.isdir(folder / name) and not in_folder(name, folder, kind):
            suffixes = " or ".join(suffix for suffix, each in SUFFIXES.items() if each == kind)
            raise DataError("NS701", f"the folder `{name}` has no files that end in {suffixes}")
    return tuple(regular(name, folder) for name in filled(expanded(source, folder), kind, folder))


def regular(name: str, folder: Path) -> File:
    """A file that is there, is a regular one and holds something."""
    path = folder / name
    try:
        state = path.stat()
    except FileNotFoundError:
        raise DataError("NS701", f"no such file: `{name}`", f"looked for {path}") from None
    except (OSError, ValueError) as error:
        raise DataError("NS705", f"`{name}` cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "not a regular file"
        raise DataError("NS705", f"`{name}` is {what}; expected a data file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError("NS705", f"`{name}` cannot be read: {error.strerror}") from None
    if empty:
        raise DataError("NS704", f"`{name}` is empty")
    return File(name, path, state.st_size, state.st_mtime_ns)


def opened(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked where its suffix says that it is packed."""
    return cast(IO[bytes], pa.input_stream(str(path), compression="detect", buffer_size=1 << 20))


def opened_text(path: Path) -> TextIO:
    """A file's text, unpacked; a byte order mark is left out, ends of lines stay as they are."""
    return io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="")
