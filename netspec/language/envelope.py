"""The parts that Pydantic guards (inputs, data, fit): shorthands written out, its errors put into our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, TypeVar

from pydantic import ValidationError

from netspec.catalog import legacy
from netspec.catalog.arguments import DTYPES
from netspec.catalog.dtypes import POLICIES, model_policy
from netspec.catalog.nearest import nearest, rename, sure
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.language import preparing
from netspec.language.names import SUFFIXES, kind_of
from netspec.language.schema import KINDS, TABLES, Budget, Closed, Data, Fit, Input, Source, Target

_T = TypeVar("_T", bound=Closed)
_SPLIT_KEYS = frozenset(("fraction", "by", "column", "format", "source"))
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "mapping_type": "a mapping",
    "string_too_short": "text that is not empty",
    "string_too_long": "a single character",
    "too_short": "a list that is not empty",
}
_EXAMPLES = {  # of what must be said
    "shape": "for example `shape: [100]`, 100 numbers a row",
    "fraction": "for example `fraction: 0.1`",
    "parts": "for example `parts: [month, weekday]`",
    "class_weights": "`balanced`, or for example `{no: 1, yes: 5}`",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("of at most", "le"),
}


def guarded(model: type[_T], value: Any, path: Path, report: Report, where: str) -> _T | None:
    """`value` as a `model`, or None with every mistake in it reported; `where` names the part in messages."""
    if not isinstance(value, dict):
        cure = "for example `fit: {epochs: 5, batch_size: 32}`" if model is Fit else None
        report.add("NS202", path, f"{where} is a mapping, got `{describe(value)}`", help=cure)
        return None
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        errors = failed.errors(include_url=False, include_context=True)
        meant = _meant(model, errors)
        for error in errors:
            if error["type"] == "missing" and tuple(error["loc"]) in meant:
                continue  # it stands there misspelt
            beside = reduce(lambda part, step: part[step], error["loc"][:-1], value)
            _report(error, model, path, beside, report, where)
        return None


def _meant(model: type[Closed], errors: Iterable[Any]) -> set[tuple[int | str, ...]]:
    """The keys that unknown ones beside them most likely stand for, by their places."""
    strange = [tuple(error["loc"]) for error in errors if error["type"] == "extra_forbidden"]
    return {(*loc[:-1], close) for loc in strange if (close := nearest(str(loc[-1]), _fields(model, loc[:-1])))}


def _report(error: Any, model: type[Closed], path: Path, beside: Any, report: Report, where: str) -> None:
    """One of Pydantic's errors in our words; `beside` is the mapping or list that holds what is wrong."""
    kind, loc, got = error["type"], tuple(error["loc"]), error["input"]
    at = (*path, *loc)
    within = f"`{loc[-2]}`" if len(loc) > 1 and isinstance(loc[-2], str) else where
    if kind == "extra_forbidden":
        known = _fields(model, loc[:-1])
        close = nearest(str(loc[-1]), known)
        gone = legacy.key(str(path[0]), str(loc[-1])) if len(at) == 2 and path else None
        way_out = f"did you mean `{close}`?" if close else "it takes " + ", ".join(f"`{name}`" for name in known)
        if not close and (deeper := _deeper(model, loc, beside)):
            way_out = f"it stands inside `{deeper}`: `{deeper}: {{…, {loc[-1]}: …}}`"
        renamed = rename(str(loc[-1]), known) if close not in beside and not gone else None
        report.add("NS201", at, f"{within} has no key `{loc[-1]}`", key=True, help=gone or way_out, fix=renamed)
        return
    if kind == "too_short" and got:
        return  # entries that are wrong, each of which is an error of its own
    if kind == "missing":
        report.add("NS203", at[:-1], f"{within} needs `{loc[-1]}`", key=True, help=_EXAMPLES.get(str(loc[-1])))
        return
    name = next((f"`{part}`" for part in reversed(loc) if isinstance(part, str)), where)
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        expected = f"a number {word} {error['ctx'][bound]}"
    elif kind == "too_long":
        expected = f"at most {error['ctx']['max_length']} entries"
    elif kind == "literal_error":
        expected = "one of " + error["ctx"]["expected"].replace("'", "`")
    else:
        expected = _EXPECTED.get(kind, "another value")
    cure: str | None = _EXAMPLES.get(str(loc[-1])) if kind in _BOUNDS or kind == "dict_type" else None
    meant: object = None
    if kind == "literal_error" and isinstance(got, str):
        words = [word.strip("`, ") for word in expected.removeprefix("one of ").replace(" or ", ", ").split(", ")]
        close, meant = nearest(got, words), sure(got, words)
        cure = f"did you mean `{close}`?" if close else None
    elif isinstance(got, str) and expected in ("a number", "a whole number") and _is_number(got):
        cure = f"remove the quotes: `{got.strip()[:40]}`"
        meant = int(got) if got.strip().isdecimal() else float(got) if expected == "a number" else None
    elif isinstance(got, str) and kind == "bool_type" and got.lower() in ("yes", "no", "on", "off"):
        meant = got.lower() in ("yes", "on")
        cure = f"write `{'true' if meant else 'false'}`; `{got}` is plain text in YAML 1.2"
    elif isinstance(got, float) and got.is_integer() and expected == "a whole number":
        cure, meant = f"write `{int(got)}`", int(got)
    elif expected == "a list" and isinstance(got, int | str):
        cure = f"write `[{got}]`" if len(str(got)) < 40 else "write `[…]`"
    elif name == "`shape`" and kind in _BOUNDS and got == -1:
        cure = "a size that may be any is `null`"
    fix = None if meant is None else (got, meant)
    report.add("NS202", at, f"{name}: expected {expected}, got `{describe(got)}`", help=cure, fix=fix)


