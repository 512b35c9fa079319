"""`optimizers` as Keras knows them: a MultiOptimizer, in which each variable has the optimizer of its layer.

Import it after `engine.keras()`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras.optimizers import LossScaleOptimizer, MultiOptimizer, OptimizerMap

from netspec.errors import NetspecError
from netspec.graph.grouping import innermost
from netspec.graph.ir import REST, Graph, Group, KerasObject, LayerDef, Training


class OnePath(NetspecError):
    """Two variables of one path have different optimizers, which a saved model cannot tell apart."""

    code = "NS408"
    exit_code = 1


def several(model: Any, graph: Graph, plan: Training, make: Callable[[KerasObject], Any], *, portable: bool) -> Any:
    """The optimizer of a model whose layers have optimizers of their own.

    Args:
        model: built from `graph`, not compiled.
        graph: what it was built from.
        plan: has `groups`.
        make: makes an optimizer.
        portable: of Keras's own classes alone, so that it can be saved and read by whoever has Keras; else of ours,
            which work round its faults.
    """
    base = innermost(plan.optimizer)
    scale = base.args.get("loss_scale_factor")  # Keras takes it off each optimizer, and scales the loss by its own
    rest = make(_named(base, REST))
    others = [make(_named(group.optimizer, group.name)) for group in plan.groups]
    found = _by_variable(model, graph, plan.groups)
    chosen: Any = _ByVariable(rest, others, found)
    if portable:
        by_path = _by_path(model, found, others)
        chosen = OptimizerMap(rest, by_path) if isinstance(by_path, dict) else _ByVariable(rest, others, found, by_path)
    made: Any = (MultiOptimizer if portable else Several)(chosen, loss_scale_factor=scale, name="optimizers")
    outer = plan.optimizer
    while isinstance(outer, KerasObject) and "inner_optimizer" in outer.args:
        kept = {name: value for name, value in outer.args.items() if name != "inner_optimizer"}
        made = (LossScaleOptimizer if portable else Scaled)(made, **kept)
        outer = outer.args["inner_optimizer"]
    return made


def scaled(optimizer: Any) -> Any:
    """An optimizer inside what scales the loss, as Keras puts it in one of its own under `mixed_float16`."""
    return optimizer if isinstance(optimizer, LossScaleOptimizer) else Scaled(optimizer, name="loss_scale_optimizer")


class Several(MultiOptimizer):  # type: ignore[misc]
    """A MultiOptimizer that takes a step where no gradient reaches any layer of one of its optimizers.

    Keras raises there, which with a single optimizer it does not as long as one gradient comes. And it leaves an
    optimizer unbuilt that has no variables, at which SwapEMAWeights raises.
    """

    def build(self, var_list: Any) -> None:
        """Builds every optimizer."""
        if not self.built:
            super().build(var_list)
            for each in self.optimizers:
                if not each.built:
                    each.build([])

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Gives each optimizer its gradients, where it has any."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not grads:
            return
        self.build(variables)
        pairs: list[list[tuple[Any, Any]]] = [[] for _ in self.optimizers]
        for gradient, variable in zip(grads, variables, strict=True):
            pairs[self._var_to_optimizer_idx[self._var_key(variable)]].append((gradient, variable))
        for each, mine in zip(self.optimizers, pairs, strict=True):
            if any(gradient is not None for gradient, _ in mine):
                each.apply(*map(list, zip(*mine, strict=True)))
        self.iterations.assign_add(1)


class Scaled(LossScaleOptimizer):  # type: ignore[misc]
    """A LossScaleOptimizer that shows the optimizers inside, without which ReduceLROnPlateau finds no learning rate."""

    @property
    def optimizers(self) -> Any:
        """Those of the MultiOptimizer inside."""
        return self.inner_optimizer.optimizers


class _ByVariable:
    """What a MultiOptimizer asks for a variable's optimizer, as an OptimizerMap but by the variable itself.

    Its path would not do: layers of one name in two models have one. `shared` is such a path, which nothing can save.
    """

    def __init__(self, rest: Any, others: Sequence[Any], found: Mapping[int, int], shared: str = "") -> None:
        self.default_optimizer, self._others, self._found = rest, tuple(others), dict(found)
        self._shared = shared

    def get_config(self) -> Any:
        """Raises OnePath."""
        message = (
            "a saved model tells layers with different optimizers apart by their names in their own models alone, "
        )
        message += f"and there are two `{self._shared.rpartition('/')[0]}`"
        raise OnePath(message, help="give these steps a `name` each that no other step has")

    def values(self) -> Sequence[Any]:
        return self._others

    def __call__(self, variable: Any) -> Any:
        at = self._found.get(id(variable))
        return self.default_optimizer if at is None else self._others[at]


def _named(optimizer: KerasObject, name: str) -> KerasObject:
    """Keras logs learning rates under the optimizers' names, and would number them over a whole process."""
    args = {key: value for key, value in optimizer.args.items() if key != "loss_scale_factor"}
    return replace(optimizer, args={**args, "name": name})


def _by_variable(model: Any, graph: Graph, groups: Sequence[Group]) -> dict[int, int]:
    """A variable by identity -> the number of its group."""
    group_of = {layer: at for at, group in enumerate(groups) for layer in group.layers}
    found: dict[int, int] = {}
    for made, layer in _layers(model, graph):
        at = group_of.get(id(layer))
        if at is not None:
            inner = layer.args.get("layer") if layer.cls != "Bidirectional" else None
            apart = {id(each) for each in made.layer.variables} if isinstance(inner, LayerDef | Graph) else ()
            found.update({id(each): at for each in made.variables if id(each) not in apart})
    return found


def _layers(model: Any, graph: Graph) -> Iterator[tuple[Any, LayerDef]]:
    """Keras's layers with what they were made from, those inside models and wrappers listed on their own."""
    stack: list[tuple[Any, Any]] = [(model, graph)]
    seen: set[int] = set()
    while stack:
        made, thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Graph):
            by_name = {layer.name: layer for layer in made.layers}
            calls = thing.live_calls()
            stack.extend((by_name[call.layer.name], call.layer) for call in calls if call.layer.name in by_name)
            continue
        yield made, thing
        inner = thing.args.get("layer")
        if isinstance(inner, LayerDef | Graph) and thing.cls != "Bidirectional":
            stack.append((made.layer, inner))


def _by_path(model: Any, found: Mapping[int, int], others: Sequence[Any]) -> dict[str, Any] | str:
    """An expression of the paths of each optimizer's variables -> the optimizer, as an OptimizerMap takes it.

    Or a path that variables of different optimizers have.
    """
    paths: dict[str, int | None] = {}
    for variable in model.trainable_variables:
        at = found.get(id(variable))
        if paths.setdefault(variable.path, at) != at:
            return str(variable.path)
    mine: dict[int, list[str]] = {}
    for path, at in paths.items():
        if at is not None:
            mine.setdefault(at, []).append(re.escape(path))
    return {"|".join(mine[at]): each for at, each in enumerate(others) if at in mine}
