"""What a message says to do: the cure of a mistake, taken at its word, makes a spec without an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from effort import lines

from netspec.pipeline import analyze_text

# A spec that is refused, the code, a part of the help, and what that says to write instead of what.
CASES = {
    "an image without channels": (
        "inputs: {x: [28, 28]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3}}, Flatten, {Dense: 10}]\n",
        "NS402",
        "make input `x` `[28, 28, 1]`",
        ("[28, 28]", "[28, 28, 1]"),
    ),
    "an image in front": (
        "inputs: {x: [28, 28]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3}}, Flatten, {Dense: 10}]\n",
        "NS402",
        "put `Reshape: [28, 28, 1]` in front",
        ("layers: [", "layers: [{Reshape: [28, 28, 1]}, "),
    ),
    "channels first": (
        "inputs: {x: [9, 9]}\nlayers: [{MaxPooling2D: {pool_size: 2, data_format: channels_first}}, Flatten]\n",
        "NS402",
        "`[1, 9, 9]`",
        ("[9, 9]", "[1, 9, 9]"),
    ),
    "images over time": (
        "inputs: {v: [10, 9, 9]}\nlayers: [{TimeDistributed: {Conv2D: {filters: 2, kernel_size: 3}}}]\n",
        "NS402",
        "`[10, 9, 9, 1]`",
        ("[10, 9, 9]", "[10, 9, 9, 1]"),
    ),
    "two open sizes": (
        "inputs: {x: [null, null]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3}}]\n",
        "NS402",
        "put `ops.expand_dims: -1` in front",
        ("layers: [", "layers: [{ops.expand_dims: -1}, "),
    ),
    "rows into an image": (
        "inputs: {x: [64]}\nlayers: [{Dense: 3136}, {Conv2D: {filters: 8, kernel_size: 3}}]\n",
        "NS402",
        "`Reshape: [56, 56, 1]` in front",
        ("{Conv2D", "{Reshape: [56, 56, 1]}, {Conv2D"),
    ),
    "rows into a recurrent layer": (
        "inputs: {x: [64]}\nlayers: [{Dense: 32}, {LSTM: 8}]\n",
        "NS402",
        "`RepeatVector: 10` in front",
        ("{LSTM", "{RepeatVector: 10}, {LSTM"),
    ),
    "numbers as steps": (
        "inputs: {x: [64]}\nlayers: [{Bidirectional: {LSTM: 8}}]\n",
        "NS402",
        "`[64, 1]`",
        ("[64]", "[64, 1]"),
    ),
    "word numbers": (
        "inputs: {x: {shape: [64], dtype: int32}}\nlayers: [{GRU: 8}]\n",
        "NS402",
        "`Embedding: {input_dim: …, output_dim: 64}` in front",
        ("{GRU", "{Embedding: {input_dim: 100, output_dim: 64}}, {GRU"),
    ),
    "an image into a recurrent layer": (
        "inputs: {x: [28, 28, 1]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3}}, {LSTM: 8}]\n",
        "NS402",
        "`TimeDistributed: Flatten` in front makes (batch, 26, 208)",
        ("{LSTM", "{TimeDistributed: Flatten}, {LSTM"),
    ),
    "below what lays flat": (
        "inputs: {x: [8, 8, 3]}\nlayers: [Flatten, MaxPooling2D]\n",
        "NS402",
        "put this step above the `Flatten` in line 2",
        ("[Flatten, MaxPooling2D]", "[MaxPooling2D, Flatten]"),
    ),
    "an image into a layer of sequences": (
        "inputs: {x: [8, 8, 3]}\nlayers: [GlobalAveragePooling1D]\n",
        "NS402",
        "`GlobalAveragePooling2D` takes (batch, 8, 8, 3)",
        ("1D", "2D"),
    ),
    "a sequence into a layer of images": (
        "inputs: {x: {shape: [9], dtype: int32}}\n"
        "layers: [{Embedding: {input_dim: 9, output_dim: 4}}, {Conv2D: {filters: 2, kernel_size: 3}}]\n",
        "NS402",
        "`Conv1D` takes (batch, 9, 4) as it is",
        ("Conv2D", "Conv1D"),
    ),
    "rows in TimeDistributed": (
        "inputs: {x: [8]}\nlayers: [{TimeDistributed: {Dense: 2}}]\n",
        "NS402",
        "without `TimeDistributed`",
        ("{TimeDistributed: {Dense: 2}}", "{Dense: 2}"),
    ),
    "steps in RepeatVector": (
        "inputs: {x: [8, 3]}\nlayers: [{RepeatVector: 2}]\n",
        "NS402",
        "put `Flatten` in front",
        ("layers: [", "layers: [Flatten, "),
    ),
    "too few axes in Permute": (
        "inputs: {x: [8, 3, 2]}\nlayers: [{Permute: [2, 1]}]\n",
        "NS402",
        "`Permute: [3, 2, 1]`",
        ("[2, 1]}]", "[3, 2, 1]}]"),
    ),
    "a kernel that does not fit": (
        "inputs: {x: [4, 4, 3]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 5}}]\n",
        "NS405",
        "a `kernel_size` of at most 4",
        ("kernel_size: 5", "kernel_size: 4"),
    ),
    "a kernel, padded": (
        "inputs: {x: [4, 4, 3]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 5}}]\n",
        "NS405",
        "add `padding: same`",
        ("kernel_size: 5", "kernel_size: 5, padding: same"),
    ),
    "a pool too many": (
        "inputs: {x: [2, 2, 3]}\nlayers: [MaxPooling2D, MaxPooling2D]\n",
        "NS405",
        "add `padding: same`",
        (", MaxPooling2D]", ", {MaxPooling2D: {pool_size: 2, padding: same}}]"),
    ),
    "a reach that does not fit": (
        "inputs: {x: [4, 4, 3]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3, dilation_rate: 3}}]\n",
        "NS405",
        "a smaller `dilation_rate`",
        ("dilation_rate: 3", "dilation_rate: 1"),
    ),
    "cropped away": (
        "inputs: {x: [4, 4, 3]}\nlayers: [{Cropping2D: 2}]\n",
        "NS405",
        "crop less than 4",
        ("{Cropping2D: 2}", "{Cropping2D: 1}"),
    ),
    "a model of another width": (
        "inputs: {x: [10]}\nlayers: [{model: {inputs: {z: [8]}, layers: [{Dense: 3}]}}]\n",
        "NS404",
        "put `Dense: 8` on `x`",
        ("layers: [{m", "layers: [{Dense: 8}, {m"),
    ),
    "a model of another shape": (
        "inputs: {x: [12]}\nlayers: [{model: {inputs: {z: [4, 3]}, layers: [{LSTM: 3}]}}]\n",
        "NS404",
        "put `Reshape: [4, 3]` on `x`",
        ("layers: [{m", "layers: [{Reshape: [4, 3]}, {m"),
    ),
    "a model of another size": (
        "inputs: {x: [12, 3]}\nlayers: [{model: {inputs: {z: [4, 3]}, layers: [{LSTM: 3}]}}]\n",
        "NS404",
        "declare `z` as `[12, 3]`",
        ("[4, 3]", "[12, 3]"),
    ),
    "a target that almost holds all": (
        "inputs: {x: [4, 4, 3]}\nlayers: [{Reshape: [50, 2]}]\n",
        "NS404",
        "`[24, 2]` holds 48 numbers",
        ("[50, 2]", "[24, 2]"),
    ),
    "too few units for a target": (
        "inputs: {x: [4]}\nlayers: [{Dense: 48}, {Reshape: [7, 7, 1]}]\n",
        "NS404",
        "`units: 49` in the `Dense` at line 2",
        ("48", "49"),
    ),
    "a state of another width": (
        "inputs: {x: [9, 3], s: [5]}\nlayers: [{GRU: 8, from: {sequences: x, initial_state: s}}]\n",
        "NS404",
        "write `units: 5`",
        ("GRU: 8", "GRU: 5"),
    ),
    "groups": (
        "inputs: {x: [9, 9, 8]}\nlayers: [GroupNormalization]\n",
        "NS404",
        "`groups` can be 1, 2, 4 or 8",
        ("GroupNormalization", "{GroupNormalization: 4}"),
    ),
    "an open size laid flat": (
        "inputs: {x: [null, null, 3]}\nlayers: [Flatten, {Dense: 2}]\n",
        "NS404",
        "`GlobalAveragePooling2D` in place of the `Flatten` at line 2",
        ("Flatten", "GlobalAveragePooling2D"),
    ),
    "an open size": (
        "inputs: {x: [null]}\nlayers: [{Dense: 2}]\n",
        "NS404",
        "give input `x` a number in place of `null`",
        ("null", "7"),
    ),
    "an axis too many": (
        "inputs: {x: [5], y: [5]}\nlayers: [{Concatenate: 2, from: [x, y]}]\n",
        "NS403",
        "the last one is 1, or -1",
        ("Concatenate: 2", "Concatenate: 1"),
    ),
    "channels that do not add": (
        "inputs: {x: [8, 8, 3]}\n"
        "layers:\n  - {Conv2D: {filters: 8, kernel_size: 3}, name: a}\n  - {Add: {}, from: [a, x]}\n",
        "NS401",
        "`padding: same` at line 3 keeps 8, and `Conv2D: {filters: 8, kernel_size: 1}` on `x` gives it 8 channels",
        (
            "kernel_size: 3}, name: a}\n  - {Add: {}, from: [a, x]}",
            "kernel_size: 3, padding: same}, name: a}\n  - {Conv2D: {filters: 8, kernel_size: 1}, from: x, name: b}\n"
            "  - {Add: {}, from: [a, b]}",
        ),
    ),
    "past strides": (
        "inputs: {x: [9, 9, 2]}\nlayers:\n"
        "  - {Conv2D: {filters: 4, kernel_size: 3, strides: 2, padding: same}, name: a}\n"
        "  - {Add: {}, from: [a, x]}\n",
        "NS401",
        "`Conv2D: {filters: 4, kernel_size: 1, strides: 2, padding: same}` on `x` makes it (batch, 5, 5, 4)",
        (
            "  - {Add: {}, from: [a, x]}",
            "  - {Conv2D: {filters: 4, kernel_size: 1, strides: 2, padding: same}, from: x, name: b}\n"
            "  - {Add: {}, from: [a, b]}",
        ),
    ),
    "sizes that are halved and doubled": (
        "inputs: {x: [9, 9, 2]}\nlayers:\n  - MaxPooling2D\n  - {UpSampling2D: 2, name: up}\n"
        "  - {Concatenate: {}, from: [x, up]}\n",
        "NS401",
        "`ZeroPadding2D: [[0, 1], [0, 1]]` after `up`",
        (
            "  - {Concatenate: {}, from: [x, up]}",
            "  - {ZeroPadding2D: [[0, 1], [0, 1]], name: p}\n  - {Concatenate: {}, from: [x, p]}",
        ),
    ),
    "one size less": (
        "inputs: {x: [9, 2], y: [10, 2]}\nlayers: [{Cropping1D: 0, from: y, name: c}, {Add: {}, from: [x, c]}]\n",
        "NS401",
        "`Cropping1D: [0, 1]` after `c`",
        ("Cropping1D: 0", "Cropping1D: [0, 1]"),
    ),
    "channels in front": (
        "inputs: {x: [3, 224, 224]}\nlayers: [{Conv2D: {filters: 8, kernel_size: 3}}, MaxPooling2D]\n",
        "NS405",
        "make input `x` `[224, 224, 3]`",
        ("[3, 224, 224]", "[224, 224, 3]"),
    ),
    "no space behind a colon": (
        "inputs: {x: [3]}\nlayers:\n  - Dense:3\n",
        "NS204",
        "`Dense: 3`",
        ("Dense:3", "Dense: 3"),
    ),
    "a layer by its type": (
        "inputs: {x: [3]}\nlayers:\n  - {type: Dense, units: 3}\n",
        "NS208",
        "write `Dense: {units: 3}`",
        ("{type: Dense, units: 3}", "Dense: {units: 3}"),
    ),
    "rows that do not add": (
        "inputs: {x: [5], y: [4]}\nlayers: [{Add: {}, from: [x, y]}]\n",
        "NS401",
        "`Concatenate` joins them as they are",
        ("Add", "Concatenate"),
    ),
    "a row beside an image": (
        "inputs: {x: [5, 5, 2], y: [4]}\nlayers: [{Flatten: {}, name: f, from: x}, {Concatenate: {}, from: [x, y]}]\n",
        "NS401",
        "`Flatten` or `GlobalAveragePooling2D` on `x` makes a row of it",
        ("[x, y]}]", "[f, y]}]"),
    ),
    "a row beside a sequence": (
        "inputs: {x: [5, 2], y: [4]}\nlayers: [{Dropout: 0.0, from: y, name: r}, {Concatenate: {}, from: [x, r]}]\n",
        "NS401",
        "`RepeatVector: 5` after `r` repeats it at each step",
        ("Dropout: 0.0", "RepeatVector: 5"),
    ),
    "one layer for two widths": (
        "inputs: {a: [4], b: [5]}\nshared: {d: {Dense: 3}}\n"
        "layers:\n  - {use: d, from: a, name: p}\n  - {use: d, from: b, name: q}\n  - {Add: {}, from: [p, q]}\n",
        "NS407",
        "write one here in place of `use`",
        ("{use: d, from: b", "{Dense: 3, from: b"),
    ),
    "a mask among the words": (
        "inputs: {x: {shape: [1], dtype: string}}\nlayers: [{StringLookup: {vocabulary: [a, ''], mask_token: ''}}]\n",
        "NS404",
        'start that with `["", "[UNK]"]`',
        ("[a, '']", "['', '[UNK]', a]"),
    ),
    "more words than tokens": (
        "inputs: {x: {shape: [1], dtype: string}}\nlayers: [{StringLookup: {vocabulary: [a, b], max_tokens: 2}}]\n",
        "NS404",
        "write `max_tokens: 3`",
        ("max_tokens: 2", "max_tokens: 3"),
    ),
    "weights": (
        "inputs: {x: [2]}\nlayers: [{Embedding: {input_dim: 1, output_dim: 1, weights: [[1.0]]}}]\n",
        "NS206",
        "leave it out",
        (", weights: [[1.0]]", ""),
    ),
    "an input as an output": (
        "inputs: {x: [2]}\nlayers: [{Dense: 2, name: y}]\noutputs: [x, y]\n",
        "NS308",
        "`- Identity:` with `from` and `name`",
        ("name: y}]\noutputs: [x", "name: y}, {Identity: {}, from: x, name: same}]\noutputs: [same"),
    ),
    "a merge that is repeated": (
        "inputs: {x: [2], y: [2]}\nlayers: [{Add: {}, from: [x, y], repeat: 2}]\n",
        "NS310",
        "write the steps out",
        (", repeat: 2", ""),
    ),
    "no shape": (
        "inputs: {x: {dtype: int32}}\nlayers: [{Embedding: {input_dim: 9, output_dim: 2}}]\n",
        "NS203",
        "for example `shape: [100]`",
        ("dtype: int32", "dtype: int32, shape: [100]"),
    ),
    "the only output": (
        "inputs: {x: [2]}\nlayers: [{Dense: 2, name: answer}]\nlosses: {zzz: mse}\n",
        "NS501",
        "write `answer`",
        ("zzz", "answer"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_is_said_and_it_cures(name: str) -> None:
    text, code, words, (old, new) = CASES[name]
    errors = [found for found in analyze_text(text).diagnostics if found.severity == "error"]
    assert [found.code for found in errors] == [code], errors
    assert errors[0].help is not None and words in errors[0].help, errors[0].help
    assert old in text
    left = analyze_text(text.replace(old, new, 1)).diagnostics
    assert not [found for found in left if found.severity == "error"], left


def test_a_vocabulary_that_the_rows_show_to_be_too_large_is_told_once(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("headline,shared\ngood news today,1\nbad news,0\n", encoding="utf-8")
    text = """
