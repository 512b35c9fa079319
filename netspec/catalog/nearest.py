"""Did you mean: the one name out of many that a misspelt word most likely stands for. Never a guess that is far off."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

_LONGEST = 48  # hardly a name is longer, and the cost grows with the square
_FURTHEST = 4  # more edits than that are another word, however long it is
_MANY = 1_000  # names of a spec's own; a search for each of a thousand mistakes is then still a matter of seconds
_SAFE = 2  # more than that are shown, but not written without being asked
_SHORT, _LONG = 5, 7  # letters of a word that takes one slip of any kind, and two

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
    "rmse": "RootMeanSquaredError",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "csum": "cumsum",
    "ln": "log",
    "sqr": "square",
}

# Folded names of things that Keras has not, each near to the name of something else.
_ELSEWHERE = frozenset(
    (
        *("adagradw", "bitwise", "erfcinv", "exponentiallr", "histogramdd", "isnat", "maxunpool1d", "maxunpool2d"),
        *("maxunpool3d", "mood", "nor", "rrelu", "scatternd", "tan", "uniform", "unitnorm"),
    )
)


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


def near(word: str, candidates: Collection[str]) -> str | None:
    """The same among names that a spec makes up; None where there are so many that looking at each, for each mistake,
    would take seconds."""
    return nearest(word, candidates) if len(candidates) <= _MANY else None


def sure(word: str, candidates: Iterable[str]) -> str | None:
    """The nearest candidate where no other is as near, so that it may be written in place of `word`; else None.

    It must also be a slip of the fingers: `block2` is no misspelt `block1`, nor `rmse` a misspelt `mse`. Names from
    elsewhere are not sure: `conv` may mean three layers.

    >>> sure("Desne", ("Dense", "Dot")), sure("conv", ("Conv1D", "Conv2D")), sure("losss", ("loss", "less"))
    ('Dense', None, 'loss')
    >>> sure("blok1", ("block1", "x")), sure("block2", ("block1", "x")), sure("rmse", ("mse", "mae"))
    ('block1', None, None)
    """
    names = tuple(candidates)
    found = nearest(word, names)
    if found is None:
        return None
    folded, mine = fold(word), fold(found)
    if folded == mine or _expanded(folded) == mine:
        return found
    least = distance(folded, mine, _SAFE)
    if least > _SAFE or folded in _KNOWN or folded in _ELSEWHERE or not _slip(word, found):
        return None
    others = (name for name in _folded(names)[0] if name != mine)
    return None if any(distance(folded, name, least) <= least for name in others) else found


def _slip(word: str, meant: str) -> bool:
    """Whether `word` is `meant` with slips of the fingers, part by part; digits tell things apart and are no slips.

    >>> _slip("kernal_siz", "kernel_size"), _slip("tower_2", "tower_1"), _slip("enc_b", "enc_a"), _slip("rmse", "mse")
    (True, False, False, False)
    """
    if [char for char in word if char.isdigit()] != [char for char in meant if char.isdigit()]:
        return False
    parts, theirs = (each.replace("-", "_").replace(" ", "_").split("_") for each in (word, meant))
    if len(parts) != len(theirs):
        return _slipped(fold(word), fold(meant))
    return all(_slipped(part.lower(), their.lower()) for part, their in zip(parts, theirs, strict=True))


def _slipped(part: str, meant: str) -> bool:
    """The same for one part: a first letter is seldom wrong, and another letter makes another word of a short one."""
    apart, longer, length = distance(part, meant, _SAFE), len(part) - len(meant), len(meant)
    changed = sum(a != b for a, b in zip(part, meant, strict=False)) if longer == 0 else 0
    if apart == 0:
        return True
    if apart == 1 and changed == 2:  # two neighbours are swapped
        return length > 2
    if apart > _SAFE or part[:1] != meant[:1]:
        return False
    if apart == 2:
        return length >= _LONG and changed != 2  # two other letters: minimum, maximum
    if longer == 0:
        return length >= _SHORT
    if longer < 0:
        return len(part) > 2
    at = next((at for at in range(length) if part[at] != meant[at]), length)
    doubled = part[at] == part[at - 1]
    at_end = at == length
    return doubled or (part[at] == "s" and at_end and length > 3) or length >= (_LONG if at_end else _SHORT)


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
            return _closest(word, by_fold[key])
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
    return _closest(word, by_fold[best])


def _closest(word: str, names: list[str]) -> str:
    """Of names that fold alike the one that is written most alike: other letters count before their case."""
    low = word.lower()
    word = low if word.isupper() and word.isalpha() else word  # ACCURACY is not the metric `Accuracy`
    return min(names, key=lambda name: (distance(low, name.lower(), _LONGEST), distance(word, name, _LONGEST), name))


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
