"""What is expected of the arguments that hold plain values: by class, by the argument's name, by its default's type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from netspec.catalog import Entry
from netspec.catalog.dtypes import dtype_rule, policy_rule
from netspec.catalog.file_names import file_name, model_file
from netspec.catalog.values import (
    KERAS,
    LANGUAGE,
    RUN,
    WRONG,
    Fault,
    Rule,
    anything,
    distinct,
    either,
    flag,
    many,
    null,
    number,
    one_of,
    sizes,
    span,
    text,
    whole,
)


def rule(entry: Entry, param: str) -> Rule:
    """The rule for an argument that the entry has and that holds no Keras object.

    >>> from netspec.catalog import find
    >>> rule(find("layer", "Conv1D"), "padding").expects
    'one of `valid`, `same`, `causal`'
    """
    found = _BY_CLASS.get((entry.name, param)) or _BY_NAME.get(param)
    if found is None:
        known = entry.param(param)
        found = anything() if known is None else _BY_TYPE.get(type(known.default), anything())
    return found if isinstance(found, Rule) else found(entry)


_INT = whole(None)
_COUNT = whole(0, origin=WRONG)
_SIZE = whole(1, origin=WRONG)
_PROBABILITY = number(0, 1)
_POSITIVE = number(above=0)
_NOT_NEGATIVE = number(0)
_NOT_BELOW_ZERO = number(0, origin=KERAS)
_NUMBERS = many(number(), "numbers")
_INTS = many(_INT, "whole numbers")
_TEXTS = many(text(), "texts")
_WORD = Rule("a text", lambda value: None if isinstance(value, str) else Fault(), {"type": "string"})
_AXIS = either(_INT, _INTS)
_DIMENSION = Rule(
    "a whole number or null",
    lambda value: None if value is None else _SIZE.test(value),
    {"anyOf": [_SIZE.form, {"type": "null"}]},
)
_DIMENSIONS = many(_DIMENSION, "whole numbers above 0 or null")
_ZOOM = number(above=-1, high=1, origin=KERAS)
_PADDING = ("valid", "same")
_RESIZING = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")


def _ranked(low: int = 1, origin: str = KERAS) -> Callable[[Entry], Rule]:
    """One size, or one for each of the axes that the class's name tells."""
    return lambda entry: sizes(_rank(entry), low, origin=origin)


def _rank(entry: Entry) -> int:
    """How many axes the class works on, from its name.

    >>> from netspec.catalog import find
    >>> [_rank(find("layer", name)) for name in ("Conv2D", "Conv3DTranspose", "ConvLSTM1D")]
    [2, 3, 1]
    """
    found = re.search(r"([123])D", entry.name)
    return int(found.group(1)) if found else 2


def _margins(entry: Entry) -> Rule:
    """`cropping` and `padding`: one number, one for each axis, or a pair for each axis."""
    rank = _rank(entry)
    if rank == 1:
        return sizes(2, 0, origin=WRONG)
    pair = many(_COUNT, "whole numbers, 0 or more", count=2)
    both = many(either(_COUNT, pair), f"{rank} numbers or pairs", count=rank)
    each = either(_COUNT, both)
    return Rule(f"a whole number, 0 or more, or a list of {rank} of them or of pairs", each.test, each.form)


def _padding(entry: Entry) -> Rule:
    if entry.name.startswith("ZeroPadding"):
        return _margins(entry)
    words = (*_PADDING, "causal") if entry.name == "Conv1D" else _PADDING
    return one_of(*words, folds=entry.name != "STFTSpectrogram" and "Pooling" not in entry.name)


def _data_format(entry: Entry) -> Rule:
    return one_of("channels_last", "channels_first", folds=not entry.name.startswith("Adaptive"))


def _permutation(value: Any) -> bool:
    return sorted(value) != list(range(1, len(value) + 1))


def _falls(value: Any) -> bool:
    return any(right < left for left, right in pairwise(value))


def _mixed(value: Any) -> bool:
    return len({type(each) for each in value}) > 1


def _twice(value: Any) -> bool:
    return len(set(value)) < len(value)


_BITS = {"type": "integer", "minimum": 1, "maximum": 8}


