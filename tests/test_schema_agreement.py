"""One verdict: what `validate` refuses by a code that a schema can express the schema refuses, and nothing else."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError
from random_specs import text as random_spec
from test_schema import GOLDEN, SPECS, VALIDATOR, document_of, leaf_paths, passes

from netspec.diagnostics import ERROR, Diagnostic
from netspec.language.document import Document
from netspec.pipeline import analyze_text

# What no schema can say: codes that must leave it silent, by how they begin, and why.
INEXPRESSIBLE = {
    "NS102": "a parser keeps one of two equal keys, so the schema never sees the other",
    "NS211": "an override is not in the file",
    "NS218": "comments are not data",
    "NS219": "comments are not data",
    "NS301": "names span the file",
    "NS302": "names span the file",
    "NS303": "names span the file",
    "NS304": "how many outputs a step has is known once it is inferred",
    "NS305": "how many inputs there are stands elsewhere",
    "NS4": "shapes and dtypes are inferred",
    "NS501": "names span the file",
    "NS509": "what is logged follows from losses and metrics",
    "NS51": "training is checked over the whole model",
    "NS52": "training is checked over the whole model",
    "NS53": "training is checked over the whole model",
    "NS6": "sizes are inferred",
    "NS70": "data is looked at",
    "NS71": "data is looked at",
}
SOMETIMES = {
    "NS209": "a metric's name is refused if it stands for something else in the log",
    "NS210": "what a variable stands for is known where it is declared, how it is written everywhere",
    "NS308": "which step an output is, is known once names are looked up",
    "NS309": "what a layer takes is known once its inputs are",
    "NS310": "what may be repeated is known once its outputs are",
    "NS313": "names span the file; an operation inside a layer is refused by its name",
}
EXPRESSIBLE = {"NS503", "NS507", "NS508", "NS510", "NS709"}
# Mistakes of codes that a schema can otherwise express, by file and line.
BEYOND = {
    ("ns206-bad-values", 5): "`64.0` is a whole number in JSON",
    ("ns206-policy-of-layer", 4): "the dtype stands elsewhere",
    ("ns206-policy-of-layer", 8): "the dtype stands elsewhere",
    ("ns206-regularizer", 8): "the policy stands elsewhere",
    ("ns206-regularizer", 11): "the policy stands elsewhere",
    ("ns205-optimizers", 37): "what it is laid over stands elsewhere",
    ("ns206-operation", 9): "lists in a list that are not equally long",
    ("ns206-files-of-callbacks", 11): "the other file stands elsewhere",
    **{("ns206-files-of-callbacks", line): "the other argument stands elsewhere" for line in (13, 14, 22)},
    **{("ns206-files-of-callbacks", line): "what is logged stands elsewhere" for line in (15, 16, 19, 20)},
    **{("ns206-files-of-callbacks", line): "how a field is written in a text" for line in (17, 18)},
}


def expressible(code: str) -> bool:
    return code in EXPRESSIBLE or (code not in SOMETIMES and not any(code.startswith(each) for each in INEXPRESSIBLE))


def errors(text: str | bytes, folder: Path = GOLDEN) -> list[Diagnostic]:
    return [each for each in analyze_text(text, folder=str(folder)).diagnostics if each.severity == ERROR]


# where the schema's errors are


def leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors at the bottom of one error, those of all alternatives."""
    if not error.context:
        yield error
    for each in error.context or ():
        yield from leaves(each)


def likeliest(error: ValidationError) -> list[ValidationError]:
    """The errors that the alternative has which was meant: the one that reaches deepest into the spec."""
    if not error.context:
        return [error]
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context:
        branches.setdefault(each.schema_path[0], []).append(each)

    def depth(branch: list[ValidationError]) -> tuple[int, int]:
        return max(len(leaf.absolute_path) for each in branch for leaf in leaves(each)), -len(branch)

    return [leaf for each in max(branches.values(), key=depth) for leaf in likeliest(each)]


