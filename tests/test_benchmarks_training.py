"""The benchmarks of training and data run, in a tiny setting; a file of its own, so that they run beside the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_benchmarks import runs

pytestmark = [pytest.mark.keras, pytest.mark.slow]

LINES = {
    "fit-small": ("mlp_softmax",) * 3 + ("dense_functional",) * 3,
    "fit-heavy": ("fit twitter", "feeding twitter", "fit tweet_pair", "feeding tweet_pair", "fit vgg", "feeding vgg"),
    "lengths": ("by length",),
    "keeping": ("checkpoints",),
    "table": ("CSV to batches",),
    "memory": ("memory at its peak",),
    "predict": ("mlp_softmax", "twitter"),
}


def test_the_benchmarks_of_training_run(tmp_path: Path) -> None:
    runs({name: LINES[name] for name in ("fit-small", "fit-heavy")}, tmp_path / "results.json")


def test_the_benchmarks_of_data_and_runs_run(tmp_path: Path) -> None:
    runs({name: lines for name, lines in LINES.items() if not name.startswith("fit")}, tmp_path / "results.json")
