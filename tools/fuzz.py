"""`python tools/fuzz.py [--seconds 60] [--seed N]`: broken specs, until one breaks `validate` or the time is over.

Inputs that bring a message not seen before are cut down and kept in tests/fuzz/corpus, from which the next run starts.
What ends late, takes too much memory or fails is written to tests/fuzz/failures, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import resource
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
FAILURES = ROOT / "tests" / "fuzz" / "failures"
MOST_SECONDS = 5.0
MOST_BYTES = 200e6
_LARGEST_KEPT = 2_000
_VARIABLE = re.compile(r"`[^`]*`|\([^()]*\)|[-+]?\d[\d,.]*|“[^”]*”|\"[^\"]*\"")
_TOKENS = [
    *(
        b"null",
        b"true",
        b"no",
        b"-1",
        b"0",
        b"1e3",
        b"1e999",
        b".nan",
        b".inf",
        b"9223372036854775808",
        b"1_000",
        b"0x1F",
    ),
    *(b"~", b"''", b'""', b"[]", b"{}", b"[[]]", b"[null]", b"{a: 1}", b"$x", b"$(1/0)", b"$(9**9**9)", b"${x}", b"$$"),
    *(
        b"*a",
        b"&a ",
        b"<<: *a",
        b"!!python/object:os.system ",
        b"!x ",
        b"? ",
        b"- ",
        b": ",
        b"#",
        b"|",
        b">",
        b"---\n",
        b"%",
    ),
    *(
        b"\t",
        b"\r",
        b"\0",
        b"\x1b[31m",
        "\u202e".encode(),
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        "\ufeff".encode(),
        b"'",
        b'"',
    ),
    *(b"use: a", b"model: {}", b"from: [x, x]", b"name: x", b"repeat: 50000", b"repeat: 0", b"Lambda: os.system"),
    *(b"Dense: 1000000000000", b"Embedding: [1000000000000, 1000000]", b"UpSampling2D: 1000000", b"Concatenate: 99"),
    *(
        b"LSTM: {units: 4, return_state: true}",
        b"TimeDistributed: {Dense: 2}",
        b"Bidirectional: {LSTM: 3}",
        b"ops.mean: {axis: 9}",
    ),
    *(
        b"# netspec: ignore[NS204] why",
        b"# netspec: ignore",
        b"class_name: x",
        b"weights: imagenet",
        b"[bold]",
        b"::error::x",
        b"]]>",
    ),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one input did: the messages it got, without what varies, and what was wrong, if anything."""

    messages: frozenset[str]
    trouble: str | None = None


