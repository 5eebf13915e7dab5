"""What a system does before anybody asks: warming at the start, prefetching all the time.

In: its cache and config. Out: both, started and ended together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perflab.cache import TieredCache
from perflab.config import Config
from perflab.optimize import Prefetcher, Warming

__all__ = ["Ahead"]


class Ahead:
    """The prefetcher and the warming of a system.

    Parameters
    ----------
    busy
        Returns the CPU use of the host, ratio of all cores, or None if it is not known.
    keep
        `keep(trigger, rows)` records rows of `optimizations`.
    """

    def __init__(
        self,
        config: Config,
        cache: TieredCache,
        *,
        busy: Callable[[], float | None],
        keep: Callable[[str, list[dict[str, Any]]], object],
    ) -> None:
        self._config = config
        self.prefetch = Prefetcher(cache, config.prefetch)
        self.warm = Warming(
            cache, config.warming, limit_bytes=config.cache_targets.max_memory_bytes, busy=busy, keep=keep
        )

    def start(self) -> None:
        """Begin, as far as the config says so; nothing is waited for."""
        if self._config.cache_warming_enabled:
            self.warm.start(from_disk=self._config.cache.l3_dir is not None)
        self.switch(self._config.predictive_prefetching_enabled)

    def switch(self, on: bool) -> None:
        """Prefetch from now on, or no more."""
        (self.prefetch.start if on else self.prefetch.close)()

    def close(self) -> None:
        """End both."""
        self.warm.close()
        self.prefetch.close()
