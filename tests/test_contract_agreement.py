"""Validate and fit agree on data: whatever validate refuses of a generated table fit refuses, and the other way round.

Only rows that are held out by a hash are fit's alone: which they are depends on the seed. NETSPEC_ORACLE=full takes
three times as many tables.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import random_tables

np = pytest.importorskip("numpy")

from netspec.diagnostics import ERROR  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.probe.cells import number  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.run import splits  # noqa: E402

Verdict = tuple[str, str]  # of fit and of validate
MANY = range(1000, 6000 if os.environ.get("NETSPEC_ORACLE") == "full" else 2500)


def verdicts(text: str, folder: Path) -> Verdict | None:
    """What fit and validate say of a spec's data; None where the spec itself is wrong."""
    plain = analyze_text(text, folder=str(folder), look_at_data=False)
    if plain.checked is None:
        return None
    found = [each for each in analyze_text(text, folder=str(folder)).diagnostics if each.severity == ERROR]
    try:
        splits.read(plain.checked, 1)
    except DataError as error:
        return f"refuses: {error.message}", found[0].message if found else "takes"
    return "takes", found[0].message if found else "takes"


def compared(text: str, folder: Path) -> str | None:
    """`refused` or `taken` where both agree, an AssertionError where they do not."""
    said = verdicts(text, folder)
    if said is None:
        return None
    fit, validate = said
    held_out = isinstance(json.loads(text)["data"].get("validation"), dict)
    assert fit != "takes" or validate == "takes", f"only validate refuses: {validate}\n{text}"
    assert fit == "takes" or validate != "takes" or held_out, f"only fit refuses: {fit}\n{text}"
    return "taken" if fit == "takes" else "refused"


def tables(seeds: range, folder: Path) -> Counter[str | None]:
    return Counter(compared(random_tables.case(seed, folder), folder) for seed in seeds)


def test_they_agree_on_text(tmp_path: Path) -> None:
    counts = tables(range(250), tmp_path)
    assert counts["taken"] > 25 and counts["refused"] > 100 and not counts[None]


@pytest.mark.slow
def test_they_agree_on_more_text(tmp_path: Path) -> None:
    tables(MANY, tmp_path)


@pytest.mark.parametrize("seeds", [range(500), pytest.param(MANY, marks=pytest.mark.slow)])
def test_they_agree_on_weights_and_masks(seeds: range, tmp_path: Path) -> None:
    counts: Counter[tuple[str, str | None]] = Counter()
    for seed in seeds:
        (tmp_path / "test.csv").unlink(missing_ok=True)
        text = random_tables.weighed(seed, tmp_path)
        said = compared(text, tmp_path)
        counts.update((key, said) for key in json.loads(text)["data"]["targets"]["y"])
    for key in ("missing", "class_weights", "normalize", "multi_label", "weight"):
        assert counts[key, "taken"] > 3 and counts[key, "refused"] > 5, counts


@pytest.mark.parametrize("seeds", [range(300), pytest.param(MANY, marks=pytest.mark.slow)])
def test_they_agree_on_decimal_commas(seeds: range, tmp_path: Path) -> None:
    counts: Counter[str | None] = Counter()
    for seed in seeds:
        (tmp_path / "test.csv").unlink(missing_ok=True)
        text, dice = random_tables.weighed(seed, tmp_path), random.Random(seed)
        for name in ("train.csv", "test.csv"):
            if (tmp_path / name).exists():
                with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
                    rows = [row for row in csv.reader(file) if row]
                swapped = [
                    [cell.translate({44: 46, 46: 44}) if dice.random() < 0.99 else cell for cell in r] for r in rows
                ]
                with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerows(swapped)
            text = text.replace(f'"{name}"', json.dumps({"csv": [name], "decimal": ","}))
        counts[compared(text, tmp_path)] += 1
    assert counts["taken"] > 20 and counts["refused"] > 50, counts


