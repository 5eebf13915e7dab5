"""Limits that the promises state: what processes do not tell each other, and what is due but still in memory."""

from __future__ import annotations

from pathlib import Path

from perflab import Config, PerformanceSystem
from perflab.cache import build_tiers

QUIET = {"enable_auto_optimization": False, "resource_monitoring": {"enabled": False}, "cache_warming_enabled": False}


def test_another_process_serves_what_it_has_in_memory_until_that_is_due(tmp_path: Path) -> None:
    now = [0.0]
    config = Config(cache={"l3_dir": tmp_path / "l3"})
    with build_tiers(config) as one, build_tiers(config, timer=lambda: now[0]) as other:
        one.set("key", "old")
        assert other.get("key") == "old"
        other.set("dated", "old", ttl=10)
        one.set("key", "new")
        one.set("dated", "new")
        assert (other.get("key"), other.get("dated")) == ("old", "old")
        now[0] = 11.0
        other.clear("l1")
        other.clear("l2")
        assert (other.get("key"), other.get("dated")) == ("new", "new")


def test_two_systems_without_a_folder_share_nothing() -> None:
    with PerformanceSystem(Config(**QUIET)) as one, PerformanceSystem(Config(**QUIET)) as other:
        one.cache.set("key", 1)
        assert other.cache.get("key") is None
        assert one.cache.l3 is not None
        assert other.cache.l3 is not None
        assert one.cache.l3.folder != other.cache.l3.folder


def test_what_is_due_is_not_returned_before_it_is_swept() -> None:
    now = [0.0]
    with build_tiers(Config(cache={"l3_enabled": False}), timer=lambda: now[0]) as cache:
        cache.set("key", "value", ttl=10)
        now[0] = 9.999
        assert cache.get("key") == "value"
        now[0] = 10.0
        assert cache.get("key") is None