def _deeper(model: type[Closed], loc: tuple[Any, ...], beside: Any) -> str | None:
    """The key beside an unknown one whose mapping has a key of that name."""
    fields = _at(model, loc[:-1]).model_fields
    there = (name for name in fields if isinstance(beside, Mapping) and beside.get(name) is not None)
    inside = (name for name in there for each in _models_in(fields[name].annotation) if loc[-1] in each.model_fields)
    return next(inside, None)


def _fields(model: Any, loc: tuple[Any, ...]) -> list[str]:
    """The field names at a location inside a model."""
    return list(_at(model, loc).model_fields)


def _at(model: Any, loc: tuple[Any, ...]) -> Any:
    """The model at a location inside another, followed through its annotations."""
    for part in loc:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:
            continue
        inner = _models_in(field.annotation)
        model = inner[0] if inner else model
    return model


def _models_in(annotation: Any) -> list[Any]:
    found, stack = [], [annotation]
    while stack:
        kind = stack.pop()
        if isinstance(kind, type) and issubclass(kind, Closed):
            found.append(kind)
        stack.extend(getattr(kind, "__args__", ()))
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_PYTHON_TYPES = {"int": "int32", "long": "int64", "half": "float16", "float": "float32", "double": "float64"}
_PYTHON_TYPES |= {"str": "string", "text": "string", "boolean": "bool"}


def input_part(value: Any, path: Path, report: Report) -> Input | None:
    """An input: `[100]` is short for `{shape: [100]}`."""
    if isinstance(value, list):
        value = {"shape": value}
    elif isinstance(value, int) and not isinstance(value, bool):
        report.add(
            "NS202",
            path,
            f"an input's shape is a list, got `{describe(value)}`",
            help=f"write `[{value if value.bit_length() < 64 else 8}]`",
        )
        return None
    elif not isinstance(value, dict):
        report.add("NS202", path, f"an input is a shape such as `[100]`, or a mapping, got `{describe(value)}`")
        return None
    made = guarded(Input, value, path, report, "an input")
    if made is not None and made.dtype not in DTYPES:
        close = _PYTHON_TYPES.get(made.dtype.lower()) or nearest(made.dtype, DTYPES)
        report.add(
            "NS206",
            (*path, "dtype"),
            f"unknown dtype `{describe(made.dtype)}`",
            fix=rename(made.dtype, DTYPES),
            help=f"did you mean `{close}`?" if close else "Keras's dtypes are " + ", ".join(f"`{d}`" for d in DTYPES),
        )
        return None
    return made


def policy_part(value: Any, report: Report) -> str | None:
    """The dtype policy of the whole model; the one that is surely meant where it is misspelt."""
    fault = None if value is None else model_policy(value)
    if fault is None:
        return None if value is None else str(value)
    expected = "one of " + ", ".join(f"`{name}`" for name in POLICIES)
    said = f"`dtype_policy`: {fault.text or f'expected {expected}, got `{describe(value)}`'}"
    fix = None if fault.fix is None else (value, fault.fix)
    report.add("NS206", ("dtype_policy",), said, help=fault.help, fix=fix)
    return None if fault.fix is None else str(fault.fix)


def fit_part(value: Any, report: Report) -> Fit:
    """How to train; the defaults where `fit` is left out or wrong."""
    if value is None:
        return Fit()
    if isinstance(value, dict) and isinstance(value.get("weights"), str):
        value = {**value, "weights": {"run": value["weights"]}}
    made = guarded(Fit, value, ("fit",), report, "`fit`")
    if made is not None:
        return made
    kept = value.get("callbacks") if isinstance(value, dict) else None  # so that their mistakes show in the same run
    return Fit(callbacks=tuple(kept) if isinstance(kept, list) else ())


