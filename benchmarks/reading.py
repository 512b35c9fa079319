"""From a table to batches and from rows to predictions, against tf.data and `model.predict` as one writes them.

The table is generated: headlines of words by Zipf's law, the columns of specs/twitter.yaml. Both sides know the
vocabulary and give the same tokens. `python benchmarks/reading.py SIDE FOLDER ROWS` is one side.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from measure import PYTHON, ROOT, Result, Worker, in_turns, paired, process

_ROWS = 1_000_000
_BATCH, _BUFFER, _LENGTH, _WORDS = 32, 65_536, 100, 30_000
_FACTS = ("hour", "weekday", "followers", "following", "has_link")
_PREDICTED = 1_000_000
_LIGHT = """
netspec: 1
name: light
inputs: {words: {shape: [16], dtype: int32}, facts: [5]}
layers:
  - Embedding: {input_dim: 10000, output_dim: 8}
    from: words
  - GlobalAveragePooling1D:
    name: mean
  - Concatenate:
    from: [mean, facts]
  - Dense: {units: 1, activation: sigmoid}
    name: shared
losses: binary_crossentropy
optimizer: adam
data:
  train: rows.csv
  features:
    words: {column: headline, text: {vocabulary: 10000, length: 16}}
    facts: {columns: [hour, weekday, followers, following, has_link], normalize: true}
  targets: {shared: shared}
fit: {epochs: 1, batch_size: 8192, seed: 1}
"""


def table(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """Rows a second from a CSV file to shuffled batches of tokens and normalized numbers."""
    rows = rows or _ROWS
    with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
        process((PYTHON, __file__, "make", folder, str(rows)), env)
        process((PYTHON, __file__, "same", folder, str(rows)), env)
        sides = {side: (PYTHON, __file__, side, folder, str(rows)) for side in ("netspec", "tensorflow")}
        with Worker(sides["netspec"], env) as ours, Worker(sides["tensorflow"], env) as theirs:
            taken = in_turns({"netspec": ours, "tensorflow": theirs}, runs)
    speed = paired(taken["tensorflow"], taken["netspec"])
    what = "CSV to batches: a million rows, against make_csv_dataset and TextVectorization"
    ours_, theirs_ = (statistics.median(taken[side]) for side in ("netspec", "tensorflow"))
    return [Result(what, "s", ours_, theirs_, speed, "5 at least (lower end)", speed.low >= 5)]


def memory(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """Memory at its peak while a table and one 20 times larger are learned from and trained on."""
    rows = rows or 3_000_000
    with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
        process((PYTHON, __file__, "make", folder, str(rows)), env)
        used = {times: process((PYTHON, __file__, "train", folder, str(times)), env).memory for times in (1, 20)}
    allowed = 1.1 * used[1] + 4 * 20 * rows
    what = f"training on {20 * rows:,} rows against {rows:,}: memory at its peak"
    small, large = used[1] / 1e6, used[20] / 1e6
    return [Result(what, "MB", large, small, None, "1.1 times and 4 bytes a row", used[20] <= allowed)]


def predicting(runs: int, env: Mapping[str, str], rows: int = 0) -> list[Result]:
    """A million raw rows to predictions in a file, against `model.predict` on arrays that are in memory."""
    found = []
    for name, count, least in (("mlp_softmax", rows or _PREDICTED, 1.0), ("twitter", rows or 4_000, 0.9)):
        with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
            process((PYTHON, __file__, f"run-{name}", folder, str(count)), env)
            sides = {side: (PYTHON, __file__, f"{side}-{name}", folder, str(count)) for side in ("netspec", "keras")}
            with Worker(sides["netspec"], env) as ours, Worker(sides["keras"], env) as theirs:
                taken = in_turns({"netspec": ours, "keras": theirs}, runs)
        speed = paired(taken["keras"], taken["netspec"])
        what = f"predict {name}: {count:,} rows from a file to a file, against `model.predict` on arrays"
        ours_, theirs_ = (statistics.median(taken[side]) for side in ("netspec", "keras"))
        found.append(Result(what, "s", ours_, theirs_, speed, f"{least} at least", speed.value >= least))
    return found


def _make(folder: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv

    draw = np.random.default_rng(1)
    words = np.array([f"w{at:05d}" for at in range(_WORDS)])
    shares = 1 / np.arange(1, _WORDS + 1) ** 1.1
    shares /= shares.sum()
    writer = None
    for start in range(0, rows, 100_000):
        count = min(100_000, rows - start)
        lengths = draw.integers(5, 14, count)
        flat = words[draw.choice(_WORDS, lengths.sum(), p=shares)]
        ends = np.cumsum(lengths)
        headlines = [" ".join(flat[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
        limits = {"hour": 24, "weekday": 7, "followers": 9999, "following": 999, "has_link": 2, "shared": 2}
        columns = {name: draw.integers(0, limit, count) for name, limit in limits.items()}
        block = pa.table({"headline": headlines, **columns})
        writer = writer or pyarrow.csv.CSVWriter(folder / "rows.csv", block.schema)
        writer.write_table(block)
    assert writer is not None
    writer.close()


def _checked(folder: Path) -> Any:
    from netspec.pipeline import analyze

    settings = [f"data.train={folder / 'rows.csv'}", "data.validation=null", "data.test=null"]
    checked = analyze(ROOT / "specs" / "twitter.yaml", overrides=settings).checked
    assert checked is not None
    return checked


def _learned(folder: Path) -> tuple[Any, Any]:
    """What a spec learns of the first rows, enough for a vocabulary; the file's own rows."""
    from netspec.runtime.data import learning, sources
    from netspec.runtime.run import splits

    checked = _checked(folder)
    rows = sources.opened(checked.data.train, folder, columns=("headline", *_FACTS, "shared"))
    first = next(iter(rows.tables()))
    types = splits.input_types(checked), splits.output_types(checked)
    return learning.fit(checked.data, *types, first, losses=splits.losses(checked)), rows


