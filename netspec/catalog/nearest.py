"""Did you mean: the one name out of many that a misspelt word most likely stands for. Never a guess that is far off."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

_LONGEST = 48  # hardly a name is longer, and the cost grows with the square
_FURTHEST = 4  # more edits than that are another word, however long it is
_SAFE = 2  # more than that are shown, but not written without being asked

# Names from other libraries and from everyday talk, folded.
_KNOWN = {
    "fc": "Dense",
    "fullyconnected": "Dense",
    "linear": "Dense",
    "perceptron": "Dense",
    "batchnorm": "BatchNormalization",
    "batchnorm1d": "BatchNormalization",
    "batchnorm2d": "BatchNormalization",
    "batchnorm3d": "BatchNormalization",
    "bn": "BatchNormalization",
    "layernorm": "LayerNormalization",
    "groupnorm": "GroupNormalization",
    "rmsnorm": "RMSNormalization",
    "maxpool": "MaxPooling2D",
    "maxpooling": "MaxPooling2D",
    "avgpool": "AveragePooling2D",
    "globalavgpool": "GlobalAveragePooling2D",
    "globalmaxpool": "GlobalMaxPooling2D",
    "conv": "Conv2D",
    "convolution": "Conv2D",
    "convtranspose2d": "Conv2DTranspose",
    "deconv2d": "Conv2DTranspose",
    "deconvolution2d": "Conv2DTranspose",
    "upsample": "UpSampling2D",
    "upsampling": "UpSampling2D",
    "concat": "Concatenate",
    "merge": "Concatenate",
    "mul": "Multiply",
    "sum": "Add",
    "mha": "MultiHeadAttention",
    "multiheadselfattention": "MultiHeadAttention",
    "noise": "GaussianNoise",
    "pad": "ZeroPadding2D",
    "zeropad2d": "ZeroPadding2D",
    "bilstm": "Bidirectional",
    "crossentropy": "categorical_crossentropy",
    "bceloss": "binary_crossentropy",
    "crossentropyloss": "sparse_categorical_crossentropy",
    "l1loss": "mae",
    "mseloss": "mse",
    "xavier": "glorot_uniform",
    "xavieruniform": "glorot_uniform",
    "xaviernormal": "glorot_normal",
    "kaiming": "he_uniform",
    "kaiminguniform": "he_uniform",
    "kaimingnormal": "he_normal",
    "identity": "linear",
    "logistic": "sigmoid",
    "f1": "F1Score",
}


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely means; None where none is near.

    Case and separators do not count at first; then names from elsewhere; then the edit distance, in which two
    letters swapped count once, of at most a third of the length. Ties go to the first in the alphabet.

    >>> layers = ("Conv2D", "Dense", "ReLU", "MaxPooling2D", "BatchNormalization")
    >>> [nearest(word, layers) for word in ("Relu", "dense", "conv_2d", "Desne", "FC", "MaxPool2d", "Transformer")]
    ['ReLU', 'Dense', 'Conv2D', 'Dense', 'Dense', 'MaxPooling2D', None]
    """
    if len(word) > _LONGEST:
        return None
    return _nearest(word, tuple(candidates))


def sure(word: str, candidates: Iterable[str]) -> str | None:
    """The nearest candidate where no other is as near, so that it may be written in place of `word`; else None.

    Names from elsewhere are not sure: `conv` may mean three layers.

    >>> sure("Desne", ("Dense", "Dot")), sure("conv", ("Conv1D", "Conv2D")), sure("losss", ("loss", "less"))
    ('Dense', None, 'loss')
    """
    names = tuple(candidates)
    found = nearest(word, names)
    if found is None:
        return None
    folded, mine = fold(word), fold(found)
    if folded == mine or _expanded(folded) == mine:
        return found
    least = distance(folded, mine, _SAFE)
    if least > _SAFE or fold(_KNOWN.get(folded, "")) == mine:
        return None
    others = (name for name in _folded(names)[0] if name != mine)
    return None if any(distance(folded, name, least) <= least for name in others) else found


def rename(word: str, candidates: Iterable[str]) -> tuple[str, str] | None:
    """What `Report.add` takes as the fix of a misspelt name; None where what is meant is not sure."""
    found = sure(word, candidates)
    return None if found is None else (word, found)


@lru_cache(maxsize=4096)
def _nearest(word: str, candidates: tuple[str, ...]) -> str | None:
    folded = fold(word)
    if not folded:
        return None
    by_fold, letters = _folded(candidates)
    for key in (folded, fold(_KNOWN.get(folded, "")), fold(_expanded(folded))):
        if key in by_fold:
            return min(by_fold[key], key=lambda name: (distance(word, name, _LONGEST), name))
    best, least = None, min(_FURTHEST, max(1, len(folded) // 3)) + 1
    mine = _letters(folded)
    for key, theirs in letters.items():
        # Each letter that only one of the two has costs an edit, so most names are out before they are compared.
        apart = max((mine & ~theirs).bit_count(), (theirs & ~mine).bit_count(), abs(len(key) - len(folded)))
        if apart < least:
            found = distance(folded, key, least - 1)
            if found < least:
                best, least = key, found
    if best is None or least >= len(folded):
        return None
    return min(by_fold[best], key=lambda name: (distance(word, name, _LONGEST), name))


@lru_cache(maxsize=64)
def _folded(candidates: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The candidates by their folded form, in the order of the alphabet, and the letters of each form."""
    by_fold: dict[str, list[str]] = {}
    for name in sorted(candidates):
        by_fold.setdefault(fold(name), []).append(name)
    return by_fold, {key: _letters(key) for key in by_fold}


def _letters(word: str) -> int:
    """Which letters a word has, as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 63)
    return bits


def _expanded(folded: str) -> str:
    """The long form of Keras's usual short ones: maxpool2d -> maxpooling2d."""
    for short, long in (("avgpool", "averagepool"), ("pool", "pooling"), ("norm", "normalization")):
        if short in folded and long not in folded:
            folded = folded.replace(short, long)
    return folded


def fold(word: str) -> str:
    """Lower case, without the separators that people put between words.

    >>> fold("Conv_2d"), fold("Max Pooling-2D")
    ('conv2d', 'maxpooling2d')
    """
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")


def distance(left: str, right: str, limit: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours that lead from one to the other; above `limit`, limit + 1.

    >>> distance("desne", "dense", 3), distance("kernal", "kernel", 3), distance("abc", "xyz", 1)
    (1, 1, 2)
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, above, row = row, before, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
