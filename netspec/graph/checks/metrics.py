"""Metrics that count something else than they say: probabilities that are logits, labels of another form, one class.

Only what is wrong whatever the data are. Keras computes a number all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec import catalog
from netspec.catalog import singly
from netspec.catalog.types import Unknown
from netspec.diagnostics import Report
from netspec.graph.checks.endings import Endings, Tail
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import KerasObject, Training
from netspec.graph.training import loss_class, metric_path
from netspec.language.spec import Spec

# Metrics that cut probabilities at a threshold, and the argument that moves it.
_CUTTING = {"BinaryAccuracy": "threshold", "Precision": "thresholds", "Recall": "thresholds"}
_CUTTING |= dict.fromkeys(("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"), "thresholds")
_LOGITS = frozenset(("AUC", "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"))
_ONE_HOT = {"CategoricalAccuracy": "SparseCategoricalAccuracy"}
_ONE_HOT |= {"TopKCategoricalAccuracy": "SparseTopKCategoricalAccuracy"}
_NUMBERS = {sparse: one_hot for one_hot, sparse in _ONE_HOT.items()}
_OVERLAPS = ("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")
_SPARSE_LOSS = "SparseCategoricalCrossentropy"
_CLASSES = frozenset(("BinaryCrossentropy", "BinaryFocalCrossentropy", _SPARSE_LOSS))
_ONE_HOT_LOSSES = frozenset(("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge"))


def check_metrics(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS520, metric by metric."""
    endings = Endings(found)
    typed = found.typed
    for name, metrics in plan.metrics.items():
        tensor = typed.graph.outputs.get(name)
        if tensor is None or not metrics:
            continue
        shape = typed.types[tensor].shape
        last = None if isinstance(shape, Unknown) or not shape else shape[-1]
        units = last if isinstance(last, int) else None
        tail, loss = endings.tail(typed, tensor), plan.losses.get(name)
        logits = isinstance(loss, KerasObject) and loss.own is None and loss.args.get("from_logits") is True
        logits = logits and tail.activation == "linear"
        for at, metric in enumerate(metrics):
            said = _fault(metric, name, tail, units, loss_class(loss), logits) or _masked(
                metric, name, loss, shape, spec
            )
            if said is not None:
                path = metric.path if isinstance(metric, KerasObject) else metric_path(spec.metrics, name, at)
                report.add("NS520", path, said[0], key=isinstance(metric, KerasObject), help=said[1])


def _masked(
    metric: KerasObject | str, output: str, loss: KerasObject | str | None, shape: Any, spec: Spec
) -> tuple[str, str] | None:
    """A metric of whole rows, where labels are masked one by one."""
    target = spec.data.targets.get(output) if spec.data is not None else None
    if target is None or target.missing != "mask" or isinstance(shape, Unknown) or target.one_hot or target.sequence:
        return None
    if target.multi_label or loss_class(loss) not in singly.LOSSES or all(dim == 1 for dim in shape[1:]):
        return None
    word = metric if isinstance(metric, str) else metric.cls
    entry = catalog.find("metric", word)
    if entry is None or entry.name not in singly.METRICS:
        return None
    said = f"`{word}` is of whole rows, but output `{output}` masks labels one by one, so it is of all of them together"
    return said, "take it out, or leave out rows that lack a label: `missing: drop`"


def metric_class(metric: KerasObject | str, units: int | None) -> str | None:
    """The canonical class of a metric; `accuracy` is the one that Keras takes for one unit, else none."""
    word = metric if isinstance(metric, str) else metric.cls
    if word in ("accuracy", "acc", "Accuracy") and isinstance(metric, str):
        return "BinaryAccuracy" if units == 1 else None
    entry = catalog.find("metric", word)
    return None if entry is None else entry.name


def _fault(
    metric: KerasObject | str, output: str, tail: Tail, units: int | None, loss: str | None, logits: bool
) -> tuple[str, str] | None:
    """What is wrong with one metric of an output, and the cure."""
    cls = metric_class(metric, units)
    if cls is None:
        return None
    args = metric.args if isinstance(metric, KerasObject) else {}
    word = f"`{metric}`" if isinstance(metric, str) else f"`{metric.cls}`"
    if cls in _ONE_HOT and loss == _SPARSE_LOSS:
        return f"{word} takes one-hot labels, but the loss takes class numbers", f"use `{_ONE_HOT[cls]}`"
    if cls in _NUMBERS and loss in _ONE_HOT_LOSSES:
        return f"{word} takes class numbers, but the loss takes one-hot labels", f"use `{_NUMBERS[cls]}`"
    if cls == "Accuracy" and tail.activation in ("softmax", "sigmoid", "linear"):
        gives = "numbers of any size" if tail.activation == "linear" else "probabilities"
        meant = "SparseCategoricalAccuracy" if loss == _SPARSE_LOSS else "CategoricalAccuracy"
        meant = "BinaryAccuracy" if units == 1 else meant
        said = f"{word} counts what equals its label exactly, but output `{output}` gives {gives}"
        return said, f"use `{meant}`" if loss in _CLASSES | _ONE_HOT_LOSSES else "take it out"
    k = args.get("k", 5)
    if cls in ("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy") and units is not None and k >= units > 1:
        return f"{word} is always 1: output `{output}` has {units} classes, and `k` is {k}", "a smaller `k`"
    if cls in _OVERLAPS and units is not None and units > 1 and tail.activation in ("softmax", "sigmoid"):
        if args.get("sparse_y_pred", not cls.startswith("OneHot")) is True:
            cure = "add `sparse_y_pred: false`, which takes the class with the largest number"
            return f"{word} takes class numbers, but output `{output}` gives {units} probabilities", cure
        if args.get("axis", -1) == -1 and args["num_classes"] < units:
            said = f"{word} counts {args['num_classes']} classes, but output `{output}` has {units}"
            return said, f"write `num_classes: {units}`"
    if cls == "BinaryAccuracy" and tail.activation == "softmax" and loss in _ONE_HOT_LOSSES | {_SPARSE_LOSS}:
        cure = "use `accuracy`, which takes the class with the largest number"
        return f"{word} looks at each number of a softmax on its own", cure
    return _of_logits(cls, args, word, output, tail, logits)


def _of_logits(
    cls: str, given: Mapping[str, Any], word: str, output: str, tail: Tail, logits: bool
) -> tuple[str, str] | None:
    """A metric of probabilities on an output whose loss says that it gives logits, or the other way round."""
    if logits and cls in _CUTTING and given.get(_CUTTING[cls]) is None and given.get("top_k") is None:
        cure = f"write `{{{cls}: {{{_CUTTING[cls]}: 0.0}}}}`, which is a probability of one half"
        return f"{word} cuts at 0.5, but output `{output}` gives logits, of any size", cure
    if cls not in _LOGITS:
        return None
    from_logits = given.get("from_logits", False)
    if logits and from_logits is False:
        return f"{word} takes probabilities, but output `{output}` gives logits", "add `from_logits: true`"
    if from_logits is True and tail.activation in ("softmax", "sigmoid"):
        said = f"{word} takes logits, but output `{output}` ends in {tail.activation}"
        return said, "leave `from_logits` out"
    return None
