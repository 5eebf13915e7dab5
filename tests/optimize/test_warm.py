"""Warming: in the order of worth, within its bounds, in the background, and without an access."""

from __future__ import annotations

import threading
import time

import pytest
from optimize_cases import small_cache

from perflab.config import WarmingSettings
from perflab.errors import ConfigError
from perflab.optimize.warm import Warming
from perflab.record import Recorder


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def cache(tmp_path, recorder):
    with small_cache(tmp_path / "l3", recorder=recorder) as made:
        for number in range(30):
            made.set(f"key{number}", b"x" * 900)
        made.clear("l1")
        made.clear("l2")
        yield made


@pytest.fixture
def empty(tmp_path, recorder):
    with small_cache(tmp_path / "empty", recorder=recorder) as made:
        yield made


def until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_loads_up_to_the_limit_and_says_what_it_skipped(cache):
    rows = []
    warming = Warming(
        cache, limit_bytes=5_000, keep=lambda trigger, found: rows.extend((trigger, row) for row in found)
    )
    loaded = warming.run()
    assert 0 < loaded == len(cache.l1) + len(cache.l2)
    progress = warming.progress.set_index("name").loc["l3"]
    assert progress["bytes"] == cache.l1.nbytes + cache.l2.nbytes <= 5_000
    assert (progress["total"], progress["done"], progress["state"]) == (30, 30, "bytes")
    assert progress["skipped"] == {"no room": 30 - loaded}
    first, second = (row for _, row in rows)
    assert (first["verdict"], first["metric"], first["measured"]) == ("kept", "warm.bytes", progress["bytes"])
    assert (second["metric"], second["measured"]) == ("warm.skipped", 30 - loaded)
    assert "no room" in second["reason"]
    assert {trigger for trigger, _ in rows} == {"manual"}


def test_nothing_of_it_is_an_access_and_nothing_is_evicted(cache, recorder):
    Warming(cache).run()
    events = set(recorder.frames.accesses["event"])
    assert "warm" in events
    assert not events & {"hit", "miss", "evict", "load"}


def test_what_was_read_often_and_costs_much_comes_first(tmp_path):
    """The second process knows it from the file that the first one left."""

    def load():
        time.sleep(0.002)  # what a load costs is measured: beside this, a machine that stalls is little
        return b"x" * 900

    with small_cache(tmp_path / "l3") as first, Warming(first):
        for number in range(20):
            first.get_or_load(f"key{number}", load)
        for _ in range(99):
            first.get("key3")
            first.get("key7")
    with small_cache(tmp_path / "l3") as again:
        assert Warming(again, limit_bytes=2_500).run() == 2
        assert set(again.l1) == {"key3", "key7"}


def test_a_snapshot_brings_what_is_worth_most_without_an_access(cache, recorder, tmp_path):
    with small_cache(tmp_path / "other", recorder=Recorder()) as other:
        for number in range(4):
            other.set(f"hot{number}", b"y" * 900)
        other.snapshot(tmp_path / "hot")
    warming = Warming(cache, limit_bytes=2_500)
    assert warming.restore(tmp_path / "hot") == 2
    assert set(cache.l1) == {"hot3", "hot2"}
    assert not set(recorder.frames.accesses["event"]) & {"hit", "miss", "evict"}


def test_an_empty_store_loads_nothing(empty):
    rows = []
    warming = Warming(empty, keep=lambda _, found: rows.extend(found))
    assert warming.run() == 0
    assert [row["verdict"] for row in rows] == ["no change"]
    assert len(warming.report()) == 0


def test_a_strategy_is_loaded_in_its_order_and_from_disk_where_disk_has_it(cache):
    called = []

    def loader(key):
        called.append(key)
        return f"value of {key}"

    warming = Warming(cache)
    warming.register("mine", lambda: ["new1", "key5", "new2"], loader)
    assert warming() == len(cache.l1) + len(cache.l2)
    assert called == ["new1", "new2"]
    assert cache["new1"] == "value of new1"
    assert cache["key5"] == b"x" * 900
    assert warming.progress["state"].tolist() == ["done", "done"]
    with pytest.raises(ConfigError, match="'mine' is registered already"):
        warming.register("mine", [], loader)


