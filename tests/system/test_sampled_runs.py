"""Runs in which a share of the keys was recorded: what is told of them is of all keys, and says how it is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.errors import ConfigError
from perflab.workloads.accesses import zipf

READS = zipf(40_000, 6_000, exponent=0.6, seed=5)
QUIET: dict[str, Any] = {"enable_auto_optimization": False, "resource_monitoring": {"enabled": False}}
CACHE = {"l1_bytes": 1_000_000, "l2_bytes": 0, "l3_enabled": False}
SAMPLED = 0.2


def run(sample_ratio: float, run_dir: Path | None = None) -> PerformanceSystem:
    """Serve the reads and return the closed system."""
    config = Config(**QUIET, cache=CACHE, record={"sample_ratio": sample_ratio})
    with PerformanceSystem(config, run_dir=run_dir) as system:
        for number in READS:
            if system.cache.get(number) is None:
                system.cache.set(number, bytes(400))
    return system


@pytest.fixture(scope="module")
def whole() -> PerformanceSystem:
    return run(1.0)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> PerformanceSystem:
    return run(SAMPLED, tmp_path_factory.mktemp("sampled") / "run")


def test_metrics_are_estimated_for_all_keys(whole: PerformanceSystem, sampled: PerformanceSystem) -> None:
    truth, found = (system.metrics().set_index("name") for system in (whole, sampled))
    rate, memory = found.loc["cache.hit_rate"], found.loc["cache.memory"]
    assert {str(found.loc[f"cache.{name}"]["how"]) for name in ("hit_rate", "miss_rate", "memory")} == {"estimated"}
    assert abs(rate["value"] - truth["value"]["cache.hit_rate"]) < 3 * (rate["high"] - rate["value"])
    assert rate["high"] - rate["low"] > truth["high"]["cache.hit_rate"] - truth["low"]["cache.hit_rate"]
    assert "to 0.2 of the keys" in rate["method"]
    assert memory["value"] == pytest.approx(truth["value"]["cache.memory"], rel=0.15)
    assert math.isnan(memory["low"])
    assert truth["how"]["cache.hit_rate"] == "measured"


def test_every_view_tells_the_share(sampled: PerformanceSystem, tmp_path: Path) -> None:
    with PerformanceSystem(Config(**QUIET, record={"sample_ratio": SAMPLED})) as system:
        assert system.statistics()["sample_ratio"] == SAMPLED
    assert sampled._recorder.run_dir is not None
    stored = perflab.open_run(sampled._recorder.run_dir)
    assert stored.frames.accesses.attrs["sample_ratio"] == SAMPLED
    assert (
        stored.metrics()
        .set_index("name")
        .loc["cache.memory"]
        .equals(sampled.metrics().set_index("name").loc["cache.memory"])
    )
    assert "accesses to 0.2 of the keys, which alone were recorded" in stored.report(tmp_path / "r.md").read_text()


def test_a_what_if_over_a_share_of_the_keys_answers_for_caches_of_the_whole_size(
    whole: PerformanceSystem, sampled: PerformanceSystem
) -> None:
    exact, estimated = (perflab.whatif(system.trace()) for system in (whole, sampled))
    for policy in ("lru", "sieve"):
        for size in ("500kB", "1MB", "2MB"):
            assert estimated.hit_rate(policy, size) == pytest.approx(exact.hit_rate(policy, size), abs=0.03)
    assert "0.2 of whose keys were recorded" in repr(estimated)
    with pytest.raises(ConfigError, match="ask by='bytes'"):
        perflab.whatif(sampled.trace(), by="entries")


def test_what_was_dropped_is_told_and_memory_is_then_a_lower_bound(tmp_path: Path) -> None:
    config = Config(**QUIET, cache=CACHE, record={"memory_budget_bytes": 200_000})
    with PerformanceSystem(config) as system:
        for number in READS:
            if system.cache.get(number) is None:
                system.cache.set(number, bytes(100))
        dropped = system.statistics()["rows_dropped"]
        assert dropped > 0
        found = system.metrics().set_index("name")
        assert math.isnan(found["high"]["cache.memory"])
        assert f"but the oldest, {dropped} rows that were dropped" in found["method"]["cache.hit_rate"]
        text = system.report(tmp_path / "r.md").read_text()
    assert f"{dropped:,} older rows were dropped for want of memory" in text
