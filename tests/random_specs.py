"""Random whole specs, legal and illegal, the same for the same number: `text(seed)` is a spec's YAML.

The generator knows the rank of each tensor, and its shape while that is an input's: the rest goes wrong by itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from random_steps import MORE, ODDS

Args = dict[str, Any]
Expression = dict[str, Any] | str


@dataclass(frozen=True)
class Kind:
    """A layer class: the arguments it may get, the ranks (batch included) that it takes, and what it makes of them."""

    cls: str
    args: Callable[[random.Random], Args]
    ranks: tuple[int, ...] = (2, 3, 4, 5)
    gives: Callable[[int], int] = lambda rank: rank


@dataclass
class Scope:
    """One `layers` list in the making: the tensors so far with their ranks, and the names that are taken."""

    dice: random.Random
    tensors: list[tuple[str, int]] = field(default_factory=list)
    taken: int = 0
    unused: list[str] = field(default_factory=list)
    alike: dict[str, str] = field(default_factory=dict)  # tensor -> the first one of the same shape
    shapes: dict[str, list[Any]] = field(default_factory=dict)  # of inputs

    def name(self, stem: str) -> str:
        self.taken += 1
        return f"{stem}{self.taken}"

    def add(self, name: str, rank: int, like: str | None = None) -> None:
        self.tensors.append((name, rank))
        self.alike[name] = self.alike[like] if like is not None else name
        self.unused.append(name)

    def pick(self, ranks: tuple[int, ...] | None = None) -> tuple[str, int] | None:
        """A tensor, a late one more likely; sometimes of a rank that does not fit."""
        fit = [tensor for tensor in self.tensors if ranks is None or tensor[1] in ranks]
        if self.dice.random() < 0.01:
            fit = self.tensors
        if not fit:
            return None
        return fit[max(self.dice.randrange(len(fit)), self.dice.randrange(len(fit)))]

    def use(self, name: str) -> str:
        if name in self.unused:
            self.unused.remove(name)
        return name


def maybe(dice: random.Random, chance: float = 0.3, **pools: list[Any]) -> Args:
    """Some of these arguments."""
    return {name: dice.choice(pool) for name, pool in pools.items() if dice.random() < chance}


COMMON = {"dtype": ["float16", "mixed_float16", "float64", "bfloat16"], "trainable": [False]}
DENSE = {
    "activation": ["relu", "softmax", "tanh", "gelu", None],
    "use_bias": [False, True],
    "kernel_initializer": ["he_normal", {"Orthogonal": {"gain": 0.5}}, "zeros"],
    "kernel_regularizer": ["l2", {"L1L2": {"l1": 0.1}}],
    "bias_constraint": ["non_neg", {"MaxNorm": 2}],
}


def _common(dice: random.Random) -> Args:
    return maybe(dice, 0.05, **COMMON)


def _dense(dice: random.Random) -> Args:
    return {
        "units": dice.choice([1, 3, 8, 16, 0, -2]) if dice.random() < 0.1 else dice.choice([1, 3, 8]),
        **maybe(dice, 0.2, **DENSE),
        **_common(dice),
    }


def _sizes(dice: random.Random, rank: int, *values: int) -> Any:
    return (
        dice.choice(values)
        if dice.random() < 0.7
        else [dice.choice(values) for _ in range(rank if dice.random() < 0.97 else rank + 1)]
    )


def _conv(space: int, **more: list[Any]) -> Callable[[random.Random], Args]:
    def args(dice: random.Random) -> Args:
        made = {"filters": dice.choice([1, 2, 4, 6]), "kernel_size": _sizes(dice, space, 1, 2, 3)}
        if dice.random() < 0.3:
            made["strides"] = _sizes(dice, space, 1, 2)
        elif dice.random() < 0.15:
            made["dilation_rate"] = _sizes(dice, space, 1, 2)
        made |= maybe(dice, 0.4, padding=["same", "valid", "same", "causal"] if space == 1 else ["same", "valid"])
        made |= maybe(dice, 0.1, data_format=["channels_first", "channels_last"], use_bias=[False], **more)
        return made | _common(dice)

    return args


def _depthwise(space: int) -> Callable[[random.Random], Args]:
    def args(dice: random.Random) -> Args:
        made = _conv(space, depth_multiplier=[2])(dice)
        del made["filters"]
        return {key: "same" if value == "causal" else value for key, value in made.items()}

    return args


def _pool(space: int) -> Callable[[random.Random], Args]:
    return lambda dice: (
        maybe(dice, 0.99, pool_size=[2, 2, 3, [2] * space])
        | maybe(dice, 0.3, strides=[1, 2, 3], padding=["same", "valid"])
    )


def _recurrent(dice: random.Random) -> Args:
    made = {"units": dice.choice([2, 3, 5])}
    return (
        made
        | maybe(
            dice,
            0.25,
            dropout=[0.2],
            go_backwards=[True],
            unroll=[True],
            use_bias=[False],
            stateful=[True] if dice.random() < 0.2 else [False],
        )
        | _common(dice)
    )


def _sequences(dice: random.Random) -> Args:
    return _recurrent(dice) | {"return_sequences": True}


def _none(dice: random.Random) -> Args:
    return _common(dice)


def _reshape(dice: random.Random) -> Args:
    return {"target_shape": dice.choice([[-1], [2, -1], [-1, 4], [3, 4], [2, 2, -1], [1, -1, 2]])}


def _permute(dice: random.Random) -> Args:
    return {"dims": dice.choice([[2, 1], [2, 1], [1, 2], [3, 1, 2], [2, 3, 1], [1, 3]])}


def _axis(dice: random.Random) -> Args:
    return (
        maybe(dice, 0.2, axis=[-1, -1, 1, 1, 2, -2]) | maybe(dice, 0.2, center=[False], scale=[False]) | _common(dice)
    )


def _crop(space: int) -> Callable[[random.Random], Args]:
    name = "cropping"
    return lambda dice: {
        name: dice.choice([1, 2, [1] * space if space > 1 else [1, 2], [[1, 0]] * space if space > 1 else 3])
    }


def _pad(space: int) -> Callable[[random.Random], Args]:
    return lambda dice: maybe(
        dice, 0.8, padding=[1, 2, [1] * space if space > 1 else [0, 2], [[1, 0]] * space if space > 1 else 3]
    )


def _cells(dice: random.Random) -> Args:
    cell = dice.choice(
        [{"LSTMCell": 3}, {"GRUCell": {"units": 2}}, {"SimpleRNNCell": 4}, [{"LSTMCell": 3}, {"LSTMCell": 2}]]
    )
    return {"cell": cell} | maybe(dice, 0.5, return_sequences=[False], go_backwards=[True])


def _rates(dice: random.Random) -> Args:
    return {"rate": dice.choice([0.1, 0.5, 0, 0.9] + [1.5, -0.1] * (dice.random() < 0.1))}


def _wrapped(dice: random.Random) -> Args:
    return {
        "layer": dice.choice(
            [
                {"Dense": 3},
                {"Dense": {"units": 2, "trainable": False}},
                {"Conv1D": {"filters": 2, "kernel_size": 2}},
                "Flatten",
                {"LSTM": 2},
                {"BatchNormalization": {}},
                {"TimeDistributed": {"Dense": 2}},
                {"Conv2D": {"filters": 2, "kernel_size": 1}},
            ]
        )
    }


def _both_ways(dice: random.Random) -> Args:
    inner = {
        dice.choice(["LSTM", "GRU", "SimpleRNN"]): {
            "units": dice.choice([2, 3]),
            "return_sequences": dice.random() < 0.5,
        }
    }
    return {"layer": inner} | maybe(dice, 0.3, merge_mode=["sum", "mul", "ave", "concat"])


def _to(rank: int) -> Callable[[int], int]:
    return lambda given: rank


LAYERS: tuple[Kind, ...] = (
    *(Kind("Dense", _dense), Kind("Dense", _dense), Kind("Dropout", _rates), Kind("Flatten", _none, gives=_to(2))),
    *(Kind(f"Conv{n}D", _conv(n, groups=[2]), (n + 2,)) for n in (1, 1, 2, 2)),
    *(Kind(f"{kind}Conv{n}D", _conv(n), (n + 2,)) for kind in ("Separable",) for n in (1, 2)),
    *(Kind(f"Conv{n}DTranspose", _conv(n), (n + 2,)) for n in (1, 2)),
    *(
        Kind("Conv3D", _conv(3), (5,)),
        Kind("DepthwiseConv1D", _depthwise(1), (3,)),
        Kind("DepthwiseConv2D", _depthwise(2), (4,)),
    ),
    *(Kind(f"{kind}Pooling{n}D", _pool(n), (n + 2,)) for kind in ("Max", "Average") for n in (1, 2, 3)),
    *(
        Kind(f"Global{kind}Pooling{n}D", lambda dice: maybe(dice, 0.2, keepdims=[True]), (n + 2,), _to(2))
        for kind in ("Max", "Average")
        for n in (1, 2, 3)
    ),
    *(Kind(f"UpSampling{n}D", lambda dice: {"size": 2}, (n + 2,)) for n in (1, 2, 3)),
    *(Kind(f"Cropping{n}D", _crop(n), (n + 2,)) for n in (1, 2, 3)),
    *(Kind(f"ZeroPadding{n}D", _pad(n), (n + 2,)) for n in (1, 2, 3)),
    *(Kind(cls, _recurrent, (3,), _to(2)) for cls in ("LSTM", "GRU", "SimpleRNN")),
    *(Kind(cls, _sequences, (3,)) for cls in ("LSTM", "GRU", "SimpleRNN")),
    *(
        Kind("RNN", _cells, (3,), _to(2)),
        Kind("ConvLSTM1D", _conv(1), (4,), _to(3)),
        Kind("ConvLSTM2D", _conv(2), (5,), _to(4)),
    ),
    *(Kind("BatchNormalization", _axis), Kind("LayerNormalization", _axis), Kind("UnitNormalization", _none)),
    *(
        Kind("GroupNormalization", lambda dice: {"groups": dice.choice([1, 1, 2, 4, -1, -1])}),
        Kind("RMSNormalization", _none),
    ),
    *(
        Kind("Reshape", _reshape, gives=lambda rank: 3),
        Kind("Permute", _permute, (3, 4)),
        Kind("RepeatVector", lambda dice: {"n": 3}, (2,), _to(3)),
    ),
    *(Kind(cls, _none) for cls in ("ReLU", "LeakyReLU", "ELU", "Softmax", "PReLU", "Identity")),
    *(
        Kind("Activation", lambda dice: {"activation": dice.choice(["relu", "sigmoid", "swish"])}),
        Kind("Masking", _none, (3,)),
    ),
    *(
        Kind("GaussianNoise", lambda dice: {"stddev": 0.1}),
        Kind("GaussianDropout", _rates),
        Kind("AlphaDropout", _rates),
    ),
    *(
        Kind("SpatialDropout1D", _rates, (3,)),
        Kind("SpatialDropout2D", _rates, (4,)),
        Kind("ActivityRegularization", lambda dice: {"l1": 0.1}),
    ),
    *(
        Kind(
            "EinsumDense", lambda dice: {"equation": "abc,cd->abd", "output_shape": [None, 4], "bias_axes": "d"}, (3,)
        ),
        Kind("Rescaling", lambda dice: {"scale": 0.5}),
    ),
    *(
        Kind("TimeDistributed", _wrapped, (3, 4, 5)),
        Kind("Bidirectional", _both_ways, (3,)),
        Kind("SpectralNormalization", lambda dice: {"layer": {"Dense": 3}}),
    ),
    *(
        Kind("Resizing", lambda dice: {"height": 6, "width": 7}, (4,)),
        Kind("CenterCrop", lambda dice: {"height": 4, "width": 4}, (4,)),
    ),
)
KEEPING = frozenset(
    (
        "Dropout",
        "BatchNormalization",
        "LayerNormalization",
        "ReLU",
        "LeakyReLU",
        "ELU",
        "PReLU",
        "Activation",
        "Identity",
        "GaussianNoise",
    )
)
MERGES = (
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Concatenate",
    "Concatenate",
    "Dot",
)


def text(seed: int) -> str:
    """The spec of this number."""
    dice = random.Random(seed)
    scope = Scope(dice)
    spec: dict[str, Any] = {"netspec": 1, "inputs": _inputs(scope, dice.choice([1, 1, 2, 3]))}
    shared = _shared(scope)
    steps = _steps(scope, dice.randint(2, 12), shared, 0)
    used = {name: thing for name, (thing, _) in shared.items() if f'"use": "{name}"' in json.dumps(steps)}
    if used:
        spec["shared"] = used
    spec["layers"] = steps
    spec["outputs"] = _outputs(scope)
    batch = next(iter(spec["inputs"].values())).get("batch_size")
    if batch:
        spec["fit"] = {"batch_size": batch}
    return (
        "# "
        + str(seed)
        + "\n"
        + "".join(f"{key}: {json.dumps(value)}\n" for key, value in spec.items() if key != "layers")
        + ("layers:\n" + "".join(f"  - {json.dumps(step)}\n" for step in spec["layers"]))
    )


def _inputs(scope: Scope, count: int) -> dict[str, Any]:
    dice, found = scope.dice, {}
    batch = dice.choice([None] * 9 + [4])
    for _ in range(count):
        name = scope.name("in")
        rank = dice.choice([1, 2, 2, 2, 3, 3, 4])
        shape: list[Any] = [dice.choice([8, 12, 12, 16]) for _ in range(rank)]
        if dice.random() < 0.15:
            shape[dice.choice([0, 0, 0, -1])] = None
        found[name] = {"shape": shape} | maybe(dice, 0.08, dtype=["int32", "float16", "float64", "uint8"])
        if batch:
            found[name]["batch_size"] = batch
        scope.add(name, rank + 1)
        scope.shapes[name] = shape
    return found


def _shared(scope: Scope) -> dict[str, tuple[Any, Kind | int]]:
    """Names to what stands under `shared`, and how it is called: its kind, or the rank that a model takes and gives."""
    found: dict[str, tuple[Any, Kind | int]] = {}
    dice = scope.dice
    if dice.random() < 0.35:
        kind = dice.choice(LAYERS)
        found[scope.name("shared")] = ({kind.cls: kind.args(dice)}, kind)
    if dice.random() < 0.25:
        shape = dice.choice(list(scope.shapes.values()))
        found[scope.name("model")] = (_model(dice, 0, shape), len(shape) + 1)
    return found


def _model(dice: random.Random, depth: int, shape: list[Any]) -> dict[str, Any]:
    inner = Scope(dice)
    inner.add("x", len(shape) + 1)
    if dice.random() < 0.2:
        shape = [None, *shape[1:]]
    inner.shapes["x"] = shape
    steps = _steps(inner, dice.randint(1, 4), {}, depth + 1)
    return {"inputs": {"x": shape}, "layers": steps, "outputs": [inner.tensors[-1][0]]}


def _steps(scope: Scope, count: int, shared: dict[str, tuple[Any, Kind | int]], depth: int) -> list[dict[str, Any]]:
    steps = []
    while len(steps) < count:
        step = scope.dice.choices(
            (_layer, _merge, _use, _nested, _states, _attention, _embedding, _operation, _joined, _pieces, *MORE),
            (60, 14, 10, 3 if depth < 2 else 0, 4, 3, 3, 14, 5, 4, *ODDS),
        )[0](scope, shared, depth)
        if step is not None:
            steps.append(step)
    return steps


def _layer(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    kind = scope.dice.choice(LAYERS)
    source = scope.pick(kind.ranks)
    if source is None:
        return None
    args = kind.args(scope.dice)
    step: dict[str, Any] = {kind.cls: args} if args or scope.dice.random() < 0.5 else {kind.cls: None}
    step |= {"from": scope.use(source[0]), "name": scope.name("s")}
    if kind.gives(source[1]) == source[1] and scope.dice.random() < 0.08:
        step["repeat"] = scope.dice.choice([2, 3])
    scope.add(step["name"], kind.gives(source[1]), source[0] if kind.cls in KEEPING else None)
    return step


def _merge(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    dice = scope.dice
    first = scope.pick()
    assert first is not None
    others = [
        tensor
        for tensor in scope.tensors
        if scope.alike[tensor[0]] == scope.alike[first[0]] or (tensor[1] == first[1] and dice.random() < 0.05)
    ]
    names = [first[0], *(dice.choice(others)[0] for _ in range(dice.choice([1, 1, 2])))] if others else [first[0]] * 2
    cls = dice.choice(MERGES)
    if cls in ("Subtract", "Dot"):
        names = names[:2]
    args: Any = {"axes": dice.choice([1, 2, -1, [1, 2]])} if cls == "Dot" else {}
    if cls == "Concatenate":
        args = maybe(dice, 0.6, axis=[-1, -1, 1, 1, 2])
    step = {cls: args, "from": [scope.use(name) for name in names], "name": scope.name("s")}
    scope.add(step["name"], first[1] if cls != "Dot" else 2 * first[1] - 3, first[0] if cls in MERGES[:6] else None)
    return step


def _use(scope: Scope, shared: dict[str, tuple[Any, Kind | int]], depth: int) -> dict[str, Any] | None:
    if not shared:
        return None
    name = scope.dice.choice(list(shared))
    kind = shared[name][1]
    source = scope.pick(kind.ranks if isinstance(kind, Kind) else (kind,))
    if source is not None and scope.alike[source[0]] not in scope.shapes and scope.dice.random() < 0.8:
        return None
    if source is None:
        return None
    wrap = isinstance(kind, int) and source[1] == kind and scope.dice.random() < 0.1
    step: dict[str, Any] = {"TimeDistributed": {"use": name}} if wrap else {"use": name}
    step |= {"from": scope.use(source[0]), "name": scope.name("s")}
    scope.add(step["name"], kind.gives(source[1]) if isinstance(kind, Kind) else kind)
    return step


def _nested(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    source = scope.pick((2, 3, 4))
    if source is None or (scope.alike[source[0]] not in scope.shapes and scope.dice.random() < 0.95):
        return None
    shape = scope.shapes.get(scope.alike[source[0]], [8] * (source[1] - 1))
    step = {"model": _model(scope.dice, depth, shape), "from": scope.use(source[0]), "name": scope.name("s")}
    if scope.dice.random() < 0.2:
        step["repeat"] = 2
    scope.add(step["name"], source[1])
    return step


def _states(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    """A recurrent layer that gives its states, or starts from those of another one."""
    dice, source = scope.dice, scope.pick((3,))
    if source is None:
        return None
    states = [name for name, _ in scope.tensors if name.startswith("state")]
    cls, number = dice.choice([("LSTM", 2), ("GRU", 1)])
    if len(states) >= number and dice.random() < 0.6:
        taken = [scope.use(name) for name in states[-number:]]
        name = scope.name("s")
        scope.add(name, 2)
        initial = taken if number > 1 or dice.random() < 0.5 else taken[0]
        return {cls: 3, "from": {"sequences": scope.use(source[0]), "initial_state": initial}, "name": name}
    names = [scope.name("s"), *(scope.name("state") for _ in range(number))]
    for name in names:
        scope.add(name, 2)
    return {cls: {"units": 3, "return_state": True}, "from": scope.use(source[0]), "name": names}


def _attention(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    dice = scope.dice
    query, value = scope.pick((3,)), scope.pick((3,))
    if query is None or value is None:
        return None
    if dice.random() < 0.7:
        value = query
    name = scope.name("s")
    names = {"query": scope.use(query[0]), "value": scope.use(value[0])}
    cls = dice.choice(["MultiHeadAttention", "GroupQueryAttention", "Attention"])
    step: dict[str, Any] = {"name": name}
    if cls == "MultiHeadAttention":
        step |= {
            cls: {"num_heads": 2, "key_dim": 3} | maybe(dice, 0.3, value_dim=[4], dropout=[0.1], use_bias=[False]),
            "from": names,
        }
    elif cls == "GroupQueryAttention":
        step |= {cls: {"head_dim": 3, "num_query_heads": dice.choice([4, 3]), "num_key_value_heads": 2}, "from": names}
    else:
        step |= {cls: maybe(dice, 0.3, use_scale=[True], score_mode=["dot", "concat"]), "from": list(names.values())}
    scope.add(name, 3)
    return step


def _embedding(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    source = scope.pick((2,))
    if source is None:
        return None
    step = {
        "Embedding": {"input_dim": 9, "output_dim": 4} | maybe(scope.dice, 0.3, mask_zero=[True]),
        "from": scope.use(source[0]),
        "name": scope.name("s"),
    }
    scope.add(step["name"], 3)
    return step


KEPT = (
    *("relu", "silu", "gelu", "softmax", "square", "exp", "abs", "sigmoid", "flip", "stop_gradient", "sqrt", "sign"),
    *("cumsum", "sort", "nan_to_num", "tanh", "log_softmax", "normalize"),
)
REDUCED = ("mean", "sum", "max", "min", "prod", "std", "var", "argmax", "any", "logsumexp", "norm")


def _operation(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    """An operation of one tensor, or of a tensor and numbers."""
    dice, source = scope.dice, scope.pick()
    assert source is not None
    rank, axis = source[1], dice.choice([1, -1, 1, -1, 2])
    word, args, gives = dice.choice(
        [
            (dice.choice(KEPT), {}, rank),
            (dice.choice(REDUCED), axis, max(rank - 1, 1)),
            (dice.choice(REDUCED), {"axis": axis, "keepdims": True}, rank),
            (dice.choice(["add", "multiply", "subtract", "power", "maximum"]), dice.choice([2, 0.5, 1]), rank),
            (dice.choice(["subtract", "divide"]), {"x1": dice.choice([1, 1.0])}, rank),
            ("expand_dims", axis, rank + 1),
            ("squeeze", {"axis": axis}, max(rank - 1, 1)),
            ("reshape", dice.choice([[-1, 4], [-1, 2, 4], [-1, 8, 1]]), 3),
            ("transpose", [0, *dice.sample(range(1, rank), rank - 1)] if rank > 1 else [0], rank),
            ("repeat", {"repeats": 2, "axis": axis}, rank),
            ("take", {"indices": dice.choice([0, [0, 1], 3]), "axis": axis}, rank),
            ("get_item", dice.choice([":, 0", ":, 1:", ":, ::2", ":, :3, -1"]), rank),
            ("cast", dice.choice(["float32", "int32", "float16"]), rank),
            ("clip", {"x_min": 0.0, "x_max": 1.0}, rank),
            ("pad", {"pad_width": [[0, 0]] + [[1, 1]] * (rank - 1)}, rank),
            ("where", {"x1": 1.0, "x2": 0.0}, rank),
        ]
    )
    step: dict[str, Any] = {f"ops.{word}": args or None, "from": scope.use(source[0]), "name": scope.name("s")}
    if word in KEPT and dice.random() < 0.1:
        step["repeat"] = 2
    scope.add(step["name"], gives, source[0] if word in KEPT else None)
    return step


def _joined(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    """An operation of several tensors."""
    dice, first = scope.dice, scope.pick()
    assert first is not None
    alike = [name for name, _ in scope.tensors if scope.alike[name] == scope.alike[first[0]]]
    names = [scope.use(first[0]), scope.use(dice.choice(alike))]
    word, args, gives = dice.choice(
        [
            (dice.choice(["add", "multiply", "maximum", "divide", "less"]), None, first[1]),
            ("concatenate", dice.choice([1, -1, 2]), first[1]),
            ("stack", dice.choice([1, -1]), first[1] + 1),
            ("matmul", None, first[1]),
            ("einsum", "bij,bkj->bik", 3),
            ("where", {"x2": 0.5}, first[1]),
        ]
    )
    source: Any = names if word != "where" else {"condition": names[0], "x1": names[1]}
    name = scope.name("s")
    scope.add(name, gives)
    return {f"ops.{word}": args, "from": source, "name": name}


def _pieces(scope: Scope, shared: Any, depth: int) -> dict[str, Any] | None:
    """An operation that gives several tensors."""
    dice, source = scope.dice, scope.pick((2, 3, 4))
    if source is None:
        return None
    word, args, count, gives = dice.choice(
        [
            ("split", {"indices_or_sections": 2, "axis": dice.choice([1, -1])}, 2, source[1]),
            ("split", {"indices_or_sections": [1, 3], "axis": 1}, 3, source[1]),
            ("top_k", 2, 2, source[1]),
            ("moments", {"axes": [1]}, 2, max(source[1] - 1, 1)),
            ("unstack", {"num": 8, "axis": 1}, 8, max(source[1] - 1, 1)),
        ]
    )
    names = [scope.name("s") for _ in range(count)]
    for name in names:
        scope.add(name, gives)
    return {f"ops.{word}": args, "from": scope.use(source[0]), "name": names}


def _outputs(scope: Scope) -> Any:
    """Every tensor that nothing takes, up to four, sometimes under other names."""
    names = [name for name in scope.unused if not name.startswith("in")][-4:]
    if not names:
        names = [scope.tensors[-1][0]]
    return {f"public_{name}": name for name in names} if scope.dice.random() < 0.2 else names
