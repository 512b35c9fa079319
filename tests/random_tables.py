"""Random specs with tables of data, right and wrong, the same for the same number: `case(seed, folder)` writes both."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOSSES = (
    "mse",
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "hinge",
    "huber",
    "kl_divergence",
)
ODD = ("", "", "x", "1,5", "inf", "1e39", "-1", "2.5", "nan", "true", "9", "70000", " 3 ", "1_0", "3 17", "NA", "1e400")
Spec = dict[str, Any]


def case(seed: int, folder: Path) -> str:
    """The text of a spec whose data lie in `folder`."""
    dice = random.Random(seed)
    rows = dice.choice((1, 2, 3, 5, 12, 30))
    columns: dict[str, list[str]] = {}
    spec: Spec = {"inputs": {}, "layers": [], "data": {"features": {}, "targets": {}}}
    flat = [_input(dice, number, rows, columns, spec) for number in range(dice.choice((1, 1, 2)))]
    layers, data = spec["layers"], spec["data"]
    if len(flat) > 1:
        layers.append({"Concatenate": {}, "from": flat})
    units = dice.choice((1, 1, 2, 3, 4))
    layers.append({"Dense": units, "name": "y", "from": flat[0]} if len(flat) == 1 else {"Dense": units, "name": "y"})
    spec["losses"] = dice.choice(LOSSES)
    _target(dice, rows, units, columns, data, spec["losses"])
    for cells in columns.values():
        for _ in range(dice.choice((0, 0, 0, 0, 0, 1, 2))):
            cells[dice.randrange(rows)] = dice.choice(ODD)
    if dice.random() < 0.03 and len(columns) > 1:
        columns.pop(dice.choice(list(columns)))
    _write(folder / "train.csv", columns, dice)
    data["train"] = "train.csv"
    if dice.random() < 0.3:
        part = {name: [dice.choice((*cells, *ODD[:1])) for _ in range(4)] for name, cells in columns.items()}
        _write(folder / "test.csv", part, dice)
        data[dice.choice(("test", "validation"))] = "test.csv"
    elif dice.random() < 0.3:
        data["validation"] = {"fraction": dice.choice((0.01, 0.1, 0.5)), "by": dice.choice(("hash", "order"))}
    return json.dumps(spec)


def weighed(seed: int, folder: Path) -> str:
    """The same with a target that weighs, masks, scales or has several classes a row, rightly or not."""
    spec, dice = json.loads(case(seed, folder)), random.Random(seed + 10**6)
    data = spec["data"]
    target = data["targets"]["y"]
    if dice.random() < 0.5:
        target["missing"] = dice.choice(("mask", "mask", "drop"))
    classes, odd = spec["losses"] not in ("mse", "huber"), dice.random() < 0.1
    if dice.random() < (0.5 if classes or odd else 0):
        names = dice.sample(
            ["0", "0", "1", "1", "2", "-1", "no", "yes", "maybe", "never", "nowhere"], dice.randrange(1, 3)
        )
        some = {name: dice.choice((0, 0, 1, 2.5)) for name in names}
        target["class_weights"] = dice.choice(("balanced", "balanced", "balanced", some))
    elif dice.random() < (0.5 if not classes or odd else 0):
        target["normalize"] = True
    elif dice.random() < 0.5:
        target["multi_label"] = dice.choice((True, {"separator": " "}))
        target.pop("one_hot", None)
        spec["losses"] = dice.choice(("binary_crossentropy", "binary_crossentropy", spec["losses"]))
    if dice.random() < 0.4:
        (data if dice.random() < 0.3 else target)["weight"] = dice.choice("w" * 9 + "v")
        cells = dice.choice(
            (("1", "0", "2.5"), ("1", "0.1"), ("1", "1", "1", "1", "", "-1", "x", "nan", "1e16"), ("0",))
        )
        for name in ("train.csv", "test.csv"):
            if (path := folder / name).exists():
                _add_column(path, "w", cells, dice)
    if multi := target.get("multi_label"):
        between = "|" if multi is True else " "
        for name in ("train.csv", "test.csv"):
            if (path := folder / name).exists() and dice.random() < 0.8:
                most = spec["layers"][-1]["Dense"] + (dice.random() < 0.3)
                words = ("red", "", "round", "1", " blue ", "x")[: most + 1]
                cells = [between.join(dice.sample(words, dice.randrange(len(words)))) for _ in range(9)]
                _add_column(path, "l0", cells, dice)
    return json.dumps(spec)


def _add_column(path: Path, name: str, cells: Sequence[str], dice: random.Random) -> None:
    """Another column, or other cells of one that is there."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    at = header.index(name) if name in header else len(header)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                [*row[:at], cell, *row[at + 1 :]]
                for row, cell in zip((header, *rows), (name, *(dice.choice(cells) for _ in rows)), strict=True)
            ]
        )


