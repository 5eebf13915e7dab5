"""What came of prefetched and warmed entries, held against a replay row by row."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.analyze.arrivals import arrivals, in_order
from perflab.analyze.metrics import prefetching, reads, warming
from perflab.record import Recorder

EVENTS = [
    ("hit", "l1"),
    ("hit", "l2"),
    ("hit", "l3"),
    ("miss", None),
    ("set", "l1"),
    ("set", "l3"),
    ("evict", "l1"),
    ("evict", "l3"),
    ("demote", "l2"),
    ("expire", "l1"),
    ("load", None),
    ("prefetch", "l1"),
    ("warm", "l2"),
]


def frame(rows):
    """Return a frame of (key, event, tier), recorded one after the other; more fields may follow."""
    recorder = Recorder()
    for key, event, tier, *more in rows:
        recorder.access(key, event, tier, *(more or (10,)))
    return recorder.frames.accesses


def replayed(rows):
    """Return fate and victims missed, for each arrival, by a look at all that follows."""
    found = []
    for place, (key, event, _) in enumerate(rows):
        if event not in ("prefetch", "warm"):
            continue
        fate, read = fate_of(rows[place + 1 :], key)
        spoiled = sum(
            missed_before(rows[victim + 1 :], rows[victim][0], victim + 1, place + 1 + read)
            for victim in victims(rows, place)
        )
        found.append((fate, spoiled))
    return found


def fate_of(rest, key):
    for place, (other, event, tier) in enumerate(rest):
        if other != key or (tier == "l3" and event != "hit") or event in ("demote", "load"):
            continue
        if event == "hit" and tier in ("l1", "l2"):
            return "used", place
        return ("evicted unused" if event == "evict" else "left unused"), math.inf
    return "held unused", math.inf


def victims(rows, place):
    found = []
    while place > 0 and rows[place - 1][1] in ("demote", "evict"):
        place -= 1
        if rows[place][1:] in (("evict", "l1"), ("evict", "l2")):
            found.append(place)
    return found


def missed_before(rest, key, offset, read):
    for place, (other, event, tier) in enumerate(rest, offset):
        if other == key and event in ("hit", "miss"):
            return (event == "miss" or tier == "l3") and place < read
    return False


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(EVENTS)), max_size=40)


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_fates_are_those_of_a_replay(drawn):
    rows = [(key, event, tier) for key, (event, tier) in drawn]
    if not rows:
        return
    found = arrivals(in_order(frame(rows)))
    assert list(zip(found["fate"], found["polluted"], strict=True)) == replayed(rows)


def test_runs_and_streams_have_nothing_to_do_with_each_other():
    one, other = frame([("a", "prefetch", "l1")]), frame([("a", "hit", "l1")])
    assert arrivals(in_order(pd.concat([one, other])))["fate"].tolist() == ["held unused"]


def test_what_was_read_between_issue_and_arrival_is_late():
    accesses = frame([("a", "miss", None), ("b", "miss", None), ("a", "prefetch", "l1", 10, 60.0, "from l3")])
    assert arrivals(in_order(accesses))["fate"].tolist() == ["late"]
    accesses = frame([("a", "miss", None), ("a", "prefetch", "l1", 10, 0.0, "from l3"), ("a", "hit", "l1")])
    assert arrivals(in_order(accesses))["fate"].tolist() == ["used"]
    accesses = frame([("a", "prefetch", None, 10, 0.0, "late")])
    assert arrivals(in_order(accesses))["fate"].tolist() == ["late"]


def values(metrics):
    return {metric.name: metric.value for metric in metrics}


def test_the_metrics_of_prefetching_are_counts_over_the_rows():
    ahead = [("used", "prefetch", "l1", 10, 2.0), ("used", "hit", "l1"), ("used", "hit", "l1")]
    wrong = [("gone", "prefetch", "l1", 30, 5.0), ("gone", "evict", "l1"), ("held", "prefetch", "l1", 20, 5.0)]
    late = [("late", "prefetch", None, 40, 1.0, "late")]
    accesses = frame([("x", "miss", None), ("x", "set", "l1", 50), *ahead, *wrong, *late, ("y", "hit", "l3", 20)])
    found = values(prefetching(accesses, accesses.head(0)))
    assert found == pytest.approx(
        {
            "prefetch.issued": 4,
            "prefetch.used": 1,
            "prefetch.late": 1,
            "prefetch.evicted_unused": 1,
            "prefetch.polluting": 0,
            "prefetch.precision": 2 / 3,
            "prefetch.coverage": 1 / 3,
            "prefetch.timeliness": 1 / 2,
            "prefetch.bytes": 100,
            "prefetch.waste": 50 / (10 + 20 + 10),
            "prefetch.saved": 2.0,
        }
    )


def test_a_run_without_any_has_no_such_metrics():
    accesses = frame([("a", "miss", None)])
    assert prefetching(accesses, accesses.head(0)) == warming(accesses, accesses.head(0)) == []
    assert reads(accesses, Recorder().frames.samples) == []


def test_the_metrics_of_warming_and_its_control():
    """Of 120 reads 90 are of a warmed key; without warming only the first of these would have missed."""
    warmed = [("hot", "warm", "l1", 10, 4.0), ("cold", "warm", "l1", 20, 9.0)]
    turns = [("hot", "hit", "l1"), ("hot", "hit", "l1"), ("hot", "hit", "l1"), ("new", "miss", None)] * 30
    accesses = frame([*warmed, *turns])
    found = values(warming(accesses, accesses.head(0)))
    assert found["warm.keys"], found["warm.bytes"] == (2, 30)
    assert found["warm.used_share"] == 0.5
    assert found["warm.hit_rate_100"] == 0.75
    assert found["warm.hit_rate_100_cold"] == 0.74
    assert math.isnan(found["warm.hit_rate_500"])
    assert found["warm.stall_saved"] == 4.0
    assert math.isnan(found["warm.time_to_steady"]), "120 accesses are too few"


def test_the_time_to_a_steady_rate_begins_with_the_first_read():
    accesses = frame([("hot", "warm", "l1", 10, 4.0), *[("hot", "miss", None)] * 100, *[("hot", "hit", "l1")] * 300])
    accesses = accesses.assign(t=pd.date_range("2026-01-01", periods=len(accesses), freq="s", unit="us", tz="UTC"))
    assert values(warming(accesses, accesses.head(0)))["warm.time_to_steady"] == 90.0


def test_the_control_of_a_live_cache_is_what_a_cold_one_does():
    """Under lru, a replay without the warmed entries has the hits that the same reads have in an empty cache."""
    import random

    from perflab.cache import MemoryCache, TieredCache, TTLCache
    from perflab.cache.tiers.ahead import Reload
    from perflab.cache.tiers.terms import Terms

    chance = random.Random(5)
    stream = [min(int(chance.expovariate(0.05)), 90) for _ in range(600)]

    def run(warmed):
        recorder = Recorder()
        l1 = MemoryCache(max_entries=30, recorder=recorder)
        with TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder) as cache:
            for key in warmed:
                cache.ahead.fetch(key, Reload(lambda: 1, Terms()), "warm", 10**9)
            for key in stream:
                cache.get_or_load(key, lambda: 1)
        return recorder.frames.accesses

    cold = run([])
    hits = (cold[cold["event"].isin(["hit", "miss"])]["event"] == "hit").head(500).mean()
    warm = run(range(30))
    found = values(warming(warm, warm.head(0)))
    assert found["warm.hit_rate_500_cold"] == pytest.approx(hits)
    assert found["warm.hit_rate_500"] > hits
