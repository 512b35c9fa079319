"""netspec from Python: analyze, build, fit, evaluate, predict, generate. Keras is imported when it is needed."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.errors import NetspecError
from netspec.graph.ir import Checked
from netspec.pipeline import Analysis, analyze, analyze_text
from netspec.verdict import own_python, sound

if TYPE_CHECKING:
    from netspec.runtime.data.tables import Rows
    from netspec.runtime.run.evaluating import Evaluation
    from netspec.runtime.run.generating import Generated
    from netspec.runtime.run.predictions import Predictions
    from netspec.runtime.run.surveyed import Survey
    from netspec.runtime.run.training import FitResult

_FIT = ("epochs", "batch_size", "seed", "eager", "tensorboard")  # short for fit.epochs and so on
PathLike = str | os.PathLike[str]


def settings(overrides: Mapping[str, Any]) -> list[str]:
    """Overrides by name as `--set` takes them; those of `_FIT`, such as `epochs`, are short for `fit.epochs`.

    >>> settings({"epochs": 3, "vars.width": 8, "fit.seed": None})
    ['fit.epochs=3', 'vars.width=8']
    """
    return [
        f"{'fit.' + name if name in _FIT else name}={json.dumps(value, default=_plain)}"
        for name, value in overrides.items()
        if value is not None
    ]


def _plain(value: Any) -> Any:
    """A path as text, a number of numpy's as Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise NetspecError(f"expected a plain value, got `{value!r}`")


def checked(path: PathLike, overrides: Sequence[str] = ()) -> Checked:
    """The spec at `path`, or a SpecError that holds all its errors."""
    return sound(analyze(path, overrides=overrides))


def build(path: PathLike, *, trust: bool = False, **overrides: Any) -> Any:
    """Build and compile the model of a spec.

    Args:
        path: a spec.
        trust: let the spec's own Python run, such as a layer of one's own.
        **overrides: values laid over the spec: `epochs`, `batch_size`, `seed`, `eager`, `tensorboard`,
            or any path, as in `build("vqa.yaml", **{"vars.size": 32})`.

    Returns:
        A compiled `keras.Model`, its weights initialized and untrained. Several inputs are fed by name or as a list
        in the order of the spec; several outputs come as a dictionary by name.

    Raises:
        SpecError: the spec has errors.
        SourceError: the file cannot be read.
        netspec.runtime.engine.MissingEngine: TensorFlow is not installed.
        netspec.runtime.model.build.BuildError: Keras refuses a layer.
        netspec.runtime.model.build.TooBig: the weights do not fit into memory.
    """
    analysis = analyze(path, overrides=settings(overrides))
    spec = sound(analysis)
    require_engine()
    from netspec.runtime.model import build as lowering

    with own_python(analysis, trust):
        return lowering.build(spec, portable=True)


def fit(
    path: PathLike,
    *,
    dummy: int | None = None,
    out: PathLike | None = None,
    force: bool = False,
    quiet: bool = True,
    trust: bool = False,
    report: bool = True,
    **overrides: Any,
) -> FitResult:
    """Train the model of a spec on its data and keep everything in a run folder.

    Args:
        path: a spec.
        dummy: train on that many generated examples instead of the spec's data.
        out: the run folder; `runs/<name>/<UTC time>` if left out.
        force: write into a run folder that exists.
        quiet: show no progress.
        trust: let the spec's own Python run, such as a generator of rows.
        report: write report.html, a page on the run, into its folder.
        **overrides: as for `build`; `fit(path, epochs=3)`.

    Returns:
        The run folder, the history and the metrics by split and output.

    Raises:
        SpecError: the spec has errors.
        netspec.runtime.data.faults.DataError: the data does not fit the spec; file, row and column are named.
        netspec.runtime.run.runs.RunError: the run folder exists, or cannot be written.
    """
    analysis = analyze(path, overrides=settings(overrides))
    spec = sound(analysis)
    require_engine()
    from netspec.runtime.run import training

    with own_python(analysis, trust):
        return training.fit(
            spec,
            Path(path).read_bytes(),
            dummy=positive("dummy", dummy),
            out=Path(out) if out is not None else None,
            force=force,
            quiet=quiet,
            command=("netspec.fit", os.fspath(path), *settings(overrides)),
            of_run=of_run,
            report=report,
        )


