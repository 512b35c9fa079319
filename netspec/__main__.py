"""`netspec`, and `python -m netspec`: the command line, interruptible from its first moment."""

import os
import sys


def main() -> None:
    """Run the command line; it is imported here so that Ctrl-C while it loads ends in order too."""
    try:
        from netspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
        os._exit(130)  # what is half imported cannot be taken down in order


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `python -m` puts the current folder there: a yaml.py beside a spec is not ours to run
    main()
