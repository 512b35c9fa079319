"""Writes constraints.txt: one version of every package that netspec, its extras and its build need, for all Pythons.

`make lock` runs it, with uv installed: it resolves pyproject.toml once for Python 3.11 to 3.13 on Linux x86-64 and
aarch64, and raises SystemExit where no single version of a package serves them all. Names and versions only.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "constraints.txt"
HEADER = """\
# The version of every package that `make` installs; written by `make lock`, for Python 3.11 to 3.13 on Linux
# x86-64 and aarch64. Elsewhere too: pip install -c constraints.txt 'netspec[tensorflow]'
"""
RESOLVE = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--all-extras"]
ONE_EACH = ["--fork-strategy", "fewest", "--upgrade"]
NAMES_ONLY = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]


def pins(resolved: str) -> list[str]:
    """The `name==version` of each line, without the markers that say which machines were asked about.

    >>> pins("keras==3.15.1 ; sys_platform == 'linux'\\nnumpy==2.4.6\\n")
    ['keras==3.15.1', 'numpy==2.4.6']
    """
    found = [line.partition(";")[0].strip() for line in resolved.splitlines() if line.strip()]
    odd = [pin for pin in found if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin)]
    names = [pin.partition("==")[0] for pin in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if odd or twice:
        raise SystemExit(f"not one version each: {', '.join(odd + twice)}")
    return sorted(found)


def main() -> int:
    """Resolve, and replace constraints.txt in one step."""
    done = subprocess.run(
        [sys.executable, "-m", *RESOLVE, *ONE_EACH, *NAMES_ONLY, "pyproject.toml"],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return done.returncode
    fresh = TARGET.with_suffix(".part")
    fresh.write_text(HEADER + "".join(f"{pin}\n" for pin in pins(done.stdout)), encoding="utf-8")
    fresh.replace(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