def _bits(value: Any) -> Fault | None:
    """How many bits of each color are kept."""
    fault = sizes(2, origin=WRONG).test(value)
    each = value if isinstance(value, (list, tuple)) else [value]
    return Fault(WRONG) if fault is None and any(one > 8 for one in each) else fault


def _nested(value: Any) -> Fault | None:
    """A number, or lists of numbers in lists, all of one length at each depth."""
    depth = value
    for _ in range(8):
        if not isinstance(depth, list) or not depth:
            break
        if isinstance(depth[0], list):
            if any(not isinstance(each, list) or len(each) != len(depth[0]) for each in depth):
                return Fault(RUN, text="lists in a list must be of one shape")
            depth = [one for each in depth for one in each]
        else:
            return next((fault for fault in map(number().test, depth) if fault is not None), None)
    return number().test(depth)


_ROWS = [{"type": "array", "minItems": 1, "items": {"type": kind}} for kind in ("number", "array")]
_DEEP = {"anyOf": [{"type": "number"}, *_ROWS]}


def _pattern(value: Any) -> Fault | None:
    """A regular expression, with which Muon looks for names of weights."""
    if not isinstance(value, str):
        return Fault()
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        return Fault(RUN, text=f"`{value[:40]}` is no regular expression: {error}")
    return None


def _no_flash(value: Any) -> Fault | None:
    return None if value is False else Fault(RUN if value is True else LANGUAGE, "leave it out")


def _clipping(value: Any) -> Fault | None:
    """What batch renormalization may correct by: numbers, 0 or more, the least not above the most."""
    if not isinstance(value, dict) or value.keys() - {"rmin", "rmax", "dmax"}:
        return Fault(help="such as `{rmin: 0.3, rmax: 3.0, dmax: 5.0}`")
    if any(_NOT_NEGATIVE.test(each) is not None for each in value.values()):
        return Fault(help="such as `{rmin: 0.3, rmax: 3.0, dmax: 5.0}`")
    return Fault(KERAS, "`rmin` is the lower one") if value.get("rmin", 0) > value.get("rmax", math.inf) else None


# Keras adds its results up along the same axis, and they have one.
_LAST_AXIS = Rule("`-1`, the last axis", lambda value: None if value == -1 else Fault(WRONG), {"enum": [-1]})
_ODD = {**_SIZE.form, "not": {"multipleOf": 2}}


def _odd(value: Any) -> Fault | None:
    fault = sizes(2, origin=WRONG).test(value)
    each = value if isinstance(value, (list, tuple)) else [value]
    return Fault(KERAS) if fault is None and any(one % 2 == 0 for one in each) else fault


def _separator(value: Any) -> Fault | None:
    alone = isinstance(value, str) and len(value) == 1 and (value == "\t" or value.isprintable()) and value != '"'
    return None if alone else Fault(WRONG if value in ("\r", "\n", '"') else RUN)


def _each(names: str, rule: Rule | Callable[[Entry], Rule]) -> dict[str, Rule | Callable[[Entry], Rule]]:
    return dict.fromkeys(names.split(), rule)


