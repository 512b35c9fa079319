"""A parsed spec: what the file says, before any name is looked up. Every part keeps the path it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netspec.diagnostics import Path
from netspec.language.schema import Budget, Data, Fit, Input


@dataclass(frozen=True, slots=True)
class Own:
    """A user's own Python: `module:name`, and the arguments that it gets. `path` leads to the mapping that says so.

    `shape` is what a layer says that each of its outputs is, without the batch; None where it says nothing.
    """

    kind: str
    name: str
    args: Mapping[str, Any]
    path: Path
    shape: tuple[tuple[int | None, ...], ...] | None = None

    @property
    def at(self) -> Path:
        """Where its name stands."""
        return (*self.path, "python")

    @property
    def stem(self) -> str:
        """The name without its module, as it may stand in the name of a layer."""
        return self.name.rpartition(":")[2].lstrip("_") or "own"


@dataclass(frozen=True, slots=True)
class LayerExpr:
    """A layer by its Keras name, with its constructor arguments as they stand in the file.

    `args` is the raw value behind the name: a mapping, a scalar or a list for the first argument, or None.
    `path` leads to the name (its value), so an argument stands at `path + (argument,)`. `own`: it is a user's.
    """

    cls: str
    args: Any
    path: Path
    own: Own | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """A call of something declared under `shared`."""

    target: str
    path: Path


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of `layers`: what is called, on what, under which names."""

    what: LayerExpr | Use | ModelPart | None  # None: refused
    names: tuple[str, ...]
    source: Any  # the raw `from`; None where it is left out
    has_source: bool
    call: Mapping[str, Any]
    repeat: int | None
    path: Path


@dataclass(frozen=True, slots=True)
class ModelPart:
    """The keys that a whole spec and a nested model have in common."""

    inputs: Mapping[str, Input | None]  # None: refused
    shared: Mapping[str, LayerExpr | ModelPart | None]
    steps: tuple[Step, ...]
    outputs: Mapping[str, str] | None  # public name -> reference; None: the last step
    outputs_paths: Mapping[str, Path]
    path: Path
    open: bool = False  # a part that declares names was refused, so an unknown name may be one of them


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec. `losses`, `metrics`, `optimizer` and `optimizers` stay raw: the catalogue knows what they name.

    `freeze` holds names and patterns, each with its place; those of another type are left out.
    """

    name: str
    variables: Mapping[str, Any]
    model: ModelPart
    losses: Any
    metrics: Any
    optimizer: Any
    data: Data | None
    fit: Fit
    budget: Budget | None = None
    policy: str | None = None  # of every layer without a `dtype` of its own
    meant: frozenset[str] = frozenset()  # keys that stand there misspelt, which is said
    freeze: tuple[tuple[str, Path], ...] = ()
    optimizers: Mapping[str, Any] | None = None
