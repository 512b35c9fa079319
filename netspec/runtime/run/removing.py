"""Taking runs away: the files that a run wrote, and its folder where nothing else lies in it. No Keras needed."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netspec.runtime.run import runs
from netspec.runtime.run.runs import RunError

_INDEX = "features.index.json"
_LEFT = re.compile(r"\.(?:" + "|".join(map(re.escape, runs.FILES)) + r")\.\d+(?:\.weights\.h5)?\Z")  # by a kill
_FEATURES_LEFT = re.compile(r"\.features-\w+\Z")


@dataclass(frozen=True)
class Doomed:
    """A run that can be taken away: its files, and what they take on the disk."""

    path: Path
    files: tuple[Path, ...]
    bytes: int
    others: int  # entries of the folder that no run wrote, which stay


def doomed(run: Path) -> Doomed:
    """What taking the run away would take.

    Raises:
        RunError: it is no run, or it is being written.
    """
    runs.load(run)
    if not runs.is_run(run):
        raise RunError(f"`{run}` is no run, so nothing in it is taken away")
    with _free(run):
        files = tuple(_files(run))
    ours = {*files, *_unfinished(run)}
    folders = {above for file in files for above in file.parents}
    others = sum(1 for each in run.iterdir() if each not in ours and each not in folders)
    return Doomed(run, files, sum(file.lstat().st_size for file in files), others)


def remove(run: Path) -> None:
    """Take a run away, last the file that says it is one, so that what stops in between can be done again.

    Raises:
        RunError: it is no run, or it is being written.
        OSError: a file cannot be taken away.
    """
    files = doomed(run).files
    with _free(run):
        for file in files:
            file.unlink(missing_ok=True)
    for folder in _unfinished(run):
        shutil.rmtree(folder, ignore_errors=True)
    made = {above for file in files for above in file.parents if run in above.parents}
    for folder in (*sorted(made, reverse=True), run / runs.FEATURES, run / runs.TENSORBOARD, run):  # inner ones first
        with contextlib.suppress(OSError):  # something else lies in it
            folder.rmdir()
    if runs.stamp(run) is not None:
        with contextlib.suppress(OSError):  # other runs of the spec
            run.parent.rmdir()


@contextlib.contextmanager
def _free(run: Path) -> Iterator[None]:
    """The run as nobody else writes it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(runs.held(run))
        except RunError:
            raise RunError(f"`{run}` is being written, so it is not taken away") from None
        yield


def _files(run: Path) -> list[Path]:
    """All that a run may have written and that is there, resolved.json last."""
    found = [path for path in run.iterdir() if _LEFT.match(path.name) and not path.is_dir()]
    found += [*_features(run / runs.FEATURES), *runs.curves(run), *runs.written(run)]
    found += [run / name for name in runs.FILES if (run / name).is_file() or (run / name).is_symlink()]
    return found


def _unfinished(run: Path) -> list[Path]:
    """Folders in which features were being written when the process was killed."""
    return [
        each for each in run.iterdir() if _FEATURES_LEFT.match(each.name) and each.is_dir() and not each.is_symlink()
    ]


def _features(folder: Path) -> list[Path]:
    """The files that the index of a features/ folder names, and the index."""
    index = folder / _INDEX
    if folder.is_symlink() or not index.is_file():
        return []
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
        names = [str(name) for part in ("inputs", "targets") for name in parts[part].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        names = []
    inside = [folder / name for name in names if Path(name).name == name]
    return [*(each for each in dict.fromkeys(inside) if each.is_file()), index]
