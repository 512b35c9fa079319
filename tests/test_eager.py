"""`fit.eager`: the same training one operation at a time, and errors at their layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

import netspec
from netspec.runtime.model.build import BuildError
from netspec.runtime.run import calls

pytestmark = pytest.mark.keras

SPEC = """
netspec: 1
name: small
inputs: {x: [4]}
layers:
  - Dense: {units: 8, activation: relu}
  - Dropout: 0.3
  - Dense: {units: 3, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
metrics: [accuracy]
fit: {epochs: 2, seed: 1, batch_size: 8, steps_per_execution: 2}
"""
# The ids come from data, so that nobody can know before.
BROKEN = """
netspec: 1
inputs: {x: [4]}
shared:
  inner:
    inputs: {z: [4]}
    layers:
      - ops.multiply: 1000
      - ops.cast: int32
      - Embedding: {input_dim: 3, output_dim: 2}
        name: table
layers:
  - use: inner
    name: a
  - Flatten:
  - Dense: 1
losses: mse
fit: {epochs: 1, seed: 1}
"""


def _wrote(folder: Path, text: str) -> Path:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_operations_repeat_where_they_are_asked_to() -> None:
    from tensorflow.python.framework import config

    from netspec.runtime.run import loop

    for asked, jit, wanted in ((None, False, True), (False, False, False), (True, False, True), (None, True, False)):
        assert loop.repeatable(1, jit=jit, asked=asked) is wanted
        assert config.is_op_determinism_enabled() is wanted
    assert loop.repeatable(1)


def test_steps_are_those_of_a_graph_to_the_last_digits_and_kept_in_the_run(tmp_path: Path) -> None:
    spec = _wrote(tmp_path, SPEC)
    usual = netspec.fit(spec, dummy=40, out=tmp_path / "usual")
    slow = netspec.fit(spec, dummy=40, out=tmp_path / "slow", eager=True)
    for one, other in zip(usual.history, slow.history, strict=True):
        assert one.keys() == other.keys()
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=1e-4)
    assert calls.SLOWLY in slow.notes and calls.SLOWLY not in usual.notes
    record = json.loads((slow.run / "resolved.json").read_text(encoding="utf-8"))
    assert record["spec"]["fit"]["eager"] is True and record["steps_per_execution"] == 1
    again = netspec.reproduce(slow.run, out=tmp_path / "again")
    assert again.same, again.differences


def test_an_error_inside_a_step_is_told_of_its_layer(tmp_path: Path) -> None:
    import keras

    spec = _wrote(tmp_path, BROKEN)
    with pytest.raises(BuildError) as caught:
        netspec.fit(spec, dummy=40, out=tmp_path / "run", eager=True)
    assert caught.value.path == ("shared", "inner", "layers", 2, "Embedding")
    assert "in Embedding `table`: indices[" in str(caught.value) and "is not in [0, 3)" in str(caught.value)
    assert keras.config.is_traceback_filtering_enabled()
    with pytest.raises(BuildError) as caught:
        netspec.fit(spec, dummy=40, out=tmp_path / "usual")
    assert caught.value.path == () and "is not in [0, 3)" in str(caught.value)


def test_the_flag_shows_the_place_and_a_failed_run_goes_on_eagerly(run: Run, tmp_path: Path) -> None:
    spec = _wrote(tmp_path, BROKEN)
    done = run("fit", str(spec), "--dummy", "40", "--out", str(tmp_path / "run"))
    assert done.rc == 1 and "Traceback" not in done.stderr
    done = run("fit", "--resume", str(tmp_path / "run"), "--eager")
    assert done.rc == 1 and "resolved.json" in done.stderr and "`table`" in done.stderr, done.stderr
    done = run("fit", str(spec), "--dummy", "40", "--out", str(tmp_path / "other"), "--eager")
    assert done.rc == 1 and "spec.yaml:10:20" in done.stderr and "which is many times slower" in done.stderr
    assert "Traceback" not in done.stderr and "Exception encountered" not in done.stderr


@pytest.mark.parametrize("settings", [("fit.jit=true", "fit.eager=true")])
def test_it_cannot_be_compiled_too(run: Run, tmp_path: Path, settings: tuple[str, ...]) -> None:
    spec = _wrote(tmp_path, SPEC)
    given: list[Any] = [part for each in settings for part in ("--set", each)]
    assert "error[NS535]" in run("validate", str(spec), *given).stdout
    assert "error[NS535]" in run("fit", str(spec), "--eager", "--set", "fit.jit=true").stderr


def test_kerass_own_word_for_it_is_answered(run: Run, tmp_path: Path) -> None:
    spec = _wrote(tmp_path, SPEC.replace("seed: 1", "run_eagerly: true"))
    assert "use `eager`" in run("validate", str(spec)).stdout
