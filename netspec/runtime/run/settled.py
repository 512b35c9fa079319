"""Rows that a trained run meets: what the spec could have said of their cells had to be said before training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from netspec.runtime.data.faults import DataError


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """What is wrong with a cell is raised with what helps now first, and the word for the spec as one for later."""
    try:
        yield
    except DataError as error:
        if error.code != "NS703" or not (error.help or "").startswith("say "):
            raise
        cure = f"mend the cell, or leave out the row; to train anew, {error.help}"
        raise DataError(error.code, error.message, cure) from error
