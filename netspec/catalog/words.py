"""What every Keras object and argument is, in a line of our own words, with Keras's page for it.

The lines stand in words.txt and words_ops.txt, written by hand, and are read on first use: checking needs none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from netspec.catalog import OPS, Entry

SITE = "https://keras.io/api/"


@dataclass(frozen=True, slots=True)
class _Words:
    """`objects` and `groups` by (kind, name); `parameters` by name, "Class.name" or "kind.name"."""

    parameters: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], str] = field(default_factory=dict)
    groups: dict[tuple[str, str], str] = field(default_factory=dict)
    pages: dict[tuple[str, str], str] = field(default_factory=dict)


def parameter(entry: Entry, name: str) -> str:
    """What an argument of that name means for the entry, constructor's or call's; "" where nothing is written.

    A line for the class wins over one for its kind, and that over the line for the name alone.

    >>> from netspec.catalog import find
    >>> parameter(find("layer", "Dense"), "units")
    'how many numbers come out for each example'
    """
    for words in (_of(entry).parameters, _read(_FILE).parameters):
        for key in (f"{entry.name}.{name}", f"{entry.kind}.{name}", name):
            if key in words:
                return words[key]
    return ""


def about(entry: Entry) -> str:
    """What the object does, in one line; "" where nothing is written."""
    return _of(entry).objects.get((entry.kind, entry.name), "")


def group(entry: Entry) -> str:
    """The family that Keras's documentation puts the object in, such as "recurrent layers"; "" where it has none."""
    return _of(entry).groups.get((entry.kind, entry.name), "")


def ordered(kind: str) -> tuple[str, ...]:
    """The names of a kind in the order of their groups, which is that of Keras's documentation."""
    words = _read(_OPERATIONS if kind == "op" else _FILE)
    return tuple(name for of, name in words.objects if of == kind)


def link(entry: Entry) -> str:
    """The address of Keras's page about the object, or about its kind where it has none of its own."""
    return SITE + _of(entry).pages.get((entry.kind, entry.name), _KINDS[entry.kind])


_KINDS = {
    "layer": "layers/",
    "cell": "layers/recurrent_layers/",
    "loss": "losses/",
    "metric": "metrics/",
    "optimizer": "optimizers/",
    "schedule": "optimizers/learning_rate_schedules/",
    "initializer": "layers/initializers/",
    "regularizer": "layers/regularizers/",
    "constraint": "layers/constraints/",
    "activation": "layers/activations/",
    "callback": "callbacks/",
    "op": "ops/",
}


_FILE, _OPERATIONS = "words.txt", "words_ops.txt"


def _of(entry: Entry) -> _Words:
    return _read(_OPERATIONS if entry.kind == "op" else _FILE)


@cache
def _read(name: str) -> _Words:
    """The lines of a file; the head of words.txt says how they are written."""
    words = _Words()
    kind = page = family = ""
    with open(Path(__file__).with_name(name), encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if not line or line[0] == "#":
                continue
            if line[0] == "[":
                head, _, page = line[1:-1].partition(" | ")
                kind, _, family = head.partition(": ")
                continue
            key, _, text = line.partition(": ")
            if kind == "arguments":
                words.parameters[key] = text
                continue
            key, _, own = key.partition(" (")
            at = (kind, OPS + key if kind == "op" else key)
            words.objects[at], words.groups[at] = text, family
            words.pages[at] = _page(key, page, own.rstrip(")"))
    return words


def _page(name: str, page: str, own: str) -> str:
    """Where the object stands on keras.io: on a page of its own, under a heading, or only on the page of its family.

    >>> _page("SimpleRNN", "layers/recurrent_layers/", ""), _page("Dice", "losses/", "-")
    ('layers/recurrent_layers/simple_rnn/', 'losses/')
    >>> _page("image.gaussian_blur", "ops/image/#", "")
    'ops/image/#gaussianblur-function'
    """
    if own == "-":
        return page.rstrip("#")
    if "/" in own:
        return own
    if page.endswith("#"):
        heading = name.rpartition(".")[2].lower().replace("_", "")
        return f"{page}{heading}-{'class' if name[0].isupper() else 'function'}"
    return f"{page}{own or _snake(name)}/"


def _snake(name: str) -> str:
    """A class's name as the site writes it in addresses: a new word at a capital before or after a small letter.

    >>> _snake("GlobalMaxPooling1D"), _snake("LSTMCell"), _snake("MultiHeadAttention")
    ('global_max_pooling1d', 'lstm_cell', 'multi_head_attention')
    """
    spelled = ""
    for at, letter in enumerate(name):
        small = name[at - 1 : at].islower() or name[at + 1 : at + 2].islower()
        spelled += "_" if at and letter.isupper() and small else ""
        spelled += letter.lower()
    return spelled
