"""A first look at a data file by the standard library alone: opened without waiting, its columns by their names.

`columns` answers None where it cannot know; a file that is surely wrong is a `ProbeError`. It never blocks and opens no
pickle.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from netspec.language.names import PACKED
from netspec.language.schema import Source
from netspec.probe.pictures import COLUMNS

MOST_HEADER = 1 << 20  # bytes of a text file's header, and of an archive's directory
_END = b"PK\x05\x06"


class ProbeError(Exception):
    """A data file that `fit` would refuse: NS701 missing, NS704 empty, NS705 unreadable."""

    def __init__(self, message: str, code: str = "NS705", help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.help = message, code, help


def columns(source: Source, folder: Path) -> tuple[str, ...] | None:
    """The columns of a source whose paths are relative to `folder`: a header's cells, an archive's members, npy's keys;
    of a folder of images always the same.

    None where the first megabyte does not tell. Raises ProbeError for a file that is missing, empty, not a regular
    file or not what its kind says.
    """
    if source.npy is not None:
        for name in source.npy.values():
            with opened(name, folder) as file:
                if file.read(6) != b"\x93NUMPY":
                    raise ProbeError(f"`{name}` is not an NPY file", help="`numpy.save` writes one")
        return tuple(source.npy)
    if source.images is not None:
        return COLUMNS
    if source.npz is not None:
        with opened(source.npz, folder) as file:
            return _members(source.npz, file)
    if source.kind not in ("csv", "tsv") or source.files[0].lower().endswith(".zst"):
        return None
    (text,) = source.files
    with unpacked(text, folder) as file:
        return _header(text, file, separator(source))


def separator(source: Source) -> str:
    """What stands between the cells of a text file. Raises ProbeError NS709 for what cannot."""
    from netspec.probe.cells import separates

    given = source.separator or ("," if source.csv else "\t")
    if not separates(given):
        raise ProbeError("`separator`: expected one ASCII character, no quote and no end of a line", "NS709")
    return given


def opened(name: str, folder: Path) -> BinaryIO:
    """A regular file, opened without waiting for a writer, as a FIFO would make us."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        raise ProbeError(f"no such file: `{name}`", "NS701") from None
    except (OSError, ValueError) as error:
        raise ProbeError(f"`{name}` cannot be read: {getattr(error, 'strerror', None) or error}") from None
    state = os.fstat(handle)
    if stat.S_ISREG(state.st_mode) and state.st_size:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(state.st_mode):
        raise ProbeError(f"`{name}` is empty", "NS704", "it needs a header with the columns' names and rows below")
    what = "a folder" if stat.S_ISDIR(state.st_mode) else "not a regular file"
    raise ProbeError(f"`{name}` is {what}; expected a data file")


@contextlib.contextmanager
def unpacked(name: str, folder: Path) -> Iterator[BinaryIO]:
    """The same, of a packed file what is inside; for those that cannot be unpacked `columns` is None."""
    with opened(name, folder) as file:
        suffix = Path(name).suffix.lower()
        if suffix not in PACKED:
            yield file
        elif suffix == ".gz":
            import gzip

            with gzip.GzipFile(fileobj=file) as inner:
                yield cast(BinaryIO, inner)
        else:
            import bz2

            with bz2.BZ2File(file) as inside:
                yield cast(BinaryIO, inside)


def _header(name: str, file: BinaryIO, separator: str) -> tuple[str, ...] | None:
    import codecs
    import csv
    import io

    from netspec.probe.cells import OPEN_QUOTE, open_quote

    data = file.read(MOST_HEADER)
    whole = len(data) < MOST_HEADER
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProbeError(f"`{name}` is UTF-16; expected UTF-8", help="save the file again as UTF-8")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, whole)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProbeError(f"`{name}` line {line} is not UTF-8", help="save the file again as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        records = (cells for cells in reader if cells)
        header = next(records, None)
    except csv.Error as error:
        raise ProbeError(f"the header of `{name}` cannot be read: {error}", help="is a quote left open?") from None
    try:
        more = next(records, None)
    except csv.Error:
        more = []  # a cell of more than Python's 131,072 characters
    if header is None or (more is None and not whole):
        if whole:
            raise ProbeError(f"`{name}` is empty", "NS704", "it needs a header with the columns' names and rows below")
        return None
    if more is None and text.count('"') % 2:
        line = open_quote(io.StringIO(text, newline=""), separator) + 1
        raise ProbeError(f"`{name}` line {line}: a double quote is never closed", help=OPEN_QUOTE)
    if more is None:
        raise ProbeError(f"`{name}` has a header and no rows", "NS704", "add rows below it")
    return tuple(header)


def _members(name: str, file: BinaryIO) -> tuple[str, ...] | None:
    """The names in an archive's directory, if that is below a megabyte; zipfile would read any size of it."""
    import struct
    import zipfile

    ending = struct.Struct("<4s4H2LH")  # the end record: signature, two disks, two counts, size, offset, comment
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - ending.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < ending.size:
        cure = "`numpy.savez` writes one; for other files name the kind, as in `{csv: rows.csv}`"
        raise ProbeError(f"`{name}` is not an NPZ archive, or it is cut off", help=cure)
    if ending.unpack_from(tail, at)[5] > MOST_HEADER:
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise ProbeError(f"`{name}` is damaged: {error}") from None
    return tuple(member.removesuffix(".npy") for member in names)
