"""A document to a Spec: the shape of the language, before any name is looked up.

A part that is wrong is reported and left out, so that the rest is still checked in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from netspec.catalog import OPS, find, legacy
from netspec.catalog.nearest import nearest, rename
from netspec.catalog.types import CALL_TENSORS
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report
from netspec.language.envelope import budget_part, data_part, fit_part, input_part, policy_part
from netspec.language.own import own
from netspec.language.patterns import freezing, rates
from netspec.language.schema import Input
from netspec.language.spec import LayerExpr, ModelPart, Spec, Step, Use

VERSION = 1
_MODEL_KEYS = ("inputs", "shared", "layers", "outputs")
_TRAINING_KEYS = ("losses", "metrics", "freeze", "optimizer", "optimizers", "data", "fit", "budget")
_TOP_KEYS = ("netspec", "name", "vars", *_MODEL_KEYS, "dtype_policy", *_TRAINING_KEYS)
_STEP_KEYS = ("from", "name", "repeat", "call")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")  # what Keras builds and TensorFlow also takes in fit
_LONGEST_NAME = 100


def parse(data: Any, file: str, report: Report) -> Spec | None:
    """The Spec that a document with its variables already replaced holds; None where it is not meant to be one."""
    if not isinstance(data, dict) or not data.keys() & {"layers", "inputs"}:
        got = "it has neither `inputs` nor `layers`" if isinstance(data, dict) else f"got `{describe(data)}`"
        near = [(key, nearest(key, ("inputs", "layers"))) for key in data] if isinstance(data, dict) else []
        pairs = [f"`{name}` for `{key}`" for key, name in near if name]
        cure = f"did you mean {' and '.join(pairs[:2])}?" if pairs else None
        report.add("NS110", (), f"a spec is a mapping with `inputs` and `layers`; {got}", help=cure)
        return None
    meant = unknown_keys(data, _TOP_KEYS, (), "a spec", report)
    _version(data, report)
    model = model_part(data, (), report, meant)
    fit = fit_part(data.get("fit"), report)
    return Spec(
        name=_name_of(data, file, report),
        variables=variables if isinstance(variables := data.get("vars"), dict) else {},
        model=model,
        losses=data.get("losses"),
        metrics=data.get("metrics"),
        optimizer=data.get("optimizer"),
        data=data_part(data.get("data"), report) if data.get("data") is not None else None,
        fit=fit,
        budget=budget_part(data["budget"], report) if data.get("budget") is not None else None,
        policy=policy_part(data.get("dtype_policy"), report),
        meant=frozenset(meant - data.keys()),
        freeze=freezing(data.get("freeze"), report),
        optimizers=rates(data.get("optimizers"), report),
    )


def model_part(data: Mapping[str, Any], path: Path, report: Report, meant: Collection[str] = ()) -> ModelPart:
    """The model part of a spec or of a nested model at `path`; `meant` are keys that stand there misspelt."""
    missing = [key for key in ("inputs", "layers") if data.get(key) is None]
    for key in missing:
        if key in meant and key not in data:
            continue
        what = "no value" if key in data else "missing"
        cure = "for example `inputs: {x: [784]}`" if key == "inputs" else "for example `layers: [Dense: 10]`"
        report.add("NS203", (*path, key) if key in data else path, f"`{key}` is {what}", key=True, help=cure)
    inputs = _inputs(data.get("inputs"), (*path, "inputs"), report) if "inputs" not in missing else {}
    shared = _shared(data.get("shared"), (*path, "shared"), report)
    steps = _steps(data.get("layers"), (*path, "layers"), report) if "layers" not in missing else ()
    outputs, paths = _outputs(data.get("outputs"), (*path, "outputs"), report)
    refused = not inputs or not steps or not isinstance(data.get("shared"), dict | None)
    refused = refused or any(key in meant and key not in data for key in _MODEL_KEYS)
    refused = refused or report.says("NS102", "duplicate key `name`")  # the other name is lost
    return ModelPart(inputs, shared, steps, outputs, paths, path, refused)


def unknown_keys(data: Mapping[str, Any], known: tuple[str, ...], path: Path, where: str, report: Report) -> set[str]:
    """Report every key of `data` that is not among `known`; those of `known` that were meant by one."""
    meant = set()
    for key in data:
        if key not in known:
            gone = legacy.key("spec", key)
            close = None if report.full else nearest(key, known)
            cure = gone or (f"did you mean `{close}`?" if close else "it takes " + listed(known, len(known)))
            today = gone.removeprefix("use `").removesuffix("`") if gone else close
            fix = rename(key, known) if close not in data and not gone else None
            if gone and today in known and today not in data:
                fix = (key, today)
            report.add("NS201", (*path, key), f"{where} has no key `{key}`", key=True, help=cure, fix=fix)
            meant |= {"layers"} if gone and "`layers`" in gone else {today} if today else set()
    return meant


def listed(names: Any, most: int = 12) -> str:
    """Names for a message: `a`, `b` and 3 more."""
    names = list(names)
    shown = [f"`{name}`" for name in names[:most]]
    more = len(names) - most
    if more > 0:
        return ", ".join(shown) + f" and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def check_name(name: Any, path: Path, report: Report, *, key: bool = False) -> bool:
    """Whether `name` can name a thing: what Keras builds and TensorFlow also takes in fit."""
    cure = "letters, digits, `_` and `-`, starting with a letter or a digit"
    if not isinstance(name, str):
        report.add("NS209", path, f"expected a name, got `{describe(name)}`", key=key, help=cure)
    elif len(name) > _LONGEST_NAME:
        report.add("NS209", path, f"a name has at most {_LONGEST_NAME} characters, this one {len(name)}", key=key)
    elif not _NAME.match(name):
        if not name.isascii():
            why = "TensorFlow takes ASCII names only"
        elif name and name[0] in "_-":
            why = "TensorFlow refuses names that start so"
        else:
            why = "TensorFlow refuses it in fit" if name else "it is empty"
        report.add("NS209", path, f"`{describe(name)}` cannot be a name: {why}", key=key, help=cure)
    else:
        return True
    return False


def _version(data: Mapping[str, Any], report: Report) -> None:
    version = data.get("netspec", VERSION)
    if isinstance(version, bool) or version != VERSION:
        report.add(
            "NS216",
            ("netspec",),
            f"this is version {VERSION} of the language, the spec asks for `{describe(version)}`",
            help=f"write `netspec: {VERSION}`",
        )


def _name_of(data: Mapping[str, Any], file: str, report: Report) -> str:
    if data.get("name") is not None:
        return data["name"] if check_name(data["name"], ("name",), report) else "model"
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePath(file).stem).lstrip("_-")[:_LONGEST_NAME]
    return stem or "model"


def _inputs(raw: Any, path: Path, report: Report) -> dict[str, Input | None]:
    if not isinstance(raw, dict) or not raw:
        got = "an empty mapping" if raw == {} else f"`{describe(raw)}`"
        report.add(
            "NS202",
            path,
            f"`inputs` is a mapping from names to shapes, got {got}",
            help="for example `inputs: {x: [784]}`",
        )
        return {}
    found: dict[str, Input | None] = {}
    for name, value in raw.items():
        check_name(name, (*path, name), report, key=True)
        found[name] = input_part(value, (*path, name), report)
    return found


def _shared(raw: Any, path: Path, report: Report) -> dict[str, LayerExpr | ModelPart | None]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        report.add(
            "NS202",
            path,
            f"`shared` is a mapping from names to layers, got `{describe(raw)}`",
            help="for example `shared: {enc: {LSTM: 64}}`",
        )
        return {}
    found: dict[str, LayerExpr | ModelPart | None] = {}
    for name, value in raw.items():
        at = (*path, name)
        check_name(name, at, report, key=True)
        if isinstance(value, dict) and value.keys() & {"layers", "inputs"}:
            found[name] = inline_model(value, at, report)
        elif isinstance(value, dict) and set(value) == {"model"}:
            found[name] = inline_model(value["model"], (*at, "model"), report)
        else:
            found[name] = layer_expr(value, at, report)
    return found


def inline_model(raw: Any, path: Path, report: Report) -> ModelPart | None:
    """A model written where a layer is expected; None where there is none."""
    if not isinstance(raw, dict):
        report.add("NS202", path, f"a model has `inputs` and `layers`, got `{describe(raw)}`")
        return None
    meant = unknown_keys(raw, _MODEL_KEYS, path, "a model", report)
    return model_part(raw, path, report, meant)


def layer_expr(raw: Any, path: Path, report: Report) -> LayerExpr | None:
    """A layer without the keys of a step: `Flatten`, `{LSTM: 64}`."""
    if isinstance(raw, str):
        return LayerExpr(raw, None, path)
    if isinstance(raw, dict) and "python" in raw:
        return _own_layer(raw, path, report)
    if isinstance(raw, dict) and len(raw) == 1:
        ((cls, args),) = raw.items()
        return LayerExpr(cls, args, (*path, cls))
    got = f"{listed(raw)}" if isinstance(raw, dict) and raw else f"`{describe(raw)}`"
    report.add(
        "NS208", path, f"expected one layer, got {got}", help="a layer is its name and its arguments: `{LSTM: 64}`"
    )
    return None


def _means_python(key: Any, value: Any, path: Path, report: Report) -> bool:
    """Whether a key is a misspelt `python` (reported), as its value tells."""
    named = isinstance(value, str) and ":" in value and isinstance(key, str) and key.islower()
    if not named or not nearest(key, ("python",)):
        return False
    fix = rename(key, ("python",))
    report.add("NS201", path, f"a step has no key `{key}`", key=True, help="did you mean `python`?", fix=fix)
    return True


def _own_layer(raw: Mapping[str, Any], path: Path, report: Report, beside: tuple[str, ...] = ()) -> LayerExpr | None:
    """A layer of the user's own, or None where its form is wrong."""
    others = [
        key
        for key in raw
        if key in ("use", "model") or (isinstance(key, str) and (key.startswith(OPS) or find("layer", key) is not None))
    ]
    if others:
        said, cure = f"one layer is expected, got `python` and {listed(others)}", "leave out one of them"
        if beside:
            said, cure = f"a step is one layer, got `python` and {listed(others)}", "begin a new step with a dash"
        report.add("NS208", (*path, others[0]), said, key=True, spans=[((*path, "python"), "a layer", True)], help=cure)
        return None
    found = own(raw, path, "layer", report, beside)
    return None if found is None else LayerExpr(found.name, None, found.at, found)


