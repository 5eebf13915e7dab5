"""Each policy against a slow oracle that is written from the paper: the same entries leave, in the same order."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import POLICIES, Entry, MemoryCache, Policy, TieredCache, TTLCache
from perflab.cache.policy.sketch import Sketch


class Oracle:
    """Keys with sizes and costs in plain lists; every step goes over all of them."""

    def __init__(self) -> None:
        self.queue: list[int] = []
        self.sizes: dict[int, int] = {}
        self.costs: dict[int, float] = {}

    def add(self, key: int, size: int, cost: float) -> None:
        self.sizes[key], self.costs[key] = size, cost
        self.queue.append(key)

    def use(self, key: int) -> None: ...

    def drop(self, key: int) -> None:
        self.queue.remove(key)
        del self.sizes[key], self.costs[key]

    def victim(self) -> int:
        key = self.choose()
        self.drop(key)
        return key

    def choose(self) -> int:
        return self.queue[0]


class LRUOracle(Oracle):
    def use(self, key: int) -> None:
        self.queue.remove(key)
        self.queue.append(key)


class LFUOracle(LRUOracle):
    """The queue is in order of the last use."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: Counter[int] = Counter()

    def add(self, key: int, size: int, cost: float) -> None:
        super().add(key, size, cost)
        self.uses[key] = 1

    def use(self, key: int) -> None:
        super().use(key)
        self.uses[key] += 1

    def choose(self) -> int:
        return min(self.queue, key=lambda key: self.uses[key])


class SieveOracle(Oracle):
    """`hand` is the key that is looked at next, or None for the oldest."""

    def __init__(self) -> None:
        super().__init__()
        self.visited: set[int] = set()
        self.hand: int | None = None

    def use(self, key: int) -> None:
        self.visited.add(key)

    def newer(self, key: int) -> int | None:
        return dict(zip(self.queue, self.queue[1:], strict=False)).get(key)

    def drop(self, key: int) -> None:
        if self.hand == key:
            self.hand = self.newer(key)
        self.visited.discard(key)
        super().drop(key)

    def choose(self) -> int:
        at = self.queue[0] if self.hand is None else self.hand
        while at in self.visited:
            self.visited.remove(at)
            after = self.newer(at)
            at = self.queue[0] if after is None else after
        self.hand = at
        return at


