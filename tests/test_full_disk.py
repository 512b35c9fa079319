"""A disk that fills up at any moment, a real and small one: what was good stays, and training goes on from it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_resuming import SPECS, _marks

from netspec import again, api
from netspec.runtime.run import checkpoints, runs
from netspec.runtime.run.checkpoints import Checkpoint

pytestmark = pytest.mark.keras

_PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _leave(disk: Path, free: int) -> None:
    """Fill the disk up to so many free bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    filler.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - free)))


def _checkpoint(number: int) -> Checkpoint:
    """Of 170 kB, which cannot be packed."""
    draw = np.random.default_rng(number)
    arrays = tuple(draw.random(size).astype(np.float32) for size in ((300, 140), (140,), ()))
    history = tuple({"loss": float(at)} for at in range(number))
    return Checkpoint(number, 0, ("a", "b", "c"), arrays, history, 0.1, 1, (), False, "1:2", 3.0)


def test_a_checkpoint_is_there_whole_whenever_the_disk_is_full(disk: Path) -> None:
    run = disk / "run"
    run.mkdir()
    checkpoints.write(run, _checkpoint(1))
    size, kept, failures = (run / runs.CHECKPOINT).stat().st_size, 1, 0
    draw = random.Random(1)
    for number in range(2, 52):
        _leave(disk, _PAGE * draw.randrange(size // _PAGE + 4))
        try:
            checkpoints.write(run, _checkpoint(number))
            kept = number
        except OSError:
            failures += 1
        found = checkpoints.read(run)
        assert found is not None and found.epoch == kept and len(found.history) == kept
        assert all(map(np.array_equal, found.arrays, _checkpoint(kept).arrays))
        assert [path.name for path in run.iterdir()] == [runs.CHECKPOINT]
    assert 30 < failures < 50


@pytest.mark.parametrize("free", [0, 1, 2, 3, 5, 7, 9])
def test_training_goes_on_when_there_is_room_again(
    disk: Path, tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPECS["stopped early"], encoding="utf-8")
    out = disk / "run"
    real = checkpoints.write
    writes = [0]

    def write(run: Path, checkpoint: Checkpoint) -> None:
        real(run, checkpoint)
        writes[0] += 1
        if writes[0] == 3:  # from now on there is little room
            _leave(disk, free * _PAGE)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "write", write)
        with pytest.raises(runs.RunError, match="No space left"):
            api.fit("spec.yaml", dummy=40, out=out)
    assert writes[0] >= 3
    (disk / "filler").unlink()
    again.resume(out)
    api.fit("spec.yaml", dummy=40, out=tmp_path / "whole")
    assert _marks(out) == _marks(tmp_path / "whole")
