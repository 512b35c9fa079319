"""The lowering: a Checked spec becomes the Keras functional model that one would have written by hand."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.shapes.recurrent import by_cell
from netspec.catalog.types import show_bytes
from netspec.diagnostics import Path
from netspec.errors import NetspecError
from netspec.graph.costs import sized
from netspec.graph.ir import Call, Checked, Graph, KerasObject, LayerDef, Tensor, Training, TypedGraph
from netspec.graph.own import owned, within
from netspec.graph.training import metric_name
from netspec.language.spec import Own
from netspec.runtime.engine import keras as load_keras
from netspec.runtime.engine import with_deep_stack
from netspec.runtime.model import operations, own_code
from netspec.runtime.model.renaming import renamed


class BuildError(NetspecError):
    """Keras refused a part of a spec. `path` leads to that part; the cause is Keras's own error."""

    code = "NS408"
    exit_code = 1

    def __init__(self, path: Path, cause: Exception, *, help: str | None = None) -> None:
        cure = help or "change this part as Keras asks; `netspec layers NAME` lists what a layer takes"
        super().__init__(_first_line(cause), help=cure)
        self.path = path
        self.__cause__ = cause


class TooBig(NetspecError):
    """The weights do not fit into memory; nothing was allocated."""

    code = "NS601"
    exit_code = 1


def build(
    checked: Checked,
    *,
    compiled: bool = True,
    steps_per_execution: int = 1,
    scored: Collection[str] | None = None,
    weighted: bool = False,
    portable: bool = False,
) -> Any:
    """The model of a spec, compiled with its losses, metrics and optimizer.

    Args:
        checked: an analysed spec without an error.
        compiled: False leaves out `compile`.
        steps_per_execution: as in `keras.Model.compile`.
        scored: the outputs that there are targets for; the others have no metrics. All if left out.
        weighted: metrics get the weights of rows too.
        portable: with objects of Keras's own classes alone, so that it can be saved and read without netspec.

    Returns:
        A `keras.Model`. One input is a tensor, several are a list in the order of the spec, fed by name or in order;
        one output is a tensor, several are a dictionary by name.

    Raises:
        BuildError: Keras refuses a layer, a loss, a metric or an optimizer.
        TooBig: the weights are larger than the memory that is free.
        MissingEngine: TensorFlow is not installed.
    """
    _check_memory(checked, 1)
    checked = renamed(checked) if portable else checked
    model = lower(checked)
    if compiled:
        how: dict[str, Any] = {"scored": scored, "weighted": weighted, "portable": portable}
        compile_model(model, checked, steps_per_execution=steps_per_execution, **how)
    return model


def lower(checked: Checked, *, dry: bool = False) -> Any:
    """The uncompiled model, without a look at the memory that it takes.

    `dry` leaves out what needs a weight with a value at once, which is the state of a stateful layer.
    """
    load_keras()
    graph = checked.typed.graph

    def whole() -> Any:
        with policy(checked.policy):  # inside, for it holds for a thread alone
            return _Builder(checked.folder, dry).whole(graph)

    return with_deep_stack(whole, _nodes(checked.typed))


@contextmanager
def policy(name: str | None) -> Iterator[None]:
    """Layers that say no dtype get this one, float32 if it is None, whatever was set before and is again after."""
    config = load_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(name or "float32")
    try:
        yield
    finally:
        config.set_dtype_policy(before)


def save(checked: Checked, target: FilePath) -> tuple[int, int]:
    """Build, save as `.keras` and read back; the file appears whole or not at all.

    Returns:
        The file's size in bytes, and the number of parameters.

    Raises:
        BuildError, TooBig, MissingEngine: as `build`.
        OSError: the folder is missing or cannot be written.
    """
    _check_memory(checked, 3)  # the model, its file's content, and the model that is read back
    model = build(checked, compiled=saves_training(checked), portable=True)
    keras = load_keras()
    nodes = _nodes(checked.typed)
    mine, own_folder = [own for own in owned(checked) if own.kind in LAYERS], FilePath(checked.folder)
    try:
        beside = tempfile.TemporaryDirectory(prefix=".netspec-", dir=target.parent)
    except OSError as error:
        error.filename = str(target)  # the name that the user knows
        raise
    with beside as folder:
        path = os.path.join(folder, target.name)
        with_deep_stack(lambda: model.save(path), nodes)
        with warnings.catch_warnings():
            # True of every optimizer that has not trained yet: it has no slots to read. What else is skipped is raised.
            warnings.filterwarnings("ignore", "Skipping (variable loading for optimizer|nested)", UserWarning)
            again = with_deep_stack(lambda: _read_back(keras, path, mine, own_folder, target), nodes)
        if again.count_params() != model.count_params():
            raise BuildError((), ValueError(f"`{target}` does not read back as it was written"))
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        size = os.path.getsize(path)
        os.replace(path, target)
    return size, model.count_params()


