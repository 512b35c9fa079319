"""What a dtype may be: of anything, and of a layer, a loss or a metric, which TensorFlow has operations for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from netspec.catalog import Entry
from netspec.catalog.values import KERAS, RUN, WRONG, Fault, Rule, one_of

_NAMES = """
float16 float32 float64 bfloat16 bool string int8 int16 int32 int64 uint8 uint16 uint32 uint64
complex64 complex128 float8_e4m3fn float8_e5m2
"""
DTYPES = tuple(_NAMES.split())
_POLICIES = ("mixed_float16", "mixed_bfloat16")
POLICIES = (*_POLICIES, "float16", "bfloat16", "float32", "float64")  # that a whole model may have
_NO_POLICY = ("int8", "float8")  # dtypes that Keras takes for the start of a quantized policy's name
_QUANTIZED = re.compile(r"(int8|int4|float8|gptq|awq)(/[\d/-]+)?_from_\w+")


def dtype_rule(origin: str = KERAS) -> Rule:
    """The name of a dtype or of a policy, whatever it is for."""
    base = one_of(*(name for name in DTYPES if not name.startswith(_NO_POLICY)), *_POLICIES, origin=origin)

    def test(value: Any) -> Fault | None:
        # Keras takes `int` for its usual whole number, and the names of quantized policies.
        if isinstance(value, str) and (value == "int" or _QUANTIZED.fullmatch(value)):
            return None
        return base.test(value)

    form = {"anyOf": [base.form, {"enum": ["int"]}, {"type": "string", "pattern": f"^({_QUANTIZED.pattern})$"}]}
    return Rule("the name of a dtype, such as `float32`", test, form)


def model_policy(value: Any) -> Fault | None:
    """What is wrong with the policy of a whole model; None where nothing is.

    >>> model_policy("mixed_bfloat16"), model_policy("mixed_bfloat").help
    (None, 'did you mean `mixed_bfloat16`?')
    """
    if isinstance(value, str) and _QUANTIZED.fullmatch(value):
        return Fault(help="leave it out", text="a model is quantized after training, not by its policy")
    if value in DTYPES and value not in POLICIES:
        return Fault(
            help="give single layers a `dtype` of their own", text=f"no model computes in `{value}` as a whole"
        )
    return one_of(*POLICIES).test(value)


def takes_policy(entry: Entry, args: Mapping[str, Any]) -> bool:
    """Whether a layer or cell without a `dtype` of its own has the one that all have."""
    if entry.name == "HashedCrossing":
        return bool(args.get("output_mode", "int") != "int")
    return entry.kind in ("layer", "cell") and entry.name not in _OWN.split() and entry.param("dtype") is not None


def policy_rule(entry: Entry) -> Rule:
    """The dtype that a layer, a loss or a metric computes in, as far as TensorFlow has its operations for it."""
    missing: tuple[str, ...] = ()
    if entry.kind in ("layer", "cell"):
        if entry.name in _TABLES.split():
            return dtype_rule()
        missing = ("string",)
        if entry.kind == "cell" or entry.name in _DECIMAL.split():
            missing += _WHOLE_OR_COMPLEX
        elif entry.name in _NUMERIC.split():
            missing += ("bool", "complex64", "complex128")
        elif entry.name in _NO_COMPLEX.split():
            missing += ("complex64", "complex128")
        missing += ("bfloat16", "mixed_bfloat16") if entry.name in _NO_BFLOAT.split() else ()
        missing += ("bool",) if entry.name in _NO_BOOL.split() else ()
        missing += ("float16", "bfloat16", "uint8") if entry.name == "CategoryEncoding" else ()
    elif entry.kind == "loss":
        missing = ("string", *_WHOLE_OR_COMPLEX)
    elif entry.kind == "metric":
        missing = ("string", "bool", "complex64", "complex128")
    takes = [name for name in (*DTYPES, *_POLICIES) if name not in missing and not name.startswith(_NO_POLICY)]
    known, narrow = dtype_rule(), one_of(*takes)
    quantized = Fault(WRONG, "leave it out", text="a layer is quantized after training, not by its `dtype`")

    def test(value: Any) -> Fault | None:
        if isinstance(value, str) and _QUANTIZED.fullmatch(value):
            return quantized if entry.kind in ("layer", "cell") else None
        fault = known.test(value)
        if fault is None and (value in missing or (value == "int" and "int32" in missing)):
            near = "`bfloat16`" if value == "mixed_bfloat16" else f"`{value}`"
            return Fault(RUN, "such as `float32`", text=f"`{entry.name}` does not compute in {near}")
        return fault

    whole_name = [] if "int32" in missing else [{"enum": ["int"]}]
    return Rule(known.expects, test, {"anyOf": [narrow.form, *whole_name]})


_WHOLE_OR_COMPLEX = tuple(name for name in DTYPES if name.startswith(("bool", "int", "uint", "complex")))
# What looks values up in tables, or hands its dtype on.
_TABLES = """
Discretization Hashing HashedCrossing IntegerLookup StringLookup TextVectorization SpectralNormalization TimeDistributed
"""
# Whose dtype is that of what they put out, whatever the policy of the others.
_OWN = "Hashing IntegerLookup StringLookup TextVectorization"
# Layers that TensorFlow runs on decimal numbers alone: weights, fractions, exponentials.
_DECIMAL = """
AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling3D AdditiveAttention
AlphaDropout Attention AugMix AutoContrast AveragePooling1D AveragePooling2D AveragePooling3D Conv1D Conv1DTranspose
Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D CutMix Dense DepthwiseConv1D
DepthwiseConv2D Dropout ELU EinsumDense Embedding GRU GaussianDropout GaussianNoise GroupQueryAttention LSTM
MaxPooling3D MixUp MultiHeadAttention RandAugment RandomContrast RandomElasticTransform RandomErasing
RandomGaussianBlur RandomPerspective RandomSaturation RandomSharpness RandomShear ReversibleEmbedding
STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN Softmax Solarization SpatialDropout1D SpatialDropout2D
SpatialDropout3D UnitNormalization
"""
_NUMERIC = """
Activation AdaptiveMaxPooling1D AdaptiveMaxPooling2D CategoryEncoding CenterCrop LeakyReLU MaxPooling1D MaxPooling2D
Maximum Minimum Normalization PReLU RandomBrightness RandomColorDegeneration RandomCrop RandomRotation
RandomTranslation RandomZoom ReLU Resizing
"""
_NO_COMPLEX = """
Bidirectional ContrastLimitedAdaptiveHistogramEqualization GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D RNN
"""
_NO_BOOL = "Add Average Multiply RandomInvert Rescaling Subtract"
_NO_BFLOAT = """
AugMix CutMix RandAugment RandomPerspective RandomRotation RandomShear RandomTranslation RandomZoom STFTSpectrogram
"""
