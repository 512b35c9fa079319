"""The way out of a refused call: what to write, as far as the shapes and the steps above it tell.

Loaded only where a call is refused. Every cure is one that the layer's rule would take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netspec import catalog
from netspec.catalog.shapes.wrappers import RECURRENT
from netspec.catalog.types import UNKNOWN, Dim, ShapeError, Unknown, show
from netspec.catalog.values import describe
from netspec.graph.around import Around, axis_by_axis
from netspec.graph.ir import Call, Graph, LayerDef, Tensor
from netspec.graph.joining import alike, turned

_SEQUENTIAL = frozenset(("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"))
_FLATTENING = ("Flatten", "Global")
_CHANNELS = (1, 3, 2, *(2**n for n in range(2, 12)))  # of an image, the likeliest first


class Ways(Around):
    """Cures for the refused calls of one graph."""

    __slots__ = ()

    def out(self, call: Call, error: ShapeError, at_fault: Sequence[Tensor]) -> str | None:
        """What to write instead; the rule's own words where nothing better is known."""
        if len(at_fault) == 2 and error.code == "NS401":
            fitting = alike if axis_by_axis(call) else turned
            return fitting(self, call, at_fault) or error.help
        if not at_fault:
            return error.help
        layer, tensor = _worker(call), at_fault[-1]
        shape = self.shape(tensor)
        if isinstance(shape, Unknown):
            return error.help
        if isinstance(layer, Graph):
            return self._declared(call, layer, error, tensor)
        if error.code == "NS402":
            return (
                self._last_step_alone(call, at_fault[0]) or self._more_or_fewer_axes(call, layer, tensor) or error.help
            )
        if error.code == "NS405":
            return self._channels_in_front(layer, tensor) or _window(
                layer, shape[error.axis] if error.axis is not None and layer is call.layer else None
            )
        if error.code == "NS403":
            return _axis(layer, error, shape)
        if error.code == "NS407":
            return "a layer of its own takes this shape: write one here in place of `use`"
        if error.code == "NS404":
            return self._sizes(call, layer, error, tensor) or error.help
        return error.help

    # too many or too few axes

    def _more_or_fewer_axes(self, call: Call, layer: LayerDef, tensor: Tensor) -> str | None:
        """A layer in front, a size more of the input, or the layer's sibling for so many axes."""
        shape, cls = self.shape(tensor), layer.cls
        if isinstance(shape, Unknown) or isinstance(call.layer, Graph):
            return None
        rank, sizes = len(shape), shape[1:]
        steps = call.layer.cls == "TimeDistributed"
        if steps and rank == 2:
            return f"without `TimeDistributed`, the `{cls}` works on each row of {show(shape)}"
        if cls == "Permute" and rank > 1:
            return f"name each axis behind the batch, as in `Permute: {list(range(rank - 1, 0, -1))}`"
        if cls == "RepeatVector":
            put = "put `Flatten` in front"
            return f"leave it out, as these are {_many(sizes[0], 'step')} already, or {put}" if rank == 3 else put
        wanted = _axes_of(cls)
        if wanted is None:
            return None
        wanted += steps
        flat = self._flattened(tensor, wanted)
        if flat is not None:
            return flat
        if cls.startswith("ConvLSTM"):
            images = f"`Conv{cls[8:]}` takes single images" if rank == wanted - 1 else "`Reshape` in front makes them"
            return f"it takes images step by step, {wanted} axes; {images}"
        if rank == wanted - 1 and wanted > 3:
            return self._channels(layer, tensor, sizes, steps)
        if rank == wanted - 1:
            return self._steps(layer, tensor, sizes)
        if rank == 2 + steps:
            return _laid_out(sizes[-1], wanted - 2 - steps, sizes[:steps])
        if rank == wanted + 1 and (wider := _sibling(cls, 1)) is not None:
            each = "" if wanted == 3 else f", `TimeDistributed: {{{cls}: …}}` takes them step by step"
            return f"`{wider}` takes {show(shape)}{each}"
        if rank > wanted == 3 and cls in RECURRENT:
            row = math.prod(size for size in sizes[1:] if isinstance(size, int))
            made = show((shape[0], sizes[0], row)) if None not in sizes[1:] else "a sequence of rows"
            return f"`TimeDistributed: Flatten` in front makes {made}"
        return "`Reshape` in front lays the numbers out in other axes"

    def _channels_in_front(self, layer: LayerDef, tensor: Tensor) -> str | None:
        """An input such as [3, 224, 224] whose channels are taken for its height."""
        for _, source in self.above(tensor):
            tensor = source
        shape = self.shape(tensor)
        if tensor.call not in self.graph.inputs or isinstance(shape, Unknown) or len(shape) != 4:
            return None
        if shape[1] not in (1, 3, 4) or shape[2] in (1, 2, 3, 4, None) or shape[2] != shape[3]:
            return None
        turned = _declared((*shape[2:], shape[1]))
        if layer.args.get("data_format") == "channels_first":
            return None
        return f"channels come last: make input `{tensor.call}` `{turned}`, or say `data_format: channels_first`"

    def _flattened(self, tensor: Tensor, wanted: int) -> str | None:
        """The step that took away the axes that are missing, if nothing since has mixed the numbers."""
        shape = self.shape(tensor)
        for above, source in self.above(tensor):
            before = self.shape(source)
            if isinstance(above.layer, LayerDef) and above.layer.cls.startswith(_FLATTENING):
                if isinstance(before, Unknown) or len(before) != wanted:
                    return None
                line = self.line(above.path)
                return f"put this step above the `{above.layer.cls}` in line {line}, where it gets {show(before)}"
            if before != shape:
                return None
        return None

    def _channels(self, layer: LayerDef, tensor: Tensor, sizes: tuple[Dim, ...], steps: bool) -> str:
        """An image without its channels."""
        first = layer.args.get("data_format") == "channels_first"
        lead = sizes[:1] if steps else ()
        wide = (*lead, 1, *sizes[len(lead) :]) if first else (*sizes, 1)
        front = (
            "`ops.expand_dims: -1` in front"
            if wide.count(None) > 1 and not first
            else f"`Reshape: {_list(wide)}` in front"
        )
        if tensor.call in self.graph.inputs:
            return f"add the channels: make input `{tensor.call}` `{_declared(wide)}`, or put {front}"
        narrow = None if steps else _sibling(layer.cls, -1)
        also = f"; `{narrow}` takes {show(self.shape(tensor))} as it is" if narrow else ""
        return f"{front} adds the channels{also}"

    def _steps(self, layer: LayerDef, tensor: Tensor, sizes: tuple[Dim, ...]) -> str:
        """Rows where a sequence is taken."""
        (size,) = sizes
        reshape = f"`Reshape: {_list((size, 1))}` in front"
        made = self.types[tensor].dtype
        if tensor.call in self.graph.inputs:
            if isinstance(made, str) and "int" in made:
                return "`Embedding: {input_dim: …, output_dim: 64}` in front makes a vector of each number"
            what = f"{_many(size, 'step')} of one number"
            return f"for {what} make input `{tensor.call}` `{_declared((size, 1))}`, or put {reshape}"
        return f"`RepeatVector: 10` in front repeats it at 10 steps; {reshape} makes a step of each number"

    # sizes

    def _sizes(self, call: Call, layer: LayerDef, error: ShapeError, tensor: Tensor) -> str | None:
        shape = self.shape(tensor)
        if isinstance(shape, Unknown):
            return None
        if call.layer.cls == "TimeDistributed":
            shape = (shape[0], *shape[2:])
        if layer.cls == "Reshape" and error.argument == "target_shape":
            return self._reshaped(layer, tensor, shape[1:])
        if error.argument == "groups" or (layer.cls == "GroupNormalization" and error.argument is not None):
            return _groups(layer, shape)
        states = call.inputs.get("initial_state")
        if states is not None and error.help is None and tensor in (states if isinstance(states, tuple) else (states,)):
            units = layer.args.get("units")
            if isinstance(units, int) and len(shape) == 2 and isinstance(shape[1], int):
                return f"put `Dense: {units}` {self.behind(tensor)}, or write `units: {shape[1]}`"
        if (
            error.axis is not None
            and layer is call.layer
            and -len(shape) <= error.axis < len(shape)
            and shape[error.axis] is None
        ):
            return self._fixed(tensor, error.axis)
        return None

    def _reshaped(self, layer: LayerDef, tensor: Tensor, sizes: tuple[Dim, ...]) -> str | None:
        """A target with -1 where one is enough, another number of units above, or sizes that divide."""
        target = layer.args["target_shape"]
        target = list(target) if isinstance(target, list | tuple) else [target]
        if not all(isinstance(size, int) for size in (*target, *sizes)):
            return None
        have = math.prod(size for size in sizes if isinstance(size, int))
        known = math.prod(size for size in target if size > 0)
        above = self.calls.get(tensor.call)
        dense = above is not None and isinstance(above.layer, LayerDef) and above.layer.cls == "Dense"
        if above is not None and dense and len(sizes) == 1 and -1 not in target:
            return f"`units: {known}` in {self.called(above)} gives as many numbers"
        if -1 in target:
            return f"the sizes but -1 must divide {have:,}; {known:,} does not"
        for at in range(len(target)):
            rest = known // target[at] if target[at] else 0
            if rest and have % rest == 0:
                return f"`{[*target[:at], have // rest, *target[at + 1 :]]}` holds {have:,} numbers"
        return f"the sizes must make {have:,} together; `[-1]` is all of them"

    def _fixed(self, tensor: Tensor, axis: int) -> str:
        """An axis of any size that weights depend on: the input that leaves it open, or what laid it flat."""
        last = tensor
        for above, source in self.above(tensor):
            before = self.shape(source)
            if isinstance(above.layer, LayerDef) and above.layer.cls == "Flatten" and not isinstance(before, Unknown):
                if 3 <= len(before) <= 5 and before[-1] is not None:
                    pool = f"GlobalAveragePooling{len(before) - 2}D"
                    return f"`{pool}` in place of {self.called(above)} gives a fixed size"
                break
            if isinstance(above.layer, LayerDef) and above.layer.cls == "TextVectorization":
                return f"add `output_sequence_length: 100` to {self.called(above)}, or `output_mode: multi_hot`"
            last = source
            if isinstance(before, Unknown) or not -len(before) <= axis < len(before):
                break
        if last.call in self.graph.inputs:
            return f"give input `{last.call}` a number in place of `null`"
        return "give the inputs above it numbers in place of `null`"

    def _declared(self, call: Call, model: Graph, error: ShapeError, tensor: Tensor) -> str | None:
        """A nested model on a tensor that is none of its input's shape."""
        shape, at = self.shape(tensor), error.inputs[0] if error.inputs else 0
        if isinstance(shape, Unknown) or at >= len(model.inputs):
            return error.help
        name = tuple(model.inputs)[at]
        part = model.inputs[name]
        if part is None or isinstance(call.layer, LayerDef):
            return error.help
        if error.code != "NS404" or type(error) is not ShapeError:
            return error.help or f"its input `{name}` is declared as `{_declared(part.shape)}`"
        want, got = tuple(part.shape), shape[1:]
        front = None
        if None not in (*want, *got) and math.prod(map(int, _known(want))) == math.prod(map(int, _known(got))):
            front = f"`Reshape: {_list(want)}`"
        elif len(want) == len(got) and want[:-1] == got[:-1] and want[-1] is not None:
            front = f"`Dense: {want[-1]}`"
        declare = f"declare `{name}` as `{_declared(got)}`"
        return declare if front is None else f"put {front} {self.behind(tensor)}, or {declare}"

    # the recurrent layer above, the image beside

    def _last_step_alone(self, call: Call, tensor: Tensor) -> str | None:
        """The recurrent step above that would have to give all its steps, and how it is written then."""
        if not _takes_steps(call):
            return None
        shape = self.shape(tensor)
        for _ in range(self.reach):
            above = self.calls.get(tensor.call)
            if above is None or isinstance(above.layer, Graph):
                return None
            outer, layer = above.layer, above.layer
            if outer.cls == "Bidirectional" and isinstance(outer.args.get("layer"), LayerDef):
                layer = outer.args["layer"]
            if layer.cls in RECURRENT and layer.args.get("return_sequences") is not True:
                if tensor.index or (layer.cls.startswith("Conv") and not _takes_frames(call)):
                    return None
                said = f"{self.called(above)} gives its last step alone"
                written = _with_sequences(outer, layer)
                there = "under `shared`" if outer.shared else "there"
                if written is None:
                    where = "there" if outer is layer else f"to its `{layer.cls}`"
                    return f"{said}; add `return_sequences: true` {where}"
                return f"{said}; `{written}` {there} gives all of them"
            sources = above.tensors()
            alike = len(sources) == 1 or all(self.shape(each) == shape for each in sources)
            before = self.shape(sources[0]) if sources and alike else UNKNOWN
            if isinstance(before, Unknown) or isinstance(shape, Unknown) or len(before) != len(shape):
                return None
            tensor = sources[0]
        return None


