"""What predictions of held-out rows show: confused classes, curves over thresholds, residuals, all as plain numbers.

evidence.json is made of it. No Keras needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netspec.graph.ir import KerasObject
from netspec.graph.training import loss_class
from netspec.runtime.run.scores import BINARY, ONE_HOT, SPARSE

GRID = np.linspace(0, 1, 51)  # of the curves
_MATRIX = 30  # classes of a matrix; beyond, the pairs that are confused most often
_CURVES = 10  # classes with curves of their own
_PAIRS = 20
_NUMBERS = 4  # of a row, that are looked at each for itself
_BARS = 30
_DOTS = 300
_FAR = 0.5  # percent of the residuals at each end, which the bars leave out
Plain = dict[str, Any]


class Evidence:
    """What the predictions of one output show.

    Args:
        loss: its loss.
        truth: its targets, (rows, …).
        guess: its predictions, (rows, …).
        weights: what each row, or each step of a row, weighs; None where all count alike.
        classes: the names of its classes, where they have some.
    """

    def __init__(
        self,
        loss: KerasObject | str | None,
        truth: np.ndarray,
        guess: np.ndarray,
        weights: np.ndarray | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self._truth, self._guess, self._classes = truth, guess, tuple(classes)
        self._kind = loss_class(loss)
        self._logits = isinstance(loss, KerasObject) and bool(loss.args.get("from_logits"))
        self._weights = weights
        self._wrong = np.full((len(truth), 1), np.nan)
        self._said: Callable[[int, int], tuple[str, str]] = lambda row, at: ("", "")

    def found(self) -> Plain | None:
        """As JSON takes it; None where there is nothing to compare."""
        truth, guess = self._truth, self._guess
        if not len(truth) or not np.isfinite(guess).all():
            return None
        if self._kind == SPARSE:
            return self._told(truth.reshape(-1), guess.reshape(-1, guess.shape[-1]))
        if self._kind in ONE_HOT and guess.shape[-1] > 1 and truth.shape == guess.shape:
            return self._told(truth.argmax(axis=-1).reshape(-1), guess.reshape(-1, guess.shape[-1]))
        if self._kind in BINARY and truth.size == guess.size and np.isin(truth, (0, 1)).all():
            units = guess.shape[-1] if guess.ndim > 1 else 1
            return self._yes_or_no(truth.reshape(-1, units) == 1, guess.reshape(-1, units))
        if truth.size == guess.size:
            return self._numbers(truth.reshape(len(truth), -1), guess.reshape(len(truth), -1))
        return None

    def worst(self, count: int) -> list[tuple[int, str, str, float]]:
        """The rows that are furthest off: which, what was true, what was predicted, and how far; after `found`."""
        by_row = np.where(np.isnan(self._wrong), -np.inf, self._wrong)
        far = by_row.max(axis=1)
        order = np.argsort(-far, kind="stable")[:count]
        rows = [int(row) for row in order if np.isfinite(far[row]) and far[row] > 0]
        return [(row, *self._said(row, int(by_row[row].argmax())), float(far[row])) for row in rows]

    def _there(self, cases: int) -> np.ndarray:
        """Which of so many labels count: one for each row, or for each step of a row."""
        steps = cases // len(self._truth)
        if self._weights is None:
            return np.ones(cases, bool)
        there = self._weights.reshape(len(self._truth), -1) != 0
        if there.shape[1] not in (1, steps):
            there = there.any(axis=1, keepdims=True)
        return np.array(np.broadcast_to(there, (len(there), steps)).reshape(-1))

    def _name(self, number: int) -> str:
        return self._classes[number] if number < len(self._classes) else str(number)

    def _told(self, numbers: np.ndarray, scores: np.ndarray) -> Plain | None:
        """One class of several."""
        there, units = self._there(len(numbers)), scores.shape[1]
        there &= (numbers >= 0) & (numbers < units)
        if not there.any():
            return None
        if self._logits:
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
        truth, known = numbers.astype(np.int64), np.clip(numbers.astype(np.int64), 0, units - 1)
        guess = scores.argmax(axis=1)
        own = np.take_along_axis(scores, known[:, None], axis=1)[:, 0]
        wrong = np.where(there & (guess != truth), scores.max(axis=1) - own, np.nan)
        self._wrong = wrong.reshape(len(self._truth), -1)
        steps = self._wrong.shape[1]

        def said(row: int, step: int) -> tuple[str, str]:
            at = row * steps + step
            where = f" in step {step + 1}" if steps > 1 else ""
            return self._name(int(truth[at])) + where, f"{self._name(int(guess[at]))} ({scores[at, guess[at]]:.3f})"

        self._said = said
        return self._confused(truth[there], guess[there], scores[there])

    def _confused(self, truth: np.ndarray, guess: np.ndarray, scores: np.ndarray) -> Plain:
        """The class numbers that count, true and predicted, and the score of every class."""
        units = scores.shape[1]
        names = [self._name(number) for number in range(units)] if units <= _MATRIX else []
        plain: Plain = {"kind": "classes", "cases": len(truth), "right": int((truth == guess).sum()), "classes": names}
        if units <= _MATRIX:
            counts = np.bincount(truth * units + guess, minlength=units * units)
            plain["confusion"] = counts.reshape(units, units).tolist()
        else:
            pairs, counts = np.unique(np.stack((truth, guess))[:, truth != guess], axis=1, return_counts=True)
            order = np.argsort(-counts, kind="stable")[:_PAIRS]
            plain["pairs"] = [[*(self._name(int(n)) for n in pairs[:, at]), int(counts[at])] for at in order]
        if units <= _CURVES:
            plain["curves"] = _curves({self._name(at): (truth == at, scores[:, at]) for at in range(units)})
        return plain

    def _yes_or_no(self, truth: np.ndarray, scores: np.ndarray) -> Plain | None:
        """One label or several, each there or not."""
        there, units = self._there(len(truth)), truth.shape[1]
        if not there.any():
            return None
        half = 0.5
        if self._logits:
            scores = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
        wrong = np.where(there[:, None] & ((scores > half) != truth), np.abs(scores - truth), np.nan)
        self._wrong = wrong.reshape(len(self._truth), -1)
        width = self._wrong.shape[1]

        def said(row: int, at: int) -> tuple[str, str]:
            true, score = truth.reshape(-1, width)[row, at], scores.reshape(-1, width)[row, at]
            if units == 1:
                where = f" in step {at + 1}" if width > 1 else ""
                return self._name(int(true)) + where, f"{self._name(int(score > half))} ({score:.3f})"
            name = self._name(at % units)
            return (name if true else f"not {name}"), f"{score:.3f}"

        self._said = said
        return self._decided(truth[there], scores[there])

    def _decided(self, truth: np.ndarray, scores: np.ndarray) -> Plain:
        """The labels that count, (cases, labels), and the probability of each."""
        units, half = truth.shape[1], 0.5
        right = int(((scores > half) == truth).sum())
        if units > 1:
            plain: Plain = {"kind": "several", "cases": truth.size, "right": right}
            plain["curves"] = _curves(
                {self._name(at): (truth[:, at], scores[:, at]) for at in range(min(units, _CURVES))}
            )
            plain["labels"] = units
            return plain
        truth, scores = truth[:, 0], scores[:, 0]
        names = [self._name(0), self._name(1)]
        counts = np.bincount(2 * truth.astype(np.int64) + (scores > half), minlength=4).reshape(2, 2)
        plain = {"kind": "classes", "cases": len(truth), "right": right, "classes": names}
        return plain | {"confusion": counts.tolist(), "curves": _curves({names[1]: (truth, scores)})}

    def _numbers(self, truth: np.ndarray, guess: np.ndarray) -> Plain | None:
        """Numbers: how far they are off."""
        weights = self._weights
        there = np.ones(len(truth), bool) if weights is None else (weights.reshape(len(truth), -1) != 0).any(axis=1)
        truth, guess = truth.astype(np.float64), guess.astype(np.float64)
        there &= np.isfinite(truth).all(axis=1)
        if not there.any():
            return None
        off = np.where(there[:, None], guess - truth, np.nan)
        width = off.shape[1]
        if width > _NUMBERS:
            far = np.sqrt(np.square(off).mean(axis=1))
            self._wrong = far[:, None]
            self._said = lambda row, at: (f"{width:,} numbers", f"{far[row]:.4g} off, as a root mean square")
            return {"kind": "many", "cases": int(there.sum()), "numbers": width, "off": _bars(far[there])}
        self._wrong = np.abs(off)

        def said(row: int, at: int) -> tuple[str, str]:
            where = f" in place {at + 1}" if width > 1 else ""
            return f"{truth[row, at]:.4g}{where}", f"{guess[row, at]:.4g}"

        self._said = said
        columns = [_column(truth[there, at], guess[there, at]) for at in range(width)]
        return {"kind": "numbers", "cases": int(there.sum()), "columns": columns}


def _column(truth: np.ndarray, guess: np.ndarray) -> Plain:
    off = guess - truth
    spread = float(np.square(truth - truth.mean()).sum())
    some = np.linspace(0, len(truth) - 1, min(len(truth), _DOTS)).astype(np.int64)
    return {
        "mae": float(np.abs(off).mean()),
        "rmse": float(np.sqrt(np.square(off).mean())),
        "bias": float(off.mean()),
        "r2": 1 - float(np.square(off).sum()) / spread if spread else None,
        "off": _bars(off),
        "dots": [[float(f"{a:.5g}"), float(f"{b:.5g}")] for a, b in zip(truth[some], guess[some], strict=True)],
    }


def _bars(values: np.ndarray) -> Plain:
    """A histogram, without the few that lie far outside."""
    low, high = (float(each) for each in np.percentile(values, (_FAR, 100 - _FAR)))
    counts, _ = np.histogram(values, _BARS, (low, high) if low < high else None)
    outside = len(values) - int(counts.sum())
    middle = float(np.median(values))
    return {"low": low, "high": high, "counts": counts.tolist(), "outside": outside, "median": middle}


def _curves(each: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Plain]:
    found = (curves(name, truth, scores) for name, (truth, scores) in each.items())
    return [one for one in found if one is not None]


def curves(name: str, truth: np.ndarray, scores: np.ndarray) -> Plain | None:
    """ROC and precision over recall of one class against all others, over GRID; None where it has only one side.

    >>> found = curves("a", np.array([True, False, True, False]), np.array([0.9, 0.4, 0.35, 0.1]))
    >>> found["auc"], round(found["ap"], 4), found["cases"]
    (0.75, 0.8333, 2)
    """
    order = np.argsort(-scores, kind="stable")
    hits, ordered = np.cumsum(truth[order]), scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    true = hits[ends].astype(np.float64)
    false = ends + 1 - true
    if not true[-1] or not false[-1]:
        return None
    recall, passed = true / true[-1], false / false[-1]
    across, up = np.append(0, passed), np.append(0, recall)
    precision = true / (ends + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return {
        "class": name,
        "cases": int(true[-1]),
        "auc": float(np.trapezoid(up, across)),
        "ap": float((np.diff(recall, prepend=0) * precision).sum()),
        "roc": [round(float(up[at]), 4) for at in np.searchsorted(across, GRID + 1e-12, side="right") - 1],
        "precision": [round(float(best[at]), 4) for at in np.searchsorted(recall, GRID - 1e-12)],
    }
