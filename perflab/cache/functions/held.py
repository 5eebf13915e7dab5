"""Values that stay in memory.

In: a value. Out: the same in a wrapper that disk cannot store, so that it is in the memory tiers alone.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Held", "bare"]


class Held:
    """A value in memory; it costs what its value does, and a header.

    Examples
    --------
    >>> bare(Held([1])), bare([1])
    ([1], [1])
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Held({self.value!r})"


def bare(value: Any) -> Any:
    """Return the value in a wrapper, and any other as it is."""
    return value.value if type(value) is Held else value
