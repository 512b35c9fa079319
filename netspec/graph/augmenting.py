"""`data.augment`: the layers that change a batch of an input at random while training, held against that input.

What comes out has the shape that went in, so that the model never notices. Source: the layers of Keras's image
augmentation and its noise; each draws from a seed that the pipeline gives it.
"""

from __future__ import annotations

from dataclasses import replace

from netspec import catalog
from netspec.catalog import shapes
from netspec.catalog.augmentations import IMAGES, LAYERS, NOISE, why_not
from netspec.catalog.nearest import nearest
from netspec.catalog.types import ShapeError, TensorType, Unknown, show
from netspec.diagnostics import Path, Report
from netspec.graph.ir import LayerDef, Tensor, TypedGraph
from netspec.graph.objects import Objects
from netspec.language.datasets import DATASETS
from netspec.language.parse import layer_expr
from netspec.language.schema import Data, Feature

_BYTES = 255.0  # the brightest pixel


def augmentation(
    data: Data | None, typed: TypedGraph, objects: Objects, report: Report
) -> dict[str, tuple[LayerDef, ...]]:
    """The layers of each input that has some; what is wrong with one is reported, and that input then has none.

    Codes: NS213 for a layer that is no augmentation, NS708 for shapes, NS712 for the range of the pixels.
    """
    found: dict[str, tuple[LayerDef, ...]] = {}
    for name, raw in (data.augment if data is not None else {}).items():
        assert data is not None
        path: Path = ("data", "augment", name)
        made = [_layer(each, (*path, at), objects, report) for at, each in enumerate(raw)]
        part = typed.graph.inputs.get(name)
        layers = [layer for layer in made if layer is not None and layer.sound]
        if part is None or len(layers) < len(made):
            continue  # a name that is no input is said where the data are looked at
        tensor = typed.types[Tensor(name)]
        ranged = _ranged(layers, data.features.get(name), data.dataset, report)
        if ranged is not None and _fits(name, ranged, tensor, path, report):
            found[name] = tuple(ranged)
    return found


def _layer(raw: object, path: Path, objects: Objects, report: Report) -> LayerDef | None:
    expr = layer_expr(raw, path, report)
    if expr is None:
        return None
    if expr.own is not None:
        said, cure = "a layer of your own cannot augment: it may draw at random in Python", "take one of Keras's"
        report.add("NS315", expr.path, said, key=True, help=cure)
        return None
    entry = catalog.find("layer", expr.cls)
    reason = None if entry is None or entry.excluded else why_not(entry.name)
    if reason is not None:
        why, _, cure = reason.partition("; ")
        close = nearest(f"Random{expr.cls}", sorted(LAYERS))
        cure = cure or (f"did you mean `{close}`?" if close else "for example `RandomFlip: horizontal`")
        key = expr.path[-1:] == (expr.cls,)
        report.add("NS213", expr.path, f"`{expr.cls}` cannot augment: {why}", key=key, help=cure)
        return None
    if entry is None and f"Random{expr.cls}" in LAYERS:
        cure = f"did you mean `Random{expr.cls}`?"
        report.add("NS204", expr.path, f"unknown layer `{expr.cls}`", key=expr.path[-1:] == (expr.cls,), help=cure)
        return None
    return objects.layer(expr, None)


def _ranged(
    layers: list[LayerDef], feature: Feature | None, dataset: str | None, report: Report
) -> list[LayerDef] | None:
    """The layers, told between which numbers the pixels lie where the spec's feature says that; None if they must be.

    Keras takes 0 to 255 for granted; for pixels from 0 to 1 `RandomBrightness: 0.1` would then give all but black.
    """
    top = None if feature is None or feature.normalize else _top(feature, dataset)
    told = []
    for layer in layers:
        entry = catalog.find("layer", layer.cls)
        if entry is None or entry.param("value_range") is None or "value_range" in layer.args:
            told.append(layer)
        elif top is not None:
            told.append(replace(layer, args={**layer.args, "value_range": [0.0, top]}))
        elif feature is not None and (feature.normalize or feature.rescale is not None):
            what = "normalize" if feature.normalize else "rescale"
            said = (
                f"`{layer.cls}` takes pixels from 0 to 255, unless `value_range` says otherwise; `{what}` changes them"
            )
            cure = f"say between which numbers they lie: `{layer.cls}: {{…, value_range: [0, 1]}}`"
            report.add("NS712", layer.path, said, key=True, help=cure)
            return None
        else:
            told.append(layer)
    return told


