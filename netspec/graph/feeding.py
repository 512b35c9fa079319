"""What goes into one call: tensors by the arguments of Keras's `call`, plain call arguments; misfits are reported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netspec import catalog
from netspec.catalog import shapes
from netspec.catalog.nearest import near, nearest, rename
from netspec.catalog.types import CALL_TENSORS
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Graph, LayerDef, Tensor
from netspec.graph.references import count
from netspec.language.parse import listed
from netspec.language.spec import Step

Fed = Tensor | tuple[Tensor, ...]


def by_position(step: Step, layer: LayerDef | Graph, taken: Fed, report: Report) -> Mapping[str, Fed] | None:
    """A tensor or a list of tensors as the first argument of the call, if the layer takes it so."""
    where = (*step.path, "from") if step.has_source else step.path
    if isinstance(layer, Graph):
        given = 1 if isinstance(taken, Tensor) else len(taken)
        if given != len(layer.inputs):
            message = f"model `{layer.name}` has {count(len(layer.inputs), 'input')}, got {count(given, 'tensor')}"
            report.add("NS309", where, message, help=f"its inputs are {listed(layer.inputs)}")
            return None
        return {"inputs": taken[0] if isinstance(taken, tuple) and given == 1 else taken}
    if layer.own is not None:  # whether it takes one tensor or a list is known to its own Python alone
        return {"inputs": taken}
    if layer.cls.startswith(catalog.OPS):
        return _operands(step, layer, taken, where, report)
    names, required = tensor_arguments(layer), _required_tensors(layer)
    takes_list = shapes.list_input(layer.cls)
    problem: str | None = None
    cure = None
    if isinstance(taken, Tensor):
        if takes_list:
            problem = f"`{layer.cls}` takes a list of tensors, got one"
            cure = f"write `from: [{step.source}, another]`" if step.has_source else "write `from: [first, second]`"
        elif len(required) > 1:
            problem = f"`{layer.cls}` needs {listed(required)}, got one tensor"
            again = step.source if isinstance(step.source, str) and step.has_source else "…"
            cure = "write `from: {" + ", ".join(f"{name}: {again}" for name in required) + "}`"
    elif not takes_list:
        by_name = len(required) > 1
        takes = f"takes {listed(required)} by name" if by_name else "takes one tensor"
        problem = f"`{layer.cls}` {takes}, got a list of {len(taken)}"
        if len(taken) == 1:
            cure = f"write `from: {step.source[0]}`"
        elif len(names) > 1 and len(names) >= len(taken):
            pairs = zip(names, step.source if isinstance(step.source, list) else "…" * len(taken), strict=False)
            cure = "write `from: {" + ", ".join(f"{name}: {each}" for name, each in pairs) + "}`"
        else:
            cure = "put a `Concatenate` or another merging layer in front"
    if problem is not None:
        report.add("NS309", where, problem, help=cure)
        return None
    return {names[0]: taken}


def fed_arguments(entry: catalog.Entry, args: Any, source: Any) -> tuple[str, ...]:
    """The arguments of an operation that a raw `from` feeds: its tensors in order, but for those that `args` gives."""
    free = [param.name for param in entry.call if not isinstance(args, dict) or param.name not in args]
    if isinstance(source, dict):
        return tuple(name for name in free if name in source)
    listed_first = bool(free) and free[0] in entry.lists
    return tuple(free[: len(source)] if isinstance(source, list) and not listed_first else free[:1])


def _operands(step: Step, layer: LayerDef, taken: Fed, where: Path, report: Report) -> Mapping[str, Fed] | None:
    """The tensors of an operation, in the order of its arguments; one that takes a list takes all of them."""
    entry = catalog.find("op", layer.cls)
    names, required = tensor_arguments(layer), _required_tensors(layer)
    given = 1 if isinstance(taken, Tensor) else len(taken)
    takes_list = entry is not None and bool(names) and names[0] in entry.lists
    source = step.source if step.has_source else "x"
    problem = cure = None
    if not names:
        problem, cure = f"`{layer.cls}` has no tensor left to take", "leave out one of its arguments"
    elif isinstance(taken, Tensor) and takes_list and entry is not None and entry.star is None:
        problem, cure = f"`{layer.cls}` takes a list of tensors, got one", f"write `from: [{source}, another]`"
    elif isinstance(taken, tuple) and not takes_list and given == 1:
        problem, cure = f"`{layer.cls}` takes single tensors, got a list of one", f"write `from: {step.source[0]}`"
    elif not takes_list and given > len(names):
        problem = f"`{layer.cls}` takes {count(len(names), 'tensor')}, got {given}"
        cure = f"its tensors are {listed(names)}" if len(names) > 1 else "join them first, as with `ops.concatenate`"
    elif missing := [name for name in required if name not in names[: 1 if takes_list else given]]:
        problem = f"`{layer.cls}` also needs {listed(missing)}"
        number = f", or a number in its place: `{layer.cls}: {{{missing[0]}: 1}}`" if len(missing) == 1 else ""
        cure = "write `from: {" + ", ".join(f"{name}: …" for name in required) + "}`" + number
    if problem is not None:
        report.add("NS309", where, problem, help=cure)
        return None
    if takes_list:
        return {names[0]: (taken,) if isinstance(taken, Tensor) else taken}
    return dict(zip(names, (taken,) if isinstance(taken, Tensor) else taken, strict=False))


def by_name(
    layer: LayerDef | Graph, taken: Mapping[str, Fed | None], where: Path, report: Report
) -> Mapping[str, Fed] | None:
    """`from: {query: x, value: memory}`: tensors by the call's arguments, or by a nested model's inputs."""
    model = isinstance(layer, Graph)
    if isinstance(layer, LayerDef) and layer.own is not None:
        fed = {name: value for name, value in taken.items() if value is not None}
        return fed if fed and len(fed) == len(taken) else None
    known = list(layer.inputs) if isinstance(layer, Graph) else tensor_arguments(layer)
    needed = known if isinstance(layer, Graph) else _required_tensors(layer)
    of = f"model `{layer.name}`" if model else f"`{layer.cls}`"
    unknown = [name for name in taken if name not in known]
    missing = [name for name in needed if name not in taken]
    twice = [name for name in unknown if isinstance(layer, LayerDef) and name in layer.args]
    if unknown and isinstance(layer, LayerDef) and shapes.list_input(layer.cls) and known[0] in missing:
        order = ["query", "value", *(["key"] if "key" in taken and "value" in taken else [])]
        order = order if "query" in taken else list(taken)
        cure = f"write `from: [{', '.join(order)}]`, in this order"
        report.add("NS309", where, f"{of} takes its tensors as a list, got names", key=True, help=cure)
        return None
    for name in twice:
        message = f"`{name}` is given twice: here, and as an argument of {of}"
        report.add("NS309", (*where, name), message, key=True, help="leave one of them out")
    for name in unknown:
        if name in twice:
            continue
        close = near(name, missing) or near(name, known)
        cure = f"did you mean `{close}`?" if close else "it takes " + listed(known)
        what = f"{of} has no input `{name}`" if model else f"{of} takes no tensor `{name}`"
        fix = rename(name, missing or [each for each in known if each not in taken]) if close else None
        report.add("NS309", (*where, name), what, key=True, help=cure, fix=fix)
    if missing and not unknown:
        cure = "write `from: {" + ", ".join(f"{name}: …" for name in needed[:6]) + "}`"
        report.add("NS309", where, f"{of} {'also ' if taken else ''}needs {listed(missing)}", key=True, help=cure)
    found = {name: taken[name] for name in known if name in taken}
    sound = {name: value for name, value in found.items() if value is not None}
    if unknown or missing or len(sound) < len(taken):
        return None
    if not isinstance(layer, Graph):
        return _listed_operands(layer, sound, where, report) if layer.cls.startswith(catalog.OPS) else sound
    several = [name for name, value in sound.items() if not isinstance(value, Tensor)]
    for name in several:
        cure = "put a `Concatenate` or another merging layer in front"
        report.add("NS309", (*where, name), f"input `{name}` takes one tensor, got a list", help=cure)
    if several:
        return None
    flat = tuple(value for value in sound.values() if isinstance(value, Tensor))
    return {"inputs": flat if len(flat) > 1 else flat[0]}


def _listed_operands(
    layer: LayerDef, taken: Mapping[str, Fed], where: Path, report: Report
) -> Mapping[str, Fed] | None:
    """An operation's tensors by name: those arguments that take a list get one, the others a tensor each."""
    entry = catalog.find("op", layer.cls)
    found: dict[str, Fed] | None = {}
    for name, value in taken.items():
        wants = entry is not None and name in entry.lists
        if wants == isinstance(value, tuple):
            fed = value
        elif wants and isinstance(value, Tensor) and entry is not None and entry.star == name:
            fed = (value,)
        else:
            takes = "a list of tensors, got one" if wants else "one tensor, got a list"
            cure = "write `[a, b]`" if wants else "join them first, as with `ops.concatenate`"
            report.add("NS309", (*where, name), f"`{name}` of `{layer.cls}` takes {takes}", help=cure)
            found = None
            continue
        if found is not None:
            found[name] = fed
    return found


