"""Raw values of a spec to Keras objects: class names looked up, arguments checked against the catalogue.

Used for layers and for everything that nests in them or stands beside them: initializers, schedules, losses, metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netspec import catalog
from netspec.catalog import OPS, Entry, legacy
from netspec.catalog.arguments import Meaning, Problem, meaning
from netspec.catalog.dtypes import takes_policy
from netspec.catalog.fillers import cannot_fill, needs_one
from netspec.catalog.nearest import fold, nearest, rename
from netspec.catalog.together import at_odds
from netspec.catalog.values import describe
from netspec.diagnostics import Path, Report, printable
from netspec.graph.feeding import fed_arguments
from netspec.graph.ir import Graph, KerasObject, LayerDef
from netspec.graph.own import own_object
from netspec.graph.unknown import or_operation, or_shared, replaced
from netspec.language.parse import layer_expr
from netspec.language.spec import LayerExpr

_CODES = {"layer": "NS204", "loss": "NS503", "metric": "NS507", "optimizer": "NS508", "callback": "NS510"}
_CODES["op"] = _CODES["layer"]
_WORDS = {"op": "operation", "loss": "loss", "dtype_policy": "dtype policy"}
_WITHOUT = {"callback": "leave it out", "layer": "write it with Keras's other layers and operations"}
_PICKLED = frozenset(("class_name", "registered_name", "module", "__lambda__"))
DEEPEST = 16  # layers wrapped in layers; Keras's own wrappers are never nested deeper in earnest
_PLAIN = frozenset((bool, int, float, str, type(None)))
_MOST_SOUND = 2_000
_sound: set[tuple[Any, ...]] = set()  # arguments that were found right, over all specs of a process
BAD = object()  # what a value becomes that was refused; the mistake is reported already


class Objects:
    """Makes Keras objects for one spec.

    `use(name, path)` gives what stands under `shared`, `nest(raw, path)` a nested model, `auto(cls)` an unused name;
    `policy` is the dtype of layers and cells that say none; `shared` are the names that `use` knows.
    """

    def __init__(
        self,
        report: Report,
        use: Callable[[str, Path], LayerDef | Graph | None],
        nest: Callable[[Any, Path], Graph | None],
        auto: Callable[[str], str],
        policy: str | None = None,
        shared: Collection[str] = (),
    ) -> None:
        self._report, self._use, self._nest, self._auto, self._policy = report, use, nest, auto, policy
        self._shared = shared
        self._problems = 0

    def layer(self, expr: LayerExpr, name: str | None, *, shared: bool = False, depth: int = 0) -> LayerDef | None:
        """The layer that `expr` says, or None where there is no such layer (reported)."""
        if expr.own is not None:
            given = {"trainable": False} if expr.own.args.get("trainable") is False else {}
            return LayerDef(expr.cls, given, name or self._auto(expr.own.stem), expr.path, shared, own=expr.own)
        if expr.cls.startswith(OPS):
            message, cure = f"`{printable(expr.cls)}` is an operation, so it cannot stand inside a layer", None
            if shared:
                message = f"`{printable(expr.cls)}` is an operation, which has no weights to share"
                cure = "write it as a step wherever it is needed"
            key = expr.path[-1:] == (expr.cls,)
            self._report.add("NS313", expr.path, message, key=key, help=cure or "write it as a step of its own")
            return None
        entry = self.entry("layer", expr.cls, expr.path)
        if entry is None:
            return None
        args = self.arguments(entry, expr.args, expr.path, depth)
        sound = args is not None
        return LayerDef(entry.name, args or {}, name or self._auto(entry.name), expr.path, shared, sound)

    def step(self, expr: LayerExpr, name: str | None, source: Any) -> LayerDef | None:
        """The layer or operation of a step that takes `source`, its raw `from`; None where there is none (reported)."""
        if not expr.cls.startswith(OPS):
            return self.layer(expr, name)
        entry = self.entry("op", expr.cls, expr.path)
        if entry is None:
            return None
        args = self.arguments(entry, expr.args, expr.path, fed=fed_arguments(entry, expr.args, source))
        return LayerDef(entry.name, args or {}, name or self._auto(entry.name), expr.path, sound=args is not None)

    def entry(self, kind: str, name: str, path: Path) -> Entry | None:
        """The catalogue's entry for `name`, or None where it cannot be used here (reported)."""
        word = _word(kind)
        key = path[-1:] == (name,)  # else the name is itself the value that stands at `path`
        reason = legacy.refused(kind, name)
        entry = catalog.find(kind, name)
        if reason is None and entry is not None and entry.excluded:
            reason = entry.excluded
        if reason is not None:
            why, _, cure = reason.partition("; ")
            message = f"`{name}` is not available in a spec: {why}"
            self._report.add("NS213", path, message, key=key, help=cure or _WITHOUT.get(kind))
            return None
        if entry is not None:
            return entry
        code = _CODES.get(kind, "NS214")
        if self._report.full:
            self._report.add(code, path, f"unknown {word}")
            return None
        renamed = legacy.renamed(kind, name)
        close = nearest(name, catalog.identifiers(kind))
        cure = renamed or (
            f"did you mean `{close}`?"
            if close
            else f"netspec knows every {word} of Keras {catalog.KERAS_VERSION} by its name"
        )
        if kind == "layer" and not renamed and not close:
            cure = "`netspec` knows Keras's built-in layers by their class names, such as `Dense`"
        known = catalog.identifiers(kind)
        fix = replaced(name, renamed, known) if renamed else rename(name, known)
        if kind in ("layer", "op") and not renamed:
            cure, fix = or_operation(kind, name, close, cure, fix)
            cure, fix = or_shared(name, self._shared, close, cure, fix)
        layer, colon, value = name.partition(":")
        if kind == "layer" and colon and value:
            cure, fix = f"put a space after the colon: `{printable(f'{layer}: {value}'[:80])}`", None
        if kind == "cell" and f"{name}Cell" in known:
            cure = f"did you mean `{name}Cell`? an `RNN` is made of cells"
        self._report.add(code, path, f"unknown {word} `{printable(name)}`", key=key, help=cure, fix=fix)
        return None

    def arguments(
        self, entry: Entry, raw: Any, path: Path, depth: int = 0, *, fed: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """The constructor's arguments by name, or None where one of them was refused (reported).

        `fed` are the arguments of an operation that `from` gives; it may have others among its tensors.
        """
        given, at = self._by_name(entry, raw, path, fed)
        if given is None or (at is None and isinstance(raw, list) and self._by_position(entry, given, raw, path)):
            return None
        if self._policy is not None and given.get("dtype") is None and takes_policy(entry, given):
            if not self._computes(entry, path):
                return None
            given = {**given, "dtype": self._policy}
        key = _key(entry, given)
        if key in _sound:
            return dict(given)
        args: dict[str, Any] = {}
        sound, strange, before = True, False, self._problems
        for name, value in given.items():
            where = (*at, name) if at is not None else path
            bare = at is None
            param = entry.param(name)
            if name == "name" and entry.kind != "metric":
                sound = False
                beside = entry.kind in ("layer", "op")
                cure = f"write `name` beside the {_word(entry.kind)}, not inside it" if beside else "leave it out"
                self._report.add("NS205", where, "`name` is not an argument here", key=True, help=cure)
            elif param is None:
                sound, strange = False, True
                self._unknown_argument(entry, name, where, given)
            else:
                made = self.value(entry, name, value, where, depth, bare=bare)
                if made is BAD or self._unfit(entry, name, made, given, path):
                    sound = False
                else:
                    args[name] = made
        tensors = {p.name for p in entry.call} if entry.kind == "op" else set()
        missing = [p.name for p in entry.params if p.required and p.name not in given and p.name not in tensors]
        if missing and not strange:
            sound = False
            names = " and ".join(f"`{name}`" for name in missing)
            self._report.add(
                "NS207", path, f"`{entry.name}` needs {names}", key=True, help=self._example(entry, missing, given)
            )
        elif sound and (odd := at_odds(entry.kind, entry.name, args)) is not None:
            sound = False
            where = (*at, odd[0]) if at is not None else path
            self._report.add("NS206", where, odd[1], key=True, help=odd[2])
        elif key is not None and sound and self._problems == before and args == given:
            if len(_sound) >= _MOST_SOUND:
                _sound.clear()
            _sound.add(key)
        return args if sound else None

    def _computes(self, entry: Entry, path: Path) -> bool:
        """Whether a layer or cell computes in the policy that all have (reported)."""
        found = meaning(entry, "dtype").check(self._policy)
        if found is not None:
            said = f"{found.message}, which is the `dtype_policy` of the spec"
            self._report.add("NS206", path, said, key=True, help="give it a `dtype` of its own, such as `float32`")
        return found is None

    def _by_name(
        self, entry: Entry, raw: Any, path: Path, fed: tuple[str, ...]
    ) -> tuple[Mapping[str, Any] | None, Path | None]:
        """Arguments by name, and the path they stand under (None: a bare value, which stands at `path` itself)."""
        if raw is None:
            return {}, path
        if isinstance(raw, dict) and len(raw) != 1 and "python" not in raw:  # else it may be a layer
            return raw, path
        first = next((param for param in entry.params if param.name not in fed and not param.keyword), None)
        if isinstance(raw, dict) and not (first is not None and self._is_layer(entry, first.name, raw)):
            return raw, path
        if first is None:
            more = " beside its tensors" if entry.kind == "op" else ""
            self._report.add("NS205", path, f"`{entry.name}` takes no argument{more}, got `{describe(raw)}`")
            return None, None
        return {first.name: raw}, None

    def _by_position(self, entry: Entry, given: Mapping[str, Any], raw: list[Any], path: Path) -> bool:
        """Whether a list holds several arguments in Python's order where the first is meant to stand (reported)."""
        (name,) = given
        what = meaning(entry, name)
        found = what.check(raw) if what.object_kind is None and entry.kind != "op" else None
        cure = None if found is None or found.help or len(raw) < 2 else legacy.positional(entry, raw)
        if found is None or cure is None:
            return False
        self._problem(entry, name, replace(found, help=cure), path, raw, True)
        return True

    def _is_layer(self, entry: Entry, first: str, raw: Mapping[str, Any]) -> bool:
        """Whether a mapping is itself a layer: one key that is a layer's name, `use` or `model`."""
        if meaning(entry, first).object_kind not in ("layer", "cell", "cells"):
            return False
        if len(raw) != 1 or "python" in raw:
            return "python" in raw and first not in raw
        (key,) = raw
        return key in ("use", "model") or (
            entry.param(key) is None
            and (key[:1].isupper() or key.startswith(OPS) or catalog.find("layer", key) is not None)
        )

    def _unknown_argument(self, entry: Entry, name: str, where: Path, given: Mapping[str, Any]) -> None:
        if self._report.full:
            self._report.add("NS205", where, f"`{entry.name}` has no such argument")
            return
        known = [param.name for param in entry.params]
        free = [each for each in known if each not in given]
        gone = legacy.removed(entry.kind, entry.name, name)
        if gone is not None:
            message = f"Keras has dropped `{name}` of `{entry.name}`"
            self._report.add("NS212", where, message, key=True, help=gone, fix=replaced(name, gone, free))
            return
        close = nearest(name, known) or _part_of(name, (param.name for param in entry.params if param.required), free)
        cure = f"did you mean `{close}`?" if close else "it takes " + ", ".join(f"`{k}`" for k in known[:12])
        message = f"`{entry.name}` has no argument `{name}`"
        fix = rename(name, free) if close in free else None
        self._report.add("NS205", where, message, key=True, help=cure if known else None, fix=fix)

    def _unfit(self, entry: Entry, name: str, made: Any, given: Mapping[str, Any], path: Path) -> bool:
        """Whether an initializer, a regularizer or a constraint does not go with its weight (reported)."""
        if made is None and name.endswith("_initializer") and needs_one(entry.name, name, given):
            said = f"`{name}`: `{entry.name}` needs one, got `null`"
            self._report.add("NS206", (*path, name), said, help="leave it out for the usual one")
            return True
        if not isinstance(made, KerasObject) or made.kind not in ("initializer", "regularizer", "constraint"):
            return False
        why = cannot_fill(entry.name, name, made.cls, given, made.args)
        if why is not None:
            cure = "leave it out"
            if made.kind == "initializer" and made.cls != "Constant":
                cure += ", or take one for any shape, such as `glorot_uniform`"
            self._report.add("NS206", made.path, f"`{name}`: `{made.cls}` {why}", help=cure)
        return why is not None

    def _example(self, entry: Entry, missing: list[str], given: Mapping[str, Any] | None = None) -> str:
        samples = {
            "units": "64",
            "filters": "32",
            "kernel_size": "3",
            "rate": "0.5",
            "size": "2",
            "layer": "{Dense: 8}",
        }
        if entry.name == "Bidirectional":
            samples["layer"] = "{LSTM: 32}"
        plain = {name: describe(value) for name, value in (given or {}).items() if isinstance(value, int | float)}
        inside = ", ".join(f"{name}: {value}" for name, value in plain.items())
        inside += ", " * bool(plain) + ", ".join(f"{name}: {samples.get(name, '…')}" for name in missing)
        return f"for example `{entry.name}: {{{inside}}}`"

    def value(self, entry: Entry, name: str, raw: Any, path: Path, depth: int = 0, *, bare: bool = False) -> Any:
        """One argument's value, checked and made; BAD where it was refused (reported)."""
        what = meaning(entry, name)
        problem = legacy.refused_value(entry, name, raw)
        if problem is not None:
            why, _, cure = problem.partition("; ")
            self._report.add("NS213", path, why, help=cure or None)
            return BAD
        if isinstance(raw, dict) and _PICKLED & raw.keys():
            cure = "write the class by its name, as in {HeNormal: {seed: 1}}"
            self._report.add("NS213", path, f"`{name}`: a serialized object is not taken, it could run code", help=cure)
            return BAD
        param = entry.param(name)
        if (
            raw is None
            and param is not None
            and (param.default is None or what.object_kind not in (None, "schedule"))
            and not param.required
        ):
            return None
        if what.object_kind in ("layer", "cell"):
            return self._inner(entry, name, what, raw, path, depth)
        if what.object_kind == "cells":
            if name == "cells" and not isinstance(raw, list):
                cure = "write it in brackets, as in `StackedRNNCells: [{LSTMCell: 32}]`"
                said = f"`cells`: expected a list of cells, got `{describe(raw)}`"
                self._report.add("NS206", path, said, help=cure)
                return BAD
            if not isinstance(raw, list) or not raw:
                return self._inner(entry, name, what, raw, path, depth)
            made = [self._inner(entry, name, what, cell, (*path, at), depth) for at, cell in enumerate(raw)]
            return BAD if any(cell is BAD for cell in made) else made
        if what.object_kind is not None and self._names_object(what, raw):
            return self.object(what.object_kind, raw, path, depth)
        found = what.check(raw)
        if found is None:
            return raw
        self._problem(entry, name, found, path, raw, bare)
        return raw if found.severity == "warning" else BAD

    def _names_object(self, what: Meaning, raw: Any) -> bool:
        """Whether a value names a Keras object rather than being a plain value that the argument also takes."""
        return isinstance(raw, dict) or (isinstance(raw, str) and what.object_kind != "schedule")

    def _problem(self, entry: Entry, name: str, found: Problem, path: Path, raw: Any, bare: bool) -> None:
        self._problems += 1
        which = "the first argument" + (" that `from` does not give" if entry.kind == "op" else "")
        notes = [f"a bare value is {which}, which is `{name}` for `{entry.name}`"] if bare else []
        self._report.add(
            found.code,
            path,
            f"`{name}`: {found.message}",
            help=found.help,
            severity=found.severity,
            notes=notes,
            fix=None if found.fix is None else (raw, found.fix),
        )

    def object(self, kind: str, raw: Any, path: Path, depth: int = 0) -> Any:
        """A Keras object by name, or by name with arguments; BAD where it was refused (reported)."""
        if isinstance(raw, str):
            entry = self.entry(kind, raw, path)
            if entry is None:
                return BAD
            missing = list(entry.required)
            if missing:
                names = " and ".join(f"`{name}`" for name in missing)
                self._report.add("NS207", path, f"`{raw}` needs {names}", help=self._example(entry, missing))
                return BAD
            # A metric keeps the name that it is written by, which is what it is logged under.
            return KerasObject(kind, entry.name, {}, path) if entry.form == "class" and kind != "metric" else raw
        word = _word(kind)
        if isinstance(raw, dict) and "python" in raw:
            return own_object(kind, _word(kind), raw, path, self._report) or BAD
        if not isinstance(raw, dict) or len(raw) != 1:
            got = f"{len(raw)} keys" if isinstance(raw, dict) else f"`{describe(raw)}`"
            message = f"expected one {word}, by its name or as `{{Name: {{…}}}}`, got {got}"
            self._report.add("NS202", path, message, help=_one_of(raw))
            return BAD
        ((cls, args),) = raw.items()
        at = (*path, cls)
        entry = self.entry(kind, cls, at)
        if entry is None:
            return BAD
        if kind == "activation" and entry.form != "class":
            return self._activation(entry, cls, args, at)
        made = self.arguments(entry, args, at, depth + 1)
        return BAD if made is None else KerasObject(kind, entry.name, made, at)

    def _activation(self, entry: Entry, written: str, args: Any, path: Path) -> Any:
        """A function, which Keras calls with its tensor alone: its name; BAD where it has arguments (reported)."""
        if not args:
            return written
        twin = next((name for name in catalog.identifiers("layer") if fold(name) == fold(entry.name)), None)
        cure = f"write `{written}`" + (f", or a step `{twin}: …` in its place" if twin else "")
        self._report.add("NS205", path, f"activation `{written}` takes no arguments here", key=True, help=cure)
        return BAD

    def _inner(self, entry: Entry, name: str, what: Meaning, raw: Any, path: Path, depth: int) -> Any:
        """A layer inside a layer."""
        if depth >= DEEPEST:
            self._report.add("NS313", path, f"layers are wrapped more than {DEEPEST} deep")
            return BAD
        if isinstance(raw, dict) and len(raw) == 1:
            if "use" in raw:
                return self._inner_use(entry, raw["use"], (*path, "use"))
            if "model" in raw and what.object_kind == "layer":
                return self._nest(raw["model"], (*path, "model")) or BAD
        if what.object_kind != "layer" and isinstance(raw, dict) and "python" in raw:
            return own_object("cell", "cell", raw, path, self._report) or BAD
        expr = layer_expr(raw, path, self._report)
        if expr is None:
            return BAD
        if what.object_kind == "layer":
            made = self.layer(expr, None, depth=depth + 1)
            return made if made is not None and made.sound else BAD
        found = self.entry("cell", expr.cls, expr.path)
        if found is None:
            return BAD
        args = self.arguments(found, expr.args, expr.path, depth + 1)
        return BAD if args is None else KerasObject("cell", found.name, args, expr.path)

    def _inner_use(self, entry: Entry, target: Any, path: Path) -> Any:
        if not isinstance(target, str):
            self._report.add("NS202", path, f"`use` names something under `shared`, got `{describe(target)}`")
            return BAD
        if entry.name == "Bidirectional":
            why = "`Bidirectional` makes two layers of its own, so what it is given is not shared"
            self._report.add("NS313", path, why, help="write the layer itself, as in Bidirectional: {LSTM: 32}")
            return BAD
        return self._use(target, path) or BAD


def _part_of(name: str, required: Iterable[str], free: Sequence[str]) -> str | None:
    """The one argument that must still be said and has `name` as a part: `kernel_size` for `kernel`."""
    found = [each for each in required if each in free and name in each.split("_")]
    return found[0] if len(found) == 1 else None


def _one_of(raw: Any) -> str | None:
    """How one object is written that stands in a list, or whose arguments stand beside its name."""
    if isinstance(raw, list) and len(raw) == 1 and isinstance(raw[0], str):
        return f"write `{raw[0]}`"
    if isinstance(raw, dict) and len(raw) > 1:
        return "one name, with its arguments under it: `{Name: {argument: value}}`"
    return None


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)


def _key(entry: Entry, given: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Arguments as they are written, told apart by type too; None where one is more than a plain value."""
    parts: list[Any] = [entry.kind, entry.name]
    for name, value in given.items():
        if value.__class__ not in _PLAIN:
            return None
        parts += (name, value.__class__, value)
    return tuple(parts)
