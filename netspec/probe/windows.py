"""Windows over a running text: which tokens train and which are held out, what an output is trained towards.

A window is `length` tokens and the one behind them; none reaches over the end of a file. For validate and for fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspec.catalog.types import TensorType, Unknown
from netspec.catalog.types import show as show_shape
from netspec.language.schema import Data, Feature, Source
from netspec.probe.forms import ONE_HOT, SPARSE, Dims, canonical, dims_of, is_own

MADE = "made"  # the start of a path that means where an output is made
Segment = tuple[int, int]  # the first token and the one behind the last, counted over all files


class Misfit(Exception):
    """A model that cannot be trained on a text: the code and the place for validate, and the way out."""

    def __init__(self, code: str, path: tuple[str | int, ...], message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code, self.path, self.message, self.help = code, path, message, help


@dataclass(frozen=True, slots=True)
class Plan:
    """Which input is a window of how many tokens of which feature; by output, its form and whether it is a sequence."""

    input: str
    feature: Feature
    length: int
    targets: Mapping[str, tuple[str, bool]]  # `classes` or `one_hot`

    @property
    def size(self) -> int:
        """How many token numbers there are; a running text has no vocabulary in a file."""
        text = self.feature.text
        return (text.vocabulary if text is not None else None) or 0


def newlines(text: str) -> str:
    """A text with the ends of lines that a running text is read with.

    >>> newlines("a\\r\\nb\\rc")
    'a\\nb\\nc'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def divided(counts: Sequence[int], fraction: float | None) -> tuple[list[Segment], list[Segment]]:
    """What files of so many tokens train with, and the last part of them, which is held out; no token is in both.

    >>> divided([60, 40], 0.2), divided([6], None)
    (([(0, 60), (60, 80)], [(80, 100)]), ([(0, 6)], []))
    """
    total = sum(counts)
    border = total - round(total * fraction) if fraction else total
    train, held, start = [], [], 0
    for count in counts:
        stop = start + count
        if start < border:
            train.append((start, min(stop, border)))
        if stop > border:
            held.append((max(start, border), stop))
        start = stop
    return train, held


def windows(segments: Sequence[Segment], length: int, stride: int) -> list[int]:
    """How many windows each segment has.

    >>> windows([(0, 41), (41, 81), (81, 125)], 40, 3)
    [1, 0, 2]
    """
    return [max(0, (stop - start - length - 1) // stride + 1) for start, stop in segments]


def step(source: Source, data: Data) -> int:
    """How many tokens one window begins behind the one before: as the source says, else as `train` does, else 1."""
    return source.stride or (data.train.stride if data.train else None) or 1


def too_short(name: str, total: int, segments: Sequence[Segment], plan: Plan, what: str) -> str:
    """What is said of a text, or a part of it, without a window."""
    text = plan.feature.text
    by, longest = text.by if text else "tokens", max((stop - start for start, stop in segments), default=0)
    part = "" if longest == total else f", of which {longest:,} are together"
    return f"`{name}` has {total:,} {by}{part}; {what} takes {plan.length + 1}"


def plan(
    data: Data,
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    losses: Mapping[str, str | Unknown | None],
) -> Plan:
    """How a model is trained on a text. Raises Misfit for one that cannot be."""
    if len(inputs) != 1:
        names = ", ".join(f"`{name}`" for name in inputs)
        raise Misfit("NS707", ("data",), f"a text feeds one input, and the model has {len(inputs)}: {names}")
    ((name, tensor),) = inputs.items()
    feature = data.features.get(name)
    if feature is None or feature.text is None:
        cure = f"for example `features: {{{name}: {{text: {{by: characters, vocabulary: 64}}}}}}`"
        raise Misfit("NS707", ("data",), f"input `{name}` has no feature that says how the text is cut", cure)
    text, dims = feature.text, dims_of(tensor)
    where = ("data", "features", name)
    length = text.length or (dims[0] if dims else None)
    if length is None:
        raise Misfit("NS708", (*where, "text"), f"input `{name}` has no length of its own", "add `length: 40`")
    shape = (length, text.vocabulary) if text.one_hot else (length,)
    if dims is not None and (
        len(dims) != len(shape) or any(d not in (None, n) for d, n in zip(dims, shape, strict=True))
    ):
        cure = "leave out `length`, and the input's own is taken"
        if len(dims) != len(shape):
            cure = "say `one_hot: true`" if len(dims) == 2 else "leave out `one_hot`" if text.one_hot else ""
        elif text.one_hot and dims[1] != text.vocabulary:
            cure = f"make the input [{length}, {text.vocabulary}]"
        said = f"input `{name}` is {show_shape((None, *dims))}, its feature gives {show_shape((None, *shape))}"
        raise Misfit("NS708", where, said, cure or None)
    if tensor.dtype == "string":
        said = f"input `{name}` is string; features are made for numbers and bool"
        raise Misfit("NS708", ("inputs", name), said, "make the input int32")
    targets = {}
    for output, made in outputs.items():
        loss = losses.get(output)
        if isinstance(loss, str):
            targets[output] = _target(output, loss, dims_of(made), length, text.vocabulary or 0)
    return Plan(name, feature, length, targets)


def _target(output: str, loss: str, dims: Dims, length: int, vocabulary: int) -> tuple[str, bool]:
    name = canonical(loss)
    if name != SPARSE and name not in ONE_HOT and not is_own(name):
        cure = "say `sparse_categorical_crossentropy`"
        said = f"output `{output}` is to give the next token, which `{loss}` is not for"
        raise Misfit("NS711", ("losses", output), said, cure)
    form = "one_hot" if name in ONE_HOT else "classes"
    if dims is None:
        return form, False
    shape = show_shape((None, *dims))
    if len(dims) not in (1, 2) or (len(dims) == 2 and dims[0] not in (None, length)):
        cure = f"({vocabulary},) a row for the next token, or ({length}, {vocabulary}) for the sequence shifted by one"
        raise Misfit("NS706", (MADE, output), f"output `{output}` is {shape}, which is no token of the text", cure)
    if dims[-1] != vocabulary:
        said = f"output `{output}` is {shape}, and the vocabulary has {vocabulary} tokens, of which each needs a number"
        raise Misfit("NS706", (MADE, output), said, f"make the last dimension of `{output}` {vocabulary}")
    return form, len(dims) == 2
