"""`freeze` and `optimizers`: the same weights as Keras's own MultiOptimizer and `trainable = False`, counts alike."""

from __future__ import annotations

import fnmatch
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

pytestmark = pytest.mark.keras
np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

from keras import layers, optimizers  # noqa: E402

from netspec import again, api  # noqa: E402
from netspec.graph.ir import Checked  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.render import summary  # noqa: E402
from netspec.runtime.model import build  # noqa: E402
from netspec.runtime.run import epochs, rates, runs  # noqa: E402

X = np.random.default_rng(3).normal(size=(40, 6)).astype(np.float32)
Y = np.tanh(X[:, :1] - X[:, 1:2] * X[:, 2:3]).astype(np.float32)


def checked_of(text: str) -> Checked:
    analysis = analyze_text(text)
    assert analysis.checked is not None, analysis.diagnostics
    return analysis.checked


def trained(model: Any, x: Any = X, y: Any = Y) -> list[Any]:
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return [keras.ops.convert_to_numpy(weight) for weight in model.get_weights()]


def multi(rest: Any, **others: tuple[Callable[[Any], bool], Any]) -> Any:
    def chosen(variable: Any) -> Any:
        return next((one for test, one in others.values() if test(variable)), rest)

    return optimizers.MultiOptimizer(chosen)


def of(*made: Any) -> Callable[[Any], bool]:
    """Whether a variable is one of these layers'."""
    return lambda variable: any(variable is each for layer in made for each in layer.variables)


# handwritten twins: (spec, what makes the model by hand and says its optimizer)

CHAIN = """
inputs: {x: [6]}
layers:
  - Dense: {units: 5, activation: tanh}
    name: encoder
  - BatchNormalization:
    name: encoder_norm
  - Dense: {units: 4, activation: tanh}
    repeat: 3
    name: fc
  - Dense: 1
    name: head
losses: mse
freeze: [fc_2]
optimizer: {Adam: {learning_rate: 1e-3, beta_1: 0.8}}
optimizers:
  "encoder*": {learning_rate: 1e-2}
  head: {SGD: {learning_rate: 0.1, momentum: 0.9}}
"""


def chain() -> tuple[Any, Any]:
    x = keras.Input((6,))
    encoder, norm = layers.Dense(5, activation="tanh"), layers.BatchNormalization()
    fc = [layers.Dense(4, activation="tanh") for _ in range(3)]
    head = layers.Dense(1)
    h = norm(encoder(x))
    for each in fc:
        h = each(h)
    model = keras.Model(x, head(h))
    fc[1].trainable = False
    rest = optimizers.Adam(1e-3, beta_1=0.8)
    return model, multi(
        rest,
        a=(of(encoder, norm), optimizers.Adam(1e-2, beta_1=0.8)),
        b=(of(head), optimizers.SGD(0.1, momentum=0.9)),
    )


NESTED = """
inputs: {x: [6]}
shared:
  twin: {Dense: {units: 5, activation: tanh}}
  vision:
    inputs: {d: [5]}
    layers:
      - Dense: {units: 4, activation: tanh}
        name: conv_1
      - Dense: {units: 4, activation: tanh}
        name: conv_2
      - Dense: 3
layers:
  - use: twin
    name: left
  - use: vision
    name: seen
  - use: twin
    from: x
    name: right
  - use: vision
    name: seen_too
  - Concatenate
    from: [seen, seen_too]
  - Dense: 1
losses: mse
freeze: "vision/conv_1"
optimizer: sgd
optimizers:
  twin: 0.05
  "vision/*": {RMSprop: {learning_rate: 1e-3}}
""".replace("  - Concatenate\n", "  - Concatenate:\n")


