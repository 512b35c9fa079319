"""Tables for first specs, each with a signal in it and something that is awkward: names, gaps, kinds, sizes."""

from __future__ import annotations

import csv
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

GOOD = ["splendid", "lovely", "bright", "kind", "warm"]
BAD = ["dreary", "broken", "cold", "rude", "dull"]
PLAIN = ["the", "train", "to", "town", "was", "we", "saw", "it", "and", "a", "house"]
HAN = ["好看", "喜欢", "精彩", "难看", "讨厌", "无聊"]

Case = tuple[str, list[str]]  # the table's name, the targets


def write_csv(path: Path, columns: Mapping[str, Sequence[Any]], separator: str = ",") -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def some(rng: np.random.Generator, values: Sequence[Any], share: float) -> list[Any]:
    """The values with a share of them missing."""
    return ["" if gone else value for value, gone in zip(values, rng.random(len(values)) < share, strict=True)]


def odd_names(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(600, 11))
    names = ["Größe (cm)", "$price", "$$x", "no", "1", "a: b", "x #y", '"quoted"', "tab\tname", "名前", " lead "]
    columns = {name: x[:, at].round(4).tolist() for at, name in enumerate(names)}
    columns["null"] = np.where(x[:, 0] + x[:, 1] > 0, "ja, sehr", "nein: nie").tolist()
    write_csv(folder / "odd names.csv", columns)
    return "odd names.csv", ["null"]


def dates(folder: Path, rng: np.random.Generator) -> Case:
    days = np.datetime64("2023-01-01") + rng.integers(0, 700, 800)
    hours = rng.integers(0, 24, 800)
    weekday = (days.astype(np.int64) + 3) % 7
    columns = {
        "day": some(rng, [str(day) for day in days], 0.05),
        "at": [f"{str(d)[8:]}.{str(d)[5:7]}.{str(d)[:4]} {hour:02d}:00" for d, hour in zip(days, hours, strict=True)],
        "unclear": ["01/02/2024", "03/04/2024"] * 400,
        "broken": ["2024-01-01"] * 799 + ["2024-13-01"],
        "open": np.where((weekday < 5) & (hours > 7) & (hours < 19), "yes", "no").tolist(),
    }
    write_csv(folder / "dates.csv", columns)
    return "dates.csv", ["open"]


def number_lists(folder: Path, rng: np.random.Generator) -> Case:
    rows = []
    for _ in range(600):
        kind, many = int(rng.integers(0, 2)), int(rng.integers(3, 9))
        row: dict[str, Any] = {
            "readings": (rng.normal(size=4) + kind).round(3).tolist(),
            "track": (rng.normal(size=(many, 2)) + 2 * kind).round(2).tolist(),
            "wave": (rng.normal(size=many) + kind).round(2).tolist(),
            "tags": [int(n) for n in rng.integers(0, 6, many) + 4 * kind],
            "kind": ("calm", "wild")[kind],
        }
        rows.append(row | ({"readings": None} if rng.random() < 0.05 else {}))
    (folder / "number lists.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return "number lists.jsonl", ["kind"]


def list_labels(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(400, 3)).round(3)
    columns = {
        "x": [" ".join(map(str, row)) for row in x],
        "amount": [f"{n:.2f}".replace(".", ",") for n in x[:, 0]],
        "y": [str([round(a + b, 3), round(b - c, 3)]) for a, b, c in x.tolist()],
    }
    write_csv(folder / "list labels.csv", columns)
    return "list labels.csv", ["y"]


def commas(folder: Path, rng: np.random.Generator) -> Case:
    """Written as in Germany: semicolons, decimal commas, days with points."""
    x = rng.normal(size=(300, 2))
    columns = {
        "breite": [f"{n:.2f}".replace(".", ",") for n in x[:, 0]],
        "höhe": [f"{n:.1f}".replace(".", ",") if at % 9 else "" for at, n in enumerate(x[:, 1])],
        "tag": [f"{1 + at % 28}.{1 + at % 12}.2024" for at in range(300)],
        "preis": [f"{10 + 3 * n:.2f}".replace(".", ",") for n in x[:, 0]],
    }
    write_csv(folder / "preise.csv", columns, separator=";")
    return "preise.csv", ["preis"]


def photos(folder: Path, rng: np.random.Generator) -> Case:
    for kind in range(2):
        (folder / "photos" / ("dark", "light")[kind]).mkdir(parents=True)
        for at in range(40):
            pixels = np.clip(rng.normal(90 + 70 * kind, 20, (20, 30 + at % 3, 3)), 0, 255).astype(np.uint8)
            write_png(folder / "photos" / ("dark", "light")[kind] / f"{at}.png", pixels)
    return "photos", ["label"]


def listed_photos(folder: Path, rng: np.random.Generator) -> Case:
    """A table beside a folder of images, with the price of what they show."""
    (folder / "shop" / "img").mkdir(parents=True)
    prices, paths = [], []
    for at in range(80):
        light = rng.uniform(40, 200)
        pixels = np.clip(rng.normal(light, 10, (24, 24 + at % 2, 3)), 0, 255).astype(np.uint8)
        write_png(folder / "shop" / "img" / f"{at}.PNG", pixels)
        paths.append(f"img/{at}.PNG")
        prices.append(round(light / 10, 1))
    write_csv(folder / "shop" / "goods.csv", {"photo": paths, "stars": [at % 5 for at in range(80)], "price": prices})
    return "shop/goods.csv", ["price"]


def held_photos(folder: Path, rng: np.random.Generator) -> Case:
    """Images as bytes, in the form of Hugging Face."""
    (folder / "x").mkdir()
    cells = []
    for at in range(60):
        write_png(folder / "x" / "x.png", np.full((9, 9, 3), 60 + 120 * (at % 2) + at % 7, np.uint8))
        cells.append({"bytes": (folder / "x" / "x.png").read_bytes(), "path": f"{at}.png"})
    table = pa.table({"image": cells, "label": [at % 2 for at in range(60)]})
    pyarrow.parquet.write_table(table, folder / "held.parquet")
    return "held.parquet", ["label"]


def write_png(path: Path, pixels: Any) -> None:
    height, width, _ = pixels.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    ends = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + ends)