def budget_part(value: Any, report: Report) -> Budget | None:
    """Limits on what a model costs, their units worked out; None where one of them is wrong."""
    from netspec.language import amounts  # few specs have a budget

    path: Path = ("budget",)
    if not isinstance(value, dict):
        example = "for example `budget: {parameters: 5M}`"
        report.add("NS202", path, f"`budget` is a mapping, got `{describe(value)}`", help=example)
        return None
    full, before = dict(value), len(report)
    count, size = "a number above 0, such as `5M` (k, M, G, T)", "bytes, such as `500MB` or `1.5GiB`"
    for key, units, expected in (
        ("parameters", amounts.COUNTS, count),
        ("flops", amounts.COUNTS, count),
        ("memory", amounts.BYTES, size),
    ):
        if full.get(key) is None:
            continue
        found = amounts.amount(full[key], units)
        if found is None:
            cure = amounts.cure(full[key], units)
            report.add("NS202", (*path, key), f"`{key}`: expected {expected}, got `{describe(full[key])}`", help=cure)
        full[key] = found
    made = guarded(Budget, full, path, report, "`budget`")
    return made if len(report) == before else None


def data_part(value: Any, report: Report) -> Data | None:
    """Where rows come from, with the shorthands of sources, features and targets written out."""
    path: Path = ("data",)
    if not isinstance(value, dict):
        report.add(
            "NS202", path, f"`data` is a mapping, got `{describe(value)}`", help="for example `data: {train: rows.csv}`"
        )
        return None
    full = dict(value)
    before = len(report)
    if "train" in full:
        full["train"] = _source(full["train"], (*path, "train"), report)
    for key in ("validation", "test"):
        if key in full:
            full[key] = _split(full[key], (*path, key), report)
    for key in ("features", "targets"):
        if isinstance(full.get(key), dict):
            full[key] = {name: _columns(part, (*path, key, name), report) for name, part in full[key].items()}
    made = guarded(Data, full, path, report, "`data`")
    meant = {nearest(str(key), _fields(Data, ())) for key in full}  # one may stand there misspelt
    if not full.get("dataset") and not full.get("train") and meant.isdisjoint({"dataset", "train"}):
        cure = "for example `train: rows.csv`, or `dataset: mnist`"
        report.add("NS203", path, "`data` needs `train` or `dataset`", key=True, help=cure)
    _one_of_each(made or _readable(full), report)
    return made if len(report) == before else None


def _readable(full: Mapping[str, Any]) -> Data:
    """The parts of `data` that are right by themselves, so that a mistake beside them does not hide theirs."""
    kept: dict[str, Any] = {}
    for key, value in full.items():
        parts = value.items() if key in ("features", "targets") and isinstance(value, dict) else [(None, value)]
        for name, part in parts:
            try:
                Data.model_validate({key: part if name is None else {name: part}})
            except ValidationError:
                continue
            kept[key] = part if name is None else {**kept.get(key, {}), name: part}
    return Data.model_validate(kept)


def _source(value: Any, path: Path, report: Report) -> Any:
    """A table by the name of its file alone, by a list of names of one kind, or as a mapping."""
    if isinstance(value, dict):
        single = {kind: [value[kind]] for kind in TABLES if isinstance(value.get(kind), str)}
        return {**value, **single}
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        return value
    kinds = [kind_of(name) for name in names]
    for at, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        place = (*path, at) if isinstance(value, list) else path
        if kind is None:
            cure = "a name that ends in " + ", ".join(SUFFIXES) + ", or a mapping such as `{csv: rows.txt}`"
            if name.lower().endswith(".npy"):
                cure = "name each array, as in `{npy: {x: x.npy, y: y.npy}}`"
            elif name.strip().endswith("%") and _is_number(name.strip()[:-1]):
                cure = f"a part of the rows is a fraction: `{float(name.strip()[:-1]) / 100:g}`"
            report.add("NS709", place, f"the kind of `{name[:80]}` cannot be told from its name", help=cure)
        elif isinstance(value, list) and (kind != kinds[0] or kind not in TABLES):
            said = f"the files of one source are tables of one kind, got `{kinds[0]}` and `{kind}`"
            report.add("NS709", place, said if kind != kinds[0] else f"a source reads one `{kind}` file")
            break
    kind = kinds[0] or "csv"
    return {kind: names if kind in TABLES else names[0]}


