"""An operation of a spec as the call of keras.ops that one would have written by hand, under the step's name."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from netspec.catalog import find
from netspec.catalog.operations import is_constant, slices
from netspec.graph.ir import LayerDef


def call(keras: Any, operation: LayerDef, fed: Mapping[str, Any]) -> list[Any]:
    """The symbolic outputs of an operation on symbolic tensors, given by its arguments' names."""
    result = applied(keras, operation, fed)
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    taken = [each for value in fed.values() for each in (value if isinstance(value, list) else [value])]
    if not any(outputs[0] is each for each in taken):
        outputs[0]._keras_history.operation.name = operation.name  # Keras keeps and saves it, as a layer's name
    return outputs


def applied(keras: Any, operation: LayerDef, fed: Mapping[str, Any]) -> Any:
    """What the function of keras.ops gives.

    A list in place of a tensor becomes one, of float32, int32 or bool, whichever holds its values; a number does
    where the operation's own rules for numbers do not apply.
    """
    entry = find("op", operation.cls)
    assert entry is not None  # a graph holds none that the catalogue does not
    arguments = dict(fed)
    tensors = {param.name for param in entry.call}
    for name, value in operation.args.items():
        constant = name in tensors and is_constant(operation.cls, value)
        arguments[name] = keras.ops.convert_to_tensor(value) if constant else value
        if name == "output_size" and isinstance(value, list):
            arguments[name] = tuple(value)  # Keras adds it to a tuple
    if operation.cls == "ops.get_item":
        key = slices(arguments["key"])
        arguments["key"] = key if key is None or len(key) > 1 else key[0]
    leading: list[Any] = []
    if entry.star is not None:  # what stands before a starred argument goes by position alone
        names = [param.name for param in entry.params]
        leading = [arguments.pop(name) for name in names[: names.index(entry.star)]] + arguments.pop(entry.star)
    return attrgetter(entry.name)(keras)(*leading, **arguments)
