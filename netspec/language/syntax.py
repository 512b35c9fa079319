"""What a YAML parser's complaint means to a person: from its problem and offsets to a place, a sentence and a cure.

Knows the wording of libyaml and of PyYAML's own parser, and imports neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from netspec.language.scalars import quote


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in the text: a stretch of offsets, what is wrong, what stands elsewhere, the way out."""

    start: int
    end: int
    message: str
    label: str = ""
    spans: tuple[tuple[int, int, str], ...] = ()
    help: str | None = None
    code: str = "NS101"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the parser said: the problem and its offset, and what it was reading since which offset."""

    text: str
    problem: str
    at: int
    context: str
    since: int

    @property
    def char(self) -> str:
        return self.text[self.at : self.at + 1]

    @property
    def before(self) -> str:
        """The line as far as the problem."""
        return _before(self.text, self.at)

    @property
    def at_end(self) -> bool:
        return not self.text[self.at :].strip()


def explain(text: str, problem: str, at: int, context: str = "", since: int | None = None) -> Fault:
    """The fault behind a parser's complaint; offsets outside the text are pulled into it."""
    at = min(max(at, 0), len(text))
    said = Complaint(text, problem, at, context, at if since is None else min(max(since, 0), len(text)))
    if any(words in problem for words in _TAB_SENSITIVE) and (fault := _tab(said)):
        return fault
    for words, describe in _PROBLEMS:
        if words in problem:
            return describe(said)
    return Fault(*_here(said), f"this is not YAML: {problem}" + (f" {context}" if context else ""))


def _before(text: str, at: int) -> str:
    return text[max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1 : at]


def _line_number(text: str, at: int) -> int:
    return len(re.findall(r"\r\n|\r|\n", text[:at])) + 1


def _here(said: Complaint) -> tuple[int, int]:
    """The word at the problem; the last character of the text where the problem is that it ends."""
    if said.at_end:
        end = len(said.text.rstrip())
        return max(0, end - 1), end
    word = re.compile(r"[^\s,:\[\]{}]+|\S").match(said.text, said.at)
    return (said.at, word.end()) if word else (said.at, said.at + 1)


def _tab(said: Complaint) -> Fault | None:
    """A tab in front of the first character of the line, where YAML counts spaces."""
    indent = re.compile(r"(?:[ -]*)(\t+)").match(said.before + said.text[said.at : said.at + 1])
    if indent is None or said.before[: indent.start(1)].strip(" -") or said.before.strip(" \t-"):
        return None
    start = said.at - len(said.before) + indent.start(1)
    return Fault(
        start,
        start + len(indent[1]),
        "a tab indents this line, expected spaces",
        help="replace the tab by spaces; YAML has no rule for how wide a tab is",
    )


def _unclosed_quote(said: Complaint) -> Fault:
    mark = said.text[said.since : said.since + 1]
    word = "quote" if mark in ("'", '"') else "text"
    what = "never closed" if said.at_end else "not closed before the document ends"
    escape = "''" if mark == "'" else '\\"'
    cure = f"close it; a quote inside the text is written `{escape}`" if word == "quote" else None
    return Fault(said.since, said.since + 1, f"the {word} `{mark}` is {what}", label="opened here", help=cure)


def _unclosed_bracket(said: Complaint) -> Fault:
    opener = said.text[said.since : said.since + 1]
    closer = {"[": "]", "{": "}"}.get(opener, "]")
    if said.char in ("]", "}") and said.char != closer:
        return Fault(
            *_here(said),
            f"`{said.char}` closes `{opener}`, expected `{closer}`",
            spans=((said.since, said.since + 1, "opened here"),),
            help=f"write `{closer}`, or close what stands between the two",
        )
    if said.at_end or not _is_closed(said.text, said.since):
        found = () if said.at_end else ((*_here(said), f"expected `,` or `{closer}` before this"),)
        return Fault(
            said.since,
            said.since + 1,
            f"`{opener}` is never closed",
            "opened here",
            found,
            f"add `{closer}` at its end",
        )
    help = "put a `,` between the values" if said.char != ":" else "put a `,` in front of the key, or quote the text"
    return Fault(
        *_here(said),
        f"expected `,` or `{closer}`, got {quote(said.text[slice(*_here(said))])}",
        spans=((said.since, said.since + 1, f"inside this `{opener}`"),),
        help=help,
    )


def _is_closed(text: str, opener: int) -> bool:
    """Whether brackets balance from `opener` on; quotes are not looked at, a guess is enough for a hint."""
    depth = 0
    for found in re.compile(r"[\[\]{}]").finditer(text, opener):
        depth += 1 if found[0] in "[{" else -1
        if depth == 0:
            return True
    return False


def _last_open(text: str) -> int | None:
    """The innermost bracket that is still open at the end, by the same guess."""
    opened: list[int] = []
    for found in re.finditer(r"[\[\]{}]", text):
        if found[0] in "[{":
            opened.append(found.start())
        elif opened:
            opened.pop()
    return opened[-1] if opened else None


