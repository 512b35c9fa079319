"""Bytes -> Document: reads one YAML 1.2 file, within bounds that no text can get round, and reports NS1xx.

The only file that imports yaml. It walks the parser's events with a stack of its own and never composes or constructs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from netspec.diagnostics import Label, Report
from netspec.language.decode import (
    MAX_BYTES,
    SourceError,
    before_text,
    decode,
    read_bytes,
    undecoded,
    without_directives,
)
from netspec.language.document import LIST, MAP, SCALAR, Document, Positions
from netspec.language.frames import BAD, MERGE, Anchored, Frame, merged
from netspec.language.scalars import CORE, BadScalar, Scalar, is_null, plain, quote, tagged, unknown_tag
from netspec.language.syntax import Fault, explain

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "SourceError", "parse_value", "read", "read_text"]

MAX_DEPTH = 100
MAX_NODES = 750_000
_MAX_FINDINGS = 100
_MAX_NAMES = 10_000  # a file with more keys than these is no spec; its keys need no sharing

_CORE_TAGS = frozenset(CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_HALF = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"!\S*")
_PROPERTIES = re.compile(r"(?:[&!]\S*+[ \t]*+)++(?=[^\s#])")


def read(path: os.PathLike[str] | str, shown: str | None = None) -> tuple[Document, Report]:
    """Read a spec from a regular file of at most 8 MiB; `shown` is its name in messages.

    Raises SourceError for a file that is missing, unreadable, or no regular file; everything else is in the Report.
    """
    name = os.fspath(path) if shown is None else shown
    return read_text(read_bytes(os.fspath(path), name), name)


def read_text(source: str | bytes, shown: str) -> tuple[Document, Report]:
    """Read a spec from text. `data` is None if the text is unusable; a duplicate key alone leaves it usable."""
    return _Reader(shown, source).run()


def parse_value(text: str) -> Any:
    """The value of a YAML text as `--set` takes it: a scalar, a list or a mapping; raises ValueError.

    >>> parse_value("1e-3"), parse_value("[no, 2]"), parse_value("{units: 8}")
    (0.001, ['no', 2], {'units': 8})
    """
    if not text.strip():
        return None
    document, report = _Reader("value", text, any_root=True).run()
    for found in report.diagnostics:
        raise ValueError(found.message)
    return document.data


class _Stop(Exception):
    """Nothing more can be said of this text; what was wrong is in the report."""


class _Reader:
    """Reads one text; `run` is called once."""

    def __init__(self, shown: str, source: str | bytes, any_root: bool = False) -> None:
        self.shown, self.source, self.any_root = shown, source, any_root
        self.positions = Positions()
        self.kind = self.positions.kind
        self.add_start, self.add_end = self.positions.start.append, self.positions.end.append
        self.add_size = self.positions.size.append
        self.document = Document(shown, "", None, self.positions)
        self.report = Report(self.document)
        self.findings, self.usable = 0, True
        self.stack: list[Frame] = []
        self.anchors: dict[str, Anchored] = {}
        self.names: dict[str, str] = {}  # one object for each key, however often it is written
        self.count, self.last_end, self.root = 0, 0, None

    def run(self) -> tuple[Document, Report]:
        try:
            text, fault = decode(self.source)
            lead, bytewise = before_text(self.source), undecoded(self.source) if fault and text else None
            self.document = Document(self.shown, text, None, self.positions, lead=lead, bytewise=bytewise)
            if fault:
                self._fault(fault)
            else:
                self._events(without_directives(text))
        except _Stop:
            self.usable = False
        data = self.root if self.usable else None
        document = replace(self.document, data=data)
        self.report.locator = document
        return document, self.report

    # what is wrong

    def _add(
        self,
        code: str,
        start: int,
        end: int,
        message: str,
        help: str | None = None,
        label: str = "",
        spans: tuple[tuple[int, int, str], ...] = (),
    ) -> None:
        self.findings += 1
        self.usable = self.usable and code == "NS102"
        place = self.document.place
        notes = ("reading stopped here, after 100 mistakes",) if self.findings == _MAX_FINDINGS else ()
        labels = [Label(place(first, last), text) for first, last, text in spans]
        self.report.add_at(code, place(start, end), message, label=label, labels=labels, notes=notes, help=help)
        if notes:
            raise _Stop

    def _stop(self, code: str, start: int, end: int, message: str, help: str | None = None) -> _Stop:
        self._add(code, start, end, message, help)
        return _Stop()

    # text -> data

    def _events(self, text: str) -> None:
        try:
            self._walk(_parser(text).get_event)
        except yaml.MarkedYAMLError as error:
            at = error.problem_mark or error.context_mark
            since = error.context_mark
            fault = explain(
                self.document.text,
                error.problem or "",
                at.index if at else 0,
                error.context or "",
                since.index if since else None,
            )
            self._fault(fault)
        except (yaml.YAMLError, ValueError, OverflowError):  # PyYAML's own parser, on `"\UFFFFFFFF"`
            self._fault(Fault(self.last_end, self.last_end + 1, "this is not YAML after the value that ends here"))

    def _fault(self, fault: Fault) -> None:
        self._add(fault.code, fault.start, fault.end, fault.message, fault.help, fault.label, fault.spans)

    def _walk(self, next_event: Callable[[], Any]) -> None:
        """The loop over the parser's events, up to the second document or the end."""
        documents, empty = 0, False
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
                empty = not self.stack and event.start_mark.index == event.end_mark.index
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close(event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents == 2:
                    at = event.start_mark.index
                    help = "put each spec in a file of its own"
                    raise self._stop("NS109", at, at + 3, "a second document starts here, expected one in a file", help)
            elif kind is yaml.StreamEndEvent:
                break
        if documents == 0 or (empty and not self.any_root):
            what = "the file holds no value" if documents else "the file holds only comments"
            what = what if self.document.text.strip() else "the file is empty"
            raise self._stop("NS109", 0, 0, f"{what}, expected a spec")
        if not self.any_root and self.usable and not isinstance(self.root, dict):
            what = "list" if isinstance(self.root, list) else "single value"
            start, end = self.positions.start[0], self.positions.end[0]
            help = "a spec starts with keys such as `inputs:` and `layers:`"
            if isinstance(self.root, str) and ":" in self.root:
                help = "put a space after each `:`"
            raise self._stop("NS110", start, end, f"the file holds a {what}, expected a mapping", help)

    def _node(self, event: Any, kind: int) -> tuple[int, int, int]:
        """Number a new node; returns it with its offsets, anchor and tag left out."""
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor is not None or (kind == SCALAR and event.tag is not None):
            properties = None if type(event) is yaml.AliasEvent else _PROPERTIES.match(self.document.text, start)
            if properties and (kind != SCALAR or properties.end() < end):
                start = properties.end()
        node = len(self.kind)
        self.add_start(start)
        self.add_end(end)
        self.add_size(1)
        self.kind.append(kind)
        self.count += 1
        if self.count > MAX_NODES:
            raise self._too_many(start, end)
        return node, start, end

    def _too_many(self, start: int, end: int) -> _Stop:
        message = f"the file holds more than {MAX_NODES:,} values, aliases counted in full"
        return self._stop("NS104", start, end, message, "use fewer values or aliases")

    def _scalar(self, event: Any) -> None:
        """The usual scalar: unmarked, on its line, inside a list or a mapping. Most of a file is that."""
        style = event.style
        if event.anchor is not None or event.tag is not None or style == "|" or style == ">" or not self.stack:
            return self._marked(event)
        text, frame, kind, node = event.value, self.stack[-1], self.kind, len(self.kind)
        start, self.last_end = event.start_mark.index, event.end_mark.index
        self.add_start(start)
        self.add_end(self.last_end)
        self.add_size(1)
        kind.append(SCALAR)
        self.count += 1
        if self.count > MAX_NODES:
            raise self._too_many(start, self.last_end)
        is_plain = event.implicit[0] and not style
        if frame.key is None and frame.value.__class__ is dict:
            if is_plain and text == "<<":
                self.positions.merge.add(node)
                return self._key(frame, node, "<<", merge=True)
            return self._key(frame, node, None if is_plain and is_null(text) else text)
        if is_plain:
            try:
                text = plain(text)
            except BadScalar as bad:
                self._add(bad.code, start, self.last_end, bad.message, bad.help)
                text = None
        self._attach(text, node)

    def _marked(self, event: Any) -> None:
        """A scalar with an anchor or a tag, of several lines, or alone in its document."""
        node, start, end = self._node(event, SCALAR)
        text: str = event.value
        if event.style in ("|", ">"):  # it ends with the line break; the place does not
            end = start + len(self.document.text[start:end].rstrip())
            self.positions.end[node] = end
        self.last_end = end
        frame = self.stack[-1] if self.stack else None
        as_key = frame is not None and frame.key is None and isinstance(frame.value, dict)
        is_plain = event.tag is None and event.implicit[0] and not event.style
        value: Scalar = text
        try:
            if event.tag is not None:
                value = tagged(event.tag, text)
            elif is_plain and not as_key:  # a key is what is written, were it a number
                value = plain(text)
        except BadScalar as bad:
            self._add(bad.code, *((start, end) if bad.of_value else self._tag(event)), bad.message, bad.help)
            value = text if as_key else None
        if event.anchor is not None:
            known = self._resolved_key(text) if as_key and is_plain else value
            self.anchors[event.anchor] = Anchored(node, known, key=text)
        if frame is None or not as_key:
            self._attach(value, node)
        elif is_plain and text == "<<":
            self.positions.merge.add(node)
            self._key(frame, node, "<<", merge=True)
        else:
            self._key(frame, node, None if value is None or (is_plain and is_null(text)) else text)

    def _resolved_key(self, text: str) -> Scalar:
        """What an alias of a key stands for where it is a value."""
        try:
            return plain(text)
        except BadScalar:
            return text

    def _open(self, event: Any, mapping: bool) -> None:
        node, start, _ = self._node(event, MAP if mapping else LIST)
        if event.tag is not None and event.tag not in ("!", CORE + ("map" if mapping else "seq")):
            bad = unknown_tag(event.tag)
            if event.tag in _CORE_TAGS:
                message = f"`!!{event.tag.removeprefix(CORE)}` stands before a {'mapping' if mapping else 'list'}"
                bad = BadScalar("NS105", message, "remove the tag")
            self._add(bad.code, *self._tag(event), bad.message, bad.help)
        if len(self.stack) >= MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            raise self._stop("NS103", start, start + 1, message, "a spec needs few levels; name parts under `shared`")
        parent = self.stack[-1] if self.stack else None
        as_key = parent is not None and parent.key is None and isinstance(parent.value, dict)
        frame = Frame(node, {} if mapping else [], event.anchor, self.count - 1, as_key)
        if parent is not None:
            frame.hidden = as_key or parent.hidden
            if as_key:
                parent.key = BAD
                if not parent.hidden:
                    word = "mapping" if mapping else "list"
                    cure = "write the name alone, as in `x: [100]`"
                    self._add("NS107", start, start + 1, f"a {word} cannot be a key, expected a name", cure)
        self.stack.append(frame)
        if event.anchor is not None:
            self.anchors[event.anchor] = Anchored(node, closed=False)

    def _close(self, event: Any) -> None:
        frame, positions = self.stack.pop(), self.positions
        end = event.end_mark.index
        if self.document.text[end - 1 : end] not in ("]", "}") or end <= self.last_end:
            end = max(self.last_end, positions.start[frame.node])  # a block ends where its last value does
        self.last_end = end
        positions.end[frame.node] = end
        positions.size[frame.node] = len(positions.size) - frame.node
        value = frame.value if frame.merges is None else merged(frame)
        if frame.anchor is not None:
            known = self.anchors[frame.anchor]
            if known.node == frame.node:  # else the name was used again inside
                known.value, known.closed = value, True
                known.size = self.count - frame.before
        if not frame.as_key:
            self._attach(value, frame.node)

    def _tag(self, event: Any) -> tuple[int, int]:
        """The offsets of the tag in front of a value."""
        tag = _TAG.search(self.document.text, event.start_mark.index)
        return tag.span() if tag else (event.start_mark.index, event.end_mark.index)

    def _alias(self, event: Any) -> None:
        name, known = event.anchor, self.anchors.get(event.anchor)
        node, start, end = self._node(event, SCALAR)
        self.last_end = end
        frame = self.stack[-1] if self.stack else None
        as_key = frame is not None and frame.key is None and isinstance(frame.value, dict)
        if known is None or not known.closed:
            shown = quote(f"*{name}")
            message = (
                f"{shown} stands inside the value that it names"
                if known
                else f"no anchor `&{quote(name)[1:]} stands above {shown}"
            )
            self._add("NS106", start, end, message, None if known else self._nearest(name))
            known = Anchored(node, key="")
        else:
            self.positions.target[node] = known.node
            self.count += known.size - 1
            if self.count > MAX_NODES:
                raise self._too_many(start, end)
        if as_key and frame is not None:
            self._key(frame, node, None if known.value is None else known.key)
        else:
            self._attach(known.value, node)

    def _nearest(self, name: str) -> str | None:
        from difflib import get_close_matches

        near = get_close_matches(name[:100], list(self.anchors)[:1000], 1)
        return f"did you mean `*{near[0]}`?" if near else "quote the value if it should be a string"

    def _key(self, frame: Frame, node: int, text: str | None, merge: bool = False) -> None:
        """Take a scalar as the next key of a mapping."""
        start, end = self.positions.start[node], self.positions.end[node]
        if text is None:
            self._add(
                "NS107",
                start,
                max(end, start + 1),
                "`null` cannot be a key, expected a name",
                "quote it if it is a name",
            )
            frame.key = BAD
            return
        text = self.names.setdefault(text, text) if len(self.names) < _MAX_NAMES else self.names.get(text, text)
        written = self.document.text[start:end]
        if text != (written[1:-1] if written[:1] in ('"', "'") else written):
            self.positions.odd[node] = text
        if (frame.merges is not None) if merge else (text in frame.value):
            first = frame.merge_node if merge else self._firsts(frame, node)[text]
            place = self.document.place(self.positions.start[first])
            self._add(
                "NS102",
                start,
                end,
                f"duplicate key {quote(text)}, first in line {place.line}",
                "write one `<<` with a list: `<<: [*a, *b]`" if merge else "remove one of the two, or rename it",
                spans=((self.positions.start[first], self.positions.end[first], "first written here"),),
            )
            frame.key = BAD
        elif merge:
            frame.merges, frame.merge_at, frame.merge_node, frame.key = [], len(frame.value), node, MERGE
        else:
            frame.key = text
            if frame.firsts is not None:
                frame.firsts[text] = node

    def _firsts(self, frame: Frame, before: int) -> dict[str, int]:
        """The nodes of the keys that an open mapping has so far; built once, when a key is written twice."""
        if frame.firsts is None:
            frame.firsts = {}
            for node in self.positions.children(frame.node, before)[::2]:
                if node != frame.merge_node:
                    frame.firsts.setdefault(self.document.key_text(node), node)
        return frame.firsts

    def _attach(self, value: Any, node: int) -> None:
        """Put a finished value into the list or mapping that is open."""
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
            return
        if frame.key is MERGE and frame.merges is not None:
            sources = value if isinstance(value, list) else [value]
            if all(isinstance(source, dict) for source in sources):
                frame.merges += sources
            elif self.usable:  # else the value may be bad for a reason that is already told
                start, end = self.positions.start[node], self.positions.end[node]
                self._add("NS106", start, end, "`<<` takes a mapping or a list of mappings", "write `<<: *name`")
        elif isinstance(frame.key, str):
            frame.value[frame.key] = value
        frame.key = None


class _PythonParser(Reader, Scanner, Parser):
    """PyYAML's own parser, where it was built without libyaml; slower, and stricter about tabs."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def get_event(self) -> Any:
        """The next event; refuses halves of characters as libyaml does."""
        event: Any = super().get_event()  # type: ignore[no-untyped-call]
        if type(event) is yaml.ScalarEvent and _HALF.search(event.value):
            problem = "found invalid Unicode character escape code"
            start: Any = event.start_mark
            end: Any = event.end_mark
            raise yaml.MarkedYAMLError(None, start, problem, end)
        return event


try:
    from yaml._yaml import CParser

    _parser: Callable[[str], Any] = CParser
except ImportError:
    _parser = _PythonParser
