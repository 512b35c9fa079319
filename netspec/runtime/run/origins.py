"""What a run was made of and with: its data files by size and hash, versions, command, the git state of its spec."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from netspec.catalog import keras_version
from netspec.graph.ir import Checked
from netspec.graph.own import owned
from netspec.language.names import expanded
from netspec.probe.pictures import pictures
from netspec.runtime import trusted
from netspec.runtime.run import runs

_PACKAGES = ("keras", "tensorflow", "numpy", "pyarrow")
_GIT_SECONDS = 10
_HASHED = 1 << 30  # bytes of a folder of images whose contents are read as a whole
_BLOCK = 1 << 16  # bytes that are read at each end of a file of a larger one


def environment(folder: str, *, seed: int, command: Sequence[str], started: datetime) -> dict[str, Any]:
    """The start of environment.json: versions, platform, command and git state (left out where there is no git)."""
    found: dict[str, Any] = {
        "format_version": runs.FORMAT_VERSION,
        "state": runs.RUNNING,
        "started": iso(started),
        "seed": seed,
        "command": list(command),
        "versions": versions(),
        "platform": platform.platform(),
    }
    state = git(folder)
    if state is not None:
        found["git"] = state
    return found


def again(checked: Checked, command: Sequence[str], at: datetime, others: Sequence[str]) -> dict[str, Any]:
    """What environment.json says of a run that is gone on with, and what of its spec is other from then on."""
    found = {"at": iso(at), "command": list(command), "versions": versions(), **python(checked)}
    return {**found, "changed": list(others)} if others else found


def python(checked: Checked) -> dict[str, Any]:
    """`python`: size and hash of the files of a user's own Python, by absolute path; nothing where there is none."""
    names = [own.name for own in owned(checked)]
    if checked.data is not None:
        parts = (checked.data.validation, checked.data.test)
        sources = (checked.data.train, *(part.source for part in parts if part is not None))
        names += [source.python for source in sources if source is not None and source.python]
    return {"python": trusted.marks(names, Path(checked.folder))} if names else {}


def fingerprints(checked: Checked) -> dict[str, dict[str, Any]]:
    """Size and hash of every data file that the spec names, by absolute path; pipes and missing files are left out."""
    data, found = checked.data, {}
    if data is None:
        return {}
    parts = (data.validation, data.test)
    sources = [data.train, *(part.source for part in parts if part is not None)]
    files = [each.text.file for each in data.features.values() if each.text is not None and each.text.file]
    for source in sources:
        files += expanded(source, Path(checked.folder)) if source is not None else ()  # a folder, of images
    for file in files:
        path = os.path.abspath(os.path.join(checked.folder, file))
        mark = _fingerprint(Path(path))
        if mark is not None:
            found[path] = mark
    return found


def begun_from(checked: Checked) -> dict[str, Any]:
    """`begun_from`: the same of the file that the first weights are from; nothing where Keras makes them."""
    plan = checked.fit.weights
    if plan is None:
        return {}
    path = Path(os.path.abspath(os.path.join(checked.folder, plan.run))) / (runs.BEST if plan.best else runs.LAST)
    mark = _fingerprint(path)
    return {} if mark is None else {"begun_from": {str(path): mark}}


def _fingerprint(path: Path) -> dict[str, Any] | None:
    try:
        if path.is_dir():
            return _folder(path)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError:
        return None


def _folder(path: Path) -> dict[str, Any] | None:
    """The same of a folder of images: all their bytes, and a hash over their names, sizes and contents.

    `of` says which: `contents` whole, up to a gigabyte together; of more the `ends`, the first and the last 64 KiB of
    each file, so that what is changed in the middle of a large image alone, at the same size, goes unseen.
    """
    with contextlib.suppress(UnicodeError):
        found = pictures(path)
        sizes = [(path / name).stat().st_size for name in found.files]
        whole, mark = sum(sizes) <= _HASHED, hashlib.sha256()
        for name, size in zip(found.files, sizes, strict=True):
            mark.update(f"{name}\0{size}\n".encode())
            mark.update(_content(path / name, size, whole))
        of = "contents" if whole else "ends"
        return {"files": len(sizes), "bytes": sum(sizes), "of": of, "sha256": mark.hexdigest()}
    return None


def _content(path: Path, size: int, whole: bool) -> bytes:
    with path.open("rb") as file:
        if whole or size <= 2 * _BLOCK:
            return hashlib.file_digest(file, "sha256").digest()
        first = file.read(_BLOCK)
        file.seek(size - _BLOCK)
        return hashlib.sha256(first + file.read(_BLOCK)).digest()


def changed(record: runs.RunRecord, what: str = "data") -> tuple[str, ...]:
    """The data files (or those of `begun_from`) that are no longer what they were when the run was made."""
    then = record.environment.get(what)
    if not isinstance(then, dict):
        return ()
    return tuple(name for name, mark in then.items() if _fingerprint(Path(name)) != mark)


def versions() -> dict[str, str]:
    """The versions of Python, netspec and what it stands on; `catalogue` is the Keras that specs are checked by."""
    found = {"python": platform.python_version(), "netspec": str(vars(sys.modules["netspec"])["__version__"])}
    found["catalogue"] = keras_version()
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def iso(time: datetime) -> str:
    """A moment as the files of a run write it.

    >>> iso(datetime(2026, 11, 23, 22, 59, 1, tzinfo=UTC))
    '2026-11-23T22:59:01Z'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def git(folder: str) -> dict[str, Any] | None:
    """The commit that the spec's folder is at, and whether tracked files differ from it."""

    def asked(*args: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", folder, *args],
                capture_output=True,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
                encoding="utf-8",
                errors="replace",
                timeout=_GIT_SECONDS,
                stdin=subprocess.DEVNULL,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    commit = asked("rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changed = asked("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def differences(record: runs.RunRecord) -> tuple[str, ...]:
    """Versions, and Python of the user's own, that were others when the run was made, a sentence each."""
    then, now, code = record.environment.get("versions"), versions(), record.environment.get("python")
    told = tuple(
        f"`{name}`, Python of your own, has changed since the run was made"
        for name in trusted.changed(code if isinstance(code, dict) else {})
    )
    if not isinstance(then, dict):
        return told
    return told + tuple(
        f"the run was made with {package} {then[package]}, this is {now[package]}"
        for package in ("netspec", "keras", "tensorflow")
        if package in then and package in now and then[package] != now[package]
    )
