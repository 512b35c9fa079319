"""The first look at a running text: the files and their encoding, how many windows they have, and how many tokens.

It reads the first megabyte of each file; what only the rest can show is left to fit.
"""

from __future__ import annotations

import codecs
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path as FilePath

from netspec.catalog.types import Unknown
from netspec.diagnostics import Path, Report
from netspec.language.names import PACKED
from netspec.language.schema import Data, Source
from netspec.probe import features, packed, windows, words
from netspec.probe.model import Looked, Model
from netspec.probe.tables import ProbeError, unpacked

_MOST = 1 << 20  # bytes of a file


def check(
    data: Data, model: Model, sources: Sequence[tuple[Path, Source]], folder: FilePath, report: Report
) -> tuple[Looked, ...]:
    """Hold a model and the files of its texts, one at a time in `sources`, against each other."""
    if not model.inputs or not model.outputs:
        return ()
    try:
        plan = windows.plan(data, model.inputs, model.outputs, model.losses)
    except windows.Misfit as error:
        path = model.made.get(str(error.path[1]), ("data",)) if error.path[0] == windows.MADE else error.path
        report.add(error.code, path, error.message, key=path == ("data",), help=error.help)
        return ()
    text = plan.feature.text
    assert text is not None
    looked: list[Looked] = []
    for part in dict.fromkeys(path for path, _ in sources):
        found: list[tuple[list[str], bool]] = []
        files = [source for path, source in sources if path == part]
        for source in files:
            (name,) = source.files
            try:
                read = _first(name, folder)
            except ProbeError as error:
                report.add(error.code, part, error.message, help=error.help)
                return tuple(looked)
            except (OSError, EOFError, zlib.error) as error:
                report.add("NS705", part, f"`{name}` cannot be unpacked: {error}")
                return tuple(looked)
            if read is None:
                return tuple(looked)
            found.append((words.tokens(read[0], text.by, text.lower, text.punctuation), read[1]))
        whole = all(done for _, done in found) and len(files) == _named(data, part, folder)
        if whole:
            _whole(data, plan, model, part, files, [tokens for tokens, _ in found], report)
        rows = sum(
            windows.windows([(0, len(tokens)) for tokens, _ in found], plan.length, windows.step(files[0], data))
        )
        looked.append(Looked(f"`{files[0].files[0]}`", rows, whole, 0))
    return tuple(looked)


def _named(data: Data, part: Path, folder: FilePath) -> int:
    """How many files a source has, of which the first few are looked at."""
    from netspec.language.names import expanded, filled

    held, test = (split.source if split is not None else None for split in (data.validation, data.test))
    source = {"train": data.train, "validation": held, "test": test}[str(part[1])]
    return 0 if source is None else len(filled(expanded(source, folder), source.kind, folder))


def _first(name: str, folder: FilePath) -> tuple[str, bool] | None:
    """The beginning of a text, and whether that is all of it; None for what cannot be unpacked here."""
    if FilePath(name).suffix.lower() in PACKED:
        packed.check(name, folder)
        if name.lower().endswith(".zst"):
            return None
    with unpacked(name, folder) as file:
        raw = file.read(_MOST + 1)
    whole = len(raw) <= _MOST
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProbeError(f"`{name}` is UTF-16; expected UTF-8", help="save the file again as UTF-8")
    try:
        found = codecs.getincrementaldecoder("utf-8-sig")().decode(raw, whole)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProbeError(f"`{name}` line {line} is not UTF-8", help="save the file again as UTF-8") from None
    return windows.newlines(found), whole


def _whole(
    data: Data,
    plan: windows.Plan,
    model: Model,
    part: Path,
    files: Sequence[Source],
    found: Sequence[list[str]],
    report: Report,
) -> None:
    """What is known of a source that was read to its end: enough windows, and no token without a number."""
    text, learning = plan.feature.text, part[1] == "train"
    assert text is not None
    fraction = data.validation.fraction if learning and data.validation else None
    train, held = windows.divided([len(tokens) for tokens in found], fraction)
    stride, name, total = windows.step(files[0], data), files[0].files[0], sum(map(len, found))
    if not sum(windows.windows(train, plan.length, stride)):
        report.add("NS704", part, windows.too_short(name, total, train, plan, "a window"))
        return
    if fraction and not sum(windows.windows(held, plan.length, stride)):
        said = windows.too_short(name, total, held, plan, "a window to validate with")
        report.add("NS704", ("data", "validation"), said, help="hold out more of it, or add text")
        return
    if not learning:
        return
    flat = [token for tokens in found for token in tokens]
    counts = Counter(flat[: train[-1][1]])
    known = min(plan.size, len(counts) + words.FIRST)
    limit = None if text.one_hot else model.limits.get(plan.input)
    tensor = model.inputs[plan.input]
    top = None if isinstance(tensor.dtype, Unknown) or text.one_hot else features.bounds(tensor.dtype)[1]
    where = ("data", "features", plan.input)
    if limit is not None and known > limit:
        said = f"the {text.by} get numbers up to {known - 1}, and input `{plan.input}` is looked up in an Embedding "
        said += f"that takes 0 to {limit - 1}"
        cure = f"say `vocabulary: {limit}`, or make the Embedding's `input_dim` {known}"
        report.add("NS712", where, said, help=cure)
        report.outdo("NS518", where)
    elif top is not None and known - 1 > top:
        said = f"the {text.by} get numbers up to {known - 1}, and input `{plan.input}` is {tensor.dtype}"
        report.add("NS712", where, said, help="make the input int32")
