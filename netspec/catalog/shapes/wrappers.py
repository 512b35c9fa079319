"""Shape rules of the layers that hold another layer: TimeDistributed, Bidirectional, SpectralNormalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.catalog.shapes.recurrent import cells_of, state_names
from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    RULES,
    Ask,
    Dims,
    bad_argument,
    differ,
    dims_of,
    need_rank_from,
    quantized,
    rule,
    seen_dtype,
    times,
    total,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, Weights

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")


def _inside(ask: Ask, dims: Dims) -> Inferred:
    """The answer of the wrapped layer for a tensor of this shape."""
    if ask.inner is None:
        return NOTHING_KNOWN
    return ask.inner(ask.args["layer"], (TensorType(dims, seen_dtype(ask, ask.first)),))


# Layers that check their input's rank only when called directly: TimeDistributed goes round that check.
_UNCHECKED = (
    *("Global", "MaxPooling", "AveragePooling", "SpatialDropout", "RepeatVector", "Permute"),
    *("Cropping", "ZeroPadding", "UpSampling"),
)


@rule("TimeDistributed")
def time_distributed(ask: Ask) -> Inferred:
    """The wrapped layer at every step of axis 1, always with the same weights.

    Keras: keras.layers.TimeDistributed.

    >>> inner = lambda layer, tensors: Inferred((TensorType((None, 4)),))
    >>> ask = Ask("TimeDistributed", {"layer": None}, {"inputs": TensorType((None, 9, 8))}, {}, inner)
    >>> time_distributed(ask).outputs[0].shape
    (None, 9, 4)
    """
    dims = need_rank_from(ask, 3)
    try:
        child = _inside(ask, (dims[0], *dims[2:]))
    except ShapeError as error:
        if error.code == "NS402" and str(getattr(ask.args["layer"], "cls", "")).startswith(_UNCHECKED):
            return NOTHING_KNOWN
        raise
    if len(child.outputs) > 1:
        raise bad_argument(ask, "layer", f"it takes a layer with one output, and this one has {len(child.outputs)}")
    shape = child.outputs[0].shape
    if isinstance(shape, Unknown):
        return Inferred((TensorType(UNKNOWN, UNKNOWN),), child.weights)
    weights = Weights(UNKNOWN, UNKNOWN) if quantized(ask) else child.weights
    return Inferred((TensorType((shape[0], dims[1], *shape[1:]), ask.dtype),), weights)


def _one_way(ask: Ask, layer: Any, states: Sequence[TensorType], before: int) -> Inferred:
    """The answer of one direction, which starts from these states; `before` are those of the other that stand first."""
    inputs: dict[str, Any] = {"sequences": ask.first, **({"initial_state": states} if states else {})}
    try:
        return RULES[layer.cls](Ask(layer.cls, layer.args, inputs, {}))
    except ShapeError as error:
        error.inputs = tuple(at and at + before for at in error.inputs)
        raise


def merge_names(args: Any) -> tuple[str, ...]:
    """The names of a Bidirectional's outputs, states included."""
    layer = args["layer"]
    names: tuple[str, ...] = ("output",) if args.get("merge_mode", "concat") is not None else ("forward", "backward")
    if getattr(layer, "cls", None) in RECURRENT and layer.args.get("return_state", False):
        states = state_names(layer.cls, layer.args)
        names += tuple(f"{way}_{state}" for way in ("forward", "backward") for state in states)
    return names


