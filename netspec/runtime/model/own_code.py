"""A user's own Python as Keras takes it: layers, losses, metrics, schedules and callbacks.

What is wrong with it is said at its line of the spec, with the line of the user's file that it comes from.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path as FilePath
from types import FrameType
from typing import Any

from netspec.catalog.nearest import nearest
from netspec.catalog.types import show
from netspec.diagnostics import Path, Report
from netspec.errors import NetspecError
from netspec.graph.names import snake
from netspec.language.spec import Own
from netspec.runtime import trusted
from netspec.runtime.engine import keras as load_keras

_BASES = {
    "layer": ("Layer", "keras.layers.Layer"),
    "cell": ("Layer", "keras.layers.Layer"),
    "loss": ("Loss", "keras.losses.Loss"),
    "metric": ("Metric", "keras.metrics.Metric"),
    "schedule": ("LearningRateSchedule", "keras.optimizers.schedules.LearningRateSchedule"),
    "callback": ("Callback", "keras.callbacks.Callback"),
}
# What a function is called with, by the kind of object that it stands for; a cell and a callback are classes.
_CALLED = {"layer": ("inputs",), "loss": ("y_true", "y_pred"), "metric": ("y_true", "y_pred"), "schedule": ("step",)}
# What Keras writes around an error in a layer's call.
_AROUND = (
    re.compile(r"\AException encountered when calling .*?\x1b\[1m(.*?)\x1b\[0m", re.DOTALL),
    re.compile(r"\ACould not automatically infer the output shape .*?Error encountered:\s*(.*)", re.DOTALL),
)
_NAMED = 4  # of what is not trusted, in a message
_DETECTED = re.compile(r'File "([^"]+\.py)", line (\d+), in (\S+)')


class OwnCodeError(NetspecError):
    """A user's own Python that cannot be used or that fails. `path` leads to its place in the spec."""

    exit_code = 1

    def __init__(
        self, code: str, own: Own, message: str, *, help: str | None = None, note: str = "", path: Path = ()
    ) -> None:
        super().__init__(f"{message} ({note})" if note else message, help=help)
        self.code, self.own, self.path = code, own, path or own.at
        self._told = code, message, (note,) if note else ()

    def tell(self, report: Report) -> None:
        """Report it at its place."""
        code, message, notes = self._told
        report.add(code, self.path, message, key=self.path[-1:] != ("python",), help=self.help, notes=notes)


def preflight(owned: Sequence[Own], folder: FilePath, report: Report) -> None:
    """Find and look at all that is a user's own, before anything is built: NS531 at its place, NS530 once for all."""
    if len(owned) > 1 and not trusted.allowed():
        first, *others = owned
        names = list(dict.fromkeys(f"`{own.name}`" for own in owned))
        more = f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
        said = f"{', '.join(names[:_NAMED])}{more} are" if len(names) > 1 else f"{names[0]} is"
        message = f"{said} Python code, which runs only if you say that you trust it"
        spans = [(own.at, "and here", own.at[-1:] != ("python",)) for own in others]
        key = first.at[-1:] != ("python",)
        report.add("NS530", first.at, message, key=key, spans=spans, help="look at it, then say --trust")
        return
    broken: set[str] = set()  # modules that cannot be imported, which is said once
    for each in owned:
        module = each.name.partition(":")[0]
        if module in broken:
            continue
        try:
            thing = _found(each, folder)
            _check_arguments(each, thing)
        except OwnCodeError as error:
            error.tell(report)
            if error.__cause__ is not None:
                broken.add(module)


def made(own: Own, folder: FilePath) -> Any:
    """The Keras object of what is a user's own, for all but layers.

    Raises:
        OwnCodeError: it is not trusted, not there, of another kind, or its constructor fails.
    """
    thing = _found(own, folder)
    if inspect.isclass(thing):
        constructed = _constructed(own, thing, _name(own) if own.kind == "metric" else None)
        return _tried(own, constructed) if own.kind == "schedule" else constructed
    keras = load_keras()
    arguments = dict(own.args)
    if own.kind == "metric":
        arguments.pop("name", None)
        return keras.metrics.MeanMetricWrapper(_bound(thing, arguments), name=_name(own))
    if own.kind == "schedule":
        return _tried(own, _schedule(thing, arguments))
    return _bound(thing, arguments)


