"""What tests of panels share: a system that read something, and the text of a widget."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from random import Random
from typing import Any

from perflab import Config, PerformanceSystem

SMALL = Config(
    cache={"l1_bytes": "60 kB", "l2_bytes": "10 kB", "l3_enabled": False},
    cache_targets={"hit_rate": 0.9},
    enable_auto_optimization=False,
)


@contextmanager
def reading(config: Config = SMALL, **options: Any) -> Iterator[PerformanceSystem]:
    """Give a system in which some pages were read, most of them often."""
    with PerformanceSystem(config, **options) as system:
        read(system)
        yield system


def read(system: PerformanceSystem, count: int = 800, load_s: float = 0.0) -> None:
    """Read pages; each load takes so many seconds, and next to nothing by default."""
    random = Random(1)

    def load() -> str:
        if load_s:
            time.sleep(load_s)
        return "x" * 1000

    for number in range(count):
        with system.operation("open", key=number % 3):
            system.cache.get_or_load(int(random.paretovariate(0.9)) % 200, load)


def said(panel: Any) -> str:
    """Return the words of a panel's status line."""
    return words(panel.status.value)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html))).strip()


def parts(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)
