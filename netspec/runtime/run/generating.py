"""Text from a run: the model gives each next token's distribution, a seeded sampler picks one, and the window moves on.

What a run needs for that is checked rule by rule before the model is built; the model is one compiled function.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netspec.graph.ir import Checked, KerasObject
from netspec.probe import windows as rules
from netspec.probe.words import FIRST, UNKNOWN_TOKEN, tokens
from netspec.runtime.data.encoders import Words
from netspec.runtime.data.features import Input
from netspec.runtime.data.labels import Label
from netspec.runtime.data.split import fractions
from netspec.runtime.data.tables import Table
from netspec.runtime.data.tokens import pad
from netspec.runtime.data.windows import COLUMN
from netspec.runtime.run import inference, runs
from netspec.runtime.run.predictions import UsageError

_DRAWS = 1024  # random numbers that are drawn at a time
# Signs with no white space in front of them, and with none behind.
_BEHIND, _BEFORE = frozenset(".,;:!?…%)]}»”\u2019'-/"), frozenset("([{«“\u2018'-/#$€")
_NEAR_ONE = 1e-3  # how far the sum of a distribution in float16 may be from 1


@dataclass(frozen=True)
class Generated:
    """What was written: `prompt` as it was given, `text` behind it, and what it takes to write it again."""

    run: Path
    weights: str
    prompt: str
    text: str
    tokens: int
    by: str  # characters or words
    seed: int
    unknown: tuple[str, ...]  # tokens of the prompt that the run has not learned
    seconds: float  # from the first token to the last

    def __str__(self) -> str:
        return self.prompt + self.text


@dataclass(frozen=True)
class Way:
    """How one output's classes are tokens of the input: by class number the token, None for one that is not written."""

    output: str
    written: tuple[str | None, ...]
    sequence: bool  # it gives what follows every token, not the last alone
    logits: bool


def generate(
    run: Path,
    checked: Checked,
    *,
    prompt: str = "",
    length: int = 200,
    temperature: float = 1.0,
    seed: int | None = None,
    top_k: int | None = None,
    output: str | None = None,
    best: bool = False,
    heard: Callable[[str], None] | None = None,
) -> Generated:
    """Go on with a text.

    Args:
        run: the run folder.
        checked: the spec of the run, every value as it was then.
        prompt: what the text begins with; its last tokens fill the window, padded where they are fewer.
        length: how many tokens to write.
        temperature: divides the logarithms of the probabilities; 0 takes the likeliest token.
        seed: of the draws; drawn itself if left out.
        top_k: draw from the likeliest tokens alone.
        output: which output to draw from, where several would do.
        best: the best weights instead of the last.
        heard: is called with each piece of text as it is written.

    Raises:
        RunError: the run is damaged, or was trained on generated examples.
        UsageError: the run's model gives no distribution over the tokens of its text.
    """
    record, _ = inference.opened(run)
    prepared = inference.prepared_by(record)
    feature = _text_input(run, prepared.features)
    way = _way(run, checked, feature, prepared.labels, output)
    encoder = feature.encoder
    assert isinstance(encoder, Words)
    seed = secrets.randbelow(2**31) if seed is None else seed
    ids = {token: at + FIRST for at, token in enumerate(encoder.vocabulary)}
    said = rules.newlines(prompt) if _of_a_text(checked) else prompt
    given = tokens(said, encoder.by, encoder.lower, encoder.punctuation)
    unknown = tuple(dict.fromkeys(token for token in given if token not in ids))
    step = _compiled(inference.model_of(run, checked, best=best), checked, feature, way)
    allowed = np.array([at for at, token in enumerate(way.written) if token is not None])
    window = [ids.get(token, UNKNOWN_TOKEN) for token in given]
    parts: list[str] = []
    space = encoder.by == "words" and bool(prompt) and not (prompt[-1].isspace() or prompt[-1] in _BEFORE)
    began = 0.0
    for number in range(length):
        if number % _DRAWS == 0:
            draws = fractions(np.arange(number, number + _DRAWS), seed)
        scores = step(np.array(window[-encoder.length :], np.int32))
        if not number:  # what is compiled in the first call is not writing
            began = time.perf_counter()
            _check(run, way, scores)
        picked = int(allowed[pick(_logs(scores, way)[allowed], temperature, top_k, float(draws[number % _DRAWS]))])
        token = way.written[picked]
        assert token is not None
        window = [*window[-encoder.length :], ids[token]]
        parts.append(f" {token}" if space and token not in _BEHIND else token)
        space = encoder.by == "words" and token not in _BEFORE
        if heard is not None:
            heard(parts[-1])
    seconds = time.perf_counter() - began
    return Generated(
        run, runs.BEST if best else runs.LAST, prompt, "".join(parts), length, encoder.by, seed, unknown, seconds
    )


def pick(scores: np.ndarray, temperature: float, top_k: int | None, draw: float) -> int:
    """The place of one of `scores` (n,), logarithms of likelihoods up to a sum; `draw` in [0, 1) decides.

    >>> scores = np.log([0.5, 0.3, 0.2])
    >>> [pick(scores, 1.0, None, draw) for draw in (0.1, 0.6, 0.9)], pick(scores, 0.0, None, 0.9)
    ([0, 1, 2], 0)
    >>> pick(scores, 1.0, 2, 0.9), pick(np.array([0.0, 3.0]), 0.01, None, 0.999)
    (1, 1)
    """
    if temperature == 0:
        return int(np.argmax(scores))
    places = np.arange(len(scores))
    if top_k is not None and top_k < len(scores):
        places = np.sort(np.argsort(-scores, kind="stable")[:top_k])
    kept = scores[places].astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):  # a temperature next to 0 makes all but the best impossible
        bounds = np.cumsum(np.exp((kept - kept.max()) / temperature))
    return int(places[min(int(np.searchsorted(bounds, draw * bounds[-1], side="right")), len(places) - 1)])