def evaluate(
    run: PathLike,
    *,
    data: PathLike | None = None,
    split: str | None = None,
    by: Sequence[str] | str = (),
    best: bool = False,
    checkpoint: bool = False,
    bootstrap: int = 200,
    batch_size: int | None = None,
    trust: bool = False,
) -> Evaluation:
    """Metrics of a finished run on its test rows, by output, with 95 % intervals by the bootstrap.

    Args:
        run: a run folder, or a spec, which stands for its latest finished run below `runs/`.
        data: a file, a pattern or a folder of labelled rows to use instead of the run's own.
        split: train, validation or test; test, or else validation, if left out.
        by: a column, or several: scores for the rows of each of its values, too.
        best: the best weights of the run instead of the last.
        checkpoint: the weights of its checkpoint, of a run that is not finished, say.
        bootstrap: how often rows are drawn for an interval; 0 for none.
        batch_size: rows in a batch; the run's own if left out.
        trust: let the spec's own Python run, such as a generator of rows.

    Raises:
        netspec.runtime.run.runs.RunError: there is no such run, or it is damaged.
        netspec.runtime.data.faults.DataError: a file, row or column that does not fit.
    """
    if split not in (None, "train", "validation", "test"):
        raise NetspecError(f"`split`: expected train, validation or test, got `{split}`")
    if isinstance(bootstrap, bool) or not isinstance(bootstrap, int) or bootstrap < 0:
        raise NetspecError(f"`bootstrap`: expected a whole number from 0, got `{bootstrap!r}`")
    if split is not None and data is not None:
        raise NetspecError("`data` names the rows, so there is no `split` to choose from", help="leave one of them out")
    if best and checkpoint:
        raise NetspecError("the best weights or those of the checkpoint, not both", help="leave one of them out")
    number = positive("batch_size", batch_size)
    folder = find_run(run)
    from netspec.runtime.run import evaluating

    found = analysis_of(folder)
    with own_python(found, trust, folder):
        return evaluating.evaluate(
            folder,
            sound(found),
            data=None if data is None else Path(data),
            split=split,
            by=(by,) if isinstance(by, str) else tuple(by),
            best=best,
            checkpoint=checkpoint,
            bootstrap=bootstrap,
            batch_size=number,
        )


def predict(
    run: PathLike,
    data: PathLike,
    *,
    keep: Sequence[str] | str = (),
    out: PathLike | None = None,
    force: bool = False,
    best: bool = False,
    batch_size: int | None = None,
    trust: bool = False,
) -> Predictions:
    """Predictions of a run for the raw rows of a file, one for each row, in order.

    Args:
        run: a run folder, or a spec, which stands for its latest finished run below `runs/`.
        data: a file, a pattern or a folder with the columns that the features need.
        keep: a column, or several, to carry along.
        out: a .csv, .tsv, .jsonl, .parquet or .npz file to write; none if left out.
        force: write over `out`.
        best: the best weights of the run instead of the last.
        batch_size: rows in a batch; chosen for speed if left out.
        trust: let the spec's own Python run, such as a layer of one's own.

    Returns:
        All predictions, in memory: `.outputs` by output name, each (rows, …); `.write(stream)` writes them as CSV.

    Raises:
        netspec.runtime.run.runs.RunError: there is no such run, or it is damaged.
        netspec.runtime.data.faults.DataError: a file, row or column that does not fit.
    """
    folder = find_run(run)
    from netspec.runtime.run import inference

    found = analysis_of(folder)
    with own_python(found, trust, folder):
        return inference.predict(
            folder,
            sound(found),
            Path(data),
            keep=(keep,) if isinstance(keep, str) else tuple(keep),
            out=None if out is None else Path(out),
            force=force,
            best=best,
            batch_size=positive("batch_size", batch_size),
        )


def generate(
    run: PathLike,
    prompt: str = "",
    *,
    length: int = 200,
    temperature: float = 1.0,
    seed: int | None = None,
    top_k: int | None = None,
    output: str | None = None,
    best: bool = False,
    heard: Callable[[str], None] | None = None,
    trust: bool = False,
) -> Generated:
    """Text from a run whose output is a distribution over the tokens of its text input.

    Args:
        run: a run folder, or a spec, which stands for its latest finished run below `runs/`.
        prompt: what the text begins with.
        length: how many characters or words to write, as the run cuts its text.
        temperature: below 1 likelier tokens become likelier still; 0 takes the likeliest.
        seed: of the draws: one seed, one text. Drawn itself if left out.
        top_k: draw from so many of the likeliest tokens alone.
        output: which output to draw from, where several would do.
        best: the best weights of the run instead of the last.
        heard: is called with each piece of text as it is written.
        trust: let the spec's own Python run, such as a layer of one's own.

    Returns:
        The text: `.text` is what was written, `str()` of it has the prompt in front.

    Raises:
        netspec.runtime.run.runs.RunError: there is no such run, or it is damaged.
        netspec.runtime.run.inference.UsageError: the run's model cannot write text; which rule fails is said.
    """
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature < math.inf:
        raise NetspecError(f"`temperature`: expected a number of 0 or more, got `{temperature!r}`")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31):
        raise NetspecError(f"`seed`: expected a whole number from 0 to {2**31 - 1}, got `{seed!r}`")
    wanted, most = positive("length", length), positive("top_k", top_k)
    folder = find_run(run)
    from netspec.runtime.run import generating

    found = analysis_of(folder)
    with own_python(found, trust, folder):
        return generating.generate(
            folder,
            sound(found),
            prompt=prompt,
            length=wanted or 200,
            temperature=float(temperature),
            seed=seed,
            top_k=most,
            output=output,
            best=best,
            heard=heard,
        )


