"""Keras's own verdict on a spec: the real symbolic calls and the real errors, with no weight allocated.

The one place that reaches into Keras's insides (`uninitialized_variables`); a test keeps watch over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netspec.catalog.types import TensorType, Unknown, show
from netspec.diagnostics import Report, counted
from netspec.graph.ir import Checked
from netspec.graph.own import owned
from netspec.runtime.engine import keras as load_keras
from netspec.runtime.model import build, own_code


@contextmanager
def no_weights() -> Iterator[None]:
    """Layers that are built inside get variables without values, and Keras forgets them on the way out."""
    keras = load_keras()
    from keras.src.backend.common import global_state

    with keras.StatelessScope(initialize_variables=False):
        try:
            yield
        finally:
            global_state.set_global_attribute("uninitialized_variables", [])


_OURS = "this is our fault: report it with the spec; what is built is what Keras says"


def dry_model(checked: Checked) -> Any:
    """The model without values in its weights: good for its shapes, counts and summary, never for training.

    Raises:
        netspec.runtime.model.build.BuildError: Keras refuses a layer.
    """
    with no_weights():
        return build.lower(checked, dry=True)


def verify(checked: Checked, report: Report) -> None:
    """Build `checked` dry and report where Keras refuses it (NS408) or answers differently than we do (NS409).

    A user's own Python must be trusted, and is looked at first.
    """
    mine, folder = owned(checked), Path(checked.folder)
    before = report.mark()
    own_code.preflight(mine, folder, report)
    if report.mark() > before:
        return
    try:
        model = dry_model(checked)
        build.compile_model(model, checked)
        build.callbacks(checked)
    except (build.BuildError, own_code.OwnCodeError) as error:
        own = own_code.blamed(error, mine, folder)
        if own is not None:
            own.tell(report)
            return
        assert isinstance(error, build.BuildError)
        report.add("NS408", error.path, f"Keras refuses this: {error}", help=error.help)
        return
    typed = checked.typed
    outputs = dict(zip(typed.graph.outputs, _in_order(model, tuple(typed.graph.outputs)), strict=True))
    for name, tensor in typed.graph.outputs.items():
        ours, theirs = typed.types[tensor], TensorType(tuple(outputs[name].shape), outputs[name].dtype)
        if not mine and not _agree(ours, theirs):
            message = (
                f"output `{name}` is {show(ours.shape)} {ours.dtype} here, {show(theirs.shape)} {theirs.dtype} in Keras"
            )
            report.add("NS409", ("outputs", name), message, help=_OURS)
    total = typed.weights[id(typed.graph)]
    theirs_count = model.count_params()
    if isinstance(total.trainable, int) and isinstance(total.non_trainable, int):
        ours_count = total.trainable + total.non_trainable
        if ours_count != theirs_count:
            report.add("NS409", (), f"{counted(ours_count, 'parameter')} here, {theirs_count:,} in Keras", help=_OURS)


def _in_order(model: Any, names: tuple[str, ...]) -> list[Any]:
    """The symbolic outputs in the order of the spec."""
    structure = model.output if len(names) == 1 else model._outputs_struct
    return [structure] if len(names) == 1 else [structure[name] for name in names]


def _agree(ours: TensorType, theirs: TensorType) -> bool:
    """Equal, or unknown."""
    if not isinstance(ours.dtype, Unknown) and ours.dtype != theirs.dtype:
        return False
    if isinstance(ours.shape, Unknown) or isinstance(theirs.shape, Unknown):
        return True
    return len(ours.shape) == len(theirs.shape) and all(
        isinstance(a, Unknown) or a == b for a, b in zip(ours.shape, theirs.shape, strict=True)
    )
