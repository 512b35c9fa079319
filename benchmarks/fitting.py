"""netspec's training against `model.fit` on arrays as the guide writes it: same model, same arrays, seconds a step.

Each side is a warm process of its own, since seeds, determinism and threads are set for a whole process.
`python benchmarks/fitting.py SIDE CASE ROWS` is such a process; ROWS 0 means as many as the case says.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import PYTHON, ROOT, Result, Worker, in_turns, paired, together

if TYPE_CHECKING:
    from netspec.graph.ir import Checked

_SEED = 1
_TEXTS = """
inputs: {text: {shape: [null], dtype: int32}}
layers:
  - Embedding: {input_dim: 5000, output_dim: 64, mask_zero: true}
  - LSTM: 64
  - Dense: {units: 1, activation: sigmoid}
    name: liked
losses: binary_crossentropy
metrics: [accuracy]
"""


@dataclass(frozen=True)
class Case:
    """A spec, how many rows (0: its own data), rows in a batch, epochs of a turn, and the target for the speed.

    A run is the mean of so many `turns`, where one lasts no longer than the machine is slow or fast for.
    """

    spec: str
    rows: int
    batch: int
    epochs: int
    least: float
    turns: int = 1


CASES = {
    "mlp_softmax, batches of 32": Case("mlp_softmax", 20_000, 32, 5, 2.5),
    "mlp_softmax, batches of 128": Case("mlp_softmax", 20_000, 128, 20, 2),
    "mlp_softmax, the guide's 1,000 rows": Case("mlp_softmax", 1_000, 128, 20, 4, turns=12),
    "dense_functional, batches of 32": Case("dense_functional", 20_000, 32, 3, 2.5),
    "dense_functional, batches of 128": Case("dense_functional", 20_000, 128, 10, 2),
    "dense_functional, the guide's 1,000 rows": Case("dense_functional", 1_000, 128, 20, 4, turns=12),
    "twitter": Case("twitter", 0, 32, 1, 0.97, turns=4),
    "tweet_pair": Case("tweet_pair", 640, 32, 1, 0.97, turns=12),
    "vgg": Case("vgg", 160, 32, 1, 0.97, turns=12),
}
SMALL = tuple(name for name in CASES if name.startswith(("mlp", "dense")))


def small(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """Models whose steps are short, where feeding is most of the time."""
    return [_compared(name, runs, env, rows) for name in SMALL]


def heavy(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """Models whose steps are long, and how much of an epoch they wait for their batches."""
    found = []
    for name in CASES:
        if name not in SMALL:
            found.append(_compared(name, runs, env, rows))
            with Worker((PYTHON, __file__, "feeding", name, str(rows)), env) as worker:
                shares = in_turns({"": worker}, runs)[""]
            share = statistics.median(shares)
            what = f"feeding {name}: waiting for batches, of the time of an epoch"
            found.append(Result(what, "%", 100 * share, None, None, "below 5 %", share < 0.05))
    return found


def lengths(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """Batches by length against batches that are padded to one length."""

    def command(side: str) -> tuple[str, ...]:
        return (PYTHON, __file__, side, "texts", str(rows or 3_200))

    with Worker(command("by length"), env) as ours, Worker(command("padded"), env) as theirs:
        taken = in_turns({"by length": ours, "padded": theirs}, runs)
    speed = paired(taken["padded"], taken["by length"])
    medians = (1e3 * statistics.median(taken[side]) for side in ("by length", "padded"))
    what = "fit texts of 5 to 200 words by length: a step, against padding to 200"
    return [Result(what, "ms", *medians, speed, "1.3 at least (lower end)", speed.low >= 1.3)]


def _compared(name: str, runs: int, env: Mapping[str, str], rows: int) -> Result:
    def command(side: str) -> tuple[str, ...]:
        return (PYTHON, __file__, side, name, str(rows))

    least, turns = CASES[name].least, 1 if rows else CASES[name].turns  # with fewer rows only a try
    with Worker(command("netspec"), env) as ours, Worker(command("handwritten"), env) as theirs:
        taken = in_turns({"netspec": ours, "handwritten": theirs}, runs * turns)
    taken = {side: together(seconds, turns) for side, seconds in taken.items()}
    speed = paired(taken["handwritten"], taken["netspec"])
    return Result(
        f"fit {name}: a step, against `model.fit` on arrays",
        "ms",
        1e3 * statistics.median(taken["netspec"]),
        1e3 * statistics.median(taken["handwritten"]),
        speed,
        f"{least} at least (lower end)",
        speed.low >= least,
    )


def _main(side: str, name: str, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
        if name == "texts":
            checked, part = _texts(rows, by_length=side == "by length")
        else:
            case = CASES[name]
            checked, part = _prepared(case, rows)
            fit = checked.fit.model_copy(update={"epochs": case.epochs, "batch_size": case.batch})
            checked = replace(checked, fit=fit)
        made = {"handwritten": _handwritten, "feeding": _feeding}.get(side, _netspec)
        measure = made(checked, part, Path(folder))
        for _ in sys.stdin:
            print(json.dumps(measure()), flush=True)


def _prepared(case: Case, rows: int) -> tuple[Checked, Any]:
    """The checked spec and its training rows as netspec prepares them; both sides get these arrays."""
    from netspec.pipeline import analyze
    from netspec.runtime.data.store import Held
    from netspec.runtime.run import splits

    settings = [] if case.spec == "twitter" else ["metrics=[accuracy]"]
    checked = analyze(ROOT / "specs" / f"{case.spec}.yaml", overrides=settings).checked
    assert checked is not None
    if case.rows:
        return checked, splits.generated(checked, rows or case.rows, _SEED).train
    part = splits.read(checked, _SEED).train
    return checked, replace(part, examples=Held(*part.examples.head(rows))) if rows else part


def _texts(rows: int, *, by_length: bool) -> tuple[Checked, Any]:
    """A small LSTM with a mask, and texts of 5 to 200 words, padded in front."""
    import numpy as np

    from netspec.pipeline import analyze_text
    from netspec.runtime.data.store import Held
    from netspec.runtime.run.splits import Part

    checked = analyze_text(_TEXTS).checked
    assert checked is not None
    draw = np.random.default_rng(_SEED)
    counts = draw.integers(5, 201, rows)
    words = draw.integers(2, 5000, (rows, 200)).astype(np.int32)
    words[np.arange(200) < 200 - counts[:, None]] = 0
    labels = (words[:, -5:].sum(axis=1) % 2).astype(np.float32)[:, None]
    fit = checked.fit.model_copy(update={"by_length": by_length})
    return replace(checked, fit=fit), Part("train", Held({"text": words}, {"liked": labels}))


def _netspec(checked: Checked, part: Any, folder: Path) -> Callable[[], float]:
    """What `netspec fit` does once its data are read: a line an epoch, history, and checkpoints when they are due."""
    from netspec.runtime import engine
    from netspec.runtime.model import build
    from netspec.runtime.run import progress

    engine.keras()
    from netspec.runtime.run import calls, keeping, loop, training

    steps, epochs = loop.steps(checked, part.rows), int(checked.fit.epochs)
    at_once = calls.steps_at_once(checked, steps, ())
    loop.repeatable(_SEED)
    model = build.build(checked, steps_per_execution=at_once)

    class Clocked(progress.Lines):
        began = ended = 0.0

        def epoch_begins(self, number: int) -> None:
            if number == 1:
                self.began = time.perf_counter()
            super().epoch_begins(number)

        def epoch_ends(self, number: int, seconds: float, logs: Any) -> None:
            super().epoch_ends(number, seconds, logs)
            self.ended = time.perf_counter()

    def train() -> float:
        shown = Clocked(epochs, sys.stderr)
        keeper = keeping.Keeper(folder, "loss", shown, steps=steps, cadence=training.cadence(checked))
        loop.train(model, checked, part, None, seed=_SEED, callbacks=(), keeper=keeper, progress=shown)
        return (shown.ended - shown.began) / (steps * epochs)

    return train


def _feeding(checked: Checked, part: Any, folder: Path) -> Callable[[], float]:
    """The time in which a step waits for its batch, the first one of an epoch included, over the time of the epoch."""
    train = _netspec(checked, part, folder)
    from netspec.runtime.data import slicing
    from netspec.runtime.run import loop

    fed_from, steps, waited = loop.fed_from, loop.steps(checked, part.rows), [0.0]

    def timed(wait: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            return wait()
        finally:
            waited[0] += time.perf_counter() - began

    class Batches:
        """An iterator that Keras asks from Python."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            return timed(lambda: next(self._inner))

    class Clocked(slicing.Wrapping):
        def __iter__(self) -> Any:
            return Batches(timed(lambda: iter(self._inner)))

    loop.fed_from = lambda *of, **how: Clocked(fed_from(*of, **how))

    def share() -> float:
        waited[0] = 0.0
        seconds = train()
        return waited[0] / (steps * seconds)

    return share


