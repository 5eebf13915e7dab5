"""Limits of the machine and absurd settings: seen, kept to, or refused by name."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from causes import control_group, python
from contract import Ledger, answered, pipeline, survived

from perflab import Config
from perflab.cache import DiskCache
from perflab.errors import ConfigError, StoreError

LARGE = bytes(range(256)) * 400


@contextlib.contextmanager
def without_handles() -> Iterator[None]:
    """Let no more file be opened."""
    import resource

    first_free = os.dup(0)
    os.close(first_free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fault("file handles exhausted")
@pytest.mark.parametrize("value", ["small", LARGE], ids=["row", "file"])
def test_file_handles_that_run_out_cost_no_result_and_no_entry(tmp_path: Path, value: object) -> None:
    with pipeline(tmp_path / "c", l3_compress_bytes=10**9) as system:
        ledger = Ledger(system.cache)
        assert ledger.set("key", value)
        refused = value is LARGE
        reason = "out of file handles"
        told = survived(reason, "raise the limit", frames=system.frames, row=f"reject: {reason}")
        with told if refused else contextlib.nullcontext(), without_handles():
            assert system.cache.get("key") == (None if refused else value)
            answered(system.cache, {"other": value})
        ledger.check()
        answered(system.cache, {"other": value})
    with DiskCache(tmp_path / "c") as again:
        ledger.check(again)


@pytest.mark.fault("file handles exhausted")
def test_a_cache_that_is_opened_without_handles_stores_when_there_are_some_again(tmp_path: Path) -> None:
    with survived("Too many open files", "another folder|Free space"), without_handles():
        cache = DiskCache(tmp_path / "c")
    with cache:
        assert cache.set("key", 1), "there are handles again"
        assert cache["key"] == 1


LIMITED = """
import json, resource, sys, time
from pathlib import Path
from perflab import Config, PerformanceSystem

MIB = 1 << 20
BOUND = sys.argv[2]

def mapped():
    if BOUND == "cgroup":  # pages of libraries that other groups have mapped do not count
        return int(Path(sys.argv[1], "memory.usage_in_bytes").read_text())
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()

import matplotlib.figure, numba, pandas, scipy.stats  # what a notebook has, before the limit is there
if BOUND == "RLIMIT_DATA":
    limit = mapped() + 300 * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
else:
    limit = int(Path(sys.argv[1], "memory.limit_in_bytes").read_text())
config = Config(
    relief={"budget_bytes": "10GB"},
    resource_monitoring={"interval_s": 0.2, "memory_threshold_bytes": "10GB", "limit_threshold_ratio": 0.75},
    cache={"l1_bytes": 64 * MIB, "l2_bytes": 0, "l3_enabled": False},
    optimization_schedule={"enabled": False},
)
with PerformanceSystem(config) as system:
    for number in range(6_000):
        system.cache.set(number, b"x" * 8_000)
    ballast, warned = [], []
    system.on("memory_warning", warned.append)
    end = time.monotonic() + 30
    while not (warned and system.cache.l1.max_bytes < 64 * MIB) and time.monotonic() < end:
        if mapped() < 0.82 * limit:
            ballast.append(b"x" * (5 * MIB))
        time.sleep(0.05)
    time.sleep(0.5)
    del ballast
    answers = [system.cache.get_or_load(number, lambda: b"x" * 8_000) == b"x" * 8_000 for number in range(100)]
    frame = system.frames.resources
    print(json.dumps({
        "limit": limit,
        "seen": int(frame["limit_bytes"].max()),
        "bounds": sorted(frame["memory_bound"].dropna().unique()),
        "l1_bytes": system.cache.l1.max_bytes,
        "answers": all(answers),
        "payloads": [json.loads(text) for text in system.frames.events["payload"]],
        "knobs": system.frames.optimizations["knob"].tolist(),
    }))
