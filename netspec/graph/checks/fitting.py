"""How a spec is trained, held against its model and its epochs: batches, order, callbacks, the learning rate."""

from __future__ import annotations

from netspec import catalog
from netspec.catalog.shapes.wrappers import RECURRENT
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report, counted
from netspec.graph.checks.survey import Survey, called, place, wrapped
from netspec.graph.ir import Graph, KerasObject, LayerDef, Training, TypedGraph
from netspec.language.spec import Spec

_STEPPING = frozenset(("Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Lion"))  # a step is about as long as the rate
_CARRYING = frozenset((*RECURRENT, "Bidirectional"))
_WAITING = frozenset(("EarlyStopping", "ReduceLROnPlateau"))
WRITING = frozenset(("CSVLogger", "ModelCheckpoint"))  # files in the run folder


def check_fitting(spec: Spec, found: Survey, plan: Training, report: Report) -> None:
    """NS206, NS513, NS519, NS521, NS522, NS524, NS525, NS535 and NS536."""
    _batches(spec, found.typed.graph, report)
    if spec.fit.eager and spec.fit.jit:
        said, spans = "`eager` runs operations one by one, `jit` compiles them together", [(("fit", "jit"), "compiled")]
        report.add("NS535", ("fit", "eager"), said, key=True, spans=spans, help="leave out one of the two")
    if spec.fit.deterministic and spec.fit.jit:
        said, spans = "`jit` compiles operations that do not repeat bit for bit", [(("fit", "jit"), "compiled")]
        report.add("NS536", ("fit", "deterministic"), said, key=True, spans=spans, help="leave out one of the two")
    if all(loss is None for loss in plan.losses.values()):
        return
    _order(spec, found, report)
    if spec.fit.by_length:
        _lengths(spec, found.typed, report)
    _callbacks(spec, plan, report)
    if any(callback.cls in WRITING for callback in plan.callbacks):
        from netspec.graph.checks.writing import check_writing  # few specs have any

        check_writing(spec, found, plan, report)
    _rate(plan, report)


def _batches(spec: Spec, graph: Graph, report: Report) -> None:
    """A fixed batch size of an input is the only one that training can use."""
    for name, part in graph.inputs.items():
        if part is not None and part.batch_size is not None and part.batch_size != spec.fit.batch_size:
            report.add(
                "NS513",
                ("fit", "batch_size"),
                f"batches of {spec.fit.batch_size}, but input `{name}` takes batches of {part.batch_size} only",
                spans=[(("inputs", name), f"batch_size {part.batch_size}")],
                help=f"write `fit: {{batch_size: {part.batch_size}}}`",
            )


def _order(spec: Spec, found: Survey, report: Report) -> None:
    """A stateful layer goes on where the batch before ended, so the batches must come in order."""
    if not spec.fit.shuffle or not found.classes & _CARRYING:
        return
    for typed in found.graphs:
        for call in typed.graph.live_calls():
            layer = next((each for each in wrapped(call.layer) if each.args.get("stateful") is True), None)
            if isinstance(layer, LayerDef):
                path, key = (*layer.path, "stateful"), False
                message = f"a stateful `{layer.cls}` goes on from the batch before, but the rows are shuffled"
                spans: list[tuple[Path, str]] = [(place(call)[0], "stateful")] if layer.shared else []
                report.add("NS519", path, message, key=key, spans=spans, help="write `fit: {shuffle: false}`")
                return  # one cause, whatever the number of layers


def _lengths(spec: Spec, typed: TypedGraph, report: Report) -> None:
    """Batches by length are asked for, where no input's padding can be cut off."""
    from netspec.graph.padding import padding

    path, asked = ("fit", "by_length"), "`by_length` gives each batch its own length, "
    found = padding(typed)
    spans: list[tuple[Path, str]] = []
    cure = "leave out `by_length`"
    if spec.fit.jit:
        said, spans = "and `jit` would compile a step for every length", [(("fit", "jit"), "compiled")]
        cure = "leave out one of the two"
    elif found.cut:
        return
    elif typed.graph.fixed_batch is not None:
        said = "which an input with a fixed `batch_size` has not"
    elif not found.seen:
        said, cure = "and no input has a free one", f"write an input's shape as `[null]`, or {cure}"
    else:
        name, call = next(iter(found.seen.items()))
        spans = [(("inputs", name), "a free length")]
        said = f"and the padding of input `{name}` goes on to the output"
        if call is not None:
            said = f"and {called(call, report)} sees the padding of input `{name}`"
            spans.append((place(call)[0], "sees it"))
            if call.layer.cls == "Embedding" and not call.layer.args.get("mask_zero"):
                cure = f"give the `Embedding` `mask_zero: true`, or {cure}"
    report.add("NS525", path, asked + said, key=True, spans=spans, help=cure)


def _optimizers(plan: Training) -> list[KerasObject]:
    """All optimizers, each without what scales the loss for it."""
    found: list[KerasObject] = []
    for each in (plan.optimizer, *(group.optimizer for group in plan.groups)):
        while isinstance(each, KerasObject) and "inner_optimizer" in each.args:
            each = each.args["inner_optimizer"]
        found += [each] if isinstance(each, KerasObject) else []
    return found


def _callbacks(spec: Spec, plan: Training, report: Report) -> None:
    epochs, optimizers = spec.fit.epochs, _optimizers(plan)
    rates = (each.args.get("learning_rate") for each in optimizers)
    rate = next((each for each in rates if isinstance(each, KerasObject)), None)
    for callback in plan.callbacks:
        if callback.cls == "ReduceLROnPlateau" and rate is not None:
            message = f"`ReduceLROnPlateau` sets the learning rate, which Keras refuses while it is a `{rate.cls}`"
            spans = [(rate.path, "the schedule")]
            cure = "leave out the callback, or give `learning_rate` a number"
            report.add("NS524", callback.path, message, key=True, spans=spans, help=cure)
        elif callback.cls == "SwapEMAWeights" and not any(each.args.get("use_ema") is True for each in optimizers):
            message = "`SwapEMAWeights` needs averages of the weights, which the optimizer does not keep"
            cure = "give the optimizer `use_ema: true`, or leave out the callback"
            report.add("NS206", callback.path, message, key=True, help=cure)
        elif callback.cls in _WAITING and epochs > 1 and not callback.args.get("restore_best_weights"):
            entry = catalog.find("callback", callback.cls)
            param = None if entry is None else entry.param("patience")
            patience = callback.args.get("patience", None if param is None else param.default)
            if isinstance(patience, int) and patience >= epochs:
                waits = f"waits for {counted(patience, 'epoch')} without progress"
                message = f"`{callback.cls}` {waits}, and there are {epochs}"
                given = "patience" in callback.args
                path = (*callback.path, "patience") if given else callback.path
                spans = [(("fit", "epochs"), "all of them")]
                cure = "a smaller `patience`, or more epochs"
                report.add("NS521", path, message, key=not given, spans=spans, help=cure)


def _rate(plan: Training, report: Report) -> None:
    """Adam and its kind move each weight by about the learning rate at each step."""
    told = set()
    for each in _optimizers(plan):
        rate = each.args.get("learning_rate")
        huge = isinstance(rate, int | float) and not isinstance(rate, bool) and rate >= 1
        if each.cls in _STEPPING and huge and (each.cls, rate) not in told:
            told.add((each.cls, rate))  # an entry of `optimizers` may have it from `optimizer`
            message = f"a step of `{each.cls}` moves weights by about {describe(rate)}, more than they are large"
            report.add("NS522", (*each.path, "learning_rate"), message, help="usual is 0.001")