def _misplaced_colon(said: Complaint) -> Fault:
    before = said.before
    head = re.match(r"[ ]*(?:- +)*", before)
    body = before[head.end() if head else 0 :]
    if re.search(r":\s", body) or said.char != ":":
        rest = re.compile(r"[^\r\n]*").match(said.text, said.at)
        value = re.split(r":\s+", body, maxsplit=1)[-1] + (rest[0] if rest else "")
        if re.fullmatch(r"\w+: [\[{\w].*[\]}\w]", value):  # a layer or another object with its arguments
            return Fault(said.at, said.at + 1, "a second `:` in one value", help=f"write `{{{value}}}`")
        return Fault(
            said.at,
            said.at + 1,
            "a second `:` in one value",
            help=f'quote the value: `"{value}"`' if len(value) < 60 and '"' not in value else "quote the value",
        )
    start = said.at - len(body)
    key = quote(body.strip())
    if fault := _below_bare_name(said, start, said.at):
        return fault
    above = _line_above(said.text, said.at - len(before))
    cure = "give it the indentation of the keys that it belongs to"
    if above and re.search(r":(\s|$)", above[1]):
        indent = re.match(r"[ ]*(?:- +)*", above[1])
        cure = f"start it at column {(indent.end() if indent else 0) + 1} to put it beside the key in line {above[0]}"
    return Fault(start, said.at, f"the key {key} cannot stand below a value that is no mapping", help=cure)


def _below_bare_name(said: Complaint, start: int, end: int) -> Fault | None:
    """A key below `- Flatten`, which would have to be `- Flatten:` to take keys beside it."""
    indent = _before(said.text, start)
    above = _line_above(said.text, start - len(indent))
    bare = _BARE_NAME.fullmatch(above[1]) if above else None
    if above is None or bare is None or len(bare[1]) > len(indent):
        return None
    name = above[2] + len(bare[1])
    return Fault(
        start,
        end,
        f"the key {quote(said.text[start:end])} stands below {quote(bare[2])}, which has no `:`",
        spans=((name, name + len(bare[2]), "expected a `:` after this"),),
        help=f"write {quote(bare[2] + ':')} in line {above[0]}",
    )


_BARE_NAME = re.compile(r"([ ]*(?:- +)*)([^\s:#'\"\[\]{}&*!|>-][^\s:#]*)\s*(?:\s#.*)?")


def _line_above(text: str, start: int) -> tuple[int, str, int] | None:
    """Number, text and offset of the nearest line above `start` that holds more than a comment."""
    while start > 0:
        end = start - (2 if text.startswith("\r\n", start - 2) else 1)
        line = _before(text, end)
        start = end - len(line)
        if line.strip() and not line.lstrip().startswith("#"):
            return _line_number(text, start), line, start
    return None


def _unexpected_character(said: Complaint) -> Fault:
    why = {
        "@": "YAML reserves `@`",
        "`": "YAML reserves the backtick",
        "%": "`%` starts a directive",
        "\t": "a tab stands where YAML counts spaces",
    }.get(said.char, "YAML gives it a meaning of its own")
    shown = "a backtick" if said.char == "`" else f"`{said.char}`" if said.char.strip() else "a tab"
    cure = "use spaces" if said.char == "\t" else "put the value in quotes"
    return Fault(said.at, said.at + 1, f"a value cannot start with {shown}: {why}", help=cure)


def _no_space(said: Complaint) -> Fault:
    return Fault(said.at, said.at + 1, "expected a space after `:`", help="write `key: value`, or quote the text")


_LONGEST_KEY = 1024  # YAML looks no further for the `:`


def _no_colon(said: Complaint) -> Fault:
    word = re.compile(r"[^\r\n]*").match(said.text, said.since)
    line = (word[0] if word else "").split(" #")[0].rstrip()
    if ":" in line[_LONGEST_KEY:]:
        return Fault(
            said.since, said.since + 1, f"a key can have at most {_LONGEST_KEY:,} characters", help="shorten it"
        )
    return Fault(
        said.since,
        said.since + max(1, len(line)),
        f"expected a `:` after the key {quote(line)}",
        help=f"write `{line}: ...`, or indent the line if it belongs to the value above" if len(line) < 40 else None,
    )


def _no_key(said: Complaint) -> Fault:
    before, (start, end) = said.before, _here(said)
    opened = ((said.since, said.since + 1, "the mapping starts here"),) if "mapping" in said.context else ()
    if said.char in ("]", "}"):
        return Fault(start, end, f"`{said.char}` closes nothing", help="remove it, or quote the value that holds it")
    if said.char == ":":
        return Fault(start, end, "expected a key before `:`")
    if before.strip(" -"):
        return Fault(
            start,
            end,
            f"expected the end of the line, got {quote(said.text[start:end])}",
            help="quote the whole value; a quote inside the text is written twice, as in `'it''s'`",
        )
    if said.char == "-":
        return Fault(
            start, end, "a list item stands among the keys of a mapping", spans=opened, help="indent it under its key"
        )
    return _bad_indentation(said, opened)


