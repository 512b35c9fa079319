"""Which form of label each loss takes, and which shapes of rows fit which tensors: for the first look and for fit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netspec.catalog.singly import LOSSES
from netspec.catalog.types import TensorType, Unknown
from netspec.language.schema import Feature

Dims = tuple[int | None, ...] | None  # a shape without the batch dimension; None: not known

WHOLE = frozenset(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"))
CHANNELS = (1, 3, 4)  # of an image: grey, colour, colour and opacity
HEAVIEST = 1e15  # a row's weight, and a class's: their product and a loss stay finite
LARGEST = 3.4028235677973366e38  # from here on a float32 is infinite
SPARSE = "sparsecategoricalcrossentropy"
ALL_CLASSES = "name every class under `classes`, those that no training row has too"
ONE_HOT = frozenset({"categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge", "kldivergence"})
BINARY = frozenset({"binarycrossentropy", "binaryfocalcrossentropy"})
HINGE = frozenset({"hinge", "squaredhinge"})
CLASSES = ONE_HOT | BINARY | HINGE | {SPARSE}


def canonical(loss: str | None) -> str:
    """A loss's name without case and underscores, so that Keras's class and function names are one.

    >>> canonical("sparse_categorical_crossentropy") == canonical("SparseCategoricalCrossentropy")
    True
    """
    return (loss or "").replace("_", "").lower()


def is_own(loss: str) -> bool:
    """Whether a loss is a user's own, so that nothing is known of what labels it takes.

    >>> is_own("mylosses:focal"), is_own("huber")
    (True, False)
    """
    return ":" in loss


_SINGLY = frozenset(map(canonical, LOSSES))


def dims_of(tensor: TensorType) -> Dims:
    """A type's shape without the batch; a size that is not known is as free as Keras's None."""
    if isinstance(tensor.shape, Unknown):
        return None
    return tuple(None if isinstance(dim, Unknown) else dim for dim in tensor.shape[1:])


def fits(shape: Sequence[int], dims: Dims) -> bool:
    """Whether rows of `shape` become rows of `dims` by laying flat, the way back, or axes of one number put in or
    left out. Axes that are merely in another order are a mistake, not a shape to fill.

    >>> fits((28, 28), (784,)), fits((28, 28), (28, 28, 1)), fits((3, 8, 8), (8, 8, 3)), fits((2,), (3,))
    (True, True, False, False)
    """
    if dims is None:
        return True
    if len(shape) == len(dims) and all(want in (None, got) for want, got in zip(dims, shape, strict=True)):
        return True
    if len(shape) > 1 and len(dims) > 1:
        got, want = [n for n in shape if n != 1], [d for d in dims if d != 1]
        if len(got) != len(want) or any(w not in (None, g) for w, g in zip(want, got, strict=True)):
            return False
    free = sum(dim is None for dim in dims)
    have, fixed = math.prod(shape), math.prod(dim for dim in dims if dim is not None)
    return free <= 1 and (have == fixed if free == 0 else have % fixed == 0)


@dataclass(frozen=True, slots=True)
class Listed:
    """How lists of numbers become rows: so many `steps` (None: those of the longest) of `inner` numbers each.

    With `exact`, each row has as many; else it is cut and padded.
    """

    steps: int | None
    inner: tuple[int, ...]
    exact: bool

    @property
    def width(self) -> int:
        """The numbers of a step."""
        return math.prod(self.inner)

    @property
    def last(self) -> int:
        """How many numbers side by side are each normalized by themselves: 1 where all are alike."""
        return self.inner[-1] if self.inner else self.steps if self.exact and self.steps else 1

    def fault(self, count: int) -> str | None:
        """What is wrong with a row of so many numbers.

        >>> Listed(8, (), True).fault(7), Listed(None, (3,), False).fault(7), Listed(2, (2, 2), True).fault(8)
        ('expected 8 numbers, got 7', 'expected 3 numbers for each step, got 7', None)
        """
        if self.exact and count != (wanted := self.width * (self.steps or 0)):
            return f"expected {wanted:,} number{'s' * (wanted != 1)}, got {count:,}"
        if count % self.width:
            return f"expected {self.width} numbers for each step, got {count:,}"
        return None


def listed(dims: Dims, length: int | None) -> Listed | str:
    """How lists become rows of these dimensions, or why they do not.

    >>> listed((None, 3), None), listed((8,), 5)
    (Listed(steps=None, inner=(3,), exact=False), 'it has 8 steps, `length` says 5')
    >>> listed((8, None), None)
    'only the first of its dimensions may be free where `array` makes it'
    """
    if not dims:
        return "`array` makes rows of one dimension or more"
    inner = tuple(dim for dim in dims[1:] if dim is not None)
    if len(inner) < len(dims) - 1:
        return "only the first of its dimensions may be free where `array` makes it"
    if length is not None and dims[0] not in (None, length):
        return f"it has {dims[0]} steps, `length` says {length}"
    return Listed(dims[0] or length, inner, length is None and dims[0] is not None)


def image_size(dims: Dims, channels: int | None) -> tuple[int, int, int] | str:
    """The height, width and channels of the images of an input of these dimensions, or why it takes none.

    >>> image_size((32, 48, 3), None), image_size((28, 28), None)
    ((32, 48, 3), (28, 28, 1))
    >>> image_size((32, 32, 3), 1), image_size((None, None, 3), None)
    ('it has 3 channels, its feature says 1', 'images are scaled to its height and width, which it leaves free')
    """
    if dims is None or len(dims) not in (2, 3):
        return "images need [height, width, channels]"
    height, width = dims[:2]
    if height is None or width is None:
        return "images are scaled to its height and width, which it leaves free"
    own = dims[2] if len(dims) == 3 else 1
    if own is None:
        own = channels or 3
    if channels not in (None, own):
        return f"it has {own} channel{'s' * (own != 1)}, its feature says {channels}"
    if own not in CHANNELS:
        return f"it has {own} channels, images have 1, 3 or 4"
    return height, width, own


def image_problem(feature: Feature, columns: int, whole: bool) -> str | None:
    """Why a feature of images cannot be that of an input, of `whole` numbers or not, whatever its shape."""
    if columns != 1:
        return f"`image` reads one column, got {columns}"
    if whole and feature.normalize:
        return "normalized pixels are not whole, and the input takes whole numbers"
    if whole and not float(feature.rescale or 1.0).is_integer():
        return "rescaled pixels are not whole, and the input takes whole numbers"
    return None


def reads_as_numbers(numbers: int, there: int) -> bool:
    """Whether a text column of labels is one of numbers: at least half of its cells that are there are."""
    return there > 0 and 2 * numbers >= there


def classes_cure(cells: Iterable[str]) -> str:
    """The way out where some labels are numbers and some are words.

    >>> classes_cure(["2", "many", "1", ""])
    'mend the cell; or if every value is a class, list them: `classes: ["1", "2", "many"]`'
    """
    from netspec.probe.cells import number

    def order(cell: str) -> tuple[bool, float, str]:
        value = number(cell)
        return value is None, value or 0.0, cell

    found = sorted({cell.strip() for cell in cells} - {""}, key=order)
    cure = "mend the cell; or if every value is a class, list them"
    if len(found) > 8 or any(len(cell) > 20 or not cell.isprintable() or "`" in cell for cell in found):
        return f"{cure} under `classes`"
    return f"{cure}: `classes: {json.dumps(found, ensure_ascii=False)}`"


def number_cure(cells: Iterable[str]) -> str:
    """The way out where some labels of a loss of numbers are words.

    >>> number_cure(["2", "many", "2"])
    'mend the cell, or leave it empty; if every value is a class, take a loss of classes and list them: \
`classes: ["2", "many"]`'
    """
    found = {cell.strip() for cell in cells} - {""}
    cure = "mend the cell, or leave it empty"
    if not 2 <= len(found) <= 8:
        return cure
    listed_ = classes_cure(found).rpartition("list them")[2]
    return f"{cure}; if every value is a class, take a loss of classes and list them{listed_}"


def numbered(loss: str, form: str, units: int | None) -> tuple[str, ...] | None:
    """The classes of labels that are numbers, in order: none where the labels are no classes, None where not known.

    >>> numbered("binarycrossentropy", "numbers", 1), numbered("hinge", "numbers", 1), numbered(SPARSE, "classes", 3)
    (('0', '1'), ('-1', '1'), ('0', '1', '2'))
    >>> numbered("meansquarederror", "numbers", 1), numbered("binarycrossentropy", "numbers", 2)
    ((), ())
    """
    if form == "numbers" and loss in BINARY | HINGE and units in (1, None):
        return ("0", "1") if loss in BINARY else ("-1", "1")
    if form in ("classes", "one_hot") or (form == "numbers" and loss in ONE_HOT):
        return None if units is None else tuple(map(str, range(units)))
    return ()


def no_class_weights(output: str, form: str, loss: str) -> str:
    """Why an output's labels have no weights by class."""
    if form == "numbers" and loss in BINARY | HINGE:
        return f"output `{output}`: class weights are for one class a row, and its labels are several of yes and no"
    return f"output `{output}`: class weights are for a loss of classes, and its labels are numbers"


