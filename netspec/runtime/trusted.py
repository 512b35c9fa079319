"""A user's own Python: found beside the spec or among what is installed, and run where the user says that it may.

A module is loaded once for each state of its file. Needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from netspec.catalog.nearest import nearest

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)
_loaded: dict[str, tuple[Path, str | None]] = {}  # modules of users, by name: the file (or folder) and its hash
_searched: list[str] = []  # folders that are searched last as long as their spec's Python may run
_SHOWN = 10


class Unusable(Exception):
    """Python that cannot be run: it is not trusted, not there, or its import fails, as `__cause__` says."""

    def __init__(self, message: str, help: str | None = None, *, untrusted: bool = False) -> None:
        super().__init__(message)
        self.message, self.help, self.untrusted = message, help, untrusted


@contextlib.contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """In this block a spec's own Python may run, if `trust`: what `--trust` says for a whole verb."""
    token, before = _trusted.set(trust), len(_searched)
    try:
        yield
    finally:
        _trusted.reset(token)
        for folder in _searched[before:]:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)
        del _searched[before:]


def allowed() -> bool:
    """Whether a spec's own Python may run here."""
    return _trusted.get()


def found(name: str, folder: Path) -> Any:
    """What `module:name` names, of a module in `folder` or an installed one.

    Raises:
        Unusable: it is not trusted, or not there, or the module cannot be imported.
    """
    if not _trusted.get():
        said = f"`{name}` is Python code, which runs only if you say that you trust it"
        raise Unusable(said, "look at it, then say --trust", untrusted=True)
    module_name, _, attribute = name.partition(":")
    module = _module(name, module_name, folder)
    if not hasattr(module, attribute):
        there = [each for each in vars(module) if not each.startswith("_") and callable(getattr(module, each))]
        mine = [each for each in there if getattr(getattr(module, each), "__module__", None) == module.__name__]
        close = nearest(attribute, mine)
        cure = f"did you mean `{module_name}:{close}`?" if close else None
        if cure is None and mine:
            cure = "it has " + ", ".join(f"`{each}`" for each in mine[:_SHOWN])
        raise Unusable(f"`{module_name}` has nothing named `{attribute}`", cure)
    return getattr(module, attribute)


def file_of(module_name: str, folder: Path) -> Path | None:
    """The file of a module in the folder, or of an installed one that is loaded; None where it has none."""
    path = _beside(module_name, folder)
    if path is not None:
        return path
    source = getattr(sys.modules.get(module_name), "__file__", None)
    return Path(source) if isinstance(source, str) else None


def marks(names: Sequence[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of the files of these modules, and of all that they have loaded from the folder."""
    files = {path for each in names if (path := file_of(each.partition(":")[0], folder)) is not None}
    files |= {path for path, _ in _loaded.values() if path.is_relative_to(folder.resolve())}
    found = {}
    for path in sorted(map(Path.resolve, files)):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            found[str(path)] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return found


def changed(marks: Mapping[str, Any]) -> Iterator[str]:
    """The files that are no longer what they were when they were marked."""
    for name, mark in marks.items():
        now = _hash(Path(name))
        if not isinstance(mark, dict) or mark.get("sha256") != now:
            yield name


def is_own(file: str, names: Sequence[str], folder: Path) -> bool:
    """Whether a source file is that of one of these modules, or was loaded by them from the folder."""
    path = Path(file)
    if not path.is_absolute() or not file.endswith(".py"):
        return False
    known = {str(each) for each, _ in _loaded.values()}
    return str(path.resolve()) in known or any(
        (own := file_of(each.partition(":")[0], folder)) is not None and own.resolve() == path.resolve()
        for each in names
    )


def _beside(module_name: str, folder: Path) -> Path | None:
    path = folder.resolve().joinpath(*module_name.split("."))
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _module(name: str, module_name: str, folder: Path) -> ModuleType:
    path = _beside(module_name, folder)
    try:
        if path is None:
            return importlib.import_module(module_name)
        _let_go(folder)
        there = sys.modules.get(module_name)
        if there is not None and Path(getattr(there, "__file__", None) or "/").resolve() == path:
            return there  # loaded before, or by whoever calls netspec
        top = module_name.partition(".")[0]
        if top in sys.modules and top not in _loaded and not _holds(sys.modules[top], folder):
            said = f"`{name}`: another module is loaded under the name `{top}` already"
            raise Unusable(said, f"give {path.relative_to(folder.resolve())} another name")
        return _load(module_name, path, folder.resolve())
    except Unusable:
        raise
    except ModuleNotFoundError as error:
        looked = folder.joinpath(*module_name.split(".")).with_suffix(".py")
        missing = error.name is not None and module_name.startswith(error.name)
        cure = f"looked for {looked}, and for a module that is installed" if path is None and missing else None
        raise Unusable(f"`{name}`: {error}", cure) from error
    except Exception as error:
        raise Unusable(f"`{name}`: importing it fails: {in_a_line(error)}") from error


def _holds(package: ModuleType, folder: Path) -> bool:
    """Whether a package that is loaded is the folder's own."""
    return any(Path(each).resolve().is_relative_to(folder.resolve()) for each in getattr(package, "__path__", ()))


def _let_go(folder: Path) -> None:
    """Forget what was loaded of other folders, and all of this one if a file of it has changed since."""
    mine = {name: kept for name, kept in _loaded.items() if kept[0].is_relative_to(folder.resolve())}
    stale = [name for name, (path, mark) in mine.items() if _hash(path) != mark]
    for name in [*(mine if stale else ()), *(name for name in _loaded if name not in mine)]:
        _loaded.pop(name)
        sys.modules.pop(name, None)


def _load(module_name: str, path: Path, folder: Path) -> ModuleType:
    """Import a module of the folder, with what it imports from there; nothing is written beside it."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: nothing in the folder takes the place of what is installed
        _searched.append(str(folder))
    before, written = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        *parents, _ = module_name.split(".")
        for at in range(len(parents)):
            _package(".".join(parents[: at + 1]), folder.joinpath(*parents[: at + 1]))
        if module_name not in sys.modules:
            _execute(module_name, path)
    except BaseException:
        for name in set(sys.modules) - before:
            if _is_users(sys.modules[name], folder):
                del sys.modules[name]
        raise
    finally:
        sys.dont_write_bytecode = written
    for name in set(sys.modules) - before:
        if _is_users(sys.modules[name], folder):
            source = _place(sys.modules[name])
            _loaded[name] = source, _hash(source)
    return sys.modules[module_name]


def _package(name: str, path: Path) -> None:
    """A package of the folder, with its `__init__` or without one."""
    if name in sys.modules:
        return
    if (path / "__init__.py").is_file():
        _execute(name, path / "__init__.py")
        return
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(path)]
    sys.modules[name] = importlib.util.module_from_spec(spec)


def _execute(name: str, path: Path) -> None:
    inside = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=inside)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _is_users(module: ModuleType, folder: Path) -> bool:
    """Whether a module lies in the folder, and not in an environment or a Python that lies there too."""
    path = _place(module)
    if not path.is_relative_to(folder):
        return False
    installed = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *site.getsitepackages())
    return not any(path.is_relative_to(Path(each).resolve()) for each in installed if Path(each).is_relative_to(folder))


def _place(module: ModuleType) -> Path:
    """The file of a module, or the folder of a package without one."""
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return Path(str(place or "/")).resolve()


def in_a_line(error: BaseException) -> str:
    """An error in one line.

    >>> in_a_line(ValueError("no\\nmore"))
    'ValueError: no'
    """
    first = next(iter(str(error).strip().splitlines()), "")[:200]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