def lines(seed: int, folder: Path) -> str:
    """The same tables as JSON Lines, their columns numbers, texts, lists, or true and false."""
    spec, dice = json.loads(random_tables.weighed(seed, folder)), random.Random(seed)
    kinds: dict[str, str] = {}

    def value(name: str, cell: str) -> Any:
        kind = kinds.setdefault(name, dice.choice(("numbers", "numbers", "numbers", "text", "bool", "lists")))
        if not cell.strip():
            return dice.choice((None, "" if kind == "text" else None))
        if dice.random() < 0.002:
            return dice.choice(("x", 1, True, [1], {"a": 1}, 10**20))
        if kind == "bool" and cell in ("0", "1"):
            return cell == "1"
        if kind == "lists" and all(part.isdecimal() for part in cell.split()):
            return [int(part) for part in cell.split()]
        found = number(cell.strip()) if kind == "numbers" and "e" not in cell else None
        return cell if found is None else int(found) if found.is_integer() else found

    for name in ("train", "test"):
        if not (folder / f"{name}.csv").exists():
            continue
        with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                cells = {key: value(key, cell) for key, cell in zip(header, row, strict=False)}
                text = json.dumps({key: cell for key, cell in cells.items() if cell is not None or dice.random() < 0.7})
                text = text if dice.random() < 0.999 else dice.choice((text[:-1], f"[{text}]", f"{text} {text}", "NaN"))
                file.write(text + dice.choice(("\n", "\n", "\r\n", "\n\n")))
    return json.dumps(spec).replace('.csv"', '.jsonl"')


