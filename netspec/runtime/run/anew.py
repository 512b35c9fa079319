"""The look at predictions that a run's page shows, made anew for a run that kept none, as with `--no-report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netspec.graph.ir import Checked
from netspec.jsonable import finite
from netspec.runtime.run import inference, origins, runs, splits
from netspec.runtime.run.runs import RunError

_AS_OF = 200.0  # seconds of training, of which the look takes a share


def lacks(run: Path) -> bool:
    """Whether a run is finished, was trained on data, and has no evidence.json."""
    whole = (run / runs.METRICS).is_file() and not (run / runs.EVIDENCE).is_file()
    return whole and not runs.load(run).generated


def evidence(run: Path, checked: Checked) -> dict[str, Any]:
    """What evidence.json would hold, which is not written: who said `--no-report` may want no rows in the folder.

    Raises:
        RunError: the run is damaged, or its data are not what they were.
        DataError: the data do not fit.
        BuildError, TooBig: as `build`.
    """
    record = runs.load(run)
    changed = origins.changed(record)
    if changed:
        what = "has changed since the run was made" if Path(changed[0]).exists() else "is not there any more"
        raise RunError(f"`{changed[0]}` {what}")
    parts = splits.read(checked, record.seed)
    model = inference.model_of(run, checked, best=False)
    from netspec.runtime.run import gathering, scores

    every = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
    counted = {part.name: scores.tallies(part.examples, checked.training) for part in every}
    found: dict[str, Any] = finite(gathering.gathered(model, checked, parts, counted, _AS_OF))
    return found
