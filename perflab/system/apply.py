"""Another config for a system that is at work.

In: the parts of the system, the config in force, the one that is wanted. Out: the parts changed, all of them or none;
ConfigError for a setting that only a new system can have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from perflab.cache import MemoryCache, TieredCache
from perflab.cache.entry import UNBOUNDED
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.system.ahead import Ahead
from perflab.system.large_files import Files

__all__ = ["Parts", "apply", "changes"]

_FIXED: Mapping[str, str] = {
    "cache.l2_sliding": "the tier is made with it",
    "cache.l3_": "the disk tier is opened with it",
    "cache_warming_enabled": "it is read when a system starts",
    "max_parallel_operations": "operations under way share so many permits",
    "parallel.kind": "the workers are started with it",
    "parallel.scheduler": "the workers are started with it",
    "prefetch.": "the prefetcher is made with it",
    "record.": "the recorder is made with it",
    "warming.": "it is read when a system starts",
}
"""Beginnings of the paths of settings that cannot change, and why."""

_L1_L2: tuple[Literal["l1", "l2"], ...] = ("l1", "l2")


class Parts(Protocol):
    """What of a system goes by its config."""

    cache: TieredCache
    _files: Files
    _ahead: Ahead

    def _watch_host(self, config: Config) -> None: ...
    def _schedule(self, config: Config) -> None: ...
    def _alert(self, config: Config) -> None: ...


def changes(old: Config, new: Config) -> tuple[str, ...]:
    """Return the paths of the settings that differ.

    Examples
    --------
    >>> changes(Config(), Config(max_parallel_operations=4, cache={"l1_policy": "sieve"}))
    ('max_parallel_operations', 'cache.l1_policy')
    """
    before, after = dict(_fields(old)), dict(_fields(new))
    return tuple(path for path in before if before[path] != after[path])


def apply(system: Parts, old: Config, new: Config) -> tuple[str, ...]:
    """Give the parts of a system a new config, and return the paths of what changed.

    Sizes, policies and times to live change in the tiers at once, and what they hold stays as far as it fits. Workers
    and chunk sizes go for the next file.

    Raises
    ------
    ConfigError
        If a setting that differs can only be had by a new system; then nothing is changed.
    StoreError
        If an entry that would have to leave memory cannot be written to disk; then nothing is changed.
    """
    changed = changes(old, new)
    _refuse_fixed(changed)
    with ExitStack() as undo:
        for forward, backward in _steps(system, old, new, changed):
            undo.callback(backward)
            forward()
        undo.pop_all()
    return changed


Step = tuple[Callable[[], object], Callable[[], object]]
"""What gives a part the new settings, and what gives it back the old ones."""


def _steps(system: Parts, old: Config, new: Config, changed: tuple[str, ...]) -> Iterator[Step]:
    if old.l1_bytes + old.l2_bytes != new.l1_bytes + new.l2_bytes or _any(changed, "cache.l1_", "cache.l2_"):
        yield from _of_tiers(system.cache, old, new, changed)
    yield from (_step(partial(_set_option, system.cache, name), old, new, f"cache.{name}") for name in _OPTIONS)
    if _any(changed, "parallel", "chunks.", "streaming_", "enable_large_file", "thresholds.large_file"):
        yield partial(system._files.use, new), partial(system._files.use, old)
    if _any(changed, "predictive_prefetching_enabled"):
        yield _step(system._ahead.switch, old, new, "predictive_prefetching_enabled")
    if _any(changed, "resource_monitoring.", "relief.", "cache_targets.max_memory_bytes"):
        yield partial(system._watch_host, new), partial(system._watch_host, old)
    if _any(changed, "enable_auto_optimization", "optimization_schedule.", "thresholds."):
        yield partial(system._schedule, new), partial(system._schedule, old)
    if _any(changed, "alerts."):
        yield partial(system._alert, new), partial(system._alert, old)


_OPTIONS = ("stale_s", "refresh_ratio", "write_policy")


def _of_tiers(cache: TieredCache, old: Config, new: Config, changed: tuple[str, ...]) -> Iterator[Step]:
    # What shrinks comes first, so that the tiers never hold more than either config allows.
    for name in sorted(_L1_L2, key=lambda name: _most_bytes(new, name) - _most_bytes(old, name)):
        tier: MemoryCache = getattr(cache, name)
        yield partial(_resize, tier, name, new), partial(_resize, tier, name, old)
    for name in _L1_L2:
        if f"cache.{name}_policy" in changed:
            yield _step(partial(cache.reorder, name), old, new, f"cache.{name}_policy")
    if "cache.l2_ttl_s" in changed:
        yield _step(cache.l2.live_for, old, new, "cache.l2_ttl_s")


def _resize(tier: MemoryCache, name: str, config: Config) -> None:
    entries = getattr(config.cache, f"{name}_entries")
    tier.resize(_most_bytes(config, name), UNBOUNDED if entries is None else entries)


def _most_bytes(config: Config, tier: str) -> int:
    size: int = getattr(config, f"{tier}_bytes")
    return size


def _step(use: Callable[[Any], object], old: Config, new: Config, path: str) -> Step:
    return partial(use, _value(new, path)), partial(use, _value(old, path))


def _set_option(cache: TieredCache, name: str, value: Any) -> None:
    if getattr(cache, name) != value:
        setattr(cache, name, value)


def _value(config: Config, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _any(changed: tuple[str, ...], *beginnings: str) -> bool:
    return any(path.startswith(beginnings) for path in changed)


def _refuse_fixed(changed: tuple[str, ...]) -> None:
    fixed = [
        f"{path} cannot change while the system works: {why}"
        for path in changed
        for beginning, why in _FIXED.items()
        if path.startswith(beginning)
    ]
    if fixed:
        raise ConfigError(f"{'; '.join(fixed)}; make a new system for that")


def _fields(settings: BaseModel, before: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
