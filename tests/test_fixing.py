"""`--fix` and `--diff`: nothing but the mended words changes, what is not sure is left alone, and files stay whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from netspec import fixing
from netspec.pipeline import analyze, analyze_text

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.yaml"))


def mended(text: str) -> fixing.Fixed:
    def again(changed: str) -> fixing.Analysis:
        return analyze_text(changed, look_at_data=False)

    return fixing.fixed(again(text), again)


def spec(*steps: str, rest: str = "") -> str:
    return "inputs: {x: [8]}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps) + rest


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Desne: 4", "Dense: 4"),
        ("dense: 4", "Dense: 4"),
        ("'Desne': 4", "'Dense': 4"),
        ('Dense: "4"', "Dense: 4"),
        ("Dense: '4'", "Dense: 4"),
        ("Dense: 4.0  # four", "Dense: 4  # four"),
        ("Dense: {units: 4, use_bias: no}", "Dense: {units: 4, use_bias: false}"),
        ("Dense: {units: 4, use_bias: 1}", "Dense: {units: 4, use_bias: true}"),
        ("Dense: {units: 4, activation: rleu}", "Dense: {units: 4, activation: relu}"),
        ('Dense: {units: 4, activation: "rleu"}', 'Dense: {units: 4, activation: "relu"}'),
        ("Dense: {unts: 4}", "Dense: {units: 4}"),
        ("Dropout: {p: 0.5}", "Dropout: {rate: 0.5}"),
        (
            "Dense: {units: 4, kernel_initializer: {HeNormale: {seed: 1}}}",
            "Dense: {units: 4, kernel_initializer: {HeNormal: {seed: 1}}}",
        ),
        ("{Dense: 4, nam: out}", "{Dense: 4, name: out}"),
        ("{Dense: 4, from: X}", "{Dense: 4, from: x}"),
    ],
)
def test_a_sure_cure_is_written(wrong: str, right: str) -> None:
    done = mended(spec(wrong))
    assert done.after == spec(right)
    assert done.count == 1
    assert done.analysis.ok


@pytest.mark.parametrize(
    "text",
    [
        spec("conv: 4"),  # one of three layers
        spec("Dense: {units: -4}"),
        spec("Dense: {units: 4, unts: 5}"),  # the nearest is given already
        spec("Dense: {units: [4]}"),
        "vars: {n: '4'}\n" + spec("Dense: {units: $n}"),  # the mistake is elsewhere
        spec("Dense: {units: 4, activation: reelu66u}"),
        spec("{Dense: 4, from: y}", "{Dense: 4, name: y1}", "{Dense: 4, name: y2}"),
        spec('Dense: "4', rest='  4"\n'),
        spec("Dense: 4", rest="losses: {x: mse}\n"),
    ],
)
def test_what_is_not_sure_is_left_alone(text: str) -> None:
    done = mended(text)
    assert done.count == 0
    assert done.after == done.before == text


def test_cures_that_show_after_others_are_written_too() -> None:
    done = mended(spec("Desne: {unts: '4', actvation: rleu}  # all of it"))
    assert done.after == spec("Dense: {units: 4, activation: relu}  # all of it")
    assert done.analysis.ok


def test_an_alias_is_mended_where_it_is_written() -> None:
    done = mended(spec("Dense: &a {unts: 4}", "Dense: *a"))
    assert done.after == spec("Dense: &a {units: 4}", "Dense: *a")


def test_line_ends_and_what_is_not_ascii_stay() -> None:
    text = spec("Desne: 4  # größer", "Flaten").replace("\n", "\r\n")
    assert mended(text).after == text.replace("Desne", "Dense").replace("Flaten", "Flatten")


def test_a_name_that_would_read_as_something_else_is_quoted() -> None:
    done = mended("inputs: {x: [8]}\nlayers: [Dense: 4]\noutputs: null\nvars: {}\nfit: {shuffle: 'no'}\n")
    assert "shuffle: false" in done.after


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_only_the_mended_words_change(path: Path) -> None:
    before = analyze(path)
    if before.document.data is None:
        return
    done = fixing.fixed(before, lambda text: analyze_text(text, folder=str(path.parent)))
    old, new = done.before.splitlines(), done.after.splitlines()
    assert len(old) == len(new)
    assert [re.findall(r"(?:^|\s)#.*", line) for line in old] == [re.findall(r"(?:^|\s)#.*", line) for line in new]
    assert done.analysis.document.data is not None
    assert (done.after != done.before) == (done.count > 0)
    assert not fixing.fixed(done.analysis, lambda text: analyze_text(text, folder=str(path.parent))).count


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + spec("Desne: 4").encode())
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    fixing.write(str(link), mended(spec("Desne: 4")))
    assert file.read_bytes() == b"\xef\xbb\xbf" + spec("Dense: 4").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["a.yaml", "link.yaml"]


def test_a_file_that_has_changed_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(spec("Desne: 5"))
    with pytest.raises(ValueError, match="changed"):
        fixing.write(str(file), mended(spec("Desne: 4")))
    assert file.read_text() == spec("Desne: 5")


def test_the_difference_is_shown() -> None:
    done = mended(spec("Desne: 4").rstrip("\n"))
    assert fixing.diff("a.yaml", done).splitlines() == [
        "--- a.yaml",
        "+++ a.yaml",
        "@@ -1,3 +1,3 @@",
        " inputs: {x: [8]}",
        " layers:",
        "-  - Desne: 4",
        "\\ No newline at end of file",
        "+  - Dense: 4",
        "\\ No newline at end of file",
    ]
    assert fixing.diff("a.yaml", mended(spec("Dense: 4"))) == ""


def test_the_command_shows_and_writes(tmp_path: Path, run) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(spec("Desne: 4  # four"))
    shown = run("validate", "--diff", file)
    assert shown.rc == 1
    assert "-  - Desne: 4  # four\n+  - Dense: 4  # four\n" in shown.stdout
    assert "would mend 1 mistake in 1 file" in shown.stderr
    assert file.read_text() == spec("Desne: 4  # four")
    done = run("validate", "--fix", file)
    assert done.rc == 0
    assert "mended 1 mistake in 1 file" in done.stderr
    assert "no problems" in done.stdout
    assert file.read_text() == spec("Dense: 4  # four")
    again = run("validate", "--fix", "--diff", file)
    assert (again.rc, again.stdout, again.stderr) == (0, "", "")


def test_the_command_leaves_other_codes_and_standard_input_alone(tmp_path: Path, run) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(spec("Desne: 4"))
    done = run("validate", "--fix", "--ignore", "unknown-layer", file)
    assert file.read_text() == spec("Desne: 4")
    assert "mended" not in done.stderr
    done = run("validate", "--fix", "-", stdin=spec("Desne: 4"))
    assert done.rc == 2
    assert "standard input" in done.stderr
    done = run("validate", "--diff", "-", stdin=spec("Desne: 4"))
    assert done.rc == 1
    assert "+  - Dense: 4" in done.stdout
