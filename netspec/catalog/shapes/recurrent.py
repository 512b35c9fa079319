"""Shape rules of the recurrent layers: LSTM, GRU, SimpleRNN, RNN over cells, and the convolutional LSTMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.catalog.shapes.convolution import no_stride_with_dilation, slide, window
from netspec.catalog.shapes.rule import (
    NOTHING_KNOWN,
    Ask,
    Dims,
    bad_argument,
    need_rank,
    need_size,
    quantized,
    rule,
    size,
    times,
    total,
)
from netspec.catalog.types import UNKNOWN, Dim, Inferred, ShapeError, TensorType, Unknown, Weights, show

_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


@dataclass(frozen=True, slots=True)
class Cell:
    """One recurrent cell: its kind, its units and what its weights depend on."""

    kind: str  # SimpleRNN, GRU or LSTM
    units: int
    bias: bool
    reset_after: bool

    def weights(self, features: Dim) -> int | Unknown:
        """How many numbers its weights hold when it is fed this many features."""
        gates = _GATES[self.kind]
        rows = 0 if not self.bias else 2 if self.kind == "GRU" and self.reset_after else 1
        return total(size(times(features, gates * self.units)), gates * self.units * (self.units + rows))

    @property
    def states(self) -> int:
        """How many state tensors it carries."""
        return 2 if self.kind == "LSTM" else 1


def cell_of(cls: str, args: Mapping[str, Any]) -> Cell | None:
    """The cell of a class such as LSTM or LSTMCell; None for any other class.

    >>> cell_of("LSTMCell", {"units": 32}).weights(8)
    5248
    """
    kind = cls.removesuffix("Cell")
    if kind not in _GATES:
        return None
    return Cell(kind, args["units"], bool(args.get("use_bias", True)), bool(args.get("reset_after", True)))


def cells_of(args: Mapping[str, Any]) -> tuple[Cell, ...] | None:
    """The cells that an RNN runs, from the bottom up; None where one of them is of an unknown class."""
    given = args.get("cell")
    if getattr(given, "cls", None) == "StackedRNNCells":
        given = given.args["cells"] if given is not None else ()
    parts: Sequence[Any] = given if isinstance(given, Sequence) else (given,)
    cells = [cell_of(part.cls, part.args) if hasattr(part, "cls") else None for part in parts]
    known = tuple(cell for cell in cells if cell is not None)
    return known if known and len(known) == len(cells) else None


def state_names(cls: str, args: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the states that `return_state` adds to a recurrent layer's outputs.

    >>> state_names("LSTM", {"units": 3}), state_names("GRU", {"units": 3})
    (('h', 'c'), ('h',))
    """
    if cls.startswith("ConvLSTM"):
        return ("h", "c")
    own = cell_of(cls, args)
    cells = (own,) if own is not None else cells_of(args)
    if cells is None:
        return ()
    names = [("h", "c")[: cell.states] for cell in cells]
    if len(names) == 1:
        return names[0]
    return tuple(f"{name}_{at}" for at, group in enumerate(names) for name in group)


def _check_start(ask: Ask) -> None:
    """Refuse weights of bfloat16 with recurrent ones that start orthogonal, which TensorFlow cannot compute."""
    start = ask.get("recurrent_initializer", "Orthogonal")
    orthogonal = getattr(start, "cls", start) == "Orthogonal"
    if orthogonal and ask.get("dtype", None) == "bfloat16" and ask.cls != "RNN":
        said = "an orthogonal `recurrent_initializer`, the usual one, cannot be made in bfloat16; take mixed_bfloat16"
        raise bad_argument(ask, "dtype", said)


def _answer(ask: Ask, output: Dims, states: Sequence[Dims], weights: int | Unknown) -> Inferred:
    shapes = (output, *states) if ask.get("return_state", False) else (output,)
    counts = Weights(UNKNOWN, UNKNOWN) if quantized(ask) else Weights(weights, 0)
    return Inferred(tuple(TensorType(shape, ask.dtype) for shape in shapes), counts)


def _fixed_batch(ask: Ask, dims: Dims) -> None:
    if ask.get("stateful", False) and dims[0] is None:
        raise ShapeError(
            f"a stateful {ask.name} needs a fixed batch size, got {show(dims)}",
            argument="stateful",
            inputs=(0,),
            axis=0,
            help="give the input a size: `{shape: [...], batch_size: 32}`",
        )


