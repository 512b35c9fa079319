"""Writes specs/data/tales.txt: short invented tales in plain English, which specs/char_lstm.yaml trains on.

`python tools/make_tales.py` writes the file, `--check` says whether it is current (exit code 1 if not).
Standard library only; one seed gives the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from pathlib import Path

SEED = 1987
TALES = 130
FILE = Path(__file__).resolve().parent.parent / "specs" / "data" / "tales.txt"


def words(text: str) -> tuple[str, ...]:
    """The alternatives in `text`, which stand between bars or, if there are none, between spaces."""
    return tuple(part.strip() for part in text.split("|")) if "|" in text else tuple(text.split())


# Who a tale is about: the trade, the pronouns, what is lost, and what cannot be done without it.
PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("miller", "flour sack", "carry the flour to town"),
    ("baker", "wooden spoon", "stir the morning dough"),
    ("fisher", "long net", "bring home any supper"),
    ("weaver", "silver needle", "finish the winter cloak"),
    ("shepherd", "brass bell", "call the sheep down from the hill"),
    ("clockmaker", "little key", "wind the great clock"),
    ("gardener", "iron spade", "plant the beans before the rain"),
    ("ferryman", "strong rope", "cross the river after dark"),
    ("cook", "copper pot", "make the soup for the feast"),
    ("piper", "reed pipe", "play at the harvest dance"),
    ("beekeeper", "straw hat", "gather the honey in the orchard"),
    ("lamplighter", "tall ladder", "light the lamps along the street"),
)

LISTS: dict[str, tuple[str, ...]] = {
    "animal": words("fox | hare | heron | otter | hedgehog | badger | crow | goose | mole | squirrel | toad | donkey"),
    "place": words("Ashford Brackenhill Coldwater Dunmere Elderby Fernley Greystone Hollowell Larkfield Millbrook"),
    "kind": words("old young quiet cheerful stubborn patient clever careless kind proud"),
    "habit": words(
        "rose before the sun and sang while working | never spoke before breakfast | gave bread to every stranger | "
        "trusted nobody but the cat | counted every coin twice | was known for asking too many questions | "
        "laughed at the rain and grumbled at the sun | slept with one shoe on"
    ),
    "time": words(
        "cold morning in spring | warm evening in summer | grey afternoon in autumn | long night in winter | "
        "market day | morning after the storm | evening before the feast"
    ),
    "spot": words(
        "the kitchen table | the stone wall | the apple tree | the hay in the barn | the old bridge | "
        "the cellar door | the garden gate | the village well | the winter blankets"
    ),
    "small": words(
        "a grey feather | a handful of dust | two dry leaves | a sleeping mouse | a broken button | "
        "a trail of crumbs | one small footprint"
    ),
    "road": words(
        "On the road to the mill | At the edge of the wood | Beside the slow river | Under the old oak | "
        "Near the crossroads | On the far side of the meadow"
    ),
    "doing": words(
        "counting the clouds | washing one foot in the stream | asleep with both eyes open | "
        "talking to a very small snail | building a house out of straw | waiting for the moon to rise | "
        "eating the last of the blackberries"
    ),
    "greeting": words("Good day | Good evening | Well met | Slowly, slowly | Peace to you"),
    "look": words(
        "why do you look so sad | where are you going in such a hurry | what have you lost | "
        "who sent you here"
    ),
    "price": words(
        "a basket of red apples | a warm place by the fire | three honest answers | a song that nobody knows | "
        "half of your bread | a promise for a rainy day"
    ),
    "answer": words(
        "That is a fair price | I have little, but you shall have it | I would give twice as much | "
        "Nobody has ever asked me for that"
    ),
    "task": words(
        "climb the hill and look behind the moon | ask the wind, who hears everything | follow the river to the sea | "
        "go home and look again with your eyes closed | sit still until the shadows are long | "
        "ask the one who has been laughing"
    ),
    "walk": words(
        "walked for three days and three nights | walked until the road was only grass | "
        "went slowly, for the path was steep | ran without looking back | went on in the rain, and the rain went on too"
    ),
    "find": words(
        "in the nest of a very surprised magpie | at the bottom of the well, shining in the dark | "
        "hanging on the branch of an apple tree | in the hands of a child who had only wanted to play | "
        "behind the door, where nobody had looked | under the hat of the scarecrow"
    ),
    "sign": words(
        "The wind grew quiet. | A bell rang far away. | The moon came out from behind a cloud. | "
        "Somewhere a dog began to bark. | The river was loud that night. | It began to snow. | "
        "Nobody spoke for a while."
    ),
    "feast": words(
        "there was bread and honey for everyone | they danced until the candles were gone | "
        "the children were allowed to stay up late | even the miser brought a cheese | "
        "the geese walked in and nobody minded"
    ),
    "moral": words(
        "What is lost is often near. | A friend is worth more than a full purse. | Ask before you run. | "
        "Those who listen need not search for long. | A small promise is still a promise. | "
        "Patience finds what hurry hides. | Kindness is paid back in its own time."
    ),
}  # fmt: skip

OPENINGS = words(
    "Once, in the village of {place}, there lived {a kind} {who} who {habit}. | "
    "Long ago, not far from {place}, there was {a kind} {who} who {habit}. | "
    "They still tell in {place} of {a kind} {who} who {habit}. | "
    "Before the bridge at {place} was built, {a kind} {who} lived there alone and {habit}."
)
LOSSES = words(
    "One {time} the {who} woke and saw that the {thing} was gone. | "
    "But on {a time} the {thing} was nowhere to be found. | "
    "On {a time} somebody took the {thing} and left the door open."
)
SEARCHES = words(
    "{He} looked under {spot}, behind {spot} and beside {spot}, but found only {small}. | "
    "{He} searched the whole house and found nothing but {small}. | "
    "{He} asked the neighbours, and the neighbours asked {spot}, and all that came of it was {small}."
)
MEETINGS = words(
    '{road} {he} met {a animal}, who was {doing}. "{greeting}," said the {beast}, "{look}?" | '
    '{road} sat {a animal}, {doing}. "{greeting}, {who}," said the {beast}. "{look}?"'
)
REPLIES = words(
    '"I have lost my {thing}," said the {who}, "and without it I cannot {work}." | '
    '"My {thing} is gone," {he} answered, "and how shall I {work} now?" | '
    '"If I do not find my {thing}," said the {who}, "I can never again {work}."'
)
BARGAINS = words(
    '"I can help you," said the {beast}, "but you must give me {price}." "{answer}," said the {who}. '
    '"Then {task}." | '
    'The {beast} thought about it for a long time. "First you must {task}," {it} said, "and then bring me {price}." '
    '"{answer}," said the {who}.'
)
JOURNEYS = words(
    "So the {who} {walk}. {sign} | {sign} The {who} {walk}, and the {beast} came along behind. | "
    "The {who} did as the {beast} had said, and {walk}. {sign}"
)
ENDS = words(
    "And there it was, the {thing}, {find}. | At last {he} found the {thing} {find}. | "
    '"Look there," said the {beast}, and the {thing} was {find}.'
)
HOMES = words(
    "The {beast} was given {price}, and that night in {place} {feast}. | "
    "From that day on the {who} and the {beast} were friends, and every year on {a time} {feast}. | "
    "When they came home to {place}, {feast}, and the {who} could {work} again."
)


class Teller:
    """Tells tales from one stream of random numbers; only `Random.random` is used, which never changes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.names: dict[str, str] = {}  # what stays the same in one tale

    def pick(self, items: tuple[str, ...]) -> str:
        """One of the items, each as likely as the next."""
        return items[int(self.rng.random() * len(items))]

    def fill(self, text: str) -> str:
        """The text with every name in braces replaced; `{a x}` puts the article before it."""
        return re.sub(r"\{(a )?(\w+)\}", lambda found: self.slot(found[2], bool(found[1])), text)

    def slot(self, name: str, article: bool) -> str:
        """What stands for `{name}` this time."""
        if name == "He":
            return self.names["he"].capitalize()
        kept = "beast" if name == "animal" else name
        found = self.names.get(kept) or self.pick(LISTS[name])
        if article:
            return f"{'an' if found[0] in 'aeiou' else 'a'} {found}"
        return found

    def tale(self) -> str:
        """A title, three paragraphs and what one may learn from it."""
        who, thing, work = PEOPLE[int(self.rng.random() * len(PEOPLE))]
        self.names = {"who": who, "thing": thing, "work": work, "he": self.pick(("he", "she")), "it": "it"}
        self.names |= {name: self.pick(LISTS[name]) for name in ("place", "price")}
        self.names["beast"] = self.pick(LISTS["animal"])
        paragraphs = ((OPENINGS, LOSSES, SEARCHES), (MEETINGS, REPLIES, BARGAINS), (JOURNEYS, ENDS, HOMES))
        title = f"The {who.capitalize()} and the {self.names['beast'].capitalize()}"
        body = [" ".join(self.fill(self.pick(kind)) for kind in kinds) for kinds in paragraphs]
        return "\n\n".join((title, *map(sentences, body), self.pick(LISTS["moral"])))


def sentences(text: str) -> str:
    """The text with a capital after each full stop, question mark or opening quote that begins a sentence."""
    return re.sub(r'(^|[.?] "|^"|[.?] )([a-z])', lambda found: found[1] + found[2].upper(), text)


def content() -> bytes:
    """The whole file, in UTF-8, a line for each paragraph and a blank one between two."""
    teller = Teller(SEED)
    return ("\n\n\n".join(teller.tale() for _ in range(TALES)) + "\n").encode()


def main() -> int:
    """Write the file, or with `--check` compare it; 1 when it is not current."""
    parser = argparse.ArgumentParser(description="Write the tales that specs/char_lstm.yaml trains on.")
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the file is current")
    made = content()
    if parser.parse_args().check:
        current = FILE.is_file() and FILE.read_bytes() == made
        print(f"{FILE.name}: {'current' if current else 'not current, run `python tools/make_tales.py`'}")
        return 0 if current else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_bytes(made)
    print(f"{FILE.name}: {TALES} tales, {len(made):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
