"""Losses, metrics, the optimizer and callbacks of a spec, by the names of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec import catalog
from netspec.catalog.nearest import near, nearest, rename
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report, printable
from netspec.graph.ir import REST, Graph, Group, KerasObject, Training, TypedGraph
from netspec.graph.names import snake
from netspec.graph.objects import BAD, Objects
from netspec.language.parse import listed
from netspec.language.spec import Spec

_DEFAULT_OPTIMIZER = "rmsprop"  # what Keras's compile takes

_MOST_METRICS = 50_000
_MOST_SHOWN = 6


def training(spec: Spec, typed: TypedGraph, report: Report, *, resolved: bool = True) -> Training:
    """What to train for and how. Mistakes are reported; the result is complete only where there was none.

    `resolved` as in `frozen`.
    """
    objects = Objects(report, use=lambda name, path: None, nest=lambda raw, path: None, auto=snake)
    outputs = declared_outputs(spec, typed.graph)
    before = len(report)
    public = {step: name for name, step in (spec.model.outputs or {}).items()}
    steps = {name: public.get(name) for step in spec.model.steps for name in step.names}
    refused = {name for name, step in (spec.model.outputs or {}).items() if step in spec.model.inputs}
    losses, weights = _losses(spec.losses, outputs, refused, steps, objects, report)
    metrics = _metrics(spec.metrics, outputs, steps, objects, report)
    if sum(map(len, metrics.values())) > _MOST_METRICS:
        report.add(
            "NS104", ("metrics",), f"a spec has at most {_MOST_METRICS:,} metrics over all its outputs", key=True
        )
        metrics = {}
    sound = len(report) == before
    optimizer: Any = _DEFAULT_OPTIMIZER
    if spec.optimizer is not None:
        optimizer = objects.object("optimizer", spec.optimizer, ("optimizer",))
    callbacks = []
    for at, raw in enumerate(spec.fit.callbacks):
        path = ("fit", "callbacks", at)
        made = objects.object("callback", raw, path)
        if made is not BAD:
            callbacks.append(KerasObject("callback", made, {}, path) if isinstance(made, str) else made)
    augment: Mapping[str, Any] = {}
    if spec.data is not None and spec.data.augment:
        from netspec.graph.augmenting import augmentation  # few specs have any

        augment = augmentation(spec.data, typed, objects, report)
    groups: tuple[Group, ...] = ()
    if spec.optimizers:
        from netspec.graph.grouping import grouped  # nor optimizers of their own

        groups = grouped(spec, typed.graph, None if optimizer is BAD else optimizer, objects, report, resolved=resolved)
    optimizer = _DEFAULT_OPTIMIZER if optimizer is BAD else optimizer
    result = Training(losses, weights, metrics, optimizer, tuple(callbacks), augment, groups)
    if spec.fit.weights is not None:
        _check_renamed(spec.fit.weights.was, typed, report)
    if outputs and sound and not spec.meant & {"losses", "metrics"}:
        _check_monitors(spec, result, outputs, report)
    return result


def declared_outputs(spec: Spec, graph: Graph) -> tuple[str, ...]:
    """The names of the model's outputs, those of broken steps included; none where they cannot be known.

    A list of outputs with a misspelt name stands for the step that is meant, as what trains it does.
    """
    if "outputs" in spec.meant:
        return ()
    if spec.model.outputs is not None:
        strange = {name for name, step in spec.model.outputs.items() if name == step and name not in graph.outputs}
        steps = [name for step in spec.model.steps for name in step.names] if strange else []
        strange -= {*steps, *spec.model.inputs, *spec.model.shared}
        meant = {name: near(name, steps) or name for name in strange if "." not in name}
        return tuple(dict.fromkeys(meant.get(name, name) for name in spec.model.outputs))
    if graph.outputs or not spec.model.steps or spec.model.steps[-1].repeat is not None:
        return tuple(graph.outputs)
    return spec.model.steps[-1].names[:1]


def loss_class(loss: KerasObject | str | None) -> str | None:
    """The canonical class of a loss, whichever way it was written, `module:name` of a user's own; None for no loss."""
    if loss is None:
        return None
    if isinstance(loss, KerasObject) and loss.own is not None:
        return loss.cls
    entry = catalog.find("loss", loss if isinstance(loss, str) else loss.cls)
    return entry.name if entry else None


