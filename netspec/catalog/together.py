"""Arguments that are right one by one and not together: Keras raises when it makes the object.

Layers are not here: what their arguments are together is for their shape rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.catalog.file_names import misnamed

# What scales the loss of a whole model: optimizers and their arguments that are none of some layers alone.
SCALING = frozenset(("LossScaleOptimizer", "inner_optimizer", "loss_scale_factor"))
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_BY_CLASS = {"IoU": None, "OneHotIoU": None, "BinaryIoU": 2}


def at_odds(kind: str, cls: str, args: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The argument at fault, what is wrong and the way out; None where the arguments go together.

    Keras: keras.optimizers.Optimizer, keras.optimizers.schedules.PiecewiseConstantDecay, keras.metrics.IoU and AUC,
    keras.callbacks.ModelCheckpoint.

    >>> at_odds("optimizer", "SGD", {"clipnorm": 1.0, "clipvalue": 0.5})[1]
    '`clipvalue` beside `clipnorm`; an optimizer clips in one way'
    >>> at_odds("schedule", "PiecewiseConstantDecay", {"boundaries": [10, 20], "values": [0.1, 0.01]})[2]
    'list 3 values'
    """
    if kind == "optimizer":
        first, *others = [name for name in _CLIPS if args.get(name) is not None] or [""]
        if others:
            return others[0], f"`{others[0]}` beside `{first}`; an optimizer clips in one way", "leave one of them out"
    elif cls == "PiecewiseConstantDecay":
        bounds, values = args.get("boundaries"), args.get("values")
        if isinstance(bounds, list) and isinstance(values, list) and len(values) != len(bounds) + 1:
            said = f"`values` needs one more than `boundaries`, which has {len(bounds)}; got {len(values)}"
            return "values", said, f"list {len(bounds) + 1} values"
    elif kind == "cell" and cls != "StackedRNNCells" and args.get("dtype") == "bfloat16":
        start = args.get("recurrent_initializer", "Orthogonal")
        if getattr(start, "cls", start) == "Orthogonal":
            return "dtype", "an orthogonal `recurrent_initializer` cannot be made in bfloat16", "take mixed_bfloat16"
    elif cls == "CosineDecay" and args.get("warmup_target") is not None and args.get("warmup_steps", 0) != 0:
        start = args.get("initial_learning_rate")
        if isinstance(start, int):
            said = f"`initial_learning_rate`: Keras wants a decimal point beside `warmup_target`, got `{start}`"
            return "initial_learning_rate", said, f"write `{start}.0`"
    elif kind == "metric" and cls in _BY_CLASS:
        ids, most = args.get("target_class_ids"), args.get("num_classes", _BY_CLASS[cls])
        above = [each for each in ids or () if isinstance(most, int) and isinstance(each, int) and each >= most]
        if above:
            said = f"`target_class_ids`: there is no class {above[0]}, as there are {most}"
            return "target_class_ids", said, f"classes count from 0, so the last one is {most - 1}"
    elif kind == "metric" and cls == "AUC" and args.get("num_labels") is not None and not args.get("multi_label"):
        return "num_labels", "`num_labels` is for `multi_label: true` alone", "add `multi_label: true`, or leave it out"
    elif cls == "ModelCheckpoint":
        return misnamed(args)
    return None