def unknown_class(output: str, key: str, known: Sequence[str]) -> tuple[str, str | None]:
    """What is said of a class weight whose class there is not, and the way out."""
    from netspec.catalog.nearest import nearest

    close = nearest(key, known)
    shown = ", ".join(f"`{name}`" for name in known[:20]) + (", …" if len(known) > 20 else "")
    cure = f"did you mean `{close}`?" if close else None
    return f"output `{output}` has no class `{key}` to weigh; its classes are {shown}", cure


def refused(
    output: str,
    columns: int,
    loss: str,
    *,
    multi: bool = False,
    normalize: bool = False,
    steps: bool = False,
    array: bool = False,
) -> str | None:
    """Why a target cannot be of several classes a row, normalized numbers, one class a step or lists of numbers; None
    where it can.
    """
    if array and columns > 1:
        return f"output `{output}`: a list of numbers comes from one column, got {columns}"
    if array and loss == SPARSE:
        return f"output `{output}`: sparse_categorical_crossentropy takes class numbers, the target is lists of numbers"
    if steps and columns > 1:
        return f"output `{output}`: one class a step comes from one column, got {columns}"
    if multi and columns > 1:
        return f"output `{output}`: several classes a row come from one column, got {columns}"
    if multi and loss == SPARSE:
        return f"output `{output}`: sparse_categorical_crossentropy takes one class a row, the target has several"
    if normalize and loss in CLASSES:
        return f"output `{output}`: normalized labels are for a loss of numbers such as `mse`, not for one of classes"
    return None


