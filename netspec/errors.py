"""What stops a verb and is the user's to mend: each says what, how to mend it, and with which code the process ends."""

from __future__ import annotations


class NetspecError(Exception):
    """A mistake outside the spec's text: in a file, in the data, in a run, or in what is installed.

    `code` is the diagnostic's (`NS703`), None where there is none; `exit_code` the process's.
    """

    code: str | None = None
    exit_code = 2

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help
