"""What a reference means at one point of a `layers` list: a tensor, a shared thing, or a mistake.

A name whose step is broken means nothing and is silent: its mistake is reported already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netspec.catalog import OPS
from netspec.catalog.nearest import fold, near, nearest, rename, sure
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor
from netspec.graph.names import Names
from netspec.language.parse import listed
from netspec.language.spec import LayerExpr, ModelPart, Step, Use

_MOST = 8  # choices that one message names
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_STATES = frozenset(("h", "c", "state", "states", "forward_h", "forward_c", "backward_h", "backward_c"))


@dataclass(slots=True)
class Scope:
    """The things, calls and tensors of one `layers` list, as far as they are resolved. Filled from top to bottom."""

    part: ModelPart
    names: Names
    report: Report
    nested: bool
    things: dict[str, LayerDef | Graph | None] = field(default_factory=dict)  # under `shared`; None: broken
    tensors: dict[str, Tensor | None] = field(default_factory=dict)  # by the name of an input or a step; None: broken
    several: dict[str, Call] = field(default_factory=dict)  # calls with several outputs, which need a choice
    calls_of: dict[str, list[Call]] = field(default_factory=dict)  # shared name -> its calls so far
    wrapped: set[str] = field(default_factory=set)  # shared names used inside a wrapper
    broken_repeats: set[str] = field(default_factory=set)  # names of which `repeat` would have made others
    missed: bool = False  # something that `use` asks for is not there
    stateless: set[str] = field(default_factory=set)  # names whose missing states are reported
    _first_uses: dict[str, Step] | None = None
    _unnamed: dict[str, list[Step]] | None = None  # steps without a name, by their folded class

    def line(self, path: Path) -> int:
        """The line on which a part of the spec stands."""
        return self.report.locator.locate(path).line

    # what stands under `shared`

    def shared(self, name: str, path: Path) -> LayerDef | Graph | None:
        """What `use: name` means; None where that is nothing (reported) or broken."""
        if name in self.things:
            return self.things[name]
        if name in self.part.shared:
            line = self.line((*self.part.path, "shared", name))
            message = f"`{name}` is declared below, at line {line}; a shared thing can only use what stands above it"
            cure = f"move `{name}` above it"
            if path[: len(self.part.path) + 2] == (*self.part.path, "shared", name):
                message = f"`{name}` is this thing itself; a shared thing can only use what stands above it"
                cure = "use a layer, or another shared thing"
            self.report.add("NS302", path, message, help=cure)
            return None
        self.missed = True
        if self.part.open:
            return None
        kind, where = self.names.declared.get(name, (None, ()))
        close = near(name, self.part.shared)
        message = f"nothing under `shared` is named `{name}`"
        if kind is not None:
            message, cure = f"`{name}` is {_an(kind)}, not something under `shared`", f"`from: {name}` takes its output"
            if kind == "input":
                cure = f"`from: {name}` takes it"
            elif kind == "variable":
                cure = f"a variable is written `${name}`"
        elif close:
            cure = f"did you mean `{close}`?"
        elif self.nested:
            cure = "a nested model sees nothing outside itself; declare it under the model's own `shared`"
        elif self.part.shared:
            cure = "it holds " + listed(self.part.shared)
        else:
            cure = f"declare it: `shared: {{{name}: {{LSTM: 64}}}}`"
        fix = None if kind is not None else rename(name, self.part.shared)
        self.report.add("NS313", path, message, help=cure, spans=[(where, f"{kind}")] if kind else [], fix=fix)
        return None

    # tensors

    def tensor(self, name: str, where: Path) -> Tensor | None:
        """The tensor that `name` or `name.output` means; None where there is none (reported) or it is broken."""
        if name in self.tensors and self.tensors[name] is None:
            return None
        base, dot, output = name.partition(".")
        if base in self.several:
            return self._picked(base, self.several[base], output if dot else None, where)
        if base in self.tensors:
            tensor = self.tensors[base]
            if dot and tensor is not None:
                self._one_output(base, output, where)
                return None
            return tensor
        if base in self.part.shared:
            return self._bare_shared(base, output if dot else None, where)
        self._nowhere(base, dot + output, where)
        return None

    def choices(self, base: str, outputs: tuple[str, ...]) -> list[str]:
        """How the outputs of a call are picked."""
        return [f"{base}.{each}" for each in outputs]

    def _one_output(self, base: str, output: str, where: Path) -> None:
        """What picks an output of a call that has one; said once where several picks miss the same argument."""
        cure = f"write `{base}`"
        if output in _STATES:
            if base in self.stateless:
                return
            self.stateless.add(base)
            cure = f"`return_state: true` on `{base}` gives its states too; without them write `{base}`"
        elif output == "scores":
            cure = f"`call: {{return_attention_scores: true}}` on `{base}` gives them too"
        self.report.add("NS304", where, f"`{base}` has one output, so `.{output}` picks nothing", help=cure)

    def _picked(self, base: str, call: Call, output: str | None, where: Path) -> Tensor | None:
        if output in call.outputs:
            return Tensor(call.name, call.outputs.index(output))
        problem = f"has no output `{output}`" if output is not None else f"has {count(len(call.outputs), 'output')}"
        choices = self.choices(base, call.outputs)
        close = nearest(output, call.outputs) if output else None
        cure = f"did you mean `{base}.{close}`?" if close else f"write `{base}.{call.outputs[0]}` for the first"
        meant = sure(output, call.outputs) if output else None
        fix = (f"{base}.{output}", f"{base}.{meant}") if meant else None
        self.report.add("NS304", where, f"`{base}` {problem}; choose {either(choices)}", help=cure, fix=fix)
        return None

    def _bare_shared(self, name: str, output: str | None, where: Path) -> Tensor | None:
        """A shared thing's bare name: its output while it has one call."""
        calls = self.calls_of.get(name)
        if calls:
            if len(calls) > 1:
                self._several_calls(name, calls, where)
                return None
            (call,) = calls
            if len(call.outputs) > 1:
                return self._picked(name, call, output, where)
            if output is not None:
                self._one_output(name, output, where)
                return None
            return Tensor(call.name)
        if calls is not None or self.things.get(name) is None:  # it, or its only call, is broken and reported
            return None
        later = self._first_use(name)
        if later is not None:
            message = (
                f"`{name}` is called below, at line {self.line(later.path)}; a step can only take what stands above it"
            )
            cure = "move the step that uses it above this one"
            self.report.add("NS302", where, message, spans=[(later.path, "called here")], help=cure)
        elif name in self.wrapped:
            message = f"`{name}` is used only inside a wrapper, so it has no output of its own"
            self.report.add("NS313", where, message, help=f"`- use: {name}` calls it")
        else:
            message = f"`{name}` is declared but not called, so it has no output"
            self.report.add("NS313", where, message, help=f"`- use: {name}` calls it")
        return None

    def _several_calls(self, name: str, calls: list[Call], where: Path) -> None:
        named = [call for call in calls if call.named]
        message = f"`{name}` is called {len(calls)} times"
        if named:
            shown = [f"`{call.name}` (line {self.line(call.path)})" for call in named[:_MOST]]
            message += f"; choose {' or '.join(shown)}" + (
                f" or {len(named) - _MOST} more" if len(named) > _MOST else ""
            )
        cure = "give the steps that use it a name each" if len(named) < len(calls) else f"write `{calls[-1].name}`"
        self.report.add("NS304", where, message, help=cure)

    def _first_use(self, name: str) -> Step | None:
        if self._first_uses is None:
            self._first_uses = {}
            for step in self.part.steps:
                if isinstance(step.what, Use):
                    self._first_uses.setdefault(step.what.target, step)
        return self._first_uses.get(name)

    def _without_a_name(self, name: str, where: Path) -> tuple[str, int] | None:
        """The lowest step above that has no name and is of the class that `name` spells in Keras's way."""
        if self._unnamed is None:
            self._unnamed = {}
            for step in self.part.steps:
                if not step.names and isinstance(step.what, LayerExpr):
                    self._unnamed.setdefault(fold(step.what.cls.removeprefix(OPS)), []).append(step)
        found = self._unnamed.get(fold(name)) or self._unnamed.get(fold(name.rpartition("_")[0]), [])
        at = len(self.part.path) + 1  # where the step's number stands in a path
        here = where[at] if where[at - 1 : at] == ("layers",) else None
        above = [step for step in found if not isinstance(here, int) or int(step.path[at]) < here]
        if not above or not isinstance(above[-1].what, LayerExpr):
            return None
        return above[-1].what.cls, self.line(above[-1].path)

    def _nowhere(self, name: str, output: str, where: Path) -> None:
        kind, path = self.names.declared.get(name, (None, ()))
        if kind == "variable":
            cure = f"variables are written `${name}`"
            self.report.add("NS301", where, f"`{name}` is a variable, not a step", help=cure)
        elif kind is not None:
            if path[: len(self.part.path) + 2] == where[: len(self.part.path) + 2]:
                message = f"`{name}` is this step itself; a step can only take what stands above it"
                cure = "leave `from` out to take the step above"
            else:
                cure = f"move `{name}` above this step, or take a step that stands there"
                message = (
                    f"`{name}` is defined below, at line {self.line(path)}; a step can only take what stands above it"
                )
            self.report.add("NS302", where, message, spans=[(path, "defined here")], help=cure)
        elif not self.part.open and name.rpartition("_")[0] not in self.broken_repeats:
            unnamed = self._without_a_name(name, where)
            close = None if unnamed else self.names.nearest(name)
            message, cure, fix = f"no step, input or shared layer is named `{name}`", None, None
            if close:
                if close in self.tensors and close == sure(name, self.names.declared):
                    fix = (name + output, close + output)
                message += f"; `{close}` is, at line {self.line(self.names.declared[close][1])}"
                cure = f"did you mean `{close}`?"
            elif unnamed:
                cls, line = unnamed
                message += f"; the `{cls}` in line {line} has no name"
                cure = f"write `name: {name}` there" if _NAME.fullmatch(name) else "give it a `name`"
            elif "," in name and all(each.strip() in self.names.declared for each in name.split(",")):
                cure = f"write `[{name}]`"
            elif self.nested:
                cure = "a nested model sees nothing outside itself"
            else:
                known = [each for each in (*self.tensors, *self.several) if each != name]
                cure = "what stands above is " + listed(known[-_MOST:]) if known else "name a step above: `name: …`"
            self.report.add("NS301", where, message, help=cure, fix=fix)


def count(number: int, word: str) -> str:
    """A number with its word: `1 output`, `2 outputs`."""
    return f"{number} {word}" + ("" if number == 1 else "s")


def either(names: list[str]) -> str:
    """Names to choose from: `a` or `b`."""
    shown = [f"`{name}`" for name in names[:_MOST]]
    if len(names) > _MOST:
        shown.append(f"{len(names) - _MOST} more")
    return " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 2 else " or ".join(shown)


def _an(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind
