"""What a trained model scores on each part, and how many labels of each class a part has.

Import it after `engine.keras()`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from netspec.graph.ir import Checked
from netspec.runtime.run import loop, scores
from netspec.runtime.run.scores import Number, Scores
from netspec.runtime.run.splits import Splits

Counted = dict[str, dict[str, Counter[int]]]  # by part and output


def scored(
    model: Any, checked: Checked, parts: Splits, last: Mapping[str, Number], *, anew: bool
) -> tuple[tuple[Scores, ...], Counted]:
    """Of the training rows what the last epoch logged, of all others what the kept weights score.

    The last epoch's logs say that of the validation rows too, unless a callback has put back earlier weights (`anew`).
    """
    names = parts.prepared.shown_names if parts.prepared is not None else {}
    outputs = tuple(checked.typed.graph.outputs)
    found, counted = [], {}
    for part in (parts.train, parts.validation, parts.test):
        if part is None:
            continue
        logs: Mapping[str, Number] = last
        if part is parts.validation:
            logs = {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}
        if part is not parts.train and (part is not parts.validation or anew):
            logs = loop.evaluate(model, checked, part)
        counted[part.name] = scores.tallies(part.examples, checked.training)
        majorities = scores.majorities_of(counted[part.name], names)
        of_part = scores.sorted_out(part.name, part.rows, logs, checked.training, outputs, majorities)
        found.append(of_part.without(part.unscored))
    return tuple(found), counted
