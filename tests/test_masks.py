"""Masks against Keras: random graphs are run on numbers, and what fails there is what is refused, and the other way.

NETSPEC_MASKS=5000 is the long run. The specs are those of random_masks; a failure names their numbers.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import pytest
import random_masks
from effort import patience

from netspec import catalog
from netspec.catalog import samples
from netspec.catalog.masks import Carried, Mask, clash
from netspec.catalog.types import Unknown
from netspec.diagnostics import ERROR, Report
from netspec.graph.checks.masks import Masks
from netspec.graph.checks.survey import survey
from netspec.graph.ir import Checked, Tensor, Training, TypedGraph
from netspec.language.schema import Fit
from netspec.pipeline import analyze_text

GRAPHS = int(os.environ.get("NETSPEC_MASKS", "60"))
CHUNKS = 4
LOSSES = {"mse": "MeanSquaredError", "binary_crossentropy": "BinaryCrossentropy"}
BATCH = 7  # no size of any tensor


@dataclass
class Tally:
    """What a run of specs came to."""

    wrong: list[str] = field(default_factory=list)
    taken: int = 0
    refused: int = 0
    unsure: int = 0
    masks: int = 0


def walked(typed: TypedGraph, report: Report) -> tuple[Masks, tuple[Carried, ...]]:
    """A walk over a model, and the masks of its outputs."""
    walk = Masks(survey(typed), report)
    return walk, walk.graph(typed, [None] * len(typed.graph.inputs))


def ran(typed: TypedGraph, loss: str | None = None) -> tuple[str | None, list[tuple[Any, ...] | None]]:
    """What stops Keras in a step as `fit` takes it, on real numbers; else the shapes of the outputs' masks."""
    import keras
    import numpy as np
    import tensorflow as tf

    from netspec.runtime.model import build

    keras.utils.clear_session(free_memory=False)
    checked = Checked(typed.graph.name, typed, Training({}, {}, {}, "sgd"), None, Fit(), ".", {})
    masks: list[tuple[Any, ...] | None] = []
    dice = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = build.lower(checked)
            given = [dice.integers(0, 3, (BATCH, *each.shape[1:])).astype(each.dtype) for each in model.inputs]

            @tf.function(input_signature=[tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in model.inputs])
            def step(*inputs: Any) -> Any:
                made = model(list(inputs) if len(inputs) > 1 else inputs[0], training=True)
                made = made if isinstance(made, dict) else {next(iter(typed.graph.outputs)): made}
                for name in typed.graph.outputs:
                    mask = keras.src.backend.get_keras_mask(made[name])
                    masks.append(None if mask is None else tuple(mask.shape))
                    if loss is not None:
                        score = keras.losses.get({"class_name": loss, "config": {}})
                        score(tf.zeros_like(made[name]), made[name])
                return made

            step(*map(tf.constant, given))
        except Exception as error:  # whatever stops it is Keras's verdict
            return f"{type(error).__name__}: {error}", []
    return None, masks


def agrees(ours: Carried, theirs: tuple[Any, ...] | None) -> bool:
    """Whether a mask is Keras's, or unknown."""
    if isinstance(ours, Unknown):
        return True
    if ours is None or theirs is None:
        return ours is None and theirs is None
    pairs = zip(ours.shape, theirs, strict=False)
    return len(ours.shape) == len(theirs) and all(isinstance(a, Unknown) or None in (a, b) or a == b for a, b in pairs)


def check(seed: int, tally: Tally) -> None:
    """Hold one spec against Keras."""
    text = random_masks.text(seed)
    analysis = analyze_text(text)
    errors = [each for each in analysis.diagnostics if each.severity == ERROR]
    assert {each.code for each in errors} <= {"NS410"} and analysis.typed is not None, errors
    loss = LOSSES.get(json.loads(text).get("losses"))
    failure, theirs = ran(analysis.typed, loss)

    def unsure(mask: Carried, tensor: Tensor) -> bool:
        """Whether it is not known how a loss on an output meets its mask."""
        shape = analysis.typed.types[tensor].shape
        return isinstance(mask, Mask) and (len(mask.shape) >= len(shape) or clash(mask.shape, shape[:-1]) is None)

    if errors:
        tally.refused += 1
        if failure is None:
            tally.wrong.append(f"{seed}: we refuse, Keras runs it: {errors[0].place.line}: {errors[0].message}")
        return
    walk, ours = walked(analysis.typed, Report(analysis.document))
    if not walk.sure or (loss and any(map(unsure, ours, analysis.typed.graph.outputs.values()))):
        tally.unsure += 1
    elif failure is not None:
        tally.wrong.append(f"{seed}: we take it, Keras says {failure[:300]}")
    if failure is None:
        tally.taken += 1
        names = list(analysis.typed.graph.outputs)
        for name, one, other in zip(names, ours, theirs, strict=True):
            tally.masks += isinstance(one, Mask)
            if not agrees(one, other):
                tally.wrong.append(f"{seed}: output {name} carries {one}, Keras says {other}")