def _initial_states(ask: Ask, cells: Sequence[Cell]) -> bool:
    """Given first states must be as wide as the cells' own, cell by cell: Keras says so only when it runs them.

    False where nothing can be said: of a stack with other numbers of states, Keras may run a part and leave the rest.
    """
    given = ask.inputs.get("initial_state")
    if given is None:
        return True
    states = (given,) if isinstance(given, TensorType) else tuple(given)
    widths = [cell.units for cell in cells for _ in range(cell.states)]
    if len(cells) > 1 and len(states) != len(widths):
        return False
    if len(states) < len(widths):
        raise ShapeError(
            f"{ask.name} needs {len(widths)} initial states, got {len(states)}",
            inputs=tuple(range(1, len(states) + 1)),
            help=f"take them from another {ask.name} with `return_state: true`",
        )
    for at, (state, units) in enumerate(zip(states, widths, strict=False), start=1):
        if isinstance(state.shape, Unknown):
            continue
        width = state.shape[-1] if state.shape else UNKNOWN
        if len(state.shape) == 2 and isinstance(width, int) and width != units:
            said = f"{ask.name} has {units} units, so its initial states are (batch, {units})"
            if len(cells) > 1:
                said = f"{ask.name}: initial state {at} belongs to a cell of {units} units, so it is (batch, {units})"
            raise ShapeError(f"{said}; got {show(state.shape)}", inputs=(at,), axis=-1)
        if len(state.shape) > 2 and state.shape[0] is None:
            raise ShapeError(
                f"{ask.name} has {units} units, so its initial states are (batch, {units}); got {show(state.shape)}",
                inputs=(at,),
                help="a state is one row: take the last step, or what `return_state: true` gives",
            )
    return True


def by_cell(cls: str, args: Mapping[str, Any], states: Sequence[Any]) -> list[Any]:
    """First states, one after the other, as Keras takes them: those of a stack of cells in a list for each cell."""
    if cls == "Bidirectional":
        inner, half = args["layer"], len(states) // 2
        parts = (states[:half], states[half:])
        return [each for part in parts for each in by_cell(inner.cls, inner.args, part)]
    cell = args.get("cell")
    cells = cells_of(args) if isinstance(cell, Sequence) or getattr(cell, "cls", "") == "StackedRNNCells" else None
    if cells is None or len(states) != sum(each.states for each in cells):
        return list(states)
    waiting = iter(states)
    return [[next(waiting) for _ in range(each.states)] for each in cells]


@rule("LSTM", "GRU", "SimpleRNN", "RNN")
def recurrent(ask: Ask) -> Inferred:
    """(batch, steps, features) becomes (batch, units), or (batch, steps, units) with `return_sequences`.

    `return_state` adds the last states, each (batch, units).
    Keras: keras.layers.LSTM, GRU, SimpleRNN, RNN.

    >>> answer = recurrent(Ask("LSTM", {"units": 32}, {"sequences": TensorType((None, None, 8))}, {}))
    >>> answer.outputs[0].shape, answer.weights.trainable
    ((None, 32), 5248)
    """
    own = cell_of(ask.cls, ask.args)
    cells = (own,) if own is not None else cells_of(ask.args)
    if cells is None:
        return NOTHING_KNOWN
    if any(cell.units <= 0 for cell in cells):
        raise bad_argument(ask, "units", "`units` must be positive")
    if own is None and len(ask.dims) > 3:
        need_size(ask, ask.dims, len(ask.dims) - 1)
        return NOTHING_KNOWN  # cells may take steps of several axes
    dims = need_rank(ask, 3)
    features = need_size(ask, dims, 2)
    _fixed_batch(ask, dims)
    _check_start(ask)
    if not _initial_states(ask, cells):
        return NOTHING_KNOWN
    weights: int | Unknown = 0
    for cell in cells:
        weights = total(weights, cell.weights(features))
        features = cell.units
    output: Dims = (dims[0], dims[1], features) if ask.get("return_sequences", False) else (dims[0], features)
    states: list[Dims] = [(dims[0], cell.units) for cell in cells for _ in range(cell.states)]
    return _answer(ask, output, states, weights)


@rule("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def conv_lstm(ask: Ask) -> Inferred:
    """An LSTM whose steps are images: (batch, steps, *space, channels) becomes (batch, *space, filters).

    Keras: keras.layers.ConvLSTM1D to 3D.

    >>> args = {"filters": 4, "kernel_size": 3}
    >>> conv_lstm(Ask("ConvLSTM2D", args, {"sequences": TensorType((None, 5, 9, 9, 2))}, {})).outputs[0].shape
    (None, 7, 7, 4)
    """
    rank = int(ask.cls[-2])
    filters = ask.args["filters"]
    walk = window(ask, rank)
    no_stride_with_dilation(ask, walk)
    dims = need_rank(ask, rank + 3)
    step: Dims = (dims[0], *dims[2:])
    spatial, _ = walk.split(step)
    if None in spatial:
        raise ShapeError(
            f"{ask.name} needs fixed sizes on its spatial axes, got {show(dims)}",
            inputs=(0,),
            axis=dims.index(None, 2),
        )
    channels = need_size(ask, dims, 2 if walk.first else -1)
    _fixed_batch(ask, dims)
    _check_start(ask)
    space = slide(ask, step, walk)
    state = walk.join(dims[0], space, filters)
    kernel, recurrent_kernel = size(*walk.kernel, channels, 4, filters), size(*walk.kernel, filters, 4, filters)
    bias = 4 * filters if ask.get("use_bias", True) else 0
    output: Dims = (dims[0], dims[1], *state[1:]) if ask.get("return_sequences", False) else state
    return _answer(ask, output, (state, state), total(kernel, recurrent_kernel, bias))
