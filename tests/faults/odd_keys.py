"""Keys that programs come up with, made anew at each call: those that a cache takes, and those that it must refuse."""

from __future__ import annotations

from typing import Any

__all__ = ["refused_keys", "taken_keys"]


def taken_keys() -> list[Any]:
    """Return keys of which no two are the same to a cache."""
    texts = ["", "z" * 2_000_000, "\ud800", "\0", "1", "nul \0 and escape \x1b[31m\nnewline"]
    numbers = [1, 1.0, True, 0.0, -0.0, float("nan"), 2**2000, None]
    nested = [(), (1,), (1.0,), (True,), (1, float("nan")), frozenset({1, "a", (2, None)}), frozenset({"b", "a"})]
    return [*texts, *numbers, *nested, b"", b"1", b"z" * 2_000_000]


def refused_keys() -> list[Any]:
    """Return keys that have no bytes that mean the same in another process, or that are not hashable."""
    return [object(), object, len, lambda: 1, (1, object()), [1], (1, [2])]