def nested() -> tuple[Any, Any]:
    x, d = keras.Input((6,)), keras.Input((5,))
    twin = layers.Dense(5, activation="tanh")
    one, two, three = layers.Dense(4, activation="tanh"), layers.Dense(4, activation="tanh"), layers.Dense(3)
    vision = keras.Model(d, three(two(one(d))))
    model = keras.Model(x, layers.Dense(1)(layers.Concatenate()([vision(twin(x)), vision(twin(x))])))
    one.trainable = False
    rest = optimizers.SGD()
    return model, multi(rest, a=(of(twin), optimizers.SGD(0.05)), b=(of(vision), optimizers.RMSprop(1e-3)))


WRAPPED = """
inputs: {x: [6]}
shared:
  step: {Dense: {units: 3, activation: tanh}}
layers:
  - Reshape: [3, 2]
  - TimeDistributed: {use: step}
    name: each
  - Bidirectional: {LSTM: 4}
    name: both
  - Dense: {units: 4, activation: tanh}
    name: middle
  - Dense: 1
losses: mse
freeze: [middle]
optimizer: {SGD: {learning_rate: 0.01}}
optimizers:
  step: {Adam: {learning_rate: 1e-2}}
  "*": {learning_rate: 0.1, nesterov: true, momentum: 0.5}
"""


def wrapped() -> tuple[Any, Any]:
    x = keras.Input((6,))
    step, both = layers.Dense(3, activation="tanh"), layers.Bidirectional(layers.LSTM(4))
    middle = layers.Dense(4, activation="tanh")
    h = both(layers.TimeDistributed(step)(layers.Reshape((3, 2))(x)))
    model = keras.Model(x, layers.Dense(1)(middle(h)))
    middle.trainable = False
    return model, multi(optimizers.SGD(0.1, nesterov=True, momentum=0.5), a=(of(step), optimizers.Adam(1e-2)))


FROZEN_WRAPPER = """
inputs: {x: [6]}
layers:
  - Reshape: [3, 2]
  - Bidirectional: {GRU: {units: 4, return_sequences: true}}
    name: deep
  - model:
      inputs: {s: [3, 8]}
      layers:
        - LSTM: 4
          name: inner
        - BatchNormalization
    name: part
  - Dense: 1
losses: mse
freeze: ["d??p", part]
optimizer: {Adam: {learning_rate: 0.02, global_clipnorm: 0.1}}
"""


def frozen_wrapper() -> tuple[Any, Any]:
    x, s = keras.Input((6,)), keras.Input((3, 8))
    deep = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    part = keras.Model(s, layers.BatchNormalization()(layers.LSTM(4)(s)))
    model = keras.Model(x, layers.Dense(1)(part(deep(layers.Reshape((3, 2))(x)))))
    deep.trainable = False
    part.trainable = False
    return model, optimizers.Adam(0.02, global_clipnorm=0.1)


SCALED = CHAIN.replace(
    "optimizer: {Adam: {learning_rate: 1e-3, beta_1: 0.8}}",
    "optimizer: {LossScaleOptimizer: {initial_scale: 64.0, "
    "inner_optimizer: {Adam: {learning_rate: 1e-3, beta_1: 0.8}}}}",
)


def scaled() -> tuple[Any, Any]:
    model, optimizer = chain()
    return model, optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)


AVERAGED = CHAIN.replace(
    "beta_1: 0.8}", "beta_1: 0.8, use_ema: true, gradient_accumulation_steps: 2, loss_scale_factor: 8.0}"
)


def averaged() -> tuple[Any, Any]:
    model, _ = chain()
    encoder, norm, head = model.layers[1], model.layers[2], model.layers[-1]
    how = {"beta_1": 0.8, "use_ema": True, "gradient_accumulation_steps": 2}
    others = {
        "a": (of(encoder, norm), optimizers.Adam(1e-2, **how)),
        "b": (of(head), optimizers.SGD(0.1, momentum=0.9)),
    }
    optimizer = multi(optimizers.Adam(1e-3, **how), **others)
    optimizer.loss_scale_factor = 8.0
    return model, optimizer


