"""The tiered cache: where entries are, what is recorded, and what threads may do to each other."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiered_cases import Clock, Unsupported, events, make

from perflab.cache import MISSING, MemoryCache, TieredCache, TTLCache, build_tiers
from perflab.cache.tiers.stats import tier_stats
from perflab.config import Config, RecordSettings
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder


def test_eviction_demotes_and_a_hit_promotes_exclusively() -> None:
    with make() as cache:
        for key in "abcd":
            cache[key] = "x"
        assert (list(cache.l1), list(cache.l2)) == (["b", "c", "d"], ["a"])
        assert cache["a"] == "x"
        assert (list(cache.l1), list(cache.l2)) == (["c", "d", "a"], ["b"])
        assert events(cache)[4:] == [
            ("d", "set", "l1"),
            ("b", "demote", "l2"),
            ("a", "promote", "l1"),
            ("a", "hit", "l2"),
        ]
        assert events(cache)[3] == ("a", "demote", "l2")


def test_a_second_tier_without_room_is_not_asked_so_that_it_rejects_nothing() -> None:
    with make(2, 0) as cache:
        for key in "abcd":
            cache[key] = "x"
        assert [event for event in events(cache) if event[1] != "set"] == [("a", "evict", "l1"), ("b", "evict", "l1")]


def test_one_row_an_access_and_the_tier_that_answered(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        cache["a"] = "x"
        assert (cache.get("a"), cache.get("b", 7)) == ("x", 7)
        cache.clear("l1")
        assert cache["a"] == "x"
        assert cache["a"] == "x"
        with pytest.raises(KeyError):
            cache["b"]
        assert [event for event in events(cache) if event[1] in ("hit", "miss")] == [
            ("a", "hit", "l1"),
            ("b", "miss", None),
            ("a", "hit", "l3"),
            ("a", "hit", "l1"),
            ("b", "miss", None),
        ]
        accesses = cache.recorder.frames.accesses
        assert (accesses.loc[accesses["event"].isin(["hit", "miss"]), "duration_s"] > 0).all()


def test_a_value_too_large_for_l1_lives_in_l2_and_too_large_for_both_on_disk(tmp_path: Path) -> None:
    with make(2, 4, disk=tmp_path / "c") as cache:
        assert cache.set("middle", "xxx")
        assert cache.set("large", "x" * 9)
        assert (list(cache.l1), list(cache.l2)) == ([], ["middle"])
        assert (cache["middle"], cache["large"]) == ("xxx", "x" * 9)
        assert [event[1:] for event in events(cache)[-2:]] == [("hit", "l2"), ("hit", "l3")]
    with make(2, 4) as cache:
        assert cache.set("large", "x" * 9) is False


def test_a_replaced_value_is_served_by_no_tier(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        for key in "abcd":
            cache[key] = "old"[0]
        assert "a" in cache.l2
        cache["a"] = "n"
        assert "a" not in cache.l2
        unsupported = Unsupported()
        cache["a"] = unsupported
        assert cache["a"] is unsupported
        assert "a" not in cache.l3
        cache.clear("l1")
        assert cache.get("a", MISSING) is MISSING
    with make() as cache:
        cache["a"] = "x"
        cache["a"] = "x" * 9
        assert cache.get("a") is None


def test_unsupported_values_stay_in_memory_with_a_row_that_says_so(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        assert cache.set("a", Unsupported())
        rejected = cache.recorder.frames.accesses.query("event == 'reject'")
        assert rejected[["key", "tier", "reason"]].values.tolist() == [["a", "l3", "type"]]
        with pytest.raises(ValueError, match="Unsupported"):
            cache.set(Unsupported(), 1)


def test_deadlines_stay_through_demotion_and_promotion(tmp_path: Path) -> None:
    clock = Clock()
    with make(1, 3, disk=tmp_path / "c", clock=clock) as cache:
        cache.set("a", "x", ttl=100)
        cache["b"] = "x"
        clock.now += 60
        assert (list(cache.l2), cache.ttl("a"), cache.l2.ttl("a")) == (["a"], 40, 40)
        assert cache["a"] == "x"
        assert (cache.ttl("a"), cache.l1.peek("a").deadline) == (40, 1_100)
        assert (cache.ttl("b"), cache.l2.ttl("b")) == (math.inf, 3_600), "l2 keeps what has no end for its default"
        cache.clear("l1")
        assert cache["a"] == "x"
        assert cache.ttl("a") == 40, "from disk too"
        clock.now += 40
        assert cache.get("a") is None
        with pytest.raises(KeyError):
            cache.ttl("a")


def test_a_deadline_stays_across_processes(tmp_path: Path) -> None:
    clock = Clock()
    with make(disk=tmp_path / "c", clock=clock) as cache:
        cache.set("a", "x", ttl=100)
    clock.now += 60
    with make(disk=tmp_path / "c", clock=clock) as again:
        assert again["a"] == "x"
        assert again.l1.peek("a").deadline == 1_100


def test_touch_reaches_every_tier(tmp_path: Path) -> None:
    clock = Clock()
    with make(disk=tmp_path / "c", clock=clock) as cache:
        cache.set("a", "x", ttl=10)
        assert cache.touch("a", 100)
        assert (cache.ttl("a"), cache.l3.ttl("a")) == (100, 100)
        assert cache.touch("missing", 1) is False
        frame = cache.inspect("a")
        assert frame["tier"].tolist() == ["l1", "l3"]
        assert frame["ttl_s"].tolist() == [100, 100]
        assert cache.touch("a", 0) is False
        assert "a" not in cache


def test_what_nobody_asked_for_is_no_access(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        for key in "abcdefgh":
            cache[key] = "x"
    with make(disk=tmp_path / "c") as cache:
        assert cache.prefetch(["a", "missing", "a"]) == 1
        warmed = [cache.ahead.fetch(key, event="warm", limit=100).outcome for key in "bcdefg"]
        assert warmed == ["came"] * 5 + ["no room"], "only free room is used"
        assert (len(cache.l1), len(cache.l2)) == (3, 3)
        names = [event for _, event, _ in events(cache)]
        assert names == ["prefetch"] + ["warm"] * 5
        assert cache.stats()["accesses"].sum() == 0
        assert cache.stats()["hit_rate"].isna().all()


def test_clear_counts_by_tier(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        for key in "abcde":
            cache[key] = "x"
        assert len(cache) == 5
        assert cache.clear("l1") == 3
        assert cache.clear("l2") == 2
        assert set(cache) == set("abcde")
        assert cache.clear("l3") == 5
        cache["a"] = "x"
        assert cache.clear() == 2
        assert len(cache) == 0
        with pytest.raises(ConfigError, match="'l4'"):
            cache.clear("l4")


def test_prefix_reads_are_accesses(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        cache.update({"page/1": "x", "page/2": "y", "other": "z", 5: "n"})
        assert cache.get_by_prefix("page/") == {"page/1": "x", "page/2": "y"}
        assert cache.stats().query("tier == 'all'")["accesses"].item() == 2


def test_stats_equal_a_count_over_the_rows(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        for number in range(60):
            key = f"k{(number * 7) % 11}"
            if cache.get(key) is None:
                cache[key] = "x"
        table = cache.stats().set_index("tier")
        rows = cache.recorder.frames.accesses
        for tier in ("l1", "l2", "l3"):
            answered = rows.query("event == 'hit' and tier == @tier")
            assert table.loc[tier, "hits"] == len(answered)
            assert table.loc[tier, "evictions"] == len(rows.query("event == 'evict' and tier == @tier"))
        assert table.loc["all", "accesses"] == len(rows.query("event in ['hit', 'miss']")) == 60
        assert table.loc["all", "misses"] == len(rows.query("event == 'miss'")) == 11
        assert table.loc["all", "hit_rate"] == pytest.approx(49 / 60)
        assert table.loc["l1", "misses"] == table.loc["l2", "accesses"]
        assert table.loc["l2", "misses"] == table.loc["l3", "accesses"]
        assert table.loc["l1", ["bytes", "entries"]].tolist() == [cache.l1.nbytes, len(cache.l1)]
        assert (table["mean_access_s"].dropna() > 0).all()
        assert "<table" in cache._repr_html_()


def test_stats_without_rows_are_missing_and_not_zero() -> None:
    table = tier_stats(Recorder().frames.accesses, {"l1": (0, 0)})
    assert table[["hit_rate", "mean_access_s", "p95_access_s"]].isna().all(axis=None)


def test_get_or_load_loads_once_for_32_threads() -> None:
    with make(100, 100) as cache:
        start, calls, results = threading.Barrier(32), [], []

        def load() -> str:
            calls.append(1)
            threading.Event().wait(0.02)
            return "x"

        def work() -> None:
            start.wait(30)
            results.append(cache.get_or_load("key", load))

        threads = [threading.Thread(target=work) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert results == ["x"] * 32
        assert len(calls) == 1
        names = [event for _, event, _ in events(cache)]
        assert (names.count("load"), names.count("set")) == (1, 1)
        assert names.count("hit") + names.count("miss") == 32


def test_errors_and_interruptions_of_a_loader_are_not_cached() -> None:
    with make() as cache:
        for error in (ValueError("no page"), KeyboardInterrupt()):
            with pytest.raises(type(error)):
                cache.get_or_load("key", lambda error=error: (_ for _ in ()).throw(error))
        assert "key" not in cache
        assert cache.get_or_load("key", lambda: None) is None
        assert cache.get_or_load("key", lambda: pytest.fail("None is a value like any other")) is None


def test_a_value_replaced_while_it_is_fetched_from_disk_does_not_come_back(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        cache["a"] = "old"
        cache.clear("l1")
        fetch = cache.l3.entry

        def slow(key: object) -> object:
            entry = fetch(key)
            cache.l3.entry = fetch
            cache["a"] = "new"
            return entry

        cache.l3.entry = slow
        assert cache["a"] in ("old", "new")
        assert cache["a"] == "new"


def test_writers_of_one_key_end_with_one_value_everywhere(tmp_path: Path) -> None:
    with make(100, 100, disk=tmp_path / "c") as cache:
        threads = [
            threading.Thread(target=lambda name=name: [cache.set("key", f"{name}{n}") for n in range(50)])
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert cache.l1["key"] == cache.l3["key"]


def test_build_follows_the_config(tmp_path: Path) -> None:
    config = Config(
        cache={"l1_bytes": 1_000, "l2_bytes": 2_000, "l2_ttl_s": 60, "l3_dir": tmp_path / "c", "l3_bytes": 10_000}
    )
    with build_tiers(config, Recorder()) as cache:
        assert (cache.l1.max_bytes, cache.l2.max_bytes, cache.l3.max_bytes) == (1_000, 2_000, 10_000)
        assert cache.l3.folder == tmp_path / "c"
    with build_tiers(Config()) as cache:
        private = cache.l3.folder
        assert private.exists()
    assert not private.exists()


def test_close_is_final_and_idempotent() -> None:
    cache = make()
    cache["a"] = "x"
    cache.close()
    cache.close()
    assert cache.l1.nbytes == 0
    assert "closed" in repr(cache)
    for use in (lambda: cache.get("a"), lambda: cache.set("a", 1), lambda: "a" in cache, cache.clear, cache.stats):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_batches_are_reads_and_writes_of_each_key(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        assert cache.set_many([("a", "x"), ("b", "y"), ("large", "x" * 9), (True, "t"), (1, "i")]) == 5
        assert (cache.l1.nbytes, cache.l3["large"], cache.l3[True], cache.l3[1]) == (3, "x" * 9, "t", "i")
        cache.clear("l2")
        done = len(events(cache))
        assert cache.get_many([1, "a", True, "b", "none", "large", "a"], "?") == ["i", "x", "t", "y", "?", "x" * 9, "x"]
        reads = [event for event in events(cache)[done:] if event[1] in ("hit", "miss")]
        assert reads == [
            ("1", "hit", "l1"),
            ("True", "hit", "l1"),
            ("b", "hit", "l1"),
            ("a", "hit", "l3"),
            ("none", "miss", None),
            ("large", "hit", "l3"),
            ("a", "hit", "l3"),
        ]
        assert "a" in cache.l1
        batched = cache.recorder.frames.accesses.query("tier == 'l3' and event == 'hit'")
        assert (batched["duration_s"] > 0).all()
        assert (cache.get_many([]), cache.set_many([])) == ([], 0)
        assert cache.set_many([("a", "old"), ("a", "new")]) == 1
        assert (cache["a"], cache.l3["a"]) == ("new", "new")


def test_hits_of_a_batch_count_for_the_order_of_eviction() -> None:
    with make(3, 0) as cache:
        cache.set_many([("a", "x"), ("b", "x"), ("c", "x")])
        cache.get_many(["b", "a"])
        cache["d"] = "x"
        assert list(cache.l1) == ["b", "a", "d"]


def test_a_batch_goes_to_each_tier_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make(9, 9, disk=tmp_path / "c") as cache:
        calls: list[tuple[str, int]] = []
        for name in ("entries", "put"):
            plain = getattr(cache.l3, name)
            monkeypatch.setattr(
                cache.l3,
                name,
                lambda items, *how, plain=plain, name=name: (calls.append((name, len(items))), plain(items, *how))[1],
            )
        cache.set_many([(number, "x") for number in range(5)])
        cache.clear("l1")
        cache.set_many({9: "x"})
        assert cache.get_many(range(10)) == ["x"] * 5 + [None] * 4 + ["x"]
        assert calls == [("put", 5), ("entries", 9)]


def test_a_batch_with_a_key_that_cannot_be_stored_changes_nothing(tmp_path: Path) -> None:
    with make(disk=tmp_path / "c") as cache:
        with pytest.raises(ValueError, match="Unsupported"):
            cache.set_many([("a", "x"), (Unsupported(), "x")])
        assert len(cache) == 0
        assert cache.set_many({"a": Unsupported(), "b": "x"}, ttl=5) == 2
        assert (list(cache.l3), cache.ttl("b")) == (["b"], 5)


@pytest.mark.parametrize("timestamps", ["exact", "chunk", "off"])
@given(keys=st.lists(st.integers(0, 6), max_size=60), room=st.integers(1, 5))
def test_noted_hits_give_the_order_that_hits_under_a_lock_would(timestamps: str, keys: list[int], room: int) -> None:
    recorder = Recorder(settings=RecordSettings(timestamps=timestamps, chunk_rows=16))
    l1 = MemoryCache(room * 100, weigh=lambda *_: 100, recorder=recorder)
    cache = TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder)
    model: OrderedDict[int, None] = OrderedDict()
    for key in keys:
        cache.get_or_load(key, lambda key=key: key)
        if key not in model and len(model) == room:
            model.popitem(last=False)
        model[key] = None
        model.move_to_end(key)
        assert set(l1) == set(model)
    assert list(l1) == list(model)


def test_tags_and_prefixes_are_removed_from_every_tier_and_in_later_processes(tmp_path: Path) -> None:
    with make(2, 2, disk=tmp_path / "c") as cache:
        for number in range(6):  # two in l1, two in l2, all on disk
            cache.set(f"page-{number}", "x", tags=("even",) if number % 2 == 0 else ("odd", "rest"))
        assert cache.get_or_load("loaded", lambda: "x", tags="even") == "x"
        assert cache.invalidate(tag="odd") == 3
        assert sorted(cache) == ["loaded", "page-0", "page-2", "page-4"]
        assert cache.invalidate("page-0") == 1
        assert cache.invalidate("page-0", tag="none", prefix="none") == 0
    with make(2, 2, disk=tmp_path / "c") as later:
        assert later.get("page-2") == "x"
        assert later.l1.peek("page-2").facts.tags == ("even",)
        assert later.invalidate(tag="even", prefix="page") == 3
        assert len(later) == 0
    with make(2, 2) as memory:
        memory.set("a", "x", tags="t")
        memory.set("b", "x", tags="t")
        memory.set("c", "x")
        assert (memory.invalidate(tag="t"), list(memory)) == (2, ["c"])
        with pytest.raises(ConfigError):
            memory.set("a", "x", tags=[1])
        with pytest.raises(ConfigError):
            memory.set("a", "x", cost=-1)


def test_a_cost_comes_back_from_disk(tmp_path: Path) -> None:
    with make(2, 2, disk=tmp_path / "c") as cache:
        cache.set("said", "x", cost=7)
        cache.get_or_load("loaded", lambda: "x", cost=3, ttl=60)
        cache.set_many({"many": "x"})
    with make(5, 5, disk=tmp_path / "c") as later:
        assert later.get_many(["said", "loaded", "many"]) == ["x"] * 3
        assert [later._tiers.peek(key).facts.cost for key in ("said", "loaded", "many")] == [7, 3, None]


@pytest.mark.parametrize("policy", ["through", "back", "around"])
def test_what_is_loaded_for_memory_alone_is_never_on_disk(tmp_path: Path, policy: Any) -> None:
    with make(2, 2, disk=tmp_path / "c") as cache:
        cache.write_policy = policy
        for key in ("a", "b", "c", "d"):
            assert cache.get_or_load(key, lambda: "x", tier="l1") == "x"
        cache.flush()
        assert list(cache.l3) == []
        assert not any((tmp_path / "c" / "loads").glob("*"))
        assert {event for _, event, _ in events(cache)}.isdisjoint({"reject", "write_back"})
        assert cache.snapshot(tmp_path / "hot") == 0

        def load_late() -> str:
            cache.l3.set("late", "old")  # as another process may
            return "x"

        assert cache.get_or_load("late", load_late, tier="l1") == "x"
        assert list(cache.l3) == []
        with pytest.raises(ConfigError, match="tier is 'l2'"):
            cache.get_or_load("e", lambda: "x", tier="l2")
    with make(disk=tmp_path / "c") as later:
        assert len(later) == 0


def told(cache: TieredCache) -> list[tuple[object, object, str]]:
    heard: list[tuple[object, object, str]] = []
    cache.listener = lambda *left: heard.append(left)
    return heard


@pytest.mark.parametrize("policy", ["through", "back"])
def test_a_listener_hears_what_leaves_memory_and_no_moves(tmp_path: Path, policy: Any) -> None:
    clock = Clock()
    with make(2, 2, disk=tmp_path / "c", clock=clock) as cache:
        cache.write_policy = policy
        heard = told(cache)
        for key in "abcd":
            cache[key] = "x"
        assert heard == [], "two are in l1, two were demoted to l2"
        cache["e"] = "x"
        assert heard == [("a", "x", "evicted")]
        cache["b"] = "y"  # it is in l2
        cache["b"] = "z"  # in l1
        assert heard[1:] == [("b", "x", "replaced"), ("b", "y", "replaced")]
        cache["b"] = "too long"
        assert heard[3:] == [("b", "z", "replaced")]
        cache.set("e", "x", ttl=10)
        clock.now += 11
        assert cache.get("e") is None
        assert heard[4:] == [("e", "x", "replaced"), ("e", "x", "expired")]
        del heard[:]
        cache.set("t", "x", tags="tag")
        cache.invalidate(tag="tag")
        cache.delete("c")
        assert {(key, reason) for key, _, reason in heard} == {("t", "invalidated"), ("c", "invalidated")}
        del heard[:]
        cache.clear()
        assert {reason for *_, reason in heard} <= {"cleared"}
        cache.listener = None
        cache["f"] = "x"
        cache["f"] = "y"
        assert {reason for *_, reason in heard} <= {"cleared"}


def test_a_listener_hears_of_a_key_that_is_removed_and_was_on_disk_alone(tmp_path: Path) -> None:
    with make(1, 0, disk=tmp_path / "c") as cache:
        for key in "abcd":
            cache.set(key, "x", tags="tag" if key == "b" else ())
        heard = told(cache)
        assert cache.delete("a")
        assert not cache.delete("a")
        assert cache.invalidate(tag="tag") == 1
        assert cache.delete("d"), "it is in memory too"
        assert heard == [(key, "x", "invalidated") for key in "abd"]
        assert [row[:2] for row in events(cache)[-3:]] == [
            ("b", "invalidate"),
            ("d", "invalidate"),
            ("d", "invalidate"),
        ]
        cache.listener = None
        assert cache.delete("c")
        assert len(heard) == 3


def test_a_listener_hears_of_a_value_that_no_tier_took_once() -> None:
    with make(2, 3) as cache:
        heard = told(cache)
        cache["a"] = "x"
        assert cache.set("a", "xxx")  # l2 takes it
        assert heard == [("a", "x", "replaced")]
        assert not cache.set("a", "xxxx")
        assert heard[1:] == [("a", "xxxx", "rejected"), ("a", "xxx", "replaced")]
        cache["b"] = cache["c"] = "xx"
        cache["d"] = "xx"  # c goes to l2, b leaves
        assert heard[3:] == [("b", "xx", "evicted")]


def test_a_listener_may_use_the_cache_from_another_thread() -> None:
    with make(1, 0) as cache:
        found: list[object] = []

        def listen(key: object, _: object, reason: str) -> None:
            thread = threading.Thread(target=lambda: found.append((key, reason, cache.get("other"))))
            thread.start()
            thread.join(10)

        cache.listener = listen
        cache["a"] = "x"
        cache["b"] = "x"
        cache.clear()
        assert found == [("a", "evicted", None), ("b", "cleared", None)]
