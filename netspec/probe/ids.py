"""Features that become ids: categories, texts, and lists of whole numbers, against their inputs and Embeddings.

What is refused here is what fit refuses; an unseen rest of the rows is left to it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.catalog.types import show as show_shape
from netspec.diagnostics import Report
from netspec.language.schema import Text
from netspec.probe import forms, words
from netspec.probe.cells import whole_numbers
from netspec.probe.features import Check, Numbers, Wanted, beyond, bounds
from netspec.probe.model import Tally, listed, say, shown
from netspec.probe.sheet import TEXT, Block, Row, Sheet, row_of

_DISTINCT = 100_000  # values of a category that are told apart
_CUT = 200  # characters of one


def checker(wanted: Wanted, sheet: Sheet, report: Report, learning: bool, held_out: float) -> Check:
    """The check for the feature's kind."""
    kinds: dict[str, type[Check]] = {"numbers": Numbers, "bucket": Numbers, "text": Words}
    kinds |= {"category": Categories, "hash": Hashes}
    if wanted.feature.date:
        from netspec.probe.days import Days

        kinds["date"] = Days
    if wanted.feature.array:
        from netspec.probe.vectors import Vectors

        kinds["array"] = Vectors
    cls = kinds.get(wanted.kind(sheet), Lists)
    return cls(wanted, sheet, report, learning, held_out)


@dataclass(slots=True)
class Categories(Check):
    """Few values: as many as the one-hot input is wide, or as the Embedding takes."""

    values: dict[str, dict[str, int]] = field(default_factory=dict)

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Count the values of kept rows."""
        for column in self.wanted.columns:
            cells = block.cells.get(column)
            if cells is None:
                continue
            counts = self.values.setdefault(column, {})
            for cell, keep in zip(cells, kept, strict=True):
                text = cell.strip()[:_CUT] if isinstance(cell, str) else "" if cell != cell else str(cell)
                if keep and text and (text in counts or len(counts) < _DISTINCT):
                    counts[text] = counts.get(text, 0) + 1

    def finish(self) -> None:
        """Hold the numbers of values against the input and its Embedding."""
        wanted = self.wanted
        if not self.learning or len(self.values) < len(wanted.columns):
            return
        self.warn_empty({column: len(counts) for column, counts in self.values.items()})
        exact = self.sheet.whole and not self.held_out
        often = math.ceil(21 / -math.log(self.held_out)) if self.held_out else 1  # in training, but for one in 10⁹
        category = wanted.feature.category
        asked = category.vocabulary if category else None
        cap = _DISTINCT if asked is None else asked - 1
        sure = {c: min(cap, sum(n >= often for n in counts.values())) for c, counts in self.values.items()}
        one_hot = wanted.feature.category is not None and wanted.feature.category.one_hot
        dims, width = wanted.dims, sum(sure.values())
        notes = [] if self.sheet.whole else [f"looked at {self.sheet.far()}; fit checks the rest as it reads"]
        if one_hot and dims is not None:
            most = math.prod(dim for dim in dims if dim is not None) if None not in dims else math.inf
            if (exact and not forms.fits((width,), dims)) or width > most:
                said = f"input `{wanted.input}` is {show_shape((None, *dims))}, its feature gives {width} columns: "
                column, counts = next(iter(self.values.items()))
                said += f"the values of {shown(column)} are {listed(sorted(counts))}"
                cure = f"make the input [{width}]"
                self.report.add("NS708", wanted.path, said, help=cure, spans=wanted.spans, notes=notes)
        elif not one_hot and wanted.limit is not None:
            column = max(sure, key=lambda name: sure[name])
            if sure[column] >= wanted.limit:
                said = f"column {shown(column)} of {self.sheet.origin} has {sure[column]} values, 1 to {sure[column]} "
                said += f"in input `{wanted.input}`, which is looked up in an Embedding that takes 0 to "
                said += f"{wanted.limit - 1}"
                cure = f"make the Embedding's `input_dim` {sure[column] + 1}; 0 is for unseen values"
                self.report.add("NS712", wanted.at(column), said, help=cure, spans=wanted.spans, notes=notes)


@dataclass(slots=True)
class Hashes(Check):
    """Any cell has a hash; a column of nothing has 0 in every row."""

    filled: dict[str, int] = field(default_factory=dict)

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Count the cells that hold something."""
        for column in self.wanted.columns:
            cells = block.cells.get(column, ("?",))
            there = sum(bool(cell.strip()) if isinstance(cell, str) else cell == cell for cell in cells)
            self.filled[column] = self.filled.get(column, 0) + there

    def finish(self) -> None:
        """Say which columns are empty."""
        self.warn_empty(self.filled)


