"""The shape rules against Keras itself: every answer is equal to Keras's or unknown, every refusal is Keras's too.

NETSPEC_ORACLE=full takes a sample that is many times larger. The first test that asks Keras imports it.
"""

from __future__ import annotations

import contextlib
import os
import random
from typing import Any

import pytest
from grid import GRIDS, Case, Part, cases

from netspec.catalog import shapes
from netspec.catalog.shapes.rule import RULES, Ask
from netspec.catalog.types import UNKNOWN, Inferred, ShapeError, TensorType, Unknown

pytestmark = pytest.mark.keras

LIMIT = 1500 if os.environ.get("NETSPEC_ORACLE") == "full" else 40  # cases from each grid of a class
CLASSES = sorted({cls for grid in GRIDS for cls in grid.classes})


def ours(case: Case) -> Inferred | ShapeError:
    try:
        return shapes.infer(case.cls, case.args, case.inputs, case.call)
    except ShapeError as error:
        return error


def fits(mine: object, theirs: object) -> bool:
    return isinstance(mine, Unknown) or mine == theirs


def refuses_later(case: Case, mine: ShapeError) -> bool:
    """Whether Keras, which takes the symbolic call, refuses once it is to run."""
    import oracle

    if not oracle.traces(case.cls, case.args, [case.inputs], case.call):
        return True
    return mine.code == "NS406" and not oracle.runs_on_strings(case.cls, case.args, case.inputs, case.call)


def disagreement(case: Case) -> str | None:
    """What is wrong with our answer; None if it is Keras's, or unknown."""
    import oracle

    mine, theirs = ours(case), oracle.ask(case.cls, case.args, [case.inputs], case.call)
    if isinstance(mine, ShapeError):
        late = theirs.error is None and refuses_later(case, mine)
        return None if theirs.error or late else f"we refuse ({mine.message}), Keras gives {theirs}"
    known = any(not isinstance(out.shape, Unknown) for out in mine.outputs)
    if theirs.error:
        return f"we say {mine}, Keras refuses: {theirs.error[:300]}" if known else None
    if len(mine.outputs) != len(theirs.outputs):
        return f"we give {len(mine.outputs)} outputs, Keras {len(theirs.outputs)}"
    for my, their in zip(mine.outputs, theirs.outputs, strict=True):
        if isinstance(my.shape, Unknown):
            continue
        dims = their.shape if not isinstance(their.shape, Unknown) else ()
        same = len(my.shape) == len(dims) and all(fits(a, b) for a, b in zip(my.shape, dims, strict=True))
        if not same or not fits(my.dtype, their.dtype) or my.sparse != their.sparse:
            return f"we give {my!r}, Keras {their!r}"
    counts = mine.weights
    if not (fits(counts.trainable, theirs.trainable) and fits(counts.non_trainable, theirs.non_trainable)):
        return f"we count {counts}, Keras {theirs.trainable} and {theirs.non_trainable}"
    return None


@pytest.mark.parametrize("cls", CLASSES)
def test_every_answer_is_keras_s_or_unknown(cls: str) -> None:
    wrong = [f"{case}\n    {why}" for case in cases(cls, LIMIT) if (why := disagreement(case))]
    assert not wrong, f"{len(wrong)} of {len(cases(cls, LIMIT))}\n" + "\n".join(wrong[:8])


@pytest.mark.parametrize("cls", CLASSES)
def test_a_rule_raises_nothing_but_shape_errors(cls: str) -> None:
    for case in cases(cls, LIMIT):
        with contextlib.suppress(ShapeError):
            RULES[cls](Ask(cls, case.args, case.inputs, case.call, shapes.infer_inner))


def test_an_argument_that_is_missing_or_wrong_makes_the_answer_unknown() -> None:
    x = {"inputs": TensorType((None, 4))}
    for args in ({}, {"units": "8"}, {"units": [8]}):
        assert isinstance(shapes.infer("Dense", args, x, {}).outputs[0].shape, Unknown)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_grid_holds_answers_that_are_known(cls: str) -> None:
    answers = [ours(case) for case in cases(cls, LIMIT)]
    for case, answer in zip(cases(cls, LIMIT), answers, strict=True):
        if isinstance(answer, Inferred):
            assert len(shapes.output_names(case.cls, case.args, case.call)) == len(answer.outputs), str(case)
    known = [a for a in answers if isinstance(a, Inferred) and not isinstance(a.outputs[0].shape, Unknown)]
    assert len(known) * 8 >= len(answers)


