"""What a sample is: one call of a layer or an operation, with all that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IMAGE = [32, 32, 3]


@dataclass(frozen=True, slots=True)
class Sample:
    """One step: the shapes and dtypes of the inputs by name, its arguments, and its `from` (None: the only input)."""

    inputs: Mapping[str, tuple[list[int], str | None]]
    args: Mapping[str, Any] = field(default_factory=dict)
    source: Any = None
