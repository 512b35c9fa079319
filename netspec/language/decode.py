"""A path or bytes -> text: opens regular files alone, reads at most the cap, takes UTF-8 without control characters."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator

from netspec.diagnostics import printable
from netspec.errors import NetspecError
from netspec.language.syntax import Fault

MAX_BYTES = 8 * 1024 * 1024
_MAX_TAG_DIRECTIVES = 100  # libyaml compares each with all others

_UNREADABLE = (  # compiled for the first text that is not ASCII: that takes milliseconds
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_UNREADABLE_ASCII = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HEAD = re.compile(r"(?:(?:[ \t]*+(?:#[^\r\n]*+)?+|%[^\r\n]*+)(?:\r\n|\r|\n))*+")
_DIRECTIVE = re.compile(r"(?:^|(?<=\r))%(?!TAG[ \t])", re.MULTILINE)
_TAG_DIRECTIVE = re.compile(r"(?:^|(?<=\r))%TAG", re.MULTILINE)


class SourceError(NetspecError):
    """A file that cannot be opened or read; the message names it and is safe to print."""


def read_bytes(path: str, name: str) -> bytes:
    """At most MAX_BYTES + 1 bytes of a regular file; nothing else is ever read, and opening never waits.

    Raises SourceError, which names the file as `name`.
    """
    shown = printable(name)
    flags = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
    try:
        opened = os.open(path, flags)
    except OSError as error:
        raise SourceError(f"`{shown}`: {_reason(error)}") from None
    except ValueError:  # a NUL, or a character that no name can hold
        raise SourceError(f"`{shown}`: no file can have this name") from None
    try:
        mode = os.fstat(opened).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device"
            raise SourceError(f"`{shown}`: {kind}, expected a file")
        return b"".join(_parts(opened, MAX_BYTES + 1))
    except OSError as error:
        raise SourceError(f"`{shown}`: {_reason(error)}") from None
    finally:
        os.close(opened)


def _parts(opened: int, left: int) -> Iterator[bytes]:
    while left and (part := os.read(opened, min(left, 1 << 20))):
        left -= len(part)
        yield part


_REASONS = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file; a part of the path is no folder",
    errno.EACCES: "not readable; permission denied",
    errno.EPERM: "not readable; permission denied",
    errno.ELOOP: "a loop of links",
    errno.ENAMETOOLONG: "no such file; the name is too long",
    errno.EISDIR: "a folder, expected a file",
    errno.ENXIO: "a device, expected a file",
}


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or f"not readable; {(error.strerror or 'unknown reason').lower()}"


def decode(source: str | bytes) -> tuple[str, Fault | None]:
    """The text of a file without its byte order mark, and what makes it unusable.

    Where bytes are no UTF-8 the text stands in for them character by character, so that the line can be shown.
    """
    size = len(source) if isinstance(source, bytes) or source.isascii() else len(source.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        limit = f"{MAX_BYTES // 2**20} MiB"
        return "", Fault(0, 0, f"the file is larger than {limit}, the most that a spec may have", code="NS104")
    if isinstance(source, bytes):
        head = source[:4]
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head:
            wide = head in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or head.count(0) == 3
            kind = "binary data" if head.count(0) == 4 else "UTF-32" if wide else "UTF-16"
            return "", Fault(0, 0, f"the file looks like {kind}, expected UTF-8", help="save it as UTF-8", code="NS100")
        try:
            text = source.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            return _undecoded(source, error.start)
    else:
        text = source.removeprefix("\ufeff")
    return text, _unreadable(text) or _too_many_directives(text)


def before_text(source: str | bytes) -> int:
    """How many bytes of a file stand in front of its text: those of a byte order mark."""
    mark = source.startswith(b"\xef\xbb\xbf") if isinstance(source, bytes) else source.startswith("\ufeff")
    return 3 if mark else 0


def undecoded(source: str | bytes) -> str | None:
    """The text of bytes that may be no UTF-8, with half a character for each byte that is none; None for a text."""
    return source.decode("utf-8", "surrogateescape").removeprefix("\ufeff") if isinstance(source, bytes) else None


def _undecoded(source: bytes, start: int) -> tuple[str, Fault]:
    whole = source.decode("utf-8", "replace").removeprefix("\ufeff")
    text = "".join(char if char.isprintable() or char in "\r\n\t" else "\ufffd" for char in whole)
    at = len(source[:start].decode("utf-8").removeprefix("\ufeff"))
    message = f"byte 0x{source[start]:02X} is not UTF-8"
    return text, Fault(at, at + 1, message, help="save the file as UTF-8", code="NS100")


def _unreadable(text: str) -> Fault | None:
    found = _UNREADABLE_ASCII.search(text) if text.isascii() else re.search(_UNREADABLE, text)
    if found is None:
        return None
    code = ord(found[0])
    what, cure = "a control character", f'remove it, or write it as `"{_escape(code)}"`'
    if 0xD800 <= code < 0xE000:
        what, cure = "half a character", "remove it"
    elif code in (0x85, 0x2028, 0x2029):
        what = "a line break that YAML readers disagree about"
    elif code == 0xFEFF:
        what = "a byte order mark inside the text"
    return Fault(*found.span(), f"{what} (U+{code:04X}) cannot stand in a spec", help=cure, code="NS100")


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _too_many_directives(text: str) -> Fault | None:
    for number, found in enumerate(_TAG_DIRECTIVE.finditer(text)):
        if number == _MAX_TAG_DIRECTIVES:
            message = f"more than {_MAX_TAG_DIRECTIVES} `%TAG` directives"
            return Fault(*found.span(), message, help="remove them; a spec needs none", code="NS104")
    return None


def without_directives(text: str) -> str:
    """The text with `%YAML` and unknown directives made comments of the same length; YAML 1.2 lets one skip them."""
    head = _HEAD.match(text)
    return _DIRECTIVE.sub("#", head[0]) + text[head.end() :] if head and "%" in head[0] else text
