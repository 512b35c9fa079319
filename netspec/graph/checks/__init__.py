"""What is legal and hardly meant, and what trains without a word and without use: checks of a whole model.

Each is a function that reads the typed graph, the spec and the plan of training, and speaks through the report.
"""

from __future__ import annotations

from netspec.diagnostics import Report
from netspec.graph.checks.fitting import check_fitting
from netspec.graph.checks.losses import check_losses
from netspec.graph.checks.outputs import check_outputs
from netspec.graph.checks.survey import survey
from netspec.graph.checks.unused import check_unused
from netspec.graph.ir import KerasObject, Training, TypedGraph
from netspec.language.spec import Spec

__all__ = ["check"]

SHAPED = frozenset(("axis", "alpha", "label_weights", "class_id", "top_k"))  # what depends on the output's shape


def check(spec: Spec, typed: TypedGraph, plan: Training, report: Report, *, resolved: bool) -> None:
    """Report what is wrong with a model as a whole and with its training.

    Args:
        spec: what the file says.
        typed: its graph; where a type is unknown, nothing that depends on it is said.
        plan: losses, metrics, the optimizer and callbacks, as far as they are right.
        resolved: every name and argument of the model was found right, so that what is not used was not meant to be.
    """
    found = survey(typed)
    settled = report.ok  # neither a loss nor a type went wrong
    told = check_losses(spec, found, plan, report)
    if any(plan.metrics.values()):
        from netspec.graph.checks.metrics import check_metrics

        check_metrics(spec, found, plan, report)
    scored = [*plan.losses.values(), *(each for metrics in plan.metrics.values() for each in metrics)]
    if any(isinstance(each, KerasObject) and each.args.keys() & SHAPED for each in scored):
        from netspec.graph.checks.axes import check_axes

        check_axes(typed, plan, report)
    if not resolved:
        return
    check_unused(found, report)
    check_fitting(spec, found, plan, report)
    check_outputs(spec, found, plan, told, report)
    # What few specs need is loaded for those alone.
    if (spec.policy is not None or found.dtypes) and spec.losses is not None:
        from netspec.graph.checks.precision import check_precision, check_ranks, check_regularizers

        check_precision(spec, found, plan, report)
        check_ranks(spec, found, plan, report)
        check_regularizers(found, plan, report)
    if spec.freeze or spec.optimizers:
        from netspec.graph.checks.idle import check_idle

        check_idle(spec, found, report)
    if found.unlike and "BatchNormalization" in found.classes:
        from netspec.graph.checks.freezing import check_freezing

        check_freezing(found, report)
    if found.classes & {"Embedding", "ReversibleEmbedding"}:
        from netspec.graph.checks.numbering import check_numbering

        check_numbering(spec, found, report)
    if found.masks:
        from netspec.graph.checks.masks import check_masks

        check_masks(spec, found, plan, report)
    if settled and spec.data is not None and spec.data.train is not None and spec.data.train.text:
        from netspec.graph.checks.ahead import check_ahead

        check_ahead(typed, plan, report)
    if settled and spec.losses is not None:
        from netspec.graph.checks.gradients import check_gradients

        check_gradients(spec, found, plan, report)