def masked_singly(form: str, loss: str, dims: Dims) -> bool:
    """Whether labels that are masked are so one by one: several numbers a row, and a loss that looks at each alone.

    >>> masked_singly("numbers", "huber", (3,)), masked_singly("numbers", "kldivergence", (3,))
    (True, False)
    """
    several = dims is not None and (None in dims or math.prod(dim or 1 for dim in dims) > 1)
    return several and form == "numbers" and loss in _SINGLY


def array_refused(output: str, dims: Dims) -> str | None:
    """Why an output is no answer to lists of numbers; None where it is one."""
    if dims and None not in dims:
        return None
    return f"output `{output}`: `array` needs an output whose dimensions are known"


def steps_refused(
    output: str, form: str, loss: str, dims: Dims, length: int | None
) -> tuple[str, str, str | None] | None:
    """Why an output is no answer to one class a step; None where it is one."""
    if form == "numbers" and loss in ONE_HOT:
        cure = "say `one_hot: true`, or use the loss `sparse_categorical_crossentropy`"
        return "NS711", f"output `{output}`: its loss takes one-hot labels, and the lists hold class numbers", cure
    if dims is None:
        return None
    shown = ", ".join("any" if dim is None else str(dim) for dim in dims)
    if len(dims) != 2 or (form == "numbers" and dims[1] not in (None, 1)):
        wanted = "(batch, steps, 1)" if form == "numbers" else "(batch, steps, classes)"
        return "NS706", f"output `{output}` is (batch, {shown}); one class a step is for {wanted}", None
    if None not in (length, dims[0]) and length != dims[0]:
        said = f"output `{output}` has {dims[0]} steps, `length` says {length}"
        return "NS706", said, "leave out `length`, and the output's own is taken"
    return None