LAYERS = ("layer", "cell")  # kinds of a user's own that a saved model holds


def saves_training(checked: Checked) -> bool:
    """Whether a saved model holds losses, metrics and optimizer: not where some of them are a user's own Python."""
    return all(own.kind in (*LAYERS, "callback") for own in owned(checked))


def _read_back(keras: Any, path: str, mine: Sequence[Own], folder: FilePath, target: FilePath) -> Any:
    try:
        return keras.models.load_model(path, custom_objects=own_code.custom_objects(mine, folder))
    except Exception as error:
        said = own_code.unreadable(error, mine, target) if mine else None
        if said is None:
            cure = "its layers of your own need a `get_config` with all arguments of their constructors"
            cure = cure if mine else "Keras cannot keep this model in a file; `netspec fit` trains it all the same"
            why = str(error).partition(" Example error message")[0]
            raise BuildError((), ValueError(f"`{target}` does not read back: {why}"), help=cure) from error
        raise said from error


def _nodes(typed: TypedGraph) -> int:
    """How many calls a model holds, those of nested models included: what Keras's recursion may have to go through."""
    return sum(len(inner.graph.calls) for inner in typed.nested.values())


def compile_model(
    model: Any,
    checked: Checked,
    *,
    steps_per_execution: int = 1,
    scored: Collection[str] | None = None,
    weighted: bool = False,
    portable: bool = False,
) -> None:
    """Compile with losses, weights and metrics by output name; the metrics of `scored` only, where it is given.

    `weighted` metrics get the weights of rows; `portable` as in `build`.
    """
    plan = checked.training
    outputs = tuple(checked.typed.graph.outputs)
    folder = checked.folder
    losses = {name: _made(plan.losses.get(name), ("losses",), folder) for name in outputs}
    metrics = {
        name: [_made(metric, ("metrics",), folder) for metric in plan.metrics[name]]
        for name in outputs
        if plan.metrics.get(name) and (scored is None or name in scored)
    }
    several = len(outputs) > 1
    weights: Any = {name: plan.loss_weights.get(name, 1.0) for name in outputs}
    if any(loss is not None for loss in losses.values()):
        arguments: dict[str, Any] = {
            "loss": losses if several else losses[outputs[0]],
            "loss_weights": _weights(plan, weights, several),
            "weighted_metrics" if weighted else "metrics": (metrics or None)
            if several
            else next(iter(metrics.values()), None),
        }
    else:
        arguments = {}
    if plan.groups:
        from netspec.runtime.model import optimizing

        graph = checked.typed.graph
        optimizer = optimizing.several(model, graph, plan, lambda one: _made(one, one.path, folder), portable=portable)
        if checked.policy == "mixed_float16" and not portable:
            optimizer = optimizing.scaled(optimizer)
    else:
        optimizer = _made(plan.optimizer, ("optimizer",), folder)
    model.compile(
        optimizer=optimizer,
        steps_per_execution=steps_per_execution,
        jit_compile=True if checked.fit.jit else "auto",
        run_eagerly=checked.fit.eager,
        **arguments,
    )


def _weights(plan: Training, weights: dict[str, float], several: bool) -> Any:
    if not plan.loss_weights:
        return None
    return weights if several else list(weights.values())


def callbacks(checked: Checked) -> list[Any]:
    """The callbacks of the spec as Keras objects."""
    return [_made(callback, ("fit", "callbacks"), checked.folder) for callback in checked.training.callbacks]


def layers(made: Sequence[LayerDef]) -> list[Any]:
    """Layers outside of the model, as Keras objects. Raises BuildError where Keras refuses one."""
    return [_made(layer, layer.path) for layer in made]


