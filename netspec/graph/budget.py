"""A spec's `budget` against what its model costs, and sizes that are hardly meant: terabytes, 10,000s of steps.

What is known alone is held against a limit; what is not known is said only where there is no error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.catalog.types import Unknown, Weights, show_bytes
from netspec.diagnostics import Label, Path, Place, Report
from netspec.graph.infer import own_weights, plus
from netspec.graph.ir import Call, LayerDef, Tensor, TypedGraph
from netspec.language.schema import Budget
from netspec.language.spec import Spec

if TYPE_CHECKING:
    from netspec.graph.costs import Costs, Inner, Row, Total

MOST_STEPS = 10_000  # a chain of so many Dense took Keras 78 s and 1.6 GB to build, and 160 s to run for the first time
LARGE = 10**12  # bytes of weights; a single machine that holds them is rare
_FREE = "a free axis (`null` in a shape) has no size to count with; give it one"
_SHOWN = 3  # steps that are named, those that cost most
_SMALLEST = 2  # bytes of a number of a usual dtype


def check_costs(spec: Spec, typed: TypedGraph, report: Report) -> None:
    """NS602 for each limit that is exceeded or cannot be checked; NS601 and NS603 for sizes beyond all use."""
    steps = sum(len(part.graph.calls) for part in typed.nested.values())
    if steps > MOST_STEPS:
        report.add(
            "NS603",
            ("layers",),
            f"the model has {steps:,} steps, and Keras was seen to build up to {MOST_STEPS:,}",
            key=True,
            help="Keras calls itself once for each step of a chain: expect minutes, or that it fails",
        )
    own = typed.weights.get(id(typed.graph))
    number = 0 if own is None else plus(own.trainable, own.non_trainable)
    large = not isinstance(number, Unknown) and number * _SMALLEST > LARGE
    if not (large and _check_weights(typed, report)):
        _check_outputs(typed, report)
    if spec.budget is not None:
        _check_budget(spec, spec.budget, typed, report)


def _check_weights(typed: TypedGraph, report: Report) -> bool:
    from netspec.graph.costs import NOTHING

    by_path = _bytes(_held(typed, own_weights(typed.graph, typed.weights)))
    found = sum(by_path.values(), NOTHING).known
    if found > LARGE:
        path, most = max(by_path.items(), key=lambda item: item[1].known)
        report.add_at(
            "NS601",
            _place(report, path),
            f"the weights of the model take about {show_bytes(found)}",
            label=f"{show_bytes(most.known)} of them" if most.known < found else "all of them",
            help="look at the sizes of this step",
        )
    return found > LARGE


def _check_outputs(typed: TypedGraph, report: Report) -> None:
    """The first input or step that is terabytes for one example; what comes below it has them from there."""
    for name in typed.graph.inputs:
        if (numbers := _numbers_of(typed, Tensor(name))) * _SMALLEST > LARGE:
            about = f"input `{name}` takes about {show_bytes(numbers * 4)} for one example"
            report.add("NS601", ("inputs", name), about, key=True, help="look at its sizes")
            return
    for part in typed.nested.values():
        for call in part.graph.calls:
            numbers = _numbers_of(part, Tensor(call.name))
            if numbers * _SMALLEST > LARGE:
                about = f"what this step puts out takes about {show_bytes(numbers * 4)} for one example"
                report.add_at("NS601", _place(report, _at(call)), about, help="look at its sizes")
                return


def _numbers_of(typed: TypedGraph, tensor: Tensor) -> int:
    """How many numbers a tensor has for one example, at the least."""
    shape = typed.types[tensor].shape
    return 1 if isinstance(shape, Unknown) else math.prod(dim for dim in shape[1:] if isinstance(dim, int))


def _check_budget(spec: Spec, budget: Budget, typed: TypedGraph, report: Report) -> None:
    from netspec.graph.costs import costs

    fixed = typed.graph.fixed_batch
    if fixed is not None and budget.batch_size not in (None, fixed):
        message = f"batches of {budget.batch_size}, but the model's inputs take batches of {fixed} only"
        report.add("NS513", ("budget", "batch_size"), message, help=f"write `batch_size: {fixed}`, or leave it out")
        return
    found = costs(typed, budget.batch_size or spec.fit.batch_size)
    held: list[Held] = []  # made when it is first asked for: a budget that is kept does without

    def weights() -> Held:
        if not held:
            held.append(_held(typed, found.own))
        return held[0]

    if budget.parameters is not None:
        total, limit = found.parameters, budget.parameters
        said = f"the model has {_least(total)}{total.known:,} parameters, over its budget of {limit:,}"
        _hold(report, _Limit("parameters", limit, total, said, lambda: _numbers(weights())), typed)
    if budget.flops is not None:
        total, limit = found.flops, budget.flops
        said = f"an example takes {_least(total)}{total.known:,} FLOPs forward, over the budget of {limit:,}"
        _hold(report, _Limit("flops", limit, total, said, lambda: _called(found, lambda row: row.flops)), typed)
    if budget.memory is not None:
        _hold(report, _memory(budget.memory, found, weights), typed)


def _memory(limit: int, found: Costs, weights: Callable[[], Held]) -> _Limit:
    """Weights and the outputs of all steps: what training holds at the least when it turns round to go backwards."""
    total = found.weights + found.activations
    size, most = show_bytes(total.known), show_bytes(limit)
    if size == most:
        size, most = f"{total.known:,} bytes", f"{limit:,} bytes"
    parts = f"{show_bytes(found.weights.known)} of weights and {show_bytes(found.activations.known)} of outputs"
    left = limit - found.weights.known
    fits = left * found.batch_size // found.activations.known if found.activations.known else 0
    return _Limit(
        "memory",
        limit,
        total,
        f"a batch of {found.batch_size} takes {_least(total)}{size} of memory, over the budget of {most}",
        lambda: _added(_bytes(weights()), _called(found, lambda row: row.outputs)),
        (parts, "gradients, and what the optimizer keeps for each weight, come on top in training"),
        f"batches of up to {fits:,} fit" if found.even and fits > 0 and not total.unknown else None,
    )


@dataclass(frozen=True, slots=True)
class _Limit:
    """One entry of a budget, what stands against it, and the words for it."""

    key: str
    limit: int
    total: Total
    message: str  # where it is exceeded
    by_path: Callable[[], Mapping[Path, Total]]
    notes: tuple[str, ...] = ()
    help: str | None = None

    def show(self, number: int) -> str:
        """A number as this limit's are shown."""
        return show_bytes(number) if self.key == "memory" else f"{number:,}"


