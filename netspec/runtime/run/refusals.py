"""What stops Keras and TensorFlow in a step, said in one sentence without their own insides."""

from __future__ import annotations

import re
from typing import Any

import keras
import tensorflow as tf

from netspec.diagnostics import Path
from netspec.graph.ir import Checked, LayerDef
from netspec.graph.own import owned
from netspec.runtime.model.build import BuildError, TooBig
from netspec.runtime.model.own_code import OwnCodeError

REFUSALS = (tf.errors.OpError, ValueError, TypeError, MemoryError)


def refused(error: Exception, path: Path, where: str = "") -> BuildError | TooBig:
    """What stopped a step, as one sentence about the part of the spec at `path`, or about memory."""
    told = told_by(str(error.message) if isinstance(error, tf.errors.OpError) else str(error))
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return TooBig(f"memory does not suffice: {told or type(error).__name__}", help="use a smaller `batch_size`")
    return BuildError(path, ValueError(f"in {where}: " * bool(where) + (told or type(error).__name__)))


def odd_loss(model: Any, checked: Checked) -> OwnCodeError | None:
    """What a layer of the user's own has given to `add_loss` in another dtype than the losses', None where none has."""
    named = {
        (call.layer.own.name, call.layer.name): call.layer.own
        for typed in (checked.typed, *checked.typed.nested.values())
        for call in typed.graph.calls
        if isinstance(call.layer, LayerDef) and call.layer.own is not None
    }
    for own in owned(checked):
        if own.kind != "layer":
            continue
        for layer in model._flatten_layers():
            if type(layer).__name__ != own.name.rpartition(":")[2]:
                continue
            odd = {keras.backend.standardize_dtype(loss.dtype) for loss in layer.losses} - {"float32"}
            if odd:
                whose = named.get((own.name, layer.name), own)
                said = f"`{own.name}` adds a loss in {min(odd)}, and Keras trains with those in float32 alone"
                return OwnCodeError("NS532", whose, said, help='cast it: `self.add_loss(ops.cast(loss, "float32"))`')
    return None


def told_by(message: str) -> str:
    """The line of TensorFlow's message that says what is wrong, without the names of its own nodes.

    >>> told_by("Graph execution error:\\n\\nDetected at node Add\\ntoo long\\n\\t [[{{node Add}}]] [Op:__inference_1]")
    'too long'
    >>> told_by("{{function_node __wrapped__Add_device_/cpu:0}} too long [Op:Add]")
    'too long'
    """
    text = re.sub(r"\{\{function_node [^}]*\}\}|\[Op:[^\]]*\]", "", message)
    lines = [line.strip() for line in text.splitlines() if "{{node" not in line and not line.startswith("Hint:")]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    return lines[-1] if lines[0].startswith("Graph execution error") else lines[0]