def _split(value: Any, path: Path, report: Report) -> Any:
    """A fraction, a file, or a mapping of either."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"fraction": value}
    if isinstance(value, str | list) or (isinstance(value, dict) and not value.keys() & _SPLIT_KEYS):
        return {"source": _source(value, path, report)}
    if isinstance(value, dict) and value.get("source") is not None:
        return {**value, "source": _source(value["source"], (*path, "source"), report)}
    return value


def _columns(value: Any, path: Path, report: Report) -> Any:
    """A column's name alone, a list of them, or a mapping, with a feature's preparations written out."""
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, list):
        return {"columns": value}
    key = path[1]
    if key == "features" and isinstance(value, dict):
        return preparing.written_out(value, path, report)
    return _target(value) if key == "targets" and isinstance(value, dict) else value


def _target(value: dict[str, Any]) -> dict[str, Any]:
    """`class_weights: balanced`, `multi_label: true` and `sequence: true` written out."""
    full = dict(value)
    full |= {key: {} for key in ("multi_label", "sequence") if full.get(key) is True}
    if full.get("class_weights") == "balanced":
        del full["class_weights"]
        full["balanced"] = True
    return full


def _one_of_each(data: Data, report: Report) -> None:
    """What a mapping's types cannot say: exactly one kind of source, at most one preparation."""
    sources: list[tuple[str, Source | None]] = [
        ("train", data.train),
        ("test", data.test.source if data.test else None),
        ("validation", data.validation.source if data.validation else None),
    ]
    for key, source in sources:
        if source is None:
            continue
        kinds = [kind for kind in KINDS if getattr(source, kind)]
        if len(kinds) != 1:
            got = "none" if not kinds else ", ".join(f"`{kind}`" for kind in kinds)
            cure = "for example `csv: rows.csv`" if not kinds else f"leave one: `{kinds[0]}`"
            known = ", ".join(f"`{kind}`" for kind in KINDS[:-1])
            message = f"a source is exactly one of {known} and `{KINDS[-1]}`, got {got}"
            report.add("NS709", ("data", key), message, help=cure)
        if source.decimal is not None and kinds and not (source.csv or source.tsv):
            message = f"`decimal` says how numbers are written in text, and `{kinds[0]}` files hold them as such"
            report.add("NS709", ("data", key, "decimal"), message, key=True, help="it goes with `csv` and `tsv`")
    if data.dataset and data.train:
        message, cure = "`dataset` brings its own rows, so `train` has no place", "leave out one of the two"
        report.add("NS709", ("data", "train"), message, key=True, help=cure)
    if data.validation or data.test:
        from netspec.language import splitting

        splitting.check(data, report)
    for name, feature in data.features.items():
        preparing.check(feature, ("data", "features", name), report)
        if feature.names or feature.text is None:  # of a text it may be left out
            _column_or_columns(feature, ("data", "features", name), report)
    if any(s.text or s.stride for _, s in sources if s) or any(f.text and not f.names for f in data.features.values()):
        from netspec.language import passages

        passages.check(data, report)
    for name, target in data.targets.items():
        _column_or_columns(target, ("data", "targets", name), report)
        _fitting_keys(target, ("data", "targets", name), report)


def _fitting_keys(target: Target, path: Path, report: Report) -> None:
    """At most one of each group of keys that say different things of one label."""
    said = {
        "normalize": "numbers that are scaled" if target.normalize else "",
        "multi_label": "several classes a row" if target.multi_label is not None else "",
        "one_hot": "one class a row" if target.one_hot else "",
        "class_weights": "one class a row" if target.class_weights is not None or target.balanced else "",
        "classes": "classes" if target.classes and target.normalize else "",
        "sequence": "one class a step" if target.sequence and (target.normalize or target.multi_label) else "",
    }
    given = [key for key, what in said.items() if what]
    clash = next(((a, b) for at, a in enumerate(given) for b in given[at + 1 :] if said[a] != said[b]), None)
    if clash is not None:
        a, b = clash
        message = f"`{a}` is for {said[a]}, `{b}` for {said[b]}"
        report.add("NS709", (*path, b), message, key=True, help="leave out one of the two")
    classes = [key for key in given if key != "normalize"] or (["classes"] if target.classes else [])
    if target.array and (classes or target.sequence is not None):
        other = classes[0] if classes else "sequence"
        message = f"`array` is for lists of numbers, `{other}` for {said[other] or 'classes'}"
        report.add("NS709", (*path, other), message, key=True, help="leave out one of the two")
    if target.balanced and target.class_weights is not None:
        message = "`balanced` works class weights out, `class_weights` gives them"
        report.add("NS709", (*path, "balanced"), message, key=True, help="leave out one of the two")


def _column_or_columns(part: Any, path: Path, report: Report) -> None:
    if (part.column is None) == (part.columns is None):
        got = "neither" if part.column is None else "both"
        cure = "name one column with `column`, or a list with `columns`"
        report.add("NS203", path, f"expected `column` or `columns`, got {got}", key=True, help=cure)