def _netspec(folder: Path) -> Callable[[], Any]:
    """Everything from opening the file to the last batch, the examples in between on the disk where they are many."""
    prepared, _ = _learned(folder)
    from netspec.runtime.data import batches, sources
    from netspec.runtime.data.store import Gatherer, Held

    checked = _checked(folder)

    def run() -> Any:
        rows = sources.opened(checked.data.train, folder, columns=("headline", *_FACTS, "shared"))
        gathered = Gatherer(rows.rows)
        for table in rows.tables():
            made = prepared.examples(table)
            gathered.add(made.x, made.y)
        examples = gathered.made()
        if isinstance(examples, Held):
            return batches.dataset(examples.x, examples.y, batch_size=_BATCH, shuffle=True, seed=1)
        return batches.of_store(examples, lambda piece: piece, batch_size=_BATCH, shuffle=True, seed=1)

    return run


def _tensorflow(folder: Path) -> Callable[[], Any]:
    """tf.data as its guides have it: a CSV dataset, shuffled, a parallel map with TextVectorization, prefetched."""
    prepared, _ = _learned(folder)
    import keras
    import tensorflow as tf

    encoder = prepared.features["main_input"].encoder
    facts = prepared.features["aux_input"].encoder
    words = keras.layers.TextVectorization(
        max_tokens=10_000, output_sequence_length=_LENGTH, vocabulary=list(encoder.vocabulary)
    )

    def prepare(columns: Any, label: Any) -> Any:
        numbers = tf.stack([columns[name] for name in _FACTS], axis=1)
        numbers = (numbers - tf.constant(facts.mean, tf.float32)) / tf.constant(facts.std, tf.float32)
        tokens = words(columns["headline"])
        return {"main_input": tokens, "aux_input": numbers}, {"main_output": label, "aux_output": label}

    def run() -> Any:
        data = tf.data.experimental.make_csv_dataset(
            str(folder / "rows.csv"),
            batch_size=_BATCH,
            select_columns=["headline", *_FACTS, "shared"],
            column_defaults=[tf.string, *[tf.float32] * 5, tf.int32],
            label_name="shared",
            num_epochs=1,
            shuffle_buffer_size=_BUFFER,
            shuffle_seed=1,
        )
        return data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    return run


def _timed(make: Callable[[], Any]) -> None:
    import numpy as np

    for _ in sys.stdin:
        began = time.perf_counter()
        make().reduce(np.int64(0), lambda count, *batch: count + 1).numpy()
        print(json.dumps(time.perf_counter() - began), flush=True)