def _handwritten(checked: Checked, part: Any, folder: Path) -> Callable[[], float]:
    """The guide's script, with a line an epoch as on the other side; it keeps nothing."""
    import keras

    sys.path.insert(0, str(ROOT / "tests"))
    import handwritten

    model = getattr(handwritten, checked.name)()
    x, y = dict(part.examples.x), dict(part.examples.y)
    if checked.name == "twitter":
        model.compile(
            optimizer="rmsprop",
            loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
            loss_weights={"main_output": 1.0, "aux_output": 0.2},
            metrics={"main_output": ["accuracy"], "aux_output": ["accuracy"]},
        )
    else:
        rate = keras.optimizers.schedules.InverseTimeDecay(0.01, decay_steps=1, decay_rate=1e-6)
        model.compile(
            optimizer=keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
            if checked.name in ("mlp_softmax", "vgg")
            else "rmsprop",
            loss="binary_crossentropy" if checked.name == "tweet_pair" else "categorical_crossentropy",
            metrics=["accuracy"],
        )
        (y,) = y.values()
        x = next(iter(x.values())) if len(x) == 1 else list(x.values())
    size, epochs = checked.fit.batch_size, int(checked.fit.epochs)
    steps = math.ceil(part.rows / size)

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        began = ended = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 0:
                self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.ended = time.perf_counter()

    def train() -> float:
        clock: Any = Clock()
        answers = sys.stdout
        sys.stdout = sys.stderr  # Keras's lines; stdout is for the answers
        try:
            model.fit(x, y, epochs=epochs, batch_size=size, callbacks=[clock], verbose=2)
        finally:
            sys.stdout = answers
        return (clock.ended - clock.began) / (steps * epochs)

    return train


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
