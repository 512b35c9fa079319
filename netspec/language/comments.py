"""`# netspec: ignore[NS307] reason`: the findings that a spec's own comments leave out, and NS218, NS219 about those.

A comment counts for its own line; alone on a line, for the next line that is no comment too. Nothing is looked at in
a text without the word `ignore`, nor in one that could not be read as YAML.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netspec.catalog.nearest import nearest
from netspec.diagnostics import RULES, Diagnostic, Report, Suppressed
from netspec.language.document import SCALAR, Document

_COMMENT = r"#[ \t]*netspec[ \t]*:[ \t]*ignore\b((?:(?!#[ \t]*netspec[ \t]*:)[^\r\n])*+)"
_CODES = r"[ \t]*\[([^\]]*+)\](.*+)"
_FORM = "# netspec: ignore[NS307] reason"
_MOST = 100  # findings about comments; a file with more of them has one cause
_MOST_COMMENTS = 10_000
_STAGES = "189"  # what is no YAML, a run, our own fault: no line of a spec can answer for those
_OURS = ("NS218", "NS219")
# What another verb, another machine or the data finds: a comment that is idle here may be needed there.
_ELSEWHERE = ("NS408", "NS409", "NS601", "NS604")


@dataclass(slots=True)
class Ignore:
    """One comment: the codes with their offsets, the reason, the lines that it counts for, the codes that it met."""

    line: int
    target: int
    reason: str
    codes: dict[str, tuple[int, int]]
    met: set[str] = field(default_factory=set)


def ignores(document: Document, report: Report) -> list[Ignore]:
    """The comments of a document that say what to ignore; what is wrong with one is reported (NS219)."""
    text = document.text
    if document.data is None or "ignore" not in text:
        return []
    found: list[Ignore] = []
    bad = _Limited(document, report)
    for comment, at, alone in _comments(document):
        place = document.place(at)
        if len(found) == _MOST_COMMENTS:
            message = f"a spec has at most {_MOST_COMMENTS:,} comments that ignore something; from here on none counts"
            report.add_at("NS219", document.place(at, comment.end()), message, help="mend what they ignore")
            break
        codes, reason = _read(comment, bad)
        if codes:
            found.append(Ignore(place.line, -1 if alone else place.line, reason, codes))
    _aim(document, found)
    return found


def divided(
    document: Document, found: Iterable[Diagnostic], comments: list[Ignore]
) -> tuple[tuple[Diagnostic, ...], tuple[Suppressed, ...]]:
    """The diagnostics that stay, and those that a comment leaves out; the comments note which codes they met."""
    if not comments:
        return tuple(found), ()
    by_line: dict[tuple[int, str], Ignore] = {}
    for comment in comments:
        for code in comment.codes:
            by_line.setdefault((comment.line, code), comment)
            by_line.setdefault((comment.target, code), comment)
    kept, left_out = [], []
    for each in found:
        asked = by_line.get((each.place.line, each.code)) if each.place.file == document.file else None
        if asked is None:
            kept.append(each)
        else:
            asked.met.add(each.code)
            left_out.append(Suppressed(each, asked.reason, asked.line))
    return tuple(kept), tuple(left_out)


def unused(document: Document, kept: Iterable[Diagnostic], comments: list[Ignore], report: Report) -> None:
    """Report the codes that comments ignore and that were not found there (NS218)."""
    lines: dict[str, list[int]] = {}
    for each in kept:
        if each.place.file == document.file:
            lines.setdefault(each.code, []).append(each.place.line)
    idle = _Limited(document, report)
    for comment in comments:
        for code, (start, end) in comment.codes.items():
            if code in comment.met or code[2] == "7" or code in _ELSEWHERE:
                continue
            cure = f"remove `{code}` from the list" if len(comment.codes) > 1 else "remove the comment"
            if code in lines:
                near = min((abs(line - comment.target), line) for line in lines[code])[1]
                cure = f"it is found in line {near}: put the comment there, or in the line above"
            message = f"`{code}` is ignored here, and line {comment.target} has no such finding"
            if not idle.add("NS218", start, end, message, cure):
                return


class _Limited:
    """Adds findings about comments, up to a number that one still reads; `add` says whether there is room for more."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document, self.report, self.count = document, report, 0

    def add(self, code: str, start: int, end: int, message: str, help: str) -> bool:
        self.count += 1
        if self.count <= _MOST:
            notes = ("further comments like this are not listed",) if self.count == _MOST else ()
            self.report.add_at(code, self.document.place(start, end), message, help=help, notes=notes)
        return self.count < _MOST


