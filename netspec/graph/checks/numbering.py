"""Embeddings held against what numbers their rows: features, data sets, lookups, hashes, bins.

From the inputs downwards, through what moves whole numbers without changing them. Sizes are Keras's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.types import TensorType, Unknown
from netspec.diagnostics import Path, Report
from netspec.graph.checks.survey import Survey, worker
from netspec.graph.ir import Call, Graph, LayerDef, Tensor, TypedGraph
from netspec.language.schema import Data
from netspec.language.spec import Spec

_TABLES = frozenset(("Embedding", "ReversibleEmbedding"))
_MOVING = frozenset(
    (
        *("Reshape", "Flatten", "Permute", "Identity", "RepeatVector", "Concatenate", "Masking"),
        *("Cropping1D", "ZeroPadding1D", "ops.reshape", "ops.squeeze", "ops.expand_dims", "ops.transpose"),
        *("ops.cast", "ops.flip", "ops.roll", "ops.concatenate", "ops.stop_gradient"),
    )
)
_MOST_WAYS = 4  # in which one nested model is fed; beyond, nothing is known of its inputs
# Word numbers of Keras's data sets without a limit run higher than this: 88,584 and 30,979 words in their indices.
_WORDS_OF = {"imdb": 88_000, "reuters": 30_000}
_SPECIAL = {"TextVectorization": ("", "[UNK]"), "StringLookup": (None, "[UNK]"), "IntegerLookup": (None, -1)}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Whole numbers from 0 to below `size`: what makes them, and whether all of them surely come."""

    size: int
    said: str
    path: Path
    sure: bool
    cure: str | None = None


_Known = _Numbers | None


@dataclass(slots=True)
class _Forward:
    found: Survey
    report: Report
    done: dict[tuple[int, tuple[_Known, ...]], tuple[_Known, ...]] = field(default_factory=dict)
    ways: dict[int, int] = field(default_factory=dict)

    def graph(self, typed: TypedGraph, inputs: tuple[_Known, ...]) -> tuple[_Known, ...]:
        """What the outputs of a graph hold when its inputs hold this."""
        graph = typed.graph
        if (id(graph), inputs) not in self.done and self.ways.get(id(graph), 0) >= _MOST_WAYS:
            inputs = (None,) * len(inputs)
        key = (id(graph), inputs)
        if key in self.done:
            return self.done[key]
        self.ways[id(graph)] = self.ways.get(id(graph), 0) + 1
        numbers: dict[Tensor, _Known] = {
            Tensor(name): known for name, known in zip(graph.inputs, inputs, strict=True) if known is not None
        }
        for call in graph.calls:
            given = [numbers.get(tensor) for tensor in call.tensors()]
            layer = worker(call)
            if isinstance(layer, Graph):
                nested = self.found.typed.nested.get(id(layer))
                if nested is not None and len(given) == len(layer.inputs):
                    for index, known in enumerate(self.graph(nested, tuple(given))):
                        numbers[Tensor(call.name, index)] = known
                continue
            if layer.cls in _TABLES and given and not call.arguments.get("reverse"):
                self._held_against(layer, given[0])
            made = _made(layer, call, typed) or (_largest(given) if layer.cls in _MOVING else None)
            if made is not None:
                numbers[Tensor(call.name)] = made
        outputs = tuple(numbers.get(tensor) for tensor in graph.outputs.values())
        self.done[key] = outputs
        return outputs

    def _held_against(self, layer: LayerDef, numbers: _Known) -> None:
        rows = layer.args.get("input_dim")
        if numbers is None or not isinstance(rows, int) or isinstance(rows, bool) or rows >= numbers.size:
            return
        message = f"`{layer.cls}` has {_count(rows)}, numbered 0 to {rows - 1}, but {numbers.said}"
        cure = numbers.cure or f"`input_dim: {numbers.size}`"
        self.report.add(
            "NS518",
            (*layer.path, "input_dim"),
            message,
            spans=[(numbers.path, "numbered here")],
            notes=["a number without a row ends training on a CPU, and is all zeros on a GPU"],
            help=cure,
            severity="error" if numbers.sure else None,
        )


def check_numbering(spec: Spec, found: Survey, report: Report) -> None:
    """NS518: an error where rows are surely missing, a warning where it takes as many values as are allowed."""
    graph = found.typed.graph
    inputs = tuple(_of_input(spec.data, name, tuple(graph.inputs)) for name in graph.inputs)
    _Forward(found, report).graph(found.typed, inputs)


