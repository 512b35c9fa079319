"""Run folders: what each file is called, how it is written, and how a run is read back.

Every file appears whole or not at all; metrics.json comes last and says that the run is finished. No Keras needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.language.schema import TABLES

SPEC, RESOLVED, LAST, BEST = "spec.yaml", "resolved.json", "weights.weights.h5", "best.weights.h5"
FEATURES, HISTORY, METRICS, ENVIRONMENT = "features", "history.csv", "metrics.json", "environment.json"
CHECKPOINT, TENSORBOARD, CALLBACKS = "checkpoint.npz", "tensorboard", "callbacks"
TIMES, EVIDENCE, REPORT = "times.csv", "evidence.json", "report.html"
RUNNING, FINISHED, INTERRUPTED, FAILED = "running", "finished", "interrupted", "failed"
FORMAT_VERSION = "1.0"

# metrics.json first: without it a run is not finished; resolved.json last: without it a folder is no run.
FILES = (METRICS, SPEC, CHECKPOINT, LAST, BEST, HISTORY, TIMES, EVIDENCE, REPORT, ENVIRONMENT, RESOLVED)
_STAMP = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?\Z")
_WAITS = (0.01, 0.03, 0.1)  # seconds: `written_now` of another process holds a folder for a moment
_UNFINISHED = "it ended before an epoch was complete"


class RunError(NetspecError):
    """A run folder that cannot be written, or that cannot be read back."""

    code = "NS801"


@dataclass(frozen=True)
class RunRecord:
    """What a run says about itself. `spec` is every value of its spec, ready to be analysed again."""

    path: Path
    name: str
    spec: Mapping[str, Any]
    folder: Path  # what the spec's relative paths were relative to
    seed: int
    steps_per_execution: int
    dummy: int | None
    environment: Mapping[str, Any]

    @property
    def state(self) -> str:
        """running, finished, interrupted or failed."""
        return str(self.environment.get("state", RUNNING))

    @property
    def generated(self) -> bool:
        """True if it was trained on generated examples."""
        return self.dummy is not None


def create(name: str, started: datetime, out: Path | None = None, *, force: bool = False) -> Path:
    """Make the run's folder: `runs/<name>/<UTC time>/` below the current folder, or `out`.

    With `force`, what an earlier run left in `out` is taken away, and nothing else.

    Raises:
        RunError: `out` is no folder, or is not empty and not an earlier run that may be written over.
        OSError: the folder cannot be made.
    """
    if out is not None:
        check_free(out, force=force)
        out.mkdir(parents=True, exist_ok=True)
        _clear(out)
        return out
    parent = Path("runs") / name
    parent.mkdir(parents=True, exist_ok=True)
    stamp = started.strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while True:
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def check_free(out: Path, *, force: bool) -> None:
    """Raise RunError where `create` would, so that a mistake is found before the data are read."""
    if out.exists() and not out.is_dir():
        raise RunError(f"`{out}` is no folder")
    if out.is_dir() and not force and any(out.iterdir()):
        raise RunError(f"`{out}` exists and is not empty", help="--force writes over the run in it")
    if out.is_dir() and any(out.iterdir()) and not is_run(out):
        raise RunError(
            f"`{out}` is not empty and holds no run, so nothing in it may be written over", help="name another folder"
        )


def is_run(folder: Path) -> bool:
    """Whether the folder's files are ours: a file of another program may well be called history.csv."""
    try:
        found = _read(folder / RESOLVED)
        return found.get("format_version") == FORMAT_VERSION and "steps_per_execution" in found
    except RunError:
        return False


def _clear(folder: Path) -> None:
    if not is_run(folder):
        return
    if (folder / FEATURES / "features.index.json").is_file():
        try:
            shutil.rmtree(folder / FEATURES)
        except OSError as error:  # which names the file without its folder
            raise type(error)(error.errno, error.strerror, str(folder / FEATURES)) from error
    for name in (*curves(folder), *written(folder), *(folder / name for name in FILES)):
        name.unlink(missing_ok=True)


def begin_anew(folder: Path) -> None:
    """Take away what tells how the run ended, since it has gone on."""
    for name in (METRICS, EVIDENCE, REPORT):
        (folder / name).unlink(missing_ok=True)


