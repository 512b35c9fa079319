"""`netspec schema`: the JSON Schema of the language, for editors and for validators that know no Keras."""

from __future__ import annotations

from netspec.cli.terminal import emit, verb


@verb
def schema() -> None:
    """Example: netspec schema > netspec.schema.json

    Print the JSON Schema (draft-07) of the spec language: every key, layer and argument with its documentation.
    """
    from netspec.render import schema as render

    emit(render.as_json())
