"""`--set NAME=VALUE`: what it reaches, what it expands, and what it says where it is wrong, at its own place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netspec.pipeline import Analysis, analyze, analyze_text

SPEC = """\
vars: {width: 8}
inputs: {x: [4], y: {shape: [4]}}
shared: {enc: {Dense: $width}}
layers:
  - Concatenate:
    from: [x, y]
  - use: enc
  - Dense: 16
    repeat: 2
  - Dense: {units: 1, activation: sigmoid}
    name: aux
    from: enc
  - Dense: 1
    name: out
    from: enc
  - Flatten
outputs: [out, aux]
losses: {out: mse, aux: binary_crossentropy}
optimizer: rmsprop
metrics: [mae]
fit: {epochs: 2}
"""


def test_the_spec_is_right_but_for_warnings() -> None:
    assert [found.code for found in analyze_text(SPEC).diagnostics] == ["NS314", "NS307", "NS307"]


def resolved(*settings: str, text: str = SPEC) -> Analysis:
    analysis = analyze_text(text, overrides=settings)
    assert analysis.checked is not None, [found.message for found in analysis.diagnostics]
    return analysis


REACHED = [
    ("fit.epochs=3", ["fit", "epochs"], 3),
    ("fit.seed=1e0", None, None),
    ("vars.width=5", ["shared", "enc", "Dense"], 5),
    ("shared.enc.Dense.units=$(width + 1)", ["shared", "enc", "Dense", "units"], 9),
    ("layers[2].Dense=64", ["layers", 2, "Dense"], 64),
    ("layers[2].Dense.units=64", ["layers", 2, "Dense"], {"units": 64}),
    ("layers[2].Dense.activation=relu", ["layers", 2, "Dense"], {"units": 16, "activation": "relu"}),
    ("layers[2].repeat=0", ["layers", 2, "repeat"], 0),
    ("layers[5].Flatten.data_format=channels_last", ["layers", 5], {"Flatten": {"data_format": "channels_last"}}),
    ("layers.aux.Dense.units=2", ["layers", 3, "Dense", "units"], 2),
    ("inputs.x[0]=5", ["inputs", "x"], [5]),
    ("inputs.x.dtype=float64", ["inputs", "x"], {"shape": [4], "dtype": "float64"}),
    ("inputs.y.shape=[6]", ["inputs", "y", "shape"], [6]),
    ("losses.aux.weight=0.5", ["losses", "aux"], {"loss": "binary_crossentropy", "weight": 0.5}),
    ("losses.aux=null", ["losses", "aux"], None),
    ("optimizer.RMSprop.learning_rate=0.01", ["optimizer"], {"RMSprop": {"learning_rate": 0.01}}),
    ("optimizer.rmsprop.learning_rate=0.01", ["optimizer"], {"rmsprop": {"learning_rate": 0.01}}),
    ("optimizer={SGD: {momentum: 0.9}}", ["optimizer"], {"SGD": {"momentum": 0.9}}),
    ("metrics=[mae, mse]", ["metrics"], ["mae", "mse"]),
    (
        "fit.callbacks=[{EarlyStopping: {monitor: loss}}]",
        ["fit", "callbacks"],
        [{"EarlyStopping": {"monitor": "loss"}}],
    ),
]


@pytest.mark.parametrize(("setting", "path", "value"), [case for case in REACHED if case[1] is not None])
def test_what_is_reached(setting: str, path: list[str | int], value: object) -> None:
    checked = resolved(setting).checked
    assert checked is not None
    found: object = checked.resolved
    for key in path:
        found = found[key]  # type: ignore[index]
    assert found == value


def test_later_settings_win_and_build_on_earlier_ones() -> None:
    checked = resolved("fit.epochs=3", "fit.epochs=4", "optimizer=adam", "optimizer.Adam.learning_rate=0.1").checked
    assert checked is not None and checked.fit.epochs == 4
    assert checked.resolved["optimizer"] == {"Adam": {"learning_rate": 0.1}}
    assert resolved("fit.epochs=x", "fit={epochs: 3}").ok


def test_the_document_itself_is_not_changed() -> None:
    analysis = resolved("fit.epochs=3")
    assert analysis.document.text == SPEC and analyze_text(SPEC).document.data["fit"] == {"epochs": 2}


WRONG = [  # setting, code, column, end column, part of the message
    ("fit.epochs=x", "NS202", 12, 13, "expected a whole number"),
    ("layers.out.Dense.units=true", "NS202|NS206", 24, 28, "expected a whole number above 0, got `true`"),
    ("layers[2].Dense.units=true", "NS206", 23, 27, "got `true`"),
    ("layers.aux.Dense.unts=3", "NS205", 1, 22, "has no argument `unts`"),
    ("fit.epocs=3", "NS201", 1, 10, "no key `epocs`"),
    ("foo.bar=1", "NS201", 1, 8, "no key `foo`"),
    ("layers.nope.Dense.units=1", "NS211", 1, 24, "those with a name are `aux`, `out`"),
    ("layers.axu.Dense.units=1", "NS211", 1, 23, "did you mean `aux`?"),
    ("layers.aux.units=1", "NS211", 1, 17, "`layers[3].Dense.units=…`"),
    ("layers[9].Dense.units=1", "NS211", 1, 22, "has 6 entries, counted from 0"),
    ("layers[-1].Dense.units=1", "NS211", 1, 23, "is not a path"),
    ("metrics[1]=mae", "NS211", 1, 11, "has 1 entry"),
    ("fit[0]=3", "NS211", 1, 7, "is a mapping"),
    ("metrics.mae=3", "NS211", 1, 12, "is a list"),
    ("fit.epochs.more=3", "NS211", 1, 16, "is a single value"),
    ("vars.widht=3", "NS211", 1, 11, "did you mean `width`?"),
    ("fit.epochs", "NS211", 1, 11, "expected NAME=VALUE"),
    ("=3", "NS211", 1, 2, "expected NAME=VALUE"),
    ("fit.epochs=[1", "NS211", 12, 14, "never closed"),
    ("fit.epochs=!!python/name:os 3", "NS211", 12, 30, "unknown tag"),
    ("fit..epochs=3", "NS211", 1, 12, "is not a path"),
    ("optimizer.learning_rate=0.1", "NS211", 1, 24, "`optimizer.RMSprop.learning_rate=…`"),
    ("optimizer.SGD.momentum=0.1", "NS211", 1, 23, "`optimizer={SGD: {…}}`"),
    ("layers.aux.from=nowhere", "NS301", 17, 24, "`nowhere`"),
    ("fit.epochs=$nope", "NS210", 12, 17, "no variable is named `nope`"),
    ("outputs=[out, aux, nowhere]", "NS301", 9, 28, "`nowhere`"),
]


@pytest.mark.parametrize(("setting", "code", "column", "end", "part"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_shown_in_the_setting(setting: str, code: str, column: int, end: int, part: str) -> None:
    errors = [found for found in analyze_text(SPEC, overrides=[setting]).diagnostics if found.severity == "error"]
    assert len(errors) == 1, [found.message for found in errors]
    (found,) = errors
    assert found.code in code and part in found.message
    assert (found.place.file, found.place.line, found.place.column, found.place.end_column) == ("--set", 1, column, end)
    assert found.place.text == setting


def test_a_mistake_in_the_file_stays_in_the_file() -> None:
    (found,) = [each for each in analyze_text(SPEC, overrides=["vars.width=x"]).diagnostics if each.severity == "error"]
    assert (found.place.file, found.place.line) == ("<stdin>", 3)


DATA = """\
inputs: {x: [1]}
layers: [{Dense: 1, name: y}]
losses: mse
data: {train: here.csv, features: {x: a}, targets: {y: b}}
"""


def test_paths_are_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/here.csv").write_text("a,b\n1,2\n")
    (tmp_path / "there.csv").write_text("a,b\n1,2\n")
    spec = tmp_path / "specs/spec.yaml"
    spec.write_text(DATA)
    monkeypatch.chdir(tmp_path)
    assert analyze(spec).diagnostics == ()
    for setting in (
        "data.train=there.csv",
        "data.train.csv=there.csv",
        "data.test=there.csv",
        "data.validation=there.csv",
        "data.train=[there.csv,there.csv]",
        "data.train.csv=[there.csv]",
        "data.train={csv: there.csv}",
        "data.validation={source: [there.csv, there.csv]}",
        "data.validation.source=there.csv",
        "data={train: there.csv, features: {x: a}, targets: {y: b}}",
    ):
        assert analyze(spec, overrides=[setting]).diagnostics == (), setting
    (found,) = analyze(spec, overrides=["data.train=[there.csv,here.csv]"]).diagnostics
    assert found.code == "NS701" and os.fspath(tmp_path / "here.csv") in found.message
    listed = tmp_path / "specs/listed.yaml"
    listed.write_text(DATA.replace("here.csv", "[here.csv, here.csv]"))
    assert analyze(listed, overrides=["data.train[1]=there.csv"]).diagnostics == ()
    (found,) = analyze(spec, overrides=["data.train.csv=here.csv"]).diagnostics
    assert (found.code, found.severity, found.place.file, found.place.column) == ("NS701", "warning", "--set", 16)
    assert os.fspath(tmp_path / "here.csv") in found.message


def test_data_shorthands_are_written_out() -> None:
    text = DATA.replace("targets", "validation: 0.1, targets")
    for setting in ("data.validation.by=order", "data.features.x.normalize=true", "data.targets.y.one_hot=false"):
        assert [found.code for found in analyze_text(text, overrides=[setting]).diagnostics] == ["NS701"], setting


@pytest.mark.parametrize(
    ("feature", "target", "setting"),
    [
        ("array: true", "{column: b}", "data.features.x.array.padding=post"),
        ("category: true", "{column: b}", "data.features.x.category.one_hot=true"),
        ("array: true", "{column: b, sequence: true}", "data.targets.y.sequence.padding=post"),
        ("array: true", "{column: b, multi_label: true}", "data.targets.y.multi_label.separator=;"),
    ],
)
def test_true_is_written_out_as_a_mapping(feature: str, target: str, setting: str) -> None:
    text = DATA.replace("x: a", f"x: {{column: a, {feature}}}").replace("y: b", f"y: {target}")
    found = analyze_text(text, overrides=[setting], look_at_data=False).diagnostics
    assert found == () or not {each.code for each in found} & {"NS211", "NS202"}, found
