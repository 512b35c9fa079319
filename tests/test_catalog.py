"""The catalogue: it is what the pinned Keras says, every class is accounted for, and reading it is cheap."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from netspec import catalog
from netspec.catalog import KINDS, Entry, find, identifiers, names
from netspec.catalog.legacy import refused, refused_value, removed, renamed, serialized
from netspec.catalog.nearest import nearest

ROOT = Path(__file__).resolve().parent.parent


def entry(kind: str, name: str) -> Entry:
    found = find(kind, name)
    assert found is not None, f"no {kind} {name}"
    return found


def test_a_layer_has_its_arguments_in_keras_order() -> None:
    dense = entry("layer", "Dense")
    assert [param.name for param in dense.params[:3]] == ["units", "activation", "use_bias"]
    assert dense.required == ("units",)
    assert dense.first is not None and dense.first.name == "units"
    assert {"name", "trainable", "dtype", "autocast"} <= {param.name for param in dense.params if param.keyword}
    assert [param.name for param in entry("layer", "LSTM").call] == ["sequences", "initial_state", "mask", "training"]


def test_a_layer_without_arguments_of_its_own_has_no_first() -> None:
    assert entry("layer", "Add").first is None


def test_the_arguments_of_a_base_class_that_keras_refuses_are_not_there() -> None:
    assert entry("layer", "SpatialDropout1D").param("trainable") is None
    assert entry("layer", "RandomFlip").param("factor") is None
    assert entry("layer", "Dense").param("input_shape") is None


@pytest.mark.parametrize(
    ("kind", "alias", "name"),
    [
        ("layer", "Convolution2D", "Conv2D"),
        ("layer", "AvgPool1D", "AveragePooling1D"),
        ("loss", "mse", "MeanSquaredError"),
        ("loss", "binary_crossentropy", "BinaryCrossentropy"),
        ("loss", "ce", "crossentropy"),
        ("metric", "MAE", "MeanAbsoluteError"),
        ("metric", "acc", "accuracy"),
        ("optimizer", "rmsprop", "RMSprop"),
        ("optimizer", "ADAM", "Adam"),
        ("initializer", "uniform", "RandomUniform"),
        ("initializer", "zeros", "Zeros"),
        ("regularizer", "l1_l2", "L1L2"),
        ("activation", "swish", "silu"),
        ("cell", "GRUCell", "GRUCell"),
    ],
)
def test_names_and_identifiers(kind: str, alias: str, name: str) -> None:
    assert entry(kind, alias).name == name


@pytest.mark.parametrize("name", ["dense", "DENSE", "os.system", "", "__init__", "Dense\n"])
def test_no_other_spelling_is_found(name: str) -> None:
    assert find("layer", name) is None


def test_the_excluded_are_found_with_a_reason_and_not_listed() -> None:
    for name in ("Lambda", "TFSMLayer", "Layer", "LSTMCell", "add", "Input"):
        assert entry("layer", name).excluded, name
        assert name not in names("layer")
        assert name not in identifiers("layer")


def test_every_name_is_found_once() -> None:
    for kind in KINDS:
        known = [known for name in names(kind) for known in (name, *entry(kind, name).aliases)]
        assert len(known) == len(set(known)), kind


def test_reading_imports_nothing_heavy_and_reads_late() -> None:
    code = (
        "import sys, netspec.catalog as c\n"
        "assert c._read.cache_info().currsize == 0\n"
        "c.find('layer', 'Dense')\n"
        "from netspec.catalog import arguments, legacy, nearest, rules, values\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'pyarrow'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_operations_are_known_by_each_of_their_names_and_by_their_tensors() -> None:
    assert entry("op", "ops.nn.softmax").name == entry("op", "ops.softmax").name == "ops.softmax"
    assert entry("op", "ops.image.resize").name == "ops.image.resize" and find("op", "ops.resize") is None
    assert [param.name for param in entry("op", "ops.batch_normalization").call] == [
        *("x", "mean", "variance", "offset", "scale")
    ]
    assert entry("op", "ops.concatenate").lists == ("xs",) and entry("op", "ops.concatenate").star is None
    assert entry("op", "ops.einsum").star == "operands"
    assert entry("op", "ops.map").excluded and "ops.map" not in names("op")
    assert find("op", "mean") is None and find("layer", "ops.mean") is None


def test_unknown_attribute() -> None:
    assert catalog.keras_version() == catalog.KERAS_VERSION
    with pytest.raises(AttributeError, match="nonsense"):
        _ = catalog.nonsense


# Names that are near.


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("Desne", "Dense"),
        ("dense", "Dense"),
        ("Relu", "ReLU"),
        ("conv_2d", "Conv2D"),
        ("Linear", "Dense"),
        ("BatchNorm", "BatchNormalization"),
        ("MaxPool2d", "MaxPooling2D"),
        ("LSMT", "LSTM"),
        ("Embeding", "Embedding"),
        ("TimeDistribute", "TimeDistributed"),
        ("Transformer", None),
        ("x", None),
        ("", None),
        ("_", None),
        ("D" * 10_000, None),
    ],
)
def test_nearest_layer(word: str, wanted: str | None) -> None:
    assert nearest(word, names("layer")) == wanted


def test_nearest_of_other_kinds() -> None:
    assert nearest("msee", identifiers("loss")) == "mse"
    assert nearest("kernal_size", [param.name for param in entry("layer", "Conv2D").params]) == "kernel_size"
    assert nearest("learning_rte", [param.name for param in entry("optimizer", "SGD").params]) == "learning_rate"
    assert nearest("anything", []) is None


# Names of the past, and what is refused.


@pytest.mark.parametrize(
    ("kind", "cls", "param", "part"),
    [
        ("optimizer", "SGD", "lr", "`learning_rate`"),
        ("optimizer", "RMSprop", "decay", "InverseTimeDecay"),
        ("layer", "Dense", "input_dim", "`inputs`"),
        ("layer", "Conv2D", "input_shape", "`inputs`"),
        ("layer", "Embedding", "input_length", "leave it out"),
        ("layer", "Conv2D", "border_mode", "`padding`"),
        ("layer", "Conv2D", "nb_filter", "`filters`"),
        ("layer", "Dropout", "p", "`rate`"),
        ("layer", "Dense", "output_dim", "`units`"),
        ("layer", "Conv1D", "subsample", "`strides`"),
        ("layer", "Dense", "W_regularizer", "`kernel_regularizer`"),
    ],
)
def test_removed_arguments_name_their_successor(kind: str, cls: str, param: str, part: str) -> None:
    help = removed(kind, cls, param)
    assert help is not None and part in help
    assert entry(kind, cls).param(param) is None


def test_a_removed_argument_is_known_where_it_was_taken_only() -> None:
    assert removed("layer", "Conv2D", "output_dim") is None
    assert removed("layer", "Dense", "p") is None
    assert removed("loss", "Huber", "lr") is None


def test_removed_arguments_lead_to_arguments_that_exist() -> None:
    for cls, param in [("LSTM", "inner_activation"), ("GaussianNoise", "sigma"), ("Dot", "dot_axes")]:
        help = removed("layer", cls, param) or ""
        assert entry("layer", cls).param(help.split("`")[1]) is not None


def test_renamed_classes_are_gone_and_point_at_something() -> None:
    for name in ("CuDNNLSTM", "Merge", "MaxoutDense", "Deconvolution2D", "TimeDistributedDense", "Sequential"):
        assert renamed("layer", name), name
        assert find("layer", name) is None
    assert renamed("layer", "Dense") is None
    for kind in ("loss", "metric"):
        assert find(kind, (renamed(kind, "cosine_proximity") or "").split("`")[1]) is not None


def test_what_runs_code_or_writes_is_refused() -> None:
    for kind, name in [("layer", "Lambda"), ("layer", "JaxLayer"), ("callback", "TensorBoard")]:
        assert refused(kind, name) and entry(kind, name).excluded == refused(kind, name)
    assert refused("layer", "Dense") is None


def test_values_that_read_or_run_are_refused() -> None:
    lookup = entry("layer", "StringLookup")
    assert refused_value(lookup, "vocabulary", "https://example.org/words.txt")
    assert refused_value(lookup, "vocabulary", ["a", "b"]) is None
    assert refused_value(entry("layer", "Embedding"), "weights", "imagenet")
    assert refused_value(entry("layer", "Dense"), "activation", {"class_name": "Lambda", "config": {}})
    deep: Any = {"registered_name": "x"}
    for _ in range(50_000):
        deep = [deep]
    assert serialized(deep)


# Against Keras.


@pytest.mark.keras
def test_the_catalogue_is_fresh() -> None:
    tool = str(ROOT / "tools" / "make_catalog.py")
    run = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]


@pytest.mark.keras
def test_every_public_class_is_usable_or_excluded() -> None:
    import keras

    for name, value in vars(keras.layers).items():
        if inspect.isclass(value) or inspect.isfunction(value):
            found = entry("layer", name)
            assert found.excluded or found.name in names("layer")
    for kind, namespace in {
        "loss": keras.losses,
        "metric": keras.metrics,
        "optimizer": keras.optimizers,
        "schedule": keras.optimizers.schedules,
        "initializer": keras.initializers,
        "regularizer": keras.regularizers,
        "constraint": keras.constraints,
        "callback": keras.callbacks,
    }.items():
        for name, value in vars(namespace).items():
            if inspect.isclass(value):
                assert find(kind, name) is not None, (kind, name)


@pytest.mark.keras
def test_every_public_operation_is_usable_or_excluded() -> None:
    import keras

    def functions(place: Any, prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in vars(place).items():
            if isinstance(value, types.ModuleType):
                found |= functions(value, f"{prefix}{name}.")
            elif inspect.isfunction(value):
                found[prefix + name] = value
        return found

    every = functions(keras.ops, "ops.")
    assert len(every) > 600
    for name, function in every.items():
        found = entry("op", name)
        assert attrgetter(found.name)(keras) is function, name
        assert found.excluded or (found.call and {*found.lists} <= {param.name for param in found.call}), name
        parameters = inspect.signature(function).parameters.values()
        assert [param.name for param in found.params] == [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]


@pytest.mark.keras
def test_identifiers_are_keras_own() -> None:
    import keras

    for kind, namespace in {
        "loss": keras.losses,
        "metric": keras.metrics,
        "initializer": keras.initializers,
        "regularizer": keras.regularizers,
        "constraint": keras.constraints,
        "activation": keras.activations,
        "optimizer": keras.optimizers,
    }.items():
        for name in names(kind):
            found = entry(kind, name)
            for alias in found.aliases if found.form != "chosen" and not found.required else ():
                # `l1_l2` is a name of the namespace that `get` does not know.
                made = getattr(namespace, alias) if alias == "l1_l2" else namespace.get(alias)
                known = getattr(made, "__name__", type(made).__name__)
                assert find(kind, known) == found, (kind, alias, known)


@pytest.mark.keras
def test_entries_stand_where_they_say() -> None:
    import keras

    for kind in KINDS:
        for name in names(kind):
            found = entry(kind, name)
            if found.form != "chosen":
                place: Any = keras
                for part in found.module.split(".")[1:]:
                    place = getattr(place, part)
                assert callable(attrgetter(name)(place)), (kind, name)
