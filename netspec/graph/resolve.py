"""Names to tensors: a model part becomes a Graph of layers, calls and tensors.

A step that is wrong is reported once; what hangs on it gets no tensor and stays silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec import catalog
from netspec.catalog import shapes
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Place, Report
from netspec.graph.blame import not_checked
from netspec.graph.feeding import Fed, by_name, by_position, call_arguments, references
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, renewed
from netspec.graph.names import declared_names
from netspec.graph.objects import DEEPEST, Objects
from netspec.graph.references import Scope, count, either
from netspec.language.limits import MOST_STEPS
from netspec.language.parse import inline_model, listed
from netspec.language.spec import LayerExpr, ModelPart, Step, Use

_Cause = tuple[str, Place, str]  # what an error is known by


@dataclass(slots=True)
class _Budget:
    """What all scopes share: the policy, and how many calls there may still be: `repeat` in `repeat` multiplies."""

    policy: str | None = None  # the dtype of layers that say none
    left: int = MOST_STEPS
    lost: dict[_Cause, int] = field(default_factory=dict)  # an error -> the steps that could not be checked for it


def resolve(part: ModelPart, name: str, variables: tuple[str, ...], report: Report, policy: str | None = None) -> Graph:
    """The graph of a whole spec; steps that are wrong are reported and left out of it.

    `policy` is the dtype of layers that say none.
    """
    budget = _Budget(policy)
    graph = _Resolver(part, name, variables, report, nested=False, budget=budget).graph()
    for cause, lost in budget.lost.items():
        report.note(cause, not_checked(lost))
    return graph


class _Resolver:
    """Resolves one scope: one `layers` list with its inputs and its shared things."""

    def __init__(
        self, part: ModelPart, name: str, variables: tuple[str, ...], report: Report, *, nested: bool, budget: _Budget
    ) -> None:
        self._part, self._name, self._report, self._budget = part, name, report, budget
        self._names = declared_names(part, variables, report)
        self._scope = Scope(part, self._names, report, nested)
        self._scope.tensors.update({name: Tensor(name) for name in part.inputs})
        self._objects = Objects(report, self._wrapped_thing, self._nested, self._names.auto, budget.policy, part.shared)
        self._calls: list[Call] = []
        self._aside: list[Graph] = []  # models that are declared here, whether a call shows them or not
        self._causes: dict[str, _Cause] = {}  # the names of what is broken -> the error that it comes from
        self._cause_above: _Cause | None = None

    def graph(self) -> Graph:
        """The graph of this scope."""
        part, scope = self._part, self._scope
        for name, thing in part.shared.items():
            mark = self._report.mark()
            scope.things[name] = self._declared(name, thing)
            cause = self._report.error_since(mark) if scope.things[name] is None else None
            if cause is not None:
                self._causes[name] = cause
        above: Tensor | Call | None = None
        for at, step in enumerate(part.steps):
            above = self._step(step, above, first=at == 0)
        outputs, complete = self._outputs(above)
        self._warn_about_unused()
        sound = complete and bool(part.inputs) and not part.open
        return Graph(self._name, part.inputs, tuple(self._calls), outputs, part.path, False, sound, tuple(self._aside))

    def _warn_about_unused(self) -> None:
        steps, shared = self._part.steps, self._part.shared
        if not steps or self._scope.missed or any(_asks_inside(step.what) for step in steps):
            return  # they are written under another key, or what is asked for is this
        if any(step.what is None or (isinstance(step.what, Use) and step.what.target not in shared) for step in steps):
            return  # the step that is wrong may be the use
        if any(isinstance(step.what, LayerExpr) and step.what.cls in shared for step in steps):
            return  # it is meant to be called there
        inside: set[str] | None = None  # what nested models try to use, who see nothing of this: reported there
        for name, thing in self._scope.things.items():
            if thing is not None and name not in self._scope.calls_of and name not in self._scope.wrapped:
                inside = _used_inside(self._part) if inside is None else inside
                if name in inside:
                    continue
                path = (*self._part.path, "shared", name)
                cure = f"`- use: {name}` calls it; else take it out"
                message = f"`{name}` is declared under `shared` but not used"
                self._report.add("NS311", path, message, key=True, help=cure)

    # layers and models

    def _declared(self, name: str, thing: LayerExpr | ModelPart | None) -> LayerDef | Graph | None:
        if isinstance(thing, ModelPart):
            return self._model(thing, name, shared=True)
        layer = None if thing is None else self._objects.layer(thing, name, shared=True)
        return layer if layer is not None and layer.sound else None

    def _model(self, part: ModelPart, name: str, *, shared: bool = False) -> Graph | None:
        """A nested model, which sees nothing of this scope; None where it is broken."""
        inner = _Resolver(part, name, (), self._report, nested=True, budget=self._budget)
        graph = replace(inner.graph(), shared=shared)
        self._aside.append(graph)
        return graph if graph.sound else None

    def _nested(self, raw: Any, path: Path) -> Graph | None:
        """A model written where a layer is expected."""
        part = inline_model(raw, path, self._report)
        return None if part is None else self._model(part, self._names.auto("Model"))

    def _wrapped_thing(self, name: str, path: Path) -> LayerDef | Graph | None:
        """What `use: name` inside a wrapper means."""
        self._scope.wrapped.add(name)
        found = self._scope.shared(name, path)
        depth, each = 0, found
        while isinstance(each, LayerDef):
            depth, each = depth + 1, each.args.get("layer")
        if depth >= DEEPEST:
            self._report.add("NS313", path, f"layers are wrapped more than {DEEPEST} deep")
            return None
        return found

    def _layer_of(self, step: Step) -> LayerDef | Graph | None:
        what = step.what
        if isinstance(what, Use):
            self._scope.calls_of.setdefault(what.target, [])
            return self._scope.shared(what.target, what.path)
        name = step.names[0] if len(step.names) == 1 and step.repeat is None else None
        if isinstance(what, ModelPart):
            return self._model(what, name or self._names.auto("Model"))
        if what is None:
            return None
        if step.repeat is not None:
            name = what.own.stem if what.own else what.cls  # a pattern: each repetition is named on its own
        layer = self._objects.step(what, name, step.source)
        return layer if layer is not None and layer.sound else None

    # steps

    def _step(self, step: Step, above: Tensor | Call | None, *, first: bool) -> Tensor | Call | None:
        """Resolve one step; the result is what the next step takes."""
        mark = self._report.mark()
        result = self._resolved(step, above, first)
        if result is None:
            self._lose(step, mark)
        return result

    def _resolved(self, step: Step, above: Tensor | Call | None, first: bool) -> Tensor | Call | None:
        layer = self._layer_of(step)
        fed = self._fed(step, layer, above, first)
        arguments = call_arguments(step, layer, self._report) if layer is not None else None
        if layer is None or fed is None or arguments is None:
            self._broken(step)
            return None
        if step.repeat is not None:
            return self._repeated(step, layer, fed, arguments)
        call = self._call(step, layer, fed, arguments, self._call_name(step, layer), references(step, layer))
        return self._published(step, call)

    def _broken(self, step: Step) -> None:
        self._scope.tensors.update(dict.fromkeys(step.names))
        if step.repeat is not None:
            self._scope.broken_repeats.update(step.names)

    def _lose(self, step: Step, mark: int) -> None:
        """Keep the error that a step is broken for: its own, or that of what it takes, which costs one step more."""
        cause = self._report.error_since(mark)
        if cause is None:
            names = [step.what.target] if isinstance(step.what, Use) else []
            names += _referred(step.source)
            taken = (self._causes[name] for name in names if name in self._causes)
            cause = next(taken, None if step.has_source else self._cause_above)
            if cause is not None:
                self._budget.lost[cause] = self._budget.lost.get(cause, 0) + 1
        self._cause_above = cause
        if cause is not None:
            self._causes.update(dict.fromkeys(step.names, cause))

    def _call_name(self, step: Step, layer: LayerDef | Graph) -> str:
        if len(step.names) == 1:
            return step.names[0]
        if isinstance(step.what, Use):
            return self._names.auto(step.what.target)
        return layer.name

    def _call(
        self,
        step: Step,
        layer: LayerDef | Graph,
        fed: Mapping[str, Fed],
        arguments: Mapping[str, Any],
        name: str,
        sources: tuple[Path, ...] = (),
    ) -> Call:
        several = isinstance(layer, LayerDef) and layer.own is not None and len(step.names) > 1
        outputs = step.names if several else _output_names(layer, arguments)
        names = (name, *step.names) if step.names and step.repeat is not None else step.names
        call = Call(name, layer, fed, arguments, outputs, bool(step.names), step.path, sources, names)
        self._calls.append(call)
        if isinstance(step.what, Use):
            self._scope.calls_of.setdefault(step.what.target, []).append(call)
        return call

    def _published(self, step: Step, call: Call) -> Tensor | Call | None:
        """Make a call's outputs known under the step's names."""
        names, tensors = step.names, self._scope.tensors
        if len(names) > 1:
            if len(names) != len(call.outputs):
                self._report.add(
                    "NS304",
                    (*step.path, "name"),
                    f"{len(names)} names for {count(len(call.outputs), 'output')}",
                    help="its outputs are " + listed(call.outputs) if len(call.outputs) > 1 else "it has one name",
                )
                self._broken(step)
                return None
            tensors.update({name: Tensor(call.name, at) for at, name in enumerate(names)})
        elif names and len(call.outputs) > 1:
            self._scope.several[names[0]] = call
        elif names:
            tensors[names[0]] = Tensor(call.name)
        return call if len(call.outputs) > 1 else Tensor(call.name)

    def _repeated(
        self, step: Step, layer: LayerDef | Graph, fed: Mapping[str, Fed], arguments: Mapping[str, Any]
    ) -> Tensor | None:
        """`repeat`: new weights each time, or with `use` the same weights; the first takes `from`."""
        where = (*step.path, "repeat")
        assert step.repeat is not None
        ((argument, source),) = fed.items() if len(fed) == 1 else ((None, ()),)
        problem = cure = None
        if argument is None or isinstance(source, tuple):
            problem = "`repeat` needs one input and one output"
            cure = "repeat a `model` of one input that holds this step, or write the steps out"
        elif len(_output_names(layer, arguments)) != 1:
            problem = "`repeat` needs one input and one output"
            cure = "write the steps out: each has to say which output of the one above it takes"
        elif len(step.names) > 1:
            problem = f"`repeat` takes one name, got {len(step.names)}"
            cure = f"`name: {step.names[0]}` names them {step.names[0]}_1, {step.names[0]}_2 and so on"
        elif not self._affordable(layer, step.repeat, isinstance(step.what, Use)):
            problem = f"with every `repeat` written out, this spec has more than {MOST_STEPS:,} steps"
            cure = "repeat less often; a `repeat` inside a repeated model multiplies"
        if problem is not None or argument is None or isinstance(source, tuple):
            self._report.add("NS310", where, problem or "", key=True, help=cure)
            self._broken(step)
            return None
        name = step.names[0] if step.names else None
        names = self._names.numbered(name, step.repeat, where, self._report) if name else []
        current = source
        for turn in range(step.repeat):
            if isinstance(step.what, Use):
                each: LayerDef | Graph = layer
                call_name = names[turn] if name else self._names.auto(step.what.target)
            else:
                call_name = names[turn] if name else self._names.auto(_stem(layer))
                each = renewed(layer, call_name)
            self._call(
                step, each, {argument: current}, arguments, call_name, references(step, layer) if turn == 0 else ()
            )
            current = Tensor(call_name)
            if name:
                self._scope.tensors[call_name] = current
        if name:
            self._scope.tensors[name] = current
        return current

    def _affordable(self, layer: LayerDef | Graph, times: int, same: bool) -> bool:
        """Whether the spec may still hold so many more calls; they are taken off what is left."""
        size, stack = 1, [] if same else [layer]
        while stack:
            each = stack.pop()
            inner = [call.layer for call in each.calls] if isinstance(each, Graph) else [each.args.get("layer")]
            stack += [found for found in inner if isinstance(found, Graph | LayerDef)]
            size += len(inner) if isinstance(each, Graph) else 0
        self._budget.left -= size * times
        return self._budget.left >= 0

    # what a step takes

    def _fed(
        self, step: Step, layer: LayerDef | Graph | None, above: Tensor | Call | None, first: bool
    ) -> Mapping[str, Fed] | None:
        """Call argument -> tensors; None where something in it is wrong or broken."""
        where = (*step.path, "from")
        if not step.has_source:
            taken = self._from_above(step, above, first)
        elif isinstance(step.source, dict):
            several = {name: self._taken(value, (*where, name)) for name, value in step.source.items()}
            return None if layer is None else by_name(layer, several, where, self._report)
        else:
            taken = self._taken(step.source, where)
        return None if layer is None or taken is None else by_position(step, layer, taken, self._report)

    def _from_above(self, step: Step, above: Tensor | Call | None, first: bool) -> Fed | None:
        if first:
            return self._from_inputs(step)
        if isinstance(above, Call):
            choices = self._scope.choices(above.name, above.outputs)
            self._report.add(
                "NS304",
                step.path,
                f"the step above has {len(above.outputs)} outputs; this one must say which it takes",
                spans=[(above.path, count(len(above.outputs), "output"))],
                help="`from:` with " + either(choices)
                if above.named
                else f"name them above: `name: [{', '.join(above.outputs)}]`, then say `from`",
            )
            return None
        return above

    def _from_inputs(self, step: Step) -> Fed | None:
        inputs = list(self._part.inputs)
        if len(inputs) == 1:
            return Tensor(inputs[0])
        if inputs and not self._part.open:
            message = f"the first step must say which of {len(inputs)} inputs it takes"
            self._report.add("NS305", step.path, message, help=f"`from:` with {either(inputs)}")
        return None

    def _taken(self, raw: Any, where: Path) -> Fed | None:
        """A name, or a list of names."""
        if isinstance(raw, str):
            return self._scope.tensor(raw, where)
        if isinstance(raw, list):
            if not raw:
                cure = "leave `from` out to take the step above"
                self._report.add("NS309", where, "`from` is an empty list", help=cure)
            tensors = [self._one(name, (*where, at)) for at, name in enumerate(raw)]
            found = tuple(tensor for tensor in tensors if tensor is not None)
            return found if raw and len(found) == len(raw) else None
        message = f"`from` takes a name, a list or a mapping of names, got `{describe(raw)}`"
        self._report.add("NS309", where, message, help="leave `from` out to take the step above")
        return None

    def _one(self, raw: Any, where: Path) -> Tensor | None:
        if isinstance(raw, str):
            return self._scope.tensor(raw, where)
        self._report.add("NS309", where, f"expected a name, got `{describe(raw)}`")
        return None

    # outputs

    def _outputs(self, above: Tensor | Call | None) -> tuple[dict[str, Tensor], bool]:
        """The outputs by public name, and whether none of them is broken."""
        declared = self._part.outputs
        if declared is None:
            return self._last(above)
        found: dict[str, Tensor] = {}
        for name, reference in declared.items():
            where = self._part.outputs_paths[name]
            tensor = self._scope.tensor(reference, where)
            if tensor is None:
                continue
            if tensor.call in self._part.inputs:
                cure = "list a step; to pass the input on, add `- Identity:` with `from` and `name` and list that"
                self._report.add("NS308", where, f"`{reference}` is an input, so it cannot be an output", help=cure)
                continue
            found[name] = tensor
        return found, bool(found) and len(found) == len(declared)

    def _last(self, above: Tensor | Call | None) -> tuple[dict[str, Tensor], bool]:
        if isinstance(above, Tensor) and above.call not in self._part.inputs:
            return {above.call: above}, True
        if isinstance(above, Tensor):
            if any(call.name == above.call for call in self._calls):
                return {}, False  # the last step has the name of an input, which is told
            place, cure = (*self._part.path, "layers"), "a model needs a step that is not left out by `repeat: 0`"
            self._report.add("NS308", place, "the model's output is its input", key=True, help=cure)
        elif isinstance(above, Call):
            cure = (
                f"for example `outputs: {{{above.outputs[0]}: {above.name}.{above.outputs[0]}}}`"
                if above.named
                else "name them, as in `name: [output, h, c]`, and list those meant under `outputs`"
            )
            message = f"the last step has {len(above.outputs)} outputs; say which are the model's"
            self._report.add("NS308", above.path, message, help=cure)
        return {}, False


def _asks_inside(what: LayerExpr | Use | ModelPart | None) -> bool:
    """Whether a step is a layer that is unknown and may wrap something shared."""
    if not isinstance(what, LayerExpr) or not isinstance(what.args, dict) or catalog.find("layer", what.cls):
        return False
    return any("use" in each for each in (what.args, *what.args.values()) if isinstance(each, dict))


def _used_inside(part: ModelPart) -> set[str]:
    """What the steps of models below a part ask for with `use`."""
    left = [*part.shared.values(), *(step.what for step in part.steps)]
    found: set[str] = set()
    while left:
        inner = left.pop()
        if isinstance(inner, ModelPart):
            found |= {step.what.target for step in inner.steps if isinstance(step.what, Use)} - inner.shared.keys()
            left += [*inner.shared.values(), *(step.what for step in inner.steps)]
    return found


def _referred(source: Any) -> list[str]:
    """The names that a raw `from` holds, without the outputs that it picks."""
    values = list(source.values()) if isinstance(source, dict) else [source]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each.partition(".")[0] for each in flat if isinstance(each, str)]


def _stem(layer: LayerDef | Graph) -> str:
    """What the name of a layer without one is made of."""
    if isinstance(layer, Graph):
        return "Model"
    return layer.cls if layer.own is None else layer.own.stem


def _output_names(layer: LayerDef | Graph, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(layer, Graph):
        return tuple(layer.outputs)
    return shapes.output_names(layer.cls, layer.args, arguments)
