"""Patterns of `freeze` and `optimizers` that change nothing: for layers without weights, frozen ones, or none left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netspec.catalog.types import Unknown, Weights
from netspec.diagnostics import Path, Report, printable
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import LayerDef
from netspec.graph.picking import Picker, inside
from netspec.language.spec import Spec


def check_idle(spec: Spec, found: Survey, report: Report) -> None:
    """NS527, for each name or pattern by itself."""
    picker = Picker(found.typed.graph)
    frozen = _Taken(found, "freezes nothing", ("freeze",))
    for pattern, path in spec.freeze:
        frozen.check(pattern, path, _layers(picker, pattern), report)
    if all(own.trainable == 0 for own in found.own.values()):
        return  # nothing is trained, which is said as a whole
    trained = _Taken(found, "trains nothing", ("optimizers",), trains=True)
    for pattern in spec.optimizers or ():
        trained.check(pattern, ("optimizers", pattern), _layers(picker, pattern), report)


def _layers(picker: Picker, pattern: str) -> list[LayerDef]:
    return [layer for thing in picker.picked(pattern) for layer in inside(thing)]


@dataclass(slots=True)
class _Taken:
    """The layers that earlier patterns of one key have taken, with the pattern for each."""

    found: Survey
    says: str
    key: Path
    trains: bool = False
    by: dict[int, tuple[str, Path]] = field(default_factory=dict)

    def check(self, pattern: str, path: Path, layers: Iterable[LayerDef], report: Report) -> None:
        """Report a pattern of which nothing is left, or nothing that counts; unknown weights count."""
        own = self.found.own
        live = {id(layer): own[id(layer)] for layer in layers if id(layer) in own}
        if not live:
            return  # not there, or it feeds no output, which is said
        left = [each for each in live if each not in self.by]
        earlier = [self.by[each] for each in live if each in self.by and _held(own[each])]
        for each in left:
            self.by[each] = (pattern, path)
        if any(self._counts(own[each]) for each in left):
            return
        spans: list[tuple[Path, str, bool]] = []
        cure = "leave it out"
        if not any(_held(weights) for weights in live.values()):
            why = "what it names has no weights"
        elif earlier and not any(_held(own[each]) for each in left):
            first, where = earlier[0]
            why = f"`{printable(first[:80])}` above has all that it names"
            spans.append((where, "the first one counts", self.trains))
            cure = "write it above, if it is meant as an exception" if self.trains else cure
        else:
            why = "all that is left to it is frozen" if earlier else "what it names is frozen"
        message = f"`{printable(pattern[:80])}` {self.says}: {why}"
        report.add("NS527", path, message, key=self.trains, spans=spans, help=cure)

    def _counts(self, weights: Weights) -> bool:
        return isinstance(weights.trainable, Unknown) or weights.trainable > 0 if self.trains else _held(weights)


def _held(weights: Weights) -> bool:
    """Whether a layer has weights, or may have some."""
    parts = (weights.trainable, weights.non_trainable)
    return any(isinstance(part, Unknown) or part > 0 for part in parts)
