"""Faults of what a text says: values (part B), the graph (part C) and sizes (part D), with the code that each must get.

`None` stands for a spec that is right, however odd.
"""

from __future__ import annotations

from collections.abc import Callable

from faults.text import Case

_INPUT = "inputs: {x: [8]}"


def spec(*steps: str, head: str = _INPUT, rest: str = "") -> str:
    """A spec with these steps."""
    return f"{head}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps) + rest


def _case(name: str, code: str | None, text: str | Callable[[], str]) -> Case:
    if isinstance(text, str):
        return Case(name, code, text.encode)
    return Case(name, code, lambda: text().encode(), heavy=True)


def _image(*steps: str) -> str:
    return spec(*steps, head="inputs: {x: [32, 32, 3]}")


_TOKENS = "inputs: {x: {shape: [8], dtype: int32}}"

VALUES = (
    *(
        _case(f"units {value}", "NS206", spec(f"Dense: {{units: {value}}}"))
        for value in ("true", '"64"', "64.0", "-1", "0", "9223372036854775808", "null", "[4]", "{a: 4}", ".inf", ".nan")
    ),
    _case("padding no", "NS206", _image("Conv2D: {filters: 8, kernel_size: 3, padding: no}")),
    _case("padding SAME", "NS215", _image("Conv2D: {filters: 8, kernel_size: 3, padding: SAME}")),
    *(_case(f"rate {value}", "NS206", spec(f"Dropout: {value}")) for value in ("1.5", "-0.1", "'0.5'", ".nan", "true")),
    *(
        _case(
            f"learning rate {value}",
            "NS206",
            spec("Dense: 1", rest=f"optimizer: {{Adam: {{learning_rate: {value}}}}}\n"),
        )
        for value in ("'0.1'", "-0.1", ".nan", ".inf", "0", "true", "[0.1]")
    ),
    _case("unknown key of a spec", "NS201", spec("Dense: 1", rest="model: 3\n")),
    _case("unknown key of an input", "NS201", spec("Dense: 1", head="inputs: {x: {shape: [8], size: 3}}")),
    _case("unknown key of a step", "NS201", spec("{Dense: 1, width: 3}")),
    _case("unknown key of a nested model", "NS201", spec("model: {inputs: {a: [8]}, layers: [Dense: 1], loss: mse}")),
    _case("unknown key of fit", "NS201", spec("Dense: 1", rest="fit: {epoch: 3}\n")),
    _case("unknown key of data", "NS201", spec("Dense: 1", rest="data: {train: a.csv, shape: 3}\n")),
    _case(
        "unknown key of a feature", "NS201", spec("Dense: 1", rest="data: {train: a.csv, features: {x: {colum: a}}}\n")
    ),
    _case("layers as a mapping", "NS202", "inputs: {x: [8]}\nlayers: {Dense: 1}\n"),
    _case("layers as a text", "NS202", "inputs: {x: [8]}\nlayers: Dense\n"),
    _case("layers empty", "NS202", "inputs: {x: [8]}\nlayers: []\n"),
    _case("inputs as a list", "NS202", "inputs: [x]\nlayers: [Dense: 1]\n"),
    _case("inputs empty", "NS202", "inputs: {}\nlayers: [Dense: 1]\n"),
    _case("shared as a list", "NS202", spec("Dense: 1", rest="shared: [a]\n")),
    _case("fit as a list", "NS202", spec("Dense: 1", rest="fit: [3]\n")),
    _case("outputs empty", "NS308", spec("{Dense: 1, name: a}", rest="outputs: []\n")),
    _case("from empty", "NS309", spec("{Add: , from: []}")),
    _case("kernel_size empty", "NS206", _image("Conv2D: {filters: 8, kernel_size: []}")),
    _case("many keys", "NS104", lambda: spec("Dense: 1", rest="".join(f"k{at}: 1\n" for at in range(100_000)))),
    _case("many arguments", "NS104", lambda: spec("Dense: {" + ", ".join(f"k{at}: 1" for at in range(100_000)) + "}")),
    _case("many misspelt layers", "NS204", lambda: spec(*(f"Desne{at}: 8" for at in range(50_000)))),
    _case("many wrong arguments", "NS205", lambda: spec(*(f"Dense: {{units: 8, k{at}: 3}}" for at in range(50_000)))),
)

