"""The contract between spec and data, before anything heavy is loaded: what validate refuses of files, and how.

`tests/test_contract_agreement.py` holds it against fit over generated tables.
"""

from __future__ import annotations

import bz2
import gzip
import json
import os
import struct
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from effort import patience, peak

from netspec.diagnostics import ERROR, Diagnostic
from netspec.pipeline import analyze_text

FLAT = "inputs: {x: [%s]}\nlayers:\n  - Dense: {units: %s, activation: %s}\n    name: y\nlosses: %s\n"
IDS = "inputs: {x: {shape: [%s], dtype: int32}}\nlayers:\n  - Embedding: {input_dim: %s, output_dim: 2}\n"
POOLED = (
    IDS
    + "  - GlobalAveragePooling1D\n  - {Dense: {units: 1, activation: sigmoid}, name: y}\nlosses: binary_crossentropy\n"
)


def flat(columns: int = 1, units: int = 1, activation: str = "linear", loss: str = "mse") -> str:
    return FLAT % (columns, units, activation, loss)


def said(folder: Path, model: str, data: str, **files: str | bytes) -> list[Diagnostic]:
    """What is found with these data; a file's name has `__` for its point."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(analyze_text(f"{model}data: {data}\n", shown="s.yaml", folder=str(folder)).diagnostics)


XY = "{train: t.csv, features: {x: x}, targets: {y: y}}"
BINARY = flat(1, 1, "sigmoid", "binary_crossentropy")
SPARSE = flat(1, 3, "softmax", "sparse_categorical_crossentropy")
ONE_HOT = flat(1, 3, "softmax", "categorical_crossentropy")

CASES: dict[str, tuple[str, str, str, str, str]] = {  # model, data, rows, code, words of the message or its help
    "text for numbers": (
        flat(),
        XY,
        "x,y\nred,1\nblue,2\n",
        "NS703",
        "row 1 (line 2), column `x`: expected a number, got `red`",
    ),
    "the way out of it": (flat(), XY, "x,y\nred,1\nblue,2\n", "NS703", "say `text` for sentences"),
    "a decimal comma": (flat(), XY, 'x,y\n"1,5",1\n', "NS703", "write `1.5`"),
    "how many": (flat(), XY, "x,y\n1,1\nu,2\nv,3\n3,4\n", "NS703", "2 of 4 rows are like it"),
    "a line after a cell of several": (flat(), XY, 'x,y,z\n1,1,"a\n\nb"\nu,2,c\n', "NS703", "row 2 (line 5)"),
    "infinite": (flat(), XY, "x,y\ninf,1\n2,3\n", "NS703", "expected a number, got `inf`"),
    "beyond a double": (flat(), XY, "x,y\n1e999,1\n2,3\n", "NS703", "expected a finite number"),
    "beyond float32": (flat(), XY, "x,y\n1e39,1\n2,3\n", "NS703", "expected a number that fits float32, got `1e+39`"),
    "a label beyond float32": (flat(), XY, "x,y\n1,1e39\n2,3\n", "NS703", "column `y`: expected a number that fits"),
    "nothing in a column": (flat(), XY, "x,y\n,1\nNA,2\n", "NS704", "column `x`: no number in the 2 rows"),
    "no label at all": (flat(), XY, "x,y\n1,\n2,nan\n", "NS704", "none of its 2 rows can be used"),
    "ragged": (
        flat(),
        XY,
        "x,y\n1,2\n3\n4,5,6\n7,8\n",
        "NS705",
        "row 2 (line 3): expected 2 columns, got 1; so are 2 of 4 rows",
    ),
    "an open quote": (flat(), XY, 'x,y\n1,2\n3,"4\n5,6\n', "NS705", "row 2 (line 3): a double quote is never closed"),
    "the line of the quote": (
        flat(),
        XY,
        'x,y,z\n1,2,3\n3,"a\n\nb","4\n5,6,7\n',
        "NS705",
        "row 2 (line 5): a double quote is never closed",
    ),
    "a quote in the header": (flat(), XY, '\nx,"y\n1,2\n', "NS705", "`t.csv` line 2: a double quote is never closed"),
    "a decimal comma that is not said": (flat(), XY, 'x,y\n"1,5",1\n', "NS703", 'or say `decimal: ","` beside `csv`'),
    "a point for a comma": (
        flat(),
        '{train: {csv: t.csv, separator: ";", decimal: ","}, features: {x: x}, targets: {y: y}}',
        "x;y\n1,5;1\n1.234;2\n",
        "NS703",
        "row 2 (line 3), column `x`: expected a number, got `1.234`\nwrite `1,234`: the decimal mark of this file is a",
    ),
    "two of a name": (flat(), XY, "x,x,y\n1,2,3\n", "NS705", "2 columns named `x`"),
    "columns for the input": (
        flat(3),
        XY,
        "x,y\n1,2\n",
        "NS708",
        "list 3 columns under `columns`, say `array: true` where a cell holds 3 numbers, or make the input [1]",
    ),
    "columns for the output": (
        flat(1, 2),
        XY,
        "x,y\n1,2\n",
        "NS706",
        "output `y` is (batch, 2); the target column gives (batch, 1)",
    ),
    "no target": (flat(), "{train: t.csv, features: {x: x}}", "x,z\n1,2\n", "NS707", "output `y` has no target"),
    "text for mse": (flat(), XY, "x,y\n1,no\n2,yes\n", "NS711", "the loss takes numbers, got the text `no`"),
    "class numbers for one-hot": (ONE_HOT, XY, "x,y\n1,0\n2,2\n", "NS711", "say `one_hot: true` under the target"),
    "one-hot columns for sparse": (
        SPARSE,
        "{train: t.csv, features: {x: x}, targets: {y: [a, b, c]}}",
        "x,a,b,c\n1,0,0,1\n",
        "NS711",
        "use the loss `categorical_crossentropy`",
    ),
    "one_hot for sparse": (
        SPARSE,
        "{train: t.csv, features: {x: x}, targets: {y: {column: y, one_hot: true}}}",
        "x,y\n1,2\n",
        "NS711",
        "leave out `one_hot`",
    ),
    "two for binary": (BINARY, XY, "x,y\n1,0\n2,2\n", "NS711", "expected a label from 0 to 1 for this loss, got `2`"),
    "1 and 2 for binary": (BINARY, XY, "x,y\n1,1\n2,2\n", "NS711", '`classes: ["1", "2"]`'),
    "-1 and 1 for binary": (BINARY, XY, "x,y\n1,-1\n2,1\n", "NS711", '`classes: ["-1", "1"]`'),
    "fractions for classes": (SPARSE, XY, "x,y\n1,0.5\n2,1\n", "NS711", "a whole one, got `0.5`"),
    "too high a class": (
        SPARSE,
        XY,
        "x,y\n1,0\n2,3\n",
        "NS710",
        "expected a class number from 0 to 2: output `y` has 3 units, got `3`",
    ),
    "classes from 1": (SPARSE, XY, "x,y\n1,1\n2,2\n3,3\n", "NS710", "class numbers start at 0: subtract 1"),
    "a negative class": (SPARSE, XY, "x,y\n1,-1\n2,2\n3,0\n", "NS710", "got `-1`"),
    "too many words": (
        SPARSE,
        XY,
        "x,y\n1,a\n2,b\n3,c\n4,d\n",
        "NS710",
        "has 3 units, column `y` of `t.csv` has 4 classes: `a`, `b`, `c`, `d`",
    ),
    "three words for binary": (BINARY, XY, "x,y\n1,a\n2,b\n3,c\n", "NS710", "output `y` has 1 unit"),
    "not one of classes": (
        BINARY,
        '{train: t.csv, features: {x: x}, targets: {y: {column: y, classes: ["no", "yes"]}}}',
        "x,y\n1,no\n2,maybe\n",
        "NS710",
        "expected one of the classes `no`, `yes`, got `maybe`",
    ),
    "numbers and a word": (SPARSE, XY, "x,y\n1,1\n2,2\n3,many\n", "NS703", '`classes: ["1", "2", "many"]`'),
    "numbers and a word for a loss of numbers": (
        flat(),
        XY,
        "x,y\n1,1\n2,2\n3,many\n",
        "NS703",
        'take a loss of classes and list them: `classes: ["1", "2", "many"]`',
    ),
    "a part of nothing": (
        flat(),
        XY.replace("}}", "}, validation: 0.1}"),
        "x,y\n1,2\n3,4\n",
        "NS704",
        "leaves none to validate with",
    ),
    "ids": (POOLED % (1, 5), XY, "x,y\n4,0\n5,1\n", "NS712", "in an Embedding that takes 0 to 4, got `5`"),
    "a negative id": (POOLED % (1, 5), XY, "x,y\n4,0\n-1,1\n", "NS712", "ids start at 0"),
    "ids in lists": (
        POOLED % (2, 5),
        "{train: t.csv, features: {x: {column: x, sequence: {}}}, targets: {y: y}}",
        "x,y\n9 4 3,0\n1 9,1\n",
        "NS712",
        "row 2 (line 3), column `x`: input `x` is looked up in an Embedding",
    ),
    "not a list": (
        POOLED % (2, 5),
        "{train: t.csv, features: {x: {column: x, sequence: {}}}, targets: {y: y}}",
        "x,y\nred,0\n1,1\n",
        "NS703",
        "expected whole numbers of 0 or more, such as `3 17 5`, got `red`",
    ),
    "values of a category": (
        POOLED % (1, 3),
        "{train: t.csv, features: {x: {column: x, category: true}}, targets: {y: y}}",
        "x,y\na,0\nb,1\nc,1\n",
        "NS712",
        "has 3 values, 1 to 3 in input `x`",
    ),
    "one-hot width": (
        flat(2),
        "{train: t.csv, features: {x: {column: x, category: {one_hot: true}}}, targets: {y: y}}",
        "x,y\na,0\nb,1\nc,1\n",
        "NS708",
        "make the input [3]",
    ),
    "an empty cell for a whole number": (POOLED % (1, 5), XY, "x,y\n4,0\n,1\n", "NS703", "say `missing: zero`"),
    "a part of a whole number": (
        POOLED % (1, 5),
        XY,
        "x,y\n4,0\n1.5,1\n",
        "NS703",
        "expected a whole number, got `1.5`",
    ),
    "text length": (
        POOLED % (4, 9),
        "{train: t.csv, features: {x: {column: x, text: {vocabulary: 9, length: 5}}}, targets: {y: y}}",
        "x,y\na b,0\n",
        "NS708",
        "leave out `length`",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_refused(tmp_path: Path, case: tuple[str, str, str, str, str]) -> None:
    model, data, rows, code, words = case
    found = [each for each in said(tmp_path, model, data, t__csv=rows) if each.severity == ERROR]
    assert [each.code for each in found] == [code], found
    assert words in "\n".join([found[0].message, found[0].help or "", *found[0].notes])


SOUND: dict[str, tuple[str, str, str]] = {
    "numbers": (
        flat(2),
        "{train: t.csv, features: {x: [a, b]}, targets: {y: y}}",
        "a,b,y\n1, 2 ,3\n1e3,NA,-4.5\ntrue,,\n",
    ),
    "a byte order mark": (flat(), XY, "\ufeffx,y\r\n1,2\r\n\r\n3,4\r\n"),
    "separators": (flat(), '{train: {csv: t.csv, separator: ";"}, features: {x: x}, targets: {y: y}}', "x;y\n1;2\n"),
    "decimal commas": (
        flat(2),
        "{train: {tsv: t.csv, decimal: ','}, features: {x: [a, b]}, targets: {y: {column: y, weight: w}}}",
        "a\tb\ty\tw\n1,5\t-2\t3,25\t0,5\n1,5e3\tNA\t,5\t1\ntrue\t\t1,\t2\n",
    ),
    "lists with decimal commas": (
        flat(2),
        "{train: {tsv: t.csv, decimal: ','}, features: {x: {column: x, array: true}}, targets: {y: y}}",
        "x\ty\n1,5 2,5\t3,25\n[1;2,25]\t1\n",
    ),
    "text for text": (
        POOLED % (4, 9),
        "{train: t.csv, features: {x: {column: x, text: {vocabulary: 9}}}, targets: {y: y}}",
        "x,y\n7,0\n8,1\n",
    ),
    "two words": (BINARY, XY, "x,y\n1,no\n2,yes\n"),
    "probabilities": (BINARY, XY, "x,y\n1,0.25\n2,1\n"),
    "fewer classes than units": (SPARSE, XY, "x,y\n1,0\n2,1\n"),
    "words for units": (SPARSE, XY, "x,y\n1,b\n2,a\n"),
    "a missing label": (SPARSE, XY, "x,y\n1,0\n2,\n"),
    "what a row without a label holds": (POOLED % (1, 5), XY, "x,y\n4,0\n,\n9,\n"),
    "signs for hinge": (flat(1, 1, "tanh", "hinge"), XY, "x,y\n1,-1\n2,1\n"),
    "cut ids": (
        POOLED % (1, 5),
        "{train: t.csv, features: {x: {column: x, sequence: {}}}, targets: {y: y}}",
        "x,y\n9 4,0\n",
    ),
    "asked for a mean": (
        POOLED % (1, 5),
        "{train: t.csv, features: {x: {column: x, missing: mean}}, targets: {y: y}}",
        "x,y\n1,0\n2,1\n,1\n",
    ),
}


@pytest.mark.parametrize("case", SOUND.values(), ids=SOUND)
def test_what_is_taken_in_silence(tmp_path: Path, case: tuple[str, str, str]) -> None:
    model, data, rows = case
    assert said(tmp_path, model, data, t__csv=rows) == []


def test_what_trains_but_is_not_meant(tmp_path: Path) -> None:
    category = "{train: t.csv, features: {x: {column: x, category: true}}, targets: {y: y}}"
    (found,) = said(tmp_path, POOLED % (1, 5), category, t__csv="x,y\n,0\n,1\n")
    assert (found.severity, found.code) == ("warning", "NS703") and "every cell is empty" in found.message
    wide = "{train: t.csv, features: {x: {column: x, multi_hot: 3}}, targets: {y: y}}"
    (found,) = said(tmp_path, flat(3), wide, t__csv="x,y\n3 4,0\n7,1\n")
    assert (found.severity, found.code) == ("warning", "NS712") and "all zeros" in found.message
    hot = "{train: t.csv, features: {x: x}, targets: {y: [a, b, c]}}"
    (found,) = said(tmp_path, ONE_HOT, hot, t__csv="x,a,b,c\n1,5,0,0\n")
    assert (found.severity, found.code) == ("warning", "NS711")


def test_the_primary_place_is_in_the_spec(tmp_path: Path) -> None:
    (found,) = said(tmp_path, SPARSE, XY, t__csv="x,y\n1,0\n2,7\n")
    assert found.place.text[found.place.column - 1 : found.place.end_column - 1] == "y"
    assert (
        found.place.line == 6 and found.labels[0].place.line == 3 and found.labels[0].text == "output `y`, (batch, 3)"
    )


def test_other_parts_are_held_against_what_the_training_rows_say(tmp_path: Path) -> None:
    data = "{train: t.csv, validation: v.csv, test: w.csv, features: {x: x}, targets: {y: y}}"
    good, words = "x,y\n1,a\n2,b\n", "x,y\n1,a\n2,c\n"
    (found,) = said(tmp_path, SPARSE, data, t__csv=good, v__csv=words, w__csv=good)
    assert (
        found.code == "NS710"
        and "`v.csv` row 2 (line 3), column `y`: expected one of the classes `a`, `b`" in found.message
    )
    plain = "x,y\n1,2\n3,4\n"
    found, other = said(tmp_path, flat(2), data, t__csv=plain, v__csv=plain, w__csv="x,z\n1,2\n")
    assert {found.code, other.code} == {"NS708", "NS702"}, "the shape is one cause, whatever the files"
    missing = "{train: t.csv, test: w.csv, features: {x: hour}, targets: {y: y}}"
    assert len(said(tmp_path, flat(), missing, t__csv="x,y\n1,2\n", w__csv="x,y\n1,2\n")) == 1


def test_the_same_mistake_in_two_files_is_one(tmp_path: Path) -> None:
    data = "{train: t.csv, test: w.csv, features: {x: x}, targets: {y: y}}"
    (found,) = said(tmp_path, flat(), data, t__csv="x,y\nred,2\n", w__csv="x,y\nblue,2\n")
    assert "`t.csv`" in found.message
    (found,) = said(tmp_path, flat(), data, t__csv="x,y\n1,2\n", w__csv="x,y\nblue,2\n")
    assert "`w.csv`" in found.message


XS = "{train: t.jsonl, features: {x: x}, targets: {y: y}}"
LINES: dict[str, tuple[str, str, str, str]] = {  # model, rows, code (nothing: taken), words
    "numbers": (flat(), '{"x": 1, "y": 2}\n\n{"y": 3.5}\r\n{"x": null, "y": 1e3}\n', "", ""),
    "text for numbers": (flat(), '{"x": 1, "y": 2}\n{"x": "red", "y": 3}\n', "NS705", "line 2: `x` is text, on line 1"),
    "a word": (flat(), '{"x": "1"}\n\n{"x": "a", "y": 3}\n', "NS703", "row 2 (line 3), column `x`: expected a number"),
    "no column": (flat(), '{"X": 1, "y": 2}\n', "NS702", "`t.jsonl` has no column `x`; it has `X`, `y`"),
    "no rows": (flat(), "\n \n", "NS704", "`t.jsonl` has no rows"),
    "no labels": (flat(), '{"x": 1, "y": null}\n', "NS704", "none of its 1 row can be used"),
    "too high a class": (SPARSE, '{"x": 1, "y": 0}\n{"x": 1, "y": 3}\n', "NS710", "got `3`"),
    "text for mse": (flat(), '{"x": 1, "y": "no"}\n{"x": 1, "y": "yes"}\n', "NS711", "the loss takes numbers"),
    "fractions": (SPARSE, '{"x": 1, "y": 0}\n{"x": 1, "y": 0.5}\n', "NS711", "a whole one, got `0.5`"),
    "true and false": (BINARY, '{"x": true, "y": false}\n{"x": false, "y": true}\n', "", ""),
    "one array": (flat(), '[{"x": 1, "y": 2},\n{"x": 1, "y": 2}]\n', "NS705", "line 1: expected a mapping, `{…}`"),
    "how to mend it": (flat(), '[{"x": 1, "y": 2}]', "NS705", "write each row as an object on a line of its own"),
    "no object": (flat(), '{"x": 1, "y": 2}\n7\n', "NS705", "line 2: expected a mapping"),
    "no JSON": (flat(), '{"x": 1, "y": 2}\n{"x": True}\n', "NS705", "`t.jsonl` line 2 is no JSON: Expecting value"),
    "cut off": (flat(), '{"x": 1, "y": 2}\n{"x": 1, "y"', "NS705", "line 2 is no JSON"),
    "several lines": (flat(), '{"x": "a",\n"y": 2}\n', "", ""),
    "several objects": (flat(), '{"x": "a", "y": 2} {"x": "a", "y": 2}\n', "", ""),
    "lists": (flat(), '{"x": [1, 2], "y": 2}\n{"x": [1], "y": 2}\n', "", ""),
    "deep": (flat(), '{"x": %s, "y": 2}\n' % ("[" * 100_000), "", ""),
    "many digits": (flat(), '{"x": %s, "y": 2}\n' % ("9" * 10_000), "", ""),
    "no UTF-8": (flat(), '{"x": 1, "y": 2}\n{"x": 1, "z": "\udcff"}\n', "NS705", "line 2 is not UTF-8"),
    "cut in a letter": (flat(), '{"x": 1, "y": 2}\n{"x": 1, "z": "\udcc3', "NS705", "line 2 is not UTF-8"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", LINES.values(), ids=LINES)
def test_lines_of_json(tmp_path: Path, case: tuple[str, str, str, str], packed: bool) -> None:
    model, rows, code, words = case
    raw = rows.encode("utf-8", "surrogateescape")
    name = "t.jsonl.gz" if packed else "t.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(raw) if packed else raw)
    found = said(tmp_path, model, XS.replace("t.jsonl", name))
    assert [each.code for each in found] == ([code] if code else []), found
    assert words.replace("t.jsonl", name) in "\n".join(f"{each.message}\n{each.help}" for each in found)


def test_a_key_that_may_stand_further_down_is_not_missing(tmp_path: Path) -> None:
    rows = '{"y": 1}\n' * 10_001 + '{"x": 1, "y": 1}\n'
    assert said(tmp_path, flat(), XS, t__jsonl=rows) == []
    (found,) = said(tmp_path, flat(), XS, t__jsonl=rows[: 9 * 10_000])
    assert (found.code, found.message) == ("NS702", "`t.jsonl` has no column `x`; it has `y`")


def test_packed_files_that_are_cut_off(tmp_path: Path) -> None:
    rows = b"x,y\n" + b"".join(b"%d,%d\n" % (at, at * at % 10_007) for at in range(40_000))
    zstd = pytest.importorskip("pyarrow")
    for suffix, data in (
        ("gz", gzip.compress(rows)),
        ("bz2", bz2.compress(rows)),
        ("zst", zstd.compress(rows, codec="zstd", asbytes=True)),
        ("zst", zstd.compress(rows, codec="zstd", asbytes=True) * 2),
    ):
        spec = XY.replace("t.csv", f"t.csv.{suffix}")
        (tmp_path / f"t.csv.{suffix}").write_bytes(data)
        assert said(tmp_path, flat(), spec) == [], suffix
        for cut in (len(data) - 3, len(data) * 2 // 3, 30):
            (tmp_path / f"t.csv.{suffix}").write_bytes(data[:cut])
            (found,) = said(tmp_path, flat(), spec)
            assert found.code == "NS705" and f"`t.csv.{suffix}` cannot be unpacked: " in found.message
    (tmp_path / "t.csv.zst").write_bytes(rows)
    (found,) = said(tmp_path, flat(), spec)
    assert found.message == "`t.csv.zst` cannot be unpacked: it is no Zstandard file, or it is damaged"
    for at in range(60):
        (tmp_path / "t.csv.zst").write_bytes(data[:at] + b"\xff" * 9 + data[at:])
        said(tmp_path, flat(), spec)


def test_parts_without_rows_stand_beside_others(tmp_path: Path) -> None:
    some = {"a__csv": "x,y\n", "b__csv": "", "c__csv": "x,y\nred,1\n", "d__csv": "x,y\n\n"}
    data = "{train: {csv: %s}, features: {x: x}, targets: {y: y}}"
    (found,) = said(tmp_path, flat(), data % "['*.csv']", **some)
    assert "`c.csv` row 1 (line 2), column `x`" in found.message
    (found,) = said(tmp_path, flat(), data % "[a.csv, d.csv]")
    assert (found.code, found.message) == ("NS704", "`d.csv` has a header and no rows")
    (found,) = said(tmp_path, flat(), data % "[b.csv, b.csv]")
    assert (found.code, found.message) == ("NS704", "`b.csv` is empty")
    (tmp_path / "c.csv").unlink()
    for name in "efg":
        (tmp_path / f"{name}.csv").write_text("x,y\n")
    (tmp_path / "z.csv").write_text("x,y\n1,2\n")
    assert said(tmp_path, flat(), data % "['*.csv']") == []  # nobody has looked at the last ones


def test_one_mistake_of_the_spec_does_not_make_two(tmp_path: Path) -> None:
    found = said(tmp_path, flat(1, 1, "linear", "msee"), XY, t__csv="x,y\n1,no\n2,yes\n")
    assert [each.code for each in found] == ["NS503"]
    found = said(tmp_path, flat().replace("Dense", "Desne"), XY, t__csv="x,y\n1,no\n2,yes\n")
    assert [each.code for each in found] == ["NS204", "NS711"], "these are two"
    found = said(tmp_path, SPARSE.replace("Dense", "Desne"), XY, t__csv="x,y\n1,7\n2,8\n")
    assert [each.code for each in found] == ["NS204"]


@pytest.mark.parametrize(
    ("name", "model", "code"),
    [
        ("digits", FLAT % ("8, 8, 1", 10, "softmax", "sparse_categorical_crossentropy"), None),
        ("digits", FLAT % (64, 9, "softmax", "sparse_categorical_crossentropy"), "NS710"),
        ("digits", FLAT % (64, 10, "softmax", "categorical_crossentropy"), "NS711"),
        ("digits", FLAT % (64, 1, "sigmoid", "binary_crossentropy"), "NS711"),
        ("cifar10", FLAT % (784, 10, "softmax", "sparse_categorical_crossentropy"), "NS708"),
        ("imdb", POOLED % (80, 100_000), None),
    ],
)
def test_named_data_sets(name: str, model: str, code: str | None, tmp_path: Path) -> None:
    model = model.replace("layers:\n  - Dense", "layers:\n  - Flatten\n  - Dense")
    assert [each.code for each in said(tmp_path, model, f"{{dataset: {name}}}")] == ([code] if code else [])


@pytest.mark.parametrize("separator", ["é", '\\"', "\\n", "\\0"])
def test_what_cannot_separate(tmp_path: Path, separator: str) -> None:
    data = f'{{train: {{csv: t.csv, separator: "{separator}"}}, features: {{x: x}}, targets: {{y: y}}}}'
    assert [each.code for each in said(tmp_path, flat(), data, t__csv="x,y\n1,2\n")] == ["NS709"]


# How far it looks


def test_it_says_how_far_it_looked(tmp_path: Path) -> None:
    rows = "x,y\n" + "1,2\n" * 9_999
    (found,) = said(tmp_path, flat(), XY, t__csv=rows + "red,2\nblue,2\n")
    assert found.notes == ("1 of the first 10,000 rows is like it; fit checks the rest as it reads",)
    assert said(tmp_path, flat(), XY, t__csv=rows + "1,2\nblue,2\nragged\n") == []
    analysis = analyze_text(f"{flat()}data: {XY}\n", folder=str(tmp_path))
    assert [(one.origin, one.rows, one.whole) for one in analysis.looked] == [("`t.csv`", 10_000, False)]
    assert analyze_text(f"{flat()}data: {XY}\n", folder=str(tmp_path), look_at_data=False).looked == ()


def test_it_is_small(tmp_path: Path) -> None:
    names = [f"c{at}" for at in range(20)]
    row = ",".join(["0.12345"] * 19) + ","
    rows = f"{','.join(names)},y\n" + f"{row},1\n" * 10_000
    data = f"{{train: t.csv, features: {{x: {{columns: [{', '.join(names)}]}}}}, targets: {{y: y}}}}"
    (found,) = said(tmp_path, flat(20), data, t__csv=rows)
    assert found.code == "NS704" and "column `c19`: no number in the 10,000 rows" in found.message
    (tmp_path / "t.csv").write_text("x,y\n" + f"1,{'2' * 300}\n" * 200_000)
    assert peak(lambda: analyze_text(f"{flat()}data: {XY}\n", folder=str(tmp_path))) < 20_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"x,y\n1,2\n" + b"3" * 3_000_000 + b",4\n",
        b'x,y\n1,2\n3,"' + b"4\n" * 2_000_000,
        b"x,y\n1,2\n" + b"1" * 200_000 + b"x,4\n",
        b"x,y\n" + b"1 " * 200_000 + b"z,4\n1,2\n",
        b"x,y\n1,2\n\0\0\0,4\n",
        b"x,y\n1,2\n1,4\r\r\r\n",
        b"x,y\n1,2\n\xff\xff,4\n",
        b'x,y\n"' + b'""' * 500_000 + b'",4\n',
    ],
)
@pytest.mark.parametrize("feature", ["{column: x}", "{column: x, sequence: {}}", "{column: x, category: true}"])
def test_any_bytes_end_soon(tmp_path: Path, data: bytes, feature: str) -> None:
    with patience():
        said(tmp_path, flat(), f"{{train: t.csv, features: {{x: {feature}}}, targets: {{y: y}}}}", t__csv=data)


def test_a_file_of_64_million_characters_is_cut(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w") as file:
        file.write("x,y,z\n")
        for _ in range(80):
            file.write(f"1,2,{'z' * 1_000_000}\n")
        file.write("red,2,z\n")
    assert said(tmp_path, flat(), XY) == []
    (looked,) = analyze_text(f"{flat()}data: {XY}\n", folder=str(tmp_path)).looked
    assert not looked.whole and 60 <= looked.rows < 70


def test_test_rows_without_training_rows_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,1\n2,0\n", encoding="utf-8")
    data = "{train: none.csv, test: t.csv, features: {x: x}, targets: {y: y}}"
    assert [each.code for each in said(tmp_path, flat(), data)] == ["NS701"]


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    done: list[Any] = []
    for name in ("t.csv", "/dev/zero", "."):
        data = f"{{train: {{csv: {name}}}, features: {{x: x}}, targets: {{y: y}}}}"
        thread = threading.Thread(target=lambda data=data: done.append(said(tmp_path, flat(), data)), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
        assert {each.code for each in done.pop()} == {"NS705"}
    loop = "{train: loop.csv, features: {x: x}, targets: {y: y}}"
    assert [each.code for each in said(tmp_path, flat(), loop)] in (["NS701"], ["NS705"])


# Arrays, without numpy


def npy(descr: str, shape: tuple[int, ...], data: bytes, fortran: bool = False) -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def npz(folder: Path, way: int = zipfile.ZIP_STORED, **members: bytes) -> str:
    with zipfile.ZipFile(folder / "t.npz", "w", way) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return "{train: t.npz, features: {x: x}, targets: {y: y}}"


LABELS = npy("'<i8'", (3,), struct.pack("<3q", 0, 1, 2))
PIXELS = npy("'|u1'", (3, 4), bytes(12))
ARRAYS: dict[str, tuple[str, dict[str, bytes], str | None, str]] = {
    "sound": (flat(4, 3, "softmax", "sparse_categorical_crossentropy"), {"x": PIXELS, "y": LABELS}, None, ""),
    "labels": (flat(4, 2, "softmax", "sparse_categorical_crossentropy"), {"x": PIXELS, "y": LABELS}, "NS710", "row 3"),
    "big-endian": (
        flat(4, 2, "softmax", "sparse_categorical_crossentropy"),
        {"x": PIXELS, "y": npy("'>i8'", (3,), struct.pack(">3q", 0, 1, 2))},
        "NS710",
        "got `2`",
    ),
    "feature shape": (flat(5), {"x": PIXELS, "y": LABELS}, "NS708", "its feature gives (batch, 4)"),
    "target shape": (flat(4, 2), {"x": PIXELS, "y": LABELS}, "NS706", "(batch, 2)"),
    "one-hot already": (
        flat(4, 3, "softmax", "sparse_categorical_crossentropy"),
        {"x": PIXELS, "y": npy("'<f4'", (3, 3), struct.pack("<9f", *[0] * 9))},
        "NS711",
        "the labels are one-hot already",
    ),
    "not a number": (
        flat(4),
        {"x": npy("'<f4'", (3, 4), struct.pack("<12f", *[1.0] * 11, float("inf"))), "y": LABELS},
        "NS703",
        "row 3, column `x`: expected a finite number",
    ),
    "texts": (
        flat(1),
        {"x": npy("'<U1'", (3,), "abc".encode("utf-32-le")), "y": LABELS},
        "NS703",
        "got `a`",
    ),
    "objects": (flat(4), {"x": npy("'|O'", (3, 4), b"\x80\x04N."), "y": LABELS}, "NS705", "pickled Python objects"),
    "structures": (
        flat(4),
        {"x": npy("[('a', '<f4')]", (3,), bytes(12)), "y": LABELS},
        "NS705",
        "expected numbers or text",
    ),
    "a single value": (flat(4), {"x": npy("'<f4'", (), bytes(4)), "y": LABELS}, "NS705", "a single value"),
    "no rows": (flat(4), {"x": npy("'|u1'", (0, 4), b""), "y": npy("'<i8'", (0,), b"")}, "NS704", "has no rows"),
    "unequal": (flat(4), {"x": npy("'|u1'", (2, 4), bytes(8)), "y": LABELS}, "NS705", "`x` 2, `y` 3"),
    "cut off": (flat(4), {"x": npy("'|u1'", (3, 4), bytes(11)), "y": LABELS}, "NS705", "cut off"),
    "a lie": (flat(4), {"x": npy("'|u1'", (10**15, 4), bytes(11)), "y": LABELS}, "NS705", "cut off"),
    "code": (flat(4), {"x": npy("__import__('os')", (3, 4), bytes(12)), "y": LABELS}, "NS705", "header cannot be read"),
    "brackets": (flat(4), {"x": npy("(" * 9000, (3, 4), bytes(12)), "y": LABELS}, "NS705", "damaged"),
    "bytes": (flat(4), {"x": b"hello", "y": LABELS}, "NS705", "not an NPY array"),
}


@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("case", ARRAYS.values(), ids=ARRAYS)
def test_archives(tmp_path: Path, case: tuple[str, dict[str, bytes], str | None, str], way: int) -> None:
    model, members, code, words = case
    found = said(tmp_path, model, npz(tmp_path, way, **members))
    assert [each.code for each in found] == ([code] if code else []), found
    assert not found or words in f"{found[0].message} {found[0].help}"


@pytest.mark.parametrize("case", ARRAYS.values(), ids=ARRAYS)
def test_single_arrays(tmp_path: Path, case: tuple[str, dict[str, bytes], str | None, str]) -> None:
    model, members, code, _ = case
    for name, data in members.items():
        (tmp_path / f"{name}.npy").write_bytes(data)
    data = "{train: {npy: {x: x.npy, y: y.npy}}, features: {x: x}, targets: {y: y}}"
    assert [each.code for each in said(tmp_path, model, data)] == ([code] if code else [])


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w") as member:
            member.write(npy("'<f4'", (25_000_000, 4), b""))
            for _ in range(400):
                member.write(bytes(1_000_000))
        archive.writestr("y.npy", npy("'|u1'", (25_000_000,), bytes(25_000_000)))
    data = "{train: t.npz, features: {x: x}, targets: {y: y}}"
    assert said(tmp_path, flat(4), data) == []
    assert peak(lambda: said(tmp_path, flat(4), data)) < 20_000_000


def test_a_spec_without_rows_loads_no_reader() -> None:
    code = (
        "import sys; from netspec.pipeline import analyze_text; "
        "analyze_text('inputs: {x: [2]}\\nlayers: [{Dense: 1}]\\n'); "
        "sys.exit(any(name.startswith('netspec.probe') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_validate_says_how_far_it_looked(tmp_path: Path, run: Any) -> None:
    for name, rows in (("long", 10_001), ("short", 10)):
        (tmp_path / f"{name}.csv").write_text("x,y\n" + "1,0\n" * rows, encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(f"{BINARY}data: {{train: {name}.csv}}\n", encoding="utf-8")
    done = run("validate", "long.yaml", "short.yaml", cwd=tmp_path)
    assert done.rc == 0
    assert done.stdout.splitlines() == [
        "2 specs, no problems",
        "looked at the first 10,000 rows of `long.csv`; fit checks the rest as it reads",
    ]
    report = json.loads(run("validate", "long.yaml", "short.yaml", "--format", "json", cwd=tmp_path).stdout)
    assert report["data"] == [
        {"file": "long.yaml", "source": "long.csv", "rows": 10_000, "whole": False},
        {"file": "short.yaml", "source": "short.csv", "rows": 10, "whole": True},
    ]


@pytest.mark.parametrize(
    "feature", ["hash: 9", "category: true", "sequence: {}", "multi_hot: 9", "text: {vocabulary: 9, length: 9}"]
)
def test_a_column_of_nothing_is_mentioned(feature: str, tmp_path: Path) -> None:
    model = "inputs: {x: {shape: [SIZE], dtype: int32}}\nlayers:\n  - Embedding: {input_dim: 9, output_dim: 2}\n"
    model += "  - Flatten\n  - Dense: 1\n    name: y\nlosses: mse\n"
    size = "1" if feature[0] in "hc" else "9"
    data = f"{{train: t.csv, features: {{x: {{column: a, {feature}}}}}, targets: {{y: y}}}}"
    found = said(tmp_path, model.replace("SIZE", size), data, t__csv='a,y\n,1\n" ",2\n,3\n')
    assert [each.code for each in found if "every cell is empty" in each.message] == ["NS703"], found
    full = said(tmp_path, model.replace("SIZE", size), data, t__csv="a,y\n,1\n1,2\n,3\n")
    assert not [each for each in full if "every cell is empty" in each.message]