def _steps(raw: Any, path: Path, report: Report) -> tuple[Step, ...]:
    if not isinstance(raw, list) or not raw:
        got = "an empty list" if raw == [] else f"`{describe(raw)}`"
        cure = "begin each step with a dash: `- Dense: 64`"
        report.add("NS202", path, f"`layers` is a list of steps, got {got}", help=cure)
        return ()
    return tuple(_step(value, (*path, index), report) for index, value in enumerate(raw))


def _step(raw: Any, path: Path, report: Report) -> Step:
    if isinstance(raw, str):
        return Step(LayerExpr(raw, None, path), (), None, False, {}, None, path)
    if not isinstance(raw, dict) or not raw:
        got = "an empty mapping" if raw == {} else f"`{describe(raw)}`"
        report.add("NS208", path, f"a step is one layer, got {got}", help="for example `- Dense: 64`")
        return Step(None, (), None, False, {}, None, path)
    return Step(
        what=_what(raw, path, report),
        names=_names(raw.get("name"), path, report),
        source=raw.get("from"),
        has_source="from" in raw,
        call=_call(raw.get("call"), (*path, "call"), report),
        repeat=_repeat(raw.get("repeat"), (*path, "repeat"), report),
        path=path,
    )


def _what(raw: Mapping[str, Any], path: Path, report: Report) -> LayerExpr | Use | ModelPart | None:
    """The one thing that a step calls. The key that is no step key is the layer, known or not."""
    if "python" in raw:
        return _own_layer(raw, path, report, _STEP_KEYS)
    keys = [key for key in raw if key not in _STEP_KEYS]
    if any(_means_python(key, raw[key], (*path, key), report) for key in keys):
        return None
    if "class_name" in raw:
        cls, config = (raw.get(key) for key in ("class_name", "config"))
        args = describe(config) if isinstance(config, dict) and config else "…"
        cure = f"write `{cls}: {args}`" if isinstance(cls, str) and cls.isidentifier() else "for example `Dense: 64`"
        said = "a step is a layer by its name, got the form in which Keras saves one"
        report.add("NS208", (*path, "class_name"), said, key=True, help=cure)
        return None
    tag = next((key for key in ("type", "class", "layer") if isinstance(raw.get(key), str)), None)
    if tag is not None and not any(key[:1].isupper() or key in ("use", "model") for key in keys):
        rest = ", ".join(f"{key}: {describe(raw[key])}" for key in keys if key != tag)
        cure = f"write `{raw[tag][:80]}: {{{rest}}}`" if rest else f"write `- {raw[tag][:80]}`"
        report.add("NS208", (*path, tag), "a step is a layer by its name, which is the key", key=True, help=cure)
        return None
    if len(keys) > 1:
        likely = [
            key
            for key in keys
            if key in ("use", "model") or key.startswith(OPS) or (key[:1].isupper() and not nearest(key, _STEP_KEYS))
        ]
        for key in keys if not likely else [key for key in keys if key not in likely]:
            inside = _inside(likely, key, raw)
            close = nearest(key, (*_STEP_KEYS, "use"))
            cure = f"did you mean `{close}`?" if close else "beside its layer, a step takes " + listed(_STEP_KEYS)
            fix = rename(key, _STEP_KEYS) if close not in raw and not inside else None
            report.add("NS201", (*path, key), f"a step has no key `{key}`", key=True, help=inside or cure, fix=fix)
        if len(likely) > 1:
            report.add(
                "NS208",
                (*path, likely[1]),
                f"a step is one layer, got {listed(likely)}",
                key=True,
                spans=[((*path, likely[0]), "the first layer")],
                help="begin a new step with a dash in front of each",
            )
        keys = likely
    if not keys:
        if not any(key not in _STEP_KEYS for key in raw):
            report.add(
                "NS208", path, "this step has no layer", help="for example `Dense: 64` beside its " + listed(raw)
            )
        return None
    key = keys[0]
    value = raw[key]
    if key == "use":
        if not isinstance(value, str):
            report.add("NS202", (*path, "use"), f"`use` names something under `shared`, got `{describe(value)}`")
            return None
        return Use(value, (*path, "use"))
    if key == "model":
        return inline_model(value, (*path, "model"), report)
    return LayerExpr(key, value, (*path, key))


