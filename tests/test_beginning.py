"""First weights from another run: by name, in nested models too, and nothing is left out without a word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

import netspec
from netspec import api
from netspec.runtime.run import runs

pytestmark = pytest.mark.keras

_SPEC = """
netspec: 1
name: {name}
inputs: {{x: [6]}}
shared:
  inner:
    inputs: {{a: [6]}}
    layers:
      - Dense: 4
        name: {inside}
      - BatchNormalization:
        name: norm
layers:
  - use: inner
  - Dense: {units}
    name: {head}
  - LSTM_OR_DENSE
losses: mse
fit: {{epochs: 1, seed: {seed}{more}}}
"""


def _spec(folder: Path, name: str, inside: str = "deep", units: int = 3, head: str = "head", more: str = "") -> Path:
    text = _SPEC.format(name=name, inside=inside, units=units, head=head, seed=len(more), more=more)
    path = folder / f"{name}.yaml"
    path.write_text(text.replace("LSTM_OR_DENSE", "Dense: 1"), encoding="utf-8")
    return path


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return api.fit(_spec(tmp_path, "old"), dummy=32, out=tmp_path / "a").run


def _lines(run: Path) -> dict[str | None, tuple[str, str]]:
    found = json.loads((run / runs.ENVIRONMENT).read_text(encoding="utf-8"))["weights"]
    return {each["name"] or each["there"]: (each["what"], each["why"]) for each in found}


def test_steps_take_the_weights_of_their_names(old: Path, tmp_path: Path) -> None:
    more = ", weights: {run: a, was: {core: deep, top: head}}"
    spec = _spec(tmp_path, "new", inside="core", head="top", more=more)
    model = _begun(spec)
    other = _model_of(old)
    for mine, theirs in (("core", "deep"), ("norm", "norm")):
        for one, two in zip(_layer(model, mine), _layer(other, theirs), strict=True):
            assert np.array_equal(one, two)
    for one, two in zip(_layer(model, "top"), _layer(other, "head"), strict=True):
        assert np.array_equal(one, two)
    made = api.fit(spec, dummy=32, out=tmp_path / "b")
    assert {name: what for name, (what, _) in _lines(made.run).items()} == dict.fromkeys(
        ("core", "norm", "top", "dense"), "loaded"
    )
    assert "`core`, there `deep`: loaded" in made.notes


_TWO = """
netspec: 1
name: {name}
inputs: {{x: [6]}}
layers:
  - model: {{inputs: {{d: [6]}}, layers: [{{Dense: 6}}, {{Dense: 6}}]}}
    name: {one}
  - model:
      inputs: {{d: [6]}}
      layers: [{{Dense: 6}}, {{Dense: {{units: 6}}, name: {inner}}}]
    name: two
  - Dense: 1
    name: top
