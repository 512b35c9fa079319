"""Which step of a spec an error comes from, where operations run one by one. Import it after `engine.keras()`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from netspec.diagnostics import Path
from netspec.graph.ir import Checked, LayerDef


@contextlib.contextmanager
def told(eager: bool) -> Iterator[None]:
    """Errors come with all their frames, those inside Keras too, in which the layers are found."""
    filtered = keras.config.is_traceback_filtering_enabled()
    if not eager or not filtered:
        yield
        return
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        keras.config.enable_traceback_filtering()


def at_fault(error: Exception, checked: Checked) -> tuple[Path, str]:
    """Where in the spec the layer stands that raised an error, and its name; nothing where that is not known."""
    if not checked.fit.eager:
        return (), ""
    places: dict[str, set[Path]] = {}
    for typed in (checked.typed, *checked.typed.nested.values()):
        for call in typed.graph.calls:
            if isinstance(call.layer, LayerDef):
                places.setdefault(call.layer.name, set()).add(call.layer.path)
    found: tuple[Path, str] = (), ""
    trace = error.__traceback__
    while trace is not None:
        made = trace.tb_frame.f_locals.get("self")
        if isinstance(made, keras.Operation) and len(places.get(made.name, ())) == 1:
            found = next(iter(places[made.name])), f"{type(made).__name__} `{made.name}`"
        trace = trace.tb_next
    return found