def _made(value: Any, path: Path, folder: str = "") -> Any:
    """A Keras object outside the model; what Keras refuses is said at the object, or at `path` for a bare name."""
    try:
        return _Builder(folder).value(value)
    except own_code.OwnCodeError:
        raise
    except Exception as error:
        raise BuildError(value.path if isinstance(value, KerasObject) else path, error) from error


def _reserve(keras: Any, graph: Graph) -> None:
    """Keep Keras from naming what it adds by itself, such as the `not_equal` of a mask, like one of our layers.

    It numbers the names that it makes up, and does not look at those that it is given.
    """
    most: dict[str, int] = {}
    graphs = [graph]
    while graphs:
        for call in graphs.pop().live_calls():
            stem, _, number = call.layer.name.rpartition("_")
            short = bool(stem) and number.isdecimal() and len(number) < 6
            prefix, last = (stem, int(number)) if short else (call.layer.name, 0)
            most[prefix] = max(most.get(prefix, 0), last)
            if isinstance(call.layer, Graph):
                graphs.append(call.layer)
    for prefix, last in most.items():
        while keras.backend.get_uid(prefix) <= last:
            pass


class _Builder:
    """Makes Keras objects, each layer once however often it is called."""

    def __init__(self, folder: str, dry: bool = False) -> None:
        self._keras, self._dry, self._folder = load_keras(), dry, FilePath(folder)
        self._layers: dict[int, Any] = {}
        self._frozen: list[Any] = []  # Keras forgets `trainable: false` of a layer for the layers inside it
        kinds = self._keras
        self._modules: Mapping[str, Any] = {
            "layer": kinds.layers,
            "cell": kinds.layers,
            "loss": kinds.losses,
            "metric": kinds.metrics,
            "optimizer": kinds.optimizers,
            "schedule": kinds.optimizers.schedules,
            "initializer": kinds.initializers,
            "regularizer": kinds.regularizers,
            "constraint": kinds.constraints,
            "activation": kinds.activations,
            "callback": kinds.callbacks,
            "dtype_policy": kinds.dtype_policies,
        }

    def whole(self, graph: Graph) -> Any:
        """The model of a spec, with everything frozen that is to be."""
        _reserve(self._keras, graph)
        model = self.model(graph)
        for layer in self._frozen:
            layer.trainable = True  # setting what is set already does nothing at all
            layer.trainable = False
        return model

    def model(self, graph: Graph) -> Any:
        """A functional model; inputs that feed nothing are part of it, steps that feed nothing are not."""
        tensors: dict[Tensor, Any] = {}
        for name, part in graph.inputs.items():
            assert part is not None  # an input that is wrong is an error, and then nothing is built
            tensors[Tensor(name)] = self._keras.Input(
                shape=tuple(part.shape),
                batch_size=part.batch_size,
                dtype=part.dtype,
                sparse=part.sparse or None,
                optional=part.optional,
                name=name,
            )
        for call in graph.live_calls():
            try:
                outputs = self._called(call, tensors)
            except (BuildError, own_code.OwnCodeError):
                raise
            except Exception as error:
                if isinstance(call.layer, LayerDef) and call.layer.own is not None:
                    raise own_code.failed(call.layer.own, error, self._folder) from error
                path = call.layer.path if isinstance(call.layer, LayerDef) and not call.layer.shared else call.path
                raise BuildError(path, error) from error
            for index, output in enumerate(outputs):
                tensors[Tensor(call.name, index)] = output
        inputs = [tensors[Tensor(name)] for name in graph.inputs]
        outputs_by_name = {name: tensors[tensor] for name, tensor in graph.outputs.items()}
        try:
            model = self._keras.Model(
                inputs=inputs if len(inputs) > 1 else inputs[0],
                outputs=outputs_by_name if len(outputs_by_name) > 1 else next(iter(outputs_by_name.values())),
                name=graph.name,
            )
        except ValueError as error:
            raise BuildError((*graph.path, "layers"), error) from error
        # Keras takes the layers' names, which are one for two calls of a layer, in the order that it flattens by.
        model.output_names = self._keras.tree.flatten({name: name for name in outputs_by_name})
        return model

    def _called(self, call: Call, tensors: Mapping[Tensor, Any]) -> list[Any]:
        fed = {
            name: tensors[value] if isinstance(value, Tensor) else [tensors[each] for each in value]
            for name, value in call.inputs.items()
        }
        if isinstance(call.layer, LayerDef) and call.layer.cls.startswith(OPS):
            return operations.call(self._keras, call.layer, fed)
        layer = self.layer(call.layer)
        if isinstance(fed.get("initial_state"), list):
            fed["initial_state"] = by_cell(call.layer.cls, call.layer.args, fed["initial_state"])
        if isinstance(call.layer, LayerDef) and call.layer.own is not None:
            return self._own(call.layer.own, layer, fed, call)
        first, *rest = fed
        result = layer(fed[first], **{name: fed[name] for name in rest}, **call.arguments)
        if isinstance(result, dict):
            return [result[name] for name in call.outputs]
        return list(self._keras.tree.flatten(result))  # the states of a stack of cells come cell by cell

    def _own(self, own: Own, layer: Any, fed: Mapping[str, Any], call: Call) -> list[Any]:
        """What a layer of the user's own gives; its tensors go in by name where `from` names them."""
        alone = fed.keys() == {"inputs"}
        result = layer(fed["inputs"], **call.arguments) if alone else layer(**fed, **call.arguments)
        outputs = list(self._keras.tree.flatten(result))
        own_code.check_outputs(own, call.layer.name, outputs, len(call.outputs))
        return outputs

    def layer(self, layer: LayerDef | Graph) -> Any:
        """The Keras layer (or nested model) of a definition, made on first use."""
        made = self._layers.get(id(layer))
        if made is None:
            if isinstance(layer, Graph):
                made = self.model(layer)
            elif layer.own is not None:
                made = self._constructed(layer.own, lambda own: own_code.layer(own, layer.name, self._folder))
                if layer.args.get("trainable") is False:
                    self._frozen.append(made)
            else:
                arguments = {name: self.value(value) for name, value in layer.args.items()}
                if isinstance(arguments.get("ngrams"), list):
                    arguments["ngrams"] = tuple(arguments["ngrams"])  # the one list that must be a tuple
                if self._dry:
                    arguments.pop("stateful", None)
                mine = list(within(layer)) if layer.cls == "Bidirectional" else []
                with self._keras.saving.custom_object_scope(own_code.custom_objects(mine, self._folder)):
                    made = getattr(self._keras.layers, layer.cls)(**arguments, name=layer.name)
                if layer.args.get("trainable") is False:
                    self._frozen.append(made)
            self._layers[id(layer)] = made
        return made

    def value(self, value: Any) -> Any:
        """A constructor argument as Keras takes it."""
        if isinstance(value, LayerDef | Graph):
            return self.layer(value)
        if isinstance(value, KerasObject) and value.own is not None:
            return self._constructed(value.own, lambda own: own_code.made(own, self._folder))
        if isinstance(value, KerasObject):
            arguments = {name: self.value(inner) for name, inner in value.args.items()}
            if value.kind == "metric":
                arguments.setdefault("name", metric_name(value))
            return getattr(self._modules[value.kind], value.cls)(**arguments)
        if isinstance(value, list) and any(isinstance(each, LayerDef | Graph | KerasObject) for each in value):
            return [self.value(each) for each in value]
        return value

    def _constructed(self, own: Own, make: Callable[[Own], Any]) -> Any:
        try:
            return make(own)
        except own_code.OwnCodeError:
            raise
        except Exception as error:
            raise own_code.failed(own, error, self._folder) from error


def _check_memory(checked: Checked, copies: int) -> None:
    """Refuse weights that cannot fit so many times, before anything is allocated.

    A layer's first values are made beside the weights that take them.
    """
    whole = largest = 0
    for _, own, size in sized(checked.typed):
        mine = size * sum(part for part in (own.trainable, own.non_trainable) if isinstance(part, int))
        whole, largest = whole + mine, max(largest, mine)
    free = free_memory()
    needed = max(whole * copies, whole + largest)
    if free is not None and needed > free:
        raise TooBig(
            f"the weights of `{checked.name}` take {show_bytes(whole)}, and {show_bytes(free)} of memory is free"
            f"; to make {'and save ' if copies > 1 else ''}them takes {show_bytes(needed)}"
        )


def free_memory() -> int | None:
    """Bytes of memory that are free for a new program; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    return None


def _first_line(error: Exception) -> str:
    """What Keras says, without the lines about its own insides."""
    return own_code.first_line(str(error)) or type(error).__name__