inputs: {t: {shape: [4], dtype: int32}}
layers:
  - Embedding: {input_dim: ROWS, output_dim: 3}
  - Flatten
  - Dense: {units: 1, activation: sigmoid}
    name: out
losses: binary_crossentropy
data:
  train: a.csv
  features: {t: {column: headline, text: {vocabulary: 100}}}
  targets: {out: shared}
"""
    for rows, code, severity in (("4", "NS712", "error"), ("20", "NS518", "warning")):
        (found,) = analyze_text(text.replace("ROWS", rows), folder=str(tmp_path)).diagnostics
        assert (found.code, found.severity) == (code, severity)


@pytest.mark.parametrize("wrong", ["wehn", "other"])
def test_a_misspelt_feature_is_told_once(tmp_path, wrong: str) -> None:
    (tmp_path / "a.csv").write_text("headline,hour,shared\ngood news,3,1\nbad news,4,0\n", encoding="utf-8")
    text = f"""
inputs: {{when: [1]}}
layers:
  - Dense: {{units: 1, activation: sigmoid}}
    name: out
losses: binary_crossentropy
data:
  train: a.csv
  features: {{{wrong}: hour}}
  targets: {{out: shared}}
"""
    (found,) = analyze_text(text, folder=str(tmp_path)).diagnostics
    assert found.code == "NS707" and "`when`" in str(found.help)


def test_a_terminal_is_told_where_to_read_on(tmp_path) -> None:
    pty = pytest.importorskip("pty")
    spec = tmp_path / "bad.yaml"
    spec.write_text("inputs: {x: [4]}\nlayers: [{Desne: 2}]\n", encoding="utf-8")
    command = [sys.executable, "-m", "netspec", "validate", str(spec)]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        said += more
    os.close(ours)
    assert process.wait() == 1
    assert said.decode().splitlines()[-1] == "`netspec rule NS204` explains the error"
    piped = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "explains" not in piped.stdout + piped.stderr


def test_a_refused_step_below_a_long_chain_costs_what_it_costs_below_a_short_one() -> None:
    def effort(chain: int, refused: int) -> int:
        text = "inputs: {x: [28, 28]}\nlayers:\n"
        text += "".join(f"  - {{Activation: relu, name: a{at}}}\n" for at in range(chain))
        text += f"  - {{Conv2D: {{filters: 3, kernel_size: 3}}, from: a{chain - 1}}}\n" * refused
        assert sum(each.code == "NS402" for each in analyze_text(text).diagnostics) == refused
        return lines(lambda: analyze_text(text))

    long, short = (effort(chain, 160) - effort(chain, 80) for chain in (2_000, 500))
    assert long < 1.5 * short  # each walking all the way up costs four times as much
