"""A loss held against what its output ends in: the wrong activation, one applied twice or not at all, one unit.

Keras trains all of these without a word, or warns in fit.
"""

from __future__ import annotations

from netspec import catalog
from netspec.catalog.types import Unknown, show
from netspec.diagnostics import Path, Report
from netspec.graph.checks.endings import Ending, Endings, Tail
from netspec.graph.checks.survey import Survey
from netspec.graph.ir import KerasObject, Training
from netspec.graph.names import snake
from netspec.graph.training import loss_class, loss_path
from netspec.language.spec import Spec

_BINARY = frozenset(("BinaryCrossentropy", "BinaryFocalCrossentropy"))
_CLASSES = frozenset(("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "CategoricalFocalCrossentropy"))
_HINGES = frozenset(("Hinge", "SquaredHinge"))
_PROBABILITIES = ("softmax", "sigmoid")
# What gives numbers below 0, of which no probability can be made; a crossentropy over classes brings other numbers
# above 0 to a sum of 1 by itself, so that softplus or exponential may be meant there.
_BELOW_ZERO = frozenset(
    (
        *("tanh", "leaky_relu", "elu", "selu", "gelu", "silu", "softsign", "hard_tanh", "mish", "celu"),
        *("log_softmax", "log_sigmoid"),
    )
)
_UNBOUNDED = frozenset(("relu", "relu6", "softplus", "exponential", "squareplus"))


def check_losses(spec: Spec, found: Survey, plan: Training, report: Report) -> frozenset[Path]:
    """NS504, NS505, NS506, NS517 and NS523, output by output, one message for each.

    Returns:
        Where a softmax over one number was told.
    """
    endings = Endings(found)
    told: set[Path] = set()
    typed = found.typed
    for name, tensor in typed.graph.outputs.items():
        tail = endings.tail(typed, tensor)
        shape = typed.types[tensor].shape
        last = None if isinstance(shape, Unknown) or not shape else shape[-1]
        one = _Output(name, tail, show(shape), last if isinstance(last, int) else None, report)
        loss = plan.losses.get(name)
        constant = one.constant()
        if constant is not None:
            told.add(constant)
        if constant is not None or one.twice():
            continue
        if loss is not None:
            one.held_against(loss, loss_path(spec.losses, name))
        elif spec.losses is None and len(typed.graph.outputs) == 1:
            one.softmax_axis(None)
    return frozenset(told)


class _Output:
    """One output, for the messages on it."""

    def __init__(self, name: str, tail: Tail, shown: str, units: int | None, report: Report) -> None:
        self.name, self.tail, self.shown, self.units, self.report = name, tail, shown, units, report
        self.loss: str | None = None  # how the loss is called where it has arguments

    @property
    def ending(self) -> Ending | None:
        """The last activation, if there is one."""
        return self.tail.activations[0] if self.tail.activations else None

    def constant(self) -> Path | None:
        """Where a softmax over one number stands (reported)."""
        for ending in self.tail.activations:
            if ending.activation == "softmax" and ending.size == 1 and ending.last and len(ending.axes) == 1:
                message = f"softmax over 1 unit is always 1.0, so output `{self.name}` says nothing"
                cure = f"use {self._activation('sigmoid', ending)} with binary_crossentropy"
                self.report.add("NS505", ending.path, message, key=ending.path[-1] != "activation", help=cure)
                return ending.path
        return None

    def twice(self) -> bool:
        """A softmax or sigmoid of a softmax or sigmoid."""
        squashing = [each for each in self.tail.activations if each.activation in _PROBABILITIES]
        if len(squashing) < 2:
            return False
        below, above = squashing[:2]
        message = f"output `{self.name}` goes through {above.activation} and then through {below.activation}"
        spans = [(above.path, "applied here already")]
        self.report.add("NS523", below.path, message, spans=spans, help="leave out one of the two")
        return True

    def held_against(self, loss: KerasObject | str, path: Path) -> None:
        """The loss of this output."""
        cls, activation = loss_class(loss), self.tail.activation
        args = loss.args if isinstance(loss, KerasObject) else {}
        if isinstance(loss, KerasObject) and loss.path[:-1] == path:
            path, self.loss = loss.path, str(loss.path[-1])
        logits = args.get("from_logits") is True
        if cls in _CLASSES and self.units == 1 and args.get("axis", -1) == -1:
            said = "is always 0" if cls != "SparseCategoricalCrossentropy" else "knows class 0 alone"
            self._say(path, f"{snake(cls)} over 1 unit {said}", "binary_crossentropy, with `activation: sigmoid`")
        elif activation is None or cls is None:
            return
        elif cls in _BINARY | _CLASSES:
            self._crossentropy(cls, activation, logits, args.get("axis", -1), path)
        elif cls in _HINGES and activation in _PROBABILITIES:
            message = f"output `{self.name}` ends in {activation}, but {snake(cls)} is for numbers from -1 to 1"
            self._say(path, message, "`activation: tanh` or none; with probabilities, a crossentropy")
        elif cls == "Poisson" and (activation == "linear" or activation in _BELOW_ZERO):
            self._say(
                path,
                f"output `{self.name}` can be below 0, of which poisson takes the logarithm",
                "`activation: softplus` or `activation: exponential`",
            )
        elif cls == "KLDivergence" and (activation == "linear" or activation in _BELOW_ZERO):
            self._say(
                path,
                f"output `{self.name}` can be below 0, but {snake(cls)} compares probabilities",
                "`activation: softmax`",
            )

    def _crossentropy(self, cls: str, activation: str, logits: bool, axis: object, path: Path) -> None:
        wanted = "sigmoid" if cls in _BINARY else "softmax"
        if logits:
            if activation in _PROBABILITIES:
                message = f"`from_logits: true`, but output `{self.name}` ends in {activation}, which is then applied "
                where = (*path, "from_logits")
                self._say(where, message + "twice", "leave `from_logits` out, or the activation", "NS506", key=True)
            return
        if activation == "linear":
            message = f"output `{self.name}` has no activation, but its loss takes probabilities"
            self._say(path, message, f"{self._activation(wanted)}, or `from_logits: true` in the loss", "NS506")
        elif activation == "softmax" and cls in _BINARY:
            classes = f"{self.ending.size or 'several'} classes" if self.ending else "classes"
            message = f"output `{self.name}` is a softmax over {classes}, which {snake(cls)} "
            cure = "one-hot labels: categorical_crossentropy; class numbers: sparse_categorical_crossentropy; "
            self._say(path, message + "does not fit", cure + "not exclusive: sigmoid")
        elif activation == "sigmoid" and cls in _CLASSES:
            cure = "binary_crossentropy for yes or no (or several at once); softmax for one class of many"
            self._say(path, f"output `{self.name}` ends in sigmoid, which {snake(cls)} does not fit", cure)
        elif activation in _BELOW_ZERO or activation == "relu" or (cls in _BINARY and activation in _UNBOUNDED):
            message = f"output `{self.name}` ends in {activation}, but {snake(cls)} takes probabilities"
            self._say(path, message, self._activation(wanted))
        elif activation == "softmax":
            self.softmax_axis(axis)

    def softmax_axis(self, axis: object) -> None:
        """A softmax that is not along the axis of the classes, which is `axis` of the loss, the last one for None."""
        ending = self.ending
        if ending is None or ending.activation != "softmax" or ending.dims is None or ending.moved or not ending.axes:
            return
        rank = len(ending.dims)
        classes = -1 if not isinstance(axis, int) else axis
        if not -rank <= classes < rank or classes % rank in ending.axes:
            return
        if 0 in ending.axes:
            return  # the batch, which is told wherever it stands
        along = ", ".join(str(each) for each in ending.axes)
        at = "the last axis" if classes % rank == rank - 1 else f"axis {classes % rank}"
        loss = "its loss takes the classes from" if axis is not None else "classes are taken from"
        message = f"output `{self.name}` is a softmax along axis {along}, but {loss} {at}"
        cure = "leave `axis` out" if classes % rank == rank - 1 else f"write `axis: {classes}`"
        self.report.add("NS517", (*ending.path, "axis"), message, help=f"{cure}, so that the numbers there sum to 1")

    def _activation(self, wanted: str, ending: Ending | None = None) -> str:
        """How an activation is written there: as an argument, or as a step where the layer has no such argument."""
        ending = ending or self.ending
        at = ending.path if ending is not None else self.tail.linear
        entry = catalog.find("layer", at[-1]) if at and isinstance(at[-1], str) else None
        if not at or at[-1] == "activation" or (entry is not None and entry.param("activation") is not None):
            return f"`activation: {wanted}`"
        return f"`Activation: {wanted}` " + ("behind it" if ending is None else "in its place")

    def _say(self, path: Path, message: str, cure: str, code: str = "NS504", *, key: bool = False) -> None:
        spans: list[tuple[Path, str, bool]] = []
        at = self.ending.path if self.ending is not None else self.tail.linear
        if at is not None:
            spans = [(at, f"output `{self.name}`, {self.shown}", at[-1] != "activation")]
        key = key or path[-1:] == (self.loss,)  # `{Hinge: {}}` is called by its name
        self.report.add(code, path, message, key=key, spans=spans, help=cure)
