"""The tiers against models: a dict where disk is below, two ordered dicts where it is not."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tiered_cases import Clock, events, make

from perflab.cache import DiskCache


class Model(RuleBasedStateMachine):
    """Three tiers against a dict; with disk below, nothing is lost but by age or request, under each write policy."""

    keys = st.sampled_from(["a", "b", "c", "d", 1, 1.0, True])

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = DiskCache()
        self.cache = make(4, 4, disk=self.folder.folder, clock=self.clock)
        self.model: dict[str, tuple[str, float]] = {}
        self.absent: dict[str, float] = {}

    def live(self) -> dict[str, str]:
        return {key: value for key, (value, expires) in self.model.items() if expires > self.clock.now}

    def put(self, key: object, value: str, ttl: float | None) -> None:
        self.model[repr(key)] = (value, math.inf if ttl is None else self.clock.now + ttl)
        self.absent.pop(repr(key), None)

    @initialize(policy=st.sampled_from(["through", "back", "around"]))
    def begin(self, policy: str) -> None:
        self.cache.write_policy = policy

    @rule(policy=st.sampled_from(["through", "back", "around"]))
    def change(self, policy: str) -> None:
        self.cache.write_policy = policy

    @rule(key=keys, length=st.integers(0, 7), ttl=st.none() | st.integers(0, 9))
    def store(self, key: object, length: int, ttl: int | None) -> None:
        assert self.cache.set(key, "x" * length, ttl=ttl) == (ttl != 0)
        self.put(key, "x" * length, ttl)

    @rule(chosen=st.lists(keys, max_size=5), length=st.integers(0, 5), ttl=st.none() | st.integers(1, 9))
    def store_many(self, chosen: list[object], length: int, ttl: int | None) -> None:
        assert self.cache.set_many([(key, "y" * length) for key in chosen], ttl=ttl) == len(set(map(repr, chosen)))
        for key in chosen:
            self.put(key, "y" * length, ttl)

    @rule(key=keys)
    def read(self, key: object) -> None:
        assert self.cache.get(key) == self.live().get(repr(key))

    @rule(chosen=st.lists(keys, max_size=5))
    def read_many(self, chosen: list[object]) -> None:
        assert self.cache.get_many(chosen) == [self.live().get(repr(key)) for key in chosen]

    @rule(key=keys, ttl=st.none() | st.integers(1, 9))
    def load(self, key: object, ttl: int | None) -> None:
        if repr(key) in self.live():
            assert self.cache.get_or_load(key, lambda: "xy", ttl=ttl) == self.live()[repr(key)]
        elif self.absent.get(repr(key), 0) > self.clock.now:
            with pytest.raises(KeyError):
                self.cache.get_or_load(key, lambda: "xy", ttl=ttl)
        else:
            assert self.cache.get_or_load(key, lambda: "xy", ttl=ttl) == "xy"
            self.put(key, "xy", ttl)

    @rule(key=keys, ttl=st.integers(0, 5))
    def find_nothing(self, key: object, ttl: int) -> None:
        if repr(key) not in self.live():
            with pytest.raises(KeyError):
                self.cache.get_or_load(key, {}.popitem, negative_ttl=ttl)
            if self.absent.get(repr(key), 0) <= self.clock.now:
                self.absent[repr(key)] = self.clock.now + ttl

    @rule(key=keys, ttl=st.none() | st.integers(0, 9))
    def touch(self, key: object, ttl: int | None) -> None:
        live = self.live()
        assert self.cache.touch(key, ttl) == (repr(key) in live and ttl != 0)
        if repr(key) in live:
            self.model[repr(key)] = (live[repr(key)], math.inf if ttl is None else self.clock.now + ttl)

    @rule(key=keys)
    def look(self, key: object) -> None:
        left = self.model.get(repr(key), ("", -math.inf))[1] - self.clock.now
        if left > 0:
            assert self.cache.ttl(key) == left
        else:
            with pytest.raises(KeyError):
                self.cache.ttl(key)

    @rule(key=keys)
    def delete(self, key: object) -> None:
        assert self.cache.delete(key) == (repr(key) in self.live())
        self.model.pop(repr(key), None)
        self.absent.pop(repr(key), None)

    @rule(tier=st.sampled_from(["l1", "l2"]))
    def clear(self, tier: str) -> None:
        self.cache.clear(tier)
        self.absent.clear()

    @rule()
    def clear_all(self) -> None:
        self.cache.clear()
        self.model.clear()
        self.absent.clear()

    @rule()
    def flush(self) -> None:
        self.cache.flush()
        assert {repr(key) for key in self.cache.l3} == set(self.live())

    @rule(rooms=st.tuples(st.integers(1, 4), st.integers(1, 4)))
    def resize(self, rooms: tuple[int, int]) -> None:
        self.cache.l2.resize(rooms[1])
        self.cache.l1.resize(rooms[0])

    @rule()
    def restart(self) -> None:
        policy = self.cache.write_policy
        self.cache.close()
        self.cache = make(4, 4, disk=self.folder.folder, clock=self.clock)
        self.cache.write_policy = policy
        self.absent.clear()

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def bounds_and_exclusion_hold(self) -> None:
        assert self.cache.l1.nbytes <= self.cache.l1.max_bytes
        assert self.cache.l2.nbytes <= self.cache.l2.max_bytes
        assert not {repr(key) for key in self.cache.l1} & {repr(key) for key in self.cache.l2}
        assert {repr(key) for key in self.cache} == set(self.live())

    def teardown(self) -> None:
        names = [event for _, event, _ in events(self.cache)]
        assert names.count("hit") + names.count("miss") == self.cache.stats().query("tier == 'all'")["accesses"].item()
        self.cache.close()
        self.folder.close()


class MemoryModel(RuleBasedStateMachine):
    """Memory alone against two ordered dicts: what leaves l1 goes to l2, what leaves l2 is lost, nothing else is."""

    keys = st.sampled_from(["a", "b", "c", "d", "e", 1, True])

    def __init__(self) -> None:
        super().__init__()
        self.cache = make(4, 4)
        self.l1: OrderedDict[str, str] = OrderedDict()
        self.l2: OrderedDict[str, str] = OrderedDict()

    def forget(self, key: object) -> str | None:
        return self.l1.pop(repr(key), None) or self.l2.pop(repr(key), None)

    def put(self, key: object, value: str) -> None:
        self.forget(key)
        while sum(map(len, self.l1.values())) + len(value) > 4:
            old, demoted = self.l1.popitem(last=False)
            while sum(map(len, self.l2.values())) + len(demoted) > 4:
                self.l2.popitem(last=False)
            self.l2[old] = demoted
        self.l1[repr(key)] = value

    @rule(key=keys, length=st.integers(1, 6))
    def store(self, key: object, length: int) -> None:
        assert self.cache.set(key, "x" * length) == (length <= 4)
        self.forget(key)
        if length <= 4:
            self.put(key, "x" * length)

    @rule(key=keys)
    def read(self, key: object) -> None:
        expected = self.forget(key)
        assert self.cache.get(key) == expected
        if expected is not None:
            self.put(key, expected)

    @rule(key=keys, length=st.integers(1, 4))
    def load(self, key: object, length: int) -> None:
        expected = self.forget(key) or "y" * length
        assert self.cache.get_or_load(key, lambda: "y" * length) == expected
        self.put(key, expected)

    @rule(key=keys)
    def delete(self, key: object) -> None:
        assert self.cache.delete(key) == (self.forget(key) is not None)

    @invariant()
    def both_tiers_hold_the_same_in_the_same_order(self) -> None:
        assert [repr(key) for key in self.cache.l1] == list(self.l1)
        assert [repr(key) for key in self.cache.l2] == list(self.l2)

    def teardown(self) -> None:
        self.cache.close()


TestMemoryModel = MemoryModel.TestCase
TestMemoryModel.settings = settings(deadline=None, max_examples=15, stateful_step_count=30)

TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=15, stateful_step_count=30)