def _no_item(said: Complaint) -> Fault:
    opened = ((said.since, said.since + 1, "the list starts here"),)
    column = len(_before(said.text, said.since)) + 1
    if said.before.strip():
        return _no_key(said)
    start, end = _here(said)
    if len(said.before) + 1 == column:
        message = f"expected `-`, the next item of the list, got {quote(said.text[start:end])}"
        cure = "indent it if it belongs to the item above; begin it with `- ` if it is one"
        return Fault(start, end, message, spans=opened, help=cure)
    return _bad_indentation(said, opened)


def _bad_indentation(said: Complaint, opened: tuple[tuple[int, int, str], ...]) -> Fault:
    spaces = len(said.before)
    if fault := _below_bare_name(said, *_here(said)):
        return fault
    return Fault(
        *_here(said),
        f"an indentation of {spaces} {'space' if spaces == 1 else 'spaces'} fits nothing above this line",
        spans=opened,
        help="start it at the column of the keys that it belongs to",
    )


def _no_content(said: Complaint) -> Fault:
    start, end = _here(said)
    if said.at_end:
        opener = _last_open(said.text) if "flow" in said.context else None
        if opener is not None:
            return _unclosed_bracket(replace(said, since=opener))
        return Fault(start, end, "the text ends where a value is expected")
    got = quote(said.text[start:end])
    return Fault(start, end, f"expected a value, got {got}", help="remove it, or quote the value that starts with it")


def _bad_escape(said: Complaint) -> Fault:
    if half := re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}").search(said.text, said.since, said.at + 5):
        return Fault(*half.span(), f"{quote(half[0])} is half a character", help="write the character itself")
    slash = said.text.rfind("\\", 0, said.at + 1)
    start = slash if slash >= said.since else said.at
    return Fault(
        start,
        min(start + 2, len(said.text)),
        f"unknown escape {quote(said.text[start : start + 2])} in a double-quoted text",
        help="use single quotes, or write `\\\\` for a backslash",
    )


def _bad_name(said: Complaint) -> Fault:
    sign = said.text[said.since : said.since + 1]
    what = "an alias" if sign == "*" else "an anchor"
    return Fault(
        said.since,
        said.since + 1,
        f"`{sign}` starts {what}, and its name is missing or not ASCII",
        help="put the value in quotes",
    )


def _misplaced_item(said: Complaint) -> Fault:
    word = {"-": "a list item", "?": "a `?` key"}.get(said.char, "a key")
    return Fault(*_here(said), f"{word} cannot start here", help="start it on a line of its own, or use `[...]`")


def _block_header(said: Complaint) -> Fault:
    sign = said.text[said.since : said.since + 1]
    return Fault(
        *_here(said),
        f"expected a line break after `{sign}`, got {quote(said.text[slice(*_here(said))])}",
        help=f"`{sign}` starts a text of several lines; quote the value if it is a plain one",
    )


def _directive(said: Complaint) -> Fault:
    return Fault(*_here(said), "a directive (`%`) that YAML does not know", help="remove it; a spec needs none")


def _second_document(said: Complaint) -> Fault:
    return Fault(
        *_here(said),
        f"expected the end of the file, got {quote(said.text[slice(*_here(said))])}",
        help="a spec is one mapping; keys at its top start at column 1",
    )


def _tag(said: Complaint) -> Fault:
    word = re.compile(r"!\S*").match(said.text, said.since)
    start, end = word.span() if word else (said.since, said.since + 1)
    return Fault(
        start,
        end,
        f"unknown tag {quote(said.text[start:end])}; a spec is plain data",
        help="remove the tag, or quote the value",
        code="NS105",
    )


_TAB_SENSITIVE = (
    "tab character",
    "cannot start any token",
    "are not allowed",
    "did not find expected key",
    "expected ':'",
)

# the first entry whose words are in the problem decides
_PROBLEMS: tuple[tuple[str, Callable[[Complaint], Fault]], ...] = (
    ("unexpected end of stream", _unclosed_quote),
    ("unexpected document", _unclosed_quote),
    ("expected ',' or", _unclosed_bracket),
    ("mapping values are not allowed", _misplaced_colon),
    ("cannot start any token", _unexpected_character),
    ("could not find expected ':'", _no_colon),
    ("unknown escape", _bad_escape),
    ("hexdecimal", _bad_escape),
    ("hexadecimal", _bad_escape),
    ("escape code", _bad_escape),
    ("alphabetic or numeric", _bad_name),
    ("are not allowed", _misplaced_item),
    ("comment or line break", _block_header),
    ("chomping or indentation", _block_header),
    ("node content", _no_content),
    ("unexpected ':'", _no_space),
    ("tag", _tag),
    ("directive", _directive),
    ("document start", _second_document),
    ("expected key", _no_key),
    ("'-' indicator", _no_item),
    ("expected <block end>", _no_key),
)
