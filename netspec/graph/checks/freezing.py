"""BatchNormalization that is frozen or trained against its surroundings, as seldom meant as it is easily written.

Frozen, it computes with its moving statistics (Keras: BatchNormalization's note on `trainable`), and a spec's
weights start fresh: the mean 0 and the variance 1, which is no normalization. Source: Keras's guide to fine-tuning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag

from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.checks.survey import Survey, called, place, worker, wrapped
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph

_STATISTICS = ("moving_mean_initializer", "moving_variance_initializer")


class _Near(Flag):
    """What the nearest layers with weights are, in one direction."""

    NONE = 0
    TRAINED = 1
    FROZEN = 2
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class _Normalizer:
    call: Call
    above: _Near
    below: _Near
    source: Call | None  # a trained call that stands above


def check_freezing(found: Survey, report: Report) -> None:
    """NS515, for each call of a BatchNormalization."""
    for typed in found.graphs:
        for each in _normalizers(found, typed):
            _check(found, each, report)


def _check(found: Survey, each: _Normalizer, report: Report) -> None:
    layer = worker(each.call)
    parts = wrapped(each.call.layer)
    frozen = any(part.args.get("trainable") is False for part in parts)
    by_name = any(isinstance(part, LayerDef) and part.frozen for part in parts)
    training = each.call.arguments.get("training")
    path, key = place(each.call)
    message = cure = None
    if frozen and training is True:
        path, key = (*each.call.path, "call", "training"), False
        message = "`training: true` does nothing to a frozen `BatchNormalization`, which keeps to its statistics"
        cure = "leave out `trainable: false`, or `training: true`"
        cure = "take it out of `freeze`, or leave out `training: true`" if by_name else cure
    elif not frozen and training is False:
        path, key = (*each.call.path, "call", "training"), False
        message = "`training: false` keeps `BatchNormalization` from ever learning its moving statistics"
        cure = "leave it out; Keras tells training and prediction apart by itself"
    elif frozen and each.above == _Near.TRAINED and each.source is not None:
        if any(name in layer.args for name in _STATISTICS):
            return
        above = called(each.source, report)
        message = f"frozen `BatchNormalization` after {above}, which is trained: with the mean 0 and the variance 1 "
        message += "that it starts with, it normalizes nothing"
        cure = "take it out of `freeze`" if by_name else "leave out its `trainable: false`"
        cure += ", or freeze what stands above as well"
    elif not frozen and found.trained(each.call.layer) and each.above == each.below == _Near.FROZEN:
        message = "`BatchNormalization` is trained between frozen layers, so what those compute with keeps changing"
        cure = "freeze it as well: `trainable: false`"
    if message is not None:
        spans: list[tuple[Path, str, bool]] = []
        if frozen and each.source is not None and not training:
            where, of_key = place(each.source)
            spans.append((where, "trained", of_key))
        report.add("NS515", path, message, key=key, spans=spans, help=cure)


def _normalizers(found: Survey, typed: TypedGraph) -> list[_Normalizer]:
    calls = typed.graph.live_calls()
    made = [call for call in calls if isinstance(layer := worker(call), LayerDef) and _is_norm(layer)]
    if not made:
        return []
    above: dict[Tensor, tuple[_Near, Call | None]] = {}
    around: dict[str, tuple[_Near, Call | None]] = {}
    for call in calls:
        before: tuple[_Near, Call | None] = (_Near.NONE, None)
        for tensor in call.tensors():
            near, source = above.get(tensor, (_Near.NONE, None))
            before = (before[0] | near, before[1] or source)
        around[call.name] = before
        own = _near(found, call)
        after = before if own is _Near.NONE else (own, call if own is _Near.TRAINED else None)
        above.update({Tensor(call.name, index): after for index in range(len(call.outputs))})
    below: dict[str, _Near] = {}
    if typed.graph is not found.typed.graph:
        below = dict.fromkeys((tensor.call for tensor in typed.graph.outputs.values()), _Near.UNKNOWN)
    after_it: dict[str, _Near] = {}
    for call in reversed(calls):
        after_it[call.name] = below.get(call.name, _Near.NONE)
        own = _near(found, call)
        seen = after_it[call.name] if own is _Near.NONE else own
        for tensor in call.tensors():
            below[tensor.call] = below.get(tensor.call, _Near.NONE) | seen
    return [_Normalizer(call, around[call.name][0], after_it[call.name], around[call.name][1]) for call in made]


def _is_norm(layer: LayerDef) -> bool:
    return layer.cls == "BatchNormalization"


def _near(found: Survey, call: Call) -> _Near:
    """What a call's weights are; none for a BatchNormalization itself, which belongs to what it follows."""
    work = worker(call)
    if isinstance(work, Graph):
        own = found.typed.weights.get(id(work))
        if own is None or isinstance(own.trainable, Unknown) or isinstance(own.non_trainable, Unknown):
            return _Near.UNKNOWN
        return _Near.TRAINED if own.trainable else _Near.UNKNOWN if own.non_trainable else _Near.NONE
    if _is_norm(work):
        return _Near.NONE
    trained = found.trained(call.layer)
    if trained is None:
        return _Near.UNKNOWN
    return _Near.TRAINED if trained else _Near.FROZEN if found.frozen(call.layer) else _Near.NONE