# single layers


def _worker(call: Call) -> LayerDef | Graph:
    """The layer or model inside all wrappers."""
    layer = call.layer
    while isinstance(layer, LayerDef) and isinstance(inner := layer.args.get("layer"), LayerDef | Graph):
        layer = inner
    return layer


def _axes_of(cls: str) -> int | None:
    """How many axes a layer takes that takes one number of them alone, the batch included."""
    if cls.startswith("ConvLSTM"):
        return int(cls[8]) + 3
    if cls in RECURRENT:
        return 3
    number = cls[-2:-1] if cls.endswith("D") else cls.removesuffix("DTranspose")[-1:]
    return int(number) + 2 if number in ("1", "2", "3") else None


def _sibling(cls: str, by: int) -> str | None:
    """The same layer for one axis more or less: `Conv1D` for `Conv2D`."""
    for number in (1, 2, 3):
        if f"{number}D" in cls:
            other = cls.replace(f"{number}D", f"{number + by}D")
            return other if catalog.find("layer", other) is not None else None
    return None


def _laid_out(size: Dim, axes: int, lead: tuple[Dim, ...]) -> str:
    """A row of numbers as an image, square where it can be; `lead` are the steps that stand before it."""
    if isinstance(size, int):
        for channels in _CHANNELS:
            side = round((size / channels) ** (1 / axes))
            if side > 3 and side**axes * channels == size:
                return f"`Reshape: {_list((*lead, *[side] * axes, channels))}` in front lays its {size:,} numbers out"
    names = {1: "steps", 2: "height, width", 3: "depth, height, width"}[axes]
    before = "".join(f"{-1 if dim is None else dim}, " for dim in lead)
    return f"`Reshape: [{before}{names}, channels]` in front lays the numbers out"


