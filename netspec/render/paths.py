"""Where a file lies as a CI system names it: below the root of the checkout, with forward slashes."""

from __future__ import annotations

import os

_NO_FILES = ("<stdin>", "--set")


def relative(file: str) -> str | None:
    """The path from the checkout's root (GITHUB_WORKSPACE, where the file lies in it; else the current folder).

    None for what is no file: standard input, a setting of the command line. A file elsewhere keeps its absolute path.

    >>> relative("specs/./a.yaml"), relative("<stdin>")
    ('specs/a.yaml', None)
    """
    if file in _NO_FILES:
        return None
    try:
        path, here = os.path.abspath(file), os.getcwd()
    except OSError:  # the current folder is gone
        return file.replace(os.sep, "/")
    for root in (os.environ.get("GITHUB_WORKSPACE"), here):
        if root and path.startswith(os.path.join(os.path.abspath(root), "")):
            return os.path.relpath(path, root).replace(os.sep, "/")
    return path.replace(os.sep, "/")
