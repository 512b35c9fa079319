"""What is wrong with data: every fault that is found while they are read or prepared."""

from __future__ import annotations

from netspec.errors import NetspecError


class DataError(NetspecError):
    """Data that cannot be used: `code` is the diagnostic's, `help` the way out."""

    exit_code = 1

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.code = code


class NoRows(DataError):
    """Of rows that were read none can be used."""
