"""What the front half answers for every layer and operation, found out by asking it about a small spec of each."""

from __future__ import annotations

from collections.abc import Iterator

from netspec import catalog, pipeline
from netspec.catalog import Entry, samples
from netspec.catalog.samples import Answer
from netspec.catalog.types import TensorType, Unknown, Weights
from netspec.graph.ir import Tensor

STEPS = ("layer", "op")


def answers() -> Iterator[Answer]:
    """An answer for everything that can be a step: layers first, then operations, by name."""
    for kind in STEPS:
        for name in catalog.names(kind):
            entry = catalog.find(kind, name)
            found = None if entry is None else answer(entry)
            if found is not None:
                yield found


def answer(entry: Entry) -> Answer | None:
    """What is known of the call in the entry's sample; None for what is no step, or cannot be used.

    >>> found = answer(catalog.find("layer", "Dense"))
    >>> str(found.outputs[0]), found.weights.trainable, found.known
    ('(batch, 64)', 576, 'yes')
    """
    if entry.kind not in STEPS or entry.excluded:
        return None
    analysis = pipeline.analyze_text(samples.spec(entry), look_at_data=False)
    assert analysis.typed is not None, entry.name
    typed, call = analysis.typed, analysis.typed.graph.calls[-1]
    outputs = tuple(typed.types[Tensor(call.name, index)] for index in range(len(call.outputs)))
    weights = typed.weights[id(typed.graph)]
    return Answer(
        entry, tuple(typed.types[each] for each in call.tensors()), outputs, weights, _known(outputs, weights)
    )


def _known(outputs: tuple[TensorType, ...], weights: Weights) -> str:
    shapes = all(not isinstance(each.shape, Unknown) for each in outputs)
    if not shapes or any(isinstance(dim, Unknown) for each in outputs for dim in each.shape):  # type: ignore[union-attr]
        return "no"
    rest = (*(each.dtype for each in outputs), weights.trainable, weights.non_trainable)
    return "partly" if any(isinstance(each, Unknown) for each in rest) else "yes"
