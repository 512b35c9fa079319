"""What a call of a layer does with Keras's masks when it runs: which its outputs carry, or why it fails for them.

Equal to Keras, or unknown. Read for a spec in which something makes a mask, and for no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from netspec.catalog import OPS
from netspec.catalog.masks import joins, layers
from netspec.catalog.masks.run import Carried, Mask, MaskError, Run, clash
from netspec.catalog.types import UNKNOWN, TensorType, Unknown

__all__ = ["TAKING", "Carried", "Mask", "MaskError", "Run", "carried", "clash", "makes"]


def makes(cls: str, args: Mapping[str, Any]) -> bool:
    """Whether a layer makes a mask of what it is given.

    >>> makes("Embedding", {"mask_zero": True}), makes("Embedding", {})
    (True, False)
    """
    return cls == "Masking" or (cls in ("Embedding", "ReversibleEmbedding") and bool(args.get("mask_zero")))


def carried(run: Run) -> list[Carried]:
    """The masks of a call's outputs, in order.

    Raises:
        MaskError: Keras fails in this call.
    """
    rule = _RULES.get(run.cls)
    if rule is not None:
        found = rule(run)
    elif run.cls.startswith(OPS):
        found = _operation(run)
    elif run.cls in _KEEPING:
        found = run.passed[:1]
    elif run.cls in _DROPPING or all(mask is None for masks in run.masks.values() for mask in masks):
        found = []
    else:
        found = [UNKNOWN] * len(run.outputs)
    return [*found, *[None] * len(run.outputs)][: len(run.outputs)]


def _time_distributed(run: Run) -> list[Carried]:
    """The mask of its input goes on as it came; the layer inside gets a step of it."""
    dims = run.first
    step: Carried = None
    for mask in run.known(run.used[0]):
        shape = mask.shape
        if isinstance(dims, Unknown):
            run.sure = False
            step = UNKNOWN
            continue
        pairs = zip(shape[:2], dims[:2], strict=False)
        if len(shape) < 2 or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
            raise MaskError(mask, layers.each_step(mask, dims[:2]))
        step = Mask((shape[0], *shape[2:]), mask.origin)
    if isinstance(run.used[0], Unknown):
        step = UNKNOWN
    _inside(run, step, _step(run.tensors[0]), _step(run.outputs[0]), direct=True)
    return run.passed[:1]


def _step(tensor: TensorType) -> TensorType:
    """One step of a tensor."""
    shape = tensor.shape
    return tensor if isinstance(shape, Unknown) else TensorType((shape[0], *shape[2:]), tensor.dtype)


def _spectral_normalization(run: Run) -> list[Carried]:
    """The layer inside is called as any other, and what it gives takes the dtype of the input."""
    found = _inside(run, run.attached[0], run.tensors[0], run.outputs[0], direct=False)
    same = run.tensors[0].dtype == run.outputs[0].dtype
    return found if same or found == [None] else [UNKNOWN]


def _inside(run: Run, mask: Carried, tensor: TensorType, output: TensorType, *, direct: bool) -> list[Carried]:
    """What the layer inside a wrapper gives; `direct` where its `call` is given the mask, and no tensor carries it."""
    layer = run.args["layer"]
    if layer.cls == "Functional":
        return run.inner(layer, [mask])
    within = replace(
        run,
        cls=layer.cls,
        args=layer.args,
        inputs={"inputs": [tensor]},
        masks={"inputs": [None if direct and layer.cls not in TAKING else mask]},
        arguments={},
        outputs=[output],
        sure=True,
    )
    found = carried(within)
    run.sure = run.sure and within.sure
    return found


def _operation(run: Run) -> list[Carried]:
    """Operations know nothing of masks; but what one gives back as it was given still carries its own."""
    if run.cls.removeprefix(OPS) in _NEW:
        return []
    masked = [
        tensor
        for name, tensors in run.inputs.items()
        for tensor, mask in zip(tensors, run.masks[name], strict=True)
        if mask is not None
    ]
    return [UNKNOWN if any(_may_be(tensor, output) for tensor in masked) else None for output in run.outputs]


def _may_be(one: TensorType, two: TensorType) -> bool:
    """Whether two types may be those of one tensor."""
    if one.dtype != two.dtype and UNKNOWN not in (one.dtype, two.dtype):
        return False
    if isinstance(one.shape, Unknown) or isinstance(two.shape, Unknown):
        return True
    same = zip(one.shape, two.shape, strict=False)
    return len(one.shape) == len(two.shape) and all(a == b or None in (a, b) or UNKNOWN in (a, b) for a, b in same)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAKING = _words(
    "LSTM GRU SimpleRNN RNN ConvLSTM1D ConvLSTM2D ConvLSTM3D Bidirectional TimeDistributed BatchNormalization Softmax "
    "GlobalAveragePooling1D"
)
_KEEPING = _words(
    """
    Activation ActivityRegularization AlphaDropout Dense Dropout ELU GaussianDropout GaussianNoise GroupNormalization
    Identity LayerNormalization LeakyReLU PReLU ReLU SpatialDropout1D SpatialDropout2D SpatialDropout3D
    UnitNormalization
    """
)
_DROPPING = _words(
    """
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D CategoryEncoding
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D
    DepthwiseConv1D DepthwiseConv2D Discretization Dot EinsumDense Flatten GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPooling1D MaxPooling2D
    MaxPooling3D Permute RMSNormalization RepeatVector Reshape SeparableConv1D SeparableConv2D UpSampling1D
    UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)
# Operations that give a new tensor, of whatever they are given.
_NEW = _words(
    """
    add subtract multiply divide true_divide power negative exp expm1 log log1p sqrt rsqrt square tanh sigmoid relu
    relu6 gelu silu elu selu softplus softsign leaky_relu softmax log_softmax maximum minimum where matmul einsum
    stop_gradient get_item reshape
    """
)
_RULES: Mapping[str, Callable[[Run], list[Carried]]] = {
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), layers.embedding),
    "Masking": layers.masking,
    **dict.fromkeys(("Rescaling", "Normalization"), layers.data_layer),
    "Softmax": layers.softmax,
    "BatchNormalization": layers.batch_normalization,
    "GlobalAveragePooling1D": layers.pooling,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN"), layers.recurrent),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), layers.recurrent),
    "Bidirectional": layers.bidirectional,
    "TimeDistributed": _time_distributed,
    "SpectralNormalization": _spectral_normalization,
    **dict.fromkeys(("Add", "Subtract", "Average"), joins.merging),
    **dict.fromkeys(("Multiply", "Maximum", "Minimum"), joins.looking),
    "Concatenate": joins.concatenate,
    **dict.fromkeys(("Attention", "AdditiveAttention"), joins.attention),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"), joins.heads),
}