_CHAIN = 50_000
_DIAMOND = (
    "{{Dense: 8, from: {above}, name: a{at}}}",
    "{{Dense: 8, from: {above}, name: b{at}}}",
    "{{Add: , from: [a{at}, b{at}], name: s{at}}}",
)


def _diamonds(number: int) -> str:
    steps = [line.format(at=at, above=f"s{at - 1}" if at else "x") for at in range(number) for line in _DIAMOND]
    return spec(*steps)


GRAPH = (
    _case("undefined", "NS301", spec("{Dense: 1, from: y}")),
    _case("duplicate", "NS303", spec("{Dense: 1, name: a}", "{Dense: 1, name: a}")),
    _case("duplicate of an input", "NS303", spec("{Dense: 1, name: x}")),
    _case(
        "duplicate below a loss",
        "NS303",
        spec(*["{Softmax: -1, name: a}"] * 2, rest="losses: sparse_categorical_crossentropy\n"),
    ),
    _case(
        "duplicate below a merge",
        "NS303",
        _image("{MaxPooling2D: 2}", *["{Activation: relu, name: a}"] * 2, "{Concatenate: , from: [x, a]}"),
    ),
    _case("forward", "NS302", spec("{Dense: 1, from: b}", "{Dense: 1, name: b}")),
    _case("self", "NS302", spec("{Dense: 1, name: a, from: a}")),
    _case("case only", "NS303", spec("{Dense: 1, name: a}", "{Dense: 1, name: A}")),
    _case("unreachable", "NS307", spec("{Dense: 1, name: a}", "{Dense: 1, from: x}")),
    _case("unused input", "NS306", spec("{Dense: 1, from: x}", head="inputs: {x: [8], y: [8]}")),
    _case("output that is an input", "NS308", spec("{Dense: 1, name: a}", rest="outputs: [a, x]\n")),
    _case("output twice", "NS308", spec("{Dense: 1, name: a}", rest="outputs: [a, a]\n")),
    _case("concatenate of one", "NS309", spec("{Concatenate: , from: x}")),
    _case("axis out of range", "NS403", spec("{Concatenate: 5, from: [x, x]}")),
    _case("chain", "NS603", lambda: spec(*["Dense: 8"] * _CHAIN)),
    _case("chain by repeat", "NS603", spec(f"{{Dense: 8, repeat: {_CHAIN}}}")),
    _case(
        "chain of broken steps",
        "NS402",
        lambda: _image("Flatten", "Conv2D: {filters: 8, kernel_size: 3}", *["Dense: 8"] * _CHAIN),
    ),
    _case("too many steps", "NS104", lambda: spec(*["Flatten"] * 500_000)),
    _case("too many by repeat", "NS310", spec("{Dense: 8, repeat: 900000}")),
    _case("many refused steps", "NS402", lambda: spec(*["{Conv2D: {filters: 8, kernel_size: 3}, from: x}"] * _CHAIN)),
    _case("many unknown references", "NS301", lambda: spec(*(f"{{Dense: 8, from: no{at}}}" for at in range(_CHAIN)))),
    _case("many of one name", "NS303", lambda: spec(*["{Dense: 8, name: a}"] * _CHAIN)),
    _case("wide concatenate", None, lambda: spec("{Concatenate: , from: [" + ", ".join(["x"] * 10_000) + "]}")),
    _case("diamonds", None, lambda: _diamonds(100)),
    _case("many diamonds", "NS603", lambda: _diamonds(10_000)),
    _case(
        "several outputs as one",
        "NS304",
        spec("{LSTM: {units: 4, return_state: true}, name: a}", "{Dense: 1, from: a}", head="inputs: {x: [4, 8]}"),
    ),
    *(
        _case(f"name {number}", "NS209", spec(f"{{Dense: 1, name: {name}}}"))
        for number, name in enumerate(
            (
                '"a b"',
                '"é"',
                '"\\e[31m"',
                '"a\\nb"',
                '"a/b"',
                '".."',
                '""',
                "a" * 300,
                '"_a"',
                '"-a"',
                "3.5",
                "null",
                "[]",
            )
        )
        if name != "null"
    ),
)

