"""A first look at data files: columns without numpy or pyarrow, and never a block or a traceback."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from effort import peak

from netspec.language.schema import Source
from netspec.probe import packed
from netspec.probe.tables import ProbeError, columns


def _csv(folder: Path, data: bytes) -> Source:
    (folder / "t.csv").write_bytes(data)
    return Source(csv=("t.csv",))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n", ("a", "b")),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", ("a", "b")),
        (b'\n"a\nx","b,""c"""\n1,2\n', ("a\nx", 'b,"c"')),
        ("größe,é\n1,2\n".encode(), ("größe", "é")),
        (b"only\n1\n", ("only",)),
    ],
)
def test_the_header_is_read_as_csv_has_it(tmp_path: Path, data: bytes, expected: tuple[str, ...]) -> None:
    assert columns(_csv(tmp_path, data), tmp_path) == expected


def test_separators(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a;b\tc\n1;2\t3\n")
    assert columns(Source(csv=("t",), separator=";"), tmp_path) == ("a", "b\tc")
    assert columns(Source(tsv=("t",)), tmp_path) == ("a;b", "c")


def test_a_letter_cut_in_two_at_the_first_megabyte_is_no_mistake(tmp_path: Path) -> None:
    data = b"a\n" + b"x" * 10 + b"\n"
    data += ("é" * (1 << 19)).encode()
    assert columns(_csv(tmp_path, b"a" + data[1:]), tmp_path) == ("a",)
    assert columns(_csv(tmp_path, b"ab" + data[1:]), tmp_path) == ("ab",)


def test_only_the_first_megabyte_is_read(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(1 << 36)  # sparse
    with pytest.raises(ProbeError):
        columns(Source(csv=("t.csv",)), tmp_path / "missing")
    assert columns(Source(csv=("t.csv",)), tmp_path) == ("a", "b")
    assert peak(lambda: columns(Source(csv=("t.csv",)), tmp_path)) < 10_000_000


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "NS704", "`t.csv` is empty"),
        (b"\n\n", "NS704", "`t.csv` is empty"),
        (b"a,b\n", "NS704", "a header and no rows"),
        (b"a,b\n1,\xff\n", "NS705", "line 2 is not UTF-8"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00", "NS705", "UTF-16"),
        (b'"' + b"x" * 200_000, "NS705", "header"),
    ],
)
def test_bad_text_files(tmp_path: Path, data: bytes, code: str, words: str) -> None:
    with pytest.raises(ProbeError) as caught:
        columns(_csv(tmp_path, data), tmp_path)
    assert caught.value.code == code
    assert words in caught.value.message


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for name in ("fifo", "folder", "socket", "/dev/zero"):
            for source in (Source(csv=(name,)), Source(npz=name), Source(npy={"a": name})):
                with pytest.raises(ProbeError) as caught:
                    columns(source, tmp_path)
                assert caught.value.code == "NS705"


@pytest.mark.parametrize("name", ["missing.csv", "t.csv/below", "a\0b", "x" * 5000])
def test_names_that_lead_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(ProbeError) as caught:
        columns(Source(csv=(name,)), tmp_path)
    assert caught.value.code in ("NS701", "NS705")


def test_the_members_of_an_archive_are_its_columns(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    numpy.savez(tmp_path / "t.npz", image=numpy.zeros(3), label=numpy.zeros(3))
    numpy.save(tmp_path / "a.npy", numpy.zeros(3))
    assert columns(Source(npz="t.npz"), tmp_path) == ("image", "label")
    assert columns(Source(npy={"x": "a.npy"}), tmp_path) == ("x",)
    with pytest.raises(ProbeError, match="not an NPY"):
        columns(Source(npy={"x": "t.npz"}), tmp_path)
    whole = (tmp_path / "t.npz").read_bytes()
    for at in range(0, len(whole), 37):
        (tmp_path / "cut.npz").write_bytes(whole[:at])
        with pytest.raises(ProbeError):
            columns(Source(npz="cut.npz"), tmp_path)
    for at in range(0, len(whole), 7):
        broken = bytearray(whole)
        broken[at] ^= 0x55
        (tmp_path / "bad.npz").write_bytes(broken)
        with contextlib.suppress(ProbeError):
            columns(Source(npz="bad.npz"), tmp_path)


def test_a_directory_of_any_size_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for number in range(12_000):
            archive.writestr(f"{number:060}.npy", b"")
    assert columns(Source(npz="many.npz"), tmp_path) is None


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, netspec.probe.tables; "
        "sys.exit(bool({'numpy', 'pyarrow', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_frames_of_zstandard_are_walked_as_they_are_packed(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    dice = random.Random(1)
    parts = [b"x", b"0" * 1_000_000, dice.randbytes(300_000), b"a,b\n1,2\n" * 50_000, dice.randbytes(200) * 3000]
    for level in (1, 3, 19):
        codec = pa.Codec("zstd", compression_level=level)
        for part in parts:
            data = codec.compress(part, asbytes=True)
            for whole in (data, data + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + data):  # a frame to be skipped in between
                (tmp_path / "t.csv.zst").write_bytes(whole)
                packed.check("t.csv.zst", tmp_path)
                for cut in {1, 4, 5, len(whole) // 2, len(whole) - 1, *dice.sample(range(1, len(whole)), 5)}:
                    if cut not in (len(data), len(data) + 11):  # where a frame ends
                        (tmp_path / "t.csv.zst").write_bytes(whole[:cut])
                        with pytest.raises(ProbeError, match="cannot be unpacked"):
                            packed.check("t.csv.zst", tmp_path)
