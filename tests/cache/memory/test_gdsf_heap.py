"""GDSF's heap of priorities keeps all of them, however often it is made anew."""

from __future__ import annotations

from random import Random

from perflab.cache import MemoryCache


def test_whoever_has_the_lowest_priority_leaves_also_after_the_heap_was_made_anew() -> None:
    random = Random(3)
    sizes = [random.randrange(1, 200) for _ in range(400)]
    cache = MemoryCache(12_000, policy="gdsf", weigh=lambda _, nbytes: nbytes)
    clock, held, used = 0.0, {}, 0  # the definition: key -> reads, priority, last use
    for turn in range(6_000):
        key = random.randrange(400) if turn % 100 < 50 else turn % 400
        found = cache.get(key) is not None
        assert found == (key in held), turn
        if found:
            reads = held[key][0] + 1
            held[key] = (reads, clock + reads / sizes[key], turn)
            continue
        cache[key] = sizes[key]
        while used + sizes[key] > 12_000:
            victim = min(held, key=lambda other: held[other][1:])
            clock = held.pop(victim)[1]
            used -= sizes[victim]
        held[key] = (1, clock + 1 / sizes[key], turn)
        used += sizes[key]
