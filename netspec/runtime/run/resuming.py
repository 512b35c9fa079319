"""Going on with a run: what of its spec may have changed since, and what must not have. No Keras needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec.diagnostics import counted
from netspec.graph.ir import Checked
from netspec.language.schema import Fit
from netspec.runtime.run import checkpoints, origins, runs
from netspec.runtime.run.checkpoints import Checkpoint
from netspec.runtime.run.differing import MISSING, Difference, differences
from netspec.runtime.run.runs import RunError, RunRecord

# What does not touch the numbers that a run goes on from.
_FREE: tuple[tuple[str, ...], ...] = (("name",), ("vars",), ("budget",), ("fit", "tensorboard"))
_FREE += (("fit", "epochs"), ("fit", "checkpoint"), ("fit", "callbacks"), ("fit", "eager"))  # but for the last digits
_CALLBACKS = ("fit", "callbacks")
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Resumed:
    """A run that training goes on with, and what is said of it. `stood` is its checkpoint, None before the first;
    `others` says how callbacks differ from then on.
    """

    run: Path
    steps_per_execution: int
    dummy: int | None
    environment: Mapping[str, Any]
    stood: Checkpoint | None
    notes: tuple[str, ...]
    others: tuple[str, ...] = ()


def resumed(record: RunRecord, checked: Checked) -> Resumed:
    """What to go on with.

    Args:
        record: the run.
        checked: the spec to go on with: the run's own, or a later one.

    Raises:
        RunError: the spec or the data differ in a way that would make the numbers meaningless, the checkpoint is
            damaged, or the run is finished.
    """
    seed = record.seed if checked.fit.seed is None else checked.fit.seed
    now = runs.escaped(runs.resolved(checked, seed=seed, steps_per_execution=1, dummy=record.dummy)["spec"])
    different = list(differences({"name": record.name, **record.spec}, {"name": checked.name, **now}))
    unsafe = [each for each in different if not _free(each.path) and not _as_left_out(each)]
    if unsafe:
        shown = "; ".join(each.said for each in unsafe[:_MOST_SHOWN])
        more = f"; and {len(unsafe) - _MOST_SHOWN} more" if len(unsafe) > _MOST_SHOWN else ""
        raise RunError(
            f"`{record.path}` cannot go on with another spec: {shown}{more}",
            help="change them back, or train anew; epochs, callbacks and checkpoints may change",
        )
    stood, epochs = checkpoints.read(record.path), checked.fit.epochs
    changed = (*origins.changed(record), *(origins.changed(record, "begun_from") if stood is None else ()))
    if changed:
        raise RunError(
            f"`{changed[0]}` has changed since `{record.path}` was begun, so it cannot go on with it",
            help="give it the file back that it had, or train anew",
        )
    others = tuple(each.said for each in different if each.path[:2] == _CALLBACKS)
    if stood is not None and others:
        stood = replace(stood, callbacks=(), stopped=False)
    if stood is not None and epochs < stood.epoch + (stood.step > 0):
        begun = f" and {counted(stood.step, 'step')} of the next" if stood.step else ""
        said = f"{counted(stood.epoch, 'complete epoch')}{begun}"
        raise RunError(f"`{record.path}` has {said}, which is more than {counted(epochs, 'epoch')}")
    finished = (record.path / runs.METRICS).is_file()
    if stood is not None and finished and (stood.epoch >= epochs or stood.stopped):
        why = "a callback has ended it" if stood.stopped and stood.epoch < epochs else "nothing is left to do"
        longer = f"`--epochs {2 * epochs}`, which is `--set fit.epochs={2 * epochs}`, trains on, for example"
        cure = "change the callback to train on" if stood.stopped else longer
        raise RunError(f"`{record.path}` is finished after epoch {stood.epoch}: {why}", help=cure)
    notes = [each.said for each in different if each.path[:1] != ("vars",)]
    if others:
        notes.append("the callbacks differ, so they begin anew")
    return Resumed(
        record.path,
        record.steps_per_execution,
        record.dummy,
        record.environment,
        stood,
        (*notes, *origins.differences(record), _where(stood)),
        others if stood is not None else (),
    )


def _where(stood: Checkpoint | None) -> str:
    if stood is None:
        return "there is no checkpoint yet, so it begins at its first step, with the same seed"
    if stood.step:
        return f"it goes on after step {stood.step} of epoch {stood.epoch + 1}"
    return f"it goes on after epoch {stood.epoch}"


def _as_left_out(found: Difference) -> bool:
    """Whether a key of `fit` is what it is anyway, and is said in one of the two specs alone."""
    if len(found.path) != 2 or found.path[0] != "fit" or MISSING not in (found.was, found.now):
        return False
    said = found.now if found.was is MISSING else found.was
    field = Fit.model_fields.get(found.path[1])
    return field is not None and type(said) is type(field.default) and said == field.default


def _free(path: tuple[str, ...]) -> bool:
    return any(path[: len(free)] == free for free in _FREE)