_BY_NAME: dict[str, Rule | Callable[[Entry], Rule]] = {
    **_each(
        "units groups depth_multiplier num_heads key_dim value_dim head_dim num_key_value_heads n input_dim output_dim "
        "num_tokens power_iterations num_classes frame_length frame_step sequence_stride",
        whole(1),
    ),
    **_each(
        "filters num_query_heads num_bins bins max_number height width num_chains chain_depth num_ops sliding_window "
        "output_sequence_length fft_length sequence_length num_mel_bins k top_k num_labels ema_overwrite_frequency "
        "ns_steps dynamic_growth_steps num_thresholds",
        _SIZE,
    ),
    **_each(
        "num_oov_indices class_id patience cooldown start_from_epoch warmup_steps num_regressors verbose lora_rank",
        _COUNT,
    ),
    **_each("seed ignore_class", _INT),
    "max_tokens": whole(2),
    "gradient_accumulation_steps": whole(2, origin=WRONG),
    # Fractions.
    "rate": number(0, 1, origin=KERAS),
    **_each(
        "dropout recurrent_dropout momentum rho renorm_momentum ema_momentum label_smoothing recall precision "
        "sensitivity specificity",
        _PROBABILITY,
    ),
    **_each("beta_1 beta_2 adam_beta_1 adam_beta_2", number(0, below=1)),
    # Amounts.
    **_each(
        "epsilon epsilon_1 epsilon_2 weight_decay adam_weight_decay stddev l1_regularization_strength "
        "l2_regularization_strength l2_shrinkage_regularization_strength initial_accumulator_value min_lr "
        "end_learning_rate initial_learning_rate",  # 0 at first is where a warm-up starts
        _NOT_NEGATIVE,
    ),
    **_each("l1 l2 negative_slope", _NOT_BELOW_ZERO),
    **_each(
        "clipnorm clipvalue global_clipnorm loss_scale_factor decay_steps first_decay_steps "
        "logit_soft_cap initial_scale delta warmup_target",
        _POSITIVE,
    ),
    **_each("fill_value max_value threshold baseline lora_alpha max_freq", number()),
    **_each("mean variance scale offset", either(number(), _NUMBERS)),
    # Geometry.
    **_each("kernel_size strides pool_size dilation_rate size", _ranked()),
    "output_size": _ranked(origin=WRONG),
    "output_padding": _ranked(0),
    "cropping": _margins,
    "padding": _padding,
    "data_format": _data_format,
    "axes": either(_INT, many(_INT, "whole numbers", count=2)),
    **_each("axis shared_axes attention_axes input_axes output_axes", _AXIS),
    "dims": distinct(many(whole(1), "axes"), "each of 1, 2, 3… once", _permutation),
    "target_shape": distinct(
        many(whole(-1), "sizes", low=0), "with at most one -1", lambda value: list(value).count(-1) > 1
    ),
    "noise_shape": _DIMENSIONS,
    "output_shape": either(_SIZE, _DIMENSIONS),
    "tile_grid_size": many(_SIZE, "whole numbers above 0", count=2, origin=WRONG),
    "value_range": distinct(
        many(number(), "numbers", count=2, origin=WRONG), "the lower first", lambda ends: ends[0] >= ends[1], WRONG
    ),
    "renorm_clipping": Rule(
        "a mapping of `rmin`, `rmax` and `dmax` to numbers",
        _clipping,
        {
            "type": "object",
            "propertyNames": {"enum": ["rmin", "rmax", "dmax"]},
            "additionalProperties": _NOT_NEGATIVE.form,
        },
    ),
    **_each("factor brightness_factor saturation_factor", span(-1, 1)),
    **_each("contrast_factor hue_factor sigma", span(0, 1)),
    **_each("height_factor width_factor", span(-1, 1, strict=True)),
    **_each("x_factor y_factor addition_factor threshold_factor", span(0, 1, strict=True)),
    # Words.
    "merge_mode": one_of("concat", "sum", "mul", "ave"),
    "score_mode": one_of("dot", "concat"),
    "reduction": one_of("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"),
    "average": one_of("micro", "macro", "weighted"),
    "class_aggregation": one_of("uniform_average", "variance_weighted_average"),
    "curve": one_of("ROC", "PR", folds=True),
    "summation_method": one_of("interpolation", "minoring", "majoring", folds=True),
    "distribution": one_of("truncated_normal", "untruncated_normal", "normal", "uniform", folds=True),
    "interpolation": one_of("nearest", "bilinear"),
    "fill_mode": one_of("reflect", "wrap", "constant", "nearest"),
    "standardize": one_of("lower_and_strip_punctuation", "lower", "strip_punctuation"),
    "split": one_of("whitespace", "character"),
    "oov_method": one_of("floormod", "farmhash"),
    "scaling": one_of("density", "spectrum"),
    "side": one_of("real", "imag"),
    "window": one_of("hann", "hamming"),
    "use_cudnn": either(flag(), one_of("auto")),
    "output_mode": one_of("int", "one_hot", "multi_hot", "count", "tf_idf"),
    "vocabulary_dtype": one_of("int64"),
    "bounding_box_format": one_of(
        "xyxy",
        "yxyx",
        "rel_xyxy",
        "rel_yxyx",
        "xywh",
        "rel_xywh",
        "center_xywh",
        "center_yxhw",
        "rel_yxhw",
        origin=WRONG,
    ),
    "flash_attention": Rule("`false`, since TensorFlow has none", _no_flash, {"enum": [False]}),
    # Lists and texts.
    "vocabulary": distinct(many(_WORD, "texts"), "each once", _twice, WRONG),
    **_each("idf_weights boundaries label_weights", _NUMBERS),
    "values": distinct(_NUMBERS, "all of them or none with a decimal point", _mixed, RUN),
    "bin_boundaries": distinct(_NUMBERS, "from the least to the largest", _falls, RUN),
    "ngrams": either(_SIZE, many(_SIZE, "whole numbers above 0")),
    "salt": either(_INT, many(_INT, "whole numbers", count=2)),
    "target_class_ids": many(_COUNT, "whole numbers, 0 or more"),
    "thresholds": either(_PROBABILITY, many(_PROBABILITY, "numbers from 0 to 1")),
    "exclude_layers": many(Rule("a regular expression", _pattern, {"type": "string"}), "regular expressions", low=0),
    **_each("equation bias_axes monitor name", text()),
    "mask_token": _WORD,
    "weights": null("weights come from training"),
    "dtype": policy_rule,
    "reverse_dtype": dtype_rule(WRONG),
    **_each("quantization_config gptq_unpacked_column_size", null("a model is quantized after training")),
    "decay_rate": _NOT_NEGATIVE,
    "oov_token": _WORD,
    "mask_value": either(_WORD, _INT),
    "value": Rule("a number or a list of numbers", _nested, _DEEP),
    "t_mul": _POSITIVE,
}

