"""Shape rules of the layers that turn raw values into numbers: codes, hashes, lookups, text, scales, spectrograms."""

from __future__ import annotations

import math
from typing import Any

from netspec.catalog.shapes.convolution import Window, slide
from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    Ask,
    Dims,
    axis_at,
    bad_argument,
    channels_first,
    compute_dtype,
    differ,
    dims_of,
    need_rank,
    need_rank_from,
    need_size,
    one,
    rule,
    size,
    times,
    total,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, Shape, ShapeError, Unknown, show
from netspec.catalog.values import describe


def _mode(ask: Ask, default: str) -> str:
    mode = str(ask.get("output_mode", default))
    return {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)


def _no_sparse_numbers(ask: Ask, mode: str) -> None:
    if mode == "int" and ask.get("sparse", False):
        raise bad_argument(ask, "sparse", "`sparse` needs an `output_mode` other than int")


def _one_hot(dims: Dims, depth: Dim, replaces_one: bool) -> Shape:
    """The shape of a one-hot code: a last axis of size 1 gives way to the code where `replaces_one`."""
    if replaces_one and isinstance(dims[-1], Unknown):
        return UNKNOWN
    return (*dims[:-1], depth) if replaces_one and dims[-1] == 1 else (*dims, depth)


@rule("CategoryEncoding")
def category_encoding(ask: Ask) -> Inferred:
    """Category numbers become codes of `num_tokens` numbers: one for each, or one for all on the last axis.

    Keras: keras.layers.CategoryEncoding.

    >>> from netspec.catalog.types import TensorType
    >>> ask = Ask("CategoryEncoding", {"num_tokens": 9}, {"inputs": TensorType((None, 4), "int32")}, {})
    >>> category_encoding(ask).outputs[0].shape
    (None, 9)
    """
    depth = ask.get("num_tokens", None)
    if depth is None or depth < 1:
        raise bad_argument(ask, "num_tokens", "`num_tokens` must be at least 1")
    mode = _mode(ask, "multi_hot")
    if mode not in ("count", "one_hot", "multi_hot"):
        raise bad_argument(ask, "output_mode", f"`output_mode` must be count, one_hot or multi_hot; got {mode}")
    dims = ask.dims
    sparse = bool(ask.get("sparse", False))
    if not dims:
        return one(ask, (depth,), sparse=sparse)
    if mode == "one_hot":
        return one(ask, _one_hot(dims, depth, len(dims) > 1), sparse=sparse)
    return one(ask, (*dims[:-1], depth), sparse=sparse)


@rule("Discretization")
def discretization(ask: Ask) -> Inferred:
    """Numbers become the numbers of their bins (int32), or codes with one place for each bin.

    Keras: keras.layers.Discretization.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"bin_boundaries": [0.0, 1.0], "output_mode": "one_hot"}
    >>> discretization(Ask("Discretization", args, {"inputs": TensorType((None, 4))}, {})).outputs[0].shape
    (None, 4, 3)
    """
    mode = _mode(ask, "int")
    boundaries, bins = ask.get("bin_boundaries", None), ask.get("num_bins", None)
    _no_sparse_numbers(ask, mode)
    if (boundaries is None) == (bins is None):
        raise bad_argument(ask, "num_bins", "give either `num_bins` or `bin_boundaries`")
    dims = ask.dims
    if mode == "int":
        return one(ask, dims, dtype="int32")
    depth = bins if boundaries is None else len(boundaries) + 1
    if mode == "one_hot":
        return one(ask, _one_hot(dims, depth, len(dims) > 1) if dims else (depth,))
    return one(ask, (dims[0], *dims[2:], depth) if len(dims) > 1 else (depth,))


@rule("Hashing")
def hashing(ask: Ask) -> Inferred:
    """Values become bin numbers (int64), or codes of `num_bins` numbers.

    Keras: keras.layers.Hashing.

    >>> from netspec.catalog.types import TensorType
    >>> hashing(Ask("Hashing", {"num_bins": 9}, {"inputs": TensorType((None, 4), "string")}, {})).outputs[0].dtype
    'int64'
    """
    mode = _mode(ask, "int")
    policy = ask.get("dtype", None)
    dtype = ("int64" if mode == "int" else "float32") if policy is None else compute_dtype(policy)
    if mode == "int" and dtype not in ("int32", "int64", UNKNOWN):
        raise bad_argument(ask, "dtype", f"bin numbers are int32 or int64, not {policy}")
    _no_sparse_numbers(ask, mode)
    dims, taken, mask = ask.dims, ask.first.dtype, ask.get("mask_value", None)
    if mask is not None and not isinstance(taken, Unknown) and isinstance(mask, str) != (taken == "string"):
        raise bad_argument(ask, "mask_value", f"`{describe(mask)}` stands for no value of a tensor of dtype {taken}")
    if mode == "int":
        return one(ask, dims, dtype=dtype)
    if isinstance(policy, str) and policy.startswith("mixed"):
        dtype = "float32"
    return one(ask, (*dims[:-1], ask.args["num_bins"]), dtype=dtype)