@rule("Bidirectional")
def bidirectional(ask: Ask) -> Inferred:
    """A recurrent layer forwards and a copy of it backwards; `merge_mode` concat doubles the last axis.

    Without a merge mode, both outputs come out on their own; states follow, forward ones first.
    Keras: keras.layers.Bidirectional.

    >>> from types import SimpleNamespace
    >>> layer = SimpleNamespace(cls="LSTM", args={"units": 8})
    >>> x = {"sequences": TensorType((None, 9, 4))}
    >>> bidirectional(Ask("Bidirectional", {"layer": layer}, x, {})).outputs[0].shape
    (None, 16)
    """
    layer, backward = ask.args["layer"], ask.get("backward_layer", None)
    cls = getattr(layer, "cls", None)
    if cls is None or ":" in cls or (cls == "RNN" and cells_of(layer.args) is None):
        return NOTHING_KNOWN
    if cls not in RECURRENT:
        raise bad_argument(ask, "layer", f"only a recurrent layer can run backwards, got `{cls}`")
    args = layer.args
    if backward is not None:
        other_way = getattr(backward, "cls", None)
        if other_way not in RECURRENT:
            if other_way is None:
                return NOTHING_KNOWN
            raise bad_argument(ask, "backward_layer", f"only a recurrent layer can run backwards, got `{other_way}`")
        if bool(args.get("go_backwards", False)) == bool(backward.args.get("go_backwards", False)):
            raise bad_argument(ask, "backward_layer", "one of the two layers must have `go_backwards: true`")
        for flag in ("stateful", "return_sequences", "return_state"):
            if bool(args.get(flag, False)) != bool(backward.args.get(flag, False)):
                raise bad_argument(ask, "backward_layer", f"both layers must have the same `{flag}`")
    elif args.get("go_backwards", False):
        raise bad_argument(ask, "layer", f"the `{cls}` inside must run forwards; leave `go_backwards` out")
    given = ask.inputs.get("initial_state", ())
    states_in = (given,) if isinstance(given, TensorType) else tuple(given)
    half = len(states_in) // 2
    child = _one_way(ask, layer, states_in[:half], 0)
    twin = child
    if backward is not None or states_in:
        twin = _one_way(ask, layer if backward is None else backward, states_in[half:], half)
    weights = Weights(
        total(child.weights.trainable, twin.weights.trainable),
        total(child.weights.non_trainable, twin.weights.non_trainable),
    )
    if isinstance(child.outputs[0].shape, Unknown):
        return NOTHING_KNOWN
    output, *states = (dims_of(tensor) for tensor in child.outputs)
    other = twin.outputs[0].shape
    if not isinstance(other, Unknown) and differ(output[-1], other[-1]):
        said = f"Keras takes both layers to be of one size, got {output[-1]} and {other[-1]}"
        raise bad_argument(ask, "backward_layer", said)
    mode = ask.get("merge_mode", "concat")
    merged: list[Dims] = [output, output] if mode is None else [output]
    if mode == "concat":
        if output[-1] is None:
            raise bad_argument(ask, "merge_mode", "concat doubles the last axis, which has no fixed size here")
        merged = [(*output[:-1], times(output[-1], 2))]
    shapes = [*merged, *states, *states]
    return Inferred(
        tuple(TensorType(shape, ask.dtype) for shape in shapes),
        Weights(UNKNOWN, UNKNOWN) if quantized(ask) else weights,
    )


def _kernel_width(ask: Ask, layer: Any, dims: Dims) -> Dim:
    """The last size of the weight that is normalized."""
    args = layer.args
    if layer.cls == "Dense":
        return int(args["units"])
    if layer.cls in ("Conv1D", "Conv2D", "Conv3D"):
        return int(args["filters"])
    if layer.cls == "Embedding":
        return int(args["output_dim"])
    if layer.cls.startswith("Depthwise"):
        return int(args.get("depth_multiplier", 1))
    first = str(args.get("data_format") or "channels_last").lower() == "channels_first"
    return dims[1 if first else -1]


_WITH_KERNEL = (
    *("Dense", "Embedding", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
)
_KERNEL_TOO = ("EinsumDense", "ReversibleEmbedding", "SpectralNormalization")  # and nothing is known of it here


@rule("SpectralNormalization")
def spectral_normalization(ask: Ask) -> Inferred:
    """The wrapped layer, whose kernel is kept small; one more vector as wide as the kernel, not trained.

    Keras: keras.layers.SpectralNormalization.

    >>> from types import SimpleNamespace
    >>> layer = SimpleNamespace(cls="Dense", args={"units": 8})
    >>> inner = lambda layer, tensors: Inferred((TensorType((None, 8)),), Weights(40))
    >>> x = {"inputs": TensorType((None, 4))}
    >>> spectral_normalization(Ask("SpectralNormalization", {"layer": layer}, x, {}, inner)).weights
    Weights(trainable=40, non_trainable=8)
    """
    layer = ask.args["layer"]
    if ask.get("power_iterations", 1) <= 0:
        raise bad_argument(ask, "power_iterations", "`power_iterations` must be positive")
    if getattr(layer, "cls", None) not in _WITH_KERNEL or layer.args.get("lora_rank") or layer.args.get("dtype"):
        cls = str(getattr(layer, "cls", "EinsumDense"))
        if ":" not in cls and cls not in (*_WITH_KERNEL, *_KERNEL_TOO):
            raise bad_argument(ask, "layer", f"there is no kernel to normalize in `{layer.cls}`")
        return NOTHING_KNOWN
    dims = need_rank_from(ask, 1)
    child = _inside(ask, dims)
    width = _kernel_width(ask, layer, dims)
    extra: int | Unknown = width if isinstance(width, int) else UNKNOWN
    weights = Weights(child.weights.trainable, total(child.weights.non_trainable, extra))
    return Inferred(
        (TensorType(child.outputs[0].shape, ask.dtype),), Weights(UNKNOWN, UNKNOWN) if quantized(ask) else weights
    )
