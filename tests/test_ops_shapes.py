"""The rules of the operations against Keras itself: every answer is Keras's or unknown, every refusal is Keras's too.

NETSPEC_ORACLE=full takes a sample that is many times larger.
"""

from __future__ import annotations

import contextlib
import os
import random
from itertools import combinations_with_replacement
from typing import Any

import pytest
from ops_grid import RULED, Case, cases

from netspec.catalog import names, shapes
from netspec.catalog.shapes.operation import promoted
from netspec.catalog.shapes.rule import RULES, Ask
from netspec.catalog.types import UNKNOWN, Inferred, ShapeError, TensorType, Unknown

pytestmark = pytest.mark.keras

LIMIT = 2000 if os.environ.get("NETSPEC_ORACLE") == "full" else 60  # cases of each operation


def ours(case: Case) -> Inferred | ShapeError:
    try:
        return shapes.infer(case.cls, case.args, case.inputs, {})
    except ShapeError as error:
        return error


def fits(mine: object, theirs: object) -> bool:
    return isinstance(mine, Unknown) or mine == theirs


def disagreement(case: Case) -> str | None:
    """What is wrong with our answer; None if it is Keras's, or unknown."""
    import ops_oracle

    mine, theirs = ours(case), ops_oracle.ask(case.cls, case.args, case.inputs)
    if isinstance(mine, ShapeError):
        late = theirs.error is None and not ops_oracle.traces(case.cls, case.args, case.inputs)
        return None if theirs.error or late else f"we refuse ({mine.message}), Keras gives {theirs}"
    known = any(not isinstance(out.shape, Unknown) for out in mine.outputs)
    if theirs.error:
        return f"we say {mine}, Keras refuses: {theirs.error[:300]}" if known else None
    if len(mine.outputs) != len(theirs.outputs):
        return f"we give {len(mine.outputs)} outputs, Keras {len(theirs.outputs)}"
    if theirs.name != "named":
        return f"the operation is called {theirs.name}"
    for my, their in zip(mine.outputs, theirs.outputs, strict=True):
        if isinstance(my.shape, Unknown):
            continue
        assert not isinstance(their.shape, Unknown)
        same = len(my.shape) == len(their.shape) and all(map(fits, my.shape, their.shape))
        if not same or not fits(my.dtype, their.dtype) or (my.sparse != their.sparse and case.cls != "ops.multiply"):
            return f"we give {my!r}, Keras {their!r}"
    return None


@pytest.mark.parametrize("cls", RULED)
def test_every_answer_is_keras_s_or_unknown(cls: str) -> None:
    found = list(cases(cls, LIMIT))
    wrong = [f"{case}\n    {why}" for case in found if (why := disagreement(case))]
    assert not wrong, f"{len(wrong)} of {len(found)}\n" + "\n".join(wrong[:6])


@pytest.mark.parametrize("cls", RULED)
def test_a_grid_holds_answers_that_are_known_and_named(cls: str) -> None:
    answers = [(case, ours(case)) for case in cases(cls, LIMIT)]
    for case, answer in answers:
        if isinstance(answer, Inferred):
            assert len(shapes.output_names(cls, case.args, {})) == len(answer.outputs), str(case)
            assert answer.weights.trainable == 0
    known = [a for _, a in answers if isinstance(a, Inferred) and not isinstance(a.outputs[0].shape, Unknown)]
    assert len(known) * 8 >= len(answers), f"{len(known)} of {len(answers)}"


def blurred(case: Case, dice: random.Random) -> Case:
    """The case with some sizes of its inputs made unknown."""

    def blur(tensor: TensorType) -> TensorType:
        assert not isinstance(tensor.shape, Unknown)
        dims = tuple(UNKNOWN if dice.random() < 0.4 else dim for dim in tensor.shape)
        return TensorType(dims, tensor.dtype if dice.random() < 0.9 else UNKNOWN)

    inputs = {k: blur(v) if isinstance(v, TensorType) else [blur(t) for t in v] for k, v in case.inputs.items()}
    return Case(case.cls, case.args, inputs)


@pytest.mark.parametrize("cls", RULED)
def test_unknown_sizes_never_make_an_answer_wrong(cls: str) -> None:
    dice = random.Random(cls)
    for case in cases(cls, LIMIT):
        full, less = ours(case), ours(blurred(case, dice))
        if isinstance(less, ShapeError):
            assert isinstance(full, ShapeError), f"{case}: {less.message}"
        elif isinstance(full, Inferred):
            for known, part in zip(full.outputs, less.outputs, strict=True):
                if not isinstance(part.shape, Unknown) and not isinstance(known.shape, Unknown):
                    assert len(part.shape) == len(known.shape), str(case)
                    assert all(map(fits, part.shape, known.shape)) and fits(part.dtype, known.dtype), str(case)


@pytest.mark.parametrize("cls", RULED)
def test_a_rule_raises_nothing_but_what_stands_for_unknown(cls: str) -> None:
    for case in cases(cls, LIMIT):
        with contextlib.suppress(ShapeError, AttributeError, KeyError, TypeError):
            RULES[cls](Ask(cls, case.args, case.inputs, {}))


def test_dtypes_meet_as_in_keras() -> None:
    from keras.src.backend import result_type

    named: dict[str, Any] = {"int": int, "float": float}
    every = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bfloat16", "float16")
    for pair in combinations_with_replacement((*every, "float32", "float64", "int", "float"), 2):
        if not all(each in named for each in pair):
            assert promoted(*pair) == result_type(*(named.get(each, each) for each in pair)), pair


def test_most_operations_have_a_rule() -> None:
    assert len(RULED) >= 150 and {*RULED} <= {*names("op")}
