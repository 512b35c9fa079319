"""What `data` may say where rows are windows over a running text: all sources are texts, and columns have no place.

Looked at only where a source is a text, or a feature of text names no column.
"""

from __future__ import annotations

from netspec.diagnostics import Path, Report
from netspec.language.schema import Data, Source


def check(data: Data, report: Report) -> None:
    """Report what does not go together, each mistake at the smallest thing that is wrong."""
    sources: list[tuple[str, Source | None]] = [
        ("train", data.train),
        ("test", data.test.source if data.test else None),
        ("validation", data.validation.source if data.validation else None),
    ]
    for key, source in sources:
        if source is not None and source.stride is not None and not source.text:
            message = "`stride` is the step from one window of a text to the next"
            report.add("NS709", ("data", key, "stride"), message, key=True, help="it goes with `text`")
    if data.train is None or not data.train.text:
        _of_rows(data, sources, report)
        return
    for key, source in sources:
        if source is not None and not source.text:
            message, cure = f"`train` is a text, so `{key}` is one too", "for example `{text: [more.txt]}`"
            report.add("NS707", ("data", key), message, help=cure)
    held = data.validation
    if held is not None and held.source is None and held.by != "order" and "by" in held.model_fields_set:
        message = "windows that overlap would be on both sides, so the held-out part of a text is its last"
        report.add("NS707", ("data", "validation", "by"), message, help="say `by: order`, or leave it out")
    if data.test is not None and data.test.source is None:
        message, cure = (
            "a part of a text is held out to validate, and `test` is another text",
            "for example `test: b.txt`",
        )
        report.add("NS707", ("data", "test"), message, help=cure)
    for name, feature in data.features.items():
        path: Path = ("data", "features", name)
        if feature.names:
            key = "columns" if feature.columns else "column"
            named = "`text: {by: characters, vocabulary: 64}`"
            cure = f"say {named} alone; a table in a .txt file is `{{csv: [{data.train.files[0]}]}}`"
            report.add("NS707", (*path, key), "`train` is a text, which has no columns", key=True, help=cure)
        elif feature.text is not None and (feature.text.file is not None or feature.text.ngrams > 1):
            key = "file" if feature.text.file is not None else "ngrams"
            message = f"the tokens of a running text are its own, one after the other, without `{key}`"
            report.add("NS707", (*path, "text", key), message, key=True, help="say how many: `vocabulary: 64`")
        elif feature.text is None:
            cure = f"for example `{name}: {{text: {{by: characters, vocabulary: 64}}}}`"
            report.add("NS707", path, "`train` is a text, so its feature is `text`", help=cure)
    if data.weight is not None:
        report.add(
            "NS707", ("data", "weight"), "`train` is a text, which has no columns", key=True, help="leave it out"
        )
    for name in data.targets:
        message = "the target of a text is what comes next, so it is not said"
        cure = "leave it out: of one token, or of a sequence, as the output has it"
        report.add("NS707", ("data", "targets", name), message, key=True, help=cure)


def _of_rows(data: Data, sources: list[tuple[str, Source | None]], report: Report) -> None:
    """A text where rows are those of tables."""
    for key, source in sources:
        if source is not None and source.text and (data.train is not None or data.dataset is not None):
            message = f"`{key}` is a text, and the training rows are none"
            cure = f"a table in a .txt file is `{{csv: [{source.files[0]}]}}`"
            report.add("NS707", ("data", key), message, help=cure)
    for name, feature in data.features.items():
        if feature.text is not None and not feature.names:
            message = f"`{name}` is made of text, and no column is named"
            cure = f"for example `{name}: {{column: headline, text: {{vocabulary: 10000}}}}`"
            report.add("NS707", ("data", "features", name), message, key=True, help=cure)
