"""What the reader holds while it is inside a list or a mapping, and what an alias stands for."""

from __future__ import annotations

from typing import Any

BAD, MERGE = object(), object()  # keys whose value is dropped, or merged


class Frame:
    """A list or mapping that is being read."""

    __slots__ = (
        "anchor",
        "as_key",
        "before",
        "firsts",
        "hidden",
        "key",
        "merge_at",
        "merge_node",
        "merges",
        "node",
        "value",
    )

    def __init__(
        self, node: int, value: list[Any] | dict[str, Any], anchor: str | None, before: int, as_key: bool
    ) -> None:
        self.node, self.value, self.anchor, self.before, self.as_key = node, value, anchor, before, as_key
        self.hidden = as_key  # it or what holds it stands as a key, which is told once
        self.firsts: dict[str, int] | None = None  # the nodes of the keys, once one is written twice
        self.key: object | str | None = None
        self.merges: list[dict[str, Any]] | None = None
        self.merge_at, self.merge_node = 0, -1


class Anchored:
    """What an alias stands for; `value` is missing while the anchored node is still open."""

    __slots__ = ("closed", "key", "node", "size", "value")

    def __init__(
        self, node: int, value: Any = None, size: int = 1, key: str | None = None, closed: bool = True
    ) -> None:
        self.node, self.value, self.size, self.key, self.closed = node, value, size, key, closed


def merged(frame: Frame) -> dict[str, Any]:
    """A mapping with its `<<` taken in where it stands; its own keys win, then the first source."""
    own = list(frame.value.items()) if isinstance(frame.value, dict) else []
    result = dict(own[: frame.merge_at])
    later = dict(own[frame.merge_at :])
    for source in frame.merges or ():
        for key, value in source.items():
            if key not in later:
                result.setdefault(key, value)
    result.update(later)
    return result