def survey(path: PathLike, *, rows: int = 3, quiet: bool = True, trust: bool = False, **overrides: Any) -> Survey:
    """What the model of a spec will see of its data; nothing is built, and TensorFlow is not imported.

    Args:
        path: a spec.
        rows: how many training rows to show with what is made of them.
        quiet: do not show on a terminal how far it is.
        trust: let the spec's own Python run, such as a generator of rows.
        **overrides: as for `build`.

    Raises:
        SpecError: the spec has errors.
        netspec.runtime.data.faults.DataError: what `fit` raises for the same data.
    """
    spec = checked(path, settings(overrides))
    from netspec.runtime import engine

    engine.require(("numpy", "pyarrow", "rich"))
    from netspec.runtime import trusted
    from netspec.runtime.run import survey as surveying

    with trusted.trusting(trust):
        return surveying.survey(spec, rows=rows, quiet=quiet)


def first_spec(
    table: PathLike,
    targets: Sequence[str] | str = (),
    *,
    out: PathLike | None = None,
    name: str | None = None,
    separator: str | None = None,
    quiet: bool = True,
) -> str:
    """A first spec for a table: its columns as inputs, a small model, losses, each choice with a comment.

    Args:
        table: a CSV, TSV, JSON Lines, Parquet, Arrow or NPZ file, a pattern for several, or a folder of images.
        targets: a column to predict, or several; of a folder of images its classes, if left out.
        out: where the spec will lie, so that it finds the table from there; the current folder if left out.
        name: the spec's name; that of `out`, else of the table, if left out.
        separator: what stands between the cells of a text file; seen in its first line if left out.
        quiet: do not show on a terminal how far it is.

    Returns:
        The spec's text, which validates without a message. Nothing is written.

    Raises:
        netspec.runtime.data.faults.DataError: the table cannot be read, has no such column or nothing to learn from.
    """
    from netspec.runtime import engine

    engine.require(("numpy", "pyarrow", "rich"))
    from netspec.render import starter
    from netspec.runtime.data import given, starting
    from netspec.runtime.run import splits

    path, folder = os.fspath(table), Path(out).parent if out is not None else Path()
    source = given.source(path, separator)
    wanted = (targets,) if isinstance(targets, str) else tuple(targets)
    if not wanted and source.images is None:
        raise NetspecError("no column is named to predict", help="name one with --target")
    wanted = wanted or ("label",)

    def watch(rows: Rows, what: str) -> Rows:
        return splits.watched(rows, what, quiet)

    plan = starting.plan(source, Path(), wanted, given.seen_from(source, folder), watch)
    return starter.spec(plan, given.name(name, out, path))


def positive(name: str, value: Any) -> int | None:
    """A whole number above 0, or None; numpy's whole numbers are as good as Python's."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise NetspecError(f"`{name}`: expected a whole number above 0, got `{value!r}`")
    return number


def require_engine() -> None:
    """Raise MissingEngine where what training needs is not installed."""
    from netspec.runtime import engine

    engine.require()


def find_run(run: PathLike, *, trains: bool = True) -> Path:
    """The run folder that is meant: the folder itself, or the latest finished run of a spec.

    `trains`: what it is for needs what training needs.
    """
    path = Path(run)
    if trains:
        require_engine()
    from netspec.runtime.run import runs

    if path.is_dir():
        return path
    spec = checked(path)
    latest = runs.latest(spec.name)
    if latest is None:
        raise runs.RunError(
            f"`{run}` has no finished run below `runs/{spec.name}`", help=f"train it first: netspec fit {run}"
        )
    return latest


def of_run(folder: Path) -> Checked:
    """The spec that a run was trained with, every value as it was then."""
    return sound(analysis_of(folder))


def analysis_of(folder: Path) -> Analysis:
    """The analysis of that spec."""
    from netspec.runtime.run import runs

    record = runs.load(folder)
    text = json.dumps({**record.spec, "name": record.name})
    shown = str(folder / "resolved.json")
    # The files that it was trained on may have changed since, which is no mistake of the run's.
    return analyze_text(text, shown=shown, folder=str(record.folder), look_at_data=False)