@rule("HashedCrossing")
def hashed_crossing(ask: Ask) -> Inferred:
    """Two columns of values become one column of bin numbers (int64), or of codes.

    Keras: keras.layers.HashedCrossing.

    >>> from netspec.catalog.types import TensorType
    >>> pair = {"inputs": [TensorType((None, 1), "string"), TensorType((None, 1), "string")]}
    >>> hashed_crossing(Ask("HashedCrossing", {"num_bins": 9}, pair, {})).outputs[0].shape
    (None, 1)
    """
    shapes = [dims_of(tensor) for tensor in ask.tensors]
    if len(shapes) != 2 or not all(shapes):
        raise ShapeError(f"{ask.name} takes two tensors with a batch axis", inputs=tuple(range(len(shapes))))
    left, right = shapes[0][-1], shapes[1][-1]
    if left != right and not isinstance(left, Unknown) and not isinstance(right, Unknown):
        raise ShapeError(
            f"{ask.name} needs two tensors whose last axes are equal, got {show(shapes[0])} and {show(shapes[1])}",
            inputs=(0, 1),
            axis=-1,
        )
    mode = _mode(ask, "int")
    policy = ask.get("dtype", None)
    dtype = "int64" if mode == "int" and policy is None else compute_dtype(policy)
    shape = shapes[0] if mode == "int" else _one_hot(shapes[0], ask.args["num_bins"], replaces_one=True)
    return one(ask, shape, dtype=dtype)


@rule("StringLookup", "IntegerLookup")
def lookup(ask: Ask) -> Inferred:
    """Words become their numbers in a vocabulary (int64), or codes as wide as the vocabulary.

    The width is the listed words' and that of unknown ones; without a list it is free before the vocabulary is
    learned, unless `pad_to_max_tokens` fixes it at `max_tokens`.
    Keras: keras.layers.StringLookup, IntegerLookup.

    >>> from netspec.catalog.types import TensorType
    >>> lookup(Ask("StringLookup", {}, {"inputs": TensorType((None, 4), "string")}, {})).outputs[0]
    TensorType(shape=(None, 4), dtype='int64', sparse=False)
    """
    mode = _mode(ask, "int")
    dims = ask.dims
    _check_lookup(ask, mode)
    if mode == "int":
        return one(ask, dims, dtype="int64")
    return one(ask, _coded(ask, dims, mode), dtype="float32")


def _check_lookup(ask: Ask, mode: str) -> None:
    limit, pad = ask.get("max_tokens", None), ask.get("pad_to_max_tokens", False)
    _no_sparse_numbers(ask, mode)
    if limit is not None and limit <= 1:
        raise bad_argument(ask, "max_tokens", f"`max_tokens` must be more than 1; got {limit}")
    if pad and limit is None:
        raise bad_argument(ask, "pad_to_max_tokens", "`pad_to_max_tokens` needs `max_tokens`")
    if ask.get("invert", False) and mode != "int":
        raise bad_argument(ask, "invert", "`invert` turns numbers back into words, so `output_mode` must be int")
    if mode == "tf_idf" and ask.get("vocabulary", None) is not None and ask.get("idf_weights", None) is None:
        raise bad_argument(ask, "vocabulary", "`output_mode: tf_idf` with a vocabulary needs `idf_weights`")
    if mode != "tf_idf" and ask.get("idf_weights", None) is not None:
        raise bad_argument(ask, "idf_weights", "`idf_weights` are for `output_mode: tf_idf`")
    if ask.get("invert", False) and ask.get("oov_token", "") is None:
        raise bad_argument(ask, "oov_token", "`invert` needs an `oov_token`, to be put for numbers beyond the words")
    if ask.cls == "IntegerLookup" and ask.get("salt", None) is not None and ask.get("oov_method", "") != "farmhash":
        raise bad_argument(ask, "salt", "`salt` is for `oov_method: farmhash`")
    words, weights = ask.get("vocabulary", None), ask.get("idf_weights", None)
    if isinstance(words, list):
        _check_words(ask, words, mode, limit)
        if isinstance(weights, list) and len(weights) != len(words):
            said = f"`idf_weights` needs one for each word of `vocabulary`, which are {len(words)}; got {len(weights)}"
            raise bad_argument(ask, "idf_weights", said)