def _hold(report: Report, entry: _Limit, typed: TypedGraph) -> None:
    """Report a limit that what is known exceeds by itself, or that what is not known keeps from being checked."""
    total, place = entry.total, report.locator.locate(("budget", entry.key))
    if total.known > entry.limit:
        parts = sorted(entry.by_path().items(), key=lambda item: -item[1].known)[:_SHOWN]
        dearest = [(path, part.known, round(100 * part.known / total.known)) for path, part in parts]
        report.add_at(
            "NS602",
            place,
            entry.message,
            label=f"{entry.show(total.known - entry.limit)} too {'much' if entry.key == 'memory' else 'many'}",
            labels=[
                Label(_place(report, path), f"{entry.show(known)}, {percent} %")
                for at, (path, known, percent) in enumerate(dearest)
                if percent or (known and not at)
            ],
            notes=entry.notes,
            help=entry.help or f"make the steps that cost most smaller, or raise `budget.{entry.key}`",
        )
    elif total.unknown and report.ok:
        free = any(part is not None and None in part.shape for part in typed.graph.inputs.values())
        unknown = [path for path, part in entry.by_path().items() if part.unknown]
        what = {"parameters": "how many it has", "flops": "how many it takes", "memory": "how much it takes"}[entry.key]
        report.add_at(
            "NS602",
            place,
            f"whether the model keeps within its budget of `{entry.key}` cannot be told",
            labels=[Label(_place(report, path), f"{what} is not known") for path in unknown[:_SHOWN]],
            notes=[f"without {_steps(len(unknown))} it is {entry.show(total.known)}"],
            help=_FREE if free else None,
            severity="warning",
        )


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number:,} steps"


def _least(total: Total) -> str:
    return "at least " if total.unknown else ""


def _place(report: Report, path: Path) -> Place:
    return report.locator.locate(path, key=isinstance(path[-1], str) and path[-1] != "use")


def _at(call: Call) -> Path:
    """Where a call is written: its layer's name, or what it uses."""
    if isinstance(call.layer, LayerDef) and not call.layer.shared:
        return call.layer.path
    return (*call.path, "use") if call.layer.shared else (*call.path, "model")


Held = Mapping[Path, tuple["Total", "Total"]]


def _held(typed: TypedGraph, own: Mapping[int, Weights]) -> Held:
    """The numbers and bytes of weights by the place of the layer that has them; of a `repeat` all together."""
    from netspec.graph.costs import held

    found: dict[Path, tuple[Total, Total]] = {}
    for layer, number, size in held(typed.graph, own):
        before = found.get(layer.path)
        found[layer.path] = (number, size) if before is None else (before[0] + number, before[1] + size)
    return found


def _numbers(held: Held) -> dict[Path, Total]:
    return {path: number for path, (number, _) in held.items()}


def _bytes(held: Held) -> dict[Path, Total]:
    return {path: size for path, (_, size) in held.items()}


def _called(costs: Costs, measure: Callable[[Row], Total]) -> dict[Path, Total]:
    """What a measure comes to by the place of the call, calls inside nested models on their own."""
    from netspec.graph.costs import NOTHING

    found: dict[Path, Total] = {}
    often: dict[int, int | Unknown] = {}
    rows: tuple[Row, ...] = costs.rows
    factor: int | Unknown = 1
    waiting: list[Inner] = _inner_first(costs.rows)
    while True:
        for row in rows:
            if row.inner is None:
                at = _at(row.call)
                found[at] = found.get(at, NOTHING) + measure(row).times(factor)
            else:
                often[id(row.inner)] = plus(often.get(id(row.inner), 0), _product(row.often, factor))
        if not waiting:
            return found
        inner = waiting.pop()
        rows, factor = inner.rows, often[id(inner)]


def _inner_first(rows: tuple[Row, ...]) -> list[Inner]:
    """The nested models that are run, each once and behind all that it runs. Descends once for each level."""
    found: dict[int, Inner] = {}

    def visit(rows: tuple[Row, ...]) -> None:
        for row in rows:
            if row.inner is not None and id(row.inner) not in found:
                visit(row.inner.rows)
                found[id(row.inner)] = row.inner

    visit(rows)
    return list(found.values())


def _added(one: Mapping[Path, Total], other: Mapping[Path, Total]) -> dict[Path, Total]:
    found = dict(one)
    for path, part in other.items():
        found[path] = found[path] + part if path in found else part
    return found


def _product(one: int | Unknown, other: int | Unknown) -> int | Unknown:
    return other if isinstance(other, Unknown) else one if isinstance(one, Unknown) else one * other