def _tried(own: Own, schedule: Any) -> Any:
    """The schedule, asked at its first step: what is no number fails in the midst of Keras otherwise."""
    import numpy as np

    ops = load_keras().ops
    rate = schedule(ops.zeros((), dtype="int64"))
    try:
        number = np.asarray(rate, dtype=np.float64)
    except (TypeError, ValueError):
        number = None
    if rate is None or number is None:
        given = f"a {type(rate).__name__}" if rate is not None else "nothing"
    elif number.shape:
        given = f"a tensor of shape {number.shape}"
    elif not np.isfinite(number):
        given = str(number)
    else:
        return schedule
    said = f"`{own.name}` gives {given} for step 0, expected a learning rate"
    raise OwnCodeError("NS532", own, said, help="return one number")


def layer(own: Own, name: str, folder: FilePath) -> Any:
    """The same of a layer, under this name; a function becomes a layer that calls it."""
    thing = _found(own, folder)
    if inspect.isclass(thing):
        return _constructed(own, thing, name)
    keras = load_keras()
    made = keras.layers.Lambda(thing, arguments=dict(own.args), name=name)
    # Its own way hides what goes wrong in the function, and takes all that it gives for floats.
    made.compute_output_spec = functools.partial(keras.Operation.compute_output_spec, made)
    return made


def check_outputs(own: Own, name: str, outputs: Sequence[Any], wanted: int) -> None:
    """Hold what a call gives against what the spec says of it. Raises OwnCodeError: NS316, NS532."""
    if not outputs or not all(hasattr(each, "shape") for each in outputs):
        raise OwnCodeError("NS532", own, f"`{own.name}` gives no tensor when it is called", help="return what it makes")
    if len(outputs) != wanted:
        said = f"`{own.name}` gives {len(outputs)} tensors, the spec names {wanted}"
        names = ", ".join(f"{name}_{at}" for at in range(1, len(outputs) + 1))
        raise OwnCodeError("NS316", own, said, help=f"name them: `name: [{names}]`", path=own.path)
    if own.shape is None:
        return
    got = tuple(tuple(each.shape[1:]) for each in outputs)
    if len(own.shape) != len(got) or not all(map(_agree, own.shape, got)):
        shown, told = (" and ".join(show((None, *each)) for each in shapes) for shapes in (own.shape, got))
        lists = [list(each) for each in got]
        shape = str(lists[0] if len(lists) == 1 else lists).replace("None", "null")
        said = f"`{own.name}` gives {told}, and its `shape` says {shown}"
        cure = f"write `shape: {shape}`, or leave it out"
        raise OwnCodeError("NS316", own, said, help=cure, path=(*own.path, "shape"))


def blamed(error: BaseException, owned: Sequence[Own], folder: FilePath) -> OwnCodeError | None:
    """What a user's own Python is to blame for of an error; None where none of its lines was running."""
    names = [each.name for each in owned]
    root, frames = error, []
    for each in _chain(error):
        if isinstance(each, OwnCodeError):
            return each
        mine = [at for at in _frames(each) if trusted.is_own(at[0].f_code.co_filename, names, folder)]
        if mine:
            root, frames = each, mine
    if frames:
        frame, line = frames[-1]
        code = frame.f_code
        note = _line(code.co_filename, line, code.co_name, folder)
        own = next((own for frame, _ in frames if (own := _whose(frame, owned, folder)) is not None), None)
        return _failed(own or _of_file(frames[0][0].f_code.co_filename, owned, folder), root, note)
    for each in _chain(error):
        lines = [at for at in _DETECTED.findall(str(each)) if trusted.is_own(at[0], names, folder)]
        if lines:
            file, number, function = lines[-1]
            of = [own for own in owned if own.name.endswith(f":{function}")]
            told = error if isinstance(error, NetspecError) else each
            own = of[0] if of else _of_file(file, owned, folder)
            return _failed(own, told, _line(file, int(number), function, folder))
    return None


def custom_objects(owned: Sequence[Own], folder: FilePath) -> dict[str, Any]:
    """Classes and functions by name, as Keras asks for them when it reads a model back."""
    return {own.name.rpartition(":")[2]: _found(own, folder) for own in owned}


