"""What is expected of the arguments of an operation (`ops.mean`), by their names, with exceptions by operation.

A tensor may be a number or a list of numbers in its place; a slice is written as Python writes it, in a text.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from netspec.catalog import OPS, Entry, find, identifiers
from netspec.catalog.dtypes import DTYPES
from netspec.catalog.nearest import nearest, sure
from netspec.catalog.values import (
    KERAS,
    WRONG,
    Fault,
    Rule,
    anything,
    distinct,
    either,
    flag,
    many,
    number,
    one_of,
    text,
    whole,
)

# Operations in which a number stays what it is and gives way to the dtype of the tensor. Elsewhere it is a tensor, too.
_WITH_NUMBERS = """
add allclose arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod full_like gcd greater greater_equal
inner isclose lcm ldexp less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod
multiply nextafter not_equal outer power subtract tensordot true_divide vdot where
"""

Key = int | slice | None

# Names that other libraries have for it.
_ELSEWHERE = {
    **{f"reduce_{name}": name for name in ("all", "any", "max", "mean", "min", "prod", "std", "sum", "logsumexp")},
    **dict.fromkeys(("concat", "cat"), "concatenate"),
    **dict.fromkeys(("clamp", "clip_by_value"), "clip"),
    **dict.fromkeys(("permute", "permute_dimensions"), "transpose"),
    **dict.fromkeys(("bmm", "mm", "batch_dot"), "matmul"),
    "unsqueeze": "expand_dims",
    "l2_normalize": "normalize",
    "gather": "take",
    "unbind": "unstack",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "pow": "power",
    "neg": "negative",
}


def rule(entry: Entry, param: str) -> Rule:
    """The rule for an argument that the operation has.

    >>> from netspec.catalog import find
    >>> rule(find("op", "ops.mean"), "axis").expects, rule(find("op", "ops.add"), "x2").expects
    ('a whole number or a list of whole numbers, each once', 'a number or a list of numbers of one shape')
    """
    name = entry.name.removeprefix(OPS)
    if any(tensor.name == param for tensor in entry.call):
        return _PLACES if param in _OF_PLACES else _TENSOR
    found = _BY_OPERATION.get((name, param)) or _BY_NAME.get(param)
    if found is None:
        known = entry.param(param)
        found = anything() if known is None else _BY_TYPE.get(type(known.default), anything())
    return found


def near(word: str) -> tuple[str | None, str | None]:
    """The operation that a misspelt name means, if any is near: as a guess, and where that is sure.

    >>> near("ops.softmx"), near("resize"), near("tf.reduce_mean"), near("ops.qwertz")
    (('ops.softmax', 'ops.softmax'), ('ops.image.resize', None), ('ops.mean', None), (None, None))
    """
    full: dict[str, str] = {}
    for each in identifiers("op"):
        full.setdefault(each.rpartition(".")[2], each)
    last = word.rpartition(".")[2]
    known = last in _ELSEWHERE
    found = nearest(_ELSEWHERE.get(last, last), full)
    if found is None:
        return None, None
    entry = find("op", full[found])
    name = full[found] if entry is None else entry.name
    plain = name == OPS + found and word.removeprefix("keras.").startswith(OPS)
    return name, name if plain and not known and sure(last, full) == found else None


def slices(key: int | str) -> tuple[Key, ...] | None:
    """The places, ranges and new axes that a key of `ops.get_item` names, None where it is no key.

    >>> slices(":, 1:-1"), slices(0), slices("a")
    ((slice(None, None, None), slice(1, -1, None)), (0,), None)
    """
    if isinstance(key, int):
        return (key,)
    found: list[Key] = []
    for part in key.split(","):
        ends = [end.strip() for end in part.split(":")]
        if len(ends) > 3 or not all(end == "" or end.removeprefix("-").isdecimal() for end in ends):
            return None
        if not all(end.isascii() and len(end) < 18 for end in ends) or ends == [""]:
            return None
        numbers = [int(end) if end else None for end in ends]
        if len(numbers) == 3 and numbers[2] == 0:
            return None
        found.append(numbers[0] if len(numbers) == 1 else slice(*numbers))
    return tuple(found)


def is_constant(operation: str, value: Any) -> bool:
    """Whether a value in place of a tensor becomes one: a list does, and a number where the dtypes would not meet.

    >>> is_constant("ops.add", 0.5), is_constant("ops.take", 0), is_constant("ops.add", [1, 2])
    (False, True, True)
    """
    return value is not None and (isinstance(value, list) or operation.removeprefix(OPS) not in _with_numbers())


@cache
def _with_numbers() -> frozenset[str]:
    return frozenset(_WITH_NUMBERS.split())


def table_shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a number or of lists of numbers; None where the lists are of several lengths.

    >>> table_shape(2), table_shape([[1, 2, 3], [4, 5, 6]]), table_shape([[1], 2])
    ((), (2, 3), None)
    """
    shape: list[int] = []
    level = [value]
    while level and all(isinstance(each, list) for each in level):
        shape.append(len(level[0]))
        if any(len(each) != shape[-1] for each in level):
            return None
        level = [inner for each in level for inner in each]
    return None if any(not isinstance(each, bool | int | float) for each in level) else tuple(shape)