def curves(folder: Path) -> list[Path]:
    """The event files that a run wrote for TensorBoard; what another program put beside them is not among them."""
    below = folder / TENSORBOARD
    return [] if below.is_symlink() else sorted(below.glob("*/events.out.tfevents.*.netspec"))


def written(folder: Path) -> list[Path]:
    """The files that callbacks wrote."""
    below = folder / CALLBACKS
    return [] if below.is_symlink() else sorted(each for each in below.rglob("*") if not each.is_dir())


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder, which is there, until the block ends.

    Raises:
        RunError: another run is being written into it.
    """
    try:
        import fcntl
    except ImportError:  # not on this system
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        for wait in (*_WAITS, None):
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if wait is None:
                    raise RunError(
                        f"another run is being written into `{folder}`", help="name another folder"
                    ) from None
                time.sleep(wait)
            except OSError:
                break  # a file system without locks
            else:
                break
        yield
    finally:
        os.close(number)


def written_now(folder: Path) -> bool:
    """Whether a process holds the folder to write its run; where that cannot be told, it is taken to be so."""
    try:
        import fcntl

        number = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks
        return True
    finally:
        os.close(number)
    return False


def stamp(folder: Path) -> datetime | None:
    """When a run's folder was made, by its name; None for a name that `create` would not give.

    >>> stamp(Path("runs/tiny/20261123T120001Z-2"))
    datetime.datetime(2026, 11, 23, 12, 0, 1, tzinfo=datetime.timezone.utc)
    """
    found = _STAMP.match(folder.name)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def latest(name: str, root: Path = Path("runs")) -> Path | None:
    """The folder of the latest finished run of the spec of this name, None where there is none.

    A run that was trained on data goes before all that were trained on generated examples.
    """
    found = []
    with contextlib.suppress(OSError):
        for folder in (root / name).iterdir():
            stamp = _STAMP.match(folder.name)
            if stamp and (folder / METRICS).is_file():
                found.append(((stamp[1], int(stamp[2] or 1)), folder))
    folders = [folder for _, folder in sorted(found, reverse=True)]
    return next((folder for folder in folders if not _generated(folder)), folders[0] if folders else None)


def _generated(run: Path) -> bool:
    try:
        return _read(run / RESOLVED).get("dummy") is not None
    except RunError:
        return False


def load(run: Path) -> RunRecord:
    """Read a run's own record.

    Raises:
        RunError: the folder is missing, is not a run's, or is damaged.
    """
    if not run.is_dir():
        what = "it is a file" if run.exists() else "there is nothing of that name"
        raise RunError(f"`{run}` is no run folder: {what}")
    if not (run / RESOLVED).is_file():
        raise RunError(f"`{run}` is no run folder: it has no {RESOLVED}", help="netspec fit makes one")
    resolved = _read(run / RESOLVED)
    environment = _read(run / ENVIRONMENT) if (run / ENVIRONMENT).is_file() else {}
    try:
        if resolved["format_version"] != FORMAT_VERSION:
            raise RunError(f"`{run / RESOLVED}` is of format {resolved['format_version']}, expected {FORMAT_VERSION}")
        spec = resolved["spec"]
        if not isinstance(spec, dict):
            raise ValueError("`spec` is no mapping")
        return RunRecord(
            run,
            _text(resolved, "name"),
            {key: value if key == "vars" else escaped(value) for key, value in spec.items()},
            Path(_text(resolved, "folder")),
            _count(resolved, "seed", 0),
            _count(resolved, "steps_per_execution", 1),
            None if resolved["dummy"] is None else _count(resolved, "dummy", 1),
            environment,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"`{run / RESOLVED}` is damaged: {_what(error)}") from error


def metrics(run: Path) -> dict[str, dict[str, dict[str, Any]]] | None:
    """What a finished run scored, by split and output; None where it is not finished.

    Raises:
        RunError: the file is damaged.
    """
    path = run / METRICS
    if not path.is_file():
        return None
    found = _read(path)
    for of_split in found.values():
        if not isinstance(of_split, dict) or not all(isinstance(each, dict) for each in of_split.values()):
            raise RunError(f"`{path}` is damaged: expected metrics by split and output")
        for values in of_split.values():  # JSON has no number that is not finite
            values.update({name: float("nan") for name, value in values.items() if value is None})
    return found


def _text(values: Mapping[str, Any], key: str) -> str:
    if not isinstance(values[key], str) or "\0" in values[key]:
        raise ValueError(f"`{key}` is {json.dumps(values[key])}, expected a text")
    return str(values[key])


def _count(values: Mapping[str, Any], key: str, least: int) -> int:
    value = values[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"`{key}` is {json.dumps(value)}, expected a whole number from {least}")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"`{path}` is damaged: {_what(error)}") from error
    if not isinstance(value, dict):
        raise RunError(f"`{path}` is damaged: expected a mapping")
    return value


def _what(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error).partition("\n")[0] or "a value of the wrong kind"


def escaped(value: Any) -> Any:
    """Values as a spec writes them: text that starts with `$` is doubled, so that it is no variable again."""
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return "$" + value if isinstance(value, str) and value.startswith("$") else value


def resolved(checked: Checked, *, seed: int, steps_per_execution: int, dummy: int | None) -> dict[str, Any]:
    """What resolved.json holds: every value of the spec with paths made absolute, and what was chosen for the run."""
    spec = dict(checked.resolved)
    spec["fit"] = {**(spec.get("fit") or {}), "seed": seed}
    if isinstance(spec.get("data"), dict):
        data = dict(spec["data"])
        for key in ("train", "validation", "test"):
            if key in data:
                data[key] = _absolute(data[key], checked.folder)
        if isinstance(data.get("features"), dict):
            data["features"] = {name: _with_file(part, checked.folder) for name, part in data["features"].items()}
        spec["data"] = data
    begun = spec["fit"].get("weights")
    if begun is not None:
        begun = {"run": begun} if isinstance(begun, str) else dict(begun)
        spec["fit"]["weights"] = {**begun, "run": _absolute(begun["run"], checked.folder)}
    return {
        "format_version": FORMAT_VERSION,
        "name": checked.name,
        "folder": os.path.abspath(checked.folder),
        "seed": seed,
        "steps_per_execution": steps_per_execution,
        "dummy": dummy,
        "spec": spec,
    }


def _with_file(feature: Any, folder: str) -> Any:
    """A feature as the spec writes it, with an absolute path of its vocabulary."""
    text = feature.get("text") if isinstance(feature, dict) else None
    if not isinstance(text, dict):
        return feature
    names = [key for key in ("vocabulary", "file") if isinstance(text.get(key), str)]
    return {**feature, "text": {**text, **{key: _absolute(text[key], folder) for key in names}}}


def _absolute(source: Any, folder: str) -> Any:
    """A source as the spec writes it, with absolute paths."""
    if isinstance(source, str):
        return os.path.abspath(os.path.join(folder, source))
    if isinstance(source, list):
        return [_absolute(name, folder) for name in source]
    if not isinstance(source, dict):
        return source
    full = dict(source)
    if "source" in full:
        full["source"] = _absolute(full["source"], folder)
    for kind in (*TABLES, "images", "npz"):
        if isinstance(full.get(kind), str | list):
            full[kind] = _absolute(full[kind], folder)
    if isinstance(full.get("npy"), dict):
        full["npy"] = {column: _absolute(file, folder) for column, file in full["npy"].items()}
    return full


@contextlib.contextmanager
def whole(path: Path, *, suffix: str = "") -> Iterator[Path]:
    """A temporary file beside `path` that takes its place, flushed to the disk, if the block ends well.

    `suffix` is what the temporary name ends in, for writers that insist on one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{suffix}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and str(error.filename) in (str(temporary), "None"):
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole."""
    with whole(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, as a whole."""
    write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape"))


def put(folder: Path, name: str, made: Path) -> None:
    """Move the folder `made`, flushed to the disk, to `folder / name`."""
    for file in made.iterdir():
        _sync(file)
    _sync(made)
    os.replace(made, folder / name)
    _sync(folder)


def weights(run: Path, *, best: bool = False) -> Path:
    """The file of the run's weights.

    Raises:
        RunError: the run ended before it saved any.
    """
    path = run / (BEST if best else LAST)
    if not path.is_file():
        if written_now(run):
            raise RunError(f"`{run}` has no {path.name} yet: it is being trained", help="try again after a checkpoint")
        why = "it is finished, so the file was taken away" if (run / METRICS).is_file() else _UNFINISHED
        raise RunError(f"`{run}` has no {path.name}: {why}", help="train it again")
    return path
