"""A mask, and one call of a layer that may meet some: what its rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.types import UNKNOWN, Dim, Shape, TensorType, Unknown

Dims = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask of a known number of axes. `origin` is what its maker put there, and rules hand on."""

    shape: Dims
    origin: Any = field(default=None, compare=False)


Carried = Mask | Unknown | None  # None: no mask; UNKNOWN: a mask or none, and nothing is known of it


class MaskError(Exception):
    """A call that fails when it runs, for this mask. `instead` does the same and looks at no mask."""

    def __init__(self, mask: Mask, message: str, instead: str | None = None) -> None:
        super().__init__(message)
        self.mask, self.message, self.instead = mask, message, instead


@dataclass(slots=True)
class Run:
    """One call of a layer when it runs; `masks` has a place for each tensor of `inputs`.

    A rule sets `sure` to False where Keras may fail and it cannot tell. `inner` runs a nested model.
    """

    cls: str
    args: Mapping[str, Any]
    inputs: Mapping[str, list[TensorType]]
    masks: Mapping[str, list[Carried]]
    arguments: Mapping[str, Any]
    outputs: Sequence[TensorType]
    inner: Callable[[Any, list[Carried]], list[Carried]]
    sure: bool = True

    @property
    def tensors(self) -> list[TensorType]:
        """The tensors of the first argument."""
        return next(iter(self.inputs.values()))

    @property
    def first(self) -> Shape:
        """The shape of the first tensor."""
        return self.tensors[0].shape

    @property
    def attached(self) -> list[Carried]:
        """The masks that the tensors of the first argument carry."""
        return next(iter(self.masks.values()))

    @property
    def used(self) -> list[Carried]:
        """What Keras gives to a layer's `mask` argument.

        The masks that are written, or those that come attached, if no other argument holds a tensor: an LSTM with
        first states gets none.
        """
        if "mask" in self.inputs:
            return self.written("mask")
        return list(self.attached) if len(self.inputs) == 1 else [None] * len(self.attached)

    @property
    def passed(self) -> list[Carried]:
        """What Keras hands to the output of a layer that passes masks on."""
        return self.used if "mask" in self.inputs else list(self.attached)

    def written(self, name: str) -> list[Carried]:
        """The masks that are tensors of the call, by the argument's name."""
        return [mask_of(tensor.shape, tensor.sparse) for tensor in self.inputs[name]]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument of the layer."""
        return self.args.get(name, default)

    def known(self, *masks: Carried) -> Iterator[Mask]:
        """The masks among these; of a call with one of which nothing is known it is not sure that it runs."""
        for mask in masks:
            if isinstance(mask, Unknown):
                self.sure = False
            elif mask is not None:
                yield mask

    def clash(self, mask: Dims, other: Dims, *, stretches: bool = True) -> bool:
        """Whether one can surely not be laid over the other, or, with `stretches` False, not without widening it."""
        found = clash(mask, other, stretches=stretches)
        self.sure = self.sure and found is not None
        return bool(found)

    def wide(self, one: Dims, two: Dims) -> Dims:
        """Two shapes that do not clash, laid over each other."""
        if len(one) < len(two):
            one, two = two, one
        lead = len(one) - len(two)
        made: list[Dim] = list(one[:lead])
        for a, b in zip(one[lead:], two, strict=True):
            made.append(b if a == 1 else a if b == 1 or a == b or b is None else b)
        return tuple(made)


def mask_of(shape: Shape, sparse: bool = False, origin: Any = None) -> Carried:
    """A mask of this shape."""
    return UNKNOWN if isinstance(shape, Unknown) or sparse or not shape else Mask(shape, origin)


def clash(mask: Dims, other: Dims, *, stretches: bool = True) -> bool | None:
    """Whether one can surely not be laid over the other; None where that depends on free sizes.

    >>> clash((None, 12), (None, 12, 6)), clash((None, 5, 1), (None, 5, 6)), clash((None, 6), (None, 6, 6))
    (True, False, None)
    """
    if not stretches and len(mask) > len(other):
        return True
    unsure = False
    for at, (one, two) in enumerate(zip(reversed(mask), reversed(other), strict=False), start=1):
        if one == 1 or (two == 1 and stretches):
            continue
        if isinstance(one, int) and isinstance(two, int):
            if one != two:
                return True
        elif not at == len(mask) == len(other):  # a free size, and not the batch on both sides
            unsure = True
    return None if unsure else False