@pytest.mark.parametrize("seeds", [range(500), pytest.param(MANY, marks=pytest.mark.slow)])
def test_what_is_refused_of_lines_of_json_fit_refuses(seeds: range, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in seeds:
        for name in ("test.csv", "test.jsonl"):
            (tmp_path / name).unlink(missing_ok=True)
        text = lines(seed, tmp_path)
        said = verdicts(text, tmp_path)
        if said is None:
            continue
        fit, validate = said
        assert fit != "takes" or validate == "takes", f"only validate refuses: {validate}\n{text}"
        counts["taken" if fit == "takes" else "refused by both" if validate != "takes" else "by fit alone"] += 1
    assert counts["taken"] > 30 and counts["refused by both"] > 5 * counts["by fit alone"] / 2, counts


def steps(seed: int, folder: Path) -> str:
    """A spec whose target has a class for each step, in cells of text or in an array."""
    dice, draw = random.Random(seed), np.random.default_rng(seed)
    rows, units = dice.choice((1, 2, 6)), dice.choice((1, 2, 3))
    loss = dice.choice((*random_tables.LOSSES[:5], "sparse_categorical_crossentropy", "binary_crossentropy"))
    loss = "sparse_categorical_crossentropy" if units > 1 and dice.random() < 0.7 else loss
    words = dice.random() < 0.3
    draws = ("a", "b", "c")[:units] if words else tuple(map(str, range(units if "sparse" in loss else 2)))
    cells = [" ".join(dice.choice(draws) for _ in range(dice.randrange(1, 7))) for _ in range(rows)]
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        cells[dice.randrange(rows)] = dice.choice(("", "[]", "x", "9", "0.5", "-1", "[0, 1]", "0;1", "1,", " ", "[ ]"))
    target: dict[str, Any] = {"column": "l", "sequence": dice.choice((True, True, {"length": 4}, {"length": 5}))}
    if words or dice.random() < 0.05:
        target["classes"] = dice.choice((["a", "b", "c"][:units], ["a", "b", "c"]))
    if dice.random() < 0.3:
        names = dice.sample(target.get("classes") or ["0", "1", "9"], 1)
        target["class_weights"] = dice.choice(("balanced", "balanced", {names[0]: dice.choice((0, 2))}))
    if dice.random() < 0.3:
        target["missing"] = "mask"
    if dice.random() < 0.1:
        target[dice.choice(("one_hot", "normalize"))] = True
    if dice.random() < 0.3:
        made = draw.integers(0, 3, (rows, dice.choice((3, 4)))).astype(dice.choice(["f4", "i4", "u1"]))
        if made.dtype.kind == "f" and dice.random() < 0.5:
            made.reshape(-1)[dice.randrange(made.size)] = dice.choice((np.nan, 0.5, -1, 1))
        np.savez(folder / "t.npz", x=np.ones((rows, 4), "i4"), l=made)
        train = "t.npz"
    else:
        (folder / "t.csv").write_text("x,l\n" + "".join(f'1 2 3,"{cell}"\n' for cell in cells))
        train = "t.csv"
    return json.dumps(
        {
            "inputs": {"x": {"shape": [4], "dtype": "int32"}},
            "layers": [
                {"Embedding": {"input_dim": 9, "output_dim": 2}},
                *(["Flatten"] if dice.random() < 0.05 else []),
                {"Dense": units, "name": "y"},
            ],
            "losses": loss,
            "data": {"train": train, "features": {"x": {"column": "x", "sequence": {}}}, "targets": {"y": target}},
        }
    )


@pytest.mark.parametrize("seeds", [range(400), pytest.param(MANY, marks=pytest.mark.slow)])
def test_they_agree_on_a_class_for_each_step(seeds: range, tmp_path: Path) -> None:
    counts = Counter(compared(steps(seed, tmp_path), tmp_path) for seed in seeds)
    assert counts["taken"] > 40 and counts["refused"] > 100, counts


def arrays(seed: int, folder: Path) -> str:
    """A spec whose data are random arrays, an archive or files of their own."""
    dice, draw = random.Random(seed), np.random.default_rng(seed)
    rows, units = dice.choice((1, 3, 8)), dice.choice((1, 2, 3, 5))

    def array(shape: tuple[int, ...]) -> np.ndarray:
        count = rows + (dice.random() < 0.02)
        made = draw.integers(-2 if dice.random() < 0.2 else 0, dice.choice((2, 3, 5, 300)), (count, *shape))
        made = made.astype(dice.choice(["f4", "f8", "u1", "i4", ">i8", "b1", "<U3", "S2", ">f4", "f2"]))
        if made.dtype.kind == "f" and made.size and dice.random() < 0.3:
            made.reshape(-1)[dice.randrange(made.size)] = dice.choice((np.nan, np.inf, 1e4, -1, 0.5))
        return np.asfortranarray(made) if made.ndim > 1 and made.dtype.kind in "iu" and dice.random() < 0.1 else made

    x = array(dice.choice([(), (1,), (3,), (4, 4), (4, 4, 1), (2, 8), (0,)]))
    own = [size or 4 for size in x.shape[1:]] or [1]
    shape = dice.choice([own, own, own, [16], [4, 4, 1]])
    dtype = dice.choice(["float32", "float32", "int32", "uint8", "float16"])
    kinds = [{}, {}, {"rescale": 0.5}, {"missing": "zero"}, {"missing": "drop"}, {"category": True}]
    kinds += [{"sequence": {"length": 3}}, {"multi_hot": 3}, {"text": {"vocabulary": 9, "length": 3}}]
    layers = [{"Embedding": {"input_dim": 5, "output_dim": 2}}] if dice.random() < 0.3 else [{"Rescaling": 1.0}]
    y = array(dice.choice([(), (), (1,), (units,), (2,)]))
    target = {"column": "l", **dice.choice([{}, {}, {}, {"one_hot": True}, {"classes": ["0", "1"]}])}
    data = {"features": {"x": {"column": "a", **dice.choice(kinds)}}, "targets": {"y": target}}
    if dice.random() < 0.5:
        dice.choice((np.savez, np.savez_compressed))(folder / "t.npz", a=x, l=y)
        data["train"] = "t.npz"
    else:
        np.save(folder / "a.npy", x)
        np.save(folder / "l.npy", y)
        data["train"] = {"npy": {"a": "a.npy", "l": "l.npy"}}
    return json.dumps(
        {
            "inputs": {"x": {"shape": shape, "dtype": dtype}},
            "layers": [*layers, "Flatten", {"Dense": units, "name": "y"}],
            "losses": dice.choice(random_tables.LOSSES),
            "data": data,
        }
    )


@pytest.mark.parametrize("seeds", [range(400), pytest.param(MANY, marks=pytest.mark.slow)])
def test_they_agree_on_arrays(seeds: range, tmp_path: Path) -> None:
    with np.errstate(over="ignore"):
        counts = Counter(compared(arrays(seed, tmp_path), tmp_path) for seed in seeds)
    assert counts["taken"] > 10 and counts["refused"] > 100
