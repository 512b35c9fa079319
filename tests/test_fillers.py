"""Initializers that cannot fill a weight are refused where Keras refuses them, and nowhere else."""

from __future__ import annotations

import pytest

from netspec import catalog
from netspec.catalog.fillers import cannot_fill
from netspec.pipeline import analyze_text

SHAPES = ((8,), (6, 8), (6, 6, 8), (4, 6, 6, 8), (4, 4, 6, 6, 8))
ARGUMENTS = {"units": 8, "filters": 8, "kernel_size": 2, "input_dim": 8, "output_dim": 8, "groups": 4}
INITIALIZERS = ("Identity", "Orthogonal", "GlorotUniform")
CASES = [
    (name, param.name)
    for name in catalog.names("layer")
    if (entry := catalog.find("layer", name)) is not None
    for param in entry.params
    if param.name.endswith("_initializer")
]


@pytest.mark.keras
@pytest.mark.slow
def test_keras_says_the_same() -> None:
    import keras

    said = 0
    for cls, param in CASES:
        entry = catalog.find("layer", cls)
        assert entry is not None
        for initializer in INITIALIZERS:
            why = cannot_fill(cls, param, initializer, {})
            arguments = {name: ARGUMENTS.get(name, 2) for name in entry.required}
            built = False
            for shape in SHAPES:
                keras.utils.clear_session(free_memory=False)
                filled = {**arguments, param: getattr(keras.initializers, initializer)()}
                try:
                    getattr(keras.layers, cls)(**filled)(keras.Input(shape))
                except Exception:
                    continue
                built = True
            assert not (built and why), (cls, param, initializer, why)
            said += why is not None
    assert said > 50


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        ("Conv2D: {filters: 8, kernel_size: 3, kernel_initializer: identity}", True),
        ("Conv2D: {filters: 8, kernel_size: 3, bias_initializer: {Orthogonal: {gain: 2.0}}}", True),
        ("Conv2D: {filters: 8, kernel_size: 3, use_bias: false, bias_initializer: orthogonal}", False),
        ("Conv2D: {filters: 8, kernel_size: 3, kernel_initializer: orthogonal}", False),
        ("Dense: {units: 8, kernel_initializer: identity}", False),
    ],
)
def test_a_spec_is_refused(layer: str, found: bool) -> None:
    analysis = analyze_text(f"inputs: {{x: [8, 8, 3]}}\nlayers:\n  - {layer}\n")
    assert [each.code for each in analysis.diagnostics] == ["NS206"] * found