def lines(document: Document, error: ValidationError) -> set[int]:
    """The lines that an error is about."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return {document.locate((*path, key), key=True).line for key in error.instance if key not in known}
    if "propertyNames" in error.absolute_schema_path:
        return {document.locate((*path, error.instance), key=True).line}
    place = document.locate(path)
    whole = range(place.line, place.end_line + 1) if error.validator == "const" else ()
    return {document.locate(path, key=True).line, place.line, *whole}


# random specs


def test_random_specs() -> None:
    verdicts = []
    for number in range(120):
        text = random_spec(number)
        wrong = [each for each in errors(text) if expressible(each.code) and "each of 1, 2, 3" not in each.message]
        assert passes(document_of(text).data) is not bool(wrong), (number, wrong)
        verdicts.append(bool(wrong))
    assert 0 < sum(verdicts) < 60


# golden cases


def parsable() -> list[Path]:
    return [path for path in sorted(GOLDEN.glob("*.yaml")) if document_of(path.read_bytes()).data is not None]


@pytest.mark.parametrize("path", parsable(), ids=lambda path: path.stem)
def test_the_schema_refuses_what_validate_refuses(path: Path) -> None:
    document, said = document_of(path.read_bytes()), errors(path.read_bytes())
    found = list(VALIDATOR.iter_errors(document.data))
    everywhere = {line for error in found for leaf in leaves(error) for line in lines(document, leaf)}
    for mistake in said:
        if expressible(mistake.code) and (path.stem, mistake.place.line) not in BEYOND:
            assert mistake.place.line in everywhere, mistake
    if any(mistake.code == "NS110" for mistake in said):
        return  # not meant to be a spec, so validate says no more
    may = {mistake.place.line for mistake in said if expressible(mistake.code) or mistake.code in SOMETIMES}
    for leaf in (leaf for error in found for leaf in likeliest(error)):
        assert lines(document, leaf) & may, (list(leaf.absolute_path), leaf.message)
    assert bool(found) <= bool(said)


def test_the_tables_of_what_is_beyond_a_schema_are_true() -> None:
    for stem, line in BEYOND:
        text = (GOLDEN / f"{stem}.yaml").read_bytes()
        document = document_of(text)
        assert any(mistake.place.line == line and expressible(mistake.code) for mistake in errors(text))
        found = [leaf for error in VALIDATOR.iter_errors(document.data) for leaf in likeliest(error)]
        assert not any(line in lines(document, leaf) for leaf in found), (stem, line)


# mutated specs

RICH = """
netspec: 1
name: rich
inputs:
  image: {shape: [32, 32, 3], dtype: float32, batch_size: 8}
  words: {shape: [10], dtype: int32}
  facts: [2]
shared:
  enc: {LSTM: {units: 8, kernel_initializer: {HeNormal: {seed: 3}}, recurrent_regularizer: {L1L2: {l1: 0.1, l2: 0.2}}}}
  small:
    inputs: {a: [8]}
    layers: [{Dense: {units: 4, activation: relu, kernel_constraint: {MaxNorm: 2}}}]
layers:
  - Conv2D: {filters: 4, kernel_size: [3, 3], strides: 2, padding: same, activation: relu, kernel_regularizer: l2}
    from: image
  - BatchNormalization
  - MaxPooling2D: 2
  - Dropout: 0.25
  - ops.mean: {axis: [1, 2]}
  - Dense: {units: 8, use_bias: false}
    repeat: 2
    name: fc
  - use: small
    name: img
  - Embedding: {input_dim: 100, output_dim: 8}
    from: words
    name: emb
  - TimeDistributed: {Dense: 8}
  - Bidirectional: {layer: {GRU: {units: 4, return_sequences: true}}, merge_mode: sum}
  - RNN: {cell: [{LSTMCell: 4}, {GRUCell: 8}], return_sequences: true}
  - MultiHeadAttention: {num_heads: 2, key_dim: 4, dropout: 0.1}
    from: {query: emb, value: emb}
    call: {use_causal_mask: true}
  - use: enc
    name: txt
  - ops.tanh
  - Concatenate: {axis: -1}
    from: [img, txt]
    name: both
  - Dense: {units: 3, activation: softmax}
    name: out
  - Dense: {units: 1, activation: sigmoid}
    from: both
    name: aux
