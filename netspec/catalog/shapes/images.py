"""Shape rules of the image layers: those that change the size, and those that only change the pixels."""

from __future__ import annotations

from netspec.catalog.shapes.rule import NOTHING_KNOWN, Ask, cast_input, channels_first, differ, one, rank_error, rule
from netspec.catalog.types import Inferred, ShapeError, show


@rule("Resizing", "CenterCrop", "RandomCrop")
def resizing(ask: Ask) -> Inferred:
    """Height and width become those of the arguments; one image, or a batch of them.

    Keras: keras.layers.Resizing, CenterCrop, RandomCrop.

    >>> from netspec.catalog.types import TensorType
    >>> args = {"height": 8, "width": 9}
    >>> resizing(Ask("Resizing", args, {"inputs": TensorType((None, 32, 32, 3))}, {})).outputs[0].shape
    (None, 8, 9, 3)
    """
    dims = list(ask.dims)
    if len(dims) not in (3, 4):
        if ask.cls == "CenterCrop":
            raise rank_error(ask, "3 or 4 axes")
        return NOTHING_KNOWN
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
    return one(ask, ask.dims)


@rule("Equalization", "RandomGrayscale")
def same_pixels(ask: Ask) -> Inferred:
    """The shape that came in, in the dtype that came in; a float is cast to the layer's.

    Keras: keras.layers.Equalization, RandomGrayscale.

    >>> from netspec.catalog.types import TensorType
    >>> x = {"inputs": TensorType((None, 32, 32, 3), "uint8")}
    >>> same_pixels(Ask("RandomGrayscale", {}, x, {})).outputs[0].dtype
    'uint8'
    """
    return one(ask, ask.dims, dtype=cast_input(ask.first.dtype, ask.dtype))


@rule("RandomColorDegeneration")
def color_degeneration(ask: Ask) -> Inferred:
    """The shape that came in, which must be that of color images: three channels.

    Keras: keras.layers.RandomColorDegeneration.

    >>> from netspec.catalog.types import TensorType
    >>> x = {"inputs": TensorType((None, 32, 32, 3))}
    >>> color_degeneration(Ask("RandomColorDegeneration", {"factor": 0.5}, x, {})).outputs[0].shape
    (None, 32, 32, 3)
    """
    dims = ask.dims
    if len(dims) not in (3, 4):
        raise rank_error(ask, "3 or 4 axes")
    axis = -3 if channels_first(ask) else -1
    if differ(dims[axis], 3):
        raise ShapeError(f"{ask.name} takes images with 3 channels, got {show(dims)}", inputs=(0,), axis=axis)
    return one(ask, dims)