TWINS = {
    "a chain": (CHAIN, chain),
    "models and shared layers": (NESTED, nested),
    "wrappers": (WRAPPED, wrapped),
    "frozen wrappers and models": (FROZEN_WRAPPER, frozen_wrapper),
    "a scaled loss": (SCALED, scaled),
    "averages and accumulated gradients": (AVERAGED, averaged),
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("portable", [False, True])
def test_a_spec_trains_to_the_weights_of_the_script(name: str, portable: bool) -> None:
    text, by_hand = TWINS[name]
    checked = checked_of(text)
    keras.utils.set_random_seed(1)
    ours = build.build(checked, portable=portable)
    theirs, optimizer = by_hand()
    theirs.compile(optimizer, loss="mse")
    begun = ours.get_weights()
    assert [each.shape for each in begun] == [each.shape for each in theirs.get_weights()]
    theirs.set_weights(begun)
    assert _counts(ours) == _counts(theirs) == _told(checked)
    fixed = [
        (each.path, keras.ops.convert_to_numpy(each))
        for each in ours.weights
        if not each.trainable and "moving" not in each.path
    ]
    mine, their = trained(ours), trained(theirs)
    for one, other in zip(mine, their, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    now = {each.path: keras.ops.convert_to_numpy(each) for each in ours.weights}
    assert fixed or "freeze" not in text
    assert all((now[path] == before).all() for path, before in fixed)


def _counts(model: Any) -> tuple[int, int]:
    trained, rest = (
        sum(int(np.prod(each.shape)) for each in some)
        for some in (model.trainable_weights, model.non_trainable_weights)
    )
    return trained, rest


def _told(checked: Checked) -> tuple[Any, Any]:
    total = checked.typed.weights[id(checked.typed.graph)]
    return total.trainable, total.non_trainable


# generated cases


def _generated(draw: random.Random) -> tuple[str, dict[str, list[str]]]:
    """A spec without `freeze` and `optimizers`, and every name that can be written with the layers it means.

    Layers are told by their number of units, which is another one for each.
    """
    units = iter(draw.sample(range(7, 60), 40))
    means: dict[str, list[str]] = {}

    def dense(prefix: str, indent: str) -> str:
        size, times = next(units), draw.choice((None, None, 2))
        named, name = draw.random() < 0.8, draw.choice("abcdef") + draw.choice(("_in", "_out", "x", ""))
        name += str(size)
        step = f"{indent}- Dense: {{units: {size}, activation: tanh}}\n"
        if named:
            step += f"{indent}  name: {name}\n"
            mine = f"{size}"
            means[f"{prefix}{name}"] = [mine] if times is None else [f"{mine}:1", f"{mine}:2"]
            if times is not None:
                means.update({f"{prefix}{name}_{at}": [f"{mine}:{at}"] for at in (1, 2)})
        else:
            means.setdefault(prefix, []).extend([f"{size}"] if times is None else [f"{size}:1", f"{size}:2"])
        return step + (f"{indent}  repeat: {times}\n" if times is not None else "")

    shared = next(units)
    body = f"inputs: {{x: [6]}}\nshared:\n  twin: {{Dense: {{units: {shared}, activation: tanh}}}}\n"
    body += "  part:\n    inputs: {d: [5]}\n    layers:\n"
    body += "".join(dense("part/", "      ") for _ in range(draw.randint(1, 3)))
    body += "      - Dense: 5\n        name: last\n"
    means["part/last"] = ["5:last"]
    means["part"] = [each for name, some in means.items() if name.startswith("part/") for each in some]
    means["part"] = list(dict.fromkeys(means["part"]))
    means["twin"] = [f"{shared}"]
    body += "layers:\n" + "".join(dense("", "  ") for _ in range(draw.randint(1, 3)))
    body += "  - Dense: 6\n    name: six\n  - use: twin\n    name: call_1\n"
    means["six"] = ["6"]
    body += "  - Dense: 5\n    name: five\n  - use: part\n  - use: part\n    name: again\n"
    means["five"] = ["5"]
    body += "  - Dense: 6\n    name: back\n  - use: twin\n  - Dense: 1\n    name: head\nlosses: mse\n"
    means |= {"back": ["6:back"], "head": ["1"]}
    return body, means


def _fits(pattern: str, name: str) -> bool:
    mine, theirs = pattern.split("/"), name.split("/")
    return len(mine) == len(theirs) and all(
        fnmatch.fnmatchcase(one, part) for part, one in zip(mine, theirs, strict=True)
    )


def _patterns(draw: random.Random, names: list[str], most: int) -> list[str]:
    found = []
    for _ in range(draw.randint(1, most)):
        name = draw.choice([each for each in names if each and not each.endswith("/")])
        cut = draw.randrange(len(name))
        kind = draw.random()
        if kind < 0.4:
            found.append(name)
        elif kind < 0.7 and "/" not in name[cut:]:
            found.append(name[:cut] + "*")
        elif name[cut] != "/":
            found.append(name[:cut] + "?" + name[cut + 1 :])
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("seed", range(12))
def test_generated_specs_train_as_keras_does(seed: int) -> None:
    draw = random.Random(seed)
    body, means = _generated(draw)
    frozen = _patterns(draw, list(means), 2) if draw.random() < 0.8 else []
    entries = _patterns(draw, list(means), 3)
    speeds = [draw.choice((0.3, 0.1, 0.03, 0.01)) for _ in entries]
    momenta = [draw.choice((None, 0.5)) for _ in entries]
    text = body + "optimizer: {SGD: {learning_rate: 0.05}}\n"
    text += f"freeze: {json.dumps(frozen)}\n"
    said = {
        pattern: {"learning_rate": speed} | ({} if momentum is None else {"momentum": momentum})
        for pattern, speed, momentum in zip(entries, speeds, momenta, strict=True)
    }
    text += f"optimizers: {json.dumps(said)}\n"
    analysis = analyze_text(text)
    if analysis.checked is None:
        assert {each.code for each in analysis.diagnostics if each.severity == "error"} == {"NS526"}
        return
    checked = analysis.checked
    keras.utils.set_random_seed(seed)
    ours, plain = build.build(checked), build.build(checked_of(body))
    plain.set_weights(ours.get_weights())
    layers_of = {}
    for found in (*plain.layers, *plain.get_layer("part").layers):
        if isinstance(found, layers.Dense):
            key = f"{found.units}:{found.name}" if found.name in ("last", "back") else f"{found.units}"
            times = sum(each.startswith(f"{key}:") for each in layers_of)
            layers_of[key] = layers_of[f"{key}:{times + 1}"] = found
    for name, some in means.items():
        if any(_fits(pattern, name) for pattern in frozen):
            for each in some:
                layers_of[each].trainable = False
    chosen: dict[int, int] = {}
    for at, pattern in enumerate(entries):
        for name, some in means.items():
            if _fits(pattern, name):
                for each in some:
                    for variable in layers_of[each].variables:
                        chosen.setdefault(id(variable), at)
    made = [optimizers.SGD(speed, momentum=momentum or 0.0) for speed, momentum in zip(speeds, momenta, strict=True)]
    rest = optimizers.SGD(0.05)
    plain.compile(
        optimizers.MultiOptimizer(lambda one: made[chosen[id(one)]] if id(one) in chosen else rest), loss="mse"
    )
    assert _counts(ours) == _counts(plain) == _told(checked)
    if not ours.trainable_weights:
        return
    for one, other in zip(trained(ours), trained(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_a_summary_says_what_each_optimizer_trains() -> None:
    checked = checked_of(NESTED)
    model = build.build(checked)
    model.optimizer.build(model.trainable_variables)
    text = json.loads(summary.as_json(checked.typed, 32, checked.training))["optimizers"]
    told = {each["pattern"]: each["trainable"] for each in text}
    assert list(told) == ["twin", "vision/*", None]
    theirs = [sum(int(np.prod(v.shape)) for v in one._trainable_variables) for one in model.optimizer.optimizers]
    assert list(told.values()) == theirs
    assert text[1]["optimizer"] == "RMSprop: {learning_rate: 0.001}"
    shown = summary.as_text(checked.typed, plan=checked.training)
    assert "`vision/*`" in shown and "all others" in shown
    alone = checked_of("inputs: {x: [6]}\nlayers: [{Dense: 1}]\nlosses: mse\n")
    assert "optimizers" not in json.loads(summary.as_json(alone.typed, 32, alone.training))


# faults of Keras that are worked round


def test_an_optimizer_whose_layers_get_no_gradient_is_left_out_of_the_step() -> None:
    text = """
inputs: {x: [6]}
layers:
  - Dense: 4
    name: body
  - Dense: 1
    name: a
  - Dense: 1
    name: b
    from: body
outputs: [a, b]
losses: {a: mse, b: null}
optimizers: {b: 0.1}
"""
    checked = checked_of(text)
    y = {"a": Y, "b": Y}
    with pytest.raises(ValueError, match="No gradients"):
        trained(build.build(checked, portable=True), y=y)
    model = build.build(checked)
    before = keras.ops.convert_to_numpy(model.get_layer("b").kernel)
    trained(model, y=y)
    assert (keras.ops.convert_to_numpy(model.get_layer("b").kernel) == before).all()


def test_steps_of_one_name_in_two_models_are_told_apart_in_a_saved_model_by_another_name(
    tmp_path: Path, run: Run
) -> None:
    part = "{inputs: {d: [6]}, layers: [{Dense: 6, name: same}]}"
    text = f"""
inputs: {{x: [6]}}
layers:
  - model: {part}
    name: a
  - model: {part}
    name: b
  - Dense: 1
losses: mse
optimizer: {{SGD: {{learning_rate: 0.01}}}}
optimizers: {{a: 0.1}}
"""
    checked = checked_of(text)
    model = build.build(checked)
    model.optimizer.build(model.trainable_variables)
    first, rest = model.optimizer.optimizers
    same = [model.get_layer(name).get_layer("same") for name in ("a", "b")]
    assert [id(each) for each in first._trainable_variables] == [id(each) for each in same[0].trainable_variables]
    assert id(same[1].kernel) in {id(each) for each in rest._trainable_variables}
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    told = run("build", "spec.yaml", "-o", "m.keras", cwd=tmp_path)
    assert "note: `same` of the model `a` is called `a_same` in the file" in told.stderr
    again = keras.models.load_model(tmp_path / "m.keras")
    again.set_weights(model.get_weights())
    for one, other in zip(trained(model), trained(again), strict=True):
        assert (one == other).all()


def test_a_model_that_keras_cannot_read_back_is_said_to_be_one(tmp_path: Path, run: Run) -> None:
    part = "{inputs: {d: [6]}, layers: [{Dense: 3}]}"
    (tmp_path / "spec.yaml").write_text(
        f"inputs: {{v: [4, 6], x: [6]}}\nshared: {{left: {part}}}\nlayers:\n"
        "  - TimeDistributed: {use: left}\n    from: v\n  - Flatten:\n    name: f\n"
        f"  - use: left\n    from: x\n    name: l\n  - model: {part}\n    from: x\n    name: m\n"
        "  - Concatenate:\n    from: [f, l, m]\n",
        encoding="utf-8",
    )
    told = run("build", "spec.yaml", "-o", "m.keras", cwd=tmp_path)
    assert told.rc == 1 and "`m.keras` does not read back: A total of 1 objects could not be loaded" in told.stderr
    assert "Warning" not in told.stderr and not (tmp_path / "m.keras").exists()


def test_a_saved_model_is_keras_alone_and_reads_back_with_its_optimizers(tmp_path: Path) -> None:
    checked = checked_of(NESTED.replace("      - Dense: 3\n", "      - Dense: 3\n        name: out\n"))
    build.save(checked, tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert type(again.optimizer) is optimizers.MultiOptimizer
    again.optimizer.build(again.trainable_variables)
    found = {each.name: [v.path for v in each._trainable_variables] for each in again.optimizer.optimizers}
    assert found["twin"] == ["twin/kernel", "twin/bias"] and len(found["vision"]) == 4 and len(found["optimizer"]) == 2


# runs

FULL = """
name: rates
inputs: {x: [6]}
shared:
  twin: {Dense: {units: 6, activation: tanh}}
layers:
  - use: twin
    name: one
  - use: twin
    name: two
  - Dense: {units: 5, activation: tanh}
    repeat: 2
    name: fc
  - Dropout: 0.2
  - Dense: 1
    name: head
losses: mse
freeze: [fc_1]
optimizer: {Adam: {learning_rate: 0.01, use_ema: true}}
optimizers:
  twin: {learning_rate: 0.001, gradient_accumulation_steps: 2}
  head: {SGD: {learning_rate: 0.1, momentum: 0.9}}
fit:
  epochs: 4
  seed: 5
  batch_size: 8
  checkpoint: {steps: 3}
  callbacks: [{ReduceLROnPlateau: {monitor: loss, patience: 1, min_delta: 10, factor: 0.5}}, SwapEMAWeights]
"""


def test_a_run_notes_every_rate_and_its_page_shows_them(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(FULL, encoding="utf-8")
    result = api.fit(spec, dummy=40, out=tmp_path / "run")
    noted = epochs.times(result.run)
    assert list(noted[1]) == ["seconds", "learning_rate", "learning_rate_twin", "learning_rate_head"]
    assert noted[4]["learning_rate_head"] == pytest.approx(0.1 / 8)
    assert noted[4]["learning_rate"] == pytest.approx(0.01 / 8)
    assert result.history[0]["learning_rate_twin"] == pytest.approx(0.001)
    page = (result.run / runs.REPORT).read_text(encoding="utf-8")
    assert "learning rate, twin" in page and "learning rate, head" in page
    same = again.reproduce(result.run)
    assert same.same, same


def test_what_training_asks_of_several_optimizers() -> None:
    model = build.build(checked_of(FULL))
    assert rates.averages(model.optimizer) and len(rates.each(model.optimizer)) == 3
    assert rates.now(optimizers.SGD(0.5)) == {"learning_rate": 0.5}
    assert not rates.averages(optimizers.LossScaleOptimizer(optimizers.SGD(0.5)))
    assert rates.averages(optimizers.LossScaleOptimizer(optimizers.SGD(0.5, use_ema=True)))
    assert rates.now(object()) == {"learning_rate": None}


def test_a_plateau_lowers_all_rates_inside_a_scaled_loss(tmp_path: Path) -> None:
    plateau = "fit: {epochs: 3, seed: 1, callbacks: [{ReduceLROnPlateau: {monitor: loss, patience: 1, min_delta: 10}}]}"
    spec = tmp_path / "spec.yaml"
    spec.write_text(SCALED + plateau, encoding="utf-8")
    result = api.fit(spec, dummy=40, out=tmp_path / "run")
    assert epochs.times(result.run)[2]["learning_rate_head"] == pytest.approx(0.01)


def test_mistakes_are_said_by_every_verb(tmp_path: Path, run: Run) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(FULL.replace("[fc_1]", "[fc_3]"), encoding="utf-8")
    for verb in (["validate"], ["summary"], ["build"], ["fit", "--dummy", "8"]):
        done = run(verb[0], spec, *verb[1:])
        assert done.rc == 1 and "NS526" in done.stdout + done.stderr and "Traceback" not in done.stderr
