"""The page of each code: why it matters, an example that has it, what netspec says of that, the way out, a mended one.

A page is NS401.md beside this file; `netspec rule`, docs/checks.md and the tests read the same text. What it shows of
netspec's own words is written by tools/make_checks.py. Nothing here is loaded while a spec is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import RULES

SPEC = "spec.yaml"  # what the examples are called
COMMAND = f"netspec validate {SPEC}"

STAGES = {  # the hundreds digit of a code: which stage finds it
    "1": "YAML text",
    "2": "Language and arguments",
    "3": "Graph",
    "4": "Shapes",
    "5": "Training",
    "6": "Resources and safety",
    "7": "Data",
    "8": "Runs",
    "9": "Our own faults",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say on one code.

    `said` is what `command` prints of the spec `bad`, and `good` is the same spec mended; `good_command` differs from
    `command` where the mistake is in the command. `files` lie beside both, and `encoding` is how `bad` is saved.
    `text` is the page as it is written, in Markdown.
    """

    code: str
    name: str
    severity: str
    why: str
    fix: str
    bad: str
    good: str
    link: str
    command: str
    said: str
    good_command: str
    files: tuple[tuple[str, str], ...]
    encoding: str
    text: str

    @property
    def stage(self) -> str:
        """The title of the stage that finds it."""
        return STAGES[self.code[2]]


class PageError(ValueError):
    """A page that is missing, lacks a part, or has one that nobody reads."""


def link(code: str) -> str:
    """Where a code is explained, from the top of the repository.

    >>> link("NS401")
    'docs/checks.md#ns401'
    """
    return f"docs/checks.md#{code.lower()}"


def page(code: str) -> Page:
    """The page of a code of `netspec.diagnostics.RULES`.

    Raises:
        KeyError: there is no such code.
        PageError: there is no page, or it lacks a part.
    """
    rule = RULES[code]
    try:
        text = file(code).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PageError(f"{code}: expected a page in netspec/rules/{code}.md") from None
    return read(rule.code, text)


def file(code: str) -> Path:
    """Where the page of a code is kept."""
    return Path(__file__).with_name(f"{code}.md")


def find(word: str) -> str | None:
    """The code that is meant by a code, its number or its name, in any case.

    >>> find("ns401"), find("401"), find("Merge_Mismatch"), find("NS000")
    ('NS401', 'NS401', 'NS401', None)
    """
    folded = word.strip().lower().replace("_", "-")
    return next((rule.code for rule in RULES.values() if folded in (rule.code.lower(), rule.code[2:], rule.name)), None)


def one_line(code: str) -> str:
    """The first sentence of a page, without its full stop."""
    return page(code).why.replace("\n", " ").partition(". ")[0].rstrip(".")


def read(code: str, text: str) -> Page:
    """A page from its Markdown: prose, `yaml bad`, `console bad`, prose, `yaml good`, and files under their names.

    Raises:
        PageError: a part is missing, or there twice, or not one of these.
    """
    prose: list[list[str]] = [[], []]
    parts: dict[str, str] = {}
    files: list[tuple[str, str]] = []
    encoding = "utf-8"
    for info, lines in _blocks(text):
        body = "".join(f"{line}\n" for line in lines)
        words = info.split()
        if not words:
            prose[bool(parts)].append("\n".join(lines).strip())
        elif len(words) == 2 and "." in words[1]:
            files.append((words[1], body))
        else:
            part = " ".join(words[:2])
            if part not in ("yaml bad", "yaml good", "console bad", "console good") or part in parts:
                raise PageError(f"{code}: unexpected block `{info}`")
            parts[part] = body
            if len(words) > 2:
                encoding = words[2]
    why, fix = ("\n\n".join(filter(None, pieces)) for pieces in prose)
    if "yaml bad" not in parts or "console bad" not in parts or not why or not fix:
        raise PageError(f"{code}: a page has a reason, `yaml bad`, `console bad` and a cure")
    command, _, said = parts["console bad"].removeprefix("$ ").partition("\n")
    good_command = parts.get("console good", f"$ {command}").removeprefix("$ ").partition("\n")[0]
    rule = RULES[code]
    return Page(
        code=code,
        name=rule.name,
        severity=rule.severity,
        why=why,
        fix=fix,
        bad=parts["yaml bad"],
        good=parts.get("yaml good", parts["yaml bad"]),
        link=link(code),
        command=command,
        said=said,
        good_command=good_command,
        files=tuple(files),
        encoding=encoding,
        text=text,
    )


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """The fenced blocks with what stands behind their opening fence, and the prose between them with nothing."""
    info = ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("```"):
            if info or lines:
                yield info, lines
            info, lines = "" if info else line[3:].strip(), []
        else:
            lines.append(line)
    if info or lines:
        yield info, lines
