"""Keeping a setting of memory: taken back on regression, proved anew for other keys, left alone if set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tuned_cases import VALUE, observed_of, zipf_keys

from perflab.optimize.keep_memory import KeptMemory, Memory
from perflab.optimize.price import Observed
from perflab.optimize.replay import replayed
from perflab.optimize.setting import MemorySetting
from perflab.optimize.watch import MOST_WATCHED, Watch

SMALL, LARGE = (MemorySetting("lru", size * VALUE, 0, 60.0) for size in (20, 200))


def lived(keys: np.ndarray, setting: MemorySetting) -> Observed:
    """Accesses that a cache of this setting has answered."""
    observed = observed_of(keys, prices=0.01)
    (waits,) = replayed(observed, [setting])
    return Observed(observed.trace, observed.prices, waits == 0.0, is_timed=True)


class Tiers:
    """What is seen of a system: accesses so far, and the setting in force."""

    def __init__(self, before: Observed, setting: MemorySetting) -> None:
        self.seen, self.count, self.setting = before, len(before), setting
        memory = Memory(lambda: self.count, lambda: self.seen, lambda: self.setting, self.apply)
        self.kept = KeptMemory(memory)

    def apply(self, setting: MemorySetting) -> None:
        self.setting = setting

    def go_on(self, since: Observed) -> list[dict[str, Any]]:
        self.seen = since
        self.count += len(since)
        return self.kept.review()


@pytest.fixture
def better():
    """A large setting that was applied in place of a small one, over Zipf traffic."""
    before = lived(zipf_keys(4_000, 1), SMALL)
    tiers = Tiers(before, LARGE)
    tiers.kept.begin(Watch(SMALL, LARGE, before))
    return tiers


def test_a_setting_that_holds_is_kept_and_watched_no_more(better):
    assert better.go_on(lived(zipf_keys(1_000, 2), LARGE)) == []
    assert better.kept.watching is not None
    (row,) = better.go_on(lived(zipf_keys(MOST_WATCHED, 3), LARGE))
    assert (row["verdict"], row["knob"], row["old"], row["new"]) == ("kept", "cache.l1_bytes", "20000", "200000")
    assert row["measured"] > row["before"]
    assert better.kept.watching is None


def test_a_regression_takes_the_old_setting_back_and_says_so(better):
    tiny = MemorySetting("lru", 2 * VALUE, 0, 60.0)
    (row,) = better.go_on(lived(zipf_keys(1_000, 2), tiny))
    assert (row["verdict"], row["old"], row["new"]) == ("rolled back", "200000", "20000")
    assert row["before"] < row["predicted"]
    assert "times as long as before" in row["reason"]
    assert better.setting == SMALL
    assert better.kept.watching is None
    # The proof would say the same again, as long as the same keys are read.
    assert better.kept.rests(lived(zipf_keys(3_000, 4), SMALL))
    assert not better.kept.rests(lived(zipf_keys(3_000, 4) + 50_000, SMALL))
    assert not better.kept.rests(lived(zipf_keys(3_000, 5), SMALL))


def test_other_keys_expire_the_proof_and_it_is_proved_again(better):
    rows = better.go_on(lived(zipf_keys(2_000, 2) + 50_000, LARGE))
    assert [row["verdict"] for row in rows] == ["expired", "confirmed"]
    assert better.setting == LARGE
    assert better.kept.watching.before is better.seen


def test_what_other_keys_refute_is_taken_back():
    # FIFO suits a sliding window of keys, and LFU keeps what was wanted often and is no more.
    fifo, lfu = (MemorySetting(policy, 30 * VALUE, 0, 60.0) for policy in ("fifo", "lfu"))
    tiers = Tiers(lived(zipf_keys(4_000, 1), fifo), lfu)
    tiers.kept.begin(Watch(fifo, lfu, tiers.seen))
    sliding = 50_000 + np.arange(3_000) // 40 + np.random.default_rng(3).integers(0, 25, 3_000)
    rows = tiers.go_on(lived(sliding, lfu))
    assert [row["verdict"] for row in rows] == ["expired", "rolled back"]
    assert (rows[1]["old"], rows[1]["new"], tiers.setting) == ('"lfu"', '"fifo"', fifo)
    assert rows[1]["measured"] > rows[1]["before"]


def test_a_setting_that_somebody_changed_is_left_alone(better):
    better.setting = MemorySetting("sieve", 1_000, 0, 60.0)
    assert better.go_on(lived(zipf_keys(1_000, 2), SMALL)) == []
    assert (better.setting.l1_policy, better.kept.watching) == ("sieve", None)


def test_nothing_is_looked_at_before_there_are_enough_accesses(better):
    assert better.go_on(lived(zipf_keys(100, 2), SMALL)) == []
    assert better.kept.watching.looked == 0
