"""One contract for every tier and every policy, and a state machine that holds each memory tier against a dict."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tier_cases import TIERS, Clock, Make, length, rows

from perflab.cache import DiskCache, TTLCache
from perflab.errors import ConfigError
from perflab.record import Recorder

TOO_LARGE = random.Random(4).randbytes(150_000).hex()
"""For any of the tiers, whatever a compression makes of it."""

ODD_KEYS: list[Any] = [1, 1.0, True, (1,), (1.0,), math.nan, "\ud800", "\0", "", None]


@pytest.fixture(params=TIERS)
def make(request: pytest.FixtureRequest) -> Make:
    return TIERS[request.param]


class TestContractOfAnyTier:
    """What holds for disk too."""

    @pytest.fixture(params=[*TIERS, "l3"])
    def open_tier(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
        opened: list[DiskCache] = []

        def disk(max_bytes: int, *, timer: Clock, recorder: Recorder) -> DiskCache:
            opened.append(DiskCache(tmp_path / "c", max_bytes, timer=timer, wall=timer, recorder=recorder))
            return opened[-1]

        yield TIERS.get(request.param, disk)
        for tier in opened:
            tier.close()

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def recorder(self) -> Recorder:
        return Recorder()

    @pytest.fixture
    def tier(self, open_tier: Callable[..., Any], clock: Clock, recorder: Recorder) -> Any:
        return open_tier(100_000, timer=clock, recorder=recorder)

    def test_it_is_a_mapping(self, tier: Any) -> None:
        tier.update(a=1, b=2)
        tier["a"] = 3
        assert (dict(tier), len(tier), "a" in tier, "c" in tier) == ({"a": 3, "b": 2}, 2, True, False)
        assert (tier.get("c"), tier.get("c", 4), tier.pop("a"), tier.pop("a", None)) == (None, 4, 3, None)
        assert (tier.setdefault("b", 5), tier.setdefault("d", 6)) == (2, 6)
        with pytest.raises(KeyError):
            tier["a"]
        with pytest.raises(KeyError):
            del tier["a"]
        assert {tier.popitem(), tier.popitem()} == {("b", 2), ("d", 6)}
        with pytest.raises(KeyError):
            tier.popitem()

    def test_odd_keys_stay_apart(self, tier: Any) -> None:
        for number, key in enumerate(ODD_KEYS):
            tier[key] = number
        assert [tier[key] for key in ODD_KEYS] == list(range(len(ODD_KEYS)))
        assert tier[float("nan")] == 5
        with pytest.raises(TypeError):
            tier[[1]] = 1
        assert [1] not in tier

    def test_what_is_due_is_gone_everywhere(self, tier: Any, clock: Clock, recorder: Recorder) -> None:
        for key in "abcd":
            tier.set(key, "x", ttl=5)
        clock.now += 4.999
        assert (len(tier), tier.ttl("a") if hasattr(tier, "ttl") else None) != (0, 0)
        clock.now += 0.001
        assert tier.get("a") is None
        assert "b" not in tier
        assert list(tier) == []
        assert len(tier) == 0
        expired = {key for key, event, _ in rows(recorder) if event == "expire"}
        assert expired >= {"a", "b"}

    def test_no_time_stores_nothing(self, tier: Any) -> None:
        assert tier.set("a", "x", ttl=0) is False
        assert "a" not in tier

    @pytest.mark.parametrize("bad", [-1, math.nan, "soon", True])
    def test_absurd_times_are_refused(self, tier: Any, bad: object) -> None:
        with pytest.raises(ConfigError, match="ttl"):
            tier.set("a", 1, ttl=bad)

    def test_touch_gives_a_new_time_to_live(self, tier: Any, clock: Clock) -> None:
        tier.set("a", "x", ttl=5)
        clock.now += 4
        assert tier.touch("a", 5)
        clock.now += 4
        assert tier["a"] == "x"
        assert tier.touch("missing") is False
        assert tier.touch("a", 0) is False
        assert "a" not in tier

    def test_an_oversize_value_touches_nothing_else_and_is_not_served_stale(self, tier: Any) -> None:
        tier.update(a="xx", b="yyy")
        assert tier.set("c", TOO_LARGE) is False
        assert dict(tier) == {"a": "xx", "b": "yyy"}
        assert tier.set("a", TOO_LARGE) is False
        assert dict(tier) == {"b": "yyy"}

    def test_clear_and_delete_are_invalidations(self, tier: Any, recorder: Recorder) -> None:
        tier.update(a="x", b="y")
        del tier["a"]
        assert tier.clear() == 1
        assert (len(tier), list(tier)) == (0, [])
        assert rows(recorder)[2:] == [("a", "invalidate", "deleted"), ("b", "invalidate", "cleared")]

    def test_with_no_room_nothing_is_stored(self, open_tier: Callable[..., Any], clock: Clock) -> None:
        nothing = open_tier(0, timer=clock, recorder=Recorder())
        nothing["a"] = 1
        assert len(nothing) == 0


class TestContractOfMemory:
    def test_replacing_a_key_evicts_nothing_else(self, make: Make) -> None:
        cache = make(10, weigh=length)
        cache.update({"a": "xxxxx", "b": "yyyyy"})
        cache["a"] = "zzzzz"
        assert dict(cache) == {"a": "zzzzz", "b": "yyyyy"}
        assert cache.nbytes == 10

    def test_both_bounds_hold_and_each_eviction_is_a_row(self, make: Make) -> None:
        recorder = Recorder()
        cache = make(20, max_entries=6, weigh=length, recorder=recorder)
        for number in range(60):
            cache[number] = "x" * (number % 8)
            cache.get(number // 2)
            assert cache.nbytes == sum(len(text) for text in cache.values()) <= 20
            assert 0 < len(cache) <= 6
        evicted = [key for key, event, _ in rows(recorder) if event == "evict"]
        assert sorted(evicted + [str(key) for key in cache]) == sorted(map(str, range(60)))

    def test_expired_entries_leave_before_live_ones(self, make: Make) -> None:
        clock, recorder = Clock(), Recorder()
        cache = make(3, weigh=length, timer=clock, recorder=recorder)
        cache["old"] = "x"
        cache.set("brief", "x", ttl=5)
        cache["new"] = "x"
        clock.now += 5
        cache["more"] = "x"
        assert set(cache) == {"old", "new", "more"}
        assert [row[:2] for row in rows(recorder)][-2:] == [("brief", "expire"), ("more", "set")]

    def test_resize_evicts_at_once(self, make: Make) -> None:
        cache = make(6, weigh=length)
        cache.update(dict.fromkeys("abcdef", "x"))
        cache.resize(4)
        assert (len(cache), cache.max_bytes) == (4, 4)
        cache.resize(max_entries=2)
        assert (len(cache), cache.max_bytes, cache.max_entries) == (2, 4, 2)
        cache.resize(10, 10)
        cache.update(dict.fromkeys("ghijkl", "x"))
        assert len(cache) == 8
        cache.resize(0)
        assert (len(cache), cache.nbytes, cache.set("a", "")) == (0, 0, False)
        for bad in ({"max_bytes": -1}, {"max_entries": 1.5}):
            with pytest.raises(ConfigError, match=r"is (-1|1\.5);"):
                cache.resize(**bad)
        assert cache.max_bytes == 0

    def test_peek_changes_no_order(self, make: Make) -> None:
        if make is TIERS["l1 cachetools.RRCache"]:
            pytest.skip("it has no order")
        orders = []
        for peeks in (0, 9):
            cache = make(max_entries=5)
            cache.update(dict.fromkeys("abcde", "x"))
            cache.get("c")
            assert [cache.peek("a") for _ in range(peeks)].count(None) == 0
            orders.append([cache.entries()[0].key, *map(str, cache)])
        assert orders[0] == orders[1]


class Model(RuleBasedStateMachine):
    """A memory tier against a dict of what it must hold: what was set, less what it says that it let go of."""

    keys = st.sampled_from(["a", "b", "ab", 1, 1.0, True])
    make: Make = TTLCache

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.told: list[tuple[str, Any, str]] = []
        self.model: dict[str, tuple[str, float]] = {}
        self.tags: dict[str, str] = {}
        self.recorder = Recorder()
        self.bounds = [20, 5]
        self.cache = type(self).make(
            20,
            max_entries=5,
            weigh=length,
            default_ttl=10,
            timer=self.clock,
            recorder=self.recorder,
            listener=lambda key, value, reason: self.told.append((repr(key), value, reason)),
        )

    def live(self) -> dict[str, str]:
        return {name: value for name, (value, expires) in self.model.items() if expires > self.clock.now}

    def settle(self, allowed: set[str]) -> list[tuple[str, Any, str]]:
        """Take from the model what the tier let go of, for reasons that are allowed."""
        told = self.told[:]
        self.told.clear()
        for name, value, reason in told:
            assert reason in allowed
            if reason == "rejected":
                continue
            if reason != "replaced":
                held, expires = self.model.pop(name)
                assert held == value
                assert (expires <= self.clock.now) == (reason == "expired")
                self.tags.pop(name, None)
        return told

    @rule(key=keys, size=st.integers(0, 25), ttl=st.none() | st.integers(0, 30), tag=st.sampled_from(["", "t", "u"]))
    def store(self, key: object, size: int, ttl: int | None, tag: str) -> None:
        name, before = repr(key), self.live()
        stored = self.cache.set(key, "x" * size, ttl=ttl, tags=[tag] if tag else [])
        told = self.settle({"evicted", "expired", "replaced", "invalidated", "rejected"})
        assert stored == (size <= self.bounds[0] and min(self.bounds) > 0 and ttl != 0)
        assert [reason for _, _, reason in told].count("replaced") == (stored and name in before)
        if not stored:
            assert [reason for other, _, reason in told if other == name][:1] != ["evicted"]
            assert name not in self.model
            return
        assert all(other != name for other, _, reason in told if reason == "evicted")
        self.model[name] = ("x" * size, self.clock.now + (10 if ttl is None else ttl))
        self.tags[name] = tag

    @rule(key=keys)
    def read(self, key: object) -> None:
        assert self.cache.get(key) == self.live().get(repr(key))
        self.settle({"expired"})

    @rule(key=keys)
    def look(self, key: object) -> None:
        entry = self.cache.peek(key)
        assert (entry and entry.value) == self.live().get(repr(key))
        assert (key in self.cache) == (repr(key) in self.live())
        self.settle({"expired"})

    @rule(key=keys, ttl=st.none() | st.integers(0, 30))
    def touch(self, key: object, ttl: int | None) -> None:
        name, found = repr(key), repr(key) in self.live()
        if found:
            self.model[name] = (self.model[name][0], self.clock.now + (10 if ttl is None else ttl))
        assert self.cache.touch(key, ttl) == (found and ttl != 0)
        self.settle({"expired"})

    @rule(key=keys)
    def delete(self, key: object) -> None:
        found = repr(key) in self.live()
        assert (self.cache.pop(key, None) is not None) == found
        told = self.settle({"expired", "invalidated"})
        assert (repr(key) in {name for name, _, reason in told if reason == "invalidated"}) == found

    @rule(tag=st.sampled_from(["t", "u"]))
    def invalidate(self, tag: str) -> None:
        tagged = {name for name in self.live() if self.tags[name] == tag}
        assert self.cache.invalidate(tag=tag) == len(tagged)
        told = self.settle({"expired", "invalidated"})
        assert {name for name, _, reason in told if reason == "invalidated"} == tagged

    @rule()
    def by_prefix(self) -> None:
        starting = {name[1:-1]: value for name, value in self.live().items() if name.startswith("'a")}
        assert self.cache.get_by_prefix("a") == starting
        self.settle({"expired"})

    @rule(key=keys)
    def move_away(self, key: object) -> None:
        entry = self.cache.take(key)
        assert (entry and entry.value) == self.live().get(repr(key))
        self.settle({"expired"})
        if entry is not None:
            del self.model[repr(key)]

    @rule(max_bytes=st.integers(0, 30), max_entries=st.integers(0, 7))
    def resize(self, max_bytes: int, max_entries: int) -> None:
        self.cache.resize(max_bytes, max_entries)
        self.bounds = [max_bytes, max_entries]
        self.settle({"evicted", "expired"})

    @rule()
    def clear(self) -> None:
        assert self.cache.clear() == len(self.live())
        self.settle({"expired", "cleared"})
        assert self.model == {}

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def same_content(self) -> None:
        assert {repr(key): value for key, value in self.cache.items()} == self.live()
        assert len(self.cache) == len(self.live())
        self.settle({"expired"})
        assert set(self.model) == set(self.live())
        assert self.cache.nbytes == sum(map(len, self.live().values()))

    @invariant()
    def bounds_hold(self) -> None:
        assert self.cache.nbytes <= self.bounds[0]
        assert len(self.cache._stock.shelf) <= self.bounds[1]


@pytest.mark.parametrize("name", TIERS)
def test_it_holds_what_was_set_less_what_it_tells_of(name: str) -> None:
    case: Any = type("Machine", (Model,), {"make": staticmethod(TIERS[name])}).TestCase  # type: ignore[attr-defined]  # dynamic
    case.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
