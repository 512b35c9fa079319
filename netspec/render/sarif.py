"""Findings as SARIF 2.1.0, the form that code scanning reads; columns count characters (`unicodeCodePoints`).

A finding that a comment leaves out is a suppressed result; what kept a file from being checked is a notification.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from urllib.parse import quote

from netspec.diagnostics import Diagnostic, Place, Suppressed, printable
from netspec.render.findings import Failure
from netspec.render.paths import relative

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"  # what code scanning takes for the root of the checkout

_Json = dict[str, object]


def sarif(
    files: Sequence[str],
    diagnostics: Iterable[Diagnostic],
    suppressed: Iterable[Suppressed] = (),
    failures: Sequence[Failure] = (),
    *,
    version: str,
) -> str:
    """One run of netspec `version`: a result for each finding, the suppressed ones last, and the pages of their codes.

    `files` are those that were checked; `failures` become notifications, and the run is then not a success.
    """
    found = [(each, None) for each in diagnostics] + [(each.diagnostic, each) for each in suppressed]
    codes = sorted({each.code for each, _ in found} | {each.code for each in failures if each.code})
    artifacts = _Artifacts(files)
    seen: dict[str, int] = {}
    some_left_out = any(why is not None for _, why in found)
    results: list[_Json] = []
    for each, why in found:
        result = _result(each, codes.index(each.code), artifacts, seen)
        if some_left_out:  # all results say it, or none
            result["suppressions"] = [{"kind": "inSource", "justification": _text(why.reason)}] if why else []
        results.append(result)
    run: _Json = {
        "tool": {"driver": _driver(codes, version)},
        "invocations": [_invocation(failures, codes, artifacts)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the checkout."}}},
        "artifacts": artifacts.listed,
        "columnKind": "unicodeCodePoints",
        "defaultEncoding": "utf-8",
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=True, allow_nan=False, indent=2) + "\n"


class _Artifacts:
    """The files of a run, each once, numbered in the order in which they are met."""

    def __init__(self, files: Iterable[str]) -> None:
        self.listed: list[_Json] = []
        self.numbers: dict[str, int] = {}
        for file in files:
            self.location(file)

    def location(self, file: str) -> _Json:
        """Where a file lies, by its address and its number."""
        path = relative(_nameable(file))
        address: _Json
        if path is None:
            address = {"uri": quote(file)}
        elif os.path.isabs(path):
            address = {"uri": FilePath(path).as_uri()}
        else:
            address = {"uri": quote(os.fsencode(path)), "uriBaseId": ROOT}
        if file not in self.numbers:
            self.numbers[file] = len(self.listed)
            self.listed.append({"location": address, "sourceLanguage": "yaml", "roles": ["analysisTarget"]})
        return {**address, "index": self.numbers[file]}


def _nameable(file: str) -> str:
    """The name, or what is shown of one that no file system knows."""
    try:
        os.fsencode(file)
    except UnicodeEncodeError:
        return printable(file)
    return file


def _result(found: Diagnostic, number: int, artifacts: _Artifacts, seen: dict[str, int]) -> _Json:
    said = [found.message, *(f"note: {note}" for note in found.notes), *([f"help: {found.help}"] if found.help else [])]
    result: _Json = {
        "ruleId": found.code,
        "ruleIndex": number,
        "level": found.severity,
        "message": {"text": "\n".join(_text(line) for line in said)},
        "locations": [_location(found.place, artifacts, found.label)],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(found, seen)},
    }
    if found.labels:
        result["relatedLocations"] = [
            {"id": at, **_location(label.place, artifacts, label.text)} for at, label in enumerate(found.labels, 1)
        ]
    return result


def _location(place: Place, artifacts: _Artifacts, said: str) -> _Json:
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    location: _Json = {"physicalLocation": {"artifactLocation": artifacts.location(place.file), "region": region}}
    return {**location, "message": {"text": _text(said)}} if said else location


def _text(text: str) -> str:
    """Text of a message: what would be a link in it is shown as it is written."""
    return printable(text).replace("](", "\\](")


def _fingerprint(found: Diagnostic, seen: dict[str, int]) -> str:
    """The same for the same mistake in the same line of text, wherever that line is moved in its file."""
    about = f"{found.place.file}\0{found.code}\0{found.place.text.strip()}"
    digest = hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    seen[digest] = seen.get(digest, 0) + 1
    return f"{digest}:{seen[digest]}"


def _invocation(failures: Sequence[Failure], codes: Sequence[str], artifacts: _Artifacts) -> _Json:
    """Whether all was checked that should be, and what was not."""
    notifications: list[_Json] = []
    for failure in failures:
        said = [failure.message, *([f"help: {failure.help}"] if failure.help else [])]
        note: _Json = {"level": "error", "message": {"text": "\n".join(_text(line) for line in said)}}
        if failure.file is not None:
            note["locations"] = [{"physicalLocation": {"artifactLocation": artifacts.location(failure.file)}}]
        if failure.code is not None:
            note["associatedRule"] = {"id": failure.code, "index": codes.index(failure.code)}
        notifications.append(note)
    invocation: _Json = {"executionSuccessful": not failures}
    return {**invocation, "toolExecutionNotifications": notifications} if notifications else invocation


def _driver(codes: Sequence[str], version: str) -> _Json:
    homes = _homes()
    driver: _Json = {"name": "netspec", "version": version, "semanticVersion": version}
    if "Homepage" in homes:
        driver["informationUri"] = homes["Homepage"]
    driver["rules"] = [_rule(code, homes.get("Documentation")) for code in codes]
    return driver


def _homes() -> dict[str, str]:
    """The addresses that the installed package gives for itself, by name."""
    from importlib import metadata

    try:
        return dict(each.split(", ", 1) for each in metadata.metadata("netspec").get_all("Project-URL") or ())
    except metadata.PackageNotFoundError:  # run from a checkout
        return {}


def _rule(code: str, documentation: str | None) -> _Json:
    """The page of a code; `documentation` is the address of the docs folder, where the project has one."""
    from netspec import rules
    from netspec.render import rules as pages

    page = rules.page(code)
    rule: _Json = {
        "id": code,
        "name": page.name,
        "shortDescription": {"text": f"{rules.one_line(code)}."},
        "fullDescription": {"text": page.why},
        "help": {"text": pages.text(page), "markdown": pages.markdown(page).partition("\n\n")[2]},
        "defaultConfiguration": {"level": page.severity},
        "properties": {"tags": [page.stage.lower()], "problem.severity": page.severity},
    }
    return {**rule, "helpUri": f"{documentation}/{page.link}"} if documentation else rule
