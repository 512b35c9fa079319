"""netspec's training against `model.fit` on arrays as the guide writes it: same model, same arrays, seconds a step.

Each side is a warm process of its own, since seeds, determinism and threads are set for a whole process.
`python benchmarks/fitting.py SIDE SPEC EPOCHS ROWS` is such a process; ROWS 0 means all.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import PYTHON, ROOT, Result, Worker, in_turns, paired

if TYPE_CHECKING:
    from netspec.graph.ir import Checked

_SEED = 1
_MLP_ROWS = 20_000
_MLP_DATA = """
data:
  train: rows.npz
  features: {vector: vector}
  targets: {%s: {column: kind, one_hot: true}}
"""


def twitter(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """The headline model on its own rows, batches of 32."""
    return [_compared("twitter", runs, env, epochs=1, rows=rows, least=0.97)]


def mlp(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """The small plain stack on 20,000 rows of an NPZ file, batches of 128."""
    return [_compared("mlp_softmax", runs, env, epochs=20, rows=rows, least=2)]


def _compared(spec: str, runs: int, env: Mapping[str, str], *, epochs: int, rows: int, least: float) -> Result:
    def command(side: str) -> tuple[str, ...]:
        return (PYTHON, __file__, side, spec, str(epochs), str(rows))

    with Worker(command("netspec"), env) as ours, Worker(command("handwritten"), env) as theirs:
        taken = in_turns({"netspec": ours, "handwritten": theirs}, runs)
    speed = paired(taken["handwritten"], taken["netspec"])
    return Result(
        f"fit {spec}, a step, against `model.fit` on arrays",
        "ms",
        1e3 * statistics.median(taken["netspec"]),
        1e3 * statistics.median(taken["handwritten"]),
        speed,
        f"{least} at least (lower end)",
        speed.low >= least,
    )


def _main(side: str, spec: str, epochs: int, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
        checked, part = _prepared(spec, Path(folder), rows)
        checked = replace(checked, fit=checked.fit.model_copy(update={"epochs": epochs}))
        train = (_netspec if side == "netspec" else _handwritten)(checked, part, Path(folder))
        for _ in sys.stdin:
            print(json.dumps(train()), flush=True)


def _prepared(spec: str, folder: Path, rows: int) -> tuple[Checked, Any]:
    """The checked spec and its training rows as netspec prepares them; both sides get these arrays."""
    from netspec.pipeline import analyze, analyze_text
    from netspec.runtime.data.store import Held
    from netspec.runtime.run import splits

    path = ROOT / "specs" / f"{spec}.yaml"
    analysis = analyze(path)
    if spec == "mlp_softmax":
        import numpy as np

        draw = np.random.default_rng(_SEED)
        vectors = draw.random((_MLP_ROWS, 20), np.float32)
        np.savez(folder / "rows.npz", vector=vectors, kind=draw.integers(10, size=_MLP_ROWS))
        assert analysis.checked is not None
        (output,) = analysis.checked.typed.graph.outputs
        analysis = analyze_text(path.read_text(encoding="utf-8") + _MLP_DATA % output, folder=str(folder))
    assert analysis.checked is not None, analysis.diagnostics
    part = splits.read(analysis.checked, _SEED).train
    if rows:
        part = replace(part, examples=Held(*part.examples.head(rows)))
    return analysis.checked, part


def _netspec(checked: Checked, part: Any, folder: Path) -> Callable[[], float]:
    """What `netspec fit` does once its data are read: shows a line an epoch, writes history and weights after each."""
    from netspec.runtime import engine
    from netspec.runtime.model import build
    from netspec.runtime.run import progress

    engine.keras()
    from netspec.runtime.data import batches
    from netspec.runtime.run import keeping, loop

    steps, epochs = loop.steps(checked, part.rows), int(checked.fit.epochs)
    at_once = batches.steps_per_execution(steps, batches.work(checked.typed, loop.batch_size(checked)))
    loop.repeatable(_SEED)
    model = build.build(checked, steps_per_execution=at_once)

    class Clocked(progress.Lines):
        began = 0.0

        def epoch_begins(self, number: int) -> None:
            if number == 1:
                self.began = time.perf_counter()
            super().epoch_begins(number)

    def train() -> float:
        shown = Clocked(epochs, sys.stderr)
        keeper = keeping.Keeper(folder, "loss", shown)
        loop.train(model, checked, part, None, seed=_SEED, callbacks=(), keeper=keeper, progress=shown)
        return (time.perf_counter() - shown.began) / (steps * epochs)

    return train


def _handwritten(checked: Checked, part: Any, folder: Path) -> Callable[[], float]:
    """The guide's script, with a line an epoch as on the other side; it keeps nothing."""
    import keras

    sys.path.insert(0, str(ROOT / "tests"))
    import handwritten

    if checked.name == "twitter":
        model = handwritten.twitter()
        model.compile(
            optimizer="rmsprop",
            loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
            loss_weights={"main_output": 1.0, "aux_output": 0.2},
            metrics={"main_output": ["accuracy"], "aux_output": ["accuracy"]},
        )
        x, y = dict(part.examples.x), dict(part.examples.y)
    else:
        model = handwritten.mlp_softmax()
        rate = keras.optimizers.schedules.InverseTimeDecay(0.01, decay_steps=1, decay_rate=1e-6)
        model.compile(
            optimizer=keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            loss="categorical_crossentropy",
            metrics=["accuracy"],
        )
        (x,), (y,) = part.examples.x.values(), part.examples.y.values()
    size, epochs = checked.fit.batch_size, int(checked.fit.epochs)
    steps = math.ceil(part.rows / size)

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        began = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 0:
                self.began = time.perf_counter()

    def train() -> float:
        clock: Any = Clock()
        answers = sys.stdout
        sys.stdout = sys.stderr  # Keras's lines; stdout is for the answers
        try:
            model.fit(x, y, epochs=epochs, batch_size=size, callbacks=[clock], verbose=2)
        finally:
            sys.stdout = answers
        return (time.perf_counter() - clock.began) / (steps * epochs)

    return train


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
