"""An analysis as the verbs take it: sound or a SpecError; and the block in which a user's own Python runs for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netspec.diagnostics import Diagnostic, Report
from netspec.diagnostics import Path as Place
from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.graph.own import owned
from netspec.language import source
from netspec.language.source import Document, SourceError
from netspec.language.spec import Own
from netspec.pipeline import Analysis

_SPEC = "spec.yaml"  # in a run folder
_NOT_ITS = ("NS6", "NS7")  # too little memory, and what is said of data already


class SpecError(NetspecError):
    """A spec with errors, of its own Python too. `diagnostics` holds them all, `str()` shows them with their places."""

    exit_code = 1

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        from netspec.render import findings

        super().__init__(findings.text(diagnostics))
        self.diagnostics = tuple(diagnostics)


def sound(analysis: Analysis) -> Checked:
    """What an analysis has found sound. Raises SpecError."""
    if analysis.checked is None:
        raise SpecError(analysis.refusals)
    return analysis.checked


@contextmanager
def own_python(analysis: Analysis, trust: bool, run: Path | None = None) -> Iterator[None]:
    """A block in which the spec's own Python may run, if `trust`; it is found and looked at before.

    Args:
        analysis: of the spec.
        trust: whether the user says that it may run.
        run: a run folder, where the spec is that of a run.

    Raises:
        SpecError: it is not trusted (NS530), cannot be used (NS531), or fails (NS532, NS316); its lines are told.
    """
    from netspec.runtime import trusted

    checked = sound(analysis)
    mine = owned(checked)
    with trusted.trusting(trust):
        if not mine:
            yield
            return
        from netspec.runtime.model import own_code

        folder = Path(checked.folder)
        report = Report(_document(analysis, mine, run))
        own_code.preflight(mine, folder, report)
        if not report.ok:
            raise SpecError(report.diagnostics)
        try:
            yield
        except Exception as error:
            if isinstance(error, SpecError) or (getattr(error, "code", None) or "").startswith(_NOT_ITS):
                raise
            found = own_code.blamed(error, mine, folder)
            if found is None or not any(found.own is each for each in mine):  # of another run, whose weights it takes
                raise
            found.tell(report)
            raise SpecError(report.diagnostics) from error


def _document(analysis: Analysis, mine: Sequence[Own], run: Path | None) -> Document:
    """The text in which all of it stands: a run's copy of its spec, where that says the same as what was resolved."""
    if run is not None and (run / _SPEC).is_file():
        try:
            document, _ = source.read(str(run / _SPEC))
        except SourceError:
            return analysis.document
        if all(_value(document.data, own.at) == own.name for own in mine):
            return document
    return analysis.document


def _value(data: Any, path: Place) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data
