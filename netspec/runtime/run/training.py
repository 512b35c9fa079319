"""`fit`: from a checked spec to a run folder with trained weights, and whatever ends it says what was saved.

The data are read and found sound before the model is built, and the folder is made just before the first step.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.catalog.types import show_bytes
from netspec.errors import NetspecError
from netspec.graph.infer import own_weights
from netspec.graph.ir import Checked, KerasObject
from netspec.runtime import engine
from netspec.runtime.model.build import TooBig, build, callbacks, free_memory
from netspec.runtime.run import origins, runs, scores, splits
from netspec.runtime.run.progress import progress
from netspec.runtime.run.runs import RunError
from netspec.runtime.run.scores import Number, Scores
from netspec.runtime.run.splits import Part, Splits

if TYPE_CHECKING:
    from netspec.runtime.run.keeping import Keeper

# How many numbers an optimizer keeps for each weight that it trains; with momentum one more where it is 0 here.
_SLOTS = {
    "adadelta": 2, "adafactor": 1, "adagrad": 1, "adam": 2, "adamax": 2, "adamw": 2, "ftrl": 2, "lamb": 2, "lion": 1,
    "muon": 2, "nadam": 2, "rmsprop": 1, "schedulefreeadamw": 2, "sgd": 0,
}  # fmt: skip


class TrainingError(NetspecError):
    """Training that cannot begin, or that cannot go on."""

    exit_code = 1

    def __init__(self, code: str, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.code = code


class Interrupted(NetspecError):
    """Training that was stopped with Ctrl-C. `run` is the folder of what was saved, None if there is none."""

    exit_code = 130

    def __init__(self, run: Path | None, message: str) -> None:
        super().__init__(message)
        self.run = run


@dataclass(frozen=True)
class FitResult:
    """A finished run: where it is, how it went, and what it scored.

    `history` holds what Keras logged, epoch by epoch; `scores` are those of the weights that were kept last, by split.
    """

    run: Path
    name: str
    seed: int
    epochs: int
    planned: int
    seconds: float
    best_epoch: int
    monitor: str
    history: tuple[dict[str, Number], ...]
    scores: tuple[Scores, ...]
    notes: tuple[str, ...]
    dummy: int | None

    @property
    def metrics(self) -> dict[str, Any]:
        """By split and output, as in metrics.json."""
        return {score.split: score.as_json() for score in self.scores}


def fit(
    checked: Checked,
    spec_text: bytes,
    *,
    dummy: int | None = None,
    out: Path | None = None,
    force: bool = False,
    quiet: bool = False,
    command: Sequence[str] = (),
) -> FitResult:
    """Train a spec on its data, or on `dummy` generated examples, into a run folder.

    Args:
        checked: an analysed spec without an error.
        spec_text: the spec's file, kept as it is.
        dummy: how many examples to generate instead of reading the spec's data.
        out: the run folder; `runs/<name>/<UTC time>` below the current folder if left out.
        force: write over the run in `out`.
        quiet: show no progress.
        command: what was called, for environment.json.

    Returns:
        The run, its history and its scores.

    Raises:
        DataError: data that do not fit the spec; nothing was built.
        TrainingError: NS511 nothing to train, NS802 a loss that is not finite.
        RunError: `out` is in use, or the run cannot be written, as on a full disk.
        TooBig, BuildError, MissingEngine: as `build`.
        Interrupted: Ctrl-C; its message says what was saved.
    """
    if out is not None:
        runs.check_free(out, force=force)
    if all(loss is None for loss in checked.training.losses.values()):
        message = f"`{checked.name}` has no losses, so there is nothing to train for"
        raise TrainingError("NS511", message, help="say `losses: mse`, for example")
    attempt = _Attempt(checked, command)
    try:
        return attempt.go(spec_text, dummy, out, force, quiet)
    except KeyboardInterrupt:
        with _undisturbed():
            attempt.end(runs.INTERRUPTED)
            raise Interrupted(attempt.run, attempt.saved()) from None
    except BaseException as error:
        with contextlib.suppress(OSError):  # a full disk must not hide what went wrong first
            attempt.end(runs.FAILED)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError) and attempt.run is not None:
            where = f"`{error.filename}`: " if error.filename else ""
            raise RunError(f"{where}{error.strerror or error}; {attempt.kept()}") from error
        if isinstance(error, MemoryError):
            raise TooBig(f"memory does not suffice: {str(error) or 'it is used up'}") from error
        raise
    finally:
        attempt.held.close()


class _Attempt:
    """One call of fit: knows at every moment what has been saved."""

    def __init__(self, checked: Checked, command: Sequence[str]) -> None:
        self._checked, self._command = checked, command
        self._started = datetime.now(UTC)
        self._environment: dict[str, Any] = {}
        self.run: Path | None = None
        self._keeper: Keeper | None = None
        self.held = contextlib.ExitStack()  # what keeps other runs out of the folder

    def go(self, spec_text: bytes, dummy: int | None, out: Path | None, force: bool, quiet: bool) -> FitResult:
        """From data to scores."""
        checked, began = self._checked, time.perf_counter()
        seed = checked.fit.seed if checked.fit.seed is not None else secrets.randbelow(2**31)
        parts = splits.generated(checked, dummy, seed) if dummy is not None else splits.read(checked, seed, quiet=quiet)
        check_memory(checked)
        engine.keras()
        from netspec.runtime.data import batches
        from netspec.runtime.run import by_length, counting, keeping, loop

        steps = loop.steps(checked, parts.train.rows)
        at_once = checked.fit.steps_per_execution or batches.steps_per_execution(
            steps, batches.work(checked.typed, loop.batch_size(checked))
        )
        deterministic = loop.repeatable(seed, jit=checked.fit.jit)
        train = parts.train
        model = build(checked, steps_per_execution=at_once, scored=train.targets, weighted=train.weighted)
        scales = parts.prepared.scales if parts.prepared is not None else {}
        counting.count(model, scales, tuple(checked.typed.graph.outputs), weighted=train.weighted)
        own = callbacks(checked)
        augmentation = loop.augmentation(checked, parts.train, seed)
        self._begin(spec_text, parts, out, force, seed, at_once, dummy, deterministic)
        run = self.run
        assert run is not None
        shown = progress(checked.fit.epochs, steps, quiet=quiet)
        keeper = self._keeper = keeping.Keeper(run, "val_loss" if parts.validation else "loss", shown)
        try:
            loop.train(
                model,
                checked,
                parts.train,
                parts.validation,
                seed=seed,
                callbacks=own,
                keeper=keeper,
                progress=shown,
                augmentation=augmentation,
            )
        except keeping.NotFinite as error:
            raise self._not_finite(error.epoch, error.what) from None
        finally:
            shown.close()
        anew = bool(own) or bool(getattr(model.optimizer, "use_ema", False))
        found = self._scores(model, parts, keeper, anew=anew)
        result = FitResult(
            run,
            checked.name,
            seed,
            len(keeper.history),
            checked.fit.epochs,
            time.perf_counter() - began,
            keeper.best_epoch,
            keeper.monitor,
            tuple(keeper.history),
            found,
            (
                *_notes(parts),
                *by_length.notes(model, checked, parts.train, seed),
                *_left_out(checked, parts.train, loop.batch_size(checked), loop.drops(checked)),
            ),
            dummy,
        )
        self._environment |= {"epochs": result.epochs, "best_epoch": result.best_epoch, "monitor": result.monitor}
        self.end(runs.FINISHED)
        runs.write_json(run / runs.METRICS, result.metrics)
        return result

    def _begin(
        self,
        spec_text: bytes,
        parts: Splits,
        out: Path | None,
        force: bool,
        seed: int,
        at_once: int,
        dummy: int | None,
        deterministic: bool,
    ) -> None:
        """Make the folder, with everything that is known before the first step."""
        checked = self._checked
        self._environment = origins.environment(checked.folder, seed=seed, command=self._command, started=self._started)
        self._environment |= {"steps_per_execution": at_once, "deterministic": deterministic}
        resolved = runs.resolved(checked, seed=seed, steps_per_execution=at_once, dummy=dummy)
        if dummy is None:
            self._environment["data"] = origins.fingerprints(checked)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            self.held.enter_context(runs.held(out))
        run = runs.create(checked.name, self._started, out, force=force)
        if out is None:
            self.held.enter_context(runs.held(run))
        self.run = run
        runs.write_json(run / runs.RESOLVED, resolved)
        runs.write_json(run / runs.ENVIRONMENT, self._environment)
        runs.write(run / runs.SPEC, spec_text)
        if parts.prepared is not None:
            with tempfile.TemporaryDirectory(prefix=".features-", dir=run) as folder:
                made = Path(folder, runs.FEATURES)
                parts.prepared.save(made)
                runs.put(run, runs.FEATURES, made)

    def _scores(self, model: Any, parts: Splits, keeper: Keeper, *, anew: bool) -> tuple[Scores, ...]:
        """Of the training rows what the last epoch logged, of all others what the kept weights score.

        The last epoch's logs say that of the validation rows too, unless a callback has put back earlier weights.
        """
        from netspec.runtime.run import loop

        checked = self._checked
        names = parts.prepared.class_names if parts.prepared is not None else {}
        found = []
        for part in (parts.train, parts.validation, parts.test):
            if part is None:
                continue
            last = keeper.history[-1]
            if part is parts.validation:
                last = {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}
            logged = part is parts.train or (part is parts.validation and not anew)
            logs = last if logged else loop.evaluate(model, checked, part)
            majorities = scores.majorities(part.examples, checked.training, names)
            outputs = tuple(checked.typed.graph.outputs)
            of_part = scores.sorted_out(part.name, part.rows, logs, checked.training, outputs, majorities)
            found.append(of_part.without(part.unscored))
        return tuple(found)

    def _not_finite(self, epoch: int, what: str) -> TrainingError:
        cure = "lower the learning rate, or give the optimizer `clipnorm: 1`; look for extreme values in the data"
        return TrainingError("NS802", f"{what} in epoch {epoch}, so training stopped; {self.kept()}", help=cure)

    def saved(self) -> str:
        """What an interrupted run leaves behind."""
        if self.run is None:
            return "interrupted before training began; nothing was saved"
        return f"interrupted; {self.kept()}"

    def kept(self) -> str:
        """What is left of the run, as a clause."""
        keeper = self._keeper
        if keeper is None or keeper.saved == 0:
            return f"no epoch was complete, so `{self.run}` holds no weights"
        kept = f"`{self.run}` holds {runs.LAST} of epoch {keeper.saved}"
        if keeper.best_epoch:
            kept += f", {runs.BEST} of epoch {keeper.best_epoch}"
        return f"{kept} and {runs.HISTORY}"

    def end(self, state: str) -> None:
        """Note in environment.json how it ended."""
        if self.run is None or not self._environment:
            return
        self._environment |= {"state": state, "finished": origins.iso(datetime.now(UTC))}
        runs.write_json(self.run / runs.ENVIRONMENT, self._environment)


def _notes(parts: Splits) -> tuple[str, ...]:
    found = list(parts.notes)
    for part in (parts.train, parts.validation, parts.test):
        if part is not None:
            found.extend(part.said)
    return tuple(found)


def _left_out(checked: Checked, part: Part, size: int, drops: bool) -> tuple[str, ...]:
    """What else the report says of the rows and outputs that training leaves out."""
    found = []
    if drops and part.rows % size:
        left = part.rows % size
        found.append(f"{part.name}: every epoch leaves out {left} of {part.rows:,} rows, which fill no batch of {size}")
    metrics = checked.training.metrics
    for name in checked.typed.graph.outputs:
        if metrics.get(name) and name not in part.targets:
            found.append(f"output `{name}` has no target, so its metrics are left out; name its column under `targets`")
    if checked.training.augment and part.generated:
        found.append("generated examples are not augmented: a mark that is turned is no mark")
    if checked.fit.jit:
        found.append("`fit.jit` compiles operations that do not repeat bit for bit")
    return tuple(found)


def check_memory(checked: Checked) -> None:
    """Refuse a model whose weights, gradients and optimizer state cannot all be in memory, before it is built.

    Raises:
        TooBig: they take more than is free.
    """
    trained = other = 0
    for own in own_weights(checked.typed.graph, checked.typed.weights).values():
        trained += own.trainable if isinstance(own.trainable, int) else 0
        other += own.non_trainable if isinstance(own.non_trainable, int) else 0
    needed = 4 * (trained * (2 + slots(checked.training.optimizer)) + other)
    free = free_memory()
    if free is not None and needed > free:
        raise TooBig(
            f"training `{checked.name}` takes {show_bytes(needed)} for weights, gradients and the optimizer's state, "
            f"and {show_bytes(free)} of memory is free"
        )


def slots(optimizer: KerasObject | str) -> int:
    """How many numbers the optimizer keeps for each weight.

    >>> slots("adam"), slots("sgd")
    (2, 0)
    """
    name = optimizer if isinstance(optimizer, str) else optimizer.cls
    args = {} if isinstance(optimizer, str) else optimizer.args
    count = _SLOTS.get(name.replace("_", "").lower(), 2)
    for more in ("momentum", "centered", "amsgrad", "use_ema"):
        value = args.get(more)
        count += value is not None and value is not False and value != 0
    return math.ceil(count)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C waits until what was saved has been written down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
