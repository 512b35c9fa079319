"""Windows over a running text: which tokens they hold, what they are trained towards, and that nothing overlaps."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from test_contract_agreement import compared  # noqa: E402

from netspec.graph.ir import Checked  # noqa: E402
from netspec.language.schema import Source  # noqa: E402
from netspec.pipeline import analyze_text  # noqa: E402
from netspec.probe.words import tokens, vocabulary  # noqa: E402
from netspec.runtime.data import features, given, passages, sources, store, windows  # noqa: E402
from netspec.runtime.data.faults import DataError  # noqa: E402
from netspec.runtime.data.store import Held  # noqa: E402
from netspec.runtime.run import runs, splits  # noqa: E402

TEXT = "The owl sat in the tree.\nThe fox sat below and looked at the moon, and nobody said a word.\n" * 3
ODD = "Émile ate ﬁsh, naïve cafés e\u0301 and ΣΑΣ ΟΔΟΣ 漢字 हिन्दी\n" * 5


def spec(
    shape: Any = (8,),
    output: Any = 40,
    *,
    sequence: bool = False,
    loss: str = "sparse_categorical_crossentropy",
    rows: int = 40,
    text: dict[str, Any] | None = None,
    **data: Any,
) -> str:
    how = {"by": "characters", "vocabulary": 40, **(text or {})}
    layers: list[Any] = [] if how.get("one_hot") else [{"Embedding": {"input_dim": rows, "output_dim": 2}}]
    layers += [{"LSTM": {"units": 2, "return_sequences": sequence}}, {"Dense": output, "name": "next"}]
    return json.dumps(
        {
            "inputs": {"w": {"shape": list(shape), "dtype": "float32" if how.get("one_hot") else "int32"}},
            "layers": layers,
            "losses": {loss: {"from_logits": True}} if "hinge" not in loss and loss != "mse" else loss,
            "data": {"train": "t.txt", "features": {"w": {"text": how}}, **data},
        }
    )


def read(folder: Path, content: str, **how: Any) -> splits.Splits:
    (folder / "t.txt").write_text(content, encoding="utf-8")
    return splits.read(checked(folder, **how), 1)


def checked(folder: Path, **how: Any) -> Checked:
    found = analyze_text(spec(**how), folder=str(folder))
    assert found.checked is not None, found.diagnostics
    return found.checked


def written(ids: Any, prepared: features.Prepared) -> str:
    encoder = prepared.features["w"].encoder
    assert isinstance(encoder, features.Words)
    return "".join(encoder.vocabulary[number - 2] if number > 1 else "?" for number in ids)


def test_each_window_is_followed_by_its_target(tmp_path: Path) -> None:
    made = read(tmp_path, TEXT, train={"text": "t.txt", "stride": 3}, text={"lower": False})
    assert made.prepared is not None and made.validation is None and isinstance(made.train.examples, Held)
    x, y = made.train.examples.x["w"], made.train.examples.y["next"]
    assert x.shape == ((len(TEXT) - 9) // 3 + 1, 8) and y.shape == (len(x),) and x.dtype == y.dtype == np.int32
    for row, window in enumerate(x):
        assert written([*window, y[row]], made.prepared) == TEXT[3 * row : 3 * row + 9]


def test_its_classes_are_shown_as_tokens(tmp_path: Path) -> None:
    made = read(tmp_path, "aaa aab\n" * 9)
    assert made.prepared is not None and not made.prepared.class_names
    tokens = made.prepared.shown_names["next"]
    assert tokens == ("(padding)", "(unknown)", "a", "(new line)", "(space)", "b")
    assert made.train.examples.y["next"][0] == tokens.index("a")  # type: ignore[union-attr]


def test_a_sequence_is_trained_towards_itself_shifted_by_one(tmp_path: Path) -> None:
    made = read(tmp_path, TEXT, sequence=True, train={"text": "t.txt", "stride": 8})
    x, y, _ = made.train.examples.head(5)
    assert (x["w"][:, 1:] == y["next"][:, :-1]).all() and (x["w"][1:, 0] == y["next"][:-1, -1]).all()
    assert made.prepared is not None
    assert made.prepared.features["w"].encoder.padding == "post"  # type: ignore[union-attr]


@pytest.mark.parametrize("sequence", [False, True])
def test_one_hot_inputs_and_targets(tmp_path: Path, sequence: bool) -> None:
    how = {"shape": (8, 40), "sequence": sequence, "loss": "categorical_crossentropy", "text": {"one_hot": True}}
    made, plain = read(tmp_path, TEXT, **how), read(tmp_path, TEXT, sequence=sequence)
    x, y, _ = made.train.examples.head(7)
    numbers = plain.train.examples.head(7)
    assert (x["w"].argmax(-1) == numbers[0]["w"]).all() and (x["w"].sum(-1) == 1).all()
    assert (y["next"].argmax(-1) == numbers[1]["next"]).all() and (y["next"].sum(-1) == 1).all()
    assert x["w"].dtype == y["next"].dtype == np.float32


def test_the_last_part_is_held_out_and_shares_no_token(tmp_path: Path) -> None:
    content = "".join(chr(0x4E00 + at) for at in range(1000))  # no character twice
    made = read(tmp_path, content, validation=0.25, output=1002, rows=1002, text={"vocabulary": 1002})
    assert made.validation is not None and made.prepared is not None
    assert (made.train.rows, made.validation.rows) == (750 - 8, 250 - 8)
    encoder = made.prepared.features["w"].encoder
    assert isinstance(encoder, features.Words) and sorted(encoder.vocabulary) == list(content[:750])
    assert (made.train.examples.head(742)[0]["w"] > 1).all() and (made.validation.examples.head(242)[0]["w"] == 1).all()
    assert any("the last 0.25 of `t.txt`, from character 751 on" in note for note in made.validation.said)


def test_windows_do_not_reach_from_one_file_into_the_next(tmp_path: Path) -> None:
    for number, letter in enumerate("abc"):
        (tmp_path / f"part-{number}.txt").write_text(letter * (11 if letter != "b" else 5))
    made = read(tmp_path, "", train="part-*.txt")
    x, y, _ = made.train.examples.head(10)
    assert [set(row) | {last} for row, last in zip(x["w"].tolist(), y["next"].tolist(), strict=True)] == [{2}] * 3 + [
        {3}
    ] * 3
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + b"one\r\ntwo\rsix\n" * 3))
    made = read(tmp_path, "", train={"text": "texts"})
    assert made.prepared is not None
    assert written(made.train.examples.head(1)[0]["w"][0], made.prepared) == "one\ntwo\n"


@pytest.mark.parametrize("by", ["words", "characters", "words and signs"])
@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
def test_blocks_do_not_change_the_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, block: int) -> None:
    by, signs = by.split()[0], "signs" in by
    monkeypatch.setattr(passages, "_BLOCK", block)
    for content in (TEXT, ODD, "x" * 50, "  \n\n", "e \u0301e"):
        (tmp_path / "t.txt").write_text(content, encoding="utf-8")
        found = passages.opened_passage(Source(text=("t.txt",)), tmp_path, by, True, punctuation=signs)
        expected = tokens(content, by, True, signs)
        assert [token for part in found.tokens() for token in part.to_pylist()] == expected
        assert found.counts == (len(expected),)
        if expected:
            known = found.learned([(0, len(expected))], 12)
            assert signs or known == vocabulary([content], by, True, 12)
            numbers = found.numbered(known)
            assert numbers.dtype == np.uint8
            assert [known[n - 2] if n > 1 else None for n in numbers] == [t if t in known else None for t in expected]


def test_what_memory_should_not_hold_is_made_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how: dict[str, Any] = {"validation": 0.2, "train": {"text": "t.txt", "stride": 2}}
    held = read(tmp_path, TEXT * 4, **how)
    monkeypatch.setattr(windows, "room", lambda: 0)
    monkeypatch.setattr(passages, "room", lambda: 0)
    monkeypatch.setattr(windows, "BLOCK", 500)
    made = read(tmp_path, TEXT * 4, **how)
    for part, whole in ((made.train, held.train), (made.validation, held.validation)):
        assert part is not None and whole is not None and isinstance(whole.examples, Held)
        assert isinstance(part.examples, windows.Windows) and part.examples.blocks > 3
        assert isinstance(part.examples._ids, np.memmap)
        assert part.targets == whole.targets == ("next",) and part.rows == whole.rows
        x, y, _ = store.joined([part.examples.block(number) for number in range(part.examples.blocks)])
        assert (x["w"] == whole.examples.x["w"]).all() and (y["next"] == whole.examples.y["next"]).all()
        assert part.examples.bytes == sum(each.nbytes for each in (*x.values(), *y.values()))
        pieces = [len(x["w"]) for x, _, _ in part.examples.pieces(7)]
        assert sum(pieces) == part.rows and set(pieces[:-1]) == {7}
    assert any("made as they are used" in note for note in made.train.notes)


def test_what_was_learned_is_applied_to_another_text(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("Zebras sat in the tree. " * 3)
    made = read(tmp_path, TEXT, validation="more.txt", test={"text": "more.txt", "stride": 5})
    assert made.validation is not None and made.test is not None and made.prepared is not None
    assert (made.validation.rows, made.test.rows) == (64, 13)
    assert written(made.test.examples.head(1)[0]["w"][0], made.prepared) == "?ebras s"
    made.prepared.save(tmp_path / "features")
    again = features.load(tmp_path / "features")
    assert again.features == made.prepared.features and again.labels == made.prepared.labels
    part = splits.held_out_text(checked(tmp_path, validation=0.2), again, None)
    assert part is not None and part.rows == round(0.2 * len(TEXT)) - 8
    assert splits.held_out_text(checked(tmp_path), again, None) is None


def test_stride_is_that_of_train_where_it_is_not_said(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text(TEXT)
    made = read(tmp_path, TEXT, train={"text": "t.txt", "stride": 10}, validation="more.txt")
    assert made.validation is not None and made.validation.rows == made.train.rows


def test_frequencies_alone_are_told_as_what_a_guess_would_score(tmp_path: Path) -> None:
    made = read(tmp_path, "ab" * 50 + "aabb" * 25)
    assert any(f"a loss of {np.log(2):.4f}" in note for note in made.train.notes)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(TEXT)
    found = passages.opened_passage(Source(text=("t.txt",)), tmp_path, "words", True)
    (tmp_path / "t.txt").write_text(TEXT[:-9])
    with pytest.raises(DataError, match="was changed while it was read"):
        found.numbered(("the",))


@pytest.mark.parametrize("content", [b"abc\xff\n" * 9, "abc".encode("utf-16"), b""])
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    assert compared(spec(), tmp_path) == "refused"
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(content))
    if content:
        assert compared(spec(train="t.txt.gz"), tmp_path) == "refused"
        (tmp_path / "t.txt.gz").write_bytes(gzip.compress(TEXT.encode() * 999)[:-40])
        assert compared(spec(train="t.txt.gz"), tmp_path) == "refused"


def test_a_text_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a;b\n1;2\n3;4\n")
    for reading in (sources.opened, sources.column_names):
        with pytest.raises(DataError, match=r"`t.txt` is a running text, which has no columns"):
            reading(Source(text=("t.txt",)), tmp_path)
    with pytest.raises(DataError, match=r"the kind of `.*t.txt` cannot be told from its name"):
        given.source(str(tmp_path / "t.txt"), None)
    assert given.source(str(tmp_path / "t.txt"), ";").csv == (str(tmp_path / "t.txt"),)


def test_a_run_keeps_where_its_text_is(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(TEXT)
    kept = runs.resolved(checked(tmp_path), seed=1, steps_per_execution=1, dummy=None)
    assert kept["spec"]["data"]["train"] == str(tmp_path / "t.txt")
    said = checked(tmp_path, train={"text": ["t.txt"], "stride": 2})
    assert runs.resolved(said, seed=1, steps_per_execution=1, dummy=None)["spec"]["data"]["train"] == {
        "text": [str(tmp_path / "t.txt")],
        "stride": 2,
    }


def case(seed: int, folder: Path) -> str:
    """A spec with a random text, right or wrong."""
    dice = random.Random(seed)
    by, size = dice.choice(("words", "characters")), dice.choice((4, 9, 40))
    content = dice.choice((TEXT, ODD, TEXT[:9], TEXT[:30], "a b c d e f g h i j k l m n o p q r", " ", "abab" * 9))
    (folder / "t.txt").write_text(content, encoding="utf-8", newline=dice.choice(("\n", "\r\n")))
    length, hot, sequence = dice.choice((1, 4, 8)), dice.random() < 0.3, dice.random() < 0.5
    shape = [
        length + (dice.random() < 0.05),
        *((size + (dice.random() < 0.1),) if hot != (dice.random() < 0.05) else ()),
    ]
    shape = dice.choice((shape, shape, shape, [None, *shape[1:]]))
    text: dict[str, Any] = {"by": by, "vocabulary": size, "lower": dice.random() < 0.5}
    text |= dice.choice(({}, {}, {"length": length})) | ({"one_hot": True} if hot else {})
    steps: list[Any] = (
        [] if len(shape) == 2 else [{"Embedding": {"input_dim": size - dice.choice((0, 0, 1)), "output_dim": 2}}]
    )
    steps.append({"LSTM": {"units": 2, "return_sequences": sequence}})
    steps.append({"Dense": {"units": size + (dice.random() < 0.1), "activation": "softmax"}, "name": "next"})
    losses = ("sparse_categorical_crossentropy",) * 3 + ("categorical_crossentropy", "mse", "binary_crossentropy")
    data: dict[str, Any] = {"train": dice.choice(("t.txt", {"text": "t.txt", "stride": dice.choice((1, 3, 50))}))}
    if dice.random() < 0.4:
        data["validation"] = dice.choice((0.01, 0.1, 0.5, 0.99, "t.txt"))
    data["features"] = {} if dice.random() < 0.03 else {"w": {"text": text}}
    dtype = dice.choice(("int32", "int32", "uint8", "float32"))
    inputs = {"w": {"shape": shape, "dtype": "float32" if hot else dtype}}
    return json.dumps({"inputs": inputs, "layers": steps, "losses": dice.choice(losses), "data": data})


@pytest.mark.parametrize("seeds", [range(300), pytest.param(range(1000, 4000), marks=pytest.mark.slow)])
def test_validate_and_fit_agree(seeds: range, tmp_path: Path) -> None:
    counts: Counter[str | None] = Counter()
    for seed in seeds:
        text = case(seed, tmp_path)
        by_order = json.loads(text)
        if isinstance(by_order["data"].get("validation"), float):  # what is held out of a text is known
            by_order["data"]["validation"] = {"fraction": by_order["data"]["validation"], "by": "order"}
        counts[compared(json.dumps(by_order), tmp_path)] += 1
    assert counts["taken"] > len(seeds) / 20 and counts["refused"] > len(seeds) / 5