def _window(layer: LayerDef, size: Dim) -> str | None:
    """A window that does not fit into an axis."""
    if layer.cls.startswith("Cropping"):
        return f"crop less than {size}" if isinstance(size, int) else "crop less"
    entry = catalog.find("layer", layer.cls)
    window = next((name for name in ("kernel_size", "pool_size") if entry is not None and entry.param(name)), None)
    if entry is None or window is None or entry.param("padding") is None:
        return None
    if layer.args.get("padding", "valid") != "valid":
        return None
    if isinstance(size, int) and size > 1:
        dilated = layer.args.get("dilation_rate", 1) not in (1, [1], [1, 1], [1, 1, 1])
        smaller = "a smaller `dilation_rate`" if dilated else f"a `{window}` of at most {size}"
        return f"add `padding: same`, or take {smaller}"
    return "add `padding: same`, or take out a step above that makes it smaller"


def _axis(layer: LayerDef, error: ShapeError, shape: tuple[Dim, ...]) -> str | None:
    if layer.cls == "ops.transpose" and len(shape) > 2:
        return f"`axes: {[*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]}` exchanges the last two"
    if error.argument is None or len(shape) < 2:
        return error.help
    return error.help or f"axes count from 0, the batch; the last one is {len(shape) - 1}, or -1"


