"""What a rule of FLOPs is: a pure function (Ask, outputs) -> count, in a table under the classes it answers for."""

from __future__ import annotations

from collections.abc import Callable

from netspec.catalog.shapes.rule import Ask, Dims, size
from netspec.catalog.types import TensorType, Unknown

Count = int | Unknown
Outputs = tuple[TensorType, ...]
Rule = Callable[[Ask, Outputs], Count]


def register(rules: dict[str, Rule], *classes: str) -> Callable[[Rule], Rule]:
    """Put a rule into a table under the classes that it answers for."""

    def put(function: Rule) -> Rule:
        rules.update(dict.fromkeys(classes, function))
        return function

    return put


def per_example(dims: Dims) -> Count:
    """How many numbers one example holds: all axes but the batch.

    >>> per_example((None, 7, 8)), per_example((None, None, 8))
    (56, unknown)
    """
    return size(*dims[1:])
