"""netspec compiles declarative YAML specs into Keras models and trains them.

`import netspec` never imports Keras; the functions that need it import it when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "Analysis",
    "SourceError",
    "SpecError",
    "analyze",
    "build",
    "evaluate",
    "fit",
    "generate",
    "predict",
    "reproduce",
    "resume",
]

_HOMES = {
    "Analysis": "netspec.pipeline",
    "analyze": "netspec.pipeline",
    "SourceError": "netspec.language.source",
    "SpecError": "netspec.verdict",
    "build": "netspec.api",
    "evaluate": "netspec.api",
    "fit": "netspec.api",
    "generate": "netspec.api",
    "predict": "netspec.api",
    "reproduce": "netspec.again",
    "resume": "netspec.again",
}

if TYPE_CHECKING:
    from netspec.again import reproduce, resume
    from netspec.api import build, evaluate, fit, generate, predict
    from netspec.language.source import SourceError
    from netspec.pipeline import Analysis, analyze
    from netspec.verdict import SpecError


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
