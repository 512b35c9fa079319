"""What a person should look at in a survey of data: a line for each, of what is nearly surely worth the look.

What may be chance in few rows is not said: distances are held against what two draws of one population show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from netspec.runtime.data.profile import Column, Spread
from netspec.runtime.run import splits
from netspec.runtime.run.surveyed import Labels, Survey

FEW = 10  # training rows of a class
_APART = 0.15  # the largest gap between two distributions' shares below a number (Kolmogorov and Smirnov's)
_MOVED = 0.1  # the share of rows that would have to be of another class or value
_SURE = 2.2  # critical value of the gap: about one in ten thousand draws of one population
_HALF = 0.5
_LISTED = 5


def concerns(found: Survey) -> tuple[str, ...]:
    """All of them, in the order of the survey."""
    lines: list[str] = []
    for name, parts in found.columns.items():
        users = found.users.get(name, ())
        if users and splits.TRAIN in parts:
            lines += _of_column(parts, users, any("output" in user.split()[:3] for user in users))
    for labels in found.labels:
        lines += _of_labels(labels)
    for seen in found.inputs:
        for part, tokens in seen.tokens.items():
            if tokens.cut > _HALF:
                lines.append(
                    f"input `{seen.name}`: {_percent(tokens.cut)} of {part} is longer than {seen.length} and cut"
                )
            if part != splits.TRAIN and tokens.unknown is not None and tokens.unknown > _HALF:
                lines.append(f"input `{seen.name}`: {_percent(tokens.unknown)} of the tokens of {part} are unknown")
    return tuple(lines)


def _of_column(parts: Mapping[str, Column], users: Sequence[str], target: bool) -> Iterator[str]:
    train = parts[splits.TRAIN]
    where = f"column `{train.name}` ({', '.join(users)})"
    if not target and train.there and _constant(train):
        value = next(iter(train.counts)) if train.counts else f"{train.spread.least:g}" if train.spread else ""
        rows = f"all {train.there:,} training rows" if train.there > 1 else "the one training row"
        have = "have" if train.there > 1 else "has"
        yield f"{where} is `{value}` in {rows} that {have} it, so it tells nothing"
    if not target and train.missing > _HALF * train.rows:
        yield f"{where}: {_percent(train.missing / train.rows)} of the training rows have no value"
    if target:
        return  # how labels are spread is said of the outputs
    for name, other in parts.items():
        if name != splits.TRAIN and other.kind == train.kind:
            yield from _far(where, name, train, other)


def _constant(column: Column) -> bool:
    if column.kind in ("number", "array"):
        return column.spread is not None and column.spread.least == column.spread.most
    return column.kind in ("text", "date") and column.distinct == 1


def _far(where: str, part: str, train: Column, other: Column) -> Iterator[str]:
    if train.kind == "number" and train.spread is not None and other.spread is not None:
        if gap(train.spread, other.spread):
            means = f"mean {train.spread.mean:.4g} there, {other.spread.mean:.4g} here"
            yield f"{where}: {part} is far from training ({means})"
    elif train.kind == "text" and train.counts is not None and other.counts is not None and len(train.counts) <= 1000:
        values = sorted({*train.counts, *other.counts})
        mine, theirs = ([counts.get(v, 0) for v in values] for counts in (train.counts, other.counts))
        at = moved(mine, theirs)
        if at is not None:
            shares = f"`{values[at]}` {_share(mine, at)} there, {_share(theirs, at)} here"
            yield f"{where}: {part} is far from training ({shares})"


def _of_labels(labels: Labels) -> Iterator[str]:
    where = f"output `{labels.name}`"
    train = labels.counts.get(splits.TRAIN)
    if train is None:
        numbers = labels.numbers.get(splits.TRAIN)
        if numbers is not None and numbers.least == numbers.most:
            yield f"{where}: every training row is labelled `{numbers.least:g}`, so there is nothing to tell apart"
            return
        for part, other in labels.numbers.items():
            if part != splits.TRAIN and numbers is not None and other is not None and gap(numbers, other):
                yield f"{where}: {part} is far from training (mean {numbers.mean:.4g} there, {other.mean:.4g} here)"
        return
    there = [at for at, count in enumerate(train) if count]
    if len(there) == 1 and not labels.several:
        yield f"{where}: every training row is labelled `{labels.classes[there[0]]}`, so there is nothing to tell apart"
        return
    few = [at for at, count in enumerate(train) if count < FEW]
    if few:
        shown = ", ".join(f"`{labels.classes[at]}` {train[at]}" for at in few[:_LISTED])
        rest = ", …" if len(few) > _LISTED else ""
        have = f"{len(few)} of {len(train)} classes {'has' if len(few) == 1 else 'have'}"
        yield f"{where}: {have} fewer than {FEW} training rows: {shown}{rest}"
    for part, counts in labels.counts.items():
        at = None if part == splits.TRAIN or labels.several else moved(train, counts)
        if at is not None:
            shares = f"`{labels.classes[at]}` {_share(train, at)} there, {_share(counts, at)} here"
            yield f"{where}: {part} is far from training ({shares})"


def gap(one: Spread, other: Spread) -> bool:
    """Whether two samples are of different distributions, by the largest gap between their shares below a number."""
    a, b = one.sample, other.sample
    every = np.concatenate([a, b])
    below = np.searchsorted(a, every, "right") / len(a) - np.searchsorted(b, every, "right") / len(b)
    widest = float(np.abs(below).max())
    return widest > max(_APART, _SURE * math.sqrt((len(a) + len(b)) / (len(a) * len(b))))


def moved(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The place that differs most between two lists of counts that are no two draws of one population, else None.

    >>> moved([500, 500], [80, 20]), moved([500, 500], [5, 2]), moved([500, 500], [48, 52])
    (0, None, None)
    """
    a, b = np.array(one, np.float64), np.array(other, np.float64)
    if a.sum() == 0 or b.sum() == 0:
        return None
    apart = b / b.sum() - a / a.sum()
    if np.abs(apart).sum() / 2 <= _MOVED:
        return None
    k = math.sqrt(b.sum() / a.sum())  # two samples' chi-square statistic, with rare values put together
    common = a + b >= FEW
    if (~common).any():
        a, b = (np.append(counts[common], counts[~common].sum()) for counts in (a, b))
    total = a + b
    statistic = float((((k * a - b / k) ** 2)[total > 0] / total[total > 0]).sum())
    free = max(1, int(np.count_nonzero(total)) - 1)
    return int(np.argmax(np.abs(apart))) if statistic > free + 4 * math.sqrt(2 * free) + 8 else None


def _share(counts: Sequence[int], at: int) -> str:
    return _percent(counts[at] / max(1, sum(counts)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