def _found(own: Own, folder: FilePath) -> Any:
    """The class or the function."""
    if trusted.allowed():
        load_keras()  # before a module of the user's does, with its own settings
    try:
        thing = trusted.found(own.name, folder)
    except trusted.Unusable as error:
        cause = error.__cause__
        note = "" if cause is None else _where(cause, own, folder)
        code = "NS530" if error.untrusted else "NS531"
        raise OwnCodeError(code, own, error.message, help=error.help, note=note) from cause
    base, public = _BASES[own.kind]
    wanted = f"a class derived from `{public}`" + (" or a function" if own.kind in _CALLED else "")
    kinds = load_keras()
    expected = {
        "loss": kinds.losses.Loss,
        "metric": kinds.metrics.Metric,
        "schedule": kinds.optimizers.schedules.LearningRateSchedule,
        "callback": kinds.callbacks.Callback,
    }.get(own.kind, kinds.layers.Layer)
    if inspect.isclass(thing):
        if issubclass(thing, expected):
            return thing
        cure = f"write `class {thing.__name__}({public})`"
        raise OwnCodeError("NS531", own, f"`{own.name}` is no {base}; {_a(own.kind)} is {wanted}", help=cure)
    if own.kind in _CALLED and inspect.isroutine(thing):
        return thing
    what = "a function" if inspect.isroutine(thing) else f"an object of the class `{type(thing).__name__}`"
    raise OwnCodeError("NS531", own, f"`{own.name}` is {what}; {_a(own.kind)} is {wanted}")


