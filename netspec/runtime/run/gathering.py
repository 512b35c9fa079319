"""Makes evidence.json: what the data were, what predictions of held-out rows show. Import it after `engine.keras()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from netspec.graph.ir import Checked
from netspec.runtime.data.features import Prepared
from netspec.runtime.run import looking, worst
from netspec.runtime.run.evidence import GRID, Evidence
from netspec.runtime.run.splits import Part, Splits, input_types

FORMAT_VERSION = "1.0"
_WORST = 5
_MOST_CLASSES = 1000  # whose labels are counted
Plain = dict[str, Any]


def gathered(
    model: Any, checked: Checked, parts: Splits, counted: Mapping[str, Mapping[str, Counter[int]]], trained: float
) -> Plain:
    """All of it.

    Args:
        model: it, with the weights that were kept last.
        checked: its spec.
        parts: its rows.
        counted: by part and output, how many labels of each class there are.
        trained: how many seconds training took.
    """
    prepared = parts.prepared
    every = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
    found: Plain = {
        "format_version": FORMAT_VERSION,
        "parts": {part.name: {"rows": part.rows, "notes": list(part.notes)} for part in every},
        "notes": list(parts.notes),
        "inputs": _inputs(checked, prepared),
        "labels": _labels(counted, prepared),
    }
    held_out = parts.test or parts.validation
    if held_out is not None and not held_out.generated:
        found |= _shown(model, checked, held_out, prepared, trained)
    return found


def _inputs(checked: Checked, prepared: Prepared | None) -> list[Plain]:
    found = []
    for name, tensor in input_types(checked).items():
        shape = list(tensor.shape[1:]) if isinstance(tensor.shape, tuple) else []
        feature = prepared.features.get(name) if prepared is not None else None
        of = {"kind": feature.encoder.kind, "columns": list(feature.encoder.columns)} if feature is not None else {}
        dims = [dim if isinstance(dim, int) else None for dim in shape]
        found.append({"name": name, "shape": dims, "dtype": str(tensor.dtype), **of})
    return found


def _names(name: str, prepared: Prepared | None, units: int = 0) -> Sequence[str]:
    """The names of an output's classes: of several labels in a row their columns', of a running text its tokens."""
    if prepared is None:
        return ()
    label, names = prepared.labels.get(name), prepared.shown_names.get(name, ())
    return label.columns if label is not None and not names and len(label.columns) == units > 1 else names


def _labels(counted: Mapping[str, Mapping[str, Counter[int]]], prepared: Prepared | None) -> Plain:
    """By output the names of the classes, and by part how many labels each has."""
    found: Plain = {}
    for part, outputs in counted.items():
        for output, counter in outputs.items():
            top = max((max(each[output], default=0) for each in counted.values() if output in each), default=0)
            names = _names(output, prepared)
            many = max(top + 1, len(names))
            if counter and many <= _MOST_CLASSES and min(counter) >= 0:
                own = found.setdefault(output, {"classes": [], "counts": {}})
                own["classes"] = [names[at] if at < len(names) else str(at) for at in range(many)]
                own["counts"][part] = [counter.get(at, 0) for at in range(many)]
    return found


def _shown(model: Any, checked: Checked, part: Part, prepared: Prepared | None, trained: float) -> Plain:
    looked = looking.looked(model, checked, part, trained)
    restored = prepared.restored(looked.p) if prepared is not None else looked.p
    truths = prepared.restored(looked.y) if prepared is not None else looked.y
    outputs: Plain = {}
    rows: dict[str, list[tuple[int, str, str, float]]] = {}
    for name, guess in restored.items():
        if checked.training.losses.get(name) is None:
            continue
        names = _names(name, prepared, guess.shape[-1] if guess.ndim > 1 else 0)
        one = Evidence(checked.training.losses[name], truths[name], guess, looked.w.get(name), names)
        plain = one.found()
        if plain is not None:
            outputs[name], rows[name] = plain, one.worst(_WORST)
    wanted = {row for each in rows.values() for row, *_ in each}
    raw, pictures = worst.raw(part, wanted), worst.pictures(part, wanted)
    for name, each in rows.items():
        outputs[name]["worst"] = [
            {
                "number": row + 1,
                "truth": truth,
                "guess": guess,
                "off": off,
                **raw.get(row, {}),
                "pictures": pictures.get(row, {}),
            }
            for row, truth, guess, off in each
        ]
    said = {"split": looked.split, "rows": looked.rows, "of": looked.of}
    return {"looked": said, "grid": [round(float(at), 2) for at in GRID], "outputs": outputs}
