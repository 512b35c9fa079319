"""The names of one scope: what is declared, what stands above, and names for what has none."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from netspec.catalog.nearest import nearest
from netspec.diagnostics import Path, Report
from netspec.language.spec import ModelPart

_MOST_COMPARED = 1_000_000  # names held against each other in one scope: a second or so
_WORD = re.compile(r"(.)([A-Z][a-z0-9]+)")
_CAPITAL = re.compile(r"([a-z])([A-Z])")


def snake(cls: str) -> str:
    """Keras's own way from a class name to a layer's name.

    >>> snake("Conv2D"), snake("LSTM"), snake("GlobalAveragePooling1D")
    ('conv2d', 'lstm', 'global_average_pooling1d')
    """
    return _CAPITAL.sub(r"\1_\2", _WORD.sub(r"\1_\2", cls)).lower()


def free(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken.

    >>> free("a", ()), free("a", ["a", "a_2"])
    ('a', 'a_3')
    """
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


@dataclass(slots=True)
class Names:
    """Every name declared in one `layers` list, before any is used, so that a reference can be told apart:
    above, below, or nowhere."""

    declared: dict[str, tuple[str, Path]] = field(default_factory=dict)  # name -> (kind, path)
    _taken: set[str] = field(default_factory=set)
    _counts: dict[str, int] = field(default_factory=dict)
    _compared: int = 0

    def declare(self, name: str, kind: str, path: Path, report: Report) -> None:
        """Record a name; a second thing of the same name is reported, with both places."""
        if name in self.declared:
            other, first = self.declared[name]
            both = f"two {kind}s" if kind == other else f"{_an(other)} and {_an(kind)}"
            report.add(
                "NS303",
                path,
                f"`{name}` is the name of {both}",
                key=kind != "step",
                spans=[(first, f"first here, {_an(other)}")],
                help="inputs, steps, shared things and variables share one set of names",
            )
            return
        self.declared[name] = (kind, path)
        self._taken.add(name)

    def warn_about_case(self, report: Report) -> None:
        """Names that differ in case only are legal and easily confused."""
        folded: dict[str, str] = {}
        for name, (_, path) in self.declared.items():
            other = folded.setdefault(name.lower(), name)
            if other != name:
                where = self.declared[other][1]
                report.add(
                    "NS303",
                    path,
                    f"`{name}` and `{other}` differ in case only",
                    spans=[(where, f"`{other}`")],
                    severity="warning",
                )

    def auto(self, cls: str) -> str:
        """A name for something that has none: deterministic, and never one that is declared."""
        base = snake(cls.rpartition(".")[2])
        count = self._counts.get(base, 0)
        name = base if count == 0 else f"{base}_{count}"
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._counts[base] = count + 1
        self._taken.add(name)
        return name

    def numbered(self, name: str, count: int, path: Path, report: Report) -> list[str]:
        """`fc` three times: fc_1, fc_2, fc_3."""
        names = [f"{name}_{number}" for number in range(1, count + 1)]
        for each in names:
            if each in self.declared:
                other, first = self.declared[each]
                message = f"`repeat` makes `{each}` out of `{name}`, which is declared already"
                report.add("NS303", path, message, spans=[(first, f"{_an(other)}")])
                break
        self._taken.update(names)
        return names

    def nearest(self, name: str) -> str | None:
        """The declared name that was probably meant; none once very many names have been compared."""
        self._compared += len(self.declared)
        found = nearest(name, self.declared) if self._compared <= _MOST_COMPARED else None
        return None if found is not None and found.startswith("?") else found  # one that was refused


def _an(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def declared_names(part: ModelPart, variables: tuple[str, ...], report: Report) -> Names:
    """All names of one scope, duplicates reported."""
    names = Names()
    for name in variables:
        names.declare(name, "variable", ("vars", name), report)
    for name in part.inputs:
        names.declare(name, "input", (*part.path, "inputs", name), report)
    for name in part.shared:
        names.declare(name, "shared thing", (*part.path, "shared", name), report)
    for step in part.steps:
        for at, name in enumerate(step.names):
            path = (*step.path, "name") if len(step.names) == 1 else (*step.path, "name", at)
            names.declare(name, "step", path, report)
    names.warn_about_case(report)
    return names
