"""Writes netspec/catalog/keras.json and keras_ops.json from the Keras that is installed, one entry a line.

Run it after a change of the pinned Keras: `python tools/make_catalog.py`; `--check` compares and writes nothing.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import sys
import textwrap
import types
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import keras  # noqa: E402
from keras.src import activations, constraints, initializers, losses, metrics, optimizers, regularizers  # noqa: E402

from netspec.catalog.legacy import refused  # noqa: E402

TARGET = ROOT / "netspec" / "catalog" / "keras.json"
OPERATIONS = TARGET.with_name("keras_ops.json")

BASE = "it is a base class without a computation of its own"
CELL = "it is a cell, one time step of a recurrent layer; put it inside `RNN`"

# Why a class that Keras has is of no use in a spec. What is refused for safety stands in netspec/catalog/legacy.py.
EXCLUDED: dict[tuple[str, str], str] = {
    ("layer", "Layer"): BASE,
    ("layer", "Wrapper"): BASE,
    ("layer", "InputSpec"): "it is a description of inputs, not a layer",
    ("layer", "InputLayer"): "inputs are declared under `inputs`, not as a step",
    ("layer", "Input"): "inputs are declared under `inputs`, not as a step",
    ("layer", "Pipeline"): "a spec is a pipeline already; write its layers as steps",
    ("layer", "Equalization"): "Keras refuses it in a model, since it hands on the tensor that it is given",
    ("layer", "GRUCell"): CELL,
    ("layer", "LSTMCell"): CELL,
    ("layer", "SimpleRNNCell"): CELL,
    ("layer", "StackedRNNCells"): CELL,
    ("loss", "Loss"): BASE,
    ("metric", "Metric"): BASE,
    ("metric", "MeanMetricWrapper"): "it takes a Python function",
    ("metric", "Mean"): "it averages plain values and takes no labels",
    ("metric", "Sum"): "it adds up plain values and takes no labels",
    ("optimizer", "Optimizer"): BASE,
    ("optimizer", "OptimizerMap"): "it maps the weights of a built model; write `optimizers`, with the names of steps",
    (
        "optimizer",
        "MultiOptimizer",
    ): "it maps the weights of a built model; write `optimizers`, with the names of steps",
    ("schedule", "LearningRateSchedule"): BASE,
    ("initializer", "Initializer"): BASE,
    ("regularizer", "Regularizer"): BASE,
    ("constraint", "Constraint"): BASE,
    ("activation", "glu"): "it halves the last axis, and the model goes on as if it did not; use `ops.glu`",
    ("activation", "threshold"): "it needs two numbers, and an activation is given none; use `ops.threshold`",
    ("callback", "Callback"): BASE,
    ("callback", "CallbackList"): "a spec lists its callbacks itself",
    ("callback", "MonitorCallback"): BASE,
    ("callback", "History"): "every run keeps its history without it",
    ("callback", "ProgbarLogger"): "every run shows its progress without it",
}

FUNCTION = "it takes a Python function, and a spec is data alone"
CONSTANT = "it makes a constant out of plain numbers; a step computes with a tensor"
NO_TENSOR = "its answer is not a tensor, so no step could take it"

# The same for functions of keras.ops.
NO_STEP: dict[str, str] = {
    **dict.fromkeys(("associative_scan", "cond", "custom_gradient", "fori_loop", "jvp", "map", "scan"), FUNCTION),
    **dict.fromkeys(("switch", "vectorize", "vectorized_map", "while_loop"), FUNCTION),
    **dict.fromkeys(("arange", "empty", "eye", "full", "identity", "ones", "tri", "zeros"), CONSTANT),
    **dict.fromkeys(("bartlett", "blackman", "hamming", "hanning", "kaiser"), CONSTANT),
    **dict.fromkeys(("convert_to_numpy", "dtype", "is_tensor", "ndim", "shape"), NO_TENSOR),
    "correlate": "it takes single sequences, and no free batch size",
    "meshgrid": "how many tensors it gives depends on how many it takes",
    "nonzero": "how many tensors it gives depends on the axes of the one that it takes",
    "rearrange": "it does not take a free batch size; use `ops.reshape` and `ops.transpose`",
}

# Tensors that an operation takes beside those that it looks at to tell whether it is called on symbols, or in their
# place where its own code does not say.
MORE_TENSORS: dict[str, tuple[str, ...]] = {
    "average": ("weights",),
    "bincount": ("weights",),
    "conv": ("kernel",),
    "conv_transpose": ("kernel",),
    "diff": ("a",),
    "dot_product_attention": ("bias", "mask"),
    "separable_conv": ("depthwise_kernel", "pointwise_kernel"),
    "trapezoid": ("x",),
    **dict.fromkeys(("segment_max", "segment_min", "segment_prod", "segment_sum"), ("segment_ids",)),
    **dict.fromkeys(("abs", "conj", "pad"), ("x",)),
}
NO_TENSORS = {("reshape", "newshape")}

# Arguments that are a list of tensors (the two of complex numbers are their real and imaginary parts).
LISTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("concatenate", "dstack", "hstack", "vstack"), ("xs",)),
    **dict.fromkeys(("stack", "fft", "fft2", "ifft2", "irfft", "istft"), ("x",)),
    "select": ("condlist", "choicelist"),
}

# Where a kind of object is found by its name.
MODULES = {
    "layer": "keras.layers",
    "cell": "keras.layers",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "optimizer": "keras.optimizers",
    "schedule": "keras.optimizers.schedules",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.activations",
    "callback": "keras.callbacks",
    "op": "keras",
}

CELLS = ("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells")

# Arguments whose default in the signature is no use: CategoryEncoding refuses it, and the name `constant` alone fails.
# A spec has to say how many outputs `unstack` gives, and `where` without the two to choose from is another function.
REQUIRED = {
    *(("CategoryEncoding", "num_tokens"), ("Constant", "value")),
    *(("unstack", "num"), ("where", "x1"), ("where", "x2")),
}

# What stands in for a required argument while the tool tries out which keywords a constructor takes.
SAMPLE: dict[str, Any] = {
    "activation": "relu",
    "axes": 1,
    "dims": (1,),
    "equation": "ab,bc->ac",
    "factor": 1,
    "layer": lambda: keras.layers.LSTM(2),
    "cell": lambda: keras.layers.LSTMCell(2),
    "cells": lambda: [keras.layers.LSTMCell(2)],
    "output_shape": (2,),
    "rate": 0.5,
    "height_factor": 0.5,
    "width_factor": 0.5,
    "inner_optimizer": lambda: keras.optimizers.SGD(),
    "scale": 1.0,
    "stddev": 0.5,
    "target_shape": (1,),
}


def main() -> int:
    """Write the catalogue, or with --check say whether the one on disk is up to date (exit code 1 if not)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    made = {TARGET: written(catalogue()), OPERATIONS: written({"op": operations()})}
    if not parser.parse_args().check:
        for file, text in made.items():
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [file for file, text in made.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        print(f"{file.name} does not fit Keras {keras.__version__}; make it anew")
    if not stale:
        print("up to date")
    return 1 if stale else 0


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """Every kind with its entries, but for the operations, which have a file of their own: few specs ask for them."""
    # As a name, `accuracy` is not the class Accuracy: Keras takes the one that fits the output.
    by_metric = {name: value for name, value in metrics.ALL_OBJECTS_DICT.items() if name != "accuracy"}
    return {
        "layer": layers(),
        "cell": [entry("cell", name, getattr(keras.layers, name), []) for name in CELLS],
        "loss": [*classes("loss", keras.losses, losses.ALL_OBJECTS_DICT), chosen("crossentropy", "ce")],
        "metric": [*classes("metric", keras.metrics, by_metric), chosen("accuracy", "acc")],
        "optimizer": classes("optimizer", keras.optimizers, optimizers.ALL_OBJECTS_DICT),
        "schedule": classes("schedule", keras.optimizers.schedules, {}),
        "initializer": classes("initializer", keras.initializers, initializers.ALL_OBJECTS_DICT),
        "regularizer": classes("regularizer", keras.regularizers, regularizers.ALL_OBJECTS_DICT),
        "constraint": classes("constraint", keras.constraints, constraints.ALL_OBJECTS_DICT),
        "activation": functions(),
        "callback": classes("callback", keras.callbacks, {}),
    }


def written(kinds: dict[str, list[dict[str, Any]]]) -> str:
    """A file's text, one entry a line: the same for the same Keras."""
    lines = ["{", f'"keras_version": {json.dumps(keras.__version__)},', '"kinds": {']
    for at, (kind, entries) in enumerate(kinds.items()):
        lines.append(f"{json.dumps(kind)}: [")
        entries = sorted(entries, key=lambda each: str(each["name"]))
        lines += [json.dumps(each) + ("," if each is not entries[-1] else "") for each in entries]
        lines.append("]" + ("," if at < len(kinds) - 1 else ""))
    return "\n".join([*lines, "}", "}"]) + "\n"


def layers() -> list[dict[str, Any]]:
    """The classes of keras.layers, and its functions as names to refuse."""
    found = classes("layer", keras.layers, {})
    for name in sorted(vars(keras.layers)):
        function = getattr(keras.layers, name)
        if inspect.isfunction(function):
            made = {"name": name, "aliases": [], "module": MODULES["layer"], "params": [], "form": "function"}
            if ("layer", name) in EXCLUDED:
                why = EXCLUDED["layer", name]
            elif hasattr(keras.layers, name.capitalize()):
                why = f"it is a function; the layer is `{name.capitalize()}`"
            else:
                why = "it is a function, not a layer"
            found.append({**made, "excluded": why})
    return found


def classes(kind: str, namespace: Any, by_identifier: dict[str, Any]) -> list[dict[str, Any]]:
    """The public classes of a namespace, each once, with every name that Keras finds it by."""
    names: dict[type, set[str]] = {}
    for name, value in sorted(vars(namespace).items()):
        if inspect.isclass(value) and not name.startswith("_"):
            names.setdefault(value, set()).add(name)
    for identifier, value in by_identifier.items():
        target = value if inspect.isclass(value) else class_of(value, names)
        if target in names:
            names[target].add(identifier)
    found = []
    for cls, known in names.items():
        name = cls.__name__ if cls.__name__ in known else min(known)
        found.append(entry(kind, name, cls, sorted(known - {name})))
    return found


def class_of(function: Callable[..., Any], names: Iterable[type]) -> type:
    """The class that does what a function does: `mean_squared_error` is MeanSquaredError."""
    wanted = function.__name__.replace("_", "").lower()
    return next(cls for cls in names if cls.__name__.lower() == wanted)


def entry(kind: str, name: str, cls: Any, aliases: list[str]) -> dict[str, Any]:
    """One class: its names, where it lives, its arguments, and why it is of no use where it is not."""
    signature = parameters(cls.__init__)
    var_kwargs = any(param.kind is param.VAR_KEYWORD for param in signature)
    made: dict[str, Any] = {"name": name, "aliases": aliases, "module": MODULES[kind]}
    why = refused(kind, name) or EXCLUDED.get((kind, name))
    params = [spelled(param) for param in signature if param.kind not in (param.VAR_KEYWORD, param.VAR_POSITIONAL)]
    params = [[param[0]] if (name, param[0]) in REQUIRED else param for param in params]
    if why is None and var_kwargs and kind in ("layer", "cell"):
        params += inherited(cls, {param[0] for param in params})
    made["params"] = params
    if var_kwargs:
        made["var_kwargs"] = True
    if issubclass(cls, keras.layers.Layer):
        call = parameters(cls.call)
        made["call"] = [spelled(param) for param in call if param.kind not in (param.VAR_KEYWORD, param.VAR_POSITIONAL)]
    if why is not None:
        made["excluded"] = why
    return made


def functions() -> list[dict[str, Any]]:
    """The activation functions: they take no arguments of their own in a spec, so these stand under `call`."""
    names: dict[Callable[..., Any], set[str]] = {}
    for identifier, function in activations.ALL_OBJECTS_DICT.items():
        names.setdefault(function, set()).add(identifier)
    found = []
    for function, known in names.items():
        made: dict[str, Any] = {
            "name": function.__name__,
            "aliases": sorted(known - {function.__name__}),
            "module": MODULES["activation"],
            "params": [],
            "call": [spelled(param) for param in inspect.signature(function).parameters.values()],
            "form": "function",
        }
        if ("activation", function.__name__) in EXCLUDED:
            made["excluded"] = EXCLUDED["activation", function.__name__]
        found.append(made)
    return found


def operations() -> list[dict[str, Any]]:
    """The functions of keras.ops, each once, under the shortest of its public names."""
    names: dict[Callable[..., Any], list[str]] = {}
    places = [("ops", keras.ops)]
    for prefix, place in places:
        for name, value in sorted(vars(place).items()):
            if isinstance(value, types.ModuleType):
                places.append((f"{prefix}.{name}", value))
            elif inspect.isfunction(value):
                names.setdefault(value, []).append(f"{prefix}.{name}")
    return [operation(function, known) for function, known in names.items()]


def operation(function: Callable[..., Any], known: list[str]) -> dict[str, Any]:
    """One operation: all arguments in order, and which of them are tensors, or lists of tensors."""
    own = function.__name__
    name = min(known, key=lambda each: (each.count("."), each.rpartition(".")[2] != own, each))
    signature = inspect.signature(function).parameters.values()
    star = next((param.name for param in signature if param.kind is param.VAR_POSITIONAL), None)
    made: dict[str, Any] = {"name": name, "aliases": sorted({*known} - {name}), "module": MODULES["op"]}
    params = [spelled(param) for param in signature if param.kind is not param.VAR_KEYWORD]
    made["params"] = [[param[0]] if (own, param[0]) in REQUIRED else param for param in params]
    made["form"] = "function"
    if own in NO_STEP:
        return made | {"excluded": NO_STEP[own]}
    tensors = tensor_names(function)
    made["call"] = [param for param in made["params"] if param[0] in tensors]
    if not made["call"]:
        raise ValueError(f"which arguments of {name} are tensors is not known: add it to MORE_TENSORS or NO_STEP")
    lists = [*LISTS.get(own, ()), *([star] if star else [])]
    return made | ({"lists": lists} if lists else {}) | ({"star": star} if star else {})


def tensor_names(function: Callable[..., Any]) -> set[str]:
    """The arguments that may be tensors: those by which the function tells whether it is called on symbols."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("any_symbolic_tensors"):
            found |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    own = function.__name__
    return {each for each in found if (own, each) not in NO_TENSORS} | {*MORE_TENSORS.get(own, ())}


def chosen(name: str, short: str) -> dict[str, Any]:
    """A name for which Keras takes the class that fits the output, when it compiles."""
    return {"name": name, "aliases": [short], "module": "keras", "params": [], "form": "chosen"}


def parameters(function: Any) -> list[inspect.Parameter]:
    """The parameters of a method, `self` left out; none where it is object's own."""
    if function is object.__init__:
        return []
    return list(inspect.signature(function).parameters.values())[1:]


def inherited(cls: Any, own: set[str]) -> list[list[Any]]:
    """What the constructor takes through **kwargs: every argument of a base class that it does not choke on."""
    found: dict[str, list[Any]] = {}
    if not getattr(cls, "_USE_BASE_FACTOR", True):  # such a class takes the base's `factor` at its default alone
        own = own | {"factor"}
    for base in cls.__mro__[1:]:
        if base.__module__.startswith("keras.src.") and "__init__" in vars(base):
            for param in parameters(base.__init__):
                optional = param.default is not param.empty
                if optional and param.name not in own and param.name not in found and takes(cls, param):
                    found[param.name] = [*spelled(param), "keyword"]
    return [found[name] for name in sorted(found)]


def takes(cls: Any, param: inspect.Parameter) -> bool:
    """Whether the class can be made with that argument given by name, at its default value."""
    given = {
        each.name: sample(each.name)
        for each in parameters(cls.__init__)
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        and (each.default is each.empty or (cls.__name__, each.name) in REQUIRED)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cls(**given)
        try:
            cls(**given, **{param.name: param.default})
        except (TypeError, ValueError):
            return False
    return True


def sample(name: str) -> Any:
    """A value that a required argument of that name takes."""
    value = SAMPLE.get(name, 2)
    return value() if callable(value) else value


def spelled(param: inspect.Parameter) -> list[Any]:
    """`[name]` where it is required, else `[name, default]`; a default that is no plain value is null."""
    if param.default is param.empty:
        return [param.name]
    return [param.name, plain(param.default)]


def plain(value: Any) -> Any:
    """A default as JSON holds it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    raise TypeError(f"a default that JSON cannot hold: {value!r}")


if __name__ == "__main__":
    sys.exit(main())
