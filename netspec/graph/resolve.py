"""Names to tensors: a model part becomes a Graph of layers, calls and tensors.

A step that is wrong is reported once; what hangs on it gets no tensor and stays silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec import catalog
from netspec.catalog import shapes
from netspec.catalog.values import describe
from netspec.catalog.nearest import nearest
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, renewed
from netspec.graph.names import declared_names
from netspec.graph.objects import Objects
from netspec.language.parse import listed, model_part, unknown_keys
from netspec.language.spec import LayerExpr, ModelPart, Step, Use

Fed = Tensor | tuple[Tensor, ...]
_CALL_TENSORS = frozenset(  # arguments of a layer's call that take tensors, by Keras's names
    ("inputs", "sequences", "query", "value", "key", "x", "data", "initial_state", "mask", "attention_mask", "query_mask",
     "value_mask", "key_mask", "count_weights", "sequence", "states", "images", "sample_weight")
)  # fmt: skip


class Resolver:
    """Resolves one scope: one `layers` list with its inputs and its shared things."""

    def __init__(self, part: ModelPart, name: str, variables: tuple[str, ...], report: Report, depth: int = 0) -> None:
        self._part, self._name, self._report, self._depth = part, name, report, depth
        self._names = declared_names(part, variables, report)
        self._objects = Objects(report, self._shared_thing, self._nested, self._names.auto)
        self._things: dict[str, LayerDef | Graph | None] = {}  # what stands under `shared`, resolved so far
        self._tensors: dict[str, Tensor | None] = {name: Tensor(name) for name in part.inputs}  # None: broken
        self._several: dict[str, Call] = {}  # calls with several outputs, which need a choice
        self._calls: list[Call] = []
        self._calls_of: dict[str, list[Call]] = {}  # shared name -> its calls so far
        self._wrapped: set[str] = set()  # shared names used inside a wrapper

    def resolve(self) -> Graph:
        """The graph of this scope. Broken steps are left out of it."""
        for name, thing in self._part.shared.items():
            self._things[name] = self._declared_thing(name, thing)
        above: Tensor | Call | None = None
        first = True
        for step in self._part.steps:
            above = self._step(step, above, first)
            first = False
        outputs = self._outputs(above)
        self._warn_about_shared()
        return Graph(self._name, self._part.inputs, tuple(self._calls), outputs, self._part.path)

    def _warn_about_shared(self) -> None:
        if any(step.what is None for step in self._part.steps):
            return  # the step that is wrong may be the use
        for name, thing in self._things.items():
            if thing is not None and name not in self._calls_of and name not in self._wrapped:
                path = (*self._part.path, "shared", name)
                self._report.add("NS311", path, f"`{name}` is declared under `shared` but not used", key=True)

    # shared things

    def _declared_thing(self, name: str, thing: LayerExpr | ModelPart | None) -> LayerDef | Graph | None:
        if thing is None:
            return None
        if isinstance(thing, ModelPart):
            graph = Resolver(thing, name, (), self._report, self._depth + 1).resolve()
            return Graph(name, graph.inputs, graph.calls, graph.outputs, graph.path, shared=True)
        return self._objects.layer(thing, name, shared=True)

    def _nested(self, raw: Any, path: Path) -> Graph | None:
        """A model written where a layer is expected."""
        if not isinstance(raw, dict):
            self._report.add("NS202", path, f"a model has `inputs` and `layers`, got `{describe(raw)}`")
            return None
        unknown_keys(raw, ("inputs", "shared", "layers", "outputs"), path, "a model", self._report)
        part = model_part(raw, path, self._report)
        if part is None:
            return None
        return Resolver(part, self._names.auto("Model"), (), self._report, self._depth + 1).resolve()

    def _shared_thing(self, name: str, path: Path) -> LayerDef | Graph | None:
        """What `use: name` inside a wrapper means."""
        found = self._find_shared(name, path)
        if found is not None:
            self._wrapped.add(name)
        if isinstance(found, LayerDef) and not found.sound:
            return None
        return found

    def _find_shared(self, name: str, path: Path) -> LayerDef | Graph | None:
        if name in self._things:
            return self._things[name]
        if name in self._part.shared:
            line = self._line((*self._part.path, "shared", name))
            self._report.add(
                "NS302",
                path,
                f"`{name}` is declared below, at line {line}; a shared thing can only use what stands above it",
            )
            return None
        kind, where = self._names.declared.get(name, (None, ()))
        close = nearest(name, self._part.shared)
        if kind is not None:
            message, cure = f"`{name}` is a {kind}, not something under `shared`", f"`from: {name}` takes its output"
        elif close:
            message, cure = f"nothing under `shared` is named `{name}`", f"did you mean `{close}`?"
        else:
            message = f"nothing under `shared` is named `{name}`"
            cure = "it holds " + listed(self._part.shared) if self._part.shared else f"declare it: shared: {{{name}: {{LSTM: 64}}}}"
            if self._depth:
                cure += "; a nested model sees nothing outside itself"
        self._report.add("NS313", path, message, help=cure, spans=[(where, f"{kind}")] if kind else [])
        return None

    # steps

    def _step(self, step: Step, above: Tensor | Call | None, first: bool) -> Tensor | Call | None:
        """Resolve one step; the result is what the next step takes."""
        layer = self._layer_of(step)
        fed = self._fed(step, layer, above, first)
        if layer is None or fed is None or (isinstance(layer, LayerDef) and not layer.sound):
            for name in step.names:
                self._tensors[name] = None
            if isinstance(step.what, Use) and layer is not None:
                self._calls_of.setdefault(step.what.target, [])
            return None
        arguments = self._call_arguments(step, layer)
        if step.repeat is not None:
            return self._repeated(step, layer, fed, arguments)
        call = self._call(step, layer, fed, arguments, self._call_name(step, layer))
        return self._publish(step, call)

    def _layer_of(self, step: Step) -> LayerDef | Graph | None:
        what = step.what
        if what is None:
            return None
        if isinstance(what, Use):
            return self._find_shared(what.target, what.path)
        name = step.names[0] if len(step.names) == 1 and step.repeat is None else None
        if isinstance(what, ModelPart):
            auto = name or self._names.auto("Model")
            return Resolver(what, auto, (), self._report, self._depth + 1).resolve()
        if step.repeat is not None:
            entry = catalog.find("layer", what.cls)
            name = snake_or(entry.name if entry else what.cls)  # each repetition is named on its own below
        return self._objects.layer(what, name)

    def _call_name(self, step: Step, layer: LayerDef | Graph) -> str:
        if len(step.names) == 1:
            return step.names[0]
        if isinstance(step.what, Use):
            return self._names.auto(step.what.target)
        return layer.name

    def _call(
        self, step: Step, layer: LayerDef | Graph, fed: Mapping[str, Fed], arguments: Mapping[str, Any], name: str
    ) -> Call:
        if isinstance(layer, Graph):
            outputs = tuple(layer.outputs) or ("output",)
        else:
            outputs = shapes.output_names(layer.cls, layer.args, arguments)
        call = Call(name, layer, fed, arguments, outputs, bool(step.names), step.path)
        self._calls.append(call)
        if isinstance(step.what, Use):
            self._calls_of.setdefault(step.what.target, []).append(call)
        return call

    def _publish(self, step: Step, call: Call) -> Tensor | Call | None:
        """Make a call's outputs known under the step's names."""
        if len(step.names) > 1:
            if len(step.names) != len(call.outputs):
                self._report.add(
                    "NS304",
                    (*step.path, "name"),
                    f"{len(step.names)} names for {_count(len(call.outputs), 'output')}",
                    help="its outputs are " + listed(call.outputs),
                )
            for at, name in enumerate(step.names):
                self._tensors[name] = Tensor(call.name, at) if at < len(call.outputs) else None
        elif step.names:
            if len(call.outputs) > 1:
                self._several[step.names[0]] = call
            else:
                self._tensors[step.names[0]] = Tensor(call.name)
        return call if len(call.outputs) > 1 else Tensor(call.name)

    def _repeated(
        self, step: Step, layer: LayerDef | Graph, fed: Mapping[str, Fed], arguments: Mapping[str, Any]
    ) -> Tensor | Call | None:
        """`repeat`: new weights each time, or with `use` the same weights; the first takes `from`."""
        where = (*step.path, "repeat")
        ((argument, source),) = fed.items() if len(fed) == 1 else ((None, ()),)
        outputs = tuple(layer.outputs) if isinstance(layer, Graph) else shapes.output_names(layer.cls, layer.args, arguments)
        if argument is None or isinstance(source, tuple) or len(outputs) != 1:
            self._report.add("NS310", where, "`repeat` needs one input and one output", key=True)
            for name in step.names:
                self._tensors[name] = None
            return None
        if len(step.names) > 1:
            self._report.add("NS310", where, "`repeat` takes one name", key=True)
        assert step.repeat is not None
        name = step.names[0] if step.names else None
        names = self._names.numbered(name, step.repeat, where, self._report) if name else []
        current = source
        for turn in range(step.repeat):
            if isinstance(step.what, Use):
                each: LayerDef | Graph = layer
                call_name = names[turn] if name else self._names.auto(step.what.target)
            else:
                call_name = names[turn] if name else self._names.auto(layer.cls if isinstance(layer, LayerDef) else "Model")
                each = renewed(layer, call_name)
            self._call(step, each, {argument: current}, arguments, call_name)
            current = Tensor(call_name)
            if name:
                self._tensors[call_name] = current
        if name:
            self._tensors[name] = current
        return current

    # what a step takes

    def _fed(
        self, step: Step, layer: LayerDef | Graph | None, above: Tensor | Call | None, first: bool
    ) -> Mapping[str, Fed] | None:
        """Call argument -> tensors; None where something in it is wrong or broken."""
        if not step.has_source:
            tensor = self._from_above(step, layer, above, first)
            return self._shaped(step, layer, tensor) if tensor is not None else None
        where = (*step.path, "from")
        if isinstance(step.source, dict):
            return self._mapping(step, layer, step.source, where)
        taken = self._take(step.source, where)
        if layer is None or taken is None:
            return None
        return self._shaped(step, layer, taken)

    def _from_above(
        self, step: Step, layer: LayerDef | Graph | None, above: Tensor | Call | None, first: bool
    ) -> Tensor | None:
        if first:
            if len(self._part.inputs) == 1:
                (name,) = self._part.inputs
                return Tensor(name)
            if self._part.inputs:
                names = listed(self._part.inputs)
                message = f"the first step must say which of {len(self._part.inputs)} inputs it takes"
                self._report.add("NS305", step.path, message, help=f"`from:` with one of {names}")
            return None
        if isinstance(above, Call):
            choices = [self._choice(above, name) for name in above.outputs]
            self._report.add(
                "NS304",
                step.path,
                f"the step above has {len(above.outputs)} outputs; this one must say which it takes",
                spans=[(above.path, _count(len(above.outputs), "output"))],
                help="`from:` with one of " + listed(choices)
                if above.named
                else f"name them above: `name: [{', '.join(above.outputs)}]`, then say `from`",
            )
            return None
        if above is not None:
            self._warn_about_head(step, above)
        return above

    def _warn_about_head(self, step: Step, above: Tensor) -> None:
        """A chain that goes on from an output's head without saying so is easily a `from` forgotten."""
        for name, reference in (self._part.outputs or {}).items():
            if self._tensors.get(reference) == above and above.call not in self._part.inputs:
                message = f"this step goes on from output `{name}` without saying so"
                self._report.add("NS312", step.path, message, help=f"`from: {reference}`, or the step that is meant")

    def _take(self, raw: Any, where: Path) -> Fed | None:
        """A name, or a list of names."""
        if isinstance(raw, str):
            return self._tensor(raw, where)
        if isinstance(raw, list):
            if not raw:
                self._report.add("NS309", where, "`from` is an empty list")
                return None
            tensors = [self._one(name, (*where, at)) for at, name in enumerate(raw)]
            return None if any(t is None for t in tensors) else tuple(t for t in tensors if t is not None)
        self._report.add("NS309", where, f"`from` takes a name, a list or a mapping of names, got `{describe(raw)}`")
        return None

    def _one(self, raw: Any, where: Path) -> Tensor | None:
        if isinstance(raw, str):
            return self._tensor(raw, where)
        self._report.add("NS309", where, f"expected a name, got `{describe(raw)}`")
        return None

    def _mapping(self, step: Step, layer: LayerDef | Graph | None, raw: Mapping[str, Any], where: Path) -> Mapping[str, Fed] | None:
        """`from: {query: x, value: memory}`."""
        taken = {name: self._take(value, (*where, name)) for name, value in raw.items()}
        if layer is None:
            return None
        known = list(layer.inputs) if isinstance(layer, Graph) else _tensor_arguments(layer)
        sound = all(value is not None for value in taken.values())
        for name in raw:
            if name not in known:
                close = nearest(name, known)
                what = f"model `{layer.name}` has no input" if isinstance(layer, Graph) else f"`{layer.cls}` takes no tensor"
                cure = f"did you mean `{close}`?" if close else "it takes " + listed(known)
                self._report.add("NS309", (*where, name), f"{what} `{name}`", key=True, help=cure)
                sound = False
        needed = known if isinstance(layer, Graph) else _required_tensors(layer)
        missing = [name for name in needed if name not in raw]
        if missing and sound:
            of = f"model `{layer.name}`" if isinstance(layer, Graph) else f"`{layer.cls}`"
            self._report.add("NS309", where, f"{of} also needs {listed(missing)}", key=True)
            sound = False
        if not sound:
            return None
        if isinstance(layer, Graph):
            flat: list[Tensor] = []
            for name in layer.inputs:
                value = taken[name]
                if not isinstance(value, Tensor):
                    self._report.add("NS309", (*where, name), f"input `{name}` takes one tensor")
                    return None
                flat.append(value)
            return {"inputs": tuple(flat) if len(flat) > 1 else flat[0]}
        ordered = sorted(taken, key=lambda name: known.index(name))
        return {name: value for name in ordered if (value := taken[name]) is not None}

    def _shaped(self, step: Step, layer: LayerDef | Graph | None, taken: Fed) -> Mapping[str, Fed] | None:
        """A tensor or a list of tensors as the first argument of the call, if the layer takes it so."""
        where = (*step.path, "from") if step.has_source else step.path
        if layer is None:
            return None
        if isinstance(layer, Graph):
            count = 1 if isinstance(taken, Tensor) else len(taken)
            if count != len(layer.inputs):
                names = listed(layer.inputs)
                message = f"model `{layer.name}` has {_count(len(layer.inputs), 'input')}, got {_count(count, 'tensor')}"
                self._report.add("NS309", where, message, help=f"its inputs are {names}")
                return None
            return {"inputs": taken[0] if isinstance(taken, tuple) and count == 1 else taken}
        first = _tensor_arguments(layer)[0]
        takes_list = shapes.list_input(layer.cls)
        if isinstance(taken, Tensor):
            if takes_list:
                cure = "from: [first, second]" if not step.has_source else f"from: [{step.source}, another]"
                self._report.add("NS309", where, f"`{layer.cls}` takes a list of tensors, got one", help=cure)
                return None
            if len(_required_tensors(layer)) > 1:
                names = _required_tensors(layer)
                cure = "from: {" + ", ".join(f"{name}: …" for name in names) + "}"
                self._report.add("NS309", where, f"`{layer.cls}` needs {listed(names)}, got one tensor", help=cure)
                return None
        elif not takes_list:
            names = _tensor_arguments(layer)
            if len(taken) == 1:
                cure = f"write `from: {step.source[0]}`"
            elif len(names) > 1:
                cure = "name them by the call's arguments: from: {" + ", ".join(f"{n}: …" for n in names[: len(taken)]) + "}"
            else:
                cure = "put a `Concatenate` or another merging layer in front"
            self._report.add("NS309", where, f"`{layer.cls}` takes one tensor, got a list of {len(taken)}", help=cure)
            return None
        return {first: taken}

    def _call_arguments(self, step: Step, layer: LayerDef | Graph) -> Mapping[str, Any]:
        """Plain arguments of the call, such as `training: true`."""
        if isinstance(layer, Graph):
            known = ["training", "mask"]
        else:
            entry = catalog.find("layer", layer.cls)
            known = [param.name for param in entry.call if param.name not in _CALL_TENSORS] if entry else []
        found = {}
        for name, value in step.call.items():
            where = (*step.path, "call", name)
            if name not in known:
                close = nearest(name, known)
                cure = f"did you mean `{close}`?" if close else ("it takes " + listed(known) if known else None)
                if name in _CALL_TENSORS:
                    cure = "tensors go under `from`"
                self._report.add("NS205", where, f"a call of `{layer.cls}` has no argument `{name}`", key=True, help=cure)
            elif not isinstance(value, bool) and value is not None:
                self._report.add("NS206", where, f"`{name}`: expected true or false, got `{describe(value)}`")
            else:
                found[name] = value
        return found

    # references

    def _tensor(self, name: str, where: Path) -> Tensor | None:
        """The tensor that a reference means: `name`, or `name.output`."""
        base, dot, output = name.partition(".")
        if base in self._several:
            call = self._several[base]
            if dot and output in call.outputs:
                return Tensor(call.name, call.outputs.index(output))
            choices = [self._choice(call, each) for each in call.outputs]
            problem = f"has no output `{output}`" if dot else f"has {len(call.outputs)} outputs"
            self._report.add("NS304", where, f"`{base}` {problem}; choose " + " or ".join(f"`{c}`" for c in choices))
            return None
        if base in self._tensors:
            tensor = self._tensors[base]
            if dot and tensor is not None:
                self._report.add("NS304", where, f"`{base}` has one output, so `.{output}` picks nothing", help=f"write `{base}`")
                return None
            return tensor
        if base in self._part.shared:
            return self._bare_shared(base, output if dot else None, where)
        return self._nowhere(base, where)

    def _choice(self, call: Call, output: str) -> str:
        return f"{call.name}.{output}"

    def _bare_shared(self, name: str, output: str | None, where: Path) -> Tensor | None:
        """A shared thing's bare name: its output while it has one call."""
        calls = self._calls_of.get(name, [])
        if len(calls) == 1:
            call = calls[0]
            if len(call.outputs) == 1:
                return Tensor(call.name)
            if output in call.outputs:
                return Tensor(call.name, call.outputs.index(output))
            choices = " or ".join(f"`{name}.{each}`" for each in call.outputs)
            self._report.add("NS304", where, f"`{name}` has {len(call.outputs)} outputs; choose {choices}")
            return None
        if calls:
            named = [call for call in calls if call.named]
            choices = " or ".join(f"`{c.name}` (line {self._line(c.path)})" for c in named)
            cure = None if named else "give the steps that use it a name each"
            message = f"`{name}` is called {len(calls)} times; choose {choices}" if named else f"`{name}` is called {len(calls)} times"
            self._report.add("NS304", where, message, help=cure)
            return None
        if name in self._calls_of:  # its only call is broken, and reported
            return None
        later = next((s for s in self._part.steps if isinstance(s.what, Use) and s.what.target == name), None)
        if later is not None:
            message = f"`{name}` is called below, at line {self._line(later.path)}; a step can only take what stands above it"
            self._report.add("NS302", where, message)
        elif name in self._wrapped:
            message = f"`{name}` is used only inside a wrapper, so it has no output of its own"
            self._report.add("NS313", where, message, help=f"`- use: {name}` calls it")
        else:
            self._report.add("NS313", where, f"`{name}` is declared but not called, so it has no output", help=f"`- use: {name}` calls it")
        return None

    def _nowhere(self, name: str, where: Path) -> None:
        kind, path = self._names.declared.get(name, (None, ()))
        if kind == "variable":
            self._report.add("NS301", where, f"`{name}` is a variable, not a step", help=f"variables are written `${name}`")
        elif kind is not None:
            message = f"`{name}` is defined below, at line {self._line(path)}; a step can only take what stands above it"
            common = [a for a, b in zip(path, where, strict=False) if a == b]
            if path[: len(common)] == where[: len(common)] and isinstance(common[-1], int):
                message = f"`{name}` is this step itself; a step can only take what stands above it"
            self._report.add("NS302", where, message, spans=[(path, "defined here")])
        else:
            close = self._names.nearest(name)
            cure = None
            message = f"no step, input or shared layer is named `{name}`"
            if close:
                message += f"; `{close}` is, at line {self._line(self._names.declared[close][1])}"
                cure = f"did you mean `{close}`?"
            elif self._depth:
                cure = "a nested model sees nothing outside itself"
            self._report.add("NS301", where, message, help=cure)

    def _line(self, path: Path) -> int:
        return self._report.locator.locate(path).line

    # outputs

    def _outputs(self, above: Tensor | Call | None) -> dict[str, Tensor]:
        if self._part.outputs is None:
            if isinstance(above, Call):
                choices = listed(self._choice(above, each) for each in above.outputs)
                message = f"the last step has {len(above.outputs)} outputs; say which are the model's"
                self._report.add("NS308", above.path, message, help=f"`outputs:` with {choices}")
            if isinstance(above, Tensor):
                if above.call in self._part.inputs:
                    self._report.add("NS308", (*self._part.path, "layers"), "the model's output is its input", key=True)
                    return {}
                return {above.call: above}
            return {}
        found = {}
        for name, reference in self._part.outputs.items():
            where = self._part.outputs_paths[name]
            tensor = self._tensor(reference, where)
            if tensor is None:
                continue
            if tensor.call in self._part.inputs:
                self._report.add("NS308", where, f"`{reference}` is an input, so it cannot be an output")
                continue
            found[name] = tensor
        return found


def snake_or(cls: str) -> str:
    """The name of a layer that is only a pattern for its repetitions."""
    return cls.lower()


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _tensor_arguments(layer: LayerDef) -> list[str]:
    """The call's arguments that take tensors, in order; the first is what a plain `from` feeds."""
    entry = catalog.find("layer", layer.cls)
    if entry is None or not entry.call:
        return ["inputs"]
    first = entry.call[0].name
    return [first, *(p.name for p in entry.call[1:] if p.name in _CALL_TENSORS)]


def _required_tensors(layer: LayerDef) -> list[str]:
    entry = catalog.find("layer", layer.cls)
    if entry is None or not entry.call:
        return ["inputs"]
    return [entry.call[0].name, *(p.name for p in entry.call[1:] if p.required and p.name in _CALL_TENSORS)]