def logged(training: Training, outputs: tuple[str, ...]) -> list[str]:
    """The names that one epoch of training logs, those of validation not included, as Keras makes them."""
    names = ["loss"]
    several = len(outputs) > 1
    trained = [name for name in outputs if training.losses.get(name) is not None]
    if len(trained) > 1:  # a single one is the loss itself
        names += [f"{name}_loss" for name in trained]
    for output in outputs:
        for metric in training.metrics.get(output, ()):
            names.append(f"{output}_{metric_name(metric)}" if several else metric_name(metric))
    return names


def by_output(training: Training, outputs: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """What is logged of each output, in order: Keras's name for it to the output and the rest of the name.

    Empty for a model of one output, whose names have no more to them.
    """
    found: dict[str, tuple[str, str]] = {}
    for output in outputs if len(outputs) > 1 else ():
        for what in ("loss", *map(metric_name, training.metrics.get(output, ()))):
            found[f"{output}_{what}"] = output, what
    return found


def rate_names(training: Training) -> list[str]:
    """What Keras calls the optimizers where there are several, that of all other layers last."""
    return [*(group.name for group in training.groups), REST]


def metric_name(metric: KerasObject | str) -> str:
    """The name that a metric is logged under."""
    if isinstance(metric, str):
        return metric
    if metric.args.get("name") is not None:
        return str(metric.args["name"])
    if metric.own is not None:
        return snake(metric.own.stem) if metric.own.stem[:1].isupper() else metric.own.stem
    entry = catalog.find("metric", metric.cls)
    param = entry.param("name") if entry else None
    return str(param.default) if param is not None and param.default else snake(metric.cls)


# losses


def _losses(
    raw: Any,
    outputs: tuple[str, ...],
    refused: set[str],
    steps: Mapping[str, str | None],
    objects: Objects,
    report: Report,
) -> tuple[dict[str, Any], dict[str, float]]:
    """The losses and their weights by output; of what was `refused` as an output none is missed."""
    path: Path = ("losses",)
    if raw is None:
        return dict.fromkeys(outputs), {}
    if isinstance(raw, dict) and _by_output(raw, outputs):
        losses: dict[str, Any] = dict.fromkeys(outputs)
        weights: dict[str, float] = {}
        strange = [name for name in raw if name not in losses] if outputs else []
        left = [name for name in outputs if name not in raw and name not in refused]
        for name in strange:
            _not_an_output(name, outputs, steps, (*path, name), report, left)
        for name, value in raw.items():
            loss, weight = _loss(value, (*path, name), objects, report)
            if name in losses:
                losses[name] = loss
                if weight is not None:
                    weights[name] = weight
        if not strange:
            for name in left:
                cure = f"give it one, as in `losses: {{{name}: mse}}`, or `null` to say that it has none"
                report.add("NS502", path, f"output `{name}` has no loss, so nothing trains it", key=True, help=cure)
        return losses, weights
    loss, weight = _loss(raw, path, objects, report)
    return dict.fromkeys(outputs, loss), {} if weight is None else dict.fromkeys(outputs, weight)


def _by_output(raw: Mapping[str, Any], outputs: tuple[str, ...]) -> bool:
    """Whether a mapping is output by output: keys that are outputs win, then names of losses."""
    if any(name in outputs for name in raw) or not raw:
        return True
    if raw.keys() & {"loss", "weight", "python"}:
        return False
    (first, *more) = raw
    return bool(more) or (catalog.find("loss", first) is None and not first[:1].isupper())


def _not_an_output(
    name: str,
    outputs: tuple[str, ...],
    steps: Mapping[str, str | None],
    path: Path,
    report: Report,
    left: list[str] | None = None,
) -> None:
    """A name that is no output; `left` are the outputs that have no loss.

    `steps` holds the steps' names, with the public name that `outputs` gives to one.
    """
    close = None if name in steps else near(name, left or outputs)
    are = "the output is" if len(outputs) == 1 else "the outputs are"
    message = f"`{name}` is not an output; {are} {listed(outputs)}"
    if left:
        message += f"; and output{'s' * (len(left) > 1)} {listed(left)} {'have' if len(left) > 1 else 'has'} no loss"
    cure = f"did you mean `{close}`?" if close else None
    if cure is None and len(outputs) == 1:
        cure = f"write `{outputs[0]}`"
    fix = rename(name, left or outputs) if close else None
    public = steps.get(name)
    if public in outputs:
        cure, fix = f"write `{public}`, which is the name that `outputs` gives to `{name}`", (name, public)
    elif name in steps:
        cure = f"list `{name}` under `outputs` if it is to be one"
    report.add("NS501", path, message, key=True, help=cure, fix=fix)


def _loss(raw: Any, path: Path, objects: Objects, report: Report) -> tuple[Any, float | None]:
    """A loss, and the weight beside it."""
    weight = None
    if raw is None:
        return None, None
    if isinstance(raw, dict) and raw.keys() & {"loss", "weight"} and "python" not in raw:
        for key in raw:
            if key not in ("loss", "weight"):
                keys = [each for each in ("loss", "weight") if each not in raw]
                close = nearest(key, keys)
                cure = f"did you mean `{close}`?" if close else "it takes `loss` and `weight`"
                said = f"a loss has no key `{key}`"
                report.add("NS201", (*path, key), said, key=True, help=cure, fix=rename(key, keys))
        weight = raw.get("weight")
        if weight is not None and (
            isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf")
        ):
            said = f"`weight`: expected a number from 0, got `{describe(weight)}`"
            report.add("NS206", (*path, "weight"), said, help="leave it out for 1")
            weight = None
        if raw.get("loss") is None:
            report.add("NS203", path, "`weight` needs `loss` beside it", key=True, help="for example `loss: mse`")
            return None, None
        raw, path = raw["loss"], (*path, "loss")
    made = objects.object("loss", raw, path)
    return (None if made is BAD else made), weight


def loss_path(raw: Any, output: str) -> Path:
    """Where the loss of an output stands, for a message."""
    path: Path = ("losses",)
    if isinstance(raw, dict) and output in raw:
        path, raw = (*path, output), raw[output]
    if isinstance(raw, dict) and "loss" in raw:
        path = (*path, "loss")
    return path


# metrics


def metric_path(raw: Any, output: str, at: int) -> Path:
    """Where metric number `at` of an output stands, for a message."""
    path: Path = ("metrics",)
    if isinstance(raw, dict) and output in raw:
        path, raw = (*path, output), raw[output]
    return (*path, at) if isinstance(raw, list) else path


def _metrics(
    raw: Any, outputs: tuple[str, ...], steps: Mapping[str, str | None], objects: Objects, report: Report
) -> dict[str, tuple[KerasObject | str, ...]]:
    path: Path = ("metrics",)
    if raw is None:
        return {}
    if isinstance(raw, dict) and not (
        (("python" in raw) or (len(raw) == 1 and catalog.find("metric", next(iter(raw)))))
        and not raw.keys() & set(outputs)
    ):
        found = {}
        for name, value in raw.items():
            if name not in outputs and outputs:
                _not_an_output(name, outputs, steps, (*path, name), report)
            found[name] = _metric_list(value, (*path, name), objects, report)
        return found
    each = _metric_list(raw, path, objects, report)
    return dict.fromkeys(outputs, each)


def _metric_list(raw: Any, path: Path, objects: Objects, report: Report) -> tuple[KerasObject | str, ...]:
    values = raw if isinstance(raw, list) else [raw]
    places: list[Path] = [(*path, at) for at in range(len(values))] if isinstance(raw, list) else [path]
    made = [(objects.object("metric", value, at), at) for value, at in zip(values, places, strict=True)]
    found: dict[str, KerasObject | str] = {}
    for metric, at in made:
        if metric is BAD:
            continue
        name = metric_name(metric)
        if name == "loss" or name.startswith("val_"):
            what = "the loss" if name == "loss" else "validation"
            where = at if isinstance(metric, str) else (*metric.path, "name")
            if not isinstance(metric, str) and metric.own is not None:
                where = (*metric.own.path, "with", "name") if "name" in metric.args else metric.path
            cure = f"`{name.removeprefix('val_')}` is logged without being listed" if isinstance(metric, str) else None
            cure = "take it out: " + cure if cure else "choose another `name`"
            report.add("NS209", where, f"`{name}` cannot be a metric's name: {what} is logged under it", help=cure)
        if name in found:
            report.add("NS303", at, f"metric `{name}` is listed twice", help=_told_apart(metric))
        found[name] = metric
    return tuple(found.values())


def _told_apart(metric: KerasObject | str) -> str:
    if isinstance(metric, str) or metric.own is None:
        return "a `name` tells two of a class apart"
    return "`name` under `with` is what it is logged as: `with: {name: …}`"


# checks against the model


def _check_renamed(was: Mapping[str, str], typed: TypedGraph, report: Report) -> None:
    """Every name on the left is one of a step or of a shared layer, in a nested model too, there as `model/step`."""
    names = _step_names(typed)
    for name in was:
        if len(found := names.get(name, set())) == 1 or name in found:
            continue
        path, shown = ("fit", "weights", "was", name), printable(name[:80])
        if name in names:
            said = ", ".join(f"`{each}`" for each in sorted(names[name])[:_MOST_SHOWN])
            report.add("NS301", path, f"several steps are named `{shown}`", key=True, help=f"say which: {said}")
            continue
        close = None if report.full else near(name, sorted(names))
        cure = "name steps of this spec on the left, those of the run on the right"
        report.add(
            "NS301", path, f"there is no step `{shown}`", key=True, help=f"did you mean `{close}`?" if close else cure
        )


def _step_names(typed: TypedGraph) -> dict[str, set[str]]:
    """What a step or a model may be called, alone and as `model/step`, and the paths of those that it may be."""
    found: dict[str, set[str]] = {}
    stack: list[tuple[Graph, str]] = [(typed.graph, "")]
    seen: set[int] = set()
    while stack:
        graph, within = stack.pop()
        for call in graph.calls:
            path = within + call.layer.name
            for name in (call.layer.name, path):
                found.setdefault(name, set()).add(path)
            if isinstance(call.layer, Graph) and id(call.layer) not in seen:
                seen.add(id(call.layer))
                stack.append((call.layer, f"{path}/"))
    return found


def _check_monitors(spec: Spec, training: Training, outputs: tuple[str, ...], report: Report) -> None:
    """A callback that watches something which is never logged does nothing, and Keras hardly says so."""
    if not training.callbacks:
        return
    names = logged(training, outputs)
    validated = spec.data is None or spec.data.validation is not None
    rates = [f"learning_rate_{name}" for name in rate_names(training)] if training.groups else ["learning_rate"]
    known = [*names, *(f"val_{name}" for name in names), *rates]
    is_known = frozenset(known)
    usable = known if validated else [*names, *rates]
    for callback in training.callbacks:
        entry = catalog.find("callback", callback.cls)
        param = entry.param("monitor") if entry else None
        if param is None or (callback.cls == "ModelCheckpoint" and not callback.args.keys() & _WATCHING):
            continue
        monitor = callback.args.get("monitor", param.default)
        path = (*callback.path, "monitor") if "monitor" in callback.args else callback.path
        if monitor not in is_known:
            word = str(monitor)
            asked = word if validated else word.removeprefix("val_")
            close = near(asked, usable)
            if close is None and asked and not report.full:
                close = next((name for name in usable if name.startswith(asked)), None)
            cure = f"did you mean `{close}`?" if close else f"`{usable[0]}` is always logged"
            said = f"`{printable(word[:80])}` is not logged; what is logged: {listed(usable)}"
            report.add("NS509", path, said, help=cure, fix=rename(asked, usable) if close and asked == word else None)
        elif str(monitor).startswith("val_") and not validated:
            cure = "add `validation: 0.1` under `data`, or monitor `" + str(monitor).removeprefix("val_") + "`"
            report.add("NS509", path, f"`{monitor}` is logged only with validation data", help=cure)
        elif entry and entry.param("mode") and _unsaid(callback, str(monitor).removeprefix("val_"), training, outputs):
            cure = "add `mode: max` where more is better, `mode: min` where less is"
            cure = "add `mode: min`" if str(monitor).endswith("loss") else cure
            said = f"`{callback.cls}` needs `mode` for `{monitor}`: Keras does not see whether more of it is better"
            report.add("NS207", path, said, help=cure)


_WATCHING = {"monitor", "save_best_only"}
_NO_DIRECTION = (
    *("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Mean", "Sum", "MeanMetricWrapper"),
)


def _unsaid(callback: KerasObject, watched: str, training: Training, outputs: tuple[str, ...]) -> bool:
    """Whether Keras cannot tell by itself if more of what a callback watches is better, and raises in fit.

    It compares with the metrics' own names, which lack the output's name that they are logged under.
    """
    if callback.args.get("mode", "auto") != "auto" or watched == "loss":
        return False
    found = {metric_name(metric): metric for metric in training.metrics.get(outputs[0], ())}
    if len(outputs) > 1 or watched not in found:
        return True
    metric = found[watched]
    if isinstance(metric, KerasObject) and metric.own is not None:
        return not metric.own.stem[:1].isupper()  # of a function Keras knows nothing, a class may have told it
    entry = catalog.find("metric", metric if isinstance(metric, str) else metric.cls)
    return entry is not None and entry.name in _NO_DIRECTION
