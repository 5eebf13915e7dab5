"""Another config for a system at work: what can change does, at once and as a whole; what cannot is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from perflab import Config, PerformanceSystem
from perflab.errors import ConfigError, PerflabError, StoreError
from perflab.system.apply import changes

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
    "cache": {"l1_bytes": 20_000, "l2_bytes": 20_000, "l3_enabled": False},
}


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(Config(**QUIET)) as made:
        yield made


def value(number: int) -> bytes:
    return bytes([number % 256]) * 900


def test_sizes_policies_and_times_change_in_the_tiers_and_what_fits_stays(system: PerformanceSystem) -> None:
    for number in range(10):
        system.cache[number] = value(number)
    wanted = {"l1_bytes": 30_000, "l2_bytes": 5_000, "l1_policy": "s3fifo", "l2_policy": "fifo", "l2_ttl_s": 60}
    changed = system.apply(system.config.replace(cache=wanted))
    assert changed == ("cache.l1_bytes", "cache.l1_policy", "cache.l2_bytes", "cache.l2_policy", "cache.l2_ttl_s")
    assert (system.cache.l1.max_bytes, system.cache.l2.max_bytes) == (30_000, 5_000)
    assert {number: system.cache[number] for number in range(10)} == {number: value(number) for number in range(10)}
    system.cache.l2["late"] = b"x"
    assert 59 < system.cache.l2.ttl("late") <= 60
    assert system.config.cache.l1_policy == system.run.config.cache.l1_policy == "s3fifo"


def test_a_smaller_tier_lets_go_of_what_has_no_room(system: PerformanceSystem) -> None:
    for number in range(10):
        system.cache[number] = value(number)
    system.apply(system.config.replace(cache={"l1_bytes": 4_000, "l2_bytes": 0}))
    assert system.cache.l1.nbytes <= 4_000
    assert list(system.cache) == [7, 8, 9]


def test_reads_after_a_change_of_policy_count_as_the_new_policy_counts_them(system: PerformanceSystem) -> None:
    system.apply(system.config.replace(cache={"l1_policy": "lfu", "l1_bytes": 4_000, "l2_bytes": 0}))
    for number in range(3):
        system.cache[number] = value(number)
    for number in (0, 0, 0, 1, 2):
        system.cache.get(number)
    system.cache["new"] = value(9)
    assert sorted(map(str, system.cache)) == ["0", "2", "new"]


def test_workers_and_chunk_sizes_go_for_the_next_file(system: PerformanceSystem, tmp_path: Any) -> None:
    path = tmp_path / "text.txt"
    path.write_text("one line of text\n" * 200)
    before = system.process_large_file(path, len)
    system.apply(system.config.replace(chunks={"max_bytes": 200}, parallel={"workers": 2}))
    after = system.process_large_file(path, len)
    assert len(after.results) > len(before.results)
    assert (system._workers.workers, sum(after.results)) == (2, sum(before.results))
    assert len(list(system.chunks(path))) == len(after.results)


def test_prefetching_monitor_and_triggers_start_and_end(system: PerformanceSystem) -> None:
    on = system.config.replace(
        predictive_prefetching_enabled=True, resource_monitoring={"enabled": True}, enable_auto_optimization=True
    )
    for config, running in ((on, True), (Config(**QUIET), False)):
        system.apply(config)
        threads = [part._thread is not None for part in (system.prefetch, system._monitor, system.auto)]
        assert threads == [running] * 3


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"cache": {"l3_bytes": 1_000_000}}, "cache.l3_bytes cannot change while the system works"),
        ({"record": {"chunk_rows": 64}}, "record.chunk_rows cannot change"),
        ({"max_parallel_operations": 3}, "max_parallel_operations cannot change"),
        ({"parallel": {"kind": "threads"}}, "parallel.kind cannot change"),
        ({"cache": {"l2_sliding": True}}, "cache.l2_sliding cannot change"),
    ],
)
def test_what_only_a_new_system_can_have_is_refused_and_nothing_changes(
    system: PerformanceSystem, wanted: dict[str, Any], named: str
) -> None:
    before = system.config
    both = system.config.replace(**wanted).replace(cache={"l1_bytes": 1_000})
    with pytest.raises(ConfigError, match=named):
        system.apply(both)
    assert system.config is before
    assert system.cache.l1.max_bytes == 20_000


def test_a_step_that_fails_takes_back_the_steps_before_it(
    system: PerformanceSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("it cannot be done")

    monkeypatch.setattr(system.cache, "reorder", refuse)
    before = system.config
    # The way back calls what fails as well, which must not hide the first error.
    with pytest.raises(StoreError, match="it cannot be done"):
        system.apply(system.config.replace(cache={"l1_bytes": 30_000, "l1_policy": "sieve"}))
    assert system.config is before
    assert system.cache.l1.max_bytes == 20_000


def test_a_closed_system_takes_no_config(system: PerformanceSystem) -> None:
    system.close()
    with pytest.raises(PerflabError, match="closed"):
        system.apply(Config(**QUIET))


def test_every_setting_either_changes_or_is_refused() -> None:
    assert changes(Config(), Config()) == ()
    assert changes(Config(), Config(thresholds={"cache_miss_ratio": 0.5})) == ("thresholds.cache_miss_ratio",)
