"""Random whole specs against Keras: what we take Keras builds alike, what we refuse Keras refuses.

NETSPEC_GRAPHS=10000 is the long run. The specs are those of random_specs; a failure names their numbers.
"""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import random_specs

from netspec.diagnostics import ERROR, Diagnostic
from netspec.graph.ir import Call, Checked, Graph, Tensor, Training, TypedGraph
from netspec.graph.objects import BAD, Objects
from netspec.language.schema import Fit
from netspec.pipeline import Analysis, analyze_text

pytestmark = pytest.mark.keras

GRAPHS = int(os.environ.get("NETSPEC_GRAPHS", "300"))
CHUNKS = 6

# Keras overlooks the last axis of a nested model's input where either side has 1 there; what is declared holds with us.
STRICTER = re.compile(r"^input `.*, 1\)")


@dataclass
class Tally:
    """What a run of specs came to."""

    wrong: list[str] = field(default_factory=list)
    taken: int = 0
    refused: int = 0
    other: int = 0  # a rule of our own language, which Keras knows nothing of
    tensors: int = 0
    unknown: int = 0
    missed: int = 0  # Keras refuses, and we do not know


def lowered(typed: TypedGraph, *, dry: bool = True) -> Any:
    """The model of a graph, whatever we think of it."""
    from netspec.runtime.model import build, exact

    checked = Checked(typed.graph.name, typed, Training({}, {}, {}, "sgd"), None, Fit(), ".", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exact.dry_model(checked) if dry else build.lower(checked)


def refusal(typed: TypedGraph, *, dry: bool) -> str | None:
    """Why Keras refuses a graph: at once, or when a function is traced from it, as `fit` does first of all."""
    import keras

    keras.utils.clear_session(free_memory=False)
    try:
        model = lowered(typed, dry=dry)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keras.src.backend.compute_output_spec(model, model._inputs_struct)
    except Exception as error:  # whatever stops it is Keras's verdict
        return f"{type(error).__name__}: {error}"
    return None


def up_to(typed: TypedGraph, last: Call) -> TypedGraph:
    """The part of a graph that makes one call's outputs, with the calls of the same layer that come before it."""
    graph = typed.graph
    calls = [call for call in graph.calls[: graph.calls.index(last) + 1] if call.layer is last.layer]
    tensors = [Tensor(call.name, index) for call in calls for index in range(len(call.outputs))]
    return replace(typed, graph=replace(graph, outputs={f"out{at}": tensor for at, tensor in enumerate(tensors)}))


def at_fault(typed: TypedGraph, found: Diagnostic, analysis: Analysis) -> TypedGraph:
    """The part of the graph that holds the mistake: the call on its line with what it needs, or all calls."""
    for call in reversed(typed.graph.calls):  # of a step that is repeated, the last
        if found.place.line == analysis.document.locate(call.path).line and not isinstance(call.layer, Graph):
            return up_to(typed, call)
    return with_all_calls(typed)


def with_all_calls(typed: TypedGraph) -> TypedGraph:
    """The graph with every call as an output, in nested models too, so that Keras sees those too that feed nothing."""
    return replace(typed, graph=_widened(typed.graph, {}))


def _widened(graph: Graph, done: dict[int, Graph]) -> Graph:
    if id(graph) not in done:
        calls = tuple(
            replace(call, layer=_widened(call.layer, done)) if isinstance(call.layer, Graph) else call
            for call in graph.calls
        )
        more = {f"out{at}": Tensor(call.name) for at, call in enumerate(calls)}
        done[id(graph)] = replace(graph, calls=calls, outputs={**graph.outputs, **more})
    return done[id(graph)]


def lenient(text: str, patch: pytest.MonkeyPatch) -> TypedGraph:
    """The graph of a spec with its refused arguments left in it, as far as they are plain values."""
    strict = Objects.value

    def value(self: Objects, entry: Any, name: str, raw: Any, path: Any, depth: int = 0, *, bare: bool = False) -> Any:
        made = strict(self, entry, name, raw, path, depth, bare=bare)
        return raw if made is BAD and not isinstance(raw, dict) else made

    with patch.context() as here:
        here.setattr(Objects, "value", value)
        typed = analyze_text(text).typed
    assert typed is not None
    return typed


def check(seed: int, tally: Tally, patch: pytest.MonkeyPatch) -> None:
    """Hold one spec against Keras."""
    import keras
    import keras_graph

    text = random_specs.text(seed)
    analysis = analyze_text(text)
    errors = [each for each in analysis.diagnostics if each.severity == ERROR]
    codes = {each.code for each in errors}
    dry = '"stateful": true' not in text  # the dry build leaves the states out, and what is wrong with them
    if not errors:
        assert analysis.checked is not None
        tally.taken += 1
        typed = analysis.checked.typed
        unknown = sum(keras_graph.unknown(part.types) for part in typed.nested.values())
        keras.utils.clear_session(free_memory=False)
        try:
            wrong = keras_graph.disagreements(typed, lowered(typed))
        except Exception as error:  # what we do not know cannot be refused
            wrong = [] if unknown else [f"Keras refuses: {type(error).__name__}: {error}"]
            tally.missed += 1
        tally.wrong += [f"{seed}: {each}" for each in wrong]
        tally.tensors += sum(len(part.types) for part in typed.nested.values())
        tally.unknown += unknown
    elif all(code[:3] == "NS4" for code in codes):
        tally.refused += 1
        assert analysis.typed is not None
        for each in errors:
            if (
                STRICTER.search(each.message) is None
                and refusal(at_fault(analysis.typed, each, analysis), dry=dry) is None
            ):
                tally.wrong.append(
                    f"{seed}: line {each.place.line}: we refuse, Keras does not: {each.code} {each.message}"
                )
    elif codes <= {"NS206", "NS207"}:
        tally.refused += 1
        if "NS207" not in codes and refusal(with_all_calls(lenient(text, patch)), dry=dry) is None:
            tally.wrong.append(f"{seed}: we refuse, Keras does not: {[f'{e.code} {e.message}' for e in errors]}")
    else:
        tally.other += 1


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_keras_takes_what_we_take_and_refuses_what_we_refuse(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    seeds = range(chunk, GRAPHS, CHUNKS)
    for seed in seeds:
        check(seed, tally, monkeypatch)
    assert not tally.wrong, f"{len(tally.wrong)} disagreements\n" + "\n".join(tally.wrong[:40])
    assert tally.unknown < 0.04 * tally.tensors and tally.missed < 0.04 * tally.taken
    assert tally.taken > 0.35 * len(seeds) and tally.refused > 0.1 * len(seeds) and tally.other < 0.1 * len(seeds)
