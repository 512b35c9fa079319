"""netspec from Python: what it takes, what it raises, and that importing it is light."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import netspec
from netspec.errors import NetspecError

SPEC = """
inputs: {x: [2]}
layers:
  - Dense: {units: 1, activation: sigmoid}
    name: y
losses: binary_crossentropy
metrics: [accuracy]
data:
  train: rows.csv
  validation: 0.2
  features: {x: {columns: [a, b], normalize: true}}
  targets: {y: label}
fit: {epochs: 2, seed: 3}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    rows = ["a,b,label,id"] + [f"{n % 7},{n % 5},{int(n % 7 > 3)},r{n}" for n in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    path = tmp_path / "small.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_analyze_finds_everything_without_raising(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("inputs: {x: [4]}\nlayers: [Desne: 2, Relu]\n", encoding="utf-8")
    analysis = netspec.analyze(path)
    assert not analysis.ok and [found.code for found in analysis.diagnostics] == ["NS204", "NS204"]
    with pytest.raises(netspec.SpecError) as caught:
        netspec.build(path)
    assert caught.value.diagnostics == analysis.diagnostics
    assert "did you mean `Dense`?" in str(caught.value)


def test_a_file_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(netspec.SourceError):
        netspec.analyze(tmp_path / "missing.yaml")


def test_what_is_public_is_there() -> None:
    for name in netspec.__all__:
        assert getattr(netspec, name).__doc__
    with pytest.raises(AttributeError):
        netspec.nothing  # noqa: B018


@pytest.mark.keras
def test_from_a_spec_to_predictions(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.chdir(spec.parent)
    model = netspec.build(spec)
    assert model.input_shape == (None, 2) and model.count_params() == 3
    result = netspec.fit(spec, epochs=np.int64(3), **{"data.train": spec.parent / "rows.csv"})
    assert len(result.history) == 3
    run = spec.parent / result.run
    (spec.parent / "rows.csv").rename(spec.parent / "moved.csv")  # a run does not need what it was trained on
    assert netspec.evaluate(spec, data="moved.csv").scores.rows == 60
    found = netspec.predict(run, "moved.csv", keep="id", out="p.csv")
    assert found.outputs["y"].shape == (60, 1)
    lines = (spec.parent / "p.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,y" and len(lines) == 61 and lines[5].startswith("r4,")
    stream = io.StringIO()
    found.write(stream)
    assert stream.getvalue().splitlines() == lines


@pytest.mark.keras
@pytest.mark.parametrize("options", [{"dummy": 0}, {"dummy": 2.5}, {"dummy": True}])
def test_a_count_is_a_whole_number_above_0(spec: Path, options: dict[str, object]) -> None:
    with pytest.raises(NetspecError, match="whole number above 0"):
        netspec.fit(spec, **options)  # type: ignore[arg-type]