def _comments(document: Document) -> Iterator[tuple[re.Match[str], int, bool]]:
    """Each `# netspec: ignore` that stands in a comment, its offset, and whether nothing else stands in its line."""
    text = document.text
    begin, scan, start = -1, 0, -1
    for found in re.finditer(_COMMENT, text):
        at = found.start()
        place = document.place(at)
        if at - place.column + 1 != begin:
            begin = scan = at - place.column + 1
            start = -1  # where the comment of this line starts
        while start < 0 and (sign := text.find("#", scan, at + 1)) >= 0:
            scan = sign + 1
            if not _inside(document, sign, begin):
                start = sign
        if start >= 0:
            yield found, at, not text[begin:start].strip()


def _inside(document: Document, at: int, begin: int) -> bool:
    """Whether a `#` in the line that starts at `begin` is part of a value; in a text that was read, else a comment."""
    positions = document.positions
    node = bisect_right(positions.start, at) - 1
    if node < 0 or positions.kind[node] != SCALAR or at >= positions.end[node]:
        return False
    start = positions.start[node]
    return start < begin or document.text[start] not in "|>"  # `| # comment` stands in front of the value


def _read(found: re.Match[str], bad: _Limited) -> tuple[dict[str, tuple[int, int]], str]:
    """The codes of a comment that count, each with its offsets, and the reason; nothing without a reason."""
    start, end = found.start(), found.start(1) + len(found[1].rstrip())
    parts = re.match(_CODES, found[1])
    if parts is None:
        message = "this comment ignores nothing, because it is not of the form `# netspec: ignore[CODE] reason`"
        bad.add("NS219", start, end, message, f"for example `{_FORM}`")
        return {}, ""
    codes: dict[str, tuple[int, int]] = {}
    names = {name: rule.code for rule in RULES.values() for name in (rule.code, rule.name)}
    at = found.start(1) + parts.start(1)
    for number, written in enumerate(parts[1].split(",", len(RULES))):
        if number == len(RULES):
            message = f"a comment ignores at most {number} codes, of which there are no more"
            bad.add("NS219", at, at + 1, message, f"name each code once, as in `{_FORM}`")
            break
        word = written.strip()
        first = at + len(written) - len(written.lstrip())
        at += len(written) + 1
        code = names.get(word)
        if code is None:
            near = nearest(word, names)
            message = f"there is no code `{word[:60]}`" if word else "a code is missing between the brackets"
            several = len(word) > 1 and any(known.startswith(word) for known in RULES)
            cure = f"did you mean `{near}`?" if near and not several else f"name each code, as in `{_FORM}`"
            bad.add("NS219", first, max(first + len(word), first + 1), message, cure)
        elif code[2] in _STAGES or code in _OURS:
            cure = f"`netspec validate --ignore {code}` leaves it out"
            bad.add("NS219", first, first + len(word), f"`{word}` cannot be ignored by a comment", cure)
        else:
            codes.setdefault(code, (first, first + len(word)))
    reason = parts[2].strip().lstrip(":-–—. \t")
    if codes and not any(char.isalnum() for char in reason):
        message = "this comment ignores nothing, because it gives no reason"
        bad.add("NS219", start, end, message, f"say why, behind the bracket: `{_FORM}`")
        return {}, ""
    return codes, reason


def _aim(document: Document, comments: list[Ignore]) -> None:
    """Give the comments that stand alone their line: the next one that is not a comment."""
    text = document.text
    to_next, commented = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)"), re.compile(r"[ \t]*#")
    known: dict[int, int] = {}
    for comment in reversed(comments):
        if comment.line in known:
            comment.target = known[comment.line]
        elif comment.target < 0:
            line, at = comment.line, next(iter(comment.codes.values()))[0]
            while ended := to_next.match(text, at):
                line, at = line + 1, ended.end()
                if line in known or not commented.match(text, at):
                    break
            comment.target = known[comment.line] = known.get(line, line)
