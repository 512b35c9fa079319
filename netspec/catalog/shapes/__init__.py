"""What a call of a Keras layer gives, without Keras: shapes, dtypes and weight counts, or the reason why it is refused.

Every answer is equal to Keras's or unknown. One file per family; `rule.py` says what a rule is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.shapes import (
    attention,
    convolution,
    core,
    elementwise,
    images,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    reshaping,
    wrappers,
)
from netspec.catalog.shapes.again import check_again
from netspec.catalog.shapes.rule import FLOATS, NOTHING_KNOWN, RULES, Ask, Inner, Value, compute_dtype
from netspec.catalog.types import Inferred, ShapeError, TensorType, Unknown, Weights, show

__all__ = ["FAMILIES", "Inner", "Value", "check_again", "covered", "infer", "list_input", "output_names"]

FAMILIES = (
    *(core, convolution, pooling, recurrent, attention),
    *(merging, normalization, reshaping, elementwise, wrappers, preprocessing, images),
)

_LISTS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Concatenate"), (1, None)),
    **dict.fromkeys(("Subtract", "Dot", "HashedCrossing"), (2, 2)),
    **dict.fromkeys(("Attention", "AdditiveAttention"), (2, 3)),
}
_NO_TEXT = """
Activation ActivityRegularization AdditiveAttention Attention Average CategoryEncoding Dot ELU GlobalAveragePooling1D
GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D IntegerLookup
LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MelSpectrogram Multiply ReLU Rescaling
Softmax Subtract UnitNormalization
"""
_NUMERIC = frozenset(_NO_TEXT.split())  # they have no weights, and yet no text goes through
_SCORES = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")


def covered() -> frozenset[str]:
    """The classes, and the operations, that have a rule."""
    _operations()
    return frozenset(RULES)


@cache
def _operations() -> ModuleType:
    """The rules of the operations, read when one is asked for: few specs have any."""
    return import_module("netspec.catalog.shapes.ops")


def infer(
    cls: str,
    args: Mapping[str, Any],
    inputs: Mapping[str, Value],
    call: Mapping[str, Any],
    inner: Inner | None = None,
) -> Inferred:
    """What the layer `cls(**args)`, called on `inputs`, gives, and the weights it creates if this is its first call.

    `inputs` maps call arguments to a tensor or a list of them, the first argument first; `call` holds the plain
    ones. `inner` answers for a wrapped layer. Raises ShapeError where Keras would raise.

    >>> infer("Dense", {"units": 8}, {"inputs": TensorType((None, 4))}, {}).weights.trainable
    40
    """
    if cls.startswith(OPS):
        _operations()
    function = RULES.get(cls)
    answer = NOTHING_KNOWN
    if function is not None and not any(isinstance(tensor.shape, Unknown) for tensor in _flat(inputs)):
        # An argument that is missing or of a wrong type is reported where arguments are checked.
        with suppress(AttributeError, KeyError, TypeError):
            answer = function(Ask(cls, args, inputs, call, inner or infer_inner))
    if answer is not NOTHING_KNOWN:
        answer = _checked(cls, args, inputs, answer)
    if answer is NOTHING_KNOWN:
        weights = Weights() if cls.startswith(OPS) else answer.weights
        return Inferred(answer.outputs * len(output_names(cls, args, call)), weights)
    return answer


def _checked(cls: str, args: Mapping[str, Any], inputs: Mapping[str, Value], answer: Inferred) -> Inferred:
    """The answer, if it can be one: what no rule looks at by itself."""
    dtype = compute_dtype(args.get("dtype"))
    if answer.weights != Weights() and not isinstance(dtype, Unknown) and dtype not in FLOATS:
        return NOTHING_KNOWN  # whether its initializers can fill weights of integers shows only when they are made
    _check_texts(cls, args, _flat(inputs), answer.weights != Weights() and cls != "TimeDistributed")
    for tensor in answer.outputs:
        shape = () if isinstance(tensor.shape, Unknown) else tensor.shape
        if not all(dim is None or isinstance(dim, int | Unknown) for dim in shape):
            return NOTHING_KNOWN
        if any(isinstance(dim, int) and dim < 0 for dim in shape):
            raise ShapeError(f"`{cls}` would give sizes below zero: {show(tensor.shape)}", code="NS405", inputs=(0,))
    return answer


def _check_texts(cls: str, args: Mapping[str, Any], tensors: Sequence[TensorType], weighs: bool) -> None:
    """Refuse texts where numbers are computed with, and numbers where texts are looked up.

    A symbolic call takes both, for it casts; there is no such cast of values.
    """
    texts = tuple(at for at, tensor in enumerate(tensors) if tensor.dtype == "string")
    if texts and (weighs or cls in _NUMERIC or (cls == "StringLookup" and args.get("invert", False))):
        raise ShapeError(
            f"`{cls}` computes with numbers, got a tensor of strings",
            code="NS406",
            inputs=texts,
            help="turn them into numbers first, with `TextVectorization` or `StringLookup`",
        )
    known = [tensor.dtype for tensor in tensors if not isinstance(tensor.dtype, Unknown)]
    if cls in ("Add", "Concatenate") and 0 < len(texts) < len(known):
        raise ShapeError(
            f"`{cls}` cannot bring strings and numbers together",
            code="NS406",
            inputs=texts,
            help="turn the strings into numbers first, with `TextVectorization` or `StringLookup`",
        )
    takes = "string" if cls in ("StringLookup", "TextVectorization") and not args.get("invert", False) else None
    wrong = [dtype for dtype in known if takes == "string" != dtype or (cls == "HashedCrossing" and dtype in FLOATS)]
    if wrong:
        kinds = "strings" if takes else "strings or whole numbers"
        cures = {"StringLookup": "; numbers are looked up by `IntegerLookup`"}
        raise ShapeError(
            f"`{cls}` takes {kinds}, got {wrong[0]}",
            code="NS406",
            inputs=tuple(at for at, tensor in enumerate(tensors) if tensor.dtype == wrong[0]),
            help=f"declare the input with `dtype: {takes or 'int64'}`" + cures.get(cls, ""),
        )


def infer_inner(layer: Any, tensors: Sequence[TensorType]) -> Inferred:
    """The answer for a wrapped layer (anything with `.cls` and `.args`) that is no model of its own."""
    if not hasattr(layer, "cls"):
        return NOTHING_KNOWN
    return infer(layer.cls, layer.args, {"inputs": tensors[0]}, {})


def _flat(inputs: Mapping[str, Value]) -> list[TensorType]:
    tensors: list[TensorType] = []
    for value in inputs.values():
        tensors.extend((value,) if isinstance(value, TensorType) else value)
    return tensors


def output_names(cls: str, args: Mapping[str, Any], call: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a layer's outputs, in order.

    >>> output_names("LSTM", {"units": 8, "return_state": True}, {})
    ('output', 'h', 'c')
    >>> output_names("MultiHeadAttention", {}, {"return_attention_scores": True})
    ('output', 'scores')
    >>> output_names("ops.split", {"indices_or_sections": 3}, {})
    ('0', '1', '2')
    """
    if cls.startswith(OPS):
        names: tuple[str, ...] = _operations().output_names(cls, args)
        return names
    if cls == "Bidirectional":
        return wrappers.merge_names(args)
    if cls in wrappers.RECURRENT and args.get("return_state", False):
        return ("output", *recurrent.state_names(cls, args))
    if cls in _SCORES and call.get("return_attention_scores", False):
        return ("output", "scores")
    return ("output",)


def list_input(cls: str) -> tuple[int, int | None] | None:
    """How many tensors the first call argument's list takes (least, most); None where it is one tensor.

    >>> list_input("Concatenate"), list_input("Attention"), list_input("Dense")
    ((1, None), (2, 3), None)
    """
    return _LISTS.get(cls)
