"""Initializers, regularizers and constraints that do not go with the weight that they are for.

Keras raises when the weight is made, or in the first step of training, which no dry build shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEAST = {"Identity": (2, 2), "Orthogonal": (2, 99), "STFT": (3, 3)}  # axes that the weight must have, from and to
_NORMS = ("MaxNorm", "UnitNorm", "MinMaxNorm")  # each is taken along its `axis`
_VECTORS = frozenset(("bias", "beta", "gamma", "moving_mean", "moving_variance"))
_UNUSED = {"bias": "use_bias", "beta": "center", "gamma": "scale"}
_KERNELS = frozenset(("kernel", "recurrent", "depthwise", "pointwise", "embeddings"))
_HEADS = ("MultiHeadAttention", "GroupQueryAttention")


def cannot_fill(
    cls: str, param: str, made: str, args: Mapping[str, Any], inner: Mapping[str, Any] | None = None
) -> str | None:
    """Why the object `made`, with the arguments `inner`, cannot be `param` of the layer `cls`; None where it can.

    Keras: keras.initializers.Identity takes two axes, Orthogonal two or more, STFT three, keras.initializers.Constant
    a list that the weight's last axis goes with; keras.regularizers.OrthogonalRegularizer takes two axes,
    keras.constraints.MaxNorm and the like an `axis` that the weight has.

    >>> cannot_fill("Conv2D", "kernel_initializer", "Identity", {})
    'fills weights of 2 axes, and this one has 4'
    >>> cannot_fill("Dense", "bias_constraint", "MaxNorm", {}, {"axis": 1})
    'works along axis 1, and this weight has 1 axis'
    >>> cannot_fill("Dense", "kernel_initializer", "Identity", {}) is None
    True
    """
    weight, _, kind = param.rpartition("_")
    inner = inner or {}
    for axes in _axes(cls, weight, args):
        if kind == "initializer" and made in _LEAST:
            least, most = _LEAST[made]
            if not least <= axes <= most:
                return f"fills weights of {least} axes{' or more' if most == 99 else ''}, and this one has {axes}"
        elif kind == "initializer" and made == "Constant":
            size, given = _last(cls, weight, args), _length(inner.get("value"))
            if size is not None and given not in (None, 1, size):
                return f"has {given} values, and the weight's last axis has {size}"
        elif kind == "regularizer" and made == "OrthogonalRegularizer" and axes != 2:
            return f"takes weights of 2 axes, and this one has {axes}"
        elif kind == "constraint" and made in _NORMS:
            along = inner.get("axis", 0)
            along = along if isinstance(along, list) else [along]
            if len({axis % axes for axis in along}) < len(along):
                return f"works along an axis twice, got {along}"
            for axis in along:
                if isinstance(axis, int) and not -axes <= axis < axes:
                    return f"works along axis {axis}, and this weight has {axes} {'axis' if axes == 1 else 'axes'}"
    return None


def needs_one(cls: str, param: str, args: Mapping[str, Any]) -> bool:
    """Whether Keras uses this initializer without a look whether there is one, so that it cannot be null.

    >>> needs_one("LSTM", "bias_initializer", {}), needs_one("GRU", "bias_initializer", {})
    (True, False)
    """
    if cls in _HEADS:
        return param in ("kernel_initializer", "bias_initializer")
    used = args.get("use_bias") is not False and args.get("unit_forget_bias") is not False
    return "LSTM" in cls and param == "bias_initializer" and used


def _axes(cls: str, weight: str, args: Mapping[str, Any]) -> tuple[int, ...]:
    """How many axes the weights of that name have; empty where it is not known, or there is none."""
    unused = _UNUSED.get(weight)
    if unused is not None and args.get(unused) is False:
        return ()
    shape = args.get("output_shape")
    if cls in _HEADS:
        outputs = len(shape) if isinstance(shape, list) else 1
        return {"kernel": (3, 2 + outputs), "bias": (2, outputs)}.get(weight, ())
    if cls == "EinsumDense":
        equation = args.get("equation")
        middle = equation.partition(",")[2].partition("->")[0] if isinstance(equation, str) else ""
        return (len(middle.strip()),) if weight == "kernel" and middle else ()
    if cls == "LayerNormalization":
        axis = args.get("axis")
        return (len(axis),) if isinstance(axis, list) else (1,)
    if weight in _VECTORS:
        return (2,) if cls in ("GRU", "GRUCell") and args.get("reset_after") is not False else (1,)
    if weight in _KERNELS:
        if "Conv" in cls:
            return next(((rank + 2,) for rank in (1, 2, 3) if f"{rank}D" in cls), ())
        return (2,)
    return ()


_GATES = {"Dense": 1, "SimpleRNN": 1, "SimpleRNNCell": 1, "GRU": 3, "GRUCell": 3, "LSTM": 4, "LSTMCell": 4}


def _last(cls: str, weight: str, args: Mapping[str, Any]) -> int | None:
    """The size of the last axis of the weight, None where that is not known."""
    size = args.get("units", args.get("filters"))
    if not isinstance(size, int) or weight not in ("kernel", "recurrent", "bias"):
        return None
    if cls in _GATES and not (weight == "bias" and "LSTM" in cls):  # whose bias is made in pieces
        return size * _GATES[cls]
    if cls in ("Conv1D", "Conv2D", "Conv3D") or (weight == "bias" and cls.endswith("DTranspose")):
        return size
    return None


def _length(value: Any) -> int | None:
    """The length of the innermost lists, None where the value is no list."""
    found = None
    for _ in range(8):
        if not isinstance(value, list) or not value:
            break
        found, value = len(value), value[0]
    return found
