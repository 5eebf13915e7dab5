"""A system's hot set goes to a file and into the next system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perflab import Config, PerformanceSystem, open_run
from perflab.errors import ConfigError, StoreError
from perflab.system.hotset import HOT_SET

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "cache": {"l3_enabled": False},
    "parallel": {"workers": 1},
}


def test_the_next_system_begins_with_the_last_ones_hot_set(tmp_path: Path) -> None:
    with PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run") as system:
        for number in range(5):
            system.cache[number] = f"page {number}"
        assert system.snapshot() == tmp_path / "run" / HOT_SET
    assert open_run(tmp_path / "run").status == "finished"
    with PerformanceSystem(Config(**QUIET)) as system:
        assert system.restore(tmp_path / "run") == 5
        assert (list(system.cache.l1), system.cache[4]) == ([0, 1, 2, 3, 4], "page 4")
        row = system.frames.optimizations.iloc[-1]
        assert (row["trigger"], row["verdict"]) == ("manual", "kept")
        assert row["measured"] == system.cache.l1.nbytes


def test_a_hot_set_has_a_path_and_a_limit(tmp_path: Path) -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        for number in range(50):
            system.cache[number] = "x" * 100
        with pytest.raises(ConfigError, match="give the path"):
            system.snapshot()
        path = system.snapshot(tmp_path / "hot", limit_bytes=2_000)
        assert path.stat().st_size <= 2_000
    with PerformanceSystem(Config(**QUIET)) as system:
        restored = system.restore(path, limit_bytes=2_000)
        held = system.cache.l1.nbytes
        assert held <= 2_000 < held / restored * (restored + 1)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(StoreError, match="refused"):
            system.restore(path)
        assert len(system.frames.optimizations) == 1
