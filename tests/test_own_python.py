"""A user's own Python for layers, losses, metrics, schedules and callbacks: trusted, told of, and as in plain Keras."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from test_schema import document_of, passes

import netspec
from netspec.pipeline import analyze_text

CODE = """
import keras
from keras import ops

open("ran", "w").close()


class Gate(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.gate = self.add_weight(shape=(shape[-1], self.units), name="gate")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel) * ops.sigmoid(ops.matmul(inputs, self.gate))


class Each(Gate):
    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)


class Bare(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dropout(0.2)

    def call(self, inputs, training=False):
        return self.inner(inputs, training=training)


class Pair(keras.layers.Layer):
    def call(self, left, right, scale=1.0):
        return left + right, (left - right) * scale


class Cell(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, inputs, states):
        out = ops.tanh(ops.matmul(inputs, self.kernel) + states[0])
        return out, [out]


def scaled(inputs, times=2.0):
    return inputs * times


def joined(inputs):
    return ops.concatenate(inputs, axis=-1)


def powered(y_true, y_pred, gamma=1.0):
    return ops.mean(ops.abs(y_true - y_pred) ** gamma, axis=-1)


class Squared(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_pred(y_true, y_pred):
    return ops.mean(y_pred)


class AbsMean(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(ops.abs(y_pred), sample_weight=sample_weight)


def warm(step, steps):
    return 0.01 * ops.minimum(1.0, (ops.cast(step, "float32") + 1) / steps)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / (1 + ops.cast(step, "float32"))


class Log(keras.callbacks.Callback):
    def __init__(self, every=1):
        super().__init__()
        self.every, self.heard, self.losses, self.tested = every, 0, [], 0

    def on_train_batch_end(self, batch, logs=None):
        self.heard += 1

    def on_test_batch_end(self, batch, logs=None):
        self.tested += 1

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(float(logs["loss"]))
        self.last = {"epoch": epoch, "heard": self.heard}

    def on_train_end(self, logs=None):
        import json
        with open("log.json", "w") as file:
            json.dump([self.heard, self.tested, self.losses, self.last], file)
"""

SPEC = """\
inputs: {x: [4]}
layers:
  - python: mine:Gate
    with: {units: 8}
    shape: [8]
    name: gate
  - python: mine:Bare
    shape: [8]
  - python: mine:scaled
    with: {times: 1.5}
    shape: [8]
  - Dense: 1
    name: y
losses: {python: mine:powered, with: {gamma: 2.0}}
metrics: [mae, {python: mine:mean_pred}, {python: mine:AbsMean}]
optimizer: {Adam: {learning_rate: {python: mine:warm, with: {steps: 10}}}}
data:
  train: rows.npz
  test: 0.2
  validation: 0.2
  features: {x: a}
fit:
  epochs: 3
  seed: 3
  batch_size: 20
  callbacks: [{python: mine:Log}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, its Python and its rows, which is the current one."""
    np = pytest.importorskip("numpy")
    x = np.random.default_rng(0).random((200, 4)).astype("float32")
    np.savez(tmp_path / "rows.npz", a=x, y=x.sum(axis=1))
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(text: str) -> list[tuple[str, int, str]]:
    """Code, line and message of what validate says."""
    return [(each.code, each.place.line, each.message) for each in analyze_text(text).diagnostics]


# what is checked without running it


def test_what_checks_a_spec_never_imports_its_python(run: Run, here: Path) -> None:
    for verb in (("validate", "spec.yaml"), ("validate", "spec.yaml", "--trust"), ("summary", "spec.yaml")):
        done = run(*verb, cwd=here)
        assert done.rc == 0 and not (here / "ran").exists()
    for verb in (("schema",), ("rule", "NS530"), ("validate", "--fix", "spec.yaml")):
        assert run(*verb, cwd=here).rc == 0 and not (here / "ran").exists()


def test_a_summary_says_what_is_not_known(run: Run, here: Path) -> None:
    shown = run("summary", "spec.yaml", cwd=here).stdout
    (row,) = [line for line in shown.splitlines() if line.startswith("gate")]
    assert row.split() == ["gate", "mine:Gate", "x", "(None,", "8)", *["unknown"] * 4]
    steps = json.loads(run("summary", "spec.yaml", "--format", "json", cwd=here).stdout)["steps"]
    assert steps[0] | {"from": 0} == {
        "name": "gate",
        "layer": "mine:Gate",
        "from": 0,
        "shape": [None, 8],
        "dtype": "unknown",
        "params": "unknown",
        "flops": "unknown",
        "memory": "unknown",
        "trainable": "unknown",
    }


TOP = "inputs: {x: [4]}\nlayers:\n"


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        (TOP + "  - python: mine\n", "NS315", 3, 'as `module:name`, got `"mine"`'),
        (TOP + "  - python: mine.py:Gate\n", "NS315", 3, "as `module:name`"),
        (TOP + "  - python: 3\n", "NS315", 3, "got `3`"),
        (TOP + "  - python: ops.mine:f\n", "NS315", 3, "cannot be called `ops`"),
        (TOP + "  - python: mine:Gate\n    with: [8]\n", "NS202", 4, "`with` is a mapping"),
        (TOP + "  - python: mine:Gate\n    with: {a-b: 8}\n", "NS315", 4, "cannot be the name of an argument"),
        (TOP + "  - python: mine:Gate\n    with: {name: g}\n", "NS205", 4, "`name` is not an argument here"),
        (TOP + "  - python: mine:Gate\n    wiht: {units: 8}\n", "NS201", 4, "no key `wiht`"),
        (TOP + "  - python: mine:Gate\n    units: 8\n", "NS201", 4, "no key `units`"),
        (TOP + "  - python: mine:Gate\n    shape: 8\n", "NS202", 4, "`shape` is a list of sizes"),
        (TOP + "  - python: mine:Gate\n    shape: [0]\n", "NS202", 4, "`shape` is a list of sizes"),
        (TOP + "  - python: mine:Gate\n    Dense: 8\n", "NS208", 4, "got `python` and `Dense`"),
        (TOP + "  - pyhton: mine:Gate\n", "NS201", 3, "no key `pyhton`"),
        (TOP + "  - TimeDistributed: {python: mine:Gate, wiht: {}}\n", "NS201", 3, "no key `wiht`"),
        (TOP + "  - Dense: {units: 1, kernel_initializer: {python: mine:f}}\n", "NS315", 3, "an initializer cannot be"),
        (TOP + "  - Dense: 1\nlosses: {python: mine:f, weight: 2}\n", "NS201", 4, "no key `weight`"),
        (TOP + "  - Dense: 1\nmetrics: [{python: mine:f}, {python: other:f}]\n", "NS303", 4, "`f` is listed twice"),
        (TOP + "  - Dense: 1\nmetrics: {python: mine:f, with: {name: loss}}\n", "NS209", 4, "`loss` cannot be"),
        (TOP + "  - Dense: 1\nlosses: mse\noptimizer: {Adam: {learning_rate: {python: f}}}\n", "NS315", 5, 'got `"f"`'),
        (
            TOP + "  - Dense: 1\n    name: y\nlosses: mse\noptimizer: adam\noptimizers: {y: {python: mine:Mine}}\n",
            "NS315",
            7,
            "an optimizer cannot be Python of your own",
        ),
        (
            TOP + "  - python: mine:Gate\n    with: {trainable: true}\n    name: gate\n  - Dense: 1\nfreeze: gate\n",
            "NS528",
            7,
            "`gate` freezes a `mine:Gate` that says `trainable: true`",
        ),
        (TOP + "  - Dense: 1\nlosses: mse\nfit: {callbacks: [{python: m:f, wth: {}}]}\n", "NS201", 5, "no key `wth`"),
        (TOP + "  - python: mine:Gate\n    shape: [3]\n  - Reshape: [2, 2]\n", "NS404", 5, ""),
        (
            TOP
            + "  - Dense: 1\nlosses: mse\nmetrics: {python: mine:m}\nfit: {callbacks: [{EarlyStopping: {monitor: m}}]}",
            "NS207",
            6,
            "needs `mode` for `m`",
        ),
    ],
)
def test_a_form_that_is_wrong(text: str, code: str, line: int, words: str) -> None:
    (found,) = said(text)
    assert found[:2] == (code, line) and words in found[2]
    if code not in ("NS207", "NS209", "NS303", "NS404", "NS528"):  # a schema cannot tell
        assert not passes(document_of(text).data)


@pytest.mark.parametrize(
    "text",
    [
        TOP + "  - {python: mine:f, repeat: 2, name: f, call: {training: true, scale: 2.0}}\n",
        TOP + "  - {python: a.b.c:F_2, with: {}, shape: [null, 3]}\n",
        TOP + "  - {python: mine:Pair, shape: [[4], [4]], name: [a, b]}\n  - Add:\n    from: [a, b]\n",
        "inputs: {x: [5, 4]}\nlayers:\n  - TimeDistributed: {python: mine:Gate, with: {units: 3}, shape: [3]}\n"
        "  - Bidirectional: {python: mine:Rnn}\n  - RNN: {python: mine:Cell, with: {units: 4}}\n  - Flatten\n",
        "inputs: {x: [4]}\nshared: {g: {python: mine:Gate, with: {units: 4}, shape: [4]}}\n"
        "layers:\n  - use: g\n  - use: g\n",
        TOP + "  - Dense: 1\n    name: y\nlosses: {y: {loss: {python: mine:f, with: {a: 1}}, weight: 0.5}}\n"
        "metrics: {y: [{python: mine:f, with: {name: g}}, {python: mine:f}]}\n",
        TOP + "  - Dense: 1\n    name: python\nlosses: {python: mse}\nmetrics: {python: mae}\n",
        TOP + "  - Dense: 1\nlosses: {python: mine:f}\nmetrics: {python: mine:m}\n"
        "fit: {callbacks: [{EarlyStopping: {monitor: m, mode: max}}]}\n",
    ],
)
def test_a_form_that_is_right(text: str) -> None:
    assert said(text) == []
    assert passes(document_of(text).data)


# trust


def test_nothing_runs_unless_it_is_trusted(run: Run, here: Path) -> None:
    for verb in (("fit", "spec.yaml", "--out", "r"), ("build", "spec.yaml"), ("validate", "--exact", "spec.yaml")):
        done = run(*verb, cwd=here)
        told = done.stdout + done.stderr
        assert done.rc == 1 and told.count("error[NS530]") == 1 == told.count("--trust") and "spec.yaml:3:13" in told
        assert told.count("and here") == 7 and " and 4 more are Python code" in told, told
    for verb in (netspec.build, netspec.fit):
        with pytest.raises(netspec.SpecError, match="NS530") as caught:
            verb("spec.yaml")
        assert {each.code for each in caught.value.diagnostics} == {"NS530"}
    assert sorted(each.name for each in here.iterdir()) == ["mine.py", "rows.npz", "spec.yaml"]


@pytest.mark.keras
def test_exact_checks_it_where_it_is_trusted(run: Run, here: Path) -> None:
    assert run("validate", "--exact", "--trust", "spec.yaml", cwd=here).rc == 0
    (here / "spec.yaml").write_text(SPEC.replace("shape: [8]", "shape: [7]", 1), encoding="utf-8")
    done = run("validate", "--exact", "--trust", "spec.yaml", cwd=here)
    assert done.rc == 1 and "error[NS316]: `mine:Gate` gives (batch, 8), and its `shape` says (batch, 7)" in done.stdout
    assert "spec.yaml:5:5" in done.stdout and "write `shape: [8]`" in done.stdout


# what comes of it


@pytest.mark.keras
def test_it_trains_to_the_numbers_of_plain_keras(here: Path) -> None:
    import keras
    import numpy as np

    text = SPEC.replace("  test: 0.2\n  validation: 0.2\n", "").replace("  seed: 3\n", "  seed: 3\n  shuffle: false\n")
    (here / "spec.yaml").write_text(text, encoding="utf-8")
    ours = netspec.fit("spec.yaml", out="r", trust=True)

    import importlib.util

    spec = importlib.util.spec_from_file_location("by_hand", here / "mine.py")
    assert spec is not None and spec.loader is not None
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,), name="x")
    x = mine.Gate(8, name="gate")(inputs)
    x = mine.Bare()(x)  # its dropout takes the next seed
    x = keras.layers.Lambda(lambda inputs: mine.scaled(inputs, times=1.5))(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="y")(x))
    rate = keras.optimizers.schedules.LearningRateSchedule

    class Warm(rate):  # type: ignore[misc, valid-type]
        def __call__(self, step: Any) -> Any:
            return mine.warm(step, steps=10)

    model.compile(
        loss=lambda y_true, y_pred: mine.powered(y_true, y_pred, gamma=2.0),
        metrics=["mae", mine.mean_pred, mine.AbsMean(name="abs_mean")],
        optimizer=keras.optimizers.Adam(Warm()),
    )
    rows = np.load("rows.npz")
    theirs = model.fit(rows["a"], rows["y"], batch_size=20, epochs=3, shuffle=False, verbose=0).history
    assert set(ours.history[0]) == {"loss", "mae", "mean_pred", "abs_mean"} == set(theirs)
    for name, values in theirs.items():
        assert [row[name] for row in ours.history] == pytest.approx(values, rel=1e-5), name


@pytest.mark.keras
def test_a_run_with_it_is_a_run(run: Run, here: Path) -> None:
    whole = netspec.fit("spec.yaml", out="whole", trust=True)
    heard, tested, losses, last = json.loads((here / "log.json").read_text())
    assert (heard, tested) == (18, 6) and last == {"epoch": 2, "heard": 18} and len(losses) == 3
    assert list(whole.metrics["test"]["y"]) == ["loss", "mae", "mean_pred", "abs_mean"]
    resolved = json.loads(Path("whole/resolved.json").read_text())
    assert resolved["steps_per_execution"] == 1
    marks = json.loads(Path("whole/environment.json").read_text())["python"]
    assert list(marks) == [str((here / "mine.py").resolve())]
    assert "mine:Gate" in Path("whole/report.html").read_text(encoding="utf-8")

    with pytest.raises(netspec.SpecError, match="NS530"):
        netspec.evaluate("whole")
    found = netspec.evaluate("whole", trust=True, bootstrap=0)
    assert found.scores.outputs["y"] == pytest.approx(whole.metrics["test"]["y"], rel=1e-6)
    with pytest.raises(netspec.SpecError, match="NS530"):
        netspec.predict("whole", "rows.npz")
    assert netspec.predict("whole", "rows.npz", trust=True).outputs["y"].shape == (200, 1)
    assert run("predict", "whole", "--data", "rows.npz", "--trust", cwd=here).rc == 0
    again = netspec.reproduce("whole", out="again", trust=True)
    assert again.same and again.notes == ()

    (here / "mine.py").write_text(CODE + "# more\n", encoding="utf-8")
    changed = "Python of your own, has changed since the run was made"
    assert any(changed in note for note in netspec.evaluate("whole", trust=True, bootstrap=0).notes)
    assert changed in run("reproduce", "whole", "--trust", "--out", "third", cwd=here).stderr


@pytest.mark.keras
@pytest.mark.parametrize("at", [4, 6, 9])
def test_resuming_comes_to_the_bits_of_a_run_that_was_never_stopped(
    here: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    whole = netspec.fit("spec.yaml", out="whole", trust=True)
    log = (here / "log.json").read_text()
    stop = CODE.replace(
        "        self.heard += 1\n", f"        self.heard += 1\n        if self.heard == {at}: stop()\n"
    )
    stop += "\ndef stop():\n    raise KeyboardInterrupt\n"
    (here / "mine.py").write_text(stop, encoding="utf-8")
    from netspec.runtime.run.training import Interrupted

    with pytest.raises(Interrupted):
        netspec.fit("spec.yaml", out="r", trust=True, **{"fit.checkpoint.steps": 2})
    (here / "mine.py").write_text(CODE, encoding="utf-8")
    with pytest.raises(netspec.SpecError, match="NS530"):
        netspec.resume("r")
    found = netspec.resume("r", trust=True)
    assert found.history == whole.history and found.metrics == whole.metrics
    assert json.loads((here / "log.json").read_text()) == json.loads(log)


@pytest.mark.keras
def test_layers_of_ones_own_go_wherever_layers_go(here: Path) -> None:
    spec = """
inputs: {x: [5, 4], z: [5, 4]}
shared:
  gate: {python: mine:Gate, with: {units: 4}, shape: [5, 4]}
layers:
  - use: gate
    from: x
    name: one
  - use: gate
    from: z
    name: two
  - python: mine:Pair
    from: {right: two, left: one}
    call: {scale: 2.0}
    shape: [[5, 4], [5, 4]]
    name: [sum, difference]
  - python: mine:joined
    from: [sum, difference]
    shape: [5, 8]
  - TimeDistributed: {python: mine:Each, with: {units: 3}, shape: [3]}
    name: each
  - python: mine:Gate
    with: {units: 3, trainable: false}
    shape: [5, 3]
    repeat: 2
    name: more
  - RNN: {python: mine:Cell, with: {units: 6}}
  - model:
      inputs: {a: [6]}
      layers: [{python: mine:Gate, with: {units: 2}, shape: [2]}]
  - Dense: 1
    name: y
losses: {python: mine:Squared}
optimizer: {SGD: {learning_rate: {python: mine:Falling, with: {start: 0.5}}}}
"""
    (here / "spec.yaml").write_text(spec, encoding="utf-8")
    model = netspec.build("spec.yaml", trust=True)
    assert len([layer for layer in model.layers if type(layer).__name__ == "Gate"]) == 3
    assert not model.get_layer("more_1").trainable and model.get_layer("each").layer.units == 3
    assert sum(int(weight.shape.num_elements()) for weight in model.get_layer("gate").weights) == 2 * 16
    import numpy as np

    x, z = np.ones((2, 5, 4), "float32"), np.zeros((2, 5, 4), "float32")
    assert model.predict([x, z], verbose=0).shape == (2, 1)
    assert float(model.optimizer.learning_rate) == 0.5
    shutil.rmtree(here / "runs", ignore_errors=True)
    assert netspec.fit("spec.yaml", dummy=40, out="r", trust=True, epochs=1).history


@pytest.mark.keras
def test_a_cell_of_ones_own_goes_both_ways(run: Run, here: Path) -> None:
    spec = """
inputs: {x: [5, 4]}
dtype_policy: mixed_bfloat16
freeze: first
layers:
  - Bidirectional: {layer: {RNN: {cell: {python: mine:Cell, with: {units: 4}}, return_sequences: true}}}
    name: first
  - Bidirectional: {RNN: {cell: {python: mine:Cell, with: {units: 3}}}}
    name: second
  - Dense: {units: 1, dtype: float32}
    name: y
losses: mse
optimizer: adam
optimizers: {second: {SGD: {learning_rate: {python: mine:warm, with: {steps: 10}}}}}
"""
    (here / "spec.yaml").write_text(spec, encoding="utf-8")
    model = netspec.build("spec.yaml", trust=True)
    first, second = model.get_layer("first"), model.get_layer("second")
    assert len(first.weights) == 2 and not first.trainable_weights and len(second.trainable_weights) == 2
    assert second.backward_layer.cell.kernel is not second.forward_layer.cell.kernel
    assert second.forward_layer.cell.compute_dtype == "bfloat16"
    done = run("build", "spec.yaml", "--trust", cwd=here)
    assert done.rc == 0, done.stderr


GROUPED = """\
inputs: {x: [4]}
layers:
  - Dense: 3
    name: h
  - Dense: 1
    name: y
losses: mse
data: {train: rows.npz, features: {x: a}}
optimizer: adam
optimizers:
  h: {SGD: {learning_rate: {python: mine:warm, with: {steps: 10}}}}
"""


@pytest.mark.keras
def test_a_schedule_of_one_optimizer_among_several_is_told_of_as_any_other(run: Run, here: Path) -> None:
    found = failure(here, CODE, GROUPED.replace("{steps: 10}", "{stesp: 10}"))
    assert found[:3] == ("NS531", 11, "`mine:warm` has no argument `stesp`")
    found = failure(here, CODE.replace("return 0.01 *", "return {}['a'] *"), GROUPED)
    assert found[:3] == ("NS532", 11, "`mine:warm` fails: KeyError: 'a'")
    for gives, said in {
        "None": "nothing",
        "'fast'": "a str",
        "[1., 2.]": "a tensor of shape (2,)",
        "1e999 / 1e999": "nan",
    }.items():
        found = failure(here, CODE.replace("return 0.01 * ops", f"return {gives}; ops"), GROUPED)
        assert found[:3] == ("NS532", 11, f"`mine:warm` gives {said} for step 0, expected a learning rate")
    (here / "mine.py").write_text(CODE, encoding="utf-8")
    with pytest.raises(netspec.SpecError, match=r"NS530.*\n.*spec.yaml:11:"):
        netspec.build("spec.yaml")
    netspec.fit("spec.yaml", out="r", trust=True, force=True)
    assert list(json.loads(Path("r/environment.json").read_text())["python"]) == [str((here / "mine.py").resolve())]
    done = run("build", "spec.yaml", "--trust", cwd=here)
    assert done.rc == 0 and "losses, metrics and optimizer are not in the file" in done.stderr, done.stderr


@pytest.mark.keras
def test_a_loss_that_a_layer_adds_in_another_dtype_is_told_at_the_layer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import keras\nclass Pulled(keras.layers.Layer):\n    def call(self, x):\n"
        "        self.add_loss(keras.ops.mean(x))\n        return x\n",
        encoding="utf-8",
    )
    (tmp_path / "spec.yaml").write_text(
        "inputs: {x: [3]}\ndtype_policy: mixed_bfloat16\nlayers:\n  - Dense: 2\n  - python: mine:Pulled\n"
        "    shape: [2]\n  - Dense: {units: 1, dtype: float32}\nlosses: mse\n",
        encoding="utf-8",
    )
    done = run("fit", "spec.yaml", "--dummy", "8", "--trust", cwd=tmp_path)
    assert done.rc == 1 and "error[NS532]: `mine:Pulled` adds a loss in bfloat16" in done.stderr, done.stderr
    assert "spec.yaml:5:13" in done.stderr and "ops.cast" in done.stderr


@pytest.mark.keras
def test_a_module_of_rows_that_imports_keras_gets_it_as_we_do_and_quietly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import sys\nimport keras\nsys.stderr.write(f'on {keras.backend.backend()}\\n')\n"
        "def rows():\n    yield from ({'a': at, 'b': 2 * at} for at in range(9))\n",
        encoding="utf-8",
    )
    (tmp_path / "spec.yaml").write_text(
        "inputs: {x: [1]}\nlayers:\n  - Dense: 1\n    name: y\nlosses: mse\n"
        "data: {train: {python: 'mine:rows'}, features: {x: a}, targets: {y: b}}\n",
        encoding="utf-8",
    )
    done = run("data", "spec.yaml", "--trust", cwd=tmp_path, env={"KERAS_BACKEND": "jax"})
    assert done.rc == 0 and "on tensorflow\n" in done.stderr and "absl" not in done.stderr, done.stderr


@pytest.mark.keras
def test_a_saved_model_reads_back(run: Run, here: Path) -> None:
    done = run("build", "spec.yaml", "--trust", cwd=here)
    assert done.rc == 1 and "error[NS532]: `spec.keras` does not read back with `mine:Bare`" in done.stderr, done.stderr
    code = CODE.replace(
        "def __init__(self):\n        super().__init__()",
        "def __init__(self, **kwargs):\n        super().__init__(**kwargs)",
        1,
    )
    (here / "mine.py").write_text(code, encoding="utf-8")
    done = run("build", "spec.yaml", "--trust", cwd=here)
    assert done.rc == 0 and "are not in the file" in done.stderr, done.stderr
    assert (here / "spec.keras").exists()


@pytest.mark.keras
def test_labels_of_a_loss_of_ones_own_are_as_they_stand(here: Path) -> None:
    import numpy as np

    code = CODE + (
        "\ndef sparse(y_true, y_pred):\n"
        "    assert y_true.shape[1:] == (1,) and y_pred.shape[1:] == (3,)\n"
        "    return keras.losses.sparse_categorical_crossentropy(y_true[:, 0], y_pred)\n"
    )
    (here / "mine.py").write_text(code, encoding="utf-8")
    x = np.random.default_rng(0).random((60, 4))
    np.savez("rows.npz", x=x, y=(x.sum(axis=1) * 0.7).astype(int))
    text = "inputs: {x: [4]}\nlayers:\n  - Dense: {units: 3, activation: softmax}\n    name: y\n"
    (here / "spec.yaml").write_text(text + "losses: {python: mine:sparse}\ndata: {train: rows.npz}\n", encoding="utf-8")
    assert netspec.fit("spec.yaml", out="r", trust=True, epochs=2).history


# what goes wrong in it


def failure(here: Path, code: str, spec: str, **more: Any) -> tuple[str, int, str, tuple[str, ...], str | None]:
    """Code, line, message, notes and help of the one mistake that `fit` raises."""
    (here / "mine.py").write_text(code, encoding="utf-8")
    (here / "spec.yaml").write_text(spec, encoding="utf-8")
    with pytest.raises(netspec.SpecError) as caught:
        netspec.fit("spec.yaml", out="r", trust=True, force=True, **more)
    assert len(caught.value.diagnostics) == 1, caught.value
    (found,) = caught.value.diagnostics
    return found.code, found.place.line, found.message, found.notes, found.help


@pytest.mark.keras
@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words", "note"),
    [
        ("import keras\n", "import kerras\n", "NS531", 3, "No module named 'kerras'", "mine.py:2: `import kerras`"),
        (
            "import keras\n",
            "import keras\n1 / 0\n",
            "NS531",
            3,
            "importing it fails: ZeroDivisionError",
            "mine.py:3: `1 / 0`",
        ),
        ("class Gate(keras.layers.Layer):", "class Gate(:", "NS531", 3, "SyntaxError", "mine.py:8: `class Gate(:`"),
        ("class Gate(", "class Gates(", "NS531", 3, "importing it fails: NameError", "`class Each(Gate):`"),
        ("class Gate(keras.layers.Layer)", "class Gate", "NS531", 3, "`mine:Gate` is no Layer", ""),
        ("def __init__(self, units, **kw", "def __init__(self, unit, **kw", "NS531", 4, "has no argument `units`", ""),
        (
            "def powered(y_true, y_pred, gamma=1.0)",
            "def powered(y_true, y_pred)",
            "NS531",
            14,
            "has no argument `gamma`",
            "",
        ),
        ("def mean_pred(y_true, y_pred)", "def mean_pred(y)", "NS531", 15, "takes too few arguments", ""),
        ("class Log(keras.callbacks.Callback)", "class Log(object)", "NS531", 26, "`mine:Log` is no Callback", ""),
        (
            "        self.units = units\n",
            "        raise ValueError('odd')\n",
            "NS532",
            3,
            "ValueError: odd",
            "mine.py:11, in `__init__`",
        ),
        (
            "    return inputs * times",
            "    return inputs * tims",
            "NS532",
            9,
            "NameError: name 'tims'",
            "in `scaled`: `return inputs * tims`",
        ),
        (
            "        return self.inner(inputs",
            "        ops.matmul(inputs, inputs)\n        return self.inner(inputs",
            "NS532",
            7,
            "`mine:Bare` fails: ",
            "in `call`: `ops.matmul",
        ),
        ("    return inputs * times", "    return None", "NS532", 9, "gives no tensor", ""),
        ("    return inputs * times", "    return inputs, inputs", "NS316", 9, "gives 2 tensors, the spec names 1", ""),
        (
            "    return inputs * times",
            "    return inputs[:, :2]",
            "NS316",
            11,
            "gives (batch, 2), and its `shape` says (batch, 8)",
            "",
        ),
        (
            "    return ops.mean(ops.abs(y_true",
            "    y_true.nothing()\n    return ops.mean(ops.abs(y_true",
            "NS532",
            14,
            "`mine:powered` fails: AttributeError",
            "in `powered`: `y_true.nothing()`",
        ),
        (
            "    return ops.mean(y_pred)",
            "    return {}['a']",
            "NS532",
            15,
            "`mine:mean_pred` fails: KeyError: 'a'",
            "in `mean_pred`",
        ),
        (
            "    return 0.01 *",
            "    if step > 3: pass\n    return 0.01 *",
            "NS532",
            16,
            "`mine:warm` fails: ",
            "in `warm`: `if step > 3: pass`",
        ),
        (
            "        self.losses.append(",
            "        1 / 0\n        self.losses.append(",
            "NS532",
            26,
            "`mine:Log` fails: ZeroDivisionError",
            "in `on_epoch_end`: `1 / 0`",
        ),
    ],
)
def test_a_fault_of_ones_own_is_told_at_its_lines(
    here: Path, old: str, new: str, code: str, line: int, words: str, note: str
) -> None:
    assert old in CODE
    found = failure(here, CODE.replace(old, new, 1), SPEC, epochs=1)
    assert found[:2] == (code, line), found
    assert words in found[2], found
    assert (note in found[3][0]) if note else True, found


@pytest.mark.keras
def test_what_is_not_there(here: Path) -> None:
    code, line, message, _, cure = failure(here, CODE, SPEC.replace("mine:Gate", "nowhere:Gate"))
    assert (code, line) == ("NS531", 3) and "No module named 'nowhere'" in message
    assert str(here / "nowhere.py") in str(cure)
    found = failure(here, CODE, SPEC.replace("mine:Gate", "mine:Gats"))
    assert found[4] == "did you mean `mine:Gate`?"
    found = failure(here, CODE, SPEC.replace("{units: 8}", "{unit: 8}", 1))
    assert found[:2] == ("NS531", 4) and found[4] == "did you mean `units`?"
    found = failure(here, CODE, SPEC.replace("{units: 8}", "{}", 1))
    assert found[:2] == ("NS531", 3) and found[2] == "`mine:Gate` needs `units`"
    found = failure(here, CODE, SPEC.replace("{times: 1.5}", "{time: 1.5}", 1))
    assert found[:2] == ("NS531", 10) and found[4] == "did you mean `times`?"
    (here / "json.py").write_text("def f(x):\n    return x\n", encoding="utf-8")
    found = failure(here, CODE, SPEC.replace("mine:scaled", "json:f"))
    assert found[:2] == ("NS531", 9) and "another module is loaded under the name `json`" in found[2]


@pytest.mark.keras
def test_modules_find_what_lies_beside_them(here: Path) -> None:
    (here / "kit" / "deep").mkdir(parents=True)
    (here / "kit" / "__init__.py").write_text("", encoding="utf-8")
    (here / "kit" / "deep" / "layers.py").write_text(
        "from ..numbers import TIMES\nimport beside\ndef scaled(x):\n    return x * TIMES * beside.ONE\n",
        encoding="utf-8",
    )
    (here / "kit" / "numbers.py").write_text("TIMES = 2.0\n", encoding="utf-8")
    (here / "beside.py").write_text("ONE = 1.0\n", encoding="utf-8")
    text = "inputs: {x: [4]}\nlayers:\n  - python: kit.deep.layers:scaled\n    shape: [4]\n  - Dense: 1\nlosses: mse\n"
    (here / "spec.yaml").write_text(text, encoding="utf-8")
    run = netspec.fit("spec.yaml", dummy=20, out="r", trust=True, epochs=1).run
    marks = json.loads((run / "environment.json").read_text())["python"]
    names = ["beside.py", "kit/__init__.py", "kit/deep/layers.py", "kit/numbers.py"]
    assert list(marks) == [str(here.resolve() / name) for name in names]
    assert not list(here.rglob("__pycache__"))
    (here / "beside.py").write_text("ONE = 'no'\n", encoding="utf-8")
    with pytest.raises(netspec.SpecError, match="fails: TypeError"):
        netspec.evaluate("r", trust=True)