def _is_tensor(value: Any) -> Fault | None:
    if isinstance(value, str):
        return Fault(help=f"tensors go under `from`; `{value[:40]}` is a text")
    shape = table_shape(value)
    if shape is None:
        return Fault(help="the lists in a list must be equally long") if isinstance(value, list) else Fault()
    if 0 in shape:
        return Fault()
    numbers = leaves(value)
    if len({isinstance(each, bool) for each in numbers}) > 1:
        return Fault(help="a list holds numbers, or `true` and `false`, not both")
    if any(each != each for each in numbers):
        return Fault(WRONG)
    if any(isinstance(each, int) and abs(each) > _INT32 for each in numbers):
        return Fault(help=f"the largest that fits is {_INT32}")
    return None


def leaves(value: Any) -> list[Any]:
    """The numbers in lists of numbers."""
    level = [value]
    while level and isinstance(level[0], list):
        level = [inner for each in level for inner in each]
    return level


def _is_count(value: Any, most: int) -> Fault | None:
    return _SIZE.test(value) or (None if value <= most else Fault(WRONG))


def _are_places(value: Any) -> Fault | None:
    return _is_tensor(value) or next((Fault() for each in leaves(value) if type(each) is not int), None)


def _is_key(value: Any) -> Fault | None:
    fits = isinstance(value, int | str) and not isinstance(value, bool) and slices(value) is not None
    return None if fits else Fault(help='such as `0`, or `":, 0"` for the first of each example')


def _increasing(value: Any) -> bool:
    return list(value) != sorted(value)


MOST_OUTPUTS = 10_000  # of one step; nobody names so many
_INT32 = 2**31 - 1  # what Keras makes of whole numbers in a list
_INT = whole(None)
_SIZE = whole(1, origin=WRONG)
_COUNT = whole(0, origin=WRONG)
_PIECES = Rule(
    f"a whole number from 1 to {MOST_OUTPUTS}",
    lambda value: _is_count(value, MOST_OUTPUTS),
    {"type": "integer", "minimum": 1, "maximum": MOST_OUTPUTS},
)
_INTS = many(_INT, "whole numbers")
_AXIS = either(_INT, distinct(_INTS, "each once", lambda value: len({*value}) < len(value), WRONG))
_SIZES = either(_SIZE, many(_SIZE, "whole numbers above 0"))
_SHAPE = many(_COUNT, "sizes", low=0)
_NUMBER = number()
_POSITIVE = number(above=0)
_END = r"(-?[0-9]+)?"
_PART = rf" *(-?[0-9]+|{_END} *: *{_END}( *: *{_END})?) *"
_TABLE = {"type": ["number", "boolean", "array"], "minItems": 1, "items": {"type": ["number", "boolean", "array"]}}
_INDICES = {"type": ["integer", "array"], "minItems": 1, "items": {"type": ["integer", "array"]}}
_KEY = {"type": ["integer", "string"], "pattern": f"^{_PART}(,{_PART})*$"}
_TENSOR = Rule("a number or a list of numbers of one shape", _is_tensor, _TABLE)
_PLACES = Rule("a whole number or a list of whole numbers of one shape", _are_places, _INDICES)
_OF_PLACES = (
    "indices",
    "start_indices",
    "segment_ids",
    "sequence_lengths",
    "target_length",
    "output_length",
    "targets",
)
_FORMAT = one_of("channels_last", "channels_first", folds=True)
_EDGES = ("nearest", "wrap", "mirror", "constant", "reflect")
_RESIZING = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")
_QUANTILES = one_of("linear", "lower", "higher", "midpoint", "nearest")
_DTYPE = one_of(*DTYPES, "int", origin=KERAS)
_WINDOW = one_of("hann", "hamming")
_PAIRS = either(
    _INT, many(either(_INT, many(_INT, "whole numbers", low=1)), "numbers or pairs of numbers, one for each axis")
)
_ONE_MINUS = distinct(many(whole(-1), "sizes", low=0), "with at most one -1", lambda value: list(value).count(-1) > 1)

