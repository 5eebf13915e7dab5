"""The prefetcher over a real tiered cache."""

from __future__ import annotations

import gc
import random
import threading
import time

import pytest
from optimize_cases import small_cache

from perflab.cache import MemoryCache, TieredCache, TTLCache, cached
from perflab.config import PrefetchSettings
from perflab.errors import ConfigError
from perflab.optimize.pending import Pending
from perflab.optimize.prefetch import Prefetcher
from perflab.record import Recorder
from perflab.record.listening import HEARD

NAMES = ("prefetch.issued", "prefetch.used", "prefetch.late")


@pytest.fixture
def cache(tmp_path):
    with small_cache(tmp_path / "l3") as made:
        yield made


@pytest.fixture
def memory():
    """Memory alone, so that only loaders bring anything."""
    recorder = Recorder()
    with TieredCache(MemoryCache(20_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder) as made:
        yield made


def read(cache, prefetcher, *keys):
    """Read keys with the prefetcher stepped after each."""
    for key in keys:
        cache.get(key)
        prefetcher.step()


def teach(cache, prefetcher, pair=("alpha", "beta"), turns=3):
    for turn in range(turns):
        read(cache, prefetcher, *pair, *(f"filler{turn}{letter}" for letter in "abcdefghijklmnopqrst"))


def on_disk_only(cache, *keys):
    for key in keys:
        cache.set(key, "value of " + key)
    cache.clear("l1")
    cache.clear("l2")


def events(cache, *names):
    counts = cache.recorder.frames.accesses["event"].value_counts()
    return tuple(int(counts.get(name, 0)) for name in names)


def test_an_expected_key_comes_from_disk_before_it_is_read(cache):
    prefetcher = Prefetcher(cache)
    prefetcher.listen()
    teach(cache, prefetcher)
    on_disk_only(cache, "beta", "unrelated")
    read(cache, prefetcher, "alpha")
    assert "beta" in cache.l1
    assert "unrelated" not in cache.l1


def test_for_a_program_that_is_too_fast_to_be_followed_little_is_fetched_in_vain(memory):
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    prefetcher.register("k", lambda _: "x" * 1_000, side_effect_free=True)
    groups = random.Random(1)
    for _ in range(30):
        for group in groups.choices(range(300), k=HEARD // 3):  # four reads each: more than are told at once
            for place in range(4):
                memory.get_or_load(f"k{group}-{place}", lambda: "x" * 1_000)
        prefetcher.step()
    fetched, loaded = events(memory, "prefetch", "miss")
    assert 0 < fetched < 0.03 * loaded


def test_what_is_prefetched_is_no_access(cache):
    prefetcher = Prefetcher(cache)
    prefetcher.listen()
    teach(cache, prefetcher)
    on_disk_only(cache, "beta")
    before = events(cache, "hit", "miss")
    read(cache, prefetcher, "alpha")
    assert events(cache, "hit", "miss", "prefetch") == (before[0], before[1] + 1, 1)


def test_a_declared_loader_of_a_prefix_is_called_for_keys_never_seen(memory):
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    prefetcher.register("page-", lambda key: key.upper(), side_effect_free=True)
    read(memory, prefetcher, "page-1", "page-2", "page-3")
    assert memory.get("page-4") == "PAGE-4"
    row = memory.recorder.frames.accesses.query("event == 'prefetch'").iloc[0]
    assert (row["key"], row["tier"], row["reason"]) == ("page-4", "l1", "from loader")
    assert row["duration_s"] >= 0


def test_a_loader_that_was_not_declared_is_never_called_ahead(memory):
    calls = []
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    for turn in range(4):
        for key in ("alpha", "beta", *(f"filler{turn}{letter}" for letter in "abcdefghijklmnopqrst")):
            memory.get_or_load(key, lambda key=key: calls.append(key) or key)
            prefetcher.step()
        memory.delete("beta")
    before = len(calls)
    memory.get_or_load("alpha", calls.clear)
    prefetcher.step()
    assert len(calls) == before
    assert "beta" not in memory.l1


def test_a_read_that_declares_its_loader_lets_it_be_called_again(memory):
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    for turn in range(3):
        for key in ("alpha", "beta", *(f"filler{turn}{letter}" for letter in "abcdefghijklmnopqrst")):
            memory.get_or_load(key, lambda key=key: key, side_effect_free=True)
            prefetcher.step()
        memory.delete("beta")
    read(memory, prefetcher, "alpha")
    assert memory.l1["beta"] == "beta"


def test_a_key_that_nobody_can_fetch_is_not_issued(memory):
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    teach(memory, prefetcher)
    assert events(memory, "prefetch") == (0,)
    assert prefetcher.attempt(memory.recorder.frames.accesses)["verdict"] == "not enough data"


def test_streams_are_operations_and_threads(memory):
    """Two programs take turns: what one reads does not follow what the other one reads."""
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    for turn in range(6):
        for key in ("alpha", *(f"one{turn}{letter}" for letter in "abcdefghijklmnopqrst")):
            with memory.recorder.operation("one"):
                memory.get_or_load(key, lambda: 1, side_effect_free=True)
            with memory.recorder.operation("two"):
                memory.get_or_load("beta" if key == "alpha" else "x" + key, lambda: 1, side_effect_free=True)
            prefetcher.step()
    memory.delete("beta")
    with memory.recorder.operation("one"):
        memory.get("alpha")
    prefetcher.step()
    assert "beta" not in memory.l1


def test_hints_become_predictions_once_they_came_true(cache):
    prefetcher = Prefetcher(cache)
    prefetcher.listen()
    on_disk_only(cache, "beta")
    prefetcher.hint("alpha", ["beta"])
    read(cache, prefetcher, "alpha")
    assert "beta" not in cache.l1
    read(cache, prefetcher, "beta", *(f"filler{letter}" for letter in "abcdefghijklmnopqrst"))
    cache.clear("l1")
    cache.clear("l2")
    read(cache, prefetcher, "alpha")
    assert "beta" in cache.l1


def test_wrong_predictions_close_the_gate_and_the_row_says_so(memory):
    prefetcher = Prefetcher(memory, PrefetchSettings(unread_ratio=1.0), pending=Pending(patience=20))
    prefetcher.listen()
    prefetcher.register("walk", lambda _: "x" * 1_000, side_effect_free=True)

    def walk(name):
        read(memory, prefetcher, *(f"{name}-{number}" for number in (1, 2, 3)), *(f"{name}{a}" for a in "abcd"))
        return events(memory, "prefetch")[0]

    issued = [walk("walk" + "y" * number) for number in range(40)]
    row = prefetcher.attempt(memory.recorder.frames.accesses)
    assert (row["verdict"], row["measured"], row["low"]) == ("rolled back", 0.0, 0.0)
    assert 0 < row["high"] < 0.2
    assert issued[10] == 22
    assert issued[-1] == issued[-2] <= 40
    assert [walk("walk" + "y" * number) for number in range(40, 80)][-1] - issued[-1] == 2, "closed, it probes: 1 in 32"


def test_a_paused_prefetcher_drops_and_counts(cache):
    prefetcher = Prefetcher(cache)
    prefetcher.listen()
    teach(cache, prefetcher, turns=6)
    on_disk_only(cache, "beta")
    prefetcher.pause()
    read(cache, prefetcher, "alpha")
    assert ("beta" in cache.l1, prefetcher.dropped, prefetcher.enabled) == (False, 1, False)
    assert prefetcher.precise, "a pause is no judgement"
    prefetcher.resume()
    read(cache, prefetcher, *(f"other{letter}" for letter in "abcdefghijklmnopqrst"), "alpha")
    assert "beta" in cache.l1


def test_unread_bytes_are_bounded(memory):
    prefetcher = Prefetcher(memory, PrefetchSettings(unread_ratio=0.1))
    prefetcher.listen()
    prefetcher.register("page-", lambda _: "x" * 900, side_effect_free=True)
    for number in range(1, 12):
        memory.get(f"page-{number}")
        prefetcher._learn()
    prefetcher._issues.work_off()
    came = memory.recorder.frames.accesses.query("event == 'prefetch'")["nbytes"]
    assert came.sum() > 0
    read(memory, prefetcher, "page-40", "page-41", "page-42", "page-43", "page-44", "page-45")
    more = memory.recorder.frames.accesses.query("event == 'prefetch'")["nbytes"]
    assert len(more) == len(came)
    assert prefetcher.dropped > 0


def test_a_full_queue_drops_and_counts(memory):
    prefetcher = Prefetcher(memory, PrefetchSettings(queued=2))
    prefetcher.listen()
    prefetcher.register("page-", len, side_effect_free=True)
    for number in range(1, 8):
        memory.get(f"page-{number}")
    prefetcher.step()
    assert prefetcher.dropped > 0
    assert events(memory, "prefetch")[0] <= 2


def until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_while_it_runs_it_fetches_and_afterwards_nothing_is_left(memory):
    before, recorder = set(threading.enumerate()), memory.recorder
    with Prefetcher(memory) as prefetcher:
        prefetcher.start()
        prefetcher.register("page-", len, side_effect_free=True)
        for number in range(1, 6):
            memory.get(f"page-{number}")
        until(lambda: "page-6" in memory.l1)
    prefetcher.close()
    assert memory.recorder is recorder
    assert set(threading.enumerate()) <= before


def test_a_raising_loader_is_one_warning_and_the_program_has_its_own_error(memory, recwarn):
    def loader(key):
        raise ValueError(key)

    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    prefetcher.register("page-", loader, side_effect_free=True)
    read(memory, prefetcher, *(f"page-{number}" for number in range(1, 8)))
    assert ["Fetching 'page-4' ahead failed" in str(warning.message) for warning in recwarn] == [True]
    assert events(memory, "reject")[0] > 1
    assert memory.get_or_load("page-8", lambda: "mine") == "mine"


def test_a_hanging_loader_holds_up_neither_the_program_nor_the_close(memory):
    hang, hanging = threading.Event(), threading.Event()

    def loader(_):
        hanging.set()
        hang.wait(60)

    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    prefetcher.register("page-", loader, side_effect_free=True)
    prefetcher.start()
    try:
        for number in range(1, 6):
            memory.get(f"page-{number}")
        assert hanging.wait(30)
        begun = time.monotonic()
        assert [memory.get_or_load(f"page-{number}", lambda: "mine") for number in range(6, 20)] == ["mine"] * 14
        with pytest.warns(RuntimeWarning, match="did not end within"):
            prefetcher.close()
        assert time.monotonic() - begun < 30, "nobody waited for the loader"
    finally:
        hang.set()
    until(lambda: not any(thread.name.startswith("perflab-prefetch") for thread in threading.enumerate()))


def test_a_slow_fetch_is_late_and_the_programs_own_value_stays(memory):
    go, loading = threading.Event(), threading.Event()

    def loader(_):
        loading.set()
        assert go.wait(30)
        return "ahead"

    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    prefetcher.register(lambda key: key == "page-4", loader, side_effect_free=True)
    with prefetcher:
        for number in range(1, 4):
            memory.get(f"page-{number}")
        assert loading.wait(30)
        assert memory.get_or_load("page-4", lambda: "mine") == "mine"
        go.set()
        until(lambda: events(memory, "prefetch") == (1,))
    assert memory.get("page-4") == "mine"
    row = memory.recorder.frames.accesses.query("event == 'prefetch'").iloc[0]
    assert row["reason"] == "late"


def test_a_failing_tier_is_one_warning_and_it_goes_on(cache, recwarn, monkeypatch):
    prefetcher = Prefetcher(cache)
    prefetcher.listen()
    teach(cache, prefetcher, turns=6)
    on_disk_only(cache, "beta")

    def broken(_):
        raise OSError("disk gone")

    with monkeypatch.context() as patched:
        patched.setattr(cache.l3, "entry", broken)
        for turn in range(2):
            cache.recorder.access("alpha", "miss")
            for number in range(20):
                cache.recorder.access(f"other{'y' * (20 * turn + number)}", "miss")
            prefetcher.step()
    assert ["disk gone" in str(warning.message) for warning in recwarn] == [True]
    read(cache, prefetcher, "alpha")
    assert "beta" in cache.l1


def test_nobody_listens_before_it_begins_or_after_it_ended(memory):
    prefetcher = Prefetcher(memory)
    assert not memory.recorder.tapes._ears
    with prefetcher:
        assert memory.recorder.tapes._ears
    assert not memory.recorder.tapes._ears


def test_a_cached_function_that_is_declared_is_called_again(memory):
    calls = []

    @cached(memory, side_effect_free=True)
    def shout(text):
        calls.append(text)
        return text.upper()

    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    for turn in range(3):
        for text in ("alpha", "beta", *(f"filler{turn}{letter}" for letter in "abcdefghijklmnopqrst")):
            shout(text)
            prefetcher.step()
    shout.invalidate("beta")
    shout("alpha")
    prefetcher.step()
    before = len(calls)
    assert (calls[-1], shout("beta"), len(calls)) == ("beta", "BETA", before)


def test_an_async_function_cannot_be_declared(memory):
    async def slow():
        return 1

    with pytest.raises(ConfigError, match="is async"):
        cached(memory, slow, side_effect_free=True)


def test_a_forgotten_prefetcher_is_told_nothing_more(memory):
    prefetcher = Prefetcher(memory)
    prefetcher.listen()
    assert memory.recorder.tapes._ears
    del prefetcher
    gc.collect()
    assert not memory.recorder.tapes._ears