def _top(feature: Feature, dataset: str | None) -> float | None:
    """The largest number that a pixel becomes, None where that is not known."""
    most = _BYTES if feature.image is not None else DATASETS[dataset].most if dataset else None
    return None if most is None else round(most * (feature.rescale or 1.0), 9)


def _fits(name: str, layers: list[LayerDef], tensor: TensorType, path: Path, report: Report) -> bool:
    """Whether the layers take the input, and what they give has its shape."""
    if not any(layer.cls in IMAGES or layer.cls in NOISE for layer in layers):
        report.add(
            "NS708", path, "no layer here changes anything at random", help="for example `RandomFlip: horizontal`"
        )
        return False
    if isinstance(tensor.shape, Unknown):
        return True
    images = [layer for layer in layers if layer.cls not in NOISE]
    if tensor.dtype in ("string", "bool"):
        report.add("NS708", path, f"input `{name}` is {tensor.dtype}, and numbers are augmented", key=True)
        return False
    if images and len(tensor.shape) != 4:
        said = f"`{images[0].cls}` takes images, and input `{name}` is {show(tensor.shape)}"
        cure = f"make it [{', '.join(map(str, tensor.shape[1:]))}, 1]" if len(tensor.shape) == 3 else None
        report.add("NS708", images[0].path, said, key=True, help=cure, spans=[(("inputs", name), show(tensor.shape))])
        return False
    shape = tensor.shape
    for layer in layers:
        entry = catalog.find("layer", layer.cls)
        first = entry.call[0].name if entry is not None and entry.call else "inputs"
        try:
            outputs = shapes.infer(layer.cls, layer.args, {first: TensorType(shape, "float32")}, {}).outputs
        except ShapeError as error:
            inside = error.argument is not None and error.argument in layer.args
            place = (*layer.path, str(error.argument)) if inside else layer.path
            report.add(error.code, place, error.message, key=not inside, help=error.help)
            return False
        if not outputs or isinstance(outputs[0].shape, Unknown):
            return True
        if layer.cls == "RandomCrop" and not _crops(layer, shape, report):
            return False
        shape = outputs[0].shape
    if shape != tensor.shape:
        said = f"the layers make {show(shape)} of input `{name}`, which is {show(tensor.shape)}"
        cure = f"end with `Resizing: {{height: {tensor.shape[1]}, width: {tensor.shape[2]}}}`"
        report.add("NS708", path, said, key=True, help=cure, spans=[(("inputs", name), show(tensor.shape))])
        return False
    return True


def _crops(layer: LayerDef, shape: tuple[object, ...], report: Report) -> bool:
    """Whether a RandomCrop has something to crop: Keras scales what is not larger along both axes, without a word."""
    first = layer.args.get("data_format") == "channels_first"
    have = shape[-2:] if first else shape[-3:-1]
    want = (layer.args.get("height"), layer.args.get("width"))
    if all(not isinstance(a, int) or not isinstance(b, int) or a > b for a, b in zip(have, want, strict=True)):
        return True
    said = f"`RandomCrop` to {want[0]} × {want[1]} takes images that are larger both ways, got {have[0]} × {have[1]}"
    cure = "put `ZeroPadding2D: 4`, or `Resizing` to a larger size, before it"
    report.add("NS708", layer.path, said, key=True, help=cure)
    return False
