"""Two tensors that do not go together: what makes them alike."""

from __future__ import annotations

from collections.abc import Sequence

from netspec import catalog
from netspec.catalog.types import Dim, Unknown, show
from netspec.graph.around import Around
from netspec.graph.ir import Call, Graph, LayerDef, Tensor

_UPSAMPLING = {3: "UpSampling1D", 4: "UpSampling2D", 5: "UpSampling3D"}
_STRETCHING = frozenset(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"))
_WIDTH = _STRETCHING | {"Dot"}


def alike(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """What makes two tensors fit together: an upsampling, or padding, channels or axes."""
    return (
        _projected(ways, call, tensors)
        or _stretched(ways, call, tensors)
        or _brought_together(ways, call, tensors)
        or _cut(ways, call, tensors)
    )


def turned(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """A matrix that fits once its last two axes are swapped."""
    left, right = (ways.shape(tensor) for tensor in tensors)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or len(left) < 3 or len(right) < 3:
        return None
    if call.layer.cls not in ("ops.matmul", "ops.dot"):
        return None
    for tensor, shape, fits in ((tensors[1], right, left[-1] == right[-1]), (tensors[0], left, left[-2] == right[-2])):
        if fits and isinstance(shape[-1], int) and isinstance(shape[-2], int):
            order = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
            return f"`ops.transpose: {order}` {ways.behind(tensor)} turns it round"
    return None


def _projected(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """Past layers that made an image smaller and deeper, the image itself goes through a convolution that does both."""
    left, right = (ways.shape(tensor) for tensor in tensors)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or len(left) != len(right) or len(left) not in (3, 4, 5):
        return None
    large, small = (left, right) if ways.larger(tensors) == 0 else (right, left)
    if call.layer.cls not in _STRETCHING or large[-1] == small[-1] or 1 in (large[-1], small[-1]):
        return None
    pairs = list(zip(large[1:-1], small[1:-1], strict=True))
    strides = {-(-a // b) if isinstance(a, int) and isinstance(b, int) and b else 0 for a, b in pairs}
    if len(strides) != 1 or (stride := strides.pop()) < 2:
        return None
    if any(not isinstance(a, int) or -(-a // stride) != b for a, b in pairs):
        return None
    arguments = f"filters: {small[-1]}, kernel_size: 1, strides: {stride}, padding: same"
    layer = f"Conv{len(large) - 2}D"
    return f"`{layer}: {{{arguments}}}` {ways.behind(tensors[ways.larger(tensors)])} makes it {show(small)}"


def _cut(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """Images of almost one size: a border round the smaller one, or cut off the larger."""
    left, right = (ways.shape(tensor) for tensor in tensors)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or len(left) != len(right) or len(left) not in (3, 4, 5):
        return None
    at = ways.larger(tensors)
    large, small = (left, right) if at == 0 else (right, left)
    sizes = [(a, b) for a, b in zip(large[1:-1], small[1:-1], strict=True) if isinstance(a, int) and isinstance(b, int)]
    more = [a - b for a, b in sizes]
    if len(sizes) < len(large) - 2 or min(more) < 0 or max(more) == 0 or any(2 * (a - b) > b for a, b in sizes):
        return None
    if call.layer.cls != "Concatenate" and left[-1] != right[-1]:
        return None
    border = (
        str(more[0] // 2) if len(set(more)) == 1 and more[0] % 2 == 0 else str([[n // 2, n - n // 2] for n in more])
    )
    border = border if len(more) > 1 else border.removeprefix("[").replace("]]", "]")
    number = f"{len(more)}D: {border}"
    added = f"`ZeroPadding{number}` {ways.behind(tensors[1 - at])}"
    return f"{added} makes them equally large, or `Cropping{number}` {ways.behind(tensors[at])}"


def _brought_together(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """What makes the second of two tensors like the first: no padding lost, as many channels, as many axes."""
    first, odd = (ways.shape(tensor) for tensor in tensors)
    if isinstance(first, Unknown) or isinstance(odd, Unknown) or isinstance(call.layer, Graph):
        return None
    if len(first) != len(odd):
        return _same_rank(ways, tensors, first, odd)
    joined = call.layer.args.get("axis", -1) if call.layer.cls == "Concatenate" else None
    along = joined % len(first) if isinstance(joined, int) else None
    axes = [
        at
        for at, (a, b) in enumerate(zip(first, odd, strict=True))
        if at not in (0, along)
        and isinstance(a, int)
        and isinstance(b, int)
        and a != b
        and (along is not None or 1 not in (a, b))
    ]
    last = len(first) - 1
    said = []
    if axes and axes[0] != last:
        if call.layer.cls == "Dot":
            return None
        padded = _padded(ways, tensors, axes[0])
        if padded is None:
            return None
        said.append(padded)
    if last in axes and call.layer.cls in _WIDTH:
        widened = _widened(ways, tensors[1], first)
        if not said and call.layer.cls in _STRETCHING:
            return f"{widened}, or `Concatenate` joins them as they are"
        said.append(widened)
    return ", and ".join(said) or None


def _widened(ways: Around, tensor: Tensor, like: tuple[Dim, ...]) -> str:
    """A layer that gives a tensor as many features as the other one has."""
    layer, size = {4: "Conv2D", 5: "Conv3D"}.get(len(like)), like[-1]
    added = f"`{layer}: {{filters: {size}, kernel_size: 1}}`" if layer else f"`Dense: {size}`"
    return f"{added} {ways.behind(tensor)} gives it {size} {'channels' if layer else 'features'}"


def _padded(ways: Around, tensors: Sequence[Tensor], axis: int) -> str | None:
    """The layers without padding that made one of two images smaller than the other."""
    first, odd = (ways.shape(tensor) for tensor in tensors)
    if isinstance(first, Unknown) or isinstance(odd, Unknown):
        return None
    a, b = first[axis], odd[axis]
    assert isinstance(a, int) and isinstance(b, int)
    small, whole = (tensors[0], odd) if a < b else (tensors[1], first)
    lines: list[int] = []
    now = ways.shape(small)
    for above, source in ways.above(small):
        before = ways.shape(source)
        layer = above.layer
        if isinstance(before, Unknown) or isinstance(now, Unknown) or len(before) != len(now):
            return None
        if before[axis] != now[axis]:
            if not isinstance(layer, LayerDef) or not _unpadded(layer):
                return None
            lines.append(ways.line(above.path))
            if before[1:-1] == whole[1:-1]:
                at = " and ".join(map(str, reversed(lines)))
                return f"`padding: same` at line{'s' * (len(lines) > 1)} {at} keeps {whole[axis]}"
        now = before
    return None


def _same_rank(ways: Around, tensors: Sequence[Tensor], first: tuple[Dim, ...], odd: tuple[Dim, ...]) -> str | None:
    """`Flatten` for the one with more axes where the other has rows, or the row repeated at each step."""
    more, less = (tensors[0], tensors[1]) if len(first) > len(odd) else (tensors[1], tensors[0])
    big, small = (first, odd) if len(first) > len(odd) else (odd, first)
    if len(small) != 2:
        return None
    if len(big) == 3:
        steps = str(big[1]) if isinstance(big[1], int) else "…"
        repeat = f"`RepeatVector: {steps}` {ways.behind(less)} repeats it at each step"
        return f"{repeat}, or `Flatten` {ways.behind(more)} makes a row" if isinstance(big[1], int) else repeat
    if len(big) > 5:
        return None
    pool = f"`GlobalAveragePooling{len(big) - 2}D`"
    flat = "`Flatten` or " if None not in big[1:] else ""
    return f"{flat}{pool} {ways.behind(more)} makes a row of it"


def _stretched(ways: Around, call: Call, tensors: Sequence[Tensor]) -> str | None:
    """Two images of which one is a whole number of times as large as the other: an upsampling in between."""
    if len(tensors) != 2:
        return None
    left, right = (ways.shape(tensor) for tensor in tensors)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or len(left) != len(right):
        return None
    layer = _UPSAMPLING.get(len(left))
    pairs = list(zip(left[1:-1], right[1:-1], strict=True))
    sizes = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int) and a and b]
    if layer is None or len(sizes) != len(pairs):
        return None
    ratios = {
        (a // b, 1) if a > b and a % b == 0 else (b // a, 2) if b > a and b % a == 0 else (0, 0) for a, b in sizes
    }
    if len(ratios) != 1:
        return None
    ((factor, smaller),) = ratios
    if factor < 2:
        return None
    small = tensors[1] if smaller == 1 else tensors[0]
    where = f"after `{small.call}`" if ways.named(small) else f"after the smaller one, {show(ways.shape(small))}"
    if small.call in ways.graph.inputs:
        where = f"on `{small.call}`"
    other = _of_that_size(ways, call, small) if ways.searching and call.layer.cls == "Concatenate" else None
    if other is None and call.layer.cls in _STRETCHING and left[-1] != right[-1] and 1 not in (left[-1], right[-1]):
        upsampled = f"`{layer}: {factor}` {where} makes them equally large"
        return f"{upsampled}, and {_widened(ways, tensors[1], left)}" if left[-1] is not None else upsampled
    if other is None:
        return f"`{layer}: {factor}` {where} makes them equal"
    large = tensors[0] if small == tensors[1] else tensors[1]
    instead = f"take `{other.call}`, {show(ways.shape(other))}, in place of `{large.call}`"
    return f"`{layer}: {factor}` {where} makes them equal, or {instead}"


def _of_that_size(ways: Around, call: Call, small: Tensor) -> Tensor | None:
    """The lowest step with a name that gives an image as large as `small`, which is not made of it in that size."""
    want, found = ways.shape(small), None
    chain, tensor = {small.call}, small
    while (above := ways.calls.get(tensor.call)) is not None and len(above.tensors()) == 1:
        (tensor,) = above.tensors()
        shape = ways.shape(tensor)
        if isinstance(shape, Unknown) or isinstance(want, Unknown) or shape[1:-1] != want[1:-1]:
            break
        chain.add(tensor.call)
    for each in ways.graph.calls:
        if each.name == call.name:
            break
        made = ways.types.get(Tensor(each.name))
        if not each.named or each.name in chain or len(each.outputs) != 1 or made is None:
            continue
        if not isinstance(made.shape, Unknown) and not isinstance(want, Unknown) and made.shape[:-1] == want[:-1]:
            found = Tensor(each.name)
    return found


def _unpadded(layer: LayerDef) -> bool:
    """Whether a layer makes an image smaller for want of padding alone."""
    entry = catalog.find("layer", layer.cls)
    if entry is None or entry.param("kernel_size") is None or layer.args.get("padding", "valid") != "valid":
        return False
    strides = layer.args.get("strides", 1)
    return "Transpose" not in layer.cls and all(
        each == 1 for each in (strides if isinstance(strides, list) else [strides])
    )
