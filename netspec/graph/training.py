"""Losses, metrics, the optimizer and callbacks of a spec, by output name, held against the model's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec import catalog
from netspec.catalog.values import describe
from netspec.catalog.nearest import nearest
from netspec.catalog.types import Unknown, show
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, KerasObject, LayerDef, Tensor, Training, TypedGraph
from netspec.graph.names import snake
from netspec.graph.objects import BAD, Objects
from netspec.language.parse import listed
from netspec.language.spec import Spec

_DEFAULT_OPTIMIZER = "rmsprop"  # what Keras's compile takes
_CROSSENTROPIES = {
    "BinaryCrossentropy": "sigmoid",
    "CategoricalCrossentropy": "softmax",
    "SparseCategoricalCrossentropy": "softmax",
}


def training(spec: Spec, typed: TypedGraph, report: Report) -> Training:
    """What to train for and how. Mistakes are reported; the result is complete only where there was none."""
    objects = Objects(report, use=lambda name, path: None, nest=lambda raw, path: None, auto=snake)
    outputs = tuple(typed.graph.outputs)
    losses, weights = _losses(spec.losses, outputs, objects, report)
    metrics = _metrics(spec.metrics, outputs, objects, report)
    optimizer: Any = _DEFAULT_OPTIMIZER
    if spec.optimizer is not None:
        optimizer = objects.object("optimizer", spec.optimizer, ("optimizer",))
    callbacks = []
    for at, raw in enumerate(spec.fit.callbacks):
        path = ("fit", "callbacks", at)
        made = objects.object("callback", raw, path)
        if made is not BAD:
            callbacks.append(KerasObject("callback", made, {}, path) if isinstance(made, str) else made)
    result = Training(losses, weights, metrics, _DEFAULT_OPTIMIZER if optimizer is BAD else optimizer, tuple(callbacks))
    if outputs:
        _check_monitors(spec, result, outputs, report)
        for name in outputs:
            loss = losses.get(name)
            if loss is not None:
                _check_loss(name, loss, typed, _loss_path(spec.losses, name), report)
    return result


def loss_class(loss: KerasObject | str | None) -> str | None:
    """The canonical class of a loss, whichever way it was written; None for no loss."""
    if loss is None:
        return None
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


def metric_name(metric: KerasObject | str) -> str:
    """The name that a metric is logged under."""
    if isinstance(metric, str):
        return metric
    if metric.args.get("name") is not None:
        return str(metric.args["name"])
    entry = catalog.find("metric", metric.cls)
    param = entry.param("name") if entry else None
    return str(param.default) if param is not None and param.default else snake(metric.cls)


# losses


def _losses(
    raw: Any, outputs: tuple[str, ...], objects: Objects, report: Report
) -> tuple[dict[str, Any], dict[str, float]]:
    path: Path = ("losses",)
    if raw is None:
        return dict.fromkeys(outputs), {}
    if isinstance(raw, dict) and _by_output(raw, outputs):
        losses: dict[str, Any] = dict.fromkeys(outputs)
        weights: dict[str, float] = {}
        for name, value in raw.items():
            if name not in outputs:
                _not_an_output(name, outputs, (*path, name), report)
                continue
            losses[name], weight = _loss(value, (*path, name), objects, report)
            if weight is not None:
                weights[name] = weight
        for name in outputs:
            if name not in raw:
                cure = f"give it one: losses: {{{name}: mse}}, or null to say that it has none"
                report.add("NS502", path, f"output `{name}` has no loss, so nothing trains it", key=True, help=cure)
        return losses, weights
    loss, weight = _loss(raw, path, objects, report)
    return dict.fromkeys(outputs, loss), {} if weight is None else dict.fromkeys(outputs, weight)


def _by_output(raw: Mapping[str, Any], outputs: tuple[str, ...]) -> bool:
    """Whether a mapping is output by output: keys that are outputs win, then names of losses."""
    if any(name in outputs for name in raw) or not raw:
        return True
    if raw.keys() & {"loss", "weight"}:
        return False
    (first, *more) = raw
    return bool(more) or (catalog.find("loss", first) is None and not first[:1].isupper())


def _not_an_output(name: str, outputs: tuple[str, ...], path: Path, report: Report) -> None:
    close = nearest(name, outputs)
    are = "the output is" if len(outputs) == 1 else "the outputs are"
    cure = f"did you mean `{close}`?" if close else None
    report.add("NS501", path, f"`{name}` is not an output; {are} {listed(outputs)}", key=True, help=cure)


def _loss(raw: Any, path: Path, objects: Objects, report: Report) -> tuple[Any, float | None]:
    """A loss, and the weight beside it."""
    weight = None
    if raw is None:
        return None, None
    if isinstance(raw, dict) and raw.keys() & {"loss", "weight"}:
        for key in raw:
            if key not in ("loss", "weight"):
                report.add("NS201", (*path, key), f"a loss has no key `{key}`", key=True, help="it takes `loss` and `weight`")
        weight = raw.get("weight")
        if weight is not None and (isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf")):
            report.add("NS206", (*path, "weight"), f"`weight`: expected a number from 0, got `{describe(weight)}`")
            weight = None
        if raw.get("loss") is None:
            report.add("NS203", path, "`weight` needs `loss` beside it", key=True)
            return None, None
        raw, path = raw["loss"], (*path, "loss")
    made = objects.object("loss", raw, path)
    return (None if made is BAD else made), weight


def _loss_path(raw: Any, output: str) -> Path:
    """Where the loss of an output stands, for a message."""
    path: Path = ("losses",)
    if isinstance(raw, dict) and output in raw:
        path, raw = (*path, output), raw[output]
    if isinstance(raw, dict) and "loss" in raw:
        path = (*path, "loss")
    return path


# metrics


def _metrics(
    raw: Any, outputs: tuple[str, ...], objects: Objects, report: Report
) -> dict[str, tuple[KerasObject | str, ...]]:
    path: Path = ("metrics",)
    if raw is None:
        return {}
    if isinstance(raw, dict) and not (len(raw) == 1 and catalog.find("metric", next(iter(raw))) and not raw.keys() & set(outputs)):
        found = {}
        for name, value in raw.items():
            if name not in outputs:
                _not_an_output(name, outputs, (*path, name), report)
            else:
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
        if name in found:
            report.add("NS303", at, f"metric `{name}` is listed twice", help="a `name` tells two of a class apart")
        found[name] = metric
    return tuple(found.values())


# checks against the model


def _check_monitors(spec: Spec, training: Training, outputs: tuple[str, ...], report: Report) -> None:
    """A callback that watches something which is never logged does nothing, and Keras hardly says so."""
    names = logged(training, outputs)
    validated = spec.data is None or spec.data.validation is not None
    known = [*names, *(f"val_{name}" for name in names), "learning_rate"]
    for callback in training.callbacks:
        entry = catalog.find("callback", callback.cls)
        param = entry.param("monitor") if entry else None
        if param is None:
            continue
        monitor = callback.args.get("monitor", param.default)
        path = (*callback.path, "monitor") if "monitor" in callback.args else callback.path
        if monitor not in known:
            close = nearest(str(monitor), known)
            cure = f"did you mean `{close}`?" if close else None
            report.add("NS509", path, f"`{describe(monitor)}` is not logged; it logs {listed(known)}", help=cure)
        elif str(monitor).startswith("val_") and not validated:
            cure = "add `validation: 0.1` under `data`, or monitor `" + str(monitor).removeprefix("val_") + "`"
            report.add("NS509", path, f"`{monitor}` is logged only with validation data", help=cure)


def _check_loss(name: str, loss: KerasObject | str, typed: TypedGraph, path: Path, report: Report) -> None:
    """What Keras trains without a word: the wrong activation for a crossentropy, or one applied twice."""
    cls = loss_class(loss)
    found = _activation(typed.graph, typed.graph.outputs[name])
    if found is None or cls is None:
        return
    activation, where = found
    shape = typed.types[typed.graph.outputs[name]].shape
    units = shape[-1] if not isinstance(shape, Unknown) and shape else None
    if activation == "softmax" and units == 1:
        report.add(
            "NS505",
            where,
            f"softmax over 1 unit is always 1.0, so output `{name}` says nothing",
            help="use `activation: sigmoid` with binary_crossentropy",
        )
        return
    if cls not in _CROSSENTROPIES:
        return
    logits = loss.args.get("from_logits") is True if isinstance(loss, KerasObject) else False
    spans = [(where, f"output `{name}`, {show(shape)}")]
    if logits and activation in ("softmax", "sigmoid"):
        message = f"`from_logits: true`, but output `{name}` ends in {activation}, which is then applied twice"
        report.add("NS506", path, message, spans=spans, help="leave `from_logits` out, or the activation")
    elif not logits and activation == "linear":
        wanted = _CROSSENTROPIES[cls]
        message = f"output `{name}` has no activation, but its loss takes probabilities"
        report.add("NS506", path, message, spans=spans, help=f"`activation: {wanted}`, or `from_logits: true` in the loss")
    elif not logits and activation == "softmax" and cls == "BinaryCrossentropy":
        report.add(
            "NS504",
            path,
            f"output `{name}` is a softmax over {units if units else 'several'} classes, which binary_crossentropy does not fit",
            spans=spans,
            help="one-hot labels: categorical_crossentropy; class numbers: sparse_categorical_crossentropy; "
            "not exclusive: sigmoid",
        )
    elif not logits and activation == "sigmoid" and cls in ("CategoricalCrossentropy", "SparseCategoricalCrossentropy"):
        cure = "binary_crossentropy for yes or no (or several at once); softmax for one class of many"
        report.add("NS504", path, f"output `{name}` ends in sigmoid, which {snake(cls)} does not fit", spans=spans, help=cure)


def _activation(graph: Graph, tensor: Tensor) -> tuple[str, Path] | None:
    """The activation that an output ends in, and where it stands; None where that is not plain to see."""
    calls: dict[str, Call] = {call.name: call for call in graph.calls}
    while (call := calls.get(tensor.call)) is not None:
        layer = call.layer
        if isinstance(layer, Graph):
            inner = list(layer.outputs.values())
            graph, calls, tensor = layer, {c.name: c for c in layer.calls}, inner[tensor.index]
            continue
        while isinstance(layer, LayerDef) and layer.cls == "TimeDistributed":
            wrapped: Any = layer.args.get("layer")
            if isinstance(wrapped, Graph):
                return _activation(wrapped, next(iter(wrapped.outputs.values())))
            layer = wrapped
        if layer.cls in ("Reshape", "Flatten", "Dropout", "Identity"):
            tensor = call.tensors()[0]
            continue
        if layer.cls == "Softmax":
            return ("softmax", layer.path) if "axis" not in layer.args else None
        if layer.cls in ("Activation", "Dense"):
            value = layer.args.get("activation", "linear") or "linear"
            path = (*layer.path, "activation") if "activation" in layer.args else layer.path
            return (value, path) if isinstance(value, str) else None
        return None
    return None