def _check_arguments(own: Own, thing: Any) -> None:
    """Hold the arguments under `with` against the signature. Raises OwnCodeError."""
    given = dict(own.args)
    leading = () if inspect.isclass(thing) else _CALLED[own.kind]
    if own.kind == "metric":
        given.pop("name", None)
    try:
        parameters = list(inspect.signature(thing.__init__ if inspect.isclass(thing) else thing).parameters.values())
    except (TypeError, ValueError):  # of what is no Python
        return
    known = parameters[1:] if inspect.isclass(thing) else parameters[len(leading) :]
    kinds = {each.kind for each in parameters}
    if leading and len(parameters) < len(leading) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        takes = " and ".join(f"`{each}`" for each in leading)
        raise OwnCodeError("NS531", own, f"`{own.name}` takes too few arguments: it is called with {takes}")
    names = [each.name for each in known if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    given_by_keras = ("name", "mask", "training") if own.kind == "layer" else ()
    needed = [each.name for each in known if each.default is each.empty and each.name in names]
    missing = [each for each in needed if each not in given and each not in given_by_keras]
    strange = [each for each in given if each not in names]
    if inspect.Parameter.VAR_KEYWORD in kinds:  # which Keras takes some of; what is plainly meant is told all the same
        strange = [each for each in strange if nearest(each, missing)]
    if strange:
        close = nearest(strange[0], [each for each in names if each not in given])
        usable = [each for each in names if each != "name" or own.kind != "layer"]
        cure = f"did you mean `{close}`?" if close else "it takes " + ", ".join(f"`{each}`" for each in usable)
        path = (*own.path, "with", strange[0])
        said = f"`{own.name}` has no argument `{strange[0]}`"
        raise OwnCodeError("NS531", own, said, help=cure if close or usable else "leave it out", path=path)
    if missing:
        said = f"`{own.name}` needs " + " and ".join(f"`{each}`" for each in missing)
        raise OwnCodeError("NS531", own, said, help=f"write it under `with`: `with: {{{missing[0]}: …}}`")


def _constructed(own: Own, thing: Any, name: str | None) -> Any:
    """An object of a user's class, under this name where it has one."""
    arguments = dict(own.args)
    if name is not None:
        arguments.pop("name", None)
        taken = inspect.signature(thing.__init__).parameters.values()
        if any(each.name == "name" or each.kind is each.VAR_KEYWORD for each in taken):
            arguments["name"] = name
    made = thing(**arguments)
    if name is not None and made.name != name:
        made.name = name
    return made


def _name(own: Own) -> str:
    """What a metric is logged under."""
    if "name" in own.args:
        return str(own.args["name"])
    return snake(own.stem) if own.stem[:1].isupper() else own.stem


def _bound(function: Callable[..., Any], arguments: dict[str, Any]) -> Callable[..., Any]:
    """The function with these arguments, under its own name."""
    if not arguments:
        return function

    @functools.wraps(function)
    def called(*given: Any) -> Any:
        return function(*given, **arguments)

    return called


def _schedule(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """A function of the step as a schedule of Keras."""
    base = load_keras().optimizers.schedules.LearningRateSchedule

    class Schedule(base):  # type: ignore[misc, valid-type]
        """Asks the function at each step."""

        def __call__(self, step: Any) -> Any:
            return function(step, **arguments)

        def get_config(self) -> dict[str, Any]:
            """Nothing that could be read back: the function is a user's own."""
            return {}

    return Schedule()


def failed(own: Own, error: BaseException, folder: FilePath) -> OwnCodeError:
    """That a constructor or a call of this object has failed."""
    return blamed(error, [own], folder) or _failed(own, error, _where(error, own, folder))


def _failed(own: Own, error: BaseException, note: str) -> OwnCodeError:
    text = error.message if isinstance(error, NetspecError) else str(error)
    kind = "" if isinstance(error, NetspecError) else type(error).__name__
    told = ": ".join(filter(None, (kind, first_line(text))))
    return OwnCodeError("NS532", own, f"`{own.name}` fails: {told}", help="mend it there", note=note)


def first_line(text: str) -> str:
    """The first line of what went wrong inside, without what Keras puts around it.

    >>> first_line("Could not automatically infer the output shape of it. Error encountered: no such name.")
    'no such name'
    """
    for around in _AROUND:
        if inner := around.search(text):
            text = inner[1]
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0].rstrip(".")[:300] if lines else ""


def unreadable(error: Exception, owned: Sequence[Own], target: FilePath) -> OwnCodeError | None:
    """What hinders a saved model from being read back, where it is a class of the user's own."""
    told = str(error).rpartition("Exception encountered: ")[2]
    for own in owned:
        if f"{own.name.rpartition(':')[2]}.__init__" in told:
            cure = "let its `__init__` take `**kwargs` and hand them to `super().__init__`, or write `get_config`"
            said = f"`{target}` does not read back with `{own.name}`: {first_line(told)}"
            return OwnCodeError("NS532", own, said, help=cure)
    return None


def _where(error: BaseException, own: Own, folder: FilePath) -> str:
    """The last line of the user's own that was running when an error came up, or that is no Python."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _line(error.filename, error.lineno, "", folder)
    for each in reversed(list(_chain(error))):
        mine = [at for at in _frames(each) if trusted.is_own(at[0].f_code.co_filename, [own.name], folder)]
        if mine:
            code = mine[-1][0].f_code
            return _line(code.co_filename, mine[-1][1], code.co_name, folder)
    return ""


def _line(file: str, line: int, function: str, folder: FilePath) -> str:
    """A line of a user's file: `my_layers.py:12, in call: x / 0`."""
    import linecache

    path = FilePath(file).resolve()
    shown = str(path.relative_to(folder.resolve())) if path.is_relative_to(folder.resolve()) else str(path)
    linecache.checkcache(file)
    text = linecache.getline(file, line).strip()[:120].replace("`", "'")
    inside = f", in `{function}`" if function and not function.startswith("<") else ""
    return f"{shown}:{line}{inside}" + (f": `{text}`" if text else "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    found, step = [], error.__traceback__
    while step is not None:
        found.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    return found


def _whose(frame: FrameType, owned: Sequence[Own], folder: FilePath) -> Own | None:
    """The object that a frame runs a method or the function of."""
    this = frame.f_locals.get("self")
    for own in owned:
        try:
            thing = trusted.found(own.name, folder)
        except trusted.Unusable:
            continue
        if inspect.isclass(thing):
            if type(this) is thing:
                return own
        elif getattr(inspect.unwrap(thing), "__code__", None) is frame.f_code:
            return own
    return None


def _of_file(file: str, owned: Sequence[Own], folder: FilePath) -> Own:
    """The first object of a module's file; of none where a module that it imports was running."""
    path = FilePath(file).resolve()
    for own in owned:
        mine = trusted.file_of(own.name.partition(":")[0], folder)
        if mine is not None and mine.resolve() == path:
            return own
    return owned[0]


def _agree(said: Sequence[int | None], got: Sequence[int | None]) -> bool:
    """Whether sizes are equal, as far as both are known."""
    return len(said) == len(got) and all(
        one == other or None in (one, other) for one, other in zip(said, got, strict=True)
    )


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
