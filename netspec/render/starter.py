"""A plan for a table as the YAML text of a first spec, each choice with a few words beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import counted, printable

if TYPE_CHECKING:
    from netspec.runtime.data.starting import Made, Plan
    from netspec.runtime.data.targeting import Goal

_WIDE = 118
_COLUMN = 46  # where comments begin, if there is room
_LISTED = 40  # columns that are left out, by name
_FILTERS = (16, 32, 64)
# No text, or none to other readers of YAML.
_OTHERWISE = frozenset(("null", "true", "false", "yes", "no", "on", "off"))
_HEAD = 4096  # numbers of a picture that are still laid flat


def spec(plan: Plan, name: str) -> str:
    """The whole text."""
    text = _Text()
    rows = counted(plan.rows, "row")
    text.note(f"A first spec for {plan.origin} ({rows}), to be changed by whoever knows the data better.")
    text.line("netspec: 1")
    text.line(f"name: {quoted(name)}")
    text.line("")
    text.line("inputs:")
    for made in plan.inputs:
        shape = f"[{', '.join(map(str, made.shape))}]"
        said = shape if made.dtype == "float32" else f"{{shape: {shape}, dtype: {made.dtype}}}"
        text.line(f"  {quoted(made.name)}: {said}", _holds(made))
    text.line("")
    text.line("layers:")
    _layers(text, plan)
    text.line("")
    _losses(text, plan.goals)
    text.line("optimizer: adam")
    text.line("")
    _data(text, plan)
    text.line("")
    _fit(text, plan)
    return text.made()


class _Text:
    """Lines, their comments in one column."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, content: str, comment: str = "") -> None:
        """A line with a comment behind it, or above where both are long."""
        comment = printable(comment)
        if not comment:
            self._lines.append(content)
        elif len(content) > _WIDE - 2 - len(comment) - 2:
            indent = content[: len(content) - len(content.lstrip(" "))]
            self._lines += [*_comment(comment, indent), content]
        else:
            at = _COLUMN if len(content) < _COLUMN - 1 and _COLUMN + len(comment) + 2 <= _WIDE else 0
            self._lines.append(f"{content.ljust(at - 2) if at else content}  # {comment}")

    def note(self, comment: str, indent: str = "") -> None:
        """A comment of its own."""
        self._lines += _comment(printable(comment), indent)

    def values(self, before: str, values: Iterable[str], after: str, comment: str, indent: str) -> None:
        """`before`, a list, `after`: on one line where it fits, else the list over several."""
        cells = [quoted(value) for value in values]
        line = f"{before}[{', '.join(cells)}]{after}"
        if len(line) <= _WIDE:
            self.line(line, comment)
            return
        if comment:
            self.note(comment, indent)
        self._lines.append(f"{before}[")
        row = f"{indent}  "
        for cell in cells:
            if len(row) + len(cell) + 2 > _WIDE and row.strip():
                self._lines.append(row.rstrip())
                row = f"{indent}  "
            row += f"{cell}, "
        self._lines += [row.rstrip(", "), f"{indent}  ]{after}"]

    def made(self) -> str:
        """The text."""
        return "\n".join(self._lines) + "\n"


def _comment(comment: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(comment, _WIDE - len(indent) - 2, break_on_hyphens=False)]


