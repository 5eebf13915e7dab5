"""What perflab itself costs, as ratios of interleaved pairs in shared processes: run with `make perf`.

Nothing here asserts a time; each line is for people to read, with its interval and the noise floor.
"""

from __future__ import annotations

from collections.abc import Callable

import cachetools
import pytest

from perflab.bench import Arm, run
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder

KEYS = [f"key-{number}" for number in range(1_000)]


def plain_hits() -> None:
    cache: cachetools.LRUCache[str, int] = cachetools.LRUCache(10_000)
    for key in KEYS:
        cache[key] = 1
    for key in KEYS * 20:
        cache[key]


def recorded_hits() -> None:
    recorder = Recorder()
    cache = TieredCache(MemoryCache(10_000_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)
    for key in KEYS:
        cache.set(key, 1)
    for key in KEYS * 20:
        cache.get(key)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.mark.parametrize(
    ("title", "baseline", "other"),
    [
        ("20,000 recorded hits of a tiered cache / 20,000 hits of cachetools.LRUCache", plain_hits, recorded_hits),
    ],
)
def test_ratio(title: str, baseline: Callable[[], None], other: Callable[[], None], say: Callable[[str], None]) -> None:
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=48).comparisons[0].comparison
    assert found.pairs >= 48
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    say(f"\n{title}: {interval}, noise floor {max(found.baseline_noise, found.noise):.1%}, {found.pairs} pairs")