def _of_a_text(checked: Checked) -> bool:
    """Whether the run was trained on a running text."""
    return bool(checked.data is not None and checked.data.train is not None and checked.data.train.text)


def _text_input(run: Path, features: Mapping[str, Input]) -> Input:
    if len(features) != 1:
        names = ", ".join(f"`{name}`" for name in features)
        raise _refusal(run, f"its model has {len(features)} inputs ({names}), and a text feeds one")
    (feature,) = features.values()
    if not isinstance(feature.encoder, Words):
        raise _refusal(run, f"its input `{feature.name}` is made of {feature.encoder.kind}, not of text")
    return feature


def _way(run: Path, checked: Checked, feature: Input, labels: Mapping[str, Label], output: str | None) -> Way:
    """The output to draw from."""
    outputs = tuple(checked.typed.graph.outputs)
    if output is not None and output not in outputs:
        shown = ", ".join(f"`{name}`" for name in outputs)
        raise UsageError(f"`{run}` has no output `{output}`; it has {shown}")
    found: list[Way] = []
    reasons: list[str] = []
    for name in outputs if output is None else (output,):
        answer = _tokens_of(checked, feature, name, labels.get(name))
        if isinstance(answer, str):
            reasons.append(f"output `{name}` {answer}")
        else:
            found.append(answer)
    if not found:
        raise _refusal(run, "; ".join(reasons))
    if len(found) > 1:
        shown = ", ".join(f"`{way.output}`" for way in found)
        raise UsageError(f"`{run}`: several outputs give the next token: {shown}", help="name one with --output")
    return found[0]


def _tokens_of(checked: Checked, feature: Input, name: str, label: Label | None) -> Way | str:
    """Which token each class of an output is; a clause that says why they are none."""
    encoder, loss = feature.encoder, checked.training.losses.get(name)
    assert isinstance(encoder, Words)
    if label is None or loss is None:
        return "has no target, so nothing was learned of what comes next"
    logits = isinstance(loss, KerasObject) and loss.args.get("from_logits") is True
    if _of_a_text(checked):
        nothing: tuple[None, ...] = (None,) * (encoder.size - FIRST - len(encoder.vocabulary))
        sequence = label.dims is not None and len(label.dims) == 2
        return Way(name, (None, None, *encoder.vocabulary, *nothing), sequence, logits)
    if label.form == "numbers":
        return f"is trained towards numbers (column `{label.columns[0]}`), not towards the next token"
    if not label.names:
        return f"has classes that are numbers (column `{label.columns[0]}`), so none is a token of `{feature.name}`"
    known = frozenset(encoder.vocabulary)
    strange = next((each for each in label.names if each not in known), None)
    if strange is not None:
        return f"has the class `{strange}`, which is no token of the vocabulary of `{feature.name}`"
    if label.dims is None or label.dims != (len(label.names),):
        return f"has {len(label.names)} classes and the shape {label.dims}"
    return Way(name, label.names, False, logits)


def _compiled(model: Any, checked: Checked, feature: Input, way: Way) -> Callable[[np.ndarray], np.ndarray]:
    """From the last token numbers, (at most length,), to what the model says of the next one, (classes,)."""
    import tensorflow as tf

    from netspec.runtime.run import loop, snapshots

    encoder = feature.encoder
    assert isinstance(encoder, Words)
    fixed = loop.fixed_batch(checked)

    def prepared(ids: np.ndarray) -> np.ndarray:
        padded = pad(ids, np.array([len(ids)]), encoder.length, encoder.padding, "pre")
        array = feature.fitted(encoder.formed(padded), Table({COLUMN: padded}, 1, "the prompt"))
        return array if fixed is None else np.repeat(array, fixed, axis=0)

    example = prepared(np.zeros(0, np.int32))
    signature = [tf.TensorSpec(example.shape, example.dtype), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def following(x: Any, position: Any) -> Any:
        found = model(x, training=False)
        made = found[way.output] if isinstance(found, dict) else found
        return tf.cast(made[0, position] if way.sequence else made[0], tf.float32)

    def step(ids: np.ndarray) -> np.ndarray:
        if fixed is not None:
            snapshots.forget(model)  # every window begins anew, as an epoch does
        last = max(0, len(ids) - 1) if encoder.padding == "post" else encoder.length - 1
        return np.asarray(following(tf.constant(prepared(ids)), tf.constant(last)))

    return step


def _check(run: Path, way: Way, scores: np.ndarray) -> None:
    """Refuse what is no distribution, once for a run."""
    name = way.output
    if scores.shape != (len(way.written),):
        raise _refusal(run, f"output `{name}` gives {scores.shape} numbers for {len(way.written)} tokens")
    if not np.isfinite(scores).all():
        raise _refusal(run, f"output `{name}` gives numbers that are not finite")
    total = float(scores.sum())
    if not way.logits and (scores.min() < 0 or abs(total - 1) > _NEAR_ONE):
        what = f"`{name}` gives numbers from {scores.min():.3g} to {scores.max():.3g} that sum to {total:.3g}"
        raise _refusal(
            run, f"output {what}, which is no distribution", "end it in softmax, or say `from_logits: true` in its loss"
        )


def _logs(scores: np.ndarray, way: Way) -> np.ndarray:
    return scores if way.logits else np.log(np.maximum(scores, np.finfo(np.float32).tiny))


def _refusal(run: Path, why: str, help: str | None = None) -> UsageError:
    cure = help or "a run writes text whose `train` is a text: `{text: book.txt}`"
    return UsageError(f"`{run}` cannot write text: {why}", help=cure)
