"""Random small specs in which masks are made, used, joined and lost, the same for the same number: `text(seed)`.

Steps are tried one by one and kept if the front half has nothing against their shapes; one that fails on a mask ends
the spec now and then, so that what comes after it is not all in vain.
"""

from __future__ import annotations

import json
import random
from typing import Any

from netspec.catalog.types import TensorType, Unknown
from netspec.graph.ir import Tensor
from netspec.pipeline import analyze_text

Step = dict[str, Any]

EVERYWHERE: list[Any] = [
    {"Dense": 4},
    {"Dense": 5},
    {"Dropout": 0.3},
    {"Activation": "tanh"},
    {"Activation": "linear"},
    "LayerNormalization",
    "BatchNormalization",
    {"BatchNormalization": {"axis": 1}},
    {"BatchNormalization": {"trainable": False}},
    "Softmax",
    {"Softmax": 1},
    "Masking",
    "Identity",
    "RMSNormalization",
    "UnitNormalization",
    "ReLU",
    "PReLU",
    {"Rescaling": 0.5},
    {"SpectralNormalization": {"Dense": 4}},
    {"ops.tanh": None},
    {"ops.add": 1.0},
    {"ops.cast": "float32"},
    {"ops.softmax": 1},
    {"Dense": {"units": 4, "dtype": "mixed_float16"}},
]
SEQUENCES: list[Any] = [
    {"LSTM": 4},
    {"GRU": {"units": 5, "return_sequences": True}},
    {"SimpleRNN": {"units": 1, "return_sequences": True}},
    {"LSTM": {"units": 4, "return_sequences": True, "unroll": True}},
    {"GRU": {"units": 5, "go_backwards": True}},
    {"RNN": {"cell": [{"LSTMCell": 4}, {"GRUCell": 5}], "return_sequences": True}},
    {"Bidirectional": {"LSTM": {"units": 4, "return_sequences": True}}},
    {"Bidirectional": {"GRU": 5}},
    {"Bidirectional": {"layer": {"SimpleRNN": {"units": 4, "return_sequences": True}}, "merge_mode": "sum"}},
    "GlobalAveragePooling1D",
    {"GlobalAveragePooling1D": {"data_format": "channels_first"}},
    "GlobalMaxPooling1D",
    {"Conv1D": {"filters": 4, "kernel_size": 1}},
    {"TimeDistributed": {"Dense": 5}},
    {"TimeDistributed": "BatchNormalization"},
    {"TimeDistributed": "Softmax"},
    {"TimeDistributed": {"RepeatVector": 4}},
    {"TimeDistributed": {"Reshape": [2, -1]}},
    {"Permute": [2, 1]},
    "Flatten",
]
GRIDS: list[Any] = [
    {"TimeDistributed": {"LSTM": 4}},
    {"TimeDistributed": {"LSTM": {"units": 5, "return_sequences": True}}},
    {"TimeDistributed": {"Bidirectional": {"GRU": 4}}},
    {"TimeDistributed": "GlobalAveragePooling1D"},
    {"TimeDistributed": "GlobalMaxPooling1D"},
    {"TimeDistributed": "BatchNormalization"},
    {"TimeDistributed": {"Dense": 4}},
    {"ConvLSTM1D": {"filters": 2, "kernel_size": 1}},
    {"ConvLSTM1D": {"filters": 2, "kernel_size": 2, "return_sequences": True}},
    {"GlobalAveragePooling2D": None},
]
MERGES: list[Any] = ["Add", "Average", "Multiply", "Maximum", "Minimum", "Concatenate", {"Concatenate": {"axis": 1}}]
INSIDE: list[list[Any]] = [
    [{"LSTM": 4}],
    [{"Dense": 4}, {"LSTM": {"units": 4, "return_sequences": True}}],
    ["Masking", {"GRU": {"units": 4, "return_sequences": True}}],
    [{"Dropout": 0.2}],
    ["Softmax"],
    [
        {"MultiHeadAttention": {"num_heads": 2, "key_dim": 3}, "from": {"query": "a", "value": "a"}, "name": "m"},
        {"Add": None, "from": ["a", "m"]},
    ],
    ["GlobalAveragePooling1D"],
    [{"TimeDistributed": {"Dense": 3}}],
]


def _is(step: Any) -> Step:
    return dict(step) if isinstance(step, dict) else {step: None}


