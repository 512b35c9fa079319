"""What goes into one call: tensors by the arguments of Keras's `call`, plain call arguments; misfits are reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec import catalog
from netspec.catalog import shapes
from netspec.catalog.nearest import nearest, rename
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.graph.ir import Graph, LayerDef, Tensor
from netspec.graph.references import count
from netspec.language.parse import listed
from netspec.language.spec import Step

Fed = Tensor | tuple[Tensor, ...]
_CALL_TENSORS = frozenset(  # arguments of a layer's call that take tensors, by Keras's names
    (
        *("inputs", "sequences", "query", "value", "key", "x", "data", "initial_state", "count_weights"),
        *("mask", "attention_mask", "query_mask", "value_mask", "key_mask"),
    )
)


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
    names = tensor_arguments(layer)
    required = _required_tensors(layer)
    takes_list = shapes.list_input(layer.cls)
    problem: str | None = None
    cure = None
    if isinstance(taken, Tensor):
        if takes_list:
            problem = f"`{layer.cls}` takes a list of tensors, got one"
            cure = f"write `from: [{step.source}, another]`" if step.has_source else "write `from: [first, second]`"
        elif len(required) > 1:
            problem = f"`{layer.cls}` needs {listed(required)}, got one tensor"
            cure = "write `from: {" + ", ".join(f"{name}: …" for name in required) + "}`"
    elif not takes_list:
        problem = f"`{layer.cls}` takes one tensor, got a list of {len(taken)}"
        if len(taken) == 1:
            cure = f"write `from: {step.source[0]}`"
        elif len(names) > 1 and len(names) >= len(taken):
            cure = (
                "name them by the call's arguments: `from: {" + ", ".join(f"{n}: …" for n in names[: len(taken)]) + "}`"
            )
        else:
            cure = "put a `Concatenate` or another merging layer in front"
    if problem is not None:
        report.add("NS309", where, problem, help=cure)
        return None
    return {names[0]: taken}


def by_name(
    layer: LayerDef | Graph, taken: Mapping[str, Fed | None], where: Path, report: Report
) -> Mapping[str, Fed] | None:
    """`from: {query: x, value: memory}`: tensors by the call's arguments, or by a nested model's inputs."""
    model = isinstance(layer, Graph)
    known = list(layer.inputs) if isinstance(layer, Graph) else tensor_arguments(layer)
    needed = known if isinstance(layer, Graph) else _required_tensors(layer)
    of = f"model `{layer.name}`" if model else f"`{layer.cls}`"
    unknown = [name for name in taken if name not in known]
    missing = [name for name in needed if name not in taken]
    for name in unknown:
        close = nearest(name, missing) or nearest(name, known)
        cure = f"did you mean `{close}`?" if close else "it takes " + listed(known)
        what = f"{of} has no input `{name}`" if model else f"{of} takes no tensor `{name}`"
        fix = rename(name, missing or [each for each in known if each not in taken])
        report.add("NS309", (*where, name), what, key=True, help=cure, fix=fix)
    if missing and not unknown:
        cure = "write `from: {" + ", ".join(f"{name}: …" for name in needed[:6]) + "}`"
        report.add("NS309", where, f"{of} {'also ' if taken else ''}needs {listed(missing)}", key=True, help=cure)
    found = {name: taken[name] for name in known if name in taken}
    sound = {name: value for name, value in found.items() if value is not None}
    if unknown or missing or len(sound) < len(taken):
        return None
    if not isinstance(layer, Graph):
        return sound
    several = [name for name, value in sound.items() if not isinstance(value, Tensor)]
    for name in several:
        report.add("NS309", (*where, name), f"input `{name}` takes one tensor, got a list")
    if several:
        return None
    flat = tuple(value for value in sound.values() if isinstance(value, Tensor))
    return {"inputs": flat if len(flat) > 1 else flat[0]}


def references(step: Step, layer: LayerDef | Graph) -> tuple[Path, ...]:
    """Where each tensor of a sound call is referred to, in the order in which it goes in; empty without a `from`."""
    where = (*step.path, "from")
    if not step.has_source:
        return ()
    if not isinstance(step.source, dict):
        return _each(step.source, where)
    known = layer.inputs if isinstance(layer, Graph) else tensor_arguments(layer)
    return tuple(path for name in known if name in step.source for path in _each(step.source[name], (*where, name)))


def _each(source: Any, where: Path) -> tuple[Path, ...]:
    return tuple((*where, at) for at in range(len(source))) if isinstance(source, list) else (where,)


def call_arguments(step: Step, layer: LayerDef | Graph, report: Report) -> Mapping[str, Any] | None:
    """Plain arguments of the call, such as `training: true`; None where one is wrong."""
    if isinstance(layer, Graph):
        known, cls = ["training"], "a model"
    else:
        entry = catalog.find("layer", layer.cls)
        known = [param.name for param in entry.call if param.name not in _CALL_TENSORS] if entry else []
        cls = f"`{layer.cls}`"
    found: dict[str, Any] | None = {}
    for name, value in step.call.items():
        where = (*step.path, "call", name)
        if name not in known:
            close = nearest(name, known)
            cure = f"did you mean `{close}`?" if close else ("it takes " + listed(known) if known else None)
            if name in _CALL_TENSORS:
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