_ONE_AXIS = """
append argmax argmin argpartition argsort array_split average categorical_crossentropy concatenate cumprod cumsum
diff glu log_softmax multi_hot nanargmax nanargmin nancumprod nancumsum one_hot repeat softmax sort
sparse_categorical_crossentropy sparsemax split stack take take_along_axis trapezoid unstack
"""
_DIAGONALS = "diag diagflat tri tril triu rot90"

_BY_OPERATION: dict[tuple[str, str], Rule] = {
    **{(name, "axis"): _INT for name in _ONE_AXIS.split()},
    **{(name, "axis"): _AXIS for name in ("softmax", "log_softmax")},
    **{(name, "k"): _INT for name in _DIAGONALS.split()},
    **{(name, "padding"): _COUNT for name in ("fold", "unfold")},
    ("broadcast_to", "shape"): _SHAPE,
    ("correlate", "mode"): one_of("valid", "same", "full"),
    ("get_item", "key"): Rule("a place, or a text of places and ranges", _is_key, _KEY),
    ("image.elastic_transform", "alpha"): _NUMBER,
    ("image.elastic_transform", "sigma"): _NUMBER,
    ("image.gaussian_blur", "sigma"): either(_NUMBER, many(_NUMBER, "numbers")),
    ("image.map_coordinates", "order"): whole(0),
    ("image.scale_and_translate", "output_shape"): _SHAPE,
    ("image.scale_and_translate", "method"): one_of(*_RESIZING),
    ("normalize", "order"): _NUMBER,
    ("pad", "mode"): one_of("constant", "reflect", "symmetric", origin=WRONG),
    ("qr", "mode"): one_of("reduced", "complete"),
    ("rot90", "axes"): many(_INT, "axes", count=2),
    ("round", "decimals"): _INT,
    ("scatter_update", "reduction"): one_of("add", "max", "min", "mul"),
    ("slice", "shape"): _SHAPE,
    ("tensordot", "axes"): either(_INT, many(_INTS, "lists of axes", count=2)),
    ("transpose", "axes"): _INTS,
    ("vander", "N"): _SIZE,
}

_BY_NAME: dict[str, Rule] = {
    **dict.fromkeys(("axis", "axes", "source", "destination", "shift"), _AXIS),
    **dict.fromkeys(("axis1", "axis2", "axisa", "axisb", "axisc", "offset"), _INT),
    **dict.fromkeys(("kth", "seed", "mask_index"), _INT),
    "num": _PIECES,
    **dict.fromkeys(("num_classes", "k", "n", "num_segments", "top_paths", "beam_width"), _SIZE),
    **dict.fromkeys(("block_size",), whole(2)),
    **dict.fromkeys(("sequence_length", "sequence_stride", "fft_length", "length", "filter_size"), _SIZE),
    **dict.fromkeys(("kernel_size", "strides", "stride", "pool_size", "dilation_rate", "dilation"), _SIZES),
    **dict.fromkeys(("output_size", "size"), _SIZES),
    **dict.fromkeys(("target_height", "target_width"), _SIZE),
    **{f"{side}_{what}": _COUNT for side in ("top", "left", "bottom", "right") for what in ("cropping", "padding")},
    "minlength": _COUNT,
    "output_padding": either(_COUNT, many(_COUNT, "whole numbers, 0 or more")),
    "padding": one_of("valid", "same", folds=True),
    "data_format": _FORMAT,
    "newshape": _ONE_MINUS,
    "shape": _SHAPE,
    "output_shape": _SHAPE,
    "pad_width": _PAIRS,
    "repeats": either(_COUNT, many(_COUNT, "whole numbers, 0 or more")),
    "indices_or_sections": either(_PIECES, distinct(many(_COUNT, "places"), "in rising order", _increasing)),
    "spatial_dims": _INTS,
    "subscripts": text(),
    "interpolation": one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
    "fill_mode": one_of(*_EDGES),
    "method": _QUANTILES,
    "side": one_of("left", "right"),
    "window": _WINDOW,
    "strategy": one_of("greedy", "beam_search"),
    "ord": either(_NUMBER, one_of("fro", "nuc")),
    "range": many(_NUMBER, "numbers", count=2),
    "bins": _SIZE,
    "dtype": Rule("the name of a dtype, such as `float32`", _DTYPE.test, _DTYPE.form),
    **dict.fromkeys(("x_min", "x_max", "initial", "threshold", "default_value", "max_val", "scale"), _NUMBER),
    **dict.fromkeys(("constant_values", "default", "fill_value", "posinf", "neginf", "beta", "tol", "rcond"), _NUMBER),
    "attn_logits_soft_cap": _POSITIVE,
    "epsilon": number(0),
    "flash_attention": flag(),
}
_BY_TYPE: dict[type, Rule] = {bool: flag(), int: _NUMBER, float: _NUMBER, str: text()}