@pytest.mark.keras
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_is_refused_is_what_fails(chunk: int) -> None:
    tally = Tally()
    seeds = range(chunk, GRAPHS, CHUNKS)
    for seed in seeds:
        check(seed, tally)
    assert not tally.wrong, f"{len(tally.wrong)} disagreements\n" + "\n".join(tally.wrong[:40])
    assert tally.refused and tally.taken > 0.3 * len(seeds) and tally.masks > 0.3 * len(seeds)
    assert tally.unsure < 0.3 * len(seeds)


def sampled(kind: str, name: str) -> list[str]:
    """Where the masks of one layer or operation are not Keras's, on masks of three shapes."""
    import keras
    import numpy as np
    import tensorflow as tf

    from netspec.runtime.model import build

    entry = catalog.find(kind, name)
    assert entry is not None
    analysis = analyze_text(samples.spec(entry), look_at_data=False)
    typed, wrong = analysis.typed, []
    assert analysis.checked is not None and typed is not None
    keras.utils.clear_session(free_memory=False)
    model = build.lower(analysis.checked)

    def run(cut: int | None) -> tuple[str | None, list[Carried], list[Any]]:
        given: list[Carried] = []
        tensors = []
        for each in model.inputs:
            shape = tuple(BATCH if dim is None else dim for dim in each.shape)
            filled = np.full(shape, "a") if each.dtype == "string" else np.ones(shape, each.dtype)
            tensor = tf.constant(filled)
            masked = cut is not None and each.dtype != "string" and not each.sparse
            size = (*shape[:-1], 3) if cut == 0 else shape[: len(shape) - (cut or 0)]
            if masked and len(size) > 0:
                keras.src.backend.set_keras_mask(tensor, tf.constant(np.ones(size, bool)))
            given.append(Mask((None, *size[1:])) if masked and len(size) > 0 else None)
            tensors.append(tensor)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = model(tensors if len(tensors) > 1 else tensors[0], training=True)
            except Exception as error:  # whatever stops it is Keras's verdict
                return f"{type(error).__name__}: {error}", given, []
        made = [made[each] for each in typed.graph.outputs] if isinstance(made, dict) else [made]
        return None, given, [keras.src.backend.get_keras_mask(each) for each in made]

    if run(None)[0] is not None:
        return []  # it does not take these numbers
    for cut in (1, 2, 0):
        failure, given, theirs = run(cut)
        report = Report(analysis.document)
        walk = Masks(survey(typed), report)
        ours = walk.graph(typed, given)
        if report.diagnostics or (failure is not None and walk.sure):
            if failure is None or not report.diagnostics:
                wrong.append(f"{name} on {given}: {report.diagnostics} here, Keras says {failure}")
        elif failure is None:
            for one, other in zip(ours, theirs, strict=True):
                if not agrees(one, None if other is None else tuple(other.shape)):
                    wrong.append(f"{name} on {given} carries {one}, Keras says {other}")
    return wrong


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["layer", "op"])
def test_every_layer_and_operation(kind: str) -> None:
    entries = [catalog.find(kind, name) for name in catalog.names(kind)]
    names = [each.name for each in entries if each is not None and not each.excluded]
    assert [said for name in dict.fromkeys(names) for said in sampled(kind, name)] == []


WORDS = "inputs: {w: {shape: [2, 12], dtype: int32}}\nlayers:\n"
EMBEDDED = WORDS + "  - Embedding: {input_dim: 50, output_dim: 6, mask_zero: true}\n    name: e\n"
READ = EMBEDDED + "  - TimeDistributed: {LSTM: 4}\n"
FAIL = {
    "recurrent": READ + "  - GRU: 4\n",
    "unrolled": READ + "  - GRU: {units: 12, unroll: true}\n",
    "bidirectional": READ + "  - Bidirectional: {LSTM: 4}\n",
    "batch normalization": READ + "  - BatchNormalization\n",
    "pooling": READ + "  - GlobalAveragePooling1D\n",
    "softmax": EMBEDDED + "  - Softmax: {axis: 2}\n",
    "softmax in a wrapper": EMBEDDED + "  - TimeDistributed: Softmax\n",
    "a step without steps": EMBEDDED
    + "  - TimeDistributed: Flatten\n  - Masking\n  - TimeDistributed: {Reshape: [8, 9]}\n"
    "  - TimeDistributed: {GRU: 3}\n",
    "merging": READ + "    name: r\n  - Multiply:\n    from: [r, r]\n",
    "joining": READ + "    name: r\n  - Reshape: [2, 4]\n    name: d\n  - Concatenate: {axis: 1}\n    from: [r, d]\n",
    "attention": READ + "    name: r\n  - Attention:\n    from: [r, r]\n",
    "heads": READ + "    name: r\n  - MultiHeadAttention: {num_heads: 2, key_dim: 3}\n    from: {query: r, value: r}\n",
    "a loss": READ + "losses: mse\n",
    "a model in a wrapper": EMBEDDED + "  - TimeDistributed:\n      model:\n        inputs: {a: [12, 6]}\n"
    "        layers:\n          - Dense: 3\n          - Softmax\n",
}
PASS = {
    "as wide as the mask": READ.replace("LSTM: 4", "LSTM: 12") + "  - GRU: 12\n",
    "dropped": READ + "  - Reshape: [2, 4]\n  - GRU: 4\n",
    "no mask": READ.replace("mask_zero: true", "mask_zero: false") + "  - GRU: 4\n",
    "in a wrapper": WORDS + "  - TimeDistributed: {Embedding: {input_dim: 50, output_dim: 6, mask_zero: true}}\n"
    "  - TimeDistributed: {LSTM: 4}\n  - GRU: 4\n",
    "in a model of its own": WORDS
    + "  - TimeDistributed:\n      model:\n        inputs: {a: {shape: [12], dtype: int32}}\n"
    "        layers:\n          - Embedding: {input_dim: 50, output_dim: 6, mask_zero: true}\n          - LSTM: 4\n"
    "  - GRU: 4\n",
    "first states": READ + "    name: r\n  - GlobalMaxPooling1D:\n    name: s\n  - GRU: 4\n"
    "    from: {sequences: r, initial_state: s}\n",
    "a mask is gone": READ + "    name: r\n  - Reshape: [2, 4]\n    name: q\n"
    "  - MultiHeadAttention: {num_heads: 2, key_dim: 3}\n    from: {query: q, value: q}\n    name: a\n"
    "  - Add:\n    from: [q, a]\n  - GRU: 4\n",
    "activation": EMBEDDED + "  - Activation: softmax\n",
    "operation": READ + "  - ops.tanh:\n  - GRU: 4\n",
}


