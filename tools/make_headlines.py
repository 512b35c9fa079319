"""Writes specs/data/headlines.csv and headlines-test.csv: invented headlines, five facts about each, was it shared.

`python tools/make_headlines.py` writes both files, `--check` says whether they are current (exit code 1 if not).
Standard library only; one seed gives the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import random
import re
import sys
from pathlib import Path

SEED = 2018
ROWS = {"headlines.csv": 6000, "headlines-test.csv": 1200}
FOLDER = Path(__file__).resolve().parent.parent / "specs" / "data"
COLUMNS = ("id", "headline", "hour", "weekday", "followers", "following", "has_link", "shared")

# How the label is planted: `shared` is 1 with probability 1 / (1 + exp(-score)), where the score is BASE
# + the weight of the topic + the weight of the voice (both only to be told from the words)
# + LATE * (hour - 12) / 12 + REST on Saturday and Sunday + CROWD * log10(followers / 1000) + LINK with a link.
# `following` says nothing.
BASE = -0.2
LATE, REST, CROWD, LINK = 1.6, 1.0, 1.8, -1.2

# Every cell may be missing: the share of rows in which it is.
MISSING = {"headline": 0.012, "hour": 0.02, "weekday": 0.02, "followers": 0.03, "following": 0.03, "has_link": 0.02,
           "shared": 0.01}  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """The alternatives in `text`, which stand between bars or, if there are none, between spaces."""
    return tuple(part.strip() for part in text.split("|")) if "|" in text else tuple(text.split())


def capital(text: str) -> str:
    """The text with its first character in upper case."""
    return text[0].upper() + text[1:]


# A topic: its weight, who it is about, and what they do. Braces name another list of alternatives.
TOPICS: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "animals": (
        3.0,
        words("otter owl hedgehog puppy kitten goose donkey badger parrot tortoise pony squirrel seal fox heron "
              "piglet lamb bat ferret llama alpaca swan duckling robin crow"),
        words("hides shoes | finds a home with {person} | learns to ring a bell | rides the {place} bus every "
              "morning | adopts a lost {beast} | sleeps in a baker's basket | greets children at the school gate | "
              "wins over a grumpy neighbour | rescued from a chimney in {place} | returns after {number} days | "
              "paints with its tail | refuses to leave the library | walks {number} miles to find {person} | "
              "befriends a lonely {beast}"),
    ),
    "kindness": (
        2.5,
        words("stranger | postman | retired nurse | bus driver | schoolgirl | grandmother | barber | village choir "
              "| lollipop lady | young carer | plumber | night porter | dinner lady | twin brother | window "
              "cleaner | lifeguard"),
        words("pays for a family's shopping | knits {number} blankets for newborns | mends toys without charge | "
              "gives {person} a kidney | surprises neighbours with soup | plants trees for a lost friend | reads "
              "bedtime stories by telephone | teaches {person} to swim at ninety | returns a wedding ring after "
              "{number} years | cooks supper for {number} guests | saves {person} with a garden hose"),
    ),
    "space": (
        1.8,
        words("comet | telescope | young astronomer | lunar probe | asteroid | space station | rocket | faint "
              "galaxy | tiny satellite | meteor shower | solar flare | rover"),
        words("lights up the sky above {place} | reveals a hidden ring | sends its first picture | hears a signal "
              "that repeats | finds ice beneath dust | passes closer than the moon | is named after {person} | "
              "carries seeds into orbit | photographs a dying star | lands after {number} months alone"),
    ),
    "food": (
        1.4,
        words("baker chef café pizzeria chocolatier dairy brewer greengrocer cheesemaker fishmonger confectioner "
              "beekeeper orchard patisserie crêperie"),
        words("sells out | invents a {flavour} loaf | sells {number} {flavour} pies in a day | shares "
              "grandmother's {flavour} recipe | bakes the longest {flavour} cake | opens at midnight in {place} | "
              "swaps sugar for {flavour} | crowned for {flavour} jam | names a pudding after {person} | turns "
              "stale bread into {flavour} ice"),
    ),
    "sport": (
        0.7,
        words("goalkeeper sprinter rower cyclist gymnast underdog veteran wrestler archer swimmer coach cricketer "
              "climber skater fencer jockey"),
        words("wins again | breaks a record that stood for {number} years | scores in the last second against "
              "{place} | retires after {number} matches | carries an injured rival over the line | beats {person} "
              "by a whisker | trains in a car park | returns from injury in {place} | runs home backwards | misses "
              "the final in {place}"),
    ),
    "weather": (
        -0.6,
        words("fog | drizzle | a cold front | frost | storm | heatwave | hailstorm | gale | high tide | a dry "
              "spell | snow flurry | thunder"),
        words("lingers on | settles over {place} | expected to ease by evening | delays {number} commuters near "
              "{place} | leaves roads damp | moves slowly east | closes the coastal path at {place} | may linger "
              "until {day} | lifts after {number} hours | brings scattered puddles to {place}"),
    ),
    "transport": (
        -2.0,
        words("replacement bus | ring road | level crossing | freight depot | timetable | roundabout | car park | "
              "toll bridge | signal box | ferry terminal | cycle lane | bypass"),
        words("to be resurfaced near {place} | postponed until {day} | reviewed by engineers | closed for {number} "
              "nights | receives new signage | consultation extended in {place} | remains under inspection | "
              "rerouted through {place} | awaits spare parts | handles {number} lorries a week"),
    ),
    "council": (
        -2.6,
        words("planning committee | parish council | licensing board | audit panel | drainage authority | ward "
              "councillor | pensions subgroup | standards office | records department | allotment board | district "
              "clerk"),
        words("approves minutes of the previous meeting | defers item {number} | notes a quarterly variance | "
              "adopts revised procurement rules | publishes appendix {number} | appoints {person} as deputy "
              "treasurer | amends bylaw {number} | reviews kerb heights in {place} | schedules a further hearing "
              "on {day} | circulates draft guidance | renews the {place} photocopier contract"),
    ),
    "finance": (
        -2.9,
        words("insurer | bond fund | mortgage lender | price index | regional bank | pension fund | holding "
              "company | steel exporter | exchange | shareholder group | auditor | fertiliser maker"),
        words("stays silent | edges lower in thin trading | restates third quarter earnings | confirms interim "
              "dividend of {number} pence | completes merger with {place} unit | issues subordinated notes | trims "
              "forecast by {number} points | files amended accounts | names {person} to remuneration panel | stays "
              "unchanged ahead of figures | refinances {number} million in debt"),
    ),
    "software": (
        -1.5,
        words("database vendor | payroll system | maintenance release | web portal | ticketing platform | printer "
              "driver | data centre | spreadsheet plugin | login service | backup server"),
        words("adds support for version {number} | restores service after {number} minutes | deprecates an old "
              "interface | migrates accounts to {place} | patches {number} defects | changes its licence terms | "
              "appoints {person} head of compliance | moves invoices to a new format"),
    ),
}  # fmt: skip

# A voice: its weight, how often it speaks, what may come before the sentence, and what may come after it.
VOICES: dict[str, tuple[float, float, tuple[str, ...], tuple[str, ...]]] = {
    "plain": (
        0.0, 0.4,
        ("",),
        ("", "", "in {place}", "on {day}", "says {person}", "near {place}", "after {number} weeks"),
    ),
    "delighted": (
        1.9, 0.2,
        words("Wonderful: | Pure joy as | This made our day: | Heart-warming moment | Hooray! | Just lovely: | "
              "Bravo! | Everyone is smiling because | Happy tears as"),
        words("and nobody could stop smiling | and the photographs are adorable | — what a treat | and we cried "
              "happy tears | and the whole street cheered | and it gets better | and {person} could not be prouder"),
    ),
    "curious": (
        1.2, 0.15,
        words("Why the | The secret of how | Guess what happened when | Nobody expected it: | The surprising way | "
              "Have you heard? | Mystery solved: | Imagine this:"),
        words("and the reason will astonish you | but how? | and here is the clever trick | — see the picture | "
              "and scientists are baffled | but wait for the ending | and this is what came next"),
    ),
    "official": (
        -1.9, 0.25,
        words("Notice: | Update: | Statement: | Summary of proceedings: | Press release: | For information: | "
              "Agenda: | Correction: | Bulletin {number}:"),
        words("pending further notice | according to a spokesman | as previously announced | subject to approval | "
              "in line with guidance | under section {number} | a circular confirms | stakeholders were informed | "
              "see reference {number}"),
    ),
}  # fmt: skip

# What a second line or a longer sentence is made of; it says nothing about the label.
EXTRAS = words(
    "neighbours in {place} had been talking about it since {day}, {person} recalled | {person}, {age}, "
    "who lives in {place}, saw everything from a bench | it began {number} years ago with a letter from "
    '{place} | "we had planned it for {number} weeks", said {person} of {place} | "ask me again on '
    '{day}", {person} told a reporter from the {place} Gazette | the nearest town, {place}, lies '
    "{number} kilometres away | a similar case was noted by {person} in {place} in the spring | "
    "photographs by {person}, words by {person} | it was {day}, about {number} people were there, and "
    "the kettle was on | {person} kept a diary of all {number} days and lent it to the museum at "
    '{place} | "naïve", a former mayor of {place} once called the idea | {person} and {person} both '
    "arrived by train from {place}"
)

LISTS: dict[str, tuple[str, ...]] = {
    "beast": TOPICS["animals"][1],
    "day": words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "flavour": words("lemon ginger walnut cinnamon beetroot honey rhubarb cardamom chestnut blackberry saffron "
                     "parsnip pumpkin hazelnut vanilla elderflower fig quince lavender jalapeño açaí"),
    "first": words("Ada Bo Carla Dev Edith Femi Greta Hugo Ines Jonas Kaya Leo Mira Nils Olga Pavel Quinn Rosa "
                   "Sami Tove Uma Vera Wim Xenia Yusuf Zoë André Björn Chloé José Łucja Renée"),
}  # fmt: skip

# Places and surnames are put together from parts, so that no real one is meant.
PLACE = (words("Ash Bram Cold Dun Elm Fen Gar Hol Ing Kel Lang Mar Nor Oak Pen Quen Ral Sel Thorn Up"),
         words("bury combe dale field ford gate ham ley mere mouth stead stoke ton wick worth"))  # fmt: skip
SURNAME = (words("Alder Barn Croft Darn Ever Flint Grim Hart Jess Kirk Lind Mosk Nett Orr Pell Rook Stan Tarn Wend "
                 "Yar"),
           words("ander by ell er ett ford ian ing is land mann ov sen son well wood"))  # fmt: skip


class Teller:
    """Makes headlines from one stream of random numbers; only `Random.random` is used, which never changes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability

    def pick(self, items: tuple[str, ...]) -> str:
        """One of the items, each as likely as the next."""
        return items[int(self.rng.random() * len(items))]

    def bell(self) -> float:
        """A number about 0 with standard deviation 1."""
        return math.fsum(self.rng.random() for _ in range(12)) - 6.0  # the same sum in every version of Python

    def fill(self, text: str) -> str:
        """The text with every name in braces replaced."""
        return re.sub(r"\{(\w+)\}", lambda found: self.slot(found[1]), text)

    def slot(self, name: str) -> str:
        """What stands for `{name}` this time."""
        if name == "number":
            return f"{int(2 * 10 ** (3.3 * self.rng.random())):,}"
        if name == "age":
            return str(18 + int(80 * self.rng.random()))
        if name == "place":
            return self.pick(PLACE[0]) + self.pick(PLACE[1])
        if name == "person":
            return f"{self.pick(LISTS['first'])} {self.pick(SURNAME[0])}{self.pick(SURNAME[1])}"
        return self.pick(LISTS[name])

    def voice(self) -> str:
        """A voice, as often as it speaks."""
        left = self.rng.random()
        for name, (_, share, _, _) in VOICES.items():
            left -= share
            if left < 0:
                return name
        return "plain"

    def headline(self) -> tuple[str, float]:
        """A headline of 3 to 40 words and the part of the score that its words carry."""
        topic_weight, subjects, events = TOPICS[self.pick(tuple(TOPICS))]
        voice_weight, _, openers, closers = VOICES[self.voice()]
        while True:
            parts = [self.pick(openers), self.pick(subjects), self.fill(self.pick(events))]
            if voice_weight == 0 or self.chance(0.6):
                parts.append(self.pick(closers))
            text = self.fill(" ".join(part for part in parts if part))
            for _ in range(2):
                if self.chance(0.22):
                    extra = self.fill(self.pick(EXTRAS))
                    joint = self.pick((", ", "; ", ". ", " — ", "\n"))
                    text += joint + (capital(extra) if joint in (". ", "\n") else extra)
            if 3 <= len(text.split()) <= 40:
                return capital(text), topic_weight + voice_weight

    def row(self, number: int) -> dict[str, str]:
        """One row of the table as text, some cells empty."""
        headline, score = self.headline()
        hour = int(24 * (self.rng.random() + self.rng.random()) / 2)
        weekday = int(7 * self.rng.random())
        followers = int(1000 * 10 ** max(-2.0, min(2.0, 0.45 * self.bell())))
        following = int(200 * 10 ** max(-2.0, min(2.0, 0.3 * self.bell())))
        has_link = int(self.chance(0.45))
        score += BASE + LATE * (hour - 12) / 12 + REST * (weekday >= 5) + LINK * has_link
        score += CROWD * math.log10(followers / 1000)
        shared = int(self.chance(1 / (1 + math.exp(-score))))
        cells = {"id": f"h{number:05}", "headline": headline, "hour": hour, "weekday": weekday, "followers": followers,
                 "following": following, "has_link": has_link, "shared": shared}  # fmt: skip
        return {name: "" if self.chance(MISSING.get(name, 0.0)) else str(cell) for name, cell in cells.items()}


def tables() -> dict[str, bytes]:
    """File name -> content, in UTF-8 with a line feed after each row."""
    teller, first, made = Teller(SEED), 1, {}
    for name, rows in ROWS.items():
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number in range(first, first + rows):
            writer.writerow(teller.row(number))
        first += rows
        made[name] = text.getvalue().encode()
    return made


def main() -> int:
    """Write the files, or with `--check` compare them; 1 when one of them is not current."""
    parser = argparse.ArgumentParser(description="Write the table of headlines that specs/twitter.yaml trains on.")
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the files are current")
    check = parser.parse_args().check
    stale = 0
    for name, content in tables().items():
        path = FOLDER / name
        if check:
            current = path.is_file() and path.read_bytes() == content
            stale += not current
            print(f"{name}: {'current' if current else 'not current, run `python tools/make_headlines.py`'}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"{name}: {ROWS[name]:,} rows, {len(content):,} bytes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
