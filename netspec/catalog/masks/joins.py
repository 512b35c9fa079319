"""What the layers that take several tensors do with masks: merging and attention."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.catalog.masks.run import Carried, Dims, Mask, MaskError, Run
from netspec.catalog.types import UNKNOWN, Dim, Unknown, show


def merging(run: Run) -> list[Carried]:
    """Add, Subtract, Average: the masks laid over each other; none if one of the inputs has none."""
    return _or(run, run.attached)


def _or(run: Run, masks: Sequence[Carried]) -> list[Carried]:
    if any(mask is None for mask in masks):
        return []
    found = list(run.known(*masks))
    if len(found) < len(masks):
        return [UNKNOWN]
    made = found[0]
    for each in found[1:]:
        if run.clash(each.shape, made.shape):
            text = (
                f"lays the masks of its inputs over each other, and {show(made.shape)} does not fit {show(each.shape)}"
            )
            raise MaskError(each, text)
        made = Mask(run.wide(made.shape, each.shape), made.origin)
    return [made]


def looking(run: Run) -> list[Carried]:
    """Multiply, Maximum and Minimum: they leave masked numbers out, of those inputs that have as many axes as any."""
    if all(mask is None for mask in run.attached):
        return []
    shapes = [tensor.shape for tensor in run.tensors]
    known = [shape for shape in shapes if not isinstance(shape, Unknown)]
    if len(known) < len(shapes):
        run.sure = False
        return [None if any(mask is None for mask in run.attached) else UNKNOWN]
    most = max(map(len, known))
    seen = [mask if len(shape) == most else None for mask, shape in zip(run.attached, known, strict=True)]
    for carried, shape in zip(seen, known, strict=True):
        for mask in run.known(carried):
            if run.clash((*mask.shape, 1), shape, stretches=False):
                raise MaskError(mask, _one_less(mask, shape))
    if any(mask is None for mask in seen):
        return _or(run, run.attached)
    origin = next((mask.origin for mask in run.known(*seen)), None)
    whole = run.outputs[0].shape
    return [UNKNOWN if isinstance(whole, Unknown) or UNKNOWN in seen else Mask(whole[:-1], origin)]


def _one_less(mask: Mask, shape: Dims) -> str:
    return f"takes masks with one axis less than its inputs, {show(shape[:-1])} with {show(shape)}; got {_got(mask)}"


def _got(mask: Mask) -> str:
    return show(mask.shape)


def concatenate(run: Run) -> list[Carried]:
    """The masks joined as the inputs are, each spread over the last axis first; then one number for each of those."""
    if all(mask is None for mask in run.attached):
        return []
    parts: list[Dims] = []
    found: list[Mask] = []
    for tensor, mask in zip(run.tensors, run.attached, strict=True):
        shape = tensor.shape
        if isinstance(shape, Unknown) or isinstance(mask, Unknown):
            run.sure = False
            return [UNKNOWN]
        part = shape
        if mask is not None:
            found.append(mask)
            part = mask.shape
            if len(part) < len(shape):
                if run.clash((*part, 1), shape):
                    raise MaskError(mask, _one_less(mask, shape))
                part = run.wide((*part, 1), shape)
        parts.append(part)
    axis, rank = run.get("axis", -1), len(parts[0])
    odd = MaskError(found[-1], "joins the masks of its inputs too, and " + " does not fit ".join(map(show, parts)))
    if any(len(part) != rank for part in parts) or axis >= rank:
        raise odd
    joined: list[Dim] = []
    for at, sizes in enumerate(zip(*parts, strict=True)):
        fixed = [size for size in sizes if isinstance(size, int)]
        if at == axis % rank:
            joined.append(sum(fixed) if len(fixed) == len(sizes) else None)
            continue
        if len(set(fixed)) > 1:
            raise odd
        if at and len(fixed) < len(sizes):
            run.sure = False
        joined.append(fixed[0] if fixed else sizes[0])
    return [Mask(tuple(joined[:-1]), found[0].origin)]


def attention(run: Run) -> list[Carried]:
    """Attention and AdditiveAttention: a mask for the query, which goes on, and one for the value."""
    masks = run.used
    if all(mask is None for mask in masks):
        return []
    shapes = [tensor.shape for tensor in run.tensors]
    known = [shape for shape in shapes if not isinstance(shape, Unknown)]
    if len(known) < len(shapes) or min(map(len, known)) < 2 or len(masks) < 2 or len({*map(len, known)}) > 1:
        run.sure = False
        return masks[:1]
    query, value, key = known[0], known[1], known[-1]
    for mask in run.known(masks[1]):
        wide = mask.shape
        if len(wide) == 2 or run.arguments.get("use_causal_mask"):
            wide = (*wide[:-1], 1, wide[-1])
        if run.clash(wide, (*query[:-1], key[-2])):
            raise MaskError(mask, _each_step(mask, "value", value[:-1]))
        if len(wide) > len(query):
            run.sure = False
    for mask in run.known(masks[0]):
        if run.clash((*mask.shape, 1), (*query[:-1], value[-1])):
            raise MaskError(mask, _each_step(mask, "query", query[:-1]))
    return masks[:1]


def _each_step(mask: Mask, name: str, steps: Dims) -> str:
    return f"takes a mask of one number for each step of its {name}, {show(steps)}; got {_got(mask)}"


def heads(run: Run) -> list[Carried]:
    """MultiHeadAttention and GroupQueryAttention: all masks become one, with a number for every pair of steps."""
    own = run.attached[0]
    parts: list[tuple[str, Carried]] = []
    for name in ("query", "value", "key"):
        if name in run.inputs:
            # MultiHeadAttention looks at what its query carries, whatever `query_mask` says.
            asked = f"{name}_mask" in run.inputs and (name, run.cls) != ("query", "MultiHeadAttention")
            parts.append((name, run.written(f"{name}_mask")[0] if asked else run.masks[name][0]))
    if "attention_mask" in run.inputs:
        parts.append(("", run.written("attention_mask")[0]))
    if all(mask is None for _, mask in parts):
        return []
    query, value = (run.inputs[name][0].shape for name in ("query", "value"))
    if isinstance(query, Unknown) or isinstance(value, Unknown) or not len(query) == len(value) == 3:
        run.sure = False
        return [own]
    count = run.get("num_heads", run.get("num_query_heads"))
    scores: Dims = (query[0], count if isinstance(count, int) else UNKNOWN, query[1], value[1])
    pairs: Dims | None = None
    for name, carried in parts:
        for mask in run.known(carried):
            steps = query if name == "query" else value
            odd = MaskError(mask, _each_step(mask, name, steps[:2]))
            shape = mask.shape
            if name:
                shape = (*shape, 1) if name == "query" else (*shape[:-1], 1, shape[-1])
            else:
                odd.message = f"takes an `attention_mask` of {show((query[0], query[1], value[1]))}; got {_got(mask)}"
            if len(shape) > 4 or run.clash(_over_heads(shape), scores):
                raise odd
            if pairs is not None and run.clash(shape, pairs):
                raise odd
            pairs = shape if pairs is None else run.wide(shape, pairs)
    if pairs is not None and (len(pairs) != 3 or run.clash(_over_heads(pairs), scores, stretches=False)):
        run.sure = False  # it depends on how Keras goes about it
    return [own]


def _over_heads(pairs: Dims) -> Dims:
    return (pairs[0], 1, *pairs[1:]) if len(pairs) == 3 else pairs
