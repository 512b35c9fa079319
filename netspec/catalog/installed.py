"""Which Keras is installed, told from the name of its folder: nothing is imported, and it takes a fraction of a ms."""

from __future__ import annotations

import os
import sys

from netspec.catalog import keras_version

_START, _END = "keras-", ".dist-info"


def installed() -> str | None:
    """The version of the Keras that `import keras` would find, None where there is none."""
    for folder in sys.path:
        try:
            names = os.listdir(folder) if folder else []
        except OSError:  # a zip file, or a folder that is gone
            continue
        for name in names:
            if name.startswith(_START) and name.endswith(_END):
                return name[len(_START) : -len(_END)]
    return None


def other(version: str) -> str | None:
    """What to say of a Keras of that version; None where the catalogue fits it, which it does for one minor version.

    >>> other("3.15.0") is None, other("3.16.1")
    (True, 'the catalogue is that of Keras 3.15.1, and Keras 3.16.1 is installed: names and arguments may differ')
    """
    known = keras_version()
    if version.split(".")[:2] == known.split(".")[:2]:
        return None
    return f"the catalogue is that of Keras {known}, and Keras {version} is installed: names and arguments may differ"