outputs: {out: out, aux: aux}
losses:
  out: {loss: {CategoricalCrossentropy: {label_smoothing: 0.1}}, weight: 0.5}
  aux: binary_crossentropy
metrics: {out: [accuracy, {AUC: {name: auc, num_thresholds: 100}}], aux: [mae]}
optimizer:
  SGD:
    learning_rate: {CosineDecay: {initial_learning_rate: 0.01, decay_steps: 1000}}
    momentum: 0.9
    nesterov: true
budget: {parameters: 5M, flops: 1G, memory: 500MB, batch_size: 8}
data:
  train: {csv: none.csv, separator: ";", decimal: ","}
  validation: {fraction: 0.1, by: order}
  test: none.csv
  features:
    image: {column: i, rescale: 0.5, image: {resize: crop, channels: 3}}
    facts: {columns: [a, b], normalize: true, missing: mean}
    words: {column: w, text: {vocabulary: 100, length: 10, padding: pre, lower: true}}
  weight: w
  targets:
    out: {column: l, one_hot: true, class_weights: {0: 1, 2: 3.5}, missing: mask}
    aux: {column: m, classes: [a, b], class_weights: balanced, weight: v, missing: drop}
  augment:
    image: [RandomGrayscale, {RandomFlip: vertical}, {ZeroPadding2D: 2}, {RandomCrop: {height: 32, width: 32}}]
  on_error: skip
fit:
  epochs: 3
  batch_size: 8
  seed: 1
  shuffle: true
  callbacks: [TerminateOnNaN, {EarlyStopping: {patience: 3, monitor: loss, min_delta: 0.1}}]
"""


def mutations(dice: random.Random, data: Any) -> tuple[str, Any] | None:
    """One mistake in a sound spec: a key misspelt or gone, or a value of another type or out of its range."""
    places = [place for place in leaf_paths(data) if place and place[0] != "vars"]
    place = dice.choice(places)
    whole = copy.deepcopy(data)
    parent: Any = whole
    for part in place[:-1]:
        parent = parent[part]
    last = place[-1]
    kind = dice.choice(["rename", "drop", "type", "type", "range"])
    if kind == "rename" and isinstance(parent, dict):
        wrong = dice.choice([last + "x", last[:-1] + "_", last.swapcase(), last[1:] + last[:1]])
        items = [(wrong if key == last else key, value) for key, value in parent.items()]
        parent.clear()
        parent.update(items)
    elif kind == "drop" and isinstance(parent, dict):
        del parent[last]
    elif kind == "type":
        parent[last] = dice.choice([True, "word", 1.5, -1, None, [], {}, [1, "a"], {"word": 1}, "64"])
    elif kind == "range" and isinstance(parent[last], int | float) and not isinstance(parent[last], bool):
        parent[last] = dice.choice([-parent[last], 0, parent[last] * 1000, 10**19, parent[last] + 0.5])
    else:
        return None
    return f"{kind} {place}", whole


# What validate says by a code that a schema can express elsewhere, but not there.
UNSAID = re.compile(r"each of 1, 2, 3|with at most one -1|the largest that fits is")


@pytest.mark.parametrize("path", [None, *SPECS], ids=lambda path: "rich" if path is None else path.stem)
def test_mutated_specs(path: Path | None) -> None:
    text, folder, times = (path.read_bytes(), path.parent, 30) if path else (RICH, GOLDEN, 300)
    data = document_of(text).data
    assert passes(data) and errors(text, folder) == []
    dice = random.Random(0)
    refused = 0
    for _ in range(times):
        made = mutations(dice, data)
        if made is None:
            continue
        what, mutated = made
        text = json.dumps(mutated, ensure_ascii=False)
        said = errors(text, folder)
        wrong = [each for each in said if expressible(each.code) and not UNSAID.search(f"{each.message} {each.help}")]
        found = [leaf.message for error in VALIDATOR.iter_errors(document_of(text).data) for leaf in likeliest(error)]
        assert bool(found) >= bool(wrong), (what, wrong)
        assert bool(found) <= bool(said), (what, found)
        refused += bool(found)
    assert refused > times / 4
