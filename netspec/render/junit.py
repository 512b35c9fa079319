"""Findings as JUnit XML: a suite for each file, a case for each finding, one passed case for a file without any.

A case has one failure at most, because that is all that GitLab and Jenkins read, and a name of its own in its suite,
without a line number, so that they know it again when lines move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as xml

from netspec.diagnostics import ERROR, Diagnostic, Suppressed, printable
from netspec.render import findings
from netspec.render.paths import relative


def junit(
    files: Sequence[str],
    diagnostics: Iterable[Diagnostic],
    suppressed: Iterable[Suppressed] = (),
    failures: Iterable[findings.Failure] = (),
    *,
    strict: bool = False,
) -> str:
    """The report: an error is a failed case, a warning a passed one with its text in system-out (`strict`: failed too).

    A finding that a comment leaves out is a skipped case; a file that could not be checked is a case with an error.
    """
    suites: dict[str, _Suite] = {}

    def suite(file: str | None) -> _Suite:
        name = "netspec" if file is None else file
        return suites.setdefault(name, _Suite(name))

    for file in files:
        suite(file)
    about = [(found, None) for found in diagnostics] + [(each.diagnostic, each) for each in suppressed]
    for found, left_out in about:
        suite(found.place.file).finding(found, left_out, strict)
    for failure in failures:
        suite(failure.file).failure(failure)
    root = xml.Element("testsuites", name="netspec")
    for each in suites.values():
        each.finish()
        root.append(each.element)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(each.element.get(count, "0")) for each in suites.values())))
    xml.indent(root)
    shown = xml.tostring(root, encoding="us-ascii").decode()  # so that no terminal's encoding can spoil it
    return f'<?xml version="1.0" encoding="utf-8"?>\n{shown}\n'


class _Suite:
    """The cases of one file."""

    def __init__(self, file: str) -> None:
        self.element = xml.Element("testsuite", name=printable(file))
        self.file, self.path = printable(file), printable(relative(file) or file)
        self.names: dict[str, int] = {}

    def case(self, name: str, line: int | None = None) -> xml.Element:
        """A new case; a second one of the same name is numbered."""
        self.names[name] = self.names.get(name, 0) + 1
        shown = name if self.names[name] == 1 else f"{name} ({self.names[name]})"
        case = xml.SubElement(self.element, "testcase", name=shown, classname=self.file, file=self.path)
        if line is not None:
            case.set("line", str(line))
        return case

    def finding(self, found: Diagnostic, left_out: Suppressed | None, strict: bool) -> None:
        """Add the case of a finding."""
        case = self.case(f"{found.code} {found.name}: {printable(found.message)}", found.place.line)
        if left_out is not None:
            xml.SubElement(case, "skipped", message=f"ignored in line {left_out.line}: {printable(left_out.reason)}")
            return
        wrong = found.severity == ERROR or strict
        outcome = (
            xml.SubElement(case, "failure", message=printable(found.message), type=found.severity)
            if wrong
            else xml.SubElement(case, "system-out")
        )
        outcome.text = findings.text([found])

    def failure(self, failure: findings.Failure) -> None:
        """Add the case of what could not be checked."""
        case = self.case("netspec validate")
        outcome = xml.SubElement(case, "error", message=printable(failure.message), type=failure.code or "error")
        outcome.text = printable(failure.help or failure.message)

    def finish(self) -> None:
        """A file without a finding has passed; then the cases are counted."""
        if not len(self.element):
            self.case("netspec validate")
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            self.element.set(count, str(len(self.element.findall(f"testcase/{tag}"))))
        self.element.set("tests", str(len(self.element)))
