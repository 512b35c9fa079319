"""What strangers did to the command line: wrong cures, files that cannot be written, closed streams, shadows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from netspec import fixing
from netspec.catalog import identifiers
from netspec.catalog.nearest import nearest, sure
from netspec.cli import check, find
from netspec.pipeline import analyze_text
from netspec.render.paths import relative

ROOT = Path(__file__).parents[1]
WRONG = "inputs: {x: [8]}\nlayers:\n  - Desne: 4\n"
RIGHT = WRONG.replace("Desne", "Dense")


def mended(text: str) -> fixing.Fixed:
    def again(changed: str) -> fixing.Analysis:
        return analyze_text(changed, look_at_data=False)

    return fixing.fixed(again(text), again)


def spec(*steps: str, rest: str = "") -> str:
    return "inputs: {x: [8]}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps) + rest


def netspec(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspec", *args]
    env = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=env, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("tower_1", "tower_2"),
        ("enc_a", "enc_b"),
        ("block1", "block2"),
        ("x_train", "y_train"),
        ("minimum", "maximum"),
        ("encoding", "decoding"),
        ("out", "out2"),
        ("b10", "b1"),
        ("cat", "car"),
        ("low", "row"),
    ],
)
def test_a_name_that_may_mean_another_step_is_not_written_over(there: str, asked: str) -> None:
    for text in (
        spec(f"{{Dense: 4, name: {there}}}", "{Dense: 4, from: x}", f"{{Add: , from: [{there}, {asked}]}}"),
        spec(f"{{Dense: 4, name: {there}}}", rest=f"losses: {{{asked}: mse}}\n"),
        f"inputs: {{x: [8]}}\nshared: {{{there}: {{Dense: 4}}}}\nlayers:\n  - use: {asked}\n  - use: {there}\n",
    ):
        done = mended(text)
        assert not done.analysis.ok
        assert done.after == text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("loss", "rmse smape wmape log_loss nll"),
        ("metric", "rmse smape f2 r2"),
        ("optimizer", "sgdm sgdw asgd adan radam amsgrad AdaGradW"),
        ("layer", "Dropout1D Dropout2d Softmax2d QRNN LSTMP ReLU6 Rescale Flatten2D L2Normalization MaxUnpool2d"),
        ("activation", "tan rrelu"),
        ("constraint", "uniform"),
    ],
)
def test_a_thing_that_keras_has_not_is_not_taken_for_one_that_it_has(kind: str, words: str) -> None:
    known = identifiers(kind)
    assert {word: sure(word, known) for word in words.split()} == dict.fromkeys(words.split())


def test_an_operation_from_elsewhere_is_not_taken_for_another() -> None:
    words = ("atan", "asin", "acosh", "sqr", "csum", "logical_nand", "nor", "erfcinv", "deg", "abs2", "rely", "conv2d")
    for word in words:
        text = spec(f"ops.{word}")
        assert mended(text).after == text


def test_names_of_other_libraries_lead_to_what_they_mean() -> None:
    operations = [name.rpartition(".")[2] for name in identifiers("op")]
    meant = {"atan": "arctan", "acos": "arccos", "sqr": "square", "csum": "cumsum"}
    assert {word: nearest(word, operations) for word in meant} == meant
    assert nearest("iou", identifiers("metric")) == "IoU"
    assert nearest("ACCURACY", identifiers("metric")) == "accuracy"  # and not the class, which wants equal numbers


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Desne", "Dense"),
        ("blok1", "block1"),
        ("kernal_siz", "kernel_size"),
        ("unit", "units"),
        ("losss", "loss"),
        ("form", "from"),
        ("categorcal_crosentropy", "categorical_crossentropy"),
        ("BatchNormalisation", "BatchNormalization"),
        ("Bidirectonl", "Bidirectional"),
        ("MaxPool2d", "MaxPooling2D"),
    ],
)
def test_a_slip_of_the_fingers_is_sure(word: str, meant: str) -> None:
    assert sure(word, (meant, "something", "else")) == meant


@pytest.mark.parametrize(
    "step",
    [
        'Dropout: "0,5"',  # 5.0, for one who only drops the comma
        'Dense: "1,000"',  # one, in other countries
        'Dense: "010"',  # eight, to some
        "Dense: >-  # the comment would go\n      4",
        'Dense: "4\\\n      "',
        "Dense: {units: 4, use_bias: !!str no}",
        "RandomHeight: 0.2",  # RandomZoom keeps the size
        "SReLU",
    ],
)
def test_a_value_that_may_mean_something_else_is_left_alone(step: str) -> None:
    done = mended(spec(step))
    assert not done.analysis.ok
    assert done.after == spec(step)


def test_a_tag_does_not_keep_a_name_from_being_mended() -> None:
    assert mended(spec("!!str Desne: 4")).after == spec("!!str Dense: 4")


def test_one_file_that_cannot_be_written_does_not_keep_the_others(tmp_path: Path, monkeypatch, capsys) -> None:
    files = [tmp_path / f"{name}.yaml" for name in "abc"]
    for file in files:
        file.write_text(WRONG)
    real = fixing.write

    def write(path: str, done: fixing.Fixed) -> None:
        if path == str(files[1]):
            raise PermissionError(13, "Permission denied")
        real(path, done)

    monkeypatch.setattr(fixing, "write", write)
    with pytest.raises(typer.Exit) as ended:
        check.validate([str(file) for file in files], check.Format.concise, fix=True)
    out, err = capsys.readouterr()
    assert ended.value.exit_code == 2
    assert f"`{files[1]}`: not writable; permission denied" in err
    assert [file.read_text() for file in files] == [RIGHT, WRONG, RIGHT]
    assert out.count("NS204") == 1


def test_what_only_a_setting_makes_wrong_is_not_cured(tmp_path: Path, run) -> None:
    text = spec(
        "{Dense: {units: 1, activation: sigmoid}, name: y}",
        rest="losses: binary_crossentropy\ndata: {train: a.csv, features: {x: price}, targets: {y: y}}\n",
    ).replace("[8]", "[1]")
    (tmp_path / "a.csv").write_text("price,y\n1,0\n2,1\n")
    (tmp_path / "b.csv").write_text("prices,y\n1,0\n2,1\n")
    file = tmp_path / "s.yaml"
    file.write_text(text)
    done = run("validate", "--fix", "--set", f"data.train={tmp_path / 'b.csv'}", file)
    assert (done.rc, file.read_text()) == (1, text)
    file.write_text(text.replace("Dense", "Desne"))
    done = run("validate", "--fix", "--set", "fit.epochs=3", file)
    assert (done.rc, file.read_text()) == (0, text)


def test_bytes_count_from_the_byte_order_mark_after_a_cure_too(tmp_path: Path, run) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + spec("Desne: 4", "Dense: -1").encode())
    (found,) = json.loads(run("validate", "--fix", "--format", "json", file).stdout)["diagnostics"]
    assert file.read_bytes()[found["start_byte"] : found["end_byte"]] == b"-1"


def test_owner_and_hard_links_stay(tmp_path: Path) -> None:
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text(WRONG)
    if os.geteuid() == 0:
        os.chown(one, 1234, 1234)
    owner = one.stat().st_uid
    fixing.write(str(one), mended(WRONG))
    assert (one.read_text(), one.stat().st_uid) == (RIGHT, owner)
    one.write_text(WRONG + "# a longer end\n")
    other.hardlink_to(one)
    fixing.write(str(one), mended(WRONG + "# a longer end\n"))
    assert one.samefile(other)
    assert other.read_text() == RIGHT + "# a longer end\n"
    assert sorted(os.listdir(tmp_path)) == ["a.yaml", "b.yaml"]


def test_what_a_folder_hides_is_said(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    (tmp_path / "b.yaml").write_text(RIGHT)
    (tmp_path / "broken.yaml").symlink_to("nowhere")

    def refuse(path: str, name: str) -> bytes:
        if path.endswith("b.yaml") or not os.path.exists(path):
            raise find.SourceError("not readable")
        return Path(path).read_bytes()

    def walk(top: str, onerror):  # type: ignore[no-untyped-def]
        onerror(PermissionError(13, "Permission denied", os.path.join(top, ".", "locked")))
        onerror(FileNotFoundError(2, "No such file", os.path.join(top, "gone")))
        yield top, [], sorted(os.listdir(top))

    monkeypatch.setattr(find, "read_bytes", refuse)
    monkeypatch.setattr(os, "walk", walk)
    assert [os.path.basename(each) for each in find.specs([str(tmp_path)])] == ["locked", "a.yaml", "b.yaml"]


def test_closed_standard_input_is_wrong_usage() -> None:
    done = netspec("validate", "-", preexec_fn=lambda: os.close(0))
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: standard input is closed")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("word", ["--version", "--help"])
def test_a_full_disk_is_not_our_fault(word: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "netspec", word], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_modules_beside_a_spec_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    (tmp_path / "keras").mkdir()
    for name in ("yaml", "typer", "json", "random", "keras/__init__"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('was run')\n")
    done = netspec("validate", "a.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 spec, no problems\n", "")


def test_a_current_folder_that_is_gone_leaves_the_path_as_it_is(monkeypatch) -> None:
    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", gone)
    assert relative("/specs/a.yaml") == "/specs/a.yaml"