def _input(dice: random.Random, number: int, rows: int, columns: dict[str, list[str]], spec: Spec) -> str:
    """Adds an input with its feature and its columns; the name of a flat tensor of it."""
    name, steps, feature = f"x{number}", spec["layers"], {}
    kind = dice.choice(("numbers", "numbers", "whole", "ids", "category", "text", "sequence", "multi_hot"))
    count = dice.choice((1, 2, 3)) if kind in ("numbers", "whole", "category") else 1
    names = [f"c{number}{at}" for at in range(count)]
    width = count if dice.random() < 0.93 else count + 1
    dtype = "float32"
    if kind == "numbers":
        made = [[f"{dice.gauss(0, 3):.3g}" for _ in range(rows)] for _ in names]
        feature = dice.choice(({}, {"normalize": True}, {"missing": "drop"}, {"missing": "zero"}, {"rescale": 0.1}))
        dtype = dice.choice(("float32", "float32", "float16"))
    elif kind == "whole":
        made = [[str(dice.randrange(-3, 40)) for _ in range(rows)] for _ in names]
        dtype = dice.choice(("int32", "uint8", "int8"))
        feature = dice.choice(({}, {"missing": "mean"}, {"missing": "zero"}, {"missing": "drop"}))
    elif kind == "category":
        made = [[dice.choice("abcd") for _ in range(rows)] for _ in names]
        hot = dice.random() < 0.5
        feature = {"category": {"one_hot": True} if hot else True}
        width = sum(len(set(cells)) for cells in made) + (dice.random() < 0.1) if hot else width
        dtype = "float32" if hot else "int32"
    elif kind == "text":
        made = [["the cat sat"[: dice.randrange(12)] for _ in range(rows)]]
        feature = {"text": {"vocabulary": 9, "length": dice.choice((3, 4)), "one_hot": False}}
        width, dtype = dice.choice((3, 3, 4)), "int32"
    elif kind == "ids":
        made = [[str(dice.randrange(9)) for _ in range(rows)]]
        dtype = "int32"
    else:
        made = [[" ".join(str(dice.randrange(9)) for _ in range(dice.randrange(5))) for _ in range(rows)]]
        width, dtype = 4, "int32"
        feature = {"multi_hot": 4} if kind == "multi_hot" else {"sequence": dice.choice(({}, {"vocabulary": 6}))}
    columns.update(zip(names, made, strict=True))
    if dice.random() < 0.05:
        names = [*names, "nowhere"]
    spec["inputs"][name] = {"shape": [width], "dtype": dtype}
    spec["data"]["features"][name] = {"columns": names, **feature}
    flat = name
    if kind in ("ids", "sequence", "text") or (kind == "category" and dtype == "int32"):
        steps.append({"Embedding": {"input_dim": dice.choice((4, 9, 9, 12)), "output_dim": 2}, "from": name})
        steps.append({"Flatten": None, "name": (flat := f"flat{number}")})
    elif dtype != "float32":
        steps.append({"Rescaling": 1.0, "from": name, "name": (flat := f"flat{number}")})
    return flat


def _target(dice: random.Random, rows: int, units: int, columns: dict[str, list[str]], data: Spec, loss: str) -> None:
    """Adds the target of output `y` and its columns."""
    form = dice.choice(("fitting", "fitting", "fitting", "numbers", "classes", "words", "binary", "signs"))
    if form == "fitting":
        sparse = "sparse" in loss or (("categorical" in loss or loss == "kl_divergence") and dice.random() < 0.5)
        form = "classes" if sparse else "binary" if loss in ("binary_crossentropy", "hinge") else "numbers"
    count = units if form in ("numbers", "binary", "signs") and dice.random() < 0.85 else 1
    words = dice.sample(["no", "yes", "maybe", "never", "1"], dice.randrange(1, 5))
    draw = {
        "numbers": lambda: f"{dice.uniform(-2, 2):.3g}",
        "classes": lambda: str(dice.randrange(units + (dice.random() < 0.05))),
        "words": lambda: dice.choice(words),
        "binary": lambda: dice.choice("01"),
        "signs": lambda: dice.choice(("-1", "1")),
    }[form]
    names = [f"l{at}" for at in range(count)]
    columns.update({name: [draw() for _ in range(rows)] for name in names})
    target: Spec = {"columns": names}
    if dice.random() < 0.1 or (form == "classes" and "categorical" in loss and "sparse" not in loss):
        target["one_hot"] = True
    if form == "words" and dice.random() < 0.3:
        target["classes"] = words
    data["targets"]["y"] = target


def _write(path: Path, columns: dict[str, list[str]], dice: random.Random) -> None:
    with path.open("w", encoding=dice.choice(("utf-8", "utf-8-sig")), newline="") as file:
        writer = csv.writer(file, lineterminator=dice.choice(("\n", "\r\n")))
        writer.writerow(columns)
        rows = list(zip(*columns.values(), strict=True))
        if dice.random() < 0.03:
            rows.append(rows[0] + ("more",))
        for row in rows:
            writer.writerow(row)
            if dice.random() < 0.02:
                file.write("\n")
