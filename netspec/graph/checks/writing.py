"""Callbacks that write files: what stands in their names, that no two write one file, what a file can hold."""

from __future__ import annotations

import re

from netspec.catalog.file_names import fields
from netspec.catalog.nearest import near
from netspec.diagnostics import Path, Report, printable
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import KerasObject, Training
from netspec.graph.own import within
from netspec.graph.training import logged
from netspec.language.parse import listed
from netspec.language.spec import Spec

_NAMES = {"CSVLogger": "filename", "ModelCheckpoint": "filepath"}


def check_writing(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS206 for the names of files that Keras cannot fill in, for one file of two callbacks, for a model in no file."""
    written: dict[str, Path] = {}
    slowed = False  # from here on the learning rate is logged
    for callback in plan.callbacks:
        slowed = slowed or callback.cls == "ReduceLROnPlateau"
        argument = _NAMES.get(callback.cls)
        if argument is None:
            continue
        name, path = str(callback.args[argument]), (*callback.path, argument)
        if name in written:
            said = f"`{argument}`: `{printable(name[:80])}` is written by another callback too"
            report.add("NS206", path, said, spans=[(written[name], "the other one")], help="give it another name")
        written.setdefault(name, path)
        if callback.cls == "ModelCheckpoint":
            _fields(spec, found, plan, callback, path, report, slowed=slowed)
            _whole(found, plan, callback, path, report)


def _fields(
    spec: Spec, found: Survey, plan: Training, callback: KerasObject, path: Path, report: Report, *, slowed: bool
) -> None:
    """Keras raises in the middle of training for a field without a number, and for a format of other numbers."""
    numbers = logged(plan, tuple(found.typed.graph.outputs))
    known = {"epoch": 1}
    if callback.args.get("save_freq", "epoch") != "epoch":
        known["batch"] = 1
    else:
        validated = spec.data is None or spec.data.validation is not None
        numbers += [f"val_{name}" for name in numbers] if validated else []
        numbers += ["learning_rate"] if slowed and not plan.groups else []
    for field, form in fields(str(callback.args["filepath"])):
        if field not in known and (field not in numbers or re.search(r"[.\[]", field)):
            close = near(field, [*known, *numbers])
            cure = f"did you mean `{{{close}}}`?" if close else "such as `{epoch:02d}`"
            said = f"`filepath`: there is no `{{{printable(field[:40])}}}` to put in; there are "
            report.add("NS206", path, said + listed([*known, *numbers]), help=cure)
            return
        try:
            format(known.get(field, 0.5), form)
        except ValueError:
            said = f"`filepath`: `{{{field}:{form}}}` is no format for {'a whole' if field in known else 'this'} number"
            report.add("NS206", path, said, help=f"write `{{{field}:{'02d' if field in known else '.2f'}}}`")
            return


def _whole(found: Survey, plan: Training, callback: KerasObject, path: Path, report: Report) -> None:
    """What a file of a whole model cannot hold so that Keras alone reads it back."""
    if callback.args.get("save_weights_only") is True:
        return
    parts = [found.typed.graph, *plan.losses.values(), plan.optimizer]
    parts += [metric for metrics in plan.metrics.values() for metric in metrics]
    why = "whose layers have several optimizers" if plan.groups else ""
    mine = next((own for part in parts for own in within(part)), None)
    if mine is not None:
        why = f"with Python of your own, `{mine.name}`"
    if why:
        said = f"`filepath`: Keras alone could not read back a whole model {why}"
        stem = str(callback.args["filepath"]).removesuffix(".keras")[:80]
        cure = f"write `{stem}.weights.h5` and `save_weights_only: true`; `netspec build` saves the model"
        report.add("NS206", path, said, help=cure)