def _inside(likely: list[str], key: Any, raw: Mapping[str, Any]) -> str | None:
    """The way out for a key beside a layer that is one of its arguments, today or once."""
    entry = find("layer", likely[0]) if len(likely) == 1 else None
    if entry is None or not isinstance(key, str):
        return None
    if entry.param(key) is None:
        if key not in CALL_TENSORS and any(param.name == key for param in entry.call):
            return f"it is an argument of the call: write `call: {{{key}: {describe(raw[key])}}}`"
        return legacy.removed("layer", entry.name, key)
    args = raw[likely[0]]
    if not isinstance(args, dict):
        args = {} if args is None or entry.first is None else {entry.first.name: args}
    whole = describe({**args, key: raw[key]})
    shown = f"`{likely[0]}: {whole}`" if not whole.endswith("…") else f"`{likely[0]}: {{{key}: …}}`"
    return f"it is an argument of the layer: write {shown}"


def _names(raw: Any, path: Path, report: Report) -> tuple[str, ...]:
    if raw is None:
        return ()
    at = (*path, "name")
    if isinstance(raw, list):
        if not raw:
            report.add("NS209", at, "`name` is a name, or a name for each output, got an empty list")
        # A name that is refused stays a name, so that what refers to it is not a second mistake.
        return tuple(n if check_name(n, (*at, i), report) or isinstance(n, str) else f"?{i}" for i, n in enumerate(raw))
    return (raw,) if check_name(raw, at, report) or isinstance(raw, str) else ()


