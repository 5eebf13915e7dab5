"""Which keys may be loaded before anybody asks, and how.

In: loaders that were declared free of side effects, each for the keys of a prefix or of a rule. Out: how to load a key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from perflab.cache.tiers.ahead import Reload
from perflab.cache.tiers.terms import Terms
from perflab.errors import ConfigError

__all__ = ["Loaders", "check_loader"]

Rule = Callable[[Hashable], bool]


class Loaders:
    """Loaders by the keys that they load; the one that was registered first wins.

    Examples
    --------
    >>> loaders = Loaders()
    >>> loaders.register("page-", lambda key: key.upper(), side_effect_free=True)
    >>> loaders.find("page-7").loader(), loaders.find("file-7")
    ('PAGE-7', None)
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[Rule, Callable[[Any], Any], Terms], ...] = ()

    def register(
        self,
        keys: str | Rule,
        loader: Callable[[Any], Any],
        *,
        side_effect_free: bool,
        ttl: float | None = None,
        cost: float | None = None,
        tier: str = "l3",
    ) -> None:
        """Let `loader(key)` be called in the background for keys that nobody has asked for yet.

        Parameters
        ----------
        keys
            The prefix of text keys, or `keys(key)` -> whether the loader loads it.
        loader
            Returns the value that the program's own load of the key would return. It is called in another thread.
        side_effect_free
            The declaration that a call does nothing but return the value; without it nothing is called ahead.
        ttl, cost, tier
            Of a loaded value, as for `TieredCache.get_or_load`.

        Raises
        ------
        ConfigError
            If the loader is not declared free of side effects, or `keys`, the loader, `ttl`, `cost` or `tier` is not
            allowed.
        """
        if not isinstance(keys, str) and not callable(keys):
            raise ConfigError(f"keys is {keys!r}; it must be a prefix of text keys, or a function of a key.")
        check_loader(loader)
        if side_effect_free is not True:
            raise ConfigError(
                f"side_effect_free is {side_effect_free!r}; a loader is called ahead of time only if it is declared "
                "with side_effect_free=True, so leave out one that does more than return a value"
            )
        rule = partial(_starts_with, keys) if isinstance(keys, str) else keys
        self._known = (*self._known, (rule, loader, Terms(ttl=ttl, cost=cost, tier=tier, side_effect_free=True)))

    def find(self, key: Hashable) -> Reload | None:
        """Return how to load a key, or None if no loader of it is known."""
        for rule, loader, terms in self._known:
            if rule(key):
                return Reload(partial(loader, key), terms)
        return None


def check_loader(loader: object) -> None:
    """Raise ConfigError if a loader cannot be called."""
    if not callable(loader):
        raise ConfigError(f"The loader is {loader!r}; it must be a function that returns the value of a key.")


def _starts_with(prefix: str, key: Hashable) -> bool:
    return isinstance(key, str) and key.startswith(prefix)