def categories(folder: Path, rng: np.random.Generator) -> Case:
    color = rng.choice(["red", "green", "blue"], 900)
    town = rng.choice([f"town {number}" for number in range(60)], 900)
    pull = np.array([hash_of(t) % 3 for t in town]) + (color == "red")
    columns = {
        "row": list(range(900)),
        "color": some(rng, color.tolist(), 0.1),
        "size": rng.choice(["S", "M", "L", "XL"], 900).tolist(),
        "town": town.tolist(),
        "always": ["same"] * 900,
        "verdict": [("bad", "fair", "good", "très bon")[number] for number in pull],
    }
    write_csv(folder / "categories.csv", columns)
    return "categories.csv", ["verdict"]


def hash_of(text: str) -> int:
    return sum(text.encode())


def sentiment(folder: Path, rng: np.random.Generator) -> Case:
    liked = rng.random(1200) < 0.5
    texts = [" ".join(rng.permutation([*rng.choice(PLAIN, 6), *rng.choice(GOOD if g else BAD, 2)])) for g in liked]
    columns = {
        "review": [f'"{text}", they said' if at % 9 == 0 else text for at, text in enumerate(texts)],
        "liked": some(rng, np.where(liked, "yes", "no").tolist(), 0.2),
    }
    write_csv(folder / "sentiment.tsv", columns, "\t")
    return "sentiment.tsv", ["liked"]


def prices(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(1500, 4))
    price = 250_000 + 60_000 * x[:, 0] - 30_000 * np.abs(x[:, 1]) + 500 * rng.normal(size=1500)
    columns = {f"f{at}": some(rng, x[:, at].round(3).tolist(), 0.05) for at in range(4)}
    columns |= {
        "sold": ["2024-05-06"] * 1500,
        "remark": some(rng, ["n/a"] * 1500, 0.9),
        "price": price.round().tolist(),
    }
    write_csv(folder / "prices.csv", columns)
    return "prices.csv", ["price"]


def two_targets(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(800, 3))
    columns: dict[str, Any] = {f"x{at}": x[:, at].round(3).tolist() for at in range(3)}
    columns["weight"] = some(rng, (70 + 8 * x[:, 0]).round(1).tolist(), 0.1)
    columns["Weight"] = np.where(x[:, 1] > 0, "TRUE", "FALSE").tolist()
    write_csv(folder / "two.csv", columns)
    return "two.csv", ["weight", "Weight"]


def pixels(folder: Path, rng: np.random.Generator) -> Case:
    label = rng.integers(0, 4, 600)
    image = rng.integers(0, 60, (600, 8, 8))
    for at, number in enumerate(label):
        image[at, 2 * number : 2 * number + 2] += 150
    np.savez(folder / "pixels.npz", image=image.astype(np.uint8), label=np.eye(4, dtype=np.uint8)[label])
    return "pixels.npz", ["label"]


def pictures(folder: Path, rng: np.random.Generator) -> Case:
    label = rng.integers(0, 3, 400)
    image = rng.random((400, 12, 12, 3)) * 0.5
    image[np.arange(400), ..., label] += 0.5
    np.savez_compressed(folder / "pictures.npz", x=image.astype(np.float32), y=label)
    return "pictures.npz", ["y"]