class S3FIFOOracle(Oracle):
    """The queue is the small one, `main` the other; `departed` are the keys that left the small one, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.main: list[int] = []
        self.departed: list[int | None] = []
        self.freq: dict[int, int] = {}

    def add(self, key: int, size: int, cost: float) -> None:
        super().add(key, size, cost)
        self.freq[key] = 0
        if key in self.departed[-len(self.sizes) :]:
            self.main.append(self.queue.pop())
        self.departed = [None if other == key else other for other in self.departed]

    def use(self, key: int) -> None:
        self.freq[key] = min(3, self.freq[key] + 1)

    def drop(self, key: int) -> None:
        (self.queue if key in self.queue else self.main).remove(key)
        del self.sizes[key], self.costs[key], self.freq[key]

    def victim(self) -> int:
        while True:
            small = sum(self.sizes[key] for key in self.queue)
            if self.queue and (not self.main or 10 * small >= sum(self.sizes.values())):
                key = self.queue[0]
                if self.freq[key] > 1:
                    self.main.append(self.queue.pop(0))
                    self.freq[key] = 0
                else:
                    self.drop(key)
                    self.departed.append(key)
                    return key
            else:
                key = self.main[0]
                if self.freq[key] == 0:
                    self.drop(key)
                    return key
                self.freq[key] -= 1
                self.main.append(self.main.pop(0))


class TinyLFUOracle(Oracle):
    """The queue is the window; requests are counted exactly, and halved as the sketch halves its counters."""

    def __init__(self) -> None:
        super().__init__()
        self.probation: list[int] = []
        self.protected: list[int] = []
        self.requests: Counter[int] = Counter()
        self.counted = 0
        self.newcomer: int | None = None

    def count(self, key: int) -> None:
        self.requests[key] = min(15, self.requests[key] + 1)
        self.counted += 1
        if self.counted == 640:
            self.requests = Counter({key: number // 2 for key, number in self.requests.items()})
            self.counted //= 2

    def total(self, keys: list[int]) -> int:
        return sum(self.sizes[key] for key in keys)

    def add(self, key: int, size: int, cost: float) -> None:
        super().add(key, size, cost)
        self.count(key)
        while len(self.queue) > 1 and 100 * self.total(self.queue) > sum(self.sizes.values()):
            self.newcomer = self.queue.pop(0)
            self.probation.append(self.newcomer)

    def use(self, key: int) -> None:
        self.count(key)
        if key in self.queue:
            self.queue.remove(key)
            self.queue.append(key)
            return
        self.newcomer = None if self.newcomer == key else self.newcomer
        (self.probation if key in self.probation else self.protected).remove(key)
        self.protected.append(key)
        while len(self.protected) > 1 and self.total(self.protected) > 4 * self.total(self.probation):
            self.probation.append(self.protected.pop(0))

    def drop(self, key: int) -> None:
        self.newcomer = None if self.newcomer == key else self.newcomer
        for part in (self.queue, self.probation, self.protected):
            if key in part:
                part.remove(key)
        del self.sizes[key], self.costs[key]

    def choose(self) -> int:
        oldest = (self.probation + self.protected + self.queue)[0]
        newcomer, self.newcomer = self.newcomer, None
        if newcomer is None or self.requests[newcomer] > self.requests[oldest]:
            return oldest
        return newcomer


class GDSFOracle(Oracle):
    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0
        self.reads: Counter[int] = Counter()
        self.priority: dict[int, float] = {}
        self.known: list[float] = []

    def add(self, key: int, size: int, cost: float) -> None:
        super().add(key, size, cost)
        self.reads[key] = 0
        if cost is not None:
            self.known.append(cost)
            if len(self.known) == 1:
                self.clock *= cost
                self.priority = {other: priority * cost for other, priority in self.priority.items()}
        self.use(key)

    def use(self, key: int) -> None:
        self.queue.remove(key)
        self.queue.append(key)
        self.reads[key] += 1
        mean = sum(self.known) / len(self.known) if self.known else 1.0
        cost = mean if self.costs[key] is None else self.costs[key]
        self.priority[key] = self.clock + self.reads[key] * cost / max(1, self.sizes[key])

    def choose(self) -> int:
        key = min(self.queue, key=lambda key: self.priority[key])
        self.clock = self.priority[key]
        return key


ORACLES: dict[str, Callable[[], Oracle]] = {
    "lru": LRUOracle,
    "fifo": Oracle,
    "lfu": LFUOracle,
    "sieve": SieveOracle,
    "s3fifo": S3FIFOOracle,
    "tinylfu": TinyLFUOracle,
    "gdsf": GDSFOracle,
}

keys = st.integers(0, 11)
steps = st.lists(
    st.tuples(st.just("add"), keys, st.integers(0, 60), st.sampled_from([1.0, 2.0, 0.25, None]))
    | st.tuples(st.just("use"), st.lists(keys, max_size=8))
    | st.tuples(st.just("remove"), keys)
    | st.tuples(st.just("victim")),
    min_size=15,
    max_size=120,
)


def entry(key: int, size: int = 8, cost: float = 1.0) -> Entry:
    made = Entry(key, None, size)
    made.facts = made.facts._replace(cost=cost)
    return made


class Pair:
    """A policy and its oracle, which are told the same."""

    def __init__(self, name: str) -> None:
        self.policy: Policy = POLICIES[name]()
        self.oracle = ORACLES[name]()
        self.held: dict[int, Entry] = {}
        self.left: list[Entry] = []

    def add(self, key: int, size: int, cost: float) -> None:
        if key not in self.held:
            self.held[key] = entry(key, size, cost)
            self.policy.add(self.held[key])
            self.oracle.add(key, size, cost)

    def use(self, keys: list[int]) -> None:
        """Tell of reads, and of some of entries that left."""
        found = [key for key in keys if key in self.held]
        self.policy.use([*(self.held[key] for key in found), *self.left])
        for key in found:
            self.oracle.use(key)

    def remove(self, key: int) -> None:
        if key in self.held:
            self.left.append(self.held.pop(key))
            self.policy.remove(self.left[-1])
            self.oracle.drop(key)

    def victim(self) -> None:
        if self.held:
            left = self.policy.victim()
            assert left.key == self.oracle.victim()
            assert self.held.pop(left.key) is left
            self.left.append(left)


@pytest.mark.parametrize("name", POLICIES)
def test_the_same_entries_leave_as_by_the_oracle(name: str) -> None:
    @settings(max_examples=80, deadline=None)
    @given(steps)
    def check(found: list[Any]) -> None:
        pair = Pair(name)
        for step, *arguments in found:
            getattr(pair, step)(*arguments)
            assert sorted(entry.key for entry in pair.policy) == sorted(pair.held)
        while pair.held:
            pair.victim()

    check()


@pytest.mark.parametrize("name", POLICIES)
def test_long_skewed_traces_end_as_by_the_oracle(name: str) -> None:
    import numpy as np

    requests = np.random.default_rng(4).zipf(1.3, size=3_000) % 60
    pair = Pair(name)
    for key in requests.tolist():
        if key in pair.held:
            pair.use([key])
            continue
        if len(pair.held) >= 25:
            pair.victim()
        pair.add(key, 1 + key % 7, 1.0)
    assert len(pair.held) == 25


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=25, deadline=None)
@given(requests=st.lists(keys, min_size=20, max_size=200), entries=st.integers(1, 8), tiered=st.booleans())
def test_a_tier_that_tells_of_reads_late_holds_what_the_oracle_holds(
    name: str, requests: list[int], entries: int, tiered: bool
) -> None:
    l1 = MemoryCache(max_entries=entries, policy=name, weigh=lambda key, _: 1 + hash(key) % 5)
    cache: Any = TieredCache(l1, TTLCache(0), None) if tiered else l1
    oracle = ORACLES[name]()
    for key in requests:
        hit = key in oracle.sizes
        assert (cache.get(key) is not None) == hit
        if hit:
            oracle.use(key)
            continue
        if len(oracle.sizes) == entries:
            oracle.victim()
        oracle.add(key, 1 + key % 5, 1.0)
        cache[key] = "x"
        assert set(l1.hot) == set(oracle.sizes)


@pytest.mark.parametrize("name", POLICIES)
def test_another_tiers_entries_are_left_where_they_are(name: str) -> None:
    mine, others = POLICIES[name](), POLICIES[name]()
    for policy, numbers in ((mine, range(3)), (others, range(3, 6))):
        for number in numbers:
            policy.add(entry(number))
    mine.use([*others, *mine, *others])
    moved = mine.victim()
    others.add(moved)
    mine.use([moved])
    assert {found.key for found in mine} | {moved.key} == {0, 1, 2}
    assert {found.key for found in others} == {3, 4, 5, moved.key}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_is_dropped_lets_go_of_values_at_once(name: str) -> None:
    class Value: ...

    policy = POLICIES[name]()
    values = [Value() for _ in range(20)]
    for value in values:
        policy.add(Entry(id(value), value, 8))
    policy.use(list(policy)[:10])
    left = policy.victim()
    watched = [weakref.ref(value) for value in values]
    gc.disable()
    try:
        del policy, values, value, left
        assert [reference() for reference in watched] == [None] * 20
    finally:
        gc.enable()


def test_ghosts_are_no_more_than_they_need_to_be() -> None:
    cache = MemoryCache(max_entries=20, policy="s3fifo")
    for number in range(5_000):
        cache[number] = number
    assert cache._stock.order.remembered <= 2 * 20 + 64 + 1  # type: ignore[attr-defined]  # it is an S3FIFO
    cache[4_970] = 1
    assert cache._stock.shelf.hot[4_970].uses == 4, "it left a moment ago, and goes to the main queue"


def test_the_sketch_never_counts_too_little_before_it_ages() -> None:
    sketch, exact = Sketch(256), Counter[int]()
    for number in range(2_000):
        key = hash(str(number * number % 97))
        sketch.add(key)
        exact[key] += 1
    assert all(sketch.count(key) >= min(15, number) for key, number in exact.items())
    assert sum(sketch.count(key) > min(15, number) for key, number in exact.items()) <= 2


def test_the_sketch_forgets_half_after_ten_requests_a_place() -> None:
    sketch = Sketch(64)
    for _ in range(8):
        sketch.add(1)
    for _ in range(640 - 8 - 1):
        sketch.add(2)
    assert (sketch.count(1), sketch.count(2)) == (8, 15)
    sketch.add(2)
    assert (sketch.count(1), sketch.count(2)) == (4, 7)


def test_an_entry_of_unknown_cost_weighs_what_others_do_on_average() -> None:
    order = POLICIES["gdsf"]()
    unknown, cheap, dear = Entry("unknown", None, 8), entry(1, cost=0.001), entry(2, cost=0.005)
    order.add(unknown)  # at 1, where the others come with seconds
    order.add(cheap)
    order.add(dear)
    assert [order.victim().key for _ in range(3)] == ["unknown", 1, 2]
    for each in (cheap, dear, unknown):
        order.add(each)
    assert [order.victim().key for _ in range(3)] == [1, "unknown", 2]