class Growing:
    """A spec in the making."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.spec: dict[str, Any] = {"inputs": {}, "shared": {}, "layers": []}
        self.shapes: dict[str, tuple[Any, ...]] = {}
        self.used: set[str] = set()
        self.over = False
        self.losses = self.dice.choice([None, "mse", "binary_crossentropy"])

    def text(self) -> str:
        """The spec as it is."""
        steps = [step["name"] for step in self.spec["layers"]]
        ends = [name for name in steps if name not in self.used]
        more = [name for name in steps if name in self.used and self.dice_for(name) < 0.15]
        spec = {key: value for key, value in self.spec.items() if value}
        losses = {} if self.losses is None else {"losses": self.losses}
        return json.dumps({**spec, "outputs": ends + more, **losses}, indent=1)

    def dice_for(self, name: str) -> float:
        """A number that a name always draws."""
        return random.Random(name + str(len(self.spec["layers"]))).random()

    def input(self, name: str, shape: list[int], **more: Any) -> None:
        """One input more."""
        self.spec["inputs"][name] = {"shape": shape, **more}
        self.shapes[name] = (None, *shape)

    def add(self, step: Step, source: Any) -> bool:
        """Try a step; False where it is not kept."""
        names = self._flat(source)
        name = f"s{len(self.spec['layers']) + 1}"
        before = set(self.used)
        self.spec["layers"].append({**step, "from": source, "name": name})
        self.used |= set(names)
        analysis = analyze_text(self.text())
        codes = {each.code for each in analysis.diagnostics if each.severity == "error"}
        keep = codes <= {"NS410"} and analysis.typed is not None
        failing = "NS410" in codes
        if keep and failing:
            keep = self.dice.random() < 0.8
        if keep and analysis.typed is not None:
            kind: TensorType = analysis.typed.types[Tensor(name)]
            keep = not isinstance(kind.shape, Unknown)
            if keep:
                self.shapes[name] = kind.shape  # type: ignore[assignment]
        if not keep:
            self.spec["layers"].pop()
            self.used = before
            return False
        self.over = failing
        return True

    def _flat(self, source: Any) -> list[str]:
        values = source.values() if isinstance(source, dict) else [source]
        return [name for value in values for name in (value if isinstance(value, list) else [value])]

    def pick(self, *ranks: int) -> str | None:
        """A tensor of floats, a late one more likely."""
        fit = [name for name, shape in self.shapes.items() if name[0] in "sf" and (not ranks or len(shape) in ranks)]
        return fit[max(self.dice.randrange(len(fit)), self.dice.randrange(len(fit)))] if fit else None

    def like(self, name: str) -> list[str]:
        """The tensors of one shape."""
        return [other for other, shape in self.shapes.items() if shape == self.shapes[name] and other[0] in "sf"]


def _grow(spec: Growing) -> None:
    dice = spec.dice
    kind = dice.random()
    if kind < 0.24 and (name := spec.pick()):
        spec.add(_is(dice.choice(EVERYWHERE)), name)
    elif kind < 0.44 and (name := spec.pick(3)):
        spec.add(_is(dice.choice(SEQUENCES)), name)
    elif kind < 0.58 and (name := spec.pick(4)):
        spec.add(_is(dice.choice(GRIDS)), name)
    elif kind < 0.7 and (name := spec.pick(3, 4)):
        step = _is(dice.choice(MERGES))
        wide = [other for other, shape in spec.shapes.items() if len(shape) in (2, 3, 4) and other[0] in "sf"]
        pool = spec.like(name) if dice.random() < 0.8 else wide
        spec.add(step, [name, *(dice.choice(pool) for _ in range(dice.choice([1, 1, 2])))])
    elif kind < 0.78 and (name := spec.pick(3)):
        other = spec.pick(3) if dice.random() < 0.5 else name
        call = {"call": {"use_causal_mask": True}} if dice.random() < 0.2 else {}
        if dice.random() < 0.4:
            spec.add({dice.choice(["Attention", "AdditiveAttention"]): None, **call}, [name, other])
        elif dice.random() < 0.7:
            spec.add(
                {"MultiHeadAttention": {"num_heads": 2, "key_dim": 3, "dropout": dice.choice([0, 0.1])}, **call},
                {"query": name, "value": other},
            )
        else:
            args = {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1}
            spec.add({"GroupQueryAttention": args, **call}, {"query": name, "value": other})
    elif kind < 0.84 and (name := spec.pick(3)):
        mask = dice.choice(["m4", "m5", "m54"])
        cls = dice.choice(["LSTM", "GRU", "Bidirectional", "TimeDistributed"])
        args: Any = {"units": 4, "return_sequences": dice.random() < 0.7}
        if cls == "Bidirectional":
            args = {"LSTM": args}
        first = "sequences"
        if cls == "TimeDistributed":
            args, first = {"Dense": 4}, "inputs"
        if dice.random() < 0.3:
            cls, args, first = dice.choice(["Softmax", "BatchNormalization", "GlobalAveragePooling1D"]), None, "inputs"
        spec.add({cls: args}, {first: name, "mask": mask})
    elif kind < 0.88 and (name := spec.pick(3)) and (state := spec.pick(2)):
        spec.add(
            {"GRU": {"units": spec.shapes[state][1], "return_sequences": True}},
            {"sequences": name, "initial_state": state},
        )
    elif kind < 0.96 and (name := spec.pick(3)):
        layers = [_is(step) for step in dice.choice(INSIDE)]
        inner = {"inputs": {"a": list(spec.shapes[name][1:])}, "layers": layers}
        spec.add({"model": inner}, name)
    elif name := spec.pick():
        shared = spec.spec["shared"]
        uses = [step["use"] for step in spec.spec["layers"] if "use" in step]
        if uses:
            spec.add({"use": uses[0]}, name)
        else:
            shared["both"] = _is(dice.choice([*EVERYWHERE[:6], *SEQUENCES[:4], {"TimeDistributed": {"Dense": 4}}]))
            if isinstance(next(iter(shared["both"])), str) and not next(iter(shared["both"])).startswith("ops"):
                spec.add({"use": "both"}, name)
            if not any("use" in step for step in spec.spec["layers"]):
                shared.clear()


def text(seed: int) -> str:
    """The spec of this number."""
    spec = Growing(seed)
    spec.input("w", [5], dtype="int32")
    spec.input("g", [5, 4], dtype="int32")
    spec.input("f", [5, 4])
    for name, shape in (("m4", [4]), ("m5", [5]), ("m54", [5, 4])):
        spec.input(name, shape, dtype="bool")
    dice = spec.dice
    for name in ("w", "g"):
        if dice.random() < 0.8 or name == "g":
            zero = dice.random() < 0.8
            cls = dice.choice(["Embedding", "Embedding", "Embedding", "ReversibleEmbedding"])
            spec.add({cls: {"input_dim": 9, "output_dim": dice.choice([4, 5, 6]), "mask_zero": zero}}, name)
    wanted = dice.randrange(3, 10)
    for _ in range(40):
        if spec.over or len(spec.spec["layers"]) >= wanted:
            break
        _grow(spec)
    return spec.text()
