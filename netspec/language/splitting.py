"""What the types of `validation` and `test` cannot say: which keys go with which way of holding rows out."""

from __future__ import annotations

from netspec.diagnostics import Report
from netspec.language.moments import pattern
from netspec.language.schema import BY_COLUMN, Data, Split

_EXAMPLES = {"time": "created", "group": "user", "stratified": "label"}


def check(data: Data, report: Report) -> None:
    """NS203 for a key that is missing, NS709 for one that has no place, NS704 where nothing is left to train on."""
    for name in ("validation", "test"):
        part: Split | None = getattr(data, name)
        if part is not None:
            _check(name, part, report)
    fractions = [part.fraction for part in (data.validation, data.test) if part is not None and part.fraction]
    if sum(fractions) >= 1:
        said = f"`validation` and `test` hold out {' and '.join(f'{each:g}' for each in fractions)} of the rows"
        cure = "both are parts of all rows"
        report.add("NS704", ("data", "test"), f"{said}, which leaves none to train on", help=cure)


def _check(name: str, part: Split, report: Report) -> None:
    path = ("data", name)
    if part.source is not None:
        for key in ("fraction", "column", "format"):
            if getattr(part, key) is not None:
                said = f"`{name}` is a part of `train` or a source of its own, got `{key}` and `source`"
                report.add("NS709", (*path, key), said, key=True, help="leave out one of the two")
                return
        return
    if part.fraction is None:
        report.add("NS203", path, f"`{name}` needs `fraction`", key=True, help="for example `fraction: 0.1`")
    if part.by in BY_COLUMN and part.column is None:
        cure = f"for example `column: {_EXAMPLES[part.by]}`"
        report.add("NS203", path, f"`by: {part.by}` needs `column`", key=True, help=cure)
    if part.by not in BY_COLUMN and part.column is not None:
        said = f"`by: {part.by}` looks at no column"
        cure = "say `by: time`, `by: group` or `by: stratified`, or leave out `column`"
        report.add("NS709", (*path, "column"), said, key=True, help=cure)
    if part.format is None:
        return
    if part.by != "time":
        said = f"`format` is for `by: time`, got `by: {part.by}`"
        report.add("NS709", (*path, "format"), said, key=True, help="leave it out")
        return
    try:
        pattern(part.format)
    except ValueError as error:
        said = f"`format`: expected one as `strptime` has it, such as `%d.%m.%Y`; {error}"
        report.add("NS206", (*path, "format"), said)
