"""Shape rules of the image layers: those that change the size, and those that only change the pixels."""

from __future__ import annotations

from netspec.catalog.shapes.rule import (
    FLOATS,
    Ask,
    Dims,
    bad_argument,
    channels_first,
    differ,
    one,
    rank_error,
    rule,
    seen_dtype,
    stays_sparse,
)
from netspec.catalog.types import Inferred, ShapeError, Unknown, show

_CHANNELS = {
    **dict.fromkeys(("RandomHue", "RandomSaturation", "RandomColorDegeneration"), (3,)),
    **dict.fromkeys(("RandAugment", "RandomGrayscale"), (1, 3)),
}
_DECIMAL = ("RandomContrast", "RandomSaturation")  # Keras casts decimal numbers alone, and these two want them


def _image(ask: Ask) -> Dims:
    """The dimensions of an image or a batch of them, with the channels and the dtype that the class takes.

    Keras looks only when it runs the layer.
    """
    dims = ask.dims
    if len(dims) not in (3, 4):
        raise rank_error(ask, "3 or 4 axes")
    axis = -3 if channels_first(ask) else -1
    takes = _CHANNELS.get(ask.cls)
    if takes is not None and all(differ(dims[axis], count) for count in takes):
        channels = f"{takes[0]} channels" if len(takes) == 1 else f"{takes[0]} channel or {takes[1]} channels"
        raise ShapeError(f"{ask.name} takes images with {channels}, got {show(dims)}", inputs=(0,), axis=axis)
    given = ask.first.dtype
    if ask.cls in _DECIMAL and not isinstance(given, Unknown) and given not in FLOATS:
        raise ShapeError(
            f"{ask.name} takes decimal numbers, got {given}",
            code="NS406",
            inputs=(0,),
            help="declare the input with `dtype: float32`, or put `Rescaling: 1.0` before it",
        )
    return dims


@rule("Resizing", "CenterCrop", "RandomCrop")
def resizing(ask: Ask) -> Inferred:
    """Height and width become those of the arguments; one image, or a batch of them.

    Keras: keras.layers.Resizing, CenterCrop, RandomCrop.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"height": 8, "width": 9}
    >>> resizing(Ask("Resizing", args, {"inputs": TensorType((None, 32, 32, 3))}, {})).outputs[0].shape
    (None, 8, 9, 3)
    """
    dims = list(_image(ask))
    if ask.get("crop_to_aspect_ratio", False) and ask.get("pad_to_aspect_ratio", False):
        raise bad_argument(ask, "pad_to_aspect_ratio", "does not go with `crop_to_aspect_ratio`")
    at = len(dims) - (2 if channels_first(ask) else 3)
    dims[at : at + 2] = [ask.args["height"], ask.args["width"]]
    return one(ask, tuple(dims))


@rule(
    *("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "MixUp", "AugMix", "RandAugment"),
    *("RandomBrightness", "RandomColorJitter", "RandomContrast", "RandomElasticTransform"),
    *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomHue", "RandomInvert", "RandomPerspective"),
    *("RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear"),
    *("RandomTranslation", "RandomZoom", "Solarization", "MaxNumBoundingBoxes"),
)
def same_image(ask: Ask) -> Inferred:
    """The shape that came in.

    Keras: the classes of keras.layers that change pixels at random or by their brightness.

    >>> from netspec.catalog.types import TensorType
    >>> same_image(Ask("RandomFlip", {}, {"inputs": TensorType((None, 32, 32, 3))}, {})).outputs[0].shape
    (None, 32, 32, 3)
    """
    return one(ask, _image(ask))


@rule("Equalization", "RandomGrayscale")
def same_pixels(ask: Ask) -> Inferred:
    """The shape that came in, in the dtype that came in; a float is cast to the layer's.

    Keras: keras.layers.Equalization, RandomGrayscale.

    >>> from netspec.catalog.types import TensorType
    >>> x = {"inputs": TensorType((None, 32, 32, 3), "uint8")}
    >>> same_pixels(Ask("RandomGrayscale", {}, x, {})).outputs[0].dtype
    'uint8'
    """
    tensor = ask.first
    return one(ask, _image(ask), dtype=seen_dtype(ask, tensor), sparse=stays_sparse(ask, tensor))


@rule("RandomColorDegeneration")
def color_degeneration(ask: Ask) -> Inferred:
    """The shape that came in, which must be that of color images: three channels.

    Keras: keras.layers.RandomColorDegeneration.

    >>> from netspec.catalog.types import TensorType
    >>> x = {"inputs": TensorType((None, 32, 32, 3))}
    >>> color_degeneration(Ask("RandomColorDegeneration", {"factor": 0.5}, x, {})).outputs[0].shape
    (None, 32, 32, 3)
    """
    return one(ask, _image(ask))
