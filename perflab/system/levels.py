"""What a system does on each level of memory use.

In: its cache, workers and prefetcher. Out: the steps of each level, mildest first, and the ladder that says when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from perflab.cache import TieredCache
from perflab.config import ReliefSettings
from perflab.host.children import descendants
from perflab.host.reading import glance
from perflab.optimize import Ladder, Relief, Step
from perflab.optimize.resident import Residents
from perflab.optimize.steps import FlightRecord, Setting
from perflab.parallel import Workers

__all__ = ["SHRINK", "Pausable", "ladder_of", "steps_of"]

_CHILDREN = "memory.children_rss"
SHRINK = 1
"""The number of the level that shrinks the memory tiers."""


class Pausable(Protocol):
    """Work ahead of the program's own, which can wait."""

    def pause(self) -> None:
        """Begin nothing further."""

    def resume(self) -> None:
        """Go on."""


class _Switch:
    """A pausable as a setting: whether it is on."""

    def __init__(self, pausable: Pausable, on: bool) -> None:
        self._pausable = pausable
        self.on = on

    def set(self, on: bool) -> None:
        self.on = on
        (self._pausable.resume if on else self._pausable.pause)()


def ladder_of(settings: ReliefSettings) -> Ladder:
    """Return the levels of the config."""
    return Ladder(
        settings.levels,
        samples=settings.samples,
        cooldown_s=settings.cooldown_s,
        hysteresis_ratio=settings.hysteresis_ratio,
    )


def steps_of(
    cache: TieredCache,
    workers: Workers,
    ahead: Mapping[str, tuple[Pausable, bool]],
    relief: Relief,
    save_flight: Callable[[], str | None],
) -> list[list[Step]]:
    """Return the steps of the five levels, in the order of `ReliefSettings.levels`.

    `ahead` is the work ahead of the program's own, by the path of the setting that switches it on, and whether it is.

    What workers free is judged by the memory of child processes, so that growth of the program itself does not hide it.
    """
    here = Residents()
    return [
        [_pausing(knob, _Switch(pausable, on), here) for knob, (pausable, on) in ahead.items()],
        [relief],
        [_fewer(workers, lambda count: max(1, count // 2))],
        [
            Setting("cache.admits", lambda: cache.admits, partial(setattr, cache, "admits"), lambda _: False, here),
            _fewer(workers, lambda _: 1),
        ],
        [FlightRecord(save_flight, here)],
    ]


def _pausing(knob: str, switch: _Switch, residents: Residents) -> Setting[bool]:
    return Setting(knob, lambda: switch.on, switch.set, lambda _: False, residents)


def _fewer(workers: Workers, lower: Callable[[int], int]) -> Setting[int]:
    def resize(count: int) -> None:
        workers.resize(count, workers.in_flight)

    return Setting("parallel.workers", lambda: workers.workers, resize, lower, Residents(_of_children), _CHILDREN)


def _of_children() -> int | None:
    children = descendants()
    return None if children is None else glance(tuple(children)).children_rss_bytes
