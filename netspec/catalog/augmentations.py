"""Which of Keras's layers can augment: change what is trained on at random, one example by itself, from a seed."""

from __future__ import annotations

IMAGES = frozenset(
    (
        *("RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast"),
        *("RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur"),
        *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization"),
        *("RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
        "Solarization",
    )
)
NOISE = frozenset(
    (
        *("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    )
)
# What a random one needs before or behind it: a larger image to crop from, the old size again.
FRAMES = frozenset(("CenterCrop", "Cropping2D", "Resizing", "ZeroPadding2D"))
LAYERS = IMAGES | NOISE | FRAMES

_NOT_RANDOM = "it does the same to every example, and then training would see others than evaluation"
_REFUSED = {
    "AugMix": "it draws its changes once for a whole run, and not from the seed; `RandAugment` is near to it",
    "CutMix": "it mixes labels too, and here images come alone",
    "MixUp": "it mixes labels too, and here images come alone",
    "AutoContrast": _NOT_RANDOM,
    "ContrastLimitedAdaptiveHistogramEqualization": _NOT_RANDOM,
    "Normalization": f"{_NOT_RANDOM}; say `normalize: true` in the feature",
    "Rescaling": f"{_NOT_RANDOM}; say `rescale` in the feature",
}


def why_not(name: str) -> str | None:
    """Why a layer cannot augment, and behind a semicolon what to write instead; None where it can.

    >>> why_not("RandomFlip"), why_not("Dense")
    (None, 'it is no augmentation')
    """
    return None if name in LAYERS else _REFUSED.get(name, "it is no augmentation")
