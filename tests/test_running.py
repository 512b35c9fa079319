"""`netspec data` of a running text, and of rows that are held out: what it counts is what `fit` trains on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_fence import loaded

from netspec import api
from netspec.render.page import page
from netspec.render.survey import as_json, text
from netspec.runtime.run import splits
from netspec.runtime.run.survey import survey
from netspec.runtime.run.surveyed import Survey

SPEC = """
inputs: {x: {shape: [4], dtype: int32}}
layers:
  - Embedding: {input_dim: 12, output_dim: 2}
  - LSTM: 3
  - Dense: {units: 12, activation: softmax}
    name: y
losses: sparse_categorical_crossentropy
data:
  train: {text: t.txt, stride: 2}
  validation: 0.25
  features: {x: {text: {by: words, vocabulary: 12}}}
fit: {seed: 1}
"""
WORDS = ("the cat sat on a mat and the dog sat on the cat\nso the cat " * 8).split()


def surveyed(folder: Path, spec: str = SPEC, **options: Any) -> Survey:
    (folder / "s.yaml").write_text(spec, encoding="utf-8")
    return survey(api.checked(folder / "s.yaml"), **options)


def test_a_text_is_counted_by_part(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(" ".join(WORDS))
    found = surveyed(tmp_path, rows=2)
    train = WORDS[: len(WORDS) * 3 // 4]
    assert found.text is not None and found.text.by == "words"
    assert found.text.tokens == {"train": len(train), "validation": len(WORDS) - len(train)}
    assert dict(found.text.frequent) == {word: n for word, n in Counter(train).most_common() if word != ""}
    fitted = splits.read(api.checked(tmp_path / "s.yaml"), 1)
    assert fitted.validation is not None
    assert [part.used.rows for part in found.parts] == [fitted.train.rows, fitted.validation.rows]
    first = found.examples[0]
    assert first.cells == {"x": "the cat sat on", "y": "a"}
    assert found.examples[1].cells == {"x": "sat on a mat", "y": "and"}
    said = text(found, ())
    assert "the last 0.25 of `t.txt`, from word" in said and "guessing by frequency alone" in said
    assert "most frequent" in said and "window 2" in said
    assert "Most frequent words" in page(found, ())
    report = json.loads(as_json(found, ()))
    assert report["text"]["parts"]["train"]["tokens"] == len(train) and report["columns"] == {}
    assert report["inputs"]["x"]["known"] == len(set(train))


def test_unknown_tokens_and_one_hot_ones_are_written(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("ab\nab\nab\nab\nabz" * 3)
    spec = SPEC.replace("by: words, vocabulary: 12", "by: characters, vocabulary: 5, one_hot: true")
    spec = spec.replace("{shape: [4], dtype: int32}", "[4, 5]")
    spec = spec.replace("  - Embedding: {input_dim: 12, output_dim: 2}\n", "")
    spec = spec.replace("units: 12", "units: 5").replace("  validation: 0.25\n", "").replace("stride: 2", "stride: 1")
    found = surveyed(tmp_path, spec, rows=11)
    assert found.examples[0].cells == {"x": "ab⏎a", "y": "b"}
    assert found.examples[10].cells["y"] == "\ufffd" and found.text is not None
    assert found.text.unknown["train"] == 3 / 45


def test_the_shipped_text_without_tensorflow() -> None:
    names = loaded(f"import netspec.api; netspec.api.survey({str(ROOT / 'specs/char_lstm.yaml')!r}, rows=1)")
    assert not {"tensorflow", "keras"} & names


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("0.25", "validation: 3 of 12 rows of `train`, drawn by a seeded hash"),
        ("{fraction: 0.25, by: order}", "the last 3 of 12 rows of `train`"),
        ("{fraction: 0.25, by: group, column: g}", "groups by `g`"),
        ("{fraction: 0.25, by: time, column: g}", "`g`"),
        ("{fraction: 0.25, by: stratified, column: g}", "`g`"),
    ],
)
def test_how_rows_were_held_out(said: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,g,y\n" + "".join(f"{at},{at // 4},{at}\n" for at in range(12)))
    spec = "inputs: {x: [1]}\nlayers:\n  - Dense: 1\n    name: y\nlosses: mse\nfit: {seed: 1}\n"
    spec += f"data: {{train: t.csv, validation: {said}}}\n"
    found = surveyed(tmp_path, spec)
    fitted = splits.read(api.checked(tmp_path / "s.yaml"), 1)
    assert fitted.validation is not None
    note = next(line for line in text(found, ()).splitlines() if line.startswith("note: validation"))
    assert words in note and note == f"note: validation: {fitted.validation.notes[0]}"