def _check_words(ask: Ask, words: list[Any], mode: str, limit: int | None) -> None:
    """The mask token stands first or not at all; all words and what stands before them fit into `max_tokens`."""
    mask = ask.get("mask_token", "" if ask.cls == "TextVectorization" else None)
    unknown = ask.get("oov_token", -1 if ask.cls == "IntegerLookup" else "[UNK]")
    masks, unknowns = int(mask is not None and mode == "int"), ask.get("num_oov_indices", 1)
    in_front, enough = masks + unknowns, len(words) + 1
    special = [mask] * masks + [unknown] * min(unknowns, enough)  # a number may be larger than memory
    known = words[len(special) :] if words[: len(special)] == special else words
    if mask is not None and mask in known:
        raise ShapeError(
            f"{ask.name}: the mask token `{describe(mask)}` stands among the words",
            argument="vocabulary",
            help=f"leave it out of `vocabulary`, or start that with `{describe(special)}`",
        )
    if limit is not None and in_front + len(known) > limit:
        count = in_front + len(known)
        raise ShapeError(
            f"{ask.name}: `max_tokens` is {limit}, but {len(known)} words with the tokens in front make {count}",
            argument="max_tokens",
            help=f"write `max_tokens: {count}`, or leave it out",
        )


def _coded(ask: Ask, dims: Dims, mode: str) -> Shape:
    """The shape of codes as wide as the vocabulary."""
    listed = ask.get("vocabulary", None) is not None
    width: Dim = _listed_size(ask) if listed else ask.get("vocabulary_size", None)
    if ask.get("pad_to_max_tokens", False):
        width = ask.get("max_tokens", None)
    if mode == "one_hot":
        return _one_hot(dims, width, len(dims) > 1) if dims else (width,)
    return (*dims[:-1], width)


def _listed_size(ask: Ask) -> Dim:
    """The words that are listed and those that stand for unknown ones, where that is all there is to count."""
    words = ask.get("vocabulary", None)
    special = (ask.get("oov_token", -1 if ask.cls == "IntegerLookup" else "[UNK]"), ask.get("mask_token", None), "")
    if not isinstance(words, list) or any(each in words for each in special) or ask.get("max_tokens", None) is not None:
        return UNKNOWN
    unknown: int = ask.get("num_oov_indices", 1)
    return len(words) + unknown


@rule("TextVectorization")
def text_vectorization(ask: Ask) -> Inferred:
    """A text becomes a row of word numbers (int64) of `output_sequence_length`, or one code for all its words.

    Keras: keras.layers.TextVectorization.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"output_sequence_length": 100}
    >>> text_vectorization(Ask("TextVectorization", args, {"inputs": TensorType((None, 1), "string")}, {})).outputs[0]
    TensorType(shape=(None, 100), dtype='int64', sparse=False)
    """
    mode = _mode(ask, "int")
    length = ask.get("output_sequence_length", None)
    if mode != "int" and length is not None:
        raise bad_argument(ask, "output_sequence_length", "`output_sequence_length` is for `output_mode: int`")
    if mode != "int" and ask.get("ragged", False):
        raise bad_argument(ask, "ragged", "`ragged` is for `output_mode: int`")
    _check_lookup(ask, mode)
    dims = need_rank_from(ask, 1) if mode == "int" else ask.dims
    if mode == "int":
        return one(ask, (dims[0], length), dtype="int64")
    if ask.get("split", "whitespace") is not None:
        dims = (*dims, None)
    elif len(dims) <= 1:
        dims = (*dims, 1)
    return one(ask, _coded(ask, dims, mode), dtype="float32")


@rule("Rescaling")
def rescaling(ask: Ask) -> Inferred:
    """The shape that came in, as floats.

    Keras: keras.layers.Rescaling.

    >>> from netspec.catalog.types import TensorType
    >>> rescaling(Ask("Rescaling", {"scale": 0.5}, {"inputs": TensorType((None, 4), "uint8")}, {})).outputs[0].dtype
    'float32'
    """
    dims = ask.dims
    for argument in ("scale", "offset"):
        given = ask.get(argument, 0)
        last = dims[-1] if dims else 1
        if isinstance(given, list) and len(given) != 1 and last != 1 and differ(last, len(given)):
            said = f"`{argument}` lists {len(given)} numbers, which do not fit the last axis of {show(dims)}"
            raise bad_argument(ask, argument, said)
    return one(ask, dims)


