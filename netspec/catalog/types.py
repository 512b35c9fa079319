"""The type of a tensor as the front half knows it: a shape with the batch first, and a dtype; sizes in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


class _Unknown:
    """What cannot be known statically. Never an error; whatever depends on it is unknown too."""

    _instance: _Unknown | None = None

    def __new__(cls) -> _Unknown:
        cls._instance = cls._instance or super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "unknown"

    def __bool__(self) -> bool:
        raise TypeError("Unknown has no truth value; compare with `is UNKNOWN`")


Unknown = _Unknown
UNKNOWN: Final = _Unknown()

Dim = int | None | Unknown  # a size, a free dimension (Keras's None), or not known
Shape = tuple[Dim, ...] | Unknown

CALL_TENSORS = frozenset(  # arguments of a layer's call that take tensors, by Keras's names
    (
        *("inputs", "sequences", "query", "value", "key", "x", "data", "initial_state", "count_weights"),
        *("mask", "attention_mask", "query_mask", "value_mask", "key_mask"),
    )
)


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape with the batch dimension first, as Keras prints it, and a Keras dtype name."""

    shape: Shape
    dtype: str | Unknown = "float32"
    sparse: bool = False

    def __str__(self) -> str:
        return show(self.shape)


@dataclass(frozen=True, slots=True)
class Weights:
    """How many numbers the layer's weights hold, when the layer itself is trainable, and their bytes."""

    trainable: int | Unknown = 0
    non_trainable: int | Unknown = 0


@dataclass(frozen=True, slots=True)
class Inferred:
    """What one call of a layer gives: its outputs in order, and the weights that a first call creates."""

    outputs: tuple[TensorType, ...]
    weights: Weights = Weights()


class ShapeError(Exception):
    """A call that Keras would refuse.

    `code` is the diagnostic's; `argument` names the constructor argument at fault (None: the inputs);
    `inputs` are the positions, in the order of the flattened inputs, of the tensors at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "NS404",
        argument: str | None = None,
        inputs: tuple[int, ...] = (),
        axis: int | None = None,
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.argument, self.inputs = message, code, argument, inputs
        self.axis, self.help = axis, help


def show(shape: Shape) -> str:
    """A shape as people write it: `(batch, 32, any)`.

    >>> show((None, 32, None))
    '(batch, 32, any)'
    """
    if isinstance(shape, Unknown):
        return "unknown"
    parts = [
        "?" if isinstance(dim, Unknown) else str(dim) if dim is not None else ("batch" if at == 0 else "any")
        for at, dim in enumerate(shape)
    ]
    return "(" + ", ".join(parts) + ")"


def show_bytes(number: int) -> str:
    """A size as people write it.

    >>> show_bytes(20_802_440), show_bytes(512)
    ('20.8 MB', '512 B')
    """
    size = float(min(number, 10**300))  # more does not fit a float
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} PB"