class Child:
    """A process that checks one input after the other; a new one is started where the last was lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def check(self, data: bytes) -> Outcome:
        """Check one input within the limits."""
        child = self._process
        if child is None:
            command = [sys.executable, __file__, "--child"]
            child = self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdin is not None and child.stdout is not None
        watch = Timer(MOST_SECONDS * 3, child.kill)
        watch.start()
        began = time.monotonic()
        try:
            child.stdin.write(struct.pack("<I", len(data)) + data)
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            watch.cancel()
        if not line:
            self.close()
            late = time.monotonic() - began > MOST_SECONDS * 2
            return Outcome(frozenset(), f"no end after {MOST_SECONDS * 3:g} s" if late else "the process died")
        answer: dict[str, Any] = json.loads(line)
        trouble = answer["trouble"]
        if trouble is None and answer["seconds"] > MOST_SECONDS:
            trouble = f"{answer['seconds']:.1f} s of CPU time"
        if trouble is None and answer["memory"] > MOST_BYTES:
            trouble = f"{answer['memory'] / 1e6:.0f} MB of memory"
            self.close()
        return Outcome(frozenset(answer["messages"]), trouble)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def child() -> None:
    """Read inputs from standard input, and answer each with a line of JSON."""
    sys.path.insert(0, str(ROOT))
    from netspec.pipeline import analyze_text
    from netspec.render import findings

    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
        began, trouble, messages = time.process_time(), None, []
        try:
            analysis = analyze_text(data, folder=str(ROOT / "specs"))
            found = analysis.diagnostics
            findings.text(found, width=80)
            findings.concise(found)
            json.loads(findings.json_report([analysis.file], found, analysis.ok))
            messages = [f"{each.code} {_VARIABLE.sub('_', each.message)[:80]}" for each in found]
            if not analysis.ok and not any(each.severity == "error" for each in (*found, *analysis.refusals)):
                trouble = "refused without an error"
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
        answer = {
            "messages": messages,
            "trouble": trouble,
            "seconds": time.process_time() - began,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def mutated(data: bytes, pool: list[bytes], chance: random.Random) -> bytes:
    """An input with one to five things changed."""
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        lines = data.splitlines(keepends=True) or [b""]
        at = chance.randrange(len(lines))
        match chance.randrange(9):
            case 0:
                lines[at] = b""
            case 1:
                lines.insert(chance.randrange(len(lines) + 1), lines[at])
            case 2:
                other = chance.choice(pool).splitlines(keepends=True) or [b""]
                first = chance.randrange(len(other))
                lines[at:at] = other[first : first + chance.randint(1, 8)]
            case 3:
                lines[at] = lines[at] * chance.choice((2, 50, 2_000))
            case 4 | 5:
                words = re.split(rb"([\s,:{}\[\]]+)", lines[at])
                words[chance.randrange(len(words))] = chance.choice(_TOKENS)
                lines[at] = b"".join(words)
            case 6:
                cut = chance.randrange(len(data) + 1)
                lines = [data[:cut], chance.choice(_TOKENS), data[cut:]]
            case 7:
                cut = chance.randrange(len(data) + 1)
                lines = [data[:cut], data[cut + chance.choice((1, 2, 10, 200)) :]]
            case 8 if data:
                spot = chance.randrange(len(data))
                lines = [data[:spot], bytes([data[spot] ^ 1 << chance.randrange(8)]), data[spot + 1 :]]
        data = b"".join(lines)[:1_000_000]
    return data


def smaller(data: bytes, wanted: frozenset[str], child: Child) -> bytes:
    """The input without the lines that its new messages do not need."""
    lines = data.splitlines(keepends=True)
    for size in (8, 4, 2, 1):
        at = 0
        while at < len(lines) and len(lines) > 1:
            fewer = lines[:at] + lines[at + size :]
            if wanted <= child.check(b"".join(fewer)).messages:
                lines = fewer
            else:
                at += size
    return b"".join(lines)


def main() -> None:
    """Fuzz until the time is over."""
    asked = argparse.ArgumentParser(description="Make broken specs and look whether `validate` bears them.")
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        return child()
    seed = random.randrange(2**32) if given.seed is None else given.seed
    chance = random.Random(seed)
    kept = sorted(CORPUS.glob("*.yaml"))
    starts = [*kept, *sorted((ROOT / "tests" / "golden").glob("*.yaml")), *sorted((ROOT / "specs").glob("*.yaml"))]
    pool = [path.read_bytes() for path in starts]
    worker, seen, tried, failed, new = Child(), set[str](), 0, 0, 0
    end = time.monotonic() + given.seconds
    queue = list(pool)
    while queue or time.monotonic() < end:
        first = bool(queue)
        data = queue.pop() if first else mutated(chance.choice(pool), pool, chance)
        outcome = worker.check(data)
        tried += 1
        if outcome.trouble is not None:
            failed += 1
            FAILURES.mkdir(parents=True, exist_ok=True)
            path = FAILURES / f"{hashlib.sha256(data).hexdigest()[:12]}.yaml"
            path.write_bytes(data)
            print(f"{path.relative_to(ROOT)}: {outcome.trouble}", file=sys.stderr)
        fresh = outcome.messages - seen
        seen |= fresh
        if fresh and not first:
            data = smaller(data, fresh, worker)
            pool.append(data)
            if len(data) <= _LARGEST_KEPT:
                new += 1
                CORPUS.mkdir(parents=True, exist_ok=True)
                name = f"{min(fresh)[:5].lower()}-{hashlib.sha256(data).hexdigest()[:8]}.yaml"
                (CORPUS / name).write_bytes(data)
    worker.close()
    print(f"seed {seed}: {tried:,} inputs, {len(seen)} kinds of message, {new} inputs kept, {failed} failures")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