_WHOLE_FACTOR = """
CutMix RandomContrast RandomElasticTransform RandomErasing RandomGaussianBlur RandomHue RandomInvert
RandomPerspective RandomSharpness
"""

# Where a class means something else by a name.
_BY_CLASS: dict[tuple[str, str], Rule] = {
    ("UpSampling1D", "size"): whole(1),
    ("UpSampling2D", "interpolation"): one_of(*_RESIZING, folds=True, origin=WRONG),
    ("Resizing", "interpolation"): one_of(*_RESIZING, origin=WRONG),
    ("Resizing", "fill_mode"): one_of("constant", origin=WRONG),
    ("MelSpectrogram", "window"): one_of("hann", "hamming", origin=WRONG),
    ("STFTSpectrogram", "mode"): one_of("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
    ("Masking", "mask_value"): number(),
    **{(name, "alpha"): _NOT_NEGATIVE for name in ("AugMix", "MixUp")},
    ("Normalization", "variance"): either(_NOT_NEGATIVE, many(_NOT_NEGATIVE, "them")),
    ("EinsumDense", "output_shape"): either(_SIZE, many(_DIMENSION, "whole numbers above 0 or null", low=0)),
    ("MultiHeadAttention", "output_shape"): either(_SIZE, many(_SIZE, "them")),
    ("AlphaDropout", "rate"): number(0, below=1, origin=RUN),
    ("GaussianNoise", "stddev"): number(0, 1, origin=KERAS),
    **{(name, "axis"): _INT for name in ("BatchNormalization", "GroupNormalization", "Concatenate")},
    **{(name, "scale"): flag() for name in ("BatchNormalization", "GroupNormalization", "LayerNormalization")},
    ("GroupNormalization", "groups"): Rule(
        "a whole number above 0, or -1 for one group for each channel",
        lambda value: None if value == -1 and isinstance(value, int) else _SIZE.test(value),
        {"anyOf": [_SIZE.form, {"enum": [-1]}]},
    ),
    **{("ReLU", name): _NOT_BELOW_ZERO for name in ("max_value", "threshold")},
    ("CategoryEncoding", "output_mode"): one_of("multi_hot", "one_hot", "count"),
    ("Hashing", "output_mode"): one_of("int", "one_hot", "multi_hot", "count"),
    ("HashedCrossing", "output_mode"): one_of("int", "one_hot"),
    ("Discretization", "output_mode"): one_of("int", "one_hot", "multi_hot", "count"),
    ("IntegerLookup", "vocabulary"): distinct(_INTS, "each once", _twice, WRONG),
    **{("IntegerLookup", name): _INT for name in ("mask_token", "oov_token")},
    **{(name, "dtype"): dtype_rule(WRONG) for name in ("IntegerLookup", "StringLookup")},
    **{("RandomZoom", name): either(_ZOOM, many(_ZOOM, "them", count=2)) for name in ("height_factor", "width_factor")},
    ("RandomFlip", "mode"): one_of("horizontal", "vertical", "horizontal_and_vertical", origin=WRONG),
    ("RandomGaussianBlur", "kernel_size"): Rule(
        "an odd number above 0 or a list of 2 of them",
        _odd,
        {"anyOf": [_ODD, {"type": "array", "items": _ODD, "minItems": 2, "maxItems": 2}]},
    ),
    **{(name, "factor"): span(0, 1) for name in _WHOLE_FACTOR.split()},
    **{(name, "factor"): span(0, 1, strict=True) for name in ("AugMix", "RandAugment")},
    ("RandomGrayscale", "factor"): number(0, 1, origin=KERAS),
    ("RandomPosterization", "factor"): Rule(
        "a whole number from 1 to 8 or a list of 2 of them",
        _bits,
        {"anyOf": [_BITS, {"type": "array", "items": _BITS, "minItems": 2, "maxItems": 2}]},
    ),
    ("RandomPerspective", "scale"): number(0, 1, origin=KERAS),
    **{(name, "scale"): span(0, 1) for name in ("RandomElasticTransform", "RandomErasing")},
    # What is not a layer.
    ("SGD", "momentum"): number(0, 1, origin=KERAS, point=True),
    ("ScheduleFreeAdamW", "beta_1"): number(above=0, below=1),
    ("Lion", "beta_1"): number(above=0, high=1, origin=KERAS),
    ("Ftrl", "learning_rate_power"): number(high=0, origin=KERAS),
    ("AUC", "num_thresholds"): whole(2),
    ("AUC", "thresholds"): many(_PROBABILITY, "numbers from 0 to 1"),
    ("CategoricalFocalCrossentropy", "alpha"): either(number(), _NUMBERS),
    **{(name, "axis"): _INT for name in ("CategoricalCrossentropy", "SparseCategoricalCrossentropy")},
    **{(f"{name}IoU", "axis"): _LAST_AXIS for name in ("", "Mean", "OneHot", "OneHotMean")},
    ("FBetaScore", "beta"): number(above=0, origin=KERAS, point=True),
    **{(name, "threshold"): number(above=0, high=1, origin=KERAS, point=True) for name in ("F1Score", "FBetaScore")},
    ("CategoricalGeneralizedCrossEntropy", "q"): number(above=0, below=1, origin=KERAS),
    ("MinMaxNorm", "rate"): _PROBABILITY,
    ("VarianceScaling", "scale"): number(above=0, origin=KERAS),
    ("VarianceScaling", "mode"): one_of("fan_in", "fan_out", "fan_avg"),
    **{(name, "mean"): number() for name in ("RandomNormal", "TruncatedNormal")},
    ("OrthogonalRegularizer", "mode"): one_of("rows", "columns"),
    ("OrthogonalRegularizer", "factor"): number(0, origin=RUN, point=True),
    ("CosineDecayRestarts", "initial_learning_rate"): number(0, origin=RUN, point=True),
    **{
        (name, "mode"): one_of("auto", "min", "max", origin=WRONG)
        for name in ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
    },
    ("CSVLogger", "filename"): file_name(),
    ("CSVLogger", "separator"): Rule(
        "one character, such as `;`", _separator, {"type": "string", "pattern": '^[^"\\r\\n\u0000]$'}
    ),
    ("ModelCheckpoint", "filepath"): model_file(),
    ("ModelCheckpoint", "save_freq"): either(one_of("epoch"), whole(1, origin=WRONG)),
    ("ModelCheckpoint", "initial_value_threshold"): number(),
    ("ReduceLROnPlateau", "factor"): number(above=0, below=1),
}

_BY_TYPE: dict[type, Rule] = {bool: flag(), int: number(), float: number(), str: text()}