@dataclass(slots=True)
class Words(Check):
    """Text takes any cell; its token numbers are held against an Embedding smaller than the vocabulary."""

    filled: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    left: dict[str, Row] = field(default_factory=dict)  # tokens that are not cut off, and where first

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """Count the cells that hold something."""
        cells = block.cells.get(self.wanted.columns[0])
        if cells is None:
            self.filled = 1
        elif self.sheet.columns[self.wanted.columns[0]].kind != TEXT:
            self.filled += len(cells)
        else:
            self.filled = self.filled or sum(map(bool, map(str.strip, cells)))
            text, limit = self.wanted.feature.text, self.wanted.limit
            exact = self.learning and not self.held_out
            exact = exact or self.wanted.listed is not None
            size = self.wanted.size
            if exact and text is not None and limit is not None and size and size > limit and not text.one_hot:
                self._count(block, kept, text, cells)

    def _count(self, block: Block, kept: Sequence[int], text: Text, cells: Sequence[str]) -> None:
        own = self.wanted.dims[0] if self.wanted.dims else None
        length = text.length or own
        for at, cell in enumerate(cells):
            if not kept[at] or len(self.counts) > _DISTINCT:
                continue
            found = words.runs(words.tokens(cell, text.by, text.lower, text.punctuation), text.ngrams)
            self.counts.update(found)
            if length is not None and len(found) > length:
                found = found[len(found) - length :] if text.truncating == "pre" else found[:length]
            for token in found:
                self.left.setdefault(token, row_of(block, at))

    def finish(self) -> None:
        """A column of nothing is no text; a token number beyond the Embedding has no row in it."""
        wanted, column = self.wanted, self.wanted.columns[0]
        self.warn_empty({column: self.filled})
        if not self.counts or wanted.feature.text is None or wanted.limit is None or wanted.size is None:
            return
        if wanted.listed is None and not self.sheet.whole:
            return
        known = words.most_frequent(self.counts, wanted.size)
        known = known if wanted.listed is None else wanted.listed[: wanted.size - words.FIRST]
        beyond_it = [token for token in known[max(0, wanted.limit - words.FIRST) :] if token in self.left]
        if beyond_it:
            said = f"the {wanted.feature.text.by} get numbers up to {len(known) + words.FIRST - 1}, and input "
            said += f"`{wanted.input}` is looked up in an Embedding that takes 0 to {wanted.limit - 1}"
            cure = f"say `vocabulary: {wanted.limit}`, or make the Embedding's `input_dim` {len(known) + words.FIRST}"
            tally = Tally(1, self.left[beyond_it[0]], beyond_it[0])
            say(self.report, "NS712", wanted.at(column), self.sheet, column, tally, said, help=cure, spans=wanted.spans)


@dataclass(slots=True)
class Lists(Check):
    """Lists of whole numbers, as `sequence` and `multi_hot` read them."""

    useful: bool = False  # a number that `multi_hot` has a column for
    numbers: int = 0

    def block(self, block: Block, kept: Sequence[int]) -> None:
        """The lists of kept rows."""
        column = self.wanted.columns[0]
        cells = block.cells.get(column)
        if cells is None:
            self.useful, self.numbers = True, 1
            return
        text = self.sheet.columns[column].kind == TEXT
        width = max(1, len(cells) // block.rows)
        for row in range(block.rows):
            if not kept[row]:
                continue
            found = whole_numbers(cells[row]) if text else _whole(cells[row * width : (row + 1) * width])
            if found is None:
                got = cells[row].strip() if text else next(n for n in cells[row * width :] if n < 0 or n % 1 or n != n)
                self.tally("list", column).add(row_of(block, row), got)
            else:
                self._row(block, row, column, found)

    def _row(self, block: Block, row: int, column: str, found: Sequence[int]) -> None:
        wanted, said = self.wanted, self.wanted.feature.sequence
        self.numbers += len(found)
        if wanted.feature.multi_hot:
            width = wanted.feature.multi_hot
            self.useful = self.useful or any(value < width for value in found)
            return
        if wanted.limit is None and wanted.dtype in ("int32", "int64", "float32", "float64"):
            return
        own = wanted.dims[0] if wanted.dims else None
        length = (said.length if said else None) or own
        if length is not None and len(found) > length:
            found = found[:length] if said is not None and said.truncating == "post" else found[len(found) - length :]
        if said is not None and said.vocabulary is not None:
            found = [2 if value >= said.vocabulary else value for value in found]
        high = max(found, default=0)
        if high > bounds(wanted.dtype)[1]:
            self.tally("range", column).add(row_of(block, row), high)
        elif wanted.limit is not None and high >= wanted.limit:
            self.tally("limit", column).add(row_of(block, row), high)

    def finish(self) -> None:
        """Say what was found."""
        wanted, column = self.wanted, self.wanted.columns[0]
        cure = "say `text` for words" if self.sheet.columns[column].kind == TEXT else None
        if not self.found:
            self.warn_empty({column: self.numbers})
        self.say("list", column, "NS703", "expected whole numbers of 0 or more, such as `3 17 5`, got {}", cure)
        self.say("range", column, "NS703", f"expected a number that fits {wanted.dtype}, got {{}}")
        self.say("limit", column, "NS712", *beyond(wanted, self.found.get(("limit", column))))
        if wanted.feature.multi_hot and self.numbers and not self.useful and self.sheet.whole:
            width = wanted.feature.multi_hot
            text = f"{self.sheet.origin}, column {shown(column)}: no number is below {width}, so every row is all zeros"
            self.report.add("NS712", wanted.at(column), text, severity="warning", spans=wanted.spans)


def _whole(numbers: Sequence[Any]) -> list[int] | None:
    if any(value < 0 or value % 1 or value != value for value in numbers):
        return None
    return [int(value) for value in numbers]
