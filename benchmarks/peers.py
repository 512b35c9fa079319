"""`python benchmarks/peers.py [NAME…]`: installs the programs that checking is compared with, each by itself.

They go into .venv-peers, apart from netspec's own environment; Ludwig alone is several gigabytes, with its PyTorch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".venv-peers"
PEERS = {
    "check-jsonschema": ("check-jsonschema==0.39.0",),
    "yamllint": ("yamllint==1.38.0",),
    "ludwig": ("ludwig==0.11.0", "torch==2.11.0", "torchaudio==2.11.0", "torchvision==0.26.0"),
}


def program(name: str, command: str) -> str | None:
    """The path of a peer's command; None where the peer is not installed."""
    path = FOLDER / name / ("Scripts" if os.name == "nt" else "bin") / command
    return os.fspath(path) if path.exists() else None


def main() -> None:
    """Install what is asked for; what is there already stays."""
    asked = argparse.ArgumentParser(description="Install the programs that checking is compared with.")
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PEERS)}; all if left out")
    names = asked.parse_args().names or list(PEERS)
    if unknown := sorted(set(names) - PEERS.keys()):
        asked.error(f"there is no peer `{unknown[0]}`; there are {', '.join(PEERS)}")
    env = {key: value for key, value in os.environ.items() if key not in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")}
    for name in names:
        print(f"installing {', '.join(PEERS[name])}", file=sys.stderr, flush=True)
        venv.create(FOLDER / name, with_pip=True)
        python = program(name, "python")
        assert python is not None
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[name]], env=env, check=True)


if __name__ == "__main__":
    main()