def references(step: Step, layer: LayerDef | Graph) -> tuple[Path, ...]:
    """Where each tensor of a sound call is referred to, in the order in which it goes in; empty without a `from`."""
    where = (*step.path, "from")
    if not step.has_source:
        return ()
    if not isinstance(step.source, dict):
        return _each(step.source, where)
    known = layer.inputs if isinstance(layer, Graph) else tensor_arguments(layer)
    if isinstance(layer, LayerDef) and layer.own is not None:
        known = list(step.source)
    return tuple(path for name in known if name in step.source for path in _each(step.source[name], (*where, name)))


def _each(source: Any, where: Path) -> tuple[Path, ...]:
    return tuple((*where, at) for at in range(len(source))) if isinstance(source, list) else (where,)


def call_arguments(step: Step, layer: LayerDef | Graph, report: Report) -> Mapping[str, Any] | None:
    """Plain arguments of the call, such as `training: true`; None where one is wrong."""
    if not step.call:
        return {}
    if isinstance(layer, LayerDef) and layer.own is not None:
        return step.call
    if isinstance(layer, Graph):
        known, cls = ["training"], "a model"
    else:
        entry = catalog.find("layer", layer.cls)  # an operation has no plain arguments but those behind its name
        known = [param.name for param in entry.call if param.name not in CALL_TENSORS] if entry else []
        cls = f"`{layer.cls}`"
    found: dict[str, Any] | None = {}
    for name, value in step.call.items():
        where = (*step.path, "call", name)
        if name not in known:
            close = nearest(name, known)
            cure = f"did you mean `{close}`?" if close else ("it takes " + listed(known) if known else None)
            if not known and not isinstance(layer, Graph) and layer.cls.startswith(catalog.OPS):
                cure = f"the arguments of an operation stand behind its name: `{layer.cls}: {{{name}: …}}`"
            elif name in CALL_TENSORS:
                cure = f"tensors go under `from`, as in `from: {{{name}: …}}`"
            fix = rename(name, [each for each in known if each not in step.call])
            report.add("NS205", where, f"a call of {cls} has no argument `{name}`", key=True, help=cure, fix=fix)
            found = None
        elif not isinstance(value, bool) and value is not None:
            report.add("NS206", where, f"`{name}`: expected true or false, got `{describe(value)}`")
            found = None
        elif found is not None:
            found[name] = value
    return found


def tensor_arguments(layer: LayerDef) -> list[str]:
    """The call's arguments that take tensors, in order; the first is what a plain `from` feeds."""
    names = _tensor_arguments(layer.cls)[0]
    return [name for name in names if name not in layer.args] if layer.cls.startswith(catalog.OPS) else names


def _required_tensors(layer: LayerDef) -> list[str]:
    names = _tensor_arguments(layer.cls)[1]
    return [name for name in names if name not in layer.args] if layer.cls.startswith(catalog.OPS) else names


@cache
def _tensor_arguments(cls: str) -> tuple[list[str], list[str]]:
    """All arguments of a call that take tensors, and those of them that it needs; the first is always one."""
    entry = catalog.find_step(cls)
    if entry is None or not entry.call:
        return ["inputs"], ["inputs"]
    if entry.kind == "op":
        return [p.name for p in entry.call], [p.name for p in entry.call if p.required]
    first, *more = entry.call
    taken = [p for p in more if p.name in CALL_TENSORS]
    return [first.name, *(p.name for p in taken)], [first.name, *(p.name for p in taken if p.required)]
