"""The compiler's front half from end to end: the only file that knows the order of the stages.

bytes -read-> Document -parse-> Spec -resolve-> Graph -infer-> TypedGraph -check-> Checked
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from netspec.catalog.types import UNKNOWN, TensorType
from netspec.diagnostics import ERROR, Diagnostic, Report, Suppressed
from netspec.graph.ancestry import made_from
from netspec.graph.budget import check_costs
from netspec.graph.checks import check
from netspec.graph.infer import infer
from netspec.graph.ir import Checked, Graph, Tensor, Training, TypedGraph
from netspec.graph.limits import limits
from netspec.graph.resolve import resolve
from netspec.graph.training import declared_outputs, loss_class, training
from netspec.language import overrides, source, variables
from netspec.language.limits import within
from netspec.language.parse import parse
from netspec.language.python_values import mend
from netspec.language.source import Document
from netspec.language.spec import Spec

if TYPE_CHECKING:
    from netspec.probe.model import Looked, Model


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of one spec without Keras.

    `diagnostics` is what there is to report, `suppressed` what the spec's own comments leave out of it. `checked` is
    there only if no error was found, suppressed or not; `typed` is there as soon as the graph could be resolved.
    `looked` says how far each data file was looked at, `batch_size` is that of `fit`.
    """

    file: str
    document: Document
    diagnostics: tuple[Diagnostic, ...]
    typed: TypedGraph | None
    checked: Checked | None
    suppressed: tuple[Suppressed, ...] = ()
    looked: tuple[Looked, ...] = ()
    batch_size: int = 32

    @property
    def ok(self) -> bool:
        """True if there is no error, suppressed ones included; warnings do not count."""
        return self.checked is not None

    @property
    def refusals(self) -> tuple[Diagnostic, ...]:
        """What a verb says that needs the model: the diagnostics, and the suppressed errors, which it cannot ignore."""
        errors = [each for each in self.suppressed if each.diagnostic.severity == ERROR]
        if not errors:
            return self.diagnostics
        told = [replace(each.diagnostic, notes=(*each.diagnostic.notes, _still(each))) for each in errors]
        return tuple(sorted((*self.diagnostics, *told), key=_order))

    def with_more(self, report: Report) -> Analysis:
        """The analysis with what another look at the same spec found, less what the spec's comments leave out."""
        from netspec.language import comments

        asked = comments.ignores(self.document, Report(self.document))
        kept, suppressed = comments.divided(self.document, report.diagnostics, asked)
        diagnostics = tuple(sorted((*self.diagnostics, *kept), key=_order))
        return replace(self, diagnostics=diagnostics, suppressed=(*self.suppressed, *suppressed))


def _order(each: Diagnostic) -> tuple[str, int, int, str]:
    return each.place.file, each.place.line, each.place.column, each.code


def _still(each: Suppressed) -> str:
    return f"line {each.line} asks to ignore this, which `netspec validate` does; nothing can be built with it"


def analyze(path: str | os.PathLike[str], *, overrides: Sequence[str] = (), shown: str | None = None) -> Analysis:
    """Check the spec at `path` without importing Keras.

    Args:
        path: a YAML file.
        overrides: settings such as `"fit.epochs=3"`, laid over the file before it is checked.
        shown: the file's name in messages; `path` if left out.

    Returns:
        An `Analysis`; its `diagnostics` are sorted by line and column.

    Raises:
        netspec.SourceError: the file is missing, unreadable or no regular file.
    """
    document, report = source.read(path, shown)
    return _analyze(document, report, overrides, os.path.dirname(os.path.abspath(path)))


def analyze_text(
    text: str | bytes,
    *,
    overrides: Sequence[str] = (),
    shown: str = "<stdin>",
    folder: str | None = None,
    look_at_data: bool = True,
) -> Analysis:
    """Check a spec that is in memory; relative paths in it are relative to `folder` (the current one if left out).

    Without `look_at_data` the files under `data` are not looked at.
    """
    document, report = source.read_text(text, shown)
    return _analyze(document, report, overrides, folder or os.getcwd(), look_at_data)