def _of_input(data: Data | None, name: str, inputs: Sequence[str]) -> _Known:
    """What an input is fed with."""
    if data is None:
        return None
    feature = data.features.get(name)
    path: Path = ("data", "features", name)
    if feature is not None and feature.text and feature.text.vocabulary and not feature.text.one_hot:
        size = feature.text.vocabulary
        return _Numbers(size, f"the text has up to {size:,} token numbers", (*path, "text", "vocabulary"), False)
    if feature is not None and feature.hash is not None:
        return _Numbers(feature.hash, f"the hashes are numbers below {feature.hash:,}", (*path, "hash"), False)
    if feature is not None and feature.sequence is not None and feature.sequence.vocabulary is not None:
        size = feature.sequence.vocabulary
        return _Numbers(size, f"the sequence has numbers below {size:,}", (*path, "sequence", "vocabulary"), False)
    if feature is None and any(each not in inputs for each in data.features):
        return None  # a feature of another name may be meant, which is said
    if data.dataset not in _WORDS_OF or (feature is None and len(inputs) > 1):
        return None
    if feature is not None and (feature.multi_hot or feature.text or "words" not in feature.names):
        return None
    size = _WORDS_OF[data.dataset]
    cure = "add `sequence: {vocabulary: …}` to the feature, which makes rare words one number"
    where = path if feature is not None else ("data", "dataset")
    return _Numbers(size, f"`{data.dataset}` numbers its words up to {size:,} and more", where, True, cure)


def _made(layer: LayerDef, call: Call, typed: TypedGraph) -> _Known:
    """Whole numbers that a layer makes."""
    cls, args = layer.cls, layer.args
    if cls == "ops.argmax":
        return _argmax(layer, call, typed)
    if args.get("output_mode", "int") != "int" or args.get("invert") is True:
        return None
    if cls in ("Hashing", "HashedCrossing"):
        bins = args.get("num_bins")
        return _numbers(layer, bins, f"`{cls}` makes {bins} bins, 0 to {_top(bins)}", "num_bins", True)
    if cls == "Discretization":
        boundaries, bins = args.get("bin_boundaries"), args.get("num_bins")
        if isinstance(boundaries, list):
            size = len(boundaries) + 1
            said = f"`{cls}` makes {size} bins of {len(boundaries)} boundaries, 0 to {size - 1}"
            return _numbers(layer, size, said, "bin_boundaries", True)
        return _numbers(layer, bins, f"`{cls}` makes {bins} bins, 0 to {_top(bins)}", "num_bins", True)
    if cls not in _SPECIAL:
        return None
    vocabulary, most = args.get("vocabulary"), args.get("max_tokens")
    if isinstance(vocabulary, list):
        special = _special(layer)
        known = vocabulary[len(special) :] if vocabulary[: len(special)] == special else vocabulary
        size = len(known) + len(special)
        said = f"`{cls}` numbers {_words(len(known))} 0 to {size - 1}"
        if special:
            said = f"`{cls}` numbers {_words(len(known))} and {len(special)} special, 0 to {size - 1}"
        return _numbers(layer, size, said, "vocabulary", True)
    return _numbers(layer, most, f"`{cls}` makes up to {most} numbers, 0 to {_top(most)}", "max_tokens", False)


def _special(layer: LayerDef) -> list[Any]:
    """What stands before the vocabulary: the mask token and the unknown ones (Keras: IndexLookup.set_vocabulary)."""
    mask, unknown = _SPECIAL[layer.cls]
    mask = layer.args.get("mask_token", mask)
    unknown = layer.args.get("oov_token", unknown)
    return [mask] * (mask is not None) + [unknown] * int(layer.args.get("num_oov_indices", 1))


def _numbers(layer: LayerDef, size: Any, said: str, argument: str, sure: bool) -> _Known:
    if not isinstance(size, int) or isinstance(size, bool):
        return None
    return _Numbers(size, said, (*layer.path, argument) if argument in layer.args else layer.path, sure)


def _argmax(layer: LayerDef, call: Call, typed: TypedGraph) -> _Known:
    """The place of the largest number along an axis."""
    axis, given = layer.args.get("axis"), typed.types.get(call.tensors()[0], TensorType(()))
    if (
        not isinstance(axis, int)
        or isinstance(given.shape, Unknown)
        or not -len(given.shape) <= axis < len(given.shape)
    ):
        return None
    size = given.shape[axis]
    if not isinstance(size, int):
        return None
    return _Numbers(size, f"`ops.argmax` gives one of {size} places, 0 to {size - 1}", layer.path, True)


def _largest(given: Sequence[_Known]) -> _Known:
    return max((each for each in given if each is not None), key=lambda each: each.size, default=None)


def _top(size: Any) -> Any:
    return size - 1 if isinstance(size, int) else size


def _count(rows: int) -> str:
    return f"{rows:,} row" + "s" * (rows != 1)


def _words(count: int) -> str:
    return f"{count:,} word" + "s" * (count != 1)
