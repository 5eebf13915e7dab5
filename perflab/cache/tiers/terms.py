"""How a missing key is loaded and its value kept.

In: what a caller of `get_or_load` wants. Out: `Terms`, checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perflab.cache.entry import Facts, checked_cost, checked_tags, checked_ttl
from perflab.errors import ConfigError

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a missing key is loaded and its value kept; the fields are the keywords of `TieredCache.get_or_load`.

    Raises
    ------
    ConfigError
        If a time, or the cost, is no number, NaN or negative, a tag is no text, or there is no such tier.
    """

    ttl: float | None = None
    cost: float | None = None
    timeout: float | None = None
    negative_ttl: float | None = None
    tags: Iterable[str] = ()
    tier: str = "l3"
    missing: type[Exception] | tuple[type[Exception], ...] = KeyError
    side_effect_free: bool = False

    def __post_init__(self) -> None:
        checked_ttl(self.ttl)
        checked_tags(self.tags)
        if self.tier not in ("l1", "l3"):
            raise ConfigError(f"tier is {self.tier!r}; it must be 'l1' for memory alone, or 'l3' for disk too")
        checked_cost(self.cost)
        for name in ("timeout", "negative_ttl"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, int | float) and number >= 0):
                raise ConfigError(f"{name} is {number!r}; it must be a number, 0 or more, or None")

    def ttl_of(self, value: object) -> float | None:
        """Return the time to live of a loaded value."""
        return self.negative_ttl if value is None and self.negative_ttl is not None else self.ttl

    def facts(self, duration_s: float) -> Facts:
        """Return what is told of a value whose load took so many seconds."""
        cost = duration_s if self.cost is None else float(self.cost)
        return Facts(cost=cost, tags=checked_tags(self.tags), memory_only=self.tier == "l1")

    @property
    def absent(self) -> type[Exception] | tuple[type[Exception], ...]:
        """The errors that are remembered."""
        return () if self.negative_ttl is None else self.missing