def _analyze(
    document: Document, report: Report, settings: Sequence[str], folder: str, look_at_data: bool = True
) -> Analysis:
    if document.data is None:
        return _told(document, report, settings)
    if settings:
        document = overrides.apply(document, settings, report)
        report.locator = document
    if not within(document, report):
        return _told(document, report, settings)
    mend(document.data, document.text, report)
    try:
        data = _with_variables(document, settings, report)
    except variables.TooLargeError:
        return _told(document, report, settings)
    spec = parse(data, document.file, report)
    if spec is None:
        return _told(document, report, settings)
    graph = resolve(spec.model, spec.name, tuple(spec.variables), report, spec.policy)
    resolved = report.ok
    if spec.freeze:
        from netspec.graph.picking import frozen  # few specs have any

        graph = frozen(spec, graph, report, resolved=resolved)
    typed = infer(graph, report)
    spec = _batched(spec, graph)
    plan = training(spec, typed, report, resolved=resolved)
    check(spec, typed, plan, report, resolved=resolved)
    if resolved:
        check_costs(spec, typed, report)
    looked: tuple[Looked, ...] = ()
    if spec.data is not None and look_at_data:
        from netspec.probe.contract import check_data

        looked = check_data(spec.data, _seen_by_data(spec, typed, plan), FilePath(folder), report)
    checked = None
    if report.ok and graph.outputs:
        checked = Checked(spec.name, typed, plan, spec.data, spec.fit, folder, data, spec.policy)
    return replace(_told(document, report, settings, typed, checked), looked=looked, batch_size=spec.fit.batch_size)


def _batched(spec: Spec, graph: Graph) -> Spec:
    """The spec with the batch size that its inputs prescribe, where `fit` says none."""
    if graph.fixed_batch is None or "batch_size" in spec.fit.model_fields_set:
        return spec
    return replace(spec, fit=spec.fit.model_copy(update={"batch_size": graph.fixed_batch}))


def _seen_by_data(spec: Spec, typed: TypedGraph, plan: Training) -> Model:
    """What data files are held against. A loss that is written and is none was refused, so it is unknown."""
    from netspec.probe.model import Model

    graph, nothing = typed.graph, TensorType(UNKNOWN, UNKNOWN)
    outputs = dict.fromkeys(declared_outputs(spec, graph), nothing)
    if "outputs" not in spec.meant:
        outputs |= {name: typed.types[tensor] for name, tensor in graph.outputs.items()}
    raw = spec.losses
    by_output = raw if isinstance(raw, dict) else {}
    losses: dict[str, Any] = {name: loss_class(loss) for name, loss in plan.losses.items()}
    losses |= {name: UNKNOWN for name, loss in losses.items() if isinstance(loss, str) and ":" in loss}  # a user's own
    refused = [name for name in outputs if losses.get(name) is None and by_output.get(name, raw) is not None]
    if "losses" in spec.meant:
        refused = list(outputs)
    calls = {call.name: call.path for call in graph.calls}
    return Model(
        {} if spec.model.open else {name: typed.types[Tensor(name)] for name in graph.inputs},
        outputs,
        {**losses, **dict.fromkeys(refused, UNKNOWN)},
        frozenset(name for name, metrics in plan.metrics.items() if metrics),
        limits(graph),
        {name: calls[tensor.call] for name, tensor in graph.outputs.items() if tensor.call in calls},
        dict.fromkeys((name for step in spec.model.steps for name in step.names if name not in outputs), "")
        | {step: name for name, step in (spec.model.outputs or {}).items() if step != name},
        {} if spec.model.open else made_from(graph),
    )


def _told(
    document: Document,
    report: Report,
    settings: Sequence[str],
    typed: TypedGraph | None = None,
    checked: Checked | None = None,
) -> Analysis:
    """The analysis, without what the spec's own comments leave out."""
    if "ignore" not in document.text:
        return Analysis(document.file, document, report.diagnostics, typed, checked)
    from netspec.language import comments

    asked = comments.ignores(document, report)
    kept, suppressed = comments.divided(document, report.diagnostics, asked)
    if checked is not None and not settings:  # else not everything was looked at, or not as it is written
        comments.unused(document, kept, asked, report)
        kept, suppressed = comments.divided(document, report.diagnostics, asked)
    return Analysis(document.file, document, kept, typed, checked, suppressed)


def _with_variables(document: Document, settings: Sequence[str], report: Report) -> Any:
    """The data of a document with every `$variable` replaced."""
    data = document.data
    if not isinstance(data, dict):
        return data
    if data.get("vars") is None and "$" not in document.text and not any("$" in text for text in settings):
        return data
    values = variables.declared(data, report)
    rest = {key: value for key, value in data.items() if key != "vars"}
    replaced = variables.substituted(rest, values, (), report)
    return {key: values if key == "vars" and values else replaced.get(key, data[key]) for key in data}
