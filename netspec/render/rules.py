"""The pages of codes for a terminal, as JSON, and as the Markdown of docs/checks.md."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from netspec.diagnostics import ERROR, RULES
from netspec.rules import SPEC, STAGES, Page, one_line

FORMAT_VERSION = "1.0"
_WIDTH = 96
_RED, _YELLOW, _BOLD, _OFF = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1m", "\x1b[0m"


def text(page: Page, *, color: bool = False, width: int | None = None) -> str:
    """One page as a person reads it: prose wrapped to `width` columns, specs set in as they are."""
    columns = min(width or _WIDTH, _WIDTH)
    level = _RED if page.severity == ERROR else _YELLOW
    title = f"{page.code} {page.name}"
    title = f"{_BOLD}{title}{_OFF} {level}{page.severity}{_OFF}" if color else f"{title} ({page.severity})"
    parts = [title, _wrapped(page.why, columns), f"{_saved(page)}:", _set_in(page.bad)]
    for name, content in page.files:
        parts += [f"{name}:", _set_in(content)]
    parts += [f"$ {page.command}\n{page.said}".rstrip(), _wrapped(page.fix, columns)]
    if page.good != page.bad:
        parts.append(_set_in(page.good))
    if page.good_command != page.command:
        parts.append(f"$ {page.good_command}")
    return "\n\n".join((*parts, page.link)) + "\n"


def _saved(page: Page) -> str:
    return SPEC if page.encoding == "utf-8" else f"{SPEC}, saved as {page.encoding.title()}"


def _wrapped(prose: str, columns: int) -> str:
    return "\n\n".join(
        textwrap.fill(paragraph.replace("\n", " "), columns, break_long_words=False, break_on_hyphens=False)
        for paragraph in prose.split("\n\n")
    )


def _set_in(source: str) -> str:
    return textwrap.indent(source.rstrip("\n"), "    ")


def listing(*, width: int | None = None) -> str:
    """Every code with its name and the first sentence of its page, stage by stage."""
    longest = max(len(rule.name) for rule in RULES.values())
    lines: list[str] = []
    for digit, stage in STAGES.items():
        lines += ["", stage] if lines else [stage]
        for rule in RULES.values():
            if rule.code[2] == digit:
                row = f"  {rule.code}  {rule.name:<{longest}}  {rule.severity:<7}  {one_line(rule.code)}"
                lines.append(row if width is None or len(row) <= width else row[: width - 1] + "…")
    return "\n".join((*lines, "", "`netspec rule NS401`, or a name, shows the page of one"))


def listing_json() -> str:
    """The same for scripts."""
    rules = [
        {"code": rule.code, "name": rule.name, "severity": rule.severity, "summary": one_line(rule.code)}
        for rule in RULES.values()
    ]
    return _dump({"format_version": FORMAT_VERSION, "rules": rules})


def pages_json(pages: Iterable[Page]) -> str:
    """Whole pages for scripts."""
    rules = [
        {
            "code": page.code,
            "name": page.name,
            "severity": page.severity,
            "stage": page.stage,
            "why": page.why,
            "bad": page.bad,
            "files": dict(page.files),
            "command": page.command,
            "output": page.said,
            "fix": page.fix,
            "good": page.good,
            "good_command": page.good_command,
            "link": page.link,
        }
        for page in pages
    ]
    return _dump({"format_version": FORMAT_VERSION, "rules": rules})


def _dump(report: object) -> str:
    return json.dumps(report, ensure_ascii=True, indent=2) + "\n"


def markdown(page: Page) -> str:
    """One page as it stands in docs/checks.md, under an anchor of its code."""
    parts = [f'<a id="{page.code.lower()}"></a>', f"### {page.code} {page.name}", page.why]
    if page.encoding != "utf-8":
        parts.append(f"`{_saved(page)}`:")
    parts.append(_fenced("yaml", page.bad))
    for name, content in page.files:
        parts += [f"`{name}`:", _fenced(name.rpartition(".")[2], content)]
    parts += [_fenced("console", f"$ {page.command}\n{page.said}"), page.fix]
    if page.good != page.bad:
        parts.append(_fenced("yaml", page.good))
    if page.good_command != page.command:
        parts.append(_fenced("console", f"$ {page.good_command}"))
    return "\n\n".join(parts) + "\n"


def _fenced(language: str, content: str) -> str:
    return f"```{language}\n{content.rstrip()}\n```"


def contents() -> str:
    """A table of contents by stage."""
    lines = []
    for digit, stage in STAGES.items():
        lines += [f"**{stage}**", "", "| code | name | | what |", "|---|---|---|---|"]
        for rule in RULES.values():
            if rule.code[2] == digit:
                address = f"[{rule.code}](#{rule.code.lower()})"
                lines.append(f"| {address} | {rule.name} | {rule.severity} | {_cell(one_line(rule.code))} |")
        lines.append("")
    return "\n".join(lines)


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def book(pages: Sequence[Page]) -> str:
    """All of docs/checks.md."""
    parts = [
        "# What netspec says",
        "Every finding has a code, NS and three digits, that is never used for anything else. An error is a broken\n"
        "rule of the language, something that Keras refuses, or a result that is surely wrong; the rest are warnings.\n"
        "`netspec rule NS401` (or `netspec rule merge-mismatch`) prints one of these pages.",
        "Each example is a whole spec, run as shown. What netspec prints of it is not typed but written by\n"
        "`make pages`, and the mended example below it gives no message.",
        contents().rstrip(),
    ]
    for digit, stage in STAGES.items():
        parts += [f"## {stage}", *(markdown(page).rstrip() for page in pages if page.code[2] == digit)]
    return "\n\n".join(parts) + "\n"