losses: mse
fit: {{epochs: 1, seed: {seed}{more}}}
"""


def test_steps_of_one_name_in_two_models_take_each_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = {"name": "first", "one": "one", "inner": "last", "seed": 1, "more": ""}
    (tmp_path / "first.yaml").write_text(_TWO.format(**made), encoding="utf-8")
    api.fit("first.yaml", dummy=16, out=tmp_path / "a")
    made |= {"name": "second", "one": "uno", "inner": "end", "seed": 2}
    more = ", weights: {run: a, was: {uno: one, two/end: two/last}}"
    (tmp_path / "second.yaml").write_text(_TWO.format(**{**made, "more": more}), encoding="utf-8")
    run = api.fit("second.yaml", dummy=16, out=tmp_path / "b").run
    names = {"uno/dense", "two/dense", "dense_1", "end", "top"}
    assert {name: what for name, (what, _) in _lines(run).items()} == dict.fromkeys(names, "loaded")
    model, other = _begun(tmp_path / "second.yaml"), _model_of(tmp_path / "a")
    for mine, theirs in (("uno/dense", "one/dense"), ("two/dense", "two/dense"), ("two/end", "two/last")):
        for one, two in zip(_layer(model, mine), _layer(other, theirs), strict=True):
            assert np.array_equal(one, two)
    for was, said in (("{dense_2: x}", "no step `dense_2`"), ("{uno/dense: dense}", "`dense` may be `one/dense` or")):
        again = {**made, "name": "third", "more": f", weights: {{run: a, was: {was}}}"}
        (tmp_path / "third.yaml").write_text(_TWO.format(**again), encoding="utf-8")
        if "no step" in said:
            assert any(said in each.message for each in netspec.analyze("third.yaml").diagnostics)
        else:
            lines = _lines(api.fit("third.yaml", dummy=16, out=tmp_path / "c").run)
            assert lines["top"][0] == "loaded" and lines["uno/dense"][0] == "skipped" and said in lines["uno/dense"][1]


def test_what_does_not_fit_begins_anew_and_is_said(old: Path, tmp_path: Path, run: Run) -> None:
    _spec(tmp_path, "new", units=5, inside="other", more=", weights: a")
    done = run("fit", "new.yaml", "--dummy", "32", "--out", "b", cwd=tmp_path)
    assert done.rc == 0, done.stderr
    assert "weights: `head`: skipped, its `kernel` is (4, 5) here and (4, 3) there" in done.stderr
    lines = _lines(tmp_path / "b")
    assert lines["norm"][0] == "loaded" and lines["head"][0] == "skipped" and lines["deep"][0] == "not used"
    assert lines["other"] == ("skipped", "there is no step `other` with weights, so it begins anew")


def test_a_run_that_lends_nothing_is_refused(old: Path, tmp_path: Path) -> None:
    spec = tmp_path / "none.yaml"
    spec.write_text(
        "netspec: 1\ninputs: {x: [6]}\nlayers:\n  - Dense: 7\n    name: mine\nlosses: mse\nfit: {weights: a}\n", "utf-8"
    )
    with pytest.raises(runs.RunError, match=r"no step takes weights from `a`.*`deep`, `norm`, `head`"):
        api.fit(spec, dummy=8, out=tmp_path / "c")
    assert not (tmp_path / "c").exists()
    with pytest.raises(runs.RunError, match="nowhere` is no run folder"):
        api.fit(spec, dummy=8, out=tmp_path / "c", **{"fit.weights": "nowhere"})


def test_a_name_that_is_not_there_is_found_by_validate(old: Path, tmp_path: Path, run: Run) -> None:
    _spec(tmp_path, "new", more=", weights: {run: a, was: {haed: head}}")
    done = run("validate", "new.yaml", cwd=tmp_path)
    assert done.rc == 1 and "NS301" in done.stdout and "did you mean `head`?" in done.stdout


def test_resume_and_reproduce_keep_the_first_weights(old: Path, tmp_path: Path) -> None:
    from netspec import again

    spec = _spec(tmp_path, "new", more=", weights: a")
    made = api.fit(spec, dummy=32, out=tmp_path / "b", epochs=2)
    assert again.reproduce(made.run, out=tmp_path / "c").same
    short = api.fit(spec, dummy=32, out=tmp_path / "d", epochs=1)
    resumed = again.resume(short.run, epochs=2, **{"fit.batch_size": 32})  # as it is where it is not said
    assert resumed.history == made.history and "`norm`: loaded" in resumed.notes


def _begun(spec: Path) -> object:
    from netspec.runtime.model import build
    from netspec.runtime.run import beginning, inference

    checked = api.checked(spec)
    assert checked.fit.weights is not None
    model = build.build(checked)
    folder = Path(checked.folder, checked.fit.weights.run)
    beginning.begin(model, inference.model_of(folder, api.of_run(folder), best=False), checked.fit.weights.was, "a")
    return model


def _model_of(run: Path) -> object:
    from netspec.runtime.run import inference

    return inference.model_of(run, api.of_run(run), best=False)


def _layer(model: object, name: str) -> list[np.ndarray]:
    from netspec.runtime.run import beginning

    layers = dict(beginning._layers(model))
    path = name if name in layers else next(each for each in layers if each.endswith(f"/{name}"))
    found: list[np.ndarray] = layers[path].get_weights()
    return found


def test_weights_that_have_changed_since_are_told(old: Path, tmp_path: Path) -> None:
    from netspec import again
    from netspec.runtime.run import reproducing

    made = api.fit(_spec(tmp_path, "new", more=", weights: a"), dummy=32, out=tmp_path / "b", epochs=2)
    assert not any("weights" in said for said in reproducing.concerns(runs.load(made.run)))
    api.fit(_spec(tmp_path, "old"), dummy=32, out=old, force=True, seed=99)
    (said,) = (each for each in reproducing.concerns(runs.load(made.run)) if "weights" in each)
    assert said == f"`{old / runs.LAST}` has changed since the run was made"
    for file in (runs.CHECKPOINT, runs.METRICS):  # as if killed before the first
        (made.run / file).unlink()
    with pytest.raises(runs.RunError, match="has changed since"):
        again.resume(made.run)
