"""A small store of parts, kept in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LIMIT = 1_000
UNITS = ("piece", "metre", "litre")


# A part is compared by its number alone;
# two parts of one number are the same part.
@dataclass(frozen=True)
class Part:
    """Something that can be kept."""

    number: int
    name: str = field(compare=False)
    unit: str = field(default="piece", compare=False)

    @property
    def label(self) -> str:
        """Return the text for the shelf."""
        return f"{self.number:06d} {self.name}"


class Inventory:
    """Parts and how many there are of each — négoce compris."""

    def __init__(self) -> None:
        self._counts: dict[Part, int] = {}

    # Negative amounts take parts out.
    def add(self, part: Part, amount: int = 1) -> int:
        """Change the count of a part and return it."""
        count = self._counts.get(part, 0) + amount
        if count < 0 or count > LIMIT:
            raise ValueError(f"{part.label}: {count} is not between 0 and {LIMIT}")
        self._counts[part] = count
        return count

    def __iter__(self) -> Iterator[Part]:
        return iter(self._counts)


def logged(fn: Callable[[int], int]) -> Callable[[int], int]:
    """Print each call."""

    @functools.wraps(fn)
    def call(number: int) -> int:
        print("call", number)
        return fn(number)

    return call


@logged
@functools.lru_cache(maxsize=128)
def triangle(number: int) -> int:
    """Return 1 + 2 + ... + number."""
    return number * (number + 1) // 2


async def report(inventory: Inventory) -> None:
    for part in inventory:
        print(part.label)


if __name__ == "__main__":
    print(triangle(4))
