"""Calls of operations, legal and illegal, that their rules are held against: the same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog import Entry, find, names
from netspec.catalog.shapes import covered
from netspec.catalog.types import TensorType

Dims = tuple[int | None, ...]

RULED = sorted(cls for cls in covered() if cls.startswith("ops."))
OTHERS = [name for name in names("op") if name not in covered()]

DTYPES = ("float32",) * 6 + (
    *("int32", "int32", "int64", "bool", "bool", "float16", "bfloat16", "float64"),
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16"),
)
NUMBERS: tuple[Any, ...] = (2, -1, 0.5, 1, True, [1.0, 2.0], [1, 2, 3], [[1], [2]], [True, False])


@dataclass(frozen=True)
class Case:
    """One call of one operation."""

    cls: str
    args: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        tensors = {
            name: [f"{t} {t.dtype}" for t in (value if isinstance(value, list) else [value])]
            for name, value in self.inputs.items()
        }
        return f"{self.cls}({self.args})({tensors})"


def entry(cls: str) -> Entry:
    found = find("op", cls)
    assert found is not None, cls
    return found


def _size(dice: random.Random) -> int | None:
    return dice.choice((None, 1, 2, 3, 4, 4, 6, 8))


def _dims(dice: random.Random, low: int = 0, high: int = 4) -> Dims:
    rank = dice.choice((2, 3, 3, 4, *range(low, high + 1)))
    rank = min(max(rank, low), high)
    return tuple(dice.choice((None, None, 2)) if at == 0 else _size(dice) for at in range(rank))


def _near(dice: random.Random, dims: Dims) -> Dims:
    """A shape that mostly goes with another one."""
    kept = dims[dice.choice((0, 0, 0, 1)) :]
    return tuple(dice.choice((dim,) * 8 + (1, 1, None, 5)) for dim in kept)


def _tensor(dice: random.Random, dims: Dims, *dtypes: str) -> TensorType:
    return TensorType(dims, dice.choice(dtypes or DTYPES))


# What an argument may be, by its name.
PLAIN: dict[str, Callable[[random.Random], Any]] = {
    "axis": lambda dice: dice.choice((0, 1, 1, -1, -1, 2, -2, 3, None, [1], [1, 2], [0, -1], [1, 1])),
    "axes": lambda dice: dice.choice(([1], [0, 1], 1, [0, 2, 1], [1, 0], [0, 1, 2], [0, 3, 1, 2], [2, 1])),
    "axis1": lambda dice: dice.choice((0, 1, -1, 4)),
    "axis2": lambda dice: dice.choice((1, 2, -1, -2)),
    "source": lambda dice: dice.choice((1, 0, -1, [0, 1])),
    "destination": lambda dice: dice.choice((-1, 2, 1, [1, 0])),
    "keepdims": lambda dice: dice.random() < 0.5,
    "dtype": lambda dice: dice.choice(("float32", "float16", "int32", "bool", "uint8", "int64")),
    "newshape": lambda dice: dice.choice(([-1], [-1, 2], [2, -1], [4, 6], [-1, 3, 2], [0, -1], [-1, -1], [-1, 8, 1])),
    "shape": lambda dice: dice.choice(([2, 4], [2, 3, 4], [2, 4, 4, 6], [1], [2, 2])),
    "pad_width": lambda dice: dice.choice((1, [[1, 2]], [[0, 0], [1, 1]], [[0, 0], [1, 2], [0, 3]], [[0, 0]] * 4)),
    "mode": lambda dice: dice.choice(("constant", "reflect", "reduced", "complete")),
    "constant_values": lambda dice: dice.choice((None, 0.5, 2)),
    "repeats": lambda dice: dice.choice((2, 3, [2], [1, 2], [1, 2, 1], [1, 2, 3, 4])),
    "indices_or_sections": lambda dice: dice.choice((2, 2, 3, 4, [1, 2], [2], [1, 3, 9])),
    "num": lambda dice: dice.choice((2, 3, 4)),
    "num_classes": lambda dice: dice.choice((3, 5)),
    "shift": lambda dice: dice.choice((1, -2, [1, 2])),
    "k": lambda dice: dice.choice((1, 2, 5)),
    "n": lambda dice: dice.choice((1, 2, 9)),
    "ord": lambda dice: dice.choice((None, 1, 2, "fro", "nuc", 3)),
    "order": lambda dice: dice.choice((1, 2)),
    "key": lambda dice: dice.choice(
        (0, -1, ":, 0", ":, 1:", ":, :, -1", "0, 0", ":, ::2", ":, -2:", ":,:,:,:,:", ":, 7")
    ),
    "num_segments": lambda dice: dice.choice((2, 3)),
    "full_matrices": lambda dice: dice.random() < 0.5,
    "compute_uv": lambda dice: dice.random() < 0.7,
    "x_min": lambda dice: dice.choice((0, 0.0, -1.5)),
    "x_max": lambda dice: dice.choice((1, 1.0)),
    "size": lambda dice: dice.choice(([8, 9], [3, 3], [1, 1])),
    "data_format": lambda dice: dice.choice(("channels_last", "channels_first")),
    "block_size": lambda dice: dice.choice((2, 2, 3)),
    "pool_size": lambda dice: dice.choice((2, 2, 3, [2], [2, 2], [1, 2])),
    "strides": lambda dice: dice.choice((1, 2, [2], [1, 2])),
    "padding": lambda dice: dice.choice(("valid", "same")),
    "dilation_rate": lambda dice: dice.choice((1, 2)),
    "sparse": lambda dice: dice.random() < 0.2,
    "initial": lambda dice: dice.choice((0, 1.5)),
    "decimals": lambda dice: 2,
    "negative_slope": lambda dice: 0.1,
    "approximate": lambda dice: False,
    "threshold": lambda dice: 0.5,
    "default_value": lambda dice: 0.0,
}


def _plain(dice: random.Random, entry: Entry, tensors: set[str]) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for param in entry.params:
        if param.name not in tensors and param.name in PLAIN and (param.required or dice.random() < 0.55):
            value = PLAIN[param.name](dice)
            if value is not None or not param.required:
                args[param.name] = value
    return args


def _generic(dice: random.Random, entry: Entry) -> Case:
    """Tensors of shapes that mostly go together, and arguments by their names."""
    dims = _dims(dice)
    if entry.name in _IMAGES:
        dims = dice.choice(
            ((None, 8, 8, 3), (None, 8, 9, 3), (None, None, 8, 4), (2, 6, 6, 1), (8, 8, 3), (None, 4, 8, 8), (4, 4))
        )
    if entry.name in _MATRICES:
        dims = dice.choice(((None, 3, 3), (3, 3), (None, 2, 3), (4,), (None, None, 3)))
    inputs: dict[str, Any] = {}
    args: dict[str, Any] = {}
    for at, param in enumerate(entry.call):
        if param.name in entry.lists:
            many = dice.choice((1, 2, 2, 3))
            inputs[param.name] = [_tensor(dice, dims if not n else _near(dice, dims)) for n in range(many)]
        elif at and dice.random() < 0.3:
            args[param.name] = dice.choice(NUMBERS)
        elif at == 0 or param.required or dice.random() < 0.3:
            other = dims if not at else _near(dice, dims)
            if param.name in ("indices", "targets", "segment_ids"):
                inputs[param.name] = _tensor(dice, other, "int32", "int64")
            elif param.name == "condition":
                inputs[param.name] = _tensor(dice, other, "bool")
            elif entry.name in _MATRICES and dice.random() < 0.6:
                inputs[param.name] = TensorType(other)
            else:
                inputs[param.name] = _tensor(dice, other)
    if entry.name in _BROADCASTING and len(inputs) > 1 and dice.random() < 0.1:
        name = entry.call[0].name
        del inputs[name]
        args[name] = dice.choice(NUMBERS)
    return Case(entry.name, args | _plain(dice, entry, {param.name for param in entry.call}), inputs)


_BROADCASTING = frozenset(
    f"ops.{name}" for name in ("add", "subtract", "divide", "power", "maximum", "greater", "where", "arctan2", "mod")
)
_MATRICES = (
    *("ops.qr", "ops.svd", "ops.eig", "ops.eigh", "ops.pinv"),
    *("ops.cholesky", "ops.cholesky_inverse", "ops.inv", "ops.det", "ops.logdet"),
)
_IMAGES = (
    *("ops.image.resize", "ops.image.rgb_to_grayscale", "ops.image.rgb_to_hsv", "ops.image.hsv_to_rgb"),
    *("ops.depth_to_space", "ops.space_to_depth"),
)


def _products(dice: random.Random, entry: Entry) -> Case:
    """Two tensors whose axes mostly meet."""
    a, b, c = (dice.choice((2, 3, 4)) for _ in range(3))
    pairs: tuple[tuple[Dims, Dims], ...] = (
        ((None, a, b), (None, b, c)),
        ((None, a), (a, b)),
        ((None, 4, a, b), (None, 4, b, c)),
        ((None, a, b), (b, c)),
        ((None, a, b), (b,)),
        ((a,), (a,)),
        ((None, a, b), (None, c, a)),
        ((2, a), (None, a)),
        ((None, 1, a, b), (4, b, c)),
        ((), (a, b)),
        ((None, a, None), (None, b, c)),
    )
    one, two = dice.choice(pairs)
    dtype = dice.choice(DTYPES)
    other = dtype if dice.random() < 0.7 else dice.choice(DTYPES)
    args: dict[str, Any] = {}
    if entry.name == "ops.tensordot":
        args = {
            "axes": dice.choice((0, 1, 2, [1, 1], [[1], [0]], [[2], [1]], [[1, 2], [0, 1]], [-1, 0], [[1], [0, 1]]))
        }
        args = args if dice.random() < 0.9 else {}
    return Case(entry.name, args, {"x1": TensorType(one, dtype), "x2": TensorType(two, other)})


def _einsum(dice: random.Random, entry: Entry) -> Case:
    text, shapes = dice.choice(
        (
            ("bij,bjk->bik", [(None, 2, 3), (None, 3, 4)]),
            ("bij,bkj->bik", [(None, 2, 3), (None, 4, 3)]),
            ("bij,bjk->bik", [(None, 2, 3), (None, 4, 4)]),
            ("bi,bj->bij", [(None, 2), (None, 3)]),
            ("bi,ij->bj", [(None, 2), (2, 5)]),
            ("bij->bji", [(None, 2, 3)]),
            ("bij->b", [(None, 2, 3)]),
            ("bhqd,bhkd->bhqk", [(None, 2, None, 4), (None, 2, 5, 4)]),
            ("bi,bi->bi", [(None, 1), (None, 3)]),
            ("bi,bi->bi", [(None, 2), (4, 3)]),
            ("bi,bi,bi->b", [(None, 2), (4, 2), (None, 2)]),
            ("...ij,...jk->...ik", [(None, 2, 3), (None, 3, 4)]),
            ("bij,bjk", [(None, 2, 3), (None, 3, 4)]),
            ("bij,bjk->bik", [(None, 2, 3)]),
            ("bij,bjk->bik", [(None, 2), (None, 3, 4)]),
            ("ab,bc -> ac", [(2, 3), (3, 4)]),
            ("BI,BJ->BIJ", [(None, 2), (None, 3)]),
            ("bi,bi->b", [(None, 2), (None, 3)]),
        )
    )
    dtype = dice.choice(DTYPES)
    tensors = [TensorType(dims, dtype if dice.random() < 0.8 else dice.choice(DTYPES)) for dims in shapes]
    return Case(entry.name, {"subscripts": text}, {"operands": tensors})


def _conv(dice: random.Random, entry: Entry) -> Case:
    rank = dice.choice((1, 2, 2, 3))
    channels = dice.choice((2, 4))
    spatial = [dice.choice((9, 6, None, 2)) for _ in range(rank)]
    first = dice.random() < 0.2
    dims = (None, channels, *spatial) if first else (None, *spatial, channels)
    kernel = (*(dice.choice((1, 2, 3)) for _ in range(rank)), dice.choice((channels,) * 5 + (3, 1)), 6)
    args = _plain(dice, entry, {"inputs", "kernel", "data_format"})
    args.pop("data_format", None)
    args |= {"data_format": "channels_first"} if first else {}
    if dice.random() < 0.05:
        kernel = kernel[1:]
    return Case(entry.name, args, {"inputs": TensorType(dims), "kernel": TensorType(kernel)})


def _pool(dice: random.Random, entry: Entry) -> Case:
    case = _conv(dice, entry)
    return Case(entry.name, case.args, {"inputs": case.inputs["inputs"]})


def _normalization(dice: random.Random, entry: Entry) -> Case:
    size = dice.choice((2, 4))
    dims = dice.choice(((None, size), (None, 3, size), (None, size, 3)))
    own = TensorType((dice.choice((size, size, 3)),))
    args = {"axis": dice.choice((-1, 1, 5))}
    inputs = {"x": TensorType(dims), "mean": own, "variance": TensorType((size,))}
    if dice.random() < 0.4:
        inputs |= {"offset": TensorType((size,)), "scale": TensorType((dice.choice((size, size, 3)),))}
    return Case(entry.name, args, inputs)


def _attention(dice: random.Random, entry: Entry) -> Case:
    dims = dice.choice(((None, 5, 2, 4),) * 3 + ((None, 5, 4), (None, None, 2, 4)))
    dtype = dice.choice(DTYPES)
    return Case(entry.name, {}, {name: TensorType(dims, dtype) for name in ("query", "key", "value")})


def _scaled(dice: random.Random, entry: Entry) -> Case:
    """A normalization with its scales, which have the size of the last axis."""
    size = dice.choice((2, 4))
    inputs = {"x": _tensor(dice, dice.choice(((None, size), (None, 3, size))))}
    inputs |= {param.name: TensorType((size,)) for param in entry.call[1:] if dice.random() < 0.5}
    return Case(entry.name, {"axis": -1} if dice.random() < 0.5 else {}, inputs)


def _reals(dice: random.Random, entry: Entry) -> Case:
    """Images of floats."""
    case = _generic(dice, entry)
    (name, tensor), *_ = case.inputs.items()
    return Case(entry.name, case.args, {name: TensorType(tensor.shape, "float32")}) if dice.random() < 0.8 else case


def _block(dice: random.Random, entry: Entry) -> Case:
    """A block of a tensor, mostly with as many sizes as it has axes."""
    dims = dice.choice(((None, 4), (2, 3, 4), (None, 3, 4, 6)))
    rank = len(dims) if dice.random() < 0.8 else 2
    args = {"start_indices": dice.choice(([0] * rank, [1] * rank)), "shape": dice.choice(([2] * rank, [1] * rank))}
    return Case(entry.name, args, {"inputs": _tensor(dice, dims)})


def _segments(dice: random.Random, entry: Entry) -> Case:
    """Rows and the segment of each."""
    dims = _dims(dice, 1)
    ids = TensorType((dice.choice((dims[0], dims[0], dims[0], 3)),), "int32")
    args = _plain(dice, entry, {"data", "segment_ids"})
    return Case(entry.name, args, {"data": _tensor(dice, dims), "segment_ids": ids})


MAKERS: dict[str, Callable[[random.Random, Entry], Case]] = {
    **dict.fromkeys(("ops.matmul", "ops.dot", "ops.inner", "ops.outer", "ops.tensordot"), _products),
    **dict.fromkeys(("ops.conv", "ops.depthwise_conv"), _conv),
    **dict.fromkeys(("ops.max_pool", "ops.average_pool"), _pool),
    **dict.fromkeys(("ops.layer_normalization", "ops.rms_normalization"), _scaled),
    **dict.fromkeys((f"ops.segment_{name}" for name in ("sum", "max", "min", "prod")), _segments),
    "ops.einsum": _einsum,
    "ops.slice": _block,
    "ops.image.hsv_to_rgb": _reals,
    "ops.image.rgb_to_hsv": _reals,
    "ops.batch_normalization": _normalization,
    "ops.dot_product_attention": _attention,
}


def cases(cls: str, count: int) -> Iterator[Case]:
    """So many calls of an operation; each different one once."""
    dice, seen = random.Random(cls), set()
    for _ in range(count):
        case = MAKERS.get(cls, _generic)(dice, entry(cls))
        if str(case) not in seen:
            seen.add(str(case))
            yield case
