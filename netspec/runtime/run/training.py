"""`fit`: from a checked spec to a run folder with trained weights, and whatever ends it says what was saved.

The data are read and found sound before the model is built, and the folder is made just before the first step.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.graph.training import by_output
from netspec.jsonable import finite
from netspec.runtime import engine
from netspec.runtime.model.build import TooBig, build
from netspec.runtime.run import calls, origins, reporting, runs, splits, timing
from netspec.runtime.run.cadence import SECONDS, Cadence
from netspec.runtime.run.progress import Heard, Progress, progress
from netspec.runtime.run.runs import RunError
from netspec.runtime.run.scores import Number, Scores
from netspec.runtime.run.sizing import check_memory
from netspec.runtime.run.splits import Part, Splits
from netspec.runtime.run.telling import say

if TYPE_CHECKING:
    from netspec.runtime.run.beginning import Begun
    from netspec.runtime.run.keeping import Keeper, NotFinite
    from netspec.runtime.run.resuming import Resumed


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
    resumed: Resumed | None = None,
    heard: Heard | None = None,
    of_run: Callable[[Path], Checked] | None = None,
    report: bool = True,
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
        resumed: a run to go on with, in its own folder; `dummy`, `out` and `force` are then left out.
        heard: is told what happens, in place of any other progress.
        of_run: the spec of a run folder, for a spec that begins with another run's weights.
        report: write report.html, a page on the run, when it ends.

    Returns:
        The run, its history and its scores.

    Raises:
        DataError: data that do not fit the spec; nothing was built.
        TrainingError: NS511 nothing to train, NS802 a loss that is not finite.
        RunError: `out` is in use, or the run cannot be written, as on a full disk.
        TooBig, BuildError, MissingEngine: as `build`.
        Interrupted: Ctrl-C; its message says what was saved.
    """
    if resumed is not None:
        dummy = resumed.dummy
    if out is not None:
        runs.check_free(out, force=force)
    if all(loss is None for loss in checked.training.losses.values()):
        message = f"`{checked.name}` has no losses, so there is nothing to train for"
        raise TrainingError("NS511", message, help="say `losses: mse`, for example")
    attempt = _Attempt(checked, command, resumed, of_run, report)
    try:
        return attempt.go(spec_text, dummy, out, force, quiet, heard)
    except KeyboardInterrupt:
        with _undisturbed():
            attempt.keep()
            attempt.end(runs.INTERRUPTED)
            raise Interrupted(attempt.run, attempt.saved()) from None
    except BaseException as error:
        for last in (attempt.keep, functools.partial(attempt.end, runs.FAILED)):
            with contextlib.suppress(OSError):  # a full disk must not hide what went wrong first
                last()
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

    def __init__(
        self,
        checked: Checked,
        command: Sequence[str],
        resumed: Resumed | None,
        of_run: Callable[[Path], Checked] | None,
        report: bool,
    ) -> None:
        self._checked, self._command, self._resumed, self._of_run = checked, command, resumed, of_run
        self._report = report
        self._begun: tuple[Begun, ...] = ()  # what became of the first weights that another run has
        self._started = datetime.now(UTC)
        self._environment: dict[str, Any] = {}
        self.run: Path | None = None
        self._keeper: Keeper | None = None
        self.held = contextlib.ExitStack()  # what keeps other runs out of the folder

    def go(
        self, spec_text: bytes, dummy: int | None, out: Path | None, force: bool, quiet: bool, heard: Heard | None
    ) -> FitResult:
        """From data to scores."""
        checked, began, resumed = self._checked, time.perf_counter(), self._resumed
        since = None
        if resumed is not None:
            self.held.enter_context(runs.held(resumed.run))
            since = resumed.stood
        seed = checked.fit.seed if checked.fit.seed is not None else secrets.randbelow(2**31)
        parts = splits.generated(checked, dummy, seed) if dummy is not None else splits.read(checked, seed, quiet=quiet)
        mark = parts.train.mark()
        if since is not None and since.data != mark:
            raise RunError(
                "the training rows are not those that the run was begun with, so it cannot go on with them",
                help="give it the data back that it had, or train anew",
            )
        check_memory(checked, parts.train.rows, parts.train.examples)
        engine.keras()
        from netspec.runtime.run import by_length, counting, keeping, loop, overflow, rates, scoring, writers

        steps = loop.steps(checked, parts.train.rows)
        own = writers.callbacks(checked)
        at_once = calls.steps_at_once(checked, steps, own, None if resumed is None else resumed.steps_per_execution)
        if checked.fit.eager and not quiet:
            say(sys.stderr, f"note: {calls.SLOWLY}")
        deterministic = loop.repeatable(seed, jit=checked.fit.jit, asked=checked.fit.deterministic)
        train = parts.train
        model = build(checked, steps_per_execution=at_once, scored=train.targets, weighted=train.weighted)
        counting.by_rows(model)
        counting.count(model, parts.prepared, tuple(checked.typed.graph.outputs), weighted=train.weighted)
        if since is None:
            self._begun = self._from_another(model)
            for each in () if quiet else self._begun:
                say(sys.stderr, f"weights: {each.said}")
        augmentation = loop.augmentation(checked, parts.train, seed)
        if resumed is None:
            self._begin(spec_text, parts, out, force, seed, at_once, dummy, deterministic)
        else:
            self._go_on(resumed, spec_text, parts, seed, dummy)
        run = self.run
        assert run is not None
        writers.settle(own, run, since)
        monitor = "val_loss" if parts.validation else "loss"
        groups = by_output(checked.training, tuple(checked.typed.graph.outputs))
        bare = progress(checked.fit.epochs, steps, monitor, run, quiet=quiet, heard=heard, groups=groups)
        shown: Progress = timing.Timed(bare, run, model.optimizer)
        if checked.fit.tensorboard:
            from netspec.runtime.run.curves import Curves

            shown = Curves(shown, run, model.optimizer, () if since is None else since.history)
        keeper = self._keeper = keeping.Keeper(
            run,
            monitor,
            shown,
            steps=steps,
            cadence=cadence(checked),
            callbacks=own,
            data=mark,
            since=since,
        )
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
                since=since,
            )
        except keeping.NotFinite as error:
            self.keep()
            raise self._not_finite(error) from None
        finally:
            shown.close()
        anew = bool(own) or rates.averages(model.optimizer)
        found, counted = scoring.scored(model, checked, parts, keeper.history[-1], anew=anew)
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
                *(each.said for each in self._begun),
                *_notes(parts),
                *(parts.prepared.rounded() if parts.prepared is not None else ()),
                *overflow.notes(keeper.history),
                *calls.one_by_one(checked, own),
                *by_length.notes(model, checked, parts.train, seed),
                *_left_out(checked, parts.train, loop.batch_size(checked), loop.drops(checked)),
                *((f"`tensorboard --logdir {run / runs.TENSORBOARD}` shows the curves",) * checked.fit.tensorboard),
            ),
            dummy,
        )
        self._environment |= {"epochs": result.epochs, "best_epoch": result.best_epoch, "monitor": result.monitor}
        self.end(runs.FINISHED)
        if self._report:
            reporting.finished(result, model, checked, parts, counted)
        runs.write_json(run / runs.METRICS, finite(result.metrics))
        return result

    def _from_another(self, model: Any) -> tuple[Begun, ...]:
        plan = self._checked.fit.weights
        if plan is None or self._of_run is None:
            return ()
        from netspec.runtime.run import beginning, inference

        run = Path(self._checked.folder, plan.run)
        other = inference.model_of(run, self._of_run(run), best=plan.best)
        return beginning.begin(model, other, plan.was, plan.run)

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
        self._environment |= {"steps_per_execution": at_once, "deterministic": deterministic, **origins.python(checked)}
        if self._begun:
            self._environment |= {"weights": [vars(each) for each in self._begun], **origins.begun_from(checked)}
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
        self._keep_features(run, parts)

    def _go_on(self, resumed: Resumed, spec_text: bytes, parts: Splits, seed: int, dummy: int | None) -> None:
        """The same for a run that is there: what it was begun with stays, and what has changed is noted."""
        from netspec.runtime.run import beginning

        self._begun = beginning.before(resumed.environment)
        run = self.run = resumed.run
        self._environment = dict(resumed.environment)
        if not self._environment:
            self._environment = origins.environment(
                self._checked.folder, seed=seed, command=self._command, started=self._started
            )
        again = origins.again(self._checked, self._command, self._started, resumed.others)
        self._environment |= {"state": runs.RUNNING, "resumed": [*self._environment.get("resumed", ()), again]}
        at_once = resumed.steps_per_execution  # as it was, whatever is done to look for a mistake
        runs.write_json(
            run / runs.RESOLVED, runs.resolved(self._checked, seed=seed, steps_per_execution=at_once, dummy=dummy)
        )
        runs.write_json(run / runs.ENVIRONMENT, self._environment)
        if not (run / runs.SPEC).is_file():
            runs.write(run / runs.SPEC, spec_text)
        if not (run / runs.FEATURES).is_dir():
            self._keep_features(run, parts)

    def _keep_features(self, run: Path, parts: Splits) -> None:
        if parts.prepared is not None:
            with tempfile.TemporaryDirectory(prefix=".features-", dir=run) as folder:
                made = Path(folder, runs.FEATURES)
                parts.prepared.save(made)
                runs.put(run, runs.FEATURES, made)

    def _not_finite(self, error: NotFinite) -> TrainingError:
        cure = error.cure or (
            "lower the learning rate, or give the optimizer `clipnorm: 1`; look for extreme values in the data"
        )
        where = f"{error.where} in epoch {error.epoch}".lstrip()
        return TrainingError("NS802", f"{error.what} {where}, so training stopped; {self.kept()}", help=cure)

    def saved(self) -> str:
        """What an interrupted run leaves behind."""
        if self.run is None:
            return "interrupted before training began; nothing was saved"
        return f"interrupted; {self.kept()}"

    def keep(self) -> None:
        """Write what waits in memory of the epochs that are complete."""
        if self._keeper is not None:
            self._keeper.flush()

    def kept(self) -> str:
        """What is left of the run, as a clause."""
        keeper = self._keeper
        if keeper is None and self._resumed is not None and self._resumed.stood is not None:
            return f"`{self.run}` holds what it held; `netspec fit --resume {self.run}` goes on"
        if keeper is None or keeper.written is None:
            return f"no epoch was complete, so `{self.run}` holds no weights"
        kept = f"`{self.run}` holds "
        if keeper.saved:
            kept += f"{runs.LAST} of epoch {keeper.saved}, "
        if keeper.saved and keeper.best_epoch:
            kept += f"{runs.BEST} of epoch {keeper.best_epoch}, "
        epoch, step = keeper.written
        where = f"after step {step} of epoch {epoch + 1}" if step else f"after epoch {epoch}"
        return f"{kept}{runs.HISTORY} and a checkpoint {where}; `netspec fit --resume {self.run}` goes on"

    def end(self, state: str) -> None:
        """Note in environment.json how it ended."""
        if self.run is None or not self._environment:
            return
        as_before = state != runs.FINISHED and (self.run / runs.METRICS).is_file()  # and nothing has replaced that
        ended = runs.FINISHED if as_before else state
        self._environment |= {"state": ended, "finished": origins.iso(datetime.now(UTC))}
        runs.write_json(self.run / runs.ENVIRONMENT, self._environment)
        if self._report and state != runs.FINISHED and not as_before:
            reporting.ended(self.run, self._checked)


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


def cadence(checked: Checked) -> Cadence:
    """When checkpoints are due, as the spec says it."""
    plan = checked.fit.checkpoint
    if plan is None or (plan.seconds is None and plan.steps is None):
        return Cadence(SECONDS, None)
    return Cadence(plan.seconds, plan.steps)


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