def _groups(layer: LayerDef, shape: tuple[Dim, ...]) -> str | None:
    """The numbers of groups that the channels divide into."""
    axis = layer.args.get("axis", -1)
    if layer.cls != "GroupNormalization":
        axis = 1 if layer.args.get("data_format") == "channels_first" else -1
    channels = shape[axis] if isinstance(axis, int) and -len(shape) <= axis < len(shape) else None
    if not isinstance(channels, int) or channels < 1:
        return None
    filters = layer.args.get("filters", 0)
    common = math.gcd(channels, filters) if isinstance(filters, int) else channels
    fitting = [str(number) for number in range(1, min(common, 1024) + 1) if common % number == 0]
    if len(fitting) == 1:
        return "leave `groups` out" if layer.cls != "GroupNormalization" else "write `groups: 1`"
    return f"`groups` can be {', '.join(fitting[:-1][-6:])} or {fitting[-1]}"


def _known(sizes: Sequence[Dim]) -> list[int]:
    return [size for size in sizes if isinstance(size, int)]


def _list(sizes: Sequence[Dim]) -> str:
    """Sizes as `Reshape` takes them."""
    return "[" + ", ".join("-1" if size is None else str(size) for size in sizes) + "]"


def _declared(sizes: Sequence[Dim]) -> str:
    """Sizes as an input declares them."""
    return "[" + ", ".join("null" if size is None else str(size) for size in sizes) + "]"


def _many(size: Dim, word: str) -> str:
    """A size and what it counts, in the plural if it is not one."""
    return f"{word}s" if not isinstance(size, int) else f"{size:,} {word}" + "s" * (size != 1)


def _takes_frames(call: Call) -> bool:
    """Whether a call takes images step by step."""
    cls = call.layer.cls
    return cls.startswith("ConvLSTM") or cls.endswith("3D") or cls in ("TimeDistributed", "Bidirectional")


def _takes_steps(call: Call) -> bool:
    """Whether a call takes a sequence, which a recurrent layer gives if it is told so."""
    cls = call.layer.cls
    return cls in RECURRENT or cls in _SEQUENTIAL or cls.endswith("1D") or _takes_frames(call)


def _with_sequences(outer: LayerDef, layer: LayerDef) -> str | None:
    """A recurrent layer as it is written to give all steps; None where its arguments are no plain values."""
    args = {**layer.args, "return_sequences": True}
    plain = all(isinstance(value, bool | int | float | str) for value in args.values())
    if not plain or (outer is not layer and len(outer.args) > 1):
        return None
    inside = ", ".join(f"{name}: {_bare(value)}" for name, value in args.items())
    written = f"{layer.cls}: {{{inside}}}"
    return written if outer is layer else f"{outer.cls}: {{{written}}}"


def _bare(value: bool | int | float | str) -> str:
    return value if isinstance(value, str) and value.isidentifier() else describe(value)