def series(folder: Path, rng: np.random.Generator) -> Case:
    up = rng.integers(0, 2, 500)
    steps = rng.normal(size=(500, 20, 3)) + np.linspace(-2, 2, 20)[None, :, None] * (2 * up - 1)[:, None, None]
    np.savez(folder / "series.npz", steps=steps.astype(np.float32), up=up.astype(bool))
    return "series.npz", ["up"]


def several_labels(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(700, 5))
    np.savez(folder / "several.npz", x=x, y=(x[:, :3] > 0).astype(np.int64))
    return "several.npz", ["y"]


def two_rows(folder: Path, rng: np.random.Generator) -> Case:
    write_csv(folder / "two-rows.csv", {"a": [1, 2], "b": ["x", "y"], "y": ["yes", "no"]})
    return "two-rows.csv", ["y"]


def many_rows(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(100_000, 6)).round(3)
    columns: dict[str, Any] = {f"x{at}": x[:, at].tolist() for at in range(6)}
    columns["kind"] = rng.choice(["a", "b", "c"], 100_000).tolist()
    columns["y"] = (x[:, 0] * x[:, 1] > 0).astype(int).tolist()
    write_csv(folder / "many.csv", columns)
    return "many.csv", ["y"]


def grades(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=(900, 2)).round(3)
    grade = np.clip(np.round(5 + 1.2 * x[:, 0]), 3, 7).astype(int)
    write_csv(folder / "grades.csv", {"säure": x[:, 0].tolist(), "x": x[:, 1].tolist(), "grade": grade.tolist()}, ";")
    return "grades.csv", ["grade"]


def lists(folder: Path, rng: np.random.Generator) -> Case:
    with (folder / "lists.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(600):
            label = int(rng.integers(0, 2))
            ids = [*rng.integers(1, 40, rng.integers(1, 12)).tolist(), 50 + label]
            row = {"ids": ids, "ok": bool(rng.integers(0, 2)), "urteil": ("schön", "hässlich")[label]}
            file.write(json.dumps(row) + "\n")
    return "lists.jsonl", ["urteil"]


def parquet(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=800)
    color = rng.choice(["a", "b", "c", "d"], 800)
    y = 3 * x + np.where(color == "a", 2.0, -1.0) + 0.1 * rng.normal(size=800)
    gaps = pa.array(x, mask=rng.random(800) < 0.1)
    table = pa.table(
        {
            "x": gaps,
            "color": pa.array(color).dictionary_encode(),
            "when": pa.array(np.arange(800), pa.timestamp("s")),
            "flag": pa.array(rng.random(800) < 0.5),
            "blob": pa.array([b"\x00\x01"] * 800, pa.binary()),
            "y": y,
        }
    )
    pyarrow.parquet.write_table(table, folder / "rows.parquet")
    return "rows.parquet", ["y"]


def several_files(folder: Path, rng: np.random.Generator) -> Case:
    for number in range(3):
        x = rng.normal(size=(300, 2)).round(3)
        columns = {
            "a": x[:, 0].tolist(),
            "b": x[:, 1].tolist(),
            "y": np.where(x[:, 0] > x[:, 1], "left", "right").tolist(),
        }
        write_csv(folder / f"part-{number}.csv.gz", columns)
    return "part-*.csv.gz", ["y"]


def han(folder: Path, rng: np.random.Generator) -> Case:
    good = rng.random(700) < 0.5
    words = [[HAN[rng.integers(0, 3) + 3 * (not g)] for _ in range(3)] for g in good]
    texts = ["这部电影我觉得" + "".join(each) + "就是这样" + str(at) for at, each in enumerate(words)]
    write_csv(folder / "电影.csv", {"评论": texts, "好": good.astype(int).tolist()})
    return "电影.csv", ["好"]


def huge_numbers(folder: Path, rng: np.random.Generator) -> Case:
    x = rng.normal(size=300)
    columns = {
        "big": (x * 1e300).tolist(),
        "mixed": ["?" if at % 40 == 0 else f"{number:.5f}" for at, number in enumerate(x)],
        "small": (x * 1e-9).tolist(),
        "y": (x > 0.8).astype(int).tolist(),
    }
    write_csv(folder / "huge.csv", columns)
    return "huge.csv", ["y"]


CASES: dict[str, Callable[[Path, np.random.Generator], Case]] = {
    each.__name__: each
    for each in (
        odd_names, categories, sentiment, prices, two_targets, pixels, pictures, series, several_labels, two_rows,
        many_rows, grades, lists, parquet, several_files, han, huge_numbers,
        dates, number_lists, list_labels, commas, photos, listed_photos, held_photos,
    )
}  # fmt: skip