@pytest.mark.parametrize(
    ("keys", "loader", "message"),
    [
        (None, str, "keys is None; it must be a list"),
        ("abc", str, "keys is 'abc'; it must be a list"),
        ([1], None, "The loader is None; it must be a function"),
    ],
)
def test_what_warms_nothing_is_refused_when_it_is_registered(empty, keys, loader, message):
    warming = Warming(empty)
    with pytest.raises(ConfigError, match=message):
        warming.register("odd", keys, loader)
    assert warming.progress.empty


def test_values_of_loaders_have_the_terms_that_were_given(empty):
    warming = Warming(empty)
    warming.register("mine", ["a"], str.upper, ttl=50, cost=3, tier="l1")
    warming.run()
    assert (empty.ttl("a"), empty._tiers.peek("a").facts.cost, "a" in empty.l3) == (50, 3, False)


def test_in_the_background_it_begins_at_once_and_takes_what_comes_later(cache):
    loading = threading.Event()
    with Warming(cache, idle=lambda: True) as warming:
        assert warming.wait(30)
        assert len(cache.l1) > 0
        warming.register("later", ["late"], lambda key: loading.set() or key)
        assert loading.wait(30)
        until(lambda: warming.progress["state"].tolist() == ["done", "done"])
    assert not any(thread.name == "perflab-warm" for thread in threading.enumerate())


def test_loaders_wait_for_the_process_to_be_idle_and_disk_does_not(cache):
    idle = threading.Event()
    with Warming(cache, idle=idle.is_set) as warming:
        warming.register("mine", ["new"], lambda key: key)
        until(lambda: warming.progress["state"].tolist() == ["done", "running"])
        assert "new" not in cache.l1
        idle.set()
        assert warming.wait(30)
        assert cache.l1["new"] == "new"


def test_a_busy_host_and_a_pause_hold_it_up_and_time_ends_it(cache):
    use, now = [0.9], [0.0]
    warming = Warming(cache, WarmingSettings(max_s=10, busy_ratio=0.5), busy=lambda: use[0], timer=lambda: now[0])
    warming.start()
    time.sleep(0.1)
    assert len(cache.l1) == 0
    now[0] = 11.0
    assert warming.wait(30)
    progress = warming.progress.iloc[0]
    assert (progress["state"], progress["skipped"], progress["done"]) == ("time", {"out of time": 30}, 30)
    use[0] = 0.1
    warming.pause()
    warming.start()
    time.sleep(0.1)
    assert len(cache.l1) == 0
    warming.resume()
    assert warming.wait(30)
    assert len(cache.l1) > 0
    warming.close()


def test_a_raising_loader_is_one_warning_and_the_others_are_loaded(empty, recwarn):
    def loader(key):
        if key != "good":
            raise ValueError(key)
        return key

    warming = Warming(empty)
    warming.register("mine", ["bad", "worse", "good"], loader)
    warming.register("other", lambda: 1 / 0, loader)
    assert warming.run() == 1
    progress = warming.progress.set_index("name")
    assert progress.loc["mine", "skipped"] == {"failed: ValueError": 2}
    assert progress.loc["other", "state"] == "failed"
    assert [str(warning.message).split("failed")[0] for warning in recwarn] == ["Warming 'bad' ", "Warming 'other' "]


def test_a_hanging_loader_does_not_hold_up_the_close(empty):
    hang, hanging = threading.Event(), threading.Event()
    warming = Warming(empty, idle=lambda: True)
    warming.register("mine", ["a"], lambda _: hanging.set() or hang.wait(60))
    warming.start()
    assert hanging.wait(30)
    try:
        assert empty.get_or_load("a", lambda: "mine") == "mine"
        with pytest.warns(RuntimeWarning, match="did not end"):
            warming.close()
    finally:
        hang.set()
    until(lambda: not any(thread.name == "perflab-warm" for thread in threading.enumerate()))


def test_once_memory_is_full_no_loader_is_called_in_vain(empty):
    called = []
    warming = Warming(empty)
    warming.register("mine", range(200), lambda key: called.append(key) or b"x" * 900)
    loaded = warming.run()
    assert len(called) <= loaded + 1
    assert warming.progress.set_index("name").loc["mine", "state"] == "bytes"


def test_the_report_is_of_the_recorded_accesses(cache):
    warming = Warming(cache, limit_bytes=5_000)
    loaded = warming.run()
    for key in list(cache.l1)[:2]:
        cache.get(key)
    found = warming.report().set_index("name")["value"]
    assert (found["warm.keys"], found["warm.used_share"]) == (loaded, 2 / loaded)
