"""Files that are trained on and held out as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.pipeline import analyze_text

SPEC = """
inputs: {a: [1]}
layers:
  - Dense: 1
    name: y
losses: mse
data:
  train: TRAIN
  validation: OTHER
"""


@pytest.mark.parametrize(
    ("train", "other", "said"),
    [
        ("t.csv", "t.csv", "`t.csv` is in `train` too"),
        ("t.csv", "./link.csv", "`./link.csv` is in `train` too"),
        ("'*.csv'", "[u.csv, t.csv]", "`u.csv` and 1 other are in `train` too"),
        ("{csv: t.csv, separator: ','}", "t.csv", "`t.csv` is"),
        ("t.csv", "u.csv", None),
        ("t.csv", "0.5", None),
        ("t.csv", "copy.csv", None),  # what is in files is not compared
    ],
)
def test_a_file_in_both(train: str, other: str, said: str | None, tmp_path: Path) -> None:
    for name in ("t.csv", "u.csv", "copy.csv"):
        (tmp_path / name).write_text("a,y\n1,2\n2,3\n3,5\n4,4\n")
    (tmp_path / "link.csv").symlink_to("t.csv")
    found = analyze_text(SPEC.replace("TRAIN", train).replace("OTHER", other), folder=str(tmp_path)).diagnostics
    assert [(each.code, each.severity) for each in found] == ([("NS714", "warning")] if said else [])
    assert said is None or found[0].message.startswith(said)


def test_a_text_and_a_source_of_python(tmp_path: Path) -> None:
    rows = SPEC.replace("TRAIN", "{python: 'rows:a'}").replace("OTHER", "{python: 'rows:a'}")
    assert not analyze_text(rows, folder=str(tmp_path)).diagnostics  # it may yield what it likes