SIZES = (
    _case("many units", "NS601", spec("Dense: 1000000000000")),
    _case(
        "large embedding",
        "NS601",
        spec("Embedding: {input_dim: 1000000000000, output_dim: 1000000}", head=_TOKENS),
    ),
    _case("large upsampling", "NS601", _image("UpSampling2D: 1000000")),
    _case("product beyond 64 bits", "NS601", spec(*["Dense: 9000000000000000000"] * 2)),
    _case("batch size", None, spec("Dense: 1", rest="fit: {batch_size: 1000000000}\n")),
    _case("epochs", "NS202", spec("Dense: 1", rest="fit: {epochs: 1000000000000000000}\n")),
    _case("batch size beyond 64 bits", "NS202", spec("Dense: 1", rest="fit: {batch_size: 100000000000000000000}\n")),
)

_TENFOLD = "vars: {v: [" + ", ".join(["x"] * 10_000) + "]}\ninputs: {x: [8]}"
_WIDE = ", ".join(f"n{at}" for at in range(10_000))
_NEAR = spec(
    *(f"{{Dense: 8, from: x, name: n{at}}}" for at in range(10_000)), rest=f"outputs: [{_WIDE}]\nlosses: mse\n"
)

# What is short to write and long to look at: each took minutes, or gigabytes, where it was looked at in full.
SHORT = (
    _case("shape of many axes", "NS202", "inputs: {x: [" + ", ".join(["1"] * 300) + "]}\nlayers: [Dense: 8]\n"),
    _case("shape beyond 64 bits", "NS202", spec("Flatten", head=f"inputs: {{x: [1{'0' * 3000}, 8]}}")),
    _case("axes that grow", "NS404", spec("{ops.expand_dims: 1, repeat: 50000}")),
    _case("sizes that grow", "NS404", spec("{UpSampling1D: 1000000, repeat: 50000}", head="inputs: {x: [8, 8]}")),
    _case("sizes beyond 64 bits", "NS404", spec("{ops.repeat: {repeats: 1000000, axis: 1}, repeat: 50000}")),
    _case("repeated list", "NS404", spec("{Reshape: [8, " + ", ".join(["1"] * 1000) + "], repeat: 50000}")),
    _case("variable in many steps", "NS210", lambda: spec(*["Dense: $v"] * 50_000, head=_TENFOLD)),
    _case("variable in many lists", "NS210", lambda: spec(*["{Add: , from: $v}"] * 50_000, head=_TENFOLD)),
    _case("variables of none", "NS210", lambda: "vars:\n" + "".join(f"  v{at}: $w{at}\n" for at in range(90_000))),
    _case(
        "metrics of many outputs",
        "NS104",
        lambda: _NEAR + "metrics: [" + ", ".join(f"{{AUC: {{name: m{at}}}}}" for at in range(10_000)) + "]\n",
    ),
    _case(
        "misspelt monitors",
        "NS509",
        lambda: _NEAR + "fit: {callbacks: [" + ", ".join(["{EarlyStopping: {monitor: n7_los}}"] * 9_000) + "]}\n",
    ),
    _case("many comments", "NS219", lambda: spec("Dense: 8", head="# netspec: ignore[NS301] x\n" * 200_000 + _INPUT)),
    _case("comment of many codes", "NS219", lambda: spec("Dense: 8 # netspec: ignore[" + "NS301," * 1_000_000 + "] x")),
    _case("comment of brackets", "NS219", lambda: spec("Dense: 8 # netspec: ignore" + "[" * 4_000_000)),
)

CASES = (*VALUES, *GRAPH, *SIZES, *SHORT)