"""


def check_relief(told: dict[str, Any], bound: str) -> None:
    assert told["seen"] == told["limit"]
    assert any(name.startswith(bound) for name in told["bounds"])
    assert told["l1_bytes"] < 64 << 20
    assert told["answers"]
    assert "cache" in told["knobs"]
    assert any(data["of"].startswith(bound) for data in told["payloads"] if "of" in data), "one warning names the bound"


@pytest.mark.fault("300 MB of memory")
def test_a_limit_of_the_process_is_seen_and_l1_shrinks_before_it_is_reached() -> None:
    check_relief(json.loads(python(LIMITED, "", "RLIMIT_DATA")), "RLIMIT_DATA")


@pytest.mark.fault("memory limit of a control group")
def test_a_limit_of_a_control_group_is_seen_and_l1_shrinks_before_it_is_reached() -> None:
    with control_group("memory", limit_in_bytes=500 << 20) as (group, under):
        check_relief(json.loads(python(LIMITED, group, "cgroup", under=under)), "cgroup:")


@pytest.mark.fault("newer store schema")
@pytest.mark.parametrize(("version", "whose"), [(2, "a newer version of this package"), (0, "another program")])
def test_a_database_of_another_schema_is_refused_and_left_as_it_is(tmp_path: Path, version: int, whose: str) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = 1
    with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    for use in (DiskCache, pipeline):
        with pytest.raises(StoreError, match=rf"schema version {version}, of {whose}; allowed is 1: choose another"):
            use(tmp_path / "c")
    with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db")) as connection:
        connection.execute("PRAGMA user_version = 1")
    with DiskCache(tmp_path / "c") as again:
        assert again["key"] == 1


ABSURD: list[tuple[dict[str, Any], str]] = [
    ({"cache": {"l1_bytes": -1}}, r"cache\.l1_bytes.*-1"),
    ({"cache": {"l1_bytes": "10 GBB"}}, r"cache\.l1_bytes.*10 GBB"),
    ({"cache": {"l3_bytes": 0}}, r"cache\.l3_bytes.*0"),
    ({"cache": {"l1_policy": "best"}}, r"cache\.l1_policy.*best.*lru"),
    ({"cache": {"l2_ttl_s": float("nan")}}, r"cache\.l2_ttl_s.*nan"),
    ({"cache_targets": {"hit_rate": 1.5}}, r"cache_targets\.hit_rate.*1\.5"),
    ({"cache_targets": {"hit_rate": float("nan")}}, r"cache_targets\.hit_rate.*nan"),
    ({"parallel": {"workers": 0}}, r"parallel\.workers.*0"),
    ({"parallel": {"workers": True}}, r"parallel\.workers.*True"),
    ({"max_parallel_operations": 10**9}, r"max_parallel_operations.*1000000000"),
    ({"resource_monitoring": {"interval_s": 0}}, r"resource_monitoring\.interval_s.*0"),
    ({"resource_monitoring": {"interval_s": float("inf")}}, r"resource_monitoring\.interval_s.*inf"),
    ({"cache": {"l9_bytes": 1}}, r"cache\.l9_bytes is no setting; did you mean"),
    ({"no_such_part": 1}, r"no_such_part is no setting"),
]


@pytest.mark.fault("absurd config")
@pytest.mark.parametrize(("settings", "told"), ABSURD, ids=[told for _, told in ABSURD])
def test_an_absurd_setting_is_refused_by_field_value_and_what_is_allowed(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as direct:
        Config(**settings)
    assert re.search("allowed: |write |it must be |did you mean |allowed are ", str(direct.value)), "what is allowed"
    path = tmp_path / "perflab.toml"
    path.write_text("".join(map(_toml, settings.items())))
    with pytest.raises(ConfigError, match=told):
        Config.load(path)


def _toml(item: tuple[str, Any]) -> str:
    name, value = item
    if isinstance(value, dict):
        return f"[{name}]\n" + "".join(map(_toml, value.items()))
    return f"{name} = {json.dumps(value).replace('NaN', 'nan').replace('Infinity', 'inf')}\n"