def _call(raw: Any, path: Path, report: Report) -> Mapping[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        report.add(
            "NS202",
            path,
            f"`call` is a mapping of call arguments, got `{describe(raw)}`",
            help="for example `call: {training: true}`",
        )
        return {}
    return raw


def _repeat(raw: Any, path: Path, report: Report) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        report.add("NS310", path, f"`repeat` is how many times, a whole number from 0, got `{describe(raw)}`")
        return None
    if raw > 1_000_000:
        report.add("NS310", path, f"`repeat` goes up to 1,000,000, got {raw:,}")
        return None
    return raw


def _outputs(raw: Any, path: Path, report: Report) -> tuple[Mapping[str, str] | None, Mapping[str, Path]]:
    """Public name -> reference, and where each stands. A list gives every step its own name."""
    if raw is None:
        return None, {}
    pairs: list[tuple[Any, Any, Path]]
    if isinstance(raw, list):
        pairs = [(name, name, (*path, index)) for index, name in enumerate(raw)]
    elif isinstance(raw, dict):
        pairs = [(name, value, (*path, name)) for name, value in raw.items()]
    else:
        cure = f"write `outputs: [{raw}]`" if isinstance(raw, str) else "for example `outputs: [main, aux]`"
        report.add("NS202", path, f"`outputs` is a list of steps, or a mapping, got `{describe(raw)}`", help=cure)
        return None, {}
    if not pairs:
        report.add("NS308", path, "a model needs an output", help="leave `outputs` out to take the last step")
        return None, {}
    outputs: dict[str, str] = {}
    places: dict[str, Path] = {}
    for name, reference, at in pairs:
        if not isinstance(reference, str):
            message, cure = f"an output is the name of a step, got `{describe(reference)}`", "give the step a `name`"
            report.add("NS202", at, message, help=cure)
            continue
        if isinstance(raw, list) and "." in reference:
            public = reference.replace(".", "_")
            report.add(
                "NS308",
                at,
                f"`{reference}` needs a name of its own as an output",
                help=f"write `outputs: {{{public}: {reference}}}`",
            )
            continue
        if isinstance(raw, dict):
            check_name(name, at, report, key=True)
        if name in outputs:
            message, cure = f"output `{name}` is listed twice", "leave one of them out"
            report.add("NS308", at, message, spans=[(places[name], "first here")], help=cure)
            continue
        outputs[name], places[name] = reference, at
    return outputs, places
