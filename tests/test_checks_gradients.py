"""Which layers no gradient reaches, against TensorFlow's own gradients: of random graphs, operations and layers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import random_specs
from keras_graph import parts

from netspec import catalog
from netspec.graph.checks.gradients import stops, unreached
from netspec.graph.checks.survey import Survey, survey, wrapped
from netspec.graph.ir import Checked, LayerDef
from netspec.graph.training import loss_class, training
from netspec.language import source
from netspec.language.parse import parse
from netspec.pipeline import analyze_text

pytestmark = pytest.mark.keras

STOPS = ("ops.stop_gradient", "ops.sign", "ops.floor", "ops.round", "ops.ones_like")
PASSES = ("ops.tanh", "ops.abs", "ops.sin", "ops.exp")


def spec_text(seed: int) -> str:
    """A random graph of small dense layers, things that stop gradients, shared layers, models, and losses."""
    dice = random.Random(seed)
    names, steps = ["x", "y"], []
    shared: dict[str, Any] = {"both": {"Dense": {"units": 6, "activation": "tanh"}}}
    shared["model"] = {
        "inputs": {"p": [6], "q": [6]},
        "layers": [
            {"Dense": {"units": 6, "activation": "tanh"}, "from": "p", "name": "left"},
            {"Dense": {"units": 6, "activation": "tanh"}, "from": "q", "name": "right"},
            {"Discretization": {"bin_boundaries": [-0.5, 0.5]}, "from": "right", "name": "bins"},
            {"Embedding": {"input_dim": 3, "output_dim": 1}, "from": "bins"},
            {"Flatten": {}, "name": "code"},
            {"Add": {}, "from": ["left", "right"], "name": "sum"},
        ],
        "outputs": dice.sample(["left", "right", "code", "sum"], 2),
    }
    used = False
    for at in range(dice.randint(4, 12)):
        name, first, second = f"s{at}", dice.choice(names), dice.choice(names)
        kind = dice.randrange(10)
        step: dict[str, Any]
        if kind < 4:
            more = {"trainable": False} if dice.random() < 0.1 else {}
            if dice.random() < 0.05:
                more = {dice.choice(["kernel_regularizer", "activity_regularizer"]): "l2"}
            step = {"Dense": {"units": 6, "activation": "tanh", **more}, "from": first}
        elif kind == 4:
            step = {"use": "both", "from": first}
        elif kind == 5:
            step = {"Add": {}, "from": [first, second]} if first != second else {"Identity": {}, "from": first}
        elif kind == 6:
            step = {dice.choice(STOPS): None, "from": first}
        elif kind == 7:
            step = {dice.choice(PASSES): None, "from": first}
        elif kind == 8 and not used:
            used = True
            step = {"use": "model", "from": [first, second] if first != second else ["x", "y"]}
            steps.append({**step, "name": [f"{name}a", f"{name}b"]})
            names += [f"{name}a", f"{name}b"]
            continue
        else:
            steps.append({"Discretization": {"bin_boundaries": [-0.5, 0.0, 0.5]}, "from": first, "name": f"{name}d"})
            steps.append({"Embedding": {"input_dim": 4, "output_dim": 1}, "from": f"{name}d", "name": f"{name}e"})
            step = {"Flatten": {}, "from": f"{name}e"}
        steps.append({**step, "name": name})
        names.append(name)
    outputs = dice.sample(names[2:], min(len(names) - 2, dice.randint(1, 3)))
    losses = {name: dice.choice(["mse", "mse", {"loss": "mse", "weight": 0}, None]) for name in outputs}
    whole = {"inputs": {"x": [6], "y": [6]}, "shared": shared, "layers": steps, "outputs": outputs, "losses": losses}
    return json.dumps(whole)


def compared(text: str) -> Iterator[tuple[str, bool, bool]]:
    """For each layer with weights to train: its name, whether we say that it is unreached, whether no gradient is."""
    import keras
    import numpy as np
    import tensorflow as tf

    from netspec.runtime.model import build

    keras.utils.clear_session(free_memory=False)
    analysis = analyze_text(text)
    typed = analysis.typed
    assert typed is not None
    errors = [found for found in analysis.diagnostics if found.severity == "error" and found.code != "NS514"]
    if errors:
        return
    document, report = source.read_text(text, "spec")
    spec = parse(document.data, "spec", report)
    assert spec is not None
    plan = training(spec, typed, report)
    found = survey(typed)
    ours = unreached(spec, found, plan)
    model = build.lower(Checked("m", typed, plan, None, spec.fit, ".", {}))
    rng = np.random.default_rng(0)
    batch = {tensor.name: tf.constant(_values(rng, tensor)) for tensor in model.inputs}
    with tf.GradientTape() as tape:
        given = model([batch[tensor.name] for tensor in model.inputs], training=True)
        given = given if isinstance(given, dict) else dict.fromkeys(typed.graph.outputs, given)
        loss = tf.add_n([tf.constant(0.0), *(tf.cast(each, "float32") for each in model.losses)])
        for name in typed.graph.outputs:
            if loss_class(plan.losses.get(name)) is not None:
                numbers = tf.cast(given[name], "float32")
                aim = tf.constant(rng.normal(size=numbers.shape).astype("float32"))
                loss += plan.loss_weights.get(name, 1.0) * tf.reduce_mean((numbers - aim) ** 2)
    variables = [weight.value for weight in model.trainable_weights]
    gradients = {
        id(weight): each for weight, each in zip(model.trainable_weights, tape.gradient(loss, variables), strict=True)
    }
    for graph, part in parts(typed, model):
        for call in graph.graph.live_calls():
            for layer in wrapped(call.layer)[:1]:
                if not isinstance(layer, LayerDef) or layer.cls.startswith(catalog.OPS):
                    continue
                weights = part.get_layer(layer.name).trainable_weights
                if weights:
                    own = [gradients[id(weight)] for weight in weights if id(weight) in gradients]
                    nothing = all(each is None or not np.any(tf.convert_to_tensor(each).numpy()) for each in own)
                    mine = all(id(each) in ours for each in wrapped(layer) if _counts(found, each))
                    yield f"{graph.graph.name}/{layer.name} ({layer.cls})", mine, nothing


def _counts(found: Survey, layer: Any) -> bool:
    own = found.own.get(id(layer))
    return own is not None and own.trainable != 0


def _values(rng: Any, tensor: Any) -> Any:
    shape = [3 if dim is None and at == 0 else dim or 8 for at, dim in enumerate(tensor.shape)]
    whole = "int" in tensor.dtype
    return (rng.integers(0, 4, shape) if whole else rng.normal(size=shape)).astype(tensor.dtype)


@pytest.mark.parametrize("chunk", range(3))
def test_what_is_unreached_has_no_gradient_and_the_rest_has(chunk: int) -> None:
    seen = [0, 0]
    for seed in range(chunk * 12, chunk * 12 + 12):
        for name, mine, nothing in compared(spec_text(seed)):
            assert mine == nothing, (seed, name, mine)
            seen[mine] += 1
    assert min(seen) > 5  # both kinds


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_more_of_the_same(chunk: int) -> None:
    for seed in range(1000 + chunk * 30, 1030 + chunk * 30):
        for name, mine, nothing in compared(spec_text(seed)):
            assert mine == nothing, (seed, name, mine)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_random_graphs_of_all_layers(chunk: int) -> None:
    """Never unreached in our words alone: dead units give zeros that we know nothing of."""
    import tensorflow as tf

    from netspec.runtime.model.build import BuildError

    looked = 0
    for seed in range(chunk * 25, chunk * 25 + 25):
        text = random_specs.text(seed) + "\nlosses: mse\n"
        if analyze_text(text).checked is None:
            continue
        try:
            found = list(compared(text))
        except (tf.errors.OpError, ValueError, BuildError):
            continue  # TensorFlow has no such operation for these types, or Keras takes it as a symbol alone
        looked += 1
        assert [name for name, mine, nothing in found if mine and not nothing] == [], seed
    assert looked > 5


DATA_DEPENDENT = {"sparsemax", "nextafter"}


def test_operations_that_stop_gradients_are_those_of_keras() -> None:
    """Of all operations that take tensors alone and give floats, on numbers between 0 and 1."""
    import keras
    import numpy as np
    import tensorflow as tf

    seen = {True: 0, False: 0}
    for name in catalog.names("op"):
        entry = catalog.find("op", name)
        assert entry is not None
        tensors = [param.name for param in entry.call if param.required]
        short = name.removeprefix(catalog.OPS)
        if entry.lists or entry.required != tuple(tensors) or short in DATA_DEPENDENT:
            continue
        rng = np.random.default_rng(1)
        given = {each: tf.constant(rng.uniform(0.1, 0.9, (4, 4)).astype("float32")) for each in tensors}
        with tf.GradientTape() as tape:
            for each in given.values():
                tape.watch(each)
            try:
                floats = [out for out in tf.nest.flatten(getattr(keras.ops, short)(**given)) if out.dtype.is_floating]
            except Exception:
                continue  # it takes other shapes or types than these
            if not floats:
                continue
            total = tf.add_n([tf.reduce_sum(out * rng.uniform(0.5, 1.5, out.shape)) for out in floats])
        try:
            gradients = tape.gradient(total, given).values()
        except LookupError:
            continue  # TensorFlow has no derivative for it, and says so
        nothing = all(each is None or not np.any(tf.convert_to_tensor(each).numpy()) for each in gradients)
        assert stops(name) == nothing, name
        seen[nothing] += 1
    assert seen[True] >= 8 and seen[False] > 60


LAYERS: dict[str, dict[str, Any]] = {
    "Embedding": {"input_dim": 9, "output_dim": 2},
    "ReversibleEmbedding": {"input_dim": 9, "output_dim": 2},
    "CategoryEncoding": {"num_tokens": 4},
    "Discretization": {"bin_boundaries": [0.5], "output_mode": "one_hot"},
    "IntegerLookup": {"vocabulary": [1, 2], "output_mode": "one_hot"},
    "Rescaling": {"scale": 2.0},
    "Normalization": {"mean": 0.0, "variance": 1.0},
    "Masking": {},
    "Softmax": {},
    "GaussianNoise": {"stddev": 0.1},
    "UnitNormalization": {},
}


@pytest.mark.parametrize("cls", LAYERS)
def test_layers_that_stop_gradients_are_those_of_keras(cls: str) -> None:
    import keras
    import numpy as np
    import tensorflow as tf

    given = tf.constant(np.random.default_rng(0).uniform(1.2, 2.8, (2, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(given)
        layer = getattr(keras.layers, cls)(**LAYERS[cls])
        taken = tf.cast(given, "int64") if cls == "IntegerLookup" else given
        out = tf.convert_to_tensor(layer(taken))
        total = tf.reduce_sum(tf.cast(out, "float32") * np.random.default_rng(1).uniform(0.5, 1.5, out.shape))
    gradient = tape.gradient(total, given)
    assert stops(cls) == (gradient is None or not np.any(gradient.numpy()))
