"""The disk tier against a dict, under any sequence of operations; written through and behind."""

from __future__ import annotations

import math
import time
from typing import Literal

from disk_cases import Clock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perflab.cache import DiskCache

BOUND = 20_000
KEYS = st.sampled_from(["a", "b", 1, 1.0, True, (1,)])
VALUES = st.integers() | st.binary(max_size=300) | st.lists(st.text(max_size=5), max_size=3)
TTLS = st.none() | st.integers(0, 20)


class Model(RuleBasedStateMachine):
    """A disk tier, reopened at any time, against a dict of value and expiry."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(time.time())
        self.owner = DiskCache(timer=self.clock, wall=self.clock)
        self.model: dict[str, tuple[object, float]] = {}

    @initialize(write=st.sampled_from(["through", "behind"]))
    def begin(self, write: Literal["through", "behind"]) -> None:
        self.write: Literal["through", "behind"] = write
        self.cache = self.opened()

    def opened(self) -> DiskCache:
        return DiskCache(self.owner.folder, BOUND, write=self.write, behind_s=3_600, timer=self.clock, wall=self.clock)

    def live(self) -> dict[str, object]:
        return {key: value for key, (value, expires) in self.model.items() if expires > self.clock.now}

    def expires(self, ttl: int | None) -> float:
        return math.inf if ttl is None else self.clock.now + ttl

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def store(self, key: object, value: object, ttl: int | None) -> None:
        assert self.cache.set(key, value, ttl=ttl) == (ttl != 0)
        self.model[repr(key)] = (value, self.expires(ttl))

    @rule(items=st.lists(st.tuples(KEYS, VALUES), max_size=5), ttl=TTLS)
    def store_many(self, items: list[tuple[object, object]], ttl: int | None) -> None:
        assert self.cache.set_many(items, ttl=ttl) == (0 if ttl == 0 else len({repr(key) for key, _ in items}))
        self.model |= {repr(key): (value, self.expires(ttl)) for key, value in items}

    @rule(key=KEYS)
    def read(self, key: object) -> None:
        assert self.cache.get(key) == self.live().get(repr(key))

    @rule(keys=st.lists(KEYS, max_size=6))
    def read_many(self, keys: list[object]) -> None:
        assert self.cache.get_many(keys, "none") == [self.live().get(repr(key), "none") for key in keys]

    @rule(key=KEYS, ttl=TTLS)
    def touch(self, key: object, ttl: int | None) -> None:
        held = repr(key) in self.live()
        assert self.cache.touch(key, ttl) == (held and ttl != 0)
        if held:
            self.model[repr(key)] = (self.model[repr(key)][0], self.expires(ttl))

    @rule(key=KEYS)
    def delete(self, key: object) -> None:
        assert self.cache.delete(key) == (repr(key) in self.live())
        self.model.pop(repr(key), None)

    @rule()
    def clear(self) -> None:
        assert self.cache.clear() == len(self.live())
        self.model.clear()

    @rule()
    def flush(self) -> None:
        assert self.cache.flush()
        with DiskCache(self.owner.folder, BOUND, timer=self.clock, wall=self.clock) as other:
            assert {repr(key): other[key] for key in other} == self.live()

    @rule(seconds=st.integers(1, 8))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def reopen(self) -> None:
        self.cache.close()
        self.cache = self.opened()

    @rule()
    def count(self) -> None:
        assert self.cache.nbytes <= BOUND
        assert {repr(key) for key in self.cache} == set(self.live())

    @invariant()
    def every_key_reads_as_it_should(self) -> None:
        for key in ("a", 1, True):
            assert (key in self.cache) == (repr(key) in self.live())

    def teardown(self) -> None:
        self.cache.close()
        self.owner.close()


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=12, stateful_step_count=25)
