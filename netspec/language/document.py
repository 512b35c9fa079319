"""A YAML text as plain data with a compact table of positions: a path in, its place in the text out.

Nodes are numbered in the order in which they are written, keys included; nothing here recurses or knows YAML's grammar.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from netspec.diagnostics import Path, Place

SCALAR, LIST, MAP = range(3)

WINDOW = 200  # characters of a long source line that a Place keeps
_BEFORE = 80  # of them, in front of the start
_STEP = 1024  # characters between two whose byte is noted
_BREAK = re.compile(r"\r\n|\r|\n")
_REST = re.compile(r"[^\r\n]*")

_Children: TypeAlias = "array[int] | dict[str, int]"  # a list's nodes; a mapping's keys, each with its node


@dataclass(frozen=True, slots=True)
class Positions:
    """Where each node of a text stands: node number -> offsets, the number of nodes in it, and its kind."""

    start: array[int] = field(default_factory=lambda: array("I"))
    end: array[int] = field(default_factory=lambda: array("I"))
    size: array[int] = field(default_factory=lambda: array("I"))
    kind: bytearray = field(default_factory=bytearray)
    target: dict[int, int] = field(default_factory=dict)  # an alias -> the node that it stands for
    merge: set[int] = field(default_factory=set)  # the keys that are `<<`
    odd: dict[int, str] = field(default_factory=dict)  # keys that differ from what is written, as by escapes

    def children(self, node: int, before: int | None = None) -> array[int]:
        """The nodes right below `node` (and before `before`), as written: of a mapping key, value, key, …"""
        found, child = array("I"), node + 1
        stop = node + self.size[node] if before is None else before
        while child < stop:
            found.append(child)
            child += self.size[child]
        return found


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its text, its plain data (None if unusable; keys are always str), and where each value stands."""

    file: str
    text: str
    data: Any = None
    positions: Positions = field(default_factory=Positions, repr=False)
    overrides: Mapping[Path, Place] = field(default_factory=dict, repr=False)
    lead: int = field(default=0, repr=False)  # bytes in front of the text: a byte order mark
    bytewise: str | None = field(default=None, repr=False)  # the text, where `text` only stands in for bytes
    _breaks: array[int] = field(default_factory=lambda: array("I"), repr=False, compare=False)
    _bytes: array[int] = field(default_factory=lambda: array("I"), repr=False, compare=False)
    _seen: dict[int, _Children] = field(default_factory=dict, repr=False, compare=False)

    def locate(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value at `path` (of its key with `key`), or of the nearest ancestor that has one.

        Segments that the text does not hold are skipped. A missing key gets its parent's key, the root column 1.
        """
        for length in range(len(path) if self.overrides else 0, 0, -1):
            if (place := self.overrides.get(path[:length])) is not None:
                # An override is written NAME=VALUE, and its place is that of the value.
                return replace(place, column=1, end_column=place.column - 1) if key and length == len(path) else place
        if not self.positions.size:
            return self.place(0, 0)
        at, at_key, missing = 0, -1, False
        for segment in path:
            found = self._below(at, segment)
            missing = found is None
            if found is not None:
                at_key, at = found[0], self._resolved(found[1])
        if at == 0:
            return self.place(0, 0)
        if at_key >= 0 and (key or (missing and self.positions.kind[at] == MAP)):
            at = at_key
        return self.place(self.positions.start[at], self.positions.end[at])

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of a stretch of the text, from its offsets in characters."""
        start = min(start, len(self.text))
        end = None if end is None else min(end, len(self.text))
        line, column = self._line_and_column(start)
        end_line, end_column = (line, column) if end is None or end <= start else self._line_and_column(end)
        begin = start - column + 1
        rest = _REST.match(self.text, start, start + WINDOW + 1)  # no further: a line may be megabytes long
        stop = rest.end() if rest else start
        cut = max(0, column - 1 - _BEFORE) if stop - begin > WINDOW else 0
        text = self.text[begin + cut : min(begin + cut + WINDOW, stop)]
        first = self.byte(start)
        last = first if end is None or end <= start else self.byte(end)
        return Place(self.file, line, column, end_line, end_column, text, cut, first, last)

    def byte(self, offset: int) -> int:
        """How many bytes of the file stand in front of a character of the text."""
        text = self.text if self.bytewise is None else self.bytewise
        if text.isascii():
            return self.lead + offset
        if not self._bytes:
            at = 0
            for begin in range(0, len(text) + 1, _STEP):
                self._bytes.append(at)
                at += _encoded(text[begin : begin + _STEP])
        begin = offset - offset % _STEP
        return self.lead + self._bytes[begin // _STEP] + _encoded(text[begin:offset])

    def offsets(self, place: Place) -> tuple[int, int]:
        """Where a place of this text starts and ends, in characters from 0."""
        self._line_and_column(1)  # makes the table of lines
        breaks = self._breaks
        return breaks[place.line - 1] + place.column - 1, breaks[place.end_line - 1] + place.end_column - 1

    def with_overrides(self, data: Any, places: Mapping[Path, Place]) -> Document:
        """The same text with other data; whatever lies at or below a path of `places` is located there."""
        return replace(self, data=data, overrides={**self.overrides, **places})

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        if offset == 0:
            return 1, 1
        if not self._breaks:
            self._breaks.append(0)
            self._breaks.extend(found.end() for found in _BREAK.finditer(self.text))
        line = bisect_right(self._breaks, offset)
        return line, offset - self._breaks[line - 1] + 1

    def _below(self, node: int, segment: str | int) -> tuple[int, int] | None:
        """The nodes of the key (-1 in a list) and of the value that one segment of a path leads to."""
        children = self._children(node)
        if isinstance(children, dict):
            key = children.get(segment) if isinstance(segment, str) else None
            return None if key is None else (key, key + self.positions.size[key])
        inside = isinstance(segment, int) and not isinstance(segment, bool) and 0 <= segment < len(children)
        return (-1, children[segment]) if inside and isinstance(segment, int) else None

    def _resolved(self, node: int) -> int:
        return self.positions.target.get(node, node)

    def _children(self, node: int) -> _Children:
        """What lies below a node by key or position, merged keys included; kept, so that many look-ups stay linear."""
        todo = [node]
        while todo:  # merged mappings first: a chain of merges may be longer than Python's stack
            here = todo[-1]
            sources = [] if here in self._seen else self._merged(here)
            waiting = [source for source in sources if source not in self._seen]
            if waiting:
                todo += waiting
                continue
            todo.pop()
            if here not in self._seen:
                self._seen[here] = self._own_children(here, sources)
        return self._seen[node]

    def _merged(self, node: int) -> list[int]:
        """The mappings that `<<` brings into a mapping, the first wins."""
        if self.positions.kind[node] != MAP or not self.positions.merge:
            return []
        nodes = self.positions.children(node)
        found: list[int] = []
        for key, value in zip(nodes[::2], nodes[1::2], strict=False):
            if key in self.positions.merge:
                source = self._resolved(value)
                several = self.positions.kind[source] == LIST
                found += map(self._resolved, self.positions.children(source)) if several else [source]
        return found

    def _own_children(self, node: int, sources: list[int]) -> _Children:
        nodes = self.positions.children(node)
        if self.positions.kind[node] == LIST:
            return nodes
        found: dict[str, int] = {}
        if self.positions.kind[node] == MAP:
            for key in nodes[::2]:
                if key not in self.positions.merge:
                    found.setdefault(self.key_text(key), key)
        for source in sources:
            below = self._seen[source]
            if isinstance(below, dict):
                for name, key in below.items():
                    found.setdefault(name, key)
        return found

    def key_text(self, node: int) -> str:
        """The name that a key stands for."""
        node = self._resolved(node)
        if node in self.positions.odd:
            return self.positions.odd[node]
        written = self.text[self.positions.start[node] : self.positions.end[node]]
        return written[1:-1] if written[:1] in ('"', "'") else written


def _encoded(text: str) -> int:
    """Bytes of a text; half a character stands for one that could not be decoded."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
