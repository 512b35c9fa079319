"""A spec to a compiled Keras model against the same model by hand, in turns in one process; and the analysis alone.

`python benchmarks/building.py RUNS` is that process, and prints what each run took.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from measure import PYTHON, ROOT, Result, in_turns, paired

_SPEC = "specs/inception.yaml"
_ANALYSES = 5  # in each run; the fastest counts, because an analysis is shorter than what else the machine does


def build(runs: int, env: Mapping[str, str]) -> list[Result]:
    """The inception model, compiled: CPU time of building from an analysed spec against the handwritten code."""
    done = subprocess.run((PYTHON, __file__, str(runs)), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    taken: dict[str, list[float]] = json.loads(done.stdout)
    ratio = paired(taken["handwritten"], taken["netspec"])
    ours, theirs = (1e3 * statistics.median(taken[side]) for side in ("netspec", "handwritten"))
    analysis = 1e3 * statistics.median(taken["analysis"])
    first = 1e3 * taken["first"][0]
    return [
        Result(
            "build inception from an analysed spec, CPU time, against handwritten code",
            "ms",
            ours,
            theirs,
            ratio,
            "5 % more at most",
            1 / ratio.value <= 1.05,
        ),
        Result(
            f"the analysis of it, CPU time (the first of a process: {first:.0f} ms)",
            "ms",
            analysis,
            None,
            None,
            "5 ms at most",
            analysis <= 5,
        ),
    ]


def _main(runs: int) -> None:
    from netspec.pipeline import analyze

    first = _timed(lambda: analyze(_SPEC))
    sys.path.insert(0, str(ROOT / "tests"))
    import handwritten
    import keras

    from netspec.runtime.model import build as lowering

    checked = analyze(_SPEC).checked
    assert checked is not None

    def by_hand() -> Any:
        model = handwritten.inception()
        model.compile(optimizer="rmsprop", loss="mse")
        return model

    def clean(work: Callable[[], Any]) -> float:
        keras.utils.clear_session()
        gc.collect()
        return _timed(work)

    taken = in_turns(
        {
            "netspec": lambda: clean(lambda: lowering.build(checked)),
            "handwritten": lambda: clean(by_hand),
            "analysis": lambda: min(_timed(lambda: analyze(_SPEC)) for _ in range(_ANALYSES)),
        },
        runs,
    )
    print(json.dumps({**taken, "first": [first]}))


def _timed(work: Callable[[], Any]) -> float:
    """CPU seconds of all threads; what was made is dropped after the clock has stopped."""
    began = time.process_time()
    made = work()
    taken = time.process_time() - began
    del made
    return taken


if __name__ == "__main__":
    _main(int(sys.argv[1]))