def codes(text: str) -> list[str]:
    """The errors of a spec."""
    return [each.code for each in analyze_text(text).diagnostics if each.severity == ERROR]


@pytest.mark.parametrize("name", FAIL)
def test_refused(name: str) -> None:
    assert codes(FAIL[name]) == ["NS410"]


@pytest.mark.parametrize("name", PASS)
def test_taken(name: str) -> None:
    assert codes(PASS[name]) == []


@pytest.mark.keras
def test_keras_agrees_on_these() -> None:
    typed = {name: analyze_text(text).typed for name, text in (FAIL | PASS).items()}
    verdicts = {
        name: ran(part, "MeanSquaredError" if name == "a loss" else None)[0] for name, part in typed.items() if part
    }
    assert {name for name, failure in verdicts.items() if failure is not None} == set(FAIL)


def mendings(text: str) -> list[str]:
    """A spec as each of the cures in its message has it."""
    (found,) = (each for each in analyze_text(text).diagnostics if each.code == "NS410")
    cures, lines, at = found.help or "", text.splitlines(), found.place.line - 1
    indent = re.match(" *", lines[at])
    step = f"{indent[0] if indent else ''}- "
    mended = [text.replace(", mask_zero: true", "").replace("  - Masking\n", "")]
    if instead := re.search(r"`([^`]+)` in its place", cures):
        mended.append("\n".join([*lines[:at], step + instead[1], *lines[at + 1 :]]))
    if front := re.search(r"`([^`]+)` in front of it", cures):
        mended.append("\n".join([*lines[:at], step + front[1], *lines[at:]]))
    if after := re.search(r"`([^`]+)` after `(\w+)`", cures):
        made = lines.index(f"    name: {after[2]}") + 1
        rest = [re.sub(rf"\b{after[2]}\b", "fresh", line) for line in lines[made:]]
        mended.append("\n".join([*lines[:made], f"  - {after[1]}:", "    name: fresh", *rest]).replace("]:\n", "]\n"))
    if end := re.search(r"end in `([^`]+)`", cures):
        mended.append("\n".join([*lines[:at], f"  - {end[1]}", *lines[at:]]))
    return mended


@pytest.mark.parametrize("name", FAIL)
def test_each_cure_cures(name: str) -> None:
    mended = mendings(FAIL[name])
    assert [codes(each) for each in mended] == [[]] * len(mended) and len(mended) > 1


@pytest.mark.keras
def test_keras_runs_what_is_cured() -> None:
    for name in ("recurrent", "softmax", "merging"):
        for each in mendings(FAIL[name]):
            typed = analyze_text(each).typed
            assert typed is not None and ran(typed)[0] is None, each


def test_the_origin_is_told_where_the_mask_comes_from_a_model() -> None:
    text = (
        WORDS + "  - model:\n      inputs: {a: {shape: [2, 12], dtype: int32}}\n      layers:\n"
        "        - Embedding: {input_dim: 50, output_dim: 6, mask_zero: true}\n  - Softmax\n"
    )
    (found,) = (each for each in analyze_text(text).diagnostics if each.code == "NS410")
    assert found.labels[0].place.line == 6 and "line 6" in found.notes[0]


def test_a_long_chain_costs_little() -> None:
    with patience():
        assert codes(EMBEDDED + "  - Dense: 6\n    repeat: 20000\n  - Softmax\n") == ["NS410"]
