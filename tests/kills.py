"""`python tests/kills.py [KILLS] [SEED]`: kills training at random moments, goes on, and compares bits at the end.

Each spec is trained once without a stop, and then again and again with kill -9 until so many kills have hit.
"""

from __future__ import annotations

import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

_MODEL = """
netspec: 1
name: {name}
inputs: {{image: [8, 8, 1]}}
layers:
  - Conv2D: {{filters: 8, kernel_size: 3, activation: relu}}
  - BatchNormalization
  - GaussianNoise: 0.1
  - Flatten
  - Dropout: 0.3
  - Dense: {{units: 16, activation: relu}}
    name: middle
  - Dense: {{units: 10, activation: softmax}}
    name: digit
{more}
"""
_TWO = """\
  - Dense: {{units: 10, activation: softmax}}
    from: middle
    name: again
outputs: [digit, again]
losses:
  digit: sparse_categorical_crossentropy
  again: {{loss: sparse_categorical_crossentropy, weight: 0.3}}
metrics: [accuracy]
"""
_ONE = """\
losses: sparse_categorical_crossentropy
metrics: [accuracy]
"""
SPECS = {
    "plateau": _ONE
    + """
optimizer: {{Adam: {{learning_rate: 0.003}}}}
data: {{dataset: digits, validation: 0.2}}
fit:
  epochs: 14
  seed: 3
  checkpoint: {{steps: 13}}
  callbacks:
    - EarlyStopping: {{patience: 2, min_delta: 0.004, restore_best_weights: true}}
    - ReduceLROnPlateau: {{patience: 1, min_delta: 0.02}}
""",
    "augmented": _TWO
    + """
optimizer: {{SGD: {{learning_rate: {{CosineDecay: {{initial_learning_rate: 0.05, decay_steps: 400}}}}, momentum: 0.9}}}}
data:
  dataset: digits
  validation: 0.2
  targets: {{digit: label, again: label}}
  augment: {{image: [{{RandomTranslation: {{height_factor: 0.1, width_factor: 0.1}}}}, {{RandomRotation: 0.05}}]}}
fit: {{epochs: 12, batch_size: 32, seed: 5, checkpoint: {{seconds: 0.2}}}}
""",
    "averaged": _ONE
    + """
optimizer: {{AdamW: {{learning_rate: 0.003, use_ema: true, clipnorm: 1.0, gradient_accumulation_steps: 2}}}}
data: {{dataset: digits, validation: 0.2}}
fit: {{epochs: 12, batch_size: 48, seed: 7, steps_per_execution: 5, checkpoint: {{seconds: 0.3}}}}
""",
}


def text(name: str) -> str:
    """The spec of this name."""
    return _MODEL.format(name=name, more=SPECS[name].format())


def marks(run: Path) -> dict[str, str]:
    """Hashes of everything that must not depend on where a run was killed."""
    found = {}
    for file in sorted(run.glob("*.weights.h5")):
        with h5py.File(file) as stored:

            def note(path: str, item: object, file: Path = file) -> None:
                if isinstance(item, h5py.Dataset):
                    found[f"{file.name}:{path}"] = hashlib.md5(np.asarray(item[()]).tobytes()).hexdigest()

            stored.visititems(note)
    with np.load(run / "checkpoint.npz") as stored:
        for name in stored.files:
            if name != "state":  # which tells how long training took
                found[f"checkpoint:{name}"] = hashlib.md5(stored[name].tobytes()).hexdigest()
    with (run / "history.csv").open(encoding="utf-8") as rows:
        for row in csv.reader(rows):
            found[f"history:{row[0]}"] = ",".join(row)
    found["metrics"] = (run / "metrics.json").read_text(encoding="utf-8")
    return found


def _command(*args: str) -> list[str]:
    return [sys.executable, "-m", "netspec", "fit", *args, "--quiet"]


def killed(folder: Path, name: str, draw: random.Random, longest: float, most: int = 10**6) -> int:
    """Train a spec in `folder / "run"` with at most so many kills, until it ends by itself; how many there were."""
    run, kills = folder / "run", 0
    while not (run / "metrics.json").is_file():  # killed after its end, it is finished
        begun = (run / "resolved.json").is_file()
        command = _command("--resume", str(run)) if begun else _command(str(folder / "spec.yaml"), "--out", str(run))
        if not begun and run.is_dir():
            command.append("--force")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if kills == most:
            process.wait()
        elif draw.random() < 0.2:
            time.sleep(draw.random() * longest)  # while Python starts, data are read, or it ends
        else:
            _wait_for_training(process, run)
            time.sleep(draw.random() * 2.5)
        if process.poll() is None and kills < most:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        said = process.communicate()[1].decode(errors="replace")
        if process.returncode == 0:
            return kills
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"{name}: ended with {process.returncode}: {said}")
    return kills


def _wait_for_training(process: subprocess.Popen[bytes], run: Path) -> None:
    """Until a checkpoint is written anew, or the process has ended."""
    path = run / "checkpoint.npz"
    before = path.stat().st_mtime_ns if path.exists() else 0
    while process.poll() is None and not (path.exists() and path.stat().st_mtime_ns != before):
        time.sleep(0.02)


def main(kills: int, seed: int) -> None:
    """Kill until enough have hit, in turns over the specs; ends with 1 at the first bit that differs."""
    draw, done, runs = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory(prefix="netspec-kills-") as temporary:
        whole = {}
        longest = {}
        for name in SPECS:
            folder = Path(temporary, name)
            folder.mkdir()
            (folder / "spec.yaml").write_text(text(name), encoding="utf-8")
            began = time.monotonic()
            subprocess.run(
                _command(str(folder / "spec.yaml"), "--out", str(folder / "whole")),
                check=True,
                stdout=subprocess.DEVNULL,
            )
            longest[name] = time.monotonic() - began
            whole[name] = marks(folder / "whole")
        while done < kills:
            name = list(SPECS)[runs % len(SPECS)]
            folder = Path(temporary, f"{name}-{runs}")
            folder.mkdir()
            (folder / "spec.yaml").write_text(text(name), encoding="utf-8")
            hit = killed(folder, name, draw, longest[name])
            found = marks(folder / "run")
            others = [key for key in {*whole[name], *found} if whole[name].get(key) != found.get(key)]
            done, runs = done + hit, runs + 1
            print(f"{name}: killed {hit} times, {len(others)} of {len(found)} parts differ; {done} kills", flush=True)
            if others:
                print(*sorted(others)[:20], sep="\n")
                sys.exit(1)
    print(f"{runs} runs, killed {done} times, all to the same bits")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