def quoted(text: str) -> str:
    """Text as YAML writes it, in quotes where it would be something else without; `$` is written so that it stays.

    >>> print(*map(quoted, ("age", "is it?", "1", "no: 1", "$a", "null", "a b", "no")))
    age "is it?" "1" "no: 1" "$$a" "null" a b "no"
    """
    text = f"${text}" if text.startswith("$") else text
    safe = all(char.isalnum() or char in "_ -./" for char in text) and text[:1].isalpha() and text == text.strip()
    if safe and text.isprintable() and text.lower() not in _OTHERWISE:
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char == " " or (char.isprintable() and char != "\ufeff"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _holds(made: Made) -> str:
    """What an input holds."""
    shown = ", ".join(made.columns[:4]) + (", …" if len(made.columns) > 4 else "")
    if len(made.columns) == 1 and made.columns[0] == made.name:
        shown = ""
    what = {
        "numbers": "", "few": "numbers of values", "category": "the value's number", "text": "token numbers",
        "sequence": "ids", "image": "pixels", "series": "steps of numbers",
    }[made.kind]  # fmt: skip
    return ": ".join(part for part in (what, shown) if part)


def _layers(text: _Text, plan: Plan) -> None:
    taken = {made.name.lower() for made in plan.inputs} | {goal.name.lower() for goal in plan.goals}

    def named(name: str) -> str:
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        return name

    branches = []
    for made in plan.inputs:
        steps = _branch(made)
        if not steps:
            branches.append(made.name)
            continue
        for at, (layer, why) in enumerate(steps):
            more = (at == 0 and len(plan.inputs) > 1) or (
                at == len(steps) - 1 and len(plan.inputs) > 1
            )  # keys of the same step follow
            text.line(f"  - {layer}:" if more and ":" not in layer else f"  - {layer}", why)
            if at == 0 and len(plan.inputs) > 1:  # else it takes the only input
                text.line(f"    from: {quoted(made.name)}")
        if len(plan.inputs) > 1:
            branches.append(named(f"{made.name}_code"))
            text.line(f"    name: {branches[-1]}")
    if len(plan.inputs) > 1:
        text.line("  - Concatenate:")
        text.values("    from: ", branches, "", "", "    ")
    small = plan.rows < 1000
    units = 16 if plan.rows < 100 else 32 if small else 64
    # A single input of plain numbers is the step above for the first layer, so it needs no `from`.
    text.line(f"  - Dense: {{units: {units}, activation: relu}}", "small, as the table is" if small else "")
    if any(made.kind in ("text", "sequence", "image") for made in plan.inputs):
        text.line("  - Dropout: 0.2", "what is seen rarely is learned by heart otherwise")
    several = len(plan.goals) > 1
    last = named("hidden")
    text.line(f"  - Dense: {{units: {units}, activation: relu}}")
    if several:
        text.line(f"    name: {last}")
    for goal in plan.goals:
        activation = f", activation: {goal.activation}" if goal.activation else ""
        text.line(f"  - Dense: {{units: {goal.units}{activation}}}", f"{goal.column}: {goal.why}")
        if several:
            text.line(f"    from: {last}")
        text.line(f"    name: {quoted(goal.name)}")
    if several:
        text.line("")
        text.values("outputs: ", (goal.name for goal in plan.goals), "", "", "")


def _branch(made: Made) -> list[tuple[str, str]]:
    """The steps from an input to a few numbers a row, each with its reason."""
    if made.kind == "few":
        steps = [(f"CategoryEncoding: {{num_tokens: {made.size}, output_mode: one_hot}}", "a column for each value")]
        return [*steps, ("Flatten", "")] if len(made.columns) > 1 else steps
    if made.kind == "category":
        layer = f"Embedding: {{input_dim: {made.size}, output_dim: {made.width}}}"
        return [(layer, f"{made.width} numbers, learned for each value"), ("Flatten", "")]
    if made.kind in ("text", "sequence"):
        layer = f"Embedding: {{input_dim: {made.size}, output_dim: {made.width}}}"
        return [(layer, "learned for each token"), ("GlobalAveragePooling1D", "which occur, in whatever order")]
    if made.kind == "series":
        return [("LSTM: 32", "reads the steps in order")]
    return _convolutions(made.shape) if made.kind == "image" else []


def _convolutions(shape: Sequence[int]) -> list[tuple[str, str]]:
    height, width, _ = shape
    steps: list[tuple[str, str]] = []
    filters = 0
    for filters in _FILTERS:
        why = "" if steps else "edges first, then larger shapes"
        steps.append((f"Conv2D: {{filters: {filters}, kernel_size: 3, padding: same, activation: relu}}", why))
        if min(height, width) < 8:
            break
        steps.append(("MaxPooling2D: 2", ""))
        height, width = height // 2, width // 2
    flat = height * width * filters <= _HEAD
    return [*steps, ("Flatten", "") if flat else ("GlobalAveragePooling2D", "")]


def _losses(text: _Text, goals: Sequence[Goal]) -> None:
    if len(goals) == 1:
        text.line(f"losses: {goals[0].loss}", _for(goals[0]))
        text.line(f"metrics: [{goals[0].metric}]")
        return
    text.line("losses:")
    for goal in goals:
        text.line(f"  {quoted(goal.name)}: {goal.loss}", _for(goal))
    text.line("metrics:")
    for goal in goals:
        text.line(f"  {quoted(goal.name)}: [{goal.metric}]")


def _for(goal: Goal) -> str:
    return {
        "binary_crossentropy": "for yes or no",
        "sparse_categorical_crossentropy": "for one of several classes",
        "categorical_crossentropy": "for one of several classes, given one-hot",
        "mean_squared_error": "for a number",
    }[goal.loss]


def _data(text: _Text, plan: Plan) -> None:
    text.line("data:")
    text.line(f"  train: {_source(plan.source)}")
    if plan.held is None:
        text.note("no validation: too few rows have a label to hold some of them out", "  ")
    else:
        text.line(f"  validation: {plan.held:g}", "of the rows, which are not trained on, drawn by the seed")
    text.line("  features:")
    for made in plan.inputs:
        text.note(made.why, "    ") if len(made.columns) > 8 else None
        feature = "".join(f", {key}: {_flow(value)}" for key, value in made.feature.items())
        why = "" if len(made.columns) > 8 else made.why
        if len(made.columns) == 1:
            text.line(f"    {quoted(made.name)}: {{column: {_cell(made.columns[0])}{feature}}}", why)
        else:
            text.values(f"    {quoted(made.name)}: {{columns: ", made.columns, f"{feature}}}", why, "    ")
    for column, why in plan.left_out[:_LISTED]:
        text.note(f"left out: `{column[:60]}` {why}", "    ")
    if len(plan.left_out) > _LISTED:
        text.note(f"left out as well: {len(plan.left_out) - _LISTED} other columns", "    ")
    if plan.skips:
        text.line("  on_error: skip", "rows without an image that can be read are left out and counted")
    text.line("  targets:")
    for goal in plan.goals:
        masks = goal.missing > 0 and len(plan.goals) > 1
        gone = _gone(goal.missing, masks) if goal.missing else ""
        before = f"    {quoted(goal.name)}: {{column: {_cell(goal.column)}{', missing: mask' if masks else ''}"
        before += ", array: true" if goal.array else ""
        if goal.classes:
            order = "the order of the classes"
            said = f"{order}; {gone}" if gone else order
            text.values(f"{before}, classes: ", goal.classes, "}", said, "    ")
        elif goal.normalize:
            unit = "trained around 0, shown in its own unit"
            text.line(f"{before}, normalize: true}}", f"{unit}; {gone}" if gone else unit)
        else:
            text.line(f"{before}}}", gone)


def _gone(missing: int, masks: bool) -> str:
    """What becomes of rows without a label."""
    rows, one = counted(missing, "row"), missing == 1
    if masks:
        return f"{rows} {'has' if one else 'have'} no label of it, and train{'s' * one} the others"
    return f"{rows} {'has no label and is' if one else 'have no label and are'} left out"


def _cell(text: str) -> str:
    """Text inside a flow mapping."""
    return quoted(text)


def _source(source: Any) -> str:
    """A source as short as it can be said."""
    source = {key: list(value) if isinstance(value, tuple) else value for key, value in source.items()}
    (kind, names), *more = source.items()
    name = names[0] if isinstance(names, list) else names
    from netspec.language.names import kind_of

    if not more and kind_of(name) == kind:
        return quoted(name)
    return "{" + ", ".join([f"{kind}: {quoted(name)}", *(f"{key}: {quoted(value)}" for key, value in more)]) + "}"


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else quoted(value) if isinstance(value, str) else repr(value)


def _fit(text: _Text, plan: Plan) -> None:
    text.line("fit:")
    text.line(f"  epochs: {plan.epochs}", "at most, where early stopping ends it" if plan.held else "")
    text.line(f"  batch_size: {plan.batch_size}", f"for {counted(plan.rows, 'row')}")
    text.line(f"  seed: {plan.seed}", "so that a second run gives the same")
    if plan.held is not None:
        patience = max(3, plan.epochs // 5)
        text.line("  callbacks:")
        said = "stops where validation gets no better, and takes the best epoch"
        text.line(f"    - EarlyStopping: {{patience: {patience}, restore_best_weights: true}}", said)
