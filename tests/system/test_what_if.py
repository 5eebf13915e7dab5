"""What-if answers held against live caches over the same accesses."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

import perflab
from perflab import Trace
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.cache.policy import POLICIES
from perflab.errors import ConfigError, PerflabError, SourceError
from perflab.record import Recorder
from perflab.system.what_if import RECOMMENDABLE, WhatIf
from perflab.workloads.accesses import zipf

READS = zipf(6_000, 900, exponent=0.9, seed=11)
SIZES = np.random.default_rng(12).integers(300, 6_000, 900)


def serve(policy, l1_bytes, l2_bytes=0):
    """Run a program over the reads and return its system, closed."""
    cache = {"l1_bytes": l1_bytes, "l1_policy": policy, "l2_bytes": l2_bytes, "l3_enabled": False}
    config = perflab.Config(cache=cache, enable_auto_optimization=False, resource_monitoring={"enabled": False})
    with perflab.PerformanceSystem(config) as system:
        for number in READS:
            if system.cache.get(number) is None:
                system.cache.set(number, bytes(int(SIZES[number])))
    return system


def rate_of(system):
    counts = system.frames.accesses["event"].value_counts()
    return counts["hit"] / (counts["hit"] + counts["miss"])


@pytest.fixture(scope="module")
def recorded():
    return perflab.whatif(serve("lru", 400_000).trace())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("size", [150_000, 700_000])
def test_the_predicted_hit_rate_is_that_of_a_live_run(recorded, policy, size):
    assert recorded.hit_rate(policy, size) == pytest.approx(rate_of(serve(policy, size)), abs=0.001)


def test_it_knows_what_it_was_recorded_with(recorded):
    assert recorded.unit == "bytes"
    assert (recorded.current.policy, recorded.current.size) == ("lru", 400_000)
    assert recorded.hit_rate("lru", 400_000) == pytest.approx(rate_of(serve("lru", 400_000)), abs=0.001)


def test_two_tiers_are_read_off_one_curve(recorded):
    sizes = dict(zip(recorded.trace.frame()["key"].astype(int), recorded.trace.nbytes, strict=True))

    def weigh(key, _):
        return int(sizes[key])

    recorder = Recorder()
    tiers = MemoryCache(300_000, weigh=weigh, recorder=recorder), TTLCache(500_000, weigh=weigh, recorder=recorder)
    cache = TieredCache(*tiers, None, recorder)
    for number in READS:
        if cache.get(number) is None:
            cache.set(number, "value")
    live = cache.stats().set_index("tier")["hits"]
    predicted = recorded.tiers("300kB", "500kB")["hit_rate"]
    assert predicted["l1"] == pytest.approx(live["l1"] / len(READS), abs=0.001)
    assert predicted["l2"] == pytest.approx(live["l2"] / len(READS), abs=0.003)
    cache.close()


def some_trace(**columns):
    keys = np.array(READS)
    given = {"nbytes": SIZES[keys], "times": np.arange(len(keys)) * 0.5, "costs": keys / 10_000, **columns}
    return Trace.of(keys, **given)


def test_what_is_no_trace_is_refused():
    with pytest.raises(SourceError, match=r"The trace is a list; give the path of one"):
        perflab.whatif([1, 2])  # type: ignore[arg-type]  # what it refuses


def test_saved_seconds_are_those_of_the_loads_that_hits_spare():
    what_if = perflab.whatif(some_trace(), current=("lru", "200kB"))
    hits, now = what_if.hits("sieve", 600_000), what_if.hits("lru", 200_000)
    costs = what_if.trace.costs
    assert what_if.saved_seconds("sieve", "600kB") == pytest.approx(costs[hits].sum() - costs[now].sum())
    assert what_if.saved_seconds("sieve", "600kB", than=("sieve", "600kB")) == 0
    alone = perflab.whatif(some_trace())
    assert alone.saved_seconds("sieve", "600kB") == pytest.approx(costs[hits].sum())
    assert math.isnan(perflab.whatif(some_trace(costs=None)).saved_seconds("lru", 1_000))


def test_the_surface_falls_with_age_and_rises_with_size():
    surface = perflab.whatif(some_trace()).surface([1, 100, 10**9], ["100kB", "1MB"])
    assert surface.index.name == "ttl_s"
    assert (surface.diff().iloc[1:] >= 0).all(axis=None)
    assert (surface[1_000_000] >= surface[100_000]).all()
    assert surface.loc[10**9, 100_000] == pytest.approx(perflab.whatif(some_trace()).hit_rate("lru", 100_000))
    with pytest.raises(ConfigError, match="has no times"):
        perflab.whatif(some_trace(times=None)).surface([1])
    with pytest.raises(ConfigError, match="ttl is 0"):
        perflab.whatif(some_trace()).surface([0])


@pytest.mark.parametrize("by", ["bytes", "entries"])
def test_the_recommended_setting_is_the_smallest_that_reaches_the_target(by):
    what_if = perflab.whatif(some_trace(), by=by)
    found = what_if.recommend(constraints={"hit_rate": 0.6})
    assert found.verdict == "recommended"
    policy, size = found.setting.policy, found.setting.size
    assert what_if.hit_rate(policy, size) == pytest.approx(found.hit_rate)
    assert found.hit_rate >= 0.6
    for other in RECOMMENDABLE:  # a size below is searched to a percent by bytes, and exactly by entries
        assert what_if.hit_rate(other, int(size * 0.97) or 1) < 0.6 or other == "fifo"
    assert found.low <= found.held_out <= found.high
    assert found.held_out == pytest.approx(what_if.hits(policy, size)[len(READS) // 2 :].mean())
    assert str(found).startswith(policy)


def test_memory_can_be_given_back_and_latency_is_what_loads_cost():
    what_if = perflab.whatif(some_trace(), current=("fifo", "900kB"))
    less = what_if.recommend("memory")
    assert less.setting.size < 900_000
    assert less.hit_rate >= what_if.hit_rate("fifo", "900kB")
    quick = what_if.recommend("latency", {"max_size": "900kB"})
    assert quick.setting.size <= 900_000
    assert quick.saved_s >= max(what_if.saved_seconds(p, "900kB", than=("lru", 1)) for p in RECOMMENDABLE) * 0.97
    with pytest.raises(ConfigError, match="no current setting"):
        perflab.whatif(some_trace()).recommend("memory")


def test_what_does_not_hold_later_is_said():
    keys = np.concatenate([np.arange(4_000) % 20, np.arange(4_000) % 1_000])
    found = perflab.whatif(Trace.of(keys)).recommend(constraints={"hit_rate": 0.49})
    assert found.setting.size < 1_000
    assert found.holds == "no"
    assert "does not hold there" in str(found)


NO_DATA = {
    "empty": ([], "0 accesses; 200 are needed"),
    "few": (list(range(20)) * 5, "100 accesses"),
    "one key": ([7] * 500, "to one key"),
    "all misses": (list(range(500)), "No key is wanted twice"),
}


@pytest.mark.parametrize("name", NO_DATA)
def test_too_little_is_not_enough_data(name):
    keys, reason = NO_DATA[name]
    what_if = perflab.whatif(Trace.of(keys))
    found = what_if.recommend()
    assert (found.verdict, found.setting) == ("not enough data", None)
    assert reason in found.reason
    assert what_if.plot(("lru", "sieve")).svg().startswith("<svg")
    assert len(what_if.frame(("lru", "sieve"))) >= 0


def test_an_empty_trace_has_no_hit_rate():
    assert math.isnan(perflab.whatif(Trace.of([])).hit_rate("lru", 5))
    assert len(perflab.whatif(Trace.of([])).working_set()) == 0


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "large", None, "0MB", float("nan")])
@pytest.mark.parametrize("by", ["bytes", "entries"])
def test_sizes_that_are_none_are_refused(size, by):
    with pytest.raises(ConfigError, match=r"size is .*; it must be a whole number of"):
        perflab.whatif(some_trace(), by=by).hit_rate("lru", size)


def test_other_names_are_refused():
    what_if = perflab.whatif(some_trace())
    with pytest.raises(ConfigError, match="policy is 'arc'; it must be one of lru"):
        what_if.mrc("arc")
    with pytest.raises(ConfigError, match="by is 'pages'"):
        perflab.whatif(some_trace(), by="pages")
    with pytest.raises(ConfigError, match="has no sizes"):
        perflab.whatif(some_trace(nbytes=None), by="bytes")


def test_without_numba_the_curve_of_lru_is_estimated(monkeypatch):
    exact = perflab.whatif(some_trace(), by="entries").hit_rate("lru", 200)
    monkeypatch.setattr("perflab.compiled.is_available", lambda: False)
    what_if = WhatIf(some_trace(), by="entries")
    assert what_if.mrc("lru")["how"].unique().tolist() == ["estimated, by reuse times (AET)"]
    assert what_if.hit_rate("lru", 200) == pytest.approx(exact, abs=0.02)
    found = what_if.recommend(constraints={"hit_rate": 0.5}, policies=["lru"])
    assert found.setting.policy == "lru"
    assert "estimated" in str(found)


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import perflab
what_if = perflab.whatif(perflab.Trace.of([1, 2, 3] * 100))
print(what_if.mrc("lru")["how"].unique().tolist())
try:
    what_if.mrc("sieve")
except perflab.PerflabError as error:
    print(error)
"""


def test_where_numba_cannot_be_imported_one_sentence_says_what_is_left():
    found = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=True)
    curve, sentence = found.stdout.splitlines()
    assert curve == "['estimated, by reuse times (AET)']"
    assert sentence.startswith(
        "numba cannot be imported, so nothing can be simulated; install it with: pip install numba"
    )


def test_a_path_is_read(tmp_path):
    path = some_trace().save(tmp_path / "trace.csv.gz")
    assert perflab.whatif(path).hit_rate("sieve", 400_000) == perflab.whatif(some_trace()).hit_rate("sieve", 400_000)


def test_the_report_is_one_page_whatever_the_source_is_called(tmp_path):
    from dataclasses import replace

    odd = replace(some_trace(), source="<script>alert(1)</script>")
    path = perflab.whatif(odd).report(tmp_path / "out.html", ("lru", "sieve", "belady"), target=0.6)
    text = path.read_text()
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "Recommended: " in text
    with pytest.raises(PerflabError, match="is a folder"):
        perflab.whatif(odd).report(tmp_path, ("lru",))
