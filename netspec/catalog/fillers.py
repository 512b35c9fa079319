"""Initializers that cannot fill every weight: Keras raises when the weight is made, which no dry build shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEAST = {"Identity": (2, 2), "Orthogonal": (2, 99)}  # axes that the weight must have, from and to
_VECTORS = frozenset(
    f"{name}_initializer" for name in ("bias", "beta", "gamma", "moving_mean", "moving_variance", "renorm_mean")
)
_SKIPPED = ("EinsumDense", "LayerNormalization", "MultiHeadAttention", "GroupQueryAttention", "Bidirectional")
_KERNELS = frozenset(f"{name}_initializer" for name in ("kernel", "recurrent", "depthwise", "pointwise"))


def cannot_fill(cls: str, param: str, initializer: str, args: Mapping[str, Any]) -> str | None:
    """Why this initializer cannot fill the weight that `param` of the layer `cls` is for; None where it can.

    Keras: keras.initializers.Identity takes two axes, keras.initializers.Orthogonal two or more.

    >>> cannot_fill("Conv2D", "kernel_initializer", "Identity", {})
    'fills weights of 2 axes, and this one has 4'
    >>> cannot_fill("Dense", "kernel_initializer", "Identity", {}) is None
    True
    """
    if initializer not in _LEAST or cls in _SKIPPED:
        return None
    least, most = _LEAST[initializer]
    axes = _axes(cls, param, args)
    if axes is None or least <= axes <= most:
        return None
    return f"fills weights of {least} axes{' or more' if most > least else ''}, and this one has {axes}"


def _axes(cls: str, param: str, args: Mapping[str, Any]) -> int | None:
    """How many axes the weight has; None where it is not known or not made."""
    if param in _VECTORS:
        unused = {"bias_initializer": "use_bias", "beta_initializer": "center", "gamma_initializer": "scale"}.get(param)
        if unused is not None and args.get(unused) is False:
            return None
        return 2 if cls == "GRU" and args.get("reset_after") is not False else 1
    if param in _KERNELS and "Conv" in cls:
        return next((rank + 2 for rank in (1, 2, 3) if f"{rank}D" in cls), None)
    return None