@rule("Normalization")
def normalization(ask: Ask) -> Inferred:
    """The shape that came in; unless given, a mean and a variance along `axis` and a count, none of them trained.

    Keras: keras.layers.Normalization.

    >>> from netspec.catalog.types import TensorType
    >>> normalization(Ask("Normalization", {}, {"inputs": TensorType((None, 4))}, {})).weights
    Weights(trainable=0, non_trainable=9)
    """
    mean, variance = ask.get("mean", None), ask.get("variance", None)
    if (mean is None) != (variance is None):
        raise bad_argument(
            ask, "mean" if variance is None else "variance", "give both `mean` and `variance`, or neither"
        )
    axis = ask.get("axis", -1)
    axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    dims = ask.dims
    kept: list[Dim] = []
    for each in axes:
        axis_at(ask, dims, each)
        kept.append(need_size(ask, dims, each))
    if len({each % len(dims) for each in axes}) < len(axes):
        raise bad_argument(ask, "axis", f"`axis` names an axis twice; got {list(axes)}")
    if mean is None:
        return one(ask, dims, 0, total(size(2, *kept), 1))
    if _is_number(mean) and _is_number(variance):
        return one(ask, dims)
    lengths = [len(each) if isinstance(each, list) else None for each in (mean, variance)]
    if lengths[0] != lengths[1]:
        raise bad_argument(ask, "variance", "`mean` and `variance` must be of one length, or both a number")
    last = dims[max(each % len(dims) for each in axes)] if axes else None
    if not axes or (lengths[0] != 1 and differ(last, lengths[0])):
        along = f"has {last} of them on the last axis that is kept" if axes else "keeps no axis"
        raise bad_argument(ask, "mean", f"`mean` and `variance` list {lengths[0]} numbers, but the input {along}")
    return NOTHING_KNOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


@rule("MelSpectrogram")
def mel_spectrogram(ask: Ask) -> Inferred:
    """(batch, samples) becomes (batch, num_mel_bins, frames), a frame for each `sequence_stride` samples.

    Keras: keras.layers.MelSpectrogram.

    >>> from netspec.catalog.types import TensorType
    >>> mel_spectrogram(Ask("MelSpectrogram", {}, {"inputs": TensorType((None, 16000))}, {})).outputs[0].shape
    (None, 128, 32)
    """
    length = ask.get("fft_length", 2048)
    if length < (ask.get("sequence_length", None) or length):
        raise bad_argument(ask, "sequence_length", "`sequence_length` must not be larger than `fft_length`")
    dims = need_rank_from(ask, 1)
    stride = ask.get("sequence_stride", 512)
    samples = dims[0] if len(dims) == 1 else dims[1]
    frames: Dim = (samples + stride + 1) // stride if isinstance(samples, int) else samples
    bins = ask.get("num_mel_bins", 128)
    return one(ask, (bins, frames) if len(dims) == 1 else (dims[0], bins, frames))


@rule("STFTSpectrogram")
def stft_spectrogram(ask: Ask) -> Inferred:
    """(batch, samples, channels) becomes (batch, frames, frequencies times channels); `expand_dims` keeps them apart.

    Its Fourier kernels are weights, and Keras counts them as trainable.
    Keras: keras.layers.STFTSpectrogram.

    >>> from netspec.catalog.types import TensorType
    >>> stft_spectrogram(Ask("STFTSpectrogram", {}, {"inputs": TensorType((None, 1024, 1))}, {})).outputs[0].shape
    (None, 7, 129)
    """
    frame = ask.get("frame_length", 256)
    given, fft = ask.get("frame_step", None), ask.get("fft_length", None)
    if given is not None and not 1 <= given <= frame:
        raise bad_argument(
            ask, "frame_step", f"`frame_step` must be between 1 and `frame_length`, {frame}; got {given}"
        )
    if given is None and frame < 2:
        raise bad_argument(ask, "frame_length", "`frame_step` is half of `frame_length`, so 0; write `frame_step: 1`")
    if fft is not None and fft < frame:
        raise bad_argument(ask, "fft_length", f"`fft_length` must be at least `frame_length`, {frame}; got {fft}")
    length = fft or 2 ** math.ceil(math.log2(frame))
    mode, first = ask.get("mode", "log"), channels_first(ask)
    dims = need_rank(ask, 3)
    channels = need_size(ask, dims, 1 if first else -1)
    walk = Window((frame,), (given or frame // 2,), (1,), str(ask.get("padding", "valid")), first)
    (frames,) = slide(ask, dims, walk)
    bins = (length // 2 + 1) * (2 if mode == "stft" else 1)
    weights = frame * (length // 2 + 1) * (1 if mode in ("real", "imag") else 2)
    if not ask.get("expand_dims", False):
        return one(ask, walk.join(dims[0], (frames,), times(channels, bins)), weights)
    return one(ask, (dims[0], channels, frames, bins) if first else (dims[0], frames, bins, channels), weights)