def _same(folder: Path) -> None:
    """Both sides give the same tokens, up to where the padding is and the order of rows. Raises AssertionError."""
    from collections import Counter

    counted = []
    for make in (_netspec, _tensorflow):
        rows: Counter[tuple[int, ...]] = Counter()
        for x, _ in make(folder)().take(500) if make is _tensorflow else make(folder)():
            rows.update(tuple(int(token) for token in row if token) for row in x["main_input"].numpy())
        counted.append(rows)
    assert not counted[1] - counted[0], "tokens differ"


def _train(folder: Path, times: int) -> None:
    """A model of short steps on the table, named `times` times: what counts is how the rows go through."""
    from netspec.pipeline import analyze_text
    from netspec.runtime.run import training

    files = json.dumps([str(folder / "rows.csv")] * times)
    checked = analyze_text(_LIGHT, folder=str(folder), overrides=[f"data.train={files}"]).checked
    assert checked is not None
    training.fit(checked, b"", out=folder / f"run-{times}", quiet=True)


def _run(name: str, folder: Path, rows: int) -> None:
    """A trained run of a spec, and a file of rows for it."""
    import numpy as np

    from netspec.pipeline import analyze, analyze_text
    from netspec.runtime.run import training

    path = ROOT / "specs" / f"{name}.yaml"
    if name == "twitter":
        _make(folder, rows)
        checked = analyze(path, overrides=["fit.epochs=1", "fit.batch_size=512"]).checked
    else:
        draw = np.random.default_rng(1)
        vectors = draw.random((rows, 20), np.float32)
        np.savez(
            folder / "rows.npz", vector=vectors, dense_2=np.eye(10, dtype=np.float32)[draw.integers(10, size=rows)]
        )
        few = np.resize(vectors, (512, 20))
        np.savez(folder / "few.npz", vector=few, dense_2=np.eye(10, dtype=np.float32)[draw.integers(10, size=512)])
        text = path.read_text(encoding="utf-8") + "\ndata: {train: few.npz, features: {vector: vector}}\n"
        output = next(iter(analyze(path).checked.typed.graph.outputs))  # type: ignore[union-attr]
        text = text.replace("features:", f"targets: {{{output}: dense_2}}, features:")
        checked = analyze_text(text, folder=str(folder), overrides=["fit.epochs=1"]).checked
    assert checked is not None
    training.fit(checked, b"", out=folder / "run", quiet=True)


def _predicted(name: str, folder: Path) -> Callable[[], Any]:
    from netspec import api
    from netspec.runtime.run import inference

    file = folder / ("rows.csv" if name == "twitter" else "rows.npz")
    checked = api.of_run(folder / "run")
    return lambda: inference.write_predictions(
        folder / "run", checked, file, folder / "predictions.csv", force=True, quiet=True
    )


def _keras(name: str, folder: Path) -> Callable[[], Any]:
    from netspec import api
    from netspec.runtime.data import features, sources
    from netspec.runtime.run import inference

    checked = api.of_run(folder / "run")
    prepared = features.load(folder / "run" / "features")
    file = folder / ("rows.csv" if name == "twitter" else "rows.npz")
    source = inference.source_of(file, checked, prepared.input_columns)
    x = prepared.inputs(sources.read(source, Path(), columns=prepared.input_columns))
    model = inference.model_of(folder / "run", checked, best=False)
    given = x if len(x) > 1 else next(iter(x.values()))
    return lambda: model.predict(given, batch_size=_BATCH, verbose=0)


def _main(side: str, folder: Path, number: int) -> None:
    if side == "make":
        _make(folder, number)
    elif side == "same":
        _same(folder)
    elif side == "train":
        _train(folder, number)
    elif side in ("netspec", "tensorflow"):
        _timed((_netspec if side == "netspec" else _tensorflow)(folder))
    else:
        what, name = side.split("-")
        if what == "run":
            _run(name, folder, number)
            return
        work = (_predicted if what == "netspec" else _keras)(name, folder)
        for _ in sys.stdin:
            began = time.perf_counter()
            work()
            print(json.dumps(time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