def forget(case: Case, dice: random.Random) -> Case:
    """The case with some sizes of its inputs made unknown."""

    def blur(tensor: TensorType) -> TensorType:
        shape = () if isinstance(tensor.shape, Unknown) else tensor.shape
        return TensorType(tuple(UNKNOWN if dice.random() < 0.4 else dim for dim in shape), tensor.dtype, tensor.sparse)

    inputs = {k: blur(v) if isinstance(v, TensorType) else [blur(t) for t in v] for k, v in case.inputs.items()}
    return Case(case.cls, case.args, inputs, case.call)


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_sizes_never_make_an_answer_wrong(cls: str) -> None:
    dice = random.Random(cls)
    for case in cases(cls, LIMIT):
        full, less = ours(case), ours(forget(case, dice))
        if isinstance(less, ShapeError):
            assert isinstance(full, ShapeError), f"{case}: {less.message}"
        elif isinstance(full, Inferred):
            for known, blurred in zip(full.outputs, less.outputs, strict=True):
                if isinstance(blurred.shape, Unknown) or isinstance(known.shape, Unknown):
                    continue
                assert len(blurred.shape) == len(known.shape)
                assert all(fits(a, b) for a, b in zip(blurred.shape, known.shape, strict=True)), str(case)
            assert fits(less.weights.trainable, full.weights.trainable), str(case)
            assert fits(less.weights.non_trainable, full.weights.non_trainable), str(case)


def test_every_rule_has_a_grid() -> None:
    layers = {cls for cls in shapes.covered() if not cls.startswith("ops.")}
    assert layers - {"GroupedQueryAttention"} <= set(CLASSES)


AGAIN: tuple[tuple[str, dict[str, Any], list[Any]], ...] = (
    ("Dense", {"units": 2}, [(None, 4), (None, 7, 4), (None, 5), (None, None)]),
    ("Conv2D", {"filters": 2, "kernel_size": 3}, [(None, 32, 32, 3), (None, 64, 64, 3), (None, 32, 32, 4)]),
    (
        "Conv1D",
        {"filters": 2, "kernel_size": 3, "data_format": "channels_first"},
        [(None, 3, 9), (None, 3, 8), (None, 4, 9)],
    ),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3}, [(None, 5, 5, 3), (None, 6, 6, 3), (None, 5, 5, 2)]),
    ("DepthwiseConv2D", {"kernel_size": 3}, [(None, 5, 5, 3), (None, 6, 6, 3), (None, 5, 5, 2)]),
    ("SeparableConv1D", {"filters": 2, "kernel_size": 3}, [(None, 5, 3), (None, 6, 3), (None, 5, 2)]),
    ("BatchNormalization", {}, [(None, 4), (None, 5), (None, 3, 4)]),
    ("BatchNormalization", {"axis": 1}, [(None, 4, 7), (None, 4, 8), (None, 5, 7)]),
    ("LayerNormalization", {}, [(None, 4), (None, 5), (None, 3, 4)]),
    ("RMSNormalization", {}, [(None, 4), (None, 5), (None, 3, 4)]),
    ("GroupNormalization", {"groups": 2}, [(None, 4), (None, 6), (None, 3, 4)]),
    ("PReLU", {}, [(None, 4, 5), (None, 4, 6), (None, 4)]),
    ("PReLU", {"shared_axes": [1]}, [(None, 4, 5), (None, 9, 5), (None, 4, 6)]),
    (
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": [None, 6]},
        [(None, 3, 4), (None, 7, 4), (None, 3, 4, 5)],
    ),
    ("LSTM", {"units": 3}, [(None, 9, 4), (None, None, 4), (None, 9, 5)]),
    ("GRU", {"units": 3}, [(None, 9, 4), (None, 7, 4), (None, 9, 5)]),
    (
        "ConvLSTM1D",
        {"filters": 2, "kernel_size": 2},
        [(None, 3, 8, 2), (None, 5, 8, 2), (None, 3, 9, 2), (None, 3, 8, 3)],
    ),
    ("Bidirectional", {"layer": Part("LSTM", {"units": 3})}, [(None, 9, 4), (None, 7, 4), (None, 9, 5)]),
    ("TimeDistributed", {"layer": Part("Dense", {"units": 3})}, [(None, 9, 4), (None, 7, 4), (None, 9, 5)]),
    ("SpectralNormalization", {"layer": Part("Dense", {"units": 3})}, [(None, 4), (None, 5), (None, 2, 4)]),
    ("Embedding", {"input_dim": 9, "output_dim": 2}, [(None, 4), (None, 5), (None, 2, 4)]),
    ("Flatten", {}, [(None, 4), (None, 5), (None, 2, 4)]),
    ("Dropout", {"rate": 0.5}, [(None, 4), (None, 5), (None, 2, 4)]),
)


@pytest.mark.parametrize(("cls", "args", "sizes"), AGAIN)
def test_a_second_call_is_refused_where_keras_refuses_it(cls: str, args: dict[str, Any], sizes: list[Any]) -> None:
    import oracle

    first, *others = ({"inputs": TensorType(shape)} for shape in sizes)
    for other in others:
        try:
            shapes.check_again(cls, args, list(first.values()), list(other.values()))
            refused = False
        except ShapeError as error:
            assert error.code == "NS407"
            refused = True
        keras_refuses = oracle.ask(cls, args, [first, other], {}).error is not None
        late = not keras_refuses and not oracle.traces(cls, args, [first, other], {})
        assert refused == (keras_refuses or late), f"{cls} on {first} and then {other}"
