"""Patterns of `freeze` and `optimizers` that change nothing: for layers without weights, frozen ones, or none left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.catalog.types import Unknown, Weights
from netspec.diagnostics import Path, Report, printable
from netspec.graph.checks.survey import Survey
from netspec.graph.picking import Picker, Thing, inside
from netspec.language.spec import Spec


def check_idle(spec: Spec, found: Survey, report: Report) -> None:
    """NS527, for each name or pattern by itself."""
    picker = Picker(found.typed.graph)
    frozen = _Taken(found, "freezes nothing")
    for pattern, path in spec.freeze:
        frozen.check(pattern, path, picker.picked(pattern), report)
    if all(own.trainable == 0 for own in found.own.values()):
        return  # nothing is trained, which is said as a whole
    trained = _Taken(found, "trains nothing", trains=True)
    for pattern in spec.optimizers or ():
        trained.check(pattern, ("optimizers", pattern), picker.picked(pattern), report)


_First = tuple[str, Path]  # the pattern that was the first to match, and its place


@dataclass(slots=True)
class _Taken:
    """What earlier patterns of one key have taken: layers, and the layers and models that they name themselves."""

    found: Survey
    says: str
    trains: bool = False
    by: dict[int, _First] = field(default_factory=dict)
    named: dict[int, tuple[_First, bool]] = field(default_factory=dict)  # with whether it has weights

    def check(self, pattern: str, path: Path, things: Sequence[Thing], report: Report) -> None:
        """Report a pattern of which nothing is left, or nothing that counts; unknown weights count."""
        own, first = self.found.own, (pattern, path)
        known = [self.named[id(thing)] for thing in things if id(thing) in self.named]
        earlier, any_held = [who for who, held in known if held], any(held for _, held in known)
        left: list[Weights] = []
        for thing in things:
            if id(thing) in self.named:
                continue  # named twice, so what it holds is taken
            live = [
                id(layer) for layer in inside(thing) if id(layer) in own
            ]  # the others feed no output, which is said
            held = any(_held(own[each]) for each in live)
            self.named[id(thing)] = first, held
            any_held = any_held or held
            earlier += [self.by[each] for each in live if each in self.by and _held(own[each])]
            left += [own[each] for each in live if each not in self.by]
            self.by.update((each, first) for each in live if each not in self.by)
        if any(self._counts(each) for each in left) or not (left or known or earlier):
            return
        spans: list[tuple[Path, str, bool]] = []
        cure = "leave it out"
        if not any_held:
            why = "what it names has no weights"
        elif earlier and not any(_held(each) for each in left):
            other, where = earlier[0]
            why = f"`{printable(other[:80])}` above has all that it names"
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
